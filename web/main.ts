/**
 * The page, put together: settings, the machine, its two displays, its panels and the bar at the top. Read from here:
 * machine.ts (the worker), console.ts and screen.ts (the displays), panels/ (what is watched), ui/ (the page's own
 * parts). index.html has the structure, style.css the looks.
 */
import "@xterm/xterm/css/xterm.css";
import "./style.css";
import { Console } from "./console.ts";
import { publishEmbedApi } from "./embed.ts";
import { Machine } from "./machine.ts";
import { LogPanel } from "./panels/log.ts";
import { Meters } from "./panels/meters.ts";
import { ScreenView } from "./screen.ts";
import { type BootFiles, configOf, loadSettings } from "./settings.ts";
import { byId } from "./ui/dom.ts";
import { setUpHelp } from "./ui/help.ts";
import { KeyRow } from "./ui/key_row.ts";
import { dismissNotice, say, showNotice } from "./ui/notices.ts";
import { SettingsDialog } from "./ui/settings_dialog.ts";
import { listenForShortcuts } from "./ui/shortcuts.ts";
import { DisplayTabs } from "./ui/tabs.ts";
import { ThemeSwitch } from "./ui/theme.ts";
import { setUpTopBar } from "./ui/top_bar.ts";

const storage = availableStorage();
const problems: string[] = [];
const settings = loadSettings(location.search, storage, problems);
const files: BootFiles = { kernel: null, initrd: null };

const machine = new Machine();
const terminal = new Console(byId("terminal"), (bytes) => machine.serialInput(bytes));
terminal.onResize = (columns, rows) => (byId("console-mode").textContent = `${columns} × ${rows}`);
const screen = new ScreenView(
  {
    canvas: byId<HTMLCanvasElement>("screen"),
    input: byId<HTMLTextAreaElement>("screen-input"),
    transcript: byId("screen-text"),
    frame: byId("screen-frame"),
  },
  machine,
);
const displays = {
  console: terminal,
  screen: {
    focus: () => screen.focus(),
    sendKey: (code: string) => screen.sendKeys(code),
    type: (text: string) => void screen.type(text),
  },
};

const tabs = new DisplayTabs((name) => {
  if (name === "console") terminal.fit();
});
const keyRow = new KeyRow(() => displays[tabs.current]);
terminal.takeControl = () => keyRow.takeControl();
screen.takeControl = () => keyRow.takeControl();
screen.onMode = (description) => (byId("screen-mode").textContent = description);

new ThemeSwitch(byId<HTMLButtonElement>("theme"), storage, (theme) => terminal.setTheme(theme));
new Meters(machine);
const log = new LogPanel(machine);
const dialog = new SettingsDialog(settings, files, storage, () => void powerOn());
const help = setUpHelp(storage, (command) => {
  showDisplay("console");
  terminal.type(`${command}\r`);
});
setUpTopBar(machine, () => void powerOn());

machine.listen({
  serial: (bytes) => terminal.write(bytes),
  state: (state, detail) => {
    if (state === "crashed") {
      showNotice({
        title: "The machine crashed",
        detail,
        advice: "What it printed last stands in the console and in the kernel log.",
        tone: "error",
        key: "machine",
        actions: [{ label: "Restart", run: () => void powerOn() }],
      });
    } else if (state === "running") {
      dismissNotice("machine");
    }
  },
  trouble: ({ title, detail, advice }) => {
    const actions = [
      { label: "Try again", run: () => void powerOn() },
      { label: "Settings", run: () => dialog.open() },
    ];
    showNotice({ title, detail, advice, tone: "error", key: "machine", actions });
  },
});

byId("console-copy").addEventListener("click", async () => {
  const copied = await terminal.copy();
  const words = {
    selection: "The selection is in the clipboard.",
    all: "All console text is in the clipboard.",
  };
  say(copied ? words[copied] : "The browser does not let the page use the clipboard.");
});
byId("console-paste").addEventListener("click", async () => {
  if (await terminal.paste()) terminal.focus();
  else say("The browser does not let the page read the clipboard. Press Ctrl+Shift+V in the console.");
});
const reader = byId<HTMLInputElement>("screen-reader");
reader.checked = storage?.getItem("vitrine.screen-reader") === "true";
terminal.setScreenReader(reader.checked);
reader.addEventListener("change", () => {
  terminal.setScreenReader(reader.checked);
  storage?.setItem("vitrine.screen-reader", String(reader.checked));
});

listenForShortcuts({
  console: () => showDisplay("console"),
  screen: () => showDisplay("screen"),
  log: () => log.focusFilter(),
  power: () => byId("power").focus(),
  help: () => help.open(),
});
// A visitor who just types means the display in view.
addEventListener("keydown", (event) => {
  const plain =
    event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (plain && document.activeElement === document.body && machine.on) displays[tabs.current].focus();
});

publishEmbedApi(machine, terminal, screen);
for (const problem of problems) {
  showNotice({ title: "A setting was left at its default", detail: problem, tone: "warning", key: problem });
}
if (settings.autostart) void powerOn();

async function powerOn(): Promise<void> {
  dismissNotice("machine");
  terminal.clear();
  await machine.restart(configOf(settings, files));
}

function showDisplay(name: "console" | "screen"): void {
  tabs.select(name);
  displays[name].focus();
}

/** The browser's storage, or null where pages may not keep anything. */
function availableStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

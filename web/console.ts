/**
 * The serial console: an xterm.js terminal on the machine's first serial port, bytes both ways. Also the rule that
 * lets the keyboard out again (Escape, then Tab) and copy and paste. Colours come from the page's theme; the phone's
 * key row (ui/key_row.ts) reaches in through sendKey().
 */
import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import { LeaveRule } from "./ui/leave_rule.ts";
import { shortcutOf } from "./ui/shortcuts.ts";

/** Palette of a light and of a dark case: the sixteen colours keep a readable contrast on their ground. */
// prettier-ignore
const THEMES: Record<"light" | "dark", ITheme> = {
  light: {
    background: "#fdfcf9", foreground: "#22242a", cursor: "#7a5c12", cursorAccent: "#fdfcf9",
    selectionBackground: "#e3d6b4", selectionForeground: "#22242a",
    black: "#22242a", red: "#b3261e", green: "#2f6b2f", yellow: "#7a5c00", blue: "#2456a6", magenta: "#8a3a86",
    cyan: "#0f6b74", white: "#5c5f66", brightBlack: "#6a6d75", brightRed: "#c4372e", brightGreen: "#3a7a33",
    brightYellow: "#85650a", brightBlue: "#2f66bf", brightMagenta: "#9c4797", brightCyan: "#167781",
    brightWhite: "#3a3d44",
  },
  dark: {
    background: "#0e0f12", foreground: "#dcdad4", cursor: "#d8b25a", cursorAccent: "#0e0f12",
    selectionBackground: "#4a4230", selectionForeground: "#f4f1e8",
    black: "#2a2c31", red: "#e5776d", green: "#8fc07c", yellow: "#d8b25a", blue: "#7faee8", magenta: "#c794cf",
    cyan: "#6fc0c6", white: "#dcdad4", brightBlack: "#8a8c92", brightRed: "#f09a91", brightGreen: "#a9d697",
    brightYellow: "#ecca7c", brightBlue: "#a2c6f2", brightMagenta: "#dcb1e2", brightCyan: "#93d8dd",
    brightWhite: "#f6f4ee",
  },
};

/** Bytes of the keys that the key row offers. */
const KEY_BYTES: Readonly<Record<string, string>> = {
  Escape: "\x1b",
  Tab: "\t",
  ArrowUp: "\x1b[A",
  ArrowDown: "\x1b[B",
  ArrowRight: "\x1b[C",
  ArrowLeft: "\x1b[D",
};

export class Console {
  /** Takes and clears the key row's pending Ctrl. */
  takeControl: () => boolean = () => false;
  /** Called with the new size in characters. */
  onResize: (columns: number, rows: number) => void = () => {};

  private readonly terminal: Terminal;
  private readonly fitter = new FitAddon();
  private readonly encoder = new TextEncoder();
  private readonly leave = new LeaveRule();

  /** `send` takes bytes to the serial port. */
  constructor(
    private readonly host: HTMLElement,
    private readonly send: (bytes: Uint8Array) => void,
  ) {
    this.terminal = new Terminal({
      fontFamily: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      fontSize: innerWidth < 480 ? 12 : 14,
      lineHeight: 1.15,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      scrollback: 5000,
      minimumContrastRatio: 4.5,
      macOptionIsMeta: true,
    });
    this.terminal.loadAddon(this.fitter);
    this.terminal.open(host);
    this.terminal.textarea?.setAttribute(
      "aria-label",
      "Serial console, terminal input. Escape then Tab leaves.",
    );
    this.terminal.attachCustomKeyEventHandler((event) => this.acceptsKey(event));
    this.terminal.onData((text) => this.type(text));
    this.terminal.onBinary((text) =>
      this.send(Uint8Array.from(text, (character) => character.charCodeAt(0))),
    );
    this.terminal.onResize(({ cols, rows }) => this.onResize(cols, rows));
    new ResizeObserver(() => this.fit()).observe(host);
    void document.fonts?.ready.then(() => this.fit());
  }

  /** Shows bytes from the serial port. */
  write(bytes: Uint8Array): void {
    this.terminal.write(bytes);
  }

  /** Empties the terminal, as for a machine that is switched on. */
  clear(): void {
    this.terminal.reset();
  }

  focus(): void {
    this.terminal.focus();
  }

  get focused(): boolean {
    return this.host.contains(document.activeElement);
  }

  setTheme(theme: "light" | "dark"): void {
    this.terminal.options.theme = THEMES[theme];
  }

  setScreenReader(enabled: boolean): void {
    this.terminal.options.screenReaderMode = enabled;
  }

  /** Fits columns and rows to the space there is; nothing to do while the console is hidden. */
  fit(): void {
    if (this.host.offsetParent !== null && this.host.clientWidth > 0) this.fitter.fit();
  }

  /** All the text there is, scrollback included, without trailing blank lines. */
  text(): string {
    const buffer = this.terminal.buffer.active;
    const lines: string[] = [];
    for (let y = 0; y < buffer.length; y++) {
      const line = buffer.getLine(y);
      if (!line) continue;
      const text = line.translateToString(true);
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd();
  }

  /** Types text, as from the keyboard. */
  type(text: string): void {
    const control = text.length === 1 && this.takeControl();
    this.send(
      this.encoder.encode(control ? String.fromCharCode(text.toUpperCase().charCodeAt(0) & 0x1f) : text),
    );
  }

  sendKey(code: string): void {
    const bytes = KEY_BYTES[code];
    if (bytes === undefined) return;
    const cursorKeys = this.terminal.modes.applicationCursorKeysMode && bytes.startsWith("\x1b[");
    this.send(this.encoder.encode(cursorKeys ? bytes.replace("[", "O") : bytes));
  }

  /** Copies the selection, or all text if nothing is selected; tells which, or null if the clipboard refused. */
  async copy(): Promise<"selection" | "all" | null> {
    const selection = this.terminal.getSelection();
    try {
      await navigator.clipboard.writeText(selection || this.text());
      return selection ? "selection" : "all";
    } catch {
      return null;
    }
  }

  /** Pastes from the clipboard; false if the browser does not let the page read it. */
  async paste(): Promise<boolean> {
    try {
      this.terminal.paste(await navigator.clipboard.readText());
      return true;
    } catch {
      return false;
    }
  }

  private acceptsKey(event: KeyboardEvent): boolean {
    if (event.type !== "keydown") return true;
    if (this.leave.leaves(event)) return false; // the browser moves the focus
    const copies =
      (event.ctrlKey && event.shiftKey && event.code === "KeyC") ||
      (event.ctrlKey && event.code === "Insert");
    if (copies && this.terminal.hasSelection()) {
      event.preventDefault();
      void this.copy();
      return false;
    }
    // Ctrl+Shift+V and Shift+Insert arrive as the browser's own paste event.
    const pastes =
      (event.ctrlKey && event.shiftKey && event.code === "KeyV") ||
      (event.shiftKey && event.code === "Insert");
    return !pastes && !shortcutOf(event);
  }
}

/**
 * The settings dialog: the form over settings.ts. A bad value keeps the dialog open with a message beside its field
 * and nothing typed is lost; saved values go to this browser's storage and into the page's address, so that a link or
 * a reload brings them back. They count from the next power-on, or at once with "Save and restart".
 */
import {
  BadSetting,
  type BootFiles,
  DEFAULT_SETTINGS,
  formatMemory,
  parseAppend,
  parseMemory,
  parseVideo,
  saveSettings,
  type Settings,
  settingsQuery,
} from "../settings.ts";
import { acceptDrops, type BootFileKind, describeRefusal, recognise } from "./boot_files.ts";
import { openDialog, setUpDialog } from "./dialog.ts";
import { byId } from "./dom.ts";
import { say, showNotice } from "./notices.ts";

const KINDS: Record<BootFileKind, string> = { kernel: "kernel", initrd: "initial RAM disk" };

export class SettingsDialog {
  private readonly dialog = byId<HTMLDialogElement>("settings-dialog");
  private readonly form = byId<HTMLFormElement>("settings-form");
  private readonly memory = byId<HTMLInputElement>("set-memory");
  private readonly append = byId<HTMLInputElement>("set-append");
  private readonly video = byId<HTMLInputElement>("set-video");
  private readonly clock = byId<HTMLSelectElement>("set-clock");
  private readonly jit = byId<HTMLInputElement>("set-jit");
  private readonly autostart = byId<HTMLInputElement>("set-autostart");

  /** `settings` and `files` are kept up to date; `restart` switches the machine off and on. */
  constructor(
    readonly settings: Settings,
    readonly files: BootFiles,
    private readonly storage: Storage | null,
    private readonly restart: () => void,
  ) {
    setUpDialog(this.dialog);
    byId("settings").addEventListener("click", () => this.open());
    byId("settings-defaults").addEventListener("click", () => this.fill(DEFAULT_SETTINGS));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const andRestart = (event.submitter as HTMLButtonElement | null)?.value === "restart";
      this.save(andRestart);
    });
    for (const kind of ["kernel", "initrd"] as const) {
      const input = byId<HTMLInputElement>(`set-${kind}`);
      input.addEventListener("change", () => {
        const file = input.files?.[0];
        if (file) void this.takeFile(file, kind);
        input.value = ""; // so that the same file can be chosen again
      });
      byId(`clear-${kind}`).addEventListener("click", () => this.setFile(kind, null));
    }
    acceptDrops((file) => void this.takeFile(file, null));
  }

  open(): void {
    this.fill(this.settings);
    this.showFiles();
    openDialog(this.dialog);
  }

  private fill(settings: Readonly<Settings>): void {
    this.memory.value = formatMemory(settings.memory_mib);
    this.append.value = settings.append;
    this.video.value = settings.video;
    this.clock.value = settings.clock;
    this.jit.checked = settings.jit;
    this.autostart.checked = settings.autostart;
    for (const input of [this.memory, this.append, this.video]) setProblem(input, "");
  }

  private save(andRestart: boolean): void {
    const memory_mib = check(this.memory, parseMemory);
    const line = check(this.append, parseAppend);
    const video = check(this.video, parseVideo);
    if (memory_mib === null || line === null || video === null) {
      this.form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
      return;
    }
    Object.assign(this.settings, {
      memory_mib,
      append: line.append,
      video: line.video ?? video,
      clock: this.clock.value,
      jit: this.jit.checked,
      autostart: this.autostart.checked,
    });
    const kept = saveSettings(this.settings, this.storage);
    history.replaceState(null, "", `${location.pathname}${settingsQuery(this.settings)}${location.hash}`);
    this.dialog.close();
    if (andRestart) this.restart();
    else say(`${kept ? "Saved. " : ""}It counts from the next power-on${kept ? "" : ", for this visit"}.`);
  }

  private async takeFile(file: File, wanted: BootFileKind | null): Promise<void> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const kind = recognise(bytes);
    if (kind === null || (wanted !== null && kind !== wanted)) {
      const detail =
        kind === null
          ? describeRefusal(file.name, bytes, wanted)
          : `“${file.name}” is a ${KINDS[kind]}; choose it in the field for that.`;
      if (this.dialog.open) byId("files-problem").textContent = detail;
      else showNotice({ title: "This file cannot be booted", detail, tone: "warning", key: "boot-file" });
      return;
    }
    this.setFile(kind, { name: file.name, bytes });
    if (this.dialog.open) return;
    showNotice({
      title: `“${file.name}” will be used as the ${KINDS[kind]}`,
      detail: "From the next power-on, until this page is closed.",
      tone: "plain",
      key: `file-${kind}`,
      actions: [
        { label: "Restart now", run: this.restart },
        { label: "Take it back", run: () => this.setFile(kind, null) },
      ],
    });
  }

  private setFile(kind: BootFileKind, file: BootFiles["kernel"]): void {
    this.files[kind] = file;
    byId("files-problem").textContent = "";
    this.showFiles();
  }

  private showFiles(): void {
    for (const kind of ["kernel", "initrd"] as const) {
      const file = this.files[kind];
      byId(`name-${kind}`).textContent = file
        ? `${file.name} (${formatMemory(file.bytes.length / 2 ** 20)})`
        : "built in";
      byId(`clear-${kind}`).hidden = file === null;
    }
  }
}

/** The field's value, or null after showing what is wrong with it. */
function check<T>(input: HTMLInputElement, parse: (text: string) => T): T | null {
  try {
    const value = parse(input.value);
    setProblem(input, "");
    return value;
  } catch (error) {
    if (!(error instanceof BadSetting)) throw error;
    setProblem(input, error.message);
    return null;
  }
}

function setProblem(input: HTMLInputElement, message: string): void {
  input.setAttribute("aria-invalid", String(message !== ""));
  byId(`${input.id}-problem`).textContent = message;
}

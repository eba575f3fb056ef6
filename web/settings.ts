/**
 * What the visitor has chosen for the machine: read from the page's address first, then from this browser's storage,
 * then from the defaults; checked value by value, so that one bad value costs a message and nothing else. Turned into
 * a MachineConfig by configOf(). ui/settings_dialog.ts edits it. A kernel or initrd of the visitor is kept for this
 * visit only.
 */
import type { MachineConfig } from "../host/api.ts";

const MIB = 1024 * 1024;
const STORAGE_KEY = "vitrine.settings";

export interface Settings {
  memory_mib: number;
  /** The kernel command line without video=. */
  append: string;
  /** "" for 80 x 25 text, else "WIDTHxHEIGHT". */
  video: string;
  clock: "real" | "virtual";
  jit: boolean;
  /** Power on as soon as the page is open. */
  autostart: boolean;
}

/** What the machine itself takes when it is given no command line; shown so that it can be changed in part. */
const DEFAULT_APPEND = "console=tty0 console=ttyS0";

export const DEFAULT_SETTINGS: Readonly<Settings> = {
  memory_mib: 256,
  append: DEFAULT_APPEND,
  video: "",
  clock: "real",
  jit: true,
  autostart: true,
};

/** Files for one visit; null for the built-in ones. */
export interface BootFiles {
  kernel: { name: string; bytes: Uint8Array } | null;
  initrd: { name: string; bytes: Uint8Array } | null;
}

/** A value that could not be taken: where it stands and what would be right. */
export class BadSetting extends Error {}

export const MIN_MEMORY_MIB = 20;
export const MAX_MEMORY_MIB = 2816;
/** Linux's COMMAND_LINE_SIZE on x86, the terminating NUL included. */
const COMMAND_LINE_SIZE = 2048;

/** Reads a size such as "256M", "1G", "65536K" or "512" (MiB); throws BadSetting. */
export function parseMemory(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?\s*$/i.exec(text);
  if (!match) throw new BadSetting(`“${text}” is not a size. Write it as 256M or 1G.`);
  const factor = { K: 1 / 1024, M: 1, G: 1024, "": 1 }[match[2].toUpperCase()] ?? 1;
  const mib = Number(match[1]) * factor;
  if (mib < MIN_MEMORY_MIB || mib > MAX_MEMORY_MIB) {
    throw new BadSetting(
      `${formatMemory(mib)} is out of range: from ${MIN_MEMORY_MIB}M to ${MAX_MEMORY_MIB}M.`,
    );
  }
  if (mib % 4 !== 0) {
    throw new BadSetting(
      `${formatMemory(mib)} is not a multiple of 4M; ${Math.floor(mib / 4) * 4}M is the next.`,
    );
  }
  return mib;
}

export function formatMemory(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024}G` : `${Math.round(mib * 100) / 100}M`;
}

/** Checks a video mode; throws BadSetting. */
export function parseVideo(text: string): string {
  const value = text.trim().toLowerCase();
  if (value === "" || value === "text") return "";
  const match = /^(\d{3,4})x(\d{3,4})$/.exec(value);
  const width = Number(match?.[1]);
  const height = Number(match?.[2]);
  if (!match || width < 320 || height < 200 || width > 1920 || height > 1200 || width % 8 !== 0) {
    throw new BadSetting(
      `“${text}” is not a video mode. Write it as 1024x768, up to 1920x1200, the width a multiple of 8.`,
    );
  }
  return value;
}

/**
 * Checks a command line; throws BadSetting. A video=WxH on it is the same choice as the video field and is taken out of
 * it; with nothing else on it the line is the default one.
 */
export function parseAppend(text: string): { append: string; video: string | null } {
  const value = text.trim();
  // The mode has a field of its own; room is left for it.
  if (value.length > COMMAND_LINE_SIZE - 32)
    throw new BadSetting("The kernel command line is too long (2016 bytes).");
  if (/[^\x20-\x7e]/.test(value))
    throw new BadSetting("The kernel command line takes printable ASCII characters only.");
  const words = value.split(/\s+/);
  const isMode = (word: string) => /^video=\d+x\d+$/.test(word);
  const mode = words.findLast(isMode);
  return {
    append: words.filter((word) => !isMode(word)).join(" ") || DEFAULT_APPEND,
    video: mode === undefined ? null : parseVideo(mode.slice("video=".length)),
  };
}

function parseClock(text: string): "real" | "virtual" {
  if (text !== "real" && text !== "virtual")
    throw new BadSetting(`“${text}” is not a clock: real or virtual.`);
  return text;
}

/** Reads the settings of this visit. `problems` collects one message per value that could not be taken. */
export function loadSettings(query: string, storage: Storage | null, problems: string[]): Settings {
  const settings: Settings = { ...DEFAULT_SETTINGS };
  take(stored(storage), "this browser's saved settings", settings, problems);

  const url = new URLSearchParams(query);
  const fromUrl: Record<string, string> = {};
  for (const [field, name] of [
    ["memory", "m"],
    ["append", "append"],
    ["video", "video"],
    ["clock", "clock"],
  ]) {
    const value = url.get(name);
    if (value !== null) fromUrl[field] = value;
  }
  if (url.has("jit")) fromUrl.jit = "true";
  if (url.has("nojit")) fromUrl.jit = "false";
  if (url.has("off")) fromUrl.autostart = "false";
  take(fromUrl, "the page's address", settings, problems);
  return settings;
}

/** Keeps the settings in the browser's storage; false if that is full or forbidden (they still hold for this visit). */
export function saveSettings(settings: Settings, storage: Storage | null): boolean {
  try {
    storage?.setItem(STORAGE_KEY, JSON.stringify(settings));
    return storage !== null;
  } catch {
    return false;
  }
}

/** The query that brings these settings back, "" for the defaults. */
export function settingsQuery(settings: Settings): string {
  const query: string[] = [];
  const add = (name: string, value: string) =>
    query.push(`${name}=${encodeURIComponent(value).replaceAll("%20", "+")}`);
  if (settings.append !== DEFAULT_APPEND) add("append", settings.append);
  if (settings.memory_mib !== DEFAULT_SETTINGS.memory_mib) add("m", formatMemory(settings.memory_mib));
  if (settings.video !== "") add("video", settings.video);
  if (settings.clock !== "real") add("clock", settings.clock);
  if (!settings.jit) query.push("nojit");
  if (!settings.autostart) query.push("off");
  return query.length > 0 ? `?${query.join("&")}` : "";
}

/** What the machine is given at power-on. */
export function configOf(settings: Settings, files: BootFiles): Partial<MachineConfig> {
  const append = [settings.append, settings.video && `video=${settings.video}`].filter(Boolean).join(" ");
  return {
    memory_bytes: settings.memory_mib * MIB,
    append,
    clock: settings.clock,
    jit: settings.jit,
    kernel: files.kernel?.bytes ?? null,
    initrd: files.initrd?.bytes ?? null,
  };
}

function stored(storage: Storage | null): Record<string, string> {
  try {
    const saved = JSON.parse(storage?.getItem(STORAGE_KEY) ?? "{}") as Partial<Settings>;
    const values: Record<string, string> = {};
    if (saved.memory_mib !== undefined) values.memory = String(saved.memory_mib);
    for (const field of ["append", "video", "clock", "jit", "autostart"] as const) {
      if (saved[field] !== undefined) values[field] = String(saved[field]);
    }
    return values;
  } catch {
    return {};
  }
}

function take(values: Record<string, string>, source: string, settings: Settings, problems: string[]): void {
  const fields: Record<string, (text: string) => void> = {
    memory: (text) => (settings.memory_mib = parseMemory(text)),
    append: (text) => {
      const line = parseAppend(text);
      settings.append = line.append;
      settings.video = line.video ?? settings.video;
    },
    video: (text) => (settings.video = parseVideo(text)),
    clock: (text) => (settings.clock = parseClock(text)),
    jit: (text) => (settings.jit = text !== "false"),
    autostart: (text) => (settings.autostart = text !== "false"),
  };
  for (const [field, text] of Object.entries(values)) {
    try {
      fields[field](text);
    } catch (error) {
      if (!(error instanceof BadSetting)) throw error;
      problems.push(`In ${source}: ${error.message}`);
    }
  }
}

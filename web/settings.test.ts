/** Where settings come from, and that a bad value is told and costs nothing else. */
import { describe, expect, test } from "vitest";
import {
  BadSetting,
  configOf,
  DEFAULT_SETTINGS,
  loadSettings,
  parseMemory,
  parseVideo,
  saveSettings,
  settingsQuery,
} from "./settings.ts";

function memoryStorage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  } as unknown as Storage;
}

test.each([
  ["256M", 256],
  ["1G", 1024],
  ["65536k", 64],
  ["512", 512],
  [" 1.5 GiB ", 1536],
])("%s", (text, mib) => {
  expect(parseMemory(text)).toBe(mib);
});

test.each(["", "a lot", "8M", "4G", "257M", "-256M"])("memory %j is refused", (text) => {
  expect(() => parseMemory(text)).toThrow(BadSetting);
});

test.each(["1024", "10x10", "1023x768", "9999x9999"])("video %j is refused", (text) => {
  expect(() => parseVideo(text)).toThrow(BadSetting);
});

describe("loadSettings", () => {
  test("the address wins over the storage, the storage over the defaults", () => {
    const storage = memoryStorage();
    saveSettings({ ...DEFAULT_SETTINGS, memory_mib: 512, clock: "virtual" }, storage);
    const settings = loadSettings("?m=1G&append=debug+video=800x600&nojit", storage, []);
    expect(settings).toEqual({
      ...DEFAULT_SETTINGS,
      memory_mib: 1024,
      clock: "virtual",
      jit: false,
      append: "debug",
      video: "800x600",
    });
  });

  test("a bad value is told and the others hold", () => {
    const problems: string[] = [];
    const settings = loadSettings("?m=lots&video=640x480", null, problems);
    expect(settings).toEqual({ ...DEFAULT_SETTINGS, video: "640x480" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("lots");
  });

  test("damaged storage counts as empty", () => {
    const storage = memoryStorage();
    storage.setItem("vitrine.settings", "{");
    expect(loadSettings("", storage, [])).toEqual(DEFAULT_SETTINGS);
  });

  test("the query brings the settings back", () => {
    const settings = {
      ...DEFAULT_SETTINGS,
      append: 'a="b c"&d',
      memory_mib: 64,
      video: "1024x768",
      jit: false,
      autostart: false,
    };
    expect(loadSettings(settingsQuery(settings), null, [])).toEqual(settings);
    expect(settingsQuery({ ...DEFAULT_SETTINGS })).toBe("");
  });
});

test("a mode alone on the command line leaves the default consoles", () => {
  const settings = loadSettings("?append=video=640x480", null, []);
  expect(settings).toEqual({ ...DEFAULT_SETTINGS, video: "640x480" });
});

test("the video mode is part of the command line", () => {
  const config = configOf(
    { ...DEFAULT_SETTINGS, append: "debug", video: "1024x768" },
    { kernel: null, initrd: null },
  );
  expect(config.append).toBe("debug video=1024x768");
});

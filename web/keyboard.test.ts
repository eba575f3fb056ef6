/** Scan codes of single keys, of text and of keys left down. */
import { describe, expect, test } from "vitest";
import { Keyboard, scancodes, scancodesOfText } from "./keyboard.ts";

describe("scancodes", () => {
  test.each([
    ["KeyA", [0x1e], [0x9e]],
    ["ArrowUp", [0xe0, 0x48], [0xe0, 0xc8]],
    ["ControlRight", [0xe0, 0x1d], [0xe0, 0x9d]],
    ["Numpad8", [0x48], [0xc8]],
    ["PrintScreen", [0xe0, 0x2a, 0xe0, 0x37], [0xe0, 0xb7, 0xe0, 0xaa]],
    ["Pause", [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], []],
    ["BrowserBack", [], []],
  ])("%s", (code, make, release) => {
    expect(scancodes(code, true)).toEqual(make);
    expect(scancodes(code, false)).toEqual(release);
  });
});

describe("text", () => {
  test("shift goes around a shifted character only", () => {
    expect(scancodesOfText("a$")).toEqual([0x1e, 0x9e, 0x2a, 0x05, 0x85, 0xaa]);
  });

  test("every printable ASCII character has a key", () => {
    for (let c = 0x20; c < 0x7f; c++)
      expect(scancodesOfText(String.fromCharCode(c)).length).toBeGreaterThan(1);
  });

  test("any line ending is one Enter; a character without a key is left out", () => {
    expect(scancodesOfText("\r\n")).toEqual([0x1c, 0x9c]);
    expect(scancodesOfText("ø")).toEqual([]);
  });
});

describe("Keyboard", () => {
  function recorded(): { keyboard: Keyboard; sent: number[] } {
    const sent: number[] = [];
    return { keyboard: new Keyboard((bytes) => sent.push(...bytes)), sent };
  }

  test("releases what is down when the keyboard is lost", () => {
    const { keyboard, sent } = recorded();
    keyboard.press("ControlLeft");
    keyboard.press("KeyC");
    keyboard.releaseAll();
    expect(sent).toEqual([0x1d, 0x2e, 0x9d, 0xae]);
    keyboard.release("KeyC");
    expect(sent.length).toBe(4);
  });

  test("a chord is released in reverse", () => {
    const { keyboard, sent } = recorded();
    keyboard.chord("ControlLeft", "AltLeft", "Delete");
    expect(sent).toEqual([0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d]);
  });
});

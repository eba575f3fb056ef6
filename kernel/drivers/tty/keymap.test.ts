import { describe, expect, test } from "vitest";
import {
  characterOf,
  CTRL,
  functionKey,
  functionString,
  KEY_DOWN,
  KEY_F1,
  KEY_F12,
  KEY_HOME,
  KEY_RIGHTALT,
  KEY_RIGHTCTRL,
  KEY_UP,
  keyOfScancode,
  keypadString,
  navigationString,
  SHIFT,
} from "./keymap.ts";

const modes = { numLock: false, isKeypadApplication: false, isCursorApplication: false };

describe("US keymap", () => {
  test("scan codes", () => {
    expect(keyOfScancode(0x1e, false)).toBe(30); // A
    expect(keyOfScancode(0x48, true)).toBe(KEY_UP);
    expect(keyOfScancode(0x38, true)).toBe(KEY_RIGHTALT);
    expect(keyOfScancode(0x1d, true)).toBe(KEY_RIGHTCTRL);
    expect(keyOfScancode(0x2a, true)).toBe(0); // fake shift around the arrows
    expect(keyOfScancode(0x58, false)).toBe(KEY_F12);
  });

  test("letters under Shift, Caps Lock and Ctrl", () => {
    expect(characterOf(30, 0, false)).toBe("a");
    expect(characterOf(30, SHIFT, false)).toBe("A");
    expect(characterOf(30, 0, true)).toBe("A");
    expect(characterOf(30, SHIFT, true)).toBe("a");
    expect(characterOf(46, CTRL, false)).toBe("\x03"); // Ctrl-C
    expect(characterOf(3, SHIFT, false)).toBe("@");
    expect(characterOf(3, 0, true)).toBe("2"); // Caps Lock leaves digits alone
    expect(characterOf(43, CTRL, false)).toBe("\x1c"); // Ctrl-backslash
    expect(characterOf(57, CTRL, false)).toBe("\0");
    expect(characterOf(14, 0, false)).toBe("\x7f");
    expect(characterOf(51, 0, false)).toBe(",");
    expect(characterOf(53, SHIFT, false)).toBe("?");
  });

  test("function, arrow and keypad keys", () => {
    expect(functionString(functionKey(KEY_F1), 0)).toBe("\x1b[[A");
    expect(functionString(functionKey(KEY_F12), 0)).toBe("\x1b[24~");
    expect(functionString(functionKey(KEY_F1), SHIFT)).toBe("\x1b[25~");
    expect(navigationString(KEY_DOWN, false)).toBe("\x1b[B");
    expect(navigationString(KEY_DOWN, true)).toBe("\x1bOB");
    expect(navigationString(KEY_HOME, false)).toBe("\x1b[1~");
    expect(keypadString(0x47, 0, modes)).toBe("\x1b[1~");
    expect(keypadString(0x47, 0, { ...modes, numLock: true })).toBe("7");
    expect(keypadString(0x47, 0, { ...modes, isKeypadApplication: true })).toBe("\x1bOw");
    expect(keypadString(0x4e, 0, modes)).toBe("+");
  });
});

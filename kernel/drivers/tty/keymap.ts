/**
 * The US keyboard: scan codes of set 1 to key codes, and key codes with modifiers to what they mean.
 * Neighbour: keyboard.ts. Linux: drivers/input/keyboard/atkbd.c, drivers/tty/vt/defkeymap.map, keyboard.c.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboards", scan code set 1.
 */

/** Key codes as Linux numbers them; without E0 prefix they are the scan codes themselves. linux/input-event-codes.h. */
export const KEY_ESC = 1;
export const KEY_BACKSPACE = 14;
export const KEY_TAB = 15;
export const KEY_ENTER = 28;
export const KEY_LEFTCTRL = 29;
export const KEY_LEFTSHIFT = 42;
export const KEY_RIGHTSHIFT = 54;
export const KEY_KPASTERISK = 55;
export const KEY_LEFTALT = 56;
export const KEY_SPACE = 57;
export const KEY_CAPSLOCK = 58;
export const KEY_F1 = 59;
export const KEY_F10 = 68;
export const KEY_NUMLOCK = 69;
export const KEY_SCROLLLOCK = 70;
export const KEY_KP7 = 71;
export const KEY_KPDOT = 83;
export const KEY_F11 = 87;
export const KEY_F12 = 88;
export const KEY_KPENTER = 96;
export const KEY_RIGHTCTRL = 97;
export const KEY_KPSLASH = 98;
export const KEY_SYSRQ = 99;
export const KEY_RIGHTALT = 100;
export const KEY_HOME = 102;
export const KEY_UP = 103;
export const KEY_PAGEUP = 104;
export const KEY_LEFT = 105;
export const KEY_RIGHT = 106;
export const KEY_END = 107;
export const KEY_DOWN = 108;
export const KEY_PAGEDOWN = 109;
export const KEY_INSERT = 110;
export const KEY_DELETE = 111;
export const KEY_PAUSE = 119;
export const KEY_LEFTMETA = 125;
export const KEY_RIGHTMETA = 126;
export const KEY_COMPOSE = 127;

/** Key codes of scan codes behind an E0 prefix. */
const EXTENDED: Record<number, number> = {
  0x1c: KEY_KPENTER,
  0x1d: KEY_RIGHTCTRL,
  0x35: KEY_KPSLASH,
  0x37: KEY_SYSRQ,
  0x38: KEY_RIGHTALT,
  0x46: KEY_PAUSE, // Ctrl-Break
  0x47: KEY_HOME,
  0x48: KEY_UP,
  0x49: KEY_PAGEUP,
  0x4b: KEY_LEFT,
  0x4d: KEY_RIGHT,
  0x4f: KEY_END,
  0x50: KEY_DOWN,
  0x51: KEY_PAGEDOWN,
  0x52: KEY_INSERT,
  0x53: KEY_DELETE,
  0x5b: KEY_LEFTMETA,
  0x5c: KEY_RIGHTMETA,
  0x5d: KEY_COMPOSE,
};

/** The key of a make code (bit 7 clear); 0: none. */
export function keyOfScancode(code: number, isExtended: boolean): number {
  if (isExtended) return EXTENDED[code] ?? 0;
  return code <= KEY_F12 && code !== 84 && code !== 85 ? code : 0;
}

/** Characters of keys 2-13, 16-27, 30-41, 43-53 and 86, plain and shifted. */
const CHARACTERS: readonly [first: number, plain: string, shifted: string][] = [
  [2, "1234567890-=", "!@#$%^&*()_+"],
  [16, "qwertyuiop[]", "QWERTYUIOP{}"],
  [30, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [43, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
  [86, "<", ">"],
];

/** Modifiers as bits. Linux: KG_SHIFT, KG_ALTGR, KG_CTRL, KG_ALT. */
export const SHIFT = 1;
export const ALTGR = 2;
export const CTRL = 4;
export const ALT = 8;

const PLAIN = new Map<number, string>();
const SHIFTED = new Map<number, string>();
for (const [first, plain, shifted] of CHARACTERS) {
  [...plain].forEach((c, i) => PLAIN.set(first + i, c));
  [...shifted].forEach((c, i) => SHIFTED.set(first + i, c));
}

/** What Ctrl makes of a character key, "" for nothing. Linux: defkeymap.map, the "control keycode" lines. */
function controlCharacter(plain: string): string {
  if (plain >= "a" && plain <= "z") return String.fromCharCode(plain.charCodeAt(0) & 0x1f);
  const special: Record<string, string> = {
    "2": "\0",
    "3": "\x1b",
    "4": "\x1c",
    "5": "\x1d",
    "6": "\x1e",
    "7": "\x1f",
    "8": "\x7f",
    "[": "\x1b",
    "]": "\x1d",
    "\\": "\x1c",
    "-": "\x1f",
    "/": "\x7f",
    "'": "\x07",
    "`": "\0",
  };
  return special[plain] ?? "";
}

/** The character a key types under modifiers; null if it is no character key. Caps Lock swaps the case of letters. */
export function characterOf(key: number, modifiers: number, capsLock: boolean): string | null {
  if (key === KEY_SPACE) return modifiers & CTRL ? "\0" : " ";
  if (key === KEY_TAB) return modifiers & SHIFT ? "\x1b[Z" : "\t";
  if (key === KEY_BACKSPACE) return modifiers & CTRL ? "\b" : "\x7f";
  if (key === KEY_ESC) return "\x1b";
  const plain = PLAIN.get(key);
  if (plain === undefined) return null;
  const shifted = SHIFTED.get(key)!;
  if (modifiers & CTRL) return controlCharacter(plain);
  const isLetter = plain >= "a" && plain <= "z";
  const isShifted = ((modifiers & SHIFT) !== 0) !== (isLetter && capsLock);
  return isShifted ? shifted : plain;
}

/** Strings of the function keys F1-F20 (Shift: + 12). Linux: defkeymap.map "string F1"... */
const FUNCTION_STRINGS = [
  "\x1b[[A",
  "\x1b[[B",
  "\x1b[[C",
  "\x1b[[D",
  "\x1b[[E",
  ...[17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34].map((n) => `\x1b[${n}~`),
];

/** 1-12 for F1-F12, else 0. */
export function functionKey(key: number): number {
  if (key >= KEY_F1 && key <= KEY_F10) return key - KEY_F1 + 1;
  if (key === KEY_F11 || key === KEY_F12) return key - KEY_F11 + 11;
  return 0;
}

export function functionString(number: number, modifiers: number): string {
  return FUNCTION_STRINGS[number - 1 + (modifiers & SHIFT ? 12 : 0)] ?? "";
}

const NAVIGATION: Record<number, string> = {
  [KEY_HOME]: "\x1b[1~",
  [KEY_INSERT]: "\x1b[2~",
  [KEY_DELETE]: "\x1b[3~",
  [KEY_END]: "\x1b[4~",
  [KEY_PAGEUP]: "\x1b[5~",
  [KEY_PAGEDOWN]: "\x1b[6~",
  [KEY_PAUSE]: "\x1b[P",
};

const ARROWS: Record<number, string> = { [KEY_UP]: "A", [KEY_DOWN]: "B", [KEY_RIGHT]: "C", [KEY_LEFT]: "D" };

/** What an editing or arrow key sends; null for others. `isApplication`: DECCKM. */
export function navigationString(key: number, isApplication: boolean): string | null {
  const arrow = ARROWS[key];
  if (arrow) return `\x1b${isApplication ? "O" : "["}${arrow}`;
  return NAVIGATION[key] ?? null;
}

/** The keypad from KP7 on: what it types with Num Lock, the key it is without, its letter in application mode. */
const KEYPAD = "789-456+1230.";
const KEYPAD_APPLICATION = "wxySuvtlqrspn";
const KEYPAD_KEYS = [
  KEY_HOME,
  KEY_UP,
  KEY_PAGEUP,
  0,
  KEY_LEFT,
  0,
  KEY_RIGHT,
  0,
  KEY_END,
  KEY_DOWN,
  KEY_PAGEDOWN,
  KEY_INSERT,
  KEY_DELETE,
];

export interface KeypadModes {
  numLock: boolean;
  isKeypadApplication: boolean;
  isCursorApplication: boolean;
}

/** What a keypad key sends; null if it is none. Linux: k_pad(). */
export function keypadString(key: number, modifiers: number, modes: KeypadModes): string | null {
  if (key === KEY_KPENTER) return modes.isKeypadApplication ? "\x1bOM" : "\r";
  if (key === KEY_KPSLASH) return modes.isKeypadApplication ? "\x1bOQ" : "/";
  if (key === KEY_KPASTERISK) return modes.isKeypadApplication ? "\x1bOR" : "*";
  const index = key - KEY_KP7;
  if (index < 0 || key > KEY_KPDOT) return null;
  if (modes.isKeypadApplication && !(modifiers & SHIFT)) return `\x1bO${KEYPAD_APPLICATION[index]}`;
  const navigation = KEYPAD_KEYS[index];
  if (!modes.numLock) {
    if (navigation) return navigationString(navigation, modes.isCursorApplication);
    if (KEYPAD[index] === "5") return modes.isCursorApplication ? "\x1bOG" : "\x1b[G";
  }
  return KEYPAD[index];
}

/**
 * From the browser's keyboard to the PC's: DOM KeyboardEvent.code names a key by its place, and so does scan code
 * set 1, so the guest's own keymap decides what a key means. screen.ts owns a Keyboard and passes events in; bytes go
 * out to the keyboard controller. Text without keys behind it (a phone's keyboard, the clipboard) is typed as on a US
 * keyboard. Source: IBM PS/2 keyboard scan code set 1; W3C "UI Events KeyboardEvent code Values".
 */
const E0 = 0xe000;

/** Scan codes of set 1 by place of the key; E0 marks the extended ones. */
// prettier-ignore
const SCANCODES: Readonly<Record<string, number>> = {
  Escape: 0x01, Digit1: 0x02, Digit2: 0x03, Digit3: 0x04, Digit4: 0x05, Digit5: 0x06, Digit6: 0x07, Digit7: 0x08,
  Digit8: 0x09, Digit9: 0x0a, Digit0: 0x0b, Minus: 0x0c, Equal: 0x0d, Backspace: 0x0e,
  Tab: 0x0f, KeyQ: 0x10, KeyW: 0x11, KeyE: 0x12, KeyR: 0x13, KeyT: 0x14, KeyY: 0x15, KeyU: 0x16, KeyI: 0x17,
  KeyO: 0x18, KeyP: 0x19, BracketLeft: 0x1a, BracketRight: 0x1b, Enter: 0x1c,
  ControlLeft: 0x1d, KeyA: 0x1e, KeyS: 0x1f, KeyD: 0x20, KeyF: 0x21, KeyG: 0x22, KeyH: 0x23, KeyJ: 0x24, KeyK: 0x25,
  KeyL: 0x26, Semicolon: 0x27, Quote: 0x28, Backquote: 0x29,
  ShiftLeft: 0x2a, Backslash: 0x2b, KeyZ: 0x2c, KeyX: 0x2d, KeyC: 0x2e, KeyV: 0x2f, KeyB: 0x30, KeyN: 0x31,
  KeyM: 0x32, Comma: 0x33, Period: 0x34, Slash: 0x35, ShiftRight: 0x36,
  NumpadMultiply: 0x37, AltLeft: 0x38, Space: 0x39, CapsLock: 0x3a,
  F1: 0x3b, F2: 0x3c, F3: 0x3d, F4: 0x3e, F5: 0x3f, F6: 0x40, F7: 0x41, F8: 0x42, F9: 0x43, F10: 0x44,
  NumLock: 0x45, ScrollLock: 0x46, Numpad7: 0x47, Numpad8: 0x48, Numpad9: 0x49, NumpadSubtract: 0x4a, Numpad4: 0x4b,
  Numpad5: 0x4c, Numpad6: 0x4d, NumpadAdd: 0x4e, Numpad1: 0x4f, Numpad2: 0x50, Numpad3: 0x51, Numpad0: 0x52,
  NumpadDecimal: 0x53, IntlBackslash: 0x56, F11: 0x57, F12: 0x58, NumpadEqual: 0x59,
  KanaMode: 0x70, IntlRo: 0x73, Convert: 0x79, NonConvert: 0x7b, IntlYen: 0x7d, NumpadComma: 0x7e,
  NumpadEnter: E0 | 0x1c, ControlRight: E0 | 0x1d, NumpadDivide: E0 | 0x35, AltRight: E0 | 0x38,
  Home: E0 | 0x47, ArrowUp: E0 | 0x48, PageUp: E0 | 0x49, ArrowLeft: E0 | 0x4b, ArrowRight: E0 | 0x4d, End: E0 | 0x4f,
  ArrowDown: E0 | 0x50, PageDown: E0 | 0x51, Insert: E0 | 0x52, Delete: E0 | 0x53,
  MetaLeft: E0 | 0x5b, MetaRight: E0 | 0x5c, ContextMenu: E0 | 0x5d,
};

/** Keys that are sequences of their own. Pause has no break code. */
const PRINT_SCREEN_MAKE = [0xe0, 0x2a, 0xe0, 0x37];
const PRINT_SCREEN_BREAK = [0xe0, 0xb7, 0xe0, 0xaa];
const PAUSE_MAKE = [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5];

/** The keys of a US keyboard that carry characters, as [key, plain, shifted]. */
const US_ROWS: readonly (readonly [string[], string, string])[] = [
  [["Backquote", ...digits(), "Minus", "Equal"], "`1234567890-=", "~!@#$%^&*()_+"],
  [[...letters("QWERTYUIOP"), "BracketLeft", "BracketRight", "Backslash"], "qwertyuiop[]\\", "QWERTYUIOP{}|"],
  [[...letters("ASDFGHJKL"), "Semicolon", "Quote"], "asdfghjkl;'", 'ASDFGHJKL:"'],
  [[...letters("ZXCVBNM"), "Comma", "Period", "Slash"], "zxcvbnm,./", "ZXCVBNM<>?"],
  [["Space", "Tab", "Enter"], " \t\n", ""],
];

function digits(): string[] {
  return [..."1234567890"].map((digit) => `Digit${digit}`);
}

function letters(row: string): string[] {
  return [...row].map((letter) => `Key${letter}`);
}

const US_KEYS = new Map<string, { code: string; shift: boolean }>();
for (const [codes, plain, shifted] of US_ROWS) {
  codes.forEach((code, i) => {
    US_KEYS.set(plain[i], { code, shift: false });
    if (shifted[i]) US_KEYS.set(shifted[i], { code, shift: true });
  });
}

/** The bytes a key sends when pressed or released; empty for a key that a PC keyboard does not have. */
export function scancodes(code: string, pressed: boolean): number[] {
  if (code === "PrintScreen") return pressed ? PRINT_SCREEN_MAKE : PRINT_SCREEN_BREAK;
  if (code === "Pause") return pressed ? PAUSE_MAKE : [];
  const scancode = SCANCODES[code];
  if (scancode === undefined) return [];
  const last = (scancode & 0x7f) | (pressed ? 0 : 0x80);
  return scancode >= E0 ? [0xe0, last] : [last];
}

/** The bytes that type a text on a US keyboard; characters it does not have are left out. */
export function scancodesOfText(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text.replaceAll("\r\n", "\n").replaceAll("\r", "\n")) {
    const key = US_KEYS.get(character);
    if (!key) continue;
    if (key.shift) bytes.push(...scancodes("ShiftLeft", true));
    bytes.push(...scancodes(key.code, true), ...scancodes(key.code, false));
    if (key.shift) bytes.push(...scancodes("ShiftLeft", false));
  }
  return bytes;
}

/** Remembers which keys are down, so that none stays down in the guest when the page loses the keyboard. */
export class Keyboard {
  private readonly down = new Set<string>();

  /** `send` takes scan codes to the keyboard controller. */
  constructor(private readonly send: (bytes: Uint8Array) => void) {}

  /**
   * Presses a key; a second press without a release between them is the keyboard's auto-repeat. `character` is what it
   * means to its user: where a US keyboard has it elsewhere (another layout, a program that types), it is typed there.
   */
  press(code: string, character = ""): boolean {
    const wanted = US_KEYS.get(character);
    const shifted = this.down.has("ShiftLeft") || this.down.has("ShiftRight");
    if (wanted && (wanted.code !== code || wanted.shift !== shifted)) {
      this.typeShifted(wanted);
      return true;
    }
    const bytes = scancodes(code, true);
    if (bytes.length === 0) return false;
    this.down.add(code);
    this.send(Uint8Array.from(bytes));
    return true;
  }

  /** Types one character whatever the state of the shift keys, which is put back after it. */
  private typeShifted({ code, shift }: { code: string; shift: boolean }): void {
    const held = ["ShiftLeft", "ShiftRight"].filter((key) => this.down.has(key));
    const stroke = [...scancodes(code, true), ...scancodes(code, false)];
    if (shift && held.length === 0) {
      stroke.unshift(...scancodes("ShiftLeft", true));
      stroke.push(...scancodes("ShiftLeft", false));
    } else if (!shift) {
      for (const key of held) {
        stroke.unshift(...scancodes(key, false));
        stroke.push(...scancodes(key, true));
      }
    }
    this.send(Uint8Array.from(stroke));
  }

  release(code: string): boolean {
    if (!this.down.delete(code)) return false;
    const bytes = scancodes(code, false);
    if (bytes.length > 0) this.send(Uint8Array.from(bytes));
    return true;
  }

  releaseAll(): void {
    for (const code of [...this.down]) this.release(code);
  }

  /** Presses and releases keys together, as in a chord: the first is pressed first and released last. */
  chord(...codes: string[]): void {
    for (const code of codes) this.press(code);
    for (const code of codes.reverse()) this.release(code);
  }

  type(text: string): void {
    const bytes = scancodesOfText(text);
    if (bytes.length > 0) this.send(Uint8Array.from(bytes));
  }
}

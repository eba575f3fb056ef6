/**
 * From keys to characters: scan codes of the keyboard come in (input/i8042.ts), what they mean goes to the terminal of
 * the visible console; modifiers, locks, console switching and Ctrl-Alt-Del are handled here. keymap.ts has the tables.
 * Linux: drivers/tty/vt/keyboard.c.
 */
import { ctrlAltDel } from "../power.ts";
import { sendSignal } from "../../task/signal.ts";
import { EINVAL } from "../../uapi/errno.ts";
import { K_MEDIUMRAW, K_METABIT, K_ESCPREFIX, K_OFF, K_RAW, K_UNICODE, K_XLATE } from "../../uapi/kd.ts";
import {
  ALT,
  ALTGR,
  characterOf,
  CTRL,
  functionKey,
  functionString,
  KEY_CAPSLOCK,
  KEY_DELETE,
  KEY_ENTER,
  KEY_KP7,
  KEY_KPDOT,
  KEY_LEFT,
  KEY_LEFTALT,
  KEY_LEFTCTRL,
  KEY_LEFTSHIFT,
  KEY_NUMLOCK,
  KEY_RIGHT,
  KEY_RIGHTALT,
  KEY_RIGHTCTRL,
  KEY_RIGHTSHIFT,
  KEY_SCROLLLOCK,
  KEY_UP,
  keyOfScancode,
  keypadString,
  navigationString,
  SHIFT,
} from "./keymap.ts";
import type { VirtualConsole, Vt } from "./vt.ts";

/** LEDs and lock flags. Linux: K_SCROLLLOCK, K_NUMLOCK, K_CAPSLOCK. */
const SCROLL_LOCK = 1;
const NUM_LOCK = 2;
const CAPS_LOCK = 4;

/** From KP7 on. */
const KEYPAD_DIGITS = "789-456+1230";

const MODIFIER_OF: Record<number, number> = {
  [KEY_LEFTSHIFT]: SHIFT,
  [KEY_RIGHTSHIFT]: SHIFT,
  [KEY_LEFTCTRL]: CTRL,
  [KEY_RIGHTCTRL]: CTRL,
  [KEY_LEFTALT]: ALT,
  [KEY_RIGHTALT]: ALTGR,
};

export class Keyboard {
  /** How Alt shows in characters: K_ESCPREFIX sends ESC first, K_METABIT sets bit 7. */
  metaMode = K_ESCPREFIX;
  /** Sets the lights of the keyboard; the keyboard's driver puts itself here. */
  onLeds: ((leds: number) => void) | null = null;
  readonly #vt: Vt;
  /** Keys held down. */
  readonly #down = new Set<number>();
  #locks = 0;
  #led_override = -1;
  /** A prefix came: 0xe0, or 0xe1 with two more codes to come. */
  #prefix = 0;
  #pause_left = 0;
  /** Modes per console; K_UNICODE unless set. */
  readonly #modes = new Map<number, number>();
  /** A digit string of Alt with the keypad: the character code so far, -1 none. */
  #alt_code = -1;
  #signal_pid = 0;
  #signal = 0;

  constructor(vt: Vt) {
    this.#vt = vt;
  }

  // ------------------------------------------------------------------ input

  /** One byte from the keyboard, set 1. */
  receiveScancode(byte: number): void {
    const console = this.#vt.foregroundConsole;
    const mode = this.mode(console.index);
    if (mode === K_RAW) console.type(String.fromCharCode(byte));
    if (this.#pause_left > 0) {
      // E1 1D 45: Pause, a key without a code of its own for its release.
      this.#pause_left--;
      return;
    }
    if (byte === 0xe0) {
      this.#prefix = byte;
      return;
    }
    if (byte === 0xe1) {
      this.#pause_left = 2;
      return;
    }
    const isExtended = this.#prefix === 0xe0;
    this.#prefix = 0;
    const key = keyOfScancode(byte & 0x7f, isExtended);
    if (key === 0) return;
    const isPress = (byte & 0x80) === 0;
    const isRepeat = isPress && this.#down.has(key);
    if (isPress) this.#down.add(key);
    else this.#down.delete(key);
    this.#key(console, mode, key, isPress, isRepeat);
  }

  #key(console: VirtualConsole, mode: number, key: number, isPress: boolean, isRepeat: boolean): void {
    if (mode === K_MEDIUMRAW) {
      const up = isPress ? 0 : 0x80;
      console.type(
        key < 128 ? String.fromCharCode(key | up) : String.fromCharCode(up, (key >> 7) | 0x80, key | 0x80),
      );
    }
    if (isRepeat && !console.vc.autorepeat) return;
    if (MODIFIER_OF[key]) {
      if (!isPress && MODIFIER_OF[key] === ALT) this.#endAltCode(console);
      return;
    }
    if (!isPress) return;
    const modifiers = this.#modifiers;
    // These work whatever mode the console is in.
    if ((modifiers & (CTRL | ALT)) === (CTRL | ALT) && (key === KEY_DELETE || key === KEY_KPDOT)) {
      ctrlAltDel(this.#vt.kernel);
      return;
    }
    if (mode === K_RAW || mode === K_MEDIUMRAW || mode === K_OFF) return;
    if (this.#lock(console, key, isRepeat) || this.#switchConsole(key, modifiers)) return;
    const text = this.#translate(console, key, modifiers);
    if (text !== null && text !== "") this.#send(console, text, modifiers);
  }

  get #modifiers(): number {
    let modifiers = 0;
    for (const key of this.#down) modifiers |= MODIFIER_OF[key] ?? 0;
    return modifiers;
  }

  #lock(console: VirtualConsole, key: number, isRepeat: boolean): boolean {
    if (key === KEY_CAPSLOCK || (key === KEY_NUMLOCK && !console.vc.keypadApplication)) {
      if (!isRepeat) this.setLockState(this.#locks ^ (key === KEY_CAPSLOCK ? CAPS_LOCK : NUM_LOCK));
      return true;
    }
    if (key === KEY_SCROLLLOCK) {
      const { tty } = console.port;
      if (isRepeat || !tty) return true;
      if (tty.flowStopped) tty.start();
      else tty.stop();
      return true;
    }
    return false;
  }

  /** Alt-F1..F12, Alt-Left, Alt-Right; Alt-Up asks init for a new console. */
  #switchConsole(key: number, modifiers: number): boolean {
    if (!(modifiers & (ALT | ALTGR))) return false;
    const vt = this.#vt;
    const number = functionKey(key);
    if (number > 0) {
      vt.requestSwitch(number - 1 + (modifiers & ALTGR ? 12 : 0));
      return true;
    }
    if (key === KEY_LEFT || key === KEY_RIGHT) {
      const step = key === KEY_RIGHT ? 1 : -1;
      for (let i = 1; i < 64; i++) {
        const index = (vt.foreground + i * step + 64 * 63) % 63;
        if (!vt.isAllocated(index)) continue;
        vt.requestSwitch(index);
        break;
      }
      return true;
    }
    if (key === KEY_UP && this.#signal_pid) {
      const target = vt.kernel.tasks.findProcess(this.#signal_pid);
      if (target) sendSignal(target, this.#signal);
      return true;
    }
    return false;
  }

  #translate(console: VirtualConsole, key: number, modifiers: number): string | null {
    const { vc } = console;
    if (key === KEY_ENTER) return vc.newlineMode ? "\r\n" : "\r";
    const number = functionKey(key);
    if (number > 0) return functionString(number, modifiers);
    if (modifiers & ALT && this.#altDigit(key)) return "";
    return (
      characterOf(key, modifiers, (this.#locks & CAPS_LOCK) !== 0) ??
      navigationString(key, vc.cursorKeysApplication) ??
      keypadString(key, modifiers, {
        numLock: (this.#locks & NUM_LOCK) !== 0,
        isKeypadApplication: vc.keypadApplication,
        isCursorApplication: vc.cursorKeysApplication,
      })
    );
  }

  #send(console: VirtualConsole, text: string, modifiers: number): void {
    if (modifiers & ALT && text.length === 1) {
      if (this.metaMode === K_METABIT) text = String.fromCharCode(text.charCodeAt(0) | 0x80);
      else text = `\x1b${text}`;
    }
    console.type(text);
  }

  /** Alt with digits of the keypad types a character by its code. Linux: k_ascii(). */
  #altDigit(key: number): boolean {
    const digit = KEYPAD_DIGITS[key - KEY_KP7] ?? "";
    if (digit < "0" || digit > "9") return false;
    this.#alt_code = Math.max(0, this.#alt_code) * 10 + Number(digit);
    return true;
  }

  #endAltCode(console: VirtualConsole): void {
    if (this.#alt_code < 0) return;
    const code = Math.min(this.#alt_code, 0x10ffff);
    this.#alt_code = -1;
    if (this.mode(console.index) === K_UNICODE) console.type(utf8(code));
    else if (code < 256) console.type(String.fromCharCode(code));
  }

  // ------------------------------------------------------------------ settings

  mode(index: number): number {
    return this.#modes.get(index) ?? K_UNICODE;
  }

  /** KDSKBMODE. */
  setMode(index: number, mode: number): number {
    if (![K_RAW, K_MEDIUMRAW, K_XLATE, K_UNICODE, K_OFF].includes(mode)) return -EINVAL;
    this.#modes.set(index, mode);
    return 0;
  }

  get lockState(): number {
    return this.#locks;
  }

  setLockState(locks: number): void {
    this.#locks = locks;
    this.updateLeds();
  }

  /** What the lights show. */
  get leds(): number {
    if (this.#led_override >= 0) return this.#led_override;
    const isStopped = this.#vt.foregroundConsole.port.tty?.flowStopped ?? false;
    return (this.#locks & ~SCROLL_LOCK) | (isStopped ? SCROLL_LOCK : 0);
  }

  /** KDSETLED: lights that do not follow the locks; -1: they do again. */
  overrideLeds(leds: number): void {
    this.#led_override = leds;
    this.updateLeds();
  }

  updateLeds(): void {
    this.onLeds?.(this.leds);
  }

  onSwitch(): void {
    this.updateLeds();
  }

  /** Shift, AltGr, Ctrl, Alt as bits. */
  get shiftState(): number {
    return this.#modifiers;
  }

  /** KDSIGACCEPT: who gets `signal` at Alt-Up. */
  acceptSignal(pid: number, signal: number): void {
    this.#signal_pid = pid;
    this.#signal = signal;
  }

  /** An entry of the keymap for KDGKBENT: type KT_LATIN (letters KT_LETTER) in the high byte, or K_HOLE. */
  keysym(key: number, table: number): number {
    const K_HOLE = 0x0200;
    const text = characterOf(key, table, false);
    if (text === null || text.length !== 1) return K_HOLE;
    const isLetter = /[a-zA-Z]/.test(text);
    return (isLetter ? 0x0b00 : 0) | text.charCodeAt(0);
  }
}

/** A character as UTF-8, one char per byte. */
function utf8(code: number): string {
  if (code < 0x80) return String.fromCharCode(code);
  const tail = (shift: number) => String.fromCharCode(0x80 | ((code >> shift) & 0x3f));
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6)) + tail(0);
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12)) + tail(6) + tail(0);
  return String.fromCharCode(0xf0 | (code >> 18)) + tail(12) + tail(6) + tail(0);
}

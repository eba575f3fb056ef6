/**
 * The escape sequences of the Linux console: bytes in, operations on a VcData out.
 * Neighbours: vt.ts (who feeds it what programs write), vc_data.ts (the screen). Linux: drivers/tty/vt/vt.c
 * do_con_trol(); man 4 console_codes.
 */
import {
  isDoubleWidth,
  isZeroWidth,
  REPLACEMENT_GLYPH,
  translate,
  unicodeToGlyph,
  type CharacterSet,
} from "./consolemap.ts";
import { COLOR_TABLE, DEFAULT_PALETTE, type VcData } from "./vc_data.ts";

type State =
  | "normal"
  | "escape"
  | "csi" // parameters
  | "csi-ignore" // the rest of a sequence nobody knows
  | "function-key" // CSI [ x
  | "hash"
  | "g0"
  | "g1"
  | "percent"
  | "osc" // OSC: palette or a string
  | "palette"
  | "string"; // OSC, DCS, APC, PM text up to BEL or ST

const NUL = 0x00;
const BEL = 0x07;
const BS = 0x08;
const HT = 0x09;
const LF = 0x0a;
const VT = 0x0b;
const FF = 0x0c;
const CR = 0x0d;
const SO = 0x0e;
const SI = 0x0f;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;
const DEL = 0x7f;
const CSI = 0x9b;

const MAX_PARAMETERS = 16;
const MAX_PARAMETER = 32767;

export class VtParser {
  readonly #vc: VcData;
  /** Sends an answer back as if it was typed. */
  readonly #respond: (text: string) => void;
  #state: State = "normal";
  #parameters: number[] = [];
  /** "?", ">", "=" ... between CSI and the parameters. */
  #prefix = "";
  /** Digits of a palette entry. */
  #palette: number[] = [];
  #sawEscapeInString = false;
  /** A UTF-8 character under way: bytes to come, value so far, smallest value of that length. */
  #utf8_left = 0;
  #utf8_value = 0;
  #utf8_minimum = 0;
  /** Told when the console's palette or modes changed so that the display must follow. */
  onPalette: (() => void) | null = null;

  constructor(vc: VcData, respond: (text: string) => void) {
    this.#vc = vc;
    this.#respond = respond;
  }

  reset(): void {
    this.#state = "normal";
    this.#utf8_left = 0;
  }

  write(bytes: Uint8Array): void {
    const vc = this.#vc;
    for (let i = 0; i < bytes.length;) {
      const byte = bytes[i];
      if (this.#state === "normal" && byte >= 0x20 && byte < DEL && this.#isPlain()) {
        let end = i + 1;
        while (end < bytes.length && bytes[end] >= 0x20 && bytes[end] < DEL) end++;
        while (i < end) i += vc.putRun(bytes, i, end);
      } else {
        this.#byte(byte);
        i++;
      }
    }
  }

  #isPlain(): boolean {
    const vc = this.#vc;
    if (this.#utf8_left > 0 || vc.insertMode || vc.displayControls) return false;
    return vc.state.g[vc.state.charset] === "latin1";
  }

  #byte(byte: number): void {
    const vc = this.#vc;
    if (this.#state === "normal") {
      if (vc.isUtf8 && !vc.displayControls) {
        if (byte >= 0x80 || this.#utf8_left > 0) {
          this.#utf8(byte);
          return;
        }
      } else if (byte >= 0x80 && byte !== CSI) {
        this.#print(translate(vc.state.g[vc.state.charset], byte));
        return;
      }
      if ((byte >= 0x20 && byte !== DEL && byte !== CSI) || (vc.displayControls && byte !== ESC)) {
        this.#print(translate(vc.state.g[vc.state.charset], byte));
        return;
      }
    }
    this.#control(byte);
  }

  // ------------------------------------------------------------------ characters

  #utf8(byte: number): void {
    if (this.#utf8_left > 0) {
      if ((byte & 0xc0) === 0x80) {
        this.#utf8_value = (this.#utf8_value << 6) | (byte & 0x3f);
        if (--this.#utf8_left > 0) return;
        const value = this.#utf8_value;
        const isBad = value < this.#utf8_minimum || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff;
        this.#print(isBad ? 0xfffd : value);
        return;
      }
      // A broken character; the byte itself starts anew.
      this.#utf8_left = 0;
      this.#print(0xfffd);
      if (byte < 0x80) {
        this.#byte(byte);
        return;
      }
    }
    if ((byte & 0xe0) === 0xc0) this.#startUtf8(1, byte & 0x1f, 0x80);
    else if ((byte & 0xf0) === 0xe0) this.#startUtf8(2, byte & 0x0f, 0x800);
    else if ((byte & 0xf8) === 0xf0) this.#startUtf8(3, byte & 0x07, 0x10000);
    else this.#print(0xfffd);
  }

  #startUtf8(left: number, value: number, minimum: number): void {
    this.#utf8_left = left;
    this.#utf8_value = value;
    this.#utf8_minimum = minimum;
  }

  #print(code: number): void {
    if (isZeroWidth(code)) return;
    const glyph = unicodeToGlyph(code);
    this.#vc.putGlyph(glyph < 0 ? REPLACEMENT_GLYPH : glyph);
    if (isDoubleWidth(code)) this.#vc.putGlyph(0x20);
  }

  // ------------------------------------------------------------------ control characters and states

  #control(c: number): void {
    const vc = this.#vc;
    if (this.#state === "string") {
      this.#string(c);
      return;
    }
    // Control characters work in the middle of sequences, too.
    switch (c) {
      case NUL:
        return;
      case BEL:
        if (this.#state === "osc") this.#state = "normal";
        return; // the speaker stays silent
      case BS:
        return vc.backspace();
      case HT:
        return vc.tab();
      case LF:
      case VT:
      case FF:
        vc.lineFeed();
        if (vc.newlineMode) vc.carriageReturn();
        return;
      case CR:
        return vc.carriageReturn();
      case SO:
        vc.state.charset = 1;
        return;
      case SI:
        vc.state.charset = 0;
        return;
      case CAN:
      case SUB:
        this.#state = "normal";
        return;
      case ESC:
        this.#state = "escape";
        return;
      case DEL:
        return;
      case CSI:
        this.#startCsi();
        return;
    }
    switch (this.#state) {
      case "escape":
        return this.#escape(c);
      case "csi":
        return this.#csi(c);
      case "csi-ignore":
        if (c >= 0x40 && c <= 0x7e) this.#state = "normal";
        return;
      case "osc":
        return this.#osc(c);
      case "palette":
        return this.#paletteDigit(c);
      case "g0":
        return this.#setCharset(0, c);
      case "g1":
        return this.#setCharset(1, c);
      case "percent":
        this.#state = "normal";
        if (c === 0x40)
          vc.isUtf8 = false; // @
        else if (c === 0x47 || c === 0x38) vc.isUtf8 = true; // G 8
        return;
      case "hash":
        this.#state = "normal";
        if (c === 0x38) vc.alignmentTest(); // 8
        return;
      default:
        this.#state = "normal";
    }
  }

  #escape(c: number): void {
    const vc = this.#vc;
    this.#state = "normal";
    switch (String.fromCharCode(c)) {
      case "[":
        return this.#startCsi();
      case "]":
        this.#state = "osc";
        return;
      case "P":
      case "X":
      case "^":
      case "_":
        this.#sawEscapeInString = false;
        this.#state = "string";
        return;
      case "E":
        vc.carriageReturn();
        return vc.lineFeed();
      case "M":
        return vc.reverseLineFeed();
      case "D":
        return vc.lineFeed();
      case "H":
        vc.tabStops[vc.x & 255] = true;
        return;
      case "Z":
        return this.#respond("\x1b[?6c");
      case "7":
        return vc.saveCursor();
      case "8":
        return vc.restoreCursor();
      case "(":
        this.#state = "g0";
        return;
      case ")":
        this.#state = "g1";
        return;
      case "%":
        this.#state = "percent";
        return;
      case "#":
        this.#state = "hash";
        return;
      case "c":
        vc.palette = [...DEFAULT_PALETTE];
        this.onPalette?.();
        return vc.reset(true);
      case ">":
        vc.keypadApplication = false;
        return;
      case "=":
        vc.keypadApplication = true;
        return;
    }
  }

  #setCharset(which: 0 | 1, c: number): void {
    const sets: Record<string, CharacterSet> = { "0": "graphics", B: "latin1", U: "ibm", K: "user" };
    const set = sets[String.fromCharCode(c)];
    if (set) this.#vc.state.g[which] = set;
    this.#state = "normal";
  }

  /** ESC ] P nrrggbb sets a colour, ESC ] R resets them; anything else is text for other terminals. */
  #osc(c: number): void {
    const vc = this.#vc;
    const letter = String.fromCharCode(c);
    if (letter === "P") {
      this.#palette = [];
      this.#state = "palette";
    } else if (letter === "R") {
      vc.palette = [...DEFAULT_PALETTE];
      this.onPalette?.();
      this.#state = "normal";
    } else {
      this.#sawEscapeInString = false;
      this.#state = "string";
    }
  }

  #paletteDigit(c: number): void {
    const digit = parseInt(String.fromCharCode(c), 16);
    if (Number.isNaN(digit)) {
      this.#state = "normal";
      return;
    }
    this.#palette.push(digit);
    if (this.#palette.length < 7) return;
    const [index, ...digits] = this.#palette;
    this.#vc.palette[COLOR_TABLE[index]] = digits.reduce((value, each) => value * 16 + each, 0);
    this.onPalette?.();
    this.#state = "normal";
  }

  #string(c: number): void {
    const isTerminator = c === BEL || c === CAN || c === SUB || (this.#sawEscapeInString && c === 0x5c);
    this.#sawEscapeInString = c === ESC;
    if (isTerminator) this.#state = "normal";
  }

  // ------------------------------------------------------------------ CSI

  #startCsi(): void {
    this.#parameters = [0];
    this.#prefix = "";
    this.#state = "csi";
  }

  #csi(c: number): void {
    if (c >= 0x30 && c <= 0x39) {
      const last = this.#parameters.length - 1;
      this.#parameters[last] = Math.min(this.#parameters[last] * 10 + c - 0x30, MAX_PARAMETER);
    } else if (c === 0x3b) {
      if (this.#parameters.length < MAX_PARAMETERS) this.#parameters.push(0);
    } else if (c >= 0x3c && c <= 0x3f && this.#parameters.length === 1 && this.#parameters[0] === 0) {
      this.#prefix = String.fromCharCode(c);
    } else if (
      c === 0x5b &&
      this.#prefix === "" &&
      this.#parameters.length === 1 &&
      this.#parameters[0] === 0
    ) {
      this.#state = "function-key"; // CSI [ x: what Linux's own function keys send
    } else if (c >= 0x20 && c <= 0x3f) {
      this.#state = "csi-ignore";
    } else {
      this.#state = "normal";
      this.#final(String.fromCharCode(c));
    }
  }

  /** A parameter where 0 means 1. */
  #count(index = 0): number {
    return this.#parameters[index] || 1;
  }

  #final(letter: string): void {
    const vc = this.#vc;
    const parameters = this.#parameters;
    if (this.#prefix === "?") {
      if (letter === "h" || letter === "l") this.#privateMode(letter === "h");
      else if (letter === "c") vc.cursorType = parameters[0];
      else if (letter === "n" && parameters[0] === 6) this.#reportCursor();
      return;
    }
    if (this.#prefix === ">") {
      if (letter === "c") this.#respond("\x1b[>0;0;0c");
      return;
    }
    if (this.#prefix !== "") return;
    switch (letter) {
      case "@":
        return vc.insertCharacters(this.#count());
      case "A":
        return vc.gotoXy(vc.x, vc.y - this.#count());
      case "B":
      case "e":
        return vc.gotoXy(vc.x, vc.y + this.#count());
      case "C":
      case "a":
        return vc.gotoXy(vc.x + this.#count(), vc.y);
      case "D":
        return vc.gotoXy(vc.x - this.#count(), vc.y);
      case "E":
        return vc.gotoXy(0, vc.y + this.#count());
      case "F":
        return vc.gotoXy(0, vc.y - this.#count());
      case "G":
      case "`":
        return vc.gotoXy(this.#count() - 1, vc.y);
      case "H":
      case "f":
        return vc.gotoXyAbsolute((parameters[1] || 1) - 1, this.#count() - 1);
      case "J":
        return vc.eraseDisplay(parameters[0]);
      case "K":
        return vc.eraseLine(parameters[0]);
      case "L":
        return vc.insertLines(this.#count());
      case "M":
        return vc.insertLines(-this.#count());
      case "P":
        return vc.deleteCharacters(this.#count());
      case "S":
        return vc.scrollRegion(vc.top, vc.bottom, this.#count());
      case "T":
        return vc.scrollRegion(vc.top, vc.bottom, -this.#count());
      case "X":
        return vc.eraseCharacters(this.#count());
      case "c":
        if (parameters[0] === 0) this.#respond("\x1b[?6c");
        return;
      case "d":
        return vc.gotoXyAbsolute(vc.x, this.#count() - 1);
      case "g":
        if (parameters[0] === 0) vc.tabStops[vc.x & 255] = false;
        else if (parameters[0] === 3) vc.tabStops.fill(false);
        return;
      case "h":
      case "l":
        return this.#mode(letter === "h");
      case "m":
        return this.#sgr();
      case "n":
        if (parameters[0] === 5) this.#respond("\x1b[0n");
        else if (parameters[0] === 6) this.#reportCursor();
        return;
      case "r":
        return vc.setScrollRegion(this.#count() - 1, parameters[1] || vc.rows);
      case "s":
        return vc.saveCursor();
      case "u":
        return vc.restoreCursor();
      case "]":
        return this.#linuxPrivate();
    }
  }

  #reportCursor(): void {
    const vc = this.#vc;
    const row = vc.y + 1 - (vc.originMode ? vc.top : 0);
    this.#respond(`\x1b[${row};${vc.x + 1}R`);
  }

  #mode(on: boolean): void {
    const vc = this.#vc;
    for (const parameter of this.#parameters) {
      if (parameter === 3) vc.displayControls = on;
      else if (parameter === 4) vc.insertMode = on;
      else if (parameter === 20) vc.newlineMode = on;
    }
  }

  #privateMode(on: boolean): void {
    const vc = this.#vc;
    for (const parameter of this.#parameters) {
      switch (parameter) {
        case 1:
          vc.cursorKeysApplication = on;
          break;
        case 5:
          vc.setReverseScreen(on);
          break;
        case 6:
          vc.originMode = on;
          vc.gotoXyAbsolute(0, 0);
          break;
        case 7:
          vc.autowrap = on;
          if (!on) vc.needsWrap = false;
          break;
        case 8:
          vc.autorepeat = on;
          break;
        case 9:
          vc.reportMouse = on ? 1 : 0;
          break;
        case 25:
          vc.isCursorVisible = on;
          break;
        case 1000:
          vc.reportMouse = on ? 2 : 0;
          break;
      }
    }
  }

  /** CSI n ... ]: settings of the Linux console; colours of underline and half, blanking and bell are not kept. */
  #linuxPrivate(): void {
    if (this.#parameters[0] === 8) {
      // "make the current colour the default": the default is fixed here
      this.#vc.resetAttributes();
    }
  }

  #sgr(): void {
    const vc = this.#vc;
    const { state } = vc;
    const parameters = this.#parameters;
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i];
      if (parameter === 38 || parameter === 48) {
        i = this.#extendedColor(i, parameter === 38);
        continue;
      }
      if (parameter >= 30 && parameter <= 37) vc.setForeground(COLOR_TABLE[parameter - 30]);
      else if (parameter >= 40 && parameter <= 47) vc.setBackground(COLOR_TABLE[parameter - 40]);
      else if (parameter >= 90 && parameter <= 97) vc.setForeground(COLOR_TABLE[parameter - 90] | 8);
      else if (parameter >= 100 && parameter <= 107) vc.setBackground(COLOR_TABLE[parameter - 100] | 8);
      else {
        switch (parameter) {
          case 0:
            vc.resetAttributes();
            break;
          case 1:
            state.intensity = "bold";
            break;
          case 2:
            state.intensity = "half";
            break;
          case 3:
            state.isItalic = true;
            break;
          case 4:
          case 21:
            state.isUnderlined = true;
            break;
          case 5:
            state.isBlinking = true;
            break;
          case 7:
            state.isReversed = true;
            break;
          case 10: // the default font
            state.g[state.charset] = "latin1";
            vc.displayControls = false;
            break;
          case 11: // code page 437 with control characters as pictures
          case 12:
            state.g[state.charset] = "ibm";
            break;
          case 22:
            state.intensity = "normal";
            break;
          case 23:
            state.isItalic = false;
            break;
          case 24:
            state.isUnderlined = false;
            break;
          case 25:
            state.isBlinking = false;
            break;
          case 27:
            state.isReversed = false;
            break;
          case 39:
            vc.setDefaultForeground();
            break;
          case 49:
            vc.setDefaultBackground();
            break;
        }
      }
    }
  }

  /** 38;5;N and 38;2;R;G;B: the nearest of the sixteen colours; the index of the last parameter used. */
  #extendedColor(at: number, isForeground: boolean): number {
    const parameters = this.#parameters;
    let rgb: [number, number, number];
    let last: number;
    if (parameters[at + 1] === 5 && at + 2 < parameters.length) {
      rgb = colorOf256(parameters[at + 2]);
      last = at + 2;
    } else if (parameters[at + 1] === 2 && at + 4 < parameters.length) {
      rgb = [parameters[at + 2], parameters[at + 3], parameters[at + 4]];
      last = at + 4;
    } else {
      return parameters.length;
    }
    const color = nearestColor(...rgb);
    if (isForeground) this.#vc.setForeground(color);
    else this.#vc.setBackground(color & 7);
    return last;
  }
}

/** xterm's 256 colours: 16 named, a 6x6x6 cube, 24 greys. */
function colorOf256(index: number): [number, number, number] {
  if (index < 16) {
    const rgb = DEFAULT_PALETTE[COLOR_TABLE[index]];
    return [rgb >> 16, (rgb >> 8) & 0xff, rgb & 0xff];
  }
  if (index < 232) {
    const level = (n: number) => (n * 255) / 5;
    const cube = index - 16;
    return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)];
  }
  const grey = (index - 232) * 10 + 8;
  return [grey, grey, grey];
}

/** Hue from the components above half of the largest, brightness from the largest. Linux: rgb_foreground(). */
function nearestColor(r: number, g: number, b: number): number {
  const largest = Math.max(r, g, b);
  const hue = (r > largest / 2 ? 4 : 0) | (g > largest / 2 ? 2 : 0) | (b > largest / 2 ? 1 : 0);
  if (hue === 7 && largest <= 0x55) return 8;
  return largest > 0xaa ? hue | 8 : hue;
}

/**
 * VcData: the screen of one virtual console: cells, cursor, colours, modes, and the operations escape sequences ask for.
 * It draws nothing: it notes which cells changed, and flush() hands them to the display if the console is visible.
 * Neighbours: vt_parser.ts (who calls), vgacon.ts and fbcon.ts (who draws). Linux: drivers/tty/vt/vt.c, struct vc_data.
 */
import type { CharacterSet } from "./consolemap.ts";

/** A cell: glyph in bits 0-7, attribute in bits 8-15 as in VGA text memory. */
export type Cell = number;

/** Draws cells. Linux: struct consw. */
export interface Display {
  readonly columns: number;
  readonly rows: number;
  /** Shows `count` cells of a row, taken from `cells` at `offset`. */
  putCells(row: number, column: number, cells: Uint16Array, offset: number, count: number): void;
  /** Moves rows `top`..`bottom` - 1 up by `lines` (down if negative); the rows that come free are drawn afterwards. */
  scroll(top: number, bottom: number, lines: number): void;
  /** Puts the cursor at a cell, or hides it. */
  moveCursor(row: number, column: number, isVisible: boolean): void;
}

/** ANSI colour numbers to VGA's. */
export const COLOR_TABLE = [0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15];

/** Colours by VGA number: red, green, blue. */
export const DEFAULT_PALETTE: readonly number[] = [
  0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff,
  0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
];

const DEFAULT_COLOR = 0x07;
const ITALIC_COLOR = 0x02;
const UNDERLINE_COLOR = 0x03;
const HALF_COLOR = 0x08;

export type Intensity = "half" | "normal" | "bold";

/** What ESC 7 saves. */
export interface VcState {
  x: number;
  y: number;
  intensity: Intensity;
  isItalic: boolean;
  isUnderlined: boolean;
  isBlinking: boolean;
  isReversed: boolean;
  /** Foreground in bits 0-3, background in bits 4-7, VGA numbers. */
  color: number;
  /** Which of G0 and G1 is in use, and what they are. */
  charset: 0 | 1;
  g: [CharacterSet, CharacterSet];
}

export class VcData {
  readonly index: number;
  columns: number;
  rows: number;
  cells: Uint16Array;
  state: VcState = initialState();
  saved: VcState = initialState();
  /** Scroll region: rows top..bottom - 1. */
  top = 0;
  bottom: number;
  /** The cursor sits behind the last column: the next character wraps first. */
  needsWrap = false;
  tabStops: boolean[] = [];

  /** DEC private modes and others. */
  autowrap = true; // DECAWM
  originMode = false; // DECOM
  reverseScreen = false; // DECSCNM
  cursorKeysApplication = false; // DECCKM
  keypadApplication = false; // DECKPAM
  autorepeat = true; // DECARM
  insertMode = false; // IRM
  newlineMode = false; // LNM
  isCursorVisible = true; // DECTCEM
  displayControls = false; // CRM
  reportMouse = 0;
  isUtf8 = true;
  /** Cursor shape as the CSI ? c sequence sets it; 0: default. */
  cursorType = 0;
  palette: number[] = [...DEFAULT_PALETTE];

  /** Changed cells: columns first[row]..last[row], none if first > last. */
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  #scroll: { top: number; bottom: number; lines: number } | null = null;

  constructor(index: number, columns: number, rows: number) {
    this.index = index;
    this.columns = columns;
    this.rows = rows;
    this.bottom = rows;
    this.cells = new Uint16Array(columns * rows);
    this.reset(true);
  }

  // ------------------------------------------------------------------ state

  /** ESC c. Linux: reset_terminal(). */
  reset(clears: boolean): void {
    this.state = initialState();
    this.saved = initialState();
    this.top = 0;
    this.bottom = this.rows;
    this.needsWrap = false;
    this.autowrap = true;
    this.originMode = false;
    this.reverseScreen = false;
    this.cursorKeysApplication = false;
    this.keypadApplication = false;
    this.autorepeat = true;
    this.insertMode = false;
    this.newlineMode = false;
    this.isCursorVisible = true;
    this.displayControls = false;
    this.reportMouse = 0;
    this.cursorType = 0;
    this.tabStops = Array.from({ length: 256 }, (_, column) => column > 0 && column % 8 === 0);
    if (clears) {
      this.gotoXy(0, 0);
      this.eraseDisplay(2);
    }
  }

  /** Attribute byte of characters written now. Linux: build_attr(). */
  get attribute(): number {
    const { color, intensity, isItalic, isUnderlined, isBlinking, isReversed } = this.state;
    let attribute = color;
    if (isItalic) attribute = (attribute & 0xf0) | ITALIC_COLOR;
    else if (isUnderlined) attribute = (attribute & 0xf0) | UNDERLINE_COLOR;
    else if (intensity === "half") attribute = (attribute & 0xf0) | HALF_COLOR;
    if (isReversed !== this.reverseScreen) {
      attribute = (attribute & 0x88) | ((attribute >> 4) & 0x07) | ((attribute & 0x07) << 4);
    }
    if (isBlinking) attribute ^= 0x80;
    if (intensity === "bold") attribute ^= 0x08;
    return attribute;
  }

  /** What erased cells become: a space in the current background. */
  get blank(): Cell {
    const { color } = this.state;
    const attribute = this.reverseScreen ? (color & 0x88) | ((color >> 4) & 7) | ((color & 7) << 4) : color;
    return (attribute << 8) | 0x20;
  }

  /** SGR 0. */
  resetAttributes(): void {
    Object.assign(this.state, {
      intensity: "normal",
      isItalic: false,
      isUnderlined: false,
      isBlinking: false,
      isReversed: false,
      color: DEFAULT_COLOR,
    });
  }

  setForeground(vgaColor: number): void {
    this.state.color = (this.state.color & 0xf0) | vgaColor;
  }

  setBackground(vgaColor: number): void {
    this.state.color = (this.state.color & 0x0f) | (vgaColor << 4);
  }

  setDefaultForeground(): void {
    this.setForeground(DEFAULT_COLOR & 0x0f);
  }

  setDefaultBackground(): void {
    this.setBackground(DEFAULT_COLOR >> 4);
  }

  saveCursor(): void {
    this.saved = { ...this.state, g: [...this.state.g] };
  }

  restoreCursor(): void {
    this.state = { ...this.saved, g: [...this.saved.g] };
    this.gotoXy(this.state.x, this.state.y);
  }

  /** DECSCNM: swaps the colours of everything shown. */
  setReverseScreen(isReversed: boolean): void {
    if (this.reverseScreen === isReversed) return;
    this.reverseScreen = isReversed;
    for (let i = 0; i < this.cells.length; i++) {
      const attribute = this.cells[i] >> 8;
      const swapped = (attribute & 0x88) | ((attribute >> 4) & 7) | ((attribute & 7) << 4);
      this.cells[i] = (this.cells[i] & 0xff) | (swapped << 8);
    }
    this.markAll();
  }

  // ------------------------------------------------------------------ cursor

  get x(): number {
    return this.state.x;
  }

  get y(): number {
    return this.state.y;
  }

  /** Moves the cursor within the screen, or within the scroll region in origin mode. Linux: gotoxy(). */
  gotoXy(x: number, y: number): void {
    const top = this.originMode ? this.top : 0;
    const bottom = this.originMode ? this.bottom : this.rows;
    this.state.x = Math.min(Math.max(x, 0), this.columns - 1);
    this.state.y = Math.min(Math.max(y, top), bottom - 1);
    this.needsWrap = false;
  }

  /** As gotoXy with rows counted from the region's top in origin mode. */
  gotoXyAbsolute(x: number, y: number): void {
    this.gotoXy(x, this.originMode ? this.top + y : y);
  }

  carriageReturn(): void {
    this.state.x = 0;
    this.needsWrap = false;
  }

  backspace(): void {
    if (this.state.x > 0) {
      this.state.x--;
      this.needsWrap = false;
    }
  }

  tab(): void {
    const { state } = this;
    while (state.x < this.columns - 1) {
      state.x++;
      if (this.tabStops[state.x & 255]) break;
    }
    this.needsWrap = false;
  }

  lineFeed(): void {
    if (this.state.y + 1 === this.bottom) this.scrollRegion(this.top, this.bottom, 1);
    else if (this.state.y < this.rows - 1) this.state.y++;
    this.needsWrap = false;
  }

  reverseLineFeed(): void {
    if (this.state.y === this.top) this.scrollRegion(this.top, this.bottom, -1);
    else if (this.state.y > 0) this.state.y--;
    this.needsWrap = false;
  }

  setScrollRegion(top: number, bottom: number): void {
    if (top >= bottom || bottom > this.rows) return;
    this.top = top;
    this.bottom = bottom;
    this.gotoXyAbsolute(0, 0);
  }

  // ------------------------------------------------------------------ contents

  /** Writes one glyph at the cursor and moves on. */
  putGlyph(glyph: number): void {
    if (this.needsWrap) {
      this.carriageReturn();
      this.lineFeed();
    }
    if (this.insertMode) this.insertCharacters(1);
    const { x, y } = this.state;
    this.cells[y * this.columns + x] = (this.attribute << 8) | glyph;
    this.mark(y, x, x);
    if (x === this.columns - 1) this.needsWrap = this.autowrap;
    else this.state.x++;
  }

  /** Writes plain characters until the end of the row; how many. Faster than one by one. */
  putRun(bytes: Uint8Array, start: number, end: number): number {
    if (this.needsWrap) {
      this.carriageReturn();
      this.lineFeed();
    }
    const { x, y } = this.state;
    const count = Math.min(end - start, this.columns - x);
    const high = this.attribute << 8;
    const at = y * this.columns + x;
    for (let i = 0; i < count; i++) this.cells[at + i] = high | bytes[start + i];
    this.mark(y, x, x + count - 1);
    if (x + count === this.columns) {
      this.state.x = this.columns - 1;
      this.needsWrap = this.autowrap;
    } else {
      this.state.x = x + count;
    }
    return count;
  }

  /** CSI J: 0 from the cursor on, 1 up to it, 2 everything. */
  eraseDisplay(what: number): void {
    const at = this.state.y * this.columns + this.state.x;
    if (what === 0) this.#fill(at, this.cells.length);
    else if (what === 1) this.#fill(0, at + 1);
    else if (what === 2 || what === 3) this.#fill(0, this.cells.length);
    this.needsWrap = false;
  }

  /** CSI K: 0 from the cursor on, 1 up to it, 2 the whole row. */
  eraseLine(what: number): void {
    const row = this.state.y * this.columns;
    if (what === 0) this.#fill(row + this.state.x, row + this.columns);
    else if (what === 1) this.#fill(row, row + this.state.x + 1);
    else if (what === 2) this.#fill(row, row + this.columns);
    this.needsWrap = false;
  }

  /** CSI X. */
  eraseCharacters(count: number): void {
    const at = this.state.y * this.columns + this.state.x;
    this.#fill(at, at + Math.min(count, this.columns - this.state.x));
    this.needsWrap = false;
  }

  /** CSI @. */
  insertCharacters(count: number): void {
    const { x, y } = this.state;
    const n = Math.min(count, this.columns - x);
    const row = y * this.columns;
    this.cells.copyWithin(row + x + n, row + x, row + this.columns - n);
    this.#fill(row + x, row + x + n);
    this.mark(y, x, this.columns - 1);
    this.needsWrap = false;
  }

  /** CSI P. */
  deleteCharacters(count: number): void {
    const { x, y } = this.state;
    const n = Math.min(count, this.columns - x);
    const row = y * this.columns;
    this.cells.copyWithin(row + x, row + x + n, row + this.columns);
    this.#fill(row + this.columns - n, row + this.columns);
    this.mark(y, x, this.columns - 1);
    this.needsWrap = false;
  }

  /** CSI L and CSI M (negative). */
  insertLines(count: number): void {
    const { y } = this.state;
    if (y < this.top || y >= this.bottom) {
      // Outside the region Linux moves the lines below the cursor all the same.
      this.scrollRegion(y, Math.max(this.bottom, y + 1), -count);
    } else {
      this.scrollRegion(y, this.bottom, -count);
    }
    this.needsWrap = false;
  }

  /** Moves rows `top`..`bottom` - 1 up by `lines` (down if negative) and blanks what comes free. */
  scrollRegion(top: number, bottom: number, lines: number): void {
    const height = bottom - top;
    if (height <= 0) return;
    const n = Math.min(Math.abs(lines), height);
    if (n === 0) return;
    const isUp = lines > 0;
    const { columns } = this;
    if (isUp) this.cells.copyWithin(top * columns, (top + n) * columns, bottom * columns);
    else this.cells.copyWithin((top + n) * columns, top * columns, (bottom - n) * columns);
    this.#noteScroll(top, bottom, isUp ? n : -n);
    if (isUp) this.#fill((bottom - n) * columns, bottom * columns);
    else this.#fill(top * columns, (top + n) * columns);
  }

  /** Fills the screen with E: the alignment test, ESC # 8. */
  alignmentTest(): void {
    this.cells.fill((this.attribute << 8) | 0x45);
    this.markAll();
    this.gotoXy(0, 0);
  }

  resize(columns: number, rows: number): void {
    const old = { cells: this.cells, columns: this.columns, rows: this.rows };
    this.cells = new Uint16Array(columns * rows).fill(this.blank);
    // Keep the rows that end at the cursor if the screen gets lower.
    const skip = Math.max(0, this.state.y - rows + 1);
    for (let row = 0; row < Math.min(rows, old.rows - skip); row++) {
      const from = (row + skip) * old.columns;
      this.cells.set(old.cells.subarray(from, from + Math.min(columns, old.columns)), row * columns);
    }
    this.columns = columns;
    this.rows = rows;
    this.top = 0;
    this.bottom = rows;
    this.gotoXy(this.state.x, this.state.y - skip);
    this.#first.length = 0;
    this.#last.length = 0;
    this.#scroll = null;
    this.markAll();
  }

  #fill(start: number, end: number): void {
    if (end <= start) return;
    this.cells.fill(this.blank, start, end);
    const { columns } = this;
    const firstRow = Math.floor(start / columns);
    const lastRow = Math.floor((end - 1) / columns);
    for (let row = firstRow; row <= lastRow; row++) {
      this.mark(
        row,
        row === firstRow ? start % columns : 0,
        row === lastRow ? (end - 1) % columns : columns - 1,
      );
    }
  }

  // ------------------------------------------------------------------ what changed

  mark(row: number, first: number, last: number): void {
    if (!(this.#first[row] <= first)) this.#first[row] = first;
    if (!(this.#last[row] >= last)) this.#last[row] = last;
  }

  markAll(): void {
    this.#scroll = null;
    for (let row = 0; row < this.rows; row++) {
      this.#first[row] = 0;
      this.#last[row] = this.columns - 1;
    }
  }

  /**
   * Scrolls of one region add up to one movement of the display. A different scroll while one is open, or one as high
   * as its region, is drawn by cells instead.
   */
  #noteScroll(top: number, bottom: number, lines: number): void {
    const open = this.#scroll;
    const isSame =
      open !== null &&
      open.top === top &&
      open.bottom === bottom &&
      Math.sign(open.lines) === Math.sign(lines);
    const total = isSame ? open.lines + lines : lines;
    if ((open !== null && !isSame) || Math.abs(total) >= bottom - top) {
      this.#scroll = null;
      const from = open && !isSame ? Math.min(open.top, top) : top;
      const to = open && !isSame ? Math.max(open.bottom, bottom) : bottom;
      for (let row = from; row < to; row++) this.mark(row, 0, this.columns - 1);
      return;
    }
    this.#scroll = { top, bottom, lines: total };
    // Marks move with their rows.
    const shift = (marks: number[], none: number): void => {
      const region = marks.slice(top, bottom);
      for (let row = top; row < bottom; row++) marks[row] = region[row - top + lines] ?? none;
    };
    for (let row = top; row < bottom; row++) {
      this.#first[row] ??= Infinity;
      this.#last[row] ??= -1;
    }
    shift(this.#first, Infinity);
    shift(this.#last, -1);
  }

  /** Brings the display up to date; without one the changes stay noted. */
  flush(display: Display | null): void {
    if (!display) return;
    if (this.#scroll) display.scroll(this.#scroll.top, this.#scroll.bottom, this.#scroll.lines);
    this.#scroll = null;
    for (let row = 0; row < this.rows; row++) {
      const first = this.#first[row];
      const last = this.#last[row];
      if (first <= last)
        display.putCells(row, first, this.cells, row * this.columns + first, last - first + 1);
      this.#first[row] = Infinity;
      this.#last[row] = -1;
    }
    display.moveCursor(this.state.y, this.state.x, this.isCursorVisible);
  }
}

function initialState(): VcState {
  return {
    x: 0,
    y: 0,
    intensity: "normal",
    isItalic: false,
    isUnderlined: false,
    isBlinking: false,
    isReversed: false,
    color: DEFAULT_COLOR,
    charset: 0,
    g: ["latin1", "graphics"],
  };
}

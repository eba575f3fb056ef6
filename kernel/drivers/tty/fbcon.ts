/**
 * The linear framebuffer as a display of the virtual consoles: cells become 8x16 pixels through our own font.
 * Neighbours: vt.ts (who calls), font_8x16.ts, video/fbdev.ts (the memory). Linux: drivers/video/fbdev/core/fbcon.c.
 */
import type { IoMemory } from "../../arch/x86/machine.ts";
import type { Framebuffer } from "../video/fbdev.ts";
import { FONT_HEIGHT, FONT_WIDTH, font8x16 } from "./font_8x16.ts";
import { DEFAULT_PALETTE, type Display } from "./vc_data.ts";

const BYTES_PER_PIXEL = 4;
/** The cursor is a bar over the last lines of a cell. */
const CURSOR_FIRST_LINE = 13;

export class FramebufferConsole implements Display {
  readonly columns: number;
  readonly rows: number;
  readonly #memory: IoMemory;
  readonly #pitch: number;
  readonly #font = font8x16();
  /** Pixel values of the sixteen colours. */
  readonly #colors = new Uint32Array(16);
  readonly #shifts: [red: number, green: number, blue: number];
  /** What is on the screen, so that the cursor can be taken away again. */
  readonly #cells: Uint16Array;
  /** Cell under the cursor; -1: none is shown. */
  #cursor = -1;
  /** One text row of pixels. */
  readonly #line: Uint32Array;

  constructor(fb: Framebuffer) {
    const { screen } = fb;
    this.columns = Math.floor(screen.lfb_width / FONT_WIDTH);
    this.rows = Math.floor(screen.lfb_height / FONT_HEIGHT);
    this.#memory = fb.memory;
    this.#pitch = screen.lfb_linelength;
    this.#shifts = [screen.red.position, screen.green.position, screen.blue.position];
    this.#cells = new Uint16Array(this.columns * this.rows).fill(0x0720);
    this.#line = new Uint32Array(this.columns * FONT_WIDTH);
    this.setPalette(DEFAULT_PALETTE);
    this.#memory.fill32(0, 0, (this.#pitch * screen.lfb_height) / BYTES_PER_PIXEL);
  }

  setPalette(palette: readonly number[]): void {
    const [red, green, blue] = this.#shifts;
    for (let i = 0; i < 16; i++) {
      const rgb = palette[i];
      this.#colors[i] =
        (((rgb >> 16) & 0xff) << red) | (((rgb >> 8) & 0xff) << green) | ((rgb & 0xff) << blue);
    }
  }

  putCells(row: number, column: number, cells: Uint16Array, offset: number, count: number): void {
    const at = row * this.columns + column;
    this.#cells.set(cells.subarray(offset, offset + count), at);
    this.#draw(row, column, count);
    if (this.#cursor >= at && this.#cursor < at + count) this.#drawCursor();
  }

  scroll(top: number, bottom: number, lines: number): void {
    this.#hideCursor();
    const distance = Math.abs(lines);
    const rows = bottom - top - distance;
    const [from, to] = lines > 0 ? [top + distance, top] : [top, top + distance];
    this.#cells.copyWithin(to * this.columns, from * this.columns, (from + rows) * this.columns);
    const rowBytes = this.#pitch * FONT_HEIGHT;
    this.#memory.copy(to * rowBytes, from * rowBytes, rows * rowBytes);
  }

  moveCursor(row: number, column: number, isVisible: boolean): void {
    const cell = isVisible ? row * this.columns + column : -1;
    if (cell === this.#cursor) return;
    this.#hideCursor();
    this.#cursor = cell;
    this.#drawCursor();
  }

  #hideCursor(): void {
    const cell = this.#cursor;
    this.#cursor = -1;
    if (cell >= 0) this.#draw(Math.floor(cell / this.columns), cell % this.columns, 1);
  }

  #drawCursor(): void {
    if (this.#cursor < 0) return;
    const row = Math.floor(this.#cursor / this.columns);
    const column = this.#cursor % this.columns;
    const color = this.#colors[(this.#cells[this.#cursor] >> 8) & 0x0f];
    for (let line = CURSOR_FIRST_LINE; line < FONT_HEIGHT - 1; line++) {
      const offset = (row * FONT_HEIGHT + line) * this.#pitch + column * FONT_WIDTH * BYTES_PER_PIXEL;
      this.#memory.fill32(offset, color, FONT_WIDTH);
    }
  }

  /** Draws cells line by line: each scan line of the run goes to video memory in one piece. */
  #draw(row: number, column: number, count: number): void {
    const at = row * this.columns + column;
    const pixels = this.#line;
    const bytes = new Uint8Array(pixels.buffer, 0, count * FONT_WIDTH * BYTES_PER_PIXEL);
    for (let line = 0; line < FONT_HEIGHT; line++) {
      let x = 0;
      for (let i = 0; i < count; i++) {
        const cell = this.#cells[at + i];
        const bits = this.#font[(cell & 0xff) * FONT_HEIGHT + line];
        const foreground = this.#colors[(cell >> 8) & 0x0f];
        const background = this.#colors[(cell >> 12) & 0x07];
        for (let bit = 0x80; bit > 0; bit >>= 1) pixels[x++] = bits & bit ? foreground : background;
      }
      const offset = (row * FONT_HEIGHT + line) * this.#pitch + column * FONT_WIDTH * BYTES_PER_PIXEL;
      this.#memory.set(offset, bytes);
    }
  }
}

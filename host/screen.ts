/**
 * What the monitor shows: reads text memory or the linear framebuffer through the registers of the video adapter
 * (devices/vga.ts, devices/bochs_vbe.ts), and says nothing if it is what was shown last. Called at the page's pace.
 */
import { VRAM_DIRTY_BASE, VRAM_SIZE } from "../cpu-core/abi/layout.ts";
import type { Screen } from "./api.ts";
import type { Board } from "./board.ts";
import type { Core } from "./core.ts";

const TEXT_MEMORY = 0xb_8000;
const TEXT_MEMORY_BYTES = 0x8000;
const PAGE_SHIFT = 12;

export class Monitor {
  #cells = new Uint8Array(0);
  #cursor = { column: -1, row: -1, visible: false };
  #pixels = new Uint8ClampedArray(0);
  #width = 0;
  #height = 0;
  #mode_changed = true;
  readonly #core: Core;
  readonly #board: Board;
  readonly #dirty: Uint8Array;
  readonly #text: Uint8Array;

  constructor(core: Core, board: Board, ram: Uint8Array) {
    this.#core = core;
    this.#board = board;
    this.#dirty = core.bytes.subarray(VRAM_DIRTY_BASE, VRAM_DIRTY_BASE + (VRAM_SIZE >>> PAGE_SHIFT));
    this.#text = ram.subarray(TEXT_MEMORY, TEXT_MEMORY + TEXT_MEMORY_BYTES);
  }

  /** The adapter changed its mode: all is new. */
  modeChanged(): void {
    this.#mode_changed = true;
  }

  /** The screen; null if it is the same as at the last call, unless `force`. */
  read(force: boolean): Screen | null {
    const all = force || this.#mode_changed;
    this.#mode_changed = false;
    return this.#board.vbe.isEnabled ? this.#readGraphics(all) : this.#readText(all);
  }

  #readText(all: boolean): Screen | null {
    const { vga } = this.#board;
    const { columns, rows, start_cell } = vga;
    const pitch = vga.pitch_cells || columns;
    const cells = new Uint8Array(columns * rows * 2);
    if (vga.isOn) {
      for (let row = 0; row < rows; row++) {
        const start = ((start_cell + row * pitch) * 2) % TEXT_MEMORY_BYTES;
        cells.set(
          this.#text.subarray(start, Math.min(start + columns * 2, TEXT_MEMORY_BYTES)),
          row * columns * 2,
        );
      }
    }
    const position = vga.cursor_cell - start_cell;
    const row = Math.floor(position / pitch);
    const column = position - row * pitch;
    const visible = vga.isOn && vga.isCursorVisible && row >= 0 && row < rows && column < columns;
    const cursor = { column, row, visible };
    const same =
      !all &&
      cursor.column === this.#cursor.column &&
      cursor.row === this.#cursor.row &&
      cursor.visible === this.#cursor.visible &&
      cells.length === this.#cells.length &&
      cells.every((byte, index) => byte === this.#cells[index]);
    if (same) return null;
    this.#cells = cells.slice();
    this.#cursor = cursor;
    return { mode: "text", columns, rows, cells, cursor };
  }

  #readGraphics(all: boolean): Screen | null {
    const { width, height, pitch_bytes, start_byte } = this.#board.vbe;
    const dirty = this.#dirty;
    if (!all && !dirty.includes(1)) return null;
    const resized = width !== this.#width || height !== this.#height;
    if (resized) {
      this.#width = width;
      this.#height = height;
      this.#pixels = new Uint8ClampedArray(width * height * 4);
    }
    for (let line = 0; line < height; line++) {
      const start = start_byte + line * pitch_bytes;
      const last_page = (start + pitch_bytes - 1) >>> PAGE_SHIFT;
      let touched = all || resized;
      for (let page = start >>> PAGE_SHIFT; page <= last_page && !touched; page++)
        touched = dirty[page] !== 0;
      if (touched) this.#convertLine(start, line * width);
    }
    dirty.fill(0);
    return { mode: "graphics", width, height, pixels: this.#pixels.slice() };
  }

  /** One line of the framebuffer to RGBA. Pixels are little-endian words with blue in the low bits. */
  #convertLine(start: number, first_pixel: number): void {
    const memory = this.#core.video_memory;
    const out = this.#pixels;
    const width = this.#width;
    const put = (pixel: number, red: number, green: number, blue: number): void => {
      const at = (first_pixel + pixel) * 4;
      out[at] = red;
      out[at + 1] = green;
      out[at + 2] = blue;
      out[at + 3] = 255;
    };
    switch (this.#board.vbe.bits_per_pixel) {
      case 32:
        for (let pixel = 0; pixel < width; pixel++) {
          const at = start + pixel * 4;
          put(pixel, memory[at + 2], memory[at + 1], memory[at]);
        }
        return;
      case 24:
        for (let pixel = 0; pixel < width; pixel++) {
          const at = start + pixel * 3;
          put(pixel, memory[at + 2], memory[at + 1], memory[at]);
        }
        return;
      case 16:
      case 15: {
        const green_bits = this.#board.vbe.bits_per_pixel - 10;
        const green_max = (1 << green_bits) - 1;
        for (let pixel = 0; pixel < width; pixel++) {
          const at = start + pixel * 2;
          const value = memory[at] | (memory[at + 1] << 8);
          const red = (value >> (5 + green_bits)) & 31;
          const green = (value >> 5) & green_max;
          put(pixel, (red * 255) / 31, (green * 255) / green_max, ((value & 31) * 255) / 31);
        }
        return;
      }
      default: {
        const { dac } = this.#board.vga;
        for (let pixel = 0; pixel < width; pixel++) {
          const color = memory[start + pixel] * 3;
          put(pixel, (dac[color] * 255) / 63, (dac[color + 1] * 255) / 63, (dac[color + 2] * 255) / 63);
        }
      }
    }
  }
}

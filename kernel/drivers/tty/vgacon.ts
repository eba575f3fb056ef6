/**
 * The VGA text screen as a display of the virtual consoles: cells go into video memory at 0xb8000, the cursor into the
 * CRT controller, colours into the palette. Linux: drivers/video/console/vgacon.c.
 * Source: IBM VGA Technical Reference, "CRT Controller Registers", "Video Digital-to-Analog Converter".
 */
import type { IoMemory, Ports } from "../../arch/x86/machine.ts";
import type { Kernel } from "../../kernel.ts";
import { DEFAULT_PALETTE, type Display } from "./vc_data.ts";

const VGA_TEXT_PA = 0xb8000;
const VGA_TEXT_BYTES = 0x8000;
const CRTC_INDEX = 0x3d4;
const CRTC_DATA = 0x3d5;
const CRTC_CURSOR_START = 0x0a;
const CRTC_CURSOR_END = 0x0b;
const CRTC_START_HIGH = 0x0c;
const CRTC_CURSOR_HIGH = 0x0e;
const CRTC_CURSOR_LOW = 0x0f;
const CURSOR_OFF = 0x20;
const ATTRIBUTE_INDEX = 0x3c0;
const ATTRIBUTE_READ = 0x3c1;
const DAC_WRITE_INDEX = 0x3c8;
const DAC_DATA = 0x3c9;
const INPUT_STATUS_1 = 0x3da;
const PALETTE_ENABLE = 0x20;

export class VgaConsole implements Display {
  readonly #memory: IoMemory;
  readonly #ports: Ports;
  #cursor_cell = -1;
  #isCursorVisible = true;

  constructor(
    kernel: Kernel,
    readonly columns: number,
    readonly rows: number,
  ) {
    this.#memory = kernel.machine.ioremap(VGA_TEXT_PA, VGA_TEXT_BYTES);
    this.#ports = kernel.machine.ports;
    this.#writeCrtc(CRTC_START_HIGH, 0);
    this.#writeCrtc(CRTC_START_HIGH + 1, 0);
    this.#writeCrtc(CRTC_CURSOR_START, 0x0d);
    this.#writeCrtc(CRTC_CURSOR_END, 0x0e);
  }

  putCells(row: number, column: number, cells: Uint16Array, offset: number, count: number): void {
    const bytes = new Uint8Array(count * 2);
    for (let i = 0; i < count; i++) {
      bytes[2 * i] = cells[offset + i] & 0xff;
      bytes[2 * i + 1] = cells[offset + i] >> 8;
    }
    this.#memory.set((row * this.columns + column) * 2, bytes);
  }

  scroll(top: number, bottom: number, lines: number): void {
    const pitch = this.columns * 2;
    const distance = Math.abs(lines);
    const length = (bottom - top - distance) * pitch;
    if (lines > 0) this.#memory.copy(top * pitch, (top + distance) * pitch, length);
    else this.#memory.copy((top + distance) * pitch, top * pitch, length);
  }

  moveCursor(row: number, column: number, isVisible: boolean): void {
    if (isVisible !== this.#isCursorVisible) {
      this.#isCursorVisible = isVisible;
      this.#writeCrtc(CRTC_CURSOR_START, isVisible ? 0x0d : CURSOR_OFF);
    }
    const cell = row * this.columns + column;
    if (cell === this.#cursor_cell) return;
    this.#cursor_cell = cell;
    this.#writeCrtc(CRTC_CURSOR_HIGH, cell >> 8);
    this.#writeCrtc(CRTC_CURSOR_LOW, cell & 0xff);
  }

  /** Sixteen colours through the attribute controller's mapping into the DAC, six bits a component. */
  setPalette(palette: readonly number[]): void {
    const ports = this.#ports;
    for (let color = 0; color < 16; color++) {
      ports.inb(INPUT_STATUS_1);
      ports.outb(ATTRIBUTE_INDEX, color);
      const index = ports.inb(ATTRIBUTE_READ);
      const rgb = palette[color] ?? DEFAULT_PALETTE[color];
      ports.outb(DAC_WRITE_INDEX, index);
      for (const shift of [16, 8, 0]) ports.outb(DAC_DATA, ((rgb >> shift) & 0xff) >> 2);
    }
    ports.inb(INPUT_STATUS_1);
    ports.outb(ATTRIBUTE_INDEX, PALETTE_ENABLE);
  }

  #writeCrtc(register: number, value: number): void {
    this.#ports.outb(CRTC_INDEX, register);
    this.#ports.outb(CRTC_DATA, value);
  }
}

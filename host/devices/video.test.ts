import { beforeEach, expect, test } from "vitest";
import { Timeline, VirtualClock } from "../clock.ts";
import { BochsVbe } from "./bochs_vbe.ts";
import { Vga } from "./vga.ts";

let now_ns = 0;
let vga: Vga;

beforeEach(() => {
  now_ns = 0;
  const clock = new VirtualClock(() => 0);
  clock.now_ns = () => now_ns;
  vga = new Vga(new Timeline(clock));
});

const CRTC = 0x24;
const write = (offset: number, value: number): void => vga.writePort(offset, 1, value);

function crtc(index: number, value: number): void {
  write(CRTC, index);
  write(CRTC + 1, value);
}

test("comes up in 80x25 text with a cursor", () => {
  expect([vga.columns, vga.rows, vga.pitch_cells, vga.isOn, vga.isCursorVisible]).toEqual([
    80,
    25,
    80,
    true,
    true,
  ]);
});

test("cursor position, shape and start address", () => {
  crtc(0x0e, 0x01);
  crtc(0x0f, 0x40);
  expect(vga.cursor_cell).toBe(0x140);
  crtc(0x0a, 0x20);
  expect(vga.isCursorVisible).toBe(false);
  crtc(0x0c, 0x00);
  crtc(0x0d, 0x50);
  expect(vga.start_cell).toBe(80);
});

test("50 lines with 8-line characters", () => {
  crtc(0x09, 0x47);
  expect(vga.rows).toBe(50);
});

test("registers 0-7 of the CRTC are protected", () => {
  crtc(0x01, 39);
  expect(vga.columns).toBe(80);
  crtc(0x11, 0x0e);
  crtc(0x01, 39);
  expect(vga.columns).toBe(40);
});

test("the attribute controller takes index and data in turn; reading the status starts over", () => {
  vga.readPort(0x2a);
  write(0x10, 0x31);
  write(0x10, 0x05);
  expect(vga.attribute[0x11]).toBe(5);
  write(0x10, 0x00); // index without the palette bit: the screen goes off
  expect(vga.isOn).toBe(false);
  vga.readPort(0x2a);
  write(0x10, 0x20);
  expect(vga.isOn).toBe(true);
});

test("the DAC advances by itself", () => {
  write(0x18, 10);
  for (const value of [1, 2, 3, 4, 5, 6]) write(0x19, value);
  write(0x17, 10);
  expect([0, 1, 2, 3, 4, 5].map(() => vga.readPort(0x19))).toEqual([1, 2, 3, 4, 5, 6]);
});

test("the retrace comes and goes", () => {
  const seen = new Set<number>();
  for (now_ns = 0; now_ns < 20_000_000; now_ns += 100_000) seen.add(vga.readPort(0x2a) & 8);
  expect(seen.size).toBe(2);
});

test("dispi: set a mode, read limits, refuse what does not fit", () => {
  let changes = 0;
  const memory = new Uint8Array(16).fill(1);
  const vbe = new BochsVbe(
    () => memory,
    () => changes++,
  );
  const put = (index: number, value: number): void => {
    vbe.writePort(0, 2, index);
    vbe.writePort(1, 2, value);
  };
  const get = (index: number): number => {
    vbe.writePort(0, 2, index);
    return vbe.readPort(1);
  };
  expect(get(0)).toBe(0xb0c5);
  put(4, 2);
  expect([get(1), get(2), get(3)]).toEqual([2560, 1600, 32]);
  put(4, 0);
  put(1, 1024);
  put(2, 768);
  put(3, 32);
  changes = 0;
  put(4, 0x41);
  expect(vbe.isEnabled).toBe(true);
  expect(changes).toBe(1);
  expect(memory[0]).toBe(0);
  expect([vbe.width, vbe.height, vbe.pitch_bytes, get(6)]).toEqual([1024, 768, 4096, 1024]);
  put(1, 640); // not while it is on
  expect(vbe.width).toBe(1024);
  put(9, 768);
  expect(vbe.start_byte).toBe(768 * 4096);
  put(9, 5000); // beyond video memory
  expect(vbe.start_byte).toBe(768 * 4096);
  put(4, 0);
  expect(vbe.isEnabled).toBe(false);
});

import { beforeEach, expect, test } from "vitest";
import { IrqLine } from "../bus.ts";
import { Timeline, VirtualClock } from "../clock.ts";
import { Cmos } from "./cmos.ts";

let now_ns = 0;
let irq = 0;
let timeline: Timeline;
let cmos: Cmos;

beforeEach(() => {
  now_ns = 0;
  irq = 0;
  const clock = new VirtualClock(() => 0);
  clock.now_ns = () => now_ns;
  timeline = new Timeline(clock);
  cmos = new Cmos(new IrqLine((level) => (irq = level)), timeline, { memory_bytes: 256 << 20, nr_disks: 1 });
});

function get(index: number): number {
  cmos.writePort(0, 1, index);
  return cmos.readPort(1);
}

function put(index: number, value: number): void {
  cmos.writePort(0, 1, index);
  cmos.writePort(1, 1, value);
}

function advance(until_ns: number): void {
  while (timeline.next_ns <= until_ns) {
    now_ns = timeline.next_ns;
    timeline.runDue(now_ns);
  }
  now_ns = until_ns;
}

test("tells the time in BCD and in binary", () => {
  now_ns = ((12 * 60 + 34) * 60 + 56) * 1e9;
  expect([get(0), get(2), get(4), get(6), get(7), get(8), get(9), get(0x32)]).toEqual([
    0x56, 0x34, 0x12, 5, 0x01, 0x01, 0x26, 0x20,
  ]);
  put(0x0b, 0x06);
  expect([get(0), get(2), get(4)]).toEqual([56, 34, 12]);
  put(0x0b, 0x04); // 12-hour mode
  expect(get(4)).toBe(12 | 0x80);
});

test("is set while SET stops the updates", () => {
  put(0x0b, 0x82);
  put(0x00, 0x30);
  put(0x02, 0x59);
  put(0x04, 0x23);
  put(0x07, 0x31);
  put(0x08, 0x12);
  put(0x09, 0x99);
  now_ns = 5e9;
  put(0x0b, 0x02);
  now_ns += 30e9;
  expect([get(0), get(2), get(4), get(7), get(8), get(9), get(0x32)]).toEqual([0, 0, 0, 1, 1, 0, 0x21]);
});

test("says that an update is near", () => {
  now_ns = 1e9 - 300_000;
  expect(get(0x0a) & 0x80).toBe(0);
  now_ns = 1e9 - 100_000;
  expect(get(0x0a) & 0x80).toBe(0x80);
});

test("periodic interrupts: acknowledged by reading register C", () => {
  put(0x0a, 0x26); // 1024 Hz
  put(0x0b, 0x42);
  advance(976_563);
  expect(irq).toBe(1);
  expect(get(0x0c)).toBe(0xc0);
  expect(irq).toBe(0);
  expect(get(0x0c)).toBe(0);
});

test("update-ended and alarm interrupts", () => {
  put(0x0b, 0x32);
  put(0x01, 0x03); // at second 3 of any minute of any hour
  put(0x03, 0xc0);
  put(0x05, 0xff);
  advance(1e9);
  expect(get(0x0c)).toBe(0x90);
  advance(3e9);
  expect(get(0x0c)).toBe(0xb0);
});

test("battery-backed memory: size of RAM, checksum, free bytes", () => {
  expect(get(0x15) | (get(0x16) << 8)).toBe(640);
  expect(get(0x30) | (get(0x31) << 8)).toBe(0xffff); // capped: 255 MiB do not fit into 16 bits of KiB
  expect(get(0x34) | (get(0x35) << 8)).toBe((240 << 20) >> 16);
  put(0x40, 0x77);
  expect(get(0x40)).toBe(0x77);
  expect(get(0x0d)).toBe(0x80);
});

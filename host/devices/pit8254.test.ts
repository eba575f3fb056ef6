import { beforeEach, expect, test } from "vitest";
import { IrqLine } from "../bus.ts";
import { Timeline, VirtualClock } from "../clock.ts";
import { PIT_HZ, Pit8254 } from "./pit8254.ts";

let now_ns = 0;
let edges: number[] = [];
let timeline: Timeline;
let pit: Pit8254;

beforeEach(() => {
  now_ns = 0;
  edges = [];
  const clock = new VirtualClock(() => 0);
  clock.now_ns = () => now_ns;
  timeline = new Timeline(clock);
  pit = new Pit8254(new IrqLine((level) => level && edges.push(now_ns)), timeline);
});

/** Lets time pass, stopping at each deadline. */
function advance(until_ns: number): void {
  while (timeline.next_ns <= until_ns) {
    now_ns = timeline.next_ns;
    timeline.runDue(now_ns);
  }
  now_ns = until_ns;
}

function program(channel: number, mode: number, count: number): void {
  pit.writePort(3, 1, (channel << 6) | 0x30 | (mode << 1));
  pit.writePort(channel, 1, count & 0xff);
  pit.writePort(channel, 1, count >> 8);
}

const ticks_ns = (ticks: number): number => Math.ceil((ticks * 1e9) / PIT_HZ);

function read16(channel: number): number {
  const low = pit.readPort(channel);
  return low | (pit.readPort(channel) << 8);
}

test("mode 2 interrupts once a period, without drift", () => {
  program(0, 2, 11932); // 100 Hz
  edges = [];
  advance(1e9);
  expect(edges.length).toBe(99);
  expect(edges.at(-1)).toBe(ticks_ns(11932 * 99));
});

test("mode 3 and count 0 give 18.2 Hz", () => {
  program(0, 3, 0);
  edges = [];
  advance(1e9);
  expect(edges.length).toBe(18);
});

test("mode 0 interrupts once when the count ends, and again only after a new count", () => {
  program(0, 0, 1000);
  expect(edges).toEqual([]);
  advance(1e7);
  expect(edges).toEqual([ticks_ns(1000)]);
  pit.writePort(0, 1, 500 & 0xff);
  pit.writePort(0, 1, 500 >> 8);
  advance(2e7);
  expect(edges.length).toBe(2);
});

test("the count runs down; latching holds it until it is read", () => {
  program(0, 2, 10000);
  now_ns = ticks_ns(4000);
  pit.writePort(3, 1, 0x00);
  now_ns = ticks_ns(5000);
  expect(read16(0)).toBe(6000);
  expect(read16(0)).toBe(5000);
});

test("read-back latches status: output, null count, access, mode", () => {
  pit.writePort(3, 1, 0x34);
  pit.writePort(3, 1, 0xe2);
  expect(pit.readPort(0)).toBe(0x80 | 0x40 | 0x34);
  program(0, 2, 100);
  pit.writePort(3, 1, 0xe2);
  expect(pit.readPort(0)).toBe(0x80 | 0x34);
});

test("channel 2: the gate at port 0x61 starts it, its output is bit 5", () => {
  program(2, 0, 1193);
  expect(pit.portB.readPort(0, 1) & 0x20).toBe(0);
  now_ns = 1e9;
  expect(pit.portB.readPort(0, 1) & 0x20).toBe(0); // the gate is low: nothing was counted
  pit.portB.writePort(0, 1, 1);
  now_ns = 1e9 + ticks_ns(1190);
  expect(pit.portB.readPort(0, 1) & 0x20).toBe(0);
  now_ns = 1e9 + ticks_ns(1195);
  expect(pit.portB.readPort(0, 1) & 0x20).toBe(0x20);
});

test("BCD counting", () => {
  pit.writePort(3, 1, 0x35);
  pit.writePort(0, 1, 0x00);
  pit.writePort(0, 1, 0x10); // 1000 decimal
  now_ns = ticks_ns(1);
  expect(read16(0)).toBe(0x0999);
});

test("the speaker's tone", () => {
  program(2, 3, 1193);
  expect(pit.tone_period_ns).toBe(0);
  pit.portB.writePort(0, 1, 3);
  expect(Math.round(1e9 / pit.tone_period_ns)).toBe(1000);
});

test("ticks missed while the host was away are dropped, not delivered in a burst", () => {
  program(0, 2, 1193);
  edges = [];
  now_ns = 10e9;
  timeline.runDue(now_ns);
  expect(edges.length).toBe(1);
  expect(pit.counters.lost_ticks).toBeGreaterThan(9000);
  expect(timeline.next_ns).toBeGreaterThan(now_ns);
});

test("mode 0: a count that ends before the host looked again is an edge too", () => {
  program(0, 0, 1000);
  advance(1e7);
  edges = [];
  // The host's clock goes on between any two looks at it.
  timeline.now_ns = () => (now_ns += 20_000);
  pit.writePort(0, 1, 15);
  pit.writePort(0, 1, 0);
  timeline.runDue(now_ns);
  expect(edges.length).toBe(1);
});

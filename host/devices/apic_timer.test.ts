import { beforeEach, expect, test } from "vitest";
import { MSR_TSC_DEADLINE } from "../../cpu-core/abi/state.ts";
import { bench } from "./apic_fixture.ts";
import type { Bench } from "./apic_fixture.ts";
import { CURRENT_COUNT, DIVIDE, EOI, INITIAL_COUNT, LVT, SVR } from "./local_apic.ts";
import type { LocalApic } from "./local_apic.ts";

/** One tick of the crystal, divided by 1, ns. */
const TICK_NS = 40;
const DIVIDE_BY_1 = 0xb;
const MASKED = 1 << 16;
const PERIODIC = 1 << 17;
const DEADLINE = 2 << 17;
const VECTOR = 0x50;

let one: Bench;
let apic: LocalApic;
const write = (offset: number, value: number): void => apic.writeMmio(offset, 4, value);
const count = (): number => apic.readMmio(CURRENT_COUNT, 4);
/** Expiries since the last call. */
let seen = 0;
const expiries = (): number => {
  const before = seen;
  seen = apic.counters.accepted;
  return seen - before;
};

beforeEach(() => {
  one = bench(1);
  [apic] = one.apics;
  seen = 0;
  write(DIVIDE, DIVIDE_BY_1);
});

test("one-shot: counts down, interrupts once, stays at 0", () => {
  write(LVT, VECTOR);
  write(INITIAL_COUNT, 100);
  expect(count()).toBe(100);
  one.pass(60 * TICK_NS);
  expect(count()).toBe(40);
  one.pass(39 * TICK_NS);
  expect([count(), expiries()]).toEqual([1, 0]);
  one.pass(TICK_NS);
  expect([count(), expiries()]).toEqual([0, 1]);
  one.pass(1000 * TICK_NS);
  expect([count(), expiries(), apic.readMmio(INITIAL_COUNT, 4)]).toEqual([0, 0, 100]);
});

test("divide configuration", () => {
  write(LVT, VECTOR);
  const divisors = [2, 4, 8, 16, 32, 64, 128, 1];
  for (const [n, divisor] of divisors.entries()) {
    write(DIVIDE, (n & 3) | ((n & 4) << 1));
    write(INITIAL_COUNT, 10);
    one.pass(10 * divisor * TICK_NS - 1);
    expect(expiries()).toBe(0);
    one.pass(1);
    expect(expiries()).toBe(1);
  }
  expect(apic.readMmio(DIVIDE, 4)).toBe(0xb);
});

test("periodic: on and on, exactly", () => {
  write(LVT, PERIODIC | VECTOR);
  write(INITIAL_COUNT, 25);
  one.pass(25 * 10 * TICK_NS);
  expect([expiries(), count()]).toEqual([10, 25]);
  one.pass(24 * TICK_NS);
  expect([expiries(), count()]).toEqual([0, 1]);
  write(INITIAL_COUNT, 0);
  one.pass(1000 * TICK_NS);
  expect([expiries(), count()]).toEqual([0, 0]);
});

test("masked: counts, but nothing waits for it; unmasked in time it interrupts", () => {
  write(LVT, MASKED | VECTOR);
  write(INITIAL_COUNT, 100);
  expect(one.timeline.next_ns).toBe(Infinity);
  one.pass(50 * TICK_NS);
  expect(count()).toBe(50);
  write(LVT, VECTOR);
  one.pass(50 * TICK_NS);
  expect(expiries()).toBe(1);
  write(LVT, MASKED | VECTOR);
  write(INITIAL_COUNT, 100);
  one.pass(100 * TICK_NS);
  write(LVT, VECTOR); // too late
  one.pass(100 * TICK_NS);
  expect(expiries()).toBe(0);
});

test("disabling the APIC masks the timer", () => {
  write(LVT, PERIODIC | VECTOR);
  write(INITIAL_COUNT, 10);
  write(SVR, 0xff);
  expect(one.timeline.next_ns).toBe(Infinity);
  one.pass(1000 * TICK_NS);
  expect(expiries()).toBe(0);
});

test("from periodic to one-shot the count goes on, and ends", () => {
  write(LVT, PERIODIC | VECTOR);
  write(INITIAL_COUNT, 100);
  one.pass(130 * TICK_NS);
  expect(expiries()).toBe(1);
  write(LVT, VECTOR);
  expect(count()).toBe(70);
  one.pass(1000 * TICK_NS);
  expect([expiries(), count()]).toEqual([1, 0]);
});

test("a late host merges what it missed", () => {
  write(LVT, PERIODIC | VECTOR);
  write(INITIAL_COUNT, 1);
  one.clock.ns = 1e9;
  one.timeline.runDue(one.clock.ns);
  expect(expiries()).toBe(1);
  expect(one.timeline.next_ns).toBe(1e9 + TICK_NS);
});

test("TSC-deadline: fires when the TSC gets there, once", () => {
  write(LVT, DEADLINE | VECTOR);
  apic.writeMsr(MSR_TSC_DEADLINE, 5000, 0);
  expect(apic.readMsr(MSR_TSC_DEADLINE)).toEqual({ lo: 5000, hi: 0 });
  one.pass(4999);
  expect(expiries()).toBe(0);
  one.pass(1);
  expect(expiries()).toBe(1);
  expect(apic.readMsr(MSR_TSC_DEADLINE)).toEqual({ lo: 0, hi: 0 });
  apic.acknowledge();
  write(EOI, 0);
  apic.writeMsr(MSR_TSC_DEADLINE, 1, 0); // has passed
  one.pass(0);
  expect(expiries()).toBe(1);
});

test("TSC-deadline: 0 disarms, the count registers are dead, other modes ignore the MSR", () => {
  write(LVT, DEADLINE | VECTOR);
  apic.writeMsr(MSR_TSC_DEADLINE, 5000, 0);
  apic.writeMsr(MSR_TSC_DEADLINE, 0, 0);
  write(INITIAL_COUNT, 10);
  expect([apic.readMmio(INITIAL_COUNT, 4), count()]).toEqual([0, 0]);
  one.pass(10_000);
  expect(expiries()).toBe(0);
  apic.writeMsr(MSR_TSC_DEADLINE, 50_000, 0);
  write(LVT, VECTOR); // leaving the mode disarms
  apic.writeMsr(MSR_TSC_DEADLINE, 50_000, 0);
  expect(apic.readMsr(MSR_TSC_DEADLINE)).toEqual({ lo: 0, hi: 0 });
  one.pass(100_000);
  expect(expiries()).toBe(0);
});

test("TSC-deadline: follows a TSC that is set, all 64 bits of it", () => {
  write(LVT, DEADLINE | VECTOR);
  apic.writeMsr(MSR_TSC_DEADLINE, 0xffff_ffff, 0xffff_ffff);
  one.pass(1e9);
  expect(expiries()).toBe(0);
  // The TSC becomes FFFFFFFF_FFFFFF00H: 255 cycles are left.
  const [cpu] = one.cpus;
  cpu.tsc_lo = (0xffff_ff00 - 1e9) >>> 0;
  cpu.tsc_hi = 0xffff_ffff;
  apic.timer.tscWritten();
  one.pass(254);
  expect(expiries()).toBe(0);
  one.pass(1);
  expect(expiries()).toBe(1);
});

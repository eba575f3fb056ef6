import { beforeEach, describe, expect, test } from "vitest";
import { bench } from "./apic_fixture.ts";
import type { Bench, TestCpu } from "./apic_fixture.ts";
import { EXTINT, INIT, NMI } from "./apic_bus.ts";
import { IoApic, NR_PINS } from "./io_apic.ts";
import { EOI, LDR, SVR, TPR } from "./local_apic.ts";
import type { LocalApic } from "./local_apic.ts";

const LOGICAL = 1 << 11;
const ACTIVE_LOW = 1 << 13;
const REMOTE_IRR = 1 << 14;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const PIN = 5;

let one: Bench;
let io: IoApic;
let apic: LocalApic;
let cpu: TestCpu;

const write = (register: number, value: number): void => {
  io.writeMmio(0, 4, register);
  io.writeMmio(0x10, 4, value >>> 0);
};
const read = (register: number): number => {
  io.writeMmio(0, 4, register);
  return io.readMmio(0x10, 4);
};
const entry = (low: number, high = 0): void => {
  write(0x11 + PIN * 2, high);
  write(0x10 + PIN * 2, low);
};
const low = (): number => read(0x10 + PIN * 2);
const pulse = (): void => {
  io.setPin(PIN, 1);
  io.setPin(PIN, 0);
};
const take = (): number => {
  const vector = apic.acknowledge();
  apic.writeMmio(EOI, 4, 0);
  return vector;
};

beforeEach(() => {
  one = bench(1);
  [apic] = one.apics;
  [cpu] = one.cpus;
  io = new IoApic(one.bus);
});

test("registers", () => {
  expect([read(0), read(1), read(2)]).toEqual([0, 0x0017_0020, 0]);
  write(0, 0x0f00_0000);
  expect([read(0), read(2)]).toEqual([0x0f00_0000, 0x0f00_0000]);
  for (let pin = 0; pin < NR_PINS; pin++)
    expect([read(0x10 + pin * 2), read(0x11 + pin * 2)]).toEqual([MASKED, 0]);
  entry(0xffff_ffff, 0xffff_ffff);
  expect([low() & ~MASKED, read(0x11 + PIN * 2)]).toEqual([0xafff, 0xff00_0000]);
  expect(read(0x40)).toBe(0);
  io.writeMmio(0, 1, 1); // the select register takes bytes
  expect([io.readMmio(0, 1), io.readMmio(0x12, 1), io.readMmio(0x12, 2)]).toEqual([1, 0x17, 0x17]);
});

describe("edges", () => {
  test("are sent once each", () => {
    entry(0x40);
    io.setPin(PIN, 1);
    expect(take()).toBe(0x40);
    expect(cpu.level).toBe(0);
    io.setPin(PIN, 0);
    io.setPin(PIN, 1);
    expect(take()).toBe(0x40);
  });

  test("on a masked pin are lost", () => {
    entry(MASKED | 0x40);
    pulse();
    io.setPin(PIN, 1);
    entry(0x40);
    expect(cpu.level).toBe(0);
    expect(io.counters.lost_edges).toBe(2);
  });

  test("fall when the pin is active low", () => {
    entry(ACTIVE_LOW | 0x40);
    io.setPin(PIN, 1);
    expect(cpu.level).toBe(0);
    io.setPin(PIN, 0);
    expect(take()).toBe(0x40);
  });
});

describe("levels", () => {
  test("Remote IRR holds the next one back until EOI", () => {
    entry(LEVEL | 0x41);
    io.setPin(PIN, 1);
    expect(low() & REMOTE_IRR).toBe(REMOTE_IRR);
    expect(take()).toBe(0x41);
    expect(take()).toBe(0x41); // still up
    io.setPin(PIN, 0);
    expect(cpu.level).toBe(1); // accepted already
    expect(take()).toBe(0x41);
    expect([cpu.level, low() & REMOTE_IRR]).toEqual([0, 0]);
  });

  test("wait while masked", () => {
    entry(MASKED | LEVEL | 0x41);
    io.setPin(PIN, 1);
    expect(cpu.level).toBe(0);
    entry(LEVEL | 0x41);
    expect(take()).toBe(0x41);
  });

  test("are not forgotten when nobody accepts them", () => {
    apic.writeMmio(SVR, 4, 0xff);
    entry(LEVEL | 0x41);
    io.setPin(PIN, 1);
    expect(low() & REMOTE_IRR).toBe(0);
  });

  test("with suppressed broadcasts: EOI register, or through an edge-triggered entry", () => {
    apic.writeMmio(SVR, 4, 0x1ff | (1 << 12));
    entry(LEVEL | 0x41);
    io.setPin(PIN, 1);
    take();
    expect(cpu.level).toBe(0);
    io.writeMmio(0x40, 4, 0x41);
    take();
    io.setPin(PIN, 0);
    expect(low() & REMOTE_IRR).toBe(REMOTE_IRR);
    entry(MASKED | 0x41);
    entry(LEVEL | 0x41);
    expect(low() & REMOTE_IRR).toBe(0);
  });
});

test("delivery modes and destinations", () => {
  const two = bench(2);
  io = new IoApic(two.bus);
  const levels = (): number[] => two.cpus.map((each) => each.level);
  entry(0x42, 1 << 24);
  pulse();
  expect(levels()).toEqual([0, 1]);
  entry(0x43, 0xff << 24);
  pulse();
  expect(levels()).toEqual([1, 1]);
  two.apics[0].writeMmio(TPR, 4, 0x10);
  two.apics[1].writeMmio(TPR, 4, 0x20);
  entry(LOGICAL | (1 << 8) | 0x54, 3 << 24); // lowest priority
  pulse();
  expect(two.apics.map((each) => each.irr.has(0x54))).toEqual([true, false]);
  entry(NMI << 8, 1 << 24);
  pulse();
  entry(LEVEL | (NMI << 8), 1 << 24); // NMIs are edges
  pulse();
  expect(two.cpus.map((each) => each.nmis)).toEqual([0, 2]);
  entry(INIT << 8, 1 << 24);
  pulse();
  expect(two.cpus[1].inits).toBe(1);
});

test("ExtINT asks for the 8259's vector", () => {
  entry((EXTINT << 8) | 0x99);
  pulse();
  expect(cpu.level).toBe(1);
  expect(apic.acknowledge()).toBe(0x70);
  expect(cpu.level).toBe(0);
});

describe("message-signalled interrupts", () => {
  test("address: destination and its mode; data: vector, delivery mode", () => {
    const store = (address: number, data: number): void =>
      one.bus.msi_window.writeMmio(address - 0xfee0_0000, 4, data);
    store(0xfee0_0000, 0x61);
    expect(take()).toBe(0x61);
    store(0xfee0_1000, 0x62); // no such CPU
    expect(cpu.level).toBe(0);
    store(0xfeef_f000, 0x63); // all
    expect(take()).toBe(0x63);
    store(0xfee0_100c, 0x164); // lowest priority of logical destination 1
    expect(take()).toBe(0x64);
    apic.writeMmio(LDR, 4, 2 << 24);
    store(0xfee0_1004, 0x65);
    expect(cpu.level).toBe(0);
    store(0xfee0_2004, 0x65);
    expect(take()).toBe(0x65);
    store(0xfee0_0000, NMI << 8);
    expect(cpu.nmis).toBe(1);
    store(0xfee0_0000, (1 << 15) | 0x66); // level, de-assert
    expect(cpu.level).toBe(0);
  });

  test("take 32-bit stores only", () => {
    one.bus.msi_window.writeMmio(0, 2, 0x61);
    expect(cpu.level).toBe(0);
    expect(one.bus.msi_window.readMmio(0, 4)).toBe(0xffff_ffff);
  });
});

import { beforeEach, expect, test } from "vitest";
import { MSR_APIC_BASE } from "../cpu-core/abi/state.ts";
import { Board, IO_APIC_ADDRESS } from "./board.ts";
import type { CpuSocket } from "./board.ts";
import { Timeline, VirtualClock } from "./clock.ts";
import { TestCpu } from "./devices/apic_fixture.ts";

const APIC = 0xfee0_0000;
const LINT0 = APIC + 0x350;
const LINT1 = APIC + 0x360;
const SVR = APIC + 0x0f0;

let cpus: TestCpu[];
let board: Board;

beforeEach(() => {
  cpus = [new TestCpu(), new TestCpu()];
  const nothing = (): void => undefined;
  board = new Board(
    { memory_bytes: 16 << 20, disks: [null, null] },
    new Timeline(new VirtualClock(() => 0)),
    {
      cpus: cpus satisfies CpuSocket[],
      reset: nothing,
      powerOff: nothing,
      setA20: nothing,
      a20: () => 1,
      serialOutput: nothing,
      serialDrained: nothing,
      debugOutput: nothing,
      videoMemory: () => new Uint8Array(0),
      videoModeChanged: nothing,
    },
  );
  board.reset();
  for (const cpu of [0, 1]) board.memoryBus(cpu).write(SVR, 4, 0x1ff);
});

/** The 8259 pair as the firmware leaves it, everything unmasked. */
function initialisePics(): void {
  for (const [command, base, icw3] of [
    [0x20, 0x08, 4],
    [0xa0, 0x70, 2],
  ]) {
    board.ports.write(command, 1, 0x11);
    for (const value of [base, icw3, 1, 0]) board.ports.write(command + 1, 1, value);
  }
}

function redirect(pin: number, low: number, high: number): void {
  for (const [register, value] of [
    [0x11 + pin * 2, high],
    [0x10 + pin * 2, low],
  ]) {
    board.mmio.write(IO_APIC_ADDRESS, 4, register);
    board.mmio.write(IO_APIC_ADDRESS + 0x10, 4, value);
  }
}

test("an IRQ line reaches the 8259 pair and, through LINT0, each CPU that listens", () => {
  initialisePics();
  board.memoryBus(0).write(LINT0, 4, 0x700);
  board.irq(4).raise();
  expect(cpus.map((cpu) => cpu.level)).toEqual([1, 0]);
  expect(board.apics[0].acknowledge()).toBe(0x0c);
  expect(cpus[0].level).toBe(0);
});

test("the same line reaches the I/O APIC: IRQ 4 pin 4, IRQ 0 pin 2", () => {
  redirect(4, 0x54, 1 << 24);
  redirect(2, 0x50, 0);
  board.irq(4).raise();
  expect(cpus.map((cpu) => cpu.level)).toEqual([0, 1]);
  board.irq(0).edge();
  expect(board.apics[0].acknowledge()).toBe(0x50);
});

test("the 8259 pair is on pin 0 of the I/O APIC", () => {
  initialisePics();
  redirect(0, 0x700, 0);
  board.irq(4).raise();
  expect(cpus[0].level).toBe(1);
  expect(board.apics[0].acknowledge()).toBe(0x0c);
});

test("the NMI line is LINT1 of all CPUs; port 70H masks it", () => {
  for (const cpu of [0, 1]) board.memoryBus(cpu).write(LINT1, 4, 0x400);
  board.ports.write(0x70, 1, 0x8f);
  board.nmi.serr.raise();
  expect(cpus.map((cpu) => cpu.nmis)).toEqual([0, 0]);
  expect(board.ports.read(0x61, 1) & 0x80).toBe(0x80);
  board.ports.write(0x70, 1, 0x0f);
  expect(cpus.map((cpu) => cpu.nmis)).toEqual([1, 1]);
});

test("each CPU sees its own local APIC, where it put it; else the bus", () => {
  expect([0, 1].map((cpu) => board.memoryBus(cpu).read(APIC + 0x20, 4))).toEqual([0, 1 << 24]);
  board.apics[0].writeMsr(MSR_APIC_BASE, 0xfed0_0900, 0);
  expect(board.memoryBus(0).read(0xfed0_0030, 4)).toBe(board.memoryBus(1).read(APIC + 0x30, 4));
  expect(board.memoryBus(0).read(APIC + 0x30, 4)).toBe(0xffff_ffff);
  board.memoryBus(0).write(APIC + 0x1000, 4, 0x61); // a message to CPU 1
  expect(cpus[1].level).toBe(1);
});

test("a CPU that is halted for good can be woken by an NMI that is routed to it", () => {
  expect(board.wakes_masked_cpu).toBe(false);
  redirect(4, 0x400, 0);
  expect(board.wakes_masked_cpu).toBe(true);
  redirect(4, 0x1_0400, 0);
  board.memoryBus(0).write(LINT0, 4, 0x400);
  expect(board.wakes_masked_cpu).toBe(true);
});

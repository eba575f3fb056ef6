import { beforeEach, describe, expect, test } from "vitest";
import { MSR_APIC_BASE } from "../../cpu-core/abi/state.ts";
import { bench } from "./apic_fixture.ts";
import type { Bench, TestCpu } from "./apic_fixture.ts";
import { EXTINT, FIXED, INIT, NMI, START_UP } from "./apic_bus.ts";
import * as reg from "./local_apic.ts";
import type { LocalApic } from "./local_apic.ts";

const LINT0 = 0x350;
const LINT1 = 0x360;
const LVT_ERROR = 0x370;
const MASKED = 1 << 16;
const LEVEL = 1 << 15;
const REMOTE_IRR = 1 << 14;
const ACTIVE_LOW = 1 << 13;

let one: Bench;
let apic: LocalApic;
let cpu: TestCpu;

const read = (offset: number): number => apic.readMmio(offset, 4);
const write = (offset: number, value: number): void => apic.writeMmio(offset, 4, value >>> 0);
const eoi = (): void => write(reg.EOI, 0);
/** Bit of `vector` in ISR, TMR or IRR. */
const bit = (set: number, vector: number): number => (read(set + (vector >> 5) * 16) >>> (vector & 31)) & 1;
const esr = (): number => {
  write(reg.ESR, 0);
  return read(reg.ESR);
};

beforeEach(() => {
  one = bench(1);
  [apic] = one.apics;
  [cpu] = one.cpus;
});

test("state after reset", () => {
  apic.reset();
  expect(read(reg.ID)).toBe(0);
  expect(read(reg.VERSION)).toBe(0x0105_0014);
  expect(read(reg.SVR)).toBe(0xff);
  expect(read(reg.DFR)).toBe(0xffff_ffff);
  for (const offset of [reg.TPR, reg.PPR, reg.APR, reg.LDR, reg.ESR, reg.ICR, reg.ICR_HIGH])
    expect(read(offset)).toBe(0);
  for (let entry = 0; entry < 6; entry++) expect(read(reg.LVT + entry * 16)).toBe(MASKED);
  expect(apic.page).toBe(0xfee0_0000);
});

describe("priorities", () => {
  test("a request interrupts, goes into service, and ends with EOI", () => {
    apic.receive(FIXED, 0x51, false);
    expect([cpu.level, bit(reg.IRR, 0x51), bit(reg.ISR, 0x51)]).toEqual([1, 1, 0]);
    expect(apic.acknowledge()).toBe(0x51);
    expect([cpu.level, bit(reg.IRR, 0x51), bit(reg.ISR, 0x51), read(reg.PPR)]).toEqual([0, 0, 1, 0x50]);
    eoi();
    expect([bit(reg.ISR, 0x51), read(reg.PPR)]).toEqual([0, 0]);
  });

  test("a higher class nests, the same class waits for EOI", () => {
    apic.receive(FIXED, 0x51, false);
    apic.acknowledge();
    apic.receive(FIXED, 0x5f, false);
    expect(cpu.level).toBe(0);
    apic.receive(FIXED, 0x60, false);
    expect(apic.acknowledge()).toBe(0x60);
    eoi();
    expect(cpu.level).toBe(0);
    eoi();
    expect(cpu.level).toBe(1);
    expect(apic.acknowledge()).toBe(0x5f);
  });

  test("requests are taken highest first, each once", () => {
    for (const vector of [0x31, 0xf2, 0x80, 0x31]) apic.receive(FIXED, vector, false);
    const taken = [];
    while (cpu.level) {
      taken.push(apic.acknowledge());
      eoi();
    }
    expect(taken).toEqual([0xf2, 0x80, 0x31]);
  });

  test("TPR holds back its class and those below; PPR and APR follow", () => {
    write(reg.TPR, 0x5a);
    expect([read(reg.PPR), read(reg.APR)]).toEqual([0x5a, 0x5a]);
    apic.receive(FIXED, 0x5f, false);
    expect(cpu.level).toBe(0);
    write(reg.TPR, 0x4f);
    expect(cpu.level).toBe(1);
    expect(read(reg.APR)).toBe(0x50);
    apic.acknowledge();
    expect(read(reg.PPR)).toBe(0x50);
    write(reg.TPR, 0x53);
    expect(read(reg.PPR)).toBe(0x53);
  });

  test("an acknowledge that finds nothing gives the spurious vector and no service", () => {
    write(reg.SVR, 0x1e7);
    apic.receive(FIXED, 0x41, false);
    write(reg.TPR, 0xf0);
    expect(apic.acknowledge()).toBe(0xe7);
    expect(bit(reg.ISR, 0xe7)).toBe(0);
  });
});

describe("errors", () => {
  test("illegal vectors received and sent", () => {
    apic.receive(FIXED, 0x0f, false);
    expect(cpu.level).toBe(0);
    expect(read(reg.ESR)).toBe(0);
    expect(esr()).toBe(reg.RECEIVE_ILLEGAL_VECTOR);
    expect(esr()).toBe(0);
    write(reg.ICR, 0x0e);
    expect(esr()).toBe(reg.SEND_ILLEGAL_VECTOR);
    write(reg.ICR, (1 << 18) | 0x0e);
    expect(esr()).toBe(reg.SEND_ILLEGAL_VECTOR | reg.RECEIVE_ILLEGAL_VECTOR);
  });

  test("registers that are not there", () => {
    read(0x010);
    expect(esr()).toBe(reg.ILLEGAL_REGISTER);
    write(0x2f0, 0);
    expect(esr()).toBe(reg.ILLEGAL_REGISTER);
    write(reg.VERSION, 0); // there, but not to be written
    expect(esr()).toBe(0);
  });

  test("interrupt by their LVT entry, once until the ESR is written", () => {
    write(LVT_ERROR, 0xe1);
    read(0x010);
    expect(apic.acknowledge()).toBe(0xe1);
    eoi();
    read(0x010);
    expect(cpu.level).toBe(0);
    esr();
    read(0x010);
    expect(cpu.level).toBe(1);
  });
});

describe("disabled by software", () => {
  test("refuses fixed interrupts, masks the LVT, takes NMIs", () => {
    write(LINT0, 0x700);
    write(reg.SVR, 0xff);
    expect(read(LINT0)).toBe(MASKED | 0x700);
    write(LINT0, 0x700);
    expect(read(LINT0)).toBe(MASKED | 0x700);
    expect(apic.receive(FIXED, 0x40, false)).toBe(false);
    expect(apic.receive(NMI, 0, false)).toBe(true);
    expect(cpu.nmis).toBe(1);
  });
});

describe("LINT pins", () => {
  test("virtual wire mode: the 8259's request passes whatever the TPR says", () => {
    write(LINT0, EXTINT << 8);
    write(reg.TPR, 0xff);
    apic.setLint(0, 1);
    expect(cpu.level).toBe(1);
    expect(apic.acknowledge()).toBe(0x70);
    apic.setLint(0, 0);
    expect(cpu.level).toBe(0);
    expect(read(reg.PPR)).toBe(0xff);
  });

  test("own requests come before the 8259's", () => {
    write(LINT0, EXTINT << 8);
    apic.setLint(0, 1);
    apic.receive(FIXED, 0x41, false);
    expect([apic.acknowledge(), apic.acknowledge()]).toEqual([0x41, 0x70]);
  });

  test("masked, nothing passes; while the APIC is off, they are INTR and NMI", () => {
    apic.setLint(0, 1);
    expect(cpu.level).toBe(0);
    apic.writeMsr(MSR_APIC_BASE, 0xfee0_0100, 0);
    expect([apic.page, cpu.level]).toEqual([-1, 1]);
    apic.setLint(1, 1);
    expect(cpu.nmis).toBe(1);
    expect(apic.acknowledge()).toBe(0x70);
  });

  test("NMI and edges: once for each rise", () => {
    write(LINT1, NMI << 8);
    apic.setLint(1, 1);
    apic.setLint(1, 1);
    expect(cpu.nmis).toBe(1);
    write(LINT0, 0x45);
    apic.setLint(0, 1);
    expect(apic.acknowledge()).toBe(0x45);
    eoi();
    expect(cpu.level).toBe(0);
  });

  test("levels: Remote IRR until EOI, then again; active low", () => {
    write(LINT0, LEVEL | 0x46);
    apic.setLint(0, 1);
    expect(read(LINT0) & REMOTE_IRR).toBe(REMOTE_IRR);
    expect(bit(reg.TMR, 0x46)).toBe(1);
    expect(apic.acknowledge()).toBe(0x46);
    eoi();
    expect(apic.acknowledge()).toBe(0x46);
    apic.setLint(0, 0);
    eoi();
    expect([cpu.level, read(LINT0) & REMOTE_IRR]).toEqual([0, 0]);
    write(LINT0, LEVEL | ACTIVE_LOW | 0x47);
    expect(apic.acknowledge()).toBe(0x47);
  });
});

describe("interprocessor interrupts", () => {
  let two: Bench;
  const send = (high: number, low: number): void => {
    two.apics[0].writeMmio(reg.ICR_HIGH, 4, high >>> 0);
    two.apics[0].writeMmio(reg.ICR, 4, low >>> 0);
  };
  const levels = (): number[] => two.cpus.map((each) => each.level);
  beforeEach(() => (two = bench(3)));

  test("physical destination and broadcast", () => {
    send(1 << 24, 0x40);
    expect(levels()).toEqual([0, 1, 0]);
    send(0xff << 24, 0x41);
    expect(levels()).toEqual([1, 1, 1]);
  });

  test("shorthands", () => {
    send(0, (1 << 18) | 0x40);
    expect(levels()).toEqual([1, 0, 0]);
    two.apics[0].acknowledge();
    send(0, (3 << 18) | 0x50);
    expect(levels()).toEqual([0, 1, 1]);
    send(0, (2 << 18) | 0x60);
    expect(levels()).toEqual([1, 1, 1]);
    send(0, (1 << 18) | (NMI << 8)); // self takes fixed interrupts only
    expect(two.cpus[0].nmis).toBe(0);
    send(0, (3 << 18) | (NMI << 8));
    expect(two.cpus.map((each) => each.nmis)).toEqual([0, 1, 1]);
  });

  test("logical destinations, flat", () => {
    send(0b110 << 24, (1 << 11) | 0x40);
    expect(levels()).toEqual([0, 1, 1]);
  });

  test("logical destinations, clusters", () => {
    for (const [n, each] of two.apics.entries()) {
      each.writeMmio(reg.DFR, 4, 0x0fff_ffff);
      each.writeMmio(reg.LDR, 4, [0x11, 0x12, 0x21][n] << 24);
    }
    send(0x13 << 24, (1 << 11) | 0x40);
    expect(levels()).toEqual([1, 1, 0]);
    send(0xf1 << 24, (1 << 11) | 0x50);
    expect(levels()).toEqual([1, 1, 1]);
  });

  test("lowest priority: the smallest PPR, in turn among equals", () => {
    two.apics[1].writeMmio(reg.TPR, 4, 0x20);
    const lowest = (1 << 11) | (1 << 8);
    const counts = (): number[] => two.apics.map((each) => each.counters.accepted);
    for (let n = 0; n < 4; n++) send(0b111 << 24, lowest | (0x40 + n));
    expect(counts()).toEqual([2, 0, 2]);
    two.apics[0].writeMmio(reg.TPR, 4, 0x30);
    two.apics[2].writeMmio(reg.TPR, 4, 0x30);
    send(0b111 << 24, lowest | 0x90);
    expect(counts()).toEqual([2, 1, 2]);
  });

  test("INIT and start-up", () => {
    two.apics[1].writeMmio(reg.TPR, 4, 0x20);
    send(1 << 24, (INIT << 8) | (1 << 14));
    expect(two.cpus[1].inits).toBe(1);
    expect(two.apics[1].tpr).toBe(0);
    send(1 << 24, (INIT << 8) | (1 << 15)); // de-assert
    expect(two.cpus[1].inits).toBe(1);
    send(1 << 24, (START_UP << 8) | 0x9f);
    send(1 << 24, (START_UP << 8) | 0x9f); // the second one finds it running
    expect(two.cpus[1].started).toEqual([0x9f]);
    send(0, (START_UP << 8) | 0x9f);
    expect(two.cpus[0].started).toEqual([]); // the bootstrap processor waits for none
  });
});

describe("EOI broadcast", () => {
  test("for level-triggered vectors, unless suppressed", () => {
    const heard: number[] = [];
    one.bus.listeners.push({ endOfInterrupt: (vector) => heard.push(vector) });
    const serve = (vector: number, level: boolean): void => {
      apic.receive(FIXED, vector, level);
      apic.acknowledge();
      eoi();
    };
    serve(0x40, false);
    serve(0x41, true);
    write(reg.SVR, 0x1ff | (1 << 12));
    serve(0x42, true);
    expect(heard).toEqual([0x41]);
  });
});

describe("x2APIC mode", () => {
  const msr = (offset: number): number => 0x800 + (offset >> 4);
  const enter = (): boolean => apic.writeMsr(MSR_APIC_BASE, 0xfee0_0d00, 0);

  test("state transitions", () => {
    const to = (lo: number): boolean => apic.writeMsr(MSR_APIC_BASE, lo, 0);
    expect(to(0xfee0_0500)).toBe(false); // EXTD without EN
    expect(to(0xfee0_0d00)).toBe(true);
    expect(apic.page).toBe(-1);
    expect(to(0xfee0_0900)).toBe(false); // back to xAPIC
    expect(to(0xfee0_0100)).toBe(true);
    expect(to(0xfee0_0d00)).toBe(false); // from off
    expect(to(0xfee0_0900)).toBe(true);
    expect(read(reg.SVR)).toBe(0xff); // off forgets
    expect(to(0xfee0_0a00)).toBe(false); // reserved bit
    expect(apic.writeMsr(MSR_APIC_BASE, 0xfee0_0900, 0x100)).toBe(false); // beyond 40 bits
  });

  test("registers are MSRs, and only in this mode", () => {
    expect(apic.readMsr(msr(reg.VERSION))).toBeNull();
    enter();
    expect(apic.readMsr(msr(reg.VERSION))?.lo).toBe(0x0105_0014);
    expect(apic.readMsr(msr(reg.LDR))?.lo).toBe(1);
    for (const offset of [reg.DFR, reg.ICR_HIGH, reg.EOI, reg.SELF_IPI, reg.APR])
      expect(apic.readMsr(msr(offset))).toBeNull();
    for (const offset of [reg.ID, reg.VERSION, reg.LDR, reg.PPR, reg.CURRENT_COUNT, reg.ISR, 0x400])
      expect(apic.writeMsr(msr(offset), 0, 0)).toBe(false);
  });

  test("reserved bits are refused", () => {
    enter();
    const refused = [
      [reg.TPR, 0x100],
      [reg.EOI, 1],
      [reg.ESR, 1],
      [reg.SVR, 1 << 13],
      [reg.LVT, 1 << 19],
      [reg.SELF_IPI, 0x100],
      [reg.ICR, 1 << 12],
      [reg.DIVIDE, 4],
    ];
    for (const [offset, value] of refused) expect(apic.writeMsr(msr(offset), value, 0)).toBe(false);
    expect(apic.writeMsr(msr(reg.TPR), 0, 1)).toBe(false);
  });

  test("ICR is one write; self IPI", () => {
    enter();
    expect(apic.writeMsr(msr(reg.ICR), 0x41, 0)).toBe(true);
    expect(apic.acknowledge()).toBe(0x41);
    expect(apic.writeMsr(msr(reg.SELF_IPI), 0x42, 0)).toBe(true);
    expect(bit(reg.IRR, 0x42)).toBe(1);
    expect(apic.writeMsr(msr(reg.ICR), (1 << 11) | 0x43, 0x0000_0001)).toBe(true); // cluster 0, bit 0
    expect(bit(reg.IRR, 0x43)).toBe(1);
    expect(apic.writeMsr(msr(reg.ICR), (1 << 11) | 0x44, 0x0001_0001)).toBe(true); // cluster 1
    expect(bit(reg.IRR, 0x44)).toBe(0);
    expect(apic.writeMsr(msr(reg.ICR), 0x45, 0xffff_ffff)).toBe(true);
    expect(bit(reg.IRR, 0x45)).toBe(1);
  });
});

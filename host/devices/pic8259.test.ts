import { beforeEach, expect, test } from "vitest";
import { IrqLine } from "../bus.ts";
import { PicPair } from "./pic8259.ts";

let intr = 0;
let pics: PicPair;
let lines: IrqLine[];
const line = (irq: number): IrqLine => lines[irq];

/** As every PC's firmware and Linux do: IRQ n at vector 0x20 + n, everything unmasked. */
function initialise(icw4: number): void {
  const { master, slave } = pics;
  for (const [chip, base, cascade] of [
    [master, 0x20, 4],
    [slave, 0x28, 2],
  ] as const) {
    chip.writePort(0, 1, 0x11);
    chip.writePort(1, 1, base);
    chip.writePort(1, 1, cascade);
    chip.writePort(1, 1, icw4);
    chip.writePort(1, 1, 0);
  }
}

beforeEach(() => {
  intr = 0;
  pics = new PicPair((level) => (intr = level));
  lines = Array.from({ length: 16 }, (_, irq) => new IrqLine((level) => pics.setLine(irq, level)));
  initialise(1);
});

const EOI = 0x20;

test("a request interrupts, goes into service, and ends with EOI", () => {
  line(4).raise();
  expect(intr).toBe(1);
  expect(pics.acknowledge()).toBe(0x24);
  expect(intr).toBe(0);
  expect(pics.master.isr).toBe(1 << 4);
  line(4).edge();
  expect(intr).toBe(0); // its own level is in service
  pics.master.writePort(0, 1, EOI);
  expect(intr).toBe(1);
});

test("a higher priority nests, a lower one waits", () => {
  line(4).raise();
  pics.acknowledge();
  line(6).raise();
  expect(intr).toBe(0);
  line(1).raise();
  expect(intr).toBe(1);
  expect(pics.acknowledge()).toBe(0x21);
  pics.master.writePort(0, 1, EOI);
  expect(pics.master.isr).toBe(1 << 4);
  pics.master.writePort(0, 1, EOI);
  expect(pics.acknowledge()).toBe(0x26);
});

test("the slave's requests come through input 2 with the slave's vector", () => {
  line(14).raise();
  expect(pics.acknowledge()).toBe(0x2e);
  expect([pics.master.isr, pics.slave.isr]).toEqual([1 << 2, 1 << 6]);
  pics.slave.writePort(0, 1, EOI);
  pics.master.writePort(0, 1, EOI);
  line(8).raise();
  expect(pics.acknowledge()).toBe(0x28);
});

test("masked inputs wait; OCW3 reads IRR and ISR", () => {
  pics.master.writePort(1, 1, 0xff);
  line(3).raise();
  expect(intr).toBe(0);
  expect(pics.master.readPort(1)).toBe(0xff);
  pics.master.writePort(0, 1, 0x0a);
  expect(pics.master.readPort(0)).toBe(1 << 3);
  pics.master.writePort(1, 1, 0);
  expect(intr).toBe(1);
  pics.acknowledge();
  pics.master.writePort(0, 1, 0x0b);
  expect(pics.master.readPort(0)).toBe(1 << 3);
});

test("an edge that goes away before INTA is a spurious interrupt 7", () => {
  line(5).raise();
  line(5).lower();
  expect(intr).toBe(0);
  expect(pics.acknowledge()).toBe(0x27);
  expect(pics.master.isr).toBe(0);
  line(14).raise();
  pics.slave.imr = 0xff; // masked at the last moment: the master has committed to its input 2
  expect(pics.acknowledge()).toBe(0x2f);
  expect(pics.master.isr).toBe(1 << 2);
});

test("level-triggered inputs ask again after EOI while they are up", () => {
  pics.elcr.writePort(0, 1, 1 << 5);
  line(5).raise();
  expect(pics.acknowledge()).toBe(0x25);
  pics.master.writePort(0, 1, EOI);
  expect(intr).toBe(1);
  line(5).lower();
  expect(intr).toBe(0);
});

test("rotation: the input just served becomes the lowest", () => {
  line(3).raise();
  pics.acknowledge();
  pics.master.writePort(0, 1, 0xa0);
  line(3).edge();
  line(6).raise();
  expect(pics.acknowledge()).toBe(0x26);
  pics.master.writePort(0, 1, 0xc0 | 2); // set priority: input 2 lowest, 3 highest
  pics.master.writePort(0, 1, EOI);
  expect(pics.acknowledge()).toBe(0x23);
});

test("automatic EOI leaves nothing in service", () => {
  initialise(3);
  line(1).raise();
  pics.acknowledge();
  expect(pics.master.isr).toBe(0);
});

test("special mask mode lets lower priorities through a masked service", () => {
  line(1).raise();
  pics.acknowledge();
  line(6).raise();
  pics.master.writePort(1, 1, 1 << 1);
  expect(intr).toBe(0);
  pics.master.writePort(0, 1, 0x68);
  expect(intr).toBe(1);
  expect(pics.acknowledge()).toBe(0x26);
});

test("poll mode acknowledges by a read", () => {
  pics.master.writePort(0, 1, 0x0c);
  expect(pics.master.readPort(0)).toBe(0);
  line(6).raise();
  pics.master.writePort(0, 1, 0x0c);
  expect(pics.master.readPort(0)).toBe(0x86);
  expect(pics.master.isr).toBe(1 << 6);
});

test("rotation on automatic EOI: the input just taken becomes the lowest", () => {
  initialise(3);
  pics.master.writePort(0, 1, 0x80);
  line(3).raise();
  line(5).raise();
  expect(pics.acknowledge()).toBe(0x23);
  line(3).edge();
  expect(pics.acknowledge()).toBe(0x25);
  pics.master.writePort(0, 1, 0x00); // no rotation any more
  expect(pics.acknowledge()).toBe(0x23);
  expect(pics.master.lowest).toBe(5);
});

test("rotation on specific EOI", () => {
  line(4).raise();
  pics.acknowledge();
  pics.master.writePort(0, 1, 0xe4);
  expect([pics.master.isr, pics.master.lowest]).toEqual([0, 4]);
});

test("automatic EOI in the slave: requests that wait there come one after another", () => {
  initialise(3);
  line(9).raise();
  line(12).raise();
  expect(pics.acknowledge()).toBe(0x29);
  expect(intr).toBe(1);
  expect(pics.acknowledge()).toBe(0x2c);
  expect(intr).toBe(0);
});

test("special fully nested mode: a slave interrupts its own service", () => {
  line(12).raise();
  pics.acknowledge();
  line(9).raise();
  expect(intr).toBe(0);
  pics.slave.writePort(0, 1, EOI);
  pics.master.writePort(0, 1, EOI);
  initialise(0x11);
  line(9).lower();
  line(12).edge();
  expect(pics.acknowledge()).toBe(0x2c);
  line(9).raise();
  expect(pics.acknowledge()).toBe(0x29);
  expect([pics.master.isr, pics.slave.isr]).toEqual([1 << 2, (1 << 1) | (1 << 4)]);
});

test("poll of the slave; polling overrides the status read", () => {
  line(10).raise();
  pics.slave.writePort(0, 1, 0x0f);
  expect(pics.slave.readPort(0)).toBe(0x82);
  expect(pics.slave.isr).toBe(1 << 2);
  expect(intr).toBe(0);
});

test("ELCR turns a line that is up into a request", () => {
  line(5).raise();
  pics.acknowledge();
  pics.master.writePort(0, 1, EOI);
  expect(intr).toBe(0);
  pics.elcr.writePort(0, 1, 0xff);
  expect([intr, pics.elcr.readPort(0, 1)]).toEqual([1, 0xf8]);
  pics.elcr.writePort(1, 1, 0xff);
  expect(pics.elcr.readPort(1, 1)).toBe(0xde);
});

test("ICW1 forgets edges and the in-service register", () => {
  line(1).raise();
  pics.acknowledge();
  line(3).raise();
  initialise(1);
  expect([intr, pics.master.isr, pics.master.irr]).toEqual([0, 0, 0]);
  line(3).edge();
  expect(pics.acknowledge()).toBe(0x23);
});

test("ICW3: an input that is not a slave's gives its own vector; a slave with another number does not answer", () => {
  const { master, slave } = pics;
  master.writePort(0, 1, 0x11);
  for (const value of [0x20, 0x00, 0x01, 0x00]) master.writePort(1, 1, value);
  line(8).raise();
  expect(pics.acknowledge()).toBe(0x22);
  initialise(1);
  slave.writePort(0, 1, 0x11);
  for (const value of [0x28, 0x05, 0x01, 0x00]) slave.writePort(1, 1, value);
  line(8).edge();
  expect(pics.acknowledge()).toBe(0xff);
});

test("a single controller needs no ICW3", () => {
  pics.master.writePort(0, 1, 0x13);
  for (const value of [0x40, 0x01, 0xfb]) pics.master.writePort(1, 1, value);
  expect(pics.master.imr).toBe(0xfb);
  line(8).edge();
  expect(pics.acknowledge()).toBe(0x42);
});

test("non-specific EOI in special mask mode spares what is masked", () => {
  line(4).raise();
  pics.acknowledge();
  pics.master.writePort(1, 1, 1 << 4);
  pics.master.writePort(0, 1, 0x68);
  pics.master.writePort(0, 1, EOI);
  expect(pics.master.isr).toBe(1 << 4);
  pics.master.writePort(0, 1, 0x60 | 4);
  expect(pics.master.isr).toBe(0);
});

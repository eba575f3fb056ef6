import { expect, test } from "vitest";
import { BusConflict, IrqLine, MmioBus, PortBus } from "./bus.ts";
import type { PortDevice } from "./bus.ts";
import { BOARD } from "./board.ts";

function recorder(access_sizes?: number): PortDevice & { log: string[] } {
  const log: string[] = [];
  return {
    access_sizes,
    log,
    readPort: (offset, size) => {
      log.push(`r${size}@${offset}`);
      return 0x11223344 + offset;
    },
    writePort: (offset, size, value) => log.push(`w${size}@${offset}=${value.toString(16)}`),
  };
}

test("a byte device sees a wide access as bytes, low first", () => {
  const bus = new PortBus();
  const device = recorder();
  bus.add("x", 0x100, 4, device);
  bus.write(0x100, 4, 0xddccbbaa);
  expect(device.log).toEqual(["w1@0=aa", "w1@1=bb", "w1@2=cc", "w1@3=dd"]);
  expect(bus.read(0x101, 2)).toBe(0x4645);
});

test("a device that decodes words gets words", () => {
  const bus = new PortBus();
  const device = recorder(1 | 2);
  bus.add("x", 0x100, 4, device);
  bus.write(0x100, 4, 0xddccbbaa);
  expect(device.log).toEqual(["w2@0=bbaa", "w2@2=ddcc"]);
});

test("an access that leaves the device is split at its end", () => {
  const bus = new PortBus();
  const device = recorder(1 | 2 | 4);
  bus.add("x", 0x100, 2, device);
  expect(bus.read(0x100, 4)).toBe(0xffff3344);
  expect(device.log).toEqual(["r2@0"]);
});

test("nobody there reads all ones, also at the end of the port space", () => {
  const bus = new PortBus();
  expect([bus.read(0x300, 1), bus.read(0x300, 2), bus.read(0x300, 4), bus.read(0xffff, 4)]).toEqual([
    0xff, 0xffff, 0xffffffff, 0xffffffff,
  ]);
  bus.write(0xffff, 4, 1);
});

test("overlaps are refused and named", () => {
  const ports = new PortBus();
  ports.add("first", 0x3f0, 8, recorder());
  expect(() => ports.add("second", 0x3f7, 1, recorder())).toThrow(BusConflict);
  expect(() => ports.add("second", 0x3f7, 1, recorder())).toThrow(
    "I/O ports: second at 0x3f7-0x3f7 overlaps first at 0x3f0-0x3f7",
  );
  const mmio = new MmioBus();
  const device = { readMmio: () => 7, writeMmio: () => undefined };
  mmio.add("a", 0xfec00000, 0x1000, device);
  mmio.add("b", 0xfee00000, 0x1000, device);
  expect(() => mmio.add("c", 0xfec00fff, 2, device)).toThrow(BusConflict);
  expect([mmio.read(0xfec00ffc, 4), mmio.read(0xfee00000, 1), mmio.read(0xfed00000, 2)]).toEqual([
    7, 7, 0xffff,
  ]);
});

test("the board's rows do not overlap and no interrupt input has two sources", () => {
  const bus = new PortBus();
  for (const row of BOARD) bus.add(row.name, row.ports[0], row.ports[1], recorder());
  const irqs = BOARD.flatMap((row) => (row.irq === undefined ? [] : [row.irq]));
  expect(new Set(irqs).size).toBe(irqs.length);
});

test("an interrupt line tells changes only", () => {
  const levels: number[] = [];
  const line = new IrqLine((level) => levels.push(level));
  line.raise();
  line.raise();
  line.edge();
  line.lower();
  line.lower();
  expect(levels).toEqual([1, 0, 1, 0]);
});

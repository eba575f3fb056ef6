import { beforeEach, expect, test } from "vitest";
import { IrqLine } from "../bus.ts";
import { MemoryDisk } from "../disks/memory_disk.ts";
import { IdeChannel } from "./ide_ata.ts";

const DATA = 0;
const ERROR = 1;
const COUNT = 2;
const DEVICE = 6;
const STATUS = 7;
const DRQ = 0x08;
const ERR = 0x01;

let disk: MemoryDisk;
let irq: IrqLine;
let ide: IdeChannel;

beforeEach(() => {
  disk = new MemoryDisk(Uint8Array.from({ length: 64 * 512 }, (_, i) => (i >> 9) + (i & 0xff)));
  irq = new IrqLine(() => undefined);
  ide = new IdeChannel(irq, disk);
});

function command(code: number, lba: number, count: number): void {
  ide.writePort(COUNT, 1, count);
  for (let i = 0; i < 3; i++) ide.writePort(3 + i, 1, (lba >> (i * 8)) & 0xff);
  ide.writePort(DEVICE, 1, 0x40 | ((lba >> 24) & 15));
  ide.writePort(STATUS, 1, code);
}

function readWords(nr_words: number): Uint8Array {
  const words = Uint16Array.from({ length: nr_words }, () => ide.readPort(DATA, 2));
  return new Uint8Array(words.buffer);
}

test("READ SECTORS: one DRQ block and one interrupt for each sector", () => {
  command(0x20, 5, 2);
  for (let sector = 0; sector < 2; sector++) {
    expect(irq.level).toBe(1);
    expect(ide.readPort(STATUS, 1) & DRQ).toBe(DRQ);
    expect(irq.level).toBe(0);
    expect(readWords(256)).toEqual(disk.bytes.subarray((5 + sector) * 512, (6 + sector) * 512));
  }
  expect(ide.readPort(STATUS, 1)).toBe(0x50);
  expect(irq.level).toBe(0);
});

test("the data port is 32 bits wide too", () => {
  command(0x20, 1, 1);
  const words = Uint32Array.from({ length: 128 }, () => ide.readPort(DATA, 4));
  expect(new Uint8Array(words.buffer)).toEqual(disk.bytes.subarray(512, 1024));
});

test("READ MULTIPLE transfers blocks, once SET MULTIPLE MODE said how large", () => {
  command(0xc4, 0, 4);
  expect(ide.readPort(STATUS, 1) & ERR).toBe(ERR);
  ide.writePort(COUNT, 1, 4);
  ide.writePort(STATUS, 1, 0xc6);
  command(0xc4, 2, 6);
  const irqs = ide.counters.irqs;
  expect(readWords(6 * 256)).toEqual(disk.bytes.subarray(2 * 512, 8 * 512));
  expect(ide.counters.irqs - irqs).toBe(1); // the second block's; the first one's came with the command
});

test("WRITE SECTORS and FLUSH; an interrupt after each block", () => {
  command(0x30, 10, 1);
  expect(irq.level).toBe(0);
  for (let i = 0; i < 256; i++) ide.writePort(DATA, 2, 0xbeef);
  expect(irq.level).toBe(1);
  expect(ide.readPort(STATUS, 1)).toBe(0x50);
  expect([...disk.bytes.subarray(5120, 5124)]).toEqual([0xef, 0xbe, 0xef, 0xbe]);
  ide.writePort(STATUS, 1, 0xe7);
  expect(ide.readPort(STATUS, 1)).toBe(0x50);
});

test("48-bit addresses: each register is written twice, high byte first", () => {
  for (const [count, low] of [
    [0, 0],
    [1, 7],
  ]) {
    ide.writePort(COUNT, 1, count);
    ide.writePort(3, 1, low);
    ide.writePort(4, 1, 0);
    ide.writePort(5, 1, 0);
  }
  ide.writePort(DEVICE, 1, 0x40);
  ide.writePort(STATUS, 1, 0x24);
  expect(readWords(256)).toEqual(disk.bytes.subarray(7 * 512, 8 * 512));
  ide.control.writePort(0, 1, 0x80); // HOB: the high bytes are readable
  expect(ide.readPort(3, 1)).toBe(0);
  ide.control.writePort(0, 1, 0);
  expect(ide.readPort(3, 1)).toBe(7);
});

test("CHS addresses use the geometry of INITIALIZE DEVICE PARAMETERS", () => {
  ide.writePort(COUNT, 1, 8); // sectors a track
  ide.writePort(DEVICE, 1, 3); // heads - 1
  ide.writePort(STATUS, 1, 0x91);
  ide.writePort(COUNT, 1, 1);
  ide.writePort(3, 1, 2); // sector 2
  ide.writePort(4, 1, 1); // cylinder 1
  ide.writePort(5, 1, 0);
  ide.writePort(DEVICE, 1, 1); // head 1
  ide.writePort(STATUS, 1, 0x20);
  const lba = (1 * 4 + 1) * 8 + 1;
  expect(readWords(256)).toEqual(disk.bytes.subarray(lba * 512, (lba + 1) * 512));
});

test("errors: beyond the end, unknown command, read-only disk", () => {
  command(0x20, 63, 2);
  expect(ide.readPort(STATUS, 1)).toBe(0x51);
  expect(ide.readPort(ERROR, 1)).toBe(0x10);
  command(0xc8, 0, 1); // READ DMA
  expect(ide.readPort(ERROR, 1)).toBe(0x04);
  ide = new IdeChannel(irq, new MemoryDisk(new Uint8Array(512), true));
  command(0x30, 0, 1);
  expect(ide.readPort(ERROR, 1)).toBe(0x04);
});

test("IDENTIFY DEVICE: size, model, what is there and what is not", () => {
  ide.writePort(DEVICE, 1, 0);
  ide.writePort(STATUS, 1, 0xec);
  const words = new Uint16Array(readWords(256).buffer);
  expect(words[60]).toBe(64);
  expect(words[100]).toBe(64);
  expect(words[83] & 0x0400).toBe(0x0400); // 48-bit addresses
  expect(words[49] & 0x0100).toBe(0); // no DMA
  const model = String.fromCharCode(
    ...Array.from(words.subarray(27, 47)).flatMap((word) => [word >> 8, word & 0xff]),
  );
  expect(model.trim()).toBe("VITRINE HARDDISK");
});

test("nIEN keeps the line down; SRST gives the signature; an absent device answers 0", () => {
  ide.control.writePort(0, 1, 0x02);
  command(0x20, 0, 1);
  expect(irq.level).toBe(0);
  ide.control.writePort(0, 1, 0x04);
  ide.control.writePort(0, 1, 0x00);
  expect([COUNT, 3, 4, 5].map((register) => ide.readPort(register, 1))).toEqual([1, 1, 0, 0]);
  expect(ide.readPort(STATUS, 1)).toBe(0x50);
  ide.writePort(DEVICE, 1, 0x10);
  expect(ide.readPort(STATUS, 1)).toBe(0);
  expect(new IdeChannel(irq, null).readPort(STATUS, 1)).toBe(0xff);
});

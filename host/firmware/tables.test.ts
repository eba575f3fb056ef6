/** The tables that tell of the board, found in the ROM as an operating system finds them, compared with the board. */
import { beforeAll, expect, test } from "vitest";
import { BOARD, IO_APIC_ADDRESS, ioApicPin } from "../board.ts";
import { buildFirmware } from "../build/firmware.ts";
import { projectRoot } from "../node.ts";

/** Where the ROM's last byte lies in the first megabyte. */
const END = 0x10_0000;
const LOCAL_APIC_ADDRESS = 0xfee0_0000;

let rom: Uint8Array;
let view: DataView;
const at = (physical: number): number => rom.length - (END - physical);
const text = (offset: number, length: number): string =>
  Buffer.from(rom.subarray(offset, offset + length)).toString("latin1");
const sum = (offset: number, length: number): number =>
  rom.subarray(offset, offset + length).reduce((total, byte) => (total + byte) & 0xff, 0);
const u16 = (offset: number): number => view.getUint16(offset, true);
const u32 = (offset: number): number => view.getUint32(offset, true);

/** Offset of `signature` on a 16-byte boundary of the last 128 KiB below 1 MiB. */
function find(signature: string): number {
  for (let offset = 0; offset < rom.length; offset += 16)
    if (text(offset, signature.length) === signature) return offset;
  throw new Error(`no ${signature}`);
}

/** Offset of the table of `signature` that the RSDT names. */
function table(signature: string): number {
  const rsdt = at(u32(find("RSD PTR ") + 16));
  for (let entry = rsdt + 36; entry < rsdt + u32(rsdt + 4); entry += 4)
    if (text(at(u32(entry)), 4) === signature) return at(u32(entry));
  throw new Error(`no ${signature}`);
}

beforeAll(() => {
  rom = buildFirmware(projectRoot());
  view = new DataView(rom.buffer, rom.byteOffset, rom.length);
});

test("checksums and lengths", () => {
  expect(sum(find("RSD PTR "), 20)).toBe(0);
  const rsdt = at(u32(find("RSD PTR ") + 16));
  const fadt = table("FACP");
  for (const header of [rsdt, fadt, table("APIC"), at(u32(fadt + 40))])
    expect(sum(header, u32(header + 4))).toBe(0);
  expect(text(rsdt, 4)).toBe("RSDT");
  expect(text(at(u32(fadt + 40)), 4)).toBe("DSDT");
  expect([text(at(u32(fadt + 36)), 4), u32(at(u32(fadt + 36)) + 4)]).toEqual(["FACS", 64]);
  expect(u32(fadt + 4)).toBe(244);
  expect(sum(find("_MP_"), 16)).toBe(0);
});

test("FADT: the power management ports", () => {
  const fadt = table("FACP");
  const ports = BOARD.find(({ part }) => part === "power")?.ports[0] ?? 0;
  expect([u32(fadt + 56), u32(fadt + 64), u32(fadt + 76)]).toEqual([ports, ports + 4, ports + 8]);
  expect([u32(fadt + 148 + 4), u32(fadt + 172 + 4), u32(fadt + 208 + 4)]).toEqual([
    ports,
    ports + 4,
    ports + 8,
  ]);
  expect([rom[fadt + 116], u32(fadt + 120), rom[fadt + 128]]).toEqual([1, 0xcf9, 6]);
});

test("MADT: one CPU, one I/O APIC, IRQ 0 on pin 2", () => {
  const madt = table("APIC");
  expect([u32(madt + 36), u32(madt + 40)]).toEqual([LOCAL_APIC_ADDRESS, 1]);
  const found: Record<number, number[]> = {};
  for (let entry = madt + 44; entry < madt + u32(madt + 4); entry += rom[entry + 1])
    (found[rom[entry]] ??= []).push(entry);
  expect(Object.entries(found).map(([type, entries]) => [Number(type), entries.length])).toEqual([
    [0, 1],
    [1, 1],
    [2, 2],
    [4, 1],
  ]);
  expect([rom[found[0][0] + 3], u32(found[0][0] + 4)]).toEqual([0, 1]);
  expect([u32(found[1][0] + 4), u32(found[1][0] + 8)]).toEqual([IO_APIC_ADDRESS, 0]);
  expect([rom[found[2][0] + 3], u32(found[2][0] + 4)]).toEqual([0, ioApicPin(0)]);
  expect(rom[found[4][0] + 5]).toBe(1);
});

test("MP table: the same, entry by entry", () => {
  const mp = at(u32(find("_MP_") + 4));
  const length = u16(mp + 4);
  expect([text(mp, 4), sum(mp, length), u32(mp + 36)]).toEqual(["PCMP", 0, LOCAL_APIC_ADDRESS]);
  const types: number[] = [];
  const pins = new Map<number, number>();
  let entry = mp + 44;
  while (entry < mp + length) {
    const type = rom[entry];
    types.push(type);
    if (type === 2) expect(u32(entry + 4)).toBe(IO_APIC_ADDRESS);
    if (type === 3 && rom[entry + 1] === 0) pins.set(rom[entry + 5], rom[entry + 7]);
    entry += type === 0 ? 20 : 8;
  }
  expect(entry).toBe(mp + length);
  expect(types.length).toBe(u16(mp + 34));
  const lines = Array.from({ length: 16 }, (_, irq) => irq).filter((irq) => irq !== 2);
  expect([...pins]).toEqual(lines.map((irq) => [irq, ioApicPin(irq)]));
});

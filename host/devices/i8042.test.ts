import { beforeEach, expect, test } from "vitest";
import { IrqLine } from "../bus.ts";
import { I8042 } from "./i8042.ts";

let irq = 0;
let a20 = 1;
let resets = 0;
let kbc: I8042;

beforeEach(() => {
  irq = 0;
  a20 = 1;
  resets = 0;
  kbc = new I8042({
    keyboard_irq: new IrqLine((level) => (irq = level)),
    setA20: (level) => (a20 = level),
    a20: () => a20,
    reset: () => resets++,
  });
});

const command = (value: number): void => kbc.writePort(0, 1, value);
const data = (value: number): void => kbc.data.writePort(0, 1, value);

/** Reads all there is. */
function drain(): number[] {
  const bytes: number[] = [];
  while (kbc.readPort() & 1) bytes.push(kbc.data.readPort(0, 1));
  return bytes;
}

test("self-test, interface tests, command byte", () => {
  command(0xaa);
  expect(drain()).toEqual([0x55]);
  expect(kbc.readPort() & 4).toBe(4);
  command(0xab);
  command(0xa9);
  expect(drain()).toEqual([0, 0]);
  command(0x60);
  data(0x45);
  command(0x20);
  expect(drain()).toEqual([0x45]);
});

test("keys arrive as set 1 with translation, with an interrupt for each byte", () => {
  command(0x60);
  data(0x41);
  kbc.keys(Uint8Array.of(0x1e, 0x9e));
  expect(irq).toBe(1);
  expect(kbc.data.readPort(0, 1)).toBe(0x1e);
  expect(irq).toBe(1); // the next one is there already
  expect(drain()).toEqual([0x9e]);
  expect(irq).toBe(0);
  kbc.keys(Uint8Array.of(0xe0, 0x48, 0xe0, 0xc8, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5));
  expect(drain()).toEqual([0xe0, 0x48, 0xe0, 0xc8, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
});

test("without translation they are set 2", () => {
  command(0x60);
  data(0x01);
  kbc.keys(Uint8Array.of(0x1e, 0x9e, 0xe0, 0xc8));
  expect(drain()).toEqual([0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x75]);
});

test("every make code survives the two translations", () => {
  command(0x60);
  data(0x40);
  for (let code = 1; code <= 0x58; code++) {
    if (code === 0x55) continue; // no such key
    kbc.keys(Uint8Array.of(code, code | 0x80));
    expect(drain()).toEqual([code, code | 0x80]);
  }
});

test("keyboard commands: reset, identify, LEDs, typematic, unknown", () => {
  data(0xff);
  expect(drain()).toEqual([0xfa, 0xaa]);
  data(0xf2);
  expect(drain()).toEqual([0xfa, 0xab, 0x41]); // 83 through the translation
  data(0xed);
  data(0x07);
  expect(drain()).toEqual([0xfa, 0xfa]);
  expect(kbc.leds).toBe(7);
  data(0xf3);
  data(0x20);
  expect(drain()).toEqual([0xfa, 0xfa]);
  expect(kbc.typematic).toBe(0x20);
  data(0xe5);
  expect(drain()).toEqual([0xfe]);
  data(0xf5);
  expect(drain()).toEqual([0xfa]);
  kbc.keys(Uint8Array.of(0x1e));
  expect(drain()).toEqual([]);
});

test("A20 and reset through the output port", () => {
  command(0xd1);
  data(0xdd);
  expect(a20).toBe(0);
  command(0xd0);
  expect(drain()[0] & 2).toBe(0);
  command(0xdf);
  expect(a20).toBe(1);
  command(0xfe);
  expect(resets).toBe(1);
  command(0xd1);
  data(0xfe);
  expect(resets).toBe(2);
});

test("a disabled keyboard holds its bytes", () => {
  command(0xad);
  kbc.keys(Uint8Array.of(0x1e));
  expect(kbc.readPort() & 1).toBe(0);
  command(0xae);
  expect(drain()).toEqual([0x1e]);
});

test("nothing answers on the auxiliary port", () => {
  command(0xa8);
  command(0xd4);
  data(0xff);
  expect(kbc.readPort() & 0x61).toBe(0x61);
  expect(drain()).toEqual([0xfe]);
});

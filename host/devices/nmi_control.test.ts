import { beforeEach, expect, test } from "vitest";
import { NmiControl } from "./nmi_control.ts";

let masked = false;
let line = 0;
let nmi: NmiControl;
let timer_bits = 0;

beforeEach(() => {
  masked = false;
  line = 0;
  timer_bits = 0x21;
  const timer = {
    readPort: () => timer_bits,
    writePort: (_offset: number, _size: number, value: number) => {
      timer_bits = value & 0x0f;
    },
  };
  nmi = new NmiControl(
    timer,
    () => masked,
    (level) => (line = level),
  );
});

test("a report raises the line, stays in port B, and is taken back by disabling it", () => {
  nmi.serr.raise();
  nmi.serr.lower();
  expect([line, nmi.readPort(0, 1)]).toEqual([1, 0xa1]);
  nmi.writePort(0, 1, 0x04);
  expect([line, nmi.readPort(0, 1)]).toEqual([0, 0x04]);
  nmi.serr.raise();
  expect(line).toBe(0);
  nmi.serr.lower();
  nmi.writePort(0, 1, 0x00);
  nmi.iochk.raise();
  expect([line, nmi.readPort(0, 1)]).toEqual([1, 0x40]);
  nmi.writePort(0, 1, 0x08);
  expect(line).toBe(0);
});

test("port 70H bit 7 masks the line, not the report", () => {
  masked = true;
  nmi.iochk.raise();
  expect([line, nmi.readPort(0, 1)]).toEqual([0, 0x61]);
  masked = false;
  nmi.update();
  expect(line).toBe(1);
});

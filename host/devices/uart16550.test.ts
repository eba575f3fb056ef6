import { beforeEach, expect, test } from "vitest";
import { IrqLine } from "../bus.ts";
import { Uart16550 } from "./uart16550.ts";

let irq = 0;
let sent: number[] = [];
let drained = 0;
let uart: Uart16550;

beforeEach(() => {
  irq = 0;
  sent = [];
  drained = 0;
  uart = new Uart16550(
    new IrqLine((level) => (irq = level)),
    (byte) => sent.push(byte),
    () => drained++,
  );
});

const write = (offset: number, value: number): void => uart.writePort(offset, 1, value);

/** FIFOs on, interrupts out, DTR and RTS up. */
function open(ier: number): void {
  write(2, 0x01);
  write(4, 0x0b);
  write(1, ier);
}

test("transmits at once and interrupts when enabled; reading IIR clears it", () => {
  open(0);
  write(0, 0x41);
  expect(sent).toEqual([0x41]);
  expect(uart.readPort(5)).toBe(0x60);
  write(1, 2);
  expect(irq).toBe(1);
  expect(uart.readPort(2)).toBe(0xc2);
  expect(irq).toBe(0);
  expect(uart.readPort(2)).toBe(0xc1);
  write(0, 0x42);
  expect(irq).toBe(1);
});

test("receives through the FIFO with backpressure: nothing is lost", () => {
  open(1);
  const bytes = Uint8Array.from({ length: 100 }, (_, n) => n);
  uart.receive(bytes);
  expect(irq).toBe(1);
  expect(uart.readPort(2)).toBe(0xc4);
  const got: number[] = [];
  while (uart.readPort(5) & 1) got.push(uart.readPort(0));
  expect(got).toEqual([...bytes]);
  expect(irq).toBe(0);
  expect(drained).toBe(1);
  expect(uart.counters.overruns).toBe(0);
});

test("below the trigger level it is a character timeout", () => {
  write(2, 0xc1); // trigger at 14
  write(4, 0x0b);
  write(1, 1);
  uart.receive(Uint8Array.of(1, 2));
  expect(uart.readPort(2)).toBe(0xcc);
});

test("with RTS down the sender waits", () => {
  write(2, 1);
  write(4, 0x09);
  write(1, 1);
  uart.receive(Uint8Array.of(7));
  expect(uart.readPort(5) & 1).toBe(0);
  expect(uart.backlog_bytes).toBe(1);
  write(4, 0x0b);
  expect(uart.readPort(5) & 1).toBe(1);
  expect(uart.readPort(0)).toBe(7);
});

test("what is typed before a driver starts survives its clearing of the FIFOs", () => {
  write(4, 0x0b);
  uart.receive(Uint8Array.of(1, 2, 3));
  for (const fcr of [0x01, 0x07, 0x00, 0x01]) write(2, fcr);
  for (const register of [5, 0, 2, 6]) uart.readPort(register);
  write(1, 1);
  expect(irq).toBe(1);
  expect([0, 0, 0].map(() => uart.readPort(0))).toEqual([1, 2, 3]);
});

test("a guest that polls the line status gets its input without interrupts", () => {
  write(4, 0x03);
  uart.receive(Uint8Array.of(9));
  let polls = 0;
  while (!(uart.readPort(5) & 1)) expect(++polls).toBeLessThan(20);
  expect(uart.readPort(0)).toBe(9);
});

test("divisor latch", () => {
  write(3, 0x83);
  write(0, 12);
  write(1, 0);
  expect([uart.readPort(0), uart.readPort(1)]).toEqual([12, 0]);
  expect(uart.baud).toBe(9600);
  write(3, 0x03);
  write(1, 5);
  expect(uart.readPort(1)).toBe(5);
  expect(sent).toEqual([]);
});

test("loopback: data and modem lines come back inside", () => {
  write(4, 0x1a); // loop, RTS, OUT2
  expect(uart.readPort(6) & 0xf0).toBe(0x90); // CTS and DCD: how Linux finds a UART
  write(0, 0x55);
  expect(sent).toEqual([]);
  expect(uart.readPort(5) & 1).toBe(1);
  expect(uart.readPort(0)).toBe(0x55);
  write(0, 1);
  write(0, 2); // no FIFO: overrun
  expect(uart.readPort(5) & 2).toBe(2);
  expect(uart.readPort(5) & 2).toBe(0);
});

test("a break is a line status interrupt and a NUL", () => {
  open(5);
  uart.receiveBreak();
  expect(uart.readPort(2) & 0x0f).toBe(0x06);
  expect(uart.readPort(5) & 0x11).toBe(0x11);
  expect(uart.readPort(0)).toBe(0);
  expect(irq).toBe(0);
});

test("interrupts pass only with OUT2", () => {
  write(2, 1);
  write(4, 0x03);
  write(1, 1);
  uart.receive(Uint8Array.of(1));
  expect(irq).toBe(0);
  write(4, 0x0b);
  expect(irq).toBe(1);
});

test("scratch register and IIR without FIFOs: a driver's probe for the type", () => {
  write(7, 0x5a);
  expect(uart.readPort(7)).toBe(0x5a);
  expect(uart.readPort(2)).toBe(0x01);
  write(2, 0x01);
  expect(uart.readPort(2)).toBe(0xc1);
});

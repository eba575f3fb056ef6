import { beforeEach, expect, test } from "vitest";
import { PortBus } from "../bus.ts";
import { Timeline, VirtualClock } from "../clock.ts";
import { PciAddress, PowerManagement, ResetControl, SystemControlPortA } from "./system_control.ts";

let log: string[] = [];
let a20 = 1;
const power = {
  reset: () => void log.push("reset"),
  powerOff: () => void log.push("off"),
  setA20: (level: number) => void (a20 = level),
  a20: () => a20,
};

beforeEach(() => {
  log = [];
  a20 = 1;
});

test("port 0x92: A20 and a reset on the rising edge of bit 0", () => {
  const port = new SystemControlPortA(power);
  port.writePort(0, 1, 0);
  expect(a20).toBe(0);
  port.writePort(0, 1, 2);
  expect([a20, port.readPort()]).toEqual([1, 2]);
  port.writePort(0, 1, 3);
  expect(log).toEqual(["reset"]);
});

test("0xcf9 resets by a byte, not by a PCI probe across it", () => {
  const bus = new PortBus();
  bus.add("pci", 0xcf8, 4, new PciAddress(new ResetControl(power)));
  bus.write(0xcf8, 4, 0x80000600);
  expect(bus.read(0xcf8, 4)).toBe(0xffffffff);
  expect(log).toEqual([]);
  bus.write(0xcf9, 1, 0x02);
  expect(log).toEqual([]);
  bus.write(0xcf9, 1, 0x06);
  expect(log).toEqual(["reset"]);
});

test("PM1a control: sleep type 0 with SLP_EN is power-off, by word or byte", () => {
  const timeline = new Timeline(new VirtualClock(() => 0));
  const bus = new PortBus();
  bus.add("pm", 0x600, 12, new PowerManagement(power, timeline));
  bus.write(0x604, 2, 0x2000 | (1 << 10));
  expect(log).toEqual([]);
  bus.write(0x604, 2, 0x2000);
  expect(log).toEqual(["off"]);
  expect(bus.read(0x604, 2)).toBe(1);
  bus.write(0x605, 1, 0x20);
  expect(log).toEqual(["off", "off"]);
});

test("the power button sets its status bit; writing one clears it", () => {
  const pm = new PowerManagement(power, new Timeline(new VirtualClock(() => 0)));
  pm.pressButton();
  expect(pm.readPort(0) & 0x100).toBe(0x100);
  pm.writePort(0, 2, 0x100);
  expect(pm.readPort(0) & 0x100).toBe(0);
});

import { expect, test } from "vitest";
import { EBUSY } from "../uapi/errno.ts";
import { makeDev } from "../uapi/stat.ts";
import { DeviceRegistry } from "./base.ts";

test("resources nest, whatever the order they are claimed in", () => {
  const devices = new DeviceRegistry();
  devices.requestRegion(0x60, 0x60, "keyboard");
  devices.requestRegion(0x3f8, 0x3ff, "serial");
  devices.requestRegion(0x40, 0x6f, "board");
  devices.requestRegion(0x20, 0x21, "pic1");
  expect(devices.requestRegion(0x3f0, 0x3f9, "cuts serial")).toBe(-EBUSY);
  expect(devices.requestRegion(0x3f8, 0x3ff, "the same")).toBe(-EBUSY);
  expect(devices.showIoports()).toBe(
    "0020-0021 : pic1\n0040-006f : board\n  0060-0060 : keyboard\n03f8-03ff : serial\n",
  );
});

test("character devices are found by number and listed as in /proc/devices", () => {
  const devices = new DeviceRegistry();
  expect(devices.registerChrdev(4, 64, 4, "ttyS", {})).toBe(0);
  expect(devices.registerChrdev(4, 1, 63, "tty", {})).toBe(0);
  expect(devices.registerChrdev(4, 60, 10, "overlap", {})).toBe(-EBUSY);
  devices.registerChrdev(1, 3, 1, "mem", {});
  devices.registerChrdev(1, 5, 1, "mem", {});
  expect(devices.chrdev(makeDev(4, 67))?.name).toBe("ttyS");
  expect(devices.chrdev(makeDev(4, 68))).toBe(null);
  expect(devices.showDevices()).toBe("Character devices:\n  1 mem\n  4 ttyS\n  4 tty\n\nBlock devices:\n");
});

/**
 * THE list of drivers, in the order they start. main.ts runs level "console" as soon as time and interrupts work, so
 * that the boot log is seen, and "device" when memory, files and the scheduler are there.
 * Linux: include/linux/init.h (console_initcall, device_initcall), arch/x86/kernel/setup.c reserve_standard_io_resources().
 */
import { E820_ACPI, E820_NVS, E820_RAM, E820_UNUSABLE, VIDEO_TYPE_VLFB } from "../arch/x86/boot_params.ts";
import type { Kernel } from "../kernel.ts";
import { I8042 } from "./input/i8042.ts";
import { initRtc } from "./rtc/cmos.ts";
import { FramebufferConsole } from "./tty/fbcon.ts";
import { Ptys } from "./tty/pty.ts";
import { Serial8250 } from "./tty/serial_8250.ts";
import { initTty } from "./tty/tty_io.ts";
import { VgaConsole } from "./tty/vgacon.ts";
import { Vt } from "./tty/vt.ts";
import { probeFramebuffer, registerFramebuffer } from "./video/fbdev.ts";
import { initVirtioMmio } from "./virtio/virtio_mmio.ts";

export interface Initcall {
  readonly level: "console" | "device";
  readonly name: string;
  readonly init: (kernel: Kernel) => void;
}

export const INITCALLS: readonly Initcall[] = [
  { level: "console", name: "e820_resources", init: reserveMemory },
  { level: "console", name: "standard_io_resources", init: reserveStandardIo },
  { level: "console", name: "con_init", init: initDisplay },
  { level: "console", name: "univ8250_console_init", init: initSerialConsole },
  { level: "device", name: "tty_init", init: initTty },
  { level: "device", name: "vty_init", init: (kernel) => kernel.consoles.vt?.init() },
  { level: "device", name: "pty_init", init: initPty },
  { level: "device", name: "serial8250_init", init: (kernel) => kernel.devices.serial?.init() },
  { level: "device", name: "vesafb_init", init: initFramebuffer },
  { level: "device", name: "i8042_init", init: (kernel) => new I8042(kernel).init() },
  { level: "device", name: "cmos_init", init: initRtc },
  { level: "device", name: "virtio_mmio_init", init: initVirtioMmio },
];

export function runInitcalls(kernel: Kernel, level: Initcall["level"]): void {
  for (const call of INITCALLS) if (call.level === level) call.init(kernel);
}

/** The firmware's memory map as resources. Linux: e820__reserve_resources(). */
function reserveMemory(kernel: Kernel): void {
  const names: Record<number, string> = {
    [E820_RAM]: "System RAM",
    [E820_ACPI]: "ACPI Tables",
    [E820_NVS]: "ACPI Non-volatile Storage",
    [E820_UNUSABLE]: "Unusable memory",
  };
  for (const { start, size, type } of kernel.boot.e820) {
    kernel.devices.requestMemRegion(start, start + size - 1, names[type] ?? "Reserved");
  }
}

/** What every PC has, whether a driver asks or not. */
function reserveStandardIo(kernel: Kernel): void {
  const { devices } = kernel;
  const ranges: [number, number, string][] = [
    [0x00, 0x1f, "dma1"],
    [0x20, 0x21, "pic1"],
    [0x40, 0x43, "timer0"],
    [0x50, 0x53, "timer1"],
    [0x80, 0x8f, "dma page reg"],
    [0xa0, 0xa1, "pic2"],
    [0xc0, 0xdf, "dma2"],
    [0xf0, 0xff, "fpu"],
  ];
  for (const [start, end, name] of ranges) devices.requestRegion(start, end, name);
}

function initDisplay(kernel: Kernel): void {
  const { screen } = kernel.boot;
  const { printk, devices } = kernel;
  const isFramebuffer = screen.type === VIDEO_TYPE_VLFB;
  const fb = probeFramebuffer(kernel);
  if (fb) {
    const display = new FramebufferConsole(fb);
    kernel.devices.framebuffer = fb;
    kernel.consoles.vt = new Vt(kernel, display);
    printk.info(`Console: colour frame buffer device ${display.columns}x${display.rows}`);
  } else if (!isFramebuffer && screen.columns > 0 && screen.rows > 0) {
    devices.requestRegion(0x3c0, 0x3df, "vga+");
    devices.requestMemRegion(0xa0000, 0xbffff, "Video RAM area");
    const display = new VgaConsole(kernel, screen.columns, screen.rows);
    const vt = new Vt(kernel, display);
    kernel.consoles.vt = vt;
    vt.foregroundConsole.vc.gotoXy(screen.orig_x, screen.orig_y);
    printk.info(`Console: colour VGA+ ${screen.columns}x${screen.rows}`);
  } else {
    return;
  }
  kernel.consoles.vt.initConsole();
}

function initSerialConsole(kernel: Kernel): void {
  const serial = new Serial8250(kernel);
  kernel.devices.serial = serial;
  serial.initConsole();
}

function initPty(kernel: Kernel): void {
  const ptys = new Ptys(kernel);
  kernel.devices.ptys = ptys;
  ptys.init();
}

function initFramebuffer(kernel: Kernel): void {
  const { framebuffer } = kernel.devices;
  if (framebuffer) registerFramebuffer(kernel, framebuffer);
}

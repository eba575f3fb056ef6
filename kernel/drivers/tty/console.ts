/**
 * Consoles: which devices show the kernel's log and which one /dev/console is. The command line names them
 * ("console=tty0 console=ttyS0,115200"); the last one named that exists becomes /dev/console. Without any, the first
 * device that offers itself. Neighbours: lib/printk.ts (the log), vt.ts and serial_8250.ts (the devices).
 * Linux: kernel/printk/printk.c console_setup(), register_console(); Documentation/admin-guide/serial-console.rst.
 */
import type { Kernel } from "../../kernel.ts";
import type { LogConsole } from "../../lib/printk.ts";
import type { TtyDriver } from "./tty_io.ts";
import type { Vt } from "./vt.ts";

/** A device that can be a console. Linux: struct console. */
export interface ConsoleDevice {
  /** "ttyS" or "tty". */
  readonly name: string;
  readonly index: number;
  /** Prepares the device with the options behind the comma ("115200n8"); false if it cannot be used. */
  setup(options: string): boolean;
  /** Shows log text; line ends are "\n". */
  write(text: string): void;
  /** Which terminal /dev/console opens. */
  device(): { driver: TtyDriver; index: number };
}

interface ConsoleOption {
  readonly name: string;
  readonly index: number;
  readonly options: string;
}

export class Consoles {
  /** The virtual consoles, if there is a display. */
  vt: Vt | null = null;
  readonly #kernel: Kernel;
  #wanted: ConsoleOption[] = [];
  readonly #registered: { device: ConsoleDevice; rank: number }[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Takes every console= word. Linux: console_setup(). */
  parseCommandLine(command_line: string): void {
    for (const word of command_line.split(/\s+/)) {
      const match = /^console=([A-Za-z]+)(\d+)(?:,(.*))?$/.exec(word);
      if (!match) continue;
      const option = { name: match[1], index: Number(match[2]), options: match[3] ?? "" };
      this.#wanted = this.#wanted.filter(
        (other) => other.name !== option.name || other.index !== option.index,
      );
      this.#wanted.push(option);
    }
  }

  /** Offers a device; it becomes a console if the command line names it, or names none and it is the first. */
  register(device: ConsoleDevice): void {
    const rank = this.#wanted.findIndex(({ name, index }) => name === device.name && index === device.index);
    const isDefault = this.#wanted.length === 0 && this.#registered.length === 0;
    if (rank < 0 && !isDefault) return;
    if (!device.setup(this.#wanted[rank]?.options ?? "")) return;
    this.#registered.push({ device, rank });
    const log: LogConsole = {
      name: `${device.name}${device.index}`,
      isBoot: false,
      write: (text) => device.write(text),
    };
    this.#kernel.printk.registerConsole(log);
  }

  /** What /dev/console is; null if there is no console. */
  device(): { driver: TtyDriver; index: number } | null {
    let preferred: { device: ConsoleDevice; rank: number } | null = null;
    for (const entry of this.#registered) if (!preferred || entry.rank > preferred.rank) preferred = entry;
    return preferred?.device.device() ?? null;
  }

  /** Names of the active consoles, the preferred one last, as in /sys/class/tty/console/active. */
  activeNames(): string[] {
    return [...this.#registered]
      .sort((a, b) => a.rank - b.rank)
      .map(({ device }) => `${device.name}${device.index}`);
  }

  /** What /dev/tty0 is. */
  foregroundTty(): { driver: TtyDriver; index: number } | null {
    return this.vt && { driver: this.vt.driver, index: this.vt.foreground };
  }
}

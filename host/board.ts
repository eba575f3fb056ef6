/**
 * The board: which device sits at which ports and on which interrupt line. The table is the schematic; `Board` builds the
 * devices and solders them to the buses by it. host/README.md draws it, "how to add a device" starts here.
 *
 *     CPU --+-- PortBus --- devices below            IRQ lines -> 8259 pair -> INTR
 *           +-- RAM, ROM, video memory (plain memory of the core, cpu-core/abi/layout.ts)
 *           +-- MmioBus --- everything else
 */
import { IrqLine, MmioBus, PortBus } from "./bus.ts";
import type { PortDevice } from "./bus.ts";
import type { Timeline } from "./clock.ts";
import type { Disk } from "./disks/disk.ts";
import { BochsVbe } from "./devices/bochs_vbe.ts";
import { Cmos } from "./devices/cmos.ts";
import { I8042 } from "./devices/i8042.ts";
import { IdeChannel } from "./devices/ide_ata.ts";
import { PicPair } from "./devices/pic8259.ts";
import { Pit8254 } from "./devices/pit8254.ts";
import {
  DebugConsole,
  PciAddress,
  PostCodes,
  PowerManagement,
  ResetControl,
  SystemControlPortA,
} from "./devices/system_control.ts";
import type { PowerControl } from "./devices/system_control.ts";
import { Uart16550 } from "./devices/uart16550.ts";
import { Vga } from "./devices/vga.ts";

/** Names of the parts of `Board` that have ports. */
type Part =
  | "pic_master"
  | "pic_slave"
  | "elcr"
  | "pit"
  | "port_b"
  | "keyboard_data"
  | "keyboard_control"
  | "cmos"
  | "post"
  | "port_a"
  | "ide"
  | "ide_control"
  | "vbe"
  | "serial0"
  | "serial1"
  | "vga"
  | "power"
  | "pci_address"
  | "debug";

export interface BoardRow {
  /** As /proc/ioports spells it. */
  readonly name: string;
  readonly part: Part;
  /** First port and number of ports. */
  readonly ports: readonly [number, number];
  /** Input of the interrupt controllers, if the device interrupts. */
  readonly irq?: number;
}

// prettier-ignore
export const BOARD: readonly BoardRow[] = [
  { name: "pic1",         part: "pic_master",       ports: [0x020, 2] },
  { name: "timer",        part: "pit",              ports: [0x040, 4], irq: 0 },
  { name: "keyboard",     part: "keyboard_data",    ports: [0x060, 1], irq: 1 },
  { name: "port B",       part: "port_b",           ports: [0x061, 1] },
  { name: "keyboard",     part: "keyboard_control", ports: [0x064, 1] },
  { name: "rtc",          part: "cmos",             ports: [0x070, 2], irq: 8 },
  { name: "post",         part: "post",             ports: [0x080, 1] },
  { name: "port A",       part: "port_a",           ports: [0x092, 1] },
  { name: "pic2",         part: "pic_slave",        ports: [0x0a0, 2] },
  { name: "debug",        part: "debug",            ports: [0x0e9, 1] },
  { name: "vbe",          part: "vbe",              ports: [0x1ce, 3] },
  { name: "ata",          part: "ide",              ports: [0x1f0, 8], irq: 14 },
  { name: "serial",       part: "serial1",          ports: [0x2f8, 8], irq: 3 },
  { name: "vga+",         part: "vga",              ports: [0x3b0, 0x30] },
  { name: "ata",          part: "ide_control",      ports: [0x3f6, 1] },
  { name: "serial",       part: "serial0",          ports: [0x3f8, 8], irq: 4 },
  { name: "elcr",         part: "elcr",             ports: [0x4d0, 2] },
  { name: "ACPI PM",      part: "power",            ports: [0x600, 12] },
  { name: "PCI conf1",    part: "pci_address",      ports: [0xcf8, 4] },
];

/** The wires from the board to the rest of the machine. */
export interface BoardWires extends PowerControl {
  /** The CPU's INTR pin. */
  intr(level: number): void;
  /** A byte leaves serial port `port`. */
  serialOutput(port: number, byte: number): void;
  /** Serial port `port` has no received bytes left. */
  serialDrained(port: number): void;
  /** A byte on the debug console. */
  debugOutput(byte: number): void;
  videoMemory(): Uint8Array;
  videoModeChanged(): void;
}

export interface BoardConfig {
  memory_bytes: number;
  /** Master and slave of the IDE channel. */
  disks: readonly [Disk | null, Disk | null];
}

export class Board {
  readonly ports = new PortBus();
  readonly mmio = new MmioBus();
  readonly pic: PicPair;
  readonly pit: Pit8254;
  readonly cmos: Cmos;
  readonly serial: readonly [Uart16550, Uart16550];
  readonly keyboard: I8042;
  readonly ide: IdeChannel;
  readonly vga: Vga;
  readonly vbe: BochsVbe;
  readonly power: PowerManagement;
  readonly post = new PostCodes();
  /** Devices beyond the table (host/machine.ts Slots) whose reset pin hangs on the board's line. */
  readonly extra: { reset(): void }[] = [];
  readonly #port_a: SystemControlPortA;
  readonly #reset_control: ResetControl;

  constructor(config: BoardConfig, timeline: Timeline, wires: BoardWires) {
    this.pic = new PicPair((level) => wires.intr(level));
    const irq = (part: Part): IrqLine => {
      const row = BOARD.find((candidate) => candidate.part === part);
      if (row?.irq === undefined) throw new Error(`${part} has no interrupt line`);
      return this.pic.line(row.irq);
    };
    const uart = (port: number, part: Part): Uart16550 =>
      new Uart16550(
        irq(part),
        (byte) => wires.serialOutput(port, byte),
        () => wires.serialDrained(port),
      );
    this.pit = new Pit8254(irq("pit"), timeline);
    this.cmos = new Cmos(irq("cmos"), timeline, {
      memory_bytes: config.memory_bytes,
      nr_disks: config.disks.filter((disk) => disk !== null).length,
    });
    this.serial = [uart(0, "serial0"), uart(1, "serial1")];
    this.keyboard = new I8042({
      keyboard_irq: irq("keyboard_data"),
      setA20: (level) => wires.setA20(level),
      a20: () => wires.a20(),
      reset: () => wires.reset(),
    });
    this.ide = new IdeChannel(irq("ide"), config.disks[0], config.disks[1]);
    this.vga = new Vga(timeline);
    this.vbe = new BochsVbe(
      () => wires.videoMemory(),
      () => wires.videoModeChanged(),
    );
    this.power = new PowerManagement(wires, timeline);
    this.#port_a = new SystemControlPortA(wires);
    this.#reset_control = new ResetControl(wires);

    const parts: Record<Part, PortDevice> = {
      pic_master: this.pic.master,
      pic_slave: this.pic.slave,
      elcr: this.pic.elcr,
      pit: this.pit,
      port_b: this.pit.portB,
      keyboard_data: this.keyboard.data,
      keyboard_control: this.keyboard,
      cmos: this.cmos,
      post: this.post,
      port_a: this.#port_a,
      ide: this.ide,
      ide_control: this.ide.control,
      vbe: this.vbe,
      serial0: this.serial[0],
      serial1: this.serial[1],
      vga: this.vga,
      power: this.power,
      pci_address: new PciAddress(this.#reset_control),
      debug: new DebugConsole((byte) => wires.debugOutput(byte)),
    };
    for (const row of BOARD) this.ports.add(row.name, row.ports[0], row.ports[1], parts[row.part]);
  }

  /** The reset line: every device goes to its power-on state; the clock chip and the disks keep their contents. */
  reset(): void {
    this.pic.reset();
    this.pit.reset();
    this.cmos.reset();
    for (const uart of this.serial) uart.reset();
    this.keyboard.reset();
    this.ide.reset();
    this.vga.reset();
    this.vbe.reset();
    this.power.reset();
    this.#port_a.reset();
    this.#reset_control.reset();
    for (const device of this.extra) device.reset();
  }
}

/**
 * The board: which device sits at which ports and on which interrupt line. The table is the schematic; `Board` builds the
 * devices and solders them to the buses by it. host/README.md draws it, "how to add a device" starts here.
 *
 *     CPU --+-- PortBus --- devices below
 *           +-- RAM, ROM, video memory (plain memory of the core, cpu-core/abi/layout.ts)
 *           +-- local APIC's page, then MmioBus --- I/O APIC, MSIs, everything else
 *
 *     IRQ line n --+-- 8259 pair, input n --- INTR --+-- LINT0 --+
 *                  +-- I/O APIC, pin n (0: pin 2)    +-- pin 0   |
 *                                 +------ ApicBus -----------> local APIC ---> the CPU's interrupt request, NMI, INIT
 *     SERR#, IOCHK# --- NMI line ------------------ LINT1 -------+
 */
import { IrqLine, MmioBus, PortBus } from "./bus.ts";
import type { MemoryBus, PortDevice } from "./bus.ts";
import type { Timeline } from "./clock.ts";
import type { Disk } from "./disks/disk.ts";
import { ApicBus } from "./devices/apic_bus.ts";
import type { TscOffset } from "./devices/apic_timer.ts";
import { BochsVbe } from "./devices/bochs_vbe.ts";
import { Cmos } from "./devices/cmos.ts";
import { I8042 } from "./devices/i8042.ts";
import { IdeChannel } from "./devices/ide_ata.ts";
import { IoApic } from "./devices/io_apic.ts";
import { LocalApic } from "./devices/local_apic.ts";
import type { CpuPins } from "./devices/local_apic.ts";
import { NmiControl } from "./devices/nmi_control.ts";
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

/** Physical address of the I/O APIC, and its length. */
export const IO_APIC_ADDRESS = 0xfec0_0000;
export const IO_APIC_BYTES = 0x400;

const NR_ISA_LINES = 16;
/** Input of the first 8259 that the second one hangs on: no device's. */
const CASCADE_IRQ = 2;

/** The pin of the I/O APIC that IRQ line `irq` goes to: pin 0 is the 8259 pair's. */
export function ioApicPin(irq: number): number {
  return irq === 0 ? 2 : irq;
}

/** A socket for a CPU. */
export interface CpuSocket extends CpuPins {
  readonly tsc: TscOffset;
}

/** The wires from the board to the rest of the machine. */
export interface BoardWires extends PowerControl {
  /** The first one is the bootstrap processor. */
  readonly cpus: readonly CpuSocket[];
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
  readonly apic_bus = new ApicBus();
  /** The CPUs' local APICs. */
  readonly apics: readonly LocalApic[];
  readonly io_apic = new IoApic(this.apic_bus);
  readonly nmi: NmiControl;
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
  readonly #lines: readonly IrqLine[];
  readonly #port_a: SystemControlPortA;
  readonly #reset_control: ResetControl;

  constructor(config: BoardConfig, timeline: Timeline, wires: BoardWires) {
    this.pic = new PicPair((level) => {
      for (const apic of this.apics) apic.setLint(0, level);
      this.io_apic.setPin(0, level);
    });
    this.apics = wires.cpus.map(
      (socket, id) =>
        new LocalApic(id, this.apic_bus, socket, () => this.pic.acknowledge(), timeline, socket.tsc),
    );
    this.#lines = Array.from(
      { length: NR_ISA_LINES },
      (_, irq) =>
        new IrqLine((level) => {
          this.pic.setLine(irq, level);
          this.io_apic.setPin(ioApicPin(irq), level);
        }),
    );
    this.mmio.add("IOAPIC 0", IO_APIC_ADDRESS, IO_APIC_BYTES, this.io_apic);
    const { msi_window } = this.apic_bus;
    this.mmio.add("MSI", msi_window.start, msi_window.length_bytes, msi_window);
    const irq = (part: Part): IrqLine => {
      const row = BOARD.find((candidate) => candidate.part === part);
      if (row?.irq === undefined) throw new Error(`${part} has no interrupt line`);
      return this.irq(row.irq);
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
    this.nmi = new NmiControl(
      this.pit.portB,
      () => this.cmos.nmi_masked,
      (level) => {
        for (const apic of this.apics) apic.setLint(1, level);
      },
    );
    this.cmos.onNmiMask = () => this.nmi.update();
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
      port_b: this.nmi,
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

  /** IRQ line `irq`; 2 is taken by the cascade of the 8259 pair. */
  irq(irq: number): IrqLine {
    if (irq === CASCADE_IRQ || irq < 0 || irq >= NR_ISA_LINES) throw new RangeError(`IRQ ${irq} is not free`);
    return this.#lines[irq];
  }

  /** The memory bus as CPU `cpu` sees it: the page of its own local APIC comes before what others see there. */
  memoryBus(cpu: number): MemoryBus {
    const { mmio } = this;
    const apic = this.apics[cpu];
    const inPage = (pa: number): boolean => apic.page >= 0 && pa >= apic.page && pa - apic.page < 0x1000;
    return {
      read: (pa, size) => (inPage(pa) ? apic.readMmio(pa - apic.page, size) : mmio.read(pa, size)),
      write: (pa, size, value) => {
        if (inPage(pa)) apic.writeMmio(pa - apic.page, size, value >>> 0);
        else mmio.write(pa, size, value);
      },
    };
  }

  /** Whether a CPU that is halted with interrupts off may still be woken by the board. */
  get wakes_masked_cpu(): boolean {
    return this.io_apic.wakes_masked_cpu || this.apics.some((apic) => apic.wakes_masked_cpu);
  }

  /** The reset line: every device goes to its power-on state; the clock chip and the disks keep their contents. */
  reset(): void {
    for (const apic of this.apics) apic.reset();
    this.io_apic.reset();
    this.pic.reset();
    this.pit.reset();
    this.nmi.reset();
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

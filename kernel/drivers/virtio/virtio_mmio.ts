/**
 * Virtio devices behind memory-mapped registers, announced on the kernel command line:
 *
 *     virtio_mmio.device=<size>@<baseaddr>:<irq>[:<id>]      512@0xd0000000:5      4K@0x1e000000:10:7
 *
 * Each is looked at (magic, version, device id), reset and given to the driver of its kind (VIRTIO_DRIVERS).
 * Linux: drivers/virtio/virtio_mmio.c, drivers/virtio/virtio.c. Source: VIRTIO 1.2, sections 3.1 and 4.2.
 */
import type { IoMemory } from "../../arch/x86/machine.ts";
import { IRQF_SHARED, IRQ_HANDLED, IRQ_NONE } from "../../irq/irq_desc.ts";
import type { Kernel } from "../../kernel.ts";
import { ENODEV, ENOENT } from "../../uapi/errno.ts";
import type { P9VirtioChannel } from "./virtio_9p.ts";
import { probe9p } from "./virtio_9p.ts";
import type { PortDevice } from "./virtio_console.ts";
import { probeConsole } from "./virtio_console.ts";
import { Virtqueue } from "./virtio_ring.ts";

const MAGIC_VALUE = 0x000;
const VERSION = 0x004;
const DEVICE_ID = 0x008;
const DEVICE_FEATURES = 0x010;
const DEVICE_FEATURES_SEL = 0x014;
const DRIVER_FEATURES = 0x020;
const DRIVER_FEATURES_SEL = 0x024;
const QUEUE_SEL = 0x030;
const QUEUE_NUM_MAX = 0x034;
const QUEUE_NUM = 0x038;
const QUEUE_READY = 0x044;
const QUEUE_NOTIFY = 0x050;
const INTERRUPT_STATUS = 0x060;
const INTERRUPT_ACK = 0x064;
const STATUS = 0x070;
const QUEUE_DESC_LOW = 0x080;
const QUEUE_DRIVER_LOW = 0x090;
const QUEUE_DEVICE_LOW = 0x0a0;
const CONFIG = 0x100;

const MAGIC = 0x7472_6976;

const STATUS_ACKNOWLEDGE = 1;
const STATUS_DRIVER = 2;
const STATUS_DRIVER_OK = 4;
const STATUS_FEATURES_OK = 8;
const STATUS_FAILED = 128;

/** Feature bit 32, in the second word. */
const F_VERSION_1 = 1 << 0;
const TWO_32 = 0x1_0000_0000;

export const VIRTIO_ID_CONSOLE = 3;
export const VIRTIO_ID_9P = 9;

/** THE table of drivers. A driver returns 0, or -errno if it cannot use the device. */
const VIRTIO_DRIVERS: readonly { id: number; probe: (device: VirtioDevice) => number }[] = [
  { id: VIRTIO_ID_CONSOLE, probe: probeConsole },
  { id: VIRTIO_ID_9P, probe: probe9p },
];

/** What the drivers keep: reachable as `kernel.devices.virtio`. */
export class VirtioBus {
  readonly devices: VirtioDevice[] = [];
  readonly consoles: PortDevice[] = [];
  readonly channels: P9VirtioChannel[] = [];
}

/** One device, as its driver has it. */
export class VirtioDevice {
  /** Called when buffers were used. */
  onUsed: () => void = () => undefined;

  constructor(
    readonly kernel: Kernel,
    /** "virtio0". */
    readonly name: string,
    readonly id: number,
    readonly irq: number,
    readonly io: IoMemory,
  ) {}

  /** Agrees on `wanted` features (bits 0-31) as far as the device has them; the result is what both have, or -ENODEV. */
  negotiate(wanted: number): number {
    const { io } = this;
    io.write32(DEVICE_FEATURES_SEL, 1);
    if ((io.read32(DEVICE_FEATURES) & F_VERSION_1) === 0) return -ENODEV;
    io.write32(DEVICE_FEATURES_SEL, 0);
    const features = io.read32(DEVICE_FEATURES) & wanted;
    io.write32(DRIVER_FEATURES_SEL, 0);
    io.write32(DRIVER_FEATURES, features);
    io.write32(DRIVER_FEATURES_SEL, 1);
    io.write32(DRIVER_FEATURES, F_VERSION_1);
    this.#addStatus(STATUS_FEATURES_OK);
    return io.read32(STATUS) & STATUS_FEATURES_OK ? features : -ENODEV;
  }

  /** Sets up queue `index` with at most `max_size` entries. -ENOENT if the device has no such queue. */
  findQueue<T>(index: number, max_size: number): Virtqueue<T> | number {
    const { io } = this;
    io.write32(QUEUE_SEL, index);
    const max = io.read32(QUEUE_NUM_MAX);
    if (max === 0 || io.read32(QUEUE_READY) !== 0) return -ENOENT;
    const queue = Virtqueue.create<T>(this.kernel, index, Math.min(max, max_size), (n) =>
      io.write32(QUEUE_NOTIFY, n),
    );
    if (typeof queue === "number") return queue;
    io.write32(QUEUE_NUM, queue.size);
    for (const [register, pa] of [
      [QUEUE_DESC_LOW, queue.descriptors],
      [QUEUE_DRIVER_LOW, queue.available],
      [QUEUE_DEVICE_LOW, queue.used],
    ]) {
      io.write32(register, pa % TWO_32);
      io.write32(register + 4, Math.floor(pa / TWO_32));
    }
    io.write32(QUEUE_READY, 1);
    return io.read32(QUEUE_READY) ? queue : -ENOENT;
  }

  /** From here on the device works. Linux: virtio_device_ready(). */
  ready(): void {
    this.#addStatus(STATUS_DRIVER_OK);
  }

  readConfig8(offset: number): number {
    return this.io.read8(CONFIG + offset);
  }

  readConfig16(offset: number): number {
    return this.io.read16(CONFIG + offset);
  }

  readConfig32(offset: number): number {
    return this.io.read32(CONFIG + offset);
  }

  /** Linux: vm_interrupt(). */
  handleInterrupt(): number {
    const { io } = this;
    const status = io.read32(INTERRUPT_STATUS);
    if (status === 0) return IRQ_NONE;
    io.write32(INTERRUPT_ACK, status);
    this.onUsed();
    return IRQ_HANDLED;
  }

  reset(): void {
    this.io.write32(STATUS, 0);
    this.#addStatus(STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  }

  fail(): void {
    this.#addStatus(STATUS_FAILED);
  }

  #addStatus(bits: number): void {
    this.io.write32(STATUS, this.io.read32(STATUS) | bits);
  }
}

/** Finds the devices of the command line. Runs as an initcall. */
export function initVirtioMmio(kernel: Kernel): void {
  const bus = new VirtioBus();
  kernel.devices.virtio = bus;
  let id = 0;
  for (const word of kernel.boot.command_line.split(/\s+/)) {
    if (!word.startsWith("virtio_mmio.device=")) continue;
    const place = parseDevice(word.slice("virtio_mmio.device=".length));
    if (place === null) {
      kernel.printk.err(`virtio-mmio: Failed to parse '${word}'`);
      continue;
    }
    probeDevice(kernel, bus, place, id++);
  }
}

/** Where a device is. */
export interface MmioPlace {
  readonly base: number;
  readonly size: number;
  readonly irq: number;
}

/** Linux: vm_cmdline_set(). */
export function parseDevice(text: string): MmioPlace | null {
  const match = /^(0x[0-9a-f]+|\d+)([KMG]?)@(0x[0-9a-f]+|\d+):(\d+)(?::(\d+))?$/i.exec(text);
  if (!match) return null;
  const size = Number(match[1]) * 1024 ** " KMG".indexOf(match[2].toUpperCase() || " ");
  return size === 0 ? null : { size, base: Number(match[3]), irq: Number(match[4]) };
}

function probeDevice(kernel: Kernel, bus: VirtioBus, { base, size, irq }: MmioPlace, id: number): void {
  const { printk, devices } = kernel;
  const name = `virtio-mmio.${id}`;
  const range = `${base.toString(16)}-${(base + size - 1).toString(16)}`;
  printk.info(`virtio-mmio: Registering device ${name} at 0x${range.replace("-", "-0x")}, IRQ ${irq}.`);
  if (typeof devices.requestMemRegion(base, base + size - 1, name) === "number") {
    printk.err(`virtio-mmio ${name}: can't request region for resource [mem 0x${range.replace("-", "-0x")}]`);
    return;
  }
  const io = kernel.machine.ioremap(base, size);
  const magic = io.read32(MAGIC_VALUE);
  if (magic !== MAGIC) {
    printk.warn(`virtio-mmio ${name}: Wrong magic value 0x${magic.toString(16).padStart(8, "0")}!`);
    return;
  }
  const version = io.read32(VERSION);
  if (version !== 2) {
    printk.err(`virtio-mmio ${name}: Version ${version} not supported!`);
    return;
  }
  const device_id = io.read32(DEVICE_ID);
  if (device_id === 0) return; // a place without a device
  const device = new VirtioDevice(kernel, `virtio${bus.devices.length}`, device_id, irq, io);
  bus.devices.push(device);

  const driver = VIRTIO_DRIVERS.find((candidate) => candidate.id === device_id);
  if (!driver) return;
  device.reset();
  const action = kernel.irq.requestIrq(irq, () => device.handleInterrupt(), device.name, IRQF_SHARED);
  const error = typeof action === "number" ? action : driver.probe(device);
  if (error === 0) return;
  if (typeof action !== "number") kernel.irq.freeIrq(irq, action);
  device.fail();
  printk.err(`${device.name}: probe failed with error ${error}`);
}

/**
 * The MMIO transport of virtio: 0x200 bytes of registers and an interrupt line through which a driver finds a device,
 * agrees on features, sets up its queues (virtio_queue.ts) and rings its doorbell. Version 2 of the interface, little endian.
 *
 * The devices behind it (virtio_console.ts, virtio_9p.ts) implement VirtioDevice and know neither address nor line.
 * Source: Virtual I/O Device (VIRTIO) 1.2, sections 2.1, 3.1 and 4.2.
 */
import type { Ram } from "../../kernel/arch/x86/machine.ts";
import type { IrqLine, MmioDevice } from "../bus.ts";
import { VirtQueue, VirtqueueError } from "./virtio_queue.ts";

/** Bytes of registers, configuration space included. */
export const VIRTIO_MMIO_BYTES = 0x200;

const MAGIC_VALUE = 0x000;
const VERSION = 0x004;
const DEVICE_ID = 0x008;
const VENDOR_ID = 0x00c;
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
const QUEUE_DESC_HIGH = 0x084;
const QUEUE_DRIVER_LOW = 0x090;
const QUEUE_DRIVER_HIGH = 0x094;
const QUEUE_DEVICE_LOW = 0x0a0;
const QUEUE_DEVICE_HIGH = 0x0a4;
const CONFIG_GENERATION = 0x0fc;
const CONFIG = 0x100;

const MAGIC = 0x7472_6976; // "virt"
const VENDOR = 0x5254_4956; // "VITR"

const STATUS_DRIVER_OK = 4;
const STATUS_FEATURES_OK = 8;
const STATUS_NEEDS_RESET = 64;

const INT_USED_RING = 1;
const INT_CONFIG = 2;

/** Feature words 0 (bits 0-31) and 1 (bits 32-63) of the transport. */
const F_RING_INDIRECT_DESC = 1 << 28;
const F_VERSION_1 = 1 << 0;

const TWO_32 = 0x1_0000_0000;

/** What a device uses of its transport. */
export interface VirtioTransport {
  readonly queues: readonly VirtQueue[];
  /** Tells the driver that buffers of `queue` were used. */
  interrupt(queue: VirtQueue): void;
  /** Does work that touches queues outside of notify(): a driver's mistake found there breaks the device only. */
  guard(work: () => void): void;
}

export interface VirtioDevice {
  /** VIRTIO 1.2 section 5. */
  readonly device_id: number;
  /** Device-specific feature bits 0-23. */
  readonly features: number;
  readonly nr_queues: number;
  readonly queue_size: number;
  /** Configuration space, read only. */
  readonly config: Uint8Array;
  connect(transport: VirtioTransport): void;
  /** The driver is ready, with these of the features. */
  start(features: number): void;
  /** The driver rang the doorbell of queue `index`. */
  notify(index: number): void;
  reset(): void;
}

export class VirtioMmio implements MmioDevice, VirtioTransport {
  readonly queues: readonly VirtQueue[];
  #status = 0;
  #interrupt_status = 0;
  #device_features_sel = 0;
  #driver_features_sel = 0;
  readonly #driver_features = [0, 0];
  #queue_sel = 0;
  readonly counters = { notifications: 0, interrupts: 0 };

  constructor(
    readonly device: VirtioDevice,
    ram: Ram,
    readonly irq: IrqLine,
  ) {
    this.queues = Array.from(
      { length: device.nr_queues },
      (_, n) => new VirtQueue(ram, n, device.queue_size),
    );
    device.connect(this);
  }

  /** The driver's last word on the device's state: for the status line and tests. */
  get status(): number {
    return this.#status;
  }

  reset(): void {
    this.#status = 0;
    this.#interrupt_status = 0;
    this.#device_features_sel = this.#driver_features_sel = this.#queue_sel = 0;
    this.#driver_features.fill(0);
    for (const queue of this.queues) queue.reset();
    this.irq.lower();
    this.device.reset();
  }

  interrupt(queue: VirtQueue): void {
    if (queue.wantsInterrupt) this.#raise(INT_USED_RING);
  }

  guard(work: () => void): void {
    if (this.#status & STATUS_NEEDS_RESET || !(this.#status & STATUS_DRIVER_OK)) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof VirtqueueError)) throw error;
      this.#status |= STATUS_NEEDS_RESET;
      this.#raise(INT_CONFIG);
    }
  }

  readMmio(offset: number, size: number): number {
    if (offset >= CONFIG) return this.#readConfig(offset - CONFIG, size);
    if (size !== 4 || offset & 3) return 0; // section 4.2.2.2: registers are accessed as aligned 32-bit words only
    const queue = this.#queue;
    switch (offset) {
      case MAGIC_VALUE:
        return MAGIC;
      case VERSION:
        return 2;
      case DEVICE_ID:
        return this.device.device_id;
      case VENDOR_ID:
        return VENDOR;
      case DEVICE_FEATURES:
        return this.#offered(this.#device_features_sel);
      case QUEUE_NUM_MAX:
        return queue?.max_size ?? 0;
      case QUEUE_READY:
        return queue?.ready ? 1 : 0;
      case INTERRUPT_STATUS:
        return this.#interrupt_status;
      case STATUS:
        return this.#status;
      case CONFIG_GENERATION:
        return 0;
      default:
        return 0;
    }
  }

  writeMmio(offset: number, size: number, value: number): void {
    if (offset >= CONFIG || size !== 4 || offset & 3) return;
    switch (offset) {
      case DEVICE_FEATURES_SEL:
        this.#device_features_sel = value;
        break;
      case DRIVER_FEATURES:
        if (this.#driver_features_sel < 2 && !(this.#status & STATUS_FEATURES_OK)) {
          this.#driver_features[this.#driver_features_sel] = value;
        }
        break;
      case DRIVER_FEATURES_SEL:
        this.#driver_features_sel = value;
        break;
      case QUEUE_SEL:
        this.#queue_sel = value;
        break;
      case QUEUE_NOTIFY:
        this.counters.notifications++;
        if (this.queues[value]?.ready) this.guard(() => this.device.notify(value));
        break;
      case INTERRUPT_ACK:
        this.#interrupt_status &= ~value;
        if (this.#interrupt_status === 0) this.irq.lower();
        break;
      case STATUS:
        this.#writeStatus(value);
        break;
      default:
        this.#writeQueue(offset, value);
    }
  }

  get #queue(): VirtQueue | undefined {
    return this.queues[this.#queue_sel];
  }

  #writeQueue(offset: number, value: number): void {
    const queue = this.#queue;
    if (!queue) return;
    switch (offset) {
      case QUEUE_NUM:
        queue.size = value;
        break;
      case QUEUE_READY:
        if ((value & 1) === 0) queue.ready = false;
        else this.#startQueue(queue);
        break;
      case QUEUE_DESC_LOW:
        queue.descriptors = withLow(queue.descriptors, value);
        break;
      case QUEUE_DESC_HIGH:
        queue.descriptors = withHigh(queue.descriptors, value);
        break;
      case QUEUE_DRIVER_LOW:
        queue.available = withLow(queue.available, value);
        break;
      case QUEUE_DRIVER_HIGH:
        queue.available = withHigh(queue.available, value);
        break;
      case QUEUE_DEVICE_LOW:
        queue.used = withLow(queue.used, value);
        break;
      case QUEUE_DEVICE_HIGH:
        queue.used = withHigh(queue.used, value);
        break;
    }
  }

  /** A queue with an impossible size or outside RAM does not become ready, which the driver can read back. */
  #startQueue(queue: VirtQueue): void {
    try {
      queue.start();
    } catch (error) {
      if (!(error instanceof VirtqueueError)) throw error;
    }
  }

  #writeStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    const before = this.#status;
    let status = (value & 0xff & ~STATUS_NEEDS_RESET) | (before & STATUS_NEEDS_RESET);
    if (status & STATUS_FEATURES_OK && !(before & STATUS_FEATURES_OK) && !this.#featuresAgree()) {
      status &= ~STATUS_FEATURES_OK;
    }
    this.#status = status;
    if (status & STATUS_DRIVER_OK && !(before & STATUS_DRIVER_OK)) {
      this.guard(() => this.device.start(this.#driver_features[0]));
    }
  }

  #offered(word: number): number {
    if (word === 0) return (this.device.features | F_RING_INDIRECT_DESC) >>> 0;
    return word === 1 ? F_VERSION_1 : 0;
  }

  /** Only what was offered, and no driver for the interface before 1.0. */
  #featuresAgree(): boolean {
    const [low, high] = this.#driver_features;
    return (low & ~this.#offered(0)) === 0 && high === F_VERSION_1;
  }

  #readConfig(offset: number, size: number): number {
    const { config } = this.device;
    let value = 0;
    for (let n = 0; n < size; n++) value += (config[offset + n] ?? 0) * 2 ** (n * 8);
    return value;
  }

  #raise(cause: number): void {
    this.#interrupt_status |= cause;
    if (this.irq.level === 0) this.counters.interrupts++;
    this.irq.raise();
  }
}

function withLow(address: number, low: number): number {
  return Math.floor(address / TWO_32) * TWO_32 + low;
}

function withHigh(address: number, high: number): number {
  return high * TWO_32 + (address % TWO_32);
}

/**
 * The device's side of a split virtqueue: rings in guest RAM through which a driver hands buffers to a device.
 *
 *     descriptor table   address, length, flags, next: the buffers, chained
 *     available ring     heads of chains the driver offers       (driver writes)
 *     used ring          heads of chains the device is done with (device writes)
 *
 * Whatever the guest writes there is checked: a chain that loops or leaves RAM is a VirtqueueError, which breaks the device
 * (virtio_mmio.ts) and nothing else. Source: Virtual I/O Device (VIRTIO) 1.2, section 2.7.
 */
import type { Ram } from "../../kernel/arch/x86/machine.ts";

const DESC_BYTES = 16;
const F_NEXT = 1;
const F_WRITE = 2;
const F_INDIRECT = 4;
/** Of the available ring's flags: the driver polls and wants no interrupt. */
const AVAIL_F_NO_INTERRUPT = 1;
const TWO_32 = 0x1_0000_0000;

/** The driver broke the rules of the rings. */
export class VirtqueueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "VirtqueueError";
  }
}

/** A piece of guest RAM. */
interface Segment {
  readonly pa: number;
  readonly length: number;
}

/** One request: what the device may read, then what it may write. */
export class DescriptorChain {
  readonly readable: Segment[] = [];
  readonly writable: Segment[] = [];
  readable_bytes = 0;
  writable_bytes = 0;

  constructor(
    readonly ram: Ram,
    readonly head: number,
  ) {}

  /** A copy of the bytes the driver sent. */
  read(): Uint8Array {
    const bytes = new Uint8Array(this.readable_bytes);
    let at = 0;
    for (const { pa, length } of this.readable) {
      bytes.set(this.ram.bytes.subarray(pa, pa + length), at);
      at += length;
    }
    return bytes;
  }

  /** Fills the writable part from its start; what does not fit is lost. The number of bytes written. */
  write(bytes: Uint8Array): number {
    let done = 0;
    for (const { pa, length } of this.writable) {
      const part = Math.min(length, bytes.length - done);
      if (part === 0) break;
      this.ram.set(pa, bytes.subarray(done, done + part));
      done += part;
    }
    return done;
  }
}

export class VirtQueue {
  /** Entries; a power of two, set by the driver. */
  size: number;
  ready = false;
  /** Guest physical addresses of the three parts. */
  descriptors = 0;
  available = 0;
  used = 0;
  /** How far the device is, modulo 2^16. */
  #next_available = 0;
  #next_used = 0;

  constructor(
    readonly ram: Ram,
    readonly index: number,
    readonly max_size: number,
  ) {
    this.size = max_size;
  }

  reset(): void {
    this.size = this.max_size;
    this.ready = false;
    this.descriptors = this.available = this.used = 0;
    this.#next_available = this.#next_used = 0;
  }

  /** Checks what the driver set up when it says the queue is ready. */
  start(): void {
    const { size } = this;
    if (size === 0 || size > this.max_size || size & (size - 1))
      throw new VirtqueueError(`queue size ${size}`);
    this.#check(this.descriptors, size * DESC_BYTES);
    this.#check(this.available, 6 + size * 2);
    this.#check(this.used, 6 + size * 8);
    this.ready = true;
  }

  /** Whether the driver has offered something that was not taken yet. */
  get hasNext(): boolean {
    return this.ready && this.ram.read16(this.available + 2) !== this.#next_available;
  }

  /** Takes the next chain, null if there is none. */
  pop(): DescriptorChain | null {
    const chain = this.peek();
    if (chain !== null) this.#next_available = (this.#next_available + 1) & 0xffff;
    return chain;
  }

  /** The chain that pop() would take. */
  peek(): DescriptorChain | null {
    if (!this.hasNext) return null;
    const { ram, size } = this;
    const offered = (ram.read16(this.available + 2) - this.#next_available) & 0xffff;
    if (offered > size) throw new VirtqueueError(`${offered} chains in a queue of ${size}`);
    const head = ram.read16(this.available + 4 + (this.#next_available & (size - 1)) * 2);
    const chain = new DescriptorChain(ram, head);
    this.#walk(chain, this.descriptors, size, head, false);
    return chain;
  }

  /** Gives a chain back with `written` bytes in its writable part. */
  push(chain: DescriptorChain, written: number): void {
    const { ram } = this;
    const entry = this.used + 4 + (this.#next_used & (this.size - 1)) * 8;
    ram.write32(entry, chain.head);
    ram.write32(entry + 4, written);
    this.#next_used = (this.#next_used + 1) & 0xffff;
    ram.write16(this.used + 2, this.#next_used);
  }

  /** Whether the driver wants to be told of used buffers. */
  get wantsInterrupt(): boolean {
    return (this.ram.read16(this.available) & AVAIL_F_NO_INTERRUPT) === 0;
  }

  /** Collects the descriptors from `index` of `table` on. */
  #walk(chain: DescriptorChain, table: number, nr_entries: number, index: number, indirect: boolean): void {
    const { ram } = this;
    for (let steps = 0; ; steps++) {
      if (index >= nr_entries) throw new VirtqueueError(`descriptor ${index} of ${nr_entries}`);
      if (steps >= nr_entries) throw new VirtqueueError("descriptors form a loop");
      const at = table + index * DESC_BYTES;
      const pa = ram.read32(at + 4) * TWO_32 + ram.read32(at);
      const length = ram.read32(at + 8);
      const flags = ram.read16(at + 12);
      this.#check(pa, length);
      if (flags & F_INDIRECT) {
        if (indirect || flags & F_NEXT || length % DESC_BYTES !== 0)
          throw new VirtqueueError("bad indirect table");
        this.#walk(chain, pa, length / DESC_BYTES, 0, true);
        return;
      }
      if (flags & F_WRITE) {
        chain.writable.push({ pa, length });
        chain.writable_bytes += length;
      } else {
        if (chain.writable.length > 0) throw new VirtqueueError("readable descriptor behind a writable one");
        chain.readable.push({ pa, length });
        chain.readable_bytes += length;
      }
      if ((flags & F_NEXT) === 0) return;
      index = ram.read16(at + 14);
    }
  }

  #check(pa: number, length: number): void {
    if (pa + length > this.ram.size_bytes) {
      throw new VirtqueueError(`no RAM at 0x${pa.toString(16)}, ${length} bytes`);
    }
  }
}

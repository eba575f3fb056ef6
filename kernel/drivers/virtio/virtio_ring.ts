/**
 * The driver's side of a split virtqueue: buffers go out in the available ring and come back in the used ring.
 *
 *     add(buffers, token) -> kick() -> the device works -> getUsed() gives the token back
 *
 * The rings are frames of RAM; devices see them by physical address. Linux: drivers/virtio/virtio_ring.c.
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 2.7.
 */
import type { Ram } from "../../arch/x86/machine.ts";
import type { Kernel } from "../../kernel.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../../mm/page_alloc.ts";
import { ENOMEM, ENOSPC } from "../../uapi/errno.ts";

const VRING_DESC_F_NEXT = 1;
const VRING_DESC_F_WRITE = 2;
const VRING_AVAIL_F_NO_INTERRUPT = 1;
const VRING_USED_F_NO_NOTIFY = 1;
const DESC_BYTES = 16;

/** A piece of RAM that a device reads or fills. */
export interface VirtioBuffer {
  readonly pa: number;
  readonly length: number;
}

/** A chain the device is done with. */
export interface UsedBuffer<T> {
  readonly token: T;
  /** Bytes the device wrote. */
  readonly length: number;
}

/** `T` is what the driver wants back with each chain. */
export class Virtqueue<T> {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  readonly #ram: Ram;
  /** First free descriptor; they are chained by their `next` fields. */
  #free_head = 0;
  nr_free: number;
  #next_available = 0;
  #next_used = 0;
  /** By head descriptor; the chain's length beside it. */
  readonly #tokens: (T | undefined)[];
  readonly #chain_lengths: Uint16Array;

  private constructor(
    readonly kernel: Kernel,
    readonly index: number,
    readonly size: number,
    pa: number,
    /** Writes the queue's number into the device's doorbell. */
    readonly notify: (index: number) => void,
  ) {
    this.#ram = kernel.machine.ram;
    this.descriptors = pa;
    this.available = pa + size * DESC_BYTES;
    this.used = pa + usedOffset(size);
    this.nr_free = size;
    this.#tokens = new Array<T | undefined>(size);
    this.#chain_lengths = new Uint16Array(size);
    for (let n = 0; n < size; n++) this.#ram.write16(this.#descriptor(n) + 14, n + 1);
  }

  /** A queue of `size` entries (a power of two), or -ENOMEM. */
  static create<T>(
    kernel: Kernel,
    index: number,
    size: number,
    notify: (index: number) => void,
  ): Virtqueue<T> | number {
    const bytes = usedOffset(size) + 6 + size * 8;
    let order = 0;
    while (PAGE_SIZE << order < bytes) order++;
    const pfn = kernel.pages.allocPages(order);
    if (pfn < 0) return -ENOMEM;
    const pa = pfn << PAGE_SHIFT;
    kernel.machine.ram.fill(pa, 0, PAGE_SIZE << order);
    return new Virtqueue<T>(kernel, index, size, pa, notify);
  }

  /** Offers a chain: `out` for the device to read, then `into` for it to fill. -ENOSPC if there are too few descriptors. */
  add(out: readonly VirtioBuffer[], into: readonly VirtioBuffer[], token: T): number {
    const length = out.length + into.length;
    if (length === 0 || length > this.nr_free) return -ENOSPC;
    const ram = this.#ram;
    const head = this.#free_head;
    let index = head;
    for (let n = 0; n < length; n++) {
      const is_out = n < out.length;
      const buffer = is_out ? out[n] : into[n - out.length];
      const at = this.#descriptor(index);
      const next = ram.read16(at + 14);
      ram.write64(at, buffer.pa);
      ram.write32(at + 8, buffer.length);
      ram.write16(at + 12, (is_out ? 0 : VRING_DESC_F_WRITE) | (n + 1 < length ? VRING_DESC_F_NEXT : 0));
      index = next;
    }
    this.#free_head = index;
    this.nr_free -= length;
    this.#tokens[head] = token;
    this.#chain_lengths[head] = length;
    ram.write16(this.available + 4 + (this.#next_available & (this.size - 1)) * 2, head);
    this.#next_available = (this.#next_available + 1) & 0xffff;
    ram.write16(this.available + 2, this.#next_available);
    return 0;
  }

  /** Rings the doorbell, unless the device says that it looks by itself. */
  kick(): void {
    if (this.#ram.read16(this.used) & VRING_USED_F_NO_NOTIFY) return;
    this.notify(this.index);
  }

  /** Whether the device has given something back. */
  get hasUsed(): boolean {
    return this.#ram.read16(this.used + 2) !== this.#next_used;
  }

  /** The next chain the device is done with, or null. */
  getUsed(): UsedBuffer<T> | null {
    if (!this.hasUsed) return null;
    const ram = this.#ram;
    const entry = this.used + 4 + (this.#next_used & (this.size - 1)) * 8;
    const head = ram.read32(entry);
    const length = ram.read32(entry + 4);
    this.#next_used = (this.#next_used + 1) & 0xffff;
    const token = this.#tokens[head];
    if (token === undefined) {
      this.kernel.printk.err(`virtio: id ${head} is not a head!`);
      return null;
    }
    this.#tokens[head] = undefined;
    this.#free(head);
    return { token, length };
  }

  /** The driver polls: no interrupts, please. */
  disableInterrupts(): void {
    this.#ram.write16(this.available, VRING_AVAIL_F_NO_INTERRUPT);
  }

  /** Interrupts again. False if something was used meanwhile: look before sleeping. */
  enableInterrupts(): boolean {
    this.#ram.write16(this.available, 0);
    return !this.hasUsed;
  }

  #descriptor(index: number): number {
    return this.descriptors + index * DESC_BYTES;
  }

  #free(head: number): void {
    let last = head;
    for (let n = 1; n < this.#chain_lengths[head]; n++) last = this.#ram.read16(this.#descriptor(last) + 14);
    this.#ram.write16(this.#descriptor(last) + 14, this.#free_head);
    this.#free_head = head;
    this.nr_free += this.#chain_lengths[head];
  }
}

/** The used ring follows the descriptors and the available ring, aligned to 4 bytes. */
function usedOffset(size: number): number {
  return (size * DESC_BYTES + 6 + size * 2 + 3) & ~3;
}

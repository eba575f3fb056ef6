/**
 * Guest memory as the kernel's TypeScript sees it: Ram over the RAM window of the core's linear memory, and IoMemory for
 * device memory. Stores drop decoded code in the pages they touch and mark video memory dirty, as the bus does for DMA;
 * the guest's own accesses do the same inside the core (cpu-core/mmu).
 */
import {
  PAGE_FLAGS_BASE,
  PAGE_HAS_CODE,
  RAM_BASE,
  ROM_BASE,
  VRAM_BASE,
  VRAM_DIRTY_BASE,
  VRAM_PHYSICAL,
  VRAM_SIZE,
} from "../cpu-core/abi/layout.ts";
import type { IoMemory, Ram } from "../kernel/arch/x86/machine.ts";
import type { MemoryBus } from "./bus.ts";
import type { Core } from "./core.ts";

const TWO_32 = 0x1_0000_0000;
const PAGE_SHIFT = 12;
/** Adapter memory and shadowed ROM: plain bytes of the RAM window, but devices to whoever maps them. */
const LEGACY_HOLE_START = 0xa_0000;
const LEGACY_HOLE_END = 0x10_0000;

export class GuestRam implements Ram {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #page_flags: Uint8Array;
  readonly #core: Core;

  constructor(
    core: Core,
    readonly size_bytes: number,
  ) {
    this.#core = core;
    this.bytes = new Uint8Array(core.memory.buffer, RAM_BASE, size_bytes);
    this.#view = new DataView(core.memory.buffer, RAM_BASE, size_bytes);
    const flags = PAGE_FLAGS_BASE + ((RAM_BASE - ROM_BASE) >>> PAGE_SHIFT); // of the page at physical address 0
    this.#page_flags = new Uint8Array(core.memory.buffer, flags, size_bytes >>> PAGE_SHIFT);
  }

  // Reads and writes beyond RAM are bugs of the caller: DataView and Uint8Array throw RangeError for them.

  read8(pa: number): number {
    return this.#view.getUint8(pa);
  }

  read16(pa: number): number {
    return this.#view.getUint16(pa, true);
  }

  read32(pa: number): number {
    return this.#view.getUint32(pa, true);
  }

  read64(pa: number): number {
    return this.#view.getInt32(pa + 4, true) * TWO_32 + this.#view.getUint32(pa, true);
  }

  write8(pa: number, value: number): void {
    this.#view.setUint8(pa, value);
    if (this.#page_flags[pa >>> PAGE_SHIFT] & PAGE_HAS_CODE) this.#core.exports.invalidate_code(pa, 1);
  }

  write16(pa: number, value: number): void {
    this.#view.setUint16(pa, value, true);
    this.#wrote(pa, 2);
  }

  write32(pa: number, value: number): void {
    this.#view.setUint32(pa, value, true);
    this.#wrote(pa, 4);
  }

  write64(pa: number, value: number): void {
    this.#view.setUint32(pa, value, true);
    this.#view.setUint32(pa + 4, Math.floor(value / TWO_32), true);
    this.#wrote(pa, 8);
  }

  fill(pa: number, value: number, length_bytes: number): void {
    this.#check(pa, length_bytes);
    this.bytes.fill(value, pa, pa + length_bytes);
    this.#wrote(pa, length_bytes);
  }

  set(pa: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, pa);
    this.#wrote(pa, bytes.length);
  }

  copy(to_pa: number, from_pa: number, length_bytes: number): void {
    this.#check(from_pa, length_bytes);
    this.#check(to_pa, length_bytes);
    this.bytes.copyWithin(to_pa, from_pa, from_pa + length_bytes);
    this.#wrote(to_pa, length_bytes);
  }

  /** Uint8Array.fill and copyWithin clip or count from the end where they should refuse. */
  #check(pa: number, length_bytes: number): void {
    if (!(pa >= 0 && length_bytes >= 0 && pa + length_bytes <= this.size_bytes)) {
      throw new RangeError(`no RAM at 0x${pa.toString(16)}, ${length_bytes} bytes`);
    }
  }

  #wrote(pa: number, length_bytes: number): void {
    const last = (pa + length_bytes - 1) >>> PAGE_SHIFT;
    for (let page = pa >>> PAGE_SHIFT; page <= last; page++) {
      if (this.#page_flags[page] & PAGE_HAS_CODE) {
        this.#core.exports.invalidate_code(pa, length_bytes);
        return;
      }
    }
  }
}

/** Maps device memory at `pa`. */
export function mapIoMemory(
  pa: number,
  size_bytes: number,
  ram: GuestRam,
  core: Core,
  mmio: MemoryBus,
): IoMemory {
  if (pa >= VRAM_PHYSICAL && pa + size_bytes <= VRAM_PHYSICAL + VRAM_SIZE) {
    return new VideoMemory(core, pa, size_bytes);
  }
  if (pa >= LEGACY_HOLE_START && pa + size_bytes <= LEGACY_HOLE_END)
    return new RamWindow(ram, pa, size_bytes);
  return new BusMemory(mmio, pa, size_bytes);
}

/** A range of the linear framebuffer: plain memory whose written pages are marked dirty. */
class VideoMemory implements IoMemory {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  readonly #dirty: Uint8Array;
  readonly #first: number;

  constructor(
    core: Core,
    readonly pa: number,
    readonly size_bytes: number,
  ) {
    this.#first = pa - VRAM_PHYSICAL;
    const start = VRAM_BASE + this.#first;
    this.#bytes = new Uint8Array(core.memory.buffer, start, size_bytes);
    this.#view = new DataView(core.memory.buffer, start, size_bytes);
    this.#words = new Uint32Array(core.memory.buffer, start & ~3, size_bytes >>> 2);
    this.#dirty = new Uint8Array(core.memory.buffer, VRAM_DIRTY_BASE, VRAM_SIZE >>> PAGE_SHIFT);
  }

  read8(offset: number): number {
    return this.#view.getUint8(offset);
  }
  read16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }
  read32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }
  write8(offset: number, value: number): void {
    this.#view.setUint8(offset, value);
    this.#wrote(offset, 1);
  }
  write16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, true);
    this.#wrote(offset, 2);
  }
  write32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
    this.#wrote(offset, 4);
  }
  set(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
    this.#wrote(offset, bytes.length);
  }
  copy(to_offset: number, from_offset: number, length_bytes: number): void {
    this.#bytes.copyWithin(to_offset, from_offset, from_offset + length_bytes);
    this.#wrote(to_offset, length_bytes);
  }
  fill32(offset: number, value: number, count: number): void {
    if ((offset | this.pa) & 3) {
      for (let n = 0; n < count; n++) this.#view.setUint32(offset + n * 4, value, true);
    } else {
      this.#words.fill(value, offset >>> 2, (offset >>> 2) + count);
    }
    this.#wrote(offset, count * 4);
  }

  #wrote(offset: number, length_bytes: number): void {
    if (length_bytes === 0) return;
    const start = this.#first + offset;
    this.#dirty.fill(1, start >>> PAGE_SHIFT, ((start + length_bytes - 1) >>> PAGE_SHIFT) + 1);
  }
}

/** Text memory and shadowed ROM between 640 KiB and 1 MiB. */
class RamWindow implements IoMemory {
  constructor(
    readonly ram: GuestRam,
    readonly pa: number,
    readonly size_bytes: number,
  ) {}

  read8(offset: number): number {
    return this.ram.read8(this.pa + offset);
  }
  read16(offset: number): number {
    return this.ram.read16(this.pa + offset);
  }
  read32(offset: number): number {
    return this.ram.read32(this.pa + offset);
  }
  write8(offset: number, value: number): void {
    this.ram.write8(this.pa + offset, value);
  }
  write16(offset: number, value: number): void {
    this.ram.write16(this.pa + offset, value);
  }
  write32(offset: number, value: number): void {
    this.ram.write32(this.pa + offset, value);
  }
  set(offset: number, bytes: Uint8Array): void {
    this.ram.set(this.pa + offset, bytes);
  }
  copy(to_offset: number, from_offset: number, length_bytes: number): void {
    this.ram.copy(this.pa + to_offset, this.pa + from_offset, length_bytes);
  }
  fill32(offset: number, value: number, count: number): void {
    for (let n = 0; n < count; n++) this.ram.write32(this.pa + offset + n * 4, value);
  }
}

/** Registers on the MMIO bus. */
class BusMemory implements IoMemory {
  constructor(
    readonly mmio: MemoryBus,
    readonly pa: number,
    readonly size_bytes: number,
  ) {}

  read8(offset: number): number {
    return this.mmio.read(this.pa + offset, 1);
  }
  read16(offset: number): number {
    return this.mmio.read(this.pa + offset, 2);
  }
  read32(offset: number): number {
    return this.mmio.read(this.pa + offset, 4);
  }
  write8(offset: number, value: number): void {
    this.mmio.write(this.pa + offset, 1, value);
  }
  write16(offset: number, value: number): void {
    this.mmio.write(this.pa + offset, 2, value);
  }
  write32(offset: number, value: number): void {
    this.mmio.write(this.pa + offset, 4, value);
  }
  set(offset: number, bytes: Uint8Array): void {
    for (let n = 0; n < bytes.length; n++) this.mmio.write(this.pa + offset + n, 1, bytes[n]);
  }
  copy(to_offset: number, from_offset: number, length_bytes: number): void {
    for (let n = 0; n < length_bytes; n++) this.write8(to_offset + n, this.read8(from_offset + n));
  }
  fill32(offset: number, value: number, count: number): void {
    for (let n = 0; n < count; n++) this.write32(offset + n * 4, value);
  }
}

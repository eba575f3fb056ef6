/**
 * Physical frames: a buddy allocator per zone and a reference count per frame. Linux: mm/page_alloc.c, struct page.
 *
 *     order 0   | 4 KiB |
 *     order 1   | 8 KiB         |         a free block of order n is aligned to 2^n frames;
 *     ...                                 two free buddies merge into one of the next order
 *     order 10  | 4 MiB                                                       |
 *
 * What Linux keeps in struct page is here a column: typed arrays indexed by frame number. A frame is `pfn`, its
 * address `pfn * PAGE_SIZE`. An allocated frame has a count of 1; mappings and the page cache each hold one.
 */
import type { Ram } from "../arch/x86/machine.ts";
import { ENOMEM } from "../uapi/errno.ts";

export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;
export const MAX_ORDER = 11;

/** May use the reserve: for what is needed to give memory back (dying tasks). Linux: __GFP_MEMALLOC. */
export const GFP_MEMALLOC = 1;
export const GFP_KERNEL = 0;

/** Frame flags: private memory of a program; memory of a file that exists nowhere else. Linux: PG_*. */
export const PG_ANON = 1;
export const PG_SHMEM = 2;

const NOT_FREE = 0xff;
const NONE = -1;

/** A contiguous range of frames with one purpose. Linux: struct zone. */
export class Zone {
  /** First free block of each order, or -1. */
  readonly heads = new Int32Array(MAX_ORDER).fill(NONE);
  readonly nr_free_blocks = new Int32Array(MAX_ORDER);
  nr_free_pages = 0;
  present_pages = 0;
  managed_pages = 0;
  constructor(
    readonly name: string,
    readonly start_pfn: number,
    readonly end_pfn: number,
  ) {}
}

/** Counters of /proc/meminfo and /proc/vmstat, in pages unless the name says otherwise. Linux: enum node_stat_item. */
export class VmStat {
  nr_anon_pages = 0;
  nr_file_pages = 0;
  nr_mapped = 0;
  nr_shmem = 0;
  nr_page_table_pages = 0;
  nr_kernel_stack_kb = 0;
  nr_mlock = 0;
  pgfault = 0;
  pgmajfault = 0;
  pgalloc = 0;
  pgfree = 0;
  oom_kill = 0;
}

export class PageAllocator {
  readonly zones: readonly Zone[];
  readonly vmstat = new VmStat();
  /** One past the last frame of RAM. */
  readonly max_pfn: number;
  /** Frames handed to the allocator at boot. */
  totalram_pages = 0;
  /** Below this many free frames only GFP_MEMALLOC succeeds. Linux: min_free_kbytes. */
  watermark_min = 0;

  /** PG_ flags of each frame; cleared when it is freed. */
  readonly page_flags: Uint8Array;

  readonly #ram: Ram;
  readonly #refcount: Int32Array;
  readonly #order: Uint8Array;
  readonly #next: Int32Array;
  readonly #prev: Int32Array;

  constructor(ram: Ram) {
    this.#ram = ram;
    this.max_pfn = ram.size_bytes >>> PAGE_SHIFT;
    const limits: [string, number][] = [
      ["DMA", 0x1000],
      ["DMA32", 0x100000],
      ["Normal", Infinity],
    ];
    let start = 0;
    this.zones = limits.map(([name, limit]) => {
      const end = Math.max(start, Math.min(limit, this.max_pfn));
      const zone = new Zone(name, start, end);
      start = end;
      return zone;
    });
    this.page_flags = new Uint8Array(this.max_pfn);
    this.#refcount = new Int32Array(this.max_pfn);
    this.#order = new Uint8Array(this.max_pfn).fill(NOT_FREE);
    this.#next = new Int32Array(this.max_pfn);
    this.#prev = new Int32Array(this.max_pfn);
  }

  /** Free frames of all zones. */
  get nr_free(): number {
    let nr_free = 0;
    for (const zone of this.zones) nr_free += zone.nr_free_pages;
    return nr_free;
  }

  /** Gives the frames [start, end) to the allocator; boot only. Linux: memblock_free_all(). */
  addFreeRange(start_pfn: number, end_pfn: number): void {
    for (const zone of this.zones) {
      let pfn = Math.max(start_pfn, zone.start_pfn);
      const end = Math.min(end_pfn, zone.end_pfn);
      if (pfn >= end) continue;
      zone.managed_pages += end - pfn;
      this.totalram_pages += end - pfn;
      while (pfn < end) {
        let order = MAX_ORDER - 1;
        while (order > 0 && ((pfn & ((1 << order) - 1)) !== 0 || pfn + (1 << order) > end)) order--;
        this.#freeBlock(zone, pfn, order);
        pfn += 1 << order;
      }
    }
    // Linux: init_per_zone_wmark_min(): sqrt(lowmem_kbytes * 16) KiB.
    this.watermark_min = Math.floor(Math.sqrt(this.totalram_pages * 4 * 16) / 4);
  }

  /** One frame with count 1 and arbitrary contents, or -ENOMEM. */
  allocPage(gfp = GFP_KERNEL): number {
    return this.allocPages(0, gfp);
  }

  /** One frame of zeros with count 1, or -ENOMEM. */
  allocZeroedPage(gfp = GFP_KERNEL): number {
    const pfn = this.allocPages(0, gfp);
    if (pfn > 0) this.#ram.fill(pfn * PAGE_SIZE, 0, PAGE_SIZE);
    return pfn;
  }

  /** 2^order contiguous frames, each with count 1; the first one's number, or -ENOMEM. */
  allocPages(order: number, gfp = GFP_KERNEL): number {
    if (order >= MAX_ORDER) return -ENOMEM;
    if (!(gfp & GFP_MEMALLOC) && this.nr_free - (1 << order) < this.watermark_min) return -ENOMEM;
    for (let n = this.zones.length - 1; n >= 0; n--) {
      const zone = this.zones[n];
      if (zone.nr_free_pages < 1 << order) continue;
      const pfn = this.#takeBlock(zone, order);
      if (pfn < 0) continue;
      for (let i = 0; i < 1 << order; i++) this.#refcount[pfn + i] = 1;
      this.vmstat.pgalloc += 1 << order;
      return pfn;
    }
    return -ENOMEM;
  }

  /** Frees what allocPages(order) gave, whatever the counts. */
  freePages(pfn: number, order: number): void {
    for (let i = 0; i < 1 << order; i++) this.#refcount[pfn + i] = 0;
    this.#freeBlock(this.#zoneOf(pfn), pfn, order);
    this.vmstat.pgfree += 1 << order;
  }

  /** Takes a reference. Frames outside RAM (device memory) are not counted. */
  getPage(pfn: number): void {
    if (pfn < this.max_pfn) this.#refcount[pfn]++;
  }

  /** Drops a reference; the last one frees the frame. */
  putPage(pfn: number): void {
    if (pfn >= this.max_pfn) return;
    const count = --this.#refcount[pfn];
    if (count > 0) return;
    if (count < 0) throw new Error(`BUG: Bad page state: pfn:${pfn.toString(16)} refcount:${count}`);
    this.page_flags[pfn] = 0;
    this.#freeBlock(this.#zoneOf(pfn), pfn, 0);
    this.vmstat.pgfree++;
  }

  /** References held. Linux: page_count(). */
  pageCount(pfn: number): number {
    return pfn < this.max_pfn ? this.#refcount[pfn] : 1;
  }

  /** Free bytes an application could get without hurting others. Linux: si_mem_available(), no reclaim yet. */
  get nr_available(): number {
    return Math.max(0, this.nr_free - this.watermark_min);
  }

  #zoneOf(pfn: number): Zone {
    for (const zone of this.zones) if (pfn < zone.end_pfn) return zone;
    throw new Error(`BUG: pfn ${pfn} outside RAM`);
  }

  #takeBlock(zone: Zone, order: number): number {
    let from = order;
    while (from < MAX_ORDER && zone.heads[from] === NONE) from++;
    if (from === MAX_ORDER) return -ENOMEM;
    const pfn = zone.heads[from];
    this.#unlink(zone, pfn, from);
    while (from > order) {
      from--;
      this.#link(zone, pfn + (1 << from), from);
    }
    zone.nr_free_pages -= 1 << order;
    return pfn;
  }

  #freeBlock(zone: Zone, pfn: number, order: number): void {
    zone.nr_free_pages += 1 << order;
    while (order < MAX_ORDER - 1) {
      const buddy = pfn ^ (1 << order);
      if (buddy < zone.start_pfn || buddy >= zone.end_pfn || this.#order[buddy] !== order) break;
      this.#unlink(zone, buddy, order);
      pfn &= buddy;
      order++;
    }
    this.#link(zone, pfn, order);
  }

  #link(zone: Zone, pfn: number, order: number): void {
    const head = zone.heads[order];
    this.#order[pfn] = order;
    this.#next[pfn] = head;
    this.#prev[pfn] = NONE;
    if (head !== NONE) this.#prev[head] = pfn;
    zone.heads[order] = pfn;
    zone.nr_free_blocks[order]++;
  }

  #unlink(zone: Zone, pfn: number, order: number): void {
    const next = this.#next[pfn];
    const prev = this.#prev[pfn];
    if (next !== NONE) this.#prev[next] = prev;
    if (prev !== NONE) this.#next[prev] = next;
    else zone.heads[order] = next;
    this.#order[pfn] = NOT_FREE;
    zone.nr_free_blocks[order]--;
  }
}

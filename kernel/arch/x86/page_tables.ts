/**
 * The CPU's 4-level page tables, written in guest RAM. SDM vol 3A "4-Level Paging". Linux: arch/x86/include/asm/pgtable.h.
 *
 *     va bits 47-39 PGD entry ─► 38-30 PUD ─► 29-21 PMD ─► 20-12 PTE ─► frame
 *
 *     PGD 0-255    user half, one set per Mm
 *         273...   PAGE_OFFSET 0xffff888000000000: all of RAM, 2 MiB pages       } the same in every Mm: the entries
 *         511      0xffffffff80000000: the kernel image, first GiB of RAM        } point to init_mm's tables
 */
import type { Kernel } from "../../kernel.ts";
import { GFP_KERNEL, PAGE_SIZE } from "../../mm/page_alloc.ts";
import type { Ram } from "./machine.ts";

export const _PAGE_PRESENT = 0x001;
export const _PAGE_RW = 0x002;
export const _PAGE_USER = 0x004;
export const _PAGE_PWT = 0x008;
export const _PAGE_PCD = 0x010;
export const _PAGE_ACCESSED = 0x020;
export const _PAGE_DIRTY = 0x040;
export const _PAGE_PSE = 0x080;
export const _PAGE_GLOBAL = 0x100;
/** Software bit: the frame is not counted (zero page, device memory). Linux: _PAGE_SPECIAL. */
export const _PAGE_SPECIAL = 0x200;
/** Bit 63, in the upper word. */
export const _PAGE_NX_HIGH = 0x8000_0000;
const TABLE_FLAGS = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY;
const KERNEL_FLAGS = _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_PSE | _PAGE_GLOBAL;

/** 0xffff888000000000 and 0xffffffff80000000 as signed numbers. */
export const PAGE_OFFSET = -0x7780_0000_0000;
export const START_KERNEL_MAP = -0x8000_0000;

const LARGE_PAGE = 0x20_0000;
export const PMD_SIZE = LARGE_PAGE;
export const PGDIR_SIZE = 2 ** 39;
const PUD_SIZE = 2 ** 30;

/** The direct map's address of a physical one. Linux: __va(). */
export function directMap(pa: number): number {
  return PAGE_OFFSET + pa;
}

/** The physical address behind a kernel address. Linux: __pa(). */
export function physicalAddress(va: number): number {
  return va >= START_KERNEL_MAP ? va - START_KERNEL_MAP : va - PAGE_OFFSET;
}

const pgdIndex = (va: number): number => Math.floor(va / PGDIR_SIZE) & 0x1ff;
const pudIndex = (va: number): number => Math.floor(va / PUD_SIZE) & 0x1ff;
const pmdIndex = (va: number): number => Math.floor(va / LARGE_PAGE) & 0x1ff;
const pteIndex = (va: number): number => Math.floor(va / PAGE_SIZE) & 0x1ff;

/** Physical address of the PTE for `va`, or 0 if a table on the way is missing. */
export function findPte(ram: Ram, pgd_pa: number, va: number): number {
  let entry = ram.read32(pgd_pa + pgdIndex(va) * 8);
  if (!(entry & _PAGE_PRESENT)) return 0;
  entry = ram.read32(tableOf(entry) + pudIndex(va) * 8);
  if (!(entry & _PAGE_PRESENT)) return 0;
  entry = ram.read32(tableOf(entry) + pmdIndex(va) * 8);
  if (!(entry & _PAGE_PRESENT)) return 0;
  return tableOf(entry) + pteIndex(va) * 8;
}

/** As findPte, making missing tables: 0 if there is no memory. */
export function allocPte(kernel: Kernel, pgd_pa: number, va: number): number {
  const { ram } = kernel.machine;
  let table = pgd_pa;
  for (let level = 0; level < 3; level++) {
    const index = level === 0 ? pgdIndex(va) : level === 1 ? pudIndex(va) : pmdIndex(va);
    const entry = ram.read32(table + index * 8);
    if (entry & _PAGE_PRESENT) {
      table = tableOf(entry);
      continue;
    }
    const pfn = kernel.pages.allocZeroedPage(GFP_KERNEL);
    if (pfn < 0) return 0;
    kernel.pages.vmstat.nr_page_table_pages++;
    setEntry(ram, table + index * 8, pfn * PAGE_SIZE + TABLE_FLAGS, 0);
    table = pfn * PAGE_SIZE;
  }
  return table + pteIndex(va) * 8;
}

/** Writes an entry: low word (address and flags) and high word. */
export function setEntry(ram: Ram, pte_pa: number, low: number, high: number): void {
  ram.write32(pte_pa, low);
  ram.write32(pte_pa + 4, high);
}

/** The frame an entry's low word points to. Physical addresses here are below 4 GiB. */
export function pfnOf(low: number): number {
  return low >>> 12;
}

function tableOf(low: number): number {
  return (low & 0xffff_f000) >>> 0;
}

/**
 * Visits every PTE of a present page table that covers [start, end): `visit(pte_pa, va)`. Tables that are missing are
 * skipped at once.
 */
export function forEachPte(
  ram: Ram,
  pgd_pa: number,
  start: number,
  end: number,
  visit: (pte_pa: number, va: number) => void,
): void {
  let va = start;
  while (va < end) {
    let entry = ram.read32(pgd_pa + pgdIndex(va) * 8);
    if (!(entry & _PAGE_PRESENT)) {
      va = next(va, PGDIR_SIZE);
      continue;
    }
    entry = ram.read32(tableOf(entry) + pudIndex(va) * 8);
    if (!(entry & _PAGE_PRESENT)) {
      va = next(va, PUD_SIZE);
      continue;
    }
    entry = ram.read32(tableOf(entry) + pmdIndex(va) * 8);
    if (!(entry & _PAGE_PRESENT)) {
      va = next(va, LARGE_PAGE);
      continue;
    }
    const table = tableOf(entry);
    const stop = Math.min(end, next(va, LARGE_PAGE));
    for (let index = pteIndex(va); va < stop; va += PAGE_SIZE, index++) visit(table + index * 8, va);
  }
}

function next(va: number, size: number): number {
  return (Math.floor(va / size) + 1) * size;
}

/**
 * Frees the page tables of [start, end), where nothing is mapped any more. A table may cover more than that: it goes if
 * all it covers lies in [floor, ceiling), the gap between the neighbouring areas. Linux: free_pgd_range().
 */
export function freeTables(
  kernel: Kernel,
  pgd_pa: number,
  start: number,
  end: number,
  floor: number,
  ceiling: number,
): void {
  freeLevel(kernel, pgd_pa, 0, 0, start, end, floor, ceiling);
}

const LEVEL_SIZE = [PGDIR_SIZE, PUD_SIZE, LARGE_PAGE];

/** Frees below the entries of one table at `level` whose first address is `base`. */
function freeLevel(
  kernel: Kernel,
  table: number,
  level: number,
  base: number,
  start: number,
  end: number,
  floor: number,
  ceiling: number,
): void {
  const { ram } = kernel.machine;
  const size = LEVEL_SIZE[level];
  const first = Math.max(0, Math.floor((start - base) / size));
  const stop = Math.min(level === 0 ? 256 : 512, Math.ceil((end - base) / size));
  for (let index = first; index < stop; index++) {
    const entry_pa = table + index * 8;
    const entry = ram.read32(entry_pa);
    if (!(entry & _PAGE_PRESENT)) continue;
    const covered = base + index * size;
    if (level < 2) freeLevel(kernel, tableOf(entry), level + 1, covered, start, end, floor, ceiling);
    if (covered < floor || covered + size > ceiling) continue;
    setEntry(ram, entry_pa, 0, 0);
    kernel.pages.putPage(tableOf(entry) / PAGE_SIZE);
    kernel.pages.vmstat.nr_page_table_pages--;
  }
}

/** A PGD for a new address space with the kernel's half in it: its physical address, or -ENOMEM. */
export function allocPgd(kernel: Kernel): number {
  const pfn = kernel.pages.allocZeroedPage();
  if (pfn < 0) return pfn;
  const { ram } = kernel.machine;
  kernel.pages.vmstat.nr_page_table_pages++;
  ram.copy(pfn * PAGE_SIZE + 2048, kernel.init_pgd_pa + 2048, 2048);
  return pfn * PAGE_SIZE;
}

export function freePgd(kernel: Kernel, pgd_pa: number): void {
  kernel.pages.vmstat.nr_page_table_pages--;
  kernel.pages.putPage(pgd_pa / PAGE_SIZE);
}

/**
 * Builds the kernel's own tables (init_mm): direct map of all RAM and the kernel image's window. `allocTable` gives
 * zeroed frames before the page allocator works. Returns the PGD's physical address. Linux: init_mem_mapping().
 */
export function buildKernelTables(ram: Ram, allocTable: () => number): number {
  const pgd = allocTable();
  const mapRange = (va_start: number, pa_start: number, size: number): void => {
    for (let offset = 0; offset < size; offset += LARGE_PAGE) {
      const va = va_start + offset;
      let table = pgd;
      for (const index of [pgdIndex(va), pudIndex(va)]) {
        const entry = ram.read32(table + index * 8);
        if (entry & _PAGE_PRESENT) {
          table = tableOf(entry);
          continue;
        }
        const fresh = allocTable();
        setEntry(ram, table + index * 8, fresh + (TABLE_FLAGS & ~_PAGE_USER), 0);
        table = fresh;
      }
      setEntry(ram, table + pmdIndex(va) * 8, pa_start + offset + KERNEL_FLAGS, 0);
    }
  };
  mapRange(PAGE_OFFSET, 0, ram.size_bytes);
  mapRange(START_KERNEL_MAP, 0, Math.min(ram.size_bytes, 512 * 1024 * 1024));
  return pgd;
}

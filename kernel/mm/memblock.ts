/**
 * Memory before the page allocator: what the firmware says is RAM, minus what is in use. Linux: mm/memblock.c,
 * arch/x86/kernel/setup.c.
 *
 *     0 ......... 1 MiB      firmware, boot_params, startup tables: never given out
 *     16 MiB ... _end        the kernel image
 *     initrd                 until it is unpacked
 *     behind _end            page tables and stacks taken by allocPage() here
 */
import type { BootParams } from "../arch/x86/boot_params.ts";
import { E820_RAM } from "../arch/x86/boot_params.ts";
import type { Ram } from "../arch/x86/machine.ts";
import { physicalAddress } from "../arch/x86/page_tables.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_SIZE } from "./page_alloc.ts";

const LOW_MEMORY_END = 0x10_0000;
const KERNEL_START = 0x100_0000;

interface Range {
  /** Physical addresses, end exclusive. */
  start: number;
  end: number;
}

export class Memblock {
  readonly #memory: Range[];
  readonly #reserved: Range[];
  /** Next address that allocPage gives. */
  #next: number;
  readonly #early_start: number;

  constructor(
    private readonly ram: Ram,
    boot: BootParams,
    private readonly symbols: Readonly<Record<string, number>>,
  ) {
    const pageUp = (value: number): number => Math.ceil(value / PAGE_SIZE) * PAGE_SIZE;
    this.#memory = boot.e820
      .filter((entry) => entry.type === E820_RAM)
      .map(({ start, size }) => ({ start: pageUp(start), end: Math.min(start + size, ram.size_bytes) }))
      .map(({ start, end }) => ({ start, end: end - (end % PAGE_SIZE) }));
    const kernel_end = pageUp(physicalAddress(symbols["_end"]));
    this.#reserved = [
      { start: 0, end: LOW_MEMORY_END },
      { start: KERNEL_START, end: kernel_end },
    ];
    if (boot.initrd) {
      const { pa, size } = boot.initrd;
      this.#reserved.push({ start: pa - (pa % PAGE_SIZE), end: pageUp(pa + size) });
    }
    this.#next = kernel_end;
    this.#early_start = kernel_end;
  }

  /** A frame of zeros that stays the kernel's for ever: its physical address. */
  allocPage(): number {
    for (;;) {
      const clash = this.#reserved.find(({ start, end }) => this.#next >= start && this.#next < end);
      if (!clash) break;
      this.#next = clash.end;
    }
    const pa = this.#next;
    this.#next += PAGE_SIZE;
    this.ram.fill(pa, 0, PAGE_SIZE);
    return pa;
  }

  /** Linux: free_area_init(). */
  printZones(kernel: Kernel): void {
    const { printk, pages } = kernel;
    const hex = (value: number): string => value.toString(16).padStart(16, "0");
    printk.info("Zone ranges:");
    for (const zone of pages.zones) {
      const range =
        zone.end_pfn > zone.start_pfn
          ? `[mem 0x${hex(zone.start_pfn * PAGE_SIZE || PAGE_SIZE)}-0x${hex(zone.end_pfn * PAGE_SIZE - 1)}]`
          : "empty";
      printk.info(`  ${zone.name.padEnd(8)} ${range}`);
    }
    printk.info("Early memory node ranges");
    for (const { start, end } of this.#memory)
      printk.info(`  node   0: [mem 0x${hex(start)}-0x${hex(end - 1)}]`);
  }

  /** Gives everything else to the page allocator. Linux: mem_init(). */
  freeAll(kernel: Kernel): void {
    const { pages } = kernel;
    const reserved = [...this.#reserved, { start: this.#early_start, end: this.#next }].sort(
      (a, b) => a.start - b.start,
    );
    let present = 0;
    for (const range of this.#memory) {
      present += range.end - range.start;
      for (const zone of pages.zones) {
        const start = Math.max(range.start, zone.start_pfn * PAGE_SIZE);
        const end = Math.min(range.end, zone.end_pfn * PAGE_SIZE);
        if (end > start) zone.present_pages += (end - start) / PAGE_SIZE;
      }
      let at = range.start;
      for (const { start, end } of reserved) {
        if (end <= at || start >= range.end) continue;
        if (start > at) pages.addFreeRange(at / PAGE_SIZE, start / PAGE_SIZE);
        at = Math.max(at, end);
      }
      if (at < range.end) pages.addFreeRange(at / PAGE_SIZE, range.end / PAGE_SIZE);
    }
    const available = pages.totalram_pages * 4;
    const total = present / 1024;
    const kib = (from: string, to: string): number =>
      Math.ceil((this.symbols[to] - this.symbols[from]) / 1024);
    kernel.printk.info(
      `Memory: ${available}K/${total}K available (${kib("_text", "_etext")}K kernel code, ${kib("_etext", "_edata")}K rwdata, ` +
        `${kib("__bss_start", "_end")}K bss, ${total - available}K reserved)`,
    );
  }
}

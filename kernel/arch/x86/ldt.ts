/**
 * Local descriptor tables: modify_ldt(2). An address space has none, or one in contiguous frames of the direct map, which the
 * CPU gets by LLDT whenever it switches there. Linux: arch/x86/kernel/ldt.c.
 */
import type { Kernel } from "../../kernel.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import { clearUser, copyToUser } from "../../mm/usercopy.ts";
import type { Task } from "../../task/task.ts";
import { EFAULT, EINVAL, ENOMEM, ENOSYS } from "../../uapi/errno.ts";
import {
  EMPTY,
  USER_DESC_SIZE,
  encodeDescriptor,
  isEmptyDesc,
  isZeroDesc,
  readUserDesc,
} from "./descriptors.ts";
import { directMap } from "./page_tables.ts";

const LDT_ENTRIES = 8192;
const LDT_ENTRY_SIZE = 8;
/** Of the GDT's descriptor that LDTR names (boot/startup_64.asm). */
const LDT_SELECTOR = 0x50;
/** What reading the default LDT gives: zeros. Linux: read_default_ldt(). */
const DEFAULT_LDT_SIZE = 128;

const CONTENTS_CONFORMING = 3;

export class Ldt {
  constructor(
    readonly kernel: Kernel,
    readonly pfn: number,
    readonly order: number,
    public nr_entries: number,
  ) {}

  /** A table of zeros with room for `nr_entries`, or -ENOMEM. */
  static create(kernel: Kernel, nr_entries: number): Ldt | number {
    const nr_pages = Math.ceil((nr_entries * LDT_ENTRY_SIZE) / PAGE_SIZE);
    const order = Math.ceil(Math.log2(nr_pages));
    const pfn = kernel.pages.allocPages(order);
    if (pfn < 0) return pfn;
    kernel.machine.ram.fill(pfn * PAGE_SIZE, 0, PAGE_SIZE << order);
    return new Ldt(kernel, pfn, order, nr_entries);
  }

  /** A copy with at least `nr_entries`, or -ENOMEM. */
  copy(nr_entries = this.nr_entries): Ldt | number {
    const copy = Ldt.create(this.kernel, Math.max(nr_entries, this.nr_entries));
    if (typeof copy !== "number") this.kernel.machine.ram.copy(copy.pa, this.pa, this.size_bytes);
    return copy;
  }

  get pa(): number {
    return this.pfn * PAGE_SIZE;
  }

  get size_bytes(): number {
    return this.nr_entries * LDT_ENTRY_SIZE;
  }

  free(): void {
    this.kernel.pages.freePages(this.pfn, this.order);
  }
}

/** LLDT of `ldt`, or of none. */
export function loadLdt(kernel: Kernel, ldt: Ldt | null): void {
  const { cpu } = kernel.machine;
  if (ldt === null) cpu.loadLdt(0, 0, 0);
  else cpu.loadLdt(LDT_SELECTOR, directMap(ldt.pa), ldt.size_bytes - 1);
}

function readLdt(task: Task, ptr: number, bytecount: number): number {
  const { ldt } = task.mm!;
  if (ldt === null) return 0;
  const count = Math.min(bytecount, LDT_ENTRIES * LDT_ENTRY_SIZE);
  const size = Math.min(count, ldt.size_bytes);
  const entries = task.kernel.machine.ram.bytes.slice(ldt.pa, ldt.pa + size);
  if (copyToUser(task, ptr, entries) < 0) return -EFAULT;
  return clearUser(task, ptr + size, count - size) > 0 ? -EFAULT : count;
}

function writeLdt(task: Task, ptr: number, bytecount: number, isOldMode: boolean): number {
  if (bytecount !== USER_DESC_SIZE) return -EINVAL;
  const desc = readUserDesc(task, ptr);
  if (desc === null) return -EFAULT;
  const { entry_number, contents } = desc;
  if (entry_number < 0 || entry_number >= LDT_ENTRIES) return -EINVAL;
  if (contents === CONTENTS_CONFORMING && (isOldMode || !desc.seg_not_present)) return -EINVAL;
  const isRemoval =
    (isOldMode && desc.base_addr === 0 && desc.limit === 0) || isEmptyDesc(desc) || isZeroDesc(desc);
  if (isOldMode) desc.useable = false;
  const [low, high] = isRemoval ? EMPTY : encodeDescriptor(desc);

  const mm = task.mm!;
  const { kernel } = task;
  const ldt = mm.ldt?.copy(entry_number + 1) ?? Ldt.create(kernel, entry_number + 1);
  if (typeof ldt === "number") return -ENOMEM;
  const at = ldt.pa + entry_number * LDT_ENTRY_SIZE;
  kernel.machine.ram.write32(at, low);
  kernel.machine.ram.write32(at + 4, high);
  mm.ldt?.free();
  mm.ldt = ldt;
  kernel.entry.loadLdt(ldt);
  return 0;
}

/** man 2 modify_ldt. */
export function sys_modify_ldt(task: Task, func: number, ptr: number, bytecount: number): number {
  switch (func) {
    case 0:
      return readLdt(task, ptr, bytecount);
    case 1:
      return writeLdt(task, ptr, bytecount, true);
    case 2: {
      const count = Math.min(bytecount, DEFAULT_LDT_SIZE);
      return clearUser(task, ptr, count) > 0 ? -EFAULT : count;
    }
    case 0x11:
      return writeLdt(task, ptr, bytecount, false);
    default:
      return -ENOSYS;
  }
}

/**
 * Mm: an address space: its areas, its page tables, its accounts. Linux: struct mm_struct, kernel/fork.c (mm_alloc,
 * dup_mm), mm/mmap.c. The areas say what should be; the page tables in guest RAM say what is; handleMmFault
 * (memory.ts) turns the one into the other.
 *
 *     0x400000 program   heap (start_brk..brk) ->      <- mmap_base: mappings, top down      stack | 0x7fffffffffff
 */
import type { Ldt } from "../arch/x86/ldt.ts";
import { allocPgd, freePgd, freeTables } from "../arch/x86/page_tables.ts";
import { isErr } from "../lib/err.ts";
import type { File } from "../fs/file.ts";
import type { Kernel } from "../kernel.ts";
import { copyPageRange, unmapPageRange } from "./memory.ts";
import { TASK_SIZE } from "./usercopy.ts";
import { VM_ACCOUNT, VM_DONTCOPY, VM_LOCKED, VM_SHARED, VM_WIPEONFORK, VmArea, findVmaIndex } from "./vma.ts";

/** Most areas in one address space. Linux: /proc/sys/vm/max_map_count. */
export const MAX_MAP_COUNT = 65530;

export class Mm {
  /** Sorted, disjoint. */
  vmas: VmArea[] = [];
  /** Tasks that use it. Linux: mm_users. */
  users = 1;

  start_code = 0;
  end_code = 0;
  start_data = 0;
  end_data = 0;
  start_brk = 0;
  brk = 0;
  start_stack = 0;
  arg_start = 0;
  arg_end = 0;
  env_start = 0;
  env_end = 0;
  mmap_base = 0;
  /** Behind the last address programs map: below 4 GiB for an i386 one. */
  task_size = TASK_SIZE;
  /** Local descriptor table; null: none was made. */
  ldt: Ldt | null = null;
  exe_file: File | null = null;
  /** The vector for /proc/PID/auxv. */
  saved_auxv = new Uint8Array(0);

  /** Pages. */
  total_vm = 0;
  locked_vm = 0;
  data_vm = 0;
  exec_vm = 0;
  stack_vm = 0;
  rss_anon = 0;
  rss_file = 0;
  rss_shmem = 0;
  hiwater_rss = 0;
  hiwater_vm = 0;
  /** Pages promised to private writable mappings. */
  committed_vm = 0;
  /** Flags for areas to come (mlockall). */
  def_flags = 0;
  /** prctl(PR_SET_DUMPABLE): 1 if /proc files belong to the user. */
  dumpable = 1;
  /** The OOM killer has taken its memory: nothing may be faulted in any more. Linux: MMF_UNSTABLE. */
  oom_reaped = false;

  constructor(
    readonly kernel: Kernel,
    readonly pgd_pa: number,
  ) {}

  /** An empty address space, or -ENOMEM. */
  static create(kernel: Kernel): Mm | number {
    const pgd_pa = allocPgd(kernel);
    return pgd_pa < 0 ? pgd_pa : new Mm(kernel, pgd_pa);
  }

  get rss(): number {
    return this.rss_anon + this.rss_file + this.rss_shmem;
  }

  /** The area that contains `va`. */
  find(va: number): VmArea | null {
    const vma = this.vmas[findVmaIndex(this.vmas, va)];
    return vma !== undefined && vma.start <= va ? vma : null;
  }

  /** Puts an area in its place; the caller has checked that it overlaps none. */
  insert(vma: VmArea): void {
    this.vmas.splice(findVmaIndex(this.vmas, vma.start), 0, vma);
  }

  /** Copies everything for fork: private pages become copy-on-write. -ENOMEM. Linux: dup_mmap(). */
  clone(): Mm | number {
    const mm = Mm.create(this.kernel);
    if (isErr(mm)) return mm;
    const { start_code, end_code, start_data, end_data, start_brk, brk, start_stack, mmap_base, task_size } =
      this;
    const {
      arg_start,
      arg_end,
      env_start,
      env_end,
      total_vm,
      data_vm,
      exec_vm,
      stack_vm,
      dumpable,
      saved_auxv,
    } = this;
    Object.assign(mm, {
      start_code,
      end_code,
      start_data,
      end_data,
      start_brk,
      brk,
      start_stack,
      mmap_base,
      task_size,
    });
    Object.assign(mm, {
      arg_start,
      arg_end,
      env_start,
      env_end,
      total_vm,
      data_vm,
      exec_vm,
      stack_vm,
      dumpable,
      saved_auxv,
    });
    mm.exe_file = this.exe_file?.get() ?? null;
    const ldt = this.ldt?.copy() ?? null;
    if (typeof ldt === "number") {
      mm.put();
      return ldt;
    }
    mm.ldt = ldt;
    for (const vma of this.vmas) {
      if (vma.flags & VM_DONTCOPY) {
        accountVm(mm, vma, -vma.nr_pages);
        continue;
      }
      const copy = new VmArea(mm, vma.start, vma.end, vma.flags & ~VM_LOCKED, vma.file, vma.pgoff);
      copy.ops = vma.ops;
      copy.private = vma.private;
      vma.file?.get();
      mm.vmas.push(copy);
      copy.ops?.open?.(copy);
      if (copy.flags & VM_ACCOUNT) {
        mm.committed_vm += copy.nr_pages;
        this.kernel.commit.add(copy.nr_pages);
      }
      if (vma.flags & VM_WIPEONFORK) continue;
      const error = copyPageRange(mm, this, vma);
      if (error < 0) {
        flushMm(this);
        mm.put();
        return error;
      }
    }
    flushMm(this);
    return mm;
  }

  /** One user less; the last one gives everything back. Linux: mmput(). */
  put(): void {
    if (--this.users > 0) return;
    this.unmapAll();
    this.ldt?.free();
    freePgd(this.kernel, this.pgd_pa);
  }

  /** Empties the address space. Linux: exit_mmap(). */
  unmapAll(): void {
    for (const vma of this.vmas) unmapPageRange(vma, vma.start, vma.end);
    const vmas = this.vmas;
    this.vmas = [];
    for (let i = 0; i < vmas.length; i++) {
      const { start, end } = vmas[i];
      // What lies below is free by now; a table shared with the next area goes with that one.
      freeTables(this.kernel, this.pgd_pa, start, end, 0, vmas[i + 1]?.start ?? TASK_SIZE + 4096);
      releaseVma(vmas[i]);
    }
    this.kernel.commit.add(-this.committed_vm);
    this.committed_vm = 0;
    this.total_vm = 0;
    this.exe_file?.put();
    this.exe_file = null;
  }
}

/** Lets go of what an area refers to, after its pages are unmapped. Linux: remove_vma(). */
export function releaseVma(vma: VmArea): void {
  vma.ops?.close?.(vma);
  vma.file?.put();
}

/** Adds to the counters of /proc/PID/statm. Linux: vm_stat_account(). */
export function accountVm(mm: Mm, vma: VmArea, nr_pages: number): void {
  mm.total_vm += nr_pages;
  if (mm.total_vm > mm.hiwater_vm) mm.hiwater_vm = mm.total_vm;
  const { flags } = vma;
  if ((flags & 0x106) === 0x004) mm.exec_vm += nr_pages;
  else if (flags & 0x100) mm.stack_vm += nr_pages;
  else if ((flags & (0x2 | VM_SHARED)) === 0x2) mm.data_vm += nr_pages;
}

/** Makes the CPU forget translations of `mm` if it is the loaded one. */
export function flushMm(mm: Mm): void {
  const { cpu } = mm.kernel.machine;
  if (mm.kernel.active_pgd_pa === mm.pgd_pa) cpu.flushTlb();
}

/** Above this many pages one full flush is cheaper. Linux: tlb_single_page_flush_ceiling. */
const FLUSH_CEILING = 33;

/** As flushMm, for [start, end). */
export function flushRange(mm: Mm, start: number, end: number): void {
  if (mm.kernel.active_pgd_pa !== mm.pgd_pa) return;
  const { cpu } = mm.kernel.machine;
  if (end - start > FLUSH_CEILING * 4096) {
    cpu.flushTlb();
    return;
  }
  for (let va = start; va < end; va += 4096) cpu.invlpg(va);
}

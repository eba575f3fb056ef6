/**
 * Changing what is mapped: mmap, munmap, brk, and the search for free addresses. Linux: mm/mmap.c, arch/x86/mm/mmap.c.
 * Areas are split at the edges of what changes and merged again with equal neighbours.
 */
import { freeTables } from "../arch/x86/page_tables.ts";
import type { File } from "../fs/file.ts";
import { isErr } from "../lib/err.ts";
import { randomBits } from "../lib/random.ts";
import { type Sleep, finish } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_IPC_LOCK } from "../uapi/capability.ts";
import {
  EACCES,
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../uapi/errno.ts";
import {
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_TYPE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../uapi/mman.ts";
import { RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_STACK } from "../uapi/resource.ts";
import { populateRange, unmapPageRange } from "./memory.ts";
import { MAX_MAP_COUNT, type Mm, accountVm, releaseVma } from "./mm.ts";
import { STACK_GUARD_GAP } from "./memory.ts";
import { PAGE_SIZE } from "./page_alloc.ts";
import { SharedAnonymous, shmem_anon_ops } from "./shmem.ts";
import { TASK_SIZE } from "./usercopy.ts";
import {
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  VmArea,
  canMerge,
  findVmaIndex,
} from "./vma.ts";

/** Lowest address a program without CAP_SYS_RAWIO can map. Linux: /proc/sys/vm/mmap_min_addr. */
export const MMAP_MIN_ADDR = 65536;
/** personality(2): no random layout. */
export const ADDR_NO_RANDOMIZE = 0x0040000;
export const READ_IMPLIES_EXEC = 0x0400000;
const MNT_NOEXEC = 0x04;

export const pageAlign = (value: number): number => Math.ceil(value / PAGE_SIZE) * PAGE_SIZE;
const isPageAligned = (value: number): boolean => value % PAGE_SIZE === 0;

/** First address that i386 programs cannot use. Linux: IA32_PAGE_OFFSET. */
export const TASK_SIZE_IA32 = 0xffff_e000;

const isIa32 = (mm: Mm): boolean => mm.task_size === TASK_SIZE_IA32;
/** Random bits of page numbers: /proc/sys/vm/mmap_rnd_bits and mmap_rnd_compat_bits; Linux: __STACK_RND_MASK. */
export const mmapRandomBits = (mm: Mm): number => (isIa32(mm) ? 8 : 28);
export const stackRandomBits = (mm: Mm): number => (isIa32(mm) ? 11 : 22);

/** Chooses where mappings start from for a new program. Linux: arch_pick_mmap_layout(). */
export function pickMmapLayout(task: Task, mm: Mm): void {
  const isRandom = !(task.personality & ADDR_NO_RANDOMIZE);
  const { task_size } = mm;
  const random = isRandom ? randomBits(task.kernel.machine.cpu, mmapRandomBits(mm)) * PAGE_SIZE : 0;
  const stackRandomMax = isRandom ? 2 ** stackRandomBits(mm) * PAGE_SIZE - PAGE_SIZE : 0;
  const pad = stackRandomMax + STACK_GUARD_GAP;
  let gap = task.signal.rlimits[RLIMIT_STACK].cur + pad;
  gap = Math.min(Math.max(gap, 128 * 1024 * 1024), Math.floor(task_size / 6) * 5);
  mm.mmap_base = pageAlign(task_size - gap - random);
}

/** Protection bits to area flags: the numbers agree. */
function vmFlagsOf(prot: number): number {
  return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/** First address that an area needs for itself, its guard gap included. Linux: vm_start_gap(). */
function startWithGap(vma: VmArea): number {
  return vma.flags & VM_GROWSDOWN ? Math.max(0, vma.start - STACK_GUARD_GAP) : vma.start;
}

/** A free range of `length`: its start, or -ENOMEM. Linux: arch_get_unmapped_area_topdown(). */
export function getUnmappedArea(mm: Mm, hint: number, length: number, flags: number): number {
  const { task_size } = mm;
  if (length > task_size) return -ENOMEM;
  if (hint) {
    const start = pageAlign(hint);
    if (start >= MMAP_MIN_ADDR && start + length <= task_size && isFree(mm, start, start + length))
      return start;
  }
  if (flags & MAP_32BIT && !isIa32(mm)) return searchUp(mm, 0x4000_0000, 0x8000_0000, length);
  const found = searchDown(mm, MMAP_MIN_ADDR, mm.mmap_base, length);
  return found >= 0
    ? found
    : searchUp(mm, Math.floor(task_size / 3 / PAGE_SIZE) * PAGE_SIZE, task_size, length);
}

export function isFree(mm: Mm, start: number, end: number): boolean {
  const vma = mm.vmas[findVmaIndex(mm.vmas, start)];
  return vma === undefined || startWithGap(vma) >= end;
}

function searchDown(mm: Mm, low: number, high: number, length: number): number {
  let end = high;
  let index = findVmaIndex(mm.vmas, high - 1);
  if (index < mm.vmas.length) end = Math.min(end, startWithGap(mm.vmas[index]));
  for (index--; end - length >= low; index--) {
    const floor = index >= 0 ? mm.vmas[index].end : low;
    if (end - length >= floor) return end - length;
    end = startWithGap(mm.vmas[index]);
  }
  return -ENOMEM;
}

function searchUp(mm: Mm, low: number, high: number, length: number): number {
  let start = low;
  for (let index = findVmaIndex(mm.vmas, low); ; index++) {
    const vma = mm.vmas[index];
    const ceiling = vma === undefined ? high : Math.min(high, startWithGap(vma));
    if (start + length <= ceiling) return start;
    if (vma === undefined || vma.end >= high) return -ENOMEM;
    start = Math.max(start, vma.end);
  }
}

/** Cuts `vma` at `va`: the upper part becomes an area of its own. Linux: __split_vma(). */
export function splitVma(vma: VmArea, va: number): number {
  const { mm } = vma;
  if (mm.vmas.length >= MAX_MAP_COUNT) return -ENOMEM;
  const upper = new VmArea(mm, va, vma.end, vma.flags, vma.file, vma.indexOf(va));
  upper.ops = vma.ops;
  upper.private = vma.private;
  upper.has_anon = vma.has_anon;
  vma.end = va;
  upper.file?.get();
  mm.insert(upper);
  upper.ops?.open?.(upper);
  return 0;
}

/** Makes the areas around `index` one where they are equal. Linux: vma_merge(). */
export function mergeAround(mm: Mm, start: number, end: number): void {
  let index = Math.max(0, findVmaIndex(mm.vmas, start) - 1);
  while (index + 1 < mm.vmas.length && mm.vmas[index].start <= end) {
    const vma = mm.vmas[index];
    const after = mm.vmas[index + 1];
    if (!canMerge(vma, after)) {
      index++;
      continue;
    }
    vma.end = after.end;
    vma.has_anon ||= after.has_anon;
    mm.vmas.splice(index + 1, 1);
    releaseVma(after);
  }
}

/** Splits areas so that none straddles `start` or `end`. */
export function splitAt(mm: Mm, start: number, end: number): number {
  for (const va of [start, end]) {
    const vma = mm.find(va);
    if (vma && vma.start < va) {
      const error = splitVma(vma, va);
      if (error) return error;
    }
  }
  return 0;
}

/** Unmaps [start, start + length). Linux: do_munmap(). */
export function doMunmap(mm: Mm, start: number, length_bytes: number): number {
  if (
    !isPageAligned(start) ||
    start < 0 ||
    start > TASK_SIZE ||
    length_bytes < 0 ||
    length_bytes > TASK_SIZE - start
  ) {
    return -EINVAL;
  }
  const length = pageAlign(length_bytes);
  if (length === 0) return -EINVAL;
  const end = start + length;
  const first = mm.vmas[findVmaIndex(mm.vmas, start)];
  if (first === undefined || first.start >= end) return 0;
  const error = splitAt(mm, start, end);
  if (error) return error;
  const from = findVmaIndex(mm.vmas, start);
  const to = findVmaIndex(mm.vmas, end - 1) + (mm.find(end - 1) ? 1 : 0);
  const doomed = mm.vmas.slice(from, to);
  for (const vma of doomed) {
    unmapPageRange(vma, vma.start, vma.end);
    accountVm(mm, vma, -vma.nr_pages);
    if (vma.flags & VM_LOCKED) mm.locked_vm -= vma.nr_pages;
    if (vma.flags & VM_ACCOUNT) {
      mm.committed_vm -= vma.nr_pages;
      mm.kernel.commit.add(-vma.nr_pages);
    }
  }
  mm.vmas.splice(from, to - from);
  for (const vma of doomed) releaseVma(vma);
  const floor = from > 0 ? mm.vmas[from - 1].end : 0;
  const ceiling = from < mm.vmas.length ? mm.vmas[from].start : TASK_SIZE + PAGE_SIZE;
  freeTables(mm.kernel, mm.pgd_pa, start, end, floor, ceiling);
  // The CPU may cache the upper levels; SDM vol 3A "Paging-Structure Caches".
  if (mm.kernel.active_pgd_pa === mm.pgd_pa) mm.kernel.machine.cpu.invlpg(start);
  return 0;
}

/** Whether `nr_pages` more with these flags stay within the limits. Linux: may_expand_vm(). */
export function mayExpandVm(task: Task, mm: Mm, flags: number, nr_pages: number): boolean {
  const { rlimits } = task.signal;
  if ((mm.total_vm + nr_pages) * PAGE_SIZE > rlimits[RLIMIT_AS].cur) return false;
  const isData = (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE;
  return !isData || (mm.data_vm + nr_pages) * PAGE_SIZE <= rlimits[RLIMIT_DATA].cur;
}

/** Whether so much may be locked into memory: 0, -EPERM or -EAGAIN. Linux: mlock_future_check(). */
export function mlockFutureCheck(task: Task, mm: Mm, nr_pages: number): number {
  const limit = task.signal.rlimits[RLIMIT_MEMLOCK].cur;
  if (capable(task, CAP_IPC_LOCK)) return 0;
  return (mm.locked_vm + nr_pages) * PAGE_SIZE > limit ? -EAGAIN : 0;
}

/**
 * Maps `file` (or anonymous memory) into `mm`; the address, or -errno. Takes its own reference on the file.
 * Linux: do_mmap(), mmap_region().
 */
export function* doMmap(
  task: Task,
  mm: Mm,
  file: File | null,
  addr: number,
  length_bytes: number,
  prot: number,
  map_flags: number,
  pgoff: number,
): Sleep<number> {
  const length = pageAlign(length_bytes);
  if (length_bytes === 0) return -EINVAL;
  if (length_bytes < 0 || length > mm.task_size) return -ENOMEM;
  if (pgoff + length / PAGE_SIZE > 2 ** 52) return -EOVERFLOW;
  if (mm.vmas.length > MAX_MAP_COUNT) return -ENOMEM;
  if (task.personality & READ_IMPLIES_EXEC && prot & PROT_READ) prot |= PROT_EXEC;
  if (map_flags & MAP_FIXED_NOREPLACE) map_flags |= MAP_FIXED;

  let start = addr;
  if (map_flags & MAP_FIXED) {
    if (addr < 0 || addr > mm.task_size - length) return -ENOMEM;
    if (!isPageAligned(addr)) return -EINVAL;
    if (addr < MMAP_MIN_ADDR && task.cred.euid !== 0) return -EPERM;
    if (map_flags & MAP_FIXED_NOREPLACE) {
      const vma = mm.vmas[findVmaIndex(mm.vmas, addr)];
      if (vma && vma.start < addr + length) return -EEXIST;
    }
  } else {
    start = getUnmappedArea(mm, addr < 0 ? 0 : addr - (addr % PAGE_SIZE), length, map_flags);
    if (start < 0) return start;
  }

  let flags = vmFlagsOf(prot) | mm.def_flags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
  if (map_flags & MAP_GROWSDOWN) flags |= VM_GROWSDOWN;
  if (map_flags & MAP_LOCKED) {
    if (!capable(task, CAP_IPC_LOCK) && task.signal.rlimits[RLIMIT_MEMLOCK].cur === 0) return -EPERM;
    flags |= VM_LOCKED;
  }
  const nr_pages = length / PAGE_SIZE;
  if (flags & VM_LOCKED) {
    const error = mlockFutureCheck(task, mm, nr_pages);
    if (error) return error;
  }
  const type = map_flags & MAP_TYPE;
  if (file) {
    if (type === MAP_SHARED || type === MAP_SHARED_VALIDATE) {
      if (prot & PROT_WRITE && !file.isWritable) return -EACCES;
      flags |= VM_SHARED | VM_MAYSHARE;
      if (!file.isWritable) flags &= ~(VM_MAYWRITE | VM_SHARED);
    } else if (type !== MAP_PRIVATE) {
      return -EINVAL;
    }
    if (!file.isReadable) return -EACCES;
    if (file.path.mnt.flags & MNT_NOEXEC) {
      if (flags & VM_EXEC) return -EPERM;
      flags &= ~VM_MAYEXEC;
    }
    if (!file.ops.mmap) return -ENODEV;
    if (flags & VM_GROWSDOWN) return -EINVAL;
  } else if (type === MAP_SHARED) {
    if (flags & VM_GROWSDOWN) return -EINVAL;
    flags |= VM_SHARED | VM_MAYSHARE;
    pgoff = 0;
  } else if (type === MAP_PRIVATE) {
    pgoff = start / PAGE_SIZE;
  } else {
    return -EINVAL;
  }
  if (map_flags & MAP_NORESERVE && task.kernel.commit.overcommit_memory !== 2) flags |= VM_NORESERVE;

  if (!mayExpandVm(task, mm, flags, nr_pages - overlapPages(mm, start, start + length))) return -ENOMEM;
  const isAccountable =
    !(flags & VM_NORESERVE) && (file ? (flags & (VM_SHARED | VM_WRITE)) === VM_WRITE : true);
  const error = unmapForMmap(mm, start, length);
  if (error) return error;
  if (isAccountable && (flags & VM_WRITE || flags & VM_SHARED)) {
    if (task.kernel.commit.charge(nr_pages) < 0) return -ENOMEM;
    flags |= VM_ACCOUNT;
    mm.committed_vm += nr_pages;
  }

  const vma = new VmArea(mm, start, start + length, flags, file, pgoff);
  if (file) {
    file.get();
    const result = yield* finish(file.ops.mmap!(task, file, vma));
    if (result < 0) {
      file.put();
      uncharge(vma);
      return result;
    }
    // The driver may have slept: another thread may have taken the place.
    if (!isFree(mm, vma.start, vma.end)) doMunmap(mm, vma.start, length);
  } else if (flags & VM_SHARED) {
    vma.private = new SharedAnonymous(task.kernel, nr_pages);
    vma.ops = shmem_anon_ops;
  }
  mm.insert(vma);
  vma.ops?.open?.(vma);
  accountVm(mm, vma, nr_pages);
  if (flags & VM_LOCKED) mm.locked_vm += nr_pages;
  mergeAround(mm, start, start + length);
  const populate = flags & VM_LOCKED || (map_flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE;
  if (populate && mm === task.mm) populateRange(mm, start, start + length);
  return start;
}

function unmapForMmap(mm: Mm, start: number, length: number): number {
  const vma = mm.vmas[findVmaIndex(mm.vmas, start)];
  return vma && vma.start < start + length ? doMunmap(mm, start, length) : 0;
}

function uncharge(vma: VmArea): void {
  if (!(vma.flags & VM_ACCOUNT)) return;
  vma.mm.committed_vm -= vma.nr_pages;
  vma.mm.kernel.commit.add(-vma.nr_pages);
}

/** Pages of existing areas within [start, end). */
function overlapPages(mm: Mm, start: number, end: number): number {
  let nr_pages = 0;
  for (let i = findVmaIndex(mm.vmas, start); i < mm.vmas.length && mm.vmas[i].start < end; i++) {
    nr_pages += (Math.min(end, mm.vmas[i].end) - Math.max(start, mm.vmas[i].start)) / PAGE_SIZE;
  }
  return nr_pages;
}

/** man 2 mmap. */
export function sys_mmap(
  task: Task,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number | Sleep<number> {
  if (!isPageAligned(offset)) return -EINVAL;
  if (flags & MAP_ANONYMOUS) {
    if (flags & MAP_HUGETLB) return -ENOMEM;
    return runPlain(doMmap(task, task.mm!, null, addr, length, prot, flags, 0));
  }
  const file = task.files.get(fd);
  if (isErr(file)) return -EBADF;
  if (flags & MAP_HUGETLB) return -EINVAL;
  if ((flags & MAP_TYPE) === MAP_SHARED_VALIDATE && flags & 0xffe0_0000) return -EOPNOTSUPP;
  if (offset < 0) return -EOVERFLOW;
  return doMmap(task, task.mm!, file, addr, length, prot, flags, offset / PAGE_SIZE);
}

/** Runs a generator that is known not to sleep. */
function runPlain(operation: Sleep<number>): number {
  const step = operation.next();
  return step.done ? step.value : -EAGAIN;
}

/** man 2 munmap. */
export function sys_munmap(task: Task, addr: number, length: number): number {
  return doMunmap(task.mm!, addr, length);
}

/** man 2 brk: the new end of the heap, or the old one if it cannot be moved. */
export function sys_brk(task: Task, brk: number): number {
  const mm = task.mm!;
  if (brk < mm.start_brk) return mm.brk;
  const limit = task.signal.rlimits[RLIMIT_DATA].cur;
  if (brk - mm.start_brk + (mm.end_data - mm.start_data) > limit) return mm.brk;
  const new_end = pageAlign(brk);
  const old_end = pageAlign(mm.brk);
  if (new_end < old_end) {
    if (doMunmap(mm, new_end, old_end - new_end) < 0) return mm.brk;
  } else if (new_end > old_end) {
    if (new_end > mm.task_size) return mm.brk;
    const next = mm.vmas[findVmaIndex(mm.vmas, old_end)];
    if (next && startWithGap(next) < new_end + PAGE_SIZE) return mm.brk;
    if (doBrk(task, mm, old_end, new_end - old_end) < 0) return mm.brk;
  }
  mm.brk = brk;
  return brk;
}

/** Maps private anonymous writable memory at a fixed place. Linux: do_brk_flags(). */
export function doBrk(task: Task, mm: Mm, start: number, length: number, exec = 0): number {
  const flags =
    VM_READ |
    VM_WRITE |
    VM_MAYREAD |
    VM_MAYWRITE |
    VM_MAYEXEC |
    VM_ACCOUNT |
    mm.def_flags |
    (exec ? VM_EXEC : 0);
  const nr_pages = length / PAGE_SIZE;
  if (!mayExpandVm(task, mm, flags, nr_pages)) return -ENOMEM;
  if (flags & VM_LOCKED && mlockFutureCheck(task, mm, nr_pages)) return -EAGAIN;
  if (mm.vmas.length > MAX_MAP_COUNT) return -ENOMEM;
  const error = unmapForMmap(mm, start, length);
  if (error) return error;
  if (task.kernel.commit.charge(nr_pages) < 0) return -ENOMEM;
  mm.committed_vm += nr_pages;
  const vma = new VmArea(mm, start, start + length, flags, null, start / PAGE_SIZE);
  mm.insert(vma);
  accountVm(mm, vma, nr_pages);
  if (flags & VM_LOCKED) mm.locked_vm += nr_pages;
  mergeAround(mm, start, start + length);
  if (flags & VM_LOCKED && mm === task.mm) populateRange(mm, start, start + length);
  return 0;
}

/** madvise, msync, mincore, mlock and friends. Linux: mm/madvise.c, msync.c, mincore.c, mlock.c. */
import { _PAGE_PRESENT, findPte } from "../arch/x86/page_tables.ts";
import { type Sleep, finish } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_IPC_LOCK } from "../uapi/capability.ts";
import { EBUSY, EFAULT, EINVAL, ENOMEM, EPERM } from "../uapi/errno.ts";
import {
  MADV_COLD,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_KEEPONFORK,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
} from "../uapi/mman.ts";
import { RLIMIT_MEMLOCK } from "../uapi/resource.ts";
import { populateRange, unmapPageRange, userPage } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { mergeAround, pageAlign, splitVma } from "./mmap.ts";
import { PAGE_SIZE } from "./page_alloc.ts";
import { TASK_SIZE, copyToUser } from "./usercopy.ts";
import {
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_IO,
  VM_LOCKED,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  VM_WRITE,
  type VmArea,
  findVmaIndex,
} from "./vma.ts";

/**
 * Calls `visit` for the part of each area in [start, end); -ENOMEM in the end if there were holes, or the first error.
 */
function forEachVma(
  mm: Mm,
  start: number,
  end: number,
  visit: (vma: VmArea, start: number, end: number) => number,
): number {
  let hole = 0;
  let va = start;
  while (va < end) {
    const vma = mm.vmas[findVmaIndex(mm.vmas, va)];
    if (vma === undefined || vma.start >= end) return -ENOMEM;
    if (vma.start > va) {
      hole = -ENOMEM;
      va = vma.start;
    }
    const stop = Math.min(vma.end, end);
    const error = visit(vma, va, stop);
    if (error) return error;
    va = stop;
  }
  return hole;
}

/** Gives [start, end) of `vma` new flags, splitting where needed. */
function setFlags(vma: VmArea, start: number, end: number, flags: number): number {
  if (vma.flags === flags) return 0;
  const { mm } = vma;
  let target = vma;
  if (target.start < start) {
    const error = splitVma(target, start);
    if (error) return error;
    target = mm.find(start)!;
  }
  if (target.end > end) {
    const error = splitVma(target, end);
    if (error) return error;
  }
  target.flags = flags;
  return 0;
}

/** man 2 madvise. */
export function sys_madvise(task: Task, addr: number, length: number, advice: number): number {
  const mm = task.mm!;
  if (!isKnownAdvice(advice) || addr % PAGE_SIZE !== 0 || addr < 0) return -EINVAL;
  if (length < 0 || addr + pageAlign(length) > TASK_SIZE + PAGE_SIZE) return -EINVAL;
  if (length === 0) return 0;
  const end = addr + pageAlign(length);
  if (advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE) return populate(mm, addr, end, advice);
  const result = forEachVma(mm, addr, end, (vma, start, stop) => {
    const { flags } = vma;
    switch (advice) {
      case MADV_DONTNEED:
      case MADV_FREE:
        if (flags & (VM_LOCKED | VM_PFNMAP)) return -EINVAL;
        if (advice === MADV_FREE && vma.ops !== null) return -EINVAL;
        unmapPageRange(vma, start, stop);
        return 0;
      case MADV_REMOVE: {
        const mapping = vma.file?.inode.mapping;
        if (flags & VM_LOCKED || !mapping || (flags & (VM_SHARED | VM_WRITE)) !== (VM_SHARED | VM_WRITE))
          return -EINVAL;
        mapping.removeRange(vma.indexOf(start), vma.indexOf(stop));
        return 0;
      }
      case MADV_NORMAL:
        return setFlags(vma, start, stop, flags & ~(VM_RAND_READ | VM_SEQ_READ));
      case MADV_RANDOM:
        return setFlags(vma, start, stop, (flags & ~VM_SEQ_READ) | VM_RAND_READ);
      case MADV_SEQUENTIAL:
        return setFlags(vma, start, stop, (flags & ~VM_RAND_READ) | VM_SEQ_READ);
      case MADV_DONTFORK:
        return setFlags(vma, start, stop, flags | VM_DONTCOPY);
      case MADV_DOFORK:
        return flags & VM_IO ? -EINVAL : setFlags(vma, start, stop, flags & ~VM_DONTCOPY);
      case MADV_WIPEONFORK:
        if (vma.ops !== null || flags & VM_SHARED) return -EINVAL;
        return setFlags(vma, start, stop, flags | VM_WIPEONFORK);
      case MADV_KEEPONFORK:
        return setFlags(vma, start, stop, flags & ~VM_WIPEONFORK);
      case MADV_DONTDUMP:
        return setFlags(vma, start, stop, flags | VM_DONTDUMP);
      case MADV_DODUMP:
        return flags & VM_PFNMAP ? -EINVAL : setFlags(vma, start, stop, flags & ~VM_DONTDUMP);
      default:
        return 0;
    }
  });
  mergeAround(mm, addr, end);
  return result;
}

/** Everything is in memory already, so advice about reading ahead or paging out has nothing to do; it is valid. */
function isKnownAdvice(advice: number): boolean {
  return (
    (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
    (advice >= MADV_FREE && advice <= MADV_DOFORK) ||
    (advice >= MADV_DONTDUMP && advice <= MADV_POPULATE_WRITE) ||
    advice === MADV_WILLNEED ||
    advice === MADV_COLD ||
    advice === MADV_PAGEOUT
  );
}

function populate(mm: Mm, start: number, end: number, advice: number): number {
  for (let va = start; va < end; va += PAGE_SIZE) {
    const vma = mm.find(va);
    if (!vma) return -ENOMEM;
    if (vma.flags & (VM_IO | VM_PFNMAP)) return -EINVAL;
    if (userPage(mm, va, advice === MADV_POPULATE_WRITE) < 0)
      return mm.kernel.current.fatalSignalPending() ? -ENOMEM : -EFAULT;
  }
  return 0;
}

/** man 2 msync: pages of a file are the file, so there is nothing to copy; the file system may have to store them. */
export function* sys_msync(task: Task, addr: number, length: number, flags: number): Sleep<number> {
  const mm = task.mm!;
  if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr % PAGE_SIZE !== 0) return -EINVAL;
  if ((flags & (MS_ASYNC | MS_SYNC)) === (MS_ASYNC | MS_SYNC)) return -EINVAL;
  if (addr < 0 || length < 0 || addr + pageAlign(length) > TASK_SIZE + PAGE_SIZE) return -ENOMEM;
  const files: VmArea[] = [];
  const result = forEachVma(mm, addr, addr + pageAlign(length), (vma) => {
    if (flags & MS_INVALIDATE && vma.flags & VM_LOCKED) return -EBUSY;
    if (flags & MS_SYNC && vma.file && vma.flags & VM_SHARED) files.push(vma);
    return 0;
  });
  if (result === -EBUSY) return result;
  for (const vma of files) {
    const file = vma.file!.get();
    const error = yield* finish(file.ops.fsync?.(task, file, false) ?? 0);
    file.put();
    if (error) return error;
  }
  return result;
}

/** man 2 mincore. */
export function sys_mincore(task: Task, addr: number, length: number, vec: number): number {
  const mm = task.mm!;
  if (addr % PAGE_SIZE !== 0 || addr < 0) return -EINVAL;
  if (length < 0 || addr + length > TASK_SIZE) return -ENOMEM;
  const { ram } = task.kernel.machine;
  const nr_pages = Math.ceil(length / PAGE_SIZE);
  for (let done = 0; done < nr_pages;) {
    const count = Math.min(nr_pages - done, PAGE_SIZE);
    const resident = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const va = addr + (done + i) * PAGE_SIZE;
      const vma = mm.find(va);
      if (!vma) return -ENOMEM;
      const pte_pa = findPte(ram, mm.pgd_pa, va);
      if (pte_pa !== 0 && ram.read32(pte_pa) & _PAGE_PRESENT) resident[i] = 1;
      else if (vma.file?.inode.mapping && vma.file.inode.mapping.findPage(vma.indexOf(va)) >= 0)
        resident[i] = 1;
    }
    if (copyToUser(task, vec + done, resident) < 0) return -EFAULT;
    done += count;
  }
  return 0;
}

/** man 2 mlock. */
export function sys_mlock(task: Task, addr: number, length: number): number {
  return lockRange(task, addr, length, true);
}

/** man 2 mlock2: MLOCK_ONFAULT (1) does not bring pages in. */
export function sys_mlock2(task: Task, addr: number, length: number, flags: number): number {
  return flags & ~1 ? -EINVAL : lockRange(task, addr, length, flags === 0);
}

function lockRange(task: Task, addr: number, length: number, populateNow: boolean): number {
  const mm = task.mm!;
  const start = addr - (addr % PAGE_SIZE);
  if (addr < 0 || length < 0) return -EINVAL;
  const end = pageAlign(addr + length);
  if (end > TASK_SIZE) return -ENOMEM;
  if (length === 0) return 0;
  const limit = task.signal.rlimits[RLIMIT_MEMLOCK].cur;
  const isFree = capable(task, CAP_IPC_LOCK);
  if (!isFree && limit === 0) return -EPERM;
  if (!isFree && mm.locked_vm * PAGE_SIZE + (end - start) > limit) return -ENOMEM;
  const result = changeLock(mm, start, end, true);
  if (result) return result;
  if (populateNow) populateRange(mm, start, end);
  return 0;
}

function changeLock(mm: Mm, start: number, end: number, lock: boolean): number {
  const result = forEachVma(mm, start, end, (vma, from, to) => {
    const flags = lock ? vma.flags | VM_LOCKED : vma.flags & ~VM_LOCKED;
    if (flags === vma.flags || vma.flags & VM_PFNMAP) return 0;
    mm.locked_vm += ((lock ? 1 : -1) * (to - from)) / PAGE_SIZE;
    return setFlags(vma, from, to, flags);
  });
  mergeAround(mm, start, end);
  return result;
}

/** man 2 munlock. */
export function sys_munlock(task: Task, addr: number, length: number): number {
  if (addr < 0 || length < 0) return -EINVAL;
  const end = pageAlign(addr + length);
  if (end > TASK_SIZE) return -ENOMEM;
  return changeLock(task.mm!, addr - (addr % PAGE_SIZE), end, false);
}

/** man 2 mlockall. */
export function sys_mlockall(task: Task, flags: number): number {
  const mm = task.mm!;
  if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags === MCL_ONFAULT) return -EINVAL;
  const limit = task.signal.rlimits[RLIMIT_MEMLOCK].cur;
  if (!capable(task, CAP_IPC_LOCK)) {
    if (limit === 0) return -EPERM;
    if (flags & MCL_CURRENT && mm.total_vm * PAGE_SIZE > limit) return -ENOMEM;
  }
  mm.def_flags = flags & MCL_FUTURE ? VM_LOCKED : 0;
  if (!(flags & MCL_CURRENT)) return 0;
  for (const vma of [...mm.vmas]) {
    changeLock(mm, vma.start, vma.end, true);
    if (!(flags & MCL_ONFAULT)) populateRange(mm, vma.start, vma.end);
  }
  return 0;
}

/** man 2 munlockall. */
export function sys_munlockall(task: Task): number {
  const mm = task.mm!;
  mm.def_flags = 0;
  for (const vma of [...mm.vmas]) changeLock(mm, vma.start, vma.end, false);
  return 0;
}

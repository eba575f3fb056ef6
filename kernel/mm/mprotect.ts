/** mprotect(2). Linux: mm/mprotect.c. */
import type { Task } from "../task/task.ts";
import { EACCES, EINVAL, ENOMEM } from "../uapi/errno.ts";
import { PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, PROT_WRITE } from "../uapi/mman.ts";
import { changeProtection } from "./memory.ts";
import { type Mm, accountVm } from "./mm.ts";
import { READ_IMPLIES_EXEC, mayExpandVm, mergeAround, pageAlign, splitVma } from "./mmap.ts";
import { PAGE_SIZE } from "./page_alloc.ts";
import { TASK_SIZE } from "./usercopy.ts";
import {
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmArea,
  findVmaIndex,
} from "./vma.ts";

const ACCESS = VM_READ | VM_WRITE | VM_EXEC;

/** man 2 mprotect. */
export function sys_mprotect(task: Task, addr: number, length: number, prot: number): number {
  const mm = task.mm!;
  const grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
  prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP) || addr % PAGE_SIZE !== 0) return -EINVAL;
  if (length === 0) return 0;
  if (addr < 0 || length < 0 || length > TASK_SIZE || addr + pageAlign(length) > TASK_SIZE) return -ENOMEM;
  if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | 0x8)) return -EINVAL;
  const end = addr + pageAlign(length);
  let start = addr;
  let index = findVmaIndex(mm.vmas, start);
  let vma: VmArea | undefined = mm.vmas[index];
  if (vma === undefined) return -ENOMEM;
  // No stack of x86 grows upwards.
  if (grows & PROT_GROWSUP) return vma.start > start ? -ENOMEM : -EINVAL;
  if (grows & PROT_GROWSDOWN) {
    if (vma.start >= end) return -ENOMEM;
    if (!(vma.flags & VM_GROWSDOWN)) return -EINVAL;
    start = vma.start;
  } else if (vma.start > start) {
    return -ENOMEM;
  }
  for (let va = start; va < end; index++) {
    vma = mm.vmas[index];
    if (vma === undefined || vma.start > va) return -ENOMEM;
    let wanted = prot & ACCESS;
    if (task.personality & READ_IMPLIES_EXEC && prot & PROT_READ && vma.flags & (VM_EXEC << 4))
      wanted |= VM_EXEC;
    // VM_MAY* are the access bits four places up.
    if (wanted & ~(vma.flags >> 4) & ACCESS) {
      mergeAround(mm, start, va);
      return -EACCES;
    }
    const stop = Math.min(end, vma.end);
    const error = protectVma(task, mm, vma, va, stop, (vma.flags & ~ACCESS) | wanted);
    if (error) return error;
    if (mm.vmas[index].start < va) index++;
    va = stop;
  }
  mergeAround(mm, start, end);
  return 0;
}

/** Gives [start, end) of one area new flags. Linux: mprotect_fixup(). */
function protectVma(task: Task, mm: Mm, vma: VmArea, start: number, end: number, flags: number): number {
  if (flags === vma.flags) return 0;
  const nr_pages = (end - start) / PAGE_SIZE;
  let charged = false;
  if (flags & VM_WRITE && !(vma.flags & VM_WRITE)) {
    if (!mayExpandVm(task, mm, flags, 0)) return -ENOMEM;
    if (!(vma.flags & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE))) {
      if (mm.kernel.commit.charge(nr_pages) < 0) return -ENOMEM;
      charged = true;
      flags |= VM_ACCOUNT;
    }
  }
  let target = vma;
  let error = 0;
  if (target.start < start) {
    error = splitVma(target, start);
    if (!error) target = mm.find(start)!;
  }
  if (!error && target.end > end) error = splitVma(target, end);
  if (error) {
    if (charged) mm.kernel.commit.add(-nr_pages);
    return error;
  }
  if (charged) mm.committed_vm += nr_pages;
  accountVm(mm, target, -nr_pages);
  target.flags = flags;
  accountVm(mm, target, nr_pages);
  changeProtection(target, start, end);
  return 0;
}

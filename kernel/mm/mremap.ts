/** mremap(2): mappings that grow, shrink and move with their pages. Linux: mm/mremap.c. */
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL, ENOMEM } from "../uapi/errno.ts";
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "../uapi/mman.ts";
import { movePageTables, populateRange } from "./memory.ts";
import { MAX_MAP_COUNT, type Mm, accountVm } from "./mm.ts";
import {
  MMAP_MIN_ADDR,
  doMunmap,
  getUnmappedArea,
  isFree,
  mayExpandVm,
  mergeAround,
  mlockFutureCheck,
  pageAlign,
} from "./mmap.ts";
import { PAGE_SIZE } from "./page_alloc.ts";
import { TASK_SIZE } from "./usercopy.ts";
import { VM_ACCOUNT, VM_DONTEXPAND, VM_LOCKED, VM_MAYSHARE, VM_PFNMAP, VM_SHARED, VmArea } from "./vma.ts";

/** man 2 mremap. */
export function sys_mremap(
  task: Task,
  addr: number,
  old_length: number,
  new_length: number,
  flags: number,
  new_addr: number,
): number {
  const mm = task.mm!;
  if (flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) return -EINVAL;
  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE)) return -EINVAL;
  if (flags & MREMAP_DONTUNMAP && old_length !== new_length) return -EINVAL;
  if (addr % PAGE_SIZE !== 0 || addr < 0) return -EINVAL;
  if (old_length < 0 || new_length < 0 || old_length > TASK_SIZE || new_length > TASK_SIZE) return -EINVAL;
  const old_size = pageAlign(old_length);
  const new_size = pageAlign(new_length);
  if (new_size === 0) return -EINVAL;
  const vma = mm.find(addr);
  if (!vma) return -EFAULT;

  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
    if (flags & MREMAP_FIXED) {
      if (new_addr % PAGE_SIZE !== 0 || new_addr < MMAP_MIN_ADDR || new_addr > mm.task_size - new_size)
        return -EINVAL;
      if (addr + old_size > new_addr && new_addr + new_size > addr) return -EINVAL;
      const error = doMunmap(mm, new_addr, new_size);
      if (error) return error;
    }
    let from_size = old_size;
    if (old_size > new_size) {
      const error = doMunmap(mm, addr + new_size, old_size - new_size);
      if (error) return error;
      from_size = new_size;
    }
    const current = mm.find(addr);
    if (!current) return -EFAULT;
    const error = checkResize(task, mm, current, addr, from_size, new_size);
    if (error) return error;
    const target = flags & MREMAP_FIXED ? new_addr : getUnmappedArea(mm, new_addr, new_size, 0);
    return target < 0 ? target : moveVma(mm, current, addr, from_size, new_size, target, flags);
  }

  if (old_size >= new_size) {
    if (old_size > new_size) {
      const error = doMunmap(mm, addr + new_size, old_size - new_size);
      if (error) return error;
    }
    return addr;
  }
  const error = checkResize(task, mm, vma, addr, old_size, new_size);
  if (error) return error;
  if (addr + old_size === vma.end && old_size > 0) {
    const grow = new_size - old_size;
    const end = addr + new_size;
    if (end <= mm.task_size && isFree(mm, vma.end, end)) {
      const nr_pages = grow / PAGE_SIZE;
      if (vma.flags & VM_ACCOUNT) {
        if (mm.kernel.commit.charge(nr_pages) < 0) return -ENOMEM;
        mm.committed_vm += nr_pages;
      }
      const old_end = vma.end;
      vma.end = end;
      accountVm(mm, vma, nr_pages);
      if (vma.flags & VM_LOCKED) {
        mm.locked_vm += nr_pages;
        populateRange(mm, old_end, end);
      }
      mergeAround(mm, addr, end);
      return addr;
    }
  }
  if (!(flags & MREMAP_MAYMOVE)) return -ENOMEM;
  const target = getUnmappedArea(mm, 0, new_size, 0);
  return target < 0 ? target : moveVma(mm, vma, addr, old_size, new_size, target, flags);
}

/** Linux: vma_to_resize(). */
function checkResize(
  task: Task,
  mm: Mm,
  vma: VmArea,
  addr: number,
  old_size: number,
  new_size: number,
): number {
  if (old_size === 0 && !(vma.flags & (VM_SHARED | VM_MAYSHARE))) return -EINVAL;
  if (old_size > vma.end - addr) return -EFAULT;
  if (new_size === old_size) return 0;
  if (vma.flags & (VM_DONTEXPAND | VM_PFNMAP)) return -EFAULT;
  const nr_pages = (new_size - old_size) / PAGE_SIZE;
  if (vma.flags & VM_LOCKED) {
    const error = mlockFutureCheck(task, mm, nr_pages);
    if (error) return error;
  }
  return nr_pages > 0 && !mayExpandVm(task, mm, vma.flags, nr_pages) ? -ENOMEM : 0;
}

/** Makes an area at `target` and moves the pages of [addr, addr + old_size) there. Linux: move_vma(). */
function moveVma(
  mm: Mm,
  vma: VmArea,
  addr: number,
  old_size: number,
  new_size: number,
  target: number,
  flags: number,
): number {
  if (mm.vmas.length >= MAX_MAP_COUNT - 3) return -ENOMEM;
  const nr_pages = new_size / PAGE_SIZE;
  if (vma.flags & VM_ACCOUNT) {
    if (mm.kernel.commit.charge(nr_pages) < 0) return -ENOMEM;
    mm.committed_vm += nr_pages;
  }
  const isPrivateAnonymous = vma.ops === null;
  const pgoff = isPrivateAnonymous ? target / PAGE_SIZE : vma.indexOf(addr);
  const moved = new VmArea(mm, target, target + new_size, vma.flags, vma.file, pgoff);
  moved.ops = vma.ops;
  moved.private = vma.private;
  moved.has_anon = vma.has_anon;
  moved.file?.get();
  mm.insert(moved);
  moved.ops?.open?.(moved);
  accountVm(mm, moved, nr_pages);
  if (moved.flags & VM_LOCKED) mm.locked_vm += nr_pages;
  const error = movePageTables(mm, addr, target, old_size);
  if (error) {
    movePageTables(mm, target, addr, old_size);
    doMunmap(mm, target, new_size);
    return error;
  }
  if (old_size > 0 && !(flags & MREMAP_DONTUNMAP)) doMunmap(mm, addr, old_size);
  if (moved.flags & VM_LOCKED) populateRange(mm, target, target + new_size);
  mergeAround(mm, target, target + new_size);
  return target;
}

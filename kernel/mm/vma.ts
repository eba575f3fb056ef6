/**
 * VmArea: one range of a process's address space with one set of rights. Linux: struct vm_area_struct, mm/mmap.c.
 * An address space keeps its areas sorted and disjoint in an array; VmaList finds by binary search.
 */
import type { File } from "../fs/file.ts";
import type { Mm } from "./mm.ts";
import { PAGE_SHIFT } from "./page_alloc.ts";

export const VM_READ = 0x00000001;
export const VM_WRITE = 0x00000002;
export const VM_EXEC = 0x00000004;
export const VM_SHARED = 0x00000008;
export const VM_MAYREAD = 0x00000010;
export const VM_MAYWRITE = 0x00000020;
export const VM_MAYEXEC = 0x00000040;
export const VM_MAYSHARE = 0x00000080;
export const VM_GROWSDOWN = 0x00000100;
/** Frames without reference counts (device memory). */
export const VM_PFNMAP = 0x00000400;
export const VM_LOCKED = 0x00002000;
export const VM_IO = 0x00004000;
export const VM_SEQ_READ = 0x00008000;
export const VM_RAND_READ = 0x00010000;
export const VM_DONTCOPY = 0x00020000;
export const VM_DONTEXPAND = 0x00040000;
export const VM_ACCOUNT = 0x00100000;
export const VM_NORESERVE = 0x00200000;
export const VM_WIPEONFORK = 0x02000000;
export const VM_DONTDUMP = 0x04000000;
export const VM_STACK = VM_GROWSDOWN;

export interface VmOperations {
  /** The frame for page `index` of the mapped object, with a reference for the caller; or -errno (SIGBUS; -ENOMEM: out of memory). */
  fault(vma: VmArea, index: number): number;
  /** A copy of the area came to be (fork, split). */
  open?(vma: VmArea): void;
  /** The area goes away. */
  close?(vma: VmArea): void;
  /** What /proc/PID/maps prints where a file's path would be. */
  name?(vma: VmArea): string;
}

export class VmArea {
  ops: VmOperations | null = null;
  /** Some page of it is a private copy or private memory. Linux: anon_vma. */
  has_anon = false;
  /** For device mappings. */
  private: unknown = null;
  constructor(
    readonly mm: Mm,
    public start: number,
    /** First address behind it. */
    public end: number,
    public flags: number,
    public file: File | null,
    /** Where `start` lies in the file, pages; for private anonymous memory, start / PAGE_SIZE as in Linux. */
    public pgoff: number,
  ) {}

  get nr_pages(): number {
    return (this.end - this.start) / 4096;
  }

  /** The page of the file that `va` maps. */
  indexOf(va: number): number {
    return Math.floor((va - this.start) / 4096) + this.pgoff;
  }

  isAnonymous(): boolean {
    return this.ops === null;
  }

  /** Whether writes must go to a private copy. Linux: is_cow_mapping(). */
  isCow(): boolean {
    return (this.flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
  }
}

/** Index of the first area that ends above `va`; the length if there is none. Linux: find_vma(). */
export function findVmaIndex(vmas: readonly VmArea[], va: number): number {
  let low = 0;
  let high = vmas.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (vmas[middle].end > va) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether `next` may become part of `vma`, which ends where `next` starts. Linux: can_vma_merge_after(). */
export function canMerge(vma: VmArea, next: VmArea): boolean {
  if (vma.end !== next.start || vma.flags !== next.flags || vma.file !== next.file || vma.ops !== next.ops)
    return false;
  if (vma.flags & (VM_IO | VM_PFNMAP | VM_DONTEXPAND) || vma.private !== next.private) return false;
  return vma.pgoff + (vma.end - vma.start) / 2 ** PAGE_SHIFT === next.pgoff;
}

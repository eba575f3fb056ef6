/**
 * AddressSpace: the pages of one file in memory, by index. Linux: struct address_space, mm/filemap.c.
 * read(2), write(2) and mmap(2) of a file all meet here. A page in the map holds one reference; each mapping of it
 * holds another. Pages that are absent read as zeros (a file system with a backing store overrides readPage).
 */
import type { Kernel } from "../kernel.ts";
import { EFAULT, EIO, ENOSPC } from "../uapi/errno.ts";
import type { IovIter } from "./iov_iter.ts";
import { unmapMappingRange } from "./memory.ts";
import { PAGE_SIZE, PG_SHMEM } from "./page_alloc.ts";
import type { VmArea, VmOperations } from "./vma.ts";

export class AddressSpace {
  /** Frame by page index. */
  readonly pages = new Map<number, number>();
  /** Areas that map this file: truncation must find them. Linux: i_mmap. */
  readonly i_mmap = new Set<VmArea>();
  /** File size for faults, bytes: pages behind it are SIGBUS. The inode's owner sets it through `sizeOf`. */
  readonly #sizeOf: () => number;
  /** Memory that exists only here counts as Shmem. */
  readonly #isShmem: boolean;
  /** Pages this file may still take, or a refusal; for size= of tmpfs. */
  readonly #charge: (nr_pages: number) => boolean;

  constructor(
    readonly kernel: Kernel,
    options: { sizeOf: () => number; isShmem?: boolean; charge?: (nr_pages: number) => boolean },
  ) {
    this.#sizeOf = options.sizeOf;
    this.#isShmem = options.isShmem ?? false;
    this.#charge = options.charge ?? (() => true);
  }

  get nrpages(): number {
    return this.pages.size;
  }

  /** Bytes of the file, as the inode says. */
  get size(): number {
    return this.#sizeOf();
  }

  /** The frame of page `index` if it is in memory, else -1. No reference is taken. */
  findPage(index: number): number {
    return this.pages.get(index) ?? -1;
  }

  /** The frame of page `index`, brought in if need be; no reference is taken. -ENOMEM, -ENOSPC, -EIO. */
  getPage(index: number): number {
    const found = this.pages.get(index);
    if (found !== undefined) return found;
    if (!this.#charge(1)) return -ENOSPC;
    const { pages } = this.kernel;
    const pfn = pages.allocZeroedPage();
    if (pfn < 0) {
      this.#charge(-1);
      return pfn;
    }
    const error = this.readPage(index, pfn);
    if (error < 0) {
      pages.putPage(pfn);
      this.#charge(-1);
      return error;
    }
    this.insertPage(index, pfn);
    return pfn;
  }

  /** Fills a new frame (all zeros) from the backing store: 0 or -errno. */
  protected readPage(_index: number, _pfn: number): number {
    return 0;
  }

  /** Makes `pfn` page `index`; the caller's reference goes to the map. Not charged. */
  insertPage(index: number, pfn: number): void {
    this.pages.set(index, pfn);
    const { vmstat } = this.kernel.pages;
    vmstat.nr_file_pages++;
    if (!this.#isShmem) return;
    vmstat.nr_shmem++;
    this.kernel.pages.page_flags[pfn] |= PG_SHMEM;
  }

  /** Drops everything from byte `size` on, also from the programs that map it, and zeroes the rest of the last page. Linux: truncate_pagecache(). */
  truncate(size_bytes: number): void {
    this.removeRange(Math.ceil(size_bytes / PAGE_SIZE), Infinity);
    const tail = size_bytes % PAGE_SIZE;
    const last = tail === 0 ? undefined : this.pages.get(Math.floor(size_bytes / PAGE_SIZE));
    if (last !== undefined) this.kernel.machine.ram.fill(last * PAGE_SIZE + tail, 0, PAGE_SIZE - tail);
  }

  /** Drops pages [first, end). */
  removeRange(first: number, end: number): void {
    if (this.i_mmap.size > 0) unmapMappingRange(this, first, end);
    if (this.pages.size === 0) return;
    if (end - first < this.pages.size) {
      for (let index = first; index < end; index++) this.#remove(index);
    } else {
      for (const index of [...this.pages.keys()]) if (index >= first && index < end) this.#remove(index);
    }
  }

  /** The file is gone: drops all pages. */
  destroy(): void {
    this.removeRange(0, Infinity);
  }

  #remove(index: number): void {
    const pfn = this.pages.get(index);
    if (pfn === undefined) return;
    this.pages.delete(index);
    const { vmstat } = this.kernel.pages;
    vmstat.nr_file_pages--;
    if (this.#isShmem) vmstat.nr_shmem--;
    this.#charge(-1);
    this.kernel.pages.putPage(pfn);
  }
}

/** Reads from the page cache at `pos` up to the file's size; bytes, or -errno if none. Linux: filemap_read(). */
export function genericFileRead(mapping: AddressSpace, to: IovIter, pos: number): number {
  const { ram } = mapping.kernel.machine;
  let done = 0;
  while (to.count > 0 && pos < mapping.size) {
    const offset = pos % PAGE_SIZE;
    const length = Math.min(to.count, PAGE_SIZE - offset, mapping.size - pos);
    const pfn = mapping.pages.size === 0 ? -1 : mapping.findPage(Math.floor(pos / PAGE_SIZE));
    const copied = pfn < 0 ? to.zero(length) : to.copyPageTo(ram, pfn * PAGE_SIZE + offset, length);
    done += copied;
    pos += copied;
    if (copied < length) return done || -EFAULT;
  }
  return done;
}

/** Writes into the page cache at `pos`; bytes, or -errno if none. The caller updates the inode's size. Linux: generic_perform_write(). */
export function genericFileWrite(mapping: AddressSpace, from: IovIter, pos: number): number {
  const { ram } = mapping.kernel.machine;
  let done = 0;
  while (from.count > 0) {
    const offset = pos % PAGE_SIZE;
    const length = Math.min(from.count, PAGE_SIZE - offset);
    const pfn = mapping.getPage(Math.floor(pos / PAGE_SIZE));
    if (pfn < 0) return done || pfn;
    const copied = from.copyPageFrom(ram, pfn * PAGE_SIZE + offset, length);
    done += copied;
    pos += copied;
    if (copied < length) return done || -EFAULT;
  }
  return done;
}

/** Mapping of a file whose pages are all in its AddressSpace. Linux: generic_file_vm_ops, filemap_fault(). */
export const generic_file_vm_ops: VmOperations = {
  fault(vma: VmArea, index: number): number {
    const mapping = vma.file?.inode.mapping;
    if (!mapping || index >= Math.ceil(mapping.size / PAGE_SIZE)) return -EIO;
    const pfn = mapping.getPage(index);
    if (pfn >= 0) mapping.kernel.pages.getPage(pfn);
    return pfn;
  },
  open(vma: VmArea): void {
    vma.file?.inode.mapping?.i_mmap.add(vma);
  },
  close(vma: VmArea): void {
    vma.file?.inode.mapping?.i_mmap.delete(vma);
  },
};

/** FileOperations.mmap for such files. Linux: generic_file_mmap(). */
export function genericFileMmap(_task: unknown, _file: unknown, vma: VmArea): number {
  vma.ops = generic_file_vm_ops;
  return 0;
}

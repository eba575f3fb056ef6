/**
 * Shared anonymous memory: mmap(MAP_SHARED | MAP_ANONYMOUS). The pages belong to an object that the areas of parent and
 * children refer to. Linux: mm/shmem.c shmem_zero_setup().
 */
import type { Kernel } from "../kernel.ts";
import { EIO } from "../uapi/errno.ts";
import { AddressSpace } from "./filemap.ts";
import type { VmArea, VmOperations } from "./vma.ts";

/** The object behind the areas; `users` of them. */
export class SharedAnonymous {
  users = 0;
  readonly mapping: AddressSpace;
  constructor(
    kernel: Kernel,
    readonly nr_pages: number,
  ) {
    this.mapping = new AddressSpace(kernel, { sizeOf: () => this.nr_pages * 4096, isShmem: true });
  }
}

export const shmem_anon_ops: VmOperations = {
  fault(vma: VmArea, index: number): number {
    const object = vma.private as SharedAnonymous;
    if (index >= object.nr_pages) return -EIO;
    const pfn = object.mapping.getPage(index);
    if (pfn >= 0) object.mapping.kernel.pages.getPage(pfn);
    return pfn;
  },
  open(vma: VmArea): void {
    const object = vma.private as SharedAnonymous;
    object.users++;
    object.mapping.i_mmap.add(vma);
  },
  close(vma: VmArea): void {
    const object = vma.private as SharedAnonymous;
    object.mapping.i_mmap.delete(vma);
    if (--object.users === 0) object.mapping.destroy();
  },
  name: () => "/dev/zero (deleted)",
};

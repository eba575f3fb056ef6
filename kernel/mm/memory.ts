/**
 * Demand paging: page faults, copy on write, and the loops over page tables. Linux: mm/memory.c.
 *
 *     #PF ─► traps.ts ─► handleMmFault ─┬─ no area                       SEGV_MAPERR (unless the stack may grow)
 *     usercopy ─► userPage ─────────────┤  area forbids the access       SEGV_ACCERR
 *                                       ├─ page absent, anonymous        zero page, or a new frame if written to
 *                                       ├─ page absent, file             vma.ops.fault; private and written to: a copy
 *                                       └─ page present, read-only       copy on write, or take it over if sole owner
 *
 * Nothing here sleeps.
 */
import {
  _PAGE_ACCESSED,
  _PAGE_DIRTY,
  _PAGE_NX_HIGH,
  _PAGE_PCD,
  _PAGE_PRESENT,
  _PAGE_PWT,
  _PAGE_RW,
  _PAGE_SPECIAL,
  _PAGE_USER,
  PMD_SIZE,
  allocPte,
  findPte,
  forEachPte,
  pfnOf,
  setEntry,
} from "../arch/x86/page_tables.ts";
import { EFAULT, ENOMEM } from "../uapi/errno.ts";
import { RLIMIT_AS, RLIMIT_STACK } from "../uapi/resource.ts";
import { type AddressSpace, generic_file_vm_ops } from "./filemap.ts";
import { type Mm, accountVm, flushRange } from "./mm.ts";
import { outOfMemory } from "./oom_kill.ts";
import { PAGE_SIZE, PG_ANON, PG_SHMEM } from "./page_alloc.ts";
import { TASK_SIZE } from "./usercopy.ts";
import {
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_IO,
  VM_MAYREAD,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmArea,
  findVmaIndex,
} from "./vma.ts";

/** What the access was. */
export const FAULT_FLAG_READ = 0;
export const FAULT_FLAG_WRITE = 1;
export const FAULT_FLAG_INSTRUCTION = 2;

/** Outcomes of handleMmFault. */
export const VM_FAULT_OK = 0;
export const VM_FAULT_MAPERR = 1;
export const VM_FAULT_ACCERR = 2;
export const VM_FAULT_SIGBUS = 3;
export const VM_FAULT_OOM = 4;

/** Bytes kept free below a stack. Linux: stack_guard_gap. */
export const STACK_GUARD_GAP = 256 * PAGE_SIZE;
/** Pages mapped around a read fault of a file, if they are in memory. Linux: fault_around_bytes. */
const FAULT_AROUND_PAGES = 16;

/** Makes the page at `va` accessible if the areas allow it. Linux: handle_mm_fault(). */
export function handleMmFault(mm: Mm, va: number, access: number): number {
  if (va < 0 || va >= TASK_SIZE) return VM_FAULT_MAPERR;
  const vma = mm.vmas[findVmaIndex(mm.vmas, va)];
  if (vma === undefined) return VM_FAULT_MAPERR;
  if (vma.start > va && !(vma.flags & VM_GROWSDOWN && expandStack(vma, va))) return VM_FAULT_MAPERR;
  const { flags } = vma;
  if (access & FAULT_FLAG_WRITE) {
    if (!(flags & VM_WRITE)) return VM_FAULT_ACCERR;
  } else if (access & FAULT_FLAG_INSTRUCTION) {
    if (!(flags & VM_EXEC)) return VM_FAULT_ACCERR;
  } else if (!(flags & (VM_READ | VM_WRITE | VM_EXEC))) {
    return VM_FAULT_ACCERR;
  }
  if (mm.oom_reaped) return VM_FAULT_SIGBUS;
  const { kernel } = mm;
  kernel.pages.vmstat.pgfault++;
  kernel.current.min_flt++;
  const page_va = va - (va % PAGE_SIZE);
  const pte_pa = allocPte(kernel, mm.pgd_pa, page_va);
  if (pte_pa === 0) return VM_FAULT_OOM;
  const low = kernel.machine.ram.read32(pte_pa);
  const write = (access & FAULT_FLAG_WRITE) !== 0;
  if (low & _PAGE_PRESENT)
    return write && !(low & _PAGE_RW) ? wpPage(vma, page_va, pte_pa, low) : spurious(vma, page_va);
  return vma.ops === null
    ? anonymousPage(vma, page_va, pte_pa, write)
    : filePage(vma, page_va, pte_pa, write);
}

/** The entry is fine: the CPU had an older one in mind. */
function spurious(vma: VmArea, va: number): number {
  flushRange(vma.mm, va, va + PAGE_SIZE);
  return VM_FAULT_OK;
}

/** Linux: do_anonymous_page(). */
function anonymousPage(vma: VmArea, va: number, pte_pa: number, write: boolean): number {
  const { kernel } = vma.mm;
  if (!write) {
    setPte(vma, pte_pa, kernel.zero_pfn, _PAGE_SPECIAL, false);
    return VM_FAULT_OK;
  }
  const pfn = kernel.pages.allocZeroedPage();
  if (pfn < 0) return VM_FAULT_OOM;
  mapAnonymous(vma, va, pte_pa, pfn);
  return VM_FAULT_OK;
}

/** Linux: do_fault(). */
function filePage(vma: VmArea, va: number, pte_pa: number, write: boolean): number {
  const { kernel } = vma.mm;
  const { pages } = kernel;
  const pfn = vma.ops!.fault(vma, vma.indexOf(va));
  if (pfn < 0) return pfn === -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
  if (write && !(vma.flags & VM_SHARED)) {
    const copy = pages.allocPage();
    if (copy < 0) {
      pages.putPage(pfn);
      return VM_FAULT_OOM;
    }
    kernel.machine.ram.copy(copy * PAGE_SIZE, pfn * PAGE_SIZE, PAGE_SIZE);
    pages.putPage(pfn);
    mapAnonymous(vma, va, pte_pa, copy);
    return VM_FAULT_OK;
  }
  mapFilePage(vma, pte_pa, pfn);
  if (!write && vma.ops === generic_file_vm_ops) faultAround(vma, va);
  return VM_FAULT_OK;
}

/** Maps what the page cache has near `va`. Linux: do_fault_around(). */
function faultAround(vma: VmArea, va: number): void {
  const mapping = vma.file?.inode.mapping;
  if (!mapping) return;
  const { kernel } = vma.mm;
  const { ram } = kernel.machine;
  const window = FAULT_AROUND_PAGES * PAGE_SIZE;
  const start = Math.max(vma.start, va - (va % window));
  const end = Math.min(vma.end, va - (va % window) + window);
  const nr_pages = Math.ceil(mapping.size / PAGE_SIZE);
  let pte_pa = findPte(ram, vma.mm.pgd_pa, start);
  let index = vma.indexOf(start);
  for (let at = start; at < end && index < nr_pages; at += PAGE_SIZE, index++, pte_pa += 8) {
    if (at === va || ram.read32(pte_pa) & _PAGE_PRESENT) continue;
    const pfn = mapping.findPage(index);
    if (pfn < 0) continue;
    kernel.pages.getPage(pfn);
    mapFilePage(vma, pte_pa, pfn);
  }
}

/** A write hit a read-only entry in a writable area. Linux: do_wp_page(). */
function wpPage(vma: VmArea, va: number, pte_pa: number, low: number): number {
  const { kernel } = vma.mm;
  const { pages } = kernel;
  const { ram } = kernel.machine;
  const pfn = pfnOf(low);
  const isSpecial = (low & _PAGE_SPECIAL) !== 0;
  const isAnon = !isSpecial && (pages.page_flags[pfn] & PG_ANON) !== 0;
  if (vma.flags & VM_SHARED || (isAnon && pages.pageCount(pfn) === 1)) {
    ram.write32(pte_pa, low | _PAGE_RW | _PAGE_DIRTY | _PAGE_ACCESSED);
    flushRange(vma.mm, va, va + PAGE_SIZE);
    return VM_FAULT_OK;
  }
  const copy = isSpecial ? pages.allocZeroedPage() : pages.allocPage();
  if (copy < 0) return VM_FAULT_OOM;
  if (!isSpecial) {
    ram.copy(copy * PAGE_SIZE, pfn * PAGE_SIZE, PAGE_SIZE);
    dropPage(vma.mm, pfn);
  }
  mapAnonymous(vma, va, pte_pa, copy);
  flushRange(vma.mm, va, va + PAGE_SIZE);
  return VM_FAULT_OK;
}

function mapAnonymous(vma: VmArea, _va: number, pte_pa: number, pfn: number): void {
  const { mm } = vma;
  mm.kernel.pages.page_flags[pfn] = PG_ANON;
  mm.kernel.pages.vmstat.nr_anon_pages++;
  mm.rss_anon++;
  if (mm.rss > mm.hiwater_rss) mm.hiwater_rss = mm.rss;
  vma.has_anon = true;
  setPte(vma, pte_pa, pfn, _PAGE_DIRTY, true);
}

/** Maps a file's page; its reference passes to the entry. */
function mapFilePage(vma: VmArea, pte_pa: number, pfn: number): void {
  const { mm } = vma;
  const { pages } = mm.kernel;
  if (vma.flags & VM_PFNMAP || pfn >= pages.max_pfn) {
    setPte(vma, pte_pa, pfn, _PAGE_SPECIAL, (vma.flags & VM_SHARED) !== 0);
    return;
  }
  if (pages.page_flags[pfn] & PG_SHMEM) mm.rss_shmem++;
  else mm.rss_file++;
  if (mm.rss > mm.hiwater_rss) mm.hiwater_rss = mm.rss;
  if (pages.pageCount(pfn) === 2) pages.vmstat.nr_mapped++;
  setPte(vma, pte_pa, pfn, 0, (vma.flags & VM_SHARED) !== 0);
}

/** Writes the entry for `pfn` with the area's rights; writable only if `writable` allows it too. */
function setPte(vma: VmArea, pte_pa: number, pfn: number, bits: number, writable: boolean): void {
  let low = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | bits;
  if (writable && vma.flags & VM_WRITE) low |= _PAGE_RW;
  if (!(vma.flags & (VM_READ | VM_WRITE | VM_EXEC))) low &= ~_PAGE_USER;
  setEntry(vma.mm.kernel.machine.ram, pte_pa, pfn * PAGE_SIZE + low, vma.flags & VM_EXEC ? 0 : _PAGE_NX_HIGH);
}

/** An entry that pointed to `pfn` is gone. */
function dropPage(mm: Mm, pfn: number): void {
  const { pages } = mm.kernel;
  const flags = pages.page_flags[pfn];
  if (flags & PG_ANON) {
    mm.rss_anon--;
    if (pages.pageCount(pfn) === 1) pages.vmstat.nr_anon_pages--;
  } else {
    if (flags & PG_SHMEM) mm.rss_shmem--;
    else mm.rss_file--;
    if (pages.pageCount(pfn) === 2) pages.vmstat.nr_mapped--;
  }
  pages.putPage(pfn);
}

/** Lets a stack area reach down to `va`: whether it may. Linux: expand_downwards(), acct_stack_growth(). */
function expandStack(vma: VmArea, va: number): boolean {
  const { mm } = vma;
  const start = va - (va % PAGE_SIZE);
  if (start < 65536) return false;
  const previous = mm.vmas[findVmaIndex(mm.vmas, vma.start) - 1];
  if (previous && !(previous.flags & VM_GROWSDOWN) && previous.flags & (VM_READ | VM_WRITE | VM_EXEC)) {
    if (start - previous.end < STACK_GUARD_GAP) return false;
  }
  if (previous && previous.end > start) return false;
  const grow = (vma.start - start) / PAGE_SIZE;
  const { rlimits } = mm.kernel.current.signal;
  if (vma.end - start > rlimits[RLIMIT_STACK].cur) return false;
  if ((mm.total_vm + grow) * PAGE_SIZE > rlimits[RLIMIT_AS].cur) return false;
  if (mm.kernel.commit.charge(grow) < 0) return false;
  if (vma.flags & VM_ACCOUNT) mm.committed_vm += grow;
  else mm.kernel.commit.add(-grow);
  vma.start = start;
  vma.pgoff -= grow;
  accountVm(mm, vma, grow);
  return true;
}

/**
 * Physical address of user address `va`, faulted in if need be, for the kernel's own access; -EFAULT. Frames outside
 * RAM (mapped device memory) are refused.
 */
export function userPage(mm: Mm, va: number, write: boolean): number {
  if (va < 0 || va >= TASK_SIZE) return -EFAULT;
  const { ram } = mm.kernel.machine;
  const wanted = write ? _PAGE_PRESENT | _PAGE_USER | _PAGE_RW : _PAGE_PRESENT | _PAGE_USER;
  for (let tries = 0; tries < 8; tries++) {
    const pte_pa = findPte(ram, mm.pgd_pa, va);
    if (pte_pa !== 0) {
      const low = ram.read32(pte_pa);
      if ((low & wanted) === wanted) {
        const pfn = pfnOf(low);
        return pfn < mm.kernel.pages.max_pfn ? pfn * PAGE_SIZE + (va % PAGE_SIZE) : -EFAULT;
      }
    }
    const outcome = handleMmFault(mm, va, write ? FAULT_FLAG_WRITE : FAULT_FLAG_READ);
    if (outcome === VM_FAULT_OOM) {
      if (!outOfMemory(mm.kernel) || mm.kernel.current.fatalSignalPending()) return -EFAULT;
    } else if (outcome !== VM_FAULT_OK) {
      return -EFAULT;
    }
  }
  return -EFAULT;
}

/**
 * As userPage(), for somebody who looks into the address space from outside: areas without the right are read all
 * the same, and private ones written, whose page becomes a copy. -EFAULT where nothing is mapped; stacks do not grow.
 * Linux: get_user_pages_remote() with FOLL_FORCE, check_vma_flags().
 */
export function remotePage(mm: Mm, va: number, write: boolean): number {
  const vma = va < 0 ? null : mm.find(va);
  if (!vma || vma.flags & (VM_IO | VM_PFNMAP)) return -EFAULT;
  const { flags } = vma;
  if (flags & (write ? VM_WRITE : VM_READ)) return userPage(mm, va, write);
  if (write ? !vma.isCow() : !(flags & VM_MAYREAD)) return -EFAULT;
  // The area has the right for as long as it takes to bring the page in.
  const page_va = va - (va % PAGE_SIZE);
  vma.flags |= write ? VM_READ | VM_WRITE : VM_READ;
  changeProtection(vma, page_va, page_va + PAGE_SIZE);
  const pa = userPage(mm, va, write);
  vma.flags = flags;
  changeProtection(vma, page_va, page_va + PAGE_SIZE);
  return pa;
}

/** Unmaps [start, end) of `vma`: entries cleared, references dropped, CPU told. Linux: unmap_page_range(). */
export function unmapPageRange(vma: VmArea, start: number, end: number): void {
  const { mm } = vma;
  const { ram } = mm.kernel.machine;
  let nr_cleared = 0;
  forEachPte(ram, mm.pgd_pa, start, end, (pte_pa) => {
    const low = ram.read32(pte_pa);
    if (!(low & _PAGE_PRESENT)) return;
    setEntry(ram, pte_pa, 0, 0);
    nr_cleared++;
    if (!(low & _PAGE_SPECIAL)) dropPage(mm, pfnOf(low));
  });
  if (nr_cleared > 0) flushRange(mm, start, end);
}

/** Pages [first, end) of a file are going: unmaps them everywhere, but not private copies. Linux: unmap_mapping_range(). */
export function unmapMappingRange(mapping: AddressSpace, first: number, end: number): void {
  for (const vma of mapping.i_mmap) {
    const from = Math.max(first, vma.pgoff);
    const to = Math.min(end, vma.pgoff + vma.nr_pages);
    if (from >= to) continue;
    const { mm } = vma;
    const { ram } = mm.kernel.machine;
    const start = vma.start + (from - vma.pgoff) * PAGE_SIZE;
    const stop = vma.start + (to - vma.pgoff) * PAGE_SIZE;
    forEachPte(ram, mm.pgd_pa, start, stop, (pte_pa) => {
      const low = ram.read32(pte_pa);
      if (!(low & _PAGE_PRESENT) || low & _PAGE_SPECIAL || mm.kernel.pages.page_flags[pfnOf(low)] & PG_ANON)
        return;
      setEntry(ram, pte_pa, 0, 0);
      dropPage(mm, pfnOf(low));
    });
    flushRange(mm, start, stop);
  }
}

/** fork: gives `mm` the pages of the parent's area; private ones become read-only in both. Linux: copy_page_range(). */
export function copyPageRange(mm: Mm, parent: Mm, vma: VmArea): number {
  const { kernel } = mm;
  const { ram } = kernel.machine;
  const { pages } = kernel;
  const isCow = vma.isCow();
  const copied = mm.vmas[mm.vmas.length - 1];
  copied.has_anon = vma.has_anon;
  let table_start = -1;
  let table_pte = 0;
  let error = 0;
  forEachPte(ram, parent.pgd_pa, vma.start, vma.end, (pte_pa, va) => {
    let low = ram.read32(pte_pa);
    if (!(low & _PAGE_PRESENT) || error) return;
    const start = va - (va % PMD_SIZE);
    if (start !== table_start) {
      table_pte = allocPte(kernel, mm.pgd_pa, start);
      if (table_pte === 0) {
        error = -ENOMEM;
        return;
      }
      table_start = start;
    }
    if (isCow && low & _PAGE_RW) {
      low &= ~_PAGE_RW;
      ram.write32(pte_pa, low);
    }
    setEntry(ram, table_pte + ((va - start) / PAGE_SIZE) * 8, low, ram.read32(pte_pa + 4));
    if (low & _PAGE_SPECIAL) return;
    const pfn = pfnOf(low);
    pages.getPage(pfn);
    const flags = pages.page_flags[pfn];
    if (flags & PG_ANON) mm.rss_anon++;
    else if (flags & PG_SHMEM) mm.rss_shmem++;
    else mm.rss_file++;
  });
  mm.hiwater_rss = mm.rss;
  return error;
}

/** Gives the entries in [start, end) the area's new rights. Linux: change_protection(). */
export function changeProtection(vma: VmArea, start: number, end: number): void {
  const { mm } = vma;
  const { ram } = mm.kernel.machine;
  const isShared = (vma.flags & VM_SHARED) !== 0;
  const isAccessible = (vma.flags & (VM_READ | VM_WRITE | VM_EXEC)) !== 0;
  const high = vma.flags & VM_EXEC ? 0 : _PAGE_NX_HIGH;
  forEachPte(ram, mm.pgd_pa, start, end, (pte_pa) => {
    let low = ram.read32(pte_pa);
    if (!(low & _PAGE_PRESENT)) return;
    if (!(vma.flags & VM_WRITE)) low &= ~_PAGE_RW;
    else if (isShared) low |= _PAGE_RW;
    // A private page becomes writable again at the next write fault, where its owners are counted.
    low = isAccessible ? low | _PAGE_USER : low & ~_PAGE_USER;
    setEntry(ram, pte_pa, low, high);
  });
  flushRange(mm, start, end);
}

/** Moves the entries of [from, from + length) to `to`; both lie in areas of this mm. Linux: move_page_tables(). */
export function movePageTables(mm: Mm, from: number, to: number, length: number): number {
  const { kernel } = mm;
  const { ram } = kernel.machine;
  let error = 0;
  forEachPte(ram, mm.pgd_pa, from, from + length, (pte_pa, va) => {
    const low = ram.read32(pte_pa);
    if (!(low & _PAGE_PRESENT) || error) return;
    const target = allocPte(kernel, mm.pgd_pa, to + (va - from));
    if (target === 0) {
      error = -ENOMEM;
      return;
    }
    setEntry(ram, target, low, ram.read32(pte_pa + 4));
    setEntry(ram, pte_pa, 0, 0);
  });
  flushRange(mm, from, from + length);
  return error;
}

/** Maps device memory at physical page `pfn` into all of [va, va + length). -ENOMEM. Linux: remap_pfn_range(). */
export function remapPfnRange(vma: VmArea, va: number, pfn: number, length_bytes: number): number {
  const { mm } = vma;
  vma.flags |= VM_PFNMAP;
  for (let offset = 0; offset < length_bytes; offset += PAGE_SIZE, pfn++) {
    const pte_pa = allocPte(mm.kernel, mm.pgd_pa, va + offset);
    if (pte_pa === 0) return -ENOMEM;
    setPte(vma, pte_pa, pfn, _PAGE_SPECIAL | _PAGE_PCD | _PAGE_PWT, true);
  }
  return 0;
}

/** Makes every page of [start, end) present, as far as that works. Linux: populate_vma_page_range(). */
export function populateRange(mm: Mm, start: number, end: number): void {
  for (let va = start; va < end; va += PAGE_SIZE) {
    const vma = mm.find(va);
    if (!vma || vma.flags & VM_PFNMAP) return;
    const write = (vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE;
    if (userPage(mm, va, write) < 0) return;
  }
}

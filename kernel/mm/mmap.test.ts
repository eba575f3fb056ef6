import { expect, test } from "vitest";
import type { Ram } from "../arch/x86/machine.ts";
import type { Kernel } from "../kernel.ts";
import type { Task } from "../task/task.ts";
import { CommitAccounting } from "./commit.ts";
import { Mm } from "./mm.ts";
import { doMmap, doMunmap, getUnmappedArea } from "./mmap.ts";
import { sys_mprotect } from "./mprotect.ts";
import { sys_mremap } from "./mremap.ts";
import { PageAllocator } from "./page_alloc.ts";
import { remotePage, userPage } from "./memory.ts";

const PAGE = 4096;
const NR_FRAMES = 4096;

/** RAM as a plain array; enough of a kernel for an address space. */
function makeTask(): Task {
  const bytes = new Uint8Array(NR_FRAMES * PAGE);
  const view = new DataView(bytes.buffer);
  const ram = {
    size_bytes: bytes.length,
    bytes,
    read32: (pa: number) => view.getUint32(pa, true),
    write32: (pa: number, value: number) => view.setUint32(pa, value, true),
    fill: (pa: number, value: number, length: number) => bytes.fill(value, pa, pa + length),
    copy: (to: number, from: number, length: number) => bytes.copyWithin(to, from, from + length),
  } as unknown as Ram;
  const pages = new PageAllocator(ram);
  pages.addFreeRange(16, NR_FRAMES);
  const kernel = {
    machine: { ram, cpu: { flushTlb: () => undefined, invlpg: () => undefined } },
    pages,
    commit: new CommitAccounting(pages),
    zero_pfn: 1,
    init_pgd_pa: 2 * PAGE,
    active_pgd_pa: 0,
  } as unknown as Kernel & { current: Task };
  const mm = Mm.create(kernel) as Mm;
  mm.mmap_base = 0x7fff_0000_0000;
  const rlimits = Array.from({ length: 16 }, () => ({ cur: Infinity, max: Infinity }));
  const cred = { euid: 0, cap_effective: { has: () => true } };
  const task = {
    kernel,
    mm,
    personality: 0,
    signal: { rlimits },
    cred,
    min_flt: 0,
    fatalSignalPending: () => false,
  } as unknown as Task;
  kernel.current = task;
  return task;
}

function map(task: Task, addr: number, nr_pages: number, prot: number, flags = 0x22): number {
  const step = doMmap(task, task.mm!, null, addr, nr_pages * PAGE, prot, flags, 0).next();
  return step.value as number;
}

const layout = (task: Task): string[] =>
  task.mm!.vmas.map(
    (vma) => `${(vma.start / PAGE).toString(16)}-${(vma.end / PAGE).toString(16)}:${vma.flags & 7}`,
  );

test("neighbours with equal rights become one area, others stay apart", () => {
  const task = makeTask();
  map(task, 0x100000, 4, 3, 0x32);
  map(task, 0x104000, 4, 3, 0x32);
  expect(layout(task)).toEqual(["100-108:3"]);
  map(task, 0x108000, 1, 1, 0x32);
  expect(layout(task)).toEqual(["100-108:3", "108-109:1"]);
  expect(sys_mprotect(task, 0x102000, 2 * PAGE, 1)).toBe(0);
  expect(layout(task)).toEqual(["100-102:3", "102-104:1", "104-108:3", "108-109:1"]);
  expect(sys_mprotect(task, 0x102000, 2 * PAGE, 3)).toBe(0);
  expect(layout(task)).toEqual(["100-108:3", "108-109:1"]);
});

test("munmap cuts holes and keeps the accounts; nothing leaks", () => {
  const task = makeTask();
  const { pages } = task.kernel;
  const nr_free = pages.nr_free;
  const start = map(task, 0, 64, 3);
  for (let i = 0; i < 64; i++) expect(userPage(task.mm!, start + i * PAGE, true)).toBeGreaterThan(0);
  expect(task.mm!.rss_anon).toBe(64);
  expect(doMunmap(task.mm!, start + 10 * PAGE, 20 * PAGE)).toBe(0);
  expect(task.mm!.rss_anon).toBe(44);
  expect(task.mm!.total_vm).toBe(44);
  expect(task.mm!.vmas.length).toBe(2);
  expect(userPage(task.mm!, start + 15 * PAGE, false)).toBeLessThan(0);
  expect(doMunmap(task.mm!, start, 64 * PAGE)).toBe(0);
  expect(task.mm!.vmas.length).toBe(0);
  expect(pages.nr_free).toBe(nr_free);
  expect(task.kernel.commit.committed).toBe(0);
});

test("fork shares pages until one side writes", () => {
  const task = makeTask();
  const { machine, pages } = task.kernel;
  const start = map(task, 0, 4, 3);
  machine.ram.bytes[userPage(task.mm!, start, true)] = 7;
  const child = task.mm!.clone() as Mm;
  const shared = userPage(child, start, false);
  expect(shared).toBe(userPage(task.mm!, start, false));
  expect(pages.pageCount(shared / PAGE)).toBe(2);
  const own = userPage(child, start, true);
  expect(own).not.toBe(shared);
  machine.ram.bytes[own] = 8;
  expect(machine.ram.bytes[userPage(task.mm!, start, false)]).toBe(7);
  const nr_free = pages.nr_free;
  child.put();
  expect(pages.nr_free).toBeGreaterThan(nr_free);
  // The parent is the only owner again: it writes in place.
  expect(userPage(task.mm!, start, true)).toBe(shared);
});

test("from outside, private areas are read and written whatever their rights", () => {
  const task = makeTask();
  const mm = task.mm!;
  const { bytes } = task.kernel.machine.ram;
  const start = map(task, 0, 2, 3);
  bytes[userPage(mm, start, true)] = 7;
  const child = mm.clone() as Mm;
  for (const prot of [0, 1]) {
    expect(sys_mprotect(task, start, 2 * PAGE, prot)).toBe(0);
    expect(bytes[remotePage(mm, start, false)]).toBe(7 + prot);
    bytes[remotePage(mm, start, true)] = 8;
    expect(remotePage(mm, start + PAGE, true)).toBeGreaterThan(0);
    expect(userPage(mm, start, true)).toBeLessThan(0);
    expect(userPage(mm, start, false) > 0).toBe(prot === 1);
  }
  expect(bytes[userPage(child, start, false)]).toBe(7);
  expect(remotePage(mm, 8, false)).toBeLessThan(0);
});

test("mremap moves pages with their contents", () => {
  const task = makeTask();
  const start = map(task, 0, 2, 3);
  task.kernel.machine.ram.bytes[userPage(task.mm!, start + PAGE, true)] = 42;
  map(task, start + 2 * PAGE, 1, 1, 0x32);
  const moved = sys_mremap(task, start, 2 * PAGE, 8 * PAGE, 1, 0);
  expect(moved).toBeGreaterThan(0);
  expect(moved).not.toBe(start);
  expect(task.kernel.machine.ram.bytes[userPage(task.mm!, moved + PAGE, false)]).toBe(42);
  expect(task.mm!.find(start)).toBe(null);
});

test("free ranges are found from the top, clear of what is mapped", () => {
  const task = makeTask();
  const taken: [number, number][] = [];
  for (let i = 1; i <= 50; i++) {
    const start = map(task, 0, i % 7 === 0 ? 16 : 3, i % 2 ? 3 : 1);
    taken.push([start, start + (i % 7 === 0 ? 16 : 3) * PAGE]);
    if (i % 5 === 0) {
      const [from] = taken.splice(0, 1)[0];
      doMunmap(task.mm!, from, PAGE);
    }
  }
  const { vmas } = task.mm!;
  for (let i = 1; i < vmas.length; i++) expect(vmas[i].start).toBeGreaterThanOrEqual(vmas[i - 1].end);
  expect(getUnmappedArea(task.mm!, 0, 2 ** 46, 0)).toBeGreaterThan(0);
  expect(getUnmappedArea(task.mm!, 0, 2 ** 47, 0)).toBeLessThan(0);
});

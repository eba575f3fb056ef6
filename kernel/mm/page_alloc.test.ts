import { expect, test } from "vitest";
import type { Ram } from "../arch/x86/machine.ts";
import { GFP_MEMALLOC, MAX_ORDER, PageAllocator } from "./page_alloc.ts";

const NR_FRAMES = 8192;

function makeAllocator(): PageAllocator {
  const ram = { size_bytes: NR_FRAMES * 4096, fill: () => undefined } as unknown as Ram;
  const pages = new PageAllocator(ram);
  pages.addFreeRange(1, NR_FRAMES);
  return pages;
}

test("blocks are aligned, disjoint, and merge again completely", () => {
  const pages = makeAllocator();
  const nr_free = pages.nr_free;
  const free_blocks = () => pages.zones.map((zone) => [...zone.nr_free_blocks]);
  const before = free_blocks();
  const taken: [number, number][] = [];
  const used = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const order = (i * 7) % 5;
    const pfn = pages.allocPages(order);
    expect(pfn % (1 << order)).toBe(0);
    for (let n = 0; n < 1 << order; n++) {
      expect(used.has(pfn + n)).toBe(false);
      used.add(pfn + n);
    }
    taken.push([pfn, order]);
  }
  expect(pages.nr_free).toBe(nr_free - used.size);
  taken.sort((a, b) => ((a[0] * 31) % 97) - ((b[0] * 31) % 97));
  for (const [pfn, order] of taken) pages.freePages(pfn, order);
  expect(pages.nr_free).toBe(nr_free);
  expect(free_blocks()).toEqual(before);
});

test("a frame is free when its last reference goes", () => {
  const pages = makeAllocator();
  const nr_free = pages.nr_free;
  const pfn = pages.allocPage();
  pages.getPage(pfn);
  pages.putPage(pfn);
  expect(pages.pageCount(pfn)).toBe(1);
  expect(pages.nr_free).toBe(nr_free - 1);
  pages.putPage(pfn);
  expect(pages.nr_free).toBe(nr_free);
  expect(() => pages.putPage(pfn)).toThrow("Bad page state");
});

test("the reserve is for those that give memory back", () => {
  const pages = makeAllocator();
  while (pages.allocPage() > 0);
  expect(pages.nr_free).toBe(pages.watermark_min);
  expect(pages.allocPage(GFP_MEMALLOC)).toBeGreaterThan(0);
  expect(pages.allocPages(MAX_ORDER)).toBeLessThan(0);
});

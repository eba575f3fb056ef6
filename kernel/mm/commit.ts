/**
 * Commit accounting: how much memory has been promised. Linux: mm/util.c __vm_enough_memory(), overcommit_memory = 0:
 * only a single request that could never be met is refused.
 */
import { ENOMEM } from "../uapi/errno.ts";
import type { PageAllocator } from "./page_alloc.ts";

export class CommitAccounting {
  /** Pages promised ("Committed_AS"). */
  committed = 0;
  /** /proc/sys/vm/overcommit_memory: 0 heuristic, 1 always, 2 never beyond the limit. */
  overcommit_memory = 0;
  overcommit_ratio = 50;
  constructor(private readonly pages: PageAllocator) {}

  /** Promises pages: 0 or -ENOMEM. */
  charge(nr_pages: number): number {
    const { totalram_pages } = this.pages;
    if (this.overcommit_memory === 0 && nr_pages > totalram_pages) return -ENOMEM;
    if (this.overcommit_memory === 2 && this.committed + nr_pages > this.limit) return -ENOMEM;
    this.committed += nr_pages;
    return 0;
  }

  /** Changes the account without asking; negative when a promise ends. */
  add(nr_pages: number): void {
    this.committed += nr_pages;
  }

  /** "CommitLimit", pages. */
  get limit(): number {
    return Math.floor((this.pages.totalram_pages * this.overcommit_ratio) / 100);
  }
}

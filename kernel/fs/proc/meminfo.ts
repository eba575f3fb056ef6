/**
 * /proc/meminfo, vmstat, buddyinfo, zoneinfo. Linux: fs/proc/meminfo.c, mm/vmstat.c. Counts of things that do
 * not exist here (swap, huge pages, dirty pages: everything lives in RAM) are zero, and stay for the programs
 * that look for them.
 */
import type { Kernel } from "../../kernel.ts";
import { MAX_ORDER } from "../../mm/page_alloc.ts";

const KB_PER_PAGE = 4;
/** Size of the vmalloc area that Linux reports on x86-64, kB. */
const VMALLOC_TOTAL_KB = 34359738367;

export function showMeminfo(kernel: Kernel): string {
  const { pages, commit } = kernel;
  const { vmstat } = pages;
  const file_cache = vmstat.nr_file_pages - vmstat.nr_shmem;
  let text = "";
  const kb = (name: string, value: number): void => {
    text += `${`${name}:`.padEnd(16)}${String(Math.floor(value)).padStart(8)} kB\n`;
  };
  const nr_pages = (name: string, count: number): void => kb(name, count * KB_PER_PAGE);
  nr_pages("MemTotal", pages.totalram_pages);
  nr_pages("MemFree", pages.nr_free);
  nr_pages("MemAvailable", pages.nr_available);
  nr_pages("Buffers", 0);
  nr_pages("Cached", vmstat.nr_file_pages);
  nr_pages("SwapCached", 0);
  nr_pages("Active", vmstat.nr_anon_pages + file_cache);
  nr_pages("Inactive", vmstat.nr_shmem);
  nr_pages("Active(anon)", vmstat.nr_anon_pages);
  nr_pages("Inactive(anon)", vmstat.nr_shmem);
  nr_pages("Active(file)", file_cache);
  nr_pages("Inactive(file)", 0);
  nr_pages("Unevictable", vmstat.nr_mlock);
  nr_pages("Mlocked", vmstat.nr_mlock);
  nr_pages("SwapTotal", 0);
  nr_pages("SwapFree", 0);
  nr_pages("Dirty", 0);
  nr_pages("Writeback", 0);
  nr_pages("AnonPages", vmstat.nr_anon_pages);
  nr_pages("Mapped", vmstat.nr_mapped);
  nr_pages("Shmem", vmstat.nr_shmem);
  nr_pages("KReclaimable", 0);
  nr_pages("Slab", 0);
  nr_pages("SReclaimable", 0);
  nr_pages("SUnreclaim", 0);
  kb("KernelStack", vmstat.nr_kernel_stack_kb);
  nr_pages("PageTables", vmstat.nr_page_table_pages);
  nr_pages("SecPageTables", 0);
  nr_pages("NFS_Unstable", 0);
  nr_pages("Bounce", 0);
  nr_pages("WritebackTmp", 0);
  nr_pages("CommitLimit", commit.limit);
  nr_pages("Committed_AS", commit.committed);
  kb("VmallocTotal", VMALLOC_TOTAL_KB);
  kb("VmallocUsed", 0);
  kb("VmallocChunk", 0);
  nr_pages("Percpu", 0);
  return text;
}

export function showVmstat(kernel: Kernel): string {
  const { pages } = kernel;
  const { vmstat } = pages;
  const rows: [string, number][] = [
    ["nr_free_pages", pages.nr_free],
    ["nr_inactive_anon", vmstat.nr_shmem],
    ["nr_active_anon", vmstat.nr_anon_pages],
    ["nr_inactive_file", 0],
    ["nr_active_file", vmstat.nr_file_pages - vmstat.nr_shmem],
    ["nr_unevictable", vmstat.nr_mlock],
    ["nr_mlock", vmstat.nr_mlock],
    ["nr_anon_pages", vmstat.nr_anon_pages],
    ["nr_mapped", vmstat.nr_mapped],
    ["nr_file_pages", vmstat.nr_file_pages],
    ["nr_dirty", 0],
    ["nr_writeback", 0],
    ["nr_shmem", vmstat.nr_shmem],
    ["nr_kernel_stack", vmstat.nr_kernel_stack_kb],
    ["nr_page_table_pages", vmstat.nr_page_table_pages],
    ["pgpgin", 0],
    ["pgpgout", 0],
    ["pswpin", 0],
    ["pswpout", 0],
    ["pgalloc_normal", vmstat.pgalloc],
    ["pgfree", vmstat.pgfree],
    ["pgfault", vmstat.pgfault],
    ["pgmajfault", vmstat.pgmajfault],
    ["oom_kill", vmstat.oom_kill],
  ];
  return rows.map(([name, value]) => `${name} ${value}\n`).join("");
}

/** "Node 0, zone   Normal      1      0 ...": free blocks of each order. */
export function showBuddyinfo(kernel: Kernel): string {
  let text = "";
  for (const zone of kernel.pages.zones) {
    if (zone.managed_pages === 0) continue;
    text += `Node 0, zone ${zone.name.padStart(8)} `;
    for (let order = 0; order < MAX_ORDER; order++)
      text += `${String(zone.nr_free_blocks[order]).padStart(6)} `;
    text += "\n";
  }
  return text;
}

export function showZoneinfo(kernel: Kernel): string {
  let text = "";
  for (const zone of kernel.pages.zones) {
    if (zone.managed_pages === 0) continue;
    const row = (name: string, value: number) => `        ${name.padEnd(8)} ${value}\n`;
    text += `Node 0, zone ${zone.name.padStart(8)}\n`;
    text += `  pages free     ${zone.nr_free_pages}\n`;
    text += row("min", kernel.pages.watermark_min);
    text += row("spanned", zone.end_pfn - zone.start_pfn);
    text += row("present", zone.end_pfn - zone.start_pfn);
    text += row("managed", zone.managed_pages);
    text += `  start_pfn:           ${zone.start_pfn}\n`;
  }
  return text;
}

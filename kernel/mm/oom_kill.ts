/**
 * Out of memory: chooses the process whose end frees the most, kills it, and takes its private memory at once, so that
 * whoever needed a frame can go on. Linux: mm/oom_kill.c (oom_badness, __oom_kill_process, oom_reap_task_mm).
 */
import type { Kernel } from "../kernel.ts";
import { PF_KTHREAD, type Task } from "../task/task.ts";
import { sendSignalToProcess } from "../task/signal.ts";
import { SIGKILL } from "../uapi/signal.ts";
import { SIGNAL_GROUP_EXIT } from "../task/signal_struct.ts";
import { unmapPageRange } from "./memory.ts";
import { PAGE_SIZE } from "./page_alloc.ts";
import { VM_PFNMAP, VM_SHARED } from "./vma.ts";

/** oom_score_adj at which a process is never chosen. */
export const OOM_SCORE_ADJ_MIN = -1000;

/** How much memory the process's end would free, pages; -Infinity: not to be killed. Linux: oom_badness(). */
export function oomBadness(leader: Task): number {
  if (leader.pid === 1 || leader.flags & PF_KTHREAD) return -Infinity;
  const mm = leader.signal.threads.find((thread) => thread.mm)?.mm;
  const adj = leader.signal.oom_score_adj;
  if (!mm || adj === OOM_SCORE_ADJ_MIN) return -Infinity;
  const { pages } = leader.kernel;
  return mm.rss + 4 + (adj * pages.totalram_pages) / 1000;
}

/** /proc/PID/oom_score: 0..2000. */
export function oomScore(leader: Task): number {
  const badness = oomBadness(leader);
  if (badness === -Infinity) return 0;
  return Math.max(
    0,
    Math.min(2000, Math.floor(((1000 + (badness * 1000) / leader.kernel.pages.totalram_pages) * 2) / 3)),
  );
}

/** Frees memory by killing; whether any was (or will be) freed. Linux: out_of_memory(). */
export function outOfMemory(kernel: Kernel): boolean {
  let victim: Task | null = null;
  let most = -Infinity;
  for (const leader of kernel.tasks.processes()) {
    if (leader.signal.threads.some((thread) => thread.mm?.oom_reaped)) continue;
    const badness = oomBadness(leader);
    if (badness > most) {
      most = badness;
      victim = leader;
    }
  }
  if (!victim) {
    kernel.printk.warn("Out of memory and no killable processes...");
    return false;
  }
  report(kernel, victim);
  kernel.pages.vmstat.oom_kill++;
  const mm = victim.signal.threads.find((thread) => thread.mm)!.mm!;
  for (const other of kernel.tasks.processes()) {
    const sharesMm = other.signal.threads.some((thread) => thread.mm === mm);
    if (sharesMm && !(other.signal.flags & SIGNAL_GROUP_EXIT) && other.pid !== 1)
      sendSignalToProcess(other, SIGKILL);
  }
  mm.oom_reaped = true;
  for (const vma of mm.vmas) {
    if (!(vma.flags & (VM_SHARED | VM_PFNMAP))) unmapPageRange(vma, vma.start, vma.end);
  }
  kernel.printk.info(
    `oom_reaper: reaped process ${victim.pid} (${victim.comm}), now anon-rss:${mm.rss_anon * 4}kB, ` +
      `file-rss:${mm.rss_file * 4}kB, shmem-rss:${mm.rss_shmem * 4}kB`,
  );
  return true;
}

function report(kernel: Kernel, victim: Task): void {
  const { printk, current, pages } = kernel;
  printk.warn(
    `${current.comm} invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, ` +
      `oom_score_adj=${current.signal.oom_score_adj}`,
  );
  const kb = (nr_pages: number) => `${nr_pages * (PAGE_SIZE / 1024)}kB`;
  const { vmstat } = pages;
  printk.warn("Mem-Info:");
  printk.warn(
    `active_anon:${vmstat.nr_anon_pages} file:${vmstat.nr_file_pages} shmem:${vmstat.nr_shmem} ` +
      `mapped:${vmstat.nr_mapped} pagetables:${vmstat.nr_page_table_pages} free:${pages.nr_free}`,
  );
  printk.info("Tasks state (memory values in pages):");
  printk.info("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name");
  for (const leader of kernel.tasks.processes().slice(0, 64)) {
    const mm = leader.mm;
    if (!mm) continue;
    const field = (value: number | string, width: number) => String(value).padStart(width);
    printk.info(
      `[${field(leader.pid, 7)}] ${field(leader.cred.uid, 5)} ${field(leader.tgid, 5)} ${field(mm.total_vm, 8)} ` +
        `${field(mm.rss, 8)} ${field(0, 8)} ${field(0, 8)}         ${field(leader.signal.oom_score_adj, 5)} ${leader.comm}`,
    );
  }
  const mm = victim.signal.threads.find((thread) => thread.mm)!.mm!;
  printk.err(
    `Out of memory: Killed process ${victim.pid} (${victim.comm}) total-vm:${kb(mm.total_vm)}, ` +
      `anon-rss:${kb(mm.rss_anon)}, file-rss:${kb(mm.rss_file)}, shmem-rss:${kb(mm.rss_shmem)}, ` +
      `UID:${victim.cred.uid} oom_score_adj:${victim.signal.oom_score_adj}`,
  );
}

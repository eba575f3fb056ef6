/** What a process has used: getrusage, and the numbers behind times and /proc/PID/stat. Linux: kernel/sys.c. */
import { wordSize, writeWords } from "../mm/user_words.ts";
import { EINVAL } from "../uapi/errno.ts";
import { RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD } from "../uapi/resource.ts";
import type { Task } from "./task.ts";

export interface Rusage {
  utime_ns: number;
  stime_ns: number;
  maxrss_pages: number;
  min_flt: number;
  maj_flt: number;
  nvcsw: number;
  nivcsw: number;
}

/** One thread. */
export function rusageOfThread(task: Task): Rusage {
  const { utime_ns, stime_ns, min_flt, maj_flt, nvcsw, nivcsw } = task;
  const maxrss_pages = Math.max(task.signal.maxrss_pages, task.mm?.hiwater_rss ?? 0);
  return { utime_ns, stime_ns, maxrss_pages, min_flt, maj_flt, nvcsw, nivcsw };
}

/** All threads of a process, the dead ones included. Linux: thread_group_cputime_adjusted(). */
export function rusageOfProcess(task: Task): Rusage {
  const { signal } = task;
  const sum: Rusage = {
    utime_ns: signal.utime_ns,
    stime_ns: signal.stime_ns,
    maxrss_pages: signal.maxrss_pages,
    min_flt: signal.min_flt,
    maj_flt: signal.maj_flt,
    nvcsw: signal.nvcsw,
    nivcsw: signal.nivcsw,
  };
  for (const thread of signal.threads) {
    sum.utime_ns += thread.utime_ns;
    sum.stime_ns += thread.stime_ns;
    sum.maxrss_pages = Math.max(sum.maxrss_pages, thread.mm?.hiwater_rss ?? 0);
    sum.min_flt += thread.min_flt;
    sum.maj_flt += thread.maj_flt;
    sum.nvcsw += thread.nvcsw;
    sum.nivcsw += thread.nivcsw;
  }
  return sum;
}

/** Children waited for. */
function rusageOfChildren(task: Task): Rusage {
  const { signal } = task;
  return {
    utime_ns: signal.cutime_ns,
    stime_ns: signal.cstime_ns,
    maxrss_pages: signal.cmaxrss_pages,
    min_flt: signal.cmin_flt,
    maj_flt: signal.cmaj_flt,
    nvcsw: signal.cnvcsw,
    nivcsw: signal.cnivcsw,
  };
}

/** struct rusage: two timevals and 14 words. 0 or -EFAULT. */
export function writeRusage(task: Task, ptr: number, usage: Rusage): number {
  const words = new Array<number>(18).fill(0);
  words[0] = Math.floor(usage.utime_ns / 1e9);
  words[1] = Math.floor((usage.utime_ns % 1e9) / 1000);
  words[2] = Math.floor(usage.stime_ns / 1e9);
  words[3] = Math.floor((usage.stime_ns % 1e9) / 1000);
  words[4] = usage.maxrss_pages * 4;
  words[8] = usage.min_flt;
  words[9] = usage.maj_flt;
  words[16] = usage.nvcsw;
  words[17] = usage.nivcsw;
  return writeWords(task, ptr, words, wordSize(task));
}

/** man 2 getrusage. */
export function sys_getrusage(task: Task, who: number, ru: number): number {
  task.kernel.entry.accountNow();
  let usage: Rusage;
  if (who === RUSAGE_SELF) usage = rusageOfProcess(task);
  else if (who === RUSAGE_CHILDREN) usage = rusageOfChildren(task);
  else if (who === RUSAGE_THREAD) usage = rusageOfThread(task);
  else return -EINVAL;
  return writeRusage(task, ru, usage);
}

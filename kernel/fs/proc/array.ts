/**
 * /proc/PID/stat, statm, status. Linux: fs/proc/array.c; man 5 proc_pid_stat, proc_pid_statm,
 * proc_pid_status.
 */
import { SIG_DFL, SIG_IGN } from "../../uapi/signal.ts";
import { SigSet } from "../../task/sigset.ts";
import { stateLetter } from "../../task/state.ts";
import type { Task } from "../../task/task.ts";
import { RLIMIT_RSS, RLIMIT_SIGPENDING } from "../../uapi/resource.ts";
import { mmOf } from "./access.ts";
import { userTicks } from "./stat.ts";
import { pageTablesKb } from "./task_mmu.ts";

/** Linux: RLIM_INFINITY as an unsigned number. */
const RLIM_INFINITY_TEXT = "18446744073709551615";

const STATE_NAMES: Readonly<Record<string, string>> = {
  R: "running",
  S: "sleeping",
  D: "disk sleep",
  T: "stopped",
  t: "tracing stop",
  X: "dead",
  Z: "zombie",
};

const letterOf = (task: Task): string => stateLetter(task.exit_state || task.state);

/** Signals the process ignores and catches. */
function actions(task: Task): { ignored: SigSet; caught: SigSet } {
  const ignored = new SigSet();
  const caught = new SigSet();
  for (let sig = 1; sig <= 64; sig++) {
    const { handler } = task.sighand.action[sig];
    if (handler === SIG_IGN) ignored.add(sig);
    else if (handler !== SIG_DFL) caught.add(sig);
  }
  return { ignored, caught };
}

/** Sums over the threads of the process, the ended ones included; or of one thread. */
function usage(task: Task, whole: boolean) {
  const { signal } = task;
  const total = { utime_ns: 0, stime_ns: 0, min_flt: 0, maj_flt: 0 };
  const threads = !whole
    ? [task]
    : signal.threads.includes(task)
      ? signal.threads
      : [task, ...signal.threads];
  if (whole) {
    total.utime_ns = signal.utime_ns;
    total.stime_ns = signal.stime_ns;
    total.min_flt = signal.min_flt;
    total.maj_flt = signal.maj_flt;
  }
  for (const thread of threads) {
    total.utime_ns += thread.utime_ns;
    total.stime_ns += thread.stime_ns;
    total.min_flt += thread.min_flt;
    total.maj_flt += thread.maj_flt;
  }
  return total;
}

/** Priority as the scheduler and top show it: 20 + nice, or negative for real time. */
const priorityOf = (task: Task): number => (task.rt_priority > 0 ? -1 - task.rt_priority : 20 + task.nice);

/** Low 32 signals as a decimal number, as stat has them. */
const lowMask = (set: SigSet): number => (set.lo >>> 0) & 0x7fffffff;

/** `permitted`: addresses are shown. */
export function showPidStat(task: Task, whole: boolean, permitted: boolean): string {
  task.kernel.sched.updateCurrent();
  const { signal, group_leader: leader } = task;
  const mm = task.exit_state ? null : mmOf(task);
  const used = usage(task, whole);
  const { ignored, caught } = actions(task);
  const { tty } = signal;
  const address = (value: number | undefined) => (permitted ? (value ?? 0) : 0);
  const rsslim = signal.rlimits[RLIMIT_RSS].cur;
  const is_sleeping = letterOf(task) !== "R";
  const fields: (string | number)[] = [
    whole ? task.tgid : task.pid,
    `(${task.comm})`,
    letterOf(task),
    leader.parent === leader ? 0 : leader.parent.tgid,
    signal.pgrp,
    signal.session,
    tty ? tty.dev : 0,
    tty ? tty.pgrp || -1 : -1,
    task.flags,
    used.min_flt,
    whole ? signal.cmin_flt : 0,
    used.maj_flt,
    whole ? signal.cmaj_flt : 0,
    userTicks(used.utime_ns),
    userTicks(used.stime_ns),
    whole ? userTicks(signal.cutime_ns) : 0,
    whole ? userTicks(signal.cstime_ns) : 0,
    priorityOf(task),
    task.nice,
    Math.max(1, signal.threads.length),
    0,
    userTicks(task.start_time_ns),
    mm ? mm.total_vm * 4096 : 0,
    mm ? mm.rss : 0,
    Number.isFinite(rsslim) ? rsslim : RLIM_INFINITY_TEXT,
    mm ? (permitted ? mm.start_code : 1) : 0,
    mm ? (permitted ? mm.end_code : 1) : 0,
    address(mm?.start_stack),
    0, // kstkesp and kstkeip: only of tasks that dump core
    0,
    lowMask(task.pending.signal),
    lowMask(task.blocked),
    lowMask(ignored),
    lowMask(caught),
    is_sleeping && permitted ? 1 : 0,
    0,
    0,
    task.exit_signal,
    0,
    task.rt_priority,
    task.policy,
    0,
    0,
    0,
    address(mm?.start_data),
    address(mm?.end_data),
    address(mm?.start_brk),
    address(mm?.arg_start),
    address(mm?.arg_end),
    address(mm?.env_start),
    address(mm?.env_end),
    permitted ? task.exit_code : 0,
  ];
  return `${fields.join(" ")}\n`;
}

/** size resident shared text lib data dt, in pages. */
export function showStatm(task: Task): string {
  const mm = task.exit_state ? null : mmOf(task);
  if (!mm) return "0 0 0 0 0 0 0\n";
  const shared = mm.rss_file + mm.rss_shmem;
  const text = Math.ceil(mm.end_code / 4096) - Math.floor(mm.start_code / 4096);
  return `${mm.total_vm} ${mm.rss} ${shared} ${text} 0 ${mm.data_vm + mm.stack_vm} 0\n`;
}

export function showStatus(task: Task): string {
  const { cred, signal, group_leader: leader } = task;
  const letter = letterOf(task);
  const { ignored, caught } = actions(task);
  let text = "";
  const row = (name: string, value: string | number): void => {
    text += `${name}:\t${value}\n`;
  };
  row("Name", task.comm.replace(/\\/g, "\\\\").replace(/\n/g, "\\n"));
  if (!task.exit_state) row("Umask", `0${task.fs.umask.toString(8).padStart(3, "0")}`);
  row("State", `${letter} (${STATE_NAMES[letter]})`);
  row("Tgid", task.tgid);
  row("Ngid", 0);
  row("Pid", task.pid);
  row("PPid", leader.parent === leader ? 0 : leader.parent.tgid);
  row("TracerPid", 0);
  row("Uid", [cred.uid, cred.euid, cred.suid, cred.fsuid].join("\t"));
  row("Gid", [cred.gid, cred.egid, cred.sgid, cred.fsgid].join("\t"));
  row("FDSize", fdSize(task));
  row("Groups", `${cred.groups.join(" ")} `);
  row("NStgid", task.tgid);
  row("NSpid", task.pid);
  row("NSpgid", signal.pgrp);
  row("NSsid", signal.session);
  row("Kthread", task.isKernelThread ? 1 : 0);
  text += memoryRows(task);
  row("CoreDumping", 0);
  row("THP_enabled", 0);
  row("Threads", Math.max(1, signal.threads.length));
  const sigpending = signal.rlimits[RLIMIT_SIGPENDING].cur;
  row("SigQ", `${task.user.nr_sigpending}/${Number.isFinite(sigpending) ? sigpending : RLIM_INFINITY_TEXT}`);
  row("SigPnd", task.pending.signal.toHex());
  row("ShdPnd", signal.shared_pending.signal.toHex());
  row("SigBlk", task.blocked.toHex());
  row("SigIgn", ignored.toHex());
  row("SigCgt", caught.toHex());
  row("CapInh", cred.cap_inheritable.toHex());
  row("CapPrm", cred.cap_permitted.toHex());
  row("CapEff", cred.cap_effective.toHex());
  row("CapBnd", cred.cap_bset.toHex());
  row("CapAmb", cred.cap_ambient.toHex());
  row("NoNewPrivs", task.no_new_privs ? 1 : 0);
  row("Cpus_allowed", 1);
  row("Cpus_allowed_list", 0);
  row("Mems_allowed", 1);
  row("Mems_allowed_list", 0);
  row("voluntary_ctxt_switches", task.nvcsw);
  row("nonvoluntary_ctxt_switches", task.nivcsw);
  return text;
}

/** Slots of the descriptor table: a power of two of at least 64, none after exit. */
function fdSize(task: Task): number {
  if (task.exit_state) return 0;
  let size = 64;
  while (size < task.files.length) size *= 2;
  return size;
}

/** VmPeak ... VmSwap; nothing for kernel threads and zombies. Linux: fs/proc/task_mmu.c task_mem(). */
function memoryRows(task: Task): string {
  const mm = task.exit_state ? null : mmOf(task);
  if (!mm) return "";
  let text = "";
  const kb = (name: string, value: number): void => {
    text += `${name}:\t${String(value).padStart(8)} kB\n`;
  };
  const pages = (name: string, count: number): void => kb(name, count * 4);
  const code_kb = (Math.ceil(mm.end_code / 4096) - Math.floor(mm.start_code / 4096)) * 4;
  pages("VmPeak", Math.max(mm.hiwater_vm, mm.total_vm));
  pages("VmSize", mm.total_vm);
  pages("VmLck", mm.locked_vm);
  pages("VmPin", 0);
  pages("VmHWM", Math.max(mm.hiwater_rss, mm.rss));
  pages("VmRSS", mm.rss);
  pages("RssAnon", mm.rss_anon);
  pages("RssFile", mm.rss_file);
  pages("RssShmem", mm.rss_shmem);
  pages("VmData", mm.data_vm);
  pages("VmStk", mm.stack_vm);
  kb("VmExe", code_kb);
  kb("VmLib", Math.max(0, mm.exec_vm * 4 - code_kb));
  kb("VmPTE", pageTablesKb(mm));
  pages("VmSwap", 0);
  return text;
}

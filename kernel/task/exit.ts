/**
 * The end of tasks: exit, exit_group, zombies and their reaping. Linux: kernel/exit.c.
 *
 *     doExit ─► memory, files, terminal given back ─► children to a new parent ─► zombie, SIGCHLD ─► wait4 ─► releaseTask
 *
 * The kernel stack's frame stays until the task is released: the CPU still stands on it while doExit runs.
 */
import { disassociateCtty } from "../drivers/tty/tty_jobctrl.ts";
import { panic } from "../lib/panic.ts";
import { putUser32 } from "../mm/usercopy.ts";
import { exitRobustList, futexWakeAddress } from "../sched/futex.ts";
import { NSIG, SIGCHLD, SIGCONT, SIGHUP, CLD_DUMPED, CLD_EXITED, CLD_KILLED } from "../uapi/signal.ts";
import { ignoresChildren } from "./signal_syscalls.ts";
import {
  flushPending,
  hasStoppedJobs,
  isOrphanedPgrp,
  killOtherThreads,
  killPgrp,
  sendSignal,
} from "./signal.ts";
import { exitSignals } from "./signal_deliver.ts";
import { SIGNAL_GROUP_EXIT } from "./signal_struct.ts";
import { SigSet } from "./sigset.ts";
import { EXIT_DEAD, EXIT_ZOMBIE } from "./state.ts";
import { PF_EXITING, type Task } from "./task.ts";
import type { SigInfo } from "./siginfo.ts";
import type { Sleep } from "../sched/wait.ts";

const ALL_SIGNALS = new SigSet(-1, -1);
const NS_PER_USER_TICK = 10_000_000;

/** Gives back the task's address space; wakes whoever waits for a vfork. Linux: exit_mm(), mm_release(). */
export function exitMm(task: Task): void {
  const { mm, kernel } = task;
  exitRobustList(task);
  if (task.clear_child_tid !== 0) {
    if (mm && mm.users > 1) {
      putUser32(task, task.clear_child_tid, 0);
      futexWakeAddress(task, task.clear_child_tid, 1);
    }
    task.clear_child_tid = 0;
  }
  if (mm) {
    task.signal.maxrss_pages = Math.max(task.signal.maxrss_pages, mm.hiwater_rss);
    kernel.entry.leaveMm(task);
    task.mm = null;
    mm.put();
  }
  if (task.vfork_done) {
    const waiters = task.vfork_done;
    task.vfork_done = null;
    waiters.wakeUpAll();
  }
}

/** Ends the running task; it is never resumed after its last yield. Linux: do_exit(). */
export function* doExit(task: Task, code: number): Sleep<number> {
  const { kernel, signal } = task;
  if (task.pid === 1 && signal.threads.every((thread) => thread === task || thread.flags & PF_EXITING)) {
    panic(kernel, `Attempted to kill init! exitcode=0x${(code >>> 0).toString(16).padStart(8, "0")}`);
  }
  exitSignals(task);
  const isLast = signal.threads.every((thread) => thread === task || thread.flags & PF_EXITING);
  task.exit_code = code;
  if (isLast) {
    // Linux: synchronize_group_exit(): the last thread's code becomes the process's.
    if (!(signal.flags & SIGNAL_GROUP_EXIT)) {
      signal.flags = SIGNAL_GROUP_EXIT;
      signal.group_exit_code = code;
    }
    for (const callback of [...signal.exit_callbacks]) callback();
    signal.exit_callbacks.clear();
    for (const itimer of signal.itimers) {
      if (itimer.timer) kernel.time.cancelTimer(itimer.timer);
      itimer.timer = null;
    }
  }
  if (kernel.strace.enabled) kernel.strace.ended(task, code);
  exitMm(task);
  task.files.release(task);
  task.fs.users--;
  if (isLast && signal.leader) disassociateCtty(task, true);
  kernel.sched.updateCurrent();
  exitNotify(task, isLast);
  // Only another task can free the stack of this one.
  for (;;) yield;
}

/** Linux: exit_notify(). */
function exitNotify(task: Task, isLast: boolean): void {
  const { kernel, signal } = task;
  reparentChildren(task);
  if (isLast) killOrphanedPgrp(task.group_leader, null);
  task.exit_state = EXIT_ZOMBIE;
  task.state = EXIT_ZOMBIE;
  if (!task.isGroupLeader) {
    signal.utime_ns += task.utime_ns;
    signal.stime_ns += task.stime_ns;
    signal.sum_exec_runtime_ns += task.se.sum_exec_runtime_ns;
    signal.min_flt += task.min_flt;
    signal.maj_flt += task.maj_flt;
    signal.nvcsw += task.nvcsw;
    signal.nivcsw += task.nivcsw;
    task.state = EXIT_DEAD;
    task.exit_state = EXIT_DEAD;
    kernel.entry.releaseLater(task);
  }
  if (signal.group_exec_task) kernel.sched.wakeUpState(signal.group_exec_task, -1);
  const leader = task.group_leader;
  if (isLast && leader.exit_state !== 0) notifyParentExit(leader);
}

/** The process is a zombie: tells the parent, or reaps it at once if the parent does not care. Linux: do_notify_parent(). */
function notifyParentExit(leader: Task): void {
  const { parent, kernel } = leader;
  const code = processExitCode(leader);
  const sig = leader.exit_signal;
  let autoreap = false;
  if (sig > 0) {
    const info: SigInfo = { signo: sig, pid: leader.pid, uid: leader.cred.uid, ...siginfoStatus(code) };
    info.utime_ticks = Math.floor((leader.utime_ns + leader.signal.utime_ns) / NS_PER_USER_TICK);
    info.stime_ticks = Math.floor((leader.stime_ns + leader.signal.stime_ns) / NS_PER_USER_TICK);
    if (sig === SIGCHLD && ignoresChildren(parent)) {
      autoreap = true;
      if (parent.sighand.action[SIGCHLD].handler !== 1) sendSignal(parent, sig, info);
    } else if (sig <= NSIG) {
      // clone(2) takes any byte for it; what is no signal is not sent.
      sendSignal(parent, sig, info);
    }
  } else {
    autoreap = sig < 0;
  }
  if (autoreap) {
    leader.exit_state = EXIT_DEAD;
    leader.state = EXIT_DEAD;
    kernel.entry.releaseLater(leader);
  }
  parent.signal.wait_chldexit.wakeUpAll();
}

/** si_code and si_status for an exit code. */
export function siginfoStatus(code: number): { code: number; status: number } {
  if (code & 0x7f) return { code: code & 0x80 ? CLD_DUMPED : CLD_KILLED, status: code & 0x7f };
  return { code: CLD_EXITED, status: (code >> 8) & 0xff };
}

/** What wait4 reports. */
export function processExitCode(leader: Task): number {
  return leader.signal.flags & SIGNAL_GROUP_EXIT ? leader.signal.group_exit_code : leader.exit_code;
}

/** Children get a new parent: another thread, the nearest subreaper, or init. Linux: forget_original_parent(). */
function reparentChildren(task: Task): void {
  if (task.children.size === 0) return;
  const reaper = findNewReaper(task);
  for (const child of [...task.children]) {
    task.children.delete(child);
    child.parent = reaper;
    reaper.children.add(child);
    if (child.pdeath_signal) sendSignal(child, child.pdeath_signal);
    if (reaper.signal === task.signal) continue;
    child.exit_signal = child.exit_signal < 0 ? child.exit_signal : SIGCHLD;
    if (child.exit_state === EXIT_ZOMBIE && child.isGroupLeader && isProcessDead(child))
      notifyParentExit(child);
    killOrphanedPgrp(child, task);
  }
}

/** All threads of the process are gone. Linux: thread_group_empty(), delay_group_leader(). */
export function isProcessDead(leader: Task): boolean {
  return leader.signal.threads.every((thread) => thread.exit_state !== 0);
}

function findNewReaper(task: Task): Task {
  const sibling = task.signal.threads.find((thread) => thread !== task && !(thread.flags & PF_EXITING));
  if (sibling) return sibling;
  for (let ancestor = task.parent; ancestor.pid > 1; ancestor = ancestor.parent) {
    if (ancestor.signal.is_child_subreaper && !(ancestor.flags & PF_EXITING)) return ancestor;
  }
  return task.kernel.tasks.find(1)!;
}

/** A group that lost its last link to its session and has stopped members is hung up. Linux: kill_orphaned_pgrp(). */
function killOrphanedPgrp(leader: Task, exiting_parent: Task | null): void {
  const { kernel } = leader;
  const parent = exiting_parent ?? leader.parent;
  const ignored = exiting_parent ? null : leader;
  const { pgrp, session } = leader.signal;
  if (parent.signal.pgrp === pgrp || parent.signal.session !== session) return;
  if (!isOrphanedPgrp(kernel, pgrp, ignored) || !hasStoppedJobs(kernel, pgrp)) return;
  killPgrp(kernel, pgrp, SIGHUP);
  killPgrp(kernel, pgrp, SIGCONT);
}

/** The last of a task: out of all tables, its stack given back. Linux: release_task(), free_task(). */
export function releaseTask(task: Task): void {
  const { kernel, signal } = task;
  task.exit_state = EXIT_DEAD;
  kernel.tasks.detach(task);
  task.user.nr_processes--;
  flushPending(task, task.pending, ALL_SIGNALS);
  if (task.isGroupLeader) flushPending(task, signal.shared_pending, ALL_SIGNALS);
  const index = signal.threads.indexOf(task);
  if (index >= 0) signal.threads.splice(index, 1);
  task.parent.children.delete(task);
  task.sighand.users--;
  task.kernelStack = null;
  freeStack(task);
}

/** Frees the kernel stack; the CPU must not be on it. */
export function freeStack(task: Task): void {
  const { kernel } = task;
  if (task.stack_pfn === 0) return;
  kernel.entry.forget(task);
  kernel.pages.vmstat.nr_kernel_stack_kb -= 4;
  kernel.pages.putPage(task.stack_pfn);
  task.stack_pfn = 0;
}

/** Starts the end of all threads. Linux: do_group_exit(). Returns the code the calling thread exits with. */
export function startGroupExit(task: Task, code: number): number {
  const { signal } = task;
  if (signal.flags & SIGNAL_GROUP_EXIT) return signal.group_exit_code;
  if (signal.group_exec_task && signal.group_exec_task !== task) return 0;
  signal.group_exit_code = code;
  signal.flags = SIGNAL_GROUP_EXIT;
  signal.group_stop_count = 0;
  killOtherThreads(task, task);
  return code;
}

/** man 2 exit: this thread only. */
export function sys_exit(task: Task, status: number): Sleep<number> {
  return doExit(task, (status & 0xff) << 8);
}

/** man 2 exit_group. */
export function sys_exit_group(task: Task, status: number): Sleep<number> {
  return doExit(task, startGroupExit(task, (status & 0xff) << 8));
}

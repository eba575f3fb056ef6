/**
 * Sending signals. Linux: kernel/signal.c. Delivery is in signal_deliver.ts, the system calls in signal_syscalls.ts.
 *
 *     sendSignal ─► ignored? ─► queue (thread's or process's) ─► pick a thread ─► wake it
 *                                                              └► fatal: the whole process gets SIGKILL at once
 *
 * Standard signals (1-31) are queued once; real-time ones each time, up to RLIMIT_SIGPENDING.
 */
import type { Kernel } from "../kernel.ts";
import { TASK_INTERRUPTIBLE, TASK_STOPPED, TASK_WAKEKILL } from "./state.ts";
import { EAGAIN } from "../uapi/errno.ts";
import { RLIMIT_SIGPENDING } from "../uapi/resource.ts";
import {
  CLD_STOPPED,
  SA_NOCLDSTOP,
  SIGBUS,
  SIGCHLD,
  SIGCONT,
  SIGFPE,
  SIGILL,
  SIGKILL,
  SIGRTMIN,
  SIGSEGV,
  SIGSTOP,
  SIGSYS,
  SIGTRAP,
  SIG_DFL,
  SIG_IGN,
  SI_KERNEL,
  SI_USER,
} from "../uapi/signal.ts";
import { type SigInfo, isFromKernel } from "./siginfo.ts";
import {
  SIGNAL_CLD_CONTINUED,
  SIGNAL_CLD_STOPPED,
  SIGNAL_GROUP_EXIT,
  SIGNAL_STOP_CONTINUED,
  SIGNAL_STOP_STOPPED,
  SIGNAL_UNKILLABLE,
  type SigPending,
} from "./signal_struct.ts";
import { SIG_KERNEL_IGNORE_MASK, SIG_KERNEL_STOP_MASK, SigSet } from "./sigset.ts";
import { PF_EXITING, PF_KTHREAD, type Task } from "./task.ts";

/** Signals that dump core by default: QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS. */
export const SIG_KERNEL_COREDUMP_MASK = SigSet.of(3, 4, 5, 6, 7, 8, 11, 24, 25, 31);
/** Signals that an instruction causes; delivered before others. */
export const SYNCHRONOUS_MASK = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);

const isKernelOnly = (sig: number): boolean => sig === SIGKILL || sig === SIGSTOP;

/** Sends to a process; `task` is the thread that gets it if it can. 0 or -EAGAIN. Linux: group_send_sig_info(). */
export function sendSignal(task: Task, sig: number, info: SigInfo = kernelInfo(sig)): number {
  return send(task, sig, info, true);
}

/** The same, for callers that have a process at hand. */
export function sendSignalToProcess(leader: Task, sig: number, info: SigInfo = kernelInfo(sig)): number {
  return send(leader, sig, info, true);
}

/** Sends to one thread. Linux: send_sig_info() with PIDTYPE_PID. */
export function sendSignalToThread(task: Task, sig: number, info: SigInfo = kernelInfo(sig)): number {
  return send(task, sig, info, false);
}

/** Sends to every process of a group. Linux: kill_pgrp(). */
export function killPgrp(kernel: Kernel, pgrp: number, sig: number, info: SigInfo = kernelInfo(sig)): void {
  for (const leader of [...kernel.tasks.pgrp(pgrp)]) send(leader, sig, info, true);
}

/** A signal from the kernel. Linux: SEND_SIG_PRIV. */
export function kernelInfo(signo: number): SigInfo {
  return { signo, code: SI_KERNEL };
}

/** A signal from a program. */
export function userInfo(sender: Task, signo: number, code = SI_USER): SigInfo {
  return { signo, code, pid: sender.tgid, uid: sender.cred.uid };
}

function send(task: Task, sig: number, info: SigInfo, toProcess: boolean): number {
  const { signal } = task;
  const force = info.code === SI_KERNEL && isKernelOnly(sig);
  if (!prepareSignal(task, sig, force || isFromKernel(info))) return 0;
  const pending = toProcess ? signal.shared_pending : task.pending;
  if (sig < SIGRTMIN && pending.signal.has(sig)) return 0;
  if (sig !== SIGKILL && !(task.flags & PF_KTHREAD)) {
    const limit = signal.rlimits[RLIMIT_SIGPENDING].cur;
    const mayExceed = sig < SIGRTMIN && (isFromKernel(info) || info.code === SI_USER);
    if (task.user.nr_sigpending < limit || mayExceed) {
      task.user.nr_sigpending++;
      pending.list.push(info);
    } else if (sig >= SIGRTMIN && info.code !== SI_USER) {
      return -EAGAIN;
    }
  }
  pending.signal.add(sig);
  completeSignal(task, sig, toProcess);
  return 0;
}

/** Effects that do not wait for delivery: SIGCONT continues, stop signals cancel it. Whether to go on. Linux: prepare_signal(). */
function prepareSignal(task: Task, sig: number, force: boolean): boolean {
  const { signal } = task;
  if (signal.flags & SIGNAL_GROUP_EXIT) return false;
  if (sig <= 32 && SIG_KERNEL_STOP_MASK.has(sig)) {
    flushFromAll(task, SIGCONT_SET);
  } else if (sig === SIGCONT) {
    flushFromAll(task, SIG_KERNEL_STOP_MASK);
    let why = 0;
    if (signal.flags & SIGNAL_STOP_STOPPED) why = SIGNAL_CLD_CONTINUED;
    else if (signal.group_stop_count > 0) why = SIGNAL_CLD_STOPPED;
    for (const thread of signal.threads) {
      thread.stop_pending = false;
      task.kernel.sched.wakeUpState(thread, TASK_STOPPED);
    }
    if (why) {
      signal.flags = (signal.flags & SIGNAL_UNKILLABLE) | why | SIGNAL_STOP_CONTINUED;
      signal.group_stop_count = 0;
      signal.group_exit_code = 0;
      for (const thread of signal.threads) thread.sigpending = true;
    }
  }
  return !isIgnored(task, sig, force);
}

const SIGCONT_SET = SigSet.of(SIGCONT);

function flushFromAll(task: Task, mask: SigSet): void {
  flushPending(task, task.signal.shared_pending, mask);
  for (const thread of task.signal.threads) flushPending(task, thread.pending, mask);
}

/** Removes the signals of `mask` from a queue. Linux: flush_sigqueue_mask(). */
export function flushPending(task: Task, pending: SigPending, mask: SigSet): void {
  if (!((pending.signal.lo & mask.lo) | (pending.signal.hi & mask.hi))) return;
  pending.signal.deleteAll(mask);
  const kept = pending.list.filter((info) => !mask.has(info.signo));
  task.user.nr_sigpending -= pending.list.length - kept.length;
  pending.list = kept;
}

/** Linux: sig_ignored(). A blocked signal is kept: its handler may change before it is unblocked. */
function isIgnored(task: Task, sig: number, force: boolean): boolean {
  if (task.blocked.has(sig) || task.real_blocked?.has(sig)) return false;
  const { handler } = task.sighand.action[sig];
  if (task.signal.flags & SIGNAL_UNKILLABLE && handler === SIG_DFL && !(force && isKernelOnly(sig)))
    return true;
  if (task.flags & PF_KTHREAD && handler === SIG_DFL && !force) return true;
  return handler === SIG_IGN || (handler === SIG_DFL && sig <= 32 && SIG_KERNEL_IGNORE_MASK.has(sig));
}

/** Whether `task` could take the signal now. Linux: wants_signal(). */
function wantsSignal(task: Task, sig: number): boolean {
  if (task.blocked.has(sig) || task.flags & PF_EXITING) return false;
  if (sig === SIGKILL) return true;
  if (task.state & TASK_STOPPED) return false;
  return task === task.kernel.current || !task.sigpending;
}

/** Chooses who handles it and wakes that thread; a fatal signal ends the whole process here. Linux: complete_signal(). */
function completeSignal(task: Task, sig: number, toProcess: boolean): void {
  const { signal } = task;
  let target: Task | undefined;
  if (wantsSignal(task, sig)) target = task;
  else if (toProcess && signal.threads.length > 1)
    target = signal.threads.find((thread) => wantsSignal(thread, sig));
  if (!target) return;
  if (isFatal(target, sig) && !(signal.flags & SIGNAL_GROUP_EXIT)) {
    if (!(sig <= 32 && SIG_KERNEL_COREDUMP_MASK.has(sig))) {
      signal.flags = SIGNAL_GROUP_EXIT;
      signal.group_exit_code = sig;
      signal.group_stop_count = 0;
      killOtherThreads(task, null);
      return;
    }
  }
  signalWakeUp(target, sig === SIGKILL);
}

function isFatal(task: Task, sig: number): boolean {
  if (sig === SIGKILL) return true;
  if (task.sighand.action[sig].handler !== SIG_DFL || task.blocked.has(sig) || task.real_blocked?.has(sig))
    return false;
  return !(sig <= 32 && (SIG_KERNEL_IGNORE_MASK.has(sig) || SIG_KERNEL_STOP_MASK.has(sig)));
}

/** SIGKILL for every thread of the process but `survivor`; how many. Linux: zap_other_threads(). */
export function killOtherThreads(task: Task, survivor: Task | null): number {
  let nr_killed = 0;
  for (const thread of task.signal.threads) {
    if (thread === survivor) continue;
    thread.stop_pending = false;
    if (thread.exit_state || thread.flags & PF_EXITING) continue;
    thread.pending.signal.add(SIGKILL);
    signalWakeUp(thread, true);
    nr_killed++;
  }
  return nr_killed;
}

/** Tells a thread to look at its signals; `fatal` also ends killable sleeps and stops. Linux: signal_wake_up(). */
export function signalWakeUp(task: Task, fatal: boolean): void {
  task.sigpending = true;
  task.kernel.sched.wakeUpState(
    task,
    fatal ? TASK_INTERRUPTIBLE | TASK_WAKEKILL | TASK_STOPPED : TASK_INTERRUPTIBLE,
  );
}

/** Sets `sigpending` to what is true. Linux: recalc_sigpending(). */
export function recalcSigpending(task: Task): void {
  task.sigpending =
    task.stop_pending ||
    task.pending.signal.hasUnblocked(task.blocked) ||
    task.signal.shared_pending.signal.hasUnblocked(task.blocked) ||
    (task.signal.flags & (SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED)) !== 0;
}

/** A new set of blocked signals for the running task. Linux: set_current_blocked(). */
export function setBlocked(task: Task, set: SigSet): void {
  task.blocked.lo = set.lo & ~((1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1)));
  task.blocked.hi = set.hi;
  recalcSigpending(task);
  // A process signal that this thread blocks now may still find another thread.
  if (task.signal.threads.length > 1) retargetShared(task);
}

/** Linux: retarget_shared_pending(). */
function retargetShared(task: Task): void {
  const shared = task.signal.shared_pending.signal;
  if (shared.isEmpty()) return;
  for (const thread of task.signal.threads) {
    if (thread === task || thread.flags & PF_EXITING || !shared.hasUnblocked(thread.blocked)) continue;
    if (!thread.sigpending) signalWakeUp(thread, false);
  }
}

/** A signal that cannot be refused: an instruction caused it. Linux: force_sig_info(). */
export function forceSignal(task: Task, sig: number, info: SigInfo = kernelInfo(sig)): void {
  const action = task.sighand.action[sig];
  const blocked = task.blocked.has(sig);
  if (blocked || action.handler === SIG_IGN) {
    action.handler = SIG_DFL;
    if (blocked) {
      task.blocked.delete(sig);
      recalcSigpending(task);
    }
  }
  if (action.handler === SIG_DFL) task.signal.flags &= ~SIGNAL_UNKILLABLE;
  send(task, sig, info, false);
}

/** As forceSignal, with the default action whatever the program asked for. Linux: force_fatal_sig(). */
export function forceFatalSignal(task: Task, sig: number): void {
  task.sighand.action[sig].handler = SIG_DFL;
  task.blocked.delete(sig);
  task.signal.flags &= ~SIGNAL_UNKILLABLE;
  send(task, sig, kernelInfo(sig), false);
}

/**
 * Whether nobody in the session outside the group could continue it once stopped. Linux: is_current_pgrp_orphaned(),
 * will_become_orphaned_pgrp().
 */
export function isOrphanedPgrp(kernel: Kernel, pgrp: number, ignored: Task | null = null): boolean {
  for (const leader of kernel.tasks.pgrp(pgrp)) {
    if (leader === ignored || isGone(leader) || leader.parent.pid === 1) continue;
    const { signal } = leader.parent;
    if (signal && signal.pgrp !== pgrp && signal.session === leader.signal.session) return false;
  }
  return true;
}

function isGone(leader: Task): boolean {
  return leader.exit_state !== 0 && leader.signal.threads.every((thread) => thread.exit_state !== 0);
}

/** Whether a process of the group is stopped. Linux: has_stopped_jobs(). */
export function hasStoppedJobs(kernel: Kernel, pgrp: number): boolean {
  for (const leader of kernel.tasks.pgrp(pgrp)) if (leader.signal.flags & SIGNAL_STOP_STOPPED) return true;
  return false;
}

/** Tells the parent that the process stopped or goes on. Linux: do_notify_parent_cldstop(). */
export function notifyParentStop(task: Task, why: number): void {
  const leader = task.group_leader;
  const { parent } = leader;
  if (!parent.sighand) return;
  const tick_ns = 10_000_000;
  const info: SigInfo = {
    signo: SIGCHLD,
    code: why,
    pid: leader.pid,
    uid: leader.cred.uid,
    status: why === CLD_STOPPED ? leader.signal.group_exit_code & 0x7f : SIGCONT,
    utime_ticks: Math.floor(leader.utime_ns / tick_ns),
    stime_ticks: Math.floor(leader.stime_ns / tick_ns),
  };
  const action = parent.sighand.action[SIGCHLD];
  if (action.handler !== SIG_IGN && !(action.flags & SA_NOCLDSTOP)) sendSignal(parent, SIGCHLD, info);
  parent.signal.wait_chldexit.wakeUpAll();
}

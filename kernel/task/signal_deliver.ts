/**
 * Delivering signals on the way back to user mode. Linux: kernel/signal.c get_signal(), arch/x86/kernel/signal.c.
 * Called by arch/x86/entry.ts whenever `sigpending` is set. The outcome tells the entry code how to go on.
 */
import { clearFpu } from "../arch/x86/process.ts";
import { PT_RAX, type PtRegs } from "../arch/x86/regs.ts";
import { setupIa32Frame } from "../arch/x86/ia32/signal_frame.ts";
import { setupRtFrame } from "../arch/x86/signal_frame.ts";
import { ABI_IA32 } from "../mm/user_words.ts";
import { EINTR, ERESTARTNOHAND, ERESTARTNOINTR, ERESTARTSYS, ERESTART_RESTARTBLOCK } from "../uapi/errno.ts";
import {
  CLD_CONTINUED,
  CLD_STOPPED,
  SA_IA32_ABI,
  SA_NODEFER,
  SA_RESETHAND,
  SA_RESTART,
  SIGKILL,
  SIGSEGV,
  SIGSTOP,
  SIG_DFL,
  SIG_IGN,
  SI_USER,
} from "../uapi/signal.ts";
import type { SigInfo } from "./siginfo.ts";
import {
  SIGNAL_CLD_CONTINUED,
  SIGNAL_CLD_STOPPED,
  SIGNAL_GROUP_EXIT,
  SIGNAL_STOP_CONTINUED,
  SIGNAL_STOP_STOPPED,
  SIGNAL_UNKILLABLE,
  type SigPending,
} from "./signal_struct.ts";
import { SIG_KERNEL_IGNORE_MASK, SIG_KERNEL_STOP_MASK, type SigSet } from "./sigset.ts";
import {
  SYNCHRONOUS_MASK,
  forceSignal,
  isOrphanedPgrp,
  killOtherThreads,
  notifyParentStop,
  recalcSigpending,
  setBlocked,
  signalWakeUp,
} from "./signal.ts";
import { TASK_STOPPED } from "./state.ts";
import { PF_EXITING, PF_SIGNALED, type Task } from "./task.ts";

/** Outcomes of deliverSignals. */
export const DELIVERED = 0; // go on to user mode
export const STOPPED = 1; // the task's state says that it stopped: schedule
export const FATAL = 2; // the task must exit with `task.signal.group_exit_code`

const NR_RESTART_SYSCALL = 219;
const NR_RESTART_SYSCALL_IA32 = 0;
/** SYSCALL is 0F 05, INT 80h CD 80. */
const SYSCALL_INSN_BYTES = 2;

/** Handles what is pending: handlers get their frame, default actions happen. */
export function deliverSignals(task: Task, regs: PtRegs): number {
  const { signal } = task;
  for (;;) {
    if (signal.flags & (SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED)) {
      const why = signal.flags & SIGNAL_CLD_CONTINUED ? CLD_CONTINUED : CLD_STOPPED;
      signal.flags &= ~(SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED);
      notifyParentStop(task, why);
    }
    if (signal.flags & SIGNAL_GROUP_EXIT) return FATAL;
    if (signal.group_exec_task && signal.group_exec_task !== task) return FATAL;
    if (task.pending.signal.has(SIGKILL)) return endProcess(task, SIGKILL);
    if (task.stop_pending) {
      if (takePartInStop(task)) return STOPPED;
      continue;
    }
    const info = dequeueSignal(task, task.blocked);
    if (info === null) break;
    const sig = info.signo;
    if (task.kernel.strace.enabled) task.kernel.strace.signal(task, info);
    const action = task.sighand.action[sig];
    if (action.handler === SIG_IGN) continue;
    if (action.handler !== SIG_DFL) {
      const handler = {
        handler: action.handler,
        flags: action.flags,
        restorer: action.restorer,
        mask: action.mask,
      };
      if (action.flags & SA_RESETHAND) action.handler = SIG_DFL;
      handleSignal(task, regs, info, handler);
      return afterHandler(task, regs);
    }
    if (sig <= 32 && SIG_KERNEL_IGNORE_MASK.has(sig)) continue;
    if (signal.flags & SIGNAL_UNKILLABLE && sig !== SIGKILL && sig !== SIGSTOP) continue;
    if (sig <= 32 && SIG_KERNEL_STOP_MASK.has(sig)) {
      if (sig !== SIGSTOP && isOrphanedPgrp(task.kernel, signal.pgrp)) continue;
      startGroupStop(task, sig);
      if (takePartInStop(task)) return STOPPED;
      continue;
    }
    task.flags |= PF_SIGNALED;
    return endProcess(task, sig);
  }
  recalcSigpending(task);
  restartSyscall(task, regs);
  if (task.saved_sigmask !== null) {
    const saved = task.saved_sigmask;
    task.saved_sigmask = null;
    setBlocked(task, saved);
    if (task.sigpending) return deliverSignals(task, regs);
  }
  return DELIVERED;
}

/** All threads die of `sig`. Linux: do_group_exit(). */
function endProcess(task: Task, sig: number): number {
  const { signal } = task;
  if (!(signal.flags & SIGNAL_GROUP_EXIT)) {
    signal.flags = SIGNAL_GROUP_EXIT;
    signal.group_exit_code = sig;
    killOtherThreads(task, task);
  }
  return FATAL;
}

/** More may be pending that the handler's mask does not block: its frame goes on top. */
function afterHandler(task: Task, regs: PtRegs): number {
  return task.sigpending ? deliverSignals(task, regs) : DELIVERED;
}

/** No handler runs: an interrupted call starts again. */
function restartSyscall(task: Task, regs: PtRegs): void {
  if (task.syscall_nr < 0) return;
  const result = regs.get(PT_RAX);
  if (result === -ERESTARTSYS || result === -ERESTARTNOHAND || result === -ERESTARTNOINTR) {
    regs.rax = task.syscall_nr;
    regs.rip -= SYSCALL_INSN_BYTES;
  } else if (result === -ERESTART_RESTARTBLOCK) {
    regs.rax = task.syscall_abi & ABI_IA32 ? NR_RESTART_SYSCALL_IA32 : NR_RESTART_SYSCALL;
    regs.rip -= SYSCALL_INSN_BYTES;
    task.restart_abi = task.syscall_abi;
  }
  task.syscall_nr = -1;
}

interface Handler {
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: SigSet;
}

/** Makes the program call its handler. Linux: handle_signal(). */
function handleSignal(task: Task, regs: PtRegs, info: SigInfo, action: Handler): void {
  const sig = info.signo;
  if (task.syscall_nr >= 0) {
    const result = regs.get(PT_RAX);
    if (result === -ERESTARTNOHAND || result === -ERESTART_RESTARTBLOCK) {
      regs.rax = -EINTR;
    } else if (result === -ERESTARTSYS && !(action.flags & SA_RESTART)) {
      regs.rax = -EINTR;
    } else if (result === -ERESTARTSYS || result === -ERESTARTNOINTR) {
      regs.rax = task.syscall_nr;
      regs.rip -= SYSCALL_INSN_BYTES;
    }
    task.syscall_nr = -1;
  }
  const mask = (task.saved_sigmask ?? task.blocked).clone();
  const setupFrame = action.flags & SA_IA32_ABI ? setupIa32Frame : setupRtFrame;
  if (setupFrame(task, regs, action, info, mask) < 0) {
    signalSetupFailed(task, sig);
    return;
  }
  clearFpu(task);
  task.saved_sigmask = null;
  const blocked = task.blocked.clone();
  blocked.addAll(action.mask);
  if (!(action.flags & SA_NODEFER)) blocked.add(sig);
  setBlocked(task, blocked);
}

/** The frame does not fit on the stack. Linux: signal_setup_done() with failed, force_sigsegv(). */
function signalSetupFailed(task: Task, sig: number): void {
  if (sig === SIGSEGV) task.sighand.action[SIGSEGV].handler = SIG_DFL;
  forceSignal(task, SIGSEGV);
}

/** Takes the next signal that `mask` does not block, or null. Linux: dequeue_signal(). */
export function dequeueSignal(task: Task, mask: SigSet): SigInfo | null {
  const info = dequeueFrom(task, task.pending, mask) ?? dequeueFrom(task, task.signal.shared_pending, mask);
  recalcSigpending(task);
  return info;
}

function dequeueFrom(task: Task, pending: SigPending, mask: SigSet): SigInfo | null {
  const lo = pending.signal.lo & ~mask.lo;
  const hi = pending.signal.hi & ~mask.hi;
  if ((lo | hi) === 0) return null;
  let sig: number;
  if (lo & SYNCHRONOUS_MASK.lo) sig = 32 - Math.clz32(lowestBit(lo & SYNCHRONOUS_MASK.lo));
  else if (lo) sig = 32 - Math.clz32(lowestBit(lo));
  else sig = 64 - Math.clz32(lowestBit(hi));
  const index = pending.list.findIndex((info) => info.signo === sig);
  if (index < 0) {
    pending.signal.delete(sig);
    return { signo: sig, code: SI_USER, pid: 0, uid: 0 };
  }
  const [info] = pending.list.splice(index, 1);
  task.user.nr_sigpending--;
  if (!pending.list.some((other) => other.signo === sig)) pending.signal.delete(sig);
  return info;
}

const lowestBit = (word: number): number => word & -word;

/** Every thread of the process is to stop. Linux: do_signal_stop(). */
function startGroupStop(task: Task, sig: number): void {
  const { signal } = task;
  if (!(signal.flags & SIGNAL_STOP_STOPPED)) signal.group_exit_code = sig;
  signal.group_stop_count = 0;
  for (const thread of signal.threads) {
    if (thread !== task && (thread.state & TASK_STOPPED || thread.flags & PF_EXITING || thread.stop_pending))
      continue;
    thread.stop_pending = true;
    signal.group_stop_count++;
    if (thread !== task) signalWakeUp(thread, false);
  }
}

/** Stops this thread; the last one tells the parent. Whether it stopped. */
function takePartInStop(task: Task): boolean {
  const { signal } = task;
  if (!task.stop_pending) return false;
  task.stop_pending = false;
  task.state = TASK_STOPPED;
  if (signal.group_stop_count > 0 && --signal.group_stop_count === 0) {
    signal.flags = (signal.flags & ~SIGNAL_STOP_CONTINUED) | SIGNAL_STOP_STOPPED;
    notifyParentStop(task, CLD_STOPPED);
  }
  return true;
}

/** A thread leaves the process while the others wait for it to stop. Linux: exit_signals(). */
export function exitSignals(task: Task): void {
  const { signal } = task;
  task.flags |= PF_EXITING;
  if (task.stop_pending) {
    task.stop_pending = false;
    if (signal.group_stop_count > 0 && --signal.group_stop_count === 0) {
      signal.flags |= SIGNAL_STOP_STOPPED;
      notifyParentStop(task, CLD_STOPPED);
    }
  }
  if (signal.threads.length > 1) {
    for (const thread of signal.threads) {
      if (thread === task || thread.flags & PF_EXITING) continue;
      if (signal.shared_pending.signal.hasUnblocked(thread.blocked)) signalWakeUp(thread, false);
    }
  }
}

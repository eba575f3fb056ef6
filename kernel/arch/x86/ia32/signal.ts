/** Signal calls from when there were 32 of them. Linux: kernel/signal.c, under CONFIG_COMPAT and __ARCH_WANT_SYS_... */
import { readWords, writeWords } from "../../../mm/user_words.ts";
import type { Sleep } from "../../../sched/wait.ts";
import { setBlocked } from "../../../task/signal.ts";
import { changeAction, suspendWith, type UserSigaction } from "../../../task/signal_syscalls.ts";
import { SigSet, UNBLOCKABLE } from "../../../task/sigset.ts";
import type { Task } from "../../../task/task.ts";
import { EFAULT, EINVAL } from "../../../uapi/errno.ts";
import { SA_NODEFER, SA_RESETHAND, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK } from "../../../uapi/signal.ts";

/** man 2 sigaction: struct old_sigaction { handler, mask, flags, restorer }. */
export function sys_sigaction(task: Task, sig: number, act: number, oldact: number): number {
  let wanted: UserSigaction | null = null;
  if (act !== 0) {
    const words = readWords(task, act, 4, 4);
    if (words === null) return -EFAULT;
    const [handler, mask, flags, restorer] = words;
    wanted = { handler: handler >>> 0, mask: new SigSet(mask, 0), flags, restorer: restorer >>> 0 };
  }
  const old = changeAction(task, sig, wanted);
  if (typeof old === "number") return old;
  if (oldact === 0) return 0;
  return writeWords(task, oldact, [old.handler, old.mask.lo, old.flags, old.restorer], 4);
}

/** man 2 signal: the old handler. */
export function sys_signal(task: Task, sig: number, handler: number): number {
  const flags = SA_RESETHAND | SA_NODEFER;
  const old = changeAction(task, sig, { handler, flags, restorer: 0, mask: new SigSet(0, 0) });
  return typeof old === "number" ? old : old.handler;
}

/** Blocks exactly `lo` of the first 32 signals. */
function setLowMask(task: Task, lo: number): void {
  const mask = new SigSet(lo, task.blocked.hi);
  mask.deleteAll(UNBLOCKABLE);
  setBlocked(task, mask);
}

/** man 2 sigprocmask. */
export function sys_sigprocmask(task: Task, how: number, set: number, oldset: number): number {
  const old = task.blocked.lo;
  if (set !== 0) {
    const words = readWords(task, set, 1, 4);
    if (words === null) return -EFAULT;
    const [wanted] = words;
    if (how === SIG_BLOCK) setLowMask(task, old | wanted);
    else if (how === SIG_UNBLOCK) setLowMask(task, old & ~wanted);
    else if (how === SIG_SETMASK) setLowMask(task, wanted);
    else return -EINVAL;
  }
  return oldset === 0 ? 0 : writeWords(task, oldset, [old], 4);
}

export const sys_sgetmask = (task: Task): number => task.blocked.lo >>> 0;

export function sys_ssetmask(task: Task, mask: number): number {
  const old = task.blocked.lo >>> 0;
  const wanted = new SigSet(mask | 0, 0);
  wanted.deleteAll(UNBLOCKABLE);
  setBlocked(task, wanted);
  return old;
}

/** man 2 sigpending. */
export function sys_sigpending(task: Task, set: number): number {
  const pending = task.pending.signal.lo | task.signal.shared_pending.signal.lo;
  return writeWords(task, set, [pending & task.blocked.lo], 4);
}

/** man 2 sigsuspend: the mask is the third argument. */
export function sys_sigsuspend(task: Task, _unused1: number, _unused2: number, mask: number): Sleep<number> {
  return suspendWith(task, new SigSet(mask | 0, 0));
}

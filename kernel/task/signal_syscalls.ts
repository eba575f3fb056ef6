/** The system calls about signals. Linux: kernel/signal.c. man 7 signal. */
import { onSigStack, sasStackFlags } from "../arch/x86/signal_frame.ts";
import { ABI_IA32, readTimePair, readWords, wordSize, writeWords } from "../mm/user_words.ts";
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import type { Sleep } from "../sched/wait.ts";
import { CAP_KILL } from "../uapi/capability.ts";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ERESTARTNOHAND, ESRCH } from "../uapi/errno.ts";
import {
  MINSIGSTKSZ,
  NSIG,
  SA_EXPOSE_TAGBITS,
  SA_IA32_ABI,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SA_RESTORER,
  SA_SIGINFO,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSET_SIZE,
  SIGSTOP,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SI_SIZE,
  SI_TKILL,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
} from "../uapi/signal.ts";
import { capable } from "./cred.ts";
import { decodeSigInfo, encodeSigInfo, type SigInfo } from "./siginfo.ts";
import { SIG_KERNEL_IGNORE_MASK, SigSet, UNBLOCKABLE } from "./sigset.ts";
import {
  flushPending,
  recalcSigpending,
  sendSignal,
  sendSignalToThread,
  setBlocked,
  userInfo,
} from "./signal.ts";
import { dequeueSignal } from "./signal_deliver.ts";
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from "./state.ts";
import type { Task } from "./task.ts";

const SA_KNOWN =
  (SA_NOCLDSTOP |
    SA_NOCLDWAIT |
    SA_SIGINFO |
    SA_EXPOSE_TAGBITS |
    SA_RESTORER |
    SA_ONSTACK |
    SA_RESTART |
    SA_NODEFER |
    SA_RESETHAND) >>>
  0;

/** A program's sigset_t. */
export function readSigset(task: Task, ptr: number): SigSet | number {
  const bytes = new Uint8Array(SIGSET_SIZE);
  if (copyFromUser(task, ptr, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  return new SigSet(view.getInt32(0, true), view.getInt32(4, true));
}

export function writeSigset(task: Task, ptr: number, set: SigSet): number {
  const bytes = new Uint8Array(SIGSET_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, set.lo, true);
  view.setInt32(4, set.hi, true);
  return copyToUser(task, ptr, bytes);
}

/** A signal's action as programs give and get it. */
export interface UserSigaction {
  handler: number;
  flags: number;
  restorer: number;
  mask: SigSet;
}

/** Sets the action for `sig`, if one is given; the old one, or -EINVAL. Linux: do_sigaction(). */
export function changeAction(task: Task, sig: number, wanted: UserSigaction | null): UserSigaction | number {
  if (sig < 1 || sig > NSIG || (wanted !== null && (sig === SIGKILL || sig === SIGSTOP))) return -EINVAL;
  const action = task.sighand.action[sig];
  const old = {
    handler: action.handler,
    flags: (action.flags & ~SA_IA32_ABI) >>> 0,
    restorer: action.restorer,
    mask: action.mask.clone(),
  };
  if (wanted === null) return old;
  action.handler = wanted.handler;
  action.flags = (wanted.flags & SA_KNOWN) >>> 0;
  if (task.syscall_abi & ABI_IA32) action.flags |= SA_IA32_ABI;
  action.restorer = wanted.restorer;
  action.mask.assign(wanted.mask);
  action.mask.deleteAll(UNBLOCKABLE);
  const { handler } = action;
  if (handler === SIG_IGN || (handler === SIG_DFL && sig <= 32 && SIG_KERNEL_IGNORE_MASK.has(sig))) {
    const ignored = SigSet.of(sig);
    flushPending(task, task.signal.shared_pending, ignored);
    for (const thread of task.signal.threads) flushPending(thread, thread.pending, ignored);
    recalcSigpending(task);
  }
  return old;
}

/** man 2 rt_sigaction. */
export function sys_rt_sigaction(task: Task, sig: number, act: number, oldact: number, size: number): number {
  if (size !== SIGSET_SIZE) return -EINVAL;
  const word = wordSize(task);
  let wanted: UserSigaction | null = null;
  if (act !== 0) {
    const words = readWords(task, act, 3, word);
    const mask = readSigset(task, act + 3 * word);
    if (words === null || typeof mask === "number") return -EFAULT;
    const [handler, flags, restorer] = word === 4 ? words.map((value) => value >>> 0) : words;
    wanted = { handler, flags: (flags % 2 ** 32) | 0, restorer, mask };
  }
  const old = changeAction(task, sig, wanted);
  if (typeof old === "number" || oldact === 0) return typeof old === "number" ? old : 0;
  const { handler, flags, restorer, mask } = old;
  if (writeWords(task, oldact, [handler, flags, restorer], word) < 0) return -EFAULT;
  return writeSigset(task, oldact + 3 * word, mask);
}

/** man 2 rt_sigprocmask. */
export function sys_rt_sigprocmask(
  task: Task,
  how: number,
  set: number,
  oldset: number,
  size: number,
): number {
  if (size !== SIGSET_SIZE) return -EINVAL;
  const old = task.blocked.clone();
  if (set !== 0) {
    const wanted = readSigset(task, set);
    if (typeof wanted === "number") return wanted;
    wanted.deleteAll(UNBLOCKABLE);
    const blocked = task.blocked.clone();
    if (how === SIG_BLOCK) blocked.addAll(wanted);
    else if (how === SIG_UNBLOCK) blocked.deleteAll(wanted);
    else if (how === SIG_SETMASK) blocked.assign(wanted);
    else return -EINVAL;
    setBlocked(task, blocked);
  }
  return oldset === 0 ? 0 : writeSigset(task, oldset, old);
}

/** man 2 rt_sigpending. */
export function sys_rt_sigpending(task: Task, set: number, size: number): number {
  if (size > SIGSET_SIZE || size < 0) return -EINVAL;
  const pending = task.pending.signal.clone();
  pending.addAll(task.signal.shared_pending.signal);
  pending.lo &= task.blocked.lo;
  pending.hi &= task.blocked.hi;
  const bytes = new Uint8Array(SIGSET_SIZE);
  new DataView(bytes.buffer).setInt32(0, pending.lo, true);
  new DataView(bytes.buffer).setInt32(4, pending.hi, true);
  return copyToUser(task, set, bytes.subarray(0, size));
}

/** man 2 rt_sigsuspend. */
export function* sys_rt_sigsuspend(task: Task, set: number, size: number): Sleep<number> {
  if (size !== SIGSET_SIZE) return -EINVAL;
  const mask = readSigset(task, set);
  if (typeof mask === "number") return mask;
  return yield* suspendWith(task, mask);
}

/** Waits with another mask for a signal to be handled. Linux: sigsuspend(). */
export function suspendWith(task: Task, mask: SigSet): Sleep<number> {
  mask.deleteAll(UNBLOCKABLE);
  task.saved_sigmask = task.blocked.clone();
  setBlocked(task, mask);
  return untilSignal(task);
}

/** man 2 pause. */
export function sys_pause(task: Task): Sleep<number> {
  return untilSignal(task);
}

function* untilSignal(task: Task): Sleep<number> {
  while (!task.signalPending()) {
    task.state = TASK_INTERRUPTIBLE;
    yield;
  }
  task.state = TASK_RUNNING;
  return -ERESTARTNOHAND;
}

/** man 2 sigtimedwait. */
export function* sys_rt_sigtimedwait(
  task: Task,
  uthese: number,
  uinfo: number,
  uts: number,
  size: number,
): Sleep<number> {
  if (size !== SIGSET_SIZE) return -EINVAL;
  const these = readSigset(task, uthese);
  if (typeof these === "number") return these;
  const { time, sched } = task.kernel;
  let deadline_ns = Infinity;
  if (uts !== 0) {
    const pair = readTimePair(task, uts);
    if (pair === null) return -EFAULT;
    const [sec, nsec] = pair;
    if (sec < 0 || nsec < 0 || nsec >= 1e9) return -EINVAL;
    deadline_ns = time.monotonic_ns() + sec * 1e9 + nsec;
  }
  these.deleteAll(UNBLOCKABLE);
  const mask = new SigSet(~these.lo, ~these.hi);
  let info = dequeueSignal(task, mask);
  if (info === null && deadline_ns > time.monotonic_ns()) {
    // The signals waited for are let through so that they wake us; nothing is delivered meanwhile.
    const blocked = task.blocked.clone();
    const opened = task.blocked.clone();
    opened.deleteAll(these);
    task.real_blocked = blocked;
    setBlocked(task, opened);
    const timer =
      deadline_ns === Infinity ? null : time.startTimer(deadline_ns, () => sched.wakeUpProcess(task));
    if (!task.signalPending()) {
      task.state = TASK_INTERRUPTIBLE;
      yield;
      task.state = TASK_RUNNING;
    }
    const timedOut = time.monotonic_ns() >= deadline_ns;
    if (timer) time.cancelTimer(timer);
    task.real_blocked = null;
    setBlocked(task, blocked);
    info = dequeueSignal(task, mask);
    if (info === null) return timedOut ? -EAGAIN : -EINTR;
  }
  if (info === null) return -EAGAIN;
  if (uinfo !== 0 && copyToUser(task, uinfo, encodeSigInfo(info, wordSize(task))) < 0) return -EFAULT;
  return info.signo;
}

/** Whether `task` may send `sig` to `target`. Linux: kill_ok_by_cred(), check_kill_permission(). */
function checkKillPermission(task: Task, target: Task, sig: number): number {
  if (task.signal === target.signal) return 0;
  const { cred } = task;
  const other = target.cred;
  if (
    cred.euid === other.suid ||
    cred.euid === other.uid ||
    cred.uid === other.suid ||
    cred.uid === other.uid
  )
    return 0;
  if (capable(task, CAP_KILL)) return 0;
  return sig === SIGCONT && task.signal.session === target.signal.session ? 0 : -EPERM;
}

function killProcess(task: Task, target: Task, sig: number, info: SigInfo): number {
  const error = checkKillPermission(task, target, sig);
  return error || sig === 0 ? error : sendSignal(target, sig, info);
}

/** man 2 kill. */
export function sys_kill(task: Task, pid: number, sig: number): number {
  if (sig < 0 || sig > NSIG) return pid === -0x8000_0000 ? -ESRCH : -EINVAL;
  const { tasks } = task.kernel;
  const info = userInfo(task, sig);
  if (pid > 0) {
    const target = tasks.find(pid);
    return target ? killProcess(task, target.group_leader, sig, info) : -ESRCH;
  }
  if (pid === -1) {
    let result = -ESRCH;
    for (const leader of tasks.processes()) {
      if (leader.pid <= 1 || leader.signal === task.signal) continue;
      const error = killProcess(task, leader, sig, info);
      if (error !== -EPERM) result = error;
      else if (result === -ESRCH) result = -EPERM;
    }
    return result;
  }
  if (pid === -0x8000_0000) return -ESRCH;
  const members = [...tasks.pgrp(pid === 0 ? task.signal.pgrp : -pid)];
  let result = -ESRCH;
  let sent = false;
  for (const leader of members) {
    const error = killProcess(task, leader, sig, info);
    if (error === 0) sent = true;
    result = error;
  }
  return sent ? 0 : result;
}

function killThread(task: Task, tgid: number, pid: number, sig: number, info: SigInfo): number {
  if (sig < 0 || sig > NSIG) return -EINVAL;
  const target = task.kernel.tasks.find(pid);
  if (!target || (tgid > 0 && target.tgid !== tgid)) return -ESRCH;
  const error = checkKillPermission(task, target, sig);
  return error || sig === 0 ? error : sendSignalToThread(target, sig, info);
}

/** man 2 tkill. */
export function sys_tkill(task: Task, tid: number, sig: number): number {
  return tid <= 0 ? -EINVAL : killThread(task, 0, tid, sig, userInfo(task, sig, SI_TKILL));
}

/** man 2 tgkill. */
export function sys_tgkill(task: Task, tgid: number, tid: number, sig: number): number {
  return tid <= 0 || tgid <= 0 ? -EINVAL : killThread(task, tgid, tid, sig, userInfo(task, sig, SI_TKILL));
}

/** man 2 rt_sigqueueinfo. */
export function sys_rt_sigqueueinfo(task: Task, tgid: number, sig: number, uinfo: number): number {
  const info = readSigInfo(task, uinfo, sig);
  if (typeof info === "number") return info;
  if ((info.code >= 0 || info.code === SI_TKILL) && task.tgid !== tgid) return -EPERM;
  const target = task.kernel.tasks.find(tgid);
  if (sig < 0 || sig > NSIG) return -EINVAL;
  return target ? killProcess(task, target.group_leader, sig, info) : -ESRCH;
}

/** man 2 rt_tgsigqueueinfo. */
export function sys_rt_tgsigqueueinfo(
  task: Task,
  tgid: number,
  tid: number,
  sig: number,
  uinfo: number,
): number {
  const info = readSigInfo(task, uinfo, sig);
  if (typeof info === "number") return info;
  if (tid <= 0 || tgid <= 0) return -EINVAL;
  if ((info.code >= 0 || info.code === SI_TKILL) && task.pid !== tid) return -EPERM;
  return killThread(task, tgid, tid, sig, info);
}

function readSigInfo(task: Task, ptr: number, sig: number): SigInfo | number {
  const bytes = new Uint8Array(SI_SIZE);
  return copyFromUser(task, ptr, bytes) < 0 ? -EFAULT : decodeSigInfo(bytes, sig, wordSize(task));
}

/** man 2 sigaltstack. */
export function sys_sigaltstack(task: Task, uss: number, uoss: number): number {
  const sp = task.regs.rsp;
  const word = wordSize(task);
  const old = {
    sp: task.sas_ss_sp,
    size: task.sas_ss_size,
    flags: sasStackFlags(task, sp) | (task.sas_ss_flags & SS_AUTODISARM),
  };
  if (uss !== 0) {
    // stack_t: ss_sp, ss_flags (an int, and padding), ss_size.
    const words = readWords(task, uss, 3, word);
    if (words === null) return -EFAULT;
    const [ss_sp, , ss_size] = word === 4 ? words.map((value) => value >>> 0) : words;
    const ss_flags = words[1] >>> 0;
    if (onSigStack(task, sp)) return -EPERM;
    const mode = (ss_flags & ~SS_AUTODISARM) >>> 0;
    if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) return -EINVAL;
    if (mode !== SS_DISABLE && ss_size >= 0 && ss_size < MINSIGSTKSZ) return -ENOMEM;
    task.sas_ss_sp = mode === SS_DISABLE ? 0 : ss_sp;
    task.sas_ss_size = mode === SS_DISABLE ? 0 : ss_size < 0 ? Number.MAX_SAFE_INTEGER : ss_size;
    task.sas_ss_flags = ss_flags;
  }
  if (uoss === 0) return 0;
  return writeWords(task, uoss, [old.sp, old.flags >>> 0, old.size], word);
}

/** man 2 restart_syscall: goes on with a call that a stop interrupted. */
export function sys_restart_syscall(task: Task): number | Sleep<number> {
  const restart = task.restart_block;
  task.restart_block = null;
  task.syscall_abi = task.restart_abi;
  return restart ? restart(task) : -EINTR;
}

/** A child's end does not make zombies for a parent with this action. */
export function ignoresChildren(parent: Task): boolean {
  const action = parent.sighand.action[SIGCHLD];
  return action.handler === SIG_IGN || (action.flags & SA_NOCLDWAIT) !== 0;
}

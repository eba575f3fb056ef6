/** wait4 and waitid: reaping zombies, seeing children stop and continue. Linux: kernel/exit.c do_wait(). man 2 wait4. */
import { wordSize } from "../mm/user_words.ts";
import { type Sleep } from "../sched/wait.ts";
import { copyToUser, putUser32 } from "../mm/usercopy.ts";
import { EBADF, ECHILD, EFAULT, EINVAL, ESRCH } from "../uapi/errno.ts";
import { CLD_CONTINUED, CLD_STOPPED, SIGCHLD, SIGCONT } from "../uapi/signal.ts";
import {
  P_ALL,
  P_PGID,
  P_PID,
  P_PIDFD,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WSTOPPED,
  WUNTRACED,
  __WALL,
  __WCLONE,
  __WNOTHREAD,
} from "../uapi/wait.ts";
import { isProcessDead, processExitCode, releaseTask, siginfoStatus } from "./exit.ts";
import { encodeSigInfo } from "./siginfo.ts";
import { type Rusage, writeRusage, rusageOfProcess } from "./rusage.ts";
import { SIGNAL_STOP_CONTINUED, SIGNAL_STOP_STOPPED } from "./signal_struct.ts";
import { EXIT_ZOMBIE } from "./state.ts";
import type { Task } from "./task.ts";

interface Waited {
  pid: number;
  uid: number;
  /** As wait4 gives it. */
  wstatus: number;
  code: number;
  status: number;
  rusage: Rusage;
}

type Selects = (child: Task) => boolean;

/** Waits for a child that `selects` picks: what it did, null (WNOHANG), or -errno. */
function* doWait(task: Task, selects: Selects, options: number): Sleep<Waited | null | number> {
  const { signal } = task;
  for (;;) {
    let result: Waited | null | undefined;
    let hasChild = false;
    const look = (): boolean => {
      hasChild = false;
      const parents = options & __WNOTHREAD ? [task] : signal.threads;
      for (const parent of parents) {
        for (const child of parent.children) {
          if (!selects(child) || !isEligible(child, options)) continue;
          // A zombie that is not asked for has nothing left to wait for.
          const isZombie = child.exit_state === EXIT_ZOMBIE && isProcessDead(child);
          if (!isZombie || options & WEXITED) hasChild = true;
          result = considerChild(task, child, options);
          if (result) return true;
        }
      }
      return !hasChild;
    };
    if (look()) return result ?? -ECHILD;
    if (options & WNOHANG) return null;
    const error = yield* signal.wait_chldexit.wait(task, look);
    if (error) return error;
    return result ?? -ECHILD;
  }
}

/** Linux: eligible_child(): __WCLONE chooses children that do not end with SIGCHLD. */
function isEligible(child: Task, options: number): boolean {
  if (options & __WALL) return true;
  return (child.exit_signal !== SIGCHLD) === ((options & __WCLONE) !== 0);
}

/** Linux: wait_consider_task(). */
function considerChild(task: Task, child: Task, options: number): Waited | null {
  const { signal } = child;
  const consume = !(options & WNOWAIT);
  if (child.exit_state === EXIT_ZOMBIE && isProcessDead(child)) {
    if (!(options & WEXITED)) return null;
    const wstatus = processExitCode(child);
    const waited = describe(child, wstatus, siginfoStatus(wstatus));
    if (consume) reap(task, child);
    return waited;
  }
  if (options & WSTOPPED && signal.flags & SIGNAL_STOP_STOPPED && signal.group_exit_code) {
    const sig = signal.group_exit_code & 0x7f;
    if (consume) signal.group_exit_code = 0;
    return describe(child, (sig << 8) | 0x7f, { code: CLD_STOPPED, status: sig });
  }
  if (options & WCONTINUED && signal.flags & SIGNAL_STOP_CONTINUED) {
    if (consume) signal.flags &= ~SIGNAL_STOP_CONTINUED;
    return describe(child, 0xffff, { code: CLD_CONTINUED, status: SIGCONT });
  }
  return null;
}

function describe(child: Task, wstatus: number, info: { code: number; status: number }): Waited {
  return { pid: child.pid, uid: child.cred.uid, wstatus, ...info, rusage: rusageOfProcess(child) };
}

/** Adds the child's accounts to the parent's and removes it. Linux: wait_task_zombie(). */
function reap(task: Task, child: Task): void {
  const { signal } = task;
  const own = rusageOfProcess(child);
  const { signal: dead } = child;
  signal.cutime_ns += own.utime_ns + dead.cutime_ns;
  signal.cstime_ns += own.stime_ns + dead.cstime_ns;
  signal.cmin_flt += own.min_flt + dead.cmin_flt;
  signal.cmaj_flt += own.maj_flt + dead.cmaj_flt;
  signal.cnvcsw += own.nvcsw + dead.cnvcsw;
  signal.cnivcsw += own.nivcsw + dead.cnivcsw;
  signal.cmaxrss_pages = Math.max(signal.cmaxrss_pages, own.maxrss_pages, dead.cmaxrss_pages);
  releaseTask(child);
}

/** man 2 wait4. */
export function* sys_wait4(
  task: Task,
  pid: number,
  stat: number,
  options: number,
  ru: number,
): Sleep<number> {
  if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) return -EINVAL;
  if (pid === -0x8000_0000) return -ESRCH;
  const waited = yield* doWait(task, selectByWait4(task, pid), options | WEXITED);
  if (typeof waited === "number") return waited;
  if (waited === null) return 0;
  if (stat !== 0 && putUser32(task, stat, waited.wstatus) < 0) return -EFAULT;
  if (ru !== 0 && writeRusage(task, ru, waited.rusage) < 0) return -EFAULT;
  return waited.pid;
}

function selectByWait4(task: Task, pid: number): Selects {
  if (pid === -1) return () => true;
  if (pid > 0) return (child) => child.pid === pid;
  const pgrp = pid === 0 ? task.signal.pgrp : -pid;
  return (child) => child.signal.pgrp === pgrp;
}

/** man 2 waitid. */
export function* sys_waitid(
  task: Task,
  idtype: number,
  id: number,
  infop: number,
  options: number,
  ru: number,
): Sleep<number> {
  if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
    return -EINVAL;
  if (!(options & (WEXITED | WSTOPPED | WCONTINUED))) return -EINVAL;
  let selects: Selects;
  if (idtype === P_ALL) selects = () => true;
  else if (idtype === P_PID && id > 0) selects = (child) => child.pid === id;
  else if (idtype === P_PGID && id >= 0) {
    const pgrp = id === 0 ? task.signal.pgrp : id;
    selects = (child) => child.signal.pgrp === pgrp;
  } else if (idtype === P_PIDFD && id >= 0)
    return -EBADF; // there are no pidfds
  else return -EINVAL;
  const waited = yield* doWait(task, selects, options);
  if (typeof waited === "number") return waited;
  if (waited && ru !== 0 && writeRusage(task, ru, waited.rusage) < 0) return -EFAULT;
  if (infop !== 0) {
    const info = waited
      ? encodeSigInfo(
          {
            signo: SIGCHLD,
            code: waited.code,
            pid: waited.pid,
            uid: waited.uid,
            status: waited.status,
          },
          wordSize(task),
        )
      : new Uint8Array(32);
    if (copyToUser(task, infop, info.subarray(0, 32)) < 0) return -EFAULT;
  }
  return 0;
}

/** The system calls about scheduling. Linux: kernel/sched/core.c, kernel/sys.c. man 7 sched. */
import { wordSize, writeWords } from "../mm/user_words.ts";
import { copyFromUser, copyToUser, getUser32, putUser32 } from "../mm/usercopy.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { writeTimespec } from "../time/timespec.ts";
import { CAP_SYS_NICE } from "../uapi/capability.ts";
import { E2BIG, EACCES, EFAULT, EINVAL, EPERM, ESRCH } from "../uapi/errno.ts";
import {
  MAX_NICE,
  MIN_NICE,
  PRIO_PGRP,
  PRIO_PROCESS,
  PRIO_USER,
  RLIMIT_NICE,
  RLIMIT_RTPRIO,
} from "../uapi/resource.ts";
import {
  SCHED_BATCH,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_IDLE,
  SCHED_NORMAL,
  SCHED_RESET_ON_FORK,
  SCHED_RR,
} from "../uapi/sched.ts";
import { isRealtime } from "./core.ts";

const SCHED_ATTR_SIZE_VER0 = 48;
const RR_INTERVAL_NS = 100_000_000;
const FAIR_INTERVAL_NS = 10_000_000;

/** man 2 sched_yield. */
export function sys_sched_yield(task: Task): number {
  task.kernel.sched.yieldCpu(task);
  return 0;
}

function find(task: Task, pid: number): Task | undefined {
  return pid === 0 ? task : task.kernel.tasks.find(pid);
}

function sameOwner(task: Task, target: Task): boolean {
  return task.cred.euid === target.cred.euid || task.cred.euid === target.cred.uid;
}

/** Sets a nice value: 0, -EPERM or -EACCES. Linux: set_one_prio(). */
function setNice(task: Task, target: Task, nice: number): number {
  if (!sameOwner(task, target) && !capable(task, CAP_SYS_NICE)) return -EPERM;
  if (nice < target.nice && 20 - nice > task.signal.rlimits[RLIMIT_NICE].cur && !capable(task, CAP_SYS_NICE))
    return -EACCES;
  task.kernel.sched.setScheduling(target, () => {
    target.static_prio = 120 + nice;
  });
  return 0;
}

/** The tasks that getpriority's arguments name. */
function* selected(task: Task, which: number, who: number): Generator<Task> {
  const { tasks } = task.kernel;
  if (which === PRIO_PROCESS) {
    const target = find(task, who);
    if (target) yield target;
  } else if (which === PRIO_PGRP) {
    for (const leader of tasks.pgrp(who === 0 ? task.signal.pgrp : who)) yield* leader.signal.threads;
  } else {
    const uid = who === 0 ? task.cred.uid : who;
    for (const target of tasks.threads()) if (target.cred.uid === uid) yield target;
  }
}

/** man 2 setpriority. */
export function sys_setpriority(task: Task, which: number, who: number, nice: number): number {
  if (which < PRIO_PROCESS || which > PRIO_USER) return -EINVAL;
  const value = Math.max(MIN_NICE, Math.min(MAX_NICE, nice));
  let result = -ESRCH;
  for (const target of [...selected(task, which, who)]) {
    const error = setNice(task, target, value);
    if (error || result === -ESRCH) result = error;
  }
  return result;
}

/** man 2 getpriority: 20 - nice, so that it is never negative. */
export function sys_getpriority(task: Task, which: number, who: number): number {
  if (which < PRIO_PROCESS || which > PRIO_USER) return -EINVAL;
  let best = -ESRCH;
  for (const target of selected(task, which, who)) best = Math.max(best, 20 - target.nice);
  return best;
}

/** Checks and applies a policy. Linux: __sched_setscheduler(). */
function setScheduler(
  task: Task,
  target: Task,
  policy_flags: number,
  priority: number,
  nice: number | null,
): number {
  const resets = (policy_flags & SCHED_RESET_ON_FORK) !== 0;
  const policy = policy_flags & ~SCHED_RESET_ON_FORK;
  const isRt = policy === SCHED_FIFO || policy === SCHED_RR;
  if (!isRt && policy !== SCHED_NORMAL && policy !== SCHED_BATCH && policy !== SCHED_IDLE) return -EINVAL;
  if (priority < 0 || priority > 99 || isRt !== (priority !== 0)) return -EINVAL;
  if (!capable(task, CAP_SYS_NICE)) {
    if (isRt) {
      const limit = target.signal.rlimits[RLIMIT_RTPRIO].cur;
      if (policy !== target.policy && limit === 0) return -EPERM;
      if (priority > target.rt_priority && priority > limit) return -EPERM;
    }
    if (!sameOwner(task, target)) return -EPERM;
    if (target.sched_reset_on_fork && !resets) return -EPERM;
    if (nice !== null && nice < target.nice && 20 - nice > target.signal.rlimits[RLIMIT_NICE].cur)
      return -EPERM;
  }
  task.kernel.sched.setScheduling(target, () => {
    target.policy = policy;
    target.rt_priority = priority;
    target.sched_reset_on_fork = resets;
    if (nice !== null && !isRt) target.static_prio = 120 + nice;
  });
  return 0;
}

/** man 2 sched_setscheduler. */
export function sys_sched_setscheduler(task: Task, pid: number, policy: number, param: number): number {
  if (policy < 0 || pid < 0 || param === 0) return -EINVAL;
  const priority = getUser32(task, param);
  if (priority < 0) return -EFAULT;
  const target = find(task, pid);
  return target ? setScheduler(task, target, policy, priority | 0, null) : -ESRCH;
}

/** man 2 sched_getscheduler. */
export function sys_sched_getscheduler(task: Task, pid: number): number {
  if (pid < 0) return -EINVAL;
  const target = find(task, pid);
  return target ? (target.policy | (target.sched_reset_on_fork ? SCHED_RESET_ON_FORK : 0)) >>> 0 : -ESRCH;
}

/** man 2 sched_setparam. */
export function sys_sched_setparam(task: Task, pid: number, param: number): number {
  if (pid < 0 || param === 0) return -EINVAL;
  const priority = getUser32(task, param);
  if (priority < 0) return -EFAULT;
  const target = find(task, pid);
  return target ? setScheduler(task, target, target.policy, priority | 0, null) : -ESRCH;
}

/** man 2 sched_getparam. */
export function sys_sched_getparam(task: Task, pid: number, param: number): number {
  if (pid < 0 || param === 0) return -EINVAL;
  const target = find(task, pid);
  return target ? putUser32(task, param, target.rt_priority) : -ESRCH;
}

/** man 2 sched_setattr. */
export function sys_sched_setattr(task: Task, pid: number, uattr: number, flags: number): number {
  if (uattr === 0 || pid < 0 || flags) return -EINVAL;
  let size = getUser32(task, uattr);
  if (size < 0) return -EFAULT;
  if (size === 0) size = SCHED_ATTR_SIZE_VER0;
  if (size < SCHED_ATTR_SIZE_VER0 || size > 4096) {
    putUser32(task, uattr, 56);
    return -E2BIG;
  }
  const bytes = new Uint8Array(SCHED_ATTR_SIZE_VER0);
  if (copyFromUser(task, uattr, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const target = find(task, pid);
  if (!target) return -ESRCH;
  const policy = view.getUint32(4, true);
  if (policy === SCHED_DEADLINE) return -EINVAL;
  const nice = view.getInt32(16, true);
  const resets = view.getUint32(8, true) & 1 ? SCHED_RESET_ON_FORK : 0;
  if (nice < MIN_NICE || nice > MAX_NICE) return -EINVAL;
  return setScheduler(task, target, policy | resets, view.getUint32(20, true), nice);
}

/** man 2 sched_getattr. */
export function sys_sched_getattr(
  task: Task,
  pid: number,
  uattr: number,
  size: number,
  flags: number,
): number {
  if (uattr === 0 || pid < 0 || size < SCHED_ATTR_SIZE_VER0 || size > 4096 || flags) return -EINVAL;
  const target = find(task, pid);
  if (!target) return -ESRCH;
  const bytes = new Uint8Array(SCHED_ATTR_SIZE_VER0);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SCHED_ATTR_SIZE_VER0, true);
  view.setUint32(4, target.policy, true);
  view.setUint32(8, target.sched_reset_on_fork ? 1 : 0, true);
  if (isRealtime(target)) view.setUint32(20, target.rt_priority, true);
  else view.setInt32(16, target.nice, true);
  return copyToUser(task, uattr, bytes);
}

/** man 2 sched_get_priority_max. */
export function sys_sched_get_priority_max(_task: Task, policy: number): number {
  if (policy === SCHED_FIFO || policy === SCHED_RR) return 99;
  return isKnownPolicy(policy) ? 0 : -EINVAL;
}

/** man 2 sched_get_priority_min. */
export function sys_sched_get_priority_min(_task: Task, policy: number): number {
  if (policy === SCHED_FIFO || policy === SCHED_RR) return 1;
  return isKnownPolicy(policy) ? 0 : -EINVAL;
}

const isKnownPolicy = (policy: number): boolean =>
  [SCHED_NORMAL, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE].includes(policy);

/** man 2 sched_rr_get_interval. */
export function sys_sched_rr_get_interval(task: Task, pid: number, interval: number): number {
  if (pid < 0) return -EINVAL;
  const target = find(task, pid);
  if (!target) return -ESRCH;
  const slice_ns =
    target.policy === SCHED_RR ? RR_INTERVAL_NS : target.policy === SCHED_FIFO ? 0 : FAIR_INTERVAL_NS;
  return writeTimespec(task, interval, { sec: 0, nsec: slice_ns });
}

/** man 2 sched_setaffinity: CPU 0 must be among them. */
export function sys_sched_setaffinity(task: Task, pid: number, length: number, mask: number): number {
  const target = find(task, pid);
  const bytes = new Uint8Array(Math.max(1, Math.min(length, 8)));
  if (length > 0 && copyFromUser(task, mask, bytes) < 0) return -EFAULT;
  if (!target) return -ESRCH;
  if (!sameOwner(task, target) && !capable(task, CAP_SYS_NICE)) return -EPERM;
  return length > 0 && bytes[0] & 1 ? 0 : -EINVAL;
}

/** man 2 sched_getaffinity: the bytes written. */
export function sys_sched_getaffinity(task: Task, pid: number, length: number, mask: number): number {
  const size = wordSize(task);
  if (length < size || length % size !== 0) return -EINVAL;
  if (!find(task, pid)) return -ESRCH;
  return writeWords(task, mask, [1], size) < 0 ? -EFAULT : size;
}

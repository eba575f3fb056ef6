/** Resource limits. Linux: kernel/sys.c do_prlimit(), include/asm-generic/resource.h INIT_RLIMITS. man 2 getrlimit. */
import { wordSize, writeWords } from "../mm/user_words.ts";
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import { CAP_SYS_RESOURCE } from "../uapi/capability.ts";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../uapi/errno.ts";
import {
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_LOCKS,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RSS,
  RLIMIT_RTPRIO,
  RLIMIT_RTTIME,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
  RLIM_NLIMITS,
} from "../uapi/resource.ts";
import { capable } from "./cred.ts";
import { RLIM_INFINITY, type Rlimit } from "./signal_struct.ts";
import type { Task } from "./task.ts";

const MiB = 1024 * 1024;
/** Linux: /proc/sys/fs/nr_open. */
const NR_OPEN = 1024 * 1024;

/** What init starts with; `max_threads` comes from the amount of memory. */
export function initialRlimits(max_threads: number): Rlimit[] {
  const limits: Rlimit[] = [];
  const set = (resource: number, cur: number, max: number): void => {
    limits[resource] = { cur, max };
  };
  const unlimited = [
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_RSS,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_RTTIME,
  ];
  for (const resource of unlimited) set(resource, RLIM_INFINITY, RLIM_INFINITY);
  set(RLIMIT_STACK, 8 * MiB, RLIM_INFINITY);
  set(RLIMIT_CORE, 0, RLIM_INFINITY);
  set(RLIMIT_NPROC, Math.floor(max_threads / 2), Math.floor(max_threads / 2));
  set(RLIMIT_NOFILE, 1024, 4096);
  set(RLIMIT_MEMLOCK, 8 * MiB, 8 * MiB);
  set(RLIMIT_SIGPENDING, Math.floor(max_threads / 2), Math.floor(max_threads / 2));
  set(RLIMIT_MSGQUEUE, 819200, 819200);
  set(RLIMIT_NICE, 0, 0);
  set(RLIMIT_RTPRIO, 0, 0);
  return limits;
}

/** struct rlimit, 16 bytes; all ones is "no limit". */
function encode(limit: Rlimit): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xff);
  const view = new DataView(bytes.buffer);
  [limit.cur, limit.max].forEach((value, i) => {
    if (value === RLIM_INFINITY) return;
    view.setUint32(i * 8, value % 2 ** 32, true);
    view.setUint32(i * 8 + 4, Math.floor(value / 2 ** 32), true);
  });
  return bytes;
}

/** Values beyond 2^53 are as good as none. */
function decode(bytes: Uint8Array): Rlimit {
  const view = new DataView(bytes.buffer);
  const [cur, max] = [0, 8].map((at) => {
    const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    return value > Number.MAX_SAFE_INTEGER ? RLIM_INFINITY : value;
  });
  return { cur, max };
}

/** An i386 program's "no limit", and what it sees of any limit above. */
const RLIM32_INFINITY = 0xffff_ffff;

/** struct rlimit of the program's words; null if it cannot be read. */
function readRlimit(task: Task, ptr: number): Rlimit | null {
  const bytes = new Uint8Array(2 * wordSize(task));
  if (copyFromUser(task, ptr, bytes) < 0) return null;
  if (bytes.length === 16) return decode(bytes);
  const view = new DataView(bytes.buffer);
  const [cur, max] = [0, 4].map((at) => {
    const value = view.getUint32(at, true);
    return value === RLIM32_INFINITY ? RLIM_INFINITY : value;
  });
  return { cur, max };
}

/** Changes and reads a limit of `target`'s process. */
function setLimit(task: Task, target: Task, resource: number, limit: Rlimit): number {
  if (limit.cur > limit.max) return -EINVAL;
  if (resource === RLIMIT_NOFILE && limit.max > NR_OPEN) return -EPERM;
  const { rlimits } = target.signal;
  if (limit.max > rlimits[resource].max && !capable(task, CAP_SYS_RESOURCE)) return -EPERM;
  rlimits[resource] = limit;
  return 0;
}

/** man 2 getrlimit. */
export function sys_getrlimit(task: Task, resource: number, rlim: number): number {
  if (resource < 0 || resource >= RLIM_NLIMITS) return -EINVAL;
  const { cur, max } = task.signal.rlimits[resource];
  if (wordSize(task) === 8) return copyToUser(task, rlim, encode({ cur, max }));
  return writeWords(task, rlim, [Math.min(cur, RLIM32_INFINITY), Math.min(max, RLIM32_INFINITY)], 4);
}

/** man 2 setrlimit. */
export function sys_setrlimit(task: Task, resource: number, rlim: number): number {
  const limit = readRlimit(task, rlim);
  if (limit === null) return -EFAULT;
  if (resource < 0 || resource >= RLIM_NLIMITS) return -EINVAL;
  return setLimit(task, task, resource, limit);
}

/** man 2 prlimit. */
export function sys_prlimit64(
  task: Task,
  pid: number,
  resource: number,
  new_rlim: number,
  old_rlim: number,
): number {
  const bytes = new Uint8Array(16);
  if (new_rlim !== 0 && copyFromUser(task, new_rlim, bytes) < 0) return -EFAULT;
  const target = pid === 0 ? task : task.kernel.tasks.find(pid);
  if (!target) return -ESRCH;
  if (target.signal !== task.signal && !mayAccess(task, target)) return -EPERM;
  if (resource < 0 || resource >= RLIM_NLIMITS) return -EINVAL;
  const old = target.signal.rlimits[resource];
  if (new_rlim !== 0) {
    const error = setLimit(task, target, resource, decode(bytes));
    if (error) return error;
  }
  return old_rlim === 0 ? 0 : copyToUser(task, old_rlim, encode(old));
}

/** Linux: check_prlimit_permission(). */
function mayAccess(task: Task, target: Task): boolean {
  const { cred } = task;
  const other = target.cred;
  const sameUser = cred.uid === other.euid && cred.uid === other.suid && cred.uid === other.uid;
  const sameGroup = cred.gid === other.egid && cred.gid === other.sgid && cred.gid === other.gid;
  return (sameUser && sameGroup) || capable(task, CAP_SYS_RESOURCE);
}

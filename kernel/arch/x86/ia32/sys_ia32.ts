/**
 * Calls whose arguments i386 passes in another way: 64-bit offsets in two registers, many arguments in a structure, its own
 * order. Linux: arch/x86/kernel/sys_ia32.c, the COMPAT_SYSCALL_DEFINEs of fs/ and kernel/.
 */
import { sys_ftruncate, sys_truncate } from "../../../fs/attr.ts";
import { fcntl } from "../../../fs/fcntl.ts";
import type { FlockLayout } from "../../../fs/locks.ts";
import { sys_umount2 } from "../../../fs/namespace.ts";
import { sys_fallocate } from "../../../fs/open.ts";
import {
  sys_lseek,
  sys_pread64,
  sys_preadv,
  sys_preadv2,
  sys_pwrite64,
  sys_pwritev,
  sys_pwritev2,
  sys_sendfile,
} from "../../../fs/read_write.ts";
import { sys_select } from "../../../fs/select.ts";
import { sys_fadvise64, sys_readahead, sys_sync_file_range } from "../../../fs/sync.ts";
import { sys_mmap } from "../../../mm/mmap.ts";
import { readWords, writeWords } from "../../../mm/user_words.ts";
import { copyToUser, latin1Bytes } from "../../../mm/usercopy.ts";
import { sys_setpriority } from "../../../sched/syscalls.ts";
import type { Sleep } from "../../../sched/wait.ts";
import { sys_clone } from "../../../task/fork.ts";
import { sys_wait4 } from "../../../task/wait.ts";
import type { Task } from "../../../task/task.ts";
import { EACCES, EFAULT, EINVAL, EPERM } from "../../../uapi/errno.ts";
import { F_GETLK, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_SETLK, F_SETLKW } from "../../../uapi/fcntl.ts";
import { sys_arch_prctl } from "../process.ts";

type Result = number | Sleep<number>;

/** A signed 64-bit value in two registers. */
const join = (low: number, high: number): number => (high | 0) * 2 ** 32 + (low >>> 0);

/** `count` unsigned words of a structure of arguments; null if they cannot be read. */
const readArguments = (task: Task, ptr: number, count: number): number[] | null =>
  readWords(task, ptr, count, 4)?.map((word) => word >>> 0) ?? null;

// ---- Memory ---------------------------------------------------------------------------------------------------------

const PAGE_SIZE = 4096;

/** mmap(2) with the offset in pages. */
export function sys_mmap2(
  task: Task,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  pgoff: number,
): Result {
  return sys_mmap(task, addr, length, prot, flags, fd, pgoff * PAGE_SIZE);
}

/** mmap(2) as it was first: all six in memory. */
export function sys_old_mmap(task: Task, ptr: number): Result {
  const words = readArguments(task, ptr, 6);
  if (words === null) return -EFAULT;
  const [addr, length, prot, flags, fd, offset] = words;
  if (offset % PAGE_SIZE !== 0) return -EINVAL;
  return sys_mmap(task, addr, length, prot, flags, fd | 0, offset);
}

// ---- Files ----------------------------------------------------------------------------------------------------------

export const sys_pread64_ia32 = (
  t: Task,
  fd: number,
  buf: number,
  count: number,
  lo: number,
  hi: number,
): Result => sys_pread64(t, fd, buf, count, join(lo, hi));
export const sys_pwrite64_ia32 = (
  t: Task,
  fd: number,
  buf: number,
  count: number,
  lo: number,
  hi: number,
): Result => sys_pwrite64(t, fd, buf, count, join(lo, hi));
export const sys_preadv_ia32 = (
  t: Task,
  fd: number,
  vec: number,
  vlen: number,
  lo: number,
  hi: number,
): Result => sys_preadv(t, fd, vec, vlen, join(lo, hi));
export const sys_pwritev_ia32 = (
  t: Task,
  fd: number,
  vec: number,
  vlen: number,
  lo: number,
  hi: number,
): Result => sys_pwritev(t, fd, vec, vlen, join(lo, hi));

export function sys_preadv2_ia32(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  lo: number,
  hi: number,
  flags: number,
): Result {
  return sys_preadv2(task, fd, vec, vlen, join(lo, hi), 0, flags);
}

export function sys_pwritev2_ia32(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  lo: number,
  hi: number,
  flags: number,
): Result {
  return sys_pwritev2(task, fd, vec, vlen, join(lo, hi), 0, flags);
}

export const sys_truncate64 = (task: Task, path: number, lo: number, hi: number): Result =>
  sys_truncate(task, path, join(lo, hi));
export const sys_ftruncate64 = (task: Task, fd: number, lo: number, hi: number): Result =>
  sys_ftruncate(task, fd, join(lo, hi));
export const sys_readahead_ia32 = (task: Task, fd: number, lo: number, hi: number, count: number): Result =>
  sys_readahead(task, fd, join(lo, hi), count);
export const sys_fadvise64_ia32 = (
  t: Task,
  fd: number,
  lo: number,
  hi: number,
  len: number,
  advice: number,
): Result => sys_fadvise64(t, fd, join(lo, hi), len, advice);
export const sys_sendfile64 = (
  task: Task,
  out_fd: number,
  in_fd: number,
  offset: number,
  count: number,
): Result => sys_sendfile(task, out_fd, in_fd, offset, count, 8);

export function sys_fadvise64_64(
  task: Task,
  fd: number,
  offset_lo: number,
  offset_hi: number,
  len_lo: number,
  len_hi: number,
  advice: number,
): Result {
  return sys_fadvise64(task, fd, join(offset_lo, offset_hi), join(len_lo, len_hi), advice);
}

export function sys_sync_file_range_ia32(
  task: Task,
  fd: number,
  offset_lo: number,
  offset_hi: number,
  nbytes_lo: number,
  nbytes_hi: number,
  flags: number,
): Result {
  return sys_sync_file_range(task, fd, join(offset_lo, offset_hi), join(nbytes_lo, nbytes_hi), flags);
}

export function sys_fallocate_ia32(
  task: Task,
  fd: number,
  mode: number,
  offset_lo: number,
  offset_hi: number,
  len_lo: number,
  len_hi: number,
): Result {
  return sys_fallocate(task, fd, mode, join(offset_lo, offset_hi), join(len_lo, len_hi));
}

/** man 2 _llseek: the new position goes to `result`. */
export function* sys_llseek(
  task: Task,
  fd: number,
  high: number,
  low: number,
  result: number,
  whence: number,
): Sleep<number> {
  const outcome = sys_lseek(task, fd, join(low, high), whence);
  const position = typeof outcome === "number" ? outcome : yield* outcome;
  if (position < 0) return position;
  return writeWords(task, result, [position], 8);
}

const FLOCK_IA32: FlockLayout = { bytes: 16, start: 4, length: 8, pid: 12, offset_bytes: 4 };
const FLOCK64_IA32: FlockLayout = { bytes: 24, start: 4, length: 12, pid: 20, offset_bytes: 8 };
/** F_GETLK64 and its like, which exist with i386 alone. */
const LOCK64_COMMANDS: Readonly<Record<number, number>> = { 12: F_GETLK, 13: F_SETLK, 14: F_SETLKW };
const OFD_COMMANDS = [F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW];

/** man 2 fcntl64; on a 64-bit kernel fcntl knows the same commands. */
export function sys_fcntl64(task: Task, fd: number, cmd: number, arg: number): Result {
  const command = LOCK64_COMMANDS[cmd];
  if (command !== undefined) return fcntl(task, fd, command, arg, FLOCK64_IA32);
  return fcntl(task, fd, cmd, arg, OFD_COMMANDS.includes(cmd) ? FLOCK64_IA32 : FLOCK_IA32);
}

/** select(2) as it was first: all five in memory. */
export function sys_old_select(task: Task, ptr: number): Result {
  const words = readArguments(task, ptr, 5);
  if (words === null) return -EFAULT;
  const [nfds, inp, outp, exp, tvp] = words;
  return sys_select(task, nfds | 0, inp, outp, exp, tvp);
}

export const sys_oldumount = (task: Task, target: number): Result => sys_umount2(task, target, 0);

// ---- Processes ------------------------------------------------------------------------------------------------------

/** man 2 clone: here `tls` stands before `child_tid`. */
export function sys_clone_ia32(
  task: Task,
  flags: number,
  stack: number,
  parent_tid: number,
  tls: number,
  child_tid: number,
): Result {
  return sys_clone(task, flags, stack, parent_tid, child_tid, tls);
}

export const sys_waitpid = (task: Task, pid: number, stat: number, options: number): Result =>
  sys_wait4(task, pid, stat, options, 0);

/** man 2 nice. */
export function sys_nice(task: Task, increment: number): number {
  const step = Math.max(-40, Math.min(40, increment));
  const result = sys_setpriority(task, 0, 0, task.nice + step);
  return result === -EACCES ? -EPERM : result;
}

/** getrlimit(2) as it was first: "no limit" is the greatest signed number. */
export function sys_old_getrlimit(task: Task, resource: number, rlim: number): number {
  const limit = task.signal.rlimits[resource];
  if (limit === undefined) return -EINVAL;
  const words = [limit.cur, limit.max].map((value) => Math.min(value, 0x7fff_ffff));
  return writeWords(task, rlim, words, 4);
}

/** uname(2) with five fields of `field_bytes`. */
function oldUname(task: Task, buf: number, field_bytes: number): number {
  const { sysname, nodename, release, version, machine } = task.kernel.uts;
  const bytes = new Uint8Array(5 * field_bytes);
  [sysname, nodename, release, version, machine].forEach((text, i) =>
    bytes.set(latin1Bytes(text.slice(0, field_bytes - 1)), i * field_bytes),
  );
  return copyToUser(task, buf, bytes);
}

export const sys_olduname = (task: Task, buf: number): number => oldUname(task, buf, 65);
export const sys_oldolduname = (task: Task, buf: number): number => oldUname(task, buf, 9);

const ARCH_SET_FIRST_BASE = 0x1001;
const ARCH_GET_LAST_BASE = 0x1004;

/** man 2 arch_prctl: an i386 program's bases come from descriptors alone. */
export function sys_arch_prctl_ia32(task: Task, code: number, addr: number): number {
  return code >= ARCH_SET_FIRST_BASE && code <= ARCH_GET_LAST_BASE
    ? -EINVAL
    : sys_arch_prctl(task, code, addr);
}

/**
 * Advisory locks: flock(2), POSIX record locks and open file description locks of fcntl(2). Linux:
 * fs/locks.c.
 *
 * All locks of an inode are one list. A lock belongs to an owner: flock and OFD locks to the open file, POSIX
 * locks to the process (its file table). They go with their owner; POSIX locks also when the process closes
 * any descriptor of the file (man 2 fcntl).
 */
import { isErr } from "../lib/err.ts";
import { encodeWords } from "../mm/user_words.ts";
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import { WaitQueue, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, EBADF, EDEADLK, EFAULT, EINVAL, EOVERFLOW } from "../uapi/errno.ts";
import {
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_MAND,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../uapi/fcntl.ts";
import { majorOf, minorOf } from "../uapi/stat.ts";
import type { File } from "./file.ts";
import type { FileTable } from "./file_table.ts";
import type { Inode } from "./inode.ts";
import type { Vfs } from "./vfs.ts";

/** One lock; `end` inclusive, OFFSET_MAX for "to the end of the file". */
interface FileLock {
  readonly kind: "flock" | "posix" | "ofd";
  readonly owner: File | FileTable;
  /** As F_GETLK and /proc/locks report it; -1 for OFD locks. */
  readonly pid: number;
  type: number;
  start: number;
  end: number;
}

const OFFSET_MAX = Infinity;

/** The locks of one inode. Linux: struct file_lock_context. */
export class FileLockContext {
  constructor(readonly inode: Inode) {}
  readonly locks: FileLock[] = [];
  /** Whoever waits for any lock here to go. */
  readonly wait = new WaitQueue();
  /** Requests that sleep, for deadlock detection: owner -> the lock it waits for. */
  readonly waiting = new Map<File | FileTable, FileLock>();

  /** Replaces the locks; whoever waits looks again. */
  set(locks: FileLock[]): void {
    this.locks.splice(0, this.locks.length, ...locks);
    const { locked } = this.inode.sb.kernel.vfs;
    if (locks.length > 0) locked.add(this);
    else locked.delete(this);
    this.wait.wakeUpAll();
  }
}

function contextOf(inode: Inode): FileLockContext {
  return (inode.locks ??= new FileLockContext(inode));
}

/** flock() lives apart from fcntl()'s locks. */
const isSameFamily = (a: FileLock, b: FileLock): boolean => (a.kind === "flock") === (b.kind === "flock");

function findConflict(context: FileLockContext, request: FileLock): FileLock | undefined {
  return context.locks.find(
    (lock) =>
      isSameFamily(lock, request) &&
      lock.owner !== request.owner &&
      (lock.type === F_WRLCK || request.type === F_WRLCK) &&
      lock.start <= request.end &&
      request.start <= lock.end,
  );
}

/**
 * Sets or clears the request's range among its owner's locks: splits and merges. Linux: posix_lock_inode().
 */
function apply(context: FileLockContext, request: FileLock): void {
  const { locks } = context;
  const { start, end, type, owner, kind } = request;
  const kept: FileLock[] = [];
  const merged: FileLock = { ...request };
  for (const lock of locks) {
    if (lock.owner !== owner || lock.kind !== kind) {
      kept.push(lock);
      continue;
    }
    const touches = lock.start <= end + 1 && start <= lock.end + 1;
    if (touches && lock.type === type && type !== F_UNLCK) {
      merged.start = Math.min(merged.start, lock.start);
      merged.end = Math.max(merged.end, lock.end);
      continue;
    }
    if (lock.start > end || start > lock.end) {
      kept.push(lock);
      continue;
    }
    // What sticks out on either side of the request stays.
    if (lock.start < start) kept.push({ ...lock, end: start - 1 });
    if (lock.end > end) kept.push({ ...lock, start: end + 1 });
  }
  if (type !== F_UNLCK) kept.push(merged);
  context.set(kept);
}

/**
 * Whether sleeping for `blocker` would close a circle of POSIX lock waiters. Linux: posix_locks_deadlock().
 */
function isDeadlock(context: FileLockContext, request: FileLock, blocker: FileLock): boolean {
  if (request.kind !== "posix") return false;
  let owner = blocker.owner;
  for (let steps = 0; steps < 10; steps++) {
    const waits_for = context.waiting.get(owner);
    if (!waits_for) return false;
    if (waits_for.owner === request.owner) return true;
    owner = waits_for.owner;
  }
  return false;
}

function* waitAndApply(task: Task, file: File, request: FileLock): Sleep<number> {
  const context = contextOf(file.inode);
  file.get();
  try {
    for (;;) {
      const blocker = findConflict(context, request);
      if (!blocker) break;
      if (isDeadlock(context, request, blocker)) return -EDEADLK;
      context.waiting.set(request.owner, blocker);
      const error = yield* context.wait.wait(task, () => !findConflict(context, request));
      context.waiting.delete(request.owner);
      if (error) return error;
    }
    apply(context, request);
    return 0;
  } finally {
    file.put();
  }
}

/** Sets a lock at once, or waits for it. */
function acquire(task: Task, file: File, request: FileLock, may_wait: boolean): number | Sleep<number> {
  const context = contextOf(file.inode);
  if (request.type !== F_UNLCK && findConflict(context, request)) {
    return may_wait ? waitAndApply(task, file, request) : -EAGAIN;
  }
  apply(context, request);
  return 0;
}

/** struct flock: s16 l_type, s16 l_whence, then l_start, l_len and s32 l_pid at these offsets. */
export interface FlockLayout {
  bytes: number;
  start: number;
  length: number;
  pid: number;
  /** Of l_start and l_len. */
  offset_bytes: number;
}

export const FLOCK: FlockLayout = { bytes: 32, start: 8, length: 16, pid: 24, offset_bytes: 8 };

function readFlock(
  task: Task,
  file: File,
  ptr: number,
  is_ofd: boolean,
  layout: FlockLayout,
): FileLock | number {
  const bytes = new Uint8Array(layout.bytes);
  if (copyFromUser(task, ptr, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const type = view.getInt16(0, true);
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) return -EINVAL;
  if (is_ofd && view.getInt32(layout.pid, true) !== 0) return -EINVAL;
  const offsetAt = (at: number) =>
    layout.offset_bytes === 4 ? view.getInt32(at, true) : Number(view.getBigInt64(at, true));
  let start = offsetAt(layout.start);
  const length = offsetAt(layout.length);
  switch (view.getInt16(2, true)) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      start += file.f_pos;
      break;
    case SEEK_END:
      start += file.inode.size;
      break;
    default:
      return -EINVAL;
  }
  let end = OFFSET_MAX;
  if (length > 0) end = start + length - 1;
  else if (length < 0) {
    end = start - 1;
    start += length;
  }
  if (start < 0) return -EINVAL;
  if (end !== OFFSET_MAX && end >= 2 ** 63) return -EOVERFLOW;
  const owner = is_ofd ? file : task.files;
  return { kind: is_ofd ? "ofd" : "posix", owner, pid: is_ofd ? -1 : task.tgid, type, start, end };
}

/** fcntl(F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW). */
export function setLock(
  task: Task,
  file: File,
  fd: number,
  ptr: number,
  may_wait: boolean,
  is_ofd: boolean,
  layout: FlockLayout,
): number | Sleep<number> {
  const request = readFlock(task, file, ptr, is_ofd, layout);
  if (typeof request === "number") return request;
  if (request.type === F_RDLCK && !file.isReadable) return -EBADF;
  if (request.type === F_WRLCK && !file.isWritable) return -EBADF;
  const result = acquire(task, file, request, may_wait);
  return typeof result === "number" ? result : recheckDescriptor(task, file, fd, request, result);
}

/**
 * If the descriptor was closed while the lock was waited for, the lock must not stay. Linux: fcntl_setlk().
 */
function* recheckDescriptor(
  task: Task,
  file: File,
  fd: number,
  request: FileLock,
  wait: Sleep<number>,
): Sleep<number> {
  const { inode } = file;
  const error = yield* wait;
  if (error || task.files.get(fd) === file) return error;
  if (inode.locks) apply(inode.locks, { ...request, type: F_UNLCK });
  return -EBADF;
}

/** fcntl(F_GETLK): the first lock that would be in the way, or F_UNLCK. */
export function getLock(task: Task, file: File, ptr: number, is_ofd: boolean, layout: FlockLayout): number {
  const request = readFlock(task, file, ptr, is_ofd, layout);
  if (typeof request === "number") return request;
  if (request.type === F_UNLCK && !is_ofd) return -EINVAL;
  const blocker = file.inode.locks && findConflict(file.inode.locks, request);
  const bytes = new Uint8Array(layout.bytes);
  if (copyFromUser(task, ptr, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  if (!blocker) view.setInt16(0, F_UNLCK, true);
  else {
    const { start, end, pid } = blocker;
    const length = end === OFFSET_MAX ? 0 : end - start + 1;
    const size = layout.offset_bytes;
    if (size === 4 && (start > MAX_OFFSET_32 || length > MAX_OFFSET_32)) return -EOVERFLOW;
    view.setInt16(0, blocker.type, true);
    view.setInt16(2, SEEK_SET, true);
    bytes.set(encodeWords([start], size), layout.start);
    bytes.set(encodeWords([length], size), layout.length);
    view.setInt32(layout.pid, pid, true);
  }
  return copyToUser(task, ptr, bytes);
}

/** Most that an off_t of 32 bits holds. */
const MAX_OFFSET_32 = 0x7fff_ffff;

export function sys_flock(task: Task, fd: number, operation: number): number | Sleep<number> {
  if (operation & LOCK_MAND) return 0;
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  const types: Record<number, number> = { [LOCK_SH]: F_RDLCK, [LOCK_EX]: F_WRLCK, [LOCK_UN]: F_UNLCK };
  const type = types[operation & ~LOCK_NB];
  if (type === undefined) return -EINVAL;
  if (type !== F_UNLCK && !file.isReadable && !file.isWritable) return -EBADF;
  const request: FileLock = { kind: "flock", owner: file, pid: task.tgid, type, start: 0, end: OFFSET_MAX };
  // Changing the kind of lock gives the old one up first (man 2 flock: "not guaranteed to be atomic").
  const context = contextOf(file.inode);
  const old = context.locks.find((lock) => lock.kind === "flock" && lock.owner === file);
  if (old && old.type !== type) apply(context, { ...request, type: F_UNLCK });
  return acquire(task, file, request, (operation & LOCK_NB) === 0);
}

function drop(inode: Inode, mine: (lock: FileLock) => boolean): void {
  const context = inode.locks!;
  const kept = context.locks.filter((lock) => !mine(lock));
  if (kept.length !== context.locks.length) context.set(kept);
}

/** The open file is gone: its flock and OFD locks go. Linux: locks_remove_file(). */
export function releaseFileLocks(file: File): void {
  drop(file.inode, (lock) => lock.owner === file);
}

/** The process closed a descriptor of the inode: its POSIX locks go. Linux: locks_remove_posix(). */
export function releasePosixLocks(inode: Inode, table: FileTable): void {
  drop(inode, (lock) => lock.kind === "posix" && lock.owner === table);
}

const KIND_NAMES = { flock: "FLOCK ", posix: "POSIX ", ofd: "OFDLCK" };

/** The text of /proc/locks: "1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF". man 5 proc_locks. */
export function showLocks(vfs: Vfs): string {
  const hex2 = (value: number) => value.toString(16).padStart(2, "0");
  let text = "";
  let id = 0;
  for (const { locks, inode } of vfs.locked) {
    const place = `${hex2(majorOf(inode.sb.dev))}:${hex2(minorOf(inode.sb.dev))}:${inode.ino}`;
    for (const { kind, type, pid, start, end } of locks) {
      const access = type === F_WRLCK ? "WRITE" : "READ ";
      const range = `${start} ${end === OFFSET_MAX ? "EOF" : end}`;
      text += `${++id}: ${KIND_NAMES[kind]} ADVISORY  ${access} ${pid} ${place} ${range}\n`;
    }
  }
  return text;
}

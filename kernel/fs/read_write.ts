/**
 * read, write and their kin, lseek, sendfile. Linux: fs/read_write.c; man 2 read, readv, sendfile.
 *
 *     sys_read -> descriptor -> File.ops.read -> IovIter (user memory)
 *
 * The calls are plain functions while the file answers at once; only a file that sleeps costs a generator.
 */
import { isErr } from "../lib/err.ts";
import { kernelIter, userIovec, userIter as makeUserIter, type IovIter } from "../mm/iov_iter.ts";
import { readWords, wordSize, writeWords } from "../mm/user_words.ts";
import { getUser64, putUser64 } from "../mm/usercopy.ts";
import { finish, type MaySleep, type Sleep } from "../sched/wait.ts";
import { sendSignal } from "../task/signal.ts";
import type { Task } from "../task/task.ts";
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  EOPNOTSUPP,
  EOVERFLOW,
  ESPIPE,
  ETXTBSY,
  EXDEV,
} from "../uapi/errno.ts";
import {
  MAX_RW_COUNT,
  O_APPEND,
  O_NONBLOCK,
  RWF_APPEND,
  RWF_DSYNC,
  RWF_HIPRI,
  RWF_NOWAIT,
  RWF_SYNC,
  SEEK_HOLE,
} from "../uapi/fcntl.ts";
import { RLIMIT_FSIZE } from "../uapi/resource.ts";
import { SIGXFSZ } from "../uapi/signal.ts";
import { isDirectory, isRegular } from "../uapi/stat.ts";
import type { File } from "./file.ts";

/** Reads at `pos` into `to`; does not move the file's position. Linux: vfs_read(). */
export function readAt(task: Task, file: File, to: IovIter, pos: number): MaySleep<number> {
  if (!file.isReadable) return -EBADF;
  if (!file.ops.read) return -EINVAL;
  const result = file.ops.read(task, file, to, pos);
  if (typeof result === "number" && result > 0) task.rchar += result;
  return result;
}

/**
 * Where a write really goes and how much of it: applies O_APPEND and the size limits. Linux:
 * generic_write_checks().
 */
function checkWrite(task: Task, file: File, from: IovIter, pos: number): number {
  const { inode } = file;
  if (!isRegular(inode.mode)) return pos;
  if (file.f_flags & O_APPEND) pos = inode.size;
  if (from.count === 0) return pos;
  const limit = task.signal.rlimits[RLIMIT_FSIZE].cur;
  if (pos >= limit) {
    sendSignal(task, SIGXFSZ);
    return -EFBIG;
  }
  const { maxbytes } = inode.sb;
  if (pos >= maxbytes) return -EFBIG;
  if (pos + from.count > limit) from.truncate(limit - pos);
  if (pos + from.count > maxbytes) from.truncate(maxbytes - pos);
  return pos;
}

/** Whether pread, pwrite and f_pos mean anything. Linux: FMODE_PREAD. */
function hasPositions(file: File): boolean {
  return file.ops.llseek !== undefined && !file.ops.positionless;
}

/**
 * Writes at the position the file says (`use_f_pos`) or at `pos`; moves f_pos in the first case. Linux:
 * vfs_write().
 */
function writeFile(
  task: Task,
  file: File,
  from: IovIter,
  pos: number,
  use_f_pos: boolean,
): number | Sleep<number> {
  if (!file.isWritable) return -EBADF;
  if (!file.ops.write) return -EINVAL;
  const at = checkWrite(task, file, from, pos);
  if (at < 0) return at;
  const result = file.ops.write(task, file, from, at);
  task.syscw++;
  if (typeof result === "number") {
    if (result > 0) {
      task.wchar += result;
      if (use_f_pos && hasPositions(file)) file.f_pos = at + result;
    }
    return result;
  }
  return finishWrite(task, file, result, at, use_f_pos);
}

function* finishWrite(
  task: Task,
  file: File,
  result: Sleep<number>,
  at: number,
  use_f_pos: boolean,
): Sleep<number> {
  file.get();
  try {
    const count = yield* result;
    if (count > 0) {
      task.wchar += count;
      if (use_f_pos && hasPositions(file)) file.f_pos = at + count;
    }
    return count;
  } finally {
    file.put();
  }
}

function readFile(
  task: Task,
  file: File,
  to: IovIter,
  pos: number,
  use_f_pos: boolean,
): number | Sleep<number> {
  task.syscr++;
  const result = readAt(task, file, to, pos);
  if (typeof result === "number") {
    if (result > 0 && use_f_pos && hasPositions(file)) file.f_pos = pos + result;
    return result;
  }
  return finishRead(task, file, result, pos, use_f_pos);
}

function* finishRead(
  task: Task,
  file: File,
  result: Sleep<number>,
  pos: number,
  use_f_pos: boolean,
): Sleep<number> {
  file.get();
  try {
    const count = yield* result;
    if (count > 0) {
      task.rchar += count;
      if (use_f_pos && hasPositions(file)) file.f_pos = pos + count;
    }
    return count;
  } finally {
    file.put();
  }
}

/** For the kernel's own copying loops. */
export function writeAt(task: Task, file: File, from: IovIter, pos: number): MaySleep<number> {
  return writeFile(task, file, from, pos, false);
}

/** A user buffer; a length of 2^63 and more cannot lie in the user half. */
function userIter(task: Task, ptr: number, count: number): IovIter | number {
  return count < 0 ? -EFAULT : makeUserIter(task, ptr, count);
}

export function sys_read(task: Task, fd: number, buf: number, count: number): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!file.isReadable) return -EBADF;
  if (!file.ops.read) return -EINVAL;
  const to = userIter(task, buf, count);
  return isErr(to) ? to : readFile(task, file, to, file.f_pos, true);
}

export function sys_write(task: Task, fd: number, buf: number, count: number): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!file.isWritable) return -EBADF;
  if (!file.ops.write) return -EINVAL;
  const from = userIter(task, buf, count);
  return isErr(from) ? from : writeFile(task, file, from, file.f_pos, true);
}

export function sys_pread64(
  task: Task,
  fd: number,
  buf: number,
  count: number,
  pos: number,
): number | Sleep<number> {
  if (pos < 0) return -EINVAL;
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!hasPositions(file)) return -ESPIPE;
  if (!file.isReadable) return -EBADF;
  const to = userIter(task, buf, count);
  return isErr(to) ? to : readFile(task, file, to, pos, false);
}

/** QUIRK of Linux kept: with O_APPEND, pwrite appends and ignores the position (man 2 pwrite, BUGS). */
export function sys_pwrite64(
  task: Task,
  fd: number,
  buf: number,
  count: number,
  pos: number,
): number | Sleep<number> {
  if (pos < 0) return -EINVAL;
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!hasPositions(file)) return -ESPIPE;
  if (!file.isWritable) return -EBADF;
  const from = userIter(task, buf, count);
  return isErr(from) ? from : writeFile(task, file, from, pos, false);
}

/** Vector calls on files whose `read` takes the whole vector at once; an empty vector reads nothing. */
export function sys_readv(task: Task, fd: number, vec: number, vlen: number): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!file.isReadable) return -EBADF;
  if (!file.ops.read) return -EINVAL;
  const to = userIovec(task, vec, vlen);
  if (isErr(to)) return to;
  return to.count === 0 && !isDirectory(file.inode.mode) ? 0 : readFile(task, file, to, file.f_pos, true);
}

export function sys_writev(task: Task, fd: number, vec: number, vlen: number): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!file.isWritable) return -EBADF;
  if (!file.ops.write) return -EINVAL;
  const from = userIovec(task, vec, vlen);
  if (isErr(from)) return from;
  return from.count === 0 ? 0 : writeFile(task, file, from, file.f_pos, true);
}

/** The position of preadv and pwritev comes as two halves; on 64 bits the first holds it all. */
export function sys_preadv(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  pos: number,
): number | Sleep<number> {
  if (pos < 0) return -EINVAL;
  return readVector(task, fd, vec, vlen, pos);
}

export function sys_pwritev(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  pos: number,
): number | Sleep<number> {
  if (pos < 0) return -EINVAL;
  return writeVector(task, fd, vec, vlen, pos, 0);
}

/** `pos` -1 uses the file's position. */
export function sys_preadv2(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  pos: number,
  _pos_high: number,
  flags: number,
): number | Sleep<number> {
  if (flags & ~(RWF_HIPRI | RWF_NOWAIT | RWF_DSYNC | RWF_SYNC | RWF_APPEND)) return -EOPNOTSUPP;
  if (flags & (RWF_DSYNC | RWF_SYNC | RWF_APPEND)) return -EOPNOTSUPP;
  if (flags & RWF_NOWAIT) return -EOPNOTSUPP; // no file here promises not to wait
  if (pos === -1) return sys_readv(task, fd, vec, vlen);
  return pos < 0 ? -EINVAL : readVector(task, fd, vec, vlen, pos);
}

export function sys_pwritev2(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  pos: number,
  _pos_high: number,
  flags: number,
): number | Sleep<number> {
  if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND)) return -EOPNOTSUPP;
  if (pos === -1 && !(flags & RWF_APPEND)) return sys_writev(task, fd, vec, vlen);
  return pos < -1 ? -EINVAL : writeVector(task, fd, vec, vlen, pos, flags);
}

function readVector(task: Task, fd: number, vec: number, vlen: number, pos: number): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!hasPositions(file)) return -ESPIPE;
  const to = userIovec(task, vec, vlen);
  if (isErr(to)) return to;
  return to.count === 0 ? (file.isReadable ? 0 : -EBADF) : readFile(task, file, to, pos, false);
}

function writeVector(
  task: Task,
  fd: number,
  vec: number,
  vlen: number,
  pos: number,
  flags: number,
): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  const use_f_pos = pos === -1;
  if (!use_f_pos && !hasPositions(file)) return -ESPIPE;
  const from = userIovec(task, vec, vlen);
  if (isErr(from)) return from;
  if (from.count === 0) return file.isWritable ? 0 : -EBADF;
  const at =
    flags & RWF_APPEND && isRegular(file.inode.mode) ? file.inode.size : use_f_pos ? file.f_pos : pos;
  return writeFile(task, file, from, at, use_f_pos);
}

export function sys_lseek(task: Task, fd: number, offset: number, whence: number): MaySleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (whence < 0 || whence > SEEK_HOLE) return -EINVAL;
  return file.ops.llseek ? file.ops.llseek(task, file, offset, whence) : -ESPIPE;
}

/** How much sendfile and copy_file_range move at once. */
const COPY_CHUNK_BYTES = 64 * 1024;

/**
 * Copies up to `count` bytes from one file to another through kernel memory: bytes copied, or -errno if none.
 * `in_pos`, `out_pos`: positions, moved by the caller. Linux: do_splice_direct().
 */
export function* copyBetween(
  task: Task,
  input: File,
  in_pos: number,
  output: File,
  out_pos: number,
  count: number,
): Sleep<number> {
  const chunk = new Uint8Array(Math.min(count, COPY_CHUNK_BYTES));
  let done = 0;
  while (done < count) {
    const wanted = Math.min(count - done, chunk.length);
    const piece = wanted === chunk.length ? chunk : chunk.subarray(0, wanted);
    const got = yield* finish(readAt(task, input, kernelIter(piece), in_pos + done));
    if (got <= 0) return done || got;
    let sent = 0;
    while (sent < got) {
      const from = kernelIter(piece.subarray(sent, got));
      const result = yield* finish(writeFile(task, output, from, out_pos + done, false));
      if (result < 0) return done || result;
      if (result === 0) return done;
      sent += result;
      done += result;
    }
    if (got < wanted || task.signalPending()) break;
  }
  return done;
}

export function* sys_sendfile(
  task: Task,
  out_fd: number,
  in_fd: number,
  offset: number,
  count: number,
  offset_size = wordSize(task),
): Sleep<number> {
  const input = task.files.get(in_fd);
  if (isErr(input)) return input;
  if (!input.isReadable) return -EBADF;
  let pos = input.f_pos;
  if (offset !== 0) {
    const given = readWords(task, offset, 1, offset_size);
    if (given === null) return -EFAULT;
    if (!hasPositions(input)) return -ESPIPE;
    pos = given[0];
  }
  const output = task.files.get(out_fd);
  if (isErr(output)) return output;
  if (!output.isWritable) return -EBADF;
  if (pos < 0 || count < 0) return -EINVAL;
  // The source must have pages; terminals, pipes and the like are read with read().
  if (!input.inode.mapping && !(isRegular(input.inode.mode) && input.ops.read)) {
    return isDirectory(input.inode.mode) ? -EISDIR : -EINVAL;
  }
  if (output.f_flags & O_APPEND) return -EINVAL;
  if (!output.ops.write) return -EINVAL;
  const total = Math.min(count, MAX_RW_COUNT);
  if (total === 0) return 0;
  input.get();
  output.get();
  try {
    const out_pos = output.f_pos;
    const done = yield* copyBetween(task, input, pos, output, out_pos, total);
    if (done > 0) {
      if (hasPositions(output)) output.f_pos = out_pos + done;
      if (offset === 0) input.f_pos = pos + done;
      else if (writeWords(task, offset, [pos + done], offset_size) < 0) return -EFAULT;
    } else if (done === -EAGAIN && !(output.f_flags & O_NONBLOCK)) return -EAGAIN;
    return done;
  } finally {
    input.put();
    output.put();
  }
}

export function* sys_copy_file_range(
  task: Task,
  fd_in: number,
  off_in: number,
  fd_out: number,
  off_out: number,
  length: number,
  flags: number,
): Sleep<number> {
  const input = task.files.get(fd_in);
  if (isErr(input)) return input;
  const output = task.files.get(fd_out);
  if (isErr(output)) return output;
  let in_pos = input.f_pos;
  let out_pos = output.f_pos;
  if (off_in !== 0) {
    const given = getUser64(task, off_in);
    if (given === null) return -EFAULT;
    in_pos = given;
  }
  if (off_out !== 0) {
    const given = getUser64(task, off_out);
    if (given === null) return -EFAULT;
    out_pos = given;
  }
  if (flags !== 0) return -EINVAL;
  if (isDirectory(input.inode.mode) || isDirectory(output.inode.mode)) return -EISDIR;
  if (!isRegular(input.inode.mode) || !isRegular(output.inode.mode)) return -EINVAL;
  if (!input.isReadable || !output.isWritable || output.f_flags & O_APPEND) return -EBADF;
  if (input.inode.sb.type !== output.inode.sb.type) return -EXDEV;
  if (output.inode.writecount < 0) return -ETXTBSY;
  if (length < 0 || in_pos < 0 || out_pos < 0) return -EINVAL;
  if (!Number.isSafeInteger(in_pos + length) || !Number.isSafeInteger(out_pos + length)) return -EOVERFLOW;
  const count = Math.min(length, Math.max(0, input.inode.size - in_pos), MAX_RW_COUNT);
  // Ranges of one file must not overlap.
  if (input.inode === output.inode && out_pos + count > in_pos && out_pos < in_pos + count) return -EINVAL;
  if (count === 0) return 0;
  input.get();
  output.get();
  try {
    const done = yield* copyBetween(task, input, in_pos, output, out_pos, count);
    if (done <= 0) return done;
    if (off_in === 0) input.f_pos = in_pos + done;
    else if (putUser64(task, off_in, in_pos + done) < 0) return -EFAULT;
    if (off_out === 0) output.f_pos = out_pos + done;
    else if (putUser64(task, off_out, out_pos + done) < 0) return -EFAULT;
    return done;
  } finally {
    input.put();
    output.put();
  }
}

/**
 * splice, tee, vmsplice. Between two pipes, pages change owner without being copied; to and from files they
 * are copied once. Linux: fs/splice.c; man 2 splice.
 */
import { isErr } from "../lib/err.ts";
import { kernelIter, userIovec } from "../mm/iov_iter.ts";
import { getUser64, putUser64 } from "../mm/usercopy.ts";
import { finish, type MaySleep, type Sleep } from "../sched/wait.ts";
import { sendSignal } from "../task/signal.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, EBADF, EFAULT, EINVAL, EPIPE, ESPIPE } from "../uapi/errno.ts";
import {
  MAX_RW_COUNT,
  O_APPEND,
  O_NONBLOCK,
  SPLICE_F_GIFT,
  SPLICE_F_MORE,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
} from "../uapi/fcntl.ts";
import { SIGPIPE } from "../uapi/signal.ts";
import type { File } from "./file.ts";
import { pipeInfo, type Pipe } from "./pipe.ts";
import { readAt, writeAt } from "./read_write.ts";

const SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
const CHUNK_BYTES = 64 * 1024;

/** Waits for data: 1 if there is some, 0 at the end, -errno. Linux: ipipe_prep(). */
function* waitForData(task: Task, pipe: Pipe, nonblock: boolean): Sleep<number> {
  while (pipe.isEmpty) {
    if (pipe.nr_writers === 0) return 0;
    if (nonblock) return -EAGAIN;
    const error = yield* pipe.rd_wait.wait(task, () => !pipe.isEmpty || pipe.nr_writers === 0);
    if (error) return error;
  }
  return 1;
}

/** Waits for room: 1, or -errno. Linux: opipe_prep(). */
function* waitForRoom(task: Task, pipe: Pipe, nonblock: boolean): Sleep<number> {
  for (;;) {
    if (pipe.nr_readers === 0) {
      sendSignal(task, SIGPIPE);
      return -EPIPE;
    }
    if (!pipe.isFull) return 1;
    if (nonblock) return -EAGAIN;
    const error = yield* pipe.wr_wait.wait(task, () => !pipe.isFull || pipe.nr_readers === 0);
    if (error) return error;
  }
}

/** Pipe to pipe; `keep` leaves the data in the source (tee). */
function* moveBetween(
  task: Task,
  input: Pipe,
  output: Pipe,
  count: number,
  keep: boolean,
  nonblock: boolean,
): Sleep<number> {
  if (input === output) return -EINVAL;
  for (;;) {
    const ready = yield* waitForData(task, input, nonblock);
    if (ready <= 0) return ready;
    const room = yield* waitForRoom(task, output, nonblock);
    if (room < 0) return room;
    if (input.isEmpty) continue;
    const moved = input.moveTo(output, count, keep);
    if (!keep) input.wr_wait.wakeUpAll();
    output.rd_wait.wakeUpAll();
    return moved;
  }
}

/** File to pipe: one round, as much as fits now. */
function* fileToPipe(
  task: Task,
  input: File,
  pos: number,
  pipe: Pipe,
  count: number,
  nonblock: boolean,
): Sleep<number> {
  const room = yield* waitForRoom(task, pipe, nonblock);
  if (room < 0) return room;
  const chunk = new Uint8Array(Math.min(count, CHUNK_BYTES));
  const got = yield* finish(readAt(task, input, kernelIter(chunk), pos));
  if (got <= 0) return got;
  const from = kernelIter(chunk.subarray(0, got));
  // What does not fit is read again next time: only a file with positions comes here.
  const done = pipe.fill(from, false);
  pipe.rd_wait.wakeUpAll();
  return done;
}

/** Pipe to file. */
function* pipeToFile(
  task: Task,
  pipe: Pipe,
  output: File,
  pos: number,
  count: number,
  nonblock: boolean,
): Sleep<number> {
  let done = 0;
  while (done < count) {
    const ready = yield* waitForData(task, pipe, nonblock || done > 0);
    if (ready <= 0) return done || ready;
    const chunk = new Uint8Array(Math.min(count - done, CHUNK_BYTES));
    const got = pipe.drain(kernelIter(chunk));
    pipe.wr_wait.wakeUpAll();
    let sent = 0;
    while (sent < got) {
      const from = kernelIter(chunk.subarray(sent, got));
      const result = yield* finish(writeAt(task, output, from, pos + done));
      if (result <= 0) return done || result;
      sent += result;
      done += result;
    }
  }
  return done;
}

/** A position argument: the file's own if the pointer is 0. */
function readOffset(task: Task, file: File, ptr: number): number | null {
  if (ptr === 0) return file.f_pos;
  return getUser64(task, ptr);
}

function storeOffset(task: Task, file: File, ptr: number, pos: number): number {
  if (ptr !== 0) return putUser64(task, ptr, pos) < 0 ? -EFAULT : 0;
  if (file.ops.llseek) file.f_pos = pos;
  return 0;
}

function* splice(
  task: Task,
  input: File,
  off_in: number,
  output: File,
  off_out: number,
  count: number,
  flags: number,
): Sleep<number> {
  const ipipe = pipeInfo(input);
  const opipe = pipeInfo(output);
  if (ipipe && off_in !== 0) return -ESPIPE;
  if (opipe && off_out !== 0) return -ESPIPE;
  const asked_nonblock = (flags & SPLICE_F_NONBLOCK) !== 0;
  if (ipipe && opipe) {
    const nonblock = asked_nonblock || ((input.f_flags | output.f_flags) & O_NONBLOCK) !== 0;
    return yield* moveBetween(task, ipipe, opipe, count, false, nonblock);
  }
  if (ipipe) {
    if (output.f_flags & O_APPEND) return -EINVAL;
    if (!output.ops.write) return -EINVAL;
    if (off_out !== 0 && !output.ops.llseek) return -EINVAL;
    const pos = readOffset(task, output, off_out);
    if (pos === null) return -EFAULT;
    if (pos < 0) return -EINVAL;
    const done = yield* pipeToFile(
      task,
      ipipe,
      output,
      pos,
      count,
      asked_nonblock || (input.f_flags & O_NONBLOCK) !== 0,
    );
    return done > 0 ? storeOffset(task, output, off_out, pos + done) || done : done;
  }
  if (opipe) {
    if (!input.ops.read || !input.ops.llseek) return -EINVAL;
    const pos = readOffset(task, input, off_in);
    if (pos === null) return -EFAULT;
    if (pos < 0) return -EINVAL;
    const nonblock = asked_nonblock || (output.f_flags & O_NONBLOCK) !== 0;
    const done = yield* fileToPipe(task, input, pos, opipe, count, nonblock);
    return done > 0 ? storeOffset(task, input, off_in, pos + done) || done : done;
  }
  return -EINVAL;
}

/** Holds both files over a call that may sleep. */
function* holding(first: File, second: File, call: Sleep<number>): Sleep<number> {
  first.get();
  second.get();
  try {
    return yield* call;
  } finally {
    first.put();
    second.put();
  }
}

export function sys_splice(
  task: Task,
  fd_in: number,
  off_in: number,
  fd_out: number,
  off_out: number,
  length: number,
  flags: number,
): MaySleep<number> {
  if (length === 0) return 0;
  if (flags & ~SPLICE_FLAGS) return -EINVAL;
  const input = task.files.get(fd_in);
  if (isErr(input)) return input;
  const output = task.files.get(fd_out);
  if (isErr(output)) return output;
  if (!input.isReadable || !output.isWritable) return -EBADF;
  const count = length < 0 ? MAX_RW_COUNT : Math.min(length, MAX_RW_COUNT);
  return holding(input, output, splice(task, input, off_in, output, off_out, count, flags));
}

export function sys_tee(
  task: Task,
  fd_in: number,
  fd_out: number,
  length: number,
  flags: number,
): MaySleep<number> {
  if (flags & ~SPLICE_FLAGS) return -EINVAL;
  if (length === 0) return 0;
  const input = task.files.get(fd_in);
  if (isErr(input)) return input;
  const output = task.files.get(fd_out);
  if (isErr(output)) return output;
  if (!input.isReadable || !output.isWritable) return -EBADF;
  const ipipe = pipeInfo(input);
  const opipe = pipeInfo(output);
  if (!ipipe || !opipe) return -EINVAL;
  const nonblock = (flags & SPLICE_F_NONBLOCK) !== 0 || ((input.f_flags | output.f_flags) & O_NONBLOCK) !== 0;
  const count = length < 0 ? MAX_RW_COUNT : length;
  return holding(input, output, moveBetween(task, ipipe, opipe, count, true, nonblock));
}

/**
 * User pages are copied into the pipe, not gifted: a program cannot tell, but for changing them afterwards.
 */
export function sys_vmsplice(
  task: Task,
  fd: number,
  iov: number,
  nr_segs: number,
  flags: number,
): MaySleep<number> {
  if (flags & ~SPLICE_FLAGS) return -EINVAL;
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  const pipe = pipeInfo(file);
  if (!pipe) return -EBADF;
  const iter = userIovec(task, iov, nr_segs);
  if (isErr(iter)) return iter;
  if (iter.count === 0) return 0;
  const nonblock = flags & SPLICE_F_NONBLOCK ? O_NONBLOCK : 0;
  const call = function* (): Sleep<number> {
    const ready = file.isWritable
      ? yield* waitForRoom(task, pipe, nonblock !== 0)
      : yield* waitForData(task, pipe, nonblock !== 0);
    if (ready <= 0) return ready;
    const done = file.isWritable ? pipe.fill(iter, false) : pipe.drain(iter);
    (file.isWritable ? pipe.rd_wait : pipe.wr_wait).wakeUpAll();
    return done;
  };
  return holding(file, file, call());
}

/**
 * Pipes and FIFOs: a ring of pages in guest RAM between writers and readers. Linux: fs/pipe.c; man 7 pipe,
 * man 7 fifo.
 *
 *     head (next slot to fill)                 slot: one page, [offset, offset + length) still to be read
 *       v
 *     |    |page|page|page|    |    |  ...     16 slots by default; F_SETPIPE_SZ changes it
 *                      ^
 *                      tail (next slot to read)
 *
 * A write of at most PIPE_BUF bytes is atomic: it fits the last page or goes into a new one as a whole.
 */
import { isErr } from "../lib/err.ts";
import type { IovIter } from "../mm/iov_iter.ts";
import { PAGE_SIZE } from "../mm/page_alloc.ts";
import { putUser32 } from "../mm/usercopy.ts";
import { WaitQueue, type MaySleep, type Sleep } from "../sched/wait.ts";
import { sendSignal } from "../task/signal.ts";
import type { Ram } from "../arch/x86/machine.ts";
import type { Task } from "../task/task.ts";
import { capable } from "../task/cred.ts";
import { CAP_SYS_RESOURCE } from "../uapi/capability.ts";
import {
  EAGAIN,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  ENOIOCTLCMD,
  ENXIO,
  EPERM,
  EPIPE,
  ERESTARTSYS,
} from "../uapi/errno.ts";
import { O_ACCMODE, O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY, O_RDWR } from "../uapi/fcntl.ts";
import { FIONREAD } from "../uapi/ioctl.ts";
import { PIPEFS_MAGIC } from "../uapi/mount.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../uapi/poll.ts";
import { SIGPIPE } from "../uapi/signal.ts";
import { S_IFIFO, S_IRUSR, S_IWUSR } from "../uapi/stat.ts";
import { Dentry } from "./dentry.ts";
import { File, type FileOperations } from "./file.ts";
import { Inode } from "./inode.ts";
import { Path } from "./path.ts";
import type { PollTable } from "./poll_table.ts";

/** Default number of slots. Linux: PIPE_DEF_BUFFERS. */
const PIPE_DEF_BUFFERS = 16;
/** Free pages kept for the next write. */
const TMP_PAGES = 2;

/** One slot of the ring. Linux: struct pipe_buffer. */
class PipeBuffer {
  pfn = 0;
  offset = 0;
  length = 0;
  /** Whether a small write may still go behind the data (not after splice, not in packet mode). */
  can_merge = false;
  /** O_DIRECT: one write is one read. */
  is_packet = false;
}

/** Linux: struct pipe_inode_info. */
export class Pipe {
  /** Sleepers for data, and for room. Both are woken when the last peer leaves. */
  readonly rd_wait = new WaitQueue();
  readonly wr_wait = new WaitQueue();
  nr_readers = 0;
  nr_writers = 0;
  /** Opens so far: a FIFO's open waits for the other side's count to move. */
  r_counter = 0;
  w_counter = 0;
  /** Files that hold the pipe of a FIFO. */
  nr_files = 0;
  #head = 0;
  #tail = 0;
  #slots: PipeBuffer[];
  /** Pages of emptied slots. */
  #tmp_pages: number[] = [];

  constructor(readonly inode: Inode) {
    this.#slots = Array.from({ length: PIPE_DEF_BUFFERS }, () => new PipeBuffer());
  }

  get nr_slots(): number {
    return this.#slots.length;
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail;
  }

  get isFull(): boolean {
    return this.#head - this.#tail >= this.#slots.length;
  }

  /** Bytes to be read. FIONREAD. */
  get nr_bytes(): number {
    let total = 0;
    for (let i = this.#tail; i < this.#head; i++) total += this.#slot(i).length;
    return total;
  }

  #slot(index: number): PipeBuffer {
    return this.#slots[index % this.#slots.length];
  }

  /** Moves what fits from `from` into the ring: bytes, or -ENOMEM, -EFAULT if none. */
  fill(from: IovIter, is_packet: boolean): number {
    const { machine, pages } = this.inode.sb.kernel;
    const { ram } = machine;
    let done = 0;
    // The odd bytes of the write go behind the last one's data if they fit there whole.
    const odd = from.count & (PAGE_SIZE - 1);
    if (odd > 0 && !this.isEmpty) {
      const last = this.#slot(this.#head - 1);
      const end = last.offset + last.length;
      if (last.can_merge && end + odd <= PAGE_SIZE && !is_packet) {
        if (!takeWhole(from, ram, last.pfn * PAGE_SIZE + end, odd)) return -EFAULT;
        last.length += odd;
        done += odd;
      }
    }
    while (from.count > 0 && !this.isFull) {
      const pfn = this.#tmp_pages.pop() ?? pages.allocPage();
      if (pfn < 0) return done || pfn;
      const wanted = Math.min(from.count, PAGE_SIZE);
      if (!takeWhole(from, ram, pfn * PAGE_SIZE, wanted)) {
        this.#releasePage(pfn);
        return done || -EFAULT;
      }
      const slot = this.#slot(this.#head);
      slot.pfn = pfn;
      slot.offset = 0;
      slot.length = wanted;
      slot.can_merge = !is_packet;
      slot.is_packet = is_packet;
      this.#head++;
      done += wanted;
    }
    return done;
  }

  /** Moves data from the ring to `to`: bytes, or -EFAULT if none. */
  drain(to: IovIter): number {
    const { ram } = this.inode.sb.kernel.machine;
    let done = 0;
    while (to.count > 0 && !this.isEmpty) {
      const slot = this.#slot(this.#tail);
      const wanted = Math.min(to.count, slot.length);
      const copied = to.copyPageTo(ram, slot.pfn * PAGE_SIZE + slot.offset, wanted);
      slot.offset += copied;
      slot.length -= copied;
      done += copied;
      if (copied < wanted) return done || -EFAULT;
      if (slot.is_packet) {
        this.#pop(); // the rest of a packet is lost
        return done;
      }
      if (slot.length === 0) this.#pop();
    }
    return done;
  }

  /**
   * Takes whole or partial buffers over to another pipe without copying: bytes. Linux: splice_pipe_to_pipe(),
   * link_pipe().
   */
  moveTo(target: Pipe, count: number, keep: boolean): number {
    const { pages } = this.inode.sb.kernel;
    let done = 0;
    let from = this.#tail;
    while (done < count && from < this.#head && !target.isFull) {
      const source = this.#slot(from);
      const length = Math.min(source.length, count - done);
      const slot = target.#slot(target.#head++);
      slot.pfn = source.pfn;
      slot.offset = source.offset;
      slot.length = length;
      // Two slots may share the page from here on: no more appending to either.
      slot.can_merge = false;
      slot.is_packet = source.is_packet;
      done += length;
      if (keep || length < source.length) {
        pages.getPage(source.pfn);
        source.can_merge = false;
      }
      if (keep) {
        from++;
        continue;
      }
      source.offset += length;
      source.length -= length;
      if (source.length > 0) break;
      this.#tail++;
      from = this.#tail;
    }
    return done;
  }

  /** Changes the number of slots: -EBUSY if the data does not fit. Linux: pipe_resize_ring(). */
  resize(nr_slots: number): number {
    const used = this.#head - this.#tail;
    if (used > nr_slots) return -EBUSY;
    const slots = Array.from({ length: nr_slots }, () => new PipeBuffer());
    for (let i = 0; i < used; i++) slots[i] = this.#slot(this.#tail + i);
    this.#slots = slots;
    this.#tail = 0;
    this.#head = used;
    this.wr_wait.wakeUpAll();
    return 0;
  }

  /** Gives all pages back. */
  destroy(): void {
    const { pages } = this.inode.sb.kernel;
    while (!this.isEmpty) pages.putPage(this.#slot(this.#tail++).pfn);
    for (const pfn of this.#tmp_pages) pages.putPage(pfn);
    this.#tmp_pages = [];
  }

  #pop(): void {
    this.#releasePage(this.#slot(this.#tail++).pfn);
  }

  #releasePage(pfn: number): void {
    const { pages } = this.inode.sb.kernel;
    if (this.#tmp_pages.length < TMP_PAGES && pages.pageCount(pfn) === 1) this.#tmp_pages.push(pfn);
    else pages.putPage(pfn);
  }
}

function pipeOf(file: File): Pipe {
  return file.private_data as Pipe;
}

function pipeRead(task: Task, file: File, to: IovIter): MaySleep<number> {
  if (to.count === 0) return 0;
  const pipe = pipeOf(file);
  if (pipe.isEmpty) {
    if (pipe.nr_writers === 0) return 0;
    if (file.f_flags & O_NONBLOCK) return -EAGAIN;
    return waitAndRead(task, file, pipe, to);
  }
  return readNow(pipe, to);
}

function readNow(pipe: Pipe, to: IovIter): number {
  const was_full = pipe.isFull;
  const done = pipe.drain(to);
  if (pipe.wr_wait.isActive() && (was_full || !pipe.isFull)) pipe.wr_wait.wakeUpAll();
  return done;
}

function* waitAndRead(task: Task, file: File, pipe: Pipe, to: IovIter): Sleep<number> {
  while (pipe.isEmpty) {
    if (pipe.nr_writers === 0) return 0;
    if (file.f_flags & O_NONBLOCK) return -EAGAIN;
    const error = yield* pipe.rd_wait.wait(task, () => !pipe.isEmpty || pipe.nr_writers === 0);
    if (error) return error;
  }
  return readNow(pipe, to);
}

function brokenPipe(task: Task): number {
  sendSignal(task, SIGPIPE);
  return -EPIPE;
}

/** Moves `length_bytes` into RAM at `pa`, or nothing: a page that faults in the middle is not written at all. */
function takeWhole(from: IovIter, ram: Ram, pa: number, length_bytes: number): boolean {
  const copied = from.copyPageFrom(ram, pa, length_bytes);
  if (copied === length_bytes) return true;
  from.revert(copied);
  return false;
}

function pipeWrite(task: Task, file: File, from: IovIter): MaySleep<number> {
  if (from.count === 0) return 0;
  const pipe = pipeOf(file);
  if (pipe.nr_readers === 0) return brokenPipe(task);
  const done = writeNow(file, pipe, from);
  if (done < 0 || from.count === 0) return done;
  // -EFAULT in the middle leaves bytes in `from` while there is room.
  if (!pipe.isFull && done > 0) return done;
  if (file.f_flags & O_NONBLOCK) return done || -EAGAIN;
  return waitAndWrite(task, file, pipe, from, done);
}

function writeNow(file: File, pipe: Pipe, from: IovIter): number {
  const done = pipe.fill(from, (file.f_flags & O_DIRECT) !== 0);
  if (done > 0 && pipe.rd_wait.isActive()) pipe.rd_wait.wakeUpAll();
  return done;
}

function* waitAndWrite(task: Task, file: File, pipe: Pipe, from: IovIter, done: number): Sleep<number> {
  for (;;) {
    const error = yield* pipe.wr_wait.wait(task, () => !pipe.isFull || pipe.nr_readers === 0);
    if (error) return done || error;
    if (pipe.nr_readers === 0) {
      const broken = brokenPipe(task);
      return done || broken;
    }
    const more = writeNow(file, pipe, from);
    if (more < 0) return done || more;
    done += more;
    if (from.count === 0 || (!pipe.isFull && more > 0)) return done;
    if (file.f_flags & O_NONBLOCK) return done || -EAGAIN;
  }
}

function pipePoll(file: File, table: PollTable | null): number {
  const pipe = pipeOf(file);
  let events = 0;
  if (file.isReadable) {
    table?.wait(pipe.rd_wait);
    if (!pipe.isEmpty) events |= POLLIN | POLLRDNORM;
    // A FIFO opened before its first writer is not hung up yet.
    if (pipe.nr_writers === 0 && pipe.w_counter !== file.pipe_w_counter) events |= POLLHUP;
  }
  if (file.isWritable) {
    table?.wait(pipe.wr_wait);
    if (!pipe.isFull) events |= POLLOUT | POLLWRNORM;
    if (pipe.nr_readers === 0) events |= POLLERR;
  }
  return events;
}

function pipeIoctl(task: Task, file: File, cmd: number, arg: number): number {
  return cmd === FIONREAD ? putUser32(task, arg, pipeOf(file).nr_bytes) : -ENOIOCTLCMD;
}

function pipeRelease(file: File): void {
  const pipe = pipeOf(file);
  if (file.isReadable) pipe.nr_readers--;
  if (file.isWritable) pipe.nr_writers--;
  if ((pipe.nr_readers === 0) !== (pipe.nr_writers === 0) || pipe.nr_files > 1) {
    pipe.rd_wait.wakeUpAll();
    pipe.wr_wait.wakeUpAll();
  }
  dropPipe(pipe);
}

function dropPipe(pipe: Pipe): void {
  if (--pipe.nr_files > 0) return;
  pipe.inode.pipe = null;
  pipe.destroy();
}

export const pipeOperations: FileOperations = {
  read: pipeRead,
  write: pipeWrite,
  poll: pipePoll,
  ioctl: pipeIoctl,
  release: pipeRelease,
};

/** A FIFO: opening waits for the other side, then it is a pipe. A pipe opened again (/proc/PID/fd) never waits. */
export const fifoOperations: FileOperations = { ...pipeOperations, open: fifoOpen };

function* fifoOpen(task: Task, inode: Inode, file: File): Sleep<number> {
  const pipe = (inode.pipe ??= new Pipe(inode));
  const is_fifo = inode.sb.magic !== PIPEFS_MAGIC;
  file.private_data = pipe;
  pipe.nr_files++;
  let error = 0;
  switch (file.f_flags & O_ACCMODE) {
    case O_RDONLY:
      pipe.r_counter++;
      if (pipe.nr_readers++ === 0) pipe.wr_wait.wakeUpAll();
      if (is_fifo && pipe.nr_writers === 0) {
        if (file.f_flags & O_NONBLOCK)
          file.pipe_w_counter = pipe.w_counter; // no hang-up until a writer was here
        else error = yield* waitForPartner(task, pipe.rd_wait, pipe, "w_counter");
      }
      if (error && --pipe.nr_readers === 0) pipe.wr_wait.wakeUpAll();
      break;
    case O_WRONLY:
      if (is_fifo && file.f_flags & O_NONBLOCK && pipe.nr_readers === 0) error = -ENXIO;
      else {
        pipe.w_counter++;
        if (pipe.nr_writers++ === 0) pipe.rd_wait.wakeUpAll();
        if (is_fifo && pipe.nr_readers === 0)
          error = yield* waitForPartner(task, pipe.wr_wait, pipe, "r_counter");
        if (error && --pipe.nr_writers === 0) pipe.rd_wait.wakeUpAll();
      }
      break;
    case O_RDWR:
      pipe.nr_readers++;
      pipe.nr_writers++;
      pipe.r_counter++;
      pipe.w_counter++;
      if (pipe.nr_readers === 1 || pipe.nr_writers === 1) {
        pipe.rd_wait.wakeUpAll();
        pipe.wr_wait.wakeUpAll();
      }
      break;
    default:
      error = -EINVAL;
  }
  if (error) dropPipe(pipe);
  return error;
}

function* waitForPartner(
  task: Task,
  queue: WaitQueue,
  pipe: Pipe,
  counter: "r_counter" | "w_counter",
): Sleep<number> {
  const seen = pipe[counter];
  const error = yield* queue.wait(task, () => pipe[counter] !== seen);
  return error ? -ERESTARTSYS : 0;
}

/** The two ends of a new pipe, read end first. Linux: create_pipe_files(). */
export function createPipe(task: Task, flags: number): [File, File] {
  const mnt = task.kernel.vfs.pseudo.pipefs;
  const inode = new Inode(mnt.sb, mnt.sb.nextIno(), S_IFIFO | S_IRUSR | S_IWUSR, {}, fifoOperations);
  inode.uid = task.cred.fsuid;
  inode.gid = task.cred.fsgid;
  const dentry = new Dentry("", null, mnt.sb);
  dentry.instantiate(inode);
  const path = new Path(mnt, dentry);
  const pipe = new Pipe(inode);
  inode.pipe = pipe;
  pipe.nr_readers = 1;
  pipe.nr_writers = 1;
  pipe.r_counter = 1;
  pipe.w_counter = 1;
  pipe.nr_files = 2;
  const ends = [O_RDONLY, O_WRONLY].map((access) => {
    const file = new File(path, inode, access | (flags & (O_NONBLOCK | O_DIRECT)), pipeOperations);
    file.private_data = pipe;
    return file;
  });
  return ends as [File, File];
}

/** The pipe behind a descriptor's file, or null. Linux: get_pipe_info(). */
export function pipeInfo(file: File): Pipe | null {
  return file.ops === pipeOperations || file.ops === fifoOperations ? pipeOf(file) : null;
}

export function sys_pipe2(task: Task, pipefd: number, flags: number): number {
  if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) return -EINVAL;
  const [reader, writer] = createPipe(task, flags);
  const cloexec = (flags & O_CLOEXEC) !== 0;
  const rfd = task.files.install(task, reader, cloexec);
  if (rfd < 0) {
    writer.put();
    return rfd;
  }
  const wfd = task.files.install(task, writer, cloexec);
  const failed =
    wfd < 0 ? wfd : putUser32(task, pipefd, rfd) < 0 || putUser32(task, pipefd + 4, wfd) < 0 ? -EFAULT : 0;
  if (failed) {
    for (const fd of wfd < 0 ? [rfd] : [rfd, wfd]) {
      const file = task.files.take(fd);
      if (!isErr(file)) file.put();
    }
  }
  return failed;
}

export function sys_pipe(task: Task, pipefd: number): number {
  return sys_pipe2(task, pipefd, 0);
}

/** fcntl(F_GETPIPE_SZ): bytes of the ring. */
export function getPipeSize(file: File): number {
  const pipe = pipeInfo(file);
  return pipe ? pipe.nr_slots * PAGE_SIZE : -EBADF;
}

/** fcntl(F_SETPIPE_SZ): rounds up to a power of two of pages; the size set. Linux: pipe_set_size(). */
export function setPipeSize(task: Task, file: File, size_bytes: number): number {
  const pipe = pipeInfo(file);
  if (!pipe) return -EBADF;
  if (size_bytes > 2 ** 31) return -EINVAL;
  let nr_slots = 1;
  while (nr_slots * PAGE_SIZE < size_bytes) nr_slots *= 2;
  const size = nr_slots * PAGE_SIZE;
  if (nr_slots > pipe.nr_slots && size > task.kernel.vfs.pipe_max_size && !capable(task, CAP_SYS_RESOURCE))
    return -EPERM;
  const error = pipe.resize(nr_slots);
  return error ? error : size;
}

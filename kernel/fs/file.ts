/**
 * Open files: what a file descriptor refers to, and the table of operations of each kind. Linux:
 * include/linux/fs.h.
 *
 * Flow of a read: sys_read (read_write.ts) -> File.ops.read -> page cache, pipe, tty... -> IovIter -> user
 * memory. Operations get the task that called; `task.kernel` is the rest of the world.
 */
import type { IovIter } from "../mm/iov_iter.ts";
import type { VmArea } from "../mm/vma.ts";
import type { MaySleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { O_ACCMODE, O_PATH, O_RDONLY, O_WRONLY } from "../uapi/fcntl.ts";
import { releaseFileLocks } from "./locks.ts";
import type { Inode } from "./inode.ts";
import type { Path } from "./path.ts";
import type { PollTable } from "./poll_table.ts";

/** Receives directory entries; returns false when the buffer is full (the entry is then given again). */
export interface DirContext {
  /** Position of the next entry: `iterate` reads and advances it. */
  pos: number;
  /** `d_type` is a DT_ constant; `next_pos` becomes `d_off`. */
  emit(name: string, ino: number, d_type: number, next_pos: number): boolean;
}

/** All optional: what is absent fails as Linux does (EINVAL, ENOTTY, ENODEV, ESPIPE). */
export interface FileOperations {
  /** Called by open() after the file was made; may set `private_data`, `ops`. Non-zero fails the open. */
  open?(task: Task, inode: Inode, file: File): MaySleep<number>;
  /** The last reference went: never sleeps. */
  release?(file: File): void;
  /** One descriptor was closed; the result is close()'s. Never sleeps: it also runs in exit and exec. */
  flush?(task: Task, file: File): number;
  /** Reads up to `to.count` bytes at `pos`: bytes read, 0 at the end, -errno. The caller moves `f_pos`. */
  read?(task: Task, file: File, to: IovIter, pos: number): MaySleep<number>;
  /** Writes `from.count` bytes at `pos` (the caller has applied O_APPEND for files with a mapping). */
  write?(task: Task, file: File, from: IovIter, pos: number): MaySleep<number>;
  /** Gives directory entries from `context.pos` on: 0 or -errno. */
  iterate?(task: Task, file: File, context: DirContext): MaySleep<number>;
  /** Events that hold now (uapi/poll.ts), after registering with `table` if there is one. */
  poll?(file: File, table: PollTable | null): number;
  /** -ENOIOCTLCMD for commands it does not know. */
  ioctl?(task: Task, file: File, cmd: number, arg: number): MaySleep<number>;
  /** Prepares `vma` (sets vma.ops) for a mapping of the file. */
  mmap?(task: Task, file: File, vma: VmArea): MaySleep<number>;
  /** New position or -errno. Absent: -ESPIPE; of pread and pwrite too. */
  llseek?(task: Task, file: File, offset: number, whence: number): MaySleep<number>;
  /** Has no positions although lseek() succeeds: pread and pwrite fail with -ESPIPE, f_pos stays. */
  positionless?: true;
  fsync?(task: Task, file: File, datasync: boolean): MaySleep<number>;
  fallocate?(task: Task, file: File, mode: number, offset: number, length: number): MaySleep<number>;
  /** fcntl(F_SETFL) asks whether the new flags are fine. */
  checkFlags?(flags: number): number;
  /** Extra lines of /proc/PID/fdinfo/N. */
  showFdinfo?(file: File): string;
}

export class File {
  /** Position; -1 never. */
  f_pos = 0;
  private_data: unknown = null;
  /** Who gets SIGIO: pid > 0, process group < 0. fcntl(F_SETOWN). */
  f_owner = 0;
  f_owner_sig = 0;
  /** Set by openExec: the file cannot be opened for writing while this one is open (ETXTBSY). */
  f_denies_write = false;
  /**
   * FIFO opened for reading without waiting: the writers there had been by then; POLLHUP needs a later one.
   */
  pipe_w_counter = -1;
  /** The eventpolls that watch this file; they forget it when it goes. */
  epoll_watchers: Set<{ fileReleased(file: File): void }> | null = null;
  /** Whether the file is one of the writers in `inode.writecount`. */
  counts_writer = false;
  #count = 1;

  constructor(
    readonly path: Path,
    readonly inode: Inode,
    /** Open flags without O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC. */
    public f_flags: number,
    public ops: FileOperations,
  ) {
    inode.nr_files++;
    path.mnt.nr_files++;
    path.mnt.sb.nr_files++;
    inode.sb.kernel.vfs.nr_files++;
  }

  get isReadable(): boolean {
    return (this.f_flags & O_ACCMODE) !== O_WRONLY && (this.f_flags & O_PATH) === 0;
  }

  get isWritable(): boolean {
    const mode = this.f_flags & O_ACCMODE;
    return mode !== O_RDONLY && mode !== 3 && (this.f_flags & O_PATH) === 0;
  }

  /** References: descriptors, mappings, system calls under way. */
  get count(): number {
    return this.#count;
  }

  /** Takes a reference. Linux: get_file(). */
  get(): this {
    this.#count++;
    return this;
  }

  /** Drops a reference; the last one releases the file. Linux: fput(). */
  put(): void {
    if (--this.#count > 0) return;
    if (this.#count < 0) throw new Error("file released twice");
    const inode = this.inode;
    if (this.epoll_watchers) for (const watcher of [...this.epoll_watchers]) watcher.fileReleased(this);
    if (inode.locks) releaseFileLocks(this);
    this.ops.release?.(this);
    if (this.f_denies_write) inode.writecount++;
    else if (this.counts_writer) inode.writecount--;
    this.path.mnt.nr_files--;
    inode.nr_files--;
    const { vfs } = inode.sb.kernel;
    vfs.nr_files--;
    inode.evictIfUnused();
    const { sb } = this.path.mnt;
    if (--sb.nr_files === 0 && sb.is_detached) vfs.mounts.reapSuper(sb);
  }
}

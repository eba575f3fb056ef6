/**
 * File descriptors of a process: numbers -> open files. Linux: fs/file.c, struct files_struct. Shared by
 * threads (CLONE_FILES), copied by fork, trimmed by exec. POSIX record locks belong to it (locks.ts).
 */
import type { Task } from "../task/task.ts";
import { EBADF, EMFILE } from "../uapi/errno.ts";
import { O_PATH } from "../uapi/fcntl.ts";
import type { File } from "./file.ts";
import { releasePosixLocks } from "./locks.ts";

export class FileTable {
  #files: (File | null)[] = [];
  /** One flag per descriptor: FD_CLOEXEC. */
  #cloexec: boolean[] = [];
  /** No descriptor below it is free. */
  #next_fd = 0;
  /** Tasks that share the table. */
  #users = 1;

  /**
   * The open file, not O_PATH ones. Adds no reference: the caller uses it before it sleeps, or takes one.
   * Linux: fdget().
   */
  get(fd: number): File | number {
    const file = this.#files[fd];
    return file && (file.f_flags & O_PATH) === 0 ? file : -EBADF;
  }

  /** As get(), O_PATH files included. Linux: fdget_raw(). */
  getRaw(fd: number): File | number {
    return this.#files[fd] ?? -EBADF;
  }

  /** Reserves nothing: the lowest free descriptor >= `from` and below `limit` (RLIMIT_NOFILE), or -EMFILE. */
  lowestFree(from: number, limit: number): number {
    let fd = Math.max(from, this.#next_fd);
    while (fd < this.#files.length && this.#files[fd]) fd++;
    return fd < limit ? fd : -EMFILE;
  }

  /**
   * Gives `file` the lowest free descriptor >= `from`. Takes over the caller's reference, also when it fails.
   */
  install(task: Task, file: File, cloexec: boolean, from = 0): number {
    const fd = this.lowestFree(from, nofileLimit(task));
    if (fd < 0) {
      file.put();
      return fd;
    }
    this.set(fd, file, cloexec);
    return fd;
  }

  /** Puts `file` at `fd`, which must be free. Takes over the reference. */
  set(fd: number, file: File, cloexec: boolean): void {
    while (this.#files.length < fd) this.#files.push(null);
    this.#files[fd] = file;
    this.#cloexec[fd] = cloexec;
    if (fd === this.#next_fd) this.#next_fd++;
  }

  /** Takes the file out of the table; the reference goes to the caller. -EBADF if there is none. */
  take(fd: number): File | number {
    const file = this.#files[fd];
    if (!file) return -EBADF;
    this.#files[fd] = null;
    this.#cloexec[fd] = false;
    if (fd < this.#next_fd) this.#next_fd = fd;
    return file;
  }

  isCloexec(fd: number): boolean {
    return this.#cloexec[fd] === true;
  }

  setCloexec(fd: number, on: boolean): void {
    this.#cloexec[fd] = on;
  }

  /** One above the highest descriptor that may be open. */
  get length(): number {
    return this.#files.length;
  }

  /** Open descriptors in order. */
  *descriptors(): IterableIterator<number> {
    for (let fd = 0; fd < this.#files.length; fd++) if (this.#files[fd]) yield fd;
  }

  /** A copy for fork: every file gets one more reference. Linux: dup_fd(). */
  clone(): FileTable {
    const copy = new FileTable();
    copy.#files = this.#files.slice();
    copy.#cloexec = this.#cloexec.slice();
    copy.#next_fd = this.#next_fd;
    for (const file of copy.#files) file?.get();
    return copy;
  }

  /** CLONE_FILES: one more task uses this table. */
  share(): this {
    this.#users++;
    return this;
  }

  get isShared(): boolean {
    return this.#users > 1;
  }

  /**
   * A task is done with the table (exit, unshare): the last one closes everything. Linux: put_files_struct().
   */
  release(task: Task): void {
    if (--this.#users > 0) return;
    for (let fd = 0; fd < this.#files.length; fd++) {
      const file = this.#files[fd];
      if (file) this.#close(task, fd, file);
    }
    this.#files = [];
    this.#cloexec = [];
    this.#next_fd = 0;
  }

  /** exec: closes what is marked FD_CLOEXEC. Linux: do_close_on_exec(). */
  closeOnExec(task: Task): void {
    for (let fd = 0; fd < this.#files.length; fd++) {
      const file = this.#files[fd];
      if (file && this.#cloexec[fd]) this.#close(task, fd, file);
    }
  }

  #close(task: Task, fd: number, file: File): void {
    this.take(fd);
    closeFile(task, this, file);
  }
}

/**
 * Ends one descriptor's use of `file`: its POSIX locks go, it is flushed, the reference is dropped. Returns
 * flush's result, which is close()'s. Linux: filp_close().
 */
export function closeFile(task: Task, table: FileTable, file: File): number {
  if (file.inode.locks) releasePosixLocks(file.inode, table);
  const flushed = file.ops.flush?.(task, file) ?? 0;
  file.put();
  return flushed;
}

/** RLIMIT_NOFILE of the task: descriptors must be below it. */
export function nofileLimit(task: Task): number {
  return task.signal.rlimits[RLIMIT_NOFILE].cur;
}

const RLIMIT_NOFILE = 7;

/**
 * getdents, getdents64. Linux: fs/readdir.c; man 2 getdents.
 *
 *     linux_dirent64:  0 u64 d_ino   8 s64 d_off  16 u16 d_reclen  18 u8 d_type  19 name, zero; padded to 8
 *     linux_dirent:    0 u64 d_ino   8 u64 d_off  16 u16 d_reclen  18 name, zero, ..., last byte d_type
 */
import { isErr } from "../lib/err.ts";
import { encodeWords, wordSize } from "../mm/user_words.ts";
import { copyToUser } from "../mm/usercopy.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL, ENOENT, ENOTDIR } from "../uapi/errno.ts";
import type { DirContext, File } from "./file.ts";
import { touchAccess } from "./namei.ts";

/** Largest reply built at once. */
const MAX_REPLY_BYTES = 256 * 1024;

/** Packs entries into one reply. */
class DirentBuffer implements DirContext {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  used = 0;
  /** Where the last entry starts: its d_off is set when the next position is known. */
  #last = -1;
  is_full = false;

  constructor(
    public pos: number,
    size: number,
    private readonly is_64: boolean,
    /** Of d_ino and d_off. */
    private readonly word_bytes: number,
  ) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  emit(name: string, ino: number, d_type: number, next_pos: number): boolean {
    const words = 2 * this.word_bytes;
    const header = words + (this.is_64 ? 3 : 2);
    const length = header + name.length + (this.is_64 ? 1 : 2);
    const reclen = (length + this.word_bytes - 1) & -this.word_bytes;
    if (this.used + reclen > this.bytes.length) {
      this.is_full = true;
      return false;
    }
    const at = this.used;
    this.bytes.set(encodeWords([ino, next_pos], this.word_bytes), at);
    this.#view.setUint16(at + words, reclen, true);
    for (let i = 0; i < name.length; i++) this.bytes[at + header + i] = name.charCodeAt(i);
    this.bytes[this.is_64 ? at + words + 2 : at + reclen - 1] = d_type;
    this.#last = at;
    this.used += reclen;
    return true;
  }

  get isEmpty(): boolean {
    return this.#last < 0;
  }
}

/** Calls the directory's iterate from the file's position on. Linux: iterate_dir(). */
export function* iterateDirectory(task: Task, file: File, context: DirContext): Sleep<number> {
  if (!file.ops.iterate) return -ENOTDIR;
  const dir = file.inode;
  if (dir.nlink === 0) return -ENOENT;
  const error = yield* finish(file.ops.iterate(task, file, context));
  touchAccess(file.path.mnt, dir);
  return error;
}

function* readEntries(task: Task, fd: number, dirp: number, count: number, is_64: boolean): Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  const buffer = new DirentBuffer(
    file.f_pos,
    Math.min(count, MAX_REPLY_BYTES),
    is_64,
    is_64 ? 8 : wordSize(task),
  );
  file.get();
  try {
    const error = yield* iterateDirectory(task, file, buffer);
    if (error < 0 && buffer.isEmpty) return error;
    // Not even one entry fits.
    if (buffer.isEmpty) return buffer.is_full ? -EINVAL : 0;
    if (copyToUser(task, dirp, buffer.bytes.subarray(0, buffer.used)) < 0) return -EFAULT;
    file.f_pos = buffer.pos;
    return buffer.used;
  } finally {
    file.put();
  }
}

export function sys_getdents64(task: Task, fd: number, dirp: number, count: number): Sleep<number> {
  return readEntries(task, fd, dirp, count, true);
}

export function sys_getdents(task: Task, fd: number, dirp: number, count: number): Sleep<number> {
  return readEntries(task, fd, dirp, count, false);
}

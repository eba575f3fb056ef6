/**
 * Inodes: one file, directory, device... of a file system, whatever its names. Linux: include/linux/fs.h,
 * fs/inode.c.
 *
 *     Dentry (a name) -> Inode -> mapping: AddressSpace (frames of guest RAM)
 *                              -> ops:  what can be done with it as an object (lookup, create, setattr...)
 *                              -> fops: what can be done with it once open (read, write, poll...)
 *
 * An inode's storage is freed (`sb.ops.evictInode`) when it has neither names (`nlink`) nor open files
 * (`nr_files`). Operations that may reach a slow file system return MaySleep; they are called with `yield*
 * finish(...)`.
 */
import type { Kernel } from "../kernel.ts";
import type { AddressSpace } from "../mm/filemap.ts";
import type { MaySleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import type { Dentry } from "./dentry.ts";
import type { FileOperations } from "./file.ts";
import type { FileLockContext } from "./locks.ts";
import type { Path } from "./path.ts";
import type { Pipe } from "./pipe.ts";
import type { SuperBlock } from "./superblock.ts";

/** A point in time since 1970-01-01 UTC. Immutable: inodes share them. */
export interface Timespec {
  readonly sec: number;
  readonly nsec: number;
}

/** What stat() reports. Linux: struct kstat. */
export interface Kstat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blksize: number;
  /** In units of 512 bytes. */
  blocks: number;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
  btime: Timespec | null;
}

/** Attributes to change; absent ones stay. Linux: struct iattr. */
export interface Iattr {
  /** Permission bits with S_ISUID, S_ISGID, S_ISVTX. */
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Timespec;
  mtime?: Timespec;
  ctime?: Timespec;
}

/** All optional: what is absent fails with the errno Linux gives for it. */
export interface InodeOperations {
  /**
   * Finds `dentry.name` in directory `dir`: the inode, null if there is none, or -errno. Not called for names
   * that are in the dentry cache. File systems whose directories live in the dentry cache (tmpfs) leave it
   * out.
   */
  lookup?(task: Task, dir: Inode, dentry: Dentry): MaySleep<Inode | null | number>;
  /** Makes a regular file and instantiates `dentry` with it. `mode` has the umask applied. */
  create?(task: Task, dir: Inode, dentry: Dentry, mode: number): MaySleep<number>;
  mkdir?(task: Task, dir: Inode, dentry: Dentry, mode: number): MaySleep<number>;
  mknod?(task: Task, dir: Inode, dentry: Dentry, mode: number, rdev: number): MaySleep<number>;
  symlink?(task: Task, dir: Inode, dentry: Dentry, target: string): MaySleep<number>;
  link?(task: Task, old: Dentry, dir: Inode, dentry: Dentry): MaySleep<number>;
  unlink?(task: Task, dir: Inode, dentry: Dentry): MaySleep<number>;
  rmdir?(task: Task, dir: Inode, dentry: Dentry): MaySleep<number>;
  /**
   * Moves `old` over `target` (positive or negative); the caller moves the dentries. Knows RENAME_EXCHANGE if
   * `flags` has it.
   */
  rename?(
    task: Task,
    old_dir: Inode,
    old: Dentry,
    new_dir: Inode,
    target: Dentry,
    flags: number,
  ): MaySleep<number>;
  /** A regular file without a name (O_TMPFILE). */
  tmpfile?(task: Task, dir: Inode, mode: number): MaySleep<Inode | number>;
  /** The target of a symbolic link as text. */
  readlink?(task: Task, inode: Inode): MaySleep<string | number>;
  /**
   * Where a magic link (/proc/PID/exe, fd/N) leads; ordinary links leave it out and are followed by their
   * text.
   */
  followLink?(task: Task, inode: Inode): MaySleep<Path | number>;
  /** Replaces the usual mode check. `mask` of MAY_READ, MAY_WRITE, MAY_EXEC. */
  permission?(task: Task, inode: Inode, mask: number): MaySleep<number>;
  /** Applies checked attributes. Absent: they are stored in the inode, and a size change is refused. */
  setattr?(task: Task, dentry: Dentry, attr: Iattr): MaySleep<number>;
  /** Brings the inode's fields up to date before stat; may correct `stat` itself. */
  getattr?(task: Task, inode: Inode, stat: Kstat): MaySleep<number>;
  getxattr?(task: Task, inode: Inode, name: string): MaySleep<Uint8Array | number>;
  setxattr?(task: Task, inode: Inode, name: string, value: Uint8Array, flags: number): MaySleep<number>;
  listxattr?(task: Task, inode: Inode): MaySleep<string[] | number>;
  removexattr?(task: Task, inode: Inode, name: string): MaySleep<number>;
}

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;
export const MAY_APPEND = 8;

/** Inode flags. Linux: S_APPEND, S_IMMUTABLE, S_NOATIME... */
export const S_NOATIME = 1 << 1;
export const S_APPEND = 1 << 2;
export const S_IMMUTABLE = 1 << 3;
/** Not subject to size limits and locks of real files: pipes, sockets, anonymous inodes. */
export const S_PRIVATE = 1 << 9;

export class Inode {
  uid = 0;
  gid = 0;
  nlink = 1;
  /** Length in bytes. */
  size = 0;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
  /** Time of birth, if the file system keeps it. */
  btime: Timespec | null = null;
  /** Device number (uapi/stat.ts makeDev) of device nodes. */
  rdev = 0;
  flags = 0;
  /** Made by O_TMPFILE: linkat() may give it a name although it has none. Linux: I_LINKABLE. */
  is_linkable = false;
  /** File contents in guest RAM; null for what has none. */
  mapping: AddressSpace | null = null;
  /** The pipe behind a FIFO while it is open. */
  pipe: Pipe | null = null;
  /** flock and POSIX locks; made when the first one is set. */
  locks: FileLockContext | null = null;
  /** Open files (and so mappings) of this inode. */
  nr_files = 0;
  /** Open files that may write, or -n while n programs run from it. Linux: i_writecount. */
  writecount = 0;
  /** FIFO and directory bookkeeping aside, whatever the file system wants to keep here. */
  private_data: unknown = null;

  constructor(
    readonly sb: SuperBlock,
    readonly ino: number,
    public mode: number,
    public ops: InodeOperations,
    public fops: FileOperations,
  ) {
    const now = currentTime(sb.kernel);
    this.atime = now;
    this.mtime = now;
    this.ctime = now;
  }

  /**
   * Gives back the storage if nothing names or uses the inode. Call after `nlink` or `nr_files` fell. Linux:
   * iput().
   */
  evictIfUnused(): void {
    if (this.nlink === 0 && this.nr_files === 0) this.sb.ops.evictInode?.(this);
  }

  /** Records a change of contents. Linux: file_update_time(). */
  touchModified(): void {
    const now = currentTime(this.sb.kernel);
    this.mtime = now;
    this.ctime = now;
  }

  /** Records a change of attributes. */
  touchChanged(): void {
    this.ctime = currentTime(this.sb.kernel);
  }
}

/** Wall-clock time of the last tick: what inodes are stamped with. Linux: ktime_get_coarse_real_ts64(). */
export function currentTime(kernel: Kernel): Timespec {
  return kernel.vfs.coarseTime();
}

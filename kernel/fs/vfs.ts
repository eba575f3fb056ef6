/**
 * The root of the file layer: file system types, superblocks, mounts, counters; and what the rest of the
 * kernel calls. Linux: fs/dcache.c vfs_caches_init(), init/main.c, init/do_mounts.c.
 *
 * Boot order (kernel/main.ts): `new Vfs(kernel)`, `init()` (rootfs is mounted), then, as the first task,
 * `populateRootfs()` (initramfs.ts) and `openConsole()`.
 */
import { makeDev } from "../uapi/stat.ts";
import type { Kernel } from "../kernel.ts";
import type { Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { Devtmpfs } from "./devtmpfs/devtmpfs.ts";
import type { File } from "./file.ts";
import { filesystemTable } from "./filesystems.ts";
import type { FileLockContext } from "./locks.ts";
import type { Timespec } from "./inode.ts";
import { populateRootfs } from "./initramfs.ts";
import { MountNamespace } from "./namespace.ts";
import { kernelRead, openExec, openInitialConsole } from "./open.ts";
import type { Path } from "./path.ts";
import { PseudoFileSystems } from "./pseudo.ts";
import type { FileSystemType, SuperBlock } from "./superblock.ts";
import { rootfsType } from "./tmpfs/super.ts";

export class Vfs {
  /** By name, in the order of /proc/filesystems. */
  readonly fs_types = new Map<string, FileSystemType>();
  readonly supers = new Set<SuperBlock>();
  readonly mounts = new MountNamespace(this);
  /** Internal mounts for pipes, eventfds, memfds... */
  readonly pseudo = new PseudoFileSystems(this);
  readonly devtmpfs: Devtmpfs;
  /** Inodes with file locks. */
  readonly locked = new Set<FileLockContext>();
  /** Open files in the system. /proc/sys/fs/file-nr. */
  nr_files = 0;
  /** Highest RLIMIT_NOFILE. /proc/sys/fs/nr_open. */
  nr_open = 1048576;
  /** /proc/sys/kernel/random/boot_id, made when first read. */
  boot_id = "";
  /** /proc/sys/fs/pipe-max-size, bytes. */
  pipe_max_size = 1048576;
  #next_anon_minor = 0;
  #coarse: Timespec = { sec: 0, nsec: 0 };
  #coarse_jiffies = -1;

  constructor(readonly kernel: Kernel) {
    this.devtmpfs = new Devtmpfs(kernel);
  }

  /** Registers the built-in file systems and mounts rootfs. Linux: mnt_init(), init_mount_tree(). */
  init(): void {
    for (const type of filesystemTable) this.fs_types.set(type.name, type);
    this.mounts.mountRootfs(rootfsType);
  }

  /** Where `/` of the first task is. */
  rootPath(): Path {
    return this.mounts.rootPath();
  }

  /** Unpacks the initramfs that the boot loader left in memory into rootfs. 0 or -errno. */
  populateRootfs(task: Task): Sleep<number> {
    return populateRootfs(task);
  }

  /** Opens /dev/console as descriptors 0, 1 and 2 of the first task. Linux: console_on_rootfs(). */
  openConsole(task: Task): Sleep<void> {
    return openInitialConsole(task);
  }

  /**
   * Opens a program for execve: regular, executable, on a mount that allows it. While the file is open it
   * cannot be opened for writing. `dirfd` and `flags` (AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW) as in execveat(2).
   */
  openExec(task: Task, name: string, dirfd?: number, flags?: number): Sleep<File | number> {
    return openExec(task, name, dirfd, flags);
  }

  /** Reads up to `length` bytes of a file for the kernel itself; shorter at the end of file. */
  kernelRead(task: Task, file: File, pos: number, length: number): Sleep<Uint8Array | number> {
    return kernelRead(task, file, pos, length);
  }

  /** A device number for a file system that has no device. Linux: get_anon_bdev(). */
  anonDev(): number {
    return makeDev(0, ++this.#next_anon_minor);
  }

  /** Wall-clock time of the last tick. One object per tick, shared by all inodes stamped within it. */
  coarseTime(): Timespec {
    const time = this.kernel.time;
    if (time.jiffies !== this.#coarse_jiffies) {
      this.#coarse_jiffies = time.jiffies;
      this.#coarse = time.realtime();
    }
    return this.#coarse;
  }
}

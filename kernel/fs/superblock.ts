/**
 * Superblocks: one instance of a file system, and the types that make them. Linux: fs/super.c,
 * include/linux/fs.h.
 */
import type { Kernel } from "../kernel.ts";
import type { MaySleep } from "../sched/wait.ts";
import type { Dentry, DentryOperations } from "./dentry.ts";
import type { Inode } from "./inode.ts";

/** statfs(2), sizes in blocks of `bsize` bytes. Linux: struct kstatfs. */
export interface Kstatfs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  namelen: number;
  frsize: number;
}

export interface SuperOperations {
  statfs?(sb: SuperBlock): MaySleep<Kstatfs | number>;
  /** Frees what an inode without names and open files holds. */
  evictInode?(inode: Inode): void;
  /** New options of mount -o remount. */
  remount?(sb: SuperBlock, data: string): number;
  /** What /proc/mounts shows after the generic flags: ",size=1024k,mode=755". */
  showOptions?(sb: SuperBlock): string;
  sync?(sb: SuperBlock): MaySleep<number>;
  /** The last mount is gone. */
  killSuper?(sb: SuperBlock): void;
}

export const FS_REQUIRES_DEV = 1;

/** A row of /proc/filesystems. */
export interface FileSystemType {
  readonly name: string;
  /** FS_REQUIRES_DEV: mounted from a block device. */
  readonly fs_flags: number;
  /** Makes (or finds) the superblock for mount(2): `source` is the device argument, `data` the options. */
  mount(kernel: Kernel, source: string, flags: number, data: string): MaySleep<SuperBlock | number>;
}

export class SuperBlock {
  root!: Dentry;
  /** Mount flags of the file system itself: MS_RDONLY, MS_SYNCHRONOUS... */
  flags = 0;
  blocksize = 4096;
  /** Largest file size. */
  maxbytes = Number.MAX_SAFE_INTEGER;
  /** Applied to every dentry of the file system. */
  dops: DentryOperations = {};
  /** Whether names found not to exist may be remembered. False where the dentry tree is the directory. */
  caches_negative = false;
  /** Mounts of this superblock. */
  nr_mounts = 0;
  /** Open files of it, through whatever mount. */
  nr_files = 0;
  /** The last mount is gone, something still uses it: killSuper comes with the last file. */
  is_detached = false;
  #next_ino = 0;

  constructor(
    readonly kernel: Kernel,
    readonly type: FileSystemType,
    /** Device number that stat shows in st_dev. */
    readonly dev: number,
    readonly magic: number,
    readonly ops: SuperOperations,
    public private_data: unknown = null,
  ) {}

  /** Inode numbers for file systems without their own. Linux: get_next_ino(). */
  nextIno(): number {
    return ++this.#next_ino;
  }
}

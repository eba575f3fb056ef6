/**
 * Dentries: the names of the file tree, and the cache of looked-up names. Linux: fs/dcache.c.
 *
 * A dentry is positive (has an inode) or negative (the name is known not to exist). In memory-only file
 * systems (tmpfs, devtmpfs) the tree of dentries is the directory itself; others fill it by
 * `InodeOperations.lookup`. Hashed = reachable by its name in `parent.children`. A removed name that is still
 * in use (working directory, open file) stays as an unhashed dentry, as in Linux, and prints with "
 * (deleted)".
 */
import type { Task } from "../task/task.ts";
import type { MaySleep } from "../sched/wait.ts";
import type { Inode } from "./inode.ts";
import type { SuperBlock } from "./superblock.ts";

export interface DentryOperations {
  /** Whether a cached dentry still tells the truth; false drops it. Linux: d_revalidate. */
  revalidate?(task: Task, dentry: Dentry): MaySleep<boolean>;
  /** Text of the path for objects without one ("pipe:[123]"). Linux: d_dname. */
  dname?(dentry: Dentry): string;
}

export class Dentry {
  inode: Inode | null = null;
  /** The directory; the dentry itself for the root of a file system. */
  parent: Dentry;
  /** Cached or existing names of a directory; null until the first. In order of creation. */
  children: Map<string, Dentry> | null = null;
  /** Whether `parent.children` has it. */
  hashed = false;
  /** Set by `lookup` for names that must be looked up each time (/proc/PID). Linux: DCACHE_DONTCACHE. */
  dont_cache = false;
  /** Mounts on top of this dentry. */
  nr_mounts = 0;
  /** For readdir of memory file systems: grows with each name of a directory, so a position stays valid. */
  dir_offset = 0;
  private_data: unknown = null;

  constructor(
    public name: string,
    parent: Dentry | null,
    readonly sb: SuperBlock,
  ) {
    this.parent = parent ?? this;
  }

  /** Whether this is the root of its file system. Linux: IS_ROOT(). */
  get isRoot(): boolean {
    return this.parent === this;
  }

  /** Linux: d_instantiate(). */
  instantiate(inode: Inode): void {
    this.inode = inode;
  }

  /** Enters the dentry in its parent's table. Linux: d_rehash(). */
  hash(): void {
    const parent = this.parent;
    parent.children ??= new Map();
    parent.children.set(this.name, this);
    this.dir_offset = parent.nextOffset();
    this.hashed = true;
  }

  /** Takes the name out of the tree. Linux: d_drop(). */
  unhash(): void {
    if (!this.hashed) return;
    this.hashed = false;
    this.parent.children?.delete(this.name);
  }

  /** The cached child, positive or negative. */
  child(name: string): Dentry | undefined {
    return this.children?.get(name);
  }

  /** Moves this dentry to be `parent`/`name`. Linux: d_move(). */
  move(parent: Dentry, name: string): void {
    this.unhash();
    this.name = name;
    this.parent = parent;
    this.hash();
  }

  /** Whether `ancestor` is this dentry or above it in the same file system. Linux: is_subdir(). */
  isBelow(ancestor: Dentry): boolean {
    let dentry: Dentry = this;
    for (;;) {
      if (dentry === ancestor) return true;
      if (dentry.isRoot) return false;
      dentry = dentry.parent;
    }
  }

  #last_offset = 2;

  /** Offsets 0, 1 and 2 are for "." and ".." and the start of the names. */
  private nextOffset(): number {
    return ++this.#last_offset;
  }
}

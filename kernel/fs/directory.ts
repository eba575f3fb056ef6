/**
 * System calls that make, remove and move names: mkdir, mknod, symlink, link, unlink, rmdir, rename. Linux:
 * fs/namei.c. Each one finds the parent directory, checks the rights, asks the file system, then brings the
 * dentry cache in line.
 */
import { isErr } from "../lib/err.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_DAC_READ_SEARCH, CAP_MKNOD } from "../uapi/capability.ts";
import { EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV } from "../uapi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
} from "../uapi/fcntl.ts";
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  S_IRWXUGO,
  S_ISVTX,
  isDirectory,
  makeDev,
} from "../uapi/stat.ts";
import type { Dentry } from "./dentry.ts";
import { MAY_WRITE, S_APPEND, S_IMMUTABLE } from "./inode.ts";
import {
  LAST_DOT,
  LAST_DOTDOT,
  LAST_NORM,
  LOOKUP_DIRECTORY,
  LOOKUP_EMPTY,
  LOOKUP_FOLLOW,
  getName,
  lookupDentry,
  lookupParent,
  lookupPath,
  type Walk,
} from "./namei.ts";
import { Path } from "./path.ts";
import { inodePermission, mayCreate, mayDelete, mountWantWrite } from "./permission.ts";

/**
 * The parent directory and the negative dentry for a new name; -EEXIST if it is taken. Linux:
 * filename_create().
 */
function* lookupForCreate(
  task: Task,
  dirfd: number,
  name: string,
  want_directory: boolean,
): Sleep<Path | number> {
  const walk = yield* lookupParent(task, dirfd, name);
  if (isErr(walk)) return walk;
  if (walk.last_type !== LAST_NORM) return -EEXIST;
  const dentry = yield* lookupDentry(task, walk.path.dentry, walk.last);
  if (isErr(dentry)) return dentry;
  if (dentry.inode) return -EEXIST;
  // "name/" may only become a directory.
  if (walk.flags & LOOKUP_DIRECTORY && !want_directory) return -ENOENT;
  const error = mountWantWrite(walk.path.mnt);
  return error ? error : new Path(walk.path.mnt, dentry);
}

/** Enters a dentry the file system has just instantiated into the cache. */
export function hashNew(dentry: Dentry): void {
  if (!dentry.hashed && !dentry.dont_cache) dentry.hash();
}

export function* makeDirectory(task: Task, dirfd: number, name: string, mode: number): Sleep<number> {
  const path = yield* lookupForCreate(task, dirfd, name, true);
  if (isErr(path)) return path;
  const { dentry } = path;
  const error = yield* mayCreate(task, dentry.parent);
  if (error) return error;
  const dir = dentry.parent.inode!;
  if (!dir.ops.mkdir) return -EPERM;
  const perm = mode & (S_IRWXUGO | S_ISVTX) & ~task.fs.umask;
  const result = yield* finish(dir.ops.mkdir(task, dir, dentry, S_IFDIR | perm));
  if (result === 0) hashNew(dentry);
  return result;
}

/**
 * `mode` with its file type; `rdev` for devices. No capability check: for the kernel's own nodes use it
 * directly.
 */
export function* makeNode(
  task: Task,
  dirfd: number,
  name: string,
  mode: number,
  rdev: number,
): Sleep<number> {
  const type = mode & S_IFMT;
  if (type === S_IFDIR) return -EPERM;
  if (![0, S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].includes(type)) return -EINVAL;
  const path = yield* lookupForCreate(task, dirfd, name, false);
  if (isErr(path)) return path;
  const { dentry } = path;
  const error = yield* mayCreate(task, dentry.parent);
  if (error) return error;
  const is_device = type === S_IFCHR || type === S_IFBLK;
  const is_whiteout = type === S_IFCHR && rdev === makeDev(0, 0);
  if (is_device && !is_whiteout && !capable(task, CAP_MKNOD)) return -EPERM;
  const dir = dentry.parent.inode!;
  const perm = mode & 0o7777 & ~task.fs.umask;
  let result: number;
  if (type === S_IFREG || type === 0) {
    if (!dir.ops.create) return -EPERM;
    result = yield* finish(dir.ops.create(task, dir, dentry, S_IFREG | perm));
  } else {
    if (!dir.ops.mknod) return -EPERM;
    result = yield* finish(dir.ops.mknod(task, dir, dentry, type | perm, is_device ? rdev : 0));
  }
  if (result === 0) hashNew(dentry);
  return result;
}

export function* makeSymlink(task: Task, target: string, dirfd: number, name: string): Sleep<number> {
  if (target === "") return -ENOENT;
  const path = yield* lookupForCreate(task, dirfd, name, false);
  if (isErr(path)) return path;
  const { dentry } = path;
  const error = yield* mayCreate(task, dentry.parent);
  if (error) return error;
  const dir = dentry.parent.inode!;
  if (!dir.ops.symlink) return -EPERM;
  const result = yield* finish(dir.ops.symlink(task, dir, dentry, target));
  if (result === 0) hashNew(dentry);
  return result;
}

export function* makeLink(
  task: Task,
  old_dirfd: number,
  old_name: string,
  new_dirfd: number,
  new_name: string,
  flags: number,
): Sleep<number> {
  if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  if (flags & AT_EMPTY_PATH && !capable(task, CAP_DAC_READ_SEARCH)) return -ENOENT;
  const how = (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
  const old = yield* lookupPath(task, old_dirfd, old_name, how);
  if (isErr(old)) return old;
  const path = yield* lookupForCreate(task, new_dirfd, new_name, false);
  if (isErr(path)) return path;
  if (old.mnt !== path.mnt) return -EXDEV;
  const inode = old.dentry.inode!;
  const { dentry } = path;
  const error = yield* mayCreate(task, dentry.parent);
  if (error) return error;
  const dir = dentry.parent.inode!;
  if (inode.sb !== dir.sb) return -EXDEV;
  if (inode.flags & (S_APPEND | S_IMMUTABLE)) return -EPERM;
  if (!dir.ops.link || isDirectory(inode.mode)) return -EPERM;
  if (inode.nlink === 0 && !inode.is_linkable) return -ENOENT;
  const result = yield* finish(dir.ops.link(task, old.dentry, dir, dentry));
  if (result === 0) hashNew(dentry);
  return result;
}

/** The existing dentry that `walk` stopped before. */
function* lookupVictim(task: Task, walk: Walk): Sleep<Dentry | number> {
  const dentry = yield* lookupDentry(task, walk.path.dentry, walk.last);
  if (isErr(dentry)) return dentry;
  return dentry.inode ? dentry : -ENOENT;
}

export function* unlinkName(task: Task, dirfd: number, name: string): Sleep<number> {
  const walk = yield* lookupParent(task, dirfd, name);
  if (isErr(walk)) return walk;
  if (walk.last_type !== LAST_NORM) return -EISDIR;
  const dentry = yield* lookupVictim(task, walk);
  if (isErr(dentry)) return dentry;
  const inode = dentry.inode!;
  if (walk.flags & LOOKUP_DIRECTORY) return isDirectory(inode.mode) ? -EISDIR : -ENOTDIR;
  const readonly = mountWantWrite(walk.path.mnt);
  if (readonly) return readonly;
  const error = yield* mayDelete(task, dentry, false);
  if (error) return error;
  const dir = walk.path.dentry.inode!;
  if (!dir.ops.unlink) return -EPERM;
  if (dentry.nr_mounts > 0) return -EBUSY;
  const result = yield* finish(dir.ops.unlink(task, dir, dentry));
  if (result === 0) {
    dentry.unhash();
    inode.evictIfUnused();
  }
  return result;
}

export function* removeDirectory(task: Task, dirfd: number, name: string): Sleep<number> {
  const walk = yield* lookupParent(task, dirfd, name);
  if (isErr(walk)) return walk;
  if (walk.last_type === LAST_DOTDOT) return -ENOTEMPTY;
  if (walk.last_type === LAST_DOT) return -EINVAL;
  if (walk.last_type !== LAST_NORM) return -EBUSY;
  const readonly = mountWantWrite(walk.path.mnt);
  if (readonly) return readonly;
  const dentry = yield* lookupVictim(task, walk);
  if (isErr(dentry)) return dentry;
  const error = yield* mayDelete(task, dentry, true);
  if (error) return error;
  const dir = walk.path.dentry.inode!;
  if (!dir.ops.rmdir) return -EPERM;
  if (dentry.nr_mounts > 0) return -EBUSY;
  const inode = dentry.inode!;
  const result = yield* finish(dir.ops.rmdir(task, dir, dentry));
  if (result === 0) {
    dentry.unhash();
    inode.evictIfUnused();
  }
  return result;
}

export function* renameName(
  task: Task,
  old_dirfd: number,
  old_name: string,
  new_dirfd: number,
  new_name: string,
  flags: number,
): Sleep<number> {
  if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) return -EINVAL;
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (exchange && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) return -EINVAL;
  const from = yield* lookupParent(task, old_dirfd, old_name);
  if (isErr(from)) return from;
  const to = yield* lookupParent(task, new_dirfd, new_name);
  if (isErr(to)) return to;
  if (from.path.mnt !== to.path.mnt) return -EXDEV;
  if (from.last_type !== LAST_NORM) return -EBUSY;
  if (to.last_type !== LAST_NORM) return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
  const readonly = mountWantWrite(from.path.mnt);
  if (readonly) return readonly;

  const old = yield* lookupVictim(task, from);
  if (isErr(old)) return old;
  const target = yield* lookupDentry(task, to.path.dentry, to.last);
  if (isErr(target)) return target;
  if (flags & RENAME_NOREPLACE && target.inode) return -EEXIST;
  const to_slash = (to.flags & LOOKUP_DIRECTORY) !== 0;
  if (exchange) {
    if (!target.inode) return -ENOENT;
    if (to_slash && !isDirectory(target.inode.mode)) return -ENOTDIR;
  }
  const inode = old.inode!;
  const is_directory = isDirectory(inode.mode);
  if (!is_directory) {
    if (from.flags & LOOKUP_DIRECTORY) return -ENOTDIR;
    if (!exchange && to_slash) return -ENOTDIR;
  }
  // A directory cannot become its own descendant.
  if (to.path.dentry.isBelow(old)) return -EINVAL;
  if (from.path.dentry.isBelow(target)) return exchange ? -EINVAL : -ENOTEMPTY;
  return yield* renameDentry(task, old, target, flags);
}

/** Checks rights, asks the file system, moves the dentries. Linux: vfs_rename(). */
function* renameDentry(task: Task, old: Dentry, target: Dentry, flags: number): Sleep<number> {
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  const inode = old.inode!;
  const replaced = target.inode;
  if (inode === replaced) return 0;
  const is_directory = isDirectory(inode.mode);
  const old_dir = old.parent.inode!;
  const new_dir = target.parent.inode!;
  const may_old = yield* mayDelete(task, old, is_directory);
  if (may_old) return may_old;
  const may_new = replaced
    ? yield* mayDelete(task, target, exchange ? isDirectory(replaced.mode) : is_directory)
    : yield* mayCreate(task, target.parent);
  if (may_new) return may_new;
  // A directory that changes its parent has its ".." rewritten.
  if (old_dir !== new_dir) {
    for (const moved of exchange ? [inode, replaced!] : [inode]) {
      if (!isDirectory(moved.mode)) continue;
      const error = yield* finish(inodePermission(task, moved, MAY_WRITE));
      if (error) return error;
    }
  }
  if (!old_dir.ops.rename) return -EPERM;
  if (old.nr_mounts > 0 || target.nr_mounts > 0) return -EBUSY;
  const error = yield* finish(old_dir.ops.rename(task, old_dir, old, new_dir, target, flags));
  if (error) return error;
  const { parent, name } = target;
  if (exchange) {
    const old_parent = old.parent;
    const old_name = old.name;
    target.unhash();
    old.move(parent, name);
    target.move(old_parent, old_name);
    return 0;
  }
  target.unhash();
  old.move(parent, name);
  replaced?.evictIfUnused();
  return 0;
}

function* withName(task: Task, ptr: number, call: (name: string) => Sleep<number>): Sleep<number> {
  const name = getName(task, ptr);
  return typeof name === "number" ? name : yield* call(name);
}

function* withNames(
  task: Task,
  first: number,
  second: number,
  call: (first: string, second: string) => Sleep<number>,
): Sleep<number> {
  const a = getName(task, first);
  if (typeof a === "number") return a;
  const b = getName(task, second);
  return typeof b === "number" ? b : yield* call(a, b);
}

export function sys_mkdirat(task: Task, dirfd: number, pathname: number, mode: number): Sleep<number> {
  return withName(task, pathname, (name) => makeDirectory(task, dirfd, name, mode));
}

export function sys_mkdir(task: Task, pathname: number, mode: number): Sleep<number> {
  return sys_mkdirat(task, AT_FDCWD, pathname, mode);
}

export function sys_mknodat(
  task: Task,
  dirfd: number,
  pathname: number,
  mode: number,
  dev: number,
): Sleep<number> {
  return withName(task, pathname, (name) => makeNode(task, dirfd, name, mode, dev >>> 0));
}

export function sys_mknod(task: Task, pathname: number, mode: number, dev: number): Sleep<number> {
  return sys_mknodat(task, AT_FDCWD, pathname, mode, dev);
}

export function sys_symlinkat(task: Task, target: number, dirfd: number, linkpath: number): Sleep<number> {
  return withNames(task, target, linkpath, (text, name) => makeSymlink(task, text, dirfd, name));
}

export function sys_symlink(task: Task, target: number, linkpath: number): Sleep<number> {
  return sys_symlinkat(task, target, AT_FDCWD, linkpath);
}

export function sys_linkat(
  task: Task,
  old_dirfd: number,
  oldpath: number,
  new_dirfd: number,
  newpath: number,
  flags: number,
): Sleep<number> {
  return withNames(task, oldpath, newpath, (a, b) => makeLink(task, old_dirfd, a, new_dirfd, b, flags));
}

export function sys_link(task: Task, oldpath: number, newpath: number): Sleep<number> {
  return sys_linkat(task, AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

export function sys_unlinkat(
  task: Task,
  dirfd: number,
  pathname: number,
  flags: number,
): Sleep<number> | number {
  if (flags & ~AT_REMOVEDIR) return -EINVAL;
  const remove = flags & AT_REMOVEDIR ? removeDirectory : unlinkName;
  return withName(task, pathname, (name) => remove(task, dirfd, name));
}

export function sys_unlink(task: Task, pathname: number): Sleep<number> | number {
  return sys_unlinkat(task, AT_FDCWD, pathname, 0);
}

export function sys_rmdir(task: Task, pathname: number): Sleep<number> | number {
  return sys_unlinkat(task, AT_FDCWD, pathname, AT_REMOVEDIR);
}

export function sys_renameat2(
  task: Task,
  old_dirfd: number,
  oldpath: number,
  new_dirfd: number,
  newpath: number,
  flags: number,
): Sleep<number> {
  return withNames(task, oldpath, newpath, (a, b) => renameName(task, old_dirfd, a, new_dirfd, b, flags));
}

export function sys_renameat(
  task: Task,
  old_dirfd: number,
  oldpath: number,
  new_dirfd: number,
  newpath: number,
): Sleep<number> {
  return sys_renameat2(task, old_dirfd, oldpath, new_dirfd, newpath, 0);
}

export function sys_rename(task: Task, oldpath: number, newpath: number): Sleep<number> {
  return sys_renameat2(task, AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

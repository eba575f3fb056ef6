/**
 * stat, lstat, fstat, newfstatat, statx, access, readlink. Linux: fs/stat.c, fs/open.c do_faccessat().
 *
 *     struct stat (144 bytes)                       struct statx (256 bytes)
 *       0 st_dev   8 st_ino  16 st_nlink              0 mask  4 blksize  8 attributes  16 nlink  20 uid  24 gid
 *      24 st_mode 28 st_uid  32 st_gid               28 mode 32 ino     40 size        48 blocks 56 attributes_mask
 *      40 st_rdev 48 st_size 56 st_blksize           64 atime 80 btime  96 ctime 112 mtime  (s64 sec, u32 nsec)
 *      64 st_blocks 72 atim 88 mtim 104 ctim        128 rdev major, minor  136 dev major, minor  144 mnt_id
 */
import { isErr } from "../lib/err.ts";
import { copyToUser, latin1Bytes } from "../mm/usercopy.ts";
import { finish, isSleep, type Sleep } from "../sched/wait.ts";
import { CapSet } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { EACCES, EFAULT, EINVAL, ENOENT, EROFS } from "../uapi/errno.ts";
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_STATX_SYNC_TYPE,
  AT_SYMLINK_NOFOLLOW,
  R_OK,
  W_OK,
  X_OK,
} from "../uapi/fcntl.ts";
import {
  STATX_ATTR_APPEND,
  STATX_ATTR_IMMUTABLE,
  STATX_ATTR_MOUNT_ROOT,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_MNT_ID,
  STATX__RESERVED,
  isBlockDevice,
  isCharDevice,
  isFifo,
  isRegular,
  isSocket,
  isSymlink,
  majorOf,
  minorOf,
} from "../uapi/stat.ts";
import { lookupFlags } from "./attr.ts";
import { MAY_WRITE, S_APPEND, S_IMMUTABLE, type Inode, type Kstat, type Timespec } from "./inode.ts";
import { MNT_NOEXEC } from "./mount.ts";
import { getName, lookupPath, touchAccess, userPathAt } from "./namei.ts";
import type { Path } from "./path.ts";
import { inodePermission } from "./permission.ts";

/** The inode's fields. Linux: generic_fillattr(). */
export function fillAttributes(inode: Inode): Kstat {
  return {
    dev: inode.sb.dev,
    ino: inode.ino,
    mode: inode.mode,
    nlink: inode.nlink,
    uid: inode.uid,
    gid: inode.gid,
    rdev: inode.rdev,
    size: inode.size,
    blksize: inode.sb.blocksize,
    blocks: inode.mapping ? inode.mapping.nrpages * 8 : 0,
    atime: inode.atime,
    mtime: inode.mtime,
    ctime: inode.ctime,
    btime: inode.btime,
  };
}

/** What stat() shows of the inode. Linux: vfs_getattr(). */
export function* getAttributes(task: Task, inode: Inode): Sleep<Kstat | number> {
  if (!inode.ops.getattr) return fillAttributes(inode);
  const stat = fillAttributes(inode);
  const result = inode.ops.getattr(task, inode, stat);
  const error = isSleep(result) ? yield* result : result;
  return error ? error : stat;
}

function putTime(view: DataView, offset: number, time: Timespec): void {
  setInt64(view, offset, time.sec);
  view.setUint32(offset + 8, time.nsec, true);
}

function setInt64(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  view.setUint32(offset, value - high * 2 ** 32, true);
  view.setInt32(offset + 4, high, true);
}

/** Stores struct stat at `ptr`. Linux: cp_new_stat(). */
function putStat(task: Task, ptr: number, stat: Kstat): number {
  const bytes = new Uint8Array(144);
  const view = new DataView(bytes.buffer);
  setInt64(view, 0, stat.dev);
  setInt64(view, 8, stat.ino);
  setInt64(view, 16, stat.nlink);
  view.setUint32(24, stat.mode, true);
  view.setUint32(28, stat.uid, true);
  view.setUint32(32, stat.gid, true);
  setInt64(view, 40, stat.rdev);
  setInt64(view, 48, stat.size);
  setInt64(view, 56, stat.blksize);
  setInt64(view, 64, stat.blocks);
  putTime(view, 72, stat.atime);
  putTime(view, 88, stat.mtime);
  putTime(view, 104, stat.ctime);
  return copyToUser(task, ptr, bytes);
}

/** Stores a structure of attributes for the program. */
export type PutStat = (task: Task, ptr: number, stat: Kstat) => number;

export function* statPath(
  task: Task,
  dirfd: number,
  pathname: number,
  statbuf: number,
  flags: number,
  put: PutStat = putStat,
): Sleep<number> {
  const path = yield* userPathAt(task, dirfd, pathname, lookupFlags(flags));
  if (isErr(path)) return path;
  return yield* statInode(task, path.dentry.inode!, statbuf, put);
}

function* statInode(task: Task, inode: Inode, statbuf: number, put: PutStat): Sleep<number> {
  const stat = yield* getAttributes(task, inode);
  return isErr(stat) ? stat : put(task, statbuf, stat);
}

/** fstatat(2) with its flags checked. */
export function statAt(
  task: Task,
  dirfd: number,
  pathname: number,
  statbuf: number,
  flags: number,
  put: PutStat,
): Sleep<number> | number {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) return -EINVAL;
  return statPath(task, dirfd, pathname, statbuf, flags, put);
}

export function sys_stat(task: Task, pathname: number, statbuf: number): Sleep<number> {
  return statPath(task, AT_FDCWD, pathname, statbuf, 0);
}

export function sys_lstat(task: Task, pathname: number, statbuf: number): Sleep<number> {
  return statPath(task, AT_FDCWD, pathname, statbuf, AT_SYMLINK_NOFOLLOW);
}

export function statFd(task: Task, fd: number, statbuf: number, put: PutStat): Sleep<number> | number {
  const file = task.files.getRaw(fd);
  if (isErr(file)) return file;
  const { inode } = file;
  return inode.ops.getattr ? statInode(task, inode, statbuf, put) : put(task, statbuf, fillAttributes(inode));
}

export function sys_fstat(task: Task, fd: number, statbuf: number): Sleep<number> | number {
  return statFd(task, fd, statbuf, putStat);
}

export function sys_newfstatat(
  task: Task,
  dirfd: number,
  pathname: number,
  statbuf: number,
  flags: number,
): Sleep<number> | number {
  return statAt(task, dirfd, pathname, statbuf, flags, putStat);
}

export function* sys_statx(
  task: Task,
  dirfd: number,
  pathname: number,
  flags: number,
  mask: number,
  buffer: number,
): Sleep<number> {
  if ((mask & STATX__RESERVED) !== 0) return -EINVAL;
  if ((flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return -EINVAL;
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) return -EINVAL;
  let path: Path | number;
  if (pathname === 0 && flags & AT_EMPTY_PATH) path = yield* lookupPath(task, dirfd, "", lookupFlags(flags));
  else path = yield* userPathAt(task, dirfd, pathname, lookupFlags(flags));
  if (isErr(path)) return path;
  const inode = path.dentry.inode!;
  const stat = yield* getAttributes(task, inode);
  if (isErr(stat)) return stat;
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, STATX_BASIC_STATS | STATX_MNT_ID | (stat.btime ? STATX_BTIME : 0), true);
  view.setUint32(4, stat.blksize, true);
  const is_mount_root = path.dentry === path.mnt.root;
  const attributes =
    (inode.flags & S_APPEND ? STATX_ATTR_APPEND : 0) |
    (inode.flags & S_IMMUTABLE ? STATX_ATTR_IMMUTABLE : 0) |
    (is_mount_root ? STATX_ATTR_MOUNT_ROOT : 0);
  view.setUint32(8, attributes, true);
  view.setUint32(16, stat.nlink, true);
  view.setUint32(20, stat.uid, true);
  view.setUint32(24, stat.gid, true);
  view.setUint16(28, stat.mode, true);
  setInt64(view, 32, stat.ino);
  setInt64(view, 40, stat.size);
  setInt64(view, 48, stat.blocks);
  view.setUint32(56, STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE | STATX_ATTR_MOUNT_ROOT, true);
  putTime(view, 64, stat.atime);
  if (stat.btime) putTime(view, 80, stat.btime);
  putTime(view, 96, stat.ctime);
  putTime(view, 112, stat.mtime);
  view.setUint32(128, majorOf(stat.rdev), true);
  view.setUint32(132, minorOf(stat.rdev), true);
  view.setUint32(136, majorOf(stat.dev), true);
  view.setUint32(140, minorOf(stat.dev), true);
  setInt64(view, 144, path.mnt.id);
  return copyToUser(task, buffer, bytes);
}

/** Rights by real ids (access(2)) or effective ones (AT_EACCESS). Linux: do_faccessat(). */
function* checkAccess(
  task: Task,
  dirfd: number,
  pathname: number,
  mode: number,
  flags: number,
): Sleep<number> {
  if (mode & ~(R_OK | W_OK | X_OK)) return -EINVAL;
  if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  const { cred } = task;
  if (!(flags & AT_EACCESS)) {
    // The rights of the real user: for root all of its permitted capabilities, for others none.
    const real = cred.clone();
    real.fsuid = cred.uid;
    real.fsgid = cred.gid;
    real.cap_effective = cred.uid === 0 ? cred.cap_permitted : CapSet.EMPTY;
    task.cred = real;
  }
  try {
    const path = yield* userPathAt(task, dirfd, pathname, lookupFlags(flags & ~AT_EACCESS));
    if (isErr(path)) return path;
    const inode = path.dentry.inode!;
    if (mode & X_OK && isRegular(inode.mode) && path.mnt.flags & MNT_NOEXEC) return -EACCES;
    const error = yield* finish(inodePermission(task, inode, mode));
    if (error || !(mode & MAY_WRITE)) return error;
    const { mode: type } = inode;
    const is_special = isCharDevice(type) || isBlockDevice(type) || isFifo(type) || isSocket(type);
    return !is_special && path.mnt.isReadOnly ? -EROFS : 0;
  } finally {
    task.cred = cred;
  }
}

export function sys_access(task: Task, pathname: number, mode: number): Sleep<number> {
  return checkAccess(task, AT_FDCWD, pathname, mode, 0);
}

export function sys_faccessat(task: Task, dirfd: number, pathname: number, mode: number): Sleep<number> {
  return checkAccess(task, dirfd, pathname, mode, 0);
}

export function sys_faccessat2(
  task: Task,
  dirfd: number,
  pathname: number,
  mode: number,
  flags: number,
): Sleep<number> {
  return checkAccess(task, dirfd, pathname, mode, flags);
}

export function* sys_readlinkat(
  task: Task,
  dirfd: number,
  pathname: number,
  buf: number,
  bufsiz: number,
): Sleep<number> {
  if (bufsiz <= 0) return -EINVAL;
  const name = getName(task, pathname);
  if (typeof name === "number") return name;
  const path = yield* lookupPath(
    task,
    dirfd,
    name,
    name === "" ? lookupFlags(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) : 0,
  );
  if (isErr(path)) return path;
  const inode = path.dentry.inode!;
  if (!isSymlink(inode.mode) || !inode.ops.readlink) return name === "" ? -ENOENT : -EINVAL;
  touchAccess(path.mnt, inode);
  const text = yield* finish(inode.ops.readlink(task, inode));
  if (typeof text === "number") return text;
  const bytes = latin1Bytes(text.slice(0, bufsiz));
  return copyToUser(task, buf, bytes) < 0 ? -EFAULT : bytes.length;
}

export function sys_readlink(task: Task, pathname: number, buf: number, bufsiz: number): Sleep<number> {
  return sys_readlinkat(task, AT_FDCWD, pathname, buf, bufsiz);
}

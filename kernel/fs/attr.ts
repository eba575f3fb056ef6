/**
 * Changing attributes: truncate, chmod, chown, utimensat and what they check. Linux: fs/attr.c, fs/open.c,
 * fs/utimes.c.
 */
import { isErr } from "../lib/err.ts";
import { readTimePair, readWords, timeWordSize } from "../mm/user_words.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import { sendSignal } from "../task/signal.ts";
import type { Task } from "../task/task.ts";
import { CAP_CHOWN, CAP_FSETID } from "../uapi/capability.ts";
import { EACCES, EBADF, EFAULT, EFBIG, EINVAL, EISDIR, EOPNOTSUPP, EPERM, ETXTBSY } from "../uapi/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../uapi/fcntl.ts";
import { RLIMIT_FSIZE } from "../uapi/resource.ts";
import { SIGXFSZ } from "../uapi/signal.ts";
import {
  S_IALLUGO,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
  UTIME_NOW,
  UTIME_OMIT,
  isDirectory,
  isRegular,
  isSymlink,
} from "../uapi/stat.ts";
import type { Dentry } from "./dentry.ts";
import {
  MAY_WRITE,
  S_APPEND,
  S_IMMUTABLE,
  currentTime,
  type Iattr,
  type Inode,
  type Timespec,
} from "./inode.ts";
import { LOOKUP_EMPTY, LOOKUP_FOLLOW, userPathAt } from "./namei.ts";
import type { Path } from "./path.ts";
import { inodePermission, mountWantWrite, ownerOrCapable } from "./permission.ts";

/** Applies attributes without checking rights. Linux: notify_change() after setattr_prepare(). */
export function* setAttributes(task: Task, dentry: Dentry, attr: Iattr): Sleep<number> {
  const inode = dentry.inode!;
  attr.ctime ??= currentTime(task.kernel);
  if (inode.ops.setattr) return yield* finish(inode.ops.setattr(task, dentry, attr));
  if (attr.size !== undefined) return -EINVAL;
  copyAttributes(inode, attr);
  return 0;
}

/** Stores the attributes but for the size in the inode. Linux: setattr_copy(). */
export function copyAttributes(inode: Inode, attr: Iattr): void {
  if (attr.uid !== undefined) inode.uid = attr.uid;
  if (attr.gid !== undefined) inode.gid = attr.gid;
  if (attr.mode !== undefined) inode.mode = (inode.mode & ~S_IALLUGO) | (attr.mode & S_IALLUGO);
  if (attr.atime) inode.atime = attr.atime;
  if (attr.mtime) inode.mtime = attr.mtime;
  if (attr.ctime) inode.ctime = attr.ctime;
}

/**
 * `mode` without the set-id bits that a write or chown by an ordinary user takes away. Linux:
 * setattr_should_drop_suidgid().
 */
export function droppedPrivileges(task: Task, inode: Inode): number | undefined {
  const { mode } = inode;
  if (!isRegular(mode) || (mode & (S_ISUID | S_ISGID)) === 0) return undefined;
  if (capable(task, CAP_FSETID)) return undefined;
  let kept = mode & ~S_ISUID;
  if (mode & S_IXGRP || (mode & S_ISGID && !task.cred.inGroup(inode.gid))) kept &= ~S_ISGID;
  return kept === mode ? undefined : kept & S_IALLUGO;
}

/** Before a write to a regular file: set-id bits go, times move. Linux: file_modified(). */
export function fileModified(task: Task, inode: Inode): void {
  if (inode.mode & (S_ISUID | S_ISGID)) {
    const mode = droppedPrivileges(task, inode);
    if (mode !== undefined) inode.mode = (inode.mode & ~S_IALLUGO) | mode;
  }
  inode.touchModified();
}

/** Whether a file may grow to `size`: 0, or -EFBIG with SIGXFSZ. Linux: inode_newsize_ok(). */
export function newSizeOk(task: Task, inode: Inode, size: number): number {
  if (size <= inode.size) return 0;
  if (size > task.signal.rlimits[RLIMIT_FSIZE].cur) {
    sendSignal(task, SIGXFSZ);
    return -EFBIG;
  }
  return size > inode.sb.maxbytes ? -EFBIG : 0;
}

/** Sets the size of a regular file that the caller may write. Linux: do_truncate(). */
export function* truncateDentry(task: Task, dentry: Dentry, size: number, open_trunc = false): Sleep<number> {
  const inode = dentry.inode!;
  const error = newSizeOk(task, inode, size);
  if (error) return error;
  const now = currentTime(task.kernel);
  const attr: Iattr = { size, ctime: now, mtime: now };
  if (!open_trunc || inode.size > 0) {
    const mode = droppedPrivileges(task, inode);
    if (mode !== undefined) attr.mode = mode;
  }
  return yield* setAttributes(task, dentry, attr);
}

/** Checks of truncate() on a path. Linux: vfs_truncate(). */
function* truncatePath(task: Task, path: Path, length: number): Sleep<number> {
  const inode = path.dentry.inode!;
  if (isDirectory(inode.mode)) return -EISDIR;
  if (!isRegular(inode.mode)) return -EINVAL;
  const readonly = mountWantWrite(path.mnt);
  if (readonly) return readonly;
  const denied = yield* finish(inodePermission(task, inode, MAY_WRITE));
  if (denied) return denied;
  if (inode.flags & S_APPEND) return -EPERM;
  if (inode.writecount < 0) return -ETXTBSY;
  return yield* truncateDentry(task, path.dentry, length);
}

export function* sys_truncate(task: Task, pathname: number, length: number): Sleep<number> {
  if (length < 0) return -EINVAL;
  const path = yield* userPathAt(task, AT_FDCWD, pathname, LOOKUP_FOLLOW);
  return isErr(path) ? path : yield* truncatePath(task, path, length);
}

export function sys_ftruncate(task: Task, fd: number, length: number): Sleep<number> | number {
  if (length < 0) return -EINVAL;
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!isRegular(file.inode.mode) || !file.isWritable) return -EINVAL;
  if (file.inode.flags & S_APPEND) return -EPERM;
  return truncateDentry(task, file.path.dentry, length);
}

/** chmod on an inode. Linux: chmod_common(). */
function* changeMode(task: Task, path: Path, mode: number): Sleep<number> {
  const inode = path.dentry.inode!;
  const readonly = mountWantWrite(path.mnt);
  if (readonly) return readonly;
  if (inode.flags & (S_IMMUTABLE | S_APPEND)) return -EPERM;
  if (!ownerOrCapable(task, inode)) return -EPERM;
  let bits = mode & S_IALLUGO;
  if (bits & S_ISGID && !task.cred.inGroup(inode.gid) && !capable(task, CAP_FSETID)) bits &= ~S_ISGID;
  return yield* setAttributes(task, path.dentry, { mode: bits });
}

function* changeModeAt(
  task: Task,
  dirfd: number,
  pathname: number,
  mode: number,
  flags: number,
): Sleep<number> {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  const path = yield* userPathAt(task, dirfd, pathname, lookupFlags(flags));
  if (isErr(path)) return path;
  if (isSymlink(path.dentry.inode!.mode)) return -EOPNOTSUPP;
  return yield* changeMode(task, path, mode);
}

/** LOOKUP_ flags for AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. */
export function lookupFlags(at_flags: number): number {
  return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

export function sys_chmod(task: Task, pathname: number, mode: number): Sleep<number> {
  return changeModeAt(task, AT_FDCWD, pathname, mode, 0);
}

export function sys_fchmodat(task: Task, dirfd: number, pathname: number, mode: number): Sleep<number> {
  return changeModeAt(task, dirfd, pathname, mode, 0);
}

export function sys_fchmodat2(
  task: Task,
  dirfd: number,
  pathname: number,
  mode: number,
  flags: number,
): Sleep<number> {
  return changeModeAt(task, dirfd, pathname, mode, flags);
}

export function sys_fchmod(task: Task, fd: number, mode: number): Sleep<number> | number {
  const file = task.files.get(fd);
  return isErr(file) ? file : changeMode(task, file.path, mode);
}

/** chown on an inode; -1 leaves an id. Linux: chown_common(), setattr_prepare(). */
function* changeOwner(task: Task, path: Path, user: number, group: number): Sleep<number> {
  const inode = path.dentry.inode!;
  const readonly = mountWantWrite(path.mnt);
  if (readonly) return readonly;
  if (inode.flags & (S_IMMUTABLE | S_APPEND)) return -EPERM;
  const attr: Iattr = {};
  const is_owner = task.cred.fsuid === inode.uid;
  if ((user | 0) !== -1) {
    attr.uid = user >>> 0;
    if (!(is_owner && attr.uid === inode.uid) && !capable(task, CAP_CHOWN)) return -EPERM;
  }
  if ((group | 0) !== -1) {
    attr.gid = group >>> 0;
    const is_own_group = is_owner && (attr.gid === inode.gid || task.cred.inGroup(attr.gid));
    if (!is_own_group && !capable(task, CAP_CHOWN)) return -EPERM;
  }
  if (!isDirectory(inode.mode)) {
    // Set-id bits of programs go, whoever asks: they were meant for the old owner.
    let kept = inode.mode & ~S_ISUID;
    if (inode.mode & S_IXGRP) kept &= ~S_ISGID;
    if (kept !== inode.mode) attr.mode = kept & S_IALLUGO;
  }
  return yield* setAttributes(task, path.dentry, attr);
}

export function* sys_fchownat(
  task: Task,
  dirfd: number,
  pathname: number,
  user: number,
  group: number,
  flags: number,
): Sleep<number> {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  const path = yield* userPathAt(task, dirfd, pathname, lookupFlags(flags));
  return isErr(path) ? path : yield* changeOwner(task, path, user, group);
}

export function sys_chown(task: Task, pathname: number, user: number, group: number): Sleep<number> {
  return sys_fchownat(task, AT_FDCWD, pathname, user, group, 0);
}

export function sys_lchown(task: Task, pathname: number, user: number, group: number): Sleep<number> {
  return sys_fchownat(task, AT_FDCWD, pathname, user, group, AT_SYMLINK_NOFOLLOW);
}

export function sys_fchown(task: Task, fd: number, user: number, group: number): Sleep<number> | number {
  const file = task.files.get(fd);
  return isErr(file) ? file : changeOwner(task, file.path, user, group);
}

/** Sets access and modification time; null = now for both. Linux: vfs_utimes(). */
function* changeTimes(task: Task, path: Path, times: [Timespec, Timespec] | null): Sleep<number> {
  const inode = path.dentry.inode!;
  const readonly = mountWantWrite(path.mnt);
  if (readonly) return readonly;
  const now = currentTime(task.kernel);
  const attr: Iattr = { ctime: now };
  const [atime, mtime] = times ?? [NOW, NOW];
  const is_now = atime.nsec === UTIME_NOW && mtime.nsec === UTIME_NOW;
  if (atime.nsec === UTIME_OMIT && mtime.nsec === UTIME_OMIT) return 0;
  if (atime.nsec !== UTIME_OMIT) attr.atime = atime.nsec === UTIME_NOW ? now : atime;
  if (mtime.nsec !== UTIME_OMIT) attr.mtime = mtime.nsec === UTIME_NOW ? now : mtime;
  if (inode.flags & S_IMMUTABLE) return is_now ? -EACCES : -EPERM;
  if (is_now) {
    // Setting both to now is what touch does: the right to write is enough.
    if (!ownerOrCapable(task, inode)) {
      const denied = yield* finish(inodePermission(task, inode, MAY_WRITE));
      if (denied) return denied;
    }
  } else if (inode.flags & S_APPEND || !ownerOrCapable(task, inode)) return -EPERM;
  return yield* setAttributes(task, path.dentry, attr);
}

const NOW: Timespec = { sec: 0, nsec: UTIME_NOW };

/** utimensat() with times already read; `pathname` 0 means `dirfd` itself. */
function* utimes(
  task: Task,
  dirfd: number,
  pathname: number,
  times: [Timespec, Timespec] | null,
  flags: number,
): Sleep<number> {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  if (pathname === 0 && (dirfd | 0) !== AT_FDCWD) {
    if (flags) return -EINVAL;
    const file = task.files.get(dirfd | 0);
    return isErr(file) ? -EBADF : yield* changeTimes(task, file.path, times);
  }
  const path = yield* userPathAt(task, dirfd, pathname, lookupFlags(flags));
  return isErr(path) ? path : yield* changeTimes(task, path, times);
}

/** Reads two (seconds, fraction) pairs; `ns_per_unit` of the fraction. */
function readTimes(task: Task, ptr: number, ns_per_unit: number): [Timespec, Timespec] | number {
  const first = readTimePair(task, ptr);
  const second = readTimePair(task, ptr + 2 * timeWordSize(task));
  if (first === null || second === null) return -EFAULT;
  const time = ([sec, fraction]: readonly [number, number]): Timespec => ({
    sec,
    nsec: fraction * ns_per_unit,
  });
  return [time(first), time(second)];
}

export function sys_utimensat(
  task: Task,
  dirfd: number,
  pathname: number,
  times: number,
  flags: number,
): Sleep<number> | number {
  if (times === 0) return utimes(task, dirfd, pathname, null, flags);
  const pair = readTimes(task, times, 1);
  if (typeof pair === "number") return pair;
  if (pair[0].nsec === UTIME_OMIT && pair[1].nsec === UTIME_OMIT) return 0;
  if (!pair.every(({ nsec }) => nsec === UTIME_NOW || nsec === UTIME_OMIT || (nsec >= 0 && nsec < 1e9)))
    return -EINVAL;
  return utimes(task, dirfd, pathname, pair, flags);
}

export function sys_futimesat(
  task: Task,
  dirfd: number,
  pathname: number,
  tvp: number,
): Sleep<number> | number {
  if (tvp === 0) return utimes(task, dirfd, pathname, null, 0);
  const pair = readTimes(task, tvp, 1000);
  if (typeof pair === "number") return pair;
  if (!pair.every(({ nsec }) => nsec >= 0 && nsec < 1e9)) return -EINVAL;
  return utimes(task, dirfd, pathname, pair, 0);
}

export function sys_utimes(task: Task, pathname: number, tvp: number): Sleep<number> | number {
  return sys_futimesat(task, AT_FDCWD, pathname, tvp);
}

export function sys_utime(task: Task, pathname: number, times: number): Sleep<number> | number {
  if (times === 0) return utimes(task, AT_FDCWD, pathname, null, 0);
  const words = readWords(task, times, 2, timeWordSize(task));
  if (words === null) return -EFAULT;
  const [actime, modtime] = words.map((sec) => ({ sec, nsec: 0 }));
  return utimes(task, AT_FDCWD, pathname, [actime, modtime], 0);
}

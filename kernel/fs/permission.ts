/**
 * Who may do what to an inode: mode bits, ownership, capabilities, the sticky bit. Linux: fs/namei.c
 * inode_permission(), generic_permission(), may_delete(); man 7 capabilities.
 */
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { finish, type MaySleep, type Sleep } from "../sched/wait.ts";
import { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER } from "../uapi/capability.ts";
import { EACCES, EISDIR, ENOENT, ENOTDIR, EPERM, EROFS } from "../uapi/errno.ts";
import { MS_RDONLY } from "../uapi/mount.ts";
import { S_ISVTX, S_IXUGO, isDirectory, isRegular, isSymlink } from "../uapi/stat.ts";
import type { Dentry } from "./dentry.ts";
import { MAY_EXEC, MAY_READ, MAY_WRITE, S_APPEND, S_IMMUTABLE, type Inode } from "./inode.ts";
import type { Mount } from "./mount.ts";

/** Whether the task may act as the owner of the inode. Linux: inode_owner_or_capable(). */
export function ownerOrCapable(task: Task, inode: Inode): boolean {
  return task.cred.fsuid === inode.uid || capable(task, CAP_FOWNER);
}

/** 0 or -EACCES by mode bits and capabilities. Linux: generic_permission(). */
export function genericPermission(task: Task, inode: Inode, mask: number): number {
  mask &= MAY_READ | MAY_WRITE | MAY_EXEC;
  let mode = inode.mode;
  if (task.cred.fsuid === inode.uid) mode >>= 6;
  else if (((mode >> 3) & 7) !== (mode & 7) && task.cred.inGroup(inode.gid)) mode >>= 3;
  if ((mask & ~mode) === 0) return 0;
  if (isDirectory(inode.mode)) {
    if ((mask & MAY_WRITE) === 0 && capable(task, CAP_DAC_READ_SEARCH)) return 0;
    return capable(task, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
  }
  if (mask === MAY_READ && capable(task, CAP_DAC_READ_SEARCH)) return 0;
  // Root may execute what someone may execute.
  if (((mask & MAY_EXEC) === 0 || (inode.mode & S_IXUGO) !== 0) && capable(task, CAP_DAC_OVERRIDE)) return 0;
  return -EACCES;
}

/**
 * Whether the task may access the inode in the ways of `mask`: 0, -EACCES, -EROFS, -EPERM. Linux:
 * inode_permission().
 */
export function inodePermission(task: Task, inode: Inode, mask: number): MaySleep<number> {
  if (mask & MAY_WRITE) {
    const { mode } = inode;
    const isStored = isRegular(mode) || isDirectory(mode) || isSymlink(mode);
    if (isStored && (inode.sb.flags & MS_RDONLY) !== 0) return -EROFS;
    if (inode.flags & S_IMMUTABLE) return -EPERM;
  }
  return inode.ops.permission
    ? inode.ops.permission(task, inode, mask)
    : genericPermission(task, inode, mask);
}

/** -EROFS if nothing may be changed through this mount. Linux: mnt_want_write(). */
export function mountWantWrite(mnt: Mount): number {
  return mnt.isReadOnly ? -EROFS : 0;
}

/** Whether the task may make a name in `dir`. Linux: may_create(). */
export function* mayCreate(task: Task, dir: Dentry): Sleep<number> {
  const inode = dir.inode!;
  if (inode.nlink === 0) return -ENOENT;
  return yield* finish(inodePermission(task, inode, MAY_WRITE | MAY_EXEC));
}

/**
 * Whether the task may remove (or replace) the name `victim`, a directory or not as `is_directory` says.
 * Linux: may_delete().
 */
export function* mayDelete(task: Task, victim: Dentry, is_directory: boolean): Sleep<number> {
  const inode = victim.inode;
  if (!inode) return -ENOENT;
  const dir = victim.parent.inode!;
  const error = yield* finish(inodePermission(task, dir, MAY_WRITE | MAY_EXEC));
  if (error) return error;
  if (dir.flags & S_APPEND) return -EPERM;
  if (isSticky(task, dir, inode) || inode.flags & (S_APPEND | S_IMMUTABLE)) return -EPERM;
  if (is_directory) {
    if (!isDirectory(inode.mode)) return -ENOTDIR;
  } else if (isDirectory(inode.mode)) return -EISDIR;
  if (dir.nlink === 0) return -ENOENT;
  return 0;
}

/** Whether the sticky bit of `dir` keeps the task from removing `inode`. Linux: check_sticky(). */
export function isSticky(task: Task, dir: Inode, inode: Inode): boolean {
  if ((dir.mode & S_ISVTX) === 0) return false;
  const { fsuid } = task.cred;
  if (inode.uid === fsuid || dir.uid === fsuid) return false;
  return !capable(task, CAP_FOWNER);
}

/**
 * Extended attributes: name checks and buffers; the file system stores them. Linux: fs/xattr.c; man 7 xattr.
 */
import { isErr } from "../lib/err.ts";
import { copyFromUser, copyToUser, latin1Bytes, readUserString } from "../mm/usercopy.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_SYS_ADMIN } from "../uapi/capability.ts";
import { E2BIG, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE } from "../uapi/errno.ts";
import { AT_FDCWD } from "../uapi/fcntl.ts";
import { S_ISVTX, isDirectory, isRegular } from "../uapi/stat.ts";
import { MAY_READ, MAY_WRITE, S_APPEND, S_IMMUTABLE, type Inode } from "./inode.ts";
import { LOOKUP_FOLLOW, userPathAt } from "./namei.ts";
import type { Path } from "./path.ts";
import { inodePermission, mountWantWrite, ownerOrCapable } from "./permission.ts";

export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
const XATTR_NAME_MAX = 255;
const XATTR_SIZE_MAX = 65536;

/** Whether the name space of `name` is open to the task. Linux: xattr_permission(). */
function* checkName(task: Task, inode: Inode, name: string, mask: number): Sleep<number> {
  if (mask & MAY_WRITE && inode.flags & (S_IMMUTABLE | S_APPEND)) return -EPERM;
  if (name.startsWith("security.") || name.startsWith("system.")) return 0;
  if (name.startsWith("trusted.")) {
    if (capable(task, CAP_SYS_ADMIN)) return 0;
    return mask & MAY_WRITE ? -EPERM : -ENODATA;
  }
  if (name.startsWith("user.")) {
    if (!isRegular(inode.mode) && !isDirectory(inode.mode)) return mask & MAY_WRITE ? -EPERM : -ENODATA;
    const is_sticky = isDirectory(inode.mode) && (inode.mode & S_ISVTX) !== 0;
    if (is_sticky && mask & MAY_WRITE && !ownerOrCapable(task, inode)) return -EPERM;
  }
  return yield* finish(inodePermission(task, inode, mask));
}

function readName(task: Task, ptr: number): string | number {
  const name = readUserString(task, ptr, XATTR_NAME_MAX + 1);
  if (typeof name === "number") return name;
  return name === "" || name.length > XATTR_NAME_MAX ? -ERANGE : name;
}

function* setAttribute(
  task: Task,
  path: Path,
  name_ptr: number,
  value: number,
  size: number,
  flags: number,
): Sleep<number> {
  if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) return -EINVAL;
  const name = readName(task, name_ptr);
  if (typeof name === "number") return name;
  if (size < 0 || size > XATTR_SIZE_MAX) return -E2BIG;
  if (/^(user|trusted|security|system)\.$/.test(name)) return -EINVAL;
  const bytes = new Uint8Array(size);
  const fault = size > 0 ? copyFromUser(task, value, bytes) : 0;
  if (fault < 0) return fault;
  const readonly = mountWantWrite(path.mnt);
  if (readonly) return readonly;
  const inode = path.dentry.inode!;
  const denied = yield* checkName(task, inode, name, MAY_WRITE);
  if (denied) return denied;
  return inode.ops.setxattr
    ? yield* finish(inode.ops.setxattr(task, inode, name, bytes, flags))
    : -EOPNOTSUPP;
}

function* getAttribute(task: Task, path: Path, name_ptr: number, value: number, size: number): Sleep<number> {
  const name = readName(task, name_ptr);
  if (typeof name === "number") return name;
  const inode = path.dentry.inode!;
  const denied = yield* checkName(task, inode, name, MAY_READ);
  if (denied) return denied;
  if (!inode.ops.getxattr) return -EOPNOTSUPP;
  const bytes = yield* finish(inode.ops.getxattr(task, inode, name));
  if (typeof bytes === "number") return bytes;
  if (size === 0) return bytes.length;
  if (size < bytes.length) return -ERANGE;
  return copyToUser(task, value, bytes) || bytes.length;
}

function* listAttributes(task: Task, path: Path, list: number, size: number): Sleep<number> {
  const inode = path.dentry.inode!;
  const names = inode.ops.listxattr ? yield* finish(inode.ops.listxattr(task, inode)) : [];
  if (typeof names === "number") return names;
  const shown = capable(task, CAP_SYS_ADMIN) ? names : names.filter((name) => !name.startsWith("trusted."));
  const bytes = latin1Bytes(shown.map((name) => `${name}\0`).join(""));
  if (size === 0) return bytes.length;
  if (size < bytes.length) return -ERANGE;
  return copyToUser(task, list, bytes) || bytes.length;
}

function* removeAttribute(task: Task, path: Path, name_ptr: number): Sleep<number> {
  const name = readName(task, name_ptr);
  if (typeof name === "number") return name;
  const readonly = mountWantWrite(path.mnt);
  if (readonly) return readonly;
  const inode = path.dentry.inode!;
  const denied = yield* checkName(task, inode, name, MAY_WRITE);
  if (denied) return denied;
  return inode.ops.removexattr ? yield* finish(inode.ops.removexattr(task, inode, name)) : -EOPNOTSUPP;
}

function* onPath(
  task: Task,
  pathname: number,
  flags: number,
  call: (path: Path) => Sleep<number>,
): Sleep<number> {
  const path = yield* userPathAt(task, AT_FDCWD, pathname, flags);
  return isErr(path) ? path : yield* call(path);
}

function onFd(task: Task, fd: number, call: (path: Path) => Sleep<number>): Sleep<number> | number {
  const file = task.files.get(fd);
  return isErr(file) ? file : call(file.path);
}

export function sys_setxattr(
  task: Task,
  path: number,
  name: number,
  value: number,
  size: number,
  flags: number,
) {
  return onPath(task, path, LOOKUP_FOLLOW, (at) => setAttribute(task, at, name, value, size, flags));
}

export function sys_lsetxattr(
  task: Task,
  path: number,
  name: number,
  value: number,
  size: number,
  flags: number,
) {
  return onPath(task, path, 0, (at) => setAttribute(task, at, name, value, size, flags));
}

export function sys_fsetxattr(
  task: Task,
  fd: number,
  name: number,
  value: number,
  size: number,
  flags: number,
) {
  return onFd(task, fd, (at) => setAttribute(task, at, name, value, size, flags));
}

export function sys_getxattr(task: Task, path: number, name: number, value: number, size: number) {
  return onPath(task, path, LOOKUP_FOLLOW, (at) => getAttribute(task, at, name, value, size));
}

export function sys_lgetxattr(task: Task, path: number, name: number, value: number, size: number) {
  return onPath(task, path, 0, (at) => getAttribute(task, at, name, value, size));
}

export function sys_fgetxattr(task: Task, fd: number, name: number, value: number, size: number) {
  return onFd(task, fd, (at) => getAttribute(task, at, name, value, size));
}

export function sys_listxattr(task: Task, path: number, list: number, size: number) {
  return onPath(task, path, LOOKUP_FOLLOW, (at) => listAttributes(task, at, list, size));
}

export function sys_llistxattr(task: Task, path: number, list: number, size: number) {
  return onPath(task, path, 0, (at) => listAttributes(task, at, list, size));
}

export function sys_flistxattr(task: Task, fd: number, list: number, size: number) {
  return onFd(task, fd, (at) => listAttributes(task, at, list, size));
}

export function sys_removexattr(task: Task, path: number, name: number) {
  return onPath(task, path, LOOKUP_FOLLOW, (at) => removeAttribute(task, at, name));
}

export function sys_lremovexattr(task: Task, path: number, name: number) {
  return onPath(task, path, 0, (at) => removeAttribute(task, at, name));
}

export function sys_fremovexattr(task: Task, fd: number, name: number) {
  return onFd(task, fd, (at) => removeAttribute(task, at, name));
}

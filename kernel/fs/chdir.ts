/** chdir, fchdir, chroot, getcwd, umask. Linux: fs/open.c, fs/d_path.c; man 2 chdir, man 2 getcwd. */
import { isErr } from "../lib/err.ts";
import { copyToUser, latin1Bytes } from "../mm/usercopy.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_SYS_CHROOT } from "../uapi/capability.ts";
import { EFAULT, ENOENT, ENOTDIR, EPERM, ERANGE } from "../uapi/errno.ts";
import { AT_FDCWD } from "../uapi/fcntl.ts";
import { isDirectory } from "../uapi/stat.ts";
import { MAY_EXEC } from "./inode.ts";
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW, isDeleted, pathNameRaw, userPathAt } from "./namei.ts";
import type { Path } from "./path.ts";
import { inodePermission } from "./permission.ts";

/** A directory the task may enter. */
function* directoryAt(task: Task, pathname: number): Sleep<Path | number> {
  const path = yield* userPathAt(task, AT_FDCWD, pathname, LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (isErr(path)) return path;
  const error = yield* finish(inodePermission(task, path.dentry.inode!, MAY_EXEC));
  return error ? error : path;
}

export function* sys_chdir(task: Task, pathname: number): Sleep<number> {
  const path = yield* directoryAt(task, pathname);
  if (isErr(path)) return path;
  task.fs.pwd = path;
  return 0;
}

export function* sys_fchdir(task: Task, fd: number): Sleep<number> {
  const file = task.files.getRaw(fd);
  if (isErr(file)) return file;
  if (!isDirectory(file.inode.mode)) return -ENOTDIR;
  const { path } = file;
  const error = yield* finish(inodePermission(task, file.inode, MAY_EXEC));
  if (error) return error;
  task.fs.pwd = path;
  return 0;
}

export function* sys_chroot(task: Task, pathname: number): Sleep<number> {
  const path = yield* directoryAt(task, pathname);
  if (isErr(path)) return path;
  if (!capable(task, CAP_SYS_CHROOT)) return -EPERM;
  task.fs.root = path;
  return 0;
}

/** The length with its zero, as the system call (unlike the C function) returns it. */
export function sys_getcwd(task: Task, buf: number, size: number): number {
  const { pwd, root } = task.fs;
  if (isDeleted(pwd.dentry)) return -ENOENT;
  const bytes = latin1Bytes(`${pathNameRaw(pwd, root)}\0`);
  if (bytes.length > size) return -ERANGE;
  return copyToUser(task, buf, bytes) < 0 ? -EFAULT : bytes.length;
}

export function sys_umask(task: Task, mask: number): number {
  const old = task.fs.umask;
  task.fs.umask = mask & 0o777;
  return old;
}

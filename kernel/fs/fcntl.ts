/** dup, dup2, dup3, fcntl, flock's neighbours. Linux: fs/fcntl.c, fs/file.c; man 2 fcntl, man 2 dup. */
import { isErr } from "../lib/err.ts";
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import type { Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, EPERM, ESRCH } from "../uapi/errno.ts";
import {
  FASYNC,
  FD_CLOEXEC,
  F_ADD_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_DUPFD_QUERY,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETOWN_EX,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_GET_SEALS,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_OWNER_PGRP,
  F_OWNER_PID,
  F_OWNER_TID,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETPIPE_SZ,
  F_SETSIG,
  F_UNLCK,
  O_APPEND,
  O_CLOEXEC,
  O_NOATIME,
  O_PATH,
  SETFL_MASK,
} from "../uapi/fcntl.ts";
import type { File } from "./file.ts";
import { closeFile, nofileLimit } from "./file_table.ts";
import { S_APPEND } from "./inode.ts";
import { FLOCK, type FlockLayout, getLock, setLock } from "./locks.ts";
import { addSeals, getSeals } from "./memfd.ts";
import { ownerOrCapable } from "./permission.ts";
import { getPipeSize, setPipeSize } from "./pipe.ts";

export function sys_dup(task: Task, oldfd: number): number {
  const file = task.files.getRaw(oldfd);
  return isErr(file) ? file : task.files.install(task, file.get(), false);
}

export function sys_dup3(task: Task, oldfd: number, newfd: number, flags: number): number {
  if (flags & ~O_CLOEXEC || oldfd === newfd) return -EINVAL;
  return duplicate(task, oldfd, newfd, (flags & O_CLOEXEC) !== 0);
}

export function sys_dup2(task: Task, oldfd: number, newfd: number): number {
  if (oldfd === newfd) {
    const file = task.files.getRaw(oldfd);
    return isErr(file) ? file : oldfd;
  }
  return duplicate(task, oldfd, newfd, false);
}

/** Makes `newfd` refer to `oldfd`'s file, closing what it was. Linux: do_dup2(). */
function duplicate(task: Task, oldfd: number, newfd: number, cloexec: boolean): number {
  if (newfd < 0 || newfd >= nofileLimit(task)) return -EBADF;
  const { files } = task;
  const file = files.getRaw(oldfd);
  if (isErr(file)) return file;
  file.get();
  const replaced = files.take(newfd);
  files.set(newfd, file, cloexec);
  if (!isErr(replaced)) closeFile(task, files, replaced);
  return newfd;
}

/** fcntl(F_SETFL). Linux: setfl(). */
function setFlags(task: Task, file: File, arg: number): number {
  if ((arg & O_APPEND) === 0 && file.inode.flags & S_APPEND && file.f_flags & O_APPEND) return -EPERM;
  if (arg & O_NOATIME && !(file.f_flags & O_NOATIME) && !ownerOrCapable(task, file.inode)) return -EPERM;
  const error = file.ops.checkFlags?.(arg) ?? 0;
  if (error) return error;
  // No file here sends SIGIO, so FASYNC cannot be turned on.
  file.f_flags = (arg & SETFL_MASK & ~FASYNC) | (file.f_flags & ~SETFL_MASK);
  return 0;
}

function setOwnerEx(task: Task, file: File, arg: number): number {
  const bytes = new Uint8Array(8);
  if (copyFromUser(task, arg, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const type = view.getInt32(0, true);
  const pid = view.getInt32(4, true);
  if (type !== F_OWNER_TID && type !== F_OWNER_PID && type !== F_OWNER_PGRP) return -EINVAL;
  if (pid !== 0 && type !== F_OWNER_PGRP && !task.kernel.tasks.find(pid)) return -ESRCH;
  file.f_owner = type === F_OWNER_PGRP ? -pid : pid;
  return 0;
}

function getOwnerEx(task: Task, file: File, arg: number): number {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, file.f_owner < 0 ? F_OWNER_PGRP : F_OWNER_PID, true);
  view.setInt32(4, Math.abs(file.f_owner), true);
  return copyToUser(task, arg, bytes);
}

export function sys_fcntl(task: Task, fd: number, cmd: number, arg: number): number | Sleep<number> {
  return fcntl(task, fd, cmd, arg, FLOCK);
}

/** fcntl(2) whose struct flock has the given layout. */
export function fcntl(
  task: Task,
  fd: number,
  cmd: number,
  arg: number,
  layout: FlockLayout,
): number | Sleep<number> {
  const { files } = task;
  const file = files.getRaw(fd);
  if (isErr(file)) return file;
  switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      const from = arg | 0;
      if (from < 0 || from >= nofileLimit(task)) return -EINVAL;
      const free = files.lowestFree(from, nofileLimit(task));
      if (free < 0) return -EMFILE;
      files.set(free, file.get(), cmd === F_DUPFD_CLOEXEC);
      return free;
    }
    case F_GETFD:
      return files.isCloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      files.setCloexec(fd, (arg & FD_CLOEXEC) !== 0);
      return 0;
    case F_GETFL:
      return file.f_flags;
    case F_DUPFD_QUERY: {
      const other = files.getRaw(arg | 0);
      return isErr(other) ? other : other === file ? 1 : 0;
    }
  }
  // What O_PATH files cannot do ends here.
  if (file.f_flags & O_PATH) return -EBADF;
  switch (cmd) {
    case F_SETFL:
      return setFlags(task, file, arg);
    case F_GETLK:
    case F_OFD_GETLK:
      return getLock(task, file, arg, cmd === F_OFD_GETLK, layout);
    case F_SETLK:
    case F_SETLKW:
      return setLock(task, file, fd, arg, cmd === F_SETLKW, false, layout);
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return setLock(task, file, fd, arg, cmd === F_OFD_SETLKW, true, layout);
    case F_GETOWN:
      return file.f_owner;
    case F_SETOWN: {
      const who = arg | 0;
      if (who === -(2 ** 31)) return -EINVAL;
      if (who > 0 && !task.kernel.tasks.find(who)) return -ESRCH;
      if (who < 0 && task.kernel.tasks.pgrp(-who).size === 0) return -ESRCH;
      file.f_owner = who;
      return 0;
    }
    case F_GETOWN_EX:
      return getOwnerEx(task, file, arg);
    case F_SETOWN_EX:
      return setOwnerEx(task, file, arg);
    case F_GETSIG:
      return file.f_owner_sig;
    case F_SETSIG:
      if (arg < 0 || arg > 64) return -EINVAL;
      file.f_owner_sig = arg;
      return 0;
    case F_GETLEASE:
      return F_UNLCK;
    case F_SETLEASE:
      return arg === F_UNLCK ? -EAGAIN : -EINVAL;
    case F_SETPIPE_SZ:
      return setPipeSize(task, file, arg >>> 0);
    case F_GETPIPE_SZ:
      return getPipeSize(file);
    case F_ADD_SEALS:
      return addSeals(file, arg);
    case F_GET_SEALS:
      return getSeals(file);
    default:
      return -EINVAL;
  }
}

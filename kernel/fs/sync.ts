/** sync, syncfs, fsync, fdatasync, sync_file_range, fadvise. Linux: fs/sync.c, mm/fadvise.c; man 2 sync. */
import { isErr } from "../lib/err.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EINVAL, ESPIPE } from "../uapi/errno.ts";
import { isBlockDevice, isDirectory, isFifo, isRegular, isSymlink } from "../uapi/stat.ts";

function* syncFile(task: Task, fd: number, datasync: boolean): Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (!file.ops.fsync) return -EINVAL;
  file.get();
  try {
    return yield* finish(file.ops.fsync(task, file, datasync));
  } finally {
    file.put();
  }
}

export function sys_fsync(task: Task, fd: number): Sleep<number> {
  return syncFile(task, fd, false);
}

export function sys_fdatasync(task: Task, fd: number): Sleep<number> {
  return syncFile(task, fd, true);
}

export function* sys_sync(task: Task): Sleep<number> {
  for (const sb of [...task.kernel.vfs.supers]) if (sb.ops.sync) yield* finish(sb.ops.sync(sb));
  return 0;
}

export function* sys_syncfs(task: Task, fd: number): Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  const { sb } = file.inode;
  return sb.ops.sync ? yield* finish(sb.ops.sync(sb)) : 0;
}

export function sys_sync_file_range(
  task: Task,
  fd: number,
  offset: number,
  nbytes: number,
  flags: number,
): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (flags & ~7 || offset < 0 || nbytes < 0) return -EINVAL;
  const { mode } = file.inode;
  if (!isRegular(mode) && !isBlockDevice(mode) && !isDirectory(mode) && !isSymlink(mode)) return -ESPIPE;
  return file.ops.fsync ? syncFile(task, fd, true) : 0;
}

/** Advice is checked and not needed: nothing is read ahead. */
export function sys_fadvise64(
  task: Task,
  fd: number,
  _offset: number,
  length: number,
  advice: number,
): number {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (isFifo(file.inode.mode)) return -ESPIPE;
  return length < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}

export function sys_readahead(task: Task, fd: number, _offset: number, _count: number): number {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  return isRegular(file.inode.mode) && file.isReadable ? 0 : -EINVAL;
}

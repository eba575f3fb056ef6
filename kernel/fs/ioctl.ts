/** ioctl: what every file understands, then the file's own. Linux: fs/ioctl.c; man 2 ioctl. */
import { isErr } from "../lib/err.ts";
import { getUser32, putUser32, putUser64 } from "../mm/usercopy.ts";
import type { Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EBADF, ENOIOCTLCMD, ENOTTY } from "../uapi/errno.ts";
import { O_NONBLOCK } from "../uapi/fcntl.ts";
import { FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD } from "../uapi/ioctl.ts";
import { isDirectory, isRegular } from "../uapi/stat.ts";
import type { File } from "./file.ts";

const FIOQSIZE = 0x5460;
const FIGETBSZ = 2;

export function sys_ioctl(task: Task, fd: number, cmd: number, arg: number): number | Sleep<number> {
  const file = task.files.get(fd);
  if (isErr(file)) return -EBADF;
  cmd >>>= 0;
  switch (cmd) {
    case FIOCLEX:
    case FIONCLEX:
      task.files.setCloexec(fd, cmd === FIOCLEX);
      return 0;
    case FIONBIO: {
      const on = getUser32(task, arg);
      if (on < 0) return on;
      file.f_flags = on ? file.f_flags | O_NONBLOCK : file.f_flags & ~O_NONBLOCK;
      return 0;
    }
    case FIOASYNC: {
      const on = getUser32(task, arg);
      return on < 0 ? on : on ? -ENOTTY : 0;
    }
    case FIOQSIZE: {
      const { mode, size } = file.inode;
      return isDirectory(mode) || isRegular(mode) ? putUser64(task, arg, size) : -ENOTTY;
    }
    case FIGETBSZ:
      return putUser32(task, arg, file.inode.sb.blocksize);
    case FIONREAD:
      if (isRegular(file.inode.mode)) return putUser32(task, arg, file.inode.size - file.f_pos);
      break;
  }
  if (!file.ops.ioctl) return -ENOTTY;
  const result = file.ops.ioctl(task, file, cmd, arg);
  if (typeof result !== "number") return finishIoctl(file, result);
  return result === -ENOIOCTLCMD ? -ENOTTY : result;
}

function* finishIoctl(file: File, operation: Sleep<number>): Sleep<number> {
  file.get();
  try {
    const result = yield* operation;
    return result === -ENOIOCTLCMD ? -ENOTTY : result;
  } finally {
    file.put();
  }
}

/**
 * /proc/PID/mem: the memory of a process as a file whose positions are its addresses, for debuggers. What the
 * process itself may not touch can be read, and private pages be written, all the same. Neighbours: access.ts,
 * mm/memory.ts. Linux: fs/proc/base.c mem_rw(); man 5 proc_pid_mem.
 */
import type { IovIter } from "../../mm/iov_iter.ts";
import { remotePage } from "../../mm/memory.ts";
import type { Mm } from "../../mm/mm.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import type { Task } from "../../task/task.ts";
import { EACCES, EFAULT, EINVAL, EIO, ESRCH } from "../../uapi/errno.ts";
import { SEEK_CUR, SEEK_SET } from "../../uapi/fcntl.ts";
import type { File } from "../file.ts";
import type { Inode } from "../inode.ts";
import { mayAccess, mmOf } from "./access.ts";
import { livingTask, type ProcFile } from "./generic.ts";

/** The address space as it was at the open: after an exec it is that of the old program. Kernel threads: none. */
function openMem(opener: Task, inode: Inode, file: File): number {
  const subject = livingTask(inode);
  if (!subject) return -ESRCH;
  const mm = mmOf(subject);
  if (mm && mm !== opener.mm && !mayAccess(opener, subject)) return -EACCES;
  file.private_data = mm;
  return 0;
}

/** Moves pages one by one until `iter` is done or `move` fails; an address space that nobody uses any more is empty. */
function transfer(
  file: File,
  iter: IovIter,
  pos: number,
  move: (mm: Mm, va: number, length_bytes: number) => number,
): number {
  const mm = file.private_data as Mm | null;
  if (!mm || mm.users === 0) return 0;
  let done = 0;
  while (iter.count > 0) {
    const va = pos + done;
    const length = Math.min(iter.count, va < 0 ? PAGE_SIZE : PAGE_SIZE - (va % PAGE_SIZE));
    const error = move(mm, va, length);
    if (error === -EIO) return done || error;
    if (error) return error;
    done += length;
  }
  return done;
}

function readMem(_task: Task, file: File, to: IovIter, pos: number): number {
  return transfer(file, to, pos, (mm, va, length) => {
    const pa = remotePage(mm, va, false);
    if (pa < 0) return -EIO;
    return to.copyPageTo(mm.kernel.machine.ram, pa, length) < length ? -EFAULT : 0;
  });
}

function writeMem(_task: Task, file: File, from: IovIter, pos: number): number {
  const page = new Uint8Array(PAGE_SIZE);
  return transfer(file, from, pos, (mm, va, length) => {
    const bytes = page.subarray(0, length);
    if (from.copyFrom(bytes) < length) return -EFAULT;
    const pa = remotePage(mm, va, true);
    if (pa < 0) return -EIO;
    mm.kernel.machine.ram.set(pa, bytes);
    return 0;
  });
}

export const memFile: ProcFile<Task> = {
  kind: "file",
  name: "mem",
  mode: 0o600,
  show: () => "",
  fops: {
    open: openMem,
    read: readMem,
    write: writeMem,
    /** Any address will do, those of the kernel's half (negative) too: nothing is mapped there. */
    llseek(_task, file, offset, whence): number {
      if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
      file.f_pos = whence === SEEK_SET ? offset : file.f_pos + offset;
      return file.f_pos;
    },
  },
};

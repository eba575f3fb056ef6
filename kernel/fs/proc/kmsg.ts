/**
 * /proc/kmsg: the log as a stream of "<6>[    1.234567] text" lines, for klogd. Linux: fs/proc/kmsg.c; man 5
 * proc_kmsg.
 */
import type { Kernel } from "../../kernel.ts";
import type { LogRecord } from "../../lib/printk.ts";
import type { IovIter } from "../../mm/iov_iter.ts";
import { latin1Bytes } from "../../mm/usercopy.ts";
import type { Sleep } from "../../sched/wait.ts";
import { capable } from "../../task/cred.ts";
import type { Task } from "../../task/task.ts";
import { CAP_SYSLOG } from "../../uapi/capability.ts";
import { EAGAIN, EFAULT, EPERM } from "../../uapi/errno.ts";
import { O_NONBLOCK } from "../../uapi/fcntl.ts";
import { POLLIN, POLLRDNORM } from "../../uapi/poll.ts";
import type { File } from "../file.ts";
import type { ProcFile } from "./generic.ts";

/**
 * How far an open file has read. QUIRK: Linux has one position for all readers; two readers here see every
 * line each.
 */
class LogReader {
  constructor(public seq: number) {}
  /** What is left of a record that did not fit. */
  rest = new Uint8Array(0);
}

function line(record: LogRecord): string {
  const us = Math.floor(record.ts_ns / 1000);
  const time = `${String(Math.floor(us / 1e6)).padStart(5)}.${String(us % 1e6).padStart(6, "0")}`;
  const prefix = `<${(record.facility << 3) | record.level}>[${time}] `;
  return `${prefix}${record.text.replaceAll("\n", `\n${prefix}`)}\n`;
}

function* read(task: Task, file: File, to: IovIter): Sleep<number> {
  const { printk } = task.kernel;
  const reader = file.private_data as LogReader;
  const isEmpty = () => reader.rest.length === 0 && reader.seq >= printk.next_seq;
  while (isEmpty()) {
    if (file.f_flags & O_NONBLOCK) return -EAGAIN;
    const error = yield* printk.logWait.wait(task, () => !isEmpty());
    if (error) return error;
  }
  let done = 0;
  while (to.count > 0 && !isEmpty()) {
    if (reader.rest.length === 0) {
      reader.seq = Math.max(reader.seq, printk.first_seq);
      reader.rest = latin1Bytes(line(printk.record(reader.seq++)!));
    }
    const copied = to.copyTo(reader.rest);
    if (copied === 0) return done || -EFAULT;
    reader.rest = reader.rest.slice(copied);
    done += copied;
  }
  return done;
}

export const kmsgFile: ProcFile<Kernel> = {
  kind: "file",
  name: "kmsg",
  mode: 0o400,
  show: () => "",
  fops: {
    open(task, _inode, file): number {
      if (!capable(task, CAP_SYSLOG)) return -EPERM;
      file.private_data = new LogReader(task.kernel.printk.first_seq);
      return 0;
    },
    read,
    poll(file, table): number {
      const { printk } = file.inode.sb.kernel;
      table?.wait(printk.logWait);
      const reader = file.private_data as LogReader;
      return reader.seq < printk.next_seq || reader.rest.length > 0 ? POLLIN | POLLRDNORM : 0;
    },
  },
};

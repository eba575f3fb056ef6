/**
 * The memory devices, major 1: null, zero, full, random, urandom, kmsg. Linux: drivers/char/mem.c, random.c,
 * kernel/printk/printk.c (devkmsg); man 4 null, man 4 random.
 */
import type { File, FileOperations } from "../../fs/file.ts";
import { noopLlseek } from "../../fs/libfs.ts";
import type { Kernel } from "../../kernel.ts";
import { isErr } from "../../lib/err.ts";
import { fillRandom } from "../../lib/random.ts";
import { userIter, type IovIter } from "../../mm/iov_iter.ts";
import { SharedAnonymous, shmem_anon_ops } from "../../mm/shmem.ts";
import { latin1, latin1Bytes, putUser32 } from "../../mm/usercopy.ts";
import { VM_SHARED } from "../../mm/vma.ts";
import type { Sleep } from "../../sched/wait.ts";
import { capable } from "../../task/cred.ts";
import type { Task } from "../../task/task.ts";
import { CAP_SYS_ADMIN } from "../../uapi/capability.ts";
import { EAGAIN, EFAULT, EINVAL, ENOIOCTLCMD, ENOSPC, EPERM, EPIPE } from "../../uapi/errno.ts";
import { O_NONBLOCK, SEEK_DATA, SEEK_END, SEEK_SET } from "../../uapi/fcntl.ts";
import { POLLERR, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from "../../uapi/poll.ts";
import { makeDev } from "../../uapi/stat.ts";

const MEM_MAJOR = 1;

/** Takes everything. */
function discard(_task: Task, _file: File, from: IovIter): number {
  const { count } = from;
  from.advance(count);
  return count;
}

/** Linux: null_lseek(). */
function nullLlseek(_task: Task, file: File): number {
  file.f_pos = 0;
  return 0;
}

const nullOperations: FileOperations = { read: () => 0, write: discard, llseek: nullLlseek };

const zeroOperations: FileOperations = {
  read: (_task, _file, to) => (to.count === 0 ? 0 : to.zero(to.count) || -EFAULT),
  write: discard,
  llseek: nullLlseek,
  mmap(task, _file, vma): number {
    // A private mapping is plain anonymous memory (no ops), a shared one an object of its own.
    if (vma.flags & VM_SHARED) {
      vma.private = new SharedAnonymous(task.kernel, vma.pgoff + vma.nr_pages);
      vma.ops = shmem_anon_ops;
    }
    return 0;
  },
};

const fullOperations: FileOperations = { ...zeroOperations, write: () => -ENOSPC };

const RANDOM_CHUNK_BYTES = 4096;

/** Random bytes without end; a signal ends long reads. */
function fillIter(task: Task, to: IovIter): number {
  const chunk = new Uint8Array(Math.min(to.count, RANDOM_CHUNK_BYTES));
  let done = 0;
  while (to.count > 0) {
    const part = chunk.subarray(0, Math.min(to.count, chunk.length));
    fillRandom(task.kernel.machine.cpu, part);
    const copied = to.copyTo(part);
    done += copied;
    if (copied < part.length) return done || -EFAULT;
    if (task.signalPending()) break;
  }
  return done;
}

const RNDGETENTCNT = 0x80045200;
const RNDADDTOENTCNT = 0x40045201;
const RNDADDENTROPY = 0x40085203;
const RNDZAPENTCNT = 0x5204;
const RNDCLEARPOOL = 0x5206;
const RNDRESEEDCRNG = 0x5207;
/** Bits in the pool, which is always full. */
export const POOL_BITS = 256;

const randomOperations: FileOperations = {
  read: (task, _file, to) => fillIter(task, to),
  write: discard,
  llseek: noopLlseek,
  poll: () => POLLIN | POLLRDNORM,
  ioctl(task, _file, cmd, arg): number {
    switch (cmd >>> 0) {
      case RNDGETENTCNT:
        return putUser32(task, arg, POOL_BITS);
      case RNDADDTOENTCNT:
      case RNDADDENTROPY:
      case RNDZAPENTCNT:
      case RNDCLEARPOOL:
      case RNDRESEEDCRNG:
        return capable(task, CAP_SYS_ADMIN) ? 0 : -EPERM;
      default:
        return -ENOIOCTLCMD;
    }
  },
};

/** Where a reader of /dev/kmsg is. */
class KmsgReader {
  constructor(public seq: number) {}
}

/** One record per read. Linux: devkmsg_read(); Documentation/ABI/testing/dev-kmsg. */
function* readKmsg(task: Task, file: File, to: IovIter): Sleep<number> {
  const { printk } = task.kernel;
  const reader = file.private_data as KmsgReader;
  while (reader.seq >= printk.next_seq) {
    if (file.f_flags & O_NONBLOCK) return -EAGAIN;
    const error = yield* printk.logWait.wait(task, () => reader.seq < printk.next_seq);
    if (error) return error;
  }
  const record = printk.record(reader.seq);
  if (reader.seq < printk.first_seq || !record) {
    reader.seq = printk.first_seq; // overwritten: tell the reader, go on with the oldest
    return -EPIPE;
  }
  const bytes = latin1Bytes(printk.formatKmsg(record));
  if (bytes.length > to.count) return -EINVAL;
  reader.seq++;
  return to.copyTo(bytes) === bytes.length ? bytes.length : -EFAULT;
}

const KMSG_LINE_MAX = 1024;

const kmsgOperations: FileOperations = {
  open(task, _inode, file): number {
    file.private_data = new KmsgReader(task.kernel.printk.first_seq);
    return 0;
  },
  read: readKmsg,
  write(task, _file, from): number {
    const { count } = from;
    if (count > KMSG_LINE_MAX) return -EINVAL;
    const bytes = new Uint8Array(count);
    if (from.copyFrom(bytes) < count) return -EFAULT;
    task.kernel.printk.writeKmsg(latin1(bytes));
    return count;
  },
  poll(file, table): number {
    const { printk } = file.inode.sb.kernel;
    table?.wait(printk.logWait);
    const reader = file.private_data as KmsgReader;
    let events = POLLOUT | POLLWRNORM;
    if (reader.seq < printk.next_seq) {
      events |= POLLIN | POLLRDNORM;
      if (reader.seq < printk.first_seq) events |= POLLERR | POLLPRI;
    }
    return events;
  },
  llseek(task, file, offset, whence): number {
    const { printk } = task.kernel;
    const reader = file.private_data as KmsgReader;
    if (offset !== 0) return -EINVAL;
    if (whence === SEEK_SET) reader.seq = printk.first_seq;
    else if (whence === SEEK_DATA) reader.seq = Math.max(printk.clear_seq, printk.first_seq);
    else if (whence === SEEK_END) reader.seq = printk.next_seq;
    else return -EINVAL;
    return 0;
  },
};

/** Minor, name, mode, operations. Linux: drivers/char/mem.c devlist[]. */
const DEVICES: readonly (readonly [number, string, number, FileOperations])[] = [
  [3, "null", 0o666, nullOperations],
  [5, "zero", 0o666, zeroOperations],
  [7, "full", 0o666, fullOperations],
  [8, "random", 0o666, randomOperations],
  [9, "urandom", 0o666, randomOperations],
  [11, "kmsg", 0o644, kmsgOperations],
];

/** Registers the devices and their nodes. Linux: chr_dev_init(). */
export function registerMemDevices(kernel: Kernel): void {
  for (const [minor, name, mode, fops] of DEVICES) {
    kernel.devices.registerChrdev(MEM_MAJOR, minor, 1, "mem", fops);
    kernel.devices.addNode(name, "char", makeDev(MEM_MAJOR, minor), mode);
  }
}

const GRND_NONBLOCK = 1;
const GRND_RANDOM = 2;
const GRND_INSECURE = 4;

export function sys_getrandom(task: Task, buf: number, buflen: number, flags: number): number {
  if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) return -EINVAL;
  if ((flags & (GRND_RANDOM | GRND_INSECURE)) === (GRND_RANDOM | GRND_INSECURE)) return -EINVAL;
  const to = userIter(task, buf, buflen);
  return isErr(to) ? to : fillIter(task, to);
}

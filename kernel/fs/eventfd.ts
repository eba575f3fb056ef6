/** eventfd: a counter to wait for. Linux: fs/eventfd.c; man 2 eventfd. */
import type { IovIter } from "../mm/iov_iter.ts";
import { WaitQueue, type MaySleep, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, EFAULT, EINVAL } from "../uapi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from "../uapi/fcntl.ts";
import { POLLERR, POLLIN, POLLOUT } from "../uapi/poll.ts";
import type { File, FileOperations } from "./file.ts";
import { noopLlseek } from "./libfs.ts";

const EFD_SEMAPHORE = 1;
const ULLONG_MAX = 0xffff_ffff_ffff_ffffn;

class EventFd {
  /** 64 bits that may all be used: the one place where a BigInt is due. */
  count: bigint;
  readonly wait = new WaitQueue();
  constructor(
    initval: number,
    readonly is_semaphore: boolean,
  ) {
    this.count = BigInt(initval);
  }

  take(to: IovIter): number {
    const value = this.is_semaphore ? 1n : this.count;
    this.count -= value;
    this.wait.wakeUpAll();
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    return to.copyTo(bytes) === 8 ? 8 : -EFAULT;
  }

  canAdd(value: bigint): boolean {
    return ULLONG_MAX - this.count > value;
  }

  add(value: bigint): number {
    this.count += value;
    this.wait.wakeUpAll();
    return 8;
  }
}

const eventOf = (file: File): EventFd => file.private_data as EventFd;

function* waitAndTake(task: Task, event: EventFd, to: IovIter): Sleep<number> {
  const error = yield* event.wait.wait(task, () => event.count > 0n);
  return error ? error : event.take(to);
}

function* waitAndAdd(task: Task, event: EventFd, value: bigint): Sleep<number> {
  const error = yield* event.wait.wait(task, () => event.canAdd(value));
  return error ? error : event.add(value);
}

const eventfdOperations: FileOperations = {
  read(task, file, to): MaySleep<number> {
    const event = eventOf(file);
    if (to.count < 8) return -EINVAL;
    if (event.count > 0n) return event.take(to);
    return file.f_flags & O_NONBLOCK ? -EAGAIN : waitAndTake(task, event, to);
  },
  write(task, file, from): MaySleep<number> {
    const event = eventOf(file);
    if (from.count < 8) return -EINVAL;
    const bytes = new Uint8Array(8);
    if (from.copyFrom(bytes) < 8) return -EFAULT;
    const value = new DataView(bytes.buffer).getBigUint64(0, true);
    if (value === ULLONG_MAX) return -EINVAL;
    if (event.canAdd(value)) return event.add(value);
    return file.f_flags & O_NONBLOCK ? -EAGAIN : waitAndAdd(task, event, value);
  },
  poll(file, table): number {
    const event = eventOf(file);
    table?.wait(event.wait);
    let events = 0;
    if (event.count > 0n) events |= POLLIN;
    if (event.count === ULLONG_MAX) events |= POLLERR;
    if (ULLONG_MAX - 1n > event.count) events |= POLLOUT;
    return events;
  },
  llseek: noopLlseek,
  positionless: true,
  showFdinfo: (file) => `eventfd-count: ${eventOf(file).count.toString(16).padStart(16)}\n`,
};

export function sys_eventfd2(task: Task, initval: number, flags: number): number {
  if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
  const event = new EventFd(initval >>> 0, (flags & EFD_SEMAPHORE) !== 0);
  const file_flags = O_RDWR | (flags & O_NONBLOCK);
  const file = task.kernel.vfs.pseudo.anonFile("[eventfd]", eventfdOperations, file_flags, event);
  return task.files.install(task, file, (flags & O_CLOEXEC) !== 0);
}

export function sys_eventfd(task: Task, initval: number): number {
  return sys_eventfd2(task, initval, 0);
}

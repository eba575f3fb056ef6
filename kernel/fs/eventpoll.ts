/**
 * epoll: watching many files at once. Linux: fs/eventpoll.c; man 7 epoll.
 *
 *     EventPoll.items   every (file, fd) that is watched, each registered on its file's wait queues
 *     EventPoll.ready   items whose files woke us; epoll_wait looks at these only
 *
 * A level-triggered item goes back to the ready list after each report, an edge-triggered one waits for the
 * next wake-up, a one-shot one is disarmed until EPOLL_CTL_MOD.
 */
import { isErr } from "../lib/err.ts";
import { readTimePair } from "../mm/user_words.ts";
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import { WaitQueue, type Sleep, type WaitEntry } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EEXIST, EFAULT, EINTR, EINVAL, ELOOP, ENOENT, EPERM, ETIME } from "../uapi/errno.ts";
import { O_CLOEXEC, O_RDWR } from "../uapi/fcntl.ts";
import {
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLONESHOT,
  EPOLLWAKEUP,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLRDNORM,
} from "../uapi/poll.ts";
import type { File, FileOperations } from "./file.ts";
import type { PollTable } from "./poll_table.ts";
import { pollFile, restoreSavedSigmaskUnless, setUserSigmask } from "./select.ts";

/** Bits of `events` that are not event kinds. */
const EP_PRIVATE_BITS = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
/** Deepest nesting of epolls watching epolls. Linux: EP_MAX_NESTS. */
const EP_MAX_NESTS = 4;
const EPOLL_EVENT_BYTES = 12;

/** One watched descriptor. Linux: struct epitem. */
class EpollItem implements PollTable, WaitEntry {
  readonly exclusive = false;
  readonly #queues: WaitQueue[] = [];

  constructor(
    readonly ep: EventPoll,
    readonly file: File,
    readonly fd: number,
    public events: number,
    /** epoll_event.data, two words. */
    public data_lo: number,
    public data_hi: number,
  ) {}

  wait(queue: WaitQueue): void {
    queue.add(this);
    this.#queues.push(queue);
  }

  /** The file changed. */
  wake(): boolean {
    if ((this.events & ~EP_PRIVATE_BITS) === 0) return false; // disarmed one-shot
    this.ep.makeReady(this);
    return true;
  }

  /** Events that hold now and are wanted. */
  poll(): number {
    return pollFile(this.file, null) & this.events;
  }

  unregister(): void {
    for (const queue of this.#queues) queue.remove(this);
  }
}

export class EventPoll {
  /** By "fd:file"; the same file under two descriptors is two items. */
  readonly items = new Map<number, EpollItem[]>();
  readonly ready = new Set<EpollItem>();
  /** epoll_wait() sleepers, and whoever polls the epoll itself. */
  readonly wait = new WaitQueue();

  find(fd: number, file: File): EpollItem | undefined {
    return this.items.get(fd)?.find((item) => item.file === file);
  }

  makeReady(item: EpollItem): void {
    this.ready.add(item);
    this.wait.wakeUp();
  }

  add(item: EpollItem): void {
    const list = this.items.get(item.fd);
    if (list) list.push(item);
    else this.items.set(item.fd, [item]);
    (item.file.epoll_watchers ??= new Set()).add(this);
    const events = pollFile(item.file, item) & item.events;
    if (events) this.makeReady(item);
  }

  remove(item: EpollItem): void {
    item.unregister();
    this.ready.delete(item);
    const list = this.items.get(item.fd)!.filter((other) => other !== item);
    if (list.length > 0) this.items.set(item.fd, list);
    else this.items.delete(item.fd);
    if (![...this.items.values()].some((items) => items.some((other) => other.file === item.file))) {
      item.file.epoll_watchers?.delete(this);
    }
  }

  /** A watched file was closed for good: it is watched no more. */
  fileReleased(file: File): void {
    for (const items of [...this.items.values()]) {
      for (const item of items) if (item.file === file) this.remove(item);
    }
  }

  /** Whether some item has something to tell. */
  hasEvents(): boolean {
    for (const item of this.ready) if (item.poll()) return true;
    return false;
  }

  destroy(): void {
    for (const items of [...this.items.values()]) for (const item of [...items]) this.remove(item);
  }
}

const epollOf = (file: File): EventPoll => file.private_data as EventPoll;

const eventpollOperations: FileOperations = {
  poll(file: File, table: PollTable | null): number {
    const ep = epollOf(file);
    table?.wait(ep.wait);
    return ep.hasEvents() ? POLLIN | POLLRDNORM : 0;
  },
  release: (file) => epollOf(file).destroy(),
  showFdinfo(file: File): string {
    let text = "";
    for (const items of epollOf(file).items.values()) {
      for (const { fd, events, data_lo, data_hi, file: target } of items) {
        const data = ((BigInt(data_hi >>> 0) << 32n) | BigInt(data_lo >>> 0)).toString(16);
        const { inode } = target;
        text += `tfd: ${String(fd).padStart(8)} events: ${(events >>> 0).toString(16).padStart(8)} data: ${data.padStart(16)}`;
        text += `  pos:${target.f_pos} ino:${inode.ino.toString(16)} sdev:${inode.sb.dev.toString(16)}\n`;
      }
    }
    return text;
  },
};

export function sys_epoll_create1(task: Task, flags: number): number {
  if (flags & ~O_CLOEXEC) return -EINVAL;
  const file = task.kernel.vfs.pseudo.anonFile("[eventpoll]", eventpollOperations, O_RDWR, new EventPoll());
  return task.files.install(task, file, (flags & O_CLOEXEC) !== 0);
}

export function sys_epoll_create(task: Task, size: number): number {
  return size <= 0 ? -EINVAL : sys_epoll_create1(task, 0);
}

/** How deep the epolls below `ep` nest, or Infinity if `outer` is among them. */
function nestingBelow(ep: EventPoll, outer: EventPoll): number {
  let depth = 0;
  for (const items of ep.items.values()) {
    for (const { file } of items) {
      if (file.ops !== eventpollOperations) continue;
      const inner = epollOf(file);
      if (inner === outer) return Infinity;
      depth = Math.max(depth, 1 + nestingBelow(inner, outer));
    }
  }
  return depth;
}

export function sys_epoll_ctl(task: Task, epfd: number, op: number, fd: number, event: number): number {
  let events = 0;
  let data_lo = 0;
  let data_hi = 0;
  if (op !== EPOLL_CTL_DEL) {
    const bytes = new Uint8Array(EPOLL_EVENT_BYTES);
    if (copyFromUser(task, event, bytes) < 0) return -EFAULT;
    const view = new DataView(bytes.buffer);
    events = view.getInt32(0, true);
    data_lo = view.getInt32(4, true);
    data_hi = view.getInt32(8, true);
  }
  const epfile = task.files.get(epfd);
  if (isErr(epfile)) return epfile;
  const target = task.files.get(fd);
  if (isErr(target)) return target;
  if (!target.ops.poll) return -EPERM;
  if (epfile === target || epfile.ops !== eventpollOperations) return -EINVAL;
  const ep = epollOf(epfile);
  const item = ep.find(fd, target);
  if (events & EPOLLEXCLUSIVE) {
    if (op === EPOLL_CTL_MOD) return -EINVAL;
    if (op === EPOLL_CTL_ADD && target.ops === eventpollOperations) return -EINVAL;
  }
  switch (op) {
    case EPOLL_CTL_ADD: {
      if (item) return -EEXIST;
      if (target.ops === eventpollOperations) {
        const depth = nestingBelow(epollOf(target), ep);
        if (depth >= EP_MAX_NESTS || epollOf(target) === ep) return -ELOOP;
      }
      ep.add(new EpollItem(ep, target, fd, events | POLLERR | POLLHUP, data_lo, data_hi));
      return 0;
    }
    case EPOLL_CTL_DEL:
      if (!item) return -ENOENT;
      ep.remove(item);
      return 0;
    case EPOLL_CTL_MOD:
      if (!item) return -ENOENT;
      if (item.events & EPOLLEXCLUSIVE) return -EINVAL;
      item.events = events | POLLERR | POLLHUP;
      item.data_lo = data_lo;
      item.data_hi = data_hi;
      if (item.poll()) ep.makeReady(item);
      return 0;
    default:
      return -EINVAL;
  }
}

/** Reports up to `maxevents` ready items to the user's array: how many. Linux: ep_send_events(). */
function sendEvents(task: Task, ep: EventPoll, ptr: number, maxevents: number): number {
  const bytes = new Uint8Array(EPOLL_EVENT_BYTES);
  const view = new DataView(bytes.buffer);
  let count = 0;
  const again: EpollItem[] = [];
  for (const item of [...ep.ready]) {
    if (count >= maxevents) break;
    ep.ready.delete(item);
    const events = item.poll();
    if (!events) continue;
    view.setInt32(0, events, true);
    view.setInt32(4, item.data_lo, true);
    view.setInt32(8, item.data_hi, true);
    if (copyToUser(task, ptr + count * EPOLL_EVENT_BYTES, bytes) < 0) {
      ep.ready.add(item);
      count ||= -EFAULT;
      break;
    }
    count++;
    if (item.events & EPOLLONESHOT) item.events &= EP_PRIVATE_BITS;
    else if (!(item.events & EPOLLET)) again.push(item);
  }
  // Level-triggered items go to the end: nobody starves.
  for (const item of again) ep.ready.add(item);
  return count;
}

function* epollWait(
  task: Task,
  epfd: number,
  events: number,
  maxevents: number,
  deadline_ns: number,
): Sleep<number> {
  if (maxevents <= 0 || maxevents > Math.floor(0x7fffffff / EPOLL_EVENT_BYTES)) return -EINVAL;
  const file = task.files.get(epfd);
  if (isErr(file)) return file;
  if (file.ops !== eventpollOperations) return -EINVAL;
  const ep = epollOf(file);
  file.get();
  try {
    for (;;) {
      const count = sendEvents(task, ep, events, maxevents);
      if (count !== 0) return count;
      if (deadline_ns <= 0) return 0;
      if (task.signalPending()) return -EINTR;
      const error =
        deadline_ns === Infinity
          ? yield* ep.wait.waitExclusive(task, () => ep.hasEvents())
          : yield* ep.wait.waitUntil(task, () => ep.hasEvents(), deadline_ns);
      if (error === -ETIME) return sendEvents(task, ep, events, maxevents);
      if (error) return -EINTR;
    }
  } finally {
    file.put();
  }
}

function deadlineOf(task: Task, timeout_ms: number): number {
  if (timeout_ms < 0) return Infinity;
  return timeout_ms === 0 ? 0 : task.kernel.time.monotonic_ns() + timeout_ms * 1e6;
}

export function sys_epoll_wait(
  task: Task,
  epfd: number,
  events: number,
  maxevents: number,
  timeout_ms: number,
): Sleep<number> {
  return epollWait(task, epfd, events, maxevents, deadlineOf(task, timeout_ms));
}

function* withSigmask(task: Task, sigmask: number, sigsetsize: number, call: Sleep<number>): Sleep<number> {
  const error = setUserSigmask(task, sigmask, sigsetsize);
  if (error) return error;
  const result = yield* call;
  restoreSavedSigmaskUnless(task, result === -EINTR);
  return result;
}

export function sys_epoll_pwait(
  task: Task,
  epfd: number,
  events: number,
  maxevents: number,
  timeout_ms: number,
  sigmask: number,
  sigsetsize: number,
): Sleep<number> {
  const call = epollWait(task, epfd, events, maxevents, deadlineOf(task, timeout_ms));
  return withSigmask(task, sigmask, sigsetsize, call);
}

export function sys_epoll_pwait2(
  task: Task,
  epfd: number,
  events: number,
  maxevents: number,
  timeout: number,
  sigmask: number,
  sigsetsize: number,
): Sleep<number> | number {
  let deadline_ns = Infinity;
  if (timeout !== 0) {
    const pair = readTimePair(task, timeout);
    if (pair === null) return -EFAULT;
    const [sec, nsec] = pair;
    if (sec < 0 || nsec < 0 || nsec >= 1e9) return -EINVAL;
    deadline_ns = sec + nsec === 0 ? 0 : task.kernel.time.monotonic_ns() + sec * 1e9 + nsec;
  }
  return withSigmask(task, sigmask, sigsetsize, epollWait(task, epfd, events, maxevents, deadline_ns));
}

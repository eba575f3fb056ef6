/**
 * poll, ppoll, select, pselect6. Linux: fs/select.c; man 2 poll, man 2 select.
 *
 * Each round asks every file for its events; the first round also registers on the files' wait queues, so a
 * wake-up between asking and sleeping is not lost.
 */
import { isErr } from "../lib/err.ts";
import { readPointer, readTimePair, timeWordSize, wordSize, writeWords } from "../mm/user_words.ts";
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import type { Sleep, WaitEntry, WaitQueue } from "../sched/wait.ts";
import { setBlocked } from "../task/signal.ts";
import { readSigset } from "../task/signal_syscalls.ts";
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from "../task/state.ts";
import type { Task } from "../task/task.ts";
import { EBADF, EFAULT, EINTR, EINVAL, ERESTARTNOHAND, ERESTART_RESTARTBLOCK } from "../uapi/errno.ts";
import {
  DEFAULT_POLLMASK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from "../uapi/poll.ts";
import type { File } from "./file.ts";
import { nofileLimit } from "./file_table.ts";
import type { PollTable } from "./poll_table.ts";

/** Events of a file now. Linux: vfs_poll(). */
export function pollFile(file: File, table: PollTable | null): number {
  return file.ops.poll ? file.ops.poll(file, table) : DEFAULT_POLLMASK;
}

/** One task's registrations. Linux: struct poll_wqueues. */
class PollWaiter implements PollTable, WaitEntry {
  readonly exclusive = false;
  readonly #queues: WaitQueue[] = [];
  /** Woken since the last look. */
  triggered = false;

  constructor(private readonly task: Task) {}

  wait(queue: WaitQueue): void {
    queue.add(this);
    this.#queues.push(queue);
  }

  wake(): boolean {
    this.triggered = true;
    return this.task.kernel.sched.wakeUpProcess(this.task);
  }

  release(): void {
    for (const queue of this.#queues) queue.remove(this);
  }
}

/**
 * Repeats `scan` until it counts something, a signal comes (-EINTR) or the deadline (monotonic, Infinity for
 * none) passes. `scan` registers with the table when it gets one.
 */
function* pollUntil(
  task: Task,
  deadline_ns: number,
  scan: (table: PollTable | null) => number,
): Sleep<number> {
  const { time, sched } = task.kernel;
  if (deadline_ns <= 0) return scan(null);
  const waiter = new PollWaiter(task);
  let table: PollTable | null = waiter;
  const timer =
    deadline_ns === Infinity ? null : time.startTimer(deadline_ns, () => void sched.wakeUpProcess(task));
  try {
    for (;;) {
      waiter.triggered = false;
      const count = scan(table);
      table = null;
      if (count !== 0) return count;
      if (task.signalPending()) return -EINTR;
      if (time.monotonic_ns() >= deadline_ns) return 0;
      if (waiter.triggered) continue;
      task.state = TASK_INTERRUPTIBLE;
      yield;
      task.state = TASK_RUNNING;
    }
  } finally {
    task.state = TASK_RUNNING;
    waiter.release();
    if (timer) time.cancelTimer(timer);
  }
}

/**
 * Blocks the signals of the user's set until the call is over; a null pointer changes nothing. Linux:
 * set_user_sigmask().
 */
export function setUserSigmask(task: Task, ptr: number, size: number): number {
  if (ptr === 0) return 0;
  if (size !== SIGSET_SIZE) return -EINVAL;
  const mask = readSigset(task, ptr);
  if (typeof mask === "number") return mask;
  task.saved_sigmask = task.blocked.clone();
  setBlocked(task, mask);
  return 0;
}

/**
 * Takes the old mask back, unless a signal `interrupted` the call: then its delivery does. Linux:
 * restore_saved_sigmask_unless().
 */
export function restoreSavedSigmaskUnless(task: Task, interrupted: boolean): void {
  if (interrupted || task.saved_sigmask === null) return;
  const saved = task.saved_sigmask;
  task.saved_sigmask = null;
  setBlocked(task, saved);
}

const SIGSET_SIZE = 8;

/** poll() on the user's array of struct pollfd { s32 fd; s16 events, revents }. Linux: do_sys_poll(). */
function* pollFds(task: Task, ufds: number, nfds: number, deadline_ns: number): Sleep<number> {
  const bytes = new Uint8Array(nfds * 8);
  if (nfds > 0 && copyFromUser(task, ufds, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const files: (File | null)[] = [];
  for (let i = 0; i < nfds; i++) {
    const file = task.files.get(view.getInt32(i * 8, true));
    files.push(isErr(file) ? null : file.get());
  }
  const scan = (table: PollTable | null): number => {
    let count = 0;
    for (let i = 0; i < nfds; i++) {
      let revents = 0;
      const file = files[i];
      if (file) {
        const wanted = view.getUint16(i * 8 + 4, true) | POLLERR | POLLHUP;
        revents = pollFile(file, count ? null : table) & wanted;
      } else if (view.getInt32(i * 8, true) >= 0) revents = POLLNVAL;
      view.setUint16(i * 8 + 6, revents, true);
      if (revents) count++;
    }
    return count;
  };
  try {
    const count = yield* pollUntil(task, deadline_ns, scan);
    if (count < 0) return count;
    return nfds > 0 && copyToUser(task, ufds, bytes) < 0 ? -EFAULT : count;
  } finally {
    for (const file of files) file?.put();
  }
}

function checkCount(task: Task, nfds: number): number {
  return nfds > nofileLimit(task) ? -EINVAL : 0;
}

export function* sys_poll(task: Task, ufds: number, nfds: number, timeout_ms: number): Sleep<number> {
  const error = checkCount(task, nfds);
  if (error) return error;
  const deadline_ns =
    timeout_ms < 0 ? Infinity : timeout_ms === 0 ? 0 : task.kernel.time.monotonic_ns() + timeout_ms * 1e6;
  return yield* pollRestartable(task, ufds, nfds, deadline_ns);
}

/** After a stop or an ignored signal poll() goes on to the same deadline. Linux: do_restart_poll(). */
function* pollRestartable(task: Task, ufds: number, nfds: number, deadline_ns: number): Sleep<number> {
  const result = yield* pollFds(task, ufds, nfds, deadline_ns);
  if (result !== -EINTR) return result;
  task.restart_block = () => pollRestartable(task, ufds, nfds, deadline_ns);
  return -ERESTART_RESTARTBLOCK;
}

/** A struct timespec as a deadline; null pointer: never. -EINVAL, -EFAULT. */
function readDeadline(task: Task, ptr: number, ns_per_unit: number): number {
  if (ptr === 0) return Infinity;
  const pair = readTimePair(task, ptr);
  if (pair === null) return -EFAULT;
  const [sec, fraction] = pair;
  const units = 1e9 / ns_per_unit;
  if (sec < 0 || fraction < 0) return -EINVAL;
  if (ns_per_unit === 1 && fraction >= units) return -EINVAL;
  const total_ns = sec * 1e9 + fraction * ns_per_unit;
  if (total_ns === 0) return 0;
  return task.kernel.time.monotonic_ns() + total_ns;
}

/** Stores what is left of the timeout; failing to is no error. Linux: poll_select_finish(). */
function storeRemaining(task: Task, ptr: number, deadline_ns: number, ns_per_unit: number): void {
  if (ptr === 0 || deadline_ns === Infinity) return;
  const left_ns = deadline_ns === 0 ? 0 : Math.max(0, deadline_ns - task.kernel.time.monotonic_ns());
  const left = [Math.floor(left_ns / 1e9), Math.floor((left_ns % 1e9) / ns_per_unit)];
  writeWords(task, ptr, left, timeWordSize(task));
}

export function* sys_ppoll(
  task: Task,
  ufds: number,
  nfds: number,
  tsp: number,
  sigmask: number,
  sigsetsize: number,
): Sleep<number> {
  const deadline_ns = readDeadline(task, tsp, 1);
  if (deadline_ns < 0) return deadline_ns;
  const error = checkCount(task, nfds) || setUserSigmask(task, sigmask, sigsetsize);
  if (error) return error;
  const result = yield* pollFds(task, ufds, nfds, deadline_ns);
  restoreSavedSigmaskUnless(task, result === -EINTR);
  storeRemaining(task, tsp, deadline_ns, 1);
  return result === -EINTR ? -ERESTARTNOHAND : result;
}

const POLLIN_SET = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
const POLLOUT_SET = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
const POLLEX_SET = POLLPRI;

/** select() on three bit maps. Linux: core_sys_select(), do_select(). */
function* selectFds(
  task: Task,
  nfds: number,
  inp: number,
  outp: number,
  exp: number,
  deadline_ns: number,
): Sleep<number> {
  if (nfds < 0) return -EINVAL;
  nfds = Math.min(nfds, Math.max(task.files.length, 64));
  const bytesPerWord = wordSize(task);
  const size = Math.ceil(nfds / (8 * bytesPerWord)) * bytesPerWord;
  const read = (ptr: number): Uint8Array | number => {
    const bytes = new Uint8Array(size);
    return ptr !== 0 && copyFromUser(task, ptr, bytes) < 0 ? -EFAULT : bytes;
  };
  const sets: Uint8Array[] = [];
  for (const ptr of [inp, outp, exp]) {
    const bytes = read(ptr);
    if (typeof bytes === "number") return bytes;
    sets.push(bytes);
  }
  const results = sets.map(() => new Uint8Array(size));
  const watched: { fd: number; file: File }[] = [];
  const has = (set: Uint8Array, fd: number) => (set[fd >> 3] & (1 << (fd & 7))) !== 0;
  try {
    for (let fd = 0; fd < nfds; fd++) {
      if (!sets.some((set) => has(set, fd))) continue;
      const file = task.files.get(fd);
      if (isErr(file)) return -EBADF;
      watched.push({ fd, file: file.get() });
    }
    const scan = (table: PollTable | null): number => {
      let count = 0;
      for (const set of results) set.fill(0);
      for (const { fd, file } of watched) {
        const mask = pollFile(file, count ? null : table);
        for (const [i, bits] of [POLLIN_SET, POLLOUT_SET, POLLEX_SET].entries()) {
          if (!(mask & bits) || !has(sets[i], fd)) continue;
          results[i][fd >> 3] |= 1 << (fd & 7);
          count++;
        }
      }
      return count;
    };
    const count = yield* pollUntil(task, deadline_ns, scan);
    if (count < 0) return count;
    for (const [i, ptr] of [inp, outp, exp].entries()) {
      if (ptr !== 0 && copyToUser(task, ptr, results[i]) < 0) return -EFAULT;
    }
    return count;
  } finally {
    for (const { file } of watched) file.put();
  }
}

export function* sys_select(
  task: Task,
  nfds: number,
  inp: number,
  outp: number,
  exp: number,
  tvp: number,
): Sleep<number> {
  const deadline_ns = readDeadline(task, tvp, 1000);
  if (deadline_ns < 0) return deadline_ns;
  const result = yield* selectFds(task, nfds, inp, outp, exp, deadline_ns);
  storeRemaining(task, tvp, deadline_ns, 1000);
  return result === -EINTR ? -ERESTARTNOHAND : result;
}

/** The last argument points to { const sigset_t *ss; size_t ss_len }. */
export function* sys_pselect6(
  task: Task,
  nfds: number,
  inp: number,
  outp: number,
  exp: number,
  tsp: number,
  sig: number,
): Sleep<number> {
  let mask_ptr = 0;
  let mask_size = 0;
  if (sig !== 0) {
    const ptr = readPointer(task, sig);
    const size = readPointer(task, sig + wordSize(task));
    if (ptr === null || size === null) return -EFAULT;
    mask_ptr = ptr;
    mask_size = size;
  }
  const deadline_ns = readDeadline(task, tsp, 1);
  if (deadline_ns < 0) return deadline_ns;
  const error = setUserSigmask(task, mask_ptr, mask_size);
  if (error) return error;
  const result = yield* selectFds(task, nfds, inp, outp, exp, deadline_ns);
  restoreSavedSigmaskUnless(task, result === -EINTR);
  storeRemaining(task, tsp, deadline_ns, 1);
  return result === -EINTR ? -ERESTARTNOHAND : result;
}

/**
 * Futexes: sleeping on a word of user memory until another thread says that it changed. Linux: kernel/futex/.
 * man 2 futex. A private futex is known by its address space and address; a shared one by the mapped object and the
 * offset in it, so that processes meet.
 */
import { readPointer, readTimePair, readWords, wordSize, writeWords } from "../mm/user_words.ts";
import { getUser32, putUser32 } from "../mm/usercopy.ts";
import type { Task } from "../task/task.ts";
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from "../task/state.ts";
import { VM_SHARED } from "../mm/vma.ts";
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOSYS,
  ERESTARTSYS,
  ERESTART_RESTARTBLOCK,
  ESRCH,
  ETIMEDOUT,
} from "../uapi/errno.ts";
import { TASK_SIZE } from "../mm/usercopy.ts";
import type { Sleep } from "./wait.ts";

const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_REQUEUE = 3;
const FUTEX_CMP_REQUEUE = 4;
const FUTEX_WAKE_OP = 5;
const FUTEX_WAIT_BITSET = 9;
const FUTEX_WAKE_BITSET = 10;
const FUTEX_PRIVATE_FLAG = 128;
const FUTEX_CLOCK_REALTIME = 256;
const FUTEX_BITSET_MATCH_ANY = 0xffff_ffff;

const FUTEX_WAITERS = 0x8000_0000;
const FUTEX_OWNER_DIED = 0x4000_0000;
const FUTEX_TID_MASK = 0x3fff_ffff;
const ROBUST_LIST_LIMIT = 2048;

interface Waiter {
  readonly task: Task;
  readonly bitset: number;
  /** The queue it is on; null once woken. Requeueing changes it. */
  queue: FutexQueue | null;
}

interface FutexQueue {
  readonly key: FutexKey;
  readonly waiters: Waiter[];
}

interface FutexKey {
  /** An Mm, or the object behind a shared mapping. */
  readonly owner: object;
  readonly offset: number;
}

/** Every futex that someone waits on. */
export class FutexTable {
  readonly #queues = new Map<object, Map<number, FutexQueue>>();

  find(key: FutexKey): FutexQueue | undefined {
    return this.#queues.get(key.owner)?.get(key.offset);
  }

  add(key: FutexKey, waiter: Waiter): void {
    let byOffset = this.#queues.get(key.owner);
    if (!byOffset) this.#queues.set(key.owner, (byOffset = new Map()));
    let queue = byOffset.get(key.offset);
    if (!queue) byOffset.set(key.offset, (queue = { key, waiters: [] }));
    queue.waiters.push(waiter);
    waiter.queue = queue;
  }

  remove(waiter: Waiter): void {
    const { queue } = waiter;
    if (!queue) return;
    waiter.queue = null;
    queue.waiters.splice(queue.waiters.indexOf(waiter), 1);
    if (queue.waiters.length > 0) return;
    const byOffset = this.#queues.get(queue.key.owner);
    byOffset?.delete(queue.key.offset);
    if (byOffset?.size === 0) this.#queues.delete(queue.key.owner);
  }

  /** Wakes up to `nr_wake` waiters whose bitset matches; how many. */
  wake(key: FutexKey, nr_wake: number, bitset: number): number {
    const queue = this.find(key);
    if (!queue) return 0;
    let nr_woken = 0;
    for (const waiter of [...queue.waiters]) {
      if (nr_woken >= nr_wake) break;
      if (!(waiter.bitset & bitset)) continue;
      this.remove(waiter);
      waiter.task.kernel.sched.wakeUpProcess(waiter.task);
      nr_woken++;
    }
    return nr_woken;
  }
}

/** Linux: get_futex_key(). */
function futexKey(task: Task, uaddr: number, isPrivate: boolean): FutexKey | number {
  if (uaddr % 4 !== 0) return -EINVAL;
  if (uaddr < 0 || uaddr >= TASK_SIZE || task.mm === null) return -EFAULT;
  if (!isPrivate) {
    const vma = task.mm.find(uaddr);
    if (!vma) return -EFAULT;
    if (vma.flags & VM_SHARED) {
      const owner = vma.file?.inode ?? (vma.private as object);
      return { owner, offset: vma.indexOf(uaddr) * 4096 + (uaddr % 4096) };
    }
  }
  return { owner: task.mm, offset: uaddr };
}

function* futexWait(
  task: Task,
  uaddr: number,
  isPrivate: boolean,
  value: number,
  deadline_ns: number,
  bitset: number,
  isRestartable: boolean,
): Sleep<number> {
  if (bitset === 0) return -EINVAL;
  const key = futexKey(task, uaddr, isPrivate);
  if (typeof key === "number") return key;
  const word = getUser32(task, uaddr);
  if (word < 0) return -EFAULT;
  if (word !== value) return -EAGAIN;
  const { kernel } = task;
  const waiter: Waiter = { task, bitset, queue: null };
  kernel.futexes.add(key, waiter);
  const { time, sched } = kernel;
  const timer =
    deadline_ns === Infinity ? null : time.startTimer(deadline_ns, () => sched.wakeUpProcess(task));
  try {
    for (;;) {
      task.state = TASK_INTERRUPTIBLE;
      if (waiter.queue === null) return 0;
      if (task.signalPending()) break;
      if (time.monotonic_ns() >= deadline_ns) return -ETIMEDOUT;
      yield;
    }
  } finally {
    task.state = TASK_RUNNING;
    kernel.futexes.remove(waiter);
    if (timer) time.cancelTimer(timer);
  }
  if (deadline_ns === Infinity) return -ERESTARTSYS;
  if (!isRestartable) return -ERESTARTSYS;
  task.restart_block = (again) => futexWait(again, uaddr, isPrivate, value, deadline_ns, bitset, true);
  return -ERESTART_RESTARTBLOCK;
}

/** Wakes waiters of a private futex of the task's memory; for the kernel's own use (CLEARTID). */
export function futexWakeAddress(task: Task, uaddr: number, nr_wake: number): void {
  for (const isPrivate of [true, false]) {
    const key = futexKey(task, uaddr, isPrivate);
    if (typeof key !== "number" && task.kernel.futexes.wake(key, nr_wake, FUTEX_BITSET_MATCH_ANY) > 0) return;
  }
}

/** Linux: futex_wake_op(): changes one word and tests its old value. */
function wakeOp(
  task: Task,
  key1: FutexKey,
  key2: FutexKey,
  uaddr2: number,
  nr_wake: number,
  nr_wake2: number,
  encoded: number,
): number {
  const op = (encoded >> 28) & 7;
  const cmp = (encoded >> 24) & 15;
  let oparg = (encoded << 8) >> 20;
  const cmparg = (encoded << 20) >> 20;
  if (encoded & 0x8000_0000) oparg = 1 << (oparg & 31);
  const old = getUser32(task, uaddr2);
  if (old < 0) return -EFAULT;
  const before = old | 0;
  const after = [oparg, before + oparg, before | oparg, before & ~oparg, before ^ oparg][op];
  if (after === undefined) return -ENOSYS;
  if (putUser32(task, uaddr2, after | 0) < 0) return -EFAULT;
  const tests = [
    before === cmparg,
    before !== cmparg,
    before < cmparg,
    before <= cmparg,
    before > cmparg,
    before >= cmparg,
  ];
  if (cmp >= tests.length) return -ENOSYS;
  const { futexes } = task.kernel;
  let nr_woken = futexes.wake(key1, nr_wake, FUTEX_BITSET_MATCH_ANY);
  if (tests[cmp]) nr_woken += futexes.wake(key2, nr_wake2, FUTEX_BITSET_MATCH_ANY);
  return nr_woken;
}

function requeue(task: Task, key1: FutexKey, key2: FutexKey, nr_wake: number, nr_requeue: number): number {
  const { futexes } = task.kernel;
  let count = futexes.wake(key1, nr_wake, FUTEX_BITSET_MATCH_ANY);
  const queue = futexes.find(key1);
  if (!queue || (key1.owner === key2.owner && key1.offset === key2.offset)) return count;
  for (const waiter of queue.waiters.slice(0, nr_requeue)) {
    futexes.remove(waiter);
    futexes.add(key2, waiter);
    count++;
  }
  return count;
}

/** man 2 futex. The fourth argument is a timeout or a count, as the operation says. */
export function sys_futex(
  task: Task,
  uaddr: number,
  futex_op: number,
  value: number,
  utime: number,
  uaddr2: number,
  value3: number,
): number | Sleep<number> {
  const command = futex_op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const isPrivate = (futex_op & FUTEX_PRIVATE_FLAG) !== 0;
  const { time, futexes } = task.kernel;
  if (futex_op & FUTEX_CLOCK_REALTIME && command !== FUTEX_WAIT_BITSET && command !== FUTEX_WAIT)
    return -ENOSYS;
  let deadline_ns = Infinity;
  if ((command === FUTEX_WAIT || command === FUTEX_WAIT_BITSET) && utime !== 0) {
    const pair = readTimePair(task, utime);
    if (pair === null) return -EFAULT;
    const [sec, nsec] = pair;
    if (sec < 0 || nsec < 0 || nsec >= 1e9) return -EINVAL;
    if (command === FUTEX_WAIT) deadline_ns = time.monotonic_ns() + sec * 1e9 + nsec;
    else if (futex_op & FUTEX_CLOCK_REALTIME) deadline_ns = time.fromRealtime({ sec, nsec });
    else deadline_ns = sec * 1e9 + nsec;
  }
  const nr = utime | 0;
  const key = futexKey(task, uaddr, isPrivate);
  if (typeof key === "number") return key;
  switch (command) {
    case FUTEX_WAIT:
      return futexWait(task, uaddr, isPrivate, value >>> 0, deadline_ns, FUTEX_BITSET_MATCH_ANY, true);
    case FUTEX_WAIT_BITSET:
      return futexWait(task, uaddr, isPrivate, value >>> 0, deadline_ns, value3 >>> 0, true);
    case FUTEX_WAKE:
      return futexes.wake(key, Math.max(1, value | 0), FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      return value3 >>> 0 === 0 ? -EINVAL : futexes.wake(key, Math.max(1, value | 0), value3 >>> 0);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_WAKE_OP: {
      const key2 = futexKey(task, uaddr2, isPrivate);
      if (typeof key2 === "number") return key2;
      if (command === FUTEX_WAKE_OP)
        return wakeOp(task, key, key2, uaddr2, Math.max(1, value | 0), Math.max(1, nr), value3 | 0);
      if (value < 0 || nr < 0) return -EINVAL;
      if (command === FUTEX_CMP_REQUEUE) {
        const word = getUser32(task, uaddr);
        if (word < 0) return -EFAULT;
        if (word !== value3 >>> 0) return -EAGAIN;
      }
      return requeue(task, key, key2, value, nr);
    }
    default:
      return -ENOSYS;
  }
}

/** struct robust_list_head has three words. */
const robustListHeadSize = (task: Task): number => 3 * wordSize(task);

/** man 2 set_robust_list. */
export function sys_set_robust_list(task: Task, head: number, length: number): number {
  if (length !== robustListHeadSize(task)) return -EINVAL;
  task.robust_list = head;
  task.robust_list_abi = task.syscall_abi;
  return 0;
}

/** man 2 get_robust_list. */
export function sys_get_robust_list(task: Task, pid: number, head_ptr: number, length_ptr: number): number {
  const target = pid === 0 ? task : task.kernel.tasks.find(pid);
  if (!target) return -ESRCH;
  const size = wordSize(task);
  if (writeWords(task, length_ptr, [robustListHeadSize(task)], size) < 0) return -EFAULT;
  return writeWords(task, head_ptr, [target.robust_list], size);
}

/** A thread dies holding robust mutexes: marks them and wakes a waiter. Linux: exit_robust_list(). */
export function exitRobustList(task: Task): void {
  const head = task.robust_list;
  if (head === 0 || task.mm === null) return;
  task.robust_list = 0;
  task.syscall_abi = task.robust_list_abi;
  const size = wordSize(task);
  const words = readWords(task, head, 3, size);
  if (words === null) return;
  const [, offset] = words;
  const op_pending = size === 4 ? words[2] >>> 0 : words[2];
  let entry = readPointer(task, head);
  for (let count = 0; entry !== null && entry !== head && count < ROBUST_LIST_LIMIT; count++) {
    const current = entry;
    entry = readPointer(task, current - (current % 2));
    if (current !== op_pending) markOwnerDied(task, current - (current % 2) + offset);
  }
  if (op_pending) markOwnerDied(task, op_pending - (op_pending % 2) + offset);
}

function markOwnerDied(task: Task, uaddr: number): void {
  if (uaddr % 4 !== 0) return;
  const word = getUser32(task, uaddr);
  if (word < 0 || (word & FUTEX_TID_MASK) !== task.pid) return;
  if (putUser32(task, uaddr, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) < 0) return;
  if (word & FUTEX_WAITERS) futexWakeAddress(task, uaddr, 1);
}

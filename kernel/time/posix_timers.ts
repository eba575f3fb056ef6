/**
 * Timers of timer_create(2) on the wall and monotonic clocks. Clocks of CPU time are refused (-EOPNOTSUPP).
 * Linux: kernel/time/posix-timers.c; man 2 timer_create.
 */
import { wordSize } from "../mm/user_words.ts";
import { copyFromUser, putUser32 } from "../mm/usercopy.ts";
import { sendSignalToProcess, sendSignalToThread } from "../task/signal.ts";
import type { SigInfo } from "../task/siginfo.ts";
import type { SignalStruct } from "../task/signal_struct.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, EFAULT, EINVAL, EOPNOTSUPP } from "../uapi/errno.ts";
import { NSIG, SIGALRM, SI_TIMER } from "../uapi/signal.ts";
import * as C from "../uapi/time.ts";
import type { Timer } from "./timer.ts";
import { readClock } from "./posix_clocks.ts";
import { readItimer, toNs, writeItimer } from "./timespec.ts";

/** struct sigevent: sigev_value, sigev_signo, sigev_notify, sigev_notify_thread_id. */
const SIGEVENT_BYTES = 64;
const MAX_TIMERS = 1024;
const DELAYTIMER_MAX = 0x7fffffff;

interface PosixTimer {
  readonly id: number;
  readonly clock: number;
  readonly notify: number;
  readonly signo: number;
  readonly value_lo: number;
  readonly value_hi: number;
  /** SIGEV_THREAD_ID: who gets the signal. */
  readonly thread: Task | null;
  /** Monotonic; 0: not armed. */
  expires_ns: number;
  interval_ns: number;
  timer: Timer | null;
  /** Expirations that found the signal still pending: so far, and those of the last signal sent. */
  overrun: number;
  last_overrun: number;
}

/** Every process's timers. */
export class PosixTimers {
  readonly #byProcess = new Map<SignalStruct, Map<number, PosixTimer>>();

  find(task: Task, id: number): PosixTimer | undefined {
    return this.#byProcess.get(task.signal)?.get(id);
  }

  /** Enters a timer under a free number: the number, or -EAGAIN. */
  add(task: Task, make: (id: number) => PosixTimer): number {
    let timers = this.#byProcess.get(task.signal);
    if (!timers) {
      timers = new Map();
      this.#byProcess.set(task.signal, timers);
      const { kernel, signal } = task;
      signal.exit_callbacks.add(() => kernel.time.posixTimers.deleteAll(task));
    }
    for (let id = 0; id < MAX_TIMERS; id++) {
      if (timers.has(id)) continue;
      timers.set(id, make(id));
      return id;
    }
    return -EAGAIN;
  }

  remove(task: Task, timer: PosixTimer): void {
    disarm(task, timer);
    this.#byProcess.get(task.signal)?.delete(timer.id);
  }

  /** At exec and at the end of the process. Linux: exit_itimers(). */
  deleteAll(task: Task): void {
    const timers = this.#byProcess.get(task.signal);
    if (!timers) return;
    for (const timer of timers.values()) disarm(task, timer);
    this.#byProcess.delete(task.signal);
  }
}

function disarm(task: Task, timer: PosixTimer): void {
  if (timer.timer) task.kernel.time.cancelTimer(timer.timer);
  timer.timer = null;
  timer.expires_ns = 0;
}

function arm(task: Task, timer: PosixTimer): void {
  timer.timer = task.kernel.time.startTimer(timer.expires_ns, (now_ns) => {
    timer.timer = null;
    let expirations = 1;
    if (timer.interval_ns > 0) {
      expirations += Math.floor((now_ns - timer.expires_ns) / timer.interval_ns);
      timer.expires_ns += expirations * timer.interval_ns;
      arm(task, timer);
    } else {
      timer.expires_ns = 0;
    }
    notify(task, timer, expirations);
  });
}

function notify(task: Task, timer: PosixTimer, expirations: number): void {
  if (timer.notify === C.SIGEV_NONE) return;
  const leader = task.group_leader;
  const queues = [leader.signal.shared_pending, ...(timer.thread ? [timer.thread.pending] : [])];
  for (const { list } of queues) {
    const pending = list.find((info) => info.code === SI_TIMER && info.timer_id === timer.id);
    if (!pending) continue;
    timer.overrun = Math.min(DELAYTIMER_MAX, timer.overrun + expirations);
    pending.overrun = timer.overrun;
    timer.last_overrun = timer.overrun;
    return;
  }
  timer.overrun = expirations - 1;
  timer.last_overrun = timer.overrun;
  const info: SigInfo = {
    signo: timer.signo,
    code: SI_TIMER,
    timer_id: timer.id,
    overrun: timer.overrun,
    value_lo: timer.value_lo,
    value_hi: timer.value_hi,
  };
  if (timer.thread) sendSignalToThread(timer.thread, timer.signo, info);
  else sendSignalToProcess(leader, timer.signo, info);
}

export function sys_timer_create(task: Task, clock: number, event_ptr: number, id_ptr: number): number {
  if (typeof readClock(task, clock) === "number") return -EINVAL;
  const isWall = clock === C.CLOCK_REALTIME || clock === C.CLOCK_TAI;
  if (!isWall && clock !== C.CLOCK_MONOTONIC && clock !== C.CLOCK_BOOTTIME) return -EOPNOTSUPP;
  let notifyKind = C.SIGEV_SIGNAL;
  let signo = SIGALRM;
  let value: [number, number] | null = null;
  let thread: Task | null = null;
  if (event_ptr !== 0) {
    const bytes = new Uint8Array(SIGEVENT_BYTES);
    if (copyFromUser(task, event_ptr, bytes)) return -EFAULT;
    const view = new DataView(bytes.buffer);
    const size = wordSize(task);
    value = [view.getUint32(0, true), size === 8 ? view.getUint32(4, true) : 0];
    signo = view.getInt32(size, true);
    notifyKind = view.getInt32(size + 4, true);
    if (notifyKind === (C.SIGEV_SIGNAL | C.SIGEV_THREAD_ID)) {
      thread = task.kernel.tasks.find(view.getInt32(size + 8, true)) ?? null;
      if (thread?.signal !== task.signal) return -EINVAL;
    } else if (
      notifyKind !== C.SIGEV_SIGNAL &&
      notifyKind !== C.SIGEV_NONE &&
      notifyKind !== C.SIGEV_THREAD
    ) {
      return -EINVAL;
    }
    if (notifyKind !== C.SIGEV_NONE && (signo < 1 || signo > NSIG)) return -EINVAL;
  }
  const { posixTimers } = task.kernel.time;
  const id = posixTimers.add(task, (newId) => ({
    id: newId,
    clock,
    notify: notifyKind,
    signo,
    value_lo: value ? value[0] : newId,
    value_hi: value ? value[1] : 0,
    thread,
    expires_ns: 0,
    interval_ns: 0,
    timer: null,
    overrun: 0,
    last_overrun: 0,
  }));
  if (id < 0) return id;
  if (putUser32(task, id_ptr, id)) {
    posixTimers.remove(task, posixTimers.find(task, id)!);
    return -EFAULT;
  }
  return 0;
}

function remaining(task: Task, timer: PosixTimer): number {
  return timer.expires_ns === 0 ? 0 : Math.max(1, timer.expires_ns - task.kernel.time.monotonic_ns());
}

export function sys_timer_settime(
  task: Task,
  id: number,
  flags: number,
  ptr: number,
  old_ptr: number,
): number {
  const { time } = task.kernel;
  if (ptr === 0) return -EINVAL;
  const wanted = readItimer(task, ptr, 1);
  if (typeof wanted === "number") return wanted;
  const timer = time.posixTimers.find(task, id);
  if (!timer) return -EINVAL;
  const old_interval_ns = timer.interval_ns;
  const old_value_ns = remaining(task, timer);
  disarm(task, timer);
  const value_ns = toNs(wanted.value);
  timer.interval_ns = value_ns > 0 ? toNs(wanted.interval) : 0;
  timer.overrun = timer.last_overrun = 0;
  if (value_ns > 0) {
    if (!(flags & C.TIMER_ABSTIME)) timer.expires_ns = time.monotonic_ns() + value_ns;
    else if (timer.clock === C.CLOCK_MONOTONIC || timer.clock === C.CLOCK_BOOTTIME)
      timer.expires_ns = value_ns;
    else {
      const offset = timer.clock === C.CLOCK_TAI ? time.tai_offset_sec : 0;
      timer.expires_ns = Math.max(
        1,
        time.fromRealtime({ sec: wanted.value.sec - offset, nsec: wanted.value.nsec }),
      );
    }
    arm(task, timer);
  }
  if (old_ptr === 0) return 0;
  return writeItimer(task, old_ptr, 1, old_interval_ns, old_value_ns) ? -EFAULT : 0;
}

export function sys_timer_gettime(task: Task, id: number, ptr: number): number {
  const timer = task.kernel.time.posixTimers.find(task, id);
  if (!timer) return -EINVAL;
  return writeItimer(task, ptr, 1, timer.interval_ns, remaining(task, timer)) ? -EFAULT : 0;
}

export function sys_timer_getoverrun(task: Task, id: number): number {
  return task.kernel.time.posixTimers.find(task, id)?.last_overrun ?? -EINVAL;
}

export function sys_timer_delete(task: Task, id: number): number {
  const { posixTimers } = task.kernel.time;
  const timer = posixTimers.find(task, id);
  if (!timer) return -EINVAL;
  posixTimers.remove(task, timer);
  return 0;
}

/**
 * struct timespec, timeval and itimerval between user memory and nanoseconds. Linux: kernel/time/time.c.
 * Spans of time are plain nanoseconds (exact to 104 days at 1 ns, and far beyond at the clock's own precision).
 */
import { copyFromUser, copyToUser } from "../mm/usercopy.ts";
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL } from "../uapi/errno.ts";
import { NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC } from "../uapi/time.ts";
import type { Timespec } from "./timekeeping.ts";

/** More than any deadline: 292 years, where Linux's ktime_t ends. */
const KTIME_SEC_MAX = 9_223_372_036;

function readPair(view: DataView, offset: number): [number, number] {
  const at = (position: number) =>
    view.getInt32(position + 4, true) * 2 ** 32 + view.getUint32(position, true);
  return [at(offset), at(offset + 8)];
}

export function writePair(view: DataView, offset: number, first: number, second: number): void {
  for (const [position, value] of [
    [offset, first],
    [offset + 8, second],
  ]) {
    const high = Math.floor(value / 2 ** 32);
    view.setUint32(position, value - high * 2 ** 32, true);
    view.setInt32(position + 4, high, true);
  }
}

/** struct timespec at `ptr`; -EFAULT, or -EINVAL if it is not a time. */
export function readTimespec(task: Task, ptr: number): Timespec | number {
  const bytes = new Uint8Array(16);
  if (copyFromUser(task, ptr, bytes)) return -EFAULT;
  const [sec, nsec] = readPair(new DataView(bytes.buffer), 0);
  if (sec < 0 || nsec < 0 || nsec >= NSEC_PER_SEC) return -EINVAL;
  return { sec, nsec };
}

/** 0 or -EFAULT. */
export function writeTimespec(task: Task, ptr: number, time: Timespec): number {
  const bytes = new Uint8Array(16);
  writePair(new DataView(bytes.buffer), 0, time.sec, time.nsec);
  return copyToUser(task, ptr, bytes);
}

export function toNs(time: Timespec): number {
  return Math.min(time.sec, KTIME_SEC_MAX) * NSEC_PER_SEC + time.nsec;
}

export function fromNs(ns: number): Timespec {
  const sec = Math.floor(ns / NSEC_PER_SEC);
  return { sec, nsec: ns - sec * NSEC_PER_SEC };
}

/** struct timeval at `ptr` as microseconds within their second. */
export function readTimeval(task: Task, ptr: number): { sec: number; usec: number } | number {
  const bytes = new Uint8Array(16);
  if (copyFromUser(task, ptr, bytes)) return -EFAULT;
  const [sec, usec] = readPair(new DataView(bytes.buffer), 0);
  if (sec < 0 || usec < 0 || usec >= USEC_PER_SEC) return -EINVAL;
  return { sec, usec };
}

export function writeTimeval(task: Task, ptr: number, time: Timespec): number {
  const bytes = new Uint8Array(16);
  writePair(new DataView(bytes.buffer), 0, time.sec, Math.floor(time.nsec / NSEC_PER_USEC));
  return copyToUser(task, ptr, bytes);
}

/** An interval and a value, ns: struct itimerspec (unit 1) or itimerval (unit 1000). */
export interface IntervalValue {
  interval: Timespec;
  value: Timespec;
}

export function readItimer(task: Task, ptr: number, ns_per_unit: number): IntervalValue | number {
  const bytes = new Uint8Array(32);
  if (copyFromUser(task, ptr, bytes)) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const times: Timespec[] = [];
  for (const offset of [0, 16]) {
    const [sec, fraction] = readPair(view, offset);
    if (sec < 0 || fraction < 0 || fraction >= NSEC_PER_SEC / ns_per_unit) return -EINVAL;
    times.push({ sec, nsec: fraction * ns_per_unit });
  }
  return { interval: times[0], value: times[1] };
}

export function writeItimer(
  task: Task,
  ptr: number,
  ns_per_unit: number,
  interval_ns: number,
  value_ns: number,
): number {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  const interval = fromNs(interval_ns);
  const value = fromNs(value_ns);
  writePair(view, 0, interval.sec, Math.floor(interval.nsec / ns_per_unit));
  writePair(view, 16, value.sec, Math.floor(value.nsec / ns_per_unit));
  return copyToUser(task, ptr, bytes);
}

/**
 * struct timespec, timeval and itimerval between user memory and nanoseconds. Linux: kernel/time/time.c.
 * Spans of time are plain nanoseconds (exact to 104 days at 1 ns, and far beyond at the clock's own precision).
 */
import { readTimePair, timeWordSize, writeWords } from "../mm/user_words.ts";
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL } from "../uapi/errno.ts";
import { NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC } from "../uapi/time.ts";
import type { Timespec } from "./timekeeping.ts";

/** More than any deadline: 292 years, where Linux's ktime_t ends. */
const KTIME_SEC_MAX = 9_223_372_036;

/** struct timespec at `ptr`; -EFAULT, or -EINVAL if it is not a time. */
export function readTimespec(task: Task, ptr: number): Timespec | number {
  const pair = readTimePair(task, ptr);
  if (pair === null) return -EFAULT;
  const [sec, nsec] = pair;
  if (sec < 0 || nsec < 0 || nsec >= NSEC_PER_SEC) return -EINVAL;
  return { sec, nsec };
}

/** 0 or -EFAULT. */
export function writeTimespec(task: Task, ptr: number, time: Timespec): number {
  return writeWords(task, ptr, [time.sec, time.nsec], timeWordSize(task));
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
  const pair = readTimePair(task, ptr);
  if (pair === null) return -EFAULT;
  const [sec, usec] = pair;
  if (sec < 0 || usec < 0 || usec >= USEC_PER_SEC) return -EINVAL;
  return { sec, usec };
}

export function writeTimeval(task: Task, ptr: number, time: Timespec): number {
  return writeWords(task, ptr, [time.sec, Math.floor(time.nsec / NSEC_PER_USEC)], timeWordSize(task));
}

/** An interval and a value, ns: struct itimerspec (unit 1) or itimerval (unit 1000). */
export interface IntervalValue {
  interval: Timespec;
  value: Timespec;
}

export function readItimer(task: Task, ptr: number, ns_per_unit: number): IntervalValue | number {
  const times: Timespec[] = [];
  for (const offset of [0, 2 * timeWordSize(task)]) {
    const pair = readTimePair(task, ptr + offset);
    if (pair === null) return -EFAULT;
    const [sec, fraction] = pair;
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
  const words = [interval_ns, value_ns].flatMap((ns) => {
    const { sec, nsec } = fromNs(ns);
    return [sec, Math.floor(nsec / ns_per_unit)];
  });
  return writeWords(task, ptr, words, timeWordSize(task));
}

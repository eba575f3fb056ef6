/**
 * Sleeping for a time or until one. A relative sleep that a signal interrupts remembers its deadline: after a stop and
 * SIGCONT it goes on to the same end. Linux: kernel/time/hrtimer.c hrtimer_nanosleep(); man 2 clock_nanosleep.
 */
import { WaitQueue, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL, EOPNOTSUPP, ERESTARTNOHAND, ERESTART_RESTARTBLOCK, ETIME } from "../uapi/errno.ts";
import * as C from "../uapi/time.ts";
import { readClock } from "./posix_clocks.ts";
import type { Timespec } from "./timekeeping.ts";
import { fromNs, readTimespec, toNs, writeTimespec } from "./timespec.ts";

export function sys_nanosleep(task: Task, req: number, rem: number): number | Sleep<number> {
  const span = readTimespec(task, req);
  if (typeof span === "number") return span;
  return sleepUntil(task, task.kernel.time.monotonic_ns() + toNs(span), rem);
}

export function sys_clock_nanosleep(
  task: Task,
  clock: number,
  flags: number,
  req: number,
  rem: number,
): number | Sleep<number> {
  const now = readClock(task, clock);
  if (typeof now === "number") return -EINVAL;
  const isWall = clock === C.CLOCK_REALTIME || clock === C.CLOCK_TAI;
  if (!isWall && clock !== C.CLOCK_MONOTONIC && clock !== C.CLOCK_BOOTTIME) return -EOPNOTSUPP;
  const time = readTimespec(task, req);
  if (typeof time === "number") return time;
  if (!(flags & C.TIMER_ABSTIME)) return sleepUntil(task, task.kernel.time.monotonic_ns() + toNs(time), rem);
  if (!isWall) return sleepUntilAbsolute(task, toNs(time));
  const offset = clock === C.CLOCK_TAI ? task.kernel.time.tai_offset_sec : 0;
  return sleepUntilWallTime(task, { sec: time.sec - offset, nsec: time.nsec });
}

/** A relative sleep; `rem` gets what is left if a signal ends it early. */
function* sleepUntil(task: Task, deadline_ns: number, rem: number): Sleep<number> {
  const error = yield* new WaitQueue().waitUntil(task, () => false, deadline_ns);
  if (error === -ETIME) return 0;
  const left_ns = deadline_ns - task.kernel.time.monotonic_ns();
  if (left_ns <= 0) return 0;
  if (rem !== 0 && writeTimespec(task, rem, fromNs(left_ns))) return -EFAULT;
  task.restart_block = (again) => sleepUntil(again, deadline_ns, rem);
  return -ERESTART_RESTARTBLOCK;
}

function* sleepUntilAbsolute(task: Task, deadline_ns: number): Sleep<number> {
  const error = yield* new WaitQueue().waitUntil(task, () => false, deadline_ns);
  return error === -ETIME ? 0 : -ERESTARTNOHAND;
}

/** Looks again whenever the wall clock is set. */
function* sleepUntilWallTime(task: Task, wake: Timespec): Sleep<number> {
  const { time } = task.kernel;
  for (;;) {
    const seen = time.clock_set_seq;
    const error = yield* time.clockWasSet.waitUntil(
      task,
      () => time.clock_set_seq !== seen,
      time.fromRealtime(wake),
    );
    if (error === -ETIME) return 0;
    if (error) return -ERESTARTNOHAND;
  }
}

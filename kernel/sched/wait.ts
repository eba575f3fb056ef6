/**
 * Wait queues: how a task sleeps until a condition holds. Linux: kernel/sched/wait.c.
 *
 * A kernel function that may sleep is a generator. `yield` gives the CPU away (Linux: schedule()); the suspended
 * chain of generators is the task's kernel stack. The loop that every blocking object follows:
 *
 *     while (this.isEmpty()) {
 *       if (this.nrWriters === 0) return 0;                                 // end of file
 *       if (file.f_flags & O_NONBLOCK) return -EAGAIN;
 *       const error = yield* this.readers.wait(task, () => !this.isEmpty());
 *       if (error) return error;                                            // -ERESTARTSYS: a signal came
 *     }
 *
 * Waiters that the condition does not let go simply sleep again, so a wake-up is never more than a hint.
 */
import type { Task } from "../task/task.ts";
import { ERESTARTSYS, ETIME } from "../uapi/errno.ts";
import { TASK_INTERRUPTIBLE, TASK_KILLABLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from "../task/state.ts";

/** What a function that may sleep returns; call it with `yield*`. */
export type Sleep<T> = Generator<void, T, void>;
/** What an operation returns that sleeps only sometimes: a plain value costs no generator. */
export type MaySleep<T> = T | Sleep<T>;

/** Runs an operation that may or may not sleep to its end. */
export function* finish<T>(operation: MaySleep<T>): Sleep<T> {
  return isSleep(operation) ? yield* operation : operation;
}

export function isSleep<T>(operation: MaySleep<T>): operation is Sleep<T> {
  return (
    typeof operation === "object" && operation !== null && Symbol.iterator in operation && "next" in operation
  );
}

/** One waiter. `wake` returns true if it took the wake-up (an exclusive waiter then ends the walk). */
export interface WaitEntry {
  readonly exclusive: boolean;
  wake(): boolean;
}

class TaskEntry implements WaitEntry {
  constructor(
    readonly task: Task,
    readonly exclusive: boolean,
  ) {}
  wake(): boolean {
    return this.task.kernel.sched.wakeUpProcess(this.task);
  }
}

export class WaitQueue {
  /** In order of arrival; non-exclusive waiters are woken all, exclusive ones one at a time. */
  readonly #entries = new Set<WaitEntry>();

  add(entry: WaitEntry): void {
    this.#entries.add(entry);
  }

  remove(entry: WaitEntry): void {
    this.#entries.delete(entry);
  }

  /** Whether anyone waits. Linux: waitqueue_active(). */
  isActive(): boolean {
    return this.#entries.size > 0;
  }

  /** Wakes every non-exclusive waiter and up to `nr_exclusive` exclusive ones. Linux: __wake_up(). */
  wakeUp(nr_exclusive = 1): void {
    if (this.#entries.size === 0) return;
    for (const entry of [...this.#entries]) {
      if (entry.wake() && entry.exclusive && --nr_exclusive === 0) return;
    }
  }

  wakeUpAll(): void {
    this.wakeUp(Infinity);
  }

  /** Sleeps until `condition` holds: 0, or -ERESTARTSYS if a signal came first. Linux: wait_event_interruptible(). */
  wait(task: Task, condition: () => boolean): Sleep<number> {
    return this.#sleep(task, condition, TASK_INTERRUPTIBLE, false, Infinity);
  }

  /** As `wait`, but wakeUp() lets only one such waiter go. Linux: wait_event_interruptible_exclusive(). */
  waitExclusive(task: Task, condition: () => boolean): Sleep<number> {
    return this.#sleep(task, condition, TASK_INTERRUPTIBLE, true, Infinity);
  }

  /** As `wait`, with -ETIME once the monotonic clock reaches `deadline_ns`. Linux: wait_event_interruptible_hrtimeout(). */
  waitUntil(task: Task, condition: () => boolean, deadline_ns: number): Sleep<number> {
    return this.#sleep(task, condition, TASK_INTERRUPTIBLE, false, deadline_ns);
  }

  /** Only a fatal signal ends it early. Linux: wait_event_killable(). */
  waitKillable(task: Task, condition: () => boolean): Sleep<number> {
    return this.#sleep(task, condition, TASK_KILLABLE, false, Infinity);
  }

  /** Nothing ends it early. Linux: wait_event(). */
  waitUninterruptible(task: Task, condition: () => boolean): Sleep<number> {
    return this.#sleep(task, condition, TASK_UNINTERRUPTIBLE, false, Infinity);
  }

  *#sleep(
    task: Task,
    condition: () => boolean,
    state: number,
    exclusive: boolean,
    deadline_ns: number,
  ): Sleep<number> {
    const entry = new TaskEntry(task, exclusive);
    const { time, sched } = task.kernel;
    this.add(entry);
    const timer =
      deadline_ns === Infinity ? null : time.startTimer(deadline_ns, () => sched.wakeUpProcess(task));
    try {
      for (;;) {
        task.state = state;
        if (condition()) return 0;
        if (task.signalPendingState(state)) return -ERESTARTSYS;
        if (time.monotonic_ns() >= deadline_ns) return -ETIME;
        yield;
      }
    } finally {
      task.state = TASK_RUNNING;
      this.remove(entry);
      if (timer) time.cancelTimer(timer);
    }
  }
}

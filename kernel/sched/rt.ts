/** The real-time class: SCHED_FIFO and SCHED_RR by priority, before every fair task. Linux: kernel/sched/rt.c. */
import { SCHED_RR } from "../uapi/sched.ts";
import type { SchedEntity } from "./fair.ts";

/** Ticks of a SCHED_RR slice: 100 ms. Linux: RR_TIMESLICE. */
export const RR_TIMESLICE_TICKS = 10;

export class RtRunQueue {
  /** Waiting tasks by rt_priority 1-99, first come first served. */
  readonly #queues: SchedEntity[][] = Array.from({ length: 100 }, () => []);
  #current: SchedEntity | null = null;
  nr_running = 0;

  update(now_ns: number): void {
    const current = this.#current;
    if (current === null) return;
    current.sum_exec_runtime_ns += Math.max(0, now_ns - current.exec_start_ns);
    current.exec_start_ns = now_ns;
  }

  enqueue(se: SchedEntity): void {
    se.on_rq = true;
    se.rt_ticks = RR_TIMESLICE_TICKS;
    this.nr_running++;
    this.#queues[se.task.rt_priority].push(se);
  }

  dequeue(se: SchedEntity): void {
    if (se === this.#current) this.#current = null;
    else this.#remove(se);
    se.on_rq = false;
    this.nr_running--;
  }

  #remove(se: SchedEntity): void {
    const queue = this.#queues[se.task.rt_priority];
    const index = queue.indexOf(se);
    if (index >= 0) queue.splice(index, 1);
  }

  /** A preempted task stays first of its priority; one whose slice is over goes last. */
  putPrevious(se: SchedEntity): void {
    if (se !== this.#current) return;
    this.#current = null;
    const queue = this.#queues[se.task.rt_priority];
    if (se.rt_ticks > 0) {
      queue.unshift(se);
    } else {
      se.rt_ticks = RR_TIMESLICE_TICKS;
      queue.push(se);
    }
  }

  pickNext(now_ns: number): SchedEntity | null {
    if (this.nr_running === 0) return null;
    for (let priority = 99; priority > 0; priority--) {
      const se = this.#queues[priority].shift();
      if (!se) continue;
      this.#current = se;
      se.exec_start_ns = now_ns;
      return se;
    }
    return null;
  }

  /** Whether a round-robin slice is over and another task of the priority waits. Linux: task_tick_rt(). */
  tick(): boolean {
    const current = this.#current;
    if (current === null || current.task.policy !== SCHED_RR || --current.rt_ticks > 0) return false;
    if (this.#queues[current.task.rt_priority].length > 0) return true;
    current.rt_ticks = RR_TIMESLICE_TICKS;
    return false;
  }

  shouldPreemptForWakeup(se: SchedEntity): boolean {
    return this.#current === null || se.task.rt_priority > this.#current.task.rt_priority;
  }

  yieldCurrent(): void {
    if (this.#current) this.#current.rt_ticks = 0;
  }
}

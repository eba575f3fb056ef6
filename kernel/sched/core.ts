/**
 * The scheduler: which task has the CPU. Linux: kernel/sched/core.c. One CPU; the kernel itself is never preempted, so
 * the choice is made only where a task sleeps (`yield`) or goes back to user mode with need_resched set
 * (arch/x86/entry.ts calls schedule() in both cases and switches the processor state).
 */
import type { Kernel } from "../kernel.ts";
import type { Task } from "../task/task.ts";
import { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from "../task/state.ts";
import { SCHED_FIFO, SCHED_RR } from "../uapi/sched.ts";
import { FairRunQueue } from "./fair.ts";
import { LoadAverage } from "./loadavg.ts";
import { RtRunQueue } from "./rt.ts";

/** Time of the CPU since boot by kind, ns. Linux: struct kernel_cpustat. */
export interface CpuStat {
  user_ns: number;
  nice_ns: number;
  system_ns: number;
  idle_ns: number;
  iowait_ns: number;
  irq_ns: number;
  softirq_ns: number;
}

const TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE;

export class Sched {
  /** The current task should give way at the next chance. Linux: TIF_NEED_RESCHED. */
  need_resched = false;
  /** Context switches since boot. */
  nr_switches = 0;
  readonly cpustat: CpuStat = {
    user_ns: 0,
    nice_ns: 0,
    system_ns: 0,
    idle_ns: 0,
    iowait_ns: 0,
    irq_ns: 0,
    softirq_ns: 0,
  };
  readonly loadavg: LoadAverage;
  readonly #fair = new FairRunQueue();
  readonly #rt = new RtRunQueue();

  constructor(private readonly kernel: Kernel) {
    this.loadavg = new LoadAverage(kernel);
  }

  /** Runnable tasks. */
  get nr_running(): number {
    return this.#fair.nr_running + this.#rt.nr_running;
  }

  setNeedResched(): void {
    this.need_resched = true;
  }

  /** Wakes a sleeping task: whether it slept. Linux: wake_up_process(). */
  wakeUpProcess(task: Task): boolean {
    return this.wakeUpState(task, TASK_NORMAL);
  }

  /** Wakes the task if its state is one of `states`. Linux: try_to_wake_up(). */
  wakeUpState(task: Task, states: number): boolean {
    if (!(task.state & states)) return false;
    task.state = TASK_RUNNING;
    if (!task.se.on_rq) {
      this.#enqueue(task);
      this.#checkPreempt(task);
    }
    return true;
  }

  /** Puts a new task on the run queue. Linux: wake_up_new_task(). */
  wakeUpNewTask(task: Task): void {
    task.state = TASK_RUNNING;
    task.se.vruntime_ns = this.kernel.current.se.vruntime_ns;
    if (isRealtime(task)) this.#rt.enqueue(task.se);
    else this.#fair.enqueueNew(task.se);
    this.#checkPreempt(task);
  }

  #enqueue(task: Task): void {
    if (isRealtime(task)) this.#rt.enqueue(task.se);
    else this.#fair.enqueueWoken(task.se);
  }

  /** Linux: check_preempt_curr(). */
  #checkPreempt(task: Task): void {
    const { current } = this.kernel;
    if (this.need_resched) return;
    if (current === this.kernel.idle) {
      this.need_resched = true;
    } else if (isRealtime(task)) {
      this.need_resched = !isRealtime(current) || this.#rt.shouldPreemptForWakeup(task.se);
    } else if (!isRealtime(current)) {
      this.#fair.update(this.kernel.time.monotonic_ns());
      this.need_resched = this.#fair.shouldPreemptForWakeup(task.se);
    }
  }

  /**
   * Chooses who runs now that `previous` sleeps or gives way: a task, or the idle task. A sleeper for whom a signal
   * came meanwhile stays runnable. Linux: __schedule() up to the switch.
   */
  schedule(previous: Task): Task {
    const { idle } = this.kernel;
    const now_ns = this.kernel.time.monotonic_ns();
    this.need_resched = false;
    if (previous !== idle) {
      const queue = isRealtime(previous) ? this.#rt : this.#fair;
      queue.update(now_ns);
      if (previous.state !== TASK_RUNNING && previous.signalPendingState(previous.state))
        previous.state = TASK_RUNNING;
      if (previous.state === TASK_RUNNING) queue.putPrevious(previous.se);
      else if (previous.se.on_rq) queue.dequeue(previous.se);
    }
    const se = this.#rt.pickNext(now_ns) ?? this.#fair.pickNext(now_ns);
    const next = se?.task ?? idle;
    if (next !== previous) {
      this.nr_switches++;
      if (previous.state === TASK_RUNNING) previous.nivcsw++;
      else previous.nvcsw++;
    }
    return next;
  }

  /** The timer's tick, 100 times a second while a task runs. Linux: scheduler_tick(). */
  tick(now_ns: number): void {
    const { current } = this.kernel;
    this.loadavg.update(now_ns);
    if (current === this.kernel.idle) return;
    if (isRealtime(current)) {
      this.#rt.update(now_ns);
      if (this.#rt.tick()) this.need_resched = true;
      return;
    }
    this.#fair.update(now_ns);
    if (this.#fair.shouldPreemptAtTick()) this.need_resched = true;
  }

  /** sched_yield(2). */
  yieldCpu(task: Task): void {
    const queue = isRealtime(task) ? this.#rt : this.#fair;
    queue.update(this.kernel.time.monotonic_ns());
    queue.yieldCurrent();
    this.need_resched = true;
  }

  /** Changes policy or priority through `change`. Linux: __sched_setscheduler(), set_user_nice(). */
  setScheduling(task: Task, change: () => void): void {
    const isCurrent = task === this.kernel.current;
    const wasRealtime = isRealtime(task);
    const { se } = task;
    if (!se.on_rq) {
      change();
      return;
    }
    if (!wasRealtime) {
      this.#fair.update(this.kernel.time.monotonic_ns());
      this.#fair.dequeue(se);
    } else {
      this.#rt.dequeue(se);
    }
    change();
    this.#enqueue(task);
    if (isCurrent) this.need_resched = true;
    else this.#checkPreempt(task);
  }

  /** Brings the running task's account up to date, for readers. */
  updateCurrent(): void {
    const now_ns = this.kernel.time.monotonic_ns();
    this.#fair.update(now_ns);
    this.#rt.update(now_ns);
  }
}

export function isRealtime(task: Task): boolean {
  return task.policy === SCHED_FIFO || task.policy === SCHED_RR;
}

/**
 * The completely fair class: every task's run time, divided by its weight, is its virtual run time; the task with the
 * least runs next. Linux: kernel/sched/fair.c (CFS).
 *
 *     tree ordered by vruntime:   [leftmost] . . . . .        current is not in it
 *     a sleeper comes back at min_vruntime - latency/2 at best: it runs soon, but cannot starve the others
 */
import { RbNode, RbTree } from "../lib/rbtree.ts";
import type { Task } from "../task/task.ts";
import { SCHED_BATCH, SCHED_IDLE } from "../uapi/sched.ts";

/** Every runnable task runs once in this time, ns, while there are few. Linux: sysctl_sched_latency. */
export const SCHED_LATENCY_NS = 6_000_000;
/** Least time a task runs before it is preempted at a tick. */
export const SCHED_MIN_GRANULARITY_NS = 750_000;
/** A woken task preempts only if it is this far behind. */
export const SCHED_WAKEUP_GRANULARITY_NS = 1_000_000;
const SCHED_NR_LATENCY = 8;

const NICE_0_LOAD = 1024;
/** By nice -20..19: each step is 10 % of CPU. Linux: sched_prio_to_weight[]. */
// prettier-ignore
const PRIO_TO_WEIGHT = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
   9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,
   1024,   820,   655,   526,   423,   335,   272,   215,   172,   137,
    110,    87,    70,    56,    45,    36,    29,    23,    18,    15,
];
const WEIGHT_IDLEPRIO = 3;

/** A task as the scheduler sees it. Linux: struct sched_entity. */
export class SchedEntity extends RbNode {
  vruntime_ns = 0;
  /** When update() last looked. */
  exec_start_ns = 0;
  sum_exec_runtime_ns = 0;
  /** sum_exec_runtime when it was picked. */
  prev_sum_exec_runtime_ns = 0;
  /** Runnable: in the tree or running. */
  on_rq = false;
  /** Ticks left of a round-robin slice (rt.ts). */
  rt_ticks = 0;
  constructor(readonly task: Task) {
    super();
  }

  get weight(): number {
    const { task } = this;
    return task.policy === SCHED_IDLE ? WEIGHT_IDLEPRIO : PRIO_TO_WEIGHT[task.static_prio - 100];
  }
}

export class FairRunQueue {
  readonly #tree = new RbTree<SchedEntity>((a, b) => a.vruntime_ns < b.vruntime_ns);
  #current: SchedEntity | null = null;
  #min_vruntime_ns = 0;
  /** Runnable tasks, the running one included, and their weight. */
  nr_running = 0;
  #load = 0;

  /** Charges the running task for the time since the last look. Linux: update_curr(). */
  update(now_ns: number): void {
    const current = this.#current;
    if (current === null) return;
    const delta_ns = now_ns - current.exec_start_ns;
    if (delta_ns <= 0) return;
    current.exec_start_ns = now_ns;
    current.sum_exec_runtime_ns += delta_ns;
    current.vruntime_ns += (delta_ns * NICE_0_LOAD) / current.weight;
    this.#updateMin();
  }

  #updateMin(): void {
    const { first } = this.#tree;
    let vruntime = this.#current?.vruntime_ns ?? first?.vruntime_ns ?? this.#min_vruntime_ns;
    if (first !== null && first.vruntime_ns < vruntime) vruntime = first.vruntime_ns;
    if (vruntime > this.#min_vruntime_ns) this.#min_vruntime_ns = vruntime;
  }

  /** A task becomes runnable after a sleep. Linux: enqueue_task_fair(), place_entity(). */
  enqueueWoken(se: SchedEntity): void {
    const earliest = this.#min_vruntime_ns - SCHED_LATENCY_NS / 2;
    if (se.vruntime_ns < earliest) se.vruntime_ns = earliest;
    this.#enqueue(se);
  }

  /** A new task: it starts behind those that wait already. Linux: task_fork_fair() with START_DEBIT. */
  enqueueNew(se: SchedEntity): void {
    se.vruntime_ns = Math.max(se.vruntime_ns, this.#min_vruntime_ns + this.#slice(se));
    this.#enqueue(se);
  }

  #enqueue(se: SchedEntity): void {
    se.on_rq = true;
    this.nr_running++;
    this.#load += se.weight;
    this.#tree.insert(se);
  }

  /** A task goes to sleep, dies or changes class. */
  dequeue(se: SchedEntity): void {
    if (se === this.#current) this.#current = null;
    else this.#tree.remove(se);
    se.on_rq = false;
    this.nr_running--;
    this.#load -= se.weight;
    this.#updateMin();
  }

  /** Runs `change` (a new nice value or policy) with the accounts kept right. Linux: reweight_entity(). */
  reweight(se: SchedEntity, change: () => void): void {
    if (se.on_rq) this.#load -= se.weight;
    change();
    if (se.on_rq) this.#load += se.weight;
  }

  /** The running task stays runnable but gives the CPU back. Linux: put_prev_task_fair(). */
  putPrevious(se: SchedEntity): void {
    if (se !== this.#current) return;
    this.#current = null;
    this.#tree.insert(se);
  }

  /** Takes the task that runs next, or null. Linux: pick_next_task_fair(). */
  pickNext(now_ns: number): SchedEntity | null {
    const se = this.#tree.first;
    if (se === null) return null;
    this.#tree.remove(se);
    this.#current = se;
    se.exec_start_ns = now_ns;
    se.prev_sum_exec_runtime_ns = se.sum_exec_runtime_ns;
    return se;
  }

  /** Whether the running task has had its share. Linux: check_preempt_tick(). */
  shouldPreemptAtTick(): boolean {
    const current = this.#current;
    const { first } = this.#tree;
    if (current === null || first === null) return false;
    const ran_ns = current.sum_exec_runtime_ns - current.prev_sum_exec_runtime_ns;
    const slice_ns = this.#slice(current);
    if (ran_ns > slice_ns) return true;
    if (ran_ns < SCHED_MIN_GRANULARITY_NS) return false;
    return current.vruntime_ns - first.vruntime_ns > slice_ns;
  }

  /** Whether `se`, just woken, should run at once. Linux: check_preempt_wakeup(). */
  shouldPreemptForWakeup(se: SchedEntity): boolean {
    const current = this.#current;
    if (current === null) return true;
    if (current.task.policy === SCHED_IDLE && se.task.policy !== SCHED_IDLE) return true;
    if (se.task.policy === SCHED_BATCH || se.task.policy === SCHED_IDLE) return false;
    const granularity_ns = (SCHED_WAKEUP_GRANULARITY_NS * NICE_0_LOAD) / se.weight;
    return current.vruntime_ns - se.vruntime_ns > granularity_ns;
  }

  /** sched_yield(): the running task goes behind all others. */
  yieldCurrent(): void {
    const current = this.#current;
    if (current === null) return;
    let last: SchedEntity | null = this.#tree.root;
    while (last?.right) last = last.right;
    if (last && last.vruntime_ns >= current.vruntime_ns) current.vruntime_ns = last.vruntime_ns + 1;
  }

  /** Share of the period, ns. Linux: sched_slice(). */
  #slice(se: SchedEntity): number {
    const nr_running = this.nr_running + (se.on_rq ? 0 : 1);
    const period_ns =
      nr_running > SCHED_NR_LATENCY ? nr_running * SCHED_MIN_GRANULARITY_NS : SCHED_LATENCY_NS;
    const load = this.#load + (se.on_rq ? 0 : se.weight);
    return Math.max((period_ns * se.weight) / load, SCHED_MIN_GRANULARITY_NS);
  }
}

/**
 * The completely fair class: run time divided by weight is virtual run time; who has least runs next. On two levels, as
 * with CONFIG_FAIR_GROUP_SCHED: groups share the CPU, and the tasks of a group share what the group gets. A group is a
 * process group (a shell's job), where Linux's autogroup takes the session: a job of a thousand tasks weighs no more than one
 * of a single task, so a fork bomb leaves the shell its half. Linux: kernel/sched/fair.c (CFS), autogroup.c.
 *
 *     groups by vruntime:   [leftmost] . . .           the running group and task are in no tree
 *                               └─ tasks by vruntime: [leftmost] . . . .
 *
 * A sleeper comes back at min_vruntime - latency/2 at best: it runs soon, but cannot starve the others.
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

/** What a run queue orders: a task, or a group of them. */
abstract class Entity extends RbNode {
  vruntime_ns = 0;
  sum_exec_runtime_ns = 0;
  /** sum_exec_runtime when it was picked. */
  prev_sum_exec_runtime_ns = 0;
  /** Runnable: in a tree or running. */
  on_rq = false;
  abstract get weight(): number;
}

/** A task as the scheduler sees it. Linux: struct sched_entity. */
export class SchedEntity extends Entity {
  /** When update() last looked. */
  exec_start_ns = 0;
  /** Ticks left of a round-robin slice (rt.ts). */
  rt_ticks = 0;
  /** Where it is, or was last, queued. */
  group: TaskGroup | null = null;
  constructor(readonly task: Task) {
    super();
  }

  get weight(): number {
    const { task } = this;
    return task.policy === SCHED_IDLE ? WEIGHT_IDLEPRIO : PRIO_TO_WEIGHT[task.static_prio - 100];
  }
}

/** The runnable tasks of one process group. Linux: struct task_group. */
class TaskGroup extends Entity {
  readonly cfs_rq = new CfsRunQueue<SchedEntity>();
  /** That of its heaviest task: a job started with nice(1) stays light. */
  weight = NICE_0_LOAD;
}

/** One level: entities by vruntime. Linux: struct cfs_rq. */
class CfsRunQueue<T extends Entity> {
  readonly #tree = new RbTree<T>((a, b) => a.vruntime_ns < b.vruntime_ns);
  current: T | null = null;
  min_vruntime_ns = 0;
  nr_running = 0;
  load = 0;

  /** Linux: update_curr(). */
  charge(delta_ns: number): void {
    const { current } = this;
    if (current === null) return;
    current.sum_exec_runtime_ns += delta_ns;
    current.vruntime_ns += (delta_ns * NICE_0_LOAD) / current.weight;
    this.#updateMin();
  }

  #updateMin(): void {
    const { first } = this.#tree;
    let vruntime = this.current?.vruntime_ns ?? first?.vruntime_ns ?? this.min_vruntime_ns;
    if (first !== null && first.vruntime_ns < vruntime) vruntime = first.vruntime_ns;
    if (vruntime > this.min_vruntime_ns) this.min_vruntime_ns = vruntime;
  }

  /** After a sleep. Linux: place_entity(). */
  placeWoken(entity: T): void {
    const earliest = this.min_vruntime_ns - SCHED_LATENCY_NS / 2;
    if (entity.vruntime_ns < earliest) entity.vruntime_ns = earliest;
  }

  /** For the first time: behind those that wait already. */
  placeNew(entity: T): void {
    entity.vruntime_ns = Math.max(entity.vruntime_ns, this.min_vruntime_ns + this.slice(entity));
  }

  enqueue(entity: T): void {
    entity.on_rq = true;
    this.nr_running++;
    this.load += entity.weight;
    this.#tree.insert(entity);
  }

  dequeue(entity: T): void {
    if (entity === this.current) this.current = null;
    else this.#tree.remove(entity);
    entity.on_rq = false;
    this.nr_running--;
    this.load = this.nr_running === 0 ? 0 : this.load - entity.weight;
    this.#updateMin();
  }

  putPrevious(): void {
    if (this.current === null) return;
    this.#tree.insert(this.current);
    this.current = null;
  }

  pickNext(): T | null {
    const entity = this.#tree.first;
    if (entity === null) return null;
    this.#tree.remove(entity);
    this.current = entity;
    entity.prev_sum_exec_runtime_ns = entity.sum_exec_runtime_ns;
    return entity;
  }

  /** Whether the running entity has had its share. Linux: check_preempt_tick(). */
  shouldPreemptAtTick(): boolean {
    const { current } = this;
    const { first } = this.#tree;
    if (current === null || first === null) return false;
    const ran_ns = current.sum_exec_runtime_ns - current.prev_sum_exec_runtime_ns;
    const slice_ns = this.slice(current);
    if (ran_ns > slice_ns) return true;
    if (ran_ns < SCHED_MIN_GRANULARITY_NS) return false;
    return current.vruntime_ns - first.vruntime_ns > slice_ns;
  }

  /** Whether `entity` is so far behind the running one that it should run at once. Linux: wakeup_preempt_entity(). */
  isFarBehind(entity: T): boolean {
    if (this.current === null) return true;
    const granularity_ns = (SCHED_WAKEUP_GRANULARITY_NS * NICE_0_LOAD) / entity.weight;
    return this.current.vruntime_ns - entity.vruntime_ns > granularity_ns;
  }

  /** The running entity goes behind all others. */
  yieldCurrent(): void {
    const { current } = this;
    if (current === null) return;
    let last: T | null = this.#tree.root;
    while (last?.right) last = last.right;
    if (last && last.vruntime_ns >= current.vruntime_ns) current.vruntime_ns = last.vruntime_ns + 1;
  }

  /** Share of the period, ns. Linux: sched_slice(). */
  slice(entity: T): number {
    const nr_running = this.nr_running + (entity.on_rq ? 0 : 1);
    const period_ns =
      nr_running > SCHED_NR_LATENCY ? nr_running * SCHED_MIN_GRANULARITY_NS : SCHED_LATENCY_NS;
    const load = this.load + (entity.on_rq ? 0 : entity.weight);
    return Math.max((period_ns * entity.weight) / load, SCHED_MIN_GRANULARITY_NS);
  }
}

export class FairRunQueue {
  readonly #groups = new CfsRunQueue<TaskGroup>();
  /** By process group id; those without runnable tasks stay until their past no longer matters. */
  readonly #by_pgrp = new Map<number, TaskGroup>();
  #nr_groups_limit = 64;
  /** Runnable tasks, the running one included. */
  nr_running = 0;

  /** The running task. */
  get #current(): SchedEntity | null {
    return this.#groups.current?.cfs_rq.current ?? null;
  }

  /** Charges the running task for the time since the last look. */
  update(now_ns: number): void {
    const current = this.#current;
    if (current === null) return;
    const delta_ns = now_ns - current.exec_start_ns;
    if (delta_ns <= 0) return;
    current.exec_start_ns = now_ns;
    current.group!.cfs_rq.charge(delta_ns);
    this.#groups.charge(delta_ns);
  }

  /** A task becomes runnable after a sleep. Linux: enqueue_task_fair(). */
  enqueueWoken(se: SchedEntity): void {
    const group = this.#join(se);
    group.cfs_rq.placeWoken(se);
    this.#enqueue(group, se);
  }

  /** A new task. Linux: task_fork_fair(). */
  enqueueNew(se: SchedEntity): void {
    const group = this.#join(se);
    group.cfs_rq.placeNew(se);
    this.#enqueue(group, se);
  }

  /** The group of the task's process group. */
  #join(se: SchedEntity): TaskGroup {
    const id = se.task.signal.pgrp;
    let group = this.#by_pgrp.get(id);
    if (!group) {
      group = new TaskGroup();
      group.vruntime_ns = this.#groups.min_vruntime_ns;
      if (this.#by_pgrp.size >= this.#nr_groups_limit) this.#forgetGroups();
      this.#by_pgrp.set(id, group);
    }
    // Virtual time of another queue means nothing in this one.
    if (se.group !== group) se.vruntime_ns = group.cfs_rq.min_vruntime_ns;
    se.group = group;
    return group;
  }

  /** Drops groups without runnable tasks that would be placed as new ones anyway if they came back. */
  #forgetGroups(): void {
    const earliest = this.#groups.min_vruntime_ns - SCHED_LATENCY_NS / 2;
    for (const [id, group] of this.#by_pgrp) {
      if (!group.on_rq && group.vruntime_ns <= earliest) this.#by_pgrp.delete(id);
    }
    this.#nr_groups_limit = Math.max(64, 2 * this.#by_pgrp.size);
  }

  #enqueue(group: TaskGroup, se: SchedEntity): void {
    this.nr_running++;
    group.cfs_rq.enqueue(se);
    if (!group.on_rq) {
      group.weight = se.weight;
      this.#groups.placeWoken(group);
      this.#groups.enqueue(group);
    } else if (se.weight > group.weight) {
      this.#groups.load += se.weight - group.weight;
      group.weight = se.weight;
    }
  }

  /** A task goes to sleep, dies or changes class. */
  dequeue(se: SchedEntity): void {
    const group = se.group!;
    group.cfs_rq.dequeue(se);
    this.nr_running--;
    if (group.cfs_rq.nr_running === 0) this.#groups.dequeue(group);
  }

  /** The running task stays runnable but gives the CPU back. Linux: put_prev_task_fair(). */
  putPrevious(se: SchedEntity): void {
    if (se !== this.#current) return;
    se.group!.cfs_rq.putPrevious();
    this.#groups.putPrevious();
  }

  /** Takes the task that runs next, or null. Linux: pick_next_task_fair(). */
  pickNext(now_ns: number): SchedEntity | null {
    // Its task went to sleep, the group did not.
    this.#groups.putPrevious();
    const se = this.#groups.pickNext()?.cfs_rq.pickNext() ?? null;
    if (se !== null) se.exec_start_ns = now_ns;
    return se;
  }

  /** Whether the running task has had its share. Linux: task_tick_fair(). */
  shouldPreemptAtTick(): boolean {
    const group = this.#groups.current;
    return group !== null && (group.cfs_rq.shouldPreemptAtTick() || this.#groups.shouldPreemptAtTick());
  }

  /** Whether `se`, just woken, should run at once. Linux: check_preempt_wakeup(). */
  shouldPreemptForWakeup(se: SchedEntity): boolean {
    const current = this.#current;
    if (current === null) return true;
    if (current.task.policy === SCHED_IDLE && se.task.policy !== SCHED_IDLE) return true;
    if (se.task.policy === SCHED_BATCH || se.task.policy === SCHED_IDLE) return false;
    if (current.group === se.group) return current.group!.cfs_rq.isFarBehind(se);
    return this.#groups.isFarBehind(se.group!);
  }

  /** sched_yield(). */
  yieldCurrent(): void {
    this.#groups.current?.cfs_rq.yieldCurrent();
    this.#groups.yieldCurrent();
  }
}

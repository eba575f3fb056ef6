import { expect, test } from "vitest";
import type { Task } from "../task/task.ts";
import { FairRunQueue, SchedEntity } from "./fair.ts";

const TICK_NS = 10_000_000;

function makeEntity(pgrp: number, nice = 0): SchedEntity {
  return new SchedEntity({ policy: 0, static_prio: 120 + nice, signal: { pgrp } } as Task);
}

/** Runs the queue for some ticks; how many each entity had. */
function run(queue: FairRunQueue, entities: SchedEntity[], nr_ticks: number): number[] {
  const ticks = new Map<SchedEntity, number>();
  let now_ns = 0;
  let se = queue.pickNext(now_ns)!;
  for (let i = 0; i < nr_ticks; i++) {
    now_ns += TICK_NS;
    ticks.set(se, (ticks.get(se) ?? 0) + 1);
    queue.update(now_ns);
    if (!queue.shouldPreemptAtTick()) continue;
    queue.putPrevious(se);
    se = queue.pickNext(now_ns)!;
  }
  queue.putPrevious(se);
  return entities.map((entity) => ticks.get(entity) ?? 0);
}

test("equal tasks share equally", () => {
  const queue = new FairRunQueue();
  const entities = [1, 2, 3, 4].map(() => makeEntity(1));
  for (const se of entities) queue.enqueueNew(se);
  for (const ticks of run(queue, entities, 400)) expect(Math.abs(ticks - 100)).toBeLessThanOrEqual(2);
});

test("nice 5 gets a third of nice 0, in one job and between jobs", () => {
  for (const pgrps of [
    [1, 1],
    [1, 2],
  ]) {
    const queue = new FairRunQueue();
    const entities = [makeEntity(pgrps[0]), makeEntity(pgrps[1], 5)];
    for (const se of entities) queue.enqueueNew(se);
    const [light, heavy] = run(queue, entities, 4000).reverse();
    expect(heavy / light).toBeGreaterThan(2.7);
    expect(heavy / light).toBeLessThan(3.5);
  }
});

test("a job of many tasks gets no more than a job of one", () => {
  const queue = new FairRunQueue();
  const alone = makeEntity(1);
  const bomb = Array.from({ length: 500 }, () => makeEntity(2));
  for (const se of [alone, ...bomb]) queue.enqueueNew(se);
  const [ticks] = run(queue, [alone], 2000);
  expect(ticks).toBeGreaterThan(900);
});

test("a task that slept runs soon, but does not starve the others", () => {
  const queue = new FairRunQueue();
  const hog = makeEntity(1);
  const sleeper = makeEntity(1);
  queue.enqueueNew(hog);
  queue.enqueueNew(sleeper);
  queue.dequeue(sleeper);
  run(queue, [hog], 1000);
  expect(queue.pickNext(1000 * TICK_NS)).toBe(hog);
  queue.enqueueWoken(sleeper);
  expect(queue.shouldPreemptForWakeup(sleeper)).toBe(true);
  queue.putPrevious(hog);
  const [hogTicks] = run(queue, [hog], 100);
  expect(hogTicks).toBeGreaterThanOrEqual(48);
});

import { describe, expect, test } from "vitest";
import { TimerQueue } from "./timer.ts";

describe("timer queue", () => {
  test("timers fire in order of deadline, equal ones in order of starting", () => {
    const queue = new TimerQueue();
    const fired: string[] = [];
    for (const [deadline_ns, name] of [
      [30, "c"],
      [10, "a"],
      [20, "b1"],
      [20, "b2"],
      [40, "d"],
    ] as const) {
      queue.add(deadline_ns, () => fired.push(name));
    }
    expect(queue.next_ns).toBe(10);
    queue.runExpired(30);
    expect(fired).toEqual(["a", "b1", "b2", "c"]);
    expect(queue.next_ns).toBe(40);
  });

  test("removing any timer keeps the order of the others", () => {
    const queue = new TimerQueue();
    const fired: number[] = [];
    let seed = 12345;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n;
    const timers = Array.from({ length: 500 }, () => {
      const deadline_ns = random(1000);
      return queue.add(deadline_ns, () => fired.push(deadline_ns));
    });
    const kept: number[] = [];
    for (const timer of timers) {
      if (random(3) === 0) expect(queue.remove(timer)).toBe(true);
      else kept.push(timer.deadline_ns);
    }
    expect(timers.filter((timer) => !timer.isQueued).every((timer) => !queue.remove(timer))).toBe(true);
    queue.runExpired(1000);
    expect(fired).toEqual(kept.sort((a, b) => a - b));
    expect(queue.next_ns).toBe(Infinity);
  });

  test("a callback may start a timer that is due at once, and cancel another", () => {
    const queue = new TimerQueue();
    const fired: string[] = [];
    const victim = queue.add(3, () => fired.push("victim"));
    queue.add(1, () => {
      queue.remove(victim);
      queue.add(2, () => fired.push("second"));
      fired.push("first");
    });
    queue.runExpired(5);
    expect(fired).toEqual(["first", "second"]);
  });
});

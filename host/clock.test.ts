import { expect, test } from "vitest";
import { INSTRUCTION_NS, Timeline, VirtualClock } from "./clock.ts";

test("virtual time is instructions plus what was skipped and spent", () => {
  let retired = 0;
  const clock = new VirtualClock(() => retired);
  retired = 1000;
  expect(clock.now_ns()).toBe(1000 * INSTRUCTION_NS);
  clock.skipTo(1_000_000);
  expect(clock.now_ns()).toBe(1_000_000);
  clock.skipTo(5);
  expect(clock.now_ns()).toBe(1_000_000);
  expect(clock.budgetUntil(1_000_000 + 25)).toBe(3);
  expect(clock.budgetUntil(0)).toBe(1);
});

test("timers fire in order, may re-arm themselves, and ties keep their order", () => {
  const clock = new VirtualClock(() => 0);
  const timeline = new Timeline(clock);
  const log: string[] = [];
  const tick = timeline.timer("tick", () => {
    log.push(`tick ${tick_at}`);
    tick_at += 10;
    if (tick_at <= 30) tick.arm(tick_at);
  });
  let tick_at = 10;
  const other = timeline.timer("other", () => log.push("other"));
  tick.arm(10);
  other.arm(20);
  expect(timeline.next_ns).toBe(10);
  timeline.runDue(25);
  expect(log).toEqual(["tick 10", "tick 20", "other"]);
  expect(timeline.next_ns).toBe(30);
});

test("an earlier deadline is announced, a later one is not", () => {
  const timeline = new Timeline(new VirtualClock(() => 0));
  let earlier = 0;
  timeline.onEarlier = () => earlier++;
  const a = timeline.timer("a", () => undefined);
  const b = timeline.timer("b", () => undefined);
  a.arm(100);
  b.arm(200);
  b.arm(50);
  b.disarm();
  expect(earlier).toBe(2);
  expect(timeline.next_ns).toBe(100);
});

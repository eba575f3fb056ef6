import { describe, expect, test } from "vitest";
import type { Kernel } from "../kernel.ts";
import type { IrqHandler } from "../irq/irq_desc.ts";
import { PIT_TICK_RATE } from "./hz.ts";
import { Timekeeping } from "./timekeeping.ts";

const MS = 1_000_000;

/** A kernel with a 1 GHz TSC (a cycle is a nanosecond) and a PIT whose one shot advance() delivers. */
function machine() {
  let now_ns = 0;
  let fires_ns = Infinity;
  let low = -1;
  let handler: IrqHandler | null = null;
  const ticks: number[] = [];
  let nr_irqs = 0;
  const kernel = {
    machine: {
      cpu: {
        rdtsc: () => now_ns,
        cpuid: (leaf: number) =>
          leaf === 0 ? { eax: 0x15, ebx: 0, ecx: 0, edx: 0 } : { eax: 1, ebx: 40, ecx: 25_000_000, edx: 0 },
      },
      ports: {
        outb(port: number, value: number) {
          if (port !== 0x40) return;
          if (low < 0) {
            low = value;
          } else {
            fires_ns = now_ns + (((value << 8) | low) * 1e9) / PIT_TICK_RATE;
            low = -1;
          }
        },
      },
    },
    printk: { info: () => undefined },
    irq: { requestIrq: (_line: number, action: IrqHandler) => (handler = action) },
    sched: { tick: () => ticks.push(now_ns) },
    current: { signal: { itimers: [0, 1, 2].map(() => ({ expires_ns: 0 })), rlimits: [] } },
  } as unknown as Kernel;
  const time = new Timekeeping(kernel);
  Object.assign(kernel, { time });
  time.initClocksource();
  time.tick.init();
  return {
    time,
    ticks,
    get nr_irqs() {
      return nr_irqs;
    },
    advance(until_ns: number) {
      while (fires_ns <= until_ns) {
        now_ns = Math.ceil(fires_ns);
        fires_ns = Infinity;
        nr_irqs++;
        handler?.({ cs: 3 }, 0);
      }
      now_ns = until_ns;
    },
  };
}

describe("clock events", () => {
  test("a running task gets a tick each 10 ms", () => {
    const m = machine();
    m.advance(100.5 * MS);
    expect(m.ticks.length).toBe(10);
    expect(m.ticks[9]).toBeGreaterThanOrEqual(100 * MS);
    expect(m.ticks[9]).toBeLessThan(100.1 * MS);
  });

  test("a timer between two ticks fires on time, never early", () => {
    const m = machine();
    m.advance(3 * MS);
    const fired: number[] = [];
    m.time.startTimer(5 * MS, (now_ns) => fired.push(now_ns));
    m.time.startTimer(4.2 * MS, (now_ns) => fired.push(now_ns));
    m.advance(20 * MS);
    expect(fired.length).toBe(2);
    [4.2 * MS, 5 * MS].forEach((deadline_ns, i) => {
      expect(fired[i]).toBeGreaterThanOrEqual(deadline_ns);
      expect(fired[i]).toBeLessThan(deadline_ns + 0.05 * MS);
    });
  });

  test("idle without timers: silence", () => {
    const m = machine();
    m.time.enterIdle();
    m.advance(20 * MS);
    const before = m.nr_irqs;
    m.advance(10_000 * MS);
    expect(m.nr_irqs).toBe(before);
    expect(m.ticks.length).toBe(0);
    m.time.exitIdle();
    m.advance(10_100.5 * MS);
    expect(m.ticks.length).toBe(10);
  });

  test("idle with a far timer: one interrupt for each time the counter runs out", () => {
    const m = machine();
    let fired_ns = 0;
    m.time.startTimer(1000 * MS, (now_ns) => (fired_ns = now_ns));
    m.time.enterIdle();
    m.advance(2000 * MS);
    expect(fired_ns).toBeGreaterThanOrEqual(1000 * MS);
    expect(fired_ns).toBeLessThan(1000.1 * MS);
    expect(m.nr_irqs).toBeLessThan(22);
  });
});

describe("wall clock", () => {
  test("setting it keeps the monotonic clock and tells those who wait", () => {
    const m = machine();
    m.advance(1500 * MS);
    m.time.setRealtime({ sec: 1_000_000, nsec: 700_000_000 });
    expect(m.time.realtime()).toEqual({ sec: 1_000_000, nsec: 700_000_000 });
    expect(m.time.clock_set_seq).toBe(1);
    m.advance(2000 * MS);
    expect(m.time.realtime()).toEqual({ sec: 1_000_001, nsec: 200_000_000 });
    expect(m.time.fromRealtime({ sec: 1_000_002, nsec: 0 })).toBe(2800 * MS);
  });
});

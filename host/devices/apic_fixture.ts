/** For tests: local APICs on a bus, with CPUs that only remember what their pins did. */
import { Timeline } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { ApicBus } from "./apic_bus.ts";
import { LocalApic } from "./local_apic.ts";
import type { CpuPins } from "./local_apic.ts";

/** A clock that the test turns. */
export class TestClock implements Clock {
  readonly isVirtual = true;
  readonly epoch_seconds = 0;
  ns = 0;

  now_ns(): number {
    return this.ns;
  }
  at_ns(): number {
    return this.ns;
  }
  budgetUntil(): number {
    return 1;
  }
  ran(): void {}
  skipTo(): void {}
  spend(): void {}
}

export class TestCpu implements CpuPins {
  level = 0;
  nmis = 0;
  inits = 0;
  started: number[] = [];
  /** The TSC's offset. */
  tsc_lo = 0;
  tsc_hi = 0;
  readonly tsc = { lo: () => this.tsc_lo, hi: () => this.tsc_hi };

  intr(level: number): void {
    this.level = level;
  }
  nmi(): void {
    this.nmis++;
  }
  init(): void {
    this.inits++;
  }
  startUp(vector: number): void {
    this.started.push(vector);
  }
}

export interface Bench {
  readonly clock: TestClock;
  readonly timeline: Timeline;
  readonly bus: ApicBus;
  readonly cpus: TestCpu[];
  readonly apics: LocalApic[];
  /** Turns the clock on by `ns` and lets what is due act. */
  pass(ns: number): void;
}

/** `count` CPUs, their APICs enabled by software, logical ID 1 << n. The 8259's vector is 70H. */
export function bench(count: number): Bench {
  const clock = new TestClock();
  const timeline = new Timeline(clock);
  const bus = new ApicBus();
  const cpus = Array.from({ length: count }, () => new TestCpu());
  const apics = cpus.map((cpu, id) => new LocalApic(id, bus, cpu, () => 0x70, timeline, cpu.tsc));
  for (const [id, apic] of apics.entries()) {
    apic.writeMmio(0x0f0, 4, 0x1ff);
    apic.writeMmio(0x0d0, 4, (1 << id) << 24);
  }
  const pass = (ns: number): void => {
    const end_ns = clock.ns + ns;
    while (timeline.next_ns <= end_ns) {
      clock.ns = Math.max(timeline.next_ns, clock.ns);
      timeline.runDue(clock.ns);
    }
    clock.ns = end_ns;
  };
  return { clock, timeline, bus, cpus, apics, pass };
}

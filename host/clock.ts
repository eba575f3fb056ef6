/**
 * Time on the board. A Clock says what time it is; a Timeline holds the moments at which devices want to act.
 *
 * RealClock follows the host. VirtualClock counts instructions: each takes INSTRUCTION_NS, each port access PORT_ACCESS_NS
 * on top, and a halted CPU jumps to the next moment; a run then repeats exactly. The run loop (host/cpu.ts) gives the CPU a
 * budget that ends at the next moment, so that with the virtual clock timers fire at an exact instruction count.
 * Device time is in nanoseconds since power-on, a double: exact for 104 days. The TSC runs at TSC_HZ on both clocks.
 */

/** Frequency of the time stamp counter: one cycle per nanosecond. */
export const TSC_HZ = 1_000_000_000;

/** Virtual clock: what an instruction takes (100 MHz, one instruction per cycle). */
export const INSTRUCTION_NS = 10;
/** Virtual clock: what one I/O port access takes: about a cycle of an 8 MHz ISA bus. Code that polls a port makes time pass. */
export const PORT_ACCESS_NS = 500;
/** Virtual clock: what RDTSC from the kernel's TypeScript takes, so that waiting for a TSC value ends. */
export const RDTSC_NS = 25;
/** Virtual clock: what a call of the kernel's TypeScript (VMCALL) takes at least. */
export const VMCALL_NS = 1_000;

/** Wall clock of a machine with the virtual clock at power-on: 2026-01-01 00:00:00 UTC, seconds since 1970. */
export const VIRTUAL_EPOCH_SECONDS = 1_767_225_600;

export interface Clock {
  readonly isVirtual: boolean;
  /** Nanoseconds since power-on. Never goes back. */
  now_ns(): number;
  /** The same for a caller that has just read the host's clock, performance.now(): saves reading it twice. */
  at_ns(host_ms: number): number;
  /** Seconds since 1970-01-01 UTC at power-on: what the battery-backed clock says then. */
  readonly epoch_seconds: number;
  /** How many instructions fit before `deadline_ns`, at least 1. */
  budgetUntil(deadline_ns: number): number;
  /** `count` instructions took `elapsed_ns` of the host's time. */
  ran(count: number, elapsed_ns: number): void;
  /** The CPU sleeps until `deadline_ns`. */
  skipTo(deadline_ns: number): void;
  /** Something other than an instruction took `duration_ns` of device time. */
  spend(duration_ns: number): void;
}

/** Follows the host's monotonic clock. */
export class RealClock implements Clock {
  readonly isVirtual = false;
  readonly epoch_seconds = Date.now() / 1000;
  readonly #origin_ms = performance.now();
  /** Measured speed, instructions per nanosecond: a moving average. */
  #speed = 0.02;

  now_ns(): number {
    return this.at_ns(performance.now());
  }

  at_ns(host_ms: number): number {
    return Math.round((host_ms - this.#origin_ms) * 1e6);
  }

  budgetUntil(deadline_ns: number): number {
    const left_ns = deadline_ns - this.now_ns();
    // Never so few that entering the core costs more than what it executes.
    return Math.min(Math.max(Math.floor(left_ns * this.#speed), 2_000), 100_000_000);
  }

  ran(count: number, elapsed_ns: number): void {
    if (count < 1_000 || elapsed_ns < 1_000) return;
    this.#speed += (count / elapsed_ns - this.#speed) * Math.min(elapsed_ns / 1e7, 0.5);
  }

  skipTo(): void {}

  spend(): void {}
}

/** Counts instructions. */
export class VirtualClock implements Clock {
  readonly isVirtual = true;
  readonly epoch_seconds = VIRTUAL_EPOCH_SECONDS;
  #extra_ns = 0;

  /** `retired` is the CPU's count of instructions since power-on. */
  constructor(readonly retired: () => number) {}

  now_ns(): number {
    return this.retired() * INSTRUCTION_NS + this.#extra_ns;
  }

  at_ns(): number {
    return this.now_ns();
  }

  budgetUntil(deadline_ns: number): number {
    const left_ns = deadline_ns - this.now_ns();
    return Math.min(Math.max(Math.ceil(left_ns / INSTRUCTION_NS), 1), 100_000_000);
  }

  ran(): void {}

  skipTo(deadline_ns: number): void {
    const now_ns = this.now_ns();
    if (deadline_ns > now_ns) this.#extra_ns += deadline_ns - now_ns;
  }

  spend(duration_ns: number): void {
    this.#extra_ns += duration_ns;
  }
}

/** One thing a device will do at some moment. Created disarmed; re-armed as often as wanted. */
export class DeviceTimer {
  /** When it fires next; Infinity while it is not armed. */
  deadline_ns = Infinity;

  constructor(
    readonly name: string,
    readonly expire: () => void,
    readonly timeline: Timeline,
  ) {}

  /** Arms it, replacing an earlier deadline. A deadline in the past fires at the next opportunity. */
  arm(deadline_ns: number): void {
    this.deadline_ns = deadline_ns;
    this.timeline.changed();
  }

  disarm(): void {
    this.deadline_ns = Infinity;
    this.timeline.changed();
  }
}

/** The moments at which devices want to act. There are few of them: a walk finds the earliest. */
export class Timeline {
  readonly #timers: DeviceTimer[] = [];
  #next_ns = Infinity;
  /** Called when the earliest deadline comes earlier than expected while the CPU runs: its budget is then too long. */
  onEarlier: () => void = () => undefined;

  constructor(readonly clock: Clock) {}

  now_ns(): number {
    return this.clock.now_ns();
  }

  timer(name: string, expire: () => void): DeviceTimer {
    const timer = new DeviceTimer(name, expire, this);
    this.#timers.push(timer);
    return timer;
  }

  /** The earliest deadline, Infinity if nothing is armed. */
  get next_ns(): number {
    return this.#next_ns;
  }

  changed(): void {
    const before = this.#next_ns;
    this.#update();
    if (this.#next_ns < before) this.onEarlier();
  }

  /** Fires everything that is due, earliest first; ties in the order of creation. */
  runDue(now_ns: number): void {
    while (this.#next_ns <= now_ns) {
      const due = this.#timers.find((timer) => timer.deadline_ns === this.#next_ns);
      if (!due) return this.#update();
      due.deadline_ns = Infinity;
      due.expire();
      this.#update();
    }
  }

  /** Device time passed while the CPU executes an instruction: what is due now does not wait for the end of its budget. */
  passed(): void {
    if (this.clock.isVirtual && this.#next_ns <= this.clock.now_ns()) this.onEarlier();
  }

  #update(): void {
    let next_ns = Infinity;
    for (const timer of this.#timers) if (timer.deadline_ns < next_ns) next_ns = timer.deadline_ns;
    this.#next_ns = next_ns;
  }
}

/** What a run cost: the meters of the machine between the program's start and its end. For `vitrine run --stats`. */
import { performance } from "node:perf_hooks";
import type { Machine } from "../machine.ts";

/** Readings at one moment. */
interface Readings {
  ms: number;
  instructions: number;
  instructions_user: number;
  syscalls: number;
  page_faults: number;
  major_faults: number;
  context_switches: number;
  interrupts: number;
}

export class RunStats {
  readonly #power_on_ms = performance.now();
  #start: Readings | null = null;
  #end: Readings | null = null;

  constructor(readonly machine: () => Machine | null) {}

  /** The program starts. */
  start(): void {
    this.#start = this.#read();
  }

  /** The program has ended. */
  end(): void {
    this.#end = this.#read();
  }

  /** The JSON of --stats. Seconds are the host's. */
  report(jit: boolean): object {
    const end = this.#end ?? this.#read();
    const start = this.#start ?? end;
    const seconds = (end.ms - start.ms) / 1000;
    const instructions = end.instructions - start.instructions;
    return {
      instructions,
      instructions_user: end.instructions_user - start.instructions_user,
      seconds,
      mips: seconds > 0 ? instructions / seconds / 1e6 : 0,
      syscalls: end.syscalls - start.syscalls,
      page_faults: end.page_faults - start.page_faults,
      major_faults: end.major_faults - start.major_faults,
      context_switches: end.context_switches - start.context_switches,
      interrupts: end.interrupts - start.interrupts,
      boot: { seconds: (start.ms - this.#power_on_ms) / 1000, instructions: start.instructions },
      jit: { ...this.#jit(), requested: jit },
    };
  }

  #read(): Readings {
    const machine = this.machine();
    const stats = machine?.readStats();
    const kernel = machine?.kernel?.kernel ?? null;
    return {
      ms: performance.now(),
      instructions: stats?.instructions ?? 0,
      instructions_user: stats?.instructions_user ?? 0,
      interrupts: stats?.interrupts ?? 0,
      syscalls: kernel?.entry.dispatch.nr_total ?? 0,
      page_faults: kernel?.pages.vmstat.pgfault ?? 0,
      major_faults: kernel?.pages.vmstat.pgmajfault ?? 0,
      context_switches: kernel?.sched.nr_switches ?? 0,
    };
  }

  /** The translator's own meters, as far as the machine has them. */
  #jit(): object {
    const { decoded_blocks = 0 } = this.machine()?.readStats() ?? {};
    return { decoded_blocks };
  }
}

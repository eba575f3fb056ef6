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
  translations: number;
  translated_entries: number;
  decoded_blocks: number;
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
      jit: {
        enabled: jit,
        translations: end.translations - start.translations,
        entries: end.translated_entries - start.translated_entries,
        decoded_blocks: end.decoded_blocks - start.decoded_blocks,
      },
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
      translations: stats?.translations ?? 0,
      translated_entries: stats?.translated_entries ?? 0,
      decoded_blocks: stats?.decoded_blocks ?? 0,
      syscalls: kernel?.entry.dispatch.nr_total ?? 0,
      page_faults: kernel?.pages.vmstat.pgfault ?? 0,
      major_faults: kernel?.pages.vmstat.pgmajfault ?? 0,
      context_switches: kernel?.sched.nr_switches ?? 0,
    };
  }
}

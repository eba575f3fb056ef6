/**
 * Drives the core: slices of execution, each broken into runs that end where a device wants to act.
 *
 *     runSlice: timers due -> budget until the next deadline -> core.run -> why did it return?
 *       EXIT_BUDGET, EXIT_UNWOUND  look at the timers and at the power wires again
 *       EXIT_VMCALL                the kernel's TypeScript (kernel/main.ts vmcall), then on with what is left of the budget
 *       EXIT_HLT                   sleep: host/machine.ts decides how long
 *       EXIT_SHUTDOWN              triple fault: the board resets
 *
 * This is the only place that catches what comes out of wasm: UNWIND is a guest exception on its way (cpu-core
 * interrupts/raise.ts), anything else is a bug and ends the machine.
 */
import { EXIT_BUDGET, EXIT_HLT, EXIT_SHUTDOWN, EXIT_UNWOUND, EXIT_VMCALL } from "../cpu-core/abi/exit.ts";
import { CPU_BUDGET, CPU_COUNT_RETIRED, CPU_COUNT_RETIRED_USER } from "../cpu-core/abi/state.ts";
import type { VmcallTarget } from "../kernel/arch/x86/machine.ts";
import type { Clock, Timeline } from "./clock.ts";
import { VMCALL_NS } from "./clock.ts";
import type { Core } from "./core.ts";
import { UNWIND } from "./core.ts";

/** Device time of one slice: inputs, outputs and the event loop get their turn this often. */
export const SLICE_NS = 2_000_000;

/** Why a slice ended: time is up, the CPU sleeps, or a power wire was pulled. */
export type SliceEnd = "time" | "halted" | "power";

export class RunLoop {
  /** Host nanoseconds spent in the core and in the kernel's TypeScript. */
  core_ns = 0;
  vmcall_ns = 0;
  /** Of core_ns, what was spent at CPL 3: split by instructions retired. */
  user_ns = 0;
  /** The CPU executes right now: a stop must be asked for. */
  #in_core = false;
  #stop = false;

  constructor(
    readonly core: Core,
    readonly clock: Clock,
    readonly timeline: Timeline,
    readonly kernel: VmcallTarget,
  ) {
    timeline.onEarlier = () => {
      if (this.#in_core) core.exports.request_stop();
    };
  }

  /** Ends the current slice at the next opportunity: reset and power-off, called from within a port write. */
  stop(): void {
    this.#stop = true;
    if (this.#in_core) this.core.exports.request_stop();
  }

  /** Executes until the slice is over, the CPU sleeps or stop() was called. Throws on bugs of the core or the kernel. */
  runSlice(): SliceEnd {
    const { clock, timeline } = this;
    const user_before = this.core.read64(CPU_COUNT_RETIRED_USER);
    const retired_before = this.core.read64(CPU_COUNT_RETIRED);
    const core_ns_before = this.core_ns;
    const slice_end_ns = clock.now_ns() + SLICE_NS;
    this.#stop = false;
    try {
      for (;;) {
        const now_ns = clock.now_ns();
        timeline.runDue(now_ns);
        if (this.#stop) return "power";
        if (now_ns >= slice_end_ns) return "time";
        const deadline_ns = Math.min(timeline.next_ns, slice_end_ns);
        const exit = this.#run(clock.budgetUntil(deadline_ns), deadline_ns);
        if (exit === EXIT_HLT) return this.#stop ? "power" : "halted";
        if (exit === EXIT_SHUTDOWN) throw new TripleFault();
      }
    } finally {
      const retired = this.core.read64(CPU_COUNT_RETIRED) - retired_before;
      const user = this.core.read64(CPU_COUNT_RETIRED_USER) - user_before;
      const core_ns = this.core_ns - core_ns_before;
      if (retired > 0) this.user_ns += core_ns * (user / retired);
      clock.ran(retired, core_ns);
    }
  }

  /** Runs up to `budget` instructions, through any number of VMCALLs, until `deadline_ns`. Returns the exit reason. */
  #run(budget: number, deadline_ns: number): number {
    const { core, clock, timeline, kernel } = this;
    let left = budget;
    let before_ms = performance.now();
    for (;;) {
      const exit = this.#enter(left);
      const after_ms = performance.now();
      this.core_ns += (after_ms - before_ms) * 1e6;
      if (exit !== EXIT_VMCALL) return exit;
      clock.spend(VMCALL_NS);
      kernel.vmcall();
      before_ms = performance.now();
      this.vmcall_ns += (before_ms - after_ms) * 1e6;
      left = core.read32(CPU_BUDGET) | 0;
      if (left <= 0 || this.#stop || timeline.next_ns < deadline_ns || clock.at_ns(before_ms) >= deadline_ns)
        return EXIT_BUDGET;
    }
  }

  /** run() through guest exceptions: each unwinds to here and is delivered by the next run(). */
  #enter(budget: number): number {
    const { core } = this;
    let left = budget;
    this.#in_core = true;
    try {
      for (;;) {
        try {
          return core.exports.run(left);
        } catch (error) {
          if (error !== UNWIND) throw error;
        }
        core.exports.deliver_raised();
        left = core.read32(CPU_BUDGET) | 0;
        if (left <= 0 || this.#stop) return EXIT_UNWOUND;
      }
    } finally {
      this.#in_core = false;
    }
  }
}

/** The guest's exception handling failed three times over: on a PC the board resets. */
export class TripleFault extends Error {
  constructor() {
    super("triple fault");
    this.name = "TripleFault";
  }
}

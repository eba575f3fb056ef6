/**
 * Load average: runnable and uninterruptible tasks, averaged exponentially over 1, 5 and 15 minutes in fixed point.
 * Linux: kernel/sched/loadavg.c. Sampled every 5 s; while the CPU idles without ticks the missed samples are caught up.
 */
import type { Kernel } from "../kernel.ts";
import { TASK_RUNNING, TASK_UNINTERRUPTIBLE } from "../task/state.ts";

const FSHIFT = 11;
const FIXED_1 = 1 << FSHIFT;
/** 5 s and one tick, ns. Linux: LOAD_FREQ. */
const LOAD_FREQ_NS = 5_010_000_000;
/** 1/exp(5 s / 1, 5, 15 min) as fixed point. */
const EXP = [1884, 2014, 2037];

export class LoadAverage {
  /** Fixed point, 11 fractional bits. */
  readonly avenrun = [0, 0, 0];
  #next_ns = LOAD_FREQ_NS;

  constructor(private readonly kernel: Kernel) {}

  /** Takes the samples that are due. */
  update(now_ns: number): void {
    if (now_ns < this.#next_ns) return;
    const active = this.#nrActive() * FIXED_1;
    for (; this.#next_ns <= now_ns; this.#next_ns += LOAD_FREQ_NS) {
      for (let i = 0; i < 3; i++) this.avenrun[i] = calcLoad(this.avenrun[i], EXP[i], active);
    }
  }

  /** "0.52 0.58 0.59" as in /proc/loadavg. */
  toString(): string {
    this.update(this.kernel.time.monotonic_ns());
    return this.avenrun
      .map((load) => {
        const rounded = load + FIXED_1 / 200;
        const whole = Math.floor(rounded / FIXED_1);
        const hundredths = Math.floor(((rounded % FIXED_1) * 100) / FIXED_1);
        return `${whole}.${String(hundredths).padStart(2, "0")}`;
      })
      .join(" ");
  }

  /** Loads for sysinfo(2): 16 fractional bits. */
  forSysinfo(): number[] {
    this.update(this.kernel.time.monotonic_ns());
    return this.avenrun.map((load) => load << (16 - FSHIFT));
  }

  #nrActive(): number {
    let nr_active = 0;
    for (const task of this.kernel.tasks.threads()) {
      if (task.exit_state) continue;
      if (task.state === TASK_RUNNING || task.state & TASK_UNINTERRUPTIBLE) nr_active++;
    }
    return nr_active;
  }
}

/** Linux: calc_load(). */
function calcLoad(load: number, exp: number, active: number): number {
  let result = load * exp + active * (FIXED_1 - exp);
  if (active >= load) result += FIXED_1 - 1;
  return Math.floor(result / FIXED_1);
}

/**
 * The clock event device: channel 0 of the PIT, always programmed for one shot at whatever comes first, the next
 * scheduler tick or the next timer. While a task runs there is a tick every 10 ms; while the CPU idles there is none,
 * and with no timer pending the PIT stays silent (its counter holds 54.9 ms at most, so a far timer takes several shots).
 * Flow: PIT -> IRQ 0 -> irq_desc.ts -> here -> timer callbacks (timer.ts) and the scheduler's tick.
 * Linux: kernel/time/tick-sched.c, drivers/clocksource/i8253.c. Source: Intel 8254 datasheet, mode 0.
 */
import { IRQ_HANDLED } from "../irq/irq_desc.ts";
import type { Kernel } from "../kernel.ts";
import { NSEC_PER_SEC } from "../uapi/time.ts";
import { PIT_TICK_RATE, TICK_NSEC } from "./hz.ts";
import { checkCpuTimers } from "./itimer.ts";

const PIT_CH0 = 0x40;
const PIT_MODE = 0x43;
const PIT_CH0_ONESHOT = 0x30; // channel 0, both bytes, mode 0: interrupt on terminal count
const PIT_IRQ = 0;
/** Fewer counts might pass while they are written. Linux: clockevents_config_and_register(&i8253_clockevent, ..., 0xF). */
const MIN_COUNTS = 0xf;
const MAX_COUNTS = 0xffff;
const NS_PER_COUNT = NSEC_PER_SEC / PIT_TICK_RATE;

export class Tick {
  /** Whether the CPU idles: no scheduler ticks. */
  #isIdle = false;
  #isInside = false;
  #isReady = false;
  /** When the next scheduler tick is due, and when the PIT will fire; monotonic, ns. */
  #next_tick_ns = 0;
  #programmed_ns = Infinity;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Takes the PIT and starts ticking. */
  init(): void {
    const { machine, irq, time } = this.#kernel;
    machine.ports.outb(PIT_MODE, PIT_CH0_ONESHOT);
    irq.requestIrq(PIT_IRQ, () => this.#interrupt(), "timer");
    this.#isReady = true;
    this.#next_tick_ns = time.monotonic_ns() + TICK_NSEC;
    this.program();
  }

  /**
   * Makes sure that the PIT fires no later than the next event. An earlier shot already under way is left alone: it
   * costs one interrupt, reprogramming would cost two port writes each time.
   */
  program(): void {
    if (this.#isInside || !this.#isReady) return;
    const { machine, time } = this.#kernel;
    const timer_ns = time.timers.next_ns;
    const next_ns = this.#isIdle ? timer_ns : Math.min(timer_ns, this.#next_tick_ns);
    if (next_ns >= this.#programmed_ns || next_ns === Infinity) return;
    const now_ns = time.monotonic_ns();
    const wanted = Math.ceil((next_ns - now_ns) / NS_PER_COUNT);
    const counts = Math.min(MAX_COUNTS, Math.max(MIN_COUNTS, wanted));
    machine.ports.outb(PIT_CH0, counts & 0xff);
    machine.ports.outb(PIT_CH0, counts >> 8);
    this.#programmed_ns = now_ns + counts * NS_PER_COUNT;
  }

  enterIdle(): void {
    this.#isIdle = true;
    this.program();
  }

  exitIdle(): void {
    if (!this.#isIdle) return;
    this.#isIdle = false;
    const now_ns = this.#kernel.time.monotonic_ns();
    if (this.#next_tick_ns <= now_ns) this.#advanceTick(now_ns);
    this.program();
  }

  #interrupt(): number {
    const { time, sched } = this.#kernel;
    const now_ns = time.monotonic_ns();
    this.#programmed_ns = Infinity;
    this.#isInside = true;
    time.timers.runExpired(now_ns);
    if (!this.#isIdle && now_ns >= this.#next_tick_ns) {
      this.#advanceTick(now_ns);
      sched.tick(now_ns);
      checkCpuTimers(this.#kernel.current);
    }
    this.#isInside = false;
    this.program();
    return IRQ_HANDLED;
  }

  /** The first tick after now, on the grid of whole jiffies. */
  #advanceTick(now_ns: number): void {
    this.#next_tick_ns = (Math.floor(now_ns / TICK_NSEC) + 1) * TICK_NSEC;
  }
}

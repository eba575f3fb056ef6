/**
 * The local APIC's timer: counts the core crystal clock down, or waits for a value of the TSC.
 *
 * The current count is computed when someone looks; the Timeline holds a moment only while an expiry would be heard.
 * Time goes on at device time, which is also what the TSC counts. Source: SDM vol 3A "APIC Timer", "TSC-Deadline Mode".
 */
import type { DeviceTimer, Timeline } from "../clock.ts";

/** Core crystal clock, as CPUID leaf 15H tells it (cpu-core/state/cpuid.ts). */
export const CRYSTAL_HZ = 25_000_000;
const CRYSTAL_NS = 1e9 / CRYSTAL_HZ;

/** Timer modes, LVT bits 18:17. */
export const ONE_SHOT = 0;
export const PERIODIC = 1;
export const TSC_DEADLINE = 2;

const TWO_32 = 0x1_0000_0000;

/** What RDTSC adds to device time, as two unsigned halves: WRMSR moves it. */
export interface TscOffset {
  lo(): number;
  hi(): number;
}

export class ApicTimer {
  /** Initial-count register. */
  initial_count = 0;
  /** Divide configuration register: bits 3, 1 and 0. */
  divide_configuration = 0;
  /** IA32_TSC_DEADLINE; 0: disarmed. */
  deadline_lo = 0;
  deadline_hi = 0;
  #mode = ONE_SHOT;
  /** Somebody hears an expiry: the LVT entry is not masked. */
  #heard = false;
  /** Device time at which the count was loaded, ns; -1: not running. */
  #start_ns = -1;
  readonly #timer: DeviceTimer;

  constructor(
    readonly timeline: Timeline,
    readonly tsc: TscOffset,
    readonly expire: () => void,
  ) {
    this.#timer = timeline.timer("local APIC", () => this.#expired());
  }

  reset(): void {
    this.initial_count = this.divide_configuration = this.deadline_lo = this.deadline_hi = 0;
    this.#mode = ONE_SHOT;
    this.#heard = false;
    this.#start_ns = -1;
    this.#timer.disarm();
  }

  /** What the LVT entry says. Going to or from TSC-deadline mode disarms; between the others the count goes on. */
  configure(mode: number, heard: boolean): void {
    if (mode !== this.#mode && (mode === TSC_DEADLINE || this.#mode === TSC_DEADLINE)) {
      this.deadline_lo = this.deadline_hi = this.initial_count = 0;
      this.#start_ns = -1;
    }
    if (mode !== this.#mode && this.#start_ns >= 0) {
      // The rest of this round is counted in either mode.
      const round_ns = this.#round_ns();
      const rounds = Math.floor((this.timeline.now_ns() - this.#start_ns) / round_ns);
      if (this.#mode === ONE_SHOT && rounds > 0) this.#start_ns = -1;
      else this.#start_ns += rounds * round_ns;
    }
    this.#mode = mode;
    this.#heard = heard;
    this.#arm();
  }

  /** Initial-count register: starts the timer, 0 stops it. Ignored in TSC-deadline mode. */
  writeInitialCount(count: number): void {
    if (this.#mode === TSC_DEADLINE) return;
    this.initial_count = count;
    this.#start_ns = count === 0 ? -1 : this.timeline.now_ns();
    this.#arm();
  }

  /** Divide configuration register: a running count goes on at the new rate. */
  writeDivideConfiguration(value: number): void {
    const left = this.currentCount();
    this.divide_configuration = value & 0xb;
    if (this.#start_ns < 0) return;
    this.#start_ns = left === 0 ? -1 : this.timeline.now_ns() - (this.initial_count - left) * this.#tick_ns();
    this.#arm();
  }

  currentCount(): number {
    if (this.#start_ns < 0) return 0;
    const ticks = Math.floor((this.timeline.now_ns() - this.#start_ns) / this.#tick_ns());
    if (this.#mode === PERIODIC) return this.initial_count - (ticks % this.initial_count);
    return Math.max(this.initial_count - ticks, 0);
  }

  /** IA32_TSC_DEADLINE: a value arms, 0 disarms. Ignored in the other modes. */
  writeDeadline(lo: number, hi: number): void {
    if (this.#mode !== TSC_DEADLINE) return;
    this.deadline_lo = lo;
    this.deadline_hi = hi;
    this.#arm();
  }

  /** The TSC was set. */
  tscWritten(): void {
    if (this.#mode === TSC_DEADLINE) this.#arm();
  }

  #tick_ns(): number {
    const { divide_configuration } = this;
    const shift = ((divide_configuration & 3) | ((divide_configuration & 8) >> 1)) + 1;
    return CRYSTAL_NS * (1 << (shift & 7)); // 111B divides by 1
  }

  #round_ns(): number {
    return this.initial_count * this.#tick_ns();
  }

  /** Cycles until the TSC reaches the deadline; negative when it has. */
  #cyclesLeft(now_ns: number): number {
    const low = (now_ns % TWO_32) + this.tsc.lo();
    const carry = low >= TWO_32 ? 1 : 0;
    const high = (Math.floor(now_ns / TWO_32) + this.tsc.hi() + carry) % TWO_32;
    return (this.deadline_hi - high) * TWO_32 + (this.deadline_lo - (low % TWO_32));
  }

  #arm(): void {
    const now_ns = this.timeline.now_ns();
    if (this.#mode === TSC_DEADLINE) {
      if (this.deadline_lo === 0 && this.deadline_hi === 0) return this.#timer.disarm();
      // Also when masked: the register reads 0 once the deadline has passed.
      return this.#timer.arm(now_ns + Math.max(this.#cyclesLeft(now_ns), 0));
    }
    if (this.#start_ns < 0 || !this.#heard) return this.#timer.disarm();
    const round_ns = this.#round_ns();
    const rounds = Math.floor((now_ns - this.#start_ns) / round_ns);
    if (this.#mode === ONE_SHOT && rounds > 0) return this.#timer.disarm();
    // What a late host missed would only have been merged in the IRR.
    this.#timer.arm(this.#start_ns + (rounds + 1) * round_ns);
  }

  #expired(): void {
    if (this.#mode === TSC_DEADLINE) this.deadline_lo = this.deadline_hi = 0;
    else if (this.#mode === PERIODIC) this.#arm();
    if (this.#heard) this.expire();
  }
}

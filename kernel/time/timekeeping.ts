/**
 * What time it is. The clock source is the TSC; its frequency comes from CPUID leaf 0x15, or else is measured against
 * channel 2 of the PIT. Wall time is the monotonic clock plus an offset that starts from the CMOS clock. Timers and the
 * clock event device are reached from here (timer.ts, tick.ts).
 * Linux: kernel/time/timekeeping.c, arch/x86/kernel/tsc.c. Sources: SDM vol 3 "Time-Stamp Counter", Intel 8254 datasheet.
 */
import type { Kernel } from "../kernel.ts";
import { readCmosTime } from "../drivers/rtc/cmos.ts";
import { WaitQueue } from "../sched/wait.ts";
import { NSEC_PER_SEC } from "../uapi/time.ts";
import { HZ, PIT_TICK_RATE, TICK_NSEC } from "./hz.ts";
import { PosixTimers } from "./posix_timers.ts";
import { Tick } from "./tick.ts";
import { TimerQueue, type Timer } from "./timer.ts";

export type { Timer };

const PIT_CH2 = 0x42;
const PIT_MODE = 0x43;
const PORT_B = 0x61; // bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2
const CPUID_TSC_LEAF = 0x15;

/** Wall-clock time: seconds since 1970 and 0..999,999,999 ns. */
export interface Timespec {
  sec: number;
  nsec: number;
}

export class Timekeeping {
  readonly timers = new TimerQueue();
  readonly tick: Tick;
  /** Timers of timer_create(2). */
  readonly posixTimers = new PosixTimers();
  /** Frequency of the TSC, kHz; 0 until it is known. */
  tsc_khz = 0;
  /** Woken when wall time jumps, so that sleepers with an absolute wall-clock deadline look again. */
  readonly clockWasSet = new WaitQueue();
  /** Counts the jumps. */
  clock_set_seq = 0;
  /** Wall time of boot. */
  boot_time: Timespec = { sec: 0, nsec: 0 };
  /** What settimeofday(2) was told about the place; the kernel makes nothing of it. */
  timezone = { minuteswest: 0, dsttime: 0 };
  /** International atomic time minus UTC, seconds. */
  tai_offset_sec = 0;
  readonly #kernel: Kernel;
  /** TSC and monotonic time at the last change of rate. */
  #base_cycles = 0;
  #base_ns = 0;
  #ns_per_cycle = 0;
  /** Frequency correction in parts per million (adjtimex). */
  #freq_ppm = 0;
  /** Wall time = monotonic + this. */
  #offset_sec = 0;
  #offset_nsec = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.tick = new Tick(kernel);
  }

  /** Nanoseconds since the clock source was started. Whole numbers, never backwards. */
  monotonic_ns(): number {
    const cycles = this.#kernel.machine.cpu.rdtsc() - this.#base_cycles;
    return this.#base_ns + Math.floor(cycles * this.#ns_per_cycle);
  }

  /** Time for log records and accounting; 0 until the TSC's frequency is known. */
  sched_clock_ns(): number {
    return this.tsc_khz === 0 ? 0 : this.monotonic_ns();
  }

  /** Ticks since boot. */
  get jiffies(): number {
    return Math.floor(this.monotonic_ns() / TICK_NSEC);
  }

  /** Wall-clock time. */
  realtime(): Timespec {
    return this.toRealtime(this.monotonic_ns());
  }

  toRealtime(monotonic_ns: number): Timespec {
    const whole = Math.floor(monotonic_ns / NSEC_PER_SEC);
    let sec = whole + this.#offset_sec;
    let nsec = monotonic_ns - whole * NSEC_PER_SEC + this.#offset_nsec;
    if (nsec >= NSEC_PER_SEC) {
      nsec -= NSEC_PER_SEC;
      sec++;
    }
    return { sec, nsec };
  }

  /** The monotonic time, ns, at which the wall clock will show `time` if nobody sets it meanwhile. */
  fromRealtime(time: Timespec): number {
    return (time.sec - this.#offset_sec) * NSEC_PER_SEC + (time.nsec - this.#offset_nsec);
  }

  /** Sets the wall clock. Linux: do_settimeofday64(). */
  setRealtime(time: Timespec): void {
    this.#setOffset(time);
    this.clock_set_seq++;
    this.clockWasSet.wakeUpAll();
  }

  /** Corrects the clock's rate, -500..500 ppm. Linux: timekeeping_adjust() for a constant frequency. */
  setFrequencyAdjustment(ppm: number): void {
    const cycles = this.#kernel.machine.cpu.rdtsc();
    this.#base_ns = this.monotonic_ns();
    this.#base_cycles = cycles;
    this.#freq_ppm = ppm;
    this.#ns_per_cycle = (1e6 / this.tsc_khz) * (1 + ppm / 1e6);
  }

  get freq_ppm(): number {
    return this.#freq_ppm;
  }

  /** Calls `callback` from the timer interrupt once the monotonic clock reaches `deadline_ns`. */
  startTimer(deadline_ns: number, callback: (now_ns: number) => void): Timer {
    const timer = this.timers.add(deadline_ns, callback);
    this.tick.program();
    return timer;
  }

  /** Whether the timer had not fired yet. */
  cancelTimer(timer: Timer): boolean {
    return this.timers.remove(timer);
  }

  /** The idle task is about to halt. */
  enterIdle(): void {
    this.tick.enterIdle();
  }

  /** A task is about to run after idling. */
  exitIdle(): void {
    this.tick.exitIdle();
  }

  /** Finds the TSC's frequency and starts the monotonic clock at 0. Linux: tsc_early_init(). */
  initClocksource(): void {
    const { machine, printk } = this.#kernel;
    const known_khz = this.#tscKhzFromCpuid();
    this.#base_cycles = machine.cpu.rdtsc();
    this.tsc_khz = known_khz || this.#calibrateTsc();
    this.#ns_per_cycle = 1e6 / this.tsc_khz;
    if (!known_khz) printk.info("tsc: Fast TSC calibration using PIT");
    printk.info(`tsc: Detected ${Math.floor(this.tsc_khz / 1000)}.${fraction3(this.tsc_khz)} MHz processor`);
    const max_cycles = Number.MAX_SAFE_INTEGER;
    printk.info(
      `clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x${max_cycles.toString(16)}, ` +
        `max_idle_ns: ${Math.floor(max_cycles * this.#ns_per_cycle)} ns`,
    );
  }

  /** Takes wall time from the CMOS clock. Linux: read_persistent_clock64(), rtc_hctosys(). */
  initWallClock(): void {
    const sec = readCmosTime(this.#kernel.machine.ports);
    this.#setOffset({ sec, nsec: 0 });
    this.boot_time = this.toRealtime(0);
  }

  /** Delay-loop figure of the boot log and /proc/cpuinfo: loops a jiffy, two cycles a loop at worst. */
  get loops_per_jiffy(): number {
    return Math.floor((this.tsc_khz * 1000) / HZ);
  }

  #setOffset(time: Timespec): void {
    const now_ns = this.monotonic_ns();
    const whole = Math.floor(now_ns / NSEC_PER_SEC);
    this.#offset_sec = time.sec - whole;
    this.#offset_nsec = time.nsec - (now_ns - whole * NSEC_PER_SEC);
    if (this.#offset_nsec < 0) {
      this.#offset_nsec += NSEC_PER_SEC;
      this.#offset_sec--;
    }
  }

  /** Crystal frequency times the ratio that leaf 0x15 gives; 0 if the CPU does not tell. */
  #tscKhzFromCpuid(): number {
    const { cpu } = this.#kernel.machine;
    if (cpu.cpuid(0, 0).eax >>> 0 < CPUID_TSC_LEAF) return 0;
    const { eax: denominator, ebx: numerator, ecx: crystal_hz } = cpu.cpuid(CPUID_TSC_LEAF, 0);
    if (denominator === 0 || numerator === 0 || crystal_hz === 0) return 0;
    return Math.round(((crystal_hz >>> 0) * (numerator >>> 0)) / (denominator >>> 0) / 1000);
  }

  /** Counts cycles while channel 2 of the PIT counts down 50 ms. Linux: pit_calibrate_tsc(). */
  #calibrateTsc(): number {
    const { ports, cpu } = this.#kernel.machine;
    const latch = Math.floor(PIT_TICK_RATE / 20);
    ports.outb(PORT_B, (ports.inb(PORT_B) & ~0x02) | 0x01);
    ports.outb(PIT_MODE, 0xb0); // channel 2, both bytes, mode 0
    ports.outb(PIT_CH2, latch & 0xff);
    ports.outb(PIT_CH2, latch >> 8);
    const start = cpu.rdtsc();
    while ((ports.inb(PORT_B) & 0x20) === 0) continue;
    const cycles = cpu.rdtsc() - start;
    return Math.round((cycles * PIT_TICK_RATE) / latch / 1000);
  }
}

function fraction3(khz: number): string {
  return String(khz % 1000).padStart(3, "0");
}

/** Linux: tsc_early_init(), time_init(): clock source, wall clock, clock event device. */
export function initTime(kernel: Kernel): void {
  kernel.time.initClocksource();
  kernel.time.initWallClock();
  const { loops_per_jiffy } = kernel.time;
  const bogomips_x100 = Math.floor(loops_per_jiffy / (5000 / HZ));
  kernel.printk.info(
    "Calibrating delay loop (skipped), value calculated using timer frequency.. " +
      `${Math.floor(bogomips_x100 / 100)}.${String(bogomips_x100 % 100).padStart(2, "0")} BogoMIPS (lpj=${loops_per_jiffy})`,
  );
  kernel.time.tick.init();
  kernel.printk.info("clocksource: Switched to clocksource tsc");
}

/**
 * The clocks of clock_gettime(2) by number, and the older ways to ask for the time. Linux: kernel/time/posix-timers.c,
 * posix-cpu-timers.c, time.c; man 2 clock_getres.
 */
import { wordSize, writeWords } from "../mm/user_words.ts";
import { putUser32, copyToUser, copyFromUser } from "../mm/usercopy.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_SYS_TIME } from "../uapi/capability.ts";
import { EFAULT, EINVAL, EOPNOTSUPP, EPERM } from "../uapi/errno.ts";
import * as C from "../uapi/time.ts";
import { TICK_NSEC } from "./hz.ts";
import type { Timespec } from "./timekeeping.ts";
import { fromNs, readTimespec, readTimeval, writeTimespec, writeTimeval } from "./timespec.ts";

/** Bits of a clock number made from a pid: ~pid << 3, bit 2 for a thread, 0 prof, 1 virtual, 2 sched. */
const CPUCLOCK_PERTHREAD = 4;
const CPUCLOCK_VIRT = 1;
const CPUCLOCK_FD = 3;

/** CPU time of a process: its threads' and what ended ones left, ns. Linux: thread_group_cputime(). */
export function processCpuTime(task: Task): { user_ns: number; system_ns: number } {
  task.kernel.entry.accountNow();
  const { signal } = task;
  let user_ns = signal.utime_ns;
  let system_ns = signal.stime_ns;
  for (const thread of signal.threads) {
    user_ns += thread.utime_ns;
    system_ns += thread.stime_ns;
  }
  return { user_ns, system_ns };
}

/** The task whose CPU time clock number `clock` (negative) means; null if there is none. */
function cpuClockTask(task: Task, clock: number): Task | null {
  const pid = ~(clock >> 3);
  if (pid === 0) return clock & CPUCLOCK_PERTHREAD ? task : task.group_leader;
  const target = task.kernel.tasks.find(pid);
  if (!target) return null;
  if (clock & CPUCLOCK_PERTHREAD) return target.signal === task.signal ? target : null;
  return target.isGroupLeader ? target : null;
}

/** The clock's time; -EINVAL for numbers that are no clock. */
export function readClock(task: Task, clock: number): Timespec | number {
  const { time } = task.kernel;
  switch (clock) {
    case C.CLOCK_REALTIME:
    case C.CLOCK_REALTIME_COARSE:
      return time.realtime();
    case C.CLOCK_TAI: {
      const { sec, nsec } = time.realtime();
      return { sec: sec + time.tai_offset_sec, nsec };
    }
    case C.CLOCK_MONOTONIC:
    case C.CLOCK_MONOTONIC_RAW:
    case C.CLOCK_MONOTONIC_COARSE:
    case C.CLOCK_BOOTTIME:
      return fromNs(time.monotonic_ns());
    case C.CLOCK_PROCESS_CPUTIME_ID: {
      const { user_ns, system_ns } = processCpuTime(task);
      return fromNs(user_ns + system_ns);
    }
    case C.CLOCK_THREAD_CPUTIME_ID:
      task.kernel.entry.accountNow();
      return fromNs(task.utime_ns + task.stime_ns);
  }
  if (clock >= 0 || (clock & CPUCLOCK_FD) === CPUCLOCK_FD) return -EINVAL;
  const target = cpuClockTask(task, clock);
  if (!target) return -EINVAL;
  const { user_ns, system_ns } =
    clock & CPUCLOCK_PERTHREAD
      ? { user_ns: target.utime_ns, system_ns: target.stime_ns }
      : processCpuTime(target);
  return fromNs((clock & 3) === CPUCLOCK_VIRT ? user_ns : user_ns + system_ns);
}

export function sys_clock_gettime(task: Task, clock: number, ptr: number): number {
  const time = readClock(task, clock);
  if (typeof time === "number") return time;
  return writeTimespec(task, ptr, time);
}

export function sys_clock_getres(task: Task, clock: number, ptr: number): number {
  const time = readClock(task, clock);
  if (typeof time === "number") return time;
  if (ptr === 0) return 0;
  const isCoarse = clock === C.CLOCK_REALTIME_COARSE || clock === C.CLOCK_MONOTONIC_COARSE;
  return writeTimespec(task, ptr, { sec: 0, nsec: isCoarse ? TICK_NSEC : 1 });
}

export function sys_clock_settime(task: Task, clock: number, ptr: number): number {
  if (typeof readClock(task, clock) === "number") return -EINVAL;
  if (clock !== C.CLOCK_REALTIME) return clock < 0 ? -EPERM : -EINVAL;
  const time = readTimespec(task, ptr);
  if (typeof time === "number") return time;
  if (!capable(task, CAP_SYS_TIME)) return -EPERM;
  task.kernel.time.setRealtime(time);
  return 0;
}

export function sys_gettimeofday(task: Task, tv_ptr: number, tz_ptr: number): number {
  if (tv_ptr !== 0 && writeTimeval(task, tv_ptr, task.kernel.time.realtime())) return -EFAULT;
  if (tz_ptr !== 0) {
    const { timezone } = task.kernel.time;
    if (putUser32(task, tz_ptr, timezone.minuteswest) || putUser32(task, tz_ptr + 4, timezone.dsttime))
      return -EFAULT;
  }
  return 0;
}

export function sys_settimeofday(task: Task, tv_ptr: number, tz_ptr: number): number {
  const { time } = task.kernel;
  const tv = tv_ptr === 0 ? null : readTimeval(task, tv_ptr);
  if (typeof tv === "number") return tv;
  const tz = new Uint8Array(8);
  if (tz_ptr !== 0 && copyFromUser(task, tz_ptr, tz)) return -EFAULT;
  if (!capable(task, CAP_SYS_TIME)) return -EPERM;
  if (tz_ptr !== 0) {
    const view = new DataView(tz.buffer);
    const minuteswest = view.getInt32(0, true);
    if (Math.abs(minuteswest) > 15 * 60) return -EINVAL;
    time.timezone = { minuteswest, dsttime: view.getInt32(4, true) };
  }
  if (tv) time.setRealtime({ sec: tv.sec, nsec: tv.usec * C.NSEC_PER_USEC });
  return 0;
}

export function sys_time(task: Task, ptr: number): number {
  const { sec } = task.kernel.time.realtime();
  if (ptr !== 0 && writeWords(task, ptr, [sec], wordSize(task))) return -EFAULT;
  return sec;
}

/** times(2): CPU times in ticks of 1/100 s; the result is the number of ticks since boot. */
export function sys_times(task: Task, ptr: number): number {
  const ticks = (ns: number) => Math.floor(ns / (C.NSEC_PER_SEC / C.USER_HZ));
  if (ptr !== 0) {
    const { signal } = task;
    const { user_ns, system_ns } = processCpuTime(task);
    const words = [user_ns, system_ns, signal.cutime_ns, signal.cstime_ns].map(ticks);
    if (writeWords(task, ptr, words, wordSize(task))) return -EFAULT;
  }
  return ticks(task.kernel.time.monotonic_ns());
}

/** struct timex: offsets of its fields. Linux: include/uapi/linux/timex.h. */
const TIMEX_BYTES = 208;
const TIMEX = {
  modes: 0,
  offset: 8,
  freq: 16,
  maxerror: 24,
  esterror: 32,
  status: 40,
  constant: 48,
  precision: 56,
  tolerance: 64,
  time_sec: 72,
  time_usec: 80,
  tick: 88,
  tai: 160,
};
/** Parts per million in the unit of timex.freq, and the limit. */
const FREQ_PER_PPM = 65536;
const MAX_FREQ_PPM = 500;

function getInt64(view: DataView, offset: number): number {
  return view.getInt32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

function setInt64(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  view.setUint32(offset, value - high * 2 ** 32, true);
  view.setInt32(offset + 4, high, true);
}

/** Frequency, a step of the offset and the TAI offset can be set; a slow slew of the offset is refused. */
export function sys_clock_adjtime(task: Task, clock: number, ptr: number): number {
  const { time } = task.kernel;
  if (clock !== C.CLOCK_REALTIME) return typeof readClock(task, clock) === "number" ? -EINVAL : -EOPNOTSUPP;
  const bytes = new Uint8Array(TIMEX_BYTES);
  if (copyFromUser(task, ptr, bytes)) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const modes = view.getUint32(TIMEX.modes, true);
  const readsOnly = modes === 0 || modes === C.ADJ_OFFSET_SS_READ;
  if (!readsOnly && !capable(task, CAP_SYS_TIME)) return -EPERM;
  if (!readsOnly) {
    if (modes & C.ADJ_OFFSET) return -EOPNOTSUPP;
    if (modes & C.ADJ_FREQUENCY) {
      const ppm = getInt64(view, TIMEX.freq) / FREQ_PER_PPM;
      time.setFrequencyAdjustment(Math.max(-MAX_FREQ_PPM, Math.min(MAX_FREQ_PPM, ppm)));
    }
    if (modes & C.ADJ_TAI && getInt64(view, TIMEX.constant) >= 0)
      time.tai_offset_sec = getInt64(view, TIMEX.constant);
    if (modes & C.ADJ_SETOFFSET) {
      const fraction = getInt64(view, TIMEX.time_usec) * (modes & C.ADJ_NANO ? 1 : C.NSEC_PER_USEC);
      if (fraction < 0 || fraction >= C.NSEC_PER_SEC) return -EINVAL;
      const now = time.realtime();
      const nsec = now.nsec + fraction;
      const carry = nsec >= C.NSEC_PER_SEC ? 1 : 0;
      const sec = now.sec + getInt64(view, TIMEX.time_sec) + carry;
      time.setRealtime({ sec, nsec: nsec - carry * C.NSEC_PER_SEC });
    }
  }
  const now = time.realtime();
  const maximum_error_us = 16_000_000;
  setInt64(view, TIMEX.offset, 0);
  setInt64(view, TIMEX.freq, Math.round(time.freq_ppm * FREQ_PER_PPM));
  setInt64(view, TIMEX.maxerror, maximum_error_us);
  setInt64(view, TIMEX.esterror, maximum_error_us);
  view.setInt32(TIMEX.status, C.STA_UNSYNC, true);
  setInt64(view, TIMEX.constant, 2);
  setInt64(view, TIMEX.precision, 1);
  setInt64(view, TIMEX.tolerance, MAX_FREQ_PPM * FREQ_PER_PPM);
  setInt64(view, TIMEX.time_sec, now.sec);
  setInt64(view, TIMEX.time_usec, Math.floor(now.nsec / C.NSEC_PER_USEC));
  setInt64(view, TIMEX.tick, C.USEC_PER_SEC / C.USER_HZ);
  view.setInt32(TIMEX.tai, time.tai_offset_sec, true);
  return copyToUser(task, ptr, bytes) ? -EFAULT : C.TIME_ERROR;
}

export function sys_adjtimex(task: Task, ptr: number): number {
  return sys_clock_adjtime(task, C.CLOCK_REALTIME, ptr);
}

/**
 * The three interval timers of a process: real time (SIGALRM), its user time (SIGVTALRM), its CPU time (SIGPROF).
 * The real one is a timer of the clock; the others are compared with the accounts at each tick (sched/).
 * Linux: kernel/time/itimer.c; man 2 setitimer, man 2 alarm.
 */
import { sendSignalToProcess } from "../task/signal.ts";
import { RLIM_INFINITY, type Itimer, type Rlimit } from "../task/signal_struct.ts";
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL } from "../uapi/errno.ts";
import { RLIMIT_CPU } from "../uapi/resource.ts";
import { SIGALRM, SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU } from "../uapi/signal.ts";
import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, NSEC_PER_SEC, NSEC_PER_USEC } from "../uapi/time.ts";
import { processCpuTime } from "./posix_clocks.ts";
import { readItimer, toNs, writeItimer } from "./timespec.ts";

/** Arms ITIMER_REAL at `itimer.expires_ns`. */
function armReal(leader: Task, itimer: Itimer): void {
  const { time } = leader.kernel;
  itimer.timer = time.startTimer(itimer.expires_ns, (now_ns) => {
    itimer.timer = null;
    if (itimer.interval_ns > 0) {
      const missed = Math.floor((now_ns - itimer.expires_ns) / itimer.interval_ns);
      itimer.expires_ns += (missed + 1) * itimer.interval_ns;
      armReal(leader, itimer);
    } else {
      itimer.expires_ns = 0;
    }
    sendSignalToProcess(leader.group_leader, SIGALRM);
  });
}

/** The clock that ITIMER_VIRTUAL and ITIMER_PROF run on, ns. */
function cpuClock(task: Task, which: number): number {
  const { user_ns, system_ns } = processCpuTime(task);
  return which === ITIMER_VIRTUAL ? user_ns : user_ns + system_ns;
}

/** Time until the timer fires; 0 if it is not armed. */
function remaining(task: Task, which: number): number {
  const { expires_ns } = task.signal.itimers[which];
  if (expires_ns === 0) return 0;
  const now_ns = which === ITIMER_REAL ? task.kernel.time.monotonic_ns() : cpuClock(task, which);
  // An armed timer never reads as zero.
  return Math.max(expires_ns - now_ns, NSEC_PER_USEC);
}

/** Sets a timer; a value of 0 disarms it. Linux: do_setitimer(). */
export function setItimer(task: Task, which: number, value_ns: number, interval_ns: number): void {
  const itimer = task.signal.itimers[which];
  if (itimer.timer) task.kernel.time.cancelTimer(itimer.timer);
  itimer.timer = null;
  itimer.interval_ns = value_ns > 0 ? interval_ns : 0;
  if (value_ns === 0) {
    itimer.expires_ns = 0;
  } else if (which === ITIMER_REAL) {
    itimer.expires_ns = task.kernel.time.monotonic_ns() + value_ns;
    armReal(task.group_leader, itimer);
  } else {
    itimer.expires_ns = cpuClock(task, which) + value_ns;
  }
}

/** What the tick checks of the running task's process: timers on CPU time, and RLIMIT_CPU. Linux: run_posix_cpu_timers(). */
export function checkCpuTimers(task: Task): void {
  const { itimers, rlimits } = task.signal;
  const limit = rlimits[RLIMIT_CPU];
  const hasLimit = limit !== undefined && limit.cur !== RLIM_INFINITY;
  if (itimers[ITIMER_VIRTUAL].expires_ns === 0 && itimers[ITIMER_PROF].expires_ns === 0 && !hasLimit) return;
  task.kernel.entry.accountNow();
  for (const [which, signal] of CPU_ITIMERS) {
    const itimer = itimers[which];
    if (itimer.expires_ns === 0 || cpuClock(task, which) < itimer.expires_ns) continue;
    itimer.expires_ns = itimer.interval_ns > 0 ? itimer.expires_ns + itimer.interval_ns : 0;
    sendSignalToProcess(task.group_leader, signal);
  }
  if (hasLimit) checkCpuLimit(task, limit);
}

const CPU_ITIMERS = [
  [ITIMER_VIRTUAL, SIGVTALRM],
  [ITIMER_PROF, SIGPROF],
] as const;

/** SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. Linux: check_process_timers(). */
function checkCpuLimit(task: Task, limit: Rlimit): void {
  const used_sec = cpuClock(task, ITIMER_PROF) / NSEC_PER_SEC;
  if (used_sec >= limit.max) {
    sendSignalToProcess(task.group_leader, SIGKILL);
  } else if (used_sec >= limit.cur) {
    sendSignalToProcess(task.group_leader, SIGXCPU);
    task.signal.rlimits[RLIMIT_CPU] = { cur: limit.cur + 1, max: limit.max };
  }
}

export function sys_getitimer(task: Task, which: number, ptr: number): number {
  if (which < 0 || which > 2) return -EINVAL;
  const { interval_ns } = task.signal.itimers[which];
  return writeItimer(task, ptr, NSEC_PER_USEC, interval_ns, remaining(task, which)) ? -EFAULT : 0;
}

export function sys_setitimer(task: Task, which: number, ptr: number, old_ptr: number): number {
  if (which < 0 || which > 2) return -EINVAL;
  const wanted = ptr === 0 ? { interval: ZERO, value: ZERO } : readItimer(task, ptr, NSEC_PER_USEC);
  if (typeof wanted === "number") return wanted;
  const old_interval_ns = task.signal.itimers[which].interval_ns;
  const old_value_ns = remaining(task, which);
  setItimer(task, which, toNs(wanted.value), toNs(wanted.interval));
  if (old_ptr === 0) return 0;
  return writeItimer(task, old_ptr, NSEC_PER_USEC, old_interval_ns, old_value_ns) ? -EFAULT : 0;
}

const ZERO = { sec: 0, nsec: 0 };

/** alarm(2): the seconds that were left, rounded, but never 0 for an armed timer. */
export function sys_alarm(task: Task, seconds: number): number {
  const old_ns = remaining(task, ITIMER_REAL);
  setItimer(task, ITIMER_REAL, seconds * NSEC_PER_SEC, 0);
  if (old_ns === 0) return 0;
  return Math.max(1, Math.round(old_ns / NSEC_PER_SEC));
}

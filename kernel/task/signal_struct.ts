/**
 * What the threads of one process share: SignalStruct (limits, process group, timers, pending signals, accounts of dead
 * children) and Sighand (the actions). Linux: include/linux/sched/signal.h.
 */
import type { Tty } from "../drivers/tty/tty_io.ts";
import { WaitQueue } from "../sched/wait.ts";
import type { Timer } from "../time/timekeeping.ts";
import { NSIG, SIG_DFL } from "../uapi/signal.ts";
import type { SigInfo } from "./siginfo.ts";
import { SigSet } from "./sigset.ts";
import type { Task } from "./task.ts";

/** rlim_t "no limit", as a number. */
export const RLIM_INFINITY = Infinity;

export interface Rlimit {
  readonly cur: number;
  readonly max: number;
}

/** Signals sent and not yet delivered: the set, and for each queued one its details, oldest first. */
export class SigPending {
  readonly signal = new SigSet();
  list: SigInfo[] = [];
}

/** Linux: struct k_sigaction. `handler` and `restorer` are user addresses, SIG_DFL or SIG_IGN. */
export class SigAction {
  handler = SIG_DFL;
  flags = 0;
  restorer = 0;
  readonly mask = new SigSet();
  assign(other: SigAction): void {
    this.handler = other.handler;
    this.flags = other.flags;
    this.restorer = other.restorer;
    this.mask.assign(other.mask);
  }
}

/** The actions of a process, shared with clone(CLONE_SIGHAND). Linux: struct sighand_struct. */
export class Sighand {
  users = 1;
  /** By signal number; [0] is unused. */
  readonly action: SigAction[] = Array.from({ length: NSIG + 1 }, () => new SigAction());
  clone(): Sighand {
    const copy = new Sighand();
    for (let sig = 1; sig <= NSIG; sig++) copy.action[sig].assign(this.action[sig]);
    return copy;
  }
}

/**
 * One interval timer of setitimer(2). ITIMER_REAL: `expires_ns` on the monotonic clock, armed as `timer`.
 * ITIMER_VIRTUAL and ITIMER_PROF: `expires_ns` on the process's CPU time; 0 = not armed; sched/cputime.ts checks at ticks.
 */
export interface Itimer {
  expires_ns: number;
  interval_ns: number;
  timer: Timer | null;
}

export const SIGNAL_STOP_STOPPED = 0x01;
export const SIGNAL_STOP_CONTINUED = 0x02;
export const SIGNAL_GROUP_EXIT = 0x04;
export const SIGNAL_CLD_STOPPED = 0x10;
export const SIGNAL_CLD_CONTINUED = 0x20;
/** init: fatal signals from its own namespace do not reach it. */
export const SIGNAL_UNKILLABLE = 0x40;

export class SignalStruct {
  /** All threads, the leader first. */
  readonly threads: Task[] = [];
  /** Process group and session ids. */
  pgrp = 0;
  session = 0;
  /** Session leader. */
  leader = false;
  /** Controlling terminal. */
  tty: Tty | null = null;
  /** The terminal's group to hang up when a session leader loses it. */
  tty_old_pgrp = 0;

  flags = 0;
  /** exit_group's code, or the stop signal while stopping. */
  group_exit_code = 0;
  /** Threads that still have to stop. */
  group_stop_count = 0;
  /** The thread that may go on while exec waits for the others to die. */
  group_exec_task: Task | null = null;
  readonly shared_pending = new SigPending();
  /** wait4() of this process sleeps here. */
  readonly wait_chldexit = new WaitQueue();

  rlimits: Rlimit[] = [];
  /** ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
  readonly itimers: readonly [Itimer, Itimer, Itimer] = [
    { expires_ns: 0, interval_ns: 0, timer: null },
    { expires_ns: 0, interval_ns: 0, timer: null },
    { expires_ns: 0, interval_ns: 0, timer: null },
  ];
  /** Whoever else keeps per-process state with a lifetime (POSIX timers) is told at the end of the process. */
  readonly exit_callbacks = new Set<() => void>();

  /** Of threads that are gone. */
  utime_ns = 0;
  stime_ns = 0;
  sum_exec_runtime_ns = 0;
  min_flt = 0;
  maj_flt = 0;
  nvcsw = 0;
  nivcsw = 0;
  /** Of children waited for. */
  cutime_ns = 0;
  cstime_ns = 0;
  cmin_flt = 0;
  cmaj_flt = 0;
  cnvcsw = 0;
  cnivcsw = 0;
  maxrss_pages = 0;
  cmaxrss_pages = 0;

  oom_score_adj = 0;
  is_child_subreaper = false;
}

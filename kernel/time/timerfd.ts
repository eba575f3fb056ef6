/**
 * timerfd: a timer whose expirations are read from a file descriptor. Linux: fs/timerfd.c; man 2 timerfd_create.
 */
import type { File, FileOperations } from "../fs/file.ts";
import type { IovIter } from "../mm/iov_iter.ts";
import { WaitQueue, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, ECANCELED, EFAULT, EINVAL } from "../uapi/errno.ts";
import { O_NONBLOCK, O_RDWR } from "../uapi/fcntl.ts";
import { POLLIN } from "../uapi/poll.ts";
import * as C from "../uapi/time.ts";
import type { Timekeeping } from "./timekeeping.ts";
import type { Timer } from "./timer.ts";
import { fromNs, readItimer, toNs, writeItimer } from "./timespec.ts";

class TimerFd {
  expires_ns = 0;
  interval_ns = 0;
  timer: Timer | null = null;
  /** Expirations nobody has read. */
  ticks = 0;
  settime_flags = 0;
  /** The wall clock's jumps seen when the timer was set with TFD_TIMER_CANCEL_ON_SET. */
  seen_clock_set = 0;
  readonly wait = new WaitQueue();

  constructor(
    readonly time: Timekeeping,
    readonly clock: number,
  ) {}

  arm(): void {
    this.timer = this.time.startTimer(this.expires_ns, (now_ns) => {
      this.timer = null;
      this.ticks++;
      if (this.interval_ns > 0) {
        const missed = Math.floor((now_ns - this.expires_ns) / this.interval_ns);
        this.ticks += missed;
        this.expires_ns += (missed + 1) * this.interval_ns;
        this.arm();
      } else {
        this.expires_ns = 0;
      }
      this.wait.wakeUpAll();
    });
  }

  disarm(): void {
    if (this.timer) this.time.cancelTimer(this.timer);
    this.timer = null;
    this.expires_ns = 0;
  }

  get isCanceled(): boolean {
    return (
      (this.settime_flags & C.TFD_TIMER_CANCEL_ON_SET) !== 0 &&
      this.seen_clock_set !== this.time.clock_set_seq
    );
  }

  get remaining_ns(): number {
    return this.expires_ns === 0 ? 0 : Math.max(1, this.expires_ns - this.time.monotonic_ns());
  }
}

const timerOf = (file: File): TimerFd => file.private_data as TimerFd;

function* readTimerFd(task: Task, file: File, to: IovIter): Sleep<number> {
  const timer = timerOf(file);
  if (to.count < 8) return -EINVAL;
  while (timer.ticks === 0 && !timer.isCanceled) {
    if (file.f_flags & O_NONBLOCK) return -EAGAIN;
    const error = yield* timer.wait.wait(task, () => timer.ticks > 0 || timer.isCanceled);
    if (error) return error;
  }
  if (timer.isCanceled) {
    timer.seen_clock_set = timer.time.clock_set_seq;
    timer.ticks = 0;
    return -ECANCELED;
  }
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, timer.ticks % 2 ** 32, true);
  view.setUint32(4, Math.floor(timer.ticks / 2 ** 32), true);
  timer.ticks = 0;
  return to.copyTo(bytes) === 8 ? 8 : -EFAULT;
}

const timerfdOperations: FileOperations = {
  read: readTimerFd,
  poll(file, table) {
    const timer = timerOf(file);
    table?.wait(timer.wait);
    table?.wait(timer.time.clockWasSet);
    return timer.ticks > 0 || timer.isCanceled ? POLLIN : 0;
  },
  release: (file) => timerOf(file).disarm(),
  showFdinfo(file) {
    const { clock, ticks, settime_flags, remaining_ns, interval_ns } = timerOf(file);
    const pair = (ns: number) => {
      const { sec, nsec } = fromNs(ns);
      return `(${sec}, ${nsec})`;
    };
    return (
      `clockid: ${clock}\nticks: ${ticks}\nsettime flags: 0${settime_flags.toString(8)}\n` +
      `it_value: ${pair(remaining_ns)}\nit_interval: ${pair(interval_ns)}\n`
    );
  },
};

export function sys_timerfd_create(task: Task, clock: number, flags: number): number {
  if (flags & ~(C.TFD_CLOEXEC | C.TFD_NONBLOCK)) return -EINVAL;
  if (clock !== C.CLOCK_REALTIME && clock !== C.CLOCK_MONOTONIC && clock !== C.CLOCK_BOOTTIME) return -EINVAL;
  const timer = new TimerFd(task.kernel.time, clock);
  const file_flags = O_RDWR | (flags & C.TFD_NONBLOCK);
  const file = task.kernel.vfs.pseudo.anonFile("[timerfd]", timerfdOperations, file_flags, timer);
  return task.files.install(task, file, (flags & C.TFD_CLOEXEC) !== 0);
}

function timerFdOf(task: Task, fd: number): TimerFd | number {
  const file = task.files.get(fd);
  if (typeof file === "number") return file;
  return file.ops === timerfdOperations ? timerOf(file) : -EINVAL;
}

export function sys_timerfd_settime(
  task: Task,
  fd: number,
  flags: number,
  ptr: number,
  old_ptr: number,
): number {
  if (flags & ~(C.TFD_TIMER_ABSTIME | C.TFD_TIMER_CANCEL_ON_SET)) return -EINVAL;
  const wanted = readItimer(task, ptr, 1);
  if (typeof wanted === "number") return wanted;
  const timer = timerFdOf(task, fd);
  if (typeof timer === "number") return timer;
  const { time } = timer;
  const old_interval_ns = timer.interval_ns;
  const old_value_ns = timer.remaining_ns;
  timer.disarm();
  timer.ticks = 0;
  timer.settime_flags = flags;
  timer.seen_clock_set = time.clock_set_seq;
  timer.interval_ns = toNs(wanted.interval);
  const value_ns = toNs(wanted.value);
  if (value_ns > 0) {
    if (!(flags & C.TFD_TIMER_ABSTIME)) timer.expires_ns = time.monotonic_ns() + value_ns;
    else if (timer.clock === C.CLOCK_REALTIME)
      timer.expires_ns = Math.max(1, time.fromRealtime(wanted.value));
    else timer.expires_ns = value_ns;
    timer.arm();
  }
  if (old_ptr === 0) return 0;
  return writeItimer(task, old_ptr, 1, old_interval_ns, old_value_ns) ? -EFAULT : 0;
}

export function sys_timerfd_gettime(task: Task, fd: number, ptr: number): number {
  const timer = timerFdOf(task, fd);
  if (typeof timer === "number") return timer;
  return writeItimer(task, ptr, 1, timer.interval_ns, timer.remaining_ns) ? -EFAULT : 0;
}

/**
 * Task: one thread of execution, with everything it owns or shares. Linux: struct task_struct, include/linux/sched.h.
 *
 *      Task ──► mm        address space            shared by CLONE_VM
 *           ──► files     file descriptors         shared by CLONE_FILES
 *           ──► fs        root, cwd, umask         shared by CLONE_FS
 *           ──► sighand   signal actions           shared by CLONE_SIGHAND
 *           ──► signal    the process              shared by CLONE_THREAD
 *           ──► cred      identity
 *
 * Its kernel stack has two halves: pt_regs on top of a page of guest RAM, where the entry stubs put them, and
 * `kernelStack`, the suspended generators of a system call that sleeps.
 */
import type { PtRegs } from "../arch/x86/regs.ts";
import { ThreadStruct } from "../arch/x86/process.ts";
import type { FileTable } from "../fs/file_table.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mm/mm.ts";
import { SchedEntity } from "../sched/fair.ts";
import type { Sleep, WaitQueue } from "../sched/wait.ts";
import { SCHED_NORMAL } from "../uapi/sched.ts";
import { Cred } from "./cred.ts";
import type { FsStruct } from "./fs_struct.ts";
import { type Sighand, SigPending, type SignalStruct } from "./signal_struct.ts";
import { SigSet } from "./sigset.ts";
import type { UserStruct } from "./pid.ts";
import { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_WAKEKILL } from "./state.ts";
import { SIGKILL } from "../uapi/signal.ts";

export const TASK_COMM_LEN = 16;

/** Task.flags. Linux: include/linux/sched.h PF_*. */
export const PF_EXITING = 0x00000004;
export const PF_FORKNOEXEC = 0x00000040;
export const PF_SUPERPRIV = 0x00000100;
export const PF_DUMPCORE = 0x00000200;
export const PF_SIGNALED = 0x00000400;
export const PF_KTHREAD = 0x00200000;

/** How to go on with an interrupted call after SIGCONT and the like. Linux: struct restart_block. */
export type RestartBlock = (task: Task) => number | Sleep<number>;

export class Task {
  /** Thread id; the process's id is `tgid`. */
  pid = 0;
  tgid = 0;
  comm = "";
  state = TASK_RUNNING;
  /** 0, EXIT_ZOMBIE or EXIT_DEAD. */
  exit_state = 0;
  exit_code = 0;
  /** What the parent gets when this process ends; -1 for a thread that is no leader. */
  exit_signal = 0;
  flags = 0;

  /** Who gets SIGCHLD and may wait. */
  parent: Task = this;
  readonly children = new Set<Task>();
  group_leader: Task = this;

  cred = new Cred();
  user!: UserStruct;
  fs!: FsStruct;
  files!: FileTable;
  mm: Mm | null = null;
  signal!: SignalStruct;
  sighand!: Sighand;

  readonly blocked = new SigSet();
  /** What is blocked but for a sigtimedwait(2) under way: such signals are neither ignored nor fatal. */
  real_blocked: SigSet | null = null;
  /** Signals to this thread alone; the process's are in signal.shared_pending. */
  readonly pending = new SigPending();
  /** How long the words of the running call are: ABI_ bits (mm/user_words.ts). */
  syscall_abi = 0;
  /** The same of the call that `restart_block` goes on with. */
  restart_abi = 0;
  /** The same of the call that set `robust_list`. */
  robust_list_abi = 0;
  /** Something may be pending that is not blocked. Linux: TIF_SIGPENDING. */
  sigpending = false;
  /** What to restore after rt_sigsuspend, pselect and the like. Linux: saved_sigmask with TIF_RESTORE_SIGMASK. */
  saved_sigmask: SigSet | null = null;
  /** This thread has a group stop to take part in. Linux: JOBCTL_STOP_PENDING. */
  stop_pending = false;
  sas_ss_sp = 0;
  sas_ss_size = 0;
  sas_ss_flags = 2;
  pdeath_signal = 0;

  /** Scheduling. */
  readonly se = new SchedEntity(this);
  policy = SCHED_NORMAL;
  rt_priority = 0;
  /** 100-139; nice is static_prio - 120. */
  static_prio = 120;
  sched_reset_on_fork = false;
  timer_slack_ns = 50_000;
  /** Voluntary and involuntary context switches. */
  nvcsw = 0;
  nivcsw = 0;

  /** Nanoseconds since boot. */
  start_time_ns = 0;
  utime_ns = 0;
  stime_ns = 0;
  min_flt = 0;
  maj_flt = 0;
  /** /proc/PID/io. */
  rchar = 0;
  wchar = 0;
  syscr = 0;
  syscw = 0;

  /** The system call being executed, -1 in user mode; for /proc/PID/syscall and strace. */
  syscall_nr = -1;
  /** The suspended system call. */
  kernelStack: Sleep<number> | null = null;
  restart_block: RestartBlock | null = null;

  /** User addresses of the thread library. */
  set_child_tid = 0;
  clear_child_tid = 0;
  robust_list = 0;
  /** Who waits until this vfork child lets go of its parent's memory. */
  vfork_done: WaitQueue | null = null;

  personality = 0;
  no_new_privs = false;
  did_exec = false;

  /** Processor state that is not in pt_regs. */
  readonly thread = new ThreadStruct();
  /** Frame of the kernel stack; 0 for the idle task. */
  stack_pfn = 0;

  constructor(
    readonly kernel: Kernel,
    /** User registers as they were at kernel entry. */
    readonly regs: PtRegs,
  ) {}

  get nice(): number {
    return this.static_prio - 120;
  }

  /** Whether this thread stands for its process. */
  get isGroupLeader(): boolean {
    return this.group_leader === this;
  }

  get isKernelThread(): boolean {
    return (this.flags & PF_KTHREAD) !== 0;
  }

  /** Whether a signal waits to be handled. Linux: signal_pending(). */
  signalPending(): boolean {
    return this.sigpending;
  }

  /** Whether a pending signal ends a sleep in `state`. Linux: signal_pending_state(). */
  signalPendingState(state: number): boolean {
    if (!this.sigpending || !(state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL))) return false;
    return (state & TASK_INTERRUPTIBLE) !== 0 || this.fatalSignalPending();
  }

  /** Whether this task is about to die. Linux: fatal_signal_pending(). */
  fatalSignalPending(): boolean {
    return this.sigpending && this.pending.signal.has(SIGKILL);
  }
}

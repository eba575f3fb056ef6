/**
 * New tasks: fork, vfork, clone, clone3. Linux: kernel/fork.c copy_process(). man 2 clone.
 * Each thing a task owns is either shared with the parent or copied, as the flags say; a failure on the way gives
 * back what was taken.
 */
import { FXSAVE_SIZE, fpuArea, regsAddress, saveSegments } from "../arch/x86/process.ts";
import { PT_RAX, PtRegs } from "../arch/x86/regs.ts";
import { type ThreadArea, readThreadArea, selectorOf } from "../arch/x86/tls.ts";
import { isErr } from "../lib/err.ts";
import { TASK_SIZE, copyFromUser, putUser32 } from "../mm/usercopy.ts";
import { type Sleep, WaitQueue } from "../sched/wait.ts";
import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from "../uapi/capability.ts";
import { E2BIG, EAGAIN, EFAULT, EINVAL, EPERM } from "../uapi/errno.ts";
import { RLIMIT_NPROC } from "../uapi/resource.ts";
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_CLEAR_SIGHAND,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
  SCHED_NORMAL,
} from "../uapi/sched.ts";
import { SIGCHLD, SIG_DFL, SIG_IGN } from "../uapi/signal.ts";
import { capable } from "./cred.ts";
import { freeStack } from "./exit.ts";
import { recalcSigpending } from "./signal.ts";
import { SIGNAL_UNKILLABLE, SignalStruct } from "./signal_struct.ts";
import { PF_FORKNOEXEC, PF_SUPERPRIV, Task } from "./task.ts";
import type { Kernel } from "../kernel.ts";
import { ABI_IA32 } from "../mm/user_words.ts";

export interface CloneArgs {
  /** CLONE_ flags without the exit signal. */
  flags: number;
  exit_signal: number;
  /** New stack pointer, or 0 for the parent's. */
  stack: number;
  parent_tid: number;
  child_tid: number;
  tls: number;
  /** CLONE_SETTLS of an i386 program: what `tls` points to. */
  thread_area?: ThreadArea;
}

const NAMESPACE_FLAGS =
  (CLONE_NEWNS |
    CLONE_NEWCGROUP |
    CLONE_NEWUTS |
    CLONE_NEWIPC |
    CLONE_NEWUSER |
    CLONE_NEWPID |
    CLONE_NEWNET) >>>
  0;

/** Whether the combination makes sense: 0 or -EINVAL. */
function checkFlags(task: Task, flags: number): number {
  if (flags & NAMESPACE_FLAGS) return -EINVAL;
  if (flags & CLONE_PIDFD) return -EINVAL;
  if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) return -EINVAL;
  if (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) return -EINVAL;
  if (flags & CLONE_PARENT && task.signal.flags & SIGNAL_UNKILLABLE) return -EINVAL;
  return 0;
}

/** Thread slots that no process group gets which holds half of all. */
const RESERVED_THREADS = 32;

/** Whether there may be one more task. The last few are kept from whoever took all the others: one must be able to kill it. */
function mayAddThread(parent: Task): boolean {
  const { tasks } = parent.kernel;
  const left = tasks.max_threads - tasks.nr_threads;
  if (left > RESERVED_THREADS) return true;
  return left > 0 && tasks.pgrp(parent.signal.pgrp).size < tasks.nr_threads / 2;
}

/** A task with a kernel stack and nothing else, or -ENOMEM. */
export function allocTask(kernel: Kernel): Task | number {
  const { ram } = kernel.machine;
  const stack_pfn = kernel.pages.allocPage();
  if (stack_pfn < 0) return stack_pfn;
  kernel.pages.vmstat.nr_kernel_stack_kb += 4;
  const regs = new PtRegs(ram);
  regs.pa = regsAddress(stack_pfn);
  const task = new Task(kernel, regs);
  task.stack_pfn = stack_pfn;
  return task;
}

/** Makes a copy of `parent`, not yet running; the task or -errno. Linux: copy_process(). */
export function copyProcess(parent: Task, args: CloneArgs): Task | number {
  const { kernel } = parent;
  const { flags } = args;
  const error = checkFlags(parent, flags);
  if (error) return error;
  if (parent.signalPending() && parent.fatalSignalPending()) return -EAGAIN;
  const { user } = parent;
  const limit = parent.signal.rlimits[RLIMIT_NPROC].cur;
  if (user.nr_processes >= limit && user.uid !== 0) {
    if (!capable(parent, CAP_SYS_RESOURCE) && !capable(parent, CAP_SYS_ADMIN)) return -EAGAIN;
  }
  if (!mayAddThread(parent)) return -EAGAIN;
  const pid = kernel.tasks.allocPid();
  if (pid < 0) return pid;
  const child = allocTask(kernel);
  if (isErr(child)) return child;

  if (flags & CLONE_VM || parent.mm === null) {
    child.mm = parent.mm;
    if (child.mm) child.mm.users++;
  } else {
    const mm = parent.mm.clone();
    if (isErr(mm)) {
      freeStack(child);
      return mm;
    }
    child.mm = mm;
  }
  child.cred = parent.cred;
  child.user = user;
  user.nr_processes++;
  if (flags & CLONE_FS) {
    child.fs = parent.fs;
    child.fs.users++;
  } else {
    child.fs = parent.fs.clone();
  }
  child.files = flags & CLONE_FILES ? parent.files.share() : parent.files.clone();
  copySighand(parent, child, args);
  copySignal(parent, child, flags);
  copyThread(parent, child, args);
  copySched(parent, child);

  child.pid = pid;
  child.comm = parent.comm;
  child.personality = parent.personality;
  child.no_new_privs = parent.no_new_privs;
  child.timer_slack_ns = parent.timer_slack_ns;
  child.flags = (parent.flags & ~PF_SUPERPRIV) | PF_FORKNOEXEC;
  child.blocked.assign(parent.blocked);
  child.start_time_ns = kernel.time.monotonic_ns();
  child.clear_child_tid = flags & CLONE_CHILD_CLEARTID ? args.child_tid : 0;
  child.set_child_tid = flags & CLONE_CHILD_SETTID ? args.child_tid : 0;
  if ((flags & (CLONE_VM | CLONE_VFORK)) !== CLONE_VM) {
    child.sas_ss_sp = parent.sas_ss_sp;
    child.sas_ss_size = parent.sas_ss_size;
    child.sas_ss_flags = parent.sas_ss_flags;
  }
  link(parent, child, args);
  recalcSigpending(child);
  if (flags & CLONE_PARENT_SETTID) putUser32(parent, args.parent_tid, pid);
  if (child.set_child_tid) putUser32(child, child.set_child_tid, pid);
  return child;
}

function copySighand(parent: Task, child: Task, args: CloneArgs): void {
  if (args.flags & CLONE_SIGHAND) {
    child.sighand = parent.sighand;
    child.sighand.users++;
    return;
  }
  child.sighand = parent.sighand.clone();
  if (args.flags >= CLONE_CLEAR_SIGHAND) {
    for (const action of child.sighand.action) if (action.handler !== SIG_IGN) action.handler = SIG_DFL;
  }
}

function copySignal(parent: Task, child: Task, flags: number): void {
  if (flags & CLONE_THREAD) {
    child.signal = parent.signal;
    return;
  }
  const signal = new SignalStruct();
  const { signal: old } = parent;
  signal.pgrp = old.pgrp;
  signal.session = old.session;
  signal.tty = old.tty;
  signal.rlimits = old.rlimits.slice();
  signal.oom_score_adj = old.oom_score_adj;
  child.signal = signal;
}

/** Registers: the child returns 0 from the same call. Linux: copy_thread(). */
function copyThread(parent: Task, child: Task, args: CloneArgs): void {
  const { ram, cpu } = parent.kernel.machine;
  child.regs.copyFrom(parent.regs);
  child.regs.set(PT_RAX, 0);
  if (args.stack) child.regs.rsp = args.stack;
  cpu.fxsave(fpuArea(parent));
  ram.copy(fpuArea(child), fpuArea(parent), FXSAVE_SIZE);
  const { thread } = child;
  saveSegments(parent.kernel.machine, thread);
  thread.tls = parent.thread.tls.slice();
  const { thread_area } = args;
  if (thread_area) {
    thread.tls[thread_area.slot] = thread_area.descriptor;
    if (thread.gs === selectorOf(thread_area.slot)) thread.gsbase = thread_area.base;
    if (thread.fs === selectorOf(thread_area.slot)) thread.fsbase = thread_area.base;
  } else if (args.flags & CLONE_SETTLS) {
    thread.fsbase = args.tls;
  }
}

/** Linux: sched_fork(). */
function copySched(parent: Task, child: Task): void {
  child.policy = parent.policy;
  child.rt_priority = parent.rt_priority;
  child.static_prio = parent.static_prio;
  if (!parent.sched_reset_on_fork) return;
  if (parent.rt_priority > 0) child.policy = SCHED_NORMAL;
  child.rt_priority = 0;
  if (child.static_prio < 120) child.static_prio = 120;
}

/** Parents, siblings, tables. */
function link(parent: Task, child: Task, args: CloneArgs): void {
  const { tasks } = parent.kernel;
  if (args.flags & CLONE_THREAD) {
    child.tgid = parent.tgid;
    child.group_leader = parent.group_leader;
    child.exit_signal = -1;
    child.parent = parent.parent;
  } else {
    child.tgid = child.pid;
    child.group_leader = child;
    child.exit_signal = args.flags & CLONE_PARENT ? parent.group_leader.exit_signal : args.exit_signal;
    child.parent = args.flags & CLONE_PARENT ? parent.parent : parent;
    child.parent.children.add(child);
  }
  child.signal.threads.push(child);
  tasks.attach(child);
}

/** Makes the child, lets it run, and for vfork waits until it is done with the parent's memory. Linux: kernel_clone(). */
export function clone(task: Task, args: CloneArgs): number | Sleep<number> {
  if (args.flags & CLONE_SETTLS && task.syscall_abi & ABI_IA32) {
    const area = readThreadArea(task, args.tls);
    if (typeof area === "number") return area;
    args = { ...args, thread_area: area };
  }
  const child = copyProcess(task, args);
  if (isErr(child)) return child;
  const { pid } = child;
  const isVfork = (args.flags & CLONE_VFORK) !== 0;
  const done = isVfork ? new WaitQueue() : null;
  child.vfork_done = done;
  task.kernel.sched.wakeUpNewTask(child);
  return done ? waitForVfork(task, child, pid, done) : pid;
}

function* waitForVfork(task: Task, child: Task, pid: number, queue: WaitQueue): Sleep<number> {
  task.kernel.sched.setNeedResched();
  yield* queue.waitKillable(task, () => child.vfork_done === null);
  return pid;
}

/** man 2 fork. */
export function sys_fork(task: Task): number | Sleep<number> {
  return clone(task, { flags: 0, exit_signal: SIGCHLD, stack: 0, parent_tid: 0, child_tid: 0, tls: 0 });
}

/** man 2 vfork. */
export function sys_vfork(task: Task): number | Sleep<number> {
  const flags = CLONE_VFORK | CLONE_VM;
  return clone(task, { flags, exit_signal: SIGCHLD, stack: 0, parent_tid: 0, child_tid: 0, tls: 0 });
}

/** man 2 clone, with x86-64's order of arguments. */
export function sys_clone(
  task: Task,
  clone_flags: number,
  stack: number,
  parent_tid: number,
  child_tid: number,
  tls: number,
): number | Sleep<number> {
  const flags = (clone_flags & ~CSIGNAL & ~CLONE_DETACHED) >>> 0;
  if (flags & CLONE_SETTLS && (tls < 0 || tls >= TASK_SIZE)) return -EPERM;
  return clone(task, { flags, exit_signal: clone_flags & CSIGNAL, stack, parent_tid, child_tid, tls });
}

const CLONE_ARGS_SIZE_VER0 = 64;
const CLONE_ARGS_SIZE_VER2 = 88;

/** man 2 clone3. */
export function sys_clone3(task: Task, uargs: number, size: number): number | Sleep<number> {
  if (size > 4096) return -E2BIG;
  if (size < CLONE_ARGS_SIZE_VER0) return -EINVAL;
  const bytes = new Uint8Array(Math.max(size, CLONE_ARGS_SIZE_VER2));
  if (copyFromUser(task, uargs, bytes.subarray(0, size)) < 0) return -EFAULT;
  for (let i = CLONE_ARGS_SIZE_VER2; i < size; i++) if (bytes[i] !== 0) return -E2BIG;
  const view = new DataView(bytes.buffer);
  const field = (index: number): number =>
    view.getUint32(index * 8 + 4, true) * 2 ** 32 + view.getUint32(index * 8, true);
  const [flags, , child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup] =
    Array.from({ length: 11 }, (_, index) => field(index));
  if (set_tid || set_tid_size || cgroup || flags >= 2 * CLONE_CLEAR_SIGHAND) return -EINVAL;
  if (flags & (CLONE_DETACHED | CSIGNAL)) return -EINVAL;
  if (flags & CLONE_SIGHAND && flags >= CLONE_CLEAR_SIGHAND) return -EINVAL;
  if (flags & (CLONE_THREAD | CLONE_PARENT) && exit_signal) return -EINVAL;
  if (exit_signal > 64 || (stack === 0) !== (stack_size === 0)) return -EINVAL;
  if (stack && stack + stack_size > TASK_SIZE) return -EINVAL;
  if (flags & CLONE_SETTLS && tls >= TASK_SIZE) return -EPERM;
  return clone(task, { flags, exit_signal, stack: stack + stack_size, parent_tid, child_tid, tls });
}

/** man 2 set_tid_address. */
export function sys_set_tid_address(task: Task, tidptr: number): number {
  task.clear_child_tid = tidptr;
  return task.pid;
}

/** man 2 unshare: what can be unshared without namespaces. */
export function sys_unshare(task: Task, flags: number): number {
  if (flags & NAMESPACE_FLAGS) return -EINVAL;
  if (flags & ~(CLONE_FS | CLONE_FILES | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) return -EINVAL;
  if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) && task.signal.threads.length > 1) return -EINVAL;
  if (flags & CLONE_FS && task.fs.users > 1) {
    const fs = task.fs.clone();
    task.fs.users--;
    task.fs = fs;
  }
  if (flags & CLONE_FILES && task.files.isShared) {
    const files = task.files.clone();
    task.files.release(task);
    task.files = files;
  }
  return 0;
}

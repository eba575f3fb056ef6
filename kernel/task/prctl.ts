/** prctl, personality, sysinfo, getcpu and other small calls about the caller. Linux: kernel/sys.c. */
import { copyToUser, latin1Bytes, putUser32, putUser64, readUserString } from "../mm/usercopy.ts";
import { PAGE_SIZE } from "../mm/page_alloc.ts";
import { encodeWords, wordSize } from "../mm/user_words.ts";
import { CAP_LAST_CAP, CAP_SETPCAP } from "../uapi/capability.ts";
import { EFAULT, EINVAL, EPERM } from "../uapi/errno.ts";
import * as PR from "../uapi/prctl.ts";
import { NSIG } from "../uapi/signal.ts";
import { CapSet, capable } from "./cred.ts";
import { TASK_COMM_LEN, type Task } from "./task.ts";

const DEFAULT_TIMER_SLACK_NS = 50_000;
const PR_TSC_ENABLE = 1;
const PR_CAP_AMBIENT_IS_SET = 1;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_LOWER = 3;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** man 2 prctl. */
export function sys_prctl(
  task: Task,
  option: number,
  arg2: number,
  arg3: number,
  arg4: number,
  arg5: number,
): number {
  const { signal } = task;
  switch (option) {
    case PR.PR_SET_PDEATHSIG:
      if (arg2 < 0 || arg2 > NSIG) return -EINVAL;
      task.pdeath_signal = arg2;
      return 0;
    case PR.PR_GET_PDEATHSIG:
      return putUser32(task, arg2, task.pdeath_signal);
    case PR.PR_GET_DUMPABLE:
      return task.mm?.dumpable ?? 0;
    case PR.PR_SET_DUMPABLE:
      if (arg2 !== 0 && arg2 !== 1) return -EINVAL;
      if (task.mm) task.mm.dumpable = arg2;
      return 0;
    case PR.PR_GET_KEEPCAPS:
      return (task.cred.securebits >> 4) & 1;
    case PR.PR_SET_KEEPCAPS: {
      if (arg2 !== 0 && arg2 !== 1) return -EINVAL;
      const cred = task.cred.clone();
      cred.securebits = (cred.securebits & ~0x10) | (arg2 << 4);
      task.cred = cred;
      return 0;
    }
    case PR.PR_GET_TIMING:
      return 0;
    case PR.PR_SET_TIMING:
      return arg2 === 0 ? 0 : -EINVAL;
    case PR.PR_SET_NAME: {
      const name = readUserString(task, arg2, TASK_COMM_LEN - 1);
      if (typeof name === "number") return name;
      task.comm = name;
      return 0;
    }
    case PR.PR_GET_NAME: {
      const bytes = new Uint8Array(TASK_COMM_LEN);
      bytes.set(latin1Bytes(task.comm.slice(0, TASK_COMM_LEN - 1)));
      return copyToUser(task, arg2, bytes);
    }
    case PR.PR_CAPBSET_READ:
      return arg2 < 0 || arg2 > CAP_LAST_CAP ? -EINVAL : Number(task.cred.cap_bset.has(arg2));
    case PR.PR_CAPBSET_DROP: {
      if (arg2 < 0 || arg2 > CAP_LAST_CAP) return -EINVAL;
      if (!capable(task, CAP_SETPCAP)) return -EPERM;
      const cred = task.cred.clone();
      cred.cap_bset = cred.cap_bset.without(arg2);
      task.cred = cred;
      return 0;
    }
    case PR.PR_GET_TSC:
      return putUser32(task, arg2, PR_TSC_ENABLE);
    case PR.PR_GET_SECUREBITS:
      return task.cred.securebits;
    case PR.PR_SET_TIMERSLACK:
      task.timer_slack_ns = arg2 <= 0 ? DEFAULT_TIMER_SLACK_NS : arg2;
      return 0;
    case PR.PR_GET_TIMERSLACK:
      return task.timer_slack_ns;
    case PR.PR_SET_CHILD_SUBREAPER:
      signal.is_child_subreaper = arg2 !== 0;
      return 0;
    case PR.PR_GET_CHILD_SUBREAPER:
      return putUser32(task, arg2, Number(signal.is_child_subreaper));
    case PR.PR_SET_NO_NEW_PRIVS:
      if (arg2 !== 1 || arg3 || arg4 || arg5) return -EINVAL;
      task.no_new_privs = true;
      return 0;
    case PR.PR_GET_NO_NEW_PRIVS:
      return arg2 || arg3 || arg4 || arg5 ? -EINVAL : Number(task.no_new_privs);
    case PR.PR_GET_TID_ADDRESS:
      return putUser64(task, arg2, task.clear_child_tid);
    case PR.PR_CAP_AMBIENT:
      return ambient(task, arg2, arg3, arg4, arg5);
    default:
      return -EINVAL;
  }
}

function ambient(task: Task, operation: number, cap: number, arg4: number, arg5: number): number {
  if (arg4 || arg5) return -EINVAL;
  const cred = task.cred.clone();
  if (operation === PR_CAP_AMBIENT_CLEAR_ALL) {
    if (cap) return -EINVAL;
    cred.cap_ambient = CapSet.EMPTY;
    task.cred = cred;
    return 0;
  }
  if (cap < 0 || cap > CAP_LAST_CAP) return -EINVAL;
  if (operation === PR_CAP_AMBIENT_IS_SET) return Number(cred.cap_ambient.has(cap));
  if (operation === PR_CAP_AMBIENT_LOWER) {
    cred.cap_ambient = cred.cap_ambient.without(cap);
  } else if (operation === PR_CAP_AMBIENT_RAISE) {
    if (!cred.cap_permitted.has(cap) || !cred.cap_inheritable.has(cap)) return -EPERM;
    const one = cap < 32 ? new CapSet(1 << cap, 0) : new CapSet(0, 1 << (cap - 32));
    cred.cap_ambient = cred.cap_ambient.union(one);
  } else {
    return -EINVAL;
  }
  task.cred = cred;
  return 0;
}

/** man 2 personality: only the flags that change the layout have an effect. */
export function sys_personality(task: Task, persona: number): number {
  const old = task.personality;
  if (persona !== 0xffff_ffff) task.personality = persona >>> 0;
  return old;
}

/** man 2 sysinfo. */
export function sys_sysinfo(task: Task, info: number): number {
  const { kernel } = task;
  const { pages } = kernel;
  const size = wordSize(task);
  const ram = [pages.totalram_pages, pages.nr_free, pages.vmstat.nr_shmem].map((nr) => nr * PAGE_SIZE);
  // A count of bytes that its words cannot hold is told in pages. Linux: do_sysinfo(), COMPAT_SYSCALL_DEFINE1(sysinfo).
  const mem_unit = size === 4 && ram[0] >= 2 ** 32 ? PAGE_SIZE : 1;
  const words = [
    Math.ceil(kernel.time.monotonic_ns() / 1e9),
    ...kernel.sched.loadavg.forSysinfo(),
    ...ram.map((bytes) => bytes / mem_unit),
    ...[0, 0, 0],
    Math.min(kernel.tasks.nr_threads, 0xffff),
    ...[0, 0],
  ];
  const bytes = new Uint8Array(size === 4 ? 64 : 112);
  bytes.set(encodeWords(words, size));
  new DataView(bytes.buffer).setUint32(words.length * size, mem_unit, true);
  return copyToUser(task, info, bytes);
}

/** man 2 getcpu: there is one. */
export function sys_getcpu(task: Task, cpu: number, node: number): number {
  if (cpu !== 0 && putUser32(task, cpu, 0) < 0) return -EFAULT;
  if (node !== 0 && putUser32(task, node, 0) < 0) return -EFAULT;
  return 0;
}

/** Who am I: process, group and session ids. Linux: kernel/sys.c. man 2 getpid, setpgid, setsid. */
import { EACCES, EINVAL, EPERM, ESRCH } from "../uapi/errno.ts";
import type { Task } from "./task.ts";

export const sys_getpid = (task: Task): number => task.tgid;
export const sys_gettid = (task: Task): number => task.pid;
export const sys_getppid = (task: Task): number => task.group_leader.parent.tgid;

/** The process a call names: 0 is the caller. */
function processOf(task: Task, pid: number): Task | undefined {
  return pid === 0 ? task.group_leader : task.kernel.tasks.find(pid);
}

/** man 2 setpgid. */
export function sys_setpgid(task: Task, pid: number, pgid: number): number {
  const { tasks } = task.kernel;
  const leader = task.group_leader;
  if (pgid < 0) return -EINVAL;
  const target = pid === 0 ? leader : tasks.find(pid);
  if (!target) return -ESRCH;
  if (!target.isGroupLeader) return -EINVAL;
  if (target.parent.signal === task.signal && target !== leader) {
    if (target.signal.session !== task.signal.session) return -EPERM;
    if (target.did_exec) return -EACCES;
  } else if (target !== leader) {
    return -ESRCH;
  }
  if (target.signal.leader) return -EPERM;
  const wanted = pgid === 0 ? target.pid : pgid;
  if (wanted !== target.pid) {
    const [member] = tasks.pgrp(wanted);
    if (!member || member.signal.session !== task.signal.session) return -EPERM;
  }
  if (target.signal.pgrp !== wanted) tasks.setPgrp(target, wanted);
  return 0;
}

/** man 2 getpgid. */
export function sys_getpgid(task: Task, pid: number): number {
  return processOf(task, pid)?.signal.pgrp ?? -ESRCH;
}

export const sys_getpgrp = (task: Task): number => task.signal.pgrp;

/** man 2 getsid. */
export function sys_getsid(task: Task, pid: number): number {
  return processOf(task, pid)?.signal.session ?? -ESRCH;
}

/** man 2 setsid. */
export function sys_setsid(task: Task): number {
  const { tasks } = task.kernel;
  const leader = task.group_leader;
  const { signal } = leader;
  if (signal.leader || tasks.pgrp(leader.pid).size > 0) return -EPERM;
  signal.leader = true;
  tasks.setSession(leader, leader.pid);
  tasks.setPgrp(leader, leader.pid);
  signal.tty = null;
  signal.tty_old_pgrp = 0;
  return leader.pid;
}

/**
 * Process ids, and every task by id, process group and session. Linux: kernel/pid.c, kernel/sys.c (setpgid, setsid).
 * One number space serves threads, processes, groups and sessions: an id is free when none of them uses it.
 */
import type { Task } from "./task.ts";
import { EAGAIN } from "../uapi/errno.ts";

/** After the first round ids start here. Linux: RESERVED_PIDS. */
export const RESERVED_PIDS = 300;

/** Per-user accounts. Linux: struct user_struct. */
export class UserStruct {
  /** Tasks of this real uid; RLIMIT_NPROC bounds it. */
  nr_processes = 0;
  /** Queued signals; RLIMIT_SIGPENDING bounds it. */
  nr_sigpending = 0;
  constructor(readonly uid: number) {}
}

export class TaskTable {
  /** Linux: /proc/sys/kernel/pid_max. */
  pid_max = 32768;
  /** Most threads in the system, from the amount of memory. Linux: max_threads. */
  max_threads = 1024;
  last_pid = 0;
  /** Tasks created since boot ("processes" in /proc/stat). */
  total_forks = 0;

  readonly #byPid = new Map<number, Task>();
  readonly #pgrps = new Map<number, Set<Task>>();
  readonly #sessions = new Map<number, Set<Task>>();
  readonly #users = new Map<number, UserStruct>();

  /** The task with this thread id. */
  find(pid: number): Task | undefined {
    return this.#byPid.get(pid);
  }

  /** The leader of the process with this id, alive or a zombie. */
  findProcess(tgid: number): Task | undefined {
    const task = this.#byPid.get(tgid);
    return task?.isGroupLeader ? task : undefined;
  }

  /** Every thread, in order of creation. The idle task is not among them. */
  threads(): IterableIterator<Task> {
    return this.#byPid.values();
  }

  /** Every process (its leader), ascending by pid. */
  processes(): Task[] {
    const leaders: Task[] = [];
    for (const task of this.#byPid.values()) if (task.isGroupLeader) leaders.push(task);
    return leaders.sort((a, b) => a.pid - b.pid);
  }

  get nr_threads(): number {
    return this.#byPid.size;
  }

  /** Leaders of the processes in a group; empty if there is no such group. */
  pgrp(id: number): ReadonlySet<Task> {
    return this.#pgrps.get(id) ?? NOBODY;
  }

  session(id: number): ReadonlySet<Task> {
    return this.#sessions.get(id) ?? NOBODY;
  }

  user(uid: number): UserStruct {
    let user = this.#users.get(uid);
    if (!user) this.#users.set(uid, (user = new UserStruct(uid)));
    return user;
  }

  /** A free id, or -EAGAIN. Linux: alloc_pid(). */
  allocPid(): number {
    let pid = this.last_pid;
    for (let tries = 0; tries < this.pid_max; tries++) {
      if (++pid >= this.pid_max) pid = RESERVED_PIDS;
      if (this.#byPid.has(pid) || this.#pgrps.has(pid) || this.#sessions.has(pid)) continue;
      this.last_pid = pid;
      return pid;
    }
    return -EAGAIN;
  }

  /** Enters a new task; its pid, signal.pgrp and signal.session are set. */
  attach(task: Task): void {
    this.#byPid.set(task.pid, task);
    this.total_forks++;
    if (!task.isGroupLeader) return;
    enter(this.#pgrps, task.signal.pgrp, task);
    enter(this.#sessions, task.signal.session, task);
  }

  /** Removes a reaped task. */
  detach(task: Task): void {
    this.#byPid.delete(task.pid);
    if (!task.isGroupLeader) return;
    leave(this.#pgrps, task.signal.pgrp, task);
    leave(this.#sessions, task.signal.session, task);
  }

  /** exec by a thread that is no leader: `task` takes over the leader's id. Linux: exchange_tids(). */
  replaceLeader(old_leader: Task, task: Task): void {
    this.detach(old_leader);
    this.#byPid.delete(task.pid);
    task.pid = old_leader.pid;
    task.group_leader = task;
    this.#byPid.set(task.pid, task);
    enter(this.#pgrps, task.signal.pgrp, task);
    enter(this.#sessions, task.signal.session, task);
  }

  setPgrp(leader: Task, pgrp: number): void {
    leave(this.#pgrps, leader.signal.pgrp, leader);
    leader.signal.pgrp = pgrp;
    enter(this.#pgrps, pgrp, leader);
  }

  setSession(leader: Task, session: number): void {
    leave(this.#sessions, leader.signal.session, leader);
    leader.signal.session = session;
    enter(this.#sessions, session, leader);
  }
}

const NOBODY: ReadonlySet<Task> = new Set();

function enter(map: Map<number, Set<Task>>, id: number, task: Task): void {
  const set = map.get(id);
  if (set) set.add(task);
  else map.set(id, new Set([task]));
}

function leave(map: Map<number, Set<Task>>, id: number, task: Task): void {
  const set = map.get(id);
  set?.delete(task);
  if (set?.size === 0) map.delete(id);
}

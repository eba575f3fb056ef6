/**
 * execve: a new program in the same process. Linux: fs/exec.c.
 *
 *     open ─► argument strings ─► first 256 bytes ─► binfmt_script (again with the interpreter) or binfmt_elf
 *                                                     └► beginNewExec: the point of no return
 *
 * A handler answers -ENOEXEC for files it does not know. Before the point of no return an error goes back to the
 * caller; after it the process can only die, with SIGSEGV as on Linux.
 */
import { flushThread } from "../arch/x86/process.ts";
import type { File } from "../fs/file.ts";
import { MNT_NOSUID } from "../fs/mount.ts";
import { isErr } from "../lib/err.ts";
import { Mm } from "../mm/mm.ts";
import { pickMmapLayout } from "../mm/mmap.ts";
import { readPointer, wordSize } from "../mm/user_words.ts";
import { readUserString } from "../mm/usercopy.ts";
import type { Sleep } from "../sched/wait.ts";
import { KEEP_RAX } from "../syscall/dispatch.ts";
import { AT_FDCWD } from "../uapi/fcntl.ts";
import { E2BIG, EAGAIN, EFAULT, EINTR, ELOOP, ENAMETOOLONG, ENOENT, ENOEXEC } from "../uapi/errno.ts";
import { RLIMIT_NPROC, RLIMIT_STACK } from "../uapi/resource.ts";
import { SIGCHLD, SIGSEGV, SIG_DFL, SIG_IGN } from "../uapi/signal.ts";
import { loadElfBinary } from "./binfmt_elf.ts";
import { loadScript } from "./binfmt_script.ts";
import { CapSet, type Cred } from "./cred.ts";
import { exitMm, releaseTask } from "./exit.ts";
import { forceFatalSignal, killOtherThreads } from "./signal.ts";
import { PF_FORKNOEXEC, PF_SUPERPRIV, TASK_COMM_LEN, type Task } from "./task.ts";
import { TASK_KILLABLE, TASK_RUNNING } from "./state.ts";

/** Longest single argument, bytes with its null. Linux: MAX_ARG_STRLEN. */
const MAX_ARG_STRLEN = 32 * 4096;
/** Most arguments. Linux: MAX_ARG_STRINGS. */
const MAX_ARG_STRINGS = 0x7fffffff;
const PATH_MAX = 4096;
/** Bytes of the file that decide what it is. Linux: BINPRM_BUF_SIZE. */
export const BINPRM_BUF_SIZE = 256;
/** Scripts whose interpreter is a script... Linux: exec_binprm(). */
const MAX_INTERPRETERS = 5;
const SECURE_KEEP_CAPS = 1 << 4;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;

/** A program being loaded. Linux: struct linux_binprm. */
export class Binprm {
  /** First bytes of `file`, zero-filled. */
  buf = new Uint8Array(BINPRM_BUF_SIZE);
  /** The binary, in the end; `filename` stays what the caller named. */
  interp: string;
  /** A script's interpreter to go on with. */
  interpreter: File | null = null;
  point_of_no_return = false;
  /** The new identity. */
  cred: Cred;
  secureexec = false;
  /** The new address space, from beginNewExec on. */
  mm!: Mm;

  constructor(
    public file: File,
    readonly filename: string,
    public argv: string[],
    readonly envp: string[],
    task: Task,
  ) {
    this.interp = filename;
    this.cred = task.cred.clone();
  }
}

/** The strings of a user's null-terminated array of pointers; -EFAULT, -E2BIG. */
export function readStringArray(task: Task, ptr: number, limit_bytes: number): string[] | number {
  const strings: string[] = [];
  if (ptr === 0) return strings;
  let total = 0;
  for (let i = 0; ; i++) {
    const va = readPointer(task, ptr + i * wordSize(task));
    if (va === null) return -EFAULT;
    if (va === 0) return strings;
    if (i >= MAX_ARG_STRINGS || total > limit_bytes) return -E2BIG;
    if (task.fatalSignalPending()) return -EINTR;
    const text = readUserString(task, va, MAX_ARG_STRLEN);
    if (typeof text === "number") return text;
    if (text.length >= MAX_ARG_STRLEN) return -E2BIG;
    total += text.length + 1 + 8;
    strings.push(text);
  }
}

/** Bytes that arguments and environment may take, pointers included. Linux: bprm_stack_limits(). */
export function argLimit(task: Task): number {
  const three_quarters_of_stack = (8 * 1024 * 1024 * 3) / 4;
  return Math.max(
    Math.min(three_quarters_of_stack, task.signal.rlimits[RLIMIT_STACK].cur / 4),
    MAX_ARG_STRLEN,
  );
}

/** Replaces the program of the running task. 0, or -errno with the old program intact. Linux: do_execveat_common(). */
export function* doExecve(
  task: Task,
  filename: string,
  argv: string[],
  envp: string[],
  dirfd = AT_FDCWD,
  flags = 0,
): Sleep<number> {
  const nproc = task.signal.rlimits[RLIMIT_NPROC].cur;
  if (task.user.nr_processes > nproc && task.user.uid !== 0 && !task.did_exec) return -EAGAIN;
  const file = yield* task.kernel.vfs.openExec(task, filename, dirfd, flags);
  if (isErr(file)) return file;
  let shown = filename;
  if (dirfd !== AT_FDCWD && !filename.startsWith("/")) {
    shown = filename === "" ? `/dev/fd/${dirfd}` : `/dev/fd/${dirfd}/${filename}`;
  }
  const bprm = new Binprm(file, shown, argv.length > 0 ? argv : [""], envp, task);
  const result = yield* execBinprm(task, bprm);
  bprm.file.put();
  bprm.interpreter?.put();
  if (result >= 0) return 0;
  if (bprm.point_of_no_return && !task.fatalSignalPending()) forceFatalSignal(task, SIGSEGV);
  return result;
}

function* execBinprm(task: Task, bprm: Binprm): Sleep<number> {
  for (let depth = 0; ; depth++) {
    if (depth > MAX_INTERPRETERS) return -ELOOP;
    const limit = checkArgSize(task, bprm);
    if (limit < 0) return limit;
    const head = yield* task.kernel.vfs.kernelRead(task, bprm.file, 0, BINPRM_BUF_SIZE);
    if (typeof head === "number") return head;
    bprm.buf = new Uint8Array(BINPRM_BUF_SIZE);
    bprm.buf.set(head);
    fillUid(task, bprm);
    let result = yield* loadScript(task, bprm);
    if (result === -ENOEXEC) result = yield* loadElfBinary(task, bprm);
    if (result < 0) return result;
    if (!bprm.interpreter) return 0;
    bprm.file.put();
    bprm.file = bprm.interpreter;
    bprm.interpreter = null;
  }
}

/** 0 or -E2BIG. */
function checkArgSize(task: Task, bprm: Binprm): number {
  let total = bprm.filename.length + 1;
  for (const text of bprm.argv) total += text.length + 1 + 8;
  for (const text of bprm.envp) total += text.length + 1 + 8;
  return total > argLimit(task) ? -E2BIG : 0;
}

/** Set-user-ID and set-group-ID files change the identity. Linux: bprm_fill_uid(). */
function fillUid(task: Task, bprm: Binprm): void {
  const { inode, path } = bprm.file;
  const cred = task.cred.clone();
  bprm.cred = cred;
  if (path.mnt.flags & MNT_NOSUID || task.no_new_privs) return;
  if (inode.mode & S_ISUID) cred.euid = inode.uid;
  if ((inode.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) cred.egid = inode.gid;
}

/** Capabilities of the new program without file capabilities: root has all. Linux: cap_bprm_creds_from_file(). */
function computeCaps(task: Task, bprm: Binprm): void {
  const { cred } = bprm;
  const old = task.cred;
  cred.securebits &= ~SECURE_KEEP_CAPS;
  const becomesOther = cred.euid !== old.uid || cred.egid !== old.gid;
  cred.suid = cred.fsuid = cred.euid;
  cred.sgid = cred.fsgid = cred.egid;
  if (cred.euid === 0 || cred.uid === 0) {
    cred.cap_permitted = cred.cap_bset.union(cred.cap_inheritable);
    cred.cap_effective = cred.euid === 0 ? cred.cap_permitted : CapSet.EMPTY;
  } else {
    cred.cap_permitted = cred.cap_ambient;
    cred.cap_effective = cred.cap_ambient;
  }
  bprm.secureexec = becomesOther && (cred.euid !== cred.uid || cred.egid !== cred.gid);
}

/**
 * The point of no return: other threads end, the old memory goes, the new one is `bprm.mm`. Linux: begin_new_exec().
 */
export function* beginNewExec(task: Task, bprm: Binprm, task_size: number): Sleep<number> {
  const { kernel } = task;
  computeCaps(task, bprm);
  const mm = Mm.create(kernel);
  if (isErr(mm)) return mm;
  const error = yield* killThreads(task);
  if (error < 0) {
    mm.put();
    return error;
  }
  bprm.point_of_no_return = true;
  mm.task_size = task_size;
  pickMmapLayout(task, mm);
  mm.exe_file = bprm.file.get();
  bprm.mm = mm;
  exitMm(task);
  task.mm = mm;
  kernel.entry.switchMm(task);

  if (task.files.isShared) {
    const files = task.files.clone();
    task.files.release(task);
    task.files = files;
  }
  if (task.sighand.users > 1) {
    task.sighand.users--;
    task.sighand = task.sighand.clone();
  }
  for (const action of task.sighand.action) {
    if (action.handler !== SIG_IGN) action.handler = SIG_DFL;
    action.flags = 0;
    action.restorer = 0;
    action.mask.clear();
  }
  task.files.closeOnExec(task);
  task.sas_ss_sp = 0;
  task.sas_ss_size = 0;
  task.flags &= ~(PF_FORKNOEXEC | PF_SUPERPRIV);
  task.did_exec = true;
  task.robust_list = 0;
  task.comm = bprm.filename.slice(bprm.filename.lastIndexOf("/") + 1).slice(0, TASK_COMM_LEN - 1);
  task.exit_signal = SIGCHLD;
  task.restart_block = null;
  mm.dumpable = bprm.secureexec || bprm.cred.euid !== bprm.cred.uid ? 0 : 1;
  if (bprm.cred.euid !== task.cred.euid) task.pdeath_signal = 0;
  task.cred = bprm.cred;
  flushThread(kernel.machine, task);
  return 0;
}

/** Ends the other threads and waits for them; the caller becomes the leader. Linux: de_thread(). */
function* killThreads(task: Task): Sleep<number> {
  const { signal, kernel } = task;
  if (signal.threads.length > 1) {
    if (signal.group_exec_task || signal.flags & 0x04) return -EAGAIN;
    signal.group_exec_task = task;
    killOtherThreads(task, task);
    while (signal.threads.some((thread) => thread !== task && thread.exit_state === 0)) {
      task.state = TASK_KILLABLE;
      if (task.fatalSignalPending()) {
        task.state = TASK_RUNNING;
        signal.group_exec_task = null;
        return -EAGAIN;
      }
      yield;
    }
    task.state = TASK_RUNNING;
    signal.group_exec_task = null;
  }
  if (task.isGroupLeader) return 0;
  const leader = task.group_leader;
  task.start_time_ns = leader.start_time_ns;
  task.children.forEach((child) => (child.parent = task));
  for (const child of [...leader.children]) {
    leader.children.delete(child);
    child.parent = task;
    task.children.add(child);
  }
  leader.parent.children.delete(leader);
  task.parent = leader.parent;
  task.parent.children.add(task);
  task.exit_signal = SIGCHLD;
  kernel.tasks.replaceLeader(leader, task);
  for (const thread of signal.threads) thread.group_leader = task;
  leader.pid = -1;
  leader.group_leader = task;
  releaseTask(leader);
  return 0;
}

/** man 2 execve. */
export function* sys_execve(task: Task, filename: number, argv: number, envp: number): Sleep<number> {
  return yield* execFromUser(task, AT_FDCWD, filename, argv, envp, 0);
}

/** man 2 execveat. */
export function* sys_execveat(
  task: Task,
  dirfd: number,
  filename: number,
  argv: number,
  envp: number,
  flags: number,
): Sleep<number> {
  return yield* execFromUser(task, dirfd, filename, argv, envp, flags);
}

const AT_EMPTY_PATH = 0x1000;

function* execFromUser(
  task: Task,
  dirfd: number,
  filename: number,
  argv: number,
  envp: number,
  flags: number,
): Sleep<number> {
  const name = readUserString(task, filename, PATH_MAX);
  if (typeof name === "number") return name;
  if (name.length >= PATH_MAX) return -ENAMETOOLONG;
  if (name === "" && !(flags & AT_EMPTY_PATH)) return -ENOENT;
  const limit = argLimit(task);
  const args = readStringArray(task, argv, limit);
  if (isErr(args)) return args;
  const env = readStringArray(task, envp, limit);
  if (isErr(env)) return env;
  const result = yield* doExecve(task, name, args, env, dirfd, flags);
  return result < 0 ? result : KEEP_RAX;
}

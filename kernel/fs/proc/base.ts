/**
 * THE table of /proc/PID and /proc/PID/task/TID. Linux: fs/proc/base.c tgid_base_stuff[], tid_base_stuff[];
 * man 5 proc_pid.
 *
 * To add a file: write a function that returns its text from the Task, and a row here.
 */
import { isErr } from "../../lib/err.ts";
import { userPage } from "../../mm/memory.ts";
import { oomScore } from "../../mm/oom_kill.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import { capable } from "../../task/cred.ts";
import { TASK_COMM_LEN, type Task } from "../../task/task.ts";
import { TASK_RUNNING } from "../../task/state.ts";
import { CAP_SYS_RESOURCE } from "../../uapi/capability.ts";
import { EACCES, EINVAL, ENOENT } from "../../uapi/errno.ts";
import type { Mm } from "../../mm/mm.ts";
import { pathName } from "../namei.ts";
import type { Path } from "../path.ts";
import { mayAccess, mmOf } from "./access.ts";
import { showPidStat, showStatm, showStatus } from "./array.ts";
import { fdDir, fdinfoDir } from "./fd.ts";
import { INOS_PER_PID, dir, file, magicLink, type ProcChild, type ProcEntry } from "./generic.ts";
import { memFile } from "./mem.ts";
import { showMountinfo, showMounts, showMountstats } from "./mounts.ts";
import { showMaps, showSmaps, showSmapsRollup } from "./task_mmu.ts";

const accessOnly = (subject: Task, opener: Task): number => (mayAccess(opener, subject) ? 0 : -EACCES);

/**
 * Bytes [start, end) of another address space; ends early at what is not mapped. Linux: access_remote_vm().
 */
function readRemote(mm: Mm, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, end - start));
  let done = 0;
  while (done < bytes.length) {
    const pa = userPage(mm, start + done, false);
    if (pa < 0) break;
    const length = Math.min(bytes.length - done, PAGE_SIZE - (pa % PAGE_SIZE));
    bytes.set(mm.kernel.machine.ram.bytes.subarray(pa, pa + length), done);
    done += length;
  }
  return bytes.subarray(0, done);
}

/**
 * Arguments with zeros between. A program that overwrote the last zero shows its own title. Linux:
 * get_mm_cmdline().
 */
function showCmdline(task: Task): Uint8Array | string {
  const mm = mmOf(task);
  if (!mm || mm.arg_start >= mm.arg_end) return "";
  const args = readRemote(mm, mm.arg_start, mm.arg_end);
  if (args.length === 0 || args[args.length - 1] === 0 || mm.env_end <= mm.arg_start) return args;
  const all = readRemote(mm, mm.arg_start, Math.max(mm.env_end, mm.arg_end));
  const end = all.indexOf(0);
  return end < 0 ? all : all.subarray(0, end + 1);
}

function showEnviron(task: Task): Uint8Array | string {
  const mm = mmOf(task);
  return mm && mm.env_end > 0 ? readRemote(mm, mm.env_start, mm.env_end) : "";
}

/** Only threads of the process itself may rename it. */
function storeComm(task: Task, text: string, writer: Task): number {
  if (writer.tgid !== task.tgid) return -EINVAL;
  task.comm = text.replace(/[\n\0].*$/s, "").slice(0, TASK_COMM_LEN - 1);
  return 0;
}

/** name, unit, RLIMIT_ number is the index. Linux: lnames[]. */
const LIMITS: readonly (readonly [string, string])[] = [
  ["Max cpu time", "seconds"],
  ["Max file size", "bytes"],
  ["Max data size", "bytes"],
  ["Max stack size", "bytes"],
  ["Max core file size", "bytes"],
  ["Max resident set", "bytes"],
  ["Max processes", "processes"],
  ["Max open files", "files"],
  ["Max locked memory", "bytes"],
  ["Max address space", "bytes"],
  ["Max file locks", "locks"],
  ["Max pending signals", "signals"],
  ["Max msgqueue size", "bytes"],
  ["Max nice priority", ""],
  ["Max realtime priority", ""],
  ["Max realtime timeout", "us"],
];

function showLimits(task: Task): string {
  const row = (name: string, soft: string, hard: string, unit: string) =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit === "" ? "" : unit.padEnd(10)}\n`;
  const value = (limit: number) => (Number.isFinite(limit) ? String(limit) : "unlimited");
  let text = row("Limit", "Soft Limit", "Hard Limit", "Units");
  for (const [index, [name, unit]] of LIMITS.entries()) {
    const { cur, max } = task.signal.rlimits[index];
    text += row(name, value(cur), value(max), unit);
  }
  return text;
}

function showIo(task: Task): string {
  const threads = task.isGroupLeader ? task.signal.threads : [task];
  const sum = (field: "rchar" | "wchar" | "syscr" | "syscw") =>
    (threads.length > 0 ? threads : [task]).reduce((total, thread) => total + thread[field], 0);
  return (
    `rchar: ${sum("rchar")}\nwchar: ${sum("wchar")}\nsyscr: ${sum("syscr")}\nsyscw: ${sum("syscw")}\n` +
    "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"
  );
}

const hex = (value: number): string =>
  `0x${value >= 0 ? value.toString(16) : (BigInt(value) & 0xffff_ffff_ffff_ffffn).toString(16)}`;

/** "running", or the call a sleeping task is in with its arguments, stack pointer and program counter. */
function showSyscall(task: Task): string {
  if (task.state === TASK_RUNNING) return "running\n";
  const { regs } = task;
  if (regs.pa === 0 || task.isKernelThread) return "-1 0x0 0x0\n";
  const place = `${hex(regs.rsp)} ${hex(regs.rip)}`;
  if (task.syscall_nr < 0) return `-1 ${place}\n`;
  const args = [112, 104, 96, 56, 72, 64].map((offset) => hex(regs.get(offset))); // rdi rsi rdx r10 r8 r9
  return `${task.syscall_nr} ${args.join(" ")} ${place}\n`;
}

function storeOomScoreAdj(task: Task, text: string, writer: Task): number {
  if (!/^\s*-?\d+\s*$/.test(text)) return -EINVAL;
  const value = Number(text);
  if (value < -1000 || value > 1000) return -EINVAL;
  if (value < task.signal.oom_score_adj && !capable(writer, CAP_SYS_RESOURCE)) return -EACCES;
  task.signal.oom_score_adj = value;
  return 0;
}

/** The link's text and what following it gives; both need the right to look into the process. */
function placeLink(name: string, place: (task: Task) => Path | number): ProcEntry<Task> {
  return magicLink<Task>(
    name,
    (task, reader) => {
      if (!mayAccess(reader, task)) return -EACCES;
      const path = place(task);
      return isErr(path) ? path : pathName(path, reader.fs.root);
    },
    (task, reader) => (mayAccess(reader, task) ? place(task) : -EACCES),
  );
}

const exeOf = (task: Task): Path | number => mmOf(task)?.exe_file?.path ?? -ENOENT;
const hasEnded = (task: Task): boolean => task.exit_state !== 0;
const cwdOf = (task: Task): Path | number => (hasEnded(task) ? -ENOENT : task.fs.pwd);
const rootOf = (task: Task): Path | number => (hasEnded(task) ? -ENOENT : task.fs.root);

/** What a process and each of its threads have; `leader` tells the process apart. */
function pidEntries(is_process: boolean): ProcEntry<Task>[] {
  return [
    file("auxv", 0o400, (task) => mmOf(task)?.saved_auxv ?? "", undefined, accessOnly),
    file("cmdline", 0o444, showCmdline),
    file("comm", 0o644, (task) => `${task.comm}\n`, storeComm),
    placeLink("cwd", cwdOf),
    file("environ", 0o400, showEnviron, undefined, accessOnly),
    placeLink("exe", exeOf),
    fdDir,
    fdinfoDir,
    file("io", 0o400, showIo, undefined, accessOnly),
    file("limits", 0o444, showLimits),
    file("maps", 0o444, showMaps, undefined, accessOnly),
    memFile,
    file("mountinfo", 0o444, showMountinfo),
    file("mounts", 0o444, showMounts),
    ...(is_process ? [file("mountstats", 0o400, showMountstats)] : []),
    file("oom_score", 0o444, (task) => `${oomScore(task.group_leader)}\n`),
    file("oom_score_adj", 0o644, (task) => `${task.signal.oom_score_adj}\n`, storeOomScoreAdj),
    file(
      "personality",
      0o400,
      (task) => `${(task.personality >>> 0).toString(16).padStart(8, "0")}\n`,
      undefined,
      accessOnly,
    ),
    placeLink("root", rootOf),
    file("smaps", 0o444, showSmaps, undefined, accessOnly),
    ...(is_process ? [file("smaps_rollup", 0o444, showSmapsRollup, undefined, accessOnly)] : []),
    file("stat", 0o444, (task, reader) => showPidStat(task, is_process, mayAccess(reader, task))),
    file("statm", 0o444, showStatm),
    file("status", 0o444, showStatus),
    file("syscall", 0o400, showSyscall, undefined, accessOnly),
    file("wchan", 0o444, () => "0"),
  ];
}

/** /proc/PID/task/TID. */
export const tidDir = dir<Task>("", 0o555, pidEntries(false));

function threadChild(task: Task): ProcChild {
  return { entry: tidDir as never, context: task, ino: task.pid * INOS_PER_PID + 0x4000 };
}

const taskDir = dir<Task>("task", 0o555, [], {
  lookup(leader, name): ProcChild | null {
    const task = /^[1-9]\d*$/.test(name) ? leader.kernel.tasks.find(Number(name)) : undefined;
    return task && task.signal === leader.signal ? threadChild(task) : null;
  },
  nrDirectories: (leader) => Math.max(1, leader.signal.threads.length),
  *list(leader, from) {
    const threads = leader.signal.threads.length > 0 ? leader.signal.threads : [leader];
    for (const task of [...threads].sort((a, b) => a.pid - b.pid)) {
      if (task.pid >= from) yield { name: String(task.pid), pos: task.pid, child: threadChild(task) };
    }
  },
});

/** /proc/PID. */
export const tgidDir = dir<Task>("", 0o555, [taskDir, ...pidEntries(true)]);

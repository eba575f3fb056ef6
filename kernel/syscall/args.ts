/**
 * Argument kinds of system calls: how a register becomes a number, and how strace prints it. One row of the table
 * names its arguments with these; dispatch decodes by `width`, trace/strace.ts prints by `print`.
 *
 * `width` is the C type the kernel's function declares: "int" and "uint" look at the low 32 bits only, as compiled C
 * would; "long" is all 64 as a signed number (exact within 2^53; an unsigned value of 2^63 and up is negative).
 */
import { readPointer, readTimePair, readWords, wordSize } from "../mm/user_words.ts";
import { copyFromUserPartial, getUser32, readUserString } from "../mm/usercopy.ts";
import type { Task } from "../task/task.ts";
import { ERRNO_NAMES } from "../uapi/errno_names.ts";
import * as ioctls from "../uapi/ioctl.ts";
import { SIGNAL_NAMES } from "../uapi/signal.ts";

export interface Arg {
  readonly name: string;
  readonly width: "int" | "uint" | "long";
  /** Its text in strace's style. `args` are all decoded arguments; `result` is null before the call. */
  print(value: number, task: Task, args: readonly number[], result: number | null): string;
  /** A "long" that may be negative: of 32 bits, it is extended by its sign. */
  readonly isSigned?: true;
  /** Printed after the call: the kernel fills it in. */
  readonly isOutput?: true;
}

export const hex = (value: number): string =>
  value === 0
    ? "0"
    : value > 0
      ? `0x${value.toString(16)}`
      : `0x${(BigInt(value) & 0xffff_ffff_ffff_ffffn).toString(16)}`;
const pointer = (value: number): string => (value === 0 ? "NULL" : hex(value));
const decimal = (value: number): string => String(value);

const make = (name: string, width: Arg["width"], print: Arg["print"]): Arg => ({ name, width, print });
const output = (name: string, width: Arg["width"], print: Arg["print"]): Arg => ({
  name,
  width,
  print,
  isOutput: true,
});

export const INT = (name: string): Arg => make(name, "int", decimal);
export const UINT = (name: string): Arg => make(name, "uint", decimal);
export const LONG = (name: string): Arg => ({ ...make(name, "long", decimal), isSigned: true });
export const HEX = (name: string): Arg => make(name, "long", hex);
/** size_t, off_t and the like. */
export const SIZE = (name: string): Arg =>
  make(name, "long", (value) => (value < 0 ? BigInt.asUintN(64, BigInt(value)).toString() : decimal(value)));
export const OFFSET = LONG;
/** A user address whose contents are not shown. */
export const PTR = (name: string): Arg => make(name, "long", pointer);
export const FD = (name: string): Arg => make(name, "int", decimal);
export const AT_FD = (name: string): Arg =>
  make(name, "int", (value) => (value === -100 ? "AT_FDCWD" : decimal(value)));
export const PID = INT;
export const UID = (name: string): Arg =>
  make(name, "uint", (value) => (value === 0xffff_ffff ? "-1" : decimal(value)));
export const GID = UID;
export const MODE = (name: string): Arg =>
  make(name, "uint", (value) => `0${value.toString(8).padStart(3, "0")}`);
export const DEV = (name: string): Arg =>
  make(
    name,
    "uint",
    (value) => `makedev(${hex((value >>> 8) & 0xfff)}, ${hex((value & 0xff) | ((value >>> 12) & 0xfff00))})`,
  );
export const SIGNAL = (name: string): Arg =>
  make(name, "int", (value) => SIGNAL_NAMES[value] ?? decimal(value));

/** A null-terminated file name or other text. */
export const PATH = (name: string): Arg => make(name, "long", (value, task) => printString(task, value));
export const STRING = PATH;

/** Bytes the program gives; `length` names the argument that counts them. */
export const BUF = (name: string, length: number): Arg =>
  make(name, "long", (value, task, args) => printBytes(task, value, args[length]));
/** Bytes the kernel stores: the result counts them. */
export const OUT_BUF = (name: string): Arg =>
  output(name, "long", (value, task, _args, result) =>
    result === null || result < 0 ? pointer(value) : printBytes(task, value, result),
  );
/** A structure the kernel fills in; only its address is shown. */
export const OUT_PTR = (name: string): Arg => output(name, "long", pointer);
/** An int the kernel stores. */
export const OUT_INT = (name: string): Arg =>
  output(name, "long", (value, task, _args, result) => {
    if (value === 0 || result === null || result < 0) return pointer(value);
    const word = getUser32(task, value);
    return word < 0 ? pointer(value) : `[${word | 0}]`;
  });
/** int[2], as of pipe(2). */
export const OUT_FDS = (name: string): Arg =>
  output(name, "long", (value, task, _args, result) =>
    result === null || result < 0
      ? pointer(value)
      : `[${getUser32(task, value)}, ${getUser32(task, value + 4)}]`,
  );
/** The status word of wait4(2). */
export const OUT_WSTATUS = (name: string): Arg =>
  output(name, "long", (value, task, _args, result) => {
    if (value === 0 || result === null || result <= 0) return pointer(value);
    return `[${printWaitStatus(getUser32(task, value))}]`;
  });

/** A word of bits with names, e.g. [[1, "CLONE_VM"], ...]; `zero` is printed for 0. */
export const FLAGS = (name: string, bits: readonly (readonly [number, string])[], zero = "0"): Arg =>
  make(name, "uint", (value) => printFlags(value, bits, zero));
/** One of several values. */
export const ENUM = (
  name: string,
  values: Readonly<Record<number, string>>,
  width: Arg["width"] = "int",
): Arg => make(name, width, (value) => values[value] ?? (width === "long" ? hex(value) : decimal(value)));

/** struct timespec or timeval the program gives; the unit's digits only. */
export const TIMESPEC = (name: string): Arg =>
  make(name, "long", (value, task) => printPair(task, value, "tv_sec", "tv_nsec"));
export const TIMEVAL = (name: string): Arg =>
  make(name, "long", (value, task) => printPair(task, value, "tv_sec", "tv_usec"));
export const OUT_TIMESPEC = (name: string): Arg =>
  output(name, "long", (value, task, _args, result) =>
    result === null || result < 0 ? pointer(value) : printPair(task, value, "tv_sec", "tv_nsec"),
  );
export const SIGSET = (name: string): Arg => make(name, "long", (value, task) => printSigset(task, value));
export const OUT_SIGSET = (name: string): Arg =>
  output(name, "long", (value, task, _args, result) =>
    result === null || result < 0 ? pointer(value) : printSigset(task, value),
  );
/** struct sigaction. */
export const SIGACTION = (name: string): Arg =>
  make(name, "long", (value, task) => {
    const size = wordSize(task);
    const words = value === 0 ? null : readWords(task, value, 2, size);
    if (words === null) return pointer(value);
    const [handler, flags] = words;
    const text = handler === 0 ? "SIG_DFL" : handler === 1 ? "SIG_IGN" : hex(handler);
    return `{sa_handler=${text}, sa_mask=${printSigset(task, value + 3 * size)}, sa_flags=${printFlags(flags >>> 0, SA_FLAGS)}}`;
  });
/** A null-terminated array of strings. */
export const ARGV = (name: string): Arg =>
  make(name, "long", (value, task) => {
    if (value === 0) return "NULL";
    const texts: string[] = [];
    for (let i = 0; i < 32; i++) {
      const ptr = readPointer(task, value + i * wordSize(task));
      if (ptr === null) return pointer(value);
      if (ptr === 0) return `[${texts.join(", ")}]`;
      texts.push(printString(task, ptr));
    }
    return `[${texts.join(", ")}, ...]`;
  });
/** envp: only how many there are. */
export const ENVP = (name: string): Arg =>
  make(name, "long", (value, task) => {
    let nr_vars = 0;
    for (
      let ptr = value === 0 ? 0 : readPointer(task, value);
      ptr;
      ptr = readPointer(task, value + ++nr_vars * wordSize(task))
    );
    return `${pointer(value)} /* ${nr_vars} var${nr_vars === 1 ? "" : "s"} */`;
  });
/** A user address of a structure the program gives. */
export const IN_PTR = PTR;

// prettier-ignore
const OPEN_BITS: readonly (readonly [number, string])[] = [
  [0o100, "O_CREAT"], [0o200, "O_EXCL"], [0o400, "O_NOCTTY"], [0o1000, "O_TRUNC"], [0o2000, "O_APPEND"], [0o4000, "O_NONBLOCK"],
  [0o4010000, "O_SYNC"], [0o10000, "O_DSYNC"], [0o20000, "O_ASYNC"], [0o40000, "O_DIRECT"], [0o100000, "O_LARGEFILE"],
  [0o20200000, "O_TMPFILE"], [0o200000, "O_DIRECTORY"], [0o400000, "O_NOFOLLOW"], [0o1000000, "O_NOATIME"],
  [0o2000000, "O_CLOEXEC"], [0o10000000, "O_PATH"],
];
export const OPEN_FLAGS = (name: string): Arg =>
  make(name, "int", (value) => {
    const access = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"][value & 3];
    const rest = value & ~3;
    return rest === 0 ? access : `${access}|${printFlags(rest, OPEN_BITS)}`;
  });
/** An ioctl(2) command by the name its header gives it. */
export const IOCTL = (name: string): Arg =>
  make(name, "uint", (value) => IOCTL_NAMES.get(value) ?? hex(value));
export const WHENCE = (name: string): Arg =>
  ENUM(name, { 0: "SEEK_SET", 1: "SEEK_CUR", 2: "SEEK_END", 3: "SEEK_DATA", 4: "SEEK_HOLE" });
// prettier-ignore
export const PROT = (name: string): Arg =>
  FLAGS(name, [[1, "PROT_READ"], [2, "PROT_WRITE"], [4, "PROT_EXEC"], [0x01000000, "PROT_GROWSDOWN"]], "PROT_NONE");
// prettier-ignore
export const MAP_FLAGS = (name: string): Arg => {
  const bits = [
    [0x10, "MAP_FIXED"], [0x20, "MAP_ANONYMOUS"], [0x40, "MAP_32BIT"], [0x100, "MAP_GROWSDOWN"], [0x800, "MAP_DENYWRITE"],
    [0x1000, "MAP_EXECUTABLE"], [0x2000, "MAP_LOCKED"], [0x4000, "MAP_NORESERVE"], [0x8000, "MAP_POPULATE"],
    [0x10000, "MAP_NONBLOCK"], [0x20000, "MAP_STACK"], [0x40000, "MAP_HUGETLB"], [0x100000, "MAP_FIXED_NOREPLACE"],
  ] as const;
  return make(name, "uint", (value) => {
    const type = ["MAP_FILE", "MAP_SHARED", "MAP_PRIVATE", "MAP_SHARED_VALIDATE"][value & 0xf] ?? hex(value & 0xf);
    const rest = value & ~0xf;
    return rest === 0 ? type : `${type}|${printFlags(rest, bits)}`;
  });
};

const IOCTL_NAMES = new Map<number, string>(Object.entries(ioctls).map(([name, value]) => [value, name]));

// prettier-ignore
const SA_FLAGS: readonly (readonly [number, string])[] = [
  [0x04000000, "SA_RESTORER"], [0x08000000, "SA_ONSTACK"], [0x10000000, "SA_RESTART"], [0x40000000, "SA_NODEFER"],
  [0x80000000, "SA_RESETHAND"], [1, "SA_NOCLDSTOP"], [2, "SA_NOCLDWAIT"], [4, "SA_SIGINFO"],
];

/** Names of set bits joined by "|", what is left in hex. */
export function printFlags(value: number, bits: readonly (readonly [number, string])[], zero = "0"): string {
  if (value === 0) return zero;
  const names: string[] = [];
  let rest = value >>> 0;
  for (const [bit, name] of bits) {
    if (bit !== 0 && (rest & bit) >>> 0 === bit >>> 0) {
      names.push(name);
      rest = (rest & ~bit) >>> 0;
    }
  }
  if (rest !== 0) names.push(hex(rest));
  return names.join("|");
}

/** -1 ENOENT (No such file or directory) and the like: what stands behind " = ". */
export function printResult(result: number): string {
  if (result >= 0 || result < -4095) return result > 0xffff || result < -4095 ? hex(result) : String(result);
  const [name, text] = ERRNO_NAMES[-result] ?? [`ERRNO_${-result}`, "Unknown error"];
  return result <= -512 ? `? ${name} (${text})` : `-1 ${name} (${text})`;
}

const STRING_LIMIT = 32;

export function quote(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    const next = bytes[i + 1];
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x0a) text += "\\n";
    else if (byte === 0x0d) text += "\\r";
    else if (byte === 0x09) text += "\\t";
    else if (byte === 0x0b) text += "\\v";
    else if (byte === 0x0c) text += "\\f";
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${byte.toString(8).padStart(next >= 0x30 && next <= 0x37 ? 3 : 1, "0")}`;
  }
  return `"${text}"`;
}

function printString(task: Task, ptr: number): string {
  if (ptr === 0) return "NULL";
  const text = readUserString(task, ptr, 4096);
  if (typeof text === "number") return hex(ptr);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return quote(bytes);
}

function printBytes(task: Task, ptr: number, length: number): string {
  if (ptr === 0) return "NULL";
  if (!(length >= 0)) return hex(ptr);
  const bytes = new Uint8Array(Math.min(length, STRING_LIMIT));
  if (copyFromUserPartial(task, ptr, bytes) < bytes.length) return hex(ptr);
  return quote(bytes) + (length > STRING_LIMIT ? "..." : "");
}

function printPair(task: Task, ptr: number, first: string, second: string): string {
  const pair = ptr === 0 ? null : readTimePair(task, ptr);
  return pair === null ? pointer(ptr) : `{${first}=${pair[0]}, ${second}=${pair[1]}}`;
}

function printSigset(task: Task, ptr: number): string {
  if (ptr === 0) return "NULL";
  const lo = getUser32(task, ptr);
  const hi = getUser32(task, ptr + 4);
  if (lo < 0 || hi < 0) return hex(ptr);
  const present: string[] = [];
  const absent: string[] = [];
  for (let sig = 1; sig <= 64; sig++) {
    const word = sig <= 32 ? lo : hi;
    const list = word & (1 << ((sig - 1) & 31)) ? present : absent;
    list.push((SIGNAL_NAMES[sig] ?? String(sig)).replace(/^SIG/, ""));
  }
  return present.length > 32 ? `~[${absent.join(" ")}]` : `[${present.join(" ")}]`;
}

export function printWaitStatus(status: number): string {
  const sig = status & 0x7f;
  const name = (n: number) => SIGNAL_NAMES[n] ?? String(n);
  if (status === 0xffff) return "{WIFCONTINUED(s)}";
  if (sig === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}`;
  if (sig === 0x7f) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${name((status >> 8) & 0xff)}}`;
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${name(sig)}${status & 0x80 ? " && WCOREDUMP(s)" : ""}}`;
}

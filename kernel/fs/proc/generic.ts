/**
 * How /proc is declared and served. A directory is a table of entries made with file(), link(), magicLink()
 * and dir(); this file turns tables into inodes. Linux: fs/proc/generic.c, fs/proc/base.c, fs/seq_file.c.
 *
 *     ProcEntry<C>: name, mode, what to show of a context C   C = Kernel for /proc itself, Task for /proc/PID
 *
 * A file's text is made at the first read of an open file and kept until it is read from the start again, as
 * seq_file does: a reader sees one consistent text.
 */
import type { IovIter } from "../../mm/iov_iter.ts";
import { latin1, latin1Bytes } from "../../mm/usercopy.ts";
import { isSleep, type MaySleep, type Sleep } from "../../sched/wait.ts";
import { EXIT_DEAD } from "../../task/state.ts";
import type { Task } from "../../task/task.ts";
import { EACCES, EFAULT, EINVAL, EIO, EISDIR, ENOENT, EPERM, ESRCH } from "../../uapi/errno.ts";
import { SEEK_CUR, SEEK_SET } from "../../uapi/fcntl.ts";
import { DEFAULT_POLLMASK } from "../../uapi/poll.ts";
import {
  DT_DIR,
  DT_LNK,
  DT_REG,
  S_IALLUGO,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  isDirectory,
} from "../../uapi/stat.ts";
import type { Dentry } from "../dentry.ts";
import type { DirContext, File, FileOperations } from "../file.ts";
import { Inode, type InodeOperations } from "../inode.ts";
import { emitDots, seekPosition } from "../libfs.ts";
import type { Path } from "../path.ts";
import { genericPermission } from "../permission.ts";
import type { PollTable } from "../poll_table.ts";
import type { SuperBlock } from "../superblock.ts";

/** Text, or bytes, or -errno. */
export type ProcText = string | Uint8Array | number;

export interface ProcFile<C> {
  readonly kind: "file";
  readonly name: string;
  readonly mode: number;
  /** What reading gives. `reader` is the task that reads. */
  readonly show: (context: C, reader: Task) => MaySleep<ProcText>;
  /** What writing does: 0 or -errno. */
  readonly store?: (context: C, text: string, writer: Task) => number;
  /** Refuses an open: 0 or -errno. */
  readonly mayOpen?: (context: C, opener: Task) => number;
  readonly poll?: (context: C, file: File, table: PollTable | null) => number;
  /** Operations of its own, for files that are no text. */
  readonly fops?: FileOperations;
  /** The mode binds root too. Linux: sysctl_perm(). */
  readonly binds_root?: boolean;
}

export interface ProcLink<C> {
  readonly kind: "link";
  readonly name: string;
  /** The text of the link. */
  readonly readlink: (context: C, reader: Task) => string | number;
  /** Where following it leads, if not to that text. */
  readonly follow?: (context: C, reader: Task) => Path | number;
  readonly mode?: number;
  /** st_size; 0 but for descriptors. */
  readonly size?: number;
}

/** An entry found by name or listed in a directory that changes: an entry and the context it is about. */
export interface ProcChild {
  readonly entry: ProcEntry<never>;
  readonly context: unknown;
  /** Inode number. */
  readonly ino: number;
}

export interface ProcDir<C> {
  readonly kind: "dir";
  readonly name: string;
  readonly mode: number;
  readonly entries: readonly ProcEntry<C>[];
  /** Entries that are not in the table: /proc/PID, fd/N. */
  readonly lookup?: (context: C, name: string, dir: Inode) => ProcChild | null;
  /** Their names with a position that grows, from `from` on, ascending. */
  readonly list?: (
    context: C,
    from: number,
    dir: Inode,
  ) => Iterable<{ name: string; pos: number; child: ProcChild }>;
  /** How many of those are directories, for st_nlink. */
  readonly nrDirectories?: (context: C) => number;
  readonly permission?: (context: C, task: Task, inode: Inode, mask: number) => number;
}

export type ProcEntry<C> = ProcFile<C> | ProcLink<C> | ProcDir<C>;

export function file<C>(
  name: string,
  mode: number,
  show: ProcFile<C>["show"],
  store?: ProcFile<C>["store"],
  mayOpen?: ProcFile<C>["mayOpen"],
): ProcFile<C> {
  return { kind: "file", name, mode, show, store, mayOpen };
}

/** A symbolic link whose text says it all. */
export function link<C>(name: string, readlink: ProcLink<C>["readlink"]): ProcLink<C> {
  return { kind: "link", name, readlink };
}

/** A link that leads to a file itself, whatever its text. */
export function magicLink<C>(
  name: string,
  readlink: ProcLink<C>["readlink"],
  follow: ProcLink<C>["follow"],
  mode = 0o777,
  size = 0,
): ProcLink<C> {
  return { kind: "link", name, readlink, follow, mode, size };
}

export function dir<C>(
  name: string,
  mode: number,
  entries: readonly ProcEntry<C>[],
  dynamic: Pick<ProcDir<C>, "lookup" | "list" | "nrDirectories" | "permission"> = {},
): ProcDir<C> {
  return { kind: "dir", name, mode, entries, ...dynamic };
}

/** What an inode of /proc is about. */
interface ProcNode {
  readonly entry: ProcEntry<unknown>;
  readonly context: unknown;
  /** The process it belongs to, if any: it decides the owner and whether the name still exists. */
  readonly task: Task | null;
  /** What its table entries' inode numbers count from. */
  readonly base_ino: number;
}

/** Numbers of table entries, kept with the superblock. */
type EntryNumbers = Map<ProcEntry<never>, number>;

/** Numbers every entry of a tree of tables. */
export function numberEntries(
  table: readonly ProcEntry<never>[],
  numbers: EntryNumbers = new Map(),
): EntryNumbers {
  for (const entry of table) {
    if (!numbers.has(entry)) numbers.set(entry, numbers.size + 1);
    if (entry.kind === "dir") numberEntries(entry.entries, numbers);
  }
  return numbers;
}

const nodeOf = (inode: Inode): ProcNode => inode.private_data as ProcNode;

/** First inode number of the entries that are not about processes. Linux: PROC_DYNAMIC_FIRST. */
export const PROC_DYNAMIC_FIRST = 0xf0000000;
export const PROC_ROOT_INO = 1;
/** Inode numbers of one process: 2^16 for its files, 2^16 for its descriptors. */
export const INOS_PER_PID = 2 ** 17;

/** Makes the inode for an entry. */
export function makeProcInode(
  sb: SuperBlock,
  entry: ProcEntry<never>,
  context: unknown,
  task: Task | null,
  ino: number,
  base_ino = ino,
): Inode {
  let mode: number;
  let ops: InodeOperations;
  let fops: FileOperations = {};
  switch (entry.kind) {
    case "file":
      mode = S_IFREG | entry.mode;
      ops = entry.binds_root ? strictInodeOperations : fileInodeOperations;
      fops = entry.fops ?? procFileOperations;
      break;
    case "link":
      mode = S_IFLNK | (entry.mode ?? 0o777);
      ops = entry.follow ? magicLinkOperations : linkOperations;
      break;
    case "dir":
      mode = S_IFDIR | entry.mode;
      ops = dirInodeOperations;
      fops = procDirOperations;
      break;
  }
  const inode = new Inode(sb, ino, mode, ops, fops);
  const node: ProcNode = { entry: entry as ProcEntry<unknown>, context, task, base_ino };
  inode.private_data = node;
  if (entry.kind === "dir") inode.nlink = 2 + entry.entries.filter((child) => child.kind === "dir").length;
  if (entry.kind === "link") inode.size = entry.size ?? 0;
  if (task) setOwner(inode, task);
  return inode;
}

/**
 * Files of a process belong to its user; if it must not be looked into, to root. Linux: task_dump_owner().
 */
function setOwner(inode: Inode, task: Task): void {
  const is_open_dir = isDirectory(inode.mode) && (inode.mode & 0o777) === 0o555;
  if (!is_open_dir && task.mm && task.mm.dumpable !== 1) {
    inode.uid = 0;
    inode.gid = 0;
    return;
  }
  inode.uid = task.cred.euid;
  inode.gid = task.cred.egid;
}

function* children(parent: Inode): IterableIterator<{ entry: ProcEntry<unknown>; ino: number }> {
  const { entry, base_ino } = nodeOf(parent);
  if (entry.kind !== "dir") return;
  const numbers = parent.sb.private_data as EntryNumbers;
  for (const child of entry.entries)
    yield { entry: child, ino: base_ino + numbers.get(child as ProcEntry<never>)! };
}

const isGone = (task: Task | null): boolean => task !== null && task.exit_state === EXIT_DEAD;

/** The process that a file with operations of its own belongs to; null if it is gone. Linux: get_proc_task(). */
export function livingTask(inode: Inode): Task | null {
  const { task } = nodeOf(inode);
  return isGone(task) ? null : task;
}

const fileInodeOperations: InodeOperations = {
  setattr: (_task, dentry, attr) => {
    // Owner and mode of /proc files follow the process; a truncation by `>` is fine and does nothing.
    if (attr.size !== undefined) return 0;
    const { task } = nodeOf(dentry.inode!);
    if (task) return -EPERM;
    const inode = dentry.inode!;
    if (attr.mode !== undefined) inode.mode = (inode.mode & ~S_IALLUGO) | attr.mode;
    if (attr.uid !== undefined) inode.uid = attr.uid;
    if (attr.gid !== undefined) inode.gid = attr.gid;
    return 0;
  },
  getattr: refreshOwner,
};

const strictInodeOperations: InodeOperations = {
  ...fileInodeOperations,
  permission(task, inode, mask): number {
    const { cred } = task;
    const bits = cred.euid === 0 ? inode.mode >> 6 : cred.inEffectiveGroup(0) ? inode.mode >> 3 : inode.mode;
    return (mask & 7 & ~bits) === 0 ? 0 : -EACCES;
  },
};

/** A process may have changed its identity since the inode was made. Linux: pid_getattr(). */
function refreshOwner(
  _reader: Task,
  inode: Inode,
  stat: { uid: number; gid: number; nlink: number },
): number {
  const { task, entry, context } = nodeOf(inode);
  if (isGone(task)) return -ENOENT;
  if (task) {
    setOwner(inode, task);
    stat.uid = inode.uid;
    stat.gid = inode.gid;
  }
  if (entry.kind === "dir" && entry.nrDirectories) stat.nlink += entry.nrDirectories(context);
  return 0;
}

const linkOperations: InodeOperations = {
  getattr: refreshOwner,
  readlink: (reader, inode) => readLink(reader, inode),
};

function readLink(reader: Task, inode: Inode): string | number {
  const { entry, context } = nodeOf(inode);
  return entry.kind === "link" ? entry.readlink(context, reader) : -EINVAL;
}

const magicLinkOperations: InodeOperations = {
  ...linkOperations,
  followLink(reader, inode): Path | number {
    const { entry, context } = nodeOf(inode);
    return entry.kind === "link" ? entry.follow!(context, reader) : -EINVAL;
  },
};

const dirInodeOperations: InodeOperations = {
  setattr: () => -EPERM,
  getattr: refreshOwner,
  permission(task, inode, mask): number {
    const { entry, context } = nodeOf(inode);
    if (entry.kind === "dir" && entry.permission) return entry.permission(context, task, inode, mask);
    return genericPermission(task, inode, mask);
  },
  lookup(_task: Task, parent: Inode, dentry: Dentry): Inode | number {
    const { entry, context, task, base_ino } = nodeOf(parent);
    // -ENOENT, not a negative dentry: nothing can be made here, whatever else is wrong.
    if (entry.kind !== "dir" || isGone(task)) return -ENOENT;
    const { sb } = parent;
    for (const child of children(parent)) {
      if (child.entry.name !== dentry.name) continue;
      // Names of processes are looked up each time: the process may be gone, its number taken by another.
      dentry.dont_cache = task !== null;
      return makeProcInode(sb, child.entry as ProcEntry<never>, context, task, child.ino, base_ino);
    }
    dentry.dont_cache = true;
    const found = entry.lookup?.(context, dentry.name, parent);
    if (!found) return -ENOENT;
    const owner = task ?? (isTask(found.context) ? found.context : null);
    return makeProcInode(sb, found.entry, found.context, owner, found.ino);
  },
};

function isTask(context: unknown): context is Task {
  return typeof context === "object" && context !== null && "tgid" in context;
}

const D_TYPES = { file: DT_REG, link: DT_LNK, dir: DT_DIR };

/** Position of the first entry that is not in the table. */
const FIRST_DYNAMIC_POS = 256;

const procDirOperations: FileOperations = {
  read: () => -EISDIR,
  iterate(_task: Task, file: File, context: DirContext): number {
    const { entry, context: subject, task } = nodeOf(file.inode);
    if (entry.kind !== "dir") return -EINVAL;
    if (isGone(task)) return -ENOENT;
    if (!emitDots(file, context)) return 0;
    let pos = 2;
    for (const child of children(file.inode)) {
      if (pos >= context.pos) {
        if (!context.emit(child.entry.name, child.ino, D_TYPES[child.entry.kind], pos + 1)) return 0;
        context.pos = pos + 1;
      }
      pos++;
    }
    if (!entry.list) return 0;
    const from = Math.max(0, context.pos - FIRST_DYNAMIC_POS);
    for (const { name, pos: at, child } of entry.list(subject, from, file.inode)) {
      const next = FIRST_DYNAMIC_POS + at + 1;
      if (!context.emit(name, child.ino, D_TYPES[child.entry.kind], next)) {
        context.pos = FIRST_DYNAMIC_POS + at;
        return 0;
      }
      context.pos = next;
    }
    return 0;
  },
  llseek: (_task, file, offset, whence) => {
    if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
    return seekPosition(file, offset, whence, 0, Number.MAX_SAFE_INTEGER);
  },
};

/** An open file's text. */
class ProcBuffer {
  bytes: Uint8Array | null = null;
}

/** Keeps what `show` gave for the reads to come: 0 or its -errno. */
function keepText(file: File, text: ProcText): number {
  if (typeof text === "number") return text;
  (file.private_data as ProcBuffer).bytes = typeof text === "string" ? latin1Bytes(text) : text;
  return 0;
}

function* waitForText(file: File, making: Sleep<ProcText>, to: IovIter, pos: number): Sleep<number> {
  return keepText(file, yield* making) || readText(file, to, pos);
}

function readText(file: File, to: IovIter, pos: number): number {
  const bytes = (file.private_data as ProcBuffer).bytes!;
  if (pos >= bytes.length) return 0;
  const part = bytes.subarray(pos, Math.min(bytes.length, pos + to.count));
  if (part.length === 0) return 0;
  return to.copyTo(part) || -EFAULT;
}

const WRITE_MAX_BYTES = 64 * 1024;

const procFileOperations: FileOperations = {
  open(task, inode, file): number {
    const { entry, context, task: subject } = nodeOf(inode);
    if (entry.kind !== "file") return -EINVAL;
    if (isGone(subject)) return -ESRCH;
    const denied = entry.mayOpen?.(context, task) ?? 0;
    if (denied) return denied;
    file.private_data = new ProcBuffer();
    return 0;
  },
  read(task, file, to, pos): MaySleep<number> {
    const buffer = file.private_data as ProcBuffer;
    if (pos > 0 && buffer.bytes) return readText(file, to, pos);
    const { entry, context, task: subject } = nodeOf(file.inode);
    if (entry.kind !== "file") return -EINVAL;
    if (isGone(subject)) return -ESRCH;
    const text = entry.show(context, task);
    if (isSleep(text)) return waitForText(file, text, to, pos);
    return keepText(file, text) || readText(file, to, pos);
  },
  write(task, file, from): number {
    const { entry, context, task: subject } = nodeOf(file.inode);
    if (entry.kind !== "file") return -EINVAL;
    if (!entry.store) return subject ? -EINVAL : -EIO;
    if (isGone(subject)) return -ESRCH;
    const { count } = from;
    if (count > WRITE_MAX_BYTES) return -EINVAL;
    const bytes = new Uint8Array(count);
    if (from.copyFrom(bytes) < count) return -EFAULT;
    const error = entry.store(context, latin1(bytes), task);
    return error < 0 ? error : count;
  },
  poll(file, table): number {
    const { entry, context } = nodeOf(file.inode);
    return entry.kind === "file" && entry.poll ? entry.poll(context, file, table) : DEFAULT_POLLMASK;
  },
  llseek(_task, file, offset, whence): number {
    if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
    return seekPosition(file, offset, whence, 0, Number.MAX_SAFE_INTEGER);
  },
};

/**
 * Fills rootfs from the initramfs that the boot loader left in memory: cpio archives one after the other,
 * each plain or gzipped. Linux: init/initramfs.c, usr/default_cpio_list.
 */
import { Inflate } from "fflate";
import { isErr } from "../lib/err.ts";
import { kernelIter } from "../mm/iov_iter.ts";
import { PAGE_SIZE } from "../mm/page_alloc.ts";
import { latin1 } from "../mm/usercopy.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EINVAL } from "../uapi/errno.ts";
import { AT_FDCWD, O_CREAT, O_LARGEFILE, O_TRUNC, O_WRONLY } from "../uapi/fcntl.ts";
import { S_IALLUGO, S_IFCHR, S_IFMT, isDirectory, isRegular, isSymlink, makeDev } from "../uapi/stat.ts";
import { setAttributes } from "./attr.ts";
import { TRAILER, readCpioEntry, type CpioEntry } from "./cpio.ts";
import { makeDirectory, makeLink, makeNode, makeSymlink, removeDirectory, unlinkName } from "./directory.ts";
import { lookupPath } from "./namei.ts";
import { openAt } from "./open.ts";

/** See Vfs.populateRootfs. */
export function* populateRootfs(task: Task): Sleep<number> {
  const { kernel } = task;
  const umask = task.fs.umask;
  task.fs.umask = 0;
  try {
    yield* makeDirectory(task, AT_FDCWD, "/dev", 0o755);
    yield* makeNode(task, AT_FDCWD, "/dev/console", S_IFCHR | 0o600, makeDev(5, 1));
    yield* makeDirectory(task, AT_FDCWD, "/root", 0o700);
    const { initrd } = kernel.boot;
    if (!initrd || initrd.size === 0) return 0;
    kernel.printk.info("Unpacking initramfs...");
    // A copy: the view of RAM may be replaced while files are being written.
    const archive = kernel.machine.ram.bytes.slice(initrd.pa, initrd.pa + initrd.size);
    const failure = yield* unpack(task, archive);
    if (failure) kernel.printk.emerg(`Initramfs unpacking failed: ${failure}`);
    freeInitrd(task, initrd.pa, initrd.size);
    return failure ? -EINVAL : 0;
  } finally {
    task.fs.umask = umask;
  }
}

/** The archive's frames, all its own (mm/memblock.ts), go to the page allocator. Linux: free_initrd_mem(). */
function freeInitrd(task: Task, pa: number, size: number): void {
  const { pages, printk } = task.kernel;
  const first = Math.floor(pa / PAGE_SIZE);
  const end = Math.ceil((pa + size) / PAGE_SIZE);
  pages.addFreeRange(first, end);
  printk.info(`Freeing initrd memory: ${(end - first) * (PAGE_SIZE / 1024)}K`);
}

/** Unpacks everything in `bytes`: null, or what went wrong. Linux: unpack_to_rootfs(). */
export function* unpack(task: Task, bytes: Uint8Array): Sleep<string | null> {
  const directories: CpioEntry[] = [];
  const failure = yield* unpackArchives(task, bytes, directories);
  // What was made in them has changed their times. Linux: dir_utime().
  for (const entry of directories) yield* setOwnerAndTimes(task, rooted(entry.name), entry);
  return failure;
}

const rooted = (name: string): string => `/${name.replace(/^\/+/, "")}`;

function* unpackArchives(task: Task, bytes: Uint8Array, directories: CpioEntry[]): Sleep<string | null> {
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] === 0) {
      at++; // padding between archives
    } else if (bytes[at] === ASCII_0 && at % 4 === 0) {
      const end = yield* unpackCpio(task, bytes, at, directories);
      if (typeof end === "string") return end;
      at = end;
    } else {
      const member = inflateMember(bytes, at);
      if (typeof member === "string") return member;
      const failure = yield* unpackArchives(task, member.bytes, directories);
      if (failure) return failure;
      at = member.next;
    }
  }
  return null;
}

const ASCII_0 = 0x30;

/** One archive up to its trailer: where it ends, or what went wrong. */
function* unpackCpio(
  task: Task,
  bytes: Uint8Array,
  start: number,
  directories: CpioEntry[],
): Sleep<number | string> {
  /** Names of files with several links, by device and inode. */
  const links = new Map<string, string>();
  let at = start;
  while (at < bytes.length) {
    const result = readCpioEntry(bytes, at);
    if (typeof result === "string") return result;
    at = result.next;
    const { entry } = result;
    if (entry.name === TRAILER) return at;
    const failure = yield* makeEntry(task, entry, links);
    if (failure) return failure;
    if (isDirectory(entry.mode)) directories.push(entry);
  }
  return at;
}

/**
 * Makes what the entry describes; null, or why it cannot be. A name that exists as something else is
 * replaced.
 */
function* makeEntry(task: Task, entry: CpioEntry, links: Map<string, string>): Sleep<string | null> {
  const { mode } = entry;
  const name = rooted(entry.name);
  yield* cleanPath(task, name, mode);
  if (isRegular(mode)) {
    const key = `${entry.major}:${entry.minor}:${entry.ino}`;
    const first = entry.nlink >= 2 ? links.get(key) : undefined;
    if (first !== undefined) {
      yield* unlinkName(task, AT_FDCWD, name);
      yield* makeLink(task, AT_FDCWD, first, AT_FDCWD, name, 0);
    } else if (entry.nlink >= 2) links.set(key, name);
    // The contents of hard links stand with one of them only.
    const truncate = first === undefined ? O_TRUNC : 0;
    const error = yield* writeFile(task, name, entry.body, truncate);
    if (error) return "write error";
  } else if (isDirectory(mode)) {
    yield* makeDirectory(task, AT_FDCWD, name, mode & S_IALLUGO);
  } else if (isSymlink(mode)) {
    yield* unlinkName(task, AT_FDCWD, name);
    yield* makeSymlink(task, latin1(entry.body), AT_FDCWD, name);
  } else {
    yield* makeNode(task, AT_FDCWD, name, mode & (S_IFMT | S_IALLUGO), makeDev(entry.rmajor, entry.rminor));
  }
  yield* setOwnerAndTimes(task, name, entry);
  return null;
}

/** Removes what has the name already, unless it is of the same type. Linux: clean_path(). */
function* cleanPath(task: Task, name: string, mode: number): Sleep<void> {
  const path = yield* lookupPath(task, AT_FDCWD, name, 0);
  if (isErr(path)) return;
  const old = path.dentry.inode!.mode;
  if ((old & S_IFMT) === (mode & S_IFMT)) return;
  if (isDirectory(old)) yield* removeDirectory(task, AT_FDCWD, name);
  else yield* unlinkName(task, AT_FDCWD, name);
}

function* writeFile(task: Task, name: string, body: Uint8Array, truncate: number): Sleep<number> {
  const file = yield* openAt(task, AT_FDCWD, name, O_WRONLY | O_CREAT | O_LARGEFILE | truncate, 0o600);
  if (isErr(file)) return 0; // as Linux: a name that cannot be made is skipped
  try {
    if (body.length === 0) return 0;
    const done = yield* finish(file.ops.write!(task, file, kernelIter(body), 0));
    return done === body.length ? 0 : -1;
  } finally {
    file.put();
  }
}

function* setOwnerAndTimes(task: Task, name: string, entry: CpioEntry): Sleep<void> {
  const path = yield* lookupPath(task, AT_FDCWD, name, 0);
  if (isErr(path)) return;
  const mtime = { sec: entry.mtime, nsec: 0 };
  const attr = { uid: entry.uid, gid: entry.gid, atime: mtime, mtime };
  const is_link = isSymlink(entry.mode);
  yield* setAttributes(task, path.dentry, is_link ? attr : { ...attr, mode: entry.mode & S_IALLUGO });
}

/** Unpacks the gzip member at `start`; a text if it cannot be. RFC 1952. */
export function inflateMember(
  bytes: Uint8Array,
  start: number,
): { bytes: Uint8Array; next: number } | string {
  const body = gzipBody(bytes, start);
  if (body < 0) return "invalid magic at start of compressed archive";
  const chunks: Uint8Array[] = [];
  const inflate = new Inflate((chunk) => chunks.push(chunk));
  try {
    inflate.push(bytes.subarray(body), true);
  } catch {
    // What follows the member is no business of the decompressor; the check sum tells whether it got that far.
  }
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const output = chunks.length === 1 ? chunks[0] : new Uint8Array(length);
  if (chunks.length !== 1) {
    let at = 0;
    for (const chunk of chunks) {
      output.set(chunk, at);
      at += chunk.length;
    }
  }
  const next = memberEnd(bytes, body, output);
  return next < 0 ? "junk within compressed archive" : { bytes: output, next };
}

const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** Where the compressed data starts, or -1 if there is no gzip header. */
function gzipBody(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== 0x1f || bytes[start + 1] !== 0x8b || bytes[start + 2] !== 8) return -1;
  const flags = bytes[start + 3];
  let at = start + 10;
  if (flags & FEXTRA) at += 2 + bytes[at] + bytes[at + 1] * 256;
  for (const text of [FNAME, FCOMMENT]) if (flags & text) at = bytes.indexOf(0, at) + 1;
  if (flags & FHCRC) at += 2;
  return at;
}

/**
 * Behind the member's trailer: its check sum and length are found rather than counted to, which checks them
 * too.
 */
function memberEnd(bytes: Uint8Array, body: number, output: Uint8Array): number {
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc32(output), true);
  view.setUint32(4, output.length, true);
  for (let at = bytes.indexOf(trailer[0], body); at >= 0; at = bytes.indexOf(trailer[0], at + 1)) {
    if (trailer.every((byte, i) => bytes[at + i] === byte)) return at + 8;
  }
  return -1;
}

/** CRC-32 of ISO 3309, as gzip uses it. RFC 1952 section 8. */
export function crc32(bytes: Uint8Array): number {
  const table = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    table[n] = value;
  }
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 0xff];
  return (crc ^ -1) >>> 0;
}

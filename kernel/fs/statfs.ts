/**
 * statfs, fstatfs, ustat. Linux: fs/statfs.c; man 2 statfs. struct statfs: 15 words of 64 bits, f_fsid two of
 * 32.
 */
import { isErr } from "../lib/err.ts";
import { encodeWords, wordSize } from "../mm/user_words.ts";
import { copyToUser } from "../mm/usercopy.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { ENOSYS, EOVERFLOW } from "../uapi/errno.ts";
import { AT_FDCWD } from "../uapi/fcntl.ts";
import {
  MS_RDONLY,
  MS_SYNCHRONOUS,
  ST_NOATIME,
  ST_NODEV,
  ST_NODIRATIME,
  ST_NOEXEC,
  ST_NOSUID,
  ST_NOSYMFOLLOW,
  ST_RDONLY,
  ST_RELATIME,
  ST_SYNCHRONOUS,
  ST_VALID,
} from "../uapi/mount.ts";
import {
  MNT_NOATIME,
  MNT_NODEV,
  MNT_NODIRATIME,
  MNT_NOEXEC,
  MNT_NOSUID,
  MNT_NOSYMFOLLOW,
  MNT_READONLY,
  MNT_RELATIME,
  type Mount,
} from "./mount.ts";
import { LOOKUP_FOLLOW, userPathAt } from "./namei.ts";
import type { Path } from "./path.ts";

/** MNT_ flag -> ST_ flag. */
const FLAGS: readonly (readonly [number, number])[] = [
  [MNT_READONLY, ST_RDONLY],
  [MNT_NOSUID, ST_NOSUID],
  [MNT_NODEV, ST_NODEV],
  [MNT_NOEXEC, ST_NOEXEC],
  [MNT_NOATIME, ST_NOATIME],
  [MNT_NODIRATIME, ST_NODIRATIME],
  [MNT_RELATIME, ST_RELATIME],
  [MNT_NOSYMFOLLOW, ST_NOSYMFOLLOW],
];

function statfsFlags(mnt: Mount): number {
  let flags = ST_VALID;
  for (const [from, to] of FLAGS) if (mnt.flags & from) flags |= to;
  if (mnt.sb.flags & MS_RDONLY) flags |= ST_RDONLY;
  if (mnt.sb.flags & MS_SYNCHRONOUS) flags |= ST_SYNCHRONOUS;
  return flags;
}

/** The fields of struct statfs in its order. */
export interface StatfsFields {
  sizes: number[];
  /** Blocks and files. */
  counts: number[];
  /** Two ints. */
  fsid: number[];
  rest: number[];
}

type PutStatfs = (task: Task, buf: number, fields: StatfsFields) => number;

/** struct statfs in the program's words. */
function putStatfs(task: Task, buf: number, { sizes, counts, fsid, rest }: StatfsFields): number {
  const size = wordSize(task);
  const hasOverflow = size === 4 && counts.some((count) => count >= 2 ** 32);
  if (hasOverflow) return -EOVERFLOW;
  const bytes = new Uint8Array(14 * size + 8);
  bytes.set(encodeWords([...sizes, ...counts], size));
  bytes.set(encodeWords(fsid, 4), 7 * size);
  bytes.set(encodeWords(rest, size), 7 * size + 8);
  return copyToUser(task, buf, bytes);
}

export function* statfsPath(task: Task, path: Path, buf: number, put: PutStatfs = putStatfs): Sleep<number> {
  const { sb } = path.mnt;
  if (!sb.ops.statfs) return -ENOSYS;
  const result = yield* finish(sb.ops.statfs(sb));
  if (typeof result === "number") return result;
  const { type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize } = result;
  return put(task, buf, {
    sizes: [type >>> 0, bsize],
    counts: [blocks, bfree, bavail, files, ffree],
    fsid: [sb.dev, 0],
    rest: [namelen, frsize, statfsFlags(path.mnt), 0, 0, 0, 0],
  });
}

export function* sys_statfs(task: Task, pathname: number, buf: number): Sleep<number> {
  const path = yield* userPathAt(task, AT_FDCWD, pathname, LOOKUP_FOLLOW);
  return isErr(path) ? path : yield* statfsPath(task, path, buf);
}

export function sys_fstatfs(task: Task, fd: number, buf: number): Sleep<number> | number {
  const file = task.files.getRaw(fd);
  return isErr(file) ? file : statfsPath(task, file.path, buf);
}

/** stat(2) and statfs(2) into i386's structures. Linux: fs/stat.c cp_compat_stat(), arch/x86/kernel/sys_ia32.c, fs/statfs.c. */
import type { Kstat } from "../../../fs/inode.ts";
import { statAt, statFd, statPath } from "../../../fs/stat.ts";
import { type StatfsFields, statfsPath } from "../../../fs/statfs.ts";
import { LOOKUP_FOLLOW, userPathAt } from "../../../fs/namei.ts";
import { isErr } from "../../../lib/err.ts";
import { copyToUser } from "../../../mm/usercopy.ts";
import { encodeWords } from "../../../mm/user_words.ts";
import type { Sleep } from "../../../sched/wait.ts";
import type { Task } from "../../../task/task.ts";
import { EINVAL, EOVERFLOW } from "../../../uapi/errno.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../../../uapi/fcntl.ts";
import { toId16 } from "./uid16.ts";

const MAX_OFFSET_32 = 0x7fff_ffff;

/** struct stat: 0 dev ino | 8 u16 mode nlink uid gid | 16 rdev size blksize blocks | 32 atime mtime ctime, with nanoseconds. */
function putStat(task: Task, ptr: number, stat: Kstat): number {
  if (stat.size > MAX_OFFSET_32) return -EOVERFLOW;
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes.set(encodeWords([stat.dev, stat.ino], 4));
  [stat.mode, stat.nlink, toId16(stat.uid), toId16(stat.gid)].forEach((value, i) =>
    view.setUint16(8 + 2 * i, value, true),
  );
  bytes.set(encodeWords([stat.rdev, stat.size, stat.blksize, stat.blocks], 4), 16);
  bytes.set(times(stat), 32);
  return copyToUser(task, ptr, bytes);
}

/**
 * struct stat64, packed: 0 u64 dev | 12 ino mode nlink uid gid | 32 u64 rdev | 44 s64 size | 52 blksize | 56 s64 blocks
 * | 64 atime mtime ctime, with nanoseconds | 88 u64 ino.
 */
function putStat64(task: Task, ptr: number, stat: Kstat): number {
  const bytes = new Uint8Array(96);
  bytes.set(encodeWords([stat.dev], 8));
  bytes.set(encodeWords([stat.ino, stat.mode, stat.nlink, stat.uid, stat.gid], 4), 12);
  bytes.set(encodeWords([stat.rdev], 8), 32);
  bytes.set(encodeWords([stat.size], 8), 44);
  bytes.set(encodeWords([stat.blksize], 4), 52);
  bytes.set(encodeWords([stat.blocks], 8), 56);
  bytes.set(times(stat), 64);
  bytes.set(encodeWords([stat.ino], 8), 88);
  return copyToUser(task, ptr, bytes);
}

function times({ atime, mtime, ctime }: Kstat): Uint8Array {
  return encodeWords(
    [atime, mtime, ctime].flatMap(({ sec, nsec }) => [sec, nsec]),
    4,
  );
}

export const sys_stat32 = (task: Task, path: number, buf: number): Sleep<number> =>
  statPath(task, AT_FDCWD, path, buf, 0, putStat);
export const sys_lstat32 = (task: Task, path: number, buf: number): Sleep<number> =>
  statPath(task, AT_FDCWD, path, buf, AT_SYMLINK_NOFOLLOW, putStat);
export const sys_fstat32 = (task: Task, fd: number, buf: number): Sleep<number> | number =>
  statFd(task, fd, buf, putStat);
export const sys_stat64 = (task: Task, path: number, buf: number): Sleep<number> =>
  statPath(task, AT_FDCWD, path, buf, 0, putStat64);
export const sys_lstat64 = (task: Task, path: number, buf: number): Sleep<number> =>
  statPath(task, AT_FDCWD, path, buf, AT_SYMLINK_NOFOLLOW, putStat64);
export const sys_fstat64 = (task: Task, fd: number, buf: number): Sleep<number> | number =>
  statFd(task, fd, buf, putStat64);
export const sys_fstatat64 = (
  task: Task,
  dirfd: number,
  path: number,
  buf: number,
  flags: number,
): Sleep<number> | number => statAt(task, dirfd, path, buf, flags, putStat64);

/** struct statfs64: counts of 64 bits between words of 32. */
function putStatfs64(task: Task, buf: number, { sizes, counts, fsid, rest }: StatfsFields): number {
  const bytes = new Uint8Array(STATFS64_SIZE);
  bytes.set(encodeWords(sizes, 4));
  bytes.set(encodeWords(counts, 8), 8);
  bytes.set(encodeWords([...fsid, ...rest], 4), 48);
  return copyToUser(task, buf, bytes);
}

const STATFS64_SIZE = 84;
/** With the padding that other machines have. Linux: kcompat_sys_statfs64(). */
const isStatfs64Size = (size: number): boolean => size === STATFS64_SIZE || size === STATFS64_SIZE + 4;

export function* sys_statfs64(task: Task, pathname: number, size: number, buf: number): Sleep<number> {
  if (!isStatfs64Size(size)) return -EINVAL;
  const path = yield* userPathAt(task, AT_FDCWD, pathname, LOOKUP_FOLLOW);
  return isErr(path) ? path : yield* statfsPath(task, path, buf, putStatfs64);
}

export function sys_fstatfs64(task: Task, fd: number, size: number, buf: number): Sleep<number> | number {
  if (!isStatfs64Size(size)) return -EINVAL;
  const file = task.files.getRaw(fd);
  return isErr(file) ? file : statfsPath(task, file.path, buf, putStatfs64);
}

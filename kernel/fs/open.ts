/**
 * open, creat, openat, openat2 and close; opening programs for execve and files for the kernel. Linux:
 * fs/open.c, fs/namei.c path_openat(); man 2 open.
 *
 *     name -> walk (namei.ts) -> last component: create it, or check rights -> File -> ops.open (FIFO, device) -> fd
 */
import { isErr } from "../lib/err.ts";
import { kernelIter } from "../mm/iov_iter.ts";
import { ABI_IA32 } from "../mm/user_words.ts";
import { copyFromUser } from "../mm/usercopy.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import {
  E2BIG,
  EACCES,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  EISDIR,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ESPIPE,
  ERESTARTNOHAND,
  ERESTARTNOINTR,
  ERESTARTSYS,
  ERESTART_RESTARTBLOCK,
  EINTR,
  ETXTBSY,
} from "../uapi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_PATH,
  O_PATH_FLAGS,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  VALID_OPEN_FLAGS,
  __O_TMPFILE,
} from "../uapi/fcntl.ts";
import {
  S_IALLUGO,
  S_IFREG,
  isBlockDevice,
  isCharDevice,
  isDirectory,
  isFifo,
  isRegular,
  isSocket,
  isSymlink,
} from "../uapi/stat.ts";
import { truncateDentry } from "./attr.ts";
import { Dentry } from "./dentry.ts";
import { hashNew } from "./directory.ts";
import { File, type FileOperations } from "./file.ts";
import { closeFile } from "./file_table.ts";
import { MAY_EXEC, MAY_READ, MAY_WRITE, S_APPEND } from "./inode.ts";
import { MNT_NODEV, MNT_NOEXEC } from "./mount.ts";
import {
  LAST_NORM,
  LOOKUP_DIRECTORY,
  LOOKUP_EMPTY,
  LOOKUP_FOLLOW,
  followLink,
  getName,
  startWalk,
  walkInto,
  walkLast,
  walkToLast,
  type Walk,
} from "./namei.ts";
import { Path } from "./path.ts";
import { inodePermission, mayCreate, mountWantWrite, ownerOrCapable } from "./permission.ts";

/** MAY_ bits by O_ACCMODE; 3 asks for both but gives neither. Linux: ACC_MODE(). */
const ACC_MODE = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE];
/** Internal flag: opened to be executed. Linux: __FMODE_EXEC. */
const FMODE_EXEC = 1 << 30;
/** Flags that describe the act of opening and do not stay with the file. */
const ACT_FLAGS = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | FMODE_EXEC;

/** Opens `name`. `flags` and `mode` are checked and complete. Linux: path_openat(). */
export function* openAt(
  task: Task,
  dirfd: number,
  name: string,
  flags: number,
  mode: number,
  resolve = 0,
  lookup_empty = 0,
): Sleep<File | number> {
  const exclusive = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
  const how =
    (flags & O_NOFOLLOW || exclusive ? 0 : LOOKUP_FOLLOW) |
    (flags & O_DIRECTORY ? LOOKUP_DIRECTORY : 0) |
    lookup_empty;
  const walk = startWalk(task, dirfd, name, how, resolve);
  if (isErr(walk)) return walk;
  const error = yield* walkToLast(walk, name);
  if (error) return error;
  if (flags & __O_TMPFILE) return yield* openTmpfile(walk, flags, mode);
  let created = false;
  if (flags & O_CREAT) {
    const result = yield* walkLastOrCreate(walk, flags, mode);
    if (result < 0) return result;
    created = result > 0;
  } else {
    const result = yield* walkLast(walk);
    if (result) return result;
    if (!walk.path.dentry.inode) return -ENOENT;
  }
  return yield* openPath(task, walk.path, flags, created);
}

/**
 * Takes the last step of an open with O_CREAT: 1 if the file was made, 0 if it was there. Linux:
 * open_last_lookups().
 */
function* walkLastOrCreate(walk: Walk, flags: number, mode: number): Sleep<number> {
  const { task } = walk;
  for (;;) {
    if (walk.last_type !== LAST_NORM) {
      const error = yield* walkLast(walk);
      return error ? error : -EISDIR;
    }
    // "name/" with O_CREAT: a directory cannot be made this way.
    const trailing_slash =
      (walk.flags & (LOOKUP_DIRECTORY | LOOKUP_FOLLOW)) === (LOOKUP_DIRECTORY | LOOKUP_FOLLOW);
    if (trailing_slash && !(flags & O_DIRECTORY)) return -EISDIR;
    const dir_path = walk.path;
    const error = yield* walkInto(walk, walk.last);
    if (error) return error;
    const { dentry } = walk.path;
    const inode = dentry.inode;
    if (!inode) {
      const readonly = mountWantWrite(dir_path.mnt);
      if (readonly) return readonly;
      const denied = yield* mayCreate(task, dir_path.dentry);
      if (denied) return denied;
      const dir = dir_path.dentry.inode!;
      if (!dir.ops.create) return -EACCES;
      const perm = mode & S_IALLUGO & ~task.fs.umask;
      const result = yield* finish(dir.ops.create(task, dir, dentry, S_IFREG | perm));
      if (result) return result;
      hashNew(dentry);
      return 1;
    }
    if (flags & O_EXCL) return -EEXIST;
    if (!isSymlink(inode.mode) || !(walk.flags & LOOKUP_FOLLOW)) return 0;
    const link = yield* followLink(walk, inode);
    if (typeof link === "number") return link;
    const again = yield* walkToLast(walk, link);
    if (again) return again;
  }
}

function* openTmpfile(walk: Walk, flags: number, mode: number): Sleep<File | number> {
  const { task } = walk;
  walk.flags |= LOOKUP_DIRECTORY;
  const error = yield* walkLast(walk);
  if (error) return error;
  const { mnt, dentry } = walk.path;
  const dir = dentry.inode;
  if (!dir) return -ENOENT;
  const readonly = mountWantWrite(mnt);
  if (readonly) return readonly;
  const denied = yield* finish(inodePermission(task, dir, MAY_WRITE | MAY_EXEC));
  if (denied) return denied;
  if (!dir.ops.tmpfile) return -EOPNOTSUPP;
  const perm = mode & S_IALLUGO & ~task.fs.umask;
  const inode = yield* finish(dir.ops.tmpfile(task, dir, S_IFREG | perm));
  if (isErr(inode)) return inode;
  const child = new Dentry(`#${inode.ino}`, dentry, dentry.sb);
  child.instantiate(inode);
  // With O_EXCL it is to stay without a name.
  if (!(flags & O_EXCL)) inode.is_linkable = true;
  return yield* makeFile(task, new Path(mnt, child), flags & ~__O_TMPFILE);
}

/** Checks the rights to an existing (or just `created`) object and opens it. Linux: do_open(). */
export function* openPath(task: Task, path: Path, flags: number, created: boolean): Sleep<File | number> {
  const inode = path.dentry.inode!;
  const { mode } = inode;
  if (flags & O_CREAT && isDirectory(mode)) return -EISDIR;
  if (flags & O_DIRECTORY && !isDirectory(mode)) return -ENOTDIR;
  if (flags & O_PATH) return new File(path, inode, flags & O_PATH_FLAGS & ~O_CLOEXEC, {});
  if (isSymlink(mode)) return -ELOOP;
  let acc_mode = ACC_MODE[flags & O_ACCMODE];
  if (flags & O_TRUNC) acc_mode |= MAY_WRITE;
  if (flags & FMODE_EXEC) acc_mode = MAY_EXEC;
  if (isDirectory(mode) && acc_mode & MAY_WRITE) return -EISDIR;
  if ((isCharDevice(mode) || isBlockDevice(mode)) && path.mnt.flags & MNT_NODEV) return -EACCES;
  if (flags & FMODE_EXEC && (!isRegular(mode) || path.mnt.flags & MNT_NOEXEC)) return -EACCES;
  const is_stored = isRegular(mode) || isDirectory(mode);
  if (!created) {
    const denied = yield* finish(inodePermission(task, inode, acc_mode));
    if (denied) return denied;
    if (is_stored && acc_mode & MAY_WRITE) {
      const readonly = mountWantWrite(path.mnt);
      if (readonly) return readonly;
    }
  }
  if (inode.flags & S_APPEND) {
    if ((flags & O_ACCMODE) !== O_RDONLY && !(flags & O_APPEND)) return -EPERM;
    if (flags & O_TRUNC) return -EPERM;
  }
  if (flags & O_NOATIME && !ownerOrCapable(task, inode)) return -EPERM;
  const file = yield* makeFile(task, path, flags);
  if (isErr(file)) return file;
  if (flags & O_TRUNC && isRegular(mode) && !created) {
    const error = yield* truncateDentry(task, path.dentry, 0, true);
    if (error) {
      file.put();
      return error;
    }
  }
  return file;
}

/** Makes the File and calls the object's own open. Rights are checked. Linux: do_dentry_open(). */
export function* makeFile(task: Task, path: Path, flags: number): Sleep<File | number> {
  const inode = path.dentry.inode!;
  if (isSocket(inode.mode)) return -ENXIO;
  const access = flags & O_ACCMODE;
  const writes = access === O_WRONLY || access === O_RDWR;
  const counts = writes && isRegular(inode.mode);
  if (counts && inode.writecount < 0) return -ETXTBSY;
  if (flags & FMODE_EXEC && inode.writecount > 0) return -ETXTBSY;
  if (flags & O_DIRECT && isDirectory(inode.mode)) return -EINVAL;
  const file = new File(path, inode, flags & ~ACT_FLAGS, inode.fops);
  if (counts) {
    inode.writecount++;
    file.counts_writer = true;
  }
  if (flags & FMODE_EXEC) {
    inode.writecount--;
    file.f_denies_write = true;
  }
  if (file.ops.open) {
    // O_NOCTTY is for the tty's open alone and leaves the flags behind it.
    file.f_flags |= flags & O_NOCTTY;
    const error = yield* finish(file.ops.open(task, inode, file));
    file.f_flags &= ~O_NOCTTY;
    if (error) {
      file.ops = NO_OPERATIONS;
      file.put();
      return error;
    }
  }
  return file;
}

const NO_OPERATIONS: FileOperations = {};

/** The checks of build_open_flags(): flags for openAt(), or -EINVAL. `strict` as openat2() is. */
function checkFlags(flags: number, mode: number, strict: boolean): number {
  if (strict) {
    if (flags & ~VALID_OPEN_FLAGS) return -EINVAL;
    if (mode & ~S_IALLUGO) return -EINVAL;
    if (mode !== 0 && !(flags & (O_CREAT | __O_TMPFILE))) return -EINVAL;
    if (flags & O_PATH && flags & ~O_PATH_FLAGS) return -EINVAL;
  }
  flags &= VALID_OPEN_FLAGS;
  if ((flags & (O_DIRECTORY | O_CREAT)) === (O_DIRECTORY | O_CREAT)) return -EINVAL;
  if (flags & __O_TMPFILE) {
    if (!(flags & O_DIRECTORY)) return -EINVAL;
    const access = flags & O_ACCMODE;
    if (access !== O_WRONLY && access !== O_RDWR) return -EINVAL;
    flags &= ~O_DIRECTORY;
  } else if (flags & O_PATH) flags &= O_PATH_FLAGS;
  return flags;
}

/** open for the system calls: a descriptor or -errno. Linux: do_sys_openat2(). */
function* openFd(
  task: Task,
  dirfd: number,
  pathname: number,
  flags: number,
  mode: number,
  resolve: number,
): Sleep<number> {
  const name = getName(task, pathname);
  if (typeof name === "number") return name;
  const file = yield* openAt(task, dirfd, name, flags, mode, resolve);
  if (isErr(file)) return file;
  return task.files.install(task, file, (flags & O_CLOEXEC) !== 0);
}

/** What programs need not say when their off_t has 64 bits. Linux: force_o_largefile(). */
function largefile(task: Task): number {
  return task.syscall_abi & ABI_IA32 ? 0 : O_LARGEFILE;
}

export function sys_openat(
  task: Task,
  dirfd: number,
  pathname: number,
  flags: number,
  mode: number,
): Sleep<number> | number {
  const checked = checkFlags(flags | largefile(task), mode, false);
  return checked < 0 ? checked : openFd(task, dirfd, pathname, checked, mode, 0);
}

export function sys_open(task: Task, pathname: number, flags: number, mode: number): Sleep<number> | number {
  return sys_openat(task, AT_FDCWD, pathname, flags, mode);
}

export function sys_creat(task: Task, pathname: number, mode: number): Sleep<number> | number {
  return sys_openat(task, AT_FDCWD, pathname, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/** openat2(2): struct open_how { u64 flags, mode, resolve }. */
export function sys_openat2(
  task: Task,
  dirfd: number,
  pathname: number,
  how: number,
  size: number,
): Sleep<number> | number {
  if (size < 24) return -EINVAL;
  if (size > 4096) return -E2BIG;
  const bytes = new Uint8Array(size);
  if (copyFromUser(task, how, bytes) < 0) return -EFAULT;
  if (bytes.subarray(24).some((byte) => byte !== 0)) return -E2BIG;
  const view = new DataView(bytes.buffer);
  const u64 = (offset: number) => view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
  const [flags, mode, resolve] = [u64(0), u64(8), u64(16)];
  if (flags > 0x7fffffff || mode > 0xffff || resolve > 0x3f) return -EINVAL;
  if ((resolve & 0x18) === 0x18) return -EINVAL; // RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other
  const checked = checkFlags(flags, mode, true);
  return checked < 0 ? checked : openFd(task, dirfd, pathname, checked | O_LARGEFILE, mode, resolve);
}

export function sys_close(task: Task, fd: number): number {
  const file = task.files.take(fd);
  if (isErr(file)) return file;
  const result = closeFile(task, task.files, file);
  // The descriptor is gone: a close() cannot be restarted.
  const is_restart =
    result === -ERESTARTSYS ||
    result === -ERESTARTNOINTR ||
    result === -ERESTARTNOHAND ||
    result === -ERESTART_RESTARTBLOCK;
  return is_restart ? -EINTR : result;
}

const CLOSE_RANGE_UNSHARE = 1 << 1;
const CLOSE_RANGE_CLOEXEC = 1 << 2;

export function sys_close_range(task: Task, first: number, last: number, flags: number): number {
  if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) return -EINVAL;
  if (first > last) return -EINVAL;
  if (flags & CLOSE_RANGE_UNSHARE && task.files.isShared) {
    const copy = task.files.clone();
    task.files.release(task);
    task.files = copy;
  }
  const { files } = task;
  const end = Math.min(last, files.length - 1);
  for (let fd = first; fd <= end; fd++) {
    if (isErr(files.getRaw(fd))) continue;
    if (flags & CLOSE_RANGE_CLOEXEC) files.setCloexec(fd, true);
    else sys_close(task, fd);
  }
  return 0;
}

/** See Vfs.openExec. Linux: do_open_execat(). */
export function* openExec(task: Task, name: string, dirfd = AT_FDCWD, flags = 0): Sleep<File | number> {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  const nofollow = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
  const empty = flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0;
  return yield* openAt(task, dirfd, name, O_RDONLY | O_LARGEFILE | FMODE_EXEC | nofollow, 0, 0, empty);
}

/** See Vfs.kernelRead. */
export function* kernelRead(task: Task, file: File, pos: number, length: number): Sleep<Uint8Array | number> {
  const bytes = new Uint8Array(length);
  if (!file.ops.read) return -EINVAL;
  let done = 0;
  while (done < length) {
    const part = kernelIter(bytes.subarray(done));
    const count = yield* finish(file.ops.read(task, file, part, pos + done));
    if (count < 0) return count;
    if (count === 0) break;
    done += count;
  }
  return done === length ? bytes : bytes.subarray(0, done);
}

/** Opens a file for the kernel itself. Linux: filp_open(). */
export function kernelOpen(task: Task, name: string, flags: number, mode = 0): Sleep<File | number> {
  return openAt(task, AT_FDCWD, name, flags | O_LARGEFILE, mode);
}

/** See Vfs.openConsole. */
export function* openInitialConsole(task: Task): Sleep<void> {
  const file = yield* kernelOpen(task, "/dev/console", O_RDWR);
  if (isErr(file)) {
    task.kernel.printk.warn("Warning: unable to open an initial console.");
    return;
  }
  task.files.install(task, file, false);
  task.files.install(task, file.get(), false);
  task.files.install(task, file.get(), false);
}

export function sys_fallocate(
  task: Task,
  fd: number,
  mode: number,
  offset: number,
  length: number,
): Sleep<number> | number {
  const file = task.files.get(fd);
  if (isErr(file)) return file;
  if (offset < 0 || length <= 0) return -EINVAL;
  if (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
  if (!file.isWritable) return -EBADF;
  const { mode: type } = file.inode;
  if (isFifo(type)) return -ESPIPE;
  if (isDirectory(type)) return -EISDIR;
  if (!isRegular(type)) return -ENODEV;
  if (!file.ops.fallocate) return -EOPNOTSUPP;
  return file.ops.fallocate(task, file, mode, offset, length);
}

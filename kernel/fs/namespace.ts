/**
 * The mount namespace: which file systems are attached where, and mount(2), umount2(2), pivot_root(2). Linux:
 * fs/namespace.c.
 *
 *     Mount(rootfs) root "/" --- dentry "proc" --- Mount(proc).root
 *                             \- dentry "dev"  --- Mount(devtmpfs).root --- dentry "pts" --- ...
 *
 * A path walk crosses from a mount point (mount, dentry) to the root of the mount on top of it, and back on
 * "..".
 */
import { isErr } from "../lib/err.ts";
import { finish, type Sleep } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import type { Task } from "../task/task.ts";
import { CAP_SYS_ADMIN } from "../uapi/capability.ts";
import { EBUSY, EFAULT, EINVAL, ELOOP, ENODEV, ENOENT, ENOTDIR, EPERM } from "../uapi/errno.ts";
import { AT_FDCWD } from "../uapi/fcntl.ts";
import {
  MNT_DETACH,
  MNT_EXPIRE,
  MNT_FORCE,
  MS_BIND,
  MS_MGC_MSK,
  MS_MGC_VAL,
  MS_MOVE,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
  UMOUNT_NOFOLLOW,
} from "../uapi/mount.ts";
import { isDirectory } from "../uapi/stat.ts";
import { latin1, readUserString, copyFromUserPartial } from "../mm/usercopy.ts";
import type { Dentry } from "./dentry.ts";
import {
  MNT_NOATIME,
  MNT_NODEV,
  MNT_NODIRATIME,
  MNT_NOEXEC,
  MNT_NOSUID,
  MNT_NOSYMFOLLOW,
  MNT_READONLY,
  MNT_RELATIME,
  Mount,
} from "./mount.ts";
import { LOOKUP_FOLLOW, lookupPath, userPathAt } from "./namei.ts";
import { Path } from "./path.ts";
import type { FileSystemType, SuperBlock } from "./superblock.ts";
import type { Vfs } from "./vfs.ts";

export class MountNamespace {
  root!: Mount;
  /** Every mount of the tree in the order of mounting: /proc/mounts. */
  readonly list: Mount[] = [];
  /** Counts changes, for poll() on /proc/mounts. */
  event = 0;
  readonly #on = new Map<Dentry, Mount[]>();
  #next_id = 0;

  constructor(readonly vfs: Vfs) {}

  nextId(): number {
    return ++this.#next_id;
  }

  /** The first mount: everything else hangs from it. Linux: init_mount_tree(). */
  mountRootfs(type: FileSystemType): void {
    const sb = type.mount(this.vfs.kernel, "rootfs", 0, "mode=755");
    if (!isSuper(sb)) throw new Error("rootfs cannot be mounted");
    this.root = new Mount(this.nextId(), sb, sb.root, "rootfs", MNT_RELATIME);
    this.register(this.root);
  }

  rootPath(): Path {
    return new Path(this.root, this.root.root);
  }

  private register(mnt: Mount): void {
    this.list.push(mnt);
    mnt.sb.nr_mounts++;
    this.vfs.supers.add(mnt.sb);
    this.event++;
  }

  /** The topmost mount directly on (mnt, dentry), if any. */
  mountedOn(mnt: Mount, dentry: Dentry): Mount | undefined {
    const mounts = this.#on.get(dentry);
    return mounts?.findLast((mount) => mount.parent === mnt);
  }

  /** Follows mounts downwards: the path a walk really gets to. Linux: traverse_mounts(). */
  cross(path: Path): Path {
    let { mnt, dentry } = path;
    while (dentry.nr_mounts > 0) {
      const child = this.mountedOn(mnt, dentry);
      if (!child) break;
      mnt = child;
      dentry = child.root;
    }
    return mnt === path.mnt ? path : new Path(mnt, dentry);
  }

  /** Puts `mnt` on `at`. */
  attach(mnt: Mount, at: Path): void {
    mnt.parent = at.mnt;
    mnt.mountpoint = at.dentry;
    const mounts = this.#on.get(at.dentry);
    if (mounts) mounts.push(mnt);
    else this.#on.set(at.dentry, [mnt]);
    at.dentry.nr_mounts++;
    this.register(mnt);
  }

  /** Takes `mnt` out of the tree; its children stay on it. */
  detach(mnt: Mount): void {
    const { mountpoint } = mnt;
    if (mountpoint) {
      const mounts = this.#on.get(mountpoint)!;
      mounts.splice(mounts.indexOf(mnt), 1);
      if (mounts.length === 0) this.#on.delete(mountpoint);
      mountpoint.nr_mounts--;
    }
    mnt.parent = null;
    mnt.mountpoint = null;
    const index = this.list.indexOf(mnt);
    if (index >= 0) this.list.splice(index, 1);
    this.event++;
    if (--mnt.sb.nr_mounts === 0) {
      this.vfs.supers.delete(mnt.sb);
      mnt.sb.is_detached = true;
      this.reapSuper(mnt.sb);
    }
  }

  /** Ends a file system without mounts once no file and no working directory is in it. */
  reapSuper(sb: SuperBlock): void {
    if (sb.nr_files > 0 || this.#hasTaskIn((mnt) => mnt.sb === sb)) return;
    sb.is_detached = false;
    sb.ops.killSuper?.(sb);
  }

  /** Whether a task's working directory or root is on such a mount. */
  #hasTaskIn(matches: (mnt: Mount) => boolean): boolean {
    for (const { exit_state, fs } of this.vfs.kernel.tasks.threads()) {
      if (!exit_state && fs && (matches(fs.pwd.mnt) || matches(fs.root.mnt))) return true;
    }
    return false;
  }

  /** Moves an attached mount to another place. */
  reattach(mnt: Mount, at: Path): void {
    mnt.sb.nr_mounts++; // keeps the superblock over the gap
    this.detach(mnt);
    this.attach(mnt, at);
    mnt.sb.nr_mounts--;
  }

  isAttached(mnt: Mount): boolean {
    return this.list.includes(mnt);
  }

  childrenOf(mnt: Mount): Mount[] {
    return this.list.filter((child) => child.parent === mnt);
  }

  /**
   * Whether something uses the mount: open files, working directories, mounts on it. Linux:
   * propagate_mount_busy().
   */
  isBusy(mnt: Mount): boolean {
    return mnt.nr_files > 0 || this.childrenOf(mnt).length > 0 || this.#hasTaskIn((used) => used === mnt);
  }
}

function isSuper(value: unknown): value is SuperBlock {
  return typeof value === "object" && value !== null && "magic" in value;
}

/** MNT_ flags of mount(2)'s MS_ flags. Linux: path_mount(). */
function mountFlags(flags: number): number {
  let mnt_flags = 0;
  if (!(flags & MS_NOATIME)) mnt_flags |= MNT_RELATIME;
  if (flags & MS_NOSUID) mnt_flags |= MNT_NOSUID;
  if (flags & MS_NODEV) mnt_flags |= MNT_NODEV;
  if (flags & MS_NOEXEC) mnt_flags |= MNT_NOEXEC;
  if (flags & MS_NOATIME) mnt_flags |= MNT_NOATIME;
  if (flags & MS_NODIRATIME) mnt_flags |= MNT_NODIRATIME;
  if (flags & MS_STRICTATIME) mnt_flags &= ~(MNT_RELATIME | MNT_NOATIME);
  if (flags & MS_RELATIME) mnt_flags |= MNT_RELATIME;
  if (flags & MS_RDONLY) mnt_flags |= MNT_READONLY;
  if (flags & MS_NOSYMFOLLOW) mnt_flags |= MNT_NOSYMFOLLOW;
  return mnt_flags;
}

/** Mounts file system type `type_name` on `at`. Linux: do_new_mount(). */
export function* mountNew(
  task: Task,
  at: Path,
  type_name: string,
  source: string,
  flags: number,
  data: string,
): Sleep<number> {
  const { vfs } = task.kernel;
  const type = vfs.fs_types.get(type_name);
  if (!type) return -ENODEV;
  if (!isDirectory(at.dentry.inode!.mode)) return -ENOTDIR;
  const sb = yield* finish(
    type.mount(task.kernel, source, flags & (MS_RDONLY | MS_SYNCHRONOUS | MS_SILENT), data),
  );
  if (isErr(sb)) return sb;
  const { mounts } = vfs;
  const top = mounts.cross(at);
  // The same file system twice on the same place is refused.
  if (top.mnt.sb === sb && top.dentry === top.mnt.root && top.mnt !== mounts.root) return -EBUSY;
  if (!isDirectory(sb.root.inode!.mode)) return -ENOTDIR;
  mounts.attach(new Mount(mounts.nextId(), sb, sb.root, source || "none", mountFlags(flags)), top);
  return 0;
}

/** Makes the directory or file at `from` appear at `at` too. Linux: do_loopback(). */
function bindMount(vfs: Vfs, from: Path, at: Path, recursive: boolean): number {
  if (isDirectory(from.dentry.inode!.mode) !== isDirectory(at.dentry.inode!.mode)) return -ENOTDIR;
  const { mounts } = vfs;
  if (!mounts.isAttached(from.mnt)) return -EINVAL;
  const copies = recursive ? mounts.list.filter((mnt) => isUnder(mnt, from)) : [];
  const top = new Mount(mounts.nextId(), from.mnt.sb, from.dentry, from.mnt.devname, from.mnt.flags);
  mounts.attach(top, at);
  const copied = new Map<Mount, Mount>([[from.mnt, top]]);
  for (const mnt of copies) {
    const parent = copied.get(mnt.parent!);
    if (!parent) continue;
    const copy = new Mount(mounts.nextId(), mnt.sb, mnt.root, mnt.devname, mnt.flags);
    mounts.attach(copy, new Path(parent, mnt.mountpoint!));
    copied.set(mnt, copy);
  }
  return 0;
}

/** Whether `mnt` is mounted below the directory `path`. */
function isUnder(mnt: Mount, path: Path): boolean {
  for (let each = mnt; each.parent; each = each.parent) {
    if (each.parent === path.mnt) return each.mountpoint!.isBelow(path.dentry);
  }
  return false;
}

function moveMount(vfs: Vfs, from: Path, at: Path): number {
  const { mounts } = vfs;
  if (from.dentry !== from.mnt.root || !from.mnt.parent) return -EINVAL;
  if (isDirectory(from.dentry.inode!.mode) !== isDirectory(at.dentry.inode!.mode)) return -EINVAL;
  for (let mnt: Mount | null = at.mnt; mnt; mnt = mnt.parent) if (mnt === from.mnt) return -ELOOP;
  mounts.reattach(from.mnt, at);
  return 0;
}

/**
 * mount -o remount. With MS_BIND only the mount's flags change. Linux: do_remount(), do_reconfigure_mnt().
 */
function remount(at: Path, flags: number, data: string): number {
  const { mnt } = at;
  if (at.dentry !== mnt.root) return -EINVAL;
  const kept =
    flags & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME) ? 0 : mnt.flags & ATIME_FLAGS;
  const new_flags = kept ? (mountFlags(flags) & ~ATIME_FLAGS) | kept : mountFlags(flags);
  if (!(flags & MS_BIND)) {
    const { sb } = mnt;
    if (flags & MS_RDONLY && !(sb.flags & MS_RDONLY) && hasWriters(sb)) return -EBUSY;
    const error = sb.ops.remount?.(sb, data) ?? 0;
    if (error) return error;
    sb.flags = (sb.flags & ~MS_RDONLY) | (flags & MS_RDONLY);
    mnt.flags = new_flags & ~MNT_READONLY;
  } else mnt.flags = new_flags;
  mnt.sb.kernel.vfs.mounts.event++;
  return 0;
}

const ATIME_FLAGS = MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME;

/** Whether a file of the file system is open for writing. Linux: sb_prepare_remount_readonly(). */
function hasWriters(sb: SuperBlock): boolean {
  for (const task of sb.kernel.tasks.threads()) {
    if (!task.files) continue;
    for (const fd of task.files.descriptors()) {
      const file = task.files.getRaw(fd);
      if (typeof file !== "number" && file.inode.sb === sb && file.counts_writer) return true;
    }
  }
  return false;
}

/** The options page of mount(2): text up to a zero, at most 4095 bytes. */
function mountData(task: Task, ptr: number): string | number {
  if (ptr === 0) return "";
  const bytes = new Uint8Array(4096);
  const length = copyFromUserPartial(task, ptr, bytes);
  if (length === 0) return -EFAULT;
  const end = bytes.subarray(0, length).indexOf(0);
  return latin1(bytes, 0, end < 0 ? Math.min(length, 4095) : end);
}

export function* sys_mount(
  task: Task,
  source: number,
  target: number,
  fs_type: number,
  flags: number,
  data: number,
): Sleep<number> {
  const type_name = fs_type === 0 ? "" : readUserString(task, fs_type, 4096);
  if (typeof type_name === "number") return type_name;
  const source_name = source === 0 ? "" : readUserString(task, source, 4096);
  if (typeof source_name === "number") return source_name;
  const options = mountData(task, data);
  if (typeof options === "number") return options;
  const at = yield* userPathAt(task, AT_FDCWD, target, LOOKUP_FOLLOW);
  if (isErr(at)) return at;
  if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
  flags = flags | 0;
  if (((flags & MS_MGC_MSK) | 0) === (MS_MGC_VAL | 0)) flags &= ~MS_MGC_MSK;
  const { vfs } = task.kernel;
  if (flags & MS_REMOUNT) return remount(at, flags, options);
  if (flags & (MS_BIND | MS_MOVE)) {
    if (source_name === "") return -ENOENT;
    const from = yield* lookupPath(task, AT_FDCWD, source_name, LOOKUP_FOLLOW);
    if (isErr(from)) return from;
    return flags & MS_BIND ? bindMount(vfs, from, at, (flags & MS_REC) !== 0) : moveMount(vfs, from, at);
  }
  if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) {
    // There is one namespace, and propagation inside it is private: that can be asked for, sharing cannot.
    if (at.dentry !== at.mnt.root) return -EINVAL;
    return flags & (MS_SHARED | MS_SLAVE) ? -EINVAL : 0;
  }
  if (type_name === "") return -EINVAL;
  return yield* mountNew(task, at, type_name, source_name, flags, options);
}

export function* sys_umount2(task: Task, target: number, flags: number): Sleep<number> {
  if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) return -EINVAL;
  const path = yield* userPathAt(task, AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW);
  if (isErr(path)) return path;
  const { mnt } = path;
  if (path.dentry !== mnt.root) return -EINVAL;
  if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
  const { mounts } = task.kernel.vfs;
  if (!mounts.isAttached(mnt) || mnt === mounts.root) return -EINVAL;
  if (flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH)) return -EINVAL;
  if (flags & MNT_DETACH) {
    detachTree(mounts, mnt);
    return 0;
  }
  if (mounts.isBusy(mnt)) return -EBUSY;
  const { sb } = mnt;
  if (sb.nr_mounts === 1 && sb.ops.sync) {
    const error = yield* finish(sb.ops.sync(sb));
    if (error) return error;
  }
  mounts.detach(mnt);
  return 0;
}

/** Lazy unmount: the whole subtree disappears at once, in use or not. */
function detachTree(mounts: MountNamespace, mnt: Mount): void {
  for (const child of mounts.childrenOf(mnt)) detachTree(mounts, child);
  mounts.detach(mnt);
}

export function* sys_pivot_root(task: Task, new_root: number, put_old: number): Sleep<number> {
  if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
  const new_path = yield* userPathAt(task, AT_FDCWD, new_root, LOOKUP_FOLLOW);
  if (isErr(new_path)) return new_path;
  const old_path = yield* userPathAt(task, AT_FDCWD, put_old, LOOKUP_FOLLOW);
  if (isErr(old_path)) return old_path;
  const { mounts } = task.kernel.vfs;
  const root = task.fs.root;
  if (!isDirectory(new_path.dentry.inode!.mode) || !isDirectory(old_path.dentry.inode!.mode)) return -ENOTDIR;
  if (new_path.mnt === root.mnt || old_path.mnt === root.mnt) return -EBUSY;
  // rootfs is the bottom of the tree and cannot be moved.
  if (root.dentry !== root.mnt.root || !root.mnt.parent) return -EINVAL;
  if (new_path.dentry !== new_path.mnt.root || !new_path.mnt.parent) return -EINVAL;
  if (!(old_path.mnt === new_path.mnt && old_path.dentry.isBelow(new_path.dentry))) {
    if (!isUnder(old_path.mnt, new_path)) return -EINVAL;
  }
  const at = new Path(root.mnt.parent, root.mnt.mountpoint!);
  mounts.reattach(new_path.mnt, at);
  mounts.reattach(root.mnt, old_path);
  for (const each of task.kernel.tasks.threads()) {
    if (!each.fs) continue;
    if (each.fs.root.equals(root)) each.fs.root = new_path;
    if (each.fs.pwd.equals(root)) each.fs.pwd = new_path;
  }
  return 0;
}

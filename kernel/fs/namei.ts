/**
 * Path walk: from a string to a mount and a dentry. Linux: fs/namei.c; man 7 path_resolution.
 *
 *     "/mnt/../etc/passwd"  --component by component-->  Path { mnt, dentry } -> dentry.inode
 *
 * Each component is searched in the dentry cache, then by the directory's `lookup`; mounts are crossed
 * downwards after each component and upwards on ".."; symbolic links are followed with at most 40 in one
 * walk. The walk is one generator and sleeps only if a file system does.
 */
import { isErr } from "../lib/err.ts";
import { readUserString } from "../mm/usercopy.ts";
import { finish, isSleep, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { EAGAIN, EBADF, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from "../uapi/errno.ts";
import {
  AT_FDCWD,
  NAME_MAX,
  PATH_MAX,
  RESOLVE_BENEATH,
  RESOLVE_CACHED,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "../uapi/fcntl.ts";
import { isDirectory, isSymlink } from "../uapi/stat.ts";
import { Dentry } from "./dentry.ts";
import { MAY_EXEC, S_NOATIME, currentTime, type Inode } from "./inode.ts";
import { MNT_NOATIME, MNT_NOSYMFOLLOW, MNT_READONLY, MNT_RELATIME, type Mount } from "./mount.ts";
import { Path } from "./path.ts";
import { inodePermission } from "./permission.ts";

/** Follow a symbolic link in the last component. */
export const LOOKUP_FOLLOW = 0x0001;
/** The result must be a directory. */
export const LOOKUP_DIRECTORY = 0x0002;
/** "" means `dirfd` itself (AT_EMPTY_PATH). */
export const LOOKUP_EMPTY = 0x4000;

/** What the last component is. */
export const LAST_NORM = 0;
export const LAST_ROOT = 1;
export const LAST_DOT = 2;
export const LAST_DOTDOT = 3;

/** Symbolic links followed in one walk. Linux: MAXSYMLINKS. */
const MAXSYMLINKS = 40;

/** The state of one walk. Linux: struct nameidata. */
export class Walk {
  path: Path;
  /** Where "/" and the top ".." lead. */
  root: Path;
  /** Directory of the entry that `path` is now: where the text of a link is walked from. */
  link_dir: Path;
  /** The last component, not yet looked up, of `walkToLast`. */
  last = "";
  last_type = LAST_ROOT;
  nr_links = 0;

  constructor(
    readonly task: Task,
    start: Path,
    /** LOOKUP_ flags; a trailing slash adds LOOKUP_FOLLOW | LOOKUP_DIRECTORY. */
    public flags: number,
    /** RESOLVE_ flags of openat2(). */
    readonly resolve: number,
  ) {
    this.path = start;
    this.link_dir = start;
    this.root = resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH) ? start : task.fs.root;
  }
}

/** Where a relative `name` starts. -EBADF, -ENOTDIR. Absolute names ignore `dirfd`. */
function startOf(task: Task, dirfd: number, name: string, resolve: number): Path | number {
  const in_root = (resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)) !== 0;
  if (name.charCodeAt(0) === SLASH && !in_root) return task.fs.root;
  if (dirfd === AT_FDCWD) return task.fs.pwd;
  const file = task.files.getRaw(dirfd);
  if (isErr(file)) return file;
  if (name !== "" && !isDirectory(file.inode.mode)) return -ENOTDIR;
  return file.path;
}

/** Starts a walk of `name` from `dirfd` (AT_FDCWD: the working directory). */
export function startWalk(
  task: Task,
  dirfd: number,
  name: string,
  flags: number,
  resolve = 0,
): Walk | number {
  if (name === "" && (flags & LOOKUP_EMPTY) === 0) return -ENOENT;
  const start = startOf(task, dirfd | 0, name, resolve);
  return isErr(start) ? start : new Walk(task, start, flags, resolve);
}

/** Finds the object that `name` means. Linux: filename_lookup(). */
export function* lookupPath(
  task: Task,
  dirfd: number,
  name: string,
  flags: number,
  resolve = 0,
): Sleep<Path | number> {
  const walk = startWalk(task, dirfd, name, flags, resolve);
  if (isErr(walk)) return walk;
  const error = yield* walkToLast(walk, name);
  if (error) return error;
  const found = yield* walkLast(walk);
  if (found) return found;
  return walk.path.dentry.inode ? walk.path : -ENOENT;
}

/** Finds the directory of `name` and leaves its last component in `walk.last`. Linux: filename_parentat(). */
export function* lookupParent(task: Task, dirfd: number, name: string, flags = 0): Sleep<Walk | number> {
  const walk = startWalk(task, dirfd, name, flags);
  if (isErr(walk)) return walk;
  const error = yield* walkToLast(walk, name);
  return error ? error : walk;
}

/**
 * Reads a path from user memory: at most PATH_MAX with its zero. -EFAULT, -ENAMETOOLONG. Linux: getname().
 */
export function getName(task: Task, ptr: number): string | number {
  const name = readUserString(task, ptr, PATH_MAX);
  return typeof name === "string" && name.length >= PATH_MAX ? -ENAMETOOLONG : name;
}

/** lookupPath() for a path in user memory. */
export function* userPathAt(task: Task, dirfd: number, ptr: number, flags: number): Sleep<Path | number> {
  const name = getName(task, ptr);
  if (typeof name === "number") return name;
  return yield* lookupPath(task, dirfd, name, flags);
}

/** A path given by the kernel itself, seen from the task's root; follows links. */
export function* kernelPath(task: Task, name: string): Sleep<Path | number> {
  return yield* lookupPath(task, AT_FDCWD, name, LOOKUP_FOLLOW);
}

/**
 * Walks all components but the last. Links on the way are followed; `walk.path` becomes the directory that
 * holds the last component, which is left in `walk.last`. Linux: link_path_walk().
 */
export function* walkToLast(walk: Walk, name: string): Sleep<number> {
  const { task } = walk;
  /** Remainders of the texts around the link being walked. */
  let outer: string[] | null = null;
  let rest = name;
  let at = 0;
  walk.last_type = LAST_ROOT;
  walk.last = "";
  if (rest.charCodeAt(0) === SLASH) {
    const error = jumpToRoot(walk);
    if (error) return error;
  }
  for (;;) {
    while (rest.charCodeAt(at) === SLASH) at++;
    if (at >= rest.length) {
      if (!outer || outer.length === 0) return 0;
      rest = outer.pop()!;
      at = 0;
      continue;
    }
    const dir = walk.path.dentry.inode;
    if (!dir || !isDirectory(dir.mode)) return -ENOTDIR;
    const allowed = inodePermission(task, dir, MAY_EXEC);
    const denied = isSleep(allowed) ? yield* allowed : allowed;
    if (denied) return denied;

    let end = rest.indexOf("/", at);
    if (end < 0) end = rest.length;
    if (end - at > NAME_MAX) return -ENAMETOOLONG;
    const component = rest.slice(at, end);
    let next = end;
    while (rest.charCodeAt(next) === SLASH) next++;
    if (next >= rest.length && (!outer || outer.length === 0)) {
      walk.last = component;
      walk.last_type = component === "." ? LAST_DOT : component === ".." ? LAST_DOTDOT : LAST_NORM;
      // "name/" demands a directory, and follows a link to find one.
      if (next > end) walk.flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
      return 0;
    }
    at = next;
    if (component === ".") continue;
    if (component === "..") {
      const error = walkUp(walk);
      if (error) return error;
      continue;
    }
    const error = yield* walkInto(walk, component);
    if (error) return error;
    const inode = walk.path.dentry.inode;
    if (!inode) return -ENOENT;
    if (isSymlink(inode.mode)) {
      const link = yield* followLink(walk, inode);
      if (typeof link === "number") {
        if (link < 0) return link;
        continue; // a magic link has set walk.path
      }
      if (at < rest.length) (outer ??= []).push(rest.slice(at));
      rest = link;
      at = 0;
      if (link.charCodeAt(0) === SLASH) {
        const jumped = jumpToRoot(walk);
        if (jumped) return jumped;
      }
    } else if (!isDirectory(inode.mode)) {
      return -ENOTDIR;
    }
  }
}

/**
 * Takes the last step after `walkToLast`: `walk.path` becomes the object itself, its dentry negative if the
 * name does not exist. Links are followed if `walk.flags` has LOOKUP_FOLLOW. Linux: lookup_last().
 */
export function* walkLast(walk: Walk): Sleep<number> {
  for (;;) {
    switch (walk.last_type) {
      case LAST_DOTDOT: {
        const error = walkUp(walk);
        if (error) return error;
        break;
      }
      case LAST_NORM: {
        const error = yield* walkInto(walk, walk.last);
        if (error) return error;
        const inode = walk.path.dentry.inode;
        if (inode && isSymlink(inode.mode) && walk.flags & LOOKUP_FOLLOW) {
          const link = yield* followLink(walk, inode);
          if (typeof link === "number") {
            if (link < 0) return link;
            break;
          }
          const again = yield* walkToLast(walk, link);
          if (again) return again;
          continue;
        }
        break;
      }
    }
    const inode = walk.path.dentry.inode;
    if (inode && walk.flags & LOOKUP_DIRECTORY && !isDirectory(inode.mode)) return -ENOTDIR;
    return 0;
  }
}

/**
 * Steps from the directory `walk.path` to its entry `name`, links not followed; for a link, `path` is the
 * link itself.
 */
export function* walkInto(walk: Walk, name: string): Sleep<number> {
  const { mnt, dentry: dir } = walk.path;
  let dentry = dir.child(name);
  if (!dentry || dir.sb.dops.revalidate) {
    const found = yield* lookupDentry(walk.task, dir, name);
    if (isErr(found)) return found;
    dentry = found;
  }
  if (walk.resolve & RESOLVE_CACHED && !dentry.hashed) return -EAGAIN;
  const inode = dentry.inode;
  walk.link_dir = walk.path;
  let path = new Path(mnt, dentry);
  if (inode && dentry.nr_mounts > 0) {
    path = walk.task.kernel.vfs.mounts.cross(path);
    if (path.mnt !== mnt && walk.resolve & RESOLVE_NO_XDEV) return -EXDEV;
  }
  walk.path = path;
  return 0;
}

/** The child of `dir` called `name`, negative if there is none: from the cache or by the file system. */
export function* lookupDentry(task: Task, dir: Dentry, name: string): Sleep<Dentry | number> {
  const cached = dir.child(name);
  if (cached) {
    const { revalidate } = dir.sb.dops;
    if (!revalidate || (yield* finish(revalidate(task, cached)))) return cached;
    cached.unhash();
  }
  const dentry = new Dentry(name, dir, dir.sb);
  const inode = dir.inode!;
  if (!inode.ops.lookup) return dentry;
  const result = inode.ops.lookup(task, inode, dentry);
  const found = isSleep(result) ? yield* result : result;
  if (typeof found === "number") return found;
  const raced = dir.child(name);
  if (raced) return raced; // someone else looked it up while we slept
  if (found) dentry.instantiate(found);
  if ((found || dir.sb.caches_negative) && !dentry.dont_cache) dentry.hash();
  return dentry;
}

/** Goes to the parent directory, not above the root, across mounts. Linux: follow_dotdot(). */
function walkUp(walk: Walk): number {
  const { root } = walk;
  let { mnt, dentry } = walk.path;
  const mounts = walk.task.kernel.vfs.mounts;
  for (;;) {
    if (mnt === root.mnt && dentry === root.dentry) {
      if (walk.resolve & RESOLVE_BENEATH) return -EXDEV;
      return 0;
    }
    if (dentry !== mnt.root) break;
    if (!mnt.parent) return 0;
    if (walk.resolve & RESOLVE_NO_XDEV) return -EXDEV;
    dentry = mnt.mountpoint!;
    mnt = mnt.parent;
  }
  walk.path = mounts.cross(new Path(mnt, dentry.parent));
  return 0;
}

function jumpToRoot(walk: Walk): number {
  if (walk.resolve & RESOLVE_BENEATH) return -EXDEV;
  if (walk.resolve & RESOLVE_NO_XDEV && walk.root.mnt !== walk.path.mnt) return -EXDEV;
  walk.path = walk.root;
  return 0;
}

/**
 * Follows the link that `walk.path` is: its text, with `walk.path` back at the link's directory; or 0 after a
 * magic link has set `walk.path`; or -errno. Linux: pick_link(), get_link().
 */
export function* followLink(walk: Walk, inode: Inode): Sleep<string | number> {
  const { task } = walk;
  if (++walk.nr_links > MAXSYMLINKS) return -ELOOP;
  if (walk.resolve & RESOLVE_NO_SYMLINKS) return -ELOOP;
  if (walk.path.mnt.flags & MNT_NOSYMFOLLOW) return -ELOOP;
  touchAccess(walk.path.mnt, inode);
  if (inode.ops.followLink) {
    if (walk.resolve & RESOLVE_NO_MAGICLINKS) return -ELOOP;
    const target = yield* finish(inode.ops.followLink(task, inode));
    if (typeof target === "number") return target;
    if (walk.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) return -EXDEV;
    if (walk.resolve & RESOLVE_NO_XDEV && target.mnt !== walk.path.mnt) return -EXDEV;
    walk.path = target;
    return 0;
  }
  if (!inode.ops.readlink) return -ELOOP;
  const text = yield* finish(inode.ops.readlink(task, inode));
  if (typeof text === "number") return text;
  if (text === "") return -ENOENT;
  walk.path = walk.link_dir;
  return text;
}

/** Updates the access time as the mount's options say. Linux: touch_atime(), relatime_need_update(). */
export function touchAccess(mnt: Mount, inode: Inode): void {
  if (inode.flags & S_NOATIME || mnt.flags & (MNT_READONLY | MNT_NOATIME) || mnt.isReadOnly) return;
  const { kernel } = inode.sb;
  const now = currentTime(kernel);
  if (mnt.flags & MNT_RELATIME) {
    const { atime } = inode;
    const isOlder = (than: typeof atime) =>
      than.sec > atime.sec || (than.sec === atime.sec && than.nsec >= atime.nsec);
    if (!isOlder(inode.mtime) && !isOlder(inode.ctime) && now.sec - atime.sec < 24 * 3600) return;
  } else if (now === inode.atime) return;
  inode.atime = now;
}

const SLASH = 0x2f;

/**
 * Text of the path from the task's root, "(unreachable)" if outside, " (deleted)" if removed. Linux:
 * d_path().
 */
export function pathName(path: Path, root: Path | null): string {
  const { dname } = path.dentry.sb.dops;
  if (dname && path.mnt.parent === null && path.mnt.mountpoint === null) return dname(path.dentry);
  const text = pathNameRaw(path, root);
  return isDeleted(path.dentry) ? `${text} (deleted)` : text;
}

export function isDeleted(dentry: Dentry): boolean {
  return !dentry.hashed && !dentry.isRoot && !dentry.dont_cache;
}

/** As pathName() without the deletion mark. */
export function pathNameRaw(path: Path, root: Path | null): string {
  let { mnt, dentry } = path;
  let text = "";
  for (;;) {
    if (root && mnt === root.mnt && dentry === root.dentry) break;
    if (dentry === mnt.root) {
      if (!mnt.parent) {
        // The top: the root of the namespace, or of a detached mount.
        if (root && mnt !== root.mnt && !mnt.sb.kernel.vfs.mounts.isAttached(mnt))
          return `(unreachable)${text || "/"}`;
        break;
      }
      dentry = mnt.mountpoint!;
      mnt = mnt.parent;
      continue;
    }
    if (dentry.isRoot) break;
    text = `/${dentry.name}${text}`;
    dentry = dentry.parent;
  }
  return text || "/";
}

/** -EBADF etc. for a directory descriptor used by fchdir(), or its path. */
export function pathOfDirFd(task: Task, fd: number): Path | number {
  const file = task.files.getRaw(fd);
  if (isErr(file)) return -EBADF;
  return isDirectory(file.inode.mode) ? file.path : -ENOTDIR;
}

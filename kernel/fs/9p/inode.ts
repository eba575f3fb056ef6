/**
 * Inodes of the 9p file system: finding, making, moving and removing names, attributes. Linux: fs/9p/vfs_inode_dotl.c.
 *
 * A fid stands for a file at the server. Each inode may keep one (super.ts, V9fsSession.fids); when it has none it is walked
 * to again by the names of the dentry it was found by. Open files have fids of their own (file.ts).
 */
import { AddressSpace } from "../../mm/filemap.ts";
import { finish, type MaySleep, type Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EINVAL, EIO, ENOENT, ESTALE } from "../../uapi/errno.ts";
import { AT_REMOVEDIR, O_RDWR, O_EXCL, O_CREAT } from "../../uapi/fcntl.ts";
import { S_IALLUGO, S_IFMT, isDirectory, isRegular, isSymlink, majorOf, minorOf } from "../../uapi/stat.ts";
import { copyAttributes } from "../attr.ts";
import { specialOperations } from "../char_dev.ts";
import type { Dentry } from "../dentry.ts";
import { Inode, type Iattr, type InodeOperations, type Kstat } from "../inode.ts";
import type { SuperBlock } from "../superblock.ts";
import type { P9SetAttributes } from "./client.ts";
import { v9fsDirOperations, v9fsFileOperations } from "./file.ts";
import {
  P9_ATTR_ATIME,
  P9_ATTR_ATIME_SET,
  P9_ATTR_GID,
  P9_ATTR_MODE,
  P9_ATTR_MTIME,
  P9_ATTR_MTIME_SET,
  P9_ATTR_SIZE,
  P9_ATTR_UID,
} from "./protocol.ts";
import type { P9Attributes } from "./protocol.ts";
import { sessionOf } from "./super.ts";

/** What the file system keeps with an inode. */
export class V9fsInode {
  /** Fids of open files: they work when the name is gone. */
  readonly open_fids: number[] = [];
  /** The open fid that making the file gave: taken by the open that follows. -1: none. */
  created_fid = -1;
  /** In units of 512 bytes, and the server's block size. */
  blocks = 0;
  blksize = 4096;
  /** Modification time and size for which the pages in memory are right. */
  pages_version = "";

  constructor(
    /** The name it was found by last. */
    public dentry: Dentry,
  ) {}
}

export const infoOf = (inode: Inode): V9fsInode => inode.private_data as V9fsInode;

/** An inode with these attributes, named by `dentry`. */
export function getInode(sb: SuperBlock, dentry: Dentry, attributes: P9Attributes): Inode {
  const { mode } = attributes;
  const inode = new Inode(sb, attributes.qid.path, mode, inodeOperations, specialOperations(mode));
  inode.private_data = new V9fsInode(dentry);
  if (isRegular(mode)) {
    inode.fops = v9fsFileOperations;
    inode.mapping = new V9fsAddressSpace(sb.kernel, { sizeOf: () => inode.size });
  } else if (isDirectory(mode)) {
    inode.ops = dirInodeOperations;
    inode.fops = v9fsDirOperations;
  } else if (isSymlink(mode)) {
    inode.ops = symlinkInodeOperations;
  }
  update(inode, attributes);
  return inode;
}

/** Pages come in when a file is mapped (file.ts); what was not there then is not made up. */
class V9fsAddressSpace extends AddressSpace {
  protected override readPage(): number {
    return -EIO;
  }
}

/** Linux: v9fs_stat2inode_dotl(). */
function update(inode: Inode, attributes: P9Attributes): void {
  const info = infoOf(inode);
  inode.mode = attributes.mode;
  inode.uid = attributes.uid;
  inode.gid = attributes.gid;
  inode.nlink = attributes.nlink;
  inode.rdev = attributes.rdev;
  inode.size = attributes.size;
  inode.atime = attributes.atime;
  inode.mtime = attributes.mtime;
  inode.ctime = attributes.ctime;
  inode.btime = attributes.btime;
  info.blocks = attributes.blocks;
  info.blksize = attributes.blksize;
}

/** The fid of an inode, or -errno. */
export function fidOf(task: Task, inode: Inode): MaySleep<number> {
  const session = sessionOf(inode.sb);
  const kept = session.fids.get(inode);
  if (kept !== undefined) {
    session.keepFid(inode, kept);
    return kept;
  }
  return walkTo(task, inode);
}

/** Walks to the inode by its names from the root. */
function* walkTo(task: Task, inode: Inode): Sleep<number> {
  const session = sessionOf(inode.sb);
  const names: string[] = [];
  for (let { dentry } = infoOf(inode); !dentry.isRoot; dentry = dentry.parent) names.unshift(dentry.name);
  const fid = session.client.newFid();
  const error = yield* session.client.walk(task, session.root_fid, fid, names);
  if (error) return error;
  session.keepFid(inode, fid);
  return fid;
}

/** A fid that reaches the file itself: an open one if its name may be gone. */
function fileFid(task: Task, inode: Inode): MaySleep<number> {
  const { open_fids, dentry } = infoOf(inode);
  return open_fids.length > 0 && !dentry.hashed ? open_fids[0] : fidOf(task, inode);
}

export function dropFid(inode: Inode): void {
  const session = sessionOf(inode.sb);
  const fid = session.fids.get(inode);
  if (fid !== undefined) {
    session.fids.delete(inode);
    session.client.clunk(fid);
  }
  const info = infoOf(inode);
  if (info.created_fid >= 0) session.client.clunk(info.created_fid);
  info.created_fid = -1;
}

/** Asks the server for the attributes: 0, -ESTALE if it is another file now, or -errno. */
export function* refresh(task: Task, inode: Inode): Sleep<number> {
  const fid = yield* finish(fileFid(task, inode));
  if (fid < 0) return fid;
  const attributes = yield* sessionOf(inode.sb).client.getattr(task, fid);
  if (typeof attributes === "number") return attributes;
  if (attributes.qid.path !== inode.ino || (attributes.mode & S_IFMT) !== (inode.mode & S_IFMT))
    return -ESTALE;
  update(inode, attributes);
  return 0;
}

/** DentryOperations.revalidate: whether the name still means the same file. */
export function* revalidate(task: Task, dentry: Dentry): Sleep<boolean> {
  const { inode } = dentry;
  if (!inode) return false;
  if (dentry.nr_mounts > 0) return true;
  const error = yield* refresh(task, inode);
  if (error === 0) return true;
  dropFid(inode);
  forgetPages(inode);
  return false;
}

/** Pages of a file that nobody has open are of no use once its name is gone. */
function forgetPages(inode: Inode): void {
  if (inode.nr_files > 0 || !inode.mapping) return;
  inode.mapping.destroy();
  sessionOf(inode.sb).cached.delete(inode);
}

/** Finds the name, whose fid the inode keeps. */
function* lookup(task: Task, dir: Inode, dentry: Dentry): Sleep<Inode | null | number> {
  const session = sessionOf(dir.sb);
  const { client } = session;
  const dir_fid = yield* finish(fidOf(task, dir));
  if (dir_fid < 0) return dir_fid;
  const fid = client.newFid();
  const error = yield* client.walk(task, dir_fid, fid, [dentry.name]);
  if (error) return error === -ENOENT ? null : error;
  const attributes = yield* client.getattr(task, fid);
  if (typeof attributes === "number") {
    client.clunk(fid);
    return attributes === -ENOENT ? null : attributes;
  }
  const inode = getInode(dir.sb, dentry, attributes);
  session.keepFid(inode, fid);
  return inode;
}

/** After the server made `dentry`: its inode. */
function* instantiate(task: Task, dir: Inode, dentry: Dentry): Sleep<number> {
  const inode = yield* lookup(task, dir, dentry);
  if (inode === null) return -ENOENT;
  if (typeof inode === "number") return inode;
  dentry.instantiate(inode);
  return yield* changed(task, dir);
}

/** A name came or went: link count, size and times of the directory. */
function* changed(task: Task, dir: Inode): Sleep<number> {
  yield* refresh(task, dir);
  return 0;
}

/** Attributes that the server keeps. Linux: v9fs_vfs_setattr_dotl(). */
function* setattr(task: Task, dentry: Dentry, attr: Iattr): Sleep<number> {
  const inode = dentry.inode!;
  const fid = yield* finish(fileFid(task, inode));
  if (fid < 0) return fid;
  const request: P9SetAttributes = { valid: 0 };
  if (attr.mode !== undefined) {
    request.valid |= P9_ATTR_MODE;
    request.mode = attr.mode & S_IALLUGO;
  }
  if (attr.uid !== undefined) {
    request.valid |= P9_ATTR_UID;
    request.uid = attr.uid;
  }
  if (attr.gid !== undefined) {
    request.valid |= P9_ATTR_GID;
    request.gid = attr.gid;
  }
  if (attr.size !== undefined) {
    request.valid |= P9_ATTR_SIZE;
    request.size = attr.size;
  }
  if (attr.atime) {
    request.valid |= P9_ATTR_ATIME | P9_ATTR_ATIME_SET;
    request.atime = attr.atime;
  }
  // Cutting a file sets its time by itself.
  if (attr.mtime && attr.size === undefined) {
    request.valid |= P9_ATTR_MTIME | P9_ATTR_MTIME_SET;
    request.mtime = attr.mtime;
  }
  if (request.valid === 0) return 0;
  const error = yield* sessionOf(inode.sb).client.setattr(task, fid, request);
  if (error) return error;
  copyAttributes(inode, attr);
  if (attr.size !== undefined) {
    inode.size = attr.size;
    inode.mapping?.truncate(attr.size);
  }
  return yield* changed(task, inode);
}

const inodeOperations: InodeOperations = {
  setattr,
  *getattr(task: Task, inode: Inode, stat: Kstat): Sleep<number> {
    const info = infoOf(inode);
    const error = yield* refresh(task, inode);
    // A removed file that is still open: what was known last, if the server cannot tell any more.
    if (error && (inode.nr_files === 0 || info.dentry.hashed)) return error;
    Object.assign(stat, {
      mode: inode.mode,
      nlink: inode.nlink,
      uid: inode.uid,
      gid: inode.gid,
      rdev: inode.rdev,
      size: inode.size,
      blksize: info.blksize,
      blocks: info.blocks,
      atime: inode.atime,
      mtime: inode.mtime,
      ctime: inode.ctime,
      btime: inode.btime,
    });
    return 0;
  },
};

const symlinkInodeOperations: InodeOperations = {
  ...inodeOperations,
  *readlink(task, inode): Sleep<string | number> {
    const fid = yield* finish(fidOf(task, inode));
    return fid < 0 ? fid : yield* sessionOf(inode.sb).client.readlink(task, fid);
  },
};

const dirInodeOperations: InodeOperations = {
  ...inodeOperations,
  lookup,

  *create(task, dir, dentry, mode): Sleep<number> {
    const { client } = sessionOf(dir.sb);
    const dir_fid = yield* finish(fidOf(task, dir));
    if (dir_fid < 0) return dir_fid;
    const fid = client.newFid();
    const cloned = yield* client.walk(task, dir_fid, fid, []);
    if (cloned) return cloned;
    const flags = O_RDWR | O_CREAT | O_EXCL;
    const error = yield* client.create(task, fid, dentry.name, flags, mode & S_IALLUGO, task.cred.fsgid);
    if (error) {
      client.clunk(fid);
      return error;
    }
    const failed = yield* instantiate(task, dir, dentry);
    if (failed) client.clunk(fid);
    else infoOf(dentry.inode!).created_fid = fid;
    return failed;
  },

  *mkdir(task, dir, dentry, mode): Sleep<number> {
    const fid = yield* finish(fidOf(task, dir));
    if (fid < 0) return fid;
    const { client } = sessionOf(dir.sb);
    const error = yield* client.mkdir(task, fid, dentry.name, mode & S_IALLUGO, task.cred.fsgid);
    return error ? error : yield* instantiate(task, dir, dentry);
  },

  *mknod(task, dir, dentry, mode, rdev): Sleep<number> {
    const fid = yield* finish(fidOf(task, dir));
    if (fid < 0) return fid;
    const { client } = sessionOf(dir.sb);
    const { fsgid } = task.cred;
    const error = yield* client.mknod(task, fid, dentry.name, mode, majorOf(rdev), minorOf(rdev), fsgid);
    return error ? error : yield* instantiate(task, dir, dentry);
  },

  *symlink(task, dir, dentry, target): Sleep<number> {
    const fid = yield* finish(fidOf(task, dir));
    if (fid < 0) return fid;
    const error = yield* sessionOf(dir.sb).client.symlink(task, fid, dentry.name, target, task.cred.fsgid);
    return error ? error : yield* instantiate(task, dir, dentry);
  },

  *link(task, old, dir, dentry): Sleep<number> {
    const dir_fid = yield* finish(fidOf(task, dir));
    if (dir_fid < 0) return dir_fid;
    const fid = yield* finish(fidOf(task, old.inode!));
    if (fid < 0) return fid;
    const error = yield* sessionOf(dir.sb).client.link(task, dir_fid, fid, dentry.name);
    if (error) return error;
    yield* refresh(task, old.inode!);
    return yield* instantiate(task, dir, dentry);
  },

  unlink: (task, dir, dentry) => remove(task, dir, dentry, 0),
  rmdir: (task, dir, dentry) => remove(task, dir, dentry, AT_REMOVEDIR),

  *rename(task, old_dir, old, new_dir, target, flags): Sleep<number> {
    if (flags !== 0) return -EINVAL; // 9P2000.L has no way to say more
    const old_fid = yield* finish(fidOf(task, old_dir));
    if (old_fid < 0) return old_fid;
    const new_fid = yield* finish(fidOf(task, new_dir));
    if (new_fid < 0) return new_fid;
    const { client } = sessionOf(old_dir.sb);
    const error = yield* client.renameat(task, old_fid, old.name, new_fid, target.name);
    if (error) return error;
    if (target.inode) dropFid(target.inode);
    yield* changed(task, old_dir);
    return old_dir === new_dir ? 0 : yield* changed(task, new_dir);
  },
};

function* remove(task: Task, dir: Inode, dentry: Dentry, flags: number): Sleep<number> {
  const inode = dentry.inode!;
  const fid = yield* finish(fidOf(task, dir));
  if (fid < 0) return fid;
  const error = yield* sessionOf(dir.sb).client.unlinkat(task, fid, dentry.name, flags);
  if (error) return error;
  inode.nlink = isDirectory(inode.mode) ? 0 : Math.max(0, inode.nlink - 1);
  // Its fid leads to the name that is gone; another name of the file has an inode of its own.
  dropFid(inode);
  forgetPages(inode);
  return yield* changed(task, dir);
}

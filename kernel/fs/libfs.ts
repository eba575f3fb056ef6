/**
 * Building blocks for file systems whose directories are the dentry tree: reading directories, positions,
 * symbolic links with stored text, ownership of new inodes. Linux: fs/libfs.c, fs/inode.c inode_init_owner().
 */
import type { Task } from "../task/task.ts";
import { EINVAL, EISDIR, ENXIO } from "../uapi/errno.ts";
import { SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET } from "../uapi/fcntl.ts";
import { DT_DIR, S_ISGID, isDirectory, modeToDtype } from "../uapi/stat.ts";
import type { Dentry } from "./dentry.ts";
import type { DirContext, File, FileOperations } from "./file.ts";
import type { Inode, InodeOperations } from "./inode.ts";

/** Gives a new inode its owner: the creator, and the directory's group if that is set-group-id. */
export function initOwner(task: Task, inode: Inode, dir: Inode): void {
  inode.uid = task.cred.fsuid;
  if (dir.mode & S_ISGID) {
    inode.gid = dir.gid;
    if (isDirectory(inode.mode)) inode.mode |= S_ISGID;
  } else inode.gid = task.cred.fsgid;
}

/**
 * New position of a seekable file, `size` being its end; holes are not known. Linux:
 * generic_file_llseek_size().
 */
export function seekPosition(
  file: File,
  offset: number,
  whence: number,
  size: number,
  maxbytes: number,
): number {
  let pos: number;
  switch (whence) {
    case SEEK_SET:
      pos = offset;
      break;
    case SEEK_CUR:
      pos = file.f_pos + offset;
      break;
    case SEEK_END:
      pos = size + offset;
      break;
    case SEEK_DATA:
      if (offset < 0 || offset >= size) return -ENXIO;
      pos = offset;
      break;
    case SEEK_HOLE:
      if (offset < 0 || offset >= size) return -ENXIO;
      pos = size;
      break;
    default:
      return -EINVAL;
  }
  if (pos < 0 || pos > maxbytes) return -EINVAL;
  file.f_pos = pos;
  return pos;
}

/** FileOperations.llseek for regular files. */
export function genericLlseek(_task: Task, file: File, offset: number, whence: number): number {
  return seekPosition(file, offset, whence, file.inode.size, file.inode.sb.maxbytes);
}

/** For files that can be asked to seek but stay at 0. Linux: noop_llseek(). */
export function noopLlseek(): number {
  return 0;
}

/** Emits "." and "..": false if the buffer is full. Linux: dir_emit_dots(). */
export function emitDots(file: File, context: DirContext): boolean {
  const { dentry } = file.path;
  if (context.pos === 0) {
    if (!context.emit(".", file.inode.ino, DT_DIR, 1)) return false;
    context.pos = 1;
  }
  if (context.pos === 1) {
    if (!context.emit("..", dentry.parent.inode!.ino, DT_DIR, 2)) return false;
    context.pos = 2;
  }
  return true;
}

/**
 * Lists a directory that is its dentries, in order of creation; positions are the dentries' offsets, so names
 * that come and go meanwhile do not disturb the rest. Linux: dcache_readdir(), simple_offset.
 */
export function dcacheIterate(_task: Task, file: File, context: DirContext): number {
  if (!emitDots(file, context)) return 0;
  const { children } = file.path.dentry;
  if (!children) return 0;
  for (const child of children.values()) {
    const { inode } = child;
    if (!inode || child.dir_offset < context.pos) continue;
    if (!context.emit(child.name, inode.ino, modeToDtype(inode.mode), child.dir_offset + 1)) return 0;
    context.pos = child.dir_offset + 1;
  }
  return 0;
}

/** Directories: reading them as a file is EISDIR. */
export const dcacheDirOperations: FileOperations = {
  read: () => -EISDIR,
  iterate: dcacheIterate,
  llseek: (_task, file, offset, whence) => {
    if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
    return seekPosition(file, offset, whence, 0, Number.MAX_SAFE_INTEGER);
  },
  fsync: () => 0,
};

/** Whether no name is in the directory. Linux: simple_empty(). */
export function isEmptyDirectory(dentry: Dentry): boolean {
  if (!dentry.children) return true;
  for (const child of dentry.children.values()) if (child.inode) return false;
  return true;
}

/** Symbolic links whose text is `inode.private_data`. Linux: simple_symlink_inode_operations. */
export const storedSymlinkOperations: InodeOperations = {
  readlink: (_task, inode) => inode.private_data as string,
};

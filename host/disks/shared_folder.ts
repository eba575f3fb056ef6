/**
 * SharedFolder: a tree of files that the machine offers to its guest over 9P (host/devices/p9_server.ts). Implementations:
 * node_folder.ts (a directory of the host).
 *
 * Paths are relative to the shared root, "" for itself, "a/b" below; one char per byte, so that any name survives. The caller
 * has taken "." and ".." out. Errors are negative Linux errno numbers (kernel/uapi/errno.ts), whatever the host's are.
 * Symbolic links are never followed: the guest follows them, in its own tree.
 */

/** A point in time since 1970-01-01 UTC. */
export interface FileTime {
  readonly sec: number;
  readonly nsec: number;
}

export interface FileStatus {
  /** The same for all names of a file, and different from that of every other file of the share. */
  ino: number;
  /** Type and permission bits, as Linux encodes them. */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** Of a device node. */
  rdev_major: number;
  rdev_minor: number;
  size: number;
  blksize: number;
  /** In units of 512 bytes. */
  blocks: number;
  atime: FileTime;
  mtime: FileTime;
  ctime: FileTime;
  btime: FileTime;
}

/** What to change; "now" is the host's time. */
export interface FileChange {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: FileTime | "now";
  mtime?: FileTime | "now";
}

export interface FolderEntry {
  readonly name: string;
  /** Type bits of the mode; 0 if unknown. */
  readonly type: number;
}

/** statfs(2). */
export interface FolderUsage {
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
}

/** How to open: exactly one of the first two or both. */
export interface OpenMode {
  read: boolean;
  write: boolean;
  append: boolean;
  truncate: boolean;
}

export interface SharedFile {
  /** Fills `into` from `offset` on: bytes read, 0 at the end. */
  read(offset: number, into: Uint8Array): number;
  write(offset: number, bytes: Uint8Array): number;
  truncate(size: number): number;
  sync(data_only: boolean): number;
  status(): FileStatus | number;
  close(): void;
}

/** All functions return a negative errno on failure; 0 where there is nothing else to say. */
export interface SharedFolder {
  status(path: string): FileStatus | number;
  list(path: string): FolderEntry[] | number;
  /** A regular file. */
  open(path: string, how: OpenMode): SharedFile | number;
  /** Makes a regular file that must not exist. */
  create(path: string, how: OpenMode, mode: number): SharedFile | number;
  mkdir(path: string, mode: number): number;
  symlink(path: string, target: string): number;
  readlink(path: string): string | number;
  /** A FIFO, socket or device node. */
  mknod(path: string, mode: number, major: number, minor: number): number;
  link(existing: string, path: string): number;
  rename(from: string, to: string): number;
  unlink(path: string): number;
  rmdir(path: string): number;
  change(path: string, change: FileChange): number;
  usage(): FolderUsage | number;
}

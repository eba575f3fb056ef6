/**
 * A directory of the host as a SharedFolder, through node:fs. Ids, modes and times pass through as the host has them; what the
 * user who runs this process may not do, the guest may not do there either, whoever it is inside.
 *
 * Nothing above the directory can be reached: each operation resolves the parent of its last component on the host and
 * refuses what lies elsewhere, and the last component is never followed when it is a link.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { BigIntStats } from "node:fs";
import { sep } from "node:path";
import * as errno from "../../kernel/uapi/errno.ts";
import type {
  FileChange,
  FileStatus,
  FileTime,
  FolderEntry,
  FolderUsage,
  OpenMode,
  SharedFile,
  SharedFolder,
} from "./shared_folder.ts";

const { EACCES, EIO, ELOOP, ENOENT, EOPNOTSUPP, EPERM, EROFS } = errno;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

export interface NodeFolderOptions {
  /** Changes are refused with EROFS. */
  read_only?: boolean;
  /** Only these names of the directory itself are there. */
  only?: readonly string[];
}

const isError = (value: unknown): value is number => typeof value === "number";

export class NodeFolder implements SharedFolder {
  /** The directory, links resolved. */
  readonly #root: Buffer;
  readonly #root_prefix: Buffer;
  readonly #root_dev: bigint;
  readonly #read_only: boolean;
  readonly #only: ReadonlySet<string> | null;

  /** Throws when `directory` is not there or no directory. */
  constructor(directory: string, options: NodeFolderOptions = {}) {
    this.#root = realpathSync.native(directory, { encoding: "buffer" });
    this.#root_prefix =
      this.#root.at(-1) === sep.charCodeAt(0) ? this.#root : Buffer.concat([this.#root, Buffer.from(sep)]);
    readdirSync(this.#root);
    this.#root_dev = lstatSync(this.#root, { bigint: true }).dev;
    this.#read_only = options.read_only ?? false;
    this.#only = options.only ? new Set(options.only) : null;
  }

  status(path: string): FileStatus | number {
    return attempt(() => {
      const where = this.#locate(path);
      return isError(where) ? where : this.#describe(lstatSync(where, { bigint: true }));
    });
  }

  list(path: string): FolderEntry[] | number {
    return attempt(() => {
      const where = this.#locate(path);
      if (isError(where)) return where;
      const entries: FolderEntry[] = [];
      for (const entry of readdirSync(where, { withFileTypes: true, encoding: "buffer" })) {
        const name = entry.name.toString("latin1");
        if (path === "" && this.#only && !this.#only.has(name)) continue;
        const type = entry.isDirectory()
          ? S_IFDIR
          : entry.isFile()
            ? S_IFREG
            : entry.isSymbolicLink()
              ? S_IFLNK
              : 0;
        entries.push({ name, type });
      }
      return entries;
    });
  }

  open(path: string, how: OpenMode): SharedFile | number {
    if (this.#read_only && (how.write || how.truncate)) return -EROFS;
    return attempt(() => {
      const where = this.#locate(path);
      if (isError(where)) return where;
      const fd = openSync(where, openFlags(how) | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      // The other end of a FIFO or device would be the host's.
      if (!fstatSync(fd).isFile()) {
        closeSync(fd);
        return -EACCES;
      }
      return new NodeFile(fd, (status) => this.#describe(status));
    });
  }

  create(path: string, how: OpenMode, mode: number): SharedFile | number {
    return this.#write(path, (where) => {
      const flags = openFlags(how) | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const fd = openSync(where, flags, mode);
      // The guest has applied its umask; this process's does not count.
      fchmodSync(fd, mode);
      return new NodeFile(fd, (status) => this.#describe(status));
    });
  }

  mkdir(path: string, mode: number): number {
    return this.#write(path, (where) => {
      mkdirSync(where, { mode });
      chmodSync(where, mode);
      return 0;
    });
  }

  symlink(path: string, target: string): number {
    return this.#write(path, (where) => {
      symlinkSync(Buffer.from(target, "latin1"), where);
      return 0;
    });
  }

  readlink(path: string): string | number {
    return attempt(() => {
      const where = this.#locate(path);
      return isError(where) ? where : readlinkSync(where, { encoding: "buffer" }).toString("latin1");
    });
  }

  /** Node has no mknod. */
  mknod(): number {
    return this.#read_only ? -EROFS : -EPERM;
  }

  link(existing: string, path: string): number {
    return this.#write(path, (where) => {
      const from = this.#locate(existing);
      if (isError(from)) return from;
      linkSync(from, where);
      return 0;
    });
  }

  rename(from: string, to: string): number {
    return this.#write(to, (where) => {
      const old = this.#locate(from);
      if (isError(old)) return old;
      renameSync(old, where);
      return 0;
    });
  }

  unlink(path: string): number {
    return this.#write(path, (where) => {
      unlinkSync(where);
      return 0;
    });
  }

  rmdir(path: string): number {
    return this.#write(path, (where) => {
      rmdirSync(where);
      return 0;
    });
  }

  change(path: string, change: FileChange): number {
    return this.#write(path, (where) => {
      const status = lstatSync(where, { bigint: true });
      if (change.size !== undefined) {
        if (!status.isFile()) return -errno.EINVAL;
        const fd = openSync(where, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          ftruncateSync(fd, change.size);
        } finally {
          closeSync(fd);
        }
      }
      if (change.uid !== undefined || change.gid !== undefined) {
        lchownSync(where, change.uid ?? Number(status.uid), change.gid ?? Number(status.gid));
      }
      if (change.mode !== undefined) {
        if (status.isSymbolicLink()) return -EOPNOTSUPP;
        chmodSync(where, change.mode & 0o7777);
      }
      if (change.atime !== undefined || change.mtime !== undefined) {
        const now = Date.now() / 1000;
        const seconds = (time: FileTime | "now" | undefined, kept_ns: bigint): number =>
          time === undefined ? Number(kept_ns) / 1e9 : time === "now" ? now : time.sec + time.nsec / 1e9;
        lutimesSync(where, seconds(change.atime, status.atimeNs), seconds(change.mtime, status.mtimeNs));
      }
      return 0;
    });
  }

  usage(): FolderUsage | number {
    return attempt(() => {
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#root);
      return { bsize, blocks, bfree, bavail, files, ffree };
    });
  }

  #write<T>(path: string, work: (where: Buffer) => T | number): T | number {
    if (this.#read_only) return -EROFS;
    return attempt(() => {
      const where = this.#locate(path);
      return isError(where) ? where : work(where);
    });
  }

  /** Where `path` is on the host: inside the shared directory, whatever links the host has put on the way. */
  #locate(path: string): Buffer | number {
    if (path === "") return this.#root;
    if (this.#only && !this.#only.has(path.split("/", 1)[0])) return -ENOENT;
    const slash = path.lastIndexOf("/");
    const name = Buffer.from(path.slice(slash + 1), "latin1");
    if (slash < 0) return Buffer.concat([this.#root_prefix, name]);
    const wanted = Buffer.concat([this.#root_prefix, Buffer.from(path.slice(0, slash), "latin1")]);
    const parent = realpathSync.native(wanted, { encoding: "buffer" });
    const isInside = parent.subarray(0, this.#root_prefix.length).equals(this.#root_prefix);
    if (!isInside && !parent.equals(this.#root)) return -ELOOP;
    return Buffer.concat([parent, Buffer.from(sep), name]);
  }

  #describe(status: BigIntStats): FileStatus {
    const { rdev } = status;
    // File systems below the shared directory have inode numbers of their own.
    const other = status.dev === this.#root_dev ? 0 : Number(status.dev % 0xfffn) + 1;
    let mode = Number(status.mode);
    if (process.platform === "win32" && (mode & S_IFMT) === S_IFREG) mode |= 0o111;
    return {
      ino: Number(status.ino % 0x100_0000_0000n) + other * 0x100_0000_0000,
      mode,
      nlink: Number(status.nlink),
      uid: Number(status.uid),
      gid: Number(status.gid),
      rdev_major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
      rdev_minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
      size: Number(status.size),
      blksize: Number(status.blksize),
      blocks: Number(status.blocks),
      atime: fileTime(status.atimeNs),
      mtime: fileTime(status.mtimeNs),
      ctime: fileTime(status.ctimeNs),
      btime: fileTime(status.birthtimeNs),
    };
  }
}

class NodeFile implements SharedFile {
  constructor(
    readonly fd: number,
    readonly describe: (status: BigIntStats) => FileStatus,
  ) {}

  read(offset: number, into: Uint8Array): number {
    return attempt(() => readSync(this.fd, into, 0, into.length, offset));
  }

  write(offset: number, bytes: Uint8Array): number {
    return attempt(() => writeSync(this.fd, bytes, 0, bytes.length, offset));
  }

  truncate(size: number): number {
    return attempt(() => {
      ftruncateSync(this.fd, size);
      return 0;
    });
  }

  sync(data_only: boolean): number {
    return attempt(() => {
      if (data_only) fdatasyncSync(this.fd);
      else fsyncSync(this.fd);
      return 0;
    });
  }

  status(): FileStatus | number {
    return attempt(() => this.describe(fstatSync(this.fd, { bigint: true })));
  }

  close(): void {
    attempt(() => {
      closeSync(this.fd);
      return 0;
    });
  }
}

function openFlags({ read, write, append, truncate }: OpenMode): number {
  return (
    (write ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY) |
    (append ? constants.O_APPEND : 0) |
    (truncate ? constants.O_TRUNC : 0)
  );
}

function fileTime(time_ns: bigint): FileTime {
  const nsec = Number(((time_ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  return { sec: Number((time_ns - BigInt(nsec)) / 1_000_000_000n), nsec };
}

/** Runs what may throw a system error: its result, or the error as Linux numbers it. */
function attempt<T>(work: () => T | number): T | number {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const number = (errno as Record<string, unknown>)[code];
    // Node's own checks (a path with a NUL byte) have codes that no system call gives.
    return typeof number === "number" ? -number : code.startsWith("ERR_INVALID") ? -ENOENT : -EIO;
  }
}

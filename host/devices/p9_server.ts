/**
 * A 9P2000.L server over a SharedFolder: one client, requests answered at once, in order. It knows nothing of how messages
 * travel (virtio_9p.ts).
 *
 *     fid -> path in the share, and the open file or the listed directory once Tlopen came
 *
 * Source: diod's protocol.md; kernel/fs/9p/protocol.ts has the encoding.
 */
import {
  P9Malformed,
  P9Reader,
  P9Writer,
  P9_ATTR_ATIME,
  P9_ATTR_ATIME_SET,
  P9_ATTR_GID,
  P9_ATTR_MODE,
  P9_ATTR_MTIME,
  P9_ATTR_MTIME_SET,
  P9_ATTR_SIZE,
  P9_ATTR_UID,
  P9_DOTL_ACCMODE,
  P9_DOTL_APPEND,
  P9_DOTL_AT_REMOVEDIR,
  P9_DOTL_RDONLY,
  P9_DOTL_TRUNC,
  P9_DOTL_WRONLY,
  P9_GETATTR_BASIC,
  P9_GETATTR_BTIME,
  P9_HEADER_BYTES,
  P9_IOHDRSZ,
  P9_LOCK_SUCCESS,
  P9_LOCK_TYPE_UNLCK,
  P9_MAXWELEM,
  P9_NOFID,
  P9_QTDIR,
  P9_QTFILE,
  P9_QTSYMLINK,
  P9_TATTACH,
  P9_TCLUNK,
  P9_TFLUSH,
  P9_TFSYNC,
  P9_TGETATTR,
  P9_TGETLOCK,
  P9_TLCREATE,
  P9_TLERROR,
  P9_TLINK,
  P9_TLOCK,
  P9_TLOPEN,
  P9_TMKDIR,
  P9_TMKNOD,
  P9_TREAD,
  P9_TREADDIR,
  P9_TREADLINK,
  P9_TREMOVE,
  P9_TRENAME,
  P9_TRENAMEAT,
  P9_TSETATTR,
  P9_TSTATFS,
  P9_TSYMLINK,
  P9_TUNLINKAT,
  P9_TVERSION,
  P9_TWALK,
  P9_TWRITE,
  P9_VERSION,
} from "../../kernel/fs/9p/protocol.ts";
import type { Qid } from "../../kernel/fs/9p/protocol.ts";
import { EBADF, EINVAL, EIO, EISDIR, ENOENT, EOPNOTSUPP, EPROTO } from "../../kernel/uapi/errno.ts";
import type {
  FileChange,
  FileStatus,
  FolderEntry,
  OpenMode,
  SharedFile,
  SharedFolder,
} from "../disks/shared_folder.ts";

const MAX_MSIZE_BYTES = 1024 * 1024;
const MIN_MSIZE_BYTES = 4096;
const V9FS_MAGIC = 0x01021997;
const NAME_MAX = 255;

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** What a fid stands for. */
class Fid {
  file: SharedFile | null = null;
  /** The directory as it was when reading it started, "." and ".." first. */
  entries: FolderEntry[] | null = null;
  isOpenDirectory = false;

  constructor(public path: string) {}
}

/** A refusal: unwinds to the one place that answers. */
class Refusal extends Error {
  constructor(readonly errno: number) {
    super(`errno ${errno}`);
  }
}

function refuse(errno: number): never {
  throw new Refusal(errno);
}

/** The value, unless it is a negative errno: then the request is refused. */
function must<T>(value: T | number): Exclude<T, number> {
  if (typeof value === "number") {
    if (value < 0) refuse(-value);
    return undefined as Exclude<T, number>;
  }
  return value as Exclude<T, number>;
}

function mustCount(value: number): number {
  if (value < 0) refuse(-value);
  return value;
}

export class P9Server {
  #msize = 8192;
  readonly #fids = new Map<number, Fid>();
  readonly counters = { requests: 0, errors: 0 };

  constructor(readonly folder: SharedFolder) {}

  /** Fids in use. */
  get nr_fids(): number {
    return this.#fids.size;
  }

  /** The client is gone. */
  reset(): void {
    for (const fid of this.#fids.values()) fid.file?.close();
    this.#fids.clear();
  }

  /** Answers one message. */
  handle(message: Uint8Array): Uint8Array {
    this.counters.requests++;
    let tag = message.length >= P9_HEADER_BYTES ? message[5] | (message[6] << 8) : 0;
    let errno: number;
    try {
      const request = new P9Reader(message);
      tag = request.tag;
      return this.#answer(request).finish();
    } catch (error) {
      if (error instanceof Refusal) errno = error.errno;
      else if (error instanceof P9Malformed) errno = EPROTO;
      else throw error;
    }
    this.counters.errors++;
    return new P9Writer(P9_TLERROR + 1, tag, 16).u32(errno).finish();
  }

  #answer(request: P9Reader): P9Writer {
    const reply = (capacity = 64): P9Writer => new P9Writer(request.type + 1, request.tag, capacity);
    switch (request.type) {
      case P9_TVERSION:
        return this.#version(request, reply());
      case P9_TATTACH:
        return this.#attach(request, reply());
      case P9_TFLUSH:
        return reply(); // everything before it was answered
      case P9_TWALK:
        return this.#walk(request, reply(256));
      case P9_TLOPEN:
        return this.#open(request, reply());
      case P9_TLCREATE:
        return this.#create(request, reply());
      case P9_TREAD:
        return this.#read(request, reply);
      case P9_TWRITE:
        return this.#write(request, reply());
      case P9_TREADDIR:
        return this.#readdir(request, reply);
      case P9_TGETATTR:
        return this.#getattr(request, reply(192));
      case P9_TSETATTR:
        return this.#setattr(request, reply());
      case P9_TCLUNK:
        this.#clunk(request.u32());
        return reply();
      case P9_TREMOVE:
        return this.#remove(request, reply());
      case P9_TFSYNC:
        return this.#fsync(request, reply());
      case P9_TSTATFS:
        return this.#statfs(request, reply());
      case P9_TREADLINK:
        return reply(256).string(must(this.folder.readlink(this.#fid(request.u32()).path)));
      case P9_TLOCK:
        return this.#lock(request, reply());
      case P9_TGETLOCK:
        return this.#getlock(request, reply());
      default:
        return this.#changeNames(request, reply());
    }
  }

  /** The messages that make, move and remove names. */
  #changeNames(request: P9Reader, reply: P9Writer): P9Writer {
    const { folder } = this;
    const fid = this.#fid(request.u32());
    switch (request.type) {
      case P9_TSYMLINK: {
        const path = child(fid, request.string());
        must(folder.symlink(path, request.string()));
        return reply.qid(this.#qidOf(path));
      }
      case P9_TMKNOD: {
        const path = child(fid, request.string());
        must(folder.mknod(path, request.u32(), request.u32(), request.u32()));
        return reply.qid(this.#qidOf(path));
      }
      case P9_TMKDIR: {
        const path = child(fid, request.string());
        must(folder.mkdir(path, request.u32() & 0o7777));
        return reply.qid(this.#qidOf(path));
      }
      case P9_TLINK: {
        const existing = this.#fid(request.u32());
        must(folder.link(existing.path, child(fid, request.string())));
        return reply;
      }
      case P9_TRENAME: {
        const directory = this.#fid(request.u32());
        this.#rename(fid.path, child(directory, request.string()));
        return reply;
      }
      case P9_TRENAMEAT: {
        const from = child(fid, request.string());
        const directory = this.#fid(request.u32());
        this.#rename(from, child(directory, request.string()));
        return reply;
      }
      case P9_TUNLINKAT: {
        const path = child(fid, request.string());
        const flags = request.u32();
        must(flags & P9_DOTL_AT_REMOVEDIR ? folder.rmdir(path) : folder.unlink(path));
        return reply;
      }
      default:
        return refuse(EOPNOTSUPP);
    }
  }

  #version(request: P9Reader, reply: P9Writer): P9Writer {
    const msize = request.u32();
    if (msize < MIN_MSIZE_BYTES) refuse(EINVAL);
    this.#msize = Math.min(msize, MAX_MSIZE_BYTES);
    this.reset();
    return reply.u32(this.#msize).string(request.string() === P9_VERSION ? P9_VERSION : "unknown");
  }

  #attach(request: P9Reader, reply: P9Writer): P9Writer {
    const number = request.u32();
    if (request.u32() !== P9_NOFID) refuse(EOPNOTSUPP); // authentication
    request.string(); // user name
    const aname = request.string();
    if (aname !== "" && aname !== "/") refuse(ENOENT);
    const qid = this.#qidOf("");
    this.#add(number, new Fid(""));
    return reply.qid(qid);
  }

  #walk(request: P9Reader, reply: P9Writer): P9Writer {
    const number = request.u32();
    const fid = this.#fid(number);
    const new_number = request.u32();
    const nr_names = request.u16();
    if (nr_names > P9_MAXWELEM) refuse(EINVAL);
    const qids: Qid[] = [];
    let { path } = fid;
    for (let n = 0; n < nr_names; n++) {
      const name = request.string();
      const next = name === ".." ? parentOf(path) : join(path, name);
      const status = this.folder.status(next);
      if (typeof status === "number") {
        // The first name decides whether there is an error; later ones only make the answer shorter.
        if (n === 0) refuse(-status);
        break;
      }
      qids.push(qidOfStatus(status));
      path = next;
    }
    if (qids.length === nr_names) {
      if (new_number === number) fid.path = path;
      else this.#add(new_number, new Fid(path));
    }
    reply.u16(qids.length);
    for (const qid of qids) reply.qid(qid);
    return reply;
  }

  #open(request: P9Reader, reply: P9Writer): P9Writer {
    const fid = this.#fid(request.u32());
    const how = openMode(request.u32());
    if (fid.file || fid.isOpenDirectory) refuse(EBADF);
    const status = must(this.folder.status(fid.path));
    if ((status.mode & S_IFMT) === S_IFDIR) {
      if (how.write) refuse(EISDIR);
      fid.isOpenDirectory = true;
    } else fid.file = must(this.folder.open(fid.path, how));
    return reply.qid(qidOfStatus(status)).u32(this.#msize - P9_IOHDRSZ);
  }

  #create(request: P9Reader, reply: P9Writer): P9Writer {
    const fid = this.#fid(request.u32());
    const path = child(fid, request.string());
    const how = openMode(request.u32());
    const file = must(this.folder.create(path, how, request.u32() & 0o7777));
    const status = file.status();
    if (typeof status === "number") {
      file.close();
      return refuse(-status);
    }
    // The fid of the directory becomes that of the file.
    fid.path = path;
    fid.file = file;
    return reply.qid(qidOfStatus(status)).u32(this.#msize - P9_IOHDRSZ);
  }

  #read(request: P9Reader, makeReply: (capacity: number) => P9Writer): P9Writer {
    const { file } = this.#fid(request.u32());
    const offset = request.u64();
    const count = Math.min(request.u32(), this.#msize - P9_HEADER_BYTES - 4);
    if (!file) return refuse(EBADF);
    const reply = makeReply(P9_HEADER_BYTES + 4 + count);
    reply.u32(0);
    const start = reply.length;
    const done = mustCount(file.read(offset, reply.space(count)));
    reply.truncate(start + done);
    reply.patch32(P9_HEADER_BYTES, done);
    return reply;
  }

  #write(request: P9Reader, reply: P9Writer): P9Writer {
    const { file } = this.#fid(request.u32());
    const offset = request.u64();
    const data = request.bytes(request.u32());
    if (!file) return refuse(EBADF);
    return reply.u32(mustCount(file.write(offset, data)));
  }

  #readdir(request: P9Reader, makeReply: (capacity: number) => P9Writer): P9Writer {
    const fid = this.#fid(request.u32());
    const offset = request.u64();
    const count = Math.min(request.u32(), this.#msize - P9_HEADER_BYTES - 4);
    if (!fid.isOpenDirectory) refuse(EBADF);
    if (offset === 0 || fid.entries === null) {
      const listed = must(this.folder.list(fid.path));
      const dot = { type: S_IFDIR };
      fid.entries = [{ name: ".", ...dot }, { name: "..", ...dot }, ...listed];
    }
    const reply = makeReply(P9_HEADER_BYTES + 4 + count);
    reply.u32(0);
    for (let n = offset; n < fid.entries.length; n++) {
      const { name, type } = fid.entries[n];
      const before = reply.length;
      const path = name === "." ? fid.path : name === ".." ? parentOf(fid.path) : join(fid.path, name);
      const status = this.folder.status(path);
      if (typeof status === "number") continue; // removed meanwhile
      reply
        .qid(qidOfStatus(status))
        .u64(n + 1)
        .u8((type || status.mode & S_IFMT) >> 12)
        .string(name);
      if (reply.length > P9_HEADER_BYTES + 4 + count) {
        reply.truncate(before);
        break;
      }
    }
    reply.patch32(P9_HEADER_BYTES, reply.length - P9_HEADER_BYTES - 4);
    return reply;
  }

  #getattr(request: P9Reader, reply: P9Writer): P9Writer {
    const fid = this.#fid(request.u32());
    const status = must(fid.file ? fid.file.status() : this.folder.status(fid.path));
    reply
      .u64(P9_GETATTR_BASIC | P9_GETATTR_BTIME)
      .qid(qidOfStatus(status))
      .u32(status.mode)
      .u32(status.uid)
      .u32(status.gid)
      .u64(status.nlink)
      .u64(encodeDevice(status.rdev_major, status.rdev_minor))
      .u64(status.size)
      .u64(status.blksize)
      .u64(status.blocks);
    for (const time of [status.atime, status.mtime, status.ctime, status.btime]) reply.time(time);
    return reply.u64(0).u64(0); // generation and data version, not asked for
  }

  #setattr(request: P9Reader, reply: P9Writer): P9Writer {
    const fid = this.#fid(request.u32());
    const valid = request.u32();
    const [mode, uid, gid] = [request.u32(), request.u32(), request.u32()];
    const size = request.u64();
    const atime = request.time();
    const mtime = request.time();
    const change: FileChange = {};
    if (valid & P9_ATTR_MODE) change.mode = mode & 0o7777;
    if (valid & P9_ATTR_UID) change.uid = uid;
    if (valid & P9_ATTR_GID) change.gid = gid;
    if (valid & P9_ATTR_ATIME) change.atime = valid & P9_ATTR_ATIME_SET ? atime : "now";
    if (valid & P9_ATTR_MTIME) change.mtime = valid & P9_ATTR_MTIME_SET ? mtime : "now";
    if (valid & P9_ATTR_SIZE) {
      // An open file keeps its right to be cut, and works without a name.
      if (fid.file) must(fid.file.truncate(size));
      else change.size = size;
    }
    if (Object.keys(change).length > 0) must(this.folder.change(fid.path, change));
    return reply;
  }

  #fsync(request: P9Reader, reply: P9Writer): P9Writer {
    const fid = this.#fid(request.u32());
    const data_only = request.left >= 4 && request.u32() !== 0;
    if (fid.file) must(fid.file.sync(data_only));
    return reply;
  }

  #statfs(request: P9Reader, reply: P9Writer): P9Writer {
    this.#fid(request.u32());
    const { bsize, blocks, bfree, bavail, files, ffree } = must(this.folder.usage());
    return reply
      .u32(V9FS_MAGIC)
      .u32(bsize)
      .u64(blocks)
      .u64(bfree)
      .u64(bavail)
      .u64(files)
      .u64(ffree)
      .u64(0)
      .u32(NAME_MAX);
  }

  /** There is one client, and it knows its own locks: locks against the host's programs are not taken. */
  #lock(request: P9Reader, reply: P9Writer): P9Writer {
    this.#fid(request.u32());
    return reply.u8(P9_LOCK_SUCCESS);
  }

  #getlock(request: P9Reader, reply: P9Writer): P9Writer {
    this.#fid(request.u32());
    request.u8();
    const [start, length, proc_id] = [request.u64(), request.u64(), request.u32()];
    return reply.u8(P9_LOCK_TYPE_UNLCK).u64(start).u64(length).u32(proc_id).string(request.string());
  }

  #remove(request: P9Reader, reply: P9Writer): P9Writer {
    const number = request.u32();
    const { path } = this.#fid(number);
    this.#clunk(number); // also when removing fails
    const status = must(this.folder.status(path));
    must((status.mode & S_IFMT) === S_IFDIR ? this.folder.rmdir(path) : this.folder.unlink(path));
    return reply;
  }

  /** Moves the file and every fid that stands for it or for something below it. */
  #rename(from: string, to: string): void {
    must(this.folder.rename(from, to));
    for (const fid of this.#fids.values()) {
      if (fid.path === from) fid.path = to;
      else if (fid.path.startsWith(`${from}/`)) fid.path = to + fid.path.slice(from.length);
    }
  }

  #fid(number: number): Fid {
    return this.#fids.get(number) ?? refuse(EBADF);
  }

  #add(number: number, fid: Fid): void {
    if (this.#fids.has(number)) refuse(EBADF);
    this.#fids.set(number, fid);
  }

  #clunk(number: number): void {
    this.#fid(number).file?.close();
    this.#fids.delete(number);
  }

  #qidOf(path: string): Qid {
    const status = this.folder.status(path);
    if (typeof status === "number") return refuse(status === 0 ? EIO : -status);
    return qidOfStatus(status);
  }
}

function qidOfStatus({ mode, ino, mtime, size }: FileStatus): Qid {
  const type =
    (mode & S_IFMT) === S_IFDIR ? P9_QTDIR : (mode & S_IFMT) === S_IFLNK ? P9_QTSYMLINK : P9_QTFILE;
  return { type, version: ((mtime.sec * 1000 + mtime.nsec / 1e6) ^ size) >>> 0, path: ino };
}

function openMode(flags: number): OpenMode {
  const access = flags & P9_DOTL_ACCMODE;
  return {
    read: access !== P9_DOTL_WRONLY,
    write: access !== P9_DOTL_RDONLY,
    append: (flags & P9_DOTL_APPEND) !== 0,
    truncate: (flags & P9_DOTL_TRUNC) !== 0,
  };
}

/** The path of `name` in the directory of `fid`. */
function child(fid: Fid, name: string): string {
  return join(fid.path, name);
}

function join(path: string, name: string): string {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0"))
    refuse(EINVAL);
  return path === "" ? name : `${path}/${name}`;
}

/** The root's parent is the root. */
function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** Linux: new_encode_dev(). */
function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/**
 * The 9P client: sends one message and gives its reply as plain values. What the messages mean for files is in inode.ts and
 * file.ts; how they travel in drivers/virtio/virtio_9p.ts. Linux: net/9p/client.c.
 *
 * Functions that return a number beside what they are for give -errno, the server's or our own.
 */
import type { P9Request, P9VirtioChannel } from "../../drivers/virtio/virtio_9p.ts";
import type { IovIter } from "../../mm/iov_iter.ts";
import type { Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EFAULT, EIO, ENOENT, EPROTO } from "../../uapi/errno.ts";
import {
  P9Malformed,
  P9Reader,
  P9Writer,
  P9_GETATTR_BASIC,
  P9_GETATTR_BTIME,
  P9_HEADER_BYTES,
  P9_IOHDRSZ,
  P9_MAXWELEM,
  P9_NOFID,
  P9_NOTAG,
  P9_TATTACH,
  P9_TCLUNK,
  P9_TFSYNC,
  P9_TGETATTR,
  P9_TLCREATE,
  P9_TLERROR,
  P9_TLINK,
  P9_TLOPEN,
  P9_TMKDIR,
  P9_TMKNOD,
  P9_TREAD,
  P9_TREADDIR,
  P9_TREADLINK,
  P9_TRENAMEAT,
  P9_TSETATTR,
  P9_TSTATFS,
  P9_TSYMLINK,
  P9_TUNLINKAT,
  P9_TVERSION,
  P9_TWALK,
  P9_TWRITE,
  P9_VERSION,
} from "./protocol.ts";
import type { P9Attributes, Qid } from "./protocol.ts";

/** What Tsetattr carries; fields whose bit is not in `valid` do not count. */
export interface P9SetAttributes {
  valid: number;
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: { sec: number; nsec: number };
  mtime?: { sec: number; nsec: number };
}

export interface P9DirEntry {
  qid: Qid;
  /** Position behind the entry. */
  offset: number;
  /** DT_ constant. */
  type: number;
  name: string;
}

export interface P9Statfs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  namelen: number;
}

const NO_TIME = { sec: 0, nsec: 0 };
const IGNORE = () => 0;

export class P9Client {
  #next_fid = 1;
  readonly #free_fids: number[] = [];
  /** Fids that wait for a request to be given back with. */
  readonly #to_clunk: number[] = [];
  readonly counters = { requests: 0, sleeps: 0 };

  constructor(
    readonly channel: P9VirtioChannel,
    /** Longest message, agreed on with the server. */
    public msize: number,
  ) {}

  /** Most bytes one read or write moves. */
  get iounit(): number {
    return this.msize - P9_IOHDRSZ;
  }

  newFid(): number {
    return this.#free_fids.pop() ?? this.#next_fid++;
  }

  /** Agrees on version and message length: 0 or -errno. */
  *version(task: Task): Sleep<number> {
    const build = (message: P9Writer) => message.u32(this.msize).string(P9_VERSION);
    const reply = yield* this.#call(
      task,
      P9_TVERSION,
      build,
      (r) => ({ msize: r.u32(), version: r.string() }),
      P9_NOTAG,
    );
    if (typeof reply === "number") return reply;
    if (reply.version !== P9_VERSION || reply.msize < 4096) return -EPROTO;
    this.msize = Math.min(this.msize, reply.msize);
    return 0;
  }

  *attach(task: Task, fid: number, uname: string, aname: string, uid: number): Sleep<Qid | number> {
    const build = (message: P9Writer) => message.u32(fid).u32(P9_NOFID).string(uname).string(aname).u32(uid);
    return yield* this.#call(task, P9_TATTACH, build, (reply) => reply.qid());
  }

  /** Makes `new_fid` stand for what `names` lead to from `fid`. */
  *walk(task: Task, fid: number, new_fid: number, names: readonly string[]): Sleep<number> {
    let from = fid;
    let at = 0;
    do {
      const part = names.slice(at, at + P9_MAXWELEM);
      const build = (message: P9Writer) => {
        message.u32(from).u32(new_fid).u16(part.length);
        for (const name of part) message.string(name);
      };
      const reached = yield* this.#call(task, P9_TWALK, build, (reply) => ({ count: reply.u16() }));
      const count = typeof reached === "number" ? reached : reached.count;
      if (count < part.length) {
        if (from === new_fid) this.clunk(new_fid);
        return count < 0 ? count : -ENOENT;
      }
      from = new_fid;
      at += part.length;
    } while (at < names.length);
    return 0;
  }

  *open(task: Task, fid: number, flags: number): Sleep<number> {
    return yield* this.#call(task, P9_TLOPEN, (message) => message.u32(fid).u32(flags), IGNORE);
  }

  /** Makes the file `name` in the directory `fid`, which becomes the open file's. */
  *create(task: Task, fid: number, name: string, flags: number, mode: number, gid: number): Sleep<number> {
    const build = (message: P9Writer) => message.u32(fid).string(name).u32(flags).u32(mode).u32(gid);
    return yield* this.#call(task, P9_TLCREATE, build, IGNORE);
  }

  *mkdir(task: Task, fid: number, name: string, mode: number, gid: number): Sleep<number> {
    const build = (message: P9Writer) => message.u32(fid).string(name).u32(mode).u32(gid);
    return yield* this.#call(task, P9_TMKDIR, build, IGNORE);
  }

  *mknod(
    task: Task,
    fid: number,
    name: string,
    mode: number,
    major: number,
    minor: number,
    gid: number,
  ): Sleep<number> {
    const build = (message: P9Writer) =>
      message.u32(fid).string(name).u32(mode).u32(major).u32(minor).u32(gid);
    return yield* this.#call(task, P9_TMKNOD, build, IGNORE);
  }

  *symlink(task: Task, fid: number, name: string, target: string, gid: number): Sleep<number> {
    const build = (message: P9Writer) => message.u32(fid).string(name).string(target).u32(gid);
    return yield* this.#call(task, P9_TSYMLINK, build, IGNORE);
  }

  *readlink(task: Task, fid: number): Sleep<string | number> {
    return yield* this.#call(
      task,
      P9_TREADLINK,
      (message) => message.u32(fid),
      (reply) => reply.string(),
    );
  }

  *link(task: Task, dir_fid: number, fid: number, name: string): Sleep<number> {
    return yield* this.#call(task, P9_TLINK, (message) => message.u32(dir_fid).u32(fid).string(name), IGNORE);
  }

  *renameat(task: Task, old_fid: number, old_name: string, new_fid: number, new_name: string): Sleep<number> {
    const build = (message: P9Writer) => message.u32(old_fid).string(old_name).u32(new_fid).string(new_name);
    return yield* this.#call(task, P9_TRENAMEAT, build, IGNORE);
  }

  *unlinkat(task: Task, fid: number, name: string, flags: number): Sleep<number> {
    return yield* this.#call(
      task,
      P9_TUNLINKAT,
      (message) => message.u32(fid).string(name).u32(flags),
      IGNORE,
    );
  }

  *getattr(task: Task, fid: number): Sleep<P9Attributes | number> {
    const build = (message: P9Writer) => message.u32(fid).u64(P9_GETATTR_BASIC | P9_GETATTR_BTIME);
    return yield* this.#call(task, P9_TGETATTR, build, (reply) => reply.attributes());
  }

  *setattr(task: Task, fid: number, attr: P9SetAttributes): Sleep<number> {
    const build = (message: P9Writer) =>
      message
        .u32(fid)
        .u32(attr.valid)
        .u32(attr.mode ?? 0)
        .u32(attr.uid ?? 0)
        .u32(attr.gid ?? 0)
        .u64(attr.size ?? 0)
        .time(attr.atime ?? NO_TIME)
        .time(attr.mtime ?? NO_TIME);
    return yield* this.#call(task, P9_TSETATTR, build, IGNORE);
  }

  *fsync(task: Task, fid: number, datasync: boolean): Sleep<number> {
    return yield* this.#call(task, P9_TFSYNC, (message) => message.u32(fid).u32(datasync ? 1 : 0), IGNORE);
  }

  *statfs(task: Task, fid: number): Sleep<P9Statfs | number> {
    const parse = (reply: P9Reader) => ({
      type: reply.u32(),
      bsize: reply.u32(),
      blocks: reply.u64(),
      bfree: reply.u64(),
      bavail: reply.u64(),
      files: reply.u64(),
      ffree: reply.u64(),
      namelen: (reply.u64(), reply.u32()),
    });
    return yield* this.#call(task, P9_TSTATFS, (message) => message.u32(fid), parse);
  }

  /** Entries of the open directory `fid` from `offset` on, as many as fit into a message. */
  *readdir(task: Task, fid: number, offset: number): Sleep<P9DirEntry[] | number> {
    const build = (message: P9Writer) => message.u32(fid).u64(offset).u32(this.iounit);
    return yield* this.#call(task, P9_TREADDIR, build, (reply) => {
      reply.u32();
      const entries: P9DirEntry[] = [];
      while (reply.left > 0) {
        entries.push({ qid: reply.qid(), offset: reply.u64(), type: reply.u8(), name: reply.string() });
      }
      return entries;
    });
  }

  /** Reads up to one message's worth at `offset` into `to`: bytes, 0 at the end. */
  *read(task: Task, fid: number, to: IovIter, offset: number): Sleep<number> {
    const wanted = Math.min(to.count, this.iounit);
    return yield* this.#readWith(task, fid, wanted, offset, (pa, count) => {
      const copied = to.copyPageTo(this.channel.kernel.machine.ram, pa, count);
      return copied === 0 && count > 0 ? -EFAULT : copied;
    });
  }

  /** Reads `length` bytes at `offset` into RAM at `pa`. */
  *readPages(
    task: Task,
    fid: number,
    length: number,
    offset: number,
    take: (pa: number, count: number) => void,
  ): Sleep<number> {
    return yield* this.#readWith(task, fid, Math.min(length, this.iounit), offset, (pa, count) => {
      take(pa, count);
      return count;
    });
  }

  *#readWith(
    task: Task,
    fid: number,
    wanted: number,
    offset: number,
    take: (pa: number, count: number) => number,
  ): Sleep<number> {
    const build = (message: P9Writer) => message.u32(fid).u64(offset).u32(wanted);
    return yield* this.#call(task, P9_TREAD, build, (reply, request) => {
      const count = reply.u32();
      if (count > wanted || count > reply.left) throw new P9Malformed();
      return take(request.reply_pa + P9_HEADER_BYTES + 4, count);
    });
  }

  /** Writes up to one message's worth of `from` at `offset`: bytes. `written` sees where they lie in RAM. */
  *write(
    task: Task,
    fid: number,
    from: IovIter,
    offset: number,
    written?: (pa: number, count: number) => void,
  ): Sleep<number> {
    const request = yield* this.channel.acquire(task);
    if (typeof request === "number") return request;
    const { ram } = this.channel.kernel.machine;
    const wanted = Math.min(from.count, this.iounit);
    const message = new P9Writer(P9_TWRITE, request.tag).u32(fid).u64(offset);
    const data_pa = request.message_pa + message.length + 4;
    const count = from.copyPageFrom(ram, data_pa, wanted);
    if (count === 0) {
      this.#release(request);
      return -EFAULT;
    }
    ram.set(request.message_pa, message.u32(count).finish(count));
    const done = yield* this.#transact(task, request, message.length + count, (reply) => reply.u32());
    if (done > 0) written?.(data_pa, Math.min(done, count));
    if (done >= 0 && done < count) from.revert(count - done);
    this.#release(request);
    return done;
  }

  /** Gives a fid back. Never sleeps, for files are closed where nothing can. */
  clunk(fid: number): void {
    this.#to_clunk.push(fid);
    this.#sendClunks();
  }

  #sendClunks(): void {
    while (this.#to_clunk.length > 0) {
      const request = this.channel.tryAcquire();
      if (request === null || typeof request === "number") return;
      const fid = this.#to_clunk.pop()!;
      const message = new P9Writer(P9_TCLUNK, request.tag, 16).u32(fid).finish();
      this.channel.kernel.machine.ram.set(request.message_pa, message);
      request.is_detached = true;
      this.channel.send(request, message.length);
      // The server handles requests in order: the number is free for those that follow.
      this.#free_fids.push(fid);
    }
  }

  *#call<T>(
    task: Task,
    type: number,
    build: (message: P9Writer) => unknown,
    parse: (reply: P9Reader, request: P9Request) => T,
    tag = -1,
  ): Sleep<T | number> {
    const request = yield* this.channel.acquire(task);
    if (typeof request === "number") return request;
    const message = new P9Writer(type, tag < 0 ? request.tag : tag);
    build(message);
    if (message.length > this.msize) {
      this.#release(request);
      return -EIO;
    }
    this.channel.kernel.machine.ram.set(request.message_pa, message.finish());
    const result = yield* this.#transact(task, request, message.length, parse);
    this.#release(request);
    return result;
  }

  /** Sends what lies in the request's message and reads the reply. */
  *#transact<T>(
    task: Task,
    request: P9Request,
    length: number,
    parse: (reply: P9Reader, request: P9Request) => T,
  ): Sleep<T | number> {
    this.counters.requests++;
    if (!this.channel.send(request, length)) {
      this.counters.sleeps++;
      yield* this.channel.wait(task, request);
    }
    const { ram } = this.channel.kernel.machine;
    const type = ram.read8(request.message_pa + 4);
    const reply_bytes = ram.bytes.subarray(request.reply_pa, request.reply_pa + request.reply_length);
    try {
      const reply = new P9Reader(reply_bytes);
      if (reply.type === P9_TLERROR + 1) return -reply.u32() || -EIO;
      if (reply.type !== type + 1) return -EPROTO;
      return parse(reply, request);
    } catch (error) {
      if (error instanceof P9Malformed) return -EPROTO;
      throw error;
    }
  }

  #release(request: P9Request): void {
    this.channel.release(request);
    if (this.#to_clunk.length > 0) this.#sendClunks();
  }
}

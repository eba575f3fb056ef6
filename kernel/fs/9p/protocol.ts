/**
 * The 9P2000.L protocol: message numbers, flags, and the encoding of its fields. Spoken by the client here and by whatever is
 * at the other end of the channel.
 *
 *     size[4] type[1] tag[2] fields...     numbers are little endian; a string is length[2] bytes, a qid type[1] version[4] path[8]
 *
 * Strings are JS strings of one char per byte. 64-bit fields are numbers: exact to 2^53.
 * Source: diod's protocol.md (9P2000.L), intro(5) of Plan 9. Linux: include/net/9p/9p.h.
 */
export const P9_TLERROR = 6;
export const P9_TSTATFS = 8;
export const P9_TLOPEN = 12;
export const P9_TLCREATE = 14;
export const P9_TSYMLINK = 16;
export const P9_TMKNOD = 18;
export const P9_TRENAME = 20;
export const P9_TREADLINK = 22;
export const P9_TGETATTR = 24;
export const P9_TSETATTR = 26;
export const P9_TXATTRWALK = 30;
export const P9_TREADDIR = 40;
export const P9_TFSYNC = 50;
export const P9_TLOCK = 52;
export const P9_TGETLOCK = 54;
export const P9_TLINK = 70;
export const P9_TMKDIR = 72;
export const P9_TRENAMEAT = 74;
export const P9_TUNLINKAT = 76;
export const P9_TVERSION = 100;
export const P9_TAUTH = 102;
export const P9_TATTACH = 104;
export const P9_TFLUSH = 108;
export const P9_TWALK = 110;
export const P9_TREAD = 116;
export const P9_TWRITE = 118;
export const P9_TCLUNK = 120;
export const P9_TREMOVE = 122;

export const P9_VERSION = "9P2000.L";
export const P9_NOTAG = 0xffff;
export const P9_NOFID = 0xffff_ffff;
/** Names in one Twalk. */
export const P9_MAXWELEM = 16;
/** Size, type and tag. */
export const P9_HEADER_BYTES = 7;
/** What a Twrite (or the reply to a Tread) has around its data, rounded up. Linux: P9_IOHDRSZ. */
export const P9_IOHDRSZ = 24;

export const P9_QTDIR = 0x80;
export const P9_QTSYMLINK = 0x02;
export const P9_QTFILE = 0x00;

/** Tgetattr: which fields are asked for, and are valid. */
export const P9_GETATTR_BASIC = 0x07ff;
export const P9_GETATTR_BTIME = 0x0800;

/** Tsetattr. */
export const P9_ATTR_MODE = 1 << 0;
export const P9_ATTR_UID = 1 << 1;
export const P9_ATTR_GID = 1 << 2;
export const P9_ATTR_SIZE = 1 << 3;
export const P9_ATTR_ATIME = 1 << 4;
export const P9_ATTR_MTIME = 1 << 5;
export const P9_ATTR_CTIME = 1 << 6;
export const P9_ATTR_ATIME_SET = 1 << 7;
export const P9_ATTR_MTIME_SET = 1 << 8;

/** Tlopen, Tlcreate: the flags of open(2) on most architectures, x86-64 among them. */
export const P9_DOTL_ACCMODE = 0o3;
export const P9_DOTL_RDONLY = 0;
export const P9_DOTL_WRONLY = 1;
export const P9_DOTL_RDWR = 2;
export const P9_DOTL_CREATE = 0o100;
export const P9_DOTL_EXCL = 0o200;
export const P9_DOTL_TRUNC = 0o1000;
export const P9_DOTL_APPEND = 0o2000;
export const P9_DOTL_DIRECTORY = 0o200000;
export const P9_DOTL_NOFOLLOW = 0o400000;

/** Tunlinkat. */
export const P9_DOTL_AT_REMOVEDIR = 0x200;

/** Rlock: granted. */
export const P9_LOCK_SUCCESS = 0;
/** The type field of a lock. */
export const P9_LOCK_TYPE_UNLCK = 2;

const TWO_32 = 0x1_0000_0000;

/** The server's name for a file: the same file has the same path as long as it exists. */
export interface Qid {
  type: number;
  version: number;
  path: number;
}

/** Reply to Tgetattr. Times in seconds and nanoseconds. */
export interface P9Attributes {
  valid: number;
  qid: Qid;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  rdev: number;
  size: number;
  blksize: number;
  blocks: number;
  atime: { sec: number; nsec: number };
  mtime: { sec: number; nsec: number };
  ctime: { sec: number; nsec: number };
  btime: { sec: number; nsec: number };
}

/** Writes a message. The buffer grows. */
export class P9Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #at = P9_HEADER_BYTES;

  constructor(type: number, tag: number, capacity_bytes = 256) {
    this.#bytes = new Uint8Array(capacity_bytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#bytes[4] = type;
    this.#view.setUint16(5, tag, true);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setUint32(at, value, true);
    this.#view.setUint32(at + 4, Math.floor(value / TWO_32), true);
    return this;
  }

  string(text: string): this {
    this.u16(text.length);
    const at = this.#reserve(text.length);
    for (let n = 0; n < text.length; n++) this.#bytes[at + n] = text.charCodeAt(n);
    return this;
  }

  qid({ type, version, path }: Qid): this {
    return this.u8(type).u32(version).u64(path);
  }

  time({ sec, nsec }: { sec: number; nsec: number }): this {
    return this.u64(sec).u64(nsec);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Room for `length` bytes that the caller fills at once. */
  space(length: number): Uint8Array {
    const at = this.#reserve(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Takes back what lies behind byte `length`. */
  truncate(length: number): void {
    this.#at = length;
  }

  /** Puts a number into an earlier field. */
  patch32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** The message. `extra_bytes` are part of it but follow elsewhere. */
  finish(extra_bytes = 0): Uint8Array {
    this.#view.setUint32(0, this.#at + extra_bytes, true);
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}

/** Reads a message. Fields behind its end are a P9Malformed. */
export class P9Reader {
  readonly type: number;
  readonly tag: number;
  readonly size: number;
  readonly #view: DataView;
  #at = P9_HEADER_BYTES;

  constructor(readonly message: Uint8Array) {
    this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    if (message.length < P9_HEADER_BYTES) throw new P9Malformed();
    this.size = this.#view.getUint32(0, true);
    this.type = message[4];
    this.tag = this.#view.getUint16(5, true);
    if (this.size > message.length || this.size < P9_HEADER_BYTES) throw new P9Malformed();
  }

  u8(): number {
    return this.message[this.#take(1)];
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
  }

  /** A 64-bit field as a signed number: seconds before 1970. */
  i64(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
  }

  string(): string {
    const length = this.u16();
    const at = this.#take(length);
    let text = "";
    for (let n = 0; n < length; n++) text += String.fromCharCode(this.message[at + n]);
    return text;
  }

  qid(): Qid {
    return { type: this.u8(), version: this.u32(), path: this.u64() };
  }

  time(): { sec: number; nsec: number } {
    return { sec: this.i64(), nsec: this.u64() };
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.message.subarray(at, at + length);
  }

  attributes(): P9Attributes {
    return {
      valid: this.u64(),
      qid: this.qid(),
      mode: this.u32(),
      uid: this.u32(),
      gid: this.u32(),
      nlink: this.u64(),
      rdev: this.u64(),
      size: this.u64(),
      blksize: this.u64(),
      blocks: this.u64(),
      atime: this.time(),
      mtime: this.time(),
      ctime: this.time(),
      btime: this.time(),
    };
  }

  /** Bytes left. */
  get left(): number {
    return this.size - this.#at;
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.size) throw new P9Malformed();
    this.#at = at + length;
    return at;
  }
}

/** A message that ends before its fields do. */
export class P9Malformed extends Error {
  constructor() {
    super("malformed 9P message");
    this.name = "P9Malformed";
  }
}

/**
 * The file system "9p": a tree of files on the host, over a virtio channel.
 *
 *     mount -t 9p -o trans=virtio,version=9p2000.L TAG DIR
 *
 * Options: trans=virtio, version=9p2000.L, msize=BYTES, aname=PATH, uname=NAME, access=, cache=none|loose. With cache=none
 * (the default) every lookup asks the server, so what others do to the files is seen at once; with cache=loose names are
 * believed for as long as they are cached. Linux: fs/9p/vfs_super.c, fs/9p/v9fs.c; Documentation/filesystems/9p.rst.
 */
import { P9_VIRTIO_MAX_MSIZE } from "../../drivers/virtio/virtio_9p.ts";
import type { P9VirtioChannel } from "../../drivers/virtio/virtio_9p.ts";
import type { Kernel } from "../../kernel.ts";
import { finish, type Sleep } from "../../sched/wait.ts";
import { EBUSY, EINVAL, ENOENT } from "../../uapi/errno.ts";
import { V9FS_MAGIC } from "../../uapi/mount.ts";
import { Dentry } from "../dentry.ts";
import type { Inode } from "../inode.ts";
import { SuperBlock, type FileSystemType, type Kstatfs, type SuperOperations } from "../superblock.ts";
import { P9Client } from "./client.ts";
import { dropFid, fidOf, getInode, revalidate } from "./inode.ts";

/** Open fids of inodes that are kept for the next operation. */
const MAX_CACHED_FIDS = 512;

interface Options {
  msize: number;
  aname: string;
  uname: string;
  cache: "none" | "loose";
}

/** What one mount keeps. Linux: struct v9fs_session_info. */
export class V9fsSession {
  /** Inodes that have a fid of their own, least recently used first. */
  readonly fids = new Map<Inode, number>();
  /** Inodes with pages in memory, oldest first. */
  readonly cached = new Set<Inode>();

  constructor(
    readonly client: P9Client,
    readonly root_fid: number,
    readonly options: Options,
  ) {}

  /** Keeps `fid` as the inode's own. */
  keepFid(inode: Inode, fid: number): void {
    const old = this.fids.get(inode);
    this.fids.delete(inode);
    if (old !== undefined && old !== fid) this.client.clunk(old);
    this.fids.set(inode, fid);
    if (this.fids.size <= MAX_CACHED_FIDS) return;
    for (const [oldest, oldest_fid] of this.fids) {
      this.fids.delete(oldest);
      this.client.clunk(oldest_fid);
      break;
    }
  }
}

export const sessionOf = (sb: SuperBlock): V9fsSession => sb.private_data as V9fsSession;

/** Unknown options are for other transports and versions: they are passed over, as Linux does. */
function parseOptions(data: string): Options | number {
  const options: Options = { msize: P9_VIRTIO_MAX_MSIZE, aname: "", uname: "nobody", cache: "none" };
  for (const option of data.split(",")) {
    const equals = option.indexOf("=");
    const key = equals < 0 ? option : option.slice(0, equals);
    const value = equals < 0 ? "" : option.slice(equals + 1);
    switch (key) {
      case "trans":
        if (value !== "virtio") return -EINVAL;
        break;
      case "version":
        if (value.toLowerCase() !== "9p2000.l") return -EINVAL;
        break;
      case "msize":
        if (!/^\d+$/.test(value) || Number(value) < 4096) return -EINVAL;
        options.msize = Math.min(Number(value), P9_VIRTIO_MAX_MSIZE);
        break;
      case "aname":
        options.aname = value;
        break;
      case "uname":
        options.uname = value;
        break;
      case "cache":
        if (value !== "none" && value !== "loose") return -EINVAL;
        options.cache = value;
        break;
    }
  }
  return options;
}

function findChannel(kernel: Kernel, tag: string): P9VirtioChannel | number {
  const channels = (kernel.devices.virtio?.channels ?? []).filter((channel) => channel.tag === tag);
  if (channels.length === 0) {
    kernel.printk.err(`9pnet_virtio: no channels available for device ${tag}`);
    return -ENOENT;
  }
  return channels.find((channel) => !channel.isInUse) ?? -EBUSY;
}

/** Linux: v9fs_mount(). */
function* mount(kernel: Kernel, source: string, flags: number, data: string): Sleep<SuperBlock | number> {
  const options = parseOptions(data);
  if (typeof options === "number") return options;
  const channel = findChannel(kernel, source);
  if (typeof channel === "number") return channel;
  const task = kernel.current;
  channel.isInUse = true;
  const client = new P9Client(channel, options.msize);
  const fid = client.newFid();
  const session = new V9fsSession(client, fid, options);
  const sb = new SuperBlock(kernel, v9fsType, kernel.vfs.anonDev(), V9FS_MAGIC, superOperations, session);
  sb.flags = flags;
  if (options.cache === "none") sb.dops = { revalidate };
  else sb.caches_negative = true;
  sb.root = new Dentry("/", null, sb);

  let error = yield* client.version(task);
  if (error === 0) {
    const qid = yield* client.attach(task, fid, options.uname, options.aname, task.cred.fsuid);
    error = typeof qid === "number" ? qid : 0;
  }
  if (error === 0) {
    const attributes = yield* client.getattr(task, fid);
    if (typeof attributes === "number") error = attributes;
    else sb.root.instantiate(getInode(sb, sb.root, attributes));
  }
  if (error) {
    channel.isInUse = false;
    return error;
  }
  return sb;
}

const superOperations: SuperOperations = {
  *statfs(sb): Sleep<Kstatfs | number> {
    const session = sessionOf(sb);
    const task = sb.kernel.current;
    const fid = yield* finish(fidOf(task, sb.root.inode!));
    if (fid < 0) return fid;
    const result = yield* session.client.statfs(task, fid);
    return typeof result === "number" ? result : { ...result, frsize: result.bsize };
  },
  evictInode(inode): void {
    inode.mapping?.destroy();
    sessionOf(inode.sb).cached.delete(inode);
    dropFid(inode);
  },
  showOptions(sb): string {
    const { options, client } = sessionOf(sb);
    const cache = options.cache === "none" ? "" : `,cache=${options.cache}`;
    const aname = options.aname === "" ? "" : `,aname=${options.aname}`;
    return `${cache},access=client,msize=${client.msize},trans=virtio${aname}`;
  },
  killSuper(sb): void {
    const session = sessionOf(sb);
    for (const inode of session.cached) inode.mapping?.destroy();
    session.cached.clear();
    for (const fid of session.fids.values()) session.client.clunk(fid);
    session.fids.clear();
    session.client.clunk(session.root_fid);
    session.client.channel.isInUse = false;
  },
};

export const v9fsType: FileSystemType = { name: "9p", fs_flags: 0, mount };

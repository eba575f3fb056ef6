/**
 * Files that are in no directory: pipes, eventfds, epolls, memfds. Each has an inode of an internal file
 * system and a dentry that only gives it a name for /proc/PID/fd ("pipe:[12]", "anon_inode:[eventpoll]").
 * Linux: fs/libfs.c init_pseudo(), fs/anon_inodes.c.
 */
import { ANON_INODE_FS_MAGIC, PIPEFS_MAGIC } from "../uapi/mount.ts";
import { S_IFDIR } from "../uapi/stat.ts";
import { Dentry, type DentryOperations } from "./dentry.ts";
import { File, type FileOperations } from "./file.ts";
import { Inode } from "./inode.ts";
import { Mount } from "./mount.ts";
import { Path } from "./path.ts";
import { SuperBlock, type FileSystemType, type Kstatfs } from "./superblock.ts";
import { createTmpfs } from "./tmpfs/super.ts";
import type { Vfs } from "./vfs.ts";

/** Internal mounts, each made when first needed. */
export class PseudoFileSystems {
  #pipefs: Mount | null = null;
  #anon: Mount | null = null;
  #anon_inode: Inode | null = null;
  #shm: Mount | null = null;

  constructor(private readonly vfs: Vfs) {}

  /** Where pipes live: names are "pipe:[ino]". */
  get pipefs(): Mount {
    return (this.#pipefs ??= this.#mount("pipefs", PIPEFS_MAGIC, {
      dname: (dentry) => `pipe:[${dentry.inode!.ino}]`,
    }));
  }

  /** Where eventfds, epolls and the like live, all with one inode. */
  get anon(): Mount {
    return (this.#anon ??= this.#mount("anon_inodefs", ANON_INODE_FS_MAGIC, {
      dname: (dentry) => `anon_inode:${dentry.name}`,
    }));
  }

  /** The tmpfs behind memfd_create() and shared anonymous memory. Linux: shm_mnt. */
  get shm(): Mount {
    if (this.#shm) return this.#shm;
    const sb = createTmpfs(this.vfs.kernel, "", true);
    if (typeof sb === "number") throw new Error("internal tmpfs refused its options");
    sb.dops = { dname: (dentry) => `/${dentry.name} (deleted)` };
    return (this.#shm = new Mount(this.vfs.mounts.nextId(), sb, sb.root, "tmpfs", 0));
  }

  /** An open file of the shared anonymous inode; `name` as in "[eventfd]". Linux: anon_inode_getfile(). */
  anonFile(name: string, fops: FileOperations, flags: number, private_data: unknown): File {
    const mnt = this.anon;
    this.#anon_inode ??= new Inode(mnt.sb, mnt.sb.nextIno(), 0o600, {}, {});
    const dentry = new Dentry(name, null, mnt.sb);
    dentry.instantiate(this.#anon_inode);
    const file = new File(new Path(mnt, dentry), this.#anon_inode, flags, fops);
    file.private_data = private_data;
    return file;
  }

  #mount(name: string, magic: number, dops: DentryOperations): Mount {
    const type: FileSystemType = { name, fs_flags: 0, mount: () => -1 };
    const { kernel } = this.vfs;
    const sb = new SuperBlock(kernel, type, this.vfs.anonDev(), magic, { statfs: simpleStatfs });
    sb.dops = dops;
    sb.root = new Dentry(`${name}:`, null, sb);
    sb.root.instantiate(new Inode(sb, sb.nextIno(), S_IFDIR | 0o600, {}, {}));
    return new Mount(this.vfs.mounts.nextId(), sb, sb.root, name, 0);
  }
}

/** statfs of file systems without storage. Linux: simple_statfs(). */
export function simpleStatfs(sb: SuperBlock): Kstatfs {
  return {
    type: sb.magic,
    bsize: 4096,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: 0,
    ffree: 0,
    namelen: 255,
    frsize: 4096,
  };
}

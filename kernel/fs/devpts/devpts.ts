/**
 * devpts: the nodes of pseudo terminals, /dev/pts/N, each there as long as its master is open. One instance, whoever
 * mounts it. Neighbour: drivers/tty/pty.ts. Linux: fs/devpts/inode.c; Documentation/filesystems/devpts.rst.
 */
import type { Kernel } from "../../kernel.ts";
import type { Task } from "../../task/task.ts";
import { EINVAL, ENODEV } from "../../uapi/errno.ts";
import { DEVPTS_SUPER_MAGIC } from "../../uapi/mount.ts";
import { S_IFCHR, S_IFDIR, makeDev } from "../../uapi/stat.ts";
import { simpleStatfs } from "../pseudo.ts";
import { specialOperations } from "../char_dev.ts";
import { Dentry } from "../dentry.ts";
import { Inode } from "../inode.ts";
import { dcacheDirOperations } from "../libfs.ts";
import { Mount } from "../mount.ts";
import { Path } from "../path.ts";
import { type FileSystemType, SuperBlock } from "../superblock.ts";

const TTYAUX_MAJOR = 5;
const PTMX_MINOR = 2;

/** The one instance. The pty driver tells it of pairs that come and go. */
export class Devpts {
  readonly sb: SuperBlock;
  /** The kernel's own mount, for slaves opened where no mount can be named. */
  readonly #mnt: Mount;
  /** Mount options; null: the opener's own. */
  uid: number | null = null;
  gid: number | null = null;
  mode = 0o600;
  ptmxmode = 0;

  constructor(private readonly kernel: Kernel) {
    const sb = new SuperBlock(kernel, devptsType, kernel.vfs.anonDev(), DEVPTS_SUPER_MAGIC, {
      statfs: simpleStatfs,
      remount: (_sb, data) => this.configure(data),
      showOptions: () => this.showOptions(),
    });
    this.sb = sb;
    sb.nr_mounts++; // the kernel's own: the nodes outlive the mounts
    sb.root = new Dentry("/", null, sb);
    const root = new Inode(sb, sb.nextIno(), S_IFDIR | 0o755, {}, dcacheDirOperations);
    root.nlink = 2;
    sb.root.instantiate(root);
    this.#mnt = new Mount(kernel.vfs.mounts.nextId(), sb, sb.root, "devpts", 0);
    this.#make("ptmx", this.ptmxmode, makeDev(TTYAUX_MAJOR, PTMX_MINOR));
  }

  /** Applies mount options: 0 or -EINVAL. Linux: parse_mount_options(). */
  configure(data: string): number {
    for (const option of data.split(",")) {
      if (option === "") continue;
      const [key, value = ""] = option.split("=");
      const isOctal = /^[0-7]+$/.test(value);
      if (key === "uid" && /^\d+$/.test(value)) this.uid = Number(value);
      else if (key === "gid" && /^\d+$/.test(value)) this.gid = Number(value);
      else if (key === "mode" && isOctal) this.mode = parseInt(value, 8) & 0o7777;
      else if (key === "ptmxmode" && isOctal) this.ptmxmode = parseInt(value, 8) & 0o7777;
      else if (key !== "newinstance" && key !== "max") return -EINVAL;
    }
    const ptmx = this.sb.root.child("ptmx")?.inode;
    if (ptmx) ptmx.mode = S_IFCHR | this.ptmxmode;
    return 0;
  }

  showOptions(): string {
    const octal = (mode: number) => mode.toString(8).padStart(3, "0");
    const uid = this.uid === null ? "" : `,uid=${this.uid}`;
    const gid = this.gid === null ? "" : `,gid=${this.gid}`;
    return `${uid}${gid},mode=${octal(this.mode)},ptmxmode=${octal(this.ptmxmode)}`;
  }

  /** The slave of a new pair: owned by who opened the master. Linux: devpts_pty_new(). */
  add(index: number, dev: number, task: Task): void {
    const inode = this.#make(String(index), this.mode, dev);
    inode.uid = this.uid ?? task.cred.fsuid;
    inode.gid = this.gid ?? task.cred.fsgid;
  }

  /** Linux: devpts_pty_kill(). */
  remove(index: number): void {
    const dentry = this.sb.root.child(String(index));
    if (!dentry?.inode) return;
    dentry.unhash();
    dentry.inode.nlink--;
    dentry.inode.evictIfUnused();
  }

  /**
   * The slave's node as seen from its open master: in the same mount, or in the one on `pts` beside the master's
   * node. Null once the node is gone. Linux: devpts_mntget().
   */
  slavePath(index: number, master: Path): Path | null {
    const dentry = this.sb.root.child(String(index));
    return dentry ? new Path(this.#mountSeenFrom(master), dentry) : null;
  }

  #mountSeenFrom({ mnt, dentry }: Path): Mount {
    if (mnt.sb === this.sb) return mnt;
    const pts = dentry.parent.child("pts");
    const beside = pts && this.kernel.vfs.mounts.cross(new Path(mnt, pts)).mnt;
    return beside?.sb === this.sb ? beside : this.#mnt;
  }

  #make(name: string, mode: number, rdev: number): Inode {
    const { sb } = this;
    const dentry = new Dentry(name, sb.root, sb);
    const inode = new Inode(sb, sb.nextIno(), S_IFCHR | mode, {}, specialOperations(S_IFCHR | mode));
    inode.rdev = rdev;
    dentry.instantiate(inode);
    dentry.hash();
    return inode;
  }
}

export const devptsType: FileSystemType = {
  name: "devpts",
  fs_flags: 0,
  mount(kernel, _source, _flags, data) {
    const { ptys } = kernel.devices;
    if (!ptys) return -ENODEV;
    ptys.nodes ??= new Devpts(kernel);
    const error = ptys.nodes.configure(data);
    return error ? error : ptys.nodes.sb;
  },
};

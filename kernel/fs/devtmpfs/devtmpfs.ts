/**
 * devtmpfs: a tmpfs that the kernel fills with a node for every device a driver announced. There is one,
 * whoever mounts it. Linux: drivers/base/devtmpfs.c.
 */
import type { DeviceNode } from "../../drivers/base.ts";
import type { Kernel } from "../../kernel.ts";
import { TMPFS_MAGIC } from "../../uapi/mount.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR } from "../../uapi/stat.ts";
import { Dentry } from "../dentry.ts";
import type { FileSystemType, SuperBlock } from "../superblock.ts";
import { newTmpfsInode } from "../tmpfs/inode.ts";
import { createTmpfs } from "../tmpfs/super.ts";

/** The one superblock, made at the first mount; it outlives its mounts. */
export class Devtmpfs {
  #sb: SuperBlock | null = null;

  constructor(private readonly kernel: Kernel) {}

  superBlock(): SuperBlock | number {
    if (this.#sb) return this.#sb;
    const sb = createTmpfs(this.kernel, "mode=0755", false, devtmpfsType, TMPFS_MAGIC);
    if (typeof sb === "number") return sb;
    this.#sb = sb;
    sb.nr_mounts++; // the kernel's own
    const { devices } = this.kernel;
    for (const node of devices.nodes) this.addNode(node);
    devices.onNodeAdded = (node) => this.addNode(node);
    devices.onNodeRemoved = (node) => this.removeNode(node);
    return sb;
  }

  /** Makes the node, and the directories in its name. Linux: handle_create(). */
  addNode(node: DeviceNode): void {
    const parts = node.name.split("/");
    const name = parts.pop()!;
    let dir = this.#sb!.root;
    for (const part of parts) {
      let child = dir.child(part);
      if (!child) {
        child = this.#make(dir, part, S_IFDIR | 0o755, 0);
        dir.inode!.nlink++;
      }
      dir = child;
    }
    if (dir.child(name)) return;
    this.#make(dir, name, (node.type === "char" ? S_IFCHR : S_IFBLK) | node.mode, node.dev);
  }

  /** Removes the node if it is still the one of that device. */
  removeNode(node: DeviceNode): void {
    let dentry: Dentry | undefined = this.#sb!.root;
    for (const part of node.name.split("/")) dentry = dentry?.child(part);
    const inode = dentry?.inode;
    if (!dentry || !inode || inode.rdev !== node.dev) return;
    dentry.unhash();
    inode.nlink--;
    inode.evictIfUnused();
  }

  #make(dir: Dentry, name: string, mode: number, rdev: number): Dentry {
    const dentry = new Dentry(name, dir, dir.sb);
    const inode = newTmpfsInode(dir.sb, mode, rdev);
    if (typeof inode === "number") throw new Error("devtmpfs is full");
    dentry.instantiate(inode);
    dentry.hash();
    return dentry;
  }
}

export const devtmpfsType: FileSystemType = {
  name: "devtmpfs",
  fs_flags: 0,
  mount: (kernel) => kernel.vfs.devtmpfs.superBlock(),
};

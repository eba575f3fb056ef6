/** A file system attached to the tree. Linux: fs/mount.h struct mount, include/linux/mount.h MNT_*. */
import type { Dentry } from "./dentry.ts";
import type { SuperBlock } from "./superblock.ts";

export const MNT_NOSUID = 0x01;
export const MNT_NODEV = 0x02;
export const MNT_NOEXEC = 0x04;
export const MNT_NOATIME = 0x08;
export const MNT_NODIRATIME = 0x10;
export const MNT_RELATIME = 0x20;
export const MNT_READONLY = 0x40;
export const MNT_NOSYMFOLLOW = 0x80;

export class Mount {
  /** Where it is mounted; null for the root of the namespace and for internal mounts. */
  parent: Mount | null = null;
  mountpoint: Dentry | null = null;
  /** Open files reached through this mount. */
  nr_files = 0;

  constructor(
    /** Number in /proc/PID/mountinfo. */
    readonly id: number,
    readonly sb: SuperBlock,
    /**
     * The dentry that appears at the mount point: the file system's root, or a directory of it for bind
     * mounts.
     */
    readonly root: Dentry,
    /** First column of /proc/mounts. */
    readonly devname: string,
    public flags: number,
  ) {}

  get isReadOnly(): boolean {
    return (this.flags & MNT_READONLY) !== 0 || (this.sb.flags & 1) !== 0; // MS_RDONLY
  }
}

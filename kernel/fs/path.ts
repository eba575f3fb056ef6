/**
 * A place in the file tree: a dentry seen through one mount. Linux: include/linux/path.h.
 *
 * Paths are immutable values and are not reference counted: what must not go away while in use (file data,
 * mounts) is counted by open files (file.ts), and umount looks at the working directories of all tasks
 * (namespace.ts).
 */
import type { Dentry } from "./dentry.ts";
import type { Mount } from "./mount.ts";

export class Path {
  constructor(
    readonly mnt: Mount,
    readonly dentry: Dentry,
  ) {}

  equals(other: Path): boolean {
    return this.mnt === other.mnt && this.dentry === other.dentry;
  }
}

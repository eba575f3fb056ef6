/** FsStruct: root, working directory and umask, shared by threads and by clone(CLONE_FS). Linux: fs/fs_struct.c. */
import type { Path } from "../fs/path.ts";

export class FsStruct {
  /** Tasks that share it. */
  users = 1;
  constructor(
    public root: Path,
    public pwd: Path,
    public umask: number,
  ) {}

  /** A private copy. Linux: copy_fs_struct(). */
  clone(): FsStruct {
    return new FsStruct(this.root, this.pwd, this.umask);
  }
}

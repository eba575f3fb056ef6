/** THE table of file system types; /proc/filesystems and mount(2) read it. Linux: fs/filesystems.c. */
import { devptsType } from "./devpts/devpts.ts";
import { v9fsType } from "./9p/super.ts";
import { devtmpfsType } from "./devtmpfs/devtmpfs.ts";
import { procType } from "./proc/super.ts";
import { FS_REQUIRES_DEV, type FileSystemType } from "./superblock.ts";
import { ramfsType, tmpfsType } from "./tmpfs/super.ts";
import type { Vfs } from "./vfs.ts";

export const filesystemTable: readonly FileSystemType[] = [
  procType,
  tmpfsType,
  devtmpfsType,
  devptsType,
  ramfsType,
  v9fsType,
];

/** The text of /proc/filesystems: file systems without a device say "nodev". */
export function showFilesystems(vfs: Vfs): string {
  let text = "";
  for (const type of vfs.fs_types.values()) {
    text += `${type.fs_flags & FS_REQUIRES_DEV ? "" : "nodev"}\t${type.name}\n`;
  }
  return text;
}

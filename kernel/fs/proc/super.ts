/** The proc file system type: one superblock, whoever mounts it. Linux: fs/proc/root.c; man 5 proc. */
import type { Kernel } from "../../kernel.ts";
import { EINVAL } from "../../uapi/errno.ts";
import { PROC_SUPER_MAGIC } from "../../uapi/mount.ts";
import { Dentry } from "../dentry.ts";
import { simpleStatfs } from "../pseudo.ts";
import { SuperBlock, type FileSystemType } from "../superblock.ts";
import { PROC_DYNAMIC_FIRST, PROC_ROOT_INO, makeProcInode, numberEntries } from "./generic.ts";
import { procRoot, procTables } from "./root.ts";

function findSuper(kernel: Kernel): SuperBlock | undefined {
  for (const sb of kernel.vfs.supers) if (sb.type === procType) return sb;
  return undefined;
}

export const procType: FileSystemType = {
  name: "proc",
  fs_flags: 0,
  mount(kernel, _source, _flags, data) {
    for (const option of data.split(",")) {
      // hidepid=0 and gid= are what is done anyway.
      if (option !== "" && !/^(hidepid=(0|off)|gid=\d+)$/.test(option)) return -EINVAL;
    }
    const existing = findSuper(kernel);
    if (existing) return existing;
    const sb = new SuperBlock(kernel, procType, kernel.vfs.anonDev(), PROC_SUPER_MAGIC, {
      statfs: simpleStatfs,
    });
    sb.blocksize = 1024;
    sb.private_data = procTables.reduce((numbers, table) => numberEntries(table, numbers), new Map());
    sb.root = new Dentry("/", null, sb);
    sb.root.instantiate(
      makeProcInode(sb, procRoot as never, kernel, null, PROC_ROOT_INO, PROC_DYNAMIC_FIRST),
    );
    return sb;
  },
};

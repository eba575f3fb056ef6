/**
 * tmpfs: files whose pages live in RAM only. Linux: mm/shmem.c; man 5 tmpfs. The same code serves rootfs (the
 * root of everything, filled from the initramfs), ramfs (tmpfs without limits) and, through createTmpfs(),
 * devtmpfs and memfds.
 *
 * Directories are the dentry tree itself. File pages are the inode's AddressSpace, counted against `size=`.
 */
import type { Kernel } from "../../kernel.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import { EINVAL } from "../../uapi/errno.ts";
import { RAMFS_MAGIC, TMPFS_MAGIC } from "../../uapi/mount.ts";
import { S_IALLUGO, S_IFDIR, S_ISVTX } from "../../uapi/stat.ts";
import { Dentry } from "../dentry.ts";
import type { Inode } from "../inode.ts";
import { SuperBlock, type FileSystemType, type Kstatfs, type SuperOperations } from "../superblock.ts";
import { newTmpfsInode } from "./inode.ts";

/** Limits and use of one tmpfs. Linux: struct shmem_sb_info. */
export class TmpfsInfo {
  /** Infinity: no limit. */
  max_blocks: number;
  max_inodes: number;
  used_blocks = 0;
  used_inodes = 0;
  mode = 0o777 | S_ISVTX;
  uid = 0;
  gid = 0;
  constructor(
    readonly default_blocks: number,
    readonly default_inodes: number,
  ) {
    this.max_blocks = default_blocks;
    this.max_inodes = default_inodes;
  }

  /** Takes (or gives back) pages: whether they fit. */
  charge(nr_pages: number): boolean {
    if (nr_pages > 0 && this.used_blocks + nr_pages > this.max_blocks) return false;
    this.used_blocks += nr_pages;
    return true;
  }
}

export const tmpfsInfo = (sb: SuperBlock): TmpfsInfo => sb.private_data as TmpfsInfo;

/** "64m", "1g", "50%" as bytes. Linux: memparse(). */
function parseSize(text: string, totalram_bytes: number): number {
  const match = /^(0x[0-9a-f]+|\d+)([kmgtpe%]?)$/i.exec(text);
  if (!match) return NaN;
  const value = Number(match[1]);
  const unit = match[2].toLowerCase();
  if (unit === "%") return Math.floor((totalram_bytes * value) / 100);
  return value * 1024 ** " kmgtpe".indexOf(unit || " ");
}

/** Applies mount options: 0 or -EINVAL. Linux: shmem_parse_one(). */
function parseOptions(kernel: Kernel, info: TmpfsInfo, data: string): number {
  const totalram_bytes = kernel.pages.totalram_pages * PAGE_SIZE;
  for (const option of data.split(",")) {
    if (option === "") continue;
    const equals = option.indexOf("=");
    const key = equals < 0 ? option : option.slice(0, equals);
    const value = equals < 0 ? "" : option.slice(equals + 1);
    switch (key) {
      case "size": {
        const bytes = parseSize(value, totalram_bytes);
        if (Number.isNaN(bytes)) return -EINVAL;
        info.max_blocks = bytes === 0 ? Infinity : Math.ceil(bytes / PAGE_SIZE);
        break;
      }
      case "nr_blocks":
      case "nr_inodes": {
        const count = parseSize(value, 0);
        if (Number.isNaN(count)) return -EINVAL;
        if (key === "nr_blocks") info.max_blocks = count === 0 ? Infinity : count;
        else info.max_inodes = count === 0 ? Infinity : count;
        break;
      }
      case "mode":
        if (!/^[0-7]+$/.test(value)) return -EINVAL;
        info.mode = parseInt(value, 8) & S_IALLUGO;
        break;
      case "uid":
      case "gid":
        if (!/^\d+$/.test(value)) return -EINVAL;
        info[key] = Number(value);
        break;
      case "huge":
      case "mpol":
      case "inode32":
      case "inode64":
      case "noswap":
        break; // nothing to choose from here
      default:
        return -EINVAL;
    }
  }
  return 0;
}

const superOperations: SuperOperations = {
  statfs(sb: SuperBlock): Kstatfs {
    const info = tmpfsInfo(sb);
    const isLimited = Number.isFinite(info.max_blocks);
    const free = isLimited ? info.max_blocks - info.used_blocks : 0;
    const files = Number.isFinite(info.max_inodes) ? info.max_inodes : 0;
    return {
      type: sb.magic,
      bsize: PAGE_SIZE,
      blocks: isLimited ? info.max_blocks : 0,
      bfree: free,
      bavail: free,
      files,
      ffree: files ? files - info.used_inodes : 0,
      namelen: 255,
      frsize: PAGE_SIZE,
    };
  },
  evictInode(inode: Inode): void {
    inode.mapping?.destroy();
    tmpfsInfo(inode.sb).used_inodes--;
  },
  remount(sb: SuperBlock, data: string): number {
    const old = tmpfsInfo(sb);
    const info = new TmpfsInfo(old.default_blocks, old.default_inodes);
    Object.assign(info, old);
    const error = parseOptions(sb.kernel, info, data);
    if (error) return error;
    // A limit below what is in use cannot be set.
    if (info.max_blocks < old.used_blocks || info.max_inodes < old.used_inodes) return -EINVAL;
    Object.assign(old, info);
    return 0;
  },
  showOptions(sb: SuperBlock): string {
    if (sb.magic === RAMFS_MAGIC) return "";
    const info = tmpfsInfo(sb);
    let text = "";
    if (info.max_blocks !== info.default_blocks || sb.type === rootfsType || sb.type.name === "devtmpfs") {
      text += Number.isFinite(info.max_blocks) ? `,size=${info.max_blocks * 4}k` : "";
    }
    if (info.max_inodes !== info.default_inodes || sb.type === rootfsType || sb.type.name === "devtmpfs") {
      text += Number.isFinite(info.max_inodes) ? `,nr_inodes=${info.max_inodes}` : "";
    }
    if (info.mode !== (0o777 | S_ISVTX) && sb.type !== rootfsType)
      text += `,mode=${info.mode.toString(8).padStart(3, "0")}`;
    if (info.uid !== 0) text += `,uid=${info.uid}`;
    if (info.gid !== 0) text += `,gid=${info.gid}`;
    return text;
  },
  killSuper(sb: SuperBlock): void {
    destroyTree(sb.root);
  },
};

/** Gives back the pages of every file below `dentry`; open files give theirs back when they are closed. */
function destroyTree(dentry: Dentry): void {
  for (const child of dentry.children?.values() ?? []) destroyTree(child);
  dentry.children = null;
  const { inode } = dentry;
  if (!inode) return;
  inode.nlink = 0;
  inode.evictIfUnused();
}

/** Makes a tmpfs of the given type: its superblock, or -EINVAL for bad options. Linux: shmem_fill_super(). */
export function createTmpfs(
  kernel: Kernel,
  data: string,
  unlimited = false,
  type: FileSystemType = tmpfsType,
  magic = TMPFS_MAGIC,
): SuperBlock | number {
  const half_ram = Math.floor(kernel.pages.totalram_pages / 2);
  const info = unlimited ? new TmpfsInfo(Infinity, Infinity) : new TmpfsInfo(half_ram, half_ram);
  const error = parseOptions(kernel, info, data);
  if (error) return error;
  const sb = new SuperBlock(kernel, type, kernel.vfs.anonDev(), magic, superOperations, info);
  sb.root = new Dentry("/", null, sb);
  const root = newTmpfsInode(sb, S_IFDIR | info.mode, 0);
  if (typeof root === "number") return root;
  root.uid = info.uid;
  root.gid = info.gid;
  sb.root.instantiate(root);
  return sb;
}

export const tmpfsType: FileSystemType = {
  name: "tmpfs",
  fs_flags: 0,
  mount: (kernel, _source, _flags, data) => createTmpfs(kernel, data),
};

export const rootfsType: FileSystemType = {
  name: "rootfs",
  fs_flags: 0,
  mount: (kernel, _source, _flags, data) => createTmpfs(kernel, data, false, rootfsType),
};

export const ramfsType: FileSystemType = {
  name: "ramfs",
  fs_flags: 0,
  mount(kernel, _source, _flags, data) {
    // ramfs knows mode= only and ignores the rest.
    const mode = /(?:^|,)mode=[0-7]+/.exec(data)?.[0].replace(",", "") ?? "mode=755";
    return createTmpfs(kernel, mode, true, ramfsType, RAMFS_MAGIC);
  },
};

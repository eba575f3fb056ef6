/**
 * tmpfs inodes: making, linking, renaming and removing them, and the regular file's operations. Linux:
 * mm/shmem.c.
 */
import { genericFileMmap, genericFileRead, genericFileWrite, AddressSpace } from "../../mm/filemap.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import { VM_MAYWRITE, VM_SHARED, VM_WRITE } from "../../mm/vma.ts";
import type { Task } from "../../task/task.ts";
import {
  EFBIG,
  EINVAL,
  ENODATA,
  ENOSPC,
  ENOTEMPTY,
  ENXIO,
  EEXIST,
  EOPNOTSUPP,
  EPERM,
} from "../../uapi/errno.ts";
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  RENAME_EXCHANGE,
  RENAME_WHITEOUT,
  SEEK_DATA,
  SEEK_HOLE,
} from "../../uapi/fcntl.ts";
import { S_IFLNK, S_IRWXUGO, isDirectory, isRegular, isSymlink } from "../../uapi/stat.ts";
import { copyAttributes, fileModified, newSizeOk } from "../attr.ts";
import { specialOperations } from "../char_dev.ts";
import type { Dentry } from "../dentry.ts";
import type { File, FileOperations } from "../file.ts";
import { Inode, currentTime, type Iattr, type InodeOperations } from "../inode.ts";
import { dcacheDirOperations, genericLlseek, initOwner, isEmptyDirectory } from "../libfs.ts";
import { touchAccess } from "../namei.ts";
import type { SuperBlock } from "../superblock.ts";
import { XATTR_CREATE, XATTR_REPLACE } from "../xattr.ts";
import { tmpfsInfo } from "./super.ts";

/** What a directory's size grows by with each name. Linux: BOGO_DIRENT_SIZE. */
const BOGO_DIRENT_SIZE = 20;

/** What tmpfs keeps with each inode. Linux: struct shmem_inode_info. */
export class TmpfsInodeInfo {
  /** F_SEAL_ bits; F_SEAL_SEAL until memfd_create(MFD_ALLOW_SEALING). */
  seals = F_SEAL_SEAL;
  /** Text of a symbolic link. */
  target = "";
  xattrs: Map<string, Uint8Array> | null = null;
}

export const inodeInfo = (inode: Inode): TmpfsInodeInfo => inode.private_data as TmpfsInodeInfo;

/** A new inode of any type, or -ENOSPC if nr_inodes= is reached. Linux: shmem_get_inode(). */
export function newTmpfsInode(sb: SuperBlock, mode: number, rdev: number): Inode | number {
  const info = tmpfsInfo(sb);
  if (info.used_inodes >= info.max_inodes) return -ENOSPC;
  info.used_inodes++;
  const inode = new Inode(sb, sb.nextIno(), mode, inodeOperations, specialOperations(mode));
  inode.btime = inode.ctime;
  inode.rdev = rdev;
  inode.private_data = new TmpfsInodeInfo();
  if (isRegular(mode)) {
    inode.fops = tmpfsFileOperations;
    inode.mapping = new AddressSpace(sb.kernel, {
      sizeOf: () => inode.size,
      isShmem: true,
      charge: (nr_pages) => info.charge(nr_pages),
    });
  } else if (isDirectory(mode)) {
    inode.ops = dirInodeOperations;
    inode.fops = dcacheDirOperations;
    inode.nlink = 2;
    inode.size = 2 * BOGO_DIRENT_SIZE;
  } else if (isSymlink(mode)) {
    inode.ops = symlinkInodeOperations;
  }
  return inode;
}

function changed(dir: Inode, nr_names: number): void {
  dir.size += nr_names * BOGO_DIRENT_SIZE;
  dir.touchModified();
}

/** Makes the inode and gives it the name. */
function make(task: Task, dir: Inode, dentry: Dentry, mode: number, rdev: number): Inode | number {
  const inode = newTmpfsInode(dir.sb, mode, rdev);
  if (typeof inode === "number") return inode;
  initOwner(task, inode, dir);
  dentry.instantiate(inode);
  changed(dir, 1);
  return inode;
}

const inodeOperations: InodeOperations = {
  setattr(_task: Task, dentry: Dentry, attr: Iattr): number {
    const inode = dentry.inode!;
    if (attr.size !== undefined && inode.mapping) {
      const { seals } = inodeInfo(inode);
      if (attr.size < inode.size && seals & F_SEAL_SHRINK) return -EPERM;
      if (attr.size > inode.size && seals & F_SEAL_GROW) return -EPERM;
      resize(inode, attr.size);
    }
    copyAttributes(inode, attr);
    return 0;
  },
  getxattr: (_task, inode, name) => inodeInfo(inode).xattrs?.get(name) ?? -ENODATA,
  setxattr(_task, inode, name, value, flags): number {
    const info = inodeInfo(inode);
    if (!/^(user|trusted|security)\../.test(name)) return -EOPNOTSUPP;
    const exists = info.xattrs?.has(name) ?? false;
    if (flags & XATTR_CREATE && exists) return -EEXIST;
    if (flags & XATTR_REPLACE && !exists) return -ENODATA;
    (info.xattrs ??= new Map()).set(name, value);
    inode.touchChanged();
    return 0;
  },
  listxattr: (_task, inode) => [...(inodeInfo(inode).xattrs?.keys() ?? [])],
  removexattr(_task, inode, name): number {
    if (!inodeInfo(inode).xattrs?.delete(name)) return -ENODATA;
    inode.touchChanged();
    return 0;
  },
};

/** Sets the size: pages behind a smaller one go, and the rest of its last page is zeroed. */
function resize(inode: Inode, size: number): void {
  const shrinks = size < inode.size;
  inode.size = size;
  if (shrinks) inode.mapping!.truncate(size);
}

const symlinkInodeOperations: InodeOperations = {
  ...inodeOperations,
  readlink: (_task, inode) => inodeInfo(inode).target,
};

const dirInodeOperations: InodeOperations = {
  ...inodeOperations,
  create(task, dir, dentry, mode): number {
    const inode = make(task, dir, dentry, mode, 0);
    return typeof inode === "number" ? inode : 0;
  },
  mknod(task, dir, dentry, mode, rdev): number {
    const inode = make(task, dir, dentry, mode, rdev);
    return typeof inode === "number" ? inode : 0;
  },
  mkdir(task, dir, dentry, mode): number {
    const inode = make(task, dir, dentry, mode, 0);
    if (typeof inode === "number") return inode;
    dir.nlink++;
    return 0;
  },
  symlink(task, dir, dentry, target): number {
    const inode = make(task, dir, dentry, S_IFLNK | S_IRWXUGO, 0);
    if (typeof inode === "number") return inode;
    inodeInfo(inode).target = target;
    inode.size = target.length;
    return 0;
  },
  tmpfile(task, dir, mode): Inode | number {
    const inode = newTmpfsInode(dir.sb, mode, 0);
    if (typeof inode === "number") return inode;
    initOwner(task, inode, dir);
    inode.nlink = 0;
    return inode;
  },
  link(_task, old, dir, dentry): number {
    const inode = old.inode!;
    const info = tmpfsInfo(dir.sb);
    // A further name costs as much as an inode, or a loop of link() would take all memory.
    if (info.used_inodes >= info.max_inodes) return -ENOSPC;
    inode.nlink++;
    inode.touchChanged();
    dentry.instantiate(inode);
    changed(dir, 1);
    return 0;
  },
  unlink(_task, dir, dentry): number {
    const inode = dentry.inode!;
    inode.nlink--;
    inode.touchChanged();
    changed(dir, -1);
    return 0;
  },
  rmdir(_task, dir, dentry): number {
    if (!isEmptyDirectory(dentry)) return -ENOTEMPTY;
    dentry.inode!.nlink = 0;
    dir.nlink--;
    changed(dir, -1);
    return 0;
  },
  rename(_task, old_dir, old, new_dir, target, flags): number {
    if (flags & RENAME_WHITEOUT) return -EINVAL;
    const inode = old.inode!;
    const replaced = target.inode;
    const is_directory = isDirectory(inode.mode);
    if (flags & RENAME_EXCHANGE) {
      const other_is_directory = isDirectory(replaced!.mode);
      if (old_dir !== new_dir && is_directory !== other_is_directory) {
        old_dir.nlink += other_is_directory ? 1 : -1;
        new_dir.nlink += is_directory ? 1 : -1;
      }
      replaced!.touchChanged();
      old_dir.touchModified();
      new_dir.touchModified();
    } else {
      if (replaced) {
        if (isDirectory(replaced.mode)) {
          if (!isEmptyDirectory(target)) return -ENOTEMPTY;
          replaced.nlink = 0;
          new_dir.nlink--;
        } else replaced.nlink--;
        replaced.touchChanged();
      }
      if (is_directory && old_dir !== new_dir) {
        old_dir.nlink--;
        new_dir.nlink++;
      }
      changed(old_dir, -1);
      changed(new_dir, replaced ? 0 : 1);
    }
    inode.touchChanged();
    return 0;
  },
};

const tmpfsFileOperations: FileOperations = {
  read(_task, file, to, pos): number {
    const done = genericFileRead(file.inode.mapping!, to, pos);
    touchAccess(file.path.mnt, file.inode);
    return done;
  },
  write(task, file, from, pos): number {
    const { inode } = file;
    const { seals } = inodeInfo(inode);
    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return -EPERM;
    if (seals & F_SEAL_GROW && pos + from.count > inode.size) {
      // Page by page: the first one that reaches over the end is refused as a whole.
      const whole_pages_end = Math.floor(inode.size / PAGE_SIZE) * PAGE_SIZE;
      if (whole_pages_end <= pos) return -EPERM;
      from.truncate(whole_pages_end - pos);
    }
    if (from.count === 0) return 0;
    fileModified(task, inode);
    const mapping = inode.mapping!;
    const done = genericFileWrite(mapping, from, pos);
    if (done > 0 && pos + done > inode.size) inode.size = pos + done;
    return done;
  },
  mmap(task, file, vma): number {
    const { seals } = inodeInfo(file.inode);
    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) && vma.flags & VM_SHARED) {
      if (vma.flags & VM_WRITE) return -EPERM;
      vma.flags &= ~VM_MAYWRITE;
    }
    touchAccess(file.path.mnt, file.inode);
    return genericFileMmap(task, file, vma);
  },
  llseek(task, file, offset, whence): number {
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return genericLlseek(task, file, offset, whence);
    return seekHoleData(file, offset, whence === SEEK_DATA);
  },
  fsync: () => 0,
  fallocate(task, file, mode, offset, length): number {
    return allocate(task, file, mode, offset, length);
  },
};

/** The next page that is (or is not) there. Linux: shmem_file_llseek(). */
function seekHoleData(file: File, offset: number, want_data: boolean): number {
  const { inode } = file;
  const { size } = inode;
  if (offset < 0 || offset >= size) return -ENXIO;
  const { pages } = inode.mapping!;
  const end = Math.ceil(size / PAGE_SIZE);
  let index = Math.floor(offset / PAGE_SIZE);
  while (index < end && pages.has(index) !== want_data) index++;
  if (index >= end && want_data) return -ENXIO;
  file.f_pos = Math.min(Math.max(offset, index * PAGE_SIZE), size);
  return file.f_pos;
}

/** fallocate: room for a range, or a hole in it. Linux: shmem_fallocate(). */
function allocate(task: Task, file: File, mode: number, offset: number, length: number): number {
  const { inode } = file;
  const mapping = inode.mapping!;
  const { seals } = inodeInfo(inode);
  if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) return -EOPNOTSUPP;
  const end = offset + length;
  if (mode & FALLOC_FL_PUNCH_HOLE) {
    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return -EPERM;
    const first = Math.ceil(offset / PAGE_SIZE);
    const last = Math.floor(end / PAGE_SIZE);
    const { ram } = inode.sb.kernel.machine;
    const clear = (from: number, to: number) => {
      const pfn = mapping.findPage(Math.floor(from / PAGE_SIZE));
      if (pfn >= 0 && to > from) ram.fill(pfn * PAGE_SIZE + (from % PAGE_SIZE), 0, to - from);
    };
    if (first > last) clear(offset, end);
    else {
      clear(offset, first * PAGE_SIZE);
      clear(last * PAGE_SIZE, end);
      mapping.removeRange(first, last);
    }
    inode.touchModified();
    return 0;
  }
  if (end > inode.sb.maxbytes) return -EFBIG;
  const error = newSizeOk(task, inode, end);
  if (error) return error;
  if (seals & F_SEAL_GROW && end > inode.size) return -EPERM;
  const made: number[] = [];
  for (let index = Math.floor(offset / PAGE_SIZE); index < Math.ceil(end / PAGE_SIZE); index++) {
    if (mapping.findPage(index) >= 0) continue;
    const pfn = mapping.getPage(index);
    if (pfn < 0) {
      // All or nothing.
      for (const each of made) mapping.removeRange(each, each + 1);
      return pfn;
    }
    made.push(index);
  }
  if (!(mode & FALLOC_FL_KEEP_SIZE) && end > inode.size) inode.size = end;
  inode.ctime = currentTime(inode.sb.kernel);
  return 0;
}

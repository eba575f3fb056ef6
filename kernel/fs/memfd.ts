/** memfd_create and file seals. Linux: mm/memfd.c; man 2 memfd_create, man 2 fcntl "File Sealing". */
import { readUserString } from "../mm/usercopy.ts";
import { VM_MAYWRITE, VM_SHARED } from "../mm/vma.ts";
import type { Task } from "../task/task.ts";
import { EBUSY, EINVAL, EPERM } from "../uapi/errno.ts";
import {
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  O_LARGEFILE,
  O_RDWR,
} from "../uapi/fcntl.ts";
import { S_IFREG } from "../uapi/stat.ts";
import { Dentry } from "./dentry.ts";
import { File } from "./file.ts";
import { Path } from "./path.ts";
import { TmpfsInodeInfo, inodeInfo, newTmpfsInode } from "./tmpfs/inode.ts";

const MFD_CLOEXEC = 0x0001;
const MFD_ALLOW_SEALING = 0x0002;
const MFD_NOEXEC_SEAL = 0x0008;
const MFD_EXEC = 0x0010;
/** Name with its "memfd:" and zero fits NAME_MAX. */
const MFD_NAME_MAX = 249;
const ALL_SEALS =
  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;

/** An unnamed tmpfs file. Linux: shmem_file_setup(). */
export function createShmFile(task: Task, name: string, mode: number, size = 0): File | number {
  const mnt = task.kernel.vfs.pseudo.shm;
  const inode = newTmpfsInode(mnt.sb, S_IFREG | mode, 0);
  if (typeof inode === "number") return inode;
  inode.uid = task.cred.fsuid;
  inode.gid = task.cred.fsgid;
  inode.nlink = 0;
  inode.size = size;
  const dentry = new Dentry(name, null, mnt.sb);
  dentry.instantiate(inode);
  const file = new File(new Path(mnt, dentry), inode, O_RDWR | O_LARGEFILE, inode.fops);
  file.counts_writer = true;
  inode.writecount++;
  return file;
}

export function sys_memfd_create(task: Task, uname: number, flags: number): number {
  if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)) return -EINVAL;
  if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) === (MFD_EXEC | MFD_NOEXEC_SEAL)) return -EINVAL;
  const name = readUserString(task, uname, MFD_NAME_MAX + 1);
  if (typeof name === "number") return name;
  if (name.length > MFD_NAME_MAX) return -EINVAL;
  const file = createShmFile(task, `memfd:${name}`, flags & MFD_NOEXEC_SEAL ? 0o666 : 0o777);
  if (typeof file === "number") return file;
  if (flags & MFD_NOEXEC_SEAL) inodeInfo(file.inode).seals = F_SEAL_EXEC;
  else if (flags & MFD_ALLOW_SEALING) inodeInfo(file.inode).seals = 0;
  return task.files.install(task, file, (flags & MFD_CLOEXEC) !== 0);
}

/** What tmpfs keeps with the file's inode, or null for other file systems. */
function sealable(file: File): TmpfsInodeInfo | null {
  const info = file.inode.private_data;
  return info instanceof TmpfsInodeInfo && file.inode.mapping ? info : null;
}

export function getSeals(file: File): number {
  return sealable(file)?.seals ?? -EINVAL;
}

export function addSeals(file: File, seals: number): number {
  const info = sealable(file);
  if (!info) return -EINVAL;
  if (!file.isWritable) return -EPERM;
  if (seals & ~ALL_SEALS) return -EINVAL;
  if (info.seals & F_SEAL_SEAL) return -EPERM;
  if (seals & F_SEAL_WRITE && !(info.seals & F_SEAL_WRITE)) {
    for (const vma of file.inode.mapping!.i_mmap) {
      if ((vma.flags & (VM_SHARED | VM_MAYWRITE)) === (VM_SHARED | VM_MAYWRITE)) return -EBUSY;
    }
  }
  info.seals |= seals;
  return 0;
}

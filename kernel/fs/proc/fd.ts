/** /proc/PID/fd and fdinfo. Linux: fs/proc/fd.c; man 5 proc_pid_fd, proc_pid_fdinfo. */
import { isErr } from "../../lib/err.ts";
import type { Task } from "../../task/task.ts";
import { capable } from "../../task/cred.ts";
import { CAP_SYS_PTRACE } from "../../uapi/capability.ts";
import { EACCES, ENOENT } from "../../uapi/errno.ts";
import { O_CLOEXEC } from "../../uapi/fcntl.ts";
import type { File } from "../file.ts";
import type { Inode } from "../inode.ts";
import { pathName } from "../namei.ts";
import { genericPermission } from "../permission.ts";
import { mayAccess } from "./access.ts";
import { INOS_PER_PID, dir, file, magicLink, type ProcChild, type ProcEntry } from "./generic.ts";

/** A descriptor of a task: what fd/N and fdinfo/N are about. */
interface Descriptor {
  readonly task: Task;
  readonly fd: number;
}

function fileOf({ task, fd }: Descriptor): File | number {
  const found = task.files.getRaw(fd);
  return isErr(found) ? -ENOENT : found;
}

/** Permission bits of the link tell how the file is open. */
function fdLink(open: File): ProcEntry<Descriptor> {
  const mode = 0o100 | (open.isReadable ? 0o400 : 0) | (open.isWritable ? 0o200 : 0);
  return magicLink<Descriptor>(
    "",
    (descriptor, reader) => {
      if (!mayAccess(reader, descriptor.task)) return -EACCES;
      const target = fileOf(descriptor);
      return isErr(target) ? target : pathName(target.path, reader.fs.root);
    },
    (descriptor, reader) => {
      if (!mayAccess(reader, descriptor.task)) return -EACCES;
      const target = fileOf(descriptor);
      return isErr(target) ? target : target.path;
    },
    mode,
    64,
  );
}

const fdinfoFile = file<Descriptor>("", 0o444, (descriptor) => {
  const target = fileOf(descriptor);
  if (isErr(target)) return target;
  const cloexec = descriptor.task.files.isCloexec(descriptor.fd) ? O_CLOEXEC : 0;
  return (
    `pos:\t${target.f_pos}\n` +
    `flags:\t0${(target.f_flags | cloexec).toString(8)}\n` +
    `mnt_id:\t${target.path.mnt.id}\n` +
    `ino:\t${target.inode.ino}\n` +
    (target.ops.showFdinfo?.(target) ?? "")
  );
});

/** The two directories list the same descriptors. */
function descriptorDir(
  name: string,
  mode: number,
  base_ino: number,
  entryFor: (open: File) => ProcEntry<Descriptor>,
) {
  const child = (task: Task, fd: number): ProcChild | null => {
    const open = task.files.getRaw(fd);
    if (isErr(open)) return null;
    const entry = entryFor(open) as never;
    return { entry, context: { task, fd }, ino: task.pid * INOS_PER_PID + base_ino + (fd % 0x4000) };
  };
  return dir<Task>(name, mode, [], {
    lookup: (task, text) => (/^(0|[1-9]\d{0,8})$/.test(text) ? child(task, Number(text)) : null),
    *list(task, from) {
      for (const fd of task.files.descriptors()) {
        if (fd < from) continue;
        const found = child(task, fd);
        if (found) yield { name: String(fd), pos: fd, child: found };
      }
    },
    permission(subject, reader, inode: Inode, mask): number {
      if (reader.tgid === subject.tgid || capable(reader, CAP_SYS_PTRACE)) return 0;
      return genericPermission(reader, inode, mask);
    },
  });
}

export const fdDir = descriptorDir("fd", 0o500, 0x8000, fdLink);
export const fdinfoDir = descriptorDir("fdinfo", 0o555, 0xc000, () => fdinfoFile as ProcEntry<Descriptor>);

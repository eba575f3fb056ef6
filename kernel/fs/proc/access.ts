/**
 * Who may look into a process, and which address space is its. Linux: kernel/ptrace.c __ptrace_may_access().
 */
import type { Mm } from "../../mm/mm.ts";
import { capable } from "../../task/cred.ts";
import type { Task } from "../../task/task.ts";
import { CAP_SYS_PTRACE } from "../../uapi/capability.ts";

/** Same user throughout and dumpable, or CAP_SYS_PTRACE. */
export function mayAccess(reader: Task, subject: Task): boolean {
  if (reader.tgid === subject.tgid || capable(reader, CAP_SYS_PTRACE)) return true;
  const { fsuid, fsgid } = reader.cred;
  const { uid, euid, suid, gid, egid, sgid } = subject.cred;
  const is_same =
    [uid, euid, suid].every((id) => id === fsuid) && [gid, egid, sgid].every((id) => id === fsgid);
  return is_same && (!subject.mm || subject.mm.dumpable === 1);
}

/** The address space of the process; its leader may have exited before other threads. */
export function mmOf(task: Task): Mm | null {
  return task.mm ?? task.signal.threads.find((thread) => thread.mm)?.mm ?? null;
}

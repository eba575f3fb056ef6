/** Changing identity: uids, gids, groups, capabilities. Linux: kernel/sys.c, kernel/groups.c, kernel/capability.c. */
import { copyFromUser, copyToUser, getUser32, putUser32 } from "../mm/usercopy.ts";
import {
  CAP_SETGID,
  CAP_SETPCAP,
  CAP_SETUID,
  _LINUX_CAPABILITY_VERSION_1,
  _LINUX_CAPABILITY_VERSION_2,
  _LINUX_CAPABILITY_VERSION_3,
} from "../uapi/capability.ts";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../uapi/errno.ts";
import { CapSet, type Cred, INVALID_ID, capable } from "./cred.ts";
import type { Task } from "./task.ts";

/** prctl(PR_SET_KEEPCAPS) sets it, exec clears it. */
const SECURE_KEEP_CAPS = 1 << 4;
const NGROUPS_MAX = 65536;

export const sys_getuid = (task: Task): number => task.cred.uid;
export const sys_geteuid = (task: Task): number => task.cred.euid;
export const sys_getgid = (task: Task): number => task.cred.gid;
export const sys_getegid = (task: Task): number => task.cred.egid;

/** Makes `cred` the task's: capabilities follow uid changes, accounts move. Linux: commit_creds(), cap_emulate_setxuid(). */
function commit(task: Task, cred: Cred): number {
  const old = task.cred;
  const hadRoot = old.uid === 0 || old.euid === 0 || old.suid === 0;
  const hasRoot = cred.uid === 0 || cred.euid === 0 || cred.suid === 0;
  if (hadRoot && !hasRoot) {
    if (!(cred.securebits & SECURE_KEEP_CAPS)) {
      cred.cap_permitted = CapSet.EMPTY;
      cred.cap_effective = CapSet.EMPTY;
    }
    cred.cap_ambient = CapSet.EMPTY;
  }
  if (old.euid === 0 && cred.euid !== 0) cred.cap_effective = CapSet.EMPTY;
  if (old.euid !== 0 && cred.euid === 0) cred.cap_effective = cred.cap_permitted;
  if (old.uid !== cred.uid) {
    task.user.nr_processes--;
    task.user.nr_sigpending -= task.pending.list.length;
    task.user = task.kernel.tasks.user(cred.uid);
    task.user.nr_processes++;
    task.user.nr_sigpending += task.pending.list.length;
  }
  if (old.euid !== cred.euid || old.egid !== cred.egid) {
    task.pdeath_signal = 0;
    if (task.mm) task.mm.dumpable = 0;
  }
  task.cred = cred;
  return 0;
}

/** man 2 setuid. */
export function sys_setuid(task: Task, uid: number): number {
  if (uid === INVALID_ID) return -EINVAL;
  const cred = task.cred.clone();
  if (capable(task, CAP_SETUID)) cred.uid = cred.suid = uid;
  else if (uid !== cred.uid && uid !== cred.suid) return -EPERM;
  cred.euid = cred.fsuid = uid;
  return commit(task, cred);
}

/** man 2 setgid. */
export function sys_setgid(task: Task, gid: number): number {
  if (gid === INVALID_ID) return -EINVAL;
  const cred = task.cred.clone();
  if (capable(task, CAP_SETGID)) cred.gid = cred.sgid = gid;
  else if (gid !== cred.gid && gid !== cred.sgid) return -EPERM;
  cred.egid = cred.fsgid = gid;
  return commit(task, cred);
}

/** man 2 setreuid. */
export function sys_setreuid(task: Task, ruid: number, euid: number): number {
  const old = task.cred;
  const cred = old.clone();
  const isCapable = capable(task, CAP_SETUID);
  if (ruid !== INVALID_ID) {
    if (ruid !== old.uid && ruid !== old.euid && !isCapable) return -EPERM;
    cred.uid = ruid;
  }
  if (euid !== INVALID_ID) {
    if (euid !== old.uid && euid !== old.euid && euid !== old.suid && !isCapable) return -EPERM;
    cred.euid = euid;
  }
  if (ruid !== INVALID_ID || (euid !== INVALID_ID && euid !== old.uid)) cred.suid = cred.euid;
  cred.fsuid = cred.euid;
  return commit(task, cred);
}

/** man 2 setregid. */
export function sys_setregid(task: Task, rgid: number, egid: number): number {
  const old = task.cred;
  const cred = old.clone();
  const isCapable = capable(task, CAP_SETGID);
  if (rgid !== INVALID_ID) {
    if (rgid !== old.gid && rgid !== old.egid && !isCapable) return -EPERM;
    cred.gid = rgid;
  }
  if (egid !== INVALID_ID) {
    if (egid !== old.gid && egid !== old.egid && egid !== old.sgid && !isCapable) return -EPERM;
    cred.egid = egid;
  }
  if (rgid !== INVALID_ID || (egid !== INVALID_ID && egid !== old.gid)) cred.sgid = cred.egid;
  cred.fsgid = cred.egid;
  return commit(task, cred);
}

/** man 2 setresuid. */
export function sys_setresuid(task: Task, ruid: number, euid: number, suid: number): number {
  const old = task.cred;
  if (!capable(task, CAP_SETUID)) {
    for (const id of [ruid, euid, suid]) {
      if (id !== INVALID_ID && id !== old.uid && id !== old.euid && id !== old.suid) return -EPERM;
    }
  }
  const cred = old.clone();
  if (ruid !== INVALID_ID) cred.uid = ruid;
  if (euid !== INVALID_ID) cred.euid = euid;
  if (suid !== INVALID_ID) cred.suid = suid;
  cred.fsuid = cred.euid;
  return commit(task, cred);
}

/** man 2 setresgid. */
export function sys_setresgid(task: Task, rgid: number, egid: number, sgid: number): number {
  const old = task.cred;
  if (!capable(task, CAP_SETGID)) {
    for (const id of [rgid, egid, sgid]) {
      if (id !== INVALID_ID && id !== old.gid && id !== old.egid && id !== old.sgid) return -EPERM;
    }
  }
  const cred = old.clone();
  if (rgid !== INVALID_ID) cred.gid = rgid;
  if (egid !== INVALID_ID) cred.egid = egid;
  if (sgid !== INVALID_ID) cred.sgid = sgid;
  cred.fsgid = cred.egid;
  return commit(task, cred);
}

function putThree(task: Task, ptrs: readonly number[], values: readonly number[]): number {
  for (let i = 0; i < 3; i++) if (putUser32(task, ptrs[i], values[i]) < 0) return -EFAULT;
  return 0;
}

/** man 2 getresuid. */
export function sys_getresuid(task: Task, ruid: number, euid: number, suid: number): number {
  const { cred } = task;
  return putThree(task, [ruid, euid, suid], [cred.uid, cred.euid, cred.suid]);
}

/** man 2 getresgid. */
export function sys_getresgid(task: Task, rgid: number, egid: number, sgid: number): number {
  const { cred } = task;
  return putThree(task, [rgid, egid, sgid], [cred.gid, cred.egid, cred.sgid]);
}

/** man 2 setfsuid: returns the old one, whether it worked or not. */
export function sys_setfsuid(task: Task, uid: number): number {
  const old = task.cred;
  const isOwn = uid === old.uid || uid === old.euid || uid === old.suid || uid === old.fsuid;
  if (uid !== INVALID_ID && uid !== old.fsuid && (isOwn || capable(task, CAP_SETUID))) {
    const cred = old.clone();
    cred.fsuid = uid;
    task.cred = cred;
  }
  return old.fsuid;
}

/** man 2 setfsgid. */
export function sys_setfsgid(task: Task, gid: number): number {
  const old = task.cred;
  const isOwn = gid === old.gid || gid === old.egid || gid === old.sgid || gid === old.fsgid;
  if (gid !== INVALID_ID && gid !== old.fsgid && (isOwn || capable(task, CAP_SETGID))) {
    const cred = old.clone();
    cred.fsgid = gid;
    task.cred = cred;
  }
  return old.fsgid;
}

/** man 2 getgroups. */
export function sys_getgroups(task: Task, size: number, list: number): number {
  const { groups } = task.cred;
  if (size < 0) return -EINVAL;
  if (size === 0) return groups.length;
  if (groups.length > size) return -EINVAL;
  for (let i = 0; i < groups.length; i++) if (putUser32(task, list + i * 4, groups[i]) < 0) return -EFAULT;
  return groups.length;
}

/** man 2 setgroups. */
export function sys_setgroups(task: Task, size: number, list: number): number {
  if (!capable(task, CAP_SETGID)) return -EPERM;
  if (size < 0 || size > NGROUPS_MAX) return -EINVAL;
  const groups: number[] = [];
  for (let i = 0; i < size; i++) {
    const gid = getUser32(task, list + i * 4);
    if (gid < 0) return -EFAULT;
    if (gid === INVALID_ID) return -EINVAL;
    groups.push(gid);
  }
  return changeGroups(task, groups);
}

/** The caller has checked that it may. */
export function changeGroups(task: Task, groups: number[]): number {
  const cred = task.cred.clone();
  cred.groups = groups.sort((a, b) => a - b);
  task.cred = cred;
  return 0;
}

/** Pairs of words in capget's data: version 1 has one, later ones two. 0: unknown version, which is told back. */
function capWords(task: Task, header: number): number {
  const version = getUser32(task, header);
  if (version < 0) return version;
  if (version === _LINUX_CAPABILITY_VERSION_1) return 1;
  if (version === _LINUX_CAPABILITY_VERSION_2 || version === _LINUX_CAPABILITY_VERSION_3) return 2;
  return putUser32(task, header, _LINUX_CAPABILITY_VERSION_3) < 0 ? -EFAULT : 0;
}

/** man 2 capget. */
export function sys_capget(task: Task, header: number, data: number): number {
  const words = capWords(task, header);
  if (words < 0) return words;
  if (words === 0) return data === 0 ? 0 : -EINVAL;
  const pid = getUser32(task, header + 4);
  if (pid < 0) return -EFAULT;
  if ((pid | 0) < 0) return -EINVAL;
  const target = pid === 0 ? task : task.kernel.tasks.find(pid);
  if (!target) return -ESRCH;
  if (data === 0) return 0;
  const { cap_effective, cap_permitted, cap_inheritable } = target.cred;
  const bytes = new Uint8Array(words * 12);
  const view = new DataView(bytes.buffer);
  [cap_effective, cap_permitted, cap_inheritable].forEach((set, i) => {
    view.setInt32(i * 4, set.lo, true);
    if (words === 2) view.setInt32(12 + i * 4, set.hi, true);
  });
  return copyToUser(task, data, bytes);
}

/** man 2 capset. */
export function sys_capset(task: Task, header: number, data: number): number {
  const words = capWords(task, header);
  if (words <= 0) return words < 0 ? words : -EINVAL;
  const pid = getUser32(task, header + 4);
  if (pid < 0) return -EFAULT;
  if (pid !== 0 && pid !== task.pid) return -EPERM;
  const bytes = new Uint8Array(24);
  if (copyFromUser(task, data, bytes.subarray(0, words * 12)) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const [effective, permitted, inheritable] = [0, 4, 8].map((at) =>
    new CapSet(view.getInt32(at, true), view.getInt32(12 + at, true)).intersect(CapSet.FULL),
  );
  const old = task.cred;
  if (!inheritable.isSubsetOf(old.cap_inheritable.union(old.cap_permitted)) && !capable(task, CAP_SETPCAP))
    return -EPERM;
  if (!inheritable.isSubsetOf(old.cap_inheritable.union(old.cap_bset))) return -EPERM;
  if (!permitted.isSubsetOf(old.cap_permitted) || !effective.isSubsetOf(permitted)) return -EPERM;
  const cred = old.clone();
  cred.cap_effective = effective;
  cred.cap_permitted = permitted;
  cred.cap_inheritable = inheritable;
  cred.cap_ambient = cred.cap_ambient.intersect(permitted).intersect(inheritable);
  task.cred = cred;
  return 0;
}

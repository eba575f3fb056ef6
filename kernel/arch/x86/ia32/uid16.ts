/** The calls of the time when user and group ids had 16 bits. Linux: kernel/uid16.c, include/linux/highuid.h. */
import { sys_chown, sys_fchown, sys_lchown } from "../../../fs/attr.ts";
import { copyFromUser, copyToUser } from "../../../mm/usercopy.ts";
import type { Sleep } from "../../../sched/wait.ts";
import { capable } from "../../../task/cred.ts";
import * as ids from "../../../task/setuid.ts";
import type { Task } from "../../../task/task.ts";
import { CAP_SETGID } from "../../../uapi/capability.ts";
import { EFAULT, EINVAL, EPERM } from "../../../uapi/errno.ts";

/** What an id above 65535 is shown as. /proc/sys/kernel/overflowuid. */
const OVERFLOW_ID = 65534;
const NGROUPS_MAX = 65536;
const KEEP = 0xffff_ffff;

export const toId16 = (id: number): number => (id > 0xffff ? OVERFLOW_ID : id);
/** 65535 is -1: "leave it". */
const fromId16 = (id: number): number => ((id & 0xffff) === 0xffff ? KEEP : id & 0xffff);

export const sys_getuid16 = (task: Task): number => toId16(task.cred.uid);
export const sys_geteuid16 = (task: Task): number => toId16(task.cred.euid);
export const sys_getgid16 = (task: Task): number => toId16(task.cred.gid);
export const sys_getegid16 = (task: Task): number => toId16(task.cred.egid);

export const sys_setuid16 = (task: Task, uid: number): number => ids.sys_setuid(task, fromId16(uid));
export const sys_setgid16 = (task: Task, gid: number): number => ids.sys_setgid(task, fromId16(gid));
export const sys_setfsuid16 = (task: Task, uid: number): number => ids.sys_setfsuid(task, fromId16(uid));
export const sys_setfsgid16 = (task: Task, gid: number): number => ids.sys_setfsgid(task, fromId16(gid));
export const sys_setreuid16 = (task: Task, ruid: number, euid: number): number =>
  ids.sys_setreuid(task, fromId16(ruid), fromId16(euid));
export const sys_setregid16 = (task: Task, rgid: number, egid: number): number =>
  ids.sys_setregid(task, fromId16(rgid), fromId16(egid));
export const sys_setresuid16 = (task: Task, ruid: number, euid: number, suid: number): number =>
  ids.sys_setresuid(task, fromId16(ruid), fromId16(euid), fromId16(suid));
export const sys_setresgid16 = (task: Task, rgid: number, egid: number, sgid: number): number =>
  ids.sys_setresgid(task, fromId16(rgid), fromId16(egid), fromId16(sgid));

type Chown = (task: Task, file: number, uid: number, gid: number) => Sleep<number> | number;
const chown16 =
  (chown: Chown): Chown =>
  (task, file, uid, gid) =>
    chown(task, file, fromId16(uid), fromId16(gid));
export const sys_chown16 = chown16(sys_chown);
export const sys_lchown16 = chown16(sys_lchown);
export const sys_fchown16 = chown16(sys_fchown);

function putIds(task: Task, ptr: number, values: readonly number[]): number {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint16(2 * i, toId16(value), true));
  return copyToUser(task, ptr, bytes);
}

function putEach(task: Task, ptrs: readonly number[], values: readonly number[]): number {
  return ptrs.some((ptr, i) => putIds(task, ptr, [values[i]]) < 0) ? -EFAULT : 0;
}

export const sys_getresuid16 = (task: Task, ruid: number, euid: number, suid: number): number =>
  putEach(task, [ruid, euid, suid], [task.cred.uid, task.cred.euid, task.cred.suid]);
export const sys_getresgid16 = (task: Task, rgid: number, egid: number, sgid: number): number =>
  putEach(task, [rgid, egid, sgid], [task.cred.gid, task.cred.egid, task.cred.sgid]);

export function sys_getgroups16(task: Task, size: number, list: number): number {
  const { groups } = task.cred;
  if (size < 0) return -EINVAL;
  if (size === 0) return groups.length;
  if (groups.length > size) return -EINVAL;
  return putIds(task, list, groups) < 0 ? -EFAULT : groups.length;
}

export function sys_setgroups16(task: Task, size: number, list: number): number {
  if (!capable(task, CAP_SETGID)) return -EPERM;
  if (size < 0 || size > NGROUPS_MAX) return -EINVAL;
  const bytes = new Uint8Array(2 * size);
  if (copyFromUser(task, list, bytes) < 0) return -EFAULT;
  const view = new DataView(bytes.buffer);
  const groups = Array.from({ length: size }, (_, i) => view.getUint16(2 * i, true));
  return ids.changeGroups(task, groups);
}

/**
 * /proc/PID/mounts, mountinfo, mountstats. Linux: fs/proc_namespace.c; man 5 proc_pid_mounts,
 * proc_pid_mountinfo.
 */
import { MS_DIRSYNC, MS_LAZYTIME, MS_MANDLOCK, MS_SYNCHRONOUS, MS_RDONLY } from "../../uapi/mount.ts";
import { majorOf, minorOf } from "../../uapi/stat.ts";
import type { Task } from "../../task/task.ts";
import {
  MNT_NOATIME,
  MNT_NODEV,
  MNT_NODIRATIME,
  MNT_NOEXEC,
  MNT_NOSUID,
  MNT_NOSYMFOLLOW,
  MNT_READONLY,
  MNT_RELATIME,
  type Mount,
} from "../mount.ts";
import { pathNameRaw } from "../namei.ts";
import { Path } from "../path.ts";
import type { SuperBlock } from "../superblock.ts";

const SB_OPTIONS: readonly (readonly [number, string])[] = [
  [MS_SYNCHRONOUS, ",sync"],
  [MS_DIRSYNC, ",dirsync"],
  [MS_MANDLOCK, ",mand"],
  [MS_LAZYTIME, ",lazytime"],
];

const MNT_OPTIONS: readonly (readonly [number, string])[] = [
  [MNT_NOSUID, ",nosuid"],
  [MNT_NODEV, ",nodev"],
  [MNT_NOEXEC, ",noexec"],
  [MNT_NOATIME, ",noatime"],
  [MNT_NODIRATIME, ",nodiratime"],
  [MNT_RELATIME, ",relatime"],
  [MNT_NOSYMFOLLOW, ",nosymfollow"],
];

const options = (flags: number, table: typeof SB_OPTIONS): string =>
  table
    .filter(([bit]) => flags & bit)
    .map(([, text]) => text)
    .join("");

const sbOptions = (sb: SuperBlock): string => options(sb.flags, SB_OPTIONS);
const mntOptions = (mnt: Mount): string => options(mnt.flags, MNT_OPTIONS);

/** White space and the like as octal. Linux: mangle(). */
function mangle(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/** Where the mount is, seen from the task's root; null if it is not below it. */
function mountPoint(task: Task, mnt: Mount): string | null {
  const { root } = task.fs;
  let outer: Mount | null = mnt;
  while (outer && outer !== root.mnt) outer = outer.parent;
  if (!outer) return null;
  if (mnt === root.mnt) return mnt.root === root.dentry || root.dentry.isBelow(mnt.root) ? "/" : null;
  const name = pathNameRaw(new Path(mnt, mnt.root), root);
  return name.startsWith("(unreachable)") ? null : name;
}

function visible(task: Task): { mnt: Mount; at: string }[] {
  if (task.exit_state) return [];
  const list: { mnt: Mount; at: string }[] = [];
  for (const mnt of task.kernel.vfs.mounts.list) {
    const at = mountPoint(task, mnt);
    if (at !== null) list.push({ mnt, at });
  }
  return list;
}

export function showMounts(task: Task): string {
  let text = "";
  for (const { mnt, at } of visible(task)) {
    const { sb } = mnt;
    const access = mnt.isReadOnly ? "ro" : "rw";
    const own = sb.ops.showOptions?.(sb) ?? "";
    text += `${mangle(mnt.devname)} ${mangle(at)} ${mangle(sb.type.name)} ${access}${sbOptions(sb)}${mntOptions(mnt)}${own} 0 0\n`;
  }
  return text;
}

/** "36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3 /dev/root rw,errors=continue". */
export function showMountinfo(task: Task): string {
  let text = "";
  for (const { mnt, at } of visible(task)) {
    const { sb } = mnt;
    const parent = mnt.parent?.id ?? mnt.id;
    const access = mnt.flags & MNT_READONLY ? "ro" : "rw";
    const sb_access = sb.flags & MS_RDONLY ? "ro" : "rw";
    const own = sb.ops.showOptions?.(sb) ?? "";
    text += `${mnt.id} ${parent} ${majorOf(sb.dev)}:${minorOf(sb.dev)} ${mangle(rootInside(mnt))} ${mangle(at)} `;
    text += `${access}${mntOptions(mnt)} - ${mangle(sb.type.name)} ${mangle(mnt.devname)} ${sb_access}${sbOptions(sb)}${own}\n`;
  }
  return text;
}

/** The mounted directory's path inside its file system. Linux: show_path(). */
function rootInside(mnt: Mount): string {
  let text = "";
  for (let dentry = mnt.root; !dentry.isRoot; dentry = dentry.parent) text = `/${dentry.name}${text}`;
  return text || "/";
}

export function showMountstats(task: Task): string {
  let text = "";
  for (const { mnt, at } of visible(task)) {
    text += `device ${mangle(mnt.devname)} mounted on ${mangle(at)} with fstype ${mangle(mnt.sb.type.name)}\n`;
  }
  return text;
}

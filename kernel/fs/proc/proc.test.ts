import { beforeEach, expect, test } from "vitest";
import { isErr } from "../../lib/err.ts";
import type { Task } from "../../task/task.ts";
import { becomeUser, fakeKernel, fakeTask, run } from "../../testing/fake_machine.ts";
import { EACCES, ENOENT, ENOTDIR } from "../../uapi/errno.ts";
import { AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } from "../../uapi/fcntl.ts";
import { kernelIter } from "../../mm/iov_iter.ts";
import { EXIT_DEAD } from "../../task/state.ts";
import { makeDirectory, unlinkName } from "../directory.ts";
import type { DirContext, File } from "../file.ts";
import { LOOKUP_FOLLOW, lookupPath } from "../namei.ts";
import { mountNew } from "../namespace.ts";
import { kernelRead, openAt } from "../open.ts";
import type { Path } from "../path.ts";
import { iterateDirectory } from "../readdir.ts";
import { writeAt } from "../read_write.ts";

let task: Task;
beforeEach(() => {
  task = fakeTask(fakeKernel());
  run(makeDirectory(task, AT_FDCWD, "/proc", 0o555));
  const at = run(lookupPath(task, AT_FDCWD, "/proc", LOOKUP_FOLLOW)) as Path;
  expect(run(mountNew(task, at, "proc", "proc", 0, ""))).toBe(0);
});

function open(name: string, flags = O_RDONLY): File | number {
  return run(openAt(task, AT_FDCWD, name, flags, 0o644));
}
function cat(name: string): string {
  const file = open(name);
  if (isErr(file)) return `error ${file}`;
  const bytes = run(kernelRead(task, file, 0, 1 << 16)) as Uint8Array;
  file.put();
  return String.fromCharCode(...bytes);
}
/** Lists a directory in replies of one entry, as a small getdents buffer would. */
function ls(name: string): string[] {
  const file = open(name);
  if (isErr(file)) return [`error ${file}`];
  const names: string[] = [];
  const context: DirContext = { pos: 0, emit: () => false };
  for (;;) {
    let room = 1;
    context.emit = (entry) => {
      if (room === 0) return false;
      room--;
      names.push(entry);
      return true;
    };
    run(iterateDirectory(task, file, context));
    if (room === 1) break;
  }
  file.put();
  return names;
}
function readlink(name: string): string | number {
  const path = run(lookupPath(task, AT_FDCWD, name, 0));
  if (isErr(path)) return path;
  const inode = path.dentry.inode!;
  return run(inode.ops.readlink!(task, inode));
}

test("files that programs parse", () => {
  expect(cat("/proc/cmdline")).toBe("console=ttyS0\n");
  expect(cat("/proc/loadavg")).toBe("0.00 0.00 0.00 1/1 1\n");
  expect(cat("/proc/uptime")).toBe("1.00 0.00\n");
  expect(cat("/proc/meminfo")).toMatch(/^MemTotal: {8,}\d+ kB\nMemFree: {9,}\d+ kB\n/);
  expect(cat("/proc/mounts")).toMatch(/^rootfs \/ rootfs rw.* 0 0\nproc \/proc proc rw,relatime 0 0\n$/);
  expect(cat("/proc/self/mountinfo")).toMatch(/^1 1 0:1 \/ \/ rw,relatime - rootfs rootfs rw/);
  expect(cat("/proc/filesystems")).toContain("nodev\ttmpfs\n");
  expect(cat("/proc/self/stat")).toMatch(/^1 \(test\) R 0 1 1 0 -1 /);
  expect(cat("/proc/self/stat").trim().split(" ").length).toBe(52);
  expect(cat("/proc/self/status")).toMatch(/^Name:\ttest\nUmask:\t0022\nState:\tR \(running\)\nTgid:\t1\n/);
  expect(cat("/proc/self/limits")).toContain(
    "Max open files            1024                 4096                 files     \n",
  );
});

test("directories list processes and tables, one entry at a time as well", () => {
  const other = fakeTask(task.kernel);
  const names = ls("/proc");
  expect(names.slice(0, 2)).toEqual([".", ".."]);
  expect(names).toContain("meminfo");
  expect(names.slice(-2)).toEqual(["1", "2"]);
  expect(new Set(names).size).toBe(names.length);
  expect(ls("/proc/2/task")).toEqual([".", "..", "2"]);
  expect(ls("/proc/sys/kernel/random")).toContain("boot_id");
  const dir = open("/proc/2") as File;
  task.kernel.tasks.detach(other);
  other.exit_state = EXIT_DEAD;
  expect(cat("/proc/2/stat")).toBe(`error ${-ENOENT}`);
  expect(run(iterateDirectory(task, dir, { pos: 0, emit: () => true }))).toBe(-ENOENT);
  dir.put();
});

test("links: self, fd, cwd", () => {
  expect(readlink("/proc/self")).toBe("1");
  expect(readlink("/proc/thread-self")).toBe("1/task/1");
  const file = open("/f", O_CREAT | O_RDWR) as File;
  const fd = task.files.install(task, file, false, 5);
  expect(ls("/proc/self/fd")).toEqual([".", "..", "5"]);
  expect(readlink(`/proc/self/fd/${fd}`)).toBe("/f");
  const target = run(lookupPath(task, AT_FDCWD, `/proc/self/fd/${fd}`, LOOKUP_FOLLOW)) as Path;
  expect(target.dentry.inode).toBe(file.inode);
  run(unlinkName(task, AT_FDCWD, "/f"));
  expect(readlink(`/proc/self/fd/${fd}`)).toBe("/f (deleted)");
  expect(cat(`/proc/self/fdinfo/${fd}`)).toMatch(/^pos:\t0\nflags:\t0\d*2\nmnt_id:\t1\nino:\t\d+\n$/);
  expect(readlink("/proc/self/cwd")).toBe("/");
  expect(readlink("/proc/self/exe")).toBe(-ENOENT);
  expect(cat("/proc/meminfo/x")).toBe(`error ${-ENOTDIR}`);
});

test("inode numbers are stable and distinct", () => {
  const inos = new Map<number, string>();
  const visit = (name: string, depth: number): void => {
    const path = run(lookupPath(task, AT_FDCWD, name, 0)) as Path;
    const { ino, mode } = path.dentry.inode!;
    expect([inos.get(ino), name]).toEqual([undefined, name]);
    inos.set(ino, name);
    if ((mode & 0o170000) !== 0o040000 || depth > 4) return;
    for (const child of ls(name)) if (child !== "." && child !== "..") visit(`${name}/${child}`, depth + 1);
  };
  visit("/proc", 0);
  expect(inos.size).toBeGreaterThan(80);
});

test("sysctl and who may", () => {
  const write = (name: string, text: string) => {
    const file = open(name, O_WRONLY);
    if (isErr(file)) return file;
    const count = run(writeAt(task, file, kernelIter(Uint8Array.from(text, (c) => c.charCodeAt(0))), 0));
    file.put();
    return count;
  };
  expect(write("/proc/sys/kernel/hostname", "glass\n")).toBe(6);
  expect(cat("/proc/sys/kernel/hostname")).toBe("glass\n");
  expect(write("/proc/sys/kernel/pid_max", "1000")).toBe(4);
  expect(task.kernel.tasks.pid_max).toBe(1000);
  expect(cat("/proc/sys/kernel/random/boot_id")).toBe(cat("/proc/sys/kernel/random/boot_id"));
  const other = fakeTask(task.kernel);
  becomeUser(other, 1000);
  const root = task;
  task = other;
  expect(cat("/proc/1/environ")).toBe(`error ${-EACCES}`);
  expect(readlink("/proc/1/cwd")).toBe(-EACCES);
  expect(write("/proc/sys/kernel/hostname", "x")).toBe(-EACCES);
  task = root;
});

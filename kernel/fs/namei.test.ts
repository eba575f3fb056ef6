import { beforeEach, expect, test } from "vitest";
import { isErr } from "../lib/err.ts";
import type { Task } from "../task/task.ts";
import { becomeUser, fakeKernel, fakeTask, run } from "../testing/fake_machine.ts";
import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EXDEV,
} from "../uapi/errno.ts";
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  RENAME_EXCHANGE,
} from "../uapi/fcntl.ts";
import { S_IFMT, S_IFREG } from "../uapi/stat.ts";
import { setAttributes } from "./attr.ts";
import {
  makeDirectory,
  makeLink,
  makeSymlink,
  removeDirectory,
  renameName,
  unlinkName,
} from "./directory.ts";
import { LOOKUP_FOLLOW, lookupPath, pathName } from "./namei.ts";
import { mountNew } from "./namespace.ts";
import { openAt } from "./open.ts";
import type { Path } from "./path.ts";

let task: Task;
beforeEach(() => {
  task = fakeTask(fakeKernel());
});

const mkdir = (name: string) => run(makeDirectory(task, AT_FDCWD, name, 0o777));
const symlink = (target: string, name: string) => run(makeSymlink(task, target, AT_FDCWD, name));
const unlink = (name: string) => run(unlinkName(task, AT_FDCWD, name));
const rmdir = (name: string) => run(removeDirectory(task, AT_FDCWD, name));
const rename = (from: string, to: string, flags = 0) =>
  run(renameName(task, AT_FDCWD, from, AT_FDCWD, to, flags));
const lookup = (name: string, flags = LOOKUP_FOLLOW) => run(lookupPath(task, AT_FDCWD, name, flags));
function touch(name: string, flags = O_CREAT | O_WRONLY): number {
  const file = run(openAt(task, AT_FDCWD, name, flags, 0o666));
  if (isErr(file)) return file;
  file.put();
  return 0;
}
function where(name: string): string | number {
  const path = lookup(name);
  return isErr(path) ? path : pathName(path, task.fs.root);
}

test("walks components, dots and repeated slashes", () => {
  mkdir("/a");
  mkdir("/a/b");
  touch("/a/b/c");
  expect(where("//a/./b//../b/c")).toBe("/a/b/c");
  expect(where("/../../a")).toBe("/a");
  expect(where("/a/b/c/")).toBe(-ENOTDIR);
  expect(where("/a/b/c/d")).toBe(-ENOTDIR);
  expect(where("/a/x/d")).toBe(-ENOENT);
  expect(where("")).toBe(-ENOENT);
  expect(where(`/${"x".repeat(256)}`)).toBe(-ENAMETOOLONG);
  task.fs.pwd = lookup("/a") as Path;
  expect(where("b/c")).toBe("/a/b/c");
  expect(where("..")).toBe("/");
});

test("follows symbolic links, absolute, relative, nested, trailing", () => {
  mkdir("/a");
  mkdir("/a/b");
  touch("/a/b/c");
  symlink("b", "/a/rel");
  symlink("/a/rel/../b", "/abs");
  symlink("abs/c", "/file");
  expect(where("/a/rel/c")).toBe("/a/b/c");
  expect(where("/abs/c")).toBe("/a/b/c");
  expect(where("/file")).toBe("/a/b/c");
  expect(pathName(lookup("/file", 0) as Path, task.fs.root)).toBe("/file");
  expect(where("/abs/")).toBe("/a/b");
  expect(where("/file/")).toBe(-ENOTDIR);
  symlink("loop", "/loop");
  expect(where("/loop")).toBe(-ELOOP);
  expect(where("/loop/x")).toBe(-ELOOP);
});

test("40 links are followed, 41 are not", () => {
  mkdir("/d");
  touch("/d/l0");
  for (let i = 1; i <= 41; i++) symlink(`l${i - 1}`, `/d/l${i}`);
  expect(where("/d/l40")).toBe("/d/l0");
  expect(where("/d/l41")).toBe(-ELOOP);
});

test("O_CREAT goes through dangling links, O_EXCL and O_NOFOLLOW do not", () => {
  symlink("/target", "/link");
  expect(touch("/link", O_CREAT | O_EXCL | O_WRONLY)).toBe(-EEXIST);
  expect(touch("/link", O_CREAT | O_NOFOLLOW | O_WRONLY)).toBe(-ELOOP);
  expect(touch("/link")).toBe(0);
  expect(where("/target")).toBe("/target");
  expect(touch("/dir/", O_CREAT | O_WRONLY)).toBe(-EISDIR);
  expect(touch("/target", O_RDONLY | O_DIRECTORY)).toBe(-ENOTDIR);
  mkdir("/dir");
  expect(touch("/dir", O_WRONLY)).toBe(-EISDIR);
  expect(touch("/dir", O_CREAT | O_RDONLY)).toBe(-EISDIR);
});

test("unlink and rmdir", () => {
  mkdir("/a");
  mkdir("/a/b");
  touch("/f");
  expect(rmdir("/a")).toBe(-ENOTEMPTY);
  expect(unlink("/a")).toBe(-EISDIR);
  expect(rmdir("/f")).toBe(-ENOTDIR);
  expect(unlink("/f/")).toBe(-ENOTDIR);
  expect(rmdir("/a/b/.")).toBe(-EINVAL);
  expect(rmdir("/a/b/..")).toBe(-ENOTEMPTY);
  expect(rmdir("/a/b")).toBe(0);
  expect(lookup("/a")).toMatchObject({ dentry: { inode: { nlink: 2 } } });
  expect(unlink("/f")).toBe(0);
  expect(unlink("/f")).toBe(-ENOENT);
});

test("an open file outlives its name", () => {
  touch("/f");
  const file = run(openAt(task, AT_FDCWD, "/f", O_RDONLY, 0));
  if (isErr(file)) throw new Error(String(file));
  unlink("/f");
  expect(pathName(file.path, task.fs.root)).toBe("/f (deleted)");
  expect(file.inode.nlink).toBe(0);
  file.put();
});

test("rename: over files and directories, into itself, exchange", () => {
  mkdir("/a");
  mkdir("/a/sub");
  mkdir("/b");
  touch("/f");
  touch("/g");
  expect(rename("/f", "/g")).toBe(0);
  expect(where("/f")).toBe(-ENOENT);
  expect(rename("/a", "/a/sub/x")).toBe(-EINVAL);
  expect(rename("/a", "/g")).toBe(-ENOTDIR);
  expect(rename("/g", "/a")).toBe(-EISDIR);
  expect(rename("/b", "/a")).toBe(-ENOTEMPTY);
  expect(rename("/a/sub", "/b")).toBe(0);
  expect((lookup("/a") as Path).dentry.inode!.nlink).toBe(2);
  expect((lookup("/") as Path).dentry.inode!.nlink).toBe(4);
  expect(rename("/g", "/a", RENAME_EXCHANGE)).toBe(0);
  expect((lookup("/a") as Path).dentry.inode!.mode & S_IFMT).toBe(S_IFREG);
  expect(where("/g")).toBe("/g");
});

test("link counts, and EXDEV across mounts", () => {
  touch("/f");
  mkdir("/mnt");
  expect(run(makeLink(task, AT_FDCWD, "/f", AT_FDCWD, "/g", 0))).toBe(0);
  expect((lookup("/g") as Path).dentry.inode!.nlink).toBe(2);
  expect(run(makeLink(task, AT_FDCWD, "/mnt", AT_FDCWD, "/h", 0))).toBe(-EPERM);
  expect(run(mountNew(task, lookup("/mnt") as Path, "tmpfs", "t", 0, ""))).toBe(0);
  expect(run(makeLink(task, AT_FDCWD, "/f", AT_FDCWD, "/mnt/g", 0))).toBe(-EXDEV);
  expect(rename("/f", "/mnt/f")).toBe(-EXDEV);
  touch("/mnt/in");
  expect(where("/mnt/in")).toBe("/mnt/in");
  expect(where("/mnt/../g")).toBe("/g");
});

test("rights of an ordinary user", () => {
  mkdir("/secret");
  mkdir("/tmp");
  const chmod = (name: string, mode: number) =>
    run(setAttributes(task, (lookup(name) as Path).dentry, { mode }));
  touch("/secret/f");
  touch("/tmp/roots");
  chmod("/secret", 0o700);
  chmod("/tmp", 0o1777);
  becomeUser(task, 1000);
  expect(touch("/secret/f", O_RDONLY)).toBe(-EACCES);
  expect(touch("/new")).toBe(-EACCES);
  expect(touch("/tmp/roots", O_WRONLY)).toBe(-EACCES);
  expect(touch("/tmp/mine")).toBe(0);
  expect(unlink("/tmp/roots")).toBe(-EPERM); // sticky
  expect(unlink("/tmp/mine")).toBe(0);
});

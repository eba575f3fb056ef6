import { beforeEach, expect, test } from "vitest";
import { isErr } from "../../lib/err.ts";
import { kernelIter } from "../../mm/iov_iter.ts";
import type { Task } from "../../task/task.ts";
import { fakeKernel, fakeTask, run } from "../../testing/fake_machine.ts";
import { EFBIG, EINVAL, ENOSPC } from "../../uapi/errno.ts";
import { AT_FDCWD, O_CREAT, O_RDWR, O_TRUNC, SEEK_DATA, SEEK_HOLE } from "../../uapi/fcntl.ts";
import { RLIMIT_FSIZE } from "../../uapi/resource.ts";
import { truncateDentry } from "../attr.ts";
import { makeDirectory, unlinkName } from "../directory.ts";
import type { File } from "../file.ts";
import { LOOKUP_FOLLOW, lookupPath } from "../namei.ts";
import { mountNew } from "../namespace.ts";
import { openAt } from "../open.ts";
import type { Path } from "../path.ts";
import { readAt, writeAt } from "../read_write.ts";

let task: Task;
let free: number;
beforeEach(() => {
  task = fakeTask(fakeKernel());
  run(makeDirectory(task, AT_FDCWD, "/mnt", 0o755));
  free = task.kernel.pages.nr_free;
});

function mount(options: string): number {
  const at = run(lookupPath(task, AT_FDCWD, "/mnt", LOOKUP_FOLLOW)) as Path;
  return run(mountNew(task, at, "tmpfs", "tmpfs", 0, options));
}
function open(name: string, flags = O_RDWR | O_CREAT): File {
  const file = run(openAt(task, AT_FDCWD, name, flags, 0o644));
  if (isErr(file)) throw new Error(`open ${name}: ${file}`);
  return file;
}
const write = (file: File, text: string, pos: number) =>
  run(writeAt(task, file, kernelIter(Uint8Array.from(text, (c) => c.charCodeAt(0))), pos));
function read(file: File, length: number, pos: number): string {
  const bytes = new Uint8Array(length);
  const count = run(readAt(task, file, kernelIter(bytes), pos));
  return count < 0 ? `error ${count}` : String.fromCharCode(...bytes.subarray(0, count));
}

test("reads back what was written; holes are zeros and take no page", () => {
  const file = open("/f");
  expect(write(file, "hello", 0)).toBe(5);
  expect(write(file, "end", 20000)).toBe(3);
  expect(file.inode.size).toBe(20003);
  expect(file.inode.mapping!.nrpages).toBe(2);
  expect(read(file, 100, 0)).toBe(`hello${"\0".repeat(95)}`);
  expect(read(file, 100, 19998)).toBe("\0\0end");
  expect(read(file, 100, 20003)).toBe("");
  const seek = (offset: number, whence: number) => run(file.ops.llseek!(task, file, offset, whence));
  expect(seek(0, SEEK_HOLE)).toBe(4096);
  expect(seek(4096, SEEK_DATA)).toBe(16384);
  file.put();
});

test("truncation frees pages and leaves no old bytes behind", () => {
  const file = open("/f");
  write(file, "x".repeat(10000), 0);
  run(truncateDentry(task, file.path.dentry, 100));
  expect(file.inode.mapping!.nrpages).toBe(1);
  run(truncateDentry(task, file.path.dentry, 200));
  expect(read(file, 300, 0)).toBe("x".repeat(100) + "\0".repeat(100));
  open("/f", O_RDWR | O_TRUNC).put();
  expect(file.inode.size).toBe(0);
  expect(task.kernel.pages.nr_free).toBe(free);
  file.put();
});

test("frames go with the last name and the last open file", () => {
  const file = open("/f");
  write(file, "x".repeat(8192), 0);
  expect(task.kernel.pages.nr_free).toBe(free - 2);
  run(unlinkName(task, AT_FDCWD, "/f"));
  expect(read(file, 3, 0)).toBe("xxx");
  file.put();
  expect(task.kernel.pages.nr_free).toBe(free);
});

test("size= and nr_inodes= are limits", () => {
  expect(mount("size=bogus")).toBe(-EINVAL);
  expect(mount("size=8k,nr_inodes=3")).toBe(0);
  const file = open("/mnt/f");
  expect(write(file, "x".repeat(10000), 0)).toBe(8192);
  expect(write(file, "x", 8192)).toBe(-ENOSPC);
  open("/mnt/g").put();
  expect(run(openAt(task, AT_FDCWD, "/mnt/h", O_RDWR | O_CREAT, 0o644))).toBe(-ENOSPC);
  file.put();
});

test("a lazily unmounted tmpfs goes with its last open file", () => {
  mount("");
  const file = open("/mnt/f");
  write(file, "x".repeat(8192), 0);
  const other = open("/mnt/g");
  write(other, "y", 0);
  const { mounts } = task.kernel.vfs;
  mounts.detach(file.path.mnt);
  expect(read(file, 1, 0)).toBe("x");
  file.put();
  expect(read(other, 1, 0)).toBe("y");
  other.put();
  expect(task.kernel.pages.nr_free).toBe(free);
});

test("RLIMIT_FSIZE", () => {
  const file = open("/f");
  task.signal.rlimits[RLIMIT_FSIZE] = { cur: 10, max: 10 };
  task.sighand.action[25].handler = 1; // SIGXFSZ ignored
  expect(write(file, "x".repeat(20), 0)).toBe(10);
  expect(write(file, "x", 10)).toBe(-EFBIG);
  file.put();
});

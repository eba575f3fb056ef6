import { gzipSync } from "fflate";
import { beforeEach, expect, test } from "vitest";
import { isErr } from "../lib/err.ts";
import type { Task } from "../task/task.ts";
import { fakeKernel, fakeTask, run } from "../testing/fake_machine.ts";
import { AT_FDCWD, O_RDONLY } from "../uapi/fcntl.ts";
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from "../uapi/stat.ts";
import { crc32, unpack } from "./initramfs.ts";
import { lookupPath } from "./namei.ts";
import { kernelRead, openAt } from "./open.ts";
import type { Path } from "./path.ts";

interface Entry {
  name: string;
  mode: number;
  body?: string;
  ino?: number;
  nlink?: number;
  rdev?: [number, number];
}

/** A cpio archive in the newc format, written independently of cpio.ts. */
function cpio(entries: Entry[]): Uint8Array {
  let text = "";
  for (const { name, mode, body = "", ino = 0, nlink = 1, rdev = [0, 0] } of [
    ...entries,
    { name: "TRAILER!!!", mode: 0 },
  ]) {
    const fields = [ino, mode, 7, 8, nlink, 1234567890, body.length, 3, 1, ...rdev, name.length + 1, 0];
    text += `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
    text += "\0".repeat(-text.length & 3);
    text += body + "\0".repeat(-body.length & 3);
  }
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

let task: Task;
beforeEach(() => {
  task = fakeTask(fakeKernel());
});

const at = (name: string) => run(lookupPath(task, AT_FDCWD, name, 0)) as Path;
function contents(name: string): string {
  const file = run(openAt(task, AT_FDCWD, name, O_RDONLY, 0));
  if (isErr(file)) return `error ${file}`;
  const bytes = run(kernelRead(task, file, 0, 100000)) as Uint8Array;
  file.put();
  return String.fromCharCode(...bytes);
}

test("makes files, directories, links, devices with owner, mode and time", () => {
  const archive = cpio([
    { name: "bin", mode: S_IFDIR | 0o755 },
    { name: "bin/prog", mode: S_IFREG | 0o4755, body: "program" },
    { name: "bin/link", mode: S_IFLNK | 0o777, body: "prog" },
    { name: "bin/a", mode: S_IFREG | 0o644, ino: 9, nlink: 2 },
    { name: "bin/b", mode: S_IFREG | 0o644, ino: 9, nlink: 2, body: "shared" },
    { name: "null", mode: S_IFCHR | 0o666, rdev: [1, 3] },
  ]);
  expect(run(unpack(task, archive))).toBeNull();
  expect(contents("/bin/link")).toBe("program");
  expect(contents("/bin/a")).toBe("shared");
  const program = at("/bin/prog").dentry.inode!;
  expect(program).toMatchObject({ mode: S_IFREG | 0o4755, uid: 7, gid: 8, mtime: { sec: 1234567890 } });
  expect(at("/bin").dentry.inode!.mtime.sec).toBe(1234567890);
  expect(at("/bin/a").dentry.inode).toBe(at("/bin/b").dentry.inode);
  expect(at("/bin/a").dentry.inode!.nlink).toBe(2);
  expect(at("/null").dentry.inode!.rdev).toBe(0x103);
});

test("archives follow each other, plain and gzipped, with padding; later files replace earlier ones", () => {
  const first = cpio([{ name: "f", mode: S_IFREG | 0o644, body: "a long first text" }]);
  const second = gzipSync(cpio([{ name: "f", mode: S_IFREG | 0o644, body: "second" }]));
  const third = gzipSync(cpio([{ name: "g", mode: S_IFREG | 0o644, body: "x".repeat(50000) }]), {
    filename: "name",
  });
  expect(run(unpack(task, join(first, new Uint8Array(8), second, third, new Uint8Array(100))))).toBeNull();
  expect(contents("/f")).toBe("second");
  expect(contents("/g")).toBe("x".repeat(50000));
});

test("says what is wrong", () => {
  expect(
    run(
      unpack(
        task,
        Uint8Array.from("garbage", (c) => c.charCodeAt(0)),
      ),
    ),
  ).toMatch(/invalid magic/);
  const zipped = gzipSync(cpio([{ name: "f", mode: S_IFREG | 0o644, body: "text" }]));
  zipped[zipped.length - 6] ^= 1;
  expect(run(unpack(task, zipped))).toMatch(/junk/);
});

test("crc32", () => {
  expect(crc32(Uint8Array.from("123456789", (c) => c.charCodeAt(0)))).toBe(0xcbf43926);
});

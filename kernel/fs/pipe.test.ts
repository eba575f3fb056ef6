import { beforeEach, expect, test } from "vitest";
import { kernelIter } from "../mm/iov_iter.ts";
import type { Task } from "../task/task.ts";
import { fakeKernel, fakeTask, run, start } from "../testing/fake_machine.ts";
import { EAGAIN, EPIPE } from "../uapi/errno.ts";
import { AT_FDCWD, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../uapi/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../uapi/poll.ts";
import { S_IFIFO } from "../uapi/stat.ts";
import { makeNode } from "./directory.ts";
import type { File } from "./file.ts";
import { makeFile, openAt } from "./open.ts";
import { createPipe } from "./pipe.ts";

let task: Task;
let reader: File;
let writer: File;
beforeEach(() => {
  task = fakeTask(fakeKernel());
  [reader, writer] = createPipe(task, 0);
});

const bytes = (length: number, seed = 0) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
const write = (data: Uint8Array) => writer.ops.write!(task, writer, kernelIter(data), 0);
const read = (into: Uint8Array) => reader.ops.read!(task, reader, kernelIter(into), 0);

test("bytes come out as they went in, across pages", () => {
  const data = bytes(10000);
  expect(run(write(data.subarray(0, 3)))).toBe(3);
  expect(run(write(data.subarray(3)))).toBe(9997);
  const out = new Uint8Array(20000);
  expect(run(read(out.subarray(0, 5000)))).toBe(5000);
  expect(run(read(out.subarray(5000)))).toBe(5000);
  expect(out.subarray(0, 10000)).toEqual(data);
});

test("a full pipe holds 64 KiB; the writer goes on when the reader has made room", () => {
  const data = bytes(65536 + 5000);
  const writing = start(write(data));
  const out = new Uint8Array(70000);
  expect(run(read(out.subarray(0, 4096)))).toBe(4096);
  expect(writing.resume()).toBeUndefined(); // one page of room is not enough for the rest
  expect(run(read(out.subarray(4096, 4096 + 65536)))).toBe(65536);
  expect(writing.resume()).toBe(data.length);
  expect(run(read(out.subarray(69632)))).toBe(368);
  expect(run(read(new Uint8Array(1000)))).toBe(536);
});

test("frames are given back", () => {
  const { pages } = task.kernel;
  const before = pages.nr_free;
  run(write(bytes(30000)));
  run(read(new Uint8Array(100)));
  reader.put();
  writer.put();
  expect(pages.nr_free).toBe(before);
});

test("end of file, EPIPE, poll", () => {
  expect(reader.ops.poll!(reader, null)).toBe(0);
  expect(writer.ops.poll!(writer, null) & POLLOUT).toBe(POLLOUT);
  const reading = start(read(new Uint8Array(10)));
  run(write(bytes(4)));
  expect(reading.resume()).toBe(4);
  run(write(bytes(1)));
  writer.put();
  expect(reader.ops.poll!(reader, null) & (POLLIN | POLLHUP)).toBe(POLLIN | POLLHUP);
  expect(run(read(new Uint8Array(10)))).toBe(1);
  expect(run(read(new Uint8Array(10)))).toBe(0);
  const [r2, w2] = createPipe(task, O_NONBLOCK);
  expect(run(r2.ops.read!(task, r2, kernelIter(new Uint8Array(1)), 0))).toBe(-EAGAIN);
  expect(run(w2.ops.write!(task, w2, kernelIter(bytes(100000)), 0))).toBe(65536);
  expect(run(w2.ops.write!(task, w2, kernelIter(bytes(1)), 0))).toBe(-EAGAIN);
  task.sighand.action[13].handler = 1; // SIGPIPE ignored
  r2.put();
  expect(w2.ops.poll!(w2, null) & POLLERR).toBe(POLLERR);
  expect(run(w2.ops.write!(task, w2, kernelIter(bytes(1)), 0))).toBe(-EPIPE);
});

test("small writes share a page, atomically", () => {
  const [r, w] = createPipe(task, O_NONBLOCK);
  let writes = 0;
  while (run(w.ops.write!(task, w, kernelIter(bytes(1000)), 0)) === 1000) writes++;
  expect(writes).toBe(16 * 4); // 4 x 1000 bytes in each of 16 pages, none split
  r.put();
  w.put();
});

test("opening a FIFO waits for the other side", () => {
  run(makeNode(task, AT_FDCWD, "/fifo", S_IFIFO | 0o666, 0));
  const opening = start(openAt(task, AT_FDCWD, "/fifo", O_RDONLY, 0));
  const w = run(openAt(task, AT_FDCWD, "/fifo", O_WRONLY, 0)) as File;
  const r = opening.resume() as File;
  run(w.ops.write!(task, w, kernelIter(bytes(5)), 0));
  w.put();
  const out = new Uint8Array(10);
  expect(run(r.ops.read!(task, r, kernelIter(out), 0))).toBe(5);
  expect(run(r.ops.read!(task, r, kernelIter(out), 0))).toBe(0);
  expect(r.inode.pipe).not.toBeNull();
  r.put();
  expect(r.inode.pipe).toBeNull();
});

test("a pipe opened again waits for nobody", () => {
  run(write(bytes(3)));
  writer.put();
  const again = run(makeFile(task, reader.path, O_RDONLY)) as File;
  const out = new Uint8Array(10);
  expect(run(again.ops.read!(task, again, kernelIter(out), 0))).toBe(3);
  expect(run(again.ops.read!(task, again, kernelIter(out), 0))).toBe(0);
  expect(again.ops.poll!(again, null) & POLLHUP).toBe(POLLHUP);
});

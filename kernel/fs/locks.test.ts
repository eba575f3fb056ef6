import { beforeEach, expect, test } from "vitest";
import type { Task } from "../task/task.ts";
import { fakeKernel, fakeTask, run, start } from "../testing/fake_machine.ts";
import { EAGAIN } from "../uapi/errno.ts";
import { AT_FDCWD, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, O_CREAT, O_RDWR } from "../uapi/fcntl.ts";
import type { File } from "./file.ts";
import { sys_flock } from "./locks.ts";
import { openAt } from "./open.ts";

let first: Task;
let second: Task;
beforeEach(() => {
  const kernel = fakeKernel();
  first = fakeTask(kernel);
  second = fakeTask(kernel);
  for (const task of [first, second]) {
    task.files.install(task, run(openAt(task, AT_FDCWD, "/lock", O_RDWR | O_CREAT, 0o644)) as File, false);
  }
});

test("flock: shared locks coexist, an exclusive one waits for them", () => {
  expect(run(sys_flock(first, 0, LOCK_SH))).toBe(0);
  expect(run(sys_flock(second, 0, LOCK_SH))).toBe(0);
  expect(run(sys_flock(second, 0, LOCK_EX | LOCK_NB))).toBe(-EAGAIN);
  const waiting = start(sys_flock(second, 0, LOCK_EX));
  expect(run(sys_flock(first, 0, LOCK_UN))).toBe(0);
  expect(waiting.resume()).toBe(0);
  expect(run(sys_flock(first, 0, LOCK_SH | LOCK_NB))).toBe(-EAGAIN);
});

test("a lock goes with the last descriptor of its open file", () => {
  run(sys_flock(first, 0, LOCK_EX));
  const child = first.files.clone();
  first.files.release(first);
  expect(run(sys_flock(second, 0, LOCK_EX | LOCK_NB))).toBe(-EAGAIN);
  child.release(first);
  expect(run(sys_flock(second, 0, LOCK_EX | LOCK_NB))).toBe(0);
});

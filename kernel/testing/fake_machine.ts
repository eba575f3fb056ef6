/**
 * A kernel without a computer, for unit tests: RAM is an array, the clock stands still until it is moved, tasks are
 * made by hand and their generators are stepped by the test. Only what fs/ and mm/ need is there.
 */
import type { Machine, Ram } from "../arch/x86/machine.ts";
import { PtRegs } from "../arch/x86/regs.ts";
import { registerMemDevices } from "../drivers/char/mem.ts";
import { DeviceRegistry } from "../drivers/base.ts";
import { FileTable } from "../fs/file_table.ts";
import { Vfs } from "../fs/vfs.ts";
import type { Kernel } from "../kernel.ts";
import { Printk } from "../lib/printk.ts";
import { PageAllocator } from "../mm/page_alloc.ts";
import { isSleep, type MaySleep } from "../sched/wait.ts";
import { FsStruct } from "../task/fs_struct.ts";
import { TaskTable } from "../task/pid.ts";
import { Sighand, SignalStruct } from "../task/signal_struct.ts";
import { TASK_RUNNING } from "../task/state.ts";
import { Task } from "../task/task.ts";
import { RLIM_NLIMITS, RLIMIT_NOFILE } from "../uapi/resource.ts";

const RAM_BYTES = 16 * 1024 * 1024;

class FakeRam implements Ram {
  readonly bytes = new Uint8Array(RAM_BYTES);
  readonly size_bytes = RAM_BYTES;
  readonly #view = new DataView(this.bytes.buffer);
  read8 = (pa: number) => this.#view.getUint8(pa);
  read16 = (pa: number) => this.#view.getUint16(pa, true);
  read32 = (pa: number) => this.#view.getInt32(pa, true);
  read64 = (pa: number) => this.#view.getInt32(pa + 4, true) * 2 ** 32 + this.#view.getUint32(pa, true);
  write8 = (pa: number, value: number) => this.#view.setUint8(pa, value);
  write16 = (pa: number, value: number) => this.#view.setUint16(pa, value, true);
  write32 = (pa: number, value: number) => this.#view.setInt32(pa, value, true);
  write64 = (pa: number, value: number) => this.#view.setBigInt64(pa, BigInt(value), true);
  fill(pa: number, value: number, length_bytes: number): void {
    this.bytes.fill(value, pa, pa + length_bytes);
  }
  set(pa: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, pa);
  }
  copy(to_pa: number, from_pa: number, length_bytes: number): void {
    this.bytes.copyWithin(to_pa, from_pa, from_pa + length_bytes);
  }
}

export interface FakeKernel extends Kernel {
  /** The clock; tests move it. */
  fake_now_ns: number;
}

/** A kernel with rootfs mounted and /dev's memory devices registered. */
export function fakeKernel(): FakeKernel {
  const ram = new FakeRam();
  let random = 1;
  const cpu = {
    rdrand: () => ({ lo: (random = Math.imul(random, 1664525) + 1013904223) >>> 0, hi: random >>> 0 }),
    flushTlb: () => {},
    invlpg: () => {},
    cpuid: () => ({ eax: 0, ebx: 0, ecx: 0, edx: 0 }),
  };
  const kernel = { fake_now_ns: 1e9 } as FakeKernel;
  const time = {
    monotonic_ns: () => kernel.fake_now_ns,
    sched_clock_ns: () => kernel.fake_now_ns,
    get jiffies() {
      return Math.floor(kernel.fake_now_ns / 1e7);
    },
    realtime: () => ({
      sec: 1_700_000_000 + Math.floor(kernel.fake_now_ns / 1e9),
      nsec: kernel.fake_now_ns % 1e9,
    }),
    startTimer: () => ({}),
    cancelTimer: () => true,
    boot_time: { sec: 1_700_000_000, nsec: 0 },
  };
  const sched = {
    wakeUpProcess(task: Task): boolean {
      const slept = task.state !== TASK_RUNNING;
      task.state = TASK_RUNNING;
      return slept;
    },
    wakeUpState: () => true,
    updateCurrent: () => {},
    loadavg: "0.00 0.00 0.00",
    nr_running: 1,
    nr_switches: 0,
    cpustat: { user_ns: 0, nice_ns: 0, system_ns: 0, idle_ns: 0, iowait_ns: 0, irq_ns: 0, softirq_ns: 0 },
  };
  const pages = new PageAllocator(ram);
  pages.addFreeRange(256, RAM_BYTES / 4096);
  Object.assign(kernel, {
    machine: { ram, cpu } as unknown as Machine,
    boot: { command_line: "console=ttyS0", initrd: null },
    pages,
    time,
    sched,
    tasks: new TaskTable(),
    devices: new DeviceRegistry(),
    uts: {
      sysname: "Linux",
      nodename: "fake",
      release: "6.1.0",
      version: "#1",
      machine: "x86_64",
      domainname: "(none)",
    },
    commit: { committed: 0, limit: 0, overcommit_memory: 0, overcommit_ratio: 50 },
    ttys: [],
  });
  Object.assign(kernel, { printk: new Printk(kernel), vfs: new Vfs(kernel) });
  registerMemDevices(kernel);
  kernel.vfs.init();
  return kernel;
}

/** A process of user root with nothing open, at "/". */
export function fakeTask(kernel: Kernel): Task {
  const task = new Task(kernel, new PtRegs(kernel.machine.ram));
  task.pid = task.tgid = kernel.tasks.allocPid();
  task.comm = "test";
  task.signal = new SignalStruct();
  task.signal.threads.push(task);
  task.signal.pgrp = task.signal.session = task.pid;
  const unlimited = { cur: Infinity, max: Infinity };
  task.signal.rlimits = Array.from({ length: RLIM_NLIMITS }, () => unlimited);
  task.signal.rlimits[RLIMIT_NOFILE] = { cur: 1024, max: 4096 };
  task.sighand = new Sighand();
  task.user = kernel.tasks.user(0);
  const root = kernel.vfs.rootPath();
  task.fs = new FsStruct(root, root, 0o022);
  task.files = new FileTable();
  kernel.tasks.attach(task);
  return task;
}

/** Makes the task an ordinary user without capabilities. */
export function becomeUser(task: Task, uid: number, gid = uid): void {
  const cred = task.cred.clone();
  Object.assign(cred, { uid, euid: uid, suid: uid, fsuid: uid, gid, egid: gid, sgid: gid, fsgid: gid });
  cred.cap_effective = new (
    cred.cap_effective.constructor as new (lo: number, hi: number) => typeof cred.cap_effective
  )(0, 0);
  task.cred = cred;
}

/** Runs an operation to its end; it is an error if it sleeps: nobody would wake it. */
export function run<T>(operation: MaySleep<T>): T {
  if (!isSleep(operation)) return operation;
  const step = operation.next();
  if (!step.done) throw new Error("the operation sleeps");
  return step.value;
}

/** Starts an operation that is to sleep. `resume` runs it on: its result, or undefined if it sleeps again. */
export function start<T>(operation: MaySleep<T>): { resume(): T | undefined } {
  if (!isSleep(operation)) throw new Error("the operation did not sleep");
  const first = operation.next();
  if (first.done) throw new Error(`the operation did not sleep: ${String(first.value)}`);
  return {
    resume() {
      const step = operation.next();
      return step.done ? step.value : undefined;
    },
  };
}

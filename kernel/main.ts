/**
 * The kernel's beginning: createKernel() gives the board something to call when the CPU executes VMCALL; the first call
 * is startKernel(), Linux's order of stages, one line each. Linux: init/main.c, arch/x86/kernel/setup.c.
 *
 *     startup_64 ─ VMCALL 0 ─► startKernel ─► tasks 0 (idle) and 1 ─► kernelInit: drivers, initramfs, exec /init
 */
import { RAX, RSI } from "../cpu-core/abi/state.ts";
import { readBootParams } from "./arch/x86/boot_params.ts";
import { EntryState, type KernelImage } from "./arch/x86/entry.ts";
import type { Machine, VmcallTarget } from "./arch/x86/machine.ts";
import { buildKernelTables } from "./arch/x86/page_tables.ts";
import { initFpu } from "./arch/x86/process.ts";
import { identifyCpu, kernelVersionLine, printMemoryMap, reserveKernelResources } from "./arch/x86/setup.ts";
import { VMCALL_START_KERNEL } from "./arch/x86/vmcall.ts";
import { DeviceRegistry } from "./drivers/base.ts";
import { registerMemDevices } from "./drivers/char/mem.ts";
import { runInitcalls } from "./drivers/initcalls.ts";
import { Consoles } from "./drivers/tty/console.ts";
import { FileTable } from "./fs/file_table.ts";
import { Vfs } from "./fs/vfs.ts";
import { initIrq } from "./irq/i8259.ts";
import { Irq } from "./irq/irq_desc.ts";
import type { Kernel } from "./kernel.ts";
import { isErr } from "./lib/err.ts";
import { panic } from "./lib/panic.ts";
import { Printk } from "./lib/printk.ts";
import { CommitAccounting } from "./mm/commit.ts";
import { Memblock } from "./mm/memblock.ts";
import { PAGE_SIZE, PageAllocator } from "./mm/page_alloc.ts";
import { Sched } from "./sched/core.ts";
import { FutexTable } from "./sched/futex.ts";
import type { Sleep } from "./sched/wait.ts";
import { KEEP_RAX } from "./syscall/dispatch.ts";
import { doExecve } from "./task/exec.ts";
import { allocTask } from "./task/fork.ts";
import { FsStruct } from "./task/fs_struct.ts";
import { TaskTable } from "./task/pid.ts";
import { initialRlimits } from "./task/rlimit.ts";
import { SIGNAL_UNKILLABLE, Sighand, SignalStruct } from "./task/signal_struct.ts";
import { PF_KTHREAD, Task } from "./task/task.ts";
import { initialUtsName } from "./task/uts.ts";
import { PtRegs } from "./arch/x86/regs.ts";
import { Timekeeping, initTime } from "./time/timekeeping.ts";
import { Strace, type StraceSink } from "./trace/strace.ts";
import { ENOENT } from "./uapi/errno.ts";
import { SIGCHLD } from "./uapi/signal.ts";

/** What the board keeps of a kernel: its door, its log, its tracer. */
export interface RunningKernel extends VmcallTarget {
  /** The log buffer as dmesg prints it; empty before startKernel. */
  log(): string;
  /** Prints every system call into `sink` from now on; null stops it. */
  strace(sink: StraceSink | null): void;
  /** The kernel's state, for observers; null before startKernel. */
  readonly kernel: Kernel | null;
}

/** One kernel for one power-on or reset. `image` tells where the labels of the assembled kernel image are. */
export function createKernel(machine: Machine, image: KernelImage): RunningKernel {
  const strace = new Strace();
  const running = {
    kernel: null as Kernel | null,
    vmcall(): void {
      const nr = machine.cpu.readRegister(RAX);
      if (running.kernel !== null) {
        running.kernel.entry.vmcall(nr);
      } else if (nr === VMCALL_START_KERNEL) {
        startKernel(machine, image, strace, (kernel) => (running.kernel = kernel));
      } else {
        throw new Error(`VMCALL ${nr} before the kernel was started`);
      }
    },
    log: (): string => running.kernel?.printk.log() ?? "",
    strace: (sink: StraceSink | null): void => strace.setSink(sink),
  };
  return running;
}

/** Everything up to the first task. Linux: start_kernel(). */
function startKernel(
  machine: Machine,
  image: KernelImage,
  strace: Strace,
  publish: (kernel: Kernel) => void,
): void {
  const boot = readBootParams(machine.ram, machine.cpu.readRegister(RSI));
  // Filled in stage by stage; every stage uses only what is above it.
  const kernel = {
    machine,
    boot,
    strace,
    uts: initialUtsName(),
    futexes: new FutexTable(),
  } as Writable<Kernel>;
  publish(kernel);
  const printk = (kernel.printk = new Printk(kernel));
  kernel.devices = new DeviceRegistry();
  kernel.consoles = new Consoles(kernel);
  kernel.ttys = [];
  kernel.tasks = new TaskTable();
  kernel.idle = kernel.current = makeIdleTask(kernel);

  printk.notice(kernelVersionLine(kernel));
  printk.info(`Command line: ${boot.command_line}`);
  printMemoryMap(kernel);
  identifyCpu(kernel);

  const memblock = new Memblock(machine.ram, boot, image.symbols);
  kernel.init_pgd_pa = buildKernelTables(machine.ram, () => memblock.allocPage());
  machine.cpu.cr3 = kernel.active_pgd_pa = kernel.init_pgd_pa;
  kernel.entry = new EntryState(kernel, image, () => memblock.allocPage());
  kernel.zero_pfn = memblock.allocPage() / PAGE_SIZE;
  kernel.pages = new PageAllocator(machine.ram);
  memblock.printZones(kernel);
  printk.notice(`Kernel command line: ${boot.command_line}`);
  memblock.freeAll(kernel);
  kernel.commit = new CommitAccounting(kernel.pages);
  // Linux: set_max_threads(): stacks of 16 KiB may take an eighth of memory.
  kernel.tasks.max_threads = Math.max(20, Math.floor(kernel.pages.totalram_pages / (4 * 8)));

  printk.parseCommandLine(boot.command_line);
  kernel.consoles.parseCommandLine(boot.command_line);
  kernel.sched = new Sched(kernel);
  kernel.irq = new Irq(kernel);
  initIrq(kernel);
  kernel.time = new Timekeeping(kernel);
  initTime(kernel);
  runInitcalls(kernel, "console");
  reserveKernelResources(kernel, image.symbols);
  printk.info(`pid_max: default: ${kernel.tasks.pid_max} minimum: 301`);
  kernel.vfs = new Vfs(kernel);
  kernel.vfs.init();
  if (/(^|\s)strace(\s|$)/.test(boot.command_line)) strace.setSink((line) => printk.debug(line));

  const init = makeInitTask(kernel);
  init.kernelStack = kernelInit(init);
  kernel.sched.wakeUpNewTask(init);
  kernel.entry.start();
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Task 0, which runs when nobody else can. Linux: init_task. */
function makeIdleTask(kernel: Kernel): Task {
  const idle = new Task(kernel, new PtRegs(kernel.machine.ram));
  idle.comm = "swapper";
  idle.flags = PF_KTHREAD;
  idle.signal = new SignalStruct();
  idle.signal.rlimits = initialRlimits(0);
  idle.sighand = new Sighand();
  idle.user = kernel.tasks.user(0);
  return idle;
}

/** Task 1, still without a program. Linux: rest_init(). */
function makeInitTask(kernel: Kernel): Task {
  const task = allocTask(kernel);
  if (isErr(task)) return panic(kernel, "no memory for init");
  task.pid = task.tgid = kernel.tasks.allocPid();
  task.comm = "swapper/0";
  task.parent = kernel.idle;
  task.exit_signal = SIGCHLD;
  task.user = kernel.tasks.user(0);
  task.user.nr_processes++;
  const root = kernel.vfs.rootPath();
  task.fs = new FsStruct(root, root, 0o022);
  task.files = new FileTable();
  task.sighand = new Sighand();
  task.signal = new SignalStruct();
  task.signal.flags = SIGNAL_UNKILLABLE;
  task.signal.rlimits = initialRlimits(kernel.tasks.max_threads);
  task.signal.threads.push(task);
  task.start_time_ns = kernel.time.monotonic_ns();
  initFpu(kernel.machine, task);
  kernel.tasks.attach(task);
  return task;
}

/** Options of the command line that are the kernel's own; the others go to init. */
const KERNEL_OPTIONS =
  /^(console|loglevel|quiet|debug|ignore_loglevel|printk\..*|root|rootfstype|rootflags|rootwait|ro|rw|init|rdinit|panic|strace|video|vga|mem|nokaslr|tsc|clocksource|BOOT_IMAGE|initrd|noinitrd|reboot|nomodeset|earlyprintk|earlycon|\w+\..*)(=|$)/;

interface InitArguments {
  argv: string[];
  envp: string[];
  init: string | null;
  rdinit: string;
}

/** Unknown words go to init: NAME=value into its environment, the rest and all after "--" as arguments. Linux: unknown_bootoption(). */
function initArguments(command_line: string): InitArguments {
  const result: InitArguments = { argv: [], envp: ["HOME=/", "TERM=linux"], init: null, rdinit: "/init" };
  let isAfterDashes = false;
  for (const quoted of command_line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []) {
    const word = quoted.replace(/"/g, "");
    if (isAfterDashes) result.argv.push(word);
    else if (word === "--") isAfterDashes = true;
    else if (word.startsWith("init=")) result.init = word.slice(5);
    else if (word.startsWith("rdinit=")) result.rdinit = word.slice(7);
    else if (KERNEL_OPTIONS.test(word)) continue;
    else if (!word.includes("=")) result.argv.push(word);
    else {
      const name = word.slice(0, word.indexOf("=") + 1);
      const at = result.envp.findIndex((variable) => variable.startsWith(name));
      if (at >= 0) result.envp[at] = word;
      else result.envp.push(word);
    }
  }
  return result;
}

/** The first task's kernel side: drivers, root file system, the first program. Linux: kernel_init(). */
function* kernelInit(task: Task): Sleep<number> {
  const { kernel } = task;
  const { printk } = kernel;
  registerMemDevices(kernel);
  runInitcalls(kernel, "device");
  yield* kernel.vfs.populateRootfs(task);
  yield* kernel.vfs.openConsole(task);
  printk.info("Freeing unused kernel memory: 0K");
  const { argv, envp, init, rdinit } = initArguments(kernel.boot.command_line);

  const run = function* (name: string): Sleep<number> {
    printk.info(`Run ${name} as init process`);
    printk.debug("  with arguments:");
    for (const text of [name, ...argv]) printk.debug(`    ${text}`);
    printk.debug("  with environment:");
    for (const text of envp) printk.debug(`    ${text}`);
    return yield* doExecve(task, name, [name, ...argv], envp);
  };

  let error = yield* run(rdinit);
  if (error === 0) return KEEP_RAX;
  if (error !== -ENOENT) printk.err(`Failed to execute ${rdinit} (error ${error})`);
  if (init !== null) {
    error = yield* run(init);
    if (error === 0) return KEEP_RAX;
    panic(kernel, `Requested init ${init} failed (error ${error}).`);
  }
  for (const name of ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"]) {
    error = yield* run(name);
    if (error === 0) return KEEP_RAX;
    if (error !== -ENOENT)
      printk.err(`Starting init: ${name} exists but couldn't execute it (error ${error})`);
  }
  return panic(kernel, "No working init found.  Try passing init= option to kernel.");
}

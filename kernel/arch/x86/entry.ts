/**
 * EntryState: how the CPU gets into the TypeScript kernel and out again. Linux: arch/x86/entry/common.c, the switch in
 * arch/x86/kernel/process_64.c.
 *
 *     stub (entry/entry_64.asm) ─ VMCALL ─► vmcall() ─┬─ system call: dispatch ── number ─► rax
 *                                                     │                       └─ generator: kept as task.kernelStack
 *                                                     ├─ exception: traps.ts
 *                                                     └─ interrupt: irq
 *                   then resume():   sleeping or need_resched ─► schedule(), switch
 *                                    suspended generator      ─► next()
 *                                    signals                  ─► deliver
 *                                    nothing left             ─► back to the stub, or to return_to_user for another task
 *
 * The plain system call leaves through the stub's SYSRET without a further write than RAX.
 */
import {
  MSR_FMASK,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_STAR,
  RDI,
  RSP,
} from "../../../cpu-core/abi/state.ts";
import { restart } from "../../drivers/power.ts";
import type { Kernel } from "../../kernel.ts";
import { KernelPanic, panic } from "../../lib/panic.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import { ABI_IA32 } from "../../mm/user_words.ts";
import { SyscallDispatch } from "../../syscall/dispatch.ts";
import { doExit, releaseTask } from "../../task/exit.ts";
import { FATAL, STOPPED, deliverSignals } from "../../task/signal_deliver.ts";
import { SIGNAL_GROUP_EXIT } from "../../task/signal_struct.ts";
import { TASK_RUNNING } from "../../task/state.ts";
import type { Task } from "../../task/task.ts";
import { Ia32Dispatch } from "./ia32/dispatch.ts";
import { IA32_SYSCALL_VECTOR, setTssIst1, setTssRsp0, setupIdt } from "./idt.ts";
import { type Ldt, loadLdt } from "./ldt.ts";
import { directMap, physicalAddress } from "./page_tables.ts";
import { loadThread, saveThread } from "./process.ts";
import { loadTls } from "./tls.ts";
import { PT_CS, PT_ORIG_RAX, PT_RAX, PtRegs } from "./regs.ts";
import { handleKernelException, handleUserException, showRegs } from "./traps.ts";
import { VMCALL_INTERRUPT, VMCALL_SYSCALL } from "./vmcall.ts";

/** Addresses of the kernel image's labels, signed virtual. */
export interface KernelImage {
  readonly symbols: Readonly<Record<string, number>>;
}

/** IA32_STAR: SYSCALL loads CS 0x10, SYSRET CS 0x33 and SS 0x2b. */
const STAR = 0x23 * 2 ** 48 + 0x10 * 2 ** 32;
/** Flags cleared by SYSCALL: all but the reserved ones. Linux: syscall_init(). */
const FMASK = 0x257fd5;
const PCPU_STACK_TOP = 8;
const FIRST_EXTERNAL_VECTOR = 0x20;

/** Reading the clock costs as much as a plain system call: one of so many is measured. A power of two. */
const SAMPLE_INTERVAL = 16;

const RATELIMIT_INTERVAL_NS = 5e9;
const RATELIMIT_BURST = 10;

export class EntryState {
  readonly dispatch = new SyscallDispatch();
  readonly ia32_dispatch = new Ia32Dispatch();
  /** The kernel has stopped for good. */
  panicked = false;
  readonly #kernel: Kernel;
  readonly #percpu_pa: number;
  readonly #tss_pa: number;
  readonly #gdt_pa: number;
  readonly #return_to_user: number;
  readonly #idle_loop: number;
  readonly #panic_loop: number;
  readonly #idle_stack_top: number;
  /** View of whatever pt_regs an interrupt saved. */
  readonly #regs: PtRegs;
  /** The task whose FS, GS bases and FPU registers the CPU holds. */
  #loaded: Task | null = null;
  /** pt_regs were written beyond RAX: SYSRET will not do. */
  #regs_changed = false;
  /** The GDT holds thread-local descriptors; LDTR names a table. */
  #has_tls = false;
  #has_ldt = false;
  /** Dead tasks to be freed once the CPU has left their stacks. */
  #dead: Task[] = [];
  /** Monotonic time up to which CPU time is accounted. */
  #stamp_ns = 0;
  /** Of the time since then, what plain system calls took, as estimated from every 16th. */
  #plain_calls_ns = 0;
  #nr_plain_calls = 0;
  /** The time since the stamp is kernel time. */
  #isInKernel = true;
  #isIdle = false;
  #ratelimit_start_ns = 0;
  #ratelimit_count = 0;

  constructor(kernel: Kernel, image: KernelImage, allocStack: () => number) {
    this.#kernel = kernel;
    const { ram, cpu } = kernel.machine;
    const symbol = (name: string): number => {
      const va = image.symbols[name];
      if (va === undefined) throw new Error(`kernel image has no label ${name}`);
      return va;
    };
    this.#regs = new PtRegs(ram);
    this.#percpu_pa = physicalAddress(symbol("percpu_area"));
    this.#tss_pa = physicalAddress(symbol("tss"));
    this.#gdt_pa = physicalAddress(symbol("gdt"));
    this.#return_to_user = symbol("return_to_user");
    this.#idle_loop = symbol("idle_loop");
    this.#panic_loop = symbol("panic_loop");
    this.#idle_stack_top = directMap(allocStack() + PAGE_SIZE);
    setupIdt(ram, physicalAddress(symbol("idt_table")), symbol("irq_entries_start"));
    setTssIst1(ram, this.#tss_pa, directMap(allocStack() + PAGE_SIZE));
    setTssRsp0(ram, this.#tss_pa, this.#idle_stack_top);
    cpu.writeMsr(MSR_STAR, STAR);
    cpu.writeMsr(MSR_LSTAR, symbol("entry_SYSCALL_64"));
    cpu.writeMsr(MSR_FMASK, FMASK);
    cpu.writeMsr(MSR_GS_BASE, symbol("percpu_area"));
    cpu.writeMsr(MSR_KERNEL_GS_BASE, 0);
  }

  /** VMCALL with function 1 or 2. */
  vmcall(nr: number): void {
    try {
      if (nr === VMCALL_SYSCALL) this.#systemCall();
      else if (nr === VMCALL_INTERRUPT) this.#interrupt();
      else panic(this.#kernel, `VMCALL ${nr}`);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Leaves startKernel(): runs whoever is runnable. */
  start(): void {
    try {
      this.#resume(null);
    } catch (error) {
      this.#failed(error);
    }
  }

  #systemCall(): void {
    const kernel = this.#kernel;
    const task = kernel.current;
    const isSampled = (++this.#nr_plain_calls & (SAMPLE_INTERVAL - 1)) === 0;
    const start_ns = isSampled ? kernel.time.monotonic_ns() : 0;
    const { ram, pa } = task.regs;
    const nr = ram.read32(pa + PT_ORIG_RAX) | 0;
    task.syscall_nr = nr;
    task.syscall_abi = 0;
    const { strace } = kernel;
    if (strace.enabled) strace.enter(task, nr);
    const result = this.dispatch.call(task, nr);
    if (typeof result === "number") {
      if (strace.enabled) strace.exit(task, nr, result);
      if (result === result) ram.write64(pa + PT_RAX, result);
      if (!kernel.sched.need_resched && !task.sigpending && !this.#regs_changed) {
        if (isSampled) this.#plain_calls_ns += (kernel.time.monotonic_ns() - start_ns) * SAMPLE_INTERVAL;
        return;
      }
    } else {
      task.kernelStack = result;
    }
    this.#accountUser(task);
    this.#isInKernel = true;
    this.#resume(task);
  }

  #interrupt(): void {
    const kernel = this.#kernel;
    const { cpu } = kernel.machine;
    const vector = cpu.readRegister(RDI) & 0xff;
    const task = kernel.current;
    const regs = this.#regs;
    regs.pa = physicalAddress(cpu.readRegister(RSP));
    if (this.panicked) {
      kernel.irq.handleIrq(regs, vector);
      this.#halt(true);
      return;
    }
    const fromUser = (regs.ram.read16(regs.pa + PT_CS) & 3) === 3;
    if (fromUser) {
      this.#accountUser(task);
      this.#isInKernel = true;
      task.syscall_nr = -1;
    } else {
      this.#accountIdle();
    }
    if (vector === IA32_SYSCALL_VECTOR && fromUser) {
      this.#ia32SystemCall(task);
    } else if (vector >= FIRST_EXTERNAL_VECTOR) {
      kernel.irq.handleIrq(regs, vector);
    } else if (fromUser) {
      handleUserException(task, regs, vector, regs.ram.read32(regs.pa + PT_ORIG_RAX) >>> 0);
    } else {
      handleKernelException(kernel, regs, vector, regs.ram.read32(regs.pa + PT_ORIG_RAX) >>> 0);
    }
    if (fromUser && !kernel.sched.need_resched && !task.sigpending && task.kernelStack === null) {
      this.#regs_changed = false;
      this.#accountKernel(task);
      this.#isInKernel = false;
      return;
    }
    if (fromUser) this.#regs_changed = true;
    this.#resume(fromUser ? task : null);
  }

  /** INT 80h: the number and the result are in EAX. Linux: do_int80_emulation(). */
  #ia32SystemCall(task: Task): void {
    const { ram, pa } = task.regs;
    const { strace } = this.#kernel;
    const nr = ram.read32(pa + PT_RAX) | 0;
    ram.write64(pa + PT_ORIG_RAX, nr >>> 0);
    task.syscall_nr = nr;
    task.syscall_abi = this.ia32_dispatch.abiOf(nr);
    if (strace.enabled) strace.enter(task, nr);
    const result = this.ia32_dispatch.call(task, nr);
    if (typeof result === "number") this.#finishSyscall(task, result);
    else task.kernelStack = result;
  }

  /** The table of the call that `task` is in. */
  tableOf(task: Task): SyscallDispatch | Ia32Dispatch {
    return task.syscall_abi & ABI_IA32 ? this.ia32_dispatch : this.dispatch;
  }

  /**
   * Runs kernel work until some task can go on in user mode, or nobody can. `entered` is the task whose stub executed
   * the VMCALL; null: it was the idle loop, or the boot.
   */
  #resume(entered: Task | null): void {
    const kernel = this.#kernel;
    const { sched } = kernel;
    let task = kernel.current;
    let mustSchedule = task === kernel.idle;
    for (;;) {
      // Only where the task gives the CPU away or stands at the border to user mode: the kernel is not preempted.
      if (mustSchedule || (task.kernelStack === null && sched.need_resched)) {
        task = this.#switchTo(sched.schedule(task));
        mustSchedule = false;
        if (task === kernel.idle) {
          this.#idle();
          return;
        }
      }
      if (task.kernelStack !== null) {
        const step = task.kernelStack.next();
        if (!step.done) {
          mustSchedule = true;
          continue;
        }
        task.kernelStack = null;
        this.#finishSyscall(task, step.value);
        continue;
      }
      if (task.sigpending || task.saved_sigmask !== null) {
        const outcome = deliverSignals(task, task.regs);
        if (outcome === FATAL) task.kernelStack = doExit(task, exitCodeOf(task));
        else if (outcome === STOPPED) mustSchedule = true;
        else if (task.sigpending) continue;
        this.#regs_changed = true;
        if (outcome !== 0) continue;
      }
      if (sched.need_resched) continue;
      break;
    }
    if (task !== entered || this.#regs_changed) {
      const { cpu } = kernel.machine;
      cpu.writeRegister(RSP, directMap(task.regs.pa));
      cpu.rip = this.#return_to_user;
      this.#regs_changed = false;
    }
    this.#accountKernel(task);
    this.#isInKernel = false;
  }

  #finishSyscall(task: Task, result: number): void {
    const { strace } = this.#kernel;
    if (strace.enabled && task.syscall_nr >= 0) strace.exit(task, task.syscall_nr, result);
    if (result === result) task.regs.ram.write64(task.regs.pa + PT_RAX, result);
  }

  /** Loads the processor with `next`'s state. Linux: __switch_to(), switch_mm(). */
  #switchTo(next: Task): Task {
    const kernel = this.#kernel;
    const previous = kernel.current;
    if (next === previous) return next;
    this.#accountKernel(previous);
    kernel.current = next;
    if (next === kernel.idle) return next;
    if (this.#isIdle) {
      this.#isIdle = false;
      kernel.time.exitIdle();
      kernel.sched.loadavg.update(this.#stamp_ns);
    }
    const { machine } = kernel;
    if (this.#loaded !== next) {
      if (this.#loaded !== null) saveThread(machine, this.#loaded);
      this.switchMm(next);
      if (next.thread.tls.length > 0 || this.#has_tls) this.loadTls(next);
      loadThread(machine, next);
      this.#loaded = next;
    } else {
      this.switchMm(next);
    }
    const stack_top = directMap((next.stack_pfn + 1) * PAGE_SIZE);
    machine.ram.write64(this.#percpu_pa + PCPU_STACK_TOP, stack_top);
    setTssRsp0(machine.ram, this.#tss_pa, stack_top);
    this.#freeDead();
    return next;
  }

  /** Nothing to run: to the idle loop. */
  #idle(): void {
    const kernel = this.#kernel;
    const { cpu } = kernel.machine;
    this.#accountKernel(kernel.idle);
    if (this.#dead.length > 0) this.#freeDead();
    this.#isIdle = true;
    this.#regs_changed = false;
    kernel.time.enterIdle();
    cpu.writeRegister(RSP, this.#idle_stack_top);
    cpu.rip = this.#idle_loop;
  }

  /** Puts the running task's thread-local descriptors into the GDT. */
  loadTls({ thread }: Task): void {
    loadTls(this.#kernel.machine.ram, this.#gdt_pa, thread.tls);
    this.#has_tls = thread.tls.length > 0;
  }

  /** The running task has a new address space. Linux: switch_mm(). */
  switchMm(task: Task): void {
    const pgd_pa = task.mm === null ? this.#kernel.active_pgd_pa : task.mm.pgd_pa;
    if (this.#kernel.active_pgd_pa === pgd_pa) return;
    this.#kernel.active_pgd_pa = pgd_pa;
    this.#kernel.machine.cpu.cr3 = pgd_pa;
    const ldt = task.mm?.ldt ?? null;
    if (ldt !== null || this.#has_ldt) this.loadLdt(ldt);
  }

  /** Gives the CPU the local descriptor table of the running address space. */
  loadLdt(ldt: Ldt | null): void {
    loadLdt(this.#kernel, ldt);
    this.#has_ldt = ldt !== null;
  }

  /** The task gives its address space up: the CPU must not stay on tables that are freed. */
  leaveMm(task: Task): void {
    const kernel = this.#kernel;
    if (task.mm === null || kernel.active_pgd_pa !== task.mm.pgd_pa) return;
    kernel.active_pgd_pa = kernel.init_pgd_pa;
    kernel.machine.cpu.cr3 = kernel.init_pgd_pa;
  }

  /** pt_regs of the running task were changed: it leaves by IRETQ. */
  markRegsChanged(): void {
    this.#regs_changed = true;
  }

  /** Frees a dead task once the CPU runs on another stack. */
  releaseLater(task: Task): void {
    this.#dead.push(task);
  }

  /** A task's stack is about to be freed: its registers are not worth keeping. */
  forget(task: Task): void {
    if (this.#loaded === task) this.#loaded = null;
  }

  #freeDead(): void {
    while (this.#dead.length > 0) releaseTask(this.#dead.pop()!);
  }

  /** CPU time since the last look was user time of `task`, but for the plain system calls in it. */
  #accountUser(task: Task): void {
    const now_ns = this.#kernel.time.monotonic_ns();
    const delta_ns = now_ns - this.#stamp_ns;
    const system_ns = Math.min(delta_ns, this.#plain_calls_ns);
    const user_ns = delta_ns - system_ns;
    this.#stamp_ns = now_ns;
    this.#plain_calls_ns = 0;
    task.utime_ns += user_ns;
    task.stime_ns += system_ns;
    const { cpustat } = this.#kernel.sched;
    cpustat.system_ns += system_ns;
    if (task.static_prio > 120) cpustat.nice_ns += user_ns;
    else cpustat.user_ns += user_ns;
  }

  /** It was kernel time of `task`. */
  #accountKernel(task: Task): void {
    const now_ns = this.#kernel.time.monotonic_ns();
    const delta_ns = now_ns - this.#stamp_ns;
    this.#stamp_ns = now_ns;
    task.stime_ns += delta_ns;
    this.#kernel.sched.cpustat.system_ns += delta_ns;
  }

  #accountIdle(): void {
    const now_ns = this.#kernel.time.monotonic_ns();
    this.#kernel.sched.cpustat.idle_ns += now_ns - this.#stamp_ns;
    this.#stamp_ns = now_ns;
  }

  /** Brings the running task's times up to date, for readers. */
  accountNow(): void {
    const { current, idle } = this.#kernel;
    if (current === idle) this.#accountIdle();
    else if (this.#isInKernel) this.#accountKernel(current);
    else this.#accountUser(current);
  }

  /** Whether another message about a misbehaving program may be printed. Linux: printk_ratelimit(). */
  ratelimit(): boolean {
    const now_ns = this.#kernel.time.monotonic_ns();
    if (now_ns - this.#ratelimit_start_ns > RATELIMIT_INTERVAL_NS) {
      this.#ratelimit_start_ns = now_ns;
      this.#ratelimit_count = 0;
    }
    return this.#ratelimit_count++ < RATELIMIT_BURST;
  }

  /** Something threw: a panic, or a defect of the kernel (an oops), which costs the task its life. */
  #failed(error: unknown): void {
    const kernel = this.#kernel;
    if (error instanceof KernelPanic) {
      this.#stop(error.message);
      return;
    }
    const { printk, current } = kernel;
    const lines = String(error instanceof Error ? (error.stack ?? error.message) : error).split("\n");
    printk.emerg(`BUG: ${lines[0]}`);
    try {
      if (current.stack_pfn !== 0) showRegs(kernel, current.regs);
      printk.emerg("Call Trace:");
      for (const line of lines.slice(1, 12)) printk.emerg(` ${line.trim().replace(/^at /, "")}`);
      if (current === kernel.idle || current.pid === 1 || kernel.irq.inInterrupt || current.exit_state) {
        panic(kernel, kernel.irq.inInterrupt ? "Fatal exception in interrupt" : "Fatal exception");
      }
      current.kernelStack = null;
      current.state = TASK_RUNNING;
      current.signal.flags = SIGNAL_GROUP_EXIT;
      current.signal.group_exit_code = 9;
      current.sigpending = true;
      this.#regs_changed = true;
      this.#resume(null);
    } catch (again) {
      this.#stop(again instanceof Error ? again.message : String(again));
    }
  }

  #stop(message: string): void {
    const { printk } = this.#kernel;
    this.panicked = true;
    const timeout = Number(/(?:^|\s)panic=(-?\d+)/.exec(this.#kernel.boot.command_line)?.[1] ?? 0);
    if (timeout < 0) restart(this.#kernel);
    if (timeout > 0) {
      printk.emerg(`Rebooting in ${timeout} seconds..`);
      this.#kernel.time.startTimer(this.#kernel.time.monotonic_ns() + timeout * 1e9, () =>
        restart(this.#kernel),
      );
    }
    printk.emerg(`---[ end Kernel panic - not syncing: ${message} ]---`);
    this.#halt(timeout > 0);
  }

  /** Nothing runs any more; with `waits`, interrupts are still taken, for the timer that resets the machine. */
  #halt(waits: boolean): void {
    const { cpu } = this.#kernel.machine;
    cpu.writeRegister(RSP, this.#idle_stack_top);
    cpu.rip = waits ? this.#idle_loop : this.#panic_loop;
  }
}

function exitCodeOf(task: Task): number {
  return task.signal.flags & SIGNAL_GROUP_EXIT ? task.signal.group_exit_code : 0;
}

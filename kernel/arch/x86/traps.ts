/**
 * Exceptions: which signal a program gets, and what happens when the kernel itself is at fault. Linux:
 * arch/x86/kernel/traps.c, arch/x86/mm/fault.c. SDM vol 3A "Exception and Interrupt Reference".
 */
import * as vec from "../../../cpu-core/abi/vectors.ts";
import type { Kernel } from "../../kernel.ts";
import { panic } from "../../lib/panic.ts";
import {
  FAULT_FLAG_INSTRUCTION,
  FAULT_FLAG_READ,
  FAULT_FLAG_WRITE,
  VM_FAULT_ACCERR,
  VM_FAULT_MAPERR,
  VM_FAULT_OK,
  VM_FAULT_OOM,
  handleMmFault,
} from "../../mm/memory.ts";
import { outOfMemory } from "../../mm/oom_kill.ts";
import { VM_EXEC, VM_READ, VM_WRITE } from "../../mm/vma.ts";
import type { SigInfo } from "../../task/siginfo.ts";
import { forceSignal } from "../../task/signal.ts";
import type { Task } from "../../task/task.ts";
import {
  BUS_ADRALN,
  BUS_ADRERR,
  FPE_FLTDIV,
  FPE_FLTINV,
  FPE_FLTOVF,
  FPE_FLTRES,
  FPE_FLTUND,
  FPE_INTDIV,
  ILL_ILLOPN,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGTRAP,
  SIG_DFL,
  SIG_IGN,
  SI_KERNEL,
  TRAP_BRKPT,
  TRAP_TRACE,
} from "../../uapi/signal.ts";
import { fpuArea } from "./process.ts";
import * as pt from "./regs.ts";
import type { PtRegs } from "./regs.ts";
import { emulateVsyscall } from "./vsyscall.ts";

const X86_EFLAGS_TF = 0x100;

const TRAP_NAMES: Readonly<Record<number, string>> = {
  [vec.VECTOR_DE]: "divide error",
  [vec.VECTOR_DB]: "debug",
  [vec.VECTOR_BP]: "int3",
  [vec.VECTOR_OF]: "overflow",
  [vec.VECTOR_BR]: "bounds",
  [vec.VECTOR_UD]: "invalid opcode",
  [vec.VECTOR_NM]: "device not available",
  [vec.VECTOR_DF]: "double fault",
  [vec.VECTOR_TS]: "invalid TSS",
  [vec.VECTOR_NP]: "segment not present",
  [vec.VECTOR_SS]: "stack segment",
  [vec.VECTOR_GP]: "general protection fault",
  [vec.VECTOR_PF]: "page fault",
  [vec.VECTOR_MF]: "coprocessor error",
  [vec.VECTOR_AC]: "alignment check",
  [vec.VECTOR_MC]: "machine check",
  [vec.VECTOR_XM]: "simd exception",
};

/** An exception at CPL 3: resolved, or a signal for the task. */
export function handleUserException(task: Task, regs: PtRegs, vector: number, error_code: number): void {
  if (vector === vec.VECTOR_PF) {
    handlePageFault(task, regs, error_code);
    return;
  }
  const info = signalFor(task, regs, vector);
  task.thread.trap_nr = vector;
  task.thread.error_code = error_code;
  if (
    vector !== vec.VECTOR_DB &&
    vector !== vec.VECTOR_BP &&
    isUnhandled(task, info.signo) &&
    task.kernel.entry.ratelimit()
  ) {
    task.kernel.printk.info(
      `traps: ${task.comm}[${task.pid}] trap ${TRAP_NAMES[vector] ?? `vector ${vector}`} ip:${hex(regs.rip)} ` +
        `sp:${hex(regs.rsp)} error:${error_code.toString(16)}${describeArea(task, regs.rip)}`,
    );
  }
  forceSignal(task, info.signo, info);
}

function signalFor(task: Task, regs: PtRegs, vector: number): SigInfo {
  const addr = regs.rip;
  switch (vector) {
    case vec.VECTOR_DE:
      return { signo: SIGFPE, code: FPE_INTDIV, addr };
    case vec.VECTOR_DB:
      // TF is clear only where INT1 made it. Linux: get_si_code().
      return { signo: SIGTRAP, code: regs.eflags & X86_EFLAGS_TF ? TRAP_TRACE : TRAP_BRKPT, addr };
    case vec.VECTOR_BP:
      return { signo: SIGTRAP, code: SI_KERNEL };
    case vec.VECTOR_UD:
      return { signo: SIGILL, code: ILL_ILLOPN, addr };
    case vec.VECTOR_NP:
    case vec.VECTOR_SS:
      return { signo: SIGBUS, code: SI_KERNEL };
    case vec.VECTOR_MF:
    case vec.VECTOR_XM:
      return { signo: SIGFPE, code: fpuCode(task, vector), addr };
    case vec.VECTOR_AC:
      return { signo: SIGBUS, code: BUS_ADRALN };
    default:
      return { signo: SIGSEGV, code: SI_KERNEL };
  }
}

/** Which unmasked floating-point exception it was. Linux: fpu__exception_code(). */
function fpuCode(task: Task, vector: number): number {
  const { cpu, ram } = task.kernel.machine;
  const area = fpuArea(task);
  cpu.fxsave(area);
  let err: number;
  if (vector === vec.VECTOR_MF) {
    err = ram.read16(area + 2) & ~ram.read16(area);
  } else {
    const mxcsr = ram.read32(area + 24);
    err = mxcsr & ~(mxcsr >> 7);
  }
  if (err & 0x01) return FPE_FLTINV;
  if (err & 0x04) return FPE_FLTDIV;
  if (err & 0x08) return FPE_FLTOVF;
  if (err & 0x12) return FPE_FLTUND;
  if (err & 0x20) return FPE_FLTRES;
  return 0;
}

/** Linux: do_user_addr_fault(). */
function handlePageFault(task: Task, regs: PtRegs, error_code: number): void {
  const { kernel, mm } = task;
  const address = kernel.machine.cpu.cr2;
  if (address < 0 && error_code & vec.PF_INSTRUCTION && emulateVsyscall(task, regs, address)) return;
  let outcome = VM_FAULT_MAPERR;
  if (mm !== null && address >= 0 && !(error_code & vec.PF_RESERVED)) {
    let access = FAULT_FLAG_READ;
    if (error_code & vec.PF_WRITE) access = FAULT_FLAG_WRITE;
    else if (error_code & vec.PF_INSTRUCTION) access = FAULT_FLAG_INSTRUCTION;
    outcome = handleMmFault(mm, address, access);
  }
  if (outcome === VM_FAULT_OK) return;
  if (outcome === VM_FAULT_OOM) {
    // The instruction is tried again; if nothing could be freed, this task is the one to go.
    if (!outOfMemory(kernel)) forceSignal(task, SIGBUS, { signo: SIGBUS, code: BUS_ADRERR, addr: address });
    return;
  }
  task.thread.cr2 = address;
  task.thread.trap_nr = vec.VECTOR_PF;
  // Addresses of the kernel's half never tell whether something is there; pages without any access count as absent.
  if (address < 0) error_code |= vec.PF_PRESENT;
  else if (outcome === VM_FAULT_ACCERR && !isAccessible(task, address)) error_code &= ~vec.PF_PRESENT;
  task.thread.error_code = error_code;
  if (outcome === VM_FAULT_MAPERR || outcome === VM_FAULT_ACCERR) {
    if (isUnhandled(task, SIGSEGV) && kernel.entry.ratelimit()) {
      kernel.printk.info(
        `${task.comm}[${task.pid}]: segfault at ${hex(address)} ip ${hex(regs.rip, 16)} sp ${hex(regs.rsp, 16)} ` +
          `error ${task.thread.error_code.toString(16)}${describeArea(task, regs.rip)} likely on CPU 0 (core 0, socket 0)`,
      );
    }
    const code = outcome === VM_FAULT_MAPERR ? SEGV_MAPERR : SEGV_ACCERR;
    forceSignal(task, SIGSEGV, { signo: SIGSEGV, code, addr: address });
    return;
  }
  forceSignal(task, SIGBUS, { signo: SIGBUS, code: BUS_ADRERR, addr: address });
}

function isAccessible(task: Task, va: number): boolean {
  const vma = task.mm?.find(va);
  return !!vma && (vma.flags & (VM_READ | VM_WRITE | VM_EXEC)) !== 0;
}

/** Whether the program has no handler. Linux: unhandled_signal(). */
function isUnhandled(task: Task, sig: number): boolean {
  if (task.pid === 1) return true;
  const { handler } = task.sighand.action[sig];
  return handler === SIG_DFL || handler === SIG_IGN;
}

/** " in busybox[401000+b7000]". Linux: print_vma_addr(). */
function describeArea(task: Task, va: number): string {
  const vma = task.mm?.find(va);
  if (!vma?.file) return "";
  return ` in ${vma.file.path.dentry.name}[${vma.start.toString(16)}+${(vma.end - vma.start).toString(16)}]`;
}

/** An exception at CPL 0: nothing in the kernel's own code may fault. Linux: die(), page_fault_oops(). */
export function handleKernelException(
  kernel: Kernel,
  regs: PtRegs,
  vector: number,
  error_code: number,
): never {
  const { printk, machine } = kernel;
  if (vector === vec.VECTOR_PF) {
    const address = machine.cpu.cr2;
    if (address >= 0 && address < 4096)
      printk.emerg(`BUG: kernel NULL pointer dereference, address: ${hex(address, 16)}`);
    else printk.emerg(`BUG: unable to handle page fault for address: ${hex(address, 16)}`);
    const how =
      error_code & vec.PF_INSTRUCTION
        ? "instruction fetch"
        : error_code & vec.PF_WRITE
          ? "write access"
          : "read access";
    printk.emerg(`#PF: supervisor ${how} in kernel mode`);
    const why = error_code & vec.PF_PRESENT ? "permissions violation" : "not-present page";
    printk.emerg(`#PF: error_code(0x${error_code.toString(16).padStart(4, "0")}) - ${why}`);
  }
  printk.emerg(
    `${TRAP_NAMES[vector] ?? `vector ${vector}`}: ${error_code.toString(16).padStart(4, "0")} [#1] NOPTI`,
  );
  showRegs(kernel, regs);
  panic(kernel, "Fatal exception");
}

/** Registers as in an oops. Linux: __show_regs(). */
export function showRegs(kernel: Kernel, regs: PtRegs): void {
  const { printk, current, machine } = kernel;
  printk.emerg(`CPU: 0 PID: ${current.pid} Comm: ${current.comm} Not tainted ${kernel.uts.release} #1`);
  printk.emerg(`RIP: ${hex(regs.cs, 4)}:0x${regs.hex(pt.PT_RIP)}`);
  printk.emerg(`RSP: ${hex(regs.ss, 4)}:${regs.hex(pt.PT_RSP)} EFLAGS: ${hex(regs.eflags, 8)}`);
  const row = (a: string, x: number, b: string, y: number, c: string, z: number): string =>
    `${a}: ${regs.hex(x)} ${b}: ${regs.hex(y)} ${c}: ${regs.hex(z)}`;
  printk.emerg(row("RAX", pt.PT_RAX, "RBX", pt.PT_RBX, "RCX", pt.PT_RCX));
  printk.emerg(row("RDX", pt.PT_RDX, "RSI", pt.PT_RSI, "RDI", pt.PT_RDI));
  printk.emerg(row("RBP", pt.PT_RBP, "R08", pt.PT_R8, "R09", pt.PT_R9));
  printk.emerg(row("R10", pt.PT_R10, "R11", pt.PT_R11, "R12", pt.PT_R12));
  printk.emerg(row("R13", pt.PT_R13, "R14", pt.PT_R14, "R15", pt.PT_R15));
  const { cpu } = machine;
  printk.emerg(
    `CR0: ${hex(cpu.cr0, 16)} CR2: ${hex(cpu.cr2, 16)} CR3: ${hex(cpu.cr3, 16)} CR4: ${hex(cpu.cr4, 16)}`,
  );
}

function hex(value: number, width = 0): string {
  const text = value >= 0 ? value.toString(16) : (BigInt(value) & 0xffff_ffff_ffff_ffffn).toString(16);
  return text.padStart(width, "0");
}

/**
 * What a task switch must carry besides pt_regs: segment registers, FS and GS bases and the FPU's registers. Linux:
 * arch/x86/kernel/process_64.c, fpu/core.c.
 *
 *      page of the kernel stack      0  FXSAVE area, 512 bytes
 *                                  ...
 *                               3928  pt_regs  (top of stack = TSS.RSP0 = 4096)
 */
import {
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
} from "../../../cpu-core/abi/state.ts";
import { PAGE_SIZE } from "../../mm/page_alloc.ts";
import { TASK_SIZE, putUser64 } from "../../mm/usercopy.ts";
import type { Task } from "../../task/task.ts";
import { EINVAL, ENODEV, EPERM } from "../../uapi/errno.ts";
import {
  ARCH_GET_CPUID,
  ARCH_GET_FS,
  ARCH_GET_GS,
  ARCH_SET_CPUID,
  ARCH_SET_FS,
  ARCH_SET_GS,
} from "../../uapi/prctl.ts";
import type { Descriptor } from "./descriptors.ts";
import type { Machine } from "./machine.ts";
import { PT_SIZE } from "./regs.ts";

export const FXSAVE_SIZE = 512;
/** FXSAVE fields. SDM vol 1 "FXSAVE Area". */
const FX_FCW = 0;
const FX_MXCSR = 24;
const FX_MXCSR_MASK = 28;
export const DEFAULT_FCW = 0x037f;
export const DEFAULT_MXCSR = 0x1f80;

/** Linux: struct thread_struct. */
export class ThreadStruct {
  fsbase = 0;
  gsbase = 0;
  /** Selectors. A 64-bit program has zeros, unless it loads others. */
  ds = 0;
  es = 0;
  fs = 0;
  gs = 0;
  /** The GDT's thread-local descriptors; what is not there is empty. */
  tls: Descriptor[] = [];
  /** For signals: the last fault. */
  cr2 = 0;
  trap_nr = 0;
  error_code = 0;
}

/** Physical address of the task's FXSAVE area. */
export function fpuArea(task: Task): number {
  return task.stack_pfn * PAGE_SIZE;
}

/** Physical address of the task's pt_regs. */
export function regsAddress(stack_pfn: number): number {
  return (stack_pfn + 1) * PAGE_SIZE - PT_SIZE;
}

/** Stores what the CPU holds for the running task. */
export function saveThread(machine: Machine, task: Task): void {
  const { cpu } = machine;
  const { thread } = task;
  saveSegments(machine, thread);
  cpu.fxsave(fpuArea(task));
}

/** Linux: save_fsgs(), and DS and ES. */
export function saveSegments(machine: Machine, thread: ThreadStruct): void {
  const { cpu } = machine;
  thread.ds = cpu.readSelector(SEG_DS);
  thread.es = cpu.readSelector(SEG_ES);
  thread.fs = cpu.readSelector(SEG_FS);
  thread.gs = cpu.readSelector(SEG_GS);
  thread.fsbase = cpu.readMsr(MSR_FS_BASE);
  thread.gsbase = cpu.readMsr(MSR_KERNEL_GS_BASE);
}

/** Loads it back for the task that runs next; its LDT and thread-local descriptors are there already. */
export function loadThread(machine: Machine, task: Task): void {
  const { cpu } = machine;
  loadSegments(machine, task.thread);
  cpu.fxrstor(fpuArea(task));
}

/** Segment registers, then the bases, which need not be those of the descriptors. */
export function loadSegments(machine: Machine, thread: ThreadStruct): void {
  const { cpu } = machine;
  changeSegment(machine, SEG_DS, thread.ds);
  changeSegment(machine, SEG_ES, thread.es);
  changeSegment(machine, SEG_FS, thread.fs);
  changeSegment(machine, SEG_GS, thread.gs);
  cpu.writeMsr(MSR_FS_BASE, thread.fsbase);
  cpu.writeMsr(MSR_KERNEL_GS_BASE, thread.gsbase);
}

function changeSegment(machine: Machine, segment: number, selector: number): void {
  // The same selector may name another descriptor by now; a null one cannot.
  if (selector === 0 && machine.cpu.readSelector(segment) === 0) return;
  loadUserSegment(machine, segment, selector);
}

/** MOV to one of the program's segment registers; a selector that cannot be loaded leaves a null one. */
export function loadUserSegment(machine: Machine, segment: number, selector: number): void {
  const { cpu } = machine;
  // While the kernel runs, the program's GS base waits in IA32_KERNEL_GS_BASE. Linux: load_gs_index().
  const kernel_gs_base = segment === SEG_GS ? cpu.readMsr(MSR_GS_BASE) : 0;
  if (!cpu.loadSegment(segment, selector)) cpu.loadSegment(segment, 0);
  if (segment !== SEG_GS) return;
  if (selector !== 0) cpu.writeMsr(MSR_KERNEL_GS_BASE, cpu.readMsr(MSR_GS_BASE));
  cpu.writeMsr(MSR_GS_BASE, kernel_gs_base);
}

/** The registers a program starts with: FINIT, all exceptions masked. Linux: fpu_flush_thread(). */
export function initFpu(machine: Machine, task: Task): void {
  const { ram } = machine;
  const area = fpuArea(task);
  ram.fill(area, 0, FXSAVE_SIZE);
  ram.write16(area + FX_FCW, DEFAULT_FCW);
  ram.write32(area + FX_MXCSR, DEFAULT_MXCSR);
  ram.write32(area + FX_MXCSR_MASK, 0xffff);
}

/** A signal handler starts with a fresh FPU: the old state is in its frame. Linux: fpu__clear_user_states(). */
export function clearFpu(task: Task): void {
  const { machine } = task.kernel;
  initFpu(machine, task);
  machine.cpu.fxrstor(fpuArea(task));
}

/** exec: a program starts with zero bases and a fresh FPU. `task` is current. */
export function flushThread(machine: Machine, task: Task): void {
  const { thread } = task;
  thread.fsbase = 0;
  thread.gsbase = 0;
  thread.ds = thread.es = thread.fs = thread.gs = 0;
  thread.tls = [];
  task.kernel.entry.loadTls(task);
  initFpu(machine, task);
  loadThread(machine, task);
}

/** man 2 arch_prctl. */
export function sys_arch_prctl(task: Task, code: number, addr: number): number {
  const { cpu } = task.kernel.machine;
  switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (addr < 0 || addr >= TASK_SIZE) return -EPERM;
      cpu.writeMsr(code === ARCH_SET_FS ? MSR_FS_BASE : MSR_KERNEL_GS_BASE, addr);
      return 0;
    case ARCH_GET_FS:
      return putUser64(task, addr, cpu.readMsr(MSR_FS_BASE));
    case ARCH_GET_GS:
      return putUser64(task, addr, cpu.readMsr(MSR_KERNEL_GS_BASE));
    case ARCH_GET_CPUID:
      return 1;
    case ARCH_SET_CPUID:
      return -ENODEV;
    default:
      return -EINVAL;
  }
}

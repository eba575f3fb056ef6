/**
 * What a task switch must carry besides pt_regs: FS and GS bases and the FPU's registers. Linux:
 * arch/x86/kernel/process_64.c, fpu/core.c.
 *
 *      page of the kernel stack      0  FXSAVE area, 512 bytes
 *                                  ...
 *                               3928  pt_regs  (top of stack = TSS.RSP0 = 4096)
 */
import { MSR_FS_BASE, MSR_KERNEL_GS_BASE } from "../../../cpu-core/abi/state.ts";
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
  task.thread.fsbase = cpu.readMsr(MSR_FS_BASE);
  task.thread.gsbase = cpu.readMsr(MSR_KERNEL_GS_BASE);
  cpu.fxsave(fpuArea(task));
}

/** Loads it back for the task that runs next. */
export function loadThread(machine: Machine, task: Task): void {
  const { cpu } = machine;
  cpu.writeMsr(MSR_FS_BASE, task.thread.fsbase);
  cpu.writeMsr(MSR_KERNEL_GS_BASE, task.thread.gsbase);
  cpu.fxrstor(fpuArea(task));
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

/** exec: a program starts with zero bases and a fresh FPU. `task` is current. */
export function flushThread(machine: Machine, task: Task): void {
  task.thread.fsbase = 0;
  task.thread.gsbase = 0;
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

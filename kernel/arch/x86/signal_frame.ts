/**
 * The signal frame on the user's stack, byte for byte as Linux builds it, and rt_sigreturn that takes it down.
 * Linux: arch/x86/kernel/signal.c, arch/x86/include/asm/sigframe.h, arch/x86/include/uapi/asm/sigcontext.h.
 *
 *      rsp ─►   0  pretcode       the restorer: where the handler returns to
 *               8  uc_flags    16 uc_link    24 uc_stack {sp, flags, size}
 *              48  sigcontext: r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags | cs gs fs ss | err trapno oldmask cr2
 *                              fpstate* reserved[8]
 *             304  uc_sigmask
 *             312  siginfo_t      (128 bytes)
 *             440  ...            XSAVE area, 64-byte aligned (an FXSAVE area if the CPU has no XSAVE)
 */
import { copyFromUser, copyToUser, TASK_SIZE } from "../../mm/usercopy.ts";
import { encodeSigInfo, type SigInfo } from "../../task/siginfo.ts";
import { SigSet } from "../../task/sigset.ts";
import { forceSignal, setBlocked } from "../../task/signal.ts";
import { KEEP_RAX } from "../../syscall/dispatch.ts";
import type { Task } from "../../task/task.ts";
import { EFAULT } from "../../uapi/errno.ts";
import {
  SA_ONSTACK,
  SA_RESTORER,
  SIGSEGV,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
} from "../../uapi/signal.ts";
import { restoreFpu, saveFpu, UC_FP_XSTATE } from "./fpu_frame.ts";
import { FXSAVE_SIZE } from "./process.ts";
import * as pt from "./regs.ts";
import type { PtRegs } from "./regs.ts";

const UC_FLAGS = 8;
const UC_STACK = 24;
const UC_MCONTEXT = 48;
const UC_SIGMASK = 304;
const FRAME_INFO = 312;
const FRAME_SIZE = 440;

const SC_SEGMENTS = 144;
const SC_ERR = 152;
const SC_TRAPNO = 160;
const SC_OLDMASK = 168;
const SC_CR2 = 176;
const SC_FPSTATE = 184;

/** uc_flags: the SS field is there and is to be restored strictly. */
const UC_SIGCONTEXT_SS = 2;
const UC_STRICT_RESTORE_SS = 4;

const REDZONE_BYTES = 128;
const USER_CS = 0x33;
const USER_DS = 0x2b;

/** General registers in sigcontext's order, 8 bytes each. */
const SC_REGISTERS = [
  pt.PT_R8,
  pt.PT_R9,
  pt.PT_R10,
  pt.PT_R11,
  pt.PT_R12,
  pt.PT_R13,
  pt.PT_R14,
  pt.PT_R15,
  pt.PT_RDI,
  pt.PT_RSI,
  pt.PT_RBP,
  pt.PT_RBX,
  pt.PT_RDX,
  pt.PT_RAX,
  pt.PT_RCX,
  pt.PT_RSP,
  pt.PT_RIP,
  pt.PT_EFLAGS,
];

export const X86_EFLAGS_TF = 0x100;
export const X86_EFLAGS_DF = 0x400;
export const X86_EFLAGS_RF = 0x10000;
/** Flags that a program may choose: AC OF DF TF SF ZF AF PF CF RF. */
export const FIX_EFLAGS = 0x50dd5;
export const X86_EFLAGS_IF = 0x200;

export interface FrameAction {
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
}

/** Whether `sp` lies on the alternate stack. Linux: on_sig_stack(). */
export function onSigStack(task: Task, sp: number): boolean {
  if (task.sas_ss_flags & SS_AUTODISARM) return false;
  return sp > task.sas_ss_sp && sp - task.sas_ss_sp <= task.sas_ss_size;
}

/** SS_ flags as sigaltstack(2) reports them. */
export function sasStackFlags(task: Task, sp: number): number {
  if (task.sas_ss_size === 0) return SS_DISABLE;
  return onSigStack(task, sp) ? SS_ONSTACK : 0;
}

/** Whether the handler's frame goes to the alternate stack. */
export function usesAltStack(task: Task, action: FrameAction, sp: number): boolean {
  return (action.flags & SA_ONSTACK) !== 0 && task.sas_ss_size > 0 && !onSigStack(task, sp);
}

/** Whether a frame at `frame_va` would leave the alternate stack at its lower end. */
export function overflowsAltStack(task: Task, useAltStack: boolean, sp: number, frame_va: number): boolean {
  const isOnIt = useAltStack || onSigStack(task, sp);
  return isOnIt && task.sas_ss_size > 0 && !(task.sas_ss_flags & SS_AUTODISARM) && frame_va < task.sas_ss_sp;
}

/** SS_AUTODISARM: the stack is another's while the handler runs. */
export function disarmAltStack(task: Task): void {
  if (!(task.sas_ss_flags & SS_AUTODISARM) || task.sas_ss_size === 0) return;
  task.sas_ss_sp = 0;
  task.sas_ss_size = 0;
  task.sas_ss_flags = SS_DISABLE;
}

/** Builds the frame and points the registers at the handler: 0 or -EFAULT. Linux: x64_setup_rt_frame(). */
export function setupRtFrame(
  task: Task,
  regs: PtRegs,
  action: FrameAction,
  info: SigInfo,
  mask: SigSet,
): number {
  if (!(action.flags & SA_RESTORER)) return -EFAULT;
  if (action.handler < 0 || action.handler >= TASK_SIZE) return -EFAULT;
  const { ram } = task.kernel.machine;
  const old_sp = regs.rsp;
  const useAltStack = usesAltStack(task, action, old_sp);
  const sp = useAltStack ? task.sas_ss_sp + task.sas_ss_size : old_sp - REDZONE_BYTES;
  const fpu = saveFpu(task);
  const fpstate = alignDown(sp - fpu.length, 64);
  const frame_va = alignDown(fpstate - FRAME_SIZE, 16) - 8;
  if (frame_va < 0 || frame_va >= TASK_SIZE) return -EFAULT;
  if (overflowsAltStack(task, useAltStack, old_sp, frame_va)) return -EFAULT;

  const frame = new Uint8Array(FRAME_SIZE);
  const view = new DataView(frame.buffer);
  set64(view, 0, action.restorer);
  const uc_fp = fpu.length > FXSAVE_SIZE ? UC_FP_XSTATE : 0;
  set64(view, UC_FLAGS, uc_fp | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
  set64(view, UC_STACK, task.sas_ss_sp);
  view.setInt32(UC_STACK + 8, sasStackFlags(task, old_sp) | (task.sas_ss_flags & SS_AUTODISARM), true);
  set64(view, UC_STACK + 16, task.sas_ss_size);
  for (let i = 0; i < SC_REGISTERS.length; i++) {
    const from = regs.pa + SC_REGISTERS[i];
    view.setUint32(UC_MCONTEXT + i * 8, ram.read32(from), true);
    view.setUint32(UC_MCONTEXT + i * 8 + 4, ram.read32(from + 4), true);
  }
  view.setUint16(UC_MCONTEXT + SC_SEGMENTS, regs.cs, true);
  view.setUint16(UC_MCONTEXT + SC_SEGMENTS + 6, regs.ss, true);
  set64(view, UC_MCONTEXT + SC_ERR, task.thread.error_code);
  set64(view, UC_MCONTEXT + SC_TRAPNO, task.thread.trap_nr);
  view.setUint32(UC_MCONTEXT + SC_OLDMASK, mask.lo, true);
  view.setUint32(UC_MCONTEXT + SC_OLDMASK + 4, mask.hi, true);
  set64(view, UC_MCONTEXT + SC_CR2, task.thread.cr2);
  set64(view, UC_MCONTEXT + SC_FPSTATE, fpstate);
  view.setUint32(UC_SIGMASK, mask.lo, true);
  view.setUint32(UC_SIGMASK + 4, mask.hi, true);
  frame.set(encodeSigInfo(info, 8), FRAME_INFO);
  if (copyToUser(task, fpstate, fpu) < 0 || copyToUser(task, frame_va, frame) < 0) return -EFAULT;

  disarmAltStack(task);
  regs.set(pt.PT_RDI, info.signo);
  regs.rax = 0;
  regs.set(pt.PT_RSI, frame_va + FRAME_INFO);
  regs.set(pt.PT_RDX, frame_va + 8);
  regs.rip = action.handler;
  regs.rsp = frame_va;
  regs.cs = USER_CS;
  regs.ss = USER_DS;
  regs.eflags &= ~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF);
  task.kernel.entry.markRegsChanged();
  return 0;
}

/** man 2 sigreturn: puts back what the frame below rsp holds. A bad frame is SIGSEGV. */
export function sys_rt_sigreturn(task: Task): number {
  const { regs } = task;
  const { ram } = task.kernel.machine;
  const frame_va = regs.rsp - 8;
  const uc = new Uint8Array(FRAME_INFO);
  if (copyFromUser(task, frame_va, uc) < 0) return badFrame(task, frame_va);
  const view = new DataView(uc.buffer);
  const rip = get64(view, UC_MCONTEXT + 16 * 8);
  const cs = view.getUint16(UC_MCONTEXT + SC_SEGMENTS, true) | 3;
  if (rip < 0 || rip >= TASK_SIZE || cs !== USER_CS) return badFrame(task, frame_va);
  const fpstate = get64(view, UC_MCONTEXT + SC_FPSTATE);
  if (fpstate !== 0 && !restoreFpu(task, fpstate)) return badFrame(task, frame_va);
  const eflags = regs.eflags;
  for (let i = 0; i < SC_REGISTERS.length; i++) {
    const to = regs.pa + SC_REGISTERS[i];
    ram.write32(to, view.getUint32(UC_MCONTEXT + i * 8, true));
    ram.write32(to + 4, view.getUint32(UC_MCONTEXT + i * 8 + 4, true));
  }
  const wanted = view.getUint32(UC_MCONTEXT + 17 * 8, true);
  regs.eflags = ((eflags & ~FIX_EFLAGS) | (wanted & FIX_EFLAGS) | X86_EFLAGS_IF) >>> 0;
  regs.cs = USER_CS;
  regs.ss = USER_DS;
  setBlocked(task, new SigSet(view.getInt32(UC_SIGMASK, true), view.getInt32(UC_SIGMASK + 4, true)));
  restoreAltStack(
    task,
    get64(view, UC_STACK),
    view.getUint32(UC_STACK + 8, true),
    get64(view, UC_STACK + 16),
  );
  task.syscall_nr = -1;
  task.kernel.entry.markRegsChanged();
  return KEEP_RAX;
}

/** Linux: restore_altstack(): only what sigaltstack(2) would accept. */
export function restoreAltStack(task: Task, sp: number, flags: number, size: number): void {
  if (onSigStack(task, task.regs.rsp)) return;
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== 0 && mode !== SS_DISABLE && mode !== SS_ONSTACK) return;
  task.sas_ss_sp = mode === SS_DISABLE ? 0 : sp;
  task.sas_ss_size = mode === SS_DISABLE ? 0 : size;
  task.sas_ss_flags = flags;
}

export function badFrame(task: Task, frame_va: number, name = "rt_sigreturn"): number {
  task.kernel.printk.info(
    `${task.comm}[${task.pid}] bad frame in ${name} frame:${frame_va.toString(16)} ip:${task.regs.rip.toString(16)} ` +
      `sp:${task.regs.rsp.toString(16)} orax:${task.regs.hex(pt.PT_ORIG_RAX)}`,
  );
  forceSignal(task, SIGSEGV);
  return KEEP_RAX;
}

const alignDown = (value: number, alignment: number): number => Math.floor(value / alignment) * alignment;

function set64(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  view.setUint32(offset, value - high * 2 ** 32, true);
  view.setInt32(offset + 4, high, true);
}

function get64(view: DataView, offset: number): number {
  return view.getInt32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

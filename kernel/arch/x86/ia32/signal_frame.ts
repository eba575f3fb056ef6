/**
 * Signal frames of i386 programs, byte for byte as Linux builds them, and the two sigreturns. Linux:
 * arch/x86/kernel/signal_32.c, arch/x86/include/asm/sigframe.h, asm/sigcontext32.h.
 *
 *      sigframe:     pretcode  sig  sigcontext (88)  _fpstate (unused, 624)  extramask  retcode (8)
 *      rt_sigframe:  pretcode  sig  *info  *uc  siginfo (128)  ucontext {flags link stack(12) sigcontext mask(8)}  retcode (8)
 *
 * Above either, the FPU's state: FSAVE's 112 bytes, then on a 64-byte boundary what a 64-bit frame has (fpu_frame.ts).
 */
import { SEG_DS, SEG_ES, SEG_FS, SEG_GS } from "../../../../cpu-core/abi/state.ts";
import { copyFromUser, copyToUser } from "../../../mm/usercopy.ts";
import { TASK_SIZE_IA32 } from "../../../mm/mmap.ts";
import { KEEP_RAX } from "../../../syscall/dispatch.ts";
import { setBlocked } from "../../../task/signal.ts";
import { encodeSigInfo, type SigInfo } from "../../../task/siginfo.ts";
import { SigSet } from "../../../task/sigset.ts";
import type { Task } from "../../../task/task.ts";
import { EFAULT } from "../../../uapi/errno.ts";
import { SA_RESTORER, SA_SIGINFO, SS_AUTODISARM } from "../../../uapi/signal.ts";
import { UC_FP_XSTATE, restoreFpu, saveFpu } from "../fpu_frame.ts";
import { FXSAVE_SIZE, fpuArea, loadUserSegment } from "../process.ts";
import * as pt from "../regs.ts";
import type { PtRegs } from "../regs.ts";
import {
  FIX_EFLAGS,
  type FrameAction,
  X86_EFLAGS_DF,
  X86_EFLAGS_IF,
  X86_EFLAGS_RF,
  X86_EFLAGS_TF,
  badFrame,
  disarmAltStack,
  overflowsAltStack,
  restoreAltStack,
  sasStackFlags,
  usesAltStack,
} from "../signal_frame.ts";
import { FSAVE_SIZE, fsaveFromFxsave, fxsaveFromFsave } from "./fsave.ts";
import { USER32_CS, USER_DS } from "./segments.ts";

const SIGCONTEXT_SIZE = 88;
const FPSTATE_UNUSED_SIZE = 624;

/** struct sigframe_ia32. */
const SF_CONTEXT = 8;
const SF_EXTRAMASK = SF_CONTEXT + SIGCONTEXT_SIZE + FPSTATE_UNUSED_SIZE;
const SF_RETCODE = SF_EXTRAMASK + 4;
const SF_SIZE = SF_RETCODE + 8;

/** struct rt_sigframe_ia32. */
const RT_INFO = 16;
const RT_UC = RT_INFO + 128;
const UC_STACK = RT_UC + 8;
const UC_CONTEXT = UC_STACK + 12;
const UC_SIGMASK = UC_CONTEXT + SIGCONTEXT_SIZE;
const RT_RETCODE = UC_SIGMASK + 8;
const RT_SIZE = RT_RETCODE + 8;

/** struct sigcontext_32: segments, then registers, 4 bytes each. */
const SC_GS = 0;
const SC_FS = 4;
const SC_ES = 8;
const SC_DS = 12;
const SC_REGISTERS: readonly (readonly [offset: number, pt: number])[] = [
  [16, pt.PT_RDI],
  [20, pt.PT_RSI],
  [24, pt.PT_RBP],
  [28, pt.PT_RSP],
  [32, pt.PT_RBX],
  [36, pt.PT_RDX],
  [40, pt.PT_RCX],
  [44, pt.PT_RAX],
  [56, pt.PT_RIP],
];
const SC_TRAPNO = 48;
const SC_ERR = 52;
const SC_CS = 60;
const SC_FLAGS = 64;
const SC_SP_AT_SIGNAL = 68;
const SC_SS = 72;
const SC_FPSTATE = 76;
const SC_OLDMASK = 80;
const SC_CR2 = 84;

/** popl %eax; movl $NR_sigreturn, %eax; int $0x80; what gdb knows a frame by. */
const RETCODE = [0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80];
/** movl $NR_rt_sigreturn, %eax; int $0x80. */
const RT_RETCODE_BYTES = [0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0];

/** Builds the frame and points the registers at the handler: 0 or -EFAULT. Linux: ia32_setup_frame(), ia32_setup_rt_frame(). */
export function setupIa32Frame(
  task: Task,
  regs: PtRegs,
  action: FrameAction,
  info: SigInfo,
  mask: SigSet,
): number {
  const { machine } = task.kernel;
  const isRt = (action.flags & SA_SIGINFO) !== 0;
  const old_sp = regs.rsp;
  const useAltStack = usesAltStack(task, action, old_sp);
  let sp = useAltStack ? task.sas_ss_sp + task.sas_ss_size : old_sp;
  const hasRestorer = (action.flags & SA_RESTORER) !== 0;
  // Before there was sigaltstack(2), a program that had switched stacks named its signal stack here.
  if (!useAltStack && regs.ss !== USER_DS && !hasRestorer && action.restorer) sp = action.restorer;
  const fpu = saveBoth(task, regs);
  const fpstate = alignDown(sp - (fpu.length - FSAVE_SIZE), 64) - FSAVE_SIZE;
  const size = isRt ? RT_SIZE : SF_SIZE;
  const frame_va = alignDown(fpstate - size + 4, 16) - 4;
  if (frame_va < 0 || frame_va >= TASK_SIZE_IA32) return -EFAULT;
  if (overflowsAltStack(task, useAltStack, old_sp, frame_va)) return -EFAULT;

  const frame = new Uint8Array(size);
  const view = new DataView(frame.buffer);
  const retcode = isRt ? RT_RETCODE : SF_RETCODE;
  view.setUint32(0, hasRestorer ? action.restorer : frame_va + retcode, true);
  view.setInt32(4, info.signo, true);
  frame.set(isRt ? RT_RETCODE_BYTES : RETCODE, retcode);
  const context = isRt ? UC_CONTEXT : SF_CONTEXT;
  writeContext(task, regs, new DataView(frame.buffer, context, SIGCONTEXT_SIZE), fpstate, mask);
  if (isRt) {
    if (fpu.length > FSAVE_SIZE + FXSAVE_SIZE) view.setUint32(RT_UC, UC_FP_XSTATE, true);
    view.setUint32(8, frame_va + RT_INFO, true);
    view.setUint32(12, frame_va + RT_UC, true);
    frame.set(encodeSigInfo(info, 4), RT_INFO);
    view.setUint32(UC_STACK, task.sas_ss_sp, true);
    const flags = sasStackFlags(task, old_sp) | (task.sas_ss_flags & SS_AUTODISARM);
    view.setInt32(UC_STACK + 4, flags, true);
    view.setUint32(UC_STACK + 8, task.sas_ss_size, true);
    view.setInt32(UC_SIGMASK, mask.lo, true);
    view.setInt32(UC_SIGMASK + 4, mask.hi, true);
  } else {
    view.setInt32(SF_EXTRAMASK, mask.hi, true);
  }
  if (copyToUser(task, fpstate, fpu) < 0 || copyToUser(task, frame_va, frame) < 0) return -EFAULT;

  disarmAltStack(task);
  regs.rsp = frame_va;
  regs.rip = action.handler;
  // Handlers compiled with -mregparm=3 find their arguments in registers.
  regs.rax = info.signo;
  regs.set(pt.PT_RDX, isRt ? frame_va + RT_INFO : 0);
  regs.set(pt.PT_RCX, isRt ? frame_va + RT_UC : 0);
  regs.cs = USER32_CS;
  regs.ss = USER_DS;
  regs.eflags &= ~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF);
  loadUserSegment(machine, SEG_DS, USER_DS);
  loadUserSegment(machine, SEG_ES, USER_DS);
  task.kernel.entry.markRegsChanged();
  return 0;
}

/** FSAVE's image, and behind it what a 64-bit frame has. */
function saveBoth(task: Task, regs: PtRegs): Uint8Array {
  const { cpu } = task.kernel.machine;
  const fx = saveFpu(task);
  const bytes = new Uint8Array(FSAVE_SIZE + fx.length);
  bytes.set(fsaveFromFxsave(fx, regs.cs, cpu.readSelector(SEG_DS)));
  bytes.set(fx, FSAVE_SIZE);
  return bytes;
}

/** The x87 registers come from FSAVE's half, the others from behind it. */
function restoreBoth(task: Task, fpstate: number): boolean {
  const { cpu, ram } = task.kernel.machine;
  const fsave = new Uint8Array(FSAVE_SIZE);
  if (copyFromUser(task, fpstate, fsave) < 0 || !restoreFpu(task, fpstate + FSAVE_SIZE)) return false;
  const area = fpuArea(task);
  ram.set(area, fxsaveFromFsave(fsave, ram.bytes.slice(area, area + FXSAVE_SIZE)));
  cpu.fxrstor(area);
  return true;
}

function writeContext(task: Task, regs: PtRegs, view: DataView, fpstate: number, mask: SigSet): void {
  const { cpu } = task.kernel.machine;
  view.setUint16(SC_GS, cpu.readSelector(SEG_GS), true);
  view.setUint16(SC_FS, cpu.readSelector(SEG_FS), true);
  view.setUint16(SC_ES, cpu.readSelector(SEG_ES), true);
  view.setUint16(SC_DS, cpu.readSelector(SEG_DS), true);
  for (const [offset, register] of SC_REGISTERS) {
    view.setUint32(offset, regs.ram.read32(regs.pa + register), true);
  }
  view.setUint32(SC_TRAPNO, task.thread.trap_nr, true);
  view.setUint32(SC_ERR, task.thread.error_code, true);
  view.setUint16(SC_CS, regs.cs, true);
  view.setUint32(SC_FLAGS, regs.eflags, true);
  view.setUint32(SC_SP_AT_SIGNAL, regs.ram.read32(regs.pa + pt.PT_RSP), true);
  view.setUint16(SC_SS, regs.ss, true);
  view.setUint32(SC_FPSTATE, fpstate, true);
  view.setInt32(SC_OLDMASK, mask.lo, true);
  view.setUint32(SC_CR2, task.thread.cr2 >>> 0, true);
}

/** What a sigcontext says becomes the program's state: 0 or -EFAULT. Linux: ia32_restore_sigcontext(). */
function restoreContext(task: Task, view: DataView): number {
  const { regs, kernel } = task;
  const { machine } = kernel;
  const fpstate = view.getUint32(SC_FPSTATE, true);
  if (fpstate !== 0 && !restoreBoth(task, fpstate)) return -EFAULT;
  for (const [offset, register] of SC_REGISTERS) regs.set(register, view.getUint32(offset, true));
  regs.cs = view.getUint16(SC_CS, true) | 3;
  regs.ss = view.getUint16(SC_SS, true) | 3;
  const wanted = view.getUint32(SC_FLAGS, true);
  regs.eflags = ((regs.eflags & ~FIX_EFLAGS) | (wanted & FIX_EFLAGS) | X86_EFLAGS_IF) >>> 0;
  for (const [segment, offset] of [
    [SEG_GS, SC_GS],
    [SEG_FS, SC_FS],
    [SEG_DS, SC_DS],
    [SEG_ES, SC_ES],
  ] as const) {
    const selector = view.getUint16(offset, true);
    loadUserSegment(machine, segment, selector > 3 ? selector | 3 : selector);
  }
  task.syscall_nr = -1;
  kernel.entry.markRegsChanged();
  return 0;
}

/** man 2 sigreturn. The handler's return and popl have taken pretcode and sig off the stack. */
export function sys_sigreturn(task: Task): number {
  const frame_va = task.regs.rsp - 8;
  const frame = new Uint8Array(SF_SIZE);
  if (copyFromUser(task, frame_va, frame) < 0) return badFrame(task, frame_va, "32bit sigreturn");
  const view = new DataView(frame.buffer);
  const context = new DataView(frame.buffer, SF_CONTEXT, SIGCONTEXT_SIZE);
  setBlocked(task, new SigSet(context.getInt32(SC_OLDMASK, true), view.getInt32(SF_EXTRAMASK, true)));
  if (restoreContext(task, context) < 0) return badFrame(task, frame_va, "32bit sigreturn");
  return KEEP_RAX;
}

/** man 2 rt_sigreturn, of an i386 program. */
export function sys_ia32_rt_sigreturn(task: Task): number {
  const frame_va = task.regs.rsp - 4;
  const frame = new Uint8Array(RT_SIZE);
  if (copyFromUser(task, frame_va, frame) < 0) return badFrame(task, frame_va, "32bit rt sigreturn");
  const view = new DataView(frame.buffer);
  setBlocked(task, new SigSet(view.getInt32(UC_SIGMASK, true), view.getInt32(UC_SIGMASK + 4, true)));
  const context = new DataView(frame.buffer, UC_CONTEXT, SIGCONTEXT_SIZE);
  if (restoreContext(task, context) < 0) return badFrame(task, frame_va, "32bit rt sigreturn");
  const word = (offset: number) => view.getUint32(UC_STACK + offset, true);
  restoreAltStack(task, word(0), word(4), word(8));
  return KEEP_RAX;
}

const alignDown = (value: number, alignment: number): number => Math.floor(value / alignment) * alignment;

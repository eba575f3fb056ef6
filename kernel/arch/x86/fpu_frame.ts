/**
 * The FPU's registers in a signal frame: an FXSAVE area whose last bytes tell whether an XSAVE area goes on behind it.
 * Linux: arch/x86/kernel/fpu/signal.c, struct _fpx_sw_bytes in arch/x86/include/uapi/asm/sigcontext.h.
 *
 *        0  FXSAVE area
 *      464  magic1, extended_size, xfeatures (u64), xstate_size
 *      512  XSAVE header: XSTATE_BV, XCOMP_BV, zeros
 *      576  magic2
 */
import { CR4_OSXSAVE } from "../../../cpu-core/abi/state.ts";
import { copyFromUser } from "../../mm/usercopy.ts";
import type { Task } from "../../task/task.ts";
import { DEFAULT_FCW, FXSAVE_SIZE, fpuArea } from "./process.ts";

/** uc_flags: the frame has an XSAVE area. */
export const UC_FP_XSTATE = 1;

const FP_XSTATE_MAGIC1 = 0x4650_5853;
const FP_XSTATE_MAGIC2 = 0x4650_5845;
const SW_RESERVED = 464;
const SW_EXTENDED_SIZE = SW_RESERVED + 4;
const SW_XFEATURES = SW_RESERVED + 8;
const SW_XSTATE_SIZE = SW_RESERVED + 16;
const XSTATE_BV = 512;
const XSTATE_SIZE = 576;
const FRAME_BYTES = XSTATE_SIZE + 4;
/** State components. */
const XFEATURE_MASK_FP = 1;
const XFEATURE_MASK_SSE = 2;
const XFEATURES = XFEATURE_MASK_FP | XFEATURE_MASK_SSE;

/** Places in the FXSAVE area. SDM vol 1 "FXSAVE Area". */
const FX_MXCSR = 24;
const FX_ST = 32;
const FX_XMM = 160;
const MXCSR_VALID = 0xffff;

/** What is to be copied into the frame: an XSAVE area with its magic numbers, or an FXSAVE area. */
export function saveFpu(task: Task): Uint8Array {
  const { cpu, ram } = task.kernel.machine;
  const area = fpuArea(task);
  cpu.fxsave(area);
  const with_xsave = (cpu.cr4 & CR4_OSXSAVE) !== 0;
  const frame = new Uint8Array(with_xsave ? FRAME_BYTES : FXSAVE_SIZE);
  frame.set(ram.bytes.subarray(area, area + SW_RESERVED));
  if (!with_xsave) return frame;
  const view = new DataView(frame.buffer);
  view.setUint32(SW_RESERVED, FP_XSTATE_MAGIC1, true);
  view.setUint32(SW_EXTENDED_SIZE, FRAME_BYTES, true);
  view.setUint32(SW_XFEATURES, XFEATURES, true);
  view.setUint32(SW_XSTATE_SIZE, XSTATE_SIZE, true);
  view.setUint32(XSTATE_BV, XFEATURES, true);
  view.setUint32(XSTATE_SIZE, FP_XSTATE_MAGIC2, true);
  return frame;
}

/** Loads the registers from the frame at `fpstate`; false: it is not to be read, or not valid. */
export function restoreFpu(task: Task, fpstate: number): boolean {
  const { cpu, ram } = task.kernel.machine;
  const fx = new Uint8Array(FXSAVE_SIZE);
  if (copyFromUser(task, fpstate, fx) < 0) return false;
  const present = presentFeatures(task, fpstate, new DataView(fx.buffer));
  if (present < 0) return false;
  const area = fpuArea(task);
  if (!(present & XFEATURE_MASK_FP)) {
    fx.fill(0, 0, FX_MXCSR);
    fx.fill(0, FX_ST, FX_XMM);
    new DataView(fx.buffer).setUint16(0, DEFAULT_FCW, true);
  }
  if (!(present & XFEATURE_MASK_SSE)) fx.fill(0, FX_XMM, SW_RESERVED);
  ram.set(area, fx);
  ram.write32(area + FX_MXCSR, ram.read32(area + FX_MXCSR) & MXCSR_VALID);
  cpu.fxrstor(area);
  return true;
}

/** Components that the frame holds; -1 if its XSAVE header is not valid. Linux: check_xstate_in_sigframe(). */
function presentFeatures(task: Task, fpstate: number, fx: DataView): number {
  const { cpu } = task.kernel.machine;
  const has_xsave_area =
    (cpu.cr4 & CR4_OSXSAVE) !== 0 &&
    fx.getUint32(SW_RESERVED, true) === FP_XSTATE_MAGIC1 &&
    fx.getUint32(SW_XSTATE_SIZE, true) === XSTATE_SIZE &&
    fx.getUint32(SW_EXTENDED_SIZE, true) >= XSTATE_SIZE;
  if (!has_xsave_area) return XFEATURES;
  const rest = new Uint8Array(FRAME_BYTES - FXSAVE_SIZE);
  if (copyFromUser(task, fpstate + FXSAVE_SIZE, rest) < 0) return -1;
  const view = new DataView(rest.buffer);
  if (view.getUint32(XSTATE_SIZE - FXSAVE_SIZE, true) !== FP_XSTATE_MAGIC2) return XFEATURES;
  const present = view.getUint32(0, true);
  // XSTATE_BV's upper half and XCOMP_BV; XRSTOR would raise #GP.
  const reserved = rest.subarray(4, 24).some((byte) => byte !== 0);
  return reserved || present & ~XFEATURES ? -1 : present;
}

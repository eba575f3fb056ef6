/** Fast system calls, SWAPGS, and the FS and GS bases. SDM vol 3A "Fast System Calls". */
import {
  CR0_PE,
  CR4_FSGSBASE,
  EFER_SCE,
  FLAG_IF,
  FLAG_RF,
  FLAG_TF,
  FLAG_VM,
  RCX,
  RDX,
  RSP,
  SEG_CS,
  SEG_GS,
  SEG_SS,
} from "../abi/state";
import { Insn } from "../decode/insn";
import { DR6_BS, holdTraps } from "../interrupts/debug";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { isCanonical } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { ATTRIBUTE_DB, ATTRIBUTE_L, CODE_64, isLongMode, isProtected, updateMode } from "../state/mode";
import { FlagsOf, materializeFlags } from "../state/rflags";
import {
  ATTRIBUTE_G,
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  baseOf,
  setSegment,
  setSegmentBase,
  TYPE_CODE,
  TYPE_WRITABLE,
} from "../state/segments";
import { requireCpl0 } from "./system";

const CX: u32 = RCX << 3;
const DX: u32 = RDX << 3;

const FLAT_CODE: u32 = ATTRIBUTE_G | ATTRIBUTE_P | ATTRIBUTE_S | TYPE_CODE | TYPE_WRITABLE | 1;
const FLAT_DATA: u32 = ATTRIBUTE_G | ATTRIBUTE_DB | ATTRIBUTE_P | ATTRIBUTE_S | TYPE_WRITABLE | 1;

/** Loads flat CS and SS at level `cpl`, as the fast system calls do without reading descriptors. */
function enterFlat(cs: u32, ss: u32, cpl: u32, to64: bool): void {
  setSegment(SEG_CS, cs, FLAT_CODE | (cpl << 5) | (to64 ? ATTRIBUTE_L : ATTRIBUTE_DB), 0, 0xffff_ffff);
  setSegment(SEG_SS, ss, FLAT_DATA | (cpl << 5), 0, 0xffff_ffff);
  cpu().cpl = cpl;
  updateMode();
}

/** SYSCALL. SDM vol 2 "SYSCALL": 64-bit mode only. */
export function syscall(): void {
  if ((cpu().efer & EFER_SCE) == 0 || cpu().mode != CODE_64) raiseUD();
  const flags = materializeFlags();
  writeReg<u64>(CX, cpu().rip);
  writeReg<u64>(11 << 3, <u64>(flags & ~FLAG_RF));
  cpu().rflags = (flags & ~<u32>cpu().fmask & ~FLAG_RF) | 2;
  const selector = <u32>(cpu().star >> 32) & 0xfffc;
  enterFlat(selector, selector + 8, 0, true);
  cpu().rip = cpu().lstar;
}

/** SYSRET: REX.W returns to 64-bit code, else to compatibility mode. */
export function sysret<T>(): void {
  if ((cpu().efer & EFER_SCE) == 0 || cpu().mode != CODE_64) raiseUD();
  requireCpl0();
  const to64 = sizeof<T>() == 8;
  const target = readReg<u64>(CX);
  if (to64 && !isCanonical(target)) raiseGP(0);
  cpu().rflags = (<u32>readReg<u64>(11 << 3) & 0x3c7fd7) | 2;
  cpu().flagsOp = FlagsOf.RFLAGS;
  const selector = <u32>(cpu().star >> 48) & 0xffff;
  enterFlat((selector + (to64 ? 16 : 0)) | 3, (selector + 8) | 3, 3, to64);
  cpu().rip = to64 ? target : target & 0xffff_ffff;
  // Unlike IRET and POPF: a TF that is set traps at once.
  if ((cpu().rflags & FLAG_TF) != 0) holdTraps(DR6_BS);
}

/** SYSENTER: #GP in real mode; virtual-8086 mode may. */
export function sysenter(): void {
  if ((cpu().cr0 & CR0_PE) == 0) raiseGP(0);
  const cs = <u32>cpu().sysenterCs & 0xfffc;
  if (cs == 0) raiseGP(0);
  const to64 = isLongMode();
  cpu().rflags = materializeFlags() & ~(FLAG_VM | FLAG_IF | FLAG_RF);
  enterFlat(cs, cs + 8, 0, to64);
  cpu().rip = to64 ? cpu().sysenterEip : cpu().sysenterEip & 0xffff_ffff;
  writeReg<u64>(RSP << 3, to64 ? cpu().sysenterEsp : cpu().sysenterEsp & 0xffff_ffff);
}

/** SYSEXIT: REX.W returns to 64-bit code. #GP in real mode. */
export function sysexit<T>(): void {
  if ((cpu().cr0 & CR0_PE) == 0) raiseGP(0);
  requireCpl0();
  const cs = <u32>cpu().sysenterCs & 0xfffc;
  if (cs == 0) raiseGP(0);
  const to64 = sizeof<T>() == 8;
  const target = readReg<u64>(DX);
  const stack = readReg<u64>(CX);
  if (to64 && (!isCanonical(target) || !isCanonical(stack))) raiseGP(0);
  enterFlat((cs + (to64 ? 32 : 16)) | 3, (cs + (to64 ? 40 : 24)) | 3, 3, to64);
  cpu().rip = to64 ? target : target & 0xffff_ffff;
  writeReg<u64>(RSP << 3, to64 ? stack : stack & 0xffff_ffff);
}

export function swapgs(): void {
  requireCpl0();
  const base = baseOf(SEG_GS);
  setSegmentBase(SEG_GS, cpu().kernelGsBase);
  cpu().kernelGsBase = base;
}

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
export function readSegmentBase<T>(insn: Insn, index: u32): void {
  if ((cpu().cr4 & CR4_FSGSBASE) == 0) raiseUD();
  writeReg<T>(<u32>insn.dst, <T>baseOf(index));
}

export function writeSegmentBase<T>(insn: Insn, index: u32): void {
  if ((cpu().cr4 & CR4_FSGSBASE) == 0) raiseUD();
  const base = <u64>readReg<T>(<u32>insn.dst);
  if (!isCanonical(base)) raiseGP(0);
  setSegmentBase(index, base);
}

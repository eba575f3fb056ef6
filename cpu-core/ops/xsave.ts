/**
 * XSAVE, XSAVEOPT, XSAVEC, XRSTOR of the x87 and SSE state, XGETBV, XSETBV. SDM vol 1 "Managing State Using the XSAVE
 * Feature Set".
 *
 *       0  legacy region (ops/fx_area.ts)
 *     512  header: XSTATE_BV, XCOMP_BV, 48 bytes of zeros
 *     576  (extended region: no state component lies there)
 */
import { CPU_XMM, CR0_TS, CR4_OSXSAVE, MXCSR_DEFAULT, RAX, RCX, RDX } from "../abi/state";
import { Insn } from "../decode/insn";
import { raiseGP, raiseNM, raiseUD } from "../interrupts/raise";
import { checkReadable, checkWritable, read, write } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, cpuBase, readReg, writeReg } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import { CONTROL_DEFAULT, initialiseX87, registerAddress } from "../state/x87";
import {
  FX_AREA_BYTES,
  loadVectors,
  loadX87,
  nrVectorRegisters,
  readMxcsr,
  storeMxcsr,
  storeVectors,
  storeX87,
} from "./fx_area";
import { requireCpl0 } from "./system";

/** State components: bits of XCR0, XSTATE_BV and XCOMP_BV. */
const XSTATE_X87: u32 = 1 << 0;
const XSTATE_SSE: u32 = 1 << 1;
/** Bits of XCR0 that can be set (CPUID 0DH). */
export const XCR0_VALID: u32 = XSTATE_X87 | XSTATE_SSE;
export const XSAVE_AREA_BYTES: u32 = 576;
const XCOMP_COMPACTED: u64 = <u64>1 << 63;
const HEADER_BYTES: u32 = 64;

const AX: u32 = RAX << 3;
const CX: u32 = RCX << 3;
const DX: u32 = RDX << 3;

/** Linear address of the XSAVE area; raises #UD, #NM, #GP, #PF. */
function xsaveArea(insn: Insn, forWrite: bool): u64 {
  if ((cpu().cr4 & CR4_OSXSAVE) == 0) raiseUD();
  if ((cpu().cr0 & CR0_TS) != 0) raiseNM();
  const address = linear(insn, XSAVE_AREA_BYTES, forWrite);
  if ((address & 63) != 0) raiseGP(0);
  return address;
}

/** The requested-feature bitmap: EDX:EAX and XCR0. */
// prettier-ignore
@inline
function requested(): u32 {
  return cpu().xcr0 & readReg<u32>(AX);
}

// prettier-ignore
@inline
function at(address: u64, offset: u32): u64 {
  const sum = address + offset;
  return cpu().mode == CODE_64 ? sum : sum & 0xffff_ffff;
}

function isX87InUse(): bool {
  const state = cpu();
  if (<u32>state.x87Control != CONTROL_DEFAULT || state.x87Status != 0 || state.x87Tags != 0) return true;
  if (state.x87Opcode != 0 || state.x87Ip != 0 || state.x87Dp != 0 || state.x87Cs != 0 || state.x87Ds != 0) return true;
  for (let i: u32 = 0; i < 8; i++) {
    if ((load<u64>(registerAddress(i)) | load<u16>(registerAddress(i), 8)) != 0) return true;
  }
  return false;
}

function areVectorsInUse(): bool {
  let any = i64x2.splat(0);
  for (let i: u32 = 0; i < 16; i++) any = v128.or(any, v128.load(cpuBase() + (i << 4), CPU_XMM));
  return v128.any_true(any);
}

/** XINUSE: the components that are not in their initial configuration. */
function inUse(): u32 {
  return (isX87InUse() ? XSTATE_X87 : 0) | (areVectorsInUse() ? XSTATE_SSE : 0);
}

/** XSAVE, and XSAVEOPT, which need not write what is in its initial configuration. */
export function xsave(insn: Insn, optimised: bool): void {
  const address = xsaveArea(insn, true);
  const wanted = requested();
  const header = at(address, FX_AREA_BYTES);
  if (wanted != 0) checkWritable(address, FX_AREA_BYTES);
  checkWritable(header, 8);
  const used = inUse();
  const stored = optimised ? wanted & used : wanted;
  if ((stored & XSTATE_X87) != 0) storeX87(insn, address);
  if ((wanted & XSTATE_SSE) != 0) storeMxcsr(address);
  if ((stored & XSTATE_SSE) != 0) storeVectors(address);
  write<u64>(header, (read<u64>(header) & ~(<u64>wanted)) | <u64>(used & wanted));
}

/** XSAVEC: the compacted format, which for x87 and SSE differs in the header alone. */
export function xsavec(insn: Insn): void {
  const address = xsaveArea(insn, true);
  const wanted = requested();
  const header = at(address, FX_AREA_BYTES);
  if (wanted != 0) checkWritable(address, FX_AREA_BYTES);
  checkWritable(header, 16);
  const used = inUse() | (cpu().mxcsr != MXCSR_DEFAULT ? XSTATE_SSE : 0);
  const stored = wanted & used;
  if ((stored & XSTATE_X87) != 0) storeX87(insn, address);
  if ((stored & XSTATE_SSE) != 0) {
    storeMxcsr(address);
    storeVectors(address);
  }
  write<u64>(header, <u64>stored);
  write<u64>(at(header, 8), XCOMP_COMPACTED | <u64>wanted);
}

/** Checks the header; returns XSTATE_BV. #GP(0) for what it may not say. */
function checkHeader(header: u64, compacted: bool): u32 {
  const xstate = read<u64>(header);
  const xcomp = read<u64>(at(header, 8));
  const allowed = compacted ? xcomp & ~XCOMP_COMPACTED : <u64>cpu().xcr0;
  if ((allowed & ~(<u64>cpu().xcr0)) != 0 || (xstate & ~allowed) != 0) raiseGP(0);
  const checked: u32 = compacted ? HEADER_BYTES : 24;
  for (let i: u32 = compacted ? 16 : 8; i < checked; i += 8) {
    if (read<u64>(at(header, i)) != 0) raiseGP(0);
  }
  return <u32>xstate;
}

/** XRSTOR, of either format. */
export function xrstor(insn: Insn): void {
  const address = xsaveArea(insn, false);
  const wanted = requested();
  const header = at(address, FX_AREA_BYTES);
  checkReadable(header, HEADER_BYTES);
  const compacted = (read<u64>(at(header, 8)) & XCOMP_COMPACTED) != 0;
  const present = checkHeader(header, compacted);
  if (wanted != 0) checkReadable(address, FX_AREA_BYTES);
  // The standard format has MXCSR in any case, the compacted one with the vectors.
  const fromArea = (wanted & XSTATE_SSE) != 0 && (!compacted || (present & XSTATE_SSE) != 0);
  const mxcsr = fromArea ? readMxcsr(address) : MXCSR_DEFAULT;
  if ((wanted & XSTATE_X87) != 0) {
    if ((present & XSTATE_X87) != 0) loadX87(insn, address);
    else initialX87();
  }
  if ((wanted & XSTATE_SSE) != 0) {
    cpu().mxcsr = mxcsr;
    if ((present & XSTATE_SSE) != 0) loadVectors(address);
    else memory.fill(cpuBase() + CPU_XMM, 0, nrVectorRegisters() << 4);
  }
}

/** The initial configuration of the x87 state: FNINIT, and the registers are zeros. */
function initialX87(): void {
  initialiseX87();
  for (let i: u32 = 0; i < 8; i++) {
    store<u64>(registerAddress(i), 0);
    store<u16>(registerAddress(i), 0, 8);
  }
}

/** XGETBV: XCR0, or with ECX = 1 what of it is in use. */
export function xgetbv(): void {
  if ((cpu().cr4 & CR4_OSXSAVE) == 0) raiseUD();
  const number = readReg<u32>(CX);
  if (number > 1) raiseGP(0);
  writeReg<u32>(AX, number == 0 ? cpu().xcr0 : cpu().xcr0 & inUse());
  writeReg<u32>(DX, 0);
}

export function xsetbv(): void {
  if ((cpu().cr4 & CR4_OSXSAVE) == 0) raiseUD();
  requireCpl0();
  const value = readReg<u32>(AX);
  if (readReg<u32>(CX) != 0 || readReg<u32>(DX) != 0) raiseGP(0);
  if ((value & ~XCR0_VALID) != 0 || (value & XSTATE_X87) == 0) raiseGP(0);
  cpu().xcr0 = value;
}

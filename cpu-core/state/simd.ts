/**
 * XMM registers and MXCSR. A vector register is named by its byte offset from CPU_XMM (16 x number), as Insn has it.
 * SDM vol 1 "MXCSR Control and Status Register".
 */
import { CPU_XMM, CR0_EM, CR0_TS, CR4_OSFXSR } from "../abi/state";
import { Insn } from "../decode/insn";
import { raiseGP, raiseNM, raiseUD } from "../interrupts/raise";
import { linear } from "./address";
import { cpu, cpuBase } from "./cpu";

/** Address of a vector register. */
// prettier-ignore
@inline
export function xmmAddress(offset: u32): usize {
  return cpuBase() + CPU_XMM + offset;
}

// prettier-ignore
@inline
export function readXmm(offset: u32): v128 {
  return v128.load(cpuBase() + offset, CPU_XMM);
}

// prettier-ignore
@inline
export function writeXmm(offset: u32, value: v128): void {
  v128.store(cpuBase() + offset, value, CPU_XMM);
}

/** One scalar lane, lane 0. */
// prettier-ignore
@inline
export function readXmmScalar<T>(offset: u32): T {
  return load<T>(cpuBase() + offset, CPU_XMM);
}

// prettier-ignore
@inline
export function writeXmmScalar<T>(offset: u32, value: T): void {
  store<T>(cpuBase() + offset, value, CPU_XMM);
}

/** Raises what a vector instruction raises while it may not be used: #UD for CR0.EM or without CR4.OSFXSR, #NM for CR0.TS. */
// prettier-ignore
@inline
export function requireSimd(): void {
  if ((cpu().cr0 & (CR0_EM | CR0_TS)) != 0 || (cpu().cr4 & CR4_OSFXSR) == 0) refuseSimd();
}

function refuseSimd(): void {
  if ((cpu().cr0 & CR0_EM) != 0 || (cpu().cr4 & CR4_OSFXSR) == 0) raiseUD();
  raiseNM();
}

/** Linear address of a 16-byte memory operand; #GP(0) unless it is aligned. */
export function alignedAddress(insn: Insn, forWrite: bool): u64 {
  const address = linear(insn, 16, forWrite);
  if ((address & 15) != 0) raiseGP(0);
  return address;
}

/**
 * The FXSAVE area, which is also the legacy region of the XSAVE area: FXSAVE, FXRSTOR, and the parts that XSAVE and its kin
 * (ops/xsave.ts) store and load one by one. SDM vol 1 "FXSAVE Area", "Legacy Region of an XSAVE Area".
 *
 *       0  FCW, FSW, FTW, FOP, FIP, FDP     24  MXCSR, MXCSR_MASK
 *      32  ST(0)-ST(7), 16 bytes each      160  XMM0-XMM15          416  unused
 */
import { CPU_XMM, CR0_EM, CR0_TS, CR4_OSFXSR, EFER_LMA, MXCSR_MASK } from "../abi/state";
import { INSN_REX_W, Insn } from "../decode/insn";
import { raiseGP, raiseNM } from "../interrupts/raise";
import { checkReadable, checkWritable, read, write } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, cpuBase } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import { physical, registerAddress, updateErrorSummary } from "../state/x87";
import { CONTROL_BITS, CONTROL_FIXED } from "./x87_env";

export const FX_AREA_BYTES: u32 = 512;
const FX_IP: u32 = 8;
const FX_DP: u32 = 16;
const FX_MXCSR: u32 = 24;
const FX_ST: u32 = 32;
const FX_XMM: u32 = 160;

/** address + offset, within 32 bits outside 64-bit mode. */
// prettier-ignore
@inline
function at(address: u64, offset: u32): u64 {
  const sum = address + offset;
  return cpu().mode == CODE_64 ? sum : sum & 0xffff_ffff;
}

/** REX.W: instruction and data pointers of 64 bits, without selectors. */
// prettier-ignore
@inline
function isWide(insn: Insn): bool {
  return ((<u32>insn.flags) & INSN_REX_W) != 0 && (cpu().efer & EFER_LMA) != 0;
}

// prettier-ignore
@inline
export function nrVectorRegisters(): u32 {
  return cpu().mode == CODE_64 ? 16 : 8;
}

/** Stores the x87 part. */
export function storeX87(insn: Insn, address: u64): void {
  write<u16>(address, cpu().x87Control);
  write<u16>(at(address, 2), cpu().x87Status);
  write<u16>(at(address, 4), cpu().x87Tags);
  write<u16>(at(address, 6), cpu().x87Opcode);
  if (isWide(insn)) {
    write<u64>(at(address, FX_IP), cpu().x87Ip);
    write<u64>(at(address, FX_DP), cpu().x87Dp);
  } else {
    write<u32>(at(address, FX_IP), <u32>cpu().x87Ip);
    write<u32>(at(address, FX_IP + 4), cpu().x87Cs);
    write<u32>(at(address, FX_DP), <u32>cpu().x87Dp);
    write<u32>(at(address, FX_DP + 4), cpu().x87Ds);
  }
  for (let i: u32 = 0; i < 8; i++) {
    const register = registerAddress(physical(i));
    write<u64>(at(address, FX_ST + 16 * i), load<u64>(register));
    write<u64>(at(address, FX_ST + 8 + 16 * i), <u64>load<u16>(register, 8));
  }
}

/** Loads the x87 part. */
export function loadX87(insn: Insn, address: u64): void {
  cpu().x87Control = <u16>(((<u32>read<u16>(address)) & CONTROL_BITS) | CONTROL_FIXED);
  cpu().x87Status = read<u16>(at(address, 2));
  cpu().x87Tags = <u8>read<u16>(at(address, 4));
  cpu().x87Opcode = <u16>((<u32>read<u16>(at(address, 6))) & 0x7ff);
  if (isWide(insn)) {
    cpu().x87Ip = read<u64>(at(address, FX_IP));
    cpu().x87Dp = read<u64>(at(address, FX_DP));
  } else {
    cpu().x87Ip = read<u32>(at(address, FX_IP));
    cpu().x87Cs = read<u16>(at(address, FX_IP + 4));
    cpu().x87Dp = read<u32>(at(address, FX_DP));
    cpu().x87Ds = read<u16>(at(address, FX_DP + 4));
  }
  updateErrorSummary();
  for (let i: u32 = 0; i < 8; i++) {
    const register = registerAddress(physical(i));
    store<u64>(register, read<u64>(at(address, FX_ST + 16 * i)));
    store<u16>(register, read<u16>(at(address, FX_ST + 8 + 16 * i)), 8);
  }
}

export function storeMxcsr(address: u64): void {
  write<u32>(at(address, FX_MXCSR), cpu().mxcsr);
  write<u32>(at(address, FX_MXCSR + 4), MXCSR_MASK);
}

/** MXCSR in the area; #GP(0) for reserved bits. */
export function readMxcsr(address: u64): u32 {
  const mxcsr = read<u32>(at(address, FX_MXCSR));
  if ((mxcsr & ~MXCSR_MASK) != 0) raiseGP(0);
  return mxcsr;
}

export function storeVectors(address: u64): void {
  for (let i: u32 = 0; i < nrVectorRegisters(); i++) {
    const register = cpuBase() + (i << 4);
    write<u64>(at(address, FX_XMM + 16 * i), load<u64>(register, CPU_XMM));
    write<u64>(at(address, FX_XMM + 8 + 16 * i), load<u64>(register, CPU_XMM + 8));
  }
}

export function loadVectors(address: u64): void {
  for (let i: u32 = 0; i < nrVectorRegisters(); i++) {
    const register = cpuBase() + (i << 4);
    store<u64>(register, read<u64>(at(address, FX_XMM + 16 * i)), CPU_XMM);
    store<u64>(register, read<u64>(at(address, FX_XMM + 8 + 16 * i)), CPU_XMM + 8);
  }
}

function fxAddress(insn: Insn, forWrite: bool): u64 {
  if ((cpu().cr0 & (CR0_EM | CR0_TS)) != 0) raiseNM();
  const address = linear(insn, FX_AREA_BYTES, forWrite);
  if ((address & 15) != 0) raiseGP(0);
  return address;
}

/** True if FXSAVE and FXRSTOR include the vector registers. */
// prettier-ignore
@inline
function hasVectorState(): bool {
  return (cpu().cr4 & CR4_OSFXSR) != 0;
}

/** FXSAVE, FXSAVE64. Bytes 416-511 are left alone. */
export function fxsave(insn: Insn): void {
  const address = fxAddress(insn, true);
  checkWritable(address, FX_AREA_BYTES);
  storeX87(insn, address);
  storeMxcsr(address);
  if (hasVectorState()) storeVectors(address);
}

/** FXRSTOR, FXRSTOR64. #GP(0) for reserved bits of MXCSR. */
export function fxrstor(insn: Insn): void {
  const address = fxAddress(insn, false);
  checkReadable(address, FX_AREA_BYTES);
  const mxcsr = hasVectorState() ? readMxcsr(address) : 0;
  loadX87(insn, address);
  if (!hasVectorState()) return;
  cpu().mxcsr = mxcsr;
  loadVectors(address);
}

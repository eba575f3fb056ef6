/**
 * Images of the x87 state in memory: FNSTENV, FLDENV, FNSAVE, FRSTOR in their four layouts. SDM vol 1
 * "Saving the x87 FPU's State with FSTENV/FNSTENV and FSAVE/FNSAVE" (the layouts drawn).
 */
import { INSN_OPERAND_16, INSN_REX_W, Insn } from "../decode/insn";
import { checkWritable, read, write } from "../mmu/access";
import { cpu } from "../state/cpu";
import { CODE_16, CODE_64, isProtected } from "../state/mode";
import {
  fullTagWord,
  initialiseX87,
  physical,
  registerAddress,
  setFullTagWord,
  updateErrorSummary,
} from "../state/x87";
import { EXCEPTIONS } from "../x87/round";

/** Writable bits of FCW; bit 6 reads as 1. */
export const CONTROL_BITS: u32 = 0x1f7f;
export const CONTROL_FIXED: u32 = 0x40;

/** address + offset, within 32 bits outside 64-bit mode. */
// prettier-ignore
@inline
function at(address: u64, offset: u32): u64 {
  const sum = address + offset;
  return cpu().mode == CODE_64 ? sum : sum & 0xffff_ffff;
}

/** True for the 16-bit layouts: 14 bytes of environment instead of 28. */
// prettier-ignore
@inline
function isShort(insn: Insn): bool {
  const toggled = ((<u32>insn.flags) & (INSN_OPERAND_16 | INSN_REX_W)) == INSN_OPERAND_16;
  return cpu().mode == CODE_16 ? !toggled : toggled;
}

/** Bytes of the environment. */
// prettier-ignore
@inline
export function environmentSize(insn: Insn): u32 {
  return isShort(insn) ? 14 : 28;
}

/** Writes one item of the environment: 2 bytes in a short image, 4 (upper half all ones) in a long one. */
// prettier-ignore
@inline
function writeItem(address: u64, index: u32, short: bool, value: u32): void {
  if (short) write<u16>(at(address, 2 * index), <u16>value);
  else write<u32>(at(address, 4 * index), value);
}

// prettier-ignore
@inline
function readItem(address: u64, index: u32, short: bool): u32 {
  return short ? <u32>read<u16>(at(address, 2 * index)) : read<u32>(at(address, 4 * index));
}

function writeEnvironment(insn: Insn, address: u64): void {
  const short = isShort(insn);
  const filler: u32 = short ? 0 : 0xffff_0000;
  const ip = <u32>cpu().x87Ip;
  const dp = <u32>cpu().x87Dp;
  const opcode = (<u32>cpu().x87Opcode) & 0x7ff;
  writeItem(address, 0, short, filler | cpu().x87Control);
  writeItem(address, 1, short, filler | cpu().x87Status);
  writeItem(address, 2, short, filler | fullTagWord());
  if (isProtected()) {
    writeItem(address, 3, short, ip);
    writeItem(address, 4, short, (<u32>cpu().x87Cs) | (short ? 0 : opcode << 16));
    writeItem(address, 5, short, dp);
    writeItem(address, 6, short, filler | cpu().x87Ds);
  } else {
    const linearIp = ip + ((<u32>cpu().x87Cs) << 4);
    const linearDp = dp + (<u32>cpu().x87Ds << 4);
    if (short) {
      writeItem(address, 3, short, linearIp & 0xffff);
      writeItem(address, 4, short, ((linearIp >> 4) & 0xf000) | opcode);
      writeItem(address, 5, short, linearDp & 0xffff);
      writeItem(address, 6, short, (linearDp >> 4) & 0xf000);
    } else {
      writeItem(address, 3, short, filler | (linearIp & 0xffff));
      writeItem(address, 4, short, ((linearIp >> 4) & 0x0fff_f000) | opcode);
      writeItem(address, 5, short, filler | (linearDp & 0xffff));
      writeItem(address, 6, short, (linearDp >> 4) & 0x0fff_f000);
    }
  }
}

/** FNSTENV. Masks all exceptions afterwards. */
export function storeEnvironment(insn: Insn, address: u64): void {
  checkWritable(address, environmentSize(insn));
  writeEnvironment(insn, address);
  cpu().x87Control = <u16>((<u32>cpu().x87Control) | EXCEPTIONS);
  updateErrorSummary();
}

/** FLDENV. */
export function loadEnvironment(insn: Insn, address: u64): void {
  const short = isShort(insn);
  const control = readItem(address, 0, short);
  const status = readItem(address, 1, short);
  const tags = readItem(address, 2, short);
  const item3 = readItem(address, 3, short);
  const item4 = readItem(address, 4, short);
  const item5 = readItem(address, 5, short);
  const item6 = readItem(address, 6, short);
  cpu().x87Control = <u16>((control & CONTROL_BITS) | CONTROL_FIXED);
  cpu().x87Status = <u16>status;
  setFullTagWord(tags);
  if (isProtected()) {
    cpu().x87Ip = item3;
    cpu().x87Cs = <u16>item4;
    cpu().x87Opcode = short ? 0 : <u16>((item4 >> 16) & 0x7ff);
    cpu().x87Dp = item5;
    cpu().x87Ds = <u16>item6;
  } else {
    cpu().x87Ip = (item3 & 0xffff) | ((item4 & (short ? 0xf000 : 0x0fff_f000)) << 4);
    cpu().x87Cs = 0;
    cpu().x87Opcode = <u16>(item4 & 0x7ff);
    cpu().x87Dp = (item5 & 0xffff) | ((item6 & (short ? 0xf000 : 0x0fff_f000)) << 4);
    cpu().x87Ds = 0;
  }
  updateErrorSummary();
}

/** FNSAVE: environment, then ST(0)-ST(7), ten bytes each; then FNINIT. */
export function saveState(insn: Insn, address: u64): void {
  const size = environmentSize(insn);
  checkWritable(address, size + 80);
  writeEnvironment(insn, address);
  for (let i: u32 = 0; i < 8; i++) {
    const register = registerAddress(physical(i));
    // In words: the image asks for no more alignment than that (SDM vol 3A "Alignment Requirements by Data Type").
    for (let j: u32 = 0; j < 10; j += 2) write<u16>(at(address, size + 10 * i + j), load<u16>(register + j));
  }
  initialiseX87();
}

/** FRSTOR. */
export function restoreState(insn: Insn, address: u64): void {
  const size = environmentSize(insn);
  // A fault in the second page must find nothing changed.
  read<u16>(at(address, size + 78));
  loadEnvironment(insn, address);
  for (let i: u32 = 0; i < 8; i++) {
    const register = registerAddress(physical(i));
    for (let j: u32 = 0; j < 10; j += 2) store<u16>(register + j, read<u16>(at(address, size + 10 * i + j)));
  }
}

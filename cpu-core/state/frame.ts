/**
 * A stack being filled: what a gate, an interrupt or a task switch pushes before the stack becomes the current one. Memory is
 * written as values are pushed; SS and RSP change only with commitFrame(), so that a fault finds them as they were.
 */
import { RSP, SEG_SS } from "../abi/state";
import { TYPE_EXPAND_DOWN } from "./segments";
import { raiseSS } from "../interrupts/raise";
import { write, writeSystem } from "../mmu/access";
import { isCanonical } from "./address";
import { readReg, writeReg } from "./cpu";
import { ATTRIBUTE_DB, stackSize } from "./mode";
import { attributesOf, baseOf, limitOf } from "./segments";

const RSP_OFFSET: u32 = RSP << 3;

let base: u64 = 0;
let limit: u32 = 0;
/** Bits of the stack pointer that pushing changes. */
let mask: u64 = 0;
let expandsDown: bool = false;
/** Error code of #SS. */
let faultCode: u32 = 0;
/** The privilege level whose rights the pushes have. */
let level: u32 = 0;
let pointer: u64 = 0;

/** The stack in a segment with these hidden parts, filled with the rights of privilege level `cpl`. */
export function beginFrame(attributes: u32, segmentBase: u64, segmentLimit: u32, sp: u32, cpl: u32, code: u32): void {
  base = segmentBase;
  limit = segmentLimit;
  mask = (attributes & ATTRIBUTE_DB) != 0 ? 0xffff_ffff : 0xffff;
  expandsDown = (attributes & TYPE_EXPAND_DOWN) != 0;
  pointer = <u64>sp;
  level = cpl;
  faultCode = code;
}

/** A stack in 64-bit mode: no segment. */
export function beginFlatFrame(sp: u64, cpl: u32): void {
  base = 0;
  mask = ~(<u64>0);
  pointer = sp;
  level = cpl;
  faultCode = 0;
}

/** The current stack. */
export function beginCurrentFrame(cpl: u32): void {
  if (stackSize() == 8) beginFlatFrame(readReg<u64>(RSP_OFFSET), cpl);
  else beginFrame(attributesOf(SEG_SS), baseOf(SEG_SS), limitOf(SEG_SS), readReg<u32>(RSP_OFFSET), cpl, 0);
}

/** Pushes `size` (2, 4, 8) bytes. Raises #SS beyond the limit or at an address that is not canonical, #PF. */
export function pushFrame(value: u64, size: u32): void {
  const offset = (pointer - <u64>size) & mask;
  if (mask == ~(<u64>0)) {
    if (!isCanonical(offset)) raiseSS(faultCode);
  } else {
    const last = offset + <u64>(size - 1);
    if (expandsDown ? offset <= <u64>limit || last > mask : last > <u64>limit) raiseSS(faultCode);
  }
  const at = mask == ~(<u64>0) ? offset : (base + offset) & 0xffff_ffff;
  if (level == 3) {
    if (size == 8) write<u64>(at, value);
    else if (size == 4) write<u32>(at, <u32>value);
    else write<u16>(at, <u16>value);
  } else {
    if (size == 8) writeSystem<u64>(at, value);
    else if (size == 4) writeSystem<u32>(at, <u32>value);
    else writeSystem<u16>(at, <u16>value);
  }
  pointer = (pointer & ~mask) | offset;
}

/** Makes RSP point at what was pushed; SS is the caller's. */
export function commitFrame(): void {
  writeReg<u64>(RSP_OFFSET, pointer);
}

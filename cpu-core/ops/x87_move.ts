/** x87 loads, stores, exchanges and conditional moves. Memory is written before any register changes. */
import { Insn } from "../decode/insn";
import { checkWritable, write } from "../mmu/access";
import { cpu } from "../state/cpu";
import { testCondition } from "../state/rflags";
import {
  STATUS_C1,
  commitRaised,
  isEmpty,
  pop,
  push,
  setCondition,
  setSt,
  setStIndefinite,
  stMantissa,
  stSignExponent,
  stackOverflow,
  stackUnderflow,
} from "../state/x87";
import { bcdHigh, toBcd, toFloat32, toFloat64, toInteger, toIntegerTruncated } from "../x87/convert";
import {
  INDEFINITE_MANTISSA,
  INDEFINITE_SIGN_EXPONENT,
  SIGN,
  resultMantissa,
  resultSignExponent,
} from "../x87/float80";
import { DE, IE, OE, PE, ROUNDED_UP, UE, masks, raised, withdraw } from "../x87/round";
import { haveOperand, haveTwo } from "./x87_arith";
import { begin, noteMemory, notePointers } from "./x87_wait";

/** Checks that there is room for a push; on overflow pushes the indefinite if that is masked. Clears C1. */
export function makeRoom(): bool {
  if (isEmpty(7)) {
    setCondition(STATUS_C1, 0);
    return true;
  }
  if (stackOverflow()) push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
  return false;
}

/** Pushes what a load left as result. */
export function pushResult(): void {
  if (!isEmpty(7)) {
    if (stackOverflow()) push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
    return;
  }
  // A denormal is loaded even if the exception is unmasked, a signaling NaN is not.
  if ((raised & ~masks & IE) == 0) push(resultMantissa, resultSignExponent);
  commitRaised();
}

/** FCMOVcc: `which` 0-3 B, E, BE, U; 4-7 their opposites. */
export function conditionalMove(insn: Insn, which: u32, i: u32): void {
  begin(insn);
  notePointers(insn);
  if (!haveTwo(i, 0)) return;
  setCondition(STATUS_C1, 0);
  // B, E, BE, U as condition codes 2, 4, 6, 10.
  const code: u32 = (which & 3) == 3 ? 10 : 2 * (which & 3) + 2;
  if (testCondition(code) == which < 4) setSt(0, stMantissa(i), stSignExponent(i));
}

/** FXCH. Empty registers are filled with the indefinite if that is masked. */
export function exchange(insn: Insn, i: u32): void {
  begin(insn);
  notePointers(insn);
  if (isEmpty(0) || isEmpty(i)) {
    if (!stackUnderflow()) return;
    if (isEmpty(0)) setStIndefinite(0);
    if (isEmpty(i)) setStIndefinite(i);
  } else {
    setCondition(STATUS_C1, 0);
  }
  const mantissa = stMantissa(0);
  const signExponent = stSignExponent(0);
  setSt(0, stMantissa(i), stSignExponent(i));
  setSt(i, mantissa, signExponent);
}

/** FST ST(i), FSTP ST(i). */
export function storeRegister(insn: Insn, i: u32, thenPop: bool): void {
  begin(insn);
  notePointers(insn);
  if (isEmpty(0)) {
    if (!stackUnderflow()) return;
    setStIndefinite(i);
  } else {
    setCondition(STATUS_C1, 0);
    setSt(i, stMantissa(0), stSignExponent(0));
  }
  if (thenPop) pop();
}

export function changeSign(): void {
  if (!haveOperand(0)) return;
  setCondition(STATUS_C1, 0);
  setSt(0, stMantissa(0), stSignExponent(0) ^ SIGN);
}

export function absolute(): void {
  if (!haveOperand(0)) return;
  setCondition(STATUS_C1, 0);
  setSt(0, stMantissa(0), stSignExponent(0) & ~SIGN);
}

/** True if a store to memory does not happen (the address is checked all the same): an unmasked fault, or unmasked overflow or underflow. Then nothing was rounded. */
function isStoreSuppressed(): bool {
  if ((raised & ~masks & (IE | DE | OE | UE)) == 0) return false;
  withdraw(PE | ROUNDED_UP);
  return true;
}

export function storeFloat32(insn: Insn, address: u64, thenPop: bool): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) write<u32>(address, 0xffc0_0000);
    else checkWritable(address, 4);
    noteMemory(insn);
    if (stackUnderflow() && thenPop) pop();
    return;
  }
  const bits = toFloat32(stMantissa(0), stSignExponent(0));
  const suppressed = isStoreSuppressed();
  if (!suppressed) write<u32>(address, bits);
  else checkWritable(address, 4);
  finishStore(insn, address, thenPop && !suppressed);
}

export function storeFloat64(insn: Insn, address: u64, thenPop: bool): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) write<u64>(address, 0xfff8_0000_0000_0000);
    else checkWritable(address, 8);
    noteMemory(insn);
    if (stackUnderflow() && thenPop) pop();
    return;
  }
  const bits = toFloat64(stMantissa(0), stSignExponent(0));
  const suppressed = isStoreSuppressed();
  if (!suppressed) write<u64>(address, bits);
  else checkWritable(address, 8);
  finishStore(insn, address, thenPop && !suppressed);
}

export function storeFloat80(insn: Insn, address: u64): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) writeFloat80(address, INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
    else checkWritable(address, 10);
    noteMemory(insn);
    if (stackUnderflow()) pop();
    return;
  }
  writeFloat80(address, stMantissa(0), stSignExponent(0));
  finishStore(insn, address, true);
}

export function storeInteger<T>(insn: Insn, address: u64, truncate: bool, thenPop: bool): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) write<T>(address, <T>(i64.MIN_VALUE >> (64 - 8 * sizeof<T>())));
    else checkWritable(address, sizeof<T>());
    noteMemory(insn);
    if (stackUnderflow() && thenPop) pop();
    return;
  }
  const value = truncate
    ? toIntegerTruncated(stMantissa(0), stSignExponent(0), 8 * sizeof<T>())
    : toInteger(stMantissa(0), stSignExponent(0), 8 * sizeof<T>());
  const suppressed = isStoreSuppressed();
  if (!suppressed) write<T>(address, <T>value);
  else checkWritable(address, sizeof<T>());
  finishStore(insn, address, thenPop && !suppressed);
}

/** FBSTP. */
export function storeBcd(insn: Insn, address: u64): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) writeFloat80(address, 0xc000_0000_0000_0000, 0xffff);
    else checkWritable(address, 10);
    noteMemory(insn);
    if (stackUnderflow()) pop();
    return;
  }
  const low = toBcd(stMantissa(0), stSignExponent(0));
  const suppressed = isStoreSuppressed();
  if (!suppressed) writeFloat80(address, low, bcdHigh);
  else checkWritable(address, 10);
  finishStore(insn, address, !suppressed);
}

// prettier-ignore
@inline
function isStackFaultMasked(): bool {
  return ((<u32>cpu().x87Control) & IE) != 0;
}

/** Writes ten bytes, having checked that all of them may be written. */
function writeFloat80(address: u64, mantissa: u64, signExponent: u32): void {
  checkWritable(address, 10);
  write<u64>(address, mantissa);
  write<u16>(address + 8, <u16>signExponent);
}

function finishStore(insn: Insn, address: u64, thenPop: bool): void {
  noteMemory(insn);
  commitRaised();
  if (thenPop) pop();
}

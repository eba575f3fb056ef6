/** The backend that computes: see ops/backend.ts for the vocabulary. */
import {
  CPU_REGS,
  FLAG_CF,
  FLAGS_STATUS,
  RBP,
  RSP,
} from "../abi/state";
import { Insn, OPERAND_IMMEDIATE, OPERAND_MEMORY } from "../decode/insn";
import { read, readForUpdate, readVector, write, writeUpdate, writeVector } from "../mmu/access";
import { raiseGP } from "../interrupts/raise";
import { effective, isCanonical, linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { FlagOverride, FlagsOf, getCF, multiplyHigh, multiplyHighSigned, overrideFlags, testCondition } from "../state/rflags";
import { CODE_64 } from "../state/mode";
import { addToStackPointer, branchTo, checkNear, leaveLegacy, popLegacy, pushLegacy, topLegacy } from "./legacy";
import { divideSigned, divideSigned128, divideUnsigned, quotient, remainder } from "../ops/divide";
import { ShiftOf } from "../ops/backend";
import { compareFloats, floatOperation, floatToInteger, integerToFloat, narrowFloat, packedOperation, widenFloat } from "../ops/simd_float";
import { alignRight, insertWord, integerBinary, shiftImmediate, shuffleDoublewords, shuffleWords } from "../ops/simd_int";
import { alignedAddress, readXmm, readXmmScalar, requireSimd, writeXmm, writeXmmScalar } from "../state/simd";
import { FloatOp } from "../x87/binary";
import { EQUAL, GREATER, LESS } from "../x87/compare";

const RSP_OFFSET: u32 = RSP * 8;
const RBP_OFFSET: u32 = RBP * 8;

/** Sign-extends a value of width T to 64 bits, as late flags keep it. */
// prettier-ignore
@inline
export function wide<T>(value: T): i64 {
  if (sizeof<T>() == 1) return <i64>(<i8>value);
  if (sizeof<T>() == 2) return <i64>(<i16>value);
  if (sizeof<T>() == 4) return <i64>(<i32>value);
  return <i64>value;
}

// prettier-ignore
@unmanaged @final
export class Interpreter {
  @inline constant<T>(value: i64): T {
    return <T>value;
  }
  @inline readSrc<T>(insn: Insn): T {
    const src = <u32>insn.src;
    if (src < OPERAND_IMMEDIATE) return readReg<T>(src);
    if (src == OPERAND_IMMEDIATE) return <T>insn.imm;
    return read<T>(linear(insn, sizeof<T>(), false));
  }
  @inline readDst<T>(insn: Insn): T {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) return readReg<T>(dst);
    return read<T>(linear(insn, sizeof<T>(), false));
  }
  @inline readUpdate<T>(insn: Insn): T {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) return readReg<T>(dst);
    return readForUpdate<T>(linear(insn, sizeof<T>(), true));
  }
  @inline writeUpdate<T>(insn: Insn, value: T): void {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) writeReg<T>(dst, value);
    else writeUpdate<T>(value);
  }
  @inline writeDst<T>(insn: Insn, value: T): void {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) writeReg<T>(dst, value);
    else write<T>(linear(insn, sizeof<T>(), true), value);
  }
  @inline readRegister<T>(offset: u32): T {
    return readReg<T>(offset);
  }
  @inline writeRegister<T>(offset: u32, value: T): void {
    writeReg<T>(offset, value);
  }
  @inline effectiveAddress(insn: Insn): u64 {
    return effective(insn);
  }

  @inline push<T>(value: T): void {
    if (cpu().mode == CODE_64) {
      const address = readReg<u64>(RSP_OFFSET) - sizeof<T>();
      write<T>(address, value);
      writeReg<u64>(RSP_OFFSET, address);
    } else {
      pushLegacy<T>(value);
    }
  }
  @inline pop<T>(): T {
    if (cpu().mode == CODE_64) {
      const address = readReg<u64>(RSP_OFFSET);
      const value = read<T>(address);
      writeReg<u64>(RSP_OFFSET, address + sizeof<T>());
      return value;
    }
    return popLegacy<T>();
  }
  @inline top<T>(): T {
    return cpu().mode == CODE_64 ? read<T>(readReg<u64>(RSP_OFFSET)) : topLegacy<T>();
  }

  @inline add<T>(a: T, b: T): T { return <T>(a + b); }
  @inline sub<T>(a: T, b: T): T { return <T>(a - b); }
  @inline and<T>(a: T, b: T): T { return <T>(a & b); }
  @inline or<T>(a: T, b: T): T { return <T>(a | b); }
  @inline xor<T>(a: T, b: T): T { return <T>(a ^ b); }
  @inline not<T>(a: T): T { return <T>(~a); }
  @inline multiplyLow<T>(a: T, b: T): T { return <T>(a * b); }
  @inline shl<T>(a: T, count: u32): T {
    if (sizeof<T>() == 8) return <T>(<u64>a << <u64>count);
    return <T>(<u32>a << count);
  }
  @inline shr<T>(a: T, count: u32): T {
    if (sizeof<T>() == 8) return <T>(<u64>a >> <u64>count);
    return <T>(<u32>a >> count);
  }
  @inline sar<T>(a: T, count: u32): T {
    if (sizeof<T>() == 8) return <T>(<i64>a >> <i64>count);
    return <T>(<i32>wide<T>(a) >> <i32>count);
  }
  @inline rotateLeft<T>(a: T, count: u32): T {
    const bits: u32 = sizeof<T>() * 8;
    count &= bits - 1;
    return count == 0 ? a : this.or<T>(this.shl<T>(a, count), this.shr<T>(a, bits - count));
  }
  @inline rotateRight<T>(a: T, count: u32): T {
    const bits: u32 = sizeof<T>() * 8;
    count &= bits - 1;
    return count == 0 ? a : this.or<T>(this.shr<T>(a, count), this.shl<T>(a, bits - count));
  }
  @inline multiplyHigh<T>(a: T, b: T): T {
    if (sizeof<T>() == 8) return <T>multiplyHigh(<u64>a, <u64>b);
    return <T>((<u64>a * <u64>b) >> (sizeof<T>() * 8));
  }
  @inline multiplyHighSigned<T>(a: T, b: T): T {
    if (sizeof<T>() == 8) return <T>multiplyHighSigned(<i64>a, <i64>b);
    return <T>((wide<T>(a) * wide<T>(b)) >> (sizeof<T>() * 8));
  }
  @inline divideUnsigned<T>(high: T, low: T, divisor: T): void { divideUnsigned<T>(high, low, divisor); }
  @inline divideSigned<T>(high: T, low: T, divisor: T): void {
    if (sizeof<T>() == 8) divideSigned128(<i64>high, <u64>low, <i64>divisor);
    else divideSigned((wide<T>(high) << (sizeof<T>() * 8)) | <i64>(<u64>low), wide<T>(divisor), sizeof<T>() * 8);
  }
  @inline quotient<T>(): T { return <T>quotient; }
  @inline remainder<T>(): T { return <T>remainder; }
  @inline lowestBit<T>(a: T): T { return <T>ctz<u64>(<u64>a); }
  @inline highestBit<T>(a: T): T { return <T>(63 - clz<u64>(<u64>a)); }
  @inline countBits<T>(a: T): T { return <T>popcnt<u64>(<u64>a); }
  @inline swapBytes<T>(a: T): T { return bswap<T>(a); }
  @inline zeroExtend<F, T>(value: F): T { return <T>value; }
  @inline signExtend<F, T>(value: F): T { return <T>wide<F>(value); }
  @inline equal<T>(a: T, b: T): bool { return a == b; }
  @inline select<T>(condition: bool, x: T, y: T): T { return condition ? x : y; }

  @inline carry<T>(): T { return <T>getCF(); }
  @inline condition(cc: u32): bool { return testCondition(cc); }
  @inline setFlags<T>(kind: u32, a: T, b: T, result: T): void {
    const state = cpu();
    state.flagsOp = kind;
    if (kind != FlagsOf.LOGIC) {
      state.flagsA = wide<T>(a);
      state.flagsB = wide<T>(b);
    }
    state.flagsResult = wide<T>(result);
  }
  @inline keepCarry(): void {
    const carry = <u32>getCF();
    cpu().rflags = (cpu().rflags & ~FLAG_CF) | carry;
  }
  @inline shiftCount<T>(insn: Insn): u32 {
    const count = insn.src == <u8>OPERAND_IMMEDIATE ? <u32>insn.imm : <u32>readReg<u8>(<u32>insn.src);
    return count & (sizeof<T>() == 8 ? 63 : 31);
  }
  /** Offset of a bit within the operand. */
  @inline bitOffset<T>(insn: Insn): u32 {
    const offset = insn.src == <u8>OPERAND_IMMEDIATE ? <u32>insn.imm : <u32>readReg<T>(<u32>insn.src);
    return offset & (sizeof<T>() * 8 - 1);
  }
  @inline rotateFlags<T>(kind: FlagOverride, count: u32, result: T): void {
    if (count != 0) overrideFlags(kind, wide<T>(result), sizeof<T>() * 8);
  }
  @inline overrideFlags<T>(kind: FlagOverride, value: T): void {
    overrideFlags(kind, wide<T>(value), sizeof<T>() * 8);
  }
  @inline shiftFlags<T>(kind: ShiftOf, a: T, count: u32, result: T): void {
    setShiftFlags<T>(kind, a, count, result);
  }
  @inline multiplyFlags<T>(a: T, b: T, result: T): void {
    this.setFlags<T>(FlagsOf.MULTIPLY, a, b, result);
  }

  @inline jump(insn: Insn): void {
    if (insn.code & 3) {
      if ((insn.code & 3) == 3) cpu().rip += <u64>insn.imm;
      else branchTo(<u32>cpu().rip + <u32>insn.imm, insn.code & 3);
    }
  }
  @inline jumpIf(condition: bool, insn: Insn): void {
    if (condition) this.jump(insn);
  }
  @inline jumpTo<T>(target: T): void {
    if (sizeof<T>() == 8) cpu().rip = <u64>target;
    else branchTo(<u32>target, sizeof<T>() == 4 ? 2 : 1);
  }
  /** QUIRK: a relative branch of 64-bit code to an address that is not canonical faults where it arrives, not at the branch. */
  @inline checkJump(insn: Insn): void {
    if ((insn.code & 3) != 3) checkNear(<u32>cpu().rip + <u32>insn.imm, insn.code & 3);
  }
  @inline checkTarget<T>(target: T): void {
    if (sizeof<T>() == 8) {
      if (!isCanonical(<u64>target)) raiseGP(0);
    } else {
      checkNear(<u32>target, sizeof<T>() == 4 ? 2 : 1);
    }
  }
  @inline nextRip<T>(): T { return <T>cpu().rip; }
  @inline releaseStack(bytes: u32): void {
    if (cpu().mode == CODE_64) writeReg<u64>(RSP_OFFSET, readReg<u64>(RSP_OFFSET) + bytes);
    else addToStackPointer(bytes);
  }
  @inline writeRegisterUnless<T>(condition: bool, offset: u32, value: T): void {
    if (!condition) writeReg<T>(offset, value);
  }
  @inline leaveFrame<T>(): void {
    if (cpu().mode != CODE_64) {
      leaveLegacy<T>();
      return;
    }
    const frame = readReg<u64>(RBP_OFFSET);
    const value = read<T>(frame);
    writeReg<u64>(RSP_OFFSET, frame + sizeof<T>());
    writeReg<T>(RBP_OFFSET, value);
  }

  // Vector values. A vector register operand is always XMM here; MMX is slow tier.
  @inline requireSimd(): void {
    requireSimd();
  }
  @inline readXmm(offset: u32): v128 { return readXmm(offset); }
  @inline writeXmm(offset: u32, value: v128): void { writeXmm(offset, value); }
  @inline readVectorDst(insn: Insn): v128 { return readXmm(<u32>insn.dst); }
  @inline writeVectorDst(insn: Insn, value: v128): void { writeXmm(<u32>insn.dst, value); }
  @inline readVectorSrc(insn: Insn): v128 {
    const src = <u32>insn.src;
    return src != OPERAND_MEMORY ? readXmm(src) : readVector(alignedAddress(insn, false));
  }
  @inline readVectorSrcUnaligned(insn: Insn): v128 {
    const src = <u32>insn.src;
    return src != OPERAND_MEMORY ? readXmm(src) : readVector(linear(insn, 16, false));
  }
  @inline storeVector(insn: Insn, value: v128): void {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) writeXmm(dst, value);
    else writeVector(alignedAddress(insn, true), value);
  }
  @inline storeVectorUnaligned(insn: Insn, value: v128): void {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) writeXmm(dst, value);
    else writeVector(linear(insn, 16, true), value);
  }
  @inline readXmmScalar<T>(offset: u32): T { return readXmmScalar<T>(offset); }
  @inline readScalarDst<T>(insn: Insn): T { return readXmmScalar<T>(<u32>insn.dst); }
  @inline writeScalarDst<T>(insn: Insn, value: T): void { writeXmmScalar<T>(<u32>insn.dst, value); }
  @inline readScalarSrc<T>(insn: Insn): T {
    const src = <u32>insn.src;
    return src != OPERAND_MEMORY ? readXmmScalar<T>(src) : read<T>(linear(insn, sizeof<T>(), false));
  }
  @inline storeScalar<T>(insn: Insn, value: T): void {
    const dst = <u32>insn.dst;
    if (dst != OPERAND_MEMORY) writeXmmScalar<T>(dst, value);
    else write<T>(linear(insn, sizeof<T>(), true), value);
  }
  @inline vectorFromScalar<T>(value: T): v128 { return v128.replace_lane<T>(i64x2.splat(0), 0, value); }
  @inline writeUpperDst(insn: Insn, value: u64): void { writeXmmScalar<u64>(<u32>insn.dst + 8, value); }
  @inline upperOf(v: v128): u64 { return i64x2.extract_lane(v, 1); }
  @inline shuffleDoublewords(a: v128, b: v128, order: u32): v128 { return shuffleDoublewords(a, b, order); }
  @inline shuffleWords(v: v128, order: u32, upper: bool): v128 {
    if (upper) return i64x2.replace_lane(v, 1, shuffleWords(i64x2.extract_lane(v, 1), order));
    return i64x2.replace_lane(v, 0, shuffleWords(i64x2.extract_lane(v, 0), order));
  }
  @inline alignRight(high: v128, low: v128, count: u32): v128 { return alignRight(high, low, count); }
  @inline shiftVector(op: i32, which: u32, v: v128, count: u32): v128 { return shiftImmediate(op, which, v, count); }
  @inline signBits<T>(v: v128): u32 { return <u32>v128.bitmask<T>(v); }
  @inline wordOf(v: v128, lane: u32): u32 {
    const half = lane < 4 ? i64x2.extract_lane(v, 0) : i64x2.extract_lane(v, 1);
    return (<u32>(half >> (<i64>((lane & 3) << 4)))) & 0xffff;
  }
  @inline withWord(v: v128, lane: u32, word: u16): v128 { return insertWord(v, lane, word); }
  @inline hasIntegerVector(op: i32): bool { return true; }
  @inline hasFloatPacked(op: FloatOp): bool { return true; }
  @inline integerVector(op: i32, a: v128, b: v128): v128 { return integerBinary(op, a, b); }
  @inline floatScalar<T>(op: FloatOp, a: T, b: T): T { return floatOperation<T>(op, a, b); }
  @inline floatPacked<T>(op: FloatOp, a: v128, b: v128): v128 { return packedOperation<T>(op, a, b); }
  @inline floatFlags<T>(a: T, b: T, signalsQuiet: bool): void {
    const order = compareFloats<T>(a, b, signalsQuiet);
    const state = cpu();
    state.rflags = (state.rflags & ~FLAGS_STATUS) | (order == LESS ? 1 : order == EQUAL ? 0x40 : order == GREATER ? 0 : 0x45);
    state.flagsOp = FlagsOf.RFLAGS;
  }
  @inline integerToFloat<T>(value: i64): T { return integerToFloat<T>(value); }
  @inline floatToInteger<T>(value: T, bits: u32, truncate: bool): i64 { return floatToInteger<T>(value, bits, truncate); }
  @inline widenFloat(value: f32): f64 { return widenFloat(value); }
  @inline narrowFloat(value: f64): f32 { return narrowFloat(value); }
}

/** Flags of SHL, SHR, SAR: unchanged if the count is 0. */
export function setShiftFlags<T>(kind: ShiftOf, a: T, count: u32, result: T): void {
  if (count == 0) return;
  const state = cpu();
  state.flagsOp = kind == ShiftOf.SHL ? FlagsOf.SHL : kind == ShiftOf.SHR ? FlagsOf.SHR : FlagsOf.SAR;
  state.flagsA = wide<T>(a);
  state.flagsB = count | (sizeof<T>() << 11);
  state.flagsResult = wide<T>(result);
}

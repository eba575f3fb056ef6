/**
 * The backend that writes WebAssembly: see ops/backend.ts for the vocabulary. A value is the index of a wasm local.
 *
 * registers.ts, flags.ts and memory.ts say where the guest's state is meanwhile, exits.ts how it gets back. A branch is
 * only noted here: structure.ts writes it when the block's instructions are done.
 */
import { RBP, RSP } from "../abi/state";
import { EA_64_SHORT, Insn, OPERAND_IMMEDIATE, OPERAND_MEMORY } from "../decode/insn";
import { ShiftOf } from "../ops/backend";
import { Op } from "../ops/op";
import { FlagOverride, FlagsOf } from "../state/rflags";
import { divideSignedLocals, divideUnsignedLocals, keepUpperHalf, multiplyHighLocal, pushIfNegative, quotientLocal, remainderLocal, resultLocal, rotate, swapBytesLocal } from "./arithmetic";
import { emit, ENTRY_RIP, get, getWide, i32Const, i64Const, ifVoid, keep, keepFloat, keepVector, set, simd, truncate, wider } from "./emit";
import { currentInsn, exitAtMiss, nextDelta } from "./exits";
import { keepCarryInState, overrideFlagsIf, overrideFlagsLocals, pushCarry, pushCondition, setFlagsLocals, setVariableShiftFlags } from "./flags";
import { linearLocal, loadFloat, loadLocal, loadUpdateLocal, loadVector, pushSum, storeUpdate, storeValue, storeVectorValue, truncateTo32 } from "./memory";
import { readRegisterLocal, registerLocal, writeRegisterLocal, writtenLocal, writtenXmmLocal, xmmLocal } from "./registers";
import { hasIntegerOpcode, integerLocal } from "./vector_integers";
import { compareLocals, differLocal, floatLocal, fromIntegerLocal, lessLocal, narrowLocal, noteVector, packedLocal, toIntegerLocal, widenLocal } from "./vectors";
import { alignRightLocal, shiftVectorLocal, shuffleDoublewordsLocal, shuffleWordsLocal } from "./shuffles";
import { byte } from "./wasm_writer";
import { FloatOp } from "../x87/binary";
import { V, W } from "./wasm_opcodes";

const STACK: u32 = RSP << 3;

/** How the block being translated ends. */
export const enum Ending {
  /** It runs on into the next one. */
  FALL,
  /** JMP, or CALL once the return address is pushed. */
  JUMP,
  /** Jcc; the condition is in a local. */
  BRANCH,
  /** To an address in a local: RET, JMP and CALL r/m. */
  INDIRECT,
  /** It has left the region. */
  LEFT,
}

export let ending: Ending = Ending.FALL;
/** The condition or the target. */
export let endingLocal: u32 = 0;
export let endingIsWide: bool = false;

export function setEnding(value: Ending): void {
  ending = value;
}

function binary<T>(a: u32, b: u32, narrow: u32, wide: u32): u32 {
  get(a);
  get(b);
  emit(wider<T>(narrow, wide));
  if (sizeof<T>() < 4) truncate<T>();
  return keep<T>();
}

function constantLocal<T>(value: i64): u32 {
  if (sizeof<T>() == 8) i64Const(value);
  else i32Const(sizeof<T>() == 1 ? <u32>value & 0xff : sizeof<T>() == 2 ? <u32>value & 0xffff : <u32>value);
  return keep<T>();
}

function flagsOfShift(kind: ShiftOf): u32 {
  return kind == ShiftOf.SHL ? FlagsOf.SHL : kind == ShiftOf.SHR ? FlagsOf.SHR : FlagsOf.SAR;
}

// prettier-ignore
@inline
function replaceLane<T>(): u32 {
  if (isFloat<T>()) return sizeof<T>() == 8 ? V.F64X2_REPLACE_LANE : V.F32X4_REPLACE_LANE;
  return sizeof<T>() == 8 ? V.I64X2_REPLACE_LANE : V.I32X4_REPLACE_LANE;
}
// prettier-ignore
@inline
function extractLane<T>(): u32 {
  if (isFloat<T>()) return sizeof<T>() == 8 ? V.F64X2_EXTRACT_LANE : V.F32X4_EXTRACT_LANE;
  return sizeof<T>() == 8 ? V.I64X2_EXTRACT_LANE : V.I32X4_EXTRACT_LANE;
}

function simdLane(opcode: u32, lane: u32): void {
  simd(opcode);
  byte(lane);
}

/** Lane 0 of a vector local. */
function scalarOf<T>(vector: u32): u32 {
  get(vector);
  simdLane(extractLane<T>(), 0);
  return isFloat<T>() ? keepFloat<T>() : keep<T>();
}

function copyVector(local: u32): u32 {
  get(local);
  return keepVector();
}

function vectorSource(insn: Insn, isAligned: bool): u32 {
  if (<u32>insn.src != OPERAND_MEMORY) return copyVector(xmmLocal(insn.src));
  return loadVector(linearLocal(insn, nextDelta), insn.base, isAligned);
}

function storeVectorTo(insn: Insn, value: u32, isAligned: bool): void {
  if (<u32>insn.dst != OPERAND_MEMORY) {
    get(value);
    set(writtenXmmLocal(insn.dst));
  } else {
    storeVectorValue(linearLocal(insn, nextDelta), insn.base, value, isAligned);
  }
}

/** How late flags note the count of a shift (state/rflags.ts). */
function shiftOperand<T>(count: u32): u32 {
  const packed = count | (sizeof<T>() << 11);
  if (sizeof<T>() == 8) return constantLocal<u64>(packed);
  return constantLocal<u32>(packed);
}

// prettier-ignore
@unmanaged @final
export class Translator {
  constant<T>(value: i64): u32 {
    return constantLocal<T>(value);
  }
  readSrc<T>(insn: Insn): u32 {
    const src = <u32>insn.src;
    if (src < OPERAND_IMMEDIATE) return readRegisterLocal<T>(src);
    if (src == OPERAND_IMMEDIATE) return constantLocal<T>(insn.imm);
    return loadLocal<T>(linearLocal(insn, nextDelta), insn.base);
  }
  readDst<T>(insn: Insn): u32 {
    if (<u32>insn.dst != OPERAND_MEMORY) return readRegisterLocal<T>(insn.dst);
    return loadLocal<T>(linearLocal(insn, nextDelta), insn.base);
  }
  readUpdate<T>(insn: Insn): u32 {
    if (<u32>insn.dst != OPERAND_MEMORY) return readRegisterLocal<T>(insn.dst);
    return loadUpdateLocal<T>(linearLocal(insn, nextDelta), insn.base);
  }
  writeUpdate<T>(insn: Insn, value: u32): void {
    if (<u32>insn.dst != OPERAND_MEMORY) writeRegisterLocal<T>(insn.dst, value);
    else storeUpdate<T>(value);
  }
  writeDst<T>(insn: Insn, value: u32): void {
    if (<u32>insn.dst != OPERAND_MEMORY) writeRegisterLocal<T>(insn.dst, value);
    else storeValue<T>(linearLocal(insn, nextDelta), insn.base, value);
  }
  readRegister<T>(offset: u32): u32 { return readRegisterLocal<T>(offset); }
  writeRegister<T>(offset: u32, value: u32): void { writeRegisterLocal<T>(offset, value); }
  effectiveAddress(insn: Insn): u32 {
    pushSum(insn, nextDelta);
    if (<u32>insn.ea == EA_64_SHORT) truncateTo32();
    return keep<u64>();
  }

  push<T>(value: u32): void {
    get(registerLocal(RSP << 3));
    i64Const(sizeof<T>());
    emit(W.I64_SUB);
    const address = keep<u64>();
    storeValue<T>(address, STACK, value);
    writeRegisterLocal<u64>(RSP << 3, address);
  }
  pop<T>(): u32 {
    const address = readRegisterLocal<u64>(RSP << 3);
    const value = loadLocal<T>(address, STACK);
    get(address);
    i64Const(sizeof<T>());
    emit(W.I64_ADD);
    set(writtenLocal(RSP << 3));
    return value;
  }
  top<T>(): u32 {
    return loadLocal<T>(readRegisterLocal<u64>(RSP << 3), STACK);
  }
  releaseStack(bytes: u32): void {
    get(registerLocal(RSP << 3));
    i64Const(bytes);
    emit(W.I64_ADD);
    set(writtenLocal(RSP << 3));
  }

  add<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_ADD, W.I64_ADD); }
  sub<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_SUB, W.I64_SUB); }
  and<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_AND, W.I64_AND); }
  or<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_OR, W.I64_OR); }
  xor<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_XOR, W.I64_XOR); }
  multiplyLow<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_MUL, W.I64_MUL); }
  not<T>(a: u32): u32 { return this.xor<T>(a, constantLocal<T>(-1)); }
  /** Shift by an i32 count; T is u64 or narrower, the count is masked to 5 or 6 bits already. */
  shl<T>(a: u32, count: u32): u32 {
    get(a);
    get(count);
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    emit(wider<T>(W.I32_SHL, W.I64_SHL));
    if (sizeof<T>() < 4) truncate<T>();
    return keep<T>();
  }
  shr<T>(a: u32, count: u32): u32 {
    get(a);
    get(count);
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    emit(wider<T>(W.I32_SHR_U, W.I64_SHR_U));
    return keep<T>();
  }
  sar<T>(a: u32, count: u32): u32 {
    get(a);
    if (sizeof<T>() == 1) emit(W.I32_EXTEND8_S);
    if (sizeof<T>() == 2) emit(W.I32_EXTEND16_S);
    get(count);
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    emit(wider<T>(W.I32_SHR_S, W.I64_SHR_S));
    if (sizeof<T>() < 4) truncate<T>();
    return keep<T>();
  }
  rotateLeft<T>(a: u32, count: u32): u32 { return rotate<T>(a, count, true); }
  rotateRight<T>(a: u32, count: u32): u32 { return rotate<T>(a, count, false); }
  multiplyHigh<T>(a: u32, b: u32): u32 {
    if (sizeof<T>() == 8) return multiplyHighLocal(a, b);
    get(a);
    emit(W.I64_EXTEND_I32_U);
    get(b);
    emit(W.I64_EXTEND_I32_U);
    return keepUpperHalf<T>();
  }
  multiplyHighSigned<T>(a: u32, b: u32): u32 {
    if (sizeof<T>() == 8) {
      // Unsigned, less each factor where the other is negative.
      get(multiplyHighLocal(a, b));
      pushIfNegative(a, b);
      emit(W.I64_SUB);
      pushIfNegative(b, a);
      emit(W.I64_SUB);
      return keep<u64>();
    }
    getWide<T>(a);
    getWide<T>(b);
    return keepUpperHalf<T>();
  }
  divideUnsigned<T>(high: u32, low: u32, divisor: u32): void { divideUnsignedLocals<T>(high, low, divisor); }
  divideSigned<T>(high: u32, low: u32, divisor: u32): void { divideSignedLocals<T>(high, low, divisor); }
  quotient<T>(): u32 { return resultLocal<T>(quotientLocal); }
  remainder<T>(): u32 { return resultLocal<T>(remainderLocal); }
  lowestBit<T>(a: u32): u32 {
    get(a);
    emit(wider<T>(W.I32_CTZ, W.I64_CTZ));
    return keep<T>();
  }
  highestBit<T>(a: u32): u32 {
    if (sizeof<T>() == 8) i64Const(63);
    else i32Const(31);
    get(a);
    emit(wider<T>(W.I32_CLZ, W.I64_CLZ));
    emit(wider<T>(W.I32_SUB, W.I64_SUB));
    truncate<T>();
    return keep<T>();
  }
  countBits<T>(a: u32): u32 {
    get(a);
    emit(wider<T>(W.I32_POPCNT, W.I64_POPCNT));
    return keep<T>();
  }
  swapBytes<T>(a: u32): u32 { return swapBytesLocal<T>(a); }
  zeroExtend<F, T>(value: u32): u32 {
    if (sizeof<F>() == 8 && sizeof<T>() < 8) {
      get(value);
      emit(W.I32_WRAP_I64);
      truncate<T>();
      return keep<T>();
    }
    if (sizeof<T>() < 8 || sizeof<F>() == 8) return value;
    get(value);
    emit(W.I64_EXTEND_I32_U);
    return keep<T>();
  }
  signExtend<F, T>(value: u32): u32 {
    getWide<F>(value);
    if (sizeof<T>() < 8) {
      emit(W.I32_WRAP_I64);
      truncate<T>();
    }
    return keep<T>();
  }
  equal<T>(a: u32, b: u32): u32 {
    get(a);
    get(b);
    emit(wider<T>(W.I32_EQ, W.I64_EQ));
    return keep<u32>();
  }
  select<T>(condition: u32, x: u32, y: u32): u32 {
    get(x);
    get(y);
    get(condition);
    emit(W.SELECT);
    return keep<T>();
  }

  carry<T>(): u32 {
    pushCarry();
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    return keep<T>();
  }
  condition(cc: u32): u32 {
    pushCondition(cc);
    return keep<u32>();
  }
  setFlags<T>(kind: u32, a: u32, b: u32, result: u32): void {
    const op = <u32>currentInsn().code >> 2;
    setFlagsLocals<T>(kind, a, b, result, op == Op.ADD || op == Op.XADD);
  }
  keepCarry(): void {
    keepCarryInState();
  }
  shiftCount<T>(insn: Insn): u32 {
    const mask: u32 = sizeof<T>() == 8 ? 63 : 31;
    if (insn.src == <u8>OPERAND_IMMEDIATE) return constantLocal<u32>(insn.imm & <i64>mask);
    get(readRegisterLocal<u8>(insn.src));
    i32Const(mask);
    emit(W.I32_AND);
    return keep<u32>();
  }
  shiftFlags<T>(kind: ShiftOf, a: u32, count: u32, result: u32): void {
    const insn = currentInsn();
    if (insn.src != <u8>OPERAND_IMMEDIATE) {
      setVariableShiftFlags<T>(flagsOfShift(kind), a, count, result);
      return;
    }
    const constant = <u32>insn.imm & (sizeof<T>() == 8 ? 63 : 31);
    if (constant == 0) return;
    setFlagsLocals<T>(flagsOfShift(kind), a, shiftOperand<T>(constant), result, false);
  }
  bitOffset<T>(insn: Insn): u32 {
    const mask: u32 = sizeof<T>() * 8 - 1;
    if (insn.src == <u8>OPERAND_IMMEDIATE) return constantLocal<u32>(insn.imm & <i64>mask);
    get(readRegisterLocal<T>(insn.src));
    if (sizeof<T>() == 8) emit(W.I32_WRAP_I64);
    i32Const(mask);
    emit(W.I32_AND);
    return keep<u32>();
  }
  rotateFlags<T>(kind: FlagOverride, count: u32, result: u32): void {
    const insn = currentInsn();
    if (insn.src != <u8>OPERAND_IMMEDIATE) overrideFlagsIf<T>(count, kind, result);
    else if ((<u32>insn.imm & (sizeof<T>() == 8 ? 63 : 31)) != 0) overrideFlagsLocals<T>(kind, result);
  }
  overrideFlags<T>(kind: FlagOverride, value: u32): void { overrideFlagsLocals<T>(kind, value); }
  multiplyFlags<T>(a: u32, b: u32, result: u32): void {
    setFlagsLocals<T>(FlagsOf.MULTIPLY, a, b, result, false);
  }

  /** Only 64-bit code is translated: a relative branch that is not canonical faults where it arrives, as in the interpreter. */
  checkJump(insn: Insn): void {}
  checkTarget<T>(target: u32): void {
    if (sizeof<T>() != 8) return;
    get(target);
    i64Const(16);
    emit(W.I64_SHL);
    i64Const(16);
    emit(W.I64_SHR_S);
    get(target);
    emit(W.I64_NE);
    ifVoid();
    exitAtMiss(1);
    emit(W.END);
  }
  jump(insn: Insn): void {
    ending = Ending.JUMP;
  }
  jumpIf(condition: u32, insn: Insn): void {
    ending = Ending.BRANCH;
    endingLocal = condition;
  }
  jumpTo<T>(target: u32): void {
    ending = Ending.INDIRECT;
    endingLocal = target;
    endingIsWide = sizeof<T>() == 8;
  }
  nextRip<T>(): u32 {
    get(ENTRY_RIP);
    i64Const(nextDelta);
    emit(W.I64_ADD);
    if (sizeof<T>() < 8) {
      emit(W.I32_WRAP_I64);
      truncate<T>();
    }
    return keep<T>();
  }
  writeRegisterUnless<T>(condition: u32, offset: u32, value: u32): void {
    if (sizeof<T>() == 4) {
      get(registerLocal(offset));
      get(value);
      emit(W.I64_EXTEND_I32_U);
      get(condition);
      emit(W.SELECT);
      set(writtenLocal(offset));
    } else {
      writeRegisterLocal<T>(offset, this.select<T>(condition, readRegisterLocal<T>(offset), value));
    }
  }
  // Vector values. A vector register operand is always XMM here; MMX is slow tier.
  requireSimd(): void { noteVector(); }
  readXmm(offset: u32): u32 { return copyVector(xmmLocal(offset)); }
  readVectorDst(insn: Insn): u32 { return copyVector(xmmLocal(insn.dst)); }
  writeVectorDst(insn: Insn, value: u32): void {
    get(value);
    set(writtenXmmLocal(insn.dst));
  }
  readVectorSrc(insn: Insn): u32 { return vectorSource(insn, true); }
  readVectorSrcUnaligned(insn: Insn): u32 { return vectorSource(insn, false); }
  storeVector(insn: Insn, value: u32): void { storeVectorTo(insn, value, true); }
  storeVectorUnaligned(insn: Insn, value: u32): void { storeVectorTo(insn, value, false); }
  readXmmScalar<T>(offset: u32): u32 { return scalarOf<T>(xmmLocal(offset)); }
  readScalarDst<T>(insn: Insn): u32 { return scalarOf<T>(xmmLocal(insn.dst)); }
  writeScalarDst<T>(insn: Insn, value: u32): void {
    get(writtenXmmLocal(insn.dst));
    get(value);
    simdLane(replaceLane<T>(), 0);
    set(writtenXmmLocal(insn.dst));
  }
  readScalarSrc<T>(insn: Insn): u32 {
    if (<u32>insn.src != OPERAND_MEMORY) return scalarOf<T>(xmmLocal(insn.src));
    const va = linearLocal(insn, nextDelta);
    return isFloat<T>() ? loadFloat<T>(va, insn.base) : loadLocal<T>(va, insn.base);
  }
  storeScalar<T>(insn: Insn, value: u32): void {
    if (<u32>insn.dst != OPERAND_MEMORY) this.writeScalarDst<T>(insn, value);
    else storeValue<T>(linearLocal(insn, nextDelta), insn.base, value);
  }
  vectorFromScalar<T>(value: u32): u32 {
    i64Const(0);
    simd(V.I64X2_SPLAT);
    get(value);
    simdLane(replaceLane<T>(), 0);
    return keepVector();
  }
  writeUpperDst(insn: Insn, value: u32): void {
    get(writtenXmmLocal(insn.dst));
    get(value);
    simdLane(V.I64X2_REPLACE_LANE, 1);
    set(writtenXmmLocal(insn.dst));
  }
  upperOf(v: u32): u32 {
    get(v);
    simdLane(V.I64X2_EXTRACT_LANE, 1);
    return keep<u64>();
  }
  shuffleDoublewords(a: u32, b: u32, order: u32): u32 { return shuffleDoublewordsLocal(a, b, order); }
  shuffleWords(v: u32, order: u32, upper: bool): u32 { return shuffleWordsLocal(v, order, upper); }
  alignRight(high: u32, low: u32, count: u32): u32 { return alignRightLocal(high, low, count); }
  shiftVector(op: i32, which: u32, v: u32, count: u32): u32 { return shiftVectorLocal(op, which, v, count); }
  signBits<T>(v: u32): u32 {
    get(v);
    simd(sizeof<T>() == 1 ? V.I8X16_BITMASK : sizeof<T>() == 4 ? V.I32X4_BITMASK : V.I64X2_BITMASK);
    return keep<u32>();
  }
  wordOf(v: u32, lane: u32): u32 {
    get(v);
    simdLane(V.I16X8_EXTRACT_LANE_U, lane);
    return keep<u32>();
  }
  withWord(v: u32, lane: u32, word: u32): u32 {
    get(v);
    get(word);
    simdLane(V.I16X8_REPLACE_LANE, lane);
    return keepVector();
  }
  hasIntegerVector(op: i32): bool { return hasIntegerOpcode(op); }
  integerVector(op: i32, a: u32, b: u32): u32 { return integerLocal(op, a, b); }
  floatScalar<T>(op: FloatOp, a: u32, b: u32): u32 { return floatLocal<T>(op, a, b); }
  hasFloatPacked(op: FloatOp): bool { return op != FloatOp.MIN && op != FloatOp.MAX; }
  floatPacked<T>(op: FloatOp, a: u32, b: u32): u32 { return packedLocal<T>(op, a, b); }
  floatFlags<T>(a: u32, b: u32, signalsQuiet: bool): void {
    compareLocals<T>(a, b);
    setFlagsLocals<u32>(FlagsOf.COUNT, lessLocal, lessLocal, differLocal, false);
  }
  integerToFloat<T>(value: u32): u32 { return fromIntegerLocal<T>(value); }
  floatToInteger<T>(value: u32, bits: u32, truncate: bool): u32 { return toIntegerLocal<T>(value, bits, truncate); }
  widenFloat(value: u32): u32 { return widenLocal(value); }
  narrowFloat(value: u32): u32 { return narrowLocal(value); }

  leaveFrame<T>(): void {
    const frame = readRegisterLocal<u64>(RBP << 3);
    const value = loadLocal<T>(frame, STACK);
    get(frame);
    i64Const(sizeof<T>());
    emit(W.I64_ADD);
    set(writtenLocal(RSP << 3));
    writeRegisterLocal<T>(RBP << 3, value);
  }
}

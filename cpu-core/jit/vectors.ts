/**
 * Vector and scalar floating-point operations in translated code. XMM registers are v128 locals (registers.ts).
 *
 * Arithmetic is wasm's own where that is exact: MXCSR rounds to nearest with all exceptions masked, PE is set already or the
 * result is exact, and neither operands nor result are of the kind that raises another flag. Everything else leaves the
 * region, and the interpreter does it (ops/simd_float.ts says why these conditions are enough). A region with such
 * instructions is only entered while MXCSR is like that.
 */
import {
  CPU_CR0,
  CPU_CR4,
  CPU_MXCSR,
  CR0_EM,
  CR0_TS,
  CR4_OSFXSR,
  MXCSR_DAZ,
  MXCSR_FTZ,
  MXCSR_MASKS,
  MXCSR_PE,
  MXCSR_RC,
} from "../abi/state";
import { FloatOp } from "../x87/binary";
import { emit, get, i32Const, i64Const, ifVoid, INEXACT, keep, keepFloat, keepVector, loadState, newI32, set, simd, tee } from "./emit";
import { exitAtMiss } from "./exits";
import { byte } from "./wasm_writer";
import { V, W } from "./wasm_opcodes";

/** Whether the region has vector instructions, and arithmetic on floats: learned in the first pass. */
let hasVectors: bool = false;
let hasFloats: bool = false;

export function forgetVectors(): void {
  hasVectors = false;
  hasFloats = false;
}

export function noteVector(): void {
  hasVectors = true;
}

/**
 * Leaves on the wasm stack `condition` (an i32 that is there already) or whether vector instructions may not be used now, or
 * MXCSR is not as the arithmetic needs it.
 */
export function orVectorsRefused(): void {
  if (!hasVectors) return;
  loadState(W.I32_LOAD, CPU_CR0);
  i32Const(CR0_EM | CR0_TS);
  emit(W.I32_AND);
  emit(W.I32_OR);
  loadState(W.I32_LOAD, CPU_CR4);
  i32Const(CR4_OSFXSR);
  emit(W.I32_AND);
  emit(W.I32_EQZ);
  emit(W.I32_OR);
  if (!hasFloats) return;
  loadState(W.I32_LOAD, CPU_MXCSR);
  tee(INEXACT);
  i32Const(MXCSR_MASKS | MXCSR_RC | MXCSR_FTZ | MXCSR_DAZ);
  emit(W.I32_AND);
  i32Const(MXCSR_MASKS);
  emit(W.I32_NE);
  emit(W.I32_OR);
  get(INEXACT);
  i32Const(MXCSR_PE);
  emit(W.I32_AND);
  set(INEXACT);
}

/** Leaves the region if the i32 on the wasm stack is 0. */
function leaveUnless(): void {
  emit(W.I32_EQZ);
  leaveIf();
}

function leaveIf(): void {
  ifVoid();
  exitAtMiss(1);
  emit(W.END);
}

// prettier-ignore
@inline
function isDouble<T>(): bool {
  return sizeof<T>() == 8;
}
// prettier-ignore
@inline
function pick<T>(single: u32, double: u32): u32 {
  return sizeof<T>() == 8 ? double : single;
}

/** Bits of a float, shifted left by one: the sign is gone. */
function pushMagnitude<T>(x: u32): void {
  get(x);
  if (isDouble<T>()) {
    emit(W.I64_REINTERPRET_F64);
    i64Const(1);
    emit(W.I64_SHL);
  } else {
    emit(W.I32_REINTERPRET_F32);
    i32Const(1);
    emit(W.I32_SHL);
  }
}

/** Leaves 1 on the wasm stack if x is denormal. */
function pushIsDenormal<T>(x: u32): void {
  pushMagnitude<T>(x);
  if (isDouble<T>()) {
    i64Const(1);
    emit(W.I64_SUB);
    i64Const(0x001f_ffff_ffff_ffff);
    emit(W.I64_LT_U);
  } else {
    i32Const(1);
    emit(W.I32_SUB);
    i32Const(0x00ff_ffff);
    emit(W.I32_LT_U);
  }
}

/** Leaves 1 on the wasm stack if x is not finite, or smaller than twice the smallest normal number. */
function pushIsOutside<T>(x: u32): void {
  pushMagnitude<T>(x);
  if (isDouble<T>()) {
    i64Const(0x0040_0000_0000_0000);
    emit(W.I64_SUB);
    i64Const(<i64>0xffa0_0000_0000_0000);
    emit(W.I64_LT_U);
  } else {
    i32Const(0x0200_0000);
    emit(W.I32_SUB);
    i32Const(0xfd00_0000);
    emit(W.I32_LT_U);
  }
  emit(W.I32_EQZ);
}

function pushZero<T>(): void {
  if (isDouble<T>()) {
    i64Const(0);
    emit(W.F64_REINTERPRET_I64);
  } else {
    i32Const(0);
    emit(W.F32_REINTERPRET_I32);
  }
}

function pushIsZero<T>(x: u32): void {
  get(x);
  pushZero<T>();
  emit(pick<T>(W.F32_EQ, W.F64_EQ));
}

function subtract<T>(a: u32, b: u32): u32 {
  get(a);
  get(b);
  emit(pick<T>(W.F32_SUB, W.F64_SUB));
  return keepFloat<T>();
}

/** Leaves 1 on the wasm stack if r is surely a + c. Knuth's TwoSum. */
function pushIsExactSum<T>(a: u32, c: u32, r: u32): void {
  const c2 = subtract<T>(r, a);
  pushIsZero<T>(subtract<T>(a, subtract<T>(r, c2)));
  pushIsZero<T>(subtract<T>(c, c2));
  emit(W.I32_AND);
}

function opcodeOf<T>(kind: FloatOp): u32 {
  switch (kind) {
    case FloatOp.ADD: return pick<T>(W.F32_ADD, W.F64_ADD); // prettier-ignore
    case FloatOp.SUB: return pick<T>(W.F32_SUB, W.F64_SUB); // prettier-ignore
    case FloatOp.MUL: return pick<T>(W.F32_MUL, W.F64_MUL); // prettier-ignore
    case FloatOp.DIV: return pick<T>(W.F32_DIV, W.F64_DIV); // prettier-ignore
  }
  return pick<T>(W.F32_SQRT, W.F64_SQRT);
}

/** Whether a zero result is exact: what the operand or operands must be. */
function leaveUnlessZeroIsExact<T>(kind: FloatOp, a: u32, b: u32, r: u32): void {
  pushIsZero<T>(r);
  if (kind == FloatOp.MUL) {
    pushIsZero<T>(a);
    pushIsZero<T>(b);
    emit(W.I32_OR);
    emit(W.I32_AND);
  } else if (kind == FloatOp.DIV) {
    pushIsZero<T>(a);
    emit(W.I32_AND);
  }
  emit(W.I32_EQZ);
  ifVoid();
  exitAtMiss(2);
  emit(W.END);
}

/** a op b (SQRT: of b). */
export function floatLocal<T>(kind: FloatOp, a: u32, b: u32): u32 {
  hasFloats = true;
  if (kind == FloatOp.MIN || kind == FloatOp.MAX) return extremeLocal<T>(kind, a, b);
  if (kind != FloatOp.SQRT) get(a);
  get(b);
  emit(opcodeOf<T>(kind));
  const r = keepFloat<T>();
  pushIsDenormal<T>(b);
  if (kind != FloatOp.SQRT) {
    pushIsDenormal<T>(a);
    emit(W.I32_OR);
  }
  leaveIf();
  pushIsOutside<T>(r);
  ifVoid();
  leaveUnlessZeroIsExact<T>(kind, a, b, r);
  emit(W.ELSE);
  requireExact<T>(kind, a, b, r);
  emit(W.END);
  return r;
}

/** Inside the range only PE can be raised: while it is clear, leaves the region unless r is shown to be exact. */
function requireExact<T>(kind: FloatOp, a: u32, b: u32, r: u32): void {
  get(INEXACT);
  emit(W.I32_EQZ);
  ifVoid();
  if (kind == FloatOp.ADD || kind == FloatOp.SUB) {
    let c = b;
    if (kind == FloatOp.SUB) {
      get(b);
      emit(pick<T>(W.F32_NEG, W.F64_NEG));
      c = keepFloat<T>();
    }
    pushIsExactSum<T>(a, c, r);
    emit(W.I32_EQZ);
    ifVoid();
    exitAtMiss(3);
    emit(W.END);
  } else {
    exitAtMiss(2);
  }
  emit(W.END);
}

/** MIN, MAX: the second operand if they are equal. */
function extremeLocal<T>(kind: FloatOp, a: u32, b: u32): u32 {
  requireOrdered<T>(a, b);
  get(a);
  get(b);
  get(a);
  get(b);
  emit(kind == FloatOp.MIN ? pick<T>(W.F32_LT, W.F64_LT) : pick<T>(W.F32_GT, W.F64_GT));
  emit(W.SELECT);
  return keepFloat<T>();
}

/** Leaves the region if one of them is a NaN or denormal. */
function requireOrdered<T>(a: u32, b: u32): void {
  pushIsDenormal<T>(a);
  pushIsDenormal<T>(b);
  emit(W.I32_OR);
  get(a);
  get(a);
  emit(pick<T>(W.F32_NE, W.F64_NE));
  emit(W.I32_OR);
  get(b);
  get(b);
  emit(pick<T>(W.F32_NE, W.F64_NE));
  emit(W.I32_OR);
  leaveIf();
}

/** Compares; leaves i32 locals: whether a < b, whether they differ. */
export let lessLocal: u32 = 0;
export let differLocal: u32 = 0;
export function compareLocals<T>(a: u32, b: u32): void {
  hasFloats = true;
  requireOrdered<T>(a, b);
  lessLocal = newI32();
  differLocal = newI32();
  get(a);
  get(b);
  emit(pick<T>(W.F32_LT, W.F64_LT));
  set(lessLocal);
  get(a);
  get(b);
  emit(pick<T>(W.F32_NE, W.F64_NE));
  set(differLocal);
}

/** Leaves the region unless PE is set or the i32 on the wasm stack is not 0. */
function requireInexactOr(): void {
  get(INEXACT);
  emit(W.I32_OR);
  leaveUnless();
}

/** An i64 as a float. */
export function fromIntegerLocal<T>(value: u32): u32 {
  hasFloats = true;
  get(value);
  emit(pick<T>(W.F32_CONVERT_I64_S, W.F64_CONVERT_I64_S));
  const r = keepFloat<T>();
  // Exact if it has no more bits than a significand.
  const spare: i64 = isDouble<T>() ? 11 : 40;
  get(value);
  i64Const(spare);
  emit(W.I64_SHL);
  i64Const(spare);
  emit(W.I64_SHR_S);
  get(value);
  emit(W.I64_EQ);
  requireInexactOr();
  return r;
}

/** A float as an integer of `bits` bits, in an i64. */
export function toIntegerLocal<T>(a: u32, bits: u32, isTruncated: bool): u32 {
  hasFloats = true;
  let rounded = a;
  if (!isTruncated) {
    get(a);
    emit(pick<T>(W.F32_NEAREST, W.F64_NEAREST));
    rounded = keepFloat<T>();
  }
  // In range whatever the rounding; a NaN is not.
  get(a);
  emit(pick<T>(W.F32_ABS, W.F64_ABS));
  i64Const(bits == 32 ? 2147483000 : 0x4000_0000_0000_0000);
  emit(pick<T>(W.F32_CONVERT_I64_S, W.F64_CONVERT_I64_S));
  emit(pick<T>(W.F32_LT, W.F64_LT));
  pushIsDenormal<T>(a);
  emit(W.I32_EQZ);
  emit(W.I32_AND);
  leaveUnless();
  get(rounded);
  byte(0xfc);
  byte(isDouble<T>() ? 6 : 4);
  const integer = keep<u64>();
  get(integer);
  emit(pick<T>(W.F32_CONVERT_I64_S, W.F64_CONVERT_I64_S));
  get(a);
  emit(pick<T>(W.F32_EQ, W.F64_EQ));
  requireInexactOr();
  return integer;
}

export function widenLocal(a: u32): u32 {
  hasFloats = true;
  requireOrdered<f32>(a, a);
  get(a);
  emit(W.F64_PROMOTE_F32);
  return keepFloat<f64>();
}

export function narrowLocal(a: u32): u32 {
  hasFloats = true;
  get(a);
  emit(W.F32_DEMOTE_F64);
  const r = keepFloat<f32>();
  pushIsDenormal<f64>(a);
  leaveIf();
  pushIsOutside<f32>(r);
  pushIsZero<f64>(a);
  emit(W.I32_EQZ);
  emit(W.I32_AND);
  leaveIf();
  get(r);
  emit(W.F64_PROMOTE_F32);
  get(a);
  emit(W.F64_EQ);
  requireInexactOr();
  return r;
}

function splat64(value: i64): void {
  i64Const(value);
  simd(V.I64X2_SPLAT);
}
function splat32(value: u32): void {
  i32Const(value);
  simd(V.I32X4_SPLAT);
}

/** Leaves 1 on the wasm stack if no lane is denormal. */
function pushLanesNotDenormal<T>(v: u32): void {
  get(v);
  if (isDouble<T>()) {
    splat64(0x7fff_ffff_ffff_ffff);
    simd(V.AND);
    const magnitude = keepVector();
    get(magnitude);
    splat64(0x000f_ffff_ffff_ffff);
    simd(V.I64X2_GT_S);
    get(magnitude);
    splat64(0);
    simd(V.I64X2_EQ);
    simd(V.OR);
    simd(V.I64X2_ALL_TRUE);
    return;
  }
  i32Const(1);
  simd(V.I32X4_SHL);
  splat32(1);
  simd(V.I32X4_SUB);
  splat32(0x00ff_ffff);
  simd(V.I32X4_GE_U);
  simd(V.I32X4_ALL_TRUE);
}

/** Leaves 1 on the wasm stack if every lane is finite and well above the smallest normal number. */
function pushLanesInside<T>(v: u32): void {
  get(v);
  if (isDouble<T>()) {
    splat64(0x7fff_ffff_ffff_ffff);
    simd(V.AND);
    const magnitude = keepVector();
    get(magnitude);
    splat64(0x001f_ffff_ffff_ffff);
    simd(V.I64X2_GT_S);
    splat64(0x7ff0_0000_0000_0000);
    get(magnitude);
    simd(V.I64X2_GT_S);
    simd(V.AND);
    simd(V.I64X2_ALL_TRUE);
    return;
  }
  i32Const(1);
  simd(V.I32X4_SHL);
  splat32(0x0200_0000);
  simd(V.I32X4_SUB);
  splat32(0xfd00_0000);
  simd(V.I32X4_LT_U);
  simd(V.I32X4_ALL_TRUE);
}

function packedOpcode<T>(kind: FloatOp): u32 {
  switch (kind) {
    case FloatOp.ADD: return pick<T>(V.F32X4_ADD, V.F64X2_ADD); // prettier-ignore
    case FloatOp.SUB: return pick<T>(V.F32X4_SUB, V.F64X2_SUB); // prettier-ignore
    case FloatOp.MUL: return pick<T>(V.F32X4_MUL, V.F64X2_MUL); // prettier-ignore
    case FloatOp.DIV: return pick<T>(V.F32X4_DIV, V.F64X2_DIV); // prettier-ignore
  }
  return pick<T>(V.F32X4_SQRT, V.F64X2_SQRT);
}

/** The operation on all lanes. MIN and MAX, and everything while PE is clear, is the interpreter's. */
export function packedLocal<T>(kind: FloatOp, a: u32, b: u32): u32 {
  hasFloats = true;
  if (kind != FloatOp.SQRT) get(a);
  get(b);
  simd(packedOpcode<T>(kind));
  const r = keepVector();
  get(INEXACT);
  i32Const(0);
  emit(W.I32_NE);
  pushLanesInside<T>(r);
  emit(W.I32_AND);
  pushLanesNotDenormal<T>(b);
  emit(W.I32_AND);
  if (kind != FloatOp.SQRT) {
    pushLanesNotDenormal<T>(a);
    emit(W.I32_AND);
  }
  leaveUnless();
  return r;
}

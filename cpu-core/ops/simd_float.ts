/**
 * Floating-point arithmetic of SSE: the fast way with wasm's own operations, and when it will do.
 *
 * wasm rounds to nearest, has no exception flags, and its NaNs are unspecified. So its result is taken only if MXCSR says
 * nearest, all exceptions masked, no FTZ or DAZ, PE already set (or the result is shown to be exact), and operands and
 * result are such that no other flag can be raised: no NaN, no infinity out, nothing denormal or near it. Everything else
 * goes to x87/binary.ts. PE gets set early in the life of any program that computes, after which the fast way costs three
 * comparisons. Used by ops/simd.ts. SDM vol 1 "Programming with SSE", "SIMD Floating-Point Exceptions".
 */
import { CR4_OSXMMEXCPT, MXCSR_DAZ, MXCSR_FTZ, MXCSR_MASKS, MXCSR_PE, MXCSR_RC } from "../abi/state";
import { VECTOR_XM } from "../abi/vectors";
import { raise, raiseUD } from "../interrupts/raise";
import { cpu } from "../state/cpu";
import { FloatOp, softBinary, softCompare, softConvert, softFromInteger, softToInteger } from "../x87/binary";
import { EQUAL, GREATER, LESS, UNORDERED } from "../x87/compare";
import { BEFORE_COMPUTATION, EXCEPTIONS, beginSimd, masks, raised } from "../x87/round";

const PLAIN_MASK: u32 = MXCSR_MASKS | MXCSR_RC | MXCSR_FTZ | MXCSR_DAZ;
const PLAIN: u32 = MXCSR_MASKS;

/** Nearest, all masked, no FTZ or DAZ; PE set or not. */
// prettier-ignore
@inline
function isPlain(mxcsr: u32): bool {
  return (mxcsr & PLAIN_MASK) == PLAIN;
}

/** isPlain(), and PE is set. */
// prettier-ignore
@inline
function isPlainAndInexact(mxcsr: u32): bool {
  return (mxcsr & (PLAIN_MASK | MXCSR_PE)) == (PLAIN | MXCSR_PE);
}

/** Starts an operation in software. */
// prettier-ignore
@inline
export function beginSoft(): void {
  beginSimd(cpu().mxcsr);
}

/** Ends it: flags into MXCSR; raises #XM (#UD without OSXMMEXCPT) for an unmasked one, before anything is written. */
export function commitSoft(): void {
  const unmasked = raised & ~masks & EXCEPTIONS;
  cpu().mxcsr |= raised & ((unmasked & BEFORE_COMPUTATION) != 0 ? BEFORE_COMPUTATION : EXCEPTIONS);
  if (unmasked != 0) {
    if ((cpu().cr4 & CR4_OSXMMEXCPT) != 0) raise(VECTOR_XM);
    raiseUD();
  }
}

// prettier-ignore
@inline
export function bitsOf<T>(x: T): u64 {
  if (sizeof<T>() == 8) return reinterpret<u64>(<f64>x);
  return <u64>reinterpret<u32>(<f32>x);
}

// prettier-ignore
@inline
export function fromBits<T>(bits: u64): T {
  if (sizeof<T>() == 8) return <T>reinterpret<f64>(bits);
  return <T>reinterpret<f32>(<u32>bits);
}

/** Neither denormal nor (for the result of arithmetic) anything but a normal number well inside the range, or zero. */
// prettier-ignore
@inline
function isNotDenormal<T>(x: T): bool {
  if (sizeof<T>() == 8) return (reinterpret<u64>(<f64>x) << 1) - 1 >= 0x001f_ffff_ffff_ffff;
  return (reinterpret<u32>(<f32>x) << 1) - 1 >= 0x00ff_ffff;
}

/** Finite and at least twice the smallest normal number: no overflow, underflow or NaN was involved. */
// prettier-ignore
@inline
function isInside<T>(x: T): bool {
  if (sizeof<T>() == 8)
    return (reinterpret<u64>(<f64>x) << 1) - 0x0040_0000_0000_0000 < 0xffa0_0000_0000_0000;
  return (reinterpret<u32>(<f32>x) << 1) - 0x0200_0000 < 0xfd00_0000;
}

/** True if r, the rounded result of a op b, is exact. May say no when it is. */
// prettier-ignore
@inline
function isExact<T>(op: FloatOp, a: T, b: T, r: T): bool {
  if (op == FloatOp.ADD || op == FloatOp.SUB) {
    const c: T = op == FloatOp.ADD ? b : <T>-b;
    // Knuth's TwoSum.
    const c2: T = <T>(r - a);
    return <T>(a - <T>(r - c2)) == 0 && <T>(c - c2) == 0;
  }
  if (sizeof<T>() == 4) {
    // A product of two f32 is exact in f64.
    if (op == FloatOp.MUL) return <f64>a * <f64>b == <f64>r;
    if (op == FloatOp.DIV) return <f64>r * <f64>b == <f64>a;
    if (op == FloatOp.SQRT) return <f64>r * <f64>r == <f64>b;
  }
  return false;
}

/** a op b (SQRT: of b) as MXCSR says; raises #XM. */
// prettier-ignore
@inline
export function floatOperation<T>(op: FloatOp, a: T, b: T): T {
  const mxcsr = cpu().mxcsr;
  if (isPlain(mxcsr) && isNotDenormal<T>(a) && isNotDenormal<T>(b)) {
    if (op == FloatOp.MIN || op == FloatOp.MAX) {
      if (a == a && b == b) {
        if (op == FloatOp.MIN) return a < b ? a : b;
        return a > b ? a : b;
      }
    } else {
      let r: T;
      if (op == FloatOp.ADD) r = <T>(a + b);
      else if (op == FloatOp.SUB) r = <T>(a - b);
      else if (op == FloatOp.MUL) r = <T>(a * b);
      else if (op == FloatOp.DIV) r = <T>(a / b);
      else r = sqrt<T>(b);
      if (isInside<T>(r)) {
        if ((mxcsr & MXCSR_PE) != 0 || isExact<T>(op, a, b, r)) return r;
      } else if (r == 0) {
        // A sum that is zero is exact; a product, if a factor is zero.
        if (op == FloatOp.ADD || op == FloatOp.SUB) return r;
        if (op == FloatOp.MUL && (a == 0 || b == 0)) return r;
        if (op == FloatOp.DIV && a == 0) return r;
        if (op == FloatOp.SQRT) return r;
      }
    }
  }
  return softOperation<T>(op, a, b);
}

function softOperation<T>(op: FloatOp, a: T, b: T): T {
  beginSoft();
  const r = softBinary<T>(op, bitsOf<T>(a), bitsOf<T>(b));
  commitSoft();
  return fromBits<T>(r);
}

/** True if no lane is denormal. */
// prettier-ignore
@inline
function lanesNotDenormal<T>(v: v128): bool {
  if (sizeof<T>() == 8) {
    const magnitude = v128.and(v, i64x2.splat(0x7fff_ffff_ffff_ffff));
    const normal = i64x2.gt_s(magnitude, i64x2.splat(0x000f_ffff_ffff_ffff));
    return i64x2.all_true(v128.or(normal, i64x2.eq(magnitude, i64x2.splat(0))));
  }
  const shifted = i32x4.sub(i32x4.shl(v, 1), i32x4.splat(1));
  return i32x4.all_true(i32x4.ge_u(shifted, i32x4.splat(0x00ff_ffff)));
}

/** True if every lane isInside(). */
// prettier-ignore
@inline
function lanesInside<T>(v: v128): bool {
  if (sizeof<T>() == 8) {
    const magnitude = v128.and(v, i64x2.splat(0x7fff_ffff_ffff_ffff));
    return i64x2.all_true(
      v128.and(
        i64x2.ge_s(magnitude, i64x2.splat(0x0020_0000_0000_0000)),
        i64x2.lt_s(magnitude, i64x2.splat(0x7ff0_0000_0000_0000)),
      ),
    );
  }
  const shifted = i32x4.sub(i32x4.shl(v, 1), i32x4.splat(0x0200_0000));
  return i32x4.all_true(i32x4.lt_u(shifted, i32x4.splat(<i32>0xfd00_0000)));
}

/** The operation on all lanes. */
// prettier-ignore
@inline
export function packedOperation<T>(op: FloatOp, a: v128, b: v128): v128 {
  if (op != FloatOp.MIN && op != FloatOp.MAX && isPlainAndInexact(cpu().mxcsr)) {
    let r: v128;
    if (op == FloatOp.ADD) r = v128.add<T>(a, b);
    else if (op == FloatOp.SUB) r = v128.sub<T>(a, b);
    else if (op == FloatOp.MUL) r = v128.mul<T>(a, b);
    else if (op == FloatOp.DIV) r = v128.div<T>(a, b);
    else r = v128.sqrt<T>(b);
    if (lanesInside<T>(r) && lanesNotDenormal<T>(b) && (op == FloatOp.SQRT || lanesNotDenormal<T>(a)))
      return r;
  }
  return packedSlow<T>(op, a, b);
}

function packedSlow<T>(op: FloatOp, a: v128, b: v128): v128 {
  beginSoft();
  let r = i64x2.splat(0);
  if (sizeof<T>() == 8) {
    r = i64x2.replace_lane(r, 0, softBinary<f64>(op, i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)));
    r = i64x2.replace_lane(r, 1, softBinary<f64>(op, i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)));
  } else {
    r = i32x4.replace_lane(r, 0, <i32>softBinary<f32>(op, lane32(a, 0), lane32(b, 0)));
    r = i32x4.replace_lane(r, 1, <i32>softBinary<f32>(op, lane32(a, 1), lane32(b, 1)));
    r = i32x4.replace_lane(r, 2, <i32>softBinary<f32>(op, lane32(a, 2), lane32(b, 2)));
    r = i32x4.replace_lane(r, 3, <i32>softBinary<f32>(op, lane32(a, 3), lane32(b, 3)));
  }
  commitSoft();
  return r;
}

/** Lane i of four, zero-extended. */
// prettier-ignore
@inline
export function lane32(v: v128, i: u32): u64 {
  const half = i64x2.extract_lane(v, 0);
  const upper = i64x2.extract_lane(v, 1);
  const pair = i < 2 ? half : upper;
  return (i & 1) == 0 ? pair & 0xffff_ffff : (<u64>pair) >> 32;
}

/** Addition and subtraction lane by lane, in one environment: HADD, HSUB, ADDSUB. `first` and `second` are ADD or SUB. */
export function pairwise<T>(first: FloatOp, second: FloatOp, a: v128, b: v128): v128 {
  beginSoft();
  let r = i64x2.splat(0);
  if (sizeof<T>() == 8) {
    r = i64x2.replace_lane(r, 0, softBinary<f64>(first, i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)));
    r = i64x2.replace_lane(r, 1, softBinary<f64>(second, i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)));
  } else {
    r = i32x4.replace_lane(r, 0, <i32>softBinary<f32>(first, lane32(a, 0), lane32(b, 0)));
    r = i32x4.replace_lane(r, 1, <i32>softBinary<f32>(second, lane32(a, 1), lane32(b, 1)));
    r = i32x4.replace_lane(r, 2, <i32>softBinary<f32>(first, lane32(a, 2), lane32(b, 2)));
    r = i32x4.replace_lane(r, 3, <i32>softBinary<f32>(second, lane32(a, 3), lane32(b, 3)));
  }
  commitSoft();
  return r;
}

/** Orders two numbers: LESS, EQUAL, GREATER, UNORDERED. UCOMIS*; COMIS* if `signalsQuiet`. */
// prettier-ignore
@inline
export function compareFloats<T>(a: T, b: T, signalsQuiet: bool): u32 {
  if ((cpu().mxcsr & MXCSR_DAZ) == 0 && isNotDenormal<T>(a) && isNotDenormal<T>(b)) {
    if (a < b) return LESS;
    if (a > b) return GREATER;
    if (a == b) return EQUAL;
  }
  return softOrder<T>(a, b, signalsQuiet);
}

function softOrder<T>(a: T, b: T, signalsQuiet: bool): u32 {
  beginSoft();
  const order = softCompare<T>(bitsOf<T>(a), bitsOf<T>(b), signalsQuiet);
  commitSoft();
  return order;
}

/** Whether a predicate of CMPxx (0-7: EQ LT LE UNORD NEQ NLT NLE ORD) holds for an order. */
function holds(predicate: u32, order: u32): bool {
  let result: bool;
  switch (predicate & 3) {
    case 0:
      result = order == EQUAL;
      break;
    case 1:
      result = order == LESS;
      break;
    case 2:
      result = order == LESS || order == EQUAL;
      break;
    default:
      result = order == UNORDERED;
  }
  return result != ((predicate & 4) != 0);
}

/** LT, LE, NLT, NLE signal quiet NaNs. */
// prettier-ignore
@inline
function predicateSignals(predicate: u32): bool {
  return (predicate & 3) == 1 || (predicate & 3) == 2;
}

/** CMPSS, CMPSD: all ones or zero, as wide as T. */
export function compareScalar<T>(predicate: u32, a: T, b: T): u64 {
  const order = compareFloats<T>(a, b, predicateSignals(predicate));
  return holds(predicate, order) ? (sizeof<T>() == 8 ? ~(<u64>0) : 0xffff_ffff) : 0;
}

/** CMPPS, CMPPD. */
export function comparePacked<T>(predicate: u32, a: v128, b: v128): v128 {
  const signals = predicateSignals(predicate);
  beginSoft();
  let r = i64x2.splat(0);
  if (sizeof<T>() == 8) {
    if (holds(predicate, softCompare<f64>(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0), signals)))
      r = i64x2.replace_lane(r, 0, -1);
    if (holds(predicate, softCompare<f64>(i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1), signals)))
      r = i64x2.replace_lane(r, 1, -1);
  } else {
    if (holds(predicate, softCompare<f32>(lane32(a, 0), lane32(b, 0), signals)))
      r = i32x4.replace_lane(r, 0, -1);
    if (holds(predicate, softCompare<f32>(lane32(a, 1), lane32(b, 1), signals)))
      r = i32x4.replace_lane(r, 1, -1);
    if (holds(predicate, softCompare<f32>(lane32(a, 2), lane32(b, 2), signals)))
      r = i32x4.replace_lane(r, 2, -1);
    if (holds(predicate, softCompare<f32>(lane32(a, 3), lane32(b, 3), signals)))
      r = i32x4.replace_lane(r, 3, -1);
  }
  commitSoft();
  return r;
}

/** f32 to f64. */
// prettier-ignore
@inline
export function widenFloat(a: f32): f64 {
  if (isNotDenormal<f32>(a) && a == a) return <f64>a;
  beginSoft();
  const r = softConvert<f32, f64>(bitsOf<f32>(a));
  commitSoft();
  return reinterpret<f64>(r);
}

/** f64 to f32. */
// prettier-ignore
@inline
export function narrowFloat(a: f64): f32 {
  const mxcsr = cpu().mxcsr;
  if (isPlain(mxcsr) && isNotDenormal<f64>(a)) {
    const r = <f32>a;
    if ((isInside<f32>(r) && ((mxcsr & MXCSR_PE) != 0 || <f64>r == a)) || a == 0) return r;
  }
  return narrowSlow(a);
}

function narrowSlow(a: f64): f32 {
  beginSoft();
  const r = softConvert<f64, f32>(bitsOf<f64>(a));
  commitSoft();
  return reinterpret<f32>(<u32>r);
}

/** Signed integer to T. */
// prettier-ignore
@inline
export function integerToFloat<T>(value: i64): T {
  const mxcsr = cpu().mxcsr;
  if (sizeof<T>() == 8 && value == <i64>(<i32>value)) return <T>(<f64>(<i32>value));
  if (isPlainAndInexact(mxcsr)) return <T>value;
  beginSoft();
  const r = softFromInteger<T>(value);
  commitSoft();
  return fromBits<T>(r);
}

/** T to a signed integer of `bits` bits (32 or 64). */
// prettier-ignore
@inline
export function floatToInteger<T>(a: T, bits: u32, truncate: bool): i64 {
  const mxcsr = cpu().mxcsr;
  // |a| below 2^31 (2^62): in range whatever the rounding; NaN fails the comparison.
  const limit: T = bits == 32 ? <T>2147483000.0 : <T>4611686018427387904.0;
  if ((truncate || (mxcsr & MXCSR_RC) == 0) && isNotDenormal<T>(a) && abs<T>(a) < limit) {
    const rounded: T = truncate ? a : nearest<T>(a);
    const integer: i64 = bits == 32 ? <i64>(<i32>rounded) : <i64>rounded;
    if ((mxcsr & MXCSR_PE) != 0 || <T>integer == a) {
      if ((mxcsr & MXCSR_MASKS) == MXCSR_MASKS || <T>integer == a) return integer;
    }
  }
  return floatToIntegerSlow<T>(a, bits, truncate);
}

function floatToIntegerSlow<T>(a: T, bits: u32, truncate: bool): i64 {
  beginSoft();
  const r = softToInteger<T>(bitsOf<T>(a), bits, truncate);
  commitSoft();
  return r;
}

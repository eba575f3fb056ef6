/**
 * f32 and f64 arithmetic in software, in the environment of MXCSR: every rounding mode, every exception flag, DAZ, FTZ.
 *
 * The way for what wasm cannot say: it rounds to nearest only and has no flags. ops/simd_float.ts comes here when the result
 * may raise a flag that is not yet set. Numbers are passed as their bits in a u64; T (f32 or f64) says which format. Begin
 * with beginSimd(). NaN rule of SSE: the first operand if it is a NaN, else the second, made quiet.
 * SDM vol 1 "SIMD Floating-Point Exceptions", "Results of Operations with NaN Operands or a NaN Result for SSE/SSE2...".
 */
import { EQUAL, GREATER, LESS, UNORDERED } from "./compare";
import { packFloat32, packFloat64 } from "./convert";
import {
  addFinite,
  divideFinite,
  exactExponent,
  exactHigh,
  exactLow,
  exactSign,
  multiplyFinite,
  squareRootFinite,
} from "./finite";
import {
  DE,
  IE,
  PE,
  ROUND_DOWN,
  ROUND_ZERO,
  ZE,
  denormalsAreZero,
  isRoundedUp,
  isSuppressed,
  roundTo,
  rounding,
  setRounding,
  signal,
} from "./round";

export const enum FloatOp {
  ADD,
  MUL,
  SUB,
  MIN,
  DIV,
  MAX,
  SQRT,
}

const enum Kind {
  ZERO,
  FINITE,
  INFINITY,
  QUIET,
  SIGNALING,
}

/** Outputs of unpack(). */
let kind: Kind = Kind.ZERO;
let sign: u32 = 0;
let exponent: i32 = 0;
let mantissa: u64 = 0;
let wasDenormal: bool = false;

// prettier-ignore
@inline
function signBit<T>(): u64 {
  return sizeof<T>() == 8 ? 0x8000_0000_0000_0000 : 0x8000_0000;
}

// prettier-ignore
@inline
function quietBit<T>(): u64 {
  return sizeof<T>() == 8 ? 0x0008_0000_0000_0000 : 0x0040_0000;
}

// prettier-ignore
@inline
function infinity<T>(): u64 {
  return sizeof<T>() == 8 ? 0x7ff0_0000_0000_0000 : 0x7f80_0000;
}

/** The default NaN. */
// prettier-ignore
@inline
function indefinite<T>(): u64 {
  return sizeof<T>() == 8 ? 0xfff8_0000_0000_0000 : 0xffc0_0000;
}

// prettier-ignore
@inline
function signed<T>(signOf: u32): u64 {
  return signOf != 0 ? signBit<T>() : 0;
}

function unpack<T>(bits: u64): void {
  const width: u64 = sizeof<T>() == 8 ? 52 : 23;
  const field = (<u32>(bits >> width)) & (sizeof<T>() == 8 ? 0x7ff : 0xff);
  const fraction = bits & (((<u64>1) << width) - 1);
  sign = u32((bits & signBit<T>()) != 0);
  wasDenormal = false;
  if (field == (sizeof<T>() == 8 ? 0x7ff : 0xff)) {
    kind = fraction == 0 ? Kind.INFINITY : (fraction & quietBit<T>()) != 0 ? Kind.QUIET : Kind.SIGNALING;
    return;
  }
  const bias = sizeof<T>() == 8 ? 1023 : 127;
  if (field == 0) {
    if (fraction == 0 || denormalsAreZero) {
      kind = Kind.ZERO;
      return;
    }
    kind = Kind.FINITE;
    wasDenormal = true;
    const shift = <i32>clz(fraction);
    mantissa = fraction << (<u64>shift);
    exponent = 16383 - bias + 1 - (shift - (63 - <i32>width));
    return;
  }
  kind = Kind.FINITE;
  mantissa = (fraction << (63 - width)) | 0x8000_0000_0000_0000;
  exponent = <i32>field - bias + 16383;
}

/** Rounds to T. */
function pack<T>(signOf: u32, exp: i32, high: u64, low: u64): u64 {
  if (sizeof<T>() == 8) {
    roundTo(signOf, exp, high, low, 53, 16383 - 1022, 16383 + 1023, 1536);
    return packFloat64(signOf);
  }
  roundTo(signOf, exp, high, low, 24, 16383 - 126, 16383 + 127, 192);
  return <u64>packFloat32(signOf);
}

function invalidOperation<T>(): u64 {
  signal(IE);
  return indefinite<T>();
}

/** a op b; for SQRT only b counts. If isSuppressed() holds afterwards there is no result. */
export function softBinary<T>(op: FloatOp, a: u64, b: u64): u64 {
  if (op == FloatOp.SQRT) return softSquareRoot<T>(b);
  unpack<T>(a);
  const aKind = kind;
  const aSign = sign;
  const aExponent = exponent;
  const aMantissa = mantissa;
  const aDenormal = wasDenormal;
  unpack<T>(b);
  if (op == FloatOp.MIN || op == FloatOp.MAX) {
    if (aKind >= Kind.QUIET || kind >= Kind.QUIET) {
      signal(IE);
      return kind == Kind.ZERO ? signed<T>(sign) : b;
    }
    if (aDenormal || wasDenormal) signal(DE);
    const second = kind == Kind.ZERO ? signed<T>(sign) : b;
    if (aKind == Kind.ZERO && kind == Kind.ZERO) return second;
    const first = aKind == Kind.ZERO ? signed<T>(aSign) : a;
    const isLess = isBelow<T>(first, second);
    if (op == FloatOp.MIN) return isLess ? first : second;
    return isBelow<T>(second, first) ? first : second;
  }
  if (aKind >= Kind.QUIET || kind >= Kind.QUIET) {
    if (aKind == Kind.SIGNALING || kind == Kind.SIGNALING) signal(IE);
    return (aKind >= Kind.QUIET ? a : b) | quietBit<T>();
  }
  if (op == FloatOp.SUB) sign ^= 1;
  const product = signed<T>(aSign ^ sign);
  switch (op) {
    case FloatOp.ADD:
    case FloatOp.SUB:
      if (aKind == Kind.INFINITY && kind == Kind.INFINITY && aSign != sign) return invalidOperation<T>();
      break;
    case FloatOp.MUL:
      if ((aKind == Kind.INFINITY && kind == Kind.ZERO) || (aKind == Kind.ZERO && kind == Kind.INFINITY)) {
        return invalidOperation<T>();
      }
      break;
    default:
      if (aKind == kind && (kind == Kind.ZERO || kind == Kind.INFINITY)) return invalidOperation<T>();
      if (kind == Kind.ZERO && aKind == Kind.FINITE) {
        signal(ZE);
        return product | infinity<T>();
      }
  }
  if (aDenormal || wasDenormal) {
    signal(DE);
    if (isSuppressed()) return 0;
  }
  switch (op) {
    case FloatOp.ADD:
    case FloatOp.SUB:
      if (aKind == Kind.INFINITY) return a;
      if (kind == Kind.INFINITY) return signed<T>(sign) | infinity<T>();
      if (aKind == Kind.ZERO) {
        if (kind == Kind.ZERO) return signed<T>(aSign == sign ? sign : u32(rounding == ROUND_DOWN));
        return pack<T>(sign, exponent, mantissa, 0);
      }
      if (kind == Kind.ZERO) return pack<T>(aSign, aExponent, aMantissa, 0);
      addFinite(aSign, aExponent, aMantissa, sign, exponent, mantissa);
      if (exactHigh == 0) return signed<T>(u32(rounding == ROUND_DOWN));
      break;
    case FloatOp.MUL:
      if (aKind == Kind.INFINITY || kind == Kind.INFINITY) return product | infinity<T>();
      if (aKind == Kind.ZERO || kind == Kind.ZERO) return product;
      multiplyFinite(aSign, aExponent, aMantissa, sign, exponent, mantissa);
      break;
    default:
      if (aKind == Kind.INFINITY || kind == Kind.ZERO) return product | infinity<T>();
      if (aKind == Kind.ZERO || kind == Kind.INFINITY) return product;
      divideFinite(aSign, aExponent, aMantissa, sign, exponent, mantissa);
  }
  return pack<T>(exactSign, exactExponent, exactHigh, exactLow);
}

function softSquareRoot<T>(a: u64): u64 {
  unpack<T>(a);
  if (kind >= Kind.QUIET) {
    if (kind == Kind.SIGNALING) signal(IE);
    return a | quietBit<T>();
  }
  if (kind == Kind.ZERO) return signed<T>(sign);
  if (sign != 0) return invalidOperation<T>();
  if (kind == Kind.INFINITY) return a;
  if (wasDenormal) {
    signal(DE);
    if (isSuppressed()) return 0;
  }
  squareRootFinite(exponent, mantissa);
  return pack<T>(0, exactExponent, exactHigh, exactLow);
}

/** a < b, neither a NaN. */
function isBelow<T>(a: u64, b: u64): bool {
  const aNegative = (a & signBit<T>()) != 0;
  const bNegative = (b & signBit<T>()) != 0;
  const aMagnitude = a & ~signBit<T>();
  const bMagnitude = b & ~signBit<T>();
  if (aMagnitude == 0 && bMagnitude == 0) return false;
  if (aNegative != bNegative) return aNegative;
  return aNegative ? aMagnitude > bMagnitude : aMagnitude < bMagnitude;
}

/** Compares; `signalsQuiet`: a quiet NaN raises IE too (COMIS*, the ordered predicates of CMP*). */
export function softCompare<T>(a: u64, b: u64, signalsQuiet: bool): u32 {
  unpack<T>(a);
  const aKind = kind;
  const aDenormal = wasDenormal;
  if (kind == Kind.ZERO) a = 0;
  unpack<T>(b);
  if (kind == Kind.ZERO) b = 0;
  if (aKind >= Kind.QUIET || kind >= Kind.QUIET) {
    if (signalsQuiet || aKind == Kind.SIGNALING || kind == Kind.SIGNALING) signal(IE);
    return UNORDERED;
  }
  if (aDenormal || wasDenormal) signal(DE);
  if (isBelow<T>(a, b)) return LESS;
  return isBelow<T>(b, a) ? GREATER : EQUAL;
}

/** Converts between the formats: From is f64 and To f32, or the other way round. */
export function softConvert<From, To>(a: u64): u64 {
  unpack<From>(a);
  switch (kind) {
    case Kind.ZERO:
      return signed<To>(sign);
    case Kind.INFINITY:
      return signed<To>(sign) | infinity<To>();
    case Kind.FINITE:
      if (wasDenormal) {
        signal(DE);
        if (isSuppressed()) return 0;
      }
      return pack<To>(sign, exponent, mantissa, 0);
  }
  if (kind == Kind.SIGNALING) signal(IE);
  const payload = sizeof<From>() == 8 ? (a & 0xf_ffff_ffff_ffff) >> 29 : (a & 0x7f_ffff) << 29;
  return signed<To>(sign) | infinity<To>() | quietBit<To>() | payload;
}

/** Converts a signed integer. */
export function softFromInteger<T>(value: i64): u64 {
  if (value == 0) return 0;
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = clz(magnitude);
  return pack<T>(u32(value < 0), 16383 + 63 - <i32>shift, magnitude << shift, 0);
}

/** Converts to a signed integer of `bits` bits; out of range gives the most negative one and IE. */
export function softToInteger<T>(a: u64, bits: u32, truncate: bool): i64 {
  if (truncate) setRounding(ROUND_ZERO);
  unpack<T>(a);
  if (kind == Kind.ZERO) return 0;
  const shift = 16383 + 63 - exponent;
  if (kind == Kind.FINITE && shift >= 0) {
    let integer: u64 = 0;
    let fraction: u64 = 1;
    if (shift == 0) {
      integer = mantissa;
      fraction = 0;
    } else if (shift < 64) {
      integer = mantissa >> (<u64>shift);
      fraction = mantissa << (<u64>(64 - shift));
    } else if (shift == 64) {
      fraction = mantissa;
    }
    integer += u64(fraction != 0 && isRoundedUp(sign, integer, fraction));
    const limit: u64 = (<u64>1) << (<u64>(bits - 1));
    if (integer < limit || (sign != 0 && integer == limit)) {
      if (fraction != 0) signal(PE);
      return sign != 0 ? 0 - <i64>integer : <i64>integer;
    }
  }
  signal(IE);
  return i64.MIN_VALUE >> (<i64>(64 - bits));
}

/** Rounds to an integral value. ROUND*: `mode` is ROUND_*; raises PE unless `quiet`, never DE. */
export function softRound<T>(a: u64, mode: u32, quiet: bool): u64 {
  setRounding(mode);
  unpack<T>(a);
  if (kind == Kind.SIGNALING) {
    signal(IE);
    return a | quietBit<T>();
  }
  if (kind == Kind.ZERO) return signed<T>(sign);
  const shift = 16383 + 63 - exponent;
  if (kind != Kind.FINITE || exponent >= 16383 + (sizeof<T>() == 8 ? 52 : 23)) return a;
  let integer: u64 = 0;
  let fraction: u64 = 1;
  if (shift < 64) {
    integer = mantissa >> <u64>shift;
    fraction = mantissa << <u64>(64 - shift);
  } else if (shift == 64) {
    fraction = mantissa;
  }
  if (fraction == 0) return a;
  if (!quiet) signal(PE);
  integer += u64(isRoundedUp(sign, integer, fraction));
  if (integer == 0) return signed<T>(sign);
  const normal = <i32>clz(integer);
  return pack<T>(sign, 16383 + 63 - normal, integer << <u64>normal, 0);
}

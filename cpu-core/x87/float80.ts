/**
 * The 80-bit double extended-precision format and its arithmetic: what FADD, FSUB, FMUL, FDIV and FSQRT compute.
 *
 * A number is a significand (u64, explicit integer bit 63) and a sign and exponent (u16 in a u32: sign bit 15). Results are
 * in resultMantissa and resultSignExponent, exceptions in x87/round.ts `raised`; begin with beginX87(). If isSuppressed() holds
 * afterwards there is no result. Callers: ops/x87.ts. SDM vol 1 "Operating on NaNs", "Unsupported Double Extended-
 * Precision Floating-Point Encodings and Pseudo-Denormals".
 */
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
  INFINITE,
  ROUND_DOWN,
  ZE,
  isSuppressed,
  precision,
  roundTo,
  roundedExponent,
  roundedMantissa,
  rounding,
  signal,
} from "./round";

export const EXPONENT_MASK: u32 = 0x7fff;
export const SIGN: u32 = 0x8000;
export const INTEGER_BIT: u64 = 0x8000_0000_0000_0000;
export const QUIET_BIT: u64 = 0x4000_0000_0000_0000;

/** The "real indefinite" QNaN, the masked response to an invalid operation. */
export const INDEFINITE_MANTISSA: u64 = 0xc000_0000_0000_0000;
export const INDEFINITE_SIGN_EXPONENT: u32 = 0xffff;

export let resultMantissa: u64 = 0;
export let resultSignExponent: u32 = 0;

/** A memory operand of the instruction was a denormal before it was widened: x87/convert.ts sets it, arithmetic raises DE. */
export let operandWasDenormal: bool = false;

// prettier-ignore
@inline
export function setOperandWasDenormal(value: bool): void {
  operandWasDenormal = value;
}

// prettier-ignore
@inline
export function setResult(mantissa: u64, signExponent: u32): void {
  resultMantissa = mantissa;
  resultSignExponent = signExponent;
}

// prettier-ignore
@inline
export function isZero(mantissa: u64, signExponent: u32): bool {
  return mantissa == 0 && (signExponent & EXPONENT_MASK) == 0;
}

/** A denormal or pseudo-denormal. */
// prettier-ignore
@inline
export function isDenormal(mantissa: u64, signExponent: u32): bool {
  return mantissa != 0 && (signExponent & EXPONENT_MASK) == 0;
}

/** Unnormal, pseudo-infinity or pseudo-NaN: encodings that every arithmetic instruction refuses. */
// prettier-ignore
@inline
export function isUnsupported(mantissa: u64, signExponent: u32): bool {
  return mantissa >> 63 == 0 && (signExponent & EXPONENT_MASK) != 0;
}

// prettier-ignore
@inline
export function isNaN80(mantissa: u64, signExponent: u32): bool {
  return (signExponent & EXPONENT_MASK) == EXPONENT_MASK && mantissa << 1 != 0;
}

// prettier-ignore
@inline
export function isInfinity(mantissa: u64, signExponent: u32): bool {
  return (signExponent & EXPONENT_MASK) == EXPONENT_MASK && mantissa << 1 == 0;
}

// prettier-ignore
@inline
export function isSignaling(mantissa: u64, signExponent: u32): bool {
  return (mantissa & QUIET_BIT) == 0 && isNaN80(mantissa, signExponent);
}

/** Invalid operation: the result is the real indefinite. */
export function invalid(): void {
  signal(IE);
  setResult(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
}

/** The exponent of a finite non-zero number as if it were normalised. */
// prettier-ignore
@inline
export function normalExponent(mantissa: u64, signExponent: u32): i32 {
  const exponent = <i32>(signExponent & EXPONENT_MASK);
  return exponent != 0 ? exponent : 1 - <i32>clz(mantissa);
}

/** The significand of a finite non-zero number as if it were normalised. */
// prettier-ignore
@inline
export function normalMantissa(mantissa: u64): u64 {
  return mantissa << clz(mantissa);
}

/** If the operand is a NaN or unsupported, makes the result and returns true. */
export function nanOperand(mantissa: u64, signExponent: u32): bool {
  if (isUnsupported(mantissa, signExponent)) {
    invalid();
    return true;
  }
  if (!isNaN80(mantissa, signExponent)) return false;
  if ((mantissa & QUIET_BIT) == 0) signal(IE);
  setResult(mantissa | QUIET_BIT, signExponent);
  return true;
}

/**
 * If one of two operands is a NaN or unsupported, makes the result and returns true. The x87 rule: a QNaN beats an SNaN, of
 * two of a kind the larger significand wins, of two equal ones the positive.
 */
export function nanOperands(aMantissa: u64, a: u32, bMantissa: u64, b: u32): bool {
  if (isUnsupported(aMantissa, a) || isUnsupported(bMantissa, b)) {
    invalid();
    return true;
  }
  const aNaN = isNaN80(aMantissa, a);
  const bNaN = isNaN80(bMantissa, b);
  if (!aNaN && !bNaN) return false;
  const aSignals = aNaN && (aMantissa & QUIET_BIT) == 0;
  const bSignals = bNaN && (bMantissa & QUIET_BIT) == 0;
  if (aSignals || bSignals) signal(IE);
  let takeA: bool;
  if (!bNaN) takeA = true;
  else if (!aNaN) takeA = false;
  else if (aSignals != bSignals) takeA = bSignals;
  else if (aMantissa != bMantissa) takeA = aMantissa > bMantissa;
  else takeA = (a & SIGN) == 0;
  if (takeA) setResult(aMantissa | QUIET_BIT, a);
  else setResult(bMantissa | QUIET_BIT, b);
  return true;
}

/** Raises DE if an operand is denormal. Returns true if that is unmasked and ends the instruction. */
// prettier-ignore
@inline
export function denormalOperands(aMantissa: u64, a: u32, bMantissa: u64, b: u32): bool {
  if (operandWasDenormal || isDenormal(aMantissa, a) || isDenormal(bMantissa, b)) {
    signal(DE);
    return isSuppressed();
  }
  return false;
}

/** Rounds a number to the precision in force and makes it the result. */
export function roundToResult(sign: u32, exponent: i32, high: u64, low: u64): void {
  roundTo(sign, exponent, high, low, precision, 1, 0x7ffe, 24576);
  const signBit = sign != 0 ? SIGN : 0;
  if (roundedExponent == INFINITE) setResult(INTEGER_BIT, signBit | EXPONENT_MASK);
  else if (roundedMantissa >> 63 != 0) setResult(roundedMantissa, signBit | (<u32>roundedExponent));
  else setResult(roundedMantissa, signBit);
}

/** a + b; a - b is add() with the sign of b turned. */
function sum(aMantissa: u64, a: u32, bMantissa: u64, b: u32): void {
  if (isInfinity(aMantissa, a)) {
    if (isInfinity(bMantissa, b) && ((a ^ b) & SIGN) != 0) {
      invalid();
      return;
    }
    if (denormalOperands(aMantissa, a, bMantissa, b)) return;
    setResult(aMantissa, a);
    return;
  }
  if (denormalOperands(aMantissa, a, bMantissa, b)) return;
  if (isInfinity(bMantissa, b)) {
    setResult(bMantissa, b);
    return;
  }
  if (aMantissa == 0 || bMantissa == 0) {
    if (aMantissa == 0 && bMantissa == 0) {
      const sign = ((a ^ b) & SIGN) == 0 ? a & SIGN : rounding == ROUND_DOWN ? SIGN : 0;
      setResult(0, sign);
      return;
    }
    // A lone operand is still rounded to the precision in force.
    if (aMantissa == 0) roundToResult(b >> 15, normalExponent(bMantissa, b), normalMantissa(bMantissa), 0);
    else roundToResult(a >> 15, normalExponent(aMantissa, a), normalMantissa(aMantissa), 0);
    return;
  }
  addFinite(
    a >> 15,
    normalExponent(aMantissa, a),
    normalMantissa(aMantissa),
    b >> 15,
    normalExponent(bMantissa, b),
    normalMantissa(bMantissa),
  );
  if (exactHigh == 0) setResult(0, rounding == ROUND_DOWN ? SIGN : 0);
  else roundToResult(exactSign, exactExponent, exactHigh, exactLow);
}

/** FADD: a + b. */
export function add(aMantissa: u64, a: u32, bMantissa: u64, b: u32): void {
  if (!nanOperands(aMantissa, a, bMantissa, b)) sum(aMantissa, a, bMantissa, b);
}

/** FSUB: a - b. */
export function subtract(aMantissa: u64, a: u32, bMantissa: u64, b: u32): void {
  if (!nanOperands(aMantissa, a, bMantissa, b)) sum(aMantissa, a, bMantissa, b ^ SIGN);
}

/** FMUL: a × b. */
export function multiply(aMantissa: u64, a: u32, bMantissa: u64, b: u32): void {
  if (nanOperands(aMantissa, a, bMantissa, b)) return;
  const sign = (a ^ b) & SIGN;
  if (isInfinity(aMantissa, a) || isInfinity(bMantissa, b)) {
    if (isZero(aMantissa, a) || isZero(bMantissa, b)) {
      invalid();
      return;
    }
    if (denormalOperands(aMantissa, a, bMantissa, b)) return;
    setResult(INTEGER_BIT, sign | EXPONENT_MASK);
    return;
  }
  if (denormalOperands(aMantissa, a, bMantissa, b)) return;
  if (aMantissa == 0 || bMantissa == 0) {
    setResult(0, sign);
    return;
  }
  multiplyFinite(
    a >> 15,
    normalExponent(aMantissa, a),
    normalMantissa(aMantissa),
    b >> 15,
    normalExponent(bMantissa, b),
    normalMantissa(bMantissa),
  );
  roundToResult(exactSign, exactExponent, exactHigh, exactLow);
}

/** FDIV: a / b. */
export function divide(aMantissa: u64, a: u32, bMantissa: u64, b: u32): void {
  if (nanOperands(aMantissa, a, bMantissa, b)) return;
  const sign = (a ^ b) & SIGN;
  if (isInfinity(aMantissa, a)) {
    if (isInfinity(bMantissa, b)) {
      invalid();
      return;
    }
    if (denormalOperands(aMantissa, a, bMantissa, b)) return;
    setResult(INTEGER_BIT, sign | EXPONENT_MASK);
    return;
  }
  if (isInfinity(bMantissa, b)) {
    if (denormalOperands(aMantissa, a, bMantissa, b)) return;
    setResult(0, sign);
    return;
  }
  if (bMantissa == 0) {
    if (aMantissa == 0) {
      invalid();
      return;
    }
    signal(ZE);
    setResult(INTEGER_BIT, sign | EXPONENT_MASK);
    return;
  }
  if (denormalOperands(aMantissa, a, bMantissa, b)) return;
  if (aMantissa == 0) {
    setResult(0, sign);
    return;
  }
  divideFinite(
    a >> 15,
    normalExponent(aMantissa, a),
    normalMantissa(aMantissa),
    b >> 15,
    normalExponent(bMantissa, b),
    normalMantissa(bMantissa),
  );
  roundToResult(exactSign, exactExponent, exactHigh, exactLow);
}

/** FSQRT. */
export function squareRoot(mantissa: u64, signExponent: u32): void {
  if (nanOperand(mantissa, signExponent)) return;
  if (isZero(mantissa, signExponent)) {
    setResult(mantissa, signExponent);
    return;
  }
  if ((signExponent & SIGN) != 0) {
    invalid();
    return;
  }
  if (isInfinity(mantissa, signExponent)) {
    setResult(mantissa, signExponent);
    return;
  }
  if (denormalOperands(mantissa, signExponent, 0, 0)) return;
  squareRootFinite(normalExponent(mantissa, signExponent), normalMantissa(mantissa));
  roundToResult(exactSign, exactExponent, exactHigh, exactLow);
}

/**
 * The exact operations that take exponents apart: FPREM, FPREM1, FRNDINT, FSCALE, FXTRACT. SDM vol 2A, each by its name.
 */
import {
  EXPONENT_MASK,
  INTEGER_BIT,
  SIGN,
  denormalOperands,
  invalid,
  isInfinity,
  isZero,
  nanOperand,
  nanOperands,
  normalExponent,
  normalMantissa,
  resultMantissa,
  resultSignExponent,
  roundToResult,
  setResult,
} from "./float80";
import { PE, ROUNDED_UP, ZE, isRoundedUp, isSuppressed, setPrecision, signal } from "./round";
import { divideWide, wideRemainder } from "./wide";

/** FPREM's low three bits of the quotient. */
export let remainderQuotient: u32 = 0;
/** FPREM's C2: the reduction is not complete. */
export let remainderIsPartial: bool = false;

/** There was a quotient: the operands were numbers. */
export let remainderIsDone: bool = false;

/** a mod b: towards zero (FPREM) or to nearest (FPREM1). At most 63 exponent steps are done in one go. */
export function remainder(aMantissa: u64, a: u32, bMantissa: u64, b: u32, toNearest: bool): void {
  remainderQuotient = 0;
  remainderIsPartial = false;
  remainderIsDone = false;
  if (nanOperands(aMantissa, a, bMantissa, b)) return;
  if (isInfinity(aMantissa, a) || isZero(bMantissa, b)) {
    invalid();
    return;
  }
  if (denormalOperands(aMantissa, a, bMantissa, b)) return;
  remainderIsDone = true;
  if (aMantissa == 0 || isInfinity(bMantissa, b)) {
    setResult(aMantissa, a);
    if (aMantissa != 0) roundExact(a >> 15, normalExponent(aMantissa, a), normalMantissa(aMantissa));
    return;
  }
  const sign = a >> 15;
  let exponent = normalExponent(aMantissa, a);
  const bExponent = normalExponent(bMantissa, b);
  const divisor = normalMantissa(bMantissa);
  let rest = normalMantissa(aMantissa);
  const difference = exponent - bExponent;

  if (difference >= 64) {
    // Reduce by 32..63 steps; software goes round until C2 is clear.
    const steps = (difference & 31) | 32;
    rest = reduce(rest, divisor, steps);
    remainderIsPartial = true;
    finish(sign, exponent - steps, rest, divisor);
    return;
  }
  if (difference < -1 || (difference < 0 && !toNearest)) {
    roundExact(sign, exponent, rest);
    return;
  }
  let quotient: u64 = 0;
  let resultSign = sign;
  if (difference >= 0) {
    rest = reduce(rest, divisor, difference);
    quotient = reducedQuotient;
    exponent = bExponent;
    if (toNearest && rest != 0) {
      const other = divisor - rest;
      if (other < rest || (other == rest && (quotient & 1) != 0)) {
        quotient++;
        rest = other;
        resultSign ^= 1;
      }
    }
  } else {
    // |a| is between ¼ |b| and |b|: one step down only if it is above ½ |b|.
    if (rest > divisor) {
      quotient = 1;
      rest = divisor - (rest - divisor);
      resultSign ^= 1;
    }
  }
  remainderQuotient = <u32>(quotient & 7);
  finish(resultSign, exponent, rest, divisor);
}

let reducedQuotient: u64 = 0;

/** (mantissa × 2^steps) mod divisor, both with the top bit set, steps 0..63; the quotient's low 64 bits in reducedQuotient. */
function reduce(mantissa: u64, divisor: u64, steps: i32): u64 {
  let top: u64 = 0;
  if (mantissa >= divisor) {
    mantissa -= divisor;
    top = 1;
  }
  if (steps == 0) {
    reducedQuotient = top;
    return mantissa;
  }
  const high = mantissa >> (<u64>(64 - steps));
  const low = mantissa << (<u64>steps);
  const quotient = divideWide(high, low, divisor);
  reducedQuotient = quotient + (top << (<u64>steps));
  return wideRemainder;
}

function finish(sign: u32, exponent: i32, rest: u64, divisor: u64): void {
  if (rest == 0) {
    setResult(0, sign != 0 ? SIGN : 0);
    return;
  }
  const shift = clz(rest);
  roundExact(sign, exponent - <i32>shift, rest << shift);
}

/** Packs an exact result, which may be denormal. */
// prettier-ignore
@inline
function roundExact(sign: u32, exponent: i32, mantissa: u64): void {
  setPrecision(64);
  roundToResult(sign, exponent, mantissa, 0);
}

/** FRNDINT. */
export function roundToIntegral(mantissa: u64, signExponent: u32): void {
  if (nanOperand(mantissa, signExponent)) return;
  const exponent = <i32>(signExponent & EXPONENT_MASK);
  if (mantissa == 0 || exponent >= 16383 + 63) {
    setResult(mantissa, signExponent);
    return;
  }
  if (denormalOperands(mantissa, signExponent, 0, 0)) return;
  const sign = signExponent >> 15;
  const shift = 16383 + 63 - exponent;
  let integer: u64 = 0;
  let fraction: u64 = 1;
  if (shift < 64) {
    integer = mantissa >> (<u64>shift);
    fraction = mantissa << (<u64>(64 - shift));
  } else if (shift == 64) {
    fraction = mantissa;
  }
  if (fraction == 0) {
    setResult(mantissa, signExponent);
    return;
  }
  const up = isRoundedUp(sign, integer, fraction);
  signal(PE | (up ? ROUNDED_UP : 0));
  integer += u64(up);
  if (integer == 0) {
    setResult(0, signExponent & SIGN);
    return;
  }
  const normal = <u32>clz(integer);
  setResult(integer << normal, (signExponent & SIGN) | (16383 + 63 - normal));
}

/** FSCALE: a × 2^trunc(b). */
export function scale(aMantissa: u64, a: u32, bMantissa: u64, b: u32): void {
  if (nanOperands(aMantissa, a, bMantissa, b)) return;
  const down = (b & SIGN) != 0;
  if (isInfinity(bMantissa, b)) {
    if (down ? isInfinity(aMantissa, a) : isZero(aMantissa, a)) {
      invalid();
      return;
    }
    if (denormalOperands(aMantissa, a, bMantissa, b)) return;
    if (isInfinity(aMantissa, a) || isZero(aMantissa, a)) setResult(aMantissa, a);
    else if (down) setResult(0, a & SIGN);
    else setResult(INTEGER_BIT, (a & SIGN) | EXPONENT_MASK);
    return;
  }
  if (denormalOperands(aMantissa, a, bMantissa, b)) return;
  if (isInfinity(aMantissa, a) || aMantissa == 0) {
    setResult(aMantissa, a);
    return;
  }
  let steps = 0;
  const bExponent = <i32>(b & EXPONENT_MASK);
  if (bExponent >= 16383) {
    steps = bExponent > 16383 + 16 ? 0x1_0000 : <i32>(bMantissa >> (<u64>(16383 + 63 - bExponent)));
    if (down) steps = -steps;
  }
  setPrecision(64);
  roundToResult(a >> 15, normalExponent(aMantissa, a) + steps, normalMantissa(aMantissa), 0);
}

/** FXTRACT's exponent; its significand is in resultMantissa/resultSignExponent. */
export let extractedMantissa: u64 = 0;
export let extractedSignExponent: u32 = 0;

/** FXTRACT: splits a number into exponent and significand. */
export function extract(mantissa: u64, signExponent: u32): void {
  if (nanOperand(mantissa, signExponent)) {
    extractedMantissa = resultMantissa;
    extractedSignExponent = resultSignExponent;
    return;
  }
  if (isInfinity(mantissa, signExponent)) {
    extractedMantissa = INTEGER_BIT;
    extractedSignExponent = EXPONENT_MASK;
    setResult(mantissa, signExponent);
    return;
  }
  if (mantissa == 0) {
    signal(ZE);
    extractedMantissa = INTEGER_BIT;
    extractedSignExponent = SIGN | EXPONENT_MASK;
    setResult(mantissa, signExponent);
    return;
  }
  if (denormalOperands(mantissa, signExponent, 0, 0) && isSuppressed()) return;
  const exponent = normalExponent(mantissa, signExponent) - 16383;
  const magnitude = <u32>abs(exponent);
  if (magnitude == 0) {
    extractedMantissa = 0;
    extractedSignExponent = 0;
  } else {
    const shift = <u32>clz(magnitude);
    extractedMantissa = (<u64>(magnitude << shift)) << 32;
    extractedSignExponent = (exponent < 0 ? SIGN : 0) | (16383 + 31 - shift);
  }
  setResult(normalMantissa(mantissa), (signExponent & SIGN) | 16383);
}

/**
 * An accumulator for numbers with 128-bit significands, and fixed-point series: the working precision of the
 * transcendental functions (x87/transcendental.ts), 50 bits beyond what an 80-bit result holds.
 *
 * The accumulator's value is (-1)^accSign × accHigh:accLow / 2^128 × 2^accExponent, top bit of accHigh set; zero has
 * accHigh 0. Fixed-point numbers are either fractions (Q0.128) or brackets (Q2.126: ONE is 1 << 126).
 */
import { INTEGER_BIT, normalExponent, normalMantissa, roundToResult } from "./float80";
import { setPrecision } from "./round";
import { multiplyWide, shiftRightJam, wideLow } from "./wide";

export let accSign: u32 = 0;
export let accExponent: i32 = 0;
export let accHigh: u64 = 0;
export let accLow: u64 = 0;

/** 1 in Q2.126, high half. */
export const ONE: u64 = 0x4000_0000_0000_0000;

/** Low half of what multiplyFraction() and divideSmall() returned. */
export let fixedLow: u64 = 0;

/** High 128 bits of the 256-bit product of two 128-bit numbers (the last bit may be one too low). */
export function multiplyFraction(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  const cross1 = multiplyWide(aHigh, bLow);
  const cross1Low = wideLow;
  const cross2 = multiplyWide(aLow, bHigh);
  const crossLow = wideLow + cross1Low;
  let high = multiplyWide(aHigh, bHigh);
  let low = wideLow;
  const carry = u64(crossLow < cross1Low);
  low += cross1;
  high += u64(low < cross1);
  low += cross2;
  high += u64(low < cross2);
  low += carry;
  high += u64(low < carry);
  fixedLow = low;
  return high;
}

/** high:low / divisor, rounded down. */
export function divideSmall(high: u64, low: u64, divisor: u32): u64 {
  const d = <u64>divisor;
  const quotient = high / d;
  let rest = high % d;
  const middle = (rest << 32) | (low >> 32);
  rest = middle % d;
  const last = (rest << 32) | (low & 0xffff_ffff);
  fixedLow = ((middle / d) << 32) | (last / d);
  return quotient;
}

/** acc = a wide number. */
export function accSet(sign: u32, exponent: i32, high: u64, low: u64): void {
  accSign = sign;
  accExponent = exponent;
  accHigh = high;
  accLow = low;
  normalise();
}

/** acc = a finite 80-bit number. */
export function accLoad(mantissa: u64, signExponent: u32): void {
  accSign = signExponent >> 15;
  accLow = 0;
  if (mantissa == 0) {
    accHigh = 0;
    return;
  }
  accExponent = normalExponent(mantissa, signExponent) - 16382;
  accHigh = normalMantissa(mantissa);
}

function normalise(): void {
  if (accHigh == 0) {
    if (accLow == 0) return;
    accHigh = accLow;
    accLow = 0;
    accExponent -= 64;
  }
  const shift = clz(accHigh);
  if (shift != 0) {
    accHigh = (accHigh << shift) | (accLow >> (64 - shift));
    accLow <<= shift;
    accExponent -= <i32>shift;
  }
}

/** acc = acc × b. */
export function accMultiply(sign: u32, exponent: i32, high: u64, low: u64): void {
  accHigh = multiplyFraction(accHigh, accLow, high, low);
  accLow = fixedLow;
  accExponent += exponent;
  accSign ^= sign;
  normalise();
}

/** acc = acc + b, b normalised or zero. */
export function accAdd(sign: u32, exponent: i32, high: u64, low: u64): void {
  if (high == 0) return;
  if (accHigh == 0) {
    accSet(sign, exponent, high, low);
    return;
  }
  let aSign = accSign,
    aExponent = accExponent,
    aHigh = accHigh,
    aLow = accLow;
  if (aExponent < exponent || (aExponent == exponent && (aHigh < high || (aHigh == high && aLow < low)))) {
    aSign = sign;
    sign = accSign;
    aExponent = exponent;
    exponent = accExponent;
    aHigh = high;
    high = accHigh;
    aLow = low;
    low = accLow;
  }
  high = shiftRightJam(high, low, aExponent - exponent);
  low = wideLow;
  accSign = aSign;
  accExponent = aExponent;
  if (aSign == sign) {
    const sumLow = aLow + low;
    const carry = u64(sumLow < low);
    const sum = aHigh + high;
    const sumCarried = sum + carry;
    accHigh = sumCarried;
    accLow = sumLow;
    if (sum < high || sumCarried < sum) {
      accLow = (sumLow >> 1) | (sumCarried << 63);
      accHigh = (sumCarried >> 1) | INTEGER_BIT;
      accExponent++;
    }
    return;
  }
  accHigh = aHigh - high - u64(aLow < low);
  accLow = aLow - low;
  normalise();
}

/** acc = acc / b, b normalised. Long division, a bit at a time. */
export function accDivide(sign: u32, exponent: i32, high: u64, low: u64): void {
  let restHigh = accHigh;
  let restLow = accLow;
  let quotientHigh: u64 = 0;
  let quotientLow: u64 = 0;
  let carry = false;
  accExponent = accExponent - exponent;
  // Significands in [½, 1): the quotient is in (½, 2). Make it a fraction first.
  if (restHigh > high || (restHigh == high && restLow >= low)) accExponent++;
  else {
    carry = true;
    restHigh = (restHigh << 1) | (restLow >> 63);
    restLow <<= 1;
  }
  for (let bit = 0; bit < 128; bit++) {
    quotientHigh = (quotientHigh << 1) | (quotientLow >> 63);
    quotientLow <<= 1;
    if (carry || restHigh > high || (restHigh == high && restLow >= low)) {
      restHigh = restHigh - high - u64(restLow < low);
      restLow -= low;
      quotientLow |= 1;
    }
    carry = restHigh >> 63 != 0;
    restHigh = (restHigh << 1) | (restLow >> 63);
    restLow <<= 1;
  }
  accHigh = quotientHigh;
  accLow = quotientLow;
  accSign ^= sign;
}

/** Rounds acc, an approximation of something irrational, to the 80-bit result. */
export function accToResult(): void {
  setPrecision(64);
  roundToResult(accSign, accExponent + 16382, accHigh, accLow | 1);
}

/** Rounds acc, which is exact, to the 80-bit result. */
export function accToExactResult(): void {
  setPrecision(64);
  roundToResult(accSign, accExponent + 16382, accHigh, accLow);
}

/** acc² as a fraction (acc below 1): returns the high half, the low half in fixedLow. */
export function accSquareFraction(): u64 {
  const high = multiplyFraction(accHigh, accLow, accHigh, accLow);
  const shift = -2 * accExponent;
  if (shift >= 128) {
    fixedLow = 0;
    return 0;
  }
  const shifted = shiftRightJam(high, fixedLow, shift);
  fixedLow = wideLow;
  return shifted;
}

/** acc = acc × bracket (Q2.126). */
export function accScale(high: u64, low: u64): void {
  accHigh = multiplyFraction(accHigh, accLow, high, low);
  accLow = fixedLow;
  accExponent += 2;
  normalise();
}

/**
 * F2XM1, FYL2X, FYL2XP1, FSIN, FCOS, FSINCOS, FPTAN, FPATAN and the constants.
 *
 * Arguments are reduced exactly, series are summed with 128 bits (x87/real.ts), so results are off by less than a unit in
 * the last place, in every rounding mode. Trigonometric arguments are reduced with the 66-bit pi of the hardware, for which
 * see SDM vol 1 "Approximation of Pi". Precision control does not apply. Special values: SDM vol 2A, each by its name.
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
  setResult,
} from "./float80";
import { PE, ZE, signal } from "./round";
import {
  ONE,
  accAdd,
  accDivide,
  accExponent,
  accHigh,
  accLoad,
  accLow,
  accMultiply,
  accScale,
  accSet,
  accSign,
  accSquareFraction,
  accToExactResult,
  accToResult,
  divideSmall,
  fixedLow,
  multiplyFraction,
} from "./real";

const PI_HIGH: u64 = 0xc90f_daa2_2168_c234;
const PI_LOW: u64 = 0xc4c6_628b_80dc_1cd1;
const LN2_HIGH: u64 = 0xb172_17f7_d1cf_79ab;
const LN2_LOW: u64 = 0xc9e3_b398_03f2_f6af;
const LOG2E_HIGH: u64 = 0xb8aa_3b29_5c17_f0bb;
const LOG2E_LOW: u64 = 0xbe87_fed0_691d_3e88;

/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ, by the low three bits of their opcode. They raise nothing. */
export function loadConstant(which: u32): void {
  switch (which) {
    case 0:
      setResult(INTEGER_BIT, 16383);
      return;
    case 1:
      accSet(0, 2, 0xd49a_784b_cd1b_8afe, 0x492b_f6ff_4daf_db4c);
      break;
    case 2:
      accSet(0, 1, LOG2E_HIGH, LOG2E_LOW);
      break;
    case 3:
      accSet(0, 2, PI_HIGH, PI_LOW);
      break;
    case 4:
      accSet(0, -1, 0x9a20_9a84_fbcf_f798, 0x8f89_59ac_0b7c_9178);
      break;
    case 5:
      accSet(0, 0, LN2_HIGH, LN2_LOW);
      break;
    default:
      setResult(0, 0);
      return;
  }
  accToResult();
}

/** 1 - z/d (1 - z/d' (1 - ...)), the series of sine (d = 2·3, 4·5, ...) and cosine (1·2, 3·4, ...). Returns Q2.126. */
function alternatingSeries(zHigh: u64, zLow: u64, first: u32): u64 {
  let high = ONE;
  let low: u64 = 0;
  for (let n = first + 26; ; n -= 2) {
    high = multiplyFraction(zHigh, zLow, high, low);
    high = divideSmall(high, fixedLow, n * (n + 1));
    low = fixedLow;
    // At least a last bit is taken off, so that a tiny angle rounds to the right side.
    if ((high | low) == 0) low = 1;
    high = ONE - high - u64(low != 0);
    low = 0 - low;
    if (n == first) break;
  }
  fixedLow = low;
  return high;
}

/** Which quarter turn reduceAngle() found, 0..3. */
let quadrant: u32 = 0;

/** True for a finite number of magnitude 2^63 and more, which the trigonometric instructions refuse (C2). */
// prettier-ignore
@inline
export function isOutOfRange(signExponent: u32): bool {
  const exponent = signExponent & EXPONENT_MASK;
  return exponent >= 16383 + 63 && exponent != EXPONENT_MASK;
}

/** 66 bits of pi × 2^64, as the hardware has them. */
const PI66_HIGH: u64 = 3;
const PI66_LOW: u64 = 0x243f_6a88_85a3_08d3;

/** acc = the angle less a multiple of pi/2, between -pi/4 and pi/4. */
function reduceAngle(mantissa: u64, signExponent: u32): void {
  quadrant = 0;
  const exponent = normalExponent(mantissa, signExponent) - 16383;
  if (exponent < -1) {
    accLoad(mantissa, signExponent);
    return;
  }
  // In units of 2^-65 the angle is an integer, and pi/2 is PI66. Divide, a bit at a time.
  let restHigh: u64 = 0;
  let restLow: u64 = 0;
  let quotient: u32 = 0;
  const bits = 64 + exponent + 2;
  for (let bit = 0; bit < bits; bit++) {
    restHigh = (restHigh << 1) | (restLow >> 63);
    restLow <<= 1;
    if (bit < 64) restLow |= (mantissa >> (<u64>(63 - bit))) & 1;
    quotient <<= 1;
    if (restHigh > PI66_HIGH || (restHigh == PI66_HIGH && restLow >= PI66_LOW)) {
      restHigh = restHigh - PI66_HIGH - u64(restLow < PI66_LOW);
      restLow -= PI66_LOW;
      quotient |= 1;
    }
  }
  let sign: u32 = 0;
  if (restHigh > 1 || (restHigh == 1 && restLow >= 0x921f_b544_42d1_846a)) {
    const high = PI66_HIGH - restHigh - u64(PI66_LOW < restLow);
    restLow = PI66_LOW - restLow;
    restHigh = high;
    sign = 1;
    quotient++;
  }
  if ((signExponent & SIGN) != 0) {
    sign ^= 1;
    quotient = 0 - quotient;
  }
  quadrant = quotient & 3;
  accSet(sign, 128 - 65, restHigh, restLow);
}

/** acc = sin(acc), or cos(acc): acc between -pi/4 and pi/4. */
function accSine(): void {
  const high = accSquareFraction();
  const bracket = alternatingSeries(high, fixedLow, 2);
  accScale(bracket, fixedLow);
}

function accCosine(): void {
  const high = accSquareFraction();
  const bracket = alternatingSeries(high, fixedLow, 1);
  accSet(0, 2, bracket, fixedLow);
}

/** acc = sine of the reduced angle turned by `turns` quarters; the angle is given again because acc is overwritten. */
function turnedSine(turns: u32): void {
  const sign = (turns >> 1) & 1;
  if ((turns & 1) == 0) {
    accSine();
    accSet(accSign ^ sign, accExponent, accHigh, accLow);
  } else {
    accCosine();
    accSet(sign, accExponent, accHigh, accLow);
  }
}

/** What FSIN, FCOS and FPTAN do before: true if the result is made already. */
function angleSpecial(mantissa: u64, signExponent: u32): bool {
  if (nanOperand(mantissa, signExponent)) return true;
  if (isInfinity(mantissa, signExponent)) {
    invalid();
    return true;
  }
  return denormalOperands(mantissa, signExponent, 0, 0);
}

/** FSIN. The argument is in range (isOutOfRange). */
export function sine(mantissa: u64, signExponent: u32): void {
  if (angleSpecial(mantissa, signExponent)) return;
  if (mantissa == 0) {
    setResult(0, signExponent);
    return;
  }
  reduceAngle(mantissa, signExponent);
  turnedSine(quadrant);
  accToResult();
}

/** FCOS. The argument is in range. */
export function cosine(mantissa: u64, signExponent: u32): void {
  if (angleSpecial(mantissa, signExponent)) return;
  if (mantissa == 0) {
    setResult(INTEGER_BIT, 16383);
    return;
  }
  reduceAngle(mantissa, signExponent);
  turnedSine(quadrant + 1);
  accToResult();
}

/** FPTAN's quotient; the instruction pushes 1 after it. The argument is in range. */
export function tangent(mantissa: u64, signExponent: u32): void {
  if (angleSpecial(mantissa, signExponent)) return;
  if (mantissa == 0) {
    setResult(0, signExponent);
    return;
  }
  reduceAngle(mantissa, signExponent);
  if (accExponent < -64) {
    accToResult(); // x and a little: tan x = x + x³/3 + ...
    return;
  }
  const sign = accSign;
  const exponent = accExponent;
  const high = accHigh;
  const low = accLow;
  turnedSine(quadrant + 1);
  const cosSign = accSign;
  const cosExponent = accExponent;
  const cosHigh = accHigh;
  const cosLow = accLow;
  accSet(sign, exponent, high, low);
  turnedSine(quadrant);
  accDivide(cosSign, cosExponent, cosHigh, cosLow);
  accToResult();
}

/** atan(k/16) as fractions (Q0.128), k = 0..16. */
// prettier-ignore
const ARCTANGENTS: usize = memory.data<u64>([
  0x0000_0000_0000_0000, 0x0000_0000_0000_0000,
  0x0ffa_addb_967e_f4e3, 0x6cb2_792d_c0e2_e0d5,
  0x1fd5_ba9a_ac2f_6dc6, 0x5912_f313_e7d1_11de,
  0x2f72_f697_9cb6_044d, 0x1ec2_d3e2_0727_1d21,
  0x3eb6_ebf2_5901_bac5, 0x5b71_e7bd_7de8_85f9,
  0x4d89_dcdc_1faf_2f34, 0xe2d5_da4c_693d_7994,
  0x5bd8_6507_937b_c239, 0xc551_9091_6e7f_2241,
  0x6993_bb0f_308f_f2db, 0x213e_4af4_800f_389b,
  0x76b1_9c15_86ed_3da2, 0xb7f2_22f6_5e1d_4681,
  0x832b_f4a6_d986_7e2a, 0x4b6a_09cb_61a5_15c0,
  0x8f00_5d5e_f7f5_9f9b, 0x5c83_5e16_65c4_3747,
  0x9a2f_80e6_71bd_da20, 0x4226_f8e2_204f_f3bc,
  0xa4bc_7d19_34f7_0924, 0x19a8_7f2a_457d_ac9e,
  0xaeac_4c38_b4d8_c080, 0x1472_5e2f_3e52_070a,
  0xb805_3e2b_c231_9e73, 0xcb2d_a552_10a4_443d,
  0xc0ce_85b8_ac52_6640, 0x89dd_62c4_6e92_fa24,
  0xc90f_daa2_2168_c234, 0xc4c6_628b_80dc_1cd1,
]);

/** Sum of (±z)^n / (2n + 1): with minus the series of atan(u)/u, with plus that of atanh(u)/u. z < 2^-5. Q2.126. */
function oddSeries(zHigh: u64, zLow: u64, alternates: bool): u64 {
  let high: u64 = 0;
  let low: u64 = 0;
  for (let n = 22; ; n--) {
    high = multiplyFraction(zHigh, zLow, high, low);
    low = fixedLow;
    const term = divideSmall(ONE, 0, 2 * n + 1);
    const termLow = fixedLow;
    if (alternates) {
      if (n == 0 && (high | low) == 0) low = 1;
      high = term - high - u64(termLow < low);
      low = termLow - low;
    } else {
      low += termLow;
      high = high + term + u64(low < termLow);
    }
    if (n == 0) break;
  }
  fixedLow = low;
  return high;
}

/** acc = atan(acc), acc between 0 and 1. */
function accArctangent(): void {
  if (accExponent < -4) {
    const z = accSquareFraction();
    accScale(oddSeries(z, fixedLow, true), fixedLow);
    return;
  }
  // atan(t) = atan(c) + atan((t - c) / (1 + t c)), c the nearest sixteenth.
  const high = accHigh;
  const low = accLow;
  const exponent = accExponent;
  const sixteenths = ((high >> (<u64>(59 - exponent))) + 1) >> 1;
  const shift = clz(sixteenths);
  const c = sixteenths << shift;
  const cExponent = 60 - <i32>shift;
  accMultiply(0, cExponent, c, 0);
  accAdd(0, 1, INTEGER_BIT, 0);
  const divisorExponent = accExponent;
  const divisorHigh = accHigh;
  const divisorLow = accLow;
  accSet(0, exponent, high, low);
  accAdd(1, cExponent, c, 0);
  if (accHigh != 0) {
    accDivide(0, divisorExponent, divisorHigh, divisorLow);
    const z = accSquareFraction();
    accScale(oddSeries(z, fixedLow, true), fixedLow);
  }
  const entry = ARCTANGENTS + <usize>(sixteenths << 4);
  const entryHigh = load<u64>(entry);
  const entryLow = load<u64>(entry, 8);
  const entryShift = clz(entryHigh);
  accAdd(
    0,
    -(<i32>entryShift),
    (entryHigh << entryShift) | (entryShift != 0 ? entryLow >> (64 - entryShift) : 0),
    entryLow << entryShift,
  );
}

/** Rounds n quarters of pi with a sign to the result. */
function quartersOfPi(quarters: u32, signBit: u32): void {
  const sign = signBit >> 15;
  if (quarters == 3) accSet(sign, 2, 0x96cb_e3f9_990e_91a7, 0x9394_c9e8_a0a5_159c);
  else accSet(sign, quarters == 4 ? 2 : quarters == 2 ? 1 : 0, PI_HIGH, PI_LOW);
  accToResult();
}

/** FPATAN: the angle of the point (x, y), in (-pi, pi]. */
export function arctangent(yMantissa: u64, y: u32, xMantissa: u64, x: u32): void {
  if (nanOperands(yMantissa, y, xMantissa, x)) return;
  if (denormalOperands(yMantissa, y, xMantissa, x)) return;
  const ySign = y & SIGN;
  const xNegative = (x & SIGN) != 0;
  const yInfinite = isInfinity(yMantissa, y);
  const xInfinite = isInfinity(xMantissa, x);
  if (yInfinite) {
    quartersOfPi(xInfinite ? (xNegative ? 3 : 1) : 2, ySign);
    return;
  }
  if (xInfinite || yMantissa == 0) {
    if (xNegative) quartersOfPi(4, ySign);
    else setResult(0, ySign);
    return;
  }
  if (xMantissa == 0) {
    quartersOfPi(2, ySign);
    return;
  }
  const yExponent = normalExponent(yMantissa, y);
  const xExponent = normalExponent(xMantissa, x);
  yMantissa = normalMantissa(yMantissa);
  xMantissa = normalMantissa(xMantissa);
  const steep = yExponent > xExponent || (yExponent == xExponent && yMantissa > xMantissa);
  if (steep) {
    accSet(0, xExponent, xMantissa, 0);
    accDivide(0, yExponent, yMantissa, 0);
  } else {
    accSet(0, yExponent, yMantissa, 0);
    accDivide(0, xExponent, xMantissa, 0);
  }
  accArctangent();
  if (steep) {
    if (!xNegative) accSet(1, accExponent, accHigh, accLow);
    accAdd(0, 1, PI_HIGH, PI_LOW);
  } else if (xNegative) {
    accSet(1, accExponent, accHigh, accLow);
    accAdd(0, 2, PI_HIGH, PI_LOW);
  }
  accSet(ySign >> 15, accExponent, accHigh, accLow);
  accToResult();
}

/** F2XM1: 2^x - 1 for x between -1 and 1; beyond that the result is undefined, here x itself. */
export function exponential(mantissa: u64, signExponent: u32): void {
  if (nanOperand(mantissa, signExponent)) return;
  const isNegative = (signExponent & SIGN) != 0;
  if (isInfinity(mantissa, signExponent)) {
    if (isNegative) setResult(INTEGER_BIT, SIGN | 16383);
    else setResult(mantissa, signExponent);
    return;
  }
  if (denormalOperands(mantissa, signExponent, 0, 0)) return;
  if (mantissa == 0) {
    setResult(mantissa, signExponent);
    return;
  }
  if (normalExponent(mantissa, signExponent) >= 16383) {
    if (mantissa == INTEGER_BIT && isNegative && (signExponent & EXPONENT_MASK) == 16383) {
      setResult(INTEGER_BIT, SIGN | 16382);
    } else {
      setResult(mantissa, signExponent);
    }
    return;
  }
  accLoad(mantissa, signExponent);
  accMultiply(0, 0, LN2_HIGH, LN2_LOW);
  // e^y - 1 = y (1 + y/2 (1 + y/3 (...))), |y| below 0.7 as a fraction.
  const shift = -accExponent;
  let yHigh: u64 = 0;
  let yLow: u64 = 0;
  if (shift == 0) {
    yHigh = accHigh;
    yLow = accLow;
  } else if (shift < 64) {
    yHigh = accHigh >> (<u64>shift);
    yLow = (accLow >> (<u64>shift)) | (accHigh << (<u64>(64 - shift)));
  } else if (shift < 128) {
    yLow = accHigh >> (<u64>(shift - 64));
  }
  let high = ONE;
  let low: u64 = 0;
  for (let n: u32 = 30; n >= 2; n--) {
    high = multiplyFraction(yHigh, yLow, high, low);
    high = divideSmall(high, fixedLow, n);
    low = fixedLow;
    if ((high | low) == 0) low = 1;
    if (isNegative) {
      high = ONE - high - u64(low != 0);
      low = 0 - low;
    } else {
      high += ONE;
    }
  }
  accScale(high, low);
  accToResult();
}

/** acc = log2(1 + s) given s = (m - 1) / (m + 1) in acc, |s| below 0.18. */
function accLogarithmOfRatio(): void {
  const z = accSquareFraction();
  accScale(oddSeries(z, fixedLow, false), fixedLow);
  accMultiply(0, 2, LOG2E_HIGH, LOG2E_LOW);
}

/** Square root of ½, the significand at which the binary logarithm changes its integer part. */
const ROOT_HALF: u64 = 0xb504_f333_f9de_6484;

/** acc = log2 of a positive number that is not a power of two: mantissa high:low × 2^(exponent - 128), high normalised. */
function accLogarithm(high: u64, low: u64, exponent: i32): void {
  // m in [√½, √2): high:low/2^128 if that is at least √½, else twice it.
  let mExponent = 0;
  if (high < ROOT_HALF) {
    mExponent = 1;
    exponent--;
  }
  accSet(0, mExponent, high, low);
  accAdd(0, 1, INTEGER_BIT, 0);
  const divisorExponent = accExponent;
  const divisorHigh = accHigh;
  const divisorLow = accLow;
  accSet(0, mExponent, high, low);
  accAdd(1, 1, INTEGER_BIT, 0);
  if (accHigh != 0) {
    accDivide(0, divisorExponent, divisorHigh, divisorLow);
    accLogarithmOfRatio();
  }
  if (exponent != 0) {
    const magnitude = <u64>abs(exponent);
    const shift = clz(magnitude);
    accAdd(u32(exponent < 0), 64 - <i32>shift, magnitude << shift, 0);
  }
}

/** acc × the 80-bit number y → result. */
function timesY(yMantissa: u64, y: u32): void {
  accMultiply(y >> 15, normalExponent(yMantissa, y) - 16382, normalMantissa(yMantissa), 0);
  accToResult();
}

/** FYL2X: y × log2(x). */
export function logarithm(yMantissa: u64, y: u32, xMantissa: u64, x: u32): void {
  if (nanOperands(yMantissa, y, xMantissa, x)) return;
  const yZero = isZero(yMantissa, y);
  const yInfinite = isInfinity(yMantissa, y);
  const ySign = y & SIGN;
  if (isZero(xMantissa, x)) {
    if (yZero) {
      invalid();
      return;
    }
    if (!yInfinite) signal(ZE);
    setResult(INTEGER_BIT, (ySign ^ SIGN) | EXPONENT_MASK);
    return;
  }
  if ((x & SIGN) != 0) {
    invalid();
    return;
  }
  const exponent = normalExponent(xMantissa, x) - 16383;
  const xOne = exponent == 0 && xMantissa == INTEGER_BIT;
  const logSign = exponent < 0 ? SIGN : 0;
  if (isInfinity(xMantissa, x)) {
    if (yZero) {
      invalid();
      return;
    }
    if (denormalOperands(yMantissa, y, 0, 0)) return;
    setResult(INTEGER_BIT, ySign | EXPONENT_MASK);
    return;
  }
  if (yInfinite) {
    if (xOne) {
      invalid();
      return;
    }
    if (denormalOperands(xMantissa, x, 0, 0)) return;
    setResult(INTEGER_BIT, (ySign ^ logSign) | EXPONENT_MASK);
    return;
  }
  if (denormalOperands(yMantissa, y, xMantissa, x)) return;
  if (yZero || xOne) {
    setResult(0, ySign ^ logSign);
    return;
  }
  const significand = normalMantissa(xMantissa);
  if (significand == INTEGER_BIT) {
    const magnitude = <u64>abs(exponent);
    const shift = clz(magnitude);
    accSet(u32(exponent < 0), 64 - <i32>shift, magnitude << shift, 0);
    accMultiply(y >> 15, normalExponent(yMantissa, y) - 16382, normalMantissa(yMantissa), 0);
    accToExactResult();
    signal(PE); // as the hardware does, which does not know that it is exact
    return;
  }
  accLogarithm(significand, 0, exponent + 1);
  timesY(yMantissa, y);
}

/** FYL2XP1: y × log2(x + 1). */
export function logarithmPlusOne(yMantissa: u64, y: u32, xMantissa: u64, x: u32): void {
  if (nanOperands(yMantissa, y, xMantissa, x)) return;
  const yZero = isZero(yMantissa, y);
  const yInfinite = isInfinity(yMantissa, y);
  const sign = (x ^ y) & SIGN;
  if (isInfinity(xMantissa, x)) {
    if ((x & SIGN) != 0 || yZero) {
      invalid();
      return;
    }
    if (denormalOperands(yMantissa, y, 0, 0)) return;
    setResult(INTEGER_BIT, sign | EXPONENT_MASK);
    return;
  }
  if (yInfinite && xMantissa == 0) {
    invalid();
    return;
  }
  if (denormalOperands(yMantissa, y, xMantissa, x)) return;
  if (yInfinite) {
    setResult(INTEGER_BIT, sign | EXPONENT_MASK);
    return;
  }
  if (yZero || xMantissa == 0) {
    setResult(0, sign);
    return;
  }
  accLoad(xMantissa, x);
  const xSign = accSign;
  const xExponent = accExponent;
  const xHigh = accHigh;
  if (xExponent < -1) {
    accAdd(0, 2, INTEGER_BIT, 0);
    const divisorExponent = accExponent;
    const divisorHigh = accHigh;
    const divisorLow = accLow;
    accSet(xSign, xExponent, xHigh, 0);
    accDivide(0, divisorExponent, divisorHigh, divisorLow);
    accLogarithmOfRatio();
  } else {
    accAdd(0, 1, INTEGER_BIT, 0);
    if (accSign != 0 || accHigh == 0) {
      invalid();
      return;
    }
    accLogarithm(accHigh, accLow, accExponent);
  }
  timesY(yMantissa, y);
}

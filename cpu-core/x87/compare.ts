/** Comparison and classification of 80-bit numbers: FCOM, FUCOM, FCOMI, FTST, FXAM. SDM vol 2A "FCOM", "FXAM". */
import {
  EXPONENT_MASK,
  SIGN,
  denormalOperands,
  isNaN80,
  isSignaling,
  isUnsupported,
  normalExponent,
  normalMantissa,
} from "./float80";
import { IE, signal } from "./round";

export const EQUAL: u32 = 0;
export const LESS: u32 = 1;
export const GREATER: u32 = 2;
export const UNORDERED: u32 = 3;

/** Orders two numbers that are not NaN, of any encoding that is supported. */
function order(aMantissa: u64, a: u32, bMantissa: u64, b: u32): u32 {
  if (aMantissa == 0 && bMantissa == 0) return EQUAL;
  const aNegative = (a & SIGN) != 0;
  const bNegative = (b & SIGN) != 0;
  if (aMantissa == 0) return bNegative ? GREATER : LESS;
  if (bMantissa == 0) return aNegative ? LESS : GREATER;
  if (aNegative != bNegative) return aNegative ? LESS : GREATER;
  const aExponent = normalExponent(aMantissa, a);
  const bExponent = normalExponent(bMantissa, b);
  aMantissa = normalMantissa(aMantissa);
  bMantissa = normalMantissa(bMantissa);
  if (aExponent == bExponent && aMantissa == bMantissa) return EQUAL;
  const isSmaller = aExponent < bExponent || (aExponent == bExponent && aMantissa < bMantissa);
  return isSmaller != aNegative ? LESS : GREATER;
}

/** Compares; any NaN raises IE (FCOM, FCOMI, FTST). */
export function compare(aMantissa: u64, a: u32, bMantissa: u64, b: u32): u32 {
  if (
    isUnsupported(aMantissa, a) ||
    isUnsupported(bMantissa, b) ||
    isNaN80(aMantissa, a) ||
    isNaN80(bMantissa, b)
  ) {
    signal(IE);
    return UNORDERED;
  }
  denormalOperands(aMantissa, a, bMantissa, b);
  return order(aMantissa, a, bMantissa, b);
}

/** Compares; only a signaling NaN raises IE (FUCOM, FUCOMI). */
export function compareQuiet(aMantissa: u64, a: u32, bMantissa: u64, b: u32): u32 {
  if (
    isUnsupported(aMantissa, a) ||
    isUnsupported(bMantissa, b) ||
    isSignaling(aMantissa, a) ||
    isSignaling(bMantissa, b)
  ) {
    signal(IE);
    return UNORDERED;
  }
  if (isNaN80(aMantissa, a) || isNaN80(bMantissa, b)) return UNORDERED;
  denormalOperands(aMantissa, a, bMantissa, b);
  return order(aMantissa, a, bMantissa, b);
}

/** FXAM's class of a non-empty register as C3, C2, C0 in FSW, without the sign. */
export function classify(mantissa: u64, signExponent: u32): u32 {
  const exponent = signExponent & EXPONENT_MASK;
  if (exponent == 0) return mantissa == 0 ? 0x4000 : 0x4400;
  if (mantissa >> 63 == 0) return 0x0000;
  if (exponent == EXPONENT_MASK) return mantissa << 1 == 0 ? 0x0500 : 0x0100;
  return 0x0400;
}

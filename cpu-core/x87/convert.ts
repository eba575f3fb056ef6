/**
 * Conversions between the 80-bit format and what memory holds: f32, f64, integers, packed BCD.
 *
 * Loads leave their number in resultMantissa/resultSignExponent and raise nothing themselves, for an arithmetic instruction with a
 * memory operand must first look at both operands; FLD calls checkLoaded(). Stores return the bits to store.
 * SDM vol 1 "Data Types", SDM vol 2A "FST", "FIST", "FBSTP".
 */
import {
  EXPONENT_MASK,
  INTEGER_BIT,
  QUIET_BIT,
  SIGN,
  isInfinity,
  isNaN80,
  isUnsupported,
  normalExponent,
  normalMantissa,
  operandWasDenormal,
  resultMantissa,
  resultSignExponent,
  setOperandWasDenormal,
  setResult,
} from "./float80";
import {
  DE,
  IE,
  INFINITE,
  PE,
  ROUNDED_UP,
  ROUND_ZERO,
  isRoundedUp,
  roundTo,
  roundedExponent,
  roundedMantissa,
  setRounding,
  signal,
} from "./round";

/** Widens a number with `fraction` fraction bits; exponentMax is the all-ones exponent field. */
// prettier-ignore
@inline
function widen(sign: u32, exponent: u32, fraction: u64, exponentMax: u32, bias: u32): void {
  setOperandWasDenormal(false);
  if (exponent == exponentMax) setResult(INTEGER_BIT | fraction, sign | EXPONENT_MASK);
  else if (exponent != 0) setResult(INTEGER_BIT | fraction, sign | (exponent - bias + 16383));
  else if (fraction == 0) setResult(0, sign);
  else {
    setOperandWasDenormal(true);
    const shift = <u32>clz(fraction);
    setResult(fraction << shift, sign | (16384 - bias - shift));
  }
}

/** Widens an f32. Exact; a signaling NaN stays one. */
export function fromFloat32(bits: u32): void {
  widen((bits >> 16) & SIGN, (bits >> 23) & 0xff, ((<u64>bits) << 40) & 0x7fff_ffff_ffff_ffff, 0xff, 127);
}

/** Widens an f64. Exact; a signaling NaN stays one. */
export function fromFloat64(bits: u64): void {
  widen(
    (<u32>(bits >> 48)) & SIGN,
    (<u32>(bits >> 52)) & 0x7ff,
    (bits << 11) & 0x7fff_ffff_ffff_ffff,
    0x7ff,
    1023,
  );
}

/** FLD m32fp, m64fp after widening: raises DE for a denormal, IE for a signaling NaN and makes it quiet. */
export function checkLoaded(): void {
  if (operandWasDenormal) signal(DE);
  if (isNaN80(resultMantissa, resultSignExponent) && (resultMantissa & QUIET_BIT) == 0) {
    signal(IE);
    setResult(resultMantissa | QUIET_BIT, resultSignExponent);
  }
}

/** Converts a signed integer. Exact. */
export function fromInteger(value: i64): void {
  setOperandWasDenormal(false);
  if (value == 0) {
    setResult(0, 0);
    return;
  }
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = <u32>clz(magnitude);
  setResult(magnitude << shift, (value < 0 ? SIGN : 0) | (16383 + 63 - shift));
}

/** FST m32fp. Check isSuppressed(), and OE and UE unmasked: then nothing is stored. */
export function toFloat32(mantissa: u64, signExponent: u32): u32 {
  const sign = (signExponent & SIGN) << 16;
  if (isUnsupported(mantissa, signExponent)) {
    signal(IE);
    return 0xffc0_0000;
  }
  if (isNaN80(mantissa, signExponent)) {
    if ((mantissa & QUIET_BIT) == 0) signal(IE);
    return sign | 0x7fc0_0000 | ((<u32>(mantissa >> 40)) & 0x7f_ffff);
  }
  if (isInfinity(mantissa, signExponent)) return sign | 0x7f80_0000;
  if (mantissa == 0) return sign;
  roundTo(
    signExponent >> 15,
    normalExponent(mantissa, signExponent),
    normalMantissa(mantissa),
    0,
    24,
    16383 - 126,
    16383 + 127,
    192,
  );
  return packFloat32(signExponent >> 15);
}

/** FST m64fp. Check isSuppressed(), and OE and UE unmasked: then nothing is stored. */
export function toFloat64(mantissa: u64, signExponent: u32): u64 {
  const sign = (<u64>(signExponent & SIGN)) << 48;
  if (isUnsupported(mantissa, signExponent)) {
    signal(IE);
    return 0xfff8_0000_0000_0000;
  }
  if (isNaN80(mantissa, signExponent)) {
    if ((mantissa & QUIET_BIT) == 0) signal(IE);
    return sign | 0x7ff8_0000_0000_0000 | ((mantissa >> 11) & 0xf_ffff_ffff_ffff);
  }
  if (isInfinity(mantissa, signExponent)) return sign | 0x7ff0_0000_0000_0000;
  if (mantissa == 0) return sign;
  roundTo(
    signExponent >> 15,
    normalExponent(mantissa, signExponent),
    normalMantissa(mantissa),
    0,
    53,
    16383 - 1022,
    16383 + 1023,
    1536,
  );
  return packFloat64(signExponent >> 15);
}

/** The f32 of what roundTo() left. */
export function packFloat32(sign: u32): u32 {
  const signBit = sign << 31;
  if (roundedExponent == INFINITE) return signBit | 0x7f80_0000;
  const fraction = (<u32>(roundedMantissa >> 40)) & 0x7f_ffff;
  if (roundedMantissa >> 63 == 0) return signBit | fraction;
  return signBit | ((<u32>(roundedExponent - 16383 + 127)) << 23) | fraction;
}

/** The f64 of what roundTo() left. */
export function packFloat64(sign: u32): u64 {
  const signBit = (<u64>sign) << 63;
  if (roundedExponent == INFINITE) return signBit | 0x7ff0_0000_0000_0000;
  const fraction = (roundedMantissa >> 11) & 0xf_ffff_ffff_ffff;
  if (roundedMantissa >> 63 == 0) return signBit | fraction;
  return signBit | ((<u64>(roundedExponent - 16383 + 1023)) << 52) | fraction;
}

/** Outputs of integerMagnitude(): the integer towards zero, the fraction bits (the last one sticky), what rounding did. */
let integerTruncated: u64 = 0;
let integerFraction: u64 = 0;
let integerUp: bool = false;

/** The magnitude of a finite number below 2^64, rounded; raises nothing. Above 2^64 - 1 it wraps to 0. */
function integerMagnitude(mantissa: u64, signExponent: u32): u64 {
  const shift = 16383 + 63 - normalExponent(mantissa, signExponent);
  mantissa = normalMantissa(mantissa);
  if (shift <= 0) {
    integerTruncated = mantissa;
    integerFraction = 0;
  } else if (shift < 64) {
    integerTruncated = mantissa >> (<u64>shift);
    integerFraction = mantissa << (<u64>(64 - shift));
  } else {
    integerTruncated = 0;
    integerFraction = shift == 64 ? mantissa : 1;
  }
  integerUp = integerFraction != 0 && isRoundedUp(signExponent >> 15, integerTruncated, integerFraction);
  return integerTruncated + u64(integerUp);
}

/** Raises PE if integerMagnitude() was inexact. */
// prettier-ignore
@inline
function signalInexactInteger(): void {
  if (integerFraction != 0) signal(PE | (integerUp ? ROUNDED_UP : 0));
}

/**
 * Rounds to a signed integer of `bits` bits. Out of range, NaN, infinity: raises IE (and nothing else) and returns the
 * integer indefinite, the most negative one.
 */
export function toInteger(mantissa: u64, signExponent: u32, bits: u32): i64 {
  const exponent = <i32>(signExponent & EXPONENT_MASK);
  if (!isUnsupported(mantissa, signExponent) && exponent <= 16383 + 63) {
    if (mantissa == 0) return 0;
    const isNegative = (signExponent & SIGN) != 0;
    const magnitude = integerMagnitude(mantissa, signExponent);
    const limit: u64 = (<u64>1) << (<u64>(bits - 1));
    if (magnitude >= integerTruncated && (magnitude < limit || (isNegative && magnitude == limit))) {
      signalInexactInteger();
      return isNegative ? 0 - <i64>magnitude : <i64>magnitude;
    }
  }
  signal(IE);
  return i64.MIN_VALUE >> (<i64>(64 - bits));
}

/** FISTTP: as toInteger(), towards zero. */
export function toIntegerTruncated(mantissa: u64, signExponent: u32, bits: u32): i64 {
  setRounding(ROUND_ZERO);
  return toInteger(mantissa, signExponent, bits);
}

/** FBLD: 80 bits of packed BCD, 18 digits and a sign. */
export function fromBcd(low: u64, high: u32): void {
  let value: u64 = 0;
  value = <u64>((high >> 4) & 15) * 10 + <u64>(high & 15);
  for (let digit = 15; digit >= 0; digit--) value = value * 10 + ((low >> (<u64>(4 * digit))) & 15);
  fromInteger(<i64>value);
  setResult(resultMantissa, resultSignExponent | (high & SIGN));
}

/** High 16 bits of what toBcd() returned. */
export let bcdHigh: u32 = 0;

/** FBSTP: returns the low 64 bits, the sign and the two highest digits are in bcdHigh. */
export function toBcd(mantissa: u64, signExponent: u32): u64 {
  const exponent = <i32>(signExponent & EXPONENT_MASK);
  let magnitude: u64 = u64.MAX_VALUE;
  if (!isUnsupported(mantissa, signExponent) && exponent <= 16383 + 60) {
    integerFraction = 0;
    magnitude = mantissa == 0 ? 0 : integerMagnitude(mantissa, signExponent);
  }
  if (magnitude > 999_999_999_999_999_999) {
    signal(IE);
    bcdHigh = 0xffff;
    return 0xc000_0000_0000_0000;
  }
  signalInexactInteger();
  let low: u64 = 0;
  for (let digit: u64 = 0; digit < 64; digit += 4) {
    low |= (magnitude % 10) << digit;
    magnitude /= 10;
  }
  bcdHigh = (signExponent & SIGN) | ((<u32>(magnitude / 10)) << 4) | (<u32>(magnitude % 10));
  return low;
}

/**
 * Exact arithmetic on finite non-zero numbers: sign, exponent (biased by 16383), significand with its top bit set.
 *
 * The result, before rounding, is exactSign, exactExponent, exactHigh:exactLow (normalised; bit 0 of exactLow is sticky);
 * exactHigh is 0 for an exact zero. No special values here: x87/float80.ts and x87/binary.ts have dealt with those, and
 * x87/round.ts rounds what comes out.
 */
import { divideWide, multiplyWide, shiftRightJam, squareRootWide, wideLow, wideRemainder } from "./wide";

export let exactSign: u32 = 0;
export let exactExponent: i32 = 0;
export let exactHigh: u64 = 0;
export let exactLow: u64 = 0;

/** a + b. */
export function addFinite(aSign: u32, aExp: i32, a: u64, bSign: u32, bExp: i32, b: u64): void {
  if (aExp < bExp || (aExp == bExp && a < b)) {
    const sign = aSign;
    aSign = bSign;
    bSign = sign;
    const exp = aExp;
    aExp = bExp;
    bExp = exp;
    const mantissa = a;
    a = b;
    b = mantissa;
  }
  const shifted = shiftRightJam(b, 0, aExp - bExp);
  let low = wideLow;
  exactSign = aSign;
  exactExponent = aExp;
  if (aSign == bSign) {
    let high = a + shifted;
    if (high < a) {
      low = (low >> 1) | (high << 63) | (low & 1);
      high = (high >> 1) | 0x8000_0000_0000_0000;
      exactExponent = aExp + 1;
    }
    exactHigh = high;
    exactLow = low;
    return;
  }
  let high = a - shifted - u64(low != 0);
  low = 0 - low;
  if (high == 0) {
    if (low == 0) {
      exactHigh = 0;
      exactLow = 0;
      return;
    }
    high = low;
    low = 0;
    exactExponent -= 64;
  }
  const shift = clz(high);
  if (shift != 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
    exactExponent -= <i32>shift;
  }
  exactHigh = high;
  exactLow = low;
}

/** a × b. */
export function multiplyFinite(aSign: u32, aExp: i32, a: u64, bSign: u32, bExp: i32, b: u64): void {
  const high = multiplyWide(a, b);
  const low = wideLow;
  exactSign = aSign ^ bSign;
  exactExponent = aExp + bExp - 16383;
  if (high >> 63 != 0) {
    exactHigh = high;
    exactLow = low;
    exactExponent++;
  } else {
    exactHigh = (high << 1) | (low >> 63);
    exactLow = low << 1;
  }
}

/** a / b. */
export function divideFinite(aSign: u32, aExp: i32, a: u64, bSign: u32, bExp: i32, b: u64): void {
  exactSign = aSign ^ bSign;
  exactExponent = aExp - bExp + 16383;
  let quotient: u64;
  if (a >= b) {
    quotient = divideWide(a >> 1, a << 63, b);
  } else {
    quotient = divideWide(a, 0, b);
    exactExponent--;
  }
  exactHigh = quotient;
  const next = divideWide(wideRemainder, 0, b);
  exactLow = next | u64(wideRemainder != 0);
}

/** Square root of a positive number. */
export function squareRootFinite(exp: i32, mantissa: u64): void {
  const e = exp - 16383;
  exactSign = 0;
  exactExponent = (e >> 1) + 16383;
  let high = mantissa;
  let low: u64 = 0;
  if ((e & 1) == 0) {
    low = high << 63;
    high >>= 1;
  }
  const root = squareRootWide(high, low);
  exactHigh = root;
  if (wideRemainder == 0) {
    exactLow = 0;
    return;
  }
  // Half a unit more, (root + ½)² = root² + root + ¼, is never hit exactly: above or below decides the rounding.
  const squareHigh = multiplyWide(root, root);
  const squareLow = wideLow;
  const restHigh = high - squareHigh - u64(low < squareLow);
  const restLow = low - squareLow;
  exactLow = restHigh != 0 || restLow > root ? 0xc000_0000_0000_0000 : 0x4000_0000_0000_0000;
}

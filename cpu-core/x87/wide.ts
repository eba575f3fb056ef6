/**
 * 128-bit integers as two u64 halves: what multiplication, division and square root of 64-bit significands need.
 *
 * A function returns the high half (or the quotient) and leaves the other part in a global of this file, because
 * nothing here may allocate. Callers: x87/finite.ts (arithmetic), x87/fixed.ts (transcendental functions).
 */

/** Low half of the last result. */
export let wideLow: u64 = 0;
/** Remainder of the last divideWide(). */
export let wideRemainder: u64 = 0;

/** The 128-bit product of two u64: returns the high half, the low half is in wideLow. */
export function multiplyWide(a: u64, b: u64): u64 {
  const aLow = a & 0xffff_ffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffff_ffff;
  const bHigh = b >> 32;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >> 32);
  const middle2 = aLow * bHigh + (middle & 0xffff_ffff);
  wideLow = (middle2 << 32) | (low & 0xffff_ffff);
  return aHigh * bHigh + (middle >> 32) + (middle2 >> 32);
}

/**
 * Divides high:low by a divisor whose top bit is set and which is greater than high. Returns the 64-bit quotient, the
 * remainder is in wideRemainder. Schoolbook division with 32-bit digits.
 */
export function divideWide(high: u64, low: u64, divisor: u64): u64 {
  const dHigh = divisor >> 32;
  const dLow = divisor & 0xffff_ffff;

  let digit1 = high / dHigh;
  let rest = high - digit1 * dHigh;
  while (digit1 >> 32 != 0 || digit1 * dLow > ((rest << 32) | (low >> 32))) {
    digit1--;
    rest += dHigh;
    if (rest >> 32 != 0) break;
  }
  const middle = ((high << 32) | (low >> 32)) - digit1 * divisor;

  let digit0 = middle / dHigh;
  rest = middle - digit0 * dHigh;
  while (digit0 >> 32 != 0 || digit0 * dLow > ((rest << 32) | (low & 0xffff_ffff))) {
    digit0--;
    rest += dHigh;
    if (rest >> 32 != 0) break;
  }
  wideRemainder = ((middle << 32) | (low & 0xffff_ffff)) - digit0 * divisor;
  return (digit1 << 32) + digit0;
}

/** high:low >> count with every bit shifted out ORed into bit 0 of the result. Returns the high half. */
export function shiftRightJam(high: u64, low: u64, count: u32): u64 {
  if (count == 0) {
    wideLow = low;
    return high;
  }
  if (count < 64) {
    const lost = low << (64 - count);
    wideLow = (low >> count) | (high << (64 - count)) | u64(lost != 0);
    return high >> count;
  }
  if (count == 64) {
    wideLow = high | u64(low != 0);
    return 0;
  }
  if (count < 128) {
    const lost = high << (128 - count);
    wideLow = (high >> (count - 64)) | u64((lost | low) != 0);
    return 0;
  }
  wideLow = u64((high | low) != 0);
  return 0;
}

/**
 * Square root of the 128-bit number high:low with one of the two top bits set. Returns the 64-bit root rounded down;
 * wideRemainder is non-zero if the root is not exact.
 */
export function squareRootWide(high: u64, low: u64): u64 {
  // A double gives 52 good bits of the root, one Newton step the rest; the loop then settles the last unit.
  const estimate = Math.sqrt(<f64>high) * 4294967296.0;
  let root = estimate >= 18446744073709551615.0 ? u64.MAX_VALUE : <u64>estimate;
  if (root < 0x8000_0000_0000_0000) root = 0x8000_0000_0000_0000;
  if (root > high) {
    const quotient = divideWide(high, low, root);
    root = (root >> 1) + (quotient >> 1) + (root & quotient & 1);
  }
  for (;;) {
    const squareHigh = multiplyWide(root, root);
    const squareLow = wideLow;
    if (squareHigh > high || (squareHigh == high && squareLow > low)) {
      root--;
      continue;
    }
    // The rest must not exceed 2 root, a 65-bit number: the top bit of root is set.
    const restHigh = high - squareHigh - u64(low < squareLow);
    const restLow = low - squareLow;
    if (restHigh > 1 || (restHigh == 1 && restLow > root << 1)) {
      root++;
      continue;
    }
    wideRemainder = restHigh | restLow;
    return root;
  }
}

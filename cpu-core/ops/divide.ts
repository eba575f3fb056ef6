/** Division of a double-width dividend, for DIV and IDIV: #DE if the divisor is 0 or the quotient does not fit. */
import { VECTOR_DE } from "../abi/vectors";
import { raise } from "../interrupts/raise";

/** Results of the last division, truncated to its operand size by whoever reads them. */
export let quotient: u64 = 0;
export let remainder: u64 = 0;

/** 128 by 64 bits, unsigned; the quotient must fit (high < divisor). */
function divide128(high: u64, low: u64, divisor: u64): void {
  if (high == 0) {
    quotient = low / divisor;
    remainder = low % divisor;
    return;
  }
  let result: u64 = 0;
  let rest = high;
  for (let i = 63; i >= 0; i--) {
    const carry = rest >> 63;
    rest = (rest << 1) | ((low >> <u64>i) & 1);
    if (carry != 0 || rest >= divisor) {
      rest -= divisor;
      result |= <u64>1 << <u64>i;
    }
  }
  quotient = result;
  remainder = rest;
}

/** Unsigned: high:low by divisor. */
export function divideUnsigned<T>(high: T, low: T, divisor: T): void {
  if (<u64>high >= <u64>divisor) raise(VECTOR_DE);
  if (sizeof<T>() == 8) {
    divide128(<u64>high, <u64>low, <u64>divisor);
    return;
  }
  const dividend = (<u64>high << (sizeof<T>() * 8)) | <u64>low;
  quotient = dividend / <u64>divisor;
  remainder = dividend % <u64>divisor;
}

/** Signed, of a dividend of at most 64 bits; the quotient must fit `bits` bits. */
export function divideSigned(dividend: i64, divisor: i64, bits: i64): void {
  if (divisor == 0 || (dividend == i64.MIN_VALUE && divisor == -1)) raise(VECTOR_DE);
  const result = dividend / divisor;
  if ((result << (64 - bits)) >> (64 - bits) != result) raise(VECTOR_DE);
  quotient = <u64>result;
  remainder = <u64>(dividend % divisor);
}

/** Signed: 128 by 64 bits. */
export function divideSigned128(high: i64, low: u64, divisor: i64): void {
  let upper = <u64>high;
  const negative = high < 0;
  if (negative) {
    low = 0 - low;
    upper = ~upper + <u64>(low == 0);
  }
  const magnitude = divisor < 0 ? 0 - <u64>divisor : <u64>divisor;
  if (upper >= magnitude) raise(VECTOR_DE);
  divide128(upper, low, magnitude);
  const negate = negative != divisor < 0;
  if (negate ? quotient > <u64>1 << 63 : quotient >> 63 != 0) raise(VECTOR_DE);
  if (negate) quotient = 0 - quotient;
  if (negative) remainder = 0 - remainder;
}

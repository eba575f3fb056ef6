/**
 * Elementary functions to some 250 bits, in fixed point: the reference for instructions whose results are approximations.
 * A number is a BigInt in units of 2^-FRACTION.
 */
export const FRACTION = 400;
const F = BigInt(FRACTION);
export const ONE = 1n << F;

export const multiply = (a: bigint, b: bigint): bigint => (a * b) >> F;
export const divide = (a: bigint, b: bigint): bigint => (a << F) / b;

function sqrt(a: bigint): bigint {
  const n = a << F;
  let x = 1n << BigInt((n.toString(2).length / 2 + 1) | 0);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** z + z^3/3 + z^5/5 ..., or with alternating signs. */
function oddSeries(z: bigint, alternating: boolean): bigint {
  const square = multiply(z, z);
  let power = z;
  let sum = 0n;
  for (let n = 1n, sign = 1n; power / n !== 0n; n += 2n, sign = alternating ? -sign : sign) {
    sum += (sign * power) / n;
    power = multiply(power, square);
  }
  return sum;
}

export const LN2 = 2n * oddSeries(ONE / 3n, false);
/** Machin's formula. */
export const PI = 4n * (4n * oddSeries(ONE / 5n, true) - oddSeries(ONE / 239n, true));

/** 2^x - 1 for |x| <= 1. */
export function exp2m1(x: bigint): bigint {
  const t = multiply(x, LN2);
  let term = t;
  let sum = 0n;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = multiply(term, t) / n;
  }
  return sum;
}

/** The logarithm to base 2 of x > 0. */
export function log2(x: bigint): bigint {
  let exponent = 0n;
  while (x >= ONE + (ONE >> 1n)) {
    x >>= 1n;
    exponent++;
  }
  while (x < (ONE >> 1n) + (ONE >> 2n)) {
    x <<= 1n;
    exponent--;
  }
  return (exponent << F) + divide(2n * oddSeries(divide(x - ONE, x + ONE), false), LN2);
}

/** Sine and cosine of |r| <= 1. */
export function sinCos(r: bigint): [sin: bigint, cos: bigint] {
  let sin = 0n;
  let cos = 0n;
  let term = ONE;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    if (n % 4n === 1n) cos += term;
    else if (n % 4n === 3n) cos -= term;
    else if (n % 4n === 2n) sin += term;
    else sin -= term;
    term = multiply(term, r) / n;
  }
  return [sin, cos];
}

/** The arctangent of 0 <= q <= 1. */
function arctan(q: bigint): bigint {
  let doublings = 0n;
  while (q > ONE >> 4n) {
    q = divide(q, ONE + sqrt(ONE + multiply(q, q)));
    doublings++;
  }
  return oddSeries(q, true) << doublings;
}

/** The angle of the point x, y. */
export function atan2(y: bigint, x: bigint): bigint {
  const [a, b] = [x < 0n ? -x : x, y < 0n ? -y : y];
  let angle = b <= a ? arctan(divide(b, a)) : PI / 2n - arctan(divide(a, b));
  if (x < 0n) angle = PI - angle;
  return y < 0n ? -angle : angle;
}

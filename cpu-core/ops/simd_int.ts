/**
 * Integer operations on vectors: what PADDB ... PXOR compute of two vectors, shifts, shuffles.
 *
 * MMX forms use the same functions on the low half; where the high half would get in the way (packing, unpacking, horizontal
 * sums) integerMmx() arranges it. SDM vol 2 by mnemonic.
 */
import { Simd } from "./simd_op";

/** The result of an integer operation on two XMM values, by Simd number. */
export function integerBinary(op: i32, a: v128, b: v128): v128 {
  // prettier-ignore
  switch (op) {
    case Simd.PUNPCKLBW: return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    case Simd.PUNPCKLWD: return i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    case Simd.UNPCKLPS:
    case Simd.PUNPCKLDQ: return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    case Simd.PUNPCKLQDQ: return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    case Simd.PUNPCKHBW: return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    case Simd.PUNPCKHWD: return i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
    case Simd.UNPCKHPS:
    case Simd.PUNPCKHDQ: return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    case Simd.PUNPCKHQDQ: return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    case Simd.PACKSSWB: return i8x16.narrow_i16x8_s(a, b);
    case Simd.PACKUSWB: return i8x16.narrow_i16x8_u(a, b);
    case Simd.PACKSSDW: return i16x8.narrow_i32x4_s(a, b);
    case Simd.PCMPGTB: return i8x16.gt_s(a, b);
    case Simd.PCMPGTW: return i16x8.gt_s(a, b);
    case Simd.PCMPGTD: return i32x4.gt_s(a, b);
    case Simd.PCMPEQB: return i8x16.eq(a, b);
    case Simd.PCMPEQW: return i16x8.eq(a, b);
    case Simd.PCMPEQD: return i32x4.eq(a, b);
    case Simd.PAND: return v128.and(a, b);
    case Simd.PANDN: return v128.andnot(b, a);
    case Simd.POR: return v128.or(a, b);
    case Simd.PXOR: return v128.xor(a, b);
    case Simd.PADDB: return i8x16.add(a, b);
    case Simd.PADDW: return i16x8.add(a, b);
    case Simd.PADDD: return i32x4.add(a, b);
    case Simd.PADDQ: return i64x2.add(a, b);
    case Simd.PSUBB: return i8x16.sub(a, b);
    case Simd.PSUBW: return i16x8.sub(a, b);
    case Simd.PSUBD: return i32x4.sub(a, b);
    case Simd.PSUBQ: return i64x2.sub(a, b);
    case Simd.PADDSB: return i8x16.add_sat_s(a, b);
    case Simd.PADDSW: return i16x8.add_sat_s(a, b);
    case Simd.PADDUSB: return i8x16.add_sat_u(a, b);
    case Simd.PADDUSW: return i16x8.add_sat_u(a, b);
    case Simd.PSUBSB: return i8x16.sub_sat_s(a, b);
    case Simd.PSUBSW: return i16x8.sub_sat_s(a, b);
    case Simd.PSUBUSB: return i8x16.sub_sat_u(a, b);
    case Simd.PSUBUSW: return i16x8.sub_sat_u(a, b);
    case Simd.PMINUB: return i8x16.min_u(a, b);
    case Simd.PMAXUB: return i8x16.max_u(a, b);
    case Simd.PMINSW: return i16x8.min_s(a, b);
    case Simd.PMAXSW: return i16x8.max_s(a, b);
    case Simd.PAVGB: return i8x16.avgr_u(a, b);
    case Simd.PAVGW: return i16x8.avgr_u(a, b);
    case Simd.PMULLW: return i16x8.mul(a, b);
    case Simd.PMULHW: return highHalves(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b));
    case Simd.PMULHUW: return highHalves(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b));
    case Simd.PMADDWD: return i32x4.dot_i16x8_s(a, b);
    case Simd.PMULUDQ: {
      const even = i64x2.splat(0xffff_ffff);
      return i64x2.mul(v128.and(a, even), v128.and(b, even));
    }
    case Simd.PSADBW: return sumOfDifferences(a, b);
    case Simd.PSLLW: return shiftLeft16(a, i64x2.extract_lane(b, 0));
    case Simd.PSLLD: return shiftLeft32(a, i64x2.extract_lane(b, 0));
    case Simd.PSLLQ: return shiftLeft64(a, i64x2.extract_lane(b, 0));
    case Simd.PSRLW: return shiftRight16(a, i64x2.extract_lane(b, 0));
    case Simd.PSRLD: return shiftRight32(a, i64x2.extract_lane(b, 0));
    case Simd.PSRLQ: return shiftRight64(a, i64x2.extract_lane(b, 0));
    case Simd.PSRAW: return shiftArithmetic16(a, i64x2.extract_lane(b, 0));
    case Simd.PSRAD: return shiftArithmetic32(a, i64x2.extract_lane(b, 0));
    case Simd.PSHUFB: return v128.swizzle(a, v128.and(b, i8x16.splat(<i8>0x8f)));
    case Simd.PHADDW: return i16x8.add(evenWords(a, b), oddWords(a, b));
    case Simd.PHADDD: return i32x4.add(evenDoublewords(a, b), oddDoublewords(a, b));
    case Simd.PHADDSW: return i16x8.add_sat_s(evenWords(a, b), oddWords(a, b));
    case Simd.PHSUBW: return i16x8.sub(evenWords(a, b), oddWords(a, b));
    case Simd.PHSUBD: return i32x4.sub(evenDoublewords(a, b), oddDoublewords(a, b));
    case Simd.PHSUBSW: return i16x8.sub_sat_s(evenWords(a, b), oddWords(a, b));
    case Simd.PMADDUBSW: return multiplyAddBytes(a, b);
    case Simd.PSIGNB: return v128.and(i8x16.sub(v128.xor(a, i8x16.shr_s(b, 7)), i8x16.shr_s(b, 7)), v128.not(i8x16.eq(b, i8x16.splat(0))));
    case Simd.PSIGNW: return v128.and(i16x8.sub(v128.xor(a, i16x8.shr_s(b, 15)), i16x8.shr_s(b, 15)), v128.not(i16x8.eq(b, i16x8.splat(0))));
    case Simd.PSIGND: return v128.and(i32x4.sub(v128.xor(a, i32x4.shr_s(b, 31)), i32x4.shr_s(b, 31)), v128.not(i32x4.eq(b, i32x4.splat(0))));
    case Simd.PMULHRSW: return multiplyHighRounded(a, b);
    case Simd.PABSB: return i8x16.abs(b);
    case Simd.PABSW: return i16x8.abs(b);
    case Simd.PABSD: return i32x4.abs(b);
    case Simd.PCMPEQQ: return i64x2.eq(a, b);
    case Simd.PCMPGTQ: return i64x2.gt_s(a, b);
    case Simd.PACKUSDW: return i16x8.narrow_i32x4_u(a, b);
    case Simd.PMULDQ: return i64x2.mul(i64x2.shr_s(i64x2.shl(a, 32), 32), i64x2.shr_s(i64x2.shl(b, 32), 32));
    case Simd.PMINSB: return i8x16.min_s(a, b);
    case Simd.PMINSD: return i32x4.min_s(a, b);
    case Simd.PMINUW: return i16x8.min_u(a, b);
    case Simd.PMINUD: return i32x4.min_u(a, b);
    case Simd.PMAXSB: return i8x16.max_s(a, b);
    case Simd.PMAXSD: return i32x4.max_s(a, b);
    case Simd.PMAXUW: return i16x8.max_u(a, b);
    case Simd.PMAXUD: return i32x4.max_u(a, b);
    case Simd.PMULLD: return i32x4.mul(a, b);
  }
  unreachable();
  return a;
}

/** The result of an integer operation on two MMX values. */
export function integerMmx(op: i32, a: u64, b: u64): u64 {
  const wideA = i64x2.splat(a);
  const wideB = i64x2.splat(b);
  const pair = i64x2.replace_lane(wideA, 1, b);
  switch (op) {
    // Both halves of the result come from the first operand and the second: narrow or add what lies side by side.
    case Simd.PACKSSWB:
    case Simd.PACKUSWB:
    case Simd.PACKSSDW:
    case Simd.PHADDW:
    case Simd.PHADDD:
    case Simd.PHADDSW:
    case Simd.PHSUBW:
    case Simd.PHSUBD:
    case Simd.PHSUBSW:
      return i64x2.extract_lane(integerBinary(op, pair, pair), 0);
    // The upper half of the interleaved low halves.
    case Simd.PUNPCKHBW:
    case Simd.PUNPCKHWD:
    case Simd.PUNPCKHDQ:
      return i64x2.extract_lane(integerBinary(op - Simd.PUNPCKHBW + Simd.PUNPCKLBW, wideA, wideB), 1);
    case Simd.PSHUFB:
      return i64x2.extract_lane(v128.swizzle(wideA, v128.and(wideB, i8x16.splat(<i8>0x87))), 0);
  }
  return i64x2.extract_lane(integerBinary(op, wideA, wideB), 0);
}

// prettier-ignore
@inline
function highHalves(low: v128, high: v128): v128 {
  return i8x16.shuffle(low, high, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}

// prettier-ignore
@inline
function evenWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29);
}

// prettier-ignore
@inline
function oddWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}

// prettier-ignore
@inline
function evenDoublewords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}

// prettier-ignore
@inline
function oddDoublewords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/** PSADBW: per half, the sum of |a - b| over eight bytes. */
function sumOfDifferences(a: v128, b: v128): v128 {
  const difference = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  let sums = i16x8.extadd_pairwise_i8x16_u(difference);
  sums = i32x4.extadd_pairwise_i16x8_u(sums);
  return v128.and(i64x2.add(sums, i64x2.shr_u(sums, 32)), i64x2.splat(0xffff_ffff));
}

/** PMADDUBSW: unsigned bytes of a times signed bytes of b, added in pairs with saturation. */
function multiplyAddBytes(a: v128, b: v128): v128 {
  const aEven = v128.and(a, i16x8.splat(0xff));
  const aOdd = i16x8.shr_u(a, 8);
  const bEven = i16x8.shr_s(i16x8.shl(b, 8), 8);
  const bOdd = i16x8.shr_s(b, 8);
  return i16x8.add_sat_s(i16x8.mul(aEven, bEven), i16x8.mul(aOdd, bOdd));
}

/** PMULHRSW: (a × b + 2^14) >> 15, low 16 bits. Not q15mulr_sat_s, which saturates 0x8000². */
function multiplyHighRounded(a: v128, b: v128): v128 {
  const half = i32x4.splat(0x4000);
  const low = i32x4.shr_s(i32x4.add(i32x4.extmul_low_i16x8_s(a, b), half), 15);
  const high = i32x4.shr_s(i32x4.add(i32x4.extmul_high_i16x8_s(a, b), half), 15);
  return i8x16.shuffle(low, high, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29);
}

// Shifts: a count beyond the element's width gives zero (or all sign bits).

export function shiftLeft16(a: v128, count: u64): v128 {
  return count > 15 ? i64x2.splat(0) : i16x8.shl(a, <i32>count);
}

export function shiftLeft32(a: v128, count: u64): v128 {
  return count > 31 ? i64x2.splat(0) : i32x4.shl(a, <i32>count);
}

export function shiftLeft64(a: v128, count: u64): v128 {
  return count > 63 ? i64x2.splat(0) : i64x2.shl(a, <i32>count);
}

export function shiftRight16(a: v128, count: u64): v128 {
  return count > 15 ? i64x2.splat(0) : i16x8.shr_u(a, <i32>count);
}

export function shiftRight32(a: v128, count: u64): v128 {
  return count > 31 ? i64x2.splat(0) : i32x4.shr_u(a, <i32>count);
}

export function shiftRight64(a: v128, count: u64): v128 {
  return count > 63 ? i64x2.splat(0) : i64x2.shr_u(a, <i32>count);
}

export function shiftArithmetic16(a: v128, count: u64): v128 {
  return i16x8.shr_s(a, count > 15 ? 15 : <i32>count);
}

export function shiftArithmetic32(a: v128, count: u64): v128 {
  return i32x4.shr_s(a, count > 31 ? 31 : <i32>count);
}

/** Groups 12-14: `which` is the reg field (2 right, 4 arithmetic, 6 left, 3 and 7 whole register), op SHIFT_IMM_*. */
export function shiftImmediate(op: i32, which: u32, a: v128, count: u32): v128 {
  const n = <u64>count;
  switch (op) {
    case Simd.SHIFT_IMM_W:
      return which == 2 ? shiftRight16(a, n) : which == 4 ? shiftArithmetic16(a, n) : shiftLeft16(a, n);
    case Simd.SHIFT_IMM_D:
      return which == 2 ? shiftRight32(a, n) : which == 4 ? shiftArithmetic32(a, n) : shiftLeft32(a, n);
    default:
      if (which == 2) return shiftRight64(a, n);
      if (which == 6) return shiftLeft64(a, n);
      return which == 3
        ? alignRight(i64x2.splat(0), a, count)
        : alignRight(a, i64x2.splat(0), count > 15 ? 0 : 16 - count);
  }
}

/** Bytes count..count+15 of high:low, beyond 31 zeros: PALIGNR, PSRLDQ; and PSLLDQ with the operands turned round. */
export function alignRight(high: v128, low: v128, count: u32): v128 {
  // Indices 16 and more select zero in a swizzle.
  const indices = i8x16.add(
    i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    i8x16.splat(<i8>min<u32>(count, 32)),
  );
  const fromLow = v128.swizzle(low, indices);
  const fromHigh = v128.swizzle(high, i8x16.sub(indices, i8x16.splat(16)));
  return v128.or(fromLow, fromHigh);
}

/** PSHUFD: doublewords by four 2-bit fields. */
export function shuffleDoublewords(a: v128, b: v128, order: u32): v128 {
  let r = i64x2.splat(0);
  r = i32x4.replace_lane(r, 0, pickDoubleword(a, order & 3));
  r = i32x4.replace_lane(r, 1, pickDoubleword(a, (order >> 2) & 3));
  r = i32x4.replace_lane(r, 2, pickDoubleword(b, (order >> 4) & 3));
  r = i32x4.replace_lane(r, 3, pickDoubleword(b, order >> 6));
  return r;
}

function pickDoubleword(a: v128, i: u32): i32 {
  if (i == 0) return i32x4.extract_lane(a, 0);
  if (i == 1) return i32x4.extract_lane(a, 1);
  return i == 2 ? i32x4.extract_lane(a, 2) : i32x4.extract_lane(a, 3);
}

/** PINSRW: word `lane` of the vector replaced. */
export function insertWord(v: v128, lane: u32, word: u16): v128 {
  const shift = <u64>((lane & 3) << 4);
  const mask = ~((<u64>0xffff) << shift);
  const value = (<u64>word) << shift;
  if (lane < 4) return i64x2.replace_lane(v, 0, (i64x2.extract_lane(v, 0) & mask) | value);
  return i64x2.replace_lane(v, 1, (i64x2.extract_lane(v, 1) & mask) | value);
}

/** PSHUFLW, PSHUFHW, PSHUFW: the four words of a 64-bit value by four 2-bit fields. */
export function shuffleWords(a: u64, order: u32): u64 {
  let r: u64 = 0;
  for (let i: u32 = 0; i < 4; i++)
    r |= ((a >> (<u64>(((order >> (2 * i)) & 3) << 4))) & 0xffff) << (<u64>(16 * i));
  return r;
}

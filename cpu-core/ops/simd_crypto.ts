/**
 * AESENC, AESENCLAST, AESDEC, AESDECLAST, AESIMC, AESKEYGENASSIST, PCLMULQDQ. FIPS 197; SDM vol 2 by mnemonic.
 *
 * A block is 16 bytes, byte 4 x column + row. The S-box is worked out from its definition (FIPS 197 section 5.1.1) when it is
 * first needed.
 */
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { readXmm, requireSimd, writeXmm } from "../state/simd";
import { on } from "./backend";
import { Simd } from "./simd_op";

const SBOX: usize = memory.data(256);
const INVERSE_SBOX: usize = memory.data(256);
let haveSboxes: bool = false;

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
function multiply(a: u32, b: u32): u32 {
  let product: u32 = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a = (a << 1) ^ ((a >> 7) * 0x11b);
  }
  return product;
}

/** Walks the field by the generator 3 and, backwards, by its inverse F6: each element meets its reciprocal. */
function makeSboxes(): void {
  let element: u32 = 1;
  let reciprocal: u32 = 1;
  do {
    setSbox(element, reciprocal);
    element = multiply(element, 3);
    reciprocal = multiply(reciprocal, 0xf6);
  } while (element != 1);
  setSbox(0, 0);
  haveSboxes = true;
}

/** The affine transformation of the reciprocal. */
function setSbox(element: u32, reciprocal: u32): void {
  const twice = reciprocal | (reciprocal << 8);
  const image = (reciprocal ^ (twice >> 7) ^ (twice >> 6) ^ (twice >> 5) ^ (twice >> 4) ^ 0x63) & 0xff;
  store<u8>(SBOX + element, <u8>image);
  store<u8>(INVERSE_SBOX + image, <u8>element);
}

/** SubBytes, or with the other box InvSubBytes. */
function substitute(state: v128, box: usize): v128 {
  if (!haveSboxes) makeSboxes();
  return i64x2.replace_lane(
    i64x2.splat(<i64>substitute64(i64x2.extract_lane(state, 0), box)),
    1,
    <i64>substitute64(i64x2.extract_lane(state, 1), box),
  );
}

function substitute64(bytes: u64, box: usize): u64 {
  let result: u64 = 0;
  for (let i: u64 = 0; i < 64; i += 8) result |= (<u64>load<u8>(box + (<usize>(bytes >> i) & 0xff))) << i;
  return result;
}

// prettier-ignore
@inline
function shiftRows(s: v128): v128 {
  return i8x16.shuffle(s, s, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}

// prettier-ignore
@inline
function inverseShiftRows(s: v128): v128 {
  return i8x16.shuffle(s, s, 0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);
}

/** Each column's bytes one row up. */
// prettier-ignore
@inline
function rotateColumns(s: v128): v128 {
  return i8x16.shuffle(s, s, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
}

/** Each byte times x. */
// prettier-ignore
@inline
function timesX(s: v128): v128 {
  return v128.xor(i8x16.shl(s, 1), v128.and(i8x16.shr_s(s, 7), i8x16.splat(0x1b)));
}

/** Columns times 3x^3 + x^2 + x + 2. */
function mixColumns(s: v128): v128 {
  const r1 = rotateColumns(s);
  const r2 = rotateColumns(r1);
  const r3 = rotateColumns(r2);
  return v128.xor(v128.xor(timesX(v128.xor(s, r1)), r1), v128.xor(r2, r3));
}

/** Columns times Bx^3 + Dx^2 + 9x + E, which is MixColumns after one times 4x^2 + 5. */
function inverseMixColumns(s: v128): v128 {
  const r2 = rotateColumns(rotateColumns(s));
  return mixColumns(v128.xor(s, timesX(timesX(v128.xor(s, r2)))));
}

/** AESKEYGENASSIST: SubWord of doublewords 1 and 3, and their RotWord with the round constant. */
function assistKeyGeneration(source: v128, rcon: u32): v128 {
  const words = substitute(source, SBOX);
  const rotated = v128.xor(rotateColumns(words), i32x4.splat(rcon));
  return i32x4.shuffle(words, rotated, 1, 5, 3, 7);
}

/** Low and high half of the product of two polynomials over GF(2). */
function carrylessProduct(a: u64, b: u64): v128 {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u64 = 63; i != 0; i--) {
    if (((b >> i) & 1) == 0) continue;
    low ^= a << i;
    high ^= a >> (64 - i);
  }
  if ((b & 1) != 0) low ^= a;
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

// prettier-ignore
@inline
function half(v: v128, upper: bool): u64 {
  return upper ? i64x2.extract_lane(v, 1) : i64x2.extract_lane(v, 0);
}

/** Executes an instruction of this page. */
export function performCrypto(insn: Insn, op: i32): void {
  requireSimd();
  const source = on<Interpreter>().readVectorSrc(insn);
  const state = readXmm(<u32>insn.dst);
  const imm = <u32>insn.imm & 0xff;
  let result: v128;
  switch (op) {
    case Simd.AESENC: result = v128.xor(mixColumns(substitute(shiftRows(state), SBOX)), source); break; // prettier-ignore
    case Simd.AESENCLAST: result = v128.xor(substitute(shiftRows(state), SBOX), source); break; // prettier-ignore
    case Simd.AESDEC: result = v128.xor(inverseMixColumns(substitute(inverseShiftRows(state), INVERSE_SBOX)), source); break; // prettier-ignore
    case Simd.AESDECLAST: result = v128.xor(substitute(inverseShiftRows(state), INVERSE_SBOX), source); break; // prettier-ignore
    case Simd.AESIMC: result = inverseMixColumns(source); break; // prettier-ignore
    case Simd.AESKEYGENASSIST: result = assistKeyGeneration(source, imm); break; // prettier-ignore
    default: result = carrylessProduct(half(state, (imm & 1) != 0), half(source, (imm & 16) != 0)); break; // prettier-ignore
  }
  writeXmm(<u32>insn.dst, result);
}

/**
 * SSE4.1 and SSE4.2: extensions, blends, rounding, dot products, string comparison. Slow tier, as ops/simd_rare.ts.
 * The integer operations of two vectors are in ops/simd_int.ts. SDM vol 2 by mnemonic.
 */
import {
  FLAGS_STATUS,
  FLAG_CF,
  FLAG_OF,
  FLAG_SF,
  FLAG_ZF,
  MXCSR_RC,
  RAX,
  RCX,
  RDX,
} from "../abi/state";
import { INSN_MEMORY, INSN_REX_W, Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { raiseUD } from "../interrupts/raise";
import { read, write } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { setFlagBits } from "../state/rflags";
import { readXmm, readXmmScalar, requireSimd, writeXmm, writeXmmScalar, xmmAddress } from "../state/simd";
import { FloatOp, softBinary, softRound } from "../x87/binary";
import { on } from "./backend";
import { beginSoft, commitSoft, fromBits, lane32 } from "./simd_float";
import { Simd } from "./simd_op";

// prettier-ignore
@inline
function isMemory(insn: Insn): bool {
  return ((<u32>insn.flags) & INSN_MEMORY) != 0;
}

// prettier-ignore
@inline
function isWide(insn: Insn): bool {
  return ((<u32>insn.flags) & INSN_REX_W) != 0;
}

// prettier-ignore
@inline
function vectorSource(insn: Insn): v128 {
  return on<Interpreter>().readVectorSrc(insn);
}

/** The low `T` of the source as a vector. */
// prettier-ignore
@inline
function lowSource<T>(insn: Insn): v128 {
  return on<Interpreter>().vectorFromScalar<T>(on<Interpreter>().readScalarSrc<T>(insn));
}

/** Executes an SSE4 instruction. */
export function performSse4(insn: Insn, op: i32): void {
  requireSimd();
  if (op <= Simd.PMOVZXDQ) extend(insn, op);
  else if (op >= Simd.PCMPESTRM) compareStrings(insn, op);
  else if (op >= Simd.PEXTRB && op <= Simd.PINSRD) moveElement(insn, op);
  else compute(insn, op);
}

/** PMOVSX*, PMOVZX*: the source is as many elements as the result has. */
function extend(insn: Insn, op: i32): void {
  const dst = <u32>insn.dst;
  // prettier-ignore
  switch (op) {
    case Simd.PMOVSXBW: writeXmm(dst, i16x8.extend_low_i8x16_s(lowSource<u64>(insn))); return;
    case Simd.PMOVSXBD: writeXmm(dst, i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(lowSource<u32>(insn)))); return;
    case Simd.PMOVSXBQ: writeXmm(dst, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(lowSource<u16>(insn))))); return;
    case Simd.PMOVSXWD: writeXmm(dst, i32x4.extend_low_i16x8_s(lowSource<u64>(insn))); return;
    case Simd.PMOVSXWQ: writeXmm(dst, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(lowSource<u32>(insn)))); return;
    case Simd.PMOVSXDQ: writeXmm(dst, i64x2.extend_low_i32x4_s(lowSource<u64>(insn))); return;
    case Simd.PMOVZXBW: writeXmm(dst, i16x8.extend_low_i8x16_u(lowSource<u64>(insn))); return;
    case Simd.PMOVZXBD: writeXmm(dst, i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(lowSource<u32>(insn)))); return;
    case Simd.PMOVZXBQ: writeXmm(dst, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(lowSource<u16>(insn))))); return;
    case Simd.PMOVZXWD: writeXmm(dst, i32x4.extend_low_i16x8_u(lowSource<u64>(insn))); return;
    case Simd.PMOVZXWQ: writeXmm(dst, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(lowSource<u32>(insn)))); return;
    default: writeXmm(dst, i64x2.extend_low_i32x4_u(lowSource<u64>(insn)));
  }
}

/** PEXTR*, EXTRACTPS, PINSR*, INSERTPS. */
function moveElement(insn: Insn, op: i32): void {
  const dst = <u32>insn.dst;
  const src = <u32>insn.src;
  const imm = (<u32>insn.imm) & 0xff;
  switch (op) {
    case Simd.PEXTRB: {
      const value = readXmmScalar<u8>(src + (imm & 15));
      if (isMemory(insn)) write<u8>(linear(insn, 1, true), value);
      else writeReg<u32>(dst, <u32>value);
      return;
    }
    case Simd.PEXTRW_STORE: {
      const value = readXmmScalar<u16>(src + ((imm & 7) << 1));
      if (isMemory(insn)) write<u16>(linear(insn, 2, true), value);
      else writeReg<u32>(dst, <u32>value);
      return;
    }
    case Simd.PEXTRD:
      if (isWide(insn)) on<Interpreter>().writeDst<u64>(insn, readXmmScalar<u64>(src + ((imm & 1) << 3)));
      else on<Interpreter>().writeDst<u32>(insn, readXmmScalar<u32>(src + ((imm & 3) << 2)));
      return;
    case Simd.EXTRACTPS:
      on<Interpreter>().writeDst<u32>(insn, readXmmScalar<u32>(src + ((imm & 3) << 2)));
      return;
    case Simd.PINSRB: {
      const value = isMemory(insn) ? read<u8>(linear(insn, 1, false)) : <u8>readReg<u32>(src);
      writeXmmScalar<u8>(dst + (imm & 15), value);
      return;
    }
    case Simd.PINSRD:
      if (isWide(insn)) writeXmmScalar<u64>(dst + ((imm & 1) << 3), on<Interpreter>().readSrc<u64>(insn));
      else writeXmmScalar<u32>(dst + ((imm & 3) << 2), on<Interpreter>().readSrc<u32>(insn));
      return;
    default: {
      // INSERTPS
      const value = isMemory(insn)
        ? read<u32>(linear(insn, 4, false))
        : readXmmScalar<u32>(src + ((imm >> 6) << 2));
      writeXmmScalar<u32>(dst + (((imm >> 4) & 3) << 2), value);
      for (let i: u32 = 0; i < 4; i++) if (((imm >> i) & 1) != 0) writeXmmScalar<u32>(dst + (i << 2), 0);
    }
  }
}

/** Lanes of `size` bytes from b where bit i of `mask` is set, else from a. */
function blend(a: v128, b: v128, mask: u32, size: u32): v128 {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let byte: u32 = 0; byte < 8; byte++) {
    if (((mask >> (byte / size)) & 1) != 0) low |= (<u64>0xff) << (<u64>(8 * byte));
    if (((mask >> ((byte + 8) / size)) & 1) != 0) high |= (<u64>0xff) << (<u64>(8 * byte));
  }
  return v128.bitselect(b, a, i64x2.replace_lane(i64x2.splat(low), 1, high));
}

function compute(insn: Insn, op: i32): void {
  const dst = <u32>insn.dst;
  const imm = (<u32>insn.imm) & 0xff;
  switch (op) {
    case Simd.PTEST: {
      const v = vectorSource(insn);
      const d = readXmm(dst);
      const zero = v128.any_true(v128.and(v, d)) ? 0 : FLAG_ZF;
      const carry = v128.any_true(v128.andnot(v, d)) ? 0 : FLAG_CF;
      setFlagBits(FLAGS_STATUS, zero | carry);
      return;
    }
    case Simd.PBLENDVB: {
      const v = vectorSource(insn);
      writeXmm(dst, v128.bitselect(v, readXmm(dst), i8x16.shr_s(readXmm(0), 7)));
      return;
    }
    case Simd.BLENDVPS: {
      const v = vectorSource(insn);
      writeXmm(dst, v128.bitselect(v, readXmm(dst), i32x4.shr_s(readXmm(0), 31)));
      return;
    }
    case Simd.BLENDVPD: {
      const v = vectorSource(insn);
      writeXmm(dst, v128.bitselect(v, readXmm(dst), i64x2.shr_s(readXmm(0), 63)));
      return;
    }
    case Simd.BLENDPS:
      writeXmm(dst, blend(readXmm(dst), vectorSource(insn), imm, 4));
      return;
    case Simd.BLENDPD:
      writeXmm(dst, blend(readXmm(dst), vectorSource(insn), imm, 8));
      return;
    case Simd.PBLENDW:
      writeXmm(dst, blend(readXmm(dst), vectorSource(insn), imm, 2));
      return;
    case Simd.PHMINPOSUW:
      smallestWord(dst, vectorSource(insn));
      return;
    case Simd.ROUNDPS: {
      const v = vectorSource(insn);
      const mode = roundingOf(imm);
      const quiet = (imm & 8) != 0;
      beginSoft();
      let r = i64x2.splat(0);
      r = i32x4.replace_lane(r, 0, <i32>softRound<f32>(lane32(v, 0), mode, quiet));
      r = i32x4.replace_lane(r, 1, <i32>softRound<f32>(lane32(v, 1), mode, quiet));
      r = i32x4.replace_lane(r, 2, <i32>softRound<f32>(lane32(v, 2), mode, quiet));
      r = i32x4.replace_lane(r, 3, <i32>softRound<f32>(lane32(v, 3), mode, quiet));
      commitSoft();
      writeXmm(dst, r);
      return;
    }
    case Simd.ROUNDPD: {
      const v = vectorSource(insn);
      const mode = roundingOf(imm);
      const quiet = (imm & 8) != 0;
      beginSoft();
      let r = i64x2.splat(softRound<f64>(i64x2.extract_lane(v, 0), mode, quiet));
      r = i64x2.replace_lane(r, 1, softRound<f64>(i64x2.extract_lane(v, 1), mode, quiet));
      commitSoft();
      writeXmm(dst, r);
      return;
    }
    case Simd.ROUNDSS: {
      const a = on<Interpreter>().readScalarSrc<u32>(insn);
      beginSoft();
      const r = softRound<f32>(a, roundingOf(imm), (imm & 8) != 0);
      commitSoft();
      writeXmmScalar<f32>(dst, fromBits<f32>(r));
      return;
    }
    case Simd.ROUNDSD: {
      const a = on<Interpreter>().readScalarSrc<u64>(insn);
      beginSoft();
      const r = softRound<f64>(a, roundingOf(imm), (imm & 8) != 0);
      commitSoft();
      writeXmmScalar<u64>(dst, r);
      return;
    }
    case Simd.DPPS:
      writeXmm(dst, dotProductSingle(readXmm(dst), vectorSource(insn), imm));
      return;
    case Simd.DPPD:
      writeXmm(dst, dotProductDouble(readXmm(dst), vectorSource(insn), imm));
      return;
    case Simd.MPSADBW:
      sumsOfDifferences(dst, vectorSource(insn), imm);
      return;
  }
  raiseUD();
}

/** The rounding mode that ROUND*'s immediate asks for. */
function roundingOf(imm: u32): u32 {
  return (imm & 4) != 0 ? (cpu().mxcsr & MXCSR_RC) >> 13 : imm & 3;
}

/** PHMINPOSUW: the smallest word and its index; zeros above. */
function smallestWord(dst: u32, v: v128): void {
  writeXmm(dst, v);
  let smallest: u32 = 0xffff_ffff;
  let index: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const word = <u32>readXmmScalar<u16>(dst + 2 * i);
    if (word < smallest) {
      smallest = word;
      index = i;
    }
  }
  writeXmm(dst, i64x2.replace_lane(i64x2.splat(0), 0, smallest | (index << 16)));
}

/** DPPS: the products that imm 4-7 select, summed in pairs, into the lanes that imm 0-3 select. */
function dotProductSingle(a: v128, b: v128, imm: u32): v128 {
  beginSoft();
  const product0 = (imm & 0x10) != 0 ? softBinary<f32>(FloatOp.MUL, lane32(a, 0), lane32(b, 0)) : 0;
  const product1 = (imm & 0x20) != 0 ? softBinary<f32>(FloatOp.MUL, lane32(a, 1), lane32(b, 1)) : 0;
  const product2 = (imm & 0x40) != 0 ? softBinary<f32>(FloatOp.MUL, lane32(a, 2), lane32(b, 2)) : 0;
  const product3 = (imm & 0x80) != 0 ? softBinary<f32>(FloatOp.MUL, lane32(a, 3), lane32(b, 3)) : 0;
  commitSoft();
  beginSoft();
  const sum01 = softBinary<f32>(FloatOp.ADD, product0, product1);
  const sum23 = softBinary<f32>(FloatOp.ADD, product2, product3);
  commitSoft();
  beginSoft();
  const sum = softBinary<f32>(FloatOp.ADD, sum01, sum23);
  commitSoft();
  return blend(i64x2.splat(0), i32x4.splat(<i32>sum), imm & 15, 4);
}

/** DPPD. */
function dotProductDouble(a: v128, b: v128, imm: u32): v128 {
  beginSoft();
  const product0 =
    (imm & 0x10) != 0 ? softBinary<f64>(FloatOp.MUL, i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)) : 0;
  const product1 =
    (imm & 0x20) != 0 ? softBinary<f64>(FloatOp.MUL, i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)) : 0;
  commitSoft();
  beginSoft();
  const sum = softBinary<f64>(FloatOp.ADD, product0, product1);
  commitSoft();
  return blend(i64x2.splat(0), i64x2.splat(sum), imm & 3, 8);
}

/** MPSADBW: eight sums of |four bytes of dst from i on - four bytes of v|. */
function sumsOfDifferences(dst: u32, v: v128, imm: u32): void {
  const first = xmmAddress(dst) + (imm & 4);
  const second = i32x4.extract_lane(
    v128.swizzle(v, i8x16.add(i8x16.splat(<i8>((imm & 3) << 2)), i32x4.splat(0x0302_0100))),
    0,
  );
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    let sum = 0;
    for (let k: u32 = 0; k < 4; k++)
      sum += abs<i32>(<i32>load<u8>(first + i + k) - ((second >> (<i32>(8 * k))) & 0xff));
    if (i < 4) low |= (<u64>sum) << (<u64>(16 * i));
    else high |= (<u64>sum) << (<u64>(16 * i - 64));
  }
  writeXmm(dst, i64x2.replace_lane(i64x2.splat(low), 1, high));
}

// PCMPESTRI and relatives. SDM vol 2 "Imm8 Control Byte Operation for PCMPESTRI / PCMPESTRM / PCMPISTRI / PCMPISTRM".

/** Element i of a vector at `address`, as the immediate's source format says. */
function element(address: usize, i: u32, format: u32): i32 {
  switch (format) {
    case 0:
      return load<u8>(address + i);
    case 1:
      return load<u16>(address + 2 * i);
    case 2:
      return load<i8>(address + i);
    default:
      return load<i16>(address + 2 * i);
  }
}

/** Number of elements before the first zero. */
function implicitLength(address: usize, format: u32, limit: u32): u32 {
  let length: u32 = 0;
  while (length < limit && element(address, length, format) != 0) length++;
  return length;
}

/** |EAX| or |EDX| (64 bits with REX.W), at most `limit`. */
function explicitLength(insn: Insn, register: u32, limit: u32): u32 {
  const value = isWide(insn) ? readReg<i64>(register << 3) : <i64>readReg<i32>(register << 3);
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  return magnitude > <u64>limit ? limit : <u32>magnitude;
}

const second: usize = memory.data(16, 16);

function compareStrings(insn: Insn, op: i32): void {
  const imm = (<u32>insn.imm) & 0xff;
  v128.store(second, on<Interpreter>().readVectorSrcUnaligned(insn));
  const first = xmmAddress(<u32>insn.dst);
  const format = imm & 3;
  const limit: u32 = (format & 1) != 0 ? 8 : 16;
  const isExplicit = op == Simd.PCMPESTRM || op == Simd.PCMPESTRI;
  const length1 = isExplicit ? explicitLength(insn, RAX, limit) : implicitLength(first, format, limit);
  const length2 = isExplicit ? explicitLength(insn, RDX, limit) : implicitLength(second, format, limit);

  let result = aggregate((imm >> 2) & 3, first, length1, length2, format, limit);
  const all: u32 = (1 << limit) - 1;
  if ((imm & 0x30) == 0x10) result ^= all;
  else if ((imm & 0x30) == 0x30) result ^= (1 << length2) - 1;

  if (op == Simd.PCMPESTRI || op == Simd.PCMPISTRI) {
    const index = result == 0 ? limit : (imm & 0x40) != 0 ? 31 - clz(result) : ctz(result);
    writeReg<u32>(RCX << 3, index);
  } else if ((imm & 0x40) == 0) {
    writeXmm(0, i64x2.replace_lane(i64x2.splat(0), 0, <u64>result));
  } else {
    writeXmm(0, blend(i64x2.splat(0), i64x2.splat(-1), result, 16 / limit));
  }
  let flags: u32 = 0;
  if (result != 0) flags |= FLAG_CF;
  if (length2 < limit) flags |= FLAG_ZF;
  if (length1 < limit) flags |= FLAG_SF;
  if ((result & 1) != 0) flags |= FLAG_OF;
  setFlagBits(FLAGS_STATUS, flags);
}

/** The immediate's aggregation (equal any, ranges, equal each, equal ordered) before polarity: a bit for each element of `second`. */
function aggregate(kind: u32, first: usize, length1: u32, length2: u32, format: u32, limit: u32): u32 {
  let result: u32 = 0;
  for (let j: u32 = 0; j < limit; j++) {
    let bit = false;
    switch (kind) {
      case 0:
        if (j < length2)
          for (let i: u32 = 0; i < length1; i++)
            if (element(first, i, format) == element(second, j, format)) bit = true;
        break;
      case 1:
        if (j < length2) {
          const value = element(second, j, format);
          for (let i: u32 = 0; i + 1 < length1; i += 2) {
            if (value >= element(first, i, format) && value <= element(first, i + 1, format)) bit = true;
          }
        }
        break;
      case 2:
        if (j < length1 && j < length2) bit = element(first, j, format) == element(second, j, format);
        else bit = j >= length1 && j >= length2;
        break;
      default:
        bit = true;
        for (let i: u32 = 0; i < length1 && j + i < limit; i++) {
          if (j + i >= length2 || element(first, i, format) != element(second, j + i, format)) bit = false;
        }
    }
    if (bit) result |= 1 << j;
  }
  return result;
}

/**
 * Vector instructions of the slow tier: plain functions on CpuState. MMX, shuffles, packed comparisons and conversions,
 * approximations, state. The common ones are in ops/simd.ts.
 *
 * Every function reads (and faults) first and writes last. SDM vol 2 by mnemonic.
 */
import { CR0_EM, CR0_NE, CR0_TS, MXCSR_MASK, RDI, SEG_FS } from "../abi/state";
import { VECTOR_MF } from "../abi/vectors";
import { INSN_ADDRESS_SHIFT, INSN_MEMORY, INSN_REX_W, Insn, OPERAND_MEMORY } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { raise, raiseGP, raiseNM, raiseUD } from "../interrupts/raise";
import { checkWritable, read, write } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import { baseOf, linearIn } from "../state/segments";
import { readXmm, readXmmScalar, requireSimd, writeXmm, writeXmmScalar } from "../state/simd";
import { STATUS_ERROR_SUMMARY, enterMmx, mmx, setMmx } from "../state/x87";
import { FloatOp } from "../x87/binary";
import { on } from "./backend";
import {
  doublePairToIntegers,
  floatPairToIntegers,
  floatsToIntegers,
  integerPairToDoubles,
  integerPairToFloats,
  integersToFloats,
  narrowPair,
  widenPair,
} from "./simd_convert";
import { comparePacked, compareScalar, pairwise } from "./simd_float";
import { alignRight, integerMmx, shiftImmediate, shuffleDoublewords, shuffleWords } from "./simd_int";
import { MMX_FORM, Simd } from "./simd_op";
import { performCrypto } from "./simd_crypto";
import { performSse4 } from "./simd_sse4";
import { fxrstor, fxsave } from "./fx_area";

/** Executes a vector instruction that performSimd() has left. */
export function performSimdRare(insn: Insn): void {
  const op = (<i32>insn.code) >> 2;
  if (op >= Simd.PUNPCKLBW + MMX_FORM && op <= Simd.UNPCKHPS + MMX_FORM) mmxBinary(insn, op - MMX_FORM);
  else if (op < Simd.ADDPS) moveRare(insn, op);
  else if (op < Simd.CVTPI2PS) floatRare(insn, op);
  else if (op < Simd.PUNPCKLBW) convertRare(insn, op);
  else if (op < Simd.PMOVSXBW) shuffleRare(insn, op);
  else if (op < Simd.AESENC) performSse4(insn, op);
  else performCrypto(insn, op);
}

/** Raises what an MMX instruction raises while it may not be used, or for a pending x87 exception. */
function requireMmx(): void {
  if ((cpu().cr0 & CR0_EM) != 0) raiseUD();
  if ((cpu().cr0 & CR0_TS) != 0) raiseNM();
  if (((<u32>cpu().x87Status) & STATUS_ERROR_SUMMARY) != 0 && (cpu().cr0 & CR0_NE) != 0) raise(VECTOR_MF);
}

/** The 64-bit source of an MMX instruction: MM register or memory. */
function mmxSource(insn: Insn): u64 {
  const src = <u32>insn.src;
  return src != OPERAND_MEMORY ? mmx(src) : read<u64>(linear(insn, 8, false));
}

/** PADDB ... on MMX registers. */
function mmxBinary(insn: Insn, op: i32): void {
  requireMmx();
  // PUNPCKL* read only the half they use.
  const isHalf = op <= Simd.PUNPCKLDQ && isMemory(insn);
  const src = isHalf ? <u64>read<u32>(linear(insn, 4, false)) : mmxSource(insn);
  enterMmx();
  setMmx(<u32>insn.dst, integerMmx(op, mmx(<u32>insn.dst), src));
}

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

/** Source of 16 bytes, aligned if in memory. */
// prettier-ignore
@inline
function vectorSource(insn: Insn): v128 {
  return on<Interpreter>().readVectorSrc(insn);
}

/** Source of 8 bytes. */
// prettier-ignore
@inline
function source64(insn: Insn): u64 {
  return on<Interpreter>().readScalarSrc<u64>(insn);
}

function moveRare(insn: Insn, op: i32): void {
  const dst = <u32>insn.dst;
  const src = <u32>insn.src;
  switch (op) {
    case Simd.MOVNTI:
      if (isWide(insn)) on<Interpreter>().writeDst<u64>(insn, readReg<u64>(src));
      else on<Interpreter>().writeDst<u32>(insn, readReg<u32>(src));
      return;
    case Simd.MOVD_TO_MMX: {
      requireMmx();
      const value = isWide(insn)
        ? on<Interpreter>().readSrc<u64>(insn)
        : <u64>on<Interpreter>().readSrc<u32>(insn);
      enterMmx();
      setMmx(dst, value);
      return;
    }
    case Simd.MOVD_FROM_MMX:
      requireMmx();
      if (isWide(insn)) on<Interpreter>().writeDst<u64>(insn, mmx(src));
      else on<Interpreter>().writeDst<u32>(insn, <u32>mmx(src));
      enterMmx();
      return;
    case Simd.MOVQ_MMX: {
      requireMmx();
      const value = mmxSource(insn);
      enterMmx();
      setMmx(dst, value);
      return;
    }
    case Simd.MOVQ_MMX_STORE: // and MOVNTQ
      requireMmx();
      if (isMemory(insn)) write<u64>(linear(insn, 8, true), mmx(src));
      else setMmx(dst, mmx(src));
      enterMmx();
      return;
    case Simd.MOVQ2DQ:
      requireSimd();
      requireMmx();
      enterMmx();
      writeXmm(dst, i64x2.replace_lane(i64x2.splat(0), 0, mmx(src)));
      return;
    case Simd.MOVDQ2Q:
      requireSimd();
      requireMmx();
      enterMmx();
      setMmx(dst, readXmmScalar<u64>(src));
      return;
    case Simd.MOVSLDUP: {
      requireSimd();
      const v = vectorSource(insn);
      writeXmm(dst, i8x16.shuffle(v, v, 0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11));
      return;
    }
    case Simd.MOVSHDUP: {
      requireSimd();
      const v = vectorSource(insn);
      writeXmm(dst, i8x16.shuffle(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15));
      return;
    }
    case Simd.MOVDDUP:
      requireSimd();
      writeXmm(dst, i64x2.splat(source64(insn)));
      return;
    case Simd.MASKMOVQ:
      requireMmx();
      storeMasked(insn, mmx(dst), mmx(src), 0, 0, 8);
      enterMmx();
      return;
    case Simd.MASKMOVDQU:
      requireSimd();
      storeMasked(
        insn,
        readXmmScalar<u64>(dst),
        readXmmScalar<u64>(src),
        readXmmScalar<u64>(dst + 8),
        readXmmScalar<u64>(src + 8),
        16,
      );
      return;
    case Simd.EMMS:
      requireMmx();
      enterMmx();
      cpu().x87Tags = 0;
      return;
    case Simd.FXSAVE:
      fxsave(insn);
      return;
    case Simd.FXRSTOR:
      fxrstor(insn);
      return;
    case Simd.LDMXCSR: {
      requireSimd();
      const value = read<u32>(linear(insn, 4, false));
      if ((value & ~MXCSR_MASK) != 0) raiseGP(0);
      cpu().mxcsr = value;
      return;
    }
    case Simd.STMXCSR:
      requireSimd();
      write<u32>(linear(insn, 4, true), cpu().mxcsr);
      return;
  }
  raiseUD();
}

/** MASKMOVQ, MASKMOVDQU: stores the bytes whose mask has the top bit set at DS:[rDI]. */
function storeMasked(insn: Insn, low: u64, lowMask: u64, high: u64, highMask: u64, size: u32): void {
  const bits = ((<u32>insn.flags) >> INSN_ADDRESS_SHIFT) & 3;
  const offset =
    bits == 3
      ? readReg<u64>(RDI << 3)
      : bits == 2
        ? <u64>readReg<u32>(RDI << 3)
        : <u64>readReg<u16>(RDI << 3);
  const segment = <u32>insn.segment;
  const address =
    cpu().mode == CODE_64
      ? offset + (segment >= SEG_FS ? baseOf(segment) : 0)
      : linearIn(segment, <u32>offset, size, true);
  if (((lowMask | highMask) & 0x8080_8080_8080_8080) == 0) return;
  checkWritable(address, size);
  for (let i: u32 = 0; i < size; i++) {
    const mask = i < 8 ? lowMask >> (<u64>(8 * i)) : highMask >> (<u64>(8 * i - 64));
    const data = i < 8 ? low >> (<u64>(8 * i)) : high >> (<u64>(8 * i - 64));
    if ((mask & 0x80) != 0) write<u8>(address + i, <u8>data);
  }
}

function floatRare(insn: Insn, op: i32): void {
  requireSimd();
  const dst = <u32>insn.dst;
  switch (op) {
    case Simd.CMPPS:
      writeXmm(dst, comparePacked<f32>((<u32>insn.imm) & 7, readXmm(dst), vectorSource(insn)));
      return;
    case Simd.CMPPD:
      writeXmm(dst, comparePacked<f64>((<u32>insn.imm) & 7, readXmm(dst), vectorSource(insn)));
      return;
    case Simd.CMPSS: {
      const src = on<Interpreter>().readScalarSrc<f32>(insn);
      writeXmmScalar<u32>(dst, <u32>compareScalar<f32>((<u32>insn.imm) & 7, readXmmScalar<f32>(dst), src));
      return;
    }
    case Simd.CMPSD: {
      const src = on<Interpreter>().readScalarSrc<f64>(insn);
      writeXmmScalar<u64>(dst, compareScalar<f64>((<u32>insn.imm) & 7, readXmmScalar<f64>(dst), src));
      return;
    }
    case Simd.RSQRTPS:
    case Simd.RCPPS: {
      const v = vectorSource(insn);
      const root = op == Simd.RSQRTPS;
      let r = v;
      r = f32x4.replace_lane(r, 0, approximate(f32x4.extract_lane(v, 0), root));
      r = f32x4.replace_lane(r, 1, approximate(f32x4.extract_lane(v, 1), root));
      r = f32x4.replace_lane(r, 2, approximate(f32x4.extract_lane(v, 2), root));
      r = f32x4.replace_lane(r, 3, approximate(f32x4.extract_lane(v, 3), root));
      writeXmm(dst, r);
      return;
    }
    case Simd.RSQRTSS:
    case Simd.RCPSS:
      writeXmmScalar<f32>(dst, approximate(on<Interpreter>().readScalarSrc<f32>(insn), op == Simd.RSQRTSS));
      return;
    case Simd.ADDSUBPS:
      writeXmm(dst, pairwise<f32>(FloatOp.SUB, FloatOp.ADD, readXmm(dst), vectorSource(insn)));
      return;
    case Simd.ADDSUBPD:
      writeXmm(dst, pairwise<f64>(FloatOp.SUB, FloatOp.ADD, readXmm(dst), vectorSource(insn)));
      return;
    case Simd.HADDPS:
    case Simd.HSUBPS: {
      const kind = op == Simd.HADDPS ? FloatOp.ADD : FloatOp.SUB;
      const src = vectorSource(insn);
      const v = readXmm(dst);
      const even = i8x16.shuffle(v, src, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
      const odd = i8x16.shuffle(v, src, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
      writeXmm(dst, pairwise<f32>(kind, kind, even, odd));
      return;
    }
    case Simd.HADDPD:
    case Simd.HSUBPD: {
      const kind = op == Simd.HADDPD ? FloatOp.ADD : FloatOp.SUB;
      const src = vectorSource(insn);
      const v = readXmm(dst);
      const even = i8x16.shuffle(v, src, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
      const odd = i8x16.shuffle(v, src, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
      writeXmm(dst, pairwise<f64>(kind, kind, even, odd));
      return;
    }
  }
  raiseUD();
}

/**
 * RCPPS, RSQRTPS: denormals count as zeros, nothing is raised. QUIRK: real processors give 12 good bits from a table of
 * their own; here the result is the nearest f32, which is within the error that the SDM allows.
 */
function approximate(x: f32, root: bool): f32 {
  const bits = reinterpret<u32>(x);
  const magnitude = bits & 0x7fff_ffff;
  const sign = bits & 0x8000_0000;
  if (magnitude > 0x7f80_0000) return reinterpret<f32>(bits | 0x40_0000);
  if (magnitude < 0x80_0000) return reinterpret<f32>(sign | 0x7f80_0000);
  if (root) {
    if (sign != 0) return reinterpret<f32>(0xffc0_0000);
    return <f32>(1.0 / sqrt<f64>(<f64>x));
  }
  const r = <f32>(1.0 / <f64>x);
  return (reinterpret<u32>(r) & 0x7f80_0000) == 0 ? reinterpret<f32>(sign) : r;
}

function convertRare(insn: Insn, op: i32): void {
  requireSimd();
  const dst = <u32>insn.dst;
  switch (op) {
    case Simd.CVTPI2PS:
    case Simd.CVTPI2PD: {
      // With a memory operand the x87 state is left alone.
      if (!isMemory(insn)) {
        requireMmx();
        enterMmx();
      }
      const src = mmxSource(insn);
      writeXmm(dst, op == Simd.CVTPI2PS ? integerPairToFloats(readXmm(dst), src) : integerPairToDoubles(src));
      return;
    }
    case Simd.CVTTPS2PI:
    case Simd.CVTPS2PI: {
      requireMmx();
      const src = source64(insn);
      enterMmx(); // even if #XM follows
      setMmx(dst, floatPairToIntegers(src, op == Simd.CVTTPS2PI));
      return;
    }
    case Simd.CVTTPD2PI:
    case Simd.CVTPD2PI: {
      requireMmx();
      const src = vectorSource(insn);
      enterMmx();
      setMmx(dst, doublePairToIntegers(src, op == Simd.CVTTPD2PI));
      return;
    }
    case Simd.CVTPS2PD:
      writeXmm(dst, widenPair(i64x2.splat(source64(insn))));
      return;
    case Simd.CVTPD2PS:
      writeXmm(dst, narrowPair(vectorSource(insn)));
      return;
    case Simd.CVTDQ2PS:
      writeXmm(dst, integersToFloats(vectorSource(insn)));
      return;
    case Simd.CVTPS2DQ:
    case Simd.CVTTPS2DQ:
      writeXmm(dst, floatsToIntegers(vectorSource(insn), op == Simd.CVTTPS2DQ));
      return;
    case Simd.CVTDQ2PD:
      writeXmm(dst, integerPairToDoubles(source64(insn)));
      return;
    case Simd.CVTPD2DQ:
    case Simd.CVTTPD2DQ:
      writeXmm(
        dst,
        i64x2.replace_lane(i64x2.splat(0), 0, doublePairToIntegers(vectorSource(insn), op == Simd.CVTTPD2DQ)),
      );
      return;
  }
  raiseUD();
}

function shuffleRare(insn: Insn, op: i32): void {
  const dst = <u32>insn.dst;
  const src = <u32>insn.src;
  const imm = (<u32>insn.imm) & 0xff;
  switch (op) {
    case Simd.PSHUFW: {
      requireMmx();
      const value = mmxSource(insn);
      enterMmx();
      setMmx(dst, shuffleWords(value, imm));
      return;
    }
    case Simd.PINSRW_MMX: {
      requireMmx();
      const word = <u64>on<Interpreter>().readSrc<u16>(insn);
      const shift = <u64>((imm & 3) << 4);
      enterMmx();
      setMmx(dst, (mmx(dst) & ~((<u64>0xffff) << shift)) | (word << shift));
      return;
    }
    case Simd.PEXTRW_MMX:
      requireMmx();
      writeReg<u32>(dst, (<u32>(mmx(src) >> (<u64>((imm & 3) << 4)))) & 0xffff);
      enterMmx();
      return;
    case Simd.PMOVMSKB_MMX:
      requireMmx();
      writeReg<u32>(dst, <u32>i8x16.bitmask(i64x2.replace_lane(i64x2.splat(0), 0, mmx(src))));
      enterMmx();
      return;
    case Simd.PALIGNR_MMX: {
      requireMmx();
      const value = mmxSource(insn);
      const pair = i64x2.replace_lane(i64x2.splat(value), 1, mmx(dst));
      enterMmx();
      setMmx(dst, i64x2.extract_lane(alignRight(i64x2.splat(0), pair, imm), 0));
      return;
    }
    case Simd.SHIFT_IMM_W_MMX:
    case Simd.SHIFT_IMM_D_MMX:
    case Simd.SHIFT_IMM_Q_MMX: {
      requireMmx();
      enterMmx();
      const v = shiftImmediate(
        op - (Simd.SHIFT_IMM_W_MMX - Simd.SHIFT_IMM_W),
        ((<u32>insn.modrm) >> 3) & 7,
        i64x2.splat(mmx(dst)),
        imm,
      );
      setMmx(dst, i64x2.extract_lane(v, 0));
      return;
    }
  }
  raiseUD();
}

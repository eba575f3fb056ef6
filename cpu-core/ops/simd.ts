/**
 * Vector instructions that compilers emit all the time: moves, arithmetic, conversions, comparisons, integer operations.
 * Written once on a backend (ops/backend.ts). The rest, and MMX, is in ops/simd_rare.ts.
 *
 * Every function checks and reads first and writes last. SDM vol 2 by mnemonic.
 */
import { INSN_MEMORY, INSN_REX_W, Insn } from "../decode/insn";
import { FloatOp } from "../x87/binary";
import { on } from "./backend";
import { Simd } from "./simd_op";
import { performShuffle } from "./simd_shuffle";

/** Executes (or translates) the instruction if it is one of the common ones. */
export function performSimd<B>(insn: Insn): bool {
  const op = (<i32>insn.code) >> 2;
  if (op >= Simd.PUNPCKLBW && op <= Simd.PMULLD) {
    return integer<B>(insn, op);
  }
  if (op < Simd.ADDPS) return performMove<B>(insn, op);
  if (op < Simd.CVTPI2PS) return performFloat<B>(insn, op);
  if (op < Simd.PUNPCKLBW) return performConversion<B>(insn, op);
  if (op >= Simd.PSHUFD && op < Simd.PMOVSXBW) return performShuffle<B>(insn, op);
  return false;
}

/** PADDB ... PXOR: dst = dst op src. */
function integer<B>(insn: Insn, op: i32): bool {
  const b = on<B>();
  if (!b.hasIntegerVector(op)) return false;
  b.requireSimd();
  const src = b.readVectorSrc(insn);
  b.writeVectorDst(insn, b.integerVector(op, b.readVectorDst(insn), src));
  return true;
}

function performMove<B>(insn: Insn, op: i32): bool {
  const b = on<B>();
  const isMemory = ((<u32>insn.flags) & INSN_MEMORY) != 0;
  switch (op) {
    case Simd.MOVUPS:
      b.requireSimd();
      b.writeVectorDst(insn, b.readVectorSrcUnaligned(insn));
      return true;
    case Simd.MOVAPS:
      b.requireSimd();
      b.writeVectorDst(insn, b.readVectorSrc(insn));
      return true;
    case Simd.MOVUPS_STORE:
      b.requireSimd();
      b.storeVectorUnaligned(insn, b.readXmm(<u32>insn.src));
      return true;
    case Simd.MOVAPS_STORE:
      b.requireSimd();
      b.storeVector(insn, b.readXmm(<u32>insn.src));
      return true;
    case Simd.MOVSS: // from memory the other lanes become 0, from a register they stay
      b.requireSimd();
      if (isMemory) b.writeVectorDst(insn, b.vectorFromScalar<u32>(b.readScalarSrc<u32>(insn)));
      else b.writeScalarDst<u32>(insn, b.readScalarSrc<u32>(insn));
      return true;
    case Simd.MOVSD:
      b.requireSimd();
      if (isMemory) b.writeVectorDst(insn, b.vectorFromScalar<u64>(b.readScalarSrc<u64>(insn)));
      else b.writeScalarDst<u64>(insn, b.readScalarSrc<u64>(insn));
      return true;
    case Simd.MOVQ_XMM:
      b.requireSimd();
      b.writeVectorDst(insn, b.vectorFromScalar<u64>(b.readScalarSrc<u64>(insn)));
      return true;
    case Simd.MOVSS_STORE:
      b.requireSimd();
      b.storeScalar<u32>(insn, b.readXmmScalar<u32>(<u32>insn.src));
      return true;
    case Simd.MOVSD_STORE:
      b.requireSimd();
      b.storeScalar<u64>(insn, b.readXmmScalar<u64>(<u32>insn.src));
      return true;
    case Simd.MOVLPS_STORE: // and MOVQ xmm/m64, xmm, which clears the upper half of a register
      b.requireSimd();
      if (isMemory) b.storeScalar<u64>(insn, b.readXmmScalar<u64>(<u32>insn.src));
      else b.writeVectorDst(insn, b.vectorFromScalar<u64>(b.readXmmScalar<u64>(<u32>insn.src)));
      return true;
    case Simd.MOVLPS: // the register form is MOVHLPS
      b.requireSimd();
      if (isMemory) b.writeScalarDst<u64>(insn, b.readScalarSrc<u64>(insn));
      else b.writeVectorDst(insn, b.shuffleDoublewords(b.readXmm(<u32>insn.src), b.readVectorDst(insn), 0xee));
      return true;
    case Simd.MOVHPS: // the register form is MOVLHPS
      b.requireSimd();
      b.writeUpperDst(insn, b.readScalarSrc<u64>(insn));
      return true;
    case Simd.MOVHPS_STORE:
      b.requireSimd();
      b.storeScalar<u64>(insn, b.upperOf(b.readXmm(<u32>insn.src)));
      return true;
    case Simd.MOVD_TO_XMM:
      b.requireSimd();
      if (((<u32>insn.flags) & INSN_REX_W) != 0)
        b.writeVectorDst(insn, b.vectorFromScalar<u64>(b.readSrc<u64>(insn)));
      else b.writeVectorDst(insn, b.vectorFromScalar<u32>(b.readSrc<u32>(insn)));
      return true;
    case Simd.MOVD_FROM_XMM:
      b.requireSimd();
      if (((<u32>insn.flags) & INSN_REX_W) != 0) b.writeDst<u64>(insn, b.readXmmScalar<u64>(<u32>insn.src));
      else b.writeDst<u32>(insn, b.readXmmScalar<u32>(<u32>insn.src));
      return true;
  }
  return false;
}

/** ADDSS ... SQRTSD and the packed forms; `op - first` is PS, PD, SS, SD. */
function arithmetic<B>(insn: Insn, form: i32, kind: FloatOp): bool {
  const b = on<B>();
  if ((form & 2) == 0 && !b.hasFloatPacked(kind)) return false;
  b.requireSimd();
  switch (form & 3) {
    case 0: {
      const src = b.readVectorSrc(insn);
      b.writeVectorDst(insn, b.floatPacked<f32>(kind, b.readVectorDst(insn), src));
      return true;
    }
    case 1: {
      const src = b.readVectorSrc(insn);
      b.writeVectorDst(insn, b.floatPacked<f64>(kind, b.readVectorDst(insn), src));
      return true;
    }
    case 2: {
      const src = b.readScalarSrc<f32>(insn);
      b.writeScalarDst<f32>(
        insn,
        b.floatScalar<f32>(kind, kind == FloatOp.SQRT ? src : b.readScalarDst<f32>(insn), src),
      );
      return true;
    }
    default: {
      const src = b.readScalarSrc<f64>(insn);
      b.writeScalarDst<f64>(
        insn,
        b.floatScalar<f64>(kind, kind == FloatOp.SQRT ? src : b.readScalarDst<f64>(insn), src),
      );
      return true;
    }
  }
}

function performFloat<B>(insn: Insn, op: i32): bool {
  const b = on<B>();
  // prettier-ignore
  switch ((op - Simd.ADDPS) >> 2) {
    case 0: return arithmetic<B>(insn, op, FloatOp.ADD);
    case 1: return arithmetic<B>(insn, op, FloatOp.MUL);
    case 2: return arithmetic<B>(insn, op, FloatOp.SUB);
    case 3: return arithmetic<B>(insn, op, FloatOp.MIN);
    case 4: return arithmetic<B>(insn, op, FloatOp.DIV);
    case 5: return arithmetic<B>(insn, op, FloatOp.MAX);
    case 6: return arithmetic<B>(insn, op, FloatOp.SQRT);
  }
  switch (op) {
    case Simd.UCOMISS:
    case Simd.COMISS: {
      b.requireSimd();
      const src = b.readScalarSrc<f32>(insn);
      b.floatFlags<f32>(b.readScalarDst<f32>(insn), src, op == Simd.COMISS);
      return true;
    }
    case Simd.UCOMISD:
    case Simd.COMISD: {
      b.requireSimd();
      const src = b.readScalarSrc<f64>(insn);
      b.floatFlags<f64>(b.readScalarDst<f64>(insn), src, op == Simd.COMISD);
      return true;
    }
  }
  return false;
}

/** CVTSI2SS, CVTSI2SD. */
function fromGeneral<B, T>(insn: Insn): void {
  const b = on<B>();
  b.requireSimd();
  if (((<u32>insn.flags) & INSN_REX_W) != 0) {
    b.writeScalarDst<T>(insn, b.integerToFloat<T>(b.readSrc<i64>(insn)));
  } else {
    b.writeScalarDst<T>(insn, b.integerToFloat<T>(b.signExtend<u32, i64>(b.readSrc<u32>(insn))));
  }
}

/** CVTSS2SI, CVTSD2SI, CVTTSS2SI, CVTTSD2SI. */
function toGeneral<B, T>(insn: Insn, truncate: bool): void {
  const b = on<B>();
  b.requireSimd();
  const src = b.readScalarSrc<T>(insn);
  if (((<u32>insn.flags) & INSN_REX_W) != 0) {
    b.writeRegister<u64>(<u32>insn.dst, b.zeroExtend<i64, u64>(b.floatToInteger<T>(src, 64, truncate)));
  } else {
    b.writeRegister<u32>(<u32>insn.dst, b.zeroExtend<i64, u32>(b.floatToInteger<T>(src, 32, truncate)));
  }
}

function performConversion<B>(insn: Insn, op: i32): bool {
  const b = on<B>();
  // prettier-ignore
  switch (op) {
    case Simd.CVTSI2SS: fromGeneral<B, f32>(insn); return true;
    case Simd.CVTSI2SD: fromGeneral<B, f64>(insn); return true;
    case Simd.CVTTSS2SI: toGeneral<B, f32>(insn, true); return true;
    case Simd.CVTTSD2SI: toGeneral<B, f64>(insn, true); return true;
    case Simd.CVTSS2SI: toGeneral<B, f32>(insn, false); return true;
    case Simd.CVTSD2SI: toGeneral<B, f64>(insn, false); return true;
    case Simd.CVTSS2SD:
      b.requireSimd();
      b.writeScalarDst<f64>(insn, b.widenFloat(b.readScalarSrc<f32>(insn)));
      return true;
    case Simd.CVTSD2SS:
      b.requireSimd();
      b.writeScalarDst<f32>(insn, b.narrowFloat(b.readScalarSrc<f64>(insn)));
      return true;
  }
  return false;
}

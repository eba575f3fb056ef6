/** Vector instructions that move lanes about, with an immediate: shuffles, shifts, extraction and insertion. SDM vol 2 by mnemonic. */
import { Insn } from "../decode/insn";
import { on } from "./backend";
import { Simd } from "./simd_op";

/** Executes (or translates) the instruction if it is one of these. */
export function performShuffle<B>(insn: Insn, op: i32): bool {
  const b = on<B>();
  const imm = (<u32>insn.imm) & 0xff;
  switch (op) {
    case Simd.PSHUFD: {
      b.requireSimd();
      const src = b.readVectorSrc(insn);
      b.writeVectorDst(insn, b.shuffleDoublewords(src, src, imm));
      return true;
    }
    case Simd.PSHUFLW:
    case Simd.PSHUFHW:
      b.requireSimd();
      b.writeVectorDst(insn, b.shuffleWords(b.readVectorSrc(insn), imm, op == Simd.PSHUFHW));
      return true;
    case Simd.SHUFPS: {
      b.requireSimd();
      const src = b.readVectorSrc(insn);
      b.writeVectorDst(insn, b.shuffleDoublewords(b.readVectorDst(insn), src, imm));
      return true;
    }
    case Simd.SHUFPD: {
      b.requireSimd();
      const src = b.readVectorSrc(insn);
      // A quadword is two doublewords.
      const order = ((imm & 1) != 0 ? 0x0e : 0x04) | ((imm & 2) != 0 ? 0xe0 : 0x40);
      b.writeVectorDst(insn, b.shuffleDoublewords(b.readVectorDst(insn), src, order));
      return true;
    }
    case Simd.PALIGNR: {
      b.requireSimd();
      const src = b.readVectorSrc(insn);
      b.writeVectorDst(insn, b.alignRight(b.readVectorDst(insn), src, imm));
      return true;
    }
    case Simd.SHIFT_IMM_W:
    case Simd.SHIFT_IMM_D:
    case Simd.SHIFT_IMM_Q:
      b.requireSimd();
      b.writeVectorDst(insn, b.shiftVector(op, ((<u32>insn.modrm) >> 3) & 7, b.readVectorDst(insn), imm));
      return true;
    case Simd.PMOVMSKB:
      b.requireSimd();
      b.writeRegister<u32>(insn.dst, b.signBits<u8>(b.readXmm(<u32>insn.src)));
      return true;
    case Simd.MOVMSKPS:
      b.requireSimd();
      b.writeRegister<u32>(insn.dst, b.signBits<u32>(b.readXmm(<u32>insn.src)));
      return true;
    case Simd.MOVMSKPD:
      b.requireSimd();
      b.writeRegister<u32>(insn.dst, b.signBits<u64>(b.readXmm(<u32>insn.src)));
      return true;
    case Simd.PEXTRW:
      b.requireSimd();
      b.writeRegister<u32>(insn.dst, b.wordOf(b.readXmm(<u32>insn.src), imm & 7));
      return true;
    case Simd.PINSRW: {
      b.requireSimd();
      const word = b.readSrc<u16>(insn);
      b.writeVectorDst(insn, b.withWord(b.readVectorDst(insn), imm & 7, word));
      return true;
    }
  }
  return false;
}

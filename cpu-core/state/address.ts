/** Effective and linear addresses of memory operands. */
import { CPU_REGS } from "../abi/state";
import { EA_16, EA_32, EA_64, EA_64_OFFSET, EA_64_SEGMENT, Insn, INSN_SEGMENT_GIVEN } from "../decode/insn";
import { SEG_FS } from "../abi/state";
import { cpuBase } from "./cpu";
import { baseOf, linearIn } from "./segments";

/** Whether bits 63-47 are equal. SDM vol 1 "Canonical Addressing". */
// prettier-ignore
@inline
export function isCanonical(va: u64): bool {
  return <u64>((<i64>(va << 16)) >> 16) == va;
}

// prettier-ignore
@inline
function sum64(insn: Insn): u64 {
  const base = cpuBase();
  return (
    load<u64>(base + <usize>insn.base, CPU_REGS) +
    (load<u64>(base + <usize>insn.index, CPU_REGS) << <u64>insn.scale) +
    <u64>(<i64>insn.disp)
  );
}

/** Linear address of the memory operand of `size` bytes; raises #GP or #SS on a segment violation. */
// prettier-ignore
@inline
export function linear(insn: Insn, size: u32, forWrite: bool): u64 {
  if (insn.ea == <u8>EA_64) return sum64(insn);
  return linearOther(insn, size, forWrite);
}

function linearOther(insn: Insn, size: u32, forWrite: bool): u64 {
  const segment = <u32>insn.segment;
  switch (<u32>insn.ea) {
    case EA_64_SEGMENT:
      return sum64(insn) + baseOf(segment);
    case EA_64_OFFSET:
      return <u64>insn.imm + (isFsGs(insn) ? baseOf(segment) : 0);
    case EA_32:
      return linearIn(segment, <u32>sum64(insn), size, forWrite);
    case EA_16:
      return linearIn(segment, <u32>sum64(insn) & 0xffff, size, forWrite);
    default:
      return <u64>(<u32>sum64(insn)) + (isFsGs(insn) ? baseOf(segment) : 0);
  }
}

function isFsGs(insn: Insn): bool {
  return (insn.flags & <u16>INSN_SEGMENT_GIVEN) != 0 && <u32>insn.segment >= SEG_FS;
}

/** The address within the segment: what LEA computes. */
export function effective(insn: Insn): u64 {
  const ea = <u32>insn.ea;
  const sum = sum64(insn);
  if (ea == EA_64 || ea == EA_64_SEGMENT) return sum;
  return ea == EA_16 ? sum & 0xffff : sum & 0xffff_ffff;
}

/** Linear address of the memory operand without any check: INVLPG. */
export function linearUnchecked(insn: Insn): u64 {
  const ea = <u32>insn.ea;
  if (ea == EA_32 || ea == EA_16) return (effective(insn) + baseOf(<u32>insn.segment)) & 0xffff_ffff;
  return linear(insn, 1, false);
}

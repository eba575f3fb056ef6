/** The decoder with a surface for tests: batches of byte strings. test/decode compares it with another decoder. */
import "../mmu/tlb"; // first: the core's modules import each other in a circle, whose constants must be ready in time
import { CPU_RIP, CPU_ZERO, SEG_FS } from "../abi/state";
import { decode } from "../decode/decode";
import {
  EA_16,
  EA_32,
  EA_64,
  Insn,
  INSN_ADDRESS_SHIFT,
  INSN_LOCK,
  INSN_MEMORY,
  INSN_REP,
  INSN_REPNE,
  INSN_REX_W,
  INSN_SIZE,
  OPERAND_IMMEDIATE,
  OPERAND_MEMORY,
} from "../decode/insn";
import {
  BASE_NONE,
  BASE_RIP,
  OPERAND_IS_IMMEDIATE,
  OPERAND_IS_MEMORY,
  RECORD_ADDRESS,
  RECORD_BASE,
  RECORD_BYTES,
  RECORD_BYTES_OF_OPERAND,
  RECORD_CC,
  RECORD_DISPLACEMENT,
  RECORD_DST,
  RECORD_EXTRA,
  RECORD_IMMEDIATE,
  RECORD_INDEX,
  RECORD_LENGTH,
  RECORD_LOCK,
  RECORD_MEMORY,
  RECORD_MODRM,
  RECORD_OP,
  RECORD_REPEAT,
  RECORD_REX_W,
  RECORD_SCALE,
  RECORD_SEGMENT,
  RECORD_SEGMENT_FIELD,
  RECORD_SRC,
  RECORD_STATUS,
  SEGMENT_NONE,
} from "../abi/decode_record";

export { cpuid } from "../state/cpuid"; // EAX, EBX, ECX, EDX go to CPU_SCRATCH

const insn: usize = memory.data(INSN_SIZE, 16);

/**
 * Decodes `count` strings, `stride` bytes apart, of which the first `available[i]` bytes count, as code of size
 * `codeMode`; writes a record of each.
 */
export function decode_batch(strings: usize, stride: u32, available: usize, count: u32, codeMode: u32, records: usize): void {
  const decoded = changetype<Insn>(insn);
  for (let i: u32 = 0; i < count; i++) {
    const status = decode(decoded, strings + i * stride, load<u8>(available + i), codeMode);
    write(records + i * RECORD_BYTES, decoded, status);
  }
}

function write(record: usize, decoded: Insn, status: u32): void {
  const flags = <u32>decoded.flags;
  store<u8>(record, status, RECORD_STATUS);
  store<u8>(record, decoded.length, RECORD_LENGTH);
  store<u16>(record, decoded.code >> 2, RECORD_OP);
  store<u8>(record, <u32>1 << <u32>(decoded.code & 3), RECORD_BYTES_OF_OPERAND);
  store<u8>(record, operand(decoded.dst), RECORD_DST);
  store<u8>(record, operand(decoded.src), RECORD_SRC);
  store<u8>(record, addressRegister(decoded.base), RECORD_BASE);
  store<u8>(record, addressRegister(decoded.index), RECORD_INDEX);
  store<u8>(record, decoded.scale, RECORD_SCALE);
  store<u8>(record, countingSegment(decoded), RECORD_SEGMENT);
  store<u8>(record, <u32>1 << ((flags >> INSN_ADDRESS_SHIFT) & 3), RECORD_ADDRESS);
  store<u8>(record, decoded.cc, RECORD_CC);
  store<u8>(record, decoded.modrm, RECORD_MODRM);
  store<u8>(record, (flags & INSN_REP) != 0 ? 0xf3 : (flags & INSN_REPNE) != 0 ? 0xf2 : 0, RECORD_REPEAT);
  store<u8>(record, <u8>((flags & INSN_LOCK) != 0), RECORD_LOCK);
  store<u8>(record, <u8>((flags & INSN_MEMORY) != 0), RECORD_MEMORY);
  store<u8>(record, <u8>((flags & INSN_REX_W) != 0), RECORD_REX_W);
  store<u8>(record, decoded.segment, RECORD_SEGMENT_FIELD);
  store<i32>(record, decoded.disp, RECORD_DISPLACEMENT);
  store<i64>(record, decoded.imm, RECORD_IMMEDIATE);
  store<u32>(record, decoded.extra, RECORD_EXTRA);
}

function operand(encoded: u32): u32 {
  return encoded == OPERAND_MEMORY ? OPERAND_IS_MEMORY : encoded == OPERAND_IMMEDIATE ? OPERAND_IS_IMMEDIATE : encoded;
}

function addressRegister(encoded: u32): u32 {
  return encoded == CPU_ZERO ? BASE_NONE : encoded == CPU_RIP ? BASE_RIP : encoded;
}

/** The segment that state/address.ts takes into account. */
function countingSegment(decoded: Insn): u32 {
  const ea = <u32>decoded.ea;
  if (ea == EA_16 || ea == EA_32) return decoded.segment;
  return ea != EA_64 && decoded.segment >= <u8>SEG_FS ? decoded.segment : SEGMENT_NONE;
}

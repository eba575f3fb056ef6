/**
 * Insn: one decoded instruction, 32 bytes. Everything that decoding can settle is settled here, so that executing
 * is one switch on `code` and straight reads of these fields.
 *
 *      0  code     u16  Op << 2 | log2(operand bytes)
 *      2  length   u8   bytes, prefixes included
 *      3  modrm    u8   as encoded (slow tier)
 *      4  dst      u8   register offset, or OPERAND_MEMORY
 *      5  src      u8   register offset, or OPERAND_MEMORY, or OPERAND_IMMEDIATE
 *      6  base     u8   register offset; CPU_ZERO if none; CPU_RIP for RIP-relative
 *      7  index    u8   register offset; CPU_ZERO if none
 *      8  scale    u8   shift of the index, 0-3
 *      9  segment  u8   SEG_*
 *     10  flags    u16  INSN_*
 *     12  disp     i32  displacement
 *     16  imm      i64  immediate, sign-extended; or relative branch displacement; or 64-bit offset
 *     24  cc       u8   condition code of Jcc, SETcc, CMOVcc; last opcode byte otherwise
 *     25  ea       u8   EA_*: how the address is computed
 *     26  next     u16  offset of the following instruction from the block's start, bytes
 *     28  extra    u32  far selector, ENTER's level, opcode map for rare forms
 *
 * A register offset is the byte offset of the register in CpuState from CPU_REGS: RCX 8, AH 1, SPL 32. Vector
 * registers are numbered x 16 from CPU_XMM, x87/MMX registers by number.
 */
export const INSN_SIZE: u32 = 32;

export const OPERAND_MEMORY: u32 = 0xff;
export const OPERAND_IMMEDIATE: u32 = 0xfe;

export const INSN_LOCK: u32 = 1 << 0;
export const INSN_REP: u32 = 1 << 1; // F3
export const INSN_REPNE: u32 = 1 << 2; // F2
export const INSN_OPERAND_16: u32 = 1 << 3; // 66 was given
export const INSN_ADDRESS_SIZE: u32 = 1 << 4; // 67 was given
export const INSN_REX_W: u32 = 1 << 5;
export const INSN_MEMORY: u32 = 1 << 6; // has a memory operand
export const INSN_ENDS_BLOCK: u32 = 1 << 7; // control may go elsewhere, or the mode may change
export const INSN_SEGMENT_GIVEN: u32 = 1 << 8; // a segment override was given
export const INSN_REX: u32 = 1 << 9; // any REX prefix was given
export const INSN_CODE_SHIFT: u32 = 10; // bits 10-11: CODE_16, CODE_32, CODE_64
export const INSN_ADDRESS_SHIFT: u32 = 12; // bits 12-13: 1, 2, 3 for 16, 32, 64-bit addresses
export const INSN_PROTECTED: u32 = 1 << 14; // #UD in real and virtual-8086 mode

/** How an effective address becomes a linear one. */
export const EA_64: u32 = 0; // 64-bit, no segment base
export const EA_64_SEGMENT: u32 = 1; // 64-bit plus FS or GS base
export const EA_64_SHORT: u32 = 2; // 64-bit mode, address truncated to 32 bits, plus FS or GS base if given
export const EA_32: u32 = 3; // legacy: 32-bit offset, segment base and limit
export const EA_16: u32 = 4; // legacy: 16-bit offset, segment base and limit
export const EA_64_OFFSET: u32 = 5; // 64-bit offset in `imm`, plus FS or GS base if given

// prettier-ignore
@unmanaged @final
export class Insn {
  code: u16;
  length: u8;
  modrm: u8;
  dst: u8;
  src: u8;
  base: u8;
  index: u8;
  scale: u8;
  segment: u8;
  flags: u16;
  disp: i32;
  imm: i64;
  cc: u8;
  ea: u8;
  next: u16;
  extra: u32;
}

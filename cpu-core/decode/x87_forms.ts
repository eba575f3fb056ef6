/**
 * Which encodings of the x87 escape opcodes D8 to DF are instructions; ops/x87.ts tells them apart. SDM vol 2 appendix A
 * "Escape Opcode Instructions".
 */

/** Memory operand: a byte for each opcode, bit n for /n. */
// prettier-ignore
const MEMORY_FORMS: usize = memory.data<u8>([
  /* D8 */ 0xff, /* D9 */ 0xfd, /* DA */ 0xff, /* DB */ 0xaf,
  /* DC */ 0xff, /* DD */ 0xdf, /* DE */ 0xff, /* DF */ 0xff,
]);

/** Register operand: for each opcode eight bytes, the reg field's; bit n for rm = n. */
// prettier-ignore
const REGISTER_FORMS: usize = memory.data<u8>([
  /* D8 */ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  /* D9 */ 0xff, 0xff, 0x01, 0xff, 0x33, 0x7f, 0xff, 0xff, // FNOP; FCHS FABS FTST FXAM; constants
  /* DA */ 0xff, 0xff, 0xff, 0xff, 0x00, 0x02, 0x00, 0x00, // FUCOMPP
  /* DB */ 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00, // FENI FDISI FNCLEX FNINIT FSETPM
  /* DC */ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  /* DD */ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00,
  /* DE */ 0xff, 0xff, 0xff, 0x02, 0xff, 0xff, 0xff, 0xff, // FCOMPP
  /* DF */ 0xff, 0xff, 0xff, 0xff, 0x01, 0xff, 0xff, 0x00, // FNSTSW AX
]);

/** Whether opcode D8 + `escape` with this ModRM byte is an instruction. */
export function isX87(escape: u32, modrm: u32): bool {
  const reg = (modrm >> 3) & 7;
  if (modrm < 0xc0) return ((load<u8>(MEMORY_FORMS + escape) >> <u8>reg) & 1) != 0;
  return ((load<u8>(REGISTER_FORMS + (escape << 3) + reg) >> <u8>(modrm & 7)) & 1) != 0;
}

/**
 * What testing/decode.ts tells test/decode of one decoded instruction, in RECORD_BYTES bytes.
 */
export const RECORD_BYTES: u32 = 40;

export const RECORD_STATUS: u32 = 0; // u8: STATUS_*
export const RECORD_LENGTH: u32 = 1; // u8
export const RECORD_OP: u32 = 2; // u16: Op or Simd
export const RECORD_BYTES_OF_OPERAND: u32 = 4; // u8: 1, 2, 4, 8
export const RECORD_DST: u32 = 5; // u8: register offset, or OPERAND_*
export const RECORD_SRC: u32 = 6; // u8
export const RECORD_BASE: u32 = 7; // u8: register offset; BASE_NONE, BASE_RIP
export const RECORD_INDEX: u32 = 8; // u8: register offset; BASE_NONE
export const RECORD_SCALE: u32 = 9; // u8: log2
export const RECORD_SEGMENT: u32 = 10; // u8: SEG_* whose base and limit count; SEGMENT_NONE in 64-bit mode unless FS or GS
export const RECORD_ADDRESS: u32 = 11; // u8: bytes of the address: 2, 4, 8
export const RECORD_CC: u32 = 12; // u8: last opcode byte
export const RECORD_MODRM: u32 = 13; // u8
export const RECORD_REPEAT: u32 = 14; // u8: 0, F3 or F2
export const RECORD_LOCK: u32 = 15; // u8
export const RECORD_MEMORY: u32 = 16; // u8: has a memory operand
export const RECORD_REX_W: u32 = 17; // u8
export const RECORD_SEGMENT_FIELD: u32 = 18; // u8: SEG_*, as string instructions read it
export const RECORD_DISPLACEMENT: u32 = 20; // i32
export const RECORD_IMMEDIATE: u32 = 24; // i64
export const RECORD_EXTRA: u32 = 32; // u32

export const STATUS_OK: u32 = 0;
export const STATUS_OUT_OF_BYTES: u32 = 1;

export const OPERAND_IS_MEMORY: u32 = 0xff;
export const OPERAND_IS_IMMEDIATE: u32 = 0xfe;
export const BASE_NONE: u32 = 0xf0;
export const BASE_RIP: u32 = 0xf1;
export const SEGMENT_NONE: u32 = 0xff;

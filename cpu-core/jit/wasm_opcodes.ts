/** The WebAssembly opcodes that the translator writes. WebAssembly Core Specification, "Index of Instructions". */
// prettier-ignore
export const enum W {
  BLOCK = 0x02, LOOP = 0x03, IF = 0x04, ELSE = 0x05, END = 0x0b, BR = 0x0c, BR_IF = 0x0d, BR_TABLE = 0x0e, RETURN = 0x0f, CALL = 0x10, CALL_INDIRECT = 0x11, RETURN_CALL_INDIRECT = 0x13,
  DROP = 0x1a, SELECT = 0x1b, LOCAL_GET = 0x20, LOCAL_SET = 0x21, LOCAL_TEE = 0x22,
  I32_LOAD = 0x28, I64_LOAD = 0x29, F32_LOAD = 0x2a, F64_LOAD = 0x2b, I32_LOAD8_U = 0x2d, I32_LOAD16_U = 0x2f, I64_LOAD32_U = 0x35,
  I32_STORE = 0x36, I64_STORE = 0x37, F32_STORE = 0x38, F64_STORE = 0x39, I32_STORE8 = 0x3a, I32_STORE16 = 0x3b,
  I32_CONST = 0x41, I64_CONST = 0x42,
  I32_EQZ = 0x45, I32_EQ = 0x46, I32_NE = 0x47, I32_LT_S = 0x48, I32_LT_U = 0x49, I32_LE_S = 0x4c, I32_LE_U = 0x4d, I32_GE_U = 0x4f,
  I64_EQZ = 0x50, I64_EQ = 0x51, I64_NE = 0x52, I64_LT_S = 0x53, I64_LT_U = 0x54, I64_LE_S = 0x57, I64_LE_U = 0x58,
  I32_CLZ = 0x67, I32_CTZ = 0x68, I32_POPCNT = 0x69, I32_ADD = 0x6a, I32_SUB = 0x6b, I32_MUL = 0x6c, I32_AND = 0x71, I32_OR = 0x72, I32_XOR = 0x73, I32_SHL = 0x74, I32_SHR_S = 0x75, I32_SHR_U = 0x76, I32_ROTL = 0x77, I32_ROTR = 0x78,
  I64_CLZ = 0x79, I64_CTZ = 0x7a, I64_POPCNT = 0x7b, I64_ADD = 0x7c, I64_SUB = 0x7d, I64_MUL = 0x7e, I64_DIV_S = 0x7f, I64_DIV_U = 0x80, I64_AND = 0x83, I64_OR = 0x84, I64_XOR = 0x85, I64_SHL = 0x86, I64_SHR_S = 0x87, I64_SHR_U = 0x88, I64_ROTL = 0x89, I64_ROTR = 0x8a,
  I32_WRAP_I64 = 0xa7, I64_EXTEND_I32_S = 0xac, I64_EXTEND_I32_U = 0xad,
  I32_EXTEND8_S = 0xc0, I32_EXTEND16_S = 0xc1, I64_EXTEND8_S = 0xc2, I64_EXTEND16_S = 0xc3, I64_EXTEND32_S = 0xc4,
  F32_EQ = 0x5b, F32_NE = 0x5c, F32_LT = 0x5d, F32_GT = 0x5e, F64_EQ = 0x61, F64_NE = 0x62, F64_LT = 0x63, F64_GT = 0x64,
  F32_ABS = 0x8b, F32_NEG = 0x8c, F32_NEAREST = 0x90, F32_SQRT = 0x91, F32_ADD = 0x92, F32_SUB = 0x93, F32_MUL = 0x94, F32_DIV = 0x95,
  F64_ABS = 0x99, F64_NEG = 0x9a, F64_NEAREST = 0x9e, F64_SQRT = 0x9f, F64_ADD = 0xa0, F64_SUB = 0xa1, F64_MUL = 0xa2, F64_DIV = 0xa3,
  F32_CONVERT_I64_S = 0xb4, F32_DEMOTE_F64 = 0xb6, F64_CONVERT_I64_S = 0xb9, F64_PROMOTE_F32 = 0xbb,
  I32_REINTERPRET_F32 = 0xbc, I64_REINTERPRET_F64 = 0xbd, F32_REINTERPRET_I32 = 0xbe, F64_REINTERPRET_I64 = 0xbf,
  /** Prefix of the vector opcodes. */
  SIMD = 0xfd,
}

/** Vector opcodes, after the prefix. */
// prettier-ignore
export const enum V {
  LOAD = 0, STORE = 11, SHUFFLE = 13, SWIZZLE = 14, I32X4_SPLAT = 17, I64X2_SPLAT = 18,
  I32X4_EXTRACT_LANE = 27, I32X4_REPLACE_LANE = 28, I64X2_EXTRACT_LANE = 29, I64X2_REPLACE_LANE = 30,
  F32X4_EXTRACT_LANE = 31, F32X4_REPLACE_LANE = 32, F64X2_EXTRACT_LANE = 33, F64X2_REPLACE_LANE = 34,
  I32X4_LT_U = 0x3a, I32X4_GE_U = 0x40, AND = 0x4e, ANDNOT = 0x4f, OR = 0x50, XOR = 0x51,
  I32X4_ALL_TRUE = 0xa3, I32X4_SHL = 0xab, I32X4_SUB = 0xb1, I64X2_ALL_TRUE = 0xc3, I64X2_MUL = 0xd5, I64X2_EQ = 0xd6, I64X2_GT_S = 0xd9,
  F32X4_SQRT = 0xe3, F32X4_ADD = 0xe4, F32X4_SUB = 0xe5, F32X4_MUL = 0xe6, F32X4_DIV = 0xe7,
  F64X2_SQRT = 0xef, F64X2_ADD = 0xf0, F64X2_SUB = 0xf1, F64X2_MUL = 0xf2, F64X2_DIV = 0xf3,
}

/** Value types and the empty block type. */
export const enum Type {
  I32 = 0x7f,
  I64 = 0x7e,
  F32 = 0x7d,
  F64 = 0x7c,
  V128 = 0x7b,
  NONE = 0x40,
}

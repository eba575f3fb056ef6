/**
 * Form: where an instruction's operands are, in the notation of SDM vol 2 appendix A ("Key to Abbreviations"), and Is:
 * what else the decoder has to know of a row. A row of an opcode map is Op | Form | Is.
 *
 * The left operand becomes Insn.dst, the right one Insn.src, an immediate Insn.imm.
 */
// prettier-ignore
export const enum Form {
  /** No operand bytes; dst and src unused. */
  None    = 0 << 12,
  Eb_Gb   = 1 << 12,
  Ev_Gv   = 2 << 12,
  Gb_Eb   = 3 << 12,
  Gv_Ev   = 4 << 12,
  AL_Ib   = 5 << 12,
  rAX_Iz  = 6 << 12,
  Eb_Ib   = 7 << 12,
  Ev_Iz   = 8 << 12,
  /** Immediate byte, sign-extended. */
  Ev_Ib   = 9 << 12,
  Eb_1    = 10 << 12,
  Ev_1    = 11 << 12,
  Eb_CL   = 12 << 12,
  Ev_CL   = 13 << 12,
  /** Register in the opcode's low three bits. */
  Zv      = 14 << 12,
  Zv_rAX  = 15 << 12,
  Zb_Ib   = 16 << 12,
  /** Immediate as wide as the operand, 64 bits with REX.W. */
  Zv_Iv   = 17 << 12,
  /** Only the address of the memory operand matters. */
  Gv_M    = 18 << 12,
  /** Third operand: immediate. */
  Gv_Ev_Iz = 19 << 12,
  Gv_Ev_Ib = 20 << 12,
  Ev_Gv_Ib = 21 << 12,
  Ev_Gv_CL = 22 << 12,
  Jb      = 23 << 12,
  Jz      = 24 << 12,
  Eb      = 25 << 12,
  Ev      = 26 << 12,
  Ib      = 27 << 12,
  Iz      = 28 << 12,
  Iw      = 29 << 12,
  Iw_Ib   = 30 << 12,
  /** Far pointer in the instruction: offset in imm, selector in extra. */
  Ap      = 31 << 12,
  /** Memory operand without a register, or ModRM with /r known from the opcode. */
  M       = 32 << 12,
  Ev_Sw   = 33 << 12,
  Sw_Ew   = 34 << 12,
  AL_Ob   = 35 << 12,
  rAX_Ov  = 36 << 12,
  Ob_AL   = 37 << 12,
  Ov_rAX  = 38 << 12,
  Gv_Eb   = 39 << 12,
  Gv_Ew   = 40 << 12,
  Gv_Ed   = 41 << 12,
  /** String instructions and XLAT: byte, or operand size. */
  Xb      = 42 << 12,
  Xv      = 43 << 12,
  AL_DX   = 44 << 12,
  eAX_DX  = 45 << 12,
  eAX_Ib  = 46 << 12,
  /** MOV to and from control and debug registers: the register field, always the register form. */
  Rd_Cd   = 47 << 12,
  Ew      = 48 << 12,
  /** Operand size taken as 16, 32 or 64 with nothing else; no bytes follow. */
  Osz     = 49 << 12,
  Gv_Mp   = 50 << 12,
  Eb_AL   = 51 << 12,
  /** Gv from a byte or wider E: CRC32. */
  Gd_Eb   = 52 << 12,
  Gd_Ev   = 53 << 12,
  /** x87: ModRM; dst is the register in rm. */
  ESC     = 54 << 12,
  // Vector forms: V the XMM register in reg, W an XMM register or memory in rm, P and Q the same for MMX.
  V_W     = 64 << 12,
  W_V     = 65 << 12,
  V_W_Ib  = 66 << 12,
  /** General register from vector. */
  Gd_W    = 67 << 12,
  Gd_W_Ib = 68 << 12,
  /** Vector from general register or memory, 32 or 64 bits by REX.W. */
  V_Ed    = 69 << 12,
  Ed_V    = 70 << 12,
  V_Ed_Ib = 71 << 12,
  Ed_V_Ib = 72 << 12,
  P_Q     = 73 << 12,
  Q_P     = 74 << 12,
  P_Q_Ib  = 75 << 12,
  Gd_Q    = 76 << 12,
  Gd_Q_Ib = 77 << 12,
  P_Ed    = 78 << 12,
  Ed_P    = 79 << 12,
  P_Ed_Ib = 80 << 12,
  P_W     = 81 << 12,
  V_Q     = 82 << 12,
  /** Register in rm only, shift count in the immediate: groups 12-14. */
  W_Ib    = 83 << 12,
  Q_Ib    = 84 << 12,
  W_V_Ib  = 85 << 12,
}

// prettier-ignore
export const enum Is {
  /** LOCK may be given if the destination is memory. */
  Lockable  = 1 << 20,
  /** #UD in 64-bit mode. */
  Not64     = 1 << 21,
  /** Operand size is 64 bits in 64-bit mode, 16 with 66, never 32. */
  Default64 = 1 << 22,
  /** Operand size is 64 bits in 64-bit mode whatever the prefixes (near branches). */
  Forced64  = 1 << 23,
  /** Ends a block: control may go elsewhere, or what decoding depends on may change. */
  End       = 1 << 24,
  /** The row names a group; the reg field of ModRM picks the row in it. */
  Group     = 1 << 25,
  /** #UD unless the operand is memory. */
  Memory    = 1 << 26,
  /** #UD unless the operand is a register. */
  Register  = 1 << 27,
  /** #UD in real and virtual-8086 mode. */
  Protected = 1 << 28,
  /** The low four bits of the opcode are a condition. */
  Condition = 1 << 29,
  /** Not more than 32 bits: REX.W takes the effect of 66 away, and has none else. */
  NoRexW    = 1 << 30,
  /** 32 bits, or 64 with REX.W: 66 has no effect. */
  No16      = 1 << 31,
}

/**
 * The vector opcode maps: rows chosen by opcode and mandatory prefix (0 none, 1 66, 2 F3, 3 F2). SDM vol 2 tables A-3
 * to A-5. A zero row is #UD.
 */
import { Op } from "../ops/op";
import { MMX_FORM, Simd } from "../ops/simd_op";
import { Form, Is } from "./forms";

/** The row for the prefix: none, 66, F3, F2. */
// prettier-ignore
@inline
function pick(prefix: u32, none: u32, p66: u32, pF3: u32, pF2: u32): u32 {
  return prefix == 0 ? none : prefix == 1 ? p66 : prefix == 2 ? pF3 : pF2;
}

/** PS, PD, SS, SD forms of an operation that follow each other in Simd. */
// prettier-ignore
@inline
function floats(prefix: u32, ps: u32): u32 {
  return (ps + prefix) | Form.V_W;
}

/** MMX without prefix, XMM with 66. */
// prettier-ignore
@inline
function both(prefix: u32, op: u32): u32 {
  return prefix == 0 ? (op + MMX_FORM) | Form.P_Q : prefix == 1 ? op | Form.V_W : 0;
}

/** XMM with 66 only. */
// prettier-ignore
@inline
function xmmOnly(prefix: u32, op: u32): u32 {
  return prefix == 1 ? op | Form.V_W : 0;
}

/** Two-byte map. `next` is the ModRM byte, for the opcodes that are groups (71-73, AE). */
export function simdRow0F(opcode: u32, prefix: u32, next: u32): u32 {
  // prettier-ignore
  switch (opcode) {
    case 0x10: return pick(prefix, Simd.MOVUPS | Form.V_W, Simd.MOVUPS | Form.V_W, Simd.MOVSS | Form.V_W, Simd.MOVSD | Form.V_W);
    case 0x11: return pick(prefix, Simd.MOVUPS_STORE | Form.W_V, Simd.MOVUPS_STORE | Form.W_V, Simd.MOVSS_STORE | Form.W_V, Simd.MOVSD_STORE | Form.W_V);
    case 0x12: return pick(prefix, Simd.MOVLPS | Form.V_W, Simd.MOVLPS | Form.V_W | Is.Memory, Simd.MOVSLDUP | Form.V_W, Simd.MOVDDUP | Form.V_W);
    case 0x13: return prefix < 2 ? Simd.MOVLPS_STORE | Form.W_V | Is.Memory : 0;
    case 0x14: return prefix == 0 ? Simd.UNPCKLPS | Form.V_W : xmmOnly(prefix, Simd.PUNPCKLQDQ);
    case 0x15: return prefix == 0 ? Simd.UNPCKHPS | Form.V_W : xmmOnly(prefix, Simd.PUNPCKHQDQ);
    case 0x16: return pick(prefix, Simd.MOVHPS | Form.V_W, Simd.MOVHPS | Form.V_W | Is.Memory, Simd.MOVSHDUP | Form.V_W, 0);
    case 0x17: return prefix < 2 ? Simd.MOVHPS_STORE | Form.W_V | Is.Memory : 0;
    case 0x28: return prefix < 2 ? Simd.MOVAPS | Form.V_W : 0;
    case 0x29: return prefix < 2 ? Simd.MOVAPS_STORE | Form.W_V : 0;
    case 0x2a: return pick(prefix, Simd.CVTPI2PS | Form.V_Q, Simd.CVTPI2PD | Form.V_Q, Simd.CVTSI2SS | Form.V_Ed, Simd.CVTSI2SD | Form.V_Ed);
    case 0x2b: return prefix < 2 ? Simd.MOVAPS_STORE | Form.W_V | Is.Memory : 0;
    case 0x2c: return pick(prefix, Simd.CVTTPS2PI | Form.P_W, Simd.CVTTPD2PI | Form.P_W, Simd.CVTTSS2SI | Form.Gd_W, Simd.CVTTSD2SI | Form.Gd_W);
    case 0x2d: return pick(prefix, Simd.CVTPS2PI | Form.P_W, Simd.CVTPD2PI | Form.P_W, Simd.CVTSS2SI | Form.Gd_W, Simd.CVTSD2SI | Form.Gd_W);
    case 0x2e: return pick(prefix, Simd.UCOMISS | Form.V_W, Simd.UCOMISD | Form.V_W, 0, 0);
    case 0x2f: return pick(prefix, Simd.COMISS | Form.V_W, Simd.COMISD | Form.V_W, 0, 0);
    case 0x50: return pick(prefix, Simd.MOVMSKPS | Form.Gd_W | Is.Register, Simd.MOVMSKPD | Form.Gd_W | Is.Register, 0, 0);
    case 0x51: return floats(prefix, Simd.SQRTPS);
    case 0x52: return pick(prefix, Simd.RSQRTPS | Form.V_W, 0, Simd.RSQRTSS | Form.V_W, 0);
    case 0x53: return pick(prefix, Simd.RCPPS | Form.V_W, 0, Simd.RCPSS | Form.V_W, 0);
    case 0x54: return prefix < 2 ? Simd.PAND | Form.V_W : 0;
    case 0x55: return prefix < 2 ? Simd.PANDN | Form.V_W : 0;
    case 0x56: return prefix < 2 ? Simd.POR | Form.V_W : 0;
    case 0x57: return prefix < 2 ? Simd.PXOR | Form.V_W : 0;
    case 0x58: return floats(prefix, Simd.ADDPS);
    case 0x59: return floats(prefix, Simd.MULPS);
    case 0x5a: return floats(prefix, Simd.CVTPS2PD);
    case 0x5b: return pick(prefix, Simd.CVTDQ2PS | Form.V_W, Simd.CVTPS2DQ | Form.V_W, Simd.CVTTPS2DQ | Form.V_W, 0);
    case 0x5c: return floats(prefix, Simd.SUBPS);
    case 0x5d: return floats(prefix, Simd.MINPS);
    case 0x5e: return floats(prefix, Simd.DIVPS);
    case 0x5f: return floats(prefix, Simd.MAXPS);
    case 0x60: return both(prefix, Simd.PUNPCKLBW);
    case 0x61: return both(prefix, Simd.PUNPCKLWD);
    case 0x62: return both(prefix, Simd.PUNPCKLDQ);
    case 0x63: return both(prefix, Simd.PACKSSWB);
    case 0x64: return both(prefix, Simd.PCMPGTB);
    case 0x65: return both(prefix, Simd.PCMPGTW);
    case 0x66: return both(prefix, Simd.PCMPGTD);
    case 0x67: return both(prefix, Simd.PACKUSWB);
    case 0x68: return both(prefix, Simd.PUNPCKHBW);
    case 0x69: return both(prefix, Simd.PUNPCKHWD);
    case 0x6a: return both(prefix, Simd.PUNPCKHDQ);
    case 0x6b: return both(prefix, Simd.PACKSSDW);
    case 0x6c: return xmmOnly(prefix, Simd.PUNPCKLQDQ);
    case 0x6d: return xmmOnly(prefix, Simd.PUNPCKHQDQ);
    case 0x6e: return pick(prefix, Simd.MOVD_TO_MMX | Form.P_Ed, Simd.MOVD_TO_XMM | Form.V_Ed, 0, 0);
    case 0x6f: return pick(prefix, Simd.MOVQ_MMX | Form.P_Q, Simd.MOVAPS | Form.V_W, Simd.MOVUPS | Form.V_W, 0);
    case 0x70: return pick(prefix, Simd.PSHUFW | Form.P_Q_Ib, Simd.PSHUFD | Form.V_W_Ib, Simd.PSHUFHW | Form.V_W_Ib, Simd.PSHUFLW | Form.V_W_Ib);
    case 0x71: return shiftGroup(Simd.SHIFT_IMM_W, prefix, next);
    case 0x72: return shiftGroup(Simd.SHIFT_IMM_D, prefix, next);
    case 0x73: return shiftGroup(Simd.SHIFT_IMM_Q, prefix, next);
    case 0x74: return both(prefix, Simd.PCMPEQB);
    case 0x75: return both(prefix, Simd.PCMPEQW);
    case 0x76: return both(prefix, Simd.PCMPEQD);
    case 0x77: return prefix == 0 ? Simd.EMMS | Form.None : 0;
    case 0x7c: return pick(prefix, 0, Simd.HADDPD | Form.V_W, 0, Simd.HADDPS | Form.V_W);
    case 0x7d: return pick(prefix, 0, Simd.HSUBPD | Form.V_W, 0, Simd.HSUBPS | Form.V_W);
    case 0x7e: return pick(prefix, Simd.MOVD_FROM_MMX | Form.Ed_P, Simd.MOVD_FROM_XMM | Form.Ed_V, Simd.MOVQ_XMM | Form.V_W, 0);
    case 0x7f: return pick(prefix, Simd.MOVQ_MMX_STORE | Form.Q_P, Simd.MOVAPS_STORE | Form.W_V, Simd.MOVUPS_STORE | Form.W_V, 0);
    case 0xae: return stateGroup(prefix, next);
    case 0xb8: return prefix == 2 ? Op.POPCNT | Form.Gv_Ev : 0;
    case 0xc2: return (Simd.CMPPS + prefix) | Form.V_W_Ib;
    case 0xc3: return prefix == 0 ? Simd.MOVNTI | Form.Ev_Gv | Is.Memory : 0;
    case 0xc4: return pick(prefix, Simd.PINSRW_MMX | Form.P_Ed_Ib, Simd.PINSRW | Form.V_Ed_Ib, 0, 0);
    case 0xc5: return pick(prefix, Simd.PEXTRW_MMX | Form.Gd_Q_Ib | Is.Register, Simd.PEXTRW | Form.Gd_W_Ib | Is.Register, 0, 0);
    case 0xc6: return pick(prefix, Simd.SHUFPS | Form.V_W_Ib, Simd.SHUFPD | Form.V_W_Ib, 0, 0);
    case 0xd0: return pick(prefix, 0, Simd.ADDSUBPD | Form.V_W, 0, Simd.ADDSUBPS | Form.V_W);
    case 0xd1: return both(prefix, Simd.PSRLW);
    case 0xd2: return both(prefix, Simd.PSRLD);
    case 0xd3: return both(prefix, Simd.PSRLQ);
    case 0xd4: return both(prefix, Simd.PADDQ);
    case 0xd5: return both(prefix, Simd.PMULLW);
    case 0xd6: return pick(prefix, 0, Simd.MOVLPS_STORE | Form.W_V, Simd.MOVQ2DQ | Form.V_Q | Is.Register, Simd.MOVDQ2Q | Form.P_W | Is.Register);
    case 0xd7: return pick(prefix, Simd.PMOVMSKB_MMX | Form.Gd_Q | Is.Register, Simd.PMOVMSKB | Form.Gd_W | Is.Register, 0, 0);
    case 0xd8: return both(prefix, Simd.PSUBUSB);
    case 0xd9: return both(prefix, Simd.PSUBUSW);
    case 0xda: return both(prefix, Simd.PMINUB);
    case 0xdb: return both(prefix, Simd.PAND);
    case 0xdc: return both(prefix, Simd.PADDUSB);
    case 0xdd: return both(prefix, Simd.PADDUSW);
    case 0xde: return both(prefix, Simd.PMAXUB);
    case 0xdf: return both(prefix, Simd.PANDN);
    case 0xe0: return both(prefix, Simd.PAVGB);
    case 0xe1: return both(prefix, Simd.PSRAW);
    case 0xe2: return both(prefix, Simd.PSRAD);
    case 0xe3: return both(prefix, Simd.PAVGW);
    case 0xe4: return both(prefix, Simd.PMULHUW);
    case 0xe5: return both(prefix, Simd.PMULHW);
    case 0xe6: return pick(prefix, 0, Simd.CVTTPD2DQ | Form.V_W, Simd.CVTDQ2PD | Form.V_W, Simd.CVTPD2DQ | Form.V_W);
    case 0xe7: return pick(prefix, Simd.MOVQ_MMX_STORE | Form.Q_P | Is.Memory, Simd.MOVAPS_STORE | Form.W_V | Is.Memory, 0, 0);
    case 0xe8: return both(prefix, Simd.PSUBSB);
    case 0xe9: return both(prefix, Simd.PSUBSW);
    case 0xea: return both(prefix, Simd.PMINSW);
    case 0xeb: return both(prefix, Simd.POR);
    case 0xec: return both(prefix, Simd.PADDSB);
    case 0xed: return both(prefix, Simd.PADDSW);
    case 0xee: return both(prefix, Simd.PMAXSW);
    case 0xef: return both(prefix, Simd.PXOR);
    case 0xf0: return prefix == 3 ? Simd.MOVUPS | Form.V_W | Is.Memory : 0;
    case 0xf1: return both(prefix, Simd.PSLLW);
    case 0xf2: return both(prefix, Simd.PSLLD);
    case 0xf3: return both(prefix, Simd.PSLLQ);
    case 0xf4: return both(prefix, Simd.PMULUDQ);
    case 0xf5: return both(prefix, Simd.PMADDWD);
    case 0xf6: return both(prefix, Simd.PSADBW);
    case 0xf7: return pick(prefix, Simd.MASKMOVQ | Form.P_Q | Is.Register, Simd.MASKMOVDQU | Form.V_W | Is.Register, 0, 0);
    case 0xf8: return both(prefix, Simd.PSUBB);
    case 0xf9: return both(prefix, Simd.PSUBW);
    case 0xfa: return both(prefix, Simd.PSUBD);
    case 0xfb: return both(prefix, Simd.PSUBQ);
    case 0xfc: return both(prefix, Simd.PADDB);
    case 0xfd: return both(prefix, Simd.PADDW);
    case 0xfe: return both(prefix, Simd.PADDD);
  }
  return 0;
}

/** Groups 12-14: shifts by an immediate. The reg field says which, ops/simd_int.ts reads it from ModRM. */
function shiftGroup(op: u32, prefix: u32, next: u32): u32 {
  if (next < 0xc0 || prefix > 1) return 0;
  const which = (next >> 3) & 7;
  const isQuad = op == Simd.SHIFT_IMM_Q;
  const valid =
    which == 2 ||
    which == 6 ||
    (which == 4 && !isQuad) ||
    ((which == 3 || which == 7) && isQuad && prefix == 1);
  if (!valid) return 0;
  return prefix == 0 ? (op + (Simd.SHIFT_IMM_W_MMX - Simd.SHIFT_IMM_W)) | Form.Q_Ib : op | Form.W_Ib;
}

/** Group 15 with a memory operand: FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, XSAVE, XRSTOR, XSAVEOPT, CLFLUSH; with 66 CLFLUSHOPT. */
function stateGroup(prefix: u32, next: u32): u32 {
  if (prefix > 1 || next >= 0xc0) return 0;
  const which = (next >> 3) & 7;
  if (which == 7) return Op.CLFLUSH | Form.M | Is.Memory;
  if (prefix != 0) return 0;
  return (which < 4 ? Simd.FXSAVE + which : Op.XSAVE + which - 4) | Form.M | Is.Memory;
}

/** 0F 38 map. */
export function simdRow0F38(opcode: u32, prefix: u32): u32 {
  // prettier-ignore
  switch (opcode) {
    case 0x00: return both(prefix, Simd.PSHUFB);
    case 0x01: return both(prefix, Simd.PHADDW);
    case 0x02: return both(prefix, Simd.PHADDD);
    case 0x03: return both(prefix, Simd.PHADDSW);
    case 0x04: return both(prefix, Simd.PMADDUBSW);
    case 0x05: return both(prefix, Simd.PHSUBW);
    case 0x06: return both(prefix, Simd.PHSUBD);
    case 0x07: return both(prefix, Simd.PHSUBSW);
    case 0x08: return both(prefix, Simd.PSIGNB);
    case 0x09: return both(prefix, Simd.PSIGNW);
    case 0x0a: return both(prefix, Simd.PSIGND);
    case 0x0b: return both(prefix, Simd.PMULHRSW);
    case 0x1c: return both(prefix, Simd.PABSB);
    case 0x1d: return both(prefix, Simd.PABSW);
    case 0x1e: return both(prefix, Simd.PABSD);
    case 0x10: return xmmOnly(prefix, Simd.PBLENDVB);
    case 0x14: return xmmOnly(prefix, Simd.BLENDVPS);
    case 0x15: return xmmOnly(prefix, Simd.BLENDVPD);
    case 0x17: return xmmOnly(prefix, Simd.PTEST);
    case 0x20: case 0x21: case 0x22: case 0x23: case 0x24: case 0x25: return xmmOnly(prefix, Simd.PMOVSXBW + (opcode & 15));
    case 0x28: return xmmOnly(prefix, Simd.PMULDQ);
    case 0x29: return xmmOnly(prefix, Simd.PCMPEQQ);
    case 0x2a: return prefix == 1 ? Simd.MOVAPS | Form.V_W | Is.Memory : 0;
    case 0x2b: return xmmOnly(prefix, Simd.PACKUSDW);
    case 0x30: case 0x31: case 0x32: case 0x33: case 0x34: case 0x35: return xmmOnly(prefix, Simd.PMOVZXBW + (opcode & 15));
    case 0x37: return xmmOnly(prefix, Simd.PCMPGTQ);
    case 0x38: case 0x39: case 0x3a: case 0x3b: case 0x3c: case 0x3d: case 0x3e: case 0x3f: return xmmOnly(prefix, Simd.PMINSB + (opcode & 7));
    case 0x40: return xmmOnly(prefix, Simd.PMULLD);
    case 0x41: return xmmOnly(prefix, Simd.PHMINPOSUW);
    case 0x82: return prefix == 1 ? Op.INVPCID | Form.Gv_M | Is.Memory | Is.No16 | Is.Forced64 | Is.End : 0;
    case 0xdb: return xmmOnly(prefix, Simd.AESIMC);
    case 0xdc: case 0xdd: case 0xde: case 0xdf: return xmmOnly(prefix, Simd.AESENC + (opcode & 3));
    case 0xf0: return prefix == 3 ? Op.CRC32 | Form.Gd_Eb : prefix < 2 ? Op.MOVBE | Form.Gv_Ev | Is.Memory : 0;
    case 0xf1: return prefix == 3 ? Op.CRC32 | Form.Gd_Ev : prefix < 2 ? Op.MOVBE | Form.Ev_Gv | Is.Memory : 0;
  }
  return 0;
}

/** XMM with 66 and an immediate. */
// prettier-ignore
@inline
function withImmediate(prefix: u32, op: u32, form: u32): u32 {
  return prefix == 1 ? op | form : 0;
}

/** 0F 3A map. */
export function simdRow0F3A(opcode: u32, prefix: u32): u32 {
  // prettier-ignore
  switch (opcode) {
    case 0x08: return withImmediate(prefix, Simd.ROUNDPS, Form.V_W_Ib);
    case 0x09: return withImmediate(prefix, Simd.ROUNDPD, Form.V_W_Ib);
    case 0x0a: return withImmediate(prefix, Simd.ROUNDSS, Form.V_W_Ib);
    case 0x0b: return withImmediate(prefix, Simd.ROUNDSD, Form.V_W_Ib);
    case 0x0c: return withImmediate(prefix, Simd.BLENDPS, Form.V_W_Ib);
    case 0x0d: return withImmediate(prefix, Simd.BLENDPD, Form.V_W_Ib);
    case 0x0e: return withImmediate(prefix, Simd.PBLENDW, Form.V_W_Ib);
    case 0x0f: return pick(prefix, Simd.PALIGNR_MMX | Form.P_Q_Ib, Simd.PALIGNR | Form.V_W_Ib, 0, 0);
    case 0x14: return withImmediate(prefix, Simd.PEXTRB, Form.Ed_V_Ib);
    case 0x15: return withImmediate(prefix, Simd.PEXTRW_STORE, Form.Ed_V_Ib);
    case 0x16: return withImmediate(prefix, Simd.PEXTRD, Form.Ed_V_Ib);
    case 0x17: return withImmediate(prefix, Simd.EXTRACTPS, Form.Ed_V_Ib);
    case 0x20: return withImmediate(prefix, Simd.PINSRB, Form.V_Ed_Ib);
    case 0x21: return withImmediate(prefix, Simd.INSERTPS, Form.V_W_Ib);
    case 0x22: return withImmediate(prefix, Simd.PINSRD, Form.V_Ed_Ib);
    case 0x40: return withImmediate(prefix, Simd.DPPS, Form.V_W_Ib);
    case 0x41: return withImmediate(prefix, Simd.DPPD, Form.V_W_Ib);
    case 0x42: return withImmediate(prefix, Simd.MPSADBW, Form.V_W_Ib);
    case 0x44: return withImmediate(prefix, Simd.PCLMULQDQ, Form.V_W_Ib);
    case 0x60: return withImmediate(prefix, Simd.PCMPESTRM, Form.V_W_Ib);
    case 0x61: return withImmediate(prefix, Simd.PCMPESTRI, Form.V_W_Ib);
    case 0x62: return withImmediate(prefix, Simd.PCMPISTRM, Form.V_W_Ib);
    case 0x63: return withImmediate(prefix, Simd.PCMPISTRI, Form.V_W_Ib);
    case 0xdf: return withImmediate(prefix, Simd.AESKEYGENASSIST, Form.V_W_Ib);
  }
  return 0;
}

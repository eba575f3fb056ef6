/**
 * Opcode extensions: the reg field of ModRM picks the instruction. SDM vol 2 table A-6. A row without a form takes the
 * form of the opcode that named the group.
 */
import { Op } from "../ops/op";
import { Form, Is } from "./forms";

/** Index of a group's first row / 8. G7R, G9R, G15R hold the register forms (mod = 3). */
export const enum Group {
  G1 = 0,
  G1A = 1,
  G2 = 2,
  G3b = 3,
  G3 = 4,
  G4 = 5,
  G5 = 6,
  G6 = 7,
  G7 = 8,
  G8 = 9,
  G9 = 10,
  G11 = 11,
  G15 = 12,
  G7R = 13,
  G9R = 14,
  G15R = 15,
  G15R_F3 = 16,
}

// prettier-ignore
export const GROUPS: usize = memory.data<u32>([
  /* 1 */ Op.ADD | Is.Lockable, Op.OR | Is.Lockable, Op.ADC | Is.Lockable, Op.SBB | Is.Lockable, Op.AND | Is.Lockable, Op.SUB | Is.Lockable, Op.XOR | Is.Lockable, Op.CMP,
  /* 1A */ Op.POP | Is.Default64, 0, 0, 0, 0, 0, 0, 0,
  /* 2 */ Op.ROL, Op.ROR, Op.RCL, Op.RCR, Op.SHL, Op.SHR, Op.SHL, Op.SAR,
  /* 3 b */ Op.TEST | Form.Eb_Ib, Op.TEST | Form.Eb_Ib, Op.NOT | Is.Lockable, Op.NEG | Is.Lockable, Op.MUL, Op.IMUL1, Op.DIV, Op.IDIV,
  /* 3 v */ Op.TEST | Form.Ev_Iz, Op.TEST | Form.Ev_Iz, Op.NOT | Is.Lockable, Op.NEG | Is.Lockable, Op.MUL, Op.IMUL1, Op.DIV, Op.IDIV,
  /* 4 */ Op.INC | Is.Lockable, Op.DEC | Is.Lockable, 0, 0, 0, 0, 0, 0,
  /* 5 */ Op.INC | Is.Lockable, Op.DEC | Is.Lockable, Op.CALL_INDIRECT | Is.Forced64 | Is.End, Op.CALL_FAR_INDIRECT | Is.Memory | Is.End, Op.JMP_INDIRECT | Is.Forced64 | Is.End, Op.JMP_FAR_INDIRECT | Is.Memory | Is.End, Op.PUSH | Is.Default64, 0,
  /* 6 */ Op.SLDT | Form.Ev, Op.STR | Form.Ev, Op.LLDT | Is.End, Op.LTR | Is.End, Op.VERR, Op.VERW, 0, 0,
  /* 7 memory */ Op.SGDT, Op.SIDT, Op.LGDT | Is.End, Op.LIDT | Is.End, Op.SMSW | Form.Ew, 0, Op.LMSW | Form.Ew | Is.End, Op.INVLPG | Is.End,
  /* 8 */ 0, 0, 0, 0, Op.BT, Op.BTS | Is.Lockable, Op.BTR | Is.Lockable, Op.BTC | Is.Lockable,
  /* 9 memory */ 0, Op.CMPXCHG8B | Is.Lockable, 0, 0, Op.XSAVEC, 0, 0, 0,
  /* 11 */ Op.MOV, 0, 0, 0, 0, 0, 0, 0,
  /* 15 memory: vector rows (opcodes_simd.ts) */ 0, 0, 0, 0, 0, 0, 0, 0,
  /* 7 register: the rm field decides further (decode.ts) */ 0, 0, 0, 0, Op.SMSW | Form.Ev, 0, Op.LMSW | Form.Ew | Is.End, 0,
  /* 9 register */ 0, 0, 0, 0, 0, 0, Op.RDRAND | Form.Ev, Op.RDSEED | Form.Ev,
  /* 15 register */ 0, 0, 0, 0, 0, Op.FENCE | Form.M, Op.FENCE | Form.M, Op.FENCE | Form.M,
  /* 15 register, F3 */ Op.RDFSBASE | Form.Ev | Is.No16, Op.RDGSBASE | Form.Ev | Is.No16, Op.WRFSBASE | Form.Ev | Is.No16, Op.WRGSBASE | Form.Ev | Is.No16, 0, 0, 0, 0,
]);

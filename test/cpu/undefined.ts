/**
 * What the SDM leaves open, by instruction: flags that are undefined (its words in quotes), results that are approximate,
 * values that are the machine's own. Everything else is compared bit by bit.
 */
import { Op } from "../../cpu-core/ops/op.ts";
import { Simd } from "../../cpu-core/ops/simd_op.ts";
import { INPUT_CODE, Input, Output, RAX, RCX, RDX } from "./case.ts";
import type { Form } from "./forms.ts";

const CF = 1;
const PF = 4;
const AF = 0x10;
const ZF = 0x40;
const SF = 0x80;
const OF = 0x800;
const STATUS = CF | PF | AF | ZF | SF | OF;
/** A condition code in FSW. */
const C1 = 0x200;

export interface Tolerance {
  /** RFLAGS bits that are not compared. */
  flags?: number;
  /** FSW bits that are not compared. */
  fsw?: number;
  /** Low bits of general registers that are not compared: a clock, noise. */
  noise?: readonly { register: number; bits: number }[];
  /** Bits of CR2 that are not compared. */
  cr2Bits?: bigint;
  /** Units in the last place by which 80-bit results may differ. */
  ulps?: number;
  /** Whether two vectors, in hex, are as near as the SDM asks. */
  isNear?: (a: string, b: string) => boolean;
}

interface Row {
  ops: readonly number[];
  /** The SDM, vol 2, under the instruction's name, "Flags Affected" unless said otherwise. */
  words: string;
  flags: number | ((bits: number, count: number) => number);
}

const shiftFlags = (isArithmetic: boolean) => (bits: number, count: number) => {
  if (count === 0) return 0;
  return AF | (count === 1 ? 0 : OF) | (count >= bits && !isArithmetic ? CF : 0);
};

// prettier-ignore
export const UNDEFINED_FLAGS: readonly Row[] = [
  { ops: [Op.AND, Op.OR, Op.XOR, Op.TEST], flags: AF, words: "The state of the AF flag is undefined." },
  { ops: [Op.MUL], flags: SF | ZF | AF | PF, words: "The SF, ZF, AF, and PF flags are undefined." },
  { ops: [Op.IMUL, Op.IMUL1], flags: SF | ZF | AF | PF, words: "The ZF, AF, PF flags are undefined; SF is undefined for the one-operand form." },
  { ops: [Op.DIV, Op.IDIV], flags: STATUS, words: "The CF, OF, SF, ZF, AF, and PF flags are undefined." },
  { ops: [Op.ROL, Op.ROR, Op.RCL, Op.RCR], flags: (_, count) => (count > 1 ? OF : 0), words: "The OF flag is affected only for single-bit rotates; it is undefined for multi-bit rotates." },
  { ops: [Op.SHL, Op.SHR], flags: shiftFlags(false), words: "The CF flag is undefined for SHL and SHR if the count is greater than or equal to the size. The OF flag is affected only for 1-bit shifts; otherwise, it is undefined. For a non-zero count, the AF flag is undefined." },
  { ops: [Op.SAR], flags: shiftFlags(true), words: "The OF flag is affected only for 1-bit shifts; otherwise, it is undefined. For a non-zero count, the AF flag is undefined." },
  { ops: [Op.SHLD, Op.SHRD], flags: (_, count) => (count === 0 ? 0 : count === 1 ? AF : AF | OF), words: "For shifts greater than 1 bit, the OF flag is undefined. If a shift occurs, the AF flag is undefined." },
  { ops: [Op.BT, Op.BTS, Op.BTR, Op.BTC], flags: OF | SF | AF | PF, words: "The OF, SF, AF, and PF flags are undefined." },
  { ops: [Op.BSF, Op.BSR], flags: CF | OF | SF | AF | PF, words: "The CF, OF, SF, AF, and PF flags are undefined." },
  { ops: [Op.AAA, Op.AAS], flags: OF | SF | ZF | PF, words: "The OF, SF, ZF, and PF flags are undefined." },
  { ops: [Op.AAM, Op.AAD], flags: OF | AF | CF, words: "The OF, AF, and CF flags are undefined." },
  { ops: [Op.DAA, Op.DAS], flags: OF, words: "The OF flag is undefined." },
];

const flagsByOp = new Map(
  UNDEFINED_FLAGS.flatMap((row) => row.ops.map((op): [number, Row["flags"]] => [op, row.flags])),
);

/** x87 instructions after which condition codes are undefined. SDM vol 2, "FPU Flags Affected" of each. */
// prettier-ignore
const X87_UNDEFINED: readonly [names: RegExp, fsw: number, words: string][] = [
  [/^(fcmov|fucomi|fcomi|ffree)/, C1, "C1 is left as it is on AMD; Intel clears it, or calls it undefined."],
  [/^(f2xm1|fyl2x|fyl2xp1|fptan|fpatan|fsincos|fsin|fcos)$/, C1 | 0x30, "Inexact result: C1 and PE (and UE beside it) follow from the approximation."],
];

/** Units in the last place between two approximations that may each be off by one. */
const TRANSCENDENTAL_ULPS = 2;

/** RCPPS, RSQRTPS: the SDM allows a relative error of 1.5 x 2^-12 on either side, and tiny results to be 0. */
function isNear(a: string, b: string): boolean {
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < 4; i++) {
    view.setUint32(0, parseInt(a.slice(8 * i, 8 * i + 8), 16));
    view.setUint32(4, parseInt(b.slice(8 * i, 8 * i + 8), 16));
    if (view.getUint32(0) === view.getUint32(4)) continue;
    const x = view.getFloat32(0);
    const y = view.getFloat32(4);
    if (!(Math.abs(x - y) <= Math.max(Math.abs(x) * 3 * 2 ** -12, 2 ** -125))) return false;
  }
  return true;
}

/** Bits of the operand, and the count of a shift, as masked. */
export function shiftOf(form: Form, input: Input): { bits: number; count: number } {
  const last = form.opcode[form.opcode.length - 1]!;
  const { code } = input;
  let operand16 = false;
  let rexW = false;
  for (const byte of code) {
    if (byte === 0x66) operand16 = true;
    else if (input.mode === 2 && (byte & 0xf0) === 0x40) {
      rexW = (byte & 8) !== 0;
      continue;
    } else if (byte === form.opcode[0]) break;
    rexW = false;
  }
  const isByte = form.opcode.length === 1 && (last & 1) === 0;
  const bits = isByte ? 8 : rexW ? 64 : operand16 === (input.mode !== 0) ? 16 : 32;
  const one = form.opcode.length === 1 && (last === 0xd0 || last === 0xd1);
  const byCl =
    (form.opcode.length === 1 && (last === 0xd2 || last === 0xd3)) || last === 0xa5 || last === 0xad;
  const raw = one
    ? 1
    : byCl
      ? Number(input.reg(RCX) & 0xffn)
      : input.bytes[INPUT_CODE + input.codeLength - 1]!;
  return { bits, count: raw & (bits === 64 ? 63 : 31) };
}

/** FLDENV, FNSTENV, FRSTOR, FNSAVE. */
export const isX87Image = (form: Form): boolean => /^(fldenv|fnstenv|frstor|fnsave)$/.test(form.mnemonic);

/** The register that rm names in an instruction that ends with ModRM. */
function registerOf(input: Input): number {
  const { code } = input;
  const modrm = code[code.length - 1]!;
  // REX, right before 0F C7.
  const rex = input.mode === 2 && code.length > 3 ? code[code.length - 4]! : 0;
  return (modrm & 7) | ((rex & 0xf0) === 0x40 ? (rex & 1) << 3 : 0);
}

const NOTHING: Tolerance = {};

export function toleranceOf(form: Form, input: Input, _native: Output): Tolerance {
  const flags = flagsByOp.get(form.op);
  if (flags !== undefined) {
    if (typeof flags === "number") return { flags };
    const { bits, count } = shiftOf(form, input);
    return { flags: flags(bits, count) };
  }
  if (form.op === Op.X87) {
    if (isX87Image(form)) return { cr2Bits: -1n };
    const row = X87_UNDEFINED.find(([names]) => names.test(form.mnemonic));
    if (row === undefined) return NOTHING;
    return row[1] === C1 ? { fsw: C1 } : { fsw: row[1], ulps: TRANSCENDENTAL_ULPS };
  }
  if (/^r(sqrt|cp)[ps]s$/.test(form.mnemonic)) return { isNear };
  switch (form.op) {
    // In which order the parts of a long or of two operands are accessed is not said.
    case Op.JMP_FAR_INDIRECT:
    case Op.CALL_FAR_INDIRECT:
    case Op.LOAD_FAR:
    case Op.RET_FAR:
    case Op.IRET:
    case Op.CMPS:
    case Simd.FXSAVE:
    case Simd.FXRSTOR:
    case Op.XSAVE:
    case Op.XSAVEC:
    case Op.XSAVEOPT:
    case Op.XRSTOR:
      return { cr2Bits: -1n };
    case Op.RDTSC:
      return { noise: [RAX, RDX].map((register) => ({ register, bits: 32 })) };
    case Op.RDTSCP:
      return { noise: [RAX, RDX, RCX].map((register) => ({ register, bits: 32 })) };
    case Op.RDRAND:
    case Op.RDSEED: {
      const { bits } = shiftOf(form, input);
      return { noise: [{ register: registerOf(input), bits }] };
    }
  }
  return NOTHING;
}

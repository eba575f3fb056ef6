/**
 * RFLAGS, computed late. An arithmetic instruction records what it did (operation, operands, result); a flag is worked
 * out when something reads it, which is seldom.
 *
 * Operands and result are kept sign-extended to 64 bits. Sign extension keeps both signed and unsigned order, so one
 * formula serves all four widths: SF is the top bit, CF after a comparison is an unsigned 64-bit comparison.
 */
import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF, FLAGS_STATUS } from "../abi/state";
import { cpu } from "./cpu";

export const enum FlagsOf {
  /** They are in `rflags`. */
  RFLAGS = 0,
  /** ADD, ADC. */
  ADD = 1,
  /** SUB, CMP, NEG, SCAS, CMPS. */
  SUB = 2,
  /** SBB: as SUB, but CF is not A < B. */
  SBB = 3,
  /** AND, OR, XOR, TEST: CF, OF and AF are 0. */
  LOGIC = 4,
  /** INC: as ADD, but CF is in `rflags`. */
  INC = 5,
  /** DEC: as SUB, but CF is in `rflags`. */
  DEC = 6,
  /** ZF, SF, PF follow the result; CF, OF, AF are in `rflags`. */
  RESULT = 7,
  /** Shifts by a count that is not 0: B is the count | operand bits << 8. OF follows the formula for counts of 1. */
  SHL = 8,
  SHR = 9,
  SAR = 10,
  /** IMUL with one result: CF and OF tell that it does not fit. */
  MULTIPLY = 11,
  /** MUL: CF and OF tell whether A, the upper half, is not 0. */
  PRODUCT = 12,
  /** POPCNT, and UCOMISD of ordered operands: ZF follows the result, CF is A, the others are 0. */
  COUNT = 13,
}

/** The last bit that a SHL, SHR or SAR moved out. */
function shiftedOut(a: i64, packed: u32, op: u32): bool {
  const count = packed & 0xff;
  const bits = packed >> 8;
  if (op == FlagsOf.SAR) return ((a >> <i64>(count - 1)) & 1) != 0;
  if (count > bits) return false;
  return ((a >> <i64>(op == FlagsOf.SHL ? bits - count : count - 1)) & 1) != 0;
}

/** Whether the signed product of `a` and `b` is more than `result`. */
function isProductCut(a: i64, b: i64, result: i64): bool {
  return a * b != result || multiplyHighSigned(a, b) != result >> 63;
}

/** Upper 64 bits of an unsigned product. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const al = a & 0xffff_ffff,
    ah = a >> 32,
    bl = b & 0xffff_ffff,
    bh = b >> 32;
  const low = al * bl;
  const middle = ah * bl + (low >> 32);
  const cross = al * bh + (middle & 0xffff_ffff);
  return ah * bh + (middle >> 32) + (cross >> 32);
}

/** Upper 64 bits of a signed product. */
export function multiplyHighSigned(a: i64, b: i64): i64 {
  let high = <i64>multiplyHigh(<u64>a, <u64>b);
  if (a < 0) high -= b;
  if (b < 0) high -= a;
  return high;
}

export function getCF(): bool {
  const a = cpu().flagsA,
    b = cpu().flagsB,
    r = cpu().flagsResult;
  switch (cpu().flagsOp) {
    case FlagsOf.ADD:
      return ((a & b) | ((a | b) & ~r)) < 0;
    case FlagsOf.SUB:
      return <u64>a < <u64>b;
    case FlagsOf.SBB:
      return ((~a & b) | ((~a | b) & r)) < 0;
    case FlagsOf.LOGIC:
      return false;
    case FlagsOf.SHL:
    case FlagsOf.SHR:
    case FlagsOf.SAR:
      return shiftedOut(a, <u32>b, cpu().flagsOp);
    case FlagsOf.MULTIPLY:
      return isProductCut(a, b, r);
    case FlagsOf.PRODUCT:
    case FlagsOf.COUNT:
      return a != 0;
    default:
      return (cpu().rflags & FLAG_CF) != 0;
  }
}

export function getOF(): bool {
  const a = cpu().flagsA,
    b = cpu().flagsB,
    r = cpu().flagsResult;
  switch (cpu().flagsOp) {
    case FlagsOf.ADD:
    case FlagsOf.INC:
      return ((a ^ r) & (b ^ r)) < 0;
    case FlagsOf.SUB:
    case FlagsOf.SBB:
    case FlagsOf.DEC:
      return ((a ^ b) & (a ^ r)) < 0;
    case FlagsOf.LOGIC:
    case FlagsOf.SAR:
    case FlagsOf.COUNT:
      return false;
    case FlagsOf.SHL:
      return r < 0 != shiftedOut(a, <u32>b, FlagsOf.SHL);
    case FlagsOf.SHR:
      return a < 0;
    case FlagsOf.MULTIPLY:
      return isProductCut(a, b, r);
    case FlagsOf.PRODUCT:
      return a != 0;
    default:
      return (cpu().rflags & FLAG_OF) != 0;
  }
}

export function getAF(): bool {
  switch (cpu().flagsOp) {
    case FlagsOf.ADD:
    case FlagsOf.SUB:
    case FlagsOf.SBB:
    case FlagsOf.INC:
    case FlagsOf.DEC:
      return ((cpu().flagsA ^ cpu().flagsB ^ cpu().flagsResult) & 0x10) != 0;
    case FlagsOf.LOGIC:
    case FlagsOf.SHL:
    case FlagsOf.SHR:
    case FlagsOf.SAR:
    case FlagsOf.MULTIPLY:
    case FlagsOf.PRODUCT:
    case FlagsOf.COUNT:
      return false;
    default:
      return (cpu().rflags & FLAG_AF) != 0;
  }
}

// prettier-ignore
@inline
export function getZF(): bool {
  return cpu().flagsOp == FlagsOf.RFLAGS ? (cpu().rflags & FLAG_ZF) != 0 : cpu().flagsResult == 0;
}

// prettier-ignore
@inline
export function getSF(): bool {
  return cpu().flagsOp == FlagsOf.RFLAGS ? (cpu().rflags & FLAG_SF) != 0 : cpu().flagsResult < 0;
}

export function getPF(): bool {
  if (cpu().flagsOp == FlagsOf.RFLAGS) return (cpu().rflags & FLAG_PF) != 0;
  if (cpu().flagsOp == FlagsOf.COUNT) return false;
  return (popcnt<u32>(<u32>cpu().flagsResult & 0xff) & 1) == 0;
}

/** Works all six status flags out into `rflags` and returns it. */
export function materializeFlags(): u32 {
  if (cpu().flagsOp == FlagsOf.RFLAGS) return cpu().rflags;
  let flags = cpu().rflags & ~FLAGS_STATUS;
  if (getCF()) flags |= FLAG_CF;
  if (getPF()) flags |= FLAG_PF;
  if (getAF()) flags |= FLAG_AF;
  if (getZF()) flags |= FLAG_ZF;
  if (getSF()) flags |= FLAG_SF;
  if (getOF()) flags |= FLAG_OF;
  cpu().rflags = flags;
  cpu().flagsOp = FlagsOf.RFLAGS;
  return flags;
}

/** Sets status flags outright: those in `mask` become `flags`. */
export function setFlagBits(mask: u32, flags: u32): void {
  cpu().rflags = (materializeFlags() & ~mask) | flags;
}

/** The sixteen condition codes. SDM vol 2 "Condition Test Fields", appendix B. */
export function testCondition(cc: u32): bool {
  let holds: bool;
  if (cpu().flagsOp == FlagsOf.SUB) {
    const a = cpu().flagsA,
      b = cpu().flagsB;
    switch (cc >> 1) {
      case 0: holds = getOF(); break; // prettier-ignore
      case 1: holds = <u64>a < <u64>b; break; // prettier-ignore
      case 2: holds = cpu().flagsResult == 0; break; // prettier-ignore
      case 3: holds = <u64>a <= <u64>b; break; // prettier-ignore
      case 4: holds = cpu().flagsResult < 0; break; // prettier-ignore
      case 5: holds = getPF(); break; // prettier-ignore
      case 6: holds = a < b; break; // prettier-ignore
      default: holds = a <= b; break; // prettier-ignore
    }
  } else {
    switch (cc >> 1) {
      case 0: holds = getOF(); break; // prettier-ignore
      case 1: holds = getCF(); break; // prettier-ignore
      case 2: holds = getZF(); break; // prettier-ignore
      case 3: holds = getCF() || getZF(); break; // prettier-ignore
      case 4: holds = getSF(); break; // prettier-ignore
      case 5: holds = getPF(); break; // prettier-ignore
      case 6: holds = getSF() != getOF(); break; // prettier-ignore
      default: holds = getZF() || getSF() != getOF(); break; // prettier-ignore
    }
  }
  return holds != ((cc & 1) != 0);
}

/** Instructions that change some status flags and leave the others. */
export const enum FlagOverride {
  NONE,
  /** CF is the lowest bit of the result, OF differs from the highest if CF does. */
  ROL,
  /** CF is the highest bit of the result, OF tells whether the next one differs. */
  ROR,
  /** CF: the value is not 0. BT and its relatives. */
  BIT,
  /** ZF: the value is 0. BSF, BSR. */
  ZERO,
}

/** Applies one; `value` is sign-extended. */
export function overrideFlags(kind: FlagOverride, value: i64, bits: u32): void {
  if (kind == FlagOverride.BIT) {
    setFlagBits(FLAG_CF, value != 0 ? FLAG_CF : 0);
  } else if (kind == FlagOverride.ZERO) {
    setFlagBits(FLAG_ZF, value == 0 ? FLAG_ZF : 0);
  } else {
    const top = value < 0;
    const carry = kind == FlagOverride.ROL ? (value & 1) != 0 : top;
    const other = kind == FlagOverride.ROL ? top : ((value >> <i64>(bits - 2)) & 1) != 0;
    setFlagBits(FLAG_CF | FLAG_OF, (carry ? FLAG_CF : 0) | (carry != other ? FLAG_OF : 0));
  }
}

/** Shifts and rotates. RCL, RCR, SHLD and SHRD are slow tier. */
import { FLAG_CF, FLAG_OF } from "../abi/state";
import { HAS_IMMEDIATE } from "../decode/decode";
import { Insn } from "../decode/insn";
import { Interpreter, wide } from "../interpreter/backend";
import { cpu, readReg } from "../state/cpu";
import { FlagOverride, FlagsOf, getCF, setFlagBits } from "../state/rflags";
import { on, ShiftOf } from "./backend";

/** SHL dst, count (and its other name, SAL). */
export function shl<B, T>(insn: Insn): void {
  const b = on<B>();
  const count = b.shiftCount<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const result = b.shl<T>(dst, count);
  b.writeUpdate<T>(insn, result);
  b.shiftFlags<T>(ShiftOf.SHL, dst, count, result);
}

/** SHR dst, count. */
export function shr<B, T>(insn: Insn): void {
  const b = on<B>();
  const count = b.shiftCount<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const result = b.shr<T>(dst, count);
  b.writeUpdate<T>(insn, result);
  b.shiftFlags<T>(ShiftOf.SHR, dst, count, result);
}

/** SAR dst, count. */
export function sar<B, T>(insn: Insn): void {
  const b = on<B>();
  const count = b.shiftCount<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const result = b.sar<T>(dst, count);
  b.writeUpdate<T>(insn, result);
  b.shiftFlags<T>(ShiftOf.SAR, dst, count, result);
}

function setRotateFlags(carry: bool, overflow: bool): void {
  setFlagBits(FLAG_CF | FLAG_OF, (carry ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0));
}

/** ROL dst, count. */
export function rol<B, T>(insn: Insn): void {
  const b = on<B>();
  const count = b.shiftCount<T>(insn);
  const result = b.rotateLeft<T>(b.readUpdate<T>(insn), count);
  b.writeUpdate<T>(insn, result);
  b.rotateFlags<T>(FlagOverride.ROL, count, result);
}

/** ROR dst, count. */
export function ror<B, T>(insn: Insn): void {
  const b = on<B>();
  const count = b.shiftCount<T>(insn);
  const result = b.rotateRight<T>(b.readUpdate<T>(insn), count);
  b.writeUpdate<T>(insn, result);
  b.rotateFlags<T>(FlagOverride.ROR, count, result);
}

/** RCL dst, count: through CF. */
export function rcl<T>(insn: Insn): void {
  const b = on<Interpreter>();
  const bits: u32 = sizeof<T>() * 8;
  const masked = b.shiftCount<T>(insn);
  let value = b.readUpdate<T>(insn);
  let carry = getCF();
  const count = masked % (bits + 1);
  for (let i: u32 = 0; i < count; i++) {
    const out = wide<T>(value) < 0;
    value = <T>(b.shl<T>(value, 1) | <T>carry);
    carry = out;
  }
  b.writeUpdate<T>(insn, value);
  if (masked != 0) setRotateFlags(carry, (wide<T>(value) < 0) != carry);
}

/** RCR dst, count: through CF. */
export function rcr<T>(insn: Insn): void {
  const b = on<Interpreter>();
  const bits: u32 = sizeof<T>() * 8;
  const masked = b.shiftCount<T>(insn);
  let value = b.readUpdate<T>(insn);
  let carry = getCF();
  const count = masked % (bits + 1);
  for (let i: u32 = 0; i < count; i++) {
    const out = (<u64>value & 1) != 0;
    value = <T>(b.shr<T>(value, 1) | b.shl<T>(<T>carry, bits - 1));
    carry = out;
  }
  b.writeUpdate<T>(insn, value);
  if (masked == 0) return;
  const below = ((<u64>value >> <u64>(bits - 2)) & 1) != 0;
  setRotateFlags(carry, (wide<T>(value) < 0) != below);
}

/** Count of SHLD and SHRD: immediate or CL. */
function doubleShiftCount<T>(insn: Insn): u32 {
  const count = insn.extra == HAS_IMMEDIATE ? <u32>insn.imm : <u32>readReg<u8>(8);
  return count & (sizeof<T>() == 8 ? 63 : 31);
}

function setDoubleShiftFlags<T>(dst: T, result: T, carry: bool): void {
  setFlagBits(FLAG_CF | FLAG_OF, (carry ? FLAG_CF : 0) | (wide<T>(dst) < 0 != wide<T>(result) < 0 ? FLAG_OF : 0));
  cpu().flagsOp = FlagsOf.RESULT;
  cpu().flagsResult = wide<T>(result);
}

/** SHLD dst, src, count. 16-bit counts above 16 are undefined: the bits come around as on current processors. */
export function shld<T>(insn: Insn): void {
  const b = on<Interpreter>();
  const bits: u32 = sizeof<T>() * 8;
  const count = doubleShiftCount<T>(insn);
  const src = readReg<T>(<u32>insn.src);
  const dst = b.readUpdate<T>(insn);
  if (count == 0) {
    b.writeUpdate<T>(insn, dst);
    return;
  }
  let result: T;
  let carry: bool;
  if (sizeof<T>() == 2) {
    const joined = (<u64>dst << 32) | (<u64>src << 16) | <u64>dst;
    const shifted = joined << <u64>count;
    result = <T>(shifted >> 32);
    carry = ((shifted >> 48) & 1) != 0;
  } else {
    result = b.or<T>(b.shl<T>(dst, count), b.shr<T>(src, bits - count));
    carry = ((<u64>dst >> <u64>(bits - count)) & 1) != 0;
  }
  b.writeUpdate<T>(insn, result);
  setDoubleShiftFlags<T>(dst, result, carry);
}

/** SHRD dst, src, count. */
export function shrd<T>(insn: Insn): void {
  const b = on<Interpreter>();
  const bits: u32 = sizeof<T>() * 8;
  const count = doubleShiftCount<T>(insn);
  const src = readReg<T>(<u32>insn.src);
  const dst = b.readUpdate<T>(insn);
  if (count == 0) {
    b.writeUpdate<T>(insn, dst);
    return;
  }
  let result: T;
  let carry: bool;
  if (sizeof<T>() == 2) {
    const joined = (<u64>dst << 32) | (<u64>src << 16) | <u64>dst;
    const shifted = joined >> <u64>(count - 1);
    result = <T>(shifted >> 1);
    carry = (shifted & 1) != 0;
  } else {
    result = b.or<T>(b.shr<T>(dst, count), b.shl<T>(src, bits - count));
    carry = ((<u64>dst >> <u64>(count - 1)) & 1) != 0;
  }
  b.writeUpdate<T>(insn, result);
  setDoubleShiftFlags<T>(dst, result, carry);
}

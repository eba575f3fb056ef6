/** Flag instructions, loops, decimal arithmetic, XLAT, BOUND, LAHF/SAHF. */
import {
  FLAG_AF,
  FLAG_CF,
  FLAG_DF,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  RAX,
  RBX,
  RCX,
} from "../abi/state";
import { VECTOR_BR, VECTOR_DE } from "../abi/vectors";
import { Insn, INSN_ADDRESS_SHIFT } from "../decode/insn";
import { Interpreter, wide } from "../interpreter/backend";
import { raise } from "../interrupts/raise";
import { read } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import { FlagsOf, getAF, getCF, getZF, materializeFlags, setFlagBits } from "../state/rflags";
import { baseOf, linearIn } from "../state/segments";
import { on } from "./backend";

const AL: u32 = RAX << 3;
const AH: u32 = (RAX << 3) + 1;

export function setCarry(value: bool): void {
  setFlagBits(FLAG_CF, value ? FLAG_CF : 0);
}

export function setDirection(value: bool): void {
  cpu().rflags = (cpu().rflags & ~FLAG_DF) | (value ? FLAG_DF : 0);
}

export function lahf(): void {
  writeReg<u8>(AH, <u8>((materializeFlags() & 0xd5) | 2));
}

export function sahf(): void {
  setFlagBits(FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF, <u32>readReg<u8>(AH) & 0xd5);
}

/** SALC: AL = CF ? FF : 0. */
export function salc(): void {
  writeReg<u8>(AL, getCF() ? 0xff : 0);
}

/** Decrements the count register by address size; jumps unless it is 0 then, if `condition` holds. */
function loopIf(insn: Insn, condition: bool): void {
  const size = (<u32>insn.flags >> INSN_ADDRESS_SHIFT) & 3;
  const count = readReg<u64>(RCX << 3) - 1;
  const left = size == 3 ? count : size == 2 ? count & 0xffff_ffff : count & 0xffff;
  const taken = left != 0 && condition;
  if (taken) on<Interpreter>().checkJump(insn);
  if (size == 3) writeReg<u64>(RCX << 3, count);
  else if (size == 2) writeReg<u32>(RCX << 3, <u32>count);
  else writeReg<u16>(RCX << 3, <u16>count);
  on<Interpreter>().jumpIf(taken, insn);
}

export function loop(insn: Insn): void {
  loopIf(insn, true);
}

export function loope(insn: Insn): void {
  loopIf(insn, getZF());
}

export function loopne(insn: Insn): void {
  loopIf(insn, !getZF());
}

export function jcxz(insn: Insn): void {
  const size = (<u32>insn.flags >> INSN_ADDRESS_SHIFT) & 3;
  const count = size == 3 ? readReg<u64>(RCX << 3) : size == 2 ? <u64>readReg<u32>(RCX << 3) : <u64>readReg<u16>(RCX << 3);
  on<Interpreter>().jumpIf(count == 0, insn);
}

/** XLAT: AL = [rBX + AL]. */
export function xlat(insn: Insn): void {
  const size = (<u32>insn.flags >> INSN_ADDRESS_SHIFT) & 3;
  let offset = readReg<u64>(RBX << 3) + <u64>readReg<u8>(AL);
  if (size == 2) offset &= 0xffff_ffff;
  if (size == 1) offset &= 0xffff;
  const segment = <u32>insn.segment;
  const va = cpu().mode == CODE_64 ? offset + (segment >= 4 ? baseOf(segment) : 0) : linearIn(segment, <u32>offset, 1, false);
  writeReg<u8>(AL, read<u8>(va));
}

/** BOUND r, m&m: #BR outside. */
export function bound<T>(insn: Insn): void {
  const address = linear(insn, 2 * sizeof<T>(), false);
  const value = wide<T>(readReg<T>(<u32>insn.dst));
  if (value < wide<T>(read<T>(address)) || value > wide<T>(read<T>(address + sizeof<T>()))) raise(VECTOR_BR);
}

function setResultFlags(value: u8, carry: bool, adjust: bool): void {
  cpu().rflags = (cpu().rflags & ~(FLAG_CF | FLAG_AF | FLAG_OF)) | (carry ? FLAG_CF : 0) | (adjust ? FLAG_AF : 0);
  cpu().flagsOp = FlagsOf.RESULT;
  cpu().flagsResult = <i64>(<i8>value);
}

/** AAA and AAS; OF, SF, ZF, PF are undefined and follow AL. */
export function aaa(): void {
  const adjust = (readReg<u8>(AL) & 15) > 9 || getAF();
  if (adjust) writeReg<u16>(AL, <u16>(readReg<u16>(AL) + 0x106));
  writeReg<u8>(AL, readReg<u8>(AL) & 15);
  setResultFlags(readReg<u8>(AL), adjust, adjust);
}

export function aas(): void {
  const adjust = (readReg<u8>(AL) & 15) > 9 || getAF();
  if (adjust) writeReg<u16>(AL, <u16>(readReg<u16>(AL) - 0x106));
  writeReg<u8>(AL, readReg<u8>(AL) & 15);
  setResultFlags(readReg<u8>(AL), adjust, adjust);
}

/** AAM base: #DE if the base is 0. */
export function aam(insn: Insn): void {
  const base = <u8>insn.imm;
  if (base == 0) raise(VECTOR_DE);
  const al = readReg<u8>(AL);
  writeReg<u8>(AH, al / base);
  writeReg<u8>(AL, al % base);
  setResultFlags(al % base, false, false);
}

export function aad(insn: Insn): void {
  const al = <u8>(readReg<u8>(AL) + readReg<u8>(AH) * <u8>insn.imm);
  writeReg<u16>(AL, <u16>al);
  setResultFlags(al, false, false);
}

/** DAA and DAS; OF is undefined. */
export function daa(): void {
  const al = readReg<u8>(AL);
  const low = (al & 15) > 9 || getAF();
  const high = al > 0x99 || getCF();
  const result = <u8>(al + (low ? 6 : 0) + (high ? 0x60 : 0));
  writeReg<u8>(AL, result);
  setResultFlags(result, high, low);
}

export function das(): void {
  const al = readReg<u8>(AL);
  const low = (al & 15) > 9 || getAF();
  const high = al > 0x99 || getCF();
  const borrow = low && (al < 6 || getCF());
  const result = <u8>(al - (low ? 6 : 0) - (high ? 0x60 : 0));
  writeReg<u8>(AL, result);
  setResultFlags(result, high || borrow, low);
}

/**
 * From Op to meaning: one switch, in pages so that neither the compiler nor the branch table grows too large.
 *
 * performHot and performWarm hold the generic instructions and are instantiated for both backends; the rest is slow
 * tier, and translated code calls perform() for it.
 */
import { SEG_FS, SEG_GS, SEG_LDTR, SEG_TR } from "../abi/state";
import { Insn, INSN_PROTECTED } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { cpu } from "../state/cpu";
import { isProtected } from "../state/mode";
import { getCF } from "../state/rflags";
import { adc, add, cmp, dec, inc, neg, sbb, sub } from "./arith";
import { cmpxchg, cmpxchgPair, xadd } from "./atomic";
import { bitTest, bitTestString, BitOf, isBitString, bsf, bsr, bswapRegister, cbw, crc32c, cwd, movbe, popcount } from "./bits";
import { call, callIndirect, jcc, jmp, jmpIndirect, ret } from "./branch";
import { callFar, callFarIndirect, jmpFar, jmpFarIndirect } from "./far";
import { iret, retFar } from "./far_return";
import { cli, popf, pushf, sti } from "./flags";
import { portIn, portOut } from "./io";
import { and, not, or, test, xor } from "./logic";
import {
  aaa,
  aad,
  aam,
  aas,
  bound,
  daa,
  das,
  jcxz,
  lahf,
  loop,
  loope,
  loopne,
  sahf,
  salc,
  setCarry,
  setDirection,
  xlat,
} from "./misc";
import { cmovcc, lea, mov, movsx, movzx, push, setcc, xchg } from "./move";
import { div, divByte, idiv, idivByte, imul, imul1, imulByte, mul, mulByte } from "./muldiv";
import { Op } from "./op";
import { rcl, rcr, rol, ror, sar, shl, shld, shr, shrd } from "./shift";
import { performVector } from "./perform_vector";
import { int, int1, int3, into } from "./software_interrupt";
import { loadFar, movFromSreg, movToSreg, popSreg, pushSreg } from "./sreg";
import { enter, leave, pop, popa, pusha } from "./stack";
import { cmps, ins, lods, movs, outs, scas, stos } from "./string";
import { clts, lmsw, movFromCr, movToCr, setAlignmentCheck, smsw } from "./control";
import { movFromDr, movToDr } from "./debug_registers";
import { readSegmentBase, swapgs, syscall, sysenter, sysexit, sysret, writeSegmentBase } from "./fast_call";
import { invlpg, invpcid } from "./invalidate";
import { rdmsr, wrmsr } from "./msr";
import { clflush, cpuidInstruction, hlt, rdpmc, rdrand, rdtsc, requireCpl0, vmcall } from "./system";
import { arpl, lldt, loadRights, loadTable, ltr, storeSelector, storeTable, verify } from "./tables";
import { xgetbv, xrstor, xsave, xsavec, xsetbv } from "./xsave";

/** First Op of each page. */
const PAGE: u32 = 32;

/** The hot page. False: not one of these. */
// prettier-ignore
export function performHot<B>(insn: Insn): bool {
  switch (<u32>insn.code) {
    case (Op.JCC << 2) | 0: case (Op.JCC << 2) | 1: case (Op.JCC << 2) | 2: case (Op.JCC << 2) | 3: jcc<B>(insn); return true;
    case (Op.ADD << 2) | 0: add<B, u8>(insn); return true;
    case (Op.ADD << 2) | 1: add<B, u16>(insn); return true;
    case (Op.ADD << 2) | 2: add<B, u32>(insn); return true;
    case (Op.ADD << 2) | 3: add<B, u64>(insn); return true;
    case (Op.SUB << 2) | 0: sub<B, u8>(insn); return true;
    case (Op.SUB << 2) | 1: sub<B, u16>(insn); return true;
    case (Op.SUB << 2) | 2: sub<B, u32>(insn); return true;
    case (Op.SUB << 2) | 3: sub<B, u64>(insn); return true;
    case (Op.CMP << 2) | 0: cmp<B, u8>(insn); return true;
    case (Op.CMP << 2) | 1: cmp<B, u16>(insn); return true;
    case (Op.CMP << 2) | 2: cmp<B, u32>(insn); return true;
    case (Op.CMP << 2) | 3: cmp<B, u64>(insn); return true;
    case (Op.AND << 2) | 0: and<B, u8>(insn); return true;
    case (Op.AND << 2) | 1: and<B, u16>(insn); return true;
    case (Op.AND << 2) | 2: and<B, u32>(insn); return true;
    case (Op.AND << 2) | 3: and<B, u64>(insn); return true;
    case (Op.OR << 2) | 0: or<B, u8>(insn); return true;
    case (Op.OR << 2) | 1: or<B, u16>(insn); return true;
    case (Op.OR << 2) | 2: or<B, u32>(insn); return true;
    case (Op.OR << 2) | 3: or<B, u64>(insn); return true;
    case (Op.XOR << 2) | 0: xor<B, u8>(insn); return true;
    case (Op.XOR << 2) | 1: xor<B, u16>(insn); return true;
    case (Op.XOR << 2) | 2: xor<B, u32>(insn); return true;
    case (Op.XOR << 2) | 3: xor<B, u64>(insn); return true;
    case (Op.TEST << 2) | 0: test<B, u8>(insn); return true;
    case (Op.TEST << 2) | 1: test<B, u16>(insn); return true;
    case (Op.TEST << 2) | 2: test<B, u32>(insn); return true;
    case (Op.TEST << 2) | 3: test<B, u64>(insn); return true;
    case (Op.LEA << 2) | 1: lea<B, u16>(insn); return true;
    case (Op.LEA << 2) | 2: lea<B, u32>(insn); return true;
    case (Op.LEA << 2) | 3: lea<B, u64>(insn); return true;
    case (Op.INC << 2) | 0: inc<B, u8>(insn); return true;
    case (Op.INC << 2) | 1: inc<B, u16>(insn); return true;
    case (Op.INC << 2) | 2: inc<B, u32>(insn); return true;
    case (Op.INC << 2) | 3: inc<B, u64>(insn); return true;
    case (Op.DEC << 2) | 0: dec<B, u8>(insn); return true;
    case (Op.DEC << 2) | 1: dec<B, u16>(insn); return true;
    case (Op.DEC << 2) | 2: dec<B, u32>(insn); return true;
    case (Op.DEC << 2) | 3: dec<B, u64>(insn); return true;
    case (Op.PUSH << 2) | 1: push<B, u16>(insn); return true;
    case (Op.PUSH << 2) | 2: push<B, u32>(insn); return true;
    case (Op.PUSH << 2) | 3: push<B, u64>(insn); return true;
    case (Op.POP << 2) | 1: pop<B, u16>(insn); return true;
    case (Op.POP << 2) | 2: pop<B, u32>(insn); return true;
    case (Op.POP << 2) | 3: pop<B, u64>(insn); return true;
    case (Op.MOV << 2) | 0: mov<B, u8>(insn); return true;
    case (Op.MOV << 2) | 1: mov<B, u16>(insn); return true;
    case (Op.MOV << 2) | 2: mov<B, u32>(insn); return true;
    case (Op.MOV << 2) | 3: mov<B, u64>(insn); return true;
    case (Op.JMP << 2) | 1: case (Op.JMP << 2) | 2: case (Op.JMP << 2) | 3: jmp<B>(insn); return true;
    case (Op.CALL << 2) | 1: call<B, u16>(insn); return true;
    case (Op.CALL << 2) | 2: call<B, u32>(insn); return true;
    case (Op.CALL << 2) | 3: call<B, u64>(insn); return true;
    case (Op.RET << 2) | 1: ret<B, u16>(insn); return true;
    case (Op.RET << 2) | 2: ret<B, u32>(insn); return true;
    case (Op.RET << 2) | 3: ret<B, u64>(insn); return true;
    case (Op.MOVZX8 << 2) | 1: movzx<B, u8, u16>(insn); return true;
    case (Op.MOVZX8 << 2) | 2: movzx<B, u8, u32>(insn); return true;
    case (Op.MOVZX8 << 2) | 3: movzx<B, u8, u64>(insn); return true;
    case (Op.MOVZX16 << 2) | 1: movzx<B, u16, u16>(insn); return true;
    case (Op.MOVZX16 << 2) | 2: movzx<B, u16, u32>(insn); return true;
    case (Op.MOVZX16 << 2) | 3: movzx<B, u16, u64>(insn); return true;
    case (Op.MOVSX8 << 2) | 1: movsx<B, u8, u16>(insn); return true;
    case (Op.MOVSX8 << 2) | 2: movsx<B, u8, u32>(insn); return true;
    case (Op.MOVSX8 << 2) | 3: movsx<B, u8, u64>(insn); return true;
    case (Op.MOVSX16 << 2) | 1: movsx<B, u16, u16>(insn); return true;
    case (Op.MOVSX16 << 2) | 2: movsx<B, u16, u32>(insn); return true;
    case (Op.MOVSX16 << 2) | 3: movsx<B, u16, u64>(insn); return true;
    case (Op.MOVSXD << 2) | 1: mov<B, u16>(insn); return true;
    case (Op.MOVSXD << 2) | 2: mov<B, u32>(insn); return true;
    case (Op.MOVSXD << 2) | 3: movsx<B, u32, u64>(insn); return true;
    case (Op.SHL << 2) | 0: shl<B, u8>(insn); return true;
    case (Op.SHL << 2) | 1: shl<B, u16>(insn); return true;
    case (Op.SHL << 2) | 2: shl<B, u32>(insn); return true;
    case (Op.SHL << 2) | 3: shl<B, u64>(insn); return true;
    case (Op.SHR << 2) | 0: shr<B, u8>(insn); return true;
    case (Op.SHR << 2) | 1: shr<B, u16>(insn); return true;
    case (Op.SHR << 2) | 2: shr<B, u32>(insn); return true;
    case (Op.SHR << 2) | 3: shr<B, u64>(insn); return true;
    case (Op.SAR << 2) | 0: sar<B, u8>(insn); return true;
    case (Op.SAR << 2) | 1: sar<B, u16>(insn); return true;
    case (Op.SAR << 2) | 2: sar<B, u32>(insn); return true;
    case (Op.SAR << 2) | 3: sar<B, u64>(insn); return true;
    case (Op.IMUL << 2) | 1: imul<B, u16>(insn); return true;
    case (Op.IMUL << 2) | 2: imul<B, u32>(insn); return true;
    case (Op.IMUL << 2) | 3: imul<B, u64>(insn); return true;
    case (Op.ADC << 2) | 0: adc<B, u8>(insn); return true;
    case (Op.ADC << 2) | 1: adc<B, u16>(insn); return true;
    case (Op.ADC << 2) | 2: adc<B, u32>(insn); return true;
    case (Op.ADC << 2) | 3: adc<B, u64>(insn); return true;
    case (Op.SBB << 2) | 0: sbb<B, u8>(insn); return true;
    case (Op.SBB << 2) | 1: sbb<B, u16>(insn); return true;
    case (Op.SBB << 2) | 2: sbb<B, u32>(insn); return true;
    case (Op.SBB << 2) | 3: sbb<B, u64>(insn); return true;
    case (Op.NEG << 2) | 0: neg<B, u8>(insn); return true;
    case (Op.NEG << 2) | 1: neg<B, u16>(insn); return true;
    case (Op.NEG << 2) | 2: neg<B, u32>(insn); return true;
    case (Op.NEG << 2) | 3: neg<B, u64>(insn); return true;
    case (Op.NOT << 2) | 0: not<B, u8>(insn); return true;
    case (Op.NOT << 2) | 1: not<B, u16>(insn); return true;
    case (Op.NOT << 2) | 2: not<B, u32>(insn); return true;
    case (Op.NOT << 2) | 3: not<B, u64>(insn); return true;
    case (Op.CMOVCC << 2) | 1: cmovcc<B, u16>(insn); return true;
    case (Op.CMOVCC << 2) | 2: cmovcc<B, u32>(insn); return true;
    case (Op.CMOVCC << 2) | 3: cmovcc<B, u64>(insn); return true;
    case (Op.SETCC << 2) | 0: setcc<B>(insn); return true;
  }
  return false;
}

/** Generic instructions that are less frequent. */
// prettier-ignore
export function performWarm<B>(insn: Insn): bool {
  switch (<u32>insn.code) {
    case (Op.NOP << 2) | 0: case (Op.NOP << 2) | 1: case (Op.NOP << 2) | 2: case (Op.NOP << 2) | 3: return true;
    case (Op.XCHG << 2) | 0: xchg<B, u8>(insn); return true;
    case (Op.XCHG << 2) | 1: xchg<B, u16>(insn); return true;
    case (Op.XCHG << 2) | 2: xchg<B, u32>(insn); return true;
    case (Op.XCHG << 2) | 3: xchg<B, u64>(insn); return true;
    case (Op.XADD << 2) | 0: xadd<B, u8>(insn); return true;
    case (Op.XADD << 2) | 1: xadd<B, u16>(insn); return true;
    case (Op.XADD << 2) | 2: xadd<B, u32>(insn); return true;
    case (Op.XADD << 2) | 3: xadd<B, u64>(insn); return true;
    case (Op.CMPXCHG << 2) | 0: cmpxchg<B, u8>(insn); return true;
    case (Op.CMPXCHG << 2) | 1: cmpxchg<B, u16>(insn); return true;
    case (Op.CMPXCHG << 2) | 2: cmpxchg<B, u32>(insn); return true;
    case (Op.CMPXCHG << 2) | 3: cmpxchg<B, u64>(insn); return true;
    case (Op.JMP_INDIRECT << 2) | 1: jmpIndirect<B, u16>(insn); return true;
    case (Op.JMP_INDIRECT << 2) | 2: jmpIndirect<B, u32>(insn); return true;
    case (Op.JMP_INDIRECT << 2) | 3: jmpIndirect<B, u64>(insn); return true;
    case (Op.CALL_INDIRECT << 2) | 1: callIndirect<B, u16>(insn); return true;
    case (Op.CALL_INDIRECT << 2) | 2: callIndirect<B, u32>(insn); return true;
    case (Op.CALL_INDIRECT << 2) | 3: callIndirect<B, u64>(insn); return true;
    case (Op.ROL << 2) | 0: rol<B, u8>(insn); return true;
    case (Op.ROL << 2) | 1: rol<B, u16>(insn); return true;
    case (Op.ROL << 2) | 2: rol<B, u32>(insn); return true;
    case (Op.ROL << 2) | 3: rol<B, u64>(insn); return true;
    case (Op.ROR << 2) | 0: ror<B, u8>(insn); return true;
    case (Op.ROR << 2) | 1: ror<B, u16>(insn); return true;
    case (Op.ROR << 2) | 2: ror<B, u32>(insn); return true;
    case (Op.ROR << 2) | 3: ror<B, u64>(insn); return true;
    case (Op.MUL << 2) | 1: mul<B, u16>(insn); return true;
    case (Op.MUL << 2) | 2: mul<B, u32>(insn); return true;
    case (Op.MUL << 2) | 3: mul<B, u64>(insn); return true;
    case (Op.IMUL1 << 2) | 1: imul1<B, u16>(insn); return true;
    case (Op.IMUL1 << 2) | 2: imul1<B, u32>(insn); return true;
    case (Op.IMUL1 << 2) | 3: imul1<B, u64>(insn); return true;
    case (Op.DIV << 2) | 1: div<B, u16>(insn); return true;
    case (Op.DIV << 2) | 2: div<B, u32>(insn); return true;
    case (Op.DIV << 2) | 3: div<B, u64>(insn); return true;
    case (Op.IDIV << 2) | 1: idiv<B, u16>(insn); return true;
    case (Op.IDIV << 2) | 2: idiv<B, u32>(insn); return true;
    case (Op.IDIV << 2) | 3: idiv<B, u64>(insn); return true;
    case (Op.BSF << 2) | 1: bsf<B, u16>(insn); return true;
    case (Op.BSF << 2) | 2: bsf<B, u32>(insn); return true;
    case (Op.BSF << 2) | 3: bsf<B, u64>(insn); return true;
    case (Op.BSR << 2) | 1: bsr<B, u16>(insn); return true;
    case (Op.BSR << 2) | 2: bsr<B, u32>(insn); return true;
    case (Op.BSR << 2) | 3: bsr<B, u64>(insn); return true;
    case (Op.POPCNT << 2) | 1: popcount<B, u16>(insn); return true;
    case (Op.POPCNT << 2) | 2: popcount<B, u32>(insn); return true;
    case (Op.POPCNT << 2) | 3: popcount<B, u64>(insn); return true;
    case (Op.BSWAP << 2) | 1: bswapRegister<B, u16>(insn); return true;
    case (Op.BSWAP << 2) | 2: bswapRegister<B, u32>(insn); return true;
    case (Op.BSWAP << 2) | 3: bswapRegister<B, u64>(insn); return true;
    case (Op.CBW << 2) | 1: cbw<B, u16>(); return true;
    case (Op.CBW << 2) | 2: cbw<B, u32>(); return true;
    case (Op.CBW << 2) | 3: cbw<B, u64>(); return true;
    case (Op.CWD << 2) | 1: cwd<B, u16>(); return true;
    case (Op.CWD << 2) | 2: cwd<B, u32>(); return true;
    case (Op.CWD << 2) | 3: cwd<B, u64>(); return true;
    case (Op.LEAVE << 2) | 1: leave<B, u16>(); return true;
    case (Op.LEAVE << 2) | 2: leave<B, u32>(); return true;
    case (Op.LEAVE << 2) | 3: leave<B, u64>(); return true;
    case (Op.BT << 2) | 1: if (isBitString(insn)) return false; bitTest<B, u16>(insn, BitOf.TEST); return true;
    case (Op.BT << 2) | 2: if (isBitString(insn)) return false; bitTest<B, u32>(insn, BitOf.TEST); return true;
    case (Op.BT << 2) | 3: if (isBitString(insn)) return false; bitTest<B, u64>(insn, BitOf.TEST); return true;
    case (Op.BTS << 2) | 1: if (isBitString(insn)) return false; bitTest<B, u16>(insn, BitOf.SET); return true;
    case (Op.BTS << 2) | 2: if (isBitString(insn)) return false; bitTest<B, u32>(insn, BitOf.SET); return true;
    case (Op.BTS << 2) | 3: if (isBitString(insn)) return false; bitTest<B, u64>(insn, BitOf.SET); return true;
    case (Op.BTR << 2) | 1: if (isBitString(insn)) return false; bitTest<B, u16>(insn, BitOf.RESET); return true;
    case (Op.BTR << 2) | 2: if (isBitString(insn)) return false; bitTest<B, u32>(insn, BitOf.RESET); return true;
    case (Op.BTR << 2) | 3: if (isBitString(insn)) return false; bitTest<B, u64>(insn, BitOf.RESET); return true;
    case (Op.BTC << 2) | 1: if (isBitString(insn)) return false; bitTest<B, u16>(insn, BitOf.COMPLEMENT); return true;
    case (Op.BTC << 2) | 2: if (isBitString(insn)) return false; bitTest<B, u32>(insn, BitOf.COMPLEMENT); return true;
    case (Op.BTC << 2) | 3: if (isBitString(insn)) return false; bitTest<B, u64>(insn, BitOf.COMPLEMENT); return true;
  }
  return false;
}

/** Executes one instruction that is not on the hot page. */
export function performOther(insn: Insn): void {
  switch ((<u32>insn.code >> 2) / PAGE) {
    case 1: if (!performWarm<Interpreter>(insn)) performInteger(insn); return; // prettier-ignore
    case 2: performRare(insn); return; // prettier-ignore
    case 3: performSegment(insn); return; // prettier-ignore
    case 4:
    case 5: performSystem(insn); return; // prettier-ignore
    case 0: raiseUD(); return; // prettier-ignore
  }
  performVector(insn);
}

/** Executes one instruction. */
export function perform(insn: Insn): void {
  if (!performHot<Interpreter>(insn)) performOther(insn);
}

// prettier-ignore
function performInteger(insn: Insn): void {
  switch (<u32>insn.code) {
    case (Op.CMPXCHG8B << 2) | 1: case (Op.CMPXCHG8B << 2) | 2: case (Op.CMPXCHG8B << 2) | 3: cmpxchgPair(insn); return;
    case (Op.RCL << 2) | 0: rcl<u8>(insn); return;
    case (Op.RCL << 2) | 1: rcl<u16>(insn); return;
    case (Op.RCL << 2) | 2: rcl<u32>(insn); return;
    case (Op.RCL << 2) | 3: rcl<u64>(insn); return;
    case (Op.SHLD << 2) | 1: shld<u16>(insn); return;
    case (Op.SHLD << 2) | 2: shld<u32>(insn); return;
    case (Op.SHLD << 2) | 3: shld<u64>(insn); return;
    case (Op.SHRD << 2) | 1: shrd<u16>(insn); return;
    case (Op.SHRD << 2) | 2: shrd<u32>(insn); return;
    case (Op.SHRD << 2) | 3: shrd<u64>(insn); return;
    case (Op.MUL << 2) | 0: mulByte(insn); return;
    case (Op.IMUL1 << 2) | 0: imulByte(insn); return;
    case (Op.DIV << 2) | 0: divByte(insn); return;
    case (Op.IDIV << 2) | 0: idivByte(insn); return;
    case (Op.BT << 2) | 1: bitTestString<u16>(insn, BitOf.TEST); return;
    case (Op.BT << 2) | 2: bitTestString<u32>(insn, BitOf.TEST); return;
    case (Op.BT << 2) | 3: bitTestString<u64>(insn, BitOf.TEST); return;
    case (Op.BTS << 2) | 1: bitTestString<u16>(insn, BitOf.SET); return;
    case (Op.BTS << 2) | 2: bitTestString<u32>(insn, BitOf.SET); return;
    case (Op.BTS << 2) | 3: bitTestString<u64>(insn, BitOf.SET); return;
    case (Op.BTR << 2) | 1: bitTestString<u16>(insn, BitOf.RESET); return;
    case (Op.BTR << 2) | 2: bitTestString<u32>(insn, BitOf.RESET); return;
    case (Op.BTR << 2) | 3: bitTestString<u64>(insn, BitOf.RESET); return;
    case (Op.BTC << 2) | 1: bitTestString<u16>(insn, BitOf.COMPLEMENT); return;
    case (Op.BTC << 2) | 2: bitTestString<u32>(insn, BitOf.COMPLEMENT); return;
    case (Op.BTC << 2) | 3: bitTestString<u64>(insn, BitOf.COMPLEMENT); return;
    case (Op.MOVS << 2) | 0: movs<u8>(insn); return;
    case (Op.MOVS << 2) | 1: movs<u16>(insn); return;
    case (Op.MOVS << 2) | 2: movs<u32>(insn); return;
    case (Op.MOVS << 2) | 3: movs<u64>(insn); return;
    case (Op.STOS << 2) | 0: stos<u8>(insn); return;
    case (Op.STOS << 2) | 1: stos<u16>(insn); return;
    case (Op.STOS << 2) | 2: stos<u32>(insn); return;
    case (Op.STOS << 2) | 3: stos<u64>(insn); return;
    case (Op.LODS << 2) | 0: lods<u8>(insn); return;
    case (Op.LODS << 2) | 1: lods<u16>(insn); return;
    case (Op.LODS << 2) | 2: lods<u32>(insn); return;
    case (Op.LODS << 2) | 3: lods<u64>(insn); return;
    case (Op.SCAS << 2) | 0: scas<u8>(insn); return;
    case (Op.SCAS << 2) | 1: scas<u16>(insn); return;
    case (Op.SCAS << 2) | 2: scas<u32>(insn); return;
    case (Op.SCAS << 2) | 3: scas<u64>(insn); return;
    case (Op.CMPS << 2) | 0: cmps<u8>(insn); return;
    case (Op.CMPS << 2) | 1: cmps<u16>(insn); return;
    case (Op.CMPS << 2) | 2: cmps<u32>(insn); return;
    case (Op.CMPS << 2) | 3: cmps<u64>(insn); return;
  }
  raiseUD();
}

// prettier-ignore
function performRare(insn: Insn): void {
  switch (<u32>insn.code >> 2) {
    case Op.LOOP: loop(insn); return;
    case Op.LOOPE: loope(insn); return;
    case Op.LOOPNE: loopne(insn); return;
    case Op.JCXZ: jcxz(insn); return;
    case Op.XLAT: xlat(insn); return;
    case Op.CLC: setCarry(false); return;
    case Op.STC: setCarry(true); return;
    case Op.CMC: setCarry(!getCF()); return;
    case Op.CLD: setDirection(false); return;
    case Op.STD: setDirection(true); return;
    case Op.LAHF: lahf(); return;
    case Op.SAHF: sahf(); return;
    case Op.SALC: salc(); return;
    case Op.AAA: aaa(); return;
    case Op.AAS: aas(); return;
    case Op.AAM: aam(insn); return;
    case Op.AAD: aad(insn); return;
    case Op.DAA: daa(); return;
    case Op.DAS: das(); return;
  }
  switch (<u32>insn.code) {
    case (Op.RCR << 2) | 0: rcr<u8>(insn); return;
    case (Op.RCR << 2) | 1: rcr<u16>(insn); return;
    case (Op.RCR << 2) | 2: rcr<u32>(insn); return;
    case (Op.RCR << 2) | 3: rcr<u64>(insn); return;
    case (Op.MOVBE << 2) | 1: movbe<u16>(insn); return;
    case (Op.MOVBE << 2) | 2: movbe<u32>(insn); return;
    case (Op.MOVBE << 2) | 3: movbe<u64>(insn); return;
    case (Op.CRC32 << 2) | 0: crc32c<u8>(insn); return;
    case (Op.CRC32 << 2) | 1: crc32c<u16>(insn); return;
    case (Op.CRC32 << 2) | 2: crc32c<u32>(insn); return;
    case (Op.CRC32 << 2) | 3: crc32c<u64>(insn); return;
    case (Op.ENTER << 2) | 1: enter<u16>(insn); return;
    case (Op.ENTER << 2) | 2: enter<u32>(insn); return;
    case (Op.ENTER << 2) | 3: enter<u64>(insn); return;
    case (Op.PUSHF << 2) | 1: pushf<u16>(insn); return;
    case (Op.PUSHF << 2) | 2: pushf<u32>(insn); return;
    case (Op.PUSHF << 2) | 3: pushf<u64>(insn); return;
    case (Op.POPF << 2) | 1: popf<u16>(insn); return;
    case (Op.POPF << 2) | 2: popf<u32>(insn); return;
    case (Op.POPF << 2) | 3: popf<u64>(insn); return;
    case (Op.PUSHA << 2) | 1: pusha<u16>(); return;
    case (Op.PUSHA << 2) | 2: pusha<u32>(); return;
    case (Op.POPA << 2) | 1: popa<u16>(); return;
    case (Op.POPA << 2) | 2: popa<u32>(); return;
    case (Op.BOUND << 2) | 1: bound<u16>(insn); return;
    case (Op.BOUND << 2) | 2: bound<u32>(insn); return;
  }
  raiseUD();
}

// prettier-ignore
function performSegment(insn: Insn): void {
  if ((insn.flags & <u16>INSN_PROTECTED) != 0 && !isProtected()) raiseUD();
  switch (<u32>insn.code >> 2) {
    case Op.MOV_TO_SREG: movToSreg(insn); return;
    case Op.INT: int(insn); return;
    case Op.INT1: int1(); return;
    case Op.INT3: int3(); return;
    case Op.INTO: into(); return;
    case Op.ARPL: arpl(insn); return;
    case Op.VERR: verify(insn, false); return;
    case Op.VERW: verify(insn, true); return;
    case Op.LLDT: lldt(insn); return;
    case Op.LTR: ltr(insn); return;
    case Op.SGDT: storeTable(insn, cpu().gdtrBase, cpu().gdtrLimit); return;
    case Op.SIDT: storeTable(insn, cpu().idtrBase, cpu().idtrLimit); return;
  }
  switch (<u32>insn.code) {
    case (Op.MOV_FROM_SREG << 2) | 1: movFromSreg<u16>(insn); return;
    case (Op.MOV_FROM_SREG << 2) | 2: movFromSreg<u32>(insn); return;
    case (Op.MOV_FROM_SREG << 2) | 3: movFromSreg<u64>(insn); return;
    case (Op.PUSH_SREG << 2) | 1: pushSreg<u16>(insn); return;
    case (Op.PUSH_SREG << 2) | 2: pushSreg<u32>(insn); return;
    case (Op.PUSH_SREG << 2) | 3: pushSreg<u64>(insn); return;
    case (Op.POP_SREG << 2) | 1: popSreg<u16>(insn); return;
    case (Op.POP_SREG << 2) | 2: popSreg<u32>(insn); return;
    case (Op.POP_SREG << 2) | 3: popSreg<u64>(insn); return;
    case (Op.LOAD_FAR << 2) | 1: loadFar<u16>(insn); return;
    case (Op.LOAD_FAR << 2) | 2: loadFar<u32>(insn); return;
    case (Op.LOAD_FAR << 2) | 3: loadFar<u64>(insn); return;
    case (Op.JMP_FAR << 2) | 1: jmpFar<u16>(insn); return;
    case (Op.JMP_FAR << 2) | 2: jmpFar<u32>(insn); return;
    case (Op.CALL_FAR << 2) | 1: callFar<u16>(insn); return;
    case (Op.CALL_FAR << 2) | 2: callFar<u32>(insn); return;
    case (Op.JMP_FAR_INDIRECT << 2) | 1: jmpFarIndirect<u16>(insn); return;
    case (Op.JMP_FAR_INDIRECT << 2) | 2: jmpFarIndirect<u32>(insn); return;
    case (Op.JMP_FAR_INDIRECT << 2) | 3: jmpFarIndirect<u64>(insn); return;
    case (Op.CALL_FAR_INDIRECT << 2) | 1: callFarIndirect<u16>(insn); return;
    case (Op.CALL_FAR_INDIRECT << 2) | 2: callFarIndirect<u32>(insn); return;
    case (Op.CALL_FAR_INDIRECT << 2) | 3: callFarIndirect<u64>(insn); return;
    case (Op.RET_FAR << 2) | 1: retFar<u16>(insn); return;
    case (Op.RET_FAR << 2) | 2: retFar<u32>(insn); return;
    case (Op.RET_FAR << 2) | 3: retFar<u64>(insn); return;
    case (Op.IRET << 2) | 1: iret<u16>(insn); return;
    case (Op.IRET << 2) | 2: iret<u32>(insn); return;
    case (Op.IRET << 2) | 3: iret<u64>(insn); return;
    case (Op.IN << 2) | 0: portIn<u8>(insn); return;
    case (Op.IN << 2) | 1: portIn<u16>(insn); return;
    case (Op.IN << 2) | 2: portIn<u32>(insn); return;
    case (Op.OUT << 2) | 0: portOut<u8>(insn); return;
    case (Op.OUT << 2) | 1: portOut<u16>(insn); return;
    case (Op.OUT << 2) | 2: portOut<u32>(insn); return;
    case (Op.INS << 2) | 0: ins<u8>(insn); return;
    case (Op.INS << 2) | 1: ins<u16>(insn); return;
    case (Op.INS << 2) | 2: ins<u32>(insn); return;
    case (Op.OUTS << 2) | 0: outs<u8>(insn); return;
    case (Op.OUTS << 2) | 1: outs<u16>(insn); return;
    case (Op.OUTS << 2) | 2: outs<u32>(insn); return;
    case (Op.LAR << 2) | 1: loadRights<u16>(insn, false); return;
    case (Op.LAR << 2) | 2: loadRights<u32>(insn, false); return;
    case (Op.LAR << 2) | 3: loadRights<u64>(insn, false); return;
    case (Op.LSL << 2) | 1: loadRights<u16>(insn, true); return;
    case (Op.LSL << 2) | 2: loadRights<u32>(insn, true); return;
    case (Op.LSL << 2) | 3: loadRights<u64>(insn, true); return;
    case (Op.SLDT << 2) | 1: storeSelector<u16>(insn, SEG_LDTR); return;
    case (Op.SLDT << 2) | 2: storeSelector<u32>(insn, SEG_LDTR); return;
    case (Op.SLDT << 2) | 3: storeSelector<u64>(insn, SEG_LDTR); return;
    case (Op.STR << 2) | 1: storeSelector<u16>(insn, SEG_TR); return;
    case (Op.STR << 2) | 2: storeSelector<u32>(insn, SEG_TR); return;
    case (Op.STR << 2) | 3: storeSelector<u64>(insn, SEG_TR); return;
    case (Op.LGDT << 2) | 1: loadTable<u16>(insn, false); return;
    case (Op.LGDT << 2) | 2: loadTable<u32>(insn, false); return;
    case (Op.LGDT << 2) | 3: loadTable<u64>(insn, false); return;
    case (Op.LIDT << 2) | 1: loadTable<u16>(insn, true); return;
    case (Op.LIDT << 2) | 2: loadTable<u32>(insn, true); return;
    case (Op.LIDT << 2) | 3: loadTable<u64>(insn, true); return;
  }
  raiseUD();
}

// prettier-ignore
function performSystem(insn: Insn): void {
  switch (<u32>insn.code >> 2) {
    case Op.LMSW: lmsw(insn); return;
    case Op.INVLPG: invlpg(insn); return;
    case Op.CLTS: clts(); return;
    case Op.HLT: hlt(); return;
    case Op.CLI: cli(); return;
    case Op.STI: sti(); return;
    case Op.SYSCALL: syscall(); return;
    case Op.SYSENTER: sysenter(); return;
    case Op.SWAPGS: swapgs(); return;
    case Op.RDMSR: rdmsr(); return;
    case Op.WRMSR: wrmsr(); return;
    case Op.RDTSC: rdtsc(false); return;
    case Op.RDTSCP: rdtsc(true); return;
    case Op.RDPMC: rdpmc(); return;
    case Op.CPUID: cpuidInstruction(); return;
    case Op.VMCALL: vmcall(); return;
    case Op.INVD: requireCpl0(); return;
    case Op.TOO_LONG: raiseGP(0); return;
    case Op.CLFLUSH: clflush(insn); return;
    case Op.XSAVE: xsave(insn, false); return;
    case Op.XSAVEOPT: xsave(insn, true); return;
    case Op.XSAVEC: xsavec(insn); return;
    case Op.XRSTOR: xrstor(insn); return;
    case Op.XGETBV: xgetbv(); return;
    case Op.XSETBV: xsetbv(); return;
    case Op.CLAC: setAlignmentCheck(false); return;
    case Op.STAC: setAlignmentCheck(true); return;
    case Op.INVPCID: invpcid(insn); return;
    case Op.FENCE: return;
  }
  switch (<u32>insn.code) {
    case (Op.SMSW << 2) | 1: smsw<u16>(insn); return;
    case (Op.SMSW << 2) | 2: smsw<u32>(insn); return;
    case (Op.SMSW << 2) | 3: smsw<u64>(insn); return;
    case (Op.MOV_FROM_CR << 2) | 2: movFromCr<u32>(insn); return;
    case (Op.MOV_FROM_CR << 2) | 3: movFromCr<u64>(insn); return;
    case (Op.MOV_TO_CR << 2) | 2: movToCr<u32>(insn); return;
    case (Op.MOV_TO_CR << 2) | 3: movToCr<u64>(insn); return;
    case (Op.MOV_FROM_DR << 2) | 2: movFromDr<u32>(insn); return;
    case (Op.MOV_FROM_DR << 2) | 3: movFromDr<u64>(insn); return;
    case (Op.MOV_TO_DR << 2) | 2: movToDr<u32>(insn); return;
    case (Op.MOV_TO_DR << 2) | 3: movToDr<u64>(insn); return;
    case (Op.SYSRET << 2) | 2: sysret<u32>(); return;
    case (Op.SYSRET << 2) | 3: sysret<u64>(); return;
    case (Op.SYSEXIT << 2) | 2: sysexit<u32>(); return;
    case (Op.SYSEXIT << 2) | 3: sysexit<u64>(); return;
    case (Op.RDRAND << 2) | 1: rdrand<u16>(insn); return;
    case (Op.RDRAND << 2) | 2: rdrand<u32>(insn); return;
    case (Op.RDRAND << 2) | 3: rdrand<u64>(insn); return;
    case (Op.RDSEED << 2) | 1: rdrand<u16>(insn); return;
    case (Op.RDSEED << 2) | 2: rdrand<u32>(insn); return;
    case (Op.RDSEED << 2) | 3: rdrand<u64>(insn); return;
    case (Op.RDFSBASE << 2) | 2: readSegmentBase<u32>(insn, SEG_FS); return;
    case (Op.RDFSBASE << 2) | 3: readSegmentBase<u64>(insn, SEG_FS); return;
    case (Op.RDGSBASE << 2) | 2: readSegmentBase<u32>(insn, SEG_GS); return;
    case (Op.RDGSBASE << 2) | 3: readSegmentBase<u64>(insn, SEG_GS); return;
    case (Op.WRFSBASE << 2) | 2: writeSegmentBase<u32>(insn, SEG_FS); return;
    case (Op.WRFSBASE << 2) | 3: writeSegmentBase<u64>(insn, SEG_FS); return;
    case (Op.WRGSBASE << 2) | 2: writeSegmentBase<u32>(insn, SEG_GS); return;
    case (Op.WRGSBASE << 2) | 3: writeSegmentBase<u64>(insn, SEG_GS); return;
  }
  raiseUD();
}

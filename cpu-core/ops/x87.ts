/**
 * The x87 instructions, opcodes D8-DF and 9B. All are slow tier: plain functions on CpuState.
 *
 * Each reads memory first and writes it before it changes a register, so that a page fault finds nothing done. An unmasked
 * exception sets ES in the status word; the #MF it means is raised by the next waiting instruction (begin).
 * State: state/x87.ts. Arithmetic: x87/. Environment images: ops/x87_env.ts. SDM vol 2A "F...".
 */
import {
  CPU_SEGMENTS,
  CR0_EM,
  CR0_MP,
  CR0_NE,
  CR0_TS,
  FLAGS_STATUS,
  FLAG_CF,
  FLAG_PF,
  FLAG_ZF,
  SEGMENT_SIZE,
  SEG_CS,
} from "../abi/state";
import { VECTOR_MF } from "../abi/vectors";
import { INSN_MEMORY, Insn } from "../decode/insn";
import { linear } from "../state/address";
import { raise, raiseNM, raiseUD } from "../interrupts/raise";
import { checkWritable, read, write } from "../mmu/access";
import { cpu, cpuBase, writeReg } from "../state/cpu";
import { setFlagBits, testCondition } from "../state/rflags";
import {
  STATUS_BUSY,
  STATUS_C0,
  STATUS_C1,
  STATUS_C2,
  STATUS_C3,
  STATUS_CONDITION,
  STATUS_ERROR_SUMMARY,
  STATUS_STACK_FAULT,
  commitRaised,
  free,
  initialiseX87,
  isEmpty,
  pop,
  push,
  setCondition,
  setSt,
  setStIndefinite,
  setTop,
  stMantissa,
  stSignExponent,
  stackOverflow,
  stackUnderflow,
  top,
  updateErrorSummary,
} from "../state/x87";
import { EQUAL, GREATER, LESS, UNORDERED, classify, compare, compareQuiet } from "../x87/compare";
import {
  bcdHigh,
  checkLoaded,
  fromBcd,
  fromFloat32,
  fromFloat64,
  fromInteger,
  toBcd,
  toFloat32,
  toFloat64,
  toInteger,
  toIntegerTruncated,
} from "../x87/convert";
import {
  INDEFINITE_MANTISSA,
  INDEFINITE_SIGN_EXPONENT,
  INTEGER_BIT,
  SIGN,
  add,
  divide,
  multiply,
  resultMantissa,
  resultSignExponent,
  setOperandWasDenormal,
  squareRoot,
  subtract,
} from "../x87/float80";
import {
  extract,
  extractedMantissa,
  extractedSignExponent,
  remainder,
  remainderIsDone,
  remainderIsPartial,
  remainderQuotient,
  roundToIntegral,
  scale,
} from "../x87/remainder";
import {
  DE,
  EXCEPTIONS,
  IE,
  OE,
  PE,
  ROUNDED_UP,
  UE,
  beginX87,
  isSuppressed,
  masks,
  raised,
  withdraw,
} from "../x87/round";
import {
  arctangent,
  cosine,
  exponential,
  isOutOfRange,
  loadConstant,
  logarithm,
  logarithmPlusOne,
  sine,
  tangent,
} from "../x87/transcendental";
import { environmentSize, loadEnvironment, restoreState, saveState, storeEnvironment } from "./x87_env";

/** Executes an instruction with opcode byte `insn.cc` (D8-DF, or 9B). */
export function x87(insn: Insn): void {
  const opcode = <u32>insn.cc;
  if (opcode == 0x9b) {
    fwait();
    return;
  }
  if ((cpu().cr0 & (CR0_EM | CR0_TS)) != 0) raiseNM();
  if ((insn.flags & (<u16>INSN_MEMORY)) != 0) memoryForm(insn, opcode & 7, ((<u32>insn.modrm) >> 3) & 7);
  else registerForm(insn, opcode & 7, ((<u32>insn.modrm) >> 3) & 7, (<u32>insn.modrm) & 7);
}

/** Raises #MF if an unmasked exception is pending: what every waiting instruction begins with. */
function raisePending(): void {
  if (((<u32>cpu().x87Status) & STATUS_ERROR_SUMMARY) != 0 && (cpu().cr0 & CR0_NE) != 0) raise(VECTOR_MF);
}

/** WAIT, FWAIT. */
function fwait(): void {
  if ((cpu().cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) raiseNM();
  raisePending();
}

/** Begins a waiting instruction that is not a control instruction: pending exception, pointers, environment. */
function begin(insn: Insn): void {
  raisePending();
  beginX87(cpu().x87Control);
  setOperandWasDenormal(false);
}

/** Notes which instruction was the last (FIP, FOP, FDP). Nothing may fault after this. */
function notePointers(insn: Insn): void {
  cpu().x87Ip = cpu().rip - <u64>insn.length;
  cpu().x87Cs = load<u16>(cpuBase(), CPU_SEGMENTS + SEG_CS * SEGMENT_SIZE);
  cpu().x87Opcode = <u16>((((<u32>insn.cc) & 7) << 8) | (<u32>insn.modrm));
}

function noteMemory(insn: Insn, address: u64): void {
  notePointers(insn);
  cpu().x87Dp = address;
  cpu().x87Ds = load<u16>(cpuBase() + <u32>insn.segment * SEGMENT_SIZE, CPU_SEGMENTS);
}

/** Bytes of the memory operand. */
function memorySize(insn: Insn, page: u32, reg: u32): u32 {
  switch (page) {
    case 1:
      if (reg < 4) return 4;
      return (reg & 1) != 0 ? 2 : environmentSize(insn);
    case 3:
      return reg < 4 ? 4 : 10;
    case 4:
      return 8;
    case 5:
      if (reg < 4) return 8;
      return reg == 7 ? 2 : environmentSize(insn) + 80;
    case 6:
      return 2;
    case 7:
      if (reg < 4) return 2;
      return (reg & 1) != 0 ? 8 : 10;
    default:
      return 4;
  }
}

/** True if the instruction writes its memory operand. */
function isStore(page: u32, reg: u32): bool {
  return (page & 1) != 0 && (reg == 2 || reg == 3 || reg >= 6 || (reg == 1 && page != 1));
}

/** D8-DF with a memory operand; `page` is the low three bits of the opcode, `reg` the ModRM field. */
function memoryForm(insn: Insn, page: u32, reg: u32): void {
  const address = linear(insn, memorySize(insn, page, reg), isStore(page, reg));
  switch (page) {
    case 0: // D8: f32 arithmetic
      begin(insn);
      fromFloat32(read<u32>(address));
      noteMemory(insn, address);
      arithmeticWithMemory(reg);
      return;
    case 2: // DA: i32 arithmetic
      begin(insn);
      fromInteger(read<i32>(address));
      noteMemory(insn, address);
      arithmeticWithMemory(reg);
      return;
    case 4: // DC: f64 arithmetic
      begin(insn);
      fromFloat64(read<u64>(address));
      noteMemory(insn, address);
      arithmeticWithMemory(reg);
      return;
    case 6: // DE: i16 arithmetic
      begin(insn);
      fromInteger(read<i16>(address));
      noteMemory(insn, address);
      arithmeticWithMemory(reg);
      return;
    case 1: // D9
      switch (reg) {
        case 0: // FLD m32fp
          begin(insn);
          fromFloat32(read<u32>(address));
          noteMemory(insn, address);
          checkLoaded();
          pushResult();
          return;
        case 2: // FST m32fp
        case 3: // FSTP m32fp
          begin(insn);
          storeFloat32(insn, address, reg == 3);
          return;
        case 4: // FLDENV
          raisePending();
          loadEnvironment(insn, address);
          return;
        case 5: // FLDCW
          raisePending();
          cpu().x87Control = <u16>(((<u32>read<u16>(address)) & 0x1f7f) | 0x40);
          updateErrorSummary();
          return;
        case 6: // FNSTENV
          storeEnvironment(insn, address);
          return;
        case 7: // FNSTCW
          write<u16>(address, cpu().x87Control);
          return;
        default:
          raiseUD();
          return;
      }
    case 3: // DB
      switch (reg) {
        case 0: // FILD m32int
          begin(insn);
          fromInteger(read<i32>(address));
          noteMemory(insn, address);
          pushResult();
          return;
        case 1: // FISTTP m32int
        case 2: // FIST m32int
        case 3: // FISTP m32int
          begin(insn);
          storeInteger<i32>(insn, address, reg == 1, reg != 2);
          return;
        case 5: {
          // FLD m80fp
          begin(insn);
          const mantissa = read<u64>(address);
          const signExponent = <u32>read<u16>(address + 8);
          noteMemory(insn, address);
          if (makeRoom()) push(mantissa, signExponent);
          return;
        }
        case 7: // FSTP m80fp
          begin(insn);
          storeFloat80(insn, address);
          return;
        default:
          raiseUD();
          return;
      }
    case 5: // DD
      switch (reg) {
        case 0: // FLD m64fp
          begin(insn);
          fromFloat64(read<u64>(address));
          noteMemory(insn, address);
          checkLoaded();
          pushResult();
          return;
        case 1: // FISTTP m64int
          begin(insn);
          storeInteger<i64>(insn, address, true, true);
          return;
        case 2: // FST m64fp
        case 3: // FSTP m64fp
          begin(insn);
          storeFloat64(insn, address, reg == 3);
          return;
        case 4: // FRSTOR
          raisePending();
          restoreState(insn, address);
          return;
        case 6: // FNSAVE
          saveState(insn, address);
          return;
        case 7: // FNSTSW m16
          write<u16>(address, cpu().x87Status);
          return;
        default:
          raiseUD();
          return;
      }
    default: // DF
      begin(insn);
      switch (reg) {
        case 0: // FILD m16int
          fromInteger(read<i16>(address));
          noteMemory(insn, address);
          pushResult();
          return;
        case 1: // FISTTP m16int
        case 2: // FIST m16int
        case 3: // FISTP m16int
          storeInteger<i16>(insn, address, reg == 1, reg != 2);
          return;
        case 4: // FBLD
          fromBcd(read<u64>(address), read<u16>(address + 8));
          noteMemory(insn, address);
          pushResult();
          return;
        case 5: // FILD m64int
          fromInteger(read<i64>(address));
          noteMemory(insn, address);
          pushResult();
          return;
        case 6: // FBSTP
          storeBcd(insn, address);
          return;
        default: // FISTP m64int
          storeInteger<i64>(insn, address, false, true);
          return;
      }
  }
}

/** D8-DF with a register operand ST(i). */
function registerForm(insn: Insn, page: u32, reg: u32, i: u32): void {
  switch (page) {
    case 0: // D8: ST(0) = ST(0) op ST(i)
      begin(insn);
      notePointers(insn);
      if (reg == 2 || reg == 3) compareRegisters(i, false, reg == 3 ? 1 : 0);
      else arithmetic(reg, i, 0, false);
      return;
    case 4: // DC: ST(i) = ST(0) op ST(i)
      begin(insn);
      notePointers(insn);
      if (reg == 2 || reg == 3) compareRegisters(i, false, reg == 3 ? 1 : 0);
      else arithmetic(reg, i, i, false);
      return;
    case 6: // DE: the same, and pop
      if (reg == 3 && i != 1) raiseUD();
      begin(insn);
      notePointers(insn);
      if (reg == 2) compareRegisters(i, false, 1);
      else if (reg == 3) compareRegisters(1, false, 2);
      else arithmetic(reg, i, i, true);
      return;
    case 1: // D9
      registerFormD9(insn, reg, i);
      return;
    case 2: // DA
      if (reg == 5 && i == 1) {
        begin(insn);
        notePointers(insn);
        compareRegisters(1, true, 2);
      } else if (reg < 4) {
        conditionalMove(insn, reg, i);
      } else {
        raiseUD();
      }
      return;
    case 3: // DB
      if (reg < 4) {
        conditionalMove(insn, reg | 4, i);
      } else if (reg == 4) {
        if (i == 2) {
          clearExceptions();
        } else if (i == 3) {
          initialiseX87();
        } else if (i > 4) {
          raiseUD();
        }
        // FENI, FDISI, FSETPM: 8087 and 80287 instructions, without effect since.
      } else if (reg == 5 || reg == 6) {
        begin(insn);
        notePointers(insn);
        compareToFlags(i, reg == 5, false);
      } else {
        raiseUD();
      }
      return;
    case 5: // DD
      switch (reg) {
        case 0: // FFREE
          raisePending();
          notePointers(insn);
          free(i);
          return;
        case 1: // FXCH, an alias
          exchange(insn, i);
          return;
        case 2: // FST ST(i)
        case 3: // FSTP ST(i)
          storeRegister(insn, i, reg == 3);
          return;
        case 4: // FUCOM
        case 5: // FUCOMP
          begin(insn);
          notePointers(insn);
          compareRegisters(i, true, reg == 5 ? 1 : 0);
          return;
        default:
          raiseUD();
          return;
      }
    default: // DF
      switch (reg) {
        case 0: // FFREEP
          raisePending();
          notePointers(insn);
          free(i);
          setTop(top() + 1);
          return;
        case 1: // FXCH, an alias
          exchange(insn, i);
          return;
        case 2: // FSTP, aliases
        case 3:
          storeRegister(insn, i, true);
          return;
        case 4: // FNSTSW AX
          if (i != 0) raiseUD();
          writeReg<u16>(0, cpu().x87Status);
          return;
        case 5: // FUCOMIP
        case 6: // FCOMIP
          begin(insn);
          notePointers(insn);
          compareToFlags(i, reg == 5, true);
          return;
        default:
          raiseUD();
          return;
      }
  }
}

/** D9 C0-FF. */
function registerFormD9(insn: Insn, reg: u32, i: u32): void {
  switch (reg) {
    case 0: {
      // FLD ST(i)
      begin(insn);
      notePointers(insn);
      if (isEmpty(i)) {
        if (stackUnderflow()) push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
        return;
      }
      const mantissa = stMantissa(i);
      const signExponent = stSignExponent(i);
      if (makeRoom()) push(mantissa, signExponent);
      return;
    }
    case 1:
      exchange(insn, i);
      return;
    case 2: // FNOP
      if (i != 0) raiseUD();
      raisePending();
      notePointers(insn);
      return;
    case 3: // FSTP, an alias
      storeRegister(insn, i, true);
      return;
    case 4:
      if (i == 2 || i == 3 || i > 5) raiseUD();
      begin(insn);
      notePointers(insn);
      if (i == 0) changeSign();
      else if (i == 1) absolute();
      else if (i == 4) test();
      else examine();
      return;
    case 5: // constants
      if (i == 7) raiseUD();
      begin(insn);
      notePointers(insn);
      loadConstant(i);
      beginX87(cpu().x87Control);
      if (makeRoom()) push(resultMantissa, resultSignExponent);
      return;
    default:
      begin(insn);
      notePointers(insn);
      transcendentalForm(((reg & 1) << 3) | i);
      return;
  }
}

/** D9 F0-FF. */
function transcendentalForm(which: u32): void {
  switch (which) {
    case 0x0: // F2XM1
      if (haveOperand(0)) {
        exponential(stMantissa(0), stSignExponent(0));
        resultToSt(0);
      }
      return;
    case 0x1: // FYL2X
      if (haveTwoThenPop()) {
        logarithm(stMantissa(1), stSignExponent(1), stMantissa(0), stSignExponent(0));
        resultToSt1AndPop();
      }
      return;
    case 0x2: // FPTAN
      tangentAndOne();
      return;
    case 0x3: // FPATAN
      if (haveTwoThenPop()) {
        arctangent(stMantissa(1), stSignExponent(1), stMantissa(0), stSignExponent(0));
        resultToSt1AndPop();
      }
      return;
    case 0x4: // FXTRACT
      exponentAndSignificand();
      return;
    case 0x5: // FPREM1
    case 0x8: // FPREM
      partialRemainder(which == 0x5);
      return;
    case 0x6: // FDECSTP
      setTop(top() - 1);
      setCondition(STATUS_C1, 0);
      return;
    case 0x7: // FINCSTP
      setTop(top() + 1);
      setCondition(STATUS_C1, 0);
      return;
    case 0x9: // FYL2XP1
      if (haveTwoThenPop()) {
        logarithmPlusOne(stMantissa(1), stSignExponent(1), stMantissa(0), stSignExponent(0));
        resultToSt1AndPop();
      }
      return;
    case 0xa: // FSQRT
      if (haveOperand(0)) {
        squareRoot(stMantissa(0), stSignExponent(0));
        resultToSt(0);
      }
      return;
    case 0xb: // FSINCOS
      sineAndCosine();
      return;
    case 0xc: // FRNDINT
      if (haveOperand(0)) {
        roundToIntegral(stMantissa(0), stSignExponent(0));
        resultToSt(0);
      }
      return;
    case 0xd: // FSCALE
      if (haveTwo(1, 0)) {
        scale(stMantissa(0), stSignExponent(0), stMantissa(1), stSignExponent(1));
        resultToSt(0);
      }
      return;
    case 0xe: // FSIN
    case 0xf: // FCOS
      setCondition(STATUS_C2, 0);
      if (!haveOperand(0)) return;
      if (isOutOfRange(stSignExponent(0)) && stMantissa(0) >> 63 != 0) {
        setCondition(STATUS_C1 | STATUS_C2, STATUS_C2);
        return;
      }
      if (which == 0xe) sine(stMantissa(0), stSignExponent(0));
      else cosine(stMantissa(0), stSignExponent(0));
      resultToSt(0);
      return;
  }
}

/** ST(i) = result, unless an unmasked fault forbids it; then the status. */
// prettier-ignore
@inline
function resultToSt(i: u32): void {
  if (!isSuppressed()) setSt(i, resultMantissa, resultSignExponent);
  commitRaised();
}

function resultToSt1AndPop(): void {
  if (!isSuppressed()) {
    setSt(1, resultMantissa, resultSignExponent);
    pop();
  }
  commitRaised();
}

/** Checks that ST(i) is in use; if not, does what stack underflow asks for with ST(i) as destination. */
function haveOperand(i: u32): bool {
  if (!isEmpty(i)) return true;
  if (stackUnderflow()) setStIndefinite(i);
  return false;
}

/** Checks ST(0) and ST(other); on underflow the destination becomes indefinite. */
function haveTwo(other: u32, destination: u32): bool {
  if (!isEmpty(0) && !isEmpty(other)) return true;
  if (stackUnderflow()) setStIndefinite(destination);
  return false;
}

/** Checks ST(0) and ST(1) for an instruction that stores to ST(1) and pops. */
function haveTwoThenPop(): bool {
  if (!isEmpty(0) && !isEmpty(1)) return true;
  if (stackUnderflow()) {
    setStIndefinite(1);
    pop();
  }
  return false;
}

/** Checks that there is room for a push; on overflow pushes the indefinite if that is masked. Clears C1. */
function makeRoom(): bool {
  if (isEmpty(7)) {
    setCondition(STATUS_C1, 0);
    return true;
  }
  if (stackOverflow()) push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
  return false;
}

/** Pushes what a load left as result. */
function pushResult(): void {
  if (!isEmpty(7)) {
    if (stackOverflow()) push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
    return;
  }
  // A denormal is loaded even if the exception is unmasked, a signaling NaN is not.
  if ((raised & ~masks & IE) == 0) push(resultMantissa, resultSignExponent);
  commitRaised();
}

/** FADD FMUL (FCOM FCOMP) FSUB FSUBR FDIV FDIVR of ST(0) and b, by the reg field. */
// prettier-ignore
@inline
function compute(reg: u32, a: u64, aSignExponent: u32, b: u64, bSignExponent: u32): void {
  if (reg == 0) add(a, aSignExponent, b, bSignExponent);
  else if (reg == 1) multiply(a, aSignExponent, b, bSignExponent);
  else if (reg == 4) subtract(a, aSignExponent, b, bSignExponent);
  else if (reg == 5) subtract(b, bSignExponent, a, aSignExponent);
  else if (reg == 6) divide(a, aSignExponent, b, bSignExponent);
  else divide(b, bSignExponent, a, aSignExponent);
}

function arithmetic(reg: u32, i: u32, destination: u32, thenPop: bool): void {
  if (!haveTwo(i, destination)) {
    if (thenPop && ((<u32>cpu().x87Control) & IE) != 0) pop();
    return;
  }
  compute(reg, stMantissa(0), stSignExponent(0), stMantissa(i), stSignExponent(i));
  const suppressed = isSuppressed();
  resultToSt(destination);
  if (thenPop && !suppressed) pop();
}

/** Arithmetic of ST(0) with the memory operand that a load left as result. */
function arithmeticWithMemory(reg: u32): void {
  const mantissa = resultMantissa;
  const signExponent = resultSignExponent;
  if (reg == 2 || reg == 3) {
    if (isEmpty(0)) {
      compareUnderflow(reg - 2);
      return;
    }
    finishCompare(compare(stMantissa(0), stSignExponent(0), mantissa, signExponent), reg - 2);
    return;
  }
  if (!haveOperand(0)) return;
  compute(reg, stMantissa(0), stSignExponent(0), mantissa, signExponent);
  resultToSt(0);
}

/** C3, C2, C0 of a comparison. */
// prettier-ignore
@inline
function conditionOf(order: u32): u32 {
  if (order == GREATER) return 0;
  if (order == LESS) return STATUS_C0;
  if (order == EQUAL) return STATUS_C3;
  return STATUS_C0 | STATUS_C2 | STATUS_C3;
}

/** Comparison with an empty register. */
function compareUnderflow(pops: u32): void {
  const masked = stackUnderflow();
  setCondition(STATUS_C0 | STATUS_C2 | STATUS_C3, conditionOf(UNORDERED));
  if (masked) for (let n: u32 = 0; n < pops; n++) pop();
}

function finishCompare(order: u32, pops: u32): void {
  setCondition(STATUS_C0 | STATUS_C2 | STATUS_C3, conditionOf(order));
  const suppressed = isSuppressed();
  commitRaised();
  if (!suppressed) for (let n: u32 = 0; n < pops; n++) pop();
}

/** FCOM, FUCOM and their popping forms. */
function compareRegisters(i: u32, quiet: bool, pops: u32): void {
  if (isEmpty(0) || isEmpty(i)) {
    compareUnderflow(pops);
    return;
  }
  const order = quiet
    ? compareQuiet(stMantissa(0), stSignExponent(0), stMantissa(i), stSignExponent(i))
    : compare(stMantissa(0), stSignExponent(0), stMantissa(i), stSignExponent(i));
  finishCompare(order, pops);
}

/** FCOMI, FUCOMI, FCOMIP, FUCOMIP. */
function compareToFlags(i: u32, quiet: bool, thenPop: bool): void {
  let order = UNORDERED;
  let suppressed = false;
  if (isEmpty(0) || isEmpty(i)) {
    suppressed = !stackUnderflow();
  } else {
    order = quiet
      ? compareQuiet(stMantissa(0), stSignExponent(0), stMantissa(i), stSignExponent(i))
      : compare(stMantissa(0), stSignExponent(0), stMantissa(i), stSignExponent(i));
    suppressed = isSuppressed();
    commitRaised();
  }
  let flags: u32 = 0;
  if (order == LESS) flags = FLAG_CF;
  else if (order == EQUAL) flags = FLAG_ZF;
  else if (order == UNORDERED) flags = FLAG_CF | FLAG_ZF | FLAG_PF;
  setFlagBits(FLAGS_STATUS, flags);
  if (thenPop && !suppressed) pop();
}

/** FCMOVcc: `which` 0-3 B, E, BE, U; 4-7 their opposites. */
function conditionalMove(insn: Insn, which: u32, i: u32): void {
  begin(insn);
  notePointers(insn);
  if (!haveTwo(i, 0)) return;
  setCondition(STATUS_C1, 0);
  // B, E, BE, U as condition codes 2, 4, 6, 10.
  const code: u32 = (which & 3) == 3 ? 10 : 2 * (which & 3) + 2;
  if (testCondition(code) == which < 4) setSt(0, stMantissa(i), stSignExponent(i));
}

/** FXCH. Empty registers are filled with the indefinite if that is masked. */
function exchange(insn: Insn, i: u32): void {
  begin(insn);
  notePointers(insn);
  if (isEmpty(0) || isEmpty(i)) {
    if (!stackUnderflow()) return;
    if (isEmpty(0)) setStIndefinite(0);
    if (isEmpty(i)) setStIndefinite(i);
  } else {
    setCondition(STATUS_C1, 0);
  }
  const mantissa = stMantissa(0);
  const signExponent = stSignExponent(0);
  setSt(0, stMantissa(i), stSignExponent(i));
  setSt(i, mantissa, signExponent);
}

/** FST ST(i), FSTP ST(i). */
function storeRegister(insn: Insn, i: u32, thenPop: bool): void {
  begin(insn);
  notePointers(insn);
  if (isEmpty(0)) {
    if (!stackUnderflow()) return;
    setStIndefinite(i);
  } else {
    setCondition(STATUS_C1, 0);
    setSt(i, stMantissa(0), stSignExponent(0));
  }
  if (thenPop) pop();
}

function changeSign(): void {
  if (!haveOperand(0)) return;
  setCondition(STATUS_C1, 0);
  setSt(0, stMantissa(0), stSignExponent(0) ^ SIGN);
}

function absolute(): void {
  if (!haveOperand(0)) return;
  setCondition(STATUS_C1, 0);
  setSt(0, stMantissa(0), stSignExponent(0) & ~SIGN);
}

/** FTST. */
function test(): void {
  if (isEmpty(0)) compareUnderflow(0);
  else finishCompare(compare(stMantissa(0), stSignExponent(0), 0, 0), 0);
}

/** FXAM. */
function examine(): void {
  const sign = (stSignExponent(0) & SIGN) != 0 ? STATUS_C1 : 0;
  const kind = isEmpty(0) ? STATUS_C3 | STATUS_C0 : classify(stMantissa(0), stSignExponent(0));
  setCondition(STATUS_CONDITION, kind | sign);
}

function partialRemainder(toNearest: bool): void {
  setCondition(STATUS_C2, 0);
  if (!haveTwo(1, 0)) return;
  remainder(stMantissa(0), stSignExponent(0), stMantissa(1), stSignExponent(1), toNearest);
  resultToSt(0);
  if (!remainderIsDone) return;
  let bits: u32 = remainderIsPartial ? STATUS_C2 : 0;
  if ((remainderQuotient & 1) != 0) bits |= STATUS_C1;
  if ((remainderQuotient & 2) != 0) bits |= STATUS_C3;
  if ((remainderQuotient & 4) != 0) bits |= STATUS_C0;
  setCondition(STATUS_CONDITION, bits);
}

/** Checks ST(0) in use and ST(7) free, for the instructions that replace one number by two. */
function haveOneAndRoom(): bool {
  if (!isEmpty(0) && isEmpty(7)) return true;
  if (isEmpty(0) ? stackUnderflow() : stackOverflow()) {
    setStIndefinite(0);
    push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
  }
  return false;
}

/** FXTRACT. */
function exponentAndSignificand(): void {
  if (!haveOneAndRoom()) return;
  extract(stMantissa(0), stSignExponent(0));
  if (!isSuppressed()) {
    setSt(0, extractedMantissa, extractedSignExponent);
    push(resultMantissa, resultSignExponent);
  }
  commitRaised();
}

/** FPTAN. */
function tangentAndOne(): void {
  setCondition(STATUS_C2, 0);
  if (!haveOneAndRoom()) return;
  if (isOutOfRange(stSignExponent(0)) && stMantissa(0) >> 63 != 0) {
    setCondition(STATUS_C1 | STATUS_C2, STATUS_C2);
    return;
  }
  tangent(stMantissa(0), stSignExponent(0));
  if (!isSuppressed()) {
    setSt(0, resultMantissa, resultSignExponent);
    // A NaN is pushed in place of the 1.
    if ((resultSignExponent & 0x7fff) == 0x7fff) push(resultMantissa, resultSignExponent);
    else push(INTEGER_BIT, 16383);
  }
  commitRaised();
}

/** FSINCOS. */
function sineAndCosine(): void {
  setCondition(STATUS_C2, 0);
  if (!haveOneAndRoom()) return;
  const mantissa = stMantissa(0);
  const signExponent = stSignExponent(0);
  if (isOutOfRange(signExponent) && mantissa >> 63 != 0) {
    setCondition(STATUS_C1 | STATUS_C2, STATUS_C2);
    return;
  }
  sine(mantissa, signExponent);
  const sineMantissa = resultMantissa;
  const sineSignExponent = resultSignExponent;
  cosine(mantissa, signExponent);
  if (!isSuppressed()) {
    setSt(0, sineMantissa, sineSignExponent);
    push(resultMantissa, resultSignExponent);
  }
  commitRaised();
}

/** FNCLEX. */
function clearExceptions(): void {
  cpu().x87Status &= <u16>~(EXCEPTIONS | STATUS_STACK_FAULT | STATUS_ERROR_SUMMARY | STATUS_BUSY);
}

/** True if a store to memory does not happen (the address is checked all the same): an unmasked fault, or unmasked overflow or underflow. Then nothing was rounded. */
function isStoreSuppressed(): bool {
  if ((raised & ~masks & (IE | DE | OE | UE)) == 0) return false;
  withdraw(PE | ROUNDED_UP);
  return true;
}

function storeFloat32(insn: Insn, address: u64, thenPop: bool): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) write<u32>(address, 0xffc0_0000);
    else checkWritable(address, 4);
    noteMemory(insn, address);
    if (stackUnderflow() && thenPop) pop();
    return;
  }
  const bits = toFloat32(stMantissa(0), stSignExponent(0));
  const suppressed = isStoreSuppressed();
  if (!suppressed) write<u32>(address, bits);
  else checkWritable(address, 4);
  finishStore(insn, address, thenPop && !suppressed);
}

function storeFloat64(insn: Insn, address: u64, thenPop: bool): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) write<u64>(address, 0xfff8_0000_0000_0000);
    else checkWritable(address, 8);
    noteMemory(insn, address);
    if (stackUnderflow() && thenPop) pop();
    return;
  }
  const bits = toFloat64(stMantissa(0), stSignExponent(0));
  const suppressed = isStoreSuppressed();
  if (!suppressed) write<u64>(address, bits);
  else checkWritable(address, 8);
  finishStore(insn, address, thenPop && !suppressed);
}

function storeFloat80(insn: Insn, address: u64): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) writeFloat80(address, INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
    else checkWritable(address, 10);
    noteMemory(insn, address);
    if (stackUnderflow()) pop();
    return;
  }
  writeFloat80(address, stMantissa(0), stSignExponent(0));
  finishStore(insn, address, true);
}

function storeInteger<T>(insn: Insn, address: u64, truncate: bool, thenPop: bool): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) write<T>(address, <T>(i64.MIN_VALUE >> (64 - 8 * sizeof<T>())));
    else checkWritable(address, sizeof<T>());
    noteMemory(insn, address);
    if (stackUnderflow() && thenPop) pop();
    return;
  }
  const value = truncate
    ? toIntegerTruncated(stMantissa(0), stSignExponent(0), 8 * sizeof<T>())
    : toInteger(stMantissa(0), stSignExponent(0), 8 * sizeof<T>());
  const suppressed = isStoreSuppressed();
  if (!suppressed) write<T>(address, <T>value);
  else checkWritable(address, sizeof<T>());
  finishStore(insn, address, thenPop && !suppressed);
}

/** FBSTP. */
function storeBcd(insn: Insn, address: u64): void {
  if (isEmpty(0)) {
    if (isStackFaultMasked()) writeFloat80(address, 0xc000_0000_0000_0000, 0xffff);
    else checkWritable(address, 10);
    noteMemory(insn, address);
    if (stackUnderflow()) pop();
    return;
  }
  const low = toBcd(stMantissa(0), stSignExponent(0));
  const suppressed = isStoreSuppressed();
  if (!suppressed) writeFloat80(address, low, bcdHigh);
  else checkWritable(address, 10);
  finishStore(insn, address, !suppressed);
}

// prettier-ignore
@inline
function isStackFaultMasked(): bool {
  return ((<u32>cpu().x87Control) & IE) != 0;
}

/** Writes ten bytes, having checked that all of them may be written. */
function writeFloat80(address: u64, mantissa: u64, signExponent: u32): void {
  checkWritable(address, 10);
  write<u64>(address, mantissa);
  write<u16>(address + 8, <u16>signExponent);
}

function finishStore(insn: Insn, address: u64, thenPop: bool): void {
  noteMemory(insn, address);
  commitRaised();
  if (thenPop) pop();
}

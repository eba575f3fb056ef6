/**
 * x87 arithmetic on the stack: operands are fetched and checked, x87/ computes, the result and the status are committed.
 */
import { FLAGS_STATUS, FLAG_CF, FLAG_PF, FLAG_ZF } from "../abi/state";
import { cpu } from "../state/cpu";
import { setFlagBits } from "../state/rflags";
import {
  STATUS_C0,
  STATUS_C1,
  STATUS_C2,
  STATUS_C3,
  STATUS_CONDITION,
  commitRaised,
  free,
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
} from "../state/x87";
import { EQUAL, GREATER, LESS, UNORDERED, classify, compare, compareQuiet } from "../x87/compare";
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
import { IE, isSuppressed } from "../x87/round";
import {
  arctangent,
  cosine,
  exponential,
  isOutOfRange,
  logarithm,
  logarithmPlusOne,
  sine,
  tangent,
} from "../x87/transcendental";

/** D9 F0-FF. */
export function transcendentalForm(which: u32): void {
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
export function haveOperand(i: u32): bool {
  if (!isEmpty(i)) return true;
  if (stackUnderflow()) setStIndefinite(i);
  return false;
}

/** Checks ST(0) and ST(other); on underflow the destination becomes indefinite. */
export function haveTwo(other: u32, destination: u32): bool {
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

export function arithmetic(reg: u32, i: u32, destination: u32, thenPop: bool): void {
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
export function arithmeticWithMemory(reg: u32): void {
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
export function compareRegisters(i: u32, quiet: bool, pops: u32): void {
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
export function compareToFlags(i: u32, quiet: bool, thenPop: bool): void {
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

/** FTST. */
export function test(): void {
  if (isEmpty(0)) compareUnderflow(0);
  else finishCompare(compare(stMantissa(0), stSignExponent(0), 0, 0), 0);
}

/** FXAM. */
export function examine(): void {
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

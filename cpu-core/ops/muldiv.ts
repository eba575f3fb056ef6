/** Multiplication and division. Two- and three-operand IMUL is translated; the rest is slow tier. */
import { RAX, RDX } from "../abi/state";
import { VECTOR_DE } from "../abi/vectors";
import { HAS_IMMEDIATE } from "../decode/decode";
import { Insn } from "../decode/insn";
import { Interpreter, setCarryOverflow, wide } from "../interpreter/backend";
import { raise } from "../interrupts/raise";
import { cpu, readReg, writeReg } from "../state/cpu";
import { FlagsOf, multiplyHigh, multiplyHighSigned } from "../state/rflags";
import { on } from "./backend";

const AX: u32 = RAX << 3;
const DX: u32 = RDX << 3;

/** IMUL dst, src and IMUL dst, src, imm. */
export function imul<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const other = insn.extra == HAS_IMMEDIATE ? b.constant<T>(insn.imm) : b.readRegister<T>(insn.dst);
  const product = b.multiplyLow<T>(other, src);
  b.writeRegister<T>(insn.dst, product);
  b.multiplyFlags<T>(other, src, product);
}

/** Leaves CF = OF = `lost`; SF, ZF, PF, AF are undefined and follow the low half. */
function setProductFlags(lost: bool, low: i64): void {
  setCarryOverflow(lost);
  cpu().flagsOp = FlagsOf.RESULT;
  cpu().flagsResult = low;
}

/** MUL src: rDX:rAX = rAX * src. */
export function mul<T>(insn: Insn): void {
  const src = on<Interpreter>().readDst<T>(insn);
  if (sizeof<T>() == 1) {
    const product = <u32>readReg<u8>(AX) * <u32>src;
    writeReg<u16>(AX, <u16>product);
    setProductFlags(product > 0xff, <i64>(<i8>product));
  } else if (sizeof<T>() == 8) {
    const a = readReg<u64>(AX);
    const high = multiplyHigh(a, <u64>src);
    const low = a * <u64>src;
    writeReg<u64>(AX, low);
    writeReg<u64>(DX, high);
    setProductFlags(high != 0, <i64>low);
  } else {
    const product = <u64>readReg<T>(AX) * <u64>src;
    const high = <T>(product >> (sizeof<T>() * 8));
    writeReg<T>(AX, <T>product);
    writeReg<T>(DX, high);
    setProductFlags(high != 0, wide<T>(<T>product));
  }
}

/** IMUL src: rDX:rAX = rAX * src, signed. */
export function imul1<T>(insn: Insn): void {
  const src = on<Interpreter>().readDst<T>(insn);
  if (sizeof<T>() == 1) {
    const product = <i32>(<i8>readReg<u8>(AX)) * <i32>(<i8>src);
    writeReg<u16>(AX, <u16>product);
    setProductFlags(<i32>(<i8>product) != product, <i64>(<i8>product));
  } else if (sizeof<T>() == 8) {
    const a = readReg<i64>(AX);
    const high = multiplyHighSigned(a, <i64>src);
    const low = a * <i64>src;
    writeReg<i64>(AX, low);
    writeReg<i64>(DX, high);
    setProductFlags(high != low >> 63, low);
  } else {
    const product = wide<T>(readReg<T>(AX)) * wide<T>(src);
    writeReg<T>(AX, <T>product);
    writeReg<T>(DX, <T>(product >> (sizeof<T>() * 8)));
    setProductFlags(wide<T>(<T>product) != product, wide<T>(<T>product));
  }
}


/** 128 by 64 bits, unsigned; the quotient must fit (high < divisor). Returns it and leaves the remainder. */
let remainder: u64 = 0;
function divide128(high: u64, low: u64, divisor: u64): u64 {
  if (high == 0) {
    remainder = low % divisor;
    return low / divisor;
  }
  let quotient: u64 = 0;
  let rest = high;
  for (let i = 63; i >= 0; i--) {
    const carry = rest >> 63;
    rest = (rest << 1) | ((low >> <u64>i) & 1);
    if (carry != 0 || rest >= divisor) {
      rest -= divisor;
      quotient |= <u64>1 << <u64>i;
    }
  }
  remainder = rest;
  return quotient;
}

/** DIV src. #DE if the divisor is 0 or the quotient does not fit. */
export function div<T>(insn: Insn): void {
  const divisor = <u64>on<Interpreter>().readDst<T>(insn);
  if (divisor == 0) raise(VECTOR_DE);
  if (sizeof<T>() == 1) {
    const dividend = <u64>readReg<u16>(AX);
    const quotient = dividend / divisor;
    if (quotient > 0xff) raise(VECTOR_DE);
    writeReg<u16>(AX, <u16>(quotient | ((dividend % divisor) << 8)));
  } else if (sizeof<T>() == 8) {
    const high = readReg<u64>(DX);
    if (high >= divisor) raise(VECTOR_DE);
    const quotient = divide128(high, readReg<u64>(AX), divisor);
    writeReg<u64>(AX, quotient);
    writeReg<u64>(DX, remainder);
  } else {
    const dividend = (<u64>readReg<T>(DX) << (sizeof<T>() * 8)) | <u64>readReg<T>(AX);
    const quotient = dividend / divisor;
    if (quotient >> (sizeof<T>() * 8) != 0) raise(VECTOR_DE);
    writeReg<T>(AX, <T>quotient);
    writeReg<T>(DX, <T>(dividend % divisor));
  }
}

/** IDIV src. */
export function idiv<T>(insn: Insn): void {
  const divisor = wide<T>(on<Interpreter>().readDst<T>(insn));
  if (divisor == 0) raise(VECTOR_DE);
  if (sizeof<T>() == 8) {
    let high = readReg<u64>(DX);
    let low = readReg<u64>(AX);
    const negative = <i64>high < 0;
    if (negative) {
      low = 0 - low;
      high = ~high + <u64>(low == 0);
    }
    const magnitude = divisor < 0 ? 0 - <u64>divisor : <u64>divisor;
    if (high >= magnitude) raise(VECTOR_DE);
    const quotient = divide128(high, low, magnitude);
    const rest = remainder;
    const negate = negative != divisor < 0;
    if (negate ? quotient > <u64>1 << 63 : quotient >> 63 != 0) raise(VECTOR_DE);
    writeReg<u64>(AX, negate ? 0 - quotient : quotient);
    writeReg<u64>(DX, negative ? 0 - rest : rest);
    return;
  }
  let dividend: i64;
  if (sizeof<T>() == 1) dividend = <i64>(<i16>readReg<u16>(AX));
  else if (sizeof<T>() == 2) dividend = <i64>(<i32>((<u32>readReg<u16>(DX) << 16) | <u32>readReg<u16>(AX)));
  else dividend = <i64>((<u64>readReg<u32>(DX) << 32) | <u64>readReg<u32>(AX));
  if (dividend == i64.MIN_VALUE && divisor == -1) raise(VECTOR_DE);
  const quotient = dividend / divisor;
  const rest = dividend % divisor;
  if (wide<T>(<T>quotient) != quotient) raise(VECTOR_DE);
  if (sizeof<T>() == 1) {
    writeReg<u16>(AX, <u16>((<u32>quotient & 0xff) | (<u32>rest << 8)));
  } else {
    writeReg<T>(AX, <T>quotient);
    writeReg<T>(DX, <T>rest);
  }
}

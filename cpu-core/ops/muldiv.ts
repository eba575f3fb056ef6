/** Multiplication and division. */
import { RAX, RDX } from "../abi/state";
import { HAS_IMMEDIATE } from "../decode/decode";
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { readReg, writeReg } from "../state/cpu";
import { FlagsOf } from "../state/rflags";
import { on } from "./backend";
import { divideSigned, divideUnsigned, quotient, remainder } from "./divide";

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

/** MUL src: rDX:rAX = rAX * src. */
export function mul<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readDst<T>(insn);
  const accumulator = b.readRegister<T>(AX);
  const low = b.multiplyLow<T>(accumulator, src);
  const high = b.multiplyHigh<T>(accumulator, src);
  b.writeRegister<T>(AX, low);
  b.writeRegister<T>(DX, high);
  b.setFlags<T>(FlagsOf.PRODUCT, high, high, low);
}

/** IMUL src: rDX:rAX = rAX * src, signed. */
export function imul1<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readDst<T>(insn);
  const accumulator = b.readRegister<T>(AX);
  const low = b.multiplyLow<T>(accumulator, src);
  b.writeRegister<T>(DX, b.multiplyHighSigned<T>(accumulator, src));
  b.writeRegister<T>(AX, low);
  b.multiplyFlags<T>(accumulator, src, low);
}

/** DIV src. #DE if the divisor is 0 or the quotient does not fit. */
export function div<B, T>(insn: Insn): void {
  const b = on<B>();
  const divisor = b.readDst<T>(insn);
  b.divideUnsigned<T>(b.readRegister<T>(DX), b.readRegister<T>(AX), divisor);
  b.writeRegister<T>(AX, b.quotient<T>());
  b.writeRegister<T>(DX, b.remainder<T>());
}

/** IDIV src. */
export function idiv<B, T>(insn: Insn): void {
  const b = on<B>();
  const divisor = b.readDst<T>(insn);
  b.divideSigned<T>(b.readRegister<T>(DX), b.readRegister<T>(AX), divisor);
  b.writeRegister<T>(AX, b.quotient<T>());
  b.writeRegister<T>(DX, b.remainder<T>());
}

// Byte operands have AX for dividend and product: slow tier.

/** MUL r/m8: AX = AL * src. */
export function mulByte(insn: Insn): void {
  const src = on<Interpreter>().readDst<u8>(insn);
  const product = <u32>readReg<u8>(AX) * <u32>src;
  writeReg<u16>(AX, <u16>product);
  on<Interpreter>().setFlags<u8>(FlagsOf.PRODUCT, <u8>(product >> 8), 0, <u8>product);
}

/** IMUL r/m8: AX = AL * src, signed. */
export function imulByte(insn: Insn): void {
  const src = on<Interpreter>().readDst<u8>(insn);
  const accumulator = readReg<u8>(AX);
  const product = <i32>(<i8>accumulator) * <i32>(<i8>src);
  writeReg<u16>(AX, <u16>product);
  on<Interpreter>().multiplyFlags<u8>(accumulator, src, <u8>product);
}

/** DIV r/m8: AL = AX / src, AH the remainder. */
export function divByte(insn: Insn): void {
  const divisor = on<Interpreter>().readDst<u8>(insn);
  const dividend = readReg<u16>(AX);
  divideUnsigned<u8>(<u8>(dividend >> 8), <u8>dividend, divisor);
  writeReg<u16>(AX, <u16>(<u32>quotient | (<u32>remainder << 8)));
}

/** IDIV r/m8. */
export function idivByte(insn: Insn): void {
  const divisor = on<Interpreter>().readDst<u8>(insn);
  divideSigned(<i64>(<i16>readReg<u16>(AX)), <i64>(<i8>divisor), 8);
  writeReg<u16>(AX, <u16>((<u32>quotient & 0xff) | (<u32>remainder << 8)));
}

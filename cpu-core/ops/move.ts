/** MOV and its relatives, LEA, conditional moves and sets, XCHG, stack operations on general registers. */
import { Insn } from "../decode/insn";
import { on } from "./backend";

/** MOV dst, src. */
export function mov<B, T>(insn: Insn): void {
  const b = on<B>();
  b.writeDst<T>(insn, b.readSrc<T>(insn));
}

/** MOVZX dst, src of width F. */
export function movzx<B, F, T>(insn: Insn): void {
  const b = on<B>();
  b.writeRegister<T>(insn.dst, b.zeroExtend<F, T>(b.readSrc<F>(insn)));
}

/** MOVSX, MOVSXD dst, src of width F. */
export function movsx<B, F, T>(insn: Insn): void {
  const b = on<B>();
  b.writeRegister<T>(insn.dst, b.signExtend<F, T>(b.readSrc<F>(insn)));
}

/** LEA dst, m. */
export function lea<B, T>(insn: Insn): void {
  const b = on<B>();
  b.writeRegister<T>(insn.dst, b.zeroExtend<u64, T>(b.effectiveAddress(insn)));
}

/** CMOVcc dst, src: the source is read either way, and a 32-bit destination is zero-extended either way. */
export function cmovcc<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const dst = b.readRegister<T>(insn.dst);
  b.writeRegister<T>(insn.dst, b.select<T>(b.condition(insn.cc & 15), src, dst));
}

/** SETcc dst. */
export function setcc<B>(insn: Insn): void {
  const b = on<B>();
  b.writeDst<u8>(insn, b.select<u8>(b.condition(insn.cc & 15), b.constant<u8>(1), b.constant<u8>(0)));
}

/** PUSH src. */
export function push<B, T>(insn: Insn): void {
  const b = on<B>();
  b.push<T>(b.readSrc<T>(insn));
}

/** XCHG dst, src: src is a register. */
export function xchg<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readRegister<T>(insn.src);
  const dst = b.readUpdate<T>(insn);
  b.writeUpdate<T>(insn, src);
  b.writeRegister<T>(insn.src, dst);
}

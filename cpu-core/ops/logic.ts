/** AND, OR, XOR, TEST, NOT. */
import { Insn } from "../decode/insn";
import { FlagsOf } from "../state/rflags";
import { on } from "./backend";

/** AND dst, src. */
export function and<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const result = b.and<T>(b.readUpdate<T>(insn), src);
  b.writeUpdate<T>(insn, result);
  b.setFlags<T>(FlagsOf.LOGIC, result, result, result);
}

/** OR dst, src. */
export function or<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const result = b.or<T>(b.readUpdate<T>(insn), src);
  b.writeUpdate<T>(insn, result);
  b.setFlags<T>(FlagsOf.LOGIC, result, result, result);
}

/** XOR dst, src. */
export function xor<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const result = b.xor<T>(b.readUpdate<T>(insn), src);
  b.writeUpdate<T>(insn, result);
  b.setFlags<T>(FlagsOf.LOGIC, result, result, result);
}

/** TEST dst, src. */
export function test<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const result = b.and<T>(b.readDst<T>(insn), src);
  b.setFlags<T>(FlagsOf.LOGIC, result, result, result);
}

/** NOT dst; no flags. */
export function not<B, T>(insn: Insn): void {
  const b = on<B>();
  b.writeUpdate<T>(insn, b.not<T>(b.readUpdate<T>(insn)));
}

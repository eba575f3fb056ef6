/** ADD, ADC, SUB, SBB, CMP, INC, DEC, NEG. SDM vol 2, each under its own name. */
import { Insn } from "../decode/insn";
import { FlagsOf } from "../state/rflags";
import { on } from "./backend";

/** ADD dst, src. */
export function add<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const sum = b.add<T>(dst, src);
  b.writeUpdate<T>(insn, sum);
  b.setFlags<T>(FlagsOf.ADD, dst, src, sum);
}

/** ADC dst, src. */
export function adc<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const sum = b.add<T>(b.add<T>(dst, src), b.carry<T>());
  b.writeUpdate<T>(insn, sum);
  b.setFlags<T>(FlagsOf.ADD, dst, src, sum);
}

/** SUB dst, src. */
export function sub<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const difference = b.sub<T>(dst, src);
  b.writeUpdate<T>(insn, difference);
  b.setFlags<T>(FlagsOf.SUB, dst, src, difference);
}

/** SBB dst, src. */
export function sbb<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const dst = b.readUpdate<T>(insn);
  const difference = b.sub<T>(b.sub<T>(dst, src), b.carry<T>());
  b.writeUpdate<T>(insn, difference);
  b.setFlags<T>(FlagsOf.SBB, dst, src, difference);
}

/** CMP dst, src. */
export function cmp<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  const dst = b.readDst<T>(insn);
  b.setFlags<T>(FlagsOf.SUB, dst, src, b.sub<T>(dst, src));
}

/** INC dst; CF stays. */
export function inc<B, T>(insn: Insn): void {
  const b = on<B>();
  const dst = b.readUpdate<T>(insn);
  const one = b.constant<T>(1);
  const sum = b.add<T>(dst, one);
  b.writeUpdate<T>(insn, sum);
  b.keepCarry();
  b.setFlags<T>(FlagsOf.INC, dst, one, sum);
}

/** DEC dst; CF stays. */
export function dec<B, T>(insn: Insn): void {
  const b = on<B>();
  const dst = b.readUpdate<T>(insn);
  const one = b.constant<T>(1);
  const difference = b.sub<T>(dst, one);
  b.writeUpdate<T>(insn, difference);
  b.keepCarry();
  b.setFlags<T>(FlagsOf.DEC, dst, one, difference);
}

/** NEG dst: 0 - dst. */
export function neg<B, T>(insn: Insn): void {
  const b = on<B>();
  const dst = b.readUpdate<T>(insn);
  const zero = b.constant<T>(0);
  const difference = b.sub<T>(zero, dst);
  b.writeUpdate<T>(insn, difference);
  b.setFlags<T>(FlagsOf.SUB, zero, dst, difference);
}

/** Near branches: Jcc, JMP, CALL, RET, and their indirect forms. */
import { Insn } from "../decode/insn";
import { on } from "./backend";

/** Jcc rel. */
export function jcc<B>(insn: Insn): void {
  const b = on<B>();
  b.jumpIf(b.condition(insn.cc & 15), insn);
}

/** JMP rel. */
export function jmp<B>(insn: Insn): void {
  on<B>().jump(insn);
}

/** CALL rel. */
export function call<B, T>(insn: Insn): void {
  const b = on<B>();
  b.checkJump(insn);
  b.push<T>(b.nextRip<T>());
  b.jump(insn);
}

/** JMP r/m. */
export function jmpIndirect<B, T>(insn: Insn): void {
  const b = on<B>();
  const target = b.readSrc<T>(insn);
  b.checkTarget<T>(target);
  b.jumpTo<T>(target);
}

/** CALL r/m. */
export function callIndirect<B, T>(insn: Insn): void {
  const b = on<B>();
  const target = b.readSrc<T>(insn);
  b.checkTarget<T>(target);
  b.push<T>(b.nextRip<T>());
  b.jumpTo<T>(target);
}

/** RET, RET imm16. */
export function ret<B, T>(insn: Insn): void {
  const b = on<B>();
  const target = b.top<T>();
  b.checkTarget<T>(target);
  b.releaseStack(sizeof<T>() + <u32>insn.imm);
  b.jumpTo<T>(target);
}

/** What translated code calls in the core. The list in module.ts gives each its place among the imports. */
import { Insn } from "../decode/insn";
import { translationAt } from "../interpreter/block";
import { perform } from "../ops/perform";
import { cpu } from "../state/cpu";
import { FlagOverride, getCF, overrideFlags, testCondition } from "../state/rflags";
import { hostOfCode } from "./region";

/** Executes the instruction in `insn` as the interpreter does. */
export function jit_perform(insn: u32): void {
  perform(changetype<Insn>(insn));
}

export function jit_condition(cc: u32): u32 {
  return <u32>testCondition(cc);
}

export function jit_carry(): u32 {
  return <u32>getCF();
}

/** Applies a FlagOverride, with the operand's bits << 8. */
export function jit_override(value: i64, packed: u32): void {
  overrideFlags(<FlagOverride>(packed & 0xff), value, packed >> 8);
}

/** The table slot + 1 of the translation that begins at RIP, or 0. */
export function jit_find(): u32 {
  const host = hostOfCode(cpu().rip);
  return host == 0 ? 0 : translationAt(host);
}

/** MOV to and from debug registers. SDM vol 3B "Debug Registers"; what they do: interrupts/debug.ts. */
import { CR4_DE } from "../abi/state";
import { Insn } from "../decode/insn";
import { debugRegister, DR7_GD, raiseGeneralDetect, setDebugRegister } from "../interrupts/debug";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { cpu, readReg, writeReg } from "../state/cpu";
import { requireCpl0 } from "./system";

/** Writable bits and those that read as 1. */
const DR6_BITS: u64 = 0xe00f;
const DR6_ONES: u64 = 0xffff_0ff0;
const DR7_BITS: u64 = 0xffff_23ff;
const DR7_ONES: u64 = 0x400;

/** Which register the instruction names, with all checks: DR4 and DR5 stand for DR6 and DR7 while CR4.DE is clear. */
function registerOf(insn: Insn): u32 {
  let number = <u32>insn.src;
  if (number > 7) raiseUD();
  if (number == 4 || number == 5) {
    if ((cpu().cr4 & CR4_DE) != 0) raiseUD();
    number += 2;
  }
  requireCpl0();
  if ((debugRegister(7) & DR7_GD) != 0) raiseGeneralDetect();
  return number;
}

/** MOV r, DRn. */
export function movFromDr<T>(insn: Insn): void {
  const number = registerOf(insn);
  writeReg<T>(<u32>insn.dst, <T>debugRegister(number));
}

/** MOV DRn, r. */
export function movToDr<T>(insn: Insn): void {
  const number = registerOf(insn);
  const value = <u64>readReg<T>(<u32>insn.dst);
  if (number >= 6 && value >> 32 != 0) raiseGP(0);
  if (number == 6) setDebugRegister(6, (value & DR6_BITS) | DR6_ONES);
  else if (number == 7) setDebugRegister(7, (value & DR7_BITS) | DR7_ONES);
  else setDebugRegister(number, value);
}

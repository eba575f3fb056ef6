/** MOV to and from debug registers. SDM vol 3B "Debug Registers". */
import { CPU_DR, CR4_DE } from "../abi/state";
import { Insn } from "../decode/insn";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { cpu, cpuBase, readReg, writeReg } from "../state/cpu";
import { requireCpl0 } from "./system";

/** MOV r, DRn and MOV DRn, r. QUIRK: breakpoints are kept but do not fire yet. */
export function movFromDr<T>(insn: Insn): void {
  requireCpl0();
  writeReg<T>(<u32>insn.dst, <T>load<u64>(debugRegister(insn), CPU_DR));
}

export function movToDr<T>(insn: Insn): void {
  requireCpl0();
  const value = <u64>readReg<T>(<u32>insn.dst);
  const number = <u32>insn.src;
  const at = debugRegister(insn);
  if (number >= 4) {
    if (value >> 32 != 0) raiseGP(0);
    if (number == 6 || number == 4) store<u64>(at, (value & 0xe00f) | 0xffff_0ff0, CPU_DR);
    else store<u64>(at, (value & 0xffff_2bff) | 0x400, CPU_DR);
  } else {
    store<u64>(at, value, CPU_DR);
  }
}

function debugRegister(insn: Insn): usize {
  let number = <u32>insn.src;
  if (number > 7) raiseUD();
  if (number == 4 || number == 5) {
    if ((cpu().cr4 & CR4_DE) != 0) raiseUD();
    number += 2;
  }
  return cpuBase() + (number << 3);
}

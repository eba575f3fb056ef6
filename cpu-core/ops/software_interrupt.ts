/** INT n, INT3, INTO, INT1. SDM vol 2 "INT n/INTO/INT3/INT1". */
import { CR4_VME, FLAG_IF, FLAG_RF, FLAG_TF, FLAG_VIF, FLAG_VM, NO_ERROR_CODE, SEG_TR } from "../abi/state";
import { VECTOR_BP, VECTOR_DB, VECTOR_OF } from "../abi/vectors";
import { Insn } from "../decode/insn";
import { deliver, enterReal, Source } from "../interrupts/deliver";
import { raiseGP } from "../interrupts/raise";
import { readSystem } from "../mmu/access";
import { cpu } from "../state/cpu";
import { getOF, materializeFlags } from "../state/rflags";
import { attributesOf, baseOf, limitOf } from "../state/segments";
import { TYPE_WIDE } from "../state/task";
import { isVirtualised, virtualFlags } from "./flags";

/** Where the 32-bit TSS says where its I/O bitmap begins; the interrupt redirection bitmap, 32 bytes, ends there. */
const TSS_IO_MAP: u64 = 102;

/**
 * Whether CR4.VME and the interrupt redirection bitmap send INT `vector` to the 8086 program's own handler. SDM vol 3B "Software
 * Interrupt Handling Methods in Virtual-8086 Mode".
 */
function isRedirected(vector: u32): bool {
  if ((cpu().cr4 & CR4_VME) == 0) return false;
  if ((attributesOf(SEG_TR) & TYPE_WIDE) == 0 || limitOf(SEG_TR) < 103) raiseGP(0);
  const at = <u32>readSystem<u16>(baseOf(SEG_TR) + TSS_IO_MAP) - 32 + (vector >> 3);
  if (at > limitOf(SEG_TR)) raiseGP(0);
  return ((<u32>readSystem<u8>(baseOf(SEG_TR) + <u64>at) >> (vector & 7)) & 1) == 0;
}

/** INT n in virtual-8086 mode through the program's interrupt vector table, at linear address 0. */
function redirect(vector: u32): void {
  const offset = <u32>readSystem<u16>(vector << 2);
  const selector = <u32>readSystem<u16>((vector << 2) + 2);
  const virtualised = isVirtualised();
  enterReal(selector, offset, virtualised ? virtualFlags() : materializeFlags());
  cpu().rflags &= ~(FLAG_TF | FLAG_RF | (virtualised ? FLAG_VIF : FLAG_IF));
}

/** INT n: the only one that virtual-8086 mode makes depend on IOPL. */
export function int(insn: Insn): void {
  const vector = <u32>insn.imm;
  if ((cpu().rflags & FLAG_VM) != 0) {
    if (isRedirected(vector)) {
      redirect(vector);
      return;
    }
    if (isVirtualised()) raiseGP(0);
  }
  deliver(vector, Source.SOFTWARE, NO_ERROR_CODE);
}

export function int3(): void {
  deliver(VECTOR_BP, Source.SOFTWARE, NO_ERROR_CODE);
}

export function into(): void {
  if (getOF()) deliver(VECTOR_OF, Source.SOFTWARE, NO_ERROR_CODE);
}

/** INT1: as a hardware event, without a check of the gate's DPL. */
export function int1(): void {
  deliver(VECTOR_DB, Source.TRAP, NO_ERROR_CODE);
}

/**
 * What x87 instructions begin with: a pending unmasked exception is raised as #MF, and the pointers to the last instruction
 * and its operand are noted for FSTENV. SDM vol 1 "x87 FPU Instruction and Data (Operand) Pointers".
 */
import { CPU_SEGMENTS, CR0_NE, SEGMENT_SIZE, SEG_CS } from "../abi/state";
import { VECTOR_MF } from "../abi/vectors";
import { Insn } from "../decode/insn";
import { raise } from "../interrupts/raise";
import { effective } from "../state/address";
import { cpu, cpuBase } from "../state/cpu";
import { STATUS_ERROR_SUMMARY } from "../state/x87";
import { setOperandWasDenormal } from "../x87/float80";
import { beginX87 } from "../x87/round";

/**
 * Raises #MF if an unmasked exception is pending: what every waiting instruction begins with.
 * QUIRK: with CR0.NE clear nothing happens; a PC would raise IRQ 13.
 */
export function raisePending(): void {
  if (((<u32>cpu().x87Status) & STATUS_ERROR_SUMMARY) != 0 && (cpu().cr0 & CR0_NE) != 0) raise(VECTOR_MF);
}

/** Begins a waiting instruction that is not a control instruction: pending exception, pointers, environment. */
export function begin(insn: Insn): void {
  raisePending();
  beginX87(cpu().x87Control);
  setOperandWasDenormal(false);
}

/** Notes which instruction was the last (FIP, FOP, FDP). Nothing may fault after this. */
export function notePointers(insn: Insn): void {
  cpu().x87Ip = cpu().rip - <u64>insn.length;
  cpu().x87Cs = load<u16>(cpuBase(), CPU_SEGMENTS + SEG_CS * SEGMENT_SIZE);
  cpu().x87Opcode = <u16>((((<u32>insn.cc) & 7) << 8) | (<u32>insn.modrm));
}

export function noteMemory(insn: Insn): void {
  notePointers(insn);
  cpu().x87Dp = effective(insn);
  cpu().x87Ds = load<u16>(cpuBase() + <u32>insn.segment * SEGMENT_SIZE, CPU_SEGMENTS);
}

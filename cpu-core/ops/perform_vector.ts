/** From Op to meaning for x87 and vector instructions. */
import { Insn } from "../decode/insn";
import { raiseUD } from "../interrupts/raise";

/** Executes one x87, MMX or SSE instruction. */
export function performVector(insn: Insn): void {
  raiseUD();
}

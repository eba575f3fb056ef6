/** From Op to meaning for x87 and vector instructions. */
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { Op } from "./op";
import { performSimd } from "./simd";
import { performSimdRare } from "./simd_rare";
import { x87 } from "./x87";

/** Executes one x87, MMX or SSE instruction. */
export function performVector(insn: Insn): void {
  if ((<i32>insn.code) >> 2 == Op.X87) x87(insn);
  else if (!performSimd<Interpreter>(insn)) performSimdRare(insn);
}

/**
 * The vector opcode maps: rows chosen by opcode and mandatory prefix (0 none, 1 66, 2 F3, 3 F2). SDM vol 2 tables A-3
 * to A-5. A zero row is #UD.
 */
import { Op } from "../ops/op";
import { Form } from "./forms";

/** Two-byte map. `next` is the ModRM byte, for the opcodes that are groups (71-73, AE). */
export function simdRow0F(opcode: u32, prefix: u32, next: u32): u32 {
  return 0;
}

/** 0F 38 map. */
export function simdRow0F38(opcode: u32, prefix: u32): u32 {
  return 0;
}

/** 0F 3A map. */
export function simdRow0F3A(opcode: u32, prefix: u32): u32 {
  return 0;
}

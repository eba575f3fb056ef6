/**
 * How translated code leaves a region, and where it stands.
 *
 *     exitTo(delta)    before the instruction at `delta`: the interpreter or another region goes on there
 *     exitAtMiss()     before the current instruction: the interpreter executes it and what follows in its block
 *
 * Both set a few locals and branch to the region's end, where one copy of the code stores everything in CpuState. Calls and
 * indirect branches store it themselves (calls.ts).
 */
import { CPU_BUDGET, CPU_FLAGS_A, CPU_FLAGS_B, CPU_FLAGS_OP, CPU_FLAGS_RESULT, CPU_MISS, CPU_RIP } from "../abi/state";
import { Insn } from "../decode/insn";
import { Block } from "../interpreter/block";
import {
  branch,
  BUDGET,
  CPU,
  emit,
  ENTRY_RIP,
  EXIT_DELTA,
  FLAGS_A,
  FLAGS_B,
  FLAGS_KIND,
  FLAGS_RESULT,
  get,
  i32Const,
  i64Const,
  ifVoid,
  memoryOp,
  MISS,
  set,
  storeLocal,
} from "./emit";
import { applyOverride, IN_STATE, writeDynamic } from "./flags";
import { allAreDirty, spillRegisters } from "./registers";
import { W } from "./wasm_opcodes";

/** wasm blocks open around the code being written, within the region's outermost. */
let depth: u32 = 0;
/** Distances from the region's entry, in bytes: of the current instruction and of the next. */
export let currentDelta: i64 = 0;
export let nextDelta: i64 = 0;
let current: Insn = changetype<Insn>(0);
let block: Block = changetype<Block>(0);

export function openDepth(): u32 {
  return depth;
}
export function setOpenDepth(value: u32): void {
  depth = value;
}

/** A wasm block was opened, or closed, that structure.ts does not know of. */
export function openInner(change: i32): void {
  depth += change;
}

export function atBlock(value: Block): void {
  block = value;
}
export function atInsn(insn: Insn, start: i64): void {
  current = insn;
  nextDelta = start + <i64>insn.next;
  currentDelta = nextDelta - <i64>insn.length;
}
export function currentInsn(): Insn {
  return current;
}
export function currentBlock(): Block {
  return block;
}

/** Leaves for the code at `delta`; `inner` wasm blocks are open beyond those counted. */
export function exitTo(delta: i64, inner: u32): void {
  writeDynamic();
  i32Const(<u32>delta);
  set(EXIT_DELTA);
  branch(depth + inner);
}

/** Leaves before the current instruction, for the interpreter to execute it. */
export function exitAtMiss(inner: u32): void {
  i64Const(((<i64>changetype<usize>(block)) << 32) | <i64>changetype<usize>(current));
  set(MISS);
  exitTo(currentDelta, inner);
}

/** RIP = the entry's + delta. */
export function storeRip(delta: i64): void {
  get(CPU);
  get(ENTRY_RIP);
  i64Const(delta);
  emit(W.I64_ADD);
  memoryOp(W.I64_STORE, CPU_RIP);
}

/** The end of the region, where exits arrive. */
export function writeExit(): void {
  allAreDirty();
  spillRegisters();
  get(FLAGS_KIND);
  i32Const(IN_STATE);
  emit(W.I32_NE);
  ifVoid();
  storeLocal(W.I32_STORE, CPU_FLAGS_OP, FLAGS_KIND);
  storeLocal(W.I64_STORE, CPU_FLAGS_A, FLAGS_A);
  storeLocal(W.I64_STORE, CPU_FLAGS_B, FLAGS_B);
  storeLocal(W.I64_STORE, CPU_FLAGS_RESULT, FLAGS_RESULT);
  emit(W.END);
  applyOverride();
  get(CPU);
  get(ENTRY_RIP);
  get(EXIT_DELTA);
  emit(W.I64_EXTEND_I32_S);
  emit(W.I64_ADD);
  memoryOp(W.I64_STORE, CPU_RIP);
  storeLocal(W.I32_STORE, CPU_BUDGET, BUDGET);
  storeLocal(W.I64_STORE, CPU_MISS, MISS);
}

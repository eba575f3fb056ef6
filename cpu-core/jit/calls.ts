/**
 * Guest calls, returns and branches out of a region.
 *
 * A CALL whose target is translated becomes a wasm call: all of the state goes to CpuState, the callee's function runs, and
 * when it returns the caller goes on if RIP is where the guest would return to; otherwise it returns as well, down to the run
 * loop. Frames hold no guest state, so returning is always right. RET is then a plain return. Branches to other regions
 * and returns to nobody are tail calls.
 */
import { CPU_BLOCK_END, CPU_BUDGET, CPU_CALL_DEPTH, CPU_RIP } from "../abi/state";
import { Block } from "../interpreter/block";
import { BUDGET, call, CPU, emit, ENTRY_RIP, get, i32Const, i64Const, ifVoid, keep, loadState, memoryOp, newI32, storeLocal, tee } from "./emit";
import { flagsAreInState, spillFlags } from "./flags";
import { loadTlbLocals } from "./memory";
import { Import, Signature } from "./module";
import { dropCaches } from "./page_caches";
import { reloadRegisters, spillRegisters } from "./registers";
import { orVectorsRefused } from "./vectors";
import { byte, unsigned } from "./wasm_writer";
import { Type, W } from "./wasm_opcodes";

/** Nested calls of translated code: wasm frames take 100 to 900 bytes of the engine's stack. */
const MAX_CALL_DEPTH: u32 = 200;

/** Everything but RIP into CpuState. */
export function storeAll(): void {
  spillRegisters();
  spillFlags();
  storeLocal(W.I32_STORE, CPU_BUDGET, BUDGET);
}

/** Calls the table slot in `slot` + 1, as a tail call or not. */
function callSlot(slot: u32, isTail: bool): void {
  get(CPU);
  get(slot);
  i32Const(1);
  emit(W.I32_SUB);
  emit(isTail ? W.RETURN_CALL_INDIRECT : W.CALL_INDIRECT);
  unsigned(Signature.I32_VOID);
  unsigned(0);
}

/** With all state stored: goes on with the translation at RIP, if there is one. The function has returned after this. */
export function writeTailCall(): void {
  call(Import.FIND);
  const slot = keep<u32>();
  get(slot);
  ifVoid();
  callSlot(slot, true);
  emit(W.END);
  emit(W.RETURN);
}

/** Leaves in `slot` the callee's table slot + 1; returns from the function if there is none. */
function requireSlot(callee: Block): u32 {
  const slot = newI32();
  if (changetype<usize>(callee) != 0) {
    i32Const(<u32>changetype<usize>(callee) + <u32>offsetof<Block>("translation"));
    memoryOp(W.I32_LOAD, 0);
  } else {
    call(Import.FIND);
  }
  tee(slot);
  emit(W.I32_EQZ);
  loadState(W.I32_LOAD, CPU_CALL_DEPTH);
  i32Const(MAX_CALL_DEPTH);
  emit(W.I32_GE_U);
  emit(W.I32_OR);
  ifVoid();
  emit(W.RETURN);
  emit(W.END);
  return slot;
}

function addToDepth(value: i32): void {
  get(CPU);
  loadState(W.I32_LOAD, CPU_CALL_DEPTH);
  i32Const(value);
  emit(W.I32_ADD);
  memoryOp(W.I32_STORE, CPU_CALL_DEPTH);
}

/**
 * With all state stored and the return address pushed: calls, and goes on where the guest returns to, at `delta`, with
 * at least `length` instructions of budget; else returns. `callee` may be null: it is looked up then.
 */
export function writeCall(callee: Block, delta: i64, length: i32): void {
  const slot = requireSlot(callee);
  addToDepth(1);
  callSlot(slot, false);
  addToDepth(-1);
  loadState(W.I64_LOAD, CPU_RIP);
  get(ENTRY_RIP);
  i64Const(delta);
  emit(W.I64_ADD);
  emit(W.I64_NE);
  loadState(W.I32_LOAD, CPU_BLOCK_END);
  emit(W.I32_EQZ);
  emit(W.I32_OR);
  loadState(W.I32_LOAD, CPU_BUDGET);
  tee(BUDGET);
  i32Const(length);
  emit(W.I32_LT_S);
  emit(W.I32_OR);
  orVectorsRefused();
  byte(W.IF);
  byte(Type.NONE);
  emit(W.RETURN);
  emit(W.END);
  loadTlbLocals();
  dropCaches();
  reloadRegisters();
  flagsAreInState();
}

/** RIP = the value of a local. */
export function storeRipLocal(target: u32, isWide: bool): void {
  get(CPU);
  get(target);
  if (!isWide) emit(W.I64_EXTEND_I32_U);
  memoryOp(W.I64_STORE, CPU_RIP);
}


/** Translated code calls the interpreter for an instruction that has no translated form. */
import { CPU_BLOCK_END, CPU_BUDGET, CPU_INSN, CPU_RUN_BLOCK } from "../abi/state";
import { Insn, INSN_SIZE } from "../decode/insn";
import { storeAll } from "./calls";
import { BUDGET, call, CPU, emit, get, i32Const, ifVoid, loadState, memoryOp, storeState32 } from "./emit";
import { currentBlock, nextDelta, storeRip } from "./exits";
import { flagsAreInState } from "./flags";
import { loadTlbLocals } from "./memory";
import { Import } from "./module";
import { dropCaches } from "./page_caches";
import { firstInsn } from "./region";
import { reloadRegisters } from "./registers";
import { orVectorsRefused } from "./vectors";
import { W } from "./wasm_opcodes";

function storeRetired(count: u32): void {
  get(CPU);
  get(BUDGET);
  i32Const(count);
  emit(W.I32_SUB);
  memoryOp(W.I32_STORE, CPU_BUDGET);
}

/** Calls the interpreter's form of the instruction. True: the region ends with it. */
export function callInterpreter(insn: Insn, endsBlock: bool): bool {
  const first = <u32>firstInsn(currentBlock());
  const count = (<u32>changetype<usize>(insn) - first) / INSN_SIZE + 1;
  storeAll();
  storeRip(nextDelta);
  storeState32(CPU_INSN, <u32>changetype<usize>(insn));
  storeState32(CPU_RUN_BLOCK, first);
  i32Const(<u32>changetype<usize>(insn));
  call(Import.PERFORM);
  if (endsBlock) {
    storeRetired(count);
    emit(W.RETURN);
    return true;
  }
  // Code may have changed, an event come up, or the instruction want to begin anew: CpuState is right either way.
  loadState(W.I32_LOAD, CPU_BLOCK_END);
  emit(W.I32_EQZ);
  orVectorsRefused();
  ifVoid();
  storeRetired(count);
  emit(W.RETURN);
  emit(W.END);
  loadTlbLocals();
  dropCaches();
  reloadRegisters();
  flagsAreInState();
  return false;
}

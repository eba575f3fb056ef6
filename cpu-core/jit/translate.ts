/**
 * Hot blocks to wasm: a queue of blocks that became hot, translated together into one module (module.ts), each as a
 * function for the region that begins with it (region.ts, structure.ts).
 *
 *     function(cpu)
 *       return, if the budget does not last to the first look at it, or vector instructions may not be used
 *       load registers, TLB
 *       block                            exits branch out of it (exits.ts)
 *         nested blocks and loops        structure.ts
 *       end
 *       store everything; on to the next region, or return
 */
import { CPU_BLOCK_END, CPU_BUDGET, CPU_RIP } from "../abi/state";
import { unlinkModules } from "../host";
import { Block } from "../interpreter/block";
import { cpu } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import { writeTailCall } from "./calls";
import {
  BUDGET,
  emit,
  ENTRY_RIP,
  get,
  i32Const,
  ifVoid,
  loadState,
  MISS,
  releaseLocals,
  set,
  storeState32,
  tee,
  writeLocals,
} from "./emit";
import { writeExit } from "./exits";
import { flagsAreInState, forgetFlags } from "./flags";
import { forgetTargets, noteEntry } from "./jump_targets";
import { loadTlbLocals } from "./memory";
import { addFunction, beginModule, finishModule, MAX_FUNCTIONS } from "./module";
import { collect, hostOfCode, lastInsn, lengthOf, nrPages, pageOf } from "./region";
import { forgetRegisters, reloadRegisters } from "./registers";
import { writeRegion } from "./structure";
import { forgetVectors, orVectorsRefused } from "./vectors";
import { BODY_LIMIT, byte, position, seek } from "./wasm_writer";
import { Type, W } from "./wasm_opcodes";

/** Times a block is entered before it is translated; 0: never. */
let threshold: u32 = 0;

export function setThreshold(value: u32): void {
  threshold = value;
}

export function getThreshold(): u32 {
  return threshold;
}

const queuedBlocks: StaticArray<u32> = new StaticArray<u32>(16);
const queuedRips: StaticArray<u64> = new StaticArray<u64>(16);
let nrQueued: u32 = 0;

/** Regions that are linked: block of the entry and the pages that it covers. */
const MAX_REGIONS: u32 = 4096;
const regionEntries: StaticArray<u32> = new StaticArray<u32>(4096);
const regionPages: StaticArray<u32> = new StaticArray<u32>(4096 * 4);
let nrRegions: u32 = 0;

/** Forgets all translations; the blocks are gone or will be found untranslated. */
export function dropTranslations(): void {
  for (let i: u32 = 0; i < nrRegions; i++) dropRegion(i);
  forgetTargets();
  if (nrRegions != 0) unlinkModules();
  nrRegions = 0;
  nrQueued = 0;
}

function dropRegion(index: u32): void {
  const block = changetype<Block>(regionEntries[index]);
  if (changetype<usize>(block) == 0) return;
  block.translation = 0;
  block.hits = 0;
  regionEntries[index] = 0;
}

/** Drops the translations that cover any of the page. */
export function dropTranslationsOf(page: u32): void {
  for (let i: u32 = 0; i < nrRegions; i++) {
    for (let n: u32 = 0; n < 4; n++) {
      if (regionPages[i * 4 + n] == page) {
        dropRegion(i);
        break;
      }
    }
  }
}

function noteRegion(entry: Block): void {
  regionEntries[nrRegions] = <u32>changetype<usize>(entry);
  for (let n: u32 = 0; n < 4; n++) regionPages[nrRegions * 4 + n] = n < nrPages ? pageOf(n) : 0;
  nrRegions++;
}

function writeBody(rip: u64): void {
  writeLocals();
  loadState(W.I32_LOAD, CPU_BUDGET);
  tee(BUDGET);
  i32Const(lengthOf(0));
  emit(W.I32_LT_S);
  orVectorsRefused();
  ifVoid();
  emit(W.RETURN);
  emit(W.END);
  loadState(W.I64_LOAD, CPU_RIP);
  set(ENTRY_RIP);
  loadTlbLocals();
  reloadRegisters();
  flagsAreInState();
  emit(W.BLOCK);
  byte(Type.NONE);
  writeRegion(rip);
  emit(W.END);
  writeExit();
  get(MISS);
  emit(W.I64_EQZ);
  ifVoid();
  releaseLocals();
  writeTailCall();
  emit(W.END);
  // Every region that called this one returns too.
  storeState32(CPU_BLOCK_END, 0);
  emit(W.END);
}

/** Translates the region that begins with `entry`, at `rip`, into the module being written. False: no room. */
function translateRegion(entry: Block, rip: u64): bool {
  collect(entry, rip);
  forgetRegisters();
  forgetFlags();
  forgetVectors();
  const start = position();
  writeBody(rip);
  seek(start);
  writeBody(rip);
  return addFunction(start);
}

/** Translates what is queued. */
export function translateQueue(): void {
  if (nrQueued == 0) return;
  if (nrRegions + nrQueued > MAX_REGIONS) dropTranslations();
  const first = nrRegions;
  beginModule();
  for (let i: u32 = 0; i < nrQueued; i++) {
    const block = changetype<Block>(queuedBlocks[i]);
    const rip = queuedRips[i];
    block.hits = 0;
    if (block.host == 0 || block.translation != 0 || hostOfCode(rip) != block.host) continue;
    if (position() > BODY_LIMIT || !translateRegion(block, rip)) break;
    noteRegion(block);
  }
  nrQueued = 0;
  const count = nrRegions - first;
  if (count == 0) return;
  const slot = finishModule();
  if (slot < 0) {
    nrRegions = first;
    threshold = 0; // the engine has no room for more
    return;
  }
  for (let i: u32 = 0; i < count; i++) changetype<Block>(regionEntries[first + i]).translation = <u32>slot + 1 + i;
  cpu().countTranslations += count;
}

/** Counts an entry of the block by the interpreter; queues it when it is hot. */
export function heat(block: Block): void {
  noteEntry(block, lastInsn(block));
  if (++block.hits != threshold) return;
  if (block.codeMode != CODE_64 || block.host == 0) return;
  queuedBlocks[nrQueued] = <u32>changetype<usize>(block);
  queuedRips[nrQueued] = cpu().rip;
  if (++nrQueued == MAX_FUNCTIONS || threshold == 1) translateQueue();
}

/**
 * A region's control flow as nested blocks and loops of wasm, by dominator tree: Ramsey, "Beyond Relooper". Each node is
 * written once; where several forward edges meet, the node follows a block that they branch out of; a loop header is inside a
 * loop. An edge back to a node that does not dominate its source (a loop with two entries) leaves the region instead.
 *
 * Loop headers look whether the budget lasts until the next look; nothing else does.
 */
import { Insn, INSN_ENDS_BLOCK, INSN_SIZE, OPERAND_MEMORY } from "../decode/insn";
import { Block, blockAt } from "../interpreter/block";
import { Op } from "../ops/op";
import { performHot, performWarm } from "../ops/perform";
import { performSimd } from "../ops/simd";
import { ADDEND, TAG_EXECUTE, TLB_ENTRIES } from "../mmu/tlb";
import { CODE_64 } from "../state/mode";
import { Ending, ending, endingIsWide, endingLocal, setEnding, Translator } from "./backend";
import { storeAll, storeRipLocal, writeCall, writeTailCall } from "./calls";
import {
  branch,
  BUDGET,
  emit,
  ENTRY_RIP,
  GENERATION,
  get,
  i32Const,
  i64Const,
  ifVoid,
  keep,
  memoryOp,
  newI32,
  releaseLocals,
  set,
  tee,
  TLB_PART,
} from "./emit";
import { atBlock, atInsn, exitTo, nextDelta, openDepth, setOpenDepth, storeRip } from "./exits";
import { becomeDynamic, flagsAreDynamic, knownFlags, setKnownFlags } from "./flags";
import { callInterpreter } from "./interpret";
import { dropCaches, knownCaches, setKnownCaches } from "./page_caches";
import {
  blockOf,
  deltaOf,
  dominates,
  dominatorOf,
  fallOf,
  firstInsn,
  hostOfCode,
  isBackward,
  isHeader,
  isMerge,
  jumpOf,
  lastInsn,
  lengthOf,
  nodeAt,
  nrJumpsOf,
  nrNodes,
  positionOf,
  takenOf,
  targetDelta,
} from "./region";
import { allAreDirty, dirtyRegisters, setDirtyRegisters } from "./registers";
import { byte } from "./wasm_writer";
import { Type, W } from "./wasm_opcodes";

/** What the open wasm blocks are for, outermost first: the loop of a node, or the block that a node follows. */
const labels: StaticArray<i32> = new StaticArray<i32>(256);
const LOOP_OF: i32 = 0x1000;
const OTHER: i32 = 0x2000;
/** Registers changed on the ways to a merge node that are written already. */
const dirtyAt: StaticArray<u32> = new StaticArray<u32>(64);
let entryRip: u64 = 0;

function open(opcode: u32, label: i32): void {
  emit(opcode);
  byte(Type.NONE);
  labels[openDepth()] = label;
  setOpenDepth(openDepth() + 1);
}

function close(): void {
  emit(W.END);
  setOpenDepth(openDepth() - 1);
}

function branchToLabel(label: i32): void {
  for (let i: i32 = <i32>openDepth() - 1; i >= 0; i--) {
    if (labels[i] == label) {
      branch(openDepth() - 1 - i);
      return;
    }
  }
  unreachable();
}

/** Leaves for `delta` unless its page is mapped as it was when the region was chosen. */
function checkPage(delta: i32): void {
  const va = entryRip + <i64>delta;
  const host = hostOfCode(va);
  get(ENTRY_RIP);
  i64Const(delta);
  emit(W.I64_ADD);
  const rip = keep<u64>();
  const entry = newI32();
  get(rip);
  i64Const(7);
  emit(W.I64_SHR_U);
  emit(W.I32_WRAP_I64);
  i32Const((TLB_ENTRIES - 1) << 5);
  emit(W.I32_AND);
  get(TLB_PART);
  emit(W.I32_ADD);
  tee(entry);
  memoryOp(W.I64_LOAD, <u32>TAG_EXECUTE);
  get(rip);
  i64Const(~0xfff);
  emit(W.I64_AND);
  get(GENERATION);
  emit(W.I64_OR);
  emit(W.I64_NE);
  get(rip);
  emit(W.I32_WRAP_I64);
  get(entry);
  memoryOp(W.I32_LOAD, <u32>ADDEND);
  emit(W.I32_ADD);
  i32Const(host);
  emit(W.I32_NE);
  emit(W.I32_OR);
  ifVoid();
  exitTo(delta, 1);
  emit(W.END);
}

function samePage(a: i32, b: i32): bool {
  return (entryRip + <i64>a) >> 12 == (entryRip + <i64>b) >> 12;
}

/** Control goes from node `from` to `to`, at `delta`; -1: out of the region. */
function goTo(from: i32, to: i32, delta: i32): void {
  if (to < 0) {
    exitTo(delta, 0);
    return;
  }
  const backward = isBackward(from, to);
  if (backward && !dominates(to, from)) {
    exitTo(delta, 0);
    return;
  }
  releaseLocals();
  if (!samePage(deltaOf(from), delta)) checkPage(delta);
  if (backward) {
    becomeDynamic();
    branchToLabel(LOOP_OF | to);
  } else if (isMerge(to)) {
    becomeDynamic();
    dirtyAt[to] |= dirtyRegisters();
    branchToLabel(to);
  } else {
    writeTree(to);
  }
}

function translateInsn(insn: Insn): void {
  const op = <u32>insn.code >> 2;
  // POP to memory orders its address after the pop: the interpreter's form.
  const special = op == Op.POP && insn.dst == <u8>OPERAND_MEMORY;
  if (!special && (performHot<Translator>(insn) || performWarm<Translator>(insn) || performSimd<Translator>(insn))) return;
  if (callInterpreter(insn, (insn.flags & <u16>INSN_ENDS_BLOCK) != 0)) setEnding(Ending.LEFT);
}

function takeOffBudget(count: u32): void {
  get(BUDGET);
  i32Const(count);
  emit(W.I32_SUB);
  set(BUDGET);
}

/** The block that a direct CALL goes to, if it is decoded and surely mapped: it lies in the page of the region's entry. */
function calleeOf(delta: i32): Block {
  if (!samePage(0, delta)) return changetype<Block>(0);
  const host = hostOfCode(entryRip + <i64>delta);
  return host == 0 ? changetype<Block>(0) : blockAt(host, CODE_64);
}

/** Branches to the targets of an indirect jump that are in the region; for any other the code goes on. */
function writeJumps(node: i32): void {
  const target = endingLocal;
  const known = knownFlags();
  const caches = knownCaches();
  const dirty = dirtyRegisters();
  const count = nrJumpsOf(node);
  for (let n: u32 = 0; n < count; n++) {
    const to = jumpOf(node, n);
    get(target);
    get(ENTRY_RIP);
    i64Const(deltaOf(to));
    emit(W.I64_ADD);
    emit(W.I64_EQ);
    open(W.IF, OTHER);
    goTo(node, to, deltaOf(to));
    close();
    setKnownFlags(known);
    setKnownCaches(caches);
    setDirtyRegisters(dirty);
    setEnding(Ending.INDIRECT);
  }
}

function writeEnding(node: i32): void {
  const block = blockOf(node);
  const start = deltaOf(node);
  const fall = fallOf(node);
  const next = <i32>nextDelta;
  const op = <u32>lastInsn(block).code >> 2;
  // Writing the nodes that follow changes what the backend noted.
  const target = endingLocal;
  const isWide = endingIsWide;
  switch (ending) {
    case Ending.FALL:
      goTo(node, fall, next);
      return;
    case Ending.BRANCH: {
      const known = knownFlags();
      const caches = knownCaches();
      const dirty = dirtyRegisters();
      get(endingLocal);
      open(W.IF, OTHER);
      goTo(node, takenOf(node), targetDelta(block, start));
      close();
      setKnownFlags(known);
      setKnownCaches(caches);
      setDirtyRegisters(dirty);
      goTo(node, fall, next);
      return;
    }
    case Ending.JUMP: {
      const target = targetDelta(block, start);
      if (op != Op.CALL) {
        goTo(node, takenOf(node), target);
        return;
      }
      storeAll();
      storeRip(target);
      if (fall < 0) {
        writeTailCall();
        return;
      }
      writeCall(calleeOf(target), next, lengthOf(fall));
      goTo(node, fall, next);
      return;
    }
    case Ending.INDIRECT:
      if (op == Op.JMP_INDIRECT && isWide) writeJumps(node);
      storeRipLocal(target, isWide);
      storeAll();
      if (op == Op.RET) {
        emit(W.RETURN);
      } else if (op == Op.CALL_INDIRECT && fall >= 0) {
        writeCall(changetype<Block>(0), next, lengthOf(fall));
        goTo(node, fall, next);
      } else {
        writeTailCall();
      }
      return;
    case Ending.LEFT:
      return;
  }
}

function writeNode(node: i32): void {
  const block = blockOf(node);
  const first = firstInsn(block);
  atBlock(block);
  setEnding(Ending.FALL);
  for (let i: u32 = 0; i < block.nrInsns; i++) {
    const insn = changetype<Insn>(first + i * INSN_SIZE);
    releaseLocals();
    atInsn(insn, deltaOf(node));
    translateInsn(insn);
    if (ending == Ending.LEFT) return;
  }
  takeOffBudget(block.nrInsns);
  writeEnding(node);
}

/** Writes `node` inside the blocks that its merge nodes from `position` of the order on follow. */
function writeWithin(node: i32, position: i32): void {
  // The merge nodes that `node` dominates immediately: the last in the order is outermost.
  for (let i: i32 = position; i > positionOf(node); i--) {
    const child = nodeAt(i);
    if (!isMerge(child) || dominatorOf(child) != node) continue;
    open(W.BLOCK, child);
    writeWithin(node, i - 1);
    close();
    writeTree(child);
    return;
  }
  writeNode(node);
}

/** Writes `node` and all that it dominates. */
function writeTree(node: i32): void {
  if (isMerge(node)) {
    flagsAreDynamic();
    dropCaches();
    setDirtyRegisters(dirtyAt[node]);
  }
  if (!isHeader(node)) {
    writeWithin(node, <i32>nrNodes - 1);
    return;
  }
  becomeDynamic();
  dropCaches();
  allAreDirty();
  open(W.LOOP, LOOP_OF | node);
  get(BUDGET);
  i32Const(lengthOf(node));
  emit(W.I32_LT_S);
  ifVoid();
  exitTo(deltaOf(node), 1);
  emit(W.END);
  writeWithin(node, <i32>nrNodes - 1);
  close();
}

/** Writes the collected region, entered at its first node. */
export function writeRegion(rip: u64): void {
  entryRip = rip;
  setOpenDepth(0);
  dropCaches();
  for (let i: u32 = 0; i < nrNodes; i++) dirtyAt[i] = 0;
  writeTree(0);
}

/**
 * Hot blocks to wasm: choose a region, write it, have the host link it.
 *
 * A region is a set of blocks of one page that reach each other by direct branches, entered at its first block:
 *
 *     loop
 *       block .. block           one for each basic block of the region
 *         br_table NEXT
 *       end  code of block 0
 *       end  code of block 1 ...  each ends by setting NEXT and branching to the loop, or by returning
 *
 * All of it lies in one page, so RIP of each block is the entry's plus a constant, whatever address the page is mapped
 * at. Each block first checks that the budget and pending events let it run whole: what a region executes, and where it
 * stops, is exactly what the interpreter would.
 */
import { CPU_BUDGET, CPU_EVENTS, CPU_RUN_BLOCK } from "../abi/state";
import { Insn, INSN_ENDS_BLOCK, INSN_SIZE, OPERAND_MEMORY } from "../decode/insn";
import { linkModule } from "../host";
import { Block, BLOCK_HEADER_SIZE, blockAt } from "../interpreter/block";
import { Op } from "../ops/op";
import { performHot, performWarm } from "../ops/perform";
import { cpu } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import {
  beginBlock,
  beginInsn,
  beginRegion,
  callInterpreter,
  emit,
  endBlock,
  endInsn,
  exitBefore,
  get,
  hasEnded,
  i32Const,
  memoryOp,
  NEXT,
  Translator,
  writeEntry,
  writeLocals,
} from "./backend";
import { writeModule } from "./module";
import { Type, W } from "./wasm_opcodes";
import { BODY_BASE, BODY_LIMIT, byte, MODULE_BASE, position, seek, unsigned } from "./wasm_writer";

const MAX_BLOCKS: u32 = 24;
/**
 * Regions translated in one power-on, dropped ones included: each is a module of its own, about 30 KB and a mapping of the
 * engine's. After that the interpreter does the rest.
 */
const MAX_TRANSLATIONS: u64 = 2000;
const CPU: u32 = 0;

const region: StaticArray<u32> = new StaticArray<u32>(24);
let nrBlocks: u32 = 0;

/** Times a block is entered before it is translated; 0: never. */
let threshold: u32 = 0;

export function setThreshold(value: u32): void {
  threshold = value;
}

export function getThreshold(): u32 {
  return threshold;
}

/** Index in the region of the block at `host`, or -1; adds it if it is decoded and there is room. */
function indexOf(host: u32, entry: Block): i32 {
  if ((host ^ entry.host) >> 12 != 0) return -1;
  for (let i: u32 = 0; i < nrBlocks; i++) {
    if (changetype<Block>(region[i]).host == host) return i;
  }
  if (nrBlocks == MAX_BLOCKS) return -1;
  const found = blockAt(host, CODE_64);
  if (changetype<usize>(found) == 0) return -1;
  region[nrBlocks] = <u32>changetype<usize>(found);
  return nrBlocks++;
}

function lastInsn(block: Block): Insn {
  return changetype<Insn>(changetype<usize>(block) + BLOCK_HEADER_SIZE + (block.nrInsns - 1) * INSN_SIZE);
}

/** Where a direct branch at the end of the block goes, in linear memory; 0 if it does not end in one. */
function branchTarget(block: Block): u32 {
  const insn = lastInsn(block);
  const op = <u32>insn.code >> 2;
  if (op == Op.JCC || op == Op.JMP) return block.host + insn.next + <u32>insn.imm;
  return 0;
}

/** Whether control can run on into the bytes after the block. */
function fallsThrough(block: Block): bool {
  const insn = lastInsn(block);
  return (<u32>insn.code >> 2) == Op.JCC || (insn.flags & <u16>INSN_ENDS_BLOCK) == 0;
}

function translateInsn(insn: Insn): void {
  const op = <u32>insn.code >> 2;
  // POP to memory orders its address after the pop: the interpreter's form.
  const special = op == Op.POP && insn.dst == <u8>OPERAND_MEMORY;
  if (!special && (performHot<Translator>(insn) || performWarm<Translator>(insn))) return;
  callInterpreter(insn, (insn.flags & <u16>INSN_ENDS_BLOCK) != 0);
}

/** Writes one block; it is the `index`th of the region. */
function translateBlock(index: u32, entry: Block): void {
  const block = changetype<Block>(region[index]);
  const start = <i64>(<i32>(block.host - entry.host));
  const target = branchTarget(block);
  const taken = target != 0 ? indexOf(target, entry) : -1;
  const fall = fallsThrough(block) ? indexOf(block.host + block.bytes, entry) : -1;
  const first = changetype<usize>(block) + BLOCK_HEADER_SIZE;

  // Budget and events, as run() looks at them before each block.
  get(CPU);
  memoryOp(W.I32_LOAD, CPU_BUDGET);
  i32Const(block.nrInsns);
  emit(W.I32_LT_S);
  get(CPU);
  memoryOp(W.I32_LOAD, CPU_EVENTS);
  emit(W.I32_OR);
  emit(W.IF);
  byte(Type.NONE);
  exitBefore(start);
  emit(W.END);
  get(CPU);
  i32Const(<u32>first);
  memoryOp(W.I32_STORE, CPU_RUN_BLOCK);

  beginBlock(taken, fall, nrBlocks - 1 - index);
  for (let i: u32 = 0; i < block.nrInsns; i++) {
    const insn = changetype<Insn>(first + i * INSN_SIZE);
    beginInsn(insn, start + <i64>insn.next);
    translateInsn(insn);
    endInsn();
    if (hasEnded()) break;
  }
  endBlock();
}

/** Collects the region: the entry and what it reaches. */
function collect(entry: Block): void {
  nrBlocks = 0;
  region[nrBlocks++] = <u32>changetype<usize>(entry);
  for (let i: u32 = 0; i < nrBlocks; i++) {
    const block = changetype<Block>(region[i]);
    const target = branchTarget(block);
    if (target != 0) indexOf(target, entry);
    if (fallsThrough(block)) indexOf(block.host + block.bytes, entry);
  }
}

function writeBody(entry: Block, isFirstPass: bool): void {
  seek(BODY_BASE);
  writeLocals();
  beginRegion(isFirstPass);
  writeEntry();
  emit(W.LOOP);
  byte(Type.NONE);
  for (let i: u32 = 0; i < nrBlocks; i++) {
    emit(W.BLOCK);
    byte(Type.NONE);
  }
  get(NEXT);
  emit(W.BR_TABLE);
  unsigned(nrBlocks - 1);
  for (let i: u32 = 0; i < nrBlocks; i++) unsigned(i);
  for (let i: u32 = 0; i < nrBlocks; i++) {
    emit(W.END);
    if (position() > BODY_LIMIT) return;
    translateBlock(i, entry);
  }
  emit(W.END); // loop
  emit(W.END); // function
}

/** Translates the region that begins with `entry`; its translation is then in the block. */
export function translate(entry: Block): void {
  if (entry.codeMode != CODE_64 || entry.host == 0 || cpu().countTranslations >= MAX_TRANSLATIONS) return;
  collect(entry);
  writeBody(entry, true);
  writeBody(entry, false);
  if (position() > BODY_LIMIT) return;
  const length = writeModule(BODY_BASE, position() - BODY_BASE);
  const slot = linkModule(MODULE_BASE, length, 1);
  if (slot < 0) return;
  entry.translation = <u32>slot + 1;
  cpu().countTranslations += 1;
}

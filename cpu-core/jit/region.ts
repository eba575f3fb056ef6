/**
 * What is translated together: an entry block and the blocks that it reaches by direct branches and by returning from
 * calls, and how control flows among them.
 *
 *     nodes      the blocks, node 0 is the entry; `delta` is a block's distance from the entry in the address space
 *     edges      taken (Jcc, JMP) and fall (next instruction, also after a CALL); -1: leaves the region; and for an
 *                indirect JMP the targets that were seen (jump_targets.ts)
 *     order      reverse postorder, immediate dominators, loop headers and merge nodes, for structure.ts
 *
 * Blocks that never ran are not decoded and so not part of it. A region may span pages; an edge into another page than
 * its source's checks that the page is still mapped as it was (translate.ts).
 */
import { Insn, INSN_ENDS_BLOCK, INSN_SIZE } from "../decode/insn";
import { Block, BLOCK_HEADER_SIZE, blockAt } from "../interpreter/block";
import { ADDEND, TAG_EXECUTE, tlbEntry, wantedTag } from "../mmu/tlb";
import { Op } from "../ops/op";
import { CODE_64 } from "../state/mode";
import { nrTargetsOf, targetOf } from "./jump_targets";

export const MAX_NODES: u32 = 64;
export const MAX_PAGES: u32 = 4;
const MAX_INSNS: u32 = 800;
const NONE: i32 = -1;
/** Edges of all indirect jumps together. */
const MAX_JUMP_EDGES: u32 = 128;

const blocks: StaticArray<u32> = new StaticArray<u32>(64);
const deltas: StaticArray<i32> = new StaticArray<i32>(64);
const takens: StaticArray<i32> = new StaticArray<i32>(64);
const falls: StaticArray<i32> = new StaticArray<i32>(64);
/** Edges of indirect jumps: a node has those from firstJump on, nrJumps of them. */
const jumps: StaticArray<i32> = new StaticArray<i32>(128);
const firstJump: StaticArray<u32> = new StaticArray<u32>(64);
const nrJumps: StaticArray<u32> = new StaticArray<u32>(64);
let nrJumpEdges: u32 = 0;
/** Position in reverse postorder, or -1 while not reached. */
const positions: StaticArray<i32> = new StaticArray<i32>(64);
const order: StaticArray<i32> = new StaticArray<i32>(64);
const dominators: StaticArray<i32> = new StaticArray<i32>(64);
const forwardEdges: StaticArray<i32> = new StaticArray<i32>(64);
const headers: StaticArray<bool> = new StaticArray<bool>(64);
/** Most instructions from the node's start to the next place that looks at the budget. */
const lengths: StaticArray<i32> = new StaticArray<i32>(64);
const pages: StaticArray<u32> = new StaticArray<u32>(4);

export let nrNodes: u32 = 0;
export let nrPages: u32 = 0;
let nrInsns: u32 = 0;
let entryRip: u64 = 0;

export function blockOf(node: i32): Block {
  return changetype<Block>(blocks[node]);
}
export function deltaOf(node: i32): i32 {
  return deltas[node];
}
export function takenOf(node: i32): i32 {
  return takens[node];
}
export function fallOf(node: i32): i32 {
  return falls[node];
}
/** How many targets of the indirect jump that ends the node are in the region. */
export function nrJumpsOf(node: i32): u32 {
  return nrJumps[node];
}
export function jumpOf(node: i32, n: u32): i32 {
  return jumps[firstJump[node] + n];
}
export function positionOf(node: i32): i32 {
  return positions[node];
}
/** The node at `position` of the reverse postorder. */
export function nodeAt(position: i32): i32 {
  return order[position];
}
export function dominatorOf(node: i32): i32 {
  return dominators[node];
}
export function isHeader(node: i32): bool {
  return headers[node];
}
/** Whether several forward edges meet at the node. */
export function isMerge(node: i32): bool {
  return forwardEdges[node] > 1;
}
export function lengthOf(node: i32): i32 {
  return lengths[node];
}
/** The nth page of linear memory that the region's code lies in. */
export function pageOf(n: u32): u32 {
  return pages[n];
}

export function firstInsn(block: Block): usize {
  return changetype<usize>(block) + BLOCK_HEADER_SIZE;
}

export function lastInsn(block: Block): Insn {
  return changetype<Insn>(firstInsn(block) + (block.nrInsns - 1) * INSN_SIZE);
}

/** Where the code at `va` lies in linear memory, if the TLB knows; else 0. */
export function hostOfCode(va: u64): u32 {
  const entry = tlbEntry(va);
  if (load<u64>(entry, TAG_EXECUTE) != wantedTag(va, 1)) return 0;
  return <u32>va + load<u32>(entry, ADDEND);
}

function hasPage(host: u32): bool {
  const page = host & ~0xfff;
  for (let i: u32 = 0; i < nrPages; i++) if (pages[i] == page) return true;
  if (nrPages == MAX_PAGES) return false;
  pages[nrPages++] = page;
  return true;
}

/** The node of the block at `delta`; adds it if it is decoded and there is room. */
function nodeFor(delta: i32): i32 {
  for (let i: u32 = 0; i < nrNodes; i++) if (deltas[i] == delta) return i;
  if (nrNodes == MAX_NODES) return NONE;
  const host = hostOfCode(entryRip + <i64>delta);
  if (host == 0) return NONE;
  const block = blockAt(host, CODE_64);
  if (changetype<usize>(block) == 0 || nrInsns + block.nrInsns > MAX_INSNS || !hasPage(host)) return NONE;
  nrInsns += block.nrInsns;
  blocks[nrNodes] = <u32>changetype<usize>(block);
  deltas[nrNodes] = delta;
  return nrNodes++;
}

/** Distance from the entry of the target of the direct branch that ends `block`, which begins at `start`. */
export function targetDelta(block: Block, start: i32): i32 {
  const insn = lastInsn(block);
  return start + <i32>insn.next + <i32>insn.imm;
}

function collectJumps(node: i32): void {
  const block = blockOf(node);
  const count = nrTargetsOf(block);
  for (let n: u32 = 0; n < count && nrJumpEdges < MAX_JUMP_EDGES; n++) {
    const to = nodeFor(deltas[node] + targetOf(block, n));
    if (to == NONE) continue;
    jumps[nrJumpEdges++] = to;
    nrJumps[node]++;
  }
}

/** Collects the region that begins with `entry`, which is at linear address `rip`. */
export function collect(entry: Block, rip: u64): void {
  entryRip = rip;
  nrNodes = 0;
  nrPages = 0;
  nrInsns = 0;
  nrJumpEdges = 0;
  nodeFor(0);
  for (let i: u32 = 0; i < nrNodes; i++) {
    const block = blockOf(i);
    const insn = lastInsn(block);
    const op = <u32>insn.code >> 2;
    const start = deltas[i];
    const next = start + <i32>block.bytes;
    takens[i] = NONE;
    falls[i] = NONE;
    firstJump[i] = nrJumpEdges;
    nrJumps[i] = 0;
    if (op == Op.JMP) {
      takens[i] = nodeFor(targetDelta(block, start));
    } else if (op == Op.JCC) {
      falls[i] = nodeFor(next);
      takens[i] = nodeFor(targetDelta(block, start));
    } else if (op == Op.JMP_INDIRECT) {
      collectJumps(i);
    } else if (op == Op.CALL || op == Op.CALL_INDIRECT || (insn.flags & <u16>INSN_ENDS_BLOCK) == 0) {
      falls[i] = nodeFor(next);
    }
  }
  sort();
  dominate();
  classify();
  measure();
}

let sorted: i32 = 0;

function visit(node: i32): void {
  positions[node] = 0;
  for (let n: u32 = 0; n < nrJumps[node]; n++) {
    const to = jumpOf(node, n);
    if (positions[to] < 0) visit(to);
  }
  // The fall-through last, so that it comes first in the order.
  const taken = takens[node];
  if (taken >= 0 && positions[taken] < 0) visit(taken);
  const fall = falls[node];
  if (fall >= 0 && positions[fall] < 0) visit(fall);
  order[--sorted] = node;
}

/** Reverse postorder. Every node is reached: it was added for an edge to it. */
function sort(): void {
  for (let i: u32 = 0; i < nrNodes; i++) positions[i] = -1;
  sorted = nrNodes;
  visit(0);
  for (let i: u32 = 0; i < nrNodes; i++) positions[order[i]] = i;
}

function intersect(a: i32, b: i32): i32 {
  while (a != b) {
    while (positions[a] > positions[b]) a = dominators[a];
    while (positions[b] > positions[a]) b = dominators[b];
  }
  return a;
}

function meet(from: i32, to: i32): bool {
  if (to < 0 || dominators[from] < 0) return false;
  const current = dominators[to];
  const next = current < 0 ? from : intersect(current, from);
  if (to == 0 || next == current) return false;
  dominators[to] = next;
  return true;
}

/** Immediate dominators. Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
function dominate(): void {
  for (let i: u32 = 0; i < nrNodes; i++) dominators[i] = -1;
  dominators[0] = 0;
  let changed = true;
  while (changed) {
    changed = false;
    for (let i: u32 = 0; i < nrNodes; i++) {
      const node = order[i];
      if (meet(node, takens[node])) changed = true;
      if (meet(node, falls[node])) changed = true;
      for (let n: u32 = 0; n < nrJumps[node]; n++) if (meet(node, jumpOf(node, n))) changed = true;
    }
  }
}

export function dominates(a: i32, b: i32): bool {
  while (positions[b] > positions[a]) b = dominators[b];
  return a == b;
}

/** Whether the edge goes back, to a node that is not later in the order. */
export function isBackward(from: i32, to: i32): bool {
  return positions[to] <= positions[from];
}

function countEdge(from: i32, to: i32): void {
  if (to < 0) return;
  if (!isBackward(from, to)) forwardEdges[to]++;
  else if (dominates(to, from)) headers[to] = true;
}

function classify(): void {
  for (let i: u32 = 0; i < nrNodes; i++) {
    forwardEdges[i] = 0;
    headers[i] = false;
  }
  for (let i: u32 = 0; i < nrNodes; i++) {
    countEdge(i, takens[i]);
    countEdge(i, falls[i]);
    for (let n: u32 = 0; n < nrJumps[i]; n++) countEdge(i, jumpOf(i, n));
  }
}

function lengthAfter(from: i32, to: i32): i32 {
  return to < 0 || isBackward(from, to) || headers[to] ? 0 : lengths[to];
}

function measure(): void {
  for (let i: i32 = nrNodes - 1; i >= 0; i--) {
    const node = order[i];
    const block = blockOf(node);
    const op = <u32>lastInsn(block).code >> 2;
    let rest: i32 = 0;
    // After a call the budget is looked at again.
    if (op != Op.CALL && op != Op.CALL_INDIRECT) rest = max(lengthAfter(node, takens[node]), lengthAfter(node, falls[node]));
    for (let n: u32 = 0; n < nrJumps[node]; n++) rest = max(rest, lengthAfter(node, jumpOf(node, n)));
    lengths[node] = <i32>block.nrInsns + rest;
  }
}

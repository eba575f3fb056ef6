/**
 * Where indirect jumps went while they were interpreted: a region that ends in one takes the targets seen in, so that a switch
 * in a loop, an interpreter's dispatch say, stays in one function.
 *
 *     a slot for a block that ends in JMP r/m:  block u32 | count u32 | distances of targets from the block's start, i32 each
 */
import { Insn } from "../decode/insn";
import { Block } from "../interpreter/block";
import { Op } from "../ops/op";
import { cpu } from "../state/cpu";

export const MAX_TARGETS: u32 = 24;
const NR_SLOTS: u32 = 512;
const SLOT_WORDS: u32 = 2 + MAX_TARGETS;
const slots: StaticArray<u32> = new StaticArray<u32>(512 * 26);

/** The block interpreted last, if it ended in an indirect jump, and where it was. */
let jumped: u32 = 0;
let jumpedRip: u64 = 0;

function slotOf(block: u32): u32 {
  return ((block >> 5) & (NR_SLOTS - 1)) * SLOT_WORDS;
}

/** Forgets everything: the blocks are gone. */
export function forgetTargets(): void {
  for (let i: u32 = 0; i < NR_SLOTS; i++) slots[i * SLOT_WORDS] = 0;
  jumped = 0;
}

/** Control came from elsewhere. */
export function forgetJump(): void {
  jumped = 0;
}

/** The interpreter enters `block`, at RIP; `last` is its last instruction. */
export function noteEntry(block: Block, last: Insn): void {
  if (jumped != 0) noteTarget(<i32>(cpu().rip - jumpedRip));
  if ((<u32>last.code) >> 2 == Op.JMP_INDIRECT) {
    jumped = <u32>changetype<usize>(block);
    jumpedRip = cpu().rip;
  } else {
    jumped = 0;
  }
}

function noteTarget(distance: i32): void {
  const slot = slotOf(jumped);
  if (slots[slot] != jumped) {
    slots[slot] = jumped;
    slots[slot + 1] = 0;
  }
  const count = slots[slot + 1];
  for (let i: u32 = 0; i < count; i++) if (<i32>slots[slot + 2 + i] == distance) return;
  if (count == MAX_TARGETS) return;
  slots[slot + 2 + count] = <u32>distance;
  slots[slot + 1] = count + 1;
}

/** How many targets of the jump at the end of `block` are known. */
export function nrTargetsOf(block: Block): u32 {
  const slot = slotOf(<u32>changetype<usize>(block));
  return slots[slot] == <u32>changetype<usize>(block) ? slots[slot + 1] : 0;
}

/** The nth one's distance from the start of the block. */
export function targetOf(block: Block, n: u32): i32 {
  return <i32>slots[slotOf(<u32>changetype<usize>(block)) + 2 + n];
}

/**
 * Decoded blocks: runs of Insns cached by where their bytes lie in linear memory and by code size.
 *
 *     page heads      one word a page: the first block in it
 *     hash table      BLOCK_SLOTS words: block by address of its first byte
 *     arena           blocks one after another; when it is full everything is dropped
 *
 * A block ends at a control transfer, at the end of its page, or after MAX_INSNS. An instruction that crosses into
 * the next page is decoded alone each time, into `crossing`: it depends on two pages, and is rare.
 *
 * The page flag PAGE_HAS_CODE keeps stores to such a page off the TLB's fast path; the slow path calls
 * invalidateCode(), which drops exactly the blocks whose bytes were hit.
 */
import { BLOCKS_BASE, BLOCKS_SIZE, PAGE_HAS_CODE, ROM_BASE } from "../abi/layout";
import { CPU_SEGMENTS, SEG_CS, SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_SIZE } from "../abi/state";
import { decode, Decoded } from "../decode/decode";
import { Insn, INSN_ENDS_BLOCK, INSN_SIZE } from "../decode/insn";
import { raiseGP } from "../interrupts/raise";
import { dropTranslations, dropTranslationsOf } from "../jit/translate";
import { checkCanonical, translate } from "../mmu/access";
import { isVram, pageFlags } from "../mmu/physical";
import { ADDEND, forbidDirectWrites, TAG_EXECUTE, tlbEntry, wantedTag } from "../mmu/tlb";
import { Access } from "../mmu/walk";
import { cpu, cpuBase } from "../state/cpu";
import { CODE_64 } from "../state/mode";

/** Header of a block; its Insns follow. */
// prettier-ignore
@unmanaged @final
export class Block {
  /** Address of the first byte in linear memory; 0 once invalid. */
  host: u32;
  codeMode: u32;
  nrInsns: u32;
  /** Bytes of code covered. */
  bytes: u32;
  nextInPage: u32;
  /** Times entered; the translator's measure of heat. */
  hits: u32;
  /** Table slot of its translation + 1, or 0. */
  translation: u32;
  flags: u32;
}

export const BLOCK_HEADER_SIZE: u32 = 32;
const MAX_INSNS: u32 = 64;
const PAGES: u32 = 1 << 20;
const HEADS_BASE: u32 = BLOCKS_BASE;
const BLOCK_SLOTS: u32 = 1 << 16;
const SLOTS_BASE: u32 = HEADS_BASE + PAGES * 4;
const ARENA_BASE: u32 = SLOTS_BASE + BLOCK_SLOTS * 4;
/** Room for one block that is never kept: page-crossing instructions, code in video memory. */
const CROSSING_BASE: u32 = BLOCKS_BASE + BLOCKS_SIZE - 8192;
const CROSSING_BYTES: u32 = CROSSING_BASE + 4096;
const ARENA_END: u32 = CROSSING_BASE;
const MAX_BLOCK_BYTES: u32 = BLOCK_HEADER_SIZE + MAX_INSNS * INSN_SIZE;

let arenaNext: u32 = ARENA_BASE;

/** Drops every block. */
export function dropAllBlocks(): void {
  dropTranslations();
  memory.fill(HEADS_BASE, 0, PAGES * 4 + BLOCK_SLOTS * 4);
  arenaNext = ARENA_BASE;
}

// prettier-ignore
@inline
function slotOf(host: u32, codeMode: u32): usize {
  return SLOTS_BASE + (((host ^ (host >> 14) ^ (codeMode << 7)) & (BLOCK_SLOTS - 1)) << 2);
}

// prettier-ignore
@inline
function headOf(host: u32): usize {
  return HEADS_BASE + (((host - ROM_BASE) >> 12) << 2);
}

/** The block at RIP; decodes it if need be. Raises #PF, #GP. */
// prettier-ignore
@inline
export function findBlock(): Block {
  const codeMode = cpu().mode;
  return codeMode == CODE_64 ? blockOf(cpu().rip, CODE_64) : findLegacyBlock(codeMode);
}

// prettier-ignore
@inline
function blockOf(va: u64, codeMode: u32): Block {
  const entry = tlbEntry(va);
  let host: u32;
  if (load<u64>(entry, TAG_EXECUTE) == wantedTag(va, 1)) host = <u32>va + load<u32>(entry, ADDEND);
  else host = fetchAddress(va);
  const block = changetype<Block>(load<u32>(slotOf(host, codeMode)));
  if (changetype<usize>(block) != 0 && block.host == host && block.codeMode == codeMode) return block;
  return lookUp(host, codeMode, va);
}

/** The instruction at RIP. */
export function findInsn(): Insn {
  return changetype<Insn>(changetype<usize>(findBlock()) + BLOCK_HEADER_SIZE);
}

/** findBlock() where CS has a limit: #GP(0) beyond it. */
function findLegacyBlock(codeMode: u32): Block {
  const eip = <u32>cpu().rip;
  const limit = load<u32>(codeSegment(), SEGMENT_LIMIT);
  if (eip > limit) raiseGP(0);
  const va = codeAddress();
  const block = blockOf(va, codeMode);
  // A block that runs over the limit is executed one instruction at a time.
  return limit - eip < block.bytes - 1 ? decodeWithin(fetchAddress(va), codeMode, va, limit - eip + 1) : block;
}

/** Linear address of CS:RIP. */
export function codeAddress(): u64 {
  if (cpu().mode == CODE_64) return cpu().rip;
  return (load<u64>(codeSegment(), SEGMENT_BASE) + <u64>(<u32>cpu().rip)) & 0xffff_ffff;
}

// prettier-ignore
@inline
function codeSegment(): usize {
  return cpuBase() + CPU_SEGMENTS + SEG_CS * SEGMENT_SIZE;
}

function fetchAddress(va: u64): u32 {
  checkCanonical(va);
  const host = translate(va, Access.EXECUTE);
  // Code in a device's registers: no such board. An empty bus reads all ones, which is no instruction.
  if (host == 0) {
    memory.fill(CROSSING_BYTES, 0xff, 16);
    return CROSSING_BYTES;
  }
  return host;
}

/** The decoded block whose bytes begin at `host`, or null. */
export function blockAt(host: u32, codeMode: u32): Block {
  let at = host >= ROM_BASE ? load<u32>(headOf(host)) : 0;
  while (at != 0) {
    const block = changetype<Block>(at);
    if (block.host == host && block.codeMode == codeMode) break;
    at = block.nextInPage;
  }
  return changetype<Block>(at);
}

/** The table slot + 1 of the translation that begins at `host`, or 0. */
export function translationAt(host: u32): u32 {
  const block = changetype<Block>(load<u32>(slotOf(host, CODE_64)));
  if (changetype<usize>(block) == 0 || block.host != host || block.codeMode != CODE_64) return 0;
  return block.translation;
}

/** The block is not in its slot: it may have been pushed out of it, else decode it. */
function lookUp(host: u32, codeMode: u32, va: u64): Block {
  const block = blockAt(host, codeMode);
  if (changetype<usize>(block) == 0) return decodeBlock(host, codeMode, va);
  store<u32>(slotOf(host, codeMode), <u32>changetype<usize>(block));
  return block;
}

function decodeBlock(host: u32, codeMode: u32, va: u64): Block {
  if (arenaNext + MAX_BLOCK_BYTES > ARENA_END) {
    dropAllBlocks();
  }
  const pageEnd = (host | 0xfff) + 1;
  const cacheable = host >= ROM_BASE && !isVram(host);
  const block = changetype<Block>(cacheable ? arenaNext : CROSSING_BASE);
  const first = changetype<usize>(block) + BLOCK_HEADER_SIZE;
  const limit: u32 = cacheable ? MAX_INSNS : 1;
  let insnAt = first;
  let at = host;
  let count: u32 = 0;
  while (count < limit && at < pageEnd) {
    const insn = changetype<Insn>(insnAt);
    if (decode(insn, at, pageEnd - at, codeMode) != Decoded.OK) break;
    at += insn.length;
    insn.next = <u16>(at - host);
    count++;
    insnAt += INSN_SIZE;
    if ((insn.flags & <u16>INSN_ENDS_BLOCK) != 0) break;
  }
  if (count == 0) return decodeCrossing(host, codeMode, va, pageEnd);
  block.host = host;
  block.codeMode = codeMode;
  block.nrInsns = count;
  block.bytes = at - host;
  block.hits = 0;
  block.translation = 0;
  block.flags = 0;
  cpu().countDecodedBlocks += 1;
  if (cacheable) {
    arenaNext = <u32>insnAt;
    const head = headOf(host);
    block.nextInPage = load<u32>(head);
    store<u32>(head, <u32>changetype<usize>(block));
    store<u32>(slotOf(host, codeMode), <u32>changetype<usize>(block));
    const flags = pageFlags(host);
    if ((load<u8>(flags) & PAGE_HAS_CODE) == 0) {
      store<u8>(flags, <u8>(load<u8>(flags) | PAGE_HAS_CODE));
      forbidDirectWrites();
    }
  } else {
    block.host = 0;
  }
  return block;
}

/** Decodes the one instruction that begins in this page and ends in the next. */
function decodeCrossing(host: u32, codeMode: u32, va: u64, pageEnd: u32): Block {
  const inFirst = pageEnd - host;
  memory.copy(CROSSING_BYTES, host, inFirst);
  let next = va + <u64>inFirst;
  if (codeMode != CODE_64) {
    next &= 0xffff_ffff;
    if (inFirst > load<u32>(codeSegment(), SEGMENT_LIMIT) - <u32>cpu().rip) raiseGP(0);
  }
  const nextHost = fetchAddress(next);
  memory.copy(CROSSING_BYTES + inFirst, nextHost, 16);
  const insn = changetype<Insn>(CROSSING_BASE + BLOCK_HEADER_SIZE);
  decode(insn, CROSSING_BYTES, inFirst + 16, codeMode);
  return uncachedBlock(codeMode);
}

/** Decodes one instruction of which `within` bytes lie within the limit of CS. Raises #GP(0) if it is longer. */
function decodeWithin(host: u32, codeMode: u32, va: u64, within: u32): Block {
  const pageEnd = (host | 0xfff) + 1;
  const insn = changetype<Insn>(CROSSING_BASE + BLOCK_HEADER_SIZE);
  if (decode(insn, host, min(within, pageEnd - host), codeMode) != Decoded.OK) {
    if (within <= pageEnd - host) raiseGP(0);
    decodeCrossing(host, codeMode, va, pageEnd);
    if (<u32>insn.length > within) raiseGP(0);
  }
  return uncachedBlock(codeMode);
}

/** The block of one instruction, decoded in its place, that is not kept. */
function uncachedBlock(codeMode: u32): Block {
  const block = changetype<Block>(CROSSING_BASE);
  const insn = changetype<Insn>(CROSSING_BASE + BLOCK_HEADER_SIZE);
  insn.next = insn.length;
  block.host = 0;
  block.codeMode = codeMode;
  block.nrInsns = 1;
  block.bytes = insn.length;
  block.hits = 0;
  block.translation = 0;
  block.flags = 0;
  return block;
}

/** Bytes [host, host + length) changed: drops the blocks that hold any of them. */
export function invalidateCode(host: u32, length: u32): void {
  const end = host + length;
  for (let page = host & ~0xfff; page < end; page += 0x1000) {
    const flags = pageFlags(page);
    if ((load<u8>(flags) & PAGE_HAS_CODE) != 0) invalidateInPage(page, host, end);
  }
}

function invalidateInPage(page: u32, start: u32, end: u32): void {
  const head = headOf(page);
  let link: usize = head;
  let at = load<u32>(head);
  let hit = false;
  while (at != 0) {
    const block = changetype<Block>(at);
    if (block.host < end && block.host + block.bytes > start) {
      const slot = slotOf(block.host, block.codeMode);
      if (load<u32>(slot) == at) store<u32>(slot, 0);
      block.host = 0;
      store<u32>(link, block.nextInPage);
      cpu().countInvalidatedBlocks += 1;
      hit = true;
    } else {
      link = at + offsetof<Block>("nextInPage");
    }
    at = block.nextInPage;
  }
  if (!hit) return;
  // What is being executed may be gone: it ends after the current instruction.
  cpu().blockEnd = 0;
  dropTranslationsOf(page);
  if (load<u32>(head) == 0) {
    const flags = pageFlags(page);
    store<u8>(flags, <u8>(load<u8>(flags) & ~PAGE_HAS_CODE));
  }
}

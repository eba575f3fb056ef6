/**
 * The software TLB: direct-mapped, in parts that differ in the rights of the accesses they serve, so that a hit needs no
 * check of rights.
 *
 *     TLB_USER           CPL 3
 *     TLB_SUPERVISOR     CPL 0-2, and implicit supervisor accesses
 *     TLB_SUPERVISOR_AC  CPL 0-2 while CR4.SMAP and RFLAGS.AC are set: user pages may be accessed
 *     TLB_CHECKED        always empty: every access goes the slow way, which checks alignment and data breakpoints
 *
 *     entry, 32 bytes:  tagRead u64 | tagWrite u64 | tagExecute u64 | addend u32 | unused
 *
 * A tag is page address | generation; flushing everything is a new generation (12 bits, a real clear when it wraps).
 * Each PCID has its generation, so that MOV CR3 can come back to what it left. A global page is kept as any other: MOV
 * CR3 drops more than it must, which the SDM allows. `addend` + low half of the linear address is the place in linear
 * memory. A page that may not be accessed directly (device, ROM or code for writes) keeps the tag NEVER, so the fast path
 * misses and the slow path decides. SDM vol 3A "Translation Lookaside Buffers (TLBs)", "Process-Context Identifiers".
 */
import { PAGE_HAS_CODE, TLB_BASE, TLB_SIZE } from "../abi/layout";
import { CR4_PCIDE } from "../abi/state";
import { cpu } from "../state/cpu";
import { hostOf, isRom, isVram, markDirty, pageFlags } from "./physical";
import { Access, walk, walkedDirty, walkedExecutable, walkedPageBytes, walkedWritable } from "./walk";

export const TLB_ENTRIES: u32 = 4096;
export const TLB_ENTRY_SIZE: u32 = 32;
export const TAG_READ: usize = 0;
export const TAG_WRITE: usize = 8;
export const TAG_EXECUTE: usize = 16;
export const ADDEND: usize = 24;
const PART_SIZE: u32 = TLB_ENTRIES * TLB_ENTRY_SIZE;
export const TLB_USER: u32 = TLB_BASE;
export const TLB_SUPERVISOR: u32 = TLB_BASE + PART_SIZE;
export const TLB_SUPERVISOR_AC: u32 = TLB_BASE + 2 * PART_SIZE;
export const TLB_CHECKED: u32 = TLB_BASE + 3 * PART_SIZE;
const PARTS_END: u32 = TLB_CHECKED;
const NEVER: u64 = ~(<u64>0);
/** No tag carries it, so NEVER cannot match. */
const GENERATION_LIMIT: u32 = 0xfff;

/** Generation of each PCID, u32 each; of use if it lies between oldestGeneration and lastGeneration. */
const CONTEXTS: u32 = TLB_BASE + TLB_SIZE - 4096 * 4;
const NO_GENERATION: u32 = 0xffff_ffff;
let lastGeneration: u32 = 0;
let oldestGeneration: u32 = 0;

/** The addresses covered by large pages since the last flush: INVLPG there must drop more than one entry. */
let largeStart: u64 = NEVER;
let largeEnd: u64 = 0;

// prettier-ignore
@inline
export function tlbEntry(va: u64): usize {
  return cpu().tlbPart + ((<u32>(va >> 12) & (TLB_ENTRIES - 1)) << 5);
}

/** The tag that an access of `size` bytes at `va` must find: it cannot match if the access leaves the page. */
// prettier-ignore
@inline
export function wantedTag(va: u64, size: u32): u64 {
  return ((va + (size - 1)) & ~<u64>0xfff) | <u64>cpu().tlbGeneration;
}

function currentPcid(): u32 {
  return (cpu().cr4 & CR4_PCIDE) != 0 ? <u32>cpu().cr3 & 0xfff : 0;
}

/** A generation that no tag carries. */
function newGeneration(): u32 {
  if (++lastGeneration == GENERATION_LIMIT) {
    memory.fill(TLB_BASE, 0xff, TLB_SIZE);
    lastGeneration = 0;
    oldestGeneration = 0;
  }
  return lastGeneration;
}

function useGeneration(pcid: u32, generation: u32): void {
  cpu().tlbGeneration = generation;
  store<u32>(CONTEXTS + (pcid << 2), generation);
}

/** Drops every translation, of all PCIDs. */
export function flushTlb(): void {
  const generation = newGeneration();
  oldestGeneration = generation;
  useGeneration(currentPcid(), generation);
  largeStart = NEVER;
  largeEnd = 0;
}

/** Empties all parts and starts counting generations anew. */
export function clearTlb(): void {
  lastGeneration = GENERATION_LIMIT - 1;
  flushTlb();
}

/** CR3 names another PCID: its translations are used again if `keep`, else dropped. SDM vol 2 "MOV - Move to/from Control Registers". */
export function enterContext(pcid: u32, keep: bool): void {
  const generation = load<u32>(CONTEXTS + (pcid << 2));
  const isKept = generation >= oldestGeneration && generation <= lastGeneration;
  useGeneration(pcid, keep && isKept ? generation : newGeneration());
}

/** Drops the translations of one PCID. SDM vol 2 "INVPCID". */
export function flushContext(pcid: u32): void {
  if (pcid == currentPcid()) useGeneration(pcid, newGeneration());
  else store<u32>(CONTEXTS + (pcid << 2), NO_GENERATION);
}

/** Drops the translations of the page at `va`, of all PCIDs. SDM vol 2 "INVLPG". */
export function invalidatePage(va: u64): void {
  if (va >= largeStart && va < largeEnd) {
    flushTlb();
    return;
  }
  let entry: usize = TLB_BASE + ((<u32>(va >> 12) & (TLB_ENTRIES - 1)) << 5);
  for (; entry < PARTS_END; entry += PART_SIZE) {
    store<u64>(entry, NEVER, TAG_READ);
    store<u64>(entry, NEVER, TAG_WRITE);
    store<u64>(entry, NEVER, TAG_EXECUTE);
  }
}

/** Physical address of the last translateIn(). */
export let translatedPhysical: u64 = 0;

/**
 * Translates `va` for an access with the rights of a part of the TLB, and keeps it there. Returns where it lies in linear
 * memory, or 0 if `translatedPhysical` belongs to a device. Raises #PF.
 */
export function translateIn(part: u32, va: u64, access: Access): u32 {
  const pa = walk(va, access, part);
  translatedPhysical = pa;
  if (walkedPageBytes > 4096) {
    const start = va & ~(walkedPageBytes - 1);
    if (start < largeStart) largeStart = start;
    if (start + walkedPageBytes > largeEnd) largeEnd = start + walkedPageBytes;
  }
  const host = hostOf(pa);
  if (host == 0) return 0;
  const entry = part + ((<u32>(va >> 12) & (TLB_ENTRIES - 1)) << 5);
  const tag = (va & ~<u64>0xfff) | <u64>cpu().tlbGeneration;
  let direct = walkedWritable && walkedDirty && !isRom(host) && (load<u8>(pageFlags(host)) & PAGE_HAS_CODE) == 0;
  if (isVram(host)) {
    if (access == Access.WRITE) markDirty(host);
    else direct = false;
  }
  store<u64>(entry, tag, TAG_READ);
  store<u64>(entry, direct ? tag : NEVER, TAG_WRITE);
  store<u64>(entry, walkedExecutable ? tag : NEVER, TAG_EXECUTE);
  store<u32>(entry, host - <u32>va, ADDEND);
  return host;
}

/** Makes stores to the page at `host` take the slow path from now on: code was decoded there. */
export function forbidDirectWrites(): void {
  flushTlb();
}

/**
 * The software TLB: direct-mapped, one half for CPL 3 and one for the rest, so that user/supervisor rights need no
 * check on a hit.
 *
 *     entry, 32 bytes:  tagRead u64 | tagWrite u64 | tagExecute u64 | addend u32 | unused
 *
 * A tag is page address | generation; flushing everything is a new generation (12 bits, a real clear when it wraps).
 * `addend` + low half of the linear address is the place in linear memory. A page that may not be accessed directly
 * (device, ROM or code for writes) keeps the tag NEVER, so the fast path misses and the slow path decides.
 */
import { PAGE_HAS_CODE, TLB_BASE, TLB_SIZE } from "../abi/layout";
import { cpu } from "../state/cpu";
import { hostOf, isRom, isVram, markDirty, pageFlags } from "./physical";
import { Access, walk, walkedDirty, walkedExecutable, walkedPageBytes, walkedWritable } from "./walk";

export const TLB_ENTRIES: u32 = 4096;
export const TLB_ENTRY_SIZE: u32 = 32;
export const TAG_READ: usize = 0;
export const TAG_WRITE: usize = 8;
export const TAG_EXECUTE: usize = 16;
export const ADDEND: usize = 24;
export const TLB_USER: u32 = TLB_BASE;
export const TLB_SUPERVISOR: u32 = TLB_BASE + TLB_ENTRIES * TLB_ENTRY_SIZE;
const NEVER: u64 = ~(<u64>0);
/** No tag carries it, so NEVER cannot match. */
const GENERATION_LIMIT: u32 = 0xfff;

/** The addresses covered by large pages since the last flush: INVLPG there must drop more than one entry. */
let largeStart: u64 = NEVER;
let largeEnd: u64 = 0;

// prettier-ignore
@inline
export function tlbEntry(va: u64): usize {
  return cpu().tlbHalf + ((<u32>(va >> 12) & (TLB_ENTRIES - 1)) << 5);
}

/** The tag that an access of `size` bytes at `va` must find: it cannot match if the access leaves the page. */
// prettier-ignore
@inline
export function wantedTag(va: u64, size: u32): u64 {
  return ((va + (size - 1)) & ~<u64>0xfff) | <u64>cpu().tlbGeneration;
}

/** Drops every translation. */
export function flushTlb(): void {
  const generation = cpu().tlbGeneration + 1;
  if (generation == GENERATION_LIMIT) {
    clearTlb();
    return;
  }
  cpu().tlbGeneration = generation;
  largeStart = NEVER;
  largeEnd = 0;
}

/** Empties both halves and starts counting generations anew. */
export function clearTlb(): void {
  memory.fill(TLB_BASE, 0xff, TLB_SIZE);
  cpu().tlbGeneration = 0;
  largeStart = NEVER;
  largeEnd = 0;
}

/** Drops the translation of the page at `va`. SDM vol 2 "INVLPG". */
export function invalidatePage(va: u64): void {
  if (va >= largeStart && va < largeEnd) {
    flushTlb();
    return;
  }
  const offset = (<u32>(va >> 12) & (TLB_ENTRIES - 1)) << 5;
  dropEntry(TLB_USER + offset);
  dropEntry(TLB_SUPERVISOR + offset);
}

// prettier-ignore
@inline
function dropEntry(entry: usize): void {
  store<u64>(entry, NEVER, TAG_READ);
  store<u64>(entry, NEVER, TAG_WRITE);
  store<u64>(entry, NEVER, TAG_EXECUTE);
}

/** Physical address of the last translateIn(). */
export let translatedPhysical: u64 = 0;

/**
 * Translates `va` for an access with the rights of CPL 3 (`user`) or of the supervisor, and keeps it in that half of
 * the TLB. Returns where it lies in linear memory, or 0 if `translatedPhysical` belongs to a device. Raises #PF.
 */
export function translateIn(half: u32, va: u64, access: Access, user: bool): u32 {
  const pa = walk(va, access, user);
  translatedPhysical = pa;
  if (walkedPageBytes > 4096) {
    const start = va & ~(walkedPageBytes - 1);
    if (start < largeStart) largeStart = start;
    if (start + walkedPageBytes > largeEnd) largeEnd = start + walkedPageBytes;
  }
  const host = hostOf(pa);
  if (host == 0) return 0;
  const entry = half + ((<u32>(va >> 12) & (TLB_ENTRIES - 1)) << 5);
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

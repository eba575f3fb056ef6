/**
 * Pages that translated code has just looked up: an access in the same page needs no TLB. One cache for the stack (RSP and
 * RBP), the others for the base registers used last. Each is two locals, the page and what is added to an address in it.
 *
 * Whether a cache holds a page, and whether that may be written, is known while translating: caches are filled by the first
 * access on a way and hold until flows meet or something that may change a mapping is called. So there is no value that
 * means "none", and an access that hits is one that the TLB would have let through.
 */
import { RBP, RSP } from "../abi/state";
import { PAGE_ADDEND, PAGE_ADDRESS } from "./emit";

export const NR_CACHES: u32 = 4;

const owners: StaticArray<u32> = new StaticArray<u32>(4);
/** 0: nothing, 1: a page that may be read, 2: one that may be written too. */
const levels: StaticArray<u32> = new StaticArray<u32>(4);
let next: u32 = 1;

/** No cache holds anything from here on. */
export function dropCaches(): void {
  for (let i: u32 = 0; i < NR_CACHES; i++) levels[i] = 0;
}

/** What is known, in one word: to be put back where another path begins. */
export function knownCaches(): u64 {
  let known: u64 = 0;
  for (let i: u32 = 0; i < NR_CACHES; i++) known |= <u64>(owners[i] | (levels[i] << 8)) << (i * 16);
  return known;
}
export function setKnownCaches(known: u64): void {
  for (let i: u32 = 0; i < NR_CACHES; i++) {
    owners[i] = <u32>(known >> (i * 16)) & 0xff;
    levels[i] = (<u32>(known >> (i * 16)) >> 8) & 3;
  }
}

/** The cache for addresses by way of the register at `base`; one that holds another register's is given to it. */
export function cacheFor(base: u32): u32 {
  if (base == RSP << 3 || base == RBP << 3) return 0;
  for (let i: u32 = 1; i < NR_CACHES; i++) if (owners[i] == base && levels[i] != 0) return i;
  const cache = next;
  next = next + 1 == NR_CACHES ? 1 : next + 1;
  owners[cache] = base;
  levels[cache] = 0;
  return cache;
}

/** Whether the cache holds a page for such an access. */
export function holds(cache: u32, forWrite: bool): bool {
  return levels[cache] >= (forWrite ? 2 : 1);
}

export function isWritable(cache: u32): bool {
  return levels[cache] == 2;
}

/** The cache has been filled. */
export function noteFilled(cache: u32, isWritable: bool): void {
  levels[cache] = isWritable ? 2 : 1;
}

export function pageLocal(cache: u32): u32 {
  return PAGE_ADDRESS + cache;
}
export function addendLocal(cache: u32): u32 {
  return PAGE_ADDEND + cache;
}

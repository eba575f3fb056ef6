/**
 * The descriptors that cases may name: Linux's GDT as user programs see it, and an LDT that modify_ldt(2) makes on the real
 * CPU and the core reads from its memory. SDM vol 3A "Segment Descriptors".
 */
import { CODE_ADDRESS, CODE_SIZE, DATA_ADDRESS } from "./case.ts";

/** Selectors of Linux (arch/x86/include/asm/segment.h). */
export const USER32_CS = 0x23;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;

/** Data of 64 KiB so placed that 16-bit offsets reach the pages of data and what is around them. */
export const NEAR_DATA = DATA_ADDRESS - 0x4000;

interface LdtEntry {
  base: number;
  /** In bytes, or in pages with `pages`. */
  limit: number;
  pages?: boolean;
  /** 0 data, 1 expand-down data, 2 code, 3 conforming code. */
  contents: 0 | 1 | 2 | 3;
  big: boolean;
  /** Data that cannot be written, code that cannot be read. */
  restricted?: boolean;
  absent?: boolean;
}

/** By index; the selector is index * 8 + 7. modify_ldt refuses conforming code that is present. */
export const LDT: readonly LdtEntry[] = [
  { base: 0, limit: 0, contents: 0, big: false, absent: true },
  { base: CODE_ADDRESS, limit: 0xffff, contents: 2, big: false },
  { base: CODE_ADDRESS, limit: CODE_SIZE - 1, contents: 2, big: true },
  { base: NEAR_DATA, limit: 0xffff, contents: 0, big: true },
  { base: NEAR_DATA, limit: 0xffff, contents: 0, big: false },
  { base: DATA_ADDRESS, limit: 0x7ff, contents: 0, big: true },
  { base: DATA_ADDRESS, limit: 0x3ff, contents: 1, big: true },
  { base: NEAR_DATA, limit: 0x43ff, contents: 1, big: false },
  { base: NEAR_DATA, limit: 0xffff, contents: 0, big: true, restricted: true },
  { base: CODE_ADDRESS, limit: CODE_SIZE - 1, contents: 2, big: true, restricted: true },
  { base: CODE_ADDRESS, limit: CODE_SIZE - 1, contents: 3, big: true, absent: true },
  { base: DATA_ADDRESS, limit: 0xfff, contents: 0, big: true, absent: true },
  { base: 0, limit: (DATA_ADDRESS >> 12) - 1, pages: true, contents: 0, big: true },
  { base: DATA_ADDRESS, limit: 0xffa, contents: 0, big: true },
  { base: CODE_ADDRESS, limit: 0x8ff, contents: 2, big: false },
];

export const ldtSelector = (index: number): number => index * 8 + 7;
export const CODE16 = ldtSelector(1);
export const CODE32_SMALL = ldtSelector(2);
export const DATA32_NEAR = ldtSelector(3);
export const DATA16_NEAR = ldtSelector(4);

/** Selectors of writable data that the middle of the data page can be reached through, for any address size but flat. */
export const DATA_SELECTORS = [3, 4, 5, 6, 7, 12, 13].map(ldtSelector);
/** Every selector worth loading: null, the kernel's, the user's, the LDT's, outside of the tables. Not 78H: its limit tells the CPU's number. */
export const ALL_SELECTORS = [
  ...[0, 1, 3, 0x08, 0x10, 0x18, 0x23, 0x2b, 0x2a, 0x28, 0x33, 0x3b, 0x40, 0x50, 0x63, 0x6b, 0x88],
  ...LDT.flatMap((_, index) => [ldtSelector(index), ldtSelector(index)]),
  ...[0x0c, 0x1d, 0x26, 0x7f, 0x87, 0xfff7],
];

/** What Linux puts in its GDT, as access rights of the descriptor's high word; base 0, limit 4 GiB. */
const GDT: readonly [index: number, high: number][] = [
  [1, 0x00cf9b00],
  [2, 0x00af9b00],
  [3, 0x00cf9300],
  [4, 0x00cffb00],
  [5, 0x00cff300],
  [6, 0x00affb00],
];
/** The GDT ends here on Linux (16 entries). */
export const GDT_BYTES = 128;
export const KERNEL_CS = 0x10;
export const TSS_SELECTOR = 0x40;

export function gdtBytes(tssBase: bigint): Uint8Array {
  const bytes = new Uint8Array(GDT_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, high] of GDT) {
    view.setUint32(8 * index, 0xffff, true);
    view.setUint32(8 * index + 4, high, true);
  }
  const low = Number(tssBase & 0xffff_ffffn);
  view.setUint32(TSS_SELECTOR, ((low << 16) | 0x67) >>> 0, true);
  view.setUint32(TSS_SELECTOR + 4, ((low & 0xff00_0000) | 0x8b00 | ((low >> 16) & 0xff)) >>> 0, true);
  view.setUint32(TSS_SELECTOR + 8, Number(tssBase >> 32n), true);
  return bytes;
}

/** Descriptor bits 40-55 without the limit. */
function attributes(entry: LdtEntry): number {
  const type = (entry.restricted === true ? 0 : 2) | (entry.contents << 2) | 1;
  return (
    type |
    0x70 |
    (entry.absent === true ? 0 : 0x80) |
    (entry.big ? 0x4000 : 0) |
    (entry.pages === true ? 0x8000 : 0)
  );
}

export function ldtBytes(): Uint8Array {
  const bytes = new Uint8Array(8 * LDT.length);
  const view = new DataView(bytes.buffer);
  LDT.forEach((entry, index) => {
    if (index === 0) return;
    const { base, limit } = entry;
    view.setUint32(8 * index, (((base & 0xffff) << 16) | (limit & 0xffff)) >>> 0, true);
    const high = (attributes(entry) << 8) | (limit & 0xf_0000) | (base & 0xff00_0000) | ((base >> 16) & 0xff);
    view.setUint32(8 * index + 4, high >>> 0, true);
  });
  return bytes;
}

/** The same LDT as struct user_desc for modify_ldt(2), without entry 0. */
export function userDescriptors(): Uint8Array {
  const bytes = new Uint8Array(16 * (LDT.length - 1));
  const view = new DataView(bytes.buffer);
  LDT.forEach((entry, index) => {
    if (index === 0) return;
    const at = 16 * (index - 1);
    view.setUint32(at, index, true);
    view.setUint32(at + 4, entry.base, true);
    view.setUint32(at + 8, entry.limit, true);
    const flags =
      Number(entry.big) |
      (entry.contents << 1) |
      (Number(entry.restricted === true) << 3) |
      (Number(entry.pages === true) << 4) |
      (Number(entry.absent === true) << 5);
    view.setUint32(at + 12, flags, true);
  });
  return bytes;
}

/** What a segment register holds besides its selector. */
export interface Loaded {
  attributes: number;
  base: number;
  limit: number;
}

/** The hidden part after loading `selector`; null selectors: nothing. */
export function loaded(selector: number): Loaded {
  const index = selector >> 3;
  if ((selector & 4) === 0) {
    const row = GDT.find(([i]) => i === index);
    return row === undefined
      ? { attributes: 0, base: 0, limit: 0 }
      : { attributes: (row[1] >> 8) & 0xf0ff, base: 0, limit: 0xffff_ffff };
  }
  const entry = LDT[index]!;
  const limit = entry.pages === true ? (entry.limit << 12) | 0xfff : entry.limit;
  return { attributes: attributes(entry), base: entry.base, limit };
}

/**
 * Segment descriptors that programs make: struct user_desc and its eight bytes in the GDT or LDT. Linux:
 * arch/x86/include/asm/desc.h, uapi/asm/ldt.h. SDM vol 3A "Segment Descriptors".
 */
import { copyFromUser, copyToUser } from "../../mm/usercopy.ts";
import type { Task } from "../../task/task.ts";

/** entry_number, base_addr, limit and a word of bits, 4 bytes each. */
export const USER_DESC_SIZE = 16;

export interface UserDesc {
  entry_number: number;
  base_addr: number;
  limit: number;
  seg_32bit: boolean;
  /** 0 data, 1 expand-down data, 2 code, 3 conforming code. */
  contents: number;
  read_exec_only: boolean;
  limit_in_pages: boolean;
  seg_not_present: boolean;
  useable: boolean;
}

/** Low and high word. */
export type Descriptor = readonly [low: number, high: number];

export const EMPTY: Descriptor = [0, 0];

const bit = (value: boolean, position: number): number => (value ? 1 << position : 0);

/** The structure at `ptr`; null if it cannot be read. */
export function readUserDesc(task: Task, ptr: number): UserDesc | null {
  const bytes = new Uint8Array(USER_DESC_SIZE);
  if (copyFromUser(task, ptr, bytes) < 0) return null;
  const view = new DataView(bytes.buffer);
  const bits = view.getUint32(12, true);
  return {
    entry_number: view.getInt32(0, true),
    base_addr: view.getUint32(4, true),
    limit: view.getUint32(8, true),
    seg_32bit: (bits & 1) !== 0,
    contents: (bits >> 1) & 3,
    read_exec_only: (bits & 8) !== 0,
    limit_in_pages: (bits & 16) !== 0,
    seg_not_present: (bits & 32) !== 0,
    useable: (bits & 64) !== 0,
  };
}

/** 0 or -EFAULT. */
export function writeUserDesc(task: Task, ptr: number, desc: UserDesc): number {
  const bytes = new Uint8Array(USER_DESC_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, desc.entry_number, true);
  view.setUint32(4, desc.base_addr, true);
  view.setUint32(8, desc.limit, true);
  const bits =
    bit(desc.seg_32bit, 0) |
    (desc.contents << 1) |
    bit(desc.read_exec_only, 3) |
    bit(desc.limit_in_pages, 4) |
    bit(desc.seg_not_present, 5) |
    bit(desc.useable, 6);
  view.setUint32(12, bits, true);
  return copyToUser(task, ptr, bytes);
}

/** "Remove the entry", said by all fields together. Linux: LDT_empty(). */
export function isEmptyDesc(desc: UserDesc): boolean {
  return (
    desc.base_addr === 0 &&
    desc.limit === 0 &&
    desc.contents === 0 &&
    desc.read_exec_only &&
    !desc.seg_32bit &&
    !desc.limit_in_pages &&
    desc.seg_not_present &&
    !desc.useable
  );
}

/** All of it zero. Linux: LDT_zero(). */
export function isZeroDesc(desc: UserDesc): boolean {
  return (
    desc.base_addr === 0 &&
    desc.limit === 0 &&
    desc.contents === 0 &&
    !desc.read_exec_only &&
    !desc.seg_32bit &&
    !desc.limit_in_pages &&
    !desc.seg_not_present &&
    !desc.useable
  );
}

/** The descriptor, DPL 3 and accessed. Linux: fill_ldt(). */
export function encodeDescriptor(desc: UserDesc): Descriptor {
  const { base_addr, limit } = desc;
  const type = 1 | bit(!desc.read_exec_only, 1) | (desc.contents << 2);
  const attributes =
    type |
    0x70 |
    bit(!desc.seg_not_present, 7) |
    bit(desc.useable, 12) |
    bit(desc.seg_32bit, 14) |
    bit(desc.limit_in_pages, 15);
  const low = (limit & 0xffff) | (base_addr << 16);
  const high =
    ((base_addr >>> 16) & 0xff) | (attributes << 8) | (limit & 0xf_0000) | (base_addr & 0xff00_0000);
  return [low >>> 0, high >>> 0];
}

/** Linux: fill_user_desc(). */
export function decodeDescriptor(entry_number: number, [low, high]: Descriptor): UserDesc {
  return {
    entry_number,
    base_addr: ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0,
    limit: (low & 0xffff) | (high & 0xf_0000),
    seg_32bit: (high & (1 << 22)) !== 0,
    contents: (high >> 10) & 3,
    read_exec_only: (high & (1 << 9)) === 0,
    limit_in_pages: (high & (1 << 23)) !== 0,
    seg_not_present: (high & (1 << 15)) === 0,
    useable: (high & (1 << 20)) !== 0,
  };
}

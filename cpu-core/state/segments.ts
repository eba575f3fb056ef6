/**
 * Segment registers with their hidden parts, and descriptors. SDM vol 3A "Protected-Mode Memory Management".
 *
 * Attributes are bits 40-55 of the descriptor: type (4), S, DPL (2), P, limit 19:16 (unused here), AVL, L, D/B, G.
 */
import {
  CPU_SEGMENTS,
  SEG_CS,
  SEG_LDTR,
  SEG_SS,
  SEG_TR,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
} from "../abi/state";
import { VECTOR_GP, VECTOR_NP, VECTOR_TS } from "../abi/vectors";
import { raiseGP, raiseSS, raiseWithCode } from "../interrupts/raise";
import { readSystem, writeSystem } from "../mmu/access";
import { cpu, cpuBase } from "./cpu";
import { isCanonical } from "./address";
import { ATTRIBUTE_DB, ATTRIBUTE_L, CODE_64, isLongMode, isProtected, updateMode } from "./mode";

export const TYPE_ACCESSED: u32 = 1 << 0;
export const TYPE_WRITABLE: u32 = 1 << 1; // of data; of code: readable
export const TYPE_EXPAND_DOWN: u32 = 1 << 2; // of data; of code: conforming
export const TYPE_CODE: u32 = 1 << 3;
export const ATTRIBUTE_S: u32 = 1 << 4; // code or data, not system
export const ATTRIBUTE_P: u32 = 1 << 7;
export const ATTRIBUTE_G: u32 = 1 << 15;

/** System descriptor types. SDM vol 3A table 3-2. */
export const TYPE_TSS_16: u32 = 1;
export const TYPE_LDT: u32 = 2;
export const TYPE_TSS_16_BUSY: u32 = 3;
export const TYPE_CALL_GATE_16: u32 = 4;
export const TYPE_TASK_GATE: u32 = 5;
export const TYPE_INTERRUPT_GATE_16: u32 = 6;
export const TYPE_TRAP_GATE_16: u32 = 7;
export const TYPE_TSS: u32 = 9;
export const TYPE_TSS_BUSY: u32 = 11;
export const TYPE_CALL_GATE: u32 = 12;
export const TYPE_INTERRUPT_GATE: u32 = 14;
export const TYPE_TRAP_GATE: u32 = 15;

// prettier-ignore
@inline
export function segment(index: u32): usize {
  return cpuBase() + CPU_SEGMENTS + index * SEGMENT_SIZE;
}
// prettier-ignore
@inline
export function selectorOf(index: u32): u32 {
  return load<u32>(segment(index), SEGMENT_SELECTOR);
}
// prettier-ignore
@inline
export function attributesOf(index: u32): u32 {
  return load<u32>(segment(index), SEGMENT_ATTRIBUTES);
}
// prettier-ignore
@inline
export function baseOf(index: u32): u64 {
  return load<u64>(segment(index), SEGMENT_BASE);
}
// prettier-ignore
@inline
export function limitOf(index: u32): u32 {
  return load<u32>(segment(index), SEGMENT_LIMIT);
}

export function setSegment(index: u32, selector: u32, attributes: u32, base: u64, limit: u32): void {
  const at = segment(index);
  store<u32>(at, selector, SEGMENT_SELECTOR);
  store<u32>(at, attributes, SEGMENT_ATTRIBUTES);
  store<u64>(at, base, SEGMENT_BASE);
  store<u32>(at, limit, SEGMENT_LIMIT);
}

export function setSegmentBase(index: u32, base: u64): void {
  store<u64>(segment(index), base, SEGMENT_BASE);
}

/** #SS(code) for the stack segment, #GP(code) for the others. */
export function raiseSegment(index: u32, code: u32): void {
  if (index == SEG_SS) raiseSS(code);
  raiseGP(code);
}

/**
 * Linear address of `offset` in a segment outside 64-bit mode, with limit and type checked for an access of `size`
 * bytes. SDM vol 3A "Limit Checking", "Type Checking".
 */
export function linearIn(index: u32, offset: u32, size: u32, forWrite: bool): u64 {
  const attributes = attributesOf(index);
  const limit = limitOf(index);
  const last = offset + (size - 1);
  if ((attributes & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN) {
    const top: u32 = (attributes & ATTRIBUTE_DB) != 0 ? 0xffff_ffff : 0xffff;
    if (offset <= limit || last > top || last < offset) raiseSegment(index, 0);
  } else if (last > limit || last < offset) {
    raiseSegment(index, 0);
  }
  if ((attributes & ATTRIBUTE_P) == 0) raiseSegment(index, 0); // a null selector was loaded
  if (isProtected()) {
    if (forWrite) {
      if ((attributes & (TYPE_CODE | TYPE_WRITABLE)) != TYPE_WRITABLE) raiseSegment(index, 0);
    } else if ((attributes & (TYPE_CODE | TYPE_WRITABLE)) == TYPE_CODE) {
      raiseSegment(index, 0);
    }
  }
  return (baseOf(index) + <u64>offset) & 0xffff_ffff;
}

/** The last descriptor read by readDescriptor(). */
export let descriptorAddress: u64 = 0;
export let descriptorLow: u32 = 0;
export let descriptorHigh: u32 = 0;

/** Finds the descriptor of a selector in GDT or LDT; raises `vector`(selector) if it lies outside the table. */
export function readDescriptor(selector: u32, vector: u32): void {
  const offset = selector & 0xfff8;
  let base: u64;
  let limit: u32;
  if ((selector & 4) != 0) {
    base = baseOf(SEG_LDTR);
    limit = limitOf(SEG_LDTR);
    if ((attributesOf(SEG_LDTR) & ATTRIBUTE_P) == 0) raiseWithCode(vector, selector & 0xfffc);
  } else {
    base = cpu().gdtrBase;
    limit = cpu().gdtrLimit;
  }
  if (offset + 7 > limit) raiseWithCode(vector, selector & 0xfffc);
  descriptorAddress = base + <u64>offset;
  descriptorLow = readSystem<u32>(descriptorAddress);
  descriptorHigh = readSystem<u32>(descriptorAddress + 4);
}

// prettier-ignore
@inline
export function descriptorAttributes(): u32 {
  return (descriptorHigh >> 8) & 0xf0ff;
}

export function descriptorBase(): u64 {
  return <u64>((descriptorLow >> 16) | ((descriptorHigh & 0xff) << 16) | (descriptorHigh & 0xff00_0000));
}

export function descriptorLimit(): u32 {
  const limit = (descriptorLow & 0xffff) | (descriptorHigh & 0xf_0000);
  return (descriptorHigh & (1 << 23)) != 0 ? (limit << 12) | 0xfff : limit;
}

export function descriptorDpl(): u32 {
  return (descriptorHigh >> 13) & 3;
}

/** Marks the code or data descriptor just read as accessed: the last thing that can fault in loading it. */
export function markAccessed(): void {
  const attributes = descriptorAttributes();
  if ((attributes & TYPE_ACCESSED) == 0) writeSystem<u8>(descriptorAddress + 5, <u8>(attributes | TYPE_ACCESSED));
}

/** Loads a code or data segment register from the descriptor just read and marks it accessed. */
export function loadFromDescriptor(index: u32, selector: u32): void {
  markAccessed();
  setSegment(index, selector, descriptorAttributes() | TYPE_ACCESSED, descriptorBase(), descriptorLimit());
}

/** Whether descriptor attributes are those of a writable data segment: what SS needs. */
export function isStackSegment(attributes: u32): bool {
  return (attributes & (ATTRIBUTE_S | TYPE_CODE | TYPE_WRITABLE)) == (ATTRIBUTE_S | TYPE_WRITABLE);
}

/** Whether descriptor attributes are those of a code segment. */
export function isCodeSegment(attributes: u32): bool {
  return (attributes & (ATTRIBUTE_S | TYPE_CODE)) == (ATTRIBUTE_S | TYPE_CODE);
}

/** Raises #GP(0) if `offset` lies beyond the code segment just read, or is not canonical in a 64-bit one. */
export function checkCodeOffset(offset: u64): void {
  const to64 = isLongMode() && (descriptorAttributes() & ATTRIBUTE_L) != 0;
  if (to64 ? !isCanonical(offset) : offset > <u64>descriptorLimit()) raiseGP(0);
}

/** The upper half, 8 bytes, of the system descriptor just read, which in long mode has 16. Raises #GP(selector). */
export function readUpperDescriptor(selector: u32): u64 {
  const limit = (selector & 4) != 0 ? limitOf(SEG_LDTR) : cpu().gdtrLimit;
  if ((selector & 0xfff8) + 15 > limit) raiseGP(selector & 0xfffc);
  return readSystem<u64>(descriptorAddress + 8);
}

/** MOV or POP into ES, SS, DS, FS, GS. SDM vol 2 "MOV": protection checks. */
export function loadSegment(index: u32, selector: u32): void {
  selector &= 0xffff;
  if (!isProtected()) {
    // Real and virtual-8086 mode: only selector and base change in real mode (limits stay: "unreal" mode works).
    const at = segment(index);
    store<u32>(at, selector, SEGMENT_SELECTOR);
    store<u64>(at, <u64>(selector << 4), SEGMENT_BASE);
    if ((attributesOf(index) & ATTRIBUTE_P) == 0) setSegment(index, selector, 0x93, <u64>(selector << 4), 0xffff);
    return;
  }
  const rpl = selector & 3;
  const cpl = cpu().cpl;
  if ((selector & 0xfffc) == 0) {
    if (index == SEG_SS && (cpu().mode != CODE_64 || cpl == 3 || rpl != cpl)) raiseGP(0);
    // Without P it cannot be used outside 64-bit mode.
    setSegment(index, selector, index == SEG_SS ? (cpl << 5) | ATTRIBUTE_DB : 0, 0, 0);
    return;
  }
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const dpl = descriptorDpl();
  if ((attributes & ATTRIBUTE_S) == 0) raiseGP(selector & 0xfffc);
  if (index == SEG_SS) {
    if (rpl != cpl || dpl != cpl || (attributes & (TYPE_CODE | TYPE_WRITABLE)) != TYPE_WRITABLE) {
      raiseGP(selector & 0xfffc);
    }
    if ((attributes & ATTRIBUTE_P) == 0) raiseSS(selector & 0xfffc);
  } else {
    const code = (attributes & TYPE_CODE) != 0;
    if (code && (attributes & TYPE_WRITABLE) == 0) raiseGP(selector & 0xfffc);
    const conforming = code && (attributes & TYPE_EXPAND_DOWN) != 0;
    if (!conforming && (rpl > dpl || cpl > dpl)) raiseGP(selector & 0xfffc);
    if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, selector & 0xfffc);
  }
  loadFromDescriptor(index, selector);
}

/** Sets CS in real or virtual-8086 mode. */
export function loadCodeReal(selector: u32): void {
  const at = segment(SEG_CS);
  store<u32>(at, selector & 0xffff, SEGMENT_SELECTOR);
  store<u64>(at, <u64>((selector & 0xffff) << 4), SEGMENT_BASE);
}

/** Loads any segment register as virtual-8086 mode has them. SDM vol 3B "8086 Emulation". */
export function loadVirtual8086(index: u32, selector: u32): void {
  selector &= 0xffff;
  setSegment(index, selector, (3 << 5) | ATTRIBUTE_P | ATTRIBUTE_S | TYPE_WRITABLE | TYPE_ACCESSED, <u64>(selector << 4), 0xffff);
}

/** What a null selector leaves in a data segment register: FS and GS keep their base in long mode. */
export function loadNull(index: u32, selector: u32): void {
  setSegment(index, selector, 0, 0, 0);
}

/**
 * Checks the code descriptor just read as the target of a far jump or call that keeps the privilege level; raises
 * #GP, #NP. SDM vol 3A "Accessing Nonconforming/Conforming Code Segments".
 */
export function checkCodeTarget(selector: u32): void {
  const attributes = descriptorAttributes();
  const dpl = descriptorDpl();
  const code = selector & 0xfffc;
  if (!isCodeSegment(attributes)) raiseGP(code);
  if (isLongMode() && (attributes & ATTRIBUTE_L) != 0 && (attributes & ATTRIBUTE_DB) != 0) raiseGP(code);
  if ((attributes & TYPE_EXPAND_DOWN) != 0) {
    if (dpl > cpu().cpl) raiseGP(code);
  } else if ((selector & 3) > cpu().cpl || dpl != cpu().cpl) {
    raiseGP(code);
  }
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, code);
}

/** Loads CS from the descriptor just read, at privilege level `cpl`, and enters the mode it names. */
export function loadCode(selector: u32, cpl: u32): void {
  loadFromDescriptor(SEG_CS, (selector & 0xfffc) | cpl);
  cpu().cpl = cpl;
  updateMode();
}

/** After a return to an outer level: data segments that it may not use become null. SDM vol 2 "RET". */
export function dropInnerSegments(): void {
  const cpl = cpu().cpl;
  for (let index: u32 = 0; index < 6; index++) {
    if (index == SEG_CS || index == SEG_SS) continue;
    const attributes = attributesOf(index);
    const conforming = (attributes & (TYPE_CODE | TYPE_EXPAND_DOWN)) == (TYPE_CODE | TYPE_EXPAND_DOWN);
    if ((attributes & ATTRIBUTE_P) != 0 && !conforming && ((attributes >> 5) & 3) < cpl) {
      loadNull(index, 0);
    }
  }
}

/** Stack pointer `esp` and selector of privilege level `cpl` in the TSS (32-bit or 16-bit). */
export let tssStackSelector: u32 = 0;
export function tssStackPointer(cpl: u32): u32 {
  const base = baseOf(SEG_TR);
  const wide = (attributesOf(SEG_TR) & 8) != 0;
  const offset: u32 = wide ? 4 + cpl * 8 : 2 + cpl * 4;
  if (offset + (wide ? 5 : 3) > limitOf(SEG_TR)) raiseWithCode(VECTOR_TS, selectorOf(SEG_TR) & 0xfffc);
  if (wide) {
    tssStackSelector = readSystem<u16>(base + <u64>offset + 4);
    return readSystem<u32>(base + <u64>offset);
  }
  tssStackSelector = readSystem<u16>(base + <u64>offset + 2);
  return <u32>readSystem<u16>(base + <u64>offset);
}

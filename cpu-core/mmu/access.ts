/**
 * Loads and stores at linear addresses. A hit costs a tag comparison and an addition; the rest (page walk, page
 * crossing, devices, pages with code) is out of line.
 */
import { RSP, SEG_SS } from "../abi/state";
import { Insn, INSN_MEMORY } from "../decode/insn";
import { VECTOR_AC } from "../abi/vectors";
import { noteAccess } from "../interrupts/debug";
import { raiseGP, raiseSS, raiseWithCode } from "../interrupts/raise";
import { invalidateCode } from "../interpreter/block";
import { Op } from "../ops/op";
import { isCanonical, linear } from "../state/address";
import { cpu, readReg } from "../state/cpu";
import { CODE_64, isAlignmentChecked, rightsPart } from "../state/mode";
import { hasDataBreakpoints } from "../state/stepping";
import { isRom, isVram, markDirty, pageFlags, readPhysical, writePhysical } from "./physical";
import { ADDEND, TAG_READ, TAG_WRITE, TLB_CHECKED, TLB_SUPERVISOR, tlbEntry, translateIn, translatedPhysical, wantedTag } from "./tlb";
import { Access } from "./walk";

/** Reads `T` at linear address `va`, or raises #PF, #GP, #SS. */
export function read<T>(va: u64): T {
  const entry = tlbEntry(va);
  if (load<u64>(entry, TAG_READ) == wantedTag(va, sizeof<T>())) return load<T>(<u32>va + load<u32>(entry, ADDEND));
  return readSlow<T>(va);
}

/** Writes `T` at linear address `va`, or raises. */
export function write<T>(va: u64, value: T): void {
  const entry = tlbEntry(va);
  if (load<u64>(entry, TAG_WRITE) == wantedTag(va, sizeof<T>())) store<T>(<u32>va + load<u32>(entry, ADDEND), value);
  else writeSlow<T>(va, value);
}

/** Raises #GP(0), or #SS(0) for the stack segment, if `va` is not canonical. SDM vol 1 "Canonical Addressing". */
export function checkCanonical(va: u64): void {
  if (cpu().mode != CODE_64 || isCanonical(va)) return;
  if (cpu().insn != 0 && isOfStack(changetype<Insn>(cpu().insn), va)) raiseSS(0);
  raiseGP(0);
}

/** Whether the instruction reaches `va` by way of SS. PUSH, POP and CALL of a memory operand access the stack as well. */
function isOfStack(insn: Insn, va: u64): bool {
  if (<u32>insn.segment == SEG_SS) return true;
  const nearOperand = va - linear(insn, 1, false) < OPERAND_BYTES;
  switch (<u32>insn.code >> 2) {
    case Op.PUSH:
    case Op.CALL_INDIRECT:
    case Op.CALL_FAR_INDIRECT:
      return (insn.flags & <u16>INSN_MEMORY) != 0 && !nearOperand;
    case Op.POP:
      return (insn.flags & <u16>INSN_MEMORY) != 0 && va - readReg<u64>(RSP << 3) < OPERAND_BYTES;
  }
  return false;
}

/** More than the widest operand of these. */
const OPERAND_BYTES: u64 = 16;

/** Translates with the rights of the current privilege level; see translateIn(). */
export function translate(va: u64, access: Access): u32 {
  const part = cpu().tlbPart;
  return translateIn(part == TLB_CHECKED ? rightsPart() : part, va, access);
}

/**
 * While alignment checking or a data breakpoint is armed: does what they have to do with an access of `size` bytes, and gives the
 * CPU the TLB part that the access then uses; endChecked() takes it away again, or unwound() after a fault. Raises #AC, where
 * nothing of higher priority is to be raised.
 */
function beginChecked(va: u64, size: u32, access: Access): void {
  cpu().tlbPart = rightsPart();
  if (((<u32>va) & (size - 1)) != 0 && isAlignmentChecked()) {
    if (access == Access.WRITE) checkWritable(va, size);
    else checkReadable(va, size);
    raiseWithCode(VECTOR_AC, 0);
  }
  if (hasDataBreakpoints()) noteAccess(va, size, access == Access.WRITE);
}

// prettier-ignore
@inline
function endChecked(): void {
  cpu().tlbPart = TLB_CHECKED;
}

/** Raises what a store of an element of INS would raise: the port is read after it. */
export function checkElement(va: u64, size: u32): void {
  if (cpu().tlbPart != TLB_CHECKED) {
    checkWritable(va, size);
    return;
  }
  beginChecked(va, size, Access.WRITE);
  checkWritable(va, size);
  endChecked();
}

function crosses(va: u64, size: u32): bool {
  return (<u32>va & 0xfff) + size > 4096;
}

/** Raises what an access to both pages would; the address of a fault in the second one is its first byte. */
function checkCrossing(va: u64, size: u32, access: Access): void {
  const second = wrap((va + (size - 1)) & ~<u64>0xfff);
  checkCanonical(second);
  translate(va, access);
  translate(second, access);
}

function readSlow<T>(va: u64): T {
  if (cpu().tlbPart == TLB_CHECKED) {
    beginChecked(va, sizeof<T>(), Access.READ);
    const checked = read<T>(va);
    endChecked();
    return checked;
  }
  checkCanonical(va);
  if (crosses(va, sizeof<T>())) {
    checkCrossing(va, sizeof<T>(), Access.READ);
    let value: u64 = 0;
    for (let i: u32 = 0; i < sizeof<T>(); i++) value |= (<u64>read<u8>(wrap(va + i))) << (i * 8);
    return fromBits<T>(value);
  }
  const host = translate(va, Access.READ);
  return host != 0 ? load<T>(host) : readPhysical<T>(translatedPhysical);
}

/** The bits of an integer or floating-point value, and back. */
// prettier-ignore
@inline
function fromBits<T>(bits: u64): T {
  if (isFloat<T>()) return sizeof<T>() == 4 ? <T>reinterpret<f32>(<u32>bits) : <T>reinterpret<f64>(bits);
  return <T>bits;
}
// prettier-ignore
@inline
function toBits<T>(value: T): u64 {
  if (isFloat<T>()) return sizeof<T>() == 4 ? <u64>reinterpret<u32>(<f32>value) : reinterpret<u64>(<f64>value);
  return <u64>value;
}

/** Outside 64-bit mode linear addresses have 32 bits. */
// prettier-ignore
@inline
function wrap(va: u64): u64 {
  return cpu().mode == CODE_64 ? va : va & 0xffff_ffff;
}

function writeSlow<T>(va: u64, value: T): void {
  if (cpu().tlbPart == TLB_CHECKED) {
    beginChecked(va, sizeof<T>(), Access.WRITE);
    write<T>(va, value);
    endChecked();
    return;
  }
  checkCanonical(va);
  if (crosses(va, sizeof<T>())) {
    // Both pages must allow it before the first byte changes.
    checkCrossing(va, sizeof<T>(), Access.WRITE);
    for (let i: u32 = 0; i < sizeof<T>(); i++) write<u8>(wrap(va + i), <u8>(toBits<T>(value) >> (i * 8)));
    return;
  }
  const host = translate(va, Access.WRITE);
  if (host == 0) writePhysical<T>(translatedPhysical, value);
  else storeAt<T>(host, value);
}

/** Stores into memory that may hold code, be ROM or be video memory. */
function storeAt<T>(host: u32, value: T): void {
  if (isRom(host)) return;
  store<T>(host, value);
  if (isVram(host)) markDirty(host);
  else if (load<u8>(pageFlags(host)) != 0) invalidateCode(host, sizeof<T>());
}

/** Where writeUpdate() stores: 0 sends it through write(). */
let updateHost: u32 = 0;
let updateVa: u64 = 0;

/**
 * Reads the destination of a read-modify-write instruction, having checked that it may be written: a fault is one of
 * a write, and nothing has changed. writeUpdate() stores the result.
 */
export function readForUpdate<T>(va: u64): T {
  const entry = tlbEntry(va);
  if (load<u64>(entry, TAG_WRITE) == wantedTag(va, sizeof<T>())) {
    updateHost = <u32>va + load<u32>(entry, ADDEND);
    return load<T>(updateHost);
  }
  return readForUpdateSlow<T>(va);
}

function readForUpdateSlow<T>(va: u64): T {
  if (cpu().tlbPart == TLB_CHECKED) {
    beginChecked(va, sizeof<T>(), Access.WRITE);
    const checked = readForUpdate<T>(va);
    endChecked();
    return checked;
  }
  checkCanonical(va);
  updateVa = va;
  updateHost = 0;
  if (crosses(va, sizeof<T>())) {
    checkCrossing(va, sizeof<T>(), Access.WRITE);
    return readSlow<T>(va);
  }
  const host = translate(va, Access.WRITE);
  return host != 0 ? load<T>(host) : readPhysical<T>(translatedPhysical);
}

/** Stores the result of a read-modify-write at the address of the last readForUpdate(). */
export function writeUpdate<T>(value: T): void {
  if (updateHost != 0) store<T>(updateHost, value);
  else write<T>(updateVa, value);
}

/** Reads 16 bytes. */
export function readVector(va: u64): v128 {
  const entry = tlbEntry(va);
  if (load<u64>(entry, TAG_READ) == wantedTag(va, 16)) return v128.load(<u32>va + load<u32>(entry, ADDEND));
  if (crosses(va, 16)) {
    checkCanonical(va);
    checkCrossing(va, 16, Access.READ);
  }
  const low = read<u64>(va);
  return i64x2.replace_lane(i64x2.splat(low), 1, read<u64>(wrap(va + 8)));
}

/** Writes 16 bytes. */
export function writeVector(va: u64, value: v128): void {
  const entry = tlbEntry(va);
  if (load<u64>(entry, TAG_WRITE) == wantedTag(va, 16)) {
    v128.store(<u32>va + load<u32>(entry, ADDEND), value);
    return;
  }
  checkWritable(va, 16);
  write<u64>(va, i64x2.extract_lane(value, 0));
  write<u64>(wrap(va + 8), i64x2.extract_lane(value, 1));
}

/** Raises what a write of `size` bytes at `va` would raise; for instructions that store in parts. */
export function checkWritable(va: u64, size: u32): void {
  checkCanonical(va);
  if (crosses(va, size)) checkCrossing(va, size, Access.WRITE);
  else translate(va, Access.WRITE);
}

/** Raises what a read of `size` bytes at `va` would raise. */
export function checkReadable(va: u64, size: u32): void {
  checkCanonical(va);
  if (crosses(va, size)) checkCrossing(va, size, Access.READ);
  else translate(va, Access.READ);
}

/**
 * Reads with supervisor rights whatever the CPL, and whatever RFLAGS.AC is: descriptor tables, TSS, interrupt stacks. SDM vol 3A
 * "Determination of Access Rights": implicit supervisor-mode accesses.
 */
export function readSystem<T>(va: u64): T {
  const part = cpu().tlbPart;
  if (part != TLB_SUPERVISOR) {
    // A fault unwinds with the part still switched; unwound() sets it right again.
    cpu().tlbPart = TLB_SUPERVISOR;
    const value = read<T>(va);
    cpu().tlbPart = part;
    return value;
  }
  return read<T>(va);
}

/** Writes as readSystem() reads. */
export function writeSystem<T>(va: u64, value: T): void {
  const part = cpu().tlbPart;
  cpu().tlbPart = TLB_SUPERVISOR;
  write<T>(va, value);
  cpu().tlbPart = part;
}

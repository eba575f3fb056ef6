/**
 * Memory access in translated code: the TLB lookup inline. Where it misses - a page walk, a fault, a device, a page with
 * code, an operand across a page end - the region is left and the interpreter executes the instruction from its
 * beginning: accesses come before the first change of registers, so nothing has happened yet (ops/backend.ts). Code
 * that stays in the region therefore calls nothing and finds no event after a store.
 */
import { CPU_SEGMENTS, CPU_TLB_GENERATION, CPU_TLB_PART, CPU_ZERO, CPU_RIP, SEGMENT_BASE, SEGMENT_SIZE } from "../abi/state";
import { EA_64, EA_64_OFFSET, EA_64_SEGMENT, EA_64_SHORT, Insn, INSN_SEGMENT_GIVEN } from "../decode/insn";
import { ADDEND, TAG_READ, TAG_WRITE, TLB_ENTRIES } from "../mmu/tlb";
import {
  emit,
  ENTRY_RIP,
  GENERATION,
  get,
  i32Const,
  i64Const,
  ifVoid,
  keep,
  keepFloat,
  keepVector,
  loadState,
  memoryOp,
  newI32,
  newLocal,
  PLACE,
  set,
  simd,
  tee,
  TLB_PART,
} from "./emit";
import { exitAtMiss, openInner } from "./exits";
import { addendLocal, cacheFor, holds, isWritable, noteFilled, pageLocal } from "./page_caches";
import { registerLocal } from "./registers";
import { byte } from "./wasm_writer";
import { V, W } from "./wasm_opcodes";

/** Log2 of a TLB entry's size. */
const ENTRY_SHIFT: u32 = 5;

/** Loads what the lookups need; again after whatever may have changed it. */
export function loadTlbLocals(): void {
  loadState(W.I32_LOAD, CPU_TLB_PART);
  set(TLB_PART);
  loadState(W.I64_LOAD32_U, CPU_TLB_GENERATION);
  set(GENERATION);
}

/** Base + index * scale + displacement of a 64-bit address, on the wasm stack; `nextDelta` is RIP's distance from the entry. */
export function pushSum(insn: Insn, nextDelta: i64): void {
  if (insn.base == <u8>CPU_RIP) {
    get(ENTRY_RIP);
    i64Const(nextDelta + <i64>insn.disp);
    emit(W.I64_ADD);
  } else if (insn.base == <u8>CPU_ZERO) {
    i64Const(<i64>insn.disp);
  } else {
    get(registerLocal(<u32>insn.base));
    if (insn.disp != 0) {
      i64Const(<i64>insn.disp);
      emit(W.I64_ADD);
    }
  }
  if (insn.index != <u8>CPU_ZERO) {
    get(registerLocal(<u32>insn.index));
    if (insn.scale != 0) {
      i64Const(<i64>insn.scale);
      emit(W.I64_SHL);
    }
    emit(W.I64_ADD);
  }
}

export function truncateTo32(): void {
  i64Const(0xffff_ffff);
  emit(W.I64_AND);
}

/** Linear address of the memory operand, in a local. */
export function linearLocal(insn: Insn, nextDelta: i64): u32 {
  const given = (insn.flags & <u16>INSN_SEGMENT_GIVEN) != 0 && insn.segment >= 4;
  switch (<u32>insn.ea) {
    case EA_64_OFFSET:
      i64Const(insn.imm);
      break;
    case EA_64_SHORT:
      pushSum(insn, nextDelta);
      truncateTo32();
      break;
    default:
      pushSum(insn, nextDelta);
      break;
  }
  if (<u32>insn.ea == EA_64_SEGMENT || (given && <u32>insn.ea != EA_64)) {
    loadState(W.I64_LOAD, CPU_SEGMENTS + <u32>insn.segment * SEGMENT_SIZE + SEGMENT_BASE);
    emit(W.I64_ADD);
  }
  return keep<u64>();
}

/** Looks `va` up in the TLB and fills the cache; leaves the region if the TLB does not have it. */
function lookUp(va: u32, bytes: u32, tag: usize, cache: u32): void {
  const entry = newI32();
  get(va);
  i64Const(12 - ENTRY_SHIFT);
  emit(W.I64_SHR_U);
  emit(W.I32_WRAP_I64);
  i32Const((TLB_ENTRIES - 1) << ENTRY_SHIFT);
  emit(W.I32_AND);
  get(TLB_PART);
  emit(W.I32_ADD);
  tee(entry);
  memoryOp(W.I64_LOAD, <u32>tag);
  get(va);
  if (bytes != 1) {
    i64Const(bytes - 1);
    emit(W.I64_ADD);
  }
  i64Const(~0xfff);
  emit(W.I64_AND);
  tee(pageLocal(cache));
  get(GENERATION);
  emit(W.I64_OR);
  emit(W.I64_NE);
  ifVoid();
  exitAtMiss(1);
  emit(W.END);
  get(entry);
  memoryOp(W.I32_LOAD, <u32>ADDEND);
  set(addendLocal(cache));
}

/**
 * Puts where `va` lies in linear memory on the wasm stack, for an access of `bytes` bytes; `base` is the register that the
 * address comes from.
 */
function pushPlace(va: u32, bytes: u32, forWrite: bool, base: u32): void {
  const cache = cacheFor(base);
  if (holds(cache, forWrite)) {
    get(va);
    get(pageLocal(cache));
    emit(W.I64_XOR);
    i64Const(0x1000 - bytes);
    emit(W.I64_GT_U);
    ifVoid();
    // What is known of the cache stays true.
    openInner(1);
    lookUp(va, bytes, isWritable(cache) ? TAG_WRITE : TAG_READ, cache);
    openInner(-1);
    emit(W.END);
  } else {
    lookUp(va, bytes, forWrite ? TAG_WRITE : TAG_READ, cache);
    noteFilled(cache, forWrite);
  }
  get(va);
  emit(W.I32_WRAP_I64);
  get(addendLocal(cache));
  emit(W.I32_ADD);
}

// prettier-ignore
@inline
function loadOp<T>(): u32 {
  return sizeof<T>() == 1 ? W.I32_LOAD8_U : sizeof<T>() == 2 ? W.I32_LOAD16_U : sizeof<T>() == 4 ? W.I32_LOAD : W.I64_LOAD;
}
// prettier-ignore
@inline
function storeOp<T>(): u32 {
  return sizeof<T>() == 1 ? W.I32_STORE8 : sizeof<T>() == 2 ? W.I32_STORE16 : sizeof<T>() == 4 ? W.I32_STORE : W.I64_STORE;
}

/** Loads a T from linear address `va`. */
export function loadLocal<T>(va: u32, base: u32): u32 {
  pushPlace(va, sizeof<T>(), false, base);
  memoryOp(loadOp<T>(), 0);
  return keep<T>();
}

/** Leaves the region unless `va` is a multiple of 16: the interpreter raises #GP. */
function requireAligned(va: u32): void {
  get(va);
  emit(W.I32_WRAP_I64);
  i32Const(15);
  emit(W.I32_AND);
  ifVoid();
  exitAtMiss(1);
  emit(W.END);
}

/** Loads 16 bytes. */
export function loadVector(va: u32, base: u32, isAligned: bool): u32 {
  if (isAligned) requireAligned(va);
  pushPlace(va, 16, false, base);
  simd(V.LOAD);
  byte(0);
  byte(0);
  return keepVector();
}

/** Stores 16 bytes. */
export function storeVectorValue(va: u32, base: u32, value: u32, isAligned: bool): void {
  if (isAligned) requireAligned(va);
  pushPlace(va, 16, true, base);
  get(value);
  simd(V.STORE);
  byte(0);
  byte(0);
}

/** Loads an f32 or f64. */
export function loadFloat<T>(va: u32, base: u32): u32 {
  pushPlace(va, sizeof<T>(), false, base);
  memoryOp(sizeof<T>() == 8 ? W.F64_LOAD : W.F32_LOAD, 0);
  return keepFloat<T>();
}

/** Stores a T at linear address `va`. */
export function storeValue<T>(va: u32, base: u32, value: u32): void {
  pushPlace(va, sizeof<T>(), true, base);
  get(value);
  memoryOp(storeOp<T>(), 0);
}

/** Loads for a read-modify-write: PLACE is then where to store. */
export function loadUpdateLocal<T>(va: u32, base: u32): u32 {
  pushPlace(va, sizeof<T>(), true, base);
  tee(PLACE);
  memoryOp(loadOp<T>(), 0);
  return keep<T>();
}

export function storeUpdate<T>(value: u32): void {
  get(PLACE);
  get(value);
  memoryOp(storeOp<T>(), 0);
}

/**
 * Writing one function of wasm, an operation at a time; and its locals.
 *
 *     0        the CPU's state base
 *     1-16     RAX .. R15 (i64)
 *     17-23    late flags A, B, result, the value of an override; RIP of the entry; generation of TLB tags; where it missed (i64)
 *     24-27    page caches
 *     28..     temporaries of one instruction (i64)
 *     then     i32: kind of the late flags, of their override, budget, distance of the exit, TLB part, place of an update, narrow late flags,
 *              whether PE is set, page caches, temporaries
 *     then     XMM0 .. XMM15 and temporaries (v128), temporaries (f32), temporaries (f64)
 */
import { byte, signed, unsigned } from "./wasm_writer";
import { Type, W } from "./wasm_opcodes";

export const CPU: u32 = 0;
export const REGISTER: u32 = 1;
export const FLAGS_A: u32 = 17;
export const FLAGS_B: u32 = 18;
export const FLAGS_RESULT: u32 = 19;
export const ENTRY_RIP: u32 = 20;
export const GENERATION: u32 = 21;
export const MISS: u32 = 22;
export const OVERRIDDEN: u32 = 23;
/** Page caches (page_caches.ts): four pages, and further on four addends. */
export const PAGE_ADDRESS: u32 = 24;
const FIRST_I64: u32 = 28;
const NR_I64: u32 = 32;
export const FLAGS_KIND: u32 = FIRST_I64 + NR_I64;
export const BUDGET: u32 = FLAGS_KIND + 1;
export const EXIT_DELTA: u32 = FLAGS_KIND + 2;
export const TLB_PART: u32 = FLAGS_KIND + 3;
export const PLACE: u32 = FLAGS_KIND + 4;
/** FLAGS_A, FLAGS_B, FLAGS_RESULT of operations narrower than 64 bits, not yet extended. */
export const NARROW_A: u32 = FLAGS_KIND + 5;
export const NARROW_B: u32 = FLAGS_KIND + 6;
export const NARROW_RESULT: u32 = FLAGS_KIND + 7;
export const OVERRIDE: u32 = FLAGS_KIND + 8;
export const INEXACT: u32 = FLAGS_KIND + 9;
export const PAGE_ADDEND: u32 = FLAGS_KIND + 10;
const FIRST_I32: u32 = FLAGS_KIND + 14;
const NR_I32: u32 = 32;
export const XMM: u32 = FIRST_I32 + NR_I32;
const FIRST_V128: u32 = XMM + 16;
const NR_V128: u32 = 16;
const FIRST_F32: u32 = FIRST_V128 + NR_V128;
const NR_F32: u32 = 16;
const FIRST_F64: u32 = FIRST_F32 + NR_F32;
const NR_F64: u32 = 16;

let nextI64: u32 = 0;
let nextI32: u32 = 0;
let nextV128: u32 = 0;
let nextF32: u32 = 0;
let nextF64: u32 = 0;

/** Declares the locals: the beginning of a function body. */
export function writeLocals(): void {
  unsigned(5);
  unsigned(FLAGS_KIND - 1);
  byte(Type.I64);
  unsigned(XMM - FLAGS_KIND);
  byte(Type.I32);
  unsigned(FIRST_F32 - XMM);
  byte(Type.V128);
  unsigned(NR_F32);
  byte(Type.F32);
  unsigned(NR_F64);
  byte(Type.F64);
}

export function emit(opcode: u32): void {
  byte(opcode);
}
export function get(local: u32): void {
  byte(W.LOCAL_GET);
  unsigned(local);
}
export function set(local: u32): void {
  byte(W.LOCAL_SET);
  unsigned(local);
}
export function tee(local: u32): void {
  byte(W.LOCAL_TEE);
  unsigned(local);
}
export function i32Const(value: u32): void {
  byte(W.I32_CONST);
  signed(<i64>(<i32>value));
}
export function i64Const(value: i64): void {
  byte(W.I64_CONST);
  signed(value);
}
/** A load or store, alignment not promised. */
export function memoryOp(opcode: u32, offset: u32): void {
  byte(opcode);
  byte(0);
  unsigned(offset);
}
/** Loads a field of CpuState. */
export function loadState(opcode: u32, offset: u32): void {
  get(CPU);
  memoryOp(opcode, offset);
}
export function storeState32(offset: u32, value: u32): void {
  get(CPU);
  i32Const(value);
  memoryOp(W.I32_STORE, offset);
}
/** Stores a local in CpuState. */
export function storeLocal(opcode: u32, offset: u32, local: u32): void {
  get(CPU);
  get(local);
  memoryOp(opcode, offset);
}
export function call(index: u32): void {
  byte(W.CALL);
  unsigned(index);
}
export function ifVoid(): void {
  byte(W.IF);
  byte(Type.NONE);
}
export function branch(depth: u32): void {
  byte(W.BR);
  unsigned(depth);
}

/** The temporaries are free again. */
export function releaseLocals(): void {
  nextI64 = 0;
  nextI32 = 0;
  nextV128 = 0;
  nextF32 = 0;
  nextF64 = 0;
}
export function newI64(): u32 {
  const local = FIRST_I64 + nextI64++;
  if (nextI64 > NR_I64) unreachable();
  return local;
}
export function newI32(): u32 {
  const local = FIRST_I32 + nextI32++;
  if (nextI32 > NR_I32) unreachable();
  return local;
}
export function newLocal<T>(): u32 {
  return sizeof<T>() == 8 ? newI64() : newI32();
}
/** Keeps the value on the wasm stack in a new local. */
export function keep<T>(): u32 {
  const local = newLocal<T>();
  set(local);
  return local;
}
/** A vector operation, without immediates. */
export function simd(opcode: u32): void {
  byte(W.SIMD);
  unsigned(opcode);
}
/** Keeps the v128 on the wasm stack in a new local. */
export function keepVector(): u32 {
  const local = FIRST_V128 + nextV128++;
  if (nextV128 > NR_V128) unreachable();
  set(local);
  return local;
}
/** Keeps the f32 or f64 on the wasm stack in a new local. */
export function keepFloat<T>(): u32 {
  const local = sizeof<T>() == 8 ? FIRST_F64 + nextF64++ : FIRST_F32 + nextF32++;
  if (nextF64 > NR_F64 || nextF32 > NR_F32) unreachable();
  set(local);
  return local;
}
/** Truncates the i32 on the wasm stack to T. */
export function truncate<T>(): void {
  if (sizeof<T>() == 1) {
    i32Const(0xff);
    emit(W.I32_AND);
  } else if (sizeof<T>() == 2) {
    i32Const(0xffff);
    emit(W.I32_AND);
  }
}
/** Picks the 32- or 64-bit form of an operation. */
// prettier-ignore
@inline
export function wider<T>(narrow: u32, wide: u32): u32 {
  return sizeof<T>() == 8 ? wide : narrow;
}
/** Sign-extends the i32 on the wasm stack, of `bytes` significant bytes. */
export function extendNarrow(bytes: u32): void {
  if (bytes == 1) emit(W.I32_EXTEND8_S);
  if (bytes == 2) emit(W.I32_EXTEND16_S);
}
/** Puts the value of a local on the wasm stack as a sign-extended i64. */
export function getWide<T>(local: u32): void {
  get(local);
  if (sizeof<T>() == 8) return;
  extendNarrow(sizeof<T>());
  emit(W.I64_EXTEND_I32_S);
}

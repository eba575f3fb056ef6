/**
 * General and XMM registers in translated code: i64 and v128 locals from the region's entry to its exits. What is used and what is written
 * anywhere in the region is learned in a first pass; entry and exits move just these.
 */
import { CPU_REGS, CPU_XMM } from "../abi/state";
import { CPU, emit, get, i64Const, keep, loadState, REGISTER, set, simd, storeLocal, truncate, XMM } from "./emit";
import { byte, unsigned } from "./wasm_writer";
import { V, W } from "./wasm_opcodes";

/** Bit n: register n. */
let used: u32 = 0;
let written: u32 = 0;
let usedXmm: u32 = 0;
let writtenXmm: u32 = 0;
/** What differs from CpuState here: bit n register n, bit 16 + n XMM register n. */
let dirty: u32 = 0;

export function forgetRegisters(): void {
  used = 0;
  written = 0;
  usedXmm = 0;
  writtenXmm = 0;
}

/** What is known to be changed, to be put back where another path begins. */
export function dirtyRegisters(): u32 {
  return dirty;
}
export function setDirtyRegisters(value: u32): void {
  dirty = value;
}
/** Everything that the region writes may be changed. */
export function allAreDirty(): void {
  dirty = written | (writtenXmm << 16);
}

/** The local of the XMM register at an offset from XMM0's. */
export function xmmLocal(offset: u32): u32 {
  usedXmm |= 1 << (offset >> 4);
  return XMM + (offset >> 4);
}

export function writtenXmmLocal(offset: u32): u32 {
  writtenXmm |= 1 << (offset >> 4);
  dirty |= 0x1_0000 << (offset >> 4);
  return xmmLocal(offset);
}

function vectorOp(opcode: u32, offset: u32): void {
  simd(opcode);
  byte(0);
  unsigned(offset);
}

export function registerLocal(offset: u32): u32 {
  used |= 1 << (offset >> 3);
  return REGISTER + (offset >> 3);
}

export function writtenLocal(offset: u32): u32 {
  written |= 1 << (offset >> 3);
  dirty |= 1 << (offset >> 3);
  return registerLocal(offset);
}

/** Loads what the region uses from CpuState. */
export function reloadRegisters(): void {
  dirty = 0;
  for (let i: u32 = 0; i < 16; i++) {
    if ((used & (1 << i)) == 0) continue;
    loadState(W.I64_LOAD, CPU_REGS + i * 8);
    set(REGISTER + i);
  }
  for (let i: u32 = 0; i < 16; i++) {
    if ((usedXmm & (1 << i)) == 0) continue;
    get(CPU);
    vectorOp(V.LOAD, CPU_XMM + i * 16);
    set(XMM + i);
  }
}

/** Stores what is changed in CpuState. */
export function spillRegisters(): void {
  for (let i: u32 = 0; i < 16; i++) {
    if ((dirty & (1 << i)) != 0) storeLocal(W.I64_STORE, CPU_REGS + i * 8, REGISTER + i);
  }
  for (let i: u32 = 0; i < 16; i++) {
    if ((dirty & (0x1_0000 << i)) == 0) continue;
    get(CPU);
    get(XMM + i);
    vectorOp(V.STORE, CPU_XMM + i * 16);
  }
}

export function readRegisterLocal<T>(offset: u32): u32 {
  get(registerLocal(offset));
  if (sizeof<T>() == 8) return keep<T>();
  if ((offset & 7) != 0) {
    i64Const(8);
    emit(W.I64_SHR_U);
  }
  emit(W.I32_WRAP_I64);
  truncate<T>();
  return keep<T>();
}

export function writeRegisterLocal<T>(offset: u32, value: u32): void {
  const local = writtenLocal(offset);
  if (sizeof<T>() == 8) {
    get(value);
  } else if (sizeof<T>() == 4) {
    get(value);
    emit(W.I64_EXTEND_I32_U);
  } else {
    const shift: i64 = (offset & 7) != 0 ? 8 : 0;
    const mask: i64 = sizeof<T>() == 1 ? 0xff : 0xffff;
    get(local);
    i64Const(~(mask << shift));
    emit(W.I64_AND);
    get(value);
    emit(W.I64_EXTEND_I32_U);
    if (shift != 0) {
      i64Const(shift);
      emit(W.I64_SHL);
    }
    emit(W.I64_OR);
  }
  set(local);
}

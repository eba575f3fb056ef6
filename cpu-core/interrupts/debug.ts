/**
 * Debug exceptions: breakpoints, traps that wait for the end of the instruction, DR6. SDM vol 3B "Debug, Branch Profile, TSC".
 *
 *     instruction   before it executes, unless RF: a fault           run.ts asks matchInstruction()
 *     data, I/O     noted while it executes, a trap after it         mmu/access.ts, ops/io.ts call noteAccess(), notePort()
 *     single step   TF was set when it began: a trap after it        run.ts
 *     task switch   T bit of the new TSS: a trap after it            state/task.ts
 *
 * While a breakpoint is enabled (state/stepping.ts), run.ts executes one instruction at a time, and accesses take the checked part of
 * the TLB (mmu/tlb.ts); otherwise nothing here costs anything.
 */
import { CPU_DR, CR4_DE, EVENT_TRAP, NO_ERROR_CODE } from "../abi/state";
import { VECTOR_DB } from "../abi/vectors";
import { cpu, cpuBase } from "../state/cpu";
import { updateMode } from "../state/mode";
import { armBreakpoints, armedBreakpoints } from "../state/stepping";
import { deliver, Source } from "./deliver";
import { raise } from "./raise";

export const DR6_BD: u32 = 1 << 13;
export const DR6_BS: u32 = 1 << 14;
export const DR6_BT: u32 = 1 << 15;
const DR6_B: u32 = 15; // B0-B3
export const DR7_GD: u64 = 1 << 13;
/** L0-L3 and LE. */
const DR7_LOCAL: u64 = 0x155;
/** L0-L3 and G0-G3. */
const DR7_ENABLES: u32 = 0xff;

/** R/W fields of DR7. */
const RW_EXECUTE: u32 = 0;
const RW_WRITE: u32 = 1;
const RW_IO: u32 = 2;
const RW_ACCESS: u32 = 3;

/** Data and I/O breakpoints that the current instruction hit: bits of DR6. */
let hits: u32 = 0;

export function debugRegister(number: u32): u64 {
  return load<u64>(cpuBase() + (number << 3), CPU_DR);
}

/** Sets a debug register; the value is valid. */
export function setDebugRegister(number: u32, value: u64): void {
  store<u64>(cpuBase() + (number << 3), value, CPU_DR);
  const dr7 = <u32>debugRegister(7);
  armBreakpoints(dr7 & DR7_ENABLES, hasDataBreakpoint(dr7));
  updateMode();
}

function hasDataBreakpoint(dr7: u32): bool {
  for (let n: u32 = 0; n < 4; n++) {
    const kind = (dr7 >> (16 + n * 4)) & 3;
    if (((dr7 >> (n * 2)) & 3) != 0 && (kind == RW_WRITE || kind == RW_ACCESS)) return true;
  }
  return false;
}

/** A task switch ends the breakpoints of the old task. */
export function clearLocalBreakpoints(): void {
  setDebugRegister(7, debugRegister(7) & ~DR7_LOCAL);
}

/** Entering the handler of #DB makes the debug registers accessible. */
export function clearGeneralDetect(): void {
  store<u64>(cpuBase(), load<u64>(cpuBase(), CPU_DR + 56) & ~DR7_GD, CPU_DR + 56);
}

/** Bytes that a LEN field of DR7 stands for. */
function lengthOf(field: u32): u64 {
  return field == 2 ? 8 : <u64>(field + 1);
}

/**
 * Bits of DR6 for all breakpoints of the kinds in `kinds` (1 << RW_*) that meet [at, at + size), enabled or not; 0 if no enabled
 * one is among them. SDM vol 3B "Debug Status Register (DR6)".
 */
function match(at: u64, size: u32, kinds: u32): u32 {
  const dr7 = <u32>debugRegister(7);
  let bits: u32 = 0;
  let isEnabled = false;
  for (let n: u32 = 0; n < 4; n++) {
    const control = dr7 >> (16 + n * 4);
    if (((1 << (control & 3)) & kinds) == 0) continue;
    const length = lengthOf((control >> 2) & 3);
    const start = debugRegister(n) & ~(length - 1);
    if (at >= start + length || at + <u64>size <= start) continue;
    bits |= 1 << n;
    if (((dr7 >> (n * 2)) & 3) != 0) isEnabled = true;
  }
  return isEnabled ? bits : 0;
}

/** Notes a data access of the current instruction. */
export function noteAccess(va: u64, size: u32, isWrite: bool): void {
  hits |= match(va, size, isWrite ? (1 << RW_WRITE) | (1 << RW_ACCESS) : 1 << RW_ACCESS);
}

/** Notes an access to I/O ports [port, port + size). */
export function notePort(port: u32, size: u32): void {
  if (armedBreakpoints() != 0 && (cpu().cr4 & CR4_DE) != 0) hits |= match(<u64>port, size, 1 << RW_IO);
}

/** Instruction breakpoints at linear address `va`: bits of DR6. */
export function matchInstruction(va: u64): u32 {
  return match(va, 1, 1 << RW_EXECUTE);
}

/** Holds traps until the next instruction boundary that lets them through. */
export function holdTraps(bits: u32): void {
  if (bits == 0) return;
  cpu().pendingTraps |= bits;
  cpu().events |= EVENT_TRAP;
}

/** The current instruction is complete: what it hit waits for the boundary. */
export function finishInstruction(): void {
  holdTraps(hits);
  hits = 0;
}

/** The current instruction faulted: it hit nothing. */
export function forgetHits(): void {
  hits = 0;
}

/** DR6 of a debug exception. B0-B3 tell of this one only; the processor never clears the others. */
function report(bits: u32): void {
  const dr6 = debugRegister(6) & ~(<u64>DR6_B);
  store<u64>(cpuBase(), dr6 | <u64>bits, CPU_DR + 48);
}

/** Delivers #DB for what has been held. */
export function deliverTraps(): void {
  const bits = cpu().pendingTraps;
  cpu().pendingTraps = 0;
  cpu().events &= ~EVENT_TRAP;
  deliverDebug(bits);
}

/** Delivers #DB; RIP is what the handler is to return to. */
export function deliverDebug(bits: u32): void {
  report(bits);
  deliver(VECTOR_DB, Source.TRAP, NO_ERROR_CODE);
}

/** Raises the #DB of an access to debug registers while DR7.GD is set: a fault. */
export function raiseGeneralDetect(): void {
  report((<u32>debugRegister(6) & DR6_B) | DR6_BD);
  raise(VECTOR_DB);
}

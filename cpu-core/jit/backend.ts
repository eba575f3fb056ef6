/**
 * The backend that writes WebAssembly: see ops/backend.ts for the vocabulary. A value is the index of a wasm local.
 *
 * General registers live in i64 locals from the region's entry to its exits. Late flags live in three i64 locals
 * (flagsA, flagsB, flagsResult) with their kind known while translating; they go to memory at the ends of blocks and
 * before calls. Anything that may fault first puts registers, flags, RIP and the current Insn into CpuState ("spill"),
 * in the cold branch only, so that unwinding finds what the interpreter would have left.
 *
 *     locals:  0 the CPU's state base | 1-16 RAX..R15 | 17-19 flags A, B, result | 20 RIP of the region's entry
 *              21 next block (i32) | 22 place of a read-modify-write (i32) | 23.. i64 temporaries | i32 temporaries
 */
import {
  CPU_BLOCK_END,
  CPU_BUDGET,
  CPU_FLAGS_A,
  CPU_FLAGS_B,
  CPU_FLAGS_OP,
  CPU_FLAGS_RESULT,
  CPU_INSN,
  CPU_REGS,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SEGMENTS,
  CPU_TLB_GENERATION,
  CPU_TLB_PART,
  FLAG_CF,
  RSP,
  SEGMENT_BASE,
  SEGMENT_SIZE,
} from "../abi/state";
import {
  EA_64,
  EA_64_OFFSET,
  EA_64_SEGMENT,
  EA_64_SHORT,
  Insn,
  INSN_SEGMENT_GIVEN,
  OPERAND_IMMEDIATE,
  OPERAND_MEMORY,
} from "../decode/insn";
import { ADDEND, TAG_READ, TAG_WRITE, TLB_ENTRIES } from "../mmu/tlb";
import { ShiftOf } from "../ops/backend";
import { FlagsOf } from "../state/rflags";
import { CPU_ZERO } from "../abi/state";
import { Import } from "./module";
import { byte, signed, unsigned } from "./wasm_writer";
import { Type, W } from "./wasm_opcodes";

const CPU: u32 = 0;
const REGISTER: u32 = 1;
const FLAGS_A: u32 = 17;
const FLAGS_B: u32 = 18;
const FLAGS_RESULT: u32 = 19;
const ENTRY_RIP: u32 = 20;
export const NEXT: u32 = 21;
const PLACE: u32 = 22;
const FIRST_I64: u32 = 23;
const NR_I64: u32 = 40;
const FIRST_I32: u32 = FIRST_I64 + NR_I64;
const NR_I32: u32 = 40;

/** The flags are in CpuState: nothing is known while translating. */
const IN_STATE: u32 = 0xff;

// What is being translated. Private to the translator; nothing here outlives a translation.
let nextI64: u32 = 0;
let nextI32: u32 = 0;
/** Registers read or written anywhere in the region, bit n: register n. The first pass collects them. */
let usedRegisters: u32 = 0;
let writtenRegisters: u32 = 0;
let flagsKind: u32 = IN_STATE;
let current: Insn = changetype<Insn>(0);
/** RIP after the current instruction, as a distance from the region's entry. */
let nextDelta: i64 = 0;
/** Instructions of the block up to and including the current one. */
let blockCount: u32 = 0;
let stored: bool = false;
let ended: bool = false;

/** Where the block's successors are: index in the region, or -1. */
let takenIndex: i32 = -1;
let fallIndex: i32 = -1;
/** How many enclosing wasm blocks a `br` to the region's loop leaves. */
let loopDepth: u32 = 0;

// Writing, one operation each --------------------------------------------------------------------------------------

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
function tee(local: u32): void {
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
function call(index: Import): void {
  byte(W.CALL);
  unsigned(index);
}
function ifVoid(): void {
  byte(W.IF);
  byte(Type.NONE);
}

function newI64(): u32 {
  const local = FIRST_I64 + nextI64++;
  if (nextI64 > NR_I64) unreachable();
  return local;
}
function newI32(): u32 {
  const local = FIRST_I32 + nextI32++;
  if (nextI32 > NR_I32) unreachable();
  return local;
}
function newLocal<T>(): u32 {
  return sizeof<T>() == 8 ? newI64() : newI32();
}
/** Keeps the value on the wasm stack in a new local. */
function keep<T>(): u32 {
  const local = newLocal<T>();
  set(local);
  return local;
}
/** Truncates the i32 on the wasm stack to T. */
function truncate<T>(): void {
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
function wider<T>(narrow: u32, wide: u32): u32 {
  return sizeof<T>() == 8 ? wide : narrow;
}
/** Puts the value of a local on the wasm stack as a sign-extended i64. */
function getWide<T>(local: u32): void {
  get(local);
  if (sizeof<T>() == 8) return;
  if (sizeof<T>() == 1) emit(W.I32_EXTEND8_S);
  if (sizeof<T>() == 2) emit(W.I32_EXTEND16_S);
  emit(W.I64_EXTEND_I32_S);
}

// The region and its blocks ------------------------------------------------------------------------------------------

/** Declares the locals: the beginning of a function body. */
export function writeLocals(): void {
  unsigned(4);
  unsigned(20);
  byte(Type.I64);
  unsigned(2);
  byte(Type.I32);
  unsigned(NR_I64);
  byte(Type.I64);
  unsigned(NR_I32);
  byte(Type.I32);
}

/** Begins a pass; the second one keeps what the first learned of the registers. */
export function beginRegion(isFirstPass: bool): void {
  if (isFirstPass) {
    usedRegisters = 0;
    writtenRegisters = 0;
  }
  flagsKind = IN_STATE;
}

/** Loads what the region uses. */
export function writeEntry(): void {
  get(CPU);
  memoryOp(W.I64_LOAD, CPU_RIP);
  set(ENTRY_RIP);
  reload();
}

export function beginBlock(taken: i32, fall: i32, depth: u32): void {
  takenIndex = taken;
  fallIndex = fall;
  loopDepth = depth;
  blockCount = 0;
  flagsKind = IN_STATE;
  ended = false;
}

export function beginInsn(insn: Insn, delta: i64): void {
  current = insn;
  nextDelta = delta;
  blockCount++;
  nextI64 = 0;
  nextI32 = 0;
  stored = false;
}

/** After each instruction but the last: a store may have changed the code that follows. */
export function endInsn(): void {
  if (stored && !ended) {
    get(CPU);
    memoryOp(W.I32_LOAD, CPU_BLOCK_END);
    emit(W.I32_EQZ);
    ifVoid();
    exitHere();
    emit(W.END);
  }
}

/** The block ran into its successor. */
export function endBlock(): void {
  if (!ended) goTo(fallIndex, nextDelta, 0);
}

export function hasEnded(): bool {
  return ended;
}

function reload(): void {
  for (let i: u32 = 0; i < 16; i++) {
    if ((usedRegisters & (1 << i)) == 0) continue;
    get(CPU);
    memoryOp(W.I64_LOAD, CPU_REGS + i * 8);
    set(REGISTER + i);
  }
}

function spillRegisters(): void {
  for (let i: u32 = 0; i < 16; i++) {
    if ((writtenRegisters & (1 << i)) == 0) continue;
    get(CPU);
    get(REGISTER + i);
    memoryOp(W.I64_STORE, CPU_REGS + i * 8);
  }
}

/** Writes flags held in locals to CpuState; what is known of them stays known. */
function spillFlags(): void {
  if (flagsKind == IN_STATE) return;
  get(CPU);
  i32Const(flagsKind);
  memoryOp(W.I32_STORE, CPU_FLAGS_OP);
  get(CPU);
  get(FLAGS_A);
  memoryOp(W.I64_STORE, CPU_FLAGS_A);
  get(CPU);
  get(FLAGS_B);
  memoryOp(W.I64_STORE, CPU_FLAGS_B);
  get(CPU);
  get(FLAGS_RESULT);
  memoryOp(W.I64_STORE, CPU_FLAGS_RESULT);
}

/** Flags into CpuState for good: whoever asks next reads them there. */
function flushFlags(): void {
  spillFlags();
  flagsKind = IN_STATE;
}

function writeRip(delta: i64): void {
  get(CPU);
  get(ENTRY_RIP);
  i64Const(delta);
  emit(W.I64_ADD);
  memoryOp(W.I64_STORE, CPU_RIP);
}

/** Everything that unwinding needs, before a call that may fault. */
function spillForFault(): void {
  spillRegisters();
  spillFlags();
  writeRip(nextDelta);
  get(CPU);
  i32Const(<u32>changetype<usize>(current));
  memoryOp(W.I32_STORE, CPU_INSN);
}

/** Takes the block's instructions up to the current one off the budget. */
function writeRetired(): void {
  get(CPU);
  get(CPU);
  memoryOp(W.I32_LOAD, CPU_BUDGET);
  i32Const(blockCount);
  emit(W.I32_SUB);
  memoryOp(W.I32_STORE, CPU_BUDGET);
}

/** Leaves the region after the current instruction. */
function exitHere(): void {
  spillRegisters();
  spillFlags();
  writeRip(nextDelta);
  writeRetired();
  emit(W.RETURN);
}

/** Leaves the region for its own block at `delta`, before any of it ran. */
export function exitBefore(delta: i64): void {
  spillRegisters();
  writeRip(delta);
  emit(W.RETURN);
}

/** Ends the block towards `delta`: within the region if it is there, else out. `nested` wasm blocks are open here. */
function goTo(index: i32, delta: i64, nested: u32): void {
  spillFlags();
  writeRetired();
  if (index >= 0) {
    if (stored) {
      // The store may have been to the code we are about to enter.
      get(CPU);
      memoryOp(W.I32_LOAD, CPU_BLOCK_END);
      emit(W.I32_EQZ);
      ifVoid();
      exitBefore(delta);
      emit(W.END);
    }
    i32Const(index);
    set(NEXT);
    byte(W.BR);
    unsigned(loopDepth + nested);
  } else {
    exitBefore(delta);
  }
}

/** Calls the interpreter's form of the current instruction. */
export function callInterpreter(insn: Insn, endsBlock: bool): void {
  flushFlags();
  spillForFault();
  i32Const(<u32>changetype<usize>(insn));
  call(Import.PERFORM);
  if (endsBlock) {
    writeRetired();
    emit(W.RETURN);
    ended = true;
    return;
  }
  reload();
  // Code may have changed, or the instruction wants to begin anew: RIP in CpuState is right either way.
  get(CPU);
  memoryOp(W.I32_LOAD, CPU_BLOCK_END);
  emit(W.I32_EQZ);
  ifVoid();
  writeRetired();
  emit(W.RETURN);
  emit(W.END);
}

// Registers ----------------------------------------------------------------------------------------------------------

function registerLocal(offset: u32): u32 {
  usedRegisters |= 1 << (offset >> 3);
  return REGISTER + (offset >> 3);
}

function writtenLocal(offset: u32): u32 {
  writtenRegisters |= 1 << (offset >> 3);
  return registerLocal(offset);
}

function readRegisterLocal<T>(offset: u32): u32 {
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

function writeRegisterLocal<T>(offset: u32, value: u32): void {
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

// Memory -------------------------------------------------------------------------------------------------------------

/** Base + index * scale + displacement of a 64-bit address, on the wasm stack. */
function pushSum(insn: Insn): void {
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

function pushSegmentBase(segment: u32): void {
  get(CPU);
  memoryOp(W.I64_LOAD, CPU_SEGMENTS + segment * SEGMENT_SIZE + SEGMENT_BASE);
}

function truncate32(): void {
  i64Const(0xffff_ffff);
  emit(W.I64_AND);
}

/** Linear address of the memory operand, in a local. */
function linearLocal(insn: Insn): u32 {
  const given = (insn.flags & <u16>INSN_SEGMENT_GIVEN) != 0 && insn.segment >= 4;
  switch (<u32>insn.ea) {
    case EA_64_OFFSET:
      i64Const(insn.imm);
      break;
    case EA_64_SHORT:
      pushSum(insn);
      truncate32();
      break;
    default:
      pushSum(insn);
      break;
  }
  if (<u32>insn.ea == EA_64_SEGMENT || (given && <u32>insn.ea != EA_64)) {
    pushSegmentBase(insn.segment);
    emit(W.I64_ADD);
  }
  return keep<u64>();
}

/** Leaves on the wasm stack whether the TLB has `va` for an access of `bytes` bytes; `entry` gets the entry's place. */
function testTlb(va: u32, entry: u32, bytes: u32, tag: u32): void {
  get(CPU);
  memoryOp(W.I32_LOAD, CPU_TLB_PART);
  get(va);
  i64Const(12);
  emit(W.I64_SHR_U);
  emit(W.I32_WRAP_I64);
  i32Const(TLB_ENTRIES - 1);
  emit(W.I32_AND);
  i32Const(5);
  emit(W.I32_SHL);
  emit(W.I32_ADD);
  tee(entry);
  memoryOp(W.I64_LOAD, tag);
  get(va);
  if (bytes != 1) {
    i64Const(bytes - 1);
    emit(W.I64_ADD);
  }
  i64Const(~0xfff);
  emit(W.I64_AND);
  get(CPU);
  memoryOp(W.I64_LOAD32_U, CPU_TLB_GENERATION);
  emit(W.I64_OR);
  emit(W.I64_EQ);
}

/** Puts where `va` lies in linear memory on the wasm stack. */
function pushPlace(va: u32, entry: u32): void {
  get(va);
  emit(W.I32_WRAP_I64);
  get(entry);
  memoryOp(W.I32_LOAD, <u32>ADDEND);
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
/** Index among four imports by width. */
// prettier-ignore
@inline
function widthOf<T>(): u32 {
  return sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3;
}

function loadLocal<T>(va: u32): u32 {
  const entry = newI32();
  const value = newLocal<T>();
  testTlb(va, entry, sizeof<T>(), <u32>TAG_READ);
  ifVoid();
  pushPlace(va, entry);
  memoryOp(loadOp<T>(), 0);
  set(value);
  emit(W.ELSE);
  spillForFault();
  get(va);
  call(<Import>(<u32>Import.READ8 + widthOf<T>()));
  set(value);
  emit(W.END);
  return value;
}

function storeLocal<T>(va: u32, value: u32): void {
  const entry = newI32();
  testTlb(va, entry, sizeof<T>(), <u32>TAG_WRITE);
  ifVoid();
  pushPlace(va, entry);
  get(value);
  memoryOp(storeOp<T>(), 0);
  emit(W.ELSE);
  spillForFault();
  get(va);
  get(value);
  call(<Import>(<u32>Import.WRITE8 + widthOf<T>()));
  emit(W.END);
  stored = true;
}

/** Loads for a read-modify-write: PLACE is where to store, 0 if the core has to. */
function loadUpdateLocal<T>(va: u32): u32 {
  const entry = newI32();
  const value = newLocal<T>();
  testTlb(va, entry, sizeof<T>(), <u32>TAG_WRITE);
  ifVoid();
  pushPlace(va, entry);
  tee(PLACE);
  memoryOp(loadOp<T>(), 0);
  set(value);
  emit(W.ELSE);
  spillForFault();
  get(va);
  call(<Import>(<u32>Import.UPDATE8 + widthOf<T>()));
  set(value);
  i32Const(0);
  set(PLACE);
  emit(W.END);
  return value;
}

function storeUpdateLocal<T>(value: u32): void {
  get(PLACE);
  ifVoid();
  get(PLACE);
  get(value);
  memoryOp(storeOp<T>(), 0);
  emit(W.ELSE);
  spillForFault();
  get(value);
  call(<Import>(<u32>Import.FINISH8 + widthOf<T>()));
  emit(W.END);
  stored = true;
}

function binary<T>(a: u32, b: u32, narrow: u32, wide: u32): u32 {
  get(a);
  get(b);
  emit(wider<T>(narrow, wide));
  if (sizeof<T>() < 4) truncate<T>();
  return keep<T>();
}

/** Whether the locals know flag kind `kind`. */
// prettier-ignore
@inline
function knows(kind: FlagsOf): bool {
  return flagsKind == <u32>kind;
}

/** The six comparisons that follow from A and B of a SUB, by cc >> 1; 0 if not one of them. */
function comparisonOf(cc: u32): u32 {
  switch (cc >> 1) {
    case 1: return W.I64_LT_U; // prettier-ignore
    case 2: return W.I64_EQ; // prettier-ignore
    case 3: return W.I64_LE_U; // prettier-ignore
    case 6: return W.I64_LT_S; // prettier-ignore
    case 7: return W.I64_LE_S; // prettier-ignore
  }
  return 0;
}

/** Leaves a condition on the wasm stack as an i32. */
function pushCondition(cc: u32): void {
  const comparison = comparisonOf(cc);
  const half = cc >> 1;
  if (knows(FlagsOf.SUB) && comparison != 0) {
    get(FLAGS_A);
    get(FLAGS_B);
    emit(comparison);
  } else if (flagsKind != IN_STATE && half == 2) {
    get(FLAGS_RESULT);
    emit(W.I64_EQZ);
  } else if (flagsKind != IN_STATE && half == 4) {
    get(FLAGS_RESULT);
    i64Const(0);
    emit(W.I64_LT_S);
  } else if (knows(FlagsOf.LOGIC) && half == 6) {
    get(FLAGS_RESULT);
    i64Const(0);
    emit(W.I64_LT_S);
  } else if (knows(FlagsOf.LOGIC) && half == 7) {
    get(FLAGS_RESULT);
    i64Const(0);
    emit(W.I64_LE_S);
  } else {
    flushFlags();
    i32Const(cc & 14);
    call(Import.CONDITION);
  }
  if ((cc & 1) != 0) emit(W.I32_EQZ);
}

/** Leaves CF on the wasm stack as an i32, 0 or 1. */
function pushCarry(): void {
  if (knows(FlagsOf.SUB)) {
    get(FLAGS_A);
    get(FLAGS_B);
    emit(W.I64_LT_U);
  } else if (knows(FlagsOf.LOGIC)) {
    i32Const(0);
  } else {
    flushFlags();
    call(Import.CARRY);
  }
}

// The vocabulary -------------------------------------------------------------------------------------------------------

// prettier-ignore
@unmanaged @final
export class Translator {
  constant<T>(value: i64): u32 {
    if (sizeof<T>() == 8) i64Const(value);
    else i32Const(sizeof<T>() == 1 ? <u32>value & 0xff : sizeof<T>() == 2 ? <u32>value & 0xffff : <u32>value);
    return keep<T>();
  }
  readSrc<T>(insn: Insn): u32 {
    const src = <u32>insn.src;
    if (src < OPERAND_IMMEDIATE) return readRegisterLocal<T>(src);
    if (src == OPERAND_IMMEDIATE) return this.constant<T>(insn.imm);
    return loadLocal<T>(linearLocal(insn));
  }
  readDst<T>(insn: Insn): u32 {
    if (<u32>insn.dst != OPERAND_MEMORY) return readRegisterLocal<T>(insn.dst);
    return loadLocal<T>(linearLocal(insn));
  }
  readUpdate<T>(insn: Insn): u32 {
    if (<u32>insn.dst != OPERAND_MEMORY) return readRegisterLocal<T>(insn.dst);
    return loadUpdateLocal<T>(linearLocal(insn));
  }
  writeUpdate<T>(insn: Insn, value: u32): void {
    if (<u32>insn.dst != OPERAND_MEMORY) writeRegisterLocal<T>(insn.dst, value);
    else storeUpdateLocal<T>(value);
  }
  writeDst<T>(insn: Insn, value: u32): void {
    if (<u32>insn.dst != OPERAND_MEMORY) writeRegisterLocal<T>(insn.dst, value);
    else storeLocal<T>(linearLocal(insn), value);
  }
  readRegister<T>(offset: u32): u32 { return readRegisterLocal<T>(offset); }
  writeRegister<T>(offset: u32, value: u32): void { writeRegisterLocal<T>(offset, value); }
  effectiveAddress(insn: Insn): u32 {
    pushSum(insn);
    if (<u32>insn.ea == EA_64_SHORT) truncate32();
    return keep<u64>();
  }

  push<T>(value: u32): void {
    get(registerLocal(RSP << 3));
    i64Const(sizeof<T>());
    emit(W.I64_SUB);
    const address = keep<u64>();
    storeLocal<T>(address, value);
    writeRegisterLocal<u64>(RSP << 3, address);
  }
  pop<T>(): u32 {
    const address = readRegisterLocal<u64>(RSP << 3);
    const value = loadLocal<T>(address);
    get(address);
    i64Const(sizeof<T>());
    emit(W.I64_ADD);
    set(writtenLocal(RSP << 3));
    return value;
  }
  releaseStack(bytes: u32): void {
    if (bytes == 0) return;
    get(registerLocal(RSP << 3));
    i64Const(bytes);
    emit(W.I64_ADD);
    set(writtenLocal(RSP << 3));
  }

  add<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_ADD, W.I64_ADD); }
  sub<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_SUB, W.I64_SUB); }
  and<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_AND, W.I64_AND); }
  or<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_OR, W.I64_OR); }
  xor<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_XOR, W.I64_XOR); }
  multiplyLow<T>(a: u32, b: u32): u32 { return binary<T>(a, b, W.I32_MUL, W.I64_MUL); }
  not<T>(a: u32): u32 { return this.xor<T>(a, this.constant<T>(-1)); }
  /** Shift by an i32 count; T is u64 or narrower, the count is masked to 5 or 6 bits already. */
  shl<T>(a: u32, count: u32): u32 {
    get(a);
    get(count);
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    emit(wider<T>(W.I32_SHL, W.I64_SHL));
    if (sizeof<T>() < 4) truncate<T>();
    return keep<T>();
  }
  shr<T>(a: u32, count: u32): u32 {
    get(a);
    get(count);
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    emit(wider<T>(W.I32_SHR_U, W.I64_SHR_U));
    return keep<T>();
  }
  sar<T>(a: u32, count: u32): u32 {
    get(a);
    if (sizeof<T>() == 1) emit(W.I32_EXTEND8_S);
    if (sizeof<T>() == 2) emit(W.I32_EXTEND16_S);
    get(count);
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    emit(wider<T>(W.I32_SHR_S, W.I64_SHR_S));
    if (sizeof<T>() < 4) truncate<T>();
    return keep<T>();
  }
  zeroExtend<F, T>(value: u32): u32 {
    if (sizeof<F>() == 8 && sizeof<T>() < 8) {
      get(value);
      emit(W.I32_WRAP_I64);
      truncate<T>();
      return keep<T>();
    }
    if (sizeof<T>() < 8 || sizeof<F>() == 8) return value;
    get(value);
    emit(W.I64_EXTEND_I32_U);
    return keep<T>();
  }
  signExtend<F, T>(value: u32): u32 {
    getWide<F>(value);
    if (sizeof<T>() < 8) {
      emit(W.I32_WRAP_I64);
      truncate<T>();
    }
    return keep<T>();
  }
  equal<T>(a: u32, b: u32): u32 {
    get(a);
    get(b);
    emit(wider<T>(W.I32_EQ, W.I64_EQ));
    return keep<u32>();
  }
  select<T>(condition: u32, x: u32, y: u32): u32 {
    get(x);
    get(y);
    get(condition);
    emit(W.SELECT);
    return keep<T>();
  }

  carry<T>(): u32 {
    pushCarry();
    if (sizeof<T>() == 8) emit(W.I64_EXTEND_I32_U);
    return keep<T>();
  }
  condition(cc: u32): u32 {
    pushCondition(cc);
    return keep<u32>();
  }
  setFlags<T>(kind: u32, a: u32, b: u32, result: u32): void {
    getWide<T>(a);
    set(FLAGS_A);
    getWide<T>(b);
    set(FLAGS_B);
    getWide<T>(result);
    set(FLAGS_RESULT);
    flagsKind = kind;
  }
  keepCarry(): void {
    pushCarry();
    const carry = keep<u32>();
    get(CPU);
    get(CPU);
    memoryOp(W.I32_LOAD, CPU_RFLAGS);
    i32Const(~FLAG_CF);
    emit(W.I32_AND);
    get(carry);
    emit(W.I32_OR);
    memoryOp(W.I32_STORE, CPU_RFLAGS);
  }
  shiftCount<T>(insn: Insn): u32 {
    const mask: u32 = sizeof<T>() == 8 ? 63 : 31;
    if (insn.src == <u8>OPERAND_IMMEDIATE) return this.constant<u32>(insn.imm & <i64>mask);
    get(readRegisterLocal<u8>(insn.src));
    i32Const(mask);
    emit(W.I32_AND);
    return keep<u32>();
  }
  shiftFlags<T>(kind: ShiftOf, a: u32, count: u32, result: u32): void {
    flushFlags();
    i32Const(kind);
    get(a);
    get(count);
    get(result);
    if (sizeof<T>() == 8) {
      call(Import.SHIFT_FLAGS64);
    } else {
      i32Const(sizeof<T>());
      call(Import.SHIFT_FLAGS);
    }
  }
  multiplyFlags<T>(a: u32, b: u32, result: u32): void {
    flagsKind = IN_STATE; // all of them are set
    get(a);
    get(b);
    get(result);
    if (sizeof<T>() == 8) {
      call(Import.MULTIPLY_FLAGS64);
    } else {
      i32Const(sizeof<T>());
      call(Import.MULTIPLY_FLAGS);
    }
  }

  jump(insn: Insn): void {
    goTo(takenIndex, nextDelta + insn.imm, 0);
    ended = true;
  }
  jumpIf(condition: u32, insn: Insn): void {
    get(condition);
    ifVoid();
    goTo(takenIndex, nextDelta + insn.imm, 1);
    emit(W.END);
    goTo(fallIndex, nextDelta, 0);
    ended = true;
  }
  jumpTo<T>(target: u32): void {
    spillRegisters();
    spillFlags();
    writeRetired();
    get(CPU);
    get(target);
    if (sizeof<T>() < 8) emit(W.I64_EXTEND_I32_U);
    memoryOp(W.I64_STORE, CPU_RIP);
    emit(W.RETURN);
    ended = true;
  }
  nextRip<T>(): u32 {
    get(ENTRY_RIP);
    i64Const(nextDelta);
    emit(W.I64_ADD);
    if (sizeof<T>() < 8) {
      emit(W.I32_WRAP_I64);
      truncate<T>();
    }
    return keep<T>();
  }
  writeAccumulatorUnless<T>(condition: u32, value: u32): void {
    if (sizeof<T>() == 4) {
      // Equal: all 64 bits of RAX stay.
      get(registerLocal(0));
      get(value);
      emit(W.I64_EXTEND_I32_U);
      get(condition);
      emit(W.SELECT);
      set(writtenLocal(0));
    } else {
      writeRegisterLocal<T>(0, this.select<T>(condition, readRegisterLocal<T>(0), value));
    }
  }
}

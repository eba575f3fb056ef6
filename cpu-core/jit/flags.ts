/**
 * Late flags in translated code. What set them last is known while translating, mostly:
 *
 *     a FlagsOf   operands and result are in locals: in NARROW_* if the operation had 8, 16 or 32 bits
 *     DYNAMIC     the locals FLAGS_* and FLAGS_KIND tell, sign-extended as CpuState keeps them (state/rflags.ts)
 *     IN_STATE    they are in CpuState
 *
 * An instruction that changes some flags and leaves the others (state/rflags.ts FlagOverride) is noted beside that, its value
 * in OVERRIDDEN; OVERRIDE tells which it was where that is not known.
 *
 * Where control flows meet they are DYNAMIC; FLAGS_KIND is IN_STATE there if that is where they are. Nothing is stored
 * in memory unless the region is left: on the way that stays, this costs what the live locals cost.
 */
import { CPU_FLAGS_A, CPU_FLAGS_B, CPU_FLAGS_OP, CPU_FLAGS_RESULT, CPU_RFLAGS, FLAG_CF } from "../abi/state";
import { FlagOverride, FlagsOf } from "../state/rflags";
import {
  call,
  CPU,
  emit,
  extendNarrow,
  FLAGS_A,
  FLAGS_B,
  FLAGS_KIND,
  FLAGS_RESULT,
  get,
  getWide,
  i32Const,
  i64Const,
  ifVoid,
  keep,
  loadState,
  memoryOp,
  NARROW_A,
  NARROW_B,
  NARROW_RESULT,
  OVERRIDDEN,
  OVERRIDE,
  set,
  storeLocal,
  storeState32,
  wider,
} from "./emit";
import { Import } from "./module";
import { W } from "./wasm_opcodes";

export const IN_STATE: u32 = 0xff;
export const DYNAMIC: u32 = 0xfe;

/** Only OVERRIDE tells. */
const OVERRIDE_DYNAMIC: u32 = 0xffff;

let kind: u32 = IN_STATE;
/** A FlagOverride and the operand's bits << 8; 0: none. */
let overriding: u32 = 0;
/** Whether the region has any: learned in the first pass. */
let hasOverrides: bool = false;
/** Bytes of the operation's operands. */
let width: u32 = 8;
/** An ADD without a carry in: CF is result < A. */
let plain: bool = false;

/** What is known, in one word: to be put back where another path begins. */
export function knownFlags(): u64 {
  return <u64>(kind | (width << 8) | (<u32>plain << 16)) | (<u64>overriding << 32);
}
export function setKnownFlags(known: u64): void {
  kind = <u32>known & 0xff;
  width = (<u32>known >> 8) & 0xff;
  plain = ((<u32>known >> 16) & 1) != 0;
  overriding = <u32>(known >> 32);
}
export function flagsAreDynamic(): void {
  kind = DYNAMIC;
  overriding = hasOverrides ? OVERRIDE_DYNAMIC : 0;
}
export function flagsAreInState(): void {
  kind = IN_STATE;
  overriding = 0;
}
/** Before the first pass. */
export function forgetFlags(): void {
  hasOverrides = false;
}

function isStatic(): bool {
  return kind < DYNAMIC;
}

/** Whether the operands matter for the flags, not only the result. */
function hasOperands(): bool {
  return kind != FlagsOf.LOGIC;
}

function pushWide(narrow: u32, wide: u32): void {
  if (width == 8) {
    get(wide);
    return;
  }
  get(narrow);
  extendNarrow(width);
  emit(W.I64_EXTEND_I32_S);
}

function pushWideA(): void {
  pushWide(NARROW_A, FLAGS_A);
}
function pushWideB(): void {
  pushWide(NARROW_B, FLAGS_B);
}
function pushWideResult(): void {
  pushWide(NARROW_RESULT, FLAGS_RESULT);
}

/** Notes what an operation did. `isPlain`: no carry went in. */
export function setFlagsLocals<T>(flagsOf: u32, a: u32, b: u32, result: u32, isPlain: bool): void {
  kind = flagsOf;
  overriding = 0;
  width = sizeof<T>();
  plain = isPlain;
  if (hasOperands()) {
    get(a);
    set(wider<T>(NARROW_A, FLAGS_A));
    get(b);
    set(wider<T>(NARROW_B, FLAGS_B));
  }
  get(result);
  set(wider<T>(NARROW_RESULT, FLAGS_RESULT));
}

/** Writes the dynamic form, leaving what is known while translating as it is: for a path that leaves. */
export function writeDynamic(): void {
  if (hasOverrides && overriding != OVERRIDE_DYNAMIC) {
    i32Const(overriding);
    set(OVERRIDE);
  }
  if (kind == DYNAMIC) return;
  if (isStatic() && width != 8) {
    if (hasOperands()) {
      pushWideA();
      set(FLAGS_A);
      pushWideB();
      set(FLAGS_B);
    }
    pushWideResult();
    set(FLAGS_RESULT);
  }
  i32Const(kind);
  set(FLAGS_KIND);
}

/** The dynamic form from here on. */
export function becomeDynamic(): void {
  writeDynamic();
  flagsAreDynamic();
}

function storeDynamic(): void {
  storeLocal(W.I32_STORE, CPU_FLAGS_OP, FLAGS_KIND);
  storeLocal(W.I64_STORE, CPU_FLAGS_A, FLAGS_A);
  storeLocal(W.I64_STORE, CPU_FLAGS_B, FLAGS_B);
  storeLocal(W.I64_STORE, CPU_FLAGS_RESULT, FLAGS_RESULT);
}

/** Applies an override that only OVERRIDE knows of to the flags in CpuState. */
export function applyOverride(): void {
  if (!hasOverrides) return;
  get(OVERRIDE);
  ifVoid();
  get(OVERRIDDEN);
  get(OVERRIDE);
  call(Import.OVERRIDE);
  emit(W.END);
}

/** Writes the flags to CpuState; what is known of them stays known, unless some were overridden. */
export function spillFlags(): void {
  spillBase();
  if (overriding == 0) return;
  if (overriding == OVERRIDE_DYNAMIC) {
    applyOverride();
  } else {
    get(OVERRIDDEN);
    i32Const(overriding);
    call(Import.OVERRIDE);
  }
  flagsAreInState();
}

function spillBase(): void {
  if (kind == IN_STATE) return;
  if (kind == DYNAMIC) {
    get(FLAGS_KIND);
    i32Const(IN_STATE);
    emit(W.I32_NE);
    ifVoid();
    storeDynamic();
    emit(W.END);
    return;
  }
  storeState32(CPU_FLAGS_OP, kind);
  if (hasOperands()) {
    get(CPU);
    pushWideA();
    memoryOp(W.I64_STORE, CPU_FLAGS_A);
    get(CPU);
    pushWideB();
    memoryOp(W.I64_STORE, CPU_FLAGS_B);
  }
  get(CPU);
  pushWideResult();
  memoryOp(W.I64_STORE, CPU_FLAGS_RESULT);
}

/** Into CpuState for good: whoever asks next reads them there. */
export function flushFlags(): void {
  spillFlags();
  flagsAreInState();
}

function overrides(kind: FlagOverride): bool {
  return (overriding & 0xff) == <u32>kind && overriding != OVERRIDE_DYNAMIC;
}

/** Whether an override of `kind` changes all that the one at hand does. */
function replaces(kind: FlagOverride): bool {
  if (overriding == 0 || overrides(kind)) return true;
  const rotates = kind == FlagOverride.ROL || kind == FlagOverride.ROR;
  return rotates && (overrides(FlagOverride.ROL) || overrides(FlagOverride.ROR) || overrides(FlagOverride.BIT));
}

/** Notes that some flags change by `kind` of `value`. */
export function overrideFlagsLocals<T>(kind: FlagOverride, value: u32): void {
  hasOverrides = true;
  if (!replaces(kind)) flushFlags();
  getWide<T>(value);
  set(OVERRIDDEN);
  overriding = <u32>kind | (sizeof<T>() << 11);
}

/** The same, unless `count` is 0. */
export function overrideFlagsIf<T>(count: u32, kind: FlagOverride, value: u32): void {
  hasOverrides = true;
  if (overriding != 0) flushFlags();
  becomeDynamic();
  get(count);
  ifVoid();
  getWide<T>(value);
  set(OVERRIDDEN);
  i32Const(<u32>kind | (sizeof<T>() << 11));
  set(OVERRIDE);
  emit(W.END);
}

// Operations on the noted values, in their own width -------------------------------------------------------------------

function a(): void {
  get(width == 8 ? FLAGS_A : NARROW_A);
}
function b(): void {
  get(width == 8 ? FLAGS_B : NARROW_B);
}
function result(): void {
  get(width == 8 ? FLAGS_RESULT : NARROW_RESULT);
}
/** A comparison or operation in the width at hand. */
function op(narrow: u32, wide: u32): void {
  emit(width == 8 ? wide : narrow);
}
function and(): void {
  op(W.I32_AND, W.I64_AND);
}
function or(): void {
  op(W.I32_OR, W.I64_OR);
}
function xor(): void {
  op(W.I32_XOR, W.I64_XOR);
}
function not(): void {
  if (width == 8) i64Const(-1);
  else i32Const(<u32>-1);
  xor();
}
/** Leaves the top bit of the value on the wasm stack as an i32 0 or 1. */
function topBit(): void {
  if (width == 8) {
    i64Const(0);
    emit(W.I64_LT_S);
  } else if (width == 4) {
    i32Const(0);
    emit(W.I32_LT_S);
  } else {
    i32Const(width * 8 - 1);
    emit(W.I32_SHR_U);
    i32Const(1);
    emit(W.I32_AND);
  }
}
/** A signed comparison of what two functions push. */
function signed(first: () => void, second: () => void, narrow: u32, wide: u32): void {
  first();
  extendNarrow(width == 8 ? 0 : width);
  second();
  extendNarrow(width == 8 ? 0 : width);
  op(narrow, wide);
}
function zero(): void {
  if (width == 8) i64Const(0);
  else i32Const(0);
}

/** Whether CF can be written inline. */
function knowsCarry(): bool {
  return kind == FlagsOf.ADD || kind == FlagsOf.SUB || kind == FlagsOf.SBB || kind == FlagsOf.LOGIC || kind == FlagsOf.COUNT || keepsCarry();
}
/** CF is in CpuState's RFLAGS. */
function keepsCarry(): bool {
  return kind == FlagsOf.INC || kind == FlagsOf.DEC || kind == FlagsOf.RESULT;
}
function knowsOverflow(): bool {
  return (
    kind == FlagsOf.ADD || kind == FlagsOf.INC || kind == FlagsOf.SUB || kind == FlagsOf.SBB || kind == FlagsOf.DEC || kind == FlagsOf.LOGIC
  );
}

/** Leaves CF on the wasm stack as an i32, 0 or 1. */
export function pushCarry(): void {
  if (overrides(FlagOverride.BIT)) {
    get(OVERRIDDEN);
    i64Const(0);
    emit(W.I64_NE);
    return;
  }
  if (overrides(FlagOverride.ROL)) {
    get(OVERRIDDEN);
    emit(W.I32_WRAP_I64);
    i32Const(1);
    emit(W.I32_AND);
    return;
  }
  if ((overriding != 0 && !overrides(FlagOverride.ZERO)) || !isStatic() || !knowsCarry()) {
    spillFlags();
    call(Import.CARRY);
    return;
  }
  if (kind == FlagsOf.SUB) {
    a();
    b();
    op(W.I32_LT_U, W.I64_LT_U);
  } else if (kind == FlagsOf.LOGIC) {
    i32Const(0);
  } else if (kind == FlagsOf.COUNT) {
    a();
    if (width == 8) emit(W.I32_WRAP_I64);
  } else if (keepsCarry()) {
    loadState(W.I32_LOAD, CPU_RFLAGS);
    i32Const(FLAG_CF);
    emit(W.I32_AND);
  } else if (kind == FlagsOf.ADD && plain) {
    result();
    a();
    op(W.I32_LT_U, W.I64_LT_U);
  } else if (kind == FlagsOf.ADD) {
    a();
    b();
    and();
    a();
    b();
    or();
    result();
    not();
    and();
    or();
    topBit();
  } else {
    // SBB
    a();
    not();
    b();
    and();
    a();
    not();
    b();
    or();
    result();
    and();
    or();
    topBit();
  }
}

function pushOverflow(): void {
  if (kind == FlagsOf.LOGIC) {
    i32Const(0);
    return;
  }
  const adds = kind == FlagsOf.ADD || kind == FlagsOf.INC;
  a();
  if (adds) result();
  else b();
  xor();
  if (adds) b();
  else a();
  result();
  xor();
  and();
  topBit();
}

function pushZero(): void {
  result();
  op(W.I32_EQZ, W.I64_EQZ);
}

function pushSign(): void {
  result();
  topBit();
}

/** Writes the condition inline if that is possible. */
function pushKnownCondition(half: u32): bool {
  const subtracts = kind == FlagsOf.SUB;
  switch (half) {
    case 0:
      if (!knowsOverflow()) return false;
      pushOverflow();
      return true;
    case 1:
      if (!knowsCarry()) return false;
      pushCarry();
      return true;
    case 2:
      pushZero();
      return true;
    case 3:
      if (subtracts) {
        a();
        b();
        op(W.I32_LE_U, W.I64_LE_U);
        return true;
      }
      if (!knowsCarry()) return false;
      pushCarry();
      pushZero();
      emit(W.I32_OR);
      return true;
    case 4:
      pushSign();
      return true;
    case 5:
      if (kind == FlagsOf.COUNT) {
        i32Const(0);
        return true;
      }
      result();
      if (width == 8) emit(W.I32_WRAP_I64);
      i32Const(0xff);
      emit(W.I32_AND);
      emit(W.I32_POPCNT);
      i32Const(1);
      emit(W.I32_AND);
      emit(W.I32_EQZ);
      return true;
    case 6:
      if (subtracts) {
        signed(a, b, W.I32_LT_S, W.I64_LT_S);
        return true;
      }
      if (!knowsOverflow()) return false;
      pushSign();
      if (kind == FlagsOf.LOGIC) return true;
      pushOverflow();
      emit(W.I32_NE);
      return true;
    default:
      if (subtracts) {
        signed(a, b, W.I32_LE_S, W.I64_LE_S);
        return true;
      }
      if (kind == FlagsOf.LOGIC) {
        signed(result, zero, W.I32_LE_S, W.I64_LE_S);
        return true;
      }
      if (!knowsOverflow()) return false;
      pushSign();
      pushOverflow();
      emit(W.I32_NE);
      pushZero();
      emit(W.I32_OR);
      return true;
  }
}

/** Whether a condition can be written without looking at what is overridden, or from it alone. */
function isClearOfOverride(half: u32): bool {
  if (overriding == 0) return true;
  if (overrides(FlagOverride.ZERO)) return half == 0 || half == 1 || half == 4 || half == 5 || half == 6;
  if (overriding == OVERRIDE_DYNAMIC) return false;
  return half == 2 || half == 4 || half == 5 || (half == 1 && !overrides(FlagOverride.ROR));
}

/** Leaves a condition on the wasm stack as an i32, 0 or 1. */
export function pushCondition(cc: u32): void {
  if (overrides(FlagOverride.ZERO) && cc >> 1 == 2) {
    get(OVERRIDDEN);
    emit(W.I64_EQZ);
  } else if (overrides(FlagOverride.BIT) && cc >> 1 == 1) {
    pushCarry();
  } else if (!isClearOfOverride(cc >> 1) || !isStatic() || !pushKnownCondition(cc >> 1)) {
    spillFlags();
    i32Const(cc & 14);
    call(Import.CONDITION);
  }
  if ((cc & 1) != 0) emit(W.I32_EQZ);
}

/** CF into CpuState's RFLAGS, where INC and DEC expect it. */
export function keepCarryInState(): void {
  if (overriding == 0 && isStatic() && keepsCarry()) return;
  if (overriding != 0) flushFlags();
  pushCarry();
  const carry = keep<u32>();
  get(CPU);
  loadState(W.I32_LOAD, CPU_RFLAGS);
  i32Const(~FLAG_CF);
  emit(W.I32_AND);
  get(carry);
  emit(W.I32_OR);
  memoryOp(W.I32_STORE, CPU_RFLAGS);
}

/** Notes a shift by a variable count, unless the count is 0. */
export function setVariableShiftFlags<T>(flagsOf: u32, operand: u32, count: u32, shifted: u32): void {
  becomeDynamic();
  get(count);
  ifVoid();
  setFlagsLocals<T>(flagsOf, operand, operand, shifted, false);
  writeDynamic();
  get(count);
  i32Const(sizeof<T>() << 11);
  emit(W.I32_OR);
  emit(W.I64_EXTEND_I32_U);
  set(FLAGS_B);
  emit(W.END);
  flagsAreDynamic();
}

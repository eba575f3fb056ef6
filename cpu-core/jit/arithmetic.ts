/** Operations of the vocabulary that take more than an operation of wasm: wide products, divisions, rotates, byte order. */
import { emit, get, getWide, i32Const, i64Const, ifVoid, keep, set, tee, truncate, newI64 } from "./emit";
import { exitAtMiss } from "./exits";
import { W } from "./wasm_opcodes";

/** i64 locals of the last division's results. */
export let quotientLocal: u32 = 0;
export let remainderLocal: u32 = 0;

/** Multiplies the two i64 on the wasm stack, the factors of T; keeps the upper half of the product as a T. */
export function keepUpperHalf<T>(): u32 {
  emit(W.I64_MUL);
  i64Const(sizeof<T>() * 8);
  emit(W.I64_SHR_U);
  emit(W.I32_WRAP_I64);
  truncate<T>();
  return keep<T>();
}

function low32(local: u32): u32 {
  get(local);
  i64Const(0xffff_ffff);
  emit(W.I64_AND);
  return keep<u64>();
}

function high32(local: u32): u32 {
  get(local);
  i64Const(32);
  emit(W.I64_SHR_U);
  return keep<u64>();
}

function product(a: u32, b: u32): void {
  get(a);
  get(b);
  emit(W.I64_MUL);
}

/** Upper 64 bits of an unsigned product, from four products of halves. */
export function multiplyHighLocal(a: u32, b: u32): u32 {
  const al = low32(a);
  const ah = high32(a);
  const bl = low32(b);
  const bh = high32(b);
  product(al, bl);
  const low = keep<u64>();
  product(ah, bl);
  get(high32(low));
  emit(W.I64_ADD);
  const middle = keep<u64>();
  product(al, bh);
  get(low32(middle));
  emit(W.I64_ADD);
  const cross = keep<u64>();
  product(ah, bh);
  get(high32(middle));
  emit(W.I64_ADD);
  get(high32(cross));
  emit(W.I64_ADD);
  return keep<u64>();
}

/** Leaves `value` on the wasm stack if `sign` is negative, else 0. */
export function pushIfNegative(sign: u32, value: u32): void {
  get(sign);
  i64Const(63);
  emit(W.I64_SHR_S);
  get(value);
  emit(W.I64_AND);
}

/** Leaves the region, for the interpreter to divide or raise #DE, if the i32 on the wasm stack is not 0. */
function leaveIf(): void {
  ifVoid();
  exitAtMiss(1);
  emit(W.END);
}

/** A T in an i64 local, zero-extended. */
function widened<T>(local: u32): u32 {
  if (sizeof<T>() == 8) return local;
  get(local);
  emit(W.I64_EXTEND_I32_U);
  return keep<u64>();
}

function divide(dividend: u32, divisor: u32, opcode: u32): void {
  get(dividend);
  get(divisor);
  emit(opcode);
  quotientLocal = keep<u64>();
  get(dividend);
  get(quotientLocal);
  get(divisor);
  emit(W.I64_MUL);
  emit(W.I64_SUB);
  remainderLocal = keep<u64>();
}

/** high << bits | low, in a local. */
function joined<T>(high: u32, low: u32): u32 {
  get(high);
  i64Const(sizeof<T>() * 8);
  emit(W.I64_SHL);
  get(low);
  emit(W.I64_OR);
  return keep<u64>();
}

export function divideUnsignedLocals<T>(high: u32, low: u32, divisor: u32): void {
  const by = widened<T>(divisor);
  const upper = widened<T>(high);
  get(upper);
  get(by);
  emit(W.I64_LT_U);
  emit(W.I32_EQZ);
  if (sizeof<T>() == 8) {
    get(upper);
    i64Const(0);
    emit(W.I64_NE);
    emit(W.I32_OR);
  }
  leaveIf();
  divide(sizeof<T>() == 8 ? low : joined<T>(upper, widened<T>(low)), by, W.I64_DIV_U);
}

export function divideSignedLocals<T>(high: u32, low: u32, divisor: u32): void {
  getWide<T>(divisor);
  const by = keep<u64>();
  // 0 and -1 are the divisors that trap in wasm.
  get(by);
  i64Const(1);
  emit(W.I64_ADD);
  i64Const(1);
  emit(W.I64_LE_U);
  if (sizeof<T>() == 8) {
    get(low);
    i64Const(63);
    emit(W.I64_SHR_S);
    get(high);
    emit(W.I64_NE);
    emit(W.I32_OR);
    leaveIf();
    divide(low, by, W.I64_DIV_S);
    return;
  }
  leaveIf();
  getWide<T>(high);
  divide(joined<T>(keep<u64>(), widened<T>(low)), by, W.I64_DIV_S);
  get(quotientLocal);
  emit(sizeof<T>() == 4 ? W.I64_EXTEND32_S : W.I64_EXTEND16_S);
  get(quotientLocal);
  emit(W.I64_NE);
  leaveIf();
}

/** An i64 local as a T. */
export function resultLocal<T>(local: u32): u32 {
  if (sizeof<T>() == 8) return local;
  get(local);
  emit(W.I32_WRAP_I64);
  truncate<T>();
  return keep<T>();
}

/** Rotates by an i32 count. */
export function rotate<T>(a: u32, count: u32, left: bool): u32 {
  const bits: u32 = sizeof<T>() * 8;
  get(a);
  if (sizeof<T>() >= 4) {
    get(count);
    if (sizeof<T>() == 8) {
      emit(W.I64_EXTEND_I32_U);
      emit(left ? W.I64_ROTL : W.I64_ROTR);
    } else {
      emit(left ? W.I32_ROTL : W.I32_ROTR);
    }
    return keep<T>();
  }
  get(count);
  i32Const(bits - 1);
  emit(W.I32_AND);
  const within = keep<u32>();
  get(within);
  emit(left ? W.I32_SHL : W.I32_SHR_U);
  get(a);
  i32Const(bits);
  get(within);
  emit(W.I32_SUB);
  emit(left ? W.I32_SHR_U : W.I32_SHL);
  emit(W.I32_OR);
  truncate<T>();
  return keep<T>();
}

/** Swaps neighbouring groups of bytes: ((x >> shift) & mask) | ((x & mask) << shift). */
function swapGroups(local: u32, shift: i64, mask: i64): u32 {
  get(local);
  i64Const(shift);
  emit(W.I64_SHR_U);
  i64Const(mask);
  emit(W.I64_AND);
  get(local);
  i64Const(mask);
  emit(W.I64_AND);
  i64Const(shift);
  emit(W.I64_SHL);
  emit(W.I64_OR);
  return keep<u64>();
}

export function swapBytesLocal<T>(a: u32): u32 {
  if (sizeof<T>() == 8) {
    const pairs = swapGroups(a, 8, 0x00ff_00ff_00ff_00ff);
    const words = swapGroups(pairs, 16, 0x0000_ffff_0000_ffff);
    get(words);
    i64Const(32);
    emit(W.I64_ROTL);
    return keep<T>();
  }
  // x rotated by 8 with every other byte, and by 24 with the rest.
  get(a);
  i32Const(8);
  emit(W.I32_ROTL);
  i32Const(0x00ff_00ff);
  emit(W.I32_AND);
  get(a);
  i32Const(24);
  emit(W.I32_ROTL);
  i32Const(0xff00_ff00);
  emit(W.I32_AND);
  emit(W.I32_OR);
  return keep<T>();
}

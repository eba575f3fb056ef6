/** Lanes moved about in translated code: shuffles with constant lanes, shifts by constants. */
import { Simd } from "../ops/simd_op";
import { get, i32Const, i64Const, keepVector, simd } from "./emit";
import { byte } from "./wasm_writer";
import { V } from "./wasm_opcodes";

/** Four bytes of a shuffle: doubleword `lane` of the eight of both operands. */
function doubleword(lane: u32): void {
  for (let i: u32 = 0; i < 4; i++) byte(lane * 4 + i);
}

function word(lane: u32): void {
  byte(lane * 2);
  byte(lane * 2 + 1);
}

/** Lanes 0 and 1 from `a`, 2 and 3 from `b`. */
export function shuffleDoublewordsLocal(a: u32, b: u32, order: u32): u32 {
  get(a);
  get(b);
  simd(V.SHUFFLE);
  doubleword(order & 3);
  doubleword((order >> 2) & 3);
  doubleword(4 + ((order >> 4) & 3));
  doubleword(4 + ((order >> 6) & 3));
  return keepVector();
}

/** The four words of one half; the other half stays. */
export function shuffleWordsLocal(v: u32, order: u32, upper: bool): u32 {
  const first: u32 = upper ? 4 : 0;
  get(v);
  get(v);
  simd(V.SHUFFLE);
  for (let i: u32 = 0; i < 8; i++) {
    const inHalf = (i & 4) == first;
    word(inHalf ? first + ((order >> ((i & 3) * 2)) & 3) : i);
  }
  return keepVector();
}

function zeroVector(): u32 {
  i64Const(0);
  simd(V.I64X2_SPLAT);
  return keepVector();
}

/** Bytes count .. count + 15 of high:low; beyond 31 they are 0. */
export function alignRightLocal(high: u32, low: u32, count: u32): u32 {
  if (count >= 32) return zeroVector();
  if (count >= 16) {
    low = high;
    high = zeroVector();
    count -= 16;
  }
  get(low);
  get(high);
  simd(V.SHUFFLE);
  for (let i: u32 = 0; i < 16; i++) byte(count + i);
  return keepVector();
}

/** Groups 12 to 14: `which` is the reg field (2 right, 4 arithmetic, 6 left; 3 and 7 the whole register, by bytes). */
export function shiftVectorLocal(op: i32, which: u32, v: u32, count: u32): u32 {
  if (op == Simd.SHIFT_IMM_Q && which == 3) return alignRightLocal(zeroVector(), v, min<u32>(count, 16));
  if (op == Simd.SHIFT_IMM_Q && which == 7) return alignRightLocal(v, zeroVector(), count > 15 ? 0 : 16 - count);
  const bits: u32 = op == Simd.SHIFT_IMM_W ? 16 : op == Simd.SHIFT_IMM_D ? 32 : 64;
  if (which == 4) count = min<u32>(count, bits - 1);
  if (count >= bits) return zeroVector();
  get(v);
  i32Const(count);
  if (op == Simd.SHIFT_IMM_W) simd(which == 2 ? V.I16X8_SHR_U : which == 4 ? V.I16X8_SHR_S : V.I16X8_SHL);
  else if (op == Simd.SHIFT_IMM_D) simd(which == 2 ? V.I32X4_SHR_U : which == 4 ? V.I32X4_SHR_S : V.I32X4_SHL);
  else simd(which == 2 ? V.I64X2_SHR_U : V.I64X2_SHL);
  return keepVector();
}

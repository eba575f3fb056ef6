/**
 * What translated code calls in the core: slow paths of memory access, flags that need more than a few operations, and
 * whole instructions without a translated form. The list in module.ts gives each its place among the imports.
 */
import { Insn } from "../decode/insn";
import { setMultiplyFlags, setShiftFlags } from "../interpreter/backend";
import { read, readForUpdate, write, writeUpdate } from "../mmu/access";
import { ShiftOf } from "../ops/backend";
import { perform } from "../ops/perform";
import { getCF, testCondition } from "../state/rflags";

export function jit_read8(va: u64): u32 { return <u32>read<u8>(va); } // prettier-ignore
export function jit_read16(va: u64): u32 { return <u32>read<u16>(va); } // prettier-ignore
export function jit_read32(va: u64): u32 { return read<u32>(va); } // prettier-ignore
export function jit_read64(va: u64): u64 { return read<u64>(va); } // prettier-ignore
export function jit_write8(va: u64, value: u32): void { write<u8>(va, <u8>value); } // prettier-ignore
export function jit_write16(va: u64, value: u32): void { write<u16>(va, <u16>value); } // prettier-ignore
export function jit_write32(va: u64, value: u32): void { write<u32>(va, value); } // prettier-ignore
export function jit_write64(va: u64, value: u64): void { write<u64>(va, value); } // prettier-ignore
export function jit_update8(va: u64): u32 { return <u32>readForUpdate<u8>(va); } // prettier-ignore
export function jit_update16(va: u64): u32 { return <u32>readForUpdate<u16>(va); } // prettier-ignore
export function jit_update32(va: u64): u32 { return readForUpdate<u32>(va); } // prettier-ignore
export function jit_update64(va: u64): u64 { return readForUpdate<u64>(va); } // prettier-ignore
export function jit_finish8(value: u32): void { writeUpdate<u8>(<u8>value); } // prettier-ignore
export function jit_finish16(value: u32): void { writeUpdate<u16>(<u16>value); } // prettier-ignore
export function jit_finish32(value: u32): void { writeUpdate<u32>(value); } // prettier-ignore
export function jit_finish64(value: u64): void { writeUpdate<u64>(value); } // prettier-ignore

/** Executes the instruction in `insn` as the interpreter does. */
export function jit_perform(insn: u32): void {
  perform(changetype<Insn>(insn));
}

export function jit_condition(cc: u32): u32 {
  return <u32>testCondition(cc);
}

export function jit_carry(): u32 {
  return <u32>getCF();
}

/** Late flags of a shift of `width` bytes (1, 2, 4) or of 8. */
export function jit_shift_flags(kind: u32, a: u32, count: u32, result: u32, width: u32): void {
  if (width == 1) setShiftFlags<u8>(<ShiftOf>kind, <u8>a, count, <u8>result);
  else if (width == 2) setShiftFlags<u16>(<ShiftOf>kind, <u16>a, count, <u16>result);
  else setShiftFlags<u32>(<ShiftOf>kind, a, count, result);
}

export function jit_shift_flags64(kind: u32, a: u64, count: u32, result: u64): void {
  setShiftFlags<u64>(<ShiftOf>kind, a, count, result);
}

export function jit_multiply_flags(a: u32, b: u32, result: u32, width: u32): void {
  if (width == 2) setMultiplyFlags<u16>(<u16>a, <u16>b, <u16>result);
  else setMultiplyFlags<u32>(a, b, result);
}

export function jit_multiply_flags64(a: u64, b: u64, result: u64): void {
  setMultiplyFlags<u64>(a, b, result);
}

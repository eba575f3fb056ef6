/**
 * Memory type range registers: kept and checked, without effect, since there is no cache. SDM vol 3A "Memory Type Range
 * Registers (MTRRs)".
 */
import {
  CPU_MTRR_DEF_TYPE,
  CPU_MTRR_FIXED,
  CPU_MTRR_VARIABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_MTRR_FIX16K_80000,
  MSR_MTRR_FIX4K_C0000,
  MSR_MTRR_FIX64K_00000,
  MSR_MTRR_PHYSBASE0,
  MSR_MTRRCAP,
} from "../abi/state";
import { PHYSICAL_BITS } from "../mmu/walk";
import { cpuBase } from "../state/cpu";

const NR_VARIABLE: u32 = 8;
/** MTRRCAP: eight variable ranges, fixed ranges, write-combining. */
const MTRRCAP: u64 = NR_VARIABLE | (1 << 8) | (1 << 10);
const ADDRESS: u64 = ((<u64>1 << PHYSICAL_BITS) - 1) & ~<u64>0xfff;
/** DEF_TYPE: FE, E. */
const DEF_TYPE_ENABLES: u64 = (1 << 10) | (1 << 11);
/** PHYSMASK: V. */
const PHYSMASK_VALID: u64 = 1 << 11;
const NONE: u32 = 0xffff_ffff;

/** UC, WC, WT, WP, WB. SDM vol 3A table "Memory Types That Can Be Encoded in MTRRs". */
export function isMemoryType(type: u32): bool {
  return type < 2 || (type >= 4 && type <= 6);
}

/** Where in CpuState the register is kept; NONE if it is not an MTRR (or MTRRCAP). */
function placeOf(number: u32): u32 {
  if (number == MSR_MTRR_DEF_TYPE) return CPU_MTRR_DEF_TYPE;
  if (number - MSR_MTRR_PHYSBASE0 < 2 * NR_VARIABLE) return CPU_MTRR_VARIABLE + ((number - MSR_MTRR_PHYSBASE0) << 3);
  if (number == MSR_MTRR_FIX64K_00000) return CPU_MTRR_FIXED;
  if (number - MSR_MTRR_FIX16K_80000 < 2) return CPU_MTRR_FIXED + ((number - MSR_MTRR_FIX16K_80000 + 1) << 3);
  if (number - MSR_MTRR_FIX4K_C0000 < 8) return CPU_MTRR_FIXED + ((number - MSR_MTRR_FIX4K_C0000 + 3) << 3);
  return NONE;
}

export function isMtrr(number: u32): bool {
  return number == MSR_MTRRCAP || placeOf(number) != NONE;
}

export function readMtrr(number: u32): u64 {
  return number == MSR_MTRRCAP ? MTRRCAP : load<u64>(cpuBase() + placeOf(number));
}

function areMemoryTypes(value: u64): bool {
  for (let i: u64 = 0; i < 64; i += 8) {
    if (!isMemoryType(<u32>(value >> i) & 0xff)) return false;
  }
  return true;
}

/** Writes an MTRR; false if the value is not one it takes. */
export function writeMtrr(number: u32, value: u64): bool {
  if (number == MSR_MTRRCAP) return false;
  const type = <u32>value & 0xff;
  if (number == MSR_MTRR_DEF_TYPE) {
    if (!isMemoryType(type) || (value & ~(DEF_TYPE_ENABLES | 0xff)) != 0) return false;
  } else if (number - MSR_MTRR_PHYSBASE0 < 2 * NR_VARIABLE) {
    const isMask = (number & 1) != 0;
    if (isMask ? (value & ~(ADDRESS | PHYSMASK_VALID)) != 0 : (value & ~(ADDRESS | 0xff)) != 0 || !isMemoryType(type)) return false;
  } else if (!areMemoryTypes(value)) {
    return false;
  }
  store<u64>(cpuBase() + placeOf(number), value);
  return true;
}

/**
 * Writing WebAssembly: bytes, LEB128 numbers, sections, into the translator's buffer.
 *
 *     TRANSLATOR_BASE ..   the module as the host gets it (header sections, then the code section)
 *     BODY_BASE ..         the function body being written; copied behind the header when its size is known
 */
import { TRANSLATOR_BASE, TRANSLATOR_SIZE } from "../abi/layout";

export const MODULE_BASE: u32 = TRANSLATOR_BASE;
export const BODY_BASE: u32 = TRANSLATOR_BASE + 0x40_0000;
/** Beyond it the body is too large to be worth compiling. */
export const BODY_LIMIT: u32 = TRANSLATOR_BASE + TRANSLATOR_SIZE - 0x1_0000;

let at: u32 = BODY_BASE;

export function position(): u32 {
  return at;
}

export function seek(address: u32): void {
  at = address;
}

// prettier-ignore
@inline
export function byte(value: u32): void {
  store<u8>(at++, <u8>value);
}

/** Unsigned LEB128. */
export function unsigned(value: u32): void {
  while (value >= 0x80) {
    byte((value & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(value);
}

/** Signed LEB128. */
export function signed(value: i64): void {
  while (true) {
    const low = <u32>value & 0x7f;
    value >>= 7;
    if ((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0)) {
      byte(low);
      return;
    }
    byte(low | 0x80);
  }
}

/** Five bytes of LEB128, to be overwritten when a size is known. */
export function placeholder(): u32 {
  const where = at;
  at += 5;
  return where;
}

export function patch(where: u32, value: u32): void {
  for (let i: u32 = 0; i < 4; i++) {
    store<u8>(where + i, <u8>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  store<u8>(where + 4, <u8>(value & 0x7f));
}

/** Appends `length` bytes from `address`. */
export function copy(address: usize, length: u32): void {
  memory.copy(at, address, length);
  at += length;
}

/**
 * The x87 state as FSAVE stores it (28 bytes of environment, eight registers of 10 bytes), from and to FXSAVE's. Linux:
 * arch/x86/kernel/fpu/regset.c, convert_from_fxsr(), convert_to_fxsr(). SDM vol 1 "Saving the x87 FPU's State", "FXSAVE Area".
 *
 *      FSAVE:   0 FCW  4 FSW  8 FTW (2 bits each)  12 FIP  16 FCS  20 FDP  24 FDS  28 ST0-7   | i386's sigcontext: 108 status, 110 magic
 *      FXSAVE:  0 FCW  2 FSW  4 FTW (1 bit each)   6 FOP   8 FIP  16 FDP  24 MXCSR  32 ST0-7, 16 bytes each
 */

/** With the two words that i386's struct _fpstate adds. */
export const FSAVE_SIZE = 112;
const FSAVE_ST = 28;
const FSAVE_STATUS = 108;
const FXSAVE_ST = 32;
const ST_BYTES = 10;

const TAG_VALID = 0;
const TAG_ZERO = 1;
const TAG_SPECIAL = 2;
const TAG_EMPTY = 3;

/** The two tag bits of a register in use. */
function tagOf(register: Uint8Array): number {
  const view = new DataView(register.buffer, register.byteOffset, ST_BYTES);
  const exponent = view.getUint16(8, true) & 0x7fff;
  if (exponent === 0x7fff) return TAG_SPECIAL;
  const isZero = view.getUint32(0, true) === 0 && view.getUint32(4, true) === 0;
  if (exponent === 0) return isZero ? TAG_ZERO : TAG_SPECIAL;
  return view.getUint8(7) & 0x80 ? TAG_VALID : TAG_SPECIAL;
}

export function fsaveFromFxsave(fxsave: Uint8Array, cs: number, ds: number): Uint8Array {
  const from = new DataView(fxsave.buffer, fxsave.byteOffset, fxsave.byteLength);
  const bytes = new Uint8Array(FSAVE_SIZE);
  const to = new DataView(bytes.buffer);
  const status = from.getUint16(2, true);
  const top = (status >> 11) & 7;
  const inUse = from.getUint8(4);
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    // FXSAVE's registers are in stack order, its tags in that of the physical ones.
    const physical = (top + i) & 7;
    const st = fxsave.subarray(FXSAVE_ST + 16 * i, FXSAVE_ST + 16 * i + ST_BYTES);
    bytes.set(st, FSAVE_ST + ST_BYTES * i);
    tags |= (inUse & (1 << physical) ? tagOf(st) : TAG_EMPTY) << (2 * physical);
  }
  const withOnes = (offset: number, value: number) => to.setUint32(offset, value | 0xffff_0000, true);
  withOnes(0, from.getUint16(0, true));
  withOnes(4, status);
  withOnes(8, tags);
  to.setUint32(12, from.getUint32(8, true), true);
  to.setUint32(16, cs, true);
  to.setUint32(20, from.getUint32(16, true), true);
  withOnes(24, ds);
  to.setUint16(FSAVE_STATUS, status, true);
  return bytes;
}

/** `fxsave` with its x87 part taken from `fsave`. */
export function fxsaveFromFsave(fsave: Uint8Array, fxsave: Uint8Array): Uint8Array {
  const from = new DataView(fsave.buffer, fsave.byteOffset, fsave.byteLength);
  const bytes = fxsave.slice();
  const to = new DataView(bytes.buffer);
  const tags = from.getUint16(8, true);
  let inUse = 0;
  for (let i = 0; i < 8; i++) {
    if (((tags >> (2 * i)) & 3) !== TAG_EMPTY) inUse |= 1 << i;
    bytes.set(fsave.subarray(FSAVE_ST + ST_BYTES * i, FSAVE_ST + ST_BYTES * (i + 1)), FXSAVE_ST + 16 * i);
  }
  to.setUint16(0, from.getUint16(0, true), true);
  to.setUint16(2, from.getUint16(4, true), true);
  to.setUint8(4, inUse);
  to.setUint16(6, from.getUint16(18, true), true);
  to.setUint32(8, from.getUint32(12, true), true);
  to.setUint32(12, 0, true);
  to.setUint32(16, from.getUint32(20, true), true);
  to.setUint32(20, 0, true);
  return bytes;
}

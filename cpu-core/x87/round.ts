/**
 * The floating-point environment of the operation under way, and rounding to a format.
 *
 * All arithmetic, x87 and SSE, ends here: x87/finite.ts leaves an exact sign, exponent and 128-bit significand (the last
 * bit is sticky), roundTo() makes of it the nearest number the destination can hold and says which exceptions that
 * raises. One environment serves both units: ops/x87.ts fills it from FCW, ops/simd_float.ts from MXCSR.
 *
 * Exponents everywhere are biased by 16383, whatever the format. Sources: SDM vol 1 "Floating-Point Exceptions",
 * "x87 FPU Floating-Point Exception Conditions", "SIMD Floating-Point Exception Conditions".
 */
import { shiftRightJam, wideLow } from "./wide";

/** Exception flags: the same bits in FSW, FCW (masks), MXCSR (flags, masks 7 bits higher). */
export const IE: u32 = 1 << 0; // invalid operation
export const DE: u32 = 1 << 1; // denormal operand
export const ZE: u32 = 1 << 2; // divide by zero
export const OE: u32 = 1 << 3; // overflow
export const UE: u32 = 1 << 4; // underflow
export const PE: u32 = 1 << 5; // precision (inexact)
export const EXCEPTIONS: u32 = 0x3f;
export const BEFORE_COMPUTATION: u32 = IE | DE | ZE; // faults: unmasked, they leave the destination as it was
export const ROUNDED_UP: u32 = 1 << 9; // in `raised`: the result's magnitude was rounded up (C1 of FSW)

export const ROUND_NEAREST: u32 = 0;
export const ROUND_DOWN: u32 = 1;
export const ROUND_UP: u32 = 2;
export const ROUND_ZERO: u32 = 3;

/** What the operation has raised so far: exception flags, and ROUNDED_UP. */
export let raised: u32 = 0;
/** Exceptions that are masked. */
export let masks: u32 = EXCEPTIONS;
/** ROUND_*. */
export let rounding: u32 = 0;
/** Significant bits of an 80-bit result: 24, 53 or 64. */
export let precision: i32 = 64;
/** MXCSR.FTZ: tiny results become zero (only if underflow is masked). */
export let flushToZero: bool = false;
/** MXCSR.DAZ: denormal operands count as zeros and raise nothing. */
export let denormalsAreZero: bool = false;

/** Sets the environment from an x87 control word and forgets what was raised. */
export function beginX87(control: u32): void {
  raised = 0;
  masks = control & EXCEPTIONS;
  rounding = (control >> 10) & 3;
  const pc = (control >> 8) & 3;
  precision = pc == 0 ? 24 : pc == 2 ? 53 : 64;
  flushToZero = false;
  denormalsAreZero = false;
}

/** Sets the environment from MXCSR and forgets what was raised. */
export function beginSimd(mxcsr: u32): void {
  raised = 0;
  masks = (mxcsr >> 7) & EXCEPTIONS;
  rounding = (mxcsr >> 13) & 3;
  flushToZero = mxcsr >> 15 != 0;
  denormalsAreZero = (mxcsr & 0x40) != 0;
}

/** Adds exception flags (or ROUNDED_UP) to what the operation has raised. */
// prettier-ignore
@inline
export function signal(flags: u32): void {
  raised |= flags;
}

/** Takes flags back. */
// prettier-ignore
@inline
export function withdraw(flags: u32): void {
  raised &= ~flags;
}

/** Overrides the rounding mode until the next begin (FISTTP, CVTT*: ROUND_ZERO). */
// prettier-ignore
@inline
export function setRounding(mode: u32): void {
  rounding = mode;
}

/** Overrides the precision of 80-bit results until the next begin: most instructions ignore FCW.PC. */
// prettier-ignore
@inline
export function setPrecision(bits: i32): void {
  precision = bits;
}

/** True if a fault has been raised that is not masked: there is no result. */
// prettier-ignore
@inline
export function isSuppressed(): bool {
  return (raised & ~masks & BEFORE_COMPUTATION) != 0;
}

/** Outputs of roundAt(). */
let cutMantissa: u64 = 0;
let cutCarry: bool = false;
let cutInexact: bool = false;
let cutUp: bool = false;

/** Rounds high:low to the top 64 - drop bits of high; drop is 0..63. */
function roundAt(sign: u32, high: u64, low: u64, drop: i32): void {
  const unit: u64 = 1 << (<u64>drop);
  let half: bool, rest: bool;
  if (drop == 0) {
    half = low >> 63 != 0;
    rest = low << 1 != 0;
  } else {
    half = (high & (unit >> 1)) != 0;
    rest = ((high & ((unit >> 1) - 1)) | low) != 0;
  }
  let mantissa = high & ~(unit - 1);
  let up = false;
  if (half || rest) {
    if (rounding == ROUND_NEAREST) up = half && (rest || (mantissa & unit) != 0);
    else if (rounding == ROUND_DOWN) up = sign != 0;
    else if (rounding == ROUND_UP) up = sign == 0;
  }
  cutCarry = false;
  if (up) {
    mantissa += unit;
    cutCarry = mantissa < unit;
  }
  cutMantissa = mantissa;
  cutInexact = half || rest;
  cutUp = up;
}

/** Outputs of roundTo(). An infinity has exponent INFINITE; a denormal (or zero) the smallest exponent and no top bit. */
export let roundedMantissa: u64 = 0;
export let roundedExponent: i32 = 0;
export const INFINITE: i32 = 0x7fff_ffff;

/**
 * Rounds the number (-1)^sign × high:low × 2^(exponent - 16383 - 127), top bit of high set, to `bits` significant bits
 * and the exponent range smallest..largest. Tininess is detected after rounding. With overflow or underflow unmasked the
 * result keeps its full significand and an exponent moved by `adjust` ("bias adjusted"; SDM vol 1 "Numeric Overflow").
 */
export function roundTo(
  sign: u32,
  exponent: i32,
  high: u64,
  low: u64,
  bits: i32,
  smallest: i32,
  largest: i32,
  adjust: i32,
): void {
  const drop = 64 - bits;
  roundAt(sign, high, low, drop);
  let rounded = exponent;
  let mantissa = cutMantissa;
  if (cutCarry) {
    rounded++;
    mantissa = 0x8000_0000_0000_0000;
  }
  if (rounded > largest) {
    raised |= OE;
    if ((masks & OE) == 0) {
      rounded -= adjust;
      if (rounded <= largest) {
        if (cutInexact) raised |= PE | (cutUp ? ROUNDED_UP : 0);
        roundedExponent = rounded;
        roundedMantissa = mantissa;
        return;
      }
      // FSCALE can overflow by more than that, and CVTSD2SS, which has no result then.
      raised |= (cutInexact || adjust == 24576 ? PE : 0) | ROUNDED_UP;
      roundedExponent = INFINITE;
      roundedMantissa = 0x8000_0000_0000_0000;
      return;
    }
    raised |= PE;
    if (
      rounding == ROUND_NEAREST ||
      (rounding == ROUND_UP && sign == 0) ||
      (rounding == ROUND_DOWN && sign != 0)
    ) {
      raised |= ROUNDED_UP;
      roundedExponent = INFINITE;
      roundedMantissa = 0x8000_0000_0000_0000;
    } else {
      roundedExponent = largest;
      roundedMantissa = ~(((<u64>1) << (<u64>drop)) - 1);
    }
    return;
  }
  if (rounded < smallest) {
    if ((masks & UE) == 0) {
      raised |= UE;
      if (rounded + adjust >= smallest) {
        if (cutInexact) raised |= PE | (cutUp ? ROUNDED_UP : 0);
        roundedExponent = rounded + adjust;
        roundedMantissa = mantissa;
        return;
      }
      if (cutInexact || adjust == 24576) raised |= PE;
      roundedExponent = smallest;
      roundedMantissa = 0;
      return;
    }
    if (flushToZero) {
      raised |= UE | PE;
      roundedExponent = smallest;
      roundedMantissa = 0;
      return;
    }
    high = shiftRightJam(high, low, smallest - exponent);
    roundAt(sign, high, wideLow, drop);
    if (cutInexact) raised |= UE | PE | (cutUp ? ROUNDED_UP : 0);
    roundedExponent = smallest;
    roundedMantissa = cutCarry ? 0x8000_0000_0000_0000 : cutMantissa;
    return;
  }
  if (cutInexact) raised |= PE | (cutUp ? ROUNDED_UP : 0);
  roundedExponent = rounded;
  roundedMantissa = mantissa;
}

/** True if a magnitude integer.fraction (64 fraction bits, not all zero) is rounded away from zero. */
export function isRoundedUp(sign: u32, integer: u64, fraction: u64): bool {
  if (rounding == ROUND_NEAREST) return fraction >> 63 != 0 && (fraction << 1 != 0 || (integer & 1) != 0);
  if (rounding == ROUND_DOWN) return sign != 0;
  return rounding == ROUND_UP && sign == 0;
}

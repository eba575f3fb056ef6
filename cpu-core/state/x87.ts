/**
 * The x87 register stack and its status: physical registers R0-R7 in CpuState, of which TOP says which is ST(0).
 *
 * A tag is one bit here, "in use", as FXSAVE keeps it; the two-bit tags of FSTENV are worked out from the contents
 * (fullTagWord). Arithmetic is in x87/, instructions in ops/x87.ts. SDM vol 1 "x87 FPU Execution Environment".
 */
import { CPU_X87_REGISTERS } from "../abi/state";
import { INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT } from "../x87/float80";
import { EXCEPTIONS, IE, ROUNDED_UP, raised } from "../x87/round";
import { cpu, cpuBase } from "./cpu";

export const STATUS_STACK_FAULT: u32 = 1 << 6;
export const STATUS_ERROR_SUMMARY: u32 = 1 << 7;
export const STATUS_C0: u32 = 1 << 8;
export const STATUS_C1: u32 = 1 << 9;
export const STATUS_C2: u32 = 1 << 10;
export const STATUS_C3: u32 = 1 << 14;
export const STATUS_CONDITION: u32 = STATUS_C0 | STATUS_C1 | STATUS_C2 | STATUS_C3;
export const STATUS_BUSY: u32 = 1 << 15;
export const STATUS_TOP_SHIFT: u32 = 11;
export const STATUS_TOP: u32 = 7 << 11;

export const CONTROL_DEFAULT: u32 = 0x037f;

// prettier-ignore
@inline
export function top(): u32 {
  return ((<u32>cpu().x87Status) >> STATUS_TOP_SHIFT) & 7;
}

// prettier-ignore
@inline
export function setTop(value: u32): void {
  cpu().x87Status = <u16>(((<u32>cpu().x87Status) & ~STATUS_TOP) | ((value & 7) << STATUS_TOP_SHIFT));
}

/** Physical number of ST(i). */
// prettier-ignore
@inline
export function physical(i: u32): u32 {
  return (top() + i) & 7;
}

/** Address of physical register n: significand u64, sign and exponent u16. */
// prettier-ignore
@inline
export function registerAddress(n: u32): usize {
  return cpuBase() + CPU_X87_REGISTERS + (n << 4);
}

// prettier-ignore
@inline
export function stMantissa(i: u32): u64 {
  return load<u64>(registerAddress(physical(i)));
}

// prettier-ignore
@inline
export function stSignExponent(i: u32): u32 {
  return load<u16>(registerAddress(physical(i)), 8);
}

// prettier-ignore
@inline
export function isEmpty(i: u32): bool {
  return (((<u32>cpu().x87Tags) >> physical(i)) & 1) == 0;
}

/** Writes ST(i) and marks it in use. */
// prettier-ignore
@inline
export function setSt(i: u32, mantissa: u64, signExponent: u32): void {
  const n = physical(i);
  const address = registerAddress(n);
  store<u64>(address, mantissa);
  store<u16>(address, <u16>signExponent, 8);
  cpu().x87Tags = <u8>((<u32>cpu().x87Tags) | (1 << n));
}

// prettier-ignore
@inline
export function setStIndefinite(i: u32): void {
  setSt(i, INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
}

/** Pushes a number; the caller has checked that the register is free. */
// prettier-ignore
@inline
export function push(mantissa: u64, signExponent: u32): void {
  setTop(top() - 1);
  setSt(0, mantissa, signExponent);
}

/** Marks ST(i) free. */
// prettier-ignore
@inline
export function free(i: u32): void {
  cpu().x87Tags = <u8>((<u32>cpu().x87Tags) & ~(1 << physical(i)));
}

// prettier-ignore
@inline
export function pop(): void {
  free(0);
  setTop(top() + 1);
}

/** Sets the condition bits given in `mask` to `bits`. */
// prettier-ignore
@inline
export function setCondition(mask: u32, bits: u32): void {
  cpu().x87Status = <u16>(((<u32>cpu().x87Status) & ~mask) | bits);
}

/** ES and B follow from the flags and the masks. */
export function updateErrorSummary(): void {
  let status = (<u32>cpu().x87Status) & ~(STATUS_ERROR_SUMMARY | STATUS_BUSY);
  if ((status & ~(<u32>cpu().x87Control) & EXCEPTIONS) != 0) status |= STATUS_ERROR_SUMMARY | STATUS_BUSY;
  cpu().x87Status = <u16>status;
}

/** Ends an instruction: what x87/round.ts `raised` says goes into the status word, C1 included. */
export function commitRaised(): void {
  const status = (<u32>cpu().x87Status) & ~STATUS_C1;
  cpu().x87Status = <u16>(status | (raised & (EXCEPTIONS | ROUNDED_UP)));
  if ((raised & EXCEPTIONS) != 0) updateErrorSummary();
}

/** Stack underflow (an operand is empty). Returns true if the masked response is due. */
export function stackUnderflow(): bool {
  return stackFault(0);
}

/** Stack overflow (the register to be pushed into is in use). Returns true if the masked response is due. */
export function stackOverflow(): bool {
  return stackFault(STATUS_C1);
}

function stackFault(c1: u32): bool {
  cpu().x87Status = <u16>(((<u32>cpu().x87Status) & ~STATUS_C1) | STATUS_STACK_FAULT | IE | c1);
  updateErrorSummary();
  return ((<u32>cpu().x87Control) & IE) != 0;
}

/** The two-bit tags: 0 valid, 1 zero, 2 special, 3 empty; register n in bits 2n. */
export function fullTagWord(): u32 {
  let tags: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    let tag: u32 = 3;
    if ((((<u32>cpu().x87Tags) >> n) & 1) != 0) {
      const mantissa = load<u64>(registerAddress(n));
      const exponent = (<u32>load<u16>(registerAddress(n), 8)) & 0x7fff;
      if (exponent == 0 && mantissa == 0) tag = 1;
      else tag = exponent == 0 || exponent == 0x7fff || mantissa >> 63 == 0 ? 2 : 0;
    }
    tags |= tag << (2 * n);
  }
  return tags;
}

/** Sets the tags from two-bit ones; only "empty" counts. */
export function setFullTagWord(tags: u32): void {
  let used: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) if (((tags >> (2 * n)) & 3) != 3) used |= 1 << n;
  cpu().x87Tags = <u8>used;
}

/** FNINIT. */
export function initialiseX87(): void {
  cpu().x87Control = <u16>CONTROL_DEFAULT;
  cpu().x87Status = 0;
  cpu().x87Tags = 0;
  cpu().x87Opcode = 0;
  cpu().x87Ip = 0;
  cpu().x87Dp = 0;
  cpu().x87Cs = 0;
  cpu().x87Ds = 0;
}

/** What every MMX instruction does to the stack: TOP 0, all registers in use. SDM vol 1 "MMX State". */
// prettier-ignore
@inline
export function enterMmx(): void {
  cpu().x87Tags = 0xff;
  setTop(0);
}

// prettier-ignore
@inline
export function mmx(n: u32): u64 {
  return load<u64>(registerAddress(n));
}

/** Writes MMn; the exponent becomes all ones, so that as an x87 number it is a NaN or infinity. */
// prettier-ignore
@inline
export function setMmx(n: u32, value: u64): void {
  store<u64>(registerAddress(n), value);
  store<u16>(registerAddress(n), 0xffff, 8);
}

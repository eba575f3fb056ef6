/**
 * Random numbers for programs and for address-space layout. The one source is the CPU's RDRAND, so that a run with the
 * virtual clock repeats exactly. Linux: drivers/char/random.c.
 */
import type { Cpu } from "../arch/x86/machine.ts";

/** Fills `bytes` with random bytes. */
export function fillRandom(cpu: Cpu, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 8) {
    const { lo, hi } = cpu.rdrand();
    for (let i = 0; i < 8 && at + i < bytes.length; i++)
      bytes[at + i] = (i < 4 ? lo >>> (i * 8) : hi >>> ((i - 4) * 8)) & 0xff;
  }
}

/** A whole number in [0, 2^bits); bits up to 53. */
export function randomBits(cpu: Cpu, bits: number): number {
  const { lo, hi } = cpu.rdrand();
  return (((hi & 0x1fffff) >>> 0) * 2 ** 32 + (lo >>> 0)) % 2 ** bits;
}

/**
 * The core with a surface for tests: one instruction at a time, without blocks or delivery of exceptions.
 * test/cpu/core.ts drives it and compares with the real CPU.
 */
import { clearTlb } from "../mmu/tlb";
import { setRamBytes } from "../mmu/physical";
import { decode } from "../decode/decode";
import { INSN_SIZE, Insn } from "../decode/insn";
import { perform } from "../ops/perform";
import { CODE_64 } from "../state/mode";
import { cpu } from "../state/cpu";
import { materializeFlags } from "../state/rflags";

const insn: usize = memory.data(INSN_SIZE, 16);

/** Prepares memory management. */
export function prepare(ramBytes: u32): void {
  setRamBytes(ramBytes);
  clearTlb();
}

/** Works the status flags out into RFLAGS. */
export function materialize(): void {
  materializeFlags();
}

/** Decodes and executes the instruction of `length` bytes at `address` in linear memory; RIP is where it lies for the guest. */
export function step(address: usize, length: u32): void {
  const decoded = changetype<Insn>(insn);
  decode(decoded, address, length, CODE_64);
  cpu().insn = <u32>insn;
  cpu().rip += <u64>decoded.length;
  perform(decoded);
  cpu().insn = 0;
}

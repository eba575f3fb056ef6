/** Registers of the CPU as text, in the layout of a Linux oops: what a maintainer asks for first after a crash. */
import {
  CPU_COUNT_RETIRED,
  CPU_CPL,
  CPU_CR0,
  CPU_CR2,
  CPU_CR3,
  CPU_CR4,
  CPU_EFER,
  CPU_REGS,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SEGMENTS,
  SEGMENT_BASE,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
  SEG_CS,
} from "../cpu-core/abi/state.ts";
import type { Core } from "./core.ts";

const REGISTERS = "RAX RCX RDX RBX RSP RBP RSI RDI R08 R09 R10 R11 R12 R13 R14 R15".split(" ");
const SEGMENTS = "ES CS SS DS FS GS LDTR TR".split(" ");

export function describeCpu(core: Core): string {
  const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, "0");
  const hex64 = (offset: number): string => hex(core.read32(offset + 4), 8) + hex(core.read32(offset), 8);
  const segment = (n: number, field: number): number => CPU_SEGMENTS + n * SEGMENT_SIZE + field;
  const lines = [
    `RIP: ${hex(core.read32(segment(SEG_CS, SEGMENT_SELECTOR)), 4)}:${hex64(CPU_RIP)} ` +
      `EFLAGS: ${hex(core.read32(CPU_RFLAGS), 8)} CPL: ${core.read32(CPU_CPL)} ` +
      `instructions: ${core.read64(CPU_COUNT_RETIRED)}`,
  ];
  for (let first = 0; first < 16; first += 4) {
    const row = REGISTERS.slice(first, first + 4);
    lines.push(row.map((name, n) => `${name}: ${hex64(CPU_REGS + (first + n) * 8)}`).join(" "));
  }
  for (let first = 0; first < 8; first += 4) {
    const row = SEGMENTS.slice(first, first + 4);
    const text = (name: string, n: number): string =>
      `${name}: ${hex(core.read32(segment(n, SEGMENT_SELECTOR)), 4)} ${hex64(segment(n, SEGMENT_BASE))}`;
    lines.push(row.map((name, n) => text(name, first + n)).join("  "));
  }
  lines.push(
    `CR0: ${hex(core.read32(CPU_CR0), 8)} CR2: ${hex64(CPU_CR2)} CR3: ${hex64(CPU_CR3)} ` +
      `CR4: ${hex(core.read32(CPU_CR4), 8)} EFER: ${hex(core.read32(CPU_EFER), 8)}`,
  );
  return lines.join("\n");
}

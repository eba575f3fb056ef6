/**
 * Descriptor tables: the IDT's gates and the TSS, written in guest memory. Linux: arch/x86/kernel/idt.c, traps.c.
 * startup_64 has loaded IDTR and TR with tables of zeros; here they get their contents. SDM vol 3A "64-Bit Mode IDT".
 */
import { VECTOR_BP, VECTOR_DF, VECTOR_OF } from "../../../cpu-core/abi/vectors.ts";
import type { Ram } from "./machine.ts";

/** INT 80h: system calls of i386 programs. */
export const IA32_SYSCALL_VECTOR = 0x80;
/** What programs may reach with INT. */
const USER_VECTORS = [VECTOR_BP, VECTOR_OF, IA32_SYSCALL_VECTOR];
const KERNEL_CS = 0x10;
const NR_VECTORS = 256;
/** Bytes between two entry stubs (entry/entry_64.asm). */
const STUB_SIZE = 16;
const GATE_INTERRUPT = 0x8e00; // present, DPL 0, interrupt gate
const GATE_DPL3 = 0x6000;
/** Stack of the TSS's interrupt stack table used for double faults. */
const IST_DF = 1;

const TSS_RSP0 = 4;
const TSS_IST1 = 0x24;

/** Points all gates at the stubs. `stubs` is the virtual address of irq_entries_start. */
export function setupIdt(ram: Ram, idt_pa: number, stubs: number): void {
  for (let vector = 0; vector < NR_VECTORS; vector++) {
    const offset = stubs + vector * STUB_SIZE;
    const high = Math.floor(offset / 2 ** 32);
    const low = offset - high * 2 ** 32;
    const gate = idt_pa + vector * 16;
    const fromUser = USER_VECTORS.includes(vector) ? GATE_DPL3 : 0;
    ram.write16(gate, low % 0x10000);
    ram.write16(gate + 2, KERNEL_CS);
    ram.write16(gate + 4, GATE_INTERRUPT | fromUser | (vector === VECTOR_DF ? IST_DF : 0));
    ram.write16(gate + 6, Math.floor(low / 0x10000));
    ram.write32(gate + 8, high);
    ram.write32(gate + 12, 0);
  }
}

/** Where the CPU's stack goes when it enters the kernel from CPL 3. */
export function setTssRsp0(ram: Ram, tss_pa: number, stack_top: number): void {
  ram.write64(tss_pa + TSS_RSP0, stack_top);
}

/** Where it goes for a double fault. */
export function setTssIst1(ram: Ram, tss_pa: number, stack_top: number): void {
  ram.write64(tss_pa + TSS_IST1, stack_top);
}

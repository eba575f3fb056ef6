/**
 * PtRegs: the registers of an interrupted program, as the entry stubs (entry/entry_64.asm) store them on the task's
 * kernel stack in guest RAM. Linux: struct pt_regs, arch/x86/include/uapi/asm/ptrace.h.
 *
 *      0 r15 r14 r13 r12 rbp rbx     r11 r10 r9 r8 rax rcx rdx rsi rdi     120 orig_rax
 *    128 rip cs eflags rsp ss        168 = top of stack
 *
 * orig_rax is the call's number, or the exception's error code, or -1.
 */
import type { Ram } from "./machine.ts";

export const PT_R15 = 0;
export const PT_R14 = 8;
export const PT_R13 = 16;
export const PT_R12 = 24;
export const PT_RBP = 32;
export const PT_RBX = 40;
export const PT_R11 = 48;
export const PT_R10 = 56;
export const PT_R9 = 64;
export const PT_R8 = 72;
export const PT_RAX = 80;
export const PT_RCX = 88;
export const PT_RDX = 96;
export const PT_RSI = 104;
export const PT_RDI = 112;
export const PT_ORIG_RAX = 120;
export const PT_RIP = 128;
export const PT_CS = 136;
export const PT_EFLAGS = 144;
export const PT_RSP = 152;
export const PT_SS = 160;
export const PT_SIZE = 168;

export class PtRegs {
  /** Physical address of the structure. */
  pa = 0;
  constructor(readonly ram: Ram) {}

  /** A register as a signed number; exact within 2^53 (every valid address is). */
  get(offset: number): number {
    return this.ram.read64(this.pa + offset);
  }
  set(offset: number, value: number): void {
    this.ram.write64(this.pa + offset, value);
  }

  get rip(): number {
    return this.ram.read64(this.pa + PT_RIP);
  }
  set rip(value: number) {
    this.ram.write64(this.pa + PT_RIP, value);
  }
  get rsp(): number {
    return this.ram.read64(this.pa + PT_RSP);
  }
  set rsp(value: number) {
    this.ram.write64(this.pa + PT_RSP, value);
  }
  get rax(): number {
    return this.ram.read64(this.pa + PT_RAX);
  }
  set rax(value: number) {
    this.ram.write64(this.pa + PT_RAX, value);
  }
  get orig_rax(): number {
    return this.ram.read64(this.pa + PT_ORIG_RAX);
  }
  set orig_rax(value: number) {
    this.ram.write64(this.pa + PT_ORIG_RAX, value);
  }
  get cs(): number {
    return this.ram.read16(this.pa + PT_CS);
  }
  set cs(value: number) {
    this.ram.write64(this.pa + PT_CS, value);
  }
  get ss(): number {
    return this.ram.read16(this.pa + PT_SS);
  }
  set ss(value: number) {
    this.ram.write64(this.pa + PT_SS, value);
  }
  get eflags(): number {
    return this.ram.read32(this.pa + PT_EFLAGS) >>> 0;
  }
  set eflags(value: number) {
    this.ram.write64(this.pa + PT_EFLAGS, value);
  }

  /** Whether the program was at CPL 3. Linux: user_mode(). */
  isUserMode(): boolean {
    return (this.cs & 3) === 3;
  }

  /** Makes these registers a copy of `other`'s. */
  copyFrom(other: PtRegs): void {
    this.ram.copy(this.pa, other.pa, PT_SIZE);
  }

  /** A register as 16 hex digits. */
  hex(offset: number): string {
    const word = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return word(this.ram.read32(this.pa + offset + 4)) + word(this.ram.read32(this.pa + offset));
  }
}

/**
 * What the kernel needs from below: RAM, ports, memory-mapped devices and the registers of the CPU it runs on.
 * host/ implements these over the emulated board; nothing else of the hardware is visible from here.
 *
 * Addresses are numbers. Physical addresses are unsigned. Virtual addresses are signed 64-bit values: the kernel's
 * half is negative (0xffff888000000000 is -0x778000000000), so that every canonical address is exact in a double.
 */
export interface Machine {
  readonly ram: Ram;
  readonly ports: Ports;
  readonly cpu: Cpu;
  /** Maps device memory at physical address `pa`. Linux: ioremap(). */
  ioremap(pa: number, size_bytes: number): IoMemory;
}

/** Guest RAM by physical address. Writes go through the methods: they drop decoded code, as the bus does for DMA. */
export interface Ram {
  readonly size_bytes: number;
  /** All of RAM, index = physical address. For reading only. May be replaced when the wasm memory grows: do not keep. */
  readonly bytes: Uint8Array;
  read8(pa: number): number;
  read16(pa: number): number;
  read32(pa: number): number;
  /** Reads 64 bits as a signed number: exact for canonical addresses and all values within +-2^53. */
  read64(pa: number): number;
  write8(pa: number, value: number): void;
  write16(pa: number, value: number): void;
  write32(pa: number, value: number): void;
  /** Writes the low 64 bits of an integer given as a signed or unsigned number. */
  write64(pa: number, value: number): void;
  fill(pa: number, value: number, length_bytes: number): void;
  /** Copies `bytes` into RAM at `pa`. */
  set(pa: number, bytes: Uint8Array): void;
  /** Copies within RAM; the ranges may overlap. */
  copy(to_pa: number, from_pa: number, length_bytes: number): void;
}

export interface Ports {
  inb(port: number): number;
  inw(port: number): number;
  inl(port: number): number;
  outb(port: number, value: number): void;
  outw(port: number, value: number): void;
  outl(port: number, value: number): void;
}

/** A mapped range of device memory; offsets in bytes from its start. */
export interface IoMemory {
  readonly pa: number;
  readonly size_bytes: number;
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
  /** Copies `bytes` into the range; memory-like devices (video memory) only. */
  set(offset: number, bytes: Uint8Array): void;
  /** Copies within the range; memory-like devices only. */
  copy(to_offset: number, from_offset: number, length_bytes: number): void;
  /** Stores the 32-bit `value` `count` times; memory-like devices only. */
  fill32(offset: number, value: number, count: number): void;
}

/** The CPU that executes the kernel: what Linux reaches with inline assembly. */
export interface Cpu {
  /** A general register (cpu-core/abi/state.ts RAX...) as a signed number. */
  readRegister(register: number): number;
  writeRegister(register: number, value: number): void;
  rip: number;
  rflags: number;
  readonly cr2: number;
  /** Writing flushes the TLB. */
  cr3: number;
  cr0: number;
  cr4: number;
  readMsr(msr: number): number;
  writeMsr(msr: number, value: number): void;
  cpuid(leaf: number, subleaf: number): { eax: number; ebx: number; ecx: number; edx: number };
  /** The selector in a segment register (cpu-core/abi/state.ts SEG_ES...). */
  readSelector(segment: number): number;
  /** MOV to a segment register; false if it faults. */
  loadSegment(segment: number, selector: number): boolean;
  /** LLDT with the descriptor given: linear address and limit in bytes; selector 0: none. */
  loadLdt(selector: number, base: number, limit: number): void;
  /** Drops the translation of one page. */
  invlpg(va: number): void;
  /** Drops all translations. */
  flushTlb(): void;
  /** Time stamp counter, cycles since power-on; exact below 2^53. */
  rdtsc(): number;
  /** Stores x87 and SSE state in FXSAVE's 512-byte format at physical address `pa` (16-byte aligned). */
  fxsave(pa: number): void;
  /** Loads it back; reserved MXCSR bits are ignored. */
  fxrstor(pa: number): void;
  /** 64 random bits as two u32 words (RDRAND). */
  rdrand(): { lo: number; hi: number };
  /** Instructions retired since power-on, in all and at CPL 3. */
  readonly retired: number;
  readonly retired_user: number;
}

/** What the board calls when the CPU executes VMCALL at CPL 0: the kernel's one door (kernel/main.ts). */
export interface VmcallTarget {
  vmcall(): void;
}

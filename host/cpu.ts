/**
 * The CPU and the rest of the hardware as the kernel's TypeScript sees them: the interfaces of kernel/arch/x86/machine.ts
 * over the core's state and the buses. What is a privileged instruction for other kernels is a method here.
 */
import {
  CPU_COUNT_RETIRED,
  CPU_COUNT_RETIRED_USER,
  CPU_CR0,
  CPU_CR2,
  CPU_CR3,
  CPU_CR4,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  SEG_LDTR,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
} from "../cpu-core/abi/state.ts";
import type { Cpu, IoMemory, Machine as KernelMachine, Ports, Ram } from "../kernel/arch/x86/machine.ts";
import type { MemoryBus, PortBus } from "./bus.ts";
import { PORT_ACCESS_NS, RDTSC_NS } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { UNWIND } from "./core.ts";
import type { Core } from "./core.ts";
import { GuestRam, mapIoMemory } from "./memory.ts";

/** Present, type LDT. SDM vol 3A "System Descriptor Types". */
const LDT_ATTRIBUTES = 0x82;
const TWO_32 = 0x1_0000_0000;

const high = (value: number): number => Math.floor(value / TWO_32) | 0;

export class GuestCpu implements Cpu {
  constructor(
    readonly core: Core,
    readonly clock: Clock,
    readonly random32: () => number,
  ) {}

  readRegister(register: number): number {
    return this.core.read64(CPU_REGS + register * 8);
  }

  writeRegister(register: number, value: number): void {
    this.core.write64(CPU_REGS + register * 8, value);
  }

  get rip(): number {
    return this.core.read64(CPU_RIP);
  }

  set rip(value: number) {
    this.core.write64(CPU_RIP, value);
  }

  get rflags(): number {
    return this.core.exports.materialize_flags() >>> 0;
  }

  set rflags(value: number) {
    this.core.exports.set_rflags(value);
  }

  get cr2(): number {
    return this.core.read64(CPU_CR2);
  }

  get cr3(): number {
    return this.core.read64(CPU_CR3);
  }

  set cr3(value: number) {
    this.core.exports.set_cr(3, value | 0, high(value));
  }

  get cr0(): number {
    return this.core.read32(CPU_CR0);
  }

  set cr0(value: number) {
    this.core.exports.set_cr(0, value | 0, 0);
  }

  get cr4(): number {
    return this.core.read32(CPU_CR4);
  }

  set cr4(value: number) {
    this.core.exports.set_cr(4, value | 0, 0);
  }

  readMsr(msr: number): number {
    this.#privileged(`RDMSR 0x${msr.toString(16)}`, () => this.core.exports.read_msr(msr));
    return (this.core.scratch(1) | 0) * TWO_32 + this.core.scratch(0);
  }

  writeMsr(msr: number, value: number): void {
    this.#privileged(`WRMSR 0x${msr.toString(16)}`, () =>
      this.core.exports.write_msr(msr, value | 0, high(value)),
    );
  }

  /** A fault in what the kernel asks of its CPU is a bug of the kernel, not an exception of the guest. */
  #privileged(what: string, perform: () => void): void {
    try {
      perform();
    } catch (error) {
      throw error === UNWIND ? new Error(`#GP in ${what}`) : error;
    }
  }

  cpuid(leaf: number, subleaf: number): { eax: number; ebx: number; ecx: number; edx: number } {
    const { core } = this;
    core.exports.cpuid(leaf, subleaf);
    return { eax: core.scratch(0), ebx: core.scratch(1), ecx: core.scratch(2), edx: core.scratch(3) };
  }

  readSelector(segment: number): number {
    return this.core.read32(CPU_SEGMENTS + segment * SEGMENT_SIZE + SEGMENT_SELECTOR) & 0xffff;
  }

  loadSegment(segment: number, selector: number): boolean {
    try {
      this.core.exports.load_segment(segment, selector);
      return true;
    } catch (error) {
      if (error === UNWIND) return false;
      throw error;
    }
  }

  loadLdt(selector: number, base: number, limit: number): void {
    const at = CPU_SEGMENTS + SEG_LDTR * SEGMENT_SIZE;
    this.core.write32(at + SEGMENT_SELECTOR, selector);
    this.core.write32(at + SEGMENT_ATTRIBUTES, selector === 0 ? 0 : LDT_ATTRIBUTES);
    this.core.write64(at + SEGMENT_BASE, base);
    this.core.write32(at + SEGMENT_LIMIT, limit);
  }

  invlpg(va: number): void {
    this.core.exports.invlpg(va | 0, high(va));
  }

  flushTlb(): void {
    this.core.exports.flush_tlb();
  }

  rdtsc(): number {
    this.clock.spend(RDTSC_NS);
    return this.clock.now_ns(); // TSC_HZ is 1 GHz
  }

  fxsave(pa: number): void {
    this.core.exports.fxsave(pa);
  }

  fxrstor(pa: number): void {
    this.core.exports.fxrstor(pa);
  }

  rdrand(): { lo: number; hi: number } {
    return { lo: this.random32() >>> 0, hi: this.random32() >>> 0 };
  }

  get retired(): number {
    return this.core.read64(CPU_COUNT_RETIRED);
  }

  get retired_user(): number {
    return this.core.read64(CPU_COUNT_RETIRED_USER);
  }
}

/** IN and OUT. Each access takes device time, so that polling a port ends also when only instructions make time pass. */
export class GuestPorts implements Ports {
  constructor(
    readonly bus: PortBus,
    readonly clock: Clock,
  ) {}

  read(port: number, size: number): number {
    this.clock.spend(PORT_ACCESS_NS);
    return this.bus.read(port, size);
  }

  write(port: number, size: number, value: number): void {
    this.clock.spend(PORT_ACCESS_NS);
    this.bus.write(port, size, value);
  }

  inb(port: number): number {
    return this.read(port, 1);
  }
  inw(port: number): number {
    return this.read(port, 2);
  }
  inl(port: number): number {
    return this.read(port, 4);
  }
  outb(port: number, value: number): void {
    this.write(port, 1, value);
  }
  outw(port: number, value: number): void {
    this.write(port, 2, value);
  }
  outl(port: number, value: number): void {
    this.write(port, 4, value);
  }
}

/** All of the hardware for `createKernel`. */
export class GuestMachine implements KernelMachine {
  readonly ram: Ram;
  readonly #ram: GuestRam;

  constructor(
    readonly core: Core,
    readonly cpu: GuestCpu,
    readonly ports: GuestPorts,
    readonly mmio: MemoryBus,
  ) {
    this.ram = this.#ram = new GuestRam(core, core.ram_bytes);
  }

  ioremap(pa: number, size_bytes: number): IoMemory {
    return mapIoMemory(pa, size_bytes, this.#ram, this.core, this.mmio);
  }
}

/**
 * The CPU core (cpu-core/, compiled to WebAssembly) as the host holds it: its memory, its exports, what it imports.
 *
 * One Core is one power-on: a fresh memory and a fresh instance of the compiled module. The imports lead to the buses
 * (host/bus.ts) and the interrupt controllers; a fault inside the core unwinds by throwing UNWIND through all wasm frames to
 * the run loop (host/run_loop.ts). Interface: cpu-core/index.ts, cpu-core/host.ts; memory map: cpu-core/abi/layout.ts.
 */
import { RAM_BASE, ROM_BASE, ROM_SIZE, STATE_BASE, VRAM_BASE, VRAM_SIZE } from "../cpu-core/abi/layout.ts";
import { CPU_COUNT_RETIRED, CPU_SCRATCH } from "../cpu-core/abi/state.ts";
import { JitLinker } from "./jit_linker.ts";

/** What cpu-core/index.ts exports. Numbers are i32: addresses and register words come out signed. */
export interface CoreExports {
  readonly table: WebAssembly.Table;
  /** The whole CPU state to what follows RESET#, counters included; drops all decoded code. */
  reset(ram_bytes: number): void;
  /** Executes up to `budget` instructions; returns an EXIT_* (cpu-core/abi/exit.ts). May throw UNWIND. */
  run(budget: number): number;
  /** After UNWIND came out of run(): tidies up; the exception is delivered by the next run(). Returns 0. */
  deliver_raised(): number;
  /** Level of the INTR pin. */
  set_intr(level: number): void;
  raise_nmi(): void;
  raise_init(): void;
  /** Makes the current run() return EXIT_UNWOUND after the current instruction. */
  request_stop(): void;
  /** Drops decoded code of the physical range. */
  invalidate_code(pa: number, length_bytes: number): void;
  flush_tlb(): void;
  load_segment(index: number, selector: number): void;
  invlpg(lo: number, hi: number): void;
  set_cr(register: number, lo: number, hi: number): void;
  /** Throws UNWIND when the MSR does not exist or does not take the value. */
  write_msr(msr: number, lo: number, hi: number): void;
  /** The value is in the scratch words 0 (low) and 1 (high). */
  read_msr(msr: number): void;
  fxsave(pa: number): void;
  fxrstor(pa: number): void;
  /** Works the status flags out; returns RFLAGS. */
  materialize_flags(): number;
  set_rflags(value: number): void;
  /** EAX, EBX, ECX, EDX are in the scratch words 0-3. */
  cpuid(leaf: number, subleaf: number): void;
  set_a20(level: number): void;
  /** Entries of a block before it is translated; 0: never. */
  set_translation_threshold(entries: number): void;
}

/** The local APIC as its CPU sees it beside the memory-mapped registers. */
export interface ApicRegisters {
  /** Task priority register, 8 bits; CR8 is its upper half. */
  tpr(): number;
  writeTpr(value: number): void;
  /** One of the local APIC's MSRs as two unsigned halves; null: there is none of that number now. */
  readMsr(msr: number): { lo: number; hi: number } | null;
  /** False: the MSR does not exist now or does not take the value. */
  writeMsr(msr: number, lo: number, hi: number): boolean;
  /** The offset of the TSC changed. */
  tscWritten(): void;
}

/** What the board gives the core. */
export interface CoreEnvironment {
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
  mmioRead(pa: number, size: number): number;
  mmioWrite(pa: number, size: number, value: number): void;
  interruptAcknowledge(): number;
  readonly apic: ApicRegisters;
  /** Cycles since power-on. */
  readTsc(): number;
  random32(): number;
}

/** What raise_unwind throws: constant, because capturing a stack would cost four times the unwinding. */
export const UNWIND = Object.freeze({ unwind: true });

const WASM_PAGE_BYTES = 0x1_0000;

export class Core {
  readonly memory: WebAssembly.Memory;
  readonly exports: CoreExports;
  readonly bytes: Uint8Array;
  /** This CPU's state (cpu-core/abi/state.ts): index is the field's offset divided by 4. */
  readonly state: Uint32Array;
  /** The firmware ROM and the linear framebuffer. */
  readonly rom: Uint8Array;
  readonly video_memory: Uint8Array;
  readonly #scratch = CPU_SCRATCH >>> 2;

  constructor(
    module: WebAssembly.Module,
    readonly ram_bytes: number,
    environment: CoreEnvironment,
  ) {
    this.memory = new WebAssembly.Memory({ initial: (RAM_BASE + ram_bytes) / WASM_PAGE_BYTES });
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.state = new Uint32Array(buffer, STATE_BASE, 0x400);
    this.rom = new Uint8Array(buffer, ROM_BASE, ROM_SIZE);
    this.video_memory = new Uint8Array(buffer, VRAM_BASE, VRAM_SIZE);
    const env = {
      memory: this.memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      port_read: (port: number, size: number) => environment.portRead(port & 0xffff, size),
      port_write: (port: number, size: number, value: number) =>
        environment.portWrite(port & 0xffff, size, value),
      mmio_read: (pa: number, size: number) => environment.mmioRead(pa >>> 0, size),
      mmio_write: (pa: number, size: number, value: number) => environment.mmioWrite(pa >>> 0, size, value),
      interrupt_acknowledge: () => environment.interruptAcknowledge(),
      read_cr8: () => environment.apic.tpr() >>> 4,
      write_cr8: (value: number) => environment.apic.writeTpr((value & 15) << 4),
      apic_read_msr: (msr: number) => {
        const value = environment.apic.readMsr(msr);
        if (value === null) return 0;
        this.state[this.#scratch] = value.lo;
        this.state[this.#scratch + 1] = value.hi;
        return 1;
      },
      apic_write_msr: (msr: number, lo: number, hi: number) =>
        environment.apic.writeMsr(msr, lo >>> 0, hi >>> 0) ? 1 : 0,
      tsc_written: () => environment.apic.tscWritten(),
      read_tsc: () => environment.readTsc(),
      random32: () => environment.random32(),
      raise_unwind: () => {
        throw UNWIND;
      },
      link_module: (address: number, length_bytes: number, nr_functions: number) =>
        linker.link(address >>> 0, length_bytes, nr_functions),
      unlink_modules: () => linker.unlink(),
      abort: (_message: number, _file: number, line: number, column: number) => {
        throw new Error(`cpu-core aborted at ${line}:${column}`);
      },
    };
    const instance = new WebAssembly.Instance(module, { env });
    this.exports = instance.exports as unknown as CoreExports;
    const linker = new JitLinker(this);
  }

  read32(offset: number): number {
    return this.state[offset >>> 2];
  }

  write32(offset: number, value: number): void {
    this.state[offset >>> 2] = value;
  }

  /** Reads a 64-bit word as a signed number: exact for canonical addresses and values within +-2^53. */
  read64(offset: number): number {
    const index = offset >>> 2;
    return (this.state[index + 1] | 0) * 0x1_0000_0000 + this.state[index];
  }

  /** Writes the low 64 bits of an integer. */
  write64(offset: number, value: number): void {
    const index = offset >>> 2;
    this.state[index] = value;
    this.state[index + 1] = Math.floor(value / 0x1_0000_0000);
  }

  /** Resets the CPU; the counters go on from where they were. */
  reset(): void {
    const first = CPU_COUNT_RETIRED >>> 2;
    const counters = this.state.slice(first, CPU_SCRATCH >>> 2);
    this.exports.reset(this.ram_bytes);
    this.state.set(counters, first);
  }

  /** A word that an export left for the host. */
  scratch(index: number): number {
    return this.state[this.#scratch + index];
  }
}

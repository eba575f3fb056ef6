/**
 * The core alone in flat 32-bit protected mode at CPL 0, for tests of what segments, gates, tasks and debug registers do. A program is
 * assembly source; `run` executes it to its HLT and notes every exception that was raised on the way.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT_BUDGET, EXIT_HLT, EXIT_SHUTDOWN } from "../../cpu-core/abi/exit.ts";
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CPU_BUDGET,
  CPU_CPL,
  CPU_CR0,
  CPU_CR3,
  CPU_DR,
  CPU_GDTR_BASE,
  CPU_GDTR_LIMIT,
  CPU_IDTR_BASE,
  CPU_IDTR_LIMIT,
  CPU_RAISED_CODE,
  CPU_RAISED_VECTOR,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  NO_ERROR_CODE,
  SEG_TR,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
} from "../../cpu-core/abi/state.ts";
import { assemble } from "../../host/assembler/assemble.ts";

const RAM_BYTES = 8 << 20;
const WASM = join(import.meta.dirname, "../../dist/core/cpu-core.wasm");
const UNWIND = {};

const GDT = 0x1000;
const IDT = 0x2000;
export const TSS_A = 0x3000;
export const TSS_B = 0x3100;
export const LDT = 0x3800;
const CODE = 0x1_0000;
export const DATA = 0x2_0000;

/** What programs may name. */
const NAMES = {
  CODE0: 0x08,
  DATA0: 0x10,
  CODE3: 0x1b,
  DATA3: 0x23,
  CODE16: 0x28,
  DATA16: 0x30,
  SEL_A: 0x38,
  SEL_B: 0x40,
  SEL_LDT: 0x48,
  FREE: 0x50,
  GDT,
  IDT,
  TSS_A,
  TSS_B,
  LDT,
  DATA,
  STACK0: 0x8000,
  STACK3: 0x9000,
};

const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;

export interface Raised {
  vector: number;
  /** null: none. */
  code: number | null;
  eip: number;
}

interface Exports {
  readonly table: WebAssembly.Table;
  reset(ram_bytes: number): void;
  run(budget: number): number;
  deliver_raised(): number;
  set_cr(number: number, lo: number, hi: number): void;
  write_msr(number: number, lo: number, hi: number): void;
  set_rflags(value: number): void;
  set_intr(level: number): void;
  raise_nmi(): void;
  materialize_flags(): number;
}

let module: WebAssembly.Module | undefined;

export class ProtectedMachine {
  readonly view: DataView;
  readonly ram: Uint8Array;
  readonly core: Exports;
  readonly symbols: Record<string, number>;
  /** Exceptions that instructions raised, in order; INT n and debug traps are not among them. */
  readonly raised: Raised[] = [];
  /** Port accesses: [port, bytes, value or null for a read]. */
  readonly ports: [number, number, number | null][] = [];
  /** The vector of the interrupt that setIntr(1) asks for. */
  interrupt_vector = 0x40;

  /** Assembles `source`, bits 32, and loads it; execution begins at its first byte. */
  constructor(source: string) {
    module ??= new WebAssembly.Module(readFileSync(WASM));
    const memory = new WebAssembly.Memory({ initial: (RAM_BASE + RAM_BYTES) / 65536 });
    const env: WebAssembly.ModuleImports = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      raise_unwind: () => {
        throw UNWIND;
      },
      port_read: (port: number, bytes: number) => {
        this.ports.push([port, bytes, null]);
        return 0x5a5a_5a5a;
      },
      port_write: (port: number, bytes: number, value: number) => {
        this.ports.push([port, bytes, value]);
      },
      interrupt_acknowledge: () => {
        this.core.set_intr(0);
        return this.interrupt_vector;
      },
    };
    for (const { name, kind } of WebAssembly.Module.imports(module))
      if (kind === "function") env[name] ??= () => 0;
    this.core = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.view = new DataView(memory.buffer);
    this.ram = new Uint8Array(memory.buffer, RAM_BASE, RAM_BYTES);
    this.core.reset(RAM_BYTES);
    this.#enter();
    const { bytes, symbols } = assemble(source, { bits: 32, origin: CODE, defines: NAMES });
    this.ram.set(bytes, CODE);
    this.symbols = symbols;
  }

  #enter(): void {
    this.descriptor(0x08, 0, 0xf_ffff, 0x9a, 0xc);
    this.descriptor(0x10, 0, 0xf_ffff, 0x92, 0xc);
    this.descriptor(0x18, 0, 0xf_ffff, 0xfa, 0xc);
    this.descriptor(0x20, 0, 0xf_ffff, 0xf2, 0xc);
    this.descriptor(0x28, 0, 0xffff, 0x9a, 0);
    this.descriptor(0x30, 0, 0xffff, 0x92, 0);
    this.descriptor(0x38, TSS_A, 0x67, 0x8b, 0);
    this.descriptor(0x40, TSS_B, 0x67, 0x89, 0);
    this.descriptor(0x48, LDT, 0xff, 0x82, 0);
    this.write32(TSS_A + 4, NAMES.STACK0);
    this.write32(TSS_A + 8, NAMES.DATA0);
    this.set(CPU_GDTR_BASE, GDT);
    this.set(CPU_GDTR_LIMIT, 0xfff);
    this.set(CPU_IDTR_BASE, IDT);
    this.set(CPU_IDTR_LIMIT, 0x7ff);
    this.core.set_cr(0, 0x11, 0);
    this.#segment(1, 0x08, 0xc09b);
    for (const index of [0, 2, 3, 4, 5]) this.#segment(index, 0x10, 0xc093);
    this.#segment(SEG_TR, 0x38, 0x8b, TSS_A, 0x67);
    this.set(CPU_REGS + 2 * 8, 0); // EDX, the signature after reset
    this.set(CPU_REGS + 4 * 8, NAMES.STACK0);
    this.view.setBigUint64(STATE_BASE + CPU_RIP, BigInt(CODE), true);
    this.core.set_rflags(2);
  }

  #segment(index: number, selector: number, attributes: number, base = 0, limit = 0xffff_ffff): void {
    const at = CPU_SEGMENTS + index * SEGMENT_SIZE;
    this.set(at + SEGMENT_SELECTOR, selector);
    this.set(at + SEGMENT_ATTRIBUTES, attributes);
    this.set(at + SEGMENT_BASE, base);
    this.set(at + SEGMENT_LIMIT, limit);
  }

  /** Writes a descriptor into the GDT, or the LDT if the selector has TI set. `flags`: G, D/B, L, AVL from the top. */
  descriptor(selector: number, base: number, limit: number, access: number, flags: number): void {
    const at = (selector & 4 ? LDT : GDT) + (selector & 0xfff8);
    this.write32(at, (limit & 0xffff) | (base << 16));
    this.write32(
      at + 4,
      ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf_0000) | (flags << 20) | (base & 0xff00_0000),
    );
  }

  /** Writes a gate into the GDT. */
  callGate(at: number, selector: number, offset: number | string, access: number, parameters = 0): void {
    this.#gate(GDT + at, selector, offset, access, parameters);
  }

  /** Writes a gate into the IDT: 8E interrupt, 8F trap, 86 and 87 of 16 bits, 85 task; EE with DPL 3. */
  idtGate(vector: number, selector: number, offset: number | string, access: number): void {
    this.#gate(IDT + vector * 8, selector, offset, access, 0);
  }

  #gate(at: number, selector: number, offset: number | string, access: number, parameters: number): void {
    const target = typeof offset === "string" ? this.symbol(offset) : offset;
    this.write32(at, (target & 0xffff) | (selector << 16));
    this.write32(at + 4, (target & 0xffff_0000) | (access << 8) | parameters);
  }

  symbol(name: string): number {
    const value = this.symbols[name];
    if (value === undefined) throw new Error(`no label ${name}`);
    return value;
  }

  /** A word of CpuState. */
  set(offset: number, value: number): void {
    this.view.setUint32(STATE_BASE + offset, value, true);
  }
  get(offset: number): number {
    return this.view.getUint32(STATE_BASE + offset, true);
  }

  write32(pa: number, value: number): void {
    this.view.setUint32(RAM_BASE + pa, value, true);
  }
  write16(pa: number, value: number): void {
    this.view.setUint16(RAM_BASE + pa, value, true);
  }
  read32(pa: number): number {
    return this.view.getUint32(RAM_BASE + pa, true);
  }
  read16(pa: number): number {
    return this.view.getUint16(RAM_BASE + pa, true);
  }
  read8(pa: number): number {
    return this.view.getUint8(RAM_BASE + pa);
  }

  reg(name: (typeof REGISTERS)[number]): number {
    return this.get(CPU_REGS + REGISTERS.indexOf(name) * 8);
  }
  selector(name: (typeof SEGMENTS)[number]): number {
    return this.get(CPU_SEGMENTS + SEGMENTS.indexOf(name) * SEGMENT_SIZE + SEGMENT_SELECTOR);
  }
  dr(number: number): number {
    return this.get(CPU_DR + number * 8);
  }
  get eip(): number {
    return this.get(CPU_RIP);
  }
  get cpl(): number {
    return this.get(CPU_CPL);
  }
  get cr0(): number {
    return this.get(CPU_CR0);
  }
  get cr3(): number {
    return this.get(CPU_CR3);
  }
  get flags(): number {
    return this.core.materialize_flags() >>> 0;
  }

  /** Runs to HLT, through exceptions; "shutdown" after a triple fault, "budget" if it does not end. */
  run(budget = 10_000): "hlt" | "shutdown" | "budget" {
    for (let left = budget; ;) {
      try {
        const exit = this.core.run(left);
        if (exit === EXIT_HLT) return "hlt";
        if (exit === EXIT_SHUTDOWN) return "shutdown";
        if (exit === EXIT_BUDGET) return "budget";
        throw new Error(`run() returned ${exit}`);
      } catch (error) {
        if (error !== UNWIND) throw error;
      }
      this.core.deliver_raised();
      const code = this.get(CPU_RAISED_CODE);
      this.raised.push({
        vector: this.get(CPU_RAISED_VECTOR),
        code: code === NO_ERROR_CODE ? null : code,
        eip: this.eip,
      });
      left = this.view.getInt32(STATE_BASE + CPU_BUDGET, true);
    }
  }

  /** Runs until the first exception is raised and returns it; throws if there is none. */
  firstRaised(): Raised {
    this.run();
    if (this.raised.length === 0) throw new Error("no exception was raised");
    return this.raised[0];
  }
}

/** Source that goes on at `label` at CPL 3. */
export function enterLevel3(label: string, flags = 2): string {
  return `
    push DATA3
    push STACK3
    push ${flags}
    push CODE3
    push ${label}
    iretd
  `;
}

/**
 * A bare CPU in 64-bit mode whose interrupts, page faults and single steps go to handlers.asm: the core and nothing else. What
 * interrupts it, and when, the caller says.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT_BUDGET, EXIT_VMCALL } from "../../cpu-core/abi/exit.ts";
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CPU_BUDGET,
  CPU_COUNT_TRANSLATED_ENTRIES,
  CPU_COUNT_TRANSLATIONS,
  CPU_IDTR_BASE,
  CPU_IDTR_LIMIT,
  CPU_GDTR_BASE,
  CPU_GDTR_LIMIT,
  CPU_MXCSR,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  CPU_X87_CONTROL,
  CPU_X87_CS,
  CPU_X87_REGISTERS,
  CPU_XMM,
  FLAG_RF,
  FLAG_TF,
  SEG_CS,
  SEG_SS,
  SEG_TR,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SIZE,
} from "../../cpu-core/abi/state.ts";
import { VECTOR_DB, VECTOR_NMI, VECTOR_PF } from "../../cpu-core/abi/vectors.ts";
import { assemble } from "../../host/assembler/assemble.ts";
import { CODE, DATA, STACK, UNMAPPED, WASM } from "../jit/machine.ts";

const RAM_BYTES = 8 << 20;
const PAGE_BYTES = 4096;
/** Page tables: PML4, PDPT, page directory, and one table that maps the first 4 MiB less what is 2 MiB on. */
const PML4 = 0x1000;
const PAGE_TABLE = 0x4000;
const IDT = 0x7000;
const GDT = 0x8000;
const TSS = 0x9000;
const HANDLERS = 0x1_0000;
const IST1 = 0x2_0000;
/** What a program may touch, as [first, after the last] bytes. */
const PROGRAM = [
  [CODE, CODE + 2 * PAGE_BYTES],
  [DATA, DATA + 5 * PAGE_BYTES],
  [STACK, STACK + PAGE_BYTES],
  [UNMAPPED, UNMAPPED + PAGE_BYTES],
] as const;
const CODE_END = CODE + 2 * PAGE_BYTES;

const VECTOR_INTR = 0x20;
const CODE_SELECTOR = 8;
const STACK_SELECTOR = 16;

const UNWIND = {};

const HANDLER = assemble(readFileSync(join(import.meta.dirname, "handlers.asm"), "utf8"), {
  file: "handlers.asm",
  defines: { HANDLERS, PAGE_TABLE },
});

export const TOUR = assemble(readFileSync(join(import.meta.dirname, "tour.asm"), "utf8"), {
  file: "tour.asm",
  defines: { CODE, DATA },
}).bytes;

export interface Program {
  code: ArrayLike<number>;
  registers: readonly bigint[];
  data: Uint8Array;
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
  flush_tlb(): void;
  invalidate_code(pa: number, length: number): void;
  set_translation_threshold(entries: number): void;
  materialize_flags(): number;
}

let module: WebAssembly.Module | undefined;

export class InterruptedMachine {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #core: Exports;
  /** Set by a fault that unwound in the last run(). */
  #unwound = false;
  #isIntrHigh = false;
  #program: Program | null = null;
  /** The program's VMCALL was executed. */
  ended = false;

  /** `threshold`: entries of a block before it is translated, 0: never. */
  constructor(threshold: number) {
    module ??= new WebAssembly.Module(readFileSync(WASM));
    const memory = new WebAssembly.Memory({ initial: (RAM_BASE + RAM_BYTES) / 65536 });
    const env: WebAssembly.ModuleImports = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      raise_unwind: () => {
        throw UNWIND;
      },
      interrupt_acknowledge: () => {
        this.#setIntr(0);
        return VECTOR_INTR;
      },
      link_module: (address: number, length: number, nr_functions: number) => {
        const translated = new WebAssembly.Module(this.#bytes.slice(address, address + length));
        const { table } = this.#core;
        const instance = new WebAssembly.Instance(translated, {
          env: { ...(this.#core as unknown as WebAssembly.ModuleImports), memory, table },
        });
        const slot = table.grow(nr_functions);
        for (let n = 0; n < nr_functions; n++) table.set(slot + n, instance.exports[`f${n}`] as () => void);
        return slot;
      },
    };
    for (const { name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== "function") continue;
      env[name] ??= () => {
        throw new Error(`the core called ${name}`);
      };
    }
    this.#core = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#core.reset(RAM_BYTES);
    this.#core.set_translation_threshold(threshold);
    this.#bytes.set(HANDLER.bytes, RAM_BASE + HANDLERS);
    this.#writeTables();
    this.#enterLongMode();
  }

  #ram64(pa: number, low: number, high = 0): void {
    this.#view.setUint32(RAM_BASE + pa, low, true);
    this.#view.setUint32(RAM_BASE + pa + 4, high, true);
  }

  #writeTables(): void {
    this.#ram64(PML4, 0x2007);
    this.#ram64(0x2000, 0x3007);
    for (let i = 0; i < 2; i++) this.#ram64(0x3000 + 8 * i, (PAGE_TABLE + i * PAGE_BYTES) | 7);
    for (let page = 0; page < 1024; page++) this.#ram64(PAGE_TABLE + 8 * page, (page * PAGE_BYTES) | 7);
    const gate = (vector: number, label: string): void => {
      const target = HANDLER.symbols[label];
      if (target === undefined) throw new Error(`no handler ${label}`);
      const offset = Number(target);
      // Interrupt gate on the stack of IST1.
      this.#ram64(
        IDT + 16 * vector,
        (offset & 0xffff) | (CODE_SELECTOR << 16),
        (offset & 0xffff0000) | 0x8e01,
      );
    };
    for (let vector = 0; vector < 256; vector++) gate(vector, "unexpected");
    gate(VECTOR_INTR, "interrupt");
    gate(VECTOR_NMI, "interrupt");
    gate(VECTOR_DB, "single_step");
    gate(VECTOR_PF, "page_fault");
    this.#ram64(GDT + CODE_SELECTOR, 0x0000_ffff, 0x00af_9b00);
    this.#ram64(GDT + STACK_SELECTOR, 0x0000_ffff, 0x00cf_9300);
    this.#ram64(TSS + 0x24, IST1);
  }

  #enterLongMode(): void {
    this.#core.set_cr(4, 0x620, 0); // PAE, OSFXSR, OSXMMEXCPT
    this.#core.write_msr(0xc000_0080, 0x900, 0); // LME, NXE
    this.#core.set_cr(3, PML4, 0);
    this.#core.set_cr(0, 0x8001_0033 | 0, 0);
    const segment = (index: number, selector: number, attributes: number, base: number, limit: number) => {
      const at = STATE_BASE + CPU_SEGMENTS + index * SEGMENT_SIZE;
      this.#view.setUint16(at, selector, true);
      this.#view.setUint32(at + SEGMENT_ATTRIBUTES, attributes, true);
      this.#view.setBigUint64(at + SEGMENT_BASE, BigInt(base), true);
      this.#view.setUint32(at + SEGMENT_LIMIT, limit, true);
    };
    segment(SEG_CS, CODE_SELECTOR, 0xa09b, 0, 0xffff_ffff);
    segment(SEG_SS, STACK_SELECTOR, 0xc093, 0, 0xffff_ffff);
    segment(SEG_TR, 0, 0x8b, TSS, 0x67);
    const set = (offset: number, value: number) => this.#view.setUint32(STATE_BASE + offset, value, true);
    set(CPU_IDTR_BASE, IDT);
    set(CPU_IDTR_LIMIT, 0xfff);
    set(CPU_GDTR_BASE, GDT);
    set(CPU_GDTR_LIMIT, 0xff);
  }

  /** Puts a program at its beginning, with interrupts enabled. */
  load(program: Program, isSingleStepped = false): void {
    for (const [start, end] of PROGRAM) this.#bytes.fill(0, RAM_BASE + start, RAM_BASE + end);
    this.#bytes.set(program.code, RAM_BASE + CODE);
    this.#bytes.set(program.data, RAM_BASE + DATA);
    // What is translated of the same program stays.
    if (program !== this.#program) this.#core.invalidate_code(CODE, CODE_END - CODE);
    this.#program = program;
    this.mapAll();
    program.registers.forEach((value, n) =>
      this.#view.setBigUint64(STATE_BASE + CPU_REGS + n * 8, value, true),
    );
    this.#bytes.fill(0, STATE_BASE + CPU_XMM, STATE_BASE + CPU_XMM + 256);
    this.#bytes.fill(0, STATE_BASE + CPU_X87_REGISTERS, STATE_BASE + CPU_MXCSR);
    this.#view.setUint16(STATE_BASE + CPU_X87_CONTROL, 0x37f, true);
    this.#view.setUint32(STATE_BASE + CPU_MXCSR, 0x1f80, true);
    this.#view.setBigUint64(STATE_BASE + CPU_RIP, BigInt(CODE), true);
    this.#core.set_rflags(0x202 | (isSingleStepped ? FLAG_TF : 0));
    this.#setIntr(0);
    this.ended = false;
  }

  mapAll(): void {
    for (const [start, end] of PROGRAM)
      for (let pa = start; pa < end; pa += PAGE_BYTES) this.#ram64(PAGE_TABLE + pa / 512, pa | 7);
    this.#core.flush_tlb();
  }

  /** Takes every page of the program away: the next access to each of them faults. */
  unmapAll(): void {
    for (const [start, end] of PROGRAM)
      for (let pa = start; pa < end; pa += PAGE_BYTES) this.#ram64(PAGE_TABLE + pa / 512, pa | 6);
    this.#core.flush_tlb();
  }

  #setIntr(level: 0 | 1): void {
    this.#isIntrHigh = level === 1;
    this.#core.set_intr(level);
  }

  /** Runs up to `budget` instructions, or until a fault or the program's end. */
  run(budget: number): void {
    this.#unwound = false;
    try {
      const exit = this.#core.run(budget);
      if (exit === EXIT_VMCALL) this.ended = true;
      else if (exit !== EXIT_BUDGET) throw new Error(`exit ${exit} at ${this.#rip().toString(16)}`);
    } catch (error) {
      if (error !== UNWIND) throw error;
      this.#core.deliver_raised();
      this.#unwound = true;
    }
  }

  /** Runs `budget` instructions, through faults and their handlers. */
  runThrough(budget: number): void {
    this.run(budget);
    while (this.#unwound && !this.ended) this.run(this.#view.getInt32(STATE_BASE + CPU_BUDGET, true));
  }

  /** Runs to the program's end. */
  finish(): void {
    for (let n = 0; !this.ended; n++) {
      if (n > 10_000) throw new Error(`no end, at ${this.#rip().toString(16)}`);
      this.run(1000);
    }
    // A single step of the last instruction is in its handler.
    while (!this.#isInProgram()) this.run(1);
  }

  #rip(): number {
    return Number(this.#view.getBigUint64(STATE_BASE + CPU_RIP, true));
  }

  #isInProgram(): boolean {
    const rip = this.#rip();
    return rip >= CODE && rip < CODE_END;
  }

  /** Executes one instruction of the program, and whatever handlers must run for it to complete. */
  stepProgram(): void {
    for (;;) {
      const isInProgram = this.#isInProgram();
      this.run(1);
      if (this.ended || (isInProgram && this.#isInProgram() && !this.#unwound)) return;
    }
  }

  /** Raises INTR or an NMI and runs until its handler has returned; a shadow lets one instruction of the program go first. */
  interrupt(line: "INTR" | "NMI"): void {
    if (line === "INTR") this.#setIntr(1);
    else this.#core.raise_nmi();
    let entered = false;
    for (let n = 0; !this.ended && (!entered || !this.#isInProgram()); n++) {
      if (n > 10_000) throw new Error("the handler does not return");
      this.run(1);
      entered ||= !this.#isInProgram();
    }
    if (!this.ended && this.#isIntrHigh) throw new Error("INTR was not acknowledged");
  }

  /** How often the handler has counted: "steps" or "page_faults". */
  count(what: "steps" | "page_faults"): number {
    return this.#view.getUint32(RAM_BASE + Number(HANDLER.symbols[what]), true);
  }

  get translations(): number {
    return this.#view.getUint32(STATE_BASE + CPU_COUNT_TRANSLATIONS, true);
  }

  get translatedEntries(): number {
    return this.#view.getUint32(STATE_BASE + CPU_COUNT_TRANSLATED_ENTRIES, true);
  }

  /** All that a program can see but memory, as text. */
  state(): string {
    const hex = (offset: number, bytes: number): string =>
      Buffer.from(this.#bytes.subarray(STATE_BASE + offset, STATE_BASE + offset + bytes)).toString("hex");
    // RF is of the instruction at which a fault was taken.
    const flags = this.#core.materialize_flags() & ~(FLAG_TF | FLAG_RF);
    const lines = [`flags ${flags.toString(16)}`];
    for (let i = 0; i < 16; i++) lines.push(`r${i} ${hex(CPU_REGS + i * 8, 8)}`);
    for (let i = 0; i < 16; i++) lines.push(`xmm${i} ${hex(CPU_XMM + i * 16, 16)}`);
    for (let i = 0; i < 8; i++) lines.push(`R${i} ${hex(CPU_X87_REGISTERS + i * 16, 10)}`);
    // FXSAVE64 keeps no FCS and FDS.
    lines.push(`x87 ${hex(CPU_X87_CONTROL, CPU_X87_CS - CPU_X87_CONTROL)} mxcsr ${hex(CPU_MXCSR, 4)}`);
    return lines.join("\n");
  }

  /** The bytes of data and stack. */
  memory(): Buffer {
    return Buffer.from(this.#bytes.subarray(RAM_BASE + DATA, RAM_BASE + STACK + PAGE_BYTES));
  }
}

/** A bare CPU in 64-bit mode at CPL 0 with a flat map: the core and nothing else, for tests of the translator. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CPU_BUDGET,
  CPU_COUNT_RETIRED,
  CPU_COUNT_TRANSLATED_ENTRIES,
  CPU_COUNT_TRANSLATIONS,
  CPU_CPL,
  CPU_CR2,
  CPU_RAISED_CODE,
  CPU_RAISED_VECTOR,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  CPU_MXCSR,
  CPU_XMM,
  SEG_CS,
  SEG_SS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SIZE,
} from "../../cpu-core/abi/state.ts";

export const CODE = 0x10_0000;
export const DATA = 0x20_0000;
export const STACK = 0x21_0000;
/** Mapped: the first 4 MiB, but for this page. */
export const UNMAPPED = 0x22_0000;
const RAM_BYTES = 8 << 20;

export const WASM = join(import.meta.dirname, "../../dist/core/cpu-core.wasm");
const UNWIND = {};

interface Exports {
  readonly table: WebAssembly.Table;
  reset(ram_bytes: number): void;
  run(budget: number): number;
  deliver_raised(): number;
  set_cr(number: number, lo: number, hi: number): void;
  write_msr(number: number, lo: number, hi: number): void;
  set_rflags(value: number): void;
  set_intr(level: number): void;
  set_translation_threshold(entries: number): void;
  materialize_flags(): number;
}

let module: WebAssembly.Module | undefined;

export class BareMachine {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly #core: Exports;
  /** What stopped the program: an exit reason, or "fault". */
  stopped: number | "fault" | null = null;

  /** `threshold`: entries of a block before it is translated, 0: never. With `alignment_check` at CPL 3 with CR0.AM and RFLAGS.AC set. */
  constructor(threshold: number, alignment_check = false) {
    module ??= new WebAssembly.Module(readFileSync(WASM));
    const memory = new WebAssembly.Memory({ initial: (RAM_BASE + RAM_BYTES) / 65536 });
    const env: WebAssembly.ModuleImports = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      raise_unwind: () => {
        throw UNWIND;
      },
      link_module: (address: number, length: number, nr_functions: number) => {
        const translated = new WebAssembly.Module(
          new Uint8Array(memory.buffer).slice(address, address + length),
        );
        const { table } = this.#core;
        const instance = new WebAssembly.Instance(translated, {
          env: { ...(this.#core as unknown as WebAssembly.ModuleImports), memory, table },
        });
        const slot = table.grow(nr_functions);
        for (let n = 0; n < nr_functions; n++) table.set(slot + n, instance.exports[`f${n}`] as () => void);
        return slot;
      },
      abort: () => {
        throw new Error("core aborted");
      },
    };
    for (const { name, kind } of WebAssembly.Module.imports(module))
      if (kind === "function") env[name] ??= () => 0;
    this.#core = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.#core.reset(RAM_BYTES);
    this.#core.set_translation_threshold(threshold);
    this.#enterLongMode(alignment_check);
  }

  #enterLongMode(alignment_check: boolean): void {
    const entry = (table: number, index: number, value: number) =>
      this.view.setUint32(RAM_BASE + table + index * 8, value, true);
    entry(0x1000, 0, 0x2007);
    entry(0x2000, 0, 0x3007);
    for (let i = 0; i < 2; i++) {
      entry(0x3000, i, 0x4007 + i * 0x1000);
      for (let page = 0; page < 512; page++) {
        const pa = (i * 512 + page) * 4096;
        if (pa !== UNMAPPED) entry(0x4000 + i * 0x1000, page, pa | 7);
      }
    }
    this.#core.set_cr(4, 0x620, 0); // PAE, OSFXSR, OSXMMEXCPT
    this.#core.write_msr(0xc000_0080, 0x900, 0); // LME, NXE
    this.#core.set_cr(3, 0x1000, 0);
    this.#core.set_cr(0, 0x8001_0033 | 0, 0);
    const segment = (index: number, attributes: number) => {
      const at = STATE_BASE + CPU_SEGMENTS + index * SEGMENT_SIZE;
      this.view.setUint32(at + SEGMENT_ATTRIBUTES, attributes, true);
      this.view.setBigUint64(at + SEGMENT_BASE, 0n, true);
      this.view.setUint32(at + SEGMENT_LIMIT, 0xffff_ffff, true);
    };
    segment(SEG_CS, 0xa09b);
    segment(SEG_SS, 0xc093);
    if (alignment_check) {
      segment(SEG_CS, 0xa0fb);
      segment(SEG_SS, 0xc0f3);
      this.view.setUint32(STATE_BASE + CPU_CPL, 3, true);
      this.#core.set_cr(0, 0x8005_0033 | 0, 0);
    }
    this.#core.set_rflags(alignment_check ? 0x4_0002 : 2);
  }

  load(code: readonly number[], registers: readonly bigint[], data: Uint8Array): void {
    this.bytes.set(code, RAM_BASE + CODE);
    this.bytes.set(data, RAM_BASE + DATA);
    registers.forEach((value, n) => this.view.setBigUint64(STATE_BASE + CPU_REGS + n * 8, value, true));
    this.view.setBigUint64(STATE_BASE + CPU_RIP, BigInt(CODE), true);
  }

  /** The INTR line; programs run with IF clear, so nothing is ever delivered. */
  setInterruptLine(level: 0 | 1): void {
    this.#core.set_intr(level);
  }

  setXmm(register: number, value: number): void {
    this.view.setFloat64(STATE_BASE + CPU_XMM + register * 16, value, true);
    this.view.setFloat64(STATE_BASE + CPU_XMM + register * 16 + 8, value + 1, true);
  }

  /** Runs up to `budget` instructions, or until a fault or an exit. */
  run(budget: number): void {
    try {
      const exit = this.#core.run(budget);
      if (exit !== 0) this.stopped = exit;
    } catch (error) {
      if (error !== UNWIND) throw error;
      this.#core.deliver_raised();
      this.stopped = "fault";
    }
  }

  u32(offset: number): number {
    return this.view.getUint32(STATE_BASE + offset, true);
  }

  u64(offset: number): bigint {
    return this.view.getBigUint64(STATE_BASE + offset, true);
  }

  get translations(): number {
    return this.u32(CPU_COUNT_TRANSLATIONS);
  }

  get translated_entries(): number {
    return this.u32(CPU_COUNT_TRANSLATED_ENTRIES);
  }

  /** All that a program can see, as text. */
  state(): string {
    const lines = [
      `rip ${this.u64(CPU_RIP).toString(16)} flags ${this.#core.materialize_flags().toString(16)}`,
    ];
    for (let i = 0; i < 16; i++) lines.push(`r${i} ${this.u64(CPU_REGS + i * 8).toString(16)}`);
    for (let i = 0; i < 16; i++) lines.push(`xmm${i >> 1} ${this.u64(CPU_XMM + i * 8).toString(16)}`);
    lines.push(`mxcsr ${this.u32(CPU_MXCSR).toString(16)}`);
    lines.push(
      `retired ${this.u64(CPU_COUNT_RETIRED)} budget ${this.view.getInt32(STATE_BASE + CPU_BUDGET, true)}`,
    );
    lines.push(`stopped ${String(this.stopped)}`);
    if (this.stopped === "fault") {
      lines.push(
        `vector ${this.u32(CPU_RAISED_VECTOR)} code ${this.u32(CPU_RAISED_CODE)} cr2 ${this.u64(CPU_CR2).toString(16)}`,
      );
    }
    return lines.join("\n");
  }

  /** The bytes of data and stack. */
  memory(): Buffer {
    return Buffer.from(this.bytes.subarray(RAM_BASE + DATA, RAM_BASE + STACK + 4096));
  }
}

/** The core alone, as reset leaves it: real mode, RAM from 0 up, nothing else. An I/O port reads as all ones. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CPU_BUDGET,
  CPU_RAISED_VECTOR,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_SS,
  SEGMENT_BASE,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
} from "../../cpu-core/abi/state.ts";

export const RAM_BYTES = 16 << 20;
const WASM = join(import.meta.dirname, "../../dist/core/cpu-core.wasm");
const UNWIND = {};

/** Registers as an 80286 has them. */
export interface Registers {
  ax: number;
  bx: number;
  cx: number;
  dx: number;
  sp: number;
  bp: number;
  si: number;
  di: number;
  cs: number;
  ds: number;
  es: number;
  ss: number;
  ip: number;
  flags: number;
}

const GENERAL = { ax: RAX, bx: RBX, cx: RCX, dx: RDX, sp: RSP, bp: RBP, si: RSI, di: RDI };
const SEGMENTS = { cs: SEG_CS, ds: SEG_DS, es: SEG_ES, ss: SEG_SS };

interface Exports {
  reset(ram_bytes: number): void;
  run(budget: number): number;
  deliver_raised(): number;
  set_rflags(value: number): void;
  materialize_flags(): number;
}

export class RealModeMachine {
  readonly ram: Uint8Array;
  readonly #view: DataView;
  readonly #core: Exports;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: (RAM_BASE + RAM_BYTES) / 65536 });
    const unexpected = (name: string) => () => {
      throw new Error(`the core called ${name}`);
    };
    const env: WebAssembly.ModuleImports = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      port_read: () => 0xffff_ffff,
      port_write: () => undefined,
      raise_unwind: () => {
        throw UNWIND;
      },
    };
    const module = new WebAssembly.Module(readFileSync(WASM));
    for (const { name, kind } of WebAssembly.Module.imports(module))
      if (kind === "function") env[name] ??= unexpected(name);
    this.#core = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.#view = new DataView(memory.buffer);
    this.ram = new Uint8Array(memory.buffer, RAM_BASE, RAM_BYTES);
    this.#core.reset(RAM_BYTES);
  }

  /** Resets the CPU, then sets its registers. RAM stays as it is. */
  load(registers: Registers): void {
    this.#core.reset(RAM_BYTES);
    for (const [name, number] of Object.entries(GENERAL))
      this.#view.setUint32(STATE_BASE + CPU_REGS + 8 * number, registers[name as keyof Registers], true);
    for (const [name, number] of Object.entries(SEGMENTS)) {
      const at = STATE_BASE + CPU_SEGMENTS + SEGMENT_SIZE * number;
      const selector = registers[name as keyof Registers];
      this.#view.setUint32(at + SEGMENT_SELECTOR, selector, true);
      this.#view.setBigUint64(at + SEGMENT_BASE, BigInt(selector << 4), true);
    }
    this.#view.setBigUint64(STATE_BASE + CPU_RIP, BigInt(registers.ip), true);
    this.#core.set_rflags(registers.flags);
  }

  /** Runs up to `budget` instructions through all exceptions; returns the exit reason. */
  run(budget: number): number {
    for (let left = budget; ;) {
      const exit = this.#enter(left);
      if (exit !== "exception") return exit;
      left = this.#view.getInt32(STATE_BASE + CPU_BUDGET, true);
    }
  }

  /** Runs until an exception has been delivered, its handler's first instruction being next; returns its vector, or null if the CPU stopped without. */
  runToException(budget: number): number | null {
    if (this.#enter(budget) !== "exception") return null;
    this.#enter(0);
    return this.#view.getUint32(STATE_BASE + CPU_RAISED_VECTOR, true);
  }

  #enter(budget: number): number | "exception" {
    try {
      return this.#core.run(budget);
    } catch (error) {
      if (error !== UNWIND) throw error;
      this.#core.deliver_raised();
      return "exception";
    }
  }

  registers(): Registers {
    const general = (number: number) => this.#view.getUint16(STATE_BASE + CPU_REGS + 8 * number, true);
    const selector = (number: number) =>
      this.#view.getUint16(STATE_BASE + CPU_SEGMENTS + SEGMENT_SIZE * number + SEGMENT_SELECTOR, true);
    const each = <T extends Record<string, number>>(names: T, read: (number: number) => number) =>
      Object.fromEntries(Object.entries(names).map(([name, number]) => [name, read(number)]));
    return {
      ...each(GENERAL, general),
      ...each(SEGMENTS, selector),
      ip: this.#view.getUint32(STATE_BASE + CPU_RIP, true),
      flags: this.#core.materialize_flags(),
    } as unknown as Registers;
  }
}

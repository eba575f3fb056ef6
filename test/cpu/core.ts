/**
 * The core as it ships, as a machine that runs cases: 64-bit kernel pages that only deliver exceptions, the pages of
 * case.ts for the user. Each case runs at CPL 3 until an exception has been delivered through the IDT to a HLT.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import { EXIT_HLT } from "../../cpu-core/abi/exit.ts";
import {
  CPU_CPL,
  CPU_CR2,
  CPU_EVENTS,
  CPU_FLAGS_OP,
  CPU_GDTR_BASE,
  CPU_GDTR_LIMIT,
  CPU_HALTED,
  CPU_IDTR_BASE,
  CPU_IDTR_LIMIT,
  CPU_MXCSR,
  CPU_PENDING_TRAPS,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  CPU_STEPPING,
  CPU_X87_CONTROL,
  CPU_X87_DP,
  CPU_X87_IP,
  CPU_X87_CS,
  CPU_X87_DS,
  CPU_X87_OPCODE,
  CPU_X87_REGISTERS,
  CPU_X87_STATUS,
  CPU_X87_TAGS,
  CPU_XCR0,
  CPU_XMM,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
  SEG_LDTR,
  SEG_TR,
} from "../../cpu-core/abi/state.ts";
import {
  CODE_ADDRESS,
  CODE_SIZE,
  CS,
  DATA_ADDRESS,
  FS,
  FX_CONTROL,
  FX_DP,
  FX_IP,
  FX_MXCSR,
  FX_OPCODE,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  GS,
  INPUT_FS_BASE,
  INPUT_FX,
  INPUT_GS_BASE,
  INPUT_MEMORY,
  INPUT_REGS,
  INPUT_RFLAGS,
  INPUT_SIZE,
  INT3,
  Input,
  MAX_OUTPUT_SIZE,
  MEMORY_BYTES,
  MODE_64,
  OUTPUT_CR2,
  OUTPUT_ERROR,
  OUTPUT_FS_BASE,
  OUTPUT_FX,
  OUTPUT_GS_BASE,
  OUTPUT_NR_CHANGES,
  OUTPUT_REGS,
  OUTPUT_RFLAGS,
  OUTPUT_RIP,
  OUTPUT_SELECTORS,
  OUTPUT_SIZE,
  OUTPUT_TRAP,
  Output,
  PAGE,
  READONLY_ADDRESS,
  findChanges,
  settleEnd,
} from "./case.ts";
import { readonlyPage } from "./memory.ts";
import { ROOT } from "./root.ts";
import { GDT_BYTES, KERNEL_CS, LDT, TSS_SELECTOR, gdtBytes, ldtBytes, loaded } from "./segments.ts";

const RAM_BYTES = 4 << 20;
const KERNEL = 0xffff_8000_0000_0000n;
/** Physical addresses of the kernel's pages. */
const PML4 = 0x1000;
const GDT = 0x10000;
const LDT_PAGE = 0x11000;
const IDT = 0x12000;
const TSS = 0x13000;
const STUBS = 0x14000; // vector * 16: HLT
const STACK_TOP = 0x16000;
const HLT = 0xf4;
const NR_VECTORS = 256;
/** Exceptions that push an error code. */
const WITH_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);
/** Instructions that a case may retire: a repeated string instruction goes in chunks. */
const BUDGET = 400;
const UNWIND = Symbol("unwind");

interface Exports {
  reset(ram_bytes: number): void;
  run(budget: number): number;
  deliver_raised(): number;
  set_cr(number: number, lo: number, hi: number): void;
  write_msr(number: number, lo: number, hi: number): void;
  set_rflags(value: number): void;
  invalidate_code(pa: number, length: number): void;
  materialize_flags(): number;
  set_translation_threshold(entries: number): void;
}

export class Core {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #data: Uint8Array;
  readonly #exports: Exports;

  constructor() {
    const module = new WebAssembly.Module(readFileSync(join(ROOT, "dist/core/cpu-core.wasm")));
    const memory = new WebAssembly.Memory({ initial: (RAM_BASE + RAM_BYTES) / 65536 });
    const env: WebAssembly.ModuleImports = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      raise_unwind: () => {
        throw UNWIND;
      },
      read_tsc: () => 0,
      random32: () => 0,
    };
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (from !== "env" || kind !== "function") continue;
      env[name] ??= () => {
        throw new Error(`the core called ${name}`);
      };
    }
    this.#exports = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#data = this.#bytes.subarray(RAM_BASE + DATA_ADDRESS, RAM_BASE + DATA_ADDRESS + PAGE);
    this.#exports.reset(RAM_BYTES);
    this.#fillMemory();
    this.#enterLongMode();
  }

  #fillMemory(): void {
    const entry = (table: number, index: number, value: number, high = 0) => {
      this.#view.setUint32(RAM_BASE + table + 8 * index, value, true);
      this.#view.setUint32(RAM_BASE + table + 8 * index + 4, high, true);
    };
    const NX = 0x8000_0000;
    // The user's half.
    entry(PML4, 0, 0x2007);
    entry(0x2000, 0, 0x3007);
    entry(0x3000, 0, 0x4007);
    for (let pa = CODE_ADDRESS; pa < CODE_ADDRESS + CODE_SIZE; pa += PAGE) entry(0x4000, pa >> 12, pa | 0x65);
    entry(0x4000, DATA_ADDRESS >> 12, DATA_ADDRESS | 0x67, NX);
    entry(0x4000, READONLY_ADDRESS >> 12, READONLY_ADDRESS | 0x65, NX);
    // The kernel's: the first megabyte.
    entry(PML4, 256, 0x5003);
    entry(0x5000, 0, 0x6003);
    entry(0x6000, 0, 0x7003);
    for (let page = 0; page < 256; page++) entry(0x7000, page, (page << 12) | 0x63);

    this.#bytes.set(gdtBytes(KERNEL + BigInt(TSS)), RAM_BASE + GDT);
    this.#bytes.set(ldtBytes(), RAM_BASE + LDT_PAGE);
    for (let vector = 0; vector < NR_VECTORS; vector++) {
      const handler = KERNEL + BigInt(STUBS + 16 * vector);
      const gate = RAM_BASE + IDT + 16 * vector;
      // Interrupt gates; Linux opens 3, 4 and 80H to user mode.
      const dpl = vector === 3 || vector === 4 ? 0x6000 : 0;
      this.#view.setUint32(gate, (KERNEL_CS << 16) | Number(handler & 0xffffn), true);
      this.#view.setUint32(gate + 4, Number(handler & 0xffff_0000n) | 0x8e00 | dpl, true);
      this.#view.setUint32(gate + 8, Number(handler >> 32n), true);
      this.#bytes[RAM_BASE + STUBS + 16 * vector] = HLT;
    }
    this.#view.setBigUint64(RAM_BASE + TSS + 4, KERNEL + BigInt(STACK_TOP), true);
    // No I/O bitmap.
    this.#view.setUint16(RAM_BASE + TSS + 102, 0x68, true);
    this.#bytes.fill(INT3, RAM_BASE + CODE_ADDRESS, RAM_BASE + CODE_ADDRESS + CODE_SIZE);
    this.#bytes.set(readonlyPage, RAM_BASE + READONLY_ADDRESS);
  }

  /** Control registers as Linux sets them, as far as user programs can tell. */
  #enterLongMode(): void {
    const core = this.#exports;
    core.set_cr(4, 0x5_0e20, 0); // PAE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE, OSXSAVE
    core.write_msr(0xc000_0080, 0x901, 0); // NXE, LME, SCE
    core.set_cr(3, PML4, 0);
    core.set_cr(0, 0x8005_0033 | 0, 0); // PG, AM, WP, NE, ET, MP, PE
    this.#view.setUint32(STATE_BASE + CPU_XCR0, 3, true); // x87, SSE
    const set64 = (offset: number, value: bigint) =>
      this.#view.setBigUint64(STATE_BASE + offset, value, true);
    set64(CPU_GDTR_BASE, KERNEL + BigInt(GDT));
    this.#view.setUint32(STATE_BASE + CPU_GDTR_LIMIT, GDT_BYTES - 1, true);
    set64(CPU_IDTR_BASE, KERNEL + BigInt(IDT));
    this.#view.setUint32(STATE_BASE + CPU_IDTR_LIMIT, 16 * NR_VECTORS - 1, true);
    this.#setSegment(SEG_LDTR, 0x50, 0x82, KERNEL + BigInt(LDT_PAGE), 8 * LDT.length - 1);
    this.#setSegment(SEG_TR, TSS_SELECTOR, 0x8b, KERNEL + BigInt(TSS), 0x67);
  }

  #setSegment(index: number, selector: number, attributes: number, base: bigint, limit: number): void {
    const at = STATE_BASE + CPU_SEGMENTS + index * SEGMENT_SIZE;
    this.#view.setUint32(at + SEGMENT_SELECTOR, selector, true);
    this.#view.setUint32(at + SEGMENT_ATTRIBUTES, attributes, true);
    this.#view.setBigUint64(at + SEGMENT_BASE, base, true);
    this.#view.setUint32(at + SEGMENT_LIMIT, limit, true);
  }

  /** Runs records; returns what came of each. */
  run(inputs: Uint8Array): Output[] {
    const nr = inputs.length / INPUT_SIZE;
    const buffer = new Uint8Array(nr * MAX_OUTPUT_SIZE);
    const outputs: Output[] = [];
    let at = 0;
    for (let i = 0; i < nr; i++) {
      this.#runOne(new Input(inputs, i * INPUT_SIZE), buffer, at);
      const output = new Output(buffer, at);
      outputs.push(output);
      at += output.bytes.length;
    }
    return outputs;
  }

  #load(input: Input): void {
    const view = this.#view;
    const bytes = this.#bytes;
    const from = input.bytes;
    bytes.set(from.subarray(INPUT_REGS, INPUT_REGS + 128), STATE_BASE + CPU_REGS);
    view.setUint32(STATE_BASE + CPU_FLAGS_OP, 0, true);
    view.setBigUint64(STATE_BASE + CPU_RIP, BigInt(input.start), true);
    for (let i = 0; i < 6; i++) {
      const selector = input.selector(i);
      const { attributes, base, limit } = loaded(selector);
      let wide = BigInt(base);
      if (input.mode === MODE_64 && i === FS) wide = input.view.getBigUint64(INPUT_FS_BASE, true);
      if (input.mode === MODE_64 && i === GS) wide = input.view.getBigUint64(INPUT_GS_BASE, true);
      this.#setSegment(i, selector, attributes, wide, limit);
    }
    view.setUint32(STATE_BASE + CPU_CPL, 3, true);
    view.setUint32(STATE_BASE + CPU_HALTED, 0, true);
    view.setUint32(STATE_BASE + CPU_STEPPING, 0, true);
    view.setUint32(STATE_BASE + CPU_EVENTS, 0, true);
    view.setUint32(STATE_BASE + CPU_PENDING_TRAPS, 0, true);
    view.setUint16(STATE_BASE + CPU_X87_CONTROL, input.view.getUint16(INPUT_FX + FX_CONTROL, true), true);
    const status = input.view.getUint16(INPUT_FX + FX_STATUS, true);
    view.setUint16(STATE_BASE + CPU_X87_STATUS, status, true);
    view.setUint8(STATE_BASE + CPU_X87_TAGS, from[INPUT_FX + FX_TAGS]!);
    view.setUint16(STATE_BASE + CPU_X87_OPCODE, input.view.getUint16(INPUT_FX + FX_OPCODE, true), true);
    bytes.set(from.subarray(INPUT_FX + FX_IP, INPUT_FX + FX_IP + 8), STATE_BASE + CPU_X87_IP);
    bytes.set(from.subarray(INPUT_FX + FX_DP, INPUT_FX + FX_DP + 8), STATE_BASE + CPU_X87_DP);
    view.setUint16(STATE_BASE + CPU_X87_CS, 0, true);
    view.setUint16(STATE_BASE + CPU_X87_DS, 0, true);
    for (let i = 0; i < 8; i++) {
      const register = STATE_BASE + CPU_X87_REGISTERS + 16 * (((status >> 11) + i) & 7);
      bytes.set(from.subarray(INPUT_FX + FX_ST + 16 * i, INPUT_FX + FX_ST + 16 * i + 10), register);
    }
    view.setUint32(STATE_BASE + CPU_MXCSR, input.view.getUint32(INPUT_FX + FX_MXCSR, true), true);
    bytes.set(from.subarray(INPUT_FX + FX_XMM, INPUT_FX + FX_XMM + 256), STATE_BASE + CPU_XMM);
    // With all that depends on CS, CPL and flags.
    this.#exports.set_rflags(input.view.getUint32(INPUT_RFLAGS, true));
    const window = from.subarray(INPUT_MEMORY, INPUT_MEMORY + MEMORY_BYTES);
    for (let i = 0; i < PAGE; i += MEMORY_BYTES) this.#data.set(window, i);
  }

  /** Runs to the HLT of an exception's handler; returns its vector. */
  #execute(): number {
    const core = this.#exports;
    let budget = BUDGET;
    for (;;) {
      try {
        const exit = core.run(budget);
        if (exit !== EXIT_HLT) throw new Error(`a case ended with exit ${exit}`);
        break;
      } catch (error) {
        if (error !== UNWIND) throw error;
        core.deliver_raised();
        budget = BUDGET;
      }
    }
    const rip = this.#view.getBigUint64(STATE_BASE + CPU_RIP, true) - KERNEL - BigInt(STUBS);
    return Number(rip) >> 4;
  }

  #runOne(input: Input, buffer: Uint8Array, at: number): void {
    const view = this.#view;
    const bytes = this.#bytes;
    this.#load(input);
    const code = CODE_ADDRESS + input.codeOffset;
    const length = input.codeLength;
    bytes.set(input.code, RAM_BASE + code);
    this.#exports.invalidate_code(code - 16, length + 32);
    const vector = this.#execute();
    bytes.fill(INT3, RAM_BASE + code, RAM_BASE + code + length);
    this.#exports.invalidate_code(code - 16, length + 32);

    const out = new DataView(buffer.buffer, buffer.byteOffset + at, MAX_OUTPUT_SIZE);
    buffer.set(bytes.subarray(STATE_BASE + CPU_REGS, STATE_BASE + CPU_REGS + 128), at + OUTPUT_REGS);
    // The frame: SS, RSP, RFLAGS, CS, RIP, error code, from the top of the stack down.
    const frame = RAM_BASE + STACK_TOP - 40;
    buffer.set(bytes.subarray(frame + 24, frame + 32), at + OUTPUT_REGS + 32);
    out.setBigUint64(OUTPUT_RIP, view.getBigUint64(frame, true), true);
    out.setUint32(OUTPUT_RFLAGS, view.getUint32(frame + 16, true), true);
    out.setUint32(OUTPUT_TRAP, vector, true);
    out.setUint32(OUTPUT_ERROR, WITH_CODE.has(vector) ? view.getUint32(frame - 8, true) : 0, true);
    out.setBigUint64(OUTPUT_CR2, view.getBigUint64(STATE_BASE + CPU_CR2, true), true);
    for (let i = 0; i < 6; i++) {
      const segment = STATE_BASE + CPU_SEGMENTS + i * SEGMENT_SIZE;
      out.setUint16(OUTPUT_SELECTORS + 2 * i, view.getUint32(segment + SEGMENT_SELECTOR, true), true);
      if (i === FS) out.setBigUint64(OUTPUT_FS_BASE, view.getBigUint64(segment + SEGMENT_BASE, true), true);
      if (i === GS) out.setBigUint64(OUTPUT_GS_BASE, view.getBigUint64(segment + SEGMENT_BASE, true), true);
    }
    out.setUint16(OUTPUT_SELECTORS + 2 * CS, view.getUint16(frame + 8, true), true);
    out.setUint16(OUTPUT_SELECTORS + 4, view.getUint16(frame + 32, true), true);
    const fx = at + OUTPUT_FX;
    const status = view.getUint16(STATE_BASE + CPU_X87_STATUS, true);
    out.setUint16(OUTPUT_FX + FX_CONTROL, view.getUint16(STATE_BASE + CPU_X87_CONTROL, true), true);
    out.setUint16(OUTPUT_FX + FX_STATUS, status, true);
    out.setUint16(OUTPUT_FX + FX_TAGS, view.getUint8(STATE_BASE + CPU_X87_TAGS), true);
    out.setUint16(OUTPUT_FX + FX_OPCODE, view.getUint16(STATE_BASE + CPU_X87_OPCODE, true), true);
    buffer.set(bytes.subarray(STATE_BASE + CPU_X87_IP, STATE_BASE + CPU_X87_IP + 8), fx + FX_IP);
    buffer.set(bytes.subarray(STATE_BASE + CPU_X87_DP, STATE_BASE + CPU_X87_DP + 8), fx + FX_DP);
    out.setUint32(OUTPUT_FX + FX_MXCSR, view.getUint32(STATE_BASE + CPU_MXCSR, true), true);
    for (let i = 0; i < 8; i++) {
      const register = STATE_BASE + CPU_X87_REGISTERS + 16 * (((status >> 11) + i) & 7);
      buffer.set(bytes.subarray(register, register + 10), fx + FX_ST + 16 * i);
    }
    buffer.set(bytes.subarray(STATE_BASE + CPU_XMM, STATE_BASE + CPU_XMM + 256), fx + FX_XMM);
    const changes = new DataView(
      buffer.buffer,
      buffer.byteOffset + at + OUTPUT_SIZE,
      MAX_OUTPUT_SIZE - OUTPUT_SIZE,
    );
    const window = input.bytes.subarray(INPUT_MEMORY, INPUT_MEMORY + MEMORY_BYTES);
    out.setUint32(OUTPUT_NR_CHANGES, findChanges(this.#data, window, changes), true);
    settleEnd(input, out);
  }
}

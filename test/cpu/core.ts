/** The core under test: cpu-core/testing/step.ts built by asc, fed with the records that native.c gets. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CPU_CPL,
  CPU_CR0,
  CPU_CR2,
  CPU_CR3,
  CPU_CR4,
  CPU_EFER,
  CPU_FLAGS_OP,
  CPU_MODE,
  CPU_MXCSR,
  CPU_RAISED_CODE,
  CPU_RAISED_VECTOR,
  CPU_REGS,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_TLB_PART,
  CPU_X87_CONTROL,
  CPU_X87_DS,
  CPU_X87_OPCODE,
  CPU_X87_REGISTERS,
  CPU_X87_STATUS,
  CPU_X87_TAGS,
  CPU_XMM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  NO_ERROR_CODE,
  CPU_A20_MASK,
} from "../../cpu-core/abi/state.ts";
import { TLB_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CASE_SIZE,
  CODE_BYTES,
  CODE_END,
  CR2,
  DATA_ADDRESS,
  ERROR_CODE,
  FX,
  FX_CONTROL,
  FX_MXCSR,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  MEMORY,
  MEMORY_BYTES,
  NO_TRAP,
  REGS,
  RFLAGS,
  RIP,
  TRAP,
} from "./case.ts";

const ROOT = join(import.meta.dirname, "../..");
const RAM_BYTES = 4 << 20;

const UNWIND = Symbol("unwind");

interface StepExports {
  prepare(ramBytes: number): void;
  materialize(): void;
  step(address: number, length: number): void;
}

/** True if a file of the core is newer than `time_ms`. */
function isChangedSince(time_ms: number): boolean {
  const sources = readdirSync(join(ROOT, "cpu-core"), { recursive: true, encoding: "utf8" });
  return sources.some((name) => statSync(join(ROOT, "cpu-core", name)).mtimeMs > time_ms);
}

/** The test surface of the core as wasm, built if a source has changed. CORE_STEP_WASM names one that is built already. */
function build(): Uint8Array<ArrayBuffer> {
  const prebuilt = process.env["CORE_STEP_WASM"];
  if (prebuilt !== undefined) return new Uint8Array(readFileSync(prebuilt));
  const out = join(ROOT, "dist/test/step.wasm");
  if (existsSync(out) && !isChangedSince(statSync(out).mtimeMs)) return new Uint8Array(readFileSync(out));
  // Tests run in parallel: each builds its own, the last one stays.
  const mine = join(ROOT, `dist/test/step.${process.pid}.wasm`);
  mkdirSync(join(out, ".."), { recursive: true });
  const asc = spawnSync(
    process.execPath,
    [
      join(ROOT, "node_modules/assemblyscript/bin/asc.js"),
      "cpu-core/testing/step.ts",
      ...["--config", "none", "-o", mine, "--runtime", "stub", "--memoryBase", "65536", "--importMemory"],
      ...[
        "--initialMemory",
        "1024",
        "--exportTable",
        "--enable",
        "simd",
        "--enable",
        "bulk-memory",
        "--noAssert",
      ],
      ...["-O1", "--disableWarning", "112"],
    ],
    { cwd: ROOT, encoding: "utf8" },
  );
  if (asc.status !== 0) throw new Error(`asc failed:\n${asc.stdout}${asc.stderr}`);
  renameSync(mine, out);
  return new Uint8Array(readFileSync(out));
}

/** One core with 4 MiB of RAM and page tables that map what native.c maps. */
export class Core {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #exports: StepExports;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: (RAM_BASE + RAM_BYTES) / 65536 });
    const unexpected = (name: string) => () => {
      throw new Error(`the core called ${name}`);
    };
    const env: Record<string, unknown> = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
      raise_unwind: () => {
        throw UNWIND;
      },
    };
    const module = new WebAssembly.Module(build());
    for (const { name, kind } of WebAssembly.Module.imports(module))
      if (kind === "function") env[name] ??= unexpected(name);
    const instance = new WebAssembly.Instance(module, { env } as WebAssembly.Imports);
    this.#exports = instance.exports as unknown as StepExports;
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#exports.prepare(RAM_BYTES);
    this.#mapPages();
  }

  /** Runs records; returns the records after. */
  run(cases: Uint8Array): Uint8Array {
    const results = cases.slice();
    for (let at = 0; at < cases.length; at += CASE_SIZE) this.#runOne(results.subarray(at, at + CASE_SIZE));
    return results;
  }

  #mapPages(): void {
    const table = (pa: number, index: number, entry: number) => {
      this.#view.setUint32(RAM_BASE + pa + 8 * index, entry, true);
    };
    table(0x1000, 0, 0x2007);
    table(0x2000, 0, 0x3007);
    table(0x3000, 0, 0x4007);
    for (const page of [CODE_END >> 12, (CODE_END >> 12) + 1, DATA_ADDRESS >> 12])
      table(0x4000, page, (page << 12) | 0x67);
    const set = (offset: number, value: number) => this.#view.setUint32(STATE_BASE + offset, value, true);
    set(CPU_CR0, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    set(CPU_CR4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT);
    set(CPU_CR3, 0x1000);
    set(CPU_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    set(CPU_CPL, 3);
    set(CPU_MODE, 2);
    set(CPU_A20_MASK, 0xffff_ffff);
    set(CPU_TLB_PART, TLB_BASE);
  }

  #runOne(record: Uint8Array): void {
    const view = this.#view;
    const bytes = this.#bytes;
    const from = new DataView(record.buffer, record.byteOffset, CASE_SIZE);
    const length = from.getUint32(RIP, true);
    const start = CODE_END - length;
    bytes.set(record.subarray(REGS, REGS + 128), STATE_BASE + CPU_REGS);
    view.setUint32(STATE_BASE + CPU_RFLAGS, from.getUint32(RFLAGS, true) | 0x202, true);
    view.setUint32(STATE_BASE + CPU_FLAGS_OP, 0, true);
    view.setUint32(STATE_BASE + CPU_RIP, start, true);
    view.setUint32(STATE_BASE + CPU_RIP + 4, 0, true);
    view.setUint16(STATE_BASE + CPU_X87_CONTROL, from.getUint16(FX + FX_CONTROL, true), true);
    let status = from.getUint16(FX + FX_STATUS, true);
    view.setUint16(STATE_BASE + CPU_X87_STATUS, status, true);
    bytes.fill(0, STATE_BASE + CPU_X87_OPCODE, STATE_BASE + CPU_X87_DS + 2);
    view.setUint8(STATE_BASE + CPU_X87_TAGS, from.getUint8(FX + FX_TAGS));
    for (let i = 0; i < 8; i++) {
      const register = STATE_BASE + CPU_X87_REGISTERS + 16 * (((status >> 11) + i) & 7);
      bytes.set(record.subarray(FX + FX_ST + 16 * i, FX + FX_ST + 16 * i + 10), register);
    }
    view.setUint32(STATE_BASE + CPU_MXCSR, from.getUint32(FX + FX_MXCSR, true), true);
    bytes.set(record.subarray(FX + FX_XMM, FX + FX_XMM + 256), STATE_BASE + CPU_XMM);
    const data = RAM_BASE + DATA_ADDRESS;
    bytes.set(record.subarray(MEMORY, MEMORY + MEMORY_BYTES), data);
    bytes.fill(0, data + MEMORY_BYTES, data + 4096);
    bytes.set(record.subarray(CODE_BYTES, CODE_BYTES + length), RAM_BASE + start);

    let trap = NO_TRAP;
    try {
      this.#exports.step(RAM_BASE + start, length);
    } catch (error) {
      if (error !== UNWIND) throw error;
      trap = view.getUint32(STATE_BASE + CPU_RAISED_VECTOR, true);
      view.setUint32(STATE_BASE + CPU_RIP, start, true);
    }
    this.#exports.materialize();

    record.set(bytes.subarray(STATE_BASE + CPU_REGS, STATE_BASE + CPU_REGS + 128), REGS);
    from.setUint32(RFLAGS, view.getUint32(STATE_BASE + CPU_RFLAGS, true), true);
    from.setUint32(RIP, view.getUint32(STATE_BASE + CPU_RIP, true) - start, true);
    from.setUint32(TRAP, trap, true);
    const code = view.getUint32(STATE_BASE + CPU_RAISED_CODE, true);
    from.setUint32(ERROR_CODE, trap === NO_TRAP || code === NO_ERROR_CODE ? 0 : code, true);
    record.set(bytes.subarray(STATE_BASE + CPU_CR2, STATE_BASE + CPU_CR2 + 8), CR2);
    from.setUint16(FX + FX_CONTROL, view.getUint16(STATE_BASE + CPU_X87_CONTROL, true), true);
    status = view.getUint16(STATE_BASE + CPU_X87_STATUS, true);
    from.setUint16(FX + FX_STATUS, status, true);
    from.setUint8(FX + FX_TAGS, view.getUint8(STATE_BASE + CPU_X87_TAGS));
    for (let i = 0; i < 8; i++) {
      const register = STATE_BASE + CPU_X87_REGISTERS + 16 * (((status >> 11) + i) & 7);
      record.set(bytes.subarray(register, register + 10), FX + FX_ST + 16 * i);
    }
    from.setUint32(FX + FX_MXCSR, view.getUint32(STATE_BASE + CPU_MXCSR, true), true);
    record.set(bytes.subarray(STATE_BASE + CPU_XMM, STATE_BASE + CPU_XMM + 256), FX + FX_XMM);
    record.set(bytes.subarray(RAM_BASE + DATA_ADDRESS, RAM_BASE + DATA_ADDRESS + MEMORY_BYTES), MEMORY);
  }
}

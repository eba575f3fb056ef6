/** The decoder under test: cpu-core/testing/decode.ts built by asc. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { STATE_BASE } from "../../cpu-core/abi/layout.ts";
import { CPU_MODE, CPU_SCRATCH } from "../../cpu-core/abi/state.ts";
import { RECORD_BYTES } from "../../cpu-core/abi/decode_record.ts";

const ROOT = join(import.meta.dirname, "../..");
const WASM_PAGE_BYTES = 65536;
/** Above everything the core owns. */
const STRINGS = 0x400_0000;

/** Code sizes, as cpu-core/state/mode.ts numbers them. */
const MODES = [16, 32, 64];

/** Bytes from one string to the next; more than an instruction can have. */
export const STRIDE = 24;

interface Exports {
  decode_batch(
    strings: number,
    stride: number,
    available: number,
    count: number,
    codeMode: number,
    records: number,
  ): void;
  cpuid(leaf: number, subleaf: number): void;
}

/** True if a file of the core is newer than `time_ms`. */
function isChangedSince(time_ms: number): boolean {
  const sources = readdirSync(join(ROOT, "cpu-core"), { recursive: true, encoding: "utf8" });
  return sources.some((name) => statSync(join(ROOT, "cpu-core", name)).mtimeMs > time_ms);
}

function build(): Uint8Array<ArrayBuffer> {
  const out = join(ROOT, "dist/test/decode.wasm");
  if (existsSync(out) && !isChangedSince(statSync(out).mtimeMs)) return new Uint8Array(readFileSync(out));
  // Tests run in parallel: each builds its own, the last one stays.
  const mine = join(ROOT, `dist/test/decode.${process.pid}.wasm`);
  mkdirSync(join(out, ".."), { recursive: true });
  const asc = spawnSync(
    process.execPath,
    [
      join(ROOT, "node_modules/assemblyscript/bin/asc.js"),
      "cpu-core/testing/decode.ts",
      ...["--config", "none", "-o", mine, "--runtime", "stub", "--memoryBase", "65536", "--importMemory"],
      ...["--initialMemory", "1024", "--exportTable", "--enable", "simd", "--enable", "bulk-memory"],
      ...["--noAssert", "-O2", "--disableWarning", "112"],
    ],
    { cwd: ROOT, encoding: "utf8" },
  );
  if (asc.status !== 0) throw new Error(`asc failed:\n${asc.stdout}${asc.stderr}`);
  renameSync(mine, out);
  return new Uint8Array(readFileSync(out));
}

/** Decodes up to `capacity` strings at a time. */
export class DecoderCore {
  /** The strings, STRIDE bytes apart. */
  readonly strings: Uint8Array;
  /** How many bytes of each string there are. */
  readonly available: Uint8Array;
  /** What came out, RECORD_BYTES each. */
  readonly records: DataView;
  readonly #exports: Exports;
  readonly #memory: DataView;

  constructor(readonly capacity: number) {
    const bytes = capacity * (STRIDE + 1 + RECORD_BYTES);
    const memory = new WebAssembly.Memory({ initial: Math.ceil((STRINGS + bytes) / WASM_PAGE_BYTES) });
    const module = new WebAssembly.Module(build());
    const env: Record<string, WebAssembly.ImportValue> = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
    };
    for (const { name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== "function") continue;
      env[name] = () => {
        throw new Error(`the decoder called ${name}`);
      };
    }
    this.#exports = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.#memory = new DataView(memory.buffer);
    this.strings = new Uint8Array(memory.buffer, STRINGS, capacity * STRIDE);
    this.available = new Uint8Array(memory.buffer, STRINGS + capacity * STRIDE, capacity);
    this.records = new DataView(memory.buffer, STRINGS + capacity * (STRIDE + 1), capacity * RECORD_BYTES);
  }

  /** Decodes the first `count` strings as code of `bits`. */
  decode(count: number, bits: 16 | 32 | 64): void {
    const available = STRINGS + this.capacity * STRIDE;
    this.#exports.decode_batch(
      STRINGS,
      STRIDE,
      available,
      count,
      MODES.indexOf(bits),
      available + this.capacity,
    );
  }

  /** EAX, EBX, ECX, EDX of a CPUID leaf as 64-bit code sees it: SYSCALL is told there alone. */
  cpuid(leaf: number, subleaf: number): [number, number, number, number] {
    this.#memory.setUint32(STATE_BASE + CPU_MODE, MODES.indexOf(64), true);
    this.#exports.cpuid(leaf, subleaf);
    const word = (n: number) => this.#memory.getUint32(STATE_BASE + CPU_SCRATCH + 4 * n, true);
    return [word(0), word(1), word(2), word(3)];
  }
}

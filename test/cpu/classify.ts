/** The core's decoder (cpu-core/testing/classify.ts), built by asc if a source has changed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { STATE_BASE } from "../../cpu-core/abi/layout.ts";
import { ROOT } from "./root.ts";

const BYTES_AT = 0x10_0000;
const MAX_LENGTH = 24;

/** True if a file of the core is newer than `time_ms`. */
function isChangedSince(time_ms: number): boolean {
  const sources = readdirSync(join(ROOT, "cpu-core"), { recursive: true, encoding: "utf8" });
  return sources.some((name) => statSync(join(ROOT, "cpu-core", name)).mtimeMs > time_ms);
}

function build(): Uint8Array<ArrayBuffer> {
  const out = join(ROOT, "dist/test/classify.wasm");
  if (existsSync(out) && !isChangedSince(statSync(out).mtimeMs)) return new Uint8Array(readFileSync(out));
  // Tests run in parallel: each builds its own, the last one stays.
  const mine = join(ROOT, `dist/test/classify.${process.pid}.wasm`);
  mkdirSync(join(out, ".."), { recursive: true });
  const asc = spawnSync(
    process.execPath,
    [
      join(ROOT, "node_modules/assemblyscript/bin/asc.js"),
      "cpu-core/testing/classify.ts",
      ...["--config", "none", "-o", mine, "--runtime", "stub", "--memoryBase", "65536", "--importMemory"],
      ...["--initialMemory", "64", "--enable", "simd", "--enable", "bulk-memory", "--noAssert"],
      ...["-O1", "--disableWarning", "112"],
    ],
    { cwd: ROOT, encoding: "utf8" },
  );
  if (asc.status !== 0) throw new Error(`asc failed:\n${asc.stdout}${asc.stderr}`);
  renameSync(mine, out);
  return new Uint8Array(readFileSync(out));
}

interface Exports {
  prepare(): void;
  classify(address: number, available: number, mode: number): number;
}

export interface Classified {
  op: number;
  length: number;
  /** 0 if there is none. */
  modrm: number;
  hasMemory: boolean;
  /** The bytes end before the instruction does. */
  isShort: boolean;
}

export class Classifier {
  readonly #exports: Exports;
  readonly #bytes: Uint8Array;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: 64 });
    const env: WebAssembly.ModuleImports = {
      memory,
      cpu_base: new WebAssembly.Global({ value: "i32", mutable: false }, STATE_BASE),
    };
    const module = new WebAssembly.Module(build());
    for (const { name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== "function") continue;
      env[name] = () => {
        throw new Error(`the decoder called ${name}`);
      };
    }
    this.#exports = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
    this.#bytes = new Uint8Array(memory.buffer, BYTES_AT, MAX_LENGTH);
    this.#exports.prepare();
  }

  classify(bytes: ArrayLike<number>, mode: number): Classified {
    this.#bytes.set(bytes);
    const packed = this.#exports.classify(BYTES_AT, bytes.length, mode);
    return {
      op: packed & 0xfff,
      length: (packed >> 12) & 15,
      modrm: (packed >> 16) & 0xff,
      hasMemory: (packed & (1 << 24)) !== 0,
      isShort: (packed & (1 << 25)) !== 0,
    };
  }
}

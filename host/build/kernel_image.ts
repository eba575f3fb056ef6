/**
 * Assembles our kernel into a file in bzImage format (Node): the real-mode setup code, the 32-bit entry code and behind it
 * the image that runs at ffffffff81000000. They are assembled in the order in which they need each other's layout.
 *
 *     | boot sector, setup header, setup.asm | startup_32.asm | startup_64.asm and entry stubs |
 *     0                     (setup_sects + 1) * 512                                 16-byte units
 *
 * Source: Linux: Documentation/arch/x86/boot.rst, arch/x86/boot/tools/build.c.
 */
import { join } from "node:path";
import * as layout from "../../cpu-core/abi/layout.ts";
import * as state from "../../cpu-core/abi/state.ts";
import * as vectors from "../../cpu-core/abi/vectors.ts";
import * as vmcall from "../../kernel/arch/x86/vmcall.ts";
import { assembleFile } from "../assembler/assemble_file.ts";

export interface KernelBuild {
  bzImage: Uint8Array;
  /** Addresses (signed virtual) of the labels of the image. */
  symbols: Record<string, number>;
}

const BOOT_DIRECTORY = "kernel/arch/x86/boot";
const SECTOR_BYTES = 512;
const SETUP_SECTS = 0x1f1; // header field
const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
const KERNEL_PHYSICAL = 0x100_0000; // 16 MiB
const STARTUP_32_ADDRESS = 0x10_0000;
const KERNEL_VERSION = "vitrine"; // shown by file(1) and boot loaders

/** The numbers that TypeScript and assembly share, as constants for the assembler. */
function sharedConstants(): Record<string, number> {
  const constants: Record<string, number> = {};
  for (const module of [layout, state, vectors, vmcall]) {
    for (const [name, value] of Object.entries(module))
      if (typeof value === "number") constants[name] = value;
  }
  return constants;
}

/** `root`: the repository. Throws AssemblyError. */
export function buildKernelImage(root: string): KernelBuild {
  const source = (name: string): string => join(root, BOOT_DIRECTORY, name);
  const shared = { ...sharedConstants(), START_KERNEL_MAP, KERNEL_PHYSICAL };

  const kernel = assembleFile(source("startup_64.asm"), { defines: shared });
  const physical = (label: string): number =>
    kernel.symbols[label] - Number(BigInt.asIntN(64, START_KERNEL_MAP));
  // The zeroed part is not in the file.
  const payload = padded(kernel.bytes.subarray(0, physical("_edata") - KERNEL_PHYSICAL), 16);

  const startup_32 = assembleFile(source("startup_32.asm"), {
    defines: {
      ...shared,
      PAYLOAD_BYTES: payload.length,
      EARLY_TOP_PGT: physical("early_top_pgt"),
      STARTUP_64: BigInt.asUintN(64, BigInt(kernel.symbols.startup_64)),
    },
  });
  const system = concatenated(startup_32.bytes, payload);

  // The real-mode part needs to know how long the other one is.
  const defines = {
    ...shared,
    SYSTEM_PARAGRAPHS: system.length / 16,
    INIT_SIZE: physical("_end") - KERNEL_PHYSICAL,
    KERNEL_INFO_OFFSET: startup_32.symbols.kernel_info - STARTUP_32_ADDRESS,
    KERNEL_VERSION: JSON.stringify(KERNEL_VERSION),
  };
  const setup = assembleFile(source("setup.asm"), { defines });
  const setup_bytes = (setup.bytes[SETUP_SECTS] + 1) * SECTOR_BYTES;

  const bzImage = new Uint8Array(setup_bytes + system.length);
  bzImage.set(setup.bytes.subarray(0, setup.symbols.setup_code_end));
  bzImage.set(system, setup_bytes);
  return { bzImage, symbols: kernel.symbols };
}

function padded(bytes: Uint8Array, multiple: number): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.length / multiple) * multiple);
  result.set(bytes);
  return result;
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const result = new Uint8Array(first.length + second.length);
  result.set(first);
  result.set(second, first.length);
  return result;
}

/**
 * The build proper: the core, the firmware and boot images, the built-in root. Called by host/build/build.mjs; the page's and
 * the command line's bundles are made by their own tools from what lies in dist/ then.
 */
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import asc from "assemblyscript/asc";
import { ASSET_PATHS } from "../assets.ts";
import type { ProductName } from "../assets.ts";
import { assembleFile } from "../assembler/assemble_file.ts";
import { ELF_ENTRY, writeElf } from "./elf_writer.ts";
import { buildMachineImages } from "./build_images.ts";
import { fetchBusybox } from "./busybox.ts";
import { buildInitramfs } from "./initramfs.ts";

/** One product of the build. */
interface Step {
  readonly what: string;
  /** Files and directories it is made from. */
  readonly inputs: readonly string[];
  readonly outputs: readonly ProductName[];
  make(root: string): Promise<Partial<Record<ProductName, Uint8Array>>>;
}

const STEPS: readonly Step[] = [
  {
    what: "CPU core",
    inputs: ["cpu-core", "asconfig.json"],
    outputs: ["core"],
    make: async (root) => ({ core: await compileCore(root) }),
  },
  {
    what: "firmware and kernel images",
    inputs: ["host/assembler", "host/firmware", "host/build", "kernel/arch/x86"],
    outputs: ["firmware", "mbr", "loader", "kernel", "symbols"],
    make: (root) => {
      const { firmware, mbr, loader, kernel, symbols } = buildMachineImages(root);
      return Promise.resolve({
        firmware,
        mbr,
        loader,
        kernel,
        symbols: new TextEncoder().encode(JSON.stringify(symbols)),
      });
    },
  },
  {
    what: "first program of vitrine run",
    inputs: ["host/assembler", "host/rootfs/run_init.asm"],
    outputs: ["run_init"],
    make: (root) => Promise.resolve({ run_init: assembleFile(join(root, "host/rootfs/run_init.asm")).bytes }),
  },
  {
    what: "benchmark program",
    inputs: ["host/assembler", "host/bench"],
    outputs: ["integer_mix"],
    make: (root) => {
      const { bytes } = assembleFile(join(root, "host/bench/integer_mix.asm"), { origin: ELF_ENTRY });
      return Promise.resolve({ integer_mix: writeElf(bytes) });
    },
  },
  {
    what: "built-in root",
    inputs: ["host/rootfs", "host/build"],
    outputs: ["initramfs"],
    make: async (root) => ({
      initramfs: buildInitramfs(join(root, "host/rootfs"), await fetchBusybox(join(root, "dist/cache"))),
    }),
  },
];

/** Makes what is older than its inputs; everything with `force`. */
export async function buildAssets(root: string, force: boolean): Promise<void> {
  for (const step of STEPS) {
    const oldest = Math.min(...step.outputs.map((name) => modified(join(root, "dist", ASSET_PATHS[name]))));
    const newest = Math.max(...step.inputs.map((path) => newestBelow(join(root, path))));
    if (!force && oldest >= newest) continue;
    const started = new Date();
    const products = await step.make(root);
    for (const name of step.outputs) {
      const bytes = products[name];
      if (!bytes) throw new Error(`${step.what}: ${name} was not made`);
      const path = join(root, "dist", ASSET_PATHS[name]);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, bytes);
      renameSync(`${path}.new`, path);
      utimesSync(path, started, started);
    }
    process.stderr.write(`built ${step.what} in ${((Date.now() - started.getTime()) / 1000).toFixed(1)} s\n`);
  }
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function newestBelow(path: string): number {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return 0;
  if (!status.isDirectory()) return /\.test\.ts$|\.md$/.test(path) ? 0 : status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(path).map((name) => newestBelow(join(path, name))));
}

/** Compiles cpu-core/ with the release target of asconfig.json. */
async function compileCore(root: string): Promise<Uint8Array> {
  const output = `dist/core/.cpu-core-${process.pid}.wasm`;
  const { error, stderr } = await asc.main(["--target", "release", "--baseDir", root, "--outFile", output]);
  if (error) throw new Error(`cpu-core does not compile:\n${stderr.toString()}`);
  const path = join(root, output);
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
}

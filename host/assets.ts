/**
 * What a machine is made of besides code: the compiled core, the firmware and boot images, the built-in root. host/build
 * makes them into dist/; Node reads them from there (host/node.ts), the page fetches them (host/worker.ts).
 */
import type { MachineImages } from "./build/images.ts";

export interface Assets {
  core: WebAssembly.Module;
  images: MachineImages;
  /** The built-in root: a gzipped cpio archive. */
  initramfs: Uint8Array;
}

/** Paths below dist/. */
export const ASSET_PATHS = {
  core: "core/cpu-core.wasm",
  firmware: "images/firmware.bin",
  mbr: "images/mbr.bin",
  loader: "images/loader.bin",
  kernel: "images/bzImage",
  symbols: "images/symbols.json",
  initramfs: "images/initramfs.cpio.gz",
  run_init: "images/run_init.elf",
  integer_mix: "images/integer_mix.elf",
} as const;

/** Everything the build makes. */
export type ProductName = keyof typeof ASSET_PATHS;
/** What every machine needs; the rest is for `vitrine run` and `vitrine bench`. */
export type AssetName = Exclude<ProductName, "run_init" | "integer_mix">;

/** Collects the assets; `read` gives the bytes of one. */
export async function loadAssets(read: (name: AssetName) => Promise<Uint8Array>): Promise<Assets> {
  const [core, firmware, mbr, loader, kernel, symbols, initramfs] = await Promise.all([
    read("core").then((bytes) => WebAssembly.compile(bytes as BufferSource)),
    read("firmware"),
    read("mbr"),
    read("loader"),
    read("kernel"),
    read("symbols").then((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, number>),
    read("initramfs"),
  ]);
  return { core, images: { firmware, mbr, loader, kernel, symbols }, initramfs };
}

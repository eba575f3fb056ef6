/**
 * The browser's worker: a Machine behind comlink. The page starts it with
 * `new Worker(new URL("../host/worker.ts", import.meta.url), { type: "module" })` and wraps MachineApi.
 *
 * The assets are fetched beside the page; the bundler sees the URLs below and copies the files. Pixels and serial bytes
 * are transferred, not copied.
 */
import * as Comlink from "comlink";
import type { MachineApi, MachineEvents, Screen } from "./api.ts";
import { loadAssets } from "./assets.ts";
import type { AssetName } from "./assets.ts";
import { Machine } from "./machine.ts";

const URLS: Record<AssetName, URL> = {
  core: new URL("../dist/core/cpu-core.wasm", import.meta.url),
  firmware: new URL("../dist/images/firmware.bin", import.meta.url),
  mbr: new URL("../dist/images/mbr.bin", import.meta.url),
  loader: new URL("../dist/images/loader.bin", import.meta.url),
  kernel: new URL("../dist/images/bzImage", import.meta.url),
  symbols: new URL("../dist/images/symbols.json", import.meta.url),
  initramfs: new URL("../dist/images/initramfs.cpio.gz", import.meta.url),
};

async function fetchAsset(name: AssetName): Promise<Uint8Array> {
  const response = await fetch(URLS[name]);
  if (!response.ok)
    throw new Error(`cannot load ${URLS[name].pathname}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

const machine = loadAssets(fetchAsset).then((assets) => new Machine(assets));

const api: MachineApi = {
  listen: async (events: MachineEvents) =>
    (await machine).listen({
      serial: (bytes) => void events.serial(Comlink.transfer(bytes, [bytes.buffer])),
      power: (state, detail) => void events.power(state, detail),
    }),
  powerOn: async (config) => (await machine).powerOn(config),
  powerOff: async () => (await machine).powerOff(),
  reset: async () => (await machine).reset(),
  serialInput: async (bytes) => (await machine).serialInput(bytes),
  keyboardInput: async (scancodes) => (await machine).keyboardInput(scancodes),
  screen: async (force): Promise<Screen | null> => {
    const screen = await (await machine).screen(force);
    if (!screen) return null;
    const { buffer } = screen.mode === "text" ? screen.cells : screen.pixels;
    return Comlink.transfer(screen, [buffer]);
  },
  stats: async () => (await machine).stats(),
  kernelLog: async () => (await machine).kernelLog(),
};

Comlink.expose(api);

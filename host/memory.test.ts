/** What devices write into RAM is what the CPU executes next: stores through GuestRam against decoded code. Needs dist/. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CPU_REGS } from "../cpu-core/abi/state.ts";
import { assemble } from "./assembler/assemble.ts";
import { ASSET_PATHS } from "./assets.ts";
import { Core } from "./core.ts";
import type { CoreEnvironment } from "./core.ts";
import { GuestRam } from "./memory.ts";
import { projectRoot } from "./node.ts";

const RAM_BYTES = 4 << 20;
const CODE = 0x1ffc;
/** AX = 1111 and again; the MOV lies across the end of a page. */
const LOOP = assemble("bits 16\norg CODE\nnop\nnop\nagain: mov ax, 0x1111\njmp again", {
  defines: { CODE },
}).bytes;
/** The immediate of the MOV. */
const IMMEDIATE = CODE + 3;

const module = new WebAssembly.Module(readFileSync(join(projectRoot(), "dist", ASSET_PATHS.core)));

function start(): { core: Core; ram: GuestRam } {
  // Nothing of the board is asked for.
  const core = new Core(module, RAM_BYTES, {} as CoreEnvironment);
  core.reset();
  const ram = new GuestRam(core, RAM_BYTES);
  // jmp 0:CODE at the reset vector
  core.rom.set([0xea, CODE & 0xff, CODE >> 8, 0, 0], core.rom.length - 16);
  ram.set(CODE, LOOP);
  core.exports.run(100);
  expect(core.read32(CPU_REGS) & 0xffff).toBe(0x1111);
  return { core, ram };
}

test.each<[string, (ram: GuestRam) => void, number]>([
  ["a byte", (ram) => ram.write8(IMMEDIATE, 0x22), 0x1122],
  ["a byte in the second page", (ram) => ram.write8(IMMEDIATE + 1, 0x22), 0x2211],
  ["a word across the pages", (ram) => ram.write16(IMMEDIATE, 0x2233), 0x2233],
  ["a doubleword", (ram) => ram.write32(IMMEDIATE - 1, 0xeb2233b8 | 0), 0x2233],
  ["a quadword", (ram) => ram.write64(IMMEDIATE - 3, 0xfbeb * 2 ** 40 + 0x2233b89090), 0x2233],
  ["many bytes", (ram) => ram.set(IMMEDIATE, Uint8Array.of(0x33, 0x22)), 0x2233],
  ["a filled byte", (ram) => ram.fill(0x2000, 0x22, 1), 0x2211],
  ["a copy", (ram) => (ram.write16(0x8000, 0x2233), ram.copy(IMMEDIATE, 0x8000, 2)), 0x2233],
])("%s written to code that runs", (_, write, expected) => {
  const { core, ram } = start();
  write(ram);
  core.exports.run(100);
  expect(core.read32(CPU_REGS) & 0xffff).toBe(expected);
});

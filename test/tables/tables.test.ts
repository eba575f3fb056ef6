/** The tables of the core against each other and against what they describe, and the README made of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "iced-x86";
import { beforeAll, expect, test } from "vitest";
import { VECTOR_UD } from "../../cpu-core/abi/vectors.ts";
import { nameOps } from "../decode/names.ts";
import { enumerateEncodings } from "./encodings.ts";
import type { Encoding } from "./encodings.ts";
import { Executor } from "./execute.ts";
import { CORE, numberOf, OPS, SIMD_OPS } from "./ops.ts";
import { readmeWithSupport } from "./support.ts";

const NAMES = nameOps();
/** What stands for no instruction. */
const NO_INSTRUCTIONS = new Set(["UD", "TOO_LONG"]);

let encodings: Encoding[];
beforeAll(() => {
  encodings = [...enumerateEncodings().values()];
}, 120_000);

test("every Op has a number of its own", () => {
  const numbers = [...OPS.values(), ...SIMD_OPS.values()];
  // Op.SIMD is the number of the first Simd.
  expect(new Set(numbers).size).toBe(numbers.length - 1);
});

test("every Op has a name that iced-x86 knows", () => {
  const nameless = [...NAMES.values()].filter(({ mnemonics }) => mnemonics.size === 0);
  expect(nameless.map(({ name }) => name).sort()).toEqual(["TOO_LONG", "UD", "X87"]);
});

test("every Op is in an opcode map", () => {
  const decoded = new Set(encodings.map(({ op }) => NAMES.get(op)?.name));
  const missing = [...NAMES.values()].map(({ name }) => name).filter((name) => !decoded.has(name));
  expect(missing.filter((name) => !NO_INSTRUCTIONS.has(name))).toEqual([]);
});

test("every encoding that is decoded is executed: none is #UD at CPL 0 with everything enabled", () => {
  const executor = new Executor();
  const undefinedOnes = encodings.filter((encoding) => executor.execute(encoding) === VECTOR_UD);
  expect(undefinedOnes.map(({ code, bits }) => `${Code[code]} ${bits}`)).toEqual([]);
  expect(encodings.length).toBeGreaterThan(1400);
  const ud2: Encoding = { code: Code.Ud2, op: numberOf("UD"), bytes: Uint8Array.of(0x0f, 0x0b), bits: 64 };
  expect(executor.execute(ud2)).toBe(VECTOR_UD);
});

test("the README's table is up to date: else run npm run docs", () => {
  expect(readFileSync(join(CORE, "README.md"), "utf8")).toBe(readmeWithSupport());
});

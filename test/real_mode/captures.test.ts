/**
 * Every capture of a real 80286 on the bare core: registers, flags and memory must come out the same, or as the row of
 * exceptions.ts says. See README.md.
 */
import { describe, expect, test } from "vitest";
import { EXIT_HLT } from "../../cpu-core/abi/exit.ts";
import { FLAG_IF, FLAG_TF } from "../../cpu-core/abi/state.ts";
import { FLAGS_80286, readCaptures } from "./captures.ts";
import type { Capture } from "./captures.ts";
import { EXCEPTIONS } from "./exceptions.ts";
import type { Exception } from "./exceptions.ts";
import { RealModeMachine } from "./machine.ts";
import type { Registers } from "./machine.ts";

/** More than any capture takes: a REP of 65535 elements counts once for each. */
const MAX_INSTRUCTIONS = 100_000;
const ALL = 0xffff_ffff;
const TOLD = 20;

const hex = (value: number) => value.toString(16);

const machine = new RealModeMachine();
/** All that a real-mode program can reach, as it ought to be; zeros between the captures. */
const expectedRam = Buffer.alloc(0x11_0000);
const ram = machine.ram.subarray(0, expectedRam.length);

function start(capture: Capture): void {
  ram.fill(0);
  for (const [pa, value] of capture.memoryBefore) ram[pa] = value;
  machine.load(capture.before);
}

/** What is not as in `want` and `memory`; of FLAGS only the bits in `flags` count. */
function differences(want: Registers, memory: Map<number, number>, flags = ALL): string[] {
  const found: string[] = [];
  const got = machine.registers();
  for (const name of Object.keys(want) as (keyof Registers)[]) {
    const mask = name === "flags" ? flags & FLAGS_80286 : ALL;
    if ((got[name] & mask) !== (want[name] & mask))
      found.push(`${name} ${hex(got[name])}, not ${hex(want[name])}`);
  }
  for (const [pa, value] of memory) expectedRam[pa] = value;
  if (expectedRam.compare(ram) !== 0) {
    const pa = expectedRam.findIndex((value, at) => value !== ram[at]);
    found.push(`[${hex(pa)}] ${hex(ram[pa]!)}, not ${hex(expectedRam[pa]!)}`);
  }
  for (const pa of memory.keys()) expectedRam[pa] = 0;
  return found;
}

function compare(capture: Capture, flags = ALL): string[] {
  start(capture);
  const exit = machine.run(MAX_INSTRUCTIONS);
  if (exit !== EXIT_HLT) return [`exit ${exit}`];
  return differences(capture.after, capture.memoryAfter, flags);
}

/** The state in which the handler of `vector` begins, the instruction having changed nothing. */
function compareFault(capture: Capture, vector: number): string[] {
  const { before } = capture;
  start(capture);
  const raised = machine.runToException(MAX_INSTRUCTIONS);
  if (raised !== vector) return [`exception ${raised}, not ${vector}`];
  const memory = new Map(capture.memoryBefore);
  const word = (at: number) => (memory.get(at) ?? 0) | ((memory.get(at + 1) ?? 0) << 8);
  const handler = { ip: word(vector * 4), cs: word(vector * 4 + 2) };
  const flags = before.flags & ~(FLAG_IF | FLAG_TF);
  const stack = [before.ip, before.cs, before.flags];
  const sp = (before.sp - 2 * stack.length) & 0xffff;
  stack.forEach((value, index) => {
    const at = before.ss * 16 + ((sp + 2 * index) & 0xffff);
    memory.set(at, value & 0xff).set(at + 1, value >> 8);
  });
  return differences({ ...before, ...handler, sp, flags }, memory);
}

/** The instruction and its HLT execute. */
function compareLength(capture: Capture): string[] {
  start(capture);
  const exit = machine.run(MAX_INSTRUCTIONS);
  const got = machine.registers();
  const end = capture.before.ip + capture.code.length + 1;
  return exit === EXIT_HLT && got.cs === capture.before.cs && got.ip === end
    ? []
    : [`exit ${exit} at ${hex(got.ip)}`];
}

function compareAs(exception: Exception, capture: Capture): string[] {
  if (exception.vector !== undefined) return compareFault(capture, exception.vector);
  if (exception.executes) return compareLength(capture);
  const { corrected, undefinedFlags = 0 } = exception;
  return compare(corrected ? corrected(capture) : capture, ~undefinedFlags);
}

describe("80286 captures", () => {
  const captures = readCaptures();
  const used = new Set<Exception>();

  test("every one is as captured, or as its exception says", () => {
    const failures: string[] = [];
    for (const capture of captures) {
      const found = compare(capture);
      if (found.length === 0) continue;
      const rows = EXCEPTIONS.filter((row) => row.applies(capture));
      const row = rows.find((candidate) => compareAs(candidate, capture).length === 0);
      if (row) used.add(row);
      else
        failures.push(
          `${capture.form} ${capture.text} (${Buffer.from(capture.code).toString("hex")}): ${found.join("; ")}`,
        );
    }
    expect(captures).toHaveLength(12_960);
    expect(failures.length, failures.slice(0, TOLD).join("\n")).toBe(0);
  });

  test("every exception is needed", () => {
    expect(EXCEPTIONS.filter((row) => !used.has(row))).toEqual([]);
  });
});

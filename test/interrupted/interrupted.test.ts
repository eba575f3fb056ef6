/**
 * Interrupted at any instruction and resumed, a program comes to the same result: by INTR, NMI, a single step after, and page
 * faults of, every single instruction; interpreted, and translated. See README.md.
 *
 * INTERRUPTED_PROGRAMS sets how many random programs (default 12), INTERRUPTED_SEED the seed.
 */
import { describe, expect, test } from "vitest";
import { Random } from "../cpu/random.ts";
import { DATA, STACK } from "../jit/machine.ts";
import { randomProgram } from "../jit/program.ts";
import { InterruptedMachine, TOUR } from "./machine.ts";
import type { Program } from "./machine.ts";

const PROGRAMS = Number(process.env["INTERRUPTED_PROGRAMS"] ?? 12);
const SEED = Number(process.env["INTERRUPTED_SEED"] ?? 1);

function tour(): Program {
  const random = new Random(SEED);
  const registers = Array.from({ length: 16 }, () => BigInt(random.u32()));
  registers[4] = BigInt(STACK + 2048);
  registers[6] = BigInt(DATA);
  registers[7] = BigInt(DATA);
  const data = Uint8Array.from({ length: 8192 }, () => random.below(256));
  return { code: TOUR, registers, data };
}

const random = new Random(SEED);
const programs: [string, Program][] = [["the tour", tour()]];
for (let n = 0; n < PROGRAMS; n++) programs.push([`random program ${n}`, randomProgram(random)]);

interface Result {
  state: string;
  memory: Buffer;
}

const resultOf = (machine: InterruptedMachine): Result => ({
  state: machine.state(),
  memory: machine.memory(),
});

/** What the program does when nothing interrupts it, and how many instructions that takes. */
function uninterrupted(program: Program): Result & { instructions: number } {
  const machine = new InterruptedMachine(0);
  machine.load(program);
  let instructions = 0;
  for (; !machine.ended; instructions++) machine.run(1);
  return { ...resultOf(machine), instructions };
}

function expectSame(machine: InterruptedMachine, expected: Result, what: string): void {
  expect(machine.state(), what).toBe(expected.state);
  if (!machine.memory().equals(expected.memory)) {
    const at = machine.memory().findIndex((byte, i) => byte !== expected.memory[i]);
    expect.fail(`${what}: memory differs at ${(DATA + at).toString(16)}`);
  }
}

describe.each([
  ["interpreted", 0],
  ["translated", 1],
] as const)("%s", (_, threshold) => {
  const machine = new InterruptedMachine(threshold);

  test.each(["INTR", "NMI"] as const)("%s after every instruction", (line) => {
    for (const [name, program] of programs) {
      const expected = uninterrupted(program);
      machine.load(program);
      for (let n = 0; !machine.ended; n++) {
        machine.interrupt(line);
        if (!machine.ended) machine.stepProgram();
        if (n > 10 * expected.instructions) expect.fail(`${name} does not end`);
      }
      expectSame(machine, expected, name);
    }
  });

  test("INTR once, after each number of instructions", () => {
    for (const [name, program] of programs.slice(0, 8)) {
      const expected = uninterrupted(program);
      const step = Math.max(1, Math.floor(expected.instructions / 500));
      for (let n = 0; n < expected.instructions; n += step) {
        machine.load(program);
        machine.run(n);
        machine.interrupt("INTR");
        machine.finish();
        expectSame(machine, expected, `${name}, interrupted after ${n}`);
      }
    }
  });

  test("a single step after every instruction", () => {
    for (const [name, program] of programs) {
      const expected = uninterrupted(program);
      const before = machine.count("steps");
      machine.load(program, true);
      machine.finish();
      // A shadow takes one away; the last is VMCALL.
      expect(machine.count("steps") - before).toBeGreaterThan(expected.instructions * 0.9);
      expectSame(machine, expected, name);
    }
  });

  test("page faults of every instruction", () => {
    const before = machine.count("page_faults");
    let instructions = 0;
    for (const [name, program] of programs) {
      const expected = uninterrupted(program);
      machine.load(program);
      while (!machine.ended) {
        machine.unmapAll();
        machine.stepProgram();
      }
      instructions += expected.instructions;
      machine.mapAll();
      expectSame(machine, expected, name);
    }
    expect(machine.count("page_faults") - before).toBeGreaterThan(instructions);
  });

  test("page faults now and then", () => {
    for (const [name, program] of programs) {
      const expected = uninterrupted(program);
      machine.load(program);
      for (let n = 0; !machine.ended; n++) {
        machine.unmapAll();
        machine.runThrough(1 + random.below(2000));
        if (n > expected.instructions + 1000) expect.fail(`${name} does not end`);
      }
      machine.mapAll();
      expectSame(machine, expected, name);
    }
  });

  test("translated code was entered, or not", () => {
    if (threshold === 0) expect(machine.translatedEntries).toBe(0);
    else expect(machine.translatedEntries).toBeGreaterThan(1000);
  });
});

/**
 * Translated code against the interpreter: random programs run in both, a random number of instructions at a time, and
 * after each step everything that a program can see must be the same: registers, flags, memory, the fault and where it
 * was, and the number of instructions retired. One program in eight runs at CPL 3 with alignment checking.
 *
 * LOCKSTEP_PROGRAMS sets how many (default 400), LOCKSTEP_SEED the seed.
 */
import { expect, test } from "vitest";
import { CPU_RAISED_VECTOR } from "../../cpu-core/abi/state.ts";
import { VECTOR_AC } from "../../cpu-core/abi/vectors.ts";
import { Random } from "../cpu/random.ts";
import { BareMachine } from "./machine.ts";
import { randomProgram } from "./program.ts";

const PROGRAMS = Number(process.env["LOCKSTEP_PROGRAMS"] ?? 400);
const SEED = Number(process.env["LOCKSTEP_SEED"] ?? 1);
const MAX_STEPS = 4000;

test("random programs", { timeout: 600_000 }, () => {
  let translations = 0;
  let faults = 0;
  let finished = 0;
  let alignment_faults = 0;
  for (let n = 0; n < PROGRAMS; n++) {
    const seed = SEED * 1_000_003 + n;
    const random = new Random(seed);
    const program = randomProgram(random);
    const alignment_check = n % 8 === 7;
    const machines = [
      new BareMachine(0, alignment_check),
      new BareMachine(1 + random.below(3), alignment_check),
    ] as const;
    for (const machine of machines) {
      machine.load(program.code, program.registers, program.data);
      for (let i = 0; i < 8; i++) machine.setXmm(i, i * 1.25 - 1);
    }
    const [interpreted, translated] = machines;
    const code = program.code.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    for (let step = 0; step < MAX_STEPS && interpreted.stopped === null; step++) {
      const budget = random.chance(50) ? 1 + random.below(8) : 1 + random.below(400);
      const line = random.chance(20) ? 1 : 0;
      for (const machine of machines) {
        machine.setInterruptLine(line);
        machine.run(budget);
      }
      expect(translated.state(), `seed ${seed} step ${step} code ${code}`).toBe(interpreted.state());
      if (!translated.memory().equals(interpreted.memory())) {
        expect.fail(`memory differs: seed ${seed} step ${step} code ${code}`);
      }
    }
    translations += translated.translations;
    const isAc = interpreted.u32(CPU_RAISED_VECTOR) === VECTOR_AC;
    if (interpreted.stopped === "fault" && isAc) alignment_faults++;
    else if (interpreted.stopped === "fault") faults++;
    else if (interpreted.stopped !== null) finished++;
  }
  // The programs must have been translated, and have ended in both ways.
  expect(translations).toBeGreaterThan(PROGRAMS / 2);
  expect(finished).toBeGreaterThan(PROGRAMS / 2);
  if (PROGRAMS >= 200) {
    expect(faults).toBeGreaterThan(0);
    expect(alignment_faults).toBeGreaterThan(0);
  }
});

/** Many cases, in batches: built at random, executed on the real CPU and in the core, and compared. */
import { CASE_SIZE, Case, DATA_ADDRESS, TRAP } from "./case.ts";
import { describe, differences } from "./compare.ts";
import type { Tolerance } from "./compare.ts";
import { Core } from "./core.ts";
import { runNative } from "./native.ts";
import { Random } from "./random.ts";

const BATCH = 20_000;
/** Failing cases of one instruction that are told in full. */
const TOLD = 3;

export interface Campaign<Built> {
  cases: number;
  seed: number;
  /** Fills the record for case `index`; what it returns goes to the other functions. */
  build(random: Random, index: number, record: Case): Built;
  name(built: Built): string;
  /** What of the result is undefined or approximate; null: all of it, the case does not count. */
  tolerance?(built: Built, expected: Case): Tolerance | null;
  /** Takes out differences that are allowed. */
  allow?(built: Built, expected: Case, found: string[]): string[];
}

export interface Outcome {
  /** Empty if everything agreed; else the first failing cases of each instruction, and how many failed. */
  failures: string;
  compared: number;
  /** Cases by exception vector; NO_TRAP for those that ran through. */
  traps: Map<number, number>;
}

export function runCampaign<Built>(campaign: Campaign<Built>): Outcome {
  const random = new Random(campaign.seed);
  const core = new Core();
  const failures: string[] = [];
  const counts = new Map<string, number>();
  const traps = new Map<number, number>();
  let compared = 0;
  for (let done = 0; done < campaign.cases; done += BATCH) {
    const count = Math.min(BATCH, campaign.cases - done);
    const cases = new Uint8Array(count * CASE_SIZE);
    const built: Built[] = [];
    for (let i = 0; i < count; i++) built.push(campaign.build(random, done + i, new Case(cases, i)));
    const native = runNative(cases);
    const ours = core.run(cases);
    for (let i = 0; i < count; i++) {
      const what = built[i]!;
      const expected = new Case(native, i);
      const tolerance = campaign.tolerance ? campaign.tolerance(what, expected) : {};
      if (tolerance === null) continue;
      compared++;
      traps.set(expected.u32(TRAP), (traps.get(expected.u32(TRAP)) ?? 0) + 1);
      let found = differences(expected, new Case(ours, i), tolerance);
      if (found.length > 0 && campaign.allow) found = campaign.allow(what, expected, found);
      if (found.length === 0) continue;
      const name = campaign.name(what);
      const n = (counts.get(name) ?? 0) + 1;
      counts.set(name, n);
      if (n > TOLD) continue;
      const input = new Case(cases, i);
      failures.push(
        `${name}: ${describe(input)} rdi+${(input.u32(56) - DATA_ADDRESS).toString()}\n    ${found.join("\n    ")}`,
      );
    }
  }
  if (counts.size > 0) failures.push([...counts].map(([name, n]) => `${name} ${n}`).join(", "));
  return { failures: failures.join("\n"), compared, traps };
}

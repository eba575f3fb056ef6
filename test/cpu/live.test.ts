/** A short live comparison with the CPU of this machine; npm run test:cpu is the long one. CPU_SEED sets other cases. */
import { expect, test } from "vitest";
import { Campaign, report } from "./campaign.ts";
import { prepareNative } from "./native.ts";

const CASES = 30_000;
const reason = prepareNative();
if (reason !== null) {
  if (process.env["CI"] !== undefined) throw new Error(`instructions against the real CPU: ${reason}`);
  console.warn(`Instructions against the real CPU: skipped, ${reason}`);
}

test.skipIf(reason !== null)("random cases of every form on the real CPU", { timeout: 600_000 }, () => {
  const outcome = new Campaign().run({ cases: CASES, seed: Number(process.env["CPU_SEED"] ?? 1) });
  expect([...outcome.failures.keys()], report(outcome)).toEqual([]);
  expect(outcome.cases).toBeGreaterThanOrEqual(CASES);
});

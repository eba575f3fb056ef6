/**
 * The recorded set: the core against what a real CPU made of some cases of every instruction form. Runs everywhere.
 * After a change of the generator or of the forms: npm run test:cpu -- --record
 */
import { expect, test } from "vitest";
import { Campaign, report } from "./campaign.ts";

test("recorded cases of every form", { timeout: 600_000 }, () => {
  const outcome = new Campaign().replay();
  expect(outcome.stale, "recorded.br is not of these forms: npm run test:cpu -- --record").toEqual([]);
  expect([...outcome.failures.keys()], report(outcome)).toEqual([]);
  expect(outcome.cases).toBeGreaterThanOrEqual(200_000);
  // All kinds of faults have been met: #DE #BP #OF #BR #UD #NP #SS #GP #PF #MF #AC #XM.
  for (const vector of [0, 3, 4, 5, 6, 11, 12, 13, 14, 16, 17, 19])
    expect(outcome.traps.get(vector) ?? 0, `vector ${vector}`).toBeGreaterThan(0);
});

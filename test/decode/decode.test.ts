/** The decoder against iced-x86: a short run. The long one is `npm run test:decode` (README). */
import { expect, test } from "vitest";
import { runCampaign } from "./campaign.ts";

test.each([16, 32, 64] as const)("%d-bit code", (bits) => {
  const outcome = runCampaign(bits, 150_000, 1);
  expect(outcome.failures.join("\n")).toBe("");
  // Instructions and nonsense both, of nearly all kinds.
  expect(outcome.valid).toBeGreaterThan(60_000);
  expect(outcome.valid).toBeLessThan(140_000);
  expect(outcome.encodings).toBeGreaterThan(bits === 64 ? 1000 : 800);
});

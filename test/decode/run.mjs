/**
 * The long run of test/decode (README.md there):
 *
 *     npm run test:decode -- [--cases N] [--bits 16|32|64] [--seed S]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runnerImport } from "vite";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    bits: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const { module } = await runnerImport(join(import.meta.dirname, "campaign.ts"), {
  configFile: false,
  logLevel: "error",
});
let failed = 0;
for (const bits of values.bits ? [Number(values.bits)] : [16, 32, 64]) {
  const start = Date.now();
  const outcome = module.runCampaign(bits, Number(values.cases), Number(values.seed));
  for (const failure of outcome.failures) console.log(failure);
  const { cases, valid, encodings } = outcome;
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  console.log(
    `${bits}-bit: ${cases} strings, ${valid} instructions, ${encodings} encodings, ${outcome.failed} differ, ${seconds} s`,
  );
  if (outcome.missing.length > 0) console.log(`  offered, but did not occur: ${outcome.missing.join(" ")}`);
  failed += outcome.failed;
}
process.exitCode = failed > 0 ? 1 : 0;

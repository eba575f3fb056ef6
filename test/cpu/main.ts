/**
 * npm run test:cpu -- --cases N [--seed S] [--form NAME] [--case K] [--told T]
 * npm run test:cpu -- --record [--cases N] [--seed S]
 *
 * Compares the core with the CPU of this machine. --form takes part of a form's name, --case repeats one case of it and prints
 * all that it was given. --record writes recorded.br, which `npm test` replays.
 */
import { parseArgs } from "node:util";
import { Campaign, report } from "./campaign.ts";
import { Input } from "./case.ts";
import { codeLine, inputLines } from "./describe.ts";
import { prepareNative } from "./native.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string" },
    seed: { type: "string", default: "1" },
    form: { type: "string" },
    case: { type: "string" },
    told: { type: "string", default: "3" },
    record: { type: "boolean", default: false },
  },
});

const RECORDED_CASES = 210_000;

function main(): number {
  const reason = prepareNative();
  if (reason !== null) {
    console.error(`cannot compare with a real CPU: ${reason}`);
    return 2;
  }
  const campaign = new Campaign();
  const seed = Number(values.seed);
  const only = values.case === undefined ? undefined : Number(values.case);
  if (only !== undefined) {
    for (const form of campaign.forms.filter(({ name }) => name.includes(values.form ?? ""))) {
      const input = new Input();
      campaign.generator.build(form, only, seed, input);
      console.log(`${form.name} case ${only}: ${codeLine(input)}\n    ${inputLines(input).join("\n    ")}`);
    }
  }
  if (values.record) {
    const cases = Number(values.cases ?? RECORDED_CASES);
    console.log(`recorded.br: ${campaign.record(cases, seed)} bytes`);
    return 0;
  }
  let shown = Date.now();
  const started = shown;
  const outcome = campaign.run({
    cases: Number(values.cases ?? 100_000),
    seed,
    form: values.form,
    only,
    told: Number(values.told),
    progress: (done, total) => {
      if (Date.now() - shown < 5000) return;
      shown = Date.now();
      const rate = done / (shown - started);
      console.error(`${done} of ${total}, ${Math.round((total - done) / rate / 1000)} s to go`);
    },
  });
  console.log(report(outcome));
  console.log(`${((Date.now() - started) / 1000).toFixed(1)} s`);
  return outcome.failures.size === 0 ? 0 : 1;
}

process.exitCode = main();

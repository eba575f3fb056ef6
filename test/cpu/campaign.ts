/** Many cases: the forms in turn, each run on the real CPU and in the core, and compared. */
import { INPUT_SIZE, Input, NO_TRAP, type Output } from "./case.ts";
import { Classifier } from "./classify.ts";
import { differences } from "./compare.ts";
import { Core } from "./core.ts";
import { codeLine } from "./describe.ts";
import { exception, isLeftOut } from "./exceptions.ts";
import { type Form, FormFinder } from "./forms.ts";
import { Generator } from "./generate.ts";
import { runNative } from "./native.ts";
import { Recorder, Recording, hashInput } from "./record.ts";

const BATCH = 8192;
/** Failing cases of one form that are told in full. */
const TOLD = 3;

export interface Options {
  /** Cases in all; each form gets its share, rounded up. */
  cases: number;
  seed: number;
  /** Forms whose name contains this. */
  form?: string | undefined;
  /** Only case number `only` of each form. */
  only?: number | undefined;
  progress?: ((done: number, total: number) => void) | undefined;
  told?: number | undefined;
}

export interface Outcome {
  forms: number;
  casesPerForm: number;
  cases: number;
  /** Cases by exception vector; NO_TRAP for those that ran through. */
  traps: Map<number, number>;
  /** Forms with differences: how many cases differ, and the first of them told. */
  failures: Map<string, { count: number; told: string[] }>;
  /** Cases that differ as AMD and Intel differ, by the rule that says so. */
  excused: Map<string, number>;
}

export class Campaign {
  readonly classifier = new Classifier();
  readonly generator = new Generator(this.classifier);
  /** All forms but those that cannot be compared (exceptions.ts tells why). */
  readonly forms: Form[] = new FormFinder(this.classifier).forms.filter((form) => !isLeftOut(form));
  #core: Core | undefined;

  get core(): Core {
    this.#core ??= new Core();
    return this.#core;
  }

  run(options: Options): Outcome {
    const forms = this.forms.filter((form) => options.form === undefined || form.name.includes(options.form));
    if (forms.length === 0) throw new Error(`no form is called ${options.form}`);
    const casesPerForm = options.only === undefined ? Math.ceil(options.cases / forms.length) : 1;
    const total = casesPerForm * forms.length;
    const outcome = newOutcome(forms.length, casesPerForm);
    const inputs = new Uint8Array(BATCH * INPUT_SIZE);
    for (let done = 0; done < total; done += BATCH) {
      const count = Math.min(BATCH, total - done);
      const which: { form: Form; number: number }[] = [];
      for (let i = 0; i < count; i++) {
        const form = forms[(done + i) % forms.length]!;
        const number = options.only ?? Math.floor((done + i) / forms.length);
        which.push({ form, number });
        this.generator.build(form, number, options.seed, new Input(inputs, i * INPUT_SIZE));
      }
      const batch = inputs.subarray(0, count * INPUT_SIZE);
      const native = runNative(batch);
      const ours = this.core.run(batch);
      for (let i = 0; i < count; i++) {
        const { form, number } = which[i]!;
        const input = new Input(batch, i * INPUT_SIZE);
        this.#judge(outcome, form, number, input, native[i]!, ours[i]!, options.told ?? TOLD);
      }
      options.progress?.(Math.min(done + count, total), total);
    }
    return outcome;
  }

  /** Counts a case, and tells of it if it differs. */
  #judge(
    outcome: Outcome,
    form: Form,
    number: number,
    input: Input,
    native: Output,
    ours: Output,
    told: number,
  ): void {
    outcome.cases++;
    outcome.traps.set(native.trap, (outcome.traps.get(native.trap) ?? 0) + 1);
    const found = differences(form, input, native, ours);
    if (found.length === 0) return;
    const excuse = exception(form, input, native, ours, found);
    if (excuse !== null) {
      outcome.excused.set(excuse, (outcome.excused.get(excuse) ?? 0) + 1);
      return;
    }
    let failure = outcome.failures.get(form.name);
    if (failure === undefined) outcome.failures.set(form.name, (failure = { count: 0, told: [] }));
    failure.count++;
    if (failure.told.length < told)
      failure.told.push(`case ${number}: ${codeLine(input)}\n      ${found.join("\n      ")}`);
  }

  /** The inputs of the first `count` cases of a form. */
  #inputs(form: Form, count: number, seed: number): Uint8Array {
    const inputs = new Uint8Array(count * INPUT_SIZE);
    for (let i = 0; i < count; i++) this.generator.build(form, i, seed, new Input(inputs, i * INPUT_SIZE));
    return inputs;
  }

  /** Has the real CPU do the first cases of every form and writes down what came of them; returns the bytes of the file. */
  record(cases: number, seed: number): number {
    const casesPerForm = Math.ceil(cases / this.forms.length);
    const recorder = new Recorder(seed, casesPerForm);
    const formsAtOnce = Math.ceil(BATCH / casesPerForm);
    for (let first = 0; first < this.forms.length; first += formsAtOnce) {
      const forms = this.forms.slice(first, first + formsAtOnce);
      const inputs = Buffer.concat(forms.map((form) => this.#inputs(form, casesPerForm, seed)));
      const results = runNative(inputs);
      forms.forEach((form, n) => {
        let hash = 0;
        for (let i = n * casesPerForm; i < (n + 1) * casesPerForm; i++) {
          const input = new Input(inputs, i * INPUT_SIZE);
          hash = hashInput(hash, input);
          recorder.add(input, results[i]!);
        }
        recorder.addForm(form.name, hash);
      });
    }
    return recorder.save();
  }

  /** Compares the core with the recorded set. `stale`: forms that are not in it, or whose cases the generator makes otherwise now. */
  replay(): Outcome & { stale: string[] } {
    const recording = new Recording();
    const { seed, casesPerForm } = recording.head;
    const outcome = newOutcome(this.forms.length, casesPerForm);
    const stale: string[] = [];
    const missing = new Map(this.forms.map((form) => [form.name, form]));
    for (const { name, hash } of recording.head.forms) {
      const form = missing.get(name);
      if (form === undefined) {
        stale.push(name);
        break; // what follows cannot be read without this form's inputs
      }
      missing.delete(name);
      const inputs = this.#inputs(form, casesPerForm, seed);
      const ours = this.core.run(inputs);
      let found = 0;
      for (let i = 0; i < casesPerForm; i++) found = hashInput(found, new Input(inputs, i * INPUT_SIZE));
      for (let i = 0; i < casesPerForm; i++) {
        const input = new Input(inputs, i * INPUT_SIZE);
        const native = recording.next(input);
        if (found === hash) this.#judge(outcome, form, i, input, native, ours[i]!, 1);
      }
      if (found !== hash) stale.push(name);
    }
    return { ...outcome, stale: [...stale, ...missing.keys()] };
  }
}

function newOutcome(forms: number, casesPerForm: number): Outcome {
  return { forms, casesPerForm, cases: 0, traps: new Map(), failures: new Map(), excused: new Map() };
}

const VECTORS = "DE DB NMI BP OF BR UD NM DF - TS NP SS GP PF - MF AC MC XM".split(" ");

/** The report as text. */
export function report(outcome: Outcome): string {
  const lines = [`${outcome.forms} forms, ${outcome.casesPerForm} cases each, ${outcome.cases} cases`];
  const traps = [...outcome.traps]
    .sort((a, b) => b[1] - a[1])
    .map(([vector, n]) => `${vector === NO_TRAP ? "none" : `#${VECTORS[vector] ?? vector}`} ${n}`);
  lines.push(`faults: ${traps.join(", ")}`);
  for (const [rule, n] of outcome.excused) lines.push(`${n} cases differ as AMD and Intel do: ${rule}`);
  let failed = 0;
  for (const [name, { count, told }] of outcome.failures) {
    failed += count;
    lines.push(`${name}: ${count} differ`, ...told.map((text) => `    ${text}`));
  }
  lines.push(failed === 0 ? "no differences" : `${failed} cases differ, in ${outcome.failures.size} forms`);
  return lines.join("\n");
}

/** Completeness: every instruction of the core has forms with cases, or is left out for a reason that is told. */
import { expect, test } from "vitest";
import { OPS, SIMD_OPS } from "../tables/ops.ts";
import { MODE_16, MODE_32, MODE_64 } from "./case.ts";
import { Classifier } from "./classify.ts";
import { LEFT_OUT, isLeftOut } from "./exceptions.ts";
import { FormFinder } from "./forms.ts";

const forms = new FormFinder(new Classifier()).forms;

/** Not instructions of their own, or without an encoding. */
const WITHOUT_FORM = new Set([
  "TOO_LONG",
  "SIMD", // where the vector instructions begin
  ...["TZCNT", "LZCNT", "ADCX", "ADOX"], // named, not there
  ...["MOVHLPS", "MOVLHPS"], // MOVLPS and MOVHPS of a register
]);

test("every Op has a form", () => {
  const found = new Set(forms.map(({ op }) => op));
  const missing: string[] = [];
  for (const [name, value] of [...OPS, ...SIMD_OPS]) {
    if (WITHOUT_FORM.has(name)) continue;
    if (!found.has(value)) missing.push(name);
  }
  expect(missing).toEqual([]);
});

test("names tell forms apart", () => {
  expect(new Set(forms.map(({ name }) => name)).size).toBe(forms.length);
});

test("what is left out exists, and is little", () => {
  for (const { ops, reason } of LEFT_OUT) {
    expect(reason).not.toBe("");
    for (const op of ops) expect(forms.some((form) => form.op === op)).toBe(true);
  }
  for (const mode of [MODE_64, MODE_32, MODE_16]) {
    const all = forms.filter((form) => form.mode === mode);
    expect(all.length).toBeGreaterThan(1300);
    expect(all.filter(isLeftOut).length).toBeLessThan(25);
  }
});

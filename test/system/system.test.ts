/**
 * Boots every image in Vitrine and compares what it prints with the recorded text; where Bochs and QEMU are installed, they
 * must print the same, but for what deviations.ts accounts for. CI has both.
 */
import { describe, expect, test } from "vitest";
import {
  describeDifference,
  differences,
  idleDeviations,
  readExpected,
  readPending,
  unexplained,
} from "./expected.ts";
import { assembleImage, imageNames } from "./image.ts";
import { isInstalled, REFERENCES, runImage, TIMEOUT_MS } from "./machines.ts";

for (const machine of REFERENCES) {
  if (!isInstalled(machine))
    console.warn(`test/system: ${machine} is not installed: compared with its record only`);
}

describe.each(imageNames())("%s", { timeout: TIMEOUT_MS * 1.2 }, (image) => {
  test("vitrine", async () => {
    const output = await runImage("vitrine", assembleImage(image));
    const found = differences(readExpected(image) ?? "", output);
    const pending = new Set(readPending(image));
    const wrong = found.filter(({ check }) => !pending.has(check));
    expect(wrong.map(describeDifference).join("\n")).toBe("");
    const right = [...pending].filter((check) => !found.some((difference) => difference.check === check));
    expect(right, "these are no longer pending").toEqual([]);
  });

  for (const machine of REFERENCES) {
    test.skipIf(!isInstalled(machine))(machine, async () => {
      const output = await runImage(machine, assembleImage(image));
      const found = differences(readExpected(image) ?? "", output);
      expect(unexplained(machine, image, found).map(describeDifference).join("\n")).toBe("");
      expect(idleDeviations(machine, image, found)).toEqual([]);
    });
  }
});

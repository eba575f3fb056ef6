/**
 * `npm run test:system -- [NAME ...] [--vitrine] [--bochs] [--qemu] [--record] [--pending]`
 *
 * Runs images (all, unless named) and shows what the machines print: all of it when one machine is asked for, else the lines in
 * which each differs from the record. --record makes Bochs's output the record; --pending rewrites the list of lines that
 * Vitrine does not print yet.
 */
import {
  composeExpected,
  countChecks,
  describeDifference,
  differences,
  readExpected,
  unexplained,
  writeExpected,
  writePending,
} from "./expected.ts";
import { assembleImage, imageNames } from "./image.ts";
import { isInstalled, runImage } from "./machines.ts";
import type { MachineName } from "./machines.ts";

const MACHINES: readonly MachineName[] = ["vitrine", "bochs", "qemu"];

export async function main(args: readonly string[]): Promise<void> {
  const asked = MACHINES.filter((machine) => args.includes(`--${machine}`));
  const names = args.filter((arg) => !arg.startsWith("--"));
  const images = names.length > 0 ? names : imageNames();
  for (const image of images) {
    const disk = assembleImage(image);
    if (args.includes("--record")) {
      const [bochs, qemu] = [await runImage("bochs", disk), await runImage("qemu", disk)];
      writeExpected(image, composeExpected(image, bochs, qemu));
      console.log(`${image}: recorded, ${countChecks(bochs)} checks`);
    }
    const machines = (asked.length > 0 ? asked : MACHINES).filter(isInstalled);
    for (const machine of machines) await show(machine, image, disk, asked.length === 1, args);
  }
}

async function show(
  machine: MachineName,
  image: string,
  disk: Uint8Array,
  whole: boolean,
  args: readonly string[],
): Promise<void> {
  const output = await runImage(machine, disk);
  if (whole) console.log(output);
  const expected = readExpected(image);
  if (expected === null) return console.log(`${image}: nothing is recorded yet`);
  const found = differences(expected, output);
  const wrong = machine === "vitrine" ? found : unexplained(machine, image, found);
  for (const difference of wrong) console.log(describeDifference(difference));
  console.log(`${image}, ${machine}: ${wrong.length} of ${countChecks(expected)} lines differ`);
  if (machine === "vitrine" && args.includes("--pending"))
    writePending(
      image,
      wrong.map(({ check }) => check),
    );
}

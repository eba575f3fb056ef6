/**
 * What an image must print, and how an output is compared with it.
 *
 *     expected/NAME.txt   recorded: what Bochs prints; for lines in which Bochs deviates (deviations.ts) what QEMU prints, or
 *                         what the row says the SDM demands
 *     pending.txt         "NAME check" lines in which Vitrine does not print that yet; each must still differ
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEVIATIONS } from "./deviations.ts";
import type { Deviation } from "./deviations.ts";
import { DIRECTORY } from "./image.ts";
import type { MachineName } from "./machines.ts";

const PENDING = join(DIRECTORY, "pending.txt");

export interface Difference {
  /** Name of the check: the line up to its colon. */
  check: string;
  /** null: there is no such line. */
  expected: string | null;
  got: string | null;
}

/** The recorded text; null: nothing is recorded yet. */
export function readExpected(image: string): string | null {
  const path = join(DIRECTORY, "expected", `${image}.txt`);
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

/** Number of checks in an output. */
export function countChecks(output: string): number {
  return linesOf(output).size - 1; // the last line tells their number
}

/** Lines of an output by the name of their check. Throws if a name comes twice. */
function linesOf(output: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of output.split("\n").filter((text) => text !== "")) {
    const check = line.includes(": ") ? line.slice(0, line.indexOf(": ")) : line;
    if (lines.has(check)) throw new Error(`two checks are called ${check}`);
    lines.set(check, line);
  }
  return lines;
}

/** All lines in which `got` is not as `expected`. */
export function differences(expected: string, got: string): Difference[] {
  const right = linesOf(expected);
  const actual = linesOf(got);
  const found: Difference[] = [];
  for (const [check, line] of right) {
    const other = actual.get(check) ?? null;
    if (other !== line) found.push({ check, expected: line, got: other });
  }
  for (const [check, line] of actual) if (!right.has(check)) found.push({ check, expected: null, got: line });
  return found;
}

function deviationsOf(machine: MachineName, image: string): Deviation[] {
  return DEVIATIONS.filter((row) => row.machine === machine && (row.image === null || row.image === image));
}

/** Whether `row` accounts for the difference. */
function explains(row: Deviation, { check, expected, got }: Difference): boolean {
  if (!row.checks.test(check) || expected === null || got === null) return false;
  return row.alike === undefined || row.alike(expected) === row.alike(got);
}

/** The differences of a reference that no row of deviations.ts accounts for. */
export function unexplained(machine: MachineName, image: string, found: readonly Difference[]): Difference[] {
  const rows = deviationsOf(machine, image);
  return found.filter((difference) => !rows.some((row) => explains(row, difference)));
}

/** Rows of deviations.ts for this image alone that account for nothing any more. */
export function idleDeviations(
  machine: MachineName,
  image: string,
  found: readonly Difference[],
): Deviation[] {
  return deviationsOf(machine, image).filter(
    (row) => row.image === image && !found.some((difference) => explains(row, difference)),
  );
}

/** Puts the text to be recorded together from what the references printed. */
export function composeExpected(image: string, bochs: string, qemu: string): string {
  const bochs_rows = deviationsOf("bochs", image).filter(({ alike }) => alike === undefined);
  const qemu_lines = linesOf(qemu);
  return bochs
    .split("\n")
    .map((line) => {
      const check = line.slice(0, line.indexOf(": "));
      const row = bochs_rows.find(({ checks }) => line.includes(": ") && checks.test(check));
      if (row === undefined) return line;
      if (typeof row.sdm === "function") return row.sdm(line);
      if (row.sdm !== undefined) return `${check}: ${row.sdm}`;
      return qemu_lines.get(check) ?? line;
    })
    .join("\n");
}

export function writeExpected(image: string, text: string): void {
  writeFileSync(join(DIRECTORY, "expected", `${image}.txt`), text);
}

/** Checks of `image` in which Vitrine is known not to be right yet. */
export function readPending(image: string): string[] {
  return allPending()
    .filter((line) => line.startsWith(`${image} `))
    .map((line) => line.slice(image.length + 1));
}

export function writePending(image: string, checks: readonly string[]): void {
  const others = allPending().filter((line) => !line.startsWith(`${image} `));
  const lines = [...others, ...checks.map((check) => `${image} ${check}`)].sort();
  writeFileSync(PENDING, lines.map((line) => `${line}\n`).join(""));
}

function allPending(): string[] {
  if (!existsSync(PENDING)) return [];
  return readFileSync(PENDING, "utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** A difference for people. */
export function describeDifference({ check, expected, got }: Difference): string {
  return `  ${check}\n    - ${expected ?? "(no such line)"}\n    + ${got ?? "(no such line)"}`;
}

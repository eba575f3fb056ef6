/**
 * QEMU's user-mode instruction tests, unmodified: what they print natively and what they print in the guest. See README.md.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../../host/node.ts";
import { vitrineRun } from "../run/vitrine.ts";
import { build, findCompiler, generateHeaders } from "./build.ts";
import { LEFT_OUT, PROGRAMS, type Architecture, type Program } from "./programs.ts";
import { fetchSource } from "./source.ts";

const CACHE = join(projectRoot(), "dist/cache");
/** The C library's fma() has another way with NaNs on a CPU with FMA, which the guest's has not. */
const ENVIRONMENT = { GLIBC_TUNABLES: "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX,-AVX2" };
const PROGRAM_TIMEOUT_S = 120;
const TIMEOUT_MS = 1_200_000;
const TOLD = 20;

const compiler = findCompiler();
const source = compiler instanceof Error ? compiler : await fetchSource(CACHE);
const missing = source instanceof Error ? source : null;
if (missing) console.warn(`QEMU's instruction tests are SKIPPED: ${missing.message}`);

/** In a directory of its own; the exit status is a last line. */
function runNative(program: string): string {
  const cwd = mkdtempSync(join(tmpdir(), "vitrine-"));
  const script = `exec 2>&1; "${program}"; echo "exit status $?"`;
  const options = { cwd, env: ENVIRONMENT, timeout: PROGRAM_TIMEOUT_S * 1000, maxBuffer: 1 << 28 };
  const { stdout } = spawnSync("/bin/sh", ["-c", script], { ...options, input: "" });
  rmSync(cwd, { recursive: true, force: true });
  return stdout.toString("latin1");
}

/** All programs in one boot, each one's output in a file of `folder`/out. */
async function runInGuest(folder: string, names: readonly string[]): Promise<void> {
  const loop = `mkdir -p /tmp/w; cd /tmp/w
    for name in ${names.join(" ")}; do
      { timeout ${PROGRAM_TIMEOUT_S} /tcg/$name; echo "exit status $?"; } >/tcg/out/$name 2>&1 </dev/null
      rm -rf /tmp/w/*
    done`;
  const variables = Object.entries(ENVIRONMENT).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const outcome = await vitrineRun(["--mount", `${folder}:/tcg`, ...variables, "sh", "-c", loop]);
  expect(outcome.status, outcome.stderr).toBe(0);
}

function linesOf(program: Program, output: string): string[] {
  const { normalize, isUndefined } = program;
  const lines = output.split("\n").filter((line) => !isUndefined?.test(line));
  if (!normalize) return lines;
  const changed = lines.map((line) => normalize.change(line));
  return normalize.sorted ? changed.sort() : changed;
}

function differences(program: Program, native: string, guest: string): string[] {
  const [expected, got] = [linesOf(program, native), linesOf(program, guest)];
  const found: string[] = [];
  for (let i = 0; i < Math.max(expected.length, got.length); i++)
    if (expected[i] !== got[i]) found.push(`line ${i + 1}: CPU ${expected[i]}, guest ${got[i]}`);
  return found.length > TOLD ? [...found.slice(0, TOLD), `... ${found.length} in all`] : found;
}

test.skipIf(missing)("every program of the folders is run or left out for a reason", () => {
  const names = ["i386", "x86_64", "multiarch", "multiarch/linux"].flatMap((folder) =>
    readdirSync(join(source as string, folder))
      .filter((file) => file.endsWith(".c"))
      .map((file) => `${folder}/${file}`),
  );
  const built = new Set(Object.values(PROGRAMS).flatMap((list) => list.flatMap(({ sources }) => sources)));
  const forgotten = names.filter((name) => !built.has(name) && !(name.replace(/\.c$/, "") in LEFT_OUT));
  expect(forgotten).toEqual([]);
});

describe.skipIf(missing)("the same as natively", () => {
  for (const architecture of ["i386", "x86_64"] as Architecture[]) {
    test(architecture, { timeout: TIMEOUT_MS }, async () => {
      const folder = join(projectRoot(), "dist/test/tcg", architecture);
      const programs = PROGRAMS[architecture];
      mkdirSync(join(folder, "out"), { recursive: true });
      generateHeaders(source as string, folder);
      for (const program of programs)
        await build(source as string, folder, architecture, program, compiler as string);
      await runInGuest(
        folder,
        programs.map(({ name }) => name),
      );
      const failures: string[] = [];
      for (const program of programs) {
        const native = runNative(join(folder, program.name));
        const guest = readFileSync(join(folder, "out", program.name), "latin1");
        const found = differences(program, native, guest);
        if (found.length > 0) failures.push(`${program.name}:\n  ${found.join("\n  ")}`);
      }
      expect(failures.join("\n")).toBe("");
    });
  }
});

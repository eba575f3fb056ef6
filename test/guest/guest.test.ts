/**
 * The guest test programs: each must pass on this machine's Linux, if it is x86-64 Linux, and must say the same in the guest.
 * See README.md of test/.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Guest, piped } from "../harness/guest.ts";
import {
  BIN,
  binaryHash,
  compile,
  compilerVersion,
  fuzzPrograms,
  guestPrograms,
  readManifest,
  sourceHash,
} from "./build.mjs";

const PROGRAMS = guestPrograms();
const BINARIES = [...PROGRAMS, ...fuzzPrograms()];
const ENVIRONMENT = { PATH: "/bin:/usr/bin" };
/** Programs that need root's rights on the real Linux. */
const NEED_ROOT = new Set(["attributes", "credentials", "limits", "system", "efault", "proc_self"]);

const native =
  process.platform !== "linux" || process.arch !== "x64"
    ? "not x86-64 Linux"
    : process.env["VITRINE_NO_NATIVE"] !== undefined
      ? "VITRINE_NO_NATIVE is set"
      : null;

/** Why a program cannot be run on this machine's Linux; null if it can. */
function whyNotNative(name: string): string | null {
  if (native !== null) return native;
  return NEED_ROOT.has(name) && process.getuid?.() !== 0 ? "needs root" : null;
}

function runNative(name: string): { output: string; status: number | null } {
  // tmpfs, as in the guest, where there is one.
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "vitrine-"));
  try {
    const run = spawnSync(join(BIN, name), [], {
      argv0: join(BIN, name),
      cwd: directory,
      env: ENVIRONMENT,
      encoding: "latin1",
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 60_000,
    });
    return { output: run.stdout, status: run.status };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Lines of one text that the other lacks: "-" only natively, "+" only in the guest. */
function differences(native_output: string, guest_output: string): string[] {
  if (native_output === guest_output) return [];
  const [a, b] = [native_output.split("\n"), guest_output.split("\n")];
  const [in_a, in_b] = [new Set(a), new Set(b)];
  const lines = [
    ...a.filter((line) => !in_b.has(line)).map((line) => `- ${line}`),
    ...b.filter((line) => !in_a.has(line)).map((line) => `+ ${line}`),
  ];
  return lines.length > 0 ? lines : ["the same lines, in another order or number"];
}

describe("binaries", () => {
  const manifest = readManifest();
  const version = compilerVersion();

  test("are those of the sources: else run npm run guest:build", () => {
    expect(Object.keys(manifest.programs).sort()).toEqual(BINARIES.map(({ name }) => name).sort());
    for (const program of BINARIES) {
      const recorded = manifest.programs[program.name];
      expect(sourceHash(program), `${program.source} has changed`).toBe(recorded.source);
      expect(binaryHash(program.name), `bin/${program.name} has changed`).toBe(recorded.binary);
    }
  });

  test.skipIf(version !== manifest.compiler)(`are made again byte for byte by ${manifest.compiler}`, () => {
    const directory = mkdtempSync(join(tmpdir(), "vitrine-"));
    try {
      for (const program of BINARIES) {
        const output = join(directory, program.name);
        expect(compile(program, output)).toBeNull();
        expect(readFileSync(output).equals(readFileSync(join(BIN, program.name))), program.name).toBe(true);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** In the guest: interpreted, and with blocks translated soon: at once would be compiling more than running. */
describe.each([
  ["interpreted", false],
  ["translated", 50],
] as const)("programs, %s", (_, jit) => {
  let guest: Guest;
  beforeAll(async () => {
    const files = PROGRAMS.map(({ name }) => [`test/bin/${name}`, readFileSync(join(BIN, name))]);
    guest = await Guest.start({ files: Object.fromEntries(files), config: { jit } });
  });
  afterAll(() => guest.stop());

  for (const { name } of PROGRAMS) {
    test(name, async () => {
      const reason = whyNotNative(name);
      if (reason !== null) console.warn(`${name}: not run natively: ${reason}`);
      const expected = reason === null ? runNative(name) : null;
      if (expected !== null) expect(expected.output, "natively").not.toMatch(/^FAIL/m);
      if (expected !== null) expect(expected.status, "natively").toBe(0);
      const got = await guest.exec(
        piped(
          `mkdir -p /tmp/w/${name}; cd /tmp/w/${name}; env -i PATH=${ENVIRONMENT.PATH} /test/bin/${name}; s=$?; rm -rf /tmp/w/${name}; exit $s`,
        ),
      );
      if (expected !== null) expect(differences(expected.output, got.output)).toEqual([]);
      else expect(got.output).not.toMatch(/^FAIL/m);
      expect(got.status).toBe(0);
    });
  }

  test("what ran was translated, or not", () => {
    const { translations } = guest.machine.readStats();
    if (jit === false) expect(translations).toBe(0);
    else expect(translations).toBeGreaterThan(200);
  });
});

/**
 * Nothing that a program does ends or hangs the machine: random instructions, broken ELF files, wild system calls, and
 * programs that take all of something. Afterwards the shell still answers. The seeds are fixed; VITRINE_FUZZ_SEED and
 * VITRINE_FUZZ_FACTOR (how many times the usual number of cases) look further.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BIN, fuzzPrograms } from "../guest/build.mjs";
import { Guest, type GuestResult } from "../harness/guest.ts";
import type { GuestFiles } from "../harness/initramfs.ts";
import { malformedElf, randomProgram } from "./elf_files.ts";
import { Random } from "./random.ts";

const SEED = Number(process.env["VITRINE_FUZZ_SEED"] ?? 1);
const FACTOR = Number(process.env["VITRINE_FUZZ_FACTOR"] ?? 1);
const NR_FILES = Math.round(150 * FACTOR);
const TIMEOUT_MS = 60_000 * FACTOR;

const programs: GuestFiles = Object.fromEntries(
  fuzzPrograms().map(({ name }) => [`test/${name}`, readFileSync(join(BIN, name))]),
);

/** `nr` files made by `make`, each of a seed of its own, which is its name. */
function filesOf(directory: string, nr: number, make: (random: Random) => Uint8Array): GuestFiles {
  const seeds = Array.from({ length: nr }, (_, i) => SEED * 100_000 + i);
  return Object.fromEntries(seeds.map((seed) => [`test/${directory}/${seed}`, make(new Random(seed))]));
}

async function stillAlive(guest: Guest): Promise<void> {
  expect(await guest.exec("echo still-alive; ls / > /dev/null")).toEqual({
    output: "still-alive\n",
    status: 0,
  });
  expect(await guest.kernelLog()).not.toMatch(/BUG|Oops|panic/);
}

/** Runs a fuzz program, whose output ends with counts, in a directory of its own. */
async function fuzz(guest: Guest, command: string): Promise<GuestResult> {
  const result = await guest.exec(
    `rm -rf /tmp/fuzz; mkdir -m 777 /tmp/fuzz; cd /tmp/fuzz; ${command}`,
    TIMEOUT_MS,
  );
  expect(result.status, `${command}\n${result.output.slice(-500)}`).toBe(0);
  expect(result.output).toMatch(/^exited \d+$/m);
  await stillAlive(guest);
  return result;
}

describe(`seed ${SEED}`, () => {
  let guest: Guest;
  beforeAll(async () => {
    const files = {
      ...programs,
      ...filesOf("code", NR_FILES, randomProgram),
      ...filesOf("elf", NR_FILES * 2, malformedElf),
    };
    guest = await Guest.start({ files, config: { memory_bytes: 128 << 20 } });
  });
  afterAll(() => guest.stop());

  const cases = (usual: number): number => Math.round(usual * FACTOR);
  const timeout = { timeout: TIMEOUT_MS + 40_000 };

  test("random instructions", timeout, () => fuzz(guest, `/test/fuzz_instructions ${SEED} ${cases(800)}`));
  test("programs of random bytes", timeout, () => fuzz(guest, "/test/fuzz_run_each /test/code"));
  test("malformed ELF files", timeout, () => fuzz(guest, "/test/fuzz_run_each /test/elf"));
  test("wild system calls of nobody", timeout, () =>
    fuzz(guest, `/test/fuzz_syscalls ${SEED} ${cases(700)} nobody`),
  );
  test("wild system calls of root", timeout, () =>
    fuzz(guest, `/test/fuzz_syscalls ${SEED + 7} ${cases(700)} root`),
  );
});

describe("hogs", () => {
  let guest: Guest;
  beforeAll(async () => {
    guest = await Guest.start({ files: programs, config: { memory_bytes: 64 << 20 } });
  });
  afterAll(() => guest.stop());

  // prettier-ignore
  const KINDS = [
    "brk", "mmap", "shared", "tables", "areas", "stack", "files", "pipes", "signals", "timers", "threads", "names", "deep",
    "processes", "forks",
  ];
  for (const kind of KINDS) {
    test(kind, { timeout: 100_000 }, async () => {
      const free = "free | awk '/^Mem/ { print $4 }'";
      const before = Number((await guest.exec(free)).output);
      const result = await guest.exec(
        `mkdir -p /tmp/hog; cd /tmp/hog; /test/fuzz_hog ${kind}; cd /; rm -rf /tmp/hog`,
        60_000,
      );
      expect(result.output).toMatch(new RegExp(`^${kind}: status \\d+$`, "m"));
      await stillAlive(guest);
      // What it took is given back; some tables of the kernel may have grown.
      const after = Number((await guest.exec(`sleep 0.2; ${free}`)).output);
      expect(after, `free memory, KiB, before: ${before}`).toBeGreaterThan(before - 6000);
    });
  }

  test("a full file system", { timeout: 60_000 }, async () => {
    const { output, status } = await guest.exec(
      "dd if=/dev/zero of=/tmp/full bs=64k 2>&1 | grep -o 'No space left on device'; echo x > /tmp/more; echo $?; rm /tmp/full; echo x > /tmp/more && cat /tmp/more",
      40_000,
    );
    expect(output).toMatch(/^No space left on device\n(.*\n)*1\nx\n$/);
    expect(status).toBe(0);
    await stillAlive(guest);
  });

  test("a fork bomb of the shell", { timeout: 60_000 }, async () => {
    await guest.exec(
      "(ulimit -u 100; setuidgid nobody timeout -s KILL 3 sh -c 'b() { b | b & }; b; sleep 1' 2>/dev/null); i=0; while [ $i -lt 50 ] && pgrep -u nobody sh >/dev/null; do pkill -KILL -u nobody; i=$((i+1)); done",
      40_000,
    );
    await stillAlive(guest);
  });
});

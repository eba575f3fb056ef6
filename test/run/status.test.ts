/** `vitrine run`: how it ends, and what it says when it cannot begin. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scratch, start, vitrineRun } from "./vitrine.ts";

let scratch: Scratch;
beforeAll(async () => {
  scratch = await Scratch.create();
});
afterAll(() => scratch.remove());

describe("exit status", () => {
  it("is the program's", async () => {
    const outcome = await vitrineRun([scratch.busybox, "sh", "-c", "exit 42"]);
    expect(outcome).toEqual({ status: 42, stdout: Buffer.alloc(0), stderr: "" });
  });

  it.each([
    ["KILL", 137],
    ["TERM", 143],
    ["SEGV", 139],
  ])("is 128 + N after SIG%s", async (signal, status) => {
    expect((await vitrineRun(["sh", "-c", `kill -${signal} $$`])).status).toBe(status);
  });

  it("is 130 when the signal was sent to vitrine", async () => {
    const { child, outcome } = start(["sh", "-c", "echo ready; sleep 60"]);
    child.stdout?.once("data", () => child.kill("SIGINT"));
    expect((await outcome).status).toBe(130);
  });

  it("is 124 after --timeout, for a program that waits and for one that does not", async () => {
    for (const command of ["sleep 60", "while :; do :; done"]) {
      const { status, stdout, stderr } = await vitrineRun(["--timeout", "1.5", "sh", "-c", command]);
      expect(status).toBe(124);
      expect(stdout.length).toBe(0);
      expect(stderr).toBe("vitrine: sh: timed out after 1.5 s\n");
    }
  });

  it("does not wait for what the program left behind", async () => {
    const outcome = await vitrineRun(["sh", "-c", "(sleep 60; echo late) & echo done"]);
    expect(outcome).toMatchObject({ status: 0, stdout: Buffer.from("done\n") });
  });
});

describe("what cannot be run", () => {
  const refusal = async (args: string[], status: number, stderr: RegExp): Promise<void> => {
    const outcome = await vitrineRun(args);
    expect(outcome.stderr).toMatch(stderr);
    expect(outcome.stderr.match(/\n/g)?.length).toBe(1);
    expect(outcome.status).toBe(status);
    expect(outcome.stdout.length).toBe(0);
  };
  const changed = (name: string, change: (elf: Buffer) => void): string => {
    const elf = Buffer.from(scratch.binary);
    change(elf);
    return scratch.write(name, elf, 0o755);
  };

  it("a missing file", () => refusal([`${scratch.path}/missing`], 127, /missing: no such file or directory/));
  it("an unknown name", () => refusal(["no-such-program"], 127, /no-such-program: not found/));
  it("a text file", () =>
    refusal([scratch.write("text", "just text\n", 0o755)], 126, /not an ELF program and not a script/));
  it("a file without execute permission", () =>
    refusal([scratch.write("plain", scratch.binary)], 126, /permission denied/));
  it("a directory", () => refusal([scratch.path], 126, /is a directory/));
  it("a 32-bit program of another machine", () =>
    refusal(
      [
        changed("arm32", (elf) => {
          elf[4] = 1;
          elf.writeUInt16LE(40, 18);
        }),
      ],
      126,
      /32-bit ELF program for ARM/,
    ));
  it("an ARM program", () =>
    refusal([changed("arm", (elf) => elf.writeUInt16LE(183, 18))], 126, /ELF program for AArch64/));
  it("a truncated program", () =>
    refusal([scratch.write("short", scratch.binary.subarray(0, 100_000), 0o755)], 126, /truncated ELF file/));
  it("a directory that is not there", () =>
    refusal(["--cwd", "/no/where", "true"], 125, /--cwd \/no\/where: no such/));
  it("too much memory", () => refusal(["-m", "64G", "true"], 125, /memory must be between/));
  it("a bad --mount", () =>
    refusal(["--mount", "/nonexistent:/x", "true"], 125, /no such file or directory/));
  it("a bad --env", () => refusal(["--env", "x", "true"], 125, /not NAME=VALUE/));
});

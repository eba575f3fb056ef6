/** `vitrine run`: standard streams, arguments, environment, directories, meters. */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scratch, start, vitrineRun } from "./vitrine.ts";

let scratch: Scratch;
beforeAll(async () => {
  scratch = await Scratch.create();
});
afterAll(() => scratch.remove());

const text = async (args: string[], input = ""): Promise<string> => {
  const { stdout, stderr, status } = await vitrineRun(args, input);
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout.toString("latin1");
};

describe("streams", () => {
  it("pass every byte", async () => {
    const bytes = randomBytes(1_000_003);
    const { stdout, status } = await vitrineRun([scratch.busybox, "cat"], bytes);
    expect(status).toBe(0);
    expect(stdout.equals(bytes)).toBe(true);
  });

  it("carry 100 MB", { timeout: 60_000 }, async () => {
    const { child, outcome } = start(["md5sum"]);
    const { child: copier, outcome: copied } = start(["cat"]);
    const piece = randomBytes(1_000_000);
    const hash = createHash("md5");
    for (let n = 0; n < 100; n++) {
      if (n < 5) {
        hash.update(piece);
        child.stdin?.write(piece);
      }
      if (!copier.stdin?.write(piece)) await new Promise((resolve) => copier.stdin?.once("drain", resolve));
    }
    child.stdin?.end();
    copier.stdin?.end();
    expect((await outcome).stdout.toString()).toBe(`${hash.digest("hex")}  -\n`);
    expect((await copied).stdout.length).toBe(100_000_000);
  });

  it("work with gzip both ways", async () => {
    const bytes = Buffer.concat([randomBytes(50_000), Buffer.alloc(500_000, "abc\n")]);
    const { stdout } = await vitrineRun([scratch.busybox, "gzip", "-c"], bytes);
    expect(gunzipSync(stdout).equals(bytes)).toBe(true);
    const { stdout: unpacked } = await vitrineRun([scratch.busybox, "gunzip"], gzipSync(bytes));
    expect(unpacked.equals(bytes)).toBe(true);
  });

  it("are separate", async () => {
    const outcome = await vitrineRun(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect(outcome).toEqual({ status: 3, stdout: Buffer.from("out\n"), stderr: "err\n" });
  });

  it("end: the program sees the end of file, and SIGPIPE when nobody reads", async () => {
    expect(await text(["sh", "-c", "cat; echo end"], "x")).toBe("xend\n");
    const { child, outcome } = start(["sh", "-c", "yes; echo $? >&2"]);
    child.stdout?.once("data", () => child.stdout?.destroy());
    expect((await outcome).stderr).toBe("141\n");
  });

  it("are pipes for the program", async () => {
    expect(await text(["sh", "-c", "for n in 0 1 2; do [ -p /proc/self/fd/$n ] && echo pipe; done"])).toBe(
      "pipe\npipe\npipe\n",
    );
  });

  it("stop a program whose output nobody takes", async () => {
    const { child, outcome } = start(["sh", "-c", "yes & sleep 1; kill $!; wait; echo stopped >&2"]);
    child.stdout?.pause();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    child.stdout?.resume();
    const { stdout, stderr } = await outcome;
    expect(stderr).toContain("stopped");
    expect(stdout.length).toBeLessThan(8_000_000);
  });
});

describe("surroundings", () => {
  it("arguments and environment", async () => {
    const script = 'echo "$A|$HOME|$#|$1|$2"';
    expect(await text(["--env", "A=x=y z", "sh", "-c", script, "sh", "", "*"])).toBe("x=y z|/root|2||*\n");
  });

  it("working directory", async () => {
    expect(await text(["--cwd", "/var/log", "pwd"])).toBe("/var/log\n");
  });

  it("a script of the host", async () => {
    const path = scratch.write("script.sh", '#!/bin/sh\necho "script $1"\n', 0o755);
    expect(await text([path, "one"])).toBe("script one\n");
  });

  it("a directory of the host, to read and write", async () => {
    const shared = join(scratch.path, "shared");
    mkdirSync(shared);
    scratch.write("shared/given", "from the host\n");
    symlinkSync("given", join(shared, "link"));
    symlinkSync("/etc", join(shared, "outside"));
    const script = `
      cat given link
      mkdir d && echo new > d/file && mv d/file d/moved && ln d/moved d/hard && ln -s moved d/soft
      cat d/soft; chmod 640 d/moved; touch -d 2001-02-03 d/moved
      echo gone > gone; rm gone; stat -c '%a %h %s' d/moved
      cat outside/hostname`;
    expect(await text(["--mount", `${shared}:/mnt/s`, "--cwd", "/mnt/s", "sh", "-c", script])).toBe(
      "from the host\nfrom the host\nnew\n640 2 4\nvitrine\n",
    );
    expect(readdirSync(shared).sort()).toEqual(["d", "given", "link", "outside"]);
    expect(readdirSync(join(shared, "d")).sort()).toEqual(["hard", "moved", "soft"]);
    expect(readFileSync(join(shared, "d/moved"), "utf8")).toBe("new\n");
    const status = statSync(join(shared, "d/moved"));
    expect(status.mode & 0o777).toBe(0o640);
    expect(status.mtime.getFullYear()).toBe(2001);
  });

  it("a directory of the host, to read only", async () => {
    scratch.write("kept", "kept\n");
    const script = "cat kept; echo x > new || rm kept || echo refused";
    const outcome = await vitrineRun(["--mount", `${scratch.path}:/m:ro`, "--cwd", "/m", "sh", "-c", script]);
    expect(outcome.stdout.toString()).toBe("kept\nrefused\n");
    expect(outcome.stderr).toMatch(/Read-only file system/);
  });

  it("a program in a shared directory", async () => {
    const args = ["--mount", `${scratch.path}:/m:ro`, "sh", "-c", "/m/busybox md5sum /m/busybox"];
    const digest = createHash("md5").update(scratch.binary).digest("hex");
    expect(await text(args)).toBe(`${digest}  /m/busybox\n`);
  });

  it("a root directory", async () => {
    mkdirSync(join(scratch.path, "root/bin"), { recursive: true });
    scratch.write("root/bin/busybox", scratch.binary, 0o755);
    symlinkSync("busybox", join(scratch.path, "root/bin/sh"));
    const args = [
      "--root",
      join(scratch.path, "root"),
      "sh",
      "-c",
      "echo made > /file; exec busybox ls /bin",
    ];
    expect(await text(args)).toBe("busybox\nsh\n");
    expect(readFileSync(join(scratch.path, "root/file"), "utf8")).toBe("made\n");
  });
});

describe("meters", () => {
  it("--stats", async () => {
    const path = join(scratch.path, "stats.json");
    await text(["--stats", path, "sh", "-c", "for n in 1 2 3; do /bin/true; done"]);
    const stats = JSON.parse(readFileSync(path, "utf8")) as Record<string, number>;
    for (const key of ["instructions", "seconds", "mips", "syscalls", "page_faults", "context_switches"]) {
      expect(stats[key], key).toBeGreaterThan(0);
    }
    expect(stats).toHaveProperty("jit");
  });

  it("--strace", async () => {
    const outcome = await vitrineRun(["--strace", scratch.busybox, "echo", "hi"]);
    expect(outcome.stdout.toString()).toBe("hi\n");
    const lines = outcome.stderr.trimEnd().split("\n");
    expect(lines[0]).toMatch(
      /^\d+ execve\("\/run\/vitrine\/busybox", \[".*busybox", "echo", "hi"\], .*\) = 0$/,
    );
    expect(lines.some((line) => /write\(1, "hi\\n", 3\) += 3$/.test(line))).toBe(true);
    expect(lines.some((line) => /exit_group\(0\) += \?$/.test(line))).toBe(true);

    const path = join(scratch.path, "trace");
    expect(await text([`--strace=${path}`, "true"])).toBe("");
    expect(readFileSync(path, "utf8")).toMatch(/exit_group/);
  });
});

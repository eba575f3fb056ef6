/** The shell lines on the real Linux: the same busybox, an empty directory for each line, the applets alone in PATH. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ShellLine } from "./lines.ts";

export interface ShellResult {
  /** Standard output, one char per byte. */
  output: string;
  status: number;
}

/** The environment of every line, here and in the guest, with this PATH. */
export function environment(path: string): Record<string, string> {
  return { PATH: path, HOME: "/root", TZ: "UTC", LC_ALL: "C" };
}

/** Why the real Linux cannot be asked; null if it can. */
export function whyNotNative(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return "not x86-64 Linux";
  return process.getuid?.() === 0 ? null : "needs root, as the guest's shell has";
}

export function runNatively(lines: readonly ShellLine[], busybox: Uint8Array): ShellResult[] {
  // tmpfs, as in the guest, where there is one.
  const base = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "vitrine-shell-"));
  try {
    const bin = join(base, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "busybox"), busybox);
    chmodSync(join(bin, "busybox"), 0o755);
    for (const applet of spawnSync(join(bin, "busybox"), ["--list"], { encoding: "utf8" })
      .stdout.trim()
      .split("\n")) {
      if (applet !== "busybox") symlinkSync("busybox", join(bin, applet));
    }
    return lines.map((line) => {
      const work = join(base, "work");
      mkdirSync(work);
      const script = join(base, "script");
      writeFileSync(script, line.script, "latin1");
      const run = spawnSync(join(bin, "sh"), [script], {
        cwd: work,
        env: environment(bin),
        encoding: "latin1",
        stdio: ["ignore", "pipe", "ignore"],
        timeout: 30_000,
      });
      rmSync(work, { recursive: true, force: true });
      if (run.error) throw new Error(`${line.name}: ${run.error.message}`);
      return { output: run.stdout, status: run.status ?? 128 };
    });
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** Runs `vitrine run` as a user does: a process of its own, over what the build left in dist/. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchBusybox } from "../../host/build/busybox.ts";
import { projectRoot } from "../../host/node.ts";

export interface Outcome {
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface Running {
  readonly child: ReturnType<typeof spawn>;
  readonly outcome: Promise<Outcome>;
}

const COMMAND = join(projectRoot(), "host/bin/vitrine.mjs");

/** Starts it; the caller has its standard input. */
export function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [COMMAND, "run", ...args], {
    env: { ...process.env, VITRINE_NO_BUILD: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const outcome = new Promise<Outcome>((resolve) => {
    child.on("close", (status) => resolve({ status, stdout: Buffer.concat(chunks), stderr }));
  });
  // A program that does not read its input closes the pipe before everything is written.
  child.stdin.on("error", () => undefined);
  return { child, outcome };
}

/** Runs it to its end with `input` on standard input. */
export function vitrineRun(args: readonly string[], input: Uint8Array | string = ""): Promise<Outcome> {
  const { child, outcome } = start(args);
  child.stdin?.end(input);
  return outcome;
}

/** A directory for a test's files, with the busybox binary in it as `busybox`. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), "vitrine-"));
  readonly busybox = join(this.path, "busybox");
  binary: Uint8Array = new Uint8Array(0);

  static async create(): Promise<Scratch> {
    const scratch = new Scratch();
    scratch.binary = await fetchBusybox(join(projectRoot(), "dist/cache"));
    scratch.write("busybox", scratch.binary, 0o755);
    return scratch;
  }

  write(name: string, contents: Uint8Array | string, mode = 0o644): string {
    const path = join(this.path, name);
    writeFileSync(path, contents, { mode });
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

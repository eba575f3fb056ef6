/** The real CPU of this machine, through native.c. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { CASE_SIZE } from "./case.ts";

const SOURCE = join(import.meta.dirname, "native.c");
const PROGRAM = join(import.meta.dirname, "../../dist/test/native");

/** Compiles the runner if need be. Returns why it cannot be used, or null. */
export function prepareNative(): string | null {
  if (process.arch !== "x64" || process.platform !== "linux") return "not an x86-64 Linux host";
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return null;
  mkdirSync(join(PROGRAM, ".."), { recursive: true });
  const gcc = spawnSync("gcc", ["-O2", "-no-pie", "-o", PROGRAM, SOURCE], { encoding: "utf8" });
  if (gcc.error !== undefined) return "no gcc";
  return gcc.status === 0 ? null : gcc.stderr;
}

/** Runs records on the real CPU. */
export function runNative(cases: Uint8Array): Uint8Array {
  const run = spawnSync(PROGRAM, { input: cases, maxBuffer: cases.length + CASE_SIZE });
  if (run.status !== 0) throw new Error(`native runner failed: ${run.signal ?? run.status} ${run.stderr}`);
  return new Uint8Array(run.stdout.buffer, run.stdout.byteOffset, run.stdout.length);
}

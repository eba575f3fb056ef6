/** Compiles QEMU's tests, static, as their Makefile does. What is built stays in dist/test/tcg until its recipe changes. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GENERATED, type Architecture, type Program } from "./programs.ts";

const FLAGS = ["-w", "-O0", "-fno-strict-aliasing", "-static", "-s"];
const DIGEST = join(import.meta.dirname, "digest_printf.h");

/** First line of `gcc --version`, or why static programs of both architectures cannot be made and run here. */
export function findCompiler(): string | Error {
  if (process.platform !== "linux" || process.arch !== "x64") return new Error("not x86-64 Linux");
  const gcc = spawnSync("gcc", ["--version"], { encoding: "utf8" });
  if (gcc.status !== 0) return new Error("no gcc");
  const probe = join("/tmp", `vitrine-m32-${process.pid}`);
  for (const flag of ["-m64", "-m32"]) {
    const input = "int main(void) { return 42; }";
    const built = spawnSync("gcc", [flag, "-static", "-x", "c", "-o", probe, "-"], { input });
    if (built.status !== 0)
      return new Error(`gcc ${flag} has no static C library (gcc-multilib, libc6-dev-i386)`);
    const { status } = spawnSync(probe);
    spawnSync("rm", ["-f", probe]);
    if (status !== 42) return new Error(`this kernel does not run programs of gcc ${flag}`);
  }
  if (spawnSync("python3", ["--version"]).status !== 0) return new Error("no python3");
  return gcc.stdout.split("\n")[0]!;
}

/** Builds a program into `folder`; rejects with the compiler's complaints. */
export async function build(
  source: string,
  folder: string,
  architecture: Architecture,
  program: Program,
  compiler: string,
): Promise<void> {
  const { name, sources, flags = [] } = program;
  const output = join(folder, name);
  const args = [
    ...FLAGS,
    ...(architecture === "i386" ? ["-m32"] : []),
    ...["-o", `${output}.new`],
    ...sources.map((file) => join(source, file)),
    ...flags.map((flag) => (flag === "digest_printf.h" ? DIGEST : flag)),
  ];
  const recipe = createHash("sha256")
    .update(JSON.stringify([compiler, args]))
    .update(readFileSync(DIGEST))
    .digest("hex");
  const note = `${output}.recipe`;
  if (existsSync(output) && existsSync(note) && readFileSync(note, "utf8") === recipe) return;
  await run("gcc", args, folder);
  renameSync(`${output}.new`, output);
  writeFileSync(note, recipe);
}

/** Makes the headers that the programs include. */
export function generateHeaders(source: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [header, script, ...args] of GENERATED) {
    const table = join(source, "i386/x86.csv");
    const python = spawnSync("python3", [join(source, script), table, join(folder, header), ...args]);
    if (python.status !== 0) throw new Error(`${script}: ${python.stderr.toString()}`);
  }
}

function run(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let complaints = "";
    child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${command} ${args.join(" ")}:\n${complaints}`));
    });
  });
}

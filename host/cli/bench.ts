/**
 * `vitrine bench`: the project's measurements. Each benchmark boots a machine in this process, types into its serial port
 * and reads the clock of the host; where a native counterpart exists it is timed beside it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { ASSET_PATHS } from "../assets.ts";
import { projectRoot } from "../node.ts";
import { CliError } from "./errors.ts";
import { ConsoleSession } from "./session.ts";

interface BenchResult {
  name: string;
  what: string;
  value: number;
  unit: string;
}

type Benchmark = (name: string) => Promise<BenchResult[]>;

/** Power-on to the first shell prompt. */
async function boot(name: string): Promise<BenchResult[]> {
  const start = performance.now();
  const session = await ConsoleSession.start();
  const value = (performance.now() - start) / 1000;
  const { instructions } = session.machine.readStats();
  await session.end();
  return [
    { name, what: "power-on to prompt", value, unit: "s" },
    { name, what: "instructions to prompt", value: instructions / 1e6, unit: "M" },
  ];
}

/** The interpreter's speed on an integer loop mix, and native's. */
async function mips(name: string): Promise<BenchResult[]> {
  const program = readFileSync(join(projectRoot(), "dist", ASSET_PATHS.integer_mix));
  const session = await ConsoleSession.start({}, {}, { "root/integer_mix": { data: program, mode: 0o755 } });
  const before = session.machine.readStats();
  const seconds = await session.time("./integer_mix");
  const after = session.machine.readStats();
  await session.end();
  const instructions = after.instructions_user - before.instructions_user;
  const native = timeNative(program);
  return [
    { name, what: "integer loop mix", value: seconds, unit: "s" },
    { name, what: "integer loop mix", value: instructions / seconds / 1e6, unit: "MIPS" },
    ...(native > 0 ? [{ name, what: "integer loop mix, native", value: native, unit: "s" }] : []),
    ...(native > 0 ? [{ name, what: "slowdown", value: seconds / native, unit: "x" }] : []),
  ];
}

/** Seconds the program takes on the host, 0 if it is no x86-64 Linux. */
function timeNative(program: Uint8Array): number {
  if (process.platform !== "linux" || process.arch !== "x64") return 0;
  const directory = mkdtempSync(join(tmpdir(), "vitrine-"));
  try {
    const path = join(directory, "program");
    writeFileSync(path, program, { mode: 0o755 });
    const start = performance.now();
    const { status } = spawnSync(path);
    return status === 0 ? (performance.now() - start) / 1000 : 0;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** An integer loop of the shell: arithmetic expansion, branches, string handling. */
async function shell(name: string): Promise<BenchResult[]> {
  const session = await ConsoleSession.start();
  const before = session.machine.readStats();
  const seconds = await session.time("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done");
  const after = session.machine.readStats();
  await session.end();
  const instructions = after.instructions - before.instructions;
  return [
    { name, what: "30,000 rounds of a shell loop", value: seconds, unit: "s" },
    { name, what: "speed", value: instructions / seconds / 1e6, unit: "MIPS" },
  ];
}

/** One core's share of an idle machine. */
async function idle(name: string): Promise<BenchResult[]> {
  const session = await ConsoleSession.start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = process.cpuUsage();
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const used = process.cpuUsage(before);
  const elapsed_us = (performance.now() - start) * 1000;
  await session.end();
  return [
    {
      name,
      what: "CPU of an idle machine",
      value: ((used.user + used.system) / elapsed_us) * 100,
      unit: "%",
    },
  ];
}

/** fork, exec and wait of a small program. */
async function fork(name: string): Promise<BenchResult[]> {
  const session = await ConsoleSession.start();
  const seconds = await session.time("i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done");
  await session.end();
  return [{ name, what: "1,000 times fork, exec, wait of true", value: seconds, unit: "s" }];
}

/** System calls, one byte at a time. */
async function syscall(name: string): Promise<BenchResult[]> {
  const session = await ConsoleSession.start();
  const nr_calls = 100_000;
  const seconds = await session.time(`dd if=/dev/zero of=/dev/null bs=1 count=${nr_calls / 2} 2>/dev/null`);
  await session.end();
  return [{ name, what: "read or write of one byte", value: (seconds / nr_calls) * 1e6, unit: "us" }];
}

const BENCHMARKS: Record<string, Benchmark> = { boot, mips, shell, idle, fork, syscall };

export async function bench(names: string[], options: { json?: boolean }): Promise<void> {
  for (const name of names) {
    if (!(name in BENCHMARKS))
      throw new CliError(`no benchmark '${name}': ${Object.keys(BENCHMARKS).join(", ")}`);
  }
  const results: BenchResult[] = [];
  for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
    for (const result of await BENCHMARKS[name](name)) {
      results.push(result);
      if (!options.json) {
        const value = result.value.toPrecision(4);
        process.stdout.write(
          `${result.name.padEnd(10)} ${result.what.padEnd(40)} ${value.padStart(10)} ${result.unit}\n`,
        );
      }
    }
  }
  if (options.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
}

/**
 * `vitrine bench`: the project's measurements. Each benchmark boots a machine in this process, types into its serial port and
 * reads the clock of the host. Workloads that are plain programs are timed natively too (on x86-64 Linux), and under the user-mode
 * emulators that happen to be installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { performance } from "node:perf_hooks";
import { ASSET_PATHS } from "../assets.ts";
import { fetchBusybox } from "../build/busybox.ts";
import { projectRoot } from "../node.ts";
import { Core } from "../core.ts";
import type { CoreEnvironment } from "../core.ts";
import { CliError } from "./errors.ts";
import { ConsoleSession } from "./session.ts";

interface BenchResult {
  name: string;
  what: string;
  unit: string;
  /** In the guest. */
  value: number;
  /** The same elsewhere, by name. */
  others: Record<string, number>;
}

type Benchmark = (bench: Bench) => Promise<Omit<BenchResult, "name">[]>;

/** User-mode emulators that can run the same static programs. */
const PEERS = ["qemu-x86_64", "blink"];

/** Programs for the native side, in a directory of their own. */
class Bench {
  readonly #directory = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  readonly integer_mix = readFileSync(join(projectRoot(), "dist", ASSET_PATHS.integer_mix));

  /** Seconds that `program`, called `name`, with `args` takes natively and under each peer. */
  timeElsewhere(name: string, program: Uint8Array, args: string[]): Record<string, number> {
    if (process.platform !== "linux") return {};
    const path = join(this.#directory, name);
    writeFileSync(path, program, { mode: 0o755 });
    const runners: [string, string[]][] = process.arch === "x64" ? [["native", [path]]] : [];
    for (const peer of PEERS) if (isInstalled(peer)) runners.push([peer, [peer, path]]);
    const seconds: Record<string, number> = {};
    for (const [runner, [command, ...first]] of runners) {
      const start = performance.now();
      const { status } = spawnSync(command, [...first, ...args], { stdio: "ignore" });
      if (status === 0) seconds[runner] = (performance.now() - start) / 1000;
    }
    return seconds;
  }

  /** The same for a shell command line, with the busybox of the built-in root. */
  async timeShellElsewhere(command: string): Promise<Record<string, number>> {
    const busybox = await fetchBusybox(join(projectRoot(), "dist/cache"));
    return this.timeElsewhere("busybox", busybox, ["sh", "-c", command]);
  }

  end(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .some((directory) => existsSync(join(directory, program)));
}

/** Every value of `record` changed by `change`. */
function each(record: Record<string, number>, change: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

const LOADS = 7;

/** The CPU core's wasm, compiled and instantiated; the middle of several. */
const load: Benchmark = async () => {
  const wasm = readFileSync(join(projectRoot(), "dist", ASSET_PATHS.core));
  const times: number[] = [];
  for (let i = 0; i < LOADS; i++) {
    // A custom section of its own makes it a module that the engine has not seen.
    const bytes = new Uint8Array([...wasm, 0, 2, 1, "0".charCodeAt(0) + i]);
    const start = performance.now();
    // Nothing runs, so nothing of the board is asked for.
    new Core(await WebAssembly.compile(bytes), 64 << 20, {} as CoreEnvironment);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return [{ what: "compile and instantiate the core", unit: "ms", value: times[LOADS >> 1], others: {} }];
};

/** Power-on to the first shell prompt. */
const boot: Benchmark = async () => {
  const start = performance.now();
  const session = await ConsoleSession.start();
  const value = (performance.now() - start) / 1000;
  const { instructions } = session.machine.readStats();
  await session.end();
  return [
    { what: "power-on to prompt", unit: "s", value, others: {} },
    { what: "instructions to prompt", unit: "M", value: instructions / 1e6, others: {} },
  ];
};

/** The CPU's speed on an integer loop mix. */
const mips: Benchmark = async (bench) => {
  const program = bench.integer_mix;
  const session = await ConsoleSession.start({}, {}, { "root/integer_mix": { data: program, mode: 0o755 } });
  const before = session.machine.readStats();
  const seconds = await session.time("./integer_mix");
  const after = session.machine.readStats();
  await session.end();
  const instructions = after.instructions_user - before.instructions_user;
  const others = bench.timeElsewhere("integer_mix", program, []);
  const speed = (duration: number): number => instructions / duration / 1e6;
  return [
    { what: "integer loop mix", unit: "s", value: seconds, others },
    { what: "integer loop mix", unit: "MIPS", value: speed(seconds), others: each(others, speed) },
  ];
};

/** A shell command, here and elsewhere; `convert` makes the result of its seconds. */
function command(
  what: string,
  unit: string,
  line: string,
  convert = (seconds: number): number => seconds,
): Benchmark {
  return async (bench) => {
    const session = await ConsoleSession.start();
    const seconds = await session.time(line, 300_000);
    await session.end();
    const others = await bench.timeShellElsewhere(line);
    return [{ what, unit, value: convert(seconds), others: each(others, convert) }];
  };
}

/** An integer loop of the shell: arithmetic expansion, branches, string handling. */
const shell = command(
  "30,000 rounds of a shell loop",
  "s",
  "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done",
);

/** fork, exec and wait of a small program. */
const fork = command(
  "1,000 times fork, exec, wait of true",
  "s",
  "i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done",
);

/** System calls, one byte at a time. */
const syscall = command(
  "read or write of one byte",
  "us",
  "dd if=/dev/zero of=/dev/null bs=1 count=100000 2>/dev/null",
  (seconds) => (seconds / 200_000) * 1e6,
);

/** One core's share of an idle machine. */
const idle: Benchmark = async () => {
  const session = await ConsoleSession.start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = process.cpuUsage();
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const used = process.cpuUsage(before);
  const elapsed_us = (performance.now() - start) * 1000;
  await session.end();
  const value = ((used.user + used.system) / elapsed_us) * 100;
  return [{ what: "processor time of an idle machine", unit: "%", value, others: {} }];
};

const BENCHMARKS: Record<string, Benchmark> = { load, boot, mips, shell, idle, fork, syscall };

export async function bench(names: string[], options: { json?: boolean }): Promise<void> {
  for (const name of names) {
    if (!(name in BENCHMARKS)) {
      throw new CliError(`no benchmark '${name}': ${Object.keys(BENCHMARKS).join(", ")}`);
    }
  }
  const bench = new Bench();
  const results: BenchResult[] = [];
  try {
    for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
      for (const result of await BENCHMARKS[name](bench)) {
        results.push({ name, ...result });
        if (!options.json) process.stdout.write(line({ name, ...result }));
      }
    }
  } finally {
    bench.end();
  }
  if (options.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
}

/** One result as a line: here, then elsewhere with the factor between them. */
function line({ name, what, unit, value, others }: BenchResult): string {
  const number = (x: number): string => x.toPrecision(4);
  const text = Object.entries(others).map(([other, theirs]) => {
    const factor = value > theirs ? value / theirs : theirs / value;
    return `   ${other} ${number(theirs)} (${number(factor)}x)`;
  });
  return `${name.padEnd(8)} ${what.padEnd(38)} ${number(value).padStart(9)} ${unit.padEnd(4)}${text.join("")}\n`;
}

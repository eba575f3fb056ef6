/**
 * `vitrine run`: one program in a guest, its standard streams, arguments, environment and exit status passed through.
 *
 *     checkRequest -> Guest (run_guest.ts: initial RAM disk, devices) -> Machine -> run_init.asm -> the program
 *     process.stdin/out/err <-> run_streams.ts <-> ports of the virtio console <-> pipes of the program
 *
 * Exit status: the program's; 128 + N if signal N ended it; 124 when --timeout passed; 125 when Vitrine itself failed, 126
 * when the program cannot be run, 127 when there is none, as `env`, `timeout` and `docker run` have them. When standard input
 * and output are both a terminal, the program has a terminal (/dev/ttyS0) and Ctrl-C is a key; otherwise it has pipes, and
 * SIGINT, SIGTERM and SIGHUP sent to this process are sent on. When the program ends, what it left running is killed.
 */
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { ASSET_PATHS } from "../assets.ts";
import { COMMAND_LINE_MAX_BYTES } from "../build/images.ts";
import { completeConfig, parseSize } from "../config.ts";
import { VirtioConsole } from "../devices/virtio_console.ts";
import { NodeFolder } from "../disks/node_folder.ts";
import { Machine } from "../machine.ts";
import { loadNodeAssets, projectRoot } from "../node.ts";
import { E2BIG, EACCES, ENOENT, ENOEXEC, ENOMEM, ENOTDIR, EISDIR } from "../../kernel/uapi/errno.ts";
import { CliError, EXIT_CANNOT_RUN, EXIT_FAILURE, EXIT_NOT_FOUND, hostErrorText } from "./errors.ts";
import { Guest } from "./run_guest.ts";
import { GUEST_PATH, findProgram } from "./run_program.ts";
import { openRoot } from "./run_root.ts";
import { ControlStream, InputStream, OutputStream } from "./run_streams.ts";
import { RunStats } from "./run_stats.ts";

export interface RunOptions {
  root?: string;
  mount: string[];
  env: string[];
  cwd?: string;
  memory: string;
  timeout?: number;
  nojit?: boolean;
  clock: "real" | "virtual";
  stats?: string;
  /** true or "-": standard error. */
  strace?: string | true;
}

/** A directory of the host to see in the guest. */
export interface Mount {
  host: string;
  guest: string;
  read_only: boolean;
}

/** --timeout passed. */
const EXIT_TIMEOUT = 124;
const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
/** How often a machine that should run is looked at, ms: a panic is nothing the devices tell. */
const WATCH_MS = 250;

export async function run(program: string, args: string[], options: RunOptions): Promise<void> {
  const session = new RunSession(program, args, options);
  process.exitCode = await session.run();
}

/** How the run ended, for the process. */
interface Ending {
  readonly status: number;
  /** What to say on standard error; "" for nothing. */
  readonly message: string;
}

class RunSession {
  readonly #settled: Promise<Ending>;
  #end: (ending: Ending) => void = () => undefined;
  /** The program has ended like this; what it wrote is on its way. */
  #result: Ending | null = null;
  #guest: Guest | null = null;
  #machine: Machine | null = null;
  /** The program is a file of the host, so it is there. */
  #isOfHost = false;
  readonly #input: InputStream;
  readonly #outputs: readonly [OutputStream, OutputStream];
  readonly #control: ControlStream;
  readonly #stats: RunStats;
  readonly #isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;

  constructor(
    readonly program: string,
    readonly args: string[],
    readonly options: RunOptions,
  ) {
    this.#settled = new Promise((resolve) => (this.#end = resolve));
    const wake = (): void => this.#guest?.wake();
    const progress = (): void => this.#settle();
    this.#input = new InputStream(wake);
    this.#outputs = [
      new OutputStream("vitrine.stdout", process.stdout, wake, progress),
      new OutputStream("vitrine.stderr", process.stderr, wake, progress),
    ];
    this.#stats = new RunStats(() => this.#machine);
    this.#control = new ControlStream(wake, {
      started: () => this.#stats.start(),
      ended: (status) => {
        this.#stats.end();
        this.#finish({ status: exitStatus(status), message: "" });
      },
      notExecuted: (errno) => this.#finish(describeExecFailure(this.program, errno, this.#isOfHost)),
      failed: (errno, letter, text) => this.#finish(describeStepFailure(errno, letter, text)),
    });
  }

  /** The exit status. Throws CliError for what is wrong before the machine starts. */
  async run(): Promise<number> {
    const { options } = this;
    checkMemory(options.memory);
    const mounts = options.mount.map(parseMount);
    const environment = makeEnvironment(options.env, this.#isTerminal);
    const guest_path = environment.find((variable) => variable.startsWith("PATH="))?.slice(5) ?? GUEST_PATH;
    const found = findProgram(this.program, options.root !== undefined, guest_path);
    this.#isOfHost = found.folder !== null;
    const root = options.root === undefined ? null : await openRoot(options.root);
    const assets = await loadNodeAssets();

    const console = new VirtioConsole([this.#input, ...this.#outputs, this.#control]);
    [this.#input, ...this.#outputs, this.#control].forEach((stream, n) => (stream.port = console.ports[n]));
    const stderr_terminal = this.#isTerminal && process.stderr.isTTY === true;
    const guest = (this.#guest = new Guest(
      {
        root: root && "folder" in root ? root.folder : null,
        program: found.folder,
        mounts: mounts.map(({ host, guest, read_only }) => ({
          guest,
          read_only,
          folder: new NodeFolder(host, { read_only }),
        })),
        paths: found.paths,
        argv: [this.program, ...this.args],
        environment,
        cwd: options.cwd ?? "/",
        streams: this.#isTerminal ? ["t", "t", stderr_terminal ? "t" : "p"] : ["p", "p", "p"],
        window: this.#isTerminal ? { rows: process.stdout.rows, columns: process.stdout.columns } : null,
      },
      console,
    ));
    if (guest.commandLine.length > COMMAND_LINE_MAX_BYTES) throw new CliError("too many --mount options");
    const init = readFileSync(join(projectRoot(), "dist", ASSET_PATHS.run_init));
    const archive = root && "archive" in root ? root.archive : root ? new Uint8Array(0) : assets.initramfs;

    const tracer = options.strace === undefined ? null : new Tracer(options.strace);
    const machine = (this.#machine = new Machine(assets, { attach: (slots) => guest.attach(slots) }));
    await machine.listen({
      serial: (bytes) => {
        if (this.#isTerminal) process.stdout.write(bytes);
      },
      power: (state, detail) => this.#powerChanged(state, detail),
    });
    const undo = this.#connectHost();
    try {
      await machine.powerOn({
        memory_bytes: parseSize(options.memory),
        append: guest.commandLine,
        initrd: guest.initrd(archive, init),
        clock: options.clock,
        jit: options.nojit !== true,
      });
      if (tracer) machine.kernel?.strace((line) => tracer.line(line));
      const ending = await this.#settled;
      if (options.stats !== undefined) writeStats(options.stats, this.#stats.report(options.nojit !== true));
      await machine.powerOff();
      if (ending.message !== "") process.stderr.write(`vitrine: ${ending.message}\n`);
      return ending.status;
    } catch (error) {
      if (error instanceof RangeError)
        throw new CliError(`cannot get ${options.memory} of memory for the machine`);
      throw error;
    } finally {
      tracer?.close();
      undo();
    }
  }

  /** The guest's init has reported: the run is over when everything the program wrote has been taken. */
  #finish(result: Ending): void {
    this.#result ??= result;
    this.#settle();
  }

  #settle(): void {
    if (this.#result && this.#outputs.every((output) => output.isSettled)) this.#end(this.#result);
  }

  #powerChanged(state: string, detail: string): void {
    if (state === "crashed") this.#end({ status: EXIT_FAILURE, message: `the machine crashed: ${detail}` });
    else if (state === "off") {
      this.#end({
        status: EXIT_FAILURE,
        message: "the guest switched the machine off before the program ended",
      });
    } else if (detail !== "") {
      this.#end({ status: EXIT_FAILURE, message: `the guest restarted the machine (${detail})` });
    }
  }

  /** Signals, terminal, time limit, watch. Returns what undoes it all. */
  #connectHost(): () => void {
    const { timeout } = this.options;
    const undo: (() => void)[] = [() => this.#input.stop()];
    const limit =
      timeout === undefined
        ? null
        : setTimeout(() => {
            this.#end({ status: EXIT_TIMEOUT, message: `${this.program}: timed out after ${timeout} s` });
          }, timeout * 1000);
    // Also keeps this process alive while the machine sleeps.
    const watch = setInterval(() => this.#lookForPanic(), WATCH_MS);
    undo.push(() => {
      if (limit) clearTimeout(limit);
      clearInterval(watch);
    });
    for (const [name, number] of Object.entries(SIGNALS)) {
      const forward = (): void => this.#control.signal(number);
      process.on(name, forward);
      undo.push(() => process.off(name, forward));
    }
    if (this.#isTerminal) undo.push(this.#connectTerminal());
    return () => {
      for (const each of undo) each();
    };
  }

  #connectTerminal(): () => void {
    const { stdin, stdout } = process;
    const typed = (bytes: Buffer): void => this.#machine?.serialWrite(bytes);
    const resized = (): void => this.#control.windowSize(stdout.rows, stdout.columns);
    stdin.setRawMode(true);
    stdin.on("data", typed);
    stdout.on("resize", resized);
    return () => {
      stdin.off("data", typed);
      stdout.off("resize", resized);
      stdin.setRawMode(false);
      stdin.destroy();
    };
  }

  /** A kernel that has panicked sleeps for good. */
  #lookForPanic(): void {
    const machine = this.#machine;
    if (machine?.state !== "asleep") return;
    const panic = /Kernel panic - not syncing: (.*)/.exec(machine.kernel?.log() ?? "");
    if (panic) this.#end({ status: EXIT_FAILURE, message: `the guest's kernel panicked: ${panic[1]}` });
  }
}

/** Writes the lines of the kernel's tracer that are about the program. */
class Tracer {
  readonly #fd: number;
  #lines: string[] = [];
  #started = false;

  constructor(target: string | true) {
    try {
      this.#fd = target === true || target === "-" ? 2 : openSync(target, "w");
    } catch (error) {
      throw new CliError(`--strace ${target}: ${hostErrorText(error)}`);
    }
  }

  line(line: string): void {
    // What init does is not the program's; nor is what its child does before the program starts.
    if (line.startsWith("1 ")) return;
    if (!this.#started && !/^\d+ execve\(.* = 0$/.test(line)) return;
    this.#started = true;
    this.#lines.push(line);
    if (this.#fd === 2 || this.#lines.length >= 256) this.#flush();
  }

  close(): void {
    this.#flush();
    if (this.#fd !== 2) closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const text = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    if (this.#fd === 2) process.stderr.write(text);
    else writeSync(this.#fd, text);
  }
}

function checkMemory(text: string): void {
  try {
    completeConfig({ memory_bytes: parseSize(text) });
  } catch (error) {
    throw new CliError((error as Error).message);
  }
}

/** The guest's environment: little by default, nothing of the host's but the kind of its terminal. */
function makeEnvironment(given: readonly string[], isTerminal: boolean): string[] {
  const variables = new Map([
    ["PATH", GUEST_PATH],
    ["HOME", "/root"],
  ]);
  if (isTerminal) variables.set("TERM", process.env["TERM"] ?? "linux");
  for (const variable of given) {
    const equals = variable.indexOf("=");
    if (equals < 1) throw new CliError(`--env ${variable}: not NAME=VALUE`);
    variables.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** HOST:GUEST[:ro]. A drive letter of Windows has a colon too. */
export function parseMount(text: string): Mount {
  const match = /^((?:[A-Za-z]:[\\/])?[^:]+):(\/[^:]*)(:ro|:rw)?$/.exec(text);
  if (!match) throw new CliError(`--mount ${text}: not HOST:GUEST or HOST:GUEST:ro with an absolute GUEST`);
  const [, host, guest, mode] = match;
  try {
    if (!statSync(host).isDirectory()) throw new CliError(`--mount ${text}: ${host} is not a directory`);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`--mount ${text}: ${hostErrorText(error)}`);
  }
  return { host: resolve(host), guest, read_only: mode === ":ro" };
}

/** Of a wait status: WEXITSTATUS, or 128 + WTERMSIG. man 2 wait. */
function exitStatus(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

const ERROR_TEXTS: Record<number, string> = {
  [ENOENT]: "no such file or directory",
  [ENOTDIR]: "not a directory",
  [EACCES]: "permission denied",
  [EISDIR]: "is a directory",
  [ENOMEM]: "out of memory",
  [ENOEXEC]: "not a program the guest can run",
  [E2BIG]: "argument list too long",
};

function errorText(errno: number): string {
  return ERROR_TEXTS[errno] ?? `error ${errno}`;
}

function describeExecFailure(program: string, errno: number, isOfHost: boolean): Ending {
  if (errno === ENOENT || errno === ENOTDIR) {
    if (isOfHost)
      return { status: EXIT_NOT_FOUND, message: `${program}: its interpreter is missing in the guest` };
    const why = program.includes("/") ? "no such file or directory" : "not found";
    return { status: EXIT_NOT_FOUND, message: `${program}: ${why}` };
  }
  return { status: EXIT_CANNOT_RUN, message: `${program}: ${errorText(errno)}` };
}

function describeStepFailure(errno: number, letter: string, text: string): Ending {
  const what =
    letter === "c"
      ? `--cwd ${text}`
      : letter === "m"
        ? `mounting ${text}`
        : `setting up the guest (${letter})`;
  return { status: EXIT_FAILURE, message: `${what}: ${errorText(errno)}` };
}

function writeStats(path: string, report: object): void {
  try {
    writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    throw new CliError(`--stats ${path}: ${hostErrorText(error)}`);
  }
}

/** Options of `run` that take the next word as their value. */
const VALUE_OPTIONS = new Set([
  "--root",
  "--mount",
  "--env",
  "--cwd",
  "-m",
  "--memory",
  "--timeout",
  "--clock",
  "--stats",
]);

/**
 * The command line with a bare --strace made unmistakable: its file, which may be left out, is given with "=" only, so that
 * the word behind it is the program.
 */
export function fixStrace(args: readonly string[]): string[] {
  if (args[0] !== "run") return [...args];
  const fixed = [...args];
  for (let n = 1; n < fixed.length && fixed[n].startsWith("-") && fixed[n] !== "--"; n++) {
    if (fixed[n] === "--strace") fixed[n] = "--strace=-";
    else if (VALUE_OPTIONS.has(fixed[n])) n++;
  }
  return fixed;
}

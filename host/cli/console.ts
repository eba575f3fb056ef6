/**
 * `vitrine console`: this terminal is a terminal on the machine's first serial port.
 *
 * The terminal is put into raw mode: every key goes to the guest, whose tty does the editing and the signals. Ctrl-A x leaves,
 * Ctrl-A Ctrl-A sends a Ctrl-A. When standard input is not a terminal its bytes are typed as the guest reads them, and at its end
 * `poweroff`, so that `echo ls | vitrine console` comes back. Exit status: 0 when the guest powers off or one leaves;
 * without a terminal also when it halts, 125 if that was a panic.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { DEFAULT_COMMAND_LINE, parseSize } from "../config.ts";
import { FileDisk } from "../disks/file_disk.ts";
import { Machine } from "../machine.ts";
import { loadNodeAssets } from "../node.ts";
import { CliError, EXIT_FAILURE, hostErrorText, readOptionFile } from "./errors.ts";

interface ConsoleOptions {
  memory: string;
  append?: string;
  initrd?: string;
  disk?: string;
  kernel?: string;
  clock: "real" | "virtual";
  nojit?: boolean;
  debugcon?: string;
}

const ESCAPE = 0x01; // Ctrl-A
/** Bytes of a pipe typed at a time: well below what a tty holds in one line. */
const PIPE_CHUNK_BYTES = 256;

export async function consoleCommand(options: ConsoleOptions): Promise<void> {
  const isTerminal = process.stdin.isTTY === true;
  const initrd = options.initrd === undefined ? null : readOptionFile("--initrd", options.initrd);
  const kernel = options.kernel === undefined ? null : readOptionFile("--kernel", options.kernel);
  const disk = options.disk === undefined ? null : openDisk(options.disk);
  const debugcon = options.debugcon === undefined ? -1 : openSync(options.debugcon, "w");

  const machine: Machine = new Machine(await loadNodeAssets(), {
    disk,
    serialDrained: () => pipe?.resume(),
    haltedForGood: () => onHalt(),
    debug: (byte) => {
      if (debugcon >= 0) writeSync(debugcon, Uint8Array.of(byte));
    },
  });
  const pipe = isTerminal ? null : new PipedInput(machine);
  let onHalt = (): void => undefined;

  const status = await new Promise<number>((resolve) => {
    onHalt = () => {
      if (isTerminal) return void process.stderr.write("vitrine: the CPU has halted for good\r\n");
      process.stderr.write("vitrine: the CPU has halted for good, the power goes off\n");
      void machine.kernelLog().then((log) => resolve(log.includes("Kernel panic") ? EXIT_FAILURE : 0));
    };
    void machine.listen({
      serial: (bytes) => process.stdout.write(bytes),
      power: (state, detail) => {
        if (state === "off") resolve(0);
        if (state === "crashed") {
          process.stderr.write(`\r\nvitrine: the machine crashed: ${detail.replaceAll("\n", "\r\n")}\r\n`);
          resolve(EXIT_FAILURE);
        }
      },
    });
    // A reader that went away (a closed pipe) ends the session as closing a terminal would.
    process.stdout.on("error", () => resolve(0));
    machine
      .powerOn({
        memory_bytes: parseSize(options.memory),
        append: commandLine(options),
        initrd,
        kernel,
        clock: options.clock,
        jit: options.nojit !== true,
      })
      .then(() => {
        if (isTerminal) connectTerminal(machine, () => resolve(0));
        else pipe?.start();
      })
      .catch((error: unknown) => {
        process.stderr.write(`vitrine: ${(error as Error).message}\n`);
        resolve(EXIT_FAILURE);
      });
  });

  await machine.powerOff();
  disk?.close();
  if (debugcon >= 0) closeSync(debugcon);
  if (isTerminal) process.stdin.setRawMode(false);
  process.stdin.destroy();
  process.exitCode = status;
}

/** The default command line, what was appended, and the terminal's size and type for init's environment. */
function commandLine(options: ConsoleOptions): string {
  const words = [DEFAULT_COMMAND_LINE];
  if (process.stdout.isTTY) {
    words.push(`LINES=${process.stdout.rows}`, `COLUMNS=${process.stdout.columns}`);
    const term = process.env["TERM"];
    if (term && /^[\w.+-]+$/.test(term)) words.push(`TERM=${term}`);
  }
  if (options.append) words.push(options.append);
  return words.join(" ");
}

function openDisk(path: string): FileDisk {
  try {
    return new FileDisk(path);
  } catch (error) {
    throw new CliError(`--disk ${path}: ${hostErrorText(error)}`);
  }
}

function connectTerminal(machine: Machine, leave: () => void): void {
  process.stderr.write("vitrine: Ctrl-A x leaves and switches the machine off\n");
  setRawTerminal();
  let escaped = false;
  process.stdin.on("data", (chunk: Buffer) => {
    const bytes: number[] = [];
    for (const byte of chunk) {
      if (escaped) {
        escaped = false;
        if (byte === 0x78 || byte === 0x58) return leave();
        bytes.push(byte);
      } else if (byte === ESCAPE) {
        escaped = true;
      } else {
        bytes.push(byte);
      }
    }
    machine.serialWrite(Uint8Array.from(bytes));
  });
  process.stdin.on("end", leave);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, leave);
}

/**
 * Raw in both directions. Node's raw mode leaves the output side turning LF into CR LF, which is the guest's business: stty switches it
 * off where there is one. Leaving raw mode brings everything back.
 */
function setRawTerminal(): void {
  process.stdin.setRawMode(true);
  if (process.platform !== "win32") spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}

/** Types what comes through a pipe, at the guest's pace. */
class PipedInput {
  #pending: Buffer[] = [];
  #ended = false;
  #waiting = false;

  constructor(readonly machine: Machine) {}

  start(): void {
    process.stdin.on("data", (chunk: Buffer) => {
      this.#pending.push(chunk);
      this.resume();
    });
    process.stdin.on("end", () => {
      this.#pending.push(Buffer.from("poweroff\n"));
      this.#ended = true;
      this.resume();
    });
  }

  /** The guest has read what it was given. */
  resume(): void {
    const board = this.machine.board;
    if (!board || this.#waiting || board.serial[0].backlog_bytes > 0) return;
    const chunk = this.#pending.shift();
    if (!chunk) return;
    if (chunk.length > PIPE_CHUNK_BYTES) this.#pending.unshift(chunk.subarray(PIPE_CHUNK_BYTES));
    if (this.#pending.length > 64 && !this.#ended) process.stdin.pause();
    else process.stdin.resume();
    // Not from within the guest's read of the receiver: the next chunk arrives after it.
    this.#waiting = true;
    setImmediate(() => {
      this.#waiting = false;
      this.machine.serialWrite(chunk.subarray(0, PIPE_CHUNK_BYTES));
    });
  }
}

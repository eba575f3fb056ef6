/**
 * A conversation with the shell of a machine on its serial console: what benchmarks and tests use. Commands are typed, their
 * output is what comes until a marker that the shell prints after them.
 */
import { performance } from "node:perf_hooks";
import type { MachineConfig } from "../api.ts";
import { CpioWriter, S_IFREG } from "../build/cpio.ts";
import { Machine } from "../machine.ts";
import type { MachineHooks } from "../machine.ts";
import { loadNodeAssets } from "../node.ts";

/** Files for the guest, by path. */
export type ExtraFiles = Record<string, { data: Uint8Array; mode: number }>;

/** The kernel unpacks any number of archives that follow one another. Linux: init/initramfs.c unpack_to_rootfs(). */
function appendFiles(initramfs: Uint8Array, files: ExtraFiles): Uint8Array {
  const archive = new CpioWriter();
  for (const [name, { data, mode }] of Object.entries(files))
    archive.add({ name, mode: S_IFREG | mode, data });
  const extra = archive.finish();
  const start = (initramfs.length + 3) & ~3;
  const both = new Uint8Array(start + extra.length);
  both.set(initramfs);
  both.set(extra, start);
  return both;
}

/** What the built-in root's shell prints when it waits for a command. */
const PROMPT = /root@[^\n]*# $/;
/** The shell's line editor asks where the cursor is; nobody answers here. */
const CURSOR_QUERY = "\x1b[6n";
const DEFAULT_TIMEOUT_MS = 60_000;

export class ConsoleSession {
  /** Everything the guest has written, as Latin-1 text. */
  output = "";
  #waiters: { test: () => boolean; resolve: () => void }[] = [];
  #failure: Error | null = null;
  #serial = 0;

  private constructor(readonly machine: Machine) {}

  /** Powers a machine on and waits for the first prompt. `files` are added to the built-in root, by path without leading slash. */
  static async start(
    config: Partial<MachineConfig> = {},
    hooks: MachineHooks = {},
    files: ExtraFiles = {},
  ): Promise<ConsoleSession> {
    const session = await ConsoleSession.powerOn(config, hooks, files);
    await session.waitFor(PROMPT);
    return session;
  }

  /** Powers a machine on. */
  static async powerOn(
    config: Partial<MachineConfig> = {},
    hooks: MachineHooks = {},
    files: ExtraFiles = {},
  ): Promise<ConsoleSession> {
    const assets = await loadNodeAssets();
    const session = new ConsoleSession(new Machine(assets, hooks));
    await session.machine.listen({
      serial: (bytes) => {
        const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
        session.output += text.replaceAll(CURSOR_QUERY, "");
        session.#check();
      },
      power: (state, detail) => {
        if (state === "crashed") session.#failure = new Error(`the machine crashed: ${detail}`);
        session.#check();
      },
    });
    const initrd =
      Object.keys(files).length > 0 ? appendFiles(assets.initramfs, files) : (config.initrd ?? null);
    await session.machine.powerOn({ ...config, initrd });
    return session;
  }

  /** Types text; "\n" is the Enter key. */
  type(text: string): void {
    this.machine.serialWrite(Buffer.from(text.replaceAll("\n", "\r"), "latin1"));
  }

  /** Waits until the output matches. Rejects if the machine crashes or `timeout_ms` passes. */
  async waitFor(pattern: RegExp, timeout_ms = DEFAULT_TIMEOUT_MS): Promise<void> {
    await this.#until(() => pattern.test(this.output), `${pattern}`, timeout_ms);
  }

  /** Waits for power-off. */
  async waitForOff(timeout_ms = DEFAULT_TIMEOUT_MS): Promise<void> {
    await this.#until(() => this.machine.state === "off", "power-off", timeout_ms);
  }

  /** Runs a shell command line: its output (as the terminal shows it, line ends as "\n") and exit status. */
  async run(command: string, timeout_ms = DEFAULT_TIMEOUT_MS): Promise<{ output: string; status: number }> {
    const marker = `vitrine-${++this.#serial}`;
    const from = this.output.length;
    // The marker is typed in two parts, so that the echo of the command line does not look like it.
    this.type(`${command}\necho "${marker}""-end $?"\n`);
    const end = new RegExp(`${marker}-end (\\d+)\\r?\\n`);
    await this.#until(() => end.test(this.output.slice(from)), `the end of '${command}'`, timeout_ms);
    const text = this.output.slice(from);
    const match = end.exec(text) as RegExpExecArray;
    const lines = text.slice(0, match.index).split("\r\n");
    const echoed = (line: string): boolean => PROMPT.test(line) || line.includes(`"${marker}""-end`);
    const output = lines
      .slice(1)
      .filter((line) => !echoed(line))
      .join("\n");
    return { output, status: Number(match[1]) };
  }

  /** Seconds that a command takes, from Enter to the next prompt. */
  async time(command: string, timeout_ms = DEFAULT_TIMEOUT_MS): Promise<number> {
    const start = performance.now();
    await this.run(command, timeout_ms);
    return (performance.now() - start) / 1000;
  }

  /** Pulls the plug. */
  async end(): Promise<void> {
    await this.machine.powerOff();
  }

  async #until(test: () => boolean, what: string, timeout_ms: number): Promise<void> {
    if (test()) return;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(new Error(`waited ${timeout_ms} ms for ${what}; last output: ${this.output.slice(-2000)}`)),
        timeout_ms,
      );
    });
    const happened = new Promise<void>((resolve) => this.#waiters.push({ test, resolve }));
    try {
      await Promise.race([happened, timeout]);
    } finally {
      clearTimeout(timer);
    }
    if (this.#failure) throw this.#failure;
  }

  #check(): void {
    this.#waiters = this.#waiters.filter(({ test, resolve }) => {
      if (!this.#failure && !test()) return true;
      resolve();
      return false;
    });
  }
}

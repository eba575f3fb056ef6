/**
 * A machine for tests that runs many commands in one boot: an agent (a shell script in the initramfs, in place of the login
 * shell on ttyS0) takes one command line at a time and answers with its output and exit status. Kernel messages go to the
 * screen only, so that the serial line carries nothing but this conversation.
 *
 * A command that hangs costs its timeout and a new boot, not the rest of the tests.
 */
import type { MachineConfig } from "../../host/api.ts";
import { Machine } from "../../host/machine.ts";
import { loadNodeAssets } from "../../host/node.ts";
import { archiveOf, concatenate, encode, type GuestFiles } from "./initramfs.ts";

export interface GuestResult {
  /** What the command wrote on standard output and error; one char per byte. */
  output: string;
  /** As $? of the shell: 128+N after signal N. */
  status: number;
}

/** The command with its output through a pipe, as a program of the host gets it: on a terminal some programs write otherwise. */
export function piped(command: string): string {
  return `{ ( ${command}\n) ; echo $? > /run/status; } 2>&1 | cat; exit $(cat /run/status)`;
}

export interface GuestOptions {
  files?: GuestFiles;
  config?: Partial<MachineConfig>;
}

const INITTAB = "::sysinit:/etc/init.d/rcS\nttyS0::respawn:/test/agent\n";

/** Reads command lines ("\n" within one is written \n) and runs each in a shell of its own. */
const AGENT = `#!/bin/sh
stty raw -echo
mkdir -p /dev/pts
grep -q ' /dev/pts ' /proc/mounts || mount -t devpts devpts /dev/pts
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
cd /tmp
echo '@@ready'
while IFS= read -r line; do
  sh -c "$(printf '%b' "$line")" </dev/null 2>&1
  printf '\\n@@end %d\\n' $?
done
`;

const END = /\n@@end (\d+)\n$/;
const BOOT_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 20_000;

export class Guest {
  machine!: Machine;
  #output = "";
  #changed: () => void = () => {};
  /** Why no more commands can be run in this boot; null while it is well. */
  #trouble: string | null = null;

  private constructor(readonly options: GuestOptions) {}

  /** Powers a machine on and waits for its agent. */
  static async start(options: GuestOptions = {}): Promise<Guest> {
    const guest = new Guest(options);
    await guest.#boot();
    return guest;
  }

  /**
   * Runs a shell command. Rejects if it does not end within `timeout_ms` or the machine crashes; the next command then finds
   * a new boot.
   */
  async exec(command: string, timeout_ms = COMMAND_TIMEOUT_MS): Promise<GuestResult> {
    if (this.#trouble !== null) await this.#boot();
    this.#output = "";
    const line = command.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    this.machine.serialWrite(encode(`${line}\n`));
    await this.#until(() => END.test(this.#output), `'${command}'`, timeout_ms);
    const end = END.exec(this.#output) as RegExpExecArray;
    return { output: this.#output.slice(0, end.index), status: Number(end[1]) };
  }

  kernelLog(): Promise<string> {
    return this.machine.kernelLog();
  }

  /** Pulls the plug. */
  async stop(): Promise<void> {
    this.#trouble = "stopped";
    await this.machine.powerOff();
  }

  async #boot(): Promise<void> {
    const assets = await loadNodeAssets();
    if ((this.machine as Machine | undefined) !== undefined) await this.machine.powerOff();
    this.#output = "";
    this.#trouble = null;
    const files = { "etc/inittab": INITTAB, "test/agent": AGENT, ...this.options.files };
    const machine = new Machine(assets);
    this.machine = machine;
    let booted = false;
    await machine.listen({
      serial: (bytes) => {
        if (machine !== this.machine) return;
        this.#output += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
        if (booted && this.#output.endsWith("@@ready\n")) this.#trouble ??= "the agent was killed";
        this.#changed();
      },
      power: (state, detail) => {
        if (machine !== this.machine || state === "running") return;
        this.#trouble ??= `the machine is ${state}: ${detail}`;
        this.#changed();
      },
    });
    await machine.powerOn({
      append: "console=tty0",
      ...this.options.config,
      initrd: concatenate(assets.initramfs, archiveOf(files)),
    });
    await this.#until(() => this.#output.includes("@@ready\n"), "the agent", BOOT_TIMEOUT_MS);
    booted = true;
  }

  async #until(test: () => boolean, what: string, timeout_ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#trouble ??= `no end after ${timeout_ms} ms`;
        resolve();
      }, timeout_ms);
      this.#changed = () => {
        if (test() || this.#trouble !== null) resolve();
      };
      this.#changed();
    });
    clearTimeout(timer);
    this.#changed = () => {};
    if (this.#trouble === null) return;
    const [log, stats] = [await this.machine.kernelLog(), JSON.stringify(this.machine.readStats())];
    throw new Error(
      `${what}: ${this.#trouble}\nlast output: ${this.#output.slice(-2000)}\nmachine: ${stats}\nkernel log: ${log.slice(-3000)}`,
    );
  }
}

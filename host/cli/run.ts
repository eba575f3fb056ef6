/**
 * `vitrine run PROGRAM ARGS...`: the program runs in the guest with the streams of this process, and its exit status
 * becomes this one's (128+N for signal N). Bad input ends with one line on standard error: 127 no such program, 126 not one
 * that can run, 125 anything else.
 */
import { existsSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { completeConfig, parseSize } from "../config.ts";
import { checkProgram } from "./elf.ts";
import { CliError, EXIT_NOT_FOUND, hostErrorText } from "./errors.ts";

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
  /** true: standard error. */
  strace?: string | true;
}

/** A directory of the host to see in the guest. */
export interface Mount {
  host: string;
  guest: string;
  read_only: boolean;
}

/** A checked request. */
export interface RunRequest {
  program: string;
  args: string[];
  mounts: Mount[];
  env: string[];
  options: RunOptions;
}

export async function run(program: string, args: string[], options: RunOptions): Promise<void> {
  const request = checkRequest(program, args, options);
  await Promise.resolve();
  throw new CliError(
    `${request.program}: running programs of the host needs the paravirtual devices, which this build does not have`,
  );
}

/** Finds and checks everything that can be wrong before a machine is built. Throws CliError. */
export function checkRequest(program: string, args: string[], options: RunOptions): RunRequest {
  // With --root the program is a path of the guest, and only the guest can tell.
  const path = options.root === undefined ? findProgram(program) : program;
  if (options.root === undefined) checkProgram(path);
  else if (!existsSync(options.root)) throw new CliError(`--root ${options.root}: no such file or directory`);
  try {
    completeConfig({ memory_bytes: parseSize(options.memory) });
  } catch (error) {
    throw new CliError((error as Error).message);
  }
  for (const variable of options.env) {
    if (!/^[^=]+=/.test(variable)) throw new CliError(`--env ${variable}: not NAME=VALUE`);
  }
  return { program: path, args, mounts: options.mount.map(parseMount), env: options.env, options };
}

/** A name without a slash is looked up in PATH, as a shell would. */
function findProgram(name: string): string {
  if (name.includes("/") || name.includes("\\")) return resolve(name);
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const candidate = join(directory || ".", name);
    if (existsSync(candidate)) return resolve(candidate);
  }
  throw new CliError(`${name}: not found in PATH`, EXIT_NOT_FOUND);
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

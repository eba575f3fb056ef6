/**
 * Finding the program of `vitrine run`:
 *
 *     a path (with a slash)  a file of the host, seen by the guest in /run/vitrine; when the host has none, the guest's own path
 *     a bare name            looked up in the host's PATH; when that gives nothing the guest could run (nothing at all, or a
 *                            program that needs a dynamic linker), in the guest's PATH: `run sh`, `run ls` are busybox's
 *     with --root            always the guest's
 *
 * Programs that need a dynamic linker run with the --root that has it.
 */
import { existsSync, realpathSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { NodeFolder } from "../disks/node_folder.ts";
import type { SharedFolder } from "../disks/shared_folder.ts";
import { checkProgram } from "./elf.ts";
import { CliError, EXIT_CANNOT_RUN, EXIT_NOT_FOUND } from "./errors.ts";
import { PROGRAM_DIRECTORY } from "./run_guest.ts";

/** PATH of the guest unless --env says otherwise. */
export const GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface FoundProgram {
  /** The host's directory to share; null when the program is the guest's own. */
  readonly folder: SharedFolder | null;
  /** Paths for the guest to try, in order. */
  readonly paths: readonly string[];
}

/** Throws CliError with status 126 or 127 when there is nothing to run. */
export function findProgram(name: string, has_root: boolean, guest_path: string): FoundProgram {
  const inGuest = (): FoundProgram => ({ folder: null, paths: guestPaths(name, guest_path) });
  if (name === "") throw new CliError("'': no such program", EXIT_NOT_FOUND);
  if (has_root) return inGuest();
  const isPath = name.includes("/") || (process.platform === "win32" && name.includes("\\"));
  const file = isPath ? resolve(name) : searchPath(name);
  if (file === null || (isPath && name.startsWith("/") && !existsSync(file))) return inGuest();

  const kind = checkOnHost(file, !isPath);
  if (kind === null) return inGuest();
  if (kind.kind === "elf" && kind.interpreter !== "") {
    if (!isPath) return inGuest();
    throw new CliError(
      `${name}: dynamically linked (needs ${kind.interpreter}): give the root file system it belongs to with --root`,
      EXIT_CANNOT_RUN,
    );
  }
  // Links are followed on this side: only the directory of the file itself is shared, and of it only this file.
  const real = realpathSync(file);
  return {
    folder: new NodeFolder(dirname(real), { read_only: true, only: [basename(real)] }),
    paths: [`${PROGRAM_DIRECTORY}/${basename(real)}`],
  };
}

/** What kind of program it is; for one found by name, null if it is none: the guest may have a better one. */
function checkOnHost(file: string, by_name: boolean): ReturnType<typeof checkProgram> | null {
  try {
    return checkProgram(file);
  } catch (error) {
    if (by_name && error instanceof CliError) return null;
    throw error;
  }
}

/** The first file of that name in the host's PATH. */
function searchPath(name: string): string | null {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const candidate = join(directory || ".", name);
    if (existsSync(candidate)) return resolve(candidate);
  }
  return null;
}

function guestPaths(name: string, guest_path: string): string[] {
  if (name.includes("/")) return [name];
  return guest_path.split(":").map((directory) => `${directory || "."}/${name}`);
}

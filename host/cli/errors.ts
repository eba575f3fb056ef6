/** Failures a user caused or must know of: one line on standard error and an exit status, as `env` and `docker run` do. */
import { readFileSync } from "node:fs";

/** Vitrine itself failed. */
export const EXIT_FAILURE = 125;
/** The program is there but cannot be run. */
export const EXIT_CANNOT_RUN = 126;
/** There is no such program. */
export const EXIT_NOT_FOUND = 127;

export class CliError extends Error {
  constructor(
    message: string,
    readonly status = EXIT_FAILURE,
  ) {
    super(message);
    this.name = "CliError";
  }
}

/** What a failed system call of the host says, without Node's decoration. */
export function hostErrorText(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return "no such file or directory";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "is a directory";
    case "ENOTDIR":
      return "not a directory";
    default:
      return message;
  }
}

/** Reads a file that an option names. */
export function readOptionFile(option: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CliError(`${option} ${path}: ${hostErrorText(error)}`);
  }
}

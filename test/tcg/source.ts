/**
 * Debian's source package of QEMU: fetched once, its checksum compared, tests/tcg unpacked. Everything stays in dist/cache; none
 * of it is committed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ARCHIVE = "qemu_7.2+dfsg.orig.tar.xz";
const URL = `http://deb.debian.org/debian/pool/main/q/qemu/${encodeURIComponent(ARCHIVE)}`;
const SHA256 = "91aca71520040edc40b8d437aa3004dae614f58e286cf653ee8996c07af2962f";
const FOLDER = "qemu-7.2.0/tests/tcg";
const FETCH_TIMEOUT_MS = 300_000;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Path of the archive, or why it cannot be had. */
async function fetchArchive(cache: string): Promise<string | Error> {
  const path = join(cache, ARCHIVE);
  if (existsSync(path) && sha256(readFileSync(path)) === SHA256) return path;
  let bytes: Uint8Array;
  try {
    const response = await fetch(URL, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    if (!response.ok) return new Error(`${URL}: ${response.status} ${response.statusText}`);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    return new Error(`${URL}: ${String(error)}`);
  }
  if (sha256(bytes) !== SHA256) throw new Error(`${URL}: SHA-256 ${sha256(bytes)}, expected ${SHA256}`);
  mkdirSync(cache, { recursive: true });
  writeFileSync(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
  return path;
}

/** The folder tests/tcg; why not, if there is no network or no tar. Throws if the archive is another one. */
export async function fetchSource(cache: string): Promise<string | Error> {
  const target = join(cache, "tcg", FOLDER);
  if (existsSync(target)) return target;
  const archive = await fetchArchive(cache);
  if (archive instanceof Error) return archive;
  const unpacked = join(cache, `tcg.${process.pid}`);
  mkdirSync(unpacked, { recursive: true });
  const tar = spawnSync("tar", ["-xJf", archive, "-C", unpacked, FOLDER], { encoding: "utf8" });
  if (tar.status !== 0) return new Error(`tar: ${tar.error?.message ?? tar.stderr}`);
  rmSync(join(cache, "tcg"), { recursive: true, force: true });
  renameSync(unpacked, join(cache, "tcg"));
  return target;
}

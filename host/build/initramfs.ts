/**
 * Builds the root file system that the machine boots when no other is given: busybox with a link for each applet, the
 * files of host/rootfs/etc, the directories and device nodes that init expects. A gzipped cpio archive, the same bytes
 * every time.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { CpioWriter, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from "./cpio.ts";

/** Date of every file in the archive: 2026-01-01, so that it does not depend on when it was built. */
const MTIME = 1_767_225_600;

/** Directories and their modes. */
const DIRECTORIES: readonly [string, number][] = [
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["etc/init.d", 0o755],
  ["home", 0o755],
  ["lib", 0o755],
  ["mnt", 0o755],
  ["proc", 0o555],
  ["root", 0o700],
  ["run", 0o755],
  ["sbin", 0o755],
  ["sys", 0o555],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/log", 0o755],
  ["var/spool", 0o755],
  ["var/spool/cron", 0o755],
  ["var/spool/cron/crontabs", 0o755],
];

/** What init needs before devtmpfs is mounted over /dev. man 4 console, null, zero, tty. */
const DEVICES: readonly [string, number, number, number][] = [
  ["dev/console", 0o600, 5, 1],
  ["dev/null", 0o666, 1, 3],
  ["dev/zero", 0o666, 1, 5],
  ["dev/tty", 0o666, 5, 0],
];

/** `rootfs` is host/rootfs. Throws when the list of applets does not fit the binary. */
export function buildInitramfs(rootfs: string, busybox: Uint8Array): Uint8Array {
  const applets = readText(join(rootfs, "applets.txt")).split("\n").filter(Boolean);
  checkApplets(applets, busybox);

  const archive = new CpioWriter();
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  for (const [name, mode] of DIRECTORIES) archive.add({ name, mode: S_IFDIR | mode, mtime: MTIME });
  for (const [name, mode, major, minor] of DEVICES) {
    archive.add({ name, mode: S_IFCHR | mode, mtime: MTIME, rdev: { major, minor } });
  }
  archive.add({ name: "bin/busybox", mode: S_IFREG | 0o755, mtime: MTIME, data: busybox });
  for (const path of applets) {
    archive.add({ name: path, mode: S_IFLNK | 0o777, mtime: MTIME, data: text("/bin/busybox") });
  }
  archive.add({ name: "init", mode: S_IFLNK | 0o777, mtime: MTIME, data: text("/sbin/init") });
  addFiles(archive, rootfs, "etc");
  return gzipSync(archive.finish(), { level: 9, mtime: 0 });
}

function addFiles(archive: CpioWriter, rootfs: string, directory: string): void {
  for (const file of readdirSync(join(rootfs, directory)).sort()) {
    const name = `${directory}/${file}`;
    if (statSync(join(rootfs, name)).isDirectory()) {
      addFiles(archive, rootfs, name);
      continue;
    }
    const mode = name.startsWith("etc/init.d/") ? 0o755 : name === "etc/shadow" ? 0o600 : 0o644;
    archive.add({
      name,
      mode: S_IFREG | mode,
      mtime: MTIME,
      data: new TextEncoder().encode(readText(join(rootfs, name))),
    });
  }
}

/** Git may have turned line ends into CR LF on the way. */
function readText(path: string): string {
  return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
}

/**
 * The names busybox knows lie in it as one run of NUL-terminated strings, sorted, starting with "[" and "[[". The links
 * must be exactly these, without the binary being run: the host may not be Linux.
 */
function checkApplets(paths: readonly string[], busybox: Uint8Array): void {
  const binary = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.byteLength);
  const start = binary.indexOf("\0[\0[[\0", 0, "latin1");
  if (start < 0) throw new Error("busybox: no table of applet names in the binary");
  const known = new Set<string>();
  for (let at = start + 1; ;) {
    const end = binary.indexOf(0, at);
    const name = binary.toString("latin1", at, end);
    if (!/^[a-z0-9_[.-]+$/i.test(name)) break;
    known.add(name);
    at = end + 1;
  }
  const listed = new Set(paths.map((path) => path.slice(path.lastIndexOf("/") + 1)));
  const wrong = [...known]
    .filter((name) => !listed.has(name))
    .concat([...listed].filter((name) => !known.has(name)));
  if (wrong.length > 0) throw new Error(`host/rootfs/applets.txt does not fit busybox: ${wrong.join(" ")}`);
}

/**
 * The root file system of `vitrine run`: the built-in one, a directory of the host (shared, not copied), or a tar file, whose
 * members become an archive for the initial RAM disk.
 */
import { statSync } from "node:fs";
import { list } from "tar";
import type { ReadEntry } from "tar";
import { CpioWriter, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from "../build/cpio.ts";
import { NodeFolder } from "../disks/node_folder.ts";
import type { SharedFolder } from "../disks/shared_folder.ts";
import { CliError, hostErrorText } from "./errors.ts";

const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;

export type Root = { readonly folder: SharedFolder } | { readonly archive: Uint8Array };

/** What --root names. Throws CliError. */
export async function openRoot(path: string): Promise<Root> {
  try {
    if (statSync(path).isDirectory()) return { folder: new NodeFolder(path) };
    return { archive: await tarToCpio(path) };
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`--root ${path}: ${hostErrorText(error)}`);
  }
}

/** The members of a tar file (plain or gzipped) as a cpio archive; hard links come along as copies. */
async function tarToCpio(path: string): Promise<Uint8Array> {
  const archive = new CpioWriter();
  const files = new Map<string, Uint8Array>();
  let nr_members = 0;
  const problems: string[] = [];
  await list({
    file: path,
    strict: false,
    onwarn: (_code, message) => problems.push(String(message)),
    onReadEntry: (entry: ReadEntry) => {
      nr_members++;
      const chunks: Buffer[] = [];
      entry.on("data", (chunk: Buffer) => chunks.push(chunk));
      entry.on("end", () => addMember(archive, files, entry, Buffer.concat(chunks)));
    },
  });
  if (nr_members === 0) throw new CliError(`--root ${path}: not a directory and not a tar file`);
  if (problems.length > 0) throw new CliError(`--root ${path}: ${problems[0]}`);
  return archive.finish();
}

function addMember(
  archive: CpioWriter,
  files: Map<string, Uint8Array>,
  entry: ReadEntry,
  data: Uint8Array,
): void {
  const name = entry.path.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
  if (name === "" || name === "." || name.split("/").includes("..")) return;
  const permissions = (entry.mode ?? 0o755) & 0o7777;
  const common = {
    name,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    mtime: Math.floor((entry.mtime?.getTime() ?? 0) / 1000),
  };
  const rdev = { major: entry.header.devmaj ?? 0, minor: entry.header.devmin ?? 0 };
  const target = new TextEncoder().encode(entry.linkpath ?? "");
  switch (entry.type) {
    case "File":
    case "OldFile":
    case "ContiguousFile":
      files.set(name, data);
      archive.add({ ...common, mode: S_IFREG | permissions, data });
      break;
    case "Link": {
      const original = files.get((entry.linkpath ?? "").replace(/^(\.?\/)+/, ""));
      if (original) archive.add({ ...common, mode: S_IFREG | permissions, data: original });
      break;
    }
    case "Directory":
      archive.add({ ...common, mode: S_IFDIR | permissions });
      break;
    case "SymbolicLink":
      archive.add({ ...common, mode: S_IFLNK | 0o777, data: target });
      break;
    case "CharacterDevice":
      archive.add({ ...common, mode: S_IFCHR | permissions, rdev });
      break;
    case "BlockDevice":
      archive.add({ ...common, mode: S_IFBLK | permissions, rdev });
      break;
    case "FIFO":
      archive.add({ ...common, mode: S_IFIFO | permissions });
      break;
  }
}

/**
 * Writes cpio archives in the "newc" format (magic 070701), the one the kernel unpacks as its initial root.
 * Source: Linux: Documentation/driver-api/early-userspace/buffer-format.rst; man 5 cpio "New ASCII Format".
 */
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;

export interface CpioEntry {
  /** Path without a leading slash. */
  name: string;
  /** Type and permission bits. */
  mode: number;
  /** Contents of a file, target of a symbolic link. */
  data?: Uint8Array;
  uid?: number;
  gid?: number;
  /** Seconds since 1970. */
  mtime?: number;
  /** Device number of a device node. */
  rdev?: { major: number; minor: number };
}

export class CpioWriter {
  readonly #chunks: Uint8Array[] = [];
  #ino = 1;

  add(entry: CpioEntry): void {
    const name = new TextEncoder().encode(`${entry.name}\0`);
    const data = entry.data ?? new Uint8Array(0);
    const fields = [
      this.#ino++,
      entry.mode,
      entry.uid ?? 0,
      entry.gid ?? 0,
      (entry.mode & 0o170000) === S_IFDIR ? 2 : 1,
      entry.mtime ?? 0,
      data.length,
      0, // device of the file system: major, minor
      0,
      entry.rdev?.major ?? 0,
      entry.rdev?.minor ?? 0,
      name.length,
      0, // checksum, unused in this format
    ];
    const header = "070701" + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
    // Header with name, and data, are padded to four bytes each.
    this.#push(new TextEncoder().encode(header), name);
    this.#push(data);
  }

  /** The archive, ended by its trailer. */
  finish(): Uint8Array {
    this.add({ name: "TRAILER!!!", mode: 0 });
    const length = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const archive = new Uint8Array(length);
    let at = 0;
    for (const chunk of this.#chunks) {
      archive.set(chunk, at);
      at += chunk.length;
    }
    return archive;
  }

  #push(...parts: Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.#chunks.push(...parts, new Uint8Array(-length & 3));
  }
}

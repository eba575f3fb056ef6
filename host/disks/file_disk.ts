/**
 * A disk in a file of the host (Node): what `--disk` names. Sectors are read and written in place; a file that cannot be
 * written is a read-only disk. A length that is no whole number of sectors ends in a sector padded with zeros.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { SECTOR_BYTES } from "./disk.ts";
import type { Disk } from "./disk.ts";

export class FileDisk implements Disk {
  readonly nr_sectors: number;
  readonly read_only: boolean;
  readonly #fd: number;

  /** Throws the host's error if the file cannot be opened. */
  constructor(path: string) {
    let fd: number;
    let read_only = false;
    try {
      fd = openSync(path, "r+");
    } catch (error) {
      if (!["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      fd = openSync(path, "r");
      read_only = true;
    }
    this.#fd = fd;
    this.read_only = read_only;
    this.nr_sectors = Math.ceil(fstatSync(fd).size / SECTOR_BYTES);
  }

  read(lba: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const bytes = readSync(this.#fd, into, done, into.length - done, lba * SECTOR_BYTES + done);
      if (bytes === 0) break;
      done += bytes;
    }
    into.fill(0, done);
  }

  write(lba: number, from: Uint8Array): void {
    let done = 0;
    while (done < from.length) {
      done += writeSync(this.#fd, from, done, from.length - done, lba * SECTOR_BYTES + done);
    }
  }

  flush(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * A disk held in memory: the boot disk that host/build/images.ts composes, and disk images read from a file.
 * A length that is no whole number of sectors is padded with zeros, as losetup would refuse to do but dd would not.
 */
import { SECTOR_BYTES } from "./disk.ts";
import type { Disk } from "./disk.ts";

export class MemoryDisk implements Disk {
  readonly nr_sectors: number;
  readonly bytes: Uint8Array;

  /** Takes `image` over without copying it when its length is a whole number of sectors. */
  constructor(
    image: Uint8Array,
    readonly read_only = false,
  ) {
    this.nr_sectors = Math.ceil(image.length / SECTOR_BYTES);
    const size_bytes = this.nr_sectors * SECTOR_BYTES;
    if (image.length === size_bytes) this.bytes = image;
    else {
      this.bytes = new Uint8Array(size_bytes);
      this.bytes.set(image);
    }
  }

  read(lba: number, into: Uint8Array): void {
    const start = lba * SECTOR_BYTES;
    into.set(this.bytes.subarray(start, start + into.length));
  }

  write(lba: number, from: Uint8Array): void {
    this.bytes.set(from, lba * SECTOR_BYTES);
  }

  flush(): void {
    // Memory is as safe as it gets.
  }
}

/**
 * Disk: a row of 512-byte sectors, what a disk controller (host/devices/ide_ata.ts) has at the other end of the cable.
 * Requests complete at once; a store that has to wait for its data keeps a cache in front of it.
 */
export const SECTOR_BYTES = 512;

export interface Disk {
  readonly nr_sectors: number;
  readonly read_only: boolean;
  /** Fills `into` (a whole number of sectors) from sector `lba` on. The range lies on the disk. */
  read(lba: number, into: Uint8Array): void;
  /** Stores `from` (a whole number of sectors) from sector `lba` on. The range lies on the disk; never called when read only. */
  write(lba: number, from: Uint8Array): void;
  /** Returns when all that was written is safe. */
  flush(): void;
}

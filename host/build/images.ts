/**
 * The boot disk: an image that any PC firmware can start, made of the MBR, the stage 2 loader (host/firmware/boot/), a
 * kernel in bzImage format, an initial RAM disk and a command line. Pure, so that it also runs in the browser.
 *
 *     sector 0        MBR: boot code and a partition table with one partition over all the rest (type 0xDA, no file system)
 *     sector 1        boot map: where the parts are (struct below; host/firmware/boot/boot_map.asm reads it)
 *     sectors 2-5     command line, NUL-terminated
 *     sectors 6-63    stage 2 loader
 *     sector 64       kernel, then on the next 4 KiB boundary the initial RAM disk
 */
import { SECTOR_BYTES } from "../disks/disk.ts";

/** Flat binaries that host/build/build_images.ts assembles from the sources in the tree. */
export interface MachineImages {
  /** System ROM, 128 KiB, ends at 4 GiB. */
  firmware: Uint8Array;
  /** Boot sector code, at most 446 bytes of code in 512. */
  mbr: Uint8Array;
  /** Stage 2 loader. */
  loader: Uint8Array;
  /** Our kernel as a bzImage. */
  kernel: Uint8Array;
  /** Addresses (signed virtual) of the labels of the kernel image. */
  symbols: Record<string, number>;
}

export interface BootDiskParts {
  mbr: Uint8Array;
  loader: Uint8Array;
  /** A bzImage, ours or any other. */
  kernel: Uint8Array;
  initrd: Uint8Array | null;
  /** Kernel command line. */
  command_line: string;
}

/** The boot map: u32 fields from the start of its sector. */
export const BOOT_MAP_SECTOR = 1;
export const BOOT_MAP_MAGIC = 0x54495642; // "BVIT"
export const BOOT_MAP = {
  magic: 0,
  kernel_lba: 4,
  kernel_bytes: 8,
  initrd_lba: 12,
  initrd_bytes: 16,
  command_line_bytes: 20,
};
export const COMMAND_LINE_SECTOR = 2;
export const COMMAND_LINE_MAX_BYTES = 4 * SECTOR_BYTES - 1; // Linux's COMMAND_LINE_SIZE is 2048, the NUL included
export const LOADER_SECTOR = 6;
export const KERNEL_SECTOR = 64;

const PARTITION_TABLE = 446;
const PARTITION_TYPE_NO_FILE_SYSTEM = 0xda;
const MAX_LOADER_BYTES = (KERNEL_SECTOR - LOADER_SECTOR) * SECTOR_BYTES;

/**
 * Composes the disk image. Throws an Error with a readable message when a part does not fit or the kernel is no bzImage
 * (setup header "HdrS", boot protocol 2.02 or later, loaded high).
 */
export function composeBootDisk(parts: BootDiskParts): Uint8Array {
  const command_line = new TextEncoder().encode(parts.command_line);
  if (command_line.length > COMMAND_LINE_MAX_BYTES) {
    throw new Error(
      `kernel command line is too long: ${command_line.length} bytes, at most ${COMMAND_LINE_MAX_BYTES}`,
    );
  }
  if (parts.loader.length > MAX_LOADER_BYTES) {
    throw new Error(`boot loader is too long: ${parts.loader.length} bytes, at most ${MAX_LOADER_BYTES}`);
  }
  checkBzImage(parts.kernel);

  const initrd_bytes = parts.initrd?.length ?? 0;
  const initrd_lba = roundUp(KERNEL_SECTOR + Math.ceil(parts.kernel.length / SECTOR_BYTES), 8);
  const nr_sectors = roundUp(initrd_lba + Math.ceil(initrd_bytes / SECTOR_BYTES), 64);

  const image = new Uint8Array(nr_sectors * SECTOR_BYTES);
  const view = new DataView(image.buffer);
  image.set(parts.mbr.subarray(0, PARTITION_TABLE));
  writePartition(view, 1, nr_sectors - 1);
  view.setUint16(510, 0xaa55, true);

  const map = BOOT_MAP_SECTOR * SECTOR_BYTES;
  view.setUint32(map + BOOT_MAP.magic, BOOT_MAP_MAGIC, true);
  view.setUint32(map + BOOT_MAP.kernel_lba, KERNEL_SECTOR, true);
  view.setUint32(map + BOOT_MAP.kernel_bytes, parts.kernel.length, true);
  view.setUint32(map + BOOT_MAP.initrd_lba, initrd_lba, true);
  view.setUint32(map + BOOT_MAP.initrd_bytes, initrd_bytes, true);
  view.setUint32(map + BOOT_MAP.command_line_bytes, command_line.length, true);

  image.set(command_line, COMMAND_LINE_SECTOR * SECTOR_BYTES);
  image.set(parts.loader, LOADER_SECTOR * SECTOR_BYTES);
  image.set(parts.kernel, KERNEL_SECTOR * SECTOR_BYTES);
  if (parts.initrd !== null) image.set(parts.initrd, initrd_lba * SECTOR_BYTES);
  return image;
}

/** Throws unless `kernel` can be booted by our loader. Source: Linux: Documentation/arch/x86/boot.rst. */
export function checkBzImage(kernel: Uint8Array): void {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  if (
    kernel.length < 1024 ||
    view.getUint16(0x1fe, true) !== 0xaa55 ||
    view.getUint32(0x202, true) !== 0x53726448
  ) {
    throw new Error("kernel is not a bzImage: no setup header");
  }
  const version = view.getUint16(0x206, true);
  if (version < 0x202)
    throw new Error(`kernel is too old: boot protocol 0x${version.toString(16)}, need 2.02`);
  if ((view.getUint8(0x211) & 1) === 0) throw new Error("kernel is a zImage, need a bzImage");
  const setup_sectors = view.getUint8(0x1f1) || 4;
  if (kernel.length <= (setup_sectors + 1) * SECTOR_BYTES) throw new Error("kernel image is truncated");
}

/** First entry of the partition table: an active partition given by LBA; CHS fields say "beyond CHS" (FE FF FF). */
function writePartition(view: DataView, start_lba: number, nr_sectors: number): void {
  const entry = new Uint8Array(view.buffer, PARTITION_TABLE, 16);
  entry.set([0x80, 0xfe, 0xff, 0xff, PARTITION_TYPE_NO_FILE_SYSTEM, 0xfe, 0xff, 0xff]);
  view.setUint32(PARTITION_TABLE + 8, start_lba, true);
  view.setUint32(PARTITION_TABLE + 12, nr_sectors, true);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

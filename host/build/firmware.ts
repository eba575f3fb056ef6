/**
 * Assembles the system ROM and the boot disk's code (host/firmware/) into flat binaries (Node).
 */
import { join } from "node:path";
import { assembleFile } from "../assembler/assemble_file.ts";
import { ROM_SIZE } from "../../cpu-core/abi/layout.ts";
import {
  BOOT_MAP,
  BOOT_MAP_MAGIC,
  BOOT_MAP_SECTOR,
  COMMAND_LINE_MAX_BYTES,
  COMMAND_LINE_SECTOR,
  KERNEL_SECTOR,
  LOADER_SECTOR,
} from "./images.ts";

const BIOS_SEGMENT_BYTES = 0x10000;
const FIRMWARE_DIRECTORY = "host/firmware";

/** Tables of tables.asm: from label `name` to `name`_end, and the byte that makes the sum of all 0. */
const CHECKSUMS = [
  { name: "rsdp", offset: 8 },
  { name: "rsdt", offset: 9 },
  { name: "fadt", offset: 9 },
  { name: "dsdt", offset: 9 },
  { name: "madt", offset: 9 },
  { name: "mp_floating", offset: 10 },
  { name: "mp_table", offset: 7 },
] as const;

/** The system ROM: segment F000 in its last 64 KiB, the rest empty (all ones, as an erased flash chip). `root`: the repository. */
export function buildFirmware(root: string): Uint8Array {
  const { bytes, symbols } = assembleFile(join(root, FIRMWARE_DIRECTORY, "bios.asm"));
  if (bytes.length !== BIOS_SEGMENT_BYTES) throw new Error(`BIOS is ${bytes.length} bytes long, not 64 KiB`);
  for (const { name, offset } of CHECKSUMS) {
    const start = symbols[name];
    const sum = bytes.subarray(start, symbols[`${name}_end`]).reduce((total, byte) => total + byte, 0);
    bytes[start + offset] = -sum;
  }
  const rom = new Uint8Array(ROM_SIZE).fill(0xff);
  rom.set(bytes, ROM_SIZE - BIOS_SEGMENT_BYTES);
  return rom;
}

export interface BootCode {
  mbr: Uint8Array;
  loader: Uint8Array;
}

/** Boot sector and stage 2 loader; the disk's layout comes from images.ts. `root`: the repository. */
export function buildBootCode(root: string): BootCode {
  const directory = join(root, FIRMWARE_DIRECTORY, "boot");
  const layout = {
    BOOT_MAP_SECTOR,
    BOOT_MAP_MAGIC,
    COMMAND_LINE_SECTOR,
    COMMAND_LINE_MAX_BYTES,
    LOADER_SECTOR,
    KERNEL_SECTOR,
    MAP_MAGIC: BOOT_MAP.magic,
    MAP_KERNEL_LBA: BOOT_MAP.kernel_lba,
    MAP_KERNEL_BYTES: BOOT_MAP.kernel_bytes,
    MAP_INITRD_LBA: BOOT_MAP.initrd_lba,
    MAP_INITRD_BYTES: BOOT_MAP.initrd_bytes,
    MAP_COMMAND_LINE_BYTES: BOOT_MAP.command_line_bytes,
  };
  const loader = assembleFile(join(directory, "loader.asm"), { defines: layout }).bytes;
  const loader_sectors = Math.ceil(loader.length / 512);
  const mbr = assembleFile(join(directory, "mbr.asm"), {
    defines: { ...layout, LOADER_SECTORS: loader_sectors },
  }).bytes;
  return { mbr, loader };
}

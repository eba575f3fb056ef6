/** The images: every NAME.asm of this directory, assembled into a disk that any PC can boot. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { assembleFile } from "../../host/assembler/assemble_file.ts";
import { projectRoot } from "../../host/node.ts";

export const DIRECTORY = join(projectRoot(), "test/system");

/** One cylinder of 16 heads and 63 sectors: Bochs wants whole ones. The boot sector reads LOAD_SECTORS (lib/boot.asm). */
const DISK_BYTES = 16 * 63 * 512;
const LOAD_BYTES = 961 * 512;

/** Names of all images. */
export function imageNames(): string[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(".asm"))
    .map((file) => file.slice(0, -".asm".length))
    .sort();
}

/** The disk image. Throws AssemblyError. */
export function assembleImage(name: string): Uint8Array {
  const { bytes } = assembleFile(join(DIRECTORY, `${name}.asm`));
  if (bytes.length > LOAD_BYTES)
    throw new Error(`${name}: ${bytes.length} bytes are more than the boot sector loads`);
  const disk = new Uint8Array(DISK_BYTES);
  disk.set(bytes);
  return disk;
}

/**
 * Kernels and initial RAM disks of the visitor: recognised by their first bytes, whether chosen in the settings or
 * dropped on the page. Nothing is uploaded; the bytes stay in the page. Sources: Linux Documentation/arch/x86/boot.rst
 * "The Real-Mode Kernel Header"; Documentation/driver-api/early-userspace/buffer-format.rst.
 */
export type BootFileKind = "kernel" | "initrd";

/** First bytes of the archives and compressed archives that an initrd can be. */
const INITRD_MAGIC: readonly (readonly number[])[] = [
  [0x30, 0x37, 0x30, 0x37, 0x30, 0x31], // "070701", newc cpio
  [0x30, 0x37, 0x30, 0x37, 0x30, 0x32], // "070702", newc cpio with checksums
  [0x1f, 0x8b], // gzip
  [0x42, 0x5a, 0x68], // bzip2
  [0x5d, 0x00, 0x00], // lzma
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], // xz
  [0x89, 0x4c, 0x5a, 0x4f], // lzo
  [0x02, 0x21, 0x4c, 0x18], // lz4
  [0x28, 0xb5, 0x2f, 0xfd], // zstd
];

/** What a file is for, or null if it is neither. */
export function recognise(bytes: Uint8Array): BootFileKind | null {
  // A bzImage has the boot sector's signature and, after it, the setup header's.
  const isBzImage =
    bytes.length > 0x210 &&
    bytes[0x1fe] === 0x55 &&
    bytes[0x1ff] === 0xaa &&
    ascii(bytes, 0x202, 4) === "HdrS";
  if (isBzImage) return "kernel";
  return INITRD_MAGIC.some((magic) => magic.every((byte, i) => bytes[i] === byte)) ? "initrd" : null;
}

/** Says what a refused file seems to be. */
export function describeRefusal(name: string, bytes: Uint8Array, wanted: BootFileKind | null): string {
  const kind =
    ascii(bytes, 1, 3) === "ELF"
      ? "an ELF file; the kernel wanted here is a bzImage (arch/x86/boot/bzImage), not vmlinux"
      : bytes.length === 0
        ? "empty"
        : "neither a bzImage nor a cpio archive";
  const expected =
    wanted === "kernel"
      ? "A kernel"
      : wanted === "initrd"
        ? "An initial RAM disk"
        : "A kernel or initial RAM disk";
  return `${expected} was expected, but “${name}” is ${kind}.`;
}

/** Lets files be dropped anywhere on the page. */
export function acceptDrops(take: (file: File) => void): void {
  const root = document.documentElement;
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    root.dataset.dropping = "true";
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) delete root.dataset.dropping;
  });
  addEventListener("drop", (event) => {
    delete root.dataset.dropping;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    for (const file of event.dataTransfer?.files ?? []) take(file);
  });
}

function ascii(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

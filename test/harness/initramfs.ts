/** Files for the guest: a cpio archive behind the built-in root's, which the kernel unpacks over it. Linux: init/initramfs.c */
import { CpioWriter, S_IFDIR, S_IFREG } from "../../host/build/cpio.ts";

/** Files by path without a leading slash; all get mode 0755. */
export type GuestFiles = Record<string, Uint8Array | string>;

/** Bytes of a string that has one char per byte. */
export const encode = (text: string): Uint8Array =>
  Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff);

/** Directories that the root has already, with modes of their own. */
const EXISTING = /^(etc|bin|sbin|usr|tmp|root)(\/|$)/;

/** An archive with these files and the directories above them. */
export function archiveOf(files: GuestFiles): Uint8Array {
  const archive = new CpioWriter();
  const directories = new Set<string>();
  for (const [path, content] of Object.entries(files)) {
    const parts = path.split("/").slice(0, -1);
    parts.forEach((_, i) => {
      const directory = parts.slice(0, i + 1).join("/");
      if (EXISTING.test(directory) || directories.has(directory)) return;
      directories.add(directory);
      archive.add({ name: directory, mode: S_IFDIR | 0o755 });
    });
    const data = typeof content === "string" ? encode(content) : content;
    archive.add({ name: path, mode: S_IFREG | 0o755, data });
  }
  return archive.finish();
}

/** Archives that follow one another start at multiples of four bytes. */
export function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const start = (first.length + 3) & ~3;
  const both = new Uint8Array(start + second.length);
  both.set(first);
  both.set(second, start);
  return both;
}

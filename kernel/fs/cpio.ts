/**
 * The cpio "newc" format that initramfs archives have. Linux:
 * Documentation/driver-api/early-userspace/buffer-format.rst.
 *
 *     "070701" + 13 fields of 8 hex digits | name, zero, padding to 4 | contents, padding to 4 | next header ...
 *     ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize check        last name: "TRAILER!!!"
 */
import { latin1 } from "../mm/usercopy.ts";

const HEADER_BYTES = 110;
/** Ends an archive; hard links do not reach over it. */
export const TRAILER = "TRAILER!!!";

export interface CpioEntry {
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Device of the archive's source: with `ino` it identifies hard links. */
  readonly major: number;
  readonly minor: number;
  readonly rmajor: number;
  readonly rminor: number;
  /** One char per byte. */
  readonly name: string;
  readonly body: Uint8Array;
}

/**
 * The entry at `offset` and where the next one starts; a text if there is none. Archives may follow each
 * other.
 */
export function readCpioEntry(
  bytes: Uint8Array,
  offset: number,
): { entry: CpioEntry; next: number } | string {
  if (offset + HEADER_BYTES > bytes.length) return "truncated header";
  const magic = latin1(bytes, offset, offset + 6);
  if (magic === "070707") return "incorrect cpio method used: use -H newc option";
  if (magic !== "070701" && magic !== "070702") return "no cpio magic";
  const field = (index: number): number => {
    const at = offset + 6 + index * 8;
    return parseInt(latin1(bytes, at, at + 8), 16);
  };
  const filesize = field(6);
  const namesize = field(11);
  const name_at = offset + HEADER_BYTES;
  const body_at = align4(name_at + namesize);
  if (!(namesize > 0) || !(filesize >= 0) || body_at + filesize > bytes.length) return "truncated archive";
  const entry: CpioEntry = {
    ino: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    nlink: field(4),
    mtime: field(5),
    major: field(7),
    minor: field(8),
    rmajor: field(9),
    rminor: field(10),
    name: latin1(bytes, name_at, name_at + namesize - 1),
    body: bytes.subarray(body_at, body_at + filesize),
  };
  return { entry, next: align4(body_at + filesize) };
}

const align4 = (value: number): number => (value + 3) & ~3;

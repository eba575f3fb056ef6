/** Wraps machine code into a static ELF program, for benchmarks and tests that bring their own. Source: man 5 elf. */

/** Where the file is mapped. */
const BASE = 0x400000;
const HEADERS_BYTES = 64 + 56;

/** Address of the code's first byte: assemble with this origin. */
export const ELF_ENTRY = BASE + HEADERS_BYTES;

/** One readable, writable and executable segment, entered at its first instruction. */
export function writeElf(code: Uint8Array): Uint8Array {
  const file = new Uint8Array(HEADERS_BYTES + code.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF64, little endian
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 62, true); // EM_X86_64
  view.setUint32(20, 1, true);
  view.setUint32(24, ELF_ENTRY, true);
  view.setUint32(32, 64, true); // program headers
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true); // PT_LOAD
  view.setUint32(68, 7, true); // R W X
  view.setUint32(80, BASE, true);
  view.setUint32(88, BASE, true);
  view.setUint32(96, file.length, true);
  view.setUint32(104, file.length, true);
  view.setUint32(112, 0x1000, true);
  file.set(code, HEADERS_BYTES);
  return file;
}

/**
 * Looks at a program before a machine is started for it: what the guest's execve would refuse is told in words here.
 * Source: ELF-64 Object File Format 1.5, "ELF header", "Program header table"; man 5 elf.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  E_MACHINE,
  E_TYPE,
  EHDR32_SIZE,
  ELF32,
  ELF64,
  EM_386,
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  PT_INTERP,
  PT_LOAD,
} from "../../kernel/uapi/elf.ts";
import type { ElfLayout } from "../../kernel/uapi/elf.ts";
import { CliError, EXIT_CANNOT_RUN, EXIT_NOT_FOUND, hostErrorText } from "./errors.ts";

const EI_CLASS = 4;
const EI_DATA = 5;
const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;

// prettier-ignore
const MACHINES: Record<number, string> = {
  2: "SPARC", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S390", 40: "ARM", 42: "SuperH", 50: "IA-64",
  183: "AArch64", 243: "RISC-V", 258: "LoongArch",
};

export interface ProgramKind {
  kind: "elf" | "script";
  /** Program interpreter (dynamic linker, or the one of the #! line); "" if there is none. */
  interpreter: string;
}

/** Throws CliError with status 126 or 127 unless the file is a program the guest can try. */
export function checkProgram(path: string): ProgramKind {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    const status = (error as NodeJS.ErrnoException).code === "ENOENT" ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    throw new CliError(`${path}: ${hostErrorText(error)}`, status);
  }
  try {
    const status = fstatSync(fd);
    if (status.isDirectory()) throw new CliError(`${path}: is a directory`, EXIT_CANNOT_RUN);
    if (process.platform !== "win32" && !(status.mode & 0o111)) {
      throw new CliError(`${path}: permission denied (not executable)`, EXIT_CANNOT_RUN);
    }
    return inspect(path, (offset, length) => readAt(fd, offset, length), status.size);
  } finally {
    closeSync(fd);
  }
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
}

/** The check proper. `read` returns fewer bytes at the end of the file. */
export function inspect(
  path: string,
  read: (offset: number, length: number) => Buffer,
  size_bytes: number,
): ProgramKind {
  const refuse = (why: string): never => {
    throw new CliError(`${path}: ${why}`, EXIT_CANNOT_RUN);
  };
  const header = read(0, 256);
  if (header.length === 0) refuse("the file is empty");
  if (header.toString("latin1", 0, 2) === "#!") {
    const line = header.toString("latin1", 2).split("\n")[0].trim();
    return { kind: "script", interpreter: line.split(/\s+/)[0] };
  }
  if (header.toString("latin1", 0, 4) !== "\x7fELF")
    refuse("not an ELF program and not a script with a #! line");
  if (header.length < EHDR32_SIZE) refuse("truncated ELF file: the header is incomplete");
  const machine = header.readUInt16LE(E_MACHINE);
  if (header[EI_DATA] !== ELFDATA2LSB) refuse("big-endian ELF program, need x86-64");
  const named = MACHINES[machine] ?? `machine number ${machine}`;
  if (machine !== EM_X86_64 && machine !== EM_386) {
    refuse(
      header[EI_CLASS] === ELFCLASS32
        ? `32-bit ELF program for ${named}, need x86-64`
        : `ELF program for ${named}, need x86-64`,
    );
  }
  if (machine === EM_X86_64 && header[EI_CLASS] !== ELFCLASS64)
    refuse("32-bit ELF program (x32), need 64-bit x86-64");
  const layout = machine === EM_386 ? ELF32 : ELF64;
  if (header.length < layout.ehdr_size) refuse("truncated ELF file: the header is incomplete");
  const type = header.readUInt16LE(E_TYPE);
  if (type !== ET_EXEC && type !== ET_DYN) refuse("ELF file that is no program (object file or core dump)");
  return inspectSegments(header, layout, read, size_bytes, refuse);
}

function inspectSegments(
  header: Buffer,
  layout: ElfLayout,
  read: (offset: number, length: number) => Buffer,
  size_bytes: number,
  refuse: (why: string) => never,
): ProgramKind {
  const word = (buffer: Buffer, at: number) =>
    layout.word === 4 ? buffer.readUInt32LE(at) : Number(buffer.readBigUInt64LE(at));
  const phoff = word(header, layout.e_phoff);
  const nr_headers = header.readUInt16LE(layout.e_phnum);
  if (header.readUInt16LE(layout.e_phentsize) !== layout.phdr_size || nr_headers === 0)
    refuse("ELF file without program headers");
  const headers = read(phoff, nr_headers * layout.phdr_size);
  if (headers.length < nr_headers * layout.phdr_size)
    refuse("truncated ELF file: program headers are missing");
  let interpreter = "";
  let nr_loads = 0;
  for (let n = 0; n < nr_headers; n++) {
    const at = n * layout.phdr_size;
    const type = headers.readUInt32LE(at + layout.p_type);
    if (type !== PT_LOAD && type !== PT_INTERP) continue;
    const offset = word(headers, at + layout.p_offset);
    const length = word(headers, at + layout.p_filesz);
    if (offset + length > size_bytes)
      refuse(`truncated ELF file: a segment ends at byte ${offset + length} of ${size_bytes}`);
    if (type === PT_LOAD) nr_loads++;
    else interpreter = read(offset, Math.min(length, 4096)).toString("latin1").replace(/\0.*$/s, "");
  }
  if (nr_loads === 0) refuse("ELF file with nothing to load (a shared object without code?)");
  return { kind: "elf", interpreter };
}

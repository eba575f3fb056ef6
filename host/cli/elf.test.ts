import { expect, test } from "vitest";
import { inspect } from "./elf.ts";
import { parseMount } from "./run.ts";

/** A minimal static program: one header, one loadable segment of the whole file. */
function elf(change: (file: Buffer) => void = () => undefined): Buffer {
  const file = Buffer.alloc(200);
  file.write("\x7fELF\x02\x01\x01", "latin1");
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeBigUInt64LE(200n, 64 + 32);
  change(file);
  return file;
}

/** The same for i386. */
function elf32(): Buffer {
  const file = Buffer.alloc(200);
  file.write("\x7fELF\x01\x01\x01", "latin1");
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(3, 18);
  file.writeUInt32LE(52, 28);
  file.writeUInt16LE(32, 42);
  file.writeUInt16LE(1, 44);
  file.writeUInt32LE(1, 52);
  file.writeUInt32LE(200, 52 + 16);
  return file;
}

function look(file: Buffer): string {
  try {
    const { kind, interpreter } = inspect("p", (at, length) => file.subarray(at, at + length), file.length);
    return `${kind} ${interpreter}`.trim();
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  ["a program", elf(), "elf"],
  ["a script", Buffer.from("#! /bin/sh -e\necho\n"), "script /bin/sh"],
  ["a text", Buffer.from("hello\n"), "p: not an ELF program and not a script with a #! line"],
  ["nothing", Buffer.alloc(0), "p: the file is empty"],
  ["a piece of a header", elf().subarray(0, 40), "p: truncated ELF file: the header is incomplete"],
  [
    "a piece of a program",
    elf().subarray(0, 150),
    "p: truncated ELF file: a segment ends at byte 200 of 150",
  ],
  ["an i386 program", elf32(), "elf"],
  [
    "a 32-bit ARM",
    elf((f) => ((f[4] = 1), f.writeUInt16LE(40, 18))),
    "p: 32-bit ELF program for ARM, need x86-64",
  ],
  ["ARM", elf((f) => f.writeUInt16LE(183, 18)), "p: ELF program for AArch64, need x86-64"],
  [
    "an object file",
    elf((f) => f.writeUInt16LE(1, 16)),
    "p: ELF file that is no program (object file or core dump)",
  ],
])("%s", (_what, file, says) => expect(look(file)).toBe(says));

test("mounts", () => {
  expect(parseMount("/tmp:/mnt:ro")).toMatchObject({ guest: "/mnt", read_only: true });
  expect(() => parseMount("/tmp:mnt")).toThrow("absolute");
  expect(() => parseMount("/nonexistent:/mnt")).toThrow("no such file");
});

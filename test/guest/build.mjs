/**
 * Compiles the guest test programs: `npm run guest:build`. The binaries are committed in bin/, so that the tests need no
 * compiler; bin/manifest.json tells which sources and which compiler made them. Needs gcc on x86-64 Linux with the kernel's
 * headers (Debian: gcc, libc6-dev).
 *
 * Every NAME.c makes bin/NAME, a static executable without a C library; those in PIE also make bin/NAME-pie; those of
 * test/fuzz make bin/fuzz_NAME.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
export const BIN = join(HERE, "bin");
const MANIFEST = join(BIN, "manifest.json");

/** Programs that are built as static-PIE too: the kernel loads those elsewhere, and they relocate themselves. */
const PIE = ["exec", "cow"];

/** Programs for i386: ia32/NAME.c makes bin/ia32_NAME. They bring their own helpers. */
const IA32_FLAGS = [
  "-m32",
  "-msse2",
  "-fno-pic",
  "-static",
  "-no-pie",
  "-isystem",
  "/usr/include/x86_64-linux-gnu",
];
const IA32_LIBRARY = ["lib/guest.h", "lib/runtime.c"];

const LIBRARY = ["lib/guest.h", "lib/runtime.c", "lib/process.c"];

// prettier-ignore
const FLAGS = [
  "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-fno-stack-protector",
  "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-strict-aliasing", "-fno-ident", "-Ilib",
  "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,noseparate-code", "-s",
];
const STATIC_FLAGS = ["-static", "-fno-pic", "-no-pie"];
const PIE_FLAGS = ["-static-pie", "-fPIE"];

function namesIn(directory) {
  return readdirSync(join(HERE, directory))
    .filter((file) => file.endsWith(".c"))
    .map((file) => file.slice(0, -2))
    .sort();
}

/** The test programs: name of the binary, its source, whether it is position-independent, whether it is for i386. */
export function guestPrograms() {
  return [
    ...namesIn(".").map((name) => ({ name, source: `${name}.c`, pie: false })),
    ...PIE.map((name) => ({ name: `${name}-pie`, source: `${name}.c`, pie: true })),
    ...namesIn("ia32").map((name) => ({
      name: `ia32_${name}`,
      source: `ia32/${name}.c`,
      pie: false,
      ia32: true,
    })),
  ];
}

/** The programs of test/fuzz, for the guest alone: they are no tests, they do harm. */
export function fuzzPrograms() {
  return namesIn("../fuzz").map((name) => ({
    name: `fuzz_${name}`,
    source: `../fuzz/${name}.c`,
    pie: false,
  }));
}

const hash = (...parts) => parts.reduce((sum, part) => sum.update(part), createHash("sha256")).digest("hex");

/** Hash of all that a program is made of, the flags too. */
export function sourceHash({ source, pie, ia32 = false }) {
  const files = [...(ia32 ? IA32_LIBRARY : LIBRARY), source].map((file) =>
    readFileSync(join(HERE, file), "utf8").replaceAll("\r\n", "\n"),
  );
  return hash(...files, JSON.stringify([FLAGS, ...(ia32 ? [IA32_FLAGS] : [])]), String(pie));
}

/** Hash of a committed binary. */
export function binaryHash(name) {
  return hash(readFileSync(join(BIN, name)));
}

/** First line of `gcc --version`; null where there is none that makes x86-64 Linux programs. */
export function compilerVersion() {
  if (process.platform !== "linux" || process.arch !== "x64") return null;
  const gcc = spawnSync("gcc", ["--version"], { encoding: "utf8" });
  return gcc.status === 0 ? gcc.stdout.split("\n")[0] : null;
}

/** Compiles one program to `output`. Returns the compiler's complaints, or null. */
export function compile({ source, pie, ia32 = false }, output) {
  const library = ia32 ? IA32_LIBRARY : LIBRARY;
  const gcc = spawnSync(
    "gcc",
    [
      ...FLAGS,
      ...(ia32 ? IA32_FLAGS : pie ? PIE_FLAGS : STATIC_FLAGS),
      "-o",
      output,
      source,
      ...library.filter((file) => file.endsWith(".c")),
    ],
    { cwd: HERE, encoding: "utf8", env: { ...process.env, LC_ALL: "C" } },
  );
  return gcc.status === 0 ? null : (gcc.error?.message ?? gcc.stderr);
}

/** What the committed binaries were made of. */
export function readManifest() {
  return JSON.parse(readFileSync(MANIFEST, "utf8"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const compiler = compilerVersion();
  if (compiler === null) throw new Error("needs gcc on x86-64 Linux");
  mkdirSync(BIN, { recursive: true });
  const programs = {};
  for (const program of [...guestPrograms(), ...fuzzPrograms()]) {
    const failure = compile(program, join(BIN, program.name));
    if (failure !== null) throw new Error(`${program.source}: ${failure}`);
    programs[program.name] = { source: sourceHash(program), binary: binaryHash(program.name) };
  }
  writeFileSync(MANIFEST, `${JSON.stringify({ compiler, programs }, null, 2)}\n`);
}

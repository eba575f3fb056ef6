/**
 * QEMU's user-mode tests, tests/tcg for i386, x86_64 and multiarch of version 7.2: how each is built, how its output is
 * compared, and which are left out. Paths are those of the source tree; flags are those of its Makefile.target.
 */

export type Architecture = "i386" | "x86_64";

export interface Program {
  name: string;
  sources: string[];
  flags?: string[];
  /** Takes out what differs from run to run on the same machine. */
  normalize?: Normalize;
  /** Lines that depend on what the SDM leaves undefined. */
  isUndefined?: Undefined;
}

interface Normalize {
  why: string;
  change(line: string): string;
  /** Threads print them in any order. */
  sorted?: boolean;
}

interface Undefined {
  /** Section of the SDM. */
  section: string;
  test(line: string): boolean;
}

const ADDRESSES: Normalize = {
  why: "addresses that the kernel chose",
  change: (line) => line.replace(/0x[0-9a-f]+/g, "0x"),
};
const TIME: Normalize = { why: "the time", change: (line) => line.replace(/\d+/g, "N") };
const THREADS: Normalize = { why: "threads run in any order", change: (line) => line, sorted: true };
const ALARMS: Normalize = {
  why: "how many signals each thread saw, and when",
  change: (line) => line.replace(/saw \d+ alarms from \d+/, "saw alarms").replace(/after: \d+/, "after:"),
  sorted: true,
};

const SHIFT_BEYOND: Undefined = {
  section: 'vol 2 "SHLD", "SHRD": a count greater than the operand size',
  test: (line) => /^sh[lr]dw /.test(line) && (parseInt(/ C=(\w+)/.exec(line)![1]!, 16) & 31) > 16,
};

const i386 = (name: string, flags: string[] = []): Program => ({ name, sources: [`i386/${name}.c`], flags });
const multiarch = (name: string, normalize?: Normalize): Program => ({
  name,
  sources: [`multiarch/${name}.c`],
  flags: ["-pthread", "-lrt"],
  normalize,
});
const float = (name: string): Program => ({
  name,
  sources: [`multiarch/${name}.c`, "multiarch/libs/float_helpers.c"],
  flags: ["-lm"],
});

const MULTIARCH: Program[] = [
  float("float_convd"),
  float("float_convs"),
  float("float_madds"),
  multiarch("munmap-pthread"),
  multiarch("overflow"),
  multiarch("sha1"),
  multiarch("sha512"),
  { name: "sha512-sse", sources: ["multiarch/sha512.c"], flags: ["-msse4.1", "-O3"] },
  multiarch("sigbus"),
  multiarch("signals", ALARMS),
  multiarch("test-mmap", ADDRESSES),
  multiarch("testthread", THREADS),
  multiarch("threadcount"),
  { name: "linux-madvise", sources: ["multiarch/linux/linux-madvise.c"] },
];

export const PROGRAMS: Record<Architecture, Program[]> = {
  i386: [
    { name: "hello-i386", sources: ["i386/hello-i386.c"], flags: ["-ffreestanding", "-nostdlib"] },
    {
      name: "test-i386",
      sources: ["i386/test-i386.c", "i386/test-i386-code16.S", "i386/test-i386-vm86.S"],
      flags: ["-fno-pie", "-no-pie", "-lm"],
      isUndefined: SHIFT_BEYOND,
    },
    i386("test-i386-f2xm1"),
    i386("test-i386-fbstp"),
    i386("test-i386-fisttp"),
    i386("test-i386-fldcst"),
    i386("test-i386-fp-exceptions"),
    i386("test-i386-fpatan"),
    // 180,000 cases: as a digest, because printing them in decimal takes hours.
    i386("test-i386-fprem", ["-O2", "-include", "digest_printf.h"]),
    i386("test-i386-fscale"),
    i386("test-i386-fxam"),
    i386("test-i386-fxtract"),
    i386("test-i386-fyl2x"),
    i386("test-i386-fyl2xp1"),
    i386("test-i386-pcmpistri", ["-msse4.2"]),
    i386("test-i386-pseudo-denormal"),
    i386("test-i386-snan-convert"),
    i386("test-i386-sse-exceptions", ["-msse4.1", "-mfpmath=sse"]),
    ...MULTIARCH,
  ],
  x86_64: [
    { name: "cmpxchg", sources: ["x86_64/cmpxchg.c"] },
    { name: "noexec", sources: ["x86_64/noexec.c"] },
    { name: "vsyscall", sources: ["x86_64/vsyscall.c"], normalize: TIME },
    {
      name: "test-x86_64",
      sources: ["i386/test-i386.c"],
      flags: ["-lm", "-lc"],
      isUndefined: SHIFT_BEYOND,
    },
    i386("test-i386-ssse3"),
    i386("test-mmx", ["-masm=intel", "-O", "-I."]),
    ...MULTIARCH,
  ],
};

/** Header files that a script of theirs makes: name, script, arguments; where the programs are built. */
export const GENERATED: readonly (readonly [header: string, script: string, ...args: string[]])[] = [
  ["test-mmx.h", "i386/test-mmx.py", "MMX", "SSE", "SSE2", "SSE3", "SSSE3"],
];

/** What of the three folders is not run, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  "i386/test-avx": "AVX, which CPUID does not offer",
  "i386/test-i386-bmi2": "BMI1 and BMI2, which CPUID does not offer",
  "i386/test-3dnow": "3DNow!, which is AMD's alone, and of the past",
  "multiarch/linux/linux-test": "needs sockets, which the kernel does not have yet",
};

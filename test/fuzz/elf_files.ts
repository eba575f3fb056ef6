/** ELF files for the fuzz tests: good ones with random code, and bad ones made from a good one. man 5 elf. */
import { Random } from "./random.ts";

const BASE = 0x40_0000;
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_PHDR = 6;
const PT_TLS = 7;
const PT_GNU_STACK = 0x6474_e551;
const PT_GNU_PROPERTY = 0x6474_e553;

interface Segment {
  type: number;
  flags: number;
  offset: bigint;
  address: bigint;
  file_size: bigint;
  memory_size: bigint;
  align: bigint;
}

/** exit_group(0) */
const EXIT_CODE = Uint8Array.of(0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05);

/** A whole file; `type` 2 is ET_EXEC, 3 ET_DYN. */
function elfFile(segments: Segment[], code: Uint8Array, type: number, entry: bigint): Uint8Array {
  const file = new Uint8Array(HEADER_SIZE + segments.length * SEGMENT_SIZE + code.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, 62, true); // EM_X86_64
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt.asUintN(64, entry), true);
  view.setBigUint64(32, BigInt(HEADER_SIZE), true);
  view.setUint16(52, HEADER_SIZE, true);
  view.setUint16(54, SEGMENT_SIZE, true);
  view.setUint16(56, segments.length, true);
  segments.forEach((segment, i) => {
    const at = HEADER_SIZE + i * SEGMENT_SIZE;
    view.setUint32(at, segment.type, true);
    view.setUint32(at + 4, segment.flags, true);
    const { offset, address, file_size, memory_size, align } = segment;
    [offset, address, address, file_size, memory_size, align].forEach((value, k) =>
      view.setBigUint64(at + 8 + 8 * k, BigInt.asUintN(64, value), true),
    );
  });
  file.set(code, HEADER_SIZE + segments.length * SEGMENT_SIZE);
  return file;
}

function loadAll(size: number, nr_segments: number): Segment {
  const whole = BigInt(HEADER_SIZE + nr_segments * SEGMENT_SIZE + size);
  return {
    type: PT_LOAD,
    flags: 7,
    offset: 0n,
    address: BigInt(BASE),
    file_size: whole,
    memory_size: whole + 4096n,
    align: 4096n,
  };
}

function entryOf(nr_segments: number): bigint {
  return BigInt(BASE + HEADER_SIZE + nr_segments * SEGMENT_SIZE);
}

/** A program whose code is random bytes. */
export function randomProgram(random: Random): Uint8Array {
  const code = random.bytes(16 + random.below(300));
  return elfFile([loadAll(code.length, 1)], code, 2, entryOf(1));
}

const WIDE = [
  0n,
  1n,
  7n,
  64n,
  0xfffn,
  0x1000n,
  0x1001n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 32n,
  (1n << 47n) - 4096n,
  1n << 47n,
  1n << 48n,
  0xffff_8000_0000_0000n,
  0xffff_ffff_8100_0000n,
  (1n << 63n) - 1n,
  1n << 63n,
  -4096n,
  -1n,
];
const TYPES = [
  0,
  PT_LOAD,
  PT_LOAD,
  PT_LOAD,
  PT_DYNAMIC,
  PT_INTERP,
  4,
  5,
  PT_PHDR,
  PT_TLS,
  PT_GNU_STACK,
  PT_GNU_PROPERTY,
  0xffff_ffff,
];
const INTERPRETERS = [
  "",
  "/",
  "/nowhere",
  "/etc/passwd",
  "/bin/busybox",
  "/dev/zero",
  "/proc/self/exe",
  "/tmp",
  "x".repeat(5000),
  "relative",
];

function randomSegment(random: Random, file_length: number): Segment {
  const value = (): bigint =>
    random.below(2)
      ? random.pick(WIDE)
      : random.below(2)
        ? BigInt(random.below(file_length * 2))
        : BigInt(BASE + random.below(1 << 16));
  return {
    type: random.pick(TYPES),
    flags: random.below(8),
    offset: value(),
    address: value(),
    file_size: value(),
    memory_size: value(),
    align: random.below(2) ? 4096n : value(),
  };
}

/** A file that is wrong in one or several ways (and now and then right). */
export function malformedElf(random: Random): Uint8Array {
  const extra = random.below(4);
  const nr_segments = 1 + extra;
  const interpreter = Uint8Array.from(`${random.pick(INTERPRETERS)}\0`, (char) => char.charCodeAt(0));
  const code = new Uint8Array(EXIT_CODE.length + interpreter.length);
  code.set(EXIT_CODE);
  code.set(interpreter, EXIT_CODE.length);
  const segments = [loadAll(code.length, nr_segments)];
  for (let i = 0; i < extra; i++) {
    if (random.below(3) === 0) {
      const offset = BigInt(HEADER_SIZE + nr_segments * SEGMENT_SIZE + EXIT_CODE.length);
      const size = BigInt(interpreter.length);
      segments.push({
        type: PT_INTERP,
        flags: 4,
        offset,
        address: BigInt(BASE) + offset,
        file_size: size,
        memory_size: size,
        align: 1n,
      });
    } else {
      segments.push(randomSegment(random, 1000));
    }
  }
  // Overlapping segments of another origin.
  if (random.below(4) === 0)
    segments[random.below(segments.length)].address += BigInt(random.below(8192) - 4096);
  const file = elfFile(segments, code, random.pick([2, 2, 3]), entryOf(nr_segments));
  const view = new DataView(file.buffer);
  for (let nr = random.below(4); nr > 0; nr--) {
    switch (random.below(4)) {
      case 0: // a byte of the headers
        file[random.below(HEADER_SIZE + SEGMENT_SIZE * nr_segments)] = random.next();
        break;
      case 1: // a word of the file header
        view.setBigUint64(random.pick([24, 32, 40]), BigInt.asUintN(64, random.pick(WIDE)), true);
        break;
      case 2: // a count or a size
        view.setUint16(
          random.pick([16, 18, 52, 54, 56, 58, 60, 62]),
          random.pick([0, 1, 2, 55, 57, 255, 1170, 1171, 65535]),
          true,
        );
        break;
      default: // a word of a program header
        view.setBigUint64(
          HEADER_SIZE + random.below(nr_segments) * SEGMENT_SIZE + 8 * (1 + random.below(6)),
          BigInt.asUintN(64, random.pick(WIDE)),
          true,
        );
    }
  }
  return random.below(6) === 0 ? file.slice(0, random.below(file.length + 1)) : file;
}

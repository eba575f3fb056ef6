/**
 * The recorded set: what a real CPU made of some cases of every form, so that machines without one can compare, too.
 * Inputs are not stored, since the generator makes them again; a hash of them for each form tells when it would not.
 *
 *     recorded.br    Brotli of: length of the head, u32; the head, JSON; the columns one after another
 *
 * A column holds one kind of value of all cases in order; a case says in its two mask bytes which columns it has a value in.
 * What is not told stayed as it was.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import {
  CHANGE_BYTES,
  CS,
  FS,
  FX_MXCSR,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  GS,
  INPUT_FS_BASE,
  INPUT_FX,
  INPUT_GS_BASE,
  INPUT_REGS,
  INPUT_RFLAGS,
  Input,
  MAX_OUTPUT_SIZE,
  MODE_64,
  NO_TRAP,
  OUTPUT_CR2,
  OUTPUT_ERROR,
  OUTPUT_FS_BASE,
  OUTPUT_FX,
  OUTPUT_GS_BASE,
  OUTPUT_NR_CHANGES,
  OUTPUT_REGS,
  OUTPUT_RFLAGS,
  OUTPUT_RIP,
  OUTPUT_SELECTORS,
  OUTPUT_SIZE,
  OUTPUT_TRAP,
  Output,
  VECTOR_PF,
} from "./case.ts";
import { COMPARED_FLAGS } from "./compare.ts";
import { ROOT } from "./root.ts";
import { USER_CS, loaded } from "./segments.ts";

const FILE = join(ROOT, "test/cpu/recorded.br");

// The mask of a case.
const HAS_TRAP = 1 << 0;
const HAS_RIP = 1 << 1;
const HAS_REGS = 1 << 2;
const HAS_FLAGS = 1 << 3;
const HAS_SEGMENTS = 1 << 4;
const HAS_X87 = 1 << 5;
const HAS_XMM = 1 << 6;
const HAS_CHANGES = 1 << 7;
const HAS_ST = 1 << 8;
const HAS_MXCSR = 1 << 9;
const HAS_ERROR = 1 << 10;

/** Bytes of the FXSAVE image before MXCSR: control, status, tags, opcode, pointers. */
const X87_BYTES = 24;
const ST_BYTES = 10;
const SEGMENTS_BYTES = 28;

const COLUMNS = [
  ...["mask", "trap", "error", "cr2", "rip", "regsMask", "regs", "flags", "segments", "x87", "stMask", "st"],
  ...["mxcsr", "xmmMask", "xmm", "nrChanges", "offsets", "changes"],
] as const;
type Column = (typeof COLUMNS)[number];

/** What the head says of a form's cases. */
export interface RecordedForm {
  name: string;
  /** Of the inputs: hashInput() of one after another. */
  hash: number;
}

interface Head {
  seed: number;
  casesPerForm: number;
  forms: RecordedForm[];
  lengths: number[];
}

/** Goes on with a hash over an input record. */
export function hashInput(hash: number, input: Input): number {
  const words = new Uint32Array(input.bytes.buffer, input.bytes.byteOffset, input.bytes.length / 4);
  for (const word of words) hash = Math.imul(hash ^ word, 0x0100_0193);
  return hash | 0;
}

/** An output record that says that nothing happened: everything as in the input, RIP past the code. */
function untouched(input: Input, output: DataView, bytes: Uint8Array): void {
  bytes.fill(0, 0, OUTPUT_SIZE);
  bytes.set(input.bytes.subarray(INPUT_REGS, INPUT_REGS + 128), OUTPUT_REGS);
  output.setUint32(OUTPUT_RFLAGS, input.view.getUint32(INPUT_RFLAGS, true) & COMPARED_FLAGS, true);
  output.setUint32(OUTPUT_TRAP, NO_TRAP, true);
  output.setBigUint64(OUTPUT_RIP, BigInt(input.start + input.codeLength), true);
  for (let i = 0; i < 6; i++) output.setUint16(OUTPUT_SELECTORS + 2 * i, input.selector(i), true);
  const base = (segment: number, at: number) =>
    input.mode === MODE_64 ? input.view.getBigUint64(at, true) : BigInt(loaded(input.selector(segment)).base);
  output.setBigUint64(OUTPUT_FS_BASE, base(FS, INPUT_FS_BASE), true);
  output.setBigUint64(OUTPUT_GS_BASE, base(GS, INPUT_GS_BASE), true);
  bytes.set(input.bytes.subarray(INPUT_FX, INPUT_FX + 416), OUTPUT_FX);
}

function differs(a: Uint8Array, b: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (a[i] !== b[i]) return true;
  return false;
}

/** Offset of x87 register `physical` (R0-R7) in a record whose FX image lies at `fx`. */
function stOffset(bytes: Uint8Array, fx: number, physical: number): number {
  const top = (bytes[fx + FX_STATUS + 1]! >> 3) & 7;
  return fx + FX_ST + 16 * ((physical - top) & 7);
}

/** Writes a recorded set. */
export class Recorder {
  readonly #columns = new Map<Column, number[]>(COLUMNS.map((name) => [name, []]));
  readonly #forms: RecordedForm[] = [];
  readonly #base = new Uint8Array(MAX_OUTPUT_SIZE);
  readonly #baseView = new DataView(this.#base.buffer);

  constructor(
    readonly seed: number,
    readonly casesPerForm: number,
  ) {}

  addForm(name: string, hash: number): void {
    this.#forms.push({ name, hash });
  }

  #put(column: Column, bytes: Uint8Array, at: number, length: number): void {
    const target = this.#columns.get(column)!;
    for (let i = at; i < at + length; i++) target.push(bytes[i]!);
  }

  #number(column: Column, value: number, length: number): void {
    const target = this.#columns.get(column)!;
    for (let i = 0; i < length; i++) target.push((value >>> (8 * i)) & 0xff);
  }

  /** Adds what came of a case. */
  add(input: Input, result: Output): void {
    const base = this.#base;
    untouched(input, this.#baseView, base);
    const bytes = result.bytes.slice();
    const view = new DataView(bytes.buffer);
    this.#normalize(input, bytes, view);
    let mask = 0;
    const trap = view.getUint32(OUTPUT_TRAP, true);
    if (trap !== NO_TRAP) {
      mask |= HAS_TRAP;
      this.#number("trap", trap, 1);
      this.#baseView.setBigUint64(OUTPUT_RIP, BigInt(input.start), true);
      if (trap === VECTOR_PF) this.#put("cr2", bytes, OUTPUT_CR2, 8);
    }
    const take = (bit: number, column: Column, at: number, length: number) => {
      if (!differs(bytes, base, at, length)) return;
      mask |= bit;
      this.#put(column, bytes, at, length);
    };
    take(HAS_ERROR, "error", OUTPUT_ERROR, 4);
    take(HAS_RIP, "rip", OUTPUT_RIP, 8);
    take(HAS_FLAGS, "flags", OUTPUT_RFLAGS, 3);
    take(HAS_SEGMENTS, "segments", OUTPUT_SELECTORS, SEGMENTS_BYTES);
    take(HAS_X87, "x87", OUTPUT_FX, X87_BYTES);
    take(HAS_MXCSR, "mxcsr", OUTPUT_FX + FX_MXCSR, 4);
    const takeAll = (
      bit: number,
      column: Column,
      maskColumn: Column,
      at: number,
      count: number,
      size: number,
    ) => {
      let which = 0;
      for (let i = 0; i < count; i++) {
        if (!differs(bytes, base, at + i * size, size)) continue;
        which |= 1 << i;
        this.#put(column, bytes, at + i * size, size);
      }
      if (which === 0) return;
      mask |= bit;
      this.#number(maskColumn, which, 2);
    };
    takeAll(HAS_REGS, "regs", "regsMask", OUTPUT_REGS, 16, 8);
    takeAll(HAS_XMM, "xmm", "xmmMask", OUTPUT_FX + FX_XMM, 16, 16);
    let which = 0;
    for (let i = 0; i < 8; i++) {
      // What an empty register holds is not compared.
      if (((bytes[OUTPUT_FX + FX_TAGS]! >> i) & 1) === 0) continue;
      const a = stOffset(bytes, OUTPUT_FX, i);
      const b = stOffset(base, OUTPUT_FX, i);
      let same = true;
      for (let j = 0; j < ST_BYTES; j++) if (bytes[a + j] !== base[b + j]) same = false;
      if (same) continue;
      which |= 1 << i;
      this.#put("st", bytes, a, ST_BYTES);
    }
    if (which !== 0) {
      mask |= HAS_ST;
      this.#number("stMask", which, 1);
    }
    const nrChanges = view.getUint32(OUTPUT_NR_CHANGES, true);
    if (nrChanges > 0) {
      mask |= HAS_CHANGES;
      this.#number("nrChanges", nrChanges, 1);
      for (let i = 0; i < nrChanges; i++) {
        this.#put("offsets", bytes, OUTPUT_SIZE + i * CHANGE_BYTES, 4);
        this.#put("changes", bytes, OUTPUT_SIZE + i * CHANGE_BYTES + 4, 8);
      }
    }
    this.#number("mask", mask, 2);
  }

  /** Takes out what is not compared. */
  #normalize(input: Input, bytes: Uint8Array, view: DataView): void {
    view.setUint32(OUTPUT_RFLAGS, view.getUint32(OUTPUT_RFLAGS, true) & COMPARED_FLAGS, true);
    if (input.mode !== MODE_64 || view.getUint16(OUTPUT_SELECTORS + 2 * CS, true) !== USER_CS)
      for (let i = 0; i < 16; i++) {
        const at = OUTPUT_REGS + 8 * i + 4;
        view.setUint32(at, input.view.getUint32(INPUT_REGS + 8 * i + 4, true), true);
      }
    // The pointers are known only while an exception is pending.
    if ((bytes[OUTPUT_FX + FX_STATUS]! & 0x80) === 0) bytes.fill(0, OUTPUT_FX + 6, OUTPUT_FX + X87_BYTES);
  }

  /** Writes the file; returns its length in bytes. */
  save(): number {
    const columns = COLUMNS.map((name) => Uint8Array.from(this.#columns.get(name)!));
    const head: Head = {
      seed: this.seed,
      casesPerForm: this.casesPerForm,
      forms: this.#forms,
      lengths: columns.map((column) => column.length),
    };
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    const compressed = brotliCompressSync(Buffer.concat([length, text, ...columns]), {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 10,
        [constants.BROTLI_PARAM_LGWIN]: 24,
      },
    });
    writeFileSync(FILE, compressed);
    return compressed.length;
  }
}

/** Reads a recorded set, case by case in the order it was written. */
export class Recording {
  readonly head: Head;
  readonly #columns = new Map<Column, Uint8Array>();
  readonly #at = new Map<Column, number>();

  constructor() {
    const bytes = brotliDecompressSync(readFileSync(FILE));
    const length = bytes.readUInt32LE(0);
    this.head = JSON.parse(bytes.toString("utf8", 4, 4 + length)) as Head;
    let at = 4 + length;
    COLUMNS.forEach((name, i) => {
      const end = at + this.head.lengths[i]!;
      this.#columns.set(name, new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at));
      this.#at.set(name, 0);
      at = end;
    });
  }

  #take(column: Column, length: number): Uint8Array {
    const at = this.#at.get(column)!;
    this.#at.set(column, at + length);
    return this.#columns.get(column)!.subarray(at, at + length);
  }

  #number(column: Column, length: number): number {
    let value = 0;
    this.#take(column, length).forEach((byte, i) => (value |= byte << (8 * i)));
    return value >>> 0;
  }

  /** What came of the next case. */
  next(input: Input): Output {
    const bytes = new Uint8Array(MAX_OUTPUT_SIZE);
    const view = new DataView(bytes.buffer);
    untouched(input, view, bytes);
    const before = bytes.slice(0, OUTPUT_SIZE);
    const mask = this.#number("mask", 2);
    if ((mask & HAS_TRAP) !== 0) {
      const trap = this.#number("trap", 1);
      view.setUint32(OUTPUT_TRAP, trap, true);
      view.setBigUint64(OUTPUT_RIP, BigInt(input.start), true);
      if (trap === VECTOR_PF) bytes.set(this.#take("cr2", 8), OUTPUT_CR2);
    }
    const put = (bit: number, column: Column, at: number, length: number) => {
      if ((mask & bit) !== 0) bytes.set(this.#take(column, length), at);
    };
    put(HAS_ERROR, "error", OUTPUT_ERROR, 4);
    put(HAS_RIP, "rip", OUTPUT_RIP, 8);
    put(HAS_FLAGS, "flags", OUTPUT_RFLAGS, 3);
    put(HAS_SEGMENTS, "segments", OUTPUT_SELECTORS, SEGMENTS_BYTES);
    put(HAS_X87, "x87", OUTPUT_FX, X87_BYTES);
    put(HAS_MXCSR, "mxcsr", OUTPUT_FX + FX_MXCSR, 4);
    const putAll = (bit: number, column: Column, maskColumn: Column, at: number, size: number) => {
      if ((mask & bit) === 0) return;
      const which = this.#number(maskColumn, 2);
      for (let i = 0; i < 16; i++)
        if (((which >> i) & 1) !== 0) bytes.set(this.#take(column, size), at + i * size);
    };
    putAll(HAS_REGS, "regs", "regsMask", OUTPUT_REGS, 8);
    putAll(HAS_XMM, "xmm", "xmmMask", OUTPUT_FX + FX_XMM, 16);
    const which = (mask & HAS_ST) !== 0 ? this.#number("stMask", 1) : 0;
    for (let i = 0; i < 8; i++) {
      const at = stOffset(bytes, OUTPUT_FX, i);
      const from = stOffset(before, OUTPUT_FX, i);
      bytes.set(before.subarray(from, from + ST_BYTES), at);
      if (((which >> i) & 1) !== 0) bytes.set(this.#take("st", ST_BYTES), at);
    }
    if ((mask & HAS_CHANGES) !== 0) {
      const nr = this.#number("nrChanges", 1);
      view.setUint32(OUTPUT_NR_CHANGES, nr, true);
      for (let i = 0; i < nr; i++) {
        bytes.set(this.#take("offsets", 4), OUTPUT_SIZE + i * CHANGE_BYTES);
        bytes.set(this.#take("changes", 8), OUTPUT_SIZE + i * CHANGE_BYTES + 4);
      }
    }
    return new Output(bytes, 0);
  }
}

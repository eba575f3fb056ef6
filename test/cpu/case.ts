/**
 * A case: some code with all the state it can see, and what came of it. The same input record goes to the real CPU
 * (native.c) and to the core (core.ts), and both give an output record back.
 *
 *     0x0010_0000  two pages of code, filled with INT3; not writable
 *     0x0011_0000  a page of data: MEMORY repeated; not executable
 *     0x0011_1000  a page of data that cannot be written
 *
 * Everything else below 4 GiB is not mapped.
 */
export const INPUT_REGS = 0; // 16 x u64: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
export const INPUT_RFLAGS = 128; // u32
export const INPUT_CODE_OFFSET = 132; // u32: from CODE_ADDRESS
export const INPUT_CODE_LENGTH = 136; // u16
export const INPUT_MODE = 138; // u8: MODE_*
export const INPUT_SELECTORS = 140; // 6 x u16: ES CS SS DS FS GS
export const INPUT_FS_BASE = 152; // u64; 64-bit mode only
export const INPUT_GS_BASE = 160; // u64
export const INPUT_FX = 176; // FX_BYTES bytes, the FXSAVE image
export const INPUT_CODE = 592; // CODE_BYTES bytes
export const INPUT_MEMORY = 912; // MEMORY_BYTES bytes
export const INPUT_SIZE = 1424;

export const OUTPUT_REGS = 0;
export const OUTPUT_RIP = 128; // u64, linear address in 64-bit and flat segments, else the offset
export const OUTPUT_CR2 = 136; // u64; page faults only
export const OUTPUT_RFLAGS = 144; // u32
export const OUTPUT_TRAP = 148; // u32: exception vector, or NO_TRAP
export const OUTPUT_ERROR = 152; // u32
export const OUTPUT_SELECTORS = 156;
export const OUTPUT_FS_BASE = 168;
export const OUTPUT_GS_BASE = 176;
export const OUTPUT_NR_CHANGES = 184; // u32
export const OUTPUT_FX = 192;
export const OUTPUT_SIZE = 608; // then NR_CHANGES times: offset in the data page u32, 8 bytes that were changed
export const CHANGE_BYTES = 12;
/** More changed chunks than this are told as one hash, at offset CHANGES_HASHED. */
export const MAX_CHANGES = 80;
export const CHANGES_HASHED = 0xffff_ffff;
export const MAX_OUTPUT_SIZE = OUTPUT_SIZE + MAX_CHANGES * CHANGE_BYTES;

export const CODE_BYTES = 320;
export const MEMORY_BYTES = 512;
export const FX_BYTES = 416;

export const MODE_16 = 0;
export const MODE_32 = 1;
export const MODE_64 = 2;

/** The code ran through to the INT3 that follows it, or lies wherever it jumped to. */
export const NO_TRAP = 0xffff_ffff;
export const VECTOR_BP = 3;
export const VECTOR_PF = 14;

export const PAGE = 4096;
export const CODE_ADDRESS = 0x0010_0000;
export const CODE_SIZE = 2 * PAGE;
export const DATA_ADDRESS = 0x0011_0000;
export const READONLY_ADDRESS = 0x0011_1000;
export const INT3 = 0xcc;

/** Offsets in the FXSAVE image. */
export const FX_CONTROL = 0;
export const FX_STATUS = 2;
export const FX_TAGS = 4;
export const FX_OPCODE = 6;
export const FX_IP = 8;
export const FX_DP = 16;
export const FX_MXCSR = 24;
export const FX_ST = 32; // 8 x 16 bytes, ST(0) first
export const FX_XMM = 160; // 16 x 16 bytes

/** Register numbers. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** Segment registers by number. */
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;

/** An input record, to be written or read. */
export class Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(buffer: Uint8Array = new Uint8Array(INPUT_SIZE), offset = 0) {
    this.bytes = buffer.subarray(offset, offset + INPUT_SIZE);
    this.view = new DataView(buffer.buffer, buffer.byteOffset + offset, INPUT_SIZE);
  }

  setReg(number: number, value: bigint): void {
    this.view.setBigUint64(INPUT_REGS + 8 * number, BigInt.asUintN(64, value), true);
  }

  reg(number: number): bigint {
    return this.view.getBigUint64(INPUT_REGS + 8 * number, true);
  }

  setSelector(segment: number, selector: number): void {
    this.view.setUint16(INPUT_SELECTORS + 2 * segment, selector, true);
  }

  selector(segment: number): number {
    return this.view.getUint16(INPUT_SELECTORS + 2 * segment, true);
  }

  setCode(offset: number, code: ArrayLike<number>): void {
    this.view.setUint32(INPUT_CODE_OFFSET, offset, true);
    this.view.setUint16(INPUT_CODE_LENGTH, code.length, true);
    this.bytes.set(code, INPUT_CODE);
  }

  get mode(): number {
    return this.bytes[INPUT_MODE]!;
  }

  get codeLength(): number {
    return this.view.getUint16(INPUT_CODE_LENGTH, true);
  }

  get codeOffset(): number {
    return this.view.getUint32(INPUT_CODE_OFFSET, true);
  }

  get code(): Uint8Array {
    return this.bytes.subarray(INPUT_CODE, INPUT_CODE + this.codeLength);
  }

  /** What RIP is at the first instruction: an offset in CS. */
  get start(): number {
    return (this.selector(CS) & 4) !== 0 ? this.codeOffset : CODE_ADDRESS + this.codeOffset;
  }
}

/** An output record, read from a buffer of many. */
export class Output {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(buffer: Uint8Array, offset: number) {
    const nrChanges = new DataView(buffer.buffer, buffer.byteOffset + offset).getUint32(
      OUTPUT_NR_CHANGES,
      true,
    );
    const size = OUTPUT_SIZE + nrChanges * CHANGE_BYTES;
    this.bytes = buffer.subarray(offset, offset + size);
    this.view = new DataView(buffer.buffer, buffer.byteOffset + offset, size);
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }

  get trap(): number {
    return this.u32(OUTPUT_TRAP);
  }
}

/** `length` bytes from `offset` as one number in hex, the last byte first. */
export function hex(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let i = offset + length - 1; i >= offset; i--) text += bytes[i]!.toString(16).padStart(2, "0");
  return text;
}

/** INT3 outside of the code is how a case ends: the trap becomes NO_TRAP, RIP the address of the INT3. */
export function settleEnd(input: Input, view: DataView): void {
  if (view.getUint32(OUTPUT_TRAP, true) === VECTOR_BP) {
    const rip = view.getBigUint64(OUTPUT_RIP, true);
    const start = BigInt(input.start);
    if (rip <= start || rip > start + BigInt(input.codeLength)) {
      view.setUint32(OUTPUT_TRAP, NO_TRAP, true);
      view.setBigUint64(OUTPUT_RIP, rip - 1n, true);
    }
  }
  if (view.getUint32(OUTPUT_TRAP, true) !== VECTOR_PF) view.setBigUint64(OUTPUT_CR2, 0n, true);
}

/** The chunks of 8 bytes of the data page that differ from `window` repeated; returns how many records were written. */
export function findChanges(page: Uint8Array, window: Uint8Array, changes: DataView): number {
  const now = new Uint32Array(page.buffer, page.byteOffset, PAGE / 4);
  const before = new Uint32Array(window.buffer, window.byteOffset, MEMORY_BYTES / 4);
  let n = 0;
  for (let i = 0; i < now.length; i += 2) {
    const j = i % before.length;
    if (now[i] === before[j] && now[i + 1] === before[j + 1]) continue;
    if (n < MAX_CHANGES) {
      changes.setUint32(n * CHANGE_BYTES, 4 * i, true);
      changes.setUint32(n * CHANGE_BYTES + 4, now[i]!, true);
      changes.setUint32(n * CHANGE_BYTES + 8, now[i + 1]!, true);
    }
    n++;
  }
  if (n <= MAX_CHANGES) return n;
  let a = 0x811c9dc5;
  let b = n;
  for (const word of now) {
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b + word, 0x85ebca6b);
    b ^= b >>> 15;
  }
  changes.setUint32(0, CHANGES_HASHED, true);
  changes.setUint32(4, a, true);
  changes.setUint32(8, b, true);
  return 1;
}

/**
 * A case: one instruction with all the state it can see, and what came of it. The same record, CASE_SIZE bytes, goes to the
 * real CPU (native.c) and to the core (core.ts), and both give one back.
 */
export const REGS = 0; // 16 x u64, RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
export const RFLAGS = 128; // u64
export const RIP = 136; // u64; before: length of the code; after: address relative to the code's first byte
export const CODE_BYTES = 144; // 16 bytes
export const TRAP = 160; // u32; after: exception vector, or NO_TRAP
export const ERROR_CODE = 164; // u32
export const CR2 = 168; // u64
export const FX = 192; // 512 bytes, the FXSAVE image
export const MEMORY = 704; // 512 bytes at DATA_ADDRESS
export const MEMORY_BYTES = 512;
export const CASE_SIZE = 1216;

export const NO_TRAP = 0xffff_ffff;

/** Where the code ends (it starts its own length before), and where the page of data lies. The pages around are not mapped. */
export const CODE_END = 0x0010_0040;
export const DATA_ADDRESS = 0x0011_0000;

/** Offsets in the FXSAVE image. */
export const FX_CONTROL = 0;
export const FX_STATUS = 2;
export const FX_TAGS = 4;
export const FX_MXCSR = 24;
export const FX_ST = 32; // 8 x 16 bytes, ST(0) first
export const FX_XMM = 160; // 16 x 16 bytes

/** A view of one record. */
export class Case {
  readonly view: DataView;
  readonly bytes: Uint8Array;

  constructor(buffer: Uint8Array, index: number) {
    this.bytes = buffer.subarray(index * CASE_SIZE, (index + 1) * CASE_SIZE);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, CASE_SIZE);
  }

  setCode(code: readonly number[]): void {
    this.bytes.set(code, CODE_BYTES);
    this.view.setUint32(RIP, code.length, true);
  }

  setReg(number: number, low: number, high = 0): void {
    this.view.setUint32(REGS + 8 * number, low, true);
    this.view.setUint32(REGS + 8 * number + 4, high, true);
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  hex(offset: number, length: number): string {
    return [...this.bytes.subarray(offset, offset + length)]
      .reverse()
      .map((b) => b.toString(16).padStart(2, "0"))
      .join("");
  }

  code(): string {
    const length = this.u32(RIP);
    return [...this.bytes.subarray(CODE_BYTES, CODE_BYTES + length)]
      .map((b) => b.toString(16).padStart(2, "0"))
      .join(" ");
  }
}

/** Comparing what the real CPU and the core made of a case. */
import {
  CODE_BYTES,
  CR2,
  Case,
  ERROR_CODE,
  FX,
  FX_CONTROL,
  FX_MXCSR,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  MEMORY,
  MEMORY_BYTES,
  NO_TRAP,
  REGS,
  RFLAGS,
  RIP,
  TRAP,
} from "./case.ts";

const REG_NAMES = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];
const VECTOR_PF = 14;

export interface Tolerance {
  /** RFLAGS bits that are compared; default: the status flags, DF. */
  rflags?: number;
  /** FSW bits that are not compared (undefined after the instruction). */
  fswIgnored?: number;
  /** Units in the last place by which 80-bit results may differ. */
  ulps?: number;
}

/** Describes the differences between two results; empty if there are none. */
export function differences(native: Case, core: Case, tolerance: Tolerance = {}): string[] {
  const found: string[] = [];
  const same = (name: string, a: string | number, b: string | number) => {
    if (a !== b)
      found.push(
        `${name}: CPU ${typeof a === "number" ? a.toString(16) : a}, core ${typeof b === "number" ? b.toString(16) : b}`,
      );
  };
  same("trap", native.u32(TRAP), core.u32(TRAP));
  if (native.u32(TRAP) === VECTOR_PF && core.u32(TRAP) === VECTOR_PF) {
    same("error", native.u32(ERROR_CODE), core.u32(ERROR_CODE));
    // An operand that leaves its page faults in the second one: which byte of it is named does not matter here.
    same("cr2 page", native.hex(CR2, 8).slice(0, 13), core.hex(CR2, 8).slice(0, 13));
  }
  same("rip", native.u32(RIP), core.u32(RIP));
  for (let i = 0; i < 16; i++) same(REG_NAMES[i]!, native.hex(REGS + 8 * i, 8), core.hex(REGS + 8 * i, 8));
  const flags = tolerance.rflags ?? 0xcd5;
  same("rflags", native.u32(RFLAGS) & flags, core.u32(RFLAGS) & flags);
  const fsw = 0xffff & ~(tolerance.fswIgnored ?? 0);
  same("fcw", native.u16(FX + FX_CONTROL), core.u16(FX + FX_CONTROL));
  same("fsw", native.u16(FX + FX_STATUS) & fsw, core.u16(FX + FX_STATUS) & fsw);
  same("tags", native.u16(FX + FX_TAGS) & 0xff, core.u16(FX + FX_TAGS) & 0xff);
  same("mxcsr", native.u32(FX + FX_MXCSR), core.u32(FX + FX_MXCSR));
  const top = (native.u16(FX + FX_STATUS) >> 11) & 7;
  for (let i = 0; i < 8; i++) {
    const at = FX + FX_ST + 16 * i;
    const a = native.hex(at, 10);
    const b = core.hex(at, 10);
    if (a === b) continue;
    // What an empty register holds does not matter, as long as it stays what it was on a faulting instruction.
    if (((native.u16(FX + FX_TAGS) >> ((top + i) & 7)) & 1) === 0) continue;
    if (tolerance.ulps !== undefined && native.u32(TRAP) === NO_TRAP) {
      const distance = ordinal(a) - ordinal(b);
      const limit = BigInt(tolerance.ulps);
      if (distance <= limit && distance >= -limit) continue;
    }
    found.push(`st${i}: CPU ${a}, core ${b}`);
  }
  for (let i = 0; i < 16; i++)
    same(`xmm${i}`, native.hex(FX + FX_XMM + 16 * i, 16), core.hex(FX + FX_XMM + 16 * i, 16));
  const a = native.bytes.subarray(MEMORY, MEMORY + MEMORY_BYTES);
  const b = core.bytes.subarray(MEMORY, MEMORY + MEMORY_BYTES);
  for (let i = 0; i < MEMORY_BYTES; i++) {
    if (a[i] !== b[i]) {
      const from = i & ~15;
      found.push(`memory+${from}: CPU ${native.hex(MEMORY + from, 16)}, core ${core.hex(MEMORY + from, 16)}`);
      break;
    }
  }
  return found;
}

/** Prints what an instruction was given. */
export function describe(input: Case): string {
  const st = [0, 1, 2].map(
    (i) => `st${i} ${input.hex(FX + FX_ST + 16 * i + 8, 2)}:${input.hex(FX + FX_ST + 16 * i, 8)}`,
  );
  return (
    `${input.code()}  fcw ${input.hex(FX + FX_CONTROL, 2)} fsw ${input.hex(FX + FX_STATUS, 2)} tags ${input.hex(FX + FX_TAGS, 1)} ` +
    `mxcsr ${input.hex(FX + FX_MXCSR, 4)} flags ${input.hex(RFLAGS, 4)} ${st.join(" ")} memory+64 ${input.hex(MEMORY + 64, 16)}` +
    (input.bytes[CODE_BYTES] === 0 ? "" : "")
  );
}

/** Numbers an 80-bit number in hex so that neighbours differ by one: the explicit integer bit is left out. */
function ordinal(hex: string): bigint {
  const exponent = BigInt(`0x${hex.slice(0, 4)}`);
  return (exponent << 63n) | (BigInt(`0x${hex.slice(4)}`) & 0x7fff_ffff_ffff_ffffn);
}

/**
 * Which of iced-x86's instructions this CPU offers: by the CPUID feature that iced says an instruction needs, and what the
 * core's CPUID says. One table; no lists of opcodes.
 */
import { Code, CpuidFeature, Instruction } from "iced-x86";
import type { DecoderCore } from "./core.ts";

const EAX = 0;
const EBX = 1;
const ECX = 2;
const EDX = 3;

/** Leaf, register, bit and subleaf of the features that have one. SDM vol 2 "CPUID". */
const BITS: Partial<Record<keyof typeof CpuidFeature, readonly [number, number, number, number?]>> = {
  FPU: [1, EDX, 0],
  FPU287: [1, EDX, 0],
  FPU387: [1, EDX, 0],
  TSC: [1, EDX, 4],
  MSR: [1, EDX, 5],
  CX8: [1, EDX, 8],
  SEP: [1, EDX, 11],
  CMOV: [1, EDX, 15],
  CLFSH: [1, EDX, 19],
  MMX: [1, EDX, 23],
  FXSR: [1, EDX, 24],
  SSE: [1, EDX, 25],
  SSE2: [1, EDX, 26],
  SSE3: [1, ECX, 0],
  PCLMULQDQ: [1, ECX, 1],
  MONITOR: [1, ECX, 3],
  SSSE3: [1, ECX, 9],
  FMA: [1, ECX, 12],
  CMPXCHG16B: [1, ECX, 13],
  SSE4_1: [1, ECX, 19],
  SSE4_2: [1, ECX, 20],
  MOVBE: [1, ECX, 22],
  POPCNT: [1, ECX, 23],
  AES: [1, ECX, 25],
  XSAVE: [1, ECX, 26],
  AVX: [1, ECX, 28],
  F16C: [1, ECX, 29],
  RDRAND: [1, ECX, 30],
  FSGSBASE: [7, EBX, 0],
  BMI1: [7, EBX, 3],
  AVX2: [7, EBX, 5],
  BMI2: [7, EBX, 8],
  INVPCID: [7, EBX, 10],
  RTM: [7, EBX, 11],
  RDSEED: [7, EBX, 18],
  ADX: [7, EBX, 19],
  SMAP: [7, EBX, 20],
  CLFLUSHOPT: [7, EBX, 23],
  CLWB: [7, EBX, 24],
  SHA: [7, EBX, 29],
  RDPID: [7, ECX, 22],
  XSAVEOPT: [0x0d, EAX, 0, 1],
  XSAVEC: [0x0d, EAX, 1, 1],
  LZCNT: [0x8000_0001, ECX, 5],
  PREFETCHW: [0x8000_0001, ECX, 8],
  SYSCALL: [0x8000_0001, EDX, 11],
  RDTSCP: [0x8000_0001, EDX, 27],
};

/** Features without a CPUID bit of their own that every CPU of this kind has. */
const ALWAYS = [
  ...(["INTEL8086", "INTEL186", "INTEL286", "INTEL386", "INTEL486", "X64"] as const),
  ...(["CPUID", "MULTIBYTENOP", "PAUSE", "RDPMC"] as const),
] as const satisfies (keyof typeof CpuidFeature)[];

export class Offered {
  readonly #features = new Set<CpuidFeature>();
  readonly #codes = new Map<Code, boolean>();

  constructor(core: DecoderCore) {
    for (const name of ALWAYS) this.#features.add(CpuidFeature[name]);
    for (const [name, [leaf, register, bit, subleaf]] of Object.entries(BITS)) {
      if (((core.cpuid(leaf, subleaf ?? 0)[register]! >>> bit) & 1) !== 0)
        this.#features.add(CpuidFeature[name as keyof typeof CpuidFeature]);
    }
  }

  has(feature: CpuidFeature): boolean {
    return this.#features.has(feature);
  }

  /** The encodings of code of `bits` that need no more than what is offered; not those with a WAIT, which is one of its own. */
  encodings(bits: 16 | 32 | 64): Code[] {
    const instruction = new Instruction();
    const found: Code[] = [];
    for (const code of Object.values(Code)) {
      if (typeof code !== "number" || code === Code.INVALID || Code[code]!.startsWith("Declare")) continue;
      instruction.code = code;
      const info = instruction.opCode;
      if (info[`mode${bits}`] && !info.fwait && this.isOffered(instruction, code)) found.push(code);
      info.free();
    }
    return found;
  }

  /** Whether all features that the instruction needs are there. VMCALL is the way into the host (cpu-core/README.md), not VMX. */
  isOffered(instruction: Instruction, code: Code): boolean {
    let offered = this.#codes.get(code);
    if (offered === undefined) {
      const needed = Array.from(instruction.cpuidFeatures(), (feature) => feature as CpuidFeature);
      offered = needed.every((feature) => this.has(feature)) || code === Code.Vmcall;
      this.#codes.set(code, offered);
    }
    return offered;
  }
}

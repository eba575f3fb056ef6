/**
 * CPUID: exactly what is there. SDM vol 2 "CPUID". Results go to CPU_SCRATCH: EAX, EBX, ECX, EDX.
 *
 * The vendor is the one whose manuals this CPU follows: C libraries look at features only of vendors they know (glibc
 * takes any other for a CPU below its baseline). Brand string and hypervisor leaf tell who it is.
 */
import { APIC_BASE_ENABLE, CPU_SCRATCH, CR4_OSXSAVE } from "../abi/state";
import { PHYSICAL_BITS } from "../mmu/walk";
import { XCR0_VALID, XSAVE_AREA_BYTES } from "../ops/xsave";
import { cpu, cpuBase } from "./cpu";
import { CODE_64 } from "./mode";

// Leaf 1, EDX.
const FPU: u32 = 1 << 0;
const VME: u32 = 1 << 1;
const DE: u32 = 1 << 2;
const PSE: u32 = 1 << 3;
const TSC: u32 = 1 << 4;
const MSR: u32 = 1 << 5;
const PAE: u32 = 1 << 6;
const MCE: u32 = 1 << 7;
const CX8: u32 = 1 << 8;
const APIC: u32 = 1 << 9;
const SEP: u32 = 1 << 11;
const MTRR: u32 = 1 << 12;
const PGE: u32 = 1 << 13;
const MCA: u32 = 1 << 14;
const CMOV: u32 = 1 << 15;
const PAT: u32 = 1 << 16;
const PSE36: u32 = 1 << 17;
const CLFSH: u32 = 1 << 19;
const MMX: u32 = 1 << 23;
const FXSR: u32 = 1 << 24;
const SSE: u32 = 1 << 25;
const SSE2: u32 = 1 << 26;
// Leaf 1, ECX.
const SSE3: u32 = 1 << 0;
const PCLMULQDQ: u32 = 1 << 1;
const SSSE3: u32 = 1 << 9;
const CX16: u32 = 1 << 13;
const PCID: u32 = 1 << 17;
const SSE4_1: u32 = 1 << 19;
const SSE4_2: u32 = 1 << 20;
const X2APIC: u32 = 1 << 21;
const MOVBE: u32 = 1 << 22;
const POPCNT: u32 = 1 << 23;
const TSC_DEADLINE: u32 = 1 << 24;
const AES: u32 = 1 << 25;
const XSAVE: u32 = 1 << 26;
const OSXSAVE: u32 = 1 << 27;
const RDRAND: u32 = 1 << 30;
const HYPERVISOR: u32 = <u32>1 << 31;
// Leaf 6, EAX.
const ARAT: u32 = 1 << 2;
// Leaf 7, EBX and ECX.
const FSGSBASE: u32 = 1 << 0;
const SMEP: u32 = 1 << 7;
const INVPCID: u32 = 1 << 10;
const RDSEED: u32 = 1 << 18;
const SMAP: u32 = 1 << 20;
const CLFLUSHOPT: u32 = 1 << 23;
const UMIP: u32 = 1 << 2; // ECX
// Leaf 0DH, subleaf 1, EAX.
const XSAVEOPT: u32 = 1 << 0;
const XSAVEC: u32 = 1 << 1;
const XGETBV_IN_USE: u32 = 1 << 2;
// Leaf 80000001H.
const LAHF64: u32 = 1 << 0; // ECX
const PREFETCHW: u32 = 1 << 8;
const SYSCALL: u32 = 1 << 11; // EDX
const NX: u32 = 1 << 20;
const PAGE1GB: u32 = 1 << 26;
const RDTSCP: u32 = 1 << 27;
const LONG_MODE: u32 = 1 << 29;
// Leaf 80000007H, EDX.
const INVARIANT_TSC: u32 = 1 << 8;

const MAX_BASIC: u32 = 0x15;
const MAX_HYPERVISOR: u32 = 0x4000_0000;
const MAX_EXTENDED: u32 = 0x8000_0008;

const CACHE_LINE_BYTES: u32 = 64;

/** The TSC counts nanoseconds: 1 GHz, told by leaf 15H as crystal 25 MHz x 40. */
const CRYSTAL_HZ: u32 = 25_000_000;
const TSC_RATIO: u32 = 40;

function result(a: u32, b: u32, c: u32, d: u32): void {
  const at = cpuBase();
  store<u32>(at, a, CPU_SCRATCH);
  store<u32>(at, b, CPU_SCRATCH + 4);
  store<u32>(at, c, CPU_SCRATCH + 8);
  store<u32>(at, d, CPU_SCRATCH + 12);
}

/** Four characters as CPUID packs them, the first lowest. */
// prettier-ignore
@inline
function text(a: u32, b: u32, c: u32, d: u32): u32 {
  return a | (b << 8) | (c << 16) | (d << 24);
}

/** Leaf 4: a cache of 1 data, 2 instructions, 3 both. */
function cache(type: u32, level: u32, ways: u32, sets: u32): void {
  result(type | (level << 5) | (1 << 8), ((ways - 1) << 22) | (CACHE_LINE_BYTES - 1), sets - 1, 0);
}

/** A leaf beyond its range answers as the highest basic one does. */
function inRange(leaf: u32): u32 {
  if (leaf >= 0x8000_0000) return leaf <= MAX_EXTENDED ? leaf : MAX_BASIC;
  if (leaf >= 0x4000_0000 && leaf <= MAX_HYPERVISOR) return leaf;
  return min(leaf, MAX_BASIC);
}

export function cpuid(leaf: u32, subleaf: u32): void {
  switch (inRange(leaf)) {
    case 0: // "GenuineIntel"
      result(MAX_BASIC, text(0x47, 0x65, 0x6e, 0x75), text(0x6e, 0x74, 0x65, 0x6c), text(0x69, 0x6e, 0x65, 0x49));
      return;
    case 1: {
      // Family 6, model 15, stepping 1.
      const crypto = PCLMULQDQ | AES | RDRAND;
      const sse = SSE3 | SSSE3 | SSE4_1 | SSE4_2;
      const timer = X2APIC | TSC_DEADLINE;
      const osxsave = (cpu().cr4 & CR4_OSXSAVE) != 0 ? OSXSAVE : 0;
      const ecx = sse | crypto | timer | CX16 | PCID | MOVBE | POPCNT | XSAVE | osxsave | HYPERVISOR;
      const apic = (<u32>cpu().apicBase & APIC_BASE_ENABLE) != 0 ? APIC : 0;
      const system = VME | DE | PSE | TSC | MSR | PAE | MCE | apic | SEP | MTRR | PGE | MCA | PAT | PSE36 | CLFSH;
      const edx = system | FPU | CX8 | CMOV | MMX | FXSR | SSE | SSE2;
      // EBX: one logical processor, initial APIC ID 0.
      result(0x6f1, ((CACHE_LINE_BYTES / 8) << 8) | (1 << 16), ecx, edx);
      return;
    }
    case 2: // descriptor FFH: caches are told by leaf 4
      result(0xff01, 0, 0, 0);
      return;
    case 4:
      // type, level, ways, sets; lines of 64 bytes. Nothing is cached for real: sizes that suit copy loops.
      if (subleaf == 0) cache(1, 1, 8, 64);
      else if (subleaf == 1) cache(2, 1, 8, 64);
      else if (subleaf == 2) cache(3, 2, 8, 512);
      else if (subleaf == 3) cache(3, 3, 16, 8192);
      else result(0, 0, 0, 0);
      return;
    case 6: // the APIC timer always runs
      result(ARAT, 0, 0, 0);
      return;
    case 7:
      if (subleaf == 0) result(0, FSGSBASE | SMEP | INVPCID | RDSEED | SMAP | CLFLUSHOPT, UMIP, 0);
      else result(0, 0, 0, 0);
      return;
    case 0x0b: // one thread in one core; x2APIC ID 0
      result(0, subleaf < 2 ? 1 : 0, subleaf < 2 ? subleaf | ((subleaf + 1) << 8) : subleaf & 0xff, 0);
      return;
    case 0x0d:
      if (subleaf == 0) result(XCR0_VALID, XSAVE_AREA_BYTES, XSAVE_AREA_BYTES, 0);
      else if (subleaf == 1) result(XSAVEOPT | XSAVEC | XGETBV_IN_USE, XSAVE_AREA_BYTES, 0, 0);
      else result(0, 0, 0, 0);
      return;
    case 0x15:
      result(1, TSC_RATIO, CRYSTAL_HZ, 0);
      return;
    case 0x4000_0000: // hypervisor leaf
      result(MAX_HYPERVISOR, text(0x56, 0x69, 0x74, 0x72), text(0x69, 0x6e, 0x65, 0x20), 0);
      return;
    case 0x8000_0000:
      result(MAX_EXTENDED, 0, 0, 0);
      return;
    case 0x8000_0001: // SYSCALL is told only where it works: in 64-bit mode
      result(0, 0, LAHF64 | PREFETCHW, (cpu().mode == CODE_64 ? SYSCALL : 0) | NX | PAGE1GB | RDTSCP | LONG_MODE);
      return;
    case 0x8000_0002: // "Vitrine Virtual CPU"
      result(text(0x56, 0x69, 0x74, 0x72), text(0x69, 0x6e, 0x65, 0x20), text(0x56, 0x69, 0x72, 0x74), text(0x75, 0x61, 0x6c, 0x20));
      return;
    case 0x8000_0003:
      result(text(0x43, 0x50, 0x55, 0), 0, 0, 0);
      return;
    case 0x8000_0006: // level 2: 256 KiB, 8 ways
      result(0, 0, (256 << 16) | (6 << 12) | CACHE_LINE_BYTES, 0);
      return;
    case 0x8000_0007:
      result(0, 0, 0, INVARIANT_TSC);
      return;
    case 0x8000_0008: // 48 linear address bits
      result((48 << 8) | PHYSICAL_BITS, 0, 0, 0);
      return;
  }
  result(0, 0, 0, 0);
}

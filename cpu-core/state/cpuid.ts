/**
 * CPUID: exactly what is there. SDM vol 2 "CPUID". Results go to CPU_SCRATCH: EAX, EBX, ECX, EDX.
 *
 * The vendor is the one whose manuals this CPU follows: C libraries look at features only of vendors they know (glibc
 * takes any other for a CPU below its baseline). Brand string and hypervisor leaf tell who it is.
 */
import { CPU_SCRATCH, CR4_OSXSAVE } from "../abi/state";
import { cpu, cpuBase } from "./cpu";

// Leaf 1, EDX.
const FPU: u32 = 1 << 0;
const DE: u32 = 1 << 2;
const PSE: u32 = 1 << 3;
const TSC: u32 = 1 << 4;
const MSR: u32 = 1 << 5;
const PAE: u32 = 1 << 6;
const CX8: u32 = 1 << 8;
const SEP: u32 = 1 << 11;
const PGE: u32 = 1 << 13;
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
const SSSE3: u32 = 1 << 9;
const CX16: u32 = 1 << 13;
const SSE4_1: u32 = 1 << 19;
const SSE4_2: u32 = 1 << 20;
const MOVBE: u32 = 1 << 22;
const POPCNT: u32 = 1 << 23;
const RDRAND: u32 = 1 << 30;
const HYPERVISOR: u32 = <u32>1 << 31;
// Leaf 7, EBX.
const FSGSBASE: u32 = 1 << 0;
const RDSEED: u32 = 1 << 18;
// Leaf 80000001H.
const LAHF64: u32 = 1 << 0; // ECX
const SYSCALL: u32 = 1 << 11; // EDX
const NX: u32 = 1 << 20;
const PAGE1GB: u32 = 1 << 26;
const RDTSCP: u32 = 1 << 27;
const LONG_MODE: u32 = 1 << 29;

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

function cache(type: u32, level: u32, ways: u32, sets: u32): void {
  result(type | (level << 5) | (1 << 8), ((ways - 1) << 22) | 63, sets - 1, 0);
}

export function cpuid(leaf: u32, subleaf: u32): void {
  switch (leaf) {
    case 0: // "GenuineIntel"
      result(0x15, text(0x47, 0x65, 0x6e, 0x75), text(0x6e, 0x74, 0x65, 0x6c), text(0x69, 0x6e, 0x65, 0x49));
      return;
    case 1: {
      // Family 6, model 15, stepping 1.
      const ecx = SSE3 | SSSE3 | CX16 | SSE4_1 | SSE4_2 | MOVBE | POPCNT | RDRAND | HYPERVISOR | ((cpu().cr4 & CR4_OSXSAVE) != 0 ? 1 << 27 : 0);
      const edx = FPU | DE | PSE | TSC | MSR | PAE | CX8 | SEP | PGE | CMOV | PAT | PSE36 | CLFSH | FXSR | SSE | SSE2;
      result(0x6f1, (8 << 8) | (1 << 16), ecx, edx | MMX);
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
    case 7:
      if (subleaf == 0) result(0, FSGSBASE | RDSEED, 0, 0);
      else result(0, 0, 0, 0);
      return;
    case 0x15:
      result(1, TSC_RATIO, CRYSTAL_HZ, 0);
      return;
    case 0x4000_0000: // hypervisor leaf
      result(0x4000_0000, text(0x56, 0x69, 0x74, 0x72), text(0x69, 0x6e, 0x65, 0x20), 0);
      return;
    case 0x8000_0000:
      result(0x8000_0008, 0, 0, 0);
      return;
    case 0x8000_0001:
      result(0, 0, LAHF64, SYSCALL | NX | PAGE1GB | RDTSCP | LONG_MODE);
      return;
    case 0x8000_0002: // "Vitrine Virtual CPU"
      result(text(0x56, 0x69, 0x74, 0x72), text(0x69, 0x6e, 0x65, 0x20), text(0x56, 0x69, 0x72, 0x74), text(0x75, 0x61, 0x6c, 0x20));
      return;
    case 0x8000_0003:
      result(text(0x43, 0x50, 0x55, 0), 0, 0, 0);
      return;
    case 0x8000_0008: // 40 physical, 48 linear address bits
      result(0x3028, 0, 0, 0);
      return;
  }
  result(0, 0, 0, 0);
}

/** Model-specific registers: RDMSR, WRMSR. SDM vol 4 "Architectural MSRs". The MTRRs are in mtrr.ts. */
import {
  CPU_SCRATCH,
  CR0_PG,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  MSR_APIC_BASE,
  MSR_BIOS_SIGN_ID,
  MSR_CSTAR,
  MSR_EFER,
  MSR_FMASK,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MCG_CAP,
  MSR_MCG_STATUS,
  MSR_MISC_ENABLE,
  MSR_P5_MC_ADDR,
  MSR_P5_MC_TYPE,
  MSR_PAT,
  MSR_PLATFORM_ID,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC,
  MSR_TSC_AUX,
  MSR_TSC_DEADLINE,
  MSR_X2APIC,
  RAX,
  RCX,
  RDX,
  SEG_FS,
  SEG_GS,
} from "../abi/state";
import { apicReadMsr, apicWriteMsr, readTsc, tscWritten } from "../host";
import { raiseGP } from "../interrupts/raise";
import { setApicBase } from "../mmu/physical";
import { clearTlb, flushTlb } from "../mmu/tlb";
import { isCanonical } from "../state/address";
import { cpu, cpuBase, readReg, writeReg } from "../state/cpu";
import { updateMode } from "../state/mode";
import { baseOf, setSegmentBase } from "../state/segments";
import { isMemoryType, isMtrr, readMtrr, writeMtrr } from "./mtrr";
import { requireCpl0 } from "./system";

const AX: u32 = RAX << 3;
const CX: u32 = RCX << 3;
const DX: u32 = RDX << 3;

/** Bits of EFER that exist. */
const EFER_VALID: u32 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
/** MISC_ENABLE: fast strings, the one bit that may change; no branch trace storage, no precise event sampling. */
const MISC_FAST_STRINGS: u64 = 1 << 0;
export const MISC_ENABLE_RESET: u64 = MISC_FAST_STRINGS | (1 << 11) | (1 << 12);
/** What BIOS_SIGN_ID tells after CPUID: the microcode's revision in the upper half. */
const MICROCODE_REVISION: u64 = <u64>1 << 32;

function requireCanonical(value: u64): u64 {
  if (!isCanonical(value)) raiseGP(0);
  return value;
}

/** PAT: eight memory types, UC- among them. SDM vol 3A "IA32_PAT MSR". */
function requirePat(value: u64): u64 {
  for (let i: u64 = 0; i < 64; i += 8) {
    const type = <u32>(value >> i) & 0xff;
    if (!isMemoryType(type) && type != 7) raiseGP(0);
  }
  return value;
}

function writeEfer(value: u64): void {
  if ((value & ~(<u64>EFER_VALID)) != 0) raiseGP(0);
  const changed = <u32>value ^ cpu().efer;
  if ((changed & EFER_LME) != 0 && (cpu().cr0 & CR0_PG) != 0) raiseGP(0);
  cpu().efer = (<u32>value & ~EFER_LMA) | (cpu().efer & EFER_LMA);
  flushTlb();
  updateMode();
}

/** The local APIC's MSRs: its registers in x2APIC mode, and IA32_TSC_DEADLINE. */
function readApic(number: u32): u64 {
  if (apicReadMsr(number) == 0) raiseGP(0);
  return load<u64>(cpuBase(), CPU_SCRATCH);
}

function writeApic(number: u32, value: u64): void {
  if (apicWriteMsr(number, <u32>value, <u32>(value >> 32)) == 0) raiseGP(0);
}

/** Reads an MSR; #GP(0) if there is none of that number. */
export function readMsr(number: u32): u64 {
  switch (number) {
    case MSR_P5_MC_ADDR: return 0; // prettier-ignore
    case MSR_P5_MC_TYPE: return 0; // prettier-ignore
    case MSR_TSC: return <u64>readTsc() + cpu().tscOffset; // prettier-ignore
    case MSR_PLATFORM_ID: return 0; // prettier-ignore
    case MSR_APIC_BASE: return cpu().apicBase; // prettier-ignore
    case MSR_BIOS_SIGN_ID: return MICROCODE_REVISION; // prettier-ignore
    case MSR_TSC_DEADLINE: return readApic(number); // prettier-ignore
    case MSR_SYSENTER_CS: return cpu().sysenterCs; // prettier-ignore
    case MSR_SYSENTER_ESP: return cpu().sysenterEsp; // prettier-ignore
    case MSR_SYSENTER_EIP: return cpu().sysenterEip; // prettier-ignore
    case MSR_MCG_CAP: return 0; // prettier-ignore
    case MSR_MCG_STATUS: return 0; // prettier-ignore
    case MSR_MISC_ENABLE: return cpu().miscEnable; // prettier-ignore
    case MSR_PAT: return cpu().pat; // prettier-ignore
    case MSR_EFER: return <u64>cpu().efer; // prettier-ignore
    case MSR_STAR: return cpu().star; // prettier-ignore
    case MSR_LSTAR: return cpu().lstar; // prettier-ignore
    case MSR_CSTAR: return cpu().cstar; // prettier-ignore
    case MSR_FMASK: return cpu().fmask; // prettier-ignore
    case MSR_FS_BASE: return baseOf(SEG_FS); // prettier-ignore
    case MSR_GS_BASE: return baseOf(SEG_GS); // prettier-ignore
    case MSR_KERNEL_GS_BASE: return cpu().kernelGsBase; // prettier-ignore
    case MSR_TSC_AUX: return <u64>cpu().tscAux; // prettier-ignore
  }
  if (isMtrr(number)) return readMtrr(number);
  if (number - MSR_X2APIC < 0x100) return readApic(number);
  raiseGP(0);
  return 0;
}

/** Writes an MSR; #GP(0) for unknown numbers, reserved bits and non-canonical addresses. */
export function writeMsr(number: u32, value: u64): void {
  switch (number) {
    case MSR_TSC: cpu().tscOffset = value - <u64>readTsc(); tscWritten(); return; // prettier-ignore
    case MSR_APIC_BASE: writeApic(number, value); setApicBase(value); clearTlb(); return; // prettier-ignore
    case MSR_TSC_DEADLINE: writeApic(number, value); return; // prettier-ignore
    case MSR_P5_MC_ADDR: return; // prettier-ignore
    case MSR_P5_MC_TYPE: return; // prettier-ignore
    case MSR_BIOS_SIGN_ID: return; // prettier-ignore
    case MSR_SYSENTER_CS: cpu().sysenterCs = value & 0xffff_ffff; return; // prettier-ignore
    case MSR_SYSENTER_ESP: cpu().sysenterEsp = requireCanonical(value); return; // prettier-ignore
    case MSR_SYSENTER_EIP: cpu().sysenterEip = requireCanonical(value); return; // prettier-ignore
    case MSR_MCG_STATUS: if (value == 0) return; break; // prettier-ignore
    case MSR_MISC_ENABLE:
      if (((value ^ cpu().miscEnable) & ~MISC_FAST_STRINGS) != 0) raiseGP(0);
      cpu().miscEnable = value;
      return;
    case MSR_PAT: cpu().pat = requirePat(value); return; // prettier-ignore
    case MSR_EFER: writeEfer(value); return; // prettier-ignore
    case MSR_STAR: cpu().star = value; return; // prettier-ignore
    case MSR_LSTAR: cpu().lstar = requireCanonical(value); return; // prettier-ignore
    case MSR_CSTAR: cpu().cstar = requireCanonical(value); return; // prettier-ignore
    case MSR_FMASK: if (value >> 32 != 0) break; cpu().fmask = value; return; // prettier-ignore
    case MSR_FS_BASE: setSegmentBase(SEG_FS, requireCanonical(value)); return; // prettier-ignore
    case MSR_GS_BASE: setSegmentBase(SEG_GS, requireCanonical(value)); return; // prettier-ignore
    case MSR_KERNEL_GS_BASE: cpu().kernelGsBase = requireCanonical(value); return; // prettier-ignore
    case MSR_TSC_AUX: if (value >> 32 != 0) break; cpu().tscAux = <u32>value; return; // prettier-ignore
  }
  if (isMtrr(number) && writeMtrr(number, value)) return;
  if (number - MSR_X2APIC < 0x100) {
    writeApic(number, value);
    return;
  }
  raiseGP(0);
}

export function rdmsr(): void {
  requireCpl0();
  const value = readMsr(readReg<u32>(CX));
  writeReg<u32>(AX, <u32>value);
  writeReg<u32>(DX, <u32>(value >> 32));
}

export function wrmsr(): void {
  requireCpl0();
  writeMsr(readReg<u32>(CX), (<u64>readReg<u32>(DX) << 32) | <u64>readReg<u32>(AX));
}

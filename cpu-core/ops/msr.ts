/** Model-specific registers: RDMSR, WRMSR. SDM vol 4 "Architectural MSRs". */
import {
  CR0_PG,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  MSR_APIC_BASE,
  MSR_CSTAR,
  MSR_EFER,
  MSR_FMASK,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_PAT,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC,
  MSR_TSC_AUX,
  RAX,
  RCX,
  RDX,
  SEG_FS,
  SEG_GS,
} from "../abi/state";
import { readTsc } from "../host";
import { raiseGP } from "../interrupts/raise";
import { flushTlb } from "../mmu/tlb";
import { cpu, readReg, writeReg } from "../state/cpu";
import { updateMode } from "../state/mode";
import { baseOf, setSegmentBase } from "../state/segments";
import { requireCpl0 } from "./system";

const AX: u32 = RAX << 3;
const CX: u32 = RCX << 3;
const DX: u32 = RDX << 3;

/** Bits of EFER that exist. */
const EFER_VALID: u32 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

function requireCanonical(value: u64): u64 {
  if (<u64>((<i64>(value << 16)) >> 16) != value) raiseGP(0);
  return value;
}

/** Reads an MSR; #GP(0) if there is none of that number. */
export function readMsr(number: u32): u64 {
  switch (number) {
    case MSR_TSC: return <u64>readTsc() + cpu().tscOffset; // prettier-ignore
    case MSR_APIC_BASE: return cpu().apicBase; // prettier-ignore
    case MSR_SYSENTER_CS: return cpu().sysenterCs; // prettier-ignore
    case MSR_SYSENTER_ESP: return cpu().sysenterEsp; // prettier-ignore
    case MSR_SYSENTER_EIP: return cpu().sysenterEip; // prettier-ignore
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
  raiseGP(0);
  return 0;
}

/** Writes an MSR; #GP(0) for unknown numbers, reserved bits and non-canonical addresses. */
export function writeMsr(number: u32, value: u64): void {
  switch (number) {
    case MSR_TSC: cpu().tscOffset = value - <u64>readTsc(); return; // prettier-ignore
    case MSR_APIC_BASE: cpu().apicBase = value; return; // prettier-ignore
    case MSR_SYSENTER_CS: cpu().sysenterCs = value; return; // prettier-ignore
    case MSR_SYSENTER_ESP: cpu().sysenterEsp = requireCanonical(value); return; // prettier-ignore
    case MSR_SYSENTER_EIP: cpu().sysenterEip = requireCanonical(value); return; // prettier-ignore
    case MSR_MISC_ENABLE: cpu().miscEnable = value; return; // prettier-ignore
    case MSR_PAT: cpu().pat = value; return; // prettier-ignore
    case MSR_EFER:
      if ((value & ~(<u64>EFER_VALID)) != 0) raiseGP(0);
      if (((<u32>value ^ cpu().efer) & EFER_LME) != 0 && (cpu().cr0 & CR0_PG) != 0) raiseGP(0);
      cpu().efer = (<u32>value & ~EFER_LMA) | (cpu().efer & EFER_LMA);
      flushTlb();
      updateMode();
      return;
    case MSR_STAR: cpu().star = value; return; // prettier-ignore
    case MSR_LSTAR: cpu().lstar = requireCanonical(value); return; // prettier-ignore
    case MSR_CSTAR: cpu().cstar = requireCanonical(value); return; // prettier-ignore
    case MSR_FMASK: cpu().fmask = value & 0xffff_ffff; return; // prettier-ignore
    case MSR_FS_BASE: setSegmentBase(SEG_FS, requireCanonical(value)); return; // prettier-ignore
    case MSR_GS_BASE: setSegmentBase(SEG_GS, requireCanonical(value)); return; // prettier-ignore
    case MSR_KERNEL_GS_BASE: cpu().kernelGsBase = requireCanonical(value); return; // prettier-ignore
    case MSR_TSC_AUX: cpu().tscAux = <u32>value; return; // prettier-ignore
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

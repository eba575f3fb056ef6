/**
 * The processor's mode, as far as decoding depends on it, and setting it from CR0, EFER, RFLAGS.VM and CS.
 */
import {
  CPU_SEGMENTS,
  CR0_AM,
  CR0_PE,
  CR4_PVI,
  CR4_SMAP,
  CR4_VME,
  EFER_LMA,
  FLAG_AC,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  SEG_CS,
  SEG_SS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_SIZE,
} from "../abi/state";
import { TLB_CHECKED, TLB_SUPERVISOR, TLB_SUPERVISOR_AC, TLB_USER } from "../mmu/tlb";
import { cpu, cpuBase } from "./cpu";
import { hasDataBreakpoints, setVirtualInterruptDue } from "./stepping";

export const CODE_16: u32 = 0;
export const CODE_32: u32 = 1;
export const CODE_64: u32 = 2;

/** Descriptor attribute bits (bits 40-55 of the descriptor). SDM vol 3A "Segment Descriptors". */
export const ATTRIBUTE_L: u32 = 1 << 13;
export const ATTRIBUTE_DB: u32 = 1 << 14;

/** Whether the CPU is in protected mode proper (not real, not virtual-8086). */
export function isProtected(): bool {
  return (cpu().cr0 & CR0_PE) != 0 && (cpu().rflags & FLAG_VM) == 0;
}

export function isLongMode(): bool {
  return (cpu().efer & EFER_LMA) != 0;
}

/** Works out `mode` and the TLB part; to be called when CS, CPL, CR0, CR4, EFER, RFLAGS.VM, RFLAGS.AC or DR7 changed. */
export function updateMode(): void {
  const attributes = load<u32>(cpuBase(), CPU_SEGMENTS + SEG_CS * SEGMENT_SIZE + SEGMENT_ATTRIBUTES);
  if (isLongMode() && (attributes & ATTRIBUTE_L) != 0) cpu().mode = CODE_64;
  else cpu().mode = (attributes & ATTRIBUTE_DB) != 0 ? CODE_32 : CODE_16;
  setVirtualInterruptDue(hasVirtualInterrupt());
  cpu().tlbPart = isAlignmentChecked() || hasDataBreakpoints() ? TLB_CHECKED : rightsPart();
}

/** Whether VIF and VIP are both set in virtual-8086 mode with CR4.VME, or at CPL 3 with CR4.PVI. SDM vol 3B "Virtual Interrupt Handling". */
function hasVirtualInterrupt(): bool {
  const flags = cpu().rflags;
  if ((flags & FLAG_VIP) == 0 || (flags & FLAG_VIF) == 0 || cpu().cpl != 3) return false;
  return (cpu().cr4 & ((flags & FLAG_VM) != 0 ? CR4_VME : CR4_PVI)) != 0;
}

/** The TLB part with the rights of the current privilege level. */
export function rightsPart(): u32 {
  if (cpu().cpl == 3) return TLB_USER;
  return (cpu().cr4 & CR4_SMAP) != 0 && (cpu().rflags & FLAG_AC) != 0 ? TLB_SUPERVISOR_AC : TLB_SUPERVISOR;
}

/** Whether an access that is not aligned raises #AC. SDM vol 3A "Alignment Check Exception (#AC)". */
export function isAlignmentChecked(): bool {
  return cpu().cpl == 3 && (cpu().rflags & FLAG_AC) != 0 && (cpu().cr0 & CR0_AM) != 0;
}

/** Bytes of the stack pointer: 8 in 64-bit mode, else 4 or 2 by SS.B. */
export function stackSize(): u32 {
  if (cpu().mode == CODE_64) return 8;
  const attributes = load<u32>(cpuBase(), CPU_SEGMENTS + SEG_SS * SEGMENT_SIZE + SEGMENT_ATTRIBUTES);
  return (attributes & ATTRIBUTE_DB) != 0 ? 4 : 2;
}

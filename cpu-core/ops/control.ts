/** Control registers, CLTS, LMSW, SMSW, INVLPG. SDM vol 3A "Control Registers". */
import {
  CR0_CD,
  CR0_ET,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  CR4_PCE,
  CR4_PGE,
  CR4_PSE,
  CR4_TSD,
  EFER_LMA,
  EFER_LME,
} from "../abi/state";
import { Insn, INSN_MEMORY } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { flushTlb, invalidatePage } from "../mmu/tlb";
import { linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { CODE_64, isLongMode, updateMode } from "../state/mode";
import { on } from "./backend";
import { requireCpl0 } from "./system";

const CR4_VALID: u32 =
  CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE;

export function writeCr0(value: u64): void {
  if (value >> 32 != 0) raiseGP(0);
  const bits = <u32>value | CR0_ET;
  if ((bits & CR0_PG) != 0 && (bits & CR0_PE) == 0) raiseGP(0);
  if ((bits & CR0_NW) != 0 && (bits & CR0_CD) == 0) raiseGP(0);
  const old = cpu().cr0;
  if ((bits & CR0_PG) != 0 && (old & CR0_PG) == 0 && (cpu().efer & EFER_LME) != 0) {
    if ((cpu().cr4 & CR4_PAE) == 0) raiseGP(0);
    cpu().efer |= EFER_LMA;
  } else if ((bits & CR0_PG) == 0 && (old & CR0_PG) != 0 && (cpu().efer & EFER_LMA) != 0) {
    if (cpu().mode == CODE_64) raiseGP(0);
    cpu().efer &= ~EFER_LMA;
  }
  cpu().cr0 = bits;
  if (((bits ^ old) & (CR0_PG | CR0_PE | CR0_WP)) != 0) flushTlb();
  if ((bits & CR0_PE) == 0) cpu().cpl = 0;
  updateMode();
}

export function writeCr3(value: u64): void {
  cpu().cr3 = isLongMode() ? value & 0x000f_ffff_ffff_ffff : value & 0xffff_ffff;
  flushTlb();
}

export function writeCr4(value: u64): void {
  if ((value & ~(<u64>CR4_VALID)) != 0) raiseGP(0);
  if (isLongMode() && (<u32>value & CR4_PAE) == 0) raiseGP(0);
  cpu().cr4 = <u32>value;
  flushTlb();
}

/** MOV r, CRn. */
export function movFromCr<T>(insn: Insn): void {
  requireCpl0();
  let value: u64 = 0;
  switch (insn.src) {
    case 0: value = <u64>cpu().cr0; break; // prettier-ignore
    case 2: value = cpu().cr2; break; // prettier-ignore
    case 3: value = cpu().cr3; break; // prettier-ignore
    case 4: value = <u64>cpu().cr4; break; // prettier-ignore
    case 8: value = <u64>cpu().cr8; break; // prettier-ignore
    default: raiseUD(); break; // prettier-ignore
  }
  writeReg<T>(<u32>insn.dst, <T>value);
}

/** MOV CRn, r. */
export function movToCr<T>(insn: Insn): void {
  requireCpl0();
  const value = <u64>readReg<T>(<u32>insn.dst);
  switch (insn.src) {
    case 0: writeCr0(value); break; // prettier-ignore
    case 2: cpu().cr2 = value; break; // prettier-ignore
    case 3: writeCr3(value); break; // prettier-ignore
    case 4: writeCr4(value); break; // prettier-ignore
    case 8: if (value > 15) raiseGP(0); cpu().cr8 = <u32>value; break; // prettier-ignore
    default: raiseUD(); break; // prettier-ignore
  }
}

export function clts(): void {
  requireCpl0();
  cpu().cr0 &= ~CR0_TS;
}

/** SMSW, LMSW. */
export function smsw<T>(insn: Insn): void {
  on<Interpreter>().writeDst<T>(insn, <T>cpu().cr0);
}

export function lmsw(insn: Insn): void {
  requireCpl0();
  const value = <u32>on<Interpreter>().readSrc<u16>(insn);
  // PE can be set but not cleared.
  writeCr0(<u64>((cpu().cr0 & ~0xe) | (value & 0xf) | (cpu().cr0 & CR0_PE)));
}

export function invlpg(insn: Insn): void {
  requireCpl0();
  if ((insn.flags & <u16>INSN_MEMORY) == 0) raiseUD();
  invalidatePage(linear(insn, 1, false));
}

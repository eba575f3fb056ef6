/** Control registers, CLTS, LMSW, SMSW. SDM vol 3A "Control Registers". */
import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
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
  CR4_OSXSAVE,
  CR4_PAE,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_PVI,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_UMIP,
  CR4_VME,
  EFER_LMA,
  EFER_LME,
  FLAG_AC,
  SEG_CS,
  SEG_TR,
} from "../abi/state";
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { readCr8, writeCr8 } from "../host";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { enterContext, flushTlb } from "../mmu/tlb";
import { loadPdptes, PHYSICAL_BITS } from "../mmu/walk";
import { cpu, readReg, writeReg } from "../state/cpu";
import { ATTRIBUTE_L, CODE_64, isLongMode, updateMode } from "../state/mode";
import { attributesOf } from "../state/segments";
import { on } from "./backend";
import { checkUmip, requireCpl0 } from "./system";

const CR0_VALID: u32 =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
const CR4_VALID: u32 =
  CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |
  CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
/** MOV CR3 with PCIDE: the translations of the new PCID are kept. */
const CR3_NO_FLUSH: u64 = <u64>1 << 63;
const CR3_PCID: u64 = 0xfff;

/** Whether CR0, CR4 and EFER (its LME) select PAE paging. */
function isPaePaging(cr0: u32, cr4: u32): bool {
  return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (cpu().efer & EFER_LME) == 0;
}

/** #GP(0) unless IA-32e mode may be entered now. SDM vol 3A "Initializing IA-32e Mode". */
function checkLongModeEntry(): void {
  const isTss16 = (attributesOf(SEG_TR) & 0x1d) == 1;
  if ((cpu().cr4 & CR4_PAE) == 0 || (attributesOf(SEG_CS) & ATTRIBUTE_L) != 0 || isTss16) raiseGP(0);
}

/** Reserved bits stay clear, but for the upper half: #GP(0). */
export function writeCr0(value: u64): void {
  if (value >> 32 != 0) raiseGP(0);
  const bits = (<u32>value & CR0_VALID) | CR0_ET;
  if ((bits & CR0_PG) != 0 && (bits & CR0_PE) == 0) raiseGP(0);
  if ((bits & CR0_NW) != 0 && (bits & CR0_CD) == 0) raiseGP(0);
  const old = cpu().cr0;
  const changed = bits ^ old;
  if ((bits & CR0_PG) == 0 && (cpu().cr4 & CR4_PCIDE) != 0) raiseGP(0);
  let efer = cpu().efer;
  if ((changed & CR0_PG) != 0 && (efer & EFER_LME) != 0) {
    if ((bits & CR0_PG) != 0) checkLongModeEntry();
    else if (cpu().mode == CODE_64) raiseGP(0);
    efer ^= EFER_LMA;
  }
  if ((changed & (CR0_CD | CR0_NW | CR0_PG)) != 0 && isPaePaging(bits, cpu().cr4)) loadPdptes(cpu().cr3);
  cpu().efer = efer;
  cpu().cr0 = bits;
  if ((changed & (CR0_PG | CR0_PE | CR0_WP)) != 0) flushTlb();
  if ((bits & CR0_PE) == 0) cpu().cpl = 0;
  updateMode();
}

/** #GP(0) for bits from MAXPHYADDR on; the reserved ones below are kept and have no effect. */
export function writeCr3(value: u64): void {
  const withPcid = (cpu().cr4 & CR4_PCIDE) != 0;
  const keep = withPcid && (value & CR3_NO_FLUSH) != 0;
  if (keep) value &= ~CR3_NO_FLUSH;
  if (value >> <u64>PHYSICAL_BITS != 0) raiseGP(0);
  if (isPaePaging(cpu().cr0, cpu().cr4)) loadPdptes(value);
  cpu().cr3 = value;
  if (withPcid) enterContext(<u32>(value & CR3_PCID), keep);
  else flushTlb();
}

/** #GP(0) for reserved bits, for PAE cleared in IA-32e mode, for PCIDE set outside it or with a PCID in CR3. */
export function writeCr4(value: u64): void {
  if ((value & ~(<u64>CR4_VALID)) != 0) raiseGP(0);
  const bits = <u32>value;
  const changed = bits ^ cpu().cr4;
  if (isLongMode() && (bits & CR4_PAE) == 0) raiseGP(0);
  if ((changed & bits & CR4_PCIDE) != 0 && (!isLongMode() || (cpu().cr3 & CR3_PCID) != 0)) raiseGP(0);
  if ((changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) != 0 && isPaePaging(cpu().cr0, bits)) loadPdptes(cpu().cr3);
  cpu().cr4 = bits;
  flushTlb();
  updateMode();
}

/** #UD unless `number` names a control register. */
function requireControlRegister(number: u32): void {
  if (number != 0 && (number < 2 || number > 4) && number != 8) raiseUD();
}

/** MOV r, CRn. */
export function movFromCr<T>(insn: Insn): void {
  requireControlRegister(<u32>insn.src);
  requireCpl0();
  let value: u64 = 0;
  switch (insn.src) {
    case 0: value = <u64>cpu().cr0; break; // prettier-ignore
    case 2: value = cpu().cr2; break; // prettier-ignore
    case 3: value = cpu().cr3; break; // prettier-ignore
    case 4: value = <u64>cpu().cr4; break; // prettier-ignore
    case 8: value = <u64>readCr8(); break; // prettier-ignore
  }
  writeReg<T>(<u32>insn.dst, <T>value);
}

/** MOV CRn, r. */
export function movToCr<T>(insn: Insn): void {
  requireControlRegister(<u32>insn.src);
  requireCpl0();
  const value = <u64>readReg<T>(<u32>insn.dst);
  switch (insn.src) {
    case 0: writeCr0(value); break; // prettier-ignore
    case 2: cpu().cr2 = value; break; // prettier-ignore
    case 3: writeCr3(value); break; // prettier-ignore
    case 4: writeCr4(value); break; // prettier-ignore
    case 8: if (value > 15) raiseGP(0); writeCr8(<u32>value); break; // prettier-ignore
  }
}

export function clts(): void {
  requireCpl0();
  cpu().cr0 &= ~CR0_TS;
}

/** SMSW, LMSW. */
export function smsw<T>(insn: Insn): void {
  checkUmip();
  on<Interpreter>().writeDst<T>(insn, <T>cpu().cr0);
}

export function lmsw(insn: Insn): void {
  requireCpl0();
  const value = <u32>on<Interpreter>().readSrc<u16>(insn);
  // PE can be set but not cleared.
  writeCr0(<u64>((cpu().cr0 & ~0xe) | (value & 0xf) | (cpu().cr0 & CR0_PE)));
}

/** STAC, CLAC. #UD at other levels than 0. */
export function setAlignmentCheck(value: bool): void {
  if (cpu().cpl != 0) raiseUD();
  cpu().rflags = value ? cpu().rflags | FLAG_AC : cpu().rflags & ~FLAG_AC;
  updateMode();
}

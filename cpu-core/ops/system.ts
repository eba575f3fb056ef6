/** System instructions: control registers, MSRs, descriptor tables, fast system calls, CPUID's neighbours. */
import {
  CPU_DR,
  CPU_SCRATCH,
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
  EFER_NXE,
  EFER_SCE,
  FLAG_CF,
  FLAG_IF,
  FLAG_RF,
  FLAG_VM,
  FLAG_ZF,
  FLAGS_STATUS,
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
  RSP,
  SEG_CS,
  SEG_FS,
  SEG_GS,
  SEG_LDTR,
  SEG_SS,
  SEG_TR,
} from "../abi/state";
import { VECTOR_GP, VECTOR_NP } from "../abi/vectors";
import { Insn, INSN_MEMORY } from "../decode/insn";
import { random32, readTsc } from "../host";
import { Interpreter } from "../interpreter/backend";
import { raiseGP, raiseUD, raiseWithCode } from "../interrupts/raise";
import { read, readSystem, write, writeSystem } from "../mmu/access";
import { flushTlb, invalidatePage } from "../mmu/tlb";
import { linear } from "../state/address";
import { EXIT_VMCALL } from "../abi/exit";
import { requestExit } from "../state/exit";
import { cpu, cpuBase, readReg, writeReg } from "../state/cpu";
import { cpuid } from "../state/cpuid";
import { ATTRIBUTE_DB, ATTRIBUTE_L, CODE_64, isLongMode, isProtected, updateMode } from "../state/mode";
import { FlagsOf, materializeFlags, setFlagBits } from "../state/rflags";
import {
  ATTRIBUTE_G,
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  baseOf,
  descriptorAddress,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorHigh,
  descriptorLimit,
  limitOf,
  readDescriptor,
  selectorOf,
  setSegment,
  setSegmentBase,
  TYPE_CODE,
  TYPE_EXPAND_DOWN,
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS_16,
  TYPE_WRITABLE,
} from "../state/segments";
import { on } from "./backend";

const AX: u32 = RAX << 3;
const CX: u32 = RCX << 3;
const DX: u32 = RDX << 3;

/** #GP(0) unless CPL is 0 (and not virtual-8086, whose CPL is 3). */
export function requireCpl0(): void {
  if (cpu().cpl != 0) raiseGP(0);
}

/** CLI, STI by IOPL. STI holds interrupts off for one instruction if IF was clear. */
export function cli(): void {
  if (isProtected() && cpu().cpl > ((cpu().rflags >> 12) & 3)) raiseGP(0);
  cpu().rflags &= ~FLAG_IF;
}

export function sti(): void {
  if (isProtected() && cpu().cpl > ((cpu().rflags >> 12) & 3)) raiseGP(0);
  if ((cpu().rflags & FLAG_IF) == 0) cpu().shadow = 1;
  cpu().rflags |= FLAG_IF;
}

export function hlt(): void {
  requireCpl0();
  cpu().halted = 1;
}

// Control registers ---------------------------------------------------------------------------------------------

const CR4_VALID: u32 =
  CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE;
const EFER_VALID: u32 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

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

/** MOV r, DRn and MOV DRn, r. QUIRK: breakpoints are kept but do not fire yet. */
export function movFromDr<T>(insn: Insn): void {
  requireCpl0();
  writeReg<T>(<u32>insn.dst, <T>load<u64>(debugRegister(insn), CPU_DR));
}

export function movToDr<T>(insn: Insn): void {
  requireCpl0();
  const value = <u64>readReg<T>(<u32>insn.dst);
  const number = <u32>insn.src;
  const at = debugRegister(insn);
  if (number >= 4) {
    if (value >> 32 != 0) raiseGP(0);
    if (number == 6 || number == 4) store<u64>(at, (value & 0xe00f) | 0xffff_0ff0, CPU_DR);
    else store<u64>(at, (value & 0xffff_2bff) | 0x400, CPU_DR);
  } else {
    store<u64>(at, value, CPU_DR);
  }
}

function debugRegister(insn: Insn): usize {
  let number = <u32>insn.src;
  if (number > 7) raiseUD();
  if (number == 4 || number == 5) {
    if ((cpu().cr4 & CR4_DE) != 0) raiseUD();
    number += 2;
  }
  return cpuBase() + (number << 3);
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

// Descriptor tables ------------------------------------------------------------------------------------------------

export function storeTable(insn: Insn, base: u64, limit: u32): void {
  if (cpu().mode == CODE_64) {
    const address = linear(insn, 10, true);
    write<u16>(address, <u16>limit);
    write<u64>(address + 2, base);
  } else {
    const address = linear(insn, 6, true);
    write<u16>(address, <u16>limit);
    write<u32>(address + 2, <u32>base);
  }
}

/** LGDT, LIDT: with a 16-bit operand size the base has 24 bits. */
export function loadTable<T>(insn: Insn, isIdt: bool): void {
  requireCpl0();
  const wide = cpu().mode == CODE_64;
  const address = linear(insn, wide ? 10 : 6, false);
  const limit = <u32>read<u16>(address);
  let base = wide ? read<u64>(address + 2) : <u64>read<u32>(address + 2);
  if (!wide && sizeof<T>() == 2) base &= 0xff_ffff;
  if (wide && <u64>((<i64>(base << 16)) >> 16) != base) raiseGP(0);
  if (isIdt) {
    cpu().idtrBase = base;
    cpu().idtrLimit = limit;
  } else {
    cpu().gdtrBase = base;
    cpu().gdtrLimit = limit;
  }
}

/** SLDT, STR. */
export function storeSelector<T>(insn: Insn, index: u32): void {
  if ((insn.flags & <u16>INSN_MEMORY) != 0) on<Interpreter>().writeDst<u16>(insn, <u16>selectorOf(index));
  else on<Interpreter>().writeDst<T>(insn, <T>selectorOf(index));
}

/** A system descriptor of 16 bytes in long mode: the upper half of its base. */
function upperBase(): u64 {
  return isLongMode() ? <u64>readSystem<u32>(descriptorAddress + 8) << 32 : 0;
}

export function lldt(insn: Insn): void {
  requireCpl0();
  const selector = <u32>on<Interpreter>().readSrc<u16>(insn);
  if ((selector & 0xfffc) == 0) {
    setSegment(SEG_LDTR, selector, 0, 0, 0);
    return;
  }
  if ((selector & 4) != 0) raiseGP(selector & 0xfffc);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  if ((attributes & 0x1f) != TYPE_LDT) raiseGP(selector & 0xfffc);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, selector & 0xfffc);
  setSegment(SEG_LDTR, selector, attributes, descriptorBase() | upperBase(), descriptorLimit());
}

export function ltr(insn: Insn): void {
  requireCpl0();
  const selector = <u32>on<Interpreter>().readSrc<u16>(insn);
  if ((selector & 0xfffc) == 0 || (selector & 4) != 0) raiseGP(selector & 0xfffc);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const type = attributes & 0x1f;
  if (type != TYPE_TSS && (type != TYPE_TSS_16 || isLongMode())) raiseGP(selector & 0xfffc);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, selector & 0xfffc);
  const base = descriptorBase() | upperBase();
  const limit = descriptorLimit();
  writeSystem<u8>(descriptorAddress + 5, <u8>(attributes | 2)); // busy
  setSegment(SEG_TR, selector, attributes | 2, base, limit);
}

/** Whether `selector` names a descriptor within its table; reads it. */
function findDescriptor(selector: u32): bool {
  if ((selector & 0xfffc) == 0) return false;
  const limit = (selector & 4) != 0 ? limitOf(SEG_LDTR) : cpu().gdtrLimit;
  if ((selector & 0xfff8) + 7 > limit) return false;
  readDescriptor(selector, VECTOR_GP);
  return true;
}

function isVisible(selector: u32, attributes: u32): bool {
  const conforming = (attributes & (ATTRIBUTE_S | TYPE_CODE | TYPE_EXPAND_DOWN)) == (ATTRIBUTE_S | TYPE_CODE | TYPE_EXPAND_DOWN);
  return conforming || (descriptorDpl() >= cpu().cpl && descriptorDpl() >= (selector & 3));
}

/** LAR, LSL. */
export function loadRights<T>(insn: Insn, limits: bool): void {
  const selector = <u32>on<Interpreter>().readSrc<u16>(insn);
  let ok = findDescriptor(selector);
  if (ok) {
    const attributes = descriptorAttributes();
    ok = isVisible(selector, attributes);
    if (ok && (attributes & ATTRIBUTE_S) == 0) {
      const type = attributes & 15;
      const segments = type == 2 || type == 9 || type == 11 || (!isLongMode() && (type == 1 || type == 3));
      const gates = type == 12 || (!isLongMode() && (type == 4 || type == 5));
      ok = segments || (gates && !limits);
    }
    if (ok) writeReg<T>(<u32>insn.dst, limits ? <T>descriptorLimit() : <T>(descriptorHigh & 0x00ff_ff00));
  }
  setFlagBits(FLAG_ZF, ok ? FLAG_ZF : 0);
}

/** VERR, VERW. */
export function verify(insn: Insn, forWrite: bool): void {
  const selector = <u32>on<Interpreter>().readSrc<u16>(insn);
  let ok = findDescriptor(selector);
  if (ok) {
    const attributes = descriptorAttributes();
    ok = (attributes & ATTRIBUTE_S) != 0 && isVisible(selector, attributes);
    if (forWrite) ok = ok && (attributes & (TYPE_CODE | TYPE_WRITABLE)) == TYPE_WRITABLE;
    else ok = ok && (attributes & (TYPE_CODE | TYPE_WRITABLE)) != TYPE_CODE;
  }
  setFlagBits(FLAG_ZF, ok ? FLAG_ZF : 0);
}

/** ARPL r/m16, r16. */
export function arpl(insn: Insn): void {
  const b = on<Interpreter>();
  const src = readReg<u16>(<u32>insn.src);
  const dst = b.readUpdate<u16>(insn);
  const raised = (dst & 3) < (src & 3);
  b.writeUpdate<u16>(insn, raised ? <u16>((dst & ~3) | (src & 3)) : dst);
  setFlagBits(FLAG_ZF, raised ? FLAG_ZF : 0);
}

// Fast system calls ------------------------------------------------------------------------------------------------

const FLAT_CODE: u32 = ATTRIBUTE_G | ATTRIBUTE_P | ATTRIBUTE_S | TYPE_CODE | TYPE_WRITABLE | 1;
const FLAT_DATA: u32 = ATTRIBUTE_G | ATTRIBUTE_DB | ATTRIBUTE_P | ATTRIBUTE_S | TYPE_WRITABLE | 1;

/** Loads flat CS and SS at level `cpl`, as the fast system calls do without reading descriptors. */
function enterFlat(cs: u32, ss: u32, cpl: u32, to64: bool): void {
  setSegment(SEG_CS, cs, FLAT_CODE | (cpl << 5) | (to64 ? ATTRIBUTE_L : ATTRIBUTE_DB), 0, 0xffff_ffff);
  setSegment(SEG_SS, ss, FLAT_DATA | (cpl << 5), 0, 0xffff_ffff);
  cpu().cpl = cpl;
  updateMode();
}

/** SYSCALL. SDM vol 2 "SYSCALL": 64-bit mode only. */
export function syscall(): void {
  if ((cpu().efer & EFER_SCE) == 0 || cpu().mode != CODE_64) raiseUD();
  const flags = materializeFlags();
  writeReg<u64>(CX, cpu().rip);
  writeReg<u64>(11 << 3, <u64>(flags & ~FLAG_RF));
  cpu().rflags = (flags & ~<u32>cpu().fmask & ~FLAG_RF) | 2;
  const selector = <u32>(cpu().star >> 32) & 0xfffc;
  enterFlat(selector, selector + 8, 0, true);
  cpu().rip = cpu().lstar;
}

/** SYSRET: REX.W returns to 64-bit code, else to compatibility mode. */
export function sysret<T>(): void {
  if ((cpu().efer & EFER_SCE) == 0 || cpu().mode != CODE_64) raiseUD();
  requireCpl0();
  const to64 = sizeof<T>() == 8;
  const target = readReg<u64>(CX);
  if (to64 && <u64>((<i64>(target << 16)) >> 16) != target) raiseGP(0);
  cpu().rflags = (<u32>readReg<u64>(11 << 3) & 0x3c7fd7) | 2;
  cpu().flagsOp = FlagsOf.RFLAGS;
  const selector = <u32>(cpu().star >> 48) & 0xffff;
  enterFlat((selector + (to64 ? 16 : 0)) | 3, (selector + 8) | 3, 3, to64);
  cpu().rip = to64 ? target : target & 0xffff_ffff;
}

export function sysenter(): void {
  const cs = <u32>cpu().sysenterCs & 0xfffc;
  if (cs == 0) raiseGP(0);
  const to64 = isLongMode();
  cpu().rflags = materializeFlags() & ~(FLAG_VM | FLAG_IF | FLAG_RF);
  enterFlat(cs, cs + 8, 0, to64);
  cpu().rip = to64 ? cpu().sysenterEip : cpu().sysenterEip & 0xffff_ffff;
  writeReg<u64>(RSP << 3, to64 ? cpu().sysenterEsp : cpu().sysenterEsp & 0xffff_ffff);
}

export function sysexit<T>(): void {
  requireCpl0();
  const cs = <u32>cpu().sysenterCs & 0xfffc;
  if (cs == 0) raiseGP(0);
  const to64 = sizeof<T>() == 8;
  const target = readReg<u64>(DX);
  const stack = readReg<u64>(CX);
  enterFlat((cs + (to64 ? 32 : 16)) | 3, (cs + (to64 ? 40 : 24)) | 3, 3, to64);
  cpu().rip = to64 ? target : target & 0xffff_ffff;
  writeReg<u64>(RSP << 3, to64 ? stack : stack & 0xffff_ffff);
}

export function swapgs(): void {
  requireCpl0();
  const base = baseOf(SEG_GS);
  setSegmentBase(SEG_GS, cpu().kernelGsBase);
  cpu().kernelGsBase = base;
}

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
export function readSegmentBase<T>(insn: Insn, index: u32): void {
  if ((cpu().cr4 & CR4_FSGSBASE) == 0) raiseUD();
  writeReg<T>(<u32>insn.dst, <T>baseOf(index));
}

export function writeSegmentBase<T>(insn: Insn, index: u32): void {
  if ((cpu().cr4 & CR4_FSGSBASE) == 0) raiseUD();
  const base = <u64>readReg<T>(<u32>insn.dst);
  if (<u64>((<i64>(base << 16)) >> 16) != base) raiseGP(0);
  setSegmentBase(index, base);
}

// MSRs -----------------------------------------------------------------------------------------------------------

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

/** RDTSC, RDTSCP. */
export function rdtsc(withAux: bool): void {
  if ((cpu().cr4 & CR4_TSD) != 0 && cpu().cpl != 0) raiseGP(0);
  const value = <u64>readTsc() + cpu().tscOffset;
  writeReg<u32>(AX, <u32>value);
  writeReg<u32>(DX, <u32>(value >> 32));
  if (withAux) writeReg<u32>(CX, cpu().tscAux);
}

/** RDPMC: there are no counters. */
export function rdpmc(): void {
  raiseGP(0);
}

/** CPUID. */
export function cpuidInstruction(): void {
  cpuid(readReg<u32>(AX), readReg<u32>(CX));
  const at = cpuBase();
  writeReg<u32>(AX, load<u32>(at, CPU_SCRATCH));
  writeReg<u32>(RBX_OFFSET, load<u32>(at, CPU_SCRATCH + 4));
  writeReg<u32>(CX, load<u32>(at, CPU_SCRATCH + 8));
  writeReg<u32>(DX, load<u32>(at, CPU_SCRATCH + 12));
}

const RBX_OFFSET: u32 = 3 << 3;

/** RDRAND, RDSEED: CF set, the entropy device never runs dry. */
export function rdrand<T>(insn: Insn): void {
  const value = (<u64>random32() << 32) | <u64>random32();
  writeReg<T>(<u32>insn.dst, <T>value);
  setFlagBits(FLAGS_STATUS, FLAG_CF);
}

/** VMCALL: at CPL 0 the way into the host (run.ts returns EXIT_VMCALL), else #UD. */
export function vmcall(): void {
  if (cpu().cpl != 0 || !isProtected()) raiseUD();
  requestExit(EXIT_VMCALL);
}

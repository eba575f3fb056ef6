/** Far control transfers and the loading of segment registers: JMP, CALL, RET far, IRET, INT n, MOV Sreg, LDS... */
import {
  FLAG_AC,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  NO_ERROR_CODE,
  RSP,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
} from "../abi/state";
import { VECTOR_BP, VECTOR_DB, VECTOR_GP, VECTOR_NP, VECTOR_OF } from "../abi/vectors";
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { addToStackPointer } from "../interpreter/legacy";
import { deliver, Source } from "../interrupts/deliver";
import { raiseGP, raiseWithCode } from "../interrupts/raise";
import { read, write } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { CODE_64, isLongMode, isProtected, stackSize, updateMode, ATTRIBUTE_DB, ATTRIBUTE_L } from "../state/mode";
import { FlagsOf, getOF, materializeFlags } from "../state/rflags";
import {
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  checkCodeTarget,
  descriptorAttributes,
  descriptorDpl,
  descriptorLimit,
  dropInnerSegments,
  linearIn,
  loadCode,
  loadCodeReal,
  loadFromDescriptor,
  loadSegment,
  loadStackSegment,
  readDescriptor,
  selectorOf,
  setSegment,
  TYPE_CODE,
  TYPE_EXPAND_DOWN,
} from "../state/segments";
import { on } from "./backend";

const RSP_OFFSET: u32 = RSP << 3;

/** MOV r/m, Sreg: a 32- or 64-bit register gets zeroes above. */
export function movFromSreg<T>(insn: Insn): void {
  on<Interpreter>().writeDst<T>(insn, <T>selectorOf(<u32>insn.src));
}

/** MOV Sreg, r/m16. Loading SS holds interrupts off for one instruction. */
export function movToSreg(insn: Insn): void {
  loadSegment(<u32>insn.dst, <u32>on<Interpreter>().readSrc<u16>(insn));
  if (<u32>insn.dst == SEG_SS) cpu().shadow = 1;
}

export function pushSreg<T>(insn: Insn): void {
  on<Interpreter>().push<T>(<T>selectorOf(<u32>insn.src));
}

/** Reads the top of the stack without moving the pointer, at `offset` bytes from it. */
function peek<T>(offset: u32): T {
  const size = stackSize();
  if (size == 8) return read<T>(readReg<u64>(RSP_OFFSET) + <u64>offset);
  const sp = readReg<u32>(RSP_OFFSET) + offset;
  return read<T>(linearIn(SEG_SS, size == 4 ? sp : sp & 0xffff, sizeof<T>(), false));
}

export function popSreg<T>(insn: Insn): void {
  const selector = <u32>peek<u16>(0);
  // The pointer moves by the old stack's rules and only if the load succeeded.
  const size = stackSize();
  loadSegment(<u32>insn.dst, selector);
  if (size == 8) writeReg<u64>(RSP_OFFSET, readReg<u64>(RSP_OFFSET) + sizeof<T>());
  else if (size == 4) writeReg<u32>(RSP_OFFSET, readReg<u32>(RSP_OFFSET) + sizeof<T>());
  else writeReg<u16>(RSP_OFFSET, <u16>(<u32>readReg<u16>(RSP_OFFSET) + sizeof<T>()));
  if (<u32>insn.dst == SEG_SS) cpu().shadow = 1;
}

/** LES, LDS, LSS, LFS, LGS. */
export function loadFar<T>(insn: Insn): void {
  const address = linear(insn, sizeof<T>() + 2, false);
  const offset = read<T>(address);
  const selector = <u32>read<u16>(address + sizeof<T>());
  let index: u32 = SEG_DS;
  switch (<u32>insn.cc) {
    case 0xc4: index = SEG_ES; break; // prettier-ignore
    case 0xb2: index = SEG_SS; break; // prettier-ignore
    case 0xb4: index = SEG_FS; break; // prettier-ignore
    case 0xb5: index = SEG_GS; break; // prettier-ignore
  }
  loadSegment(index, selector);
  writeReg<T>(<u32>insn.dst, offset);
}

/** Transfers to selector:offset, keeping the privilege level. Call gates: see farTransfer(). */
function enterCode(selector: u32, offset: u64): void {
  checkCodeTarget(selector);
  const attributes = descriptorAttributes();
  const to64 = isLongMode() && (attributes & ATTRIBUTE_L) != 0;
  if (!to64 && <u32>offset > descriptorLimit()) raiseGP(0);
  if (to64 && <u64>((<i64>(offset << 16)) >> 16) != offset) raiseGP(0);
  loadCode(selector, cpu().cpl);
  cpu().rip = to64 ? offset : offset & 0xffff_ffff;
}

function jumpFar(selector: u32, offset: u64): void {
  if (!isProtected()) {
    loadCodeReal(selector);
    cpu().rip = offset & 0xffff_ffff;
    return;
  }
  if ((selector & 0xfffc) == 0) raiseGP(0);
  readDescriptor(selector, VECTOR_GP);
  // QUIRK: call gates and task switches are not there yet: a system descriptor faults.
  enterCode(selector, offset);
}

/** JMP ptr16:16/32. */
export function jmpFar<T>(insn: Insn): void {
  jumpFar(insn.extra, <u64>insn.imm);
}

/** JMP m16:16/32/64. */
export function jmpFarIndirect<T>(insn: Insn): void {
  const address = linear(insn, sizeof<T>() + 2, false);
  const offset = <u64>read<T>(address);
  jumpFar(<u32>read<u16>(address + sizeof<T>()), offset);
}

function callFarTo<T>(selector: u32, offset: u64): void {
  if (isProtected()) {
    if ((selector & 0xfffc) == 0) raiseGP(0);
    readDescriptor(selector, VECTOR_GP);
    checkCodeTarget(selector);
  }
  // The pointer moves only when both are written.
  write<T>(below(2 * sizeof<T>(), sizeof<T>()), <T>cpu().rip);
  write<T>(below(sizeof<T>(), sizeof<T>()), <T>selectorOf(SEG_CS));
  addToStackPointer(0 - 2 * sizeof<T>());
  if (isProtected()) {
    readDescriptor(selector, VECTOR_GP);
    enterCode(selector, offset);
  } else {
    loadCodeReal(selector);
    cpu().rip = offset & 0xffff_ffff;
  }
}

/** Linear address `down` bytes below the top of the stack. */
function below(down: u32, bytes: u32): u64 {
  const size = stackSize();
  if (size == 8) return readReg<u64>(RSP_OFFSET) - <u64>down;
  const sp = readReg<u32>(RSP_OFFSET) - down;
  return linearIn(SEG_SS, size == 4 ? sp : sp & 0xffff, bytes, true);
}

/** CALL ptr16:16/32. */
export function callFar<T>(insn: Insn): void {
  callFarTo<T>(insn.extra, <u64>insn.imm);
}

/** CALL m16:16/32/64. */
export function callFarIndirect<T>(insn: Insn): void {
  const address = linear(insn, sizeof<T>() + 2, false);
  const offset = <u64>read<T>(address);
  callFarTo<T>(<u32>read<u16>(address + sizeof<T>()), offset);
}

/** RET far, also to an outer level. */
export function retFar<T>(insn: Insn): void {
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(sizeof<T>()) & 0xffff;
  const released = <u32>insn.imm;
  if (!isProtected()) {
    loadCodeReal(selector);
    cpu().rip = offset & 0xffff_ffff;
    addToStackPointer(2 * sizeof<T>() + released);
    return;
  }
  returnTo<T>(selector, offset, 2 * sizeof<T>(), released, false, 0);
}

/** Common end of RET far and IRET in protected and long mode; `frame` bytes are taken before SS:RSP. */
function returnTo<T>(selector: u32, offset: u64, frame: u32, released: u32, isIret: bool, flags: u32): void {
  if ((selector & 0xfffc) == 0) raiseGP(0);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const rpl = selector & 3;
  const cpl = cpu().cpl;
  const error = selector & 0xfffc;
  if ((attributes & (ATTRIBUTE_S | TYPE_CODE)) != (ATTRIBUTE_S | TYPE_CODE)) raiseGP(error);
  if (rpl < cpl) raiseGP(error);
  if ((attributes & TYPE_EXPAND_DOWN) != 0 ? descriptorDpl() > rpl : descriptorDpl() != rpl) raiseGP(error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  const to64 = isLongMode() && (attributes & ATTRIBUTE_L) != 0;
  if (!to64 && <u32>offset > descriptorLimit()) raiseGP(0);
  if (to64 && <u64>((<i64>(offset << 16)) >> 16) != offset) raiseGP(0);

  const withStack = rpl > cpl || (isIret && cpu().mode == CODE_64);
  if (!withStack) {
    addToStackPointer(frame + released);
    readDescriptor(selector, VECTOR_GP);
    loadCode(selector, rpl);
    cpu().rip = offset;
    if (isIret) returnFlags<T>(flags, cpl);
    return;
  }
  const sp = <u64>peek<T>(frame + released);
  const ss = <u32>peek<T>(frame + released + sizeof<T>()) & 0xffff;
  if ((ss & 0xfffc) == 0) {
    if (!to64 || rpl == 3 || (ss & 3) != rpl) raiseGP(0);
    readDescriptor(selector, VECTOR_GP);
    loadFromDescriptor(SEG_CS, (selector & 0xfffc) | rpl);
    setSegment(SEG_SS, ss, (rpl << 5) | ATTRIBUTE_DB, 0, 0);
  } else {
    // SS is checked and loaded before CS: it is the last that can fault.
    loadStackSegment(ss, rpl, VECTOR_GP);
    readDescriptor(selector, VECTOR_GP);
    loadFromDescriptor(SEG_CS, (selector & 0xfffc) | rpl);
  }
  cpu().cpl = rpl;
  updateMode();
  if (stackSize() == 8) writeReg<u64>(RSP_OFFSET, sp + <u64>released);
  else if (stackSize() == 4) writeReg<u32>(RSP_OFFSET, <u32>sp + released);
  else writeReg<u16>(RSP_OFFSET, <u16>(<u32>sp + released));
  cpu().rip = offset;
  if (isIret) returnFlags<T>(flags, cpl);
  if (rpl > cpl) dropInnerSegments();
}

/** Flags that POPF and IRET of an operand of `bytes` bytes at level `cpl` may change. */
function writableFlags(bytes: u32, cpl: u32, iopl: u32): u32 {
  let mask: u32 = 0x4dd5 | FLAG_NT | 0x400 | 0x100; // CF PF AF ZF SF TF DF OF NT
  if (bytes >= 4) mask |= FLAG_AC | FLAG_ID;
  if (cpl <= iopl) mask |= FLAG_IF;
  if (cpl == 0) {
    mask |= FLAG_IOPL;
    if (bytes >= 4) mask |= FLAG_VIF | FLAG_VIP;
  }
  return mask;
}

function returnFlags<T>(flags: u32, cpl: u32): void {
  const old = materializeFlags();
  let mask = writableFlags(sizeof<T>(), cpl, (old >> 12) & 3);
  if (sizeof<T>() >= 4) mask |= FLAG_RF;
  cpu().rflags = (old & ~mask) | (flags & mask) | 2;
  cpu().flagsOp = FlagsOf.RFLAGS;
  if (((cpu().rflags ^ old) & FLAG_AC) != 0) updateMode();
}

/** IRET, IRETD, IRETQ. SDM vol 2 "IRET". */
export function iret<T>(insn: Insn): void {
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(sizeof<T>()) & 0xffff;
  const flags = <u32>peek<T>(2 * sizeof<T>());
  if (!isProtected()) {
    addToStackPointer(3 * sizeof<T>());
    loadCodeReal(selector);
    cpu().rip = offset & 0xffff_ffff;
    returnFlags<T>(flags, 0);
    return;
  }
  // QUIRK: returns by NT (nested task) and into virtual-8086 mode are not there yet: #GP.
  if ((materializeFlags() & FLAG_NT) != 0 || (!isLongMode() && sizeof<T>() == 4 && (flags & FLAG_VM) != 0)) raiseGP(0);
  returnTo<T>(selector, offset, 3 * sizeof<T>(), 0, true, flags);
}

/** POPF: IF by IOPL, IOPL by CPL 0; VM and RF stay (RF is cleared). */
export function popf<T>(insn: Insn): void {
  const flags = <u32>on<Interpreter>().pop<T>();
  const old = materializeFlags();
  const mask = writableFlags(sizeof<T>(), cpu().cpl, (old >> 12) & 3) & ~(FLAG_VIF | FLAG_VIP);
  cpu().rflags = ((old & ~mask) | (flags & mask) | 2) & ~FLAG_RF;
  if (cpu().cpl == 0) cpu().rflags &= ~(FLAG_VIF | FLAG_VIP);
  if (((cpu().rflags ^ old) & FLAG_AC) != 0) updateMode();
}

/** PUSHF: VM and RF read as 0. */
export function pushf<T>(insn: Insn): void {
  on<Interpreter>().push<T>(<T>((materializeFlags() | 2) & ~(FLAG_VM | FLAG_RF)));
}

/** INT n. */
export function int(insn: Insn): void {
  softwareInterrupt(<u32>insn.imm);
}

/** INT3, INTO, INT1: traps to fixed vectors. */
export function int3(): void {
  softwareInterrupt(VECTOR_BP);
}

export function into(): void {
  if (getOF()) softwareInterrupt(VECTOR_OF);
}

export function int1(): void {
  deliver(VECTOR_DB, Source.EXCEPTION, NO_ERROR_CODE);
}

function softwareInterrupt(vector: u32): void {
  deliver(vector, Source.SOFTWARE, NO_ERROR_CODE);
}

/** Descriptor tables: SGDT, LGDT, SLDT, LLDT, LTR and the instructions that ask about selectors (LAR, LSL, VERR, VERW, ARPL). */
import { FLAG_ZF, SEG_LDTR, SEG_TR } from "../abi/state";
import { VECTOR_GP, VECTOR_NP } from "../abi/vectors";
import { Insn, INSN_MEMORY } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { raiseGP, raiseWithCode } from "../interrupts/raise";
import { checkWritable, read, write, writeSystem } from "../mmu/access";
import { isCanonical, linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { CODE_64, isLongMode } from "../state/mode";
import { setFlagBits } from "../state/rflags";
import {
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  descriptorAddress,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorHigh,
  descriptorLimit,
  limitOf,
  readDescriptor,
  readUpperDescriptor,
  selectorOf,
  setSegment,
  TYPE_CODE,
  TYPE_EXPAND_DOWN,
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS_16,
  TYPE_WRITABLE,
} from "../state/segments";
import { on } from "./backend";
import { checkUmip, requireCpl0 } from "./system";

/** SGDT, SIDT. */
export function storeTable(insn: Insn, base: u64, limit: u32): void {
  checkUmip();
  if (cpu().mode == CODE_64) {
    const address = linear(insn, 10, true);
    checkWritable(address, 10);
    write<u16>(address, <u16>limit);
    write<u64>(address + 2, base);
  } else {
    const address = linear(insn, 6, true);
    checkWritable(address, 6);
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
  if (wide && !isCanonical(base)) raiseGP(0);
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
  checkUmip();
  if ((insn.flags & <u16>INSN_MEMORY) != 0) on<Interpreter>().writeDst<u16>(insn, <u16>selectorOf(index));
  else on<Interpreter>().writeDst<T>(insn, <T>selectorOf(index));
}

/** Base of the LDT or TSS just read, whose descriptor has 16 bytes in long mode. Raises #GP(selector) if it is malformed. */
function systemBase(selector: u32): u64 {
  const low = descriptorBase();
  if (!isLongMode()) return low;
  const upper = readUpperDescriptor(selector);
  const base = low | (upper << 32);
  if (((upper >> 40) & 0x1f) != 0 || !isCanonical(base)) raiseGP(selector & 0xfffc);
  return base;
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
  setSegment(SEG_LDTR, selector, attributes, systemBase(selector), descriptorLimit());
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
  const base = systemBase(selector);
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
  const dst = b.readDst<u16>(insn);
  const raised = (dst & 3) < (src & 3);
  if (raised) b.writeDst<u16>(insn, <u16>((dst & ~3) | (src & 3)));
  setFlagBits(FLAG_ZF, raised ? FLAG_ZF : 0);
}

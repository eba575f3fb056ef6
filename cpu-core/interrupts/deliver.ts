/**
 * Delivery of exceptions and interrupts through the IVT or IDT. SDM vol 3A "Interrupt and Exception Handling".
 *
 * Everything that can fault comes before the first register changes: a fault during delivery finds the state of the
 * interrupted program whole. Which event is then delivered is decided by combine().
 */
import {
  FLAG_IF,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VM,
  NO_ERROR_CODE,
  RSP,
  SEG_CS,
  SEG_SS,
  SEG_TR,
} from "../abi/state";
import { VECTOR_DB, VECTOR_DE, VECTOR_DF, VECTOR_GP, VECTOR_NP, VECTOR_PF, VECTOR_SS, VECTOR_TS } from "../abi/vectors";
import { readSystem, writeSystem } from "../mmu/access";
import { cpu, readReg, writeReg } from "../state/cpu";
import { ATTRIBUTE_DB, ATTRIBUTE_L, isLongMode, isProtected, updateMode } from "../state/mode";
import { materializeFlags } from "../state/rflags";
import {
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  attributesOf,
  baseOf,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  limitOf,
  loadCode,
  loadCodeReal,
  readDescriptor,
  selectorOf,
  setSegment,
  TYPE_CODE,
  TYPE_EXPAND_DOWN,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE_16,
  TYPE_TRAP_GATE,
  TYPE_TRAP_GATE_16,
  TYPE_WRITABLE,
  tssStackPointer,
  tssStackSelector,
} from "../state/segments";
import { raiseWithCode } from "./raise";

/** Where an event comes from. */
export const enum Source {
  EXCEPTION,
  /** INT n, INT3, INTO: the gate's DPL is checked. */
  SOFTWARE,
  EXTERNAL,
}

const RSP_OFFSET: u32 = RSP << 3;

/** The vector being delivered, or -1. Set while deliver() runs, so that a fault in it is seen as a second one. */
let delivering: i32 = -1;
let deliveringSource: Source = Source.EXCEPTION;

function isContributory(vector: u32): bool {
  return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/** Vector to deliver when `second` was raised while `first` was being delivered; -1: shutdown. SDM table 6-5. */
function combine(first: u32, second: u32): i32 {
  if (first == VECTOR_DF) return -1;
  if (isContributory(first) && isContributory(second)) return VECTOR_DF;
  if (first == VECTOR_PF && (isContributory(second) || second == VECTOR_PF)) return VECTOR_DF;
  return second;
}

/**
 * Delivers the exception that raise() noted, RIP being at the faulting instruction. False: shutdown (triple fault).
 */
export function deliverRaised(): bool {
  let vector = cpu().raisedVector;
  let code = cpu().raisedCode;
  if (delivering >= 0 && deliveringSource == Source.EXCEPTION) {
    const combined = combine(delivering, vector);
    if (combined < 0) {
      delivering = -1;
      return false;
    }
    if (combined == VECTOR_DF && vector != VECTOR_DF) {
      vector = VECTOR_DF;
      code = 0;
    }
  }
  cpu().countExceptions += 1;
  deliver(vector, Source.EXCEPTION, code);
  return true;
}

/** Delivers an event; RIP is what the handler is to return to. Raises if the tables are wrong. */
export function deliver(vector: u32, source: Source, code: u32): void {
  delivering = vector;
  deliveringSource = source;
  if (isLongMode()) deliverLong(vector, source, code);
  else if (isProtected() || (cpu().rflags & FLAG_VM) != 0) deliverProtected(vector, source, code);
  else deliverReal(vector);
  delivering = -1;
  cpu().halted = 0;
}

function deliverReal(vector: u32): void {
  const entry = vector << 2;
  if (entry + 3 > cpu().idtrLimit) raiseWithCode(VECTOR_GP, NO_ERROR_CODE);
  const offset = readSystem<u16>(cpu().idtrBase + <u64>entry);
  const selector = readSystem<u16>(cpu().idtrBase + <u64>entry + 2);
  const sp = readReg<u16>(RSP_OFFSET);
  const base = baseOf(SEG_SS);
  writeSystem<u16>(base + <u64>(<u16>(sp - 2)), <u16>materializeFlags());
  writeSystem<u16>(base + <u64>(<u16>(sp - 4)), <u16>selectorOf(SEG_CS));
  writeSystem<u16>(base + <u64>(<u16>(sp - 6)), <u16>cpu().rip);
  writeReg<u16>(RSP_OFFSET, <u16>(sp - 6));
  cpu().rflags = cpu().rflags & ~(FLAG_IF | FLAG_TF | FLAG_RF);
  loadCodeReal(selector);
  cpu().rip = <u64>offset;
}

/** RFLAGS as pushed: a fault's image has RF set so that an instruction breakpoint does not fire again. */
function pushedFlags(vector: u32, source: Source): u32 {
  const flags = materializeFlags();
  if (source == Source.EXCEPTION && vector != VECTOR_DB) return flags | FLAG_RF;
  return flags;
}

/** Error code of a fault on IDT entry `vector`: index, IDT bit, EXT bit. */
function idtError(vector: u32, source: Source): u32 {
  return (vector << 3) | 2 | (source == Source.SOFTWARE ? 0 : 1);
}

function deliverLong(vector: u32, source: Source, code: u32): void {
  const offset = vector << 4;
  if (offset + 15 > cpu().idtrLimit) raiseWithCode(VECTOR_GP, idtError(vector, source));
  const low = readSystem<u64>(cpu().idtrBase + <u64>offset);
  const high = readSystem<u64>(cpu().idtrBase + <u64>offset + 8);
  const type = <u32>(low >> 40) & 0x1f;
  if (type != TYPE_INTERRUPT_GATE && type != TYPE_TRAP_GATE) raiseWithCode(VECTOR_GP, idtError(vector, source));
  const cpl = cpu().cpl;
  if (source == Source.SOFTWARE && (<u32>(low >> 45) & 3) < cpl) raiseWithCode(VECTOR_GP, idtError(vector, source));
  if (((low >> 47) & 1) == 0) raiseWithCode(VECTOR_NP, idtError(vector, source));
  const external: u32 = source == Source.SOFTWARE ? 0 : 1;
  const selector = <u32>(low >> 16) & 0xffff;
  if ((selector & 0xfffc) == 0) raiseWithCode(VECTOR_GP, external);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const dpl = descriptorDpl();
  const error = (selector & 0xfffc) | external;
  if ((attributes & (ATTRIBUTE_S | TYPE_CODE)) != (ATTRIBUTE_S | TYPE_CODE) || dpl > cpl) raiseWithCode(VECTOR_GP, error);
  if ((attributes & ATTRIBUTE_L) == 0 || (attributes & ATTRIBUTE_DB) != 0) raiseWithCode(VECTOR_GP, error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  const target = (attributes & TYPE_EXPAND_DOWN) != 0 ? cpl : dpl;

  const ist = <u32>(low >> 32) & 7;
  let sp: u64;
  if (ist != 0 || target < cpl) {
    const slot: u32 = ist != 0 ? 36 + ((ist - 1) << 3) : 4 + (target << 3);
    if (slot + 7 > limitOf(SEG_TR)) raiseWithCode(VECTOR_TS, selectorOf(SEG_TR) & 0xfffc);
    sp = readSystem<u64>(baseOf(SEG_TR) + <u64>slot);
  } else {
    sp = readReg<u64>(RSP_OFFSET);
  }
  sp &= ~(<u64>15);
  const canonical = <u64>((<i64>(sp << 16)) >> 16) == sp;
  if (!canonical) raiseWithCode(VECTOR_SS, external);
  const withCode = code != NO_ERROR_CODE;
  writeSystem<u64>(sp - 8, <u64>selectorOf(SEG_SS));
  writeSystem<u64>(sp - 16, readReg<u64>(RSP_OFFSET));
  writeSystem<u64>(sp - 24, <u64>pushedFlags(vector, source));
  writeSystem<u64>(sp - 32, <u64>selectorOf(SEG_CS));
  writeSystem<u64>(sp - 40, cpu().rip);
  if (withCode) writeSystem<u64>(sp - 48, <u64>code);

  // Nothing can fault from here on (the descriptor's accessed bit lies on a page just read).
  readDescriptor(selector, VECTOR_GP);
  if (target < cpl) setSegment(SEG_SS, target, (target << 5) | ATTRIBUTE_P | ATTRIBUTE_S | TYPE_WRITABLE | 1 | ATTRIBUTE_DB, 0, 0xffff_ffff);
  loadCode(selector, target);
  writeReg<u64>(RSP_OFFSET, withCode ? sp - 48 : sp - 40);
  cpu().rip = (low & 0xffff) | ((low >> 32) & 0xffff_0000) | (high << 32);
  let flags = cpu().rflags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
  if (type == TYPE_INTERRUPT_GATE) flags &= ~FLAG_IF;
  cpu().rflags = flags;
}

// The stack being pushed to by deliverProtected().
let stackBase: u64 = 0;
let stackLimit: u32 = 0;
let stackMask: u32 = 0;
let stackPointer: u32 = 0;
let stackExpandsDown: bool = false;

function pushTo(value: u32, wide: bool): void {
  const size: u32 = wide ? 4 : 2;
  const offset = (stackPointer - size) & stackMask;
  const last = offset + size - 1;
  if (stackExpandsDown ? offset <= stackLimit : last > stackLimit) raiseWithCode(VECTOR_SS, 0);
  const at = (stackBase + <u64>offset) & 0xffff_ffff;
  if (wide) writeSystem<u32>(at, value);
  else writeSystem<u16>(at, <u16>value);
  stackPointer = (stackPointer & ~stackMask) | offset;
}

function deliverProtected(vector: u32, source: Source, code: u32): void {
  const at = vector << 3;
  if (at + 7 > cpu().idtrLimit) raiseWithCode(VECTOR_GP, idtError(vector, source));
  const low = readSystem<u32>(cpu().idtrBase + <u64>at);
  const high = readSystem<u32>(cpu().idtrBase + <u64>at + 4);
  const type = (high >> 8) & 0x1f;
  const wide = (type & 8) != 0;
  if (
    type != TYPE_INTERRUPT_GATE &&
    type != TYPE_TRAP_GATE &&
    type != TYPE_INTERRUPT_GATE_16 &&
    type != TYPE_TRAP_GATE_16
  ) {
    // QUIRK: task gates are not there yet; they fault as an invalid gate does.
    raiseWithCode(VECTOR_GP, idtError(vector, source));
  }
  const cpl = cpu().cpl;
  if (source == Source.SOFTWARE && ((high >> 13) & 3) < cpl) raiseWithCode(VECTOR_GP, idtError(vector, source));
  if ((high & 0x8000) == 0) raiseWithCode(VECTOR_NP, idtError(vector, source));
  const external: u32 = source == Source.SOFTWARE ? 0 : 1;
  const selector = low >> 16;
  if ((selector & 0xfffc) == 0) raiseWithCode(VECTOR_GP, external);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const dpl = descriptorDpl();
  const error = (selector & 0xfffc) | external;
  if ((attributes & (ATTRIBUTE_S | TYPE_CODE)) != (ATTRIBUTE_S | TYPE_CODE) || dpl > cpl) raiseWithCode(VECTOR_GP, error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  const target = (attributes & TYPE_EXPAND_DOWN) != 0 ? cpl : dpl;

  let newSs: u32 = 0;
  let ssAttributes = attributesOf(SEG_SS);
  let newBase = baseOf(SEG_SS);
  let newLimit = limitOf(SEG_SS);
  stackPointer = readReg<u32>(RSP_OFFSET);
  if (target < cpl) {
    stackPointer = tssStackPointer(target);
    newSs = tssStackSelector;
    if ((newSs & 0xfffc) == 0) raiseWithCode(VECTOR_TS, external);
    readDescriptor(newSs, VECTOR_TS);
    ssAttributes = descriptorAttributes();
    const tsError = (newSs & 0xfffc) | external;
    if ((newSs & 3) != target || descriptorDpl() != target) raiseWithCode(VECTOR_TS, tsError);
    if ((ssAttributes & (ATTRIBUTE_S | TYPE_CODE | TYPE_WRITABLE)) != (ATTRIBUTE_S | TYPE_WRITABLE)) raiseWithCode(VECTOR_TS, tsError);
    if ((ssAttributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_SS, tsError);
    newBase = descriptorBase();
    newLimit = descriptorLimit();
  }
  stackBase = newBase;
  stackLimit = newLimit;
  stackMask = (ssAttributes & ATTRIBUTE_DB) != 0 ? 0xffff_ffff : 0xffff;
  stackExpandsDown = (ssAttributes & TYPE_EXPAND_DOWN) != 0;
  if (target < cpl) {
    pushTo(selectorOf(SEG_SS), wide);
    pushTo(readReg<u32>(RSP_OFFSET), wide);
  }
  pushTo(pushedFlags(vector, source), wide);
  pushTo(selectorOf(SEG_CS), wide);
  pushTo(<u32>cpu().rip, wide);
  if (code != NO_ERROR_CODE) pushTo(code, wide);

  readDescriptor(selector, VECTOR_GP);
  const codeLimit = descriptorLimit();
  const eip = wide ? (low & 0xffff) | (high & 0xffff_0000) : low & 0xffff;
  if (eip > codeLimit) raiseWithCode(VECTOR_GP, external);
  if (target < cpl) setSegment(SEG_SS, newSs, ssAttributes, newBase, newLimit);
  loadCode(selector, target);
  if (stackMask == 0xffff) writeReg<u16>(RSP_OFFSET, <u16>stackPointer);
  else writeReg<u32>(RSP_OFFSET, stackPointer);
  cpu().rip = <u64>eip;
  let flags = cpu().rflags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
  if (type == TYPE_INTERRUPT_GATE || type == TYPE_INTERRUPT_GATE_16) flags &= ~FLAG_IF;
  cpu().rflags = flags;
  updateMode();
}

/**
 * RET far and IRET. SDM vol 2 "RET", "IRET/IRETD/IRETQ" (the pseudo-code).
 *
 *     IRET ─┬─ real or virtual-8086 mode ── IP CS FLAGS
 *           ├─ NT set ─────────────────────  back to the task that the back link names
 *           ├─ VM in the image, level 0 ───  EIP CS EFLAGS ESP SS ES DS FS GS
 *           └─ returnTo() ───┬─ same level   CS:IP, FLAGS
 *     RET far ───────────────┴─ outer level, or IRET in 64-bit mode: SS:RSP too
 */
import { FLAG_NT, FLAG_VM, RSP, SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS, SEG_TR } from "../abi/state";
import { VECTOR_GP, VECTOR_NP, VECTOR_SS, VECTOR_TS } from "../abi/vectors";
import { Insn } from "../decode/insn";
import { addToStackPointer } from "../interpreter/legacy";
import { loadNullStack } from "../interrupts/deliver_long";
import { raiseGP, raiseWithCode } from "../interrupts/raise";
import { unblockNmi } from "../interrupts/nmi";
import { readSystem } from "../mmu/access";
import { cpu, writeReg } from "../state/cpu";
import { CODE_64, isLongMode, isProtected, stackSize, updateMode, ATTRIBUTE_DB, ATTRIBUTE_L } from "../state/mode";
import { materializeFlags } from "../state/rflags";
import {
  ATTRIBUTE_P,
  baseOf,
  checkCodeOffset,
  descriptorAttributes,
  descriptorDpl,
  dropInnerSegments,
  isCodeSegment,
  isStackSegment,
  limitOf,
  loadCode,
  loadCodeReal,
  loadFromDescriptor,
  loadVirtual8086,
  markAccessed,
  readDescriptor,
  TYPE_EXPAND_DOWN,
} from "../state/segments";
import { checkTaskEip, endTaskSwitch, readTss, SwitchBy, switchTask } from "../state/task";
import { checkVirtualFlags, isVirtualised, loadVirtualFlags, returnFlags } from "./flags";
import { peek } from "./sreg";

const RSP_OFFSET: u32 = RSP << 3;

/** RET far, also to an outer level. */
export function retFar<T>(insn: Insn): void {
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(sizeof<T>()) & 0xffff;
  const released = <u32>insn.imm;
  if (!isProtected()) {
    if (offset > <u64>limitOf(SEG_CS)) raiseGP(0);
    loadCodeReal(selector);
    cpu().rip = offset;
    addToStackPointer(2 * sizeof<T>() + released);
    return;
  }
  returnTo<T>(selector, offset, 2 * sizeof<T>(), released, false, 0);
}

/** Checks the code segment of a return to the level in the selector's RPL and reads its descriptor. */
function checkReturnCode(selector: u32): void {
  const error = selector & 0xfffc;
  if (error == 0) raiseGP(0);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const rpl = selector & 3;
  if (!isCodeSegment(attributes)) raiseGP(error);
  if (isLongMode() && (attributes & (ATTRIBUTE_L | ATTRIBUTE_DB)) == (ATTRIBUTE_L | ATTRIBUTE_DB)) raiseGP(error);
  if (rpl < cpu().cpl) raiseGP(error);
  if ((attributes & TYPE_EXPAND_DOWN) != 0 ? descriptorDpl() > rpl : descriptorDpl() != rpl) raiseGP(error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  markAccessed();
}

/**
 * Checks the stack segment of a return to level `cpl`. A null one will do in 64-bit mode at levels 0-2. One that is not
 * present is #NP for IRET and #SS for RET.
 */
function checkReturnStack(selector: u32, cpl: u32, to64: bool, isIret: bool): void {
  const error = selector & 0xfffc;
  if (error == 0) {
    if (!to64 || cpl == 3 || (selector & 3) != cpl) raiseGP(0);
    return;
  }
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  if ((selector & 3) != cpl || !isStackSegment(attributes) || descriptorDpl() != cpl) raiseGP(error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(isIret ? VECTOR_NP : VECTOR_SS, error);
  markAccessed();
}

/** Common end of RET far and IRET in protected and long mode; `frame` bytes are taken before SS:RSP. */
function returnTo<T>(selector: u32, offset: u64, frame: u32, released: u32, isIret: bool, flags: u32): void {
  checkReturnCode(selector);
  const rpl = selector & 3;
  const cpl = cpu().cpl;
  const to64 = isLongMode() && (descriptorAttributes() & ATTRIBUTE_L) != 0;
  if (rpl == cpl && !(isIret && cpu().mode == CODE_64)) {
    checkCodeOffset(offset);
    addToStackPointer(frame + released);
    cpu().rip = offset;
    if (isIret) returnFlags<T>(flags, cpl);
    loadCode(selector, rpl);
    return;
  }
  const sp = <u64>peek<T>(frame + released);
  const ss = <u32>peek<T>(frame + released + sizeof<T>()) & 0xffff;
  checkReturnStack(ss, rpl, to64, isIret);
  readDescriptor(selector, VECTOR_GP);
  checkCodeOffset(offset);

  // Nothing can fault from here on.
  if ((ss & 0xfffc) == 0) {
    loadNullStack(rpl);
  } else {
    readDescriptor(ss, VECTOR_GP);
    loadFromDescriptor(SEG_SS, ss);
  }
  cpu().rip = offset;
  if (isIret) returnFlags<T>(flags, cpl);
  readDescriptor(selector, VECTOR_GP);
  loadCode(selector, rpl);
  if (stackSize() == 8) writeReg<u64>(RSP_OFFSET, sp + <u64>released);
  else if (stackSize() == 4) writeReg<u32>(RSP_OFFSET, <u32>sp + released);
  else writeReg<u16>(RSP_OFFSET, <u16>(<u32>sp + released));
  if (rpl > cpl) dropInnerSegments();
}

/** IRET, IRETD, IRETQ. */
export function iret<T>(insn: Insn): void {
  unblockNmi();
  if (!isProtected()) {
    returnReal<T>();
    return;
  }
  if ((materializeFlags() & FLAG_NT) != 0) {
    if (isLongMode()) raiseGP(0);
    returnFromTask();
    return;
  }
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(sizeof<T>()) & 0xffff;
  const flags = <u32>peek<T>(2 * sizeof<T>());
  if (sizeof<T>() == 4 && (flags & FLAG_VM) != 0 && cpu().cpl == 0 && !isLongMode()) {
    returnToVirtual8086(<u32>offset, selector, flags);
    return;
  }
  returnTo<T>(selector, offset, 3 * sizeof<T>(), 0, true, flags);
}

/** In real mode and in virtual-8086 mode. */
function returnReal<T>(): void {
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(sizeof<T>()) & 0xffff;
  const flags = <u32>peek<T>(2 * sizeof<T>());
  const virtualised = isVirtualised();
  if (virtualised) checkVirtualFlags(flags, sizeof<T>());
  if (offset > <u64>limitOf(SEG_CS)) raiseGP(0);
  addToStackPointer(3 * sizeof<T>());
  loadCodeReal(selector);
  cpu().rip = offset;
  if (virtualised) loadVirtualFlags(flags);
  else returnFlags<T>(flags, cpu().cpl);
  updateMode();
}

/** IRET of a nested task: the back link leads to the one that was interrupted or that called. */
function returnFromTask(): void {
  const link = <u32>readSystem<u16>(baseOf(SEG_TR));
  readTss(link, true, VECTOR_TS);
  switchTask(link, SwitchBy.IRET, materializeFlags());
  checkTaskEip();
  endTaskSwitch();
}

function returnToVirtual8086(eip: u32, cs: u32, flags: u32): void {
  const sp = peek<u32>(12);
  const ss = peek<u32>(16);
  const es = peek<u32>(20);
  const ds = peek<u32>(24);
  const fs = peek<u32>(28);
  const gs = peek<u32>(32);
  if (eip > 0xffff) raiseGP(0);
  returnFlags<u32>(flags, 0);
  cpu().rflags |= FLAG_VM;
  loadVirtual8086(SEG_CS, cs);
  loadVirtual8086(SEG_SS, ss);
  loadVirtual8086(SEG_ES, es);
  loadVirtual8086(SEG_DS, ds);
  loadVirtual8086(SEG_FS, fs);
  loadVirtual8086(SEG_GS, gs);
  writeReg<u32>(RSP_OFFSET, sp);
  cpu().rip = <u64>eip;
  cpu().cpl = 3;
  updateMode();
}

/**
 * Far JMP and CALL. SDM vol 2 "JMP", "CALL", SDM vol 3A "Privilege Level Checking When Transferring Program Control Between Code
 * Segments".
 *
 *     selector ─┬─ code segment ── same level
 *               ├─ call gate ───── gates.ts
 *               └─ task gate, TSS ─ state/task.ts
 */
import { SEG_CS } from "../abi/state";
import { VECTOR_GP, VECTOR_NP } from "../abi/vectors";
import { Insn } from "../decode/insn";
import { raiseGP, raiseWithCode } from "../interrupts/raise";
import { read } from "../mmu/access";
import { linear } from "../state/address";
import { cpu } from "../state/cpu";
import { beginCurrentFrame, commitFrame, pushFrame } from "../state/frame";
import { isLongMode, isProtected } from "../state/mode";
import { materializeFlags } from "../state/rflags";
import {
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  checkCodeOffset,
  checkCodeTarget,
  descriptorAttributes,
  descriptorLow,
  limitOf,
  loadCode,
  loadCodeReal,
  markAccessed,
  readDescriptor,
  selectorOf,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE_16,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS_16,
} from "../state/segments";
import { checkTaskEip, endTaskSwitch, readTss, SwitchBy, switchTask } from "../state/task";
import { callThroughGate, checkGateAccess, jumpThroughGate } from "./gates";

/** Reads the descriptor of a far pointer. True: a code or data segment, false: a system one. */
function isSegment(selector: u32): bool {
  if ((selector & 0xfffc) == 0) raiseGP(0);
  readDescriptor(selector, VECTOR_GP);
  return (descriptorAttributes() & ATTRIBUTE_S) != 0;
}

function enterReal(selector: u32, offset: u64): void {
  if (offset > <u64>limitOf(SEG_CS)) raiseGP(0);
  loadCodeReal(selector);
  cpu().rip = offset;
}

/** A task gate or TSS descriptor, just read, as the target of JMP or CALL. */
function enterTask(selector: u32, by: SwitchBy): void {
  checkGateAccess(selector);
  let tss = selector;
  if ((descriptorAttributes() & 0x1f) == TYPE_TASK_GATE) {
    if ((descriptorAttributes() & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, selector & 0xfffc);
    tss = descriptorLow >> 16;
  }
  readTss(tss, false, VECTOR_GP);
  switchTask(tss, by, materializeFlags());
  checkTaskEip();
  endTaskSwitch();
}

function isTask(type: u32): bool {
  return type == TYPE_TASK_GATE || type == TYPE_TSS || type == TYPE_TSS_16;
}

function isCallGate(type: u32): bool {
  return type == TYPE_CALL_GATE || (type == TYPE_CALL_GATE_16 && !isLongMode());
}

function jumpFar(selector: u32, offset: u64): void {
  if (!isProtected()) {
    enterReal(selector, offset);
  } else if (isSegment(selector)) {
    checkCodeTarget(selector);
    checkCodeOffset(offset);
    loadCode(selector, cpu().cpl);
    cpu().rip = offset;
  } else {
    const type = descriptorAttributes() & 0x1f;
    if (isCallGate(type)) jumpThroughGate(selector);
    else if (isTask(type) && !isLongMode()) enterTask(selector, SwitchBy.JMP);
    else raiseGP(selector & 0xfffc);
  }
}

/** JMP ptr16:16/32. */
export function jmpFar<T>(insn: Insn): void {
  jumpFar(insn.extra, <u64>insn.imm & (sizeof<T>() == 2 ? 0xffff : 0xffff_ffff));
}

/** JMP m16:16/32/64. */
export function jmpFarIndirect<T>(insn: Insn): void {
  const address = linear(insn, sizeof<T>() + 2, false);
  const offset = <u64>read<T>(address);
  jumpFar(<u32>read<u16>(address + sizeof<T>()), offset);
}

function pushReturn<T>(): void {
  beginCurrentFrame(cpu().cpl);
  pushFrame(selectorOf(SEG_CS), sizeof<T>());
  pushFrame(<u64>(<T>cpu().rip), sizeof<T>());
}

function callFarTo<T>(selector: u32, offset: u64): void {
  if (!isProtected()) {
    pushReturn<T>();
    if (offset > <u64>limitOf(SEG_CS)) raiseGP(0);
    commitFrame();
    enterReal(selector, offset);
  } else if (isSegment(selector)) {
    checkCodeTarget(selector);
    markAccessed();
    pushReturn<T>();
    readDescriptor(selector, VECTOR_GP);
    checkCodeOffset(offset);
    commitFrame();
    loadCode(selector, cpu().cpl);
    cpu().rip = offset;
  } else {
    const type = descriptorAttributes() & 0x1f;
    if (isCallGate(type)) callThroughGate(selector);
    else if (isTask(type) && !isLongMode()) enterTask(selector, SwitchBy.CALL);
    else raiseGP(selector & 0xfffc);
  }
}

/** CALL ptr16:16/32. */
export function callFar<T>(insn: Insn): void {
  callFarTo<T>(insn.extra, <u64>insn.imm & (sizeof<T>() == 2 ? 0xffff : 0xffff_ffff));
}

/** CALL m16:16/32/64. */
export function callFarIndirect<T>(insn: Insn): void {
  const address = linear(insn, sizeof<T>() + 2, false);
  const offset = <u64>read<T>(address);
  callFarTo<T>(<u32>read<u16>(address + sizeof<T>()), offset);
}

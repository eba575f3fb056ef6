/**
 * Delivery through the IDT of protected mode, also out of virtual-8086 mode. SDM vol 2 "INT n/INTO/INT3/INT1" (the pseudo-code),
 * SDM vol 3A "Exception- or Interrupt-Handler Procedures", "Interrupt Tasks".
 *
 *     gate ─┬─ task gate ──────────────────────────────► switchTask(), error code on the new task's stack
 *           ├─ same level ──────── EFLAGS CS EIP [code]    on the current stack
 *           ├─ inner level ─ SS ESP EFLAGS CS EIP [code]   on the stack of the TSS
 *           └─ virtual-8086 ─ GS FS DS ES SS ESP EFLAGS CS EIP [code]   the same, always to level 0
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
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
  SEG_TR,
} from "../abi/state";
import { VECTOR_GP, VECTOR_NP } from "../abi/vectors";
import { readSystem } from "../mmu/access";
import { cpu, readReg } from "../state/cpu";
import { beginCurrentFrame, commitFrame, pushFrame } from "../state/frame";
import {
  ATTRIBUTE_P,
  attributesOf,
  checkCodeOffset,
  descriptorAttributes,
  descriptorDpl,
  isCodeSegment,
  loadCode,
  loadNull,
  markAccessed,
  readDescriptor,
  selectorOf,
  TYPE_EXPAND_DOWN,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE_16,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE,
  TYPE_TRAP_GATE_16,
} from "../state/segments";
import { beginInnerFrame, loadInnerStack } from "../state/inner_stack";
import { checkTaskEip, readTss, SwitchBy, switchTask, TYPE_WIDE } from "../state/task";
import { idtError, pushedFlags, Source } from "./deliver";
import { raiseGP, raiseWithCode } from "./raise";

function isEventGate(type: u32): bool {
  switch (type) {
    case TYPE_TASK_GATE:
    case TYPE_INTERRUPT_GATE_16:
    case TYPE_TRAP_GATE_16:
    case TYPE_INTERRUPT_GATE:
    case TYPE_TRAP_GATE:
      return true;
  }
  return false;
}

export function deliverProtected(vector: u32, source: Source, code: u32): void {
  const at = vector << 3;
  const gateError = idtError(vector);
  if (at + 7 > cpu().idtrLimit) raiseGP(gateError);
  const low = readSystem<u32>(cpu().idtrBase + <u64>at);
  const high = readSystem<u32>(cpu().idtrBase + <u64>at + 4);
  const type = (high >> 8) & 0x1f;
  if (!isEventGate(type)) raiseGP(gateError);
  const cpl = cpu().cpl;
  if (source == Source.SOFTWARE && ((high >> 13) & 3) < cpl) raiseGP(gateError);
  if ((high & 0x8000) == 0) raiseWithCode(VECTOR_NP, gateError);
  const selector = low >> 16;
  if (type == TYPE_TASK_GATE) {
    deliverToTask(selector, source, code);
    return;
  }

  const error = selector & 0xfffc;
  if (error == 0) raiseGP(0);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const dpl = descriptorDpl();
  if (!isCodeSegment(attributes) || dpl > cpl) raiseGP(error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  const target = (attributes & TYPE_EXPAND_DOWN) != 0 ? cpl : dpl;
  const fromVirtual8086 = (cpu().rflags & FLAG_VM) != 0;
  if (fromVirtual8086 && target != 0) raiseGP(error);
  markAccessed();

  const size: u32 = (type & TYPE_WIDE) != 0 ? 4 : 2;
  if (target < cpl) {
    beginInnerFrame(target);
    if (fromVirtual8086) {
      pushFrame(selectorOf(SEG_GS), size);
      pushFrame(selectorOf(SEG_FS), size);
      pushFrame(selectorOf(SEG_DS), size);
      pushFrame(selectorOf(SEG_ES), size);
    }
    pushFrame(selectorOf(SEG_SS), size);
    pushFrame(readReg<u32>(RSP << 3), size);
  } else {
    beginCurrentFrame(target);
  }
  pushFrame(pushedFlags(source), size);
  pushFrame(selectorOf(SEG_CS), size);
  pushFrame(cpu().rip, size);
  if (code != NO_ERROR_CODE) pushFrame(code, size);

  readDescriptor(selector, VECTOR_GP);
  const eip = size == 4 ? (low & 0xffff) | (high & 0xffff_0000) : low & 0xffff;
  checkCodeOffset(eip);
  if (target < cpl) {
    loadInnerStack(target);
    readDescriptor(selector, VECTOR_GP);
  }
  commitFrame();
  cpu().rip = <u64>eip;
  let flags = cpu().rflags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
  if (type == TYPE_INTERRUPT_GATE || type == TYPE_INTERRUPT_GATE_16) flags &= ~FLAG_IF;
  cpu().rflags = flags;
  loadCode(selector, target);
  if (fromVirtual8086) {
    loadNull(SEG_DS, 0);
    loadNull(SEG_ES, 0);
    loadNull(SEG_FS, 0);
    loadNull(SEG_GS, 0);
  }
}

function deliverToTask(selector: u32, source: Source, code: u32): void {
  readTss(selector, false, VECTOR_GP);
  switchTask(selector, SwitchBy.CALL, pushedFlags(source));
  if (code != NO_ERROR_CODE) {
    beginCurrentFrame(cpu().cpl);
    pushFrame(code, (attributesOf(SEG_TR) & TYPE_WIDE) != 0 ? 4 : 2);
    commitFrame();
  }
  checkTaskEip();
}

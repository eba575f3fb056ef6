/** Call gates. SDM vol 3A "Call Gates", "Accessing a Code Segment Through a Call Gate", SDM vol 2 "CALL", "JMP". */
import { RSP, SEG_CS, SEG_SS } from "../abi/state";
import { VECTOR_GP, VECTOR_NP } from "../abi/vectors";
import { loadNullStack, rspOf } from "../interrupts/deliver_long";
import { raiseGP, raiseWithCode } from "../interrupts/raise";
import { read } from "../mmu/access";
import { cpu, readReg } from "../state/cpu";
import { beginCurrentFrame, beginFlatFrame, commitFrame, pushFrame } from "../state/frame";
import { beginInnerFrame, loadInnerStack } from "../state/inner_stack";
import { ATTRIBUTE_DB, ATTRIBUTE_L, isLongMode, stackSize } from "../state/mode";
import {
  ATTRIBUTE_P,
  checkCodeOffset,
  descriptorAttributes,
  descriptorDpl,
  descriptorHigh,
  descriptorLow,
  isCodeSegment,
  linearIn,
  loadCode,
  markAccessed,
  readDescriptor,
  readUpperDescriptor,
  selectorOf,
  TYPE_CALL_GATE,
  TYPE_EXPAND_DOWN,
} from "../state/segments";

// The gate read by readGate().
let target: u32 = 0;
let offset: u64 = 0;
let nrParameters: u32 = 0;
/** Bytes of what is pushed: 2, 4, 8. */
let size: u32 = 0;

/** Raises #GP(selector) unless the gate or TSS descriptor just read may be used at the current level; #NP. */
export function checkGateAccess(selector: u32): void {
  const error = selector & 0xfffc;
  if (descriptorDpl() < cpu().cpl || descriptorDpl() < (selector & 3)) raiseGP(error);
}

/** Reads the call gate whose descriptor was just read, then its code descriptor, with the checks that JMP and CALL share. */
function readGate(selector: u32): void {
  const type = descriptorAttributes() & 0x1f;
  checkGateAccess(selector);
  target = descriptorLow >> 16;
  offset = <u64>(descriptorLow & 0xffff);
  nrParameters = descriptorHigh & 31;
  size = type == TYPE_CALL_GATE ? 4 : 2;
  if (size == 4) offset |= <u64>(descriptorHigh & 0xffff_0000);
  const gatePresent = (descriptorAttributes() & ATTRIBUTE_P) != 0;
  if (isLongMode()) {
    const upper = readUpperDescriptor(selector);
    if (((upper >> 40) & 0x1f) != 0) raiseGP(selector & 0xfffc);
    size = 8;
    offset |= upper << 32;
  }
  if (!gatePresent) raiseWithCode(VECTOR_NP, selector & 0xfffc);

  const error = target & 0xfffc;
  if (error == 0) raiseGP(0);
  readDescriptor(target, VECTOR_GP);
  const attributes = descriptorAttributes();
  if (!isCodeSegment(attributes) || descriptorDpl() > cpu().cpl) raiseGP(error);
  if (size == 8 && (attributes & (ATTRIBUTE_L | ATTRIBUTE_DB)) != ATTRIBUTE_L) raiseGP(error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
}

/** Whether the code segment just read runs at the caller's level. */
function keepsLevel(): bool {
  return (descriptorAttributes() & TYPE_EXPAND_DOWN) != 0 || descriptorDpl() == cpu().cpl;
}

function enterTarget(cpl: u32): void {
  readDescriptor(target, VECTOR_GP);
  loadCode(target, cpl);
  cpu().rip = offset;
}

/** JMP through the call gate just read. */
export function jumpThroughGate(selector: u32): void {
  readGate(selector);
  if (!keepsLevel()) raiseGP(target & 0xfffc);
  checkCodeOffset(offset);
  enterTarget(cpu().cpl);
}

function pushReturn(): void {
  pushFrame(selectorOf(SEG_CS), size);
  pushFrame(cpu().rip, size);
}

/** CALL through the call gate just read: at the same level, or at an inner one with its stack and copied parameters. */
export function callThroughGate(selector: u32): void {
  readGate(selector);
  markAccessed();
  const cpl = cpu().cpl;
  if (keepsLevel()) {
    if (size == 8) beginFlatFrame(readReg<u64>(RSP << 3), cpl);
    else beginCurrentFrame(cpl);
    pushReturn();
    readDescriptor(target, VECTOR_GP);
    checkCodeOffset(offset);
    commitFrame();
    enterTarget(cpl);
    return;
  }
  const inner = descriptorDpl();
  if (size == 8) beginFlatFrame(rspOf(inner), inner);
  else beginInnerFrame(inner);
  pushFrame(selectorOf(SEG_SS), size);
  pushFrame(readReg<u64>(RSP << 3), size);
  if (size != 8) {
    for (let i = nrParameters; i > 0; i--) pushFrame(parameter(i - 1), size);
  }
  pushReturn();
  readDescriptor(target, VECTOR_GP);
  checkCodeOffset(offset);
  if (size == 8) loadNullStack(inner);
  else loadInnerStack(inner);
  commitFrame();
  enterTarget(inner);
}

/** The `index`th parameter on the caller's stack. */
function parameter(index: u32): u32 {
  const sp = readReg<u32>(RSP << 3) + index * size;
  const at = linearIn(SEG_SS, stackSize() == 4 ? sp : sp & 0xffff, size, false);
  return size == 4 ? read<u32>(at) : <u32>read<u16>(at);
}

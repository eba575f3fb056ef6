/** Delivery through the IDT of IA-32e mode: 16-byte gates, IST. SDM vol 3A "Exception and Interrupt Handling in 64-bit Mode". */
import { FLAG_IF, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VM, NO_ERROR_CODE, RSP, SEG_CS, SEG_SS, SEG_TR } from "../abi/state";
import { VECTOR_GP, VECTOR_NP, VECTOR_TS } from "../abi/vectors";
import { readSystem } from "../mmu/access";
import { isCanonical } from "../state/address";
import { cpu, readReg } from "../state/cpu";
import { beginFlatFrame, commitFrame, pushFrame } from "../state/frame";
import { ATTRIBUTE_DB, ATTRIBUTE_L } from "../state/mode";
import {
  ATTRIBUTE_P,
  baseOf,
  descriptorAttributes,
  descriptorDpl,
  isCodeSegment,
  limitOf,
  loadCode,
  markAccessed,
  readDescriptor,
  selectorOf,
  setSegment,
  TYPE_EXPAND_DOWN,
  TYPE_INTERRUPT_GATE,
  TYPE_TRAP_GATE,
} from "../state/segments";
import { idtError, pushedFlags, Source } from "./deliver";
import { raiseGP, raiseWithCode } from "./raise";

/** Offset in the 64-bit TSS of RSP0 and of IST1. */
const TSS_RSP0: u32 = 4;
const TSS_IST1: u32 = 36;

/** The 64-bit stack pointer at `offset` in the TSS. */
export function tssStackPointer64(offset: u32): u64 {
  if (offset + 7 > limitOf(SEG_TR)) raiseWithCode(VECTOR_TS, selectorOf(SEG_TR) & 0xfffc);
  return readSystem<u64>(baseOf(SEG_TR) + <u64>offset);
}

/** SS after a change to level `cpl` in 64-bit mode: null, with RPL = CPL. */
export function loadNullStack(cpl: u32): void {
  setSegment(SEG_SS, cpl, (cpl << 5) | ATTRIBUTE_DB, 0, 0);
}

export function rspOf(cpl: u32): u64 {
  return tssStackPointer64(TSS_RSP0 + (cpl << 3));
}

export function deliverLong(vector: u32, source: Source, code: u32): void {
  const offset = vector << 4;
  const gateError = idtError(vector);
  if (offset + 15 > cpu().idtrLimit) raiseGP(gateError);
  const low = readSystem<u64>(cpu().idtrBase + <u64>offset);
  const high = readSystem<u64>(cpu().idtrBase + <u64>offset + 8);
  const type = <u32>(low >> 40) & 0x1f;
  if (type != TYPE_INTERRUPT_GATE && type != TYPE_TRAP_GATE) raiseGP(gateError);
  const cpl = cpu().cpl;
  if (source == Source.SOFTWARE && (<u32>(low >> 45) & 3) < cpl) raiseGP(gateError);
  if (((low >> 47) & 1) == 0) raiseWithCode(VECTOR_NP, gateError);
  const selector = <u32>(low >> 16) & 0xffff;
  const error = selector & 0xfffc;
  if (error == 0) raiseGP(0);
  readDescriptor(selector, VECTOR_GP);
  const attributes = descriptorAttributes();
  const dpl = descriptorDpl();
  if (!isCodeSegment(attributes) || dpl > cpl) raiseGP(error);
  if ((attributes & ATTRIBUTE_L) == 0 || (attributes & ATTRIBUTE_DB) != 0) raiseGP(error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  markAccessed();
  const target = (attributes & TYPE_EXPAND_DOWN) != 0 ? cpl : dpl;

  const ist = <u32>(low >> 32) & 7;
  let sp: u64;
  if (ist != 0) sp = tssStackPointer64(TSS_IST1 + ((ist - 1) << 3));
  else if (target < cpl) sp = rspOf(target);
  else sp = readReg<u64>(RSP << 3);
  beginFlatFrame(sp & ~(<u64>15), target);
  pushFrame(selectorOf(SEG_SS), 8);
  pushFrame(readReg<u64>(RSP << 3), 8);
  pushFrame(pushedFlags(source), 8);
  pushFrame(selectorOf(SEG_CS), 8);
  pushFrame(cpu().rip, 8);
  if (code != NO_ERROR_CODE) pushFrame(code, 8);
  const rip = (low & 0xffff) | ((low >> 32) & 0xffff_0000) | (high << 32);
  if (!isCanonical(rip)) raiseGP(0);

  readDescriptor(selector, VECTOR_GP);
  if (target < cpl) loadNullStack(target);
  commitFrame();
  cpu().rip = rip;
  let flags = cpu().rflags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
  if (type == TYPE_INTERRUPT_GATE) flags &= ~FLAG_IF;
  cpu().rflags = flags;
  loadCode(selector, target);
}

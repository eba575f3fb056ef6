/** The stack of an inner privilege level, as the 16- or 32-bit TSS names it. SDM vol 3A "Stack Switching". */
import { SEG_SS } from "../abi/state";
import { VECTOR_SS, VECTOR_TS } from "../abi/vectors";
import { raiseWithCode } from "../interrupts/raise";
import { beginFrame } from "./frame";
import {
  ATTRIBUTE_P,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  isStackSegment,
  loadFromDescriptor,
  markAccessed,
  readDescriptor,
  tssStackPointer,
  tssStackSelector,
} from "./segments";

/** Checks the stack of level `cpl` and begins to fill it. Raises #TS(selector), #SS(selector). */
export function beginInnerFrame(cpl: u32): void {
  const sp = tssStackPointer(cpl);
  const selector = tssStackSelector;
  const error = selector & 0xfffc;
  if (error == 0) raiseWithCode(VECTOR_TS, 0);
  readDescriptor(selector, VECTOR_TS);
  const attributes = descriptorAttributes();
  if ((selector & 3) != cpl || descriptorDpl() != cpl) raiseWithCode(VECTOR_TS, error);
  if (!isStackSegment(attributes)) raiseWithCode(VECTOR_TS, error);
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_SS, error);
  markAccessed();
  beginFrame(attributes, descriptorBase(), descriptorLimit(), sp, cpl, error);
}

/** Loads SS with what beginInnerFrame() checked; cannot fault. */
export function loadInnerStack(cpl: u32): void {
  const selector = tssStackSelector;
  readDescriptor(selector, VECTOR_TS);
  loadFromDescriptor(SEG_SS, (selector & 0xfffc) | cpl);
}

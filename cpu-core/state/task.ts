/**
 * The hardware task switch. SDM vol 3A "Task Switching".
 *
 *     caller      finds the TSS, checks privilege, presence, busy or not             faults: the old task's
 *     switchTask  limit, pages of both TSSs; saves the old task, marks busy bits,
 *                 loads TR, CR3, EIP, EFLAGS, registers, selectors                   ---- commit
 *                 LDTR, CS, SS, DS, ES, FS, GS: descriptors                          faults: the new task's
 *
 * The descriptors are checked in the order of table 7-2 "Exception Conditions Checked During a Task Switch".
 */
import {
  CR0_PG,
  CR0_TS,
  FLAG_NT,
  FLAG_VM,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_LDTR,
  SEG_SS,
  SEG_TR,
} from "../abi/state";
import { VECTOR_NP, VECTOR_SS, VECTOR_TS } from "../abi/vectors";
import { clearLocalBreakpoints, DR6_BT, holdTraps } from "../interrupts/debug";
import { noteEntered } from "../interrupts/deliver";
import { raiseGP, raiseWithCode } from "../interrupts/raise";
import { readSystem, writeSystem } from "../mmu/access";
import { writeCr3 } from "../ops/control";
import { cpu, readReg, writeReg } from "./cpu";
import { updateMode } from "./mode";
import { FlagsOf } from "./rflags";
import {
  ATTRIBUTE_P,
  ATTRIBUTE_S,
  attributesOf,
  baseOf,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  isCodeSegment,
  isStackSegment,
  limitOf,
  loadFromDescriptor,
  loadVirtual8086,
  readDescriptor,
  selectorOf,
  setSegment,
  TYPE_EXPAND_DOWN,
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS_16,
  TYPE_WRITABLE,
} from "./segments";

/** What causes a task switch; it decides about the busy bits, NT and the back link. */
export const enum SwitchBy {
  JMP,
  /** Also interrupts and exceptions: the new task is nested in the old one. */
  CALL,
  IRET,
}

/** Bit 1 of a TSS descriptor's type. */
export const TYPE_BUSY: u32 = 2;
/** In the type of TSS and gate descriptors: 32 bits, else 16. */
export const TYPE_WIDE: u32 = 8;

/** Fields of the 32-bit TSS; of the 16-bit one. SDM vol 3A figures "32-Bit Task-State Segment (TSS)", "16-Bit TSS Format". */
const TSS_CR3: u32 = 28;
const TSS_EIP: u32 = 32;
const TSS_REGISTERS: u32 = 40;
const TSS_SELECTORS: u32 = 72; // ES CS SS DS FS GS, 4 bytes each
const TSS_LDT: u32 = 96;
const TSS_TRAP: u32 = 100;
const TSS16_IP: u32 = 14;
const TSS16_REGISTERS: u32 = 18;
const TSS16_SELECTORS: u32 = 34; // ES CS SS DS, 2 bytes each
const TSS16_LDT: u32 = 42;
/** What a TSS must at least hold, as its limit says it. */
const MIN_LIMIT: u32 = 0x67;
const MIN_LIMIT_16: u32 = 0x2b;

/** Flags that a TSS can set. */
const FLAGS_IN_TSS: u32 = 0x003f_7fd5;

/** The switch is committed: RIP is the new task's, a fault must leave it alone (run.ts unwound()). */
let committed: bool = false;

export function isTaskCommitted(): bool {
  return committed;
}

export function endTaskSwitch(): void {
  committed = false;
}

// The new task's state as its TSS has it.
const newRegisters: StaticArray<u32> = new StaticArray<u32>(8);
const newSelectors: StaticArray<u32> = new StaticArray<u32>(6);

/**
 * Reads the TSS descriptor that a task gate, a far pointer or a back link names. Raises `vector`(selector) if it is none, or busy
 * where it must be available; #NP. SDM vol 3A "Task Switching", steps 2-4.
 */
export function readTss(selector: u32, busy: bool, vector: u32): void {
  const error = selector & 0xfffc;
  if (error == 0 || (selector & 4) != 0) raiseWithCode(vector, error);
  readDescriptor(selector, vector);
  const type = descriptorAttributes() & 0x1f;
  const kind = type & ~TYPE_BUSY;
  if (kind != TYPE_TSS && kind != TYPE_TSS_16) raiseWithCode(vector, error);
  if (((type & TYPE_BUSY) != 0) != busy) raiseWithCode(vector, error);
  if ((descriptorAttributes() & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
}

function descriptorPlace(selector: u32): u64 {
  return cpu().gdtrBase + <u64>(selector & 0xfff8);
}

function setBusy(selector: u32, busy: bool): void {
  const at = descriptorPlace(selector) + 5;
  const type = <u32>readSystem<u8>(at);
  writeSystem<u8>(at, <u8>(busy ? type | TYPE_BUSY : type & ~TYPE_BUSY));
}

/** Raises #PF unless a system write can reach both ends of [va, va + bytes). */
function probe(va: u64, bytes: u32): void {
  writeSystem<u8>(va, readSystem<u8>(va));
  const last = va + <u64>(bytes - 1);
  writeSystem<u8>(last, readSystem<u8>(last));
}

function save(flags: u32): void {
  const base = baseOf(SEG_TR);
  if ((attributesOf(SEG_TR) & TYPE_WIDE) != 0) {
    writeSystem<u32>(base + TSS_EIP, <u32>cpu().rip);
    writeSystem<u32>(base + TSS_EIP + 4, flags);
    for (let i: u32 = 0; i < 8; i++) writeSystem<u32>(base + TSS_REGISTERS + i * 4, readReg<u32>(i << 3));
    for (let i: u32 = 0; i < 6; i++) writeSystem<u16>(base + TSS_SELECTORS + i * 4, <u16>selectorOf(i));
  } else {
    writeSystem<u16>(base + TSS16_IP, <u16>cpu().rip);
    writeSystem<u16>(base + TSS16_IP + 2, <u16>flags);
    for (let i: u32 = 0; i < 8; i++) writeSystem<u16>(base + TSS16_REGISTERS + i * 2, readReg<u16>(i << 3));
    for (let i: u32 = 0; i < 4; i++) writeSystem<u16>(base + TSS16_SELECTORS + i * 2, <u16>selectorOf(i));
  }
}

/**
 * Switches to the task whose TSS descriptor readTss() read. `flags` is EFLAGS as to be saved. RIP must be what the old task
 * goes on with. The caller ends with endTaskSwitch(), when nothing of the transfer can fault any more.
 */
export function switchTask(selector: u32, by: SwitchBy, flags: u32): void {
  const attributes = descriptorAttributes();
  const base = descriptorBase();
  const limit = descriptorLimit();
  const wide = (attributes & TYPE_WIDE) != 0;
  const minimum = wide ? MIN_LIMIT : MIN_LIMIT_16;
  if (limit < minimum) raiseWithCode(VECTOR_TS, selector & 0xfffc);
  probe(baseOf(SEG_TR), ((attributesOf(SEG_TR) & TYPE_WIDE) != 0 ? MIN_LIMIT : MIN_LIMIT_16) + 1);
  probe(base, minimum + 1);
  probe(descriptorPlace(selectorOf(SEG_TR)), 8);
  probe(descriptorPlace(selector), 8);

  const oldSelector = selectorOf(SEG_TR);
  save(by == SwitchBy.IRET ? flags & ~FLAG_NT : flags);
  if (by != SwitchBy.CALL) setBusy(oldSelector, false);
  if (by != SwitchBy.IRET) setBusy(selector, true);
  if (by == SwitchBy.CALL) writeSystem<u16>(base, <u16>oldSelector);

  // Read all of it before CR3 changes what the address means.
  let cr3: u32 = 0;
  let eip: u32;
  let newFlags: u32;
  let ldt: u32;
  let trap: u32 = 0;
  if (wide) {
    cr3 = readSystem<u32>(base + TSS_CR3);
    eip = readSystem<u32>(base + TSS_EIP);
    newFlags = readSystem<u32>(base + TSS_EIP + 4);
    for (let i: u32 = 0; i < 8; i++) newRegisters[i] = readSystem<u32>(base + TSS_REGISTERS + i * 4);
    for (let i: u32 = 0; i < 6; i++) newSelectors[i] = readSystem<u16>(base + TSS_SELECTORS + i * 4);
    ldt = readSystem<u16>(base + TSS_LDT);
    trap = <u32>readSystem<u8>(base + TSS_TRAP) & 1;
  } else {
    eip = readSystem<u16>(base + TSS16_IP);
    newFlags = readSystem<u16>(base + TSS16_IP + 2);
    // The upper halves of the general registers are undefined; those of processors read as ones.
    for (let i: u32 = 0; i < 8; i++) newRegisters[i] = 0xffff_0000 | <u32>readSystem<u16>(base + TSS16_REGISTERS + i * 2);
    for (let i: u32 = 0; i < 4; i++) newSelectors[i] = readSystem<u16>(base + TSS16_SELECTORS + i * 2);
    newSelectors[SEG_FS] = 0;
    newSelectors[SEG_GS] = 0;
    ldt = readSystem<u16>(base + TSS16_LDT);
  }
  if (by == SwitchBy.CALL) newFlags |= FLAG_NT;

  committed = true;
  noteEntered();
  setSegment(SEG_TR, selector, attributes | TYPE_BUSY, base, limit);
  cpu().cr0 |= CR0_TS;
  clearLocalBreakpoints();
  cpu().rip = <u64>eip;
  cpu().rflags = (newFlags & FLAGS_IN_TSS) | 2;
  cpu().flagsOp = FlagsOf.RFLAGS;
  for (let i: u32 = 0; i < 8; i++) writeReg<u32>(i << 3, newRegisters[i]);
  // Until its descriptor is loaded a segment cannot be used.
  for (let i: u32 = 0; i < 6; i++) setSegment(i, newSelectors[i], 0, 0, 0);
  setSegment(SEG_LDTR, ldt, 0, 0, 0);
  const virtual8086 = (cpu().rflags & FLAG_VM) != 0;
  cpu().cpl = virtual8086 ? 3 : newSelectors[SEG_CS] & 3;
  updateMode();
  if (wide && (cpu().cr0 & CR0_PG) != 0) writeCr3(<u64>cr3);

  const ldtPresent = loadLdt(ldt);
  if (virtual8086) {
    if (!ldtPresent) raiseWithCode(VECTOR_TS, ldt & 0xfffc);
    for (let i: u32 = 0; i < 6; i++) loadVirtual8086(i, newSelectors[i]);
  } else {
    loadSegments(ldt, ldtPresent);
  }
  updateMode();
  if (trap != 0) holdTraps(DR6_BT);
}

/** Loads LDTR if the selector is valid, else raises #TS; false: its segment is not present. */
function loadLdt(selector: u32): bool {
  const error = selector & 0xfffc;
  if (error == 0) return true;
  if ((selector & 4) != 0) raiseWithCode(VECTOR_TS, error);
  readDescriptor(selector, VECTOR_TS);
  const attributes = descriptorAttributes();
  if ((attributes & 0x1f) != TYPE_LDT) raiseWithCode(VECTOR_TS, error);
  if ((attributes & ATTRIBUTE_P) == 0) return false;
  setSegment(SEG_LDTR, selector, attributes, descriptorBase(), descriptorLimit());
  return true;
}

function loadSegments(ldt: u32, ldtPresent: bool): void {
  const cs = newSelectors[SEG_CS];
  const csError = cs & 0xfffc;
  if (csError == 0) raiseWithCode(VECTOR_TS, 0);
  readDescriptor(cs, VECTOR_TS);
  const csAttributes = descriptorAttributes();
  const rpl = cs & 3;
  if (isCodeSegment(csAttributes)) {
    const conforming = (csAttributes & TYPE_EXPAND_DOWN) != 0;
    if (conforming ? descriptorDpl() > rpl : descriptorDpl() != rpl) raiseWithCode(VECTOR_TS, csError);
  }

  const ss = newSelectors[SEG_SS];
  const ssError = ss & 0xfffc;
  if (ssError == 0) raiseWithCode(VECTOR_TS, 0);
  readDescriptor(ss, VECTOR_TS);
  const ssAttributes = descriptorAttributes();
  if (!isStackSegment(ssAttributes)) raiseWithCode(VECTOR_TS, ssError);
  if ((ssAttributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_SS, ssError);
  if (descriptorDpl() != rpl) raiseWithCode(VECTOR_TS, ssError);
  if (!ldtPresent) raiseWithCode(VECTOR_TS, ldt & 0xfffc);
  if (!isCodeSegment(csAttributes)) raiseWithCode(VECTOR_TS, csError);
  if ((csAttributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, csError);
  if ((ss & 3) != rpl) raiseWithCode(VECTOR_TS, ssError);

  readDescriptor(cs, VECTOR_TS);
  loadFromDescriptor(SEG_CS, cs);
  updateMode();
  readDescriptor(ss, VECTOR_TS);
  loadFromDescriptor(SEG_SS, ss);
  loadData(SEG_DS);
  loadData(SEG_ES);
  loadData(SEG_FS);
  loadData(SEG_GS);
}

function loadData(index: u32): void {
  const selector = newSelectors[index];
  const error = selector & 0xfffc;
  if (error == 0) return;
  readDescriptor(selector, VECTOR_TS);
  const attributes = descriptorAttributes();
  if ((attributes & ATTRIBUTE_S) == 0) raiseWithCode(VECTOR_TS, error);
  const code = isCodeSegment(attributes);
  if (code && (attributes & TYPE_WRITABLE) == 0) raiseWithCode(VECTOR_TS, error); // not readable
  if ((attributes & ATTRIBUTE_P) == 0) raiseWithCode(VECTOR_NP, error);
  const conforming = code && (attributes & TYPE_EXPAND_DOWN) != 0;
  const dpl = descriptorDpl();
  if (!conforming && (dpl < cpu().cpl || dpl < (selector & 3))) raiseWithCode(VECTOR_TS, error);
  loadFromDescriptor(index, selector);
}

/** The last check of a task switch: EIP against the new code segment. */
export function checkTaskEip(): void {
  if (cpu().rip > <u64>limitOf(SEG_CS)) raiseGP(0);
}

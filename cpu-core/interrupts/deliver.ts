/**
 * Delivery of exceptions and interrupts. SDM vol 3A "Interrupt and Exception Handling".
 *
 * Everything that can fault comes before the first register changes: a fault during delivery finds the state of the
 * interrupted program whole (or, after a task switch, that of the new task). Which event is then delivered is decided by combine().
 */
import { FLAG_IF, FLAG_RF, FLAG_TF, FLAG_VM, NO_ERROR_CODE, SEG_CS } from "../abi/state";
import { VECTOR_DB, VECTOR_DE, VECTOR_DF, VECTOR_GP, VECTOR_PF, VECTOR_TS } from "../abi/vectors";
import { readSystem } from "../mmu/access";
import { cpu } from "../state/cpu";
import { beginCurrentFrame, commitFrame, pushFrame } from "../state/frame";
import { isLongMode, isProtected } from "../state/mode";
import { materializeFlags } from "../state/rflags";
import { limitOf, loadCodeReal, selectorOf } from "../state/segments";
import { endHolding } from "../state/stepping";
import { endTaskSwitch } from "../state/task";
import { clearGeneralDetect } from "./debug";
import { deliverLong } from "./deliver_long";
import { deliverProtected } from "./deliver_protected";
import { raise, setExternal } from "./raise";

/** Where an event comes from. */
export const enum Source {
  /** RIP is at the instruction that raised it. */
  FAULT,
  /** #DB and INT1: RIP is after the instruction. */
  TRAP,
  /** INT n, INT3, INTO: the gate's DPL is checked. */
  SOFTWARE,
  EXTERNAL,
}

/** The vector being delivered, or -1. Set while deliver() runs, so that a fault in it is seen as a second one. */
let delivering: i32 = -1;
let deliveringSource: Source = Source.FAULT;
let nrEntered: u32 = 0;

/** Counts handlers and tasks entered: tells whether an instruction did. */
export function countEntered(): u32 {
  return nrEntered;
}

export function noteEntered(): void {
  nrEntered++;
}

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
  if (delivering >= 0 && (deliveringSource == Source.FAULT || deliveringSource == Source.TRAP)) {
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
  deliver(vector, Source.FAULT, code);
  return true;
}

/** Delivers an event; RIP is what the handler is to return to. Raises if the tables are wrong. */
export function deliver(vector: u32, source: Source, code: u32): void {
  delivering = vector;
  deliveringSource = source;
  setExternal(source == Source.SOFTWARE ? 0 : 1);
  if (isLongMode()) deliverLong(vector, source, code);
  else if (isProtected() || (cpu().rflags & FLAG_VM) != 0) deliverProtected(vector, source, code);
  else deliverReal(vector);
  if (vector == VECTOR_DB && source != Source.SOFTWARE) clearGeneralDetect();
  endTaskSwitch();
  setExternal(0);
  delivering = -1;
  noteEntered();
  endHolding();
  cpu().halted = 0;
}

/** Through the IVT: no error code, and an error in delivering has none either. SDM vol 3B "8086 Emulation". */
function deliverReal(vector: u32): void {
  const entry = vector << 2;
  if (entry + 3 > cpu().idtrLimit) raise(VECTOR_GP);
  const offset = <u32>readSystem<u16>(cpu().idtrBase + <u64>entry);
  const selector = readSystem<u16>(cpu().idtrBase + <u64>entry + 2);
  enterReal(selector, offset, materializeFlags());
  cpu().rflags = cpu().rflags & ~(FLAG_IF | FLAG_TF | FLAG_RF);
}

/** Pushes FLAGS, CS and IP and goes on at selector:offset, as real and virtual-8086 mode do. */
export function enterReal(selector: u32, offset: u32, flags: u32): void {
  beginCurrentFrame(cpu().cpl);
  pushFrame(flags, 2);
  pushFrame(selectorOf(SEG_CS), 2);
  pushFrame(cpu().rip, 2);
  if (offset > limitOf(SEG_CS)) raise(VECTOR_GP);
  commitFrame();
  loadCodeReal(selector);
  cpu().rip = <u64>offset;
  noteEntered();
}

/** RFLAGS as pushed: a fault's image has RF set so that an instruction breakpoint does not fire again. */
export function pushedFlags(source: Source): u32 {
  const flags = materializeFlags();
  return source == Source.FAULT ? flags | FLAG_RF : flags;
}

/** Error code of a fault on IDT entry `vector`: index and IDT bit; raise() adds EXT. */
export function idtError(vector: u32): u32 {
  return (vector << 3) | 2;
}

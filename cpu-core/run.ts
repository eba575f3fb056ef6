/**
 * The run loop: pending event? -> find the block -> execute it -> why did it stop?
 *
 * An instruction that faults unwinds to the host (interrupts/raise.ts), which calls unwound() and then run() again;
 * the exception is delivered first thing there.
 */
import { EXIT_BUDGET, EXIT_HLT, EXIT_SHUTDOWN, EXIT_UNWOUND } from "./abi/exit";
import { EVENT_INIT, EVENT_INTR, EVENT_STOP, EVENT_TRAP, FLAG_IF, FLAG_RF, FLAG_TF, NO_ERROR_CODE } from "./abi/state";
import { Insn, INSN_SIZE } from "./decode/insn";
import { interruptAcknowledge } from "./host";
import { Interpreter } from "./interpreter/backend";
import { Block, BLOCK_HEADER_SIZE, codeAddress, findBlock, findInsn } from "./interpreter/block";
import {
  deliverDebug,
  deliverTraps,
  DR6_BS,
  finishInstruction,
  forgetHits,
  holdTraps,
  matchInstruction,
} from "./interrupts/debug";
import { raiseGP } from "./interrupts/raise";
import { countEntered, deliver, deliverRaised, Source } from "./interrupts/deliver";
import { init } from "./interrupts/init";
import { deliverNmi, isNmiDue } from "./interrupts/nmi";
import { Op } from "./ops/op";
import { perform, performHot, performOther } from "./ops/perform";
import { forgetJump } from "./jit/jump_targets";
import { getThreshold, heat, translateQueue } from "./jit/translate";
import { cpu, cpuBase } from "./state/cpu";
import { updateMode } from "./state/mode";
import { armedBreakpoints, beginInstruction, heldOff, HOLD_STACK, isVirtualInterruptDue } from "./state/stepping";
import { endTaskSwitch, isTaskCommitted } from "./state/task";
import { isExitRequested, takeExit } from "./state/exit";

const CONTINUE: u32 = 0xffff_ffff;

/** An exception was raised and waits to be delivered. */
let raised: bool = false;

/** Executes Insns from `first` on until the block ends; returns the address after the last one. */
function execute(first: usize, end: usize): usize {
  const state = cpu();
  state.blockEnd = <u32>end;
  let at = first;
  do {
    const insn = changetype<Insn>(at);
    state.insn = <u32>at;
    state.rip += <u64>insn.length;
    if (!performHot<Interpreter>(insn)) performOther(insn);
    at += INSN_SIZE;
  } while (at < <usize>state.blockEnd);
  return at;
}

/** Counts what was retired since the current block or region was entered. */
function countRetired(cpl: u32): void {
  const state = cpu();
  const done = <u64>(state.entryBudget - state.budget);
  state.countRetired += done;
  if (cpl == 3) state.countRetiredUser += done;
}

/**
 * Budget handed out at a time, in instructions: translated code comes back this often, because the engine replaces the
 * code of a function by its optimised form only when the function is entered.
 */
const PORTION: i32 = 50_000;
/** No region needs more to begin. */
const MIN_PORTION: i32 = 1_000;

/** Hands out the next portion of the budget. */
function refill(): void {
  const state = cpu();
  const all = state.budget + state.reserve;
  state.budget = min(all, PORTION);
  state.reserve = all - state.budget;
  translateQueue();
}

/** Executes the translation of `block`. False: nothing was executed, the budget is too small for it. */
function enterTranslation(block: Block): bool {
  const state = cpu();
  state.blockEnd = 1;
  state.miss = 0;
  state.callDepth = 0;
  forgetJump();
  state.countTranslatedEntries += 1;
  call_indirect<void>(block.translation - 1, cpuBase());
  return state.miss != 0 || state.budget != state.entryBudget;
}

/** Acts on pending events, in the order of SDM vol 3A "Prioritization of Concurrent Events"; CONTINUE, or why run() must return. */
function handleEvents(): u32 {
  const state = cpu();
  if ((state.events & EVENT_STOP) != 0) {
    state.events &= ~EVENT_STOP;
    return EXIT_UNWOUND;
  }
  if ((heldOff() & HOLD_STACK) != 0) return CONTINUE;
  if ((state.events & EVENT_INIT) != 0) {
    state.events &= ~EVENT_INIT;
    init();
  }
  if ((state.events & EVENT_TRAP) != 0) deliverTraps();
  if (isNmiDue()) deliverNmi();
  if ((state.events & EVENT_INTR) != 0 && (state.rflags & FLAG_IF) != 0 && heldOff() == 0) {
    state.countInterrupts += 1;
    deliver(interruptAcknowledge(), Source.EXTERNAL, NO_ERROR_CODE);
  }
  return CONTINUE;
}

/** Whether a single-step trap follows an instruction that began with TF set. SDM vol 3B "Single-Step Exception Condition". */
function isTrapped(insn: Insn): bool {
  const op = <u32>insn.code >> 2;
  // SYSCALL is trapped if IA32_FMASK lets TF through, SYSRET if it sets TF (ops/fast_call.ts).
  if (op == Op.SYSCALL) return (cpu().rflags & FLAG_TF) != 0;
  return op != Op.SYSRET && (heldOff() & HOLD_STACK) == 0;
}

/** Executes one instruction with what RFLAGS.TF, RF and debug registers have to do with it. */
function step(): void {
  const state = cpu();
  const flags = state.rflags;
  const held = heldOff();
  if (armedBreakpoints() != 0 && (flags & FLAG_RF) == 0 && (held & HOLD_STACK) == 0) {
    const bits = matchInstruction(codeAddress());
    if (bits != 0) {
      deliverDebug(bits);
      return;
    }
  }
  beginInstruction();
  if (isVirtualInterruptDue()) raiseGP(0);
  // RF lasts for one instruction; those that load it set it again. A fault's image has it set in any case.
  state.rflags = flags & ~FLAG_RF;
  const insn = findInsn();
  const cpl = state.cpl;
  const entered = countEntered();
  state.entryBudget = state.budget;
  state.insn = <u32>changetype<usize>(insn);
  state.runBlock = state.insn;
  state.rip += <u64>insn.length;
  perform(insn);
  state.budget -= 1;
  state.insn = 0;
  countRetired(cpl);
  finishInstruction();
  if ((flags & FLAG_TF) != 0 && entered == countEntered() && isTrapped(insn)) holdTraps(DR6_BS);
}

/** Executes the block at RIP, or its translation. There is one call of execute(), so that all of it is one function. */
// prettier-ignore
@inline
function runBlock(): void {
  const state = cpu();
  let block = findBlock();
  const cpl = state.cpl;
  let first = <u32>changetype<usize>(block) + BLOCK_HEADER_SIZE;
  let from = first;
  let end: u32 = 0;
  state.entryBudget = state.budget;
  // A region runs nothing while an event is pending: one that cannot be taken now would never let it begin.
  if (block.translation == 0 || state.events != 0 || !enterTranslation(block)) {
    if (getThreshold() != 0) heat(block);
    const nr = <u32>min<i32>(block.nrInsns, state.budget);
    end = first + nr * INSN_SIZE;
  } else if (state.miss != 0) {
    // What translated code leaves to the interpreter, and the rest of that block.
    block = changetype<Block>(<usize>(state.miss >> 32));
    first = <u32>changetype<usize>(block) + BLOCK_HEADER_SIZE;
    from = <u32>state.miss;
    end = first + block.nrInsns * INSN_SIZE;
  }
  if (end != 0) {
    state.runBlock = first;
    state.budget -= <i32>((<u32>execute(from, end) - first) / INSN_SIZE);
  }
  state.insn = 0;
  countRetired(cpl);
}

/** Runs up to `budget` instructions. Returns EXIT_*; CPU_BUDGET is then what is left. */
export function run(budget: i32): u32 {
  const exit = runPortions(budget);
  giveBack();
  return exit;
}

/** The budget that was not handed out counts as left. */
function giveBack(): void {
  cpu().budget += cpu().reserve;
  cpu().reserve = 0;
}

function runPortions(budget: i32): u32 {
  const state = cpu();
  state.budget = 0;
  state.reserve = budget;
  state.insn = 0;
  if (raised) {
    raised = false;
    if (!deliverRaised()) return EXIT_SHUTDOWN;
  }
  while (true) {
    if (state.events != 0) {
      const exit = handleEvents();
      if (exit != CONTINUE) return exit;
    }
    if (state.halted != 0) return EXIT_HLT;
    if (state.budget < MIN_PORTION) {
      if (state.reserve != 0) refill();
      if (state.budget <= 0) return EXIT_BUDGET;
    }
    if (((state.rflags & (FLAG_TF | FLAG_RF)) | state.stepping) != 0) step();
    else runBlock();
    if (isExitRequested()) return takeExit();
  }
}

/**
 * Tidies up after raise() unwound to the host: retires what was complete and puts RIP back on the faulting
 * instruction. The host then calls run() with the budget that is left (CPU_BUDGET).
 */
export function unwound(): void {
  const state = cpu();
  if (state.insn != 0) {
    const insn = changetype<Insn>(state.insn);
    // After a task switch RIP is the new task's.
    if (!isTaskCommitted()) state.rip -= <u64>insn.length;
    state.budget -= <i32>((state.insn - state.runBlock) / INSN_SIZE);
    state.insn = 0;
    countRetired(state.cpl);
  }
  updateMode(); // an implicit supervisor access may have been under way (mmu/access.ts)
  endTaskSwitch();
  forgetHits();
  state.blockEnd = 0;
  giveBack();
  raised = true;
}

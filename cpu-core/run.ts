/**
 * The run loop: pending event? -> find the block -> execute it -> why did it stop?
 *
 * An instruction that faults unwinds to the host (interrupts/raise.ts), which calls unwound() and then run() again;
 * the exception is delivered first thing there.
 */
import { EXIT_BUDGET, EXIT_HLT, EXIT_SHUTDOWN, EXIT_UNWOUND } from "./abi/exit";
import { EVENT_INIT, EVENT_INTR, EVENT_NMI, EVENT_STOP, FLAG_IF, FLAG_TF, NO_ERROR_CODE } from "./abi/state";
import { VECTOR_DB, VECTOR_NMI } from "./abi/vectors";
import { Insn, INSN_SIZE } from "./decode/insn";
import { interruptAcknowledge } from "./host";
import { Interpreter } from "./interpreter/backend";
import { Block, BLOCK_HEADER_SIZE, findBlock } from "./interpreter/block";
import { init } from "./interrupts/init";
import { deliver, deliverRaised, Source } from "./interrupts/deliver";
import { Op } from "./ops/op";
import { performHot, performOther } from "./ops/perform";
import { getThreshold, heat, translateQueue } from "./jit/translate";
import { cpu, cpuBase } from "./state/cpu";
import { updateMode } from "./state/mode";
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
  state.countTranslatedEntries += 1;
  call_indirect<void>(block.translation - 1, cpuBase());
  if (state.miss != 0) finishMissed();
  return state.budget != state.entryBudget;
}

/** Executes the rest of the block in which translated code met what it leaves to the interpreter. */
function finishMissed(): void {
  const state = cpu();
  const block = changetype<Block>(<usize>(state.miss >> 32));
  const first = <u32>changetype<usize>(block) + BLOCK_HEADER_SIZE;
  state.runBlock = first;
  const end = <u32>execute(<usize>(state.miss & 0xffff_ffff), first + block.nrInsns * INSN_SIZE);
  state.budget -= <i32>((end - first) / INSN_SIZE);
}

/** Acts on pending events; CONTINUE, or why run() must return. */
function handleEvents(): u32 {
  const state = cpu();
  if ((state.events & EVENT_STOP) != 0) {
    state.events &= ~EVENT_STOP;
    return EXIT_UNWOUND;
  }
  if ((state.events & EVENT_INIT) != 0) {
    state.events &= ~EVENT_INIT;
    init();
  } else if ((state.events & EVENT_NMI) != 0) {
    state.events &= ~EVENT_NMI;
    deliver(VECTOR_NMI, Source.EXTERNAL, NO_ERROR_CODE);
  } else if ((state.events & EVENT_INTR) != 0 && (state.rflags & FLAG_IF) != 0) {
    state.halted = 0;
    state.countInterrupts += 1;
    deliver(interruptAcknowledge(), Source.EXTERNAL, NO_ERROR_CODE);
  }
  return CONTINUE;
}

/** Whether the instruction entered a handler with TF clear: no single-step trap follows it. SDM vol 3A "Single-Step Exception Condition". */
function clearsTrap(insn: u32): bool {
  switch (<u32>changetype<Insn>(insn).code >> 2) {
    case Op.SYSCALL:
    case Op.INT:
    case Op.INT3:
    case Op.INTO:
      return true;
  }
  return false;
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
    const shadow = state.shadow;
    if (shadow != 0) {
      state.shadow = 0;
    } else if (state.events != 0) {
      const exit = handleEvents();
      if (exit != CONTINUE) return exit;
    }
    if (state.halted != 0) return EXIT_HLT;
    if (state.budget < MIN_PORTION && state.reserve != 0) refill();
    if (state.budget <= 0) return EXIT_BUDGET;
    const block = findBlock();
    let nr = block.nrInsns;
    const trap = state.rflags & FLAG_TF;
    const cpl = state.cpl;
    const first = <u32>changetype<usize>(block) + BLOCK_HEADER_SIZE;
    state.entryBudget = state.budget;
    // A region runs nothing while an event is pending: one that cannot be taken now would never let it begin.
    const mayEnter = block.translation != 0 && (shadow | trap | state.events) == 0;
    if (!mayEnter || !enterTranslation(block)) {
      if (getThreshold() != 0) heat(block);
      if (<i32>nr > state.budget) nr = <u32>state.budget;
      if ((shadow | trap) != 0) nr = 1;
      state.runBlock = first;
      state.budget -= <i32>((<u32>execute(first, first + nr * INSN_SIZE) - first) / INSN_SIZE);
    }
    state.insn = 0;
    countRetired(cpl);
    if (trap != 0 && !clearsTrap(first)) deliver(VECTOR_DB, Source.EXCEPTION, NO_ERROR_CODE);
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
    state.rip -= <u64>insn.length;
    state.budget -= <i32>((state.insn - state.runBlock) / INSN_SIZE);
    state.insn = 0;
    countRetired(state.cpl);
  }
  updateMode(); // an implicit supervisor access may have been under way (mmu/access.ts)
  state.blockEnd = 0;
  giveBack();
  raised = true;
}

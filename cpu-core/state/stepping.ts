/**
 * `stepping`: why the next instruction has to be executed alone (run.ts step()), beside RFLAGS.TF and RF.
 *
 *     bits 0-1    what is held off before the next instruction
 *     bits 2-3    what was held off before the current one
 *     bits 8-15   L0-3 and G0-3 of DR7: a breakpoint is enabled
 *     bit 16      one of them is a data breakpoint
 *     bit 17      VIF and VIP are both set where they mean something: the next instruction raises #GP
 *
 * STI holds off interrupts; MOV SS and POP SS hold off interrupts, NMI and debug exceptions and lose the single-step trap that would
 * follow them, so that the stack pointer can be loaded next. SDM vol 3A "Masking Exceptions and Interrupts When Switching
 * Stacks", SDM vol 2 "STI".
 */
import { cpu } from "./cpu";

export const HOLD_STI: u32 = 1 << 0;
export const HOLD_STACK: u32 = 1 << 1;
const NEXT: u32 = 3;
const CURRENT_SHIFT: u32 = 2;
const HOLDS: u32 = 15;
const BREAKPOINTS_SHIFT: u32 = 8;
const DATA_BREAKPOINTS: u32 = 1 << 16;
const VIRTUAL_INTERRUPT: u32 = 1 << 17;

/** What is held off at this instruction boundary: HOLD_*. */
export function heldOff(): u32 {
  return cpu().stepping & NEXT;
}

/** The instruction begins before which these were held off. */
export function beginInstruction(): void {
  const state = cpu();
  state.stepping = (state.stepping & ~HOLDS) | ((state.stepping & NEXT) << CURRENT_SHIFT);
}

export function holdOffAfterSti(): void {
  cpu().stepping |= HOLD_STI;
}

/** Only the first of several loads of SS in sequence has the effect. */
export function holdOffAfterStackLoad(): void {
  if ((cpu().stepping & (HOLD_STACK << CURRENT_SHIFT)) == 0) cpu().stepping |= HOLD_STACK;
}

/** An exception or interrupt was delivered: nothing is held off any more. */
export function endHolding(): void {
  cpu().stepping &= ~HOLDS;
}

/** Enable bits of DR7. */
export function armedBreakpoints(): u32 {
  return (cpu().stepping >> BREAKPOINTS_SHIFT) & 0xff;
}

/** Whether a data breakpoint is enabled: accesses to memory have to be looked at. */
export function hasDataBreakpoints(): bool {
  return (cpu().stepping & DATA_BREAKPOINTS) != 0;
}

export function armBreakpoints(enables: u32, data: bool): void {
  cpu().stepping = (cpu().stepping & (HOLDS | VIRTUAL_INTERRUPT)) | (enables << BREAKPOINTS_SHIFT) | (data ? DATA_BREAKPOINTS : 0);
}

/** Whether a virtual interrupt is due: VIF and VIP. */
export function isVirtualInterruptDue(): bool {
  return (cpu().stepping & VIRTUAL_INTERRUPT) != 0;
}

export function setVirtualInterruptDue(due: bool): void {
  cpu().stepping = due ? cpu().stepping | VIRTUAL_INTERRUPT : cpu().stepping & ~VIRTUAL_INTERRUPT;
}

/**
 * Interrupt lines: who handles each, how often it fired. Flow of an interrupt: the 8259 raises vector 0x20 + line, the
 * entry stub (arch/x86/entry) saves pt_regs and comes to handleIrq() here, which runs the handlers of the line and
 * acknowledges it at the chip (i8259.ts). /proc/interrupts reads the same table.
 * Linux: kernel/irq/manage.c, kernel/irq/handle.c, kernel/irq/proc.c.
 */
import type { Kernel } from "../kernel.ts";
import { EBUSY, EINVAL } from "../uapi/errno.ts";

/** Vector of line 0; line n is vector FIRST_EXTERNAL_VECTOR + n. */
export const FIRST_EXTERNAL_VECTOR = 0x20;
export const NR_IRQS = 16;

/** The handler agrees that others use the line too. */
export const IRQF_SHARED = 0x80;

export const IRQ_NONE = 0;
export const IRQ_HANDLED = 1;

/** What was interrupted: the saved pt_regs satisfies it. */
export interface InterruptedContext {
  /** Code segment selector; its low two bits are the privilege level. */
  readonly cs: number;
}

/** Returns IRQ_HANDLED, or IRQ_NONE if the device did not raise the line. */
export type IrqHandler = (regs: InterruptedContext, line: number) => number;

export interface IrqAction {
  readonly name: string;
  readonly handler: IrqHandler;
  readonly flags: number;
}

/** An interrupt controller. Linux: struct irq_chip. */
export interface IrqChip {
  readonly name: string;
  mask(line: number): void;
  unmask(line: number): void;
  /** Tells the controller that the line's interrupt is being handled: it may raise it (and lower ones) again. */
  acknowledge(line: number): void;
  /** Whether the controller delivered this line's vector without a device asking (a glitch on the wire). */
  isSpurious(line: number): boolean;
}

export interface IrqDesc {
  readonly line: number;
  actions: IrqAction[];
  /** Times the line fired. */
  count: number;
  /** Times it fired and no handler knew why. */
  nr_unhandled: number;
  /** Nesting of disableIrq(). */
  depth: number;
}

/** A line whose interrupts nobody handles this many times of the last 100,000 is shut off. Linux: note_interrupt(). */
const UNHANDLED_LIMIT = 99_900;
const UNHANDLED_WINDOW = 100_000;

export class Irq {
  readonly desc: IrqDesc[] = [];
  /** Vectors that arrived without cause; ERR in /proc/interrupts. */
  nr_errors = 0;
  /** All interrupts since boot; "intr" in /proc/stat. */
  nr_total = 0;
  /** Whether a handler runs now. Linux: in_hardirq(). */
  inInterrupt = false;
  readonly #kernel: Kernel;
  #chip: IrqChip | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    for (let line = 0; line < NR_IRQS; line++) {
      this.desc.push({ line, actions: [], count: 0, nr_unhandled: 0, depth: 0 });
    }
  }

  setChip(chip: IrqChip): void {
    this.#chip = chip;
  }

  /** Adds a handler and opens the line: the action (for freeIrq), -EBUSY if the line is taken, -EINVAL for a bad one. */
  requestIrq(line: number, handler: IrqHandler, name: string, flags = 0): IrqAction | number {
    const desc = this.desc[line];
    if (!desc) return -EINVAL;
    if (desc.actions.some((action) => !(action.flags & flags & IRQF_SHARED))) {
      this.#kernel.printk.err(
        `genirq: Flags mismatch irq ${line}. ${hex8(flags)} (${name}) vs. ${hex8(desc.actions[0].flags)} (${desc.actions[0].name})`,
      );
      return -EBUSY;
    }
    const action: IrqAction = { name, handler, flags };
    desc.actions.push(action);
    if (desc.actions.length === 1 && desc.depth === 0) this.#chip?.unmask(line);
    return action;
  }

  freeIrq(line: number, action: IrqAction): void {
    const desc = this.desc[line];
    desc.actions = desc.actions.filter((other) => other !== action);
    if (desc.actions.length === 0) this.#chip?.mask(line);
  }

  disableIrq(line: number): void {
    if (this.desc[line].depth++ === 0) this.#chip?.mask(line);
  }

  enableIrq(line: number): void {
    const desc = this.desc[line];
    if (--desc.depth === 0 && desc.actions.length > 0) this.#chip?.unmask(line);
  }

  /** The CPU took external `vector`. Runs with interrupts off. Linux: common_interrupt(), handle_irq_event(). */
  handleIrq(regs: InterruptedContext, vector: number): void {
    const line = vector - FIRST_EXTERNAL_VECTOR;
    const desc = this.desc[line];
    const chip = this.#chip;
    if (!desc || !chip) {
      this.nr_errors++;
      return;
    }
    if (chip.isSpurious(line)) {
      this.nr_errors++;
      return;
    }
    chip.acknowledge(line);
    desc.count++;
    this.nr_total++;
    this.inInterrupt = true;
    let handled = IRQ_NONE;
    for (const action of desc.actions) handled |= action.handler(regs, line);
    this.inInterrupt = false;
    if (handled === IRQ_NONE) this.#noteUnhandled(desc);
  }

  /** The text of /proc/interrupts. Linux: show_interrupts(). */
  showInterrupts(): string {
    let text = `${"".padStart(11)}CPU0       \n`;
    for (const desc of this.desc) {
      if (desc.actions.length === 0 && desc.count === 0) continue;
      text += `${String(desc.line).padStart(3)}: ${String(desc.count).padStart(10)}  ${(this.#chip?.name ?? "None").padStart(8)}    `;
      if (desc.actions.length > 0) text += `  ${desc.actions.map((action) => action.name).join(", ")}`;
      text += "\n";
    }
    text += `ERR: ${String(this.nr_errors).padStart(10)}\n`;
    return text;
  }

  #noteUnhandled(desc: IrqDesc): void {
    desc.nr_unhandled++;
    if (desc.count % UNHANDLED_WINDOW !== 0) return;
    if (desc.nr_unhandled > UNHANDLED_LIMIT) {
      this.#kernel.printk.emerg(`irq ${desc.line}: nobody cared (try booting with the "irqpoll" option)`);
      this.#kernel.printk.emerg(`Disabling IRQ #${desc.line}`);
      this.disableIrq(desc.line);
    }
    desc.nr_unhandled = 0;
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}

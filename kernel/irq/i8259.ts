/**
 * The two cascaded 8259A interrupt controllers. They are initialised so that IRQ 0-15 arrive as vectors 0x20-0x2f.
 * Neighbours: irq_desc.ts asks for mask, unmask, acknowledge; the wires come from every device of the board.
 * Source: Intel 8259A datasheet. Linux: arch/x86/kernel/i8259.c.
 */
import type { Ports } from "../arch/x86/machine.ts";
import type { Kernel } from "../kernel.ts";
import { FIRST_EXTERNAL_VECTOR, IRQ_HANDLED, NR_IRQS, type IrqChip } from "./irq_desc.ts";

const PIC_MASTER_CMD = 0x20;
const PIC_MASTER_IMR = 0x21;
const PIC_SLAVE_CMD = 0xa0;
const PIC_SLAVE_IMR = 0xa1;
/** The slave's output is wired to this input of the master. */
export const PIC_CASCADE_IR = 2;
/** Edge/level control registers (EISA): one bit per line, 1 = level triggered. */
const PIC_ELCR1 = 0x4d0;
const PIC_ELCR2 = 0x4d1;

const ICW1_INIT_ICW4 = 0x11; // edge triggered, cascade, ICW4 follows
const ICW4_8086 = 0x01; // 8086 mode, normal EOI
const OCW2_SPECIFIC_EOI = 0x60;
const OCW3_READ_ISR = 0x0b;
const OCW3_READ_IRR = 0x0a;

export class I8259 implements IrqChip {
  readonly name = "XT-PIC";
  /** Mask registers of both chips as last written: a set bit keeps the line shut. */
  #mask = 0xffff;
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Whether a controller answers: its mask register must hold what is written. Linux: probe_8259A(). */
  probe(): boolean {
    const ports = this.#ports;
    ports.outb(PIC_SLAVE_IMR, 0xff);
    ports.outb(PIC_MASTER_IMR, 0xfb);
    return ports.inb(PIC_MASTER_IMR) === 0xfb;
  }

  /** Initialises both chips and masks every line but the cascade. Linux: init_8259A(). */
  init(): void {
    const ports = this.#ports;
    ports.outb(PIC_MASTER_IMR, 0xff);
    ports.outb(PIC_MASTER_CMD, ICW1_INIT_ICW4);
    ports.outb(PIC_MASTER_IMR, FIRST_EXTERNAL_VECTOR);
    ports.outb(PIC_MASTER_IMR, 1 << PIC_CASCADE_IR);
    ports.outb(PIC_MASTER_IMR, ICW4_8086);
    ports.outb(PIC_SLAVE_CMD, ICW1_INIT_ICW4);
    ports.outb(PIC_SLAVE_IMR, FIRST_EXTERNAL_VECTOR + 8);
    ports.outb(PIC_SLAVE_IMR, PIC_CASCADE_IR);
    ports.outb(PIC_SLAVE_IMR, ICW4_8086);
    this.#mask = 0xffff & ~(1 << PIC_CASCADE_IR);
    ports.outb(PIC_MASTER_IMR, this.#mask & 0xff);
    ports.outb(PIC_SLAVE_IMR, this.#mask >> 8);
  }

  mask(line: number): void {
    this.#mask |= 1 << line;
    this.#writeMask(line);
  }

  unmask(line: number): void {
    this.#mask &= ~(1 << line);
    this.#writeMask(line);
  }

  acknowledge(line: number): void {
    if (line >= 8) {
      this.#ports.outb(PIC_SLAVE_CMD, OCW2_SPECIFIC_EOI | (line & 7));
      this.#ports.outb(PIC_MASTER_CMD, OCW2_SPECIFIC_EOI | PIC_CASCADE_IR);
    } else {
      this.#ports.outb(PIC_MASTER_CMD, OCW2_SPECIFIC_EOI | line);
    }
  }

  /** A request that vanished before it was acknowledged arrives as line 7 or 15 with no bit in service. */
  isSpurious(line: number): boolean {
    if ((line & 7) !== 7) return false;
    const command = line >= 8 ? PIC_SLAVE_CMD : PIC_MASTER_CMD;
    this.#ports.outb(command, OCW3_READ_ISR);
    const inService = (this.#ports.inb(command) & 0x80) !== 0;
    this.#ports.outb(command, OCW3_READ_IRR);
    if (inService) return false;
    // The master saw a real request from the slave and waits for its EOI.
    if (line >= 8) this.#ports.outb(PIC_MASTER_CMD, OCW2_SPECIFIC_EOI | PIC_CASCADE_IR);
    return true;
  }

  /** Level-triggered lines as the firmware left them, one bit per line. */
  levelLines(): number {
    return this.#ports.inb(PIC_ELCR1) | (this.#ports.inb(PIC_ELCR2) << 8);
  }

  #writeMask(line: number): void {
    if (line >= 8) this.#ports.outb(PIC_SLAVE_IMR, this.#mask >> 8);
    else this.#ports.outb(PIC_MASTER_IMR, this.#mask & 0xff);
  }
}

/** Linux: init_IRQ(), init_ISA_irqs(). */
export function initIrq(kernel: Kernel): void {
  const chip = new I8259(kernel.machine.ports);
  if (!chip.probe()) {
    kernel.printk.emerg("Kernel panic - not syncing: no 8259A interrupt controller answers");
    return;
  }
  chip.init();
  kernel.irq.setChip(chip);
  kernel.irq.requestIrq(PIC_CASCADE_IR, () => IRQ_HANDLED, "cascade");
  kernel.printk.info(`NR_IRQS: ${NR_IRQS}, nr_irqs: ${NR_IRQS}, preallocated irqs: ${NR_IRQS}`);
}

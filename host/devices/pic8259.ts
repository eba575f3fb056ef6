/**
 * A pair of 8259A interrupt controllers, wired as in the PC/AT: the second one's output is input 2 of the first.
 *
 * Devices raise IrqLines 0-15; the pair drives the CPU's INTR pin (`intr`), and the CPU fetches the vector with an
 * INTA cycle (`acknowledge`). The pin is LINT0 of the local APIC (local_apic.ts), which passes request and INTA cycle on in
 * virtual wire mode, and pin 0 of the I/O APIC. Ports: offset 0 command, 1 data, on each chip; the edge/level control
 * register (ELCR) of the later chip sets is a third device. Source: Intel 8259A datasheet (1988); 82371AB datasheet "ELCR1,
 * ELCR2". QUIRK: only 8086 mode exists, the MCS-80 vectors do not; INT falls with a request that is withdrawn, so
 * that the default IR7 comes only if the CPU was already acknowledging.
 */
import type { PortDevice } from "../bus.ts";

/** Input of the master that the slave's INT output is wired to. */
const CASCADE = 2;

const ICW1_IC4 = 1 << 0; // ICW4 follows
const ICW1_SNGL = 1 << 1; // single chip, no ICW3
const ICW1_LTIM = 1 << 3; // all inputs level triggered
const ICW1_SELECT = 1 << 4; // this command byte is ICW1
const ICW3_ID = 7; // of a slave: the master's input it hangs on
const ICW4_AEOI = 1 << 1; // automatic end of interrupt
const ICW4_SFNM = 1 << 4; // special fully nested mode
const OCW3_SELECT = 1 << 3; // this command byte is OCW3
const OCW3_RR = 1 << 1; // read register command
const OCW3_RIS = 1 << 0; // ... the in-service register
const OCW3_P = 1 << 2; // poll command
const OCW3_ESMM = 1 << 6; // special mask mode is being set
const OCW3_SMM = 1 << 5;
const POLL_PENDING = 1 << 7;
/** What the CPU reads in an INTA cycle that nobody answers. */
const FLOATING_BUS = 0xff;

/** One 8259A. */
export class Pic8259 implements PortDevice {
  /** Interrupt request, in-service and mask registers: one bit an input. */
  irr = 0;
  isr = 0;
  imr = 0;
  /** Levels of the inputs. */
  lines = 0;
  /** Inputs that are level triggered (ELCR). */
  elcr = 0;
  /** Vector of input 0. */
  vector_base = 0;
  /** The input with the lowest priority: 7 unless rotated. */
  lowest = 7;
  /** Which ICW the data port expects next: 0 none, else 2, 3, 4. */
  #icw_expected = 0;
  #icw1 = 0;
  #icw3 = 0;
  #icw4 = 0;
  #reads_isr = false;
  #poll = false;
  #special_mask = false;
  #rotate_on_aeoi = false;
  /** The level of the INT output. */
  output = 0;

  readonly counters = { requests: new Array<number>(8).fill(0), acknowledged: 0, spurious: 0 };

  /**
   * `drive` is told when the INT output changes. `cascade_mask` has the inputs that a slave's INT is wired to: they are
   * read through when acknowledged.
   */
  constructor(
    readonly drive: (level: number) => void,
    readonly cascade_mask: number,
  ) {}

  /** Power-on state: everything masked off by having no mode at all; the firmware initialises it. */
  reset(): void {
    this.irr = this.isr = this.imr = this.elcr = 0;
    this.vector_base = 0;
    this.lowest = 7;
    this.#icw_expected = 0;
    this.#icw1 = this.#icw3 = this.#icw4 = 0;
    this.#reads_isr = this.#poll = this.#special_mask = this.#rotate_on_aeoi = false;
    this.update();
  }

  /** An input changed. */
  setLine(input: number, level: number): void {
    const bit = 1 << input;
    if (level) {
      if (!(this.lines & bit)) {
        this.counters.requests[input]++;
        this.irr |= bit;
      }
      this.lines |= bit;
    } else {
      this.lines &= ~bit;
      // Also an edge-triggered request must stay up until the first INTA (datasheet, "Interrupt Request").
      this.irr &= ~bit;
    }
    this.update();
  }

  /** The inputs `mask` become level triggered, the others edge triggered. */
  setLevelTriggered(mask: number): void {
    this.elcr = mask;
    this.irr |= this.lines & mask;
    this.update();
  }

  /** Recomputes the INT output. */
  update(): void {
    this.#setOutput(this.#pending() >= 0 ? 1 : 0);
  }

  #setOutput(level: number): void {
    if (level === this.output) return;
    this.output = level;
    this.drive(level);
  }

  /** INTA: the vector of the highest request, which goes into service; vector_base + 7 if there is none any more. */
  acknowledge(slave: Pic8259 | null): number {
    const input = this.#pending();
    if (input < 0) {
      this.counters.spurious++;
      return this.vector_base + 7;
    }
    this.#serve(input);
    let vector = this.vector_base + input;
    if (slave && this.#cascaded & (1 << input))
      vector = slave.#hangsOn(input) ? slave.acknowledge(null) : FLOATING_BUS;
    // INT falls with every INTA: the input of another controller needs an edge for what is still pending.
    this.#setOutput(0);
    this.update();
    return vector;
  }

  /** The inputs where a slave is asked for the vector: it must be there, and ICW3 must say so. */
  get #cascaded(): number {
    return this.#icw1 & ICW1_SNGL ? 0 : this.cascade_mask & this.#icw3;
  }

  /** Whether a slave answers to the number on the cascade lines. */
  #hangsOn(input: number): boolean {
    return (this.#icw3 & ICW3_ID) === input;
  }

  readPort(offset: number): number {
    if (this.#poll) {
      this.#poll = false;
      const input = this.#pending();
      if (input < 0) return 0;
      this.#serve(input);
      this.#setOutput(0);
      this.update();
      return POLL_PENDING | input;
    }
    if (offset === 1) return this.imr;
    return this.#reads_isr ? this.isr : this.irr;
  }

  writePort(offset: number, _size: number, value: number): void {
    if (offset === 1) this.#writeData(value);
    else if (value & ICW1_SELECT) this.#initialise(value);
    else if (value & OCW3_SELECT) this.#writeOcw3(value);
    else this.#writeOcw2(value);
    this.update();
  }

  #initialise(icw1: number): void {
    this.#icw1 = icw1;
    this.#icw_expected = 2;
    this.imr = 0;
    this.isr = 0;
    this.lowest = 7;
    this.#special_mask = this.#reads_isr = this.#poll = this.#rotate_on_aeoi = false;
    // The edge sense circuit is reset: an edge-triggered input that is up must fall and rise again.
    this.irr = this.lines & this.#levelTriggered();
    if (!(icw1 & ICW1_IC4)) this.#icw4 = 0;
  }

  #writeData(value: number): void {
    switch (this.#icw_expected) {
      case 2:
        this.vector_base = value & 0xf8;
        this.#icw_expected = this.#icw1 & ICW1_SNGL ? (this.#icw1 & ICW1_IC4 ? 4 : 0) : 3;
        break;
      case 3:
        this.#icw3 = value;
        this.#icw_expected = this.#icw1 & ICW1_IC4 ? 4 : 0;
        break;
      case 4:
        this.#icw4 = value;
        this.#icw_expected = 0;
        break;
      default: // OCW1
        this.imr = value;
    }
  }

  #writeOcw2(value: number): void {
    const input = value & 7;
    switch (value >> 5) {
      case 0: // rotate in automatic EOI mode: clear
        this.#rotate_on_aeoi = false;
        break;
      case 1: // non-specific EOI
        this.#endHighest();
        break;
      case 2: // no operation
        break;
      case 3: // specific EOI
        this.isr &= ~(1 << input);
        break;
      case 4: // rotate in automatic EOI mode: set
        this.#rotate_on_aeoi = true;
        break;
      case 5: {
        // rotate on non-specific EOI
        const ended = this.#endHighest();
        if (ended >= 0) this.lowest = ended;
        break;
      }
      case 6: // set priority
        this.lowest = input;
        break;
      case 7: // rotate on specific EOI
        this.isr &= ~(1 << input);
        this.lowest = input;
        break;
    }
  }

  #writeOcw3(value: number): void {
    if (value & OCW3_ESMM) this.#special_mask = (value & OCW3_SMM) !== 0;
    if (value & OCW3_P) this.#poll = true;
    else if (value & OCW3_RR) this.#reads_isr = (value & OCW3_RIS) !== 0;
  }

  #levelTriggered(): number {
    return this.#icw1 & ICW1_LTIM ? 0xff : this.elcr;
  }

  /** The input that may interrupt now, or -1. */
  #pending(): number {
    const requests = this.irr & ~this.imr;
    if (requests === 0) return -1;
    // Special mask mode: an input in service whose mask bit is set holds nobody back.
    const in_service = this.#special_mask ? this.isr & ~this.imr : this.isr;
    for (let step = 1; step <= 8; step++) {
      const input = (this.lowest + step) & 7;
      const bit = 1 << input;
      // Special fully nested mode: a slave may interrupt its own service (another of its inputs has a higher priority).
      const nests = (this.#icw4 & ICW4_SFNM) !== 0 && (this.#cascaded & bit) !== 0;
      if (in_service & bit && !(nests && requests & bit)) {
        if (!this.#special_mask) return -1;
        continue;
      }
      if (requests & bit) return input;
    }
    return -1;
  }

  #serve(input: number): void {
    const bit = 1 << input;
    this.counters.acknowledged++;
    if (!(this.#levelTriggered() & bit)) this.irr &= ~bit;
    if (this.#icw4 & ICW4_AEOI) {
      if (this.#rotate_on_aeoi) this.lowest = input;
    } else {
      this.isr |= bit;
    }
  }

  /** Ends the service with the highest priority; its input, or -1. */
  #endHighest(): number {
    for (let step = 1; step <= 8; step++) {
      const input = (this.lowest + step) & 7;
      const bit = 1 << input;
      if (this.isr & bit && !(this.#special_mask && this.imr & bit)) {
        this.isr &= ~bit;
        return input;
      }
    }
    return -1;
  }
}

/** The two chips and their sixteen inputs. */
export class PicPair {
  readonly slave: Pic8259 = new Pic8259((level) => this.master.setLine(CASCADE, level), 0);
  readonly master: Pic8259;
  /** Edge/level control: port 0 for inputs 0-7, port 1 for 8-15. Inputs 0, 1, 2, 8 and 13 are always edge triggered. */
  readonly elcr: PortDevice = {
    readPort: (offset) => (offset === 0 ? this.master.elcr : this.slave.elcr),
    writePort: (offset, _size, value) => {
      if (offset === 0) this.master.setLevelTriggered(value & 0xf8);
      else this.slave.setLevelTriggered(value & 0xde);
    },
  };

  /** `intr` drives INTR. */
  constructor(intr: (level: number) => void) {
    this.master = new Pic8259(intr, 1 << CASCADE);
  }

  /** Input `irq` changed; 2 is taken by the cascade. */
  setLine(irq: number, level: number): void {
    if (irq < 8) this.master.setLine(irq, level);
    else this.slave.setLine(irq & 7, level);
  }

  /** INTA cycle of the CPU: the vector. */
  acknowledge(): number {
    return this.master.acknowledge(this.slave);
  }

  reset(): void {
    this.slave.reset();
    this.master.reset();
  }
}

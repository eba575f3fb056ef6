/**
 * I/O APIC: 24 pins, each with an entry that says which interrupt message its line sends, and to whom.
 *
 * Edges are sent once, masked ones are lost; a level is sent again after the EOI of its vector (Remote IRR) while the pin is
 * asserted. Registers go through a window: select at offset 0, data at 10H. Source: Intel 82093AA datasheet (1996);
 * version 20H and its EOI register at 40H: 82801 datasheets, "I/O APIC Registers".
 */
import type { MmioDevice } from "../bus.ts";
import { FIXED, INIT, LOWEST_PRIORITY, NMI, wideDestination } from "./apic_bus.ts";
import type { ApicBus, EoiListener } from "./apic_bus.ts";

export const NR_PINS = 24;

const IOREGSEL = 0x00;
const IOWIN = 0x10;
const EOIR = 0x40;

const IOAPICID = 0;
const IOAPICVER = 1;
const IOAPICARB = 2;
const IOREDTBL = 0x10;
const VERSION = 0x20 | ((NR_PINS - 1) << 16);

/** Low half of a redirection entry. */
const LOGICAL = 1 << 11;
const ACTIVE_LOW = 1 << 13;
const REMOTE_IRR = 1 << 14;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const WRITABLE = 0x1_afff;

export class IoApic implements MmioDevice, EoiListener {
  /** Redirection table: low and high half of each entry. */
  readonly low = new Uint32Array(NR_PINS);
  readonly high = new Uint32Array(NR_PINS);
  readonly counters = { interrupts: new Array<number>(NR_PINS).fill(0), lost_edges: 0 };
  /** Levels of the pins, a bit each. */
  #pins = 0;
  #select = 0;
  #id = 0;
  #arbitration_id = 0;

  constructor(readonly bus: ApicBus) {
    bus.listeners.push(this);
    this.reset();
  }

  reset(): void {
    this.low.fill(MASKED);
    this.high.fill(0);
    this.#select = this.#id = this.#arbitration_id = 0;
  }

  /** An input changed. */
  setPin(pin: number, level: number): void {
    const bit = 1 << pin;
    if (((this.#pins & bit) !== 0) === (level !== 0)) return;
    this.#pins ^= bit;
    if (this.#isLevel(pin)) this.#assertLevel(pin);
    else if (this.#isAsserted(pin)) this.#sendEdge(pin);
  }

  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < NR_PINS; pin++) {
      if ((this.low[pin] & 0xff) !== vector || !(this.low[pin] & REMOTE_IRR)) continue;
      this.low[pin] &= ~REMOTE_IRR;
      this.#assertLevel(pin);
    }
  }

  readMmio(offset: number, size: number): number {
    const register = offset & ~3;
    const value = register === IOREGSEL ? this.#select : register === IOWIN ? this.#read() : 0;
    return size > 4 ? value : value >>> ((offset & 3) * 8);
  }

  writeMmio(offset: number, _size: number, value: number): void {
    if (offset === IOREGSEL) this.#select = value & 0xff;
    else if (offset === IOWIN) this.#write(value);
    else if (offset === EOIR) this.endOfInterrupt(value & 0xff);
  }

  #read(): number {
    switch (this.#select) {
      case IOAPICID:
        return this.#id << 24;
      case IOAPICVER:
        return VERSION;
      case IOAPICARB:
        return this.#arbitration_id << 24;
    }
    const pin = (this.#select - IOREDTBL) >> 1;
    if (pin < 0 || pin >= NR_PINS) return 0;
    return this.#select & 1 ? this.high[pin] : this.low[pin];
  }

  #write(value: number): void {
    if (this.#select === IOAPICID) {
      this.#id = this.#arbitration_id = (value >>> 24) & 15;
      return;
    }
    const pin = (this.#select - IOREDTBL) >> 1;
    if (pin < 0 || pin >= NR_PINS) return;
    if (this.#select & 1) {
      this.high[pin] = (value & 0xff00_0000) >>> 0;
      return;
    }
    this.low[pin] = (value & WRITABLE) | (this.low[pin] & REMOTE_IRR);
    // An edge-triggered entry has no interrupt to wait for: software clears Remote IRR this way.
    if (!this.#isLevel(pin)) this.low[pin] &= ~REMOTE_IRR;
    this.#assertLevel(pin);
  }

  #mode(pin: number): number {
    return (this.low[pin] >> 8) & 7;
  }

  /** NMI, INIT, SMI and ExtINT are edges whatever the trigger mode bit says. */
  #isLevel(pin: number): boolean {
    const mode = this.#mode(pin);
    return (this.low[pin] & LEVEL) !== 0 && (mode === FIXED || mode === LOWEST_PRIORITY);
  }

  #isAsserted(pin: number): boolean {
    return ((this.#pins >>> pin) & 1) !== (this.low[pin] & ACTIVE_LOW ? 1 : 0);
  }

  #sendEdge(pin: number): void {
    if (this.low[pin] & MASKED) this.counters.lost_edges++;
    else this.#send(pin, false);
  }

  #assertLevel(pin: number): void {
    if (!this.#isLevel(pin) || this.low[pin] & (MASKED | REMOTE_IRR) || !this.#isAsserted(pin)) return;
    if (this.#send(pin, true)) this.low[pin] |= REMOTE_IRR;
  }

  #send(pin: number, level_triggered: boolean): boolean {
    const logical = (this.low[pin] & LOGICAL) !== 0;
    const destination = wideDestination(this.high[pin] >>> 24, logical);
    this.counters.interrupts[pin]++;
    return this.bus.deliver(this.#mode(pin), this.low[pin] & 0xff, level_triggered, destination, logical);
  }

  /** Whether a pin can reach a CPU that has interrupts off. */
  get wakes_masked_cpu(): boolean {
    for (let pin = 0; pin < NR_PINS; pin++) {
      if (!(this.low[pin] & MASKED) && (this.#mode(pin) === NMI || this.#mode(pin) === INIT)) return true;
    }
    return false;
  }
}

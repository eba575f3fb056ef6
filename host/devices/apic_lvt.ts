/**
 * The local vector table: which interrupt the timer, the two LINT pins, the thermal sensor, the performance counters and
 * an APIC error make. SDM vol 3A "Local Vector Table".
 */
import { EXTINT, FIXED } from "./apic_bus.ts";

/** Entries, in the order of their registers from offset 320H on. */
export const TIMER = 0;
export const THERMAL = 1;
export const PERFORMANCE = 2;
export const LINT0 = 3;
export const LINT1 = 4;
export const ERROR = 5;
export const NR_ENTRIES = 6;

export const REMOTE_IRR = 1 << 14;
const DELIVERY_STATUS = 1 << 12;
const ACTIVE_LOW = 1 << 13;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;

const VECTOR = 0xff;
const DELIVERY_MODE = 0x700;

/** The bits of each entry that software writes. */
const WRITABLE = [
  VECTOR | MASKED | (3 << 17), // timer mode
  VECTOR | DELIVERY_MODE | MASKED,
  VECTOR | DELIVERY_MODE | MASKED,
  VECTOR | DELIVERY_MODE | ACTIVE_LOW | LEVEL | MASKED,
  VECTOR | DELIVERY_MODE | ACTIVE_LOW | LEVEL | MASKED,
  VECTOR | MASKED,
];

/** What entries do with interrupts: the local APIC and its CPU. */
export interface LocalInterruptSink {
  /** Delivers by `mode`; false: a fixed interrupt was not accepted. */
  receive(mode: number, vector: number, level_triggered: boolean): boolean;
}

export class LocalVectorTable {
  readonly entries = new Uint32Array(NR_ENTRIES);
  /** Levels of the LINT pins. */
  readonly #pins = [0, 0];

  constructor(readonly sink: LocalInterruptSink) {
    this.reset();
  }

  /** All masked; the pins are where they are. */
  reset(): void {
    this.entries.fill(MASKED);
  }

  /** Masks everything: the APIC was disabled by software. */
  maskAll(): void {
    for (let n = 0; n < NR_ENTRIES; n++) this.entries[n] |= MASKED;
  }

  /** Whether `value` sets bits that do not exist: an x2APIC refuses it. */
  hasReserved(entry: number, value: number): boolean {
    return (value & ~(WRITABLE[entry] | DELIVERY_STATUS | REMOTE_IRR)) !== 0;
  }

  write(entry: number, value: number): void {
    const kept = this.entries[entry] & REMOTE_IRR;
    this.entries[entry] = (value & WRITABLE[entry]) | kept;
    if (!this.isLevel(entry)) this.entries[entry] &= ~REMOTE_IRR;
    this.#assertLevel(entry);
  }

  isMasked(entry: number): boolean {
    return (this.entries[entry] & MASKED) !== 0;
  }

  mode(entry: number): number {
    return (this.entries[entry] >> 8) & 7;
  }

  /** The entry's event happened. */
  trigger(entry: number): void {
    if (!this.isMasked(entry)) this.sink.receive(this.mode(entry), this.entries[entry] & VECTOR, false);
  }

  /** A LINT pin changed. */
  setPin(entry: number, level: number): void {
    const pin = entry - LINT0;
    if (this.#pins[pin] === level) return;
    this.#pins[pin] = level;
    if (!this.isAsserted(entry)) return;
    if (this.isLevel(entry)) this.#assertLevel(entry);
    else if (this.mode(entry) !== EXTINT) this.trigger(entry);
  }

  pin(entry: number): number {
    return this.#pins[entry - LINT0];
  }

  /** Whether a LINT pin is at its active level. */
  isAsserted(entry: number): boolean {
    return (this.pin(entry) ^ (this.entries[entry] & ACTIVE_LOW ? 1 : 0)) !== 0;
  }

  /** Whether an 8259 is connected through this pin and asks: its INTA cycle then gives the vector. */
  asksExternal(entry: number): boolean {
    return this.mode(entry) === EXTINT && !this.isMasked(entry) && this.isAsserted(entry);
  }

  /** Level-triggered fixed interrupts: LINT0 only; LINT1 is always edge-triggered. */
  isLevel(entry: number): boolean {
    return entry === LINT0 && this.mode(entry) === FIXED && (this.entries[entry] & LEVEL) !== 0;
  }

  /** EOI of `vector`: a level-triggered pin that is still asserted interrupts again. */
  endOfInterrupt(vector: number): void {
    const entry = this.entries[LINT0];
    if (!(entry & REMOTE_IRR) || (entry & VECTOR) !== vector) return;
    this.entries[LINT0] &= ~REMOTE_IRR;
    this.#assertLevel(LINT0);
  }

  #assertLevel(entry: number): void {
    if (!this.isLevel(entry) || this.isMasked(entry) || !this.isAsserted(entry)) return;
    if (this.entries[entry] & REMOTE_IRR) return;
    if (this.sink.receive(FIXED, this.entries[entry] & VECTOR, true)) this.entries[entry] |= REMOTE_IRR;
  }
}

/**
 * The APIC bus: interrupt messages between I/O APICs, local APICs and bus masters.
 *
 *     device line -> io_apic.ts --+                        +--> local_apic.ts -> CPU 0
 *     MSI: a store to FEExxxxxH --+--> ApicBus.deliver() --+--> local_apic.ts -> CPU n
 *     ICR of a local APIC --------+                        |
 *     EOI of a local APIC ------------> endOfInterrupt() --+--> io_apic.ts (level-triggered entries)
 *
 * Messages arrive at once and in order: delivery status is always idle. Source: SDM vol 3A "Issuing Interprocessor
 * Interrupts", "Determining IPI Destination", "Message Signalled Interrupts".
 */
import type { MmioDevice } from "../bus.ts";

/** Delivery modes, as ICR, LVT, redirection table and MSI data encode them. */
export const FIXED = 0;
export const LOWEST_PRIORITY = 1;
export const SMI = 2;
export const NMI = 4;
export const INIT = 5;
export const START_UP = 6;
export const EXTINT = 7;

/** Physical destination of everybody, 32 bits wide; 8-bit destinations spell it FFH (wideDestination). */
export const BROADCAST = 0xffff_ffff;

/** An end of the bus that takes interrupt messages. */
export interface InterruptTarget {
  /** Whether a message to `destination` means this one. */
  isDestination(destination: number, logical: boolean): boolean;
  /** Whether fixed and lowest-priority messages are accepted: the APIC is enabled by software. */
  readonly accepts_fixed: boolean;
  /** Processor priority: the smallest one gets a lowest-priority message. */
  readonly ppr: number;
  /** Takes a message; false if it was not accepted. */
  receive(mode: number, vector: number, level_triggered: boolean): boolean;
}

/** An end of the bus that hears EOI messages. */
export interface EoiListener {
  endOfInterrupt(vector: number): void;
}

/** The 8-bit destination field of a redirection entry, an MSI or an xAPIC's ICR as deliver() takes it. */
export function wideDestination(destination: number, logical: boolean): number {
  return destination === 0xff && !logical ? BROADCAST : destination;
}

const MSI_BASE = 0xfee0_0000;
const MSI_BYTES = 0x10_0000;
const MSI_LOGICAL = 1 << 2; // address, DM
const MSI_TRIGGER_LEVEL = 1 << 15; // data
const MSI_ASSERT = 1 << 14;

export class ApicBus {
  readonly targets: InterruptTarget[] = [];
  readonly listeners: EoiListener[] = [];
  readonly counters = { messages: 0, unaccepted: 0 };
  /** Who got the last lowest-priority message: among equals the next one is served first. */
  #last_arbitrated = 0;

  /** Sends a message. False: nobody accepted it. */
  deliver(
    mode: number,
    vector: number,
    level_triggered: boolean,
    destination: number,
    logical: boolean,
    except: InterruptTarget | null = null,
  ): boolean {
    this.counters.messages++;
    let accepted = false;
    if (mode === LOWEST_PRIORITY) {
      const target = this.#arbitrate(destination, logical, except);
      if (target) accepted = target.receive(FIXED, vector, level_triggered);
    } else {
      for (const target of this.targets) {
        if (target !== except && target.isDestination(destination, logical))
          accepted = target.receive(mode, vector, level_triggered) || accepted;
      }
    }
    if (!accepted) this.counters.unaccepted++;
    return accepted;
  }

  /** The destination with the lowest priority; in turn among equals. */
  #arbitrate(destination: number, logical: boolean, except: InterruptTarget | null): InterruptTarget | null {
    let best = -1;
    for (let step = 1; step <= this.targets.length; step++) {
      const n = (this.#last_arbitrated + step) % this.targets.length;
      const target = this.targets[n];
      if (target === except || !target.accepts_fixed || !target.isDestination(destination, logical)) continue;
      if (best < 0 || target.ppr >> 4 < this.targets[best].ppr >> 4) best = n;
    }
    if (best < 0) return null;
    this.#last_arbitrated = best;
    return this.targets[best];
  }

  /** EOI message for a level-triggered vector. */
  endOfInterrupt(vector: number): void {
    for (const listener of this.listeners) listener.endOfInterrupt(vector);
  }

  /**
   * A message-signalled interrupt: `address` FEExxxxxH, `data` vector, delivery mode, level. The redirection hint adds
   * nothing: the delivery mode says whether one or all of a logical destination get it.
   */
  messageSignalled(address: number, data: number): void {
    const logical = (address & MSI_LOGICAL) !== 0;
    const level_triggered = (data & MSI_TRIGGER_LEVEL) !== 0;
    if (level_triggered && !(data & MSI_ASSERT)) return;
    const destination = wideDestination((address >>> 12) & 0xff, logical);
    this.deliver((data >> 8) & 7, data & 0xff, level_triggered, destination, logical);
  }

  /** Where MSIs are written to: a megabyte of the memory bus. Reads find nobody. */
  readonly msi_window: MmioDevice & { readonly start: number; readonly length_bytes: number } = {
    start: MSI_BASE,
    length_bytes: MSI_BYTES,
    readMmio: () => 0xffff_ffff,
    writeMmio: (offset, size, value) => {
      if (size === 4) this.messageSignalled(MSI_BASE + offset, value);
    },
  };
}

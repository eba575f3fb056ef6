/**
 * The chip set's odd ports: fast A20 and reset (0x92), reset control (0xcf9), power management (PM1a at 0x600), POST
 * codes (0x80) and the debug console (0xe9).
 *
 * Reset and power-off are requests to the machine, which carries them out once the CPU has left the current instruction.
 * Source: 82371AB (PIIX4) datasheet "Reset control register", PS/2 technical reference "System control port A",
 * ACPI specification 4.8.3 "PM1 Event/Control registers", 4.8.2.1 "Power Management Timer".
 */
import type { PortDevice } from "../bus.ts";
import type { Timeline } from "../clock.ts";

/** What the case's wires can do. */
export interface PowerControl {
  /** Resets the whole board. */
  reset(): void;
  powerOff(): void;
  setA20(level: number): void;
  a20(): number;
}

/** System control port A, 0x92. */
export class SystemControlPortA implements PortDevice {
  #value = 0;

  constructor(readonly power: PowerControl) {}

  reset(): void {
    this.#value = 0;
  }

  readPort(): number {
    return (this.#value & ~2) | (this.power.a20() ? 2 : 0);
  }

  writePort(_offset: number, _size: number, value: number): void {
    const resets = (value & 1) !== 0 && !(this.#value & 1);
    this.#value = value & ~1;
    this.power.setA20((value >> 1) & 1);
    if (resets) this.power.reset();
  }
}

const RESET_SYSTEM = 1 << 1; // hard reset
const RESET_CPU = 1 << 2; // a rising edge resets

/**
 * Reset control register, 0xcf9. It lies inside the PCI configuration address register (0xcf8, 4 bytes), which a guest probing for
 * PCI writes with one 32-bit access; the register itself takes byte accesses only.
 */
export class ResetControl implements PortDevice {
  #value = 0;

  constructor(readonly power: PowerControl) {}

  reset(): void {
    this.#value = 0;
  }

  readPort(): number {
    return this.#value;
  }

  writePort(_offset: number, _size: number, value: number): void {
    const resets = (value & RESET_CPU) !== 0 && !(this.#value & RESET_CPU);
    this.#value = value & (RESET_SYSTEM | RESET_CPU);
    if (resets) this.power.reset();
  }
}

/** PCI configuration address, 0xcf8-0xcfb as one register. There is no PCI bus here: it reads all ones, so nobody finds one. */
export class PciAddress implements PortDevice {
  readonly access_sizes = 1 | 4;

  constructor(readonly reset_control: ResetControl) {}

  readPort(offset: number, size: number): number {
    return offset === 1 && size === 1 ? this.reset_control.readPort() : 0xffff_ffff;
  }

  writePort(offset: number, size: number, value: number): void {
    if (offset === 1 && size === 1) this.reset_control.writePort(0, 1, value);
  }
}

const PM1_STS = 0;
const PM1_EN = 2;
const PM1_CNT = 4;
const PM_TMR = 8;
const PWRBTN = 1 << 8;
const PM1_STATUS_BITS = 0x8d31;
const PM1_CNT_SCI_EN = 1 << 0;
const PM1_CNT_SLP_TYP = 7 << 10;
const PM1_CNT_SLP_EN = 1 << 13;
/** Sleep type of S5 (soft off) on this board. */
const SLP_TYP_S5 = 0;

/** Frequency of the power management timer. */
export const PM_TIMER_HZ = 3_579_545;

/** ACPI power management registers: PM1a event block at offset 0, control at 4, timer at 8. */
export class PowerManagement implements PortDevice {
  readonly access_sizes = 1 | 2 | 4;
  #status = 0;
  #enable = 0;
  #control = PM1_CNT_SCI_EN;

  constructor(
    readonly power: PowerControl,
    readonly timeline: Timeline,
  ) {}

  reset(): void {
    this.#status = this.#enable = 0;
    this.#control = PM1_CNT_SCI_EN;
  }

  /** The power button was pressed. QUIRK: no system control interrupt is wired; software sees it by polling. */
  pressButton(): void {
    this.#status |= PWRBTN;
  }

  #register(offset: number): number {
    switch (offset) {
      case PM1_STS:
        return (this.#status | (this.#enable << 16)) >>> 0;
      case PM1_CNT:
        return this.#control;
      case PM_TMR: // 24 bits
        return Math.floor((this.timeline.now_ns() * PM_TIMER_HZ) / 1e9) % 0x100_0000;
      default:
        return 0;
    }
  }

  readPort(offset: number): number {
    return this.#register(offset & ~3) >>> ((offset & 3) * 8);
  }

  writePort(offset: number, size: number, value: number): void {
    if (size === 4) {
      this.writePort(offset, 2, value & 0xffff);
      this.writePort(offset + 2, 2, value >>> 16);
      return;
    }
    const shift = (offset & 1) * 8;
    const mask = (size === 2 ? 0xffff : 0xff) << shift;
    const bits = value << shift;
    switch (offset & ~1) {
      case PM1_STS: // write one to clear
        this.#status &= ~(bits & PM1_STATUS_BITS);
        break;
      case PM1_EN:
        this.#enable = (this.#enable & ~mask) | (bits & mask);
        break;
      case PM1_CNT:
        // ACPI mode cannot be left: there is no legacy mode to go to.
        this.#control = (((this.#control & ~mask) | (bits & mask)) & ~PM1_CNT_SLP_EN) | PM1_CNT_SCI_EN;
        if (bits & PM1_CNT_SLP_EN && (this.#control & PM1_CNT_SLP_TYP) >> 10 === SLP_TYP_S5)
          this.power.powerOff();
        break;
    }
  }
}

/** POST diagnostic port, 0x80: the firmware's progress codes. Linux also writes it to wait a microsecond. */
export class PostCodes implements PortDevice {
  /** The last codes, newest last. */
  readonly history: number[] = [];

  readPort(): number {
    return this.history.at(-1) ?? 0xff;
  }

  writePort(_offset: number, _size: number, value: number): void {
    if (this.history.at(-1) === value) return;
    this.history.push(value);
    if (this.history.length > 64) this.history.shift();
  }
}

/** Debug console, 0xe9: each byte written is a character for the developer; reads answer 0xe9, so that software finds it. */
export class DebugConsole implements PortDevice {
  constructor(readonly write: (byte: number) => void) {}

  readPort(): number {
    return 0xe9;
  }

  writePort(_offset: number, _size: number, value: number): void {
    this.write(value);
  }
}

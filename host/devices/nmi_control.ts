/**
 * The board's NMI line: system errors (SERR#) and channel checks (IOCHK#), shown and enabled in port B (0x61), masked all
 * together by bit 7 of the CMOS index port. It leads to LINT1 of the local APICs.
 *
 * Port B's other bits are the timer's (pit8254.ts portB). Source: 82371AB datasheet "NMISC", "RTCI". No device of this board
 * reports an error by itself: the two inputs are there for those that will.
 */
import { IrqLine } from "../bus.ts";
import type { PortDevice } from "../bus.ts";

const SERR_DISABLE = 1 << 2;
const IOCHK_DISABLE = 1 << 3;
const IOCHK_STATUS = 1 << 6;
const SERR_STATUS = 1 << 7;

export class NmiControl implements PortDevice {
  /** System error and channel check. */
  readonly serr = new IrqLine((level) => this.#report(level, SERR_STATUS, SERR_DISABLE));
  readonly iochk = new IrqLine((level) => this.#report(level, IOCHK_STATUS, IOCHK_DISABLE));
  readonly #line: IrqLine;
  #status = 0;
  #disabled = 0;

  /** `timer` has the other bits of the port; `isMasked` is bit 7 of port 0x70; `drive` is the NMI line. */
  constructor(
    readonly timer: PortDevice,
    readonly isMasked: () => boolean,
    drive: (level: number) => void,
  ) {
    this.#line = new IrqLine(drive);
  }

  reset(): void {
    this.#status = this.#disabled = 0;
    this.update();
  }

  readPort(offset: number, size: number): number {
    return this.timer.readPort(offset, size) | this.#status;
  }

  writePort(offset: number, size: number, value: number): void {
    this.timer.writePort(offset, size, value);
    this.#disabled = value & (SERR_DISABLE | IOCHK_DISABLE);
    // Disabling is also how a report is taken back.
    if (value & SERR_DISABLE) this.#status &= ~SERR_STATUS;
    if (value & IOCHK_DISABLE) this.#status &= ~IOCHK_STATUS;
    this.update();
  }

  #report(level: number, status: number, disable: number): void {
    if (level && !(this.#disabled & disable)) this.#status |= status;
    this.update();
  }

  /** Drives the line; called when the mask changed, too. */
  update(): void {
    if (this.#status !== 0 && !this.isMasked()) this.#line.raise();
    else this.#line.lower();
  }
}

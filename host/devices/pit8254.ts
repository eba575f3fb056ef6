/**
 * 8254 programmable interval timer and port B of the system board (0x61: gate of channel 2, speaker, refresh toggle).
 *
 * Channel 0 drives IRQ 0, channel 1 was the memory refresh, channel 2 is the speaker and the calibration timer. Counters
 * are computed from the time when someone looks; only channel 0's rising edges are events on the Timeline. Mode 2 and 3
 * counts stay exact over any time: edge n is start + n * period in whole input ticks. Source: Intel 8254 datasheet (1993).
 */
import type { IrqLine, PortDevice } from "../bus.ts";
import type { DeviceTimer, Timeline } from "../clock.ts";

/** Input clock: 14.318 18 MHz / 12. */
export const PIT_HZ = 1_193_182;

/** If the host fell further behind than this, the missed ticks of channel 0 are lost, as when SMIs held the CPU. */
const MAX_LAG_NS = 50_000_000;

const RW_LATCH = 0;
const RW_LSB = 1;
const RW_MSB = 2;
const RW_BOTH = 3;
const STATUS_OUT = 1 << 7;
const STATUS_NULL_COUNT = 1 << 6;
const READBACK_NO_COUNT = 1 << 5;
const READBACK_NO_STATUS = 1 << 4;

export class PitChannel {
  mode = 0;
  bcd = false;
  rw = RW_BOTH;
  /** Divisor in input ticks, 1-65536. */
  count = 0x10000;
  gate = 1;
  /** Null count: a new count was written and not loaded yet, or no count since the control word. */
  null_count = true;
  /** Input tick at which the counting element was loaded; -1: it was not (no count yet, or it waits for a trigger). */
  #loaded_tick = -1;
  /** Modes 0 and 4 while the gate is low: ticks already counted; -1 while counting. */
  #paused_ticks = -1;
  #write_low = -1;
  #reads_high = false;
  /** Latched count and status, -1 when not latched. */
  #latched_count = -1;
  #latched_status = -1;

  /** `now_ticks` is the input clock's count since power-on; `changed` is called when the output's future changed. */
  constructor(
    readonly now_ticks: () => number,
    readonly changed: () => void,
  ) {}

  reset(gate: number): void {
    this.mode = 0;
    this.bcd = false;
    this.rw = RW_BOTH;
    this.count = 0x10000;
    this.gate = gate;
    this.null_count = true;
    this.#loaded_tick = this.#paused_ticks = -1;
    this.#write_low = this.#latched_count = this.#latched_status = -1;
    this.#reads_high = false;
    this.changed();
  }

  /** Control word for this channel (not the latch command). */
  control(value: number): void {
    this.rw = (value >> 4) & 3;
    const mode = (value >> 1) & 7;
    this.mode = mode > 5 ? mode - 4 : mode; // x10 is 2, x11 is 3
    this.bcd = (value & 1) !== 0;
    this.null_count = true;
    this.#loaded_tick = this.#paused_ticks = -1;
    this.#write_low = this.#latched_count = this.#latched_status = -1;
    this.#reads_high = false;
    this.changed();
  }

  writeCount(value: number): void {
    switch (this.rw) {
      case RW_LSB:
        return this.#setCount(value);
      case RW_MSB:
        return this.#setCount(value << 8);
      default:
        if (this.#write_low < 0) {
          this.#write_low = value;
          this.#stopCount();
        } else {
          const low = this.#write_low;
          this.#write_low = -1;
          this.#setCount(low | (value << 8));
        }
    }
  }

  /** Mode 0: writing a count stops the old one and OUT goes low at once (datasheet), be the new one ever so short. */
  #stopCount(): void {
    if (this.mode !== 0) return;
    this.#loaded_tick = -1;
    this.changed();
  }

  #setCount(value: number): void {
    this.#stopCount();
    const decimal = this.bcd
      ? (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15)
      : value;
    const count = decimal === 0 ? (this.bcd ? 10_000 : 0x10000) : decimal;
    const periodic = this.mode === 2 || this.mode === 3;
    const triggered = this.mode === 1 || this.mode === 5;
    // Modes 2 and 3 finish the current period with the old count. Software that reprograms the tick while it runs wants
    // the new period soon; both ways are within the datasheet's "next cycle", so the count is loaded at once here.
    this.count = count;
    if (triggered) {
      this.null_count = true; // until the gate rises
    } else {
      this.null_count = false;
      this.#paused_ticks = -1;
      if (periodic && !this.gate) this.#loaded_tick = -1;
      else {
        this.#loaded_tick = this.now_ticks();
        if (!periodic && !this.gate) this.#paused_ticks = 0;
      }
    }
    this.changed();
  }

  setGate(gate: number): void {
    if (gate === this.gate) return;
    const now = this.now_ticks();
    this.gate = gate;
    switch (this.mode) {
      case 0:
      case 4:
        if (this.#loaded_tick < 0) break;
        if (!gate) {
          this.#paused_ticks = now - this.#loaded_tick;
        } else {
          this.#loaded_tick = now - this.#paused_ticks;
          this.#paused_ticks = -1;
        }
        break;
      case 1:
      case 5:
        if (gate) {
          this.#loaded_tick = now;
          this.null_count = false;
        }
        break;
      default: // 2, 3: low stops, rising reloads
        this.#loaded_tick = gate && !this.null_count ? now : -1;
    }
    this.changed();
  }

  #elapsed(): number {
    if (this.#paused_ticks >= 0) return this.#paused_ticks;
    return this.now_ticks() - this.#loaded_tick;
  }

  /** Level of OUT now. */
  output(): number {
    if (this.#loaded_tick < 0) return this.mode === 0 ? 0 : 1;
    const elapsed = this.#elapsed();
    switch (this.mode) {
      case 0:
      case 1:
        return elapsed >= this.count ? 1 : 0;
      case 2:
        return elapsed % this.count === this.count - 1 ? 0 : 1;
      case 3:
        return elapsed % this.count < (this.count + 1) >> 1 ? 1 : 0;
      default:
        return elapsed === this.count ? 0 : 1;
    }
  }

  /** The input tick after `after` at which OUT rises; Infinity if it will not. */
  nextRise(after: number): number {
    if (this.#loaded_tick < 0 || this.#paused_ticks >= 0) return Infinity;
    if (this.mode === 2 || this.mode === 3) {
      const periods = Math.floor((after - this.#loaded_tick) / this.count) + 1;
      return this.#loaded_tick + periods * this.count;
    }
    // Modes 4 and 5 strobe low for one tick.
    const rise = this.#loaded_tick + this.count + (this.mode >= 4 ? 1 : 0);
    return rise > after ? rise : Infinity;
  }

  /** The 16 bits of the counting element now. */
  #value(): number {
    if (this.#loaded_tick < 0) return this.#encode(this.count);
    const elapsed = this.#elapsed();
    switch (this.mode) {
      case 2:
        return this.#encode(this.count - (elapsed % this.count));
      case 3:
        return this.#encode(this.count - ((2 * elapsed) % this.count));
      default: {
        const modulus = this.bcd ? 10_000 : 0x10000;
        const left = (this.count - elapsed) % modulus;
        return this.#encode(left < 0 ? left + modulus : left);
      }
    }
  }

  #encode(count: number): number {
    if (!this.bcd) return count & 0xffff;
    const value = count % 10_000;
    return (
      (Math.floor(value / 1000) << 12) |
      (Math.floor((value / 100) % 10) << 8) |
      (Math.floor((value / 10) % 10) << 4) |
      (value % 10)
    );
  }

  /** Latches the count; a second latch before reading is ignored. */
  latchCount(): void {
    if (this.#latched_count < 0) {
      this.#latched_count = this.#value();
      this.#reads_high = false;
    }
  }

  latchStatus(): void {
    if (this.#latched_status >= 0) return;
    this.#latched_status =
      (this.output() ? STATUS_OUT : 0) |
      (this.null_count ? STATUS_NULL_COUNT : 0) |
      (this.rw << 4) |
      (this.mode << 1) |
      (this.bcd ? 1 : 0);
  }

  read(): number {
    if (this.#latched_status >= 0) {
      const status = this.#latched_status;
      this.#latched_status = -1;
      return status;
    }
    const value = this.#latched_count >= 0 ? this.#latched_count : this.#value();
    if (this.rw === RW_BOTH && !this.#reads_high) {
      this.#reads_high = true;
      return value & 0xff;
    }
    this.#reads_high = false;
    this.#latched_count = -1;
    return this.rw === RW_LSB ? value & 0xff : value >> 8;
  }
}

export class Pit8254 implements PortDevice {
  readonly channels: readonly PitChannel[];
  readonly counters = { irqs: 0, lost_ticks: 0 };
  readonly #timer: DeviceTimer;
  /** Input tick of the rise that the timer waits for. */
  #next_tick = Infinity;
  #timeline: Timeline;
  #port_b = 0;

  /** `irq` is driven by channel 0's OUT. */
  constructor(
    readonly irq: IrqLine,
    timeline: Timeline,
  ) {
    this.#timeline = timeline;
    const now_ticks = (): number => Math.floor((timeline.now_ns() * PIT_HZ) / 1e9);
    this.#timer = timeline.timer("pit", () => this.#expire());
    this.channels = [
      new PitChannel(now_ticks, () => this.#rearm(now_ticks())),
      new PitChannel(now_ticks, () => undefined),
      new PitChannel(now_ticks, () => undefined),
    ];
    this.reset();
  }

  reset(): void {
    this.channels[0].reset(1);
    this.channels[1].reset(1);
    this.channels[2].reset(0);
    this.#port_b = 0;
  }

  /** Offsets 0-2 the counters, 3 the control word (write only). */
  readPort(offset: number): number {
    return offset < 3 ? this.channels[offset].read() : 0xff;
  }

  writePort(offset: number, _size: number, value: number): void {
    if (offset < 3) {
      this.channels[offset].writeCount(value);
      return;
    }
    const select = value >> 6;
    if (select === 3) {
      for (let n = 0; n < 3; n++) {
        if (!(value & (2 << n))) continue;
        if (!(value & READBACK_NO_COUNT)) this.channels[n].latchCount();
        if (!(value & READBACK_NO_STATUS)) this.channels[n].latchStatus();
      }
    } else if (((value >> 4) & 3) === RW_LATCH) {
      this.channels[select].latchCount();
    } else {
      this.channels[select].control(value);
    }
  }

  /** System control port B, 0x61. */
  readonly portB: PortDevice = {
    readPort: () => {
      const refresh = Math.floor(this.#timeline.now_ns() / 15_085) & 1; // toggles with each refresh
      return (this.#port_b & 0x0f) | (refresh << 4) | (this.channels[2].output() << 5);
    },
    writePort: (_offset, _size, value) => {
      this.#port_b = value & 0x0f;
      this.channels[2].setGate(value & 1);
    },
  };

  /** The period of the tone the speaker makes, ns; 0 when it is silent. */
  get tone_period_ns(): number {
    if ((this.#port_b & 3) !== 3 || this.channels[2].mode !== 3) return 0;
    return (this.channels[2].count * 1e9) / PIT_HZ;
  }

  /** The IRQ line follows OUT of channel 0 at every moment something happens to it. */
  #rearm(after_tick: number): void {
    const channel = this.channels[0];
    if (channel.output()) this.irq.raise();
    else this.irq.lower();
    this.#next_tick = channel.nextRise(after_tick);
    if (this.#next_tick === Infinity) this.#timer.disarm();
    else this.#timer.arm(Math.ceil((this.#next_tick * 1e9) / PIT_HZ));
  }

  #expire(): void {
    this.counters.irqs++;
    this.irq.edge();
    const now_ns = this.#timeline.now_ns();
    let after_tick = this.#next_tick;
    if (now_ns - (after_tick * 1e9) / PIT_HZ > MAX_LAG_NS) {
      const now_tick = Math.floor((now_ns * PIT_HZ) / 1e9);
      this.counters.lost_ticks += Math.floor((now_tick - after_tick) / this.channels[0].count);
      after_tick = now_tick;
    }
    this.#next_tick = this.channels[0].nextRise(after_tick);
    if (this.#next_tick !== Infinity) this.#timer.arm(Math.ceil((this.#next_tick * 1e9) / PIT_HZ));
  }
}

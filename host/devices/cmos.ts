/**
 * MC146818 real-time clock with 128 bytes of battery-backed RAM, as in the PC/AT: index at offset 0, data at 1.
 *
 * Its seconds advance with device time from the clock's epoch. Alarm and update interrupts need a moment on the Timeline only
 * while they are enabled; the periodic one runs at its own rate. The NVRAM tells the firmware how much memory there is and
 * which disks are fitted. Source: Motorola MC146818A datasheet; PC/AT technical reference "CMOS RAM".
 */
import type { IrqLine, PortDevice } from "../bus.ts";
import type { DeviceTimer, Timeline } from "../clock.ts";

const SECONDS = 0x00;
const SECONDS_ALARM = 0x01;
const MINUTES = 0x02;
const MINUTES_ALARM = 0x03;
const HOURS = 0x04;
const HOURS_ALARM = 0x05;
const DAY_OF_WEEK = 0x06;
const DAY_OF_MONTH = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const REGISTER_A = 0x0a;
const REGISTER_B = 0x0b;
const REGISTER_C = 0x0c;
const REGISTER_D = 0x0d;
const CENTURY = 0x32;

const A_UIP = 1 << 7; // update in progress
const B_SET = 1 << 7; // updates are stopped, the clock is being set
const B_PIE = 1 << 6; // periodic interrupt enable
const B_AIE = 1 << 5; // alarm interrupt enable
const B_UIE = 1 << 4; // update-ended interrupt enable
const B_DM = 1 << 2; // binary, not BCD
const B_24H = 1 << 1;
const C_IRQF = 1 << 7;
const C_PF = 1 << 6;
const C_AF = 1 << 5;
const C_UF = 1 << 4;
const D_VRT = 1 << 7; // the battery is good
const PM = 1 << 7; // in the hours register, 12-hour mode

/** An alarm byte with both top bits set matches anything. */
const DONT_CARE = 0xc0;
/** UIP is up this long before an update. */
const UPDATE_WARNING_NS = 244_000;

export interface CmosConfig {
  memory_bytes: number;
  /** Number of hard disks, 0-2. */
  nr_disks: number;
}

export class Cmos implements PortDevice {
  readonly ram = new Uint8Array(128);
  /** NMIs are masked (bit 7 of the index port). */
  nmi_masked = false;
  /** Told when `nmi_masked` may have changed. */
  onNmiMask: () => void = () => undefined;
  readonly counters = { irqs: 0 };
  #index = 0;
  #register_a = 0x26; // 32.768 kHz time base, 1024 Hz periodic rate
  #register_b = B_24H;
  #register_c = 0;
  /** Seconds since 1970 at device time 0; moves when the guest sets the clock. */
  #epoch_seconds: number;
  /** While SET: the frozen time, seconds since 1970. */
  #frozen_seconds = 0;
  readonly #timeline: Timeline;
  readonly #periodic: DeviceTimer;
  readonly #update: DeviceTimer;

  constructor(
    readonly irq: IrqLine,
    timeline: Timeline,
    config: CmosConfig,
  ) {
    this.#timeline = timeline;
    this.#epoch_seconds = timeline.clock.epoch_seconds;
    this.#periodic = timeline.timer("rtc periodic", () => this.#expirePeriodic());
    this.#update = timeline.timer("rtc update", () => this.#expireUpdate());
    this.#fillNvram(config);
  }

  /** The chip keeps time and RAM; only the interrupt enables are cleared (datasheet, RESET). */
  reset(): void {
    this.#register_b &= ~(B_PIE | B_AIE | B_UIE);
    this.#register_c = 0;
    this.#index = 0;
    this.irq.lower();
    this.#rearm();
  }

  #fillNvram({ memory_bytes, nr_disks }: CmosConfig): void {
    const put16 = (index: number, value: number): void => {
      this.ram[index] = value & 0xff;
      this.ram[index + 1] = value >> 8;
    };
    this.ram[0x12] = (nr_disks > 0 ? 0xf0 : 0) | (nr_disks > 1 ? 0x0f : 0); // disk types: see the extended bytes
    this.ram[0x14] = 0x06; // equipment: coprocessor, mouse port; video by the adapter's BIOS
    put16(0x15, 640); // base memory, KiB
    const above_1M_KiB = Math.floor((memory_bytes - 0x10_0000) / 1024);
    put16(0x17, Math.min(above_1M_KiB, 0xffff)); // extended memory, KiB
    put16(0x30, Math.min(above_1M_KiB, 0xffff));
    put16(0x34, Math.max(0, Math.floor((memory_bytes - 0x100_0000) / 0x1_0000))); // above 16 MiB, 64 KiB units
    if (nr_disks > 0) this.ram[0x19] = 47; // user-defined type
    if (nr_disks > 1) this.ram[0x1a] = 47;
    this.ram[0x3d] = 0x02; // boot order: hard disk first
    let sum = 0;
    for (let index = 0x10; index <= 0x2d; index++) sum += this.ram[index];
    this.ram[0x2e] = (sum >> 8) & 0xff;
    this.ram[0x2f] = sum & 0xff;
  }

  /** Seconds since 1970 that the clock shows, with fraction. */
  get #now_seconds(): number {
    return this.#register_b & B_SET
      ? this.#frozen_seconds
      : this.#epoch_seconds + this.#timeline.now_ns() / 1e9;
  }

  readPort(offset: number): number {
    return offset === 0 ? this.#index | (this.nmi_masked ? 0x80 : 0) : this.#readRegister(this.#index);
  }

  writePort(offset: number, _size: number, value: number): void {
    if (offset === 0) {
      this.#index = value & 0x7f;
      this.nmi_masked = (value & 0x80) !== 0;
      this.onNmiMask();
    } else {
      this.#writeRegister(this.#index, value);
    }
  }

  #readRegister(index: number): number {
    switch (index) {
      case SECONDS:
      case MINUTES:
      case HOURS:
      case DAY_OF_WEEK:
      case DAY_OF_MONTH:
      case MONTH:
      case YEAR:
      case CENTURY:
        return this.#field(index, new Date(Math.floor(this.#now_seconds) * 1000));
      case REGISTER_A: {
        const into_second_ns = (this.#now_seconds % 1) * 1e9;
        const updating = !(this.#register_b & B_SET) && into_second_ns >= 1e9 - UPDATE_WARNING_NS;
        return this.#register_a | (updating ? A_UIP : 0);
      }
      case REGISTER_B:
        return this.#register_b;
      case REGISTER_C: {
        const flags = this.#register_c;
        this.#register_c = 0;
        this.irq.lower();
        return flags;
      }
      case REGISTER_D:
        return D_VRT;
      default:
        return this.ram[index];
    }
  }

  #writeRegister(index: number, value: number): void {
    switch (index) {
      case SECONDS:
      case MINUTES:
      case HOURS:
      case DAY_OF_WEEK:
      case DAY_OF_MONTH:
      case MONTH:
      case YEAR:
      case CENTURY:
        this.#setField(index, value);
        break;
      case REGISTER_A:
        this.#register_a = value & 0x7f;
        break;
      case REGISTER_B: {
        if (value & B_SET && !(this.#register_b & B_SET)) this.#frozen_seconds = this.#now_seconds;
        if (!(value & B_SET) && this.#register_b & B_SET) this.#setTime(this.#frozen_seconds);
        this.#register_b = value & B_SET ? value & ~B_UIE : value; // SET clears UIE (datasheet)
        if (this.#register_c & value & 0x70) this.#interrupt(0);
        break;
      }
      case REGISTER_C:
      case REGISTER_D:
        return; // read only
      default:
        this.ram[index] = value;
    }
    this.#rearm();
  }

  #encode(value: number): number {
    return this.#register_b & B_DM ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(value: number): number {
    return this.#register_b & B_DM ? value : (value >> 4) * 10 + (value & 15);
  }

  #encodeHours(hours: number): number {
    if (this.#register_b & B_24H) return this.#encode(hours);
    return this.#encode(hours % 12 || 12) | (hours >= 12 ? PM : 0);
  }

  #decodeHours(value: number): number {
    if (this.#register_b & B_24H) return this.#decode(value);
    return (this.#decode(value & ~PM) % 12) + (value & PM ? 12 : 0);
  }

  #field(index: number, time: Date): number {
    switch (index) {
      case SECONDS:
        return this.#encode(time.getUTCSeconds());
      case MINUTES:
        return this.#encode(time.getUTCMinutes());
      case HOURS:
        return this.#encodeHours(time.getUTCHours());
      case DAY_OF_WEEK:
        return this.#encode(time.getUTCDay() + 1);
      case DAY_OF_MONTH:
        return this.#encode(time.getUTCDate());
      case MONTH:
        return this.#encode(time.getUTCMonth() + 1);
      case YEAR:
        return this.#encode(time.getUTCFullYear() % 100);
      default:
        return this.#encode(Math.floor(time.getUTCFullYear() / 100));
    }
  }

  #setField(index: number, value: number): void {
    const now_seconds = this.#now_seconds;
    const time = new Date(Math.floor(now_seconds) * 1000);
    const year = time.getUTCFullYear();
    switch (index) {
      case SECONDS:
        time.setUTCSeconds(this.#decode(value));
        break;
      case MINUTES:
        time.setUTCMinutes(this.#decode(value));
        break;
      case HOURS:
        time.setUTCHours(this.#decodeHours(value));
        break;
      case DAY_OF_WEEK:
        return; // follows from the date
      case DAY_OF_MONTH:
        time.setUTCDate(this.#decode(value));
        break;
      case MONTH:
        time.setUTCMonth(this.#decode(value) - 1);
        break;
      case YEAR:
        time.setUTCFullYear(Math.floor(year / 100) * 100 + this.#decode(value));
        break;
      default:
        time.setUTCFullYear(this.#decode(value) * 100 + (year % 100));
    }
    this.#setTime(time.getTime() / 1000 + (now_seconds % 1));
  }

  #setTime(seconds: number): void {
    if (this.#register_b & B_SET) this.#frozen_seconds = seconds;
    this.#epoch_seconds = seconds - this.#timeline.now_ns() / 1e9;
  }

  #periodNs(): number {
    const rate = this.#register_a & 15;
    if (rate === 0) return 0;
    // With the 32.768 kHz base, rates 1 and 2 are those of 8 and 9.
    const ticks = 1 << ((rate < 3 ? rate + 7 : rate) - 1);
    return (ticks * 1e9) / 32_768;
  }

  #rearm(): void {
    const now_ns = this.#timeline.now_ns();
    const period_ns = this.#periodNs();
    if (!(this.#register_b & B_PIE) || period_ns === 0) this.#periodic.disarm();
    else if (this.#periodic.deadline_ns === Infinity) this.#periodic.arm(now_ns + period_ns);
    if (this.#register_b & (B_AIE | B_UIE) && !(this.#register_b & B_SET)) {
      const to_next_second_ns = Math.ceil((1 - (this.#now_seconds % 1)) * 1e9);
      if (this.#update.deadline_ns === Infinity) this.#update.arm(now_ns + to_next_second_ns);
    } else {
      this.#update.disarm();
    }
  }

  #expirePeriodic(): void {
    this.#interrupt(C_PF);
    this.#periodic.arm(this.#timeline.now_ns() + this.#periodNs());
  }

  #expireUpdate(): void {
    const time = new Date(Math.round(this.#now_seconds) * 1000);
    const matches = (alarm: number, register: number): boolean =>
      (this.ram[alarm] & DONT_CARE) === DONT_CARE || this.ram[alarm] === this.#field(register, time);
    const alarm =
      matches(SECONDS_ALARM, SECONDS) && matches(MINUTES_ALARM, MINUTES) && matches(HOURS_ALARM, HOURS);
    this.#interrupt(C_UF | (alarm ? C_AF : 0));
    this.#update.arm(this.#timeline.now_ns() + 1e9);
  }

  #interrupt(flags: number): void {
    this.#register_c |= flags;
    if (!(this.#register_c & this.#register_b & (C_PF | C_AF | C_UF))) return;
    this.#register_c |= C_IRQF;
    this.counters.irqs++;
    this.irq.raise();
  }
}

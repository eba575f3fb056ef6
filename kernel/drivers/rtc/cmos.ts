/**
 * The CMOS real-time clock (MC146818): the wall clock that survives power-off, and /dev/rtc0.
 * time/timekeeping.ts asks it once at boot. Linux: drivers/rtc/rtc-cmos.c, rtc-mc146818-lib.c, rtc-dev.c.
 * Source: Motorola MC146818 datasheet; register 0x32 for the century as the ACPI FADT names it on PCs.
 */
import type { Ports } from "../../arch/x86/machine.ts";
import type { FileOperations } from "../../fs/file.ts";
import { IRQ_HANDLED, IRQ_NONE } from "../../irq/irq_desc.ts";
import type { Kernel } from "../../kernel.ts";
import { copyFromUser, copyToUser } from "../../mm/usercopy.ts";
import { WaitQueue } from "../../sched/wait.ts";
import { capable } from "../../task/cred.ts";
import { CAP_SYS_TIME } from "../../uapi/capability.ts";
import { EACCES, EAGAIN, EBUSY, EFAULT, EINVAL, ENOTTY } from "../../uapi/errno.ts";
import { O_NONBLOCK } from "../../uapi/fcntl.ts";
import { POLLIN, POLLRDNORM } from "../../uapi/poll.ts";
import { makeDev } from "../../uapi/stat.ts";

const CMOS_INDEX = 0x70;
const CMOS_DATA = 0x71;
const RTC_IRQ = 8;

const RTC_SECONDS = 0x00;
const RTC_SECONDS_ALARM = 0x01;
const RTC_MINUTES = 0x02;
const RTC_MINUTES_ALARM = 0x03;
const RTC_HOURS = 0x04;
const RTC_HOURS_ALARM = 0x05;
const RTC_DAY_OF_MONTH = 0x07;
const RTC_MONTH = 0x08;
const RTC_YEAR = 0x09;
const RTC_REG_A = 0x0a;
const RTC_REG_B = 0x0b;
const RTC_REG_C = 0x0c;
const RTC_CENTURY = 0x32;

const RTC_UIP = 0x80; // register A: update in progress
const RTC_SET = 0x80; // register B: updates halted
const RTC_PIE = 0x40;
const RTC_AIE = 0x20;
const RTC_UIE = 0x10;
const RTC_DM_BINARY = 0x04;
const RTC_24H = 0x02;
const RTC_AF = 0x20; // register C: alarm

const RTC_AIE_ON = 0x7001;
const RTC_AIE_OFF = 0x7002;
const RTC_UIE_ON = 0x7003;
const RTC_UIE_OFF = 0x7004;
const RTC_ALM_SET = 0x40247007;
const RTC_ALM_READ = 0x80247008;
const RTC_RD_TIME = 0x80247009;
const RTC_SET_TIME = 0x4024700a;

const RTC_MAJOR = 253;
/** struct rtc_time: nine ints. */
const RTC_TIME_BYTES = 36;

/** A date as in struct tm: month 0-11, year since 1900. */
export interface RtcTime {
  sec: number;
  min: number;
  hour: number;
  mday: number;
  mon: number;
  year: number;
}

function readCmos(ports: Ports, register: number): number {
  ports.outb(CMOS_INDEX, register);
  return ports.inb(CMOS_DATA);
}

function writeCmos(ports: Ports, register: number, value: number): void {
  ports.outb(CMOS_INDEX, register);
  ports.outb(CMOS_DATA, value);
}

function fromRegister(value: number, mode: number): number {
  return mode & RTC_DM_BINARY ? value : (value & 0xf) + (value >> 4) * 10;
}

function toRegister(value: number, mode: number): number {
  return mode & RTC_DM_BINARY ? value : (Math.floor(value / 10) << 4) | (value % 10);
}

function hourFromRegister(value: number, mode: number): number {
  if (mode & RTC_24H) return fromRegister(value, mode);
  const hour = fromRegister(value & 0x7f, mode) % 12;
  return value & 0x80 ? hour + 12 : hour;
}

function hourToRegister(hour: number, mode: number): number {
  if (mode & RTC_24H) return toRegister(hour, mode);
  return toRegister(hour % 12 || 12, mode) | (hour >= 12 ? 0x80 : 0);
}

/** Reads the date between two updates of the chip. Linux: mc146818_get_time(). */
export function readCmosDate(ports: Ports): RtcTime {
  for (;;) {
    for (let tries = 0; tries < 10_000 && readCmos(ports, RTC_REG_A) & RTC_UIP; tries++) continue;
    const mode = readCmos(ports, RTC_REG_B);
    const sec = readCmos(ports, RTC_SECONDS);
    const min = readCmos(ports, RTC_MINUTES);
    const hour = readCmos(ports, RTC_HOURS);
    const mday = readCmos(ports, RTC_DAY_OF_MONTH);
    const mon = readCmos(ports, RTC_MONTH);
    const year = fromRegister(readCmos(ports, RTC_YEAR), mode);
    const century = fromRegister(readCmos(ports, RTC_CENTURY), mode);
    if (readCmos(ports, RTC_SECONDS) !== sec) continue;
    const fullYear =
      century >= 19 && century <= 29 ? century * 100 + year : year < 70 ? 2000 + year : 1900 + year;
    return {
      sec: fromRegister(sec, mode),
      min: fromRegister(min, mode),
      hour: hourFromRegister(hour, mode),
      mday: fromRegister(mday, mode),
      mon: fromRegister(mon, mode) - 1,
      year: fullYear - 1900,
    };
  }
}

function writeCmosDate(ports: Ports, date: RtcTime): void {
  const mode = readCmos(ports, RTC_REG_B);
  const year = date.year + 1900;
  writeCmos(ports, RTC_REG_B, mode | RTC_SET);
  writeCmos(ports, RTC_SECONDS, toRegister(date.sec, mode));
  writeCmos(ports, RTC_MINUTES, toRegister(date.min, mode));
  writeCmos(ports, RTC_HOURS, hourToRegister(date.hour, mode));
  writeCmos(ports, RTC_DAY_OF_MONTH, toRegister(date.mday, mode));
  writeCmos(ports, RTC_MONTH, toRegister(date.mon + 1, mode));
  writeCmos(ports, RTC_YEAR, toRegister(year % 100, mode));
  writeCmos(ports, RTC_CENTURY, toRegister(Math.floor(year / 100), mode));
  writeCmos(ports, RTC_REG_B, mode & ~RTC_SET);
}

/** Seconds since 1970 of a date in UTC. Linux: mktime64(). */
export function mktime(date: RtcTime): number {
  return Date.UTC(date.year + 1900, date.mon, date.mday, date.hour, date.min, date.sec) / 1000;
}

/** The clock's time, seconds since 1970; the chip keeps UTC. */
export function readCmosTime(ports: Ports): number {
  return mktime(readCmosDate(ports));
}

function isValid(date: RtcTime): boolean {
  const { sec, min, hour, mday, mon, year } = date;
  if (sec > 59 || min > 59 || hour > 23 || mon > 11 || year < 70 || mday < 1) return false;
  return mday <= new Date(Date.UTC(year + 1900, mon + 1, 0)).getUTCDate();
}

function packDate(date: RtcTime): Uint8Array {
  const bytes = new Uint8Array(RTC_TIME_BYTES);
  const view = new DataView(bytes.buffer);
  const seconds = mktime(date);
  const day = Math.floor(seconds / 86400);
  const yearDay = day - Math.floor(Date.UTC(date.year + 1900, 0, 1) / 86_400_000);
  const fields = [date.sec, date.min, date.hour, date.mday, date.mon, date.year, (day + 4) % 7, yearDay, 0];
  fields.forEach((value, i) => view.setInt32(4 * i, value, true));
  return bytes;
}

function unpackDate(bytes: Uint8Array): RtcTime {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [sec, min, hour, mday, mon, year] = [0, 4, 8, 12, 16, 20].map((offset) =>
    view.getInt32(offset, true),
  );
  return { sec, min, hour, mday, mon, year };
}

/** State of /dev/rtc0: interrupts that were not read yet. */
class RtcDevice {
  isOpen = false;
  /** Interrupts since the last read, and their reasons (register C). */
  nr_events = 0;
  reasons = 0;
  readonly wait = new WaitQueue();
}

/** Registers rtc0. Linux: cmos_init(). */
export function initRtc(kernel: Kernel): void {
  const { ports } = kernel.machine;
  const rtc = new RtcDevice();
  kernel.devices.requestRegion(0x70, 0x77, "rtc0");
  writeCmos(ports, RTC_REG_B, readCmos(ports, RTC_REG_B) & ~(RTC_PIE | RTC_AIE | RTC_UIE));
  readCmos(ports, RTC_REG_C);
  kernel.irq.requestIrq(
    RTC_IRQ,
    () => {
      const reasons = readCmos(ports, RTC_REG_C);
      if ((reasons & 0x80) === 0) return IRQ_NONE;
      rtc.nr_events++;
      rtc.reasons |= reasons;
      if (reasons & RTC_AF) writeCmos(ports, RTC_REG_B, readCmos(ports, RTC_REG_B) & ~RTC_AIE);
      rtc.wait.wakeUpAll();
      return IRQ_HANDLED;
    },
    "rtc0",
  );
  kernel.devices.registerChrdev(RTC_MAJOR, 0, 16, "rtc", rtcOperations(rtc));
  kernel.devices.addNode("rtc0", "char", makeDev(RTC_MAJOR, 0), 0o600);
  const { sec } = kernel.time.realtime();
  kernel.printk.info("rtc_cmos rtc_cmos: registered as rtc0");
  kernel.printk.info(
    `rtc_cmos rtc_cmos: setting system clock to ${new Date(sec * 1000).toISOString().slice(0, 19)} UTC (${sec})`,
  );
  kernel.printk.info("rtc_cmos rtc_cmos: alarms up to one day, y3k, 114 bytes nvram");
}

function rtcOperations(rtc: RtcDevice): FileOperations {
  return {
    open() {
      if (rtc.isOpen) return -EBUSY;
      rtc.isOpen = true;
      rtc.nr_events = 0;
      rtc.reasons = 0;
      return 0;
    },

    release(file) {
      const { ports } = file.inode.sb.kernel.machine;
      writeCmos(ports, RTC_REG_B, readCmos(ports, RTC_REG_B) & ~(RTC_PIE | RTC_UIE));
      rtc.isOpen = false;
    },

    *read(task, file, to) {
      if (to.count < 4) return -EINVAL;
      while (rtc.nr_events === 0) {
        if (file.f_flags & O_NONBLOCK) return -EAGAIN;
        const error = yield* rtc.wait.wait(task, () => rtc.nr_events > 0);
        if (error) return error;
      }
      const bytes = new Uint8Array(to.count < 8 ? 4 : 8);
      new DataView(bytes.buffer).setUint32(0, (rtc.nr_events << 8) | (rtc.reasons & 0xf0), true);
      rtc.nr_events = 0;
      rtc.reasons = 0;
      return to.copyTo(bytes) === bytes.length ? bytes.length : -EFAULT;
    },

    poll(_file, table) {
      table?.wait(rtc.wait);
      return rtc.nr_events > 0 ? POLLIN | POLLRDNORM : 0;
    },

    ioctl(task, _file, cmd, arg) {
      const { ports } = task.kernel.machine;
      const bytes = new Uint8Array(RTC_TIME_BYTES);
      switch (cmd) {
        case RTC_RD_TIME:
          return copyToUser(task, arg, packDate(readCmosDate(ports))) ? -EFAULT : 0;
        case RTC_SET_TIME: {
          if (!capable(task, CAP_SYS_TIME)) return -EACCES;
          if (copyFromUser(task, arg, bytes)) return -EFAULT;
          const date = unpackDate(bytes);
          if (!isValid(date)) return -EINVAL;
          writeCmosDate(ports, date);
          return 0;
        }
        case RTC_ALM_READ: {
          const mode = readCmos(ports, RTC_REG_B);
          const alarm: RtcTime = {
            ...readCmosDate(ports),
            sec: fromRegister(readCmos(ports, RTC_SECONDS_ALARM), mode),
            min: fromRegister(readCmos(ports, RTC_MINUTES_ALARM), mode),
            hour: hourFromRegister(readCmos(ports, RTC_HOURS_ALARM), mode),
          };
          return copyToUser(task, arg, packDate(alarm)) ? -EFAULT : 0;
        }
        case RTC_ALM_SET: {
          if (copyFromUser(task, arg, bytes)) return -EFAULT;
          const { sec, min, hour } = unpackDate(bytes);
          if (sec > 59 || min > 59 || hour > 23) return -EINVAL;
          const mode = readCmos(ports, RTC_REG_B);
          writeCmos(ports, RTC_SECONDS_ALARM, toRegister(sec, mode));
          writeCmos(ports, RTC_MINUTES_ALARM, toRegister(min, mode));
          writeCmos(ports, RTC_HOURS_ALARM, hourToRegister(hour, mode));
          return 0;
        }
        case RTC_AIE_ON:
        case RTC_UIE_ON:
          writeCmos(ports, RTC_REG_B, readCmos(ports, RTC_REG_B) | (cmd === RTC_AIE_ON ? RTC_AIE : RTC_UIE));
          return 0;
        case RTC_AIE_OFF:
        case RTC_UIE_OFF:
          writeCmos(
            ports,
            RTC_REG_B,
            readCmos(ports, RTC_REG_B) & ~(cmd === RTC_AIE_OFF ? RTC_AIE : RTC_UIE),
          );
          return 0;
        default:
          return -ENOTTY;
      }
    },
  };
}

/**
 * The kernel's log: a ring of records, the consoles that show it, and the two ways programs read it (syslog(2) and
 * /dev/kmsg). Every subsystem writes through `kernel.printk`; consoles are registered by drivers/tty.
 * Linux: kernel/printk/printk.c; format as in Documentation/ABI/testing/dev-kmsg.
 */
import { copyToUser, latin1Bytes } from "../mm/usercopy.ts";
import { capable } from "../task/cred.ts";
import type { Kernel } from "../kernel.ts";
import type { Task } from "../task/task.ts";
import { WaitQueue, type Sleep } from "../sched/wait.ts";
import { CAP_SYS_ADMIN, CAP_SYSLOG } from "../uapi/capability.ts";
import { EFAULT, EINVAL, EPERM } from "../uapi/errno.ts";

export const LOGLEVEL_EMERG = 0;
export const LOGLEVEL_ALERT = 1;
export const LOGLEVEL_CRIT = 2;
export const LOGLEVEL_ERR = 3;
export const LOGLEVEL_WARNING = 4;
export const LOGLEVEL_NOTICE = 5;
export const LOGLEVEL_INFO = 6;
export const LOGLEVEL_DEBUG = 7;

/** Facilities of syslog(3): the kernel's own and what programs write into /dev/kmsg. */
export const LOG_KERN = 0;
export const LOG_USER = 1;

const MINIMUM_CONSOLE_LOGLEVEL = 1;
const DEFAULT_CONSOLE_LOGLEVEL = 7;
const QUIET_CONSOLE_LOGLEVEL = 4;
const DEFAULT_MESSAGE_LOGLEVEL = LOGLEVEL_WARNING;
/** Size of the log, bytes of text plus a fixed cost per record. Linux: CONFIG_LOG_BUF_SHIFT=18. */
const LOG_BUF_BYTES = 1 << 18;
const RECORD_OVERHEAD_BYTES = 48;

export interface LogRecord {
  readonly seq: number;
  readonly level: number;
  readonly facility: number;
  /** Monotonic time of the record, nanoseconds since boot. */
  readonly ts_ns: number;
  /** One line or more, without the final newline; one char per byte. */
  readonly text: string;
}

/** Where log lines are shown. Linux: struct console. */
export interface LogConsole {
  /** "ttyS0", "tty0", ... */
  readonly name: string;
  /** An early console: it goes away when the first real one comes. Linux: CON_BOOT. */
  readonly isBoot: boolean;
  /** Shows text; may poll the device, never sleeps. Line ends are "\n". */
  write(text: string): void;
}

export class Printk {
  console_loglevel = DEFAULT_CONSOLE_LOGLEVEL;
  /** Whether lines carry their time on consoles and in syslog(2). Linux: printk.time. */
  showTime = true;
  /** Woken when a record arrives: readers of /dev/kmsg and SYSLOG_ACTION_READ. */
  readonly logWait = new WaitQueue();
  readonly #kernel: Kernel;
  readonly #records: LogRecord[] = [];
  #bytes = 0;
  #next_seq = 0;
  #consoles: LogConsole[] = [];
  /** First record that SYSLOG_ACTION_READ_ALL shows, after a CLEAR. */
  #clear_seq = 0;
  /** Next record and offset in it for SYSLOG_ACTION_READ. */
  #syslog_seq = 0;
  #syslog_offset = 0;
  #saved_console_loglevel = -1;
  #min_console_loglevel = MINIMUM_CONSOLE_LOGLEVEL;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  emerg(text: string): void {
    this.emit(LOGLEVEL_EMERG, text);
  }
  alert(text: string): void {
    this.emit(LOGLEVEL_ALERT, text);
  }
  crit(text: string): void {
    this.emit(LOGLEVEL_CRIT, text);
  }
  err(text: string): void {
    this.emit(LOGLEVEL_ERR, text);
  }
  warn(text: string): void {
    this.emit(LOGLEVEL_WARNING, text);
  }
  notice(text: string): void {
    this.emit(LOGLEVEL_NOTICE, text);
  }
  info(text: string): void {
    this.emit(LOGLEVEL_INFO, text);
  }
  debug(text: string): void {
    this.emit(LOGLEVEL_DEBUG, text);
  }

  /** Adds a record and shows it. Linux: vprintk_emit(). */
  emit(level: number, text: string, facility = LOG_KERN): void {
    const ts_ns = this.#kernel.time?.sched_clock_ns() ?? 0;
    const record: LogRecord = {
      seq: this.#next_seq++,
      level,
      facility,
      ts_ns,
      text: text.replace(/\n+$/, ""),
    };
    this.#records.push(record);
    this.#bytes += record.text.length + RECORD_OVERHEAD_BYTES;
    while (this.#bytes > LOG_BUF_BYTES) {
      this.#bytes -= this.#records.shift()!.text.length + RECORD_OVERHEAD_BYTES;
    }
    if (level < this.console_loglevel && this.#consoles.length > 0) {
      const shown = this.#format(record, false);
      for (const console of this.#consoles) console.write(shown);
    }
    if (this.logWait.isActive()) this.logWait.wakeUpAll();
  }

  /** "quiet", "debug", "loglevel=N", "ignore_loglevel", "printk.time=0|1" of the command line. */
  parseCommandLine(command_line: string): void {
    for (const word of command_line.split(/\s+/)) {
      if (word === "quiet") this.console_loglevel = QUIET_CONSOLE_LOGLEVEL;
      else if (word === "debug") this.console_loglevel = 10;
      else if (word === "ignore_loglevel") this.console_loglevel = 15;
      else if (/^loglevel=\d+$/.test(word)) this.console_loglevel = Number(word.slice(9));
      else if (/^printk\.time=(0|n|N)$/.test(word)) this.showTime = false;
    }
  }

  /** Shows the log so far on a new console and adds it. Linux: register_console(). */
  registerConsole(console: LogConsole): void {
    const bootConsoles = this.#consoles.filter((other) => other.isBoot);
    if (console.isBoot || bootConsoles.length === 0) {
      for (const record of this.#records) {
        if (record.level < this.console_loglevel) console.write(this.#format(record, false));
      }
    }
    this.#consoles.push(console);
    this.info(`printk: ${console.isBoot ? "bootconsole" : "console"} [${console.name}] enabled`);
    if (console.isBoot) return;
    for (const boot of bootConsoles) {
      this.info(`printk: bootconsole [${boot.name}] disabled`);
      this.unregisterConsole(boot);
    }
  }

  unregisterConsole(console: LogConsole): void {
    this.#consoles = this.#consoles.filter((other) => other !== console);
  }

  get consoles(): readonly LogConsole[] {
    return this.#consoles;
  }

  /** The whole log as dmesg prints it. */
  log(): string {
    return this.#records.map((record) => this.#format(record, false)).join("");
  }

  /** The number the next record will get; one past the newest. */
  get next_seq(): number {
    return this.#next_seq;
  }

  get first_seq(): number {
    return this.#records.length > 0 ? this.#records[0].seq : this.#next_seq;
  }

  /** Where a reader starts after SYSLOG_ACTION_CLEAR; SEEK_DATA of /dev/kmsg. */
  get clear_seq(): number {
    return this.#clear_seq;
  }

  /** The record with this number, or undefined if it is overwritten or not written yet. */
  record(seq: number): LogRecord | undefined {
    return this.#records[seq - this.first_seq];
  }

  /** One record as read(2) on /dev/kmsg gives it: "6,339,5140900,-;text\n". */
  formatKmsg(record: LogRecord): string {
    const priority = (record.facility << 3) | record.level;
    const escaped = record.text.replace(
      /[^\x20-\x7e\n]|\\/g,
      (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
    return `${priority},${record.seq},${Math.floor(record.ts_ns / 1000)},-;${escaped.replace(/\n/g, "\n ")}\n`;
  }

  /** A line written to /dev/kmsg: an optional "<N>" prefix gives level and facility. Linux: devkmsg_emit(). */
  writeKmsg(line: string): void {
    let level = DEFAULT_MESSAGE_LOGLEVEL;
    let facility = LOG_USER;
    const prefix = /^<(\d+)>/.exec(line);
    if (prefix) {
      level = Number(prefix[1]) & 7;
      if (Number(prefix[1]) >> 3) facility = Number(prefix[1]) >> 3;
      line = line.slice(prefix[0].length);
    }
    this.emit(level, line, facility);
  }

  /** syslog(2) with the caller's rights checked. */
  *syslog(task: Task, type: number, buf: number, length: number): Sleep<number> {
    switch (type) {
      case SYSLOG_ACTION_CLOSE:
      case SYSLOG_ACTION_OPEN:
        return 0;
      case SYSLOG_ACTION_READ:
        if (!buf || length < 0) return -EINVAL;
        if (length === 0) return 0;
        return yield* this.#syslogRead(task, buf, length);
      case SYSLOG_ACTION_READ_CLEAR:
      case SYSLOG_ACTION_READ_ALL: {
        if (!buf || length < 0) return -EINVAL;
        const count = length === 0 ? 0 : this.#syslogReadAll(task, buf, length);
        if (type === SYSLOG_ACTION_READ_CLEAR && count >= 0) this.#clear_seq = this.#next_seq;
        return count;
      }
      case SYSLOG_ACTION_CLEAR:
        this.#clear_seq = this.#next_seq;
        return 0;
      case SYSLOG_ACTION_CONSOLE_OFF:
        if (this.#saved_console_loglevel < 0) this.#saved_console_loglevel = this.console_loglevel;
        this.console_loglevel = this.#min_console_loglevel;
        return 0;
      case SYSLOG_ACTION_CONSOLE_ON:
        if (this.#saved_console_loglevel >= 0) this.console_loglevel = this.#saved_console_loglevel;
        this.#saved_console_loglevel = -1;
        return 0;
      case SYSLOG_ACTION_CONSOLE_LEVEL:
        if (length < 1 || length > 8) return -EINVAL;
        this.console_loglevel = Math.max(length, this.#min_console_loglevel);
        this.#saved_console_loglevel = -1;
        return 0;
      case SYSLOG_ACTION_SIZE_UNREAD:
        return this.#unreadBytes();
      case SYSLOG_ACTION_SIZE_BUFFER:
        return LOG_BUF_BYTES;
      default:
        return -EINVAL;
    }
  }

  *#syslogRead(task: Task, buf: number, length: number): Sleep<number> {
    const error = yield* this.logWait.wait(task, () => this.#syslog_seq < this.#next_seq);
    if (error) return error;
    let copied = 0;
    while (copied < length) {
      if (this.#syslog_seq < this.first_seq) {
        this.#syslog_seq = this.first_seq;
        this.#syslog_offset = 0;
      }
      const record = this.record(this.#syslog_seq);
      if (!record) break;
      const text = this.#format(record, true).slice(
        this.#syslog_offset,
        this.#syslog_offset + length - copied,
      );
      if (copyToUser(task, buf + copied, latin1Bytes(text))) return copied || -EFAULT;
      copied += text.length;
      this.#syslog_offset += text.length;
      if (this.#syslog_offset >= this.#format(record, true).length) {
        this.#syslog_seq++;
        this.#syslog_offset = 0;
      }
    }
    return copied;
  }

  /** The newest records that fit as a whole. */
  #syslogReadAll(task: Task, buf: number, length: number): number {
    const lines: string[] = [];
    let total = 0;
    for (let i = this.#records.length - 1; i >= 0 && this.#records[i].seq >= this.#clear_seq; i--) {
      const line = this.#format(this.#records[i], true);
      if (total + line.length > length) break;
      total += line.length;
      lines.push(line);
    }
    return copyToUser(task, buf, latin1Bytes(lines.reverse().join(""))) ? -EFAULT : total;
  }

  #unreadBytes(): number {
    let total = -this.#syslog_offset;
    for (const record of this.#records) {
      if (record.seq >= this.#syslog_seq) total += this.#format(record, true).length;
    }
    return Math.max(0, total);
  }

  /** Every line of the record with "[    1.234567] " before it, and "<6>" before that for syslog(2). */
  #format(record: LogRecord, withLevel: boolean): string {
    let prefix = withLevel ? `<${(record.facility << 3) | record.level}>` : "";
    if (this.showTime) {
      const us = Math.floor(record.ts_ns / 1000);
      const seconds = String(Math.floor(us / 1e6)).padStart(5);
      prefix += `[${seconds}.${String(us % 1e6).padStart(6, "0")}] `;
    }
    return `${prefix}${record.text.replaceAll("\n", `\n${prefix}`)}\n`;
  }
}

const SYSLOG_ACTION_CLOSE = 0;
const SYSLOG_ACTION_OPEN = 1;
const SYSLOG_ACTION_READ = 2;
const SYSLOG_ACTION_READ_ALL = 3;
const SYSLOG_ACTION_READ_CLEAR = 4;
const SYSLOG_ACTION_CLEAR = 5;
const SYSLOG_ACTION_CONSOLE_OFF = 6;
const SYSLOG_ACTION_CONSOLE_ON = 7;
const SYSLOG_ACTION_CONSOLE_LEVEL = 8;
const SYSLOG_ACTION_SIZE_UNREAD = 9;
const SYSLOG_ACTION_SIZE_BUFFER = 10;

/** syslog(2): reading all and asking the size is open to everyone (dmesg_restrict = 0), the rest needs CAP_SYSLOG. */
export function sys_syslog(task: Task, type: number, buf: number, length: number): Sleep<number> | number {
  const isOpenToAll = type === SYSLOG_ACTION_READ_ALL || type === SYSLOG_ACTION_SIZE_BUFFER;
  if (!isOpenToAll && !capable(task, CAP_SYSLOG) && !capable(task, CAP_SYS_ADMIN)) return -EPERM;
  return task.kernel.printk.syslog(task, type, buf, length);
}

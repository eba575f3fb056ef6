/**
 * Terminals: Tty (one terminal), TtyDriver (a family of them), and what open, read, write, poll and ioctl do.
 * Flow of a keystroke: device interrupt -> tty_port.ts -> n_tty.ts (editing, echo, signals) -> wait queue -> read() here.
 * Flow of output: write() here -> n_tty.ts (newline and tab processing) -> TtyOperations.write of the driver.
 * Neighbours: tty_jobctrl.ts (sessions and groups), tty_ioctl.ts (settings). Linux: drivers/tty/tty_io.c; man 4 tty.
 */
import type { File, FileOperations } from "../../fs/file.ts";
import type { Inode } from "../../fs/inode.ts";
import type { Kernel } from "../../kernel.ts";
import { capable } from "../../task/cred.ts";
import type { Task } from "../../task/task.ts";
import { finish, type MaySleep, type Sleep, WaitQueue } from "../../sched/wait.ts";
import { CAP_SYS_ADMIN } from "../../uapi/capability.ts";
import { EBUSY, EFAULT, EIO, ENODEV, ENOTTY, ENXIO } from "../../uapi/errno.ts";
import { O_NOCTTY, O_NONBLOCK } from "../../uapi/fcntl.ts";
import { TIOCSPGRP } from "../../uapi/ioctl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../uapi/poll.ts";
import { SIGWINCH } from "../../uapi/signal.ts";
import { majorOf, makeDev, minorOf } from "../../uapi/stat.ts";
import { killPgrp } from "../../task/signal.ts";
import { cloneTermios, type Termios } from "./termios.ts";
import { clearSessionTty, currentTty, hangUpSession, openSetsControllingTty } from "./tty_jobctrl.ts";
import { ttyIoctl } from "./tty_ioctl.ts";
import { NTty } from "./n_tty.ts";
import type { TtyPort } from "./tty_port.ts";

export const TTY_MAJOR = 4;
export const TTYAUX_MAJOR = 5;
export const UNIX98_PTY_MASTER_MAJOR = 128;
export const UNIX98_PTY_SLAVE_MAJOR = 136;

/** Bytes taken from a writer at once. Linux: file_tty_write(). */
const WRITE_CHUNK_BYTES = 2048;

export interface Winsize {
  rows: number;
  columns: number;
  xpixel: number;
  ypixel: number;
}

/** What a driver does for its terminals. Optional ones are features it lacks. Linux: struct tty_operations. */
export interface TtyOperations {
  /** The first (count 1) or a further open. */
  open?(tty: Tty, file: File): MaySleep<number>;
  /** One of `tty.count` openers goes; at count 1 it is the last. */
  close?(tty: Tty): void;
  /** Takes bytes to send; how many. */
  write(tty: Tty, bytes: Uint8Array): number;
  /** How many bytes write() would take now. */
  writeRoom(tty: Tty): number;
  /** Bytes taken and not sent yet. */
  charsInBuffer?(tty: Tty): number;
  /** Forgets bytes not sent yet. */
  flushBuffer?(tty: Tty): void;
  /** Output flow control: hold and go on. */
  stop?(tty: Tty): void;
  start?(tty: Tty): void;
  /** Input flow control: the reader does not keep up. */
  throttle?(tty: Tty): void;
  unthrottle?(tty: Tty): void;
  /** Settings changed; may correct `tty.termios` to what the hardware can do. */
  setTermios?(tty: Tty, old: Termios): void;
  /** Sends a break until told otherwise. */
  setBreak?(tty: Tty, on: boolean): number;
  /** Modem lines, TIOCM_ bits. */
  readModemLines?(tty: Tty): number;
  writeModemLines?(tty: Tty, set: number, clear: number): number;
  /** Sends one byte ahead of everything (XON, XOFF). */
  sendXchar?(tty: Tty, byte: number): void;
  /** Sleeps until the last bit left. */
  waitUntilSent?(task: Task, tty: Tty): Sleep<number>;
  hangup?(tty: Tty): void;
  /** TIOCSWINSZ by a driver that has a say; 0 or -errno. */
  resize?(tty: Tty, size: Winsize): number;
  /** TIOCGPTPEER on `file`: a descriptor of the other end, opened with `flags`. */
  openPeer?(task: Task, tty: Tty, file: File, flags: number): MaySleep<number>;
  /** Commands of its own; -ENOIOCTLCMD for the rest. */
  ioctl?(task: Task, tty: Tty, cmd: number, arg: number): MaySleep<number>;
}

export type TtyType = "console" | "serial" | "pty" | "system";

/** A family of terminals with consecutive numbers. Linux: struct tty_driver. */
export class TtyDriver {
  /** Open terminals by index. */
  readonly ttys: (Tty | undefined)[] = [];
  /** Settings of closed terminals, kept for the next open. */
  readonly savedTermios: (Termios | undefined)[] = [];
  readonly ports: (TtyPort | undefined)[] = [];
  /** ptys: settings start afresh at each open. Linux: TTY_DRIVER_RESET_TERMIOS. */
  resetsTermios = false;
  /** The other side of ptys. */
  other: TtyDriver | null = null;
  isPtyMaster = false;

  constructor(
    readonly kernel: Kernel,
    /** As in /proc/tty/drivers and /proc/devices: "serial", "ttyS". */
    readonly driver_name: string,
    /** Node name without its number: "ttyS". */
    readonly name: string,
    readonly major: number,
    readonly minor_start: number,
    readonly nr_ttys: number,
    readonly type: TtyType,
    /** Number in the name of index 0: 1 for virtual consoles. */
    readonly name_base: number,
    readonly init_termios: Termios,
    readonly ops: TtyOperations,
  ) {}

  nodeName(index: number): string {
    return `${this.name}${index + this.name_base}`;
  }
}

/** One open terminal. Linux: struct tty_struct. */
export class Tty {
  readonly kernel: Kernel;
  termios: Termios;
  /** As TCSETS-with-TIOCSLCKTRMIOS locks are not offered, only the settings themselves. */
  readonly winsize: Winsize = { rows: 0, columns: 0, xpixel: 0, ypixel: 0 };
  /** Opens of this terminal. */
  count = 0;
  /** Session whose controlling terminal this is, and its foreground process group; 0: none. */
  session = 0;
  pgrp = 0;
  /** The line discipline. */
  readonly ldisc: NTty;
  /** Sleepers for input and for room to write. */
  readonly readWait = new WaitQueue();
  readonly writeWait = new WaitQueue();
  /** Output is stopped: by ^S or full peer (`flowStopped`), by tcflow (`tcoStopped`). */
  flowStopped = false;
  tcoStopped = false;
  isThrottled = false;
  /** TIOCEXCL: no further opens. */
  isExclusive = false;
  isClosing = false;
  /** pty: the other end, its packet mode and its news. */
  link: Tty | null = null;
  packetMode = false;
  packetStatus = 0;
  /** The other end was closed. */
  otherClosed = false;
  readonly files = new Set<File>();
  /** For the driver. */
  driver_data: unknown = null;
  port: TtyPort | null = null;

  constructor(
    readonly driver: TtyDriver,
    readonly index: number,
  ) {
    this.kernel = driver.kernel;
    const saved = driver.resetsTermios ? undefined : driver.savedTermios[index];
    this.termios = cloneTermios(saved ?? driver.init_termios);
    this.ldisc = new NTty(this);
  }

  /** "ttyS0", "tty1". */
  get name(): string {
    return this.driver.type === "pty"
      ? this.driver.isPtyMaster
        ? `ptm${this.index}`
        : `pts${this.index}`
      : this.driver.nodeName(this.index);
  }

  get dev(): number {
    return makeDev(this.driver.major, this.driver.minor_start + this.index);
  }

  writeRoom(): number {
    return this.flowStopped && this.driver.type === "console" ? 0 : this.driver.ops.writeRoom(this);
  }

  charsInBuffer(): number {
    return this.driver.ops.charsInBuffer?.(this) ?? 0;
  }

  /** The driver has room again. Linux: tty_wakeup(). */
  wakeUp(): void {
    this.ldisc.writeWakeUp();
    this.writeWait.wakeUpAll();
  }

  /** Holds output. Linux: stop_tty(). */
  stop(): void {
    if (this.flowStopped) return;
    this.flowStopped = true;
    this.driver.ops.stop?.(this);
  }

  /** Lets output go on, unless tcflow(TCOOFF) holds it. Linux: start_tty(). */
  start(): void {
    if (!this.flowStopped || this.tcoStopped) return;
    this.flowStopped = false;
    this.driver.ops.start?.(this);
    this.wakeUp();
  }

  throttle(): void {
    if (this.isThrottled) return;
    this.isThrottled = true;
    this.driver.ops.throttle?.(this);
  }

  unthrottle(): void {
    if (!this.isThrottled) return;
    this.isThrottled = false;
    this.driver.ops.unthrottle?.(this);
  }

  /** Sets the size and tells the foreground group. Linux: tty_do_resize(). */
  resize(size: Winsize): void {
    const { winsize } = this;
    const isSame =
      size.rows === winsize.rows &&
      size.columns === winsize.columns &&
      size.xpixel === winsize.xpixel &&
      size.ypixel === winsize.ypixel;
    if (isSame) return;
    Object.assign(winsize, size);
    if (this.pgrp) killPgrp(this.kernel, this.pgrp, SIGWINCH);
  }

  /**
   * Takes the terminal away from everyone: open files fail from now on (console files stay), its session loses it.
   * `bySessionEnd`: its session leader exits, so the foreground group is told too.
   * Linux: __tty_hangup(); man 2 vhangup.
   */
  hangUp(bySessionEnd = false): void {
    const cut = [...this.files].filter((file) => file.ops !== consoleFops);
    for (const file of cut) file.ops = hungUpTtyFops;
    hangUpSession(this, bySessionEnd);
    this.session = 0;
    this.pgrp = 0;
    this.flowStopped = false;
    this.tcoStopped = false;
    this.ldisc.flushInput();
    this.driver.ops.flushBuffer?.(this);
    if (this.driver.resetsTermios) this.termios = cloneTermios(this.driver.init_termios);
    this.ldisc.setTermios(null);
    this.driver.ops.hangup?.(this);
    this.readWait.wakeUpAll();
    this.writeWait.wakeUpAll();
  }
}

/** Registers a driver's numbers and nodes. Linux: tty_register_driver(). */
export function registerTtyDriver(driver: TtyDriver): void {
  const { kernel } = driver;
  kernel.ttys.push(driver);
  kernel.devices.registerChrdev(driver.major, driver.minor_start, driver.nr_ttys, driver.name, ttyFops);
}

/** Makes the node of one terminal appear. Linux: tty_register_device(). */
export function registerTtyDevice(driver: TtyDriver, index: number, mode = 0o620): void {
  const dev = makeDev(driver.major, driver.minor_start + index);
  driver.kernel.devices.addNode(driver.nodeName(index), "char", dev, mode);
}

/** /dev/tty, /dev/console and, with virtual consoles, /dev/tty0. Linux: tty_init(). */
export function initTty(kernel: Kernel): void {
  const { devices } = kernel;
  devices.registerChrdev(TTYAUX_MAJOR, 0, 1, "/dev/tty", ttyFops);
  devices.addNode("tty", "char", makeDev(TTYAUX_MAJOR, 0), 0o666);
  devices.registerChrdev(TTYAUX_MAJOR, 1, 1, "/dev/console", consoleFops);
  devices.addNode("console", "char", makeDev(TTYAUX_MAJOR, 1), 0o600);
}

/** The terminal behind an open file. */
export function fileTty(file: File): Tty {
  return file.private_data as Tty;
}

export function isHungUp(file: File): boolean {
  return file.ops === hungUpTtyFops;
}

export function isConsoleFile(file: File): boolean {
  return file.ops === consoleFops;
}

/** Which driver and index a device number means; null: none. Linux: tty_lookup_driver(). */
function lookupDriver(kernel: Kernel, dev: number): { driver: TtyDriver; index: number } | null {
  const major = majorOf(dev);
  const minor = minorOf(dev);
  if (major === TTYAUX_MAJOR && minor === 1) return kernel.consoles.device();
  if (major === TTY_MAJOR && minor === 0) return kernel.consoles.foregroundTty();
  for (const driver of kernel.ttys) {
    const index = minor - driver.minor_start;
    if (driver.major === major && index >= 0 && index < driver.nr_ttys) return { driver, index };
  }
  return null;
}

function* openTty(task: Task, inode: Inode, file: File): Sleep<number> {
  const { kernel } = task;
  const dev = inode.rdev;
  const isDevTty = majorOf(dev) === TTYAUX_MAJOR && minorOf(dev) === 0;
  const isAlias = majorOf(dev) === TTYAUX_MAJOR || (majorOf(dev) === TTY_MAJOR && minorOf(dev) === 0);

  let found: { driver: TtyDriver; index: number } | null;
  if (isDevTty) {
    const tty = currentTty(task);
    if (!tty) return -ENXIO;
    found = { driver: tty.driver, index: tty.index };
  } else {
    found = lookupDriver(kernel, dev);
    if (!found) return isAlias ? -ENODEV : -ENXIO;
  }
  const tty = openIndex(found.driver, found.index);
  if (typeof tty === "number") return tty;
  if (tty.isExclusive && !capable(task, CAP_SYS_ADMIN)) return -EBUSY;
  const error = yield* attachFile(tty, file);
  if (error) return error;

  const noctty = (file.f_flags & O_NOCTTY) !== 0 || isAlias || found.driver.isPtyMaster;
  if (!noctty) openSetsControllingTty(task, tty, file);
  return 0;
}

/** The terminal, made if nobody has it open. -EIO for a pty whose master is gone. Linux: tty_init_dev(), tty_reopen(). */
export function openIndex(driver: TtyDriver, index: number): Tty | number {
  const open = driver.ttys[index];
  if (open) {
    if (driver.type === "pty" && (driver.isPtyMaster || open.otherClosed)) return -EIO;
    return open;
  }
  if (driver.type === "pty") return -EIO;
  const tty = new Tty(driver, index);
  tty.port = driver.ports[index] ?? null;
  if (tty.port) tty.port.tty = tty;
  driver.ttys[index] = tty;
  return tty;
}

/** Makes `file` an opener of `tty` and lets the driver wait for a carrier or refuse. */
export function* attachFile(tty: Tty, file: File): Sleep<number> {
  tty.count++;
  tty.files.add(file);
  file.private_data = tty;
  const { ops } = tty.driver;
  const error = ops.open ? yield* finish(ops.open(tty, file)) : 0;
  if (error) {
    releaseTty(file);
    file.private_data = null;
  }
  return error;
}

/** One opener less; the last one takes the terminal down. Linux: tty_release(). */
function releaseTty(file: File): void {
  const tty = file.private_data as Tty | null;
  if (!tty || !tty.files.delete(file)) return;
  const { driver } = tty;
  tty.isClosing = tty.count === 1;
  driver.ops.close?.(tty);
  tty.count--;
  // The peer of a pty learns that this end is gone.
  if (tty.count === 0 && tty.link) {
    tty.link.readWait.wakeUpAll();
    tty.link.writeWait.wakeUpAll();
  }
  if (tty.count > 0) return;
  clearSessionTty(tty);
  if (tty.driver.isPtyMaster || (tty.link && tty.link.count > 0)) {
    // A slave stays known to its master and may be opened again while the master lives.
    if (!driver.isPtyMaster) {
      tty.isClosing = false;
      return;
    }
  }
  destroyTty(tty);
}

function destroyTty(tty: Tty): void {
  const { driver } = tty;
  if (!driver.resetsTermios) driver.savedTermios[tty.index] = tty.termios;
  if (tty.port?.tty === tty) {
    tty.port.tty = null;
    tty.port.discard();
  }
  if (driver.ttys[tty.index] === tty) driver.ttys[tty.index] = undefined;
}

function* readTty(
  task: Task,
  file: File,
  to: Parameters<NonNullable<FileOperations["read"]>>[2],
): Sleep<number> {
  return yield* fileTty(file).ldisc.read(task, file, to);
}

function* writeTty(
  task: Task,
  file: File,
  from: Parameters<NonNullable<FileOperations["write"]>>[2],
): Sleep<number> {
  const tty = fileTty(file);
  let written = 0;
  while (from.count > 0) {
    const chunk = new Uint8Array(Math.min(from.count, WRITE_CHUNK_BYTES));
    const filled = from.copyFrom(chunk);
    if (filled === 0) return written || -EFAULT;
    const result = yield* tty.ldisc.write(
      task,
      file,
      filled === chunk.length ? chunk : chunk.subarray(0, filled),
    );
    if (result < 0) return written || result;
    written += result;
    if (result < filled) break;
  }
  return written;
}

/** Operations of every terminal node. */
export const ttyFops: FileOperations = {
  open: openTty,
  read: readTty,
  write: writeTty,
  poll(file, table) {
    const tty = fileTty(file);
    table?.wait(tty.readWait);
    table?.wait(tty.writeWait);
    return tty.ldisc.poll(file);
  },
  ioctl: (task, file, cmd, arg) => ttyIoctl(task, file, cmd, arg),
  release: releaseTty,
};

/** /dev/console: the same, but neither job control of input nor hang-ups touch it. Linux: console_fops. */
export const consoleFops: FileOperations = { ...ttyFops };

/** What is left after a hang-up. Linux: hung_up_tty_fops. */
export const hungUpTtyFops: FileOperations = {
  read: () => 0,
  write: () => -EIO,
  poll: () => POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM,
  ioctl: (_task, _file, cmd) => (cmd === TIOCSPGRP ? -ENOTTY : -EIO),
  release: releaseTty,
};

/** Whether a read or write of `file` must not wait. Linux: tty_io_nonblock(). */
export function isNonblocking(file: File): boolean {
  return (file.f_flags & O_NONBLOCK) !== 0;
}

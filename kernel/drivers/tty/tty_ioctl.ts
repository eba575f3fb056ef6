/**
 * ioctl on terminals: settings, queues, breaks, sizes, modem lines; the driver's own commands are asked before the
 * common ones. Linux: drivers/tty/tty_ioctl.c, tty_io.c tty_ioctl(); man 2 ioctl_tty.
 */
import type { File } from "../../fs/file.ts";
import { copyFromUser, copyToUser, getUser32, putUser32 } from "../../mm/usercopy.ts";
import { finish, type Sleep } from "../../sched/wait.ts";
import { capable } from "../../task/cred.ts";
import type { Task } from "../../task/task.ts";
import { CAP_SYS_ADMIN } from "../../uapi/capability.ts";
import { EFAULT, EINVAL, EIO, ENOIOCTLCMD, ENOTTY, EPERM } from "../../uapi/errno.ts";
import * as I from "../../uapi/ioctl.ts";
import { encodeDev } from "../../uapi/stat.ts";
import * as T from "../../uapi/termios.ts";
import {
  cloneTermios,
  packTermio,
  packTermios,
  type Termios,
  TERMIO_BYTES,
  TERMIOS2_BYTES,
  TERMIOS_BYTES,
  unpackTermio,
  unpackTermios,
} from "./termios.ts";
import { fileTty, type Tty, type Winsize } from "./tty_io.ts";
import {
  checkChangeSettings,
  getForegroundPgrp,
  getSession,
  giveUpTty,
  setForegroundPgrp,
  takeTty,
} from "./tty_jobctrl.ts";

const BREAK_NS = 250_000_000;

export function* ttyIoctl(task: Task, file: File, cmd: number, arg: number): Sleep<number> {
  const tty = fileTty(file);
  // Settings of a pty are those of its slave, whichever end is asked.
  const real = tty.driver.isPtyMaster && tty.link ? tty.link : tty;
  const ptr = arg;
  switch (cmd) {
    case I.TIOCSTI: {
      if (task.signal.tty !== tty && !capable(task, CAP_SYS_ADMIN)) return -EPERM;
      const byte = new Uint8Array(1);
      if (copyFromUser(task, ptr, byte)) return -EFAULT;
      tty.ldisc.receive(byte, null);
      return 0;
    }
    case I.TIOCGWINSZ:
      return copyToUser(task, ptr, packWinsize(real.winsize)) ? -EFAULT : 0;
    case I.TIOCSWINSZ: {
      const bytes = new Uint8Array(8);
      if (copyFromUser(task, ptr, bytes)) return -EFAULT;
      const size = unpackWinsize(bytes);
      const error = real.driver.ops.resize?.(real, size) ?? 0;
      if (error) return error;
      real.resize(size);
      return 0;
    }
    case I.TIOCEXCL:
      tty.isExclusive = true;
      return 0;
    case I.TIOCNXCL:
      tty.isExclusive = false;
      return 0;
    case I.TIOCGEXCL:
      return putUser32(task, ptr, tty.isExclusive ? 1 : 0) ? -EFAULT : 0;
    case I.TIOCGPTPEER:
      return yield* finish(tty.driver.ops.openPeer?.(task, tty, file, arg) ?? -EIO);
    case I.TIOCNOTTY:
      return giveUpTty(task, tty);
    case I.TIOCSCTTY:
      return takeTty(task, real, file, arg);
    case I.TIOCGPGRP:
      return getForegroundPgrp(task, tty, real, ptr);
    case I.TIOCSPGRP:
      return setForegroundPgrp(task, real, ptr);
    case I.TIOCGSID:
      return getSession(task, tty, real, ptr);
    case I.TIOCGETD:
      return putUser32(task, ptr, T.N_TTY) ? -EFAULT : 0;
    case I.TIOCSETD: {
      const change = checkChangeSettings(task, tty);
      if (change) return change;
      const discipline = getUser32(task, ptr);
      if (discipline < 0) return -EFAULT;
      return discipline === T.N_TTY ? 0 : -EINVAL;
    }
    case I.TIOCVHANGUP:
      if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
      tty.hangUp();
      return 0;
    case I.TIOCGDEV:
      return putUser32(task, ptr, encodeDev(real.dev)) ? -EFAULT : 0;
    case I.TIOCSBRK:
    case I.TIOCCBRK:
    case I.TCSBRK:
    case I.TCSBRKP:
      return yield* breakIoctl(task, tty, cmd, arg);
    case I.TIOCMGET: {
      const lines = tty.driver.ops.readModemLines?.(tty);
      if (lines === undefined) return -ENOTTY;
      return putUser32(task, ptr, lines) ? -EFAULT : 0;
    }
    case I.TIOCMSET:
    case I.TIOCMBIS:
    case I.TIOCMBIC:
      return modemIoctl(task, tty, cmd, ptr);
  }
  const { ops } = tty.driver;
  const own = ops.ioctl ? yield* finish(ops.ioctl(task, tty, cmd, arg)) : -ENOIOCTLCMD;
  if (own !== -ENOIOCTLCMD) return own;
  return yield* modeIoctl(task, tty, real, cmd, ptr);
}

/** What the line discipline and the settings answer. Linux: n_tty_ioctl(), tty_mode_ioctl(). */
function* modeIoctl(task: Task, tty: Tty, real: Tty, cmd: number, ptr: number): Sleep<number> {
  switch (cmd) {
    case I.TIOCOUTQ:
      return putUser32(task, ptr, tty.charsInBuffer()) ? -EFAULT : 0;
    case I.FIONREAD:
      return putUser32(task, ptr, tty.ldisc.nr_readable) ? -EFAULT : 0;
    case I.TCGETS:
      return copyToUser(task, ptr, packTermios(real.termios, TERMIOS_BYTES)) ? -EFAULT : 0;
    case I.TCGETS2:
      return copyToUser(task, ptr, packTermios(real.termios, TERMIOS2_BYTES)) ? -EFAULT : 0;
    case I.TCGETA:
      return copyToUser(task, ptr, packTermio(real.termios)) ? -EFAULT : 0;
    case I.TCSETS:
    case I.TCSETSW:
    case I.TCSETSF:
      return yield* setTermiosIoctl(task, tty, real, ptr, TERMIOS_BYTES, cmd - I.TCSETS);
    case I.TCSETS2:
    case I.TCSETSW2:
    case I.TCSETSF2:
      return yield* setTermiosIoctl(task, tty, real, ptr, TERMIOS2_BYTES, cmd - I.TCSETS2);
    case I.TCSETA:
    case I.TCSETAW:
    case I.TCSETAF:
      return yield* setTermiosIoctl(task, tty, real, ptr, TERMIO_BYTES, cmd - I.TCSETA);
    case I.TCXONC: {
      const change = checkChangeSettings(task, tty);
      if (change) return change;
      return flowControl(tty, ptr);
    }
    case I.TCFLSH: {
      const change = checkChangeSettings(task, tty);
      if (change) return change;
      return flushQueues(tty, ptr);
    }
    case I.TIOCGSOFTCAR:
      return putUser32(task, ptr, real.termios.c_cflag & T.CLOCAL ? 1 : 0) ? -EFAULT : 0;
    case I.TIOCSSOFTCAR: {
      const value = getUser32(task, ptr);
      if (value < 0) return -EFAULT;
      const changed = cloneTermios(real.termios);
      changed.c_cflag = ((changed.c_cflag & ~T.CLOCAL) | (value ? T.CLOCAL : 0)) >>> 0;
      setTermios(real, changed);
      return 0;
    }
    default:
      return -ENOIOCTLCMD;
  }
}

/** `mode`: 0 now, 1 after output is sent, 2 also drops input. Linux: set_termios(). */
function* setTermiosIoctl(
  task: Task,
  tty: Tty,
  real: Tty,
  ptr: number,
  size_bytes: number,
  mode: number,
): Sleep<number> {
  const change = checkChangeSettings(task, real);
  if (change) return change;
  const bytes = new Uint8Array(size_bytes);
  if (copyFromUser(task, ptr, bytes)) return -EFAULT;
  const wanted = size_bytes === TERMIO_BYTES ? unpackTermio(bytes, real.termios) : unpackTermios(bytes);
  if (mode === 2) tty.ldisc.flushInput();
  if (mode >= 1) {
    const error = yield* drain(task, tty);
    if (error) return error;
  }
  setTermios(real, wanted);
  return 0;
}

/** Applies settings. Linux: tty_set_termios(). */
export function setTermios(tty: Tty, wanted: Termios): void {
  const old = tty.termios;
  tty.termios = cloneTermios(wanted);
  tty.termios.c_line = old.c_line;
  if (tty.driver.type === "pty") {
    tty.termios.c_cflag = ((tty.termios.c_cflag & ~(T.CSIZE | T.PARENB)) | T.CS8 | T.CREAD) >>> 0;
  }
  tty.driver.ops.setTermios?.(tty, old);
  tty.ldisc.setTermios(old);
}

/** Sleeps until all output is sent. Linux: tty_wait_until_sent(). */
function* drain(task: Task, tty: Tty): Sleep<number> {
  const error = yield* tty.writeWait.wait(task, () => tty.charsInBuffer() === 0);
  if (error) return error;
  return tty.driver.ops.waitUntilSent ? yield* tty.driver.ops.waitUntilSent(task, tty) : 0;
}

function* breakIoctl(task: Task, tty: Tty, cmd: number, arg: number): Sleep<number> {
  const change = checkChangeSettings(task, tty);
  if (change) return change;
  if (cmd !== I.TIOCCBRK) {
    const error = yield* drain(task, tty);
    if (error) return error;
  }
  const { setBreak } = tty.driver.ops;
  if (cmd === I.TIOCSBRK) return setBreak?.(tty, true) ?? 0;
  if (cmd === I.TIOCCBRK) return setBreak?.(tty, false) ?? 0;
  if (cmd === I.TCSBRK && arg !== 0) return 0;
  if (!setBreak) return 0;
  setBreak(tty, true);
  const { time } = tty.kernel;
  const length_ns = cmd === I.TCSBRKP && arg !== 0 ? arg * 100_000_000 : BREAK_NS;
  const error = yield* tty.writeWait.waitUntil(task, () => false, time.monotonic_ns() + length_ns);
  setBreak(tty, false);
  return task.signalPending() && error === 0 ? -EIO : 0;
}

/** tcflow(3). Linux: n_tty_ioctl_helper(). */
function flowControl(tty: Tty, action: number): number {
  const { c_cc } = tty.termios;
  switch (action) {
    case T.TCOOFF:
      if (!tty.tcoStopped) {
        tty.tcoStopped = true;
        tty.stop();
      }
      return 0;
    case T.TCOON:
      if (tty.tcoStopped) {
        tty.tcoStopped = false;
        tty.start();
      }
      return 0;
    case T.TCIOFF:
      if (c_cc[T.VSTOP]) sendXchar(tty, c_cc[T.VSTOP]);
      return 0;
    case T.TCION:
      if (c_cc[T.VSTART]) sendXchar(tty, c_cc[T.VSTART]);
      return 0;
    default:
      return -EINVAL;
  }
}

function sendXchar(tty: Tty, byte: number): void {
  const { ops } = tty.driver;
  if (ops.sendXchar) ops.sendXchar(tty, byte);
  else ops.write(tty, Uint8Array.of(byte));
}

/** tcflush(3). Linux: tty_perform_flush(). */
function flushQueues(tty: Tty, queue: number): number {
  if (queue !== T.TCIFLUSH && queue !== T.TCOFLUSH && queue !== T.TCIOFLUSH) return -EINVAL;
  if (queue !== T.TCOFLUSH) {
    tty.port?.discard();
    tty.ldisc.flushInput();
    tty.unthrottle();
  }
  if (queue !== T.TCIFLUSH) {
    tty.driver.ops.flushBuffer?.(tty);
    tty.wakeUp();
  }
  return 0;
}

function modemIoctl(task: Task, tty: Tty, cmd: number, ptr: number): number {
  const { writeModemLines } = tty.driver.ops;
  if (!writeModemLines) return -ENOTTY;
  const value = getUser32(task, ptr);
  if (value < 0) return -EFAULT;
  const settable = T.TIOCM_DTR | T.TIOCM_RTS | T.TIOCM_OUT1 | T.TIOCM_OUT2 | T.TIOCM_LOOP;
  const set = cmd === I.TIOCMBIC ? 0 : value & settable;
  const clear = cmd === I.TIOCMBIC ? value & settable : cmd === I.TIOCMSET ? ~value & settable : 0;
  return writeModemLines(tty, set, clear);
}

function packWinsize(size: Winsize): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  [size.rows, size.columns, size.xpixel, size.ypixel].forEach((value, i) =>
    view.setUint16(2 * i, value, true),
  );
  return bytes;
}

function unpackWinsize(bytes: Uint8Array): Winsize {
  const view = new DataView(bytes.buffer);
  const word = (i: number) => view.getUint16(2 * i, true);
  return { rows: word(0), columns: word(1), xpixel: word(2), ypixel: word(3) };
}

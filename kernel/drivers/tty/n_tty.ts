/**
 * The line discipline: what lies between a terminal's device and the programs. Here the input side: editing of lines,
 * special characters, signals, flow control, and read(). The output side (newlines, tabs, echo) is n_tty_output.ts.
 * Flow of a keystroke: tty_port.ts -> receive() -> line complete -> readWait -> read().
 * Linux: drivers/tty/n_tty.c; man 3 termios.
 */
import type { File } from "../../fs/file.ts";
import type { IovIter } from "../../mm/iov_iter.ts";
import type { Sleep } from "../../sched/wait.ts";
import { killPgrp } from "../../task/signal.ts";
import type { Task } from "../../task/task.ts";
import { EAGAIN, EFAULT, EIO, ERESTARTSYS, ETIME } from "../../uapi/errno.ts";
import { POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from "../../uapi/poll.ts";
import { SIGINT, SIGQUIT, SIGTSTP, SIGTTIN } from "../../uapi/signal.ts";
import * as T from "../../uapi/termios.ts";
import { NTtyOutput } from "./n_tty_output.ts";
import { DISABLED_CHAR, type Termios } from "./termios.ts";
import { isConsoleFile, isHungUp, isNonblocking, type Tty } from "./tty_io.ts";
import { checkChange } from "./tty_jobctrl.ts";
import { TTY_BREAK, TTY_NORMAL, TTY_OVERRUN } from "./tty_port.ts";

/** Bytes of input kept; so a line has 4095 at most. */
export const N_TTY_BUF_SIZE = 4096;
const MASK = N_TTY_BUF_SIZE - 1;
/** Input is throttled when less than this is free, and let go when less than this is left to read. */
const THRESHOLD_THROTTLE = 128;
const THRESHOLD_UNTHROTTLE = 128;
/** Output is "writable" for poll when less than this is under way. */
export const WAKEUP_CHARS = 256;

const CR = 13;
const LF = 10;
const BS = 8;
const TAB = 9;

/** What an editing character erases. */
type Kill = "character" | "word" | "line";

export class NTty {
  readonly tty: Tty;
  readonly output: NTtyOutput;
  readonly #buf = new Uint8Array(N_TTY_BUF_SIZE);
  /** 1 where a line ends (canonical mode). */
  readonly #lineEnds = new Uint8Array(N_TTY_BUF_SIZE);
  /** Positions grow for ever; the index is position & MASK. */
  #head = 0;
  #tail = 0;
  /** End of the last complete line. */
  #canonHead = 0;
  /** The next character is taken as it is (after ^V). */
  #isLiteral = false;
  /** Inside "\...": ECHOPRT shows erased characters. */
  #isErasing = false;
  /** Bytes were left with the port for lack of room. */
  #noRoom = false;
  /** Characters that need a look; the others only go into the buffer. */
  readonly #special = new Uint8Array(256);
  /** No input processing at all. */
  #isRaw = false;

  constructor(tty: Tty) {
    this.tty = tty;
    this.output = new NTtyOutput(tty);
    this.setTermios(null);
  }

  // ------------------------------------------------------------------ settings

  /** Settings changed from `old` (null: first time). Linux: n_tty_set_termios(). */
  setTermios(old: Termios | null): void {
    const { termios } = this.tty;
    if (!old || (old.c_lflag ^ termios.c_lflag) & (T.ICANON | T.EXTPROC)) {
      this.#lineEnds.fill(0);
      if (this.#head === this.#tail) {
        this.#canonHead = this.#tail;
      } else {
        // What was typed so far counts as a line, so that it can be read in either mode.
        this.#lineEnds[(this.#head - 1) & MASK] = 1;
        this.#canonHead = this.#head;
      }
      this.#isErasing = false;
      this.#isLiteral = false;
    }
    this.#classify();
    if (!(termios.c_iflag & T.IXON) && old && old.c_iflag & T.IXON && !this.tty.tcoStopped) {
      this.tty.start();
      this.output.processEchoes();
    }
    this.tty.writeWait.wakeUpAll();
    this.tty.readWait.wakeUpAll();
  }

  #classify(): void {
    const { c_iflag, c_lflag, c_cc } = this.tty.termios;
    const special = this.#special.fill(0);
    const transforms =
      c_iflag & (T.ISTRIP | T.IUCLC | T.IGNCR | T.ICRNL | T.INLCR | T.PARMRK | T.IXON) ||
      c_lflag & (T.ICANON | T.ISIG | T.ECHO);
    this.#isRaw = !transforms;
    if (c_iflag & (T.IGNCR | T.ICRNL)) special[CR] = 1;
    if (c_iflag & T.INLCR) special[LF] = 1;
    if (c_lflag & T.ICANON) {
      special[c_cc[T.VERASE]] =
        special[c_cc[T.VKILL]] =
        special[c_cc[T.VEOF]] =
        special[LF] =
        special[c_cc[T.VEOL]] =
          1;
      if (c_lflag & T.IEXTEN) {
        special[c_cc[T.VWERASE]] = special[c_cc[T.VLNEXT]] = special[c_cc[T.VEOL2]] = 1;
        if (c_lflag & T.ECHO) special[c_cc[T.VREPRINT]] = 1;
      }
    }
    if (c_iflag & T.IXON) special[c_cc[T.VSTART]] = special[c_cc[T.VSTOP]] = 1;
    if (c_lflag & T.ISIG) special[c_cc[T.VINTR]] = special[c_cc[T.VQUIT]] = special[c_cc[T.VSUSP]] = 1;
    special[DISABLED_CHAR] = 0;
  }

  get #isCanonical(): boolean {
    return (this.tty.termios.c_lflag & (T.ICANON | T.EXTPROC)) === T.ICANON;
  }

  #isChar(c: number, which: number): boolean {
    return c === this.tty.termios.c_cc[which] && c !== DISABLED_CHAR;
  }

  // ------------------------------------------------------------------ input

  /** Takes received bytes; how many found room. `flags` (tty_port.ts) null: all normal. Linux: n_tty_receive_buf_common(). */
  receive(bytes: Uint8Array, flags: Uint8Array | null): number {
    const { c_iflag } = this.tty.termios;
    let taken = 0;
    while (taken < bytes.length) {
      let room = N_TTY_BUF_SIZE - (this.#head - this.#tail);
      if (c_iflag & T.PARMRK) room = Math.ceil(room / 3);
      room--;
      if (room <= 0) {
        // A line that is too long loses its last character again and again, so that its newline still gets in.
        const isOverlong = this.#isCanonical && this.#canonHead === this.#tail;
        if (!isOverlong) {
          this.#noRoom = true;
          break;
        }
        if (room < 0) this.#head--;
        room = 1;
      }
      const n = Math.min(room, bytes.length - taken);
      this.#receiveSome(bytes.subarray(taken, taken + n), flags?.subarray(taken, taken + n) ?? null);
      taken += n;
    }
    this.#checkThrottle();
    return taken;
  }

  #receiveSome(bytes: Uint8Array, flags: Uint8Array | null): void {
    const { c_iflag, c_lflag } = this.tty.termios;
    if (this.#isRaw && !flags) {
      for (let i = 0; i < bytes.length; i++) this.#put(bytes[i]);
    } else {
      for (let i = 0; i < bytes.length; i++) {
        let c = bytes[i];
        const flag = flags ? flags[i] : TTY_NORMAL;
        if (flag !== TTY_NORMAL) {
          this.#receiveFlagged(c, flag);
          continue;
        }
        if (c_iflag & T.ISTRIP) c &= 0x7f;
        if (c_iflag & T.IUCLC && c_lflag & T.IEXTEN && c >= 65 && c <= 90) c += 32;
        if (c_lflag & T.EXTPROC) {
          this.#put(c);
        } else if (this.#isLiteral) {
          this.#isLiteral = false;
          this.#receiveChar(c);
        } else if (this.#special[c]) {
          this.#receiveSpecial(c);
        } else {
          this.#receiveChar(c);
        }
      }
      this.output.flushEchoes();
    }
    if (!this.#isCanonical && this.#head !== this.#tail) this.tty.readWait.wakeUpAll();
  }

  /** Break, parity and framing errors. Linux: n_tty_receive_break(), n_tty_receive_parity_error(). */
  #receiveFlagged(c: number, flag: number): void {
    const { c_iflag } = this.tty.termios;
    if (flag === TTY_BREAK) {
      if (c_iflag & T.IGNBRK) return;
      if (c_iflag & T.BRKINT) {
        this.#signal(SIGINT);
        return;
      }
      if (c_iflag & T.PARMRK) {
        this.#put(0xff);
        this.#put(0);
      }
      this.#put(0);
    } else if (flag === TTY_OVERRUN) {
      this.tty.kernel.printk.warn(`${this.tty.name}: input overrun(s)`);
    } else {
      if (c_iflag & T.INPCK) {
        if (c_iflag & T.IGNPAR) return;
        if (c_iflag & T.PARMRK) {
          this.#put(0xff);
          this.#put(0);
          this.#put(c);
        } else {
          this.#put(0);
        }
      } else {
        this.#receiveChar(c);
      }
    }
  }

  #receiveChar(c: number): void {
    const { c_iflag, c_lflag } = this.tty.termios;
    if (c_iflag & T.IXON && c_iflag & T.IXANY && this.tty.flowStopped && !this.tty.tcoStopped) {
      this.tty.start();
      this.output.processEchoes();
    }
    if (c_lflag & T.ECHO) {
      this.#finishErasing();
      if (this.#canonHead === this.#head) this.output.echoSetCanonColumn();
      this.output.echoChar(c);
      this.output.commitEchoes();
    }
    this.#putMarked(c);
  }

  #receiveSpecial(c: number): void {
    const { tty, output } = this;
    const { c_iflag, c_lflag } = tty.termios;
    if (c_iflag & T.IXON) {
      if (this.#isChar(c, T.VSTART)) {
        tty.start();
        output.processEchoes();
        return;
      }
      if (this.#isChar(c, T.VSTOP)) {
        tty.stop();
        return;
      }
    }
    if (c_lflag & T.ISIG) {
      if (this.#isChar(c, T.VINTR)) return this.#receiveSignalChar(SIGINT, c);
      if (this.#isChar(c, T.VQUIT)) return this.#receiveSignalChar(SIGQUIT, c);
      if (this.#isChar(c, T.VSUSP)) return this.#receiveSignalChar(SIGTSTP, c);
    }
    if (c_iflag & T.IXON && c_iflag & T.IXANY && tty.flowStopped && !tty.tcoStopped) {
      tty.start();
      output.processEchoes();
    }
    if (c === CR) {
      if (c_iflag & T.IGNCR) return;
      if (c_iflag & T.ICRNL) c = LF;
    } else if (c === LF && c_iflag & T.INLCR) {
      c = CR;
    }
    if (this.#isCanonical && this.#receiveEditing(c)) return;
    if (c_lflag & T.ECHO) {
      this.#finishErasing();
      if (c === LF) {
        output.echoRaw(LF);
      } else {
        if (this.#canonHead === this.#head) output.echoSetCanonColumn();
        output.echoChar(c);
      }
      output.commitEchoes();
    }
    this.#putMarked(c);
  }

  /** The editing and line-ending characters of canonical mode; whether `c` was one. */
  #receiveEditing(c: number): boolean {
    const { output } = this;
    const { c_lflag } = this.tty.termios;
    const isExtended = (c_lflag & T.IEXTEN) !== 0;
    if (this.#isChar(c, T.VERASE)) return this.#erase(c, "character");
    if (this.#isChar(c, T.VKILL)) return this.#erase(c, "line");
    if (isExtended && this.#isChar(c, T.VWERASE)) return this.#erase(c, "word");
    if (isExtended && this.#isChar(c, T.VLNEXT)) {
      this.#isLiteral = true;
      if (c_lflag & T.ECHO) {
        this.#finishErasing();
        if (c_lflag & T.ECHOCTL) {
          output.echoRaw(0x5e);
          output.echoRaw(BS);
          output.commitEchoes();
        }
      }
      return true;
    }
    if (isExtended && c_lflag & T.ECHO && this.#isChar(c, T.VREPRINT)) {
      this.#finishErasing();
      output.echoChar(c);
      output.echoRaw(LF);
      for (let at = this.#canonHead; at !== this.#head; at++) output.echoChar(this.#buf[at & MASK]);
      output.commitEchoes();
      return true;
    }
    if (c === LF) {
      if (c_lflag & (T.ECHO | T.ECHONL)) {
        output.echoRaw(LF);
        output.commitEchoes();
      }
      this.#endLine(LF);
      return true;
    }
    if (this.#isChar(c, T.VEOF)) {
      this.#endLine(DISABLED_CHAR);
      return true;
    }
    if (this.#isChar(c, T.VEOL) || (isExtended && this.#isChar(c, T.VEOL2))) {
      if (c_lflag & T.ECHO) {
        if (this.#canonHead === this.#head) output.echoSetCanonColumn();
        output.echoChar(c);
        output.commitEchoes();
      }
      if (c === 0xff && this.tty.termios.c_iflag & T.PARMRK) this.#put(c);
      this.#endLine(c);
      return true;
    }
    return false;
  }

  #endLine(c: number): void {
    this.#lineEnds[this.#head & MASK] = 1;
    this.#buf[this.#head++ & MASK] = c;
    this.#canonHead = this.#head;
    this.tty.readWait.wakeUpAll();
  }

  #put(c: number): void {
    this.#lineEnds[this.#head & MASK] = 0;
    this.#buf[this.#head++ & MASK] = c;
  }

  #putMarked(c: number): void {
    if (c === 0xff && this.tty.termios.c_iflag & T.PARMRK) this.#put(c);
    this.#put(c);
  }

  // ------------------------------------------------------------------ erasing

  /** Linux: eraser(). Always true: the character is used up. */
  #erase(c: number, kill: Kill): true {
    const { output } = this;
    const { c_lflag } = this.tty.termios;
    const echoes = (c_lflag & T.ECHO) !== 0;
    if (this.#head === this.#canonHead) return true;
    if (kill === "line") {
      if (!echoes) {
        this.#head = this.#canonHead;
        return true;
      }
      if ((c_lflag & (T.ECHOK | T.ECHOKE | T.ECHOE)) !== (T.ECHOK | T.ECHOKE | T.ECHOE)) {
        this.#head = this.#canonHead;
        this.#finishErasing();
        output.echoChar(c);
        if (c_lflag & T.ECHOK) output.echoRaw(LF);
        output.commitEchoes();
        return true;
      }
    }
    let sawWord = false;
    while (this.#head !== this.#canonHead) {
      let head = this.#head;
      let erased: number;
      do {
        erased = this.#buf[--head & MASK];
      } while (this.#isContinuation(erased) && head !== this.#canonHead);
      if (this.#isContinuation(erased)) break; // the start of this character was read already
      if (kill === "word") {
        if (isWordChar(erased)) sawWord = true;
        else if (sawWord) break;
      }
      const length = this.#head - head;
      this.#head = head;
      if (echoes) this.#echoErased(erased, length, kill);
      if (kill === "character") break;
    }
    if (this.#head === this.#canonHead && echoes) this.#finishErasing();
    output.commitEchoes();
    return true;
  }

  #echoErased(erased: number, length: number, kill: Kill): void {
    const { output } = this;
    const { c_lflag, c_cc } = this.tty.termios;
    if (c_lflag & T.ECHOPRT) {
      if (!this.#isErasing) {
        output.echoRaw(0x5c);
        this.#isErasing = true;
      }
      output.echoChar(erased);
      for (let i = 1; i < length; i++) {
        output.echoRaw(this.#buf[(this.#head + i) & MASK]);
        output.echoMoveBack();
      }
    } else if (kill === "character" && !(c_lflag & T.ECHOE)) {
      output.echoChar(c_cc[T.VERASE]);
    } else if (erased === TAB) {
      this.#echoEraseTab();
    } else {
      const width = isControl(erased) ? (c_lflag & T.ECHOCTL ? 2 : 0) : 1;
      for (let i = 0; i < width; i++) {
        output.echoRaw(BS);
        output.echoRaw(0x20);
        output.echoRaw(BS);
      }
    }
  }

  /** How far a tab went depends on the characters since the tab before it, or since the start of the line. */
  #echoEraseTab(): void {
    let nr_chars = 0;
    let isAfterTab = false;
    for (let at = this.#head; at !== this.#canonHead;) {
      const c = this.#buf[--at & MASK];
      if (c === TAB) {
        isAfterTab = true;
        break;
      }
      if (isControl(c)) nr_chars += this.tty.termios.c_lflag & T.ECHOCTL ? 2 : 0;
      else if (!this.#isContinuation(c)) nr_chars++;
    }
    this.output.echoEraseTab(nr_chars, isAfterTab);
  }

  #finishErasing(): void {
    if (!this.#isErasing) return;
    this.output.echoRaw(0x2f);
    this.#isErasing = false;
  }

  #isContinuation(c: number): boolean {
    return (this.tty.termios.c_iflag & T.IUTF8) !== 0 && (c & 0xc0) === 0x80;
  }

  // ------------------------------------------------------------------ signals and flow control

  #receiveSignalChar(sig: number, c: number): void {
    this.#signal(sig);
    if (this.tty.termios.c_iflag & T.IXON) this.tty.start();
    if (this.tty.termios.c_lflag & T.ECHO) {
      this.output.echoChar(c);
      this.output.commitEchoes();
    } else {
      this.output.processEchoes();
    }
  }

  /** Sends `sig` to the foreground group and, but for NOFLSH, drops what is queued either way. Linux: isig(). */
  #signal(sig: number): void {
    const { tty } = this;
    if (tty.pgrp) killPgrp(tty.kernel, tty.pgrp, sig);
    if (tty.termios.c_lflag & T.NOFLSH) return;
    this.output.reset();
    tty.driver.ops.flushBuffer?.(tty);
    this.#resetInput();
    if (tty.link?.packetMode) {
      tty.packetStatus |= T.TIOCPKT_FLUSHREAD | T.TIOCPKT_FLUSHWRITE;
      tty.link.readWait.wakeUpAll();
    }
  }

  /** tcflush(TCIFLUSH). */
  flushInput(): void {
    const { link } = this.tty;
    this.#resetInput();
    if (link?.packetMode) {
      this.tty.packetStatus |= T.TIOCPKT_FLUSHREAD;
      link.readWait.wakeUpAll();
    }
    if (this.#noRoom) this.#resumePort();
  }

  #resetInput(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#canonHead = 0;
    this.#isErasing = false;
    this.#isLiteral = false;
    this.#lineEnds.fill(0);
    this.tty.unthrottle();
  }

  #checkThrottle(): void {
    if (this.tty.termios.c_lflag & T.ICANON && this.#canonHead === this.#tail) return;
    if (N_TTY_BUF_SIZE - (this.#head - this.#tail) < THRESHOLD_THROTTLE) this.tty.throttle();
  }

  #resumePort(): void {
    this.#noRoom = false;
    this.tty.port?.resume();
  }

  // ------------------------------------------------------------------ read, write, poll

  /** Bytes that read() would give now; FIONREAD. Linux: inq_canon(). */
  get nr_readable(): number {
    if (!this.#isCanonical) return this.#head - this.#tail;
    let count = this.#canonHead - this.#tail;
    for (let at = this.#tail; at !== this.#canonHead; at++) {
      if (this.#lineEnds[at & MASK] && this.#buf[at & MASK] === DISABLED_CHAR) count--;
    }
    return count;
  }

  #hasInput(minimum: number): boolean {
    return this.#isCanonical ? this.#canonHead !== this.#tail : this.#head - this.#tail >= minimum;
  }

  /** Linux: n_tty_read(). */
  *read(task: Task, file: File, to: IovIter): Sleep<number> {
    const { tty } = this;
    if (!isConsoleFile(file) && task.signal.tty === tty) {
      const error = checkChange(task, tty, SIGTTIN);
      if (error) return error;
    }
    const { time } = tty.kernel;
    let minimum = 0;
    let interval_ns = 0; // between two bytes
    let deadline_ns = Infinity;
    if (!this.#isCanonical) {
      const { c_cc } = tty.termios;
      minimum = c_cc[T.VMIN];
      if (minimum > 0) {
        interval_ns = c_cc[T.VTIME] * 1e8;
      } else {
        deadline_ns = time.monotonic_ns() + c_cc[T.VTIME] * 1e8;
        minimum = 1;
      }
    }
    let total = 0;
    let result = 0;
    while (to.count > 0) {
      if (tty.packetMode && tty.link && tty.link.packetStatus) {
        if (total > 0) break;
        const status = tty.link.packetStatus;
        tty.link.packetStatus = 0;
        return to.copyTo(Uint8Array.of(status)) === 1 ? 1 : -EFAULT;
      }
      if (!this.#hasInput(1)) {
        if (tty.otherClosed) {
          result = -EIO;
          break;
        }
        if (isHungUp(file)) break;
        if (deadline_ns !== Infinity && time.monotonic_ns() >= deadline_ns) break;
        if (isNonblocking(file)) {
          result = -EAGAIN;
          break;
        }
        const ready = () =>
          this.#hasInput(1) ||
          tty.otherClosed ||
          isHungUp(file) ||
          (tty.packetMode && tty.link !== null && tty.link.packetStatus !== 0);
        const error =
          deadline_ns === Infinity
            ? yield* tty.readWait.wait(task, ready)
            : yield* tty.readWait.waitUntil(task, ready, deadline_ns);
        if (error === -ETIME) break;
        if (error) {
          result = -ERESTARTSYS;
          break;
        }
        continue;
      }
      if (tty.packetMode && total === 0) {
        if (to.copyTo(Uint8Array.of(T.TIOCPKT_DATA)) !== 1) return -EFAULT;
        total = 1;
        if (to.count === 0) break;
      }
      const isLine = this.#isCanonical;
      const copied = isLine ? this.#copyLine(to) : this.#copyBytes(to);
      if (copied < 0) {
        result = copied;
        break;
      }
      total += copied;
      if (isLine || total >= minimum) break;
      if (interval_ns > 0) deadline_ns = time.monotonic_ns() + interval_ns;
    }
    this.#afterRead();
    return total || result;
  }

  /** One line, or as much of it as fits; the mark of end of file is swallowed. Linux: canon_copy_from_read_buf(). */
  #copyLine(to: IovIter): number {
    const limit = Math.min(this.#canonHead - this.#tail, to.count);
    let length = 0;
    let isEnd = false;
    while (length < limit && !isEnd) {
      const at = (this.#tail + length) & MASK;
      if (this.#lineEnds[at]) {
        isEnd = true;
        if (this.#buf[at] === DISABLED_CHAR) break;
      }
      length++;
    }
    const at = (this.#tail + length) & MASK;
    // An end-of-file mark just behind what fits belongs to this read: the next one must not see an end of file.
    const swallowsEof =
      this.#tail + length !== this.#canonHead && this.#lineEnds[at] && this.#buf[at] === DISABLED_CHAR;
    const copied = this.#copyOut(to, length);
    if (copied < length) return copied || -EFAULT;
    if (swallowsEof) this.#tail++;
    return copied;
  }

  #copyBytes(to: IovIter): number {
    const length = Math.min(this.#head - this.#tail, to.count);
    const copied = this.#copyOut(to, length);
    if (this.#head === this.#tail) this.#canonHead = this.#tail;
    else if (this.#canonHead < this.#tail) this.#canonHead = this.#tail;
    return copied || -EFAULT;
  }

  #copyOut(to: IovIter, length: number): number {
    const start = this.#tail & MASK;
    const first = Math.min(length, N_TTY_BUF_SIZE - start);
    let copied = to.copyTo(this.#buf.slice(start, start + first));
    if (copied === first && first < length) copied += to.copyTo(this.#buf.slice(0, length - first));
    this.#tail += copied;
    return copied;
  }

  #afterRead(): void {
    if (this.#noRoom) this.#resumePort();
    if (this.tty.isThrottled && this.#head - this.#tail <= THRESHOLD_UNTHROTTLE) this.tty.unthrottle();
    // The writer at the other end of a pty may go on.
    if (this.tty.driver.type === "pty") this.tty.link?.wakeUp();
  }

  write(task: Task, file: File, bytes: Uint8Array): Sleep<number> {
    return this.output.write(task, file, bytes);
  }

  writeWakeUp(): void {
    this.output.processEchoes();
  }

  /** Linux: n_tty_poll(). */
  poll(file: File): number {
    const { tty } = this;
    const { c_cc } = tty.termios;
    const minimum = c_cc[T.VTIME] === 0 && c_cc[T.VMIN] > 0 ? c_cc[T.VMIN] : 1;
    let mask = 0;
    if (this.#hasInput(minimum)) mask |= POLLIN | POLLRDNORM;
    if (tty.packetMode && tty.link && tty.link.packetStatus) mask |= POLLPRI | POLLIN | POLLRDNORM;
    if (tty.otherClosed || isHungUp(file)) mask |= POLLHUP;
    if (tty.charsInBuffer() < WAKEUP_CHARS && tty.writeRoom() > 0) mask |= POLLOUT | POLLWRNORM;
    return mask;
  }
}

function isControl(c: number): boolean {
  return c < 0x20 || c === 0x7f;
}

function isWordChar(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 0x5f || c >= 0xc0;
}

/**
 * The output side of the line discipline: newline, carriage return and tab processing, the echo of typed characters,
 * and write(). Echo goes through a queue because it must keep its order with what the input did, and because the
 * device may have no room just then. Neighbour: n_tty.ts. Linux: drivers/tty/n_tty.c, process_output(), process_echoes().
 */
import type { File } from "../../fs/file.ts";
import type { Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EAGAIN, EIO } from "../../uapi/errno.ts";
import { SIGTTOU } from "../../uapi/signal.ts";
import * as T from "../../uapi/termios.ts";
import { isConsoleFile, isHungUp, isNonblocking, type Tty } from "./tty_io.ts";
import { checkChange } from "./tty_jobctrl.ts";

const CR = 13;
const LF = 10;
const BS = 8;
const TAB = 9;
const CARET = 0x5e;

/** Entries of the echo queue: bytes to send through output processing, or one of these. */
const ECHO_RAW = 0x100; // + byte: not shown as ^X
const ECHO_SET_CANON_COLUMN = 0x200;
const ECHO_MOVE_BACK = 0x201;
const ECHO_ERASE_TAB = 0x1000; // + 2 * characters + 1 if they follow a tab
/** Older echo is dropped beyond this, as in Linux, where the queue is one page. */
const ECHO_LIMIT = 4096;

export class NTtyOutput {
  readonly #tty: Tty;
  /** Column of the cursor, as far as plain text can tell, and the column where the line being typed began. */
  column = 0;
  #canonColumn = 0;
  #echoes: number[] = [];
  #committed = 0;

  constructor(tty: Tty) {
    this.#tty = tty;
  }

  reset(): void {
    this.#echoes = [];
    this.#committed = 0;
  }

  // ------------------------------------------------------------------ echo

  /** Shows a typed character; control characters as ^X if ECHOCTL says so. */
  echoChar(c: number): void {
    this.#queue(c);
  }

  /** Shows a character as it is. */
  echoRaw(c: number): void {
    this.#queue(ECHO_RAW + c);
  }

  /** Remembers the column where the line begins: erasing a tab needs it. */
  echoSetCanonColumn(): void {
    this.#queue(ECHO_SET_CANON_COLUMN);
  }

  /** The last byte shown took no column. */
  echoMoveBack(): void {
    this.#queue(ECHO_MOVE_BACK);
  }

  echoEraseTab(nr_chars: number, isAfterTab: boolean): void {
    this.#queue(ECHO_ERASE_TAB + 2 * (nr_chars & 7) + (isAfterTab ? 1 : 0));
  }

  #queue(entry: number): void {
    if (this.#echoes.length >= ECHO_LIMIT) {
      this.#echoes.splice(0, ECHO_LIMIT / 4);
      this.#committed = Math.max(0, this.#committed - ECHO_LIMIT / 4);
    }
    this.#echoes.push(entry);
  }

  /** What is queued so far may be shown. */
  commitEchoes(): void {
    this.#committed = this.#echoes.length;
  }

  /** End of a batch of input. */
  flushEchoes(): void {
    this.commitEchoes();
    this.processEchoes();
  }

  /** Sends committed echo as far as the device has room. Linux: __process_echoes(). */
  processEchoes(): void {
    if (this.#committed === 0) return;
    const { c_lflag } = this.#tty.termios;
    let space = this.#tty.writeRoom();
    const out: number[] = [];
    let done = 0;
    while (done < this.#committed) {
      const before = out.length;
      const column = this.column;
      const canonColumn = this.#canonColumn;
      const entry = this.#echoes[done];
      if (entry >= ECHO_ERASE_TAB) this.#eraseTab(entry - ECHO_ERASE_TAB, out);
      else if (entry === ECHO_SET_CANON_COLUMN) this.#canonColumn = this.column;
      else if (entry === ECHO_MOVE_BACK) this.column = Math.max(0, this.column - 1);
      else if (entry >= ECHO_RAW) this.#process(entry - ECHO_RAW, out);
      else if (c_lflag & T.ECHOCTL && isControl(entry) && entry !== TAB) {
        out.push(CARET, entry ^ 0x40);
        this.column += 2;
      } else this.#process(entry, out);
      if (out.length - before > space) {
        out.length = before;
        this.column = column;
        this.#canonColumn = canonColumn;
        break;
      }
      space -= out.length - before;
      done++;
    }
    this.#echoes.splice(0, done);
    this.#committed -= done;
    if (out.length > 0) this.#tty.driver.ops.write(this.#tty, Uint8Array.from(out));
  }

  #eraseTab(operand: number, out: number[]): void {
    let nr_chars = operand >> 1;
    if (!(operand & 1)) nr_chars += this.#canonColumn & 7;
    for (let left = 8 - (nr_chars & 7); left > 0; left--) {
      out.push(BS);
      if (this.column > 0) this.column--;
    }
  }

  // ------------------------------------------------------------------ output processing

  /** One character through OPOST into `out`. Linux: do_output_char(). */
  #process(c: number, out: number[]): void {
    const { c_oflag, c_iflag } = this.#tty.termios;
    if (!(c_oflag & T.OPOST)) {
      out.push(c);
      return;
    }
    switch (c) {
      case LF:
        if (c_oflag & T.ONLRET) this.column = 0;
        if (c_oflag & T.ONLCR) {
          this.column = 0;
          this.#canonColumn = 0;
          out.push(CR, LF);
          return;
        }
        this.#canonColumn = this.column;
        break;
      case CR:
        if (c_oflag & T.ONOCR && this.column === 0) return;
        if (c_oflag & T.OCRNL) {
          c = LF;
          if (c_oflag & T.ONLRET) this.column = this.#canonColumn = 0;
          break;
        }
        this.column = this.#canonColumn = 0;
        break;
      case TAB: {
        const spaces = 8 - (this.column & 7);
        this.column += spaces;
        if ((c_oflag & T.TABDLY) === T.XTABS) {
          for (let i = 0; i < spaces; i++) out.push(0x20);
          return;
        }
        break;
      }
      case BS:
        if (this.column > 0) this.column--;
        break;
      default:
        if (isControl(c)) break;
        if (c_oflag & T.OLCUC && c >= 97 && c <= 122) c -= 32;
        if (!(c_iflag & T.IUTF8 && (c & 0xc0) === 0x80)) this.column++;
    }
    out.push(c);
  }

  /**
   * Sends as much of `bytes` as the device has room for after processing; how many of them. Runs of plain characters
   * go to the driver in one piece.
   */
  #writeProcessed(bytes: Uint8Array): number {
    const { ops } = this.#tty.driver;
    let room = this.#tty.writeRoom();
    const out = new Uint8Array(Math.min(room, bytes.length * 8));
    const expanded: number[] = [];
    let length = 0;
    let done = 0;
    for (; done < bytes.length; done++) {
      const column = this.column;
      const canonColumn = this.#canonColumn;
      expanded.length = 0;
      this.#process(bytes[done], expanded);
      if (expanded.length > room) {
        this.column = column;
        this.#canonColumn = canonColumn;
        break;
      }
      for (const c of expanded) out[length++] = c;
      room -= expanded.length;
    }
    if (length > 0) ops.write(this.#tty, out.subarray(0, length));
    return done;
  }

  /** Linux: n_tty_write(). */
  *write(task: Task, file: File, bytes: Uint8Array): Sleep<number> {
    const tty = this.#tty;
    if (tty.termios.c_lflag & T.TOSTOP && !isConsoleFile(file)) {
      const error = checkChange(task, tty, SIGTTOU);
      if (error) return error;
    }
    this.processEchoes();
    let written = 0;
    for (;;) {
      if (isHungUp(file) || (tty.link && tty.link.count === 0)) return written || -EIO;
      const isProcessed = (tty.termios.c_oflag & T.OPOST) !== 0;
      const rest = written === 0 ? bytes : bytes.subarray(written);
      written += isProcessed
        ? this.#writeProcessed(rest)
        : tty.writeRoom() > 0
          ? tty.driver.ops.write(tty, rest)
          : 0;
      if (written === bytes.length) return written;
      if (isNonblocking(file)) return written || -EAGAIN;
      // A tab may need eight columns at once.
      const needed = isProcessed ? 8 : 1;
      const error = yield* tty.writeWait.wait(
        task,
        () => tty.writeRoom() >= needed || isHungUp(file) || (tty.link !== null && tty.link.count === 0),
      );
      if (error) return written || error;
    }
  }
}

function isControl(c: number): boolean {
  return c < 0x20 || c === 0x7f;
}

/**
 * Serial ports with a 16550 UART or an older kin: ttyS0-ttyS3, and the serial console.
 * Flow of a keystroke: UART -> IRQ 4 -> interrupt() -> tty_port.ts -> n_tty.ts. Output: write() fills a ring, which goes
 * into the UART as fast as it empties; the transmitter interrupt takes over when it is busy.
 * Linux: drivers/tty/serial/8250/8250_port.c, serial_core.c. Source: National Semiconductor PC16550D datasheet.
 */
import type { Ports } from "../../arch/x86/machine.ts";
import { IRQF_SHARED, IRQ_HANDLED, IRQ_NONE, type IrqAction } from "../../irq/irq_desc.ts";
import type { Kernel } from "../../kernel.ts";
import { copyToUser } from "../../mm/usercopy.ts";
import { EFAULT, EIO, ENOIOCTLCMD } from "../../uapi/errno.ts";
import { TIOCGSERIAL } from "../../uapi/ioctl.ts";
import * as T from "../../uapi/termios.ts";
import type { ConsoleDevice } from "./console.ts";
import { charSize, encodeBaud, outputBaud, standardTermios, type Termios } from "./termios.ts";
import { registerTtyDevice, registerTtyDriver, type Tty, TtyDriver, type TtyOperations } from "./tty_io.ts";
import { TTY_BREAK, TTY_FRAME, TTY_NORMAL, TTY_OVERRUN, TTY_PARITY, TtyPort } from "./tty_port.ts";

const TTY_MAJOR = 4;
const MINOR_START = 64;
const BASE_BAUD = 115200;
const XMIT_BYTES = 4096;
const WAKEUP_CHARS = 256;
/** Most bytes taken in one interrupt, so that a fast sender cannot hold the CPU. */
const RX_LIMIT = 256;

const UART_RX = 0;
const UART_TX = 0;
const UART_DLL = 0;
const UART_IER = 1;
const UART_DLM = 1;
const UART_IIR = 2;
const UART_FCR = 2;
const UART_LCR = 3;
const UART_MCR = 4;
const UART_LSR = 5;
const UART_MSR = 6;
const UART_SCR = 7;

const IER_RDI = 0x01;
const IER_THRI = 0x02;
const IER_RLSI = 0x04;
const IER_MSI = 0x08;
const IIR_NO_INT = 0x01;
const FCR_ENABLE_FIFO = 0x01;
const FCR_CLEAR_RCVR = 0x02;
const FCR_CLEAR_XMIT = 0x04;
const FCR_TRIGGER_8 = 0x80;
const LCR_STOP = 0x04;
const LCR_PARITY = 0x08;
const LCR_EPAR = 0x10;
const LCR_SPAR = 0x20;
const LCR_SBC = 0x40;
const LCR_DLAB = 0x80;
const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;
const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_PE = 0x04;
const LSR_FE = 0x08;
const LSR_BI = 0x10;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;
const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;

/** COM1-COM4 as every PC has them. Linux: arch/x86/include/asm/serial.h. */
const STANDARD_PORTS = [
  { io: 0x3f8, irq: 4 },
  { io: 0x2f8, irq: 3 },
  { io: 0x3e8, irq: 4 },
  { io: 0x2e8, irq: 3 },
];

type UartType = "unknown" | "8250" | "16450" | "16550" | "16550A";

/** Counters of /proc/tty/driver/serial. */
interface UartCounters {
  tx: number;
  rx: number;
  frame: number;
  parity: number;
  overrun: number;
  brk: number;
}

class Uart {
  readonly port = new TtyPort();
  type: UartType = "unknown";
  fifo_bytes = 1;
  readonly counters: UartCounters = { tx: 0, rx: 0, frame: 0, parity: 0, overrun: 0, brk: 0 };
  #ier = 0;
  #lcr = 0x03;
  #mcr = 0;
  #isStarted = false;
  #action: IrqAction | null = null;
  /** Bytes to send: a ring. */
  readonly #xmit = new Uint8Array(XMIT_BYTES);
  #xmit_head = 0;
  #xmit_tail = 0;
  #isStopped = false;
  readonly #ports: Ports;

  constructor(
    readonly kernel: Kernel,
    readonly line: number,
    readonly io: number,
    readonly irq: number,
  ) {
    this.#ports = kernel.machine.ports;
    this.port.onDrained = () => this.#setIer(this.#ier | (this.#isStarted ? IER_RDI | IER_RLSI : 0));
  }

  read(register: number): number {
    return this.#ports.inb(this.io + register);
  }

  #write(register: number, value: number): void {
    this.#ports.outb(this.io + register, value);
  }

  #setIer(value: number): void {
    if (value === this.#ier) return;
    this.#ier = value;
    this.#write(UART_IER, value);
  }

  #setMcr(value: number): void {
    this.#mcr = value;
    this.#write(UART_MCR, value);
  }

  /** Finds out what answers at the port. Linux: autoconfig(). */
  probe(): void {
    this.#write(UART_IER, 0);
    const off = this.read(UART_IER) & 0x0f;
    this.#write(UART_IER, 0x0f);
    const on = this.read(UART_IER) & 0x0f;
    this.#write(UART_IER, 0);
    if (off !== 0 || on !== 0x0f) return;
    this.#write(UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
    const lines = this.read(UART_MSR) & 0xf0;
    this.#write(UART_MCR, 0);
    if (lines !== (MSR_DCD | MSR_CTS)) return;
    this.#write(UART_FCR, FCR_ENABLE_FIFO);
    const iir = this.read(UART_IIR) >> 6;
    if (iir === 3) this.type = "16550A";
    else if (iir === 2) this.type = "16550";
    else this.type = this.#hasScratch() ? "16450" : "8250";
    this.fifo_bytes = this.type === "16550A" ? 16 : 1;
    this.#clearFifos();
    this.#setMcr(this.#mcr);
  }

  #hasScratch(): boolean {
    this.#write(UART_SCR, 0xa5);
    const first = this.read(UART_SCR);
    this.#write(UART_SCR, 0x5a);
    return first === 0xa5 && this.read(UART_SCR) === 0x5a;
  }

  #clearFifos(): void {
    this.#write(UART_FCR, FCR_ENABLE_FIFO);
    this.#write(UART_FCR, FCR_ENABLE_FIFO | FCR_CLEAR_RCVR | FCR_CLEAR_XMIT);
    this.#write(UART_FCR, 0);
  }

  /** Linux: serial8250_startup(). */
  startUp(tty: Tty): number {
    if (this.#isStarted) return 0;
    this.#clearFifos();
    for (const register of [UART_LSR, UART_RX, UART_IIR, UART_MSR]) this.read(register);
    const action = this.kernel.irq.requestIrq(
      this.irq,
      () => this.#interrupt(),
      `ttyS${this.line}`,
      IRQF_SHARED,
    );
    if (typeof action === "number") return action;
    this.#action = action;
    this.#isStarted = true;
    this.setTermios(tty);
    if (this.fifo_bytes > 1) this.#write(UART_FCR, FCR_ENABLE_FIFO | FCR_TRIGGER_8);
    this.#setMcr(MCR_OUT2 | (outputBaud(tty.termios) > 0 ? MCR_DTR | MCR_RTS : 0));
    this.#setIer(IER_RDI | IER_RLSI | IER_MSI);
    this.#isStopped = false;
    return 0;
  }

  /** Linux: uart_shutdown(). */
  shutDown(tty: Tty): void {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#setIer(0);
    if (tty.termios.c_cflag & T.HUPCL && !this.isConsole) this.#setMcr(this.#mcr & ~(MCR_DTR | MCR_RTS));
    this.#write(UART_LCR, this.read(UART_LCR) & ~LCR_SBC);
    if (this.#action) this.kernel.irq.freeIrq(this.irq, this.#action);
    this.#action = null;
    this.flush();
  }

  isConsole = false;

  // ------------------------------------------------------------------ interrupts

  #interrupt(): number {
    let handled = IRQ_NONE;
    for (let pass = 0; pass < 32; pass++) {
      const iir = this.read(UART_IIR);
      if (iir & IIR_NO_INT) break;
      handled = IRQ_HANDLED;
      const lsr = this.read(UART_LSR);
      if (lsr & (LSR_DR | LSR_BI) && this.#ier & IER_RDI) this.#receive(lsr);
      this.#checkModem();
      if (lsr & LSR_THRE && this.#ier & IER_THRI) this.#transmit();
    }
    return handled;
  }

  #receive(lsr: number): void {
    let left = RX_LIMIT;
    do {
      const byte = lsr & LSR_DR ? this.read(UART_RX) : 0;
      this.counters.rx++;
      let flag = TTY_NORMAL;
      if (lsr & (LSR_BI | LSR_PE | LSR_FE | LSR_OE)) {
        if (lsr & LSR_BI) {
          this.counters.brk++;
          flag = TTY_BREAK;
        } else if (lsr & LSR_PE) {
          this.counters.parity++;
          flag = TTY_PARITY;
        } else if (lsr & LSR_FE) {
          this.counters.frame++;
          flag = TTY_FRAME;
        }
      }
      const { tty } = this.port;
      if (tty && tty.termios.c_cflag & T.CREAD) this.port.insertChar(byte, flag);
      if (lsr & LSR_OE) {
        this.counters.overrun++;
        this.port.insertChar(0, TTY_OVERRUN);
      }
      lsr = this.read(UART_LSR);
    } while (lsr & (LSR_DR | LSR_BI) && --left > 0);
    this.port.flipPush();
    // Nobody reads: leave further bytes in the UART, whose sender then has to wait.
    if (this.port.isThrottled) this.#setIer(this.#ier & ~(IER_RDI | IER_RLSI));
  }

  #checkModem(): void {
    const msr = this.read(UART_MSR);
    const { tty } = this.port;
    if (!tty || (msr & 0x0f) === 0) return;
    if (tty.termios.c_cflag & T.CRTSCTS && this.#isStopped && msr & MSR_CTS) {
      this.#isStopped = false;
      this.#transmit();
    }
    if (msr & 0x08 && !(msr & MSR_DCD) && !(tty.termios.c_cflag & T.CLOCAL)) tty.hangUp();
  }

  // ------------------------------------------------------------------ output

  get nr_unsent(): number {
    return this.#xmit_head - this.#xmit_tail;
  }

  get room(): number {
    return XMIT_BYTES - this.nr_unsent;
  }

  /** Takes bytes into the ring; how many. */
  send(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    for (let i = 0; i < taken; i++) this.#xmit[this.#xmit_head++ & (XMIT_BYTES - 1)] = bytes[i];
    if (!(this.#ier & IER_THRI)) this.#transmit();
    return taken;
  }

  /** Fills the UART while it is empty; then its interrupt goes on. Linux: serial8250_tx_chars(). */
  #transmit(): void {
    const { tty } = this.port;
    const isHeld = tty === null || tty.flowStopped || this.#isStopped;
    let isBusy = false;
    while (!isHeld && this.#xmit_tail < this.#xmit_head) {
      if (!(this.read(UART_LSR) & LSR_THRE)) {
        isBusy = true;
        break;
      }
      if (tty.termios.c_cflag & T.CRTSCTS && !(this.read(UART_MSR) & MSR_CTS)) {
        this.#isStopped = true;
        break;
      }
      for (let n = this.fifo_bytes; n > 0 && this.#xmit_tail < this.#xmit_head; n--) {
        this.#write(UART_TX, this.#xmit[this.#xmit_tail++ & (XMIT_BYTES - 1)]);
        this.counters.tx++;
      }
    }
    this.#setIer(isBusy ? this.#ier | IER_THRI : this.#ier & ~IER_THRI);
    if (tty && this.nr_unsent < WAKEUP_CHARS) tty.writeWait.wakeUpAll();
  }

  /** Output may go on. */
  resume(): void {
    this.#transmit();
    this.port.tty?.wakeUp();
  }

  flush(): void {
    this.#xmit_tail = this.#xmit_head;
    this.port.tty?.writeWait.wakeUpAll();
  }

  sendNow(byte: number): void {
    this.#waitFor(LSR_THRE);
    this.#write(UART_TX, byte);
    this.counters.tx++;
  }

  #waitFor(bits: number): void {
    for (let tries = 0; tries < 100_000 && (this.read(UART_LSR) & bits) !== bits; tries++) continue;
  }

  isSent(): boolean {
    return this.nr_unsent === 0 && (this.read(UART_LSR) & LSR_TEMT) !== 0;
  }

  /** Log text, by polling and with interrupts of the UART off. Linux: serial8250_console_write(). */
  writeConsole(text: string): void {
    const saved = this.#ier;
    this.#setIer(0);
    let free = 0;
    const put = (byte: number): void => {
      if (free === 0) {
        this.#waitFor(LSR_THRE);
        free = this.fifo_bytes;
      }
      this.#write(UART_TX, byte);
      free--;
    };
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 10) put(13);
      put(c);
    }
    this.#waitFor(LSR_TEMT | LSR_THRE);
    this.#setIer(saved);
  }

  // ------------------------------------------------------------------ settings

  /** Programs speed and frame; what the UART cannot do is corrected in the settings. */
  setTermios(tty: Tty): void {
    const { termios } = tty;
    const { c_cflag } = termios;
    let lcr = charSize(c_cflag) - 5;
    if (c_cflag & T.CSTOPB) lcr |= LCR_STOP;
    if (c_cflag & T.PARENB) lcr |= LCR_PARITY;
    if (!(c_cflag & T.PARODD)) lcr |= LCR_EPAR;
    if (c_cflag & T.CMSPAR) lcr |= LCR_SPAR;
    const baud = outputBaud(termios);
    if (baud > 0) {
      const divisor = Math.min(0xffff, Math.max(1, Math.round(BASE_BAUD / baud)));
      const actual = Math.round(BASE_BAUD / divisor);
      // Rates within 3 % count as what was asked for.
      if (Math.abs(actual - baud) * 100 > 3 * baud) encodeBaud(termios, actual);
      this.#programDivisor(lcr, divisor);
    } else {
      this.#lcr = lcr;
      this.#write(UART_LCR, lcr);
    }
    if (!this.#isStarted) return;
    const lines = MCR_DTR | MCR_RTS;
    this.#setMcr(baud === 0 ? this.#mcr & ~lines : this.#mcr | lines);
  }

  #programDivisor(lcr: number, divisor: number): void {
    this.#write(UART_LCR, lcr | LCR_DLAB);
    this.#write(UART_DLL, divisor & 0xff);
    this.#write(UART_DLM, divisor >> 8);
    this.#lcr = lcr;
    this.#write(UART_LCR, lcr);
  }

  /** "115200n8" of console=; bits and parity default to 8 and none. */
  setUpConsole(options: string): Partial<Termios> | null {
    if (this.type === "unknown") return null;
    const match = /^(\d+)([noe])?(\d)?(r)?/.exec(options);
    const baud = match ? Number(match[1]) : 9600;
    const bits = match?.[3] ? Number(match[3]) : 8;
    const settings = standardTermios();
    settings.c_cflag = T.CREAD | T.HUPCL | T.CLOCAL | ((bits - 5) << 4);
    if (match?.[2] === "o") settings.c_cflag |= T.PARENB | T.PARODD;
    if (match?.[2] === "e") settings.c_cflag |= T.PARENB;
    if (match?.[4]) settings.c_cflag = (settings.c_cflag | T.CRTSCTS) >>> 0;
    encodeBaud(settings, baud);
    let lcr = bits - 5;
    if (settings.c_cflag & T.PARENB) lcr |= LCR_PARITY | (match?.[2] === "e" ? LCR_EPAR : 0);
    this.#write(UART_IER, 0);
    this.#programDivisor(lcr, Math.max(1, Math.round(BASE_BAUD / baud)));
    if (this.fifo_bytes > 1) this.#write(UART_FCR, FCR_ENABLE_FIFO | FCR_TRIGGER_8);
    this.#setMcr(this.#mcr | MCR_DTR | MCR_RTS);
    this.isConsole = true;
    return { c_cflag: settings.c_cflag, c_ispeed: baud, c_ospeed: baud };
  }

  setBreak(on: boolean): void {
    this.#lcr = on ? this.#lcr | LCR_SBC : this.#lcr & ~LCR_SBC;
    this.#write(UART_LCR, this.#lcr);
  }

  readModemLines(): number {
    const msr = this.read(UART_MSR);
    return (
      (this.#mcr & MCR_DTR ? T.TIOCM_DTR : 0) |
      (this.#mcr & MCR_RTS ? T.TIOCM_RTS : 0) |
      (this.#mcr & MCR_OUT1 ? T.TIOCM_OUT1 : 0) |
      (this.#mcr & MCR_OUT2 ? T.TIOCM_OUT2 : 0) |
      (msr & MSR_CTS ? T.TIOCM_CTS : 0) |
      (msr & MSR_DSR ? T.TIOCM_DSR : 0) |
      (msr & MSR_RI ? T.TIOCM_RNG : 0) |
      (msr & MSR_DCD ? T.TIOCM_CAR : 0)
    );
  }

  writeModemLines(set: number, clear: number): void {
    const bits = (lines: number) =>
      (lines & T.TIOCM_DTR ? MCR_DTR : 0) |
      (lines & T.TIOCM_RTS ? MCR_RTS : 0) |
      (lines & T.TIOCM_OUT1 ? MCR_OUT1 : 0) |
      (lines & T.TIOCM_LOOP ? MCR_LOOP : 0);
    this.#setMcr((this.#mcr & ~bits(clear)) | bits(set));
  }
}

/** The one driver instance: its UARTs by line. */
export class Serial8250 {
  readonly uarts: Uart[];
  readonly driver: TtyDriver;

  constructor(readonly kernel: Kernel) {
    this.uarts = STANDARD_PORTS.map(({ io, irq }, line) => new Uart(kernel, line, io, irq));
    const termios = standardTermios();
    termios.c_cflag = T.B9600 | T.CS8 | T.CREAD | T.HUPCL | T.CLOCAL;
    termios.c_ispeed = termios.c_ospeed = 9600;
    const ops = uartOperations(this.uarts);
    this.driver = new TtyDriver(
      kernel,
      "serial",
      "ttyS",
      TTY_MAJOR,
      MINOR_START,
      this.uarts.length,
      "serial",
      0,
      termios,
      ops,
    );
    this.uarts.forEach((uart, line) => (this.driver.ports[line] = uart.port));
  }

  /** The text of /proc/tty/driver/serial. */
  showDriver(): string {
    let text = "serinfo:1.0 driver revision:\n";
    for (const { line, type, io, irq, counters } of this.uarts) {
      text += `${line}: uart:${type} port:${io.toString(16).toUpperCase().padStart(8, "0")} irq:${irq}`;
      text += type === "unknown" ? "\n" : ` tx:${counters.tx} rx:${counters.rx}\n`;
    }
    return text;
  }

  /** Probes the ports and offers the consoles: early, so that the boot log is seen. Linux: univ8250_console_init(). */
  initConsole(): void {
    for (const uart of this.uarts) {
      uart.probe();
      if (uart.type !== "unknown") this.kernel.consoles.register(this.#console(uart));
    }
  }

  /** Linux: serial8250_init(). */
  init(): void {
    const { printk, devices } = this.kernel;
    printk.info(`Serial: 8250/16550 driver, ${this.uarts.length} ports, IRQ sharing enabled`);
    registerTtyDriver(this.driver);
    for (const { line, type, io, irq } of this.uarts) {
      registerTtyDevice(this.driver, line);
      if (type === "unknown") continue;
      devices.requestRegion(io, io + 7, "serial");
      printk.info(
        `serial8250: ttyS${line} at I/O 0x${io.toString(16)} (irq = ${irq}, base_baud = ${BASE_BAUD}) is a ${type}`,
      );
    }
  }

  #console(uart: Uart): ConsoleDevice {
    const { driver } = this;
    return {
      name: "ttyS",
      index: uart.line,
      setup: (options) => {
        const settings = uart.setUpConsole(options);
        if (settings) driver.savedTermios[uart.line] = { ...standardTermios(), ...settings };
        return settings !== null;
      },
      write: (text) => uart.writeConsole(text),
      device: () => ({ driver, index: uart.line }),
    };
  }
}

function uartOperations(uarts: readonly Uart[]): TtyOperations {
  const uartOf = (tty: Tty) => uarts[tty.index];
  return {
    open: (tty) => (uartOf(tty).type === "unknown" ? -EIO : uartOf(tty).startUp(tty)),
    close: (tty) => {
      if (tty.count === 1) uartOf(tty).shutDown(tty);
    },
    hangup: (tty) => uartOf(tty).shutDown(tty),
    write: (tty, bytes) => uartOf(tty).send(bytes),
    writeRoom: (tty) => uartOf(tty).room,
    charsInBuffer: (tty) => uartOf(tty).nr_unsent,
    flushBuffer: (tty) => uartOf(tty).flush(),
    stop: () => undefined,
    start: (tty) => uartOf(tty).resume(),
    throttle: (tty) => {
      const { c_iflag, c_cflag, c_cc } = tty.termios;
      if (c_iflag & T.IXOFF) uartOf(tty).sendNow(c_cc[T.VSTOP]);
      if (c_cflag & T.CRTSCTS) uartOf(tty).writeModemLines(0, T.TIOCM_RTS);
    },
    unthrottle: (tty) => {
      const { c_iflag, c_cflag, c_cc } = tty.termios;
      if (c_iflag & T.IXOFF) uartOf(tty).sendNow(c_cc[T.VSTART]);
      if (c_cflag & T.CRTSCTS) uartOf(tty).writeModemLines(T.TIOCM_RTS, 0);
    },
    setTermios: (tty) => uartOf(tty).setTermios(tty),
    setBreak: (tty, on) => {
      uartOf(tty).setBreak(on);
      return 0;
    },
    readModemLines: (tty) => uartOf(tty).readModemLines(),
    writeModemLines: (tty, set, clear) => {
      uartOf(tty).writeModemLines(set, clear);
      return 0;
    },
    sendXchar: (tty, byte) => uartOf(tty).sendNow(byte),
    *waitUntilSent(task, tty) {
      const { time } = tty.kernel;
      while (!uartOf(tty).isSent()) {
        const error = yield* tty.writeWait.waitUntil(
          task,
          () => uartOf(tty).isSent(),
          time.monotonic_ns() + 10_000_000,
        );
        if (error && task.signalPending()) return error;
      }
      return 0;
    },
    ioctl(task, tty, cmd, arg) {
      if (cmd !== TIOCGSERIAL) return -ENOIOCTLCMD;
      return copyToUser(task, arg, packSerialStruct(uartOf(tty))) ? -EFAULT : 0;
    },
  };
}

/** struct serial_struct, 72 bytes. */
function packSerialStruct(uart: Uart): Uint8Array {
  const bytes = new Uint8Array(72);
  const view = new DataView(bytes.buffer);
  const types: Record<UartType, number> = { unknown: 0, "8250": 1, "16450": 2, "16550": 3, "16550A": 4 };
  view.setInt32(0, types[uart.type], true);
  view.setInt32(4, uart.line, true);
  view.setUint32(8, uart.io, true);
  view.setInt32(12, uart.irq, true);
  view.setInt32(20, uart.fifo_bytes, true);
  view.setInt32(28, BASE_BAUD, true);
  return bytes;
}

/**
 * 16550A UART. Offsets are from the base port; the board decides where that is (ttyS0: 0x3f8, IRQ 4).
 *
 * A transmitted byte goes to `transmit` at once: the wire is as fast as the guest writes, so the transmitter is always
 * empty again by the next instruction. Received bytes wait outside (`receive`) and move into the FIFO as it has room, RTS is up
 * and the guest listens: nothing is lost, however late or slowly it reads. Source: National Semiconductor PC16550D datasheet (1995).
 * On the keystroke flow: host/machine.ts serialInput -> here -> IRQ 4 -> kernel/drivers/tty/serial_8250.ts.
 */
import type { IrqLine, PortDevice } from "../bus.ts";

const RBR_THR = 0; // receiver buffer (read), transmitter holding (write), divisor low with DLAB
const IER = 1; // interrupt enable, divisor high with DLAB
const IIR_FCR = 2; // interrupt identification (read), FIFO control (write)
const LCR = 3; // line control
const MCR = 4; // modem control
const LSR = 5; // line status
const MSR = 6; // modem status
const SCR = 7; // scratch

const IER_RDA = 1 << 0;
const IER_THRE = 1 << 1;
const IER_LINE_STATUS = 1 << 2;
const IER_MODEM_STATUS = 1 << 3;

const IIR_NONE = 0x01;
const IIR_MODEM_STATUS = 0x00;
const IIR_THRE = 0x02;
const IIR_RDA = 0x04;
const IIR_LINE_STATUS = 0x06;
const IIR_TIMEOUT = 0x0c;
const IIR_FIFOS = 0xc0;

const FCR_ENABLE = 1 << 0;
const FCR_CLEAR_RX = 1 << 1;

const LCR_BREAK = 1 << 6;
const LCR_DLAB = 1 << 7;

const MCR_DTR = 1 << 0;
const MCR_RTS = 1 << 1;
const MCR_OUT1 = 1 << 2;
const MCR_OUT2 = 1 << 3; // gates the interrupt output on the PC's board
const MCR_LOOP = 1 << 4;

const LSR_DR = 1 << 0;
const LSR_OE = 1 << 1;
const LSR_BI = 1 << 4;
const LSR_THRE = 1 << 5;
const LSR_TEMT = 1 << 6;
const LSR_FIFO_ERROR = 1 << 7;

const MSR_TERI = 1 << 2;
const MSR_CTS = 1 << 4;
const MSR_DSR = 1 << 5;
const MSR_RI = 1 << 6;
const MSR_DCD = 1 << 7;

/** Reads of LSR in a row, finding nothing, that tell a guest which polls for input. */
const POLLS_OF_A_LISTENER = 8;

const FIFO_BYTES = 16;
const TRIGGER_LEVELS = [1, 4, 8, 14];
/** Marks a received break in the FIFO. */
const BREAK = 0x100;

export class Uart16550 implements PortDevice {
  readonly counters = { tx_bytes: 0, rx_bytes: 0, overruns: 0 };
  /** Received characters the guest has not read; bit 8 marks a break. */
  #fifo: number[] = [];
  /** Bytes on the wire, not yet in the FIFO. */
  #wire: Uint8Array[] = [];
  #wire_offset = 0;
  #ier = 0;
  #fcr = 0;
  #lcr = 0;
  #mcr = 0;
  #scr = 0;
  #overrun = false;
  #msr_deltas = 0;
  #divisor = 12; // 9600 baud after reset
  /** The transmitter-empty interrupt has not been seen since it arose. */
  #thre_pending = false;
  #polls = 0;

  /** `transmit` takes each byte the guest sends; `drained` is called when all received bytes were read by the guest. */
  constructor(
    readonly irq: IrqLine,
    readonly transmit: (byte: number) => void,
    readonly drained: () => void = () => undefined,
  ) {}

  reset(): void {
    this.#fifo = [];
    this.#ier = this.#fcr = this.#lcr = this.#mcr = this.#scr = 0;
    this.#overrun = false;
    this.#msr_deltas = 0;
    this.#thre_pending = false;
    this.#divisor = 12;
    this.#updateIrq();
  }

  /** Bytes arrive at the receiver. */
  receive(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#wire.push(bytes);
    this.#fill();
    this.#updateIrq();
  }

  /** The other end sends a break. */
  receiveBreak(): void {
    if (this.#fifo.length < this.#capacity()) this.#fifo.push(BREAK);
    this.#updateIrq();
  }

  /** Bytes received that the guest has not read. */
  get backlog_bytes(): number {
    let bytes = this.#fifo.length - this.#wire_offset;
    for (const chunk of this.#wire) bytes += chunk.length;
    return bytes;
  }

  /** Line speed the guest has set, bits a second. */
  get baud(): number {
    return Math.round(115_200 / (this.#divisor || 1));
  }

  readPort(offset: number): number {
    switch (offset) {
      case RBR_THR:
        return this.#lcr & LCR_DLAB ? this.#divisor & 0xff : this.#readData();
      case IER:
        return this.#lcr & LCR_DLAB ? this.#divisor >> 8 : this.#ier;
      case IIR_FCR: {
        const iir = this.#identify();
        if (iir === IIR_THRE) {
          this.#thre_pending = false;
          this.#updateIrq();
        }
        return iir | (this.#fcr & FCR_ENABLE ? IIR_FIFOS : 0);
      }
      case LCR:
        return this.#lcr;
      case MCR:
        return this.#mcr;
      case LSR:
        return this.#readLineStatus();
      case MSR:
        return this.#readModemStatus();
      default:
        return this.#scr;
    }
  }

  writePort(offset: number, _size: number, value: number): void {
    this.#polls = 0;
    switch (offset) {
      case RBR_THR:
        if (this.#lcr & LCR_DLAB) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#writeData(value);
        break;
      case IER:
        if (this.#lcr & LCR_DLAB) {
          this.#divisor = (this.#divisor & 0xff) | (value << 8);
        } else {
          // Enabling the transmitter interrupt while it is empty raises one: drivers start sending that way.
          if (value & IER_THRE && !(this.#ier & IER_THRE)) this.#thre_pending = true;
          this.#ier = value & 0x0f;
          this.#fill();
        }
        break;
      case IIR_FCR:
        if ((value ^ this.#fcr) & FCR_ENABLE || value & FCR_CLEAR_RX) this.#fifo = [];
        this.#fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
        this.#fill();
        break;
      case LCR:
        this.#lcr = value;
        break;
      case MCR:
        this.#writeModemControl(value & 0x1f);
        break;
      case SCR:
        this.#scr = value;
        break;
    }
    this.#updateIrq();
  }

  #capacity(): number {
    return this.#fcr & FCR_ENABLE ? FIFO_BYTES : 1;
  }

  /**
   * Moves bytes from the wire into the FIFO. The sender respects RTS (the cable has hardware flow control), and it waits until
   * the receiver's interrupt is on or someone polls: a driver that starts clears the FIFOs, and what was typed would be gone.
   */
  #fill(): void {
    if (!(this.#mcr & MCR_RTS) || this.#mcr & MCR_LOOP) return;
    if (!(this.#ier & IER_RDA) && this.#polls < POLLS_OF_A_LISTENER) return;
    while (this.#wire.length > 0 && this.#fifo.length < this.#capacity()) {
      const chunk = this.#wire[0];
      this.#fifo.push(chunk[this.#wire_offset++]);
      this.counters.rx_bytes++;
      if (this.#wire_offset === chunk.length) {
        this.#wire.shift();
        this.#wire_offset = 0;
      }
    }
  }

  #readData(): number {
    const character = this.#fifo.shift();
    if (character === undefined) return 0;
    if (this.#fifo.length === 0 && this.#ier & IER_RDA) this.#fill();
    this.#updateIrq();
    if (this.#fifo.length === 0 && this.#wire.length === 0) this.drained();
    return character & 0xff;
  }

  #writeData(value: number): void {
    this.counters.tx_bytes++;
    this.#thre_pending = true;
    if (this.#mcr & MCR_LOOP) {
      if (this.#fifo.length < this.#capacity()) {
        this.#fifo.push(value);
      } else {
        this.#overrun = true;
        this.counters.overruns++;
      }
    } else if (!(this.#lcr & LCR_BREAK)) {
      this.transmit(value);
    }
  }

  #writeModemControl(value: number): void {
    const before = this.#modemLines();
    this.#mcr = value;
    const after = this.#modemLines();
    const changed = before ^ after;
    this.#msr_deltas |= (changed >> 4) & 0x0b;
    // The ring indicator's delta bit sets on its trailing edge only.
    if (changed & MSR_RI && !(after & MSR_RI)) this.#msr_deltas |= MSR_TERI;
    this.#fill();
  }

  /** CTS, DSR, RI, DCD: in loopback they are RTS, DTR, OUT1, OUT2; else the other end is there and ready. */
  #modemLines(): number {
    if (!(this.#mcr & MCR_LOOP)) return MSR_CTS | MSR_DSR | MSR_DCD;
    return (
      (this.#mcr & MCR_RTS ? MSR_CTS : 0) |
      (this.#mcr & MCR_DTR ? MSR_DSR : 0) |
      (this.#mcr & MCR_OUT1 ? MSR_RI : 0) |
      (this.#mcr & MCR_OUT2 ? MSR_DCD : 0)
    );
  }

  #readModemStatus(): number {
    const value = this.#modemLines() | this.#msr_deltas;
    this.#msr_deltas = 0;
    this.#updateIrq();
    return value;
  }

  #lineErrors(): number {
    return (this.#overrun ? LSR_OE : 0) | (this.#fifo[0] === BREAK ? LSR_BI : 0);
  }

  #readLineStatus(): number {
    if (this.#fifo.length === 0) {
      this.#polls++;
      this.#fill();
    }
    const errors = this.#lineErrors();
    const value =
      LSR_THRE |
      LSR_TEMT |
      (this.#fifo.length > 0 ? LSR_DR : 0) |
      errors |
      (this.#fcr & FCR_ENABLE && this.#fifo.includes(BREAK) ? LSR_FIFO_ERROR : 0);
    this.#overrun = false;
    if (errors & LSR_BI) this.#fifo[0] = 0; // read once, the break stays as a NUL character
    this.#updateIrq();
    return value;
  }

  /** The interrupt with the highest priority, as IIR shows it. */
  #identify(): number {
    if (this.#ier & IER_LINE_STATUS && this.#lineErrors()) return IIR_LINE_STATUS;
    if (this.#ier & IER_RDA && this.#fifo.length > 0) {
      if (!(this.#fcr & FCR_ENABLE) || this.#fifo.length >= TRIGGER_LEVELS[this.#fcr >> 6]) return IIR_RDA;
      // Four character times pass at once on this wire: fewer bytes than the trigger level time out immediately.
      return IIR_TIMEOUT;
    }
    if (this.#ier & IER_THRE && this.#thre_pending) return IIR_THRE;
    if (this.#ier & IER_MODEM_STATUS && this.#msr_deltas) return IIR_MODEM_STATUS;
    return IIR_NONE;
  }

  #updateIrq(): void {
    if (this.#mcr & MCR_OUT2 && !(this.#mcr & MCR_LOOP) && this.#identify() !== IIR_NONE) this.irq.raise();
    else this.irq.lower();
  }
}

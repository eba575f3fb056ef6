/**
 * The i8042 controller and the AT keyboard behind it. Flow of a key: keyboard -> port 0x60, IRQ 1 -> here ->
 * tty/keyboard.ts -> terminal of the visible console. The controller translates the keyboard's codes to set 1.
 * Linux: drivers/input/serio/i8042.c, drivers/input/keyboard/atkbd.c.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
 */
import type { Ports } from "../../arch/x86/machine.ts";
import { IRQ_HANDLED, IRQ_NONE } from "../../irq/irq_desc.ts";
import type { Kernel } from "../../kernel.ts";

const DATA = 0x60;
const STATUS = 0x64;
const COMMAND = 0x64;
const KBD_IRQ = 1;

const STATUS_OBF = 0x01; // a byte waits for us
const STATUS_IBF = 0x02; // the controller has not taken our last byte
const STATUS_AUX = 0x20; // the byte comes from the mouse port

const CMD_READ_CTR = 0x20;
const CMD_WRITE_CTR = 0x60;
const CMD_TEST = 0xaa;
const TEST_OK = 0x55;
const CMD_DISABLE_AUX = 0xa7;
const CMD_DISABLE_KBD = 0xad;
const CMD_ENABLE_KBD = 0xae;

const CTR_KBD_INTERRUPT = 0x01;
const CTR_AUX_INTERRUPT = 0x02;
const CTR_KBD_DISABLED = 0x10;
const CTR_AUX_DISABLED = 0x20;
const CTR_TRANSLATE = 0x40;

const KBD_SET_LEDS = 0xed;
const KBD_GET_ID = 0xf2;
const KBD_ENABLE = 0xf4;
const KBD_ACK = 0xfa;
const KBD_RESEND = 0xfe;

const WAIT_TRIES = 10_000;
/** Bytes taken in one interrupt. */
const MAX_BYTES = 32;

export class I8042 {
  readonly #kernel: Kernel;
  readonly #ports: Ports;
  /** Bytes that must still go to the keyboard, each after the answer to the one before. */
  #commands: number[] = [];
  #isWaiting = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#ports = kernel.machine.ports;
  }

  /** Tests the controller, enables the keyboard and takes its interrupt. Linux: i8042_init(), atkbd_connect(). */
  init(): void {
    const { printk, irq, devices } = this.#kernel;
    devices.requestRegion(0x60, 0x60, "keyboard");
    devices.requestRegion(0x64, 0x64, "keyboard");
    this.#flush();
    if (!this.#command(CMD_DISABLE_KBD) || !this.#command(CMD_DISABLE_AUX)) {
      printk.err("i8042: No controller found");
      return;
    }
    this.#flush();
    this.#command(CMD_TEST);
    if (this.#readData() !== TEST_OK) {
      printk.err("i8042: Controller self test failed");
      return;
    }
    this.#command(CMD_READ_CTR);
    const ctr = Math.max(0, this.#readData());
    printk.info("serio: i8042 KBD port at 0x60,0x64 irq 1");
    this.#command(CMD_ENABLE_KBD);
    this.#writeCtr(
      (ctr | CTR_TRANSLATE | CTR_AUX_DISABLED) & ~(CTR_KBD_DISABLED | CTR_KBD_INTERRUPT | CTR_AUX_INTERRUPT),
    );
    const hasKeyboard = this.#identify();
    this.#writeCtr(
      (ctr | CTR_TRANSLATE | CTR_AUX_DISABLED | CTR_KBD_INTERRUPT) & ~(CTR_KBD_DISABLED | CTR_AUX_INTERRUPT),
    );
    irq.requestIrq(KBD_IRQ, () => this.#interrupt(), "i8042");
    if (!hasKeyboard) return;
    printk.info("input: AT Translated Set 2 keyboard as /devices/platform/i8042/serio0/input/input0");
    const keyboard = this.#kernel.consoles.vt?.keyboard;
    if (keyboard) keyboard.onLeds = (leds) => this.#send([KBD_SET_LEDS, leds & 7]);
  }

  /** The controller's way to reset the machine: a pulse on the CPU's reset line. */
  static readonly PULSE_RESET = 0xfe;

  #identify(): boolean {
    if (this.#exchange(KBD_GET_ID) !== KBD_ACK) return false;
    const id = this.#readData();
    // 0xab 0x83, or 0xab 0x41 with translation on; a very old keyboard says nothing more.
    if (id === 0xab) this.#readData();
    return this.#exchange(KBD_ENABLE) === KBD_ACK;
  }

  #interrupt(): number {
    let handled = IRQ_NONE;
    for (let n = 0; n < MAX_BYTES; n++) {
      const status = this.#ports.inb(STATUS);
      if (!(status & STATUS_OBF)) break;
      const byte = this.#ports.inb(DATA);
      handled = IRQ_HANDLED;
      if (status & STATUS_AUX) continue;
      if (this.#isWaiting && (byte === KBD_ACK || byte === KBD_RESEND)) {
        this.#isWaiting = false;
        this.#sendNext();
      } else {
        this.#kernel.consoles.vt?.keyboard.receiveScancode(byte);
      }
    }
    return handled;
  }

  /** Sends a command to the keyboard in the background; its acknowledgements come as interrupts. */
  #send(bytes: number[]): void {
    this.#commands.push(...bytes);
    if (!this.#isWaiting) this.#sendNext();
  }

  #sendNext(): void {
    const byte = this.#commands.shift();
    if (byte === undefined) return;
    this.#isWaiting = true;
    if (!this.#writeData(byte)) {
      this.#isWaiting = false;
      this.#commands = [];
    }
  }

  #waitInputEmpty(): boolean {
    for (let tries = 0; tries < WAIT_TRIES; tries++) if (!(this.#ports.inb(STATUS) & STATUS_IBF)) return true;
    return false;
  }

  #command(command: number): boolean {
    if (!this.#waitInputEmpty()) return false;
    this.#ports.outb(COMMAND, command);
    return this.#waitInputEmpty();
  }

  #writeData(byte: number): boolean {
    if (!this.#waitInputEmpty()) return false;
    this.#ports.outb(DATA, byte);
    return true;
  }

  /** The next byte, or -1 if none comes. */
  #readData(): number {
    for (let tries = 0; tries < WAIT_TRIES; tries++) {
      if (this.#ports.inb(STATUS) & STATUS_OBF) return this.#ports.inb(DATA);
    }
    return -1;
  }

  #exchange(byte: number): number {
    return this.#writeData(byte) ? this.#readData() : -1;
  }

  #writeCtr(ctr: number): void {
    this.#command(CMD_WRITE_CTR);
    this.#writeData(ctr & 0x7f);
  }

  #flush(): void {
    for (let n = 0; n < MAX_BYTES && this.#ports.inb(STATUS) & STATUS_OBF; n++) this.#ports.inb(DATA);
  }
}

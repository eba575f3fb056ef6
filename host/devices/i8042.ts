/**
 * 8042 keyboard controller with a PS/2 keyboard: data at offset 0 of port 0x60, status and command at 0x64.
 *
 * The keyboard speaks scan code set 2 (or 1, if told); the controller translates set 2 into set 1 as every PC does. The
 * host delivers keys as set 1 codes (MachineApi.keyboardInput), which are turned into the keyboard's set first: the way the
 * codes took on the wire. The auxiliary port is there with nothing plugged in. The output port drives the A20 gate and the reset line.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller", "Keyboards".
 */
import type { IrqLine, PortDevice } from "../bus.ts";
import { SET1_TO_SET2, SET2_TO_SET1 } from "./scancodes.ts";

const STATUS_OBF = 1 << 0; // output buffer full: data for the CPU
const STATUS_SYSTEM = 1 << 2; // self-test passed
const STATUS_COMMAND = 1 << 3; // the last write was a command
const STATUS_UNLOCKED = 1 << 4;
const STATUS_AUX = 1 << 5; // the data is from the auxiliary port
const STATUS_TIMEOUT = 1 << 6;

const CCB_IRQ1 = 1 << 0; // interrupt on keyboard data
const CCB_SYSTEM = 1 << 2;
const CCB_NO_KEYBOARD = 1 << 4;
const CCB_NO_AUX = 1 << 5;
const CCB_TRANSLATE = 1 << 6;

const OUTPUT_NOT_RESET = 1 << 0;
const OUTPUT_A20 = 1 << 1;

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
const BREAK_PREFIX = 0xf0;

/** Keys the keyboard holds while nobody reads. */
const KEYBOARD_BUFFER_BYTES = 256;

export interface I8042Lines {
  keyboard_irq: IrqLine;
  /** The A20 gate: 1 open. */
  setA20(level: number): void;
  a20(): number;
  /** The reset line was pulled. */
  reset(): void;
}

interface Output {
  data: number;
  aux: boolean;
  timeout: boolean;
}

export class I8042 implements PortDevice {
  readonly counters = { keys: 0, overruns: 0 };
  /** LEDs: bit 0 scroll lock, 1 num lock, 2 caps lock. */
  leds = 0;
  /** Typematic byte: bits 0-4 rate, 5-6 delay. The host repeats keys itself. */
  typematic = 0x2b;
  #status = STATUS_UNLOCKED;
  #ccb = 0;
  #output: Output | null = null;
  /** Answers of the controller itself. */
  #controller_queue: Output[] = [];
  /** What the keyboard wants to send: set 2 (or 1) bytes. */
  #keyboard_queue: number[] = [];
  #translate_break = false;
  /** A controller command that waits for its parameter, and a keyboard command likewise; 0 none. */
  #command = 0;
  #keyboard_command = 0;
  #scanning = true;
  #set = 2;
  /** Break prefix pending in host input: E0 or E1 bytes collected. */
  #last_sent = 0;

  constructor(readonly lines: I8042Lines) {
    this.reset();
  }

  reset(): void {
    this.#status = STATUS_UNLOCKED;
    this.#ccb = CCB_SYSTEM | CCB_TRANSLATE | CCB_NO_AUX;
    this.#output = null;
    this.#controller_queue = [];
    this.#keyboard_queue = [];
    this.#translate_break = false;
    this.#command = this.#keyboard_command = 0;
    this.#resetKeyboard();
    this.lines.keyboard_irq.lower();
  }

  #resetKeyboard(): void {
    this.leds = 0;
    this.typematic = 0x2b;
    this.#scanning = true;
    this.#set = 2;
  }

  /** Keys are pressed and released: set 1 make and break codes with their E0 and E1 prefixes. */
  keys(scancodes: Uint8Array): void {
    if (!this.#scanning) return;
    for (const code of scancodes) {
      if (this.#keyboard_queue.length >= KEYBOARD_BUFFER_BYTES) {
        this.counters.overruns++;
        break;
      }
      this.counters.keys++;
      if (this.#set === 1 || code === 0xe0 || code === 0xe1) this.#keyboard_queue.push(code);
      else if (code & 0x80) this.#keyboard_queue.push(BREAK_PREFIX, SET1_TO_SET2[code & 0x7f]);
      else this.#keyboard_queue.push(SET1_TO_SET2[code]);
    }
    this.#advance();
  }

  /** Port 0x60. */
  readonly data: PortDevice = {
    readPort: () => {
      const output = this.#output;
      if (!output) return this.#last_sent;
      this.#output = null;
      this.#status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
      this.lines.keyboard_irq.lower();
      this.#advance();
      return output.data;
    },
    writePort: (_offset, _size, value) => {
      this.#status &= ~STATUS_COMMAND;
      const command = this.#command;
      this.#command = 0;
      if (command) this.#parameter(command, value);
      else this.#toKeyboard(value);
      this.#advance();
    },
  };

  /** Port 0x64: reads the status. */
  readPort(): number {
    return this.#status;
  }

  /** Port 0x64: writes a command. */
  writePort(_offset: number, _size: number, value: number): void {
    this.#status |= STATUS_COMMAND;
    this.#command = 0;
    this.#controllerCommand(value);
    this.#advance();
  }

  #answer(data: number, aux = false, timeout = false): void {
    this.#controller_queue.push({ data, aux, timeout });
  }

  #controllerCommand(command: number): void {
    switch (command) {
      case 0x20: // read the command byte
        return this.#answer(this.#ccb);
      case 0x60: // write the command byte
      case 0xd1: // write the output port
      case 0xd2: // write the keyboard output buffer
      case 0xd3: // write the auxiliary output buffer
      case 0xd4: // write to the auxiliary device
        this.#command = command;
        return;
      case 0xa7:
        this.#ccb |= CCB_NO_AUX;
        return;
      case 0xa8:
        this.#ccb &= ~CCB_NO_AUX;
        return;
      case 0xa9: // test the auxiliary interface: no error
        return this.#answer(0x00);
      case 0xaa: // self-test
        this.#status |= STATUS_SYSTEM;
        this.#ccb |= CCB_SYSTEM;
        return this.#answer(0x55);
      case 0xab: // test the keyboard interface: no error
        return this.#answer(0x00);
      case 0xad:
        this.#ccb |= CCB_NO_KEYBOARD;
        return;
      case 0xae:
        this.#ccb &= ~CCB_NO_KEYBOARD;
        return;
      case 0xc0: // read the input port: keyboard not inhibited, manufacturing jumper absent
        return this.#answer(0xa0);
      case 0xd0: // read the output port
        return this.#answer(
          OUTPUT_NOT_RESET |
            (this.lines.a20() ? OUTPUT_A20 : 0) |
            (this.#output && !this.#output.aux ? 1 << 4 : 0) |
            0xcc,
        );
      case 0xdd: // close the A20 gate (vendor command every BIOS knows)
        return this.lines.setA20(0);
      case 0xdf:
        return this.lines.setA20(1);
      case 0xe0: // read the test inputs
        return this.#answer(0x00);
      default:
        // 0x2n reads and 0x6n writes the controller's RAM: only byte 0 means something. 0xfn pulses low output bits 0-3.
        if (command >= 0x21 && command <= 0x3f) return this.#answer(0);
        if (command >= 0x61 && command <= 0x7f) this.#command = command;
        if (command >= 0xf0 && !(command & 1)) this.lines.reset();
    }
  }

  #parameter(command: number, value: number): void {
    switch (command) {
      case 0x60:
        this.#ccb = value & 0x7f;
        if (value & CCB_SYSTEM) this.#status |= STATUS_SYSTEM;
        else this.#status &= ~STATUS_SYSTEM;
        if (this.#output && !this.#output.aux && value & CCB_IRQ1) this.lines.keyboard_irq.raise();
        return;
      case 0xd1:
        this.lines.setA20(value & OUTPUT_A20 ? 1 : 0);
        if (!(value & OUTPUT_NOT_RESET)) this.lines.reset();
        return;
      case 0xd2:
        return this.#answer(value);
      case 0xd3:
        return this.#answer(value, true);
      case 0xd4: // nobody answers there
        return this.#answer(RESEND, true, true);
    }
  }

  /** A byte on the wire to the keyboard. */
  #toKeyboard(value: number): void {
    this.#ccb &= ~CCB_NO_KEYBOARD; // writing to it enables its clock
    const command = this.#keyboard_command;
    this.#keyboard_command = 0;
    if (command && value < 0xed) {
      this.#keyboard_queue.push(ACK);
      if (command === 0xed) this.leds = value & 7;
      else if (command === 0xf3) this.typematic = value & 0x7f;
      else if (command === 0xf0) {
        if (value === 0) this.#keyboard_queue.push(this.#set);
        else if (value === 1 || value === 2) this.#set = value;
      }
      return;
    }
    switch (value) {
      case 0xed: // set the LEDs
      case 0xf0: // select the scan code set
      case 0xf3: // set typematic rate and delay
        this.#keyboard_command = value;
        this.#keyboard_queue.push(ACK);
        return;
      case 0xee: // echo
        this.#keyboard_queue.push(0xee);
        return;
      case 0xf2: // identify: MF2 keyboard
        this.#keyboard_queue.push(ACK, 0xab, 0x83);
        return;
      case 0xf4: // enable scanning
        this.#scanning = true;
        this.#keyboard_queue = [ACK];
        return;
      case 0xf5: // defaults, and stop scanning
      case 0xf6: // defaults
        this.#resetKeyboard();
        this.#scanning = value === 0xf6;
        this.#keyboard_queue = [ACK];
        return;
      case 0xf7: // all keys typematic / make / break: only matter in set 3
      case 0xf8:
      case 0xf9:
      case 0xfa:
        this.#keyboard_queue.push(ACK);
        return;
      case 0xfe: // send the last byte again
        this.#keyboard_queue.unshift(this.#last_sent);
        return;
      case 0xff: // reset and self-test
        this.#resetKeyboard();
        this.#keyboard_queue = [ACK, SELF_TEST_PASSED];
        return;
      default:
        this.#keyboard_queue.push(RESEND);
    }
  }

  /** Puts the next byte into the output buffer if it is free. */
  #advance(): void {
    while (!this.#output) {
      const answer = this.#controller_queue.shift();
      if (answer) {
        this.#present(answer);
        return;
      }
      if (this.#ccb & CCB_NO_KEYBOARD) return;
      const byte = this.#keyboard_queue.shift();
      if (byte === undefined) return;
      this.#last_sent = byte;
      const data = this.#translate(byte);
      if (data >= 0) this.#present({ data, aux: false, timeout: false });
    }
  }

  #present(output: Output): void {
    this.#output = output;
    this.#status |= STATUS_OBF | (output.aux ? STATUS_AUX : 0) | (output.timeout ? STATUS_TIMEOUT : 0);
    if (!output.aux && this.#ccb & CCB_IRQ1) this.lines.keyboard_irq.raise();
  }

  /** Set 2 to set 1 if the command byte says so; -1 for the break prefix, which becomes bit 7 of the next byte. */
  #translate(byte: number): number {
    if (!(this.#ccb & CCB_TRANSLATE)) return byte;
    if (byte === BREAK_PREFIX) {
      this.#translate_break = true;
      return -1;
    }
    const code = SET2_TO_SET1[byte];
    const data = this.#translate_break ? code | 0x80 : code;
    this.#translate_break = false;
    return data;
  }
}

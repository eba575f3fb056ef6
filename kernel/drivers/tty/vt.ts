/**
 * Virtual consoles: tty1-tty63 on one screen and keyboard. One is in the foreground: its cells are on the display
 * (vgacon.ts or fbcon.ts) and it gets the keys (keyboard.ts). Output goes through vt_parser.ts into vc_data.ts.
 * Linux: drivers/tty/vt/vt.c, vt_ioctl.c; man 4 vcs, console_codes.
 */
import type { Kernel } from "../../kernel.ts";
import { WaitQueue } from "../../sched/wait.ts";
import { sendSignal } from "../../task/signal.ts";
import { EBUSY, ENXIO } from "../../uapi/errno.ts";
import { KD_GRAPHICS, KD_TEXT, MAX_NR_CONSOLES, VT_AUTO, VT_PROCESS } from "../../uapi/kd.ts";
import { makeDev } from "../../uapi/stat.ts";
import { IUTF8 } from "../../uapi/termios.ts";
import type { ConsoleDevice } from "./console.ts";
import { Keyboard } from "./keyboard.ts";
import { standardTermios } from "./termios.ts";
import {
  registerTtyDevice,
  registerTtyDriver,
  TTY_MAJOR,
  type Tty,
  TtyDriver,
  type TtyOperations,
} from "./tty_io.ts";
import { TtyPort } from "./tty_port.ts";
import { VcData, type Display } from "./vc_data.ts";
import { vtIoctl } from "./vt_ioctl.ts";
import { VtParser } from "./vt_parser.ts";

/** Room a writer always finds: drawing never waits. Linux: con_write_room(). */
const WRITE_ROOM_BYTES = 32768;

/** One virtual console. */
export class VirtualConsole {
  readonly vc: VcData;
  readonly parser: VtParser;
  readonly port = new TtyPort();
  /** KD_TEXT, or KD_GRAPHICS while a program draws the screen itself. */
  kd_mode = KD_TEXT;
  /** VT_AUTO, or VT_PROCESS: switches ask the process `owner_pid` by signal. */
  vt_mode = VT_AUTO;
  waitv = 0;
  relsig = 0;
  acqsig = 0;
  owner_pid = 0;

  constructor(
    readonly index: number,
    columns: number,
    rows: number,
  ) {
    this.vc = new VcData(index, columns, rows);
    this.parser = new VtParser(this.vc, (text) => this.type(text));
  }

  /** Bytes arrive as if typed. One char per byte. */
  type(text: string): void {
    for (let i = 0; i < text.length; i++) this.port.insertChar(text.charCodeAt(i));
    this.port.flipPush();
  }
}

export class Vt {
  readonly driver: TtyDriver;
  readonly keyboard: Keyboard;
  /** Index of the visible console; tty1 is 0. */
  foreground = 0;
  /** Woken at each switch: VT_WAITACTIVE. */
  readonly switchWait = new WaitQueue();
  isSwitchLocked = false;
  readonly #consoles: (VirtualConsole | undefined)[] = [];
  #display: Display;
  /** The console that a switch waits for while the old one's owner is asked; -1: none. */
  #switching_to = -1;

  constructor(
    readonly kernel: Kernel,
    display: Display,
  ) {
    this.#display = display;
    this.keyboard = new Keyboard(this);
    const termios = standardTermios();
    termios.c_iflag |= IUTF8;
    this.driver = new TtyDriver(
      kernel,
      "/dev/tty",
      "tty",
      TTY_MAJOR,
      1,
      MAX_NR_CONSOLES,
      "console",
      1,
      termios,
      vtOperations(this),
    );
    this.console(0);
  }

  /** The console with this index, made if need be. Linux: vc_allocate(). */
  console(index: number): VirtualConsole {
    let console = this.#consoles[index];
    if (!console) {
      console = new VirtualConsole(index, this.#display.columns, this.#display.rows);
      console.parser.onPalette = () => this.#applyPalette();
      this.#consoles[index] = console;
      this.driver.ports[index] = console.port;
    }
    return console;
  }

  isAllocated(index: number): boolean {
    return this.#consoles[index] !== undefined;
  }

  /** Frees a console nobody uses: 0 or -EBUSY. Linux: vt_disallocate(). */
  disallocate(index: number): number {
    if (!this.#consoles[index]) return 0;
    if (index === this.foreground || this.driver.ttys[index]) return -EBUSY;
    if (index > 0) {
      this.#consoles[index] = undefined;
      this.driver.ports[index] = undefined;
    }
    return 0;
  }

  get foregroundConsole(): VirtualConsole {
    return this.console(this.foreground);
  }

  /** Lets another display take over: the framebuffer console from the text screen. Linux: do_take_over_console(). */
  takeOver(display: Display): void {
    this.#display = display;
    for (const console of this.#consoles) {
      if (!console) continue;
      console.vc.resize(display.columns, display.rows);
      const tty = this.driver.ttys[console.index];
      tty?.resize({ rows: display.rows, columns: display.columns, xpixel: 0, ypixel: 0 });
    }
    this.#applyPalette();
    this.refresh();
  }

  get display(): Display {
    return this.#display;
  }

  /** Draws what changed, if the console is visible and in text mode. */
  flush(console: VirtualConsole): void {
    const isVisible = console.index === this.foreground && console.kd_mode === KD_TEXT;
    console.vc.flush(isVisible ? this.#display : null);
  }

  /** Draws the whole visible console. */
  refresh(): void {
    this.foregroundConsole.vc.markAll();
    this.flush(this.foregroundConsole);
  }

  /** Output of a program. */
  write(index: number, bytes: Uint8Array): void {
    const console = this.console(index);
    console.parser.write(bytes);
    this.flush(console);
  }

  /** Log text on the visible console. Linux: vt_console_print(). */
  writeLog(text: string): void {
    const console = this.foregroundConsole;
    if (console.kd_mode !== KD_TEXT) return;
    const bytes = new Uint8Array(text.length * 2);
    let length = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 10) bytes[length++] = 13;
      bytes[length++] = c;
    }
    console.parser.write(bytes.subarray(0, length));
    this.flush(console);
  }

  // ------------------------------------------------------------------ switching

  /** Asks for another console: 0, -ENXIO or -EBUSY. Linux: set_console(), change_console(). */
  requestSwitch(index: number): number {
    if (index < 0 || index >= MAX_NR_CONSOLES) return -ENXIO;
    if (this.isSwitchLocked) return -EBUSY;
    if (index === this.foreground) return 0;
    const old = this.foregroundConsole;
    if (old.vt_mode === VT_PROCESS) {
      const owner = this.kernel.tasks.findProcess(old.owner_pid);
      if (owner) {
        // The owner lets go with VT_RELDISP, or refuses.
        this.#switching_to = index;
        if (old.relsig) sendSignal(owner, old.relsig);
        return 0;
      }
      this.#resetMode(old);
    } else if (old.kd_mode === KD_GRAPHICS) {
      return 0;
    }
    this.#completeSwitch(index);
    return 0;
  }

  /** VT_RELDISP: the owner of the visible console answers a request to switch. */
  releaseDisplay(isAgreed: boolean): boolean {
    const index = this.#switching_to;
    if (index < 0) return false;
    this.#switching_to = -1;
    if (isAgreed) this.#completeSwitch(index);
    return true;
  }

  #completeSwitch(index: number): void {
    this.console(index);
    this.foreground = index;
    this.#applyPalette();
    const now = this.foregroundConsole;
    if (now.kd_mode === KD_TEXT) this.refresh();
    if (now.vt_mode === VT_PROCESS) {
      const owner = this.kernel.tasks.findProcess(now.owner_pid);
      if (owner && now.acqsig) sendSignal(owner, now.acqsig);
      else if (!owner) this.#resetMode(now);
    }
    this.keyboard.onSwitch();
    this.switchWait.wakeUpAll();
  }

  /** The owner is gone: back to text and automatic switching. Linux: reset_vc(). */
  #resetMode(console: VirtualConsole): void {
    console.vt_mode = VT_AUTO;
    console.owner_pid = 0;
    console.kd_mode = KD_TEXT;
  }

  #applyPalette(): void {
    const display: Display & { setPalette?(palette: readonly number[]): void } = this.#display;
    display.setPalette?.(this.foregroundConsole.vc.palette);
  }

  // ------------------------------------------------------------------ set-up

  /** Offers tty0 as console: early, so that the boot log is on the screen. Linux: con_init(). */
  initConsole(): void {
    const device: ConsoleDevice = {
      name: "tty",
      index: 0,
      setup: () => true,
      write: (text) => this.writeLog(text),
      device: () => ({ driver: this.driver, index: this.foreground }),
    };
    this.kernel.consoles.register(device);
  }

  /** Registers the terminals. Linux: vty_init(). */
  init(): void {
    const { devices } = this.kernel;
    registerTtyDriver(this.driver);
    // tty0 is whichever is visible; tty_io.ts resolves it.
    devices.registerChrdev(
      TTY_MAJOR,
      0,
      1,
      "/dev/vc/0",
      this.kernel.devices.chrdev(makeDev(TTY_MAJOR, 1))!.fops,
    );
    devices.addNode("tty0", "char", makeDev(TTY_MAJOR, 0), 0o620);
    for (let index = 0; index < MAX_NR_CONSOLES; index++) registerTtyDevice(this.driver, index);
  }
}

function vtOperations(vt: Vt): TtyOperations {
  return {
    open: (tty) => {
      const console = vt.console(tty.index);
      tty.port = console.port;
      console.port.tty = tty;
      if (tty.winsize.rows === 0) {
        Object.assign(tty.winsize, { rows: console.vc.rows, columns: console.vc.columns });
      }
      return 0;
    },
    write: (tty, bytes) => {
      if (tty.flowStopped) return 0;
      vt.write(tty.index, bytes);
      return bytes.length;
    },
    writeRoom: (tty: Tty) => (tty.flowStopped ? 0 : WRITE_ROOM_BYTES),
    stop: () => vt.keyboard.updateLeds(),
    start: () => vt.keyboard.updateLeds(),
    unthrottle: (tty) => tty.port?.resume(),
    ioctl: (task, tty, cmd, arg) => vtIoctl(task, vt, tty, cmd, arg),
  };
}

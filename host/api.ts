/**
 * MachineApi: all that a page, an embedder or a test can ask of a machine. The browser exposes exactly this through
 * comlink from its worker; Node uses the same object directly. Linux is not mentioned here: this is the case, the
 * plugs and the power button of a PC, and its meters.
 */
export interface MachineConfig {
  /** RAM, bytes; a multiple of 4 MiB between 20 MiB and 2816 MiB. */
  memory_bytes: number;
  /** Kernel command line; empty for the default. */
  append: string;
  /** Initial RAM disk; null for the built-in root. */
  initrd: Uint8Array | null;
  /** A bzImage to boot in place of our own kernel. */
  kernel: Uint8Array | null;
  /** "virtual": time is counted in instructions and a run repeats exactly. */
  clock: "real" | "virtual";
  /**
   * Whether hot code is translated to WebAssembly. A number is how often a block is entered before.
   */
  jit: boolean | number;
}

export type PowerState = "off" | "running" | "asleep" | "crashed";

export interface MachineStats {
  state: PowerState;
  /** Instructions retired since power-on, and of these at CPL 3. */
  instructions: number;
  instructions_user: number;
  /** Wall-clock seconds since power-on, and how they were spent. */
  seconds: number;
  user_seconds: number;
  kernel_seconds: number;
  idle_seconds: number;
  /** Page walks, decoded blocks, exceptions, hardware interrupts since power-on. */
  tlb_misses: number;
  decoded_blocks: number;
  exceptions: number;
  interrupts: number;
  /** Pieces of code translated to WebAssembly since power-on, and how often translated code was entered. */
  translations: number;
  translated_entries: number;
}

/** What the video hardware shows now. */
export type Screen =
  | {
      mode: "text";
      columns: number;
      rows: number;
      /** columns x rows cells as in video memory: character (code page 437), attribute. */
      cells: Uint8Array;
      cursor: { column: number; row: number; visible: boolean };
    }
  | {
      mode: "graphics";
      width: number;
      height: number;
      /** width x height pixels, RGBA. */
      pixels: Uint8ClampedArray;
    };

export interface MachineEvents {
  /** Bytes the guest sent on its first serial port. */
  serial(bytes: Uint8Array): void;
  /** The power state changed; `detail` tells why ("" if there is nothing to tell). */
  power(state: PowerState, detail: string): void;
}

export interface MachineApi {
  /** Where events go; replaces the previous listener. */
  listen(events: MachineEvents): Promise<void>;
  /** Builds the machine and starts it at the reset vector. Rejects with a readable message on a bad configuration. */
  powerOn(config: Partial<MachineConfig>): Promise<void>;
  powerOff(): Promise<void>;
  /** The reset button: RAM keeps its bytes, the CPU starts at the reset vector. */
  reset(): Promise<void>;
  /** Bytes into the first serial port. */
  serialInput(bytes: Uint8Array): Promise<void>;
  /** Scan codes (set 1, make and break) into the keyboard. */
  keyboardInput(scancodes: Uint8Array): Promise<void>;
  /** The screen, or null if nothing changed since the last call (`force` asks for it all the same). */
  screen(force: boolean): Promise<Screen | null>;
  stats(): Promise<MachineStats>;
  /** The kernel's log buffer as dmesg prints it; empty before our kernel runs, or under another one. */
  kernelLog(): Promise<string>;
}

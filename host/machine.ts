/**
 * The machine: a board, a core, a kernel to run when the CPU says VMCALL, and the power button.
 *
 * It lives on its host's event loop: it runs for PUMP_MS, lets the loop turn, and runs on; while the CPU is halted it
 * sleeps until the next timer or input and costs nothing. Implements MachineApi for the page (host/worker.ts exposes it
 * through comlink) and for Node (host/node.ts).
 */
import { RAM_BASE, ROM_BASE, ROM_SIZE } from "../cpu-core/abi/layout.ts";
import {
  CPU_A20_MASK,
  CPU_COUNT_DECODED_BLOCKS,
  CPU_COUNT_EXCEPTIONS,
  CPU_COUNT_INTERRUPTS,
  CPU_COUNT_RETIRED,
  CPU_COUNT_RETIRED_USER,
  CPU_COUNT_TLB_MISSES,
  CPU_COUNT_TRANSLATED_ENTRIES,
  CPU_COUNT_TRANSLATIONS,
  CPU_RFLAGS,
  CPU_TSC_OFFSET,
  FLAG_IF,
} from "../cpu-core/abi/state.ts";
import type { Ram } from "../kernel/arch/x86/machine.ts";
import { createKernel } from "../kernel/main.ts";
import type { MachineApi, MachineConfig, MachineEvents, MachineStats, PowerState, Screen } from "./api.ts";
import type { Assets } from "./assets.ts";
import { Board } from "./board.ts";
import type { BoardWires } from "./board.ts";
import { composeBootDisk } from "./build/images.ts";
import { RealClock, Timeline, VirtualClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { completeConfig, TRANSLATION_THRESHOLD } from "./config.ts";
import { Core } from "./core.ts";
import { describeCpu } from "./cpu_dump.ts";
import { GuestCpu, GuestMachine, GuestPorts } from "./cpu.ts";
import type { Disk } from "./disks/disk.ts";
import { MemoryDisk } from "./disks/memory_disk.ts";
import { hostEntropy, seededEntropy } from "./entropy.ts";
import { Wakeup } from "./event_loop.ts";
import { RunLoop, TripleFault } from "./run_loop.ts";
import { Monitor } from "./screen.ts";

/** How long the machine runs before the host's event loop gets its turn. */
const PUMP_MS = 10;
/** Sleeps shorter than this are spent polling: a timer of the host would come a millisecond late. */
const SHORT_SLEEP_MS = 0.3;
/** What setTimeout can do: 24 days. */
const LONGEST_SLEEP_MS = 0x7fff_ffff;
/** Where the firmware ROM is shadowed in the first megabyte: its last 128 KiB. */
const SHADOW_ROM = 0xe_0000;
const SERIAL_BUFFER_BYTES = 0x1_0000;

/** Plugs that only an embedder in the same thread has (the command line, tests). */
export interface MachineHooks {
  /** The boot disk, in place of the one composed of boot loader, kernel and initial RAM disk. */
  boot_disk?: Disk | null;
  /** A second disk beside the boot disk. */
  disk?: Disk | null;
  /** The CPU halted with interrupts off: only the reset button helps. What `halt` and a panic end in. */
  haltedForGood?(): void;
  /** The guest has read every byte it was sent on the first serial port. */
  serialDrained?(): void;
  /** Puts more devices on the buses; called each time a machine is built. */
  attach?(slots: Slots): void;
  /** Bytes on the second serial port, and on the debug console (port 0xe9). */
  serial1?(byte: number): void;
  debug?(byte: number): void;
}

/** Where MachineHooks.attach connects devices. */
export interface Slots {
  readonly board: Board;
  /** Guest RAM, for devices that are bus masters. */
  readonly ram: Ram;
  /** Something happened outside that may have raised an interrupt: a sleeping CPU looks. */
  wake(): void;
}

/** Everything that exists from power-on to power-off. */
interface Powered {
  readonly config: MachineConfig;
  readonly clock: Clock;
  readonly board: Board;
  readonly core: Core;
  readonly machine: GuestMachine;
  readonly monitor: Monitor;
  readonly timeline: Timeline;
  kernel: ReturnType<typeof createKernel>;
  loop: RunLoop;
}

export class Machine implements MachineApi {
  #events: MachineEvents | null = null;
  #powered: Powered | null = null;
  #state: PowerState = "off";
  #pending: "reset" | "off" | null = null;
  readonly #wakeup = new Wakeup(() => this.#pump());
  readonly #serial_output = new Uint8Array(SERIAL_BUFFER_BYTES);
  #serial_length = 0;
  /** Host time of power-on, and of falling asleep; ms. */
  #power_on_ms = 0;
  #asleep_since_ms = 0;
  /** Sums over resets, ns. */
  #idle_ns = 0;
  #core_ns = 0;
  #user_ns = 0;
  #vmcall_ns = 0;
  /** What the last machine showed, for questions after power-off. */
  #last_stats: MachineStats | null = null;
  #last_log = "";

  constructor(
    readonly assets: Assets,
    readonly hooks: MachineHooks = {},
  ) {}

  listen(events: MachineEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  async powerOn(partial: Partial<MachineConfig>): Promise<void> {
    const config = completeConfig(partial);
    if (this.#powered) await this.powerOff();
    this.#build(config);
    this.#power_on_ms = performance.now();
    this.#idle_ns = this.#core_ns = this.#user_ns = this.#vmcall_ns = 0;
    this.#resetBoard();
    this.#setState("running", "");
    this.#wakeup.soon();
  }

  powerOff(): Promise<void> {
    this.#turnOff("power button");
    return Promise.resolve();
  }

  reset(): Promise<void> {
    if (this.#powered) {
      this.#endSleep();
      this.#resetBoard();
      this.#setState("running", "reset button");
      this.#wakeup.soon();
    }
    return Promise.resolve();
  }

  serialInput(bytes: Uint8Array): Promise<void> {
    this.serialWrite(bytes);
    return Promise.resolve();
  }

  keyboardInput(scancodes: Uint8Array): Promise<void> {
    this.#powered?.board.keyboard.keys(scancodes);
    this.#wake();
    return Promise.resolve();
  }

  screen(force: boolean): Promise<Screen | null> {
    return Promise.resolve(this.#powered?.monitor.read(force) ?? null);
  }

  stats(): Promise<MachineStats> {
    return Promise.resolve(this.readStats());
  }

  kernelLog(): Promise<string> {
    return Promise.resolve(this.#powered?.kernel.log() ?? this.#last_log);
  }

  /** As serialInput, at once. */
  serialWrite(bytes: Uint8Array): void {
    this.#powered?.board.serial[0].receive(bytes);
    this.#wake();
  }

  get state(): PowerState {
    return this.#state;
  }

  /** The kernel that runs, for the tracer and the meters of the command line; null while the power is off. */
  get kernel(): ReturnType<typeof createKernel> | null {
    return this.#powered?.kernel ?? null;
  }

  /** The guest's hardware, for tests and the command line; null while the power is off. */
  get board(): Board | null {
    return this.#powered?.board ?? null;
  }

  readStats(): MachineStats {
    if (!this.#powered) {
      return this.#last_stats
        ? { ...this.#last_stats, state: this.#state }
        : { ...NO_STATS, state: this.#state };
    }
    const { core, loop } = this.#powered;
    const idle_ns =
      this.#idle_ns + (this.#state === "asleep" ? (performance.now() - this.#asleep_since_ms) * 1e6 : 0);
    const user_ns = this.#user_ns + loop.user_ns;
    const kernel_ns = this.#core_ns + loop.core_ns - user_ns + this.#vmcall_ns + loop.vmcall_ns;
    return {
      state: this.#state,
      instructions: core.read64(CPU_COUNT_RETIRED),
      instructions_user: core.read64(CPU_COUNT_RETIRED_USER),
      seconds: (performance.now() - this.#power_on_ms) / 1e3,
      user_seconds: user_ns / 1e9,
      kernel_seconds: kernel_ns / 1e9,
      idle_seconds: idle_ns / 1e9,
      tlb_misses: core.read64(CPU_COUNT_TLB_MISSES),
      decoded_blocks: core.read64(CPU_COUNT_DECODED_BLOCKS),
      exceptions: core.read64(CPU_COUNT_EXCEPTIONS),
      interrupts: core.read64(CPU_COUNT_INTERRUPTS),
      translations: core.read64(CPU_COUNT_TRANSLATIONS),
      translated_entries: core.read64(CPU_COUNT_TRANSLATED_ENTRIES),
    };
  }

  #build(config: MachineConfig): void {
    const { assets } = this;
    const random32 = config.clock === "virtual" ? seededEntropy(1) : hostEntropy();
    const core: Core = new Core(assets.core, config.memory_bytes, {
      portRead: (port, size) => {
        const value = ports.read(port, size);
        timeline.passed();
        return value;
      },
      portWrite: (port, size, value) => {
        ports.write(port, size, value);
        timeline.passed();
      },
      mmioRead: (pa, size) => memory_bus.read(pa, size),
      mmioWrite: (pa, size, value) => memory_bus.write(pa, size, value),
      interruptAcknowledge: () => apic.acknowledge(),
      apic: {
        tpr: () => apic.tpr,
        writeTpr: (value) => apic.writeTpr(value),
        readMsr: (msr) => apic.readMsr(msr),
        writeMsr: (msr, lo, hi) => apic.writeMsr(msr, lo, hi),
        tscWritten: () => apic.timer.tscWritten(),
      },
      readTsc: () => clock.now_ns(),
      random32,
    });
    const clock: Clock =
      config.clock === "virtual" ? new VirtualClock(() => core.read64(CPU_COUNT_RETIRED)) : new RealClock();
    const timeline = new Timeline(clock);
    const disks = [this.hooks.boot_disk ?? this.#composeBootDisk(config), this.hooks.disk ?? null] as const;
    const board = new Board({ memory_bytes: config.memory_bytes, disks }, timeline, this.#wires(core));
    const [apic] = board.apics;
    const memory_bus = board.memoryBus(0);
    const ports = new GuestPorts(board.ports, clock);
    const machine = new GuestMachine(core, new GuestCpu(core, clock, random32), ports, memory_bus);
    const kernel = createKernel(machine, { symbols: assets.images.symbols });
    const monitor = new Monitor(core, board, machine.ram.bytes);
    const loop = new RunLoop(core, clock, timeline, kernel);
    core.rom.set(assets.images.firmware);
    this.hooks.attach?.({ board, ram: machine.ram, wake: () => this.#wake() });
    core.exports.set_translation_threshold(config.jit === true ? TRANSLATION_THRESHOLD : Number(config.jit));
    this.#powered = { config, clock, board, core, machine, monitor, timeline, kernel, loop };
  }

  #composeBootDisk(config: MachineConfig): Disk {
    const { images, initramfs } = this.assets;
    const image = composeBootDisk({
      mbr: images.mbr,
      loader: images.loader,
      kernel: config.kernel ?? images.kernel,
      initrd: config.initrd ?? initramfs,
      command_line: config.append,
    });
    return new MemoryDisk(image);
  }

  #wires(core: Core): BoardWires {
    return {
      cpus: [
        {
          intr: (level) => core.exports.set_intr(level),
          nmi: () => core.exports.raise_nmi(),
          init: () => core.exports.raise_init(),
          // The bootstrap processor never waits for one.
          startUp: () => undefined,
          tsc: { lo: () => core.read32(CPU_TSC_OFFSET), hi: () => core.read32(CPU_TSC_OFFSET + 4) },
        },
      ],
      setA20: (level) => core.exports.set_a20(level),
      a20: () => (core.read32(CPU_A20_MASK) >>> 20) & 1,
      reset: () => this.#pull("reset"),
      powerOff: () => this.#pull("off"),
      serialOutput: (port, byte) => {
        if (port === 0) this.#serialByte(byte);
        else this.hooks.serial1?.(byte);
      },
      serialDrained: (port) => {
        if (port === 0) this.hooks.serialDrained?.();
      },
      debugOutput: (byte) => this.hooks.debug?.(byte),
      videoMemory: () => core.video_memory,
      videoModeChanged: () => this.#powered?.monitor.modeChanged(),
    };
  }

  /** A port pulled the reset or the power wire: it takes effect when the CPU has left the current instruction. */
  #pull(wire: "reset" | "off"): void {
    this.#pending = wire;
    this.#powered?.loop.stop();
  }

  /** Devices and CPU to their state after RESET#; RAM keeps its bytes, but for the ROM's shadow. A new kernel waits for VMCALL. */
  #resetBoard(): void {
    const powered = this.#powered;
    if (!powered) return;
    const { core, board, machine } = powered;
    this.#core_ns += powered.loop.core_ns;
    this.#user_ns += powered.loop.user_ns;
    this.#vmcall_ns += powered.loop.vmcall_ns;
    this.#pending = null;
    board.reset();
    core.bytes.copyWithin(RAM_BASE + SHADOW_ROM, ROM_BASE, ROM_BASE + ROM_SIZE);
    core.reset();
    core.exports.set_a20(1);
    powered.kernel = createKernel(machine, { symbols: this.assets.images.symbols });
    powered.loop = new RunLoop(core, powered.clock, powered.timeline, powered.kernel);
  }

  /** Runs for a while, then arranges to be called again. */
  #pump(): void {
    const powered = this.#powered;
    if (!powered || this.#state === "off" || this.#state === "crashed") return;
    if (this.#state === "asleep") {
      this.#endSleep();
      this.#setState("running", "");
    }
    const pump_end_ms = performance.now() + PUMP_MS;
    do {
      let end;
      try {
        end = powered.loop.runSlice();
      } catch (error) {
        if (error instanceof TripleFault) {
          this.#resetBoard();
          this.#setState("running", "triple fault");
          break;
        }
        return this.#crash(error);
      }
      if (end === "halted" && this.#sleep(powered)) return;
      if (end === "power") {
        if (this.#pending === "off") return this.#turnOff("");
        this.#resetBoard();
        this.#setState("running", "reset");
      }
    } while (performance.now() < pump_end_ms);
    this.#flush();
    this.#wakeup.soon();
  }

  /** The CPU is halted: sleeps until the next timer. False if there is no time to sleep. */
  #sleep({ board, clock, core, timeline }: Powered): boolean {
    if (!(core.read32(CPU_RFLAGS) & FLAG_IF) && !board.wakes_masked_cpu) {
      // The devices may go on ticking; the CPU does not hear them.
      this.#flush();
      this.#asleep_since_ms = performance.now();
      this.#setState("asleep", "");
      this.#wakeup.after(LONGEST_SLEEP_MS);
      this.hooks.haltedForGood?.();
      return true;
    }
    const deadline_ns = timeline.next_ns;
    if (clock.isVirtual && deadline_ns !== Infinity) {
      clock.skipTo(deadline_ns);
      return false;
    }
    const wait_ms = (deadline_ns - clock.now_ns()) / 1e6;
    this.#flush();
    this.#asleep_since_ms = performance.now();
    this.#setState("asleep", "");
    if (wait_ms < SHORT_SLEEP_MS) this.#wakeup.soon();
    // Also with nothing to wait for but input: a machine that is on keeps its process alive.
    else this.#wakeup.after(Math.min(wait_ms, LONGEST_SLEEP_MS));
    return true;
  }

  #endSleep(): void {
    if (this.#state === "asleep") this.#idle_ns += (performance.now() - this.#asleep_since_ms) * 1e6;
  }

  /** Something happened outside: a sleeping CPU looks whether its interrupt line is up. */
  #wake(): void {
    if (this.#state === "asleep") this.#wakeup.soon();
  }

  #turnOff(detail: string): void {
    if (!this.#powered) return;
    this.#wakeup.cancel();
    this.#flush();
    this.#endSleep();
    this.#remember(this.#powered);
    this.#powered = null;
    this.#pending = null;
    this.#setState("off", detail);
  }

  /** A bug of the core or the kernel: the machine stops as it is, for inspection. */
  #crash(error: unknown): void {
    const powered = this.#powered;
    if (!powered) return;
    this.#flush();
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#setState("crashed", `${what}\n${describeCpu(powered.core)}`);
  }

  #remember(powered: Powered): void {
    this.#last_stats = this.readStats();
    this.#last_log = powered.kernel.log();
  }

  #setState(state: PowerState, detail: string): void {
    const before = this.#state;
    this.#state = state;
    // Falling asleep and waking up a hundred times a second is nobody's news; stats() tells the state.
    if (state === "asleep" || (before === "asleep" && state === "running" && detail === "")) return;
    if (state !== before || detail !== "") this.#events?.power(state, detail);
  }

  #serialByte(byte: number): void {
    this.#serial_output[this.#serial_length++] = byte;
    if (this.#serial_length === SERIAL_BUFFER_BYTES) this.#flush();
  }

  /** Hands collected serial output over. */
  #flush(): void {
    if (this.#serial_length === 0) return;
    const bytes = this.#serial_output.slice(0, this.#serial_length);
    this.#serial_length = 0;
    this.#events?.serial(bytes);
  }
}

const NO_STATS: MachineStats = {
  state: "off",
  instructions: 0,
  instructions_user: 0,
  seconds: 0,
  user_seconds: 0,
  kernel_seconds: 0,
  idle_seconds: 0,
  tlb_misses: 0,
  decoded_blocks: 0,
  exceptions: 0,
  interrupts: 0,
  translations: 0,
  translated_entries: 0,
};

/**
 * What the guest of `vitrine run` starts from: the initial RAM disk with the first program (host/rootfs/run_init.asm) and its
 * script, the virtio devices that carry streams and directories, the kernel's command line that tells of them.
 *
 *     0xd0000000  virtio console, ports 1-4: stdin, stdout, stderr, control
 *     0xd0000200  one 9P device for each shared directory
 *     ...
 */
import { CpioWriter, S_IFDIR, S_IFREG } from "../build/cpio.ts";
import { P9Server } from "../devices/p9_server.ts";
import { Virtio9p } from "../devices/virtio_9p.ts";
import { VIRTIO_MMIO_BYTES, VirtioMmio } from "../devices/virtio_mmio.ts";
import type { VirtioDevice } from "../devices/virtio_mmio.ts";
import type { SharedFolder } from "../disks/shared_folder.ts";
import type { Slots } from "../machine.ts";

const MMIO_BASE = 0xd000_0000;
const CONSOLE_IRQ = 5;
/** 9P devices share these: their driver polls, and rarely waits for an interrupt. */
const FOLDER_IRQS = [9, 10, 11];
/** Where the guest sees the program when it is a file of the host. */
export const PROGRAM_DIRECTORY = "/run/vitrine";
/** Where the root is mounted before it becomes the root. */
const NEW_ROOT = "/.vitrine/root";

const MS_RDONLY = 1;
const MS_NOSUID = 2;
const MS_NODEV = 4;

/** A directory of the host in the guest. */
export interface Share {
  /** Where. */
  readonly guest: string;
  readonly folder: SharedFolder;
  readonly read_only: boolean;
}

export interface GuestPlan {
  /** Becomes the root; null: what the initial RAM disk holds is. */
  readonly root: SharedFolder | null;
  /** Directory of the host that holds the program, to appear at PROGRAM_DIRECTORY; null: the program is the guest's. */
  readonly program: SharedFolder | null;
  readonly mounts: readonly Share[];
  /** Tried in order. */
  readonly paths: readonly string[];
  readonly argv: readonly string[];
  /** NAME=value */
  readonly environment: readonly string[];
  readonly cwd: string;
  /** Terminal or pipe, for descriptors 0, 1, 2. */
  readonly streams: readonly ("t" | "p")[];
  readonly window: { rows: number; columns: number } | null;
}

/** The steps of run_init.asm's script. */
export class Script {
  readonly #parts: Buffer[] = [];

  step(letter: string, ...texts: string[]): this {
    this.#parts.push(Buffer.from(letter + texts.map((text) => `${text}\0`).join("")));
    return this;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

export class Guest {
  readonly #devices: { name: string; base: number; irq: number; device: VirtioDevice }[] = [];
  readonly #script: Uint8Array;
  #wake: () => void = () => undefined;

  constructor(plan: GuestPlan, console: VirtioDevice) {
    this.#add("virtio-console", CONSOLE_IRQ, console);
    this.#script = this.#writeScript(plan);
  }

  /** For the kernel's command line. */
  get commandLine(): string {
    const places = this.#devices.map(
      ({ base, irq }) => `virtio_mmio.device=${VIRTIO_MMIO_BYTES}@0x${base.toString(16)}:${irq}`,
    );
    return ["quiet", "rdinit=/.vitrine/init", ...places].join(" ");
  }

  /** The initial RAM disk: `root` (cpio archives, gzipped or not) behind one with the first program and its script. */
  initrd(root: Uint8Array, init: Uint8Array): Uint8Array {
    const archive = new CpioWriter();
    archive.add({ name: ".vitrine", mode: S_IFDIR | 0o700 });
    archive.add({ name: ".vitrine/init", mode: S_IFREG | 0o755, data: init });
    archive.add({ name: ".vitrine/script", mode: S_IFREG | 0o600, data: this.#script });
    return Buffer.concat([archive.finish(), root]);
  }

  /** MachineHooks.attach */
  attach(slots: Slots): void {
    this.#wake = () => slots.wake();
    for (const { name, base, irq, device } of this.#devices) {
      const mmio = new VirtioMmio(device, slots.ram, slots.board.irq(irq));
      slots.board.mmio.add(name, base, VIRTIO_MMIO_BYTES, mmio);
      slots.board.extra.push(mmio);
    }
  }

  /** After something was sent to a port: a sleeping CPU looks at its interrupt line. */
  wake(): void {
    this.#wake();
  }

  #add(name: string, irq: number, device: VirtioDevice): void {
    this.#devices.push({ name, irq, device, base: MMIO_BASE + this.#devices.length * VIRTIO_MMIO_BYTES });
  }

  /** A 9P device; its mount tag. */
  #share(folder: SharedFolder): string {
    const n = this.#devices.length - 1;
    const tag = `vitrine${n}`;
    this.#add("virtio-9p", FOLDER_IRQS[n % FOLDER_IRQS.length], new Virtio9p(tag, new P9Server(folder)));
    return tag;
  }

  #writeScript(plan: GuestPlan): Uint8Array {
    const script = new Script();
    const mount9p = (folder: SharedFolder, target: string, flags: number): void => {
      script.step("m", this.#share(folder), target, "9p", String(flags), "trans=virtio,version=9p2000.L");
    };
    // Device nodes first: the ports are how failures are told.
    script.step("d", "/dev").step("m", "devtmpfs", "/dev", "devtmpfs", "0", "mode=0755").step("o");
    if (plan.root) {
      script.step("d", NEW_ROOT);
      mount9p(plan.root, NEW_ROOT, 0);
      script.step("r", NEW_ROOT);
      script.step("d", "/dev").step("M", "devtmpfs", "/dev", "devtmpfs", "0", "mode=0755");
    }
    script
      .step("d", "/dev/pts")
      .step("M", "devpts", "/dev/pts", "devpts", "0", "gid=5,mode=620,ptmxmode=666");
    script
      .step("d", "/dev/shm")
      .step("M", "tmpfs", "/dev/shm", "tmpfs", String(MS_NOSUID | MS_NODEV), "mode=1777");
    script.step("d", "/proc").step("M", "proc", "/proc", "proc", "0", "");
    script.step("d", "/run").step("M", "tmpfs", "/run", "tmpfs", String(MS_NOSUID | MS_NODEV), "mode=755");
    if (!plan.root)
      script.step("d", "/tmp").step("M", "tmpfs", "/tmp", "tmpfs", String(MS_NOSUID | MS_NODEV), "mode=1777");
    if (plan.program) {
      script.step("d", PROGRAM_DIRECTORY);
      mount9p(plan.program, PROGRAM_DIRECTORY, MS_RDONLY);
    }
    for (const { guest, folder, read_only } of plan.mounts) {
      script.step("d", guest);
      mount9p(folder, guest, read_only ? MS_RDONLY : 0);
    }
    script.step("c", plan.cwd);
    for (const text of plan.argv) script.step("a", text);
    for (const variable of plan.environment) script.step("e", variable);
    for (const path of plan.paths) script.step("p", path);
    script.step("s", plan.streams.join(""));
    if (plan.window) script.step("z", String(plan.window.rows), String(plan.window.columns));
    return script.step("x").finish();
  }
}

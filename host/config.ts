/** MachineConfig (host/api.ts): its defaults, and the check before a machine is built. */
import { RAM_MAX_BYTES } from "../cpu-core/abi/layout.ts";
import type { MachineConfig } from "./api.ts";

const MiB = 1024 * 1024;

/** The kernel image lies at 16 MiB, and needs some room behind it. */
export const MIN_MEMORY_BYTES = 20 * MiB;
export const MEMORY_STEP_BYTES = 4 * MiB;

/** Kernel command line when none is given: messages on the screen and on the serial port, /dev/console is the latter. */
export const DEFAULT_COMMAND_LINE = "console=tty0 console=ttyS0";

/**
 * Entries of a block before it is translated. 240 one-shot busybox commands: 5.6 s of processor time interpreted, 2.5 s at 4,000, 2.7 s at
 * 2,000, 3.1 s at 800, 3.8 s at 200.
 */
export const TRANSLATION_THRESHOLD = 4000;

export const DEFAULT_CONFIG: MachineConfig = {
  memory_bytes: 256 * MiB,
  append: "",
  initrd: null,
  kernel: null,
  clock: "real",
  jit: true,
};

/** Fills in the defaults. Throws an Error that a user can read. */
export function completeConfig(config: Partial<MachineConfig>): MachineConfig {
  const complete = { ...DEFAULT_CONFIG, ...config };
  const { memory_bytes } = complete;
  if (!Number.isInteger(memory_bytes) || memory_bytes < MIN_MEMORY_BYTES || memory_bytes > RAM_MAX_BYTES) {
    throw new Error(
      `memory must be between ${MIN_MEMORY_BYTES / MiB} MiB and ${RAM_MAX_BYTES / MiB} MiB, not ${memory_bytes / MiB} MiB`,
    );
  }
  if (memory_bytes % MEMORY_STEP_BYTES !== 0) {
    throw new Error(`memory must be a multiple of ${MEMORY_STEP_BYTES / MiB} MiB`);
  }
  if (complete.clock !== "real" && complete.clock !== "virtual")
    throw new Error(`no such clock: ${String(complete.clock)}`);
  if (complete.append === "") complete.append = DEFAULT_COMMAND_LINE;
  return complete;
}

/** Parses "256M", "1G", "65536K" or a number of bytes. Throws an Error that a user can read. */
export function parseSize(text: string): number {
  const match = /^(\d+)([KMG]?)(i?B)?$/i.exec(text);
  if (!match) throw new Error(`not a size: '${text}' (examples: 256M, 1G)`);
  const units: Record<string, number> = { "": 1, K: 1024, M: MiB, G: 1024 * MiB };
  return Number(match[1]) * units[match[2].toUpperCase()];
}

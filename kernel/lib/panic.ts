/**
 * The end: the kernel cannot go on. Linux: kernel/panic.c. `panic` prints why and throws; arch/x86/entry.ts catches it,
 * and the CPU halts for good (or resets, with panic=N on the command line).
 */
import type { Kernel } from "../kernel.ts";

export class KernelPanic extends Error {}

/** Stops the machine with a message. */
export function panic(kernel: Kernel, message: string): never {
  kernel.printk.emerg(`Kernel panic - not syncing: ${message}`);
  kernel.printk.emerg(
    `CPU: 0 PID: ${kernel.current.pid} Comm: ${kernel.current.comm} Not tainted ${kernel.uts.release} #1`,
  );
  throw new KernelPanic(message);
}

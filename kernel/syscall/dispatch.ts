/**
 * From a number and registers to a handler. Called by arch/x86/entry.ts; one row of table.ts says everything.
 * No allocation on the way of a plain call: the arguments go from pt_regs in RAM straight into the handler.
 */
import { PT_R10, PT_R8, PT_R9, PT_RDI, PT_RDX, PT_RSI } from "../arch/x86/regs.ts";
import type { Ram } from "../arch/x86/machine.ts";
import type { Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { ENOSYS } from "../uapi/errno.ts";
import type { Arg } from "./args.ts";
import { NR_SYSCALLS, type SyscallHandler, type SyscallRow, syscallsByNumber } from "./table.ts";

/** Result of a handler that has set the registers itself (exec, sigreturn). */
export const KEEP_RAX = NaN;

const WIDTH_CODES = { int: 0, uint: 1, long: 2 } as const;
/** Where pt_regs keeps the arguments. */
const ARG_OFFSETS = [PT_RDI, PT_RSI, PT_RDX, PT_R10, PT_R8, PT_R9];

export class SyscallDispatch {
  readonly rows: readonly (SyscallRow | null)[];
  /** Calls since boot by number. */
  readonly counts = new Float64Array(NR_SYSCALLS);
  readonly #handlers: (SyscallHandler | null)[];
  /** Width codes of six arguments for each number. */
  readonly #widths: Uint8Array;
  readonly #nr_args: Uint8Array;

  constructor() {
    this.rows = syscallsByNumber();
    this.#handlers = this.rows.map((row) => row?.handler ?? null);
    this.#widths = new Uint8Array(NR_SYSCALLS * 6);
    this.#nr_args = new Uint8Array(NR_SYSCALLS);
    this.rows.forEach((row, nr) => {
      this.#nr_args[nr] = row?.args.length ?? 0;
      row?.args.forEach((arg: Arg, i) => (this.#widths[nr * 6 + i] = WIDTH_CODES[arg.width]));
    });
  }

  /** Runs call `nr` with the arguments in the task's pt_regs. */
  call(task: Task, nr: number): number | Sleep<number> {
    if (nr < 0 || nr >= NR_SYSCALLS) return -ENOSYS;
    this.counts[nr]++;
    const handler = this.#handlers[nr];
    if (handler === null) return -ENOSYS;
    const { ram, pa } = task.regs;
    const at = nr * 6;
    const widths = this.#widths;
    switch (this.#nr_args[nr]) {
      case 0:
        return handler(task);
      case 1:
        return handler(task, arg(ram, pa + PT_RDI, widths[at]));
      case 2:
        return handler(task, arg(ram, pa + PT_RDI, widths[at]), arg(ram, pa + PT_RSI, widths[at + 1]));
      case 3:
        return handler(
          task,
          arg(ram, pa + PT_RDI, widths[at]),
          arg(ram, pa + PT_RSI, widths[at + 1]),
          arg(ram, pa + PT_RDX, widths[at + 2]),
        );
      case 4:
        return handler(
          task,
          arg(ram, pa + PT_RDI, widths[at]),
          arg(ram, pa + PT_RSI, widths[at + 1]),
          arg(ram, pa + PT_RDX, widths[at + 2]),
          arg(ram, pa + PT_R10, widths[at + 3]),
        );
      case 5:
        return handler(
          task,
          arg(ram, pa + PT_RDI, widths[at]),
          arg(ram, pa + PT_RSI, widths[at + 1]),
          arg(ram, pa + PT_RDX, widths[at + 2]),
          arg(ram, pa + PT_R10, widths[at + 3]),
          arg(ram, pa + PT_R8, widths[at + 4]),
        );
      default:
        return handler(
          task,
          arg(ram, pa + PT_RDI, widths[at]),
          arg(ram, pa + PT_RSI, widths[at + 1]),
          arg(ram, pa + PT_RDX, widths[at + 2]),
          arg(ram, pa + PT_R10, widths[at + 3]),
          arg(ram, pa + PT_R8, widths[at + 4]),
          arg(ram, pa + PT_R9, widths[at + 5]),
        );
    }
  }

  /** The decoded arguments, for strace and /proc/PID/syscall. */
  readArgs(task: Task, nr: number): number[] {
    const row = this.rows[nr];
    const { ram, pa } = task.regs;
    return ARG_OFFSETS.slice(0, row?.args.length ?? 6).map((offset, i) =>
      arg(ram, pa + offset, row && row.args.length > 0 ? this.#widths[nr * 6 + i] : 2),
    );
  }

  /** All calls since boot. */
  get nr_total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

function arg(ram: Ram, pa: number, width: number): number {
  const lo = ram.read32(pa);
  if (width === 0) return lo | 0;
  if (width === 1) return lo >>> 0;
  return (ram.read32(pa + 4) | 0) * 2 ** 32 + (lo >>> 0);
}

/**
 * System calls by INT 80h: EAX the number, EBX ECX EDX ESI EDI EBP the arguments, of 32 bits each. Linux:
 * arch/x86/entry/common.c, do_syscall_32_irqs_on(). The rows are those of ia32/table.ts.
 */
import type { Sleep } from "../../../sched/wait.ts";
import type { Arg } from "../../../syscall/args.ts";
import { ABI_IA32 } from "../../../mm/user_words.ts";
import type { Task } from "../../../task/task.ts";
import { ENOSYS } from "../../../uapi/errno.ts";
import type { Ram } from "../machine.ts";
import { PT_RBP, PT_RBX, PT_RCX, PT_RDI, PT_RDX, PT_RSI } from "../regs.ts";
import { type Ia32Row, ia32RowsByNumber } from "./table.ts";

const ARG_OFFSETS = [PT_RBX, PT_RCX, PT_RDX, PT_RSI, PT_RDI, PT_RBP];

export class Ia32Dispatch {
  readonly rows: readonly (Ia32Row | null)[] = ia32RowsByNumber();

  /** What Task.syscall_abi is during call `nr`. */
  abiOf(nr: number): number {
    return this.rows[nr]?.abi ?? ABI_IA32;
  }

  /** Runs call `nr` with the arguments in the task's pt_regs. */
  call(task: Task, nr: number): number | Sleep<number> {
    const row = this.rows[nr];
    if (!row?.handler) return -ENOSYS;
    const { ram, pa } = task.regs;
    return row.handler(task, ...row.args.map((arg, i) => decode(ram, pa + ARG_OFFSETS[i], arg)));
  }

  /** The decoded arguments, for strace and /proc/PID/syscall. */
  readArgs(task: Task, nr: number): number[] {
    const { ram, pa } = task.regs;
    const args = this.rows[nr]?.args ?? [];
    const offsets = args.length > 0 ? ARG_OFFSETS.slice(0, args.length) : ARG_OFFSETS;
    return offsets.map((offset, i) => decode(ram, pa + offset, args[i]));
  }
}

function decode(ram: Ram, pa: number, arg: Arg | undefined): number {
  const value = ram.read32(pa);
  return arg && (arg.width === "int" || arg.isSigned) ? value | 0 : value >>> 0;
}

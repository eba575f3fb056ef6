/** Where a reference differs from the SDM in task switches: rows of deviations.ts. */
import type { Deviation } from "./deviations.ts";

const qemu = (checks: RegExp, because: string): Deviation => ({
  machine: "qemu",
  image: "tasks",
  checks,
  because,
});

export const TASK_DEVIATIONS: readonly Deviation[] = [
  qemu(
    /^exception with(out)? code$/,
    'QEMU does not set RF in the EFLAGS that a fault saves. SDM vol 3B "Instruction-Breakpoint Exception Condition"',
  ),
  qemu(
    /16-bit (task|tss)$/,
    'QEMU keeps the upper halves of the registers; the SDM does not say what they become. SDM vol 3A "16-Bit Task-State Segment (TSS)"',
  ),
  qemu(/^T bit/, 'QEMU does not know the T flag. SDM vol 3B "Task-Switch Exception Condition"'),
  qemu(
    /^gate into the LDT$/,
    'QEMU raises #TS where JMP through a task gate raises #GP. SDM vol 2A "JMP", TASK-GATE',
  ),
  qemu(
    /^(selector\/(cs|ss|ldt)|field)\//,
    "QEMU raises the exceptions of the new task at a wrong EIP, and before the task's CPL is loaded. SDM vol 3A " +
      '"Task Switching": errors of step 12 and later occur in the context of the new task',
  ),
];

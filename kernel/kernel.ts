/**
 * The root of all kernel state: everything the kernel knows is reachable from here, as plain data.
 * A task carries a reference to it (`task.kernel`); nothing lives in module variables or closures.
 */
import type { BootParams } from "./arch/x86/boot_params.ts";
import type { EntryState } from "./arch/x86/entry.ts";
import type { Machine } from "./arch/x86/machine.ts";
import type { DeviceRegistry } from "./drivers/base.ts";
import type { Consoles } from "./drivers/tty/console.ts";
import type { TtyDriver } from "./drivers/tty/tty_io.ts";
import type { Vfs } from "./fs/vfs.ts";
import type { Irq } from "./irq/irq_desc.ts";
import type { Printk } from "./lib/printk.ts";
import type { CommitAccounting } from "./mm/commit.ts";
import type { PageAllocator } from "./mm/page_alloc.ts";
import type { Sched } from "./sched/core.ts";
import type { FutexTable } from "./sched/futex.ts";
import type { TaskTable } from "./task/pid.ts";
import type { Task } from "./task/task.ts";
import type { Timekeeping } from "./time/timekeeping.ts";
import type { UtsName } from "./task/uts.ts";
import type { Strace } from "./trace/strace.ts";

export interface Kernel {
  readonly machine: Machine;
  readonly boot: BootParams;
  /** Printing, the log buffer, dmesg, panic. */
  readonly printk: Printk;
  /** Physical frames. */
  readonly pages: PageAllocator;
  /** Memory promised. */
  readonly commit: CommitAccounting;
  /** A frame of zeros that read faults map. */
  readonly zero_pfn: number;
  /** Page tables of the kernel itself (physical address), and those the CPU has loaded. */
  readonly init_pgd_pa: number;
  active_pgd_pa: number;
  readonly irq: Irq;
  readonly time: Timekeeping;
  readonly sched: Sched;
  readonly futexes: FutexTable;
  readonly uts: UtsName;
  /** Every task, by pid, process group and session. */
  readonly tasks: TaskTable;
  readonly vfs: Vfs;
  /** Character and block devices by number, resources, drivers. */
  readonly devices: DeviceRegistry;
  readonly consoles: Consoles;
  readonly ttys: TtyDriver[];
  readonly strace: Strace;
  /** How the CPU gets in and out of the kernel: stubs, IDT, TSS. */
  readonly entry: EntryState;
  /** "swapper": what is current when nobody is runnable. */
  readonly idle: Task;
  /** The task whose kernel side runs now. */
  current: Task;
}

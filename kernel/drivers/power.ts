/**
 * Ending it: restart through the keyboard controller or the chip set, power off through the power management registers,
 * halt; and reboot(2). Linux: kernel/reboot.c, arch/x86/kernel/reboot.c. Sources: IBM PS/2 Technical Reference (8042
 * output port), 82371 datasheet ("Reset control register"), ACPI specification "PM1 Control Registers".
 */
import type { Kernel } from "../kernel.ts";
import { readUserString } from "../mm/usercopy.ts";
import type { Sleep } from "../sched/wait.ts";
import { capable } from "../task/cred.ts";
import { sendSignalToProcess } from "../task/signal.ts";
import { TASK_UNINTERRUPTIBLE } from "../task/state.ts";
import type { Task } from "../task/task.ts";
import { CAP_SYS_BOOT } from "../uapi/capability.ts";
import { EINVAL, EPERM } from "../uapi/errno.ts";
import * as R from "../uapi/reboot.ts";
import { SIGINT } from "../uapi/signal.ts";

const I8042_COMMAND = 0x64;
const I8042_PULSE_RESET = 0xfe;
const RESET_CONTROL = 0xcf9;
const RESET_HARD = 0x02;
const RESET_CPU = 0x04;
/** PM1a control block, and the sleep type of "soft off" there. */
const PM1A_CNT = 0x604;
const SLP_TYP_S5 = 0 << 10;
const SLP_EN = 1 << 13;

/** Pulls the reset line; comes back only if nothing is wired to it. Linux: native_machine_emergency_restart(). */
export function restart(kernel: Kernel): void {
  const { ports } = kernel.machine;
  ports.outb(I8042_COMMAND, I8042_PULSE_RESET);
  ports.outb(RESET_CONTROL, RESET_HARD);
  ports.outb(RESET_CONTROL, RESET_HARD | RESET_CPU);
}

/** Switches the power supply off. */
export function powerOff(kernel: Kernel): void {
  kernel.machine.ports.outw(PM1A_CNT, SLP_TYP_S5 | SLP_EN);
}

/** Ctrl-Alt-Del was pressed. Linux: ctrl_alt_del(). */
export function ctrlAltDel(kernel: Kernel): void {
  if (kernel.devices.restartsOnCtrlAltDel) {
    kernel.printk.emerg("reboot: Restarting system");
    restart(kernel);
    return;
  }
  const init = kernel.tasks.find(1);
  if (init) sendSignalToProcess(init, SIGINT);
}

/** The caller never runs again, nor does the machine do anything: every interrupt line is shut. */
function* stay(task: Task): Sleep<number> {
  for (let line = 0; line < task.kernel.irq.desc.length; line++) task.kernel.irq.disableIrq(line);
  for (;;) {
    task.state = TASK_UNINTERRUPTIBLE;
    yield;
  }
}

export function sys_reboot(
  task: Task,
  magic1: number,
  magic2: number,
  cmd: number,
  arg: number,
): number | Sleep<number> {
  const { kernel } = task;
  if (!capable(task, CAP_SYS_BOOT)) return -EPERM;
  if (magic1 >>> 0 !== R.LINUX_REBOOT_MAGIC1 || !R.LINUX_REBOOT_MAGIC2.includes(magic2 >>> 0)) return -EINVAL;
  switch (cmd >>> 0) {
    case R.LINUX_REBOOT_CMD_CAD_ON:
    case R.LINUX_REBOOT_CMD_CAD_OFF:
      kernel.devices.restartsOnCtrlAltDel = cmd >>> 0 === R.LINUX_REBOOT_CMD_CAD_ON;
      return 0;
    case R.LINUX_REBOOT_CMD_RESTART:
      kernel.printk.emerg("reboot: Restarting system");
      restart(kernel);
      return stay(task);
    case R.LINUX_REBOOT_CMD_RESTART2: {
      const command = readUserString(task, arg, 255);
      if (typeof command === "number") return command;
      kernel.printk.emerg(`reboot: Restarting system with command '${command}'`);
      restart(kernel);
      return stay(task);
    }
    case R.LINUX_REBOOT_CMD_HALT:
      kernel.printk.emerg("reboot: System halted");
      return stay(task);
    case R.LINUX_REBOOT_CMD_POWER_OFF:
      kernel.printk.emerg("reboot: Power down");
      powerOff(kernel);
      return stay(task);
    default:
      return -EINVAL;
  }
}

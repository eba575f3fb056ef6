/**
 * /proc/stat, uptime, loadavg, softirqs. Linux: fs/proc/stat.c, uptime.c, loadavg.c, softirqs.c; man 5 proc.
 */
import type { Kernel } from "../../kernel.ts";
import { TASK_RUNNING, TASK_UNINTERRUPTIBLE } from "../../task/state.ts";
import { NR_IRQS } from "../../irq/irq_desc.ts";

/** Nanoseconds of one unit of CPU time in /proc: USER_HZ is 100. */
export const NS_PER_USER_TICK = 10_000_000;

export const userTicks = (ns: number): number => Math.floor(ns / NS_PER_USER_TICK);

/**
 * The CPU's time by kind as /proc/stat orders it: user nice system idle iowait irq softirq steal guest
 * guest_nice.
 */
function cpuTimes(kernel: Kernel): string {
  kernel.sched.updateCurrent();
  const { user_ns, nice_ns, system_ns, idle_ns, iowait_ns, irq_ns, softirq_ns } = kernel.sched.cpustat;
  const times = [user_ns, nice_ns, system_ns, idle_ns, iowait_ns, irq_ns, softirq_ns].map(userTicks);
  return `${times.join(" ")} 0 0 0`;
}

export function showStat(kernel: Kernel): string {
  const { irq, sched, tasks, time } = kernel;
  const times = cpuTimes(kernel);
  let running = 0;
  let blocked = 0;
  for (const task of tasks.threads()) {
    if (task.exit_state) continue;
    if (task.state === TASK_RUNNING) running++;
    else if (task.state & TASK_UNINTERRUPTIBLE) blocked++;
  }
  const counts: number[] = [];
  for (let line = 0; line < NR_IRQS; line++) counts.push(irq.desc[line].count);
  return (
    `cpu  ${times}\n` +
    `cpu0 ${times}\n` +
    `intr ${irq.nr_total} ${counts.join(" ")}\n` +
    `ctxt ${sched.nr_switches}\n` +
    `btime ${time.boot_time.sec}\n` +
    `processes ${tasks.total_forks}\n` +
    `procs_running ${running}\n` +
    `procs_blocked ${blocked}\n` +
    `softirq 0 0 0 0 0 0 0 0 0 0 0\n`
  );
}

/** Seconds with two digits behind the point. */
const seconds = (ns: number): string => (Math.floor(ns / NS_PER_USER_TICK) / 100).toFixed(2);

export function showUptime(kernel: Kernel): string {
  kernel.sched.updateCurrent();
  return `${seconds(kernel.time.monotonic_ns())} ${seconds(kernel.sched.cpustat.idle_ns)}\n`;
}

/** "0.20 0.18 0.12 1/80 11206". */
export function showLoadavg(kernel: Kernel): string {
  const { sched, tasks } = kernel;
  return `${sched.loadavg.toString()} ${sched.nr_running}/${tasks.nr_threads} ${tasks.last_pid}\n`;
}

/** Work is done in interrupt handlers at once: there are no soft interrupts to count. */
export function showSoftirqs(): string {
  const names = [
    "HI",
    "TIMER",
    "NET_TX",
    "NET_RX",
    "BLOCK",
    "IRQ_POLL",
    "TASKLET",
    "SCHED",
    "HRTIMER",
    "RCU",
  ];
  let text = "                    CPU0       \n";
  for (const name of names) text += `${`${name}:`.padStart(12)} ${"0".padStart(10)}\n`;
  return text;
}

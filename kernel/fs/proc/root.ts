/**
 * THE table of /proc itself; /proc/PID is base.ts, /proc/sys is sys.ts. Linux: fs/proc/root.c and the files
 * it names.
 *
 * To add a file: write a function that returns its text from the Kernel, and a row here.
 */
import type { Kernel } from "../../kernel.ts";
import type { Task } from "../../task/task.ts";
import { capable } from "../../task/cred.ts";
import { CAP_SYS_ADMIN } from "../../uapi/capability.ts";
import { showFilesystems } from "../filesystems.ts";
import { showLocks } from "../locks.ts";
import { tgidDir, tidDir } from "./base.ts";
import { showCpuinfo } from "./cpuinfo.ts";
import { INOS_PER_PID, dir, file, link, type ProcChild, type ProcDir, type ProcEntry } from "./generic.ts";
import { kmsgFile } from "./kmsg.ts";
import { showMeminfo, showBuddyinfo, showVmstat, showZoneinfo } from "./meminfo.ts";
import { showLoadavg, showStat, showUptime, showSoftirqs } from "./stat.ts";
import { sysDir } from "./sys.ts";
import { showTtyDrivers } from "./tty.ts";
import { versionLine } from "./version.ts";

/** Addresses are for those who may touch them. Linux: kernel/resource.c r_show(). */
function hideAddresses(text: string, reader: Task): string {
  if (capable(reader, CAP_SYS_ADMIN)) return text;
  return text.replace(
    /^( *)([0-9a-f]+)-([0-9a-f]+) :/gm,
    (_all, indent: string, start: string, end: string) => {
      return `${indent}${"0".repeat(start.length)}-${"0".repeat(end.length)} :`;
    },
  );
}

function processChild(task: Task): ProcChild {
  return { entry: tgidDir as never, context: task, ino: task.tgid * INOS_PER_PID };
}

/** The tables. Modes as Linux sets them. */
export const procRoot: ProcDir<Kernel> = dir<Kernel>(
  "",
  0o555,
  [
    file("buddyinfo", 0o400, showBuddyinfo),
    file("cmdline", 0o444, (kernel) => `${kernel.boot.command_line}\n`),
    file("consoles", 0o444, showConsoles),
    file("cpuinfo", 0o444, showCpuinfo),
    file("devices", 0o444, (kernel) => kernel.devices.showDevices()),
    file("diskstats", 0o444, () => ""),
    file("filesystems", 0o444, (kernel) => showFilesystems(kernel.vfs)),
    file("interrupts", 0o444, (kernel) => kernel.irq.showInterrupts()),
    file("iomem", 0o444, (kernel, reader) => hideAddresses(kernel.devices.showIomem(), reader)),
    file("ioports", 0o444, (kernel, reader) => hideAddresses(kernel.devices.showIoports(), reader)),
    kmsgFile,
    file("loadavg", 0o444, showLoadavg),
    file("locks", 0o444, (kernel) => showLocks(kernel.vfs)),
    file("meminfo", 0o444, showMeminfo),
    file("misc", 0o444, () => ""),
    link("mounts", () => "self/mounts"),
    file("partitions", 0o444, () => "major minor  #blocks  name\n\n"),
    link("self", (_kernel, reader) => String(reader.tgid)),
    file("softirqs", 0o444, showSoftirqs),
    file("stat", 0o444, showStat),
    file("swaps", 0o444, () => "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    sysDir,
    link("thread-self", (_kernel, reader) => `${reader.tgid}/task/${reader.pid}`),
    dir("tty", 0o555, [
      file("drivers", 0o444, showTtyDrivers),
      file("ldiscs", 0o444, () => "n_tty       0\n"),
    ]),
    file("uptime", 0o444, showUptime),
    file("version", 0o444, versionLine),
    file("vmstat", 0o444, showVmstat),
    file("zoneinfo", 0o444, showZoneinfo),
  ],
  {
    lookup(kernel, name): ProcChild | null {
      if (!/^[1-9]\d{0,9}$/.test(name)) return null;
      const task = kernel.tasks.find(Number(name));
      // A thread's number works too, unlisted, and shows its process.
      return task ? processChild(task.group_leader) : null;
    },
    nrDirectories: (kernel) => kernel.tasks.processes().length,
    *list(kernel, from) {
      for (const task of kernel.tasks.processes()) {
        if (task.tgid >= from) yield { name: String(task.tgid), pos: task.tgid, child: processChild(task) };
      }
    },
  },
);

/** Every table there is: inode numbers are given to their entries. */
export const procTables = [procRoot, tgidDir, tidDir].map(
  ({ entries }) => entries as readonly ProcEntry<never>[],
);

/** "ttyS0                -W- (EC   a)    4:64". Linux: fs/proc/consoles.c. */
function showConsoles(kernel: Kernel): string {
  let text = "";
  for (const [index, console] of kernel.printk.consoles.entries()) {
    const node = kernel.devices.nodes.find(({ name }) => name === console.name);
    const flags = `E${index === kernel.printk.consoles.length - 1 ? "C" : " "}${console.isBoot ? "B" : " "}p  `;
    const dev = node ? ` ${String((node.dev >>> 8) & 0xfff).padStart(4)}:${node.dev & 0xff}` : "";
    text += `${console.name.padEnd(21)}-W- (${flags})${dev}\n`;
  }
  return text;
}

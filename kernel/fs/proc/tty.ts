/** /proc/tty/drivers. Linux: fs/proc/proc_tty.c show_tty_range(). */
import type { Kernel } from "../../kernel.ts";

export function showTtyDrivers(kernel: Kernel): string {
  let text = "/dev/tty             /dev/tty        5       0 system:/dev/tty\n";
  text += "/dev/console         /dev/console    5       1 system:console\n";
  for (const driver of kernel.ttys) {
    const { name, major, minor_start, nr_ttys } = driver;
    const first = driver.nodeName(0).replace(/\d+$/, "");
    const range = nr_ttys > 1 ? `${minor_start}-${minor_start + nr_ttys - 1}` : String(minor_start);
    const type = first === "tty" ? "console" : first.startsWith("ttyS") ? "serial" : "pty:slave";
    text += `${name.padEnd(20)} /dev/${first.padEnd(8)} ${String(major).padStart(3)} ${range.padStart(7)} ${type}\n`;
  }
  return text;
}

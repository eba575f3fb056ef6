/** Where a reference differs from the SDM in virtual-8086 mode: rows of deviations.ts. */
import type { Deviation } from "./deviations.ts";

/** VIF, VIP; and RF, which QEMU does not set in the flags that a fault saves. */
const STICKY = (1 << 19) | (1 << 20) | (1 << 16);

export const VIRTUAL8086_DEVIATIONS: readonly Deviation[] = [
  {
    machine: "qemu",
    image: "virtual8086",
    checks: /\/ext=1 |^redirection bitmap|^int and iret, /,
    because:
      'QEMU has neither CR4.VME nor CR4.PVI. SDM vol 3B "Virtual Interrupt Handling", "Protected-Mode Virtual Interrupts"',
  },
  {
    machine: "qemu",
    image: "virtual8086",
    checks: /\/ext=0 /,
    alike: (line) =>
      line.replaceAll(
        / (fl|ax)=([0-9a-f]+)/g,
        (_field, name: string, value: string) => ` ${name}=${(parseInt(value, 16) & ~STICKY).toString(16)}`,
      ),
    because: 'QEMU\'s IRET leaves VIF and VIP as they are, also at CPL 0. SDM vol 2A "IRET/IRETD/IRETQ"',
  },
];

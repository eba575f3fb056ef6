/** Rows of deviations.ts for the images of the interrupt hardware. */
import type { Deviation } from "./deviations.ts";

const APIC = 'SDM vol 3A "Advanced Programmable Interrupt Controller (APIC)"';

export const INTERRUPT_DEVIATIONS: readonly Deviation[] = [
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^register\/icr high|^register\/lvt (timer|performance|error)$/,
    because: `QEMU keeps reserved bits. ${APIC}, "Interrupt Command Register (ICR)", "Local Vector Table"`,
  },
  {
    machine: "bochs",
    image: "interrupts_apic",
    checks: /^register\/lvt .* read-only$/,
    sdm: "00018000",
    because: 'Bochs lets them be written. SDM vol 3A "Local Vector Table"',
  },
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^register\/lvt .* read-only$/,
    because: 'QEMU lets them be written. SDM vol 3A "Local Vector Table"',
  },
  {
    machine: "bochs",
    image: "interrupts_apic",
    checks: /^nest\/a higher class/,
    sdm: "51(71()) 5f() 51() 41()",
    because:
      'Bochs takes a spurious interrupt for a request that only waits. SDM vol 3A "Interrupt, Task, and Processor Priority"',
  },
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^disabled\/(lvt|mask|enabling)/,
    because:
      'QEMU leaves the LVT alone. SDM vol 3A "Local APIC State After It Has Been Software Disabled": mask bits are set',
  },
  ...(["bochs", "qemu"] as const).map((machine) => ({
    machine,
    image: "interrupts_apic",
    checks: /^disabled\/ipi/,
    sdm: "nothing",
    because:
      'It accepts fixed interrupts. SDM vol 3A "Local APIC State After It Has Been Software Disabled": only INIT, NMI, SMI, SIPI',
  })),
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^cr8\/(16|2\^32)$/,
    because: 'QEMU ignores reserved bits of CR8. SDM vol 2B "MOV—Move to/from Control Registers"',
  },
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^boundary\/sti, mov ss$/,
    because:
      'QEMU does not hold off after MOV SS that follows STI. SDM vol 3A "Masking Exceptions and Interrupts When Switching Stacks"',
  },
  ...(["bochs", "qemu"] as const).flatMap((machine) => [
    {
      machine,
      image: "interrupts_apic",
      checks: /^error\/self ipi/,
      sdm: "60 nothing",
      because:
        'Bochs logs a self IPI as received only, QEMU delivers it. SDM vol 3A "Error Handling": sent by the ICR, received by a self IPI',
    },
    {
      machine,
      image: "interrupts_apic",
      checks: /^error\/ipi to its id/,
      sdm: "20",
      because: 'It logs the receiver\'s error or none. SDM vol 3A "Error Handling": Send Illegal Vector',
    },
    {
      machine,
      image: "interrupts_apic",
      checks: /^error\/read needs/,
      sdm: "00 60 00",
      because: 'It logs the receiver\'s error or none. SDM vol 3A "Error Handling": Send Illegal Vector',
    },
    {
      machine,
      image: "interrupts_apic",
      checks: /^error\/interrupts$/,
      sdm: "e1()",
      because: 'It has no error interrupt for this. SDM vol 3A "Error Handling"',
    },
  ]),
  ...(["bochs", "qemu"] as const).map((machine) => ({
    machine,
    image: "ipi",
    checks: /^cluster\/.* destination f[15]$/,
    sdm: "43()",
    because: 'Cluster 15 is no broadcast there. SDM vol 3A "Logical Destination Mode": all clusters',
  })),
  {
    machine: "qemu",
    image: "ipi",
    checks: /^cluster\/.* destination ff$/,
    because: 'Cluster 15 is no broadcast there. SDM vol 3A "Logical Destination Mode": all clusters',
  },
  {
    machine: "bochs",
    image: "ipi",
    checks: /^mode\/lowest priority, physical$/,
    because:
      'Bochs drops it. SDM vol 3A "Interrupt Command Register (ICR)": lowest priority, physical or logical',
  },
  {
    machine: "bochs",
    image: "ipi",
    checks: /^msi\//,
    because: 'Bochs has no MSI. SDM vol 3A "Message Signalled Interrupts"',
  },
  {
    machine: "bochs",
    image: "interrupts_pic",
    checks: /^special mask\/lower|^special fully nested\/irq 14 by/,
    because:
      'Bochs does not know these modes well. Intel 8259A datasheet "Special Mask Mode", "The Special Fully Nested Mode"',
  },
  {
    machine: "bochs",
    image: "interrupts_pic",
    checks: /^poll\/(irq 4|the highest|cascade|then)/,
    because: 'Bochs leaves out bit 7 and does not acknowledge. Intel 8259A datasheet "Poll Command"',
  },
  {
    machine: "bochs",
    image: "interrupts_pic",
    checks: /^read\/irr after ICW1$|^level\/not lost by ICW1$/,
    because:
      'Bochs forgets the requests and the choice of IRR. Intel 8259A datasheet "Initialization Command Words 1 and 2": the edge sense circuit is reset',
  },
  {
    machine: "bochs",
    image: "interrupts_pic",
    checks: /^lint0\/masked$/,
    because: 'Bochs has INTR beside the APIC. SDM vol 3A "Local Vector Table": LINT0 pin',
  },
  {
    machine: "qemu",
    image: "interrupts_pic",
    checks: /^aeoi\/all$/,
    because:
      'QEMU loses the second request of the slave. Intel 8259A datasheet "Automatic End of Interrupt (AEOI) Mode"',
  },
  {
    machine: "bochs",
    image: "interrupts_pic",
    checks: /^eoi\/rotate on non-specific$/,
    because:
      'Bochs makes the next level the lowest, whichever ended. Intel 8259A datasheet "Automatic Rotation"',
  },
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^at once\/(?!mov cr8)/,
    because:
      'QEMU looks for interrupts between blocks of instructions. SDM vol 3A "Priority Among Simultaneous Exceptions and Interrupts"',
  },
  ...(["bochs", "qemu"] as const).map((machine) => ({
    machine,
    image: "ioapic",
    checks: /^entry\/reserved/,
    sdm: "0001afff ff000000",
    because: 'It keeps reserved bits. Intel 82093AA datasheet "I/O Redirection Table Registers"',
  })),
  {
    machine: "bochs",
    image: "ioapic",
    checks: /^level\/(again|once more|Remote IRR (in|while)|masked in)/,
    because:
      'Bochs has no Remote IRR, and forgets the line at EOI. Intel 82093AA datasheet "I/O Redirection Table Registers"',
  },
  {
    machine: "qemu",
    image: "ioapic",
    checks: /^polarity\//,
    because: 'QEMU does not look at the polarity. Intel 82093AA datasheet "I/O Redirection Table Registers"',
  },
  {
    machine: "qemu",
    image: "tsc_deadline",
    checks: /./,
    because: 'QEMU (TCG) does not offer it. SDM vol 3A "TSC-Deadline Mode"',
  },
  {
    machine: "bochs",
    image: "tsc_deadline",
    checks: /^deadline\/msr is 0 afterwards$/,
    sdm: "0001",
    because: 'Bochs leaves the deadline. SDM vol 3A "TSC-Deadline Mode": clears the IA32_TSC_DEADLINE MSR',
  },
  {
    machine: "bochs",
    image: "tsc_deadline",
    checks: /^deadline\/follows a TSC/,
    sdm: "01",
    because: 'Bochs computes the moment once. SDM vol 3A "TSC-Deadline Mode": when the TSC reaches the value',
  },
  {
    machine: "qemu",
    image: "x2apic",
    checks: /./,
    because: 'QEMU 7 (TCG) does not offer it. SDM vol 3A "Detecting and Enabling x2APIC Mode"',
  },
  {
    machine: "bochs",
    image: "x2apic",
    checks: /^reserved\/(icr|lvt timer bit (19|8)$|divide|self ipi)/,
    sdm: "#GP(0000)",
    because: 'Bochs ignores reserved bits here. SDM vol 3A "Reserved Bit Checking"',
  },
  {
    machine: "bochs",
    image: "x2apic",
    checks: /^value\/icr is 64 bits$/,
    sdm: "12345678 00000141",
    because: 'Bochs does not keep it. SDM vol 3A "ICR Operation in x2APIC Mode"',
  },
  {
    machine: "bochs",
    image: "x2apic",
    checks: /^icr\/physical ff$/,
    sdm: "nothing",
    because: 'Bochs takes FFH for everybody: that is FFFFFFFFH. SDM vol 3A "ICR Operation in x2APIC Mode"',
  },
  {
    machine: "bochs",
    image: "x2apic",
    checks: /^error\//,
    sdm: "00000020",
    because: 'Bochs logs the receiver\'s error. SDM vol 3A "Error Handling": Send Illegal Vector',
  },
  {
    machine: "bochs",
    image: "x2apic",
    checks: /^transition\/off to (x2apic|extd without en)$/,
    sdm: "#GP(0000) 0000",
    because: 'Bochs ignores the MSR once the APIC is off. SDM vol 3A "x2APIC State Transitions"',
  },
  {
    machine: "bochs",
    image: "x2apic",
    checks: /^transition\/off to xapic$/,
    sdm: "done 0800",
    because: 'Bochs ignores the MSR once the APIC is off. SDM vol 3A "x2APIC State Transitions"',
  },
  {
    machine: "bochs",
    image: "init",
    checks: /^cpu\/(star|kernel gs base) is kept$/,
    because:
      'Bochs clears them. SDM vol 3A "Processor State After Reset" (table of states following power-up, reset, or INIT): other MSRs are unchanged',
  },
  {
    machine: "qemu",
    image: "interrupts_apic",
    checks: /^relocated\/(?!back, the registers)/,
    because: 'QEMU leaves the APIC where it is. SDM vol 3A "Relocating the Local APIC Registers"',
  },
];

/** Where QEMU differs from the SDM in system instructions and double faults: rows of deviations.ts. */
import type { Deviation } from "./deviations.ts";

const qemu = (checks: RegExp, because: string): Deviation => ({
  machine: "qemu",
  image: "privilege",
  checks,
  because,
});

export const PRIVILEGE_DEVIATIONS: readonly Deviation[] = [
  qemu(
    /^real\/sysret without SCE$/,
    'QEMU raises #GP first. SDM vol 2B "SYSRET" (real-address mode exceptions)',
  ),
  qemu(
    /\/lock mov cr$/,
    'QEMU knows AMD\'s way to CR8. SDM vol 2B "MOV - Move to/from Control Registers" (#UD: LOCK prefix)',
  ),
  qemu(
    /^(v86|pm32\.[13]|compat32\.3|long\.3)\/mov (from cr1|to cr5)$/,
    'QEMU looks at CPL first. SDM vol 2B "MOV - Move to/from Control Registers" (#UD: CR1, CR5 and so on)',
  ),
  qemu(
    /^(long\.[03]\/sysenter|long\.[03]\/sysexit|sysenter\/from 64-bit mode|sysexit\/(to (comp|64)|R[IS]P))/,
    'QEMU\'s default model is one of AMD\'s, which have SYSENTER and SYSEXIT in legacy mode only. SDM vol 2B "SYSENTER", "SYSEXIT"',
  ),
  qemu(
    /^(syscall\/in compatibility mode|sysret\/RIP not canonical)$/,
    'QEMU\'s default model is one of AMD\'s: SYSCALL in compatibility mode, SYSRET faults at CPL 3. SDM vol 2B "SYSCALL", "SYSRET"',
  ),
  qemu(
    /^msr\/.*(not canonical|reserved bit|LME off|upper half)/,
    'QEMU checks nothing in these MSRs. SDM vol 3A "Extended Feature Enable Register", vol 2C "WRMSR"',
  ),
  qemu(/^syscall\/from CPL/, 'QEMU loses arithmetic flags that FMASK does not name. SDM vol 2B "SYSCALL"'),
  qemu(/^sysret\/to 64-bit mode$/, 'QEMU sets VM from R11. SDM vol 2B "SYSRET"'),
  {
    machine: "qemu",
    image: "shutdown",
    checks: /^pair\/(protected|long) mode\/(#DB|#OF|int3|#BR|#UD|#NM|#MF|#AC)/,
    because:
      "QEMU does not set EXT, counts the IDT's index twice in long mode, and never raises #AC. " +
      'SDM vol 3A "Error Code", "Interrupt 17 - Alignment Check Exception (#AC)"',
  },
];

/** Where a reference differs from the SDM in debug exceptions: rows of deviations.ts. */
import type { Deviation } from "./deviations.ts";

/** Sets RF in the saved flags of a line. */
const withRf = (line: string): string => line.replace(/(fl=000)0/, "$11");

const RF_RULES = 'SDM vol 3B "Instruction-Breakpoint Exception Condition"';
const PRIORITIES =
  'SDM vol 3A "Priority Among Concurrent Events": a trap on the previous instruction comes first';

const qemu = (checks: RegExp, because: string): Deviation => ({
  machine: "qemu",
  image: "debug",
  checks,
  because,
});

export const DEBUG_DEVIATIONS: readonly Deviation[] = [
  {
    machine: "bochs",
    image: "debug",
    checks: /^(?!real)(.*tf\/rep movsb|data\/rep movsb to|port\/rep outsb)$/,
    sdm: withRf,
    because: `Bochs saves RF = 0 between the iterations of a string instruction. ${RF_RULES}`,
  },
  {
    machine: "bochs",
    image: "debug",
    checks: /^(?!real).*\/general detect/,
    sdm: withRf,
    because: `Bochs saves RF = 0 for general detect, which is a fault. ${RF_RULES}`,
  },
  {
    machine: "bochs",
    image: "debug",
    checks: /\/execute, with TF at the instruction before$/,
    sdm: (line) => line.replace(/dr6=ffff4ff./, "dr6=ffff4ff0"),
    because: `Bochs reports the breakpoint on the next instruction together with the single-step trap. ${PRIORITIES}`,
  },
  qemu(
    /\/execute, with TF at the instruction before$/,
    `QEMU reports the breakpoint on the next instruction together with the single-step trap. ${PRIORITIES}`,
  ),
  qemu(
    /\/tf\/mov ss, mov ss$/,
    'QEMU lets each of several MOV SS delay the trap; only the first is sure to. SDM vol 2B "MOV"',
  ),
  qemu(/int1/, 'QEMU does not know the opcode F1. SDM vol 2A "INT n/INTO/INT3/INT1"'),
  qemu(
    /\/execute, behind mov ss$/,
    'QEMU does not let MOV SS suppress the breakpoint behind it. SDM vol 3A "Masking Exceptions and Interrupts When Switching Stacks"',
  ),
  qemu(/\/general detect/, 'QEMU does not know DR7.GD. SDM vol 3B "General-Detect Exception Condition"'),
  qemu(
    /\/dr6 reads back$/,
    'QEMU keeps bit 12 of DR6, which is always 0. SDM vol 3B "Debug Status Register (DR6)"',
  ),
  qemu(
    /^(x87 )?(read|write|add) \d/,
    'QEMU reports accesses near the breakpoint. SDM vol 3B "Breakpoint Field Recognition"',
  ),
  qemu(
    /^data\/(pop|movsd from|mov ss from|with TF)/,
    'QEMU misses reads, or reports them late. SDM vol 3B "Data Memory and I/O Breakpoint Exception Conditions"',
  ),
  qemu(
    /^port\/rep outsb$/,
    'QEMU reports the breakpoint after the last iteration. SDM vol 3B "Data Memory and I/O Breakpoint Exception Conditions"',
  ),
  qemu(/^port\/without DE$/, 'QEMU does not look at CR4.DE. SDM vol 3B "Debug Control Register (DR7)"'),
  qemu(/^rf\/rep movsb keeps it$/, `QEMU forgets RF between iterations. ${RF_RULES}`),
];

/** Where a reference differs from the SDM in debug exceptions: rows of deviations.ts. */
import type { Deviation } from "./deviations.ts";

const RF_SECTION = 'SDM vol 3B "Instruction-Breakpoint Exception Condition" (when RF is pushed as 1)';

/** RF is set in the flags that are pushed; neither Bochs nor QEMU does it. */
// prettier-ignore
const WITH_RF: readonly [check: string, text: string][] = [
  ["pm16.0/tf/rep stosb", "#DB +0 fl=00010102 frame=0c cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["pm32.0/tf/rep stosb", "#DB +0 fl=00010102 frame=0c cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["pm32.3/tf/rep stosb", "#DB +0 fl=00010102 frame=14 cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["v86/tf/rep stosb", "#DB +0 fl=00030102 frame=24 cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["compat32.3/tf/rep stosb", "#DB +0 fl=00010102 frame=28 cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["long.0/tf/rep stosb", "#DB +0 fl=00010102 frame=28 cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["long.3/tf/rep stosb", "#DB +0 fl=00010102 frame=28 cx=00000002 di=00007010 dr6=ffff4ff0"],
  ["pm16.0/write/rep stosb", "#DB +0 fl=00010002 frame=0c cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["pm32.0/write/rep stosb", "#DB +0 fl=00010002 frame=0c cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["pm32.3/write/rep stosb", "#DB +0 fl=00010002 frame=14 cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["v86/write/rep stosb", "#DB +0 fl=00030002 frame=24 cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["compat32.3/write/rep stosb", "#DB +0 fl=00010002 frame=28 cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["long.0/write/rep stosb", "#DB +0 fl=00010002 frame=28 cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["long.3/write/rep stosb", "#DB +0 fl=00010002 frame=28 cx=00000001 di=00007011 dr6=ffff0ff1"],
  ["pm32.0/port/rep outsb", "#DB +0 fl=00010002 frame=0c cx=00000002 si=00007021 dr6=ffff0ff1"],
  ["long.0/port/rep outsb", "#DB +0 fl=00010002 frame=28 cx=00000002 si=00007021 dr6=ffff0ff1"],
  ["pm32.0/general detect", "#DB +8 fl=00010002 frame=0c ax=00002000 dr6=ffff2ff0"],
  ["long.0/general detect", "#DB +8 fl=00010002 frame=28 ax=00002000 dr6=ffff2ff0"],
];

const qemu = (checks: RegExp, because: string): Deviation => ({
  machine: "qemu",
  image: "breakpoints",
  checks,
  because,
});

export const BREAKPOINT_DEVIATIONS: readonly Deviation[] = [
  ...WITH_RF.map(([check, text]): Deviation => ({
    machine: "bochs",
    image: "breakpoints",
    checks: new RegExp(`^${check.replaceAll(".", "\\.")}$`),
    sdm: text,
    because: `Bochs pushes RF as 0: with traps in the middle of a repeated instruction, with general detect. ${RF_SECTION}`,
  })),
  qemu(
    /\/(tf|write)\/rep stosb$/,
    `QEMU does not set RF with traps in the middle of a repeated instruction. ${RF_SECTION}`,
  ),
  qemu(
    /\/port\/rep outsb$/,
    'QEMU traps after the last iteration. SDM vol 3B "Data Memory and I/O Breakpoint Exception Conditions"',
  ),
  qemu(/\/port\/without DE$/, 'QEMU does not look at CR4.DE. SDM vol 3B "Debug Control Register (DR7)"'),
  qemu(/\/general detect$/, 'QEMU does not know DR7.GD. SDM vol 3B "General-Detect Exception Condition"'),
  qemu(/\/bits that can be set$/, 'QEMU keeps reserved bits of DR6 and DR7. SDM vol 3B "Debug Registers"'),
  qemu(/\/tf\/mov ss twice$/, 'QEMU lets each load of SS hold off the trap. SDM vol 2B "MOV", "POP"'),
  qemu(
    /\/(execute\/after mov ss|access\/mov ss, then nop)$/,
    'QEMU does not hold off breakpoints. SDM vol 3A "Masking Exceptions and Interrupts When Switching Stacks"',
  ),
  qemu(
    /\/write\/4 misaligned, first byte$/,
    'QEMU does not align the address. SDM vol 3B "Breakpoint Field Recognition"',
  ),
];

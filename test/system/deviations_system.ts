/** Where a reference differs from the SDM in paging, control registers and MSRs: rows of deviations.ts. */
import type { Deviation } from "./deviations.ts";

/** Clears `bit` in the error code of a #PF. */
function withoutCodeBit(bit: number): (line: string) => string {
  return (line) =>
    line.replace(
      /#PF\(([0-9a-f]+)\)/,
      (_event, code: string) => `#PF(${(parseInt(code, 16) & ~bit).toString(16)})`,
    );
}

const PF_PRESENT = 1;
const IMPLICIT = 'SDM vol 3A "Determination of Access Rights": implicit supervisor-mode accesses';
const IMPLICIT_WITH_AC = /^smap us=1 smep=[01] smap=1 ac=1 cpl=0 implicit$/;
const TARGETS = [
  ["paging_long", "40605008"],
  ["paging_pae", "80605008"],
  ["paging_32", "80605008"],
] as const;

export const SYSTEM_DEVIATIONS: readonly Deviation[] = [
  {
    machine: "bochs",
    image: null,
    checks: /^smap us=1 smep=[01] smap=1 ac=1 cpl=3 implicit$/,
    because: `Bochs lets RFLAGS.AC allow implicit accesses. ${IMPLICIT}`,
  },
  ...TARGETS.map(([image, cr2]): Deviation => ({
    machine: "bochs",
    image,
    checks: IMPLICIT_WITH_AC,
    sdm: `#PF(0001) cr2=${cr2}`,
    because: `Bochs lets RFLAGS.AC allow implicit accesses. ${IMPLICIT}`,
  })),
  {
    machine: "qemu",
    image: null,
    checks: IMPLICIT_WITH_AC,
    because: `QEMU lets RFLAGS.AC allow implicit accesses at CPL 0. ${IMPLICIT}`,
  },
  {
    machine: "qemu",
    image: null,
    checks: /^reserved /,
    alike: withoutCodeBit(PF_PRESENT),
    because:
      'QEMU leaves P clear in the error code for a reserved bit. SDM vol 3A "Page-Fault Exceptions": RSVD only with P',
  },
  {
    machine: "qemu",
    image: "paging_pae",
    checks: /^(reserved page=1 entry=3|pdpte|bad pdpte)/,
    because:
      'QEMU has no PDPTE registers: it reads the table at each walk, unchecked. SDM vol 3A "PDPTE Registers"',
  },
  {
    machine: "qemu",
    image: "paging_pae",
    checks: /^used /,
    alike: (line) => line.replace(/used=./, "used="),
    because:
      'QEMU sets bit 5 of a page-directory-pointer-table entry, where it is reserved. SDM vol 3A "PAE Paging"',
  },
  {
    machine: "bochs",
    image: "paging_pae",
    checks: /^pdpte kept by mov cr0 with wp changed$/,
    sdm: "done",
    because: 'Bochs loads them for CR0.WP too. SDM vol 3A "PDPTE Registers": for CD, NW and PG',
  },
  {
    machine: "bochs",
    image: "pcid",
    checks: /^invpcid type 1 << 32$/,
    sdm: "#GP(0000) seen=00000000",
    because:
      'Bochs reads 32 bits of the type without REX.W. SDM vol 2A "INVPCID": in 64-bit mode the operand has 64 bits',
  },
  {
    machine: "qemu",
    image: "pcid",
    checks: /^pcid |^pcide set |^pg cleared with pcide$/,
    because: 'QEMU\'s TCG has no PCIDs. SDM vol 3A "Process-Context Identifiers (PCIDs)"',
  },
  {
    machine: "qemu",
    image: "pcid",
    checks: /^cr3 bit|^keep without pcide$/,
    because: 'QEMU takes reserved bits of CR3. SDM vol 2B "MOV - Move to/from Control Registers"',
  },
  {
    machine: "qemu",
    image: null,
    checks: /^flush .*invpcid|^invpcid /,
    because: 'QEMU\'s TCG has no INVPCID. SDM vol 2A "INVPCID"',
  },
  {
    machine: "bochs",
    image: "control",
    checks: /^umip=1 /,
    because: "Bochs's model has no UMIP, and says so",
  },
  {
    machine: "qemu",
    image: "control",
    checks: /^(cr0|cr4|cr8|efer) /,
    because:
      'QEMU keeps reserved bits and checks few combinations. SDM vol 3A "Control Registers", "Initializing IA-32e Mode"',
  },
  {
    machine: "qemu",
    image: "control",
    checks: /, mov (from|to) cr[157]$|^lock mov from cr0$/,
    because:
      'QEMU looks at the privilege first, and takes LOCK for CR8. SDM vol 2B "MOV - Move to/from Control Registers"',
  },
  {
    machine: "qemu",
    image: "control",
    checks: /^fsgsbase=1, wrfsbase not canonical$|^clflush(opt)? /,
    because: 'QEMU does not check the address. SDM vol 2 "WRFSBASE/WRGSBASE", "CLFLUSH", "CLFLUSHOPT"',
  },
  {
    machine: "bochs",
    image: "msr",
    checks: /^wrmsr (fmask|tsc_aux), upper half$/,
    sdm: "#GP(0000)",
    because:
      'Bochs drops reserved bits. SDM vol 2B "WRMSR": #GP(0) for reserved bits; vol 4 "Architectural MSRs"',
  },
  {
    machine: "qemu",
    image: "msr",
    checks: /^wrmsr /,
    because: 'QEMU takes any value, any number and MTRRCAP. SDM vol 2B "WRMSR"',
  },
  {
    machine: "qemu",
    image: "msr",
    checks: /^sys(call|ret)/,
    because:
      'QEMU follows AMD: SYSCALL and SYSRET outside 64-bit mode, other flags. SDM vol 2B "SYSCALL", "SYSRET"',
  },
  {
    machine: "qemu",
    image: "msr",
    checks: /^sys(enter|exit),/,
    because:
      'QEMU follows AMD, without SYSENTER in long mode, and takes a null CS of MSR value 3. SDM vol 2B "SYSENTER"',
  },
  {
    machine: "qemu",
    image: "msr",
    checks: /^osxsave=0 cpl 3, xsetbv$|^osxsave=1 ts=1, xsave$/,
    because:
      'QEMU looks at the privilege before CR4.OSXSAVE, and does not look at CR0.TS. SDM vol 2C "XSETBV", "XSAVE"',
  },
];

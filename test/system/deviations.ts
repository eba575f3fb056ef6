/**
 * Where a reference differs from the SDM, with the SDM's section title. A line in which a reference differs from the recorded
 * text must be accounted for here, and a row for one image that accounts for nothing is refused.
 */
import { DEBUG_DEVIATIONS } from "./deviations_debug.ts";
import { BREAKPOINT_DEVIATIONS } from "./deviations_breakpoints.ts";
import { SYSTEM_DEVIATIONS } from "./deviations_system.ts";
import { PRIVILEGE_DEVIATIONS } from "./deviations_privilege.ts";
import { TASK_DEVIATIONS } from "./deviations_tasks.ts";
import { VIRTUAL8086_DEVIATIONS } from "./deviations_virtual8086.ts";
import { INTERRUPT_DEVIATIONS } from "./deviations_interrupts.ts";
import type { MachineName } from "./machines.ts";

export interface Deviation {
  machine: MachineName;
  /** null: in all images. */
  image: string | null;
  /** Names of the checks. */
  checks: RegExp;
  /** Leaves away what differs: the rest of the line must be equal. Without it: the whole line may differ. */
  alike?: (line: string) => string;
  /** What is right, behind the name of the check, where Bochs deviates and QEMU does too; or how to get it from Bochs's line. */
  sdm?: string | ((line: string) => string);
  because: string;
}

/** Clears `bit` in every field `name` of a line. */
function without(name: string, bit: number): (line: string) => string {
  const fields = new RegExp(` ${name}=([0-9a-f]+)`, "g");
  return (line) =>
    line.replaceAll(
      fields,
      (_field, value: string) => ` ${name}=${(parseInt(value, 16) & ~bit).toString(16)}`,
    );
}

const RF = 1 << 16;

export const DEVIATIONS: readonly Deviation[] = [
  ...INTERRUPT_DEVIATIONS,
  ...DEBUG_DEVIATIONS,
  ...BREAKPOINT_DEVIATIONS,
  ...SYSTEM_DEVIATIONS,
  ...PRIVILEGE_DEVIATIONS,
  ...TASK_DEVIATIONS,
  ...VIRTUAL8086_DEVIATIONS,
  {
    machine: "qemu",
    image: null,
    checks: /./,
    alike: without("fl", RF),
    because:
      'QEMU does not set RF in the saved flags of a fault. SDM vol 3B "Instruction-Breakpoint Exception Condition"',
  },
  {
    machine: "qemu",
    image: "code",
    checks: /^limit\//,
    because: 'QEMU does not check the limit of CS. SDM vol 3A "Limit Checking"',
  },
  {
    machine: "qemu",
    image: "code",
    checks: /^page\/data\/.*\/(ADD|XCHG|XADD|CMPXCHG|BTS|SHLD)$/,
    because:
      'QEMU reads a destination across two pages before it asks whether it can be written. SDM vol 3A "Page-Fault Exceptions", W/R',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/db int1$/,
    because: 'QEMU does not know the opcode F1. SDM vol 2A "INT n/INTO/INT3/INT1"',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/(ud )?xm/,
    because: 'QEMU never raises #XM. SDM vol 1 "SIMD Floating-Point Exceptions"',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/gp ldmxcsr reserved$/,
    because: 'QEMU takes any MXCSR. SDM vol 2A "LDMXCSR"',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/(gp|ss) ((word|dword|byte) at|small segment|null ds)/,
    because:
      'QEMU checks no segment limits of data, nor null selectors. SDM vol 3A "Limit Checking", "Null Segment Selector Checking"',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/ac$/,
    because: 'QEMU never raises #AC. SDM vol 3A "Interrupt 17 - Alignment Check Exception (#AC)"',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/(gp not canonical, crossing|ss (push )?not canonical)$/,
    because:
      'QEMU looks at the first byte only, and raises #GP for the stack too. SDM vol 1 "Canonical Addressing"',
  },
  {
    machine: "qemu",
    image: "exceptions",
    checks: /\/gp (jmp|ret) not canonical$/,
    because: 'QEMU (as AMD\'s CPUs) faults at the target, not at the branch. SDM vol 2A "JMP", vol 2B "RET"',
  },
  {
    machine: "qemu",
    image: "segments",
    checks: /^l(ar|sl) in 64-bit mode\/type 0[1345]$/,
    because:
      'QEMU accepts types that are not there in IA-32e mode. SDM vol 2A "LAR", "LSL" (tables of valid types)',
  },
  {
    machine: "qemu",
    image: "segments",
    checks: /^use\//,
    because: 'QEMU does not check types on access. SDM vol 3A "Type Checking"',
  },
  {
    machine: "qemu",
    image: "segments",
    checks: /^null\/[defg]s/,
    because: 'QEMU lets null selectors be used. SDM vol 3A "Null Segment Selector Checking"',
  },
  {
    machine: "qemu",
    image: "segments",
    checks: /^null\/ss\/rpl [123]$/,
    because: 'QEMU does not compare RPL with CPL. SDM vol 2B "MOV" (64-bit mode exceptions)',
  },
  {
    machine: "qemu",
    image: "segments",
    checks: /^ltr\/(type 01|null)$/,
    because: 'QEMU loads null and 16-bit TSSs. SDM vol 2A "LTR", vol 3A "TSS Descriptor in 64-bit mode"',
  },
  {
    machine: "qemu",
    image: "segments",
    checks: /^lldt\/64-bit/,
    because: 'QEMU does not look at the upper half. SDM vol 3A "Segment Descriptor Tables in IA-32e Mode"',
  },
  {
    machine: "qemu",
    image: "far",
    checks: /^retf to ring 3, SS\/absent$/,
    because: 'QEMU raises #NP. SDM vol 2B "RET" (#SS: the return stack segment is not present)',
  },
  {
    machine: "qemu",
    image: "far",
    checks: /^64-bit jmp cpl [03]\/L and D 3$/,
    because: 'QEMU lets L and D be set together. SDM vol 3A "Code Segment Descriptor in 64-bit Mode"',
  },
  {
    machine: "qemu",
    image: "far",
    checks: /^limit\/(running over it|(call|retf|iret) beyond)$/,
    because:
      'QEMU checks code limits at far jumps only. SDM vol 2A "CALL", "IRET", vol 2B "RET", vol 3A "Limit Checking"',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /^call gate\/call from cpl [13]\/target type 1[c-f]$/,
    because:
      'QEMU goes to the inner ring for conforming code too. SDM vol 3A "Accessing a Code Segment Through a Call Gate"',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /\/SS absent$/,
    because: 'QEMU raises #TS. SDM vol 2A "CALL", "INT n" (#SS: the new stack segment is not present)',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /^(call gate|interrupt)\/(SS (too small|expand-down, too high)|offset beyond the limit)$/,
    because: 'QEMU checks no limits of the new stack and code. SDM vol 3A "Limit Checking"',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /^long (call gate|interrupt)\/offset not canonical$/,
    because: 'QEMU faults at the target. SDM vol 2A "CALL", "INT n" (64-bit mode exceptions)',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /^long interrupt\/(gate DPL 2|absent|interrupt gate of 16 bits|task gate|call gate)$/,
    because: 'QEMU counts the IDT index in the error code twice. SDM vol 3A "Error Code"',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /^long interrupt\/IST 1 from CPL 0$/,
    because: 'QEMU loads a null SS though CPL does not change. SDM vol 3A "Stack Switching in IA-32e Mode"',
  },
  {
    machine: "qemu",
    image: "gates",
    checks: /^long call gate\/stack not canonical$/,
    because: 'QEMU saves the wrong RIP. SDM vol 2A "CALL" (64-bit mode exceptions)',
  },
  {
    machine: "bochs",
    image: "gates",
    checks: /^long call gate\/stack not canonical$/,
    sdm: "#SS(0000) +1 fl=00010002 frame=30",
    because:
      'Bochs puts the old SS into the error code; the new one is null. SDM vol 3A "Interrupt 12 - Stack Fault Exception (#SS)"',
  },
  {
    machine: "bochs",
    image: "gates",
    checks: /^long interrupt\/stack not canonical$/,
    sdm: "#SS(0000) +1 fl=00010203 frame=30",
    because:
      'Bochs puts the old SS into the error code; the new one is null. SDM vol 3A "Interrupt 12 - Stack Fault Exception (#SS)"',
  },
  {
    machine: "qemu",
    image: "limits",
    checks: /./,
    because: 'QEMU checks no limits of data and stacks. SDM vol 3A "Limit Checking"',
  },
];

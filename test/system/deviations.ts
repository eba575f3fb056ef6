/**
 * Where a reference differs from the SDM, with the SDM's section title. A line in which a reference differs from the recorded
 * text must be accounted for here, and a row for one image that accounts for nothing is refused.
 */
import type { MachineName } from "./machines.ts";

export interface Deviation {
  machine: MachineName;
  /** null: in all images. */
  image: string | null;
  /** Names of the checks. */
  checks: RegExp;
  /** Leaves away what differs: the rest of the line must be equal. Without it: the whole line may differ. */
  alike?: (line: string) => string;
  /** What is right, behind the name of the check, where Bochs deviates and QEMU does too. */
  sdm?: string;
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
  {
    machine: "qemu",
    image: null,
    checks: /./,
    alike: without("fl", RF),
    because:
      'QEMU does not set RF in the saved flags of a fault. SDM vol 3B "Instruction-Breakpoint Exception Condition"',
  },
];

/** The captures of real-mode-80286.ndjson.gz: single instructions executed on a real 80286, each ended by a HLT. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Registers } from "./machine.ts";

const FILE = join(import.meta.dirname, "real-mode-80286.ndjson.gz");

/** FLAGS bits 12-15 are always clear on an 80286 in real mode, 12-14 are not on later CPUs: SDM vol 1 "Identification of Earlier IA-32 Processors". */
export const FLAGS_80286 = 0x0fff;

export interface Capture {
  /** Opcode, and /r extension after a dot where the opcode is a group. */
  form: string;
  /** Disassembly, for people. */
  text: string;
  /** The instruction without the HLT. */
  code: Uint8Array;
  before: Registers;
  after: Registers;
  /** Bytes by physical address. */
  memoryBefore: Map<number, number>;
  memoryAfter: Map<number, number>;
  /** Vector of the exception or software interrupt that the instruction led to. */
  exception: number | null;
}

interface Line {
  form: string;
  text: string;
  bytes: string;
  regs: Registers;
  ram: [number, number][];
  final_regs: Partial<Registers>;
  final_ram: [number, number][];
  exception?: { number: number };
}

export function readCaptures(): Capture[] {
  const lines = gunzipSync(readFileSync(FILE)).toString().trimEnd().split("\n");
  return lines.map((line) => fromLine(JSON.parse(line) as Line));
}

function fromLine(line: Line): Capture {
  const before = { ...line.regs, flags: line.regs.flags & FLAGS_80286 };
  const after = { ...before, ...line.final_regs };
  after.flags &= FLAGS_80286;
  const memoryBefore = new Map(line.ram);
  return {
    form: line.form,
    text: line.text,
    code: Buffer.from(line.bytes, "hex").subarray(0, -1),
    before,
    after,
    memoryBefore,
    memoryAfter: new Map([...memoryBefore, ...line.final_ram]),
    exception: line.exception?.number ?? null,
  };
}

/**
 * Where the processor we build (the SDM's) is not an 80286: one row for each reason, with the section of the SDM that says so.
 * A row tells what comes instead; a capture that is neither as the 80286 had it nor as its row says is a bug.
 */
import {
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  FLAGS_STATUS,
} from "../../cpu-core/abi/state.ts";
import { VECTOR_BR, VECTOR_DE, VECTOR_GP, VECTOR_SS, VECTOR_UD } from "../../cpu-core/abi/vectors.ts";
import type { Capture } from "./captures.ts";

export interface Exception {
  /** Section of the SDM. */
  section: string;
  applies(capture: Capture): boolean;
  /** Flags that are undefined. */
  undefinedFlags?: number;
  /** This exception comes instead, and finds the state before the instruction. */
  vector?: number;
  /** The capture as the SDM has it. */
  corrected?(capture: Capture): Capture;
  /** The instruction, which the 80286 refused, ends normally; its result was not captured. */
  executes?: true;
}

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0xf0, 0xf2, 0xf3]);
const LOCK = 0xf0;
const MAX_LENGTH_80286 = 10;
/** ADD OR ADC SBB AND SUB XOR, INC DEC NOT NEG, XCHG: with a memory operand as destination. */
const LOCKABLE = /^([0-2][0189]|3[01]|8[0-3]\.[0-6]|8[67]|F[67]\.[23]|F[EF]\.[01])$/;

const inForms = (forms: RegExp) => (capture: Capture) => forms.test(capture.form);

function prefixesOf(capture: Capture): Uint8Array {
  return capture.code.subarray(
    0,
    capture.code.findIndex((byte) => !PREFIXES.has(byte)),
  );
}

function isLockInvalid(capture: Capture): boolean {
  const prefixes = prefixesOf(capture);
  const modrm = capture.code[prefixes.length + 1]!;
  return prefixes.includes(LOCK) && !(LOCKABLE.test(capture.form) && modrm < 0xc0);
}

/** Bytes of an element and the index registers of a string instruction, by opcode. */
const STRINGS: Record<string, { bytes: number; indexes: ("si" | "di")[] }> = {
  "6D": { bytes: 2, indexes: ["di"] },
  "6F": { bytes: 2, indexes: ["si"] },
  A5: { bytes: 2, indexes: ["si", "di"] },
  A7: { bytes: 2, indexes: ["si", "di"] },
  AB: { bytes: 2, indexes: ["di"] },
  AD: { bytes: 2, indexes: ["si"] },
  AF: { bytes: 2, indexes: ["di"] },
};

/** SI, DI, CX as they were before the element that faulted. */
function beforeFaultingElement(capture: Capture): Capture {
  const { bytes, indexes } = STRINGS[capture.form]!;
  const { before } = capture;
  const after = { ...capture.after };
  const isRepeated = prefixesOf(capture).some((byte) => byte >= 0xf2);
  if (isRepeated && capture.form !== "A7") after.cx++; // CMPS had not counted it yet
  const step = (before.flags & 0x400) !== 0 ? -bytes : bytes;
  for (const index of indexes) after[index] = (before[index] + (before.cx - after.cx) * step) & 0xffff;
  return { ...capture, after };
}

/** FLAGS as they were before the instruction, with IF and TF clear in the handler. */
function withFlagsBefore(capture: Capture): Capture {
  const { before, after } = capture;
  const pa = after.ss * 16 + ((after.sp + 4) & 0xffff);
  const memoryAfter = new Map(capture.memoryAfter)
    .set(pa, before.flags & 0xff)
    .set(pa + 1, before.flags >> 8);
  return { ...capture, memoryAfter, after: { ...after, flags: before.flags & ~0x300 } };
}

/** Operand [BP+SI], its second byte beyond the end of SS; POPA and far RET with SP at the end. */
const STACK_OVERRUN = new Set(["61", "C5", "CA", "CB", "F7.1"]);

export const EXCEPTIONS: Exception[] = [
  // Flags.
  { section: "vol 2 DAA, DAS", applies: inForms(/^2[7F]$/), undefinedFlags: FLAG_OF },
  {
    section: "vol 2 AAA, AAS",
    applies: inForms(/^3[7F]$/),
    undefinedFlags: FLAG_PF | FLAG_ZF | FLAG_SF | FLAG_OF,
  },
  { section: "vol 2 AAD", applies: inForms(/^D5$/), undefinedFlags: FLAG_CF | FLAG_AF | FLAG_OF },
  {
    section: "vol 2 MUL, IMUL",
    applies: inForms(/^(69|6B|F[67]\.[45])$/),
    undefinedFlags: FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF,
  },
  { section: "vol 2 DIV, IDIV", applies: inForms(/^F[67]\.[67]$/), undefinedFlags: FLAGS_STATUS },
  {
    section: "vol 2 SAL/SAR/SHL/SHR",
    applies: inForms(/^(C[01]|D[0-3])\.[4-7]$/),
    undefinedFlags: FLAG_AF,
  },
  {
    section: "vol 2 SAL/SAR/SHL/SHR: the count is not 1",
    applies: inForms(/^(C[01]|D[23])\.5$/),
    undefinedFlags: FLAG_AF | FLAG_OF,
  },

  // Encodings and limits.
  {
    section: "vol 2 LOCK: #UD with an instruction or an operand that cannot be locked",
    applies: isLockInvalid,
    vector: VECTOR_UD,
  },
  {
    section:
      'vol 3A "Interrupt 13—General Protection Exception (#GP)": an instruction may have 15 bytes, not 10',
    applies: ({ code, exception }) => code.length > MAX_LENGTH_80286 && exception === VECTOR_GP,
    executes: true,
  },

  // Offset 0xFFFF.
  {
    section: 'vol 3A "Interrupt 12—Stack Fault Exception (#SS)": an operand in SS beyond the limit',
    applies: ({ form, exception }) => STACK_OVERRUN.has(form) && exception === VECTOR_GP,
    vector: VECTOR_SS,
  },
  {
    section: 'vol 3B "Segment Wraparound": a doubleword operand across the end is #GP',
    applies: ({ form, exception, before }) =>
      form === "62" && exception === VECTOR_BR && ((before.bx + before.di) & 0xffff) === 0xfffe,
    vector: VECTOR_GP,
  },
  {
    section:
      'vol 3B "Segment Wraparound": IP has 32 bits, the instruction after the one at 0xFFFF is at 0x10000',
    applies: ({ after }) => after.ip === 0,
    corrected: (capture) => ({ ...capture, after: { ...capture.after, ip: 0x1_0000 } }),
  },

  // Faults restore what the instruction had changed already: SP, SI, DI, CX, FLAGS.
  {
    section: 'vol 3A "Exception Classifications"',
    applies: ({ form, exception }) => form === "8F" && exception === VECTOR_GP,
    vector: VECTOR_GP,
  },
  {
    section: 'vol 3A "Exception Classifications"',
    applies: ({ form, exception }) => form in STRINGS && exception === VECTOR_GP,
    corrected: beforeFaultingElement,
  },
  {
    section: 'vol 3A "Exception Classifications"',
    applies: ({ form, exception }) => /^(D4|F[67]\.[67])$/.test(form) && exception === VECTOR_DE,
    corrected: withFlagsBefore,
  },
];

/**
 * Which encodings an instruction may have: iced-x86's table of instruction forms, by mnemonic, and the choice among them by
 * the kinds of the operands. encoder.ts then picks the shortest one whose numbers fit.
 */
import {
  Code,
  EncodingKind,
  Instruction,
  MemorySize,
  MemorySizeExt,
  OpCodeOperandKind as Kind,
  Register,
} from "iced-x86";
import { Mnemonic } from "iced-x86";
import type { Operand } from "./operand.ts";

/** One form of an instruction. */
export interface Form {
  readonly code: Code;
  readonly kinds: readonly Kind[];
  /** Bits; 0: the form has none. */
  readonly operand_size: number;
  readonly address_size: number;
  /** In 64-bit code the form has 64-bit operands without a prefix. */
  readonly default_64: boolean;
  /** Bytes of the memory operand; 0: none or any. */
  readonly memory_bytes: number;
  readonly far_pointer: boolean;
  readonly in_mode: (bits: number) => boolean;
}

/** Names that mean the same instruction. */
const ALIASES: Record<string, string> = {
  movabs: "mov", sal: "shl", retn: "ret", fwait: "wait", icebp: "int1", loopz: "loope", loopnz: "loopne", ud2a: "ud2",
}; // prettier-ignore
const CONDITIONS: Record<string, string> = {
  z: "e", nz: "ne", c: "b", nae: "b", nc: "ae", nb: "ae", na: "be", nbe: "a", pe: "p", po: "np", nge: "l", nl: "ge", ng: "le", nle: "g",
}; // prettier-ignore
for (const [from, to] of Object.entries(CONDITIONS)) {
  for (const stem of ["j", "set", "cmov"]) ALIASES[stem + from] = stem + to;
}

/** Mnemonics whose plain name stands for the form with the current operand size. */
const SIZE_FAMILIES: Record<string, readonly string[]> = {
  iret: ["iret", "iretd", "iretq"],
  pushf: ["pushf", "pushfd", "pushfq"],
  popf: ["popf", "popfd", "popfq"],
  pusha: ["pusha", "pushad"],
  popa: ["popa", "popad"],
  sysret: ["sysret", "sysretq"],
  sysexit: ["sysexit", "sysexitq"],
};

/** Mnemonics with a size letter that iced-x86 knows only with an operand-size prefix. */
export const SIZED_ALIASES: Record<string, { name: string; bits: number }> = {
  iretw: { name: "iret", bits: 16 }, pushfw: { name: "pushf", bits: 16 }, popfw: { name: "popf", bits: 16 },
  pushaw: { name: "pusha", bits: 16 }, popaw: { name: "popa", bits: 16 }, retw: { name: "ret", bits: 16 },
  retd: { name: "ret", bits: 32 }, retq: { name: "ret", bits: 64 }, retfw: { name: "retf", bits: 16 },
  retfd: { name: "retf", bits: 32 }, retfq: { name: "retf", bits: 64 }, iretd: { name: "iret", bits: 32 },
  iretq: { name: "iret", bits: 64 }, pushfd: { name: "pushf", bits: 32 }, pushfq: { name: "pushf", bits: 64 },
  popfd: { name: "popf", bits: 32 }, popfq: { name: "popf", bits: 64 }, pushad: { name: "pusha", bits: 32 },
  popad: { name: "popa", bits: 32 }, sysretd: { name: "sysret", bits: 32 }, sysretq: { name: "sysret", bits: 64 },
  leavew: { name: "leave", bits: 16 },
}; // prettier-ignore

/** Forms of the first 80486, gone since. */
const OBSOLETE = new Set([Code.Cmpxchg486_rm8_r8, Code.Cmpxchg486_rm16_r16, Code.Cmpxchg486_rm32_r32]);

const codesByMnemonic = new Map<string, Code[]>();
const formsByMnemonic = new Map<string, readonly Form[]>();

function loadMnemonics(): void {
  for (const code of Object.values(Code)) {
    if (typeof code !== "number" || OBSOLETE.has(code)) continue;
    const instruction = Instruction.create(code);
    const name = Mnemonic[instruction.mnemonic].toLowerCase();
    instruction.free();
    const list = codesByMnemonic.get(name);
    if (list) list.push(code);
    else codesByMnemonic.set(name, [code]);
  }
}

function makeForm(code: Code): Form | null {
  const instruction = Instruction.create(code);
  const info = instruction.opCode;
  const legacy = info.encoding === EncodingKind.Legacy || info.encoding === EncodingKind.VEX;
  const kinds: Kind[] = [];
  for (let i = 0; i < info.opCount; i++) kinds.push(info.opKind(i));
  const size = info.memorySize;
  const { mode16, mode32, mode64 } = info;
  const form = {
    code,
    kinds,
    operand_size: info.operandSize,
    address_size: info.addressSize,
    default_64: info.defaultOpSize64 || info.forceOpSize64,
    memory_bytes: MemorySizeExt.size(size),
    far_pointer: size === MemorySize.SegPtr16 || size === MemorySize.SegPtr32 || size === MemorySize.SegPtr64,
    in_mode: (bits: number) => (bits === 16 ? mode16 : bits === 32 ? mode32 : mode64),
  };
  info.free();
  instruction.free();
  return legacy ? form : null;
}

/** All forms of a mnemonic (lower case); empty: there is no such instruction. */
export function formsOf(mnemonic: string): readonly Form[] {
  const known = formsByMnemonic.get(mnemonic);
  if (known) return known;
  if (codesByMnemonic.size === 0) loadMnemonics();
  const name = ALIASES[mnemonic] ?? mnemonic;
  const codes = (SIZE_FAMILIES[name] ?? [name]).flatMap((member) => codesByMnemonic.get(member) ?? []);
  const forms = codes.map(makeForm).filter((form) => form !== null);
  formsByMnemonic.set(mnemonic, forms);
  return forms;
}

const GPR_KINDS: Record<number, readonly Kind[]> = {
  1: [Kind.r8_or_mem, Kind.r8_reg, Kind.r8_opcode],
  2: [Kind.r16_or_mem, Kind.r16_reg, Kind.r16_reg_mem, Kind.r16_rm, Kind.r16_opcode],
  4: [Kind.r32_or_mem, Kind.r32_reg, Kind.r32_reg_mem, Kind.r32_rm, Kind.r32_opcode, Kind.r32_vvvv],
  8: [Kind.r64_or_mem, Kind.r64_reg, Kind.r64_reg_mem, Kind.r64_rm, Kind.r64_opcode, Kind.r64_vvvv],
};
const FIXED_KINDS = new Map<Register, Kind>([
  [Register.AL, Kind.al],
  [Register.CL, Kind.cl],
  [Register.AX, Kind.ax],
  [Register.DX, Kind.dx],
  [Register.EAX, Kind.eax],
  [Register.RAX, Kind.rax],
  [Register.ES, Kind.es],
  [Register.CS, Kind.cs],
  [Register.SS, Kind.ss],
  [Register.DS, Kind.ds],
  [Register.FS, Kind.fs],
  [Register.GS, Kind.gs],
  [Register.ST0, Kind.st0],
]);
const VECTOR_KINDS: Record<string, readonly Kind[]> = {
  segment: [Kind.seg_reg],
  control: [Kind.cr_reg],
  debug: [Kind.dr_reg],
  st: [Kind.sti_opcode],
  mm: [Kind.mm_or_mem, Kind.mm_reg, Kind.mm_rm],
  xmm: [Kind.xmm_or_mem, Kind.xmm_reg, Kind.xmm_rm, Kind.xmm_vvvv, Kind.xmm_is4],
  ymm: [Kind.ymm_or_mem, Kind.ymm_reg, Kind.ymm_rm, Kind.ymm_vvvv, Kind.ymm_is4],
};
const MEMORY_KINDS: readonly Kind[] = [
  Kind.mem, Kind.r8_or_mem, Kind.r16_or_mem, Kind.r32_or_mem, Kind.r64_or_mem, Kind.mm_or_mem, Kind.xmm_or_mem, Kind.ymm_or_mem,
]; // prettier-ignore
/** Bits of the immediate as it is stored, by kind. */
export const IMMEDIATE_BITS = new Map<Kind, number>([
  [Kind.imm8, 8], [Kind.imm8_const_1, 8], [Kind.imm8sex16, 8], [Kind.imm8sex32, 8], [Kind.imm8sex64, 8],
  [Kind.imm16, 16], [Kind.imm32, 32], [Kind.imm32sex64, 32], [Kind.imm64, 64],
]); // prettier-ignore
const SIGN_EXTENDED_BYTES: readonly Kind[] = [Kind.imm8sex16, Kind.imm8sex32, Kind.imm8sex64];
export const SHORT_BRANCHES: readonly Kind[] = [Kind.br16_1, Kind.br32_1, Kind.br64_1];
export const NEAR_BRANCHES: readonly Kind[] = [
  Kind.br16_2,
  Kind.br32_4,
  Kind.br64_4,
  Kind.xbegin_2,
  Kind.xbegin_4,
];

function fits(kind: Kind, operand: Operand, form: Form, bits: number): boolean {
  switch (operand.type) {
    case "register": {
      if (FIXED_KINDS.get(operand.register) === kind) return true;
      const kinds = operand.kind === "gpr" ? GPR_KINDS[operand.size] : (VECTOR_KINDS[operand.kind] ?? []);
      return kinds.includes(kind);
    }
    case "immediate":
      if (SHORT_BRANCHES.includes(kind)) return operand.distance !== "near";
      if (NEAR_BRANCHES.includes(kind)) return operand.distance !== "short";
      if (operand.distance !== null || !IMMEDIATE_BITS.has(kind)) return false;
      // push dword 5 says how much is pushed; add eax, byte 5 how the number is stored.
      return operand.size === 0 || form.kinds.length === 1 || IMMEDIATE_BITS.get(kind) === operand.size * 8;
    case "far":
      if (operand.size !== 0 && operand.size * 8 !== form.operand_size) return false;
      return kind === Kind.farbr2_2 || kind === Kind.farbr4_2;
    case "memory":
      if (kind === Kind.mem_offs) {
        return operand.base === null && operand.index === null && bits !== 64 && sizeFits(operand.size, form);
      }
      return (
        MEMORY_KINDS.includes(kind) &&
        (operand.far ? farFits(operand.size, form) : sizeFits(operand.size, form))
      );
  }
}

function sizeFits(size: number, form: Form): boolean {
  return size === 0 || form.memory_bytes === 0 || form.memory_bytes === size;
}

function farFits(size: number, form: Form): boolean {
  return form.far_pointer && (size === 0 || size * 8 === form.operand_size);
}

/** Prefixes that decide between forms, bits; 0: none. */
export interface Sizes {
  readonly operand: number;
  readonly address: number;
}

/**
 * The forms that `operands` allow in `bits`-bit code, in table order. A string tells why there is none.
 */
export function selectForms(
  mnemonic: string,
  operands: readonly Operand[],
  bits: number,
  sizes: Sizes,
): Form[] | string {
  const all = formsOf(mnemonic);
  if (all.length === 0) return `unknown instruction ${mnemonic}`;
  const transfer = mnemonic === "jmp" || mnemonic === "call";
  const counts = mnemonic.startsWith("loop"); // in CX, ECX or RCX as the address size says
  let forms = all.filter(
    (form) =>
      form.in_mode(bits) &&
      form.kinds.length === operands.length &&
      form.kinds.every((kind, i) => fits(kind, operands[i], form, bits)) &&
      (!counts || form.address_size === (sizes.address || bits)),
  );
  // Without `far`, jmp and call through memory are near ones.
  if (transfer)
    forms = forms.filter((form) => !form.far_pointer || operands.some((o) => o.type === "memory" && o.far));
  if (forms.length === 0) return `no form of ${mnemonic} takes these operands in ${bits}-bit code`;

  const only = operands.length === 1 ? operands[0] : undefined;
  const pushed = only?.type === "immediate" && only.distance === null ? only.size * 8 : 0;
  const wanted = sizes.operand || (pushed > 8 ? pushed : 0);
  const sized_by_register = operands.some((operand) => operand.type === "register" && operand.kind === "gpr");
  if (!sized_by_register && new Set(forms.map((form) => form.operand_size)).size > 1) {
    const current = (form: Form): number => (bits === 64 ? (form.default_64 ? 64 : 32) : bits);
    const kept = wanted
      ? forms.filter((form) => form.operand_size === wanted)
      : forms.filter((form) => form.operand_size === 0 || form.operand_size === current(form));
    if (kept.length > 0) forms = kept;
  }
  if (pushed === 8) forms = forms.filter((form) => IMMEDIATE_BITS.get(form.kinds[0]) === 8);

  const memory = operands.find((operand) => operand.type === "memory");
  if (memory !== undefined && memory.size === 0 && new Set(forms.map((form) => form.memory_bytes)).size > 1) {
    return "operation size not specified";
  }
  // Between forms of one length the one with a sign-extended byte comes first, as in NASM.
  const extended = (form: Form): boolean => SIGN_EXTENDED_BYTES.includes(form.kinds[form.kinds.length - 1]);
  return [...forms.filter(extended), ...forms.filter((form) => !extended(form))];
}

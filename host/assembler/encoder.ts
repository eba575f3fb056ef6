/**
 * One instruction to bytes, with iced-x86's encoder. Of the forms that opcodes.ts offers, the shortest one wins whose numbers
 * fit and which is not shorter than the one of the pass before: sizes only grow, so the passes come to an end.
 */
import { Encoder, Instruction, OpCodeOperandKind as Kind, OpKind, Register } from "iced-x86";
import { AssemblyError } from "./error.ts";
import type { SourceSite } from "./error.ts";
import { evaluate } from "./expression.ts";
import type { Scope } from "./expression.ts";
import type { MemoryOperand, Operand, RegisterOperand } from "./operand.ts";
import { registerByName } from "./operand.ts";
import { formsOf, NEAR_BRANCHES, SHORT_BRANCHES, selectForms, SIZED_ALIASES } from "./opcodes.ts";
import type { Form, Sizes } from "./opcodes.ts";

/** String instructions without operands; the last letter gives the size. SDM vol 2 opcode map, A4-AF and 6C-6F. */
const STRING_OPCODES: Record<string, number> = {
  movs: 0xa4, cmps: 0xa6, stos: 0xaa, lods: 0xac, scas: 0xae, ins: 0x6c, outs: 0x6e,
}; // prettier-ignore
const STRING_SIZES: Record<string, number> = { b: 8, w: 16, d: 32, q: 64 };
const STRING_NAME = /^(movs|cmps|stos|lods|scas|ins|outs)([bwdq])$/;

/** Prefix bytes written as words before the mnemonic. */
export const PREFIXES: Record<string, number> = {
  lock: 0xf0, rep: 0xf3, repe: 0xf3, repz: 0xf3, repne: 0xf2, repnz: 0xf2, es: 0x26, cs: 0x2e, ss: 0x36, ds: 0x3e, fs: 0x64, gs: 0x65,
}; // prettier-ignore
export const SIZE_PREFIXES: Record<string, { operand: number; address: number }> = {
  o16: { operand: 16, address: 0 }, o32: { operand: 32, address: 0 }, o64: { operand: 64, address: 0 },
  a16: { operand: 0, address: 16 }, a32: { operand: 0, address: 32 }, a64: { operand: 0, address: 64 },
}; // prettier-ignore

/** Whether `name` (lower case) is a mnemonic. */
export function isInstruction(name: string): boolean {
  return STRING_NAME.test(name) || name === "xlatb" || name in SIZED_ALIASES || formsOf(name).length > 0;
}

interface Numbers {
  /** One for each operand: immediate, branch target, displacement or far offset. */
  readonly values: (bigint | null)[];
  /** Selectors of far operands. */
  readonly selector: bigint;
}

const encoders = new Map<number, Encoder>();

function encoderFor(bits: number): Encoder {
  let encoder = encoders.get(bits);
  if (encoder === undefined) encoders.set(bits, (encoder = new Encoder(bits)));
  return encoder;
}

/** An instruction of the source; keeps what is the same in every pass. */
export class InstructionStatement {
  readonly #forms: readonly Form[];
  readonly #prefix_bytes: readonly number[];
  readonly #operands: readonly Operand[];
  /** Encoded length of the pass before: no pass goes below it. */
  #minimum_length = 0;
  /** Widest displacement so far, bytes: it does not shrink either. */
  #displacement_size = 0;
  #memo_key = "";
  #memo: Uint8Array = new Uint8Array(0);

  constructor(
    mnemonic: string,
    operands: readonly Operand[],
    prefixes: readonly number[],
    sizes: Sizes,
    readonly bits: number,
    readonly site: SourceSite,
  ) {
    const string = operands.length === 0 ? STRING_NAME.exec(mnemonic) : null;
    if (string || mnemonic === "xlatb" || mnemonic === "xlat") {
      this.#forms = [];
      this.#operands = [];
      this.#prefix_bytes = string
        ? stringBytes(string[1], string[2], prefixes, sizes, bits)
        : [...prefixes, 0xd7];
      return;
    }
    const sized = SIZED_ALIASES[mnemonic];
    const name = sized?.name ?? mnemonic;
    const chosen = choose(name, operands, bits, sized ? { ...sizes, operand: sized.bits } : sizes);
    if (typeof chosen === "string") throw new AssemblyError(site, chosen);
    this.#forms = chosen.forms;
    this.#operands = chosen.operands;
    this.#prefix_bytes = prefixes;
  }

  /** Bytes of the instruction at `scope.here`. While symbols are unknown, those of the shortest form. */
  encode(scope: Scope): Uint8Array {
    if (this.#forms.length === 0) return Uint8Array.from(this.#prefix_bytes);
    const numbers = this.#evaluate(scope);
    const key = this.#key(numbers, scope);
    if (key === this.#memo_key) return this.#memo;

    const prefix_length = this.#prefix_bytes.length;
    const rip = scope.here + BigInt(prefix_length);
    let best: Uint8Array | null = null;
    let longest: Uint8Array | null = null;
    let reason = "";
    for (const form of this.#forms) {
      const encoded = this.#encodeForm(form, numbers, rip);
      if (typeof encoded === "string") {
        reason = encoded;
        continue;
      }
      if (encoded.length + prefix_length < this.#minimum_length) {
        if (longest === null || encoded.length > longest.length) longest = encoded;
      } else if (best === null || encoded.length < best.length) best = encoded;
    }
    best ??= longest;
    if (best === null) throw new AssemblyError(this.site, reason);
    const bytes = new Uint8Array(prefix_length + best.length);
    bytes.set(this.#prefix_bytes);
    bytes.set(best, prefix_length);
    this.#minimum_length = Math.max(this.#minimum_length, bytes.length);
    this.#memo_key = key;
    this.#memo = bytes;
    return bytes;
  }

  #evaluate(scope: Scope): Numbers {
    let selector = 0n;
    const values = this.#operands.map((operand) => {
      switch (operand.type) {
        case "register":
          return 0n;
        case "immediate":
          return evaluate(operand.value, scope, this.site);
        case "far":
          selector = evaluate(operand.selector, scope, this.site) ?? 0n;
          return evaluate(operand.offset, scope, this.site);
        case "memory":
          return operand.displacement === null ? 0n : evaluate(operand.displacement, scope, this.site);
      }
    });
    return { values, selector };
  }

  /** What the bytes depend on: the numbers, relative to the address where the instruction uses them so. */
  #key(numbers: Numbers, scope: Scope): string {
    let key = String(this.#minimum_length);
    this.#operands.forEach((operand, i) => {
      const value = numbers.values[i];
      const relative =
        operand.type === "immediate" ? this.#isBranch() : operand.type === "memory" && operand.relative;
      key += value === null ? ",?" : `,${relative ? value - scope.here : value}`;
    });
    return `${key},${numbers.selector}`;
  }

  #isBranch(): boolean {
    const kind = this.#forms[0].kinds[0];
    return SHORT_BRANCHES.includes(kind) || NEAR_BRANCHES.includes(kind);
  }

  /** The bytes, or why the form does not do. */
  #encodeForm(form: Form, numbers: Numbers, rip: bigint): Uint8Array | string {
    const instruction = Instruction.create(form.code);
    try {
      for (let i = 0; i < form.kinds.length; i++) {
        const problem = this.#setOperand(instruction, form, i, numbers, rip);
        if (problem !== null) return problem;
      }
      const encoder = encoderFor(this.bits);
      encoder.encode(instruction, BigInt.asUintN(64, rip));
      return encoder.takeBuffer();
    } catch (error) {
      encoderFor(this.bits).takeBuffer();
      return error instanceof Error ? error.message : String(error);
    } finally {
      instruction.free();
    }
  }

  #setOperand(instruction: Instruction, form: Form, i: number, numbers: Numbers, rip: bigint): string | null {
    const operand = this.#operands[i];
    const kind = form.kinds[i];
    const value = numbers.values[i];
    switch (operand.type) {
      case "register":
        instruction.setOpKind(i, OpKind.Register);
        instruction.setOpRegister(i, operand.register);
        return null;
      case "far":
        instruction.setOpKind(i, kind === Kind.farbr2_2 ? OpKind.FarBranch16 : OpKind.FarBranch32);
        instruction.farBranchSelector = Number(BigInt.asUintN(16, numbers.selector));
        if (kind === Kind.farbr2_2) {
          if (!inRange(value ?? 0n, 16)) return `far offset 0x${value!.toString(16)} does not fit 16 bits`;
          instruction.farBranch16 = Number(BigInt.asUintN(16, value ?? 0n));
        } else instruction.farBranch32 = Number(BigInt.asUintN(32, value ?? 0n));
        return null;
      case "memory":
        instruction.setOpKind(i, OpKind.Memory);
        return this.#setMemory(instruction, operand, value ?? 0n);
      case "immediate":
        if (SHORT_BRANCHES.includes(kind) || NEAR_BRANCHES.includes(kind))
          return setBranch(instruction, i, kind, value, rip);
        return setImmediate(instruction, i, kind, value ?? (kind === Kind.imm8_const_1 ? 2n : 0n));
    }
  }

  /** SDM vol 2A "Addressing-Mode Encoding of ModR/M and SIB Bytes". */
  #setMemory(instruction: Instruction, operand: MemoryOperand, value: bigint): string | null {
    const { base, index } = operand;
    instruction.segmentPrefix = operand.segment;
    if (operand.relative && this.bits === 64) {
      instruction.memoryBase = Register.RIP;
      instruction.memoryDisplSize = 8;
      instruction.memoryDisplacement = BigInt.asIntN(64, value);
      return null;
    }
    const address_bits = base ? base.size * 8 : index ? index.size * 8 : operand.address_size || this.bits;
    if (!inRange(value, address_bits))
      return `address 0x${value.toString(16)} does not fit ${address_bits} bits`;
    const signed = BigInt.asIntN(address_bits, value);
    if (!isSigned(signed, 32))
      return `address 0x${value.toString(16)} does not fit a signed 32-bit displacement`;
    if (base === null || (signed !== 0n && !isSigned(signed, 8))) this.#displacement_size = address_bits / 8;
    else if (signed !== 0n) this.#displacement_size = Math.max(this.#displacement_size, 1);
    instruction.memoryBase = base?.register ?? Register.None;
    instruction.memoryIndex = index?.register ?? Register.None;
    instruction.memoryIndexScale = operand.scale;
    instruction.memoryDisplSize = this.#displacement_size;
    // iced-x86 wants a full displacement as it is stored, a byte as the number it stands for.
    const stored = this.#displacement_size * 8 === address_bits && address_bits < 64;
    instruction.memoryDisplacement = stored ? BigInt.asUintN(address_bits, value) : signed;
    return null;
  }
}

/** Forms for the operands as written, or as one of the shorthands that assemblers know. */
function choose(
  mnemonic: string,
  operands: readonly Operand[],
  bits: number,
  sizes: Sizes,
): { forms: readonly Form[]; operands: readonly Operand[] } | string {
  const written = immediateGivesSize(mnemonic, operands).map((operand, i) => {
    // mov ds, ax and ltr ax need no operand-size prefix: only 16 bits are used anyway.
    const narrow = operand.type === "register" && operand.kind === "gpr" && operand.size === 2 && bits !== 16;
    const to_segment = i === 1 && mnemonic === "mov" && isSegment(operands[0]);
    if (!narrow || !(to_segment || SELECTOR_LOADS.includes(mnemonic))) return operand;
    const wide = registerByName(
      Register[operand.register].endsWith("W")
        ? Register[operand.register].slice(0, -1) + "d"
        : `e${Register[operand.register]}`,
    );
    return { type: "register" as const, ...wide! };
  });
  const [first, second] = written;
  const attempts: (readonly Operand[])[] = [written];
  if (mnemonic === "xchg" && isAccumulator(first) && second?.type === "register") {
    // The short form has the accumulator second; XCHG EAX, EAX in 64-bit code is not NOP and has no short form.
    if (second.register !== first.register) attempts.unshift([second, first]);
  }
  if (mnemonic === "imul" && written.length === 2 && second.type === "immediate")
    attempts.push([first, first, second]);
  if ((mnemonic === "test" || mnemonic === "xchg") && written.length === 2) attempts.push([second, first]);
  if (
    mnemonic.startsWith("f") &&
    written.length < 2 &&
    written.every((operand) => operand.type === "register")
  ) {
    const st0: Operand = { type: "register", ...registerByName("st0")! };
    const st1: Operand = { type: "register", ...registerByName("st1")! };
    const other = written[0] ?? st1;
    if (mnemonic.endsWith("p")) attempts.push([other, st0], [st0, other], [other]);
    else attempts.push([st0, other], [other, st0], [other]);
  }
  let reason = "";
  for (const attempt of attempts) {
    const forms = selectForms(mnemonic, attempt, bits, sizes);
    if (typeof forms !== "string") return { forms, operands: attempt };
    reason ||= forms;
  }
  return reason;
}

const SELECTOR_LOADS = ["ltr", "lldt", "verr", "verw", "lmsw"];

function isSegment(operand: Operand | undefined): boolean {
  return operand?.type === "register" && operand.kind === "segment";
}

function isAccumulator(operand: Operand | undefined): operand is RegisterOperand {
  return operand?.type === "register" && [Register.AX, Register.EAX, Register.RAX].includes(operand.register);
}

/** `mov [x], byte 1` is `mov byte [x], 1`. */
function immediateGivesSize(mnemonic: string, operands: readonly Operand[]): readonly Operand[] {
  const [memory, immediate] = operands;
  if (operands.length !== 2 || memory.type !== "memory" || memory.size !== 0) return operands;
  if (immediate.type !== "immediate" || immediate.size === 0 || /^(sh|ro|rc|sa)/.test(mnemonic))
    return operands;
  return [
    { ...memory, size: immediate.size },
    { ...immediate, size: 0 },
  ];
}

function stringBytes(
  stem: string,
  letter: string,
  prefixes: readonly number[],
  sizes: Sizes,
  bits: number,
): readonly number[] {
  const size = STRING_SIZES[letter];
  const bytes = [...prefixes];
  const default_size = bits === 16 ? 16 : 32;
  if (size === 16 || size === 32) {
    if (size !== default_size) bytes.push(0x66);
  }
  if (sizes.address !== 0 && sizes.address !== bits) bytes.push(0x67);
  if (size === 64) bytes.push(0x48);
  bytes.push(STRING_OPCODES[stem] + (size === 8 ? 0 : 1));
  return bytes;
}

/** Whether `value` can be stored in `bits` bits, as a signed or as an unsigned number. */
function inRange(value: bigint, bits: number): boolean {
  return value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits);
}

function isSigned(value: bigint, bits: number): boolean {
  return BigInt.asIntN(bits, value) === value;
}

function setBranch(
  instruction: Instruction,
  i: number,
  kind: Kind,
  target: bigint | null,
  rip: bigint,
): string | null {
  // An unknown target is near enough for a short jump until a later pass knows better.
  const value = target ?? rip + 2n;
  if (SHORT_BRANCHES.includes(kind)) {
    const distance = value - rip;
    if (distance < -126n || distance > 131n) {
      // The exact limit depends on the length; iced-x86 checks it. This spares it the hopeless cases.
      return `branch target is too far for a short jump`;
    }
  }
  if (kind === Kind.br16_1 || kind === Kind.br16_2) {
    instruction.setOpKind(i, OpKind.NearBranch16);
    instruction.nearBranch16 = Number(BigInt.asUintN(16, value));
  } else if (kind === Kind.br32_1 || kind === Kind.br32_4) {
    instruction.setOpKind(i, OpKind.NearBranch32);
    instruction.nearBranch32 = Number(BigInt.asUintN(32, value));
  } else {
    instruction.setOpKind(i, OpKind.NearBranch64);
    instruction.nearBranch64 = BigInt.asUintN(64, value);
  }
  return null;
}

function setImmediate(instruction: Instruction, i: number, kind: Kind, value: bigint): string | null {
  const put = (op_kind: OpKind, bits: number): null => {
    instruction.setOpKind(i, op_kind);
    instruction.setImmediateI64(i, BigInt.asIntN(64, BigInt.asIntN(bits, value)));
    return null;
  };
  const tooLarge = (bits: number): string => `0x${value.toString(16)} does not fit ${bits} bits`;
  const signExtended = (op_kind: OpKind, stored: number, bits: number): string | null => {
    if (!inRange(value, bits)) return tooLarge(bits);
    if (!isSigned(BigInt.asIntN(bits, value), stored)) return tooLarge(stored);
    instruction.setOpKind(i, op_kind);
    instruction.setImmediateI64(i, BigInt.asIntN(bits, value));
    return null;
  };
  switch (kind) {
    case Kind.imm8_const_1:
      if (value !== 1n) return "not 1";
      return put(OpKind.Immediate8, 8);
    case Kind.imm8:
      if (!inRange(value, 8)) return tooLarge(8);
      return put(
        i > 0 && instruction.opKind(i - 1) === OpKind.Immediate16 ? OpKind.Immediate8_2nd : OpKind.Immediate8,
        8,
      );
    case Kind.imm16:
      return inRange(value, 16) ? put(OpKind.Immediate16, 16) : tooLarge(16);
    case Kind.imm32:
      return inRange(value, 32) ? put(OpKind.Immediate32, 32) : tooLarge(32);
    case Kind.imm64:
      return inRange(value, 64) ? put(OpKind.Immediate64, 64) : tooLarge(64);
    case Kind.imm8sex16:
      return signExtended(OpKind.Immediate8to16, 8, 16);
    case Kind.imm8sex32:
      return signExtended(OpKind.Immediate8to32, 8, 32);
    case Kind.imm8sex64:
      return signExtended(OpKind.Immediate8to64, 8, 64);
    default:
      return signExtended(OpKind.Immediate32to64, 32, 64);
  }
}

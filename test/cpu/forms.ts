/**
 * The instruction forms, found by asking the core's decoder for every opcode: with each mandatory prefix, each /digit where
 * the instruction depends on it, as a register and as a memory form, in each mode. What the decoder refuses is gathered in
 * one form a map, "undefined".
 */
import { Decoder, Mnemonic } from "iced-x86";
import { Op } from "../../cpu-core/ops/op.ts";
import { MODE_16, MODE_32, MODE_64 } from "./case.ts";
import { Classifier } from "./classify.ts";

export type OperandKind = "memory" | "register" | "none";

export interface Form {
  /** Unique: mnemonic, encoding, mode. */
  name: string;
  mode: number;
  op: number;
  /** As iced-x86 has it, in lower case. */
  mnemonic: string;
  /** Opcode bytes with their escapes. */
  opcode: number[];
  /** Prefix that belongs to the opcode; 0: none. */
  mandatory: number;
  /** Prefixes out of 66, F3, F2 that may be added and leave it the same instruction. */
  neutral: number[];
  kind: OperandKind;
  /** The reg field of ModRM if it is part of the opcode, else -1. */
  digit: number;
  /** All of ModRM if it is part of the opcode, else -1. */
  modrm: number;
  /** The low three bits of the opcode are a register. */
  inOpcode: boolean;
  /** Encodings that are no instruction: [bytes up to ModRM]. */
  undefined?: number[][];
}

const PREFIXES = [0, 0x66, 0xf3, 0xf2];
const MAPS: readonly number[][] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
/** Opcodes whose low three bits are a register. */
const IN_OPCODE = new Set(["40", "48", "50", "58", "90", "b0", "b8", "0f c8"]);
/** x87 opcodes of which rm is part: [opcode, reg]. SDM vol 2 tables. */
const X87_BY_RM: readonly [number, number][] = [
  ...[2, 4, 5, 6, 7].map((reg): [number, number] => [0xd9, reg]),
  [0xda, 5],
  [0xdb, 4],
  [0xde, 3],
  [0xdf, 4],
];

const opcodeText = (bytes: readonly number[]) => bytes.map((b) => b.toString(16).padStart(2, "0")).join(" ");

function isPrefix(byte: number, mode: number): boolean {
  if (mode === MODE_64 && (byte & 0xf0) === 0x40) return true;
  return (byte & 0xe7) === 0x26 || (byte >= 0x64 && byte <= 0x67) || byte === 0xf0 || (byte & 0xfe) === 0xf2;
}

export class FormFinder {
  readonly #classifier: Classifier;
  readonly forms: Form[] = [];
  #mode = MODE_64;

  constructor(classifier: Classifier) {
    this.#classifier = classifier;
    for (this.#mode of [MODE_64, MODE_32, MODE_16]) {
      for (const map of MAPS) {
        const undefinedEncodings: number[][] = [];
        for (let opcode = 0; opcode < 256; opcode++) {
          if (map.length === 0 && (opcode === 0x0f || isPrefix(opcode, this.#mode))) continue;
          if (map.length === 1 && (opcode === 0x38 || opcode === 0x3a)) continue;
          this.#addOpcode([...map, opcode], undefinedEncodings);
        }
        if (undefinedEncodings.length > 0) this.#addUndefined(map, undefinedEncodings);
      }
    }
  }

  /** The Op of prefix, opcode and ModRM; Op.UD if none. */
  #op(prefix: number, opcode: readonly number[], modrm: number): number {
    const bytes = [...(prefix === 0 ? [] : [prefix]), ...opcode, modrm, 0x24, 0, 0, 0, 0, 0, 0, 0, 0];
    return this.#classifier.classify(bytes, this.#mode).op;
  }

  #hasModrm(prefix: number, opcode: readonly number[]): boolean {
    // In some groups only some registers, or only memory, make an instruction.
    return [0xc1, 0xc9, 0xd1, 0xd9, 0xe1, 0xe9, 0xf1, 0xf9, 0x01].some((modrm) => {
      const bytes = [...(prefix === 0 ? [] : [prefix]), ...opcode, modrm, 0, 0, 0, 0, 0, 0, 0];
      return this.#classifier.classify(bytes, this.#mode).modrm === modrm;
    });
  }

  #addOpcode(opcode: readonly number[], undefinedEncodings: number[][]): void {
    const last = opcode[opcode.length - 1]!;
    const inOpcode = IN_OPCODE.has(opcodeText([...opcode.slice(0, -1), last & 0xf8]));
    if (inOpcode && (last & 7) !== 0) return;
    const withModrm = PREFIXES.some((prefix) => this.#hasModrm(prefix, opcode));
    if (!withModrm) {
      // 90 is NOP without REX.B: the form is the exchange.
      const example = inOpcode ? [...opcode.slice(0, -1), last + 1] : opcode;
      const ops = PREFIXES.map((prefix) => this.#op(prefix, example, 0));
      this.#addVariants(opcode, "none", -1, -1, ops, undefinedEncodings, inOpcode);
      return;
    }
    for (const kind of ["memory", "register"] as const) this.#addKind(opcode, kind, undefinedEncodings);
  }

  #addKind(opcode: readonly number[], kind: "memory" | "register", undefinedEncodings: number[][]): void {
    const modrm = (reg: number, rm: number) => (kind === "memory" ? 0x00 : 0xc0) | (reg << 3) | rm;
    const opsOf = (reg: number, rm: number) =>
      PREFIXES.map((prefix) => this.#op(prefix, opcode, modrm(reg, rm)));
    const same = (a: readonly number[], b: readonly number[]) => a.every((op, i) => op === b[i]);
    const byReg = [0, 1, 2, 3, 4, 5, 6, 7].map((reg) => opsOf(reg, 0));
    const first = byReg[0]!;
    const isX87 = first.includes(Op.X87);
    if (!isX87 && byReg.every((ops) => same(ops, first)) && opcode[1] !== 0x01) {
      this.#addVariants(opcode, kind, -1, -1, first, undefinedEncodings, false);
      return;
    }
    for (let reg = 0; reg < 8; reg++) {
      const byRm = [0, 1, 2, 3, 4, 5, 6, 7].map((rm) => opsOf(reg, rm));
      const split =
        kind === "register" &&
        (X87_BY_RM.some(([o, r]) => o === opcode[0] && r === reg) ||
          !byRm.every((ops) => same(ops, byRm[0]!)));
      if (!split) this.#addVariants(opcode, kind, reg, -1, byReg[reg]!, undefinedEncodings, false);
      else
        byRm.forEach((ops, rm) =>
          this.#addVariants(opcode, kind, reg, modrm(reg, rm), ops, undefinedEncodings, false),
        );
    }
  }

  /** Adds a form for each Op among those that the four prefixes give. */
  #addVariants(
    opcode: readonly number[],
    kind: OperandKind,
    digit: number,
    modrm: number,
    ops: readonly number[],
    undefinedEncodings: number[][],
    inOpcode: boolean,
  ): void {
    PREFIXES.forEach((prefix, i) => {
      const op = ops[i]!;
      const representative =
        modrm >= 0 ? modrm : ((Math.max(digit, 0) << 3) | (kind === "register" ? 0xc0 : 0)) >>> 0;
      if (op === Op.UD) {
        // Hypervisors look at VMCALL whatever its prefixes.
        if (opcode[1] === 0x01 && modrm === 0xc1) return;
        // Extensions that the core does not offer may be there on the real CPU.
        const bytes = [
          ...(prefix === 0 ? [] : [prefix]),
          ...opcode,
          ...(kind === "none" ? [] : [representative]),
        ];
        if (this.#mnemonic([...bytes, 0x24, 0, 0, 0, 0, 0, 0, 0]) === "invalid")
          undefinedEncodings.push(bytes);
        return;
      }
      if (ops.indexOf(op) !== i) return;
      const bytes = [...(prefix === 0 ? [] : [prefix]), ...opcode];
      if (inOpcode) bytes[bytes.length - 1]!++;
      const mnemonic = this.#mnemonic([...bytes, representative, 0x24, 0, 0, 0, 0, 0, 0, 0]);
      const modrmText =
        kind === "none"
          ? ""
          : modrm >= 0
            ? ` ${modrm.toString(16)}`
            : ` /${digit < 0 ? "r" : digit}${kind === "memory" ? "m" : ""}`;
      this.forms.push({
        name: `${[16, 32, 64][this.#mode]} ${mnemonic} ${opcodeText([...(prefix === 0 ? [] : [prefix]), ...opcode])}${inOpcode ? "+r" : ""}${modrmText}`,
        mode: this.#mode,
        op,
        mnemonic,
        opcode: [...opcode],
        mandatory: prefix,
        neutral: PREFIXES.filter((p, j) => p !== 0 && p !== prefix && ops[j] === op),
        kind,
        digit,
        modrm,
        inOpcode,
      });
    });
  }

  #addUndefined(map: readonly number[], encodings: number[][]): void {
    this.forms.push({
      name: `${[16, 32, 64][this.#mode]} undefined ${opcodeText(map)}`.trimEnd(),
      mode: this.#mode,
      op: Op.UD,
      mnemonic: "undefined",
      opcode: [...map],
      mandatory: 0,
      neutral: [],
      kind: "none",
      digit: -1,
      modrm: -1,
      inOpcode: false,
      undefined: encodings,
    });
  }

  #mnemonic(bytes: readonly number[]): string {
    const decoder = new Decoder([16, 32, 64][this.#mode]!, new Uint8Array(bytes), 0);
    const instruction = decoder.decode();
    const name = (Mnemonic[instruction.mnemonic] ?? "?").toLowerCase();
    instruction.free();
    decoder.free();
    return name;
  }
}

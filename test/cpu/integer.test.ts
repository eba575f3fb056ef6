/**
 * Integer instructions against the real CPU: every form with register and memory operands, operand-size prefixes, REX,
 * random and corner-case values, all status flags as input.
 *
 * INTEGER_CASES sets the number of cases (default 60,000), INTEGER_SEED the seed.
 */
import { describe as group, expect, test } from "vitest";
import {
  Case,
  DATA_ADDRESS,
  FX,
  FX_CONTROL,
  FX_MXCSR,
  MEMORY,
  MEMORY_BYTES,
  NO_TRAP,
  RFLAGS,
} from "./case.ts";
import { runCampaign } from "./campaign.ts";
import { prepareNative } from "./native.ts";
import { type Random, putInteger64 } from "./random.ts";

const NR_CASES = Number(process.env["INTEGER_CASES"] ?? 60_000);
const SEED = Number(process.env["INTEGER_SEED"] ?? 1);

const CF = 1;
const PF = 4;
const AF = 0x10;
const ZF = 0x40;
const SF = 0x80;
const OF = 0x800;
const STATUS = CF | PF | AF | ZF | SF | OF;

/** What follows the opcode. */
type Shape = "none" | "modrm" | "register" | "memory";

interface Form {
  name: string;
  /** Opcode bytes, without operand-size and REX prefixes. */
  opcode: number[];
  shape: Shape;
  /** /digit in the reg field; absent: any register. */
  digit?: number;
  /** Immediate: bytes, or "z" for the operand size (at most 4), "v" for all of it. */
  imm?: number | "z" | "v";
  /** Whether 66 and REX.W change the operand size. */
  sized: boolean;
  /** Status flags that the SDM leaves undefined, by operand bits and count. */
  undefinedFlags?: (bits: number, count: number) => number;
  /** Where the count of a shift comes from. */
  count?: "imm" | "cl" | "one";
  /** Result undefined: the case is made to stay clear of it. */
  avoid?: (bits: number, count: number) => boolean;
  /** Prefix that belongs to the opcode, before REX. */
  mandatory?: number;
  /** The reg field is a bit offset: kept small for memory operands. */
  bitOffset?: boolean;
  lockable?: boolean;
}

const forms: Form[] = [];
const add = (form: Form) => forms.push(form);
/** Byte form at `opcode`, sized form at `opcode` + 1. */
function pair(name: string, opcode: number[], rest: Partial<Form>): void {
  const last = opcode[opcode.length - 1]!;
  add({ name: `${name} b`, opcode, shape: "modrm", sized: false, ...rest });
  add({
    name,
    opcode: [...opcode.slice(0, -1), last + 1],
    shape: "modrm",
    sized: true,
    ...rest,
    ...(rest.imm === 1 && rest.count === undefined ? { imm: "z" as const } : {}),
  });
}

const logic = () => AF;
["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"].forEach((name, n) => {
  const undefinedFlags = ["or", "and", "xor"].includes(name) ? logic : undefined;
  const lockable = name !== "cmp";
  pair(`${name} E,G`, [8 * n], { undefinedFlags, lockable });
  pair(`${name} G,E`, [8 * n + 2], { undefinedFlags });
  pair(`${name} A,I`, [8 * n + 4], { undefinedFlags, shape: "none", imm: 1 });
  pair(`${name} E,I`, [0x80], { undefinedFlags, digit: n, imm: 1, lockable });
  add({
    name: `${name} E,Ib`,
    opcode: [0x83],
    shape: "modrm",
    digit: n,
    imm: 1,
    sized: true,
    undefinedFlags,
    lockable,
  });
});
pair("test E,G", [0x84], { undefinedFlags: logic });
pair("test A,I", [0xa8], { undefinedFlags: logic, shape: "none", imm: 1 });
pair("test E,I", [0xf6], { undefinedFlags: logic, digit: 0, imm: 1 });
pair("xchg", [0x86], { lockable: true });
pair("mov E,G", [0x88], {});
pair("mov G,E", [0x8a], {});
pair("mov E,I", [0xc6], { digit: 0, imm: 1 });
pair("not", [0xf6], { digit: 2, lockable: true });
pair("neg", [0xf6], { digit: 3, lockable: true });
const product = () => SF | ZF | AF | PF;
pair("mul", [0xf6], { digit: 4, undefinedFlags: product });
pair("imul", [0xf6], { digit: 5, undefinedFlags: product });
pair("div", [0xf6], { digit: 6, undefinedFlags: () => STATUS });
pair("idiv", [0xf6], { digit: 7, undefinedFlags: () => STATUS });
pair("inc", [0xfe], { digit: 0, lockable: true });
pair("dec", [0xfe], { digit: 1, lockable: true });
["rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"].forEach((name, n) => {
  const rotate = n < 4;
  const undefinedFlags = (bits: number, count: number) => {
    const masked = count & (bits === 64 ? 63 : 31);
    if (masked === 0) return 0;
    let flags = masked === 1 ? 0 : OF;
    if (!rotate) {
      flags |= AF;
      if (masked >= bits && name !== "sar") flags |= CF;
    }
    return flags;
  };
  pair(`${name} E,Ib`, [0xc0], { digit: n, imm: 1, count: "imm", undefinedFlags });
  pair(`${name} E,1`, [0xd0], { digit: n, count: "one", undefinedFlags });
  pair(`${name} E,CL`, [0xd2], { digit: n, count: "cl", undefinedFlags });
});
for (const [name, opcode] of [
  ["shld", 0xa4],
  ["shrd", 0xac],
] as const) {
  const undefinedFlags = (bits: number, count: number) => {
    const masked = count & (bits === 64 ? 63 : 31);
    return masked === 0 ? 0 : masked === 1 ? AF : AF | OF;
  };
  const avoid = (bits: number, count: number) => bits === 16 && (count & 31) > 16;
  add({
    name: `${name} Ib`,
    opcode: [0x0f, opcode],
    shape: "modrm",
    imm: 1,
    count: "imm",
    sized: true,
    undefinedFlags,
    avoid,
  });
  add({
    name: `${name} CL`,
    opcode: [0x0f, opcode + 1],
    shape: "modrm",
    count: "cl",
    sized: true,
    undefinedFlags,
    avoid,
  });
}
add({ name: "imul G,E,Iz", opcode: [0x69], shape: "modrm", imm: "z", sized: true, undefinedFlags: product });
add({ name: "imul G,E,Ib", opcode: [0x6b], shape: "modrm", imm: 1, sized: true, undefinedFlags: product });
add({ name: "imul G,E", opcode: [0x0f, 0xaf], shape: "modrm", sized: true, undefinedFlags: product });
const bitFlags = () => OF | SF | AF | PF;
["bt", "bts", "btr", "btc"].forEach((name, n) => {
  add({
    name: `${name} E,G`,
    opcode: [0x0f, 0xa3 + 8 * n],
    shape: "modrm",
    sized: true,
    undefinedFlags: bitFlags,
    bitOffset: true,
    lockable: n > 0,
  });
  add({
    name: `${name} E,Ib`,
    opcode: [0x0f, 0xba],
    shape: "modrm",
    digit: 4 + n,
    imm: 1,
    sized: true,
    undefinedFlags: bitFlags,
    lockable: n > 0,
  });
});
const scan = () => CF | OF | SF | AF | PF;
add({ name: "bsf", opcode: [0x0f, 0xbc], shape: "modrm", sized: true, undefinedFlags: scan });
add({ name: "bsr", opcode: [0x0f, 0xbd], shape: "modrm", sized: true, undefinedFlags: scan });
add({ name: "popcnt", opcode: [0x0f, 0xb8], mandatory: 0xf3, shape: "modrm", sized: true });
add({ name: "movbe G,M", opcode: [0x0f, 0x38, 0xf0], shape: "memory", sized: true });
add({ name: "movbe M,G", opcode: [0x0f, 0x38, 0xf1], shape: "memory", sized: true });
add({ name: "crc32 b", opcode: [0x0f, 0x38, 0xf0], mandatory: 0xf2, shape: "modrm", sized: false });
add({ name: "crc32", opcode: [0x0f, 0x38, 0xf1], mandatory: 0xf2, shape: "modrm", sized: true });
for (let n = 0; n < 8; n++) {
  add({ name: "bswap", opcode: [0x0f, 0xc8 + n], shape: "none", sized: true, avoid: (bits) => bits === 16 });
  add({ name: "mov Z,Iv", opcode: [0xb8 + n], shape: "none", imm: "v", sized: true });
  add({ name: "mov Z,Ib", opcode: [0xb0 + n], shape: "none", imm: 1, sized: false });
  add({ name: "xchg Z,A", opcode: [0x90 + n], shape: "none", sized: true });
  add({ name: "push Z", opcode: [0x50 + n], shape: "none", sized: true });
  add({ name: "pop Z", opcode: [0x58 + n], shape: "none", sized: true });
}
pair("cmpxchg", [0x0f, 0xb0], { lockable: true });
pair("xadd", [0x0f, 0xc0], { lockable: true });
add({ name: "cmpxchg8b", opcode: [0x0f, 0xc7], shape: "memory", digit: 1, sized: true, lockable: true });
for (let cc = 0; cc < 16; cc++) {
  add({ name: "cmovcc", opcode: [0x0f, 0x40 + cc], shape: "modrm", sized: true });
  add({ name: "setcc", opcode: [0x0f, 0x90 + cc], shape: "modrm", sized: false });
  add({ name: "jcc", opcode: [0x70 + cc], shape: "none", imm: 1, sized: false });
}
add({ name: "movzx b", opcode: [0x0f, 0xb6], shape: "modrm", sized: true });
add({ name: "movzx w", opcode: [0x0f, 0xb7], shape: "modrm", sized: true });
add({ name: "movsx b", opcode: [0x0f, 0xbe], shape: "modrm", sized: true });
add({ name: "movsx w", opcode: [0x0f, 0xbf], shape: "modrm", sized: true });
add({ name: "movsxd", opcode: [0x63], shape: "modrm", sized: true });
add({ name: "lea", opcode: [0x8d], shape: "memory", sized: true });
add({ name: "cbw", opcode: [0x98], shape: "none", sized: true });
add({ name: "cwd", opcode: [0x99], shape: "none", sized: true });
add({ name: "push E", opcode: [0xff], shape: "modrm", digit: 6, sized: true });
add({ name: "pop E", opcode: [0x8f], shape: "modrm", digit: 0, sized: true });
add({ name: "push Iz", opcode: [0x68], shape: "none", imm: "z", sized: true });
add({ name: "push Ib", opcode: [0x6a], shape: "none", imm: 1, sized: true });
for (const [name, opcode] of [
  ["lahf", 0x9f],
  ["sahf", 0x9e],
  ["cmc", 0xf5],
  ["clc", 0xf8],
  ["stc", 0xf9],
  ["cld", 0xfc],
  ["nop", 0x90],
] as const) {
  add({ name, opcode: [opcode], shape: "none", sized: false });
}
add({ name: "xlat", opcode: [0xd7], shape: "none", sized: false });
add({ name: "leave", opcode: [0xc9], shape: "none", sized: true });
for (const [name, opcode] of [
  ["movs", 0xa4],
  ["stos", 0xaa],
  ["lods", 0xac],
  ["scas", 0xae],
  ["cmps", 0xa6],
] as const) {
  for (const mandatory of [undefined, 0xf3, 0xf2]) {
    if (mandatory === 0xf2 && !["scas", "cmps"].includes(name)) continue;
    pair(`${mandatory ? "rep " : ""}${name}`, [opcode], { shape: "none", mandatory });
  }
}

interface Built {
  form: Form;
  bits: number;
  count: number;
}

/** Registers that point at the data. */
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

function immediate(random: Random, bytes: number): number[] {
  const corner = random.pick([0, 1, 0x7f, 0x80, 0xff, -1]);
  return Array.from({ length: bytes }, (_, i) =>
    random.chance(60) ? random.below(256) : i === 0 ? corner & 0xff : corner < 0 ? 0xff : 0,
  );
}

/** ModRM, SIB and displacement of a memory operand near the middle of the data. */
function memoryOperand(random: Random, reg: number): { bytes: number[]; rex: number } {
  const base = random.pick([RSI, RDI, RBX, RBP, RSP]);
  const kind = random.below(4);
  if (base === RSP) return { bytes: [0x44 | (reg << 3), 0x24, random.below(64)], rex: 0 };
  if (kind === 0 && base !== RBP) return { bytes: [(reg << 3) | base], rex: 0 };
  if (kind === 1) return { bytes: [0x40 | (reg << 3) | base, (random.below(128) - 64 + 256) & 0xff], rex: 0 };
  if (kind === 2) {
    const displacement = random.below(200) - 100;
    return {
      bytes: [
        0x80 | (reg << 3) | base,
        displacement & 0xff,
        (displacement >> 8) & 0xff,
        displacement < 0 ? 0xff : 0,
        displacement < 0 ? 0xff : 0,
      ],
      rex: 0,
    };
  }
  // [base + r9 * scale + disp8]: r9 is small.
  return { bytes: [0x44 | (reg << 3), (random.below(4) << 6) | (1 << 3) | base, random.below(64)], rex: 2 };
}

function build(random: Random, form: Form, record: Case): Built {
  const view = record.view;
  for (let i = 0; i < 16; i++) putInteger64(random, view, 8 * i);
  for (const register of [RBX, RSP, RBP, RSI, RDI]) {
    let at = 192 + random.below(128);
    if (random.chance(1)) at = 4096 - random.below(12);
    record.setReg(register, DATA_ADDRESS + at);
  }
  record.setReg(9, random.below(8));
  view.setUint32(RFLAGS, 0x202 | (random.u32() & 0x8d5), true);
  for (let i = 0; i < MEMORY_BYTES; i += 8) putInteger64(random, view, MEMORY + i);
  view.setUint16(FX + FX_CONTROL, 0x37f, true);
  view.setUint32(FX + FX_MXCSR, 0x1f80, true);

  const code: number[] = [];
  let bits = 8;
  let rex = 0;
  if (form.sized) {
    bits = random.pick([16, 32, 32, 64, 64]);
    if (bits === 16) code.push(0x66);
    if (bits === 64) rex |= 8;
  }
  if (form.mandatory !== undefined) {
    code.push(form.mandatory);
    record.setReg(1, random.pick([0, 1, 2, 3, 7, 12]));
  }
  let useMemory = form.shape === "memory";
  const modrm: number[] = [];
  if (form.shape !== "none") {
    if (form.shape === "modrm") useMemory = random.chance(45);
    const reg = form.digit ?? random.below(8);
    if (useMemory) {
      const operand = memoryOperand(random, reg);
      modrm.push(...operand.bytes);
      rex |= operand.rex;
      if (form.lockable && random.chance(20)) code.unshift(0xf0);
    } else {
      let rm = random.below(8);
      if (rm === RSP && random.chance(90)) rm = 2;
      modrm.push(0xc0 | (reg << 3) | rm);
      if (random.chance(20)) rex |= 1;
    }
    if (form.digit === undefined && random.chance(20)) rex |= 4;
    if (form.bitOffset && useMemory) {
      // Bit strings: offsets that stay within the data.
      for (let r = 0; r < 16; r++) {
        if (r === RBX || r === RSP || r === RBP || r === RSI || r === RDI || r === 9) continue;
        const offset = random.below(1024) - 512;
        record.setReg(r, offset >>> 0, offset < 0 ? 0xffff_ffff : 0);
      }
      if (((modrm[0]! >> 3) & 7) >= 3 && ((modrm[0]! >> 3) & 7) <= 7 && !(rex & 4)) modrm[0]! &= ~0x38;
    }
  } else if (random.chance(20)) rex |= 1;
  if (rex === 0 && random.chance(15)) rex = 0x40;
  if (rex !== 0) code.push(0x40 | rex);
  code.push(...form.opcode, ...modrm);
  let count = form.count === "one" ? 1 : record.bytes[8]!;
  if (form.imm !== undefined) {
    const bytes = form.imm === "z" ? Math.min(bits / 8, 4) : form.imm === "v" ? bits / 8 : form.imm;
    const value = form.name === "jcc" ? [0] : immediate(random, bytes);
    if (form.count === "imm") {
      if (random.chance(60)) value[0] = random.below(66);
      count = value[0]!;
    }
    code.push(...value);
  }
  if (form.count === "cl" && random.chance(60)) {
    record.bytes[8] = random.below(66);
    count = record.bytes[8];
  }
  record.setCode(code);
  return { form, bits, count };
}

const reason = prepareNative();
if (reason !== null) console.warn(`Integer instructions against the real CPU: skipped, ${reason}`);

group.skipIf(reason !== null)("integer instructions against the real CPU", () => {
  test("all forms", { timeout: 600_000 }, () => {
    const { failures, compared, traps } = runCampaign<Built>({
      cases: NR_CASES,
      seed: SEED,
      build: (random, index, record) => build(random, forms[index % forms.length]!, record),
      name: ({ form, bits }) => `${form.name}/${bits}`,
      tolerance: ({ form, bits, count }) =>
        form.avoid?.(bits, count) ? null : { rflags: 0xcd5 & ~(form.undefinedFlags?.(bits, count) ?? 0) },
    });
    expect(failures).toBe("");
    expect(compared).toBeGreaterThan(NR_CASES * 0.9);
    expect(compared - (traps.get(NO_TRAP) ?? 0)).toBeGreaterThan(NR_CASES / 1000);
  });
});

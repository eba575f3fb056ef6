/**
 * Every x87 instruction against the real x87 of this machine: random operands and corner cases, all rounding and precision
 * modes, masked and unmasked exceptions. Everything but the transcendental functions must agree in every bit.
 *
 * FPU_CASES sets the number of cases (default 60,000), FPU_SEED the seed.
 */
import { describe as group, expect, test } from "vitest";
import {
  Case,
  DATA_ADDRESS,
  FX,
  FX_CONTROL,
  FX_MXCSR,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  MEMORY,
  MEMORY_BYTES,
  RFLAGS,
} from "./case.ts";
import { runCampaign } from "./campaign.ts";
import type { Tolerance } from "./compare.ts";
import { prepareNative } from "./native.ts";
import { type Random, putFloat32, putFloat64, putFloat80, putInteger64 } from "./random.ts";

const NR_CASES = Number(process.env["FPU_CASES"] ?? 60_000);
const SEED = Number(process.env["FPU_SEED"] ?? 1);

type Operand = "f32" | "f64" | "f80" | "int" | "bcd" | "env" | "none";

interface Instruction {
  name: string;
  code: (random: Random) => number[];
  operand: Operand;
  tolerance?: Tolerance;
  /** Keep ST(0) and ST(1) where the instruction is defined. */
  domain?: (random: Random, view: DataView) => void;
}

const C0123 = 0x4700;
const rdi = (reg: number) => (reg << 3) | 7; // [rdi]

const table: Instruction[] = [];

function memory(name: string, opcode: number, reg: number, operand: Operand): void {
  table.push({ name, code: () => [opcode, rdi(reg)], operand });
}

/** Where AMD keeps C1 and Intel clears it. */
const C1_UNDEFINED: Tolerance = { fswIgnored: 0x200 };

function register(name: string, opcode: number, modrm: number, tolerance?: Tolerance): void {
  const code = (random: Random) => [opcode, modrm | (random.chance(60) ? 1 : random.below(8))];
  table.push({ name, code, operand: "none", tolerance });
}

function fixed(name: string, opcode: number, modrm: number, tolerance?: Tolerance): void {
  table.push({ name, code: () => [opcode, modrm], operand: "none", tolerance });
}

const arithmetic = ["fadd", "fmul", "fcom", "fcomp", "fsub", "fsubr", "fdiv", "fdivr"];
arithmetic.forEach((name, reg) => {
  memory(`${name} m32`, 0xd8, reg, "f32");
  memory(`${name} m64`, 0xdc, reg, "f64");
  memory(`fi${name.slice(1)} m16`, 0xde, reg, "int");
  memory(`fi${name.slice(1)} m32`, 0xda, reg, "int");
  register(`${name} st0, sti`, 0xd8, 0xc0 | (reg << 3));
  register(`${name} sti, st0`, 0xdc, 0xc0 | (reg << 3));
  if (reg === 3) fixed("fcompp", 0xde, 0xd9);
  else register(`${name}p`, 0xde, 0xc0 | (reg << 3));
});
memory("fld m32", 0xd9, 0, "f32");
memory("fst m32", 0xd9, 2, "f32");
memory("fstp m32", 0xd9, 3, "f32");
memory("fldenv", 0xd9, 4, "env");
memory("fldcw", 0xd9, 5, "int");
memory("fnstenv", 0xd9, 6, "none");
memory("fnstcw", 0xd9, 7, "none");
for (const [name, opcode, reg] of [
  ["fldenv", 0xd9, 4],
  ["fnstenv", 0xd9, 6],
  ["frstor", 0xdd, 4],
  ["fnsave", 0xdd, 6],
] as const) {
  table.push({ name: `${name} 16`, code: () => [0x66, opcode, rdi(reg)], operand: "env" });
}
table.push({ name: "fwait", code: () => [0x9b], operand: "none" });
// MMX waits for the x87 too.
table.push({ name: "paddb mm", code: () => [0x0f, 0xfc, 0xc1], operand: "none" });
table.push({ name: "emms", code: () => [0x0f, 0x77], operand: "none" });
memory("fild m32", 0xdb, 0, "int");
memory("fisttp m32", 0xdb, 1, "int");
memory("fist m32", 0xdb, 2, "int");
memory("fistp m32", 0xdb, 3, "int");
memory("fld m80", 0xdb, 5, "f80");
memory("fstp m80", 0xdb, 7, "f80");
memory("fld m64", 0xdd, 0, "f64");
memory("fisttp m64", 0xdd, 1, "int");
memory("fst m64", 0xdd, 2, "f64");
memory("fstp m64", 0xdd, 3, "f64");
memory("frstor", 0xdd, 4, "env");
memory("fnsave", 0xdd, 6, "none");
memory("fnstsw m16", 0xdd, 7, "none");
memory("fild m16", 0xdf, 0, "int");
memory("fisttp m16", 0xdf, 1, "int");
memory("fist m16", 0xdf, 2, "int");
memory("fistp m16", 0xdf, 3, "int");
memory("fbld", 0xdf, 4, "bcd");
memory("fild m64", 0xdf, 5, "int");
memory("fbstp", 0xdf, 6, "bcd");
memory("fistp m64", 0xdf, 7, "int");
register("fld sti", 0xd9, 0xc0);
register("fxch", 0xd9, 0xc8);
fixed("fnop", 0xd9, 0xd0);
fixed("fchs", 0xd9, 0xe0);
fixed("fabs", 0xd9, 0xe1);
fixed("ftst", 0xd9, 0xe4);
fixed("fxam", 0xd9, 0xe5);
for (let i = 0; i < 7; i++) fixed(`fld constant ${i}`, 0xd9, 0xe8 + i);
fixed("fxtract", 0xd9, 0xf4);
fixed("fprem1", 0xd9, 0xf5);
fixed("fdecstp", 0xd9, 0xf6);
fixed("fincstp", 0xd9, 0xf7);
fixed("fprem", 0xd9, 0xf8);
fixed("fsqrt", 0xd9, 0xfa);
fixed("frndint", 0xd9, 0xfc);
fixed("fscale", 0xd9, 0xfd);
["fcmovb", "fcmove", "fcmovbe", "fcmovu"].forEach((name, reg) => {
  register(name, 0xda, 0xc0 | (reg << 3), C1_UNDEFINED);
  register(name.replace("fcmov", "fcmovn"), 0xdb, 0xc0 | (reg << 3), C1_UNDEFINED);
});
fixed("fucompp", 0xda, 0xe9);
fixed("fnclex", 0xdb, 0xe2);
fixed("fninit", 0xdb, 0xe3);
register("fucomi", 0xdb, 0xe8, C1_UNDEFINED);
register("fcomi", 0xdb, 0xf0, C1_UNDEFINED);
register("ffree", 0xdd, 0xc0, C1_UNDEFINED);
register("fst sti", 0xdd, 0xd0);
register("fstp sti", 0xdd, 0xd8);
register("fucom", 0xdd, 0xe0);
register("fucomp", 0xdd, 0xe8);
fixed("fnstsw ax", 0xdf, 0xe0);
register("fucomip", 0xdf, 0xe8, C1_UNDEFINED);
register("fcomip", 0xdf, 0xf0, C1_UNDEFINED);

const transcendental: Instruction[] = [];
for (const [name, modrm] of [
  ["f2xm1", 0xf0],
  ["fyl2x", 0xf1],
  ["fptan", 0xf2],
  ["fpatan", 0xf3],
  ["fyl2xp1", 0xf9],
  ["fsincos", 0xfb],
  ["fsin", 0xfe],
  ["fcos", 0xff],
] as const) {
  // Outside the argument range these two are undefined: |x| <= 1, |x| < 1 - sqrt(1/2).
  const largest = name === "f2xm1" ? 0x3ffe : name === "fyl2xp1" ? 0x3ffc : 0x7fff;
  const domain = (random: Random, view: DataView) => {
    const at = FX + FX_ST + 8;
    const exponent = view.getUint16(at, true) & 0x7fff;
    const limited = exponent > largest && exponent !== 0x7fff ? largest - random.below(70) : exponent;
    view.setUint16(at, limited | (random.below(2) << 15), true);
  };
  transcendental.push({
    name,
    code: () => [0xd9, modrm],
    operand: "none",
    tolerance: { ulps: 2, fswIgnored: 0x0230 },
    domain,
  });
}

function control(random: Random): number {
  const masks = random.chance(65) ? 0x3f : random.below(64);
  return 0x40 | masks | (random.pick([0, 2, 3, 3, 3]) << 8) | (random.below(4) << 10);
}

function build(random: Random, instruction: Instruction, record: Case): void {
  const view = record.view;
  record.setCode(instruction.code(random));
  for (let i = 0; i < 16; i++) record.setReg(i, random.u32(), random.u32());
  record.setReg(7, DATA_ADDRESS + 64);
  view.setUint32(RFLAGS, 0x202 | (random.u32() & 0x8d5), true);
  for (let i = 0; i < MEMORY_BYTES; i += 4) view.setUint32(MEMORY + i, random.u32(), true);
  const fcw = control(random);
  view.setUint16(FX + FX_CONTROL, fcw, true);
  if (random.chance(3))
    record.setReg(7, DATA_ADDRESS + random.pick([-200, -20, -5, 4000, 4080, 4090]) + random.below(8));
  let fsw = (random.below(8) << 11) | (random.u32() & C0123);
  if (random.chance(20)) fsw |= random.u32() & 0x7f & (fcw | 0x40);
  if (random.chance(2)) {
    fsw |= random.u32() & 0x3f;
    if ((fsw & ~fcw & 0x3f) !== 0) fsw |= 0x8080;
  }
  view.setUint16(FX + FX_STATUS, fsw, true);
  let tags = random.chance(50) ? 0xff : random.below(256);
  const top = (fsw >> 11) & 7;
  const set = (i: number, used: boolean) => {
    const bit = 1 << ((top + i) & 7);
    tags = used ? tags | bit : tags & ~bit;
  };
  if (random.chance(92)) {
    set(0, true);
    set(1, true);
  }
  if (random.chance(85)) set(7, false);
  view.setUint16(FX + FX_TAGS, tags, true);
  for (let i = 0; i < 8; i++) putFloat80(random, view, FX + FX_ST + 16 * i);
  if (random.chance(10)) record.bytes.copyWithin(FX + FX_ST + 16, FX + FX_ST, FX + FX_ST + 10);
  instruction.domain?.(random, view);
  view.setUint32(FX + FX_MXCSR, 0x1f80, true);
  const at = MEMORY + 64;
  switch (instruction.operand) {
    case "f32":
      putFloat32(random, view, at);
      break;
    case "f64":
      putFloat64(random, view, at);
      break;
    case "f80":
      putFloat80(random, view, at);
      break;
    case "int":
      putInteger64(random, view, at);
      break;
    case "bcd":
      for (let i = 0; i < 9; i++) view.setUint8(at + i, random.below(10) | (random.below(10) << 4));
      view.setUint8(at + 9, random.pick([0, 0x80]));
      break;
    case "env":
      view.setUint16(at, control(random), true);
      break;
  }
}

const reason = prepareNative();
if (reason !== null) console.warn(`x87 against the real CPU: skipped, ${reason}`);

function runAll(instructions: Instruction[], cases: number): string {
  return runCampaign<Instruction>({
    cases,
    seed: SEED,
    build: (random, index, record) => {
      const instruction = instructions[index % instructions.length]!;
      build(random, instruction, record);
      return instruction;
    },
    name: (instruction) => instruction.name,
    tolerance: (instruction) => instruction.tolerance ?? {},
  }).failures;
}

group.skipIf(reason !== null)("x87 against the real CPU", () => {
  test("exact instructions", { timeout: 600_000 }, () => {
    expect(runAll(table, NR_CASES)).toBe("");
  });
  test("transcendental instructions, within two units", { timeout: 600_000 }, () => {
    expect(runAll(transcendental, Math.floor(NR_CASES / 4))).toBe("");
  });
});

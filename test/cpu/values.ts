/** What registers and memory of a case hold: integers, floating point, text, pointers, by what the instruction works on. */
import {
  FX_CONTROL,
  FX_MXCSR,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  INPUT_FX,
  INPUT_MEMORY,
  type Input,
  MEMORY_BYTES,
} from "./case.ts";
import type { Form } from "./forms.ts";
import { Op } from "../../cpu-core/ops/op.ts";
import { type Random, putFloat32, putFloat64, putFloat80, putInteger64 } from "./random.ts";

export type Flavour = "int" | "ps" | "pd" | "text" | "x87";

/** What an instruction's vector operands are, by its name. */
export function flavourOf(form: Form): Flavour {
  const { mnemonic } = form;
  if (form.op === Op.X87) return "x87";
  if (/^pcmp[ei]str/.test(mnemonic)) return "text";
  if (/^cvtt?(ps|ss)2/.test(mnemonic)) return "ps";
  if (/^cvtt?(pd|sd)2/.test(mnemonic)) return "pd";
  if (/^(cvt|mov|unpck|shuf|and|or|xor)/.test(mnemonic)) return "int";
  if (/(ps|ss)$/.test(mnemonic)) return "ps";
  if (/[a-z](pd|sd)$/.test(mnemonic) && !/^(lod|sto|sca|cmp|in|out)sd?$/.test(mnemonic)) return "pd";
  return "int";
}

export function mxcsr(random: Random): number {
  switch (random.below(6)) {
    case 0:
      return 0x1f80;
    case 1:
      return 0x1fa0;
    case 2:
      return 0x1f80 | (random.below(4) << 13);
    case 3:
      return 0x1f80 | (random.u32() & 0xe07f);
    case 4:
      return (random.u32() & 0xff80) | random.below(64);
    default:
      return random.u32() & 0xffff;
  }
}

/** An x87 control word: mostly all masked, mostly full precision. */
export function controlWord(random: Random): number {
  const masks = random.chance(65) ? 0x3f : random.below(64);
  return 0x40 | masks | (random.pick([0, 2, 3, 3, 3]) << 8) | (random.below(4) << 10);
}

/** Fills 16 bytes. */
export function fill(random: Random, view: DataView, at: number, flavour: Flavour): void {
  if (flavour === "ps") for (let i = 0; i < 16; i += 4) putFloat32(random, view, at + i);
  else if (flavour === "pd") for (let i = 0; i < 16; i += 8) putFloat64(random, view, at + i);
  else if (flavour === "text")
    for (let i = 0; i < 16; i++)
      view.setUint8(at + i, random.pick([0, 0x61, 0x61, 0x62, 0x63, 0x7a, 0xe1]) * Number(random.chance(90)));
  else for (let i = 0; i < 16; i += 8) putInteger64(random, view, at + i);
}

export function fillMemory(random: Random, input: Input, flavour: Flavour): void {
  for (let i = 0; i < MEMORY_BYTES; i += 16) fill(random, input.view, INPUT_MEMORY + i, flavour);
}

/** Vector registers, and the MMX registers that are the x87's. */
export function fillVectors(random: Random, input: Input, flavour: Flavour): void {
  const { view, bytes } = input;
  view.setUint16(INPUT_FX + FX_CONTROL, 0x37f, true);
  view.setUint16(INPUT_FX + FX_STATUS, (random.below(8) << 11) | (random.u32() & 0x4700), true);
  view.setUint16(INPUT_FX + FX_TAGS, random.below(256), true);
  for (let i = 0; i < 8; i++) {
    const st = INPUT_FX + FX_ST + 16 * i;
    putFloat80(random, view, st);
    if (random.chance(80)) {
      if (flavour === "ps") for (let j = 0; j < 8; j += 4) putFloat32(random, view, st + j);
      else if (flavour === "pd") putFloat64(random, view, st);
      else putInteger64(random, view, st);
    }
    // Counts of shifts.
    if (random.chance(20)) {
      view.setUint32(st, random.below(70), true);
      view.setUint32(st + 4, 0, true);
    }
  }
  const plain = flavour === "int" || flavour === "text";
  view.setUint32(INPUT_FX + FX_MXCSR, plain && random.chance(80) ? 0x1f80 : mxcsr(random), true);
  for (let i = 0; i < 16; i++) {
    const xmm = INPUT_FX + FX_XMM + 16 * i;
    fill(random, view, xmm, flavour);
    if (flavour === "int" && random.chance(20)) {
      view.setUint32(xmm, random.below(70), true);
      view.setUint32(xmm + 4, 0, true);
    }
    if (random.chance(10)) bytes.copyWithin(xmm, INPUT_FX + FX_XMM, INPUT_FX + FX_XMM + 16);
  }
}

/** The x87 with registers in use, exceptions pending now and then, and any control. */
export function fillX87(random: Random, input: Input): void {
  const { view, bytes } = input;
  const fcw = controlWord(random);
  view.setUint16(INPUT_FX + FX_CONTROL, fcw, true);
  let fsw = (random.below(8) << 11) | (random.u32() & 0x4700);
  if (random.chance(20)) fsw |= random.u32() & 0x7f & (fcw | 0x40);
  if (random.chance(2)) {
    fsw |= random.u32() & 0x3f;
    if ((fsw & ~fcw & 0x3f) !== 0) fsw |= 0x8080;
  }
  view.setUint16(INPUT_FX + FX_STATUS, fsw, true);
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
  view.setUint16(INPUT_FX + FX_TAGS, tags, true);
  for (let i = 0; i < 8; i++) putFloat80(random, view, INPUT_FX + FX_ST + 16 * i);
  if (random.chance(10)) {
    const st = INPUT_FX + FX_ST;
    bytes.copyWithin(st + 16, st, st + 10);
  }
}

/** Keeps ST(0) where F2XM1 and FYL2XP1 are defined: |x| <= 1, |x| < 1 - sqrt(1/2). SDM vol 2 by their names. */
export function limitArgument(random: Random, input: Input, largestExponent: number): void {
  const at = INPUT_FX + FX_ST + 8;
  const exponent = input.view.getUint16(at, true) & 0x7fff;
  const limited =
    exponent > largestExponent && exponent !== 0x7fff ? largestExponent - random.below(70) : exponent;
  input.view.setUint16(at, limited | (random.below(2) << 15), true);
}

/** An x87 memory operand by opcode and /digit, up to 10 bytes. */
export function x87Operand(random: Random, opcode: number, digit: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const kind = [
    "ffffffff",
    "f.ffecec",
    "iiiiiiii",
    "iiii.x.x",
    "dddddddd",
    "didde.en",
    "iiiiiiii",
    "iiiibibi",
  ][opcode - 0xd8]![digit]!;
  switch (kind) {
    case "f":
      putFloat32(random, view, 0);
      break;
    case "d":
      putFloat64(random, view, 0);
      break;
    case "x":
      putFloat80(random, view, 0);
      break;
    case "b":
      for (let i = 0; i < 9; i++) bytes[i] = random.below(10) | (random.below(10) << 4);
      bytes[9] = random.pick([0, 0x80]);
      break;
    case "e":
    case "c":
      view.setUint16(0, controlWord(random), true);
      break;
    default:
      putInteger64(random, view, 0);
  }
  return bytes;
}

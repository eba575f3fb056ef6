/**
 * The approximating instructions against references: the x87's transcendental ones within the units in the last place that SDM
 * vol 1 "Transcendental Instruction Accuracy" allows (1 rounding to nearest, 1.5 in the other modes), RCP and RSQRT within the
 * relative error of SDM vol 2. Trigonometric arguments are reduced by the 66 bits of pi that the hardware has (SDM vol 1
 * "Approximation of Pi").
 */
import { expect, test } from "vitest";
import {
  CODE_ADDRESS,
  CS,
  FX_CONTROL,
  FX_MXCSR,
  FX_ST,
  FX_TAGS,
  FX_XMM,
  INPUT_FX,
  INPUT_MODE,
  INPUT_RFLAGS,
  INPUT_SIZE,
  Input,
  MODE_64,
  NO_TRAP,
  OUTPUT_FX,
  type Output,
  SS,
} from "./case.ts";
import { Core } from "./core.ts";
import { Random } from "./random.ts";
import { FRACTION, ONE, PI, atan2, divide, exp2m1, log2, multiply, sinCos } from "./real.ts";
import { USER_CS, USER_DS } from "./segments.ts";

const CASES = Number(process.env["ACCURACY_CASES"] ?? 400);
const BIAS = 16383;

/** Rounding control and the units in the last place that are allowed. */
const MODES = [
  { name: "to nearest", control: 0, ulps: 1 },
  { name: "down", control: 1, ulps: 1.5 },
  { name: "up", control: 2, ulps: 1.5 },
  { name: "toward zero", control: 3, ulps: 1.5 },
];

interface Real80 {
  mantissa: bigint;
  signExponent: number;
}

/** A random number with an exponent between the two. */
function pick(random: Random, from: number, to: number): Real80 {
  const exponent = from + random.below(to - from + 1);
  let mantissa = random.u64() | (1n << 63n);
  if (random.chance(20)) mantissa = (mantissa >> 40n) << 40n;
  return { mantissa, signExponent: (exponent + BIAS) | (random.below(2) << 15) };
}

/** In units of 2^-FRACTION. */
function exact(x: Real80): bigint {
  const shift = (x.signExponent & 0x7fff) - BIAS - 63 + FRACTION;
  const value = shift >= 0 ? x.mantissa << BigInt(shift) : x.mantissa >> BigInt(-shift);
  return (x.signExponent & 0x8000) !== 0 ? -value : value;
}

/** pi as the hardware has it: 66 bits. */
const PI66 = (PI >> BigInt(FRACTION - 64)) << BigInt(FRACTION - 64);

/** The angle less a multiple of pi/2, and which. */
function reduce(x: bigint): { rest: bigint; quadrant: number } {
  if ((x < 0n ? -x : x) < PI66 / 4n) return { rest: x, quadrant: 0 };
  const half = PI66 / 2n;
  const quotient = (2n * x + (x < 0n ? -half : half)) / (2n * half);
  return { rest: x - quotient * half, quadrant: Number(BigInt.asUintN(2, quotient)) };
}

function trigonometric(x: bigint): { sin: bigint; cos: bigint } {
  const { rest, quadrant } = reduce(x);
  const [s, c] = sinCos(rest);
  return [
    { sin: s, cos: c },
    { sin: c, cos: -s },
    { sin: -s, cos: -c },
    { sin: -c, cos: s },
  ][quadrant]!;
}

interface Instruction {
  name: string;
  code: number[];
  /** ST(0) and, if it has a part in it, ST(1). */
  operands(random: Random): Real80[];
  /** What is wanted, and in which register of the result. */
  wanted(x: bigint, y: bigint): { register: number; value: bigint }[];
}

const angle = (random: Random) => [pick(random, -60, 62)];
const INSTRUCTIONS: Instruction[] = [
  {
    name: "F2XM1",
    code: [0xd9, 0xf0],
    operands: (random) => [pick(random, -60, -1)],
    wanted: (x) => [{ register: 0, value: exp2m1(x) }],
  },
  {
    name: "FYL2X",
    code: [0xd9, 0xf1],
    operands: (random) => {
      const x = pick(random, random.chance(50) ? -1 : -100, random.chance(50) ? 0 : 100);
      return [{ ...x, signExponent: x.signExponent & 0x7fff }, pick(random, -50, 50)];
    },
    wanted: (x, y) => [{ register: 0, value: multiply(log2(x), y) }],
  },
  {
    name: "FYL2XP1",
    code: [0xd9, 0xf9],
    operands: (random) => [pick(random, -60, -3), pick(random, -50, 50)],
    wanted: (x, y) => [{ register: 0, value: multiply(log2(ONE + x), y) }],
  },
  {
    name: "FSIN",
    code: [0xd9, 0xfe],
    operands: angle,
    wanted: (x) => [{ register: 0, value: trigonometric(x).sin }],
  },
  {
    name: "FCOS",
    code: [0xd9, 0xff],
    operands: angle,
    wanted: (x) => [{ register: 0, value: trigonometric(x).cos }],
  },
  {
    name: "FSINCOS",
    code: [0xd9, 0xfb],
    operands: angle,
    wanted: (x) => [
      { register: 0, value: trigonometric(x).cos },
      { register: 1, value: trigonometric(x).sin },
    ],
  },
  {
    name: "FPTAN",
    code: [0xd9, 0xf2],
    operands: angle,
    wanted: (x) => {
      const { sin, cos } = trigonometric(x);
      return [
        { register: 0, value: ONE },
        { register: 1, value: divide(sin, cos) },
      ];
    },
  },
  {
    name: "FPATAN",
    code: [0xd9, 0xf3],
    operands: (random) => [pick(random, -50, 50), pick(random, -50, 50)],
    wanted: (x, y) => [{ register: 0, value: atan2(y, x) }],
  },
];

/** A case with nothing in it but code and a control word. */
function prepare(input: Input, code: readonly number[], control: number): void {
  input.bytes[INPUT_MODE] = MODE_64;
  input.setSelector(CS, USER_CS);
  input.setSelector(SS, USER_DS);
  input.view.setUint32(INPUT_RFLAGS, 0x202, true);
  input.view.setUint16(INPUT_FX + FX_CONTROL, 0x33f | (control << 10), true);
  input.view.setUint32(INPUT_FX + FX_MXCSR, 0x1f80, true);
  input.setReg(4, BigInt(CODE_ADDRESS));
  input.setCode(0x800, code);
}

function resultOf(output: Output, register: number): Real80 {
  const at = OUTPUT_FX + FX_ST + 16 * register;
  return { mantissa: output.u64(at), signExponent: output.u16(at + 8) };
}

/** The distance in units in the last place of what is wanted. */
function ulpsBetween(got: Real80, wanted: bigint): number {
  const magnitude = wanted < 0n ? -wanted : wanted;
  const unit = BigInt(magnitude.toString(2).length - 64);
  const difference = exact(got) - wanted;
  return Number(((difference < 0n ? -difference : difference) << 20n) >> unit) / 2 ** 20;
}

const core = new Core();

test.each(INSTRUCTIONS)("$name", { timeout: 600_000 }, ({ code, operands, wanted }) => {
  for (const { name, control, ulps } of MODES) {
    const random = new Random(control + 1);
    const inputs = new Uint8Array(CASES * INPUT_SIZE);
    const given: Real80[][] = [];
    for (let i = 0; i < CASES; i++) {
      const input = new Input(inputs, i * INPUT_SIZE);
      prepare(input, code, control);
      given.push(operands(random));
      given[i]!.forEach(({ mantissa, signExponent }, n) => {
        input.view.setBigUint64(INPUT_FX + FX_ST + 16 * n, mantissa, true);
        input.view.setUint16(INPUT_FX + FX_ST + 16 * n + 8, signExponent, true);
      });
      input.bytes[INPUT_FX + FX_TAGS] = given[i]!.length === 1 ? 1 : 3;
    }
    let worst = 0;
    core.run(inputs).forEach((output, i) => {
      expect(output.trap).toBe(NO_TRAP);
      const [x, y] = given[i]!;
      for (const { register, value } of wanted(exact(x!), y === undefined ? 0n : exact(y))) {
        worst = Math.max(worst, ulpsBetween(resultOf(output, register), value));
      }
    });
    expect(worst, `rounding ${name}`).toBeLessThan(ulps);
  }
});

test.each([
  { name: "RCPPS", code: [0x0f, 0x53, 0xc1], wanted: (x: number) => 1 / x },
  { name: "RSQRTPS", code: [0x0f, 0x52, 0xc1], wanted: (x: number) => 1 / Math.sqrt(x) },
])("$name: relative error at most 1.5 x 2^-12", ({ code, wanted }) => {
  const random = new Random(7);
  const inputs = new Uint8Array(CASES * INPUT_SIZE);
  for (let i = 0; i < CASES; i++) {
    const input = new Input(inputs, i * INPUT_SIZE);
    prepare(input, code, 0);
    for (let lane = 0; lane < 4; lane++) {
      // Normal, and with a normal reciprocal.
      const bits = ((2 + random.below(250)) << 23) | (random.u32() & 0x7f_ffff);
      input.view.setUint32(INPUT_FX + FX_XMM + 16 + 4 * lane, bits, true);
    }
  }
  let worst = 0;
  core.run(inputs).forEach((output, i) => {
    const input = new Input(inputs, i * INPUT_SIZE);
    for (let lane = 0; lane < 4; lane++) {
      const exactly = wanted(input.view.getFloat32(INPUT_FX + FX_XMM + 16 + 4 * lane, true));
      const got = output.view.getFloat32(OUTPUT_FX + FX_XMM + 4 * lane, true);
      worst = Math.max(worst, Math.abs(got - exactly) / exactly);
    }
  });
  expect(worst).toBeLessThanOrEqual(1.5 * 2 ** -12);
});

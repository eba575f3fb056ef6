/** Memory operands: where they lie, and ModRM, SIB, displacement and registers that lead there, in every addressing form. */
import {
  CODE_ADDRESS,
  CODE_SIZE,
  DATA_ADDRESS,
  MODE_64,
  PAGE,
  RBP,
  RBX,
  RDI,
  READONLY_ADDRESS,
  RSI,
  RSP,
} from "./case.ts";
import type { Random } from "./random.ts";

/** How an operand's address is to be chosen. */
export interface Wish {
  /** Mostly a multiple of this. */
  alignment: number;
  /** Bytes that should lie in the page of data. */
  size: number;
}

/** A linear address for an operand: nearly always in the page of data, else at its ends and wherever an access faults. */
export function pickTarget(random: Random, mode: number, wish: Wish): bigint {
  const kind = random.below(100);
  if (kind < 86) {
    const room = PAGE - wish.size;
    let offset = random.below(room + 1);
    if (random.chance(85)) offset -= offset % wish.alignment;
    return BigInt(DATA_ADDRESS + offset);
  }
  if (kind < 88) return BigInt(DATA_ADDRESS - 1 - random.below(wish.size + 8));
  if (kind < 91) return BigInt(READONLY_ADDRESS - 1 - random.below(wish.size + 8));
  if (kind < 92) return BigInt(READONLY_ADDRESS + PAGE - 1 - random.below(wish.size + 8));
  if (kind < 95) {
    const offset = random.below(PAGE - wish.size + 1);
    return BigInt(READONLY_ADDRESS + (random.chance(80) ? offset - (offset % wish.alignment) : offset));
  }
  if (kind < 96) return BigInt(CODE_ADDRESS + random.below(CODE_SIZE));
  if (kind < 97 || mode !== MODE_64)
    return BigInt(random.pick([0, 0xf000, 0x10_f000, 0x11_2000, 0x12_3000]) + random.below(PAGE));
  if (kind < 98) return random.u64() >> BigInt(random.below(16));
  return (
    random.pick([
      0x0000_7fff_ffff_fff8n,
      0x0000_8000_0000_0000n,
      0xffff_7fff_ffff_ffffn,
      0xffff_8000_0000_0000n,
      0xffff_ffff_ffff_fff8n,
      0x0001_0000_0000_0000n,
      0x8000_0000_0011_0100n,
    ]) + BigInt(random.below(8))
  );
}

/** The bytes of a memory operand, and the registers to be set for it. */
export interface Encoded {
  /** ModRM (reg field 0), SIB, displacement. */
  bytes: number[];
  /** REX.X and REX.B. */
  rex: number;
  registers: [number: number, value: bigint][];
  /** The displacement is relative to the end of the instruction: the last four of `bytes` are to be lessened by its address. */
  isRipRelative: boolean;
  usesStackSegment: boolean;
}

function displacementBytes(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Registers that SDM vol 2 table 2-1 adds, by rm. */
const PAIRS_16 = [[RBX, RSI], [RBX, RDI], [RBP, RSI], [RBP, RDI], [RSI], [RDI], [RBP], [RBX]];

/** What the operand's form needs before its offset is known: whether the default segment is SS. */
export interface Shape {
  kind: "none" | "base" | "index" | "both" | "absolute" | "rip" | "16";
  base: number;
  index: number;
  scale: number;
  /** Bytes of the displacement. */
  displacement: number;
  rm: number;
}

/** Chooses an addressing form. `registers`: how many there are to address with, 8 or 16. */
export function pickShape(random: Random, mode: number, addressBytes: number): Shape {
  const shape: Shape = { kind: "none", base: 0, index: 0, scale: 0, displacement: 0, rm: 0 };
  if (addressBytes === 2) {
    shape.kind = "16";
    shape.rm = random.below(8);
    shape.displacement = random.below(3);
    if (shape.rm === 6 && shape.displacement === 0) shape.displacement = 3;
    return shape;
  }
  const registers = mode === MODE_64 && random.chance(50) ? 16 : 8;
  shape.base = random.below(registers);
  shape.index = random.below(registers);
  shape.scale = random.below(4);
  const kind = random.below(20);
  if (kind < 10) {
    shape.kind = "base";
    shape.displacement = random.pick([0, 1, 1, 4]);
    if ((shape.base & 7) === RBP && shape.displacement === 0) shape.displacement = 1;
  } else if (kind < 15) {
    shape.kind = "both";
    shape.displacement = random.pick([0, 1, 4]);
    if ((shape.base & 7) === RBP && shape.displacement === 0) shape.displacement = 1;
  } else if (kind < 17) shape.kind = "index";
  else if (kind < 18) shape.kind = "absolute";
  else shape.kind = "rip";
  if (shape.index === RSP && (shape.kind === "index" || shape.kind === "both")) shape.kind = "both";
  return shape;
}

export function usesStackSegment(shape: Shape): boolean {
  if (shape.kind === "16")
    return shape.rm === 2 || shape.rm === 3 || (shape.rm === 6 && shape.displacement !== 3);
  return (shape.kind === "base" || shape.kind === "both") && (shape.base === RSP || shape.base === RBP);
}

/** Encodes the form for an operand at `offset` of its segment; `keep` are registers whose value is settled. */
export function encode(
  random: Random,
  mode: number,
  shape: Shape,
  addressBytes: number,
  offset: bigint,
  settled: (register: number) => bigint | undefined,
): Encoded {
  const registers: [number, bigint][] = [];
  const bits = 8 * addressBytes;
  const wrap = (value: bigint) => BigInt.asUintN(bits, value);
  const value = (register: number, choose: () => bigint): bigint => {
    const known = settled(register) ?? registers.find(([number]) => number === register)?.[1];
    if (known !== undefined) return wrap(known);
    const chosen = wrap(choose());
    // What a shorter address leaves out of the register may be anything.
    const garbage = addressBytes < 8 && mode === MODE_64 ? random.u64() << BigInt(bits) : 0n;
    const high = addressBytes === 2 ? BigInt(random.u32() & 0xffff) << 16n : 0n;
    registers.push([register, chosen | (random.chance(40) ? garbage | high : 0n)]);
    return chosen;
  };
  const small = () =>
    random.chance(80) ? BigInt(random.below(64)) : BigInt.asUintN(64, BigInt(-random.below(64)));
  const result = (bytes: number[], rex: number, isRipRelative = false): Encoded => ({
    bytes,
    rex,
    registers,
    isRipRelative,
    usesStackSegment: usesStackSegment(shape),
  });
  const shortDisplacement = BigInt(random.below(256) - 128);

  if (shape.kind === "16") {
    if (shape.displacement === 3) return result([0x06, ...displacementBytes(offset, 2)], 0);
    const used = PAIRS_16[shape.rm]!;
    const displacement =
      shape.displacement === 0
        ? 0n
        : shape.displacement === 1
          ? shortDisplacement
          : BigInt(random.below(65536));
    const index = used.length > 1 ? value(used[1]!, small) : 0n;
    value(used[0]!, () => offset - displacement - index);
    return result(
      [(shape.displacement << 6) | shape.rm, ...displacementBytes(displacement, shape.displacement)],
      0,
    );
  }
  const base = shape.base & 7;
  const index = shape.index & 7;
  const scale = BigInt(1 << shape.scale);
  if (shape.kind === "rip")
    return result([0x05, ...displacementBytes(offset, 4)], random.below(2), mode === MODE_64);
  if (shape.kind === "absolute") {
    return result([0x04, (shape.scale << 6) | 0x25, ...displacementBytes(offset, 4)], random.below(2));
  }
  const rex = (shape.base >> 3) | ((shape.index >> 3) << 1);
  if (shape.kind === "index") {
    const scaled = value(shape.index, () => (random.chance(50) ? small() : (offset & ~7n) / scale)) * scale;
    const bytes = displacementBytes(BigInt.asIntN(64, offset - scaled), 4);
    return result([0x04, (shape.scale << 6) | (index << 3) | 5, ...bytes], rex & 2);
  }
  const mod = shape.displacement === 4 ? 2 : shape.displacement;
  let displacement =
    shape.displacement === 0 ? 0n : shape.displacement === 1 ? shortDisplacement : BigInt(random.u32() | 0);
  if (shape.displacement === 4 && random.chance(70)) displacement >>= BigInt(random.below(28));
  let code: number[];
  if (shape.kind === "base") {
    const known = settled(shape.base);
    if (known !== undefined && shape.displacement === 4) displacement = BigInt.asIntN(32, offset - known);
    value(shape.base, () => offset - displacement);
    code = base === RSP ? [(mod << 6) | 4, (shape.scale << 6) | 0x24] : [(mod << 6) | base];
    return result([...code, ...displacementBytes(displacement, shape.displacement)], rex & 1);
  }
  const scaled =
    shape.index === RSP
      ? 0n
      : shape.index === shape.base
        ? value(shape.index, () => (offset - displacement) / (scale + 1n)) * scale
        : value(shape.index, small) * scale;
  const known = settled(shape.base) ?? registers.find(([number]) => number === shape.base)?.[1];
  if (known !== undefined && shape.displacement === 4)
    displacement = BigInt.asIntN(32, offset - scaled - known);
  value(shape.base, () => offset - displacement - scaled);
  code = [(mod << 6) | 4, (shape.scale << 6) | (index << 3) | base];
  return result([...code, ...displacementBytes(displacement, shape.displacement)], rex);
}

/** Seeded random operands, with a taste for the corners: NaNs, infinities, denormals, unsupported encodings, ties. */

/** xorshift32. The same seed gives the same cases. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** Begins anew for case `number` of what is called `name`. */
  reseed(seed: number, name: string, number: number): void {
    let hash = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b);
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193);
    hash = Math.imul(hash ^ number, 0xc2b2_ae35);
    hash ^= hash >>> 15;
    this.#state = Math.imul(hash, 0x27d4_eb2f) | 0 || 1;
    this.u32();
    this.u32();
  }

  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (Math.imul(x, 0x9e3779b1) ^ (x >>> 15)) >>> 0;
  }

  /** 0 <= result < n. */
  below(n: number): number {
    return this.u32() % n;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}

/** 64 random bits as [low, high], often with long runs of equal bits (where rounding decides). */
function pattern(random: Random): [number, number] {
  let low = random.u32();
  let high = random.u32();
  switch (random.below(8)) {
    case 0:
      low = 0;
      break;
    case 1:
      low = 0xffff_ffff;
      break;
    case 2:
      low = 0;
      high &= random.pick([0xff00_0000, 0xf000_0000, 0xffff_f000, 0x8000_0000]);
      break;
    case 3:
      low = random.pick([0, 1, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff]);
      high = random.pick([0, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff]);
      break;
    case 4: {
      // The last bits that f64 and f32 keep, and those around them.
      low =
        random.pick([0, 0x400, 0x401, 0x3ff, 0x800, 0xc00, 0xbff]) |
        (random.chance(50) ? random.u32() & 0xffff_f000 : 0);
      break;
    }
    case 5:
      low = random.chance(50) ? 0 : 1;
      high = (high & 0xffff_ff00) | random.pick([0, 0x80, 0x7f, 0x81, 0xff]);
      break;
  }
  return [low >>> 0, high >>> 0];
}

/** Writes an 80-bit number. */
export function putFloat80(random: Random, view: DataView, at: number): void {
  let [low, high] = pattern(random);
  let exponent: number;
  const sign = random.below(2) << 15;
  const kind = random.below(40);
  if (kind === 0) {
    low = high = exponent = 0;
  } else if (kind === 1) {
    low = 0;
    high = 0x8000_0000;
    exponent = 0x7fff;
  } else if (kind === 2) {
    exponent = 0x7fff; // NaN of either kind
    high |= 0x8000_0000;
  } else if (kind === 3) {
    exponent = 0; // denormal
    high &= 0x7fff_ffff;
  } else if (kind === 4) {
    exponent = 0; // pseudo-denormal
    high |= 0x8000_0000;
  } else if (kind === 5) {
    exponent = random.pick([0x7fff, 1, 0x3fff, random.below(0x8000)]); // unsupported
    high &= 0x7fff_ffff;
  } else {
    high |= 0x8000_0000;
    switch (random.below(10)) {
      case 0:
        exponent = 1 + random.below(70);
        break;
      case 1:
        exponent = 0x7ffe - random.below(70);
        break;
      case 2:
        exponent = 1 + random.below(0x7ffe);
        break;
      case 3:
        exponent = 0x3fff - 1022 - 60 + random.below(70); // around the smallest f64
        break;
      case 4:
        exponent = 0x3fff - 126 - 30 + random.below(40); // around the smallest f32
        break;
      case 5:
        exponent = 0x3fff + random.pick([127, 128, 1023, 1024, 126, 1022]);
        break;
      case 6:
        exponent = 0x3fff + random.below(66); // integers
        if (random.chance(60)) {
          low = 0;
          if (random.chance(50)) high &= 0xffff_0000;
        }
        break;
      default:
        exponent = 0x3fff - 4 + random.below(9);
    }
  }
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  view.setUint16(at + 8, exponent | sign, true);
}

/** Writes an f64. */
export function putFloat64(random: Random, view: DataView, at: number): void {
  const [low, high] = pattern(random);
  let exponent: number;
  let fraction = high & 0xf_ffff;
  let fractionLow = low;
  switch (random.below(24)) {
    case 0:
      exponent = 0;
      fraction = fractionLow = 0;
      break;
    case 1:
      exponent = 0x7ff;
      fraction = fractionLow = 0;
      break;
    case 2:
      exponent = 0x7ff;
      break;
    case 3:
      exponent = 0;
      break;
    case 4:
      exponent = 1 + random.below(60);
      break;
    case 5:
      exponent = 0x7fe - random.below(60);
      break;
    case 6:
      exponent = random.below(0x800);
      break;
    case 7:
      exponent = 1023 - 126 - 30 + random.below(40);
      break;
    case 8:
      exponent = 1023 + random.pick([126, 127, 128]);
      break;
    case 9:
    case 10:
    case 11:
      exponent = 1023 + random.below(66);
      if (random.chance(60)) {
        fractionLow = 0;
        if (random.chance(50)) fraction &= 0xf_f000;
      }
      break;
    default:
      exponent = 1023 - 4 + random.below(9);
  }
  view.setUint32(at, fractionLow, true);
  view.setUint32(at + 4, ((random.below(2) << 31) | (exponent << 20) | fraction) >>> 0, true);
}

/** Writes an f32. */
export function putFloat32(random: Random, view: DataView, at: number): void {
  let fraction = random.u32() & 0x7f_ffff;
  if (random.chance(40)) fraction &= random.pick([0x7f_f000, 0x70_0000, 0x40_0000, 0x7f_ff00, 0x00_0fff, 1]);
  let exponent: number;
  switch (random.below(20)) {
    case 0:
      exponent = 0;
      fraction = 0;
      break;
    case 1:
      exponent = 0xff;
      fraction = 0;
      break;
    case 2:
      exponent = 0xff;
      break;
    case 3:
      exponent = 0;
      break;
    case 4:
      exponent = 1 + random.below(30);
      break;
    case 5:
      exponent = 0xfe - random.below(30);
      break;
    case 6:
      exponent = random.below(0x100);
      break;
    case 7:
    case 8:
      exponent = 127 + random.below(66);
      break;
    default:
      exponent = 127 - 4 + random.below(9);
  }
  view.setUint32(at, ((random.below(2) << 31) | (exponent << 23) | fraction) >>> 0, true);
}

/** Writes a 64-bit integer, often near a limit of one of the integer types. */
export function putInteger64(random: Random, view: DataView, at: number): void {
  const [low, high] = pattern(random);
  if (random.chance(30)) {
    const value = random.pick([0, 1, -1, 127, 128, -128, 32767, 32768, -32768, 0x7fff_ffff, -0x8000_0000]);
    view.setInt32(at, value, true);
    view.setInt32(at + 4, value < 0 ? -1 : 0, true);
    return;
  }
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
}

/**
 * Byte strings to decode: pure noise, walks over the opcode maps with random prefixes, ModRM and SIB, and mutations of
 * strings that were instructions.
 */
import type { Random } from "../cpu/random.ts";
import { STRIDE } from "./core.ts";

const LEGACY_PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
/** Strings kept for mutation. */
const POOL_STRINGS = 512;
/** One-byte opcodes, then 0F, 0F 38, 0F 3A maps. */
const MAP_OPCODES = 4 * 256;
/** Opcodes of which ModRM makes many instructions. */
const GROUPS = [0x100, 0x101, 0x171, 0x172, 0x173, 0x1ae, 0x1ba, 0x1c7];

export class StringSource {
  #walk = 0;
  readonly #pool = new Uint8Array(POOL_STRINGS * STRIDE);
  #pooled = 0;

  constructor(readonly random: Random) {}

  /** Fills `target` (STRIDE bytes). */
  next(target: Uint8Array): void {
    this.#noise(target);
    const kind = this.random.below(8);
    if (kind < 2) return;
    if (kind < 5 || this.#pooled === 0) this.#walkMaps(target);
    else this.#mutate(target);
  }

  /** A string that was an instruction, to be mutated later. */
  keep(string: Uint8Array): void {
    const slot = this.#pooled < POOL_STRINGS ? this.#pooled++ : this.random.below(POOL_STRINGS);
    this.#pool.set(string, slot * STRIDE);
  }

  #noise(target: Uint8Array): void {
    for (let i = 0; i < STRIDE; i += 4) {
      const word = this.random.u32();
      target[i] = word;
      target[i + 1] = word >>> 8;
      target[i + 2] = word >>> 16;
      target[i + 3] = word >>> 24;
    }
  }

  #prefix(): number {
    const { random } = this;
    return random.chance(40) ? 0x40 | random.below(16) : random.pick(LEGACY_PREFIXES);
  }

  #walkMaps(target: Uint8Array): void {
    const { random } = this;
    let at = 0;
    for (let prefixes = random.pick([0, 0, 1, 1, 1, 2, 2, 3, 5]); prefixes > 0; prefixes--)
      target[at++] = this.#prefix();
    let opcode = this.#walk;
    if (random.chance(15)) opcode = random.pick(GROUPS);
    else this.#walk = (this.#walk + 1) % MAP_OPCODES;
    const map = opcode >>> 8;
    if (map !== 0) target[at++] = 0x0f;
    if (map > 1) target[at++] = map === 2 ? 0x38 : 0x3a;
    target[at++] = opcode;
    // ModRM: noise, but a good share of the register form and of its special cases.
    const modrm = random.u32();
    if (modrm & 0x100) target[at] = 0xc0 | modrm;
    else if (modrm & 0x200) target[at] = (modrm & 0xf8) | random.pick([4, 5, 6]);
    if (modrm & 0x400)
      target[at + 1] = (target[at + 1]! & 0xc0) | random.pick([0x20, 0x25, 0x24, 0x05, 0x2d]);
  }

  #mutate(target: Uint8Array): void {
    const { random } = this;
    const from = random.below(this.#pooled) * STRIDE;
    target.set(this.#pool.subarray(from, from + STRIDE));
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(8);
      switch (random.below(5)) {
        case 0: target[at]! ^= 1 << random.below(8); break; // prettier-ignore
        case 1: target[at] = random.u32(); break; // prettier-ignore
        case 2: target.copyWithin(at, at + 1); break; // prettier-ignore
        case 3:
          target.copyWithin(at + 1, at, STRIDE - 1);
          target[at] = random.u32();
          break;
        default:
          target.copyWithin(1, 0, STRIDE - 1);
          target[0] = this.#prefix();
      }
    }
  }
}

/**
 * Every encoding that the core's decoder takes for an instruction, found by trying: all opcodes of all maps, with the prefixes that
 * choose among them and every ModRM that does. One example of each of iced-x86's encodings, and the Op that it is.
 */
import { Code, Decoder, Instruction } from "iced-x86";
import { RECORD_BYTES, RECORD_OP } from "../../cpu-core/abi/decode_record.ts";
import { Comparison, OPTIONS } from "../decode/compare.ts";
import { DecoderCore, STRIDE } from "../decode/core.ts";

export interface Encoding {
  code: Code;
  /** Number of Op or Simd. */
  op: number;
  bytes: Uint8Array;
  bits: 16 | 32 | 64;
}

/** Opcode bytes of the four maps. */
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const PREFIXES = [[], [0x66], [0xf3], [0xf2]];
/** Memory at [rAX] or [BX+SI], and every register form. */
const MODRMS = [...Array(8).keys()]
  .map((reg) => reg << 3)
  .concat([...Array(64).keys()].map((low) => 0xc0 | low));
const REX_W = 0x48;

/** All strings of one map and prefix. */
function strings(map: readonly number[], prefix: readonly number[], bits: 16 | 32 | 64): number[][] {
  const found: number[][] = [];
  const rexes = bits === 64 ? [[], [REX_W]] : [[]];
  for (const rex of rexes)
    for (let opcode = 0; opcode < 256; opcode++)
      for (const modrm of MODRMS) found.push([...prefix, ...rex, ...map, opcode, modrm]);
  return found;
}

/** By iced's code; the 64-bit example where there is one. */
export function enumerateEncodings(): Map<Code, Encoding> {
  const found = new Map<Code, Encoding>();
  const iced = new Instruction();
  const core = new DecoderCore(2 * 256 * MODRMS.length);
  core.available.fill(STRIDE);
  for (const bits of [64, 32, 16] as const) {
    for (const map of MAPS) {
      for (const prefix of PREFIXES) {
        const all = strings(map, prefix, bits);
        core.strings.fill(0);
        all.forEach((bytes, i) => core.strings.set(bytes, i * STRIDE));
        core.decode(all.length, bits);
        const decoder = new Decoder(bits, core.strings, OPTIONS);
        for (let i = 0; i < all.length; i++) {
          if (!Comparison.isValid(core.records, i * RECORD_BYTES)) continue;
          decoder.position = i * STRIDE;
          decoder.decodeOut(iced);
          if (iced.code === Code.INVALID || found.has(iced.code)) continue;
          const op = core.records.getUint16(i * RECORD_BYTES + RECORD_OP, true);
          const bytes = core.strings.slice(i * STRIDE, i * STRIDE + iced.length);
          found.set(iced.code, { code: iced.code, op, bytes, bits });
        }
        decoder.free();
      }
    }
  }
  return found;
}

/**
 * Many byte strings, decoded by the core and by iced-x86, and compared; and each again with fewer bytes and with repeated
 * prefixes, where the first decoding says what must come out.
 *
 *     npm run test:decode -- --cases N --bits 16|32|64 [--seed S]
 */
import { Code, Decoder, Instruction } from "iced-x86";
import { Random } from "../cpu/random.ts";
import { RECORD_BYTES } from "../../cpu-core/abi/decode_record.ts";
import { Comparison, IP, OPTIONS } from "./compare.ts";
import { DecoderCore, STRIDE } from "./core.ts";
import { Offered } from "./offered.ts";
import { checkPadded, checkTruncated } from "./related.ts";
import { StringSource } from "./strings.ts";

export type Bits = 16 | 32 | 64;

/** Encodings that iced lists but does not decode with our options, and those that are #UD by name. */
const NEVER = /^(Prefetch|Nop_|Ud|Zero_bytes)/;
/** Near branches with 16-bit operands: AMD's, in 64-bit mode. */
const NEVER_64 = /^(J|Call|Ret|Loop).*(_16|rel16|rm16|nw)(_|$)/;
const BATCH = 8192;
/** Failing strings that are told. */
const TOLD = 40;

export interface Outcome {
  cases: number;
  /** Strings that both took for an instruction. */
  valid: number;
  /** iced's encodings that occurred, and those that this CPU offers but did not. */
  encodings: number;
  missing: string[];
  /** The first failures, one line each. */
  failures: string[];
  failed: number;
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

export function runCampaign(bits: Bits, cases: number, seed: number): Outcome {
  const random = new Random(seed);
  const core = new DecoderCore(BATCH);
  const comparison = new Comparison(new Offered(core), bits);
  const source = new StringSource(random);
  const iced = new Instruction();
  const outcome: Outcome = { cases, valid: 0, encodings: 0, missing: [], failures: [], failed: 0 };
  const fail = (string: Uint8Array, what: string): void => {
    outcome.failed++;
    if (outcome.failures.length < TOLD) outcome.failures.push(`${hex(string.subarray(0, 16))}: ${what}`);
  };
  for (let done = 0; done < cases; done += BATCH) {
    const count = Math.min(BATCH, cases - done);
    for (let i = 0; i < count; i++) source.next(core.strings.subarray(i * STRIDE, (i + 1) * STRIDE));
    core.available.fill(STRIDE);
    core.decode(count, bits);
    const decoder = new Decoder(bits, core.strings, OPTIONS);
    for (let i = 0; i < count; i++) {
      decoder.position = i * STRIDE;
      decoder.ip = IP;
      decoder.decodeOut(iced);
      const string = core.strings.subarray(i * STRIDE, (i + 1) * STRIDE);
      const what = comparison.check(core.records, i * RECORD_BYTES, iced);
      if (what !== null) fail(string, `${what} (iced ${Code[iced.code]})`);
      if (Comparison.isValid(core.records, i * RECORD_BYTES)) {
        outcome.valid++;
        source.keep(string);
      }
    }
    decoder.free();
    checkTruncated(core, count, bits, random, fail);
    checkPadded(core, count, bits, random, fail);
  }
  outcome.encodings = comparison.seen.size;
  outcome.missing = comparison.offered
    .encodings(bits)
    .filter(
      (code) =>
        !comparison.seen.has(code) &&
        !NEVER.test(Code[code]!) &&
        !(bits === 64 && NEVER_64.test(Code[code]!)),
    )
    .map((code) => Code[code]);
  return outcome;
}

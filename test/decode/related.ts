/** What must hold between the decodings of related strings, whatever the instruction. */
import {
  RECORD_BYTES,
  RECORD_LENGTH,
  RECORD_OP,
  RECORD_STATUS,
  STATUS_OUT_OF_BYTES,
} from "../../cpu-core/abi/decode_record.ts";
import { numberOf } from "../tables/ops.ts";
import type { Random } from "../cpu/random.ts";
import { Comparison } from "./compare.ts";
import type { DecoderCore } from "./core.ts";
import { STRIDE } from "./core.ts";

const UD = numberOf("UD");
const TOO_LONG = numberOf("TOO_LONG");

/** SDM vol 2 "Instruction Format": more is #GP. */
const MAX_LENGTH = 15;
const LEGACY_PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

type Fail = (string: Uint8Array, what: string) => void;

/** The bytes of record `i` other than `except`. */
function isSame(a: Uint8Array, b: Uint8Array, except: number): boolean {
  for (let i = 0; i < RECORD_BYTES; i++) if (i !== except && a[i] !== b[i]) return false;
  return true;
}

const recordOf = (core: DecoderCore, i: number): Uint8Array =>
  new Uint8Array(core.records.buffer, core.records.byteOffset + i * RECORD_BYTES, RECORD_BYTES);

/**
 * Decodes the strings of the core again with fewer bytes: an instruction that is cut short must say so, one that is whole must
 * be the same.
 */
export function checkTruncated(
  core: DecoderCore,
  count: number,
  bits: 16 | 32 | 64,
  random: Random,
  fail: Fail,
): void {
  const before = new Uint8Array(core.records.buffer, core.records.byteOffset, count * RECORD_BYTES).slice();
  const beforeView = new DataView(before.buffer);
  for (let i = 0; i < count; i++) core.available[i] = random.below(MAX_LENGTH + 1);
  core.decode(count, bits);
  for (let i = 0; i < count; i++) {
    const at = i * RECORD_BYTES;
    const available = core.available[i]!;
    const string = core.strings.subarray(i * STRIDE, (i + 1) * STRIDE);
    const isShort = core.records.getUint8(at + RECORD_STATUS) === STATUS_OUT_OF_BYTES;
    const op = core.records.getUint16(at + RECORD_OP, true);
    if (Comparison.isValid(beforeView, at)) {
      const whole = before.subarray(at, at + RECORD_BYTES);
      const needs = beforeView.getUint8(at + RECORD_LENGTH);
      if (isShort !== available < needs)
        fail(string, `with ${available} bytes of ${needs}: short ${isShort}`);
      else if (!isShort && !isSame(recordOf(core, i), whole, -1))
        fail(string, `differs with ${available} bytes`);
    } else if (beforeView.getUint16(at + RECORD_OP, true) === TOO_LONG) {
      if (isShort !== available < MAX_LENGTH) fail(string, `too long, with ${available} bytes`);
    } else if (!isShort && op !== UD) {
      fail(string, `becomes an instruction with ${available} bytes`);
    }
  }
}

/** Repeats a prefix of the strings up to and beyond 15 bytes: it means the same, until it is too long. */
export function checkPadded(
  core: DecoderCore,
  count: number,
  bits: 16 | 32 | 64,
  random: Random,
  fail: Fail,
): void {
  core.available.fill(STRIDE);
  for (let i = 0; i < count; i++) {
    const string = core.strings.subarray(i * STRIDE, (i + 1) * STRIDE);
    string.copyWithin(1, 0, STRIDE - 1);
    string[0] = random.pick(LEGACY_PREFIXES);
  }
  core.decode(count, bits);
  const before = new Uint8Array(core.records.buffer, core.records.byteOffset, count * RECORD_BYTES).slice();
  const beforeView = new DataView(before.buffer);
  const repeats = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const string = core.strings.subarray(i * STRIDE, (i + 1) * STRIDE);
    const length = beforeView.getUint8(i * RECORD_BYTES + RECORD_LENGTH);
    // About the limit, not anywhere.
    const repeat = Math.max(0, Math.min(MAX_LENGTH - length + random.below(4) - 1, STRIDE - MAX_LENGTH));
    repeats[i] = repeat;
    string.copyWithin(repeat, 0, STRIDE - repeat);
    string.fill(string[repeat]!, 0, repeat);
  }
  core.decode(count, bits);
  for (let i = 0; i < count; i++) {
    const at = i * RECORD_BYTES;
    if (!Comparison.isValid(beforeView, at)) continue;
    const string = core.strings.subarray(i * STRIDE, (i + 1) * STRIDE);
    const length = beforeView.getUint8(at + RECORD_LENGTH) + repeats[i]!;
    const op = core.records.getUint16(at + RECORD_OP, true);
    if ((op === TOO_LONG) !== length > MAX_LENGTH) fail(string, `${length} bytes, Op ${op}`);
    else if (
      length <= MAX_LENGTH &&
      !isSame(recordOf(core, i), before.subarray(at, at + RECORD_BYTES), RECORD_LENGTH)
    )
      fail(string, "a repeated prefix changes the meaning");
  }
}

/**
 * Makes the cases of a form: an instruction with random prefixes, registers and addressing, and state around it that
 * mostly lets it do something, and now and then makes it fault in every way it can.
 *
 * Case `number` of a form depends on nothing but the seed, the form's name and the number.
 */
import { Decoder } from "iced-x86";
import { Op } from "../../cpu-core/ops/op.ts";
import { encode, pickShape, pickTarget, usesStackSegment } from "./address.ts";
import type { Wish } from "./address.ts";
import {
  CODE_ADDRESS,
  CODE_SIZE,
  CS,
  DS,
  ES,
  FS,
  GS,
  INPUT_CODE,
  INPUT_FS_BASE,
  INPUT_FX,
  INPUT_GS_BASE,
  INPUT_MEMORY,
  INPUT_MODE,
  INPUT_RFLAGS,
  Input,
  MEMORY_BYTES,
  MODE_16,
  MODE_32,
  MODE_64,
  FX_MXCSR,
  PAGE,
  RSP,
  SS,
} from "./case.ts";
import { Classifier } from "./classify.ts";
import type { Form } from "./forms.ts";
import { isBranch, isString, prepare, usesStack } from "./prepare.ts";
import { Random, putInteger64 } from "./random.ts";
import {
  CODE16,
  CODE32_SMALL,
  DATA16_NEAR,
  DATA32_NEAR,
  DATA_SELECTORS,
  USER32_CS,
  USER_CS,
  USER_DS,
  ldtSelector,
  loaded,
} from "./segments.ts";
import { fillMemory, fillVectors, fillX87, flavourOf, mxcsr } from "./values.ts";

const CODE_MIDDLE = 0x800;
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const FLAG_DF = 0x400;
const FLAG_NT = 0x4000;
const FLAG_AC = 0x4_0000;
const FLAG_ID = 0x20_0000;
const MAX_TRIES = 30;

/** A case being made. */
export interface Building {
  random: Random;
  form: Form;
  input: Input;
  mode: number;
  operandBytes: number;
  addressBytes: number;
  /** Registers whose value is settled: addressing works with them as they are. */
  settled: Map<number, bigint>;
  /** REX bits W R X B. */
  rex: number;
  /** The register that the reg and rm fields name; -1: none. */
  reg: number;
  rm: number;
  /** Linear address of the memory operand. */
  target: bigint | null;
  /** Bytes that follow ModRM, SIB and displacement; more than needed. */
  tail: number[];
  repeat: number;
}

/** Writes bytes where a linear address in the page of data lies; the page is the window repeated. */
export function putMemory(input: Input, address: bigint, bytes: ArrayLike<number>): void {
  const at = Number(address & BigInt(MEMORY_BYTES - 1));
  for (let i = 0; i < bytes.length; i++)
    input.bytes[INPUT_MEMORY + ((at + i) & (MEMORY_BYTES - 1))] = bytes[i]!;
}

/** The base of a segment of the case; 0 in 64-bit mode for all but FS and GS. */
export function segmentBase(input: Input, segment: number): bigint {
  if (input.mode === MODE_64) {
    if (segment === FS) return input.view.getBigUint64(INPUT_FS_BASE, true);
    if (segment === GS) return input.view.getBigUint64(INPUT_GS_BASE, true);
    return 0n;
  }
  return BigInt(loaded(input.selector(segment)).base);
}

/** Whether some processor has an instruction of these bytes. */
function isSomewhereDefined(bytes: readonly number[], mode: number): boolean {
  const decoder = new Decoder([16, 32, 64][mode]!, new Uint8Array(bytes), 0);
  const instruction = decoder.decode();
  const isDefined = !instruction.isInvalid;
  instruction.free();
  decoder.free();
  return isDefined;
}

export class Generator {
  readonly #classifier: Classifier;
  readonly #random = new Random(1);

  constructor(classifier: Classifier) {
    this.#classifier = classifier;
  }

  /** Fills `input` with case `number` of `form`. */
  build(form: Form, number: number, seed: number, input: Input): void {
    const random = this.#random;
    random.reseed(seed, form.name, number);
    input.bytes.fill(0);
    const { mode } = form;
    input.bytes[INPUT_MODE] = mode;
    this.#fillState(form, input);
    if (form.undefined !== undefined) {
      this.#undefinedInstruction(form, input, form.undefined);
      return;
    }
    const b: Building = {
      random,
      form,
      input,
      mode,
      operandBytes: 0,
      addressBytes: 0,
      settled: new Map(),
      rex: 0,
      reg: -1,
      rm: -1,
      target: null,
      tail: [],
      repeat: 0,
    };
    const before = input.bytes.slice();
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) input.bytes.set(before);
      if (this.#instruction(b, attempt)) break;
      if (attempt === MAX_TRIES) throw new Error(`no encoding of ${form.name}`);
    }
    if (mode !== MODE_64) this.#cutRegisters(input);
  }

  /** Outside 64-bit mode there are eight registers of 32 bits. */
  #cutRegisters(input: Input): void {
    for (let i = 0; i < 8; i++) input.view.setUint32(8 * i + 4, 0, true);
    input.bytes.fill(0, 64, 128);
  }

  #fillState(form: Form, input: Input): void {
    const random = this.#random;
    const { view } = input;
    for (let i = 0; i < 16; i++) putInteger64(random, view, 8 * i);
    let flags = 0x202 | (random.u32() & 0x8d5);
    if (random.chance(isString(form.op) ? 40 : 10)) flags |= FLAG_DF;
    if (random.chance(6)) flags |= FLAG_AC;
    if (random.chance(3)) flags |= FLAG_NT;
    if (random.chance(20)) flags |= FLAG_ID;
    view.setUint32(INPUT_RFLAGS, flags, true);
    const flavour = flavourOf(form);
    fillMemory(random, input, flavour === "x87" ? "int" : flavour);
    fillVectors(random, input, flavour === "x87" ? "int" : flavour);
    if (flavour === "x87" || form.mnemonic === "wait") fillX87(random, input);
    else if (form.kind !== "none" && random.chance(3)) {
      // MMX instructions, too, wait for a pending x87 exception.
      fillX87(random, input);
      view.setUint32(INPUT_FX + FX_MXCSR, mxcsr(random), true);
    }
    this.#pickSegments(input);
  }

  #pickSegments(input: Input): void {
    const random = this.#random;
    const { mode, view } = input;
    if (mode === MODE_64) {
      input.setSelector(CS, USER_CS);
      input.setSelector(SS, USER_DS);
      for (const segment of [ES, DS]) input.setSelector(segment, random.pick([0, 0, USER_DS]));
      for (const at of [INPUT_FS_BASE, INPUT_GS_BASE]) {
        // Canonical.
        const base = random.pick([0n, BigInt(random.u32()), BigInt.asIntN(48, random.u64()), 0x11_0000n]);
        view.setBigUint64(at, BigInt.asUintN(64, base), true);
      }
      return;
    }
    const near = mode === MODE_16;
    const usual = () => {
      if (random.chance(near ? 15 : 70)) return USER_DS;
      if (random.chance(70)) return random.chance(50) ? DATA32_NEAR : DATA16_NEAR;
      return random.pick(DATA_SELECTORS);
    };
    if (mode === MODE_16) input.setSelector(CS, CODE16);
    else input.setSelector(CS, random.chance(85) ? USER32_CS : CODE32_SMALL);
    const stack = random.below(100);
    if (mode === MODE_16)
      input.setSelector(SS, stack < 70 ? DATA16_NEAR : stack < 80 ? DATA32_NEAR : usual());
    else input.setSelector(SS, stack < 75 ? USER_DS : stack < 85 ? DATA16_NEAR : usual());
    for (const segment of [ES, DS, FS, GS]) {
      const kind = random.below(100);
      // Read-only, code, null.
      if (kind < 4) input.setSelector(segment, random.pick([8, 1, 2].map(ldtSelector)));
      else if (kind < 6) input.setSelector(segment, random.below(4));
      else input.setSelector(segment, usual());
    }
  }

  /** Tries to encode the form; false if the bytes turned out to be another instruction. */
  #instruction(b: Building, attempt: number): boolean {
    const { form, input, random, mode } = b;
    // m16:64 is Intel's alone (SDM vol 2 "JMP", "LSS"): AMD ignores REX.W there.
    const noRexW =
      form.op === Op.LOAD_FAR || form.op === Op.JMP_FAR_INDIRECT || form.op === Op.CALL_FAR_INDIRECT;
    const plain = attempt > MAX_TRIES - 4;
    b.settled.clear();
    b.target = null;
    const string = isString(form.op);
    const prefixes: number[] = form.mandatory === 0 ? [] : [form.mandatory];
    const near66 = mode === MODE_64 && isBranch(form.op);
    // QUIRK of this comparison: AMD obeys 66 on near branches in 64-bit mode, Intel ignores it (SDM vol 2 "JMP": operand
    // size is forced to 64 bits), so such cases are left out.
    const operand16 = !plain && !near66 && form.neutral.includes(0x66) && random.chance(25);
    if (operand16) prefixes.push(0x66);
    const addressChance = mode === MODE_16 ? 30 : form.kind === "memory" || string ? 14 : 5;
    const addressSize = !plain && random.chance(addressChance);
    if (addressSize) prefixes.push(0x67);
    // With LOOPE and LOOPNE they are "reserved" (SDM vol 2 "Instruction Prefixes"), and AMD takes the condition from them;
    // F3 BSF and F3 BSR are TZCNT and LZCNT where there are these.
    const noRepeat = [Op.LOOPE, Op.LOOPNE, Op.BSF, Op.BSR].includes(form.op);
    if (!plain && random.chance(3)) {
      // Once more, or one that may be there for nothing.
      const more = random.pick([0x66, 0x67, 0xf3, 0xf2, 0x2e, 0x3e, ...prefixes]);
      if ((more !== 0x66 || !near66) && (more < 0xf0 || !noRepeat)) prefixes.push(more);
    }
    const isOperand16 = prefixes.includes(0x66) && form.mandatory !== 0x66;
    const isAddressSize = prefixes.includes(0x67);
    b.addressBytes =
      mode === MODE_64 ? (isAddressSize ? 4 : 8) : (mode === MODE_32) === isAddressSize ? 2 : 4;
    let override = -1;
    if (!plain && random.chance(form.kind === "memory" || string ? 18 : 3)) {
      const which = random.below(6);
      prefixes.push(SEGMENT_PREFIXES[which]!);
      if (mode !== MODE_64 || which >= FS) override = which;
    }
    const locked = !plain && random.chance(form.kind === "memory" ? 8 : 1);
    if (locked) prefixes.push(0xf0);
    b.repeat = 0;
    if (!plain && !noRepeat && random.chance(string ? 60 : 4)) {
      const repeat = random.pick([0xf3, 0xf2]);
      if (form.neutral.includes(repeat)) {
        prefixes.push(repeat);
        b.repeat = repeat;
      }
    }
    // In any order; of F2 and F3 the last counts.
    for (let i = prefixes.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [prefixes[i], prefixes[j]] = [prefixes[j]!, prefixes[i]!];
    }
    b.rex =
      mode === MODE_64 && random.chance(60)
        ? (random.chance(40) && !noRexW ? 8 : 0) | (random.chance(50) ? random.below(8) : 0)
        : 0;
    const bareRex = mode === MODE_64 && b.rex === 0 && random.chance(10);
    b.operandBytes =
      mode === MODE_64
        ? (b.rex & 8) !== 0
          ? 8
          : isOperand16
            ? 2
            : 4
        : (mode === MODE_32) === isOperand16
          ? 2
          : 4;

    const opcode = [...form.opcode];
    b.tail = this.#immediate();
    b.reg = form.modrm >= 0 ? (form.modrm >> 3) & 7 : form.digit >= 0 ? form.digit : random.below(8);
    b.rm = form.modrm >= 0 ? form.modrm & 7 : random.below(8);
    if (form.inOpcode) {
      b.rm = random.below(8);
      opcode[opcode.length - 1]! |= b.rm;
    }
    // The stack pointer, which is good for a few pushes.
    const stack = pickTarget(random, mode, { alignment: 8, size: 256 });
    const stackOffset = stack - segmentBase(input, SS);
    input.setReg(RSP, stackOffset);
    if (usesStack(form.op)) b.settled.set(RSP, stackOffset);

    let operand: number[] = [];
    let displacementAt = -1;
    if (form.kind === "memory") {
      const wish = prepare(b, "address", stack) as Wish;
      const shape = pickShape(random, mode, b.addressBytes);
      const segment = override >= 0 ? override : usesStackSegment(shape) ? SS : DS;
      b.target = pickTarget(random, mode, wish);
      const offset = b.target - segmentBase(input, segment);
      const encoded = encode(random, mode, shape, b.addressBytes, offset, (register) =>
        b.settled.get(register),
      );
      for (const [register, value] of encoded.registers) {
        input.setReg(register, value);
        b.settled.set(register, value);
      }
      b.rex = (b.rex & 12) | encoded.rex;
      operand = encoded.bytes;
      operand[0]! |= b.reg << 3;
      if (encoded.isRipRelative) displacementAt = operand.length - 4;
    } else if (form.kind === "register") {
      operand = [0xc0 | (b.reg << 3) | b.rm];
    }
    if (mode === MODE_64) {
      b.reg |= (b.rex & 4) << 1;
      b.rm |= (b.rex & 1) << 3;
    }
    prepare(b, "operands", stack);

    const rex = b.rex !== 0 || bareRex ? [0x40 | b.rex] : [];
    if (mode === MODE_64 && prefixes.length > 0 && random.chance(3))
      prefixes.splice(random.below(prefixes.length), 0, 0x40 | random.below(16));
    let head = [...prefixes, ...rex, ...opcode, ...operand];
    if (!plain && random.chance(1)) {
      // Around the limit of 15 bytes.
      const { length } = this.#classifier.classify([...head, ...b.tail].slice(0, 20), mode);
      const padding = 14 + random.below(3) - length;
      if (padding > 0 && length > 0)
        head = [...Array.from({ length: padding }, () => random.pick([0x2e, 0x3e, 0x26])), ...head];
    }
    return this.#finish(
      b,
      head,
      locked,
      displacementAt < 0 ? -1 : head.length - operand.length + displacementAt,
    );
  }

  #finish(b: Building, head: readonly number[], locked: boolean, displacementAt: number): boolean {
    const { form, input, random, mode } = b;
    const bytes = [...head, ...b.tail].slice(0, 24);
    const classified = this.#classifier.classify(bytes, mode);
    const isWrong = classified.op !== form.op && classified.op !== Op.UD && classified.op !== Op.TOO_LONG;
    // A form as common as XCHG has NOP among its encodings.
    if (isWrong && !(form.inOpcode && classified.op === Op.NOP)) return false;
    // Whether what is too long and undefined is #GP or #UD is not said.
    if (classified.op === Op.UD && (!locked || head.length > 12)) return false;
    const length = classified.op === Op.TOO_LONG ? 16 : classified.length;
    let offset = CODE_MIDDLE + random.below(16);
    if (random.chance(4)) offset = PAGE - 1 - random.below(length);
    else if (random.chance(1)) offset = CODE_SIZE - 1 - random.below(length);
    if (displacementAt >= 0) {
      const end = BigInt(CODE_ADDRESS + offset + length);
      const displacement = b.target! - end;
      for (let i = 0; i < 4; i++) bytes[displacementAt + i] = Number((displacement >> BigInt(8 * i)) & 0xffn);
    }
    input.setCode(offset, bytes.slice(0, length));
    return !isBranch(form.op) || this.#branchLeaves(b, offset, length);
  }

  /** A relative branch must not lead back into its own bytes, where it might never end. */
  #branchLeaves(b: Building, offset: number, length: number): boolean {
    const { input, form, mode } = b;
    const last = form.opcode[form.opcode.length - 1]!;
    const wide = (form.opcode.length === 2 && (last & 0xf0) === 0x80) || last === 0xe8 || last === 0xe9;
    const isShort =
      form.opcode.length === 1 && ((last & 0xf0) === 0x70 || (last & 0xfc) === 0xe0 || last === 0xeb);
    if (!wide && !isShort) return true;
    const bytes = isShort ? 1 : mode === MODE_64 ? 4 : b.operandBytes;
    const at = INPUT_CODE + length - bytes;
    const { view } = input;
    const relative =
      bytes === 1 ? view.getInt8(at) : bytes === 2 ? view.getInt16(at, true) : view.getInt32(at, true);
    let target = (offset + length + relative) & 0xffff;
    if (bytes === 4) target = offset + length + relative;
    return target < offset - 16 || target >= offset + length;
  }

  #immediate(): number[] {
    const random = this.#random;
    const corner = random.pick([0, 1, 0x7f, 0x80, 0xff, -1]);
    const kind = random.below(10);
    return Array.from({ length: 12 }, (_, i) => {
      if (kind < 5) return random.below(256);
      if (kind < 7) return i === 0 ? random.below(66) : 0;
      return i === 0 ? corner & 0xff : corner < 0 ? 0xff : 0;
    });
  }

  /** Bytes that are no instruction, with some prefixes that do not change that. */
  #undefinedInstruction(form: Form, input: Input, encodings: readonly number[][]): void {
    const random = this.#random;
    const { mode } = form;
    for (;;) {
      const encoding = [...random.pick(encodings)];
      const rex = mode === MODE_64 && random.chance(20) ? [0x40 | random.below(16)] : [];
      const isPrefixed = encoding[0] === 0x66 || encoding[0] === 0xf2 || encoding[0] === 0xf3;
      const bytes = [
        ...(random.chance(5) ? [random.pick([0x2e, 0x3e, 0x67])] : []),
        ...(isPrefixed ? encoding.splice(0, 1) : []),
        ...rex,
        ...encoding,
        ...this.#immediate(),
      ].slice(0, 15);
      if (this.#classifier.classify(bytes, mode).op !== Op.UD || isSomewhereDefined(bytes, mode)) continue;
      input.setReg(RSP, pickTarget(random, mode, { alignment: 8, size: 256 }) - segmentBase(input, SS));
      input.setCode(CODE_MIDDLE, bytes);
      if (mode !== MODE_64) this.#cutRegisters(input);
      return;
    }
  }
}

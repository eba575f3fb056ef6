/** What single instructions need so that a case of theirs is worth running: pointers, counts, frames, selectors, images. */
import { Op } from "../../cpu-core/ops/op.ts";
import { Simd } from "../../cpu-core/ops/simd_op.ts";
import { type Wish, pickTarget } from "./address.ts";
import {
  CODE_ADDRESS,
  DS,
  ES,
  FX_MXCSR,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  INPUT_FX,
  INPUT_MEMORY,
  MEMORY_BYTES,
  MODE_64,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  SS,
} from "./case.ts";
import { type Building, putMemory, segmentBase } from "./generate.ts";
import {
  ALL_SELECTORS,
  CODE16,
  CODE32_SMALL,
  DATA16_NEAR,
  DATA32_NEAR,
  USER32_CS,
  USER_CS,
  USER_DS,
} from "./segments.ts";
import { fill, limitArgument, mxcsr, x87Operand } from "./values.ts";

const STRINGS = new Set<number>([Op.MOVS, Op.STOS, Op.LODS, Op.SCAS, Op.CMPS, Op.INS, Op.OUTS]);
const BRANCHES = new Set<number>([
  ...[Op.JCC, Op.JMP, Op.CALL, Op.JMP_INDIRECT, Op.CALL_INDIRECT, Op.RET],
  ...[Op.LOOP, Op.LOOPE, Op.LOOPNE, Op.JCXZ],
]);
const SEGMENT_LOADS = new Set<number>([
  Op.MOV_TO_SREG,
  Op.POP_SREG,
  Op.LAR,
  Op.LSL,
  Op.VERR,
  Op.VERW,
  Op.ARPL,
]);
const STACK = new Set<number>([
  ...[Op.PUSH, Op.POP, Op.PUSHF, Op.POPF, Op.PUSHA, Op.POPA, Op.PUSH_SREG, Op.POP_SREG, Op.ENTER, Op.LEAVE],
  ...[Op.CALL, Op.CALL_INDIRECT, Op.RET, Op.CALL_FAR, Op.CALL_FAR_INDIRECT, Op.RET_FAR, Op.IRET],
]);

export const isString = (op: number): boolean => STRINGS.has(op);
export const isBranch = (op: number): boolean => BRANCHES.has(op);
export const isSegmentLoad = (op: number): boolean => SEGMENT_LOADS.has(op);
export const isFarReturn = (op: number): boolean => op === Op.RET_FAR || op === Op.IRET;
export const usesStack = (op: number): boolean => STACK.has(op);

/** Somewhere in the pages of code where there is INT3. */
function codeOffset(b: Building): number {
  return b.random.chance(50) ? 0x100 + b.random.below(0x600) : 0x900 + b.random.below(0x600);
}

/** A place to jump to: mostly INT3, sometimes data, nothing, or no address at all. */
function jumpTarget(b: Building): bigint {
  const { random, mode } = b;
  if (random.chance(80)) {
    const based = (b.input.selector(1) & 4) !== 0;
    return BigInt((based ? 0 : CODE_ADDRESS) + codeOffset(b));
  }
  return pickTarget(random, mode, { alignment: 1, size: 8 });
}

function little(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Selector and offset of somewhere to go by a far transfer. */
function farTarget(b: Building): { selector: number; offset: bigint } {
  const { random, input } = b;
  // Whether the stack's base counts while code of another mode is entered is told differently by Intel ("CALL", "RET": pushed and
  // released as it is) and done differently by AMD (by the rules of 64-bit mode).
  const noLongMode = b.mode !== MODE_64 && (input.selector(SS) & 4) !== 0;
  const avoid = (selector: number) => (noLongMode && (selector | 3) === USER_CS ? USER32_CS : selector);
  if (random.chance(30)) return { selector: avoid(random.pick(ALL_SELECTORS)), offset: jumpTarget(b) };
  const selector = avoid(random.pick([USER32_CS, USER_CS, CODE16, CODE32_SMALL, USER32_CS, USER_CS]));
  const based = (selector & 4) !== 0;
  return { selector, offset: BigInt((based ? 0 : CODE_ADDRESS) + codeOffset(b)) };
}

/** Alignment and size of the memory operand, and registers that must be settled before it is addressed. */
function beforeAddress(b: Building): Wish {
  const { form, random } = b;
  switch (form.op) {
    case Op.BT:
    case Op.BTS:
    case Op.BTR:
    case Op.BTC:
      if (form.digit < 0) {
        // The bit may be far from the operand.
        const offset = random.chance(85) ? BigInt(random.below(2048) - 1024) : random.u64();
        const reg = b.reg | (b.mode === MODE_64 ? (b.rex & 4) << 1 : 0);
        const value = BigInt.asUintN(64, offset);
        b.input.setReg(reg, value);
        b.settled.set(reg, value);
      }
      return { alignment: 8, size: 16 };
    case Op.X87:
      return {
        alignment: 8,
        size:
          (form.opcode[0] === 0xd9 || form.opcode[0] === 0xdd) && (form.digit === 4 || form.digit === 6)
            ? 108
            : 16,
      };
    case Op.XSAVE:
    case Op.XSAVEC:
    case Op.XSAVEOPT:
    case Op.XRSTOR: {
      // Components that the core has: x87 and SSE.
      const components =
        BigInt(random.below(4)) | (random.chance(20) ? random.u64() & 0xffff_fff0_0000_0000n : 0n);
      for (const [register, value] of [
        [RAX, components],
        [RDX, 0n],
      ] as const) {
        b.input.setReg(register, value);
        b.settled.set(register, value);
      }
      return { alignment: random.chance(90) ? 64 : 16, size: 576 };
    }
    case Simd.FXSAVE:
    case Simd.FXRSTOR:
      return random.chance(90) ? { alignment: 512, size: 512 } : { alignment: 16, size: 512 };
    case Op.CMPXCHG8B:
      return { alignment: 16, size: 16 };
    case Op.ROL:
    case Op.ROR:
    case Op.RCL:
    case Op.RCR:
    case Op.SHL:
    case Op.SHR:
    case Op.SAR:
    case Op.SHLD:
    case Op.SHRD:
      settleCount(b);
      return { alignment: 8, size: 16 };
  }
  return { alignment: form.op >= Op.SIMD ? 16 : 8, size: 16 };
}

/** A count in CL that is not always far too large. */
function settleCount(b: Building): void {
  if (b.random.chance(60)) {
    const value = (b.input.reg(RCX) & ~0xffn) | BigInt(b.random.below(66));
    b.input.setReg(RCX, value);
    b.settled.set(RCX, value);
  }
}

/** Points a register of a string instruction at the data through its segment. */
function pointAt(b: Building, register: number, segment: number, size: number): void {
  const { input, random, mode } = b;
  const target = pickTarget(random, mode, { alignment: random.pick([1, 4, 16]), size });
  let value = target - segmentBase(input, segment);
  if (b.addressBytes < 8 && random.chance(40)) {
    const bits = BigInt(8 * b.addressBytes);
    value = BigInt.asUintN(Number(bits), value) | (random.u64() << bits);
  }
  input.setReg(register, value);
}

function prepareString(b: Building): void {
  const { random, input } = b;
  const size = random.chance(70) ? 64 : 600;
  pointAt(b, RSI, DS, size);
  pointAt(b, RDI, ES, size);
  if (random.chance(15)) {
    // Overlapping.
    input.setReg(RDI, input.reg(RSI) + BigInt(random.below(17) - 8));
  }
  let count = BigInt(random.below(random.chance(80) ? 20 : 200));
  if (random.chance(4)) count = random.u64() & 0xffffn;
  if (random.chance(10)) count = 0n;
  if (b.addressBytes < 8 && random.chance(40)) count |= random.u64() << BigInt(8 * b.addressBytes);
  input.setReg(RCX, count);
  // Comparisons go on for a while if much is equal.
  if (random.chance(50)) {
    input.bytes.fill(random.below(2) * 0x41, INPUT_MEMORY, INPUT_MEMORY + MEMORY_BYTES - random.below(100));
    if (random.chance(50)) input.setReg(RAX, random.pick([0n, 0x4141_4141_4141_4141n]));
  }
}

/** Everything else, once the operand's address is known: `stack` is the linear address of the top of the stack. */
function afterAddress(b: Building, stack: bigint): void {
  const { form, input, random, mode, target } = b;
  const { op } = form;
  const size = b.operandBytes;
  const operand = (bytes: ArrayLike<number>) => {
    if (target !== null) putMemory(input, target, bytes);
  };
  const isFree = (register: number) => !b.settled.has(register);
  if (isString(op)) prepareString(b);
  switch (op) {
    case Op.X87:
      if (form.kind === "memory") operand(x87Operand(random, form.opcode[0]!, form.digit));
      if (form.mnemonic === "f2xm1") limitArgument(random, input, 0x3ffe);
      if (form.mnemonic === "fyl2xp1") limitArgument(random, input, 0x3ffc);
      return;
    case Op.XLAT:
      pointAt(b, RBX, DS, 300);
      return;
    case Simd.MASKMOVQ:
    case Simd.MASKMOVDQU:
      // What faults for bytes that are masked out is up to the processor: within the page.
      input.setReg(RDI, BigInt(0x11_0100 + random.below(0x800)) - segmentBase(input, DS));
      return;
    case Op.DIV:
    case Op.IDIV:
      if (random.chance(60)) {
        const high = random.pick([0n, 0n, 1n, 0xffff_ffff_ffff_ffffn]);
        if (isFree(RDX)) input.setReg(RDX, high);
        if (isFree(RAX) && form.opcode[0] === 0xf6) input.setReg(RAX, BigInt(random.below(0x300)));
      }
      return;
    case Op.ROL:
    case Op.ROR:
    case Op.RCL:
    case Op.RCR:
    case Op.SHL:
    case Op.SHR:
    case Op.SAR:
      if (form.kind === "register") settleCount(b);
      return;
    case Op.SHLD:
    case Op.SHRD:
      // Counts beyond 16 bits leave the result undefined. SDM vol 2 "SHLD".
      if (form.kind === "register") settleCount(b);
      if (size === 2) {
        b.tail[0] = random.below(17) | (random.below(8) << 5);
        if (isFree(RCX) || b.settled.get(RCX) === input.reg(RCX)) {
          const low = input.reg(RCX) & 31n;
          if (low > 16n) input.setReg(RCX, input.reg(RCX) & ~0x10n);
        }
      }
      return;
    case Op.CMPXCHG: {
      if (!random.chance(50) || !isFree(RAX)) return;
      if (target === null) input.setReg(RAX, input.reg(b.rm));
      else input.setReg(RAX, windowAt(b, target));
      return;
    }
    case Op.CMPXCHG8B: {
      if (target === null || !random.chance(60)) return;
      const low = windowAt(b, target);
      const high = windowAt(b, target + 8n);
      const wide = (b.rex & 8) !== 0;
      if (isFree(RAX)) input.setReg(RAX, low);
      if (isFree(RDX)) input.setReg(RDX, wide ? high : low >> 32n);
      return;
    }
    case Op.BOUND: {
      if (target === null || !random.chance(60)) return;
      const value = BigInt.asIntN(8 * size, input.reg(b.reg & 7));
      const low = value - BigInt(random.below(100));
      operand([...little(low, size), ...little(low + BigInt(random.below(200)), size)]);
      return;
    }
    case Op.LOOP:
    case Op.LOOPE:
    case Op.LOOPNE:
    case Op.JCXZ:
      if (random.chance(40)) {
        const bits = BigInt(8 * b.addressBytes);
        input.setReg(RCX, BigInt(random.below(3)) | (bits < 64n ? random.u64() << bits : 0n));
      }
      return;
    case Op.JMP_INDIRECT:
    case Op.CALL_INDIRECT: {
      const to = jumpTarget(b);
      if (target === null) input.setReg(b.rm, b.rm === RSP ? input.reg(RSP) : to);
      else operand(little(to, mode === MODE_64 ? 8 : size));
      return;
    }
    case Op.RET:
      putMemory(input, stack, little(jumpTarget(b), mode === MODE_64 ? 8 : size));
      return;
    case Op.JMP_FAR_INDIRECT:
    case Op.CALL_FAR_INDIRECT: {
      const { selector, offset } = farTarget(b);
      operand([...little(offset, size), ...little(BigInt(selector), 2)]);
      return;
    }
    case Op.JMP_FAR:
    case Op.CALL_FAR: {
      const { selector, offset } = farTarget(b);
      b.tail = [...little(offset, size), ...little(BigInt(selector), 2), 0, 0, 0, 0];
      return;
    }
    case Op.RET_FAR:
    case Op.IRET: {
      const { selector, offset } = farTarget(b);
      const flags = random.u32() & 0x0004_0ed5;
      const sp = pickTarget(random, mode, { alignment: 8, size: 64 });
      const ss = random.chance(80)
        ? random.pick([USER_DS, DATA16_NEAR, DATA32_NEAR])
        : random.pick(ALL_SELECTORS);
      const frame =
        op === Op.IRET
          ? [offset, BigInt(selector), BigInt(flags), sp, BigInt(ss)]
          : [offset, BigInt(selector)];
      putMemory(
        input,
        stack,
        frame.flatMap((value) => little(value, size)),
      );
      return;
    }
    case Op.LOAD_FAR:
      operand([...little(random.u64(), size), ...little(BigInt(random.pick(ALL_SELECTORS)), 2)]);
      return;
    case Op.POP_SREG:
      if (random.chance(90)) putMemory(input, stack, little(BigInt(random.pick(ALL_SELECTORS)), 2));
      return;
    case Op.MOV_TO_SREG:
    case Op.LAR:
    case Op.LSL:
    case Op.VERR:
    case Op.VERW: {
      const selector = BigInt(random.pick(ALL_SELECTORS));
      if (target !== null) operand(little(selector, 2));
      else if (b.rm !== RSP) input.setReg(b.rm, (input.reg(b.rm) & ~0xffffn) | selector);
      return;
    }
    case Op.POPF: {
      // Without TF, which would trap, and NT.
      const flags = (random.u32() & 0x0024_0ed5) | 0x202;
      putMemory(input, stack, little(BigInt(flags), 4));
      return;
    }
    case Op.ENTER: {
      const frame = pickTarget(random, mode, { alignment: 8, size: 256 });
      input.setReg(RBP, frame + (random.chance(50) ? 200n : 0n) - segmentBase(input, SS));
      b.tail = [
        random.below(256),
        random.chance(90) ? 0 : random.below(256),
        random.chance(50) ? 0 : random.below(256),
        0,
        0,
        0,
      ];
      return;
    }
    case Op.LEAVE:
      input.setReg(RBP, pickTarget(random, mode, { alignment: 8, size: 64 }) - segmentBase(input, SS));
      return;
    case Op.INT:
      // Linux answers INT 80H.
      if (b.tail[0] === 0x80) b.tail[0] = 0x81;
      return;
    case Op.JCC:
    case Op.JMP:
    case Op.CALL:
      if (form.opcode.length === 2 || form.opcode[0] === 0xe8 || form.opcode[0] === 0xe9) {
        const away = BigInt(random.chance(70) ? random.below(0x1000) - 0x7e0 : random.u32() | 0);
        b.tail = little(BigInt.asUintN(64, away), 8);
      }
      return;
    case Simd.LDMXCSR:
      operand(
        little(BigInt((mxcsr(random) | (random.chance(20) ? 1 << (18 + random.below(14)) : 0)) >>> 0), 4),
      );
      return;
    case Simd.FXRSTOR:
      operand(fxImage(b));
      return;
    case Op.XRSTOR:
      // The header lies behind the image, and so, in the window repeated, over its beginning: mostly what it should be.
      operand(fxImage(b));
      if (random.chance(80)) operand(xsaveHeader(b));
      return;
    case Simd.PCMPESTRI:
    case Simd.PCMPESTRM:
      for (const register of [RAX, RDX]) {
        const length = BigInt(random.below(24) - 4) | (random.chance(20) ? 0xffff_ffff_0000_0000n : 0n);
        if (isFree(register)) input.setReg(register, length);
      }
      return;
  }
  // Shifts of vectors by an immediate, and everything that has small numbers for immediates.
  if (op >= Op.SIMD && random.chance(40)) b.tail[0] = random.below(form.kind === "register" ? 70 : 16);
}

function windowAt(b: Building, address: bigint): bigint {
  const at = Number(address & BigInt(MEMORY_BYTES - 1));
  let value = 0n;
  for (let i = 7; i >= 0; i--)
    value = (value << 8n) | BigInt(b.input.bytes[INPUT_MEMORY + ((at + i) & (MEMORY_BYTES - 1))]!);
  return value;
}

/** The start of an XSAVE header, as it comes to lie at the start of the image: XSTATE_BV, XCOMP_BV, zeroes. */
function xsaveHeader(b: Building): Uint8Array {
  const { random } = b;
  const header = new Uint8Array(64);
  header[0] = random.below(4);
  if (random.chance(40)) {
    header[15] = 0x80;
    header[8] = random.chance(80) ? 3 : random.below(4);
  }
  // What no processor has.
  if (random.chance(5)) header[random.pick([7, 15])]! |= 0x40;
  if (random.chance(5)) header[16 + random.below(48)]! |= 1 << random.below(8);
  return header;
}

/** An FXSAVE image that differs from the state. */
function fxImage(b: Building): Uint8Array {
  const { random, input } = b;
  const image = new Uint8Array(512);
  const view = new DataView(image.buffer);
  image.set(input.bytes.subarray(INPUT_FX, INPUT_FX + 416));
  view.setUint16(0, 0x40 | (random.u32() & 0x1f7f), true);
  view.setUint16(FX_STATUS, random.u32() & 0x7f7f, true);
  view.setUint16(FX_TAGS, random.below(256), true);
  view.setUint32(FX_MXCSR, mxcsr(random) | (random.chance(10) ? 0x10000 : 0), true);
  for (let i = 0; i < 16; i++) fill(random, view, FX_XMM + 16 * i, "int");
  return image;
}

/** `phase` "address": before the memory operand is placed, returns the wish for it; "operands": afterwards. */
export function prepare(b: Building, phase: "address" | "operands", stack: bigint): Wish | undefined {
  if (phase === "address") return beforeAddress(b);
  afterAddress(b, stack);
  return undefined;
}

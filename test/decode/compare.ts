/**
 * One decoded instruction of the core against iced-x86's: validity, length, name, prefixes, memory operand, registers,
 * immediates, widths. What iced lists as operands is looked for where ops/ reads it (cpu-core/decode/insn.ts).
 */
import { Code, DecoderOptions, Mnemonic, OpKind, Register } from "iced-x86";
import type { Instruction } from "iced-x86";
import {
  BASE_NONE,
  BASE_RIP,
  OPERAND_IS_IMMEDIATE,
  OPERAND_IS_MEMORY,
  RECORD_ADDRESS,
  RECORD_BASE,
  RECORD_BYTES_OF_OPERAND,
  RECORD_CC,
  RECORD_DISPLACEMENT,
  RECORD_DST,
  RECORD_EXTRA,
  RECORD_IMMEDIATE,
  RECORD_INDEX,
  RECORD_LENGTH,
  RECORD_LOCK,
  RECORD_MEMORY,
  RECORD_OP,
  RECORD_REPEAT,
  RECORD_REX_W,
  RECORD_SCALE,
  RECORD_SEGMENT,
  RECORD_SEGMENT_FIELD,
  RECORD_SRC,
  RECORD_STATUS,
  SEGMENT_NONE,
  STATUS_OK,
} from "../../cpu-core/abi/decode_record.ts";
import { SEG_FS } from "../../cpu-core/abi/state.ts";
import { numberOf } from "../tables/ops.ts";
import { nameOps } from "./names.ts";
import type { Name } from "./names.ts";
import type { Offered } from "./offered.ts";

const UD = numberOf("UD");
const TOO_LONG = numberOf("TOO_LONG");
const SIMD = numberOf("SIMD");

/**
 * 0F 18 to 0F 1F and 0F 0D are NOPs whatever hints they give; what a CPU without the feature makes of a prefix that turns an
 * instruction into another one is iced's to be told.
 */
export const OPTIONS =
  DecoderOptions.ForceReservedNop |
  DecoderOptions.NoWbnoinvd |
  DecoderOptions.NoMPFX_0FBC |
  DecoderOptions.NoMPFX_0FBD;

/** Where iced is told that an instruction lies. */
export const IP = 0x1000_0000n;

const NAMES = nameOps();
const UNDEFINED = new Set<Mnemonic>([Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2]);

/** A register as Insn has it: byte offset for general ones (AH is 1), 16 x number for XMM, else the number; -1: none such. */
function encode(register: Register): number {
  if (register >= Register.AH && register <= Register.BH) return ((register - Register.AH) << 3) + 1;
  if (register >= Register.AL && register <= Register.BL) return (register - Register.AL) << 3;
  if (register >= Register.SPL && register <= Register.R15L) return (register - Register.SPL + 4) << 3;
  if (register >= Register.AX && register <= Register.R15) return ((register - Register.AX) & 15) << 3;
  if (register >= Register.XMM0 && register <= Register.XMM15) return (register - Register.XMM0) << 4;
  if (register >= Register.MM0 && register <= Register.MM7) return register - Register.MM0;
  if (register >= Register.ES && register <= Register.GS) return register - Register.ES;
  if (register >= Register.CR0 && register <= Register.CR15) return register - Register.CR0;
  if (register >= Register.DR0 && register <= Register.DR15) return register - Register.DR0;
  return -1;
}

/** encode() of every register. */
const REGISTERS = Int16Array.from({ length: 256 }, (_, register) => encode(register));

/** Bytes of an address whose base or index is this register. */
function addressBytes(register: Register): number {
  if (register >= Register.RAX && register <= Register.R15) return 8;
  if (register === Register.RIP) return 8;
  return register >= Register.AX && register <= Register.R15W ? 2 : 4;
}

/** Operand bytes by iced's name of the encoding; 0: it says nothing. */
function widthOf(name: string): number {
  const bits =
    /_rel(?:8|16|32)_(16|32|64)/.exec(name)?.[1] ??
    /_rel(16)$/.exec(name)?.[1] ??
    /_ptr16(16|32)$/.exec(name)?.[1] ??
    /^(?:Call|Jmp)_m16(16|32|64)$/.exec(name)?.[1] ??
    /_(?:r|rm|moffs)(8|16|32|64)(?:_|m16|$)/.exec(name)?.[1] ??
    /^(?:Movs|Cmps|Stos|Lods|Scas|Ins|Outs)\w_.*m(8|16|32|64)/.exec(name)?.[1];
  if (bits !== undefined) return Number(bits) / 8;
  const letter =
    /^(?:Pushf|Popf|Pusha|Popa|Retn|Retf|Iret|Enter|Leave|Sysret|Sysexit|Push|Pop|Nop)([wdq])(?:_|$)/;
  const found = letter.exec(name)?.[1] ?? "";
  if (found !== "") return { w: 2, d: 4, q: 8 }[found]!;
  const accumulator = /_(AL|AX|EAX|RAX)(?:_|$)/.exec(name)?.[1];
  if (accumulator !== undefined) return { AL: 1, AX: 2, EAX: 4, RAX: 8 }[accumulator]!;
  return { Cbw: 2, Cwde: 4, Cdqe: 8, Cwd: 2, Cdq: 4, Cqo: 8, Push_imm16: 2 }[name] ?? 0;
}

const WIDTHS = new Map<Code, number>();

function codeWidth(code: Code): number {
  let width = WIDTHS.get(code);
  if (width === undefined) {
    width = widthOf(Code[code]);
    WIDTHS.set(code, width);
  }
  return width;
}

/** Ops whose meaning does not depend on the operand size the decoder found, or that have a size of their own. */
const WIDTHLESS: ReadonlySet<string> = new Set([
  ...["MOV_TO_SREG", "LLDT", "LTR", "VERR", "VERW", "ARPL", "LMSW", "CMPXCHG8B", "INVLPG", "CLFLUSH"],
  ...["X87", "CRC32", "NOP", "LAR", "LSL", "SLDT", "STR", "SMSW", "BSWAP", "MOV_FROM_SREG"],
]);
/** Ops whose iced operands are told by other means than dst and src. */
const STRINGS: ReadonlySet<string> = new Set(["MOVS", "STOS", "LODS", "SCAS", "CMPS", "INS", "OUTS"]);
/** Ops with the right-hand operand first in iced's order. */
const SWAPPED: ReadonlySet<string> = new Set(["OUT", "MOV_TO_CR", "MOV_TO_DR"]);
const COUNTERS: Record<string, number> = { CX: 2, ECX: 4, RCX: 8 };

export class Comparison {
  readonly seen = new Set<Code>();
  constructor(
    readonly offered: Offered,
    readonly bits: 16 | 32 | 64,
  ) {}

  /** Whether the core takes the record's bytes for an instruction. */
  static isValid(records: DataView, at: number): boolean {
    const op = records.getUint16(at + RECORD_OP, true);
    return records.getUint8(at + RECORD_STATUS) === STATUS_OK && op !== UD && op !== TOO_LONG;
  }

  /** What differs, or null. */
  check(records: DataView, at: number, iced: Instruction): string | null {
    const code = iced.code;
    const isValid =
      code !== Code.INVALID && !UNDEFINED.has(iced.mnemonic) && this.offered.isOffered(iced, code);
    const op = records.getUint16(at + RECORD_OP, true);
    const name = NAMES.get(op);
    if (name === undefined) return `Op ${op} has no name`;
    if (isValid !== Comparison.isValid(records, at)) return `${name.name}, iced ${isValid ? "valid" : "#UD"}`;
    if (!isValid) return null;
    this.seen.add(code);
    const length = records.getUint8(at + RECORD_LENGTH);
    if (length !== iced.length) return `length ${length}, iced ${iced.length}`;
    // F3 REX.B 90 is PAUSE to iced; processors exchange R8 and rAX (SDM vol 2 table A-2: "NOP PAUSE(F3) XCHG r8, rAX").
    if (iced.mnemonic === Mnemonic.Pause && name.name === "XCHG") return null;
    if (name.name !== "X87" && !name.mnemonics.has(iced.mnemonic)) return `is ${name.name}`;
    if (iced.hasLockPrefix !== (records.getUint8(at + RECORD_LOCK) !== 0)) return "LOCK";
    return (
      this.#width(records, at, iced, name) ??
      this.#memory(records, at, iced, name) ??
      this.#operands(records, at, iced, name)
    );
  }

  #width(records: DataView, at: number, iced: Instruction, { name }: Name): string | null {
    if (WIDTHLESS.has(name) || records.getUint16(at + RECORD_OP, true) >= SIMD)
      return this.#vectorWidth(records, at, iced, name);
    const width = codeWidth(iced.code);
    const ours = records.getUint8(at + RECORD_BYTES_OF_OPERAND);
    return width !== 0 && width !== ours ? `operand size ${ours}, iced ${width}` : null;
  }

  /** Vector instructions tell a 64-bit general operand by REX.W. */
  #vectorWidth(records: DataView, at: number, iced: Instruction, name: string): string | null {
    if (name === "CRC32") {
      const width = /_rm(\d+)$/.exec(Code[iced.code])![1];
      return Number(width) === 8 * records.getUint8(at + RECORD_BYTES_OF_OPERAND) ? null : "operand size";
    }
    if (records.getUint16(at + RECORD_OP, true) < SIMD || iced.opCount === 0) return null;
    const isWide = /_(?:r|rm|m)64(?:_|$|m16)|64_mem$|64_m512byte$/.test(Code[iced.code]);
    const isNarrow = /_(?:r|rm|m)32(?:_|$|m16)/.test(Code[iced.code]);
    const rexW = records.getUint8(at + RECORD_REX_W) !== 0;
    const general = /^(CVT.*SI|MOVD_|PEXTRD|PINSRD|MOVNTI|FX|MOVMSK|PMOVMSK)/.test(name);
    return general && ((isWide && !rexW) || (isNarrow && rexW)) ? "REX.W" : null;
  }

  #memory(records: DataView, at: number, iced: Instruction, { name }: Name): string | null {
    const has = records.getUint8(at + RECORD_MEMORY) !== 0;
    let wants = false;
    for (let i = 0, n = iced.opCount; i < n; i++) wants ||= iced.opKind(i) === OpKind.Memory;
    if (name === "XLAT") return this.#implicit(records, at, iced, addressBytes(iced.memoryBase), false);
    if (STRINGS.has(name)) return this.#string(records, at, iced);
    if (name.startsWith("MASKMOV")) {
      const address = 2 << ((iced.opKind(0) - OpKind.MemorySegSI) % 3);
      return this.#implicit(records, at, iced, address, false);
    }
    if (!wants) return has ? "a memory operand that iced does not see" : null;
    if (!has) return "no memory operand";
    const base = iced.memoryBase;
    const index = iced.memoryIndex;
    const displacementSize = iced.memoryDisplSize;
    const isIpRelative = base === Register.RIP || base === Register.EIP;
    const ourAddress = records.getUint8(at + RECORD_ADDRESS);
    const address =
      base !== Register.None
        ? addressBytes(base)
        : index !== Register.None
          ? addressBytes(index)
          : displacementSize;
    if (address !== ourAddress) return `address size ${ourAddress}, iced ${address}`;
    const ourBase = records.getUint8(at + RECORD_BASE);
    const wantBase = isIpRelative ? BASE_RIP : base === Register.None ? BASE_NONE : REGISTERS[base];
    if (ourBase !== wantBase) return `base ${ourBase}, iced ${Register[base]}`;
    const ourIndex = records.getUint8(at + RECORD_INDEX);
    if (ourIndex !== (index === Register.None ? BASE_NONE : REGISTERS[index])) return `index ${ourIndex}`;
    if (index !== Register.None && 1 << records.getUint8(at + RECORD_SCALE) !== iced.memoryIndexScale)
      return "scale";
    const segment = iced.memorySegment - Register.ES;
    const wantSegment = this.bits === 64 && segment < SEG_FS ? SEGMENT_NONE : segment;
    const ourSegment = records.getUint8(at + RECORD_SEGMENT);
    if (ourSegment !== wantSegment) return `segment ${ourSegment}, iced ${wantSegment}`;
    const displacement = iced.memoryDisplacement;
    // MOV AL, [moffs64] alone has a displacement of 64 bits: it is in the immediate.
    if (/moffs/.test(Code[iced.code]) && address === 8) {
      const ours = records.getBigUint64(at + RECORD_IMMEDIATE, true);
      return ours === BigInt.asUintN(64, displacement) ? null : "64-bit offset";
    }
    const ours = records.getInt32(at + RECORD_DISPLACEMENT, true);
    const theirs = isIpRelative ? displacement - IP - BigInt(iced.length) : displacement;
    const mask = address === 2 ? 0xffffn : 0xffff_ffffn;
    return (BigInt(ours) & mask) === (theirs & mask) ? null : `displacement ${ours}, iced ${theirs}`;
  }

  #string(records: DataView, at: number, iced: Instruction): string | null {
    let address = 0;
    let hasSource = false;
    for (let i = 0, n = iced.opCount; i < n; i++) {
      const kind = iced.opKind(i);
      if (kind >= OpKind.MemorySegSI && kind <= OpKind.MemorySegRDI) {
        hasSource = true;
        address = 2 << ((kind - OpKind.MemorySegSI) % 3);
      } else if (kind >= OpKind.MemoryESDI && kind <= OpKind.MemoryESRDI) {
        address = 2 << (kind - OpKind.MemoryESDI);
      }
    }
    const repeat = iced.hasRepnePrefix ? 0xf2 : iced.hasRepPrefix ? 0xf3 : 0;
    if (repeat !== records.getUint8(at + RECORD_REPEAT)) return "REP";
    return this.#implicit(records, at, iced, address, !hasSource);
  }

  /** An implicit memory operand whose segment can be overridden. */
  #implicit(
    records: DataView,
    at: number,
    iced: Instruction,
    address: number,
    noSegment: boolean,
  ): string | null {
    if (address !== records.getUint8(at + RECORD_ADDRESS)) return "address size";
    if (noSegment) return null;
    const segment = iced.memorySegment - Register.ES;
    const ours = records.getUint8(at + RECORD_SEGMENT_FIELD);
    if (this.bits === 64 && segment < SEG_FS) return ours < SEG_FS ? null : "segment";
    return ours === segment ? null : `segment ${ours}, iced ${segment}`;
  }

  #operands(records: DataView, at: number, iced: Instruction, { name }: Name): string | null {
    const count = iced.opCount;
    if (name === "X87" || name === "NOP" || STRINGS.has(name) || name === "XLAT") return null;
    if (name === "JCC" || name === "CMOVCC" || name === "SETCC") {
      const cc = records.getUint8(at + RECORD_CC) & 15;
      if (cc !== iced.conditionCode - 1) return `condition ${cc}`;
    }
    if (/^(LOOP|JCXZ)/.test(name)) {
      const counter =
        /_([ER]?CX)$/.exec(Code[iced.code])?.[1] ?? /^J([er]?cx)z/.exec(Code[iced.code])![1]!.toUpperCase();
      if (COUNTERS[counter] !== records.getUint8(at + RECORD_ADDRESS)) return "count register";
    }
    if (name === "LOAD_FAR") {
      const opcode = { 0xc4: "Les", 0xc5: "Lds", 0xb2: "Lss", 0xb4: "Lfs", 0xb5: "Lgs" }[
        records.getUint8(at + RECORD_CC)
      ];
      if (opcode !== Mnemonic[iced.mnemonic]) return "segment register";
    }
    // MASKMOVQ's and MASKMOVDQU's memory operand is implicit.
    const first = name.startsWith("MASKMOV") ? 1 : 0;
    for (let i = first; i < count; i++) {
      const wrong = this.#operand(records, at, iced, i, i - first, name);
      if (wrong) return `operand ${i}: ${wrong}`;
    }
    return null;
  }

  /** Operand `i` of iced's, which takes place `place` of dst, src, imm. */
  #operand(
    records: DataView,
    at: number,
    iced: Instruction,
    i: number,
    place: number,
    name: string,
  ): string | null {
    const kind = iced.opKind(i);
    const isLeft = SWAPPED.has(name) ? place === 1 : place === 0;
    let field = records.getUint8(at + (isLeft ? RECORD_DST : RECORD_SRC));
    if (name === "PUSH_SREG") field = records.getUint8(at + RECORD_SRC);
    switch (kind) {
      case OpKind.Register: {
        const want = REGISTERS[iced.opRegister(i)]!;
        // The count in CL of SHLD and SHRD: no immediate.
        if (place === 2) return records.getUint32(at + RECORD_EXTRA, true) === 0 && want === 8 ? null : "CL";
        return field === want ? null : `${field}, iced ${want}`;
      }
      case OpKind.Memory:
        // What takes its one operand by address alone need not name it.
        return field === OPERAND_IS_MEMORY || place > 1 ? null : `${field}, not memory`;
      case OpKind.NearBranch16:
      case OpKind.NearBranch32:
      case OpKind.NearBranch64: {
        const ours = records.getBigInt64(at + RECORD_IMMEDIATE, true);
        const theirs = iced.nearBranchTarget - IP - BigInt(iced.length);
        const bits = kind === OpKind.NearBranch16 ? 16 : kind === OpKind.NearBranch32 ? 32 : 64;
        return BigInt.asUintN(bits, ours) === BigInt.asUintN(bits, theirs)
          ? null
          : `target ${ours}, iced ${theirs}`;
      }
      case OpKind.FarBranch16:
      case OpKind.FarBranch32: {
        const offset = kind === OpKind.FarBranch16 ? iced.farBranch16 : iced.farBranch32;
        const isSame =
          records.getUint32(at + RECORD_IMMEDIATE, true) === offset &&
          records.getUint32(at + RECORD_EXTRA, true) === iced.farBranchSelector;
        return isSame ? null : "far pointer";
      }
      case OpKind.Immediate8_2nd:
        return records.getUint32(at + RECORD_EXTRA, true) === iced.immediate8_2nd ? null : "second immediate";
      default: {
        const bits = immediateBits(kind);
        // A vector instruction's immediate has no other place; two-operand integer ones say that src is an immediate.
        const saysSo = place === 1 && records.getUint16(at + RECORD_OP, true) < SIMD && name !== "OUT";
        if (saysSo && field !== OPERAND_IS_IMMEDIATE) return "not an immediate";
        const low = records.getUint32(at + RECORD_IMMEDIATE, true);
        if (bits <= 32) {
          const want =
            bits === 8
              ? iced.immediate8
              : bits === 16
                ? Number(iced.immediate(i) & 0xffffn)
                : immediate32(iced, kind);
          const mask = bits === 32 ? 0xffff_ffff : (1 << bits) - 1;
          return (low & mask) >>> 0 === (want & mask) >>> 0 ? null : `immediate ${low}, iced ${want}`;
        }
        const ours = records.getBigUint64(at + RECORD_IMMEDIATE, true);
        return ours === BigInt.asUintN(64, iced.immediate(i))
          ? null
          : `immediate ${ours}, iced ${iced.immediate(i)}`;
      }
    }
  }
}

function immediate32(iced: Instruction, kind: OpKind): number {
  return kind === OpKind.Immediate8to32 ? iced.immediate8to32 : iced.immediate32;
}

/** Bits of an immediate that count, after its extension. */
function immediateBits(kind: OpKind): number {
  switch (kind) {
    case OpKind.Immediate8: return 8; // prettier-ignore
    case OpKind.Immediate16:
    case OpKind.Immediate8to16: return 16; // prettier-ignore
    case OpKind.Immediate32:
    case OpKind.Immediate8to32: return 32; // prettier-ignore
    default: return 64; // prettier-ignore
  }
}

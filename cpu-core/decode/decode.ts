/**
 * Bytes to Insn. Table-driven: prefixes, opcode map row, ModRM and SIB, displacement, immediate, by the row's form.
 *
 * Called by interpreter/block.ts with a pointer into linear memory and the bytes readable there. Never raises: an
 * instruction that is no instruction decodes to Op.UD, one over 15 bytes to Op.TOO_LONG, and running out of bytes is
 * reported so that the caller can fetch the next page. SDM vol 2 chapter "Instruction Format".
 */
import { CPU_RIP, CPU_ZERO, SEG_DS, SEG_FS, SEG_GS, SEG_SS } from "../abi/state";
import { Op } from "../ops/op";
import { Simd } from "../ops/simd_op";
import { CODE_32, CODE_64 } from "../state/mode";
import { Form, Is } from "./forms";
import { Group, GROUPS } from "./groups";
import {
  EA_16,
  EA_32,
  EA_64,
  EA_64_SEGMENT,
  EA_64_OFFSET,
  EA_64_SHORT,
  Insn,
  INSN_ADDRESS_SHIFT,
  INSN_ADDRESS_SIZE,
  INSN_CODE_SHIFT,
  INSN_ENDS_BLOCK,
  INSN_LOCK,
  INSN_MEMORY,
  INSN_OPERAND_16,
  INSN_PROTECTED,
  INSN_REP,
  INSN_REPNE,
  INSN_REX,
  INSN_REX_W,
  INSN_SEGMENT_GIVEN,
  OPERAND_IMMEDIATE,
  OPERAND_MEMORY,
} from "./insn";
import { ONE_BYTE, TWO_BYTE } from "./opcodes";
import { simdRow0F, simdRow0F38, simdRow0F3A } from "./opcodes_simd";
import { isX87 } from "./x87_forms";

export const enum Decoded {
  OK = 0,
  /** The bytes given end before the instruction does. */
  OUT_OF_BYTES = 1,
}

const MAX_LENGTH: u32 = 15;
const OP_MASK: u32 = 0xfff;
const FORM_MASK: u32 = 0xff << 12;

let start: usize = 0;
let at: usize = 0;
let limit: usize = 0;
let ranOut: bool = false;

// State of the instruction being decoded.
let mode: u32 = 0;
let rex: u32 = 0;
let operandBytes: u32 = 0; // 2, 4, 8
let addressBytes: u32 = 0;
let modrm: u32 = 0;
let given: i32 = -1; // segment override

function fetch8(): u32 {
  if (at >= limit) {
    ranOut = true;
    return 0;
  }
  return load<u8>(at++);
}

function fetch16(): u32 {
  if (at + 2 > limit) {
    ranOut = true;
    at = limit;
    return 0;
  }
  at += 2;
  return load<u16>(at - 2);
}

function fetch32(): u32 {
  if (at + 4 > limit) {
    ranOut = true;
    at = limit;
    return 0;
  }
  at += 4;
  return load<u32>(at - 4);
}

function fetch64(): u64 {
  if (at + 8 > limit) {
    ranOut = true;
    at = limit;
    return 0;
  }
  at += 8;
  return load<u64>(at - 8);
}

/** Byte offset of a general register of `bytes` bytes: 4-7 without REX are AH CH DH BH as bytes. */
function registerOffset(number: u32, bytes: u32): u32 {
  if (bytes == 1 && rex == 0 && number >= 4 && number < 8) return ((number - 4) << 3) + 1;
  return number << 3;
}

function regField(): u32 {
  return ((modrm >> 3) & 7) | ((rex & 4) << 1);
}

function rmField(): u32 {
  return (modrm & 7) | ((rex & 1) << 3);
}

// prettier-ignore
@inline
function isRegisterForm(): bool {
  return modrm >= 0xc0;
}

function setSegment(insn: Insn, byDefault: u32): void {
  insn.segment = given >= 0 ? <u8>given : <u8>byDefault;
}

/** Reads SIB and displacement of a memory operand and chooses how its address is computed. */
function decodeMemory(insn: Insn): void {
  insn.flags |= <u16>INSN_MEMORY;
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let segment = SEG_DS;
  insn.base = <u8>CPU_ZERO;
  insn.index = <u8>CPU_ZERO;
  insn.scale = 0;
  insn.disp = 0;
  if (addressBytes == 2) {
    // SDM vol 2 table 2-1.
    let base: u32 = CPU_ZERO;
    let index: u32 = CPU_ZERO;
    switch (rm) {
      case 0: base = 3 << 3; index = 6 << 3; break; // prettier-ignore
      case 1: base = 3 << 3; index = 7 << 3; break; // prettier-ignore
      case 2: base = 5 << 3; index = 6 << 3; segment = SEG_SS; break; // prettier-ignore
      case 3: base = 5 << 3; index = 7 << 3; segment = SEG_SS; break; // prettier-ignore
      case 4: base = 6 << 3; break; // prettier-ignore
      case 5: base = 7 << 3; break; // prettier-ignore
      case 6: if (mod != 0) { base = 5 << 3; segment = SEG_SS; } break; // prettier-ignore
      default: base = 3 << 3; break; // prettier-ignore
    }
    insn.base = <u8>base;
    insn.index = <u8>index;
    if (mod == 1) insn.disp = <i32>(<i8>fetch8());
    else if (mod == 2 || rm == 6) insn.disp = <i32>(<i16>fetch16());
    insn.ea = <u8>EA_16;
    setSegment(insn, segment);
    return;
  }
  if (rm == 4) {
    const sib = fetch8();
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const base = sib & 7;
    if (index != 4) {
      insn.index = <u8>(index << 3);
      insn.scale = <u8>(sib >> 6);
    }
    if (base == 5 && mod == 0) {
      insn.disp = <i32>fetch32();
    } else {
      insn.base = <u8>((base | ((rex & 1) << 3)) << 3);
      if ((base == 4 || base == 5) && (rex & 1) == 0) segment = SEG_SS;
    }
  } else if (rm == 5 && mod == 0) {
    insn.disp = <i32>fetch32();
    if (mode == CODE_64) insn.base = <u8>CPU_RIP;
  } else {
    insn.base = <u8>((rm | ((rex & 1) << 3)) << 3);
    if (rm == 5 && (rex & 1) == 0) segment = SEG_SS;
  }
  if (mod == 1) insn.disp = <i32>(<i8>fetch8());
  else if (mod == 2) insn.disp = <i32>fetch32();
  setSegment(insn, segment);
  if (mode == CODE_64) {
    const based = given == <i32>SEG_FS || given == <i32>SEG_GS;
    if (!based) insn.segment = <u8>segment;
    insn.ea = <u8>(addressBytes == 4 ? EA_64_SHORT : based ? EA_64_SEGMENT : EA_64);
  } else {
    insn.ea = <u8>EA_32;
  }
}

/** rm as an operand of `bytes` bytes: a register offset, or OPERAND_MEMORY with the address decoded. */
function operandE(insn: Insn, bytes: u32): u8 {
  if (isRegisterForm()) return <u8>registerOffset(rmField(), bytes);
  decodeMemory(insn);
  return <u8>OPERAND_MEMORY;
}

/** rm as a vector operand (XMM, or MMX when `mmx`). */
function operandW(insn: Insn, mmx: bool): u8 {
  if (isRegisterForm()) return mmx ? <u8>(modrm & 7) : <u8>(rmField() << 4);
  decodeMemory(insn);
  return <u8>OPERAND_MEMORY;
}

/** Immediate of the operand size, at most 32 bits, sign-extended. */
function fetchIz(): i64 {
  return operandBytes == 2 ? <i64>(<i16>fetch16()) : <i64>(<i32>fetch32());
}

function fetchIb(): i64 {
  return <i64>(<i8>fetch8());
}

// prettier-ignore
@inline
function widthCode(bytes: u32): u32 {
  return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
}

/** Direct memory offset of MOV AL/eAX, moffs. */
function decodeOffset(insn: Insn): void {
  insn.flags |= <u16>INSN_MEMORY;
  insn.base = <u8>CPU_ZERO;
  insn.index = <u8>CPU_ZERO;
  insn.scale = 0;
  setSegment(insn, SEG_DS);
  if (addressBytes == 8) {
    const offset = fetch64();
    insn.imm = <i64>offset;
    insn.ea = <u8>EA_64_OFFSET;
    return;
  }
  insn.disp = addressBytes == 4 ? <i32>fetch32() : <i32>fetch16();
  if (mode == CODE_64) insn.ea = <u8>EA_64_SHORT;
  else insn.ea = <u8>(addressBytes == 4 ? EA_32 : EA_16);
}

/** Register form rows of 0F 01: the whole ModRM byte names the instruction. SDM vol 2 table A-6. */
function row0F01Register(prefix: u32): u32 {
  switch (modrm) {
    case 0xc1: return prefix == 0 ? Op.VMCALL | Form.M | Is.End : 0; // prettier-ignore
    case 0xca: return prefix == 0 ? Op.CLAC | Form.M : 0; // prettier-ignore
    case 0xcb: return prefix == 0 ? Op.STAC | Form.M : 0; // prettier-ignore
    case 0xd0: return prefix == 0 ? Op.XGETBV | Form.M : 0; // prettier-ignore
    case 0xd1: return prefix == 0 ? Op.XSETBV | Form.M | Is.End : 0; // prettier-ignore
    case 0xf8: return mode == CODE_64 ? Op.SWAPGS | Form.M : 0; // prettier-ignore
    case 0xf9: return Op.RDTSCP | Form.M | Is.End; // prettier-ignore
  }
  return inGroup(Group.G7R, (modrm >> 3) & 7);
}

/** Which prefix selects the row of a vector opcode: 0 none, 1 66, 2 F3, 3 F2. SDM vol 2 "Opcode Extensions". */
function mandatoryPrefix(flags: u32): u32 {
  if ((flags & INSN_REPNE) != 0) return 3;
  if ((flags & INSN_REP) != 0) return 2;
  if ((flags & INSN_OPERAND_16) != 0) return 1;
  return 0;
}

/** The row of a group, with the form of the naming opcode if it has none of its own. */
function groupRow(row: u32, prefix: u32): u32 {
  const group = row & OP_MASK;
  const reg = (modrm >> 3) & 7;
  let found: u32;
  if (isRegisterForm()) {
    switch (group) {
      case Group.G7: found = row0F01Register(prefix); break; // prettier-ignore
      case Group.G9: found = prefix < 2 ? inGroup(Group.G9R, reg) : 0; break; // prettier-ignore
      case Group.G15: found = prefix == 0 ? inGroup(Group.G15R, reg) : prefix == 2 && mode == CODE_64 ? inGroup(Group.G15R_F3, reg) : 0; break; // prettier-ignore
      default: found = inGroup(group, reg); break; // prettier-ignore
    }
  } else {
    const isPlain = group == <u32>Group.G15 || (group == <u32>Group.G9 && reg != 1); // XSAVEC, not CMPXCHG8B
    found = isPlain && prefix != 0 ? 0 : inGroup(group, reg);
  }
  if (found == 0) return 0;
  if ((found & FORM_MASK) == 0) found |= row & FORM_MASK;
  return found | (row & (Is.Not64 | Is.Protected));
}

// prettier-ignore
@inline
function inGroup(group: u32, reg: u32): u32 {
  return load<u32>(GROUPS + (((group << 3) | reg) << 2));
}

function undefined(insn: Insn): void {
  insn.code = <u16>(Op.UD << 2);
  insn.flags = (insn.flags & <u16>~INSN_MEMORY) | <u16>INSN_ENDS_BLOCK;
}

/**
 * Decodes the instruction at `address` of which `available` bytes can be read, for code of size `codeMode`
 * (CODE_16...). Fills `insn` but for `next`.
 */
export function decode(insn: Insn, address: usize, available: u32, codeMode: u32): Decoded {
  start = address;
  at = address;
  limit = address + min(available, MAX_LENGTH);
  ranOut = false;
  mode = codeMode;
  rex = 0;
  given = -1;
  let flags: u32 = codeMode << INSN_CODE_SHIFT;
  let operand16 = false;
  let addressSize = false;
  insn.extra = 0;
  insn.cc = 0;
  insn.ea = 0;
  insn.disp = 0;
  insn.imm = 0;
  insn.dst = 0;
  insn.src = 0;
  insn.base = <u8>CPU_ZERO;
  insn.index = <u8>CPU_ZERO;
  insn.scale = 0;
  insn.segment = <u8>SEG_DS;
  insn.modrm = 0;
  modrm = 0;

  // Prefixes in any order; a REX counts only right before the opcode.
  let opcode: u32 = 0;
  while (true) {
    opcode = fetch8();
    if (ranOut) break;
    if (opcode == 0x66) { operand16 = true; rex = 0; continue; } // prettier-ignore
    if (opcode == 0x67) { addressSize = true; rex = 0; continue; } // prettier-ignore
    if (opcode == 0xf0) { flags |= INSN_LOCK; rex = 0; continue; } // prettier-ignore
    if (opcode == 0xf2) { flags = (flags & ~INSN_REP) | INSN_REPNE; rex = 0; continue; } // prettier-ignore
    if (opcode == 0xf3) { flags = (flags & ~INSN_REPNE) | INSN_REP; rex = 0; continue; } // prettier-ignore
    if ((opcode & 0xe7) == 0x26) {
      if (mode != CODE_64) given = <i32>((opcode >> 3) & 3);
      rex = 0;
      continue;
    }
    if (opcode == 0x64) { given = <i32>SEG_FS; rex = 0; continue; } // prettier-ignore
    if (opcode == 0x65) { given = <i32>SEG_GS; rex = 0; continue; } // prettier-ignore
    if (mode == CODE_64 && (opcode & 0xf0) == 0x40) {
      rex = opcode;
      continue;
    }
    break;
  }
  if (operand16) flags |= INSN_OPERAND_16;
  if (addressSize) flags |= INSN_ADDRESS_SIZE;
  if (given >= 0) flags |= INSN_SEGMENT_GIVEN;
  if (rex != 0) flags |= INSN_REX;

  addressBytes = mode == CODE_64 ? (addressSize ? 4 : 8) : (mode == CODE_32) != addressSize ? 4 : 2;
  flags |= widthCode(addressBytes) << INSN_ADDRESS_SHIFT;

  // Opcode map.
  let row: u32;
  let hasModrm = true;
  if (opcode == 0x0f) {
    opcode = fetch8();
    insn.extra = 0x0f00 | opcode;
    if (opcode == 0x38) {
      opcode = fetch8();
      insn.extra = 0x380000 | opcode;
      row = simdRow0F38(opcode, mandatoryPrefix(flags));
    } else if (opcode == 0x3a) {
      opcode = fetch8();
      insn.extra = 0x3a0000 | opcode;
      row = simdRow0F3A(opcode, mandatoryPrefix(flags));
    } else {
      row = load<u32>(TWO_BYTE + (opcode << 2));
      const repeated = (flags & (INSN_REP | INSN_REPNE)) != 0;
      // BC, BD, B8 with F3 are other instructions (TZCNT, LZCNT, POPCNT); AE is shared between the maps.
      if (row == 0 || opcode == 0xae || (repeated && (opcode & 0xf8) == 0xb8)) {
        let next: u32 = 0;
        if (opcode == 0xae || (opcode >= 0x71 && opcode <= 0x73)) {
          if (at < limit) next = load<u8>(at);
          else ranOut = true;
        }
        const vector = simdRow0F(opcode, mandatoryPrefix(flags), next);
        if (vector != 0) row = vector;
      }
    }
  } else {
    row = load<u32>(ONE_BYTE + (opcode << 2));
    if (opcode == 0x63) {
      if (mode != CODE_64) row = Op.ARPL | Form.Ew | Is.Protected;
    } else if ((opcode & 0xf8) == 0xd8) {
      insn.extra = opcode & 7;
    } else if (opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62) {
      if (mode == CODE_64) row = 0;
    }
  }
  insn.cc = <u8>opcode;

  let form = row & FORM_MASK;
  if ((row & Is.Group) != 0 || (form >= <u32>Form.Eb_Gb && formHasModrm(form))) {
    modrm = fetch8();
    insn.modrm = <u8>modrm;
    if ((row & Is.Group) != 0) {
      row = groupRow(row, mandatoryPrefix(flags));
      form = row & FORM_MASK;
    }
  } else {
    hasModrm = false;
  }

  // Operand size.
  operandBytes = mode == CODE_64 ? (operand16 ? 2 : 4) : (mode == CODE_32) != operand16 ? 4 : 2;
  if ((row & Is.No16) != 0) operandBytes = 4;
  if (mode == CODE_64) {
    if ((rex & 8) != 0) operandBytes = (row & Is.NoRexW) == 0 ? 8 : 4;
    else if ((row & Is.Forced64) != 0) operandBytes = 8;
    else if ((row & Is.Default64) != 0) operandBytes = operand16 ? 2 : 8;
  }
  if ((rex & 8) != 0) flags |= INSN_REX_W;
  if ((row & Is.End) != 0) flags |= INSN_ENDS_BLOCK;
  if ((row & Is.Protected) != 0) flags |= INSN_PROTECTED;
  insn.flags = <u16>flags;

  let op = row & OP_MASK;
  let bytes = operandBytes;
  if (!ranOut && row != 0) {
    switch (form) {
      case Form.None: break; // prettier-ignore
      case Form.Osz: break; // prettier-ignore
      case Form.Eb_Gb: bytes = 1; insn.dst = operandE(insn, 1); insn.src = <u8>registerOffset(regField(), 1); break; // prettier-ignore
      case Form.Ev_Gv: insn.dst = operandE(insn, bytes); insn.src = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Gb_Eb: bytes = 1; insn.src = operandE(insn, 1); insn.dst = <u8>registerOffset(regField(), 1); break; // prettier-ignore
      case Form.Gv_Ev: insn.src = operandE(insn, bytes); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.AL_Ib: bytes = 1; insn.dst = 0; insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIb(); break; // prettier-ignore
      case Form.rAX_Iz: insn.dst = 0; insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIz(); break; // prettier-ignore
      case Form.Eb_Ib: bytes = 1; insn.dst = operandE(insn, 1); insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIb(); break; // prettier-ignore
      case Form.Ev_Iz: insn.dst = operandE(insn, bytes); insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIz(); break; // prettier-ignore
      case Form.Ev_Ib: insn.dst = operandE(insn, bytes); insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIb(); break; // prettier-ignore
      case Form.Eb_1: bytes = 1; insn.dst = operandE(insn, 1); insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = 1; break; // prettier-ignore
      case Form.Ev_1: insn.dst = operandE(insn, bytes); insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = 1; break; // prettier-ignore
      case Form.Eb_CL: bytes = 1; insn.dst = operandE(insn, 1); insn.src = 1 << 3; break; // prettier-ignore
      case Form.Ev_CL: insn.dst = operandE(insn, bytes); insn.src = 1 << 3; break; // prettier-ignore
      case Form.Zv: insn.dst = <u8>(((opcode & 7) | ((rex & 1) << 3)) << 3); insn.src = insn.dst; break; // prettier-ignore
      case Form.Zv_rAX:
        insn.dst = <u8>(((opcode & 7) | ((rex & 1) << 3)) << 3);
        insn.src = 0;
        if (insn.dst == 0) op = Op.NOP; // 90, and PAUSE
        break;
      case Form.Zb_Ib: bytes = 1; insn.dst = <u8>registerOffset((opcode & 7) | ((rex & 1) << 3), 1); insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIb(); break; // prettier-ignore
      case Form.Zv_Iv:
        insn.dst = <u8>(((opcode & 7) | ((rex & 1) << 3)) << 3);
        insn.src = <u8>OPERAND_IMMEDIATE;
        insn.imm = bytes == 8 ? <i64>fetch64() : fetchIz();
        break;
      case Form.Gv_M: insn.src = operandE(insn, bytes); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Gv_Mp: insn.src = operandE(insn, bytes); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Gv_Ev_Iz: insn.src = operandE(insn, bytes); insn.dst = <u8>(regField() << 3); insn.imm = fetchIz(); insn.extra = HAS_IMMEDIATE; break; // prettier-ignore
      case Form.Gv_Ev_Ib: insn.src = operandE(insn, bytes); insn.dst = <u8>(regField() << 3); insn.imm = fetchIb(); insn.extra = HAS_IMMEDIATE; break; // prettier-ignore
      case Form.Ev_Gv_Ib: insn.dst = operandE(insn, bytes); insn.src = <u8>(regField() << 3); insn.imm = fetchIb(); insn.extra = HAS_IMMEDIATE; break; // prettier-ignore
      case Form.Ev_Gv_CL: insn.dst = operandE(insn, bytes); insn.src = <u8>(regField() << 3); insn.extra = 0; break; // prettier-ignore
      case Form.Jb: insn.imm = fetchIb(); break; // prettier-ignore
      case Form.Jz: insn.imm = operandBytes == 2 ? <i64>(<i16>fetch16()) : <i64>(<i32>fetch32()); break; // prettier-ignore
      case Form.Eb: bytes = 1; insn.dst = operandE(insn, 1); insn.src = insn.dst; break; // prettier-ignore
      case Form.Ev: insn.dst = operandE(insn, bytes); insn.src = insn.dst; break; // prettier-ignore
      case Form.Ew: insn.dst = operandE(insn, 2); insn.src = insn.dst; bytes = 2; if (op == Op.ARPL) insn.src = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Ib: insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIb(); break; // prettier-ignore
      case Form.Iz: insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = fetchIz(); break; // prettier-ignore
      case Form.Iw: insn.imm = <i64>fetch16(); break; // prettier-ignore
      case Form.Iw_Ib: insn.imm = <i64>fetch16(); insn.extra = fetch8(); break; // prettier-ignore
      case Form.Ap: insn.imm = operandBytes == 2 ? <i64>fetch16() : <i64>fetch32(); insn.extra = fetch16(); break; // prettier-ignore
      case Form.M: if (!isRegisterForm()) { decodeMemory(insn); insn.dst = <u8>OPERAND_MEMORY; insn.src = <u8>OPERAND_MEMORY; } break; // prettier-ignore
      case Form.Ev_Sw: insn.dst = operandE(insn, bytes); insn.src = <u8>((modrm >> 3) & 7); if (insn.dst == <u8>OPERAND_MEMORY) bytes = 2; break; // prettier-ignore
      case Form.Sw_Ew: insn.src = operandE(insn, 2); insn.dst = <u8>((modrm >> 3) & 7); bytes = 2; break; // prettier-ignore
      case Form.AL_Ob: bytes = 1; insn.dst = 0; insn.src = <u8>OPERAND_MEMORY; decodeOffset(insn); break; // prettier-ignore
      case Form.rAX_Ov: insn.dst = 0; insn.src = <u8>OPERAND_MEMORY; decodeOffset(insn); break; // prettier-ignore
      case Form.Ob_AL: bytes = 1; insn.src = 0; insn.dst = <u8>OPERAND_MEMORY; decodeOffset(insn); break; // prettier-ignore
      case Form.Ov_rAX: insn.src = 0; insn.dst = <u8>OPERAND_MEMORY; decodeOffset(insn); break; // prettier-ignore
      case Form.Gv_Eb: insn.src = operandE(insn, 1); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Gv_Ew: insn.src = operandE(insn, 2); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Gv_Ed: insn.src = operandE(insn, 4); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Gd_Eb: insn.src = operandE(insn, 1); insn.dst = <u8>(regField() << 3); bytes = 1; break; // prettier-ignore
      case Form.Gd_Ev: insn.src = operandE(insn, bytes); insn.dst = <u8>(regField() << 3); break; // prettier-ignore
      case Form.Xb: bytes = 1; decodeString(insn); break; // prettier-ignore
      case Form.Xv: decodeString(insn); break; // prettier-ignore
      case Form.AL_DX: bytes = 1; insn.src = 2 << 3; break; // prettier-ignore
      case Form.eAX_DX: insn.src = 2 << 3; break; // prettier-ignore
      case Form.eAX_Ib: insn.src = <u8>OPERAND_IMMEDIATE; insn.imm = <i64>fetch8(); break; // prettier-ignore
      case Form.Rd_Cd:
        insn.dst = <u8>(rmField() << 3);
        insn.src = <u8>regField();
        bytes = mode == CODE_64 ? 8 : 4;
        break;
      case Form.ESC: if (!isRegisterForm()) decodeMemory(insn); else insn.dst = <u8>(modrm & 7); break; // prettier-ignore
      default: decodeVector(insn, form); break; // prettier-ignore
    }
    if (form == <u32>Form.AL_Ib && (op == Op.IN || op == Op.OUT)) insn.imm &= 0xff;
    if (op == <u32>Simd.MASKMOVQ || op == <u32>Simd.MASKMOVDQU) setSegment(insn, SEG_DS);
    if (op == Op.AAM || op == Op.AAD || op == Op.INT) insn.imm &= 0xff;
  }

  if (ranOut) {
    if (available >= MAX_LENGTH) {
      insn.length = <u8>MAX_LENGTH;
      insn.code = <u16>(Op.TOO_LONG << 2);
      insn.flags = <u16>(flags | INSN_ENDS_BLOCK);
      return Decoded.OK;
    }
    return Decoded.OUT_OF_BYTES;
  }
  insn.length = <u8>(at - start);
  insn.code = <u16>((op << 2) | widthCode(bytes));

  // What makes an instruction undefined.
  if (
    row == 0 ||
    ((row & Is.Not64) != 0 && mode == CODE_64) ||
    ((row & Is.Memory) != 0 && (insn.flags & <u16>INSN_MEMORY) == 0) ||
    ((row & Is.Register) != 0 && (insn.flags & <u16>INSN_MEMORY) != 0) ||
    ((flags & INSN_LOCK) != 0 && ((row & Is.Lockable) == 0 || insn.dst != <u8>OPERAND_MEMORY)) ||
    (form == <u32>Form.Sw_Ew && (insn.dst == 1 || insn.dst > 5)) ||
    (form == <u32>Form.Ev_Sw && insn.src > 5) ||
    (form == <u32>Form.ESC && !isX87(opcode & 7, modrm)) ||
    (form == <u32>Form.Rd_Cd && !isSystemRegister(op, insn.src))
  ) {
    undefined(insn);
  } else if (op == Op.UD) {
    undefined(insn);
  }
  if ((insn.flags & <u16>INSN_MEMORY) == 0 && usesStack(op)) insn.segment = <u8>SEG_SS;
  if (!hasModrm && op == Op.PUSH_SREG) insn.src = <u8>((opcode >> 3) & 7);
  if (!hasModrm && op == Op.POP_SREG) insn.dst = <u8>((opcode >> 3) & 7);
  return Decoded.OK;
}

/** Whether MOV to or from a control or debug register names one that there is. */
function isSystemRegister(op: u32, number: u32): bool {
  if (op == Op.MOV_FROM_DR || op == Op.MOV_TO_DR) return number < 8;
  return number == 0 || (number >= 2 && number <= 4) || number == 8;
}

/** Insn.extra of IMUL, SHLD, SHRD forms that carry an immediate. */
export const HAS_IMMEDIATE: u32 = 1;

/** String instructions and XLAT: the source segment can be overridden, a destination is ES. */
function decodeString(insn: Insn): void {
  insn.flags |= <u16>INSN_MEMORY;
  setSegment(insn, SEG_DS);
  if (mode == CODE_64 && given != <i32>SEG_FS && given != <i32>SEG_GS) insn.segment = <u8>SEG_DS;
}

/** Vector forms. A memory operand's size is the instruction's own business. */
function decodeVector(insn: Insn, form: u32): void {
  const v = <u8>(regField() << 4);
  const p = <u8>((modrm >> 3) & 7);
  const g = <u8>(regField() << 3);
  switch (form) {
    case Form.V_W: insn.dst = v; insn.src = operandW(insn, false); break; // prettier-ignore
    case Form.W_V: insn.src = v; insn.dst = operandW(insn, false); break; // prettier-ignore
    case Form.V_W_Ib: insn.dst = v; insn.src = operandW(insn, false); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.W_V_Ib: insn.src = v; insn.dst = operandW(insn, false); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.Gd_W: insn.dst = g; insn.src = operandW(insn, false); break; // prettier-ignore
    case Form.Gd_W_Ib: insn.dst = g; insn.src = operandW(insn, false); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.V_Ed: insn.dst = v; insn.src = operandE(insn, 4); break; // prettier-ignore
    case Form.Ed_V: insn.src = v; insn.dst = operandE(insn, 4); break; // prettier-ignore
    case Form.V_Ed_Ib: insn.dst = v; insn.src = operandE(insn, 4); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.Ed_V_Ib: insn.src = v; insn.dst = operandE(insn, 4); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.P_Q: insn.dst = p; insn.src = operandW(insn, true); break; // prettier-ignore
    case Form.Q_P: insn.src = p; insn.dst = operandW(insn, true); break; // prettier-ignore
    case Form.P_Q_Ib: insn.dst = p; insn.src = operandW(insn, true); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.Gd_Q: insn.dst = g; insn.src = operandW(insn, true); break; // prettier-ignore
    case Form.Gd_Q_Ib: insn.dst = g; insn.src = operandW(insn, true); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.P_Ed: insn.dst = p; insn.src = operandE(insn, 4); break; // prettier-ignore
    case Form.Ed_P: insn.src = p; insn.dst = operandE(insn, 4); break; // prettier-ignore
    case Form.P_Ed_Ib: insn.dst = p; insn.src = operandE(insn, 4); insn.imm = fetchIb(); break; // prettier-ignore
    case Form.P_W: insn.dst = p; insn.src = operandW(insn, false); break; // prettier-ignore
    case Form.V_Q: insn.dst = v; insn.src = operandW(insn, true); break; // prettier-ignore
    case Form.W_Ib: insn.dst = operandW(insn, false); insn.src = insn.dst; insn.imm = fetchIb(); break; // prettier-ignore
    case Form.Q_Ib: insn.dst = operandW(insn, true); insn.src = insn.dst; insn.imm = fetchIb(); break; // prettier-ignore
  }
}

/** Whether an instruction's implicit operand is on the stack: a bad address there is #SS, not #GP. */
function usesStack(op: u32): bool {
  switch (op) {
    case Op.PUSH:
    case Op.POP:
    case Op.CALL:
    case Op.CALL_INDIRECT:
    case Op.RET:
    case Op.LEAVE:
    case Op.ENTER:
    case Op.PUSHF:
    case Op.POPF:
    case Op.PUSHA:
    case Op.POPA:
    case Op.PUSH_SREG:
    case Op.POP_SREG:
    case Op.CALL_FAR:
    case Op.RET_FAR:
    case Op.IRET:
      return true;
  }
  return false;
}

/** Whether a ModRM byte follows the opcode. */
function formHasModrm(form: u32): bool {
  switch (form) {
    case Form.AL_Ib:
    case Form.rAX_Iz:
    case Form.Zv:
    case Form.Zv_rAX:
    case Form.Zb_Ib:
    case Form.Zv_Iv:
    case Form.Jb:
    case Form.Jz:
    case Form.Ib:
    case Form.Iz:
    case Form.Iw:
    case Form.Iw_Ib:
    case Form.Ap:
    case Form.AL_Ob:
    case Form.rAX_Ov:
    case Form.Ob_AL:
    case Form.Ov_rAX:
    case Form.Xb:
    case Form.Xv:
    case Form.AL_DX:
    case Form.eAX_DX:
    case Form.eAX_Ib:
    case Form.Osz:
      return false;
  }
  return true;
}

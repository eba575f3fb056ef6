/** Integer operations of two vectors in translated code: wasm's own where it has them, else a few of its operations. */
import { Simd } from "../ops/simd_op";
import { get, i32Const, i64Const, keepVector, simd } from "./emit";
import { byte } from "./wasm_writer";
import { V } from "./wasm_opcodes";

/** Opcode of an integer operation of two vectors that is one of wasm's too; 0: it is not. */
// prettier-ignore
function integerOpcode(kind: i32): u32 {
  switch (kind) {
    case Simd.PACKSSWB: return 0x65;
    case Simd.PACKUSWB: return 0x66;
    case Simd.PACKSSDW: return 0x85;
    case Simd.PACKUSDW: return 0x86;
    case Simd.PCMPGTB: return 0x27;
    case Simd.PCMPGTW: return 0x31;
    case Simd.PCMPGTD: return 0x3b;
    case Simd.PCMPGTQ: return 0xd9;
    case Simd.PCMPEQB: return 0x23;
    case Simd.PCMPEQW: return 0x2d;
    case Simd.PCMPEQD: return 0x37;
    case Simd.PCMPEQQ: return 0xd6;
    case Simd.PAND: return V.AND;
    case Simd.POR: return V.OR;
    case Simd.PXOR: return V.XOR;
    case Simd.PADDB: return 0x6e;
    case Simd.PADDW: return 0x8e;
    case Simd.PADDD: return 0xae;
    case Simd.PADDQ: return 0xce;
    case Simd.PSUBB: return 0x71;
    case Simd.PSUBW: return 0x91;
    case Simd.PSUBD: return 0xb1;
    case Simd.PSUBQ: return 0xd1;
    case Simd.PADDSB: return 0x6f;
    case Simd.PADDSW: return 0x8f;
    case Simd.PADDUSB: return 0x70;
    case Simd.PADDUSW: return 0x90;
    case Simd.PSUBSB: return 0x72;
    case Simd.PSUBSW: return 0x92;
    case Simd.PSUBUSB: return 0x73;
    case Simd.PSUBUSW: return 0x93;
    case Simd.PMINSB: return 0x76;
    case Simd.PMINUB: return 0x77;
    case Simd.PMAXSB: return 0x78;
    case Simd.PMAXUB: return 0x79;
    case Simd.PAVGB: return 0x7b;
    case Simd.PMINSW: return 0x96;
    case Simd.PMINUW: return 0x97;
    case Simd.PMAXSW: return 0x98;
    case Simd.PMAXUW: return 0x99;
    case Simd.PAVGW: return 0x9b;
    case Simd.PMULLW: return 0x95;
    case Simd.PMULLD: return 0xb5;
    case Simd.PMINSD: return 0xb6;
    case Simd.PMINUD: return 0xb7;
    case Simd.PMAXSD: return 0xb8;
    case Simd.PMAXUD: return 0xb9;
    case Simd.PMADDWD: return 0xba;
  }
  return 0;
}

/** The byte shuffle of an unpack instruction: the lanes' width in bytes, and whether of the upper halves; 0: it is none. */
function unpackWidth(kind: i32): u32 {
  switch (kind) {
    case Simd.PUNPCKLBW:
    case Simd.PUNPCKHBW: return 1; // prettier-ignore
    case Simd.PUNPCKLWD:
    case Simd.PUNPCKHWD: return 2; // prettier-ignore
    case Simd.PUNPCKLDQ:
    case Simd.PUNPCKHDQ:
    case Simd.UNPCKLPS:
    case Simd.UNPCKHPS: return 4; // prettier-ignore
    case Simd.PUNPCKLQDQ:
    case Simd.PUNPCKHQDQ: return 8; // prettier-ignore
  }
  return 0;
}

function unpacksUpper(kind: i32): bool {
  return (
    kind == Simd.PUNPCKHBW || kind == Simd.PUNPCKHWD || kind == Simd.PUNPCKHDQ || kind == Simd.UNPCKHPS || kind == Simd.PUNPCKHQDQ
  );
}

export function hasIntegerOpcode(kind: i32): bool {
  return (
    integerOpcode(kind) != 0 || unpackWidth(kind) != 0 || kind == Simd.PANDN || kind == Simd.PMULUDQ || kind == Simd.PSHUFB
  );
}

export function integerLocal(kind: i32, a: u32, b: u32): u32 {
  const width = unpackWidth(kind);
  if (kind == Simd.PANDN) {
    get(b);
    get(a);
    simd(V.ANDNOT);
  } else if (kind == Simd.PMULUDQ) {
    get(a);
    i64Const(0xffff_ffff);
    simd(V.I64X2_SPLAT);
    simd(V.AND);
    get(b);
    i64Const(0xffff_ffff);
    simd(V.I64X2_SPLAT);
    simd(V.AND);
    simd(V.I64X2_MUL);
  } else if (kind == Simd.PSHUFB) {
    get(a);
    get(b);
    i32Const(0x8f8f_8f8f);
    simd(V.I32X4_SPLAT);
    simd(V.AND);
    simd(V.SWIZZLE);
  } else if (width != 0) {
    get(a);
    get(b);
    simd(V.SHUFFLE);
    const first: u32 = unpacksUpper(kind) ? 8 : 0;
    for (let lane = first; lane < first + 8; lane += width) {
      for (let i: u32 = 0; i < width; i++) byte(lane + i);
      for (let i: u32 = 0; i < width; i++) byte(16 + lane + i);
    }
  } else {
    get(a);
    get(b);
    simd(integerOpcode(kind));
  }
  return keepVector();
}

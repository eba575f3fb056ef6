/** Bit instructions: BT family, scans, counts, BSWAP, MOVBE, CRC32, sign extension of the accumulator. */
import { FLAG_CF, FLAG_ZF, FLAGS_STATUS, RAX, RDX } from "../abi/state";
import { EA_16, EA_32, Insn, OPERAND_IMMEDIATE, OPERAND_MEMORY } from "../decode/insn";
import { Interpreter, wide } from "../interpreter/backend";
import { read, readForUpdate, writeUpdate } from "../mmu/access";
import { effective, linear } from "../state/address";
import { linearIn } from "../state/segments";
import { readReg, writeReg } from "../state/cpu";
import { setFlagBits } from "../state/rflags";
import { on } from "./backend";

export const enum BitOf {
  TEST,
  SET,
  RESET,
  COMPLEMENT,
}

/** Address of the operand-sized word that holds bit `offset` (signed) of a bit string in memory. */
function bitAddress<T>(insn: Insn, offset: i64, forWrite: bool): u64 {
  const bytes: i64 = sizeof<T>();
  const displacement = (offset >> (sizeof<T>() == 8 ? 6 : sizeof<T>() == 4 ? 5 : 4)) * bytes;
  const ea = <u32>insn.ea;
  if (ea == EA_32) return linearIn(<u32>insn.segment, <u32>effective(insn) + <u32>displacement, sizeof<T>(), forWrite);
  if (ea == EA_16) {
    return linearIn(<u32>insn.segment, (<u32>effective(insn) + <u32>displacement) & 0xffff, sizeof<T>(), forWrite);
  }
  return linear(insn, sizeof<T>(), forWrite) + <u64>displacement;
}

function changed<T>(kind: BitOf, value: T, bit: T): T {
  switch (kind) {
    case BitOf.SET: return <T>(value | bit); // prettier-ignore
    case BitOf.RESET: return <T>(value & ~bit); // prettier-ignore
    default: return <T>(value ^ bit); // prettier-ignore
  }
}

/** BT, BTS, BTR, BTC. A register bit offset reaches outside a memory operand. */
export function bitTest<T>(insn: Insn, kind: BitOf): void {
  const b = on<Interpreter>();
  const mask: u64 = sizeof<T>() * 8 - 1;
  const offset = insn.src == <u8>OPERAND_IMMEDIATE ? insn.imm & <i64>mask : wide<T>(readReg<T>(<u32>insn.src));
  const bit = <T>(<u64>1 << (<u64>offset & mask));
  let value: T;
  if (insn.dst == <u8>OPERAND_MEMORY) {
    if (kind == BitOf.TEST) {
      value = read<T>(bitAddress<T>(insn, offset, false));
    } else {
      value = readForUpdate<T>(bitAddress<T>(insn, offset, true));
      writeUpdate<T>(changed<T>(kind, value, bit));
    }
  } else {
    value = b.readDst<T>(insn);
    if (kind != BitOf.TEST) writeReg<T>(<u32>insn.dst, changed<T>(kind, value, bit));
  }
  setFlagBits(FLAG_CF, (value & bit) != <T>0 ? FLAG_CF : 0);
}

/** BSF dst, src: with a zero source the destination stays, all 64 bits of it, as processors do. */
export function bsf<T>(insn: Insn): void {
  const src = on<Interpreter>().readSrc<T>(insn);
  if (src != <T>0) writeReg<T>(<u32>insn.dst, <T>ctz<u64>(<u64>src));
  setFlagBits(FLAG_ZF, src == <T>0 ? FLAG_ZF : 0);
}

/** BSR dst, src. */
export function bsr<T>(insn: Insn): void {
  const src = on<Interpreter>().readSrc<T>(insn);
  if (src != <T>0) writeReg<T>(<u32>insn.dst, <T>(63 - clz<u64>(<u64>src)));
  setFlagBits(FLAG_ZF, src == <T>0 ? FLAG_ZF : 0);
}

/** POPCNT dst, src: ZF by the source, the other status flags 0. */
export function popcount<T>(insn: Insn): void {
  const src = on<Interpreter>().readSrc<T>(insn);
  writeReg<T>(<u32>insn.dst, <T>popcnt<u64>(<u64>src));
  setFlagBits(FLAGS_STATUS, src == <T>0 ? FLAG_ZF : 0);
}

/** BSWAP; 16-bit is undefined: processors give 0. */
export function bswapRegister<T>(insn: Insn): void {
  const offset = <u32>insn.dst;
  if (sizeof<T>() == 8) writeReg<u64>(offset, bswap<u64>(readReg<u64>(offset)));
  else if (sizeof<T>() == 4) writeReg<u32>(offset, bswap<u32>(readReg<u32>(offset)));
  else writeReg<u16>(offset, 0);
}

/** MOVBE dst, src. */
export function movbe<T>(insn: Insn): void {
  const b = on<Interpreter>();
  b.writeDst<T>(insn, bswap<T>(b.readSrc<T>(insn)));
}

/** CRC32 dst, src: polynomial 11EDC6F41H, bit-reflected. */
export function crc32c<T>(insn: Insn): void {
  let value = <u64>on<Interpreter>().readSrc<T>(insn);
  let crc = readReg<u32>(<u32>insn.dst);
  for (let i: u32 = 0; i < sizeof<T>(); i++) {
    crc ^= <u32>value & 0xff;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f6_3b78 & (0 - (crc & 1)));
    value >>= 8;
  }
  writeReg<u32>(<u32>insn.dst, crc);
}

/** CBW, CWDE, CDQE: sign-extends the lower half of rAX. */
export function cbw<T>(): void {
  if (sizeof<T>() == 2) writeReg<u16>(RAX << 3, <u16>(<i16>readReg<i8>(RAX << 3)));
  else if (sizeof<T>() == 4) writeReg<u32>(RAX << 3, <u32>(<i32>readReg<i16>(RAX << 3)));
  else writeReg<u64>(RAX << 3, <u64>(<i64>readReg<i32>(RAX << 3)));
}

/** CWD, CDQ, CQO: fills rDX with the sign of rAX. */
export function cwd<T>(): void {
  writeReg<T>(RDX << 3, <T>(wide<T>(readReg<T>(RAX << 3)) >> 63));
}

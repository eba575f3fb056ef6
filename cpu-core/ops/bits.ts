/** Bit instructions: BT family, scans, counts, BSWAP, MOVBE, CRC32, sign extension of the accumulator. */
import { FLAG_CF, RAX, RDX } from "../abi/state";
import { EA_16, EA_32, EA_64_SHORT, Insn, OPERAND_IMMEDIATE, OPERAND_MEMORY } from "../decode/insn";
import { Interpreter, wide } from "../interpreter/backend";
import { read, readForUpdate, writeUpdate } from "../mmu/access";
import { effective, linear } from "../state/address";
import { linearIn } from "../state/segments";
import { readReg, writeReg } from "../state/cpu";
import { FlagOverride, FlagsOf, setFlagBits } from "../state/rflags";
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
  if (ea == EA_64_SHORT) {
    // The sum wraps before a base is added.
    const offset = <u64>(<u32>effective(insn) + <u32>displacement);
    return offset + linear(insn, sizeof<T>(), forWrite) - effective(insn);
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

/** Whether a register gives the offset into a bit string in memory: slow tier. */
export function isBitString(insn: Insn): bool {
  return insn.dst == <u8>OPERAND_MEMORY && insn.src != <u8>OPERAND_IMMEDIATE;
}

/** BT, BTS, BTR, BTC on a register or with an immediate offset. */
export function bitTest<B, T>(insn: Insn, kind: BitOf): void {
  const b = on<B>();
  const bit = b.shl<T>(b.constant<T>(1), b.bitOffset<T>(insn));
  if (kind == BitOf.TEST) {
    b.overrideFlags<T>(FlagOverride.BIT, b.and<T>(b.readDst<T>(insn), bit));
    return;
  }
  const value = b.readUpdate<T>(insn);
  if (kind == BitOf.SET) b.writeUpdate<T>(insn, b.or<T>(value, bit));
  else if (kind == BitOf.RESET) b.writeUpdate<T>(insn, b.and<T>(value, b.not<T>(bit)));
  else b.writeUpdate<T>(insn, b.xor<T>(value, bit));
  b.overrideFlags<T>(FlagOverride.BIT, b.and<T>(value, bit));
}

/** BT, BTS, BTR, BTC on a bit string: the offset, signed, reaches outside the memory operand. */
export function bitTestString<T>(insn: Insn, kind: BitOf): void {
  const mask: u64 = sizeof<T>() * 8 - 1;
  const offset = wide<T>(readReg<T>(<u32>insn.src));
  const bit = <T>(<u64>1 << (<u64>offset & mask));
  let value: T;
  if (kind == BitOf.TEST) {
    value = read<T>(bitAddress<T>(insn, offset, false));
  } else {
    value = readForUpdate<T>(bitAddress<T>(insn, offset, true));
    writeUpdate<T>(changed<T>(kind, value, bit));
  }
  setFlagBits(FLAG_CF, (value & bit) != <T>0 ? FLAG_CF : 0);
}

/** BSF dst, src: with a zero source the destination stays, all 64 bits of it, as processors do. */
export function bsf<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  b.writeRegisterUnless<T>(b.equal<T>(src, b.constant<T>(0)), insn.dst, b.lowestBit<T>(src));
  b.overrideFlags<T>(FlagOverride.ZERO, src);
}

/** BSR dst, src. */
export function bsr<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readSrc<T>(insn);
  b.writeRegisterUnless<T>(b.equal<T>(src, b.constant<T>(0)), insn.dst, b.highestBit<T>(src));
  b.overrideFlags<T>(FlagOverride.ZERO, src);
}

/** POPCNT dst, src: ZF by the source, the other status flags 0. */
export function popcount<B, T>(insn: Insn): void {
  const b = on<B>();
  const count = b.countBits<T>(b.readSrc<T>(insn));
  b.writeRegister<T>(insn.dst, count);
  const zero = b.constant<T>(0);
  b.setFlags<T>(FlagsOf.COUNT, zero, zero, count);
}

/** BSWAP; 16-bit is undefined: processors give 0. */
export function bswapRegister<B, T>(insn: Insn): void {
  const b = on<B>();
  if (sizeof<T>() == 2) b.writeRegister<T>(insn.dst, b.constant<T>(0));
  else b.writeRegister<T>(insn.dst, b.swapBytes<T>(b.readRegister<T>(insn.dst)));
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
export function cbw<B, T>(): void {
  const b = on<B>();
  if (sizeof<T>() == 2) b.writeRegister<u16>(RAX << 3, b.signExtend<u8, u16>(b.readRegister<u8>(RAX << 3)));
  else if (sizeof<T>() == 4) b.writeRegister<u32>(RAX << 3, b.signExtend<u16, u32>(b.readRegister<u16>(RAX << 3)));
  else b.writeRegister<u64>(RAX << 3, b.signExtend<u32, u64>(b.readRegister<u32>(RAX << 3)));
}

/** CWD, CDQ, CQO: fills rDX with the sign of rAX. */
export function cwd<B, T>(): void {
  const b = on<B>();
  b.writeRegister<T>(RDX << 3, b.sar<T>(b.readRegister<T>(RAX << 3), b.constant<u32>(sizeof<T>() * 8 - 1)));
}

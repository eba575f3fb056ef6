/** CMPXCHG, XADD, CMPXCHG8B/16B. One CPU runs at a time, so a locked instruction needs nothing more. */
import { FLAG_ZF, RAX, RBX, RCX, RDX } from "../abi/state";
import { Insn, INSN_REX_W, OPERAND_MEMORY } from "../decode/insn";
import { raiseGP } from "../interrupts/raise";
import { checkWritable, read, write } from "../mmu/access";
import { linear } from "../state/address";
import { readReg, writeReg } from "../state/cpu";
import { FlagsOf, setFlagBits } from "../state/rflags";
import { on } from "./backend";

/** CMPXCHG dst, src: always writes a memory destination, changes the accumulator only if unequal. */
export function cmpxchg<B, T>(insn: Insn): void {
  const b = on<B>();
  const accumulator = b.readRegister<T>(RAX);
  const src = b.readRegister<T>(insn.src);
  const dst = b.readUpdate<T>(insn);
  const equal = b.equal<T>(accumulator, dst);
  // An unequal 32-bit register destination keeps its upper half, as processors do.
  if (sizeof<T>() == 4 && insn.dst != <u8>OPERAND_MEMORY) {
    const whole = b.readRegister<u64>(insn.dst);
    b.writeRegister<u64>(insn.dst, b.select<u64>(equal, b.zeroExtend<u32, u64>(b.readRegister<u32>(insn.src)), whole));
  } else {
    b.writeUpdate<T>(insn, b.select<T>(equal, src, dst));
  }
  b.setFlags<T>(FlagsOf.SUB, accumulator, dst, b.sub<T>(accumulator, dst));
  b.writeRegisterUnless<T>(equal, RAX, dst);
}

/** XADD dst, src. */
export function xadd<B, T>(insn: Insn): void {
  const b = on<B>();
  const src = b.readRegister<T>(insn.src);
  const dst = b.readUpdate<T>(insn);
  const sum = b.add<T>(dst, src);
  b.writeUpdate<T>(insn, sum);
  // The destination is written last where both operands are the same register.
  if (insn.src != insn.dst) b.writeRegister<T>(insn.src, dst);
  b.setFlags<T>(FlagsOf.ADD, dst, src, sum);
}

/** CMPXCHG8B, CMPXCHG16B m. */
export function cmpxchgPair(insn: Insn): void {
  if ((insn.flags & <u16>INSN_REX_W) != 0) {
    const address = linear(insn, 16, true);
    if ((address & 15) != 0) raiseGP(0);
    checkWritable(address, 16);
    const low = read<u64>(address);
    const high = read<u64>(address + 8);
    const equal = low == readReg<u64>(RAX << 3) && high == readReg<u64>(RDX << 3);
    write<u64>(address, equal ? readReg<u64>(RBX << 3) : low);
    write<u64>(address + 8, equal ? readReg<u64>(RCX << 3) : high);
    if (!equal) {
      writeReg<u64>(RAX << 3, low);
      writeReg<u64>(RDX << 3, high);
    }
    setFlagBits(FLAG_ZF, equal ? FLAG_ZF : 0);
    return;
  }
  const address = linear(insn, 8, true);
  checkWritable(address, 8);
  const value = read<u64>(address);
  const expected = (<u64>readReg<u32>(RDX << 3) << 32) | <u64>readReg<u32>(RAX << 3);
  const equal = value == expected;
  write<u64>(address, equal ? (<u64>readReg<u32>(RCX << 3) << 32) | <u64>readReg<u32>(RBX << 3) : value);
  if (!equal) {
    writeReg<u32>(RAX << 3, <u32>value);
    writeReg<u32>(RDX << 3, <u32>(value >> 32));
  }
  setFlagBits(FLAG_ZF, equal ? FLAG_ZF : 0);
}

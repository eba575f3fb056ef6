/** Stacks and near branches outside 64-bit mode, where SS and CS have bases and limits. */
import { RBP, RSP, SEG_CS, SEG_SS } from "../abi/state";
import { raiseGP } from "../interrupts/raise";
import { read, write } from "../mmu/access";
import { cpu, readReg, writeReg } from "../state/cpu";
import { isProtected, stackSize } from "../state/mode";
import { limitOf, linearIn } from "../state/segments";

const RSP_OFFSET: u32 = RSP * 8;
const RBP_OFFSET: u32 = RBP * 8;

/** Pushes by the width of the stack pointer (SS.B). */
export function pushLegacy<T>(value: T): void {
  if (stackSize() == 4) {
    const offset = readReg<u32>(RSP_OFFSET) - sizeof<T>();
    write<T>(linearIn(SEG_SS, offset, sizeof<T>(), true), value);
    writeReg<u32>(RSP_OFFSET, offset);
  } else {
    const offset = (readReg<u32>(RSP_OFFSET) - sizeof<T>()) & 0xffff;
    write<T>(linearIn(SEG_SS, offset, sizeof<T>(), true), value);
    writeReg<u16>(RSP_OFFSET, <u16>offset);
  }
}

export function topLegacy<T>(): T {
  const offset = stackSize() == 4 ? readReg<u32>(RSP_OFFSET) : <u32>readReg<u16>(RSP_OFFSET);
  return read<T>(linearIn(SEG_SS, offset, sizeof<T>(), false));
}

export function popLegacy<T>(): T {
  const value = topLegacy<T>();
  addToStackPointer(sizeof<T>());
  return value;
}

/**
 * SP = BP, then POP BP. In real and virtual-8086 mode a frame across the segment's end is #GP, not #SS (SDM vol 2
 * "LEAVE").
 */
export function leaveLegacy<T>(): void {
  const wide = stackSize() == 4;
  const frame = wide ? readReg<u32>(RBP_OFFSET) : <u32>readReg<u16>(RBP_OFFSET);
  if (!isProtected() && frame > 0x1_0000 - sizeof<T>()) raiseGP(0);
  const value = read<T>(linearIn(SEG_SS, frame, sizeof<T>(), false));
  if (wide) writeReg<u32>(RSP_OFFSET, frame + sizeof<T>());
  else writeReg<u16>(RSP_OFFSET, <u16>(frame + sizeof<T>()));
  writeReg<T>(RBP_OFFSET, value);
}

/** Moves the stack pointer by `bytes` (signed), by the width the mode says. */
export function addToStackPointer(bytes: u32): void {
  const size = stackSize();
  if (size == 8) writeReg<u64>(RSP_OFFSET, readReg<u64>(RSP_OFFSET) + <u64>(<i64>(<i32>bytes)));
  else if (size == 4) writeReg<u32>(RSP_OFFSET, readReg<u32>(RSP_OFFSET) + bytes);
  else writeReg<u16>(RSP_OFFSET, <u16>(<u32>readReg<u16>(RSP_OFFSET) + bytes));
}

/** Raises #GP(0) if a near branch to EIP or IP (`widthCode` 2 or 1) leaves the limit of CS; returns its target. */
export function checkNear(target: u32, widthCode: u32): u32 {
  if (widthCode == 1) target &= 0xffff;
  if (target > limitOf(SEG_CS)) raiseGP(0);
  return target;
}

export function branchTo(target: u32, widthCode: u32): void {
  cpu().rip = <u64>checkNear(target, widthCode);
}

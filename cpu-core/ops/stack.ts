/** POP, PUSHA, POPA, ENTER, LEAVE. */
import { RBP, RSP, SEG_SS } from "../abi/state";
import { Insn, OPERAND_MEMORY } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { checkWritable, read, write } from "../mmu/access";
import { effective, linear } from "../state/address";
import { cpu, readReg, writeReg } from "../state/cpu";
import { CODE_64, stackSize } from "../state/mode";
import { linearIn } from "../state/segments";
import { on } from "./backend";

const SP: u32 = RSP << 3;
const BP: u32 = RBP << 3;

/** POP reg; POP m computes its address with RSP already moved (SDM vol 2 "POP"). */
export function pop<B, T>(insn: Insn): void {
  const b = on<B>();
  if (insn.dst != <u8>OPERAND_MEMORY) b.writeRegister<T>(insn.dst, b.pop<T>());
  else popMemory<T>(insn);
}

export function popMemory<T>(insn: Insn): void {
  const b = on<Interpreter>();
  const sp = readReg<u64>(SP);
  const value = b.pop<T>();
  const moved = readReg<u64>(SP);
  const offset = effective(insn);
  const flat = cpu().mode == CODE_64 ? linear(insn, sizeof<T>(), true) : 0;
  writeReg<u64>(SP, sp);
  write<T>(cpu().mode == CODE_64 ? flat : linearIn(<u32>insn.segment, <u32>offset, sizeof<T>(), true), value);
  writeReg<u64>(SP, moved);
}

/** Linear address of SP - `down` as the stack's size has it, outside 64-bit mode. */
function stackAddress(sp: u32, bytes: u32, forWrite: bool): u64 {
  return linearIn(SEG_SS, stackSize() == 4 ? sp : sp & 0xffff, bytes, forWrite);
}

function setStackPointer(sp: u32): void {
  if (stackSize() == 4) writeReg<u32>(SP, sp);
  else writeReg<u16>(SP, <u16>sp);
}

/** PUSHA, PUSHAD. */
export function pusha<T>(): void {
  const sp = readReg<u32>(SP);
  for (let i: u32 = 0; i < 8; i++) {
    const value = readReg<T>(i << 3);
    write<T>(stackAddress(sp - (i + 1) * sizeof<T>(), sizeof<T>(), true), value);
  }
  setStackPointer(sp - 8 * sizeof<T>());
}

/** POPA, POPAD: SP's image is skipped. */
export function popa<T>(): void {
  const sp = readReg<u32>(SP);
  // A fault must find all registers as they were.
  for (let i: u32 = 0; i < 8; i++) read<T>(stackAddress(sp + i * sizeof<T>(), sizeof<T>(), false));
  for (let i: u32 = 0; i < 8; i++) {
    const value = read<T>(stackAddress(sp + i * sizeof<T>(), sizeof<T>(), false));
    const register = 7 - i;
    if (register != RSP) writeReg<T>(register << 3, value);
  }
  setStackPointer(sp + 8 * sizeof<T>());
}

/** ENTER size, level. */
export function enter<T>(insn: Insn): void {
  const level = insn.extra & 31;
  const size = <u32>insn.imm;
  const width = stackSize();
  let sp = readReg<u64>(SP);
  let bp = readReg<u64>(BP);
  sp = place(sp - sizeof<T>(), width);
  put<T>(sp, width, <T>bp);
  // With a 16-bit stack the frame pointer has the upper half of ESP.
  const frame = width == 2 ? (readReg<u64>(SP) & ~0xffff) | sp : sp;
  if (level > 0) {
    for (let i: u32 = 1; i < level; i++) {
      bp = place(bp - sizeof<T>(), width);
      const link = width == 8 ? read<T>(bp) : read<T>(linearIn(SEG_SS, <u32>bp, sizeof<T>(), false));
      sp = place(sp - sizeof<T>(), width);
      put<T>(sp, width, link);
    }
    sp = place(sp - sizeof<T>(), width);
    put<T>(sp, width, <T>frame);
  }
  sp = place(sp - <u64>size, width);
  // ENTER faults if the new top of the stack cannot be written.
  const probe = width == 8 ? sp : linearIn(SEG_SS, <u32>sp, sizeof<T>(), true);
  checkWritable(probe, sizeof<T>());
  writeReg<T>(BP, <T>frame);
  if (width == 8) writeReg<u64>(SP, sp);
  else setStackPointer(<u32>sp);
}

function place(sp: u64, width: u32): u64 {
  return width == 8 ? sp : width == 4 ? sp & 0xffff_ffff : sp & 0xffff;
}

function put<T>(sp: u64, width: u32, value: T): void {
  write<T>(width == 8 ? sp : linearIn(SEG_SS, <u32>sp, sizeof<T>(), true), value);
}

/** LEAVE: SP = BP, then POP BP. */
export function leave<B, T>(): void {
  on<B>().leaveFrame<T>();
}

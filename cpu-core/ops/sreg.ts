/** Segment registers: MOV, PUSH, POP, LDS and its kind. SDM vol 3A "Segment Registers". */
import { RSP, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS } from "../abi/state";
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { read } from "../mmu/access";
import { linear } from "../state/address";
import { readReg, writeReg } from "../state/cpu";
import { stackSize } from "../state/mode";
import { linearIn, loadSegment, selectorOf } from "../state/segments";
import { holdOffAfterStackLoad } from "../state/stepping";
import { on } from "./backend";

/** MOV r/m, Sreg: a 32- or 64-bit register gets zeroes above. */
export function movFromSreg<T>(insn: Insn): void {
  on<Interpreter>().writeDst<T>(insn, <T>selectorOf(<u32>insn.src));
}

/** MOV Sreg, r/m16. */
export function movToSreg(insn: Insn): void {
  loadSegment(<u32>insn.dst, <u32>on<Interpreter>().readSrc<u16>(insn));
  if (<u32>insn.dst == SEG_SS) holdOffAfterStackLoad();
}

export function pushSreg<T>(insn: Insn): void {
  on<Interpreter>().push<T>(<T>selectorOf(<u32>insn.src));
}

/** Reads the stack at `offset` bytes from its top, without moving the pointer. */
export function peek<T>(offset: u32): T {
  const size = stackSize();
  if (size == 8) return read<T>(readReg<u64>(RSP << 3) + <u64>offset);
  const sp = readReg<u32>(RSP << 3) + offset;
  return read<T>(linearIn(SEG_SS, size == 4 ? sp : sp & 0xffff, sizeof<T>(), false));
}

export function popSreg<T>(insn: Insn): void {
  const selector = <u32>peek<T>(0) & 0xffff;
  // The pointer moves by the old stack's rules and only if the load succeeded.
  const size = stackSize();
  loadSegment(<u32>insn.dst, selector);
  if (size == 8) writeReg<u64>(RSP << 3, readReg<u64>(RSP << 3) + sizeof<T>());
  else if (size == 4) writeReg<u32>(RSP << 3, readReg<u32>(RSP << 3) + sizeof<T>());
  else writeReg<u16>(RSP << 3, <u16>(<u32>readReg<u16>(RSP << 3) + sizeof<T>()));
  if (<u32>insn.dst == SEG_SS) holdOffAfterStackLoad();
}

/** LES, LDS, LSS, LFS, LGS. */
export function loadFar<T>(insn: Insn): void {
  const address = linear(insn, sizeof<T>() + 2, false);
  const offset = read<T>(address);
  const selector = <u32>read<u16>(address + sizeof<T>());
  let index: u32 = SEG_DS;
  switch (<u32>insn.cc) {
    case 0xc4: index = SEG_ES; break; // prettier-ignore
    case 0xb2: index = SEG_SS; break; // prettier-ignore
    case 0xb4: index = SEG_FS; break; // prettier-ignore
    case 0xb5: index = SEG_GS; break; // prettier-ignore
  }
  loadSegment(index, selector);
  writeReg<T>(<u32>insn.dst, offset);
}

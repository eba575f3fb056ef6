/** IN, OUT and the permission to use ports. SDM vol 1 "I/O-Sensitive Instructions", "I/O Permission Bit Map". */
import { FLAG_VM, RAX, SEG_TR } from "../abi/state";
import { Insn, OPERAND_IMMEDIATE } from "../decode/insn";
import { portRead, portWrite } from "../host";
import { notePort } from "../interrupts/debug";
import { raiseGP } from "../interrupts/raise";
import { readSystem } from "../mmu/access";
import { cpu, readReg, writeReg } from "../state/cpu";
import { isProtected } from "../state/mode";
import { attributesOf, baseOf, limitOf } from "../state/segments";

/** Raises #GP(0) unless IOPL or the TSS's bitmap lets the current level use ports [port, port + size). */
export function checkPortAccess(port: u32, size: u32): void {
  const virtual8086 = (cpu().rflags & FLAG_VM) != 0;
  if (!isProtected() && !virtual8086) return;
  if (!virtual8086 && cpu().cpl <= ((cpu().rflags >> 12) & 3)) return;
  // Only a 32- or 64-bit TSS has a bitmap.
  if ((attributesOf(SEG_TR) & 8) == 0 || limitOf(SEG_TR) < 103) raiseGP(0);
  const base = baseOf(SEG_TR);
  const at = <u32>readSystem<u16>(base + 102) + (port >> 3);
  if (at + 1 > limitOf(SEG_TR)) raiseGP(0);
  const bits = <u32>readSystem<u16>(base + <u64>at) >> (port & 7);
  if ((bits & ((1 << size) - 1)) != 0) raiseGP(0);
}

function portOf(insn: Insn): u32 {
  return insn.src == <u8>OPERAND_IMMEDIATE ? <u32>insn.imm & 0xff : <u32>readReg<u16>(<u32>insn.src);
}

/** IN AL/AX/EAX, port. */
export function portIn<T>(insn: Insn): void {
  const port = portOf(insn);
  checkPortAccess(port, sizeof<T>());
  notePort(port, sizeof<T>());
  writeReg<T>(RAX << 3, <T>portRead(port, sizeof<T>()));
}

/** OUT port, AL/AX/EAX. */
export function portOut<T>(insn: Insn): void {
  const port = portOf(insn);
  checkPortAccess(port, sizeof<T>());
  notePort(port, sizeof<T>());
  portWrite(port, sizeof<T>(), <u32>readReg<T>(RAX << 3));
}

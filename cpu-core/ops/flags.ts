/** RFLAGS as programs change them: CLI, STI, PUSHF, POPF and what IRET may change. SDM vol 2 "CLI", "STI", "POPF", "PUSHF", "IRET". */
import {
  CR0_PE,
  CR4_PVI,
  CR4_VME,
  FLAG_AC,
  FLAG_DF,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_RF,
  FLAG_TF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  FLAGS_STATUS,
} from "../abi/state";
import { Insn } from "../decode/insn";
import { Interpreter } from "../interpreter/backend";
import { raiseGP } from "../interrupts/raise";
import { cpu } from "../state/cpu";
import { updateMode } from "../state/mode";
import { FlagsOf, materializeFlags } from "../state/rflags";
import { holdOffAfterSti } from "../state/stepping";
import { on } from "./backend";
import { peek } from "./sreg";

/** Flags that POPF and IRET of an operand of `bytes` bytes at level `cpl` may change. */
function writableFlags(bytes: u32, cpl: u32, iopl: u32): u32 {
  let mask: u32 = FLAGS_STATUS | FLAG_TF | FLAG_DF | FLAG_NT;
  if (bytes >= 4) mask |= FLAG_AC | FLAG_ID;
  if (cpl <= iopl) mask |= FLAG_IF;
  if (cpl == 0) mask |= FLAG_IOPL;
  return mask;
}

/** Sets RFLAGS as IRET executed at level `cpl` does; updateMode() is the caller's. */
export function returnFlags<T>(flags: u32, cpl: u32): void {
  const old = materializeFlags();
  let mask = writableFlags(sizeof<T>(), cpl, (old >> 12) & 3);
  if (sizeof<T>() >= 4) {
    mask |= FLAG_RF;
    if (cpl == 0 && (cpu().cr0 & CR0_PE) != 0) mask |= FLAG_VIF | FLAG_VIP;
  }
  cpu().rflags = (old & ~mask) | (flags & mask) | 2;
  cpu().flagsOp = FlagsOf.RFLAGS;
}

/** Which flag CLI, STI, PUSHF, POPF and IRET reach in place of IF. */
const enum Reach {
  IF,
  /** VIF: virtual-8086 mode with CR4.VME, CPL 3 with CR4.PVI. */
  VIF,
  NONE,
}

/** SDM vol 3B "Virtual Interrupt Handling", "Protected-Mode Virtual Interrupts". */
function reach(): Reach {
  if ((cpu().cr0 & CR0_PE) == 0 || cpu().cpl <= ((cpu().rflags >> 12) & 3)) return Reach.IF;
  const extension = (cpu().rflags & FLAG_VM) != 0 ? CR4_VME : CR4_PVI;
  return cpu().cpl == 3 && (cpu().cr4 & extension) != 0 ? Reach.VIF : Reach.NONE;
}

/** CLI. */
export function cli(): void {
  const flag = reach();
  if (flag == Reach.NONE) raiseGP(0);
  cpu().rflags &= flag == Reach.IF ? ~FLAG_IF : ~FLAG_VIF;
}

/** STI: interrupts stay off for one more instruction if IF was clear. */
export function sti(): void {
  const flag = reach();
  if (flag == Reach.NONE || (flag == Reach.VIF && (cpu().rflags & FLAG_VIP) != 0)) raiseGP(0);
  if (flag == Reach.IF) {
    if ((cpu().rflags & FLAG_IF) == 0) holdOffAfterSti();
    cpu().rflags |= FLAG_IF;
  } else {
    cpu().rflags |= FLAG_VIF;
  }
}

/** RFLAGS as an 8086 program with IOPL below 3 sees them: IF is VIF, IOPL is 3. */
export function virtualFlags(): u32 {
  const flags = (materializeFlags() & ~FLAG_IF) | FLAG_IOPL | 2;
  return (flags & FLAG_VIF) != 0 ? flags | FLAG_IF : flags;
}

/** Raises #GP(0) unless an 8086 program may load `flags`, its operand being of `bytes` bytes. */
export function checkVirtualFlags(flags: u32, bytes: u32): void {
  if (bytes != 2 || (cpu().cr4 & CR4_VME) == 0) raiseGP(0);
  if ((flags & FLAG_TF) != 0 || ((flags & FLAG_IF) != 0 && (cpu().rflags & FLAG_VIP) != 0)) raiseGP(0);
}

/** POPF and IRET of an 8086 program whose IF is VIF; checkVirtualFlags() was passed. */
export function loadVirtualFlags(flags: u32): void {
  const mask = writableFlags(2, 3, 0);
  const old = materializeFlags() & ~(mask | FLAG_VIF);
  cpu().rflags = old | (flags & mask) | ((flags & FLAG_IF) != 0 ? FLAG_VIF : 0) | 2;
}

/** Whether this is an 8086 program that may not reach IF. SDM vol 3B "Sensitive Instructions". */
export function isVirtualised(): bool {
  return (cpu().rflags & FLAG_VM) != 0 && (cpu().rflags & FLAG_IOPL) != FLAG_IOPL;
}

/** POPF: IF by IOPL, IOPL by CPL 0; VM, VIF and VIP stay, RF is cleared. */
export function popf<T>(insn: Insn): void {
  if (isVirtualised()) {
    checkVirtualFlags(sizeof<T>() == 2 ? <u32>peek<u16>(0) : 0, sizeof<T>());
    loadVirtualFlags(<u32>on<Interpreter>().pop<u16>());
    return;
  }
  const flags = <u32>on<Interpreter>().pop<T>();
  const old = materializeFlags();
  const mask = writableFlags(sizeof<T>(), cpu().cpl, (old >> 12) & 3);
  cpu().rflags = ((old & ~mask) | (flags & mask) | 2) & ~FLAG_RF;
  updateMode();
}

/** PUSHF: VM and RF read as 0. */
export function pushf<T>(insn: Insn): void {
  let flags: u32;
  if (isVirtualised()) {
    if (sizeof<T>() != 2 || (cpu().cr4 & CR4_VME) == 0) raiseGP(0);
    flags = virtualFlags();
  } else {
    flags = (materializeFlags() | 2) & ~(FLAG_VM | FLAG_RF);
  }
  on<Interpreter>().push<T>(<T>flags);
}

/**
 * The x87 instructions, opcodes D8-DF and 9B. All are slow tier: plain functions on CpuState.
 *
 * Each reads memory first and writes it before it changes a register, so that a page fault finds nothing done. An unmasked
 * exception sets ES in the status word; the #MF it means is raised by the next waiting instruction (x87_wait.ts).
 * From here to x87_arith.ts (the stack's arithmetic, on x87/), x87_move.ts (loads and stores), x87_env.ts (images in memory).
 * State: state/x87.ts. SDM vol 2A "F...".
 */
import { CR0_EM, CR0_MP, CR0_TS } from "../abi/state";
import { INSN_MEMORY, Insn } from "../decode/insn";
import { linear } from "../state/address";
import { raiseNM, raiseUD } from "../interrupts/raise";
import { read, write } from "../mmu/access";
import { cpu, writeReg } from "../state/cpu";
import {
  STATUS_BUSY,
  STATUS_ERROR_SUMMARY,
  STATUS_STACK_FAULT,
  free,
  initialiseX87,
  isEmpty,
  pop,
  push,
  setTop,
  stMantissa,
  stSignExponent,
  stackUnderflow,
  top,
  updateErrorSummary,
} from "../state/x87";
import { checkLoaded, fromBcd, fromFloat32, fromFloat64, fromInteger } from "../x87/convert";
import {
  INDEFINITE_MANTISSA,
  INDEFINITE_SIGN_EXPONENT,
  resultMantissa,
  resultSignExponent,
} from "../x87/float80";
import { DE, EXCEPTIONS, beginX87 } from "../x87/round";
import { loadConstant } from "../x87/transcendental";
import { environmentSize, loadEnvironment, restoreState, saveState, storeEnvironment } from "./x87_env";
import {
  arithmetic,
  arithmeticWithMemory,
  compareRegisters,
  compareToFlags,
  examine,
  test,
  transcendentalForm,
} from "./x87_arith";
import {
  absolute,
  changeSign,
  conditionalMove,
  exchange,
  makeRoom,
  pushResult,
  storeBcd,
  storeFloat32,
  storeFloat64,
  storeFloat80,
  storeInteger,
  storeRegister,
} from "./x87_move";
import { begin, noteMemory, notePointers, raisePending } from "./x87_wait";

/** Executes an instruction with opcode byte `insn.cc` (D8-DF, or 9B). */
export function x87(insn: Insn): void {
  const opcode = <u32>insn.cc;
  if (opcode == 0x9b) {
    fwait();
    return;
  }
  if ((cpu().cr0 & (CR0_EM | CR0_TS)) != 0) raiseNM();
  if ((insn.flags & (<u16>INSN_MEMORY)) != 0) memoryForm(insn, opcode & 7, ((<u32>insn.modrm) >> 3) & 7);
  else registerForm(insn, opcode & 7, ((<u32>insn.modrm) >> 3) & 7, (<u32>insn.modrm) & 7);
}

/** WAIT, FWAIT. */
function fwait(): void {
  if ((cpu().cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) raiseNM();
  raisePending();
}

/** Bytes of the memory operand. */
function memorySize(insn: Insn, page: u32, reg: u32): u32 {
  switch (page) {
    case 1:
      if (reg < 4) return 4;
      return (reg & 1) != 0 ? 2 : environmentSize(insn);
    case 3:
      return reg < 4 ? 4 : 10;
    case 4:
      return 8;
    case 5:
      if (reg < 4) return 8;
      return reg == 7 ? 2 : environmentSize(insn) + 80;
    case 6:
      return 2;
    case 7:
      if (reg < 4) return 2;
      return (reg & 1) != 0 ? 8 : 10;
    default:
      return 4;
  }
}

/** True if the instruction writes its memory operand. */
function isStore(page: u32, reg: u32): bool {
  return (page & 1) != 0 && (reg == 2 || reg == 3 || reg >= 6 || (reg == 1 && page != 1));
}

/** D8-DF with a memory operand; `page` is the low three bits of the opcode, `reg` the ModRM field. */
function memoryForm(insn: Insn, page: u32, reg: u32): void {
  // All but FNSTENV, FNSTCW, FNSAVE and FNSTSW wait, before the operand is looked at.
  if (reg < 6 || (page != 1 && page != 5)) raisePending();
  const address = linear(insn, memorySize(insn, page, reg), isStore(page, reg));
  switch (page) {
    case 0: // D8: f32 arithmetic
      begin(insn);
      fromFloat32(read<u32>(address));
      noteMemory(insn);
      arithmeticWithMemory(reg);
      return;
    case 2: // DA: i32 arithmetic
      begin(insn);
      fromInteger(read<i32>(address));
      noteMemory(insn);
      arithmeticWithMemory(reg);
      return;
    case 4: // DC: f64 arithmetic
      begin(insn);
      fromFloat64(read<u64>(address));
      noteMemory(insn);
      arithmeticWithMemory(reg);
      return;
    case 6: // DE: i16 arithmetic
      begin(insn);
      fromInteger(read<i16>(address));
      noteMemory(insn);
      arithmeticWithMemory(reg);
      return;
    case 1: // D9
      switch (reg) {
        case 0: // FLD m32fp
          begin(insn);
          fromFloat32(read<u32>(address));
          noteMemory(insn);
          checkLoaded();
          pushResult();
          return;
        case 2: // FST m32fp
        case 3: // FSTP m32fp
          begin(insn);
          storeFloat32(insn, address, reg == 3);
          return;
        case 4: // FLDENV
          raisePending();
          loadEnvironment(insn, address);
          return;
        case 5: // FLDCW
          raisePending();
          cpu().x87Control = <u16>(((<u32>read<u16>(address)) & 0x1f7f) | 0x40);
          updateErrorSummary();
          return;
        case 6: // FNSTENV
          storeEnvironment(insn, address);
          return;
        case 7: // FNSTCW
          write<u16>(address, cpu().x87Control);
          return;
        default:
          raiseUD();
          return;
      }
    case 3: // DB
      switch (reg) {
        case 0: // FILD m32int
          begin(insn);
          fromInteger(read<i32>(address));
          noteMemory(insn);
          pushResult();
          return;
        case 1: // FISTTP m32int
        case 2: // FIST m32int
        case 3: // FISTP m32int
          begin(insn);
          storeInteger<i32>(insn, address, reg == 1, reg != 2);
          return;
        case 5: {
          // FLD m80fp
          begin(insn);
          const mantissa = read<u64>(address);
          const signExponent = <u32>read<u16>(address + 8);
          noteMemory(insn);
          if (makeRoom()) push(mantissa, signExponent);
          return;
        }
        case 7: // FSTP m80fp
          begin(insn);
          storeFloat80(insn, address);
          return;
        default:
          raiseUD();
          return;
      }
    case 5: // DD
      switch (reg) {
        case 0: // FLD m64fp
          begin(insn);
          fromFloat64(read<u64>(address));
          noteMemory(insn);
          checkLoaded();
          pushResult();
          return;
        case 1: // FISTTP m64int
          begin(insn);
          storeInteger<i64>(insn, address, true, true);
          return;
        case 2: // FST m64fp
        case 3: // FSTP m64fp
          begin(insn);
          storeFloat64(insn, address, reg == 3);
          return;
        case 4: // FRSTOR
          raisePending();
          restoreState(insn, address);
          return;
        case 6: // FNSAVE
          saveState(insn, address);
          return;
        case 7: // FNSTSW m16
          write<u16>(address, cpu().x87Status);
          return;
        default:
          raiseUD();
          return;
      }
    default: // DF
      begin(insn);
      switch (reg) {
        case 0: // FILD m16int
          fromInteger(read<i16>(address));
          noteMemory(insn);
          pushResult();
          return;
        case 1: // FISTTP m16int
        case 2: // FIST m16int
        case 3: // FISTP m16int
          storeInteger<i16>(insn, address, reg == 1, reg != 2);
          return;
        case 4: // FBLD
          fromBcd(read<u64>(address), read<u16>(address + 8));
          noteMemory(insn);
          pushResult();
          return;
        case 5: // FILD m64int
          fromInteger(read<i64>(address));
          noteMemory(insn);
          pushResult();
          return;
        case 6: // FBSTP
          storeBcd(insn, address);
          return;
        default: // FISTP m64int
          storeInteger<i64>(insn, address, false, true);
          return;
      }
  }
}

/** D8-DF with a register operand ST(i). */
function registerForm(insn: Insn, page: u32, reg: u32, i: u32): void {
  switch (page) {
    case 0: // D8: ST(0) = ST(0) op ST(i)
      begin(insn);
      notePointers(insn);
      if (reg == 2 || reg == 3) compareRegisters(i, false, reg == 3 ? 1 : 0);
      else arithmetic(reg, i, 0, false);
      return;
    case 4: // DC: ST(i) = ST(0) op ST(i)
      begin(insn);
      notePointers(insn);
      if (reg == 2 || reg == 3) compareRegisters(i, false, reg == 3 ? 1 : 0);
      else arithmetic(reg, i, i, false);
      return;
    case 6: // DE: the same, and pop
      begin(insn);
      notePointers(insn);
      if (reg == 2) compareRegisters(i, false, 1);
      else if (reg == 3) compareRegisters(1, false, 2);
      else arithmetic(reg, i, i, true);
      return;
    case 1: // D9
      registerFormD9(insn, reg, i);
      return;
    case 2: // DA
      if (reg == 5 && i == 1) {
        begin(insn);
        notePointers(insn);
        compareRegisters(1, true, 2);
      } else if (reg < 4) {
        conditionalMove(insn, reg, i);
      } else {
        raiseUD();
      }
      return;
    case 3: // DB
      if (reg < 4) {
        conditionalMove(insn, reg | 4, i);
      } else if (reg == 4) {
        if (i == 2) {
          clearExceptions();
        } else if (i == 3) {
          initialiseX87();
        }
        // FENI, FDISI, FSETPM: 8087 and 80287 instructions, without effect since.
      } else if (reg == 5 || reg == 6) {
        begin(insn);
        notePointers(insn);
        compareToFlags(i, reg == 5, false);
      } else {
        raiseUD();
      }
      return;
    case 5: // DD
      switch (reg) {
        case 0: // FFREE
          raisePending();
          notePointers(insn);
          free(i);
          return;
        case 1: // FXCH, an alias
          exchange(insn, i);
          return;
        case 2: // FST ST(i)
        case 3: // FSTP ST(i)
          storeRegister(insn, i, reg == 3);
          return;
        case 4: // FUCOM
        case 5: // FUCOMP
          begin(insn);
          notePointers(insn);
          compareRegisters(i, true, reg == 5 ? 1 : 0);
          return;
        default:
          raiseUD();
          return;
      }
    default: // DF
      switch (reg) {
        case 0: // FFREEP
          raisePending();
          notePointers(insn);
          free(i);
          free(0);
          setTop(top() + 1);
          return;
        case 1: // FXCH, an alias
          exchange(insn, i);
          return;
        case 2: // FSTP, aliases
        case 3:
          storeRegister(insn, i, true);
          return;
        case 4: // FNSTSW AX
          writeReg<u16>(0, cpu().x87Status);
          return;
        case 5: // FUCOMIP
        case 6: // FCOMIP
          begin(insn);
          notePointers(insn);
          compareToFlags(i, reg == 5, true);
          return;
        default:
          raiseUD();
          return;
      }
  }
}

/** D9 C0-FF. */
function registerFormD9(insn: Insn, reg: u32, i: u32): void {
  switch (reg) {
    case 0: {
      // FLD ST(i)
      begin(insn);
      notePointers(insn);
      if (isEmpty(i)) {
        if (stackUnderflow()) push(INDEFINITE_MANTISSA, INDEFINITE_SIGN_EXPONENT);
        return;
      }
      const mantissa = stMantissa(i);
      const signExponent = stSignExponent(i);
      if (makeRoom()) push(mantissa, signExponent);
      return;
    }
    case 1:
      exchange(insn, i);
      return;
    case 2: // FNOP
      raisePending();
      notePointers(insn);
      return;
    case 3: // FSTP, an alias
      storeRegister(insn, i, true);
      return;
    case 4:
      begin(insn);
      notePointers(insn);
      if (i == 0) changeSign();
      else if (i == 1) absolute();
      else if (i == 4) test();
      else examine();
      return;
    case 5: // constants
      begin(insn);
      notePointers(insn);
      loadConstant(i);
      beginX87(cpu().x87Control);
      if (makeRoom()) push(resultMantissa, resultSignExponent);
      return;
    default:
      begin(insn);
      notePointers(insn);
      transcendentalForm(((reg & 1) << 3) | i);
      return;
  }
}

/** FNCLEX. */
function clearExceptions(): void {
  cpu().x87Status &= <u16>~(EXCEPTIONS | STATUS_STACK_FAULT | STATUS_ERROR_SUMMARY | STATUS_BUSY);
}

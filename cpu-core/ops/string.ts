/**
 * String instructions. A repeated one runs in chunks: elements that lie within one page on each side and can be
 * accessed directly go in a tight loop, and after each chunk the registers are up to date, so that a fault or an
 * interrupt finds the instruction restartable. SDM vol 2 "REP/REPE/REPZ/REPNE/REPNZ".
 */
import { FLAG_DF, FLAG_RF, FLAG_TF, RAX, RCX, RDI, RSI, SEG_ES } from "../abi/state";
import { Insn, INSN_ADDRESS_SHIFT, INSN_REP, INSN_REPNE } from "../decode/insn";
import { wide } from "../interpreter/backend";
import { ADDEND, TAG_READ, TAG_WRITE, tlbEntry, wantedTag } from "../mmu/tlb";
import { checkElement, read, write } from "../mmu/access";
import { cpu, readReg, writeReg } from "../state/cpu";
import { baseOf, linearIn } from "../state/segments";
import { FlagsOf, getZF } from "../state/rflags";
import { CODE_64 } from "../state/mode";
import { notePort } from "../interrupts/debug";
import { armedBreakpoints } from "../state/stepping";
import { portRead, portWrite } from "../host";
import { checkPortAccess } from "./io";

const CX: u32 = RCX << 3;
const SI: u32 = RSI << 3;
const DI: u32 = RDI << 3;
const AX: u32 = RAX << 3;

/** Elements done by one execution before the instruction is begun anew, so that interrupts get in. */
const CHUNK: u64 = 4096;

/** The same; 1 while each iteration may end in a debug exception. */
function chunk(): u64 {
  return (cpu().rflags & FLAG_TF) != 0 || armedBreakpoints() != 0 ? 1 : CHUNK;
}

// prettier-ignore
@inline
function addressSize(insn: Insn): u32 {
  return (<u32>insn.flags >> INSN_ADDRESS_SHIFT) & 3;
}

/** An index or count register by address size. */
function index(offset: u32, size: u32): u64 {
  if (size == 3) return readReg<u64>(offset);
  return size == 2 ? <u64>readReg<u32>(offset) : <u64>readReg<u16>(offset);
}

function setIndex(offset: u32, size: u32, value: u64): void {
  if (size == 3) writeReg<u64>(offset, value);
  else if (size == 2) writeReg<u32>(offset, <u32>value);
  else writeReg<u16>(offset, <u16>value);
}

/** Linear address of an element at rSI or rDI. */
function elementAddress(segment: u32, offset: u64, bytes: u32, forWrite: bool): u64 {
  if (cpu().mode == CODE_64) return segment >= 4 ? baseOf(segment) + offset : offset;
  return linearIn(segment, <u32>offset, bytes, forWrite);
}

// prettier-ignore
@inline
function step<T>(): u64 {
  return (cpu().rflags & FLAG_DF) != 0 ? 0 - <u64>sizeof<T>() : <u64>sizeof<T>();
}

// prettier-ignore
@inline
function isRepeated(insn: Insn): bool {
  return (insn.flags & <u16>(INSN_REP | INSN_REPNE)) != 0;
}

/**
 * Begins the instruction anew: RIP back at its first byte, so that run() can look at events first. RF says that it has begun: an
 * instruction breakpoint on it does not fire again.
 */
function again(insn: Insn): void {
  cpu().rip -= <u64>insn.length;
  cpu().rflags |= FLAG_RF;
  cpu().blockEnd = 0;
}

/** Elements from `va` to the end of its page, going up. */
// prettier-ignore
@inline
function inPage<T>(va: u64): u64 {
  return (0x1000 - (va & 0xfff)) / sizeof<T>();
}

/** Where `va` can be read directly in linear memory, or 0. */
function directRead(va: u64): u32 {
  const entry = tlbEntry(va);
  return load<u64>(entry, TAG_READ) == wantedTag(va, 1) ? <u32>va + load<u32>(entry, ADDEND) : 0;
}

function directWrite(va: u64): u32 {
  const entry = tlbEntry(va);
  return load<u64>(entry, TAG_WRITE) == wantedTag(va, 1) ? <u32>va + load<u32>(entry, ADDEND) : 0;
}

/** Whether a run of elements upward is plain: flat addressing, DF clear, no trap after each. */
function isPlain(size: u32): bool {
  return size == 3 && (cpu().rflags & (FLAG_DF | FLAG_TF)) == 0 && cpu().mode == CODE_64;
}

/** MOVS. */
export function movs<T>(insn: Insn): void {
  const size = addressSize(insn);
  let count: u64 = isRepeated(insn) ? index(CX, size) : 1;
  const repeated = isRepeated(insn);
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const si = index(SI, size);
    const di = index(DI, size);
    let n: u64 = 1;
    if (repeated && isPlain(size)) {
      const from = elementAddress(<u32>insn.segment, si, sizeof<T>(), false);
      const to = elementAddress(SEG_ES, di, sizeof<T>(), true);
      n = min(min(inPage<T>(from), inPage<T>(to)), count);
      const source = n > 1 ? directRead(from) : 0;
      const target = n > 1 ? directWrite(to) : 0;
      const bytes = <u32>n * sizeof<T>();
      if (source != 0 && target != 0 && (target <= source || target >= source + bytes)) {
        memory.copy(target, source, bytes);
      } else if (source != 0 && target != 0) {
        // Overlapping upward: each element is read after the ones before it were written.
        for (let i: u32 = 0; i < bytes; i += sizeof<T>()) store<T>(target + i, load<T>(source + i));
      } else {
        n = 1;
        write<T>(to, read<T>(from));
      }
    } else {
      // The source is read before the destination is looked at.
      const value = read<T>(elementAddress(<u32>insn.segment, si, sizeof<T>(), false));
      write<T>(elementAddress(SEG_ES, di, sizeof<T>(), true), value);
    }
    const delta = step<T>() * n;
    setIndex(SI, size, si + delta);
    setIndex(DI, size, di + delta);
    if (!repeated) return;
    count -= n;
    setIndex(CX, size, count);
    done += n;
    if (done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

/** STOS. */
export function stos<T>(insn: Insn): void {
  const size = addressSize(insn);
  const repeated = isRepeated(insn);
  let count: u64 = repeated ? index(CX, size) : 1;
  const value = readReg<T>(AX);
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const di = index(DI, size);
    const to = elementAddress(SEG_ES, di, sizeof<T>(), true);
    let n: u64 = 1;
    if (repeated && isPlain(size)) {
      n = min(inPage<T>(to), count);
      const target = n > 1 ? directWrite(to) : 0;
      if (target != 0) {
        const bytes = <u32>n * sizeof<T>();
        if (sizeof<T>() == 1 || wide<T>(value) == 0) memory.fill(target, <u8>value, bytes);
        else for (let i: u32 = 0; i < bytes; i += sizeof<T>()) store<T>(target + i, value);
      } else {
        n = 1;
        write<T>(to, value);
      }
    } else {
      write<T>(to, value);
    }
    setIndex(DI, size, di + step<T>() * n);
    if (!repeated) return;
    count -= n;
    setIndex(CX, size, count);
    done += n;
    if (done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

/** LODS. */
export function lods<T>(insn: Insn): void {
  const size = addressSize(insn);
  const repeated = isRepeated(insn);
  let count: u64 = repeated ? index(CX, size) : 1;
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const si = index(SI, size);
    const value = read<T>(elementAddress(<u32>insn.segment, si, sizeof<T>(), false));
    writeReg<T>(AX, value);
    setIndex(SI, size, si + step<T>());
    if (!repeated) return;
    setIndex(CX, size, --count);
    if (++done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

function setCompareFlags<T>(a: T, b: T): void {
  const state = cpu();
  state.flagsOp = FlagsOf.SUB;
  state.flagsA = wide<T>(a);
  state.flagsB = wide<T>(b);
  state.flagsResult = wide<T>(<T>(a - b));
}

/** SCAS; REPE goes on while equal, REPNE while different. */
export function scas<T>(insn: Insn): void {
  const size = addressSize(insn);
  const repeated = isRepeated(insn);
  const whileEqual = (insn.flags & <u16>INSN_REP) != 0;
  let count: u64 = repeated ? index(CX, size) : 1;
  const accumulator = readReg<T>(AX);
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const di = index(DI, size);
    const value = read<T>(elementAddress(SEG_ES, di, sizeof<T>(), false));
    setCompareFlags<T>(accumulator, value);
    setIndex(DI, size, di + step<T>());
    if (!repeated) return;
    setIndex(CX, size, --count);
    if (getZF() != whileEqual) return;
    if (++done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

/** CMPS. */
export function cmps<T>(insn: Insn): void {
  const size = addressSize(insn);
  const repeated = isRepeated(insn);
  const whileEqual = (insn.flags & <u16>INSN_REP) != 0;
  let count: u64 = repeated ? index(CX, size) : 1;
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const si = index(SI, size);
    const di = index(DI, size);
    const left = read<T>(elementAddress(<u32>insn.segment, si, sizeof<T>(), false));
    const right = read<T>(elementAddress(SEG_ES, di, sizeof<T>(), false));
    setCompareFlags<T>(left, right);
    setIndex(SI, size, si + step<T>());
    setIndex(DI, size, di + step<T>());
    if (!repeated) return;
    setIndex(CX, size, --count);
    if (getZF() != whileEqual) return;
    if (++done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

/** INS: port DX to ES:rDI. The destination is checked before the port is read, which cannot be undone. */
export function ins<T>(insn: Insn): void {
  const size = addressSize(insn);
  const repeated = isRepeated(insn);
  const port = <u32>readReg<u16>(2 << 3);
  checkPortAccess(port, sizeof<T>());
  let count: u64 = repeated ? index(CX, size) : 1;
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const di = index(DI, size);
    const to = elementAddress(SEG_ES, di, sizeof<T>(), true);
    const target = (<u32>to & 0xfff) + sizeof<T>() <= 4096 ? directWrite(to) : 0;
    if (target != 0) {
      notePort(port, sizeof<T>());
      store<T>(target, <T>portRead(port, sizeof<T>()));
    } else {
      checkElement(to, sizeof<T>());
      notePort(port, sizeof<T>());
      write<T>(to, <T>portRead(port, sizeof<T>()));
    }
    setIndex(DI, size, di + step<T>());
    if (!repeated) return;
    setIndex(CX, size, --count);
    if (++done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

/** OUTS: DS:rSI to port DX. */
export function outs<T>(insn: Insn): void {
  const size = addressSize(insn);
  const repeated = isRepeated(insn);
  const port = <u32>readReg<u16>(2 << 3);
  checkPortAccess(port, sizeof<T>());
  let count: u64 = repeated ? index(CX, size) : 1;
  const limit = chunk();
  let done: u64 = 0;
  while (count != 0) {
    const si = index(SI, size);
    const value = <u32>read<T>(elementAddress(<u32>insn.segment, si, sizeof<T>(), false));
    notePort(port, sizeof<T>());
    portWrite(port, sizeof<T>(), value);
    setIndex(SI, size, si + step<T>());
    if (!repeated) return;
    setIndex(CX, size, --count);
    if (++done >= limit && count != 0) {
      again(insn);
      return;
    }
  }
}

/** System instructions: HLT, time, CPUID, random numbers, VMCALL. */
import { EXIT_VMCALL } from "../abi/exit";
import { CPU_SCRATCH, CR4_TSD, CR4_UMIP, FLAG_CF, FLAGS_STATUS, RAX, RCX, RDX } from "../abi/state";
import { Insn } from "../decode/insn";
import { random32, readTsc } from "../host";
import { raiseGP, raiseUD } from "../interrupts/raise";
import { checkReadable } from "../mmu/access";
import { linear } from "../state/address";
import { cpu, cpuBase, readReg, writeReg } from "../state/cpu";
import { cpuid } from "../state/cpuid";
import { requestExit } from "../state/exit";
import { isProtected } from "../state/mode";
import { setFlagBits } from "../state/rflags";

const AX: u32 = RAX << 3;
const CX: u32 = RCX << 3;
const DX: u32 = RDX << 3;

/** #GP(0) unless CPL is 0 (and not virtual-8086, whose CPL is 3). */
export function requireCpl0(): void {
  if (cpu().cpl != 0) raiseGP(0);
}

/** #GP(0) above CPL 0 while CR4.UMIP is set: SGDT, SIDT, SLDT, STR, SMSW. */
export function checkUmip(): void {
  if ((cpu().cr4 & CR4_UMIP) != 0 && cpu().cpl != 0) raiseGP(0);
}

export function hlt(): void {
  requireCpl0();
  cpu().halted = 1;
}

/** RDTSC, RDTSCP. */
export function rdtsc(withAux: bool): void {
  if ((cpu().cr4 & CR4_TSD) != 0 && cpu().cpl != 0) raiseGP(0);
  const value = <u64>readTsc() + cpu().tscOffset;
  writeReg<u32>(AX, <u32>value);
  writeReg<u32>(DX, <u32>(value >> 32));
  if (withAux) writeReg<u32>(CX, cpu().tscAux);
}

/** RDPMC: there are no counters. */
export function rdpmc(): void {
  raiseGP(0);
}

/** CPUID. */
export function cpuidInstruction(): void {
  cpuid(readReg<u32>(AX), readReg<u32>(CX));
  const at = cpuBase();
  writeReg<u32>(AX, load<u32>(at, CPU_SCRATCH));
  writeReg<u32>(RBX_OFFSET, load<u32>(at, CPU_SCRATCH + 4));
  writeReg<u32>(CX, load<u32>(at, CPU_SCRATCH + 8));
  writeReg<u32>(DX, load<u32>(at, CPU_SCRATCH + 12));
}

const RBX_OFFSET: u32 = 3 << 3;

/** RDRAND, RDSEED: CF set, the entropy device never runs dry. */
export function rdrand<T>(insn: Insn): void {
  const value = (<u64>random32() << 32) | <u64>random32();
  writeReg<T>(<u32>insn.dst, <T>value);
  setFlagBits(FLAGS_STATUS, FLAG_CF);
}

/** CLFLUSH, CLFLUSHOPT: there is no cache; they fault as a load of a byte does. */
export function clflush(insn: Insn): void {
  checkReadable(linear(insn, 1, false), 1);
}

/** VMCALL: at CPL 0 the way into the host (run.ts returns EXIT_VMCALL), else #UD. */
export function vmcall(): void {
  if (cpu().cpl != 0 || !isProtected()) raiseUD();
  requestExit(EXIT_VMCALL);
}

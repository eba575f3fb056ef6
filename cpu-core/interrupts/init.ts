/**
 * What both RESET# and INIT do to the CPU. The rest of its state, x87, SSE, MSRs, caches' modes, survives an INIT.
 * SDM vol 3A table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT".
 */
import {
  CPU_DR,
  CPU_FLAGS_RESULT,
  CPU_REGS,
  CR0_CD,
  CR0_ET,
  CR0_NW,
  RDX,
  SEG_CS,
  SEG_LDTR,
  SEG_TR,
} from "../abi/state";
import { clearTlb } from "../mmu/tlb";
import { cpu, cpuBase, writeReg } from "../state/cpu";
import { updateMode } from "../state/mode";
import { setSegment } from "../state/segments";

/** Family, model and stepping, as RESET# leaves them in EDX. */
const SIGNATURE: u32 = 0x6f1;

/** Sends the CPU to the reset vector. */
export function init(): void {
  const state = cpu();
  memory.fill(cpuBase() + CPU_REGS, 0, CPU_FLAGS_RESULT + 8 - CPU_REGS);
  memory.fill(cpuBase() + CPU_DR, 0, 6 * 8);
  store<u64>(cpuBase(), 0xffff_0ff0, CPU_DR + 6 * 8);
  store<u64>(cpuBase(), 0x400, CPU_DR + 7 * 8);
  state.rflags = 2;
  state.rip = 0xfff0;
  writeReg<u32>(RDX << 3, SIGNATURE);
  state.cr0 = CR0_ET | (state.cr0 & (CR0_CD | CR0_NW));
  state.cr2 = 0;
  state.cr3 = 0;
  state.cr4 = 0;
  state.efer = 0;
  state.gdtrBase = 0;
  state.gdtrLimit = 0xffff;
  state.idtrBase = 0;
  state.idtrLimit = 0xffff;
  for (let i: u32 = 0; i < 6; i++) setSegment(i, 0, 0x93, 0, 0xffff);
  setSegment(SEG_CS, 0xf000, 0x9b, 0xffff_0000, 0xffff);
  setSegment(SEG_LDTR, 0, 0x82, 0, 0xffff);
  setSegment(SEG_TR, 0, 0x8b, 0, 0xffff);
  state.cpl = 0;
  state.stepping = 0;
  state.pendingTraps = 0;
  state.nmiBlocked = 0;
  state.halted = 0;
  clearTlb();
  updateMode();
}

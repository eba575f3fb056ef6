/** INVLPG and INVPCID. SDM vol 3A "Invalidation of TLBs and Paging-Structure Caches". */
import { CR4_PCIDE } from "../abi/state";
import { Insn } from "../decode/insn";
import { raiseGP } from "../interrupts/raise";
import { checkReadable, read } from "../mmu/access";
import { flushContext, flushTlb, invalidatePage } from "../mmu/tlb";
import { isCanonical, linear, linearUnchecked } from "../state/address";
import { cpu, readReg } from "../state/cpu";
import { CODE_64 } from "../state/mode";
import { requireCpl0 } from "./system";

/** INVPCID types. SDM vol 2 "INVPCID". */
const INDIVIDUAL_ADDRESS: u64 = 0;
const SINGLE_CONTEXT: u64 = 1;
const ALL_CONTEXTS: u64 = 3;

/** INVLPG. */
export function invlpg(insn: Insn): void {
  requireCpl0();
  invalidatePage(linearUnchecked(insn));
}

/** INVPCID. Both kinds of all contexts drop global translations too, which the SDM allows. */
export function invpcid(insn: Insn): void {
  requireCpl0();
  const address = linear(insn, 16, false);
  checkReadable(address, 16);
  const descriptor = read<u64>(address);
  const va = read<u64>(cpu().mode == CODE_64 ? address + 8 : (address + 8) & 0xffff_ffff);
  const type = cpu().mode == CODE_64 ? readReg<u64>(<u32>insn.dst) : <u64>readReg<u32>(<u32>insn.dst);
  const pcid = <u32>descriptor & 0xfff;
  if (type > ALL_CONTEXTS || descriptor >> 12 != 0) raiseGP(0);
  if (type <= SINGLE_CONTEXT && pcid != 0 && (cpu().cr4 & CR4_PCIDE) == 0) raiseGP(0);
  if (type == INDIVIDUAL_ADDRESS && !isCanonical(va)) raiseGP(0);
  if (type == INDIVIDUAL_ADDRESS) invalidatePage(va);
  else if (type == SINGLE_CONTEXT) flushContext(pcid);
  else flushTlb();
}

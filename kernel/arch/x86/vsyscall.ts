/**
 * The vsyscall page: three calls at fixed addresses, from before there was a vDSO. Nothing is mapped there; fetching from it
 * faults, and the call is done here. Linux: arch/x86/entry/vsyscall/vsyscall_64.c, with vsyscall=xonly.
 */
import { getUser64 } from "../../mm/usercopy.ts";
import { sys_getcpu } from "../../task/prctl.ts";
import type { Task } from "../../task/task.ts";
import { sys_gettimeofday, sys_time } from "../../time/posix_clocks.ts";
import { EFAULT } from "../../uapi/errno.ts";
import { PT_RDI, PT_RSI, type PtRegs } from "./regs.ts";

/** 0xffffffffff600000. */
const VSYSCALL_ADDR = -0xa0_0000;
const SLOT_BYTES = 0x400;

type Call = (task: Task, first: number, second: number) => number;
const CALLS: readonly Call[] = [
  (task, tv, tz) => sys_gettimeofday(task, tv, tz),
  (task, tloc) => sys_time(task, tloc),
  (task, cpu, node) => sys_getcpu(task, cpu, node),
];

/** An instruction fetch at `address` faulted: whether it was such a call, and the program is back from it. */
export function emulateVsyscall(task: Task, regs: PtRegs, address: number): boolean {
  const call = CALLS[(address - VSYSCALL_ADDR) / SLOT_BYTES];
  if (call === undefined || address !== regs.rip) return false;
  const caller = getUser64(task, regs.rsp);
  if (caller === null) return false;
  task.syscall_abi = 0;
  const result = call(task, regs.get(PT_RDI), regs.get(PT_RSI));
  if (result === -EFAULT) return false;
  regs.rax = result;
  regs.rip = caller;
  regs.rsp += 8;
  return true;
}

/**
 * The FXSAVE64 image in physical memory, for a kernel that switches tasks: what the instructions of x87_env.ts do, without
 * translation and privilege, and in bulk. SDM vol 1 "FXSAVE Area".
 */
import { CPU_XMM, MXCSR_MASK } from "../abi/state";
import { hostOf } from "../mmu/physical";
import { cpu, cpuBase } from "../state/cpu";
import { physical, registerAddress, updateErrorSummary } from "../state/x87";
import { CONTROL_BITS, CONTROL_FIXED } from "./x87_env";

const XMM_BYTES: u32 = 256;

/** Stores x87 and SSE state at physical address `pa` of RAM, 16-byte aligned. Bytes 416-511 are left alone. */
export function fxsaveImage(pa: u32): void {
  const at = hostOf(pa);
  if (at == 0) return;
  store<u16>(at, cpu().x87Control);
  store<u16>(at, cpu().x87Status, 2);
  store<u16>(at, cpu().x87Tags, 4);
  store<u16>(at, cpu().x87Opcode, 6);
  store<u64>(at, cpu().x87Ip, 8);
  store<u64>(at, cpu().x87Dp, 16);
  store<u32>(at, cpu().mxcsr, 24);
  store<u32>(at, MXCSR_MASK, 28);
  for (let i: u32 = 0; i < 8; i++) {
    const register = registerAddress(physical(i));
    store<u64>(at + 16 * i, load<u64>(register), 32);
    store<u64>(at + 16 * i, <u64>load<u16>(register, 8), 40);
  }
  memory.copy(at + 160, cpuBase() + CPU_XMM, XMM_BYTES);
}

/** Loads it back; reserved bits of MXCSR are dropped. */
export function fxrstorImage(pa: u32): void {
  const at = hostOf(pa);
  if (at == 0) return;
  cpu().x87Control = <u16>((<u32>load<u16>(at) & CONTROL_BITS) | CONTROL_FIXED);
  cpu().x87Status = load<u16>(at, 2);
  cpu().x87Tags = <u8>load<u16>(at, 4);
  cpu().x87Opcode = <u16>(<u32>load<u16>(at, 6) & 0x7ff);
  cpu().x87Ip = load<u64>(at, 8);
  cpu().x87Dp = load<u64>(at, 16);
  cpu().mxcsr = load<u32>(at, 24) & MXCSR_MASK;
  updateErrorSummary();
  for (let i: u32 = 0; i < 8; i++) {
    const register = registerAddress(physical(i));
    store<u64>(register, load<u64>(at + 16 * i, 32));
    store<u16>(register, load<u16>(at + 16 * i, 40), 8);
  }
  memory.copy(cpuBase() + CPU_XMM, at + 160, XMM_BYTES);
}

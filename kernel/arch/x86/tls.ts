/**
 * Thread-local segments: three descriptors of the GDT that belong to the running thread, for i386 programs' %gs.
 * Linux: arch/x86/kernel/tls.c. man 2 set_thread_area.
 */
import { SEG_DS, SEG_ES, SEG_FS, SEG_GS } from "../../../cpu-core/abi/state.ts";
import { putUser32 } from "../../mm/usercopy.ts";
import type { Task } from "../../task/task.ts";
import { EFAULT, EINVAL, ESRCH } from "../../uapi/errno.ts";
import {
  type Descriptor,
  EMPTY,
  decodeDescriptor,
  encodeDescriptor,
  isEmptyDesc,
  isZeroDesc,
  readUserDesc,
  writeUserDesc,
  type UserDesc,
} from "./descriptors.ts";
import type { Ram } from "./machine.ts";
import { loadUserSegment } from "./process.ts";

/** Linux: GDT_ENTRY_TLS_MIN, GDT_ENTRY_TLS_ENTRIES. */
const GDT_ENTRY_TLS_MIN = 12;
export const NR_TLS_ENTRIES = 3;

export interface ThreadArea {
  /** 0 to 2. */
  slot: number;
  base: number;
  descriptor: Descriptor;
}

/** Puts a thread's descriptors into the GDT. Linux: load_TLS(). */
export function loadTls(ram: Ram, gdt_pa: number, tls: readonly Descriptor[]): void {
  for (let slot = 0; slot < NR_TLS_ENTRIES; slot++) {
    const at = gdt_pa + (GDT_ENTRY_TLS_MIN + slot) * 8;
    const [low, high] = tls[slot] ?? EMPTY;
    ram.write32(at, low);
    ram.write32(at + 4, high);
  }
}

export const selectorOf = (slot: number): number => ((GDT_ENTRY_TLS_MIN + slot) << 3) | 3;

/** Whether the kernel lets a program have it. Linux: tls_desc_okay(). */
function isAllowed(desc: UserDesc): boolean {
  if (isEmptyDesc(desc) || isZeroDesc(desc)) return true;
  return desc.seg_32bit && desc.contents <= 1 && !desc.seg_not_present;
}

/** The struct user_desc at `ptr`, for the slot it names; -1 in it means `freeSlot`. -EFAULT, -EINVAL. */
export function readThreadArea(task: Task, ptr: number, freeSlot?: number): ThreadArea | number {
  const desc = readUserDesc(task, ptr);
  if (desc === null) return -EFAULT;
  if (!isAllowed(desc)) return -EINVAL;
  const isAny = desc.entry_number === -1 && freeSlot !== undefined;
  const slot = isAny ? freeSlot : desc.entry_number - GDT_ENTRY_TLS_MIN;
  if (slot < 0 || slot >= NR_TLS_ENTRIES) return isAny ? -ESRCH : -EINVAL;
  const isRemoval = isEmptyDesc(desc) || isZeroDesc(desc);
  return { slot, base: desc.base_addr, descriptor: isRemoval ? EMPTY : encodeDescriptor(desc) };
}

/** man 2 set_thread_area. */
export function sys_set_thread_area(task: Task, u_info: number): number {
  const { thread, kernel } = task;
  const free = [0, 1, 2].find((slot) => (thread.tls[slot] ?? EMPTY)[1] === 0) ?? -1;
  const area = readThreadArea(task, u_info, free);
  if (typeof area === "number") return area;
  thread.tls[area.slot] = area.descriptor;
  // The number is told where -1 was given; where it was given, it is the same.
  if (putUser32(task, u_info, GDT_ENTRY_TLS_MIN + area.slot) < 0) return -EFAULT;
  kernel.entry.loadTls(task);
  const { cpu } = kernel.machine;
  for (const segment of [SEG_DS, SEG_ES, SEG_FS, SEG_GS]) {
    if (cpu.readSelector(segment) === selectorOf(area.slot)) {
      loadUserSegment(kernel.machine, segment, selectorOf(area.slot));
    }
  }
  return 0;
}

/** man 2 get_thread_area. */
export function sys_get_thread_area(task: Task, u_info: number): number {
  const desc = readUserDesc(task, u_info);
  if (desc === null) return -EFAULT;
  const slot = desc.entry_number - GDT_ENTRY_TLS_MIN;
  if (slot < 0 || slot >= NR_TLS_ENTRIES) return -EINVAL;
  return writeUserDesc(task, u_info, decodeDescriptor(desc.entry_number, task.thread.tls[slot] ?? EMPTY));
}

/**
 * Copies between the kernel and user memory. Linux: arch/x86/lib/usercopy_64.c, lib/strncpy_from_user.c.
 * Pages that are not there yet are faulted in on the way; that never sleeps. Every address comes from a hostile
 * program: anything outside the user half, unmapped or protected is -EFAULT.
 */
import type { Task } from "../task/task.ts";
import { EFAULT } from "../uapi/errno.ts";
import { userPage } from "./memory.ts";
import { PAGE_SIZE } from "./page_alloc.ts";

/** First address no program can use. Linux: TASK_SIZE_MAX. */
export const TASK_SIZE = 0x7fff_ffff_f000;

/** Whether [va, va + length) lies in the user half. Linux: access_ok(). */
export function accessOk(va: number, length_bytes: number): boolean {
  return va >= 0 && length_bytes >= 0 && va + length_bytes <= TASK_SIZE;
}

/** Fills `bytes` from `src`: 0 or -EFAULT. */
export function copyFromUser(task: Task, src: number, bytes: Uint8Array): number {
  return copyFromUserPartial(task, src, bytes) === bytes.length ? 0 : -EFAULT;
}

/** As much of `bytes` as could be read; the number of bytes. */
export function copyFromUserPartial(task: Task, src: number, bytes: Uint8Array): number {
  const { mm } = task;
  if (mm === null || !accessOk(src, bytes.length)) return 0;
  let done = 0;
  while (done < bytes.length) {
    const pa = userPage(mm, src + done, false);
    if (pa < 0) return done;
    const length = Math.min(bytes.length - done, PAGE_SIZE - (pa & (PAGE_SIZE - 1)));
    const from = task.kernel.machine.ram.bytes;
    if (length <= 64) for (let i = 0; i < length; i++) bytes[done + i] = from[pa + i];
    else bytes.set(from.subarray(pa, pa + length), done);
    done += length;
  }
  return done;
}

/** Stores `bytes` at `dst`: 0 or -EFAULT. */
export function copyToUser(task: Task, dst: number, bytes: Uint8Array): number {
  return copyToUserPartial(task, dst, bytes) === bytes.length ? 0 : -EFAULT;
}

/** Stores as much of `bytes` as possible; the number of bytes. */
export function copyToUserPartial(task: Task, dst: number, bytes: Uint8Array): number {
  const { mm } = task;
  if (mm === null || !accessOk(dst, bytes.length)) return 0;
  const { ram } = task.kernel.machine;
  let done = 0;
  while (done < bytes.length) {
    const pa = userPage(mm, dst + done, true);
    if (pa < 0) return done;
    const length = Math.min(bytes.length - done, PAGE_SIZE - (pa & (PAGE_SIZE - 1)));
    ram.set(pa, length === bytes.length ? bytes : bytes.subarray(done, done + length));
    done += length;
  }
  return done;
}

/** Stores `length_bytes` zeros; bytes not cleared. Linux: clear_user(). */
export function clearUser(task: Task, dst: number, length_bytes: number): number {
  const { mm } = task;
  if (mm === null || !accessOk(dst, length_bytes)) return length_bytes;
  const { ram } = task.kernel.machine;
  let left = length_bytes;
  while (left > 0) {
    const pa = userPage(mm, dst + (length_bytes - left), true);
    if (pa < 0) return left;
    const length = Math.min(left, PAGE_SIZE - (pa & (PAGE_SIZE - 1)));
    ram.fill(pa, 0, length);
    left -= length;
  }
  return 0;
}

/** A string of at most `max` bytes without its null, one character per byte; -EFAULT, or the string cut at `max` characters. */
export function readUserString(task: Task, ptr: number, max: number): string | number {
  const { mm } = task;
  if (mm === null || !accessOk(ptr, 0)) return -EFAULT;
  let text = "";
  while (text.length < max) {
    const va = ptr + text.length;
    if (!accessOk(va, 1)) return -EFAULT;
    const pa = userPage(mm, va, false);
    if (pa < 0) return -EFAULT;
    const end = pa + Math.min(max - text.length, PAGE_SIZE - (pa & (PAGE_SIZE - 1)));
    const bytes = task.kernel.machine.ram.bytes;
    const stop = bytes.subarray(pa, end).indexOf(0);
    text += latin1(bytes, pa, stop < 0 ? end : pa + stop);
    if (stop >= 0) return text;
  }
  return text;
}

/** One character per byte. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode.apply(
      null,
      bytes.subarray(at, Math.min(end, at + 4096)) as unknown as number[],
    );
  }
  return text;
}

/** The bytes of a string that holds one byte per character. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A u32 at `ptr`, or -EFAULT. Every value of a u32 is >= 0, so the sign tells. */
export function getUser32(task: Task, ptr: number): number {
  const { mm } = task;
  if (mm !== null && (ptr & 3) === 0 && accessOk(ptr, 4)) {
    const pa = userPage(mm, ptr, false);
    return pa < 0 ? -EFAULT : task.kernel.machine.ram.read32(pa) >>> 0;
  }
  const bytes = new Uint8Array(4);
  if (copyFromUser(task, ptr, bytes) < 0) return -EFAULT;
  return new DataView(bytes.buffer).getUint32(0, true);
}

/** A 64-bit value as a signed number (exact within 2^53); null if it cannot be read. */
export function getUser64(task: Task, ptr: number): number | null {
  const bytes = new Uint8Array(8);
  if (copyFromUser(task, ptr, bytes) < 0) return null;
  const view = new DataView(bytes.buffer);
  return view.getInt32(4, true) * 2 ** 32 + view.getUint32(0, true);
}

/** Stores the low 32 bits of `value`: 0 or -EFAULT. */
export function putUser32(task: Task, ptr: number, value: number): number {
  const { mm } = task;
  if (mm !== null && (ptr & 3) === 0 && accessOk(ptr, 4)) {
    const pa = userPage(mm, ptr, true);
    if (pa < 0) return -EFAULT;
    task.kernel.machine.ram.write32(pa, value);
    return 0;
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return copyToUser(task, ptr, bytes);
}

/** Stores a 64-bit value: 0 or -EFAULT. */
export function putUser64(task: Task, ptr: number, value: number): number {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (value % 2 ** 32) >>> 0, true);
  view.setInt32(4, Math.floor(value / 2 ** 32), true);
  if (value < 0) view.setUint32(0, value - Math.floor(value / 2 ** 32) * 2 ** 32, true);
  return copyToUser(task, ptr, bytes);
}

/**
 * Words of a program's own size. A C `long`, a pointer or a time_t in a structure has 8 bytes for a 64-bit program and 4
 * for an i386 one; which it is says the running call (Task.syscall_abi, set by dispatch). Linux: in_compat_syscall(),
 * include/linux/compat.h, include/linux/time32.h.
 */
import type { Task } from "../task/task.ts";
import { copyFromUser, copyToUser } from "./usercopy.ts";

/** Task.syscall_abi: bits. None: x86-64. */
export const ABI_IA32 = 1 << 0; // long and pointers have 32 bits
export const ABI_TIME32 = 1 << 1; // and so has time_t: the call is not one of the *_time64

/** Bytes of a long or a pointer. */
export function wordSize(task: Task): number {
  return task.syscall_abi & ABI_IA32 ? 4 : 8;
}

/** Bytes of tv_sec, and of the fraction behind it. */
export function timeWordSize(task: Task): number {
  return task.syscall_abi & ABI_TIME32 ? 4 : 8;
}

/** `count` signed words of `size` bytes; null if they cannot be read. Exact within 2^53. */
export function readWords(task: Task, ptr: number, count: number, size: number): number[] | null {
  const bytes = new Uint8Array(count * size);
  if (copyFromUser(task, ptr, bytes) < 0) return null;
  const view = new DataView(bytes.buffer);
  const words: number[] = [];
  for (let i = 0; i < count; i++) {
    words.push(
      size === 4
        ? view.getInt32(i * 4, true)
        : view.getInt32(i * 8 + 4, true) * 2 ** 32 + view.getUint32(i * 8, true),
    );
  }
  return words;
}

/** A pointer or a size_t: unsigned if it has 32 bits; null if it cannot be read. */
export function readPointer(task: Task, ptr: number): number | null {
  const words = readWords(task, ptr, 1, wordSize(task));
  return words && (wordSize(task) === 4 ? words[0] >>> 0 : words[0]);
}

/** A timespec or timeval, unchecked: seconds and fraction; null if it cannot be read. */
export function readTimePair(task: Task, ptr: number): readonly [number, number] | null {
  const words = readWords(task, ptr, 2, timeWordSize(task));
  if (words === null) return null;
  // An i386 program's tv_nsec has 32 bits and padding, also in the 64-bit form. Linux: get_timespec64().
  const isPadded = (task.syscall_abi & (ABI_IA32 | ABI_TIME32)) === ABI_IA32;
  return [words[0], isPadded ? words[1] % 2 ** 32 : words[1]];
}

/** Words as bytes, each cut to `size`. */
export function encodeWords(values: readonly number[], size: number): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const high = Math.floor(value / 2 ** 32);
    view.setUint32(i * size, value - high * 2 ** 32, true);
    if (size === 8) view.setInt32(i * 8 + 4, high, true);
  });
  return bytes;
}

/** 0 or -EFAULT. */
export function writeWords(task: Task, ptr: number, values: readonly number[], size: number): number {
  return copyToUser(task, ptr, encodeWords(values, size));
}

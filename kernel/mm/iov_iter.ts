/**
 * IovIter: where a read puts its bytes or a write takes them from: user memory, a vector of pieces of it, or kernel
 * memory. Linux: lib/iov_iter.c. It remembers how far it got; a fault makes a copy short, never wrong.
 */
import type { Ram } from "../arch/x86/machine.ts";
import type { Task } from "../task/task.ts";
import { EFAULT, EINVAL } from "../uapi/errno.ts";
import { userPage } from "./memory.ts";
import { PAGE_SIZE } from "./page_alloc.ts";
import { accessOk } from "./usercopy.ts";
import { readWords, wordSize } from "./user_words.ts";

/** Most bytes one read or write moves. Linux: MAX_RW_COUNT. */
export const MAX_RW_COUNT = 0x7fff_f000;
/** Most pieces in a vector. Linux: UIO_MAXIOV. */
export const UIO_MAXIOV = 1024;

export class IovIter {
  /** Bytes left. */
  count: number;
  #piece = 0;
  #offset = 0;

  constructor(
    private readonly task: Task | null,
    private readonly bases: readonly number[],
    private readonly lengths: readonly number[],
    private readonly bytes: Uint8Array | null,
  ) {
    this.count = bytes ? bytes.length : lengths.reduce((sum, length) => sum + length, 0);
  }

  /** Puts `bytes` into the destination; how many fitted and were writable. */
  copyTo(bytes: Uint8Array): number {
    const total = Math.min(bytes.length, this.count);
    if (this.bytes) {
      this.bytes.set(total === bytes.length ? bytes : bytes.subarray(0, total), this.#offset);
      return this.#advanceKernel(total);
    }
    const { ram } = this.task!.kernel.machine;
    let done = 0;
    while (done < total) {
      const pa = this.#userAddress(true);
      if (pa < 0) break;
      const length = this.#run(pa, total - done);
      ram.set(pa, length === bytes.length ? bytes : bytes.subarray(done, done + length));
      this.advance(length);
      done += length;
    }
    return done;
  }

  /** Fills `bytes` from the source; how many were there and readable. */
  copyFrom(bytes: Uint8Array): number {
    const total = Math.min(bytes.length, this.count);
    if (this.bytes) {
      bytes.set(this.bytes.subarray(this.#offset, this.#offset + total));
      return this.#advanceKernel(total);
    }
    const { ram } = this.task!.kernel.machine;
    let done = 0;
    while (done < total) {
      const pa = this.#userAddress(false);
      if (pa < 0) break;
      const length = this.#run(pa, total - done);
      bytes.set(ram.bytes.subarray(pa, pa + length), done);
      this.advance(length);
      done += length;
    }
    return done;
  }

  /** Puts `length` bytes of RAM at `from_pa` into the destination. Linux: copy_page_to_iter(). */
  copyPageTo(ram: Ram, from_pa: number, length_bytes: number): number {
    const total = Math.min(length_bytes, this.count);
    if (this.bytes) {
      this.bytes.set(ram.bytes.subarray(from_pa, from_pa + total), this.#offset);
      return this.#advanceKernel(total);
    }
    let done = 0;
    while (done < total) {
      const pa = this.#userAddress(true);
      if (pa < 0) break;
      const length = this.#run(pa, total - done);
      ram.copy(pa, from_pa + done, length);
      this.advance(length);
      done += length;
    }
    return done;
  }

  /** Fills `length` bytes of RAM at `to_pa` from the source. Linux: copy_page_from_iter(). */
  copyPageFrom(ram: Ram, to_pa: number, length_bytes: number): number {
    const total = Math.min(length_bytes, this.count);
    if (this.bytes) {
      ram.set(to_pa, this.bytes.subarray(this.#offset, this.#offset + total));
      return this.#advanceKernel(total);
    }
    let done = 0;
    while (done < total) {
      const pa = this.#userAddress(false);
      if (pa < 0) break;
      const length = this.#run(pa, total - done);
      ram.copy(to_pa + done, pa, length);
      this.advance(length);
      done += length;
    }
    return done;
  }

  /** Puts zeros into the destination. Linux: iov_iter_zero(). */
  zero(length_bytes: number): number {
    const total = Math.min(length_bytes, this.count);
    if (this.bytes) {
      this.bytes.fill(0, this.#offset, this.#offset + total);
      return this.#advanceKernel(total);
    }
    const { ram } = this.task!.kernel.machine;
    let done = 0;
    while (done < total) {
      const pa = this.#userAddress(true);
      if (pa < 0) break;
      const length = this.#run(pa, total - done);
      ram.fill(pa, 0, length);
      this.advance(length);
      done += length;
    }
    return done;
  }

  /** Lets at most `count` bytes pass from here on. Linux: iov_iter_truncate(). */
  truncate(count: number): void {
    if (count < this.count) this.count = count;
  }

  /** Skips bytes; no more than `count` of them. */
  advance(nr_bytes: number): void {
    this.count -= nr_bytes;
    this.#offset += nr_bytes;
    if (this.bytes) return;
    while (this.#piece < this.lengths.length && this.#offset >= this.lengths[this.#piece]) {
      this.#offset -= this.lengths[this.#piece];
      this.#piece++;
    }
  }

  /** Takes back bytes just moved: the caller could not use them. Linux: iov_iter_revert(). */
  revert(nr_bytes: number): void {
    this.count += nr_bytes;
    this.#offset -= nr_bytes;
    while (this.#offset < 0) {
      this.#piece--;
      this.#offset += this.lengths[this.#piece];
    }
  }

  #advanceKernel(nr_bytes: number): number {
    this.#offset += nr_bytes;
    this.count -= nr_bytes;
    return nr_bytes;
  }

  /** Physical address of the current position, or -EFAULT. */
  #userAddress(write: boolean): number {
    while (this.#offset >= this.lengths[this.#piece]) {
      this.#offset -= this.lengths[this.#piece];
      this.#piece++;
    }
    const { mm } = this.task!;
    return mm === null ? -EFAULT : userPage(mm, this.bases[this.#piece] + this.#offset, write);
  }

  #run(pa: number, wanted: number): number {
    return Math.min(wanted, PAGE_SIZE - (pa & (PAGE_SIZE - 1)), this.lengths[this.#piece] - this.#offset);
  }
}

/** One user buffer; -EFAULT if it leaves the user half. A length above MAX_RW_COUNT is cut. */
export function userIter(task: Task, ptr: number, length_bytes: number): IovIter | number {
  if (length_bytes < 0) return -EINVAL;
  const length = Math.min(length_bytes, MAX_RW_COUNT);
  if (!accessOk(ptr, length)) return -EFAULT;
  return new IovIter(task, [ptr], [length], null);
}

/** The user's array of `nr_pieces` struct iovec; -EINVAL or -EFAULT as Linux: import_iovec(). */
export function userIovec(task: Task, ptr: number, nr_pieces: number): IovIter | number {
  if (nr_pieces < 0 || nr_pieces > UIO_MAXIOV) return -EINVAL;
  const words = nr_pieces > 0 ? readWords(task, ptr, nr_pieces * 2, wordSize(task)) : [];
  if (words === null) return -EFAULT;
  const isShort = wordSize(task) === 4;
  const bases: number[] = [];
  const lengths: number[] = [];
  let total = 0;
  for (let i = 0; i < nr_pieces; i++) {
    const base = isShort ? words[i * 2] >>> 0 : words[i * 2];
    let length = words[i * 2 + 1];
    if (length < 0) return -EINVAL;
    if (!accessOk(base, Math.min(length, MAX_RW_COUNT))) return -EFAULT;
    length = Math.min(length, MAX_RW_COUNT - total);
    total += length;
    bases.push(base);
    lengths.push(length);
  }
  return new IovIter(task, bases, lengths, null);
}

/** Kernel memory. */
export function kernelIter(bytes: Uint8Array): IovIter {
  return new IovIter(null, [], [], bytes);
}

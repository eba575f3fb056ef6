/**
 * Received bytes on their way from a device's interrupt to the line discipline, and the device's view of a terminal.
 * Flow: interrupt handler -> insertChar() ... -> flipPush() -> NTty.receive(); what the discipline has no room for waits
 * here until a reader made room (resume()). Linux: drivers/tty/tty_buffer.c, tty_port.c.
 */
import type { Tty } from "./tty_io.ts";

export const TTY_NORMAL = 0;
export const TTY_BREAK = 1;
export const TTY_FRAME = 2;
export const TTY_PARITY = 3;
export const TTY_OVERRUN = 4;

/** Bytes kept for a reader that does not keep up. Linux: TTYB_DEFAULT_MEM_LIMIT. */
const LIMIT_BYTES = 64 * 1024;
/** From here on a device that can hold its sender back should. */
const THROTTLE_BYTES = 8 * 1024;

export class TtyPort {
  /** The terminal while it is open. */
  tty: Tty | null = null;
  /** Called when bytes were taken and the device may deliver again. */
  onDrained: (() => void) | null = null;
  #bytes = new Uint8Array(256);
  #flags = new Uint8Array(256);
  /** Whether some byte of the buffer has a flag other than TTY_NORMAL. */
  #hasFlags = false;
  #head = 0;
  #tail = 0;
  #isFlushing = false;

  /** Queues one received byte; false if there is no room and it is lost. Linux: tty_insert_flip_char(). */
  insertChar(byte: number, flag = TTY_NORMAL): boolean {
    if (this.#head === this.#bytes.length && !this.#makeRoom()) return false;
    this.#bytes[this.#head] = byte;
    this.#flags[this.#head++] = flag;
    if (flag !== TTY_NORMAL) this.#hasFlags = true;
    return true;
  }

  /** Queues bytes; how many found room. Linux: tty_insert_flip_string(). */
  insertString(bytes: Uint8Array): number {
    for (let i = 0; i < bytes.length; i++) if (!this.insertChar(bytes[i])) return i;
    return bytes.length;
  }

  /** Gives the queued bytes to the line discipline, as far as it takes them. Linux: tty_flip_buffer_push(). */
  flipPush(): void {
    // Echo of a loop-back device comes in here while bytes are being delivered: it waits its turn.
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    while (this.#tail < this.#head) {
      const { tty } = this;
      if (!tty) {
        this.discard();
        break;
      }
      const bytes = this.#bytes.subarray(this.#tail, this.#head);
      const flags = this.#hasFlags ? this.#flags.subarray(this.#tail, this.#head) : null;
      const taken = tty.ldisc.receive(bytes, flags);
      if (taken === 0) break;
      this.#tail += taken; // a compaction meanwhile moved head and tail alike
    }
    if (this.#tail === this.#head) this.#reset();
    this.#isFlushing = false;
  }

  /** The line discipline has room again. */
  resume(): void {
    if (this.#tail === this.#head) return;
    this.flipPush();
    if (!this.isThrottled) this.onDrained?.();
  }

  discard(): void {
    this.#tail = this.#head;
    this.#reset();
  }

  /** Bytes that wait for the line discipline. */
  get nr_bytes(): number {
    return this.#head - this.#tail;
  }

  /** Whether the device should hold its sender back, if it can. */
  get isThrottled(): boolean {
    return this.nr_bytes >= THROTTLE_BYTES;
  }

  #reset(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#hasFlags = false;
  }

  #makeRoom(): boolean {
    if (this.nr_bytes >= LIMIT_BYTES) return false;
    const size = this.nr_bytes * 2 > this.#bytes.length ? this.#bytes.length * 2 : this.#bytes.length;
    const bytes = new Uint8Array(size);
    const flags = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(this.#tail, this.#head));
    flags.set(this.#flags.subarray(this.#tail, this.#head));
    this.#head -= this.#tail;
    this.#tail = 0;
    this.#bytes = bytes;
    this.#flags = flags;
    return true;
  }
}

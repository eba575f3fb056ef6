/** SigSet: 64 signals as two 32-bit words; bit n-1 is signal n. Linux: sigset_t. */
import {
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
} from "../uapi/signal.ts";

export class SigSet {
  constructor(
    public lo = 0,
    public hi = 0,
  ) {}

  static of(...signals: number[]): SigSet {
    const set = new SigSet();
    for (const sig of signals) set.add(sig);
    return set;
  }

  has(sig: number): boolean {
    return sig <= 32 ? (this.lo & (1 << (sig - 1))) !== 0 : (this.hi & (1 << (sig - 33))) !== 0;
  }
  add(sig: number): void {
    if (sig <= 32) this.lo |= 1 << (sig - 1);
    else this.hi |= 1 << (sig - 33);
  }
  delete(sig: number): void {
    if (sig <= 32) this.lo &= ~(1 << (sig - 1));
    else this.hi &= ~(1 << (sig - 33));
  }
  isEmpty(): boolean {
    return (this.lo | this.hi) === 0;
  }
  clear(): void {
    this.lo = 0;
    this.hi = 0;
  }
  assign(other: SigSet): void {
    this.lo = other.lo;
    this.hi = other.hi;
  }
  addAll(other: SigSet): void {
    this.lo |= other.lo;
    this.hi |= other.hi;
  }
  deleteAll(other: SigSet): void {
    this.lo &= ~other.lo;
    this.hi &= ~other.hi;
  }
  clone(): SigSet {
    return new SigSet(this.lo, this.hi);
  }
  /** Whether some signal is in this set and not in `blocked`. */
  hasUnblocked(blocked: SigSet): boolean {
    return ((this.lo & ~blocked.lo) | (this.hi & ~blocked.hi)) !== 0;
  }
  /** 16 hex digits, as in /proc/PID/status. */
  toHex(): string {
    const word = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return word(this.hi) + word(this.lo);
  }
  *[Symbol.iterator](): Generator<number> {
    for (let sig = 1; sig <= 64; sig++) if (this.has(sig)) yield sig;
  }
}

export const SIG_KERNEL_STOP_MASK = SigSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
export const SIG_KERNEL_IGNORE_MASK = SigSet.of(SIGCONT, SIGCHLD, SIGWINCH, SIGURG);
export const UNBLOCKABLE = SigSet.of(SIGKILL, SIGSTOP);

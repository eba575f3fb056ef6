/**
 * Credentials: who a task is and what it may do. Linux: include/linux/cred.h, kernel/cred.c, kernel/sys.c,
 * kernel/capability.c. man 7 credentials, capabilities.
 * A Cred is never changed once a task has it: changing means a changed copy, so threads and open files may share it.
 */
import type { Task } from "./task.ts";
import { CAP_LAST_CAP } from "../uapi/capability.ts";

/** A set of capabilities as two 32-bit words. Linux: kernel_cap_t. */
export class CapSet {
  constructor(
    readonly lo: number,
    readonly hi: number,
  ) {}
  static readonly EMPTY = new CapSet(0, 0);
  static readonly FULL = new CapSet(-1, (1 << (CAP_LAST_CAP - 31)) - 1);
  has(cap: number): boolean {
    return cap < 32 ? (this.lo & (1 << cap)) !== 0 : (this.hi & (1 << (cap - 32))) !== 0;
  }
  intersect(other: CapSet): CapSet {
    return new CapSet(this.lo & other.lo, this.hi & other.hi);
  }
  union(other: CapSet): CapSet {
    return new CapSet(this.lo | other.lo, this.hi | other.hi);
  }
  without(cap: number): CapSet {
    return cap < 32
      ? new CapSet(this.lo & ~(1 << cap), this.hi)
      : new CapSet(this.lo, this.hi & ~(1 << (cap - 32)));
  }
  isSubsetOf(other: CapSet): boolean {
    return ((this.lo & ~other.lo) | (this.hi & ~other.hi)) === 0;
  }
  isEmpty(): boolean {
    return (this.lo | this.hi) === 0;
  }
  /** 16 hex digits, as in /proc/PID/status. */
  toHex(): string {
    const word = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return word(this.hi) + word(this.lo);
  }
}

export class Cred {
  uid = 0;
  gid = 0;
  suid = 0;
  sgid = 0;
  euid = 0;
  egid = 0;
  fsuid = 0;
  fsgid = 0;
  /** Supplementary groups, sorted. */
  groups: readonly number[] = [];
  securebits = 0;
  cap_inheritable = CapSet.EMPTY;
  cap_permitted = CapSet.FULL;
  cap_effective = CapSet.FULL;
  cap_bset = CapSet.FULL;
  cap_ambient = CapSet.EMPTY;

  clone(): Cred {
    return Object.assign(new Cred(), this);
  }

  /** Whether `gid` is the file system group or a supplementary one. Linux: in_group_p(). */
  inGroup(gid: number): boolean {
    return gid === this.fsgid || this.groups.includes(gid);
  }

  /** Linux: in_egroup_p(). */
  inEffectiveGroup(gid: number): boolean {
    return gid === this.egid || this.groups.includes(gid);
  }
}

/** Whether the task may do what `cap` stands for. Linux: capable(). */
export function capable(task: Task, cap: number): boolean {
  return task.cred.cap_effective.has(cap);
}

/** (uid_t)-1: "leave as it is" in set*id calls. */
export const INVALID_ID = 0xffff_ffff;

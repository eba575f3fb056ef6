/**
 * SigInfo: what a signal carries, and its siginfo_t bytes. Linux: include/uapi/asm-generic/siginfo.h.
 *
 *      0 si_signo   4 si_errno   8 si_code   16... a union chosen by signal and code
 */
import {
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGILL,
  SIGIO,
  SIGSEGV,
  SIGTRAP,
  SI_KERNEL,
  SI_QUEUE,
  SI_SIZE,
  SI_TIMER,
  SI_USER,
} from "../uapi/signal.ts";

export interface SigInfo {
  signo: number;
  code: number;
  errno?: number;
  /** Sender, or the child of SIGCHLD. */
  pid?: number;
  uid?: number;
  /** SIGCHLD: exit status or signal. */
  status?: number;
  utime_ticks?: number;
  stime_ticks?: number;
  /** Faults: the address. */
  addr?: number;
  /** sigqueue's sival, two u32 words. */
  value_lo?: number;
  value_hi?: number;
  timer_id?: number;
  overrun?: number;
  band?: number;
  fd?: number;
  /** The program's own siginfo_t, from rt_sigqueueinfo(2). */
  raw?: Uint8Array;
}

/** siginfo_t, 128 bytes. */
export function encodeSigInfo(info: SigInfo): Uint8Array {
  const bytes = new Uint8Array(SI_SIZE);
  if (info.raw) {
    bytes.set(info.raw.subarray(0, SI_SIZE));
    return bytes;
  }
  const view = new DataView(bytes.buffer);
  view.setInt32(0, info.signo, true);
  view.setInt32(4, info.errno ?? 0, true);
  view.setInt32(8, info.code, true);
  const isFault = [SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP].includes(info.signo);
  if (isFault && info.code > 0 && info.code !== SI_KERNEL) {
    setInt64(view, 16, info.addr ?? 0);
  } else if (info.signo === SIGCHLD && info.code > 0 && info.code !== SI_KERNEL) {
    view.setInt32(16, info.pid ?? 0, true);
    view.setUint32(20, info.uid ?? 0, true);
    view.setInt32(24, info.status ?? 0, true);
    setInt64(view, 32, info.utime_ticks ?? 0);
    setInt64(view, 40, info.stime_ticks ?? 0);
  } else if (info.signo === SIGIO && info.code > 0 && info.code !== SI_KERNEL) {
    setInt64(view, 16, info.band ?? 0);
    view.setInt32(24, info.fd ?? 0, true);
  } else if (info.code === SI_TIMER) {
    view.setInt32(16, info.timer_id ?? 0, true);
    view.setInt32(20, info.overrun ?? 0, true);
    view.setUint32(24, info.value_lo ?? 0, true);
    view.setUint32(28, info.value_hi ?? 0, true);
  } else {
    view.setInt32(16, info.pid ?? 0, true);
    view.setUint32(20, info.uid ?? 0, true);
    if (info.code === SI_QUEUE) {
      view.setUint32(24, info.value_lo ?? 0, true);
      view.setUint32(28, info.value_hi ?? 0, true);
    }
  }
  return bytes;
}

/** What a program gave to rt_sigqueueinfo(2); it is delivered as it is. */
export function decodeSigInfo(bytes: Uint8Array, signo: number): SigInfo {
  const raw = bytes.slice();
  const view = new DataView(raw.buffer);
  view.setInt32(0, signo, true);
  return {
    signo,
    code: view.getInt32(8, true),
    errno: view.getInt32(4, true),
    pid: view.getInt32(16, true),
    uid: view.getUint32(20, true),
    raw,
  };
}

/** Whether the signal comes from the kernel itself. Linux: SI_FROMKERNEL(). */
export function isFromKernel(info: SigInfo): boolean {
  return info.code > SI_USER;
}

function setInt64(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  view.setUint32(offset, value - high * 2 ** 32, true);
  view.setInt32(offset + 4, high, true);
}

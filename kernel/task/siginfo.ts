/**
 * SigInfo: what a signal carries, and its siginfo_t bytes. Linux: include/uapi/asm-generic/siginfo.h.
 *
 *      0 si_signo   4 si_errno   8 si_code   16... (i386: 12...) a union chosen by signal and code
 */
import { encodeWords } from "../mm/user_words.ts";
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
  /** Bytes of a word in `raw`. */
  raw_word?: number;
}

/** siginfo_t, 128 bytes, of a program whose words have `word` bytes. */
export function encodeSigInfo(info: SigInfo, word: number): Uint8Array {
  const bytes = new Uint8Array(SI_SIZE);
  if (info.raw && info.raw_word === word) {
    bytes.set(info.raw.subarray(0, SI_SIZE));
    return bytes;
  }
  const view = new DataView(bytes.buffer);
  const { code } = info;
  view.setInt32(0, info.signo, true);
  view.setInt32(4, info.errno ?? 0, true);
  view.setInt32(8, code, true);
  // The union is aligned as its words are.
  const fields = word === 8 ? 16 : 12;
  const int = (offset: number, value = 0) => view.setInt32(fields + offset, value | 0, true);
  const long = (offset: number, value = 0) => bytes.set(encodeWords([value], word), fields + offset);
  const isOfKernel = code > 0 && code !== SI_KERNEL;
  const isFault = [SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP].includes(info.signo);
  if (isFault && isOfKernel) {
    long(0, info.addr);
  } else if (info.signo === SIGCHLD && isOfKernel) {
    int(0, info.pid);
    int(4, info.uid);
    int(8, info.status);
    const times = word === 8 ? 16 : 12;
    long(times, info.utime_ticks);
    long(times + word, info.stime_ticks);
  } else if (info.signo === SIGIO && isOfKernel) {
    long(0, info.band);
    int(word, info.fd);
  } else {
    const isTimer = code === SI_TIMER;
    int(0, isTimer ? info.timer_id : info.pid);
    int(4, isTimer ? info.overrun : info.uid);
    if (isTimer || code === SI_QUEUE || info.raw) {
      int(8, info.value_lo);
      if (word === 8) int(12, info.value_hi);
    }
  }
  return bytes;
}

/** What a program gave to rt_sigqueueinfo(2); it is delivered as it is. */
export function decodeSigInfo(bytes: Uint8Array, signo: number, word: number): SigInfo {
  const raw = bytes.slice();
  const view = new DataView(raw.buffer);
  const fields = word === 8 ? 16 : 12;
  view.setInt32(0, signo, true);
  return {
    signo,
    code: view.getInt32(8, true),
    errno: view.getInt32(4, true),
    pid: view.getInt32(fields, true),
    uid: view.getUint32(fields + 4, true),
    value_lo: view.getUint32(fields + 8, true),
    value_hi: word === 8 ? view.getUint32(fields + 12, true) : 0,
    raw,
    raw_word: word,
  };
}

/** Whether the signal comes from the kernel itself. Linux: SI_FROMKERNEL(). */
export function isFromKernel(info: SigInfo): boolean {
  return info.code > SI_USER;
}

/**
 * Job control: controlling terminals, sessions, foreground process groups. Linux: drivers/tty/tty_jobctrl.c;
 * man 4 tty_ioctl, man 7 credentials.
 */
import type { File } from "../../fs/file.ts";
import { getUser32, putUser32 } from "../../mm/usercopy.ts";
import { capable } from "../../task/cred.ts";
import { isOrphanedPgrp, killPgrp, sendSignal } from "../../task/signal.ts";
import type { Task } from "../../task/task.ts";
import { CAP_SYS_ADMIN } from "../../uapi/capability.ts";
import { EFAULT, EINVAL, EIO, ENOTTY, EPERM, ERESTARTSYS, ESRCH } from "../../uapi/errno.ts";
import { SIGCONT, SIGHUP, SIGTTIN, SIGTTOU, SIG_IGN } from "../../uapi/signal.ts";
import type { Tty } from "./tty_io.ts";

/** The controlling terminal of a task. */
export function currentTty(task: Task): Tty | null {
  return task.signal.tty;
}

function isIgnored(task: Task, sig: number): boolean {
  return task.blocked.has(sig) || task.sighand.action[sig].handler === SIG_IGN;
}

/**
 * Whether a task may read from (SIGTTIN) or change (SIGTTOU) its terminal now: 0; -ERESTARTSYS after stopping its
 * background group; -EIO if stopping it would be for ever. Linux: __tty_check_change().
 */
export function checkChange(task: Task, tty: Tty, sig: number): number {
  if (task.signal.tty !== tty) return 0;
  const pgrp = task.signal.pgrp;
  if (tty.pgrp === 0 || tty.pgrp === pgrp) return 0;
  if (isIgnored(task, sig)) return sig === SIGTTIN ? -EIO : 0;
  if (isOrphanedPgrp(task.kernel, pgrp)) return -EIO;
  killPgrp(task.kernel, pgrp, sig);
  task.sigpending = true;
  return -ERESTARTSYS;
}

/** As checkChange for changes of settings. Linux: tty_check_change(). */
export function checkChangeSettings(task: Task, tty: Tty): number {
  return checkChange(task, tty, SIGTTOU);
}

/** Makes `tty` the controlling terminal of the caller's session. Linux: __proc_set_tty(). */
function setControllingTty(task: Task, tty: Tty): void {
  tty.pgrp = task.signal.pgrp;
  tty.session = task.signal.session;
  task.signal.tty = tty;
  task.signal.tty_old_pgrp = 0;
}

/** A session leader without a terminal that opens one nobody owns gets it. Linux: tty_open_proc_set_tty(). */
export function openSetsControllingTty(task: Task, tty: Tty, file: File): void {
  const { signal } = task;
  if (signal.leader && !signal.tty && tty.session === 0 && file.isReadable) setControllingTty(task, tty);
}

/** Every process of the session forgets the terminal. Linux: session_clear_tty(). */
export function clearSessionTty(tty: Tty): void {
  if (tty.session === 0) return;
  for (const leader of tty.kernel.tasks.session(tty.session)) {
    if (leader.signal.tty === tty) leader.signal.tty = null;
  }
  tty.session = 0;
  tty.pgrp = 0;
}

/** Tells the session of a terminal that hangs up. Linux: tty_signal_session_leader(). */
export function hangUpSession(tty: Tty, bySessionEnd: boolean): void {
  if (tty.session === 0) return;
  for (const process of tty.kernel.tasks.session(tty.session)) {
    if (process.signal.tty === tty) process.signal.tty = null;
    if (!process.signal.leader) continue;
    sendSignal(process, SIGHUP);
    sendSignal(process, SIGCONT);
    if (tty.pgrp) process.signal.tty_old_pgrp = tty.pgrp;
  }
  if (bySessionEnd && tty.pgrp) killPgrp(tty.kernel, tty.pgrp, SIGHUP);
}

/**
 * The caller gives its controlling terminal up; `onExit`: because the session leader ends, which hangs the terminal
 * up. Called by exit and by TIOCNOTTY. Linux: disassociate_ctty().
 */
export function disassociateCtty(task: Task, onExit: boolean): void {
  const { signal, kernel } = task;
  if (!signal.leader) return;
  const tty = signal.tty;
  if (tty) {
    if (onExit && tty.driver.type !== "pty") {
      // The terminal itself hangs up; whoever logs in next opens it anew.
      tty.hangUp(true);
    } else {
      const pgrp = tty.pgrp;
      if (pgrp) {
        killPgrp(kernel, pgrp, SIGHUP);
        if (!onExit) killPgrp(kernel, pgrp, SIGCONT);
      }
    }
  } else if (onExit && signal.tty_old_pgrp) {
    killPgrp(kernel, signal.tty_old_pgrp, SIGHUP);
    killPgrp(kernel, signal.tty_old_pgrp, SIGCONT);
    return;
  }
  signal.tty_old_pgrp = 0;
  if (signal.tty) {
    signal.tty.session = 0;
    signal.tty.pgrp = 0;
  }
  for (const process of kernel.tasks.session(signal.session)) process.signal.tty = null;
}

/** TIOCNOTTY. Linux: no_tty(). */
export function giveUpTty(task: Task, tty: Tty): number {
  if (task.signal.tty !== tty) return -ENOTTY;
  disassociateCtty(task, false);
  task.signal.tty = null;
  return 0;
}

/** TIOCSCTTY: `steal` takes it from another session (root only). Linux: tiocsctty(). */
export function takeTty(task: Task, tty: Tty, file: File, steal: number): number {
  const { signal, kernel } = task;
  if (signal.leader && signal.session === tty.session) return 0;
  if (!signal.leader || signal.tty) return -EPERM;
  if (tty.session !== 0) {
    if (steal !== 1 || !capable(task, CAP_SYS_ADMIN)) return -EPERM;
    for (const process of kernel.tasks.session(tty.session)) {
      if (process.signal.tty === tty) process.signal.tty = null;
    }
  }
  if (!file.isReadable && !capable(task, CAP_SYS_ADMIN)) return -EPERM;
  setControllingTty(task, tty);
  return 0;
}

/** TIOCGPGRP; `real` is the slave if `tty` is a pty master. Linux: tiocgpgrp(). */
export function getForegroundPgrp(task: Task, tty: Tty, real: Tty, ptr: number): number {
  if (tty === real && task.signal.tty !== real) return -ENOTTY;
  return putUser32(task, ptr, real.pgrp) ? -EFAULT : 0;
}

/** TIOCSPGRP. Linux: tiocspgrp(). */
export function setForegroundPgrp(task: Task, real: Tty, ptr: number): number {
  const change = checkChangeSettings(task, real);
  if (change === -EIO) return -ENOTTY;
  if (change) return change;
  if (task.signal.tty !== real || real.session !== task.signal.session) return -ENOTTY;
  const value = getUser32(task, ptr);
  if (value < 0) return -EFAULT;
  const pgrp = value | 0;
  if (pgrp < 0) return -EINVAL;
  const members = task.kernel.tasks.pgrp(pgrp);
  if (members.size === 0) return -ESRCH;
  for (const member of members) {
    if (member.signal.session !== task.signal.session) return -EPERM;
    break;
  }
  real.pgrp = pgrp;
  return 0;
}

/** TIOCGSID. Linux: tiocgsid(). */
export function getSession(task: Task, tty: Tty, real: Tty, ptr: number): number {
  if (tty === real && task.signal.tty !== real) return -ENOTTY;
  if (real.session === 0) return -ENOTTY;
  return putUser32(task, ptr, real.session) ? -EFAULT : 0;
}

/** vhangup(2). */
export function sys_vhangup(task: Task): number {
  if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
  task.signal.tty?.hangUp();
  return 0;
}

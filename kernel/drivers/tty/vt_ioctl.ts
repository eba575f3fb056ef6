/**
 * ioctl of virtual consoles: modes, switching, keyboard. Linux: drivers/tty/vt/vt_ioctl.c; man 2 ioctl_console.
 * Fonts (PIO_FONT, KDFONTOP) and keymap editing of single entries (KDSKBENT) are not offered: -ENOIOCTLCMD, so ENOTTY.
 */
import { copyFromUser, copyToUser, putUser32 } from "../../mm/usercopy.ts";
import { finish, type MaySleep, type Sleep } from "../../sched/wait.ts";
import { capable } from "../../task/cred.ts";
import type { Task } from "../../task/task.ts";
import { CAP_SYS_ADMIN, CAP_SYS_TTY_CONFIG } from "../../uapi/capability.ts";
import { EBUSY, EFAULT, EINVAL, ENOIOCTLCMD, ENXIO, EPERM } from "../../uapi/errno.ts";
import { TIOCLINUX } from "../../uapi/ioctl.ts";
import * as K from "../../uapi/kd.ts";
import type { Tty } from "./tty_io.ts";
import type { Vt } from "./vt.ts";

/** VT_GETSTATE reports the first sixteen consoles. */
const MAX_REPORTED = 16;

export function vtIoctl(task: Task, vt: Vt, tty: Tty, cmd: number, arg: number): MaySleep<number> {
  const console = vt.console(tty.index);
  // Changing needs the console as controlling terminal, or the privilege.
  const mayConfigure = task.signal.tty === tty || capable(task, CAP_SYS_TTY_CONFIG);
  switch (cmd) {
    case K.KDMKTONE:
    case K.KIOCSOUND:
      return mayConfigure ? 0 : -EPERM; // silence is the best this speaker does
    case K.KDGKBTYPE:
      return putByte(task, arg, K.KB_101);
    case K.KDSETMODE: {
      if (!mayConfigure) return -EPERM;
      if (arg !== K.KD_GRAPHICS && (arg < K.KD_TEXT || arg > K.KD_TEXT1)) return -EINVAL;
      const mode = arg === K.KD_GRAPHICS ? K.KD_GRAPHICS : K.KD_TEXT;
      const isBack = mode === K.KD_TEXT && console.kd_mode !== K.KD_TEXT;
      console.kd_mode = mode;
      if (isBack && vt.foreground === console.index) vt.refresh();
      return 0;
    }
    case K.KDGETMODE:
      return putUser32(task, arg, console.kd_mode) ? -EFAULT : 0;
    case K.KDGKBMODE:
      return putUser32(task, arg, vt.keyboard.mode(console.index)) ? -EFAULT : 0;
    case K.KDSKBMODE:
      if (!mayConfigure) return -EPERM;
      return vt.keyboard.setMode(console.index, arg);
    case K.KDGKBMETA:
      return putUser32(task, arg, vt.keyboard.metaMode) ? -EFAULT : 0;
    case K.KDSKBMETA:
      if (arg !== K.K_METABIT && arg !== K.K_ESCPREFIX) return -EINVAL;
      vt.keyboard.metaMode = arg;
      return 0;
    case K.KDGKBLED:
      return putByte(task, arg, vt.keyboard.lockState);
    case K.KDSKBLED:
      if (!mayConfigure) return -EPERM;
      if (arg & ~0x77) return -EINVAL;
      vt.keyboard.setLockState(arg & 7);
      return 0;
    case K.KDGETLED:
      return putByte(task, arg, vt.keyboard.leds);
    case K.KDSETLED:
      if (!mayConfigure) return -EPERM;
      vt.keyboard.overrideLeds(arg < 0 || arg > 7 ? -1 : arg);
      return 0;
    case K.KDGKBENT: {
      const entry = new Uint8Array(4);
      if (copyFromUser(task, arg, entry)) return -EFAULT;
      const value = vt.keyboard.keysym(entry[1], entry[0]);
      new DataView(entry.buffer).setUint16(2, value, true);
      return copyToUser(task, arg, entry) ? -EFAULT : 0;
    }
    case K.KDSIGACCEPT:
      if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
      vt.keyboard.acceptSignal(task.tgid, arg);
      return 0;
    case K.VT_OPENQRY: {
      let free = 0;
      while (free < K.MAX_NR_CONSOLES && vt.driver.ttys[free]) free++;
      return putUser32(task, arg, free < K.MAX_NR_CONSOLES ? free + 1 : 0xffffffff) ? -EFAULT : 0;
    }
    case K.VT_GETMODE: {
      const bytes = new Uint8Array(8);
      bytes[0] = console.vt_mode;
      bytes[1] = console.waitv;
      const view = new DataView(bytes.buffer);
      view.setInt16(2, console.relsig, true);
      view.setInt16(4, console.acqsig, true);
      return copyToUser(task, arg, bytes) ? -EFAULT : 0;
    }
    case K.VT_SETMODE: {
      if (!mayConfigure) return -EPERM;
      const bytes = new Uint8Array(8);
      if (copyFromUser(task, arg, bytes)) return -EFAULT;
      if (bytes[0] !== K.VT_AUTO && bytes[0] !== K.VT_PROCESS) return -EINVAL;
      const view = new DataView(bytes.buffer);
      console.vt_mode = bytes[0];
      console.waitv = bytes[1];
      console.relsig = view.getInt16(2, true);
      console.acqsig = view.getInt16(4, true);
      console.owner_pid = task.tgid;
      return 0;
    }
    case K.VT_GETSTATE: {
      const bytes = new Uint8Array(6);
      const view = new DataView(bytes.buffer);
      let mask = 1; // tty0 is always there
      for (let i = 0; i < MAX_REPORTED - 1; i++) if (vt.driver.ttys[i]) mask |= 2 << i;
      view.setUint16(0, vt.foreground + 1, true);
      view.setUint16(4, mask, true);
      return copyToUser(task, arg, bytes) ? -EFAULT : 0;
    }
    case K.VT_ACTIVATE:
      if (!mayConfigure) return -EPERM;
      if (arg < 1 || arg > K.MAX_NR_CONSOLES) return -ENXIO;
      return vt.requestSwitch(arg - 1);
    case K.VT_WAITACTIVE:
      if (!mayConfigure) return -EPERM;
      if (arg < 1 || arg > K.MAX_NR_CONSOLES) return -ENXIO;
      return waitActive(task, vt, arg - 1);
    case K.VT_RELDISP:
      if (!mayConfigure) return -EPERM;
      if (console.vt_mode !== K.VT_PROCESS) return -EINVAL;
      // 2 acknowledges an acquisition, which needs no answer.
      if (arg === 2) return 0;
      return vt.releaseDisplay(arg !== 0) ? 0 : -EINVAL;
    case K.VT_DISALLOCATE:
      return disallocate(vt, arg);
    case K.VT_LOCKSWITCH:
    case K.VT_UNLOCKSWITCH:
      if (!capable(task, CAP_SYS_TTY_CONFIG)) return -EPERM;
      vt.isSwitchLocked = cmd === K.VT_LOCKSWITCH;
      return 0;
    case K.VT_GETHIFONTMASK:
      return putUser32(task, arg, 0) ? -EFAULT : 0;
    case TIOCLINUX:
      return tioclinux(task, vt, arg);
    default:
      return -ENOIOCTLCMD;
  }
}

function* waitActive(task: Task, vt: Vt, index: number): Sleep<number> {
  return yield* finish(vt.switchWait.wait(task, () => vt.foreground === index));
}

/** 0: all that are unused. */
function disallocate(vt: Vt, number: number): number {
  if (number < 0 || number > K.MAX_NR_CONSOLES) return -ENXIO;
  if (number > 0) return vt.disallocate(number - 1);
  for (let index = 1; index < K.MAX_NR_CONSOLES; index++) {
    if (vt.disallocate(index) === -EBUSY) continue;
  }
  return 0;
}

const TIOCL_GETSHIFTSTATE = 6;
const TIOCL_GETFGCONSOLE = 12;
const TIOCL_UNBLANKSCREEN = 4;
const TIOCL_BLANKSCREEN = 14;

function tioclinux(task: Task, vt: Vt, arg: number): number {
  const subcommand = new Uint8Array(1);
  if (copyFromUser(task, arg, subcommand)) return -EFAULT;
  switch (subcommand[0]) {
    case TIOCL_GETSHIFTSTATE:
      return putByte(task, arg, vt.keyboard.shiftState);
    case TIOCL_GETFGCONSOLE:
      return vt.foreground;
    case TIOCL_UNBLANKSCREEN:
    case TIOCL_BLANKSCREEN:
      return 0;
    default:
      return -EINVAL;
  }
}

function putByte(task: Task, ptr: number, value: number): number {
  return copyToUser(task, ptr, Uint8Array.of(value)) ? -EFAULT : 0;
}

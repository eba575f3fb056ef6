/**
 * Unix98 pseudo terminals: opening /dev/ptmx makes a pair; the master reads what programs write to the slave (/dev/pts/N)
 * and types what they read. The slave's node appears through `devpts` while the master is open.
 * Linux: drivers/tty/pty.c; man 7 pty.
 */
import { Devpts } from "../../fs/devpts/devpts.ts";
import type { File, FileOperations } from "../../fs/file.ts";
import { nofileLimit } from "../../fs/file_table.ts";
import type { Inode } from "../../fs/inode.ts";
import { makeFile } from "../../fs/open.ts";
import { isErr } from "../../lib/err.ts";
import type { Kernel } from "../../kernel.ts";
import { getUser32, putUser32 } from "../../mm/usercopy.ts";
import type { Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EFAULT, EINVAL, EIO, ENOIOCTLCMD, ENOSPC } from "../../uapi/errno.ts";
import { O_CLOEXEC } from "../../uapi/fcntl.ts";
import * as I from "../../uapi/ioctl.ts";
import { makeDev } from "../../uapi/stat.ts";
import * as T from "../../uapi/termios.ts";
import { killPgrp } from "../../task/signal.ts";
import { standardTermios } from "./termios.ts";
import {
  attachFile,
  registerTtyDriver,
  ttyFops,
  Tty,
  TTYAUX_MAJOR,
  TtyDriver,
  type TtyOperations,
  UNIX98_PTY_MASTER_MAJOR,
  UNIX98_PTY_SLAVE_MAJOR,
} from "./tty_io.ts";
import { TtyPort } from "./tty_port.ts";

/** Pairs at most. Linux: /proc/sys/kernel/pty/max. */
const NR_UNIX98_PTYS = 4096;
/** Room in the direction of a peer that reads slowly. */
const BUFFER_BYTES = 8192;

export class Ptys {
  readonly master: TtyDriver;
  readonly slave: TtyDriver;
  /** Shows the slaves' nodes; null until devpts is mounted or a master opened. */
  nodes: Devpts | null = null;
  /** Slaves that TIOCSPTLCK keeps shut: every new one. */
  readonly #locked = new Set<number>();

  constructor(readonly kernel: Kernel) {
    const masterTermios = standardTermios();
    Object.assign(masterTermios, {
      c_iflag: 0,
      c_oflag: 0,
      c_cflag: T.B38400 | T.CS8 | T.CREAD,
      c_lflag: 0,
    });
    const slaveTermios = standardTermios();
    slaveTermios.c_cflag = T.B38400 | T.CS8 | T.CREAD;
    const ops = ptyOperations(this);
    this.master = new TtyDriver(
      kernel,
      "pty_master",
      "ptm",
      UNIX98_PTY_MASTER_MAJOR,
      0,
      NR_UNIX98_PTYS,
      "pty",
      0,
      masterTermios,
      ops,
    );
    this.slave = new TtyDriver(
      kernel,
      "pty_slave",
      "pts",
      UNIX98_PTY_SLAVE_MAJOR,
      0,
      NR_UNIX98_PTYS,
      "pty",
      0,
      slaveTermios,
      ops,
    );
    this.master.isPtyMaster = true;
    this.master.resetsTermios = this.slave.resetsTermios = true;
    this.master.other = this.slave;
    this.slave.other = this.master;
  }

  init(): void {
    const { devices } = this.kernel;
    registerTtyDriver(this.master);
    registerTtyDriver(this.slave);
    const ptmx: FileOperations = {
      ...ttyFops,
      open: (task, inode, file) => this.#openMaster(task, inode, file),
    };
    devices.registerChrdev(TTYAUX_MAJOR, 2, 1, "/dev/ptmx", ptmx);
    devices.addNode("ptmx", "char", makeDev(TTYAUX_MAJOR, 2), 0o666);
  }

  isLocked(index: number): boolean {
    return this.#locked.has(index);
  }

  setLocked(index: number, isLocked: boolean): void {
    if (isLocked) this.#locked.add(index);
    else this.#locked.delete(index);
  }

  /** Linux: ptmx_open(). */
  *#openMaster(task: Task, _inode: Inode, file: File): Sleep<number> {
    let index = 0;
    while (index < NR_UNIX98_PTYS && (this.master.ttys[index] || this.slave.ttys[index])) index++;
    if (index === NR_UNIX98_PTYS) return -ENOSPC;
    const master = this.#make(this.master, index);
    const slave = this.#make(this.slave, index);
    master.link = slave;
    slave.link = master;
    this.#locked.add(index);
    file.ops = ttyFops;
    const error = yield* attachFile(master, file);
    if (error) return error;
    this.nodes ??= new Devpts(this.kernel);
    this.nodes.add(index, slave.dev, task);
    return 0;
  }

  /**
   * TIOCGPTPEER: a descriptor of the slave, whatever its name is here; `flags` as open() takes them. -EIO while it is
   * locked. Linux: ptm_open_peer().
   */
  *openPeer(task: Task, master: Tty, file: File, flags: number): Sleep<number> {
    const free = task.files.lowestFree(0, nofileLimit(task));
    if (free < 0) return free; // before the open, which the master would notice
    const path = this.nodes?.slavePath(master.index, file.path);
    if (!path) return -EIO;
    const peer = yield* makeFile(task, path, flags);
    return isErr(peer) ? peer : task.files.install(task, peer, (flags & O_CLOEXEC) !== 0);
  }

  #make(driver: TtyDriver, index: number): Tty {
    const tty = new Tty(driver, index);
    const port = new TtyPort();
    tty.port = port;
    port.tty = tty;
    driver.ttys[index] = tty;
    return tty;
  }

  /** The master is closed: the slave hangs up and its node goes. */
  closeMaster(master: Tty): void {
    const slave = master.link;
    if (!slave) return;
    this.nodes?.remove(master.index);
    this.#locked.delete(master.index);
    slave.otherClosed = true;
    slave.hangUp();
    slave.readWait.wakeUpAll();
    slave.writeWait.wakeUpAll();
    if (slave.count === 0) this.slave.ttys[slave.index] = undefined;
  }
}

function ptyOperations(ptys: Ptys): TtyOperations {
  return {
    open(tty) {
      if (tty.driver.isPtyMaster) return 0;
      if (!tty.link || tty.otherClosed || ptys.isLocked(tty.index)) return -EIO;
      tty.link.otherClosed = false;
      return 0;
    },
    close(tty) {
      if (tty.count > 1) return;
      if (tty.driver.isPtyMaster) {
        ptys.closeMaster(tty);
      } else if (tty.link) {
        tty.link.otherClosed = true;
        tty.link.readWait.wakeUpAll();
        tty.link.writeWait.wakeUpAll();
      }
    },
    /** What one end writes the other receives. */
    write(tty, bytes) {
      const port = tty.link?.port;
      if (!port || tty.flowStopped) return 0;
      const room = Math.max(0, BUFFER_BYTES - port.nr_bytes);
      const taken = port.insertString(bytes.length <= room ? bytes : bytes.subarray(0, room));
      port.flipPush();
      return taken;
    },
    writeRoom(tty) {
      const port = tty.link?.port;
      return !port || tty.flowStopped ? 0 : Math.max(0, BUFFER_BYTES - port.nr_bytes);
    },
    flushBuffer(tty) {
      const { link } = tty;
      link?.port?.discard();
      if (link?.packetMode) {
        tty.packetStatus |= T.TIOCPKT_FLUSHWRITE;
        link.readWait.wakeUpAll();
      }
    },
    unthrottle: (tty) => tty.link?.wakeUp(),
    stop: (tty) => notifyFlow(tty, T.TIOCPKT_STOP, T.TIOCPKT_START),
    start: (tty) => notifyFlow(tty, T.TIOCPKT_START, T.TIOCPKT_STOP),
    resize(tty, size) {
      const { link } = tty;
      if (link) link.resize(size);
      return 0;
    },
    openPeer: (task, tty, file, flags) =>
      tty.driver.isPtyMaster ? ptys.openPeer(task, tty, file, flags) : -EIO,
    ioctl(task, tty, cmd, arg) {
      if (!tty.driver.isPtyMaster) return -ENOIOCTLCMD;
      switch (cmd) {
        case I.TIOCGPTN:
          return putUser32(task, arg, tty.index) ? -EFAULT : 0;
        case I.TIOCSPTLCK: {
          const value = getUser32(task, arg);
          if (value < 0) return -EFAULT;
          ptys.setLocked(tty.index, value !== 0);
          return 0;
        }
        case I.TIOCGPTLCK:
          return putUser32(task, arg, ptys.isLocked(tty.index) ? 1 : 0) ? -EFAULT : 0;
        case I.TIOCPKT: {
          const value = getUser32(task, arg);
          if (value < 0) return -EFAULT;
          tty.packetMode = value !== 0;
          if (tty.link) tty.link.packetStatus = 0;
          return 0;
        }
        case I.TIOCGPKT:
          return putUser32(task, arg, tty.packetMode ? 1 : 0) ? -EFAULT : 0;
        case I.TIOCSIG: {
          if (arg < 1 || arg > 64 || !tty.link) return -EINVAL;
          if (tty.link.pgrp) killPgrp(task.kernel, tty.link.pgrp, arg);
          return 0;
        }
        default:
          return -ENOIOCTLCMD;
      }
    },
  };
}

function notifyFlow(tty: Tty, set: number, clear: number): void {
  const { link } = tty;
  if (!link?.packetMode) return;
  tty.packetStatus = (tty.packetStatus & ~clear) | set;
  link.readWait.wakeUpAll();
}

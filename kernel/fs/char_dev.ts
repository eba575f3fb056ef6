/**
 * Opening device nodes: from the number in the inode to the driver that registered it. Linux: fs/char_dev.c
 * chrdev_open().
 */
import { finish, type Sleep } from "../sched/wait.ts";
import type { Task } from "../task/task.ts";
import { ENXIO } from "../uapi/errno.ts";
import { isBlockDevice, isCharDevice, isFifo } from "../uapi/stat.ts";
import type { File, FileOperations } from "./file.ts";
import type { Inode } from "./inode.ts";
import { fifoOperations } from "./pipe.ts";

/** What a character device's inode has until it is opened: open finds the driver and hands over to it. */
export const chrdevOperations: FileOperations = { open: chrdevOpen };

function* chrdevOpen(task: Task, inode: Inode, file: File): Sleep<number> {
  const driver = task.kernel.devices.chrdev(inode.rdev);
  if (!driver) return -ENXIO;
  file.ops = driver.fops;
  return file.ops.open ? yield* finish(file.ops.open(task, inode, file)) : 0;
}

/** Block devices have no drivers yet. */
export const blkdevOperations: FileOperations = { open: () => -ENXIO };

/** Sockets bound to names cannot be opened. */
const socketOperations: FileOperations = { open: () => -ENXIO };

/**
 * The open-file operations of a device node, FIFO or socket of any file system. Linux: init_special_inode().
 */
export function specialOperations(mode: number): FileOperations {
  if (isCharDevice(mode)) return chrdevOperations;
  if (isBlockDevice(mode)) return blkdevOperations;
  if (isFifo(mode)) return fifoOperations;
  return socketOperations;
}

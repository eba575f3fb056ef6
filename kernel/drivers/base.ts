/**
 * What drivers announce: character and block devices by number, classes of nodes for devtmpfs, and the resource trees
 * behind /proc/ioports and /proc/iomem. One row per fact; opening a node (fs/), devtmpfs and /proc/devices read it.
 * Linux: fs/char_dev.c, drivers/base/core.c, kernel/resource.c.
 */
import type { FileOperations } from "../fs/file.ts";
import { EBUSY } from "../uapi/errno.ts";
import { majorOf, minorOf } from "../uapi/stat.ts";
import type { Ptys } from "./tty/pty.ts";
import type { Serial8250 } from "./tty/serial_8250.ts";
import type { Framebuffer } from "./video/fbdev.ts";
import type { VirtioBus } from "./virtio/virtio_mmio.ts";

/** A range of character device numbers and who serves it. Linux: struct char_device_struct + struct cdev. */
export interface Chrdev {
  readonly major: number;
  readonly first_minor: number;
  readonly nr_minors: number;
  /** As in /proc/devices. */
  readonly name: string;
  readonly fops: FileOperations;
}

/** A range of block device numbers; for /proc/devices. */
export interface Blkdev {
  readonly major: number;
  readonly name: string;
}

/** One node of /dev. Linux: struct device with a devt, as devtmpfs sees it. */
export interface DeviceNode {
  /** Path below /dev: "ttyS0", "pts/ptmx". */
  readonly name: string;
  readonly type: "char" | "block";
  /** uapi/stat.ts makeDev(). */
  readonly dev: number;
  /** Permission bits. */
  readonly mode: number;
}

/** A claimed range of ports or addresses, `end` inclusive as in Linux. */
export interface Resource {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly children: Resource[];
}

export class DeviceRegistry {
  readonly chrdevs: Chrdev[] = [];
  readonly blkdevs: Blkdev[] = [];
  readonly nodes: DeviceNode[] = [];
  readonly ioports: Resource = { name: "PCI IO", start: 0, end: 0xffff, children: [] };
  readonly iomem: Resource = { name: "PCI mem", start: 0, end: 2 ** 46 - 1, children: [] };
  /** Drivers that others must reach: /proc/tty, devpts, the console's second display. Null until they start. */
  serial: Serial8250 | null = null;
  ptys: Ptys | null = null;
  framebuffer: Framebuffer | null = null;
  virtio: VirtioBus | null = null;
  /** Ctrl-Alt-Del restarts the machine at once; init turns that off and gets SIGINT instead. Linux: C_A_D. */
  restartsOnCtrlAltDel = true;
  /** Told of every node that comes and goes; devtmpfs sets it when it is mounted, after reading `nodes`. */
  onNodeAdded: ((node: DeviceNode) => void) | null = null;
  onNodeRemoved: ((node: DeviceNode) => void) | null = null;

  /** Claims numbers: 0, or -EBUSY if one of them is taken. Linux: __register_chrdev(). */
  registerChrdev(
    major: number,
    first_minor: number,
    nr_minors: number,
    name: string,
    fops: FileOperations,
  ): number {
    const end = first_minor + nr_minors;
    const isTaken = this.chrdevs.some(
      (other) =>
        other.major === major && first_minor < other.first_minor + other.nr_minors && other.first_minor < end,
    );
    if (isTaken) return -EBUSY;
    this.chrdevs.push({ major, first_minor, nr_minors, name, fops });
    return 0;
  }

  registerBlkdev(major: number, name: string): void {
    this.blkdevs.push({ major, name });
  }

  /** Who serves device number `dev`, or null: then opening it gives -ENXIO. */
  chrdev(dev: number): Chrdev | null {
    const major = majorOf(dev);
    const minor = minorOf(dev);
    for (const chrdev of this.chrdevs) {
      if (chrdev.major !== major) continue;
      if (minor >= chrdev.first_minor && minor < chrdev.first_minor + chrdev.nr_minors) return chrdev;
    }
    return null;
  }

  /** Makes a node appear in /dev. Linux: device_create(). */
  addNode(name: string, type: "char" | "block", dev: number, mode: number): void {
    const node: DeviceNode = { name, type, dev, mode };
    this.nodes.push(node);
    this.onNodeAdded?.(node);
  }

  removeNode(name: string): void {
    const index = this.nodes.findIndex((node) => node.name === name);
    if (index < 0) return;
    const [node] = this.nodes.splice(index, 1);
    this.onNodeRemoved?.(node);
  }

  /** Claims ports `start`..`end`: the resource, or -EBUSY. Linux: request_region(). */
  requestRegion(start: number, end: number, name: string): Resource | number {
    return insertResource(this.ioports, { name, start, end, children: [] });
  }

  /** Claims physical addresses `start`..`end`. Linux: request_mem_region(), and insert_resource() for RAM. */
  requestMemRegion(start: number, end: number, name: string): Resource | number {
    return insertResource(this.iomem, { name, start, end, children: [] });
  }

  /** The text of /proc/devices. Linux: fs/char_dev.c chrdev_show(). */
  showDevices(): string {
    let text = "Character devices:\n";
    const byMajor = [...this.chrdevs].sort((a, b) => a.major - b.major);
    let previous = "";
    for (const { major, name } of byMajor) {
      const line = `${String(major).padStart(3)} ${name}\n`;
      if (line !== previous) text += line;
      previous = line;
    }
    text += "\nBlock devices:\n";
    for (const { major, name } of [...this.blkdevs].sort((a, b) => a.major - b.major)) {
      text += `${String(major).padStart(3)} ${name}\n`;
    }
    return text;
  }

  /** The text of /proc/ioports. */
  showIoports(): string {
    return showResources(this.ioports.children, 4, 0);
  }

  /** The text of /proc/iomem. */
  showIomem(): string {
    return showResources(this.iomem.children, 8, 0);
  }
}

/** Puts a range in its place: inside a range that contains it, around ranges it contains; -EBUSY if it cuts one. */
function insertResource(parent: Resource, resource: Resource): Resource | number {
  const inside: Resource[] = [];
  for (const child of parent.children) {
    if (resource.end < child.start || resource.start > child.end) continue;
    const isSame = resource.start === child.start && resource.end === child.end;
    if (resource.start >= child.start && resource.end <= child.end && !isSame)
      return insertResource(child, resource);
    if (!isSame && resource.start <= child.start && resource.end >= child.end) inside.push(child);
    else return -EBUSY;
  }
  resource.children.push(...inside);
  const rest = parent.children.filter((child) => !inside.includes(child));
  rest.push(resource);
  rest.sort((a, b) => a.start - b.start);
  parent.children.splice(0, parent.children.length, ...rest);
  return resource;
}

function showResources(resources: readonly Resource[], digits: number, depth: number): string {
  let text = "";
  for (const { start, end, name, children } of resources) {
    const range = `${start.toString(16).padStart(digits, "0")}-${end.toString(16).padStart(digits, "0")}`;
    text += `${"  ".repeat(depth)}${range} : ${name}\n`;
    text += showResources(children, digits, depth + 1);
  }
  return text;
}

/**
 * Ports of a virtio console: /dev/vportNpM, byte streams to and from whoever runs the machine. Not terminals.
 *
 *     read:  what the host sent; 0 when the host has closed its end; waits otherwise
 *     write: waits for room; goes through when the host has room; waits while the host's end is closed (poll says POLLHUP)
 *
 * Only devices with several ports (VIRTIO_CONSOLE_F_MULTIPORT) are driven; the single port of others would be hvc0.
 * Linux: drivers/char/virtio_console.c. Source: VIRTIO 1.2, section 5.3.
 */
import type { File, FileOperations } from "../../fs/file.ts";
import type { Inode } from "../../fs/inode.ts";
import type { PollTable } from "../../fs/poll_table.ts";
import type { Kernel } from "../../kernel.ts";
import type { IovIter } from "../../mm/iov_iter.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../../mm/page_alloc.ts";
import { WaitQueue, type MaySleep, type Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EAGAIN, EBUSY, EFAULT, ENODEV, ENOMEM, ENXIO } from "../../uapi/errno.ts";
import { O_NONBLOCK } from "../../uapi/fcntl.ts";
import { POLLHUP, POLLIN, POLLOUT, POLLRDNORM } from "../../uapi/poll.ts";
import { makeDev, minorOf } from "../../uapi/stat.ts";
import type { VirtioDevice } from "./virtio_mmio.ts";
import type { Virtqueue } from "./virtio_ring.ts";

const F_MULTIPORT = 1 << 1;
const CONFIG_MAX_NR_PORTS = 4;

const CONTROL_RX = 2;
const CONTROL_TX = 3;
const QUEUE_SIZE = 64;
/** Pages offered to the host for each direction: what may be under way. */
const RX_PAGES = 16;
const TX_PAGES = 32;
const CONTROL_BUFFERS = 16;
const CONTROL_BUFFER_BYTES = PAGE_SIZE / CONTROL_BUFFERS;
const CONTROL_HEADER_BYTES = 8;

/** Control events. */
const DEVICE_READY = 0;
const PORT_ADD = 1;
const PORT_REMOVE = 2;
const PORT_READY = 3;
const PORT_OPEN = 6;
const PORT_NAME = 7;

/** A page of data that came in, and how much of it was read. */
interface Received {
  readonly pa: number;
  readonly length: number;
  offset: number;
}

/** Linux: struct port. */
export class Port {
  /** As the host calls it. */
  name = "";
  host_connected = false;
  guest_connected = false;
  readonly waitqueue = new WaitQueue();
  readonly received: Received[] = [];
  /** Pages not under way. */
  readonly #free_pages: number[] = [];
  readonly stats = { bytes_sent: 0, bytes_received: 0 };

  constructor(
    readonly portdev: PortDevice,
    readonly id: number,
    readonly in_vq: Virtqueue<number>,
    readonly out_vq: Virtqueue<readonly number[]>,
  ) {
    this.in_vq.disableInterrupts();
    this.out_vq.disableInterrupts();
  }

  /** Linux: fill_queue(), and the pages for the other direction. */
  init(): number {
    const { pages } = this.portdev.kernel;
    for (let n = 0; n < RX_PAGES + TX_PAGES; n++) {
      const pfn = pages.allocPage();
      if (pfn < 0) return -ENOMEM;
      if (n < RX_PAGES) this.#offer(pfn << PAGE_SHIFT);
      else this.#free_pages.push(pfn << PAGE_SHIFT);
    }
    this.in_vq.enableInterrupts();
    this.out_vq.enableInterrupts();
    this.in_vq.kick();
    return 0;
  }

  /** The device used buffers: wakes whom it concerns. */
  handleUsed(): void {
    this.#takeReceived();
    this.#takeSent();
    this.waitqueue.wakeUpAll();
  }

  get hasData(): boolean {
    this.#takeReceived();
    return this.received.length > 0;
  }

  /** Linux: !will_write_block(). */
  get canWrite(): boolean {
    if (!this.host_connected) return false;
    this.#takeSent();
    return this.#free_pages.length > 0;
  }

  /** Moves what came in to `to`; bytes, or -EFAULT. Linux: fill_readbuf(). */
  drain(to: IovIter): number {
    const { ram } = this.portdev.kernel.machine;
    let done = 0;
    let offered = false;
    while (to.count > 0 && this.hasData) {
      const first = this.received[0];
      const wanted = Math.min(to.count, first.length - first.offset);
      const copied = to.copyPageTo(ram, first.pa + first.offset, wanted);
      done += copied;
      first.offset += copied;
      if (copied < wanted) return done || -EFAULT;
      if (first.offset === first.length) {
        this.received.shift();
        this.#offer(first.pa);
        offered = true;
      }
    }
    if (offered) this.in_vq.kick();
    return done;
  }

  /** Sends what fits; bytes, or -EFAULT. Linux: __send_to_port(). */
  fill(from: IovIter): number {
    const { ram } = this.portdev.kernel.machine;
    this.#takeSent();
    const pages: number[] = [];
    const buffers: { pa: number; length: number }[] = [];
    let done = 0;
    while (from.count > 0 && this.#free_pages.length > 0 && buffers.length < this.out_vq.nr_free) {
      const pa = this.#free_pages.pop()!;
      pages.push(pa);
      const wanted = Math.min(from.count, PAGE_SIZE);
      const length = from.copyPageFrom(ram, pa, wanted);
      if (length > 0) buffers.push({ pa, length });
      done += length;
      if (length < wanted) break;
    }
    if (done === 0) {
      this.#free_pages.push(...pages);
      return from.count > 0 && pages.length > 0 ? -EFAULT : 0;
    }
    this.out_vq.add(buffers, [], pages);
    this.out_vq.kick();
    this.stats.bytes_sent += done;
    this.#takeSent();
    return done;
  }

  /** Drops unread data: the port was closed. Linux: discard_port_data(). */
  discard(): void {
    this.#takeReceived();
    for (const { pa } of this.received.splice(0)) this.#offer(pa);
    this.in_vq.kick();
  }

  #offer(pa: number): void {
    this.in_vq.add([], [{ pa, length: PAGE_SIZE }], pa);
  }

  #takeReceived(): void {
    for (let used = this.in_vq.getUsed(); used !== null; used = this.in_vq.getUsed()) {
      const { token: pa, length } = used;
      this.stats.bytes_received += length;
      if (length > 0 && this.guest_connected)
        this.received.push({ pa, length: Math.min(length, PAGE_SIZE), offset: 0 });
      else this.#offer(pa);
    }
  }

  #takeSent(): void {
    for (let used = this.out_vq.getUsed(); used !== null; used = this.out_vq.getUsed()) {
      this.#free_pages.push(...used.token);
    }
  }
}

/** One console device. Linux: struct ports_device. */
export class PortDevice {
  readonly ports = new Map<number, Port>();
  readonly kernel: Kernel;
  /** Buffers of the control queues lie in these two pages. */
  #control_in = 0;
  #control_out = 0;
  readonly #free_control: number[] = [];
  /** Messages that wait for a buffer. */
  readonly #pending: (readonly [number, number, number])[] = [];

  constructor(
    readonly device: VirtioDevice,
    /** The N of vportNpM. */
    readonly drv_index: number,
    readonly major: number,
    readonly control_in: Virtqueue<number>,
    readonly control_out: Virtqueue<number>,
    readonly queues: Map<number, [Virtqueue<number>, Virtqueue<readonly number[]>]>,
  ) {
    this.kernel = device.kernel;
  }

  start(): number {
    const { pages } = this.kernel;
    const pfns = [pages.allocPage(), pages.allocPage()];
    if (pfns.some((pfn) => pfn < 0)) return -ENOMEM;
    this.#control_in = pfns[0] << PAGE_SHIFT;
    this.#control_out = pfns[1] << PAGE_SHIFT;
    for (let n = 0; n < CONTROL_BUFFERS; n++) {
      this.#offerControl(this.#control_in + n * CONTROL_BUFFER_BYTES);
      this.#free_control.push(this.#control_out + n * CONTROL_BUFFER_BYTES);
    }
    this.device.onUsed = () => this.handleUsed();
    this.device.ready();
    this.control_in.kick();
    this.sendControl(0, DEVICE_READY, 1);
    // The host usually has answered by now: ports are there when the first program runs.
    this.handleUsed();
    return 0;
  }

  /** Linux: control_work_handler(), in_intr(), out_intr(). */
  handleUsed(): void {
    const { ram } = this.kernel.machine;
    let handled = false;
    for (let used = this.control_in.getUsed(); used !== null; used = this.control_in.getUsed()) {
      const { token: pa, length } = used;
      const bytes = ram.bytes.slice(pa, pa + length);
      this.#offerControl(pa);
      handled = true;
      if (length >= CONTROL_HEADER_BYTES) this.#handleControl(bytes);
    }
    if (handled) this.control_in.kick();
    this.#reclaimControl();
    for (const port of this.ports.values()) port.handleUsed();
    if (this.control_in.hasUsed) this.handleUsed();
  }

  sendControl(id: number, event: number, value: number): void {
    this.#pending.push([id, event, value]);
    this.#reclaimControl();
  }

  #reclaimControl(): void {
    const { ram } = this.kernel.machine;
    for (let used = this.control_out.getUsed(); used !== null; used = this.control_out.getUsed()) {
      this.#free_control.push(used.token);
    }
    while (this.#pending.length > 0 && this.#free_control.length > 0) {
      const [id, event, value] = this.#pending.shift()!;
      const pa = this.#free_control.pop()!;
      ram.write32(pa, id);
      ram.write16(pa + 4, event);
      ram.write16(pa + 6, value);
      this.control_out.add([{ pa, length: CONTROL_HEADER_BYTES }], [], pa);
      this.control_out.kick();
    }
  }

  #offerControl(pa: number): void {
    this.control_in.add([], [{ pa, length: CONTROL_BUFFER_BYTES }], pa);
  }

  /** Linux: handle_control_message(). */
  #handleControl(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer);
    const id = view.getUint32(0, true);
    const event = view.getUint16(4, true);
    const value = view.getUint16(6, true);
    const port = this.ports.get(id);
    if (event === PORT_ADD) {
      if (!port) this.#addPort(id);
    } else if (!port) {
      this.kernel.printk.err(`virtio_console: Invalid index ${id} in control packet`);
    } else if (event === PORT_OPEN) {
      port.host_connected = value !== 0;
      port.waitqueue.wakeUpAll();
    } else if (event === PORT_NAME) {
      port.name = String.fromCharCode(...bytes.subarray(CONTROL_HEADER_BYTES)).replace(/\0.*$/s, "");
    } else if (event === PORT_REMOVE) {
      this.ports.delete(id);
      this.kernel.devices.removeNode(nodeName(this.drv_index, id));
      port.host_connected = false;
      port.waitqueue.wakeUpAll();
    }
  }

  /** Linux: add_port(). */
  #addPort(id: number): void {
    const queues = this.queues.get(id);
    if (!queues) {
      this.kernel.printk.err(`virtio_console: Request for adding port with out-of-bound id ${id}`);
      return this.sendControl(id, PORT_READY, 0);
    }
    const port = new Port(this, id, ...queues);
    this.ports.set(id, port);
    if (port.init() < 0) return this.sendControl(id, PORT_READY, 0);
    this.kernel.devices.addNode(nodeName(this.drv_index, id), "char", makeDev(this.major, id), 0o600);
    this.sendControl(id, PORT_READY, 1);
  }
}

function nodeName(drv_index: number, id: number): string {
  return `vport${drv_index}p${id}`;
}

/** First major for the ports: Linux takes a free one, from the top of the dynamic range downwards. */
const FIRST_DYNAMIC_MAJOR = 254;

/** Linux: virtcons_probe(). */
export function probeConsole(device: VirtioDevice): number {
  const { kernel } = device;
  const features = device.negotiate(F_MULTIPORT);
  if (features < 0 || !(features & F_MULTIPORT)) return -ENODEV;
  const bus = kernel.devices.virtio!;
  const nr_ports = Math.max(1, device.readConfig32(CONFIG_MAX_NR_PORTS));
  const queues = new Map<number, [Virtqueue<number>, Virtqueue<readonly number[]>]>();
  for (let id = 0; id < nr_ports; id++) {
    const index = id === 0 ? 0 : id * 2 + 2;
    const in_vq = device.findQueue<number>(index, QUEUE_SIZE);
    const out_vq = device.findQueue<readonly number[]>(index + 1, QUEUE_SIZE);
    if (typeof in_vq === "number" || typeof out_vq === "number") return -ENODEV;
    queues.set(id, [in_vq, out_vq]);
  }
  const control_in = device.findQueue<number>(CONTROL_RX, QUEUE_SIZE);
  const control_out = device.findQueue<number>(CONTROL_TX, QUEUE_SIZE);
  if (typeof control_in === "number" || typeof control_out === "number") return -ENODEV;
  const drv_index = bus.consoles.length;
  let major = FIRST_DYNAMIC_MAJOR;
  while (kernel.devices.registerChrdev(major, 0, nr_ports, "virtio-portsdev", portOperations) < 0) {
    if (--major < 234) return -EBUSY;
  }
  const portdev = new PortDevice(device, drv_index, major, control_in, control_out, queues);
  bus.consoles.push(portdev);
  return portdev.start();
}

const portOf = (file: File): Port => file.private_data as Port;

const portOperations: FileOperations = {
  open(task: Task, inode: Inode, file: File): number {
    const port = findPort(task.kernel, inode.rdev);
    if (!port) return -ENXIO;
    // One opener at a time, or two would get half of the stream each.
    if (port.guest_connected) return -EBUSY;
    port.guest_connected = true;
    file.private_data = port;
    port.portdev.sendControl(port.id, PORT_OPEN, 1);
    return 0;
  },
  release(file: File): void {
    const port = portOf(file);
    port.portdev.sendControl(port.id, PORT_OPEN, 0);
    port.guest_connected = false;
    port.discard();
  },
  read(task, file, to): MaySleep<number> {
    const port = portOf(file);
    if (to.count === 0) return 0;
    if (port.hasData) return port.drain(to);
    if (!port.host_connected) return 0;
    return file.f_flags & O_NONBLOCK ? -EAGAIN : waitAndRead(task, port, to);
  },
  write(task, file, from): MaySleep<number> {
    const port = portOf(file);
    if (from.count === 0) return 0;
    const done = port.canWrite ? port.fill(from) : 0;
    if (done < 0 || from.count === 0) return done;
    if (file.f_flags & O_NONBLOCK) return done || -EAGAIN;
    return waitAndWrite(task, port, from, done);
  },
  poll(file: File, table: PollTable | null): number {
    const port = portOf(file);
    table?.wait(port.waitqueue);
    let events = 0;
    if (port.hasData) events |= POLLIN | POLLRDNORM;
    if (port.canWrite) events |= POLLOUT;
    if (!port.host_connected) events |= POLLHUP;
    return events;
  },
};

function* waitAndRead(task: Task, port: Port, to: IovIter): Sleep<number> {
  const error = yield* port.waitqueue.wait(task, () => port.hasData || !port.host_connected);
  if (error) return error;
  return port.hasData ? port.drain(to) : 0;
}

/** The whole of `from`, for a blocking write. */
function* waitAndWrite(task: Task, port: Port, from: IovIter, done: number): Sleep<number> {
  while (from.count > 0) {
    const error = yield* port.waitqueue.wait(task, () => port.canWrite);
    if (error) return done || error;
    const more = port.fill(from);
    if (more < 0) return done || more;
    done += more;
  }
  return done;
}

function findPort(kernel: Kernel, rdev: number): Port | null {
  for (const portdev of kernel.devices.virtio?.consoles ?? []) {
    const driver = kernel.devices.chrdev(rdev);
    if (driver?.major === portdev.major) return portdev.ports.get(minorOf(rdev)) ?? null;
  }
  return null;
}

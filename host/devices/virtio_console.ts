/**
 * A virtio console with several ports: each port is a byte stream in both directions, with an end of file in each and
 * back-pressure in each. The guest has them as /dev/vportNpM; none of them is a terminal.
 *
 *     queue 0, 1          port 0: to the guest, from the guest
 *     queue 2, 3          control messages: to the guest, from the guest
 *     queue 2n+2, 2n+3    port n > 0
 *
 * Bytes the guest sends stay in its own buffers until the host takes them, so a host that does not take them stops the guest
 * and costs no memory. Source: VIRTIO 1.2, section 5.3.
 */
import type { VirtioDevice, VirtioTransport } from "./virtio_mmio.ts";

const F_SIZE = 1 << 0;
const F_MULTIPORT = 1 << 1;

const CONTROL_RX = 2;
const CONTROL_TX = 3;

/** Control events. */
const DEVICE_READY = 0;
const PORT_ADD = 1;
const PORT_READY = 3;
const RESIZE = 5;
const PORT_OPEN = 6;
const PORT_NAME = 7;

const QUEUE_SIZE = 64;
/** Bytes waiting for the guest above which send() asks the sender to stop. */
const BACKLOG_LIMIT_BYTES = 256 * 1024;

/** What the host does with a port. */
export interface PortHandler {
  /** As the guest sees it in the port's name. */
  readonly name: string;
  /** Bytes from the guest. False: no more until `port.resume()`. */
  receive?(bytes: Uint8Array): boolean;
  /** The guest opened or closed its end. */
  guestOpened?(isOpen: boolean): void;
  /** The guest has read everything and waits for more: a good moment to send. */
  wanted?(): void;
}

/** The host's end of one port. */
export class ConsolePort {
  /** Both ends start closed; the host opens its end when it is ready. */
  isOpen = true;
  guest_open = false;
  /** The driver knows the port. */
  guest_ready = false;
  /** Bytes that wait for buffers of the guest. */
  #backlog: Uint8Array[] = [];
  #backlog_bytes = 0;
  /** close() was asked for while bytes were waiting. */
  #closing = false;
  #paused = false;
  #in_wanted = false;
  readonly counters = { sent_bytes: 0, received_bytes: 0 };

  constructor(
    readonly id: number,
    readonly handler: PortHandler,
    readonly console: VirtioConsole,
  ) {}

  /** Sends bytes to the guest. False: enough for now, wait for `wanted`. The bytes belong to the port from now on. */
  send(bytes: Uint8Array): boolean {
    if (this.isOpen && !this.#closing && bytes.length > 0) {
      this.#backlog.push(bytes);
      this.#backlog_bytes += bytes.length;
      this.console.guard(() => this.deliver());
    }
    return this.#backlog_bytes < BACKLOG_LIMIT_BYTES;
  }

  /** The host's end closes once the guest has been given all bytes: it then reads an end of file, and its writes wait. */
  close(): void {
    this.#closing = true;
    this.console.guard(() => this.deliver());
    if (!this.guest_ready && this.#backlog.length === 0) this.isOpen = false;
  }

  /** As close(), but bytes the guest has not got yet are dropped. */
  abort(): void {
    this.#backlog = [];
    this.#backlog_bytes = 0;
    this.close();
  }

  /** The host takes bytes again. */
  resume(): void {
    this.#paused = false;
    this.console.guard(() => this.collect());
  }

  /** Whether bytes from the guest wait in its buffers. */
  get hasPending(): boolean {
    return this.console.queue(this.tx)?.hasNext ?? false;
  }

  get rx(): number {
    return this.id === 0 ? 0 : this.id * 2 + 2;
  }

  get tx(): number {
    return this.rx + 1;
  }

  /** Moves waiting bytes into the guest's buffers; asks for more when there are none. */
  deliver(): void {
    const queue = this.console.queue(this.rx);
    if (!queue) return;
    let used = false;
    for (;;) {
      if (this.#backlog.length === 0) {
        if (this.#closing || this.#in_wanted || !queue.hasNext || !this.guest_open || !this.isOpen) break;
        this.#in_wanted = true;
        this.handler.wanted?.();
        this.#in_wanted = false;
        if (this.#backlog.length === 0) break;
      }
      const chain = queue.pop();
      if (chain === null) break;
      let at = 0;
      const piece = this.#take(chain.writable_bytes);
      at += chain.write(piece);
      this.counters.sent_bytes += at;
      queue.push(chain, at);
      used = true;
    }
    if (used) this.console.interrupt(queue);
    if (this.#closing && this.#backlog.length === 0 && this.isOpen) {
      this.isOpen = false;
      this.console.control(this.id, PORT_OPEN, 0);
    }
  }

  /** Takes what the guest sent, as long as the handler wants it. */
  collect(): void {
    const queue = this.console.queue(this.tx);
    if (!queue) return;
    let used = false;
    while (!this.#paused) {
      const chain = queue.pop();
      if (chain === null) break;
      const bytes = chain.read();
      queue.push(chain, 0);
      used = true;
      this.counters.received_bytes += bytes.length;
      if (this.isOpen && this.handler.receive && !this.handler.receive(bytes)) this.#paused = true;
    }
    if (used) this.console.interrupt(queue);
  }

  reset(): void {
    this.guest_open = false;
    this.guest_ready = false;
  }

  /** Up to `max` bytes from the front of the backlog. */
  #take(max: number): Uint8Array {
    const first = this.#backlog[0];
    if (first.length <= max) this.#backlog.shift();
    else this.#backlog[0] = first.subarray(max);
    const piece = first.length <= max ? first : first.subarray(0, max);
    this.#backlog_bytes -= piece.length;
    return piece;
  }
}

export class VirtioConsole implements VirtioDevice {
  readonly device_id = 3;
  readonly features = F_SIZE | F_MULTIPORT;
  readonly queue_size = QUEUE_SIZE;
  readonly config = new Uint8Array(12);
  readonly ports: readonly ConsolePort[];
  #transport: VirtioTransport | null = null;
  #multiport = false;
  /** Control messages that wait for buffers. */
  #control: Uint8Array[] = [];

  /** Port n of the guest is handlers[n - 1]; number 0 stays free, for it would be the console's. */
  constructor(
    handlers: readonly PortHandler[],
    size: { columns: number; rows: number } = { columns: 80, rows: 25 },
  ) {
    this.ports = handlers.map((handler, n) => new ConsolePort(n + 1, handler, this));
    const view = new DataView(this.config.buffer);
    view.setUint16(0, size.columns, true);
    view.setUint16(2, size.rows, true);
    view.setUint32(4, handlers.length + 1, true); // max_nr_ports
  }

  get nr_queues(): number {
    return (this.ports.length + 1) * 2 + 2;
  }

  connect(transport: VirtioTransport): void {
    this.#transport = transport;
  }

  start(features: number): void {
    this.#multiport = (features & F_MULTIPORT) !== 0;
  }

  reset(): void {
    this.#multiport = false;
    this.#control = [];
    for (const port of this.ports) port.reset();
  }

  notify(index: number): void {
    if (index === CONTROL_TX) this.#readControl();
    else if (index === CONTROL_RX) this.#flushControl();
    else {
      const port = this.ports.find(({ rx, tx }) => rx === index || tx === index);
      if (port?.rx === index) port.deliver();
      else port?.collect();
    }
  }

  /** Tells the guest the size of its terminal. */
  resize(columns: number, rows: number): void {
    const view = new DataView(this.config.buffer);
    view.setUint16(0, columns, true);
    view.setUint16(2, rows, true);
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint16(0, rows, true);
    new DataView(payload.buffer).setUint16(2, columns, true);
    this.guard(() => this.control(0, RESIZE, 0, payload));
  }

  queue(index: number) {
    return this.#transport?.queues[index];
  }

  interrupt(queue: Parameters<VirtioTransport["interrupt"]>[0]): void {
    this.#transport?.interrupt(queue);
  }

  guard(work: () => void): void {
    this.#transport?.guard(work);
  }

  /** Sends a control message. */
  control(id: number, event: number, value: number, payload = new Uint8Array(0)): void {
    if (!this.#multiport) return;
    const message = new Uint8Array(8 + payload.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, id, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    message.set(payload, 8);
    this.#control.push(message);
    this.#flushControl();
  }

  #flushControl(): void {
    const queue = this.queue(CONTROL_RX);
    if (!queue) return;
    let used = false;
    while (this.#control.length > 0) {
      const chain = queue.pop();
      if (chain === null) break;
      queue.push(chain, chain.write(this.#control.shift() as Uint8Array));
      used = true;
    }
    if (used) this.interrupt(queue);
  }

  #readControl(): void {
    const queue = this.queue(CONTROL_TX);
    if (!queue) return;
    let used = false;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const bytes = chain.read();
      queue.push(chain, 0);
      used = true;
      if (bytes.length < 8) continue;
      const view = new DataView(bytes.buffer);
      this.#handleControl(view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true));
    }
    if (used) this.interrupt(queue);
  }

  #handleControl(id: number, event: number, value: number): void {
    if (event === DEVICE_READY) {
      if (value === 1) for (const port of this.ports) this.control(port.id, PORT_ADD, 0);
      return;
    }
    const port = this.ports.find((candidate) => candidate.id === id);
    if (!port) return;
    if (event === PORT_READY && value === 1) {
      port.guest_ready = true;
      this.control(id, PORT_NAME, 1, new TextEncoder().encode(`${port.handler.name}\0`));
      if (port.isOpen) this.control(id, PORT_OPEN, 1);
    } else if (event === PORT_OPEN) {
      port.guest_open = value === 1;
      port.handler.guestOpened?.(port.guest_open);
      port.deliver();
    }
  }
}

/**
 * The virtio 9P transport device: carries messages between a driver's queue and a 9P server (p9_server.ts). The mount tag in
 * the configuration space is the name under which the guest mounts it. Source: VIRTIO 1.2 reserves device 9; QEMU and Linux
 * (net/9p/trans_virtio.c) fix the rest: feature bit 0 = mount tag, configuration = tag_len[2] tag[tag_len], one queue.
 */
import { P9_HEADER_BYTES } from "../../kernel/fs/9p/protocol.ts";
import type { P9Server } from "./p9_server.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_mmio.ts";

const F_MOUNT_TAG = 1 << 0;
const QUEUE_SIZE = 128;

export class Virtio9p implements VirtioDevice {
  readonly device_id = 9;
  readonly features = F_MOUNT_TAG;
  readonly nr_queues = 1;
  readonly queue_size = QUEUE_SIZE;
  readonly config: Uint8Array;
  #transport: VirtioTransport | null = null;

  /** `tag` is ASCII. */
  constructor(
    readonly tag: string,
    readonly server: P9Server,
  ) {
    this.config = new Uint8Array(2 + tag.length);
    new DataView(this.config.buffer).setUint16(0, tag.length, true);
    this.config.set(new TextEncoder().encode(tag), 2);
  }

  connect(transport: VirtioTransport): void {
    this.#transport = transport;
  }

  start(): void {}

  reset(): void {
    this.server.reset();
  }

  notify(): void {
    const queue = this.#transport?.queues[0];
    if (!queue) return;
    let used = false;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const request = chain.read();
      // A buffer that cannot hold the reply's header gets none: the driver sees 0 bytes.
      const reply = chain.writable_bytes >= P9_HEADER_BYTES ? this.server.handle(request) : null;
      const fits = reply !== null && reply.length <= chain.writable_bytes;
      queue.push(chain, fits ? chain.write(reply) : 0);
      used = true;
    }
    if (used) this.#transport?.interrupt(queue);
  }
}

/**
 * The virtio transport of 9P: carries requests of a 9P client (fs/9p/client.ts) to the host and replies back.
 *
 * A request has its own two stretches of RAM, one for the message and one for the reply. The host usually answers within the
 * doorbell's write, so the used ring is looked at right behind it; only a reply that is not there yet costs an interrupt and a
 * sleep. Linux: net/9p/trans_virtio.c.
 */
import type { Kernel } from "../../kernel.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../../mm/page_alloc.ts";
import { WaitQueue, type Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EINVAL, ENOMEM } from "../../uapi/errno.ts";
import type { VirtioDevice } from "./virtio_mmio.ts";
import type { Virtqueue } from "./virtio_ring.ts";

const F_MOUNT_TAG = 1 << 0;
const QUEUE_SIZE = 128;
/** Requests under way at once. */
const MAX_REQUESTS = 16;
/** The longest message: two allocations of 128 KiB for each request in use. */
export const P9_VIRTIO_MAX_MSIZE = 128 * 1024;

/** A request under way, or waiting to be used again. Linux: struct p9_req_t. */
export class P9Request {
  is_done = false;
  /** Bytes of the reply. */
  reply_length = 0;
  /** The answer is of no interest: the channel takes the request back itself. */
  is_detached = false;

  constructor(
    /** Tag of its messages. */
    readonly tag: number,
    readonly message_pa: number,
    readonly reply_pa: number,
    readonly msize: number,
  ) {}
}

/** Linux: struct virtio_chan. */
export class P9VirtioChannel {
  /** One mount at a time. */
  isInUse = false;
  readonly kernel: Kernel;
  readonly #done = new WaitQueue();
  readonly #slot_free = new WaitQueue();
  readonly #requests: P9Request[] = [];
  readonly #free: P9Request[] = [];

  constructor(
    readonly device: VirtioDevice,
    /** The mount tag. */
    readonly tag: string,
    readonly vq: Virtqueue<P9Request>,
  ) {
    this.kernel = device.kernel;
    vq.disableInterrupts();
  }

  /** A request to fill in; waits while all are in use. -ENOMEM. */
  *acquire(task: Task): Sleep<P9Request | number> {
    for (;;) {
      const request = this.tryAcquire();
      if (request !== null) return request;
      yield* this.#slot_free.waitUninterruptible(task, () => this.#free.length > 0);
    }
  }

  /** As acquire(), null where that waits. */
  tryAcquire(): P9Request | number | null {
    const free = this.#free.pop();
    if (free) return free;
    if (this.#requests.length === MAX_REQUESTS) return null;
    const { pages } = this.kernel;
    const order = Math.log2(P9_VIRTIO_MAX_MSIZE / PAGE_SIZE);
    const message = pages.allocPages(order);
    const reply = message < 0 ? message : pages.allocPages(order);
    if (reply < 0) {
      if (message > 0) pages.freePages(message, order);
      // Someone else's request will do if there is one.
      return this.#requests.length > 0 ? null : -ENOMEM;
    }
    const tag = this.#requests.length;
    const request = new P9Request(tag, message << PAGE_SHIFT, reply << PAGE_SHIFT, P9_VIRTIO_MAX_MSIZE);
    this.#requests.push(request);
    return request;
  }

  release(request: P9Request): void {
    this.#free.push(request);
    this.#slot_free.wakeUp();
  }

  /** Sends the first `length` bytes of the request's message; whether the reply is there already. */
  send(request: P9Request, length: number): boolean {
    request.is_done = false;
    this.vq.add(
      [{ pa: request.message_pa, length }],
      [{ pa: request.reply_pa, length: request.msize }],
      request,
    );
    this.vq.kick();
    this.#poll();
    return request.is_done;
  }

  /** Sleeps until the reply has come. Nothing ends it early: the host works with the request's memory. */
  *wait(task: Task, request: P9Request): Sleep<void> {
    yield* this.#done.waitUninterruptible(task, () => {
      if (!this.vq.enableInterrupts()) this.#poll();
      return request.is_done;
    });
    this.vq.disableInterrupts();
  }

  handleUsed(): void {
    this.#poll();
    this.#done.wakeUpAll();
  }

  #poll(): void {
    for (let used = this.vq.getUsed(); used !== null; used = this.vq.getUsed()) {
      const { token: request, length } = used;
      request.reply_length = length;
      request.is_done = true;
      if (!request.is_detached) continue;
      request.is_detached = false;
      this.release(request);
    }
  }
}

/** Linux: p9_virtio_probe(). */
export function probe9p(device: VirtioDevice): number {
  const features = device.negotiate(F_MOUNT_TAG);
  if (features < 0 || !(features & F_MOUNT_TAG)) return -EINVAL;
  const vq = device.findQueue<P9Request>(0, QUEUE_SIZE);
  if (typeof vq === "number") return vq;
  let tag = "";
  const length = device.readConfig16(0);
  for (let n = 0; n < length; n++) tag += String.fromCharCode(device.readConfig8(2 + n));
  const channel = new P9VirtioChannel(device, tag, vq);
  device.kernel.devices.virtio!.channels.push(channel);
  device.onUsed = () => channel.handleUsed();
  device.ready();
  return 0;
}

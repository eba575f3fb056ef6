/**
 * What a file's poll operation registers with, so that poll, select and epoll learn of changes. Linux:
 * include/linux/poll.h.
 *
 * A poll operation names every wait queue whose wake-up can change its answer, then returns the events that
 * hold now:
 *
 *     poll(file, table) {
 *       table?.wait(pipe.readers);
 *       return pipe.isEmpty() ? 0 : POLLIN | POLLRDNORM;
 *     }
 *
 * `table` is null when the caller wants the answer only.
 */
import type { WaitQueue } from "../sched/wait.ts";

export interface PollTable {
  /** Registers the caller on `queue`. Linux: poll_wait(). */
  wait(queue: WaitQueue): void;
}

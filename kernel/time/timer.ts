/**
 * Timers ordered by deadline, in a binary heap: add and remove cost O(log n), the next one is at the root. Callbacks
 * run from the timer interrupt (tick.ts), with interrupts off, and may start or cancel timers but never sleep.
 * Linux: kernel/time/hrtimer.c (one heap replaces its per-clock trees).
 */

export class Timer {
  /** Monotonic time, nanoseconds. */
  readonly deadline_ns: number;
  readonly callback: (now_ns: number) => void;
  /** Order of starting, so that equal deadlines fire first come first served. */
  readonly seq: number;
  /** Place in the heap; -1 when not queued. */
  index = -1;

  constructor(deadline_ns: number, callback: (now_ns: number) => void, seq: number) {
    this.deadline_ns = deadline_ns;
    this.callback = callback;
    this.seq = seq;
  }

  get isQueued(): boolean {
    return this.index >= 0;
  }
}

export class TimerQueue {
  readonly #heap: Timer[] = [];
  #seq = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Deadline of the first timer; Infinity if there is none. */
  get next_ns(): number {
    return this.#heap.length > 0 ? this.#heap[0].deadline_ns : Infinity;
  }

  add(deadline_ns: number, callback: (now_ns: number) => void): Timer {
    const timer = new Timer(deadline_ns, callback, this.#seq++);
    timer.index = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer.index);
    return timer;
  }

  /** Whether the timer was still queued. */
  remove(timer: Timer): boolean {
    const index = timer.index;
    if (index < 0) return false;
    timer.index = -1;
    const last = this.#heap.pop()!;
    if (last !== timer) {
      this.#place(last, index);
      this.#up(index);
      this.#down(last.index);
    }
    return true;
  }

  /** Fires every timer whose deadline is not after `now_ns`, in order. */
  runExpired(now_ns: number): void {
    while (this.#heap.length > 0 && this.#heap[0].deadline_ns <= now_ns) {
      const timer = this.#heap[0];
      this.remove(timer);
      timer.callback(now_ns);
    }
  }

  #up(index: number): void {
    const timer = this.#heap[index];
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(timer, this.#heap[parent])) break;
      this.#place(this.#heap[parent], index);
      index = parent;
    }
    this.#place(timer, index);
  }

  #down(index: number): void {
    const timer = this.#heap[index];
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && isBefore(this.#heap[child + 1], this.#heap[child])) child++;
      if (!isBefore(this.#heap[child], timer)) break;
      this.#place(this.#heap[child], index);
      index = child;
    }
    this.#place(timer, index);
  }

  #place(timer: Timer, index: number): void {
    this.#heap[index] = timer;
    timer.index = index;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.deadline_ns < b.deadline_ns || (a.deadline_ns === b.deadline_ns && a.seq < b.seq);
}

/**
 * Coming back after the host's event loop had its turn. setTimeout alone would cost a millisecond or more each time; Node's
 * setImmediate and a message channel in browsers cost microseconds and still let input, timers and messages through.
 */

/** Calls a function soon, or at some time; one at a time, the later request replaces the earlier. */
export class Wakeup {
  readonly #callback: () => void;
  #timeout: ReturnType<typeof setTimeout> | null = null;
  #immediate: NodeJS.Immediate | null = null;
  #channel: MessageChannel | null = null;
  /** A message is on its way and wanted. */
  #posted = false;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  soon(): void {
    this.cancel();
    if (typeof setImmediate === "function") {
      this.#immediate = setImmediate(() => {
        this.#immediate = null;
        this.#callback();
      });
      return;
    }
    if (!this.#channel) {
      this.#channel = new MessageChannel();
      this.#channel.port1.onmessage = () => {
        if (!this.#posted) return;
        this.#posted = false;
        this.#callback();
      };
    }
    this.#posted = true;
    this.#channel.port2.postMessage(0);
  }

  after(delay_ms: number): void {
    this.cancel();
    this.#timeout = setTimeout(() => {
      this.#timeout = null;
      this.#callback();
    }, delay_ms);
  }

  cancel(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timeout = null;
    this.#immediate = null;
    this.#posted = false;
  }
}

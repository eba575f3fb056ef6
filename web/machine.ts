/**
 * The page's end of the machine: starts the worker, wraps it with comlink, keeps the power state and turns everything
 * that can go wrong on the way (no WebAssembly, the worker missing, the worker dead, a start refused) into a Trouble
 * that says what to do. Panels and displays read `state` and call `api`. The other end is host/worker.ts.
 */
import * as Comlink from "comlink";
import type { MachineApi, MachineConfig, PowerState } from "../host/api.ts";

/** A failure in words for the visitor. */
export interface Trouble {
  title: string;
  detail: string;
  advice: string;
}

export interface MachineListener {
  serial?(bytes: Uint8Array): void;
  state?(state: PowerState, detail: string): void;
  trouble?(trouble: Trouble): void;
}

/** The worker has this long to fetch its files and answer its first message: a few megabytes on a slow line. */
const ANSWER_TIMEOUT_MS = 120_000;

class WorkerLost extends Error {}

export class Machine {
  state: PowerState = "off";
  detail = "";
  /** True while the power button's work is under way. */
  starting = false;

  private readonly listeners: MachineListener[] = [];
  private worker: Worker | null = null;
  private remote: MachineApi | null = null;
  private lost: Promise<never> | null = null;
  private configured: Partial<MachineConfig> = {};

  listen(listener: MachineListener): void {
    this.listeners.push(listener);
  }

  /** Whether the machine has been on since the page opened: only then are its meters and screen worth reading. */
  get present(): boolean {
    return this.remote !== null;
  }

  get on(): boolean {
    return this.state === "running" || this.state === "asleep";
  }

  async powerOn(config: Partial<MachineConfig>): Promise<void> {
    if (this.starting) return;
    this.starting = true;
    this.configured = config;
    this.setState(this.state, "starting");
    try {
      const unsupported = missingFeature();
      if (unsupported) return this.tell(unsupported);
      if (!(await this.connect())) return;
      await this.call((api) => api.powerOn(config));
    } catch (error) {
      this.tell(startTrouble(error));
    } finally {
      this.starting = false;
      this.setState(this.state, this.detail === "starting" ? "" : this.detail);
    }
  }

  /** Power off and on again with the configuration last used. */
  async restart(config: Partial<MachineConfig> = this.configured): Promise<void> {
    if (this.state !== "off") await this.powerOff();
    await this.powerOn(config);
  }

  async powerOff(): Promise<void> {
    await this.try("The machine did not switch off", (api) => api.powerOff());
  }

  async reset(): Promise<void> {
    await this.try("The machine did not reset", (api) => api.reset());
  }

  serialInput(bytes: Uint8Array): void {
    if (this.on) this.call((api) => api.serialInput(bytes)).catch(ignoreLost);
  }

  keyboardInput(scancodes: Uint8Array): void {
    if (this.on) this.call((api) => api.keyboardInput(scancodes)).catch(ignoreLost);
  }

  /**
   * Takes note of a state read with the meters: the machine reports no falling asleep and waking, which an idle one does
   * many times a second.
   */
  observe(state: PowerState): void {
    if (this.on && !this.starting && state !== this.state && (state === "running" || state === "asleep")) {
      this.setState(state, this.detail);
    }
  }

  /** Asks the machine for something; null if there is no machine to ask. */
  async ask<T>(question: (api: MachineApi) => Promise<T>): Promise<T | null> {
    if (!this.remote) return null;
    try {
      return await this.call(question);
    } catch (error) {
      ignoreLost(error);
      return null;
    }
  }

  private async connect(): Promise<boolean> {
    if (this.remote) return true;
    const worker = new Worker(new URL("../host/worker.ts", import.meta.url), {
      type: "module",
      name: "machine",
    });
    const lost = new Promise<never>((_, reject) => {
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        this.loseWorker(event.message);
        reject(new WorkerLost(event.message));
      });
      worker.addEventListener("messageerror", () => reject(new WorkerLost("a message could not be read")));
    });
    lost.catch(() => {}); // whoever waits for an answer sees it; with nobody waiting it is told by loseWorker
    this.worker = worker;
    this.lost = lost;

    // Every method of MachineApi is asynchronous, so that the proxy has the interface's own type.
    const remote = Comlink.wrap<MachineApi>(worker) as unknown as MachineApi;
    const events = Comlink.proxy({
      serial: (bytes: Uint8Array) => this.listeners.forEach((listener) => listener.serial?.(bytes)),
      power: (state: PowerState, detail: string) => this.setState(state, detail),
    });
    try {
      await Promise.race([remote.listen(events), lost, timeout()]);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      worker.terminate();
      this.worker = this.lost = null;
      this.tell({
        title: "The machine could not be loaded",
        detail: detail || "Its worker script is missing or was blocked.",
        advice:
          "Reload the page. If you serve it yourself, build it with “npm run build” and check that the whole folder is served.",
      });
      return false;
    }
    this.remote = remote;
    return true;
  }

  private async call<T>(action: (api: MachineApi) => Promise<T>): Promise<T> {
    if (!this.remote || !this.lost) throw new WorkerLost("");
    return Promise.race([action(this.remote), this.lost]);
  }

  private async try(title: string, action: (api: MachineApi) => Promise<void>): Promise<void> {
    try {
      await this.call(action);
    } catch (error) {
      if (error instanceof WorkerLost) return;
      this.tell({ title, detail: messageOf(error), advice: "Reload the page to start afresh." });
    }
  }

  private loseWorker(message: string): void {
    const wasConnected = this.remote !== null;
    this.worker?.terminate();
    this.worker = this.remote = null;
    if (!wasConnected) return; // connect() tells it
    this.setState("crashed", message || "the worker stopped");
    this.tell({
      title: "The machine's worker stopped",
      detail: message || "The browser ended it, perhaps for lack of memory.",
      advice: "Press the power button for a new machine; with less RAM if memory was short.",
    });
  }

  private setState(state: PowerState, detail: string): void {
    this.state = state;
    this.detail = detail;
    for (const listener of this.listeners) listener.state?.(state, detail);
  }

  private tell(trouble: Trouble): void {
    for (const listener of this.listeners) listener.trouble?.(trouble);
  }
}

function missingFeature(): Trouble | null {
  const missing: string[] = [];
  if (typeof WebAssembly !== "object") missing.push("WebAssembly");
  if (typeof Worker !== "function") missing.push("Web Workers");
  if (typeof BigInt64Array !== "function") missing.push("64-bit integers");
  if (missing.length === 0) return null;
  return {
    title: "This browser cannot run the machine",
    detail: `It lacks ${missing.join(" and ")}.`,
    advice: "Use a current Chrome, Edge, Firefox or Safari; if WebAssembly was switched off, switch it on.",
  };
}

function startTrouble(error: unknown): Trouble {
  if (error instanceof WorkerLost) {
    return {
      title: "The machine stopped while starting",
      detail: error.message || "Its worker ended.",
      advice: "Press the power button to try again, or choose less RAM in the settings.",
    };
  }
  return {
    title: "The machine did not start",
    detail: messageOf(error),
    advice: "Check the settings, then press the power button again.",
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function ignoreLost(error: unknown): void {
  if (!(error instanceof WorkerLost)) console.error(error);
}

function timeout(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("its worker does not answer")), ANSWER_TIMEOUT_MS);
  });
}

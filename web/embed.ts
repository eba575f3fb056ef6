/**
 * `window.vitrine`: the page's small interface for embedders and page tests; web/README.md documents it. Everything it
 * does can be done by hand as well; it adds no way into the machine.
 */
import type { MachineStats, PowerState } from "../host/api.ts";
import type { Console } from "./console.ts";
import type { Machine } from "./machine.ts";
import type { ScreenView } from "./screen.ts";

export interface EmbedApi {
  readonly state: PowerState;
  /** Why the machine is in this state, "" if there is nothing to tell. */
  readonly detail: string;
  /** The serial console's text, scrollback included. */
  consoleText(): string;
  /** Types into the serial console; Enter is "\r". */
  typeConsole(text: string): void;
  /** The text screen's characters, "" in a graphics mode. */
  screenText(): string;
  /** The picture on the screen in the guest's resolution, RGBA. */
  screenPicture(): ImageData;
  /** Types on the PC keyboard, as a US keyboard; Enter is "\n". */
  typeKeyboard(text: string): Promise<void>;
  /** Presses keys together and releases them, by KeyboardEvent.code: pressKeys("ControlLeft", "KeyC"). */
  pressKeys(...codes: string[]): void;
  stats(): Promise<MachineStats | null>;
  kernelLog(): Promise<string | null>;
}

declare global {
  interface Window {
    vitrine: EmbedApi;
  }
}

export function publishEmbedApi(machine: Machine, terminal: Console, screen: ScreenView): void {
  window.vitrine = {
    get state() {
      return machine.state;
    },
    get detail() {
      return machine.detail;
    },
    consoleText: () => terminal.text(),
    typeConsole: (text) => terminal.type(text),
    screenText: () => screen.text(),
    screenPicture: () => screen.picture(),
    typeKeyboard: (text) => screen.type(text),
    pressKeys: (...codes) => screen.sendKeys(...codes),
    stats: () => machine.ask((api) => api.stats()),
    kernelLog: () => machine.ask((api) => api.kernelLog()),
  };
}

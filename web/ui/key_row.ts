/**
 * Keys that a phone's keyboard lacks, for whichever display is in use: Esc, Tab, Ctrl, the arrows and a few
 * characters of the shell. Ctrl stays down for the next key, wherever that comes from.
 */
import { byId } from "./dom.ts";

export interface KeyRowTarget {
  sendKey(code: string): void;
  type(text: string): void;
  focus(): void;
}

export class KeyRow {
  private readonly control: HTMLButtonElement;

  /** `target` gives the display in use. */
  constructor(target: () => KeyRowTarget) {
    const row = byId("key-row");
    this.control = row.querySelector<HTMLButtonElement>("[data-control]")!;
    // A button that took the focus would put the phone's keyboard away.
    row.addEventListener("pointerdown", (event) => event.preventDefault());
    row.addEventListener("click", (event) => {
      const button = (event.target as HTMLElement).closest("button");
      if (!button) return;
      if (button === this.control) this.setControl(!this.pending);
      else if (button.dataset.key) target().sendKey(button.dataset.key);
      else if (button.dataset.text) target().type(button.dataset.text);
    });
  }

  /** Whether Ctrl is waiting for a key; it is not after this. */
  takeControl(): boolean {
    const pending = this.pending;
    this.setControl(false);
    return pending;
  }

  private get pending(): boolean {
    return this.control.getAttribute("aria-pressed") === "true";
  }

  private setControl(pressed: boolean): void {
    this.control.setAttribute("aria-pressed", String(pressed));
  }
}

/**
 * The kernel log as dmesg prints it: follows the end while the reader is there, filters by text, copies and saves.
 * Reads api.kernelLog(); lines are added, not rebuilt, so that a selection survives.
 */
import type { Machine } from "../machine.ts";
import { byId, h } from "../ui/dom.ts";
import { say } from "../ui/notices.ts";
import { whileShown } from "./poll.ts";

const READ_MS = 1000;
/** Distance from the end, pixels, within which the view follows new lines. */
const FOLLOW_PX = 24;
const TIMESTAMP = /^(\[\s*\d+\.\d+\])(.*)$/s;

export class LogPanel {
  private readonly panel = byId<HTMLDetailsElement>("log");
  private readonly view = byId("log-lines");
  private readonly filter = byId<HTMLInputElement>("log-filter");
  private text = "";
  private nrShown = 0;

  constructor(machine: Machine) {
    whileShown(this.panel, READ_MS, async () => {
      if (!machine.on && this.text !== "") return;
      const text = await machine.ask((api) => api.kernelLog());
      if (text !== null) this.update(text);
    });
    this.filter.addEventListener("input", () => this.rebuild());
    byId("log-copy").addEventListener("click", () => void this.copy());
    byId("log-save").addEventListener("click", () => this.save());
  }

  focusFilter(): void {
    this.panel.open = true;
    this.filter.focus();
  }

  private update(text: string): void {
    if (text === this.text) return;
    const continues = text.startsWith(this.text) && (this.text === "" || this.text.endsWith("\n"));
    const added = continues ? text.slice(this.text.length) : text;
    this.text = text;
    if (continues) this.append(lines(added));
    else this.rebuild();
  }

  private rebuild(): void {
    this.view.replaceChildren();
    this.nrShown = 0;
    this.append(lines(this.text));
  }

  private append(added: string[]): void {
    const atEnd = this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < FOLLOW_PX;
    const needle = this.filter.value.trim().toLowerCase();
    const wanted = needle ? added.filter((line) => line.toLowerCase().includes(needle)) : added;
    this.view.append(...wanted.map(lineElement));
    this.nrShown += wanted.length;
    const all = lines(this.text).length;
    byId("log-count").textContent = needle ? `${this.nrShown} of ${all} lines` : `${all} lines`;
    byId("log-empty").hidden = this.nrShown > 0;
    byId("log-empty").textContent = needle && all > 0 ? "No line has this text." : "Nothing logged yet.";
    if (atEnd) this.view.scrollTop = this.view.scrollHeight;
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text);
      say("The kernel log is in the clipboard.");
    } catch {
      say("The browser does not let the page use the clipboard; save the log instead.");
    }
  }

  private save(): void {
    const url = URL.createObjectURL(new Blob([this.text], { type: "text/plain" }));
    h("a", { href: url, download: "dmesg.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function lineElement(line: string): HTMLElement {
  const [, time, rest] = TIMESTAMP.exec(line) ?? [null, "", line];
  return h("div", { className: "log-line" }, h("span", { className: "log-time" }, time), rest);
}

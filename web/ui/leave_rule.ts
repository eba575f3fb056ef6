/**
 * How the keyboard leaves a display that takes every key: Escape, then Tab (or Shift+Tab) within two seconds. Both
 * displays use it; the Escape still reaches the guest, the Tab does not.
 */
const WINDOW_MS = 2000;

export class LeaveRule {
  private escapedAt_ms = -Infinity;

  /** Told every keydown; true if this one belongs to the browser, which then moves the focus. */
  leaves(event: KeyboardEvent): boolean {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.code === "Tab" && plain && event.timeStamp - this.escapedAt_ms < WINDOW_MS) {
      this.escapedAt_ms = -Infinity;
      return true;
    }
    if (event.code === "Escape" && plain) this.escapedAt_ms = event.timeStamp;
    else if (!event.code.startsWith("Shift")) this.escapedAt_ms = -Infinity;
    return false;
  }
}

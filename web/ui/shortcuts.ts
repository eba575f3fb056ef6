/**
 * The page's own keys: Alt+Shift with one more key, in the page and inside both displays, which let these through.
 * One table: the handler, the help dialog's list and the displays' test all read it.
 */
export interface Shortcut {
  code: string;
  /** How the key is written in the help. */
  key: string;
  does: string;
  action: "console" | "screen" | "log" | "power" | "help";
}

export const SHORTCUTS: readonly Shortcut[] = [
  { code: "Digit1", key: "1", does: "go to the serial console", action: "console" },
  { code: "Digit2", key: "2", does: "go to the screen", action: "screen" },
  { code: "KeyL", key: "L", does: "go to the kernel log's filter", action: "log" },
  { code: "KeyP", key: "P", does: "go to the power button", action: "power" },
  { code: "KeyH", key: "H", does: "open this help", action: "help" },
];

/** The shortcut that a keydown means, or undefined. */
export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  if (!event.altKey || !event.shiftKey || event.ctrlKey || event.metaKey) return undefined;
  return SHORTCUTS.find((shortcut) => shortcut.code === event.code);
}

/** Runs shortcuts wherever the focus is. */
export function listenForShortcuts(actions: Record<Shortcut["action"], () => void>): void {
  addEventListener(
    "keydown",
    (event) => {
      const shortcut = shortcutOf(event);
      if (!shortcut) return;
      event.preventDefault();
      actions[shortcut.action]();
    },
    { capture: true },
  );
}

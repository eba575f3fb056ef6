/**
 * The help dialog and the first visit's hint. The hint's commands can be pressed: they are typed into the serial
 * console. Closed once, the hint stays closed in this browser; the help brings it back.
 */
import { byId, h } from "./dom.ts";
import { openDialog, setUpDialog } from "./dialog.ts";
import { SHORTCUTS } from "./shortcuts.ts";

const HINT_KEY = "vitrine.hint-closed";

/** `run` types a command into the console. */
export function setUpHelp(storage: Storage | null, run: (command: string) => void): { open: () => void } {
  const dialog = byId<HTMLDialogElement>("help-dialog");
  const hint = byId("hint");
  setUpDialog(dialog);
  byId("shortcut-list").append(
    ...SHORTCUTS.flatMap(({ key, does }) => [
      h("dt", {}, h("kbd", {}, "Alt"), " ", h("kbd", {}, "Shift"), " ", h("kbd", {}, key)),
      h("dd", {}, does),
    ]),
  );

  const showHint = (shown: boolean) => {
    hint.hidden = !shown;
    try {
      if (shown) storage?.removeItem(HINT_KEY);
      else storage?.setItem(HINT_KEY, "true");
    } catch {
      // Storage is full or forbidden: the hint is shown again on the next visit.
    }
  };
  hint.hidden = storage?.getItem(HINT_KEY) === "true";
  byId("hint-close").addEventListener("click", () => showHint(false));
  byId("hint-reopen").addEventListener("click", () => {
    dialog.close();
    showHint(true);
    byId("hint-close").focus();
  });
  hint.addEventListener("click", (event) => {
    const command = (event.target as HTMLElement).closest<HTMLElement>("[data-command]")?.dataset.command;
    if (command) run(command);
  });

  const open = () => openDialog(dialog);
  byId("help").addEventListener("click", open);
  return { open };
}

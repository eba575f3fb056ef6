/**
 * Messages that stay until read: what went wrong, why, what to do. Announced to screen readers; several can stand
 * below each other, the same one only once. Passing remarks ("copied") go to the status line instead, say().
 */
import { byId, h } from "./dom.ts";

export interface NoticeAction {
  label: string;
  run: () => void;
}

export interface Notice {
  title: string;
  detail?: string;
  advice?: string;
  tone: "error" | "warning" | "plain";
  actions?: NoticeAction[];
  /** A later notice with the same key takes this one's place; the title if not given. */
  key?: string;
}

/** Shows a notice; the returned function takes it away. */
export function showNotice(notice: Notice): () => void {
  const region = byId("notices");
  const key = notice.key ?? notice.title;
  dismissNotice(key);
  const text = h("div", { className: "notice-text" }, h("strong", {}, notice.title));
  if (notice.detail) text.append(h("p", { className: "notice-detail" }, notice.detail));
  if (notice.advice) text.append(h("p", {}, notice.advice));
  const card = h("div", {
    className: `notice notice-${notice.tone}`,
    role: notice.tone === "error" ? "alert" : "status",
  });
  card.dataset.key = key;
  const dismiss = () => card.remove();
  const buttons = h("div", { className: "notice-actions" });
  for (const action of notice.actions ?? []) {
    const run = () => {
      dismiss();
      action.run();
    };
    buttons.append(h("button", { type: "button", className: "button", onclick: run }, action.label));
  }
  buttons.append(
    h("button", { type: "button", className: "button button-quiet", onclick: dismiss }, "Dismiss"),
  );
  card.append(text, buttons);
  region.append(card);
  return dismiss;
}

export function dismissNotice(key: string): void {
  for (const card of byId("notices").querySelectorAll<HTMLElement>(".notice"))
    if (card.dataset.key === key) card.remove();
}

let quiet: ReturnType<typeof setTimeout> | undefined;

/** Says something in passing, visibly for a few seconds and to screen readers. */
export function say(text: string): void {
  const line = byId("toast");
  line.textContent = text;
  line.dataset.shown = "true";
  clearTimeout(quiet);
  quiet = setTimeout(() => (line.dataset.shown = "false"), 4000);
}

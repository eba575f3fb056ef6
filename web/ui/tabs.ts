/**
 * The two displays: tabs where there is room for one, side by side where there is room for both. The tab pattern of
 * the ARIA Authoring Practices: arrows move between tabs, the panel in use is remembered.
 */
import { byId } from "./dom.ts";

export type DisplayName = "console" | "screen";

const NAMES: readonly DisplayName[] = ["console", "screen"];
/** From this width both displays fit beside the meters; style.css has the same number. */
const SIDE_BY_SIDE = "(min-width: 1560px)";

export class DisplayTabs {
  /** The display last chosen or focused. */
  current: DisplayName = "console";

  private readonly wide = matchMedia(SIDE_BY_SIDE);

  constructor(private readonly onShow: (name: DisplayName) => void) {
    for (const name of NAMES) {
      const tab = byId(`tab-${name}`);
      tab.addEventListener("click", () => this.select(name));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const other = NAMES[1 - NAMES.indexOf(name)];
        this.select(other);
        byId(`tab-${other}`).focus();
      });
      byId(`panel-${name}`).addEventListener("focusin", () => (this.current = name));
    }
    this.wide.addEventListener("change", () => this.apply());
    this.apply();
  }

  select(name: DisplayName): void {
    this.current = name;
    this.apply();
  }

  private apply(): void {
    const both = this.wide.matches;
    byId("display-tabs").hidden = both;
    for (const name of NAMES) {
      const tab = byId(`tab-${name}`);
      const panel = byId(`panel-${name}`);
      const selected = name === this.current;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      panel.hidden = !both && !selected;
      if (both) {
        panel.setAttribute("role", "region");
      } else {
        panel.setAttribute("role", "tabpanel");
      }
      if (!panel.hidden) this.onShow(name);
    }
  }
}

/**
 * Light and dark: follows the system until the visitor chooses, then remembers the choice in this browser. Style sheets
 * see it as data-theme on the root element; the terminal is told through `onChange`.
 */
export type Theme = "light" | "dark";

const STORAGE_KEY = "vitrine.theme";

export class ThemeSwitch {
  private readonly system = matchMedia("(prefers-color-scheme: dark)");
  private chosen: Theme | null;

  constructor(
    private readonly button: HTMLButtonElement,
    private readonly storage: Storage | null,
    private readonly onChange: (theme: Theme) => void,
  ) {
    const stored = storage?.getItem(STORAGE_KEY);
    this.chosen = stored === "light" || stored === "dark" ? stored : null;
    this.system.addEventListener("change", () => this.apply());
    button.addEventListener("click", () => this.toggle());
    this.apply();
  }

  private get theme(): Theme {
    return this.chosen ?? (this.system.matches ? "dark" : "light");
  }

  private toggle(): void {
    const next: Theme = this.theme === "dark" ? "light" : "dark";
    // Choosing what the system has anyway means following it again.
    this.chosen = next === (this.system.matches ? "dark" : "light") ? null : next;
    try {
      if (this.chosen) this.storage?.setItem(STORAGE_KEY, this.chosen);
      else this.storage?.removeItem(STORAGE_KEY);
    } catch {
      // Storage is full or forbidden; the choice holds for this visit.
    }
    this.apply();
  }

  private apply(): void {
    document.documentElement.dataset.theme = this.theme;
    const other = this.theme === "dark" ? "light" : "dark";
    this.button.setAttribute("aria-label", `Switch to the ${other} theme`);
    this.button.title = `Switch to the ${other} theme`;
    this.onChange(this.theme);
  }
}

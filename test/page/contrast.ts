/**
 * Measures the contrast of all visible text on a page against what is behind it, as WCAG 2.2 "Contrast (Minimum)"
 * defines it: 4.5:1, or 3:1 from 24 px on.
 */
import type { Page } from "playwright-core";

export interface PoorContrast {
  text: string;
  ratio: number;
}

/** Texts that are too faint. */
export function findPoorContrast(page: Page): Promise<PoorContrast[]> {
  return page.evaluate(() => {
    type Colour = [number, number, number, number];
    const parse = (css: string): Colour => {
      const [r, g, b, a = 1] = (css.match(/[\d.]+/g) ?? []).map(Number);
      return [r, g, b, a];
    };
    const over = (top: Colour, below: Colour): Colour =>
      [...([0, 1, 2] as const).map((i) => top[i] * top[3] + below[i] * (1 - top[3])), 1] as Colour;
    const luminance = ([r, g, b]: Colour) => {
      const [lr, lg, lb] = [r, g, b].map((value) => {
        const c = value / 255;
        return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
    };
    const background = (element: Element | null): Colour => {
      if (!element) return [255, 255, 255, 1];
      const own = parse(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, background(element.parentElement));
    };

    const poor: { text: string; ratio: number }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent?.trim() ?? "";
      const element = node.parentElement;
      if (
        text === "" ||
        !element ||
        !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
      )
        continue;
      if (element.closest(".visually-hidden, .skip-link, :disabled, noscript, .xterm")) continue;
      const style = getComputedStyle(element);
      const ground = background(element);
      const [a, b] = [luminance(over(parse(style.color), ground)), luminance(ground)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) poor.push({ text: text.slice(0, 40), ratio });
    }
    return poor;
  });
}

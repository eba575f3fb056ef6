/** The page around the machine: widths, themes, keyboard, settings, and what it says when something is missing. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium, launch, serveSite, visit } from "./browser.ts";
import { findPoorContrast } from "./contrast.ts";

const chromium = findChromium();

describe.skipIf(!chromium)("page", { timeout: 30_000 }, () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serveSite>>;

  beforeAll(async () => {
    site = await serveSite();
    browser = await launch(chromium!);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  describe.each([360, 600, 900, 1280, 1920])("%i px wide", (width) => {
    test("nothing is wider than the window", async () => {
      const { page } = await visit(browser, `${site.url}?off`, { viewport: { width, height: 740 } });
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(await overflow()).toBe(0);
      for (const opener of ["#settings", "#help"]) {
        await page.click(opener);
        expect(await overflow()).toBe(0);
        const dialog = await page.locator("dialog[open]").boundingBox();
        expect(dialog!.x).toBeGreaterThanOrEqual(0);
        expect(dialog!.x + dialog!.width).toBeLessThanOrEqual(width);
        await page.keyboard.press("Escape");
      }
      await page.context().close();
    });
  });

  test.each(["light", "dark"] as const)("text is readable in the %s theme", async (colorScheme) => {
    const { page } = await visit(browser, `${site.url}?off&m=7`, { colorScheme });
    expect(await page.getAttribute("html", "data-theme")).toBe(colorScheme);
    expect(await findPoorContrast(page)).toEqual([]);
    await page.click("#settings");
    await page.fill("#set-memory", "lots");
    await page.click("button[value=save]");
    expect(await findPoorContrast(page)).toEqual([]);
    await page.context().close();
  });

  test("the theme chosen is remembered", async () => {
    const { page } = await visit(browser, `${site.url}?off`, { colorScheme: "light" });
    await page.click("#theme");
    await page.reload();
    expect(await page.getAttribute("html", "data-theme")).toBe("dark");
    await page.context().close();
  });

  test("Tab starts at the skip link, and Escape then Tab leaves either display", async () => {
    const { page } = await visit(browser, `${site.url}?off`);
    const focused = () =>
      page.evaluate(() => document.activeElement!.id || document.activeElement!.className);
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("skip-link");

    await page.click("#terminal");
    expect(await focused()).toContain("xterm-helper-textarea");
    await page.keyboard.press("Tab");
    expect(await focused()).toContain("xterm-helper-textarea");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("console-copy");

    await page.keyboard.press("Alt+Shift+Digit2");
    expect(await focused()).toBe("screen-input");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("screen-input");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Shift+Tab");
    expect(await focused()).toBe("tab-screen");
    await page.context().close();
  });

  test("a bad value in the address is told and the others hold", async () => {
    const { page } = await visit(browser, `${site.url}?off&m=lots&video=640x480`);
    expect(await page.textContent("#notices")).toContain("lots");
    await page.click("#settings");
    expect(await page.inputValue("#set-memory")).toBe("256M");
    expect(await page.inputValue("#set-video")).toBe("640x480");
    await page.context().close();
  });

  test("settings: a bad value keeps what was typed; saved ones survive a reload and stand in the address", async () => {
    const { page } = await visit(browser, `${site.url}?off`);
    await page.click("#settings");
    await page.fill("#set-append", "console=ttyS0 debug");
    await page.fill("#set-memory", "3");
    await page.click("button[value=save]");
    expect(await page.textContent("#set-memory-problem")).toContain("16M");
    expect(await page.inputValue("#set-append")).toBe("console=ttyS0 debug");
    await page.fill("#set-memory", "512M");
    await page.click("button[value=save]");
    expect(new URL(page.url()).search).toBe("?append=console%3DttyS0+debug&m=512M&off");

    await page.goto(`${site.url}?off`);
    await page.click("#settings");
    expect(await page.inputValue("#set-memory")).toBe("512M");
    await page.context().close();
  });

  test("a file that cannot be booted is refused with its reason", async () => {
    const { page } = await visit(browser, `${site.url}?off`);
    await page.click("#settings");
    const file = {
      name: "vmlinux",
      mimeType: "application/octet-stream",
      buffer: Buffer.from("\x7fELF and more"),
    };
    await page.setInputFiles("#set-kernel", file);
    await expect.poll(() => page.textContent("#files-problem")).toContain("ELF");
    expect(await page.textContent("#name-kernel")).toBe("built in");
    await page.context().close();
  });

  test.each([
    ["the worker", /worker/],
    ["the core", /\.wasm$/],
    ["the root file system", /initramfs/],
  ])("%s missing is told, with what to do", async (_what, pattern) => {
    const { page } = await visit(browser, `${site.url}?off`);
    await page.route(pattern, (route) => route.fulfill({ status: 404 }));
    await page.click("#power");
    const notice = page.locator(".notice-error");
    await notice.waitFor();
    expect(await notice.textContent()).toContain("could not be loaded");
    expect(await notice.textContent()).toContain("npm run build");
    expect(await page.textContent("#state-word")).toBe("Off");

    await page.unroute(pattern);
    await notice.getByRole("button", { name: "Try again" }).click();
    await page.locator("#state[data-state=running], #state[data-state=asleep]").waitFor();
    await page.context().close();
  });

  test("without WebAssembly the page says so", async () => {
    const { page } = await visit(browser, `${site.url}?off`);
    await page.evaluate(() => Reflect.deleteProperty(window, "WebAssembly"));
    await page.click("#power");
    expect(await page.textContent(".notice-error")).toContain("WebAssembly");
    await page.context().close();
  });
});

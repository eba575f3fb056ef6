/** The machine seen through the page: from power-on to a shell on both displays, its meters, its log and its buttons. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmbedApi } from "../../web/embed.ts";
import { findChromium, launch, serveSite, visit } from "./browser.ts";

declare const window: { vitrine: EmbedApi };

const chromium = findChromium();
const BOOT_MS = 30_000;
const PROMPT = /[#$] ?$/;

const consoleText = (page: Page) => page.evaluate(() => window.vitrine.consoleText());
const screenText = (page: Page) => page.evaluate(() => window.vitrine.screenText());

async function untilPrompt(page: Page): Promise<void> {
  await expect.poll(() => consoleText(page), { timeout: BOOT_MS, interval: 50 }).toMatch(PROMPT);
}

/** Types a command into the console, as a visitor does, and waits for what it prints. */
async function run(page: Page, command: string, output: RegExp): Promise<void> {
  await page.click("#terminal");
  await page.keyboard.type(`${command}\n`);
  await expect.poll(() => consoleText(page), { timeout: 15_000, interval: 50 }).toMatch(output);
}

describe.skipIf(!chromium)("machine", { timeout: 60_000 }, () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serveSite>>;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    site = await serveSite();
    browser = await launch(chromium!);
    ({ page, errors } = await visit(browser, site.url));
  }, 60_000);

  afterAll(async () => {
    expect(errors).toEqual([]);
    await browser?.close();
    site?.close();
  });

  test("the page powers on and reaches the shell prompt", async () => {
    await untilPrompt(page);
    expect(await page.getAttribute("#power", "aria-pressed")).toBe("true");
  });

  test("the console takes what is typed and shows what is printed", async () => {
    await run(page, "echo $((6*7))", /^42$/m);
  });

  test("the meters count", async () => {
    const read = async () => Number((await page.textContent("#meter-instructions"))!.replaceAll(",", ""));
    await expect.poll(read).toBeGreaterThan(1_000_000);
    const before = await read();
    await run(page, "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo counted", /^counted$/m);
    await expect.poll(read).toBeGreaterThan(before);
    const percents = await Promise.all(
      ["user", "kernel", "idle"].map(async (kind) =>
        parseFloat((await page.textContent(`#meter-percent-${kind}`))!),
      ),
    );
    expect(percents.reduce((sum, percent) => sum + percent)).toBeGreaterThan(97);
  });

  test("the kernel log is shown and can be searched", async () => {
    await page.locator("#log").scrollIntoViewIfNeeded();
    await expect.poll(() => page.textContent("#log-lines")).toContain("Linux version");
    await page.fill("#log-filter", "linux version");
    await expect.poll(() => page.textContent("#log-count")).toMatch(/^1 of \d+ lines$/);
    await page.fill("#log-filter", "");
  });

  test("the screen shows tty1 and takes keys", async () => {
    await page.click("#tab-screen");
    await expect.poll(() => screenText(page), { timeout: 5000 }).toMatch(PROMPT);
    await page.click("#screen-input");
    await page.keyboard.type('echo "Keys: $((40+2)) {|}~" | tr a-z A-Z\n');
    await expect.poll(() => screenText(page), { timeout: 5000 }).toMatch(/^KEYS: 42 \{\|\}~$/m);
    await page.keyboard.type("tty\n");
    await expect.poll(() => screenText(page), { timeout: 5000 }).toMatch(/^\/dev\/tty1$/m);
  });

  test("keys without characters reach the screen's shell", async () => {
    await page.keyboard.type("sleep 1000\n");
    await page.waitForTimeout(300);
    await page.keyboard.press("Control+c");
    await page.keyboard.type("echo back\n");
    await expect.poll(() => screenText(page), { timeout: 5000 }).toMatch(/^back$/m);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await expect.poll(() => screenText(page), { timeout: 5000 }).toMatch(/^back$[^]*^back$/m);
  });

  test("text arriving without keys is typed, as from a phone", async () => {
    await page.evaluate(() => {
      const input = document.querySelector<HTMLTextAreaElement>("#screen-input")!;
      input.dispatchEvent(new InputEvent("input", { inputType: "insertText", data: "echo Phone_$((1+1))" }));
      input.dispatchEvent(new InputEvent("input", { inputType: "insertLineBreak" }));
    });
    await expect.poll(() => screenText(page), { timeout: 5000 }).toMatch(/^Phone_2$/m);
  });

  test("the canvas shows what the guest wrote", async () => {
    const nrInked = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>("#screen")!;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      let inked = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i] + data[i + 1] + data[i + 2] > 200) inked++;
      return inked;
    });
    expect(nrInked).toBeGreaterThan(500);
  });

  test("reset boots again", async () => {
    await page.click("#tab-console");
    await run(page, "echo left > /tmp/trace; cat /tmp/trace", /^left$/m);
    const before = (await consoleText(page)).length;
    await page.click("#reset");
    const since = async () => (await consoleText(page)).slice(before);
    await expect.poll(since, { timeout: BOOT_MS, interval: 50 }).toMatch(/Linux version[^]*[#$] ?$/);
    await run(page, "ls /tmp/trace", /No such file/);
  });

  test("power off and on again", async () => {
    await page.click("#power");
    await expect.poll(() => page.textContent("#state-word")).toBe("Off");
    await page.click("#power");
    await untilPrompt(page);
    await run(page, "echo $((6*7))", /^42$/m);
  });

  test("poweroff in the guest is seen", async () => {
    await page.click("#terminal");
    await page.keyboard.type("poweroff\n");
    await expect.poll(() => page.textContent("#state-word"), { timeout: 15_000 }).toBe("Off");
  });

  test("with a video mode, what is drawn into /dev/fb0 is seen on the canvas", async () => {
    const { page: wide } = await visit(browser, `${site.url}?video=1024x768`);
    await untilPrompt(wide);
    // The middle 256 lines, all white: nothing the console writes at the top or bottom.
    await run(
      wide,
      "tr '\\0' '\\377' < /dev/zero | dd of=/dev/fb0 bs=4096 seek=256 count=256 conv=notrunc iflag=fullblock; echo drawn",
      /^drawn$/m,
    );
    await wide.click("#tab-screen");
    await wide.locator("#screen-mode", { hasText: "1024 × 768" }).waitFor();
    const middle = () =>
      wide.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>("#screen")!;
        const { width, height } = canvas;
        return [...canvas.getContext("2d")!.getImageData(width / 2, height / 2, 1, 1).data];
      });
    await expect.poll(middle).toEqual([255, 255, 255, 255]);
    await wide.context().close();
  });

  test("a phone reaches the prompt, and its key row works", async () => {
    const { page: phone } = await visit(browser, site.url, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
    });
    await untilPrompt(phone);
    expect(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await phone.tap("#terminal");
    await phone.keyboard.type("sleep 1000\n");
    await phone.waitForTimeout(300);
    await phone.tap("#key-row [data-control]");
    await phone.keyboard.type("c");
    await phone.keyboard.type("echo $((6*7))\n");
    await expect.poll(() => consoleText(phone), { timeout: 10_000 }).toMatch(/^42$/m);
    await phone.context().close();
  });
});

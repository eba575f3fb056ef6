/**
 * What the page tests stand on: the built page behind the plainest static server there is, below a folder and without
 * special headers, and the system's Chromium. Without a Chromium the tests are skipped, and say so; not under CI.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { build } from "vite";

const CONFIG = join(import.meta.dirname, "../../web/vite.config.ts");
/** The page must work from any folder of a server. */
const FOLDER = "/cases/vitrine/";
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
const CANDIDATES = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Path of a Chromium, or null after saying that there is none; throws under CI. */
export function findChromium(): string | null {
  const found = CANDIDATES.find((path) => path !== undefined && existsSync(path));
  if (found) return found;
  const message = "no Chromium found: install one (apt-get install chromium) or set CHROMIUM to its path";
  if (process.env.CI) throw new Error(message);
  console.warn(`page tests SKIPPED: ${message}`);
  return null;
}

/** Builds the page from its sources and serves it; the address ends with a slash. The machine must have been built. */
export async function serveSite(): Promise<{ url: string; close: () => void }> {
  const site = mkdtempSync(join(tmpdir(), "vitrine-page-"));
  await build({ configFile: CONFIG, logLevel: "error", build: { outDir: site } });
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(site, normalize(path.slice(FOLDER.length) || "index.html"));
    if (
      !path.startsWith(FOLDER) ||
      !file.startsWith(site) ||
      !statSync(file, { throwIfNoEntry: false })?.isFile()
    ) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    rmSync(site, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}${FOLDER}`, close };
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"],
  });
}

/** A fresh visitor's page: no storage, with the sizes and colours asked for. Script errors are collected in `errors`. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; errors: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  return { page, errors };
}

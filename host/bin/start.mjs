#!/usr/bin/env node
/**
 * `npm start`: builds the machine and the page as far as they are older than their sources, serves the page and prints its
 * address. With --dev the page is served from its sources and reloads when they change. --port N, --host.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createServer, preview, build as viteBuild } from "vite";
import { ROOT, build, newestSource } from "../build/build.mjs";

const { values } = parseArgs({
  options: { dev: { type: "boolean" }, port: { type: "string" }, host: { type: "boolean" } },
});
await build(false);

const configFile = join(ROOT, "web", "vite.config.ts");
const address = { port: values.port ? Number(values.port) : undefined, host: values.host };
if (values.dev) {
  const server = await createServer({ configFile, server: address });
  await server.listen();
  server.printUrls();
} else {
  const page = statSync(join(ROOT, "dist", "web", "index.html"), { throwIfNoEntry: false });
  if (
    !page ||
    page.mtimeMs < newestSource(["web", "host", "kernel", "cpu-core", "dist/images", "dist/core"])
  ) {
    await viteBuild({ configFile, logLevel: "warn" });
  }
  const server = await preview({ configFile, preview: address });
  server.printUrls();
}

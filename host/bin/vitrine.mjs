#!/usr/bin/env node
/**
 * The command `vitrine`: brings dist/ up to date with the sources, then hands over to the bundled command line
 * (host/cli/main.ts). VITRINE_NO_BUILD=1 takes dist/ as it is.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, build, isStale } from "../build/build.mjs";

if (!process.env.VITRINE_NO_BUILD && isStale()) {
  try {
    await build(false);
  } catch (error) {
    process.stderr.write(`vitrine: the build failed: ${error.message}\n`);
    process.exit(125);
  }
}
const { main } = await import(pathToFileURL(join(ROOT, "dist/node/vitrine.js")).href);
await main(process.argv.slice(2));

/** Machines in Node: the assets from dist/, found from wherever this code was bundled to. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ASSET_PATHS, loadAssets } from "./assets.ts";
import type { Assets } from "./assets.ts";

/** The project's directory: the one above this file that holds package.json. */
export function projectRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error("not inside the Vitrine project");
    directory = parent;
  }
  return directory;
}

/** Reads what `npm run build` made. */
export async function loadNodeAssets(): Promise<Assets> {
  const dist = join(projectRoot(), "dist");
  return loadAssets(async (name) => {
    try {
      return await readFile(join(dist, ASSET_PATHS[name]));
    } catch (error) {
      throw new Error(`${join("dist", ASSET_PATHS[name])} is missing: run npm run build`, { cause: error });
    }
  });
}

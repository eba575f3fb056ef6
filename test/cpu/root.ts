/** Where the tree is: tests run from their source, `npm run test:cpu` from a bundle in dist/. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

function findRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, "asconfig.json"))) directory = dirname(directory);
  return directory;
}

export const ROOT = findRoot();

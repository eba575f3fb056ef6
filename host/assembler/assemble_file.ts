/**
 * Assembling from files (Node): %include and incbin look beside the file that names them.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { assemble } from "./assemble.ts";
import type { Assembled, AssembleOptions } from "./assemble.ts";

/** Assembles the file at `path`. File names in messages are relative to the working directory. */
export function assembleFile(path: string, options: AssembleOptions = {}): Assembled {
  const beside = (name: string, from: string): string => resolve(dirname(resolve(from)), name);
  return assemble(readFileSync(path, "utf8"), {
    ...options,
    file: relative(process.cwd(), path),
    include: (name, from) => {
      const found = beside(name, from);
      if (!existsSync(found)) return null;
      return { file: relative(process.cwd(), found), text: readFileSync(found, "utf8") };
    },
    incbin: (name, from) => {
      const found = beside(name, from);
      return existsSync(found) ? readFileSync(found) : null;
    },
  });
}

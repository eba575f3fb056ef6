/** `npm run test:cpu`: bundles test/cpu/main.ts and runs it. */
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const entry = join(ROOT, "test/cpu/main.ts");
const outDir = join(ROOT, `dist/test/cpu-${process.pid}`);
try {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: "error",
    publicDir: false,
    build: {
      ssr: entry,
      outDir,
      emptyOutDir: true,
      target: "node20",
      minify: false,
      rollupOptions: { output: { entryFileNames: "main.js", codeSplitting: false } },
    },
  });
  await import(pathToFileURL(join(outDir, "main.js")).href);
} finally {
  rmSync(outDir, { recursive: true, force: true });
}

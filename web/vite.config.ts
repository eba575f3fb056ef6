/**
 * Builds the page into dist/web: a static site that any server serves from any folder, without special headers. The
 * machine's files (core, firmware, kernel, root file system) are named by URL in host/worker.ts and copied along, so
 * they must have been built before.
 */
/* eslint-disable no-restricted-imports -- the build's configuration runs in Node */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Names of the machine's files in the site. The bundler would leave a dot behind "bzImage", which some servers drop. */
function assetFileNames({ names }: { names: string[] }): string {
  return names[0]?.includes(".") ? "assets/[name]-[hash][extname]" : "assets/[name]-[hash].bin";
}

/** Refuses to build a page that would not find its machine; the bundler itself leaves such URLs as they are. */
function requireMachine(): Plugin {
  return {
    name: "require-machine",
    apply: "build",
    buildStart() {
      for (const file of ["dist/core/cpu-core.wasm", "dist/images/firmware.bin"]) {
        if (!existsSync(join(root, file)))
          this.error(`${file} is missing: build the machine first with “npm run build”`);
      }
    },
  };
}

export default defineConfig({
  root: join(root, "web"),
  base: "./",
  plugins: [requireMachine()],
  worker: {
    format: "es",
    rolldownOptions: { output: { assetFileNames } },
  },
  build: {
    outDir: join(root, "dist/web"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the machine's smallest files are fetched like the others
    chunkSizeWarningLimit: 1500, // kilobytes; the worker holds the whole kernel
  },
  server: { fs: { allow: [root] } },
});

/**
 * Builds the page into dist/web: a static site that any server serves from any folder, without special headers. The
 * core, the firmware, the kernel and the root file system come from dist/core and dist/images, where `npm run build`
 * puts them, and keep their names under assets/, beside the worker that fetches them.
 */
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const MACHINE_FOLDERS = [join(root, "dist/core"), join(root, "dist/images")];
const MACHINE_FILE = /\.(wasm|bin|img|cpio|gz|json)$/;

/** The machine's files by name. */
function machineFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const folder of MACHINE_FOLDERS) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) if (MACHINE_FILE.test(name)) files.set(name, join(folder, name));
  }
  return files;
}

/** Emits the machine's files into the site, and serves them while developing. */
function machineAssets(): Plugin {
  return {
    name: "machine-assets",
    buildStart() {
      if (!machineFiles().has("cpu-core.wasm")) {
        this.warn("dist/core/cpu-core.wasm is missing: run “npm run build” first");
      }
    },
    generateBundle() {
      for (const [name, path] of machineFiles()) {
        this.emitFile({ type: "asset", fileName: `assets/${name}`, source: readFileSync(path) });
      }
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const name = /\/assets\/([^/?]+)(?:\?|$)/.exec(request.url ?? "")?.[1];
        const path = name === undefined ? undefined : machineFiles().get(name);
        if (path === undefined) return next();
        response.setHeader(
          "Content-Type",
          path.endsWith(".wasm") ? "application/wasm" : "application/octet-stream",
        );
        createReadStream(path).pipe(response);
      });
    },
  };
}

export default defineConfig({
  root: join(root, "web"),
  base: "./",
  plugins: [machineAssets()],
  worker: { format: "es" },
  build: {
    outDir: join(root, "dist/web"),
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1500, // kilobytes; the worker holds the whole kernel
  },
  server: { fs: { allow: [root] } },
});

/**
 * The build's entry, plain JavaScript so that Node runs it as it is: bundles host/build/main.ts (the build proper, in
 * TypeScript) and runs it, then bundles the command line. Everything goes to dist/, everything said goes to stderr.
 *
 *     node host/build/build.mjs [--force]
 *
 * A step is skipped when its output is newer than all of its inputs. Two builds at once wait for each other.
 */
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Sources of all that ends up in dist/. */
const SOURCES = ["cpu-core", "kernel", "host", "asconfig.json", "package-lock.json"];
const STAMP = "dist/.built";
const LOCK = "dist/.lock";

/** Newest modification time below `paths`, ms; tests and texts do not count. */
export function newestSource(paths) {
  let newest = 0;
  for (const path of paths) {
    const file = join(ROOT, path);
    const status = statSync(file, { throwIfNoEntry: false });
    if (!status) continue;
    if (status.isDirectory()) {
      newest = Math.max(newest, status.mtimeMs);
      newest = Math.max(newest, newestSource(readdirSync(file).map((name) => join(path, name))));
    } else if (!/\.test\.ts$|\.md$/.test(path)) {
      newest = Math.max(newest, status.mtimeMs);
    }
  }
  return newest;
}

/** Whether dist/ is older than the sources. */
export function isStale() {
  const stamp = statSync(join(ROOT, STAMP), { throwIfNoEntry: false });
  return !stamp || stamp.mtimeMs < newestSource(SOURCES);
}

/** Bundles one TypeScript entry for Node; npm packages stay outside. */
async function bundle(entry, output) {
  const { build } = await import("vite");
  const directory = join(ROOT, "dist", `.bundle-${process.pid}`);
  await build({
    configFile: false,
    root: ROOT,
    logLevel: "error",
    publicDir: false,
    build: {
      ssr: join(ROOT, entry),
      outDir: directory,
      emptyOutDir: true,
      target: "node20",
      sourcemap: true,
      minify: false,
      rollupOptions: { output: { entryFileNames: "bundle.js", codeSplitting: false } },
    },
  });
  mkdirSync(dirname(join(ROOT, output)), { recursive: true });
  renameSync(join(directory, "bundle.js.map"), join(ROOT, `${output}.map`));
  const code = readFileSync(join(directory, "bundle.js"), "utf8");
  writeFileSync(
    join(directory, "bundle.js"),
    code.replace("bundle.js.map", `${output.split("/").pop()}.map`),
  );
  renameSync(join(directory, "bundle.js"), join(ROOT, output));
  rmSync(directory, { recursive: true, force: true });
}

/** Takes the lock of dist/, waiting for another build to end. Returns the function that releases it. */
async function lock() {
  const path = join(ROOT, LOCK);
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    let isAlive = true;
    try {
      process.kill(Number(readFileSync(path, "utf8")), 0);
    } catch (error) {
      isAlive = error.code === "EPERM";
    }
    if (!isAlive) rmSync(path, { force: true });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export async function build(force) {
  const release = await lock();
  try {
    if (!force && !isStale()) return;
    const started = new Date();
    await bundle("host/build/main.ts", "dist/node/build.js");
    const { buildAssets } = await import(
      `${pathToFileURL(join(ROOT, "dist/node/build.js"))}?${started.getTime()}`
    );
    await buildAssets(ROOT, force);
    await bundle("host/cli/main.ts", "dist/node/vitrine.js");
    writeFileSync(join(ROOT, STAMP), "");
    // What changed while the build ran must look newer than the stamp.
    utimesSync(join(ROOT, STAMP), started, started);
  } finally {
    release();
  }
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  await build(process.argv.includes("--force"));
}

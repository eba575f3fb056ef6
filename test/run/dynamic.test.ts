/** A dynamically linked i386 program with this machine's C library as its root: the same as natively. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findCompiler } from "../tcg/build.ts";
import { vitrineRun } from "./vitrine.ts";

const SOURCE = join(import.meta.dirname, "dynamic.c");
const compiler = findCompiler();
const missing = compiler instanceof Error ? compiler : null;
if (missing) console.warn(`the dynamically linked i386 program is SKIPPED: ${missing.message}`);

const root = mkdtempSync(join(tmpdir(), "vitrine-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.skipIf(missing)("the loader, the C library and threads", async () => {
  const program = join(root, "program");
  const gcc = spawnSync("gcc", ["-m32", "-O1", "-o", program, SOURCE, "-lm", "-pthread"], {
    encoding: "utf8",
  });
  expect(gcc.stderr).toBe("");
  // "libm.so.6 => /lib32/libm.so.6 (0xf7d00000)", and the loader by its path.
  const libraries = spawnSync("ldd", [program], { encoding: "utf8" }).stdout;
  for (const [, name, path] of libraries.matchAll(/^\s+(?:(\S+) => )?(\/\S+) \(/gm)) {
    const place = join(root, name === undefined ? path! : join("/lib", name));
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(path!, place);
  }
  mkdirSync(join(root, "tmp"));
  const native = spawnSync(program, ["word"]);
  const guest = await vitrineRun(["--root", root, "/program", "word"]);
  expect(native.status).toBe(3);
  expect(native.stdout.toString()).toContain("threads 26, own 5, long 4 bytes");
  expect(guest).toEqual({ status: native.status, stdout: native.stdout, stderr: "" });
});

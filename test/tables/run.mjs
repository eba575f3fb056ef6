/** `npm run docs`: brings the generated part of cpu-core/README.md up to date. */
import { join } from "node:path";
import { runnerImport } from "vite";

const { module } = await runnerImport(join(import.meta.dirname, "support.ts"), {
  configFile: false,
  logLevel: "error",
});
module.writeReadme();

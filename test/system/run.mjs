/** Entry of `npm run test:system`, plain JavaScript so that Node runs it as it is: brings dist/ up to date, then command.ts. */
import { join } from "node:path";
import { runnerImport } from "vite";
import { ROOT, build, isStale } from "../../host/build/build.mjs";

if (!process.env.VITRINE_NO_BUILD && isStale()) await build(false);
const { module } = await runnerImport(join(ROOT, "test/system/command.ts"), {
  configFile: false,
  logLevel: "error",
});
await module.main(process.argv.slice(2));

/** Unit tests lie beside their files; what needs a whole machine is in test/. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "cpu-core/**/*.test.ts",
      "kernel/**/*.test.ts",
      "host/**/*.test.ts",
      "web/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    testTimeout: 60_000,
    // Machines are heavy and the tests measure nothing: as many as there are cores, no more.
    maxWorkers: "50%",
  },
});

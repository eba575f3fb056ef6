/**
 * The table of lines.ts: the guest's shell must answer as the same busybox on the real Linux. What that answered is kept in
 * expected.json, so that the test runs anywhere; on x86-64 Linux the real one is asked again. `VITRINE_RECORD=1` writes the file.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchBusybox } from "../../host/build/busybox.ts";
import { projectRoot } from "../../host/node.ts";
import { Guest, piped } from "../harness/guest.ts";
import { SHELL_LINES } from "./lines.ts";
import { environment, runNatively, type ShellResult, whyNotNative } from "./native.ts";

const EXPECTED = join(import.meta.dirname, "expected.json");
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Expected = Record<string, { script: string } & ShellResult>;

function readExpected(): Expected {
  return JSON.parse(readFileSync(EXPECTED, "utf8")) as Expected;
}

test("there are more than 230 lines, each with a name of its own", () => {
  expect(SHELL_LINES.length).toBeGreaterThan(230);
  expect(new Set(SHELL_LINES.map(({ name }) => name)).size).toBe(SHELL_LINES.length);
});

describe("the real Linux", () => {
  const reason = whyNotNative();
  if (reason !== null) console.warn(`shell lines are compared with expected.json only: ${reason}`);
  test.skipIf(reason !== null)("answers as recorded", { timeout: 120_000 }, async () => {
    const busybox = await fetchBusybox(join(projectRoot(), "dist", "cache"));
    const results = runNatively(SHELL_LINES, busybox);
    const now: Expected = Object.fromEntries(
      SHELL_LINES.map(({ name, script }, i) => [name, { script, ...results[i] }]),
    );
    if (process.env["VITRINE_RECORD"] !== undefined)
      writeFileSync(EXPECTED, `${JSON.stringify(now, null, 1)}\n`);
    expect(now).toEqual(readExpected());
  });
});

describe("the guest", () => {
  const expected = readExpected();
  let guest: Guest;
  beforeAll(async () => {
    const scripts = SHELL_LINES.map(({ script }, i) => [`test/shell/${i}`, script]);
    guest = await Guest.start({ files: Object.fromEntries(scripts) });
  });
  afterAll(() => guest.stop());

  const variables = Object.entries(environment(PATH)).map(([name, value]) => `${name}=${value}`);
  SHELL_LINES.forEach(({ name, script }, i) => {
    test(`${name}: ${script.split("\n")[0].slice(0, 60)}`, async () => {
      expect(script, "recorded for this very line").toBe(expected[name].script);
      const got = await guest.exec(
        piped(
          `mkdir /tmp/work; cd /tmp/work; env -i ${variables.join(" ")} sh /test/shell/${i} 2>/dev/null; s=$?; cd /; rm -rf /tmp/work; exit $s`,
        ),
      );
      expect(got).toEqual({ output: expected[name].output, status: expected[name].status });
    });
  });
});

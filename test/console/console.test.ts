/**
 * `vitrine console` on a terminal, as a person uses it: the keys of job control, an editor, the terminal's size, power-off and
 * reboot. drive.py makes the terminal, so python3 is needed.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const PROMPT = "root@vitrine:[^\\n]*# ";
const CTRL_C = "\x03";
const CTRL_Z = "\x1a";
const ESCAPE = "\x1b";

const missing = spawnSync("python3", ["-c", "import pty"]).status === 0 ? null : "no python3 with pty";
if (missing !== null) {
  if (process.env["CI"]) throw new Error(`console tests: ${missing}`);
  console.warn(`console tests SKIPPED: ${missing}`);
}

interface Dialogue {
  output: string;
  status: number | null;
  failed: number | null;
}

/** Plays `steps` ([what to wait for, what to type]) on a terminal of 33 rows and 101 columns. */
function play(steps: [string, string][]): Dialogue {
  const driver = join(import.meta.dirname, "drive.py");
  const command = [process.execPath, join(ROOT, "host/bin/vitrine.mjs"), "console"];
  const run = spawnSync("python3", [driver, "33", "101", JSON.stringify(steps), ...command], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: { ...process.env, TERM: "xterm" },
  });
  expect(run.stderr).toBe("");
  const dialogue = JSON.parse(run.stdout) as Dialogue;
  if (dialogue.failed !== null) {
    expect.fail(
      `step ${dialogue.failed} (${steps[dialogue.failed]![0]}) not reached:\n${dialogue.output.slice(-2000)}`,
    );
  }
  return dialogue;
}

describe.skipIf(missing !== null)("vitrine console", () => {
  test("Ctrl-C ends, Ctrl-Z stops, fg resumes; poweroff ends with status 0", { timeout: 180_000 }, () => {
    const { output, status } = play([
      [PROMPT, "sleep 100\r"],
      ["sleep 100", CTRL_C],
      [PROMPT, "echo status $?\r"],
      ["status 130", ""],
      [PROMPT, "sleep 2; echo over\r"],
      ["sleep 2", CTRL_Z],
      ["Stopped", "jobs\r"],
      [PROMPT, "fg\r"],
      [PROMPT, "echo back $?\r"],
      ["back 0", ""],
      [PROMPT, "poweroff\r"],
    ]);
    expect(output).toContain("^C");
    expect(output).toContain("^Z");
    expect(status).toBe(0);
  });

  test("vi edits and saves; the terminal's size is known", { timeout: 180_000 }, () => {
    const { output, status } = play([
      [PROMPT, "stty size\r"],
      ["33 101", ""],
      [PROMPT, "vi /tmp/note\r"],
      // An Escape is one only if nothing follows it at once.
      ["- /tmp/note", "iglass caze\rsecond line"],
      ["second line", ESCAPE],
      ["- /tmp/note \\[Modified\\]", "1G$hrs:wq\r"],
      [PROMPT, "wc -c < /tmp/note; cat /tmp/note\r"],
      ["23\\r\\nglass case\\r\\nsecond line\\r\\n", ""],
      [PROMPT, "echo abXd\x1b[D\x7fc\r"],
      ["\\r\\nabcd\\r\\n", ""],
      [PROMPT, "poweroff\r"],
    ]);
    expect(status).toBe(0);
    expect(output).toContain("Linux version");
  });

  test("reboot boots again", { timeout: 180_000 }, () => {
    const { output, status } = play([
      [PROMPT, "touch /tmp/gone; reboot\r"],
      ["Linux version", ""],
      [PROMPT, "ls /tmp/gone; poweroff\r"],
    ]);
    expect(output).toContain("/tmp/gone: No such file or directory");
    expect(status).toBe(0);
  });

  test("Ctrl-A x leaves", { timeout: 180_000 }, () => {
    expect(play([[PROMPT, "\x01x"]]).status).toBe(0);
  });
});

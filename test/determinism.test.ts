/**
 * With the virtual clock time is counted in instructions and randomness comes from a seed: two runs are equal to the last
 * instruction. Without that no failure could be replayed.
 */
import { expect, test } from "vitest";
import { loadNodeAssets } from "../host/node.ts";
import { Machine } from "../host/machine.ts";

interface Run {
  /** Everything on the first serial port. */
  console: string;
  /** Instructions retired and interrupts taken until power-off. */
  instructions: number;
  interrupts: number;
  log: string;
}

const COMMANDS = [
  "echo $((6*7)); date; cat /proc/uptime",
  "for i in 1 2 3; do (sleep 0.$i; echo $i) & done; wait",
  "seq 2000 | sort -r | md5sum; head -c 16 /dev/urandom | md5sum",
  "i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done; ps | wc -l; cat /proc/stat /proc/interrupts | md5sum",
  "poweroff",
];

/**
 * Boots, and types each command when the prompt is there. Input comes from outside of the machine's time, so it is given at
 * the same moment of it in each run: when the prompt is printed, before the CPU executes anything more.
 */
async function bootAndRun(jit: boolean): Promise<Run> {
  const machine = new Machine(await loadNodeAssets());
  let output = "";
  let next = 0;
  const off = new Promise<void>((resolve, reject) => {
    void machine.listen({
      serial: (bytes) => {
        output += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
        if (/# (\x1b\[6n)?$/.test(output) && next < COMMANDS.length) {
          machine.serialWrite(Buffer.from(`${COMMANDS[next++]}\r`));
        }
      },
      power: (state, detail) => {
        if (state === "off") resolve();
        if (state === "crashed") reject(new Error(detail));
      },
    });
  });
  await machine.powerOn({ clock: "virtual", jit });
  await off;
  const { instructions, interrupts } = machine.readStats();
  return { console: output, instructions, interrupts, log: await machine.kernelLog() };
}

test("two runs with the virtual clock are equal", { timeout: 120_000 }, async () => {
  const first = await bootAndRun(false);
  expect(first.console).toContain("\r\n42\r\n");
  expect(first.console).toContain("\r\n1\r\n2\r\n3\r\n");
  const second = await bootAndRun(false);
  expect(second.console).toBe(first.console);
  expect(second.log).toBe(first.log);
  expect(second.instructions).toBe(first.instructions);
  expect(second.interrupts).toBe(first.interrupts);
});

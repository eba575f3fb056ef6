/**
 * With the virtual clock time is counted in instructions and randomness comes from a seed: two runs are equal to the last
 * instruction. Without that no failure could be replayed.
 *
 * Input comes from outside of the machine's time, so it must arrive at the same moment of it in each run. The shell is
 * therefore on the second serial port, whose bytes the host sees as they are sent: the next command is typed in the same
 * instant in which the prompt is complete.
 */
import { expect, test } from "vitest";
import { concatenate, archiveOf } from "./harness/initramfs.ts";
import { loadNodeAssets } from "../host/node.ts";
import { Machine } from "../host/machine.ts";

interface Run {
  /** Everything on the two serial ports. */
  console: string;
  shell: string;
  /** Until power-off: instructions retired, exceptions and interrupts taken. */
  instructions: number;
  exceptions: number;
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
const INITTAB = "::sysinit:/etc/init.d/rcS\nttyS1::respawn:-/bin/sh\n";

async function bootAndRun(): Promise<Run> {
  let shell = "";
  let output = "";
  let next = 0;
  const machine: Machine = new Machine(await loadNodeAssets(), {
    serial1: (byte) => {
      shell += String.fromCharCode(byte);
      if (!shell.endsWith("# ") || next === COMMANDS.length) return;
      machine.board?.serial[1].receive(Buffer.from(`${COMMANDS[next++]}\r`));
    },
  });
  const off = new Promise<void>((resolve, reject) => {
    void machine.listen({
      serial: (bytes) =>
        (output += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")),
      power: (state, detail) => {
        if (state === "off") resolve();
        if (state === "crashed") reject(new Error(detail));
      },
    });
  });
  const initrd = concatenate(machine.assets.initramfs, archiveOf({ "etc/inittab": INITTAB }));
  await machine.powerOn({ clock: "virtual", initrd });
  await off;
  const { instructions, exceptions, interrupts } = machine.readStats();
  return { console: output, shell, instructions, exceptions, interrupts, log: await machine.kernelLog() };
}

test("two runs with the virtual clock are equal", { timeout: 120_000 }, async () => {
  const first = await bootAndRun();
  expect(first.shell).toContain("\r\n42\r\n");
  expect(first.shell).toMatch(/\r\n1\r\n(.*\r\n)*2\r\n(.*\r\n)*3\r\n/);
  const second = await bootAndRun();
  expect(second).toEqual(first);
});

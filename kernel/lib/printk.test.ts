import { expect, test } from "vitest";
import type { Kernel } from "../kernel.ts";
import { LOGLEVEL_ERR, Printk } from "./printk.ts";

function log(clock_ns = 0): Printk {
  return new Printk({ time: { sched_clock_ns: () => clock_ns } } as unknown as Kernel);
}

test("lines carry their time; continuation lines too", () => {
  const printk = log(12_345_678_900);
  printk.info("one\ntwo\n");
  expect(printk.log()).toBe("[   12.345678] one\n[   12.345678] two\n");
  const [record] = [printk.record(0)];
  expect(record && printk.formatKmsg(record)).toBe("6,0,12345678,-;one\n two\n");
});

test("a new console shows the log so far, and then what its level lets through", () => {
  const printk = log();
  printk.debug("hidden");
  printk.info("early");
  let shown = "";
  printk.registerConsole({ name: "ttyS0", isBoot: false, write: (text) => (shown += text) });
  printk.parseCommandLine("quiet");
  printk.info("not shown");
  printk.err("shown");
  expect(shown).toBe(
    "[    0.000000] early\n[    0.000000] printk: console [ttyS0] enabled\n[    0.000000] shown\n",
  );
});

test("what programs write to /dev/kmsg has their level", () => {
  const printk = log();
  printk.writeKmsg("<3>broken\n");
  expect(printk.record(0)).toMatchObject({ level: LOGLEVEL_ERR, facility: 1, text: "broken" });
});

test("old records go when the buffer is full", () => {
  const printk = log();
  for (let i = 0; i < 10_000; i++) printk.info("x".repeat(100));
  expect(printk.first_seq).toBeGreaterThan(0);
  expect(printk.record(printk.first_seq)?.seq).toBe(printk.first_seq);
  expect(printk.record(printk.first_seq - 1)).toBe(undefined);
  expect(printk.record(9_999)?.seq).toBe(9_999);
});

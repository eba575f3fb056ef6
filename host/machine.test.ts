/** The whole machine through MachineApi: needs dist/ (npm run build). */
import { afterEach, expect, test } from "vitest";
import type { PowerState, Screen } from "./api.ts";
import { ConsoleSession } from "./cli/session.ts";

let session: ConsoleSession | null = null;

afterEach(async () => {
  await session?.end();
  session = null;
});

/** The text screen as lines. */
function lines(screen: Screen | null): string[] {
  if (screen?.mode !== "text") throw new Error("no text screen");
  const { columns, rows, cells } = screen;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => String.fromCharCode(cells[(row * columns + column) * 2]))
      .join("")
      .trimEnd(),
  );
}

async function until(test: () => boolean | Promise<boolean>, timeout_ms = 10_000): Promise<void> {
  const end_ms = performance.now() + timeout_ms;
  while (!(await test())) {
    if (performance.now() > end_ms) throw new Error("waited too long");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("boots to a shell on the serial port and computes", async () => {
  session = await ConsoleSession.start();
  expect(await session.run("echo $((6*7))")).toEqual({ output: "42\n", status: 0 });
  expect((await session.run("false")).status).toBe(1);
  expect(await session.machine.kernelLog()).toMatch(/^\[ +0\.000000\] Linux version /);
});

test("the screen shows tty1, which takes keys; nothing new is null", async () => {
  session = await ConsoleSession.start();
  const { machine } = session;
  await until(async () => lines(await machine.screen(true)).some((line) => /^root@.*# ?$/.test(line)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await machine.screen(true);
  expect(await machine.screen(false)).toBeNull();
  // t t y Enter, each pressed and released
  await machine.keyboardInput(Uint8Array.of(0x14, 0x94, 0x14, 0x94, 0x15, 0x95, 0x1c, 0x9c));
  await until(async () => lines(await machine.screen(true)).includes("/dev/tty1"));
});

test("two boots with the virtual clock are the same to the instruction", async () => {
  const boot = async (): Promise<[string, number]> => {
    const once = await ConsoleSession.powerOn({ clock: "virtual" });
    once.type("sleep 5; date; ls -l / | sort; ps; poweroff\n");
    await once.waitForOff();
    return [once.output, once.machine.readStats().instructions];
  };
  const first = await boot();
  expect(first[0]).toContain("Jan  1 00:00:0");
  expect(await boot()).toEqual(first);
});

test("the reset button boots again; RAM disk contents are gone, the counters go on", async () => {
  session = await ConsoleSession.start();
  await session.run("echo kept > /tmp/file");
  const before = session.machine.readStats();
  session.output = "";
  await session.machine.reset();
  await session.waitFor(/# $/);
  expect((await session.run("cat /tmp/file")).status).toBe(1);
  const after = session.machine.readStats();
  expect(after.instructions).toBeGreaterThan(before.instructions);
  expect(after.seconds).toBeGreaterThan(before.seconds);
});

test("reboot and poweroff from the shell", async () => {
  session = await ConsoleSession.start();
  session.output = "";
  session.type("reboot\n");
  await session.waitFor(/Linux version[^]*# $/);
  session.type("poweroff\n");
  await session.waitForOff();
  expect(session.machine.state satisfies PowerState).toBe("off");
  expect(session.machine.readStats().instructions).toBeGreaterThan(0);
  expect(await session.machine.kernelLog()).toContain("reboot: Power down");
});

test("power off and on again gives a fresh machine", async () => {
  session = await ConsoleSession.start({ memory_bytes: 64 << 20 });
  await session.machine.powerOff();
  session.output = "";
  await session.machine.powerOn({ memory_bytes: 128 << 20 });
  await session.waitFor(/# $/);
  const { output } = await session.run("grep MemTotal /proc/meminfo");
  expect(Number(/\d+/.exec(output)?.[0])).toBeGreaterThan(100_000);
});

test("an idle machine sleeps: no processor time, and the time is accounted as idle", async () => {
  session = await ConsoleSession.start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = session.machine.readStats();
  const cpu_before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const cpu = process.cpuUsage(cpu_before);
  const after = session.machine.readStats();
  expect(after.state).toBe("asleep");
  expect((cpu.user + cpu.system) / 1e6).toBeLessThan(0.1);
  const seconds = after.seconds - before.seconds;
  expect((after.idle_seconds - before.idle_seconds) / seconds).toBeGreaterThan(0.95);
});

test("a busy machine accounts its time to user and kernel", async () => {
  session = await ConsoleSession.start();
  await session.run("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done");
  const { seconds, user_seconds, kernel_seconds, idle_seconds, instructions_user } =
    session.machine.readStats();
  expect(user_seconds).toBeGreaterThan(kernel_seconds * 0.2);
  expect(instructions_user).toBeGreaterThan(1e6);
  const sum = user_seconds + kernel_seconds + idle_seconds;
  expect(sum).toBeLessThanOrEqual(seconds * 1.01);
  expect(sum).toBeGreaterThan(seconds * 0.5);
});

test("more input than a terminal line holds waits for its reader", async () => {
  session = await ConsoleSession.start();
  const commands = Array.from({ length: 400 }, (_, n) => `a${n}=${n}`).join("\n");
  session.type(`sleep 1\n${commands}\n`);
  const { output } = await session.run("echo $a0 $a123 $a399", 30_000);
  expect(output).toMatch(/^0 123 399$/m);
});

test("what cannot be built is refused in words", async () => {
  const refused = (config: object): Promise<string> =>
    ConsoleSession.powerOn(config).then(
      async (started) => {
        await started.end();
        return "started";
      },
      (error: Error) => error.message,
    );
  expect(await refused({ memory_bytes: 1 << 20 })).toMatch(/memory must be between/);
  expect(await refused({ memory_bytes: (64 << 20) + 4096 })).toMatch(/multiple of 4 MiB/);
  expect(await refused({ kernel: new Uint8Array(100) })).toMatch(/not a bzImage/);
  expect(await refused({ append: "x".repeat(3000) })).toMatch(/command line is too long/);
});

import { describe, expect, test } from "vitest";
import type { File } from "../../fs/file.ts";
import { kernelIter } from "../../mm/iov_iter.ts";
import type { Kernel } from "../../kernel.ts";
import type { Task } from "../../task/task.ts";
import { EAGAIN } from "../../uapi/errno.ts";
import { O_NONBLOCK } from "../../uapi/fcntl.ts";
import * as T from "../../uapi/termios.ts";
import { standardTermios } from "./termios.ts";
import { setTermios } from "./tty_ioctl.ts";
import { Tty, TtyDriver, ttyFops } from "./tty_io.ts";

/** A terminal whose device keeps what it is sent, and whose foreground group's signals are counted. */
function terminal(change?: (termios: ReturnType<typeof standardTermios>) => void) {
  let sent = "";
  let room = 100000;
  const signals: string[] = [];
  const kernel = {
    tasks: { pgrp: () => [], session: () => [] },
    time: { monotonic_ns: () => 0 },
    printk: { warn: () => undefined },
  } as unknown as Kernel;
  const termios = standardTermios();
  change?.(termios);
  const driver = new TtyDriver(kernel, "test", "test", 1, 0, 1, "serial", 0, termios, {
    write: (_tty, bytes) => {
      const taken = Math.min(room, bytes.length);
      sent += String.fromCharCode(...bytes.subarray(0, taken));
      room -= taken;
      return taken;
    },
    writeRoom: () => room,
  });
  const tty = new Tty(driver, 0);
  const file = { ops: ttyFops, f_flags: O_NONBLOCK, private_data: tty } as unknown as File;
  const task = { signal: { tty: null, pgrp: 1 }, kernel } as unknown as Task;
  const run = (sleep: Generator<void, number, void>): number => {
    const step = sleep.next();
    if (!step.done) throw new Error("slept");
    return step.value;
  };
  return {
    tty,
    signals,
    type(text: string): string {
      sent = "";
      const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
      tty.ldisc.receive(bytes, null);
      return sent;
    },
    read(count = 100): string | number {
      const bytes = new Uint8Array(count);
      const result = run(tty.ldisc.read(task, file, kernelIter(bytes)));
      return result < 0 ? result : String.fromCharCode(...bytes.subarray(0, result));
    },
    print(text: string): string {
      sent = "";
      run(
        tty.ldisc.write(
          task,
          file,
          Uint8Array.from(text, (c) => c.charCodeAt(0)),
        ),
      );
      return sent;
    },
    set(edit: (wanted: ReturnType<typeof standardTermios>) => void): void {
      const wanted = { ...tty.termios, c_cc: tty.termios.c_cc.slice() };
      edit(wanted);
      setTermios(tty, wanted);
    },
    setRoom(bytes: number): void {
      room = bytes;
    },
  };
}

describe("canonical input", () => {
  test("a line is readable when it ends, one line a read", () => {
    const t = terminal();
    t.type("ab");
    expect(t.read()).toBe(-EAGAIN);
    t.type("c\rdef\r");
    expect(t.tty.ldisc.nr_readable).toBe(8);
    expect(t.read()).toBe("abc\n");
    expect(t.read(2)).toBe("de");
    expect(t.read()).toBe("f\n");
  });

  test("^D ends a line without being part of it; alone it is an end of file", () => {
    const t = terminal();
    t.type("ab\x04");
    expect(t.read()).toBe("ab");
    expect(t.read()).toBe(-EAGAIN);
    t.type("\x04");
    expect(t.read()).toBe("");
  });

  test("a read as long as the line takes the end mark along", () => {
    const t = terminal();
    t.type("abc\x04");
    expect(t.read(3)).toBe("abc");
    expect(t.read()).toBe(-EAGAIN);
  });

  test("an overlong line keeps its end", () => {
    const t = terminal((termios) => (termios.c_lflag &= ~T.ECHO));
    t.type("x".repeat(6000));
    t.type("\n");
    const line = t.read(8192) as string;
    expect(line.length).toBe(4096);
    expect(line.endsWith("x\n")).toBe(true);
  });

  test("leaving canonical mode makes the unfinished line readable", () => {
    const t = terminal();
    t.type("abc");
    t.set((termios) => (termios.c_lflag &= ~T.ICANON));
    expect(t.read()).toBe("abc");
  });
});

describe("editing and echo", () => {
  test("echo of plain and control characters", () => {
    const t = terminal();
    expect(t.type("a\x01")).toBe("a^A");
    expect(t.type("\r")).toBe("\r\n");
  });

  test("erase, also of a control character shown as two", () => {
    const t = terminal();
    t.type("ab\x01");
    expect(t.type("\x7f")).toBe("\b \b\b \b");
    expect(t.type("\x7f")).toBe("\b \b");
    expect(t.type("\r")).toBe("\r\n");
    expect(t.read()).toBe("a\n");
    expect(t.type("\x7f")).toBe("");
  });

  test("erase of a tab goes back to where it began", () => {
    const t = terminal();
    t.type("ab\t");
    expect(t.type("\x7f")).toBe("\b".repeat(6));
  });

  test("word and line kill", () => {
    const t = terminal();
    t.type("one two  ");
    expect(t.type("\x17")).toBe("\b \b".repeat(5));
    expect(t.type("\x15")).toBe("\b \b".repeat(4));
    t.type("z\n");
    expect(t.read()).toBe("z\n");
  });

  test("UTF-8 characters are erased as a whole", () => {
    const t = terminal((termios) => (termios.c_iflag |= T.IUTF8));
    t.type("a\xc3\xa9");
    expect(t.type("\x7f")).toBe("\b \b");
    t.type("\n");
    expect(t.read()).toBe("a\n");
  });

  test("^V takes the next character as it is; ^R shows the line again", () => {
    const t = terminal();
    expect(t.type("a\x16\x03")).toBe("a^\b^C");
    expect(t.type("\x12")).toBe("^R\r\na^C");
    t.type("\n");
    expect(t.read()).toBe("a\x03\n");
  });

  test("ECHONL echoes newlines only", () => {
    const t = terminal((termios) => (termios.c_lflag = (termios.c_lflag & ~T.ECHO) | T.ECHONL));
    expect(t.type("secret\r")).toBe("\r\n");
  });

  test("ECHOPRT shows what is erased", () => {
    const t = terminal((termios) => (termios.c_lflag |= T.ECHOPRT));
    t.type("abc");
    expect(t.type("\x7f\x7f")).toBe("\\cb");
    expect(t.type("x")).toBe("/x");
  });
});

describe("signals and flow control", () => {
  test("^C drops what was typed and shows itself", () => {
    const t = terminal();
    t.type("abc");
    expect(t.type("\x03")).toBe("^C");
    t.type("d\n");
    expect(t.read()).toBe("d\n");
  });

  test("NOFLSH keeps it", () => {
    const t = terminal((termios) => (termios.c_lflag |= T.NOFLSH));
    t.type("abc\x03\n");
    expect(t.read()).toBe("abc\n");
  });

  test("^S and ^Q stop and start", () => {
    const t = terminal();
    t.type("\x13");
    expect(t.tty.flowStopped).toBe(true);
    t.type("\x11");
    expect(t.tty.flowStopped).toBe(false);
    expect(t.read()).toBe(-EAGAIN);
  });
});

describe("raw input", () => {
  const raw = (minimum: number, time: number) =>
    terminal((termios) => {
      termios.c_lflag &= ~(T.ICANON | T.ECHO | T.ISIG);
      termios.c_iflag = 0;
      termios.c_cc[T.VMIN] = minimum;
      termios.c_cc[T.VTIME] = time;
    });

  test("bytes pass as they are", () => {
    const t = raw(1, 0);
    t.type("\x03\x04\r\x7f");
    expect(t.read()).toBe("\x03\x04\r\x7f");
  });

  test("VMIN 0 VTIME 0 never waits", () => {
    const t = raw(0, 0);
    expect(t.read()).toBe("");
    t.type("a");
    expect(t.read()).toBe("a");
  });

  test("poll waits for VMIN bytes", () => {
    const t = raw(3, 0);
    const file = { ops: ttyFops } as unknown as File;
    t.type("ab");
    expect(t.tty.ldisc.poll(file) & 1).toBe(0);
    t.type("c");
    expect(t.tty.ldisc.poll(file) & 1).toBe(1);
  });

  test("the buffer takes 4095 bytes and leaves the rest with the port", () => {
    const t = raw(1, 0);
    expect(t.tty.ldisc.receive(new Uint8Array(5000), null)).toBe(4095);
    expect((t.read(8192) as string).length).toBe(4095);
  });
});

describe("output", () => {
  test("ONLCR, and plain newlines without OPOST", () => {
    const t = terminal();
    expect(t.print("a\nb")).toBe("a\r\nb");
    t.set((termios) => (termios.c_oflag &= ~T.OPOST));
    expect(t.print("a\nb")).toBe("a\nb");
  });

  test("XTABS expands to the next stop", () => {
    const t = terminal((termios) => (termios.c_oflag |= T.XTABS));
    expect(t.print("ab\tc\n\td")).toBe("ab      c\r\n        d");
  });

  test("echo that finds no room comes later, in order", () => {
    const t = terminal();
    t.setRoom(2);
    expect(t.type("ab\x01")).toBe("ab");
    t.setRoom(100);
    expect(t.type("c")).toBe("^Ac");
  });
});

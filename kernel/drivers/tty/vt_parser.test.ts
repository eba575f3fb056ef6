import { describe, expect, test } from "vitest";
import { glyphToUnicode } from "./consolemap.ts";
import { VcData, type Display } from "./vc_data.ts";
import { VtParser } from "./vt_parser.ts";

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A console, what it answered, and a display that is kept up to date only through what flush() says. */
class Screen implements Display {
  readonly vc: VcData;
  readonly parser: VtParser;
  answers = "";
  readonly shown: Uint16Array;
  cursor = { row: 0, column: 0, isVisible: true };

  constructor(
    readonly columns = 20,
    readonly rows = 6,
  ) {
    this.vc = new VcData(0, columns, rows);
    this.parser = new VtParser(this.vc, (text) => (this.answers += text));
    this.shown = new Uint16Array(columns * rows);
  }

  putCells(row: number, column: number, cells: Uint16Array, offset: number, count: number): void {
    this.shown.set(cells.subarray(offset, offset + count), row * this.columns + column);
  }

  scroll(top: number, bottom: number, lines: number): void {
    const { columns } = this;
    const n = Math.abs(lines);
    if (lines > 0) this.shown.copyWithin(top * columns, (top + n) * columns, bottom * columns);
    else this.shown.copyWithin((top + n) * columns, top * columns, (bottom - n) * columns);
  }

  moveCursor(row: number, column: number, isVisible: boolean): void {
    this.cursor = { row, column, isVisible };
  }

  write(text: string): this {
    this.parser.write(bytesOf(text));
    this.vc.flush(this);
    // Whatever the way it came about, the display shows the cells.
    expect([...this.shown]).toEqual([...this.vc.cells]);
    return this;
  }

  line(row: number): string {
    const cells = this.vc.cells.subarray(row * this.columns, (row + 1) * this.columns);
    return [...cells]
      .map((cell) => String.fromCharCode(glyphToUnicode(cell & 0xff)))
      .join("")
      .trimEnd();
  }

  attribute(row: number, column: number): number {
    return this.vc.cells[row * this.columns + column] >> 8;
  }
}

describe("text", () => {
  test("lines wrap only when the next character comes", () => {
    const screen = new Screen(5, 3).write("abcde");
    expect(screen.cursor).toEqual({ row: 0, column: 4, isVisible: true });
    screen.write("f");
    expect([screen.line(0), screen.line(1)]).toEqual(["abcde", "f"]);
  });

  test("the screen scrolls at its bottom", () => {
    const screen = new Screen(10, 3).write("1\r\n2\r\n3\r\n4\r\n5");
    expect([0, 1, 2].map((row) => screen.line(row))).toEqual(["3", "4", "5"]);
  });

  test("UTF-8 becomes glyphs of the font, the unknown a block", () => {
    expect(new Screen().write("é─█Ж").line(0)).toBe("é─█■");
    expect(new Screen().write("\x1b%@").vc.isUtf8).toBe(false);
  });

  test("broken UTF-8 shows a replacement and loses nothing after it", () => {
    const screen = new Screen();
    screen.parser.write(Uint8Array.of(0xc3, 0x41, 0xff, 0x42));
    screen.vc.flush(screen);
    expect(screen.line(0)).toBe("■A■B");
  });

  test("line drawing through ESC ( 0 and through SO", () => {
    expect(new Screen().write("\x1b(0lqk\x1b(Bq").line(0)).toBe("┌─┐q");
    expect(new Screen().write("\x0elqk\x0fq").line(0)).toBe("┌─┐q");
  });

  test("tabs stop every eight columns, and where they are set", () => {
    const screen = new Screen(20, 2).write("a\tb\r\x1b[3g\x1b[5C\x1bH\r\tc");
    expect(screen.line(0)).toBe("a    c  b");
  });
});

describe("cursor and erasing", () => {
  test("positioning", () => {
    const screen = new Screen().write("\x1b[3;5Hx\x1b[Ay\x1b[2Dz\x1b[4dw\x1b[Gv");
    expect([1, 2, 3].map((row) => screen.line(row))).toEqual(["    zy", "    x", "v    w"]);
  });

  test("erase in line and display", () => {
    const screen = new Screen(6, 3).write("aaaaaa\r\nbbbbbb\r\ncccccc\x1b[2;3H\x1b[K");
    expect(screen.line(1)).toBe("bb");
    screen.write("\x1b[1K");
    expect(screen.line(1)).toBe("");
    screen.write("\x1b[J");
    expect([screen.line(0), screen.line(2)]).toEqual(["aaaaaa", ""]);
    screen.write("\x1b[2J");
    expect(screen.line(0)).toBe("");
  });

  test("insert and delete characters and lines", () => {
    const screen = new Screen(6, 4).write("abcdef\x1b[1;2H\x1b[2@");
    expect(screen.line(0)).toBe("a  bcd");
    screen.write("\x1b[3P");
    expect(screen.line(0)).toBe("acd");
    screen.write("\x1b[2;1H2\r\n3\r\n4\x1b[2;1H\x1b[L");
    expect([1, 2, 3].map((row) => screen.line(row))).toEqual(["", "2", "3"]);
    screen.write("\x1b[2M");
    expect([1, 2, 3].map((row) => screen.line(row))).toEqual(["3", "", ""]);
  });

  test("scroll regions keep the lines outside", () => {
    const screen = new Screen(6, 5).write("1\r\n2\r\n3\r\n4\r\n5\x1b[2;4r\x1b[4;1H\n\nx");
    expect([0, 1, 2, 3, 4].map((row) => screen.line(row))).toEqual(["1", "4", "", "x", "5"]);
    screen.write("\x1b[2;1H\x1bMy");
    expect([0, 1, 2, 3, 4].map((row) => screen.line(row))).toEqual(["1", "y", "4", "", "5"]);
  });

  test("save and restore, hide and show, autowrap off", () => {
    const screen = new Screen(6, 3).write("\x1b[2;3H\x1b[31m\x1b7\x1b[m\x1b[H\x1b8x\x1b[?25l");
    expect(screen.line(1)).toBe("  x");
    expect(screen.attribute(1, 2)).toBe(0x04);
    expect(screen.cursor.isVisible).toBe(false);
    screen.write("\x1b[?25h\x1b[?7l\x1b[1;1Habcdefgh");
    expect(screen.line(0)).toBe("abcdeh");
  });
});

describe("colours", () => {
  test("SGR to VGA attributes", () => {
    const screen = new Screen(10, 2).write("\x1b[31ma\x1b[1mb\x1b[0;7mc\x1b[0;44;97md\x1b[0me");
    expect([0, 1, 2, 3, 4].map((column) => screen.attribute(0, column))).toEqual([
      0x04, 0x0c, 0x70, 0x1f, 0x07,
    ]);
  });

  test("256 colours take the nearest of sixteen", () => {
    const screen = new Screen(10, 2).write("\x1b[38;5;196ma\x1b[48;2;0;0;200mb\x1b[39;49mc");
    expect(screen.attribute(0, 0)).toBe(0x0c);
    expect(screen.attribute(0, 1)).toBe(0x1c);
    expect(screen.attribute(0, 2)).toBe(0x07);
  });
});

describe("answers and odd sequences", () => {
  test("device attributes, status, cursor position", () => {
    expect(new Screen().write("\x1b[c\x1b[5n\x1b[3;4H\x1b[6n").answers).toBe("\x1b[?6c\x1b[0n\x1b[3;4R");
  });

  test("what is not understood prints nothing", () => {
    const screen = new Screen().write(
      "\x1b[?1049h\x1b]0;title\x07\x1b]2;x\x1b\\\x1b[>4;1m\x1bPq#0\x1b\\\x1b[[Aok",
    );
    expect(screen.line(0)).toBe("ok");
  });

  test("control characters work inside a sequence", () => {
    expect(new Screen().write("ab\x1b[\b1Cx").line(0)).toBe("abx");
  });

  test("random bytes never break it", () => {
    const screen = new Screen(13, 7);
    let seed = 1;
    const noise = Uint8Array.from({ length: 20000 }, () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      const pick = (seed >> 8) % 6;
      return pick < 2 ? 0x1b : pick < 3 ? 0x5b : (seed >> 12) & 0xff;
    });
    for (let i = 0; i < noise.length; i += 50) {
      screen.parser.write(noise.subarray(i, i + 50));
      screen.vc.flush(screen);
    }
    expect([...screen.shown]).toEqual([...screen.vc.cells]);
  });
});

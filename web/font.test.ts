/** The font is complete, and its line characters meet at the cell's edges. */
import { expect, test } from "vitest";
import { CP437, FONT, GLYPH_HEIGHT } from "./font.ts";

const rows = (character: string) => {
  const code = CP437.indexOf(character);
  return [...FONT.subarray(code * GLYPH_HEIGHT, (code + 1) * GLYPH_HEIGHT)];
};

test("256 characters, each once but for the blanks, each with a picture of its own", () => {
  expect(CP437.length).toBe(256);
  const pictures = new Map<string, string>();
  for (const character of CP437) {
    if (character.trim() === "") continue;
    const picture = rows(character).join();
    expect(pictures.get(picture), character).toBeUndefined();
    pictures.set(picture, character);
    expect(Math.max(...rows(character)), character).toBeGreaterThan(0);
  }
});

test.each([
  ["│", "┼", "top"],
  ["│", "╪", "bottom"],
  ["║", "╬", "top"],
  ["║", "╖", "bottom"],
  ["─", "┤", "left"],
  ["─", "╟", "right"],
  ["═", "╝", "left"],
  ["═", "╒", "right"],
])("%s joins %s at the %s", (line, other, edge) => {
  const at = (glyph: number[]) =>
    edge === "top"
      ? glyph[0]
      : edge === "bottom"
        ? glyph[GLYPH_HEIGHT - 1]
        : glyph.map((row) => row & (edge === "left" ? 0x80 : 0x01)).join();
  expect(at(rows(line))).toEqual(at(rows(other)));
});

/**
 * From Unicode to the 256 characters of the display's font (code page 437) and from the older character sets to Unicode.
 * Linux: drivers/tty/vt/consolemap.c, cp437.uni. Source: IBM code page 437 as registered with IANA.
 */

/** Unicode of the 256 glyphs, in order. */
// prettier-ignore
const CP437 =
  "\u0000☺☻♥♦♣♠•◘○◙♂♀♪♫☼" +
  "►◄↕‼¶§▬↨↑↓→←∟↔▲▼" +
  " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂" +
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ" +
  "áíóúñÑªº¿⌐¬½¼¡«»" +
  "░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
  "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/** Characters the font lacks, shown by the glyph that comes closest. */
// prettier-ignore
const SUBSTITUTES: [string, string][] = [
  ["¨", "\""], ["©", "c"], ["\u00ad", "-"], ["®", "r"], ["¯", "-"], ["´", "'"], ["¸", ","], ["¹", "1"], ["³", "3"],
  ["ÀÁÂÃ", "A"], ["È", "E"], ["ÊË", "E"], ["ÌÍÎÏ", "I"], ["ÒÓÔÕØ", "O"], ["ÙÚÛ", "U"], ["ãã", "a"], ["õø", "o"], ["Ýý", "y"],
  ["×", "x"], ["‐‑‒–—―", "-"], ["‘’‚‛", "'"], ["“”„‟", "\""], ["…", "."], ["‹", "<"], ["›", ">"], ["€", "E"], ["μ", "µ"],
  ["Δ", "⌂"], ["β", "ß"], ["Ω", "Ω"], ["⇐", "←"], ["⇒", "→"], ["⋅", "·"], ["◆", "♦"], ["\ufffd", "■"], ["✓✔", "√"],
  ["━┄┅┈┉╌╍╴╶╸╺", "─"], ["┃┆┇┊┋╎╏╵╷╹╻", "│"], ["┍┎┏╭", "┌"], ["┑┒┓╮", "┐"], ["┕┖┗╰", "└"], ["┙┚┛╯", "┘"],
  ["┝┞┟┠┡┢┣", "├"], ["┥┦┧┨┩┪┫", "┤"], ["┭┮┯┰┱┲┳", "┬"], ["┵┶┷┸┹┺┻", "┴"], ["┽┾┿╀╁╂╃╄╅╆╇╈╉╊╋", "┼"],
  ["▁▂▃", "▄"], ["▅▆▇", "█"], ["▉▊▋", "█"], ["▍▎▏", "▌"], ["▔", "▀"], ["▕", "▐"], ["●", "•"], ["◯", "○"], ["★☆", "*"],
];

/** Graphics set of DEC terminals (ESC ( 0): 0x5f-0x7e. */
const DEC_GRAPHICS = "\u00a0◆▒\t\f\r\n°±\u2424\u240b┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

const glyphOfUnicode = buildGlyphMap();

function buildGlyphMap(): Map<number, number> {
  const map = new Map<number, number>();
  for (let glyph = 255; glyph >= 1; glyph--) map.set(CP437.charCodeAt(glyph), glyph);
  for (const [from, to] of SUBSTITUTES) {
    for (const c of from)
      if (!map.has(c.codePointAt(0)!)) map.set(c.codePointAt(0)!, map.get(to.codePointAt(0)!)!);
  }
  for (const [scan, glyph] of [
    ["⎺", 0xdf],
    ["⎻", 0xc4],
    ["⎼", 0xc4],
    ["⎽", 0x5f],
    ["≠", 0x3d],
  ] as const) {
    if (!map.has(scan.charCodeAt(0))) map.set(scan.charCodeAt(0), glyph);
  }
  return map;
}

/** The glyph for a character; -1: none, not even a substitute. U+F000-U+F0FF name glyphs directly, as in Linux. */
export function unicodeToGlyph(code: number): number {
  if (code >= 0x20 && code < 0x7f) return code;
  if (code >= 0xf000 && code <= 0xf0ff) return code & 0xff;
  return glyphOfUnicode.get(code) ?? -1;
}

export function glyphToUnicode(glyph: number): number {
  return CP437.charCodeAt(glyph);
}

/** Shown for characters the font lacks. */
export const REPLACEMENT_GLYPH = 0xfe;

export type CharacterSet = "latin1" | "graphics" | "ibm" | "user";

/** A byte in a character set other than UTF-8, as Unicode. */
export function translate(set: CharacterSet, byte: number): number {
  if (set === "graphics") return byte >= 0x5f && byte <= 0x7e ? DEC_GRAPHICS.charCodeAt(byte - 0x5f) : byte;
  if (set === "ibm") return CP437.charCodeAt(byte);
  return set === "user" ? 0xf000 | byte : byte;
}

/** Whether a character takes two columns. Linux: ucs_is_double_width(). */
export function isDoubleWidth(code: number): boolean {
  return (
    code >= 0x1100 &&
    (code <= 0x115f ||
      code === 0x2329 ||
      code === 0x232a ||
      (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe30 && code <= 0xfe6f) ||
      (code >= 0xff00 && code <= 0xff60) ||
      (code >= 0xffe0 && code <= 0xffe6) ||
      (code >= 0x1f300 && code <= 0x1f64f) ||
      (code >= 0x1f900 && code <= 0x1f9ff) ||
      (code >= 0x20000 && code <= 0x3fffd))
  );
}

/** Whether a character takes no column: combining marks, joiners, byte order mark. */
export function isZeroWidth(code: number): boolean {
  return (
    (code >= 0x0300 && code <= 0x036f) ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x20d0 && code <= 0x20ff) ||
    (code >= 0xfe00 && code <= 0xfe0f) ||
    code === 0xfeff
  );
}

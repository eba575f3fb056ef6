/**
 * The character generator: code page 437 as 8 x 16 bit maps, drawn for this project.
 *
 * A row of GLYPHS is "code first-row bytes": hexadecimal code, hexadecimal number of the first row that is not blank,
 * then one byte per row, bit 7 leftmost. Capitals stand on row 11 and are ten rows high, small letters seven, descenders
 * end on row 14. Accented letters are composed of a letter and a mark; the line and block characters (0xb0 - 0xdf) are
 * computed from the arms they have, so that they join exactly. screen.ts paints with the result.
 */
export const GLYPH_WIDTH = 8;
export const GLYPH_HEIGHT = 16;

/** The Unicode character of each code, as the PC's character set shows it (control codes have pictures too). */
export const CP437 =
  " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼" +
  " !\"#$%&'()*+,-./0123456789:;<=>?" +
  "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_" +
  "`abcdefghijklmnopqrstuvwxyz{|}~⌂" +
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ" +
  "áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
  "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
  "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

const GLYPHS = `
01 3 3c42a581a599423c         02 3 3c7edbffdbe77e3c         03 4 66ffffff7e3c18
04 4 183c7eff7e3c18           05 3 183c3cdbffdb18183c       06 3 183c7effffdb18183c
07 6 183c3c18                 09 5 3c664242663c             0b 2 1f070d193c6666663c
0c 2 3c6666663c18187e1818     0d 2 1c1e1a18181878f870       0e 2 3f3f3333333377ff66
0f 4 995a3ce7e73c5a99         10 4 c0f0fcfffcf0c0           11 4 030f3fff3f0f03
12 3 183c7e1818187e3c18       13 2 66666666666666006666     14 2 7fdbdbdb7b1b1b1b1b1b
15 1 3c66603c6666663c06663c   16 9 7e7e7e                   17 3 183c7e18187e3c187e
18 3 183c7e181818181818       19 3 1818181818187e3c18       1a 5 180cfe0c18
1b 5 3060fe6030               1c 6 6060607e                 1d 5 2466ff6624
1e 5 18183c3c7eff             1f 5 ff7e3c3c1818
21 2 18181818181818001818     22 1 66666624                 23 3 6c6cfe6c6c6cfe6c6c
24 1 18183c6660703c0e06663c1818                             25 3 62660c0c1830306646
26 2 386c6c383076dcccdc76     27 1 18181810                 28 1 0c181830303030303018180c
29 1 3018180c0c0c0c0c0c181830 2a 5 663cff3c66               2b 5 18187e1818
2c a 18181830                 2d 7 7e                       2e a 1818
2f 2 06060c0c181830306060     30 2 3c66666e6e767666663c     31 2 1838781818181818187e
32 2 3c6666060c183060607e     33 2 3c6606061c060606663c     34 2 0c1c3c2c6c6c7e0c0c0c
35 2 7e6060607c660606663c     36 2 1c3060607c666666663c     37 2 7e6606060c0c18181818
38 2 3c6666663c666666663c     39 2 3c666666663e06060c38     3a 5 18180000001818
3b 5 181800000018181830       3c 3 060c18306030180c06       3d 6 7e00007e
3e 3 6030180c060c183060       3f 2 3c6666060c1818001818     40 2 3c62666e6a6a6e60623c
41 2 18183c3c66667e666666     42 2 7c6666667c666666667c     43 2 3c66606060606060663c
44 2 786c6666666666666c78     45 2 7e6060607c606060607e     46 2 7e6060607c6060606060
47 2 3c666060606e6666663e     48 2 666666667e6666666666     49 2 3c18181818181818183c
4a 2 1e0c0c0c0c0c0c6c6c38     4b 2 66666c6c78786c6c6666     4c 2 6060606060606060607e
4d 2 c6c6eeeefed6d6c6c6c6     4e 2 66666676767e6e6e6666     4f 2 3c66666666666666663c
50 2 7c666666667c60606060     51 2 3c666666666666666e3c06   52 2 7c666666667c6c6c6666
53 2 3c666060381c0606663c     54 2 7e181818181818181818     55 2 6666666666666666663c
56 2 6666666666663c3c1818     57 2 c6c6c6d6d6d6fefe6c6c     58 2 6666663c18183c666666
59 2 666666663c3c18181818     5a 2 7e06060c18183060607e     5b 1 3c303030303030303030303c
5c 2 6060303018180c0c0606     5d 1 3c0c0c0c0c0c0c0c0c0c0c3c 5e 1 183c66
5f d ff                       60 1 30180c                   61 5 3c66063e66663e
62 2 6060607c66666666667c     63 5 3c66606060663c           64 2 0606063e66666666663e
65 5 3c66667e60663c           66 2 1e30307c303030303030     67 5 3e66666666663e06663c
68 2 6060607c666666666666     69 2 1818003818181818183c    6a 2 0c0c001c0c0c0c0c0c0c0c6c38
6b 2 606060666c7870786c66     6c 2 3818181818181818183c     6d 5 ecfed6d6d6d6d6
6e 5 7c666666666666           6f 5 3c66666666663c           70 5 7c66666666667c606060
71 5 3e66666666663e060606     72 5 6e766060606060           73 5 3e60603c06067c
74 3 30307c30303030301e       75 5 6666666666663e           76 5 666666663c3c18
77 5 c6d6d6d6d6fe6c           78 5 66663c183c6666           79 5 6666666666663e060c78
7a 5 7e060c1830607e           7b 1 0e181818187018181818180e 7c 1 181818181818181818181818
7d 1 70181818180e181818181870 7e 6 76dc                    7f 5 183c6666667e
91 5 6e1b1b7fd8d86e           92 2 1f3c3c6c6f7ccccccccf     9b 3 18183c666060663c1818
9c 2 1c3630307c303030727e     9d 2 6666663c187e187e1818     9e 2 f0d8d8d8f6cfc6c6c6c3
9f 2 0e1b18187e18181818d870   a6 2 3c063e663e007e           a7 2 3c6666663c007e
a8 3 1818001818306066663c     a9 7 7e60606060               aa 7 7e06060606
ab 1 60e2666c183060dc860c183e ac 1 60e2666c183066ce9e3e0606 ad 3 18180018181818181818
ae 5 1b366c361b               af 5 d86c366cd8               e0 5 3b6e6c6c6c6e3b
e1 2 386c6c686c666666766c     e2 2 7e666060606060606060     e3 5 fe6c6c6c6c6c66
e4 2 7e60303018183030607e     e5 5 3f66666666663c           e6 5 66666666666e7a606060
e7 5 7e18181818180e           e8 2 3c183c666666663c183c     e9 2 3c6666667e666666663c
ea 2 3c6666666666662424e7     eb 2 1e30180c3e666666663c     ec 6 6edbdb76
ed 3 18187edbdbdbdb7e181818   ee 5 1e30603c60301e           ef 3 3c6666666666666666
f0 5 7e00007e00007e           f1 4 18187e181800007e         f2 3 30180c060c1830007e
f3 3 0c18306030180c007e       f4 2 0e1b1b1818181818181818181818                f5 0 181818181818181818d8d870
f6 5 1818007e001818           f7 5 76dc000076dc             f8 1 3c66663c
f9 7 1818                     fa 7 18                       fb 2 0f0c0c0c0c0c6c6c3c1c
fc 1 7c66666666               fd 1 3c660c18307e             fe 5 3c3c3c3c3c3c`;

/** Rows of a mark above a small letter (from row 1) or, moved up one row, above a capital. */
const MARKS = {
  acute: [0x0c, 0x18, 0x00],
  grave: [0x30, 0x18, 0x00],
  circumflex: [0x18, 0x66, 0x00],
  diaeresis: [0x66, 0x66, 0x00],
  ring: [0x18, 0x24, 0x18],
  tilde: [0x76, 0xdc, 0x00],
} as const;

/** Composed letters: code, the letter, the mark. "ı" stands for the letter i without its dot. */
// prettier-ignore
const COMPOSED: readonly (readonly [number, string, keyof typeof MARKS | "cedilla"])[] = [
  [0x80, "C", "cedilla"], [0x81, "u", "diaeresis"], [0x82, "e", "acute"], [0x83, "a", "circumflex"],
  [0x84, "a", "diaeresis"], [0x85, "a", "grave"], [0x86, "a", "ring"], [0x87, "c", "cedilla"],
  [0x88, "e", "circumflex"], [0x89, "e", "diaeresis"], [0x8a, "e", "grave"], [0x8b, "ı", "diaeresis"],
  [0x8c, "ı", "circumflex"], [0x8d, "ı", "grave"], [0x8e, "A", "diaeresis"], [0x8f, "A", "ring"],
  [0x90, "E", "acute"], [0x93, "o", "circumflex"], [0x94, "o", "diaeresis"], [0x95, "o", "grave"],
  [0x96, "u", "circumflex"], [0x97, "u", "grave"], [0x98, "y", "diaeresis"], [0x99, "O", "diaeresis"],
  [0x9a, "U", "diaeresis"], [0xa0, "a", "acute"], [0xa1, "ı", "acute"], [0xa2, "o", "acute"],
  [0xa3, "u", "acute"], [0xa4, "n", "tilde"], [0xa5, "N", "tilde"],
];

/**
 * Line characters 0xb3 - 0xda: the arms up, right, down, left; 0 none, 1 a single line, 2 a double one.
 */
const LINES =
  "1010 1011 1012 2021 0021 0012 2022 2020 0022 2002 2001 1002 0011 1100 1101 0111 1110 0101 1111 1210 2120 2200 0220 " +
  "2202 0222 2220 0202 2222 1202 2101 0212 0121 2100 1200 0210 0120 2121 1212 1001 0110";

function drawLines(arms: string): number[] {
  const [up, right, down, left] = [...arms].map(Number);
  const rows = new Array<number>(GLYPH_HEIGHT).fill(0);
  const fill = (x0: number, x1: number, y0: number, y1: number, ink: boolean) => {
    let mask = 0;
    for (let x = x0; x <= x1; x++) mask |= 0x80 >> x;
    for (let y = y0; y <= y1; y++) rows[y] = ink ? rows[y] | mask : rows[y] & ~mask;
  };
  const vertical = Math.max(up, down);
  const horizontal = Math.max(left, right);
  // Half the thickness of each stroke around the centre: columns 3-4, row 7.
  const [x0, x1] = vertical === 2 ? [1, 6] : [3, 4];
  const [y0, y1] = horizontal === 2 ? [6, 8] : [7, 7];

  if (up) fill(x0, x1, 0, y1, true);
  if (down) fill(x0, x1, y0, 15, true);
  if (left) fill(0, x1, y0, y1, true);
  if (right) fill(x0, 7, y0, y1, true);

  // Hollow out the double lines: all the way where they pass, else up to the single line they meet.
  const pastSingleRow = horizontal === 1 && !(up === 2 && down === 2);
  const pastSingleColumn = vertical === 1 && !(left === 2 && right === 2);
  if (up === 2) fill(3, 4, 0, pastSingleRow ? 6 : 7, false);
  if (down === 2) fill(3, 4, pastSingleRow ? 8 : 7, 15, false);
  if (left === 2) fill(0, pastSingleColumn ? 2 : 4, 7, 7, false);
  if (right === 2) fill(pastSingleColumn ? 5 : 3, 7, 7, 7, false);
  if (up === 1 && down === 1) fill(3, 4, 0, 15, true);
  if (left === 1 && right === 1) fill(0, 7, 7, 7, true);
  return rows;
}

function build(): Uint8Array {
  const font = new Uint8Array(256 * GLYPH_HEIGHT);
  const glyph = (code: number) => font.subarray(code * GLYPH_HEIGHT, (code + 1) * GLYPH_HEIGHT);

  for (const [, code, first, bytes] of GLYPHS.matchAll(/([0-9a-f]{2}) ([0-9a-f]) ((?:[0-9a-f]{2})+)/g)) {
    const rows = bytes.match(/../g) ?? [];
    glyph(parseInt(code, 16)).set(
      rows.map((row) => parseInt(row, 16)),
      parseInt(first, 16),
    );
  }

  for (const [code, letter, mark] of COMPOSED) {
    const base = glyph((letter === "ı" ? "i" : letter).charCodeAt(0));
    const target = glyph(code);
    target.set(base);
    if (mark === "cedilla") {
      target.set([0x18, 0x0c, 0x38], 12);
    } else if (letter === letter.toUpperCase() && letter !== "ı") {
      target.set(base.subarray(2, 4), 3); // one row less of the letter makes room for its mark
      target.set(MARKS[mark], 0);
    } else {
      target.fill(0, 0, 5);
      target.set(MARKS[mark], mark === "ring" ? 1 : 2);
    }
  }

  LINES.split(" ").forEach((arms, i) => glyph(0xb3 + i).set(drawLines(arms)));

  for (let y = 0; y < GLYPH_HEIGHT; y++) {
    glyph(0x08)[y] = ~glyph(0x07)[y];
    glyph(0x0a)[y] = ~glyph(0x09)[y];
    glyph(0xb0)[y] = y & 1 ? 0x88 : 0x22;
    glyph(0xb1)[y] = y & 1 ? 0xaa : 0x55;
    glyph(0xb2)[y] = y & 1 ? 0x77 : 0xdd;
    glyph(0xdb)[y] = 0xff;
    glyph(0xdc)[y] = y < 8 ? 0 : 0xff;
    glyph(0xdd)[y] = 0xf0;
    glyph(0xde)[y] = 0x0f;
    glyph(0xdf)[y] = y < 8 ? 0xff : 0;
  }
  return font;
}

/** 256 glyphs of 16 bytes, one byte per row, bit 7 leftmost. */
export const FONT: Uint8Array = build();

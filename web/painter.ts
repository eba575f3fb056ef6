/**
 * Turns what the video hardware shows into pixels: text cells with the font of font.ts and the VGA's sixteen colours,
 * or the linear frame buffer as it is. Keeps a frame in the guest's resolution and redraws only cells that changed;
 * screen.ts shows the frame on its canvas. Attribute byte: bits 0-3 foreground, 4-6 background, 7 blinking (IBM VGA,
 * "alphanumeric modes").
 */
import type { Screen } from "../host/api.ts";
import { CP437, FONT, GLYPH_HEIGHT, GLYPH_WIDTH } from "./font.ts";

type TextScreen = Extract<Screen, { mode: "text" }>;

/** The DAC's default colours, as the ABGR words of a little-endian ImageData. */
// prettier-ignore
const PALETTE = Uint32Array.from(
  [
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff,
    0xff5555, 0xff55ff, 0xffff55, 0xffffff,
  ],
  (rgb) => 0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16),
);

const BLINKING = 0x80;
/** The cursor is an underline: its first and last row. */
const CURSOR_ROWS = [13, 14];

export class Painter {
  /** The picture in the guest's resolution. */
  readonly frame: HTMLCanvasElement = document.createElement("canvas");

  private readonly context = this.frame.getContext("2d", { alpha: false })!;
  private image: ImageData = this.context.createImageData(1, 1);
  private pixels = new Uint32Array(1);
  private shown: TextScreen | null = null;
  private cursorOn = true;
  private blinkOn = true;

  paint(screen: Screen): void {
    if (screen.mode === "text") this.paintText(screen);
    else this.paintPixels(screen);
  }

  /** Shows the cursor and blinking characters in one of their two states; false if they are in it already. */
  blink(cursorOn: boolean, blinkOn: boolean): boolean {
    if (this.cursorOn === cursorOn && this.blinkOn === blinkOn) return false;
    const charactersToo = this.blinkOn !== blinkOn;
    this.cursorOn = cursorOn;
    this.blinkOn = blinkOn;
    const screen = this.shown;
    if (!screen) return false;
    for (let cell = 0; cell < screen.columns * screen.rows; cell++) {
      const blinking = charactersToo && (screen.cells[cell * 2 + 1] & BLINKING) !== 0;
      if (blinking || cell === cursorCell(screen)) this.paintCell(screen, cell);
    }
    this.context.putImageData(this.image, 0, 0);
    return true;
  }

  /** The screen's text, one line per row without trailing blanks; "" in a graphics mode. */
  text(): string {
    const screen = this.shown;
    if (!screen) return "";
    const lines: string[] = [];
    for (let row = 0; row < screen.rows; row++) {
      let line = "";
      for (let column = 0; column < screen.columns; column++) {
        const code = screen.cells[(row * screen.columns + column) * 2];
        line += code === 0 ? " " : CP437[code];
      }
      lines.push(line.trimEnd());
    }
    return lines.join("\n").trimEnd();
  }

  private paintText(screen: TextScreen): void {
    const last = this.shown;
    const resized = this.resize(screen.columns * GLYPH_WIDTH, screen.rows * GLYPH_HEIGHT);
    const all = resized || !last || last.columns !== screen.columns || last.rows !== screen.rows;
    const before = last ? cursorCell(last) : -1;
    const after = cursorCell(screen);
    this.shown = screen;
    for (let cell = 0; cell < screen.columns * screen.rows; cell++) {
      const at = cell * 2;
      const same =
        !all && last!.cells[at] === screen.cells[at] && last!.cells[at + 1] === screen.cells[at + 1];
      if (!same || cell === before || cell === after) this.paintCell(screen, cell);
    }
    this.context.putImageData(this.image, 0, 0);
  }

  private paintCell(screen: TextScreen, cell: number): void {
    const code = screen.cells[cell * 2];
    const attribute = screen.cells[cell * 2 + 1];
    const background = PALETTE[(attribute >> 4) & 7];
    const hidden = (attribute & BLINKING) !== 0 && !this.blinkOn;
    const foreground = hidden ? background : PALETTE[attribute & 15];
    const cursor = this.cursorOn && cell === cursorCell(screen);
    const stride = this.image.width;
    const column = cell % screen.columns;
    let at = ((cell - column) / screen.columns) * GLYPH_HEIGHT * stride + column * GLYPH_WIDTH;
    for (let y = 0; y < GLYPH_HEIGHT; y++, at += stride) {
      const underline = cursor && y >= CURSOR_ROWS[0] && y <= CURSOR_ROWS[1];
      const bits = underline ? 0xff : FONT[code * GLYPH_HEIGHT + y];
      // The cursor is drawn in the cell's foreground even where the character blinks.
      const ink = underline ? PALETTE[attribute & 15] : foreground;
      for (let x = 0; x < GLYPH_WIDTH; x++) this.pixels[at + x] = bits & (0x80 >> x) ? ink : background;
    }
  }

  private paintPixels(screen: Extract<Screen, { mode: "graphics" }>): void {
    this.shown = null;
    this.resize(screen.width, screen.height);
    this.image.data.set(screen.pixels);
    this.context.putImageData(this.image, 0, 0);
  }

  private resize(width: number, height: number): boolean {
    if (this.frame.width === width && this.frame.height === height) return false;
    this.frame.width = width;
    this.frame.height = height;
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    return true;
  }
}

/** Index of the cell that the cursor stands on, -1 if it is not shown. */
function cursorCell(screen: TextScreen): number {
  const { column, row, visible } = screen.cursor;
  return visible && column < screen.columns && row < screen.rows ? row * screen.columns + column : -1;
}

/**
 * VGA registers: CRT controller, sequencer, graphics and attribute controllers, palette DAC.
 *
 * Text memory at 0xb8000 is plain bytes of the RAM window (character, attribute, character, ...), so only the registers
 * live here; host/screen.ts reads both to show the screen. After reset the adapter is in mode 3 (80x25 text), as its BIOS
 * would leave it. Offsets are from port 0x3b0 (the whole range 0x3b0-0x3df). Source: IBM VGA Technical Reference (1992).
 * QUIRK: planar and chained graphics modes, loadable fonts and the write modes of the graphics controller have no
 * effect: their registers read back, the memory stays text. Graphics is the linear framebuffer of bochs_vbe.ts.
 */
import type { PortDevice } from "../bus.ts";
import type { Timeline } from "../clock.ts";

const MONO_CRTC_INDEX = 0x04; // 3b4
const MONO_CRTC_DATA = 0x05;
const MONO_STATUS1 = 0x0a; // 3ba
const ATTRIBUTE_ADDRESS = 0x10; // 3c0: index and data in turn
const ATTRIBUTE_READ = 0x11;
const MISC_WRITE_STATUS0 = 0x12; // 3c2
const SEQUENCER_INDEX = 0x14;
const SEQUENCER_DATA = 0x15;
const DAC_MASK = 0x16;
const DAC_READ_INDEX_STATE = 0x17;
const DAC_WRITE_INDEX = 0x18;
const DAC_DATA = 0x19;
const FEATURE_READ = 0x1a;
const MISC_READ = 0x1c;
const GRAPHICS_INDEX = 0x1e;
const GRAPHICS_DATA = 0x1f;
const CRTC_INDEX = 0x24; // 3d4
const CRTC_DATA = 0x25;
const STATUS1 = 0x2a; // 3da

const MISC_COLOR = 1 << 0; // CRTC at 3d4, not 3b4
const STATUS1_RETRACE = 1 << 3;
const STATUS1_BLANK = 1 << 0;

const CRTC_HORIZONTAL_DISPLAY_END = 0x01;
const CRTC_OVERFLOW = 0x07;
const CRTC_MAXIMUM_SCAN_LINE = 0x09;
const CRTC_CURSOR_START = 0x0a;
const CRTC_CURSOR_END = 0x0b;
const CRTC_START_HIGH = 0x0c;
const CRTC_CURSOR_HIGH = 0x0e;
const CRTC_VERTICAL_RETRACE_END = 0x11;
const CRTC_VERTICAL_DISPLAY_END = 0x12;
const CRTC_OFFSET = 0x13;
const CURSOR_OFF = 1 << 5;
const CRTC_PROTECT = 1 << 7; // of register 0x11: registers 0-7 are read only

/** Register values of mode 3, 80x25, 9x16 characters. VGA Technical Reference, "Mode tables". */
// prettier-ignore
const MODE_3_CRTC = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
  0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
];
const MODE_3_SEQUENCER = [0x03, 0x00, 0x03, 0x00, 0x02];
const MODE_3_GRAPHICS = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff];
// prettier-ignore
const MODE_3_ATTRIBUTE = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
  0x0c, 0x00, 0x0f, 0x08, 0x00,
];

/** One frame: 70 Hz; the last 6 % of it is vertical retrace. */
const FRAME_NS = 14_285_714;
const RETRACE_NS = 857_000;
/** One line of 449. */
const LINE_NS = 31_816;

export class Vga implements PortDevice {
  readonly crtc = new Uint8Array(0x40);
  readonly sequencer = new Uint8Array(0x10);
  readonly graphics = new Uint8Array(0x10);
  readonly attribute = new Uint8Array(0x20);
  /** 256 colours of three 6-bit components. */
  readonly dac = new Uint8Array(256 * 3);
  misc = 0x67;
  #crtc_index = 0;
  #sequencer_index = 0;
  #graphics_index = 0;
  /** Bit 5: the palette drives the screen. */
  #attribute_index = 0x20;
  /** The next write to 3c0 is data. */
  #attribute_data = false;
  #dac_mask = 0xff;
  #dac_read = 0;
  #dac_write = 0;
  #dac_component = 0;
  #dac_reading = false;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.reset();
  }

  reset(): void {
    this.crtc.set(MODE_3_CRTC);
    this.sequencer.set(MODE_3_SEQUENCER);
    this.graphics.set(MODE_3_GRAPHICS);
    this.attribute.set(MODE_3_ATTRIBUTE);
    this.misc = 0x67;
    this.#attribute_index = 0x20;
    this.#attribute_data = false;
    this.#dac_mask = 0xff;
    for (let index = 0; index < 64; index++) {
      // The EGA's colours: bits rgbRGB, two bits for each component.
      const component = (high: number, low: number): number =>
        ((index >> high) & 1) * 42 + ((index >> low) & 1) * 21;
      this.dac.set([component(2, 5), component(1, 4), component(0, 3)], index * 3);
    }
  }

  /** Text columns and rows on the screen now. */
  get columns(): number {
    return this.crtc[CRTC_HORIZONTAL_DISPLAY_END] + 1;
  }

  get rows(): number {
    const overflow = this.crtc[CRTC_OVERFLOW];
    const lines =
      (this.crtc[CRTC_VERTICAL_DISPLAY_END] | ((overflow & 0x02) << 7) | ((overflow & 0x40) << 3)) + 1;
    return Math.floor(lines / ((this.crtc[CRTC_MAXIMUM_SCAN_LINE] & 0x1f) + 1));
  }

  /** Cells from one row to the next. */
  get pitch_cells(): number {
    return this.crtc[CRTC_OFFSET] * 2;
  }

  /** First cell on the screen. */
  get start_cell(): number {
    return (this.crtc[CRTC_START_HIGH] << 8) | this.crtc[CRTC_START_HIGH + 1];
  }

  get cursor_cell(): number {
    return (this.crtc[CRTC_CURSOR_HIGH] << 8) | this.crtc[CRTC_CURSOR_HIGH + 1];
  }

  get isCursorVisible(): boolean {
    const start = this.crtc[CRTC_CURSOR_START];
    return !(start & CURSOR_OFF) && (start & 0x1f) <= (this.crtc[CRTC_CURSOR_END] & 0x1f);
  }

  /** Whether the screen is on: sequencer and palette both let the picture through. */
  get isOn(): boolean {
    return !(this.sequencer[1] & 0x20) && (this.#attribute_index & 0x20) !== 0;
  }

  readPort(offset: number): number {
    switch (offset) {
      case ATTRIBUTE_ADDRESS:
        return this.#attribute_index;
      case ATTRIBUTE_READ:
        return this.attribute[this.#attribute_index & 0x1f];
      case MISC_WRITE_STATUS0:
        return 0x10; // the monitor-sense comparator: a colour monitor
      case SEQUENCER_INDEX:
        return this.#sequencer_index;
      case SEQUENCER_DATA:
        return this.sequencer[this.#sequencer_index];
      case DAC_MASK:
        return this.#dac_mask;
      case DAC_READ_INDEX_STATE:
        return this.#dac_reading ? 3 : 0;
      case DAC_WRITE_INDEX:
        return this.#dac_write;
      case DAC_DATA:
        return this.#readDac();
      case FEATURE_READ:
        return 0;
      case MISC_READ:
        return this.misc;
      case GRAPHICS_INDEX:
        return this.#graphics_index;
      case GRAPHICS_DATA:
        return this.graphics[this.#graphics_index];
      case this.#crtcOffset(MONO_CRTC_INDEX, CRTC_INDEX):
        return this.#crtc_index;
      case this.#crtcOffset(MONO_CRTC_DATA, CRTC_DATA):
        return this.crtc[this.#crtc_index];
      case this.#crtcOffset(MONO_STATUS1, STATUS1):
        this.#attribute_data = false;
        return this.#status1();
      default:
        return 0xff;
    }
  }

  writePort(offset: number, _size: number, value: number): void {
    switch (offset) {
      case ATTRIBUTE_ADDRESS:
        if (!this.#attribute_data) this.#attribute_index = value & 0x3f;
        else this.attribute[this.#attribute_index & 0x1f] = value;
        this.#attribute_data = !this.#attribute_data;
        return;
      case MISC_WRITE_STATUS0:
        this.misc = value;
        return;
      case SEQUENCER_INDEX:
        this.#sequencer_index = value & 0x0f;
        return;
      case SEQUENCER_DATA:
        this.sequencer[this.#sequencer_index] = value;
        return;
      case DAC_MASK:
        this.#dac_mask = value;
        return;
      case DAC_READ_INDEX_STATE:
        this.#dac_read = value;
        this.#dac_component = 0;
        this.#dac_reading = true;
        return;
      case DAC_WRITE_INDEX:
        this.#dac_write = value;
        this.#dac_component = 0;
        this.#dac_reading = false;
        return;
      case DAC_DATA:
        this.dac[this.#dac_write * 3 + this.#dac_component] = value & 0x3f;
        if (++this.#dac_component === 3) {
          this.#dac_component = 0;
          this.#dac_write = (this.#dac_write + 1) & 0xff;
        }
        return;
      case GRAPHICS_INDEX:
        this.#graphics_index = value & 0x0f;
        return;
      case GRAPHICS_DATA:
        this.graphics[this.#graphics_index] = value;
        return;
      case this.#crtcOffset(MONO_CRTC_INDEX, CRTC_INDEX):
        this.#crtc_index = value & 0x3f;
        return;
      case this.#crtcOffset(MONO_CRTC_DATA, CRTC_DATA):
        this.#writeCrtc(this.#crtc_index, value);
        return;
    }
  }

  #crtcOffset(mono: number, color: number): number {
    return this.misc & MISC_COLOR ? color : mono;
  }

  #writeCrtc(index: number, value: number): void {
    if (index <= 7 && this.crtc[CRTC_VERTICAL_RETRACE_END] & CRTC_PROTECT) {
      // Only the line-compare bit of the overflow register stays writable.
      if (index === CRTC_OVERFLOW) this.crtc[index] = (this.crtc[index] & ~0x10) | (value & 0x10);
      return;
    }
    this.crtc[index] = value;
  }

  #readDac(): number {
    const value = this.dac[this.#dac_read * 3 + this.#dac_component];
    if (++this.#dac_component === 3) {
      this.#dac_component = 0;
      this.#dac_read = (this.#dac_read + 1) & 0xff;
    }
    return value;
  }

  /** Software waits for the retrace and for the gaps between lines: they come as on a 70 Hz screen. */
  #status1(): number {
    const in_frame = this.#timeline.now_ns() % FRAME_NS;
    if (in_frame >= FRAME_NS - RETRACE_NS) return STATUS1_RETRACE | STATUS1_BLANK;
    return in_frame % LINE_NS > LINE_NS * 0.8 ? STATUS1_BLANK : 0;
  }
}

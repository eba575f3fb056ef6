/**
 * Linear framebuffer mode of the video adapter, set through the "dispi" registers that Bochs, QEMU and VirtualBox share and that
 * Linux drives with bochs-drm: index port at offset 0 (0x1ce), data at offset 1 (0x1cf) and again at 2 (0x1d0).
 *
 * The pixels are the video memory of the linear memory map (cpu-core/abi/layout.ts VRAM_BASE); the core and the host mark the
 * pages they write, host/screen.ts shows what changed. Source: Bochs "VBE Display HOWTO", interface version B0C5.
 */
import { VRAM_SIZE } from "../../cpu-core/abi/layout.ts";
import type { PortDevice } from "../bus.ts";

const INDEX_ID = 0;
const INDEX_XRES = 1;
const INDEX_YRES = 2;
const INDEX_BPP = 3;
const INDEX_ENABLE = 4;
const INDEX_BANK = 5;
const INDEX_VIRT_WIDTH = 6;
const INDEX_VIRT_HEIGHT = 7;
const INDEX_X_OFFSET = 8;
const INDEX_Y_OFFSET = 9;
const INDEX_VIDEO_MEMORY_64K = 10;
const NR_REGISTERS = 11;

const ID_B0C0 = 0xb0c0;
const ID_B0C5 = 0xb0c5;

const ENABLED = 1 << 0;
const GET_CAPABILITIES = 1 << 1;
const NO_CLEAR = 1 << 7;

const MAX_WIDTH = 2560;
const MAX_HEIGHT = 1600;
const MAX_BPP = 32;

export class BochsVbe implements PortDevice {
  readonly access_sizes = 2;
  readonly #registers = new Uint16Array(NR_REGISTERS);
  #index = 0;

  /** `video_memory` is cleared when a mode is set; `modeChanged` is told when what is shown has changed altogether. */
  constructor(
    readonly video_memory: () => Uint8Array,
    readonly modeChanged: () => void,
  ) {
    this.reset();
  }

  reset(): void {
    this.#registers.fill(0);
    this.#registers[INDEX_ID] = ID_B0C5;
    this.#registers[INDEX_BPP] = 8;
    this.#index = 0;
    this.modeChanged();
  }

  get isEnabled(): boolean {
    return (this.#registers[INDEX_ENABLE] & ENABLED) !== 0 && this.width > 0 && this.height > 0;
  }

  get width(): number {
    return this.#registers[INDEX_XRES];
  }

  get height(): number {
    return this.#registers[INDEX_YRES];
  }

  get bits_per_pixel(): number {
    return this.#registers[INDEX_BPP];
  }

  /** Bytes from one line to the next. */
  get pitch_bytes(): number {
    return this.#registers[INDEX_VIRT_WIDTH] * this.#bytes_per_pixel;
  }

  /** Where the first visible pixel is in video memory. */
  get start_byte(): number {
    return (
      this.#registers[INDEX_Y_OFFSET] * this.pitch_bytes +
      this.#registers[INDEX_X_OFFSET] * this.#bytes_per_pixel
    );
  }

  get #bytes_per_pixel(): number {
    return (this.bits_per_pixel + 7) >> 3;
  }

  readPort(offset: number): number {
    if (offset === 0) return this.#index;
    const index = this.#index;
    if (index === INDEX_VIDEO_MEMORY_64K) return VRAM_SIZE >> 16;
    if (index >= NR_REGISTERS) return 0;
    if (this.#registers[INDEX_ENABLE] & GET_CAPABILITIES) {
      if (index === INDEX_XRES) return MAX_WIDTH;
      if (index === INDEX_YRES) return MAX_HEIGHT;
      if (index === INDEX_BPP) return MAX_BPP;
    }
    return this.#registers[index];
  }

  writePort(offset: number, _size: number, value: number): void {
    if (offset === 0) {
      this.#index = value;
      return;
    }
    const registers = this.#registers;
    const isOff = !(registers[INDEX_ENABLE] & ENABLED);
    switch (this.#index) {
      case INDEX_ID: // software tells which version it knows
        if (value >= ID_B0C0 && value <= ID_B0C5) registers[INDEX_ID] = value;
        break;
      case INDEX_XRES: // the mode can only be changed while it is off
        if (isOff && value <= MAX_WIDTH && (value & 7) === 0) registers[INDEX_XRES] = value;
        break;
      case INDEX_YRES:
        if (isOff && value <= MAX_HEIGHT) registers[INDEX_YRES] = value;
        break;
      case INDEX_BPP:
        if (isOff && [0, 8, 15, 16, 24, 32].includes(value)) registers[INDEX_BPP] = value || 8;
        break;
      case INDEX_ENABLE:
        this.#enable(value);
        break;
      case INDEX_BANK:
        registers[INDEX_BANK] = value;
        break;
      case INDEX_VIRT_WIDTH:
        if (value >= registers[INDEX_XRES]) registers[INDEX_VIRT_WIDTH] = value;
        this.#updateVirtualHeight();
        this.modeChanged();
        break;
      case INDEX_X_OFFSET:
      case INDEX_Y_OFFSET:
        this.#setOffset(this.#index, value);
        break;
    }
  }

  #enable(value: number): void {
    const registers = this.#registers;
    const wasOn = (registers[INDEX_ENABLE] & ENABLED) !== 0;
    if (value & ENABLED && !wasOn) {
      const bytes = registers[INDEX_XRES] * registers[INDEX_YRES] * this.#bytes_per_pixel;
      if (bytes === 0 || bytes > VRAM_SIZE) return;
      registers[INDEX_VIRT_WIDTH] = registers[INDEX_XRES];
      registers[INDEX_X_OFFSET] = registers[INDEX_Y_OFFSET] = 0;
      this.#updateVirtualHeight();
      if (!(value & NO_CLEAR)) this.video_memory().fill(0);
    }
    registers[INDEX_ENABLE] = value;
    this.modeChanged();
  }

  #updateVirtualHeight(): void {
    const lines = Math.floor(VRAM_SIZE / (this.pitch_bytes || 1));
    this.#registers[INDEX_VIRT_HEIGHT] = Math.min(lines, 0xffff);
  }

  /** Panning, as far as there is memory. */
  #setOffset(index: number, value: number): void {
    const before = this.#registers[index];
    this.#registers[index] = value;
    const end = this.start_byte + (this.height - 1) * this.pitch_bytes + this.width * this.#bytes_per_pixel;
    if (end > VRAM_SIZE) this.#registers[index] = before;
    else this.modeChanged();
  }
}

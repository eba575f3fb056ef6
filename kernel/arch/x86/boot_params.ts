/**
 * boot_params, the "zero page": what the real-mode setup code (arch/x86/boot/setup.asm) learned from the firmware and the
 * boot loader, read out of guest memory for the TypeScript kernel. startKernel() gets its physical address in RSI.
 *
 *     0x000  screen_info     what the video hardware shows
 *     0x1e8  e820_entries    number of entries in e820_table
 *     0x1f1  setup_header    the boot protocol's fields, filled in by the boot loader
 *     0x2d0  e820_table      20 bytes each: start u64, size u64, type u32
 *
 * Source: Linux: Documentation/arch/x86/zero-page.rst, Documentation/arch/x86/boot.rst, include/uapi/linux/screen_info.h.
 */
import type { Ram } from "./machine.ts";

/** E820 types. ACPI 6.5, "Address Range Types". */
export const E820_RAM = 1;
export const E820_RESERVED = 2;
export const E820_ACPI = 3;
export const E820_NVS = 4;
export const E820_UNUSABLE = 5;

/** screen_info.orig_video_isVGA. Linux: include/uapi/linux/screen_info.h. */
export const VIDEO_TYPE_VGAC = 0x22; // VGA in a text mode is told as 1 by the setup code
export const VIDEO_TYPE_VLFB = 0x23; // linear framebuffer set up by VESA BIOS calls

export interface E820Entry {
  /** Physical address of the first byte. */
  start: number;
  /** Bytes. */
  size: number;
  /** E820_RAM, E820_RESERVED, ... */
  type: number;
}

/** A range of colour bits in a pixel. */
export interface ColorField {
  size: number;
  position: number;
}

export interface ScreenInfo {
  /** 1: VGA text mode; VIDEO_TYPE_VLFB: linear framebuffer. */
  type: number;
  /** Text mode: cursor position the firmware left, and the size of the screen in characters. */
  orig_x: number;
  orig_y: number;
  columns: number;
  rows: number;
  /** Height of a character, scan lines. */
  points: number;
  /** BIOS video mode number. */
  mode: number;
  /** Linear framebuffer: physical address and size (bytes), visible size (pixels), bytes in a line, bits in a pixel. */
  lfb_base: number;
  lfb_size: number;
  lfb_width: number;
  lfb_height: number;
  lfb_linelength: number;
  lfb_depth: number;
  red: ColorField;
  green: ColorField;
  blue: ColorField;
  rsvd: ColorField;
}

export interface BootParams {
  command_line: string;
  /** The firmware's memory map, in its order. */
  e820: E820Entry[];
  /** Where the boot loader put the initial RAM disk; size in bytes. */
  initrd: { pa: number; size: number } | null;
  screen: ScreenInfo;
  /** setup_header.type_of_loader and .version (0x020f for 2.15). */
  type_of_loader: number;
  protocol_version: number;
}

const OFF_E820_ENTRIES = 0x1e8; // u8
const OFF_HEADER_MAGIC = 0x202; // u32 "HdrS"
const OFF_VERSION = 0x206; // u16
const OFF_TYPE_OF_LOADER = 0x210; // u8
const OFF_RAMDISK_IMAGE = 0x218; // u32
const OFF_RAMDISK_SIZE = 0x21c; // u32
const OFF_CMD_LINE_PTR = 0x228; // u32
const OFF_CMDLINE_SIZE = 0x238; // u32
const OFF_E820_TABLE = 0x2d0;
const E820_ENTRY_SIZE = 20;
const E820_MAX_ENTRIES = 128;
const HDRS = 0x53726448; // "HdrS"

/** Reads boot_params at physical address `pa`. Panics (throws) if there is none: nothing can run without a memory map. */
export function readBootParams(ram: Ram, pa: number): BootParams {
  if (ram.read32(pa + OFF_HEADER_MAGIC) !== HDRS) {
    throw new Error(`no boot_params at 0x${pa.toString(16)}: setup_header magic is missing`);
  }
  const initrd_size = ram.read32(pa + OFF_RAMDISK_SIZE);
  return {
    command_line: readCommandLine(ram, ram.read32(pa + OFF_CMD_LINE_PTR), ram.read32(pa + OFF_CMDLINE_SIZE)),
    e820: readE820(ram, pa),
    initrd: initrd_size === 0 ? null : { pa: ram.read32(pa + OFF_RAMDISK_IMAGE), size: initrd_size },
    screen: readScreenInfo(ram, pa),
    type_of_loader: ram.read8(pa + OFF_TYPE_OF_LOADER),
    protocol_version: ram.read16(pa + OFF_VERSION),
  };
}

function readCommandLine(ram: Ram, pa: number, max_bytes: number): string {
  if (pa === 0) return "";
  let text = "";
  for (let i = 0; i < max_bytes; i++) {
    const byte = ram.read8(pa + i);
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

function readE820(ram: Ram, pa: number): E820Entry[] {
  const entries: E820Entry[] = [];
  const count = Math.min(ram.read8(pa + OFF_E820_ENTRIES), E820_MAX_ENTRIES);
  for (let i = 0; i < count; i++) {
    const at = pa + OFF_E820_TABLE + i * E820_ENTRY_SIZE;
    entries.push({ start: ram.read64(at), size: ram.read64(at + 8), type: ram.read32(at + 16) });
  }
  return entries;
}

/** Offsets: Linux: include/uapi/linux/screen_info.h. */
function readScreenInfo(ram: Ram, pa: number): ScreenInfo {
  const field = (offset: number): ColorField => ({
    size: ram.read8(pa + offset),
    position: ram.read8(pa + offset + 1),
  });
  return {
    orig_x: ram.read8(pa + 0x00),
    orig_y: ram.read8(pa + 0x01),
    mode: ram.read8(pa + 0x06),
    columns: ram.read8(pa + 0x07),
    rows: ram.read8(pa + 0x0e),
    type: ram.read8(pa + 0x0f),
    points: ram.read16(pa + 0x10),
    lfb_width: ram.read16(pa + 0x12),
    lfb_height: ram.read16(pa + 0x14),
    lfb_depth: ram.read16(pa + 0x16),
    lfb_base: ram.read32(pa + 0x18),
    lfb_size: ram.read32(pa + 0x1c) * 0x10000,
    lfb_linelength: ram.read16(pa + 0x24),
    red: field(0x26),
    green: field(0x28),
    blue: field(0x2a),
    rsvd: field(0x2c),
  };
}

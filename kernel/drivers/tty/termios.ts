/**
 * Terminal settings as the kernel keeps them, the three layouts programs use, and their defaults.
 * Linux: drivers/tty/tty_ioctl.c, tty_baudrate.c, include/asm-generic/termios-base.h.
 */
import * as T from "../../uapi/termios.ts";

export interface Termios {
  c_iflag: number;
  c_oflag: number;
  c_cflag: number;
  c_lflag: number;
  c_line: number;
  /** NCCS special characters; 0 = none. */
  c_cc: Uint8Array;
  /** Bits per second. */
  c_ispeed: number;
  c_ospeed: number;
}

/** A special character that is switched off. */
export const DISABLED_CHAR = 0;

/** ^C ^\ DEL ^U ^D 0 1 0 ^Q ^S ^Z 0 ^R ^O ^W ^V 0. Linux: INIT_C_CC. */
const INIT_C_CC = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];

/** What a terminal starts with. Linux: tty_std_termios. */
export function standardTermios(): Termios {
  return {
    c_iflag: T.ICRNL | T.IXON,
    c_oflag: T.OPOST | T.ONLCR,
    c_cflag: T.B38400 | T.CS8 | T.CREAD | T.HUPCL,
    c_lflag: T.ISIG | T.ICANON | T.ECHO | T.ECHOE | T.ECHOK | T.ECHOCTL | T.ECHOKE | T.IEXTEN,
    c_line: T.N_TTY,
    c_cc: Uint8Array.from(INIT_C_CC),
    c_ispeed: 38400,
    c_ospeed: 38400,
  };
}

export function cloneTermios(termios: Termios): Termios {
  return { ...termios, c_cc: termios.c_cc.slice() };
}

/** struct termios (TCGETS): four flag words, line, 19 characters; struct termios2 adds two speeds. */
export const TERMIOS_BYTES = 36;
export const TERMIOS2_BYTES = 44;
/** struct termio (TCGETA): four 16-bit words, line, 8 characters. */
export const TERMIO_BYTES = 18;
const NCC = 8;

export function packTermios(termios: Termios, size_bytes: number): Uint8Array {
  const bytes = new Uint8Array(size_bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, termios.c_iflag, true);
  view.setUint32(4, termios.c_oflag, true);
  view.setUint32(8, termios.c_cflag, true);
  view.setUint32(12, termios.c_lflag, true);
  bytes[16] = termios.c_line;
  bytes.set(termios.c_cc, 17);
  if (size_bytes === TERMIOS2_BYTES) {
    view.setUint32(36, termios.c_ispeed, true);
    view.setUint32(40, termios.c_ospeed, true);
  }
  return bytes;
}

export function unpackTermios(bytes: Uint8Array): Termios {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const hasSpeeds = bytes.length === TERMIOS2_BYTES;
  const termios: Termios = {
    c_iflag: view.getUint32(0, true),
    c_oflag: view.getUint32(4, true),
    c_cflag: view.getUint32(8, true),
    c_lflag: view.getUint32(12, true),
    c_line: bytes[16],
    c_cc: bytes.slice(17, 17 + T.NCCS),
    c_ispeed: hasSpeeds ? view.getUint32(36, true) : 0,
    c_ospeed: hasSpeeds ? view.getUint32(40, true) : 0,
  };
  termios.c_ispeed = inputBaud(termios);
  termios.c_ospeed = outputBaud(termios);
  return termios;
}

export function packTermio(termios: Termios): Uint8Array {
  const bytes = new Uint8Array(TERMIO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, termios.c_iflag, true);
  view.setUint16(2, termios.c_oflag, true);
  view.setUint16(4, termios.c_cflag, true);
  view.setUint16(6, termios.c_lflag, true);
  bytes[8] = termios.c_line;
  bytes.set(termios.c_cc.subarray(0, NCC), 9);
  return bytes;
}

/** struct termio sets the low halves only; the rest comes from `current`. */
export function unpackTermio(bytes: Uint8Array, current: Termios): Termios {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const merge = (old: number, low: number) => ((old & 0xffff0000) | low) >>> 0;
  const termios = cloneTermios(current);
  termios.c_iflag = merge(current.c_iflag, view.getUint16(0, true));
  termios.c_oflag = merge(current.c_oflag, view.getUint16(2, true));
  termios.c_cflag = merge(current.c_cflag, view.getUint16(4, true));
  termios.c_lflag = merge(current.c_lflag, view.getUint16(6, true));
  termios.c_line = bytes[8];
  termios.c_cc.set(bytes.subarray(9, 9 + NCC));
  termios.c_ispeed = inputBaud(termios);
  termios.c_ospeed = outputBaud(termios);
  return termios;
}

/** Bits per second that c_cflag asks for; BOTHER means the field c_ospeed. Linux: tty_termios_baud_rate(). */
export function outputBaud(termios: Termios): number {
  return baudOf(termios.c_cflag & T.CBAUD, termios.c_ospeed);
}

export function inputBaud(termios: Termios): number {
  const code = (termios.c_cflag >>> T.IBSHIFT) & T.CBAUD;
  return code === T.B0 ? outputBaud(termios) : baudOf(code, termios.c_ispeed);
}

function baudOf(code: number, other: number): number {
  if (code === T.BOTHER) return other;
  return T.BAUD_TABLE[code & T.CBAUDEX ? (code & ~T.CBAUDEX) + 16 : code] ?? 0;
}

/** Writes the speed that the hardware really has back into c_cflag. Linux: tty_termios_encode_baud_rate(). */
export function encodeBaud(termios: Termios, baud: number): void {
  const index = T.BAUD_TABLE.indexOf(baud);
  const code = index < 0 ? T.BOTHER : index < 16 ? index : T.CBAUDEX | (index - 16);
  termios.c_cflag = ((termios.c_cflag & ~T.CBAUD) | code) >>> 0;
  termios.c_ispeed = baud;
  termios.c_ospeed = baud;
}

/** Bits per character. Linux: tty_get_char_size(). */
export function charSize(c_cflag: number): number {
  return 5 + ((c_cflag & T.CSIZE) >> 4);
}

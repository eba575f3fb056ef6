/**
 * An IDE channel with up to two ATA disks, PIO only: eight command block registers (0x1f0 on the primary channel), one
 * control block register (0x3f6), one interrupt line (IRQ 14). Firmware INT 13h (host/firmware/disk.asm) and drivers use
 * it; the sectors come from a Disk (host/disks/).
 *
 *     offset  read           write
 *     0       Data           Data            16 or 32 bits wide
 *     1       Error          Features
 *     2       Sector Count   Sector Count    } written twice for the 48-bit commands: the
 *     3-5     LBA Low..High  LBA Low..High   } previous value is the high half
 *     6       Device         Device          bit 4: which disk, bit 6: LBA addressing
 *     7       Status         Command
 *     control Alternate Status, Device Control
 *
 * Commands finish before the OUT that starts them returns: BSY is never seen, which the standard allows. DMA is not there
 * and IDENTIFY DEVICE does not claim it. Source: ATA/ATAPI-6 (T13/1410D), "Register delivered command sequences".
 */
import type { IrqLine, PortDevice } from "../bus.ts";
import { SECTOR_BYTES } from "../disks/disk.ts";
import type { Disk } from "../disks/disk.ts";

// Command block registers.
const REG_DATA = 0;
const REG_ERROR_FEATURES = 1;
const REG_SECTOR_COUNT = 2;
const REG_LBA_LOW = 3;
const REG_LBA_MID = 4;
const REG_LBA_HIGH = 5;
const REG_DEVICE = 6;
const REG_STATUS_COMMAND = 7;

// Status register.
const ERR = 1 << 0;
const DRQ = 1 << 3;
const DSC = 1 << 4; // seek complete: obsolete in ATA-6, set as disks still do
const DRDY = 1 << 6;

// Error register.
const ABRT = 1 << 2;
const IDNF = 1 << 4; // address beyond the end

// Device register and Device Control register.
const DEV = 1 << 4;
const LBA = 1 << 6;
const NIEN = 1 << 1;
const SRST = 1 << 2;
const HOB = 1 << 7; // read the previous (high) contents of the address registers

const MAX_MULTIPLE = 16; // sectors in one DRQ block of READ/WRITE MULTIPLE
const DEFAULT_HEADS = 16;
const DEFAULT_SECTORS_PER_TRACK = 63;
const DIAGNOSTIC_PASSED = 0x01;

/** One disk on the cable, with the registers that each device keeps for itself. */
class AtaDevice {
  readonly taskfile = {
    features: 0,
    error: 0,
    sector_count: 0,
    lba_low: 0,
    lba_mid: 0,
    lba_high: 0,
    device: 0,
  };
  /** The previous contents of the address registers: bits 15:8 of the count, 47:24 of the address. */
  readonly previous = { sector_count: 0, lba_low: 0, lba_mid: 0, lba_high: 0 };
  status = DRDY | DSC;
  /** Sectors of a READ/WRITE MULTIPLE block; 0: SET MULTIPLE MODE was not given. */
  multiple = 0;
  heads = DEFAULT_HEADS;
  sectors_per_track = DEFAULT_SECTORS_PER_TRACK;
  write_cache = true;
  look_ahead = true;

  /** PIO data transfer under way: its block buffer, and the sectors after it. */
  readonly block = new Uint8Array(MAX_MULTIPLE * SECTOR_BYTES);
  readonly block_words = new Uint16Array(this.block.buffer);
  readonly block_dwords = new Uint32Array(this.block.buffer);
  position = 0;
  block_bytes = 0;
  next_lba = 0;
  sectors_left = 0;
  sectors_per_block = 1;
  writing = false;

  constructor(
    readonly disk: Disk,
    readonly model: string,
    readonly serial: string,
  ) {
    this.signature();
  }

  get cylinders(): number {
    return Math.min(
      16383,
      Math.max(1, Math.floor(this.disk.nr_sectors / (this.heads * this.sectors_per_track))),
    );
  }

  /** What the registers hold after reset and EXECUTE DEVICE DIAGNOSTIC. ATA-6 9.12 "Signature and persistence". */
  signature(): void {
    Object.assign(this.taskfile, {
      sector_count: 1,
      lba_low: 1,
      lba_mid: 0,
      lba_high: 0,
      error: DIAGNOSTIC_PASSED,
    });
    this.taskfile.device &= DEV;
    this.status = DRDY | DSC;
    this.block_bytes = this.sectors_left = 0;
  }
}

export class IdeChannel implements PortDevice {
  readonly access_sizes = 1 | 2 | 4;
  readonly counters = { commands: 0, sectors_read: 0, sectors_written: 0, irqs: 0, errors: 0 };
  /** The control block: one register, for the board to put at 0x3f6. */
  readonly control: PortDevice = {
    readPort: () => this.#selected()?.status ?? this.#floating(),
    writePort: (_offset, _size, value) => this.#writeDeviceControl(value),
  };
  readonly #devices: readonly [AtaDevice | null, AtaDevice | null];
  #device_control = 0;
  #device_register = 0;

  /** Device 0 and device 1 of the cable; null: no disk there. */
  constructor(
    readonly irq: IrqLine,
    disk0: Disk | null,
    disk1: Disk | null = null,
  ) {
    this.#devices = [
      disk0 && new AtaDevice(disk0, "VITRINE HARDDISK", "VT00001"),
      disk1 && new AtaDevice(disk1, "VITRINE HARDDISK", "VT00002"),
    ];
  }

  /** Hardware reset. */
  reset(): void {
    this.#device_control = 0;
    this.#device_register = 0;
    this.irq.lower();
    for (const device of this.#devices) {
      if (device === null) continue;
      device.multiple = 0;
      device.heads = DEFAULT_HEADS;
      device.sectors_per_track = DEFAULT_SECTORS_PER_TRACK;
      device.taskfile.device = 0;
      device.signature();
    }
  }

  readPort(offset: number, size: number): number {
    const device = this.#selected();
    if (offset === REG_DATA) return device ? this.#readData(device, size) : this.#floating() * 0x101_0101;
    if (device === null) return this.#floating();
    const high = this.#device_control & HOB ? device.previous : device.taskfile;
    switch (offset) {
      case REG_ERROR_FEATURES:
        return device.taskfile.error;
      case REG_SECTOR_COUNT:
        return high.sector_count;
      case REG_LBA_LOW:
        return high.lba_low;
      case REG_LBA_MID:
        return high.lba_mid;
      case REG_LBA_HIGH:
        return high.lba_high;
      case REG_DEVICE:
        return this.#device_register | 0xa0;
      default:
        this.irq.lower();
        return device.status;
    }
  }

  writePort(offset: number, size: number, value: number): void {
    if (offset === REG_DATA) {
      const device = this.#selected();
      if (device) this.#writeData(device, size, value);
      return;
    }
    value &= 0xff;
    if (offset === REG_STATUS_COMMAND) {
      this.#command(value);
      return;
    }
    this.#device_control &= ~HOB;
    if (offset === REG_DEVICE) this.#device_register = value & ~0xa0;
    // Both devices hear writes of the address registers, the one not selected too.
    for (const device of this.#devices) {
      if (device === null) continue;
      const { taskfile, previous } = device;
      switch (offset) {
        case REG_ERROR_FEATURES:
          taskfile.features = value;
          break;
        case REG_SECTOR_COUNT:
          previous.sector_count = taskfile.sector_count;
          taskfile.sector_count = value;
          break;
        case REG_LBA_LOW:
          previous.lba_low = taskfile.lba_low;
          taskfile.lba_low = value;
          break;
        case REG_LBA_MID:
          previous.lba_mid = taskfile.lba_mid;
          taskfile.lba_mid = value;
          break;
        case REG_LBA_HIGH:
          previous.lba_high = taskfile.lba_high;
          taskfile.lba_high = value;
          break;
        case REG_DEVICE:
          taskfile.device = value;
          break;
      }
    }
  }

  #selected(): AtaDevice | null {
    return this.#devices[this.#device_register & DEV ? 1 : 0];
  }

  /** What a read gives when the selected device is absent: device 0 answers 0 for it; an empty cable floats high. */
  #floating(): number {
    return this.#devices[0] || this.#devices[1] ? 0 : 0xff;
  }

  #writeDeviceControl(value: number): void {
    const was = this.#device_control;
    this.#device_control = value & 0xff;
    if (value & NIEN) this.irq.lower();
    if (value & SRST && !(was & SRST)) {
      this.#device_register = 0;
      this.irq.lower();
      for (const device of this.#devices) device?.signature();
    }
  }

  #interrupt(): void {
    if (this.#device_control & NIEN) return;
    this.counters.irqs++;
    this.irq.raise();
  }

  // Commands.

  #command(command: number): void {
    this.irq.lower();
    this.counters.commands++;
    if (command === 0x90) return this.#executeDeviceDiagnostic();
    const device = this.#selected();
    if (device === null) return;
    device.status = DRDY | DSC;
    device.taskfile.error = 0;
    device.block_bytes = device.sectors_left = 0;
    switch (command) {
      case 0x20: // READ SECTOR(S), with and without retries
      case 0x21:
        return this.#startRead(device, false, 1);
      case 0x24: // READ SECTOR(S) EXT
        return this.#startRead(device, true, 1);
      case 0xc4: // READ MULTIPLE
        return this.#startRead(device, false, device.multiple);
      case 0x29: // READ MULTIPLE EXT
        return this.#startRead(device, true, device.multiple);
      case 0x30: // WRITE SECTOR(S)
      case 0x31:
        return this.#startWrite(device, false, 1);
      case 0x34: // WRITE SECTOR(S) EXT
        return this.#startWrite(device, true, 1);
      case 0xc5: // WRITE MULTIPLE
        return this.#startWrite(device, false, device.multiple);
      case 0x39: // WRITE MULTIPLE EXT
        return this.#startWrite(device, true, device.multiple);
      case 0x40: // READ VERIFY SECTOR(S)
      case 0x41:
        return this.#verify(device, false);
      case 0x42: // READ VERIFY SECTOR(S) EXT
        return this.#verify(device, true);
      case 0xc6: // SET MULTIPLE MODE
        return this.#setMultiple(device);
      case 0xec: // IDENTIFY DEVICE
        return this.#identify(device);
      case 0xef: // SET FEATURES
        return this.#setFeatures(device);
      case 0x91: // INITIALIZE DEVICE PARAMETERS
        device.heads = (device.taskfile.device & 15) + 1;
        device.sectors_per_track = device.taskfile.sector_count || 1;
        return this.#done(device);
      case 0xe7: // FLUSH CACHE
      case 0xea: // FLUSH CACHE EXT
        device.disk.flush();
        return this.#done(device);
      case 0xf8: // READ NATIVE MAX ADDRESS
        this.#returnLba(device, Math.min(device.disk.nr_sectors, 0x1000_0000) - 1, false);
        return this.#done(device);
      case 0x27: // READ NATIVE MAX ADDRESS EXT
        this.#returnLba(device, device.disk.nr_sectors - 1, true);
        return this.#done(device);
      case 0xe5: // CHECK POWER MODE: active
        device.taskfile.sector_count = 0xff;
        return this.#done(device);
      case 0x10: // RECALIBRATE
      case 0x70: // SEEK
      case 0xe0: // STANDBY IMMEDIATE, IDLE IMMEDIATE, STANDBY, IDLE, SLEEP: a disk without a motor is always ready
      case 0xe1:
      case 0xe2:
      case 0xe3:
      case 0xe6:
        return this.#done(device);
      default:
        return this.#fail(device, ABRT);
    }
  }

  #done(device: AtaDevice): void {
    device.status = DRDY | DSC;
    this.#interrupt();
  }

  #fail(device: AtaDevice, error: number): void {
    this.counters.errors++;
    device.taskfile.error = error;
    device.status = DRDY | DSC | ERR;
    device.block_bytes = device.sectors_left = 0;
    this.#interrupt();
  }

  #executeDeviceDiagnostic(): void {
    for (const device of this.#devices) device?.signature();
    this.#device_register = 0;
    this.#interrupt();
  }

  /** Takes address and count from the registers; false when the range is not on the disk (the command has failed). */
  #takeRange(device: AtaDevice, ext: boolean): boolean {
    const { taskfile, previous } = device;
    let lba: number;
    let count: number;
    if (ext) {
      count = (previous.sector_count << 8) | taskfile.sector_count || 0x10000;
      const low = taskfile.lba_low | (taskfile.lba_mid << 8) | (taskfile.lba_high << 16);
      const high = previous.lba_low | (previous.lba_mid << 8) | (previous.lba_high << 16);
      lba = high * 0x100_0000 + low;
    } else {
      count = taskfile.sector_count || 256;
      if (taskfile.device & LBA) {
        lba =
          taskfile.lba_low |
          (taskfile.lba_mid << 8) |
          (taskfile.lba_high << 16) |
          ((taskfile.device & 15) << 24);
      } else {
        const cylinder = taskfile.lba_mid | (taskfile.lba_high << 8);
        const head = taskfile.device & 15;
        lba =
          taskfile.lba_low === 0
            ? -1
            : (cylinder * device.heads + head) * device.sectors_per_track + taskfile.lba_low - 1;
      }
    }
    if (lba < 0 || lba + count > device.disk.nr_sectors) {
      this.#fail(device, IDNF);
      return false;
    }
    device.next_lba = lba;
    device.sectors_left = count;
    return true;
  }

  #returnLba(device: AtaDevice, lba: number, ext: boolean): void {
    const { taskfile, previous } = device;
    taskfile.lba_low = lba & 0xff;
    taskfile.lba_mid = (lba >>> 8) & 0xff;
    taskfile.lba_high = (lba >>> 16) & 0xff;
    const top = Math.floor(lba / 0x100_0000);
    if (ext)
      Object.assign(previous, {
        lba_low: top & 0xff,
        lba_mid: (top >>> 8) & 0xff,
        lba_high: (top >>> 16) & 0xff,
      });
    else taskfile.device = (taskfile.device & 0xf0) | (top & 15);
  }

  #verify(device: AtaDevice, ext: boolean): void {
    if (!this.#takeRange(device, ext)) return;
    device.sectors_left = 0;
    this.#done(device);
  }

  #setMultiple(device: AtaDevice): void {
    const count = device.taskfile.sector_count;
    if (count > MAX_MULTIPLE || (count & (count - 1)) !== 0) return this.#fail(device, ABRT);
    device.multiple = count;
    this.#done(device);
  }

  #setFeatures(device: AtaDevice): void {
    const { features, sector_count } = device.taskfile;
    switch (features) {
      case 0x02: // enable write cache
      case 0x82: // disable it
        device.write_cache = features === 0x02;
        return this.#done(device);
      case 0x03: // transfer mode: PIO default, PIO default without IORDY, PIO flow control 0-4
        if (sector_count <= 1 || (sector_count >= 8 && sector_count <= 12)) return this.#done(device);
        return this.#fail(device, ABRT);
      case 0x55: // disable read look-ahead
      case 0xaa: // enable it
        device.look_ahead = features === 0xaa;
        return this.#done(device);
      case 0x66: // keep or drop the settings at a software reset: they are kept
      case 0xcc:
        return this.#done(device);
      default:
        return this.#fail(device, ABRT);
    }
  }

  // PIO data transfers, one DRQ block after the other. ATA-6 9.5 "PIO data-in", 9.6 "PIO data-out".

  #startRead(device: AtaDevice, ext: boolean, sectors_per_block: number): void {
    if (sectors_per_block === 0) return this.#fail(device, ABRT);
    if (!this.#takeRange(device, ext)) return;
    device.sectors_per_block = sectors_per_block;
    device.writing = false;
    this.#nextReadBlock(device);
  }

  #nextReadBlock(device: AtaDevice): void {
    const count = Math.min(device.sectors_left, device.sectors_per_block);
    device.block_bytes = count * SECTOR_BYTES;
    device.position = 0;
    device.disk.read(device.next_lba, device.block.subarray(0, device.block_bytes));
    device.next_lba += count;
    device.sectors_left -= count;
    device.status = DRDY | DSC | DRQ;
    this.counters.sectors_read += count;
    this.#interrupt();
  }

  #startWrite(device: AtaDevice, ext: boolean, sectors_per_block: number): void {
    if (sectors_per_block === 0 || device.disk.read_only) return this.#fail(device, ABRT);
    if (!this.#takeRange(device, ext)) return;
    device.sectors_per_block = sectors_per_block;
    device.writing = true;
    this.#nextWriteBlock(device);
  }

  #nextWriteBlock(device: AtaDevice): void {
    device.block_bytes = Math.min(device.sectors_left, device.sectors_per_block) * SECTOR_BYTES;
    device.position = 0;
    device.status = DRDY | DSC | DRQ;
  }

  #readData(device: AtaDevice, size: number): number {
    const at = device.position;
    if (device.writing || at + size > device.block_bytes) return 0;
    device.position = at + size;
    const value =
      size === 4 && (at & 3) === 0
        ? device.block_dwords[at >> 2]
        : size === 2
          ? device.block_words[at >> 1]
          : readLittleEndian(device.block, at, size);
    if (device.position === device.block_bytes) {
      if (device.sectors_left > 0) this.#nextReadBlock(device);
      else {
        device.block_bytes = 0;
        device.status = DRDY | DSC;
      }
    }
    return value;
  }

  #writeData(device: AtaDevice, size: number, value: number): void {
    const at = device.position;
    if (!device.writing || at + size > device.block_bytes) return;
    for (let i = 0; i < size; i++) device.block[at + i] = value >>> (i * 8);
    device.position = at + size;
    if (device.position < device.block_bytes) return;

    const count = device.block_bytes / SECTOR_BYTES;
    device.disk.write(device.next_lba, device.block.subarray(0, device.block_bytes));
    device.next_lba += count;
    device.sectors_left -= count;
    this.counters.sectors_written += count;
    if (device.sectors_left > 0) {
      this.#nextWriteBlock(device);
      this.#interrupt();
    } else {
      device.block_bytes = 0;
      device.writing = false;
      this.#done(device);
    }
  }

  /** IDENTIFY DEVICE: 256 words. ATA-6 8.15, table 27. */
  #identify(device: AtaDevice): void {
    const words = device.block_words;
    const { nr_sectors } = device.disk;
    const lba28 = Math.min(nr_sectors, 0x0fff_ffff);
    words.fill(0, 0, 256);
    words[0] = 0x0040; // fixed disk
    words[1] = device.cylinders;
    words[3] = device.heads;
    words[6] = device.sectors_per_track;
    putString(words, 10, 10, device.serial);
    putString(words, 23, 4, "1.0");
    putString(words, 27, 20, device.model);
    words[47] = 0x8000 | MAX_MULTIPLE;
    words[48] = 0x0001; // 32-bit data port accesses work
    words[49] = 0x0a00; // IORDY, LBA
    words[53] = 0x0003; // words 54-58 and 64-70 are valid
    words[54] = device.cylinders;
    words[55] = device.heads;
    words[56] = device.sectors_per_track;
    putDword(words, 57, Math.min(lba28, device.cylinders * device.heads * device.sectors_per_track));
    words[59] = device.multiple ? 0x0100 | device.multiple : 0;
    putDword(words, 60, lba28);
    words[64] = 0x0003; // PIO modes 3 and 4
    words[67] = words[68] = 120; // minimum cycle time, ns
    words[80] = 0x007e; // ATA-1 to ATA-6
    words[82] = 0x0060; // write cache, look-ahead
    words[83] = 0x7400; // FLUSH CACHE, FLUSH CACHE EXT, 48-bit addresses
    words[84] = 0x4000;
    words[85] = (device.write_cache ? 0x20 : 0) | (device.look_ahead ? 0x40 : 0);
    words[86] = 0x3400;
    words[87] = 0x4000;
    words[93] = 0x600b; // hardware reset result of device 0
    putDword(words, 100, nr_sectors >>> 0);
    putDword(words, 102, Math.floor(nr_sectors / 0x1_0000_0000));
    device.block_bytes = SECTOR_BYTES;
    device.position = 0;
    device.sectors_left = 0;
    device.writing = false;
    device.status = DRDY | DSC | DRQ;
    this.#interrupt();
  }
}

function readLittleEndian(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
  return value;
}

/** ATA strings: two characters in a word, the first one in the high byte, padded with spaces. */
function putString(words: Uint16Array, index: number, nr_words: number, text: string): void {
  const padded = text.padEnd(nr_words * 2, " ");
  for (let i = 0; i < nr_words; i++) {
    words[index + i] = (padded.charCodeAt(i * 2) << 8) | padded.charCodeAt(i * 2 + 1);
  }
}

function putDword(words: Uint16Array, index: number, value: number): void {
  words[index] = value & 0xffff;
  words[index + 1] = (value >>> 16) & 0xffff;
}

/**
 * The buses of the board: I/O ports, device memory and interrupt lines.
 *
 * A device never knows its own address: it is given offsets from where the board put it (host/board.ts), and drives
 * an IrqLine without knowing its number. The CPU comes in through PortBus and MmioBus (host/core.ts for the guest's
 * IN, OUT and MOV; host/memory.ts for the kernel's). Claims that overlap are refused when the machine is built.
 * Nothing claimed: reads are all ones, writes are lost, as on a bus with pull-ups.
 */

/** Bytes of one access. */
export type AccessSize = 1 | 2 | 4;

/** A device with I/O ports. */
export interface PortDevice {
  /**
   * The access sizes the device decodes, as a sum of bytes (1, 2, 4 or any sum). Wider accesses are split by the bus,
   * low bytes first, as an ISA bridge does. Default 1: a device of byte registers.
   */
  readonly access_sizes?: number;
  /** Reads `size` bytes at `offset` from the device's first port. */
  readPort(offset: number, size: number): number;
  writePort(offset: number, size: number, value: number): void;
}

/** A device with memory-mapped registers. Accesses come as the CPU makes them: aligned or not, 1, 2 or 4 bytes. */
export interface MmioDevice {
  readMmio(offset: number, size: number): number;
  writeMmio(offset: number, size: number, value: number): void;
}

/** A range of addresses and who answers there. */
export interface Claim<Device> {
  readonly name: string;
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
  readonly device: Device;
}

/** Two devices at one address: a mistake in the wiring. */
export class BusConflict extends Error {
  constructor(bus: string, wanted: Claim<unknown>, present: Claim<unknown>) {
    const range = (claim: Claim<unknown>): string =>
      `${claim.name} at 0x${claim.start.toString(16)}-0x${claim.end.toString(16)}`;
    super(`${bus}: ${range(wanted)} overlaps ${range(present)}`);
    this.name = "BusConflict";
  }
}

const NR_PORTS = 0x10000;
const ALL_ONES = [0, 0xff, 0xffff, 0, 0xffff_ffff];

/** The 64 Ki I/O ports. Values are unsigned numbers of `size` bytes. */
export class PortBus {
  readonly claims: Claim<PortDevice>[] = [];
  /** Index into `claims` plus one for each port; 0 is nobody. */
  readonly #owner = new Uint8Array(NR_PORTS);

  /** Connects `device` to `count` ports from `start` on. Throws BusConflict. */
  add(name: string, start: number, count: number, device: PortDevice): void {
    const claim: Claim<PortDevice> = { name, start, end: start + count - 1, device };
    if (start < 0 || count < 1 || claim.end >= NR_PORTS) throw new RangeError(`${name}: no such ports`);
    for (let port = start; port <= claim.end; port++) {
      const owner = this.#owner[port];
      if (owner) throw new BusConflict("I/O ports", claim, this.claims[owner - 1]);
    }
    this.claims.push(claim);
    this.#owner.fill(this.claims.length, start, start + count);
  }

  read(port: number, size: number): number {
    const owner = this.#owner[port & 0xffff];
    if (owner === 0 && size === 1) return 0xff;
    if (owner !== 0) {
      const claim = this.claims[owner - 1];
      if ((claim.device.access_sizes ?? 1) & size && port + size - 1 <= claim.end) {
        return (claim.device.readPort(port - claim.start, size) & ALL_ONES[size]) >>> 0;
      }
    }
    if (size === 1) return 0xff;
    const half = size >> 1;
    return (this.read(port, half) | (this.read(port + half, half) << (half * 8))) >>> 0;
  }

  write(port: number, size: number, value: number): void {
    const owner = this.#owner[port & 0xffff];
    if (owner !== 0) {
      const claim = this.claims[owner - 1];
      if ((claim.device.access_sizes ?? 1) & size && port + size - 1 <= claim.end) {
        claim.device.writePort(port - claim.start, size, (value & ALL_ONES[size]) >>> 0);
        return;
      }
    }
    if (size === 1) return;
    const half = size >> 1;
    this.write(port, half, value & ALL_ONES[half]);
    this.write(port + half, half, (value >>> (half * 8)) & ALL_ONES[half]);
  }
}

/** Who answers to physical addresses that are not plain memory: the bus, or one CPU's way to it. */
export interface MemoryBus {
  read(pa: number, size: number): number;
  write(pa: number, size: number, value: number): void;
}

/** Physical addresses that are neither RAM nor ROM nor video memory. */
export class MmioBus implements MemoryBus {
  /** Sorted by start address. */
  readonly claims: Claim<MmioDevice>[] = [];

  /** Connects `device` to `length_bytes` from physical address `start` on. Throws BusConflict. */
  add(name: string, start: number, length_bytes: number, device: MmioDevice): void {
    const claim: Claim<MmioDevice> = { name, start, end: start + length_bytes - 1, device };
    for (const present of this.claims) {
      if (start <= present.end && claim.end >= present.start)
        throw new BusConflict("device memory", claim, present);
    }
    this.claims.push(claim);
    this.claims.sort((a, b) => a.start - b.start);
  }

  /** `pa` is unsigned. */
  read(pa: number, size: number): number {
    const claim = this.#find(pa);
    return claim ? (claim.device.readMmio(pa - claim.start, size) & ALL_ONES[size]) >>> 0 : ALL_ONES[size];
  }

  write(pa: number, size: number, value: number): void {
    const claim = this.#find(pa);
    if (claim) claim.device.writeMmio(pa - claim.start, size, (value & ALL_ONES[size]) >>> 0);
  }

  #find(pa: number): Claim<MmioDevice> | null {
    let low = 0;
    let high = this.claims.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const claim = this.claims[middle];
      if (pa < claim.start) high = middle - 1;
      else if (pa > claim.end) low = middle + 1;
      else return claim;
    }
    return null;
  }
}

/** One interrupt request wire, from a device to an input of the interrupt controller. */
export class IrqLine {
  #level = 0;

  /** `sink` is told of changes only: 1 up, 0 down. */
  constructor(readonly sink: (level: number) => void) {}

  get level(): number {
    return this.#level;
  }

  raise(): void {
    if (this.#level === 1) return;
    this.#level = 1;
    this.sink(1);
  }

  lower(): void {
    if (this.#level === 0) return;
    this.#level = 0;
    this.sink(0);
  }

  /** Makes a rising edge whatever the level was, and leaves the line up: what an edge-triggered source with a short gap does. */
  edge(): void {
    this.lower();
    this.raise();
  }
}

/** A line that leads nowhere. */
export function unconnected(): IrqLine {
  return new IrqLine(() => undefined);
}

/**
 * The standard streams of `vitrine run`: this process's own on one side, ports of the virtio console on the other. Nothing is
 * read before the guest asks for it; what cannot be written stops the guest, so that memory stays bounded in both directions.
 */
import { fstatSync, readSync } from "node:fs";
import type { ConsolePort, PortHandler } from "../devices/virtio_console.ts";

/** Bytes this process holds for a slow receiver before the guest has to wait. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;
const FILE_CHUNK_BYTES = 256 * 1024;

/** Where the guest's standard input comes from. */
export class InputStream implements PortHandler {
  readonly name = "vitrine.stdin";
  port: ConsolePort | null = null;
  readonly #is_file: boolean;
  #started = false;
  #ended = false;

  /** `wake` tells a sleeping machine that there is something. */
  constructor(readonly wake: () => void) {
    this.#is_file = isRegularFile(0);
  }

  /** The guest waits for input. */
  wanted(): void {
    if (this.#ended) return;
    if (this.#is_file) return this.#readFile();
    const { stdin } = process;
    if (this.#started) {
      stdin.resume();
      return;
    }
    this.#started = true;
    stdin.on("data", (chunk: Buffer) => {
      if (this.port?.send(chunk) === false) stdin.pause();
      this.wake();
    });
    stdin.on("end", () => this.#end());
    stdin.on("error", () => this.#end());
  }

  guestOpened(isOpen: boolean): void {
    // Closed by the guest: the program has ended or closed its standard input.
    if (!isOpen) this.stop();
  }

  stop(): void {
    this.#ended = true;
    if (this.#started) process.stdin.destroy();
  }

  /** A file never makes one wait: it is read when the guest asks, as fast as it asks. */
  #readFile(): void {
    const chunk = Buffer.allocUnsafe(FILE_CHUNK_BYTES);
    let length = 0;
    try {
      length = readSync(0, chunk, 0, chunk.length, null);
    } catch {
      // As an error of read(2) would: there is no more.
    }
    if (length > 0) this.port?.send(chunk.subarray(0, length));
    else this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.port?.close();
    this.wake();
  }
}

/** Where the guest's standard output or error goes. */
export class OutputStream implements PortHandler {
  port: ConsolePort | null = null;
  #isBroken = false;

  /** `progress` is called when bytes that waited were written. */
  constructor(
    readonly name: string,
    readonly stream: NodeJS.WriteStream,
    readonly wake: () => void,
    readonly progress: () => void,
  ) {
    // The reader went away: the guest's program gets SIGPIPE at its next write.
    stream.on("error", () => {
      this.#isBroken = true;
      this.port?.abort();
      this.port?.resume();
      this.wake();
      this.progress();
    });
  }

  receive(bytes: Uint8Array): boolean {
    if (this.#isBroken) return true;
    this.stream.write(bytes);
    if (this.stream.writableLength <= MAX_UNWRITTEN_BYTES) return true;
    this.stream.once("drain", () => {
      this.port?.resume();
      this.wake();
      this.progress();
    });
    return false;
  }

  /** Whether all bytes the guest sent have been taken. */
  get isSettled(): boolean {
    return this.#isBroken || !(this.port?.hasPending ?? false);
  }
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/** What run_init.asm says on the control port. */
export interface GuestReports {
  started(): void;
  /** A wait status. */
  ended(status: number): void;
  /** execve refused every path; a Linux errno. */
  notExecuted(errno: number): void;
  /** A step of the script failed. */
  failed(errno: number, letter: string, text: string): void;
}

/** The control port. */
export class ControlStream implements PortHandler {
  readonly name = "vitrine.control";
  port: ConsolePort | null = null;

  constructor(
    readonly wake: () => void,
    readonly reports: GuestReports,
  ) {}

  receive(bytes: Uint8Array): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    switch (String.fromCharCode(bytes[0])) {
      case "S":
        this.reports.started();
        break;
      case "X":
        this.reports.ended(view.getUint32(1, true));
        break;
      case "E":
        this.reports.notExecuted(view.getUint32(1, true));
        break;
      case "F":
        this.reports.failed(
          view.getUint32(1, true),
          String.fromCharCode(bytes[5]),
          new TextDecoder().decode(bytes.subarray(6)),
        );
        break;
    }
    return true;
  }

  /** Sends a signal to the program and what it started. */
  signal(number: number): void {
    this.#send(Uint8Array.of("k".charCodeAt(0), number));
  }

  windowSize(rows: number, columns: number): void {
    const message = Buffer.alloc(5);
    message.write("z");
    message.writeUInt16LE(rows, 1);
    message.writeUInt16LE(columns, 3);
    this.#send(message);
  }

  #send(message: Uint8Array): void {
    this.port?.send(message);
    this.wake();
  }
}

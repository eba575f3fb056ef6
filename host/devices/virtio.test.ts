/** Virtio devices driven by the kernel's own rings over plain memory: queues, the console's ports, 9P messages. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ram } from "../../kernel/arch/x86/machine.ts";
import { Virtqueue } from "../../kernel/drivers/virtio/virtio_ring.ts";
import {
  P9Reader,
  P9Writer,
  P9_NOFID,
  P9_TATTACH,
  P9_TCLUNK,
  P9_TGETATTR,
  P9_TLCREATE,
  P9_TLERROR,
  P9_TLOPEN,
  P9_TMKDIR,
  P9_TREAD,
  P9_TREADDIR,
  P9_TREADLINK,
  P9_TRENAMEAT,
  P9_TUNLINKAT,
  P9_TVERSION,
  P9_TWALK,
  P9_TWRITE,
  P9_VERSION,
} from "../../kernel/fs/9p/protocol.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOTDIR, EPROTO, EROFS } from "../../kernel/uapi/errno.ts";
import { NodeFolder } from "../disks/node_folder.ts";
import { unconnected } from "../bus.ts";
import { P9Server } from "./p9_server.ts";
import { VirtioConsole } from "./virtio_console.ts";
import type { PortHandler } from "./virtio_console.ts";
import { VirtQueue, VirtqueueError } from "./virtio_queue.ts";
import { VirtioMmio } from "./virtio_mmio.ts";

const PAGE = 4096;

/** RAM without a machine. */
class PlainRam implements Ram {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  constructor(readonly size_bytes: number) {
    this.bytes = new Uint8Array(size_bytes);
    this.#view = new DataView(this.bytes.buffer);
  }
  read8 = (pa: number): number => this.#view.getUint8(pa);
  read16 = (pa: number): number => this.#view.getUint16(pa, true);
  read32 = (pa: number): number => this.#view.getUint32(pa, true);
  read64 = (pa: number): number => Number(this.#view.getBigInt64(pa, true));
  write8 = (pa: number, value: number): void => this.#view.setUint8(pa, value);
  write16 = (pa: number, value: number): void => this.#view.setUint16(pa, value, true);
  write32 = (pa: number, value: number): void => this.#view.setUint32(pa, value, true);
  write64 = (pa: number, value: number): void => this.#view.setBigInt64(pa, BigInt(value), true);
  fill = (pa: number, value: number, length: number): void => void this.bytes.fill(value, pa, pa + length);
  set = (pa: number, bytes: Uint8Array): void => this.bytes.set(bytes, pa);
  copy = (to: number, from: number, length: number): void =>
    void this.bytes.copyWithin(to, from, from + length);
}

/** As much of a kernel as the ring needs; pages come from the start of RAM. */
function fakeKernel(ram: Ram): Kernel {
  let next = 1;
  const pages = { allocPages: (order: number) => (next += 1 << order) - (1 << order) };
  return { machine: { ram }, pages, printk: { err: () => undefined } } as unknown as Kernel;
}

describe("split virtqueue", () => {
  const connect = (size: number): { driver: Virtqueue<string>; device: VirtQueue; ram: PlainRam } => {
    const ram = new PlainRam(64 * PAGE);
    const driver = Virtqueue.create<string>(fakeKernel(ram), 0, size, () => undefined) as Virtqueue<string>;
    const device = new VirtQueue(ram, 0, size);
    device.descriptors = driver.descriptors;
    device.available = driver.available;
    device.used = driver.used;
    device.start();
    return { driver, device, ram };
  };

  it("carries chains there and back, many times around", () => {
    const { driver, device, ram } = connect(8);
    // More often than the 16-bit indices count.
    for (let n = 0; n < 70_000; n++) {
      ram.write32(40 * PAGE, n);
      const out = [
        { pa: 40 * PAGE, length: 2 },
        { pa: 40 * PAGE + 2, length: 2 },
      ];
      const added = driver.add(out, [{ pa: 41 * PAGE, length: 3 }], `t${n}`);
      const chain = device.pop();
      const bytes = chain?.read() ?? new Uint8Array(4);
      if (chain) device.push(chain, chain.write(bytes));
      const used = driver.getUsed();
      const value = new DataView(bytes.buffer).getUint32(0, true);
      if (added !== 0 || value !== n || used?.token !== `t${n}` || used.length !== 3)
        expect.fail(`round ${n}`);
    }
    expect(driver.nr_free).toBe(8);
    expect(device.pop()).toBeNull();
    expect(driver.getUsed()).toBeNull();
  });

  it("gives back out of order", () => {
    const { driver, device } = connect(4);
    for (const token of ["a", "b", "c", "d"]) driver.add([], [{ pa: 0, length: 1 }], token);
    expect(driver.add([], [{ pa: 0, length: 1 }], "e")).toBeLessThan(0);
    const chains = [device.pop()!, device.pop()!, device.pop()!, device.pop()!];
    for (const n of [2, 0, 3, 1]) device.push(chains[n], n);
    expect([0, 1, 2, 3].map(() => driver.getUsed()!.token)).toEqual(["c", "a", "d", "b"]);
  });

  it("refuses what would harm the host", () => {
    const { driver, device, ram } = connect(4);
    driver.add([{ pa: 0, length: 4 }], [], "x");
    ram.write16(driver.descriptors + 12, 1); // next ...
    ram.write16(driver.descriptors + 14, 0); // ... is itself
    expect(() => device.pop()).toThrow(VirtqueueError);
    ram.write16(driver.descriptors + 12, 0);
    ram.write64(driver.descriptors, 2 ** 40);
    expect(() => device.pop()).toThrow(VirtqueueError);
    ram.write64(driver.descriptors, ram.size_bytes - 3);
    expect(() => device.pop()).toThrow(VirtqueueError);
    ram.write16(driver.available + 4, 7);
    expect(() => device.pop()).toThrow(VirtqueueError);
    ram.write16(driver.available + 2, 1000);
    expect(() => device.pop()).toThrow(VirtqueueError);
  });
});

describe("MMIO transport", () => {
  it("is broken by a driver's mistake, and whole again after a reset", () => {
    const ram = new PlainRam(16 * PAGE);
    const handler: PortHandler = { name: "x" };
    const transport = new VirtioMmio(new VirtioConsole([handler]), ram, unconnected());
    const write = (offset: number, value: number): void => transport.writeMmio(offset, 4, value);
    expect(transport.readMmio(0, 4)).toBe(0x74726976);
    expect([transport.readMmio(4, 4), transport.readMmio(8, 4)]).toEqual([2, 3]);
    const start = (): void => {
      write(0x70, 3);
      write(0x24, 1);
      write(0x20, 1); // VERSION_1
      write(0x70, 11);
      expect(transport.readMmio(0x70, 4)).toBe(11);
    };
    start();
    write(0x30, 3); // control, from the driver
    write(0x38, 4);
    write(0x80, PAGE);
    write(0x90, 2 * PAGE);
    write(0xa0, 3 * PAGE);
    write(0x44, 1);
    expect(transport.readMmio(0x44, 4)).toBe(1);
    write(0x70, 15);
    ram.write16(2 * PAGE + 2, 1);
    ram.write64(PAGE, 2 ** 44);
    write(0x50, 3);
    expect(transport.readMmio(0x70, 4) & 64).toBe(64);
    expect(transport.readMmio(0x60, 4) & 2).toBe(2);
    write(0x70, 0);
    expect(transport.readMmio(0x70, 4)).toBe(0);
    start();
  });

  it("refuses features it did not offer, and queues outside RAM", () => {
    const transport = new VirtioMmio(new VirtioConsole([]), new PlainRam(PAGE), unconnected());
    const write = (offset: number, value: number): void => transport.writeMmio(offset, 4, value);
    write(0x20, 0xffff_ffff);
    write(0x70, 11);
    expect(transport.readMmio(0x70, 4) & 8).toBe(0);
    write(0x38, 64);
    write(0x84, 0xffff_ffff);
    write(0x44, 1);
    expect(transport.readMmio(0x44, 4)).toBe(0);
  });
});

describe("9P server over a directory of the host", () => {
  let directory: string;
  let server: P9Server;
  let next_fid = 1;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vitrine-9p-"));
    mkdirSync(join(directory, "share/sub"), { recursive: true });
    writeFileSync(join(directory, "secret"), "secret");
    writeFileSync(join(directory, "share/file"), "contents");
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/share/`), Buffer.from([0xff, 0x20, 0xfe])]), "");
    symlinkSync("..", join(directory, "share/up"));
    symlinkSync("../secret", join(directory, "share/out"));
    symlinkSync("sub", join(directory, "share/in"));
    serve(false);
  });
  afterEach(() => {
    server.reset();
    rmSync(directory, { recursive: true });
  });

  function serve(read_only: boolean): void {
    server = new P9Server(new NodeFolder(join(directory, "share"), { read_only }));
    call(P9_TVERSION, (m) => m.u32(65536).string(P9_VERSION));
    call(P9_TATTACH, (m) => m.u32(0).u32(P9_NOFID).string("").string("").u32(0));
    next_fid = 1;
  }

  /** The reply, or the errno of an error reply. */
  function call(type: number, build: (message: P9Writer) => unknown): P9Reader | number {
    const message = new P9Writer(type, 1);
    build(message);
    const reply = new P9Reader(server.handle(message.finish().slice()));
    if (reply.type === P9_TLERROR + 1) return reply.u32();
    expect([reply.type, reply.tag]).toEqual([type + 1, 1]);
    return reply;
  }

  /** A fid for a path from the root, or an errno (negative). */
  function walk(...names: string[]): number {
    const fid = next_fid++;
    const reply = call(P9_TWALK, (m) => {
      m.u32(0).u32(fid).u16(names.length);
      for (const name of names) m.string(name);
    });
    if (typeof reply === "number") return -reply;
    return reply.u16() === names.length ? fid : -ENOENT;
  }

  const open = (fid: number, flags: number): P9Reader | number =>
    call(P9_TLOPEN, (m) => m.u32(fid).u32(flags));
  const read = (fid: number, offset: number, count: number): string | number => {
    const reply = call(P9_TREAD, (m) => m.u32(fid).u64(offset).u32(count));
    return typeof reply === "number" ? reply : Buffer.from(reply.bytes(reply.u32())).toString();
  };

  it("reads, writes, makes, renames, removes", () => {
    const file = walk("file");
    open(file, 2);
    expect(read(file, 3, 100)).toBe("tents");
    expect(read(file, 100, 100)).toBe("");
    call(P9_TWRITE, (m) => m.u32(file).u64(8).u32(3).bytes(Buffer.from("abc")));
    expect(read(file, 0, 100)).toBe("contentsabc");
    const made = walk("sub");
    call(P9_TLCREATE, (m) => m.u32(made).string("new").u32(2).u32(0o600).u32(0));
    const again = walk("sub");
    expect(call(P9_TLCREATE, (m) => m.u32(again).string("new").u32(2).u32(0o600).u32(0))).toBe(EEXIST);
    const below = walk("sub", "new");
    call(P9_TRENAMEAT, (m) => m.u32(0).string("sub").u32(0).string("moved"));
    // Fids below a renamed directory move with it.
    expect(call(P9_TGETATTR, (m) => m.u32(below).u64(0x7ff))).toBeInstanceOf(P9Reader);
    expect(call(P9_TUNLINKAT, (m) => m.u32(again).string("new").u32(0))).toBeInstanceOf(P9Reader);
    expect(call(P9_TGETATTR, (m) => m.u32(below).u64(0x7ff))).toBe(ENOENT);
    // An open file works without a name.
    expect(call(P9_TGETATTR, (m) => m.u32(made).u64(0x7ff))).toBeInstanceOf(P9Reader);
    expect(call(P9_TUNLINKAT, (m) => m.u32(0).string("moved").u32(0x200))).toBeInstanceOf(P9Reader);
    expect(readFileSync(join(directory, "share/file"), "utf8")).toBe("contentsabc");
  });

  it("lists names as they are, in pieces", () => {
    const root = walk();
    open(root, 0);
    const names: string[] = [];
    for (let offset = 0; ;) {
      const reply = call(P9_TREADDIR, (m) => m.u32(root).u64(offset).u32(80)) as P9Reader;
      if (reply.u32() === 0) break;
      while (reply.left > 0) {
        reply.qid();
        offset = reply.u64();
        reply.u8();
        names.push(reply.string());
      }
    }
    expect(names.sort()).toEqual([".", "..", "file", "in", "out", "sub", "up", "\xff \xfe"].sort());
    expect(walk("\xff \xfe")).toBeGreaterThan(0);
  });

  it("does not let anybody out of the share", () => {
    expect(walk("..", "..", "secret")).toBe(-ENOENT);
    expect(walk("../secret")).toBe(-EINVAL);
    expect(walk("up", "secret")).toBe(-ENOENT); // second name: the answer is short
    const up = walk("up");
    expect(call(P9_TWALK, (m) => m.u32(up).u32(900).u16(1).string("secret"))).toBe(ELOOP);
    expect(call(P9_TMKDIR, (m) => m.u32(up).string("made").u32(0o755).u32(0))).toBe(ELOOP);
    expect(call(P9_TUNLINKAT, (m) => m.u32(up).string("secret").u32(0))).toBe(ELOOP);
    expect(call(P9_TLCREATE, (m) => m.u32(up).string("x").u32(2).u32(0o600).u32(0))).toBe(ELOOP);
    expect(open(walk("out"), 0)).toBe(ELOOP);
    expect(open(walk("out"), 1)).toBe(ELOOP);
    const link = call(P9_TREADLINK, (m) => m.u32(walk("out"))) as P9Reader;
    expect(link.string()).toBe("../secret");
    const sub = walk("sub");
    rmSync(join(directory, "share/sub"), { recursive: true });
    symlinkSync("..", join(directory, "share/sub"));
    expect(call(P9_TWALK, (m) => m.u32(sub).u32(901).u16(1).string("secret"))).toBe(ELOOP);
    expect(readFileSync(join(directory, "secret"), "utf8")).toBe("secret");
  });

  it("changes nothing that is read only", () => {
    serve(true);
    expect(open(walk("file"), 1)).toBe(EROFS);
    expect(call(P9_TMKDIR, (m) => m.u32(0).string("x").u32(0o755).u32(0))).toBe(EROFS);
    expect(call(P9_TUNLINKAT, (m) => m.u32(0).string("file").u32(0))).toBe(EROFS);
    expect(call(P9_TLCREATE, (m) => m.u32(walk()).string("x").u32(2).u32(0o600).u32(0))).toBe(EROFS);
    const file = walk("file");
    open(file, 0);
    expect(read(file, 0, 8)).toBe("contents");
  });

  it("answers nonsense with an error", () => {
    expect(call(P9_TREAD, (m) => m.u32(77).u64(0).u32(1))).toBe(EBADF);
    expect(call(P9_TCLUNK, (m) => m.u32(77))).toBe(EBADF);
    expect(call(P9_TWALK, (m) => m.u32(0))).toBe(EPROTO);
    expect(call(200, (m) => m.u32(0))).toBeGreaterThan(0);
    expect(walk("file", "x")).toBe(-ENOENT);
    expect(call(P9_TWALK, (m) => m.u32(walk("file")).u32(902).u16(1).string("x"))).toBe(ENOTDIR);
    expect(server.handle(new Uint8Array(3)).length).toBeGreaterThan(0);
  });
});

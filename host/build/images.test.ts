/** The boot disk and the kernel image as files; that they boot is shown by every test that runs a machine. */
import { expect, test } from "vitest";
import { projectRoot } from "../node.ts";
import { buildMachineImages } from "./build_images.ts";
import { BOOT_MAP, composeBootDisk, KERNEL_SECTOR } from "./images.ts";

const images = buildMachineImages(projectRoot());

test("the kernel is a bzImage of protocol 2.15 whose length its header tells", () => {
  const view = new DataView(images.kernel.buffer, images.kernel.byteOffset, images.kernel.byteLength);
  expect(view.getUint16(0x1fe, true)).toBe(0xaa55);
  expect(view.getUint32(0x202, true)).toBe(0x53726448);
  expect(view.getUint16(0x206, true)).toBe(0x020f);
  const setup_bytes = (view.getUint8(0x1f1) + 1) * 512;
  expect(setup_bytes + view.getUint32(0x1f4, true) * 16).toBe(images.kernel.length);
  expect(view.getUint32(0x258, true)).toBe(0x100_0000);
  const end = images.symbols._end + 0x8000_0000;
  expect(view.getUint32(0x260, true)).toBe(end - 0x100_0000);
});

test("labels that the TypeScript kernel asks for are there, in the kernel's half", () => {
  for (const name of [
    "startup_64",
    "gdt",
    "idt_table",
    "tss",
    "percpu_area",
    "return_to_user",
    "idle_loop",
    "_end",
  ]) {
    expect(images.symbols[name], name).toBeGreaterThanOrEqual(-0x7f00_0000);
    expect(images.symbols[name], name).toBeLessThan(-0x7e00_0000);
  }
  expect(images.symbols.irq_entries_start % 16).toBe(-0);
});

test("the boot disk holds its parts where the boot map says", () => {
  const initrd = Uint8Array.from({ length: 5000 }, (_, i) => i);
  const disk = composeBootDisk({ ...images, initrd, command_line: "quiet" });
  const view = new DataView(disk.buffer);
  const at = (field: number): number => view.getUint32(512 + field, true);
  expect(disk.length % 512).toBe(0);
  expect(view.getUint16(510, true)).toBe(0xaa55);
  expect(at(BOOT_MAP.kernel_lba)).toBe(KERNEL_SECTOR);
  expect(disk.subarray(KERNEL_SECTOR * 512, KERNEL_SECTOR * 512 + images.kernel.length)).toEqual(
    images.kernel,
  );
  const start = at(BOOT_MAP.initrd_lba) * 512;
  expect(disk.subarray(start, start + at(BOOT_MAP.initrd_bytes))).toEqual(initrd);
  expect(new TextDecoder().decode(disk.subarray(1024, 1030))).toBe("quiet\0");
});

test("what cannot be booted is refused with a reason", () => {
  const parts = { ...images, initrd: null, command_line: "" };
  expect(() => composeBootDisk({ ...parts, kernel: new Uint8Array(4096) })).toThrow("no setup header");
  expect(() => composeBootDisk({ ...parts, kernel: images.kernel.subarray(0, 2048) })).toThrow("truncated");
  expect(() => composeBootDisk({ ...parts, command_line: "x".repeat(3000) })).toThrow("too long");
});

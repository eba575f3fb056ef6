/** What the boot log tells of the machine: version, memory map, processor. Linux: arch/x86/kernel/e820.c, cpu/common.c. */
import type { Kernel } from "../../kernel.ts";
import { E820_ACPI, E820_NVS, E820_RAM, E820_UNUSABLE } from "./boot_params.ts";
import { physicalAddress } from "./page_tables.ts";

/** "Linux version ..." */
export function kernelVersionLine(kernel: Kernel): string {
  const { sysname, release, version } = kernel.uts;
  return `${sysname} version ${release} (vitrine) ${version}`;
}

const E820_NAMES: Readonly<Record<number, string>> = {
  [E820_RAM]: "usable",
  [E820_ACPI]: "ACPI data",
  [E820_NVS]: "ACPI NVS",
  [E820_UNUSABLE]: "unusable",
};

/** Linux: e820__print_table(). */
export function printMemoryMap(kernel: Kernel): void {
  const { printk, boot } = kernel;
  const hex = (value: number): string => value.toString(16).padStart(16, "0");
  printk.info("BIOS-provided physical RAM map:");
  for (const { start, size, type } of boot.e820) {
    printk.info(
      `BIOS-e820: [mem 0x${hex(start)}-0x${hex(start + size - 1)}] ${E820_NAMES[type] ?? "reserved"}`,
    );
  }
}

/** The kernel image's parts in /proc/iomem. Linux: arch/x86/kernel/setup.c. */
export function reserveKernelResources(kernel: Kernel, symbols: Readonly<Record<string, number>>): void {
  for (const [name, from, to] of [
    ["Kernel code", "_text", "_etext"],
    ["Kernel data", "_etext", "_edata"],
    ["Kernel bss", "__bss_start", "_end"],
  ]) {
    kernel.devices.requestMemRegion(physicalAddress(symbols[from]), physicalAddress(symbols[to]) - 1, name);
  }
}

/** The processor's own words, from CPUID. */
export function identifyCpu(kernel: Kernel): void {
  const { cpu } = kernel.machine;
  const { edx } = cpu.cpuid(1, 0);
  const { eax } = cpu.cpuid(1, 0);
  const { edx: extended } = cpu.cpuid(0x8000_0001, 0);
  if (extended & (1 << 20)) kernel.printk.info("NX (Execute Disable) protection: active");
  let model = "";
  if (cpu.cpuid(0x8000_0000, 0).eax >>> 0 >= 0x8000_0004) {
    for (let leaf = 0x8000_0002; leaf <= 0x8000_0004; leaf++) {
      const regs = cpu.cpuid(leaf, 0);
      for (const word of [regs.eax, regs.ebx, regs.ecx, regs.edx]) {
        for (let i = 0; i < 4; i++) model += String.fromCharCode((word >>> (i * 8)) & 0xff);
      }
    }
    model = model.replace(/\0/g, "").trim();
  }
  const family = (eax >> 8) & 0xf;
  const stepping = eax & 0xf;
  const number = ((eax >> 4) & 0xf) | ((eax >> 12) & 0xf0);
  if (model) {
    const hex = (value: number) => `0x${value.toString(16)}`;
    kernel.printk.info(
      `CPU: ${model} (family: ${hex(family)}, model: ${hex(number)}, stepping: ${hex(stepping)})`,
    );
  }
  if (edx & (1 << 24)) kernel.printk.info("x86/fpu: x87 FPU and SSE state is switched with FXSAVE.");
}
